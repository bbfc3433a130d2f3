"""Trace -> what a teacher points at, each once and where it is first true: dead units, flat slopes, twins, a step too long; no digits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce

from graphdsl.derive.evaluate import evaluate
from graphdsl.document import Block, Inlines, Item, Math, Note, Section
from graphdsl.explain.samples import batch_symbol, numbers_of
from graphdsl.explain.symmetry import Colours
from graphdsl.explain.updating import is_plain
from graphdsl.explain.worked import PRODUCT, numeral
from graphdsl.expr import (
    ONE,
    ZERO,
    Call,
    Expr,
    Operation,
    Partial,
    Quotient,
    Relation,
    Sign,
    Symbol,
    equals,
    has_names,
    mentions,
    number,
    walk,
)
from graphdsl.graph import Graph, entry_symbols
from graphdsl.numbers import Decimal50, Num, NumberMistake, Tensor, arithmetic, scalar
from graphdsl.ops import ABS, LN, LN_PROBABILITY, NORM, RELU, SIGMOID, TANH, call
from graphdsl.phrases import Phrases
from graphdsl.run import forward, over, over_batch
from graphdsl.trace import Round, Sample, Trace

MOST_NOTICES = 4
"""A page points at so many things; the rows of KINDS stand in the order of their weight."""

MOST_NAMED = 6
"""So many names are listed; where there were more, nothing is said of them one by one."""

FLAT = Decimal("0.01")
"""A smaller slope of an activation is called flat."""

NEAR = Decimal("0.001")
"""A probability so near to 0 or 1 is called extreme."""

HALVINGS = 12
"""So often a step that raised the error is halved to see whether it was too long."""

EXACT = Decimal50()
MINUS = Num(Decimal(-1))


@dataclass(frozen=True, slots=True)
class Notice:
    """Words, and the parts of the round at one of whose ends they stand: the first that the page has.

    next: whether it is a part of the next round, or what stands for it after the last.
    """

    words: Inlines
    parts: tuple[str, ...]
    next: bool = False


@dataclass(frozen=True)
class Seen:
    """A round as it is looked at."""

    trace: Trace
    round: Round
    colours: Colours
    phrases: Phrases

    @property
    def graph(self) -> Graph:
        return self.trace.graph

    @property
    def samples(self) -> tuple[Sample, ...]:
        return self.round.samples

    @property
    def objective(self) -> str:
        objectives = self.graph.model.objectives
        return objectives[0].key if objectives else ""

    @property
    def whole(self) -> bool:
        """Whether the round saw every sample that there is."""
        training = self.graph.model.training
        return training is not None and training.batch >= training.samples

    def units(self, *rows: Operation) -> list[tuple[str, str]]:
        """The entries that one of these operations makes of a named one, with that one."""
        found: list[tuple[str, str]] = []
        for key in self.graph.computed:
            match self.graph.formula(key):
                case Call(operation=row, arguments=(Symbol() as argument,)) if row.name in {own.name for own in rows}:
                    found.append((key, argument.key))
                case _:
                    pass
        return found

    def values(self, key: str) -> list[Decimal]:
        return [sample.values[key].value for sample in self.samples]

    def slopes(self, unit: str, argument: str) -> list[Num]:
        return [_number(self.graph.local(unit, argument), sample) for sample in self.samples]

    def gradients(self, key: str) -> list[Num]:
        nought = Num(ZERO.value)
        return [sample.gradients[self.objective].get(key, nought) for sample in self.samples]

    def trained(self, key: str) -> list[str]:
        """The parameters that an entry is made with."""
        return [parent for parent in self.graph.entries.predecessors(key) if parent in self.round.updates]

    def rests(self, key: str) -> bool:
        """Whether a parameter had no gradient and did not move."""
        update = self.round.updates[key]
        return not update.gradient.value and update.before.value == update.after.value

    def names(self, keys: Iterable[str]) -> Inlines:
        return self.phrases.listed([(Math(self.graph.symbols[key]),) for key in keys])

    def told(self, relations: Iterable[Expr]) -> Inlines:
        return self.phrases.listed([(Math(relation),) for relation in relations])

    def say(self, key: str, several: bool, **places: Inlines) -> Inlines:
        """The phrase for one, or for several."""
        return self.phrases.say(f"{key}_{'many' if several else 'one'}", **places)


def _number(expr: Expr, sample: Sample) -> Num:
    names = {node.key for node in walk(expr) if isinstance(node, Symbol)}
    return evaluate(expr, {key: scalar(sample.values[key]) for key in names}, EXACT).item


def _compared(name: Expr, value: Num, quantity: str, sign: Sign) -> Relation:
    """z₂ = −0.3 ≤ 0."""
    return Relation((name, numeral(value, quantity), ZERO), ("=", sign))


Find = Callable[[Seen], Notice | None]


# The kinds.


def met(seen: Seen) -> Notice | None:
    """Nothing is left to learn: the error is 0."""
    loss, updates = seen.round.loss, seen.round.updates
    if loss is None or loss.value or not updates or not all(map(seen.rests, updates)):
        return None
    name = Math(equals(batch_symbol(seen.graph, numbers_of(seen.round)), numeral(loss, seen.objective)))
    return Notice(seen.phrases.say("notice_met", error=name), ("update",))


def dead(seen: Seen) -> Notice | None:
    """Units of ReLU that are off for every sample, and what does not move because of it."""
    if not seen.whole or not seen.objective:
        return None
    off = [(u, z) for u, z in seen.units(RELU) if _is_off(seen, u, z)]
    shut = {z for _, z in off}
    off = [(u, z) for u, z in off if seen.trained(z) and _uses(seen, seen.trained(z)) <= shut]
    if not 0 < len(off) <= MOST_NAMED:
        return None
    still = list(dict.fromkeys(w for _, z in off for w in seen.trained(z)))
    rest = bool(still) and all(map(seen.rests, still)) and len(still) <= MOST_NAMED
    names = seen.graph.symbols
    conditions = [Relation((names[z], ZERO), ("≤",)) for _, z in off]
    if len(seen.samples) == 1:
        conditions = [_compared(names[z], seen.samples[0].values[z], z, "≤") for _, z in off]
    batch = "" if len(seen.samples) == 1 else "_for_all"
    key = f"notice_dead{batch}{'_rest' if rest else ''}"
    places = {"units": seen.names(u for u, _ in off), "conditions": seen.told(conditions)}
    places |= {"weights": seen.names(still)} if rest else {}
    return Notice(seen.say(key, len(off) > 1, **places), ("batch", "backward"))


def _is_off(seen: Seen, unit: str, argument: str) -> bool:
    """Whether nothing passes it in any sample."""
    return max(seen.values(argument)) <= 0 and not any(slope.value for slope in seen.slopes(unit, argument))


def _uses(seen: Seen, parameters: Iterable[str]) -> set[str]:
    """What is made with parameters but for the penalty: those of a filter have a use in each of its places."""
    uses = {use for key in parameters for use in seen.graph.entries.successors(key)}
    return {use for use in uses if seen.graph.computed[use][0].role != "penalty"}


def saturated(seen: Seen) -> Notice | None:
    """Units of σ and tanh where they are nearly flat, and nearly nothing gets past them."""
    flat = [(u, z) for u, z in seen.units(SIGMOID, TANH) if _is_flat(seen, u, z)] if seen.objective else []
    if not 0 < len(flat) <= MOST_NAMED:
        return None
    names, places = seen.graph.symbols, {"units": seen.names(u for u, _ in flat)}
    if len(seen.samples) > 1:
        return Notice(seen.say("notice_saturated_for_all", len(flat) > 1, **places), ("batch", "backward"))
    slopes = [
        equals(Partial(names[u], names[z], local=True), numeral(seen.slopes(u, z)[0], f"d{u}/d{z}")) for u, z in flat
    ]
    return Notice(seen.say("notice_saturated", len(flat) > 1, **places, slopes=seen.told(slopes)), ("backward",))


def _is_flat(seen: Seen, unit: str, argument: str) -> bool:
    """Whether the slope is small, and what is left of the gradient too: with cross-entropy the slope cancels."""
    if argument not in seen.graph.computed or _is_probability(seen, unit):
        return False
    slopes, left, above = seen.slopes(unit, argument), seen.gradients(argument), seen.gradients(unit)
    small = all(abs(x.value) < FLAT for x in slopes) and all(abs(x.value) < FLAT for x in left)
    return small and any(x.value for x in above)


def _is_probability(seen: Seen, unit: str) -> bool:
    """Whether the loss takes its logarithm: that grows as fast as the slope falls."""
    logs = {LN.name, LN_PROBABILITY.name}
    return any(
        isinstance(node, Call) and node.operation.name in logs and mentions(node, unit)
        for use in seen.graph.entries.successors(unit)
        for node in walk(seen.graph.formula(use))
    )


def resting(seen: Seen) -> Notice | None:
    """Inputs that are 0: the weights from them do not move."""
    graph = seen.graph
    if seen.round.raw:
        return None
    data = [e.key for q in graph.model.quantities if q.kind == "input" for e in entry_symbols(q.symbol)]
    zeros = {key for key in data if not any(seen.values(key))}
    found: dict[str, list[str]] = {}
    for weight in filter(seen.rests, seen.round.updates):
        locals_ = [graph.local(use, weight) for use in graph.entries.successors(weight)]
        keys = {local.key if isinstance(local, Symbol) else "" for local in locals_}
        if len(keys) == 1 and keys <= zeros:
            found.setdefault(keys.pop(), []).append(weight)
    weights = [weight for own in found.values() for weight in own]
    if not 0 < len(weights) <= MOST_NAMED:
        return None
    inputs = [equals(graph.symbols[key], ZERO) for key in data if key in found]
    places = {"inputs": seen.told(inputs), "weights": seen.names(weights)}
    return Notice(seen.say("notice_resting", len(weights) > 1, **places), ("update",))


def rising(seen: Seen) -> Notice | None:
    """A step that raised the error, where a shorter one in the same direction lowers it."""
    training, loss = seen.graph.model.training, seen.round.loss
    if training is None or loss is None or training.ascent or not seen.whole or training.optimizer.learns_otherwise:
        return None
    after = _loss_after(seen)
    if after is None or after.value <= loss.value:
        return None
    shorter = next(
        (
            (k, e)
            for k in range(1, HALVINGS + 1)
            if (e := _loss_along(seen, Decimal(1) / 2**k)) and e.value < loss.value
        ),
        None,
    )
    if shorter is None:
        return None
    halvings, less = shorter
    plain = is_plain(training, seen.round, seen.graph.model) or (len(seen.samples) > 1 and _is_one_step(seen))
    places = {
        "error": (Math(batch_symbol(seen.graph, numbers_of(seen.round))),),
        "before": (Math(numeral(loss, seen.objective)),),
        "after": (Math(numeral(after, seen.objective)),),
        "part": (Math(Quotient(ONE, number(2**halvings))),),
        "less": (Math(numeral(less, seen.objective)),),
    }
    key = "notice_rising_eta" if plain else "notice_rising"
    return Notice(seen.phrases.say(key, **places), ("update",))


def _is_one_step(seen: Seen) -> bool:
    """Whether a rule is just θ − η g: half of η is then half of the step."""
    training = seen.graph.model.training
    assert training is not None, "something is trained"
    return [a.name for a in training.optimizer.assignments] == ["theta"] and training.weight_decay is None


def _loss_after(seen: Seen) -> Num | None:
    """The loss over all samples after the round's step, as the page has it; nothing where the page leaves it out."""
    if seen.round.number == seen.trace.steps:
        return seen.trace.loss
    following = seen.trace.round(seen.round.number + 1)
    return None if following is None else following.loss


def _loss_along(seen: Seen, part: Decimal) -> Num | None:
    """The loss over the round's samples after so great a part of its step; nothing where there is none."""
    model = seen.graph.model
    assert model.loss is not None, "the round has a loss"
    moved = {}
    for quantity in model.quantities:
        entries = entry_symbols(quantity.symbol)
        own = seen.round.parameters.get(quantity.symbol.key, quantity.value)
        flat = tuple(_moved(seen, entry.key, x, part) for entry, x in zip(entries, own.flat, strict=True))
        moved[quantity.symbol.key] = Tensor(own.shape, flat)
    carried = arithmetic(model.carry, model.display)
    try:
        found = [forward(seen.graph, {**moved, **_data(seen, sample)}, carried) for sample in seen.samples]
    except (NumberMistake, ArithmeticError):
        return None
    total = over([env[model.loss.key].item for env in found], over_batch(model), EXACT)
    return total if model.penalty is None else EXACT.add(total, found[0][model.penalty.key].item)


def _data(seen: Seen, sample: Sample) -> dict[str, Tensor[Num]]:
    samples = seen.graph.model.samples
    return dict(samples[sample.number - 1]) if len(samples) >= sample.number else {}


def _moved(seen: Seen, key: str, value: Num, part: Decimal) -> Num:
    update = seen.round.updates.get(key)
    if update is None:
        return value
    change = EXACT.add(update.after, EXACT.multiply(MINUS, update.before))
    return EXACT.add(update.before, EXACT.multiply(EXACT.literal(part), change))


def twins(seen: Seen) -> Notice | None:
    """Units that no equation tells apart: they learn the same, however long."""
    if not seen.round.updates or seen.round.number > 1:
        return None
    groups: dict[int, list[str]] = {}
    for key in seen.graph.computed:
        if not seen.graph.is_argument(key) and _is_hidden(seen, key) and _own_parameters(seen, key):
            groups.setdefault(seen.colours[key], []).append(key)
    found = [same for same in groups.values() if len(same) > 1 and _apart(seen, same)]
    if not 0 < sum(map(len, found)) <= 2 * MOST_NAMED:
        return None
    listed = [seen.names(same) for same in found]
    key = "notice_twins_one" if len(found) == 1 else "notice_twins_many"
    return Notice(seen.phrases.say(key, units=seen.phrases.joined(listed)), ("forward",), next=True)


def _is_hidden(seen: Seen, key: str) -> bool:
    """Whether what it gives is weighted further on: outputs are told apart by their targets."""
    return any(seen.trained(use) for use in seen.graph.entries.successors(key))


def _own_parameters(seen: Seen, key: str) -> set[str]:
    """The parameters of a unit, also those that its argument is made with."""
    parents = list(seen.graph.entries.predecessors(key))
    through = [z for z in parents if seen.graph.is_argument(z)]
    return {w for entry in (key, *through) for w in seen.trained(entry)}


def _apart(seen: Seen, same: Sequence[str]) -> bool:
    """Whether none of them shares a parameter with another: one parameter used twice is no pair of twins."""
    own = [_own_parameters(seen, key) for key in same]
    return sum(map(len, own)) == len(set().union(*own))


def extreme(seen: Seen) -> Notice | None:
    """The probability that the loss takes the logarithm of lies at 0 or 1."""
    loss = seen.round.loss
    if loss is None or len(seen.samples) > 1 or seen.objective not in seen.graph.computed:
        return None
    sample = seen.samples[0]
    for node in walk(seen.graph.formula(seen.objective)):
        if not (isinstance(node, Call) and node.operation.name == LN_PROBABILITY.name):
            continue
        probability = node.arguments[0]
        value = _number(probability, sample)
        near_one = value.value > 1 - NEAR and loss.value < 2 * NEAR
        near_nought = 0 < value.value < NEAR and loss.value > 1 and abs(value.value.ln()) < 2 * loss.value
        if near_one or near_nought:
            quantity = probability.key if isinstance(probability, Symbol) else PRODUCT
            key = "notice_certain" if near_one else "notice_missed"
            told = Math(equals(probability, numeral(value, quantity)))
            return Notice(seen.phrases.say(key, probability=told), ("backward",))
    return None


def over_steps(seen: Seen) -> Notice | None:
    """A gradient that gets ever shorter, or longer, on its way back through a family, and in the end by far."""
    if len(seen.samples) > 1 or not seen.objective:
        return None
    for members in _families(seen):
        lengths = [_length(seen, member) for member in members]
        words = _over_steps(seen, members, lengths)
        if words:
            return Notice(words, ("backward",))
    return None


def _over_steps(seen: Seen, members: list[Symbol], lengths: list[Num]) -> Inlines:
    pairs = list(itertools.pairwise(x.value for x in lengths))
    first, last = lengths[0].value, lengths[-1].value
    vanishes = all(a < b for a, b in pairs) and first < FLAT * last
    explodes = all(a > b for a, b in pairs) and last < FLAT * first
    if not vanishes and not explodes:
        return ()
    objective = seen.graph.symbols[seen.objective]
    ends = [(members[-1], lengths[-1]), (members[0], lengths[0])]
    late, early = (
        Math(equals(call(NORM if m.shape else ABS, Partial(objective, m)), numeral(x, PRODUCT))) for m, x in ends
    )
    places = {"from": (Math(members[-1]),), "to": (Math(members[0]),), "late": (late,), "early": (early,)}
    return seen.phrases.say("notice_vanishes" if vanishes else "notice_explodes", **places)


def _families(seen: Seen) -> Iterator[list[Symbol]]:
    """At least three nodes h[1], h[2], … that a gradient reaches one by one, each made of the one before it."""
    found: dict[str, list[Symbol]] = {}
    gradients = seen.samples[0].gradients[seen.objective]
    for node in seen.graph.model.nodes:
        name, bracket, _ = node.symbol.key.rpartition("[")
        made = has_names(node.formula)  # h[0] = 0 is where it begins
        if made and bracket and node.role == "equation" and _first(node.symbol) in gradients:
            found.setdefault(name, []).append(node.symbol)
    for members in found.values():
        if len(members) > 2 and all(_leads(seen.graph, a, b) for a, b in itertools.pairwise(members)):
            yield members


def _leads(graph: Graph, a: Symbol, b: Symbol) -> bool:
    import networkx as nx

    return bool(nx.has_path(graph.entries, _first(a), _first(b)))


def _first(symbol: Symbol) -> str:
    return next(iter(entry_symbols(symbol))).key


def _length(seen: Seen, member: Symbol) -> Num:
    """The length of the gradient of a tensor."""
    squares = [EXACT.multiply(x, x) for e in entry_symbols(member) for x in seen.gradients(e.key)]
    return EXACT.function("sqrt", reduce(EXACT.add, squares))


KINDS: tuple[Find, ...] = (met, rising, dead, saturated, over_steps, twins, extreme, resting)
"""The kinds of notice; the weightiest first."""


# On the page.


def with_notices(blocks: Iterable[Block], trace: Trace, colours: Colours, phrases: Phrases) -> list[Block]:
    """The blocks with each notice at the end of the part that it is about."""
    waiting = dict(_by_place(blocks := list(blocks), trace, colours, phrases))
    return [_noticed(block, waiting, phrases) for block in blocks]


def _noticed(block: Block, waiting: dict[str, list[Inlines]], phrases: Phrases) -> Block:
    if not isinstance(block, Section) or block.anchor not in waiting:
        return block
    items = tuple(Item((), words) for words in waiting.pop(block.anchor))
    return replace(block, blocks=(*block.blocks, Note("remark", phrases.say("noticed"), items)))


def _by_place(
    blocks: list[Block], trace: Trace, colours: Colours, phrases: Phrases
) -> Iterator[tuple[str, list[Inlines]]]:
    """The notices of a page by the anchor of the section where they stand."""
    anchors = {block.anchor for block in blocks if isinstance(block, Section)}
    found: dict[str, list[Inlines]] = {}
    for anchor, words in list(_notices(anchors, trace, colours, phrases))[:MOST_NOTICES]:
        found.setdefault(anchor, []).append(words)
    yield from found.items()


def _notices(anchors: set[str], trace: Trace, colours: Colours, phrases: Phrases) -> Iterator[tuple[str, Inlines]]:
    """Each kind at most once, in the first round that the page shows where it is so."""
    if trace.graph.model.letters:
        return
    for find in KINDS:
        for round_ in trace.rounds:
            if not any(anchor.endswith(f"@{round_.number}") for anchor in anchors):
                continue
            notice = find(Seen(trace, round_, colours, phrases))
            place = _place(notice, round_.number, anchors) if notice else ""
            if notice and place:
                yield place, notice.words
                break


def _place(notice: Notice, number: int, anchors: set[str]) -> str:
    """The anchor of the section where a notice stands; nothing where the page has none."""
    places = (f"{part}@{number + notice.next}" for part in notice.parts)
    return next((place for place in places if place in anchors), "")
