"""The document's symbolic equalities, evaluated on their trees: at the trace's values and at random ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal, localcontext

from graphdsl.derive.evaluate import evaluate
from graphdsl.document import Block, Derivation, Document, Figure, Inlines, Math, Note, Paragraph, Section, Table
from graphdsl.expr import Array, Expr, Partial, Relation, Symbol, has_names, rewrite, substitute
from graphdsl.graph import Graph, entry_symbols
from graphdsl.numbers import Decimal50, Num, Tensor, scalar
from graphdsl.optimizers import GRADIENT, STEP, THETA, updated
from graphdsl.routes import total_derivative
from graphdsl.run import forward

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
        if sign == "=" and has_names(a) and has_names(b)
    ]


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
    return ARITHMETIC.add(ARITHMETIC.multiply(x, Num(factor)), Num(Decimal(rng.randint(1, 99)) / 100_000))


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


class _Point:
    """The values of every entry, derivative and updated parameter at one assignment."""

    def __init__(self, graph: Graph, data: dict[str, Tensor[Num]]):
        self.graph = graph
        env = forward(graph, data, ARITHMETIC)
        names = [q.symbol for q in graph.model.quantities] + [node.symbol for node in graph.model.nodes]
        self.tensors = {symbol.key: env[symbol.key] for symbol in names if symbol.shape}
        self.values = {
            entry.key: value
            for symbol in names
            for entry, value in zip(entry_symbols(symbol), env[symbol.key].flat, strict=True)
        }
        training = graph.model.training
        self.settings = training.settings if training else {}
        self.free = {"%z": Num(Decimal("0.7"))}

    def equal(self, a: Expr, b: Expr) -> bool:
        x, y = self.value(a), self.value(b)
        return x.shape == y.shape and all(_close(p.value, q.value) for p, q in zip(x.flat, y.flat, strict=True))

    def value(self, expr: Expr) -> Tensor[Num]:
        scope = {key: scalar(v) for key, v in (*self.values.items(), *self.settings.items(), *self.free.items())}
        scope |= self.tensors
        return evaluate(_by_entry(self._updated(expr)), scope, ARITHMETIC, self._partial)

    def _updated(self, expr: Expr) -> Expr:
        if not (isinstance(expr, Symbol) and expr.key.endswith(".after")):
            return expr
        training = self.graph.model.training
        loss = self.graph.model.loss
        assert training is not None and loss is not None
        key = expr.key.removesuffix(".after")
        parameter = self.graph.symbols.get(key) or self.graph.tensors[key]
        rule = substitute(updated(training.ascent), {STEP.key: training.optimizer.step})
        return substitute(rule, {THETA.key: parameter, GRADIENT.key: Partial(loss, parameter)})

    def _partial(self, partial: Partial) -> Num:
        assert isinstance(partial.of, Symbol) and isinstance(partial.wrt, Symbol)
        of, wrt = partial.of.key, partial.wrt.key
        if partial.local:
            env = {key: scalar(v) for key, v in self.values.items()}
            return evaluate(self.graph.local(of, wrt), env, ARITHMETIC).item
        return total_derivative(self.graph, of, wrt, self.values, ARITHMETIC)
