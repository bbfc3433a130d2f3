"""Over the rounds: which are written out, the table and its arrows, the curve, trace tables, the parts of a gradient."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from reading import count, false_lines

import graphdsl
from graphdsl import page, picture
from graphdsl.chart import HEIGHT, WIDTH, Chart, chart
from graphdsl.document import Block, Document, Figure, Math, Section, Table, Text
from graphdsl.expr import Number
from graphdsl.outline import cut_by
from graphdsl.plot import Axis, Plot, finished
from graphdsl.report import InFull
from graphdsl.solve import Solution
from graphdsl.write import tikz_plot

GALLERY = Path(__file__).parents[1] / "specs"

PARABOLA = """
param x = 3
loss f = x^2
train sgd {{ eta = 0.1; steps = {steps} }}
report {{ {report} }}
"""

XOR = """
input x1, x2
target t
data {{ x1, x2 -> t; 0, 0 -> 0; 0, 1 -> 1; 1, 0 -> 1; 1, 1 -> 0 }}
param w1 = 0.5, w2 = -0.4, v = 0.8, b = 0.1
h = sigmoid(w1*x1 + w2*x2 + b)
o = sigmoid(v*h)
loss E = 1/2*(t - o)^2
train sgd {{ eta = 0.5; epochs = 2; batch = {batch} }}
report {{ table = [x1, t, h, E, dE/dv, v.after, v.change] }}
"""

RNN = """
input x = [1, 2, 3]
target t = 1
param w = 0.5, u = 0.1
h[0] = 0
for s in 1..3 { h[s] = tanh(w*x[s] + u*h[s-1]) }
loss E = 1/2*(h[3] - t)^2
train sgd { eta = 0.1; steps = 2 }
report { table = [s, x[s], h[s], dE/dh[s], E]; contributions = on }
"""


def parabola(steps: int, report: str = "") -> Solution:
    return graphdsl.solve(PARABOLA.format(steps=steps, report=report))


def everything(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Section):
            yield from everything(block.blocks)


def tables(document: Document) -> list[Table]:
    return [block for block in everything(document.blocks) if isinstance(block, Table)]


def plots(document: Document) -> list[Plot]:
    figures = [block.diagram for block in everything(document.blocks) if isinstance(block, Figure)]
    return [drawn for drawn in figures if isinstance(drawn, Plot)]


def numbers(table: Table) -> list[list[Decimal | None]]:
    """What stands in the cells, where it is a numeral."""

    def number(cell: tuple[object, ...]) -> Decimal | None:
        found = [part.expr for part in cell if isinstance(part, Math)]
        return found[0].value if found and isinstance(found[0], Number) else None

    return [[number(cell) for cell in row] for row in table.rows]


def rounds_of(solution: Solution) -> list[int]:
    return [int(n) for n in re.findall(r"^Round (\d+): forward", solution.text(), re.M)]


# Which rounds are written out.


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        ("", [1, 2, 9]),
        ("in_full = [1, 4, last]", [1, 4, 9]),
        ("in_full = first", [1]),
        ("in_full = last", [9]),
        ("in_full = all", list(range(1, 10))),
        ("in_full_every = 4", [4, 8]),
        ("in_full = [1]; in_full_every = 4", [1, 4, 8]),
    ],
)
def test_the_rounds_that_are_asked_for_are_written_out(report: str, shown: list[int]) -> None:
    assert rounds_of(parabola(9, report)) == shown


def test_what_is_between_is_said() -> None:
    text = " ".join(parabola(9, "in_full = [3, 5]").text().split())
    assert "Rounds 1 to 2 are computed" in text
    assert "Round 4 is computed" in text
    assert "Rounds 6 to 9 are computed" in text


def test_the_first_round_that_is_shown_says_the_formulas() -> None:
    text = parabola(9, "in_full = [4, last]").text()
    assert "∂f/∂x = 2x ≈ 2 · 1.536 ≈ 3.072" in text.replace("=", "≈").replace("∂f/∂x ≈ 2x", "∂f/∂x = 2x")
    assert "as in round 1" not in text


def test_a_long_training_keeps_what_is_asked_for() -> None:
    spec = PARABOLA.format(steps=400_000, report="in_full = [1, 3000, last]").replace("eta = 0.1", "eta = 0.00001")
    solution = graphdsl.solve(spec)
    assert solution.trace.floats
    assert rounds_of(solution) == [1, 3000, 400_000]
    assert {1, 3000, 400_000} <= {step["step"] for step in json.loads(solution.json())["steps"]}
    other = replace(solution, report=replace(solution.report, in_full=InFull((1, 17))))
    assert rounds_of(other) == [1]  # the trace does not have the other


# Arrows.


def test_arrows_say_what_grew_and_shrank() -> None:
    solution = graphdsl.solve(
        "param x = 3, y = -1, z = 2\nloss f = x^2 + y^2 + 0*z\ntrain sgd { eta = 0.9; steps = 3 }\n"
    )
    rows = tables(solution.document)[-1].rows
    arrows = ["".join(part.words for part in row[-1] if isinstance(part, Text)) for row in rows]
    assert arrows == ["↓", "↑↓", "↑↓", "="]


# The curve.


def test_short_trainings_have_no_curve() -> None:
    assert not plots(parabola(5).document)
    assert len(plots(parabola(6).document)) == 1


def test_the_points_are_those_of_the_trace() -> None:
    solution = parabola(30)
    (plot,) = plots(solution.document)
    trace = json.loads(solution.json())
    losses = [Decimal(step["loss"]) for step in trace["steps"]] + [Decimal(trace["final"]["loss"])]
    told = {0, len(losses) - 1}
    assert [int(x.value) for x, _ in plot.points] == list(range(31))
    assert [y.value for i, (_, y) in enumerate(plot.points) if i not in told] == losses[1:-1]
    assert [plot.points[i][1].value for i in sorted(told)] == [losses[0], Decimal("0.000014")]
    assert plot.up.logarithmic


def test_the_extreme_points_lie_where_their_numbers_say() -> None:
    (plot,) = plots(graphdsl.solve("param x = 4\nloss f = x^2\ntrain sgd { eta = 0.05; steps = 8 }").document)
    drawn = chart(plot)
    assert not plot.up.logarithmic
    assert (plot.up.low, plot.up.high) == (0, 20)
    first, last = drawn.curve[0], drawn.curve[-1]
    assert first[0] == 0
    assert last[0] == pytest.approx(WIDTH)
    share = float(plot.points[0][1].value / plot.up.high)
    assert first[1] == pytest.approx(HEIGHT * share)
    assert last[1] == min(y for _, y in drawn.curve)


def test_epochs_of_a_long_training_are_drawn_and_in_the_trace() -> None:
    solution = graphdsl.solve(GALLERY / "training" / "mazur-ten-thousand.spec")
    (plot,) = plots(solution.document)
    assert plot.up.logarithmic
    assert [int(plot.points[i][0].value) for i in (0, -1)] == [0, 10_000]
    trace = json.loads(solution.json())
    known = {Decimal(e["loss"]) for e in trace["training"]["epochs"]} | {Decimal(s["loss"]) for s in trace["steps"]}
    assert {y.value for _, y in plot.points[1:-1]} <= known
    assert 60 < len(plot.points) < 300


CURVES = {
    "a steep fall": [10 * 0.5**i for i in range(20)],
    "a rise": [0.1 * i + 0.3 for i in range(12)],
    "up and down": [5 + (-1) ** i * i for i in range(12)],
    "very small": [3e-9 * 0.9**i for i in range(40)],
    "very large": [7.25e12 * 0.3**i for i in range(9)],
    "all the same": [2.5] * 8,
    "many": [1 / (1 + i / 50) for i in range(300)],
    "nought": [0.0] * 7,
    "below nought": [-3.5 * i for i in range(9)],
    "seven decades": [10.0**-i for i in range(8)],
}


def made(values: list[float]) -> Plot:
    points = tuple((Number(Decimal(i)), Number(Decimal(repr(v)), False, "E", False)) for i, v in enumerate(values))
    logarithmic = min(values) > 0 and max(values) > 100 * min(values)
    plot = Plot(points, Axis("updates"), Axis("E", logarithmic=logarithmic), (0, len(values) - 1))
    return finished(plot, lambda n: replace(n, value=round(n.value, 4) if n.value > Decimal("0.001") else n.value))


def overlapping(drawn: Chart) -> list[tuple[str, str]]:
    pairs = combinations(drawn.letters, 2)
    return [(str(a.name), str(b.name)) for a, b in pairs if a.line.rect.meets(b.line.rect)]


@pytest.mark.parametrize("name", CURVES)
def test_no_letters_overlap(name: str) -> None:
    plot = made(CURVES[name])
    drawn = chart(plot)
    assert not overlapping(drawn)
    for mark in drawn.letters:
        rect = mark.line.rect
        assert not any(cut_by(a, b, rect) for a, b in (*pairwise(drawn.curve), *drawn.rules, *drawn.grid))
        assert drawn.extent.left <= rect.left
        assert rect.right <= drawn.extent.right
    assert 2 <= len(plot.up.ticks) <= 8
    assert all(-0.01 <= y <= HEIGHT + 0.01 and -0.01 <= x <= WIDTH + 0.01 for x, y in drawn.curve)
    assert ET.fromstring(picture.svg(plot)).tag.endswith("svg")
    assert tikz_plot.picture(plot).source.count("\\node") == len(drawn.letters)


@pytest.mark.parametrize("path", ["training/bits-parabola.spec", "training/mazur-ten-thousand.spec"])
def test_the_curve_stands_in_every_format(path: str) -> None:
    document = graphdsl.solve(GALLERY / path).document
    if not plots(document):
        return
    assert 'class="curve"' in page.html(document)
    assert 'join: "round"' in page.typst(document)  # the curve, drawn by Typst itself
    assert "tikzpicture" in page.latex(document)
    assert "Curve of the error over" in page.text(document)
    assert any(b"polyline" in made for made in page.markdown(document, "x", "github").beside.values())


# Trace tables.


def trace_table(solution: Solution) -> Table:
    return next(t for t in tables(solution.document) if t.caption == (Text("Trace"),))


def agrees(shown: Decimal | None, whole: str) -> bool:
    """Whether a numeral is the carried number, rounded to its digits."""
    assert shown is not None
    exponent = shown.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(shown - Decimal(whole)) <= Decimal(5).scaleb(exponent - 1)


def test_online_there_is_a_row_for_each_sample() -> None:
    solution = graphdsl.solve(XOR.format(batch="online"))
    rows, steps = numbers(trace_table(solution)), json.loads(solution.json())["steps"]
    assert len(rows) == len(steps) == 8
    for row, step in zip(rows, steps, strict=True):
        (sample,), update = step["samples"], step["updates"]["v"]
        assert row[:4] == [step["epoch"], sample["sample"], *(Decimal(sample["values"][k]) for k in ("x1", "t"))]
        change = str(Decimal(update["after"]) - Decimal(update["before"]))
        expected = [*(sample["values"][k] for k in ("h", "E")), update["gradient"], update["after"], change]
        assert all(map(agrees, row[4:], expected))


def test_of_a_batch_there_is_one_more() -> None:
    solution = graphdsl.solve(XOR.format(batch="full"))
    rows, steps = numbers(trace_table(solution)), json.loads(solution.json())["steps"]
    assert len(rows) == 2 * 5
    *samples, whole = rows[:5]
    for row, sample in zip(samples, steps[0]["samples"], strict=True):
        assert agrees(row[5], sample["values"]["E"])
        assert agrees(row[6], sample["gradients"]["E"]["v"])
        assert row[7:] == [None, None]
    assert agrees(whole[5], steps[0]["loss"])
    assert agrees(whole[6], steps[0]["gradients"]["v"])
    assert agrees(whole[7], steps[0]["updates"]["v"]["after"])


def test_a_family_has_a_row_for_each_time_step() -> None:
    solution = graphdsl.solve(RNN)
    rows, steps = numbers(trace_table(solution)), json.loads(solution.json())["steps"]
    assert [row[:2] for row in rows] == [[k, s] for k in (1, 2) for s in range(4)]
    for row in rows:
        sample, s = steps[int(row[0] or 0) - 1]["samples"][0], int(row[1] or 0)
        assert row[2] == (None if s == 0 else s)
        assert agrees(row[3], sample["values"][f"h[{s}]"])
        assert agrees(row[4], sample["gradients"]["E"][f"h[{s}]"])


def test_nodes_have_a_row_each() -> None:
    solution = graphdsl.solve("input x = -2, y = 5, z = -4\nq = x + y\nf = q*z\ngradient f\nreport { table = nodes }\n")
    rows = numbers(tables(solution.document)[-1])
    assert [row[2:] for row in rows] == [[-2, -4], [5, -4], [-4, 3], [3, -4], [-12, 1]]


def test_a_long_table_leaves_rows_out_and_says_so() -> None:
    solution = parabola(100, "table = [x, f]")
    assert len(trace_table(solution).rows) <= 44
    assert re.search(r"\d+ of the 101 rows are left out", solution.text())


def test_of_vectors_each_entry_has_a_column() -> None:
    text = graphdsl.solve(
        "input x = [1, 2]\nparam W = [1, 0.5; -1, 2]\nh[0] = [0, 0]\nfor s in 1..2 { h[s] = tanh(W @ x + h[s-1]) }\n"
        "loss E = sum(h[2])\ntrain sgd { eta = 0.1; steps = 1 }\nreport { table = [h, h[s][2], x] }\n"
    ).text()
    assert "Trace" in text


# The parts of a gradient.


def test_the_parts_add_up_to_the_printed_gradient() -> None:
    solution = graphdsl.solve(RNN)
    text = solution.text()
    assert "Use by use, through" in text
    assert not false_lines(text)
    assert count(text) > 20


def test_parts_are_shown_when_they_are_asked_for() -> None:
    shared = "input x = 2\nparam w = 3\na = w*x\nb = w*a\nloss E = b^2 + a\ntrain sgd { eta = 0.1; steps = 1 }\n"
    assert "Use by use" not in graphdsl.solve(shared).text()
    text = graphdsl.solve(shared, report={"contributions": "on"}).text()
    assert "Use by use, through a and b in this order" in text
    assert not false_lines(text)


def test_many_parts_are_a_table() -> None:
    spec = "input x = 1\nparam w = 0.5\nh[0] = x\nfor s in 1..12 { h[s] = tanh(w*h[s-1]) }\nloss E = h[12]^2\n"
    document = graphdsl.solve(spec).document
    (table,) = [t for t in tables(document) if t.caption == (Text("What comes through each use"),)]
    assert len(table.rows) == 12


def test_a_convolution_has_a_part_for_each_place() -> None:
    spec = "input x = [1, 2, 0, 3]\nparam k = [1, -1]\ny = conv1d(x, k)\nloss E = sum(y*y)\n"
    text = graphdsl.solve(spec, report={"contributions": "on"}).text()
    assert "Use by use, through y₁, y₂ and y₃ in this order" in text
    assert not false_lines(text)
