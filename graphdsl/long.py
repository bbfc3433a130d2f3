"""A long training -> Trace: the rounds that are shown in the given arithmetic, those between them by a program in floats."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from graphdsl.diagnostics import Diagnostic, Label, SpecError
from graphdsl.graph import Graph, entry_symbols
from graphdsl.model import Training
from graphdsl.numbers import Num, NumberMistake, Tensor, size
from graphdsl.program import Program, Unprintable, columns_of, program
from graphdsl.schedule import Place, orders, places
from graphdsl.trace import Checkpoint, Epoch, Round, Sample, Trace
from graphdsl.update import State

IN_FULL = 2
"""So many rounds at the beginning are shown, and so are not computed in floats."""

CHUNK = 20_000
"""After so many steps at the latest, it is seen whether the numbers are still finite."""

STRAIGHT = 2_000
"""Up to so many operations a sample, straight lines of single numbers are faster than arrays."""

CHECKPOINTS = 10
"""About so many, where nothing else is asked for."""

POINTS = 100
"""Of about so many epochs, evenly chosen, the loss is kept for a curve."""

FIRST_EPOCHS = 20
"""The loss of so many epochs at the beginning is kept, where it falls fast."""

Numbers = tuple[float, ...]


End = tuple[tuple[Sample, ...], "Num | None", "Num | None"]
"""The last passes, and the loss and the error over them."""


@dataclass(frozen=True, slots=True)
class Full:
    """How a round, what follows it, and the end are made in full; `begin` is before the first."""

    begin: State
    round: Callable[[Place, State], Round]
    after: Callable[[Round, State], State]
    end: Callable[[State], End]


def run_long(graph: Graph, training: Training, full: Full) -> Trace:
    """The first rounds, the last, those of published numbers; and what the error did."""
    return _Long(graph, training, full).trace()


@dataclass(slots=True)
class _Stand:
    """After so many updates: the parameters and what is remembered, entry by entry."""

    updates: int
    parameters: Numbers
    memory: Numbers


@dataclass
class _Long:
    graph: Graph
    training: Training
    full: Full
    rounds: dict[int, Round] = field(default_factory=dict)
    epochs: dict[int, Epoch] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    stopped: bool = False
    firsts: dict[int, _Stand] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.program: Program = self._program()
        self.entries = [e.key for q in self.graph.model.quantities if q.trained for e in entry_symbols(q.symbol)]
        self.names = self.training.optimizer.memory
        samples = self.graph.model.samples
        self.rows = [columns_of(self.graph, sample, self.program.columns) for sample in samples]
        self.per_epoch = self.training.steps_per_epoch
        every = -(-self.training.epoch_of(self.training.steps) // CHECKPOINTS)
        self.every = self.training.checkpoints or every
        self.stride = -(-self.training.epoch_of(self.training.steps) // POINTS)
        expected = self.graph.model.expected
        self.expected_epochs = {e.epoch for e in expected if e.epoch}
        self.expected = {(e.after or 0) - (1 if e.state and e.state != "direction" else 0) for e in expected}
        self.expected |= {number - 1 for number in self.graph.model.report.in_full.rounds(self.training.steps)}
        self.expected |= {
            step for e in expected if e.epoch and not self._is_loss(e.of) for step in self._steps(e.epoch)
        }

    def _is_loss(self, key: str) -> bool:
        return self.graph.model.loss is not None and key == self.graph.model.loss.key

    def _steps(self, epoch: int) -> range:
        """The updates before each round of an epoch, and those at its end."""
        return range((epoch - 1) * self.per_epoch, epoch * self.per_epoch + 1)

    def _program(self) -> Program:
        """Straight lines for a small step, arrays for a large one, or where straight lines do not go."""
        from graphdsl.arrays import array_program

        try:
            if self.graph.scalar_operations <= STRAIGHT:
                return program(self.graph, self.training)
        except Unprintable:
            pass
        try:
            return array_program(self.graph, self.training)
        except Unprintable:
            label = Label(self.training.span, "a long training")
            hint = "batches of one size, and fewer than 2,000 operations a step, can be done"
            message = "so long a training is not carried out with `order = sequential` here"
            raise SpecError([Diagnostic(message, (label,), hint)], self.graph.model.source) from None

    def trace(self) -> Trace:
        """In the order in which it happens: the first rounds, the long way, the last round."""
        stand = self._first()
        last = self._long_way(stand)
        if last.updates + 1 not in self.rounds:
            self._keep(last)
        state = self.full.after(self.rounds[last.updates + 1], self._state(last))
        finals, loss, error = self.full.end(state)
        return Trace(
            self.graph,
            tuple(round_ for _, round_ in sorted(self.rounds.items())),
            finals,
            last.updates + 1,
            loss,
            tuple(epoch for _, epoch in sorted(self.epochs.items())),
            tuple(self.checkpoints),
            self.stopped,
            True,
            error,
        )

    def _first(self) -> _Stand:
        """The rounds at the beginning, in full."""
        state = self.full.begin
        count = min(IN_FULL, self.training.steps - 1)
        self.firsts = {0: self._floats(0, state)}
        for place in itertools.islice(places(self.training), count):
            made = self.full.round(place, state)
            self.rounds[place.step] = made
            state = self.full.after(made, state)
            self.firsts[place.step] = self._floats(place.step, state)
        return self.firsts[count]

    # The long way.

    def _long_way(self, stand: _Stand) -> _Stand:
        """To the state before the last round, epoch by epoch."""
        first = stand.updates
        begin = stand
        for epoch, batches in enumerate(self._epochs(), 1):
            start, end = (epoch - 1) * self.per_epoch, min(epoch * self.per_epoch, self.training.steps)
            losses = [self._sum(self.rounds[step]) for step in range(start + 1, min(end, first) + 1)]
            if end <= first and end < self.training.steps:
                if self._told(epoch, end, losses, self.firsts[end]):
                    self.rounds = {number: made for number, made in self.rounds.items() if number <= end}
                    return self.firsts[end - 1]
                continue
            begin = stand
            stand = self._advance(stand, end, batches[stand.updates - start :], losses)
            if self._told(epoch, end, losses, stand) or end == self.training.steps:
                return self._advance(begin, end - 1, batches[begin.updates - start :], [])
        raise AssertionError("the epochs never end")

    def _epochs(self) -> Iterator[list[list[Numbers]]]:
        """The batches of each epoch, as the program takes them."""
        size_ = self.training.batch
        same: list[list[Numbers]] | None = None
        for order in orders(self.training):
            if same is None or self.training.shuffle is not None:
                same = [[self.rows[n - 1] for n in order[i : i + size_]] for i in range(0, len(order), size_)]
            yield same

    def _advance(self, stand: _Stand, updates: int, batches: list[list[Numbers]], losses: list[float]) -> _Stand:
        """So many updates further, stopping where a round is to be kept."""
        stops = sorted(self.expected & set(range(stand.updates, updates)))
        for stop in [*stops, updates]:
            count = stop - stand.updates
            if count > 0:
                stand, batches = self._run(stand, batches[:count], losses), batches[count:]
            if stop < updates and stop + 1 not in self.rounds:
                self._keep(stand)
        return stand

    def _run(self, stand: _Stand, batches: list[list[Numbers]], losses: list[float]) -> _Stand:
        count = float(self.training.first - 1 + stand.updates)
        rates = self._rates(stand.updates)
        try:
            made = self.program.run(stand.parameters, stand.memory, batches, rates, count, losses)
        except (ArithmeticError, ValueError, NumberMistake):
            made = ((math.nan,), ())
        if not all(map(math.isfinite, (*made[0], *made[1]))):
            raise self._too_large(stand, batches)
        return _Stand(stand.updates + len(batches), *made)

    def _rates(self, updates: int) -> Iterator[float]:
        training = self.training
        eta = float(training.settings["eta"].value) if "eta" in training.settings else 0.0
        if not training.rates and training.decay is None:
            return itertools.repeat(eta)
        return (self._rate(step, eta) for step in itertools.count(updates + 1))

    def _rate(self, step: int, eta: float) -> float:
        training = self.training
        if training.rates:
            eta = float(training.rates[min(step, len(training.rates)) - 1].value)
        if training.decay is not None:
            eta *= float(training.decay.value) ** ((step - 1) // training.decay_every)
        return eta

    def _too_large(self, stand: _Stand, batches: list[list[Numbers]]) -> SpecError:
        """Which round it is, told by that round in full; or, where only floats are too small for it, plainly."""
        if len(batches) > 1:
            for batch in batches:
                stand = self._run(stand, [batch], [])
        self._keep(stand)
        number = stand.updates + 1
        label = Label(self.training.span, f"in round {number:,}, between the rounds that are shown")
        return SpecError([Diagnostic("the value overflows: it is 10^308 or more", (label,))], self.graph.model.source)

    # What is told of an epoch.

    def _told(self, epoch: int, end: int, losses: list[float], stand: _Stand) -> bool:
        """Keep an epoch's loss, if it is wanted; whether the training stops with it."""
        samples = self.training.samples if end % self.per_epoch == 0 else 0
        if self.training.error == "after":
            total, samples = self.program.error(stand.parameters, self.rows), self.training.samples
        else:
            total = math.fsum(losses)
            samples = samples or (end % self.per_epoch) * self.training.batch
        loss = total / samples if self.training.over_batch == "mean" else total
        limit = self.training.stop_at
        over = limit is not None and loss <= float(limit.value)
        checkpoint = epoch % self.every == 0
        if (
            checkpoint
            or over
            or epoch <= FIRST_EPOCHS
            or epoch % self.stride == 0
            or end == self.training.steps
            or epoch in self.expected_epochs
        ):
            self.epochs[epoch] = Epoch(epoch, end, _num(loss))
        if checkpoint:
            values = dict(zip(self.entries, map(_num, stand.parameters), strict=True))
            self.checkpoints.append(Checkpoint(self.epochs[epoch], values))
        self.stopped = over and end < self.training.steps
        return over

    def _sum(self, made: Round) -> float:
        loss = self.graph.model.loss
        assert loss is not None, "a training has a loss"
        return math.fsum(float(sample.values[loss.key].value) for sample in made.samples)

    # Between floats and rounds.

    def _keep(self, stand: _Stand) -> None:
        """The round that follows, in full."""
        number = stand.updates + 1
        self.rounds[number] = self.full.round(self._place(number), self._state(stand))

    def _place(self, step: int) -> Place:
        if self.training.shuffle is not None:
            return next(itertools.islice(places(self.training), step - 1, None))
        start = ((step - 1) % self.per_epoch) * self.training.batch
        samples = range(start + 1, min(start + self.training.batch, self.training.samples) + 1)
        return Place(step, self.training.epoch_of(step), tuple(samples))

    def _floats(self, updates: int, state: State) -> _Stand:
        flat = {
            entry.key: value
            for q in self.graph.model.quantities
            if q.trained
            for entry, value in zip(entry_symbols(q.symbol), state.parameters[q.symbol.key].flat, strict=True)
        }
        nought = Num(Decimal(0))
        memory = (state.memory.get(name, {}).get(key, nought) for key in self.entries for name in self.names)
        return _Stand(
            updates, tuple(float(flat[key].value) for key in self.entries), tuple(float(m.value) for m in memory)
        )

    def _state(self, stand: _Stand) -> State:
        parameters = {q.symbol.key: q.value for q in self.graph.model.quantities}
        start = 0
        for quantity in self.graph.model.quantities:
            if quantity.trained:
                count = size(quantity.symbol.shape)
                own = stand.parameters[start : start + count]
                parameters[quantity.symbol.key] = Tensor(quantity.symbol.shape, tuple(map(_num, own)))
                start += count
        return State(parameters, self._memory(stand))

    def _memory(self, stand: _Stand) -> Mapping[str, Mapping[str, Num]]:
        width = len(self.names)
        return {
            name: {key: _num(stand.memory[i * width + k]) for i, key in enumerate(self.entries)}
            for k, name in enumerate(self.names)
        }


def _num(value: float) -> Num:
    """A float as it is written; it stands for a value that was rounded on the way."""
    return Num(Decimal(repr(value)), False)
