"""The document's symbolic equalities, evaluated on their trees: at the trace's values and at random ones."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext

from graphdsl.derive.evaluate import evaluate
from graphdsl.document import Block, Derivation, Document, Figure, Inlines, Math, Note, Paragraph, Section, Table
from graphdsl.expr import (
    Array,
    Expr,
    Number,
    Partial,
    Relation,
    Symbol,
    children,
    has_names,
    rewrite,
    substitute,
    subtract,
    walk,
)
from graphdsl.graph import Graph, entry_symbols
from graphdsl.model import Training
from graphdsl.numbers import Decimal50, Num, Tensor, scalar, size
from graphdsl.optimizers import GRADIENT, THETA, new, old
from graphdsl.routes import total_derivative
from graphdsl.run import forward, over, over_batch
from graphdsl.update import CLIP, COUNT, NORM, WEIGHT_DECAY, direction

TOLERANCE = Decimal("1e-40")
ARITHMETIC = Decimal50()


def derived(blocks: tuple[Block, ...]) -> Iterator[Relation]:
    """The chains of all derivations: they hold whatever the data are."""
    for block in blocks:
        match block:
            case Section():
                yield from derived(block.blocks)
            case Derivation():
                yield from (line.chain for line in block.lines)
            case Paragraph() | Note() | Table() | Figure():
                pass


def numeric_relations(chain: Relation) -> int:
    """How many relations of a chain have numerals on both sides: names, and gaps in large arrays, are no numerals."""
    sides = [not has_names(member) for member in chain.members]
    return sum(a and b for a, b in itertools.pairwise(sides))


def spoken(blocks: tuple[Block, ...]) -> Iterator[Relation]:
    """The chains within words: they hold for data that share what the given ones share ("by symmetry")."""
    for block in blocks:
        match block:
            case Section():
                yield from spoken(block.blocks)
            case Derivation():
                for line in block.lines:
                    yield from _in_words(line.reason)
            case Paragraph():
                yield from _in_words(block.words)
            case Note():
                for item in block.items:
                    yield from _in_words(item.words)
            case Table() | Figure():
                pass


def _in_words(words: Inlines) -> Iterator[Relation]:
    for inline in words:
        if isinstance(inline, Math) and isinstance(inline.expr, Relation):
            yield inline.expr


def symbolic_pairs(chains: Iterator[Relation]) -> list[tuple[Expr, Expr]]:
    """Both sides of every equality between members with names."""
    return [
        (a, b)
        for chain in chains
        for a, b, sign in zip(chain.members, chain.members[1:], chain.signs, strict=False)
        if sign == "=" and has_names(a) and has_names(b) and not _defines(a) and not _of_a_learning_rule(b)
    ]


def _defines(expr: Expr) -> bool:
    """Whether it is a name of an optimizer's rule, or of a learning rule's: that the rule says so is its definition."""
    key = expr.key if isinstance(expr, Symbol) else ""
    return key.startswith(("%", "direction.")) and not key.startswith(("%batch", "%sample"))


def _of_a_learning_rule(expr: Expr) -> bool:
    """Whether it begins with what a learning rule takes for a gradient, which is its own."""
    return any(symbol.key.startswith("raw.") for symbol in names_outside_derivatives(expr))


def assignments(graph: Graph, seed: int, count: int, shared: bool) -> Iterator[dict[str, Tensor[Num]]]:
    """The given values, then random ones near them; `shared`: what is equal by kind and value stays equal."""
    given = {q.symbol.key: q.value for q in graph.model.quantities}
    yield given
    for attempt in range(count):
        yield {
            q.symbol.key: Tensor(
                q.value.shape,
                tuple(
                    _near(
                        x, f"{seed} {attempt} {q.kind} {x.value}" if shared else f"{seed} {attempt} {q.symbol.key} {i}"
                    )
                    for i, x in enumerate(q.value.flat)
                ),
            )
            for q in graph.model.quantities
        }


def _near(x: Num, seed: str) -> Num:
    rng = random.Random(seed)
    factor = Decimal(rng.randint(800, 1200)) / 1000
    near = ARITHMETIC.add(ARITHMETIC.multiply(x, Num(factor)), Num(Decimal(rng.randint(1, 99)) / 100_000))
    return near if not 0 < x.value < 1 <= near.value else Num((x.value + 1) / 2)  # a probability stays one


def false_equalities(graph: Graph, document: Document, seed: int = 1, count: int = 3) -> list[str]:
    """The symbolic equalities that do not hold at some assignment."""
    found = []
    for chains, shared in ((derived(document.blocks), False), (spoken(document.blocks), True)):
        pairs = symbolic_pairs(chains)
        for data in assignments(graph, seed, count, shared):
            point = _Point(graph, data)
            found += [f"{a} = {b}" for a, b in pairs if not point.equal(a, b)]
    return found


def _by_entry(expr: Expr) -> Expr:
    """The derivative by a tensor as an array of derivatives by its entries."""

    def change(node: Expr) -> Expr:
        match node:
            case Partial(of=Symbol() as of, wrt=Symbol() as wrt) if wrt.shape:
                return Array(wrt.shape, tuple(Partial(of, entry) for entry in entry_symbols(wrt)))
            case _:
                return node

    return rewrite(expr, change)


def _close(x: Decimal, y: Decimal) -> bool:
    with localcontext(prec=50):
        return abs(x - y) <= TOLERANCE * max(1, abs(x), abs(y))


def _free(symbol: Symbol) -> Tensor[Num]:
    """What a definition calls its arguments has some value of its own."""
    first = sum(map(ord, symbol.key))
    return Tensor(symbol.shape, tuple(Num(Decimal(first % 10 + i + 1) / 7) for i in range(size(symbol.shape))))


def _batches(expr: Expr) -> list[str]:
    """The batches whose loss is differentiated in a formula: those whose turn it is."""
    of = [node.of for node in walk(expr) if isinstance(node, Partial)]
    return [symbol.key for symbol in of if isinstance(symbol, Symbol) and symbol.key.startswith("%batch")]


class _Point:
    """The values of every entry, derivative, state and updated parameter at one assignment.

    A sample of a batch has its own data; what an optimizer remembers is some number of its own.
    """

    def __init__(self, graph: Graph, data: dict[str, Tensor[Num]]):
        self.graph = graph
        self.data = data
        self.values = self._entries(data)
        self.tensors = self._tensors(data)
        training = graph.model.training
        self.settings = _settings(training) if training else {}
        self.of_samples: dict[int, dict[str, Num]] = {}
        self.turn = self._first

    def _tensors(self, data: dict[str, Tensor[Num]]) -> dict[str, Tensor[Num]]:
        env = forward(self.graph, data, ARITHMETIC)
        names = [q.symbol for q in self.graph.model.quantities] + [node.symbol for node in self.graph.model.nodes]
        return {symbol.key: env[symbol.key] for symbol in names if symbol.shape}

    def _entries(self, data: dict[str, Tensor[Num]]) -> dict[str, Num]:
        env = forward(self.graph, data, ARITHMETIC)
        names = [q.symbol for q in self.graph.model.quantities] + [node.symbol for node in self.graph.model.nodes]
        return {
            entry.key: value
            for symbol in names
            for entry, value in zip(entry_symbols(symbol), env[symbol.key].flat, strict=True)
        }

    def _sample(self, number: int) -> dict[str, Num]:
        if number not in self.of_samples:
            data = {**self.data, **self.graph.model.samples[number - 1]}
            self.of_samples[number] = self._entries(data)
        return self.of_samples[number]

    def equal(self, a: Expr, b: Expr) -> bool:
        self.turn = next((key for key in _batches(b)), self._first)
        x, y = self.value(a), self.value(b)
        return x.shape == y.shape and all(_close(p.value, q.value) for p, q in zip(x.flat, y.flat, strict=True))

    @property
    def _first(self) -> str:
        """The batch whose turn it is in the first round."""
        training = self.graph.model.training
        return ".".join(map(str, ("%batch", *range(1, 1 + (training.batch if training else 1)))))

    def value(self, expr: Expr) -> Tensor[Num]:
        spelled = self._spelled(expr)
        scope = {s.key: _free(s) for s in walk(spelled) if isinstance(s, Symbol) and s.key.startswith("%")}
        scope |= {key: scalar(v) for key, v in (*self.values.items(), *self.settings.items())}
        return evaluate(_by_entry(spelled), scope | self.tensors, ARITHMETIC, self._partial)

    def _spelled(self, expr: Expr) -> Expr:
        """With what an update assigns written out: `w.after`, `m.w.after`, `g.w`; of a batch, its samples."""
        for symbol in names_outside_derivatives(expr):
            value = self._own(symbol.key)
            if value is not None:
                expr = self._spelled(substitute(expr, {symbol.key: value}))
        return expr

    def _own(self, key: str) -> Expr | None:
        if key in self.values or key in self.tensors:
            return None
        if key.startswith("%batch"):
            found = self._batch(key, lambda of: of[self._loss])
            penalty = self.graph.model.penalty
            return _numeral(found if penalty is None else ARITHMETIC.add(found, self.values[penalty.key]))
        if key.startswith("%sample"):
            return _numeral(self._sample(int(key.removeprefix("%sample")))[self._loss])
        name, dot, rest = key.partition(".")
        if key.endswith(".change"):
            of = key.removesuffix(".change")
            return subtract(self._assigned("theta", of), self._parameter(of))
        if key.endswith(".after"):
            of = key.removesuffix(".after")
            return (
                self._assigned("theta", of)
                if of in self.values or of in self.tensors
                else self._assigned(name, rest.removesuffix(".after"))
            )
        if dot and rest in self.values and name == "ahead":
            return self._ahead(rest)
        if dot and rest in self.values and name == "g":
            return self._direction(rest)
        return _numeral(_near(Num(Decimal("0.3")), key)) if dot and rest in self.values else None

    @property
    def _loss(self) -> str:
        assert self.graph.model.loss is not None
        return self.graph.model.loss.key

    @property
    def _training(self) -> Training:
        assert self.graph.model.training is not None
        return self.graph.model.training

    def _assigned(self, name: str, key: str) -> Expr:
        """What a rule assigns, in what it uses."""
        rule = next(a.value for a in self._training.optimizer.assignments if a.name == name)
        return self._of_parameter(rule, key)

    def _ahead(self, key: str) -> Expr:
        """Where a rule takes its gradient."""
        point = self._training.optimizer.ahead
        assert point is not None
        return self._of_parameter(point, key)

    def _of_parameter(self, rule: Expr, key: str) -> Expr:
        names = [a.name for a in self._training.optimizer.assignments if a.name != "theta"]
        parameter = self._parameter(key)
        places: dict[str, Expr] = {THETA.key: parameter, GRADIENT.key: self._direction(key)}
        places |= {old(n).key: Symbol(f"{n}.{key}") for n in names}
        places |= {new(n).key: Symbol(f"{n}.{key}.after") for n in names}
        return substitute(rule, places)

    def _parameter(self, key: str) -> Symbol:
        return self.graph.symbols.get(key) or self.graph.tensors[key]

    def _direction(self, key: str) -> Expr:
        model, size = self.graph.model, self._training.batch
        alone = size == 1 and model.penalty is None
        gradient = Partial(self.graph.symbols[self._loss] if alone else Symbol(self.turn), self._parameter(key))
        rule = direction(self._training, size, self._training.clip_norm is not None)
        return substitute(rule, {GRADIENT.key: gradient, THETA.key: self._parameter(key)})

    def _batch(self, key: str, take: Callable[[dict[str, Num]], Num]) -> Num:
        """A number of each sample, over the batch, and the penalty's."""
        numbers = [int(n) for n in key.split(".")[1:]]
        points = [self.values] if len(numbers) == 1 else [self._sample(n) for n in numbers]
        return over([take(values) for values in points], over_batch(self.graph.model), ARITHMETIC)

    def _partial(self, partial: Partial) -> Num:
        assert isinstance(partial.of, Symbol) and isinstance(partial.wrt, Symbol)
        of, wrt = partial.of.key, partial.wrt.key
        if of.startswith("%batch"):
            return self._of_batch(of, wrt)
        if of.startswith("%sample"):
            values = self._sample(int(of.removeprefix("%sample")))
            return total_derivative(self.graph, self._loss, wrt, values, ARITHMETIC)
        if partial.local:
            env = {key: scalar(v) for key, v in self.values.items()}
            return evaluate(self.graph.local(of, wrt), env, ARITHMETIC).item
        return total_derivative(self.graph, of, wrt, self.values, ARITHMETIC)

    def _of_batch(self, of: str, wrt: str) -> Num:
        found = self._batch(of, lambda values: total_derivative(self.graph, self._loss, wrt, values, ARITHMETIC))
        penalty = self.graph.model.penalty
        if penalty is None:
            return found
        return ARITHMETIC.add(found, total_derivative(self.graph, penalty.key, wrt, self.values, ARITHMETIC))


def names_outside_derivatives(expr: Expr) -> list[Symbol]:
    if isinstance(expr, Symbol):
        return [expr]
    return (
        [] if isinstance(expr, Partial) else [s for child in children(expr) for s in names_outside_derivatives(child)]
    )


def _numeral(value: Num) -> Expr:
    return Number(value.value, value.exact)


def _settings(training: Training) -> dict[str, Num]:
    """Numbers for the names of the rule."""
    found = {f"%{key}": value for key, value in training.settings.items()}
    others = {COUNT: Decimal(3), NORM: Decimal("1.7"), CLIP: Decimal("0.5"), WEIGHT_DECAY: Decimal("0.01")}
    return found | {symbol.key: Num(value) for symbol, value in others.items()}
