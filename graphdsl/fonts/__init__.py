"""A character in the font of the page -> how much room it takes; knows no formulas and draws nothing.

The figures in `newcm` were measured with typst's embedded New Computer Modern; any other font is a fallback that
the drawings do not depend on to be readable.
"""

from __future__ import annotations

import unicodedata

from graphdsl.fonts.newcm import ITALIC, REGULAR, Extents

FAMILY = "'New Computer Modern', 'NewComputerModern10', 'Latin Modern Roman', 'CMU Serif', 'STIX Two Text', serif"
"""The fonts that a drawing asks for, best first."""

MATH_FAMILY = "'New Computer Modern Math', 'Latin Modern Math', 'STIX Two Math', serif"
"""The same for the signs that only the mathematical font has."""

MATH_SIGNS = frozenset("′″∂≈≤≥⊙⋮⋯⋅∑ℓ")

_WIDE: Extents = (1000, 850, 150)
_OTHER: Extents = (650, 720, 220)


def extents(character: str, italic: bool) -> Extents:
    """Advance, ink above and ink below the baseline, in thousandths of the size; a guess for what the font lacks."""
    found = (ITALIC if italic else REGULAR).get(character) or REGULAR.get(character)
    if found is not None:
        return found
    if character.isspace():
        return (333, 0, 0)
    if unicodedata.combining(character):
        return (0, 700, 0)
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER
