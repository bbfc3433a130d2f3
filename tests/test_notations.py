"""Notations: pages in the letters of other textbooks are as true as ours, keys stay, and no two names become one on the page."""

from __future__ import annotations

from pathlib import Path

import pytest
import tex_reading
from equalities import false_equalities
from reading import count, false_lines

import graphdsl
from graphdsl.notation import names
from graphdsl.solve import Solution

GALLERY = Path(__file__).parent.parent / "specs"
PACKS = names()
SAMPLE = (
    "tour/shortest.spec",
    "nets/mazur.spec",
    "nets/lexai-bce.spec",
    "softmax/batra-softmax-steps.spec",
    "training/aio-momentum.spec",
    "regression/deepml-batch.spec",
    "two-relu-layers.spec",
)


def solved(path: str, notation: str, **others: object) -> Solution:
    return graphdsl.solve(GALLERY / path, report={"notation": notation, **others})


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("path", SAMPLE)
def test_every_pack_reads_true(path: str, pack: str) -> None:
    found = solved(path, pack)
    plain = graphdsl.solve(GALLERY / path)
    rounding = found.model.display.rounding
    assert false_lines(found.text(), rounding) == []
    assert false_lines(tex_reading.text(found.latex()), rounding) == []
    assert count(found.text(), rounding) >= count(plain.text(), rounding) * 0.9
    assert false_equalities(found.trace.graph, found.document) == []
    assert found.json() == plain.json()
