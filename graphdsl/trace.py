"""What happened when a model was run: values, gradients and updates of every round, by the key of each entry; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from graphdsl.graph import Graph
from graphdsl.model import ExpectedNumber
from graphdsl.numbers import Num, Tensor

Gradients = Mapping[str, Num]
"""∂objective/∂entry by the entry's key."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One forward and backward pass, of the sample of a number from 1.

    values: of every entry. gradients: by objective. local: ∂child/∂parent by (child, parent).
    contributions: by objective, then entry, what reaches it through each of the entries that use it.
    directions: what a learning rule takes for the gradients of the loss, where it takes something else.
    """

    values: Mapping[str, Num]
    gradients: Mapping[str, Gradients]
    local: Mapping[tuple[str, str], Num]
    contributions: Mapping[str, Mapping[str, Mapping[str, Num]]]
    number: int = 1
    directions: Gradients = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Update:
    """One parameter's update.

    gradient: of the batch's loss. direction: what the optimizer got for it. step: what was subtracted, where the rule
    says θ − …. remembered: what was remembered before. state: what was assigned on the way, by name.
    """

    before: Num
    gradient: Num
    step: Num
    after: Num
    direction: Num
    remembered: Mapping[str, Num]
    state: Mapping[str, Num]


@dataclass(frozen=True, slots=True)
class Round:
    """One update and the passes that led to it; the first has number 1. `parameters` are those before the update.

    loss and gradients: of the batch. raw: what a learning rule takes for those gradients, where it takes something
    else. settings: what held in this step, by the keys of their symbols. clipped: whether the norm was cut.
    """

    number: int
    parameters: Mapping[str, Tensor[Num]]
    samples: tuple[Sample, ...]
    loss: Num | None
    gradients: Gradients
    updates: Mapping[str, Update]
    epoch: int = 1
    raw: Gradients = field(default_factory=dict)
    settings: Mapping[str, Num] = field(default_factory=dict)
    clipped: bool = False


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch, by its number and the number of its last update: the loss over its samples."""

    number: int
    step: int
    loss: Num


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The parameters after an epoch, entry by entry."""

    epoch: Epoch
    parameters: Mapping[str, Num]


@dataclass(frozen=True, slots=True)
class Check:
    """How far the routes to the same gradients agree.

    compared: numbers compared. skipped: differences not taken because an argument lies at a kink.
    sampled: whether only a sample of the parameters was compared.
    """

    routes: tuple[str, ...]
    compared: int
    skipped: int
    sampled: bool
    max_difference: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """A published number beside ours, rounded as it was printed."""

    expected: ExpectedNumber
    ours: Num
    rounded: Decimal
    agrees: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole run: every round, or of a long training those that are shown.

    finals: the forward passes with the last parameters, if anything was trained. loss: over all samples with them.
    error: the same without a penalty.
    steps: how many updates there were. stopped: whether there would have been more. floats: whether the rounds between
    those that were kept were computed in binary floating point.
    """

    graph: Graph
    rounds: tuple[Round, ...]
    finals: tuple[Sample, ...]
    steps: int
    loss: Num | None = None
    epochs: tuple[Epoch, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    stopped: bool = False
    floats: bool = False
    error: Num | None = None

    @property
    def final(self) -> Sample | None:
        """The first sample's pass after the last update."""
        return self.finals[0] if self.finals else None

    @property
    def count(self) -> int:
        """How many rounds there were, kept or not; of what is not trained there is one."""
        return self.steps or 1

    def round(self, number: int) -> Round | None:
        """A round by its number, from 1; nothing where it was not kept."""
        if number <= len(self.rounds) and self.rounds[number - 1].number == number:
            return self.rounds[number - 1]
        return next((r for r in self.rounds if r.number == number), None)

    def values_after(self, updates: int) -> Mapping[str, Num]:
        """The values of every entry of the first sample after so many updates; 0 is before any."""
        if updates < self.steps or not self.finals:
            found = self.round(updates + 1)
            assert found is not None, "the round was kept"
            return found.samples[0].values
        return self.finals[0].values
