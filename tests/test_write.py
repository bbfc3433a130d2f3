"""The writers: what is printed reads back as what was meant, fits its page, and lets nothing escape."""

from __future__ import annotations

import html
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest
from documents import (
    EMPTY,
    MAX,
    RELU,
    RELU_PRIME,
    call,
    chain,
    d,
    line,
    many_terms,
    n,
    operation,
    s,
    seed,
    words,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdsl
from graphdsl.document import Derivation, Document, Figure, Inlines, Item, Note, Paragraph, Section, Strong, Table, Text
from graphdsl.expr import (
    MINUS_ONE,
    Array,
    BigOperatorNotation,
    Call,
    Cases,
    Element,
    Expr,
    FencesNotation,
    FractionNotation,
    IndexedSum,
    InfixNotation,
    Number,
    Partial,
    Power,
    PrefixNotation,
    Product,
    Quotient,
    RadicalNotation,
    Relation,
    SubscriptedNotation,
    Sum,
    SuperscriptNotation,
    Symbol,
    add,
    equals,
    multiply,
    negate,
    subtract,
)
from graphdsl.names import Ink
from graphdsl.solve import solve
from graphdsl.write import pdf, text, typst, written_by_us
from graphdsl.write.text import formula

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="280" height="110"><circle cx="20" cy="55" r="14"/></svg>'
EXP = operation("exp", SuperscriptNotation(base="e"))
SQRT = operation("sqrt", RadicalNotation())
HALF = operation("half")
FRACTION = operation("ratio", FractionNotation())
DEGREE = operation("power", SuperscriptNotation())
FENCED = operation("fenced", FencesNotation("⌊", "⌋"))


def draw(_: object) -> str:
    return "280pt, 110pt, 100%, circle(radius: 14pt)"


def document(*blocks: object, title: str = "Title") -> Document:
    return Document(title, (), blocks, words("graphdsl"))  # type: ignore[arg-type]


def paragraph(*parts: str | Expr) -> Paragraph:
    return Paragraph(words(*parts))


# What a formula looks like.

x, y, t = s("x1"), s("y1"), s("t")

PRINTED: list[tuple[Expr, str]] = [
    (multiply(s("w13"), s("H1")), "w₁₃H₁"),
    (add(multiply(n("1"), n("1.5")), n("-0.5")), "1 · 1.5 − 0.5"),
    (multiply(n("3"), n("-2")), "3 · (−2)"),
    (multiply(n("-2"), n("3")), "−2 · 3"),
    (add(n("1"), multiply(n("-2"), n("3"))), "1 − 2 · 3"),
    (subtract(s("a"), n("-2")), "a − (−2)"),
    (subtract(s("a"), add(s("b"), s("c"))), "a − (b + c)"),
    (subtract(s("a"), multiply(n("-2"), s("b"))), "a − (−2b)"),
    (negate(add(s("a"), s("b"))), "−(a + b)"),
    (multiply(Number(Decimal(-1), quantity="w"), n("2")), "−1 · 2"),
    (multiply(n("2"), add(s("a"), s("b"))), "2(a + b)"),
    (multiply(s("a"), add(s("b"), s("c"))), "a · (b + c)"),
    (multiply(Quotient(n("1"), n("2")), Power(subtract(t, y), n("2"))), "1/2 · (t − y₁)²"),
    (multiply(n("2"), subtract(n("1"), n("4.5"))), "2 · (1 − 4.5)"),
    (Power(Quotient(n("1"), n("2")), n("2")), "(1/2)²"),
    (Power(n("-2"), n("2")), "(−2)²"),
    (negate(Power(n("2"), n("2"))), "−2²"),
    (Power(call(EXP, s("x")), n("2")), "(e^x)²"),
    (Power(Power(n("2"), n("3")), n("2")), "(2³)²"),
    (Power(n("2"), Power(n("3"), n("2"))), "2^(3²)"),
    (Power(s("x"), n("0.5")), "x^0.5"),
    (Power(s("x"), n("-1")), "x⁻¹"),
    (call(EXP, negate(s("z"))), "e^(−z)"),
    (Quotient(s("a"), Quotient(s("b"), s("c"))), "a/(b/c)"),
    (Quotient(Quotient(s("a"), s("b")), s("c")), "(a/b)/c"),
    (Quotient(n("1"), multiply(n("2"), s("x"))), "1/(2x)"),
    (Quotient(n("-1"), n("2")), "−1/2"),
    (Number(Decimal("1.5E-8")), "1.5 · 10⁻⁸"),
    (Power(Number(Decimal("1.5E-8")), n("2")), "(1.5 · 10⁻⁸)²"),
    (multiply(s("net"), s("H1")), "net · H₁"),
    (multiply(s("w5"), s("E_total")), "w₅ · E_total"),
    (multiply(d("E", "y1"), s("w3")), "∂E/∂y₁ · w₃"),
    (Power(d("E", "y1"), n("2")), "(∂E/∂y₁)²"),
    (Partial(add(s("a"), s("b")), s("x")), "∂(a + b)/∂x"),
    (Partial(s("z"), s("x"), local=True, marked=True), "∂z/∂x|direct"),
    (s("z_h1"), "z_h1"),
    (s("x_hat"), "x̂"),
    (s("y'"), "y′"),
    (s("eta"), "η"),
    (Symbol("a", ink=Ink("a", "2", "(1)")), "a₂⁽¹⁾"),
    (Power(Symbol("a", ink=Ink("a", "2", "(1)")), n("2")), "(a₂⁽¹⁾)²"),
    (Symbol("w+", ink=Ink("w", "13", "+")), "w₁₃⁺"),
    (call(RELU_PRIME, s("z3")), "ReLU′(z₃)"),
    (call(SQRT, add(s("a"), n("1"))), "√(a + 1)"),
    (call(operation("T", SuperscriptNotation(mark="T")), s("W")), "Wᵀ"),
    (call(operation("@", InfixNotation("", 20)), s("W"), s("x")), "W x"),
    (call(DEGREE, add(s("a"), s("b")), n("2")), "(a + b)²"),
    (call(operation("sum", BigOperatorNotation("∑")), s("v")), "∑ v"),
    (Call(operation("softmax", SubscriptedNotation("softmax", "by")), (s("S"),), (("by", "row"),)), "softmax_row(S)"),
    (IndexedSum(s("i"), 1, 3, multiply(*(Element(s(v), (s("i"),)) for v in "wx"))), "Σᵢ₌₁³ wᵢxᵢ"),
    (Element(s("W"), (n("2"), n("1"))), "W₂₁"),
    (Element(s("W"), (s("i"), s("j"))), "Wᵢⱼ"),
    (Element(s("W"), (n("12"), n("1"))), "W_{12,1}"),
    (Array((2,), (n("1"), n("-2"))), "[1, −2]"),
    (Array((2, 2), (n("1"), n("2"), n("3"), n("4"))), "[1, 2; 3, 4]"),
    (Cases(((s("z"), chain(s("z"), n("0"), signs=(">",))),), n("0")), "{ z, z > 0; 0, z ≤ 0 }"),
]


@pytest.mark.parametrize(("expr", "printed"), PRINTED, ids=[printed for _, printed in PRINTED])
def test_text_of_a_formula(expr: Expr, printed: str) -> None:
    assert formula(expr) == printed


def test_typst_of_a_formula() -> None:
    half = multiply(Quotient(n("1"), n("2")), Power(subtract(t, y), n("2")))
    assert typst.DISPLAY.formula(half) == "inline(frac(1, 2)) (t − y_(1))^(2)"
    assert typst.DISPLAY.formula(d("E", "w13")) == "frac(∂E, ∂w_(13))"
    assert typst.INLINE.formula(d("E", "w13")) == "∂E slash ∂w_(13)"
    assert typst.DISPLAY.formula(s("E_total")) == 'E_(upright("total"))'
    assert typst.DISPLAY.formula(Power(d("E", "x"), n("2"))) == "(frac(∂E, ∂x))^(2)"


# What is printed has the value that was meant: numeric trees are read back by a small reader of its own.

numerals = st.decimals("-9", "9", places=2).map(Number) | st.integers(-9, 9).map(lambda i: Number(Decimal(i)))
awkward = st.sampled_from([MINUS_ONE, Number(Decimal("1.5E-8")), Number(Decimal("-2E+21"))])


def larger(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        several.map(Sum),
        several.map(Product),
        inner.map(negate),
        st.tuples(inner, inner).map(lambda p: subtract(*p)),
        st.tuples(inner, inner).map(lambda p: Quotient(*p)),
        st.tuples(inner, st.integers(-2, 3)).map(lambda p: Power(p[0], Number(Decimal(p[1])))),
        inner.map(lambda e: call(EXP, e)),
        inner.map(lambda e: call(SQRT, e)),
        inner.map(lambda e: call(HALF, e)),
        inner.map(lambda e: call(FENCED, e)),
        st.tuples(inner, inner).map(lambda p: call(MAX, *p)),
        st.tuples(inner, inner).map(lambda p: call(FRACTION, *p)),
        st.tuples(inner, st.integers(2, 3)).map(lambda p: call(DEGREE, p[0], Number(Decimal(p[1])))),
    )


trees: st.SearchStrategy[Expr] = st.recursive(numerals | awkward, larger, max_leaves=8)


class Real(float):
    """A number whose `~` is its square root; what has no value is not a number."""

    def __invert__(self) -> Real:
        return Real(math.sqrt(self)) if self >= 0 else Real(math.nan)

    __neg__ = lambda a: Real(-float(a))  # noqa: E731
    __add__ = lambda a, b: Real(float(a) + b)  # noqa: E731
    __sub__ = lambda a, b: Real(float(a) - b)  # noqa: E731
    __mul__ = lambda a, b: Real(float(a) * b)  # noqa: E731
    __truediv__ = lambda a, b: Real(float(a) / b if b else math.nan)  # noqa: E731

    def __pow__(self, exponent: float, modulo: None = None) -> Real:
        try:
            return Real(math.pow(self, exponent))
        except (OverflowError, ValueError):
            return Real(math.nan)


FUNCTIONS: dict[str, Callable[..., Real]] = {
    "half": lambda v: v * 0.5,
    "max": lambda a, b: a if a >= b else b,
    "fenced": lambda v: v + 1,
}


def meant(expr: Expr) -> Real:
    """The value of the tree."""
    match expr:
        case Number():
            return Real(expr.value)
        case Sum():
            total = Real(0)
            for term in expr.terms:
                total = total + meant(term)
            return total
        case Product():
            result = Real(1)
            for factor in expr.factors:
                result = result * meant(factor)
            return result
        case Quotient():
            return meant(expr.numerator) / meant(expr.denominator)
        case Power():
            return meant(expr.base) ** meant(expr.exponent)
        case Call():
            values = [meant(a) for a in expr.arguments]
            match expr.operation.name:
                case "exp":
                    return Real(math.e) ** values[0]
                case "sqrt":
                    return ~values[0]
                case "ratio":
                    return values[0] / values[1]
                case "power":
                    return values[0] ** values[1]
                case name:
                    return FUNCTIONS[name](*values)
        case _:
            raise AssertionError(expr)


_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_PLAIN = {"−": "-", "·": "*", "^": "**", "√": "~", "⌊": "fenced(", "⌋": ")"}


def read(printed: str) -> Real:
    """The value of the printed line."""
    source = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: f"**({m[0].translate(_RAISED)})", printed)
    source = re.sub(r"\d+(\.\d+)?", lambda m: f"R({m[0]!r})", source)
    source = re.sub(r"\be\b", "E", source)
    source = "".join(_PLAIN.get(c, c) for c in source)
    return Real(eval(source, {"R": Real, "E": Real(math.e), **FUNCTIONS}))


@given(trees)
@settings(max_examples=600, deadline=None)
def test_the_printed_line_has_the_value_of_the_tree(expr: Expr) -> None:
    value = meant(expr)
    if math.isfinite(value):
        assert read(formula(expr)) == pytest.approx(value, rel=1e-6, abs=1e-9), formula(expr)


@given(st.lists(trees, min_size=20, max_size=20))
@settings(max_examples=5, deadline=None)
def test_any_tree_is_valid_typst(exprs: list[Expr]) -> None:
    lines = tuple(line(s("y"), expr, expr) for expr in exprs)
    assert pdf.render(document(Derivation(lines), *(paragraph(e) for e in exprs)), draw).startswith(b"%PDF")


# Pages.


def test_every_kind_of_node_compiles() -> None:
    lines = tuple(line(expr, expr) for expr, _ in PRINTED)
    source = document(Derivation(lines), *(paragraph("x ", expr, ".") for expr, _ in PRINTED))
    assert pdf.render(source, draw).startswith(b"%PDF")
    assert text.write(source)


def test_the_seed_fits_two_pages_and_keeps_its_bytes(tmp_path: Path) -> None:
    first = pdf.render(seed(), draw)
    assert first == pdf.render(seed(), draw)
    assert len(re.findall(rb"/Type\s*/Page\b", first)) == 2
    assert b"/Marked true" in first and b"pdfuaid:part" in first
    assert b"/Outlines" in first


def test_the_seed_as_text() -> None:
    lines = text.write(seed()).splitlines()
    assert max(map(text.width, lines)) <= 80
    assert "  z₃ = w₁₃H₁ + w₂₃H₂ + b₃ = 1 · 1.5 + 1 · 1.5 − 0.5 = 2.5" in lines
    assert "  ∂E/∂w₁₃ = ∂E/∂z₃ · ∂z₃/∂w₁₃ = ∂E/∂z₃ · H₁ = 3.5 · 1.5 = 5.25" in lines
    assert "  w₁₃      1         5.25         0.0525    0.9475" in lines


@pytest.mark.parametrize("count", [3, 9, 20])
def test_a_long_chain_breaks_before_its_signs(count: int) -> None:
    derivation = Derivation((line(s("y"), n("1")), line(*many_terms(count).members, why=words("a reason " * 12))))
    lines = text.write(document(derivation)).splitlines()
    assert max(map(text.width, lines)) <= 80
    inside = [row for row in lines if row.startswith("   ") and re.search(r"\d", row)]
    assert all(re.match(r" +([=+−]|\()", row) for row in inside), inside
    assert pdf.render(document(derivation), draw).startswith(b"%PDF")


def test_what_cannot_break_is_made_to_fit() -> None:
    total = add(*(s(f"z{i}") for i in range(1, 40)))
    source = document(Derivation((line(s("p"), Quotient(n("1"), total), n("1")), line(total, n("1")))))
    assert max(map(text.width, text.write(source).splitlines())) <= 80
    assert pdf.render(source, draw).startswith(b"%PDF")


def test_an_empty_derivation_prints_nothing() -> None:
    assert pdf.render(document(Derivation(())), draw).startswith(b"%PDF")
    assert text.write(document(Derivation(())))


def test_signs_stand_under_each_other() -> None:
    rows = [r for r in text.write(seed()).splitlines() if re.match(r" +[zHy]\S? = ", r)]
    for _, group in groupby(enumerate(rows), key=lambda pair: pair[0] // 9):
        assert len({tuple(m.start() for m in re.finditer("[=≈]", row)) for _, row in group}) == 1


def test_a_wide_table_is_folded() -> None:
    count = 30
    table = Table(
        tuple(words(f"column {i}") for i in range(count)),
        (tuple(words(n(f"{i}.5")) for i in range(count)),),
        (True,) * count,
        words("Wide"),
    )
    assert max(map(text.width, text.write(document(table)).splitlines())) <= 80
    assert pdf.render(document(table), draw).startswith(b"%PDF")


def test_empty_parts() -> None:
    blocks = (
        Derivation((line(s("x")),)),
        Table((words("a"),), (), (True,)),
        Figure(EMPTY, (), ""),
        Note("given", (), (Item((), ()),)),
        Section((), ()),
        Paragraph(()),
    )
    bare = Document("", (), blocks, ())
    assert pdf.render(bare, draw).startswith(b"%PDF")
    assert text.write(bare)


# The pages of the gallery.

ROOT = Path(__file__).parent.parent / "specs"
GALLERY = sorted(ROOT.rglob("*.spec"))
POINTS = 72 / 25.4
MARGIN = 20 * POINTS
PAGE = (210 * POINTS, 297 * POINTS)


class Word(NamedTuple):
    """A printed word and its box, in points from the upper left corner of its page."""

    words: str
    x0: float
    y0: float
    x1: float
    y1: float


def pages(content: bytes, folder: Path) -> list[list[Word]]:
    """The words of each page, as a reader of PDF finds them."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    (folder / "page.pdf").write_bytes(content)
    command = ["pdftotext", "-bbox", folder / "page.pdf", "-"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    word = re.compile(r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>')
    return [
        [Word(html.unescape(words), *map(float, box)) for *box, words in word.findall(page)]
        for page in found.split("<page ")[1:]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("spec", GALLERY, ids=[str(spec.relative_to(ROOT)) for spec in GALLERY])
def test_the_gallery_keeps_its_margins(spec: Path, tmp_path: Path) -> None:
    solution = solve(spec)
    assert max(map(text.width, solution.text().splitlines())) <= text.WIDTH
    titles = {"".join(text.inline(b.title).split()) for b in solution.document.blocks if isinstance(b, Section)}
    for page in pages(solution.pdf(), tmp_path):
        outside = [w for w in page if w.x0 < MARGIN - 1 or w.x1 > PAGE[0] - MARGIN + 1 or w.y1 > PAGE[1] - 7 * POINTS]
        assert not outside
        above_footer = [w for w in page if w.y1 < PAGE[1] - 14 * POINTS]
        lowest = max(w.y1 for w in above_footer)
        last_line = "".join(w.words for w in above_footer if w.y1 > lowest - 4)
        assert last_line not in titles, "a heading ends the page"


@pytest.mark.parametrize("name", ["two-relu-layers", "two-relu-layers-by-hand", "two-relu-layers-as-layers"])
def test_two_rounds_fit_two_pages(name: str, tmp_path: Path) -> None:
    """The exercise itself; a comparison with published numbers comes on top."""
    spec = (ROOT / f"{name}.spec").read_text(encoding="utf-8")
    exercise = "\n".join(row for row in spec.splitlines() if not row.startswith(("expected", "    ")))
    assert len(pages(solve(exercise).pdf(), tmp_path)) <= 2


def section(title: str, *blocks: object) -> Section:
    return Section(words(title), blocks)  # type: ignore[arg-type]


def numeric_lines(count: int) -> Derivation:
    return Derivation(tuple(line(d("E", f"w{i}"), multiply(n("2.5"), n("3")), n("7.5")) for i in range(count)))


def test_narrow_neighbours_stand_side_by_side_where_the_page_is_full(tmp_path: Path) -> None:
    one, two = section("First", numeric_lines(15)), section("Second", numeric_lines(15))

    def tops(*more: Section) -> list[float]:
        first, *_ = pages(pdf.render(document(one, two, *more), draw), tmp_path)
        return [next(w.y0 for w in first if w.words == title) for title in ("First", "Second")]

    apart = tops()
    assert apart[0] + 50 < apart[1]
    beside = tops(section("Third", numeric_lines(40)))
    assert beside[0] == beside[1]


def test_a_numeric_line_sets_its_derivative_in_one_row() -> None:
    assert "∂E slash ∂w_(1)" in typst.write(document(numeric_lines(2)), draw)
    assert "frac(∂E, ∂y_(1))" in typst.write(document(Derivation((line(d("E", "y1"), s("y1"), n("1")),))), draw)


def test_a_long_path_breaks_before_its_plus() -> None:
    path = multiply(*(d(f"u{i}", f"u{i + 1}") for i in range(10)))
    rows = text.write(document(Derivation((line(d("E", "w1"), add(path, path), n("1")),)))).splitlines()
    inside = [row.strip() for row in rows if "∂u" in row]
    assert max(map(text.width, rows)) <= 80
    assert [row[0] for row in inside] == ["∂", "·", "+", "·"]


# Nothing escapes.

PAYLOADS = [
    '#read("/etc/passwd")',
    "$x$ \\ `raw` *strong* _emph_ @label <label> // comment /* */",
    '"; #panic("out") "',
    "\\u{41} \\n ~ -- ... ' [ ] { } = + - /",
    "<script>alert(1)</script> \\input{x} %",
    "{{ 7 * 7 }} {% raw %}",
    "tab\tbell\x07null\x00",
]


def everywhere(payload: str) -> Document:
    put: Inlines = (Text(payload), Strong(payload))
    name = Symbol("n", ink=Ink(payload, payload, payload))
    accented = Symbol("m", ink=Ink(payload, accent="hat", primes=1))
    odd = operation(payload)
    formulas = add(name, accented, call(odd, name), Element(name, (s("i"),)))
    return Document(
        payload,
        put,
        (
            Section(put, (Paragraph((*put, *words(formulas))),)),
            Derivation((line(name, formulas, why=put),)),
            Table((put,), ((put,), (words(name),)), (False,), put),
            Figure(EMPTY, put, payload),
            Note("given", put, (Item(put, put),)),
        ),
        put,
        payload,
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_strings_are_printed_as_the_characters_they_are(payload: str, tmp_path: Path) -> None:
    content = pdf.render(everywhere(payload), draw)
    assert text.visible(payload) in text.write(everywhere(payload))
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    (tmp_path / "page.pdf").write_bytes(content)
    shown = subprocess.run(
        ["pdftotext", "-raw", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "".join(text.visible(payload).split()) in "".join(shown.split())


@given(st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_title_compiles(words_: str) -> None:
    assert pdf.render(everywhere(words_), draw).startswith(b"%PDF")
    assert text.write(everywhere(words_)).endswith("\n")


def test_letters_without_a_glyph_do_not_stop_the_page() -> None:
    assert pdf.render(document(title="变量 متغير 変数"), draw).startswith(b"%PDF")


def test_own_files_are_known_again() -> None:
    own = seed()
    assert written_by_us(pdf.render(own, draw))
    assert written_by_us(typst.write(own, draw).encode())
    assert written_by_us(text.write(own).encode())
    assert written_by_us(b'{"format": "graphdsl-trace", "version": 1}')
    for other in (b"", b"%PDF-1.7\n/Keywords(networks)", b"Solve it with graphdsl.\n", b"// my notes on graphdsl\n"):
        assert not written_by_us(other)


def test_relations_print_in_their_place() -> None:
    assert formula(equals(call(RELU, s("z")), call(MAX, n("0"), s("z")))) == "ReLU(z) = max(0, z)"
    assert formula(Relation((s("z"), n("2.5"), n("0")), ("=", ">"))) == "z = 2.5 > 0"
    minus = operation("minus", PrefixNotation("−", 15))
    assert formula(Product((n("2"), call(minus, s("x"))))) == "2 · (−x)"


def test_a_dot_product_stands_in_brackets_within_a_product() -> None:
    """M · v · u could be (M · v) · u."""
    text = solve(
        "input v = [1, 2], u = [3, 4]\nparam M = [1, 2; 3, 4], w = 2\nA = M*(v @ u)\nf = w*dot(v, u) + v @ u\n"
    ).text()
    assert "A = M · (v · u)" in text
    assert "f = w · (v · u) + v · u" in text


@pytest.mark.parametrize(("paper", "size"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_the_paper_is_as_asked(paper: str, size: tuple[int, int]) -> None:
    found = graphdsl.solve(ROOT / "two-relu-layers.spec", report={"page": paper})
    boxes = re.findall(rb"/MediaBox ?\[0 0 ([0-9.]+) ([0-9.]+)\]", found.render("pdf").content)
    assert {(round(float(w)), round(float(h))) for w, h in boxes} == {size}
    assert f"\\documentclass[10pt,{paper}paper,fleqn]" in found.latex()
