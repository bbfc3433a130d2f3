"""How calls of rows and arrays of three axes are written: in text, LaTeX and Typst word for word, in all formats well-formed."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from row_trials import every_trial

from graphdsl import lettering, ops
from graphdsl.expr import Array, Attribute, Expr, Symbol, number
from graphdsl.numbers import Shape
from graphdsl.write import mathml, tex_formula, text, typst

X, Y, V = Symbol("X", (2, 3)), Symbol("Y_1", (2, 3)), Symbol("v", (3,))
CHANNELS = Array((2, 2, 2), tuple(map(number, range(1, 9))))


def part(at: str, *axes: tuple[int, ...], drop: Shape = ()) -> dict[str, Attribute]:
    return ops.part_attributes(at, axes, drop)


WRITTEN: list[tuple[Expr, str, str, str]] = [
    (
        ops.call(ops.SOFTMAX, X, by="row"),
        "softmax_row(X)",
        r"\operatorname{softmax}_{\mathrm{row}}(X)",
        'op("softmax")_(upright("row")) (X)',
    ),
    (ops.call(ops.SOFTMAX, V), "softmax(v)", r"\operatorname{softmax}(v)", 'op("softmax") (v)'),
    (ops.call(ops.MEAN, V), "mean(v)", r"\operatorname{mean}(v)", 'op("mean") (v)'),
    (
        ops.call(ops.SUM, X, by="row"),
        "∑_row X",
        r"{\sum}_{\mathrm{row}} X",
        'sum_(upright("row")) X',
    ),
    (ops.call(ops.NORM, V), "‖v‖", r"\lVert v \rVert", "lr(‖ v ‖)"),
    (
        ops.call(ops.NORM, X, by="column"),
        "‖X‖_column",
        r"{\lVert X \rVert}_{\mathrm{column}}",
        'lr(‖ X ‖)_(upright("column"))',
    ),
    (
        ops.call(ops.CONV2D, X, Y, stride=2, padding=(1, 0)),
        "conv2d(X, Y₁, stride 2, padding 1×0)",
        r"\text{conv2d}(X, Y_1, \text{stride }2, \text{padding }1 \times 0)",
        'op("conv2d") (X, Y_(1), "stride 2", "padding 1×0")',
    ),
    (ops.call(ops.OUTER, V, V), "v ⊗ v", r"v \otimes v", "v ⊗ v"),
    (ops.call(ops.DOT, V, V), "v · v", r"v \cdot v", "v dot.op v"),
    (ops.call(ops.CONCAT, V, V), "[v; v]", "[v; v]", "lr([ v \\; v ])"),
    (ops.call(ops.BESIDE, X, Y), "[X, Y₁]", "[X, Y_1]", "lr([ X, Y_(1) ])"),
    (ops.call(ops.FLATTEN, X), "vec(X)", r"\operatorname{vec}(X)", 'op("vec") (X)'),
    (
        ops.call(ops.RESHAPE, X, shape=(3, 2), to="3×2"),
        "reshape_{3×2}(X)",
        r"\operatorname{reshape}_{3\times 2}(X)",
        'op("reshape")_(3 "×" 2) (X)',
    ),
    (ops.call(ops.PAD, X, border=1), "pad₁(X)", r"\operatorname{pad}_1(X)", 'op("pad")_(1) (X)'),
    (
        ops.call(ops.SLICE, Y, **part("2", (2,), (1, 2, 3), drop=(1,))),
        "Y₁₂",
        "Y_{1,2}",
        "Y_(1,2)",
    ),
    (
        ops.call(ops.SLICE, ops.call(ops.TRANSPOSE, X), **part("1..2,3", (1, 2), (3,), drop=(2,))),
        "(Xᵀ)_{1..2,3}",
        r"{(X^{\top})}_{1\text{..}2,3}",
        '(X^(top))_(1 ".." 2 , 3)',
    ),
    (
        CHANNELS,
        "[[1, 2; 3, 4], [5, 6; 7, 8]]",
        r"\left[\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}, \begin{bmatrix} 5 & 6 \\ 7 & 8 \end{bmatrix}\right]",
        'lr([ mat(delim: "[", column-gap: #0.8em, 1, 2; 3, 4), mat(delim: "[", column-gap: #0.8em, 5, 6; 7, 8) ])',
    ),
]


@pytest.mark.parametrize(("expr", "plain", "tex", "typ"), WRITTEN, ids=[w[1] for w in WRITTEN])
def test_how_it_is_written(expr: Expr, plain: str, tex: str, typ: str) -> None:
    assert text.formula(expr) == plain
    assert tex_formula.DISPLAY.formula(expr) == tex
    assert typst.DISPLAY.formula(expr) == typ


def every_call() -> list[Expr]:
    return [
        ops.call(row, *(Symbol("XYZ"[i], shape) for i, shape in enumerate(shapes)), **given)
        for row, shapes, given in every_trial()
    ]


def test_every_call_is_well_formed_in_mathml_and_has_letters() -> None:
    for expr in [*every_call(), CHANNELS]:
        ElementTree.fromstring(f"<math><mrow>{mathml.DISPLAY.formula(expr)}</mrow></math>")
        assert lettering.lettering(expr).width > 0


def test_every_call_is_typst() -> None:
    import typst as compiler

    formulas = dict.fromkeys(typst.DISPLAY.formula(expr) for expr in [*every_call(), CHANNELS])
    found = compiler.compile("\n\n".join(f"$ {f} $" for f in formulas).encode())
    assert isinstance(found, bytes) and found.startswith(b"%PDF")
