"""Pieces of the page, and single derivations: what is asked for is there, whole and true; what is not is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from equalities import derived, false_equalities, symbolic_pairs
from reading import count, false_lines

import graphdsl
from graphdsl.diagnostics import SpecError
from graphdsl.document import Block, Derivation, Document, Line, Note, Section, Table
from graphdsl.figures import figures
from graphdsl.graph import build
from graphdsl.model import Model
from graphdsl.numbers import Carry
from graphdsl.phrases import load
from graphdsl.pieces import PARTS, only, single
from graphdsl.run import run
from graphdsl.solve import Solution, arithmetic
from graphdsl.trace import Trace
from graphdsl.write import text

SPECS = Path(__file__).parent.parent / "specs"
SEED = SPECS / "two-relu-layers.spec"
SIX = (
    "two-relu-layers-twin.spec",
    "two-relu-layers-as-layers.spec",
    "nets/sakib-tanh.spec",
    "tour/matrices.spec",
    "tour/shared-weight.spec",
    "circuits/cs231n-sigmoid.spec",
)
EVERY = sorted(SPECS.rglob("*.spec"))
PHRASES = load()


def solved(name: str) -> Solution:
    return graphdsl.solve(SPECS / name)


def page(trace: Trace, name: str, step: int | None = None) -> str:
    return text.write(document(trace, name, step))


def document(trace: Trace, name: str, step: int | None = None) -> Document:
    return figures(single(trace, PHRASES, name, step), trace.graph.model.display)


def lines(blocks: tuple[Block, ...]) -> Iterator[Line]:
    for block in blocks:
        match block:
            case Section():
                yield from lines(block.blocks)
            case Derivation():
                yield from block.lines
            case _:
                pass


def anchors(found: Document) -> list[str]:
    return [line.anchor for line in lines(found.blocks) if line.anchor]


def refused(trace: Trace, name: str, step: int | None = None) -> str:
    with pytest.raises(SpecError) as mistake:
        single(trace, PHRASES, name, step)
    return str(mistake.value)


@pytest.fixture(scope="module")
def seed() -> Trace:
    return graphdsl.solve(SEED).trace


@pytest.fixture(scope="module")
def seed_page() -> Document:
    return graphdsl.solve(SEED).document


# One derivation.


def test_a_derivative_in_full(seed: Trace) -> None:
    written = page(seed, "dE/dw13", 2)
    assert "Round 2: ∂E/∂w₁₃" in written
    assert "∂E/∂w₁₃ = ∂E/∂y₁ · ∂y₁/∂H₃ · ∂H₃/∂z₃ · ∂z₃/∂w₁₃ = ∂E/∂z₃ · ∂z₃/∂w₁₃" in written
    assert "∂E/∂z₃ · H₁ ≈ 1.3375 · 1.15 ≈ 1.5381" in written
    assert "∂z₃/∂w₁₃ = H₁ = 1.15" in written
    assert "∂E/∂z₃ ≈ 1.3375 was found above" in written


def test_every_derivative_between_is_found_before_it_is_used(seed: Trace) -> None:
    found = anchors(document(seed, "dE/dw1"))
    wanted = [f"dE/d{name}@1" for name in ("y1", "H4", "z_H4", "H3", "z_H3", "H1", "z_H1", "w1")]
    assert [anchor for anchor in found if anchor.startswith("dE/")] == wanted


def test_a_value_from_the_data_up(seed: Trace) -> None:
    assert anchors(document(seed, "H3", 2)) == ["z_H1@2", "H1@2", "z_H2@2", "H2@2", "z_H3@2", "H3@2"]
    assert "z₁ = w₁x₁ + b₁" in page(seed, "H3", 2), "the formula is said in every round"


def test_an_update_in_full(seed: Trace) -> None:
    written = page(seed, "w13.after", 1)
    assert "w₁₃⁺ = w₁₃ − η · ∂E/∂w₁₃ = 1 − 0.01 · 5.25 = 1 − 0.0525 = 0.9475" in written
    assert "η = 0.01" in written
    assert page(seed, "w13.after1") == written
    assert page(seed, "w13.after") == page(seed, "w13.after", 2), "the last one, if nothing is said"


def test_all_updates_of_a_round(seed: Trace) -> None:
    found = anchors(document(seed, "updates", 2))
    assert [a for a in found if ".after@2" in a] == [f"{key}.after@2" for key in seed.rounds[1].updates]


def test_a_parameter_in_a_later_round_is_the_update_before_it(seed: Trace) -> None:
    assert anchors(document(seed, "w13", 2)) == ["dE/dw13@1", "w13.after@1"]
    assert anchors(document(seed, "w13", 1)) == []


def test_values_after_updates(seed: Trace) -> None:
    assert "After the last update: E" in page(seed, "E.after")
    assert page(seed, "E.after1") == page(seed, "E", 2)
    assert page(seed, "E.after2") == page(seed, "E", 3)


@pytest.mark.parametrize("name", ["∂E/∂w13", "∂E / ∂w₁₃", " dE/dw13 ", "dE/∂w13"])
def test_a_name_can_be_said_in_several_ways(seed: Trace, name: str) -> None:
    assert page(seed, name) == page(seed, "dE/dw13")


@pytest.mark.parametrize("name", ["dL/dK[1,1]", "∂L/∂K[1, 1]", "dL/dK[1][1]", "dL/dk₁₁"])
def test_an_entry_with_a_name_of_its_own_has_two(name: str) -> None:
    trace = solved("tour/matrices.spec").trace
    assert page(trace, name) == page(trace, "dL/dk11")


def test_greek_letters_and_words_are_one_name() -> None:
    spec = "input x = 2\ntarget t = 1\nparam beta = 3, θ1 = 0.5\ny = θ1*x + beta\nloss E = (t - y)^2\n"
    trace = graphdsl.solve(spec).trace
    assert page(trace, "dE/dβ") == page(trace, "dE/dbeta")
    assert page(trace, "dE/dtheta1") == page(trace, "dE/dθ1")


def test_a_derivative_of_what_is_no_objective(seed: Trace) -> None:
    assert "∂H₃/∂w₁₃ = ∂H₃/∂z₃ · ∂z₃/∂w₁₃ = ∂H₃/∂z₃ · H₁ = 1 · 1.5 = 1.5" in page(seed, "dH3/dw13")
    assert "∂E/∂t = 1/2 · 2 · (t − y₁) = t − y₁ = 1 − 4.5 = −3.5" in page(seed, "dE/dt")
    assert "∂E/∂E = 1" in page(seed, "dE/dE")


@pytest.mark.parametrize(
    ("name", "step", "message", "hint"),
    [
        ("dE/dW13", None, "nothing here is called `W13`", "did you mean `w13`?"),
        ("dF/dw13", None, "nothing here is called `F`", ""),
        ("q", None, "nothing here is called `q`", ""),
        ("", None, "nothing here is called ``", ""),
        ("dE/", None, "nothing here is called `dE/`", ""),
        ("dw13/dE", None, "`w13` does not depend on `E`", "did you mean `dE/dw13`?"),
        ("dH3/dH4", None, "`H3` does not depend on `H4`", ""),
        ("dx1/dw1", None, "`x1` does not depend on `w1`", ""),
        ("dE/dw13", 3, "there is no round 3: there are 2", "gradients are computed before each update"),
        ("dE/dw13", 0, "there is no round 0: there are 2", ""),
        ("H3", 4, "there is no round 4: there are 2", ""),
        ("H3", -1, "there is no round -1: there are 2", ""),
        ("w13.after3", None, "there is no update 3: there are 2", ""),
        ("E.after0", None, "there is no update 0: there are 2", ""),
        ("x1.after", None, "`x1` is not trained, so nothing changes it", ""),
        ("updates", 3, "there is no round 3: there are 2", "gradients are computed before each update"),
    ],
)
def test_what_is_not_there_is_said(seed: Trace, name: str, step: int | None, message: str, hint: str) -> None:
    told = refused(seed, name, step)
    assert told == f"error: {message}\n" + (f"  hint: {hint}\n" if hint else "")


def test_a_circuit_has_one_round_and_no_updates() -> None:
    trace = solved("circuits/colah.spec").trace
    assert "∂e/∂b = ∂e/∂c · ∂c/∂b + ∂e/∂d · ∂d/∂b" in page(trace, "de/db")
    assert refused(trace, "de/db", 2) == "error: there is no round 2: there is only one\n"
    assert "nothing is trained" in refused(trace, "updates")
    assert "nothing is trained" in refused(trace, "b.after")


def test_a_tensor_asks_for_its_entry() -> None:
    trace = solved("tour/shortest.spec").trace
    assert "say which one, from `hidden1.W[1,1]` to `hidden1.W[2,1]`" in refused(trace, "dE/dhidden1.W")
    assert "say which one, from `hidden1[1]` to `hidden1[2]`" in refused(trace, "hidden1")
    assert anchors(document(trace, "hidden1[2]")) == ["hidden1.z[2]@1", "hidden1[2]@1"]


def test_a_derivative_without_a_value_is_a_sentence() -> None:
    trace = graphdsl.solve("input x = 0\nconst c = 2\ns = sqrt(x)\ny = c*x\ngradient y\n").trace
    assert "`ds/dx` has no value: division by zero" in refused(trace, "ds/dx")


def wanted(model: Model, trace: Trace) -> Iterator[tuple[str, int]]:
    """Every derivative by data and every update, in every round; every value in every pass."""
    for round_ in trace.rounds:
        for objective, gradients in round_.samples[0].gradients.items():
            yield from ((f"d{objective}/d{key}", round_.number) for key in gradients)
        yield from ((f"{key}.after", round_.number) for key in round_.updates)
        yield from ((key, round_.number) for key in trace.graph.computed)
        if model.training is not None:
            yield "updates", round_.number
    yield from ((key, len(trace.rounds) + 1) for key in trace.graph.computed if trace.final is not None)


@pytest.mark.slow
@pytest.mark.parametrize("carry", get_args(Carry))
@pytest.mark.parametrize("name", SIX)
def test_every_single_derivation_is_true(name: str, carry: Carry) -> None:
    model = replace(solved(name).model, carry=carry)
    trace = run(build(model), arithmetic(model))
    told = [document(trace, *ask) for ask in wanted(model, trace)]
    for found in told:
        written = text.write(found)
        assert false_lines(written, model.display.rounding) == []
        assert count(written, model.display.rounding) or len(list(lines(found.blocks))) == 1
        assert all(len(row) <= text.WIDTH for row in written.split("\n"))
    together = Document("", (), tuple(block for found in told for block in found.blocks), ())
    assert len(symbolic_pairs(derived(together.blocks))) > 20
    if carry == "full":
        assert false_equalities(trace.graph, _without_repetitions(together)) == []


def _without_repetitions(found: Document) -> Document:
    """Each line once: an equality need not be evaluated a hundred times."""
    once = {line.anchor or repr(line.chain): line for line in lines(found.blocks)}
    return replace(found, blocks=(Derivation(tuple(once.values())),))


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_a_derivation_of_every_spec(path: Path) -> None:
    solution = graphdsl.solve(path)
    for objective, gradients in solution.trace.rounds[-1].samples[0].gradients.items():
        key = next(key for key in gradients if key in solution.trace.graph.reaching(objective))
        written = page(solution.trace, f"d{objective}/d{key}", solution.trace.count)
        assert false_lines(written, solution.model.display.rounding) == []


# Parts of the page.


def test_sections_are_cut_by_round(seed_page: Document) -> None:
    both = only(seed_page, "forward", "table")
    assert [block.anchor for block in both.blocks if isinstance(block, Section)] == [
        "forward@1",
        "forward@2",
        "forward@3",
        "results",
    ]
    (second,) = only(seed_page, "backward", step=2).blocks
    assert isinstance(second, Section)
    assert second.anchor == "backward@2"
    assert second in seed_page.blocks, "a section that is asked for stays whole"


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("published", "tasks", "answers")])
def test_every_part_is_there(seed_page: Document, part: str) -> None:
    cut = only(seed_page, part)
    assert cut.blocks
    assert all(block in seed_page.blocks for block in cut.blocks)
    assert (cut.title, cut.colophon) == (seed_page.title, seed_page.colophon)


def test_notes_and_tables(seed_page: Document) -> None:
    (note,) = only(seed_page, "given").blocks
    assert isinstance(note, Note)
    (results,) = only(seed_page, "table").blocks
    assert isinstance(results, Section)
    assert any(isinstance(block, Table) for block in results.blocks)


def test_a_name_takes_its_lines(seed_page: Document) -> None:
    assert anchors(only(seed_page, "H1")) == ["H1@1", "H1@2", "H1@3"]
    assert anchors(only(seed_page, "∂E/∂w₁₃", step=2)) == ["dE/dw13@2"]
    assert anchors(only(seed_page, "E", "dE/dw13", step=1)) == ["E@1", "dE/dw13@1"]


def test_a_name_that_symmetry_left_out_is_said_to_be_equal(seed_page: Document) -> None:
    cut = only(seed_page, "dE/dw14", step=2)
    assert anchors(cut) == ["dE/dw13@2"]
    assert "∂E/∂w₁₄ = ∂E/∂w₁₃\n" in text.write(cut)


def test_parts_in_capitals_and_with_spaces(seed_page: Document) -> None:
    assert only(seed_page, " Forward ") == only(seed_page, "forward")


def test_a_node_may_be_called_as_a_part_is() -> None:
    page_ = graphdsl.solve("input x = 2\nparam w = 3\nforward = w*x\ngradient forward\n").document
    assert "forward@1" in anchors(only(page_, "forward"))


@pytest.mark.parametrize(
    ("what", "step", "message", "hint"),
    [
        ("dE/dw99", None, "there is no `dE/dw99` on this page", "did you mean"),
        ("xyz", None, "there is no `xyz` on this page", "graphdsl explain"),
        ("tabel", None, "there is no `tabel` on this page", "did you mean `table`?"),
        ("dE/dw13", 3, "there is no `dE/dw13` of round 3 on this page, only of rounds 1 and 2", "graphdsl explain"),
        ("forward", 4, "there is no `forward` of round 4 on this page, only of rounds 1, 2 and 3", ""),
    ],
)
def test_a_part_that_is_not_there(seed_page: Document, what: str, step: int | None, message: str, hint: str) -> None:
    with pytest.raises(SpecError) as mistake:
        only(seed_page, what, step=step)
    assert str(mistake.value).startswith(f"error: {message}\n")
    assert hint in str(mistake.value)
