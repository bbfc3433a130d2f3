"""Spec and options such as `eta=0.1` -> the spec with other values; knows which statement holds a name, never what is right there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from graphdsl.check.scope import spread
from graphdsl.diagnostics import Reporter, Span, did_you_mean
from graphdsl.expr import Array, Call, Expr, Relation, Symbol, walk
from graphdsl.names import canonical
from graphdsl.parse import parse_setting
from graphdsl.report import KEYS, Key
from graphdsl.syntax import (
    NAMED,
    Assignment,
    Declaration,
    Declared,
    Equation,
    For,
    Given,
    GivenValue,
    Init,
    Layer,
    Loss,
    Name,
    Names,
    Options,
    Quoted,
    Setting,
    Spec,
    Statement,
    Train,
)


@dataclass(frozen=True, slots=True)
class Override:
    """What an option says, `name = value`, and what messages call the option: `--set`, `--steps`.

    quoted: what stands after the sign is the author's own text.
    """

    text: str
    option: str = "--set"
    quoted: bool = False


def asked(key: str, value: str, option: str) -> Override:
    """A key of `report` with its value as it was typed; `backward=matrix` is the value for one part of a round."""
    name, known = key.replace("-", "_"), KEYS.get(key.replace("-", "_"), Key())
    part, equals, rest = value.partition("=")
    if known.by_part and equals:
        return Override(f"report.{name}[{part}]={rest}", option)
    return Override(f"report.{name}={value}", option, known.quoted)


# Settings that may be set although the spec does not say them. Whether they fit its optimizer, `check` judges.
KNOWN = {
    "train": (
        "eta", "steps", "epochs", "batch", "shuffle", "over_batch", "gradient_over_batch", "order", "frozen",
        "weight_decay", "clip_value", "clip_norm", "decay", "decay_every", "stop_at", "stop_each", "checkpoints", "error",
        "mu", "beta", "beta1", "beta2", "rho", "epsilon", "t",
    ),
    "numbers": ("carry", "decimals", "significant", "rounding", "fractions", "trailing_zeros", "comma"),
    "report": tuple(KEYS),
    "init": ("seed",),
}  # fmt: skip
_ALWAYS: dict[str, Literal["numbers", "report"]] = {"numbers": "numbers", "report": "report"}
"""What every spec has, said or not."""

_EITHER = {"steps": "epochs", "epochs": "steps"}
_OF_A_LAYER = {"weights": "weights", "W": "weights", "biases": "biases", "b": "biases", "bias": "bias"}


def overridden(spec: Spec, overrides: Iterable[Override]) -> Spec:
    """The spec with every override carried out; raises SpecError with all that do not fit, pointing at the option."""
    wanted = tuple(overrides)
    if not wanted:
        return spec
    source = spec.source
    reporter = Reporter(source)
    settings: list[Setting] = []
    for override in wanted:
        source, start = source.with_text(override.option, override.text)
        reporter.source = source
        found = _quoted(override, start) if override.quoted else parse_setting(source, start, override.option, reporter)
        settings += [found] if found else []
    work = _Overriding(list(spec.statements), reporter)
    for setting in settings:
        work.carry_out(setting)
    reporter.stop_if_errors()
    return Spec(source, tuple(work.statements), (*spec.announcements, *reporter.warnings))


def _quoted(override: Override, start: int) -> Setting:
    """A setting whose value is a text, whatever signs are in it."""
    name, _, text = override.text.partition("=")
    span, place = Span(start, start + len(override.text)), start + len(name)
    kind, _, key = name.partition(".")
    return Setting(Name(kind, Span(start, place)), (), Name(key, Span(start, place)), Quoted(text, span), span)


class _Overriding:
    """Statements that are changed, one option after the other."""

    def __init__(self, statements: list[Statement], reporter: Reporter):
        self.statements = statements
        self.reporter = reporter
        self.quiet = Reporter(reporter.source)  # what is wrong in the spec itself, `check` says
        self.done: list[tuple[str, str, tuple[Expr, ...]]] = []

    def carry_out(self, setting: Setting) -> None:
        key = (canonical(setting.name.text), setting.member.text if setting.member else "", setting.brackets)
        if key in self.done:
            self.reporter.error(f"`{setting.name.text}` is set twice", setting.span)
            return
        self.done.append(key)
        places = (
            self._given, self._declared, self._entry, self._element, self._in_a_layer, self._of_a_layer, self._of_an_instance,
            self._said, self._unsaid,
        )  # fmt: skip
        if not any(place(setting) for place in places):
            self._nowhere(setting)

    # Quantities.

    def _given(self, setting: Setting) -> bool:
        """A name of a `given`; its derivatives have no name here."""
        if setting.member or setting.brackets:
            return False
        for i, statement in enumerate(self.statements):
            if isinstance(statement, Given) and any(_gives(v, setting.name) for v in statement.values):
                value = self._number(setting)
                new = (replace(v, value=value) if value and _gives(v, setting.name) else v for v in statement.values)
                self.statements[i] = replace(statement, values=tuple(new))
                return True
        return False

    def _declared(self, setting: Setting) -> bool:
        """A name of an `input`, `target`, `param` or `const`."""
        if setting.member or setting.brackets:
            return False
        for i, statement in enumerate(self.statements):
            if isinstance(statement, Declaration) and self._names_in(statement, setting.name):
                self.statements[i : i + 1] = self._redeclared(statement, setting)
                return True
        return False

    def _names_in(self, declaration: Declaration, name: Name) -> bool:
        return any(_same(n, name) for d in declaration.declared for n in spread(d.names, self.quiet))

    def _redeclared(self, declaration: Declaration, setting: Setting) -> list[Statement]:
        """A statement for each group of names; the one that is set is on its own, with its new value."""
        value = self._number(setting)
        made: list[Statement] = []
        for declared in _each_with_its_value(declaration.declared):
            if not any(_same(n, setting.name) for n in spread(declared.names, self.quiet)):
                made.append(replace(declaration, declared=(declared,)))
                continue
            for single in self._singles(declared):
                new = _revalued(single, value) if value and _same(single.names.first, setting.name) else single
                made.append(replace(declaration, declared=(new,)))
        return made

    def _singles(self, declared: Declared) -> list[Declared]:
        """The names of a range, each with its value."""
        names = spread(declared.names, self.quiet)
        value = declared.value
        own = isinstance(value, Array) and not declared.shape and declared.names.last is not None
        if own and isinstance(value, Array) and len(value.entries) != len(names):
            return [declared]
        values = list(value.entries) if own and isinstance(value, Array) else [value] * len(names)
        return [
            Declared(Names(n, None, n.span), declared.shape, declared.elements, v, declared.span)
            for n, v in zip(names, values, strict=True)
        ]

    def _number(self, setting: Setting) -> Expr | None:
        if isinstance(setting.value, Quoted):
            self.reporter.error("a value is a number or a list, not a text", setting.value.span)
            return None
        return setting.value

    def _entry(self, setting: Setting) -> bool:
        """An entry that has a name of its own: `[k1 = 1, k2 = 0]`, in a declaration or in a layer."""
        if setting.member or setting.brackets:
            return False
        for i, statement in enumerate(self.statements):
            if any(_names_entry(value, setting.name) for value in _values(statement)):
                if self._number(setting) is not None:
                    self.statements[i] = _map_values(statement, lambda value: _with_entry(value, setting))
                return True
        return False

    def _element(self, setting: Setting) -> bool:
        """An entry that a declaration names beside its numbers: `w(u, v) = [2, 5]`."""
        if setting.member or setting.brackets:
            return False
        for i, statement in enumerate(self.statements):
            for declared in statement.declared if isinstance(statement, Declaration) else ():
                place = self._place_of(setting.name, declared)
                if place is not None and isinstance(declared.value, Array):
                    if (value := self._number(setting)) is not None:
                        entries = declared.value.entries
                        new = replace(declared.value, entries=(*entries[:place], value, *entries[place + 1 :]))
                        self.statements[i] = _map_values(statement, partial(_instead, declared.value, new))
                    return True
        return False

    def _place_of(self, name: Name, declared: Declared) -> int | None:
        """The place, from 0, of the number of an entry that has a name."""
        names = [n for group in declared.elements for n in spread(group, self.quiet)]
        numbers = len(declared.value.entries) if isinstance(declared.value, Array) else 0
        return next((i for i, n in enumerate(names) if _same(n, name) and len(names) == numbers), None)

    def _in_a_layer(self, setting: Setting) -> bool:
        """A name that a layer makes a parameter of, as `weights = [w1, w2]` does: now it is declared, at its place."""
        if setting.member or setting.brackets or self._is_computed(setting.name):
            return False
        for symbol in (s for layer in self._of(Layer) for s in _symbols(layer)):
            if canonical(symbol.key) == canonical(setting.name.text) and symbol.span and symbol.key != "none":
                value = self._number(setting)
                name = Name(symbol.key, symbol.span)
                declared = Declared(Names(name, None, name.span), (), (), value, name.span)
                self.statements.append(Declaration("param", (declared,), name.span))
                return True
        return False

    def _of_a_layer(self, setting: Setting) -> bool:
        """`hidden1.weights`, `hidden1.b`."""
        option = _OF_A_LAYER.get(setting.member.text if setting.member else "", "")
        for i, layer in enumerate(self.statements):
            if not option or not isinstance(layer, Layer) or not _same(layer.name, setting.name):
                continue
            said = next((s for s in layer.settings if _is_option(s, option)), None)
            if said is not None and any(isinstance(e, Symbol) for e in _parts(said.value)):
                hint = "set them one by one, by these names"
                what = "the bias" if said.name.text == "bias" else f"the {said.name.text}"
                self.reporter.error(f"{what} of `{layer.name.text}` have names of their own", setting.span, hint=hint)
                return True
            name = said.name if said else Name(option, setting.span)
            new = Setting(name, setting.brackets or (said.brackets if said else ()), None, setting.value, setting.span)
            kept = tuple(s for s in layer.settings if s is not said)
            self.statements[i] = replace(layer, settings=(*kept, new))
            return True
        return False

    def _of_an_instance(self, setting: Setting) -> bool:
        """`cell.Wf` of `cell = lstm(units = 2)`: a parameter of a module, which its call may give a value."""
        if setting.member is None or isinstance(setting.value, Quoted):
            return False
        for i, statement in enumerate(self.statements):
            if not isinstance(statement, Equation) or not _same(statement.name, setting.name):
                continue
            if not isinstance(statement.value, Call) or statement.value.span is None:
                return False
            name = Symbol(setting.member.text, span=setting.member.span)
            option = Call(NAMED, (name, setting.value), span=setting.span)
            kept = tuple(a for a in statement.value.arguments if not _is_named(a, name))
            self.statements[i] = replace(statement, value=replace(statement.value, arguments=(*kept, option)))
            return True
        return False

    # Settings.

    def _said(self, setting: Setting) -> bool:
        """A setting of `train`, `numbers`, `report` or `init` that the spec says."""
        kind, wanted = _kind(setting)
        for i, statement in enumerate(self.statements):
            settings = _settings(statement, kind)
            places = [j for j, said in enumerate(settings) if _means(said, wanted)]
            if places:
                new = tuple(wanted if j in places else said for j, said in enumerate(settings))
                self.statements[i] = _with_settings(statement, new)
                return True
        return False

    def _unsaid(self, setting: Setting) -> bool:
        """A setting that the spec leaves as it is by default."""
        kind, wanted = _kind(setting)
        name = _plain(wanted.name)
        home = next((k for k, names in KNOWN.items() if name in names and kind in ("", k)), "")
        if not home or wanted.member:
            return False
        for i, statement in enumerate(self.statements):
            if _keyword(statement) == home:
                self.statements[i] = _with_settings(statement, (*_settings(statement), wanted))
                return True
        if home in _ALWAYS:
            self.statements.append(Options(_ALWAYS[home], (wanted,), setting.span))
        else:
            what = "training" if home == "train" else "`init`"
            self.reporter.error(f"this spec has no {what}, and `{name}` belongs to `{home}`", setting.span)
        return True

    # Nothing found.

    def _nowhere(self, setting: Setting) -> None:
        span = setting.name.span.to(setting.member.span) if setting.member else setting.name.span
        text = f"{setting.name.text}.{setting.member.text}" if setting.member else setting.name.text
        if setting.member and any(_same(layer.name, setting.name) for layer in self._of(Layer)):
            hint = did_you_mean(setting.member.text, _OF_A_LAYER) or "a layer has weights, biases and bias"
            self.reporter.error(f"a layer has no `{setting.member.text}` to set", span, hint=hint)
        elif self._is_computed(setting.name):
            hint = f"set what it is computed from; in the spec, `given {text} = …` replaces what is computed"
            self.reporter.error(f"`{text}` is computed", span, hint=hint)
        elif setting.brackets and any(_same(n, setting.name) for n in self._known_names()):
            hint = f"set all of it: `{text}=[1, 2]`"
            self.reporter.error(f"an entry of `{text}` cannot be set alone", setting.span, hint=hint)
        else:
            known = [n.text for n in self._known_names()] + [name for names in KNOWN.values() for name in names]
            hint = did_you_mean(text, known)
            self.reporter.error(f"there is no quantity and no setting `{text}`", span, hint=hint)

    def _of(self, kind: type[Layer]) -> list[Layer]:
        return [s for s in self.statements if isinstance(s, kind)]

    def _is_computed(self, name: Name) -> bool:
        nodes = [s.name for s in _everywhere(self.statements) if isinstance(s, Equation | Layer | Loss) and s.name]
        nodes += [p.name for s in _everywhere(self.statements) if isinstance(s, Assignment) for p in s.targets]
        units = [n for layer in self._of(Layer) for group in layer.elements for n in spread(group, self.quiet)]
        return any(_same(n, name) for n in (*nodes, *units))

    def _known_names(self) -> Iterator[Name]:
        for statement in self.statements:
            for declared in statement.declared if isinstance(statement, Declaration) else ():
                yield from spread(declared.names, self.quiet)
            for given in statement.values if isinstance(statement, Given) else ():
                if isinstance(given.reference.of, Symbol):
                    yield Name(given.reference.of.key, given.span)
            for value in _values(statement):
                yield from (Name(s.key, s.span) for s in _parts(value) if isinstance(s, Symbol) and s.span)
            for setting in _settings(statement):
                yield (
                    Name(f"{setting.name.text}.{setting.member.text}", setting.span) if setting.member else setting.name
                )


# Names and values.


def _same(a: Name, b: Name) -> bool:
    return canonical(a.text) == canonical(b.text)


def _gives(given: GivenValue, name: Name) -> bool:
    """Whether an entry of `given` is the value of a name."""
    of = given.reference.of
    return given.reference.wrt is None and isinstance(of, Symbol) and canonical(of.key) == canonical(name.text)


def _is_named(argument: Expr, name: Symbol) -> bool:
    """Whether an argument of a call is the option of a name."""
    return isinstance(argument, Call) and argument.operation is NAMED and argument.arguments[0] == name


def _everywhere(statements: Iterable[Statement]) -> Iterator[Statement]:
    """All statements, also those of loops."""
    for statement in statements:
        yield statement
        if isinstance(statement, For):
            yield from _everywhere(statement.body)


def _plain(name: Name) -> str:
    """The name of a setting; η is eta."""
    return canonical(name.text).replace("η", "eta")


def _each_with_its_value(declared: tuple[Declared, ...]) -> list[Declared]:
    """One value after the last of several names holds for all of them."""
    if declared[-1].value is None or any(d.value is not None for d in declared[:-1]):
        return list(declared)
    return [replace(d, value=declared[-1].value) for d in declared]


def _revalued(declared: Declared, value: Expr) -> Declared:
    """Another value; the entries of a list keep their names."""
    old = declared.value
    if isinstance(old, Array) and isinstance(value, Array) and old.shape == value.shape:
        entries = zip(old.entries, value.entries, strict=True)
        value = replace(value, entries=tuple(_renamed(a, b) for a, b in entries))
    return replace(declared, value=value)


def _renamed(old: Expr, new: Expr) -> Expr:
    return replace(old, members=(old.members[0], new)) if isinstance(old, Relation) else new


def _names_entry(value: Expr | Quoted, name: Name) -> bool:
    """Whether a value has an entry `name = …`."""
    named = [part.members[0] for part in _parts(value) if isinstance(part, Relation)]
    return any(isinstance(n, Symbol) and canonical(n.key) == canonical(name.text) for n in named)


def _with_entry(value: Expr | Quoted, setting: Setting) -> Expr | Quoted:
    """The value with another number at the name that is set."""
    new = setting.value
    match value:
        case Relation(members=(Symbol() as name, _)) if not isinstance(new, Quoted):
            same = canonical(name.key) == canonical(setting.name.text)
            return replace(value, members=(name, new)) if same else value
        case Array():
            entries = tuple(e for e in (_with_entry(e, setting) for e in value.entries) if not isinstance(e, Quoted))
            return replace(value, entries=entries)
        case _:
            return value


def _instead(old: Expr, new: Expr, value: Expr | Quoted) -> Expr | Quoted:
    """The new value where the old one stands."""
    return new if value is old else value


def _map_values(statement: Statement, change: Callable[[Expr | Quoted], Expr | Quoted]) -> Statement:
    """The statement with each value of a declaration, or of a layer's options, changed."""
    if isinstance(statement, Declaration):
        new = [(d, d.value and change(d.value)) for d in statement.declared]
        return replace(statement, declared=tuple(replace(d, value=v) for d, v in new if not isinstance(v, Quoted)))
    if isinstance(statement, Layer):
        return replace(statement, settings=tuple(replace(s, value=change(s.value)) for s in statement.settings))
    return statement


def _values(statement: Statement) -> list[Expr | Quoted]:
    if isinstance(statement, Declaration):
        return [d.value for d in statement.declared if d.value is not None]
    return [s.value for s in statement.settings] if isinstance(statement, Layer) else []


def _parts(value: Expr | Quoted) -> list[Expr]:
    return [] if isinstance(value, Quoted) else list(walk(value))


def _symbols(layer: Layer) -> list[Symbol]:
    """The names in a layer's weights and biases."""
    return [p for s in layer.settings if s.name.text in _OF_A_LAYER for p in _parts(s.value) if isinstance(p, Symbol)]


# Statements with settings.


def _keyword(statement: Statement) -> str:
    """The statement that a setting belongs to, as its author calls it."""
    match statement:
        case Train():
            return "train"
        case Init():
            return "init"
        case Options():
            return statement.kind
        case _:
            return ""


def _settings(statement: Statement, kind: str = "") -> tuple[Setting, ...]:
    if isinstance(statement, Train | Init | Options) and kind in ("", _keyword(statement)):
        return statement.settings
    return ()


def _with_settings(statement: Statement, settings: tuple[Setting, ...]) -> Statement:
    assert isinstance(statement, Train | Init | Options)
    return replace(statement, settings=settings)


def _kind(setting: Setting) -> tuple[str, Setting]:
    """`train.eta` is the setting eta of `train` alone."""
    if setting.name.text in ("train", "numbers", "report", "init") and setting.member is not None:
        return setting.name.text, replace(setting, name=setting.member, member=None)
    return "", setting


def _means(said: Setting, wanted: Setting) -> bool:
    """Whether an override takes the place of a setting: the same, or the other of steps and epochs."""
    members = (said.member.text if said.member else "", wanted.member.text if wanted.member else "")
    name, other = _plain(said.name), _plain(wanted.name)
    return members[0] == members[1] and said.brackets == wanted.brackets and other in (name, _EITHER.get(name))


def _is_option(said: Setting, option: str) -> bool:
    """`biases` takes the place of a `bias`, and the other way round."""
    return said.name.text == option or {said.name.text, option} == {"biases", "bias"}
