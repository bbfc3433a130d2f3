"""A value or a gradient of a pass -> its line of derivation: symbols, chain rule, numbers, result; chooses no digits."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from graphdsl.derive.derivative import raw_derivative
from graphdsl.derive.evaluate import evaluate
from graphdsl.document import Inlines, Line, Math
from graphdsl.explain.calculator import exponentials, steps
from graphdsl.explain.worked import PRODUCT, Pass, Worked, definition, numeral, worked
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    Array,
    Expr,
    Number,
    Partial,
    Product,
    Quotient,
    Relation,
    Symbol,
    add,
    equals,
    has_names,
    multiply,
    rewrite,
)
from graphdsl.model import is_stand_in
from graphdsl.names import Ink
from graphdsl.numbers import Decimal50, NumberMistake
from graphdsl.phrases import Phrases

MOST_PATHS = 2
"""So many whole paths are written out; more are not, for they grow as width^(depth − 1)."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What a line says: the chain rule, its symbols worked out, the numbers, every operation, whole paths; what stands near it."""

    rule: bool = False
    symbols: bool = True
    numbers: bool = True
    between: bool = False
    paths: bool = False
    near: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lines:
    """Makes lines for one pass; the first pass says every formula, others give the numbers."""

    at: Pass
    phrases: Phrases
    number: int
    deltas: Mapping[str, Ink] = field(default_factory=dict)

    # Forward.

    def value(self, key: str, saying: Saying) -> Line:
        """key = formula = numbers = result."""
        graph = self.at.graph
        if key in graph.model.overrides:
            return Line(
                equals(graph.symbols[key], self.at.value(key)), self.phrases.say("as_given"), f"{key}@{self.number}"
            )
        formula = graph.formula(key)
        if self.at.letters:
            return Line(equals(graph.symbols[key], formula), (), f"{key}@{self.number}")
        done = self._in_numbers(formula, saying)
        members: list[Expr] = [graph.symbols[key]]
        if saying.symbols:
            members.append(formula)
        members += [*in_numbers(done.expr, saying), self.at.value(key)]
        return Line(chain(members), self.because(done.conditions), f"{key}@{self.number}")

    def exponentials(self, key: str) -> Iterator[Line]:
        """e^(−z) = e^(−1.5) = 0.2231: the powers of e that a value needs, one by one."""
        for power in exponentials(definition(self.at.graph.formula(key))):
            done = worked(power, self.at)
            try:
                value = evaluate(done.expr, {}, Decimal50()).item
            except NumberMistake:
                continue
            yield Line(chain([power, done.expr, numeral(value, PRODUCT)]), ())

    def _in_numbers(self, formula: Expr, saying: Saying) -> Worked:
        """The definition in numbers; the bare call where a part of the definition is too large to be a number.

        A later round, which says no formulas, has the call instead of a fraction too: σ(0.3774).
        """
        defined = definition(formula)
        if isinstance(defined, Quotient) and not saying.symbols:
            defined = formula
        done = worked(defined, self.at)
        try:
            evaluate(done.expr, {}, Decimal50())
        except NumberMistake:
            return worked(formula, self.at)
        return done

    # Backward.

    def gradient(self, objective: str, key: str, saying: Saying) -> Line:
        """∂objective/∂key by the chain rule over everything that uses it."""
        uses = self.uses(objective, key)
        target = self.partial(objective, key)
        if self._is_given(objective, key, uses):
            value = self.at.gradient(objective, key)
            return Line(equals(target, value), self.phrases.say("as_given"), f"d{objective}/d{key}@{self.number}")
        reached = [self._upstream_times_local(objective, use, key) for use in uses]
        short = add(*reached) if reached else Number(ONE.value * 0)
        if self.at.letters:
            rule = self._rule(objective, key, uses) if saying.rule else []
            return Line(chain([target, *rule, short]), (), f"d{objective}/d{key}@{self.number}")
        done = worked(short, self.at)
        members: list[Expr] = [target]
        if saying.paths:
            members += self._whole_paths(objective, key)
        if saying.rule:
            members += self._rule(objective, key, uses)
        if saying.symbols:
            members.append(short)
        members += [*in_numbers(done.expr, saying), self.at.gradient(objective, key)]
        far = [use for use in uses if not (use in saying.near or self.goes_through(objective, use))]
        reason = self.because(done.conditions) or self._found_above(objective, far if saying.rule else [])
        said = chain(members)
        anchor = f"d{objective}/d{key}@{self.number}"
        return Line(said, reason, anchor, compact=not saying.rule or len(said.members) == 2)

    def _is_given(self, objective: str, key: str, uses: list[str]) -> bool:
        """Whether the spec gives this derivative."""
        model = self.at.graph.model
        return (objective, key) in model.upstream or (uses == [objective] and is_stand_in(model, objective))

    def partial(self, of: str, wrt: str, local: bool = False) -> Partial:
        """∂of/∂wrt; a local one is marked where `of` depends on `wrt` along other paths too."""
        names, loss = self.at.graph.symbols, self.at.graph.model.loss
        if not local and wrt in self.deltas and loss is not None and of == loss.key:
            return Partial(names[of], names[wrt], ink=self.deltas[wrt])
        marked = local and self._other_paths(of, wrt)
        return Partial(names[of], names[wrt], local, marked)

    def uses(self, objective: str, key: str) -> list[str]:
        """The entries that use this one and reach the objective, in the order of the graph."""
        graph = self.at.graph
        reaching = graph.reaching(objective)
        used = [child for child in graph.entries.successors(key) if child in reaching]
        return sorted(used, key=graph.place.__getitem__)

    def _upstream_times_local(self, objective: str, use: str, key: str) -> Expr:
        """∂objective/∂use · (∂use/∂key worked out in symbols)."""
        local = self.at.graph.local(use, key)
        if use == objective:
            return local
        upstream = self._through(objective, use) if self.goes_through(objective, use) else self.partial(objective, use)
        if upstream == ONE:
            return local
        if isinstance(local, Product) and local.factors[0] == MINUS_ONE:
            return Product((MINUS_ONE, upstream, *local.factors[1:]))
        factors = local.factors if isinstance(local, Product) else (local,)
        return upstream if factors == (ONE,) and self.deltas else Product((upstream, *factors))

    def goes_through(self, objective: str, key: str) -> bool:
        """Whether a derivative has no line of its own, because the δs above it say it at once: f′(z) · Σ w δ."""
        model = self.at.graph.model
        if not self.deltas or model.loss is None or objective != model.loss.key or key in self.deltas:
            return False
        uses = self.uses(objective, key)
        carried = model.carry == "displayed" or self._is_given(objective, key, uses)
        known = all(use == objective or use in self.deltas for use in uses)
        return key in self.at.graph.computed and not carried and (known or self._one_way(objective, uses))

    def is_output(self, objective: str, key: str) -> bool:
        """Whether no δ stands between a unit's δ and the objective, but something that has none does."""
        uses = self.uses(objective, key)
        return key in self.deltas and uses != [objective] and not self._found_by_deltas(objective, key)

    def _found_by_deltas(self, objective: str, key: str) -> bool:
        """Whether a derivative is a sum over δs above it."""
        uses = [use for use in self.uses(objective, key) if use != objective]
        return any(use in self.deltas or self._found_by_deltas(objective, use) for use in uses)

    def _one_way(self, objective: str, uses: list[str]) -> bool:
        return len(uses) == 1 and self.goes_through(objective, uses[0])

    def _through(self, objective: str, key: str) -> Expr:
        """∂objective/∂key worked out to the δs above it."""
        return add(*(self._upstream_times_local(objective, use, key) for use in self.uses(objective, key)))

    def _rule(self, objective: str, key: str, uses: list[str]) -> list[Expr]:
        """The chain rule in symbols; straight under the objective, the derivative before it is tidied."""
        if uses == [objective]:
            return [raw_derivative(self.at.graph.formula(objective), key)]
        return [add(*(self._link(objective, use, key) for use in uses))] if uses else []

    def _link(self, objective: str, use: str, key: str) -> Expr:
        local = self.partial(use, key, local=True)
        return local if use == objective else multiply(self.partial(objective, use), local)

    def _whole_paths(self, objective: str, key: str) -> list[Expr]:
        """The product of local derivatives along each path to the objective, where there are at most two."""
        paths = self._paths(objective, key)
        if not 0 < len(paths) <= MOST_PATHS or max(map(len, paths)) < 4:
            return []
        return [add(*(self._along(path) for path in paths))]

    def _along(self, path: list[str]) -> Expr:
        pairs = list(itertools.pairwise(path))
        return multiply(*(self.partial(child, parent, local=True) for parent, child in reversed(pairs)))

    def _paths(self, objective: str, key: str) -> list[list[str]]:
        """The paths from an entry to the objective, given up beyond a few."""
        found: list[list[str]] = []
        stack = [[key]]
        while stack and len(found) <= MOST_PATHS:
            path = stack.pop()
            if path[-1] == objective:
                found.append(path)
            else:
                stack += [[*path, use] for use in reversed(self.uses(objective, path[-1]))]
            if len(stack) > 64:
                return []
        return found

    def _other_paths(self, of: str, wrt: str) -> bool:
        import networkx as nx

        entries = self.at.graph.entries
        return any(use != of and nx.has_path(entries, use, of) for use in entries.successors(wrt))

    # Reasons.

    def because(self, conditions: Iterable[Relation]) -> Inlines:
        """The conditions under which cases were chosen, as a reason; nothing where there were none."""
        items = [(Math(condition),) for condition in dict.fromkeys(conditions)]
        return self.phrases.say("because", condition=self.phrases.listed([*items])) if items else ()

    def _found_above(self, objective: str, uses: list[str]) -> Inlines:
        found = [use for use in uses if use != objective]
        if len(found) != 1:
            return ()
        gradient = Math(equals(self.partial(objective, found[0]), self.at.gradient(objective, found[0])))
        return self.phrases.say("found_above", gradient=gradient)


def in_numbers(expr: Expr, saying: Saying) -> list[Expr]:
    """A formula in numbers, and operation by operation if that is wanted."""
    return [expr, *(steps(expr) if saying.between else ())] if saying.numbers else []


def chain(members: Iterable[Expr]) -> Relation:
    """A chain without repetitions; numerals that are the result already are not said twice."""
    kept: list[Expr] = []
    for member in members:
        if kept and (_as_printed(member) == _as_printed(kept[-1]) or _same_number(kept[-1], member)):
            kept[-1] = member if not has_names(member) else kept[-1]
        else:
            kept.append(member)
    return equals(*kept)


def _as_printed(expr: Expr) -> Expr:
    """With −(3) as −3: two ways to write a number that look alike."""

    def folded(node: Expr) -> Expr:
        match node:
            case Product(factors=(Number() as sign, Number() as n)) if sign == MINUS_ONE and n.quantity is None:
                return Number(n.value.copy_negate())
            case _:
                return node

    return rewrite(expr, folded)


def _same_number(a: Expr, b: Expr) -> bool:
    match a, b:
        case Number(), Number():
            return a.value == b.value
        case Array(), Array():
            return a.shape == b.shape and all(map(_same_number, a.entries, b.entries))
        case _:
            return False


def after_symbol(symbol: Symbol) -> Symbol:
    """w⁺: the parameter after its update."""
    ink = symbol.ink
    return Symbol(f"{symbol.key}.after", symbol.shape, replace(ink, sup=f"{ink.sup}+"))
