"""A pass -> the blocks of a page in matrices: values, gradients and updates, each tensor in one line; chooses no digits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from graphdsl.adjoint import finished, gradients, with_sums
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.shape import shape_of
from graphdsl.document import Block, Derivation, Inlines, Item, Line, Math, Note, Paragraph
from graphdsl.explain.changes import change_lines
from graphdsl.explain.glossary import functions, of_products, why
from graphdsl.explain.lines import Saying, after_symbol, chain, in_numbers
from graphdsl.explain.measure import GROUPED, Measure
from graphdsl.explain.order import asked
from graphdsl.explain.tensors import Arrays, array_of, entrywise, shown
from graphdsl.explain.updating import by_change
from graphdsl.explain.worked import Pass, numeral
from graphdsl.expr import (
    ONE,
    ZERO,
    Array,
    Element,
    Expr,
    Number,
    Partial,
    Relation,
    Symbol,
    add,
    equals,
    rewrite,
    substitute,
    subtract,
    symbols,
    walk,
)
from graphdsl.graph import Graph, entry_symbols
from graphdsl.model import Node, Training, is_stand_in
from graphdsl.numbers import Decimal50, Shape, indices
from graphdsl.optimizers import GRADIENT, THETA
from graphdsl.phrases import Phrases
from graphdsl.trace import Round, Sample

MOST_SEEN = 8
"""An array of so many rows and columns is seen whole: how large it is need not be said."""

MOST_LINES = 80
"""So many tensors are written as lines; the rest are counted."""


@dataclass(frozen=True)
class Tensors:
    """The quantities and nodes of a graph as they are called, and which uses which."""

    graph: Graph
    passed: dict[tuple[str, str], dict[str, Expr]] = field(default_factory=dict)
    """What each node passes on to the names in its formula, by the objective; made when it is asked for."""

    @cached_property
    def symbols(self) -> dict[str, Symbol]:
        """Every quantity and node by its key, in the order of the text."""
        return self.graph.tensors

    @cached_property
    def nodes(self) -> dict[str, Node]:
        return {node.symbol.key: node for node in self.graph.model.nodes}

    @cached_property
    def uses(self) -> dict[str, list[str]]:
        """The nodes whose formulas name a tensor, or an entry of it that has a name of its own."""
        found: dict[str, list[str]] = {key: [] for key in self.symbols}
        for node in self.graph.model.nodes:
            for name in symbols(node.formula):
                if name in found:
                    found[name].append(node.symbol.key)
        return found

    def holding(self, key: str) -> Symbol:
        """The tensor that an entry belongs to; a scalar is its own."""
        if key in self.symbols:
            return self.symbols[key]
        return next(s for s in self.symbols.values() if s.shape and any(e.key == key for e in entry_symbols(s)))

    def asked(self) -> list[Symbol]:
        """The tensors whose gradients are asked for, or some of their entries."""
        return list({tensor.key: tensor for tensor in map(self.holding, asked(self.graph.model))}.values())

    def backward(self, objective: str) -> list[Symbol]:
        """Every tensor whose gradient leads to one that is asked for, each before those that it needs further down."""
        wanted = self._wanted(objective)
        own = self.holding(objective).key
        found: list[str] = []
        for key in reversed([k for k in self.nodes if k in wanted]):
            if key != own:
                found.append(key)
            found += [d for d in wanted if d not in self.nodes and self._first_use(d, wanted) == key]
        return [self.symbols[key] for key in found]

    def _wanted(self, objective: str) -> dict[str, None]:
        above = self._reaching(objective)
        down: set[str] = {s.key for s in self.asked()} & above
        for key in self.nodes:
            if key in above and any(name in down for name in symbols(self.nodes[key].formula)):
                down.add(key)
        return {key: None for key in self.symbols if key in down}

    def _reaching(self, objective: str) -> set[str]:
        found = {self.holding(objective).key}
        for key in reversed(self.nodes):
            if key in found:
                found |= symbols(self.nodes[key].formula).keys() & self.symbols.keys()
        return found

    def _first_use(self, key: str, wanted: Iterable[str]) -> str:
        return next(use for use in self.nodes if use in self.uses[key] and use in wanted)


@dataclass(frozen=True, slots=True)
class Together:
    """Parameters with names of their own, and the array whose entries their derivatives are."""

    array: Expr
    shape: Shape
    entries: tuple[Symbol, ...]


@dataclass(frozen=True)
class MatrixLines:
    """Makes the lines of one pass; the first pass says every formula, others give the numbers."""

    tensors: Tensors
    at: Pass
    phrases: Phrases
    number: int

    @property
    def arrays(self) -> Arrays:
        return Arrays(self.at)

    def value(self, node: Node, saying: Saying) -> Line:
        """Q = X W = numbers = result."""
        anchor = f"{node.symbol.key}@{self.number}"
        if any(entry.key in self.at.graph.model.overrides for entry in entry_symbols(node.symbol)):
            value = self.arrays.value(node.symbol)
            return Line(equals(node.symbol, value), self.phrases.say("as_given"), anchor)
        formula = shown(node.formula)
        if self.at.letters:
            return Line(equals(node.symbol, formula), (), anchor)
        members: list[Expr] = [node.symbol, *([formula] if saying.symbols else [])]
        members += [*in_numbers(self.arrays.numbers(formula), saying), self.arrays.value(node.symbol)]
        return Line(chain(members), self.shape(node.symbol.shape), anchor)

    def gradient(self, objective: Symbol, symbol: Symbol, saying: Saying) -> Line:
        """∂L/∂V = Aᵀ ∂L/∂Z = numbers = result."""
        anchor = f"d{objective.key}/d{symbol.key}@{self.number}"
        if self.is_given(objective, symbol):
            value = self.arrays.gradient(objective.key, symbol)
            return Line(equals(Partial(objective, symbol), value), self.phrases.say("as_given"), anchor)
        reached = shown(self.pulled(objective, symbol))
        if self.at.letters:
            return Line(equals(Partial(objective, symbol), reached), (), anchor)
        shorter = self._shorter(objective, symbol, reached)
        members: list[Expr] = [Partial(objective, symbol), *([reached] if saying.symbols else [])]
        if shorter is not None:
            members += [shorter] if saying.symbols else []
            reached = shorter
        members += [*in_numbers(self.arrays.numbers(reached), saying), self.arrays.gradient(objective.key, symbol)]
        reasons = [self.shape(symbol.shape)]
        if saying.symbols:
            reasons.append(self._why(objective, symbol))
        if shorter is not None and saying.symbols:
            reasons.append(self._with_sums_of_one(shorter))
        return Line(chain(members), self.phrases.joined([reason for reason in reasons if reason]), anchor)

    def grouped(self, objective: Symbol, wanted: Sequence[Symbol]) -> list[Symbol | Together]:
        """Parameters with names of their own whose derivatives are all entries of one array, as that array."""
        arrays: dict[Expr, dict[Shape, Symbol]] = {}
        places: dict[str, Expr] = {}
        for symbol in wanted:
            found = None if symbol.shape or self.is_given(objective, symbol) else self._entry_of(objective, symbol)
            if found is not None:
                array, index = found
                arrays.setdefault(array, {})[index] = symbol
                places[symbol.key] = array
        whole = {
            array: Together(array, shape_of(array), tuple(entries[i] for i in indices(shape_of(array))))
            for array, entries in arrays.items()
            if len(entries) > 1 and entries.keys() == set(indices(shape_of(array)))
        }
        told = [whole.get(places[s.key], s) if s.key in places else s for s in wanted]
        return list(dict.fromkeys(told))

    def _entry_of(self, objective: Symbol, symbol: Symbol) -> tuple[Expr, Shape] | None:
        """The array and the place in it that a parameter's derivative is; nothing where it is no single entry."""
        match self.pulled(objective, symbol):
            case Element(of=array, index=index) if all(isinstance(i, Number) for i in index):
                return array, tuple(int(i.value) for i in index if isinstance(i, Number))
            case Partial(wrt=Symbol(key=key)):
                tensor = self.tensors.holding(key)
                if not tensor.shape:
                    return None
                places = {entry.key: i for entry, i in zip(entry_symbols(tensor), indices(tensor.shape), strict=True)}
                return Partial(objective, tensor), places[key]
            case _:
                return None

    def together(self, objective: Symbol, wrt: Together, saying: Saying) -> Line:
        """[∂E/∂w₁₁, ∂E/∂w₁₂; …] = ∂E/∂z aᵀ = numbers = result."""
        reached = shown(wrt.array)
        members: list[Expr] = [Array(wrt.shape, tuple(Partial(objective, entry) for entry in wrt.entries))]
        members += [reached] if saying.symbols else []
        numerals = [self.at.gradient(objective.key, entry.key) for entry in wrt.entries]
        members += [*in_numbers(self.arrays.numbers(reached), saying), Array(wrt.shape, tuple(numerals))]
        return Line(chain(members), self.shape(wrt.shape), f"d{objective.key}/d{wrt.entries[0].key}@{self.number}")

    def _why(self, objective: Symbol, symbol: Symbol) -> Inlines:
        """Why the gradient of a tensor has its form, where one node passes it on."""
        uses = (self.tensors.nodes[use] for use in self.tensors.uses[symbol.key])
        through = [node for node in uses if self._upstream(objective, node.symbol) is not None]
        return why(through[0], self.phrases) if len(through) == 1 else ()

    def _with_sums_of_one(self, expr: Expr) -> Inlines:
        """What is left of (∑ y) · p − y where ∑ y = 1, as it is of a one-hot target."""
        ones: dict[Expr, None] = {}

        def is_one(total: Expr) -> bool:
            if any(key not in self.at.given for key in self._entries(total)):
                return False
            found = evaluate(self.arrays.numbers(total), {}, Decimal50())
            if all(x.exact and x.value == 1 for x in found.flat):
                ones[total] = None
                return True
            return False

        left = with_sums(expr, is_one)
        if not ones:
            return ()
        told = [(Math(equals(total, ONE)),) for total in ones]
        return self.phrases.say("with_sums_of_one", sums=self.phrases.listed([*told]), left=Math(left))

    def _entries(self, expr: Expr) -> list[str]:
        tensors = self.tensors.symbols
        return [e.key for name in symbols(expr) if name in tensors for e in entry_symbols(tensors[name])]

    def _shorter(self, objective: Symbol, symbol: Symbol, reached: Expr) -> Expr | None:
        """The gradient with those above it put in, where that is shorter: (∑ y) · p − y below a softmax and −∑ y ln p."""
        partials = (p.wrt for p in walk(reached) if isinstance(p, Partial))
        above = [wrt for wrt in partials if isinstance(wrt, Symbol) and wrt.key in self.tensors.uses]
        if self.at.graph.model.carry == "displayed" or any(self.is_given(objective, wrt) for wrt in above):
            return None  # what goes on are the rounded or given numbers
        known: dict[Expr, Expr] = {Partial(objective, wrt): self.pulled(objective, wrt) for wrt in above}
        found = shown(finished(rewrite(reached, lambda node: known.get(node, node)), symbol.shape))
        return found if known and _length(found) < _length(reached) else None

    def is_given(self, objective: Symbol, symbol: Symbol) -> bool:
        """Whether the spec gives this gradient, or a part of it."""
        model = self.at.graph.model
        if any((objective.key, entry.key) in model.upstream for entry in entry_symbols(symbol)):
            return True
        return is_stand_in(model, objective.key) and self.tensors.uses[symbol.key] == [objective.key]

    def composed(self, objective: Symbol, symbol: Symbol) -> Expr:
        """The gradient of a tensor in the names of nodes alone, no gradient left in it."""
        if self.is_given(objective, symbol):
            return Partial(objective, symbol)
        reached = self.pulled(objective, symbol)
        uses = (self.tensors.symbols[use] for use in self.tensors.uses[symbol.key])
        known: dict[Expr, Expr] = {
            Partial(objective, use): self.composed(objective, use) for use in uses if use.key != objective.key
        }
        return finished(rewrite(reached, lambda node: known.get(node, node)), symbol.shape)

    def pulled(self, objective: Symbol, symbol: Symbol) -> Expr:
        """The gradient of a tensor from those of everything that uses it."""
        found = []
        for use in self.tensors.uses[symbol.key]:
            if (passed := self._passed(objective, use)) is not None:
                found.append(passed.get(symbol.key, ZERO))
        return finished(add(*found) if found else ZERO, symbol.shape)

    def _passed(self, objective: Symbol, use: str) -> dict[str, Expr] | None:
        """What a node passes on; nothing where the objective does not depend on it."""
        upstream = self._upstream(objective, self.tensors.symbols[use])
        if upstream is None:
            return None
        known, node = self.tensors.passed, self.tensors.nodes[use]
        if (objective.key, use) not in known:
            known[objective.key, use] = gradients(node.formula, node.symbol, upstream)
        return known[objective.key, use]

    def _upstream(self, objective: Symbol, use: Symbol) -> Expr | None:
        """∂objective/∂use; nothing where the objective does not depend on it; a unit where it is the objective."""
        if use.key == objective.key:
            return ONE
        if all(entry.key not in self.at.graph.reaching(objective.key) for entry in entry_symbols(use)):
            return None
        entries = [entry.key for entry in entry_symbols(use)]
        if objective.key in entries:
            return Array(use.shape, tuple(ONE if key == objective.key else ZERO for key in entries))
        return Partial(objective, use)

    def update(self, symbol: Symbol, round_: Round, training: Training, saying: Saying) -> Line:
        """W⁺ = W − η ∂L/∂W = numbers = result."""
        loss = self.at.graph.model.loss
        assert loss is not None, "a training has a loss"
        step = training.optimizer.step
        assert step is not None, "only a plain step is written in matrices"
        rule = add(THETA, step) if training.ascent else subtract(THETA, step)
        formula = entrywise(substitute(rule, {THETA.key: symbol, GRADIENT.key: Partial(loss, symbol)}))
        after = [numeral(round_.updates[entry.key].after, entry.key) for entry in entry_symbols(symbol)]
        members: list[Expr] = [after_symbol(symbol), *([formula] if saying.symbols else [])]
        known = {key: numeral(value, key, True) for key, value in round_.settings.items()}
        members += [*in_numbers(self.arrays.numbers(formula, known), saying), array_of(symbol.shape, after)]
        return Line(chain(members), self.shape(symbol.shape), f"{symbol.key}.after@{round_.number}")

    def shape(self, shape: Shape) -> Inlines:
        """3×2, or how many entries a vector has, of what is too large to be seen whole."""
        if max(shape, default=0) <= MOST_SEEN:
            return ()
        match shape:
            case (count,):
                return self.phrases.say("entries_many", count=count)
            case _:
                return self.phrases.say("shape", shape="×".join(map(str, shape)))


def _length(expr: Expr) -> int:
    return sum(1 for _ in walk(expr))


@dataclass(frozen=True)
class MatrixPasses:
    """Writes the passes of one round; the first round says every formula, later ones refer to it.

    explain: the tensors and derivatives that are said in full, whatever the measure is.
    """

    lines: MatrixLines
    first: bool
    measure: Measure = GROUPED
    explain: frozenset[str] = frozenset()

    def saying(self, name: str) -> Saying:
        """What a line says; results alone are lines without formulas and without the numbers that lead there."""
        if name in self.explain:
            return Saying()
        measure = self.measure
        symbols = (self.first or measure.again) and measure.lines
        return Saying(symbols=symbols, numbers=measure.numbers and measure.lines, between=measure.between)

    def forward(self) -> tuple[Block, ...]:
        """Every node in the order of the text."""
        nodes = [node for node in self.lines.at.graph.model.nodes if node.role != "stand-in"]
        made = [self.lines.value(node, self.saying(node.symbol.key)) for node in nodes[:MOST_LINES]]
        return self._derived(made, len(nodes))

    def backward(self, objective: str) -> tuple[Block, ...]:
        """∂objective/∂… from the output down; parameters that stand in one matrix or vector as such."""
        symbol = self.lines.at.graph.symbols[objective]
        wanted = self.lines.grouped(symbol, self.lines.tensors.backward(objective))
        made = [self._gradient(symbol, wrt) for wrt in wanted[:MOST_LINES]]
        return self._derived(made, len(wanted))

    def _gradient(self, objective: Symbol, wrt: Symbol | Together) -> Line:
        if isinstance(wrt, Symbol):
            return self.lines.gradient(objective, wrt, self.saying(f"d{objective.key}/d{wrt.key}"))
        named = {f"d{objective.key}/d{key.key}" for key in wrt.entries}
        return self.lines.together(objective, wrt, Saying() if named & self.explain else self.saying(""))

    def in_letters(self, objective: str) -> list[Line]:
        """What is asked for, in the names of nodes alone."""
        symbol = self.lines.at.graph.symbols[objective]
        reached = {tensor.key for tensor in self.lines.tensors.backward(objective)}
        return [
            Line(
                equals(Partial(symbol, tensor), shown(self.lines.composed(symbol, tensor))),
                (),
                f"d{objective}/d{tensor.key}@letters",
            )
            for tensor in self.lines.tensors.asked()
            if tensor.key in reached
        ]

    def update(self, round_: Round, training: Training) -> tuple[Block, ...]:
        """Every trained tensor after its update."""
        trained = [q.symbol for q in self.lines.at.graph.model.quantities if q.trained]
        made = [line for symbol in trained[:MOST_LINES] for line in self._updated(symbol, round_, training)]
        return self._derived(made, len(trained))

    def _updated(self, symbol: Symbol, round_: Round, training: Training) -> Iterator[Line]:
        """A tensor's update, at once or by what is added to it."""
        at, loss = self.lines.at, self.lines.at.graph.model.loss
        saying = self.saying(f"{symbol.key}.after")
        if loss is not None and by_change(at):
            shape = self.lines.shape(symbol.shape)
            yield from change_lines(symbol, loss, self.lines.arrays, round_, training, saying, shape)
        else:
            yield self.lines.update(symbol, round_, training, saying)

    def _derived(self, lines: Sequence[Line], total: int) -> tuple[Block, ...]:
        blocks: tuple[Block, ...] = (Derivation(tuple(lines)),) if lines else ()
        left = total - len(lines)
        return (*blocks, Paragraph(self.lines.phrases.say("more_lines", count=left))) if left else blocks


# The front of the page.


def in_matrices(note: Note, graph: Graph, phrases: Phrases) -> Note:
    """What is given, with the vector of each layer whose units have names, and the error in matrices."""
    layers = [Math(_vector(layer.units)) for layer in graph.model.layers if layer.named]
    told = (Item(phrases.say("layer_vectors"), phrases.joined([(said,) for said in layers])),) if layers else ()
    note = replace(note, items=(*note.items, *told))
    loss = graph.model.loss
    if loss is None:
        return note
    formula = next(node.formula for node in graph.model.nodes if node.symbol == loss)
    error = phrases.say("error")
    said = Item(error, (Math(equals(loss, shown(formula))),))
    return replace(note, items=tuple(said if item.term == error else item for item in note.items))


def _vector(units: Symbol) -> Relation:
    """a⁽¹⁾ = [H₁, H₂]"""
    assert units.parts is not None, "these units have names"
    return equals(units, Array(units.shape, units.parts))


def acts_on_entries(note: Note, graph: Graph, phrases: Phrases) -> Note:
    """The conventions, how a product of matrices passes its gradient on, and that functions act on every entry."""
    if not any(node.symbol.shape for node in graph.model.nodes):
        return note
    products = of_products(_formulas(graph), phrases) if graph.model.objectives else ()
    told = (*products, phrases.say("entrywise"))
    return replace(note, items=(*note.items, *(Item((), words) for words in told)))


def on_arrays(graph: Graph, phrases: Phrases) -> tuple[Note, ...]:
    """What the functions on arrays are that stand in the formulas of the page."""
    if not any(node.symbol.shape for node in graph.model.nodes):
        return ()
    note = functions([*_formulas(graph), *_pulled(graph, phrases)], phrases)
    return () if note is None else (note,)


def _formulas(graph: Graph) -> list[Expr]:
    return [shown(node.formula) for node in graph.model.nodes]


def _pulled(graph: Graph, phrases: Phrases) -> Iterator[Expr]:
    """The formulas of the gradients that a page shows."""
    tensors = Tensors(graph)
    lines = MatrixLines(tensors, Pass(graph, Sample({}, {}, {}, {}), frozenset(), True), phrases, 1)
    for objective in graph.model.objectives:
        wanted = tensors.backward(objective.key)[:MOST_LINES]
        yield from (lines.pulled(objective, wrt) for wrt in wanted if not lines.is_given(objective, wrt))
