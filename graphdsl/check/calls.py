"""A call as written -> a formula over rows: which function is meant, what it takes, its options; judges no other formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol, TypeGuard

from graphdsl import ops
from graphdsl.check.scope import Scope, counted
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Span, did_you_mean, nearest
from graphdsl.expr import (
    ONE,
    ZERO,
    Array,
    Attribute,
    Call,
    Element,
    Expr,
    Number,
    Operation,
    Option,
    Power,
    Product,
    Quotient,
    ShapeMistake,
    Sum,
    Symbol,
    number,
)
from graphdsl.limits import exceeded
from graphdsl.names import canonical
from graphdsl.numbers import Num, Shape, indices, size
from graphdsl.syntax import MATMUL, NAMED, RANGE

FLAGS = {"true": 1, "false": 0}
SHAPE_FUNCTIONS: Mapping[str, Callable[[Shape], int | None]] = {
    "size": size,
    "rows": lambda shape: shape[0] if len(shape) == 2 else None,
    "columns": lambda shape: shape[1] if len(shape) == 2 else None,
}
"""Whole numbers that are known from the shape of an argument alone."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A looked-up expression and its shape."""

    expr: Expr
    shape: Shape


class Resolving(Protocol):
    """Who looks up what a call is made of."""

    scope: Scope

    def resolve(self, expr: Expr) -> Typed | None: ...
    def shaped(self, expr: Expr, typed: tuple[Typed, ...]) -> Typed | None: ...
    def report_shapes(self, mistake: ShapeMistake, span: Span | None, typed: tuple[Typed, ...]) -> None: ...
    def single(self, expr: Expr) -> Num | None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as written: the function's own name, its inputs, and its options.

    known: the inputs, where they are looked up already.
    """

    name: str
    call: Call
    inputs: tuple[Expr, ...]
    named: tuple[Call, ...]
    known: tuple[Typed, ...] | None = None

    @property
    def span(self) -> Span | None:
        return self.call.span


Settings = dict[str, Attribute]


Form = Callable[["Calls", Asked], Typed | None]
"""What a function that is not one row as it is makes of a call."""


class Calls:
    """Looks calls up; answers nothing where a mistake was reported."""

    def __init__(self, resolver: Resolving):
        self.resolver = resolver
        self.reporter = resolver.scope.reporter
        self.entered: dict[str, Form] = {}
        """Functions that others look up, such as losses, by name in small letters."""

    def resolve(self, expr: Call) -> Typed | None:
        """The formula that a call stands for, with its shape."""
        asked = _asked(expr)
        form = self.entered.get(asked.name) or FORMS.get(asked.name)
        row = _row_of(asked.name)
        if form is None and row is None:
            known = self._inputs(asked) is not None
            if known or asked.name != RANGE.name:
                self._unknown(expr.operation.name, expr)
            return None
        typed = form(self, asked) if form else self._row(row, asked) if row else None
        return None if typed is None or not self._small(typed.shape, asked) else typed

    def applied(self, row: Operation, x: Typed, named: tuple[Call, ...], span: Span) -> Typed | None:
        """A function of one argument that is looked up already, as a layer applies its activation."""
        asked = Asked(row.name, Call(row, (x.expr, *named), span=span), (x.expr,), named, (x,))
        form = FORMS.get(row.name) if _row_of(row.name) is row else None
        return form(self, asked) if form else self._row(row, asked)

    def _small(self, shape: Shape, asked: Asked) -> bool:
        return counted(shape, "this", asked.span, self.reporter)

    # What a call is made of.

    def _inputs(self, asked: Asked) -> tuple[Typed, ...] | None:
        """All inputs; every mistake in any of them is reported before nothing is answered."""
        if asked.known is not None:
            return asked.known
        typed = [self.resolver.resolve(x) for x in asked.inputs]
        return None if None in typed else tuple(t for t in typed if t is not None)

    def _takes(self, asked: Asked, least: int, most: int | None) -> bool:
        count = len(asked.inputs)
        if least <= count and (most is None or count <= most):
            return True
        ends = str(most) if least == most else f"{least} or {most}" if most == least + 1 else f"{least} to {most}"
        wanted = f"at least {least}" if most is None else ends
        plural = "" if wanted.endswith(" 1") or wanted == "1" else "s"
        self.reporter.error(f"`{asked.name}` takes {wanted} input{plural}, not {count}", asked.span)
        return False

    def _row(self, row: Operation, asked: Asked) -> Typed | None:
        """A call of a row as it is."""
        given = self._given(asked, row, *row.arity)
        return None if given is None else self._call(row, asked, *given)

    def _call(self, row: Operation, asked: Asked, typed: tuple[Typed, ...], settings: Settings) -> Typed | None:
        call = Call(row, tuple(t.expr for t in typed), tuple(sorted(settings.items())), asked.span)
        return self.resolver.shaped(call, typed)

    def _given(
        self, asked: Asked, row: Operation, least: int, most: int | None
    ) -> tuple[tuple[Typed, ...], Settings] | None:
        """Inputs and options, all of their mistakes reported."""
        typed = self._inputs(asked)
        settings = self.options(asked, row.options)
        fits = self._takes(asked, least, most)
        if typed is None or settings is None or not fits or not self._fit(row, settings, asked):
            return None
        return typed, settings

    def _fit(self, row: Operation, settings: Settings, asked: Asked) -> bool:
        """Whether the options have values that the row can take."""
        wrong, hint = row.refusal(settings) if row.refusal is not None else ("", "")
        if wrong:
            self.reporter.error(wrong, self._name_of(asked.call), hint=hint)
        return not wrong

    def _whole(self, value: Expr, what: str, least: int) -> int | None:
        found = self.resolver.single(value)
        if found is None:
            return None
        if found.value != found.value.to_integral_value() or found.value < least:
            self.reporter.error(f"{what} is a whole number, {least} or more", value.span)
            return None
        return int(found.value)

    # Options.

    def options(self, asked: Asked, known: Mapping[str, Option]) -> Settings | None:
        """The options of a call by name; every mistake in any of them is reported."""
        found: dict[str, Attribute | None] = {}
        for option in asked.named:
            key, value = option.arguments
            assert isinstance(key, Symbol)
            if key.key in found:
                self.reporter.error(f"`{key.key}` is said twice", key.span)
                return None
            found[key.key] = self._option(asked.name, key, value, known)
        settings = {key: value for key, value in found.items() if value is not None}
        return settings if len(settings) == len(found) else None

    def _option(self, name: str, key: Symbol, value: Expr, known: Mapping[str, Option]) -> Attribute | None:
        option = known.get(key.key)
        if option is None:
            takes = f"it takes {_listed(list(known), 'and')}" if known else "it takes none"
            near = nearest(key.key, known)
            self.reporter.error(
                f"`{name}` has no option `{key.key}`", key.span, hint=f"did you mean `{near}`?" if near else takes
            )
            return None
        match option.kind:
            case "number":
                found = self.resolver.single(value)
                return None if found is None else found.value
            case "whole":
                return self._whole(value, f"`{key.key}`", option.least)
            case "axes" if isinstance(value, Array):
                numbers = [self._whole(entry, f"`{key.key}`", option.least) for entry in value.entries]
                return None if None in numbers else tuple(n for n in numbers if n is not None)
            case "axes":
                return self._whole(value, f"`{key.key}`", option.least)
            case "word":
                return self._word(key.key, value, option.words)
            case "flag":
                word = self._word(key.key, value, tuple(FLAGS))
                return None if word is None else FLAGS[word]

    def _word(self, key: str, value: Expr, words: tuple[str, ...]) -> str | None:
        word = value.key.casefold() if isinstance(value, Symbol) else ""
        if word in words:
            return word
        allowed = _listed([f"`{w}`" for w in words], "or")
        self.reporter.error(f"`{key}` is {allowed} here", value.span, hint=did_you_mean(word, words) if word else "")
        return None

    # Names that mean nothing.

    def _unknown(self, name: str, expr: Call) -> None:
        folded = name.casefold()
        span = self._name_of(expr)
        scope = self.resolver.scope
        if name == RANGE.name:
            hint = "a `const` that is a whole number is one too"
            self.reporter.error("a range runs between two whole numbers", expr.span, hint=hint)
        elif folded == "argmax":
            self.reporter.error(
                "`argmax` has no derivative and is no function here", span, hint="the page shows which is largest"
            )
        elif scope.meaning(name) is not None:
            scope.used.add(canonical(name))
            self.reporter.error(f"`{name}` is not a function", span, hint=f"to multiply, write {name}*(…)")
        else:
            self.reporter.error(
                f"there is no function `{name}`", span, hint=did_you_mean(name, (*FUNCTIONS, *self.entered))
            )

    def _name_of(self, call: Call) -> Span | None:
        """Where the name of a called function stands."""
        if call.span is None:
            return None
        text = self.reporter.source.text[call.span.start : call.span.end]
        return Span(call.span.start, call.span.start + len(text.partition("(")[0].rstrip()))

    # Functions that are not one row as it is.

    def linear(self, asked: Asked) -> Typed | None:
        given = self._given(asked, ops.LINEAR, 1, 1)
        return None if given is None else given[0][0]

    def extreme(self, asked: Asked) -> Typed | None:
        """The largest (smallest) of several numbers, or among the entries of one array."""
        several, whole = {"max": (ops.MAX, ops.MAX_OF), "min": (ops.MIN, ops.MIN_OF)}[asked.name]
        given = self._given(asked, whole, 1, None)
        if given is None:
            return None
        typed, settings = given
        if len(typed) > 1:
            if settings:
                self.reporter.error(
                    f"`by` goes with one matrix, `{asked.name}` has {len(typed)} inputs here", asked.span
                )
                return None
            return self._call(several, asked, typed, {})
        return self._call(whole, asked, typed, settings) if typed[0].shape or settings else typed[0]

    def product(self, asked: Asked) -> Typed | None:
        """The product of all entries, or of each row or column."""
        given = self._given(asked, ops.SUM, 1, 1)
        if given is None or (like := self._call(ops.SUM, asked, *given)) is None:
            return None
        (x,), by = given[0], str(given[1].get("by", ""))
        if not x.shape:
            return x
        found = [Product(parts) if len(parts) > 1 else parts[0] for parts in _lanes(x, by)]
        return Typed(
            Array(like.shape, tuple(found), asked.span) if like.shape else replace(found[0], span=asked.span),
            like.shape,
        )

    def softmax(self, asked: Asked) -> Typed | None:
        """Of a vector as it is, of a matrix by its rows or columns; a temperature divides the argument."""
        row = ops.SPOKEN[asked.name]
        given = self._given(asked, row, 1, 1)
        if given is None:
            return None
        (x,), settings = given
        if len(x.shape) > 1 and "by" not in settings:
            self.reporter.error(
                f"`{asked.name}` of {spoken(x.shape)} goes by its rows or by its columns",
                asked.span,
                hint=f"{asked.name}(…, by = row) makes a distribution of each row",
            )
            return None
        temperature, base = settings.pop("temperature", None), settings.get("base")
        for key, value in (("temperature", temperature), ("base", base)):
            if isinstance(value, Decimal) and (value <= 0 or (key == "base" and value == 1)):
                self.reporter.error(f"the {key} of a softmax is positive{' and not 1' * (key == 'base')}", asked.span)
                return None
        if isinstance(temperature, Decimal) and temperature != 1:
            x = Typed(Quotient(x.expr, number(temperature)), x.shape)
        return self._call(row, asked, (x,), settings)

    def concat(self, asked: Asked) -> Typed | None:
        """Vectors end to end; matrices below or beside each other, which has to be said."""
        typed, settings = self._inputs(asked), self.options(asked, {"by": Option("word", ("row", "column"))})
        if typed is None or settings is None or not self._takes(asked, 1, None):
            return None
        matrices = any(len(t.shape) > 1 for t in typed)
        if matrices and not settings:
            hint = f"{asked.name}(A, B, by = row) puts B below A, by = column beside it"
            self.reporter.error("matrices are put below or beside each other", asked.span, hint=hint)
            return None
        if settings and not matrices:
            self.reporter.error("`by` is for matrices; vectors are put end to end", asked.span, hint="leave `by` out")
            return None
        return self._call(ops.BESIDE if settings.get("by") == "column" else ops.CONCAT, asked, typed, {})

    def reshape(self, asked: Asked) -> Typed | None:
        """reshape(x, 2, 3)."""
        if not self._takes(asked, 2, 5) or self.options(asked, {}) is None:
            return None
        x = self.resolver.resolve(asked.inputs[0])
        extents = [self._whole(extent, "a size", 1) for extent in asked.inputs[1:]]
        if x is None or None in extents:
            return None
        shape = tuple(extent for extent in extents if extent is not None)
        return self._call(ops.RESHAPE, asked, (x,), {"shape": shape, "to": "×".join(map(str, shape))})

    def border(self, asked: Asked) -> Typed | None:
        """pad(X, 1) and crop(X, 1)."""
        if not self._takes(asked, 2, 2) or self.options(asked, {}) is None:
            return None
        x, width = self.resolver.resolve(asked.inputs[0]), self._whole(asked.inputs[1], "a border", 0)
        return (
            None if x is None or width is None else self._call(ops.SPOKEN[asked.name], asked, (x,), {"border": width})
        )

    def repeat(self, asked: Asked) -> Typed | None:
        """repeat(v, 3): a matrix of so many rows, each of them v; of a number, a vector."""
        if not self._takes(asked, 2, 2) or self.options(asked, {}) is None:
            return None
        x, times = self.resolver.resolve(asked.inputs[0]), self._whole(asked.inputs[1], "the number of repeats", 1)
        if x is None or times is None:
            return None
        if len(x.shape) > 1:
            self.reporter.error(f"a number or a vector is repeated, not {spoken(x.shape)}", asked.inputs[0].span)
            return None
        shape = (times, *x.shape)
        return self._call(ops.FILL, asked, (x,), {"shape": shape, "by": "column"} if x.shape else {"shape": shape})

    def embedding(self, asked: Asked) -> Typed | None:
        """embedding(E, 2) and embedding(E, [2, 7]): rows of a table."""
        if not self._takes(asked, 2, 2) or self.options(asked, {}) is None:
            return None
        table, chosen = asked.inputs
        found = self.resolver.resolve(table)
        if found is not None and len(found.shape) != 2:
            self.reporter.error(f"an embedding looks rows of a matrix up, not of {spoken(found.shape)}", table.span)
            return None
        return None if found is None else self.resolver.resolve(Element(table, (chosen,), asked.span))

    def one_hot(self, asked: Asked) -> Typed | None:
        """one_hot(2, size = 3): 1 at one place, 0 elsewhere."""
        settings = self.options(asked, {"size": Option("whole")})
        if not self._takes(asked, 1, 1) or settings is None:
            return None
        place, extent = self._whole(asked.inputs[0], "the place of the 1", 1), settings.get("size")
        if not isinstance(extent, int):
            self.reporter.error("`one_hot` needs a size", asked.span, hint="one_hot(2, size = 3) is [0, 1, 0]")
            return None
        if place is None or not self._small((extent,), asked):
            return None
        if place > extent:
            self.reporter.error(f"there is no place {place} in a vector of {extent}", asked.inputs[0].span)
            return None
        return Typed(
            Array((extent,), tuple(ONE if i == place else ZERO for i in range(1, extent + 1)), asked.span), (extent,)
        )

    def positional_encoding(self, asked: Asked) -> Typed | None:
        """sin and cos of the position, counted from 0, over powers of 10000 (Vaswani et al. 2017)."""
        if not self._takes(asked, 2, 2) or self.options(asked, {}) is None:
            return None
        found = [self._whole(x, "a size", 1) for x in asked.inputs]
        shape = tuple(extent for extent in found if extent is not None)
        if len(shape) < 2 or not self._small(shape, asked):
            return None
        return Typed(
            Array(shape, tuple(_position(index[0], index[1], shape[1]) for index in indices(shape)), asked.span), shape
        )

    def extent(self, asked: Asked) -> Typed | None:
        """size(x), rows(X), columns(X): known from the shape."""
        if not self._takes(asked, 1, 1) or self.options(asked, {}) is None:
            return None
        (x,) = asked.inputs
        if isinstance(x, Symbol) and self.resolver.scope.meaning(x.key) is None:
            hint = (
                "it is told by `input`, `target`, `param` and `const`, or by an equation to those that follow from it"
            )
            self.reporter.error(f"the size of `{x.key}` is not known here", x.span, hint=hint)
            return None
        typed = self.resolver.resolve(x)
        if typed is None:
            return None
        count = SHAPE_FUNCTIONS[asked.name](typed.shape)
        if count is None:
            self.reporter.error(
                f"{spoken(typed.shape)} has no {asked.name}", asked.span, hint="`size` counts all entries"
            )
            return None
        return Typed(Number(Decimal(count), span=asked.span), ())

    def convolution(self, asked: Asked) -> Typed | None:
        """conv2d(X, K), and conv2d(X, K, b) with a bias for each filter."""
        row = ops.SPOKEN[asked.name]
        given = self._given(asked, row, 2, 3)
        if given is None:
            return None
        (image, kernel, *biases), settings = given
        found = self._call(row, asked, (image, kernel), settings)
        if found is None or not self._few(size(found.shape) * size(kernel.shape), asked):
            return None
        return self._biased(found, biases[0], kernel, asked) if biases else found

    def _biased(self, found: Typed, bias: Typed, kernel: Typed, asked: Asked) -> Typed | None:
        places = {"conv1d": 1, "conv2d": 2}[asked.name]
        filters = len(kernel.shape) == places + 2
        spread = bias.expr
        if bias.shape:
            if not filters or bias.shape != found.shape[:1]:
                several = f"each filter has its bias, a vector of {found.shape[0]}, or one number is for all"
                self.reporter.error(
                    several if filters else "one filter has one bias, a number",
                    bias.expr.span,
                    f"this is {spoken(bias.shape)}",
                )
                return None
            by = "channel" if len(found.shape) == 3 else "row"
            spread = ops.call(ops.FILL, bias.expr, shape=found.shape, by=by)
        return Typed(Sum((found.expr, spread), asked.span), found.shape)

    def transposed_convolution(self, asked: Asked) -> Typed | None:
        """conv_transpose2d(X, K): the image that the filters would have made X of."""
        row = ops.SPOKEN[asked.name]
        given = self._given(asked, row, 2, 2)
        if given is None:
            return None
        typed, settings = given
        try:
            shape = ops.transposed_shape(row, tuple(t.shape for t in typed), settings)
        except ShapeMistake as mistake:
            self.resolver.report_shapes(mistake, asked.span, typed)
            return None
        if not self._small(shape, asked) or not self._few(size(typed[0].shape) * size(typed[1].shape), asked):
            return None
        return self._call(row, asked, typed, {**settings, "shape": shape})

    def pooling(self, asked: Asked) -> Typed | None:
        """max_pool and avg_pool."""
        row = ops.SPOKEN[asked.name]
        found = self._row(row, asked)
        if found is None or not isinstance(found.expr, Call):
            return None
        window = dict(found.expr.attributes).get("size", 2)
        assert isinstance(window, int)
        return found if self._few(size(found.shape) * window**2, asked) else None

    def _few(self, products: int, asked: Asked) -> bool:
        """A convolution multiplies so many pairs, pooling looks at so many entries."""
        most = self.reporter.source.limits.products
        if products <= most:
            return True
        hint = exceeded("products", products)
        self.reporter.error(
            f"this would take {products:,} products", asked.span, f"at most {most:,} are allowed", hint=hint
        )
        return False


def is_named(expr: Expr) -> TypeGuard[Call]:
    """Whether an argument is an option, `slope = 0.1`."""
    return isinstance(expr, Call) and expr.operation is NAMED


def _asked(expr: Call) -> Asked:
    folded = expr.operation.name.casefold()
    name = ops.ALIASES.get(folded, folded)
    named = tuple(a for a in expr.arguments if is_named(a))
    inputs = tuple(a for a in expr.arguments if not is_named(a))
    return Asked(name, expr, inputs, named)


def _lanes(x: Typed, by: str) -> list[tuple[Expr, ...]]:
    """The entries of each row or column, or all."""
    lanes: dict[tuple[int, ...], list[Expr]] = {}
    for index in indices(x.shape):
        lane = {"": (), "column": index[1:2]}.get(by, index[:1])
        lanes.setdefault(lane, []).append(Element(x.expr, tuple(map(number, index))))
    return [tuple(lanes[key]) for key in sorted(lanes)]


def _position(row: int, column: int, columns: int) -> Expr:
    """sin (odd columns) or cos (even ones) of position/10000^(2i/columns); at position 0 that is 0 or 1."""
    if row == 1:
        return ZERO if column % 2 else ONE
    pair = (column - 1) // 2
    angle: Expr = number(row - 1)
    if pair:
        angle = Quotient(angle, Power(number(10_000), Quotient(number(2 * pair), number(columns))))
    return ops.call(ops.SIN if column % 2 else ops.COS, angle)


def _listed(words: list[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _row_of(name: str) -> Operation | None:
    return ops.MATMUL if name == MATMUL.name else ops.find(name)


FORMS: Mapping[str, Form] = {
    "linear": Calls.linear,
    "max": Calls.extreme,
    "min": Calls.extreme,
    "prod": Calls.product,
    "softmax": Calls.softmax,
    "log_softmax": Calls.softmax,
    "concat": Calls.concat,
    "reshape": Calls.reshape,
    "pad": Calls.border,
    "crop": Calls.border,
    "repeat": Calls.repeat,
    "embedding": Calls.embedding,
    "one_hot": Calls.one_hot,
    "positional_encoding": Calls.positional_encoding,
    **dict.fromkeys(SHAPE_FUNCTIONS, Calls.extent),
    "conv1d": Calls.convolution,
    "conv2d": Calls.convolution,
    "conv_transpose1d": Calls.transposed_convolution,
    "conv_transpose2d": Calls.transposed_convolution,
    "max_pool": Calls.pooling,
    "avg_pool": Calls.pooling,
}
"""Functions that ask for more than their row does, or that have none."""

FUNCTIONS = (*dict.fromkeys((*ops.SPOKEN, *FORMS)),)
"""Every function that a spec may call."""
