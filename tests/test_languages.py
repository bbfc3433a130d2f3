"""The page in four languages: the same keys and places in all, true lines in each, its own numbers, signs and fonts."""

from __future__ import annotations

import random
import re
import subprocess
import tomllib
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import get_args

import pytest
import tex_reading
from reading import count, false_lines, pointed

import graphdsl
from graphdsl import cli
from graphdsl.phrases import WITH_COMMA, load
from graphdsl.report import Language
from graphdsl.solve import Solution
from graphdsl.write import text, wide_fonts
from graphdsl.write.wide_fonts import FACES, FontError, font_files, is_wide

LANGUAGES = get_args(Language)
OTHERS = [language for language in LANGUAGES if language != "en"]
GALLERY = Path(__file__).parents[1] / "specs"
SPECS = sorted(GALLERY.rglob("*.spec"))
SEED = GALLERY / "two-relu-layers.spec"
CHOSEN = {
    "two-relu-layers", "two-relu-layers-twin", "mazur", "sakib-relu-dead", "batra-jacobian", "flash-attention-4x4",
    "d2l-channels", "layer-norm", "sreekanth-bce", "batra-max-pool", "leaky-relu", "batra-linear-layer",
}  # fmt: skip
"""Specs of many kinds that a default run reads; the full run reads all."""

_PLACE = re.compile(r"\{(\w+)\}")


def in_language(found: Solution, language: Language) -> Solution:
    return replace(found, report=replace(found.report, language=language))


@cache
def table(language: str) -> dict[str, str]:
    return tomllib.loads(resources.files("graphdsl.phrases").joinpath(f"{language}.toml").read_text("utf-8"))


# The files of phrases.


def test_every_language_has_a_file_and_every_file_is_a_language() -> None:
    there = {file.name.removesuffix(".toml") for file in resources.files("graphdsl.phrases").iterdir()}
    assert set(LANGUAGES) == {name for name in there if "." not in name and not name.startswith("__")}
    assert set(LANGUAGES) >= WITH_COMMA


@pytest.mark.parametrize("language", OTHERS)
def test_the_same_keys(language: str) -> None:
    english, own = table("en"), table(language)
    assert [key for key in english if key not in own] == [], f"to be translated in {language}.toml"
    assert [key for key in own if key not in english] == [], f"used by no page, in {language}.toml"


@pytest.mark.parametrize("language", OTHERS)
def test_the_same_places(language: str) -> None:
    english, own = table("en"), table(language)
    differing = {
        key: own[key]
        for key in english.keys() & own.keys()
        if set(_PLACE.findall(english[key])) != set(_PLACE.findall(own[key]))
    }
    assert not differing


@pytest.mark.parametrize("language", OTHERS)
def test_phrases_are_translated(language: str) -> None:
    """A phrase that is the English one is a formula, a sign, or a word that both have."""
    english, own = table("en"), table(language)
    same = {
        key
        for key in english
        if english[key] == own.get(key) and re.search("[A-Za-z]{3}", _PLACE.sub("", english[key]))
    }
    assert same <= {"colophon_program", "why_tanh", "parameter", "sheet_name"}


@pytest.mark.parametrize("language", ["ja", "zh-Hant"])
def test_sentences_end_and_are_punctuated_as_theirs_are(language: str) -> None:
    for key, phrase in table(language).items():
        assert not re.search(r"[ぁ-んァ-ヶ一-龥][,.!?]( |$)", phrase), key
        assert not re.search(r" [、。，：）]|[（「] ", phrase), key
        english = table("en")[key]
        if english.endswith(".") and english != "…":
            assert phrase.endswith("。"), key


def test_the_japanese_and_chinese_phrases_are_not_mixed_up() -> None:
    told = "".join(table("zh-Hant").values())
    assert not re.search("[ぁ-んァ-ヶ]", told)
    assert not set(told) & set("传权层输误经网络类随样与对应关条数项点单并显伝学習逆関数値") - set("習逆")


@pytest.mark.parametrize(
    ("language", "two", "three"),
    [
        ("en", "a and b", "a, b and c"),
        ("de", "a und b", "a, b und c"),
        ("ja", "a と b", "a、b、c"),
        ("zh-Hant", "a 和 b", "a、b 和 c"),
    ],
)
def test_lists(language: str, two: str, three: str) -> None:
    from graphdsl.document import Text

    phrases = load(language)
    items = [(Text(word),) for word in "abc"]
    assert text.inline(phrases.listed([*items[:2]])) == two
    assert text.inline(phrases.listed([*items])) == three


# The lines of the page.


def read_back(path: Path, language: Language) -> None:
    english = graphdsl.solve(path)
    found = in_language(english, language)
    plain, latex = found.text(), found.latex()
    if found.comma:
        plain, latex = pointed(plain), tex_reading.pointed(latex)
    rounding = found.model.display.rounding
    assert false_lines(plain, rounding) == []
    assert false_lines(tex_reading.text(latex), rounding) == []
    assert count(plain, rounding) >= 0.95 * count(english.text(), rounding)
    widest = max(map(text.width, english.text().splitlines()))
    assert max(map(text.width, plain.splitlines())) <= max(widest, text.WIDTH)


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("part", range(2))
def test_no_printed_relation_is_false(part: int, language: Language) -> None:
    chosen = [path for path in SPECS if path.stem in CHOSEN]
    assert len(chosen) >= len(CHOSEN)
    for path in chosen[part::2]:
        read_back(path, language)


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in SPECS if path.stem not in CHOSEN], ids=lambda path: path.stem)
def test_no_printed_relation_of_the_gallery_is_false(path: Path) -> None:
    read_back(path, random.Random(path.stem).choice(OTHERS))


@pytest.mark.parametrize("language", OTHERS)
def test_no_english_is_left(language: Language) -> None:
    left = (
        r"\b(the|of|is|are|because|round|pass|update|gradient|input|output|target|weights|error|rate|found|above|and)\b"
    )
    for name in ("two-relu-layers", "mazur"):
        found = in_language(graphdsl.solve(next(p for p in SPECS if p.stem == name)), language)
        bare = replace(found.document, title="")
        assert not re.search(left, text.write(bare))
        assert not re.search(r"(?i)network diagram|>[^<]*\b(the|because|gradient of)\b", _body(found.html()))


def _body(page: str) -> str:
    return re.sub(r"(?s)<style>.*?</style>|<script>.*?</script>|<title>.*?</title>|<h1>.*?</h1>", "", page)


def test_german_numbers() -> None:
    told = in_language(graphdsl.solve(SEED), "de").text()
    assert "max(0; 1,5)" in told and "−0,5" in told
    assert "η = 0,01" in told
    points = graphdsl.solve(SEED, set={"comma": "off"}, report={"language": "de"}).text()
    assert "max(0, 1.5)" in points and "Vorwärtsdurchlauf" in points


# How a language is asked for.


@pytest.mark.parametrize(
    ("said", "language"),
    [("de", "de"), ("ja", "ja"), ("zh", "zh-Hant"), ("zh-Hant", "zh-Hant"), ('"zh-Hant"', "zh-Hant"), ("en", "en")],
)
def test_a_spec_says_its_language(said: str, language: str) -> None:
    found = graphdsl.solve(f"input x = 2\ny = x^2\ngradient y\nreport {{ language = {said} }}\n")
    assert found.document.language == language
    assert f'<html lang="{language}"' in found.html()
    assert graphdsl.solve("input x = 2\ny = x^2\ngradient y\n", report={"language": said}).report.language == language


def test_rows_of_text_break_among_characters_and_keep_their_signs() -> None:
    rows = text.broken("入力は一である。（出力は二である。）" * 6, 20)
    assert all(text.width(row) <= 20 for row in rows)
    assert not any(row[0] in "。）、" or row[-1] == "（" for row in rows)
    assert "".join(rows) == "入力は一である。（出力は二である。）" * 6
    assert text.broken("a bc def", 4) == ["a bc", "def"]


# Fonts.


def test_what_is_wide() -> None:
    assert all(map(is_wide, "前向順伝、。（あア"))
    assert not any(map(is_wide, "aä·−√≈∂η₁"))


def test_a_missing_font_is_told_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wide_fonts, "_folders", lambda: iter([tmp_path]))
    monkeypatch.delenv("TYPST_FONT_PATHS", raising=False)
    target = tmp_path / "page.pdf"
    assert cli.main(["solve", str(SEED), "--language", "ja", "-o", str(target)]) == 1
    told = capsys.readouterr()
    assert "no font for Japanese characters was found" in told.err and told.out == ""
    assert "fonts-noto-cjk" in told.err and "--font-path" in told.err
    assert not target.exists()
    with pytest.raises(FontError, match="traditional Chinese"):
        in_language(graphdsl.solve(SEED), "zh-Hant").pdf()
    assert in_language(graphdsl.solve(SEED), "de").pdf().startswith(b"%PDF")


def test_a_folder_without_the_characters_gives_no_boxes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wide_fonts, "_folders", lambda: iter([]))
    monkeypatch.setenv("TYPST_FONT_PATHS", str(tmp_path))
    with pytest.raises(FontError):
        in_language(graphdsl.solve(SEED), "ja").pdf()


@pytest.mark.poppler
@pytest.mark.cjk
@pytest.mark.parametrize(
    ("language", "words"), [("ja", ("順伝播", "逆伝播", "学習率")), ("zh-Hant", ("前向傳播", "學習率", "誤差"))]
)
def test_the_glyphs_of_a_pdf(language: Language, words: tuple[str, ...], tmp_path: Path) -> None:
    assert font_files("前", language)[0].name in {file for face in wide_fonts.faces(language) for file in face.files}
    target = tmp_path / "page.pdf"
    target.write_bytes(in_language(graphdsl.solve(SEED), language).pdf())
    told = subprocess.run(["pdftotext", str(target), "-"], capture_output=True, check=True).stdout.decode()
    assert all(word in told for word in words)
    pages = subprocess.run(["pdfinfo", str(target)], capture_output=True, check=True).stdout.decode()
    assert "Pages:           2" in pages and "Tagged:          yes" in pages


@pytest.mark.tex
@pytest.mark.cjk
@pytest.mark.parametrize("language", FACES)
def test_lualatex_sets_the_characters(language: Language) -> None:
    from graphdsl.write import tex_engine

    found = in_language(graphdsl.solve(SEED), language)
    made = tex_engine.compile(found.latex(), "lualatex")
    assert made.startswith(b"%PDF")
    with pytest.raises(tex_engine.TexError, match="needs lualatex"):
        tex_engine.compile(found.latex(), "pdflatex")
