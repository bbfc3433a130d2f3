"""Specs -> sheets, keys and booklets: no sheet gives an answer away, every honest result lies in its interval, a booklet's contents name its pages."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

import graphdsl
from graphdsl import page
from graphdsl.cli import main
from graphdsl.diagnostics import SpecErrors
from graphdsl.document import Question, Room, Section
from graphdsl.hull import answers, asked_in, tasks_of, value_of
from graphdsl.report import Paper
from graphdsl.solve import Solution

SPECS = Path(__file__).parents[1] / "specs"
LAYERS, BY_HAND, MAZUR = (SPECS / f"two-relu-layers{n}.spec" for n in ("-as-layers", "-by-hand", "-twin"))
SHEETS = (
    LAYERS,
    MAZUR,
    SPECS / "tour" / "skip-connection.spec",
    SPECS / "tour" / "losses.spec",
    SPECS / "recurrent" / "deepml-lstm-1.spec",
    SPECS / "attention" / "ainiketan-encoder.spec",
    SPECS / "nets" / "deepml-residual.spec",
    SPECS / "nets" / "bits-last-layers.spec",
    SPECS / "nets" / "abdulrehman-222.spec",
)

EXAM = """
title "A unit of an exam"
text  "Use the activation of the given box."
input x = 0.6
target t = 1
param w = 0.8, b = -0.15
z = w*x + b
y = sigmoid(z)
loss E = 1/2*(t - y)^2
train sgd { eta = 0.5 }
find z, y, E  "Compute the error."  (3 points)
find dE/dw, w.after (4.5 points)
note dE/dw "a secret of the solution"
source "A book with answers"
expected y = 0.5818
"""


def paper(solution: Solution, name: Paper) -> Solution:
    return replace(solution, report=replace(solution.report, paper=name))


def numerals(text: str) -> set[Decimal]:
    return {Decimal(found) for found in re.findall(r"\d+(?:\.\d+)?", text)}


def answers_of(solution: Solution) -> set[Decimal]:
    """What a sheet must not print: all results with three digits or more that the spec does not give."""
    text = page.text(paper(solution, "key").document)
    tables = "\n".join(line for line in text.splitlines() if line.startswith("  "))
    given = {abs(v.value) for q in solution.model.quantities for v in q.value.flat}
    said = "\n".join(line for line in solution.source.text.splitlines() if not line.startswith("expected"))
    found = numerals(tables) - given - numerals(said)
    return {number for number in found if len(number.normalize().as_tuple().digits) > 2}


@pytest.mark.parametrize("path", SHEETS, ids=lambda p: p.stem)
def test_no_sheet_gives_an_answer_away(path: Path) -> None:
    solution = graphdsl.solve(path)
    sheet, secret = paper(solution, "question"), answers_of(solution)
    text = page.text(sheet.document)
    assert secret or path.stem in ("bits-last-layers", "deepml-residual"), "there is something to hide"
    assert not numerals(text) & secret
    html = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", sheet.html(), flags=re.DOTALL)
    assert not numerals(re.sub(r"<[^>]*>", " ", html)) & secret


@pytest.mark.poppler
def test_no_pdf_gives_an_answer_away(tmp_path: Path) -> None:
    solution = graphdsl.solve(EXAM)
    path = tmp_path / "the-secret-name.pdf"
    path.write_bytes(paper(solution, "question").pdf())
    told = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    assert "Compute the error." in told
    assert "4.5 points" in told
    assert not numerals(told) & answers_of(solution)
    assert not any(word in told for word in ("secret", "graphdsl", "A book with answers", "routes"))


def test_a_drawing_on_a_sheet_bears_no_number() -> None:
    html = paper(graphdsl.solve(EXAM), "question").html()
    svg = re.search(r"<svg.*?</svg>", html, re.DOTALL)
    assert svg is not None
    assert not numerals(" ".join(re.findall(r"<text[^>]*>([^<]*)", svg[0])))


def test_no_file_name_stands_on_a_paper(tmp_path: Path) -> None:
    spec = tmp_path / "answers-of-group-b.spec"
    spec.write_text(EXAM, "utf-8")
    for name in ("question", "key"):
        solution = paper(graphdsl.solve(spec), name)  # type: ignore[arg-type]
        for made in (solution.text(), solution.html(), solution.latex(), solution.typst()):
            assert "group-b" not in made
        assert b"group-b" not in solution.pdf()


def test_points_add_up_and_each_task_has_room() -> None:
    document = paper(graphdsl.solve(EXAM), "question").document
    (tasks,) = (block for block in document.blocks if isinstance(block, Section))
    questions = [block for block in tasks.blocks if isinstance(block, Question)]
    rooms = [block.lines for block in tasks.blocks if isinstance(block, Room)]
    assert len(questions) == len(rooms) == 2
    assert rooms == [6, 9]
    assert "of 7.5" in page.text(document)
    assert "(7.5 points)" in page.text(paper(graphdsl.solve(EXAM), "key").document)


@pytest.mark.parametrize("path", [MAZUR, BY_HAND, SPECS / "nets" / "abdulrehman-222.spec"], ids=lambda p: p.stem)
@pytest.mark.parametrize(("carry", "decimals"), [("full", 9), ("displayed", 2), ("displayed", 3), ("displayed", 4)])
def test_an_interval_holds_what_honest_rounding_gives(path: Path, carry: str, decimals: int) -> None:
    solution = graphdsl.solve(path)
    other = graphdsl.solve(path, set={"carry": carry, "decimals": decimals})
    tasks = tasks_of(solution.model)
    found = answers(solution.trace, tasks)
    assert all(found)
    for answer in (a for own in found for a in own):
        assert answer.low <= value_of(other.trace, answer.asked).value <= answer.high


def test_without_questions_all_is_asked_for_in_every_round() -> None:
    solution = graphdsl.solve(LAYERS)
    forward, gradients, updates = (asked_in(solution.trace, task) for task in tasks_of(solution.model))
    assert len(forward) == 2 * 10  # four units and four sums, the output, the error
    assert len(gradients) == len(updates) == 2 * 13
    text = page.text(paper(solution, "question").document)
    assert "compute H₁, H₂, H₃, H₄, y₁ and E." in text
    assert "Train for 2 updates" in text


def test_letters_have_formulas_for_results() -> None:
    spec = "symbol x, w\ny = w*x\nh = tanh(y)\nloss L = 1/2*h^2\nfind dL/dw\n"
    assert "∂L/∂w" in page.text(paper(graphdsl.solve(spec), "key").document)


@pytest.mark.parametrize(
    ("name", "footer", "expected"),
    [
        ("solution", "", "graphdsl"),
        ("question", "", ""),
        ("key", "", "graphdsl"),
        ("question", "ours", "graphdsl"),
        ("solution", "none", ""),
        ("question", "Group B, 3 May", "Group B, 3 May"),
    ],
)
def test_the_footer_is_ours_none_or_the_authors(name: Paper, footer: str, expected: str) -> None:
    solution = graphdsl.solve(EXAM, report={"footer": footer} if footer else {})
    written = page.text(paper(solution, name).document)
    rule, small_print = "─" * 80, written.rpartition("─" * 80)[2]
    assert (rule in written) == bool(expected)
    assert expected in (small_print if expected else "")


def test_a_page_has_the_sections_that_are_wanted() -> None:
    text = graphdsl.solve(EXAM, report={"sections": "[given, answers]"}).text()
    assert "Given" in text
    assert "Answers" in text
    assert "Forward pass" not in text
    sheet = graphdsl.solve(EXAM, report={"as": "question", "sections": "[tasks]"}).text()
    assert "Given" not in sheet
    assert "Compute the error." in sheet


def test_answers_stand_in_the_order_of_the_questions() -> None:
    spec = EXAM.replace("find z, y, E", "find updates\nfind dE/db, y, E")
    told = graphdsl.solve(spec, report={"sections": "[answers]"}).text()
    assert "a)  the updated parameters above" in told
    assert re.search(r"b\)  ∂E/∂b [=≈] .*y [=≈] .*E [=≈] ", told, re.DOTALL)
    assert re.search(r"c\)  ∂E/∂w [=≈] .*w⁺ [=≈] 0\.8", told, re.DOTALL)


def test_papers_stand_beside_the_solution(tmp_path: Path) -> None:
    spec = tmp_path / "net.spec"
    spec.write_text(EXAM, "utf-8")
    for arguments in ((), ("--as", "question"), ("--as", "key", "--only", "results")):
        assert main(["solve", str(spec), *arguments]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net-key.pdf", "net-question.pdf", "net.pdf", "net.spec"]


# Booklets.


@pytest.mark.poppler
def test_the_contents_name_the_pages(tmp_path: Path) -> None:
    specs = [LAYERS, SPECS / "tour" / "skip-connection.spec", SPECS / "nets" / "bits-last-layers.spec"]
    bound = graphdsl.booklet(specs, title="Exercises")
    target = bound.save(tmp_path / "all.pdf")
    told = subprocess.run(["pdftotext", "-layout", target, "-"], capture_output=True, text=True, check=True).stdout
    pages = told.split("\f")
    lines = [line.split(" . ") for line in pages[0].splitlines() if " . " in line]
    named = {line[0].strip(): int(re.sub(r"\D", "", line[-1])) for line in lines}
    assert list(named) == [solution.model.title for solution in bound.solutions]
    for title, number in named.items():
        assert pages[number - 1].lstrip().startswith(title)
    info = subprocess.run(["pdfinfo", target], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Title: +Exercises\n", info)
    assert re.search(r"Tagged: +yes", info)


def test_questions_come_before_all_results() -> None:
    bound = graphdsl.booklet([EXAM, EXAM.replace("A unit", "Another")], papers=("question", "key"))
    titles = [chapter.title for chapter in bound.booklet.chapters]
    first, second = "A unit of an exam", "Another of an exam"
    assert titles == [first, second, f"{first}: results", f"{second}: results"]
    html = bound.html()
    assert "Contents" in html
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))


def test_the_mistakes_of_all_specs_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    texts = {"a": "input x = 2\ny = w*x\n", "b": EXAM, "c": "input x = 2\nz = v*x\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.spec").write_text(text, "utf-8")
    paths = [str(tmp_path / f"{name}.spec") for name in texts]
    with pytest.raises(SpecErrors) as caught:
        graphdsl.booklet(paths)
    told = str(caught.value)
    assert told.count("error:") == 2
    assert "a.spec:2:5" in told
    assert "c.spec:2:5" in told
    assert main(["booklet", *paths, "-o", str(tmp_path / "all.pdf")]) == 1
    assert not (tmp_path / "all.pdf").exists()


def test_a_booklet_is_written_again_but_never_over_a_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.spec").write_text(EXAM, "utf-8")
    for _ in range(2):
        assert main(["booklet", "a.spec", "b.spec"]) == 0
    assert (tmp_path / "booklet.pdf").read_bytes().startswith(b"%PDF")
    assert main(["booklet", "a.spec", "b.spec", "--to", "text", "-o", "b.spec"]) == 2
    assert (tmp_path / "b.spec").read_text("utf-8") == EXAM


def test_a_wrong_paper_is_a_mistake_of_the_command_line() -> None:
    from graphdsl.cli import graphdsl as command

    told = CliRunner().invoke(command, ["solve", str(LAYERS), "--as", "keys"])
    assert told.exit_code == 2
    assert "`--as` does not know `keys`" in told.output
