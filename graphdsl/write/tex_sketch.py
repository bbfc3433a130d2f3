"""Rows of a derivation in LaTeX and a small drawing -> beside which rows it stands, and how deep; knows no document and no formula."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

TALL, LOW = 25.3, 14.5
"""The height of a row with fractions and of one without, in points."""

_TALL_ASCENT, _LOW_ASCENT = 14.5, 9.5
_GAP = 1.2
_OVER = 2.0
_OVER_AT_END = 6.0


class Row(NamedTuple):
    """How far a row reaches, in ems, and how high it is, in points."""

    reach: float
    height: float


class Stand(NamedTuple):
    """The first and the last row that a drawing stands beside, and how far it is raised from the baseline of the first."""

    first: int
    last: int
    raised: float


def stand(rows: Sequence[Row], room: float, wide: float, high: float) -> Stand | None:
    """Where a drawing stands, of a width in ems and a height in points: beside the first rows that leave it room."""
    free = [row.reach + _GAP + wide <= room for row in rows]
    for first in range(len(rows)):
        height = _OVER_AT_END if first == 0 else _OVER
        for last in range(first, len(rows)):
            if not free[last]:
                break
            height += rows[last].height
            if height + (_OVER_AT_END if last + 1 == len(rows) else _OVER) >= high:
                own = sum(row.height for row in rows[first : last + 1])
                return Stand(
                    first, last, (_TALL_ASCENT if rows[first].height >= TALL else _LOW_ASCENT) - (own + high) / 2
                )
    return None
