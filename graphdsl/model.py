"""A spec that is right: its quantities, nodes, objectives and training, every name looked up and every shape known."""

from __future__ import annotations

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
    """An input, target, parameter or constant, with its value before any training."""

    kind: DataKind
    symbol: Symbol
    value: Tensor[Num]
    span: Span
    frozen: bool = False

    @property
    def trained(self) -> bool:
        """Whether an update changes it."""
        return self.kind == "param" and not self.frozen


NodeRole = Literal["equation", "pre-activation", "loss"]


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
    """A published number for a node's entry, or for ∂of/∂wrt; `after` as in syntax.Reference; the value as printed."""

    of: str
    wrt: str | None
    after: int | None
    value: Decimal
    words: str
    span: Span


@dataclass(frozen=True)
class Model:
    """What is to be computed. Nodes stand in an order in which each needs only what stands before it."""

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
    announcements: tuple[Diagnostic, ...] = field(default=())
