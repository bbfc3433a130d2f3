"""Notations: pages in the letters of other textbooks are as true as ours, keys stay, and no two names become one on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tex_reading
from equalities import false_equalities
from reading import count, false_lines

import graphdsl
from graphdsl.cli import main
from graphdsl.diagnostics import SpecError
from graphdsl.document import Block, Derivation, Section
from graphdsl.notation import EXAMPLES, ROLES, WORDS, NotationMistake, names, symbols
from graphdsl.solve import Solution

GALLERY = Path(__file__).parent.parent / "specs"
PACKS = names()
SAMPLE = (
    "tour/shortest.spec",
    "nets/mazur.spec",
    "nets/lexai-bce.spec",
    "softmax/batra-softmax-steps.spec",
    "training/aio-momentum.spec",
    "regression/deepml-batch.spec",
    "two-relu-layers.spec",
)


def solved(path: str, notation: str, **others: object) -> Solution:
    return graphdsl.solve(GALLERY / path, report={"notation": notation, **others})


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("path", SAMPLE)
def test_every_pack_reads_true(path: str, pack: str) -> None:
    found = solved(path, pack)
    plain = graphdsl.solve(GALLERY / path)
    rounding = found.model.display.rounding
    assert false_lines(found.text(), rounding) == []
    assert false_lines(tex_reading.text(found.latex()), rounding) == []
    assert count(found.text(), rounding) >= count(plain.text(), rounding) * 0.9
    assert false_equalities(found.trace.graph, found.document) == []
    assert found.json() == plain.json()


def anchors(blocks: tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Section):
            yield block.anchor
            yield from anchors(block.blocks)
        elif isinstance(block, Derivation):
            yield from (line.anchor for line in block.lines)


@pytest.mark.parametrize("pack", PACKS)
def test_keys_stay(pack: str) -> None:
    """What a part is called, and what can be explained, is the same in all letters."""
    found, plain = solved("tour/shortest.spec", pack), graphdsl.solve(GALLERY / "tour/shortest.spec")
    told, usual = (list(anchors(s.document.blocks)) for s in (found, plain))
    assert [a for a in told if ".change@" not in a] == usual
    for name in ("dE/dhidden2.W[2,1]", "hidden1[2]", "y.b[1].after"):
        assert found.explained(name).blocks


NET = """
input  x = [0.5, -1]
target t = [1]
layer  hidden[2] tanh { weights = [0.1, 0.2; -0.3, 0.4]; biases = [0.5, -0.6] }
layer  out[1] { weights = [0.7, -0.8]; biases = [0.9] }
loss   half_squared_error
train  sgd { eta = 0.1 }
"""


def text_of(text: str, notation: str, **report: object) -> str:
    return graphdsl.solve(text, report={"notation": notation, **report}).text()


@pytest.mark.parametrize(
    ("pack", "printed"),
    [
        ("default", ["z₁⁽¹⁾", "tanh(z₁⁽¹⁾)", "E = ", "η = 0.1", "W₁₂⁽¹⁾", "⁺ = "]),
        ("mazur", ["net₁⁽¹⁾", "out₁⁽¹⁾", "E_total = ", "w₁₂⁽¹⁾"]),
        ("nielsen", ["z₁¹", "a₁²", "C = ", "w₁₂¹", "y₁ = 1"]),
        ("ng", ["z₁^[1]", "ŷ₁", "J = ", "α = 0.1", "y₁ = 1"]),
        ("cs231n", ["z₁₁", "h₁₁", "f₁", "L = ", "W_{1,12}", "0.1 × 0.5"]),
        ("bishop", ["a₁⁽¹⁾", "z₁⁽¹⁾", "w₁₀⁽¹⁾", "y₁", "^((1),new)"]),
        ("german", ["net₃", "o₃ = f(net₃)", "w₂₃", "w₁₃", "Δw₁₃ = −η · ∂E/∂w₁₃", "w₁₃^neu = w₁₃ + Δw₁₃"]),
    ],
)
def test_each_pack_has_its_letters(pack: str, printed: list[str]) -> None:
    found = text_of(NET, pack)
    for letters in printed:
        assert letters in found, letters


def test_senders_come_first_where_a_weight_is_from_to() -> None:
    """net₃ = w₁₃x₁ + w₂₃x₂ + b₃, and the matrix whose rows are the receivers is a transpose."""
    found = text_of(NET, "german")
    assert "net₃ = w₁₃x₁ + w₂₃x₂ + b₃" in found
    assert "w⁽¹⁾ᵀ = [0.1, 0.2; −0.3, 0.4]" in found


def test_an_update_by_its_change_in_matrices() -> None:
    found = text_of(NET, "german", style="matrix")
    assert re.search(r"Δw⁽²⁾ᵀ\s+= −η · ∂E/∂w⁽²⁾ᵀ", found)
    assert false_lines(found) == []


@pytest.mark.parametrize(("pack", "printed"), [("nielsen", "δ₁¹ = "), ("german", "δ₃ = "), ("mazur", "δ₁⁽¹⁾ = ")])
@pytest.mark.parametrize("detail", ["calculator", "grouped"])
def test_deltas_have_the_index_of_their_unit(pack: str, printed: str, detail: str) -> None:
    found = text_of(NET, pack, style="delta", detail=detail)
    assert printed in found
    assert false_lines(found) == []


def test_papers_have_the_same_letters() -> None:
    assert "w⁽¹⁾ᵀ = " in graphdsl.solve(NET, report={"notation": "german", "as": "question"}).text()
    assert "o₃" in graphdsl.solve(NET, report={"notation": "german", "as": "key"}).text()


def test_a_typed_name_keeps_its_letter() -> None:
    """The author's own loss, outputs and targets stay; a target called t gives way where y is taken."""
    spec = "input x = 1\ntarget t = 2\nparam w = 3\ny = w*x\nloss Q = (t - y)^2\ntrain sgd { eta = 0.1 }\n"
    found = text_of(spec, "ng")
    assert "Q = (t − y)²" in found
    assert "α = 0.1" in found


# Notations of one's own.


def in_folder(tmp_path: Path, notation: str, spec: str = NET) -> Path:
    (tmp_path / "house.toml").write_text(notation, "utf-8")
    path = tmp_path / "net.spec"
    path.write_text(f'{spec}\nreport {{ notation = "house.toml" }}\n', "utf-8")
    return path


def test_a_file_beside_the_spec(tmp_path: Path) -> None:
    own = 'like = "nielsen"\nloss = "Q"\nupdated = "*"\nproduct = "cross"\nactivation = "φ"\nlayer = "{name}"\n'
    found = graphdsl.solve(in_folder(tmp_path, own)).text()
    for letters in ("Q = ", "φ(z", "y₁ = 1", " × ", "z₁^hidden"):
        assert letters in found, letters
    assert false_lines(found) == []


def test_a_prime_for_the_new_value(tmp_path: Path) -> None:
    found = graphdsl.solve(in_folder(tmp_path, 'updated = "′"\n')).text()
    assert "W₁₁′⁽¹⁾ = W₁₁⁽¹⁾ − η" in found
    clash = "input x = 1\ntarget t = 1\nparam w = 1, w' = 2\ny = w*w'*x\nloss (t - y)^2\ntrain sgd { eta = 0.1 }"
    with pytest.raises(SpecError, match=r"`w'` and the new w would look the same"):
        graphdsl.solve(in_folder(tmp_path, 'updated = "′"\n', clash))


def test_every_role_has_an_example_that_can_be_set(tmp_path: Path) -> None:
    assert set(EXAMPLES) == set(ROLES)
    for role in ROLES:
        graphdsl.solve(in_folder(tmp_path, f'{role} = "{EXAMPLES[role]}"\n')).text()


HOSTILE = (
    r"\input{x}",
    "<script>",
    "$(rm)",
    "#eval",
    "a b",
    "a\nb",
    "a}b",
    '"',
    "a" * 99,
    "x^2",
    "_",
    "",
    "{k}{k}{k}",
    "∑",
)


@pytest.mark.parametrize("role", [role for role in ROLES if role not in WORDS])
def test_nothing_but_a_name_is_a_letter(role: str, tmp_path: Path) -> None:
    for words in HOSTILE:
        value = words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        path = in_folder(tmp_path, f'{role} = "{value}"\n')
        try:
            page = graphdsl.solve(path).latex()
        except SpecError:
            continue
        assert not words or words.isalnum(), (role, words)
        assert "\\input" not in page


def test_without_a_file_there_is_no_folder() -> None:
    with pytest.raises(SpecError, match="no folder to read from"):
        graphdsl.solve(NET, report={"notation": "house.toml"})


# Symbols of the user's own.


def test_symbols_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "my.toml"
    own.write_text("x = 'u'\n['hidden.W']\ntext = 'V'\nlatex = '\\mathbf{V}'\ntypst = 'bold(V)'\n", "utf-8")
    found = graphdsl.solve(NET, symbols=own)
    assert "V₁₂" in found.text()
    assert "u₁" in found.text()
    assert r"{\mathbf{V}}_{12}" in found.latex()
    assert "bold(V)_(12)" in found.typst()
    assert "mathbf" not in found.html()
    assert found.json() == graphdsl.solve(NET).json()
    assert found.pdf().startswith(b"%PDF")
    assert false_lines(tex_reading.text(found.latex().replace(r"\mathbf{V}", "V"))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q = 'w'", "the spec has no `q`"),
        ("x = 't'", "`x` and `t` would look the same"),
        ("x = 3", "`x` in `my.toml` is no symbol"),
        ("[x]\nlatx = 'a'", "`x` in `my.toml` has no `latx`"),
        ("[x]\nlatex = '}a{'", "`latex` of `x` in `my.toml` cannot be set"),
        ("[x]\nlatex = 'a % b'", "`latex` of `x` in `my.toml` cannot be set"),
        ("x = ", "`my.toml` is not TOML"),
    ],
)
def test_wrong_symbols_are_answered(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(text, "utf-8")
    with pytest.raises(SpecError, match=re.escape(message)):
        graphdsl.solve(NET, symbols=tmp_path / "my.toml")


def test_the_text_of_a_symbol_is_only_text(tmp_path: Path) -> None:
    """Only what is declared as LaTeX or Typst is set as such."""
    for words in (r"\\input{x}", "<b>", "#x", "$x$", "a_b_c", "&lt;"):
        (tmp_path / "my.toml").write_text(f"x = '{words}'", "utf-8")
        found = graphdsl.solve(NET, symbols=tmp_path / "my.toml")
        assert r"\input" not in found.latex()
        assert "<b>" not in found.html()
        assert found.pdf().startswith(b"%PDF")
        assert found.drawing("svg") and found.drawing("dot")


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.spec"
    path.write_text(NET, "utf-8")
    (tmp_path / "my.toml").write_text("x = 'u'", "utf-8")
    assert (
        main(
            ["solve", str(path), "--notation", "ng", "--symbols", str(tmp_path / "my.toml"), "--to", "text", "-o", "-"]
        )
        == 0
    )
    told = capsys.readouterr().out
    assert "J = " in told
    assert "u₁" in told
    assert main(["solve", str(path), "--notation", "nng", "--to", "text", "-o", "-"]) == 1
    assert "there is no notation `nng`" in capsys.readouterr().err


def test_a_word_is_no_symbol_map() -> None:
    with pytest.raises(NotationMistake):
        symbols("x = [1]", "my.toml")
