"""The reading checker itself: true lines pass, false ones are caught, and no digit of a result can change unseen."""

from __future__ import annotations

import re

import pytest
from reading import count, false_lines

TRUE = """
  z₁ = w₁x₁ + b₁ = 1 · 2 + (−0.5) = 1.5
  z₁ = w₁x₁ + b₁ = 1 · 2 − 0.5 = 1.5
  H₁ = max(0, z₁) = max(0, 1.5) = 1.5   (1.5 > 0)
  H₂ = max(0, −0.3) = 0                 (since −0.3 ≤ 0)
  E = 1/2(t − y₁)² = ½(1 − 4.5)² = ½ · 12.25 = 6.125
  E = 1/2 · (1 − 4.5)² = 1/2 · (−3.5)² = 6.125
  h₁ = σ(0.3775) ≈ 0.5933
  h₁ = 1/(1 + e^(−0.3775)) ≈ 1/(1 + 0.68557299) ≈ 0.59327
  h₁ = 1/(1 + e^(−z)) = 1/(1 + e⁰) = 1/2 = 0.5
  y = tanh(0.5) ≈ 0.46212
  y = √4 = 2
  y = √(2 + 2) · |−3 + 1| = 4
  y = |1 − 4.5| = 3.5
  y = 3 − (−2) = 5
  w = 0.15 − 0.5 · 0.000438568 ≈ 0.149780716
  g = 0.00000004 · 1.09614 ≈ 4.385 · 10⁻⁸
  g = 4.385 · 10⁻⁸ · 2 = 8.77 · 10⁻⁸
  g = 2.5 · 10²² · 2 = 5 · 10²²
  y = 2³ − 2^0.5 ≈ 6.5858
  y = (−2)² = 4
  y = −2² = −4
  y = 1/3 · 3 = 1
  y = 2 · 1/4 = 0.5
  y = 1/4 · 2 = 0.5
  y = (0.1 + 0.2)/0.3 = 1
  y = ln(2) ≈ 0.69
  y = sin(1) · cos(1) + e^1 ≈ 3.1729
  y = { 1.5, 1.5 > 0; 0, 1.5 ≤ 0 } = 1.5
  s = sgn(−3) + ReLU(−3) + ReLU′(2) + id(4) = 4
  w₁₃ = 1 − 0.01 · 5.25 = 1 − 0.0525 = 0.9475
  y = 0.62 · 1.23 ≈ 0.7626 ≈ 0.76
  y = −3 · 10⁴⁰ − 1.5 · 10³⁹ = −3.15 · 10⁴⁰
  y = tanh([0, 2; 1, 0])₂₂ + [1, 2, 3]₃ = 3
  y = max([1, 5; 2, 3]) − ‖[3, 4]‖ = 0
  y = [[1, 2; 3, 4], [5, 6; 7, 8]] ⊙ [[1, 1; 2, 1], [1, 1; 1, 2]] = [[1, 2; 6, 4], [5, 6; 7, 16]]
  y = [1 · 2; 3 + 1] + [1, 1] = [3, 5]
  p = softmax([0, 0]) = [0.5, 0.5]
  P = softmax_row([1, 2; 3, 3]) ≈ [0.2689, 0.7311; 0.5, 0.5]
  P = softmax_column([1, 2; 1, 3]) ≈ [0.5, 0.2689; 0.5, 0.7311]
  p = softmax([1, 2], base 2) ≈ [0.3333, 0.6667]
  s = ∑_row [1, 2; 3, 4] = [3, 7]
  s = ∑ [1, 2; 3, 4] + ‖[3, 4]‖ = 15
  n = ‖[3, 4; 6, 8]‖_row = [5, 10]
  m = mean([1, 2, 6]) + var([1, 3]) + std([1, 3]) = 5
  m = max_row([1, 2; 4, 3]) − min([7, 5]) = [−3, −1]
  l = logsumexp([0, 0]) ≈ 0.6931
  C = conv2d([1, 2, 3; 4, 5, 6; 7, 8, 9], [1, 0; 0, 1]) = [6, 8; 12, 14]
  C = conv2d([1, 2; 3, 4], [1, 2; 3, 4], padding 1, stride 2) = [4, 6; 6, 4]
  c = conv1d([1, 2, 3], [1, −1], flipped) = [1, 1]
  G = convtranspose2d([1, 2; 3, 4], [1, 0; 0, 1]) = [1, 2, 0; 3, 5, 2; 0, 3, 4]
  k = convfilters1d([1, 2], [2, 1, 3]) = [4, 7]
  M = maxpool([1, 3, 2, 4; 5, 6, 1, 2; 7, 2, 3, 0; 1, 0, 4, 8], size 2) = [6, 4; 7, 8]
  A = avgpool([1, 3; 5, 7], size 2) = [4]
  U = unpool([[1], [2]], [[1, 4; 3, 2], [2, 6; 7, 2]], size 2) = [[0, 1; 0, 0], [0, 0; 2, 0]]
  U = place₂([5, 6], in 2×2) = [0, 0; 5, 6]
  v = vec([1, 2; 3, 4]) = [1, 2, 3, 4]
  R = reshape_{2×1}([1, 2]) + fill_row([1, 2]) ⊙ [3; 4] = [4; 10]
  2 < 3
  3 ≥ 3
  1 ≠ 2
"""

WITHOUT_NUMERALS = """
  ∂E/∂w₁₃ = ∂E/∂H₃ · ∂H₃/∂w₁₃
  Σ_{i=1}^{3} xᵢ = s
  a⁽¹⁾₂ = σ(z⁽¹⁾₂)
  x̂ = 2
  η = 0.01, steps = 2
  y = fun1(−0.8) + fun1′(2) = 3
  ∂E/∂x₁⁽ʸ¹⁾ = ∂E/∂v₂^((y1)) · 1
"""

FALSE = """
  z = 1 · 2 − 0.5 = 1.6
  z = 1 · 2 − 0.5 ≈ 1.6
  h = σ(0.3775) = 0.5933
  h = σ(0.3775) ≈ 0.5932
  y = 1/3 = 0.3333
  y = 0.125 ≈ 0.12
  y = 0.62 · 1.23 ≈ 0.77 ≈ 0.76
  y = max(0, 1.5) = 0
  y = √2 = 1.4142
  y = |−2| = −2
  y = ½(1 − 4.5)² = 6.12
  y = −2² = 4
  y = { 1.5, 1.5 > 0; 0, 1.5 ≤ 0 } = 0
  y = 1/(1 + e^(−0.3775)) ≈ 0.59328
  g = 0.00000004 · 1.09614 ≈ 4.384 · 10⁻⁸
  y = 1/4 · 2 = 0.125
  p = softmax([0, 0]) = [0.5, 0.6]
  P = softmax_row([1, 2; 3, 3]) ≈ [0.2689, 0.7312; 0.5, 0.5]
  P = softmax_column([1, 2; 3, 3]) ≈ [0.2689, 0.7311; 0.5, 0.5]
  C = conv2d([1, 2; 3, 4], [1, 2; 3, 4], padding 1) = [4, 6; 6, 4]
  c = conv1d([1, 2, 3], [1, −1]) = [1, 1]
  M = maxpool([1, 3, 2, 4; 5, 6, 1, 2; 7, 2, 3, 0; 1, 0, 4, 8], size 3) = [6, 4; 7, 8]
  U = place₁([5, 6], in 2×2) = [0, 0; 5, 6]
  1.5 ≤ 0
  y = tanh([0, 2; 1, 0])₂₂ + [1, 2, 3]₃ = 2
  y = max([1, 5; 2, 3]) − ‖[3, 4]‖ = 1
  y = [[1, 2; 3, 4], [5, 6; 7, 8]] ⊙ [[1, 1; 2, 1], [1, 1; 1, 2]] = [[1, 2; 6, 4], [5, 6; 7, 8]]
  y = [1 · 2; 3 + 1] + [1, 1] = [3, 4]
  y = 5   (−0.3 > 0)
"""


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize("line", lines(TRUE))
def test_true_lines_pass(line: str) -> None:
    assert false_lines(line) == []
    assert count(line) >= 1


@pytest.mark.parametrize("line", lines(FALSE))
def test_false_lines_are_caught(line: str) -> None:
    assert false_lines(line)


@pytest.mark.parametrize("line", lines(WITHOUT_NUMERALS))
def test_lines_with_names_are_not_judged(line: str) -> None:
    assert count(line) == 0


@pytest.mark.parametrize("line", [line for line in lines(TRUE) if re.search(r"[=≈] −?[\d.]+( · 10\S+)?($|  )", line)])
def test_no_digit_of_a_result_can_change_unseen(line: str) -> None:
    result = list(re.finditer(r"[=≈] −?([\d.]+)( · 10\S+)?(?=$|  )", line))[-1]
    for place in range(result.start(1), result.end(1)):
        if line[place] == ".":
            continue
        for digit in "0123456789":
            if digit != line[place]:
                changed = line[:place] + digit + line[place + 1 :]
                assert false_lines(changed), changed


@pytest.mark.parametrize("line", [line for line in lines(TRUE) if re.search(r"\d\.\d", line) and " = " in line[6:]])
def test_an_operand_cannot_change_unseen_where_equality_is_claimed(line: str) -> None:
    if "≈" in line or "max" in line or "{" in line or "ReLU" in line or "10²" in line:
        return
    chain = line.split("(since")[0]
    start = chain.index("=") + 1
    for match in re.finditer(r"\d+\.\d+", chain[start:]):
        place = start + match.end() - 1
        changed = chain[:place] + str((int(chain[place]) + 3) % 10) + chain[place + 1 :]
        assert false_lines(changed), changed


def test_rows_of_one_chain_are_read_together() -> None:
    text = "  y₁ = 1 · 2.5 + 1 · 2.5\n       − 0.5\n     = 4.5\n\nnext"
    assert false_lines(text) == []
    assert count(text) == 1
    assert len(false_lines(text.replace("4.5", "4.6"))) == 1


def test_a_lead_on_a_row_of_its_own() -> None:
    text = "  ∂E/∂w₁ + ∂E/∂w₂ + ∂E/∂w₃ + ∂E/∂w₄\n     = 2 · 3 + 1\n     = 7   (by the chain rule)\n"
    assert count(text) == 1
    assert false_lines(text) == []


def test_relations_inside_words() -> None:
    text = "The error falls from E = 6.125 to 1.0742; hence 1 − 0.14 = 0.86, and 2 · 3 ≈ 6.1 is wrong."
    assert count(text) == 2
    assert [line.split("   ")[0] for line in false_lines(text)] == ["0.86, and 2 · 3 ≈ 6.1 is wrong."]


def test_columns_and_reasons() -> None:
    text = (
        "  H₁ = max(0, z₁)   = max(0, 1.5) = 1.5   (z₁ = 1.5 > 0)\n"
        "  H₂ = max(0, z₂)   = max(0, −2)  = 0     (z₂ = −2 ≤ 0)\n"
    )
    assert count(text) == 4
    assert false_lines(text) == []


def test_numbers_that_were_cut() -> None:
    assert false_lines("y = 2 · 0.6189 ≈ 1.23", "cut") == []
    assert false_lines("y = 2 · 0.6189 ≈ 1.24", "cut")


def test_an_author_may_call_a_value_e() -> None:
    text = "  e = −7\n  f = e² = (−7)² = 49\n"
    assert false_lines(text) == []
    assert count(text) == 1


def test_a_sum_that_breaks_before_a_bracket() -> None:
    text = "  E = (2 −\n      (−3))/2\n    = 2.5\n      (as found above)\n"
    assert false_lines(text) == []
    assert count(text) == 1


def test_a_function_is_read_as_the_page_defines_it() -> None:
    given = "│ Given\n│ function  prelu(x, a) = max(0, x) + a · min(0, x)\n│ activation  f(z, slope 0.1) = { z, z > 0; 0.1z, z ≤ 0 }\n\n"
    true = "  y = prelu(−2, 0.25) = −0.5\n\n  y = f([1, −2], slope 0.1) = [1, −0.2]\n"
    assert false_lines(given + true) == []
    assert count(given + true) == 2
    assert count(true) == 0
    assert len(false_lines(given + true.replace("−0.5", "0.5").replace("[1, −0.2]", "[1, 2]"))) == 2
