"""Loops, families, functions, modules, given numbers, questions and letters: each against the same thing written out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
import sympy

from graphdsl import solve
from graphdsl.diagnostics import SpecError
from graphdsl.solve import Solution


def solved(text: str) -> Solution:
    return solve(text if "\n" in text else text + "\n")


def numbers(found: Solution, keys: Mapping[str, str] | None = None) -> dict[str, Decimal]:
    """Values and gradients of the first round; `keys` renames."""
    sample = found.trace.rounds[0].samples[0]
    values = {key: n.value for key, n in sample.values.items()}
    slopes = {f"d{of}/d{key}": n.value for of, by in sample.gradients.items() for key, n in by.items()}
    names = keys or {}
    return {names.get(key, key): value for key, value in (values | slopes).items()}


def same(one: str, other: str, *keys: str, **renamed: str) -> None:
    """Both specs give the same numbers under these keys."""
    a, b = numbers(solved(one)), numbers(solved(other))
    for key in keys:
        assert a[key] == pytest.approx(b[renamed.get(key, key)], rel=Decimal("1e-40")), key


# --- loops and families

RNN = """
input x = [1, 0.5, -1]
param w = 0.5, u = 0.25, v = 2
h[0] = 0.1
for s in 1..3 { h[s] = tanh(w*x[s] + u*h[s-1]) }
loss E = (v*h[3] - 1)^2 + sum(s in 1..3, h[s])
"""
RNN_BY_HAND = """
input x = [1, 0.5, -1]
param w = 0.5, u = 0.25, v = 2
a = 0.1
b = tanh(w*x[1] + u*a)
c = tanh(w*x[2] + u*b)
d = tanh(w*x[3] + u*c)
loss E = (v*d - 1)^2 + b + c + d
"""


def test_a_loop_is_its_equations_written_out() -> None:
    same(RNN, RNN_BY_HAND, "E", "dE/dw", "dE/du", "dE/dv", "dE/dx[2]")
    found, by_hand = numbers(solved(RNN)), numbers(solved(RNN_BY_HAND))
    assert [found[f"h[{s}]"] for s in range(4)] == [by_hand[k] for k in "abcd"]
    assert found["dE/dh[1]"] == by_hand["dE/db"]


def test_a_range_may_end_in_a_constant_and_loops_nest() -> None:
    found = numbers(
        solved(
            "const T = 2\nparam w = 3\n"
            "for i in 1..T { for j in 1..T+1 { f[i, j] = w*i + j } }\n"
            "loss E = prod(i in 1..T, f[i, i+1])\n"
        )
    )
    assert found["f[2,3]"] == 9 and found["E"] == (3 + 2) * (6 + 3) and found["dE/dw"] == 1 * 9 + 2 * 5


def test_a_loop_runs_through_a_list() -> None:
    found = numbers(solved("input x = [5, 6, 7]\nfor k in [3, 1] { g[k] = 2*x[k] }\nloss E = g[3] - g[1]\n"))
    assert found["E"] == 4


def test_members_that_are_vectors_have_entries() -> None:
    found = numbers(
        solved(
            "input x = [1, 2; 3, 4]\nparam W = [1, 0; 0, 2]\nh[0] = [1, 1]\n"
            "for s in 1..2 { h[s] = W @ x[s] + h[s-1] }\nloss E = h[2][2] + sum(h[1])\n"
        )
    )
    assert found["h[2][1]"] == 5 and found["E"] == 13 + 2 + 5


def test_a_whole_family_can_be_asked_for() -> None:
    model = solved(RNN + "find h, dE/dw\n").model
    assert [w.what for w in model.tasks[0].wanted] == ["h[0]", "h[1]", "h[2]", "h[3]", "E"]


# --- functions


def test_a_function_is_its_formula() -> None:
    head = "input x = [1, -2]\nparam w = 0.5\n"
    function = "function swish2(v; beta = 1.5) = v*sigmoid(beta*v)\n"
    same(
        head + function + "h = swish2(w*x)\nloss E = sum(h) + swish2(w, beta = 3)\n",
        head + "z = w*x\nh = z*sigmoid(1.5*z)\nloss E = sum(h) + w*sigmoid(3*w)\n",
        "E",
        "dE/dw",
        "h[2]",
    )


def test_a_function_of_numbers_prints_itself_and_its_derivative() -> None:
    text = solved("param w = 2\nfunction cube(v) = v^3\ny = cube(w)\nloss E = y\n").text()
    assert "cube(v) = v³" in text and "cube(w) = 2³ = 8" in text and "3 · w²" in text


def test_a_function_of_vectors_is_written_in_place() -> None:
    same(
        "input x = [1, 2]\nparam w = 3\nfunction size2(v) = sum(v*v)\nloss E = size2(w*x)\n",
        "input x = [1, 2]\nparam w = 3\nloss E = sum((w*x)*(w*x))\n",
        "E",
        "dE/dw",
    )


def test_functions_call_functions_and_serve_as_activations() -> None:
    same(
        "input x = [1, 2]\ntarget t = [1]\nfunction twice(v) = 2*v\nfunction bump(v) = twice(v)^2 + 1\n"
        "layer y(y1) bump { weights = [w1 = 0.5, w2 = -1]; bias = none }\nloss half_squared_error\n",
        "input x = [1, 2]\ntarget t = [1]\nparam w1 = 0.5, w2 = -1\n"
        "z = w1*x[1] + w2*x[2]\ny1 = (2*z)^2 + 1\nloss E = 1/2*(t[1] - y1)^2\n",
        "E",
        "dE/dw1",
        "dE/dw2",
    )


def test_no_difference_is_taken_at_the_kink_of_a_function() -> None:
    found = solved("param w = 0\nfunction shifted(v) = relu(v) + v\ny = shifted(w)\nloss E = y\n")
    assert found.check.skipped == 1


# --- modules

CELL = """
module cell(x, h; scale = 2) -> h_new, y {
  param W[1] = 0.5, b = 0.25
  z = W[1]*x + scale*h + b
  h_new = tanh(z)
  y = h_new^2
}
"""


def test_one_set_of_parameters_is_used_twice_or_two_are_used_once() -> None:
    shared = CELL + "input x = 1\nc = cell(scale = 3)\nh1, y1 = c(x, 0.1)\nh2, y2 = c(x, h1)\nloss E = y1 + y2\n"
    found = numbers(solved(shared))
    by_hand = "input x = 1\nparam w = 0.5, b = 0.25\nh1 = tanh(w*x + 3*0.1 + b)\nh2 = tanh(w*x + 3*h1 + b)\nloss E = h1^2 + h2^2\n"
    wanted = numbers(solved(by_hand))
    assert found["dE/dc.W[1]"] == wanted["dE/dw"] and found["dE/dc.b"] == wanted["dE/db"]
    two = CELL + "input x = 1\nc = cell(b = 1)\nd = cell(W = [2])\nh1, y1 = c(x, 0)\nh2, y2 = d(x, h1)\nloss E = y2\n"
    found = numbers(solved(two))
    assert (found["c.b"], found["d.b"], found["c.W[1]"], found["d.W[1]"]) == (1, Decimal("0.25"), Decimal("0.5"), 2)


def test_a_module_in_a_loop_numbers_what_it_makes_by_the_index() -> None:
    text = (
        CELL
        + "input x = [1, 2]\nc = cell(scale = 1)\nh[0] = 0\nfor s in 1..2 { h[s], y[s] = c(x[s], h[s-1]) }\nloss E = y[2]\n"
    )
    found = numbers(solved(text))
    assert {"c.z[1]", "c.z[2]", "h[2]", "y[1]"} <= set(found)


def test_a_parameter_of_a_module_may_be_one_of_the_authors() -> None:
    text = CELL + "input x = 1\nparam v = [0.75]\nc = cell(W = v)\na, e = c(x, 0)\nloss E = e + v[1]\n"
    found = numbers(solved(text))
    assert "c.W[1]" not in found and found["dE/dv[1]"] > 1


def test_a_module_is_called_within_a_formula_and_calls_others() -> None:
    text = (
        "module double(x) -> y { y = 2*x }\nmodule four(x) -> y { a = double(x)\n y = double(a) }\n"
        "input x = 3\nloss E = four(x + 1) - 1\n"
    )
    assert numbers(solved(text))["E"] == 15


def test_a_mistake_in_a_module_points_at_its_line_and_at_the_call() -> None:
    with pytest.raises(SpecError) as caught:
        solved("module m(x) -> y { y = x @ x }\ninput x = 2\ny = m(x)\nloss E = y\n")
    assert [label.text for label in caught.value.diagnostics[0].labels][-1] == "in this call"


def test_modules_come_from_a_file_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "cells.spec").write_text(CELL)
    (tmp_path / "net.spec").write_text(
        'use "cells.spec"\ninput x = 1\nc = cell(scale = 1)\nh, y = c(x, 0)\nloss E = y\n'
    )
    assert solve(tmp_path / "net.spec").check.compared > 0
    (tmp_path / "cells.spec").write_text(CELL + "input q = 1\n")
    with pytest.raises(SpecError, match="is used for its modules, functions and settings"):
        solve(tmp_path / "net.spec")
    (tmp_path / "cells.spec").write_text(CELL.replace("tanh(z)", "tanh(q)"))
    with pytest.raises(SpecError, match="`q` is not defined") as caught:
        solve(tmp_path / "net.spec")
    assert "cells.spec:5:16" in str(caught.value) and "::: " in str(caught.value)


def test_a_file_outside_the_folder_is_never_read(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "cells.spec").write_text(CELL)
    (inner / "link.spec").symlink_to(tmp_path / "cells.spec")
    (inner / "net.spec").write_text('use "link.spec"\ninput x = 1\nloss E = x\n')
    with pytest.raises(SpecError, match="leads out of the folder"):
        solve(inner / "net.spec")
    with pytest.raises(SpecError, match="no folder to read from"):
        solved('use "cells.spec"\ninput x = 1\nloss E = x\n')


# --- given numbers


def test_a_given_value_replaces_the_computed_one_and_its_derivative_is_taken_there() -> None:
    text = "input x = 1\nparam w = 2\nz = w*x\nh = sigmoid(z)\ngiven h = 0.6\nloss E = h^2\n"
    found = solved(text)
    assert numbers(found)["dE/dw"] == Decimal("1.2") * Decimal("0.6") * Decimal("0.4")
    assert found.check.skipped == 1
    assert "h = 0.6" in found.text() and "(given)" in found.text()


def test_a_given_derivative_stands_for_what_lies_above() -> None:
    text = "input x = [1, 2]\nparam w = 2\ny = w*x\ngiven dJ/dy = [3, -1]\n"
    found = numbers(solved(text))
    assert found["dJ/dw"] == 3 - 2 and found["dJ/dx[2]"] == -2


def test_a_given_derivative_of_the_loss_replaces_the_computed_one() -> None:
    text = "input x = 1\nparam w = 2, v = 3\nh = w*x\ny = v*h\nloss E = y^2\ngiven dE/dh = 10\n"
    found = numbers(solved(text))
    assert found["dE/dw"] == 10 and found["dE/dv"] == 2 * 6 * 2


def test_several_functions_can_be_known_by_their_derivatives() -> None:
    found = numbers(solved("input a = 2, b = 5\ns = a + b\np = a*b\ngiven dJ/ds = 3, dK/dp = 3\n"))
    assert (found["dJ/da"], found["dK/da"], found["dK/db"]) == (3, 15, 6)


# --- derivatives as nodes


def test_second_derivatives_agree_with_sympy() -> None:
    x, y = sympy.symbols("x y")
    f = sympy.tanh(x * y) ** 2 + x**3 * y
    text = (
        "input x = 0.5, y = 1.25\nh = tanh(x*y)\nf = h^2 + x^3*y\n"
        "fx = derivative(f, x)\nfy = derivative(f, y)\ngradient fx, fy\n"
    )
    found = numbers(solved(text))
    at = {x: sympy.Rational(1, 2), y: sympy.Rational(5, 4)}
    for (one, other), key in {(x, x): "dfx/dx", (x, y): "dfx/dy", (y, x): "dfy/dx", (y, y): "dfy/dy"}.items():
        assert abs(found[key] - Decimal(str(sympy.diff(f, one, other).subs(at).evalf(40)))) < Decimal("1e-30")


def test_the_gradient_of_a_vector_is_its_jacobian() -> None:
    found = numbers(solved("input x = [1, 2]\nf = [x[1]^2 + x[2], 3*x[1]*x[2]]\ngradient f\n"))
    assert [found[f"df[{i}]/dx[{j}]"] for i in (1, 2) for j in (1, 2)] == [2, 1, 6, 3]


# --- letters


@pytest.mark.parametrize(
    "text",
    [
        "symbol x, y, w, b, v\nz = w*x + b\nh = tanh(z)\no = v*h\nloss L = 1/2*(o - y)^2\n",
        "symbol x, w\nloss L = w*w*x + exp(w)\n",
        "symbol x[2], w[2]\nloss L = sigmoid(w @ x)\n",
    ],
)
def test_formulas_in_letters_have_no_numbers_of_their_own(text: str) -> None:
    found = solved(text)
    page = found.text()
    for number in found.trace.rounds[0].samples[0].values.values():
        assert format(round(number.value, 3), "f") not in page
    assert "In the letters of the question" in page


def test_letters_are_answered_as_on_paper() -> None:
    page = solved(
        "symbol x, y, w, b, v\nz = w*x + b\nh = tanh(z)\no = v*h\nloss L = 1/2*(o - y)^2\nfind dL/dw\n"
    ).text()
    assert "∂L/∂w = (o − y) · v · (1 − h²) · x" in page


# --- the question and the author's words


def test_the_page_asks_and_answers_and_keeps_remarks_at_their_lines() -> None:
    text = (
        "input x = 2\nparam w = 3\ny = w*x\nloss E = y^2\n"
        'text "Work carefully."\nfind y "Find y." (2 points)\nfind dE/dw (1 point)\nnote dE/dw "Mind the chain."\n'
    )
    page = solved(text).text()
    assert "Work carefully." in page
    assert "a)  Find y. y (2 points)" in page and "b)  ∂E/∂w (1 point)" in page
    assert "a)  y = 6" in page and "b)  ∂E/∂w = 24" in page
    line = next(row for row in page.splitlines() if "∂E/∂w = ∂E/∂y" in row)
    assert "Mind the chain." in page.split(line)[1][:80] or "Mind the chain." in line
