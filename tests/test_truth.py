"""Every page that a reader may ask for is true: the gallery in every style, detail, language, notation and way to carry numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import tex_reading
from reading import count, false_lines, pointed

import graphdsl
from graphdsl import notation
from graphdsl.report import KEYS
from graphdsl.solve import Solution

ROOT = Path(__file__).parent.parent / "specs"
GALLERY = sorted(ROOT.rglob("*.spec"))

ASKED = ("style", "detail", "language", "notation")
"""The keys of `report` that change every line of a page."""

CHOICES = {key: KEYS[key].words for key in ASKED if KEYS[key].words} | {"notation": notation.names()}
CARRIED = ("full", "displayed")

PAGES_OF_A_SPEC = 2
"""So many pages of each spec are read; together they are every choice many times."""


def wishes(spec: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """How the numbers are carried and what the page is to be, other choices for each spec."""
    rng = random.Random(str(spec.relative_to(ROOT)))
    for _ in range(PAGES_OF_A_SPEC):
        yield rng.choice(CARRIED), {key: rng.choice(words) for key, words in CHOICES.items()}


def solved(spec: Path, carried: str, report: dict[str, str]) -> Solution:
    """The spec so solved; where rounding as by hand leaves a value none (ln of a probability that becomes 0), in full."""
    try:
        return graphdsl.solve(spec, report=report, set={"carry": carried})
    except graphdsl.SpecError as mistake:
        if "would look the same" in str(mistake):  # in the letters of that notation
            return solved(spec, carried, {**report, "notation": "default"})
        assert carried == "displayed"
        return graphdsl.solve(spec, report=report, set={"carry": "full"})


@pytest.mark.slow
@pytest.mark.parametrize("spec", GALLERY, ids=[str(spec.relative_to(ROOT)) for spec in GALLERY])
def test_every_page_is_true(spec: Path) -> None:
    for carried, report in wishes(spec):
        found = solved(spec, carried, report)
        rounding, text, tex = found.model.display.rounding, found.text(), found.latex()
        if found.comma:
            text, tex = pointed(text), tex_reading.pointed(tex)
        assert false_lines(text, rounding) == [], (carried, report)
        assert false_lines(tex_reading.text(tex), rounding) == [], (carried, report)


def test_every_choice_is_read() -> None:
    """Each pair of choices is met by several specs, and the checker finds equalities on such pages."""
    met = [(carried, *report.values()) for spec in GALLERY for carried, report in wishes(spec)]
    axes = [CARRIED, *CHOICES.values()]
    for i, first in enumerate(axes):
        for j, second in enumerate(axes[:i]):
            for a in first:
                for b in second:
                    assert sum(m[i] == a and m[j] == b for m in met) >= 3, (a, b)
    seed = ROOT / "two-relu-layers-twin.spec"
    for words in CHOICES.values():
        assert len(words) >= 2
    assert count(solved(seed, "full", {}).text()) > 60
