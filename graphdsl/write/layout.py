"""What all formats share in laying out a block: chains broken into rows, tables folded to the page; knows no format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from graphdsl.document import Inlines, Line, Math, Table
from graphdsl.expr import Number, Quotient, has_names
from graphdsl.numbers import written

T = TypeVar("T")


def fill(widths: Sequence[int], room: int, gap: int = 1) -> list[list[int]]:
    """Positions in rows: each row takes what fits into `room`, and at least one."""
    rows: list[list[int]] = []
    used = 0
    for i, width in enumerate(widths):
        if rows and used + gap + width <= room:
            rows[-1].append(i)
            used += gap + width
        else:
            rows.append([i])
            used = width
    return rows


def folded(table: Table, widths: Sequence[int], room: int, gap: int) -> list[Table]:
    """A table too wide for the page as several, each with the first column before its own."""
    rows = fill(widths[1:], room - widths[0] - gap, gap)
    if len(rows) <= 1:
        return [table]
    chosen = [(0, *(i + 1 for i in row)) for row in rows]
    return [_columns(table, columns, table.caption if n == 0 else ()) for n, columns in enumerate(chosen)]


def _columns(table: Table, columns: Sequence[int], caption: Inlines) -> Table:
    def pick(row: Sequence[T]) -> tuple[T, ...]:
        return tuple(row[i] for i in columns)

    return Table(pick(table.head), tuple(pick(row) for row in table.rows), pick(table.numeric), caption)


DIGIT, MARK, MINUS = 0.5, 0.278, 0.778
"""The widths of what a numeral consists of, in ems."""

_POWER_OF_TEN = 1.722
"""The width of a dot between its spaces, and of 10."""

_RAISED = 0.7


def missing(column: Sequence[Inlines]) -> list[float]:
    """The room in ems that each numeral of a column lacks behind it, so that the decimal marks meet; words lack none."""
    found = [_after_mark(cell) for cell in column]
    longest = max((after for after in found if after is not None), default=0.0)
    return [0.0 if after is None else longest - after for after in found]


def _after_mark(cell: Inlines) -> float | None:
    """How wide a numeral is from its decimal mark on; a fraction ends where it would be."""
    match cell:
        case (Math(expr=Number() as numeral),):
            digits = written(numeral.value)
            places = len(digits.mantissa.partition(".")[2])
            return MARK * bool(places) + DIGIT * places + _raised_width(digits.exponent)
        case (Math(expr=Quotient(numerator=Number(), denominator=Number())),):
            return 0.0
        case _:
            return None


def _raised_width(exponent: int | None) -> float:
    if exponent is None:
        return 0.0
    return _POWER_OF_TEN + _RAISED * (MINUS * (exponent < 0) + DIGIT * len(str(abs(exponent))))


def low(lines: Sequence[Line]) -> list[bool]:
    """Which lines of a derivation set their derivatives as low as words: those that ask for it, and all where every
    line has names in its first member only."""
    numeric = all(not any(has_names(member) for member in line.chain.members[1:]) for line in lines)
    return [numeric or line.compact for line in lines]
