"""Trace + small changes of quantities -> how much each objective changes, beside its derivative; no digits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from graphdsl.document import Block, Math, Paragraph, Section, Table
from graphdsl.explain.worked import PRODUCT, Pass, numeral
from graphdsl.expr import Number, add
from graphdsl.graph import entry_symbols
from graphdsl.numbers import Decimal50, Num, Tensor
from graphdsl.phrases import Phrases
from graphdsl.run import forward
from graphdsl.trace import Round


def nudges(at: Pass, round_: Round, changes: Mapping[str, Decimal], phrases: Phrases) -> Block:
    """A row for each change and objective: J before and after, the change, the change by the nudge, ∂J/∂θ."""
    words = ("nudge", "quantity", "before", "after", "nudge_change", "nudge_quotient", "nudge_slope")
    several = len(at.graph.model.objectives) > 1
    head = tuple(phrases.say(word) for word in words if several or word != "quantity")
    rows = tuple(
        _row(at, round_, key, change, objective.key)
        for key, change in changes.items()
        for objective in at.graph.model.objectives
    )
    rows = rows if several else tuple((nudged, *cells) for nudged, _, *cells in rows)
    table = Table(head, rows, tuple(i >= len(head) - 5 for i in range(len(head))))
    return Section(phrases.say("nudges"), (Paragraph(phrases.say("nudges_told")), table), "nudges")


def _row(at: Pass, round_: Round, key: str, change: Decimal, objective: str) -> tuple[tuple[Math, ...], ...]:
    names = at.graph.symbols
    arithmetic = Decimal50()
    before = at.number(objective)
    after = _value(at, _nudged(at, round_, key, change, arithmetic), objective, arithmetic)
    difference = arithmetic.add(after, arithmetic.multiply(Num(Decimal(-1)), before))
    quotient = arithmetic.divide(difference, Num(change))
    cells = (
        numeral(before, objective),
        numeral(after, objective),
        numeral(difference, PRODUCT),
        numeral(quotient, PRODUCT),
        at.gradient(objective, key),
    )
    nudge = _sum_of(at, key, change)
    return (nudge,), (Math(names[objective]),), *(((Math(cell),)) for cell in cells)


def _sum_of(at: Pass, key: str, change: Decimal) -> Math:
    return Math(add(at.graph.symbols[key], Number(change)))


def _nudged(at: Pass, round_: Round, key: str, change: Decimal, arithmetic: Decimal50) -> dict[str, Tensor[Num]]:
    parameters = dict(round_.parameters)
    for quantity in at.graph.model.quantities:
        keys = [entry.key for entry in entry_symbols(quantity.symbol)]
        if key in keys:
            flat = list(parameters[quantity.symbol.key].flat)
            place = keys.index(key)
            flat[place] = arithmetic.add(flat[place], Num(change))
            parameters[quantity.symbol.key] = Tensor(quantity.symbol.shape, tuple(flat))
    return parameters


def _value(at: Pass, parameters: Mapping[str, Tensor[Num]], objective: str, arithmetic: Decimal50) -> Num:
    env = forward(at.graph, parameters, arithmetic)
    node, index = at.graph.computed[objective]
    return env[node.symbol.key].at(index)
