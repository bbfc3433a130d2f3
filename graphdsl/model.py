"""A spec that is right: its quantities, nodes, objectives and training, every name looked up and every shape known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from graphdsl.diagnostics import Diagnostic, Source, Span
from graphdsl.expr import Expr, Symbol
from graphdsl.numbers import Carry, Display, Num, Tensor
from graphdsl.optimizers import Optimizer
from graphdsl.syntax import DataKind


@dataclass(frozen=True, slots=True)
class Quantity:
    """An input, target, parameter or constant, with its value before any training.

    class_number: the class that a target was given as, counted from 1; 0 where it was given otherwise.
    """

    kind: DataKind
    symbol: Symbol
    value: Tensor[Num]
    span: Span
    frozen: bool = False
    class_number: int = 0

    @property
    def trained(self) -> bool:
        """Whether an update changes it."""
        return self.kind == "param" and not self.frozen


NodeRole = Literal["equation", "pre-activation", "loss", "stand-in"]
"""A stand-in has no value of its own: a function of which only some derivatives are given."""


@dataclass(frozen=True, slots=True)
class Node:
    """A named quantity that is computed; its formula names only quantities and other nodes."""

    symbol: Symbol
    formula: Expr
    role: NodeRole
    span: Span


@dataclass(frozen=True, slots=True)
class LayerOutline:
    """What the drawing and the page need to know of a layer: its name and its units."""

    name: str
    units: Symbol
    named: bool
    activation: str


@dataclass(frozen=True, slots=True)
class Training:
    """How the parameters are changed: `steps` updates by the optimizer; ascent maximises."""

    optimizer: Optimizer
    settings: dict[str, Num]
    steps: int
    ascent: bool = False


@dataclass(frozen=True, slots=True)
class ExpectedNumber:
    """A published number for a node's entry, or for ∂of/∂wrt; `after` as in syntax.Reference; the value as printed.

    With `via`, only what comes through that entry: ∂of/∂via · ∂via/∂wrt.
    """

    of: str
    wrt: str | None
    after: int | None
    value: Decimal
    words: str
    span: Span
    via: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that is asked for: `what` is the key of a tensor or of an entry, `wrt` another; or a whole: forward, gradients, updates."""

    what: str
    wrt: str | None
    after: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Task:
    """A question: what is wanted, in which words, for how many points."""

    wanted: tuple[Wanted, ...]
    text: str
    points: Decimal | None


@dataclass(frozen=True, slots=True)
class Remark:
    """The author's own words at a step; `anchor` as a line of the page is called: `H1`, `dE/dw13`, `w13.after`."""

    anchor: str
    text: str


@dataclass(frozen=True)
class Model:
    """What is to be computed. Nodes stand in an order in which each needs only what stands before it.

    overrides: values given for computed entries, by key. upstream: derivatives given, by (objective, entry).
    letters: the quantities that stay letters. columns: the column, from 1, of entries that are said to stand
    beside each other. sizes: if there are letters, the sizes that are letters too, with what stands in for each.
    """

    source: Source
    title: str
    credit: str
    quantities: tuple[Quantity, ...]
    nodes: tuple[Node, ...]
    layers: tuple[LayerOutline, ...]
    objectives: tuple[Symbol, ...]
    loss: Symbol | None
    wrt: tuple[Symbol, ...]
    training: Training | None
    carry: Carry
    display: Display
    expected: tuple[ExpectedNumber, ...] = ()
    overrides: Mapping[str, Num] = field(default_factory=dict)
    upstream: Mapping[tuple[str, str], Num] = field(default_factory=dict)
    tasks: tuple[Task, ...] = ()
    text: str = ""
    remarks: tuple[Remark, ...] = ()
    sizes: Mapping[str, int] | None = None
    letters: frozenset[str] = frozenset()
    columns: Mapping[str, int] = field(default_factory=dict)
    counts_classes: bool = False
    announcements: tuple[Diagnostic, ...] = field(default=())


def is_stand_in(model: Model, key: str) -> bool:
    """Whether a node has no value of its own: of it only some derivatives are given."""
    return any(node.role == "stand-in" and node.symbol.key == key for node in model.nodes)
