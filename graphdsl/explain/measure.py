"""How much a page says of a step: each detail as one record of what its lines hold; knows no step and no words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphdsl.report import Detail


@dataclass(frozen=True, slots=True)
class Measure:
    """What the lines of a part hold.

    each: every line of a kind in full, not the first alone. symmetry: what is equal by symmetry is said in a sentence.
    again: later rounds say their formulas again. rule: the chain rule in symbols. numbers: the formula in numbers.
    between: every operation by itself. lines: derivations at all, not just a table of results.
    """

    each: bool = False
    symmetry: bool = True
    again: bool = False
    rule: bool = True
    numbers: bool = True
    between: bool = False
    lines: bool = True


GROUPED = Measure()
IN_FULL = Measure(each=True, symmetry=False, again=True)

MEASURES: Mapping[Detail, Measure] = {
    "calculator": Measure(each=True, symmetry=False, again=True, between=True),
    "full": IN_FULL,
    "grouped": GROUPED,
    "short": Measure(rule=False, numbers=False),
    "results": Measure(lines=False),
}
