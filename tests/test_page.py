"""The page of every gallery spec, and of random ones: each printed line read back, each symbolic equality evaluated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from equalities import derived, false_equalities, numeric_relations, spoken, symbolic_pairs
from random_specs import cases
from reading import count, false_lines

from graphdsl import uses
from graphdsl.check import check
from graphdsl.diagnostics import Source, SpecError
from graphdsl.document import Document
from graphdsl.explain import explain
from graphdsl.expr import has_names
from graphdsl.figures import figures
from graphdsl.graph import build
from graphdsl.model import Model
from graphdsl.numbers import Carry, Decimal50
from graphdsl.parse import parse
from graphdsl.phrases import load
from graphdsl.routes import compare, verdicts
from graphdsl.run import run
from graphdsl.trace import Trace
from graphdsl.write import text

SPECS = sorted((Path(__file__).parents[1] / "specs").rglob("*.spec"))


def model_of(path: Path) -> Model:
    return check(uses.load(parse(Source(path.name, path.read_text("utf-8"), path.parent))))


def carried_so(model: Model, carry: Carry) -> Model:
    """The model with its numbers carried so; of a training that was not, three rounds are enough."""
    if model.training is None or model.carry == carry:
        return replace(model, carry=carry)
    return replace(
        model, carry=carry, training=replace(model.training, steps=min(3, model.training.steps)), expected=()
    )


def page(model: Model) -> tuple[Trace, Document]:
    trace = run(build(model), Decimal50(model.display if model.carry == "displayed" else None))
    told = explain(trace, compare(trace), verdicts(trace), load(), None)
    return trace, figures(told, model.display)


def name(path: Path) -> str:
    return path.stem


def test_there_is_a_gallery() -> None:
    assert len(SPECS) > 30


@pytest.mark.parametrize("carry", get_args(Carry))
@pytest.mark.parametrize("path", SPECS, ids=name)
def test_no_printed_relation_is_false(path: Path, carry: Carry) -> None:
    own = model_of(path)
    model = carried_so(own, carry)
    try:
        document = page(model)[1]
    except SpecError:  # rounded to 0, a probability has no logarithm
        assert carry != own.carry
        return
    written = text.write(document)
    assert false_lines(written, model.display.rounding) == []
    assert count(written, model.display.rounding) >= sum(map(numeric_relations, derived(document.blocks)))


@pytest.mark.parametrize("decimals", [0, 2, 9])
@pytest.mark.parametrize("path", SPECS[::4], ids=name)
def test_no_printed_relation_is_false_with_other_decimals(path: Path, decimals: int) -> None:
    model = model_of(path)
    model = replace(model, display=replace(model.display, decimals=decimals))
    written = text.write(page(model)[1])
    assert false_lines(written, model.display.rounding) == []


@pytest.mark.parametrize("path", SPECS, ids=name)
def test_every_symbolic_equality_holds(path: Path) -> None:
    trace, document = page(model_of(path))
    formulas = any(has_names(m) for chain in derived(document.blocks) for m in chain.members[1:])
    assert bool(symbolic_pairs(derived(document.blocks))) == formulas
    assert false_equalities(trace.graph, document) == []


def test_the_evaluator_of_equalities_finds_a_false_one() -> None:
    model = model_of(next(p for p in SPECS if p.name == "two-relu-layers.spec"))
    trace, document = page(model)
    other = model_of(next(p for p in SPECS if p.name == "two-relu-layers-twin.spec"))
    assert false_equalities(trace.graph, document) == []
    assert symbolic_pairs(spoken(document.blocks))
    assert false_equalities(build(other), document), "symmetry does not hold among sixteen different numbers"


@pytest.mark.parametrize("carry", get_args(Carry))
@pytest.mark.parametrize("number", [*range(8), *(pytest.param(n, marks=pytest.mark.slow) for n in range(8, 40))])
def test_pages_of_random_specs_are_true(number: int, carry: Carry) -> None:
    case = RANDOM[number]
    model = check(parse(Source("random.spec", case.text)))
    model = replace(
        model, carry=carry, training=model.training and replace(model.training, steps=min(2, model.training.steps))
    )
    trace, document = page(model)
    written = text.write(document)
    assert false_lines(written, model.display.rounding) == []
    assert false_equalities(trace.graph, document, seed=number, count=1) == []


RANDOM = list(cases(40, seed=77))
