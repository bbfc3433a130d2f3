"""The language as it is written -> its statements and trees; and every mistake of form, told whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from graphdsl import syntax, tables
from graphdsl.diagnostics import Source, SpecError, render
from graphdsl.expr import (
    Array,
    Call,
    Cases,
    Element,
    Expr,
    IndexedSum,
    Number,
    Partial,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
    walk,
)
from graphdsl.lex import KEYWORDS
from graphdsl.parse import parse, read, statement_keywords
from graphdsl.slips import FORMS

WRONG = sorted((Path(__file__).parent / "wrong" / "syntax").glob("*.spec"))


def spec(text: str) -> syntax.Spec:
    return parse(Source("test.spec", text))


def mistakes(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec(text)
    return [d.message for d in caught.value.diagnostics]


def hints(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec(text)
    return [d.hint for d in caught.value.diagnostics]


def value(text: str) -> Expr:
    (equation,) = spec(f"y = {text}\n").statements
    assert isinstance(equation, syntax.Equation)
    return equation.value


def shown(expr: Expr) -> str:
    """A tree as one line, kind by kind."""
    match expr:
        case Number():
            return str(expr.value)
        case Symbol():
            return expr.key
        case Sum():
            return f"sum({', '.join(map(shown, expr.terms))})"
        case Product():
            return f"product({', '.join(map(shown, expr.factors))})"
        case Quotient():
            return f"quotient({shown(expr.numerator)}, {shown(expr.denominator)})"
        case Power():
            return f"power({shown(expr.base)}, {shown(expr.exponent)})"
        case Call():
            return f"{expr.operation.name}({', '.join(map(shown, expr.arguments))})"
        case Element():
            return f"{shown(expr.of)}[{', '.join(map(shown, expr.index))}]"
        case IndexedSum():
            return f"Σ({expr.index.key} = {expr.low}..{expr.high}: {shown(expr.body)})"
        case Array():
            return f"array{expr.shape}({', '.join(map(shown, expr.entries))})".replace(" ", "").replace(",)", ")", 1)
        case Relation():
            return f"{shown(expr.members[0])}={shown(expr.members[1])}"
        case Cases() | Partial():
            raise AssertionError("the language has no such sign")


# --- formulas


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b + c", "sum(a, b, c)"),
        ("a - b", "sum(a, product(-1, b))"),
        ("a - b*c", "sum(a, product(-1, b, c))"),
        ("a - (b*c)", "sum(a, product(-1, product(b, c)))"),
        ("a - 0.5", "sum(a, product(-1, 0.5))"),
        ("a - -0.5", "sum(a, product(-1, -0.5))"),
        ("(a + b) + c", "sum(sum(a, b), c)"),
        ("a * (b * c)", "product(a, product(b, c))"),
        ("a*b/c", "quotient(product(a, b), c)"),
        ("a/b*c", "product(quotient(a, b), c)"),
        ("a/b/c", "quotient(quotient(a, b), c)"),
        ("1/2 * (t - y)^2", "product(quotient(1, 2), power(sum(t, product(-1, y)), 2))"),
        ("-a*b", "product(-1, a, b)"),
        ("-(a*b)", "product(-1, product(a, b))"),
        ("-(-a)", "product(-1, product(-1, a))"),
        ("--a", "product(-1, product(-1, a))"),
        ("a * -b", "product(a, product(-1, b))"),
        ("a * -2", "product(a, -2)"),
        ("+a", "a"),
        ("-0.5", "-0.5"),
        ("-0", "0"),
        ("-0.50 + a", "sum(-0.50, a)"),
        ("-2^2", "product(-1, power(2, 2))"),
        ("-x^2", "product(-1, power(x, 2))"),
        ("2^-1", "power(2, -1)"),
        ("2^-x", "power(2, product(-1, x))"),
        ("a^b^c", "power(a, power(b, c))"),
        ("(a^b)^c", "power(power(a, b), c)"),
        ("-x/2", "product(-1, quotient(x, 2))"),
        ("W @ x + b", "sum(@(W, x), b)"),
        ("2 * W @ x", "@(product(2, W), x)"),
        ("Q @ K^T / sqrt(d_k)", "quotient(@(Q, transpose(K)), sqrt(d_k))"),
        ("K^T[1, 2]", "transpose(K)[1, 2]"),
        ("x^(T)", "power(x, T)"),
        ("x^T1", "power(x, T1)"),
        ("(A @ B)^T", "transpose(@(A, B))"),
        ("x[2][1] + h[s-1]", "sum(x[2][1], h[sum(s, product(-1, 1))])"),
        ("stack(h[1..3])", "stack(h[array(3)(1,2,3)])"),
        ("leaky_relu(z, slope = 0.1)", "leaky_relu(z, named(slope, 0.1))"),
        ("1/(1 + exp(-(w*x + b as s)))", "quotient(1, sum(1, exp(product(-1, as(sum(product(w, x), b), s)))))"),
        ("sum(s in 1..2, d[s])", "sum over(s, 1, 2, d[s])"),
        ("prod(s in 1..T, 2)", "prod over(s, 1, T, 2)"),
        ("sum(w1..w3)", "sum(array(3)(w1,w2,w3))"),
        ("w9..w11", "array(3)(w9,w10,w11)"),
        ("cell.Wf @ x", "@(cell.Wf, x)"),
        ("A' + x_hat''", "sum(A', x_hat'')"),
        ("f()", "f()"),
        ("in + as + from", "sum(in, as, from)"),
        ("ReLU(x)", "ReLU(x)"),
    ],
)
def test_formula(text: str, tree: str) -> None:
    assert shown(value(text)) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("[1, 2]", "array(2)(1,2)"),
        ("[1; 2]", "array(2,1)(1,2)"),
        ("[1, 2; 3, 4]", "array(2,2)(1,2,3,4)"),
        ("[[1, 2], [3, 4]]", "array(2,2)(1,2,3,4)"),
        ("[[[1], [2]]]", "array(1,2,1)(1,2)"),
        ("[1 - 2, -3]", "array(2)(sum(1,product(-1,2)),-3)"),
        ("[w11 = 1, w12]", "array(2)(w11=1,w12)"),
        ("[w1..w2; w3..w4]", "array(2,2)(w1,w2,w3,w4)"),
        ("[.1, 1e-8, 0.4700000]", "array(3)(0.1,1E-8,0.4700000)"),
        ("[ 1, 2,\n  3;\n  4, 5, 6 ]", "array(2,3)(1,2,3,4,5,6)"),
    ],
)
def test_list(text: str, tree: str) -> None:
    assert shown(value(text)) == tree


@pytest.mark.parametrize(
    ("pasted", "typed"),
    [
        ("a − b", "a - b"),
        ("a·b×c⋅d⊙e", "a*b*c*d*e"),
        ("x₁² + x₁₂", "x1^2 + x12"),
        ("xᵀ @ K^⊤", "x^T @ K^T"),
        ("x⁻¹", "x^-1"),
        ("a\u00a0+\u202fb", "a + b"),
        ("½ * x", "(1/2) * x"),
        ("x′ + x’", "x' + x'"),
        ("w1…w3", "w1..w3"),
        ("a ÷ b", "a / b"),
        ("𝑥 + ﬁ", "x + fi"),
        ("√(x)", "sqrt(x)"),
        ("σ(z)", "σ(z)"),
    ],
)
def test_pasted_characters(pasted: str, typed: str) -> None:
    assert shown(value(pasted)) == shown(value(typed))


def test_a_number_keeps_its_digits_and_everything_its_place() -> None:
    text = "y = 0.4700000*(w1*x + b)\n"
    (equation,) = spec(text).statements
    assert isinstance(equation, syntax.Equation)
    places = [text[node.span.start : node.span.end] for node in walk(equation.value) if node.span]
    assert places == ["0.4700000*(w1*x + b)", "0.4700000", "(w1*x + b)", "w1*x", "w1", "x", "b"]
    assert equation.name.span.start == 0


# --- statements


def test_declarations() -> None:
    declaration, ranged, shaped = spec("param w1, w2 = 1, v\nconst b1..b5 = -0.5\ninput x[2, 3]\n").statements
    assert isinstance(declaration, syntax.Declaration)
    assert [(d.names.first.text, d.value and shown(d.value)) for d in declaration.declared] == [
        ("w1", None),
        ("w2", "1"),
        ("v", None),
    ]
    assert isinstance(ranged, syntax.Declaration)
    assert (ranged.kind, ranged.declared[0].names.last and ranged.declared[0].names.last.text) == ("const", "b5")
    assert isinstance(shaped, syntax.Declaration)
    assert [shown(e) for e in shaped.declared[0].shape] == ["2", "3"]


def test_layer() -> None:
    (layer,) = spec(
        "layer hidden[2](h1..h2) relu from x1, a {\n weights[from, to] = [w13, w14; w23, w24]\n biases = b1..b2 }\n"
    ).statements
    assert isinstance(layer, syntax.Layer)
    assert layer.size is not None
    assert (layer.name.text, shown(layer.size), layer.activation and layer.activation.text) == ("hidden", "2", "relu")
    assert [n.first.text for n in layer.sources] == ["x1", "a"]
    assert layer.elements[0].last is not None
    weights, biases = layer.settings
    assert [shown(b) for b in weights.brackets] == ["from", "to"]
    assert not isinstance(biases.value, syntax.Quoted) and shown(biases.value) == "array(2)(b1,b2)"


@pytest.mark.parametrize("separator", [",", ";", "\n", ",\n", " ;\n\n  # why\n"])
def test_separators_in_a_block(separator: str) -> None:
    (train,) = spec(f"train adam {{ eta = 0.1{separator} m.w1 = 0.2{separator}frozen = [b1] }}\n").statements
    assert isinstance(train, syntax.Train)
    assert [(s.name.text, s.member and s.member.text) for s in train.settings] == [
        ("eta", None),
        ("m", "w1"),
        ("frozen", None),
    ]


def test_options_and_words() -> None:
    numbers, report, title = spec(
        'numbers { decimals[y, h1] = 2 }\nreport { language = de; title = "x # y" }\ntitle „Zwei „Schichten“\n'.replace(
            "„Zwei „", "„Zwei "
        )
    ).statements
    assert isinstance(numbers, syntax.Options) and isinstance(report, syntax.Options)
    assert [shown(b) for b in numbers.settings[0].brackets] == ["y", "h1"]
    language, heading = report.settings
    assert isinstance(language.value, Symbol) and language.value.key == "de"
    assert isinstance(heading.value, syntax.Quoted) and heading.value.text == "x # y"
    assert isinstance(title, syntax.Words) and title.text.text == "Zwei Schichten"


@pytest.mark.parametrize(
    ("text", "kind", "name", "tree"),
    [
        ("loss E = x^2", "loss", "E", "power(x, 2)"),
        ("loss half_squared_error", "loss", None, "half_squared_error"),
        ("loss (t - y)^2", "loss", None, "power(sum(t, product(-1, y)), 2)"),
        ("loss = x^2", "loss", "loss", "power(x, 2)"),
        ("minimize f = x", "minimise", "f", "x"),
        ("maximise x", "maximise", None, "x"),
    ],
)
def test_loss(text: str, kind: str, name: str | None, tree: str) -> None:
    (loss,) = spec(text).statements
    assert isinstance(loss, syntax.Loss)
    assert (loss.kind, loss.name and loss.name.text, shown(loss.value)) == (kind, name, tree)


@pytest.mark.parametrize(
    ("text", "of", "wrt", "after"),
    [
        ("h1", "h1", None, 0),
        ("dE/dw5", "E", "w5", 0),
        ("∂E_total/∂w5", "E_total", "w5", 0),
        ("dE/dW[2,1]", "E", "W[2, 1]", 0),
        ("E.after", "E", None, None),
        ("w1.after2", "w1", None, 2),
        ("W[2,1].after1", "W[2, 1]", None, 1),
        ("dE/dw1.after1", "E", "w1", 1),
        ("hidden1.z[2]", "hidden1.z[2]", None, 0),
    ],
)
def test_expected(text: str, of: str, wrt: str | None, after: int | None) -> None:
    (expected,) = spec(f"expected {text} = -0.0820").statements
    assert isinstance(expected, syntax.Expected)
    reference = expected.values[0].reference
    assert (shown(reference.of), reference.wrt and shown(reference.wrt), reference.after) == (of, wrt, after)
    assert str(expected.values[0].value.value) == "-0.0820"


def test_gradient() -> None:
    (gradient,) = spec("gradient f, g wrt x1..x3, W").statements
    assert isinstance(gradient, syntax.Gradient)
    assert [n.text for n in gradient.objectives] == ["f", "g"]
    assert [n.text for n in gradient.wrt] == ["x1", "x2", "x3", "W"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("data = 3", "data"),
        ("input = x + 1", "input"),
        ("text = 2*title", "text"),
        ("report=1", "report"),
    ],
)
def test_a_keyword_before_an_equals_sign_is_a_name(text: str, name: str) -> None:
    (equation,) = spec(text).statements
    assert isinstance(equation, syntax.Equation) and equation.name.text == name


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("vary x in 1..4, w in -1..1 step 0.5, t in [0, 1]", ["vary"]),
        ("require h1 > 0, 0.01 < E <= 3, E.after < E, x <-1", ["require"]),
    ],
)
def test_what_comes_later_has_its_grammar(text: str, keywords: list[str]) -> None:
    assert [s.keyword for s in spec(text).statements if isinstance(s, syntax.Later)] == keywords


def only(text: str) -> syntax.Statement:
    (statement,) = spec(text).statements
    return statement


def test_a_symbol_has_sizes_that_are_letters() -> None:
    statement = only("symbol x[n], W[m, n], b")
    assert isinstance(statement, syntax.Symbols)
    assert [[shown(e) for e in d.shape] for d in statement.declared] == [["n"], ["m", "n"], []]


def test_given_values_and_derivatives() -> None:
    statement = only("given z = [3, -1], dJ/dz3 = 0.5, m.w1 = 2")
    assert isinstance(statement, syntax.Given)
    assert [(shown(v.reference.of), v.reference.wrt and shown(v.reference.wrt)) for v in statement.values] == [
        ("z", None),
        ("J", "z3"),
        ("m.w1", None),
    ]


@pytest.mark.parametrize(
    ("text", "asked", "words", "points"),
    [
        ('find p, dL/dz, updates "Compute." (6 points)', ["p", "L", "updates"], "Compute.", 6),
        ("find dL/dv (2 points)", ["L"], None, 2),
        ('find "Why?" (1 point)', [], "Why?", 1),
        ('find (1.5 Punkte) "Warum?"', [], "Warum?", Decimal("1.5")),
    ],
)
def test_find(text: str, asked: list[str], words: str | None, points: Decimal | int) -> None:
    statement = only(text)
    assert isinstance(statement, syntax.Find) and statement.points is not None
    assert [shown(r.of) for r in statement.references] == asked
    assert (statement.text.text if statement.text else None) == words
    assert statement.points.value == points


def test_words_of_the_author() -> None:
    words, note = spec('text """two\nlines"""\nnote dE/dw1 "why"').statements
    assert isinstance(words, syntax.Words) and words.text.text == "two\nlines"
    assert isinstance(note, syntax.Note) and note.reference.wrt is not None and note.text.text == "why"


def test_functions_modules_and_loops() -> None:
    function, module, use, loop, layers = spec(
        "function swish(v, b = 1; c = 2) = v * sigmoid(b*v)\n"
        "module lstm(x, h, c; units) -> h_new, c_new {\n i = x + h\n param W = 1\n}\n"
        'use "cells.spec"\n'
        "for s in 1..T { h[s] = tanh(h[s-1]); h[s], c[s] = cell(x[s]; n = 2) }\n"
        "layers (H1, H2), (H3..H4), (y1)"
    ).statements
    assert isinstance(function, syntax.Function) and isinstance(module, syntax.Module)
    assert [(p.name.text, p.default is not None) for p in function.inputs] == [("v", False), ("b", True)]
    assert [p.name.text for p in function.options] == ["c"]
    assert [n.text for n in module.outputs] == ["h_new", "c_new"] and len(module.body) == 2
    assert isinstance(use, syntax.Use) and use.path.text == "cells.spec"
    assert isinstance(loop, syntax.For) and shown(loop.values) == "..(1, T)"
    one, two = loop.body
    assert isinstance(one, syntax.Assignment) and isinstance(two, syntax.Assignment)
    assert [t.name.text for t in two.targets] == ["h", "c"]
    assert isinstance(layers, syntax.Layers) and [len(g) for g in layers.groups] == [2, 1, 1]


def test_no_statement_lacks_its_keyword_its_terminal_or_its_form() -> None:
    grammar = (Path(tables.__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    for keyword, terminal in KEYWORDS.items():
        assert re.search(rf'^{terminal}: .*"{keyword}"', grammar, re.M), keyword
    assert set(FORMS) == set(statement_keywords())


@pytest.mark.parametrize("form", FORMS.values())
def test_every_form_that_a_hint_shows_is_right(form: str) -> None:
    assert spec(form.replace("…", "y = 1"))


# --- lines


@pytest.mark.parametrize(
    "text",
    [
        "y = a +\n b",
        "y = a\n + b",
        "y =\n a + b",
        "y\n = a + b",
        "y = (a\n + b)".replace("(", "").replace(")", ""),
        "y = a + # why\n\n  b",
        "y = a\r\n  + b\r\n",
        "\ufeffy = a + b",
    ],
)
def test_a_line_goes_on(text: str) -> None:
    (equation,) = spec(text).statements
    assert isinstance(equation, syntax.Equation) and shown(equation.value) == "sum(a, b)"


def test_more_lines_that_go_on() -> None:
    assert (
        len(spec("param a,\n  b = 1\nx = f(\n a,\n b\n)\nlayer h[2] relu\n{ bias = none }\ny = a\n  - b").statements)
        == 4
    )


# --- numbers, depth, length


def test_ten_thousand_terms_are_one_flat_sum() -> None:
    tree = value(" + ".join(["w*x"] * 10_000))
    assert isinstance(tree, Sum) and len(tree.terms) == 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "y = " + "(" * 10_000 + "x" + ")" * 10_000,
        "y = " + "[" * 10_000,
        "y = " + "-" * 10_000 + "x",
        "y = x" + "^x" * 10_000,
        "y = x" + "/x" * 10_000,
        "y = x" + "[1]" * 10_000,
        "y = " + "f(" * 10_000,
        "for s in 1..2 {" * 5_000,
        "y = " + ")" * 10_000 + "(]" * 10_000,
    ],
)
def test_depth_is_a_mistake_not_a_crash(text: str) -> None:
    assert len(mistakes(text)) <= 101


def test_a_hundred_levels_are_enough() -> None:
    assert shown(value("(" * 99 + "x" + ")" * 99)) == "x"


def test_a_long_literal_is_answered() -> None:
    assert mistakes("y = " + "7" * 1_000_000) == ["`7777777777777777…` has 1,000,000 significant digits"]
    assert mistakes("y = x[" + "0" * 10_000 + "2..3]^1e999")


def test_a_decimal_comma_in_a_list_is_announced() -> None:
    assert [d.hint for d in spec("x = [0,5, 0,25]").announcements]
    assert spec("x = [1,5, 2,5]").announcements
    for fine in ("[0, 5]", "[0,1]", "[1,0,0]", "[0,1,0,1]", "[1, 2, 3]", "[0,0, 0,1, 1,1]"):
        assert not spec(f"x = {fine}").announcements, fine


def test_e_may_be_a_name() -> None:
    assert spec("e = t - y\nloss E = 1/2*e^2")
    assert hints("y = e^(-z)") == ["write exp(-z)"]


# --- reading


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the spec is empty"),
        (b" \n\n", "the spec is empty"),
        ('title "Übung"\n'.encode("latin-1"), "the spec is not UTF-8 text: byte 0xdc in line 1"),
        ("x = 1\n".encode("utf-16"), "the spec is UTF-16 text"),
        (b"x = 1\nsay \x00", "the spec holds a control character (U+0000)"),
        (b"x = \x1b[31m", "the spec holds a control character (U+001B)"),
        (b"#" * (1 << 20) + b"#", "the spec is larger than 1 MiB"),
    ],
)
def test_bytes_that_are_no_spec(data: bytes, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(data, "net.spec")
    assert [d.message for d in caught.value.diagnostics] == [message]
    assert "net.spec" in str(caught.value)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "net.spec"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\r\n")
    assert read(path).text == "x = 1\ny = 2\n"
    assert read(path, "other").name == "other"
    for missing in (tmp_path / "none.spec", tmp_path):
        with pytest.raises(SpecError, match="cannot be read"):
            read(missing)


# --- tables


def test_the_grammar_has_no_conflicts() -> None:
    import logging

    import lark

    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    lark.logger.addHandler(handler)
    level = lark.logger.level
    lark.logger.setLevel(logging.DEBUG)
    try:
        grammar = (Path(tables.__file__).parent / "grammar.lark").read_text(encoding="utf-8")
        lark.Lark(grammar, parser="lalr", lexer="basic", start=tables.STARTS, maybe_placeholders=True, debug=True)
    finally:
        lark.logger.removeHandler(handler)
        lark.logger.setLevel(level)
    assert not [message for message in seen if "onflict" in message]


def test_stored_tables_are_used_only_for_their_grammar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = tmp_path / "grammar.tables"
    stored.write_bytes(tables.make())
    built: list[str] = []
    monkeypatch.setattr(tables, "TABLES", stored)
    monkeypatch.setattr(tables, "_built", built.append)
    tables.parser.cache_clear()
    assert tables.parser() is not None and not built
    stored.write_bytes(b"graphdsl parser tables, of another grammar\n")
    tables.parser.cache_clear()
    tables.parser()
    assert len(built) == 1
    tables.parser.cache_clear()


def test_importing_the_parser_does_not_import_lark() -> None:
    code = "import sys, graphdsl.parse; sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- mistakes


@pytest.mark.parametrize("path", WRONG, ids=lambda p: p.stem)
def test_a_wrong_spec_is_answered_word_for_word(path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        parse(read(path, path.name))
    answer = render(caught.value.diagnostics, caught.value.source)
    golden = path.with_suffix(".txt")
    if os.environ.get("ACCEPT"):
        golden.write_text(answer, encoding="utf-8")
    assert answer == golden.read_text(encoding="utf-8")


def test_the_gallery_is_large() -> None:
    assert len(WRONG) >= 20


SAMPLES = [
    'title "A net"\ninput x1 = 2\nparam w1, w2 = 1\nH1 = relu(w1*x1 + b1)\nloss E = 1/2 * (t - y)^2\n',
    "layer h(H1, H2) relu { weights[from, to] = [w1, w2; w3 = 1, -2]; biases = b1..b2 }\ntrain sgd { eta = 0.1, steps = 2 }\n",
    "for s in 1..2 {\n a[s] = W*x[s] + U @ h[s-1]\n}\nloss L = sum(s in 1..2, d[s]^2)\nexpected dE/dw1.after = 0.08\n",
    'data { x1, x2 -> t\n 0, 1 -> 1 }\nfind dE/dw1 "Why?" (2 points)\nf = 1/(1 + exp(-(w0*x0 as s)))\ngradient f wrt w0\n',
    "vary x in [1, 2], w in -1..1 step 0.5\nrequire E.after < E\nS = Q @ K^T / sqrt(d_k)\nmodule m(a; b) -> c { c = a }\n",
]
SOUP = st.sampled_from(
    [
        *KEYWORDS, *"+-*/^@=,;.()[]{}<>|'\"#\\%!:~_²ᵀ½−·…√∂∞“„", " ", "  ", "\n", "..", "->", "**", ":=", '"""', "x1", "w", "dE", "dw1",
        "2", "0.5", "1.", ".5", "1e-8", "1e999", "2x", "T", "from", "in", "as", "wrt", "step", "sum", "h", "nan", "e", "\r\n", "\t",
        "\u00a0", "\u200b", "\0", "\ufeff", "y = ",
    ]
)  # fmt: skip
PATIENT = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def answered(text: str) -> None:
    """A spec, or a mistake with a place inside the text that can be printed: nothing else."""
    try:
        spec(text)
    except SpecError as error:
        assert error.diagnostics
        assert str(error)
        for diagnostic in error.diagnostics:
            assert diagnostic.message
            assert all(0 <= label.span.start <= len(text) for label in diagnostic.labels)


@seed(20240613)
@PATIENT
@given(st.text())
@example("\ud800")
@example("ß²₁^")
def test_any_text_is_answered(text: str) -> None:
    answered(text)


@seed(20240613)
@PATIENT
@given(st.lists(SOUP, max_size=40).map("".join))
def test_any_soup_of_tokens_is_answered(text: str) -> None:
    answered(text)


@seed(20240613)
@PATIENT
@given(st.sampled_from(SAMPLES), st.data())
def test_any_slip_is_answered(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(SOUP | st.just("")) + text[at + data.draw(st.integers(0, 6)) :]
    answered(text)


@seed(20240613)
@settings(max_examples=200, deadline=None)
@given(st.binary())
def test_any_bytes_are_answered(data: bytes) -> None:
    try:
        parse(read(data, "bytes"))
    except SpecError as error:
        assert str(error)
