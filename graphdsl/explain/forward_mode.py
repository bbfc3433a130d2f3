"""Pass + one quantity -> the forward mode: how each value moves with it, in the order of the forward pass; no digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphdsl.derive.evaluate import evaluate
from graphdsl.document import Block, Derivation, Line, Math, Section, Table
from graphdsl.explain.lines import chain
from graphdsl.explain.worked import Pass, worked
from graphdsl.expr import ONE, ZERO, Expr, Number, Partial, add, equals, multiply
from graphdsl.numbers import Decimal50, Num, scalar
from graphdsl.phrases import Phrases


def forward_mode(at: Pass, key: str, phrases: Phrases) -> Block:
    """The tangents by one entry: a line for each value that depends on it, and all of them in a table.

    Wengert 1964; the table is that of Baydin, Pearlmutter, Radul and Siskind 2018.
    """
    moving = _moving(at, key)
    seen = _with_tangents(at, key, moving)
    names = at.graph.symbols
    seed = Line(equals(Partial(names[key], names[key]), ONE), phrases.say("tangent_seed"))
    lines = (seed, *(_line(seen, key, child, moving) for child in moving if child != key))
    title = phrases.say("forward_mode", name=Math(names[key]))
    return Section(title, (Derivation(lines), _table(seen, key, phrases)), f"forward_mode:{key}")


def _moving(at: Pass, key: str) -> list[str]:
    """The entries that depend on one, itself first, in an order in which they can be computed."""
    import networkx as nx

    entries = at.graph.entries
    reached = nx.descendants(entries, key) & set(at.sample.values)
    return [key, *(k for k in at.graph.computed if k in reached)]


def _with_tangents(at: Pass, key: str, moving: list[str]) -> Pass:
    """The pass with ∂v/∂key of every v, found from the parents of each."""
    arithmetic = Decimal50()
    env = {k: scalar(value) for k, value in at.sample.values.items()}
    found: dict[str, Num] = {key: Num(ONE.value)}
    for child in moving[1:]:
        total = Num(ZERO.value)
        for parent in at.graph.entries.predecessors(child):
            if parent in found:
                local = evaluate(at.graph.local(child, parent), env, arithmetic).item
                total = arithmetic.add(total, arithmetic.multiply(local, found[parent]))
        found[child] = total
    gradients = {**at.sample.gradients, **{child: {key: value} for child, value in found.items()}}
    return replace(at, sample=replace(at.sample, gradients=gradients))


def _line(at: Pass, key: str, child: str, moving: list[str]) -> Line:
    """∂v₃/∂x₁ = ∂v₃/∂v₁ · ∂v₁/∂x₁ + … = … ."""
    names = at.graph.symbols
    parents = [p for p in at.graph.entries.predecessors(child) if p in moving]
    rule = add(*(multiply(Partial(names[child], names[p], local=True), _tangent(at, p, key)) for p in parents))
    formula = add(*(_times(at.graph.local(child, p), _tangent(at, p, key)) for p in parents))
    done = worked(formula, at)
    members: list[Expr] = [Partial(names[child], names[key])]
    members += [rule] if parents != [key] else []
    return Line(chain([*members, formula, done.expr, at.gradient(child, key)]), (), f"d{child}/d{key}@forward")


def _tangent(at: Pass, parent: str, key: str) -> Expr:
    return ONE if parent == key else Partial(at.graph.symbols[parent], at.graph.symbols[key])


def _times(local: Expr, tangent: Expr) -> Expr:
    if isinstance(local, Number) and local == ONE:
        return tangent
    return local if tangent == ONE else multiply(local, tangent)


def _table(at: Pass, key: str, phrases: Phrases) -> Table:
    """Value and tangent of every entry, beside each other."""
    names = at.graph.symbols
    head = (phrases.say("quantity"), phrases.say("value"), phrases.say("tangent", name=Math(names[key])))
    rows = tuple(_rows(at, key))
    return Table(head, rows, (False, True, True))


def _rows(at: Pass, key: str) -> Iterator[tuple[tuple[Math, ...], ...]]:
    for entry in at.graph.symbols:
        if entry in at.sample.values:
            tangent = at.gradient(entry, key) if entry in at.sample.gradients else ZERO
            yield (Math(at.graph.symbols[entry]),), (Math(at.value(entry)),), (Math(tangent),)
