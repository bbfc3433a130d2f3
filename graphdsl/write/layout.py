"""What all formats share in laying out a block: chains broken into rows, tables folded to the page; knows no format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from graphdsl.document import Inlines, Line, Math, Table
from graphdsl.expr import Number, has_names
from graphdsl.numbers import decimals_of, written

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


def decimals(cell: Inlines) -> int | None:
    """How many digits a numeric cell has behind its decimal mark; None where it is not a plain numeral."""
    match cell:
        case (Math(expr=Number() as numeral),) if written(numeral.value).exponent is None:
            return decimals_of(numeral.value)
        case _:
            return None


def low(lines: Sequence[Line]) -> list[bool]:
    """Which lines of a derivation set their derivatives as low as words: those that ask for it, and all where every
    line has names in its first member only."""
    numeric = all(not any(has_names(member) for member in line.chain.members[1:]) for line in lines)
    return [numeric or line.compact for line in lines]
