"""`init` -> values for the parameters that have none, and how they were drawn; judges settings, never formulas."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Literal, cast

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Datum, Scope
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Span, did_you_mean
from graphdsl.draws import DISTRIBUTIONS, SCHEMES, Distribution, Fan, Scheme, Stream
from graphdsl.expr import Call, Expr, Symbol
from graphdsl.model import Drawn
from graphdsl.numbers import Num, Tensor, size
from graphdsl.syntax import Init, Quoted, Setting

What = Literal["weights", "biases", "all"]
TARGETS = ("weights", "biases", "all")
OPTIONS = ("seed", "decimals")
MOST_DECIMALS = 30
LARGEST_SEED = 2**32 - 1
_OTHER_NAMES = {"glorot": "xavier", "kaiming": "he", "gaussian": "normal(0, 1)", "random": "uniform(-1, 1)"}


@dataclass(frozen=True, slots=True)
class _Wish:
    """One setting of `init`, understood: which parameters, and what they are filled with."""

    what: What
    layer: str
    value: Tensor[Num] | Distribution | Scheme
    setting: Setting

    @property
    def random(self) -> bool:
        return isinstance(self.value, Distribution | Scheme)

    @property
    def span(self) -> Span:
        return self.setting.value.span or self.setting.span


def fill(statements: list[Init], scope: Scope, resolver: Resolver) -> tuple[Drawn, ...] | None:
    """Fill what has no value, never overriding; answers what was drawn, nothing where a setting is wrong.

    The more particular comes first: one layer's, then `weights` and `biases`, then `all`.
    """
    settings = [setting for statement in statements for setting in statement.settings]
    options = [s for s in settings if s.name.text in OPTIONS and s.member is None]
    found = [_wish(s, scope, resolver) for s in settings if s not in options]
    seed, decimals = _options(options, scope, resolver)
    wishes = [wish for wish in found if wish is not None]
    unseeded = next((wish for wish in wishes if wish.random), None) if seed is None else None
    if unseeded is not None and not any(s.name.text == "seed" for s in options):
        hint = "for example `seed = 7`: the same numbers every time, and other ones from another seed"
        scope.reporter.error("numbers are drawn here, but no seed is said", unseeded.span, hint=hint)
    if len(wishes) < len(found) or unseeded is not None:
        return None
    if seed is not None and not any(wish.random for wish in wishes):
        scope.reporter.warning("a seed is said, but nothing is drawn", options[0].span)
    wishes.sort(key=lambda wish: (not wish.layer, wish.what == "all"))
    filler = _Filler(scope, Stream(seed or 0), seed or 0, decimals)
    right = [filler.fill(wish) for wish in wishes]
    return tuple(filler.drawn) if all(right) else None


# What a setting says.


def _wish(setting: Setting, scope: Scope, resolver: Resolver) -> _Wish | None:
    layer = setting.name.text if setting.member else ""
    target = setting.member or setting.name
    if setting.brackets:
        scope.reporter.error("`init` takes no brackets", setting.brackets[0].span)
        return None
    if layer and not _is_layer(setting, scope):
        return None
    known = TARGETS[:2] if layer else (*TARGETS, *OPTIONS)
    if target.text not in known:
        _unknown_target(target.text, layer, target.span, known, scope)
        return None
    value = _value(setting, scope, resolver)
    return None if value is None else _Wish(cast(What, target.text), layer, value, setting)  # it is one of TARGETS


def _is_layer(setting: Setting, scope: Scope) -> bool:
    name = setting.name.text
    layers = [meaning.text for meaning in scope.names.values() if meaning.kind == "layer"]
    if name in layers:
        return True
    scope.reporter.error(f"there is no layer `{name}`", setting.name.span, hint=did_you_mean(name, layers))
    return False


def _unknown_target(text: str, layer: str, span: Span, known: tuple[str, ...], scope: Scope) -> None:
    if layer:
        message = f"`init {layer}.` fills `weights` or `biases`, not `{text}`"
        scope.reporter.error(message, span, hint=did_you_mean(text, known))
        return
    hint = did_you_mean(text, known) or f"`param {text} = …` gives one parameter its value"
    scope.reporter.error(f"`init` fills `weights`, `biases` or `all`, not `{text}`", span, hint=hint)


def _value(setting: Setting, scope: Scope, resolver: Resolver) -> Tensor[Num] | Distribution | Scheme | None:
    value = setting.value
    if isinstance(value, Quoted):
        scope.reporter.error("an initial value is a number", value.span)
        return None
    name = _word(value)
    if name in SCHEMES and isinstance(value, Symbol):
        return SCHEMES[name]
    if name in DISTRIBUTIONS and isinstance(value, Call):
        return _distribution(name, value, scope, resolver)
    if name in SCHEMES or name in DISTRIBUTIONS:
        _half_said(name, value.span, scope)
        return None
    if isinstance(value, Symbol) or did_you_mean(name, (*SCHEMES, *DISTRIBUTIONS)):
        meant = f"did you mean `{_OTHER_NAMES[name]}`?" if name in _OTHER_NAMES else ""
        hint = (
            meant
            or did_you_mean(name, (*SCHEMES, *DISTRIBUTIONS))
            or "a number, uniform(-1, 1), normal(0, 0.5), xavier, he"
        )
        scope.reporter.error(f"there is no initial value `{name}`", value.span, hint=hint)
        return None
    return resolver.constant(value)


def _word(value: Expr) -> str:
    """The name of a bare word or of what is called."""
    if isinstance(value, Symbol):
        return value.key.casefold()
    return value.operation.name.casefold() if isinstance(value, Call) else ""


def _half_said(name: str, span: Span | None, scope: Scope) -> None:
    if name in SCHEMES:
        scope.reporter.error(f"`{name}` takes nothing in ( )", span, hint="it depends on the size of the layer alone")
        return
    inputs, example = _TAKES[name]
    scope.reporter.error(f"`{name}` takes {inputs}", span, hint=f"for example {example}")


_TAKES = {
    "uniform": ("a lower and an upper bound", "uniform(-1, 1)"),
    "normal": ("a mean and a standard deviation", "normal(0, 0.5)"),
}


def _distribution(name: str, call: Call, scope: Scope, resolver: Resolver) -> Distribution | None:
    if len(call.arguments) != 2:
        _half_said(name, call.span, scope)
        return None
    a, b = (resolver.single(argument) for argument in call.arguments)
    if a is None or b is None:
        return None
    wrong = "the upper bound lies above the lower one" if name == "uniform" and b.value <= a.value else ""
    wrong = "a standard deviation is greater than 0" if name == "normal" and b.value <= 0 else wrong
    if wrong:
        scope.reporter.error(wrong, call.arguments[1].span)
        return None
    return Distribution(name == "normal", a, b)


def _options(options: list[Setting], scope: Scope, resolver: Resolver) -> tuple[int | None, int]:
    """The seed, if it is said, and to how many decimals is rounded."""
    found: dict[str, int | None] = {}
    for setting in options:
        name = setting.name.text
        if name in found:
            scope.reporter.error(f"`{name}` is said twice", setting.span)
        most = LARGEST_SEED if name == "seed" else MOST_DECIMALS
        found[name] = _whole(setting, most, scope, resolver)
    decimals = found.get("decimals")
    return found.get("seed"), 2 if decimals is None else decimals


def _whole(setting: Setting, most: int, scope: Scope, resolver: Resolver) -> int | None:
    value = None if isinstance(setting.value, Quoted) else resolver.constant(setting.value)
    number = value.flat[0].value if value is not None and not value.shape else None
    if number is not None and number == number.to_integral_value() and 0 <= number <= most:
        return int(number)
    if value is not None or isinstance(setting.value, Quoted):
        span = setting.value.span or setting.span
        scope.reporter.error(f"`{setting.name.text}` is a whole number from 0 to {most:,}", span)
    return None


# Filling.


class _Filler:
    """Draws from one stream: wish after wish, for each the parameters in the order of the file, row by row."""

    def __init__(self, scope: Scope, stream: Stream, seed: int, decimals: int):
        self.scope = scope
        self.stream = stream
        self.seed = seed
        self.decimals = decimals
        self.drawn: list[Drawn] = []

    def fill(self, wish: _Wish) -> bool:
        """Give values to what has none; answers whether they fit."""
        meant = sorted((d for d in self.scope.data.values() if _is_meant(d, wish)), key=lambda d: d.span.start)
        data = [d for d in meant if d.value is None]
        value = wish.value
        if isinstance(value, Tensor):
            return self._constant(value, data) if not value.shape else self._list(value, data, wish)
        return self._draw(value, meant, wish)

    def _draw(self, value: Distribution | Scheme, meant: list[Datum], wish: _Wish) -> bool:
        """Numbers are drawn for all that is meant, so that a value given to one leaves the others as they were."""
        laws = [value if isinstance(value, Distribution) else _law(value, datum) for datum in meant]
        pairs = list(zip(meant, laws, strict=True))
        lost = [datum for datum, law in pairs if law is None and datum.value is None]
        if lost:
            self._no_fan(lost, wish)
            return False
        empty = [datum for datum in meant if datum.value is None]
        for datum, law in pairs:
            if law is not None:
                numbers = [law.draw(self.stream, self.decimals) for _ in range(size(datum.symbol.shape))]
                datum.value = datum.value or Tensor(datum.symbol.shape, tuple(numbers))
        if empty:
            rest = len(empty) < len(meant)
            self.drawn.append(Drawn(wish.what, self._layer(wish), rest, value, self.seed, self.decimals))
        return True

    def _layer(self, wish: _Wish) -> Symbol | None:
        meaning = self.scope.meaning(wish.layer) if wish.layer else None
        return meaning.expr if meaning and isinstance(meaning.expr, Symbol) else None

    def _constant(self, value: Tensor[Num], data: list[Datum]) -> bool:
        for datum in data:
            datum.value = Tensor(datum.symbol.shape, value.flat * size(datum.symbol.shape))
        return True

    def _list(self, value: Tensor[Num], data: list[Datum], wish: _Wish) -> bool:
        """A list fills the entries in the order of the file, row by row; a matrix, one matrix of its shape."""
        count = sum(size(d.symbol.shape) for d in data)
        whole = len(data) == 1 and data[0].symbol.shape == value.shape
        if not whole and (len(value.shape) > 1 or len(value.flat) != count):
            self._does_not_fit(value, data, count, wish)
            return False
        numbers = iter(value.flat)
        for datum in data:
            datum.value = Tensor(datum.symbol.shape, tuple(islice(numbers, size(datum.symbol.shape))))
        return True

    def _does_not_fit(self, value: Tensor[Num], data: list[Datum], count: int, wish: _Wish) -> None:
        what = "parameters" if wish.what == "all" else wish.what
        of = f" of layer `{wish.layer}`" if wish.layer else ""
        shape = f", {spoken(data[0].symbol.shape)}" if len(data) == 1 and data[0].symbol.shape else ""
        are = f"{count} {what}{of} have no value{shape}"
        self.scope.reporter.error(f"{are}, but this is {spoken(value.shape)}", wish.span)

    def _no_fan(self, data: list[Datum], wish: _Wish) -> None:
        """One message for all that has no number of inputs."""
        written = wish.setting.value
        word = written.key if isinstance(written, Symbol) else ""
        names = dict.fromkeys("biases" if d.role == "biases" else f"`{d.symbol.key}`" for d in data)
        self.scope.reporter.error(
            f"`{word}` goes by the number of inputs",
            wish.span,
            f"{' and '.join(names)} {'have' if len(names) > 1 or 'biases' in names else 'has'} none",
            hint=f"it is for weights: `init weights = {word}, biases = 0`",
        )


def _law(scheme: Scheme, datum: Datum) -> Distribution | None:
    fan = datum.fan or _fan(datum)
    return None if fan is None else scheme.distribution(fan)


def _is_meant(datum: Datum, wish: _Wish) -> bool:
    return datum.kind == "param" and wish.what in ("all", datum.role) and (not wish.layer or wish.layer in datum.layers)


def _fan(datum: Datum) -> Fan | None:
    """Fan-in and fan-out of a matrix with a row for each unit, or of kernels [filters, channels, height, width]."""
    shape = datum.symbol.shape
    if datum.role == "biases" or len(shape) not in (2, 4):
        return None
    field = size(shape[2:])
    return shape[1] * field, shape[0] * field
