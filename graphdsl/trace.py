"""What happened when a model was run: values, gradients and updates of every round, by the key of each entry; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from graphdsl.graph import Graph
from graphdsl.model import ExpectedNumber
from graphdsl.numbers import Num, Tensor

Gradients = Mapping[str, Num]
"""∂objective/∂entry by the entry's key."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One forward and backward pass.

    values: of every entry. gradients: by objective. local: ∂child/∂parent by (child, parent).
    contributions: by objective, then entry, what reaches it through each of the entries that use it.
    """

    values: Mapping[str, Num]
    gradients: Mapping[str, Gradients]
    local: Mapping[tuple[str, str], Num]
    contributions: Mapping[str, Mapping[str, Mapping[str, Num]]]


@dataclass(frozen=True, slots=True)
class Update:
    """One parameter's update: after = before − step (or +, in ascent)."""

    before: Num
    gradient: Num
    step: Num
    after: Num


@dataclass(frozen=True, slots=True)
class Round:
    """One update and the passes that led to it; the first has number 1. `parameters` are those before the update."""

    number: int
    parameters: Mapping[str, Tensor[Num]]
    samples: tuple[Sample, ...]
    loss: Num | None
    gradients: Gradients
    updates: Mapping[str, Update]


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
    """The whole run. `final` is the forward pass with the last parameters, if anything was trained."""

    graph: Graph
    rounds: tuple[Round, ...]
    final: Sample | None

    def values_after(self, updates: int) -> Mapping[str, Num]:
        """The values of every entry after so many updates; 0 is before any."""
        if updates < len(self.rounds):
            return self.rounds[updates].samples[0].values
        assert self.final is not None, "there is a pass after the last update only where something was trained"
        return self.final.values
