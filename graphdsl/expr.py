"""The algebra: the closed set of expression nodes that is parsed, computed, differentiated and printed; knows no operation by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Protocol, TypeVar

from graphdsl.diagnostics import Span
from graphdsl.names import Ink, ink_of
from graphdsl.numbers import Arithmetic, Shape, Tensor

N = TypeVar("N")

Sign = Literal["=", "≈", "<", "≤", ">", "≥", "≠"]
Attribute = int | str | Decimal | tuple[int, ...]
Attributes = Mapping[str, Attribute]

_span = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A numeral. `quantity` names the quantity whose value it is; a number of the formula itself has None.

    `ratio`: the whole value of a rational number that no digits end. `given`: it is shown as it was given; a computed number is shown with the digits that are chosen for it. `exact` is False where digits were rounded off on the way to the value. Until the figures are chosen, `value`
    holds every carried digit; afterwards just the digits that are printed.
    """

    value: Decimal
    exact: bool = True
    quantity: str | None = None
    given: bool = True
    ratio: Fraction | None = field(default=None, kw_only=True)
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name. `parts` are the names of a tensor's entries, row by row, where they have names of their own."""

    key: str
    shape: Shape = ()
    ink: Ink = field(default=None, compare=False, repr=False)  # type: ignore[assignment]
    parts: tuple[Symbol, ...] | None = field(default=None, compare=False, repr=False)
    span: Span | None = _span

    def __post_init__(self) -> None:
        if self.ink is None:
            object.__setattr__(self, "ink", ink_of(self.key))


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms; a difference has a term that is a product with -1 in front."""

    terms: tuple[Expr, ...]
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class Product:
    """Factors, of which at most one is not a scalar; a leading -1 is a minus sign. `cross`: × stands for the dot."""

    factors: tuple[Expr, ...]
    span: Span | None = _span
    cross: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Quotient:
    """`chosen`: where the denominator is 0, it is 0 by choice, as the slope of a norm at its kink is."""

    numerator: Expr
    denominator: Expr
    span: Span | None = _span
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Power:
    """A power whose exponent holds no names; one that does is a call."""

    base: Expr
    exponent: Expr
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class Call:
    """An operation on arguments; `attributes` are its settings (axis, stride, slope), never expressions."""

    operation: Operation
    arguments: tuple[Expr, ...]
    attributes: tuple[tuple[str, Attribute], ...] = ()
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class Element:
    """An entry of a tensor; indices count from 1 and may be symbols bound by an indexed sum."""

    of: Expr
    index: tuple[Expr, ...]
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class IndexedSum:
    """The sum of `body` for index = low … high."""

    index: Symbol
    low: int
    high: int
    body: Expr
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class Cases:
    """The value of the first branch whose condition holds, else `otherwise`."""

    branches: tuple[tuple[Expr, Relation], ...]
    otherwise: Expr
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class Array:
    """A vector or matrix written out, row by row."""

    shape: Shape
    entries: tuple[Expr, ...]
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class Partial:
    """∂of/∂wrt. `local`: of the formula of `of` as it stands, its other names held fixed; else along every path.

    `marked` local derivatives say so on the page, because `of` depends on `wrt` along other paths too. One with an `ink`
    is called by that name, as δ₃.
    """

    of: Expr
    wrt: Expr
    local: bool = False
    marked: bool = False
    ink: Ink | None = None
    span: Span | None = _span


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain: members[0] signs[0] members[1] signs[1] …"""

    members: tuple[Expr, ...]
    signs: tuple[Sign, ...]
    span: Span | None = _span


Expr = (
    Number
    | Symbol
    | Sum
    | Product
    | Quotient
    | Power
    | Call
    | Element
    | IndexedSum
    | Cases
    | Array
    | Partial
    | Relation
)


# Notations: the nine ways in which a call is written.

Said = Callable[[Attributes], tuple[str, ...]]
"""The settings of a call that stand behind its arguments, as "stride 2"."""


@dataclass(frozen=True, slots=True)
class FunctionNotation:
    """name(x, y); `name` as it stands in text, upright on the page, `primes` for its derivative."""

    name: str
    primes: int = 0
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class PrefixNotation:
    """A sign before its argument."""

    sign: str
    precedence: int


@dataclass(frozen=True, slots=True)
class InfixNotation:
    """A sign between its arguments."""

    sign: str
    precedence: int


@dataclass(frozen=True, slots=True)
class FractionNotation:
    """First argument over the second."""


@dataclass(frozen=True, slots=True)
class RadicalNotation:
    """A root sign over the argument."""


@dataclass(frozen=True, slots=True)
class FencesNotation:
    """The arguments between fences, as |x| or ‖x‖; an attribute that is set is a subscript behind them."""

    left: str
    right: str
    separator: str = ","
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class SuperscriptNotation:
    """`base` raised to the argument (e^x); the argument with a `mark` on it (Aᵀ); or the first to the second (a^x).

    called: the function's name, for an argument that is written out as an array, which is too large to stand above.
    """

    base: str = ""
    mark: str = ""
    called: str = ""


@dataclass(frozen=True, slots=True)
class SubscriptedNotation:
    """name with an attribute as its subscript: softmax over rows, a logarithm with its base; a part of X has no name."""

    name: str
    attribute: str
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class BigOperatorNotation:
    """A large sign before its argument; an attribute that is set stands beneath."""

    sign: str
    attribute: str = ""


Notation = (
    FunctionNotation
    | PrefixNotation
    | InfixNotation
    | FractionNotation
    | RadicalNotation
    | FencesNotation
    | SuperscriptNotation
    | SubscriptedNotation
    | BigOperatorNotation
)


class Compute(Protocol):
    """The stable computation of an operation on values."""

    def __call__(
        self, arithmetic: Arithmetic[N], arguments: tuple[Tensor[N], ...], attributes: Attributes, /
    ) -> Tensor[N]: ...


class Sides(Protocol):
    """On which side of its kinks each argument lies; 0 stands for "on the kink"."""

    def __call__(
        self, arithmetic: Arithmetic[N], arguments: tuple[Tensor[N], ...], attributes: Attributes, /
    ) -> tuple[int, ...]: ...


Kinks = Callable[[Attributes], tuple[Decimal, ...]]
Refusal = Callable[[Attributes], tuple[str, str]]
ShapeRule = Callable[[tuple[Shape, ...], Attributes], Shape]
Formula = Callable[[tuple[Expr, ...], Attributes], Expr]
Pullbacks = Callable[[tuple[Expr, ...], Attributes, Expr, Expr], tuple["Expr | None", ...]]
ElementRule = Callable[[tuple[Expr, ...], Attributes, tuple[Expr, ...]], Expr]
EntrySlope = Callable[[Expr, Attributes, Expr, tuple[int, ...], tuple[int, ...]], Expr]


@dataclass(frozen=True, slots=True)
class Option:
    """What a call may say by name: a number, a whole number from `least` on, one of some words, or true and false.

    `axes` is a whole number, or a list of one for each axis.
    """

    kind: Literal["number", "whole", "axes", "word", "flag"]
    words: tuple[str, ...] = ()
    least: int = 1


class ShapeMistake(Exception):
    """Arguments whose shapes do not fit; `quarrel` are the positions of the arguments that disagree."""

    def __init__(self, message: str, quarrel: tuple[int, ...] = (), hint: str = ""):
        self.message = message
        self.quarrel = quarrel
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A row of the table of operations: everything that any floor knows of one of them.

    shape: shapes of the arguments -> shape of the output, or ShapeMistake.
    formula: the definition as an expression; the page prints it, and it is computed where `compute` is missing.
    compute: a stable computation, tested equal to the formula.
    pullbacks: (arguments, attributes, output, upstream) -> for each argument upstream · ∂output/∂argument, summed
        over the output's entries; None where it does not depend on that argument.
    element: (arguments, attributes, index) -> that entry of the output as a scalar expression; elementwise rows
        have none, they act on the entries.
    sides: where its kinks are, for an operation that is not smooth; not elementwise, it looks at whole arguments.
    attributes: all that it reads.
    options: those of them that a spec may set, and what each may be. defaults: their values where they are not said.
    refusal: (attributes) -> what is wrong with the options, and a hint; empty words where nothing is.
    kinks: the arguments at which an elementwise row of one argument is not smooth.
    entry_slope: (argument, attributes, output, index, index) -> ∂ that entry of the output / ∂ that entry of the only
        argument, in terms of the output, where this is plainer than the derivative of the entry's expression.
    parameters: what a function that a spec defines calls its arguments.
    """

    name: str
    notation: Notation
    arity: tuple[int, int | None]
    shape: ShapeRule
    pullbacks: Pullbacks
    formula: Formula | None = None
    compute: Compute | None = None
    element: ElementRule | None = None
    sides: Sides | None = None
    elementwise: bool = False
    attributes: tuple[str, ...] = ()
    source: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    entry_slope: EntrySlope | None = None
    defaults: Attributes = field(default_factory=dict)
    kinks: Kinks | None = None
    refusal: Refusal | None = None
    parameters: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.name}>"


ZERO = Number(Decimal(0))
ONE = Number(Decimal(1))
MINUS_ONE = Number(Decimal(-1))


def number(value: int | str | Decimal) -> Number:
    """A given number."""
    return Number(Decimal(value))


def add(*terms: Expr) -> Expr:
    """The sum of the terms, flat; one term stays itself."""
    flat = tuple(t for term in terms for t in (term.terms if isinstance(term, Sum) else (term,)))
    return flat[0] if len(flat) == 1 else Sum(flat)


def multiply(*factors: Expr) -> Expr:
    """The product of the factors, flat; one factor stays itself."""
    flat = tuple(f for factor in factors for f in (factor.factors if isinstance(factor, Product) else (factor,)))
    return flat[0] if len(flat) == 1 else Product(flat)


def negate(x: Expr) -> Expr:
    """−x."""
    return multiply(MINUS_ONE, x)


def subtract(a: Expr, b: Expr) -> Expr:
    """a − b."""
    return add(a, negate(b))


def equals(*members: Expr) -> Relation:
    """The chain m0 = m1 = …"""
    signs: list[Sign] = ["="] * (len(members) - 1)
    return Relation(members, tuple(signs))


_ORDERS: Mapping[Sign, frozenset[int]] = {
    "<": frozenset({-1}), "=": frozenset({0}), ">": frozenset({1}),
    "≤": frozenset({-1, 0}), "≥": frozenset({0, 1}), "≠": frozenset({-1, 1}),
}  # fmt: skip


def remaining(conditions: Sequence[Relation]) -> Relation | None:
    """The condition that holds where none of these does, if all of them compare the same two members."""
    members = conditions[0].members
    signs = [sign for condition in conditions for sign in condition.signs]
    if any(c.members != members or len(c.signs) != 1 for c in conditions) or not set(signs) <= set(_ORDERS):
        return None
    left = {-1, 0, 1}.difference(*(_ORDERS[sign] for sign in signs))
    sign = next((sign for sign, orders in _ORDERS.items() if orders == left), None)
    return None if sign is None else Relation(members, (sign,))


def children(expr: Expr) -> tuple[Expr, ...]:
    """The nodes directly below, in the order in which `with_children` takes them back."""
    match expr:
        case Number() | Symbol():
            return ()
        case Sum():
            return expr.terms
        case Product():
            return expr.factors
        case Quotient():
            return (expr.numerator, expr.denominator)
        case Power():
            return (expr.base, expr.exponent)
        case Call():
            return expr.arguments
        case Element():
            return (expr.of, *expr.index)
        case IndexedSum():
            return (expr.body,)
        case Cases():
            return (*(part for branch in expr.branches for part in branch), expr.otherwise)
        case Array():
            return expr.entries
        case Partial():
            return (expr.of, expr.wrt)
        case Relation():
            return expr.members


def with_children(expr: Expr, new: tuple[Expr, ...]) -> Expr:
    """The same node over other children."""
    if all(a is b for a, b in zip(children(expr), new, strict=True)):
        return expr
    match expr:
        case Number() | Symbol():
            return expr
        case Sum():
            return replace(expr, terms=new)
        case Product():
            return replace(expr, factors=new)
        case Quotient():
            return replace(expr, numerator=new[0], denominator=new[1])
        case Power():
            return replace(expr, base=new[0], exponent=new[1])
        case Call():
            return replace(expr, arguments=new)
        case Element():
            return replace(expr, of=new[0], index=new[1:])
        case IndexedSum():
            return replace(expr, body=new[0])
        case Cases():
            pairs = zip(new[:-1:2], new[1:-1:2], strict=True)
            return replace(expr, branches=tuple(_branch(*pair) for pair in pairs), otherwise=new[-1])
        case Array():
            return replace(expr, entries=new)
        case Partial():
            return replace(expr, of=new[0], wrt=new[1])
        case Relation():
            return replace(expr, members=new)


def _branch(value: Expr, condition: Expr) -> tuple[Expr, Relation]:
    assert isinstance(condition, Relation), "a condition stays a relation"
    return value, condition


def with_span(expr: Expr, span: Span | None) -> Expr:
    """The same node at another place of the text."""
    return replace(expr, span=span)


def rewrite(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The tree with `change` applied to every node, from the leaves up."""
    return change(with_children(expr, tuple(rewrite(child, change) for child in children(expr))))


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """The tree with symbols replaced by key; partial derivatives keep their names."""
    match expr:
        case Symbol():
            return values.get(expr.key, expr)
        case Partial():
            return expr
        case _:
            return with_children(expr, tuple(substitute(child, values) for child in children(expr)))


def walk(expr: Expr) -> Iterator[Expr]:
    """Every node of the tree, each before its children, from left to right."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def symbols(expr: Expr) -> dict[str, Symbol]:
    """The names that occur, by key, in the order of their first occurrence; bound indices are not names."""
    bound = {node.index.key for node in walk(expr) if isinstance(node, IndexedSum)}
    found: dict[str, Symbol] = {}
    for node in walk(expr):
        if isinstance(node, Symbol) and node.key not in bound:
            found.setdefault(node.key, node)
    return found


def mentions(expr: Expr, name: str) -> bool:
    """Whether a name occurs."""
    return any(isinstance(node, Symbol) and node.key == name for node in walk(expr))


def has_names(expr: Expr) -> bool:
    """Whether any name occurs, so that the expression is not of numerals only."""
    return any(isinstance(node, Symbol | Partial) for node in walk(expr))
