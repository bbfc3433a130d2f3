"""A spec as it was written: its statements in the order of the text, each with its place; nothing here is judged or looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from graphdsl.diagnostics import Diagnostic, Source, Span
from graphdsl.expr import (
    Attributes,
    Expr,
    FunctionNotation,
    Number,
    Operation,
)
from graphdsl.names import Ink
from graphdsl.numbers import Shape


@dataclass(frozen=True, slots=True)
class Name:
    """A name as typed (pasted characters already mended), and where."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Names:
    """One name, or a range of names `first..last`."""

    first: Name
    last: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text in quotes."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Setting:
    """`name = value` in a block; `brackets` as in `weights[from, to]`, `member` as in `m.w1`.

    A bare word is a symbol, a quoted text is Quoted, a list or a range of names is an array.
    """

    name: Name
    brackets: tuple[Expr, ...]
    member: Name | None
    value: Expr | Quoted
    span: Span


@dataclass(frozen=True, slots=True)
class Declared:
    """A name or range of names in a declaration, with its shape, the names of its entries and its value if it has them."""

    names: Names
    shape: tuple[Expr, ...]
    elements: tuple[Names, ...]
    value: Expr | None
    span: Span


DataKind = Literal["input", "target", "param", "const", "given"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """`input x1 = 2`, `param w1, w2 = 1`, …"""

    kind: DataKind
    declared: tuple[Declared, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Place:
    """What stands left of =: a name, or the member of a family, `h[s]`."""

    name: Name
    index: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Equation:
    """`name = value`: a node. `ink` is its look where the name does not say it; `call` is where a module was called."""

    name: Name
    value: Expr
    span: Span
    ink: Ink | None = None
    call: Span | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """`h[s] = …`, `h[s], c[s] = cell(…)`: members of families, or what a module gives; `expand` makes equations of it."""

    targets: tuple[Place, ...]
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class LateParam:
    """A parameter of a module: its shape is known once the shapes of what is named in it are; `value` as declared."""

    kind: DataKind
    name: Name
    shape: tuple[Expr, ...]
    value: Expr | None
    span: Span
    ink: Ink
    call: Span


@dataclass(frozen=True, slots=True)
class For:
    """`for s in 1..3 { … }`: the body once for each value of the index."""

    index: Name
    values: Expr
    body: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    """A name in the head of a function or module, with its default."""

    name: Name
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Function:
    """`function swish(v) = v*sigmoid(v)`; after `;` stand options with defaults."""

    name: Name
    inputs: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Module:
    """`module cell(x, h; units) -> h_new { … }`."""

    name: Name
    inputs: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    outputs: tuple[Name, ...]
    body: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Use:
    """`use "cells.spec"`."""

    path: Quoted
    span: Span


@dataclass(frozen=True, slots=True)
class Symbols:
    """`symbol x[n], W[m, n]`: quantities that stay letters; so may sizes."""

    declared: tuple[Declared, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class GivenValue:
    """One `reference = value` of `given`."""

    reference: Reference
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Given:
    """`given h1 = 0.6, dJ/dz = 0.5`."""

    values: tuple[GivenValue, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Find:
    """`find H1, dE/dw1 "Compute both." (6 points)`: what is asked, in this order."""

    references: tuple[Reference, ...]
    text: Quoted | None
    points: Number | None
    span: Span


@dataclass(frozen=True, slots=True)
class Note:
    """`note dE/dw1 "Mind the sign."`."""

    reference: Reference
    text: Quoted
    span: Span


@dataclass(frozen=True, slots=True)
class Layers:
    """`layers (H1, H2), (y1)`: which nodes stand beside each other."""

    groups: tuple[tuple[Names, ...], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Layer:
    """`layer name[size](elements) activation from sources { settings }`; elements is empty where none are named."""

    name: Name
    size: Expr | None
    elements: tuple[Names, ...]
    activation: Name | None
    sources: tuple[Names, ...]
    settings: tuple[Setting, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Init:
    """`init weights = 1, biases = -0.5`."""

    settings: tuple[Setting, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Loss:
    """`loss E = …`, `loss half_squared_error`; minimise and maximise say the same of any objective."""

    kind: Literal["loss", "minimise", "maximise"]
    name: Name | None
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Gradient:
    """`gradient f, g wrt x, W`."""

    objectives: tuple[Name, ...]
    wrt: tuple[Name, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Train:
    """`train sgd { eta = 0.01 }`."""

    optimizer: Name
    settings: tuple[Setting, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Row:
    """A row of data, or its heading: cells before the arrow and after it; without an arrow there are none after it."""

    inputs: tuple[Expr, ...]
    targets: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class DataBlock:
    """`data { x1, x2 -> t; 0, 0 -> 1 }`, or the same from a file: its rows, the first of which names the columns.

    The cells of a file stand where its name stands in the spec; `lines` are their lines in the file.
    """

    rows: tuple[Row, ...]
    file: Quoted | None
    span: Span
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Penalty:
    """`penalty R = …`: added once per update to the loss of the batch."""

    name: Name
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    """`optimizer mine(eta, beta = 0.9) { v = …; theta = … }`."""

    name: Name
    options: tuple[Parameter, ...]
    assignments: tuple[Equation, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Options:
    """`numbers { … }`, `report { … }`."""

    kind: Literal["numbers", "report"]
    settings: tuple[Setting, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Words:
    """`title "…"`, `source "…"`, `text "…"`."""

    kind: Literal["title", "source", "text"]
    text: Quoted
    span: Span


@dataclass(frozen=True, slots=True)
class Reference:
    """What an `expected` value is compared with: a node, its entry, or a derivative; `after` counts updates.

    `of` is a symbol or an element; with `wrt` it is ∂of/∂wrt. `after` is 0 before any update, k after k updates, and
    None for "after the last one", written `.after`. `sample` and `epoch` count from 1, and are 0 where none is named.
    """

    of: Expr
    wrt: Expr | None
    after: int | None
    span: Span
    sample: int = 0
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Printed:
    """A list or matrix of printed numbers; None where an entry was not printed."""

    shape: Shape
    entries: tuple[Number | None, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectedValue:
    """One `reference = number`; the number keeps its printed digits. `words` are what it is called, if not as written.

    With `via`, it is what reaches a derivative through that entry alone.
    """

    reference: Reference
    value: Number | Printed
    span: Span
    via: Expr | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """`expected h1 = 0.593269992, dE/dw5 = 0.082167041, E.after = 0.2910`."""

    values: tuple[ExpectedValue, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Later:
    """A statement that the grammar holds and the program does not carry out yet."""

    keyword: str
    span: Span


Statement = (
    Declaration
    | Equation
    | Assignment
    | LateParam
    | Layer
    | Init
    | Loss
    | Gradient
    | Train
    | DataBlock
    | Penalty
    | Rule
    | Options
    | Words
    | Expected
    | For
    | Function
    | Module
    | Use
    | Symbols
    | Given
    | Find
    | Note
    | Layers
    | Later
)


S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed file; `announcements` are what was read in one of two ways and is worth saying."""

    source: Source
    statements: tuple[Statement, ...]
    announcements: tuple[Diagnostic, ...] = ()

    def of(self, kind: type[S]) -> list[S]:
        """The statements of one kind, in the order of the text."""
        return [statement for statement in self.statements if isinstance(statement, kind)]


def _unjudged(shapes: tuple[Shape, ...], attributes: Attributes) -> Shape:
    raise AssertionError("a call as written has no shape; `check` looks it up first")


def _underived(arguments: tuple[Expr, ...], attributes: Attributes, out: Expr, upstream: Expr) -> tuple[None, ...]:
    raise AssertionError("a call as written has no derivative; `check` looks it up first")


def as_written(name: str) -> Operation:
    """The operation of a call that has not been looked up yet: just its name."""
    return Operation(name, FunctionNotation(name), (0, None), _unjudged, _underived)


AS = as_written("as")
"""`(expr as s)`: a call of AS on the expression and the symbol."""

MATMUL = as_written("@")
TRANSPOSE = as_written("transpose")
OVER = {word: as_written(f"{word} over") for word in ("sum", "prod")}
"""`sum(s in 1..3, expr)`: a call of OVER on the index, the two bounds and the expression."""

RANGE = as_written("..")
"""`low..high` as an index, or in a loop: a call of RANGE on the two ends."""

NAMED = as_written("named")
"""An option in a call, `leaky_relu(z, slope = 0.1)`: a call of NAMED on a symbol and the value."""
