"""The LaTeX of every page: formulas, layout, escapes, numerals read back, and, where there is a TeX, what it makes of them."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
import reading
import tex_reading
from documents import RELU, call, d, line, many_terms, n, operation, s, seed, words
from equalities import derived, numeric_relations
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reading import count, false_lines
from test_write import PAYLOADS, PRINTED, everywhere, meant
from test_write import trees as numeric_trees

from graphdsl import ops, solve
from graphdsl.diagram import Arrow, Box, BoxKind, Diagram
from graphdsl.document import Derivation, Document, Figure, Math, Note, Paragraph, Section, Table, Text
from graphdsl.expr import (
    Array,
    Cases,
    Element,
    Expr,
    FencesNotation,
    Number,
    Partial,
    Power,
    Quotient,
    Relation,
    Symbol,
    add,
    multiply,
    negate,
)
from graphdsl.names import Ink
from graphdsl.solve import Solution
from graphdsl.write import latex, tex_engine, text, tikz, tikz_plot, written_by_us
from graphdsl.write.tex_engine import ENGINES, Engine, TexError
from graphdsl.write.tex_formula import DISPLAY, INLINE
from graphdsl.write.tex_letters import SIGNS, escaped, label
from graphdsl.write.tex_width import width

ROOT = Path(__file__).parents[1] / "specs"
GALLERY = sorted(ROOT.rglob("*.spec"))
FEW = ("two-relu-layers", "nets/mazur", "circuits/cs231n-sigmoid", "tour/matrices", "tour/functions")
TEX: tuple[Engine, ...] = ("pdflatex", "lualatex")


@cache
def solution(path: Path) -> Solution:
    return solve(path)


def written(path: Path, fragment: bool = False) -> str:
    return latex.write(solution(path).document, tikz_plot.picture, fragment)


def whole(*blocks: object, title: str = "Title") -> Document:
    return Document(title, (), blocks, ())  # type: ignore[arg-type]


def source(*blocks: object, title: str = "Title") -> str:
    return latex.write(whole(*blocks, title=title), tikz_plot.picture)


def body(source: str) -> str:
    return source.partition(r"\begin{document}")[2]


# Formulas


def name(base: str, sub: str = "", sup: str = "", accent: str = "", primes: int = 0) -> Symbol:
    return Symbol(base, ink=Ink(base, sub, sup, accent, primes))


FORMULAS: list[tuple[Expr, str]] = [
    (s("w13"), "w_{13}"),
    (s("eta"), r"\eta"),
    (name("net", "h1"), r"\mathit{net}_{h1}"),
    (name("W", "21", "(2)"), "W_{21}^{(2)}"),
    (name("x", "1", "+", "hat", 1), r"\hat{x}_1'^+"),
    (name("größe"), r"\textit{größe}"),
    (d("E", "w13"), r"\frac{\partial E}{\partial w_{13}}"),
    (Partial(s("f"), s("x"), local=True, marked=True), r"\left.\frac{\partial f}{\partial x}\right|_{\mathrm{direct}}"),
    (Quotient(n("1"), n("2")), r"\tfrac{1}{2}"),
    (Power(add(s("t"), s("y")), n("2")), "(t + y)^2"),
    (Power(Quotient(s("a"), s("b")), n("2")), r"\left(\frac{a}{b}\right)^2"),
    (Number(Decimal("-1.5e-9")), r"-1.5 \cdot 10^{-9}"),
    (multiply(n("2"), n("-3")), r"2 \cdot (-3)"),
    (call(RELU, s("z")), r"\operatorname{ReLU}(z)"),
    (call(operation("abs", FencesNotation("|", "|")), s("x")), r"\lvert x \rvert"),
    (Cases(((n("1"), Relation((s("z"), n("0")), (">",))),), n("0")), r"\begin{cases} 1, & z > 0 \\ 0, & z \le 0 \end{cases}"),
    (Array((2,), (n("1"), n("2"))), r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}"),
    (Array((1, 2), (n("1"), n("2"))), r"\begin{bmatrix} 1 & 2 \end{bmatrix}"),
    (Element(Element(s("h"), (s("i"),)), (s("j"),)), "{h_i}_j"),
]  # fmt: skip


@pytest.mark.parametrize(("expr", "printed"), FORMULAS, ids=[printed for _, printed in FORMULAS])
def test_formulas(expr: Expr, printed: str) -> None:
    assert DISPLAY.formula(expr) == printed


def test_within_words_a_derivative_is_slashed() -> None:
    assert INLINE.formula(d("E", "w1")) == r"\partial E / \partial w_1"
    assert INLINE.formula(Quotient(add(s("a"), s("b")), s("c"))) == "(a + b) / c"


@given(numeric_trees)
@settings(deadline=None)
def test_the_printed_formula_has_the_value_of_the_tree(expr: Expr) -> None:
    """Brackets are where they have to be; trees with operations that the reader does not know are left out."""
    value = meant(expr)
    try:
        found = reading.read(reading.tokens(tex_reading.formula(DISPLAY.formula(expr))), reading.Scope())
    except reading.NotRead:
        found = None
    assume(found is not None and math.isfinite(value))
    assert float(found) == pytest.approx(value, rel=1e-6, abs=1e-9), DISPLAY.formula(expr)


# The source


def test_a_derivation_is_one_align() -> None:
    for path in (ROOT / f"{name}.spec" for name in FEW):
        document = solution(path).document
        blocks = [b for section in document.blocks if isinstance(section, Section) for b in nested(section)]
        expected = sum(isinstance(block, Derivation) for block in blocks)
        assert len(tex_reading.derivations(written(path))) == expected > 1


def nested(section: Section) -> Iterable[object]:
    for block in section.blocks:
        yield from nested(block) if isinstance(block, Section) else (block,)


def test_signs_stand_in_columns_where_the_lines_are_alike() -> None:
    printed = written(ROOT / "two-relu-layers.spec")
    assert r"z_1 &= w_1 x_1 + b_1                 &&\; = 1 \cdot 2 - 0.5" in printed


def test_labels_are_stable_and_stand_once() -> None:
    printed = written(ROOT / "two-relu-layers.spec")
    labels = re.findall(r"\\label\{(.*?)\}", printed)
    assert {"gd:dE/dw13@1", "gd:H1@2", "gd:w1.after@1", "gd:forward@1", "gd:results"} <= set(labels)
    assert len(labels) == len(set(labels)) > 40
    assert label("hidden1.W[2,1]@1") == "gd:hidden1.W.2.1@1"
    assert label("η'%\\}@1") == "gd:eta-primeu0025u005cu007d@1"


def test_a_fragment_defines_nothing_and_says_what_it_needs() -> None:
    for path in (ROOT / f"{name}.spec" for name in FEW):
        printed = written(path, fragment=True)
        assert printed.startswith("% Written by graphdsl")
        assert r"\usepackage{amsmath, booktabs, tikz}" in printed.partition(r"\begingroup")[0]
        inside = "\n".join(row for row in printed.splitlines() if not row.startswith("%"))
        assert re.fullmatch(r"\\begingroup\n.*\\endgroup", inside, re.DOTALL)
        assert not re.search(
            r"\\(def|let|newcommand|renewcommand|usepackage|documentclass|global|gdef|tikzset)\b", inside
        )
        assert all(name.startswith("gd:") for name in re.findall(r"\\label\{(.*?)\}", printed))


def test_long_chains_break_before_their_signs() -> None:
    (derivation,) = tex_reading.derivations(source(Derivation((line(*many_terms(60).members),))))
    rows = derivation.strip().splitlines()
    assert len(rows) > 5
    assert all(re.match(r"\s*\S* ?&(\\quad \{\}\+|=|\\approx) ", row) for row in rows)
    assert max(width(re.sub(r"\\\\\*?|&", "", row), True) for row in rows) <= latex.WHOLE.room


def test_decimal_marks_of_a_column_meet() -> None:
    rows = tuple((words(n(value)),) for value in ("14", "8.75", "-0.0525"))
    printed = source(Table((words("v"),), rows, (True,)))
    assert [row.strip() for row in printed.splitlines() if row.strip().startswith("$")] == [
        r"$14$\hspace{2.278em} \\",
        r"$8.75$\hspace{1.000em} \\",
        r"$-0.0525$ \\",
    ]


def test_a_long_table_goes_on() -> None:
    rows = tuple((words(f"name {i} of a row that is wide enough to stand alone in its line"),) for i in range(100))
    assert source(Table((words("v"),), rows, (False,))).count(r"\toprule") == 3
    assert source(Table((words("v"),), tuple((words(str(i)),) for i in range(30)), (False,))).count(r"\toprule") == 3


def test_own_files_are_known_again() -> None:
    for fragment in (False, True):
        assert written_by_us(latex.write(seed(), tikz_plot.picture, fragment).encode())


def test_empty_parts() -> None:
    empty = whole(Derivation(()), Table((), (), ()), Section((), ()), Note("given", (), ()), Paragraph(()), title="")
    for fragment in (False, True):
        assert r"\begin{align" not in latex.write(empty, tikz_plot.picture, fragment)


# Numerals read back


@pytest.mark.slow
@pytest.mark.parametrize("path", GALLERY, ids=[str(path.relative_to(ROOT)) for path in GALLERY])
def test_no_printed_relation_is_false(path: Path) -> None:
    rounding = solution(path).model.display.rounding
    expected = count(solution(path).text(), rounding)
    assert expected >= sum(map(numeric_relations, derived(solution(path).document.blocks)))
    for fragment in (False, True):
        read = tex_reading.text(written(path, fragment))
        assert false_lines(read, rounding) == []
        assert count(read, rounding) == expected


def test_what_is_too_long_for_a_row_is_printed_once() -> None:
    """A minus sign before a bracket, and a sum of all entries behind a factor, are no factors of their own."""
    terms = add(*(multiply(s(f"u{i}"), s(f"v{i}")) for i in range(1, 60)))
    total = ops.call(
        ops.SUM, ops.call(ops.HADAMARD, *(Array((60,), tuple(s(f"{x}{i}") for i in range(60))) for x in "pq"))
    )
    for member in (negate(terms), multiply(negate(s("a")), terms), multiply(n("2"), total)):
        printed = source(Derivation((line(s("L"), member),)))
        assert len(re.findall(r"[up]_7\b", printed)) == 1


def test_the_reader_sees_a_wrong_digit() -> None:
    printed = written(ROOT / "two-relu-layers.spec")
    for true, false in (("= 5.25", "= 5.26"), ("- 0.0525", "- 0.0526"), (r"\approx 1.6443", r"\approx 1.6444")):
        assert true in printed or true == "- 0.0525"
        changed = printed.replace(true, false, 1)
        assert bool(false_lines(tex_reading.text(changed))) == (true in printed)


# Letters


@pytest.mark.parametrize(
    ("words_", "printed"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("50 % & #1 $x$ a_b^c~", r"50 \% \& \#1 \$x\$ a\_b\textasciicircum{}c\textasciitilde{}"),
        ("[a]*", "{[}a{]}{*}"),
        ("-- ,, ''", r"-\kern0pt{}- ,\kern0pt{}, '\kern0pt{}'"),
        ("a—b “c”", "a---b ``c''"),
        ("ÄöüßéŁ", "ÄöüßéŁ"),
        ("ηΑ ≤ x₁²", r"$\eta$$\mathrm{A}$ $\le$ x\textsubscript{1}\textsuperscript{2}"),
        ("ẋ ά ﬁ ①", r"\.{x} $\acute{\alpha}$ fi 1"),
        ("中😀", "{[}U+4E2D{]}{[}U+1F600{]}"),
        ("a\x00b\nc\u202ed", "ab cd"),
    ],
)
def test_words_are_escaped(words_: str, printed: str) -> None:
    assert escaped(words_) == printed


def test_a_long_word_can_break() -> None:
    assert escaped("x" * 100).count(r"\hspace{0pt}") == 4


# What TeX makes of it


def problems(log: str) -> list[str]:
    found = [
        row for row in log.splitlines() if re.match(r"!|Overfull \\[hv]box|Missing character|LaTeX Font Warning", row)
    ]
    return found + re.findall(r"multiply defined|Undefined control.*", log)


def clean(source: str, engine: Engine) -> bytes:
    made = tex_engine.run(source, engine)
    assert problems(made.log) == []
    return made.pdf


def framed(*fragments: str, encoding: bool = True) -> str:
    """An author's own document around fragments."""
    t1 = r"\ifdefined\pdftexversion\usepackage[T1]{fontenc}\fi\usepackage{lmodern}" if encoding else ""
    inside = "\n\\clearpage\n".join(fragments)
    return (
        rf"\documentclass{{article}}{t1}\usepackage{{amsmath,booktabs,tikz}}\begin{{document}}"
        + f"\n{inside}\n\\end{{document}}\n"
    )


def unlabelled(source: str) -> str:
    return re.sub(r" ?\\tag\*\{\}\\label\{.*?\}|\\label\{.*?\}", "", source)


def shown(pdf: bytes, folder: Path) -> str:
    (folder / "page.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-raw", folder / "page.pdf", "-"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.tex
@pytest.mark.parametrize("engine", TEX)
def test_some_pages_compile(engine: Engine) -> None:
    for path in (ROOT / f"{name}.spec" for name in FEW):
        pdf = clean(written(path), engine)
        assert written_by_us(pdf)


@pytest.mark.tex
@pytest.mark.slow
@pytest.mark.parametrize("engine", TEX)
def test_all_fragments_compile_in_a_document_of_the_author(engine: Engine) -> None:
    fragments = [unlabelled(written(path, fragment=True)) for path in GALLERY]
    clean(framed(written(GALLERY[0], fragment=True), *fragments), engine)


@pytest.mark.tex
@pytest.mark.slow
@pytest.mark.parametrize("engine", TEX)
def test_the_gallery_compiles(engine: Engine) -> None:
    for path in GALLERY:
        clean(written(path), engine)


@pytest.mark.tex
@pytest.mark.slow
@pytest.mark.parametrize("engine", TEX)
def test_the_same_source_gives_the_same_bytes(engine: Engine) -> None:
    first, second = (tex_engine.compile(written(ROOT / "tour/shortest.spec"), engine) for _ in range(2))
    assert first == second


HOSTILE = [
    *PAYLOADS,
    r"\input{/etc/passwd}",
    r"\write18{touch /tmp/out}",
    "^^5cinput",
    r"\end{document}",
    "100 % $ & # {",
    "}",
]


@pytest.mark.tex
@pytest.mark.slow
@pytest.mark.poppler
@pytest.mark.parametrize("engine", TEX)
def test_strings_are_printed_as_the_characters_they_are(engine: Engine, tmp_path: Path) -> None:
    blocks = [block for payload in HOSTILE for block in everywhere(payload).blocks]
    titles = [Document(payload, (), (), ()) for payload in HOSTILE]
    printed = source(*blocks, title=" ".join(HOSTILE))
    page = squeezed(shown(clean(printed, engine), tmp_path))
    heads = framed(*(latex.write(document, tikz_plot.picture, fragment=True) for document in titles))
    title = squeezed(shown(clean(heads, engine), tmp_path))
    for payload in HOSTILE:
        assert squeezed(text.visible(payload)) in page
        assert squeezed(text.visible(payload)) in title
    assert "root:" not in page + title


def squeezed(shown: str) -> str:
    """Without spaces, and with TeX's quotes as they were typed."""
    return re.sub(r"\s|\d\f|-\n", "", shown.translate(str.maketrans("’‘−–ˆ˜", "''--^~")))


LETTERS = (
    "".join(chr(code) for code in range(0x20, 0x600))
    + "".join(SIGNS)
    + "–—‘’“”„…€™•₀₉⁰⁹ẋḧŷﬁ①ℝ中あ한😀\u0301\u200b\u2060"
)


@pytest.mark.tex
@pytest.mark.slow
@pytest.mark.parametrize("engine", TEX)
def test_every_letter_compiles(engine: Engine) -> None:
    names = [Math(Symbol(c, ink=Ink(c, c, c))) for c in LETTERS if c.strip() and c.isprintable()]
    accents = [Math(Symbol("m", ink=Ink(c, accent="hat", primes=1))) for c in "aη中é"]
    blocks = (
        Paragraph((Text(" ".join(LETTERS)),)),
        Paragraph(tuple(p for m in (*names, *accents) for p in (m, Text(" ")))),
    )
    clean(source(*blocks, title=LETTERS[::7]), engine)


@pytest.mark.tex
@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=12, max_size=12))
def test_any_words_compile(texts: list[str]) -> None:
    blocks = [block for words_ in texts for block in everywhere(words_).blocks]
    tex_engine.compile(source(*blocks, title=texts[0]), "pdflatex")


@pytest.mark.tex
@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(st.lists(numeric_trees, min_size=25, max_size=25))
def test_any_tree_compiles(trees: list[Expr]) -> None:
    lines = Derivation(tuple(line(s("x"), tree, n("1"), why=words(tree)) for tree in trees))
    clean(source(lines, Paragraph(words(*(part for tree in trees for part in (tree, " "))))), "pdflatex")


@pytest.mark.tex
@pytest.mark.slow
@pytest.mark.parametrize("engine", TEX)
def test_every_kind_of_node_compiles(engine: Engine) -> None:
    every = [expr for expr, _ in (*PRINTED, *FORMULAS)]
    clean(
        source(Derivation(tuple(line(e, e) for e in every)), *(Paragraph(words("x ", e, ".")) for e in every)), engine
    )


@pytest.mark.tex
@pytest.mark.slow
def test_what_cannot_break_is_made_to_fit() -> None:
    row = Array((1, 60), tuple(n(f"0.{i:03}") for i in range(60)))
    long_name = name("w" * 200)
    blocks = (
        Derivation(
            (line(s("x"), row, n("1"), why=words("because " * 60)), line(multiply(long_name, long_name), n("1")))
        ),
        Derivation((line(add(*(s(f"abcdefgh{i}") for i in range(60))), n("1")),)),
        Paragraph(words(row)),
        Note("given", words("Given"), ()),
    )
    clean(source(*blocks, title="A" * 400), "pdflatex")


@pytest.mark.tex
@pytest.mark.slow
def test_widths_are_known_before_tex_sets_them() -> None:
    """What TeX measures is never more than was reckoned, and rarely much less."""
    members = [
        DISPLAY.formula(member)
        for path in (ROOT / f"{name}.spec" for name in FEW)
        for section in solution(path).document.blocks
        if isinstance(section, Section)
        for block in nested(section)
        if isinstance(block, Derivation)
        for row in block.lines
        for member in row.chain.members
    ]
    boxes = "\n".join(rf"\setbox0\hbox{{$\displaystyle {m}$}}\typeout{{width \the\wd0}}" for m in members)
    head, tail = source().split(r"\begin{document}")[0], r"\end{document}"
    log = tex_engine.run(rf"{head}\begin{{document}}x{boxes}{tail}", "pdflatex").log
    measured = [float(found) / 10 for found in re.findall(r"width ([\d.]+)pt", log)]
    assert len(measured) == len(members) > 200
    reckoned = [width(member, True) for member in members]
    assert all(real <= 1.01 * guess + 0.25 for real, guess in zip(measured, reckoned, strict=True))
    assert sum(reckoned) < 1.12 * sum(measured)


# Drawings


def drawn(label: Expr) -> Diagram:
    """A drawing of every kind of box and arrow, which Graphviz has to lay out."""
    boxes = [Box(kind, label, kind, value=n("2.5"), gradient=n("-0.5")) for kind in get_args(BoxKind)]
    tones = ("plain", "strong", "pale")
    arrows = [
        Arrow(a.id, b.id, label, dashed=i % 2 == 0, gradient=n("3.5"), tone=tones[i % 3])
        for i, (a, b) in enumerate(pairwise(boxes))
    ]
    return Diagram("graph", tuple(boxes), tuple(arrows), placed=False, key=label)


def test_a_picture_defines_nothing_outside() -> None:
    made = tikz.picture(drawn(s("w13")))
    assert re.fullmatch(r"\\begin\{tikzpicture\}.*\\end\{tikzpicture\}", made.source, re.DOTALL)
    assert r"{$w_{13}$};" in made.source
    assert r"{$\mathit{-0.5}$};" in made.source


@pytest.mark.tex
@pytest.mark.slow
def test_every_kind_of_box_compiles() -> None:
    figures = [Figure(drawn(label), words("A drawing"), "alt \n}") for label in (s("w13"), name("%&$#_^~\\", "}", "{"))]
    clean(source(*figures), "pdflatex")


# Engines


def script(folder: Path, name: str, *lines: str) -> None:
    program = folder / name
    program.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    program.chmod(0o755)


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on the path."""
    folder = tmp_path / "engines"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_engine_is_a_sentence(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TexError, match=f"`{engine}` is not installed, or not on the path; without --pdf-engine no TeX"):
        tex_engine.compile("", engine)


def kept(error: TexError) -> Path:
    found = re.search(r"kept as (.*\.tex)", error.hint)
    assert found is not None
    return Path(found[1])


def test_a_failing_engine_shows_its_own_message_and_keeps_the_source(engines: Path) -> None:
    script(
        engines,
        "pdflatex",
        "printf 'This is TeX\\n! Undefined control sequence.\\nl.3 \\\\nonsense\\n' > solution.log; exit 1",
    )
    with pytest.raises(TexError) as caught:
        tex_engine.compile("the source", "pdflatex")
    assert caught.value.message == r"`pdflatex` failed: Undefined control sequence. (line 3: \nonsense)"
    assert kept(caught.value).read_text() == "the source"
    shutil.rmtree(kept(caught.value).parent)


def test_an_engine_without_a_log_is_quoted(engines: Path) -> None:
    script(engines, "tectonic", "echo 'error: no network' >&2; exit 1")
    with pytest.raises(TexError, match="`tectonic` failed: no network") as caught:
        tex_engine.compile("", "tectonic")
    shutil.rmtree(kept(caught.value).parent)


def test_a_hanging_engine_is_ended_with_its_children(engines: Path) -> None:
    script(engines, "lualatex", "sleep 600 & echo $! > child; wait")
    before = time.monotonic()
    with pytest.raises(TexError, match=r"`lualatex` did not come to an end within 0\.5 seconds") as caught:
        tex_engine.compile("", "lualatex", time_limit=0.5)
    assert time.monotonic() - before < 5
    child = int((kept(caught.value).parent / "child").read_text())
    shutil.rmtree(kept(caught.value).parent)
    assert gone(child)


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody waited for counts as ended."""
    for _ in range(50):
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.tex
@pytest.mark.slow
@pytest.mark.parametrize("engine", TEX)
def test_an_engine_reads_nothing_else_and_starts_no_program(engine: Engine, tmp_path: Path) -> None:
    """Should an escape ever fail: the engine itself is held."""
    secret = tmp_path / "secret.tex"
    secret.write_text("secret")
    page = r"\documentclass{article}\begin{document}x%s\end{document}"
    with pytest.raises(TexError, match="failed") as caught:
        tex_engine.compile(page % rf"\input{{{secret}}}", engine)
    shutil.rmtree(kept(caught.value).parent)
    shell = r"\immediate\write18{touch %s}" if engine == "pdflatex" else r"\directlua{os.execute('touch %s')}"
    tex_engine.compile(page % (shell % (tmp_path / "touched")), engine)
    assert not (tmp_path / "touched").exists()


# Numbers in the author's own sentences.


@pytest.mark.parametrize(
    "name", ["two-relu-layers-twin", "training/aio-momentum", "nets/mazur", "recurrent/rnn-three-steps"]
)
def test_numbers_bear_the_names_by_which_they_are_expected(name: str) -> None:
    """What the spec expects of a node, a parameter or a loss is found under the same name, within its last digit."""
    found = solve(ROOT / f"{name}.spec")
    numbers = dict(re.findall(r"\\gdset\{(.+)\}\{(.*)\}", found.tex_values()))
    total = [
        v
        for v in found.verdicts
        if "/" not in v.expected.words or v.expected.words.startswith(f"d{found.model.objectives[0].key}/")
    ]
    assert len(total) > 3
    for verdict in total:
        printed = Decimal(numbers[verdict.expected.words])
        assert abs(printed - verdict.ours.value) <= Decimal(1).scaleb(printed.as_tuple().exponent) / 2


@pytest.mark.tex
@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_numbers_stand_in_words_and_formulas(engine: Engine, tmp_path: Path) -> None:
    values = solve(
        "input x = 2\nparam W = [1.5, -0.25], eta = 3\ny = W*x*eta\nloss E = sum(y)\ntrain sgd { eta = 0.1 }\n"
    ).tex_values()
    body = r"W: \gdval{W[2]}, $E = \gdval{E}$, then \gdval{E.after}; d \gdval{dE/dW[1]}; \gdval{eta}; none: \gdval{no_such}."
    source = rf"\documentclass{{article}}{values}\begin{{document}}{body}\end{{document}}"
    made = tex_engine.run(source, engine)
    (tmp_path / "a.pdf").write_bytes(made.pdf)
    said = subprocess.run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True).stdout
    assert "W: −0.25, E = 7.5, then" in said and "3; none: ??." in said
    assert "graphdsl has no number no_such" in made.log
