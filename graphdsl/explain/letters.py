"""Graph -> derivatives as formulas: in the names of the nodes between, and in the letters of the question alone; computes no number."""

from __future__ import annotations

from graphdsl.document import Block, Derivation, Line, Section
from graphdsl.explain.lines import chain
from graphdsl.explain.order import asked
from graphdsl.expr import Expr, Partial
from graphdsl.graph import Graph
from graphdsl.letters import formula_of, written_out
from graphdsl.phrases import Phrases


def in_letters(graph: Graph, phrases: Phrases) -> tuple[Block, ...]:
    """What is asked for, as formulas of what is given."""
    lines: list[Line] = []
    for objective in graph.model.objectives:
        for key in asked(graph.model):
            if key in graph.reaching(objective.key) and key != objective.key:
                lines.append(_line(graph, objective.key, key))
    return (Section(phrases.say("in_letters"), (Derivation(tuple(lines)),), "letters"),) if lines else ()


def _line(graph: Graph, objective: str, key: str) -> Line:
    names = graph.symbols
    between = formula_of(graph, objective, key)
    members: list[Expr] = [Partial(names[objective], names[key]), between]
    letters = written_out(graph, between)
    if letters is not None:
        members.append(letters)
    return Line(chain(members), (), f"d{objective}/d{key}@letters")
