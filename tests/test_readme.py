"""What the README and the reference show is so: their examples run, their commands work, their messages are said."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import graphdsl
from graphdsl import cli, losses, ops
from graphdsl.check.calls import FUNCTIONS
from graphdsl.lex import KEYWORDS

HOME = Path(__file__).parent.parent
sys.path.insert(0, str(HOME / "tools"))
from reference import rewritten  # noqa: E402

PAGES = {name: (HOME / name).read_text("utf-8") for name in ("README.md", "docs/reference.md")}
BLOCK = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, what it is, what it says."""

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


BLOCKS = [
    Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])
    for page, text in PAGES.items()
    for match in BLOCK.finditer(text)
]


def blocks(kind: str) -> list[Block]:
    return [block for block in BLOCKS if block.kind == kind]


@pytest.mark.parametrize("block", blocks("spec"), ids=str)
def test_an_example_runs(block: Block) -> None:
    found = graphdsl.solve(block.text)
    assert found.text()
    assert all(verdict.agrees for verdict in found.verdicts)
    assert all(announcement.severity == "note" for announcement in found.announcements)


@pytest.mark.parametrize("block", blocks("spec-error"), ids=str)
def test_a_wrong_example_is_answered_as_shown(block: Block) -> None:
    following = BLOCKS[BLOCKS.index(block) + 1]
    assert following.kind == "message"
    with pytest.raises(graphdsl.SpecError) as mistake:
        graphdsl.solve(block.text)
    assert str(mistake.value) == following.text


def commands() -> list[str]:
    lines = [line for kind in ("sh", "console") for block in blocks(kind) for line in block.text.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith(("graphdsl ", "$ graphdsl "))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("net", "a", "b"):
        (tmp_path / f"{name}.spec").write_text(blocks("spec")[0].text, "utf-8")
    return tmp_path


@pytest.mark.parametrize("command", commands())
@pytest.mark.usefixtures("folder")
def test_a_command_works(command: str) -> None:
    assert cli.main(shlex.split(command)[1:]) == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_a_command_prints_what_is_shown(block: Block, capfd: pytest.CaptureFixture[str]) -> None:
    command, _, shown = block.text.partition("\n")
    assert cli.main(shlex.split(command)[2:]) == 0
    assert capfd.readouterr().out == shown


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_the_python_works(block: Block) -> None:
    exec(compile(block.text, str(block), "exec"), {})


def test_the_reference_is_complete() -> None:
    """Every function and every word that begins a statement is in it."""
    words = set(re.findall(r"`([^`\n]+)`", BLOCK.sub("", PAGES["docs/reference.md"])))
    said = {part for word in words for part in re.findall(r"\w+", word)}
    assert set(FUNCTIONS) <= said
    assert set(KEYWORDS) <= said


def test_the_tables_of_the_reference_are_those_of_the_program() -> None:
    """tools/reference.py writes them; formulas are printed by the writer of text."""
    assert rewritten(PAGES["docs/reference.md"]) == PAGES["docs/reference.md"]
    said = PAGES["docs/reference.md"]
    assert all(f"`{name}" in said for name in losses.SPOKEN)
    assert all(f"`{name}(" in said for name in ops.ACTIVATIONS)


def test_links_lead_somewhere() -> None:
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((HOME / page).parent / target).exists(), f"{page}: {target}"


def test_the_version_is_in_the_changelog() -> None:
    assert f"\n## {graphdsl.__version__}" in (HOME / "CHANGELOG.md").read_text("utf-8")
