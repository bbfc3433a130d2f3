"""The page as HTML: well-formed, MathML that reads back as what was meant, nothing escapes, and a browser agrees."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from browser import Browser
from documents import EMPTY, line, n, s, seed, words
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import count, false_lines
from test_write import PAYLOADS, PRINTED, SVG, document, everywhere, meant, paragraph, read, section, trees

from graphdsl import picture
from graphdsl.document import Derivation, Document, Figure, Note, Table
from graphdsl.expr import Expr, Power, add, equals, multiply, negate
from graphdsl.solve import Solution, solve
from graphdsl.write import html, text, written_by_us
from graphdsl.write.mathml import DISPLAY, INLINE, SLASHED_DISPLAY, MathMLPrinter

ROOT = Path(__file__).parents[1]
SEED = ROOT / "specs/two-relu-layers.spec"
TWIN = ROOT / "specs/two-relu-layers-twin.spec"
SPECS = sorted((ROOT / "specs").rglob("*.spec"))

# The elements that a page may have, and of those of MathML Core how many children each needs.
WORDS = {"a", "article", "body", "caption", "div", "figcaption", "figure", "footer", "h1", "h2", "h3", "head", "header"}
WORDS |= {"html", "i", "link", "main", "meta", "p", "section", "span", "strong", "style", "table", "tbody", "td", "th"}
WORDS |= {"thead", "title", "tr", "wbr", "button", "details", "nav", "script", "summary", "template"}
CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "mover": 2, "munderover": 3}
MATH = {*CHILDREN, "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msqrt", "mtable", "mtr", "mtd"}
_SVG = "{http://www.w3.org/2000/svg}"


def parsed(page: str) -> ET.Element:
    """The page, read as strictly as XML is."""
    return ET.fromstring(page)


def written(document: Document) -> ET.Element:
    return parsed(html.write(document, lambda _: SVG))


@cache
def solution(path: Path) -> Solution:
    return solve(path)


@cache
def page_of(path: Path) -> str:
    return html.write(solution(path).document, picture.svg)


# --- MathML -> a line of text, by a reader of its own


def spoken(node: ET.Element) -> str:
    """A formula as a line that `reading` understands: groups that are seen get brackets, nothing else does."""
    parts = [spoken(child) for child in node]
    match node.tag, parts:
        case (("mi" | "mn" | "mtext"), _):
            return node.text or ""
        case "mo", _:
            return _sign(node)
        case "mspace", _:
            return " "
        case "mfrac", [above, below]:
            return f"(({above})/({below}))"
        case "msub", [base, below]:
            return f"{base}_{{{below}}}"
        case "msup", [base, above]:
            return base + _raised(above)
        case "msubsup", [base, below, above]:
            return f"{base}_{{{below}}}{_raised(above)}"
        case "munderover", [_, low, high]:
            return f"Σ_{{{low}}}^{{{high}}} "
        case "mover", [base, _]:
            return base + "\u0302"
        case "msqrt", _:
            return f"√({''.join(parts)})"
        case "mtable", _ if node.get("class") == "cases":
            return "; ".join(parts) + "}"
        case "mtable", _ if all(", " not in part for part in parts):
            return ", ".join(parts)  # a column is the vector that it is
        case "mtable", [row]:
            return row + _LYING
        case "mtable", _:
            return "; ".join(parts)
        case "mtr", [value, condition] if value.endswith(", "):
            return value + condition
        case "mtr", _:
            return ", ".join(part for part in parts if part)
        case _:
            return "".join(parts)


_LYING = "\ue000"
"""Behind a row that stands alone: the transpose of a vector."""


def _sign(node: ET.Element) -> str:
    sign = node.text or ""
    if node.get("class") == "prime":
        return sign
    if sign == ",":
        return ", " if node.get("lspace") is None else ","
    alone = sign in "\u2061()[]{}|/⌊⌋" or node.get("form") in ("prefix", "postfix")
    return sign.strip("\u2061") if alone or sign == "\u2062" else f" {sign} "


def _raised(above: str) -> str:
    """A mark on a name makes another name of it; anything else is an exponent."""
    if above.strip() == "⊤":
        return "ᵀ"
    return "′" if re.fullmatch(r"[\s+∗′]+|\(\d+\)", above) else f"^({above})"


def line_of(element: ET.Element) -> str:
    """Everything in an element as one line."""
    if element.tag == "math":
        return spoken(element)
    inside = "".join(line_of(child) + (child.tail or "") for child in element if child.get("class") != "anchor")
    return (element.text or "") + inside


def lines(page: ET.Element) -> Iterator[str]:
    """Each line of a derivation, its reason behind a gap, and each paragraph."""
    for element in page.iter():
        if element.get("class") == "line":
            lead, chain, *reasons = (e for e in element.iter("span") if e.get("class") in ("lead", "chain", "reason"))
            yield "  " + "  ".join(
                [_one_space(line_of(lead) + line_of(chain)), *map(_one_space, map(line_of, reasons))]
            )
        elif element.tag in ("p", "caption"):
            yield _one_space(line_of(element))


def _one_space(line: str) -> str:
    return " ".join(re.sub(rf"{_LYING}\s*\]", "]ᵀ", line).replace("\u2062", "").split())


def as_text(page: ET.Element) -> str:
    return "\n\n".join(lines(page))


def printed(expr: Expr, printer: MathMLPrinter = DISPLAY) -> str:
    return spoken(ET.fromstring(f"<math>{printer.formula(expr)}</math>"))


@pytest.mark.slow
@pytest.mark.parametrize("printer", [DISPLAY, SLASHED_DISPLAY, INLINE])
@given(trees)
@settings(max_examples=300, deadline=None)
def test_a_formula_has_the_value_of_its_tree(printer: MathMLPrinter, expr: Expr) -> None:
    value = meant(expr)
    if math.isfinite(value):
        shown = printed(expr, printer).replace("\u2062", " · ")
        assert read(shown) == pytest.approx(value, rel=1e-6, abs=1e-9), shown


def test_a_power_stands_above_the_subscript() -> None:
    assert DISPLAY.formula(Power(s("w1"), n("2"))).startswith("<msubsup><mi>w</mi>")


def test_a_word_is_upright_by_itself_and_a_letter_italic() -> None:
    assert "mathvariant" not in "".join(DISPLAY.formula(expr) for expr, _ in PRINTED)


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_no_printed_relation_of_the_gallery_is_false(path: Path) -> None:
    shown = as_text(parsed(page_of(path)))
    rounding = solution(path).model.display.rounding
    assert false_lines(shown, rounding) == []
    assert count(shown, rounding) == count(solution(path).text(), rounding)


# --- the file


def elements(page: ET.Element) -> Iterator[ET.Element]:
    """Every element but those of the drawings."""
    for child in page:
        if not child.tag.startswith(_SVG):
            yield child
            yield from elements(child)


def problems(page: ET.Element) -> Iterator[str]:
    """What a careful reader of the file would object to."""
    for element in elements(page):
        if element.tag not in WORDS | MATH:
            yield f"<{element.tag}>"
        if len(element) != CHILDREN.get(element.tag, len(element)):
            yield f"<{element.tag}> of {len(element)}"
        yield from (f"{name}=" for name in element.attrib if name.startswith("on") or name in ("src", "srcset"))
    places = Counter(element.get("id") for element in page.iter() if element.get("id") is not None)
    yield from (f"two places {place}" for place, times in places.items() if times > 1)
    for address in (element.get("href") for element in page.iter() if element.get("href") is not None):
        if address != "data:," and address.removeprefix("#") not in places:
            yield f"leads nowhere: {address}"
    levels = [int(element.tag[1]) for element in page.iter() if re.fullmatch("h[1-6]", element.tag)]
    if levels[:1] != [1] or levels.count(1) != 1 or any(b > a + 1 for a, b in itertools.pairwise(levels)):
        yield f"headings {levels}"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_each_page_of_the_gallery_is_well_formed(path: Path) -> None:
    assert list(problems(parsed(page_of(path)))) == []


def test_every_result_has_its_place() -> None:
    page = parsed(page_of(ROOT / "specs/two-relu-layers.spec"))
    places = {element.get("id") for element in page.iter()}
    assert {"H1-1", "dE-dw13-1", "dE-dw13-2", "w1.after-1", "forward-2", "results"} <= places


def test_it_says_who_wrote_it_and_lets_nothing_in() -> None:
    page = html.write(seed(), lambda _: SVG)
    assert page.startswith("<!DOCTYPE html>\n")
    assert written_by_us(page.encode())
    assert not written_by_us(b"<!DOCTYPE html>\n<html><!-- graphdsl --></html>")
    policy = next(m.get("content") or "" for m in parsed(page).iter("meta") if m.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    allowed = re.findall(r"'(sha256-[^']+)'", policy)
    assert allowed == [hashed("script", page), hashed("style", page)]
    assert "script-src 'unsafe" not in policy
    assert page.count("<script>") == page.count("<script") == 1
    assert page == html.write(seed(), lambda _: SVG)


def hashed(tag: str, page: str) -> str:
    """What a policy calls the only element of a kind by."""
    (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def test_the_script_is_small() -> None:
    script = re.findall("<script>(.*?)</script>", page_of(SEED), re.DOTALL)[0]
    assert len(script) < 8_000
    assert len(page_of(SEED)) < 260_000


def led(page: ET.Element, place: str) -> dict[str, str]:
    """Where the numerals of a line lead, by their digits."""
    line = next(e for e in page.iter() if e.get("id") == place)
    return {spoken(e): e.get("data-to") or "" for e in line.iter() if e.get("data-to") is not None}


def test_each_number_leads_to_the_round_that_found_it() -> None:
    page = parsed(page_of(TWIN))
    first, second = led(page, "z_H3-1"), led(page, "z_H3-2")
    assert set(first.values()) & {"H1-1", "H2-1"}
    assert all(place.startswith("given") or place in ("H1-1", "H2-1") for place in first.values())
    assert {"H1-2", "H2-2"} <= set(second.values())
    updated = set(second.values()) - {"H1-2", "H2-2"}
    assert updated
    assert all(place.startswith(("row-1", "w13.after-1")) for place in updated)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
@pytest.mark.slow
def test_every_number_leads_to_a_place_of_the_page(path: Path) -> None:
    page = parsed(page_of(path))
    places = {e.get("id") for e in page.iter() if e.get("id") is not None}
    assert {e.get("data-to") for e in page.iter() if e.get("data-to") is not None} <= places


def test_what_lights_up() -> None:
    page = parsed(page_of(TWIN))
    lines = {e.get("id"): json.loads(e.get("data-lit") or "[]") for e in page.iter() if e.get("class") == "line"}
    assert set(lines["z_H1-1"]) == {"H1", "x1 H1", "x1", "bias of H1 H1", "bias of H1"}
    assert set(lines["dE-dw13-1"]) == {"H1 H3", "H3", "H3 y1", "y1"}
    assert {"H1", "H1 H3", "H1 H4", "H3", "H4", "H3 y1", "H4 y1", "y1"} == set(lines["dE-dH1-1"])


def test_signs_of_a_column_meet_and_so_do_decimal_marks() -> None:
    page = written(seed())
    columns = [e.get("style") for e in page.iter("div") if "alike" in (e.get("class") or "")]
    assert columns == ["--columns: 3"] * 3
    pads = [e.get("style") for e in page.iter("i")]
    assert "--room: 1.000em" in pads  # two digits
    assert "--room: 2.278em" in pads  # four digits and the mark


def test_what_touches_a_formula_stays_with_it() -> None:
    page = html.write(document(paragraph("so (", s("x"), "), and ", s("y"), ".")), lambda _: SVG)
    bound = [line_of(span) for span in parsed(page).iter("span") if span.get("class") == "bound"]
    assert bound == ["(x),", "y."]


def test_a_long_member_is_printed_in_pieces() -> None:
    terms = add(*(multiply(s(f"w{i}"), s(f"x{i}")) for i in range(1, 12)), negate(s("b")))
    long = multiply(*(n(f"0.{i}23456789") for i in range(1, 7)))
    page = written(document(Derivation((line(s("z"), terms, long, n("3")),)), paragraph(equals(s("z"), terms))))
    longest = max(text.width(e.get("alttext") or "") for e in page.iter("math"))
    assert longest <= html.LONGEST_BOUND
    shown = as_text(page)
    assert "w_{11}x_{11} − b =" in shown.replace(" ", " ")
    assert "· 0.223456789" in shown


def test_empty_parts() -> None:
    blocks = (
        Derivation(()),
        Table((words("a"),), (), (False,)),
        Note("remark", (), ()),
        Figure(EMPTY, (), ""),
        section(""),
    )
    page = written(Document("", (), blocks, ()))
    assert list(problems(page)) == []


def test_a_section_without_a_title_skips_no_heading() -> None:
    page = written(document(section("", section("Within")), section("A", section("B", section("C")))))
    headings = [e.tag for e in page.iter() if re.fullmatch("h[1-6]", e.tag)]
    assert headings == ["h1", "h2", "h2", "h3", "h3"]


HOSTILE = [
    *PAYLOADS,
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "]]>&amp;",
]


@pytest.mark.parametrize("payload", HOSTILE)
def test_strings_are_printed_as_the_characters_they_are(payload: str) -> None:
    page = written(everywhere(payload))
    assert list(problems(page)) == []
    title = next(page.iter("title"))
    assert title.text == text.visible(payload).strip()
    seen = [line_of(p) for p in page.iter("p")]
    assert all(text.visible(payload) in line for line in (seen[0], seen[1], seen[-1]))
    drawing = next(page.iter(f"{_SVG}svg"))
    assert drawing.get("aria-label") == text.visible(payload).strip()


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_title_is_well_formed(words_: str) -> None:
    assert list(problems(written(everywhere(words_)))) == []


# --- in a browser

SHOWN = [
    "specs/two-relu-layers.spec",
    "specs/two-relu-layers-by-hand.spec",
    "specs/nets/mazur.spec",
    "specs/circuits/cs231n-sigmoid.spec",
    "specs/tour/functions.spec",
    "specs/tour/matrices.spec",
    "specs/softmax/victorzhou-softmax.spec",
    "specs/recurrent/yeh-lstm.spec",
    "specs/attention/yeh-self-attention.spec",
    "specs/convolution/d2l-convolution.spec",
    "specs/training/reddit-and.spec",
]
WIDTHS = (360, 800, 1400)


def axe() -> str:
    """The source of axe-core, from the package that carries it."""
    package = importlib.util.find_spec("axe_core_python")
    assert package is not None and package.origin is not None
    return (Path(package.origin).parent / "axe.min.js").read_text("utf-8")


def inaccessible(browser: Browser) -> list[str]:
    """What axe-core finds, every rule and advice of it."""
    browser.evaluate(axe() + "; true")
    found = browser.evaluate("axe.run().then(r => JSON.stringify(r.violations))")
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in json.loads(found)]


@pytest.mark.slow
@pytest.mark.chromium
def test_a_browser_has_nothing_to_object_to(tmp_path: Path) -> None:
    """At every width, light and dark; axe, which takes seconds, looks at each page once in light and once in dark."""
    with Browser() as browser:
        for number, name in enumerate(SHOWN):
            light, dark = WIDTHS[number % len(WIDTHS)], WIDTHS[(number + 1) % len(WIDTHS)]
            page = tmp_path / "page.html"
            page.write_text(page_of(ROOT / name), "utf-8")
            for width in WIDTHS:
                for scheme in ("light", "dark"):
                    browser.screen(width, scheme=scheme)
                    browser.open(page)
                    where = (name, width, scheme)
                    assert browser.messages() == [], where
                    assert browser.requests() == [], where
                    assert browser.evaluate("document.compatMode") == "CSS1Compat", where
                    assert browser.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, where
                    assert browser.evaluate("document.fonts.check('italic 1em graphdsl')"), where
                    if (width, scheme) in ((light, "light"), (dark, "dark")):
                        assert inaccessible(browser) == [], where


@pytest.fixture(scope="module")
def shown() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def opened(browser: Browser, path: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(page_of(path), "utf-8")
    browser.screen(1000)
    browser.open(page)


def key(browser: Browser, name: str) -> None:
    for kind in ("keyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=KEYS.get(name, 0))


KEYS = {"Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


def point(browser: Browser, chosen: str, *, click: bool = False) -> None:
    """Move the pointer to an element, and perhaps press it."""
    browser.evaluate(f"document.querySelector({chosen!r}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
    box = f"document.querySelector({chosen!r}).getBoundingClientRect()"
    x, y = browser.evaluate(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")
    browser.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    for kind in ("mousePressed", "mouseReleased") if click else ():
        browser.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


UPDATED = '#z_H3-2 [data-to^="row-1"]'
"""A weight in the second forward pass, which the first update found."""


@pytest.mark.slow
@pytest.mark.chromium
def test_a_number_shows_and_leads_to_where_it_was_found(shown: Browser, tmp_path: Path) -> None:
    opened(shown, TWIN, tmp_path)
    assert shown.evaluate("document.querySelector('.tip').hidden")
    point(shown, '#z_H3-2 [data-to="H1-2"]')
    assert not shown.evaluate("document.querySelector('.tip').hidden")
    said = "".join(shown.evaluate("document.querySelector('.tip').textContent").split())
    assert re.match(r"H1[=≈]max", said)
    result = shown.evaluate("document.querySelector('#H1-2 .answer mn').textContent")
    assert said.endswith(result)
    assert "H3" in shown.evaluate("[...document.querySelectorAll('.lit')].map(e => e.dataset.key)")
    point(shown, UPDATED, click=True)
    place = shown.evaluate("location.hash")
    assert place.startswith("#row-1")
    row = shown.evaluate(f"document.querySelector({place!r}).lastElementChild.textContent.trim()")
    number = shown.evaluate(f"document.querySelector({UPDATED!r}).textContent")
    assert float(number) == pytest.approx(float(row), abs=5e-5)  # a line may need more digits than the table
    assert shown.evaluate(f"(b => b.top >= 0 && innerHeight >= b.bottom)({_box(place)})")
    assert shown.messages() == []


def _box(chosen: str) -> str:
    return f"document.querySelector({chosen!r}).getBoundingClientRect()"


@pytest.mark.slow
@pytest.mark.chromium
def test_by_keyboard_the_arrows_choose_a_number(shown: Browser, tmp_path: Path) -> None:
    opened(shown, TWIN, tmp_path)
    shown.evaluate("document.querySelector('#z_H3-2 .anchor').focus()")
    key(shown, "ArrowDown")
    chosen = shown.evaluate("document.querySelector('.chosen').dataset.to")
    assert not shown.evaluate("document.querySelector('.tip').hidden")
    key(shown, "Enter")
    assert shown.evaluate("location.hash") == f"#{chosen}"


@pytest.mark.slow
@pytest.mark.chromium
def test_each_step_reveals_one_line(shown: Browser, tmp_path: Path) -> None:
    opened(shown, TWIN, tmp_path)
    visible = (
        "[...document.querySelectorAll('.line')].filter(e => e.checkVisibility({visibilityProperty: true})).length"
    )
    total = shown.evaluate(visible)
    point(shown, ".tools .steps", click=True)
    assert shown.evaluate(visible) == 1
    for seen in range(2, total + 1):
        key(shown, "ArrowRight")
        assert shown.evaluate(visible) == seen
    key(shown, "ArrowRight")
    assert shown.evaluate(visible) == total
    key(shown, "ArrowLeft")
    assert shown.evaluate(visible) == total - 1
    assert shown.evaluate("document.querySelectorAll('.line.current').length") == 1
    point(shown, ".tools .back", click=True)
    assert shown.evaluate(visible) == total - 2
    assert inaccessible(shown) == []
    point(shown, ".tools .steps", click=True)
    assert shown.evaluate(visible) == total


@pytest.mark.slow
@pytest.mark.chromium
def test_cover_hides_all_results_and_nothing_else(shown: Browser, tmp_path: Path) -> None:
    opened(shown, TWIN, tmp_path)
    hidden = "[...document.querySelectorAll('main mn:not(figure *)')].filter(e => !e.checkVisibility({visibilityProperty: true}))"
    results = "document.querySelectorAll('.member.answer').length"
    ends = (
        "[...document.querySelectorAll('.line')].filter(e => !e.querySelector('.member:last-child').matches('.answer'))"
    )
    assert shown.evaluate(f"{ends}.length") == 0
    assert shown.evaluate(f"{hidden}.length") == 0
    point(shown, ".tools .cover", click=True)
    assert shown.evaluate("document.querySelectorAll('.member.covered').length") == shown.evaluate(results)
    assert shown.evaluate(f"{hidden}.every(e => e.closest('.answer'))")
    assert shown.evaluate("[...document.querySelectorAll('.answer mn')].length") == shown.evaluate(f"{hidden}.length")
    assert inaccessible(shown) == []
    point(shown, "#H1-1 .covered", click=True)
    assert shown.evaluate("document.querySelector('#H1-1 .covered')") is None
    shown.evaluate("document.querySelector('#z_H3-1 .covered').focus()")
    key(shown, "Enter")
    assert shown.evaluate("document.querySelector('#z_H3-1 .covered')") is None
    point(shown, ".tools .cover", click=True)
    assert shown.evaluate("document.querySelectorAll('.covered').length") == 0


@pytest.mark.slow
@pytest.mark.chromium
def test_without_scripts_it_folds_and_has_no_tools(shown: Browser, tmp_path: Path) -> None:
    shown.send("Emulation.setScriptExecutionDisabled", value=True)
    opened(shown, TWIN, tmp_path)
    assert shown.evaluate("document.querySelector('.tools')") is None
    height = shown.evaluate("document.body.scrollHeight")
    assert shown.evaluate("document.querySelector('details').open")
    point(shown, "summary", click=True)
    assert not shown.evaluate("document.querySelector('details').open")
    assert shown.evaluate("document.body.scrollHeight") < height
    shown.send("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.slow
@pytest.mark.chromium
def test_tools_are_not_printed(shown: Browser, tmp_path: Path) -> None:
    opened(shown, TWIN, tmp_path)
    shown.send("Emulation.setEmulatedMedia", media="print")
    assert not shown.evaluate("document.querySelector('.tools').checkVisibility()")
    shown.send("Emulation.setEmulatedMedia", media="")


@pytest.mark.slow
@pytest.mark.chromium
def test_a_hostile_page_does_nothing(tmp_path: Path) -> None:
    with Browser() as browser:
        for payload in HOSTILE:
            page = tmp_path / "page.html"
            page.write_text(html.write(everywhere(payload), lambda _: SVG), "utf-8")
            browser.open(page)
            assert browser.messages() == [] == browser.requests(), payload
            assert browser.evaluate("document.title") == " ".join(text.visible(payload).split())


@pytest.mark.slow
@pytest.mark.chromium
def test_it_prints_on_a4(tmp_path: Path) -> None:
    with Browser() as browser:
        page = tmp_path / "page.html"
        page.write_text(page_of(ROOT / "specs/two-relu-layers.spec"), "utf-8")
        browser.open(page)
        content = browser.pdf()
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", content))
    assert [tuple(round(float(x)) for x in size) for size in sizes] == [(595, 842)]
    assert len(re.findall(rb"/Type /Page\b", content)) <= 4


def test_the_fonts_are_small_and_keep_their_mathematics() -> None:
    folder = ROOT / "graphdsl/fonts"
    assert sum(font.stat().st_size for font in folder.glob("*.woff2")) <= 150_000
    assert "GUST Font License" in (folder / "LICENSE.txt").read_text("utf-8")
