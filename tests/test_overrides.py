"""`--set`, `--steps` and `--limit`: what they change, what they leave alone, and that a message points at the option."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

import graphdsl
from graphdsl import cli
from graphdsl.check import check
from graphdsl.diagnostics import Source, SpecError
from graphdsl.limits import WHAT, Limits, raised
from graphdsl.model import Model
from graphdsl.overrides import Override, overridden
from graphdsl.parse import parse

HOME = Path(__file__).parent
WRONG = sorted((HOME / "wrong" / "options").glob("*.spec"))

SPEC = """input    i1..i2 = [0.05, 0.10], K = [k1 = 1, k2 = 2], g(g1, g2) = [1, 2]
target   t1, t2 = 0.01
param    w1..w4 = [0.15, 0.20, 0.25, 0.30]
param    v1..v2
const    c1, c2 = 0.35
layer    hidden(h1, h2) sigmoid from i1, i2 { weights = w1..w4; bias = c1 }
layer    output(o1, o2) sigmoid { weights = [u1 = 0.1, u2; u3, u2]; bias = d }
layer    last[2] tanh { weights = [0.1, 0.2; 0.3, 0.4] }
init     all = uniform(-1, 1), seed = 3
loss     E = (t1 - last[1])^2 + (t2 - last[2])^2 + v1^2 + v2^2 + K[1]*k2 + c2 + g1*g[2]
train    sgd { eta = 0.5, epochs = 2 }
"""


def model(*settings: str, text: str = SPEC, steps: int | None = None) -> Model:
    options = [Override(s) for s in settings]
    options += [] if steps is None else [Override(f"steps={steps}", "--steps")]
    return check(overridden(parse(Source("test.spec", text)), options))


def values(found: Model) -> dict[str, list[str]]:
    return {q.symbol.key: [format(n.value, "f") for n in q.value.flat] for q in found.quantities}


def changed(*settings: str) -> dict[str, list[str]]:
    """What is other than without the options."""
    before, after = values(model()), values(model(*settings))
    assert before.keys() == after.keys()
    return {key: value for key, value in after.items() if before[key] != value}


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        (["w3=9"], {"w3": ["9"]}),
        (["i2 = 1/4"], {"i2": ["0.25"]}),
        (["t1=1"], {"t1": ["1"]}),
        (["c2=0.5"], {"c2": ["0.5"]}),
        (["K=[3, 4]"], {"K": ["3", "4"]}),
        (["k2=5"], {"K": ["1", "5"]}),
        (["g2=5"], {"g": ["1", "5"]}),
        (["v2=0.5"], {"v2": ["0.5"]}),  # its neighbours are drawn as before
        (["u1=7"], {"u1": ["7"]}),
        (["u2=7"], {"u2": ["7"]}),
        (["d=7"], {"d": ["7"]}),
        (["last.weights=[1, 2, 3, 4]"], {"last.W": ["1", "2", "3", "4"]}),
        (["last.W=[1, 2; 3, 4]", "last.b=0"], {"last.W": ["1", "2", "3", "4"], "last.b": ["0", "0"]}),
        (["w1=1", "w2=2", "w3=3", "w4=4"], {"w1": ["1"], "w2": ["2"], "w3": ["3"], "w4": ["4"]}),
        (["w3=0.25"], {}),
        (["k1=1"], {}),
    ],
)
def test_one_value_is_set_and_no_other(settings: list[str], difference: dict[str, list[str]]) -> None:
    assert changed(*settings) == difference


def test_settings() -> None:
    found = model("η=0.1", "decimals=2", "carry=displayed", "decimals[E]=6", steps=5)
    assert found.training is not None
    assert (found.training.settings["eta"].value, found.training.steps) == (Decimal("0.1"), 5)
    assert (found.display.decimals, found.display.by_name, found.carry) == (2, {"E": 6}, "displayed")
    found = model("train.eta=0.2", "numbers.rounding=cut", "epochs=3")
    assert found.training is not None
    assert (found.training.settings["eta"].value, found.training.steps) == (Decimal("0.2"), 3)
    assert found.display.rounding == "cut"
    assert values(model("seed=4")) != values(model())
    assert model("style=matrix").report.style == "matrix"


def test_a_said_setting_is_replaced_and_others_stay() -> None:
    text = SPEC + "numbers { decimals = 3; rounding = cut }\n"
    found = model("decimals=5", text=text)
    assert (found.display.decimals, found.display.rounding) == (5, "cut")


def test_a_quantity_comes_before_a_setting() -> None:
    text = "param eta = 1\nloss E = eta^2\ntrain sgd { eta = 0.5 }\n"
    found = model("eta=3", "train.eta=0.25", text=text)
    assert found.training is not None
    assert values(found) == {"eta": ["3"]} and found.training.settings["eta"].value == Decimal("0.25")


def test_what_is_given() -> None:
    text = "given z = [2, 1], h = 1\ninput x = 2\nh = 3*x\ny = h*z[1]\ngradient y\n"
    found = model("z=[3, 4]", "h=5", text=text)
    assert values(found)["z"] == ["3", "4"] and found.overrides["h"].value == 5


def test_a_parameter_of_a_module() -> None:
    text = "module scaled(x; by) -> y { param w[1]\ny = by*w[1]*x }\ninput x = 2\nm = scaled(by = 3, w = 4)\ny = m(x)\ngradient y\n"
    assert values(model("m.w=5", "x=1", text=text)) == {"x": ["1"], "m.w": ["5"]}


def test_without_options_the_spec_is_the_same_object() -> None:
    spec = parse(Source("test.spec", SPEC))
    assert overridden(spec, ()) is spec


def test_the_page_is_that_of_a_spec_that_says_so() -> None:
    text = "input x = 2\nparam w = 1, b = -0.5\ntarget t = 1\ny = w*x + b\nloss E = 1/2 * (t - y)^2\ntrain sgd { eta = 0.1 }\n"
    said = text.replace("w = 1", "w = 0.25").replace("eta = 0.1", "eta = 0.2, steps = 2")
    assert graphdsl.solve(text, set={"w": 0.25, "eta": "0.2"}, steps=2).text() == graphdsl.solve(said).text()


def options(first: str) -> list[Override]:
    """`# --set a=1 --steps 2`, as the first line of a spec in tests/wrong/options says."""
    words = shlex.split(first.removeprefix("# "))
    pairs = list(zip(words[::2], words[1::2], strict=True))
    return [Override(f"steps={text}" if option == "--steps" else text, option) for option, text in pairs]


@pytest.mark.parametrize("path", WRONG, ids=lambda p: p.stem)
def test_a_wrong_option_is_answered_word_for_word(path: Path) -> None:
    text = path.read_text("utf-8")
    with pytest.raises(SpecError) as caught:
        check(overridden(parse(Source(path.name, text)), options(text.splitlines()[0])))
    golden = path.with_suffix(".txt")
    if os.environ.get("ACCEPT"):
        golden.write_text(str(caught.value), "utf-8")
    assert str(caught.value) == golden.read_text("utf-8")


# Limits.

WIDE = "input x[30] = 1\ny = sum(x)\ngradient y\n"
MANY = "input x1..x30 = 1\ny = x1\ngradient y\n"


FILTER = "input X[6, 6] = 1\nparam K[1, 1] = 1\ny = sum(conv2d(X, K))\ngradient y\n"


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [("entries", WIDE, 30), ("names", MANY, 30), ("nodes", SPEC, 4), ("products", FILTER, 36)],
)
def test_a_limit_can_be_lowered_and_raised(name: str, text: str, count: int) -> None:
    with pytest.raises(SpecError, match=f"--limit {name}=") as caught:
        graphdsl.solve(text, limits={name: count - 1})
    assert [f"--limit {name}=" in d.hint for d in caught.value.diagnostics if d.severity == "error"] == [True]
    graphdsl.solve(text, limits={name: count})


def test_every_limit_is_in_the_reference() -> None:
    text = (HOME.parent / "docs" / "reference.md").read_text("utf-8")
    for name, what in WHAT.items():
        assert f"| `{name}` | {what} | {getattr(Limits(), name):,} |" in text
    assert raised({"names": 3}).names == 3


def test_limits_on_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wide.spec"
    path.write_text(WIDE, "utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        return cli.main(["check", str(path), *arguments]), capfd.readouterr().err

    assert run("--limit", "entries=29")[0] == 1
    assert run("--limit", "entries=1_000", "--limit", "names=5") == (0, "")
    assert "did you mean `entries`" in run("--limit", "entires=5")[1]
    wrong: Sequence[str] = ("entries", "entries=", "entries=0", "entries=-1", "entries=1.5")
    assert all(run("--limit", text)[0] == 2 for text in wrong)


def test_a_key_of_the_report_is_an_option() -> None:
    assert graphdsl.solve(SPEC, report={"style": "matrix"}).report.style == "matrix"
    with pytest.raises(graphdsl.SpecError, match=r"`style` is chain or delta or matrix") as mistake:
        graphdsl.solve(SPEC, report={"style": "matrx"})
    assert "--> style:1:" in str(mistake.value) and "did you mean `matrix`?" in str(mistake.value)
