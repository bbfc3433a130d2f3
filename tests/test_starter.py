"""`init`: what it writes is a right spec in calm form, with different numbers of one or two decimals, and alive."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

import graphdsl
from graphdsl import cli
from graphdsl.diagnostics import Source
from graphdsl.fmt import formatted
from graphdsl.parse import parse
from graphdsl.starter import KINDS, StarterMistake, starter

SEEDS = range(12)
NETS = ["2-2-1", "1-1", "3-4-2", "2-3-2-1", "2-1-1-1-1"]
ACTIVATIONS = ["sigmoid", "tanh", "relu", "leaky_relu", "linear"]


def numbers(text: str) -> list[Decimal]:
    """The numbers of inputs, targets and parameters."""
    lines = [line for line in text.splitlines() if re.match(r"input|target|param|layer|  ", line)]
    without_names = re.sub(r"\[\d+\](?= )|W_\w|\bd_k\b", "", "\n".join(lines))
    without_steps = re.sub(r"\w\[[^]]*\]|\[0, 0\]", "", without_names)
    return [Decimal(n) for n in re.findall(r"-?\d+\.\d+", without_steps)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_is_in_calm_form_and_its_numbers_are_nice(kind: str, seed: int) -> None:
    text = starter(kind, seed=seed)
    assert formatted(Source("test.spec", text)) == text
    found = numbers(text)
    assert len(found) >= 4 and len(set(found)) == len(found)
    assert all(n and abs(n) < 1 and n.as_tuple().exponent in (-1, -2) for n in found)
    assert starter(kind, seed=seed) == text and starter(kind, seed=seed + 100) != text
    assert text.startswith("# ")
    assert parse(Source("test.spec", text)).announcements == ()


@pytest.mark.parametrize("sizes", NETS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_net_is_solved_and_learns(sizes: str, activation: str) -> None:
    for seed in SEEDS[:2]:
        found = graphdsl.solve(starter("mlp", sizes, activation, seed))
        assert not found.announcements
        round_ = found.trace.rounds[0]
        hidden = [key for key in round_.samples[0].values if re.match(r"hidden\d*(\[|$)", key)]
        for layer in {key.partition("[")[0] for key in hidden}:
            assert any(round_.samples[0].values[k].value for k in hidden if k.partition("[")[0] == layer), "alive"


@pytest.mark.parametrize("seed", SEEDS[:6])
@pytest.mark.parametrize("kind", ["circuit", "rnn", "cnn", "attention"])
def test_every_parameter_of_the_other_kinds_matters(kind: str, seed: int) -> None:
    found = graphdsl.solve(starter(kind, seed=seed))
    assert not [a for a in found.announcements if a.severity == "warning"]
    gradients = found.trace.rounds[0].samples[0].gradients[found.model.objectives[0].key]
    for name in (q.symbol.key for q in found.model.quantities if q.kind in ("param", "input")):
        assert any(g.value for key, g in gradients.items() if key.partition("[")[0] == name), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mlpp",), "there is no kind `mlpp`; known: mlp, circuit, rnn, cnn, attention"),
        (("mlp", "2"), "`2` does not say the sizes of layers"),
        (("mlp", "2-0-1"), "`2-0-1` does not say the sizes of layers"),
        (("mlp", "2-x"), "`2-x` does not say the sizes of layers"),
        (("mlp", "30-40-10"), "a net 30-40-10 has 1,690 numbers, too many to be written out"),
        (("mlp", "2-2", "sigmiod"), "there is no activation `sigmiod`"),
        (("cnn", "2-2"), "`cnn` takes no sizes and no activation"),
    ],
)
def test_what_cannot_be_begun(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(StarterMistake, match=re.escape(message)):
        starter(*arguments)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "mlp", "2-2-1", "sigmoid", "--seed", "7"]) == 0
    text = capfd.readouterr().out
    assert text == starter("mlp", "2-2-1", "sigmoid", 7) and not list(tmp_path.iterdir())
    assert cli.main(["init", "circuit", "-o", "net.spec"]) == 0
    assert capfd.readouterr().out == "wrote net.spec\n"
    assert cli.main(["init", "mlp", "-o", "net.spec"]) == 1
    assert capfd.readouterr() == ("", "error: `net.spec` exists\n  hint: --force replaces it\n")
    assert Path("net.spec").read_text("utf-8") == starter("circuit")
    assert cli.main(["init", "mlp", "-o", "net.spec", "--force"]) == 0
    assert cli.main(["solve", "net.spec", "--to", "text"]) == 0
    assert cli.main(["init", "mpl"]) == 2
    assert "did you mean `mlp`?" in capfd.readouterr().err
