"""Mutants of specs and of random programs: each is solved, or refused in words, in time."""

from __future__ import annotations

import pytest
from fuzz_language import answered, mutant

COUNT = 600
BATCH = 20
BATCHES = [pytest.param(n, marks=pytest.mark.slow) if n % 3 else n for n in range(COUNT // BATCH)]
"""Every third batch in a default run; `python -m tests.fuzz_language 5000` tries more."""


@pytest.mark.parametrize("batch", BATCHES)
def test_mutants_are_answered(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        text = mutant(seed)
        try:
            answered(text)
        except Exception as wrong:
            wrong.add_note(f"mutant {seed}:\n{text}")
            raise


def test_mutants_are_refused_and_solved() -> None:
    """Most mutants are wrong, but enough are right to reach what comes behind the checks."""
    found = [answered(mutant(seed)) for seed in range(120)]
    assert found.count("refused") > 60
    assert found.count("solved") > 10
