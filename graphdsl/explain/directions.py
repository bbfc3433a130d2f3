"""A round -> what a learning rule takes for the gradient: worked out unit by unit, and beside the gradient; no digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphdsl.derive.derivative import derivative
from graphdsl.derive.evaluate import evaluate
from graphdsl.document import Block, Derivation, Line, Math, Paragraph, Table
from graphdsl.explain.lines import after_symbol, chain
from graphdsl.explain.samples import batch_symbol, numbers_of
from graphdsl.explain.updating import RAW
from graphdsl.explain.worked import Pass, numeral, worked
from graphdsl.expr import ONE, Call, Expr, Number, Partial, Symbol, add, multiply, rewrite, substitute
from graphdsl.model import Training
from graphdsl.names import Ink
from graphdsl.numbers import Decimal50, Num, arithmetic
from graphdsl.ops import LINEAR
from graphdsl.optimizers import GRADIENT, THETA, THRESHOLDS, old
from graphdsl.phrases import Phrases
from graphdsl.trace import Round
from graphdsl.update import direction

MOST_LINES = 30
"""So many are worked out; the table has all of the parameters."""


def otherwise(round_: Round, at: Pass, training: Training, phrases: Phrases) -> tuple[Block, ...]:
    """Lines for every unit and parameter whose number is not the gradient, and a table of the parameters."""
    if training.optimizer.ahead is not None:
        points = tuple(_points(round_, at, training))[:MOST_LINES]
        return Paragraph(phrases.say("direction_ahead")), Derivation(points), _table(round_, at, training, phrases)
    key = "direction_of" if training.sequential else "direction_of_thresholds"
    lines = tuple(_Directions(round_, at, training).lines())[:MOST_LINES]
    worked_out: tuple[Block, ...] = (Derivation(lines),) if lines else ()
    return Paragraph(phrases.say(key)), *worked_out, _table(round_, at, training, phrases)


def _points(round_: Round, at: Pass, training: Training) -> Iterator[Line]:
    """w̃ = w + β · v, where the gradient is taken."""
    ahead = training.optimizer.ahead
    assert ahead is not None, "the rule says where"
    settings = {key: numeral(value, key, True) for key, value in round_.settings.items()}
    for key, update in round_.updates.items():
        symbol = at.graph.symbols[key]
        own = {old(n).key: Symbol(f"{n}.{key}", ink=old(n).ink) for n in update.remembered}
        formula = substitute(ahead, {THETA.key: symbol, **own})
        known = {f"{n}.{key}": numeral(v, f"{n}.{key}", not v.value) for n, v in update.remembered.items()}
        done = worked(formula, at, {**settings, **known})
        place = Symbol(f"ahead.{key}", ink=replace(symbol.ink, accent="tilde"))
        found = evaluate(done.expr, {}, Decimal50()).item
        yield Line(chain([place, formula, done.expr, numeral(found, key)]), (), f"ahead.{key}@{round_.number}")


def _table(round_: Round, at: Pass, training: Training, phrases: Phrases) -> Table:
    loss = at.graph.model.loss
    assert loss is not None, "a training has a loss"
    theta = Symbol(THETA.key, ink=THETA.ink)
    plain = direction(training, len(round_.samples)) == GRADIENT
    gradient = Partial(batch_symbol(at.graph, numbers_of(round_)), theta)
    head = (phrases.say("parameter"), (Math(gradient),), (Math(GRADIENT if plain else RAW),))
    name = f"d{loss.key}/d"
    rows = tuple(
        (
            (Math(at.graph.symbols[key]),),
            (Math(numeral(round_.gradients[key], f"{name}{key}")),),
            (Math(numeral(raw, f"{name}{key}")),),
        )
        for key, raw in round_.raw.items()
    )
    return Table(head, rows, (False, True, True))


@dataclass(frozen=True)
class _Directions:
    """The first sample's pass: δ of a unit is what is subtracted for ∂E/∂unit."""

    round: Round
    at: Pass
    training: Training

    def lines(self) -> Iterator[Line]:
        """From the output down; a line whose numbers are not those of the pass is left to the table."""
        sample = self.at.sample
        keys = [k for k in reversed(list(self.at.graph.computed)) if k in sample.directions]
        keys += [k for k in self.round.updates if k in sample.directions]
        for key in keys:
            gradient = sample.gradients[self._loss].get(key)
            if gradient is not None and gradient.value != sample.directions[key].value:
                yield from self._line(key)

    @property
    def _loss(self) -> str:
        loss = self.at.graph.model.loss
        assert loss is not None, "a training has a loss"
        return loss.key

    def _line(self, key: str) -> Iterator[Line]:
        graph, sample = self.at.graph, self.at.sample
        uses = [use for use in graph.entries.successors(key) if use in sample.directions]
        if not uses:
            return
        formula = add(*(multiply(self._upstream(use), self._slope(use, key)) for use in uses))
        done = worked(formula, self.at, self._known())
        result = numeral(sample.directions[key], f"d{self._loss}/d{key}")
        if self._gives(done.expr, sample.directions[key], key):
            said = chain([self._symbol(key), formula, done.expr, result])
            yield Line(said, (), f"direction.{key}@{self.round.number}")

    def _symbol(self, key: str) -> Symbol:
        ink = self.at.graph.symbols[key].ink
        comma = "," if ink.sub[:1].isalpha() else ""
        return Symbol(f"direction.{key}", ink=Ink("δ", f"{ink.base}{comma}{ink.sub}{ink.sup}"))

    def _upstream(self, use: str) -> Expr:
        """1 for the loss itself, its gradient where that is what is taken, else δ."""
        sample, names = self.at.sample, self.at.graph.symbols
        if use == self._loss:
            return ONE
        same = sample.gradients[self._loss].get(use)
        own = same is not None and same.value == sample.directions[use].value
        return Partial(names[self._loss], names[use]) if own else self._symbol(use)

    def _slope(self, use: str, key: str) -> Expr:
        """∂use/∂key with 1 for the derivative of a threshold, or with the weights after their update."""
        graph = self.at.graph
        if not self.training.sequential:
            return derivative(rewrite(graph.formula(use), _straight), key, graph.symbols[use])
        local = graph.local(use, key)
        if key not in graph.computed:
            return local
        return substitute(local, {k: after_symbol(graph.symbols[k]) for k in self.round.updates})

    def _known(self) -> dict[str, Number]:
        found = {f"{k}.after": numeral(u.after, k) for k, u in self.round.updates.items()}
        directions = self.at.sample.directions
        return found | {f"direction.{k}": numeral(v, f"d{self._loss}/d{k}") for k, v in directions.items()}

    def _gives(self, expr: Expr, wanted: Num, key: str) -> bool:
        """Whether the line's own numbers are those of the pass, which may go deeper into a formula."""
        model = self.at.graph.model
        own = arithmetic(model.carry, model.display)
        found = own.settle(evaluate(expr, {}, own).item, f"d{self._loss}/d{key}").value
        return abs(found - wanted.value) <= abs(wanted.value) * TOLERANCE


TOLERANCE = Num(ONE.value.scaleb(-30)).value


def _straight(node: Expr) -> Expr:
    """A threshold as a straight line, whose derivative is 1."""
    if isinstance(node, Call) and node.operation.name in THRESHOLDS:
        return Call(LINEAR, node.arguments[:1])
    return node
