"""Random programs over the whole language, and those that were once found wanting: routes agree, pages are true, JSON parses, PyTorch agrees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from random_programs import FORMS, MODULES, Program, held, program

from graphdsl import losses, ops
from graphdsl.check.calls import FUNCTIONS
from graphdsl.uses import library

COUNT = 300
SEEDS = [pytest.param(n, marks=pytest.mark.slow) if n % 5 else n for n in range(COUNT)]
"""Every fifth in a default run, all of them in the full one; `python -m tests.random_programs 5000` tries more."""

FOUND = sorted((Path(__file__).parent / "found").glob("*.spec"))
"""What random programs found, made small; each says what was wrong."""


@pytest.mark.torch
@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_program(seed: int) -> None:
    made = program(seed)
    try:
        held(made)
    except Exception as wrong:
        wrong.add_note(made.text)
        raise


@pytest.mark.parametrize("path", FOUND, ids=lambda p: p.stem)
def test_what_was_found(path: Path) -> None:
    text = path.read_text("utf-8")
    held(Program(0, text, comparable=False, cut="cut" in text))


def test_the_same_seed_is_the_same_program() -> None:
    assert program(7) == program(7)
    assert program(7).text != program(8).text


def test_every_function_is_called() -> None:
    """A new function joins by itself, or is called as a method of `Formulas` says, which FORMS of random_programs lists."""
    text = "\n".join(program(seed).text for seed in range(COUNT)).lower()
    missing = [name for name in FUNCTIONS if not re.search(rf"\b{name}\(", text)]
    assert not missing, f"no program calls {missing}: how they are called belongs in FORMS of tests/random_programs.py"
    assert set(FORMS) <= set(FUNCTIONS)


def test_every_option_of_a_function_is_said() -> None:
    text = "\n".join(program(seed).text for seed in range(COUNT))
    for row in ops.SPOKEN.values():
        for option in row.options:
            assert re.search(rf"(?i)\b{row.name}\([^\n]*\b{option} = ", text), f"{row.name}(…, {option} = …)"


def test_every_loss_is_used() -> None:
    """A new loss joins by itself; where it does not take any numbers, OUTPUTS of random_programs says what it takes."""
    text = "\n".join(program(seed).text for seed in range(COUNT * 2))
    used = {loss.name for name, loss in losses.SPOKEN.items() if f" {name}(t1" in text}
    assert used == {row.name for row in losses.TABLE}


def test_every_module_of_the_library_is_used() -> None:
    assert set(MODULES) == set(library()), "a new module gets a line in MODULES of tests/random_programs.py"
    text = "\n".join(program(seed).text for seed in range(COUNT))
    for name in MODULES:
        assert f"{name}(" in text


def test_the_programs_use_the_language_widely() -> None:
    text = "\n".join(program(seed).text for seed in range(COUNT))
    for word in (
        "function ", "module ", "layer ", "for ", " in 1..", " as s", "stack(r", "derivative(", "given ", "gradient ", " wrt ",
        "loss E", "minimise", "maximise", "penalty", "train sgd", "train adam", "data {", "carry = displayed", "rounding = cut",
        "decimals[E]", "style = chain", "style = matrix", "find ", "init ", "sum(", "prod(", "@", "^T", "^-1", "batch =",
        "clip_norm", "order = sequential", "[[", "..",
    ):  # fmt: skip
        assert word in text, word
