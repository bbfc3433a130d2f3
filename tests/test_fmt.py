"""`fmt`: the calm form of a spec says the same, keeps comments and lines, and is not changed when it is formatted again."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from random_specs import cases

from graphdsl import cli
from graphdsl.diagnostics import Reporter, Source, Span, SpecError
from graphdsl.fmt import formatted
from graphdsl.lex import pieces
from graphdsl.parse import parse

HOME = Path(__file__).parent
LAYOUT = HOME / "layout"
WHOLE = [*sorted((HOME.parent / "specs").rglob("*.spec")), *sorted((HOME / "sketches").glob("*.spec"))]
WRONG = sorted((HOME / "wrong").glob("*.spec"))  # right in form, most of them


def bare(value: object) -> object:
    """A statement without its places."""
    if isinstance(value, Span):
        return None
    if is_dataclass(value):
        return (type(value).__name__, *(bare(getattr(value, f.name)) for f in fields(value) if f.name != "span"))
    return [bare(v) for v in value] if isinstance(value, tuple | list) else value


def meaning(text: str) -> object:
    spec = parse(Source("test.spec", text))
    return bare(spec.statements), [d.message for d in spec.announcements]


def words(text: str) -> list[str]:
    """Every word and sign of the statements, also of those that are not carried out yet; ( ) around a pasted ½ apart."""
    source = Source("test.spec", text)
    plain = {"·": "*", "×": "*", "⊙": "*", "−": "-", "≤": "<=", "→": "->", "\n": ""}
    found = [t for piece in pieces(source, Reporter(source)) for t in piece.tokens]
    return [plain.get(t.text, t.text) for t in found if t.kind not in ("LPAR", "RPAR") and t.text != "\n"]


def comments(text: str) -> list[str]:
    """What stands behind # outside of texts."""
    without_texts = re.sub(r'"""[\s\S]*?"""|"[^"\n]*"|“[^”\n]*”', "", text)
    return [c.rstrip() for c in re.findall(r"#[^\n]*", without_texts)]


def line_by_line(text: str) -> list[str]:
    """The lines with neither spaces nor blank lines; only a first blank line could go astray."""
    return [re.sub(r"\s", "", line) for line in text.splitlines() if line.strip()]


def holds(text: str) -> str:
    calm = formatted(Source("test.spec", text))
    assert meaning(calm) == meaning(text)
    assert words(calm) == words(text)
    assert comments(calm) == comments(text)
    assert len(line_by_line(calm)) == len(line_by_line(text))
    assert formatted(Source("test.spec", calm)) == calm
    assert calm.endswith("\n") and "\n\n\n" not in calm and not calm.startswith("\n")
    return calm


@pytest.mark.parametrize("path", [*WHOLE, *WRONG], ids=lambda p: p.stem)
def test_a_spec_says_the_same_or_is_refused_with_its_mistakes_of_form(path: Path) -> None:
    text = path.read_text("utf-8")
    try:
        parse(Source("test.spec", text))
    except SpecError as mistake:
        with pytest.raises(SpecError) as again:
            formatted(Source("test.spec", text))
        assert str(again.value.diagnostics) == str(mistake.diagnostics)
        return
    holds(text)


def test_random_specs_say_the_same() -> None:
    for case in cases(40, seed=31):
        holds(case.text)


GAP = re.compile(r'"[^"\n]*"|[ \t]+|(?<=[-+*/=,;(){}\[\]@])|(?=[-+*/=,;(){}\[\]@])')


def shaken(text: str, rng: random.Random) -> str:
    """The text with other spaces between its words: where there is one, any number of them; at a sign, perhaps some."""

    def gap(match: re.Match[str]) -> str:
        if match[0].startswith('"'):
            return match[0]
        if match[0]:
            return " " * rng.choice([1, 1, 2, 5]) if rng.random() < 0.9 else "\t"
        return rng.choice(["", "", "", " ", "   "])

    lines = []
    for line in text.splitlines():
        lines.append(line if "#" in line or '"' in line else GAP.sub(gap, line))
        if rng.random() < 0.15:
            lines.append(rng.choice(["", "", "# a remark", "    #other"]))
    return "\n".join(lines)


@pytest.mark.slow
def test_however_it_is_spaced() -> None:
    """Spaces mean nothing (apart from those that make two words of one, and `[1 -2]`), and so the calm form is reached from any."""
    rng, tried = random.Random(5), 0
    for text in [*(case.text for case in cases(30, seed=32)), *(path.read_text("utf-8") for path in WHOLE)]:
        other = shaken(text, rng)
        try:
            same = meaning(other) == meaning(text)
        except SpecError:
            continue
        if same:
            tried += 1
            holds(other)
    assert tried > 30


@pytest.mark.parametrize("path", sorted(LAYOUT.glob("*.spec")), ids=lambda p: p.stem)
def test_the_layout_is_as_shown(path: Path) -> None:
    """tests/layout holds what is typed and, beside it, its calm form. Each was read."""
    assert holds(path.read_text("utf-8")) == path.with_suffix(".calm").read_text("utf-8")


def test_what_is_calm_already_is_left_alone() -> None:
    for name in ("two-relu-layers-as-layers", "nets/sakib-221", "tour/functions"):
        text = (HOME.parent / "specs" / f"{name}.spec").read_text("utf-8")
        assert formatted(Source("test.spec", text)) == text


# The command.


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.spec").write_bytes(b"\xef\xbb\xbfinput x=1\r\ny=2*x   # twice\r\n")
    Path("b.spec").write_text("input x = 1\n", "utf-8")
    assert cli.main(["fmt", "--check", "a.spec", "b.spec"]) == 1
    assert capfd.readouterr().out == "a.spec would change\n"
    assert Path("a.spec").read_bytes().startswith(b"\xef\xbb\xbf")
    assert cli.main(["fmt", "a.spec", "b.spec"]) == 0
    assert capfd.readouterr().out == "formatted a.spec\n"
    assert Path("a.spec").read_bytes() == b"input x = 1\ny = 2*x  # twice\n"
    assert cli.main(["fmt", "--check", "a.spec", "b.spec"]) == 0


def test_a_spec_with_mistakes_is_left_alone_and_so_are_those_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.spec").write_text("input x=1\n", "utf-8")
    Path("b.spec").write_text("y = = 1\n", "utf-8")
    assert cli.main(["fmt", "a.spec", "b.spec"]) == 1
    out, err = capfd.readouterr()
    assert out == "" and "b.spec:1:3" in err
    assert Path("a.spec").read_text("utf-8") == "input x=1\n"
    assert cli.main(["fmt"]) == 2
    assert cli.main(["fmt", "c.spec"]) == 1


def test_what_can_be_read_in_two_ways_stays_as_it_is_typed_and_is_announced(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.spec"
    path.write_text("input x=[0,5]\n", "utf-8")
    assert cli.main(["fmt", str(path)]) == 0
    assert path.read_text("utf-8") == "input x = [0,5]\n"
    assert "`0,5` is read as two numbers" in capfd.readouterr().err


def test_standard_input() -> None:
    environment = {**os.environ, "PYTHONPATH": str(HOME.parent), "PYTHONIOENCODING": "utf-8"}
    found = subprocess.run(
        [sys.executable, "-m", "graphdsl", "fmt", "-"], input="input x=½\n", capture_output=True, text=True,
        env=environment, encoding="utf-8",
    )  # fmt: skip
    assert (found.stdout, found.stderr, found.returncode) == ("input x = 1/2\n", "", 0)
