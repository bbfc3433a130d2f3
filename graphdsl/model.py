"""A spec that is right: its quantities, nodes, objectives and training, every name looked up and every shape known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from graphdsl.diagnostics import Diagnostic, Source, Span
from graphdsl.draws import Distribution, Scheme
from graphdsl.expr import Expr, Symbol
from graphdsl.numbers import Carry, Display, Num, Tensor
from graphdsl.optimizers import Optimizer
from graphdsl.report import Report
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


@dataclass(frozen=True, slots=True)
class Drawn:
    """How initial values were drawn: the weights, biases or all, of one layer if it is named; by what, from which seed.

    `rest`: those that were left, because others were given, or drawn in another way.
    """

    what: Literal["weights", "biases", "all"]
    layer: Symbol | None
    rest: bool
    by: Distribution | Scheme
    seed: int
    decimals: int


NodeRole = Literal["equation", "pre-activation", "loss", "penalty", "stand-in"]
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


OverBatch = Literal["mean", "sum"]


@dataclass(frozen=True, slots=True)
class Training:
    """How the parameters are changed: `steps` updates by the optimizer; ascent maximises.

    settings: the options of the optimizer's rule. batch: samples of an update, of `samples` in all. shuffle: the seed,
    if they are shuffled before each epoch. over_batch: how a batch's loss is made of its samples' losses;
    gradient_over_batch: the same of what the optimizer gets. sequential: layer by layer from the output, the errors of
    hidden units with the weights that are updated already. rates: one for each step, where there are several; the
    last holds on. stop_each: whether the loss is looked at after each epoch, or after each update over all samples. decay: η times that every so many steps. error: whether an epoch's loss is that of its passes, or
    that of the parameters after it. first: the number of the first step. memory: what is remembered at the start, by
    name and entry.
    """

    optimizer: Optimizer
    settings: dict[str, Num]
    steps: int
    ascent: bool = False
    batch: int = 1
    samples: int = 1
    shuffle: int | None = None
    over_batch: OverBatch = "mean"
    gradient_over_batch: OverBatch = "mean"
    sequential: bool = False
    rates: tuple[Num, ...] = ()
    decay: Num | None = None
    decay_every: int = 1
    weight_decay: Num | None = None
    clip_value: Num | None = None
    clip_norm: Num | None = None
    stop_at: Num | None = None
    stop_each: Literal["epoch", "update"] = "epoch"
    checkpoints: int = 0
    error: Literal["before", "after"] = "before"
    first: int = 1
    memory: Mapping[str, Mapping[str, Num]] = field(default_factory=dict)
    span: Span = field(default_factory=lambda: Span(0, 0))

    @property
    def steps_per_epoch(self) -> int:
        """How many updates there are until every sample has been used."""
        return -(-self.samples // self.batch)

    def epoch_of(self, step: int) -> int:
        """The epoch of a step, both from 1."""
        return (step - 1) // self.steps_per_epoch + 1


COUNTS = ("training.steps", "training.epochs")
"""What a published number may be besides a value: how many updates there were, and how many whole epochs."""


@dataclass(frozen=True, slots=True)
class ExpectedNumber:
    """A published number for a node's entry, or for ∂of/∂wrt; `after`, `sample`, `epoch` as in syntax.Reference; the value as printed.

    With `via`, only what comes through that entry: ∂of/∂via · ∂via/∂wrt. With `state`, what an optimizer assigned under
    that name for a parameter, or, with `direction`, what a learning rule takes for the gradient.
    """

    of: str
    wrt: str | None
    after: int | None
    value: Decimal
    words: str
    span: Span
    via: str = ""
    sample: int = 0
    epoch: int = 0
    state: str = ""


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

    samples: the inputs and targets of each sample, by key; without data there is one, whose values are the quantities'.
    overrides: values given for computed entries, by key. upstream: derivatives given, by (objective, entry).
    letters: the quantities that stay letters. columns: the column, from 1, of entries that are said to stand
    beside each other. sizes: if there are letters, the sizes that are letters too, with what stands in for each.
    `report` is what `report { … }` asks of the page; it changes no number.
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
    samples: tuple[Mapping[str, Tensor[Num]], ...] = ({},)
    penalty: Symbol | None = None
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
    drawn: tuple[Drawn, ...] = ()
    announcements: tuple[Diagnostic, ...] = field(default=())
    report: Report = field(default_factory=Report)


def is_stand_in(model: Model, key: str) -> bool:
    """Whether a node has no value of its own: of it only some derivatives are given."""
    return any(node.role == "stand-in" and node.symbol.key == key for node in model.nodes)
