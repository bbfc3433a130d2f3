"""A round -> its update: the rule's assignments worked line by line for one parameter, all of them in a table; no digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graphdsl.document import Block, Derivation, Inlines, Line, Math, Table, Text
from graphdsl.explain.calculator import steps
from graphdsl.explain.lines import Saying, after_symbol, chain
from graphdsl.explain.measure import GROUPED, Measure
from graphdsl.explain.samples import batch_symbol, numbers_of
from graphdsl.explain.symmetry import Colours
from graphdsl.explain.worked import PRODUCT, Pass, numeral, worked
from graphdsl.expr import Expr, Number, Partial, Symbol, add, negate, substitute, subtract
from graphdsl.model import Model, Training
from graphdsl.names import Ink
from graphdsl.numbers import Num
from graphdsl.optimizers import GRADIENT, THETA, Assignment, new, old
from graphdsl.phrases import Phrases
from graphdsl.trace import Round, Update
from graphdsl.update import direction

RAW = Symbol("%raw", ink=Ink("d"))
"""What a learning rule takes for the gradient, before it is added up, clipped or decayed."""


MOST_UPDATES = 60
"""Of so many parameters the updates are worked out one by one; of more, a table says them."""

UPDATES = "updates"


def update(
    round_: Round,
    at: Pass,
    training: Training,
    phrases: Phrases,
    colours: Colours,
    measure: Measure = GROUPED,
    explain: frozenset[str] = frozenset(),
    first: bool = True,
) -> tuple[Block, ...]:
    """One parameter's update in full and all of them in a table, or each in full; the first round says the rule."""
    each = (measure.each or UPDATES in explain) and len(round_.updates) <= MOST_UPDATES
    keys = [k for k in round_.updates if each or f"{k}.after" in explain]
    shown = _moving(round_) if measure.lines else None
    keys = keys or ([] if shown is None else [shown])
    saying = Saying(symbols=first or measure.again, numbers=measure.numbers, between=measure.between)
    full = Saying(symbols=True, between=measure.between)
    lines = [
        line
        for key in keys
        for line in update_lines(key, round_, at, training, full if {UPDATES, f"{key}.after"} & explain else saying)
    ]
    table = () if each or not round_.updates else (_Table(round_, at, training, phrases, colours).made(),)
    return (*((Derivation(tuple(lines)),) if lines else ()), *table)


def _moving(round_: Round) -> str | None:
    """The first parameter that an update changes; where it changes none, the first of all."""
    found = round_.updates
    return next((k for k, u in found.items() if u.direction.value or u.gradient.value), next(iter(found), None))


def update_lines(key: str, round_: Round, at: Pass, training: Training, saying: Saying) -> tuple[Line, ...]:
    """w⁺ = w − η · ∂E/∂w = 1 − 0.01 · 5.25 = 1 − 0.0525 = 0.9475, and before it what the rule assigns on the way."""
    return tuple(_Entry(key, round_, at, training, saying).lines())


def climbs(training: Training, round_: Round) -> bool:
    """Whether a step is simply added, so that nothing needs to be turned round first."""
    plain = [a.name for a in training.optimizer.assignments] == ["theta"] and training.optimizer.step is not None
    taken = direction(training, len(round_.samples), round_.clipped)
    return training.ascent and plain and not round_.raw and taken == negate(GRADIENT)


def is_plain(training: Training, round_: Round, model: Model) -> bool:
    """Whether an update is one step along the gradient of one sample, as a tensor can make at once."""
    alone = len(round_.samples) == 1 and model.penalty is None
    steps = [a.name for a in training.optimizer.assignments] == ["theta"] and training.optimizer.step is not None
    return alone and steps and not directed(training, round_)


def holds_arrays(model: Model) -> bool:
    """Whether what is trained are vectors and matrices, not single numbers with names of their own."""
    return any(q.symbol.shape for q in model.quantities if q.trained)


def directed(training: Training, round_: Round) -> bool:
    """Whether what the optimizer gets has a name of its own."""
    shaped = direction(training, len(round_.samples), round_.clipped) != GRADIENT
    return bool(round_.raw) or (shaped and not climbs(training, round_))


@dataclass(frozen=True)
class _Entry:
    """One parameter in one round."""

    key: str
    round: Round
    at: Pass
    training: Training
    saying: Saying

    @property
    def update(self) -> Update:
        return self.round.updates[self.key]

    def lines(self) -> Iterator[Line]:
        if directed(self.training, self.round):
            yield from self._direction()
        for assignment in self.training.optimizer.assignments:
            yield from self._theta(assignment) if assignment.name == "theta" else [self._state(assignment)]

    def _direction(self) -> Iterator[Line]:
        """g = 4 · ∂Ē/∂w + λ · w; nothing where it is the learning rule's own number."""
        rule = direction(self.training, len(self.round.samples), self.round.clipped)
        if rule == GRADIENT:
            return
        upstream: Expr = self._own(RAW, "raw") if self.round.raw else self._gradient()
        formula = substitute(rule, {GRADIENT.key: upstream, THETA.key: self._name})
        yield self._line(
            self._own(GRADIENT, "g"), formula, numeral(self.update.direction, f"g.{self.key}"), f"g.{self.key}"
        )

    def _state(self, assignment: Assignment) -> Line:
        name = assignment.name
        result = numeral(self.update.state[name], f"{name}.{self.key}")
        remembered = name in self.training.optimizer.memory
        symbol = self._own(new(name, remembered), f"{name}.after")
        return self._line(symbol, self._in_symbols(assignment.value), result, f"{name}.{self.key}")

    def _theta(self, assignment: Assignment) -> Iterator[Line]:
        """The parameter; where the rule says θ − …, the step stands by itself once, or as Δw in a line of its own."""
        after = numeral(self.update.after, self.key)
        step = self.training.optimizer.step
        if step is not None and by_change(self.at):
            yield from self._change(step, after)
            return
        formula, taken = self._in_symbols(assignment.value), None
        if climbs(self.training, self.round) and step is not None:
            formula = add(self._name, self._in_symbols(step))
            taken = add(self.at.value(self.key), numeral(turned(self.update.step), PRODUCT))
        elif step is not None and not isinstance(step, Symbol):
            taken = subtract(self.at.value(self.key), numeral(self.update.step, PRODUCT))
        yield self._line(after_symbol(self._name), formula, after, f"{self.key}.after", taken)

    def _change(self, step: Expr, after: Number) -> Iterator[Line]:
        """Δw = −η · ∂E/∂w, and w⁺ = w + Δw."""
        change = change_symbol(self._name)
        taken = self._in_symbols(step)
        formula = taken if climbs(self.training, self.round) else negate(taken)
        yield self._line(change, formula, numeral(turned(self.update.step), PRODUCT), change.key)
        yield self._line(after_symbol(self._name), add(self._name, change), after, f"{self.key}.after")

    def _line(self, name: Symbol, formula: Expr, result: Number, anchor: str, taken: Expr | None = None) -> Line:
        done = worked(formula, self.at, self._known())
        members: list[Expr] = [name, formula] if self.saying.symbols else [name]
        between = [] if taken is None else [taken]
        if self.saying.numbers:
            members += [done.expr, *(steps(done.expr) if self.saying.between else between)]
        members.append(result)
        return Line(chain(members), (), f"{anchor}@{self.round.number}")

    @property
    def _name(self) -> Symbol:
        return self.at.graph.symbols[self.key]

    def _gradient(self) -> Partial:
        return Partial(batch_symbol(self.at.graph, numbers_of(self.round)), self._name)

    def _in_symbols(self, expr: Expr) -> Expr:
        """With the parameter for θ, and for g its gradient, unless g has a line of its own."""
        places: dict[str, Expr] = {THETA.key: self._name, new("theta").key: after_symbol(self._name)}
        own = directed(self.training, self.round)
        places[GRADIENT.key] = self._own(GRADIENT, "g") if own else self._gradient()
        memory = self.training.optimizer.memory
        for name in (a.name for a in self.training.optimizer.assignments if a.name != "theta"):
            places[old(name).key] = self._own(old(name), name)
            places[new(name).key] = self._own(new(name, name in memory), f"{name}.after")
        return substitute(expr, places)

    def _own(self, symbol: Symbol, name: str) -> Symbol:
        """A name of the rule as this parameter's own: `m.w1`, and `m.w1.after` once it is assigned."""
        what, dot, after = name.partition(".")
        return Symbol(f"{what}.{self.key}{dot}{after}", ink=symbol.ink)

    def _known(self) -> Mapping[str, Number]:
        """The numerals of the rule's own names."""
        update, of = self.update, self._gradient().of
        loss = self.at.graph.model.loss
        assert isinstance(of, Symbol) and loss is not None, "a training has a loss"
        found = {key: numeral(value, key, True) for key, value in self.round.settings.items()}
        found[f"d{of.key}/d{self.key}"] = numeral(update.gradient, f"d{loss.key}/d{self.key}")
        found[f"g.{self.key}"] = numeral(update.direction, f"g.{self.key}")
        if self.round.raw:
            found[f"raw.{self.key}"] = numeral(self.round.raw[self.key], f"d{loss.key}/d{self.key}")
        for name, value in update.remembered.items():
            found[f"{name}.{self.key}"] = numeral(value, f"{name}.{self.key}", not value.value)
        for name, value in update.state.items():
            found[f"{name}.{self.key}.after"] = numeral(value, f"{name}.{self.key}")
        found[f"{self.key}.after"] = numeral(update.after, self.key)
        found[change_symbol(self._name).key] = numeral(turned(update.step), PRODUCT)
        return found


def by_change(at: Pass) -> bool:
    """Whether the page finds a new value by Δw."""
    return at.graph.model.report.notation.step == "change"


def change_symbol(symbol: Symbol) -> Symbol:
    """Δw: what an update adds to a parameter."""
    return Symbol(f"{symbol.key}.change", symbol.shape, replace(symbol.ink, change=True))


def turned(value: Num) -> Num:
    """With the other sign."""
    other = value.value.copy_negate() if value.value else value.value
    return Num(other, value.exact, None if value.ratio is None else -value.ratio)


@dataclass(frozen=True)
class _Table:
    """All parameters of a round: before, gradient, direction, what the rule assigned on the way, after."""

    round: Round
    at: Pass
    training: Training
    phrases: Phrases
    colours: Colours

    def made(self) -> Table:
        rows = tuple(
            (names_of(same, self.at.graph.symbols), *((Math(cell),) for cell in self._cells(same[0])))
            for same in symmetric(list(self.round.updates), self.colours)
        )
        head = (self.phrases.say("parameter"), self.phrases.say("before"), *self._heads(), self.phrases.say("after"))
        return Table(head, rows, (False, *(True for _ in head[1:])))

    @property
    def _states(self) -> list[str]:
        return [a.name for a in self.training.optimizer.assignments if a.name != "theta"]

    def _heads(self) -> Iterator[Inlines]:
        theta = Symbol(THETA.key, ink=THETA.ink)
        gradient = Partial(batch_symbol(self.at.graph, numbers_of(self.round)), theta)
        yield (Math(gradient),)
        own = directed(self.training, self.round)
        if own:
            yield (Math(GRADIENT),)
        memory = self.training.optimizer.memory
        yield from ((Math(new(name, name in memory)),) for name in self._states)
        step = self.training.optimizer.step
        if not self._states and step is not None:
            change = change_symbol(theta)
            named = change if by_change(self.at) else step if own else substitute(step, {GRADIENT.key: gradient})
            yield (Math(named),)

    def _cells(self, key: str) -> Iterator[Expr]:
        update, loss = self.round.updates[key], self.at.graph.model.loss
        assert loss is not None, "a training has a loss"
        yield self.at.value(key)
        yield numeral(update.gradient, f"d{loss.key}/d{key}")
        if directed(self.training, self.round):
            yield numeral(update.direction, f"g.{key}")
        yield from (numeral(update.state[name], f"{name}.{key}") for name in self._states)
        if not self._states and self.training.optimizer.step is not None:
            climbing = climbs(self.training, self.round) or by_change(self.at)
            yield numeral(turned(update.step) if climbing else update.step, PRODUCT)
        yield numeral(update.after, key)


def symmetric(keys: Sequence[str], colours: Colours) -> list[list[str]]:
    """The keys in rows: those that symmetry makes equal share one."""
    rows: dict[object, list[str]] = {}
    for key in keys:
        rows.setdefault(colours.get(key, key), []).append(key)
    return list(rows.values())


def names_of(keys: Sequence[str], names: Mapping[str, Symbol]) -> Inlines:
    """w₁, w₂"""
    found: list[Text | Math] = []
    for i, key in enumerate(keys):
        found += [Text(", ")] if i else []
        found.append(Math(names[key]))
    return tuple(found)


def rule_in_words(training: Training, phrases: Phrases) -> Inlines:
    """The assignments of a rule, as they are carried out for each parameter."""
    memory = training.optimizer.memory
    words: list[Text | Math] = [Text(f"{training.optimizer.name}: ")]
    for i, assignment in enumerate(training.optimizer.assignments):
        words += [Text(phrases.words("between_values"))] if i else []
        name = new(assignment.name, assignment.name in (*memory, "theta"))
        words.append(Math(chain([name, assignment.value])))
    return tuple(words)
