"""Markdown of the gallery and of awkward documents: read by a CommonMark parser, its formulas read back, nothing escaped from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from documents import EMPTY, d, line, n, operation, s, seed, words
from markdown_it import MarkdownIt
from markdown_it.token import Token
from reading import count, false_lines
from tex_reading import formula

import graphdsl
from graphdsl.diagram import Diagram
from graphdsl.document import (
    Block,
    Derivation,
    Document,
    Figure,
    Inlines,
    Item,
    Line,
    Math,
    Note,
    Paragraph,
    Section,
    Strong,
    Table,
    Text,
)
from graphdsl.expr import Call, FunctionNotation, Number, Partial, Symbol, add, equals, multiply
from graphdsl.names import Ink
from graphdsl.solve import Solution
from graphdsl.write import markdown, text, written_by_us
from graphdsl.write.markdown import Dialect, literal, word

GALLERY = sorted((Path(__file__).parent.parent / "specs").rglob("*.spec"))
SEED = Path(__file__).parent.parent / "specs" / "two-relu-layers.spec"
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@cache
def solved(path: Path) -> Solution:
    return graphdsl.solve(path)


def written(document: Document, dialect: Dialect = "github") -> str:
    return markdown.write(document, lambda number, _: f"net-{number}.svg", dialect)


def as_code(page_: str) -> str:
    """A page of Quarto with its formulas as code, as Pandoc takes them."""
    fenced = re.sub(r"(?ms)^\$\$\n(.*?)\n\$\$$", r"```math\n\1\n```", page_)
    return _DOLLARS.sub(lambda m: f"$`{m[1]}`$" if m[1] else m[0], fenced)


_DOLLARS = re.compile(r"\\.|```.*?```|\$(?=\S)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)", re.DOTALL)


def tokens(page: str) -> list[Token]:
    """Every token of a page, those within lines too."""
    return [t for block in READER.parse(page) for t in (block, *(block.children or ()))]


def kinds(page: str) -> set[str]:
    return {token.type for token in tokens(page)}


def shown(page: str) -> str:
    """The characters that a reader of CommonMark sees."""
    return "".join(t.content if t.type in ("text", "code_inline") else "" for t in tokens(page))


def page(*blocks: Block, title: str = "", subtitle: Inlines = (), colophon: Inlines = ()) -> Document:
    return Document(title, subtitle, blocks, colophon)


# Formulas of our pages -> the text that the reading checker reads.


def chains(aligned: str) -> Iterator[str]:
    """The chains of a display: a row that begins with & goes on; a reason is a line of its own."""
    body = aligned.strip().removeprefix(r"\begin{aligned}").removesuffix(r"\end{aligned}")
    rows = [row.strip().removesuffix("\\\\").strip() for row in body.strip().split("\n")]
    joined: list[str] = []
    for row in rows:
        lead, _, rest = row.partition("&")
        if lead.strip():
            joined.append(f"{lead.strip()} {rest.strip()}")
        else:
            joined[-1] += " " + rest.strip().removeprefix(r"\quad {}").strip()
    for row in joined:
        chain, _, reason = row.partition(r"\quad (")
        yield formula(chain)
        if reason:
            yield formula(reason.removesuffix(")"))


def as_text(page_: str) -> str:
    """A page with its formulas as the text writer would print them."""
    parts = []
    for block in re.split(r"(?ms)^(?:```math|\$\$)\n(.*?)\n(?:```|\$\$)$", page_):
        if block.startswith(r"\begin{aligned}"):
            parts.append("\n" + "\n".join(f"  {row}\n" for row in chains(block)))
        else:
            kept = "\n".join(row for row in block.split("\n") if not row.startswith("| "))
            formulas = re.sub(r"\$`(.*?)`\$|(?<!\\)\$(.*?)(?<!\\)\$", lambda m: formula(m[1] or m[2]), kept)
            items = re.sub(r"(?m)^> ?", "", formulas).replace("- ", "\n\n")
            parts.append(re.sub(r"(?m)^(activation|function): ", r"\1 ", items))
    return "".join(parts)


# The gallery.


@pytest.mark.slow
@pytest.mark.parametrize("dialect", get_args(Dialect))
@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_no_printed_relation_is_false(path: Path, dialect: Dialect) -> None:
    solution = solved(path)
    read = as_text(written(solution.document, dialect))
    rounding = solution.model.display.rounding
    assert false_lines(read, rounding) == []
    assert count(read, rounding) >= count(text.write(solution.document), rounding)


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_a_page_is_what_a_reader_of_commonmark_takes_it_for(path: Path) -> None:
    solution = solved(path)
    found = written(solution.document)
    html = [t for t in tokens(found) if t.type.startswith("html")]
    assert [t.content.strip() for t in html] == ["<!-- Written by graphdsl. -->"]
    images = [t for t in tokens(found) if t.type == "image"]
    assert [t.attrs["src"] for t in images] == [f"net-{i}.svg" for i in range(1, len(images) + 1)]
    assert not kinds(found) & {"link_open", "em_open", "s_open", "code_block", "ordered_list_open", "softbreak"}
    fences = [t for t in tokens(found) if t.type == "fence"]
    assert {t.info for t in fences} == {"math"}
    derivations = sum(isinstance(b, Derivation) for b in flat(solution.document.blocks))
    tables = sum(isinstance(b, Table) for b in flat(solution.document.blocks))
    assert len(fences) == derivations
    assert sum(t.type == "table_open" for t in tokens(found)) == tables
    for code in (t for t in tokens(found) if t.type == "code_inline"):
        assert found.count(f"$`{code.content}`$"), "a code span is a formula"


def flat(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Section):
            yield from flat(block.blocks)


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_no_formula_is_touched(path: Path) -> None:
    """A letter, a digit or a dash beside its dollars would make a formula words."""
    for dialect, form in (("github", r"\$`.*?`\$"), ("quarto", r"(?<![\\$])\$[^$\n]+\$")):
        page_ = written(solved(path).document, "github" if dialect == "github" else "quarto")
        for match in re.finditer(form, page_):
            around = page_[match.start() - 1 : match.start()] + page_[match.end() : match.end() + 1]
            assert not re.search(r"[\w$-]", around), page_[match.start() - 9 : match.end() + 9]
            assert not re.match(r"\$\s|.*\s\$$", match[0]), match[0]


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_tables_have_the_same_cells_in_every_row(path: Path) -> None:
    for block in READER.parse(written(solved(path).document)):
        assert block.type != "inline" or "| " not in block.content, "a table that was not read as one"
    rows = [row for row in written(solved(path).document).split("\n") if row.startswith("|")]
    assert all(row.endswith("|") for row in rows)


def test_rows_of_displays_are_short(path: Path = SEED) -> None:
    for block in flat(solved(path).document.blocks):
        if isinstance(block, Derivation):
            for row in markdown._rows(block):
                read = re.sub(r"\((∂[^()]*)\)/\((∂[^()]*)\)", r"\1/\2", formula(row.removesuffix("\\\\")))
                assert len(read) <= markdown.ROOM + 30


def test_the_same_document_gives_the_same_bytes() -> None:
    assert written(solved(SEED).document) == written(graphdsl.solve(SEED).document)


def test_a_page_is_known_as_ours() -> None:
    for dialect in get_args(Dialect):
        assert written_by_us(written(seed(), dialect).encode())
    assert not written_by_us(b"# My own notes\n\nWritten by graphdsl.\n")


# What a page looks like.


def test_headings_notes_and_displays() -> None:
    found = written(seed())
    assert found.startswith("<!-- Written by graphdsl. -->\n\n# Two hidden layers of two ReLU units\n\nWorked solution")
    assert "\n## Round 1: forward pass\n" in found
    assert "\n> **Given**\n>\n> - $`x_1 = 2`$,  $`t = 1`$\n> - weights: all 1\n" in found
    assert "\n```math\n\\begin{aligned}\nz_1 & = w_1 x_1 + b_1 = 1 \\cdot 2 - 0.5 = 1.5 \\\\\n" in found
    assert found.endswith("\n") and not found.endswith("\n\n")
    assert "\n\n\n" not in found


def test_quarto_has_dollars() -> None:
    found = written(seed(), "quarto")
    assert "`" not in found
    assert "\n$$\n\\begin{aligned}\nz_1 & = " in found
    assert '![](net-1.svg){fig-alt="A network: x₁ feeds H₁ and H₂, these feed H₃ and H₄, which feed y₁."}' in found


def test_tables_are_aligned() -> None:
    table = Table(
        (words("a|b"), words(d("E", "w"))),
        ((words(s("w1")), words(n("-1.5"))), (words("x"), words(n("22.25")))),
        (False, True),
        words("What is | what"),
    )
    found = written(page(table))
    assert "What is \\| what\n\n| a\\|b    | $`\\partial E / \\partial w`$ |\n" in found
    assert re.search(r"\n\| :-{6} \| -{26}: \|\n\| \$`w_1`\$ \| {24}−1.5 \|\n", found)
    html = READER.render(found)
    assert html.count("<tr>") == 3
    assert html.count("text-align:right") == 3
    assert "a|b" in html


def test_figures_have_their_own_files() -> None:
    named: list[tuple[int, Diagram]] = []

    def name(number: int, diagram: Diagram) -> str:
        named.append((number, diagram))
        return f"my net (v2) {number}.svg"

    other = Diagram("graph", (), (), True)
    inner = Section(words("Part"), (Figure(other, words("The ", s("x1")), "Second"),))
    found = markdown.write(page(Figure(EMPTY, (), "First"), inner), name)
    assert named == [(1, EMPTY), (2, other)]
    assert "![First](my%20net%20%28v2%29%201.svg)" in found
    assert "![Second](my%20net%20%28v2%29%202.svg)\n\nThe $`x_1`$\n" in found
    assert len([t for t in tokens(found) if t.type == "image"]) == 2


def test_long_chains_are_broken_and_reasons_stand_behind() -> None:
    weights = [multiply(s(f"w{i}"), s(f"x{i}")) for i in range(1, 30)]
    chain = Line(equals(s("z"), add(*weights), n("3")), (Text("because "), Math(s("x1")), Text(" & so_on 5% {a}")))
    found = written(page(Derivation((chain,))))
    rows = [row for row in found.split("\n") if "&" in row]
    assert len(rows) > 3
    assert all(row.startswith(("z & =", r"& \quad {} +", "& =")) for row in rows[:-1])
    assert r"(\text{because }x_1\text{ }\&\text{ so}\_\text{on 5}\%\text{ }\{\text{a}\})" in found


def test_a_formula_beside_a_word_keeps_its_distance() -> None:
    found = written(page(Paragraph((Text("a"), Math(s("x")), Text("b-"), Math(s("y")), Math(s("z")), Text("5, (")))))
    assert "a $`x`$ b- $`y`$ $`z`$ 5, (" in found


# Nothing escapes.

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- --> <b>",
    "[x](javascript:alert(1))",
    "![](http://example.org/a.png)",
    "![x][y]",
    "[y]: http://example.org",
    "<http://example.org>",
    "`code` ``more``",
    "```math",
    "a | b | c",
    "# heading",
    "## ",
    "> quote",
    "- item",
    "+ item",
    "1. item",
    "1) item",
    "=====",
    "-----",
    "***",
    "___",
    "* * *",
    "*em* **strong** _em_ __strong__ ~~gone~~",
    "$x$ and $$y$$",
    "$`x`$",
    r"\(x\) \[y\] \frac12 \input{a}",
    "back\\",
    "&lt; &amp; &#42; &copy;",
    "line\nnext\r\nlast\x00\x1b[31m\u2028",
    "    indented",
    "\tindented",
    "a  ",
    ":smile: @someone #12 ::: {.x}",
    "{{< include a >}} {#eq-x} [^1] ^x^ ~y~ [@cite]",
    "'quotes' \"double\"",
    "%title",
    "]]></script>",
    "|",
    "`",
    "$",
    "\\",
    "",
)


def hostile(words_: str) -> Document:
    inlines: Inlines = (Text(words_), Strong(words_), Math(s("x1")), Text(words_))
    return page(
        Figure(EMPTY, inlines, words_),
        Note("given", inlines, (Item(inlines, inlines), Item((), inlines))),
        Paragraph(inlines),
        Table((inlines, inlines), ((inlines, words(n("1"))),), (False, True), inlines),
        Section(inlines, (Derivation((line(s("y"), n("2"), why=inlines),)), Section(inlines, ()))),
        title=words_,
        subtitle=inlines,
        colophon=inlines,
    )


@pytest.mark.parametrize("dialect", get_args(Dialect))
@pytest.mark.parametrize("payload", PAYLOADS)
def test_words_stay_words(payload: str, dialect: Dialect) -> None:
    found = written(hostile(payload), dialect)
    found = as_code(found) if dialect == "quarto" else found
    html = [t for t in tokens(found) if t.type.startswith("html")]
    assert [t.content.strip() for t in html] == ["<!-- Written by graphdsl. -->"]
    assert [t.attrs["src"] for t in tokens(found) if t.type == "image"] == ["net-1.svg"]
    assert not kinds(found) & {"link_open", "em_open", "s_open", "code_block", "ordered_list_open", "softbreak"}
    assert not kinds(found) & {"hardbreak", "lheading_open"}
    rendered = READER.render(found)
    assert not re.search(r"<(script|img(?! src=\"net-1\.svg\")|b|a)\b", rendered)
    assert rendered.count("<hr") == 1
    assert sum(t.type == "heading_open" for t in tokens(found)) == (3 if payload.strip() else 2)
    assert sum(t.type == "bullet_list_open" for t in tokens(found)) == 1
    assert sum(t.type == "blockquote_open" for t in tokens(found)) == 1
    assert {t.content for t in tokens(found) if t.type == "code_inline"} == {"x_1"}
    assert sum(t.type == "fence" for t in tokens(found)) == 1


@pytest.mark.parametrize("payload", PAYLOADS)
def test_words_are_shown_as_the_characters_that_they_are(payload: str) -> None:
    title = shown(written(page(title=payload)))
    assert title.strip() == text.visible(payload).strip()
    assert shown(f"x {literal(payload)}.")[2:-1] == text.visible(payload)


@pytest.mark.parametrize("dialect", get_args(Dialect))
@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_stay_names(payload: str, dialect: Dialect) -> None:
    symbol = Symbol("key", ink=Ink(payload or "x", payload, payload, "hat", 1))
    call = Call(operation("f", FunctionNotation(payload or "f", 1)), (symbol,))
    table = Table((words(symbol),), ((words(call),),), (False,))
    chain = Derivation((line(Partial(symbol, symbol, True, True), call, n("2")),))
    found = written(page(Paragraph(words(symbol, " ", call)), table, chain), dialect)
    found = as_code(found) if dialect == "quarto" else found
    html = [t for t in tokens(found) if t.type.startswith("html")]
    assert [t.content.strip() for t in html] == ["<!-- Written by graphdsl. -->"]
    assert not kinds(found) & {"link_open", "image", "em_open"}
    assert sum(t.type == "tr_open" for t in tokens(found)) == 2
    for code in re.findall(r"\$`(.*?)`\$", found):
        balanced(code)
    assert re.search(r"(?<!\\)[%#~]", re.sub(r"(?m)^#.*", "", found)) is None


def balanced(code: str) -> None:
    depth = 0
    for token in re.findall(r"\\.|[{}]", code):
        depth += (token == "{") - (token == "}")
        assert depth >= 0, code
    assert depth == 0, code


@pytest.mark.parametrize(
    ("words_", "printed"),
    [
        ("w", "w"),
        ("net", r"\mathit{net}"),
        ("η", r"\eta"),
        ("größe", r"\text{größe}"),
        ("日", r"\text{日}"),
        ("a_b", r"a\_b"),
        ("5%", r"5\%"),
        ("a\\b", r"a\backslash b"),
    ],
)
def test_words_within_formulas(words_: str, printed: str) -> None:
    assert word(words_) == printed


def test_the_reader_of_tex_finds_a_false_line() -> None:
    found = written(solved(SEED).document)
    changed = found.replace(r"= 1 \cdot 2 - 0.5 = 1.5", r"= 1 \cdot 2 - 0.5 = 1.6", 1)
    assert len(false_lines(as_text(changed))) == 1


def test_a_number_with_a_power_of_ten() -> None:
    tiny = Number(Decimal("4.385e-8"), False)
    found = written(page(Paragraph(words("it is ", tiny, "."))))
    assert r"it is $`4.385 \cdot 10^{-8}`$." in found
