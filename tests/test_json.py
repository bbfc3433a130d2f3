"""The JSON trace has the form that it promises to other programs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import graphdsl

SEED = """
input  x1 = 2
target t  = 1
param  w1, w2, w3, w4, w13, w14, w23, w24 = 1
param  b1..b5 = -0.5
H1 = relu(w1*x1 + b1)
H2 = relu(w2*x1 + b2)
H3 = relu(w13*H1 + w23*H2 + b3)
H4 = relu(w14*H1 + w24*H2 + b4)
y1 = w3*H3 + w4*H4 + b5
loss  E = 1/2 * (t - y1)^2
train sgd { eta = 0.01, steps = 2 }
"""
CIRCUIT = """
input x = -2, y = 5, z = -4
q = x + y
f = q * z
gradient f
"""
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?(e[+-]\d+)?")


def trace(spec: str) -> Any:  # whatever json.loads makes
    return json.loads(graphdsl.solve(spec).json())


@pytest.fixture(scope="module")
def seed() -> Any:
    return trace(SEED)


def test_the_head(seed: Any) -> None:
    assert list(seed) == [
        "format", "version", "title", "objectives", "numbers", "training", "steps", "final", "check",
    ]  # fmt: skip
    assert (seed["format"], seed["version"], seed["title"], seed["objectives"]) == ("graphdsl-trace", 1, "", ["E"])
    assert seed["numbers"] == {"carry": "full", "decimals": 4, "rounding": "half_up", "arithmetic": "decimal50"}
    assert seed["training"] == {"optimizer": "sgd", "eta": "0.01", "batch": 1, "over_batch": "mean"}


def test_a_step(seed: Any) -> None:
    assert [step["step"] for step in seed["steps"]] == [1, 2]
    step = seed["steps"][0]
    assert list(step) == ["step", "epoch", "samples", "loss", "gradients", "updates"]
    assert step["loss"] == "6.125"
    assert {k: step["gradients"][k] for k in ("w3", "w13", "w1", "b1", "b3", "b5")} == {
        "w3": "8.75", "w13": "5.25", "w1": "14", "b1": "7", "b3": "3.5", "b5": "3.5",
    }  # fmt: skip
    assert step["updates"]["w1"] == {"before": "1", "gradient": "14", "after": "0.86", "state": {}}
    assert step["updates"]["b1"]["after"] == "-0.57"
    assert seed["steps"][1]["loss"].startswith("1.0742206922")


def test_a_sample(seed: Any) -> None:
    (sample,) = seed["steps"][0]["samples"]
    assert list(sample) == ["sample", "values", "gradients", "local", "contributions"]
    assert {k: sample["values"][k] for k in ("x1", "z_H1", "H1", "y1", "E")} == {
        "x1": "2", "z_H1": "1.5", "H1": "1.5", "y1": "4.5", "E": "6.125",
    }  # fmt: skip
    assert sample["gradients"]["E"]["H1"] == "7"
    assert "t" in sample["values"] and "t" not in sample["gradients"]["E"]
    assert sample["local"]["y1/H3"] == "1"
    assert sample["contributions"]["H1"] == {"z_H3": "3.5", "z_H4": "3.5"}


def test_after_the_last_step(seed: Any) -> None:
    assert seed["final"]["loss"].startswith("0.37450124")
    assert seed["final"]["parameters"]["w1"] == seed["steps"][1]["updates"]["w1"]["after"]
    assert seed["final"]["samples"][0]["values"]["E"] == seed["final"]["loss"]


def test_the_check(seed: Any) -> None:
    assert seed["check"] == {
        "routes": ["pullback", "chain", "difference"],
        "compared": 26,
        "not_compared": 0,
        "max_difference": seed["check"]["max_difference"],
    }
    assert float(seed["check"]["max_difference"]) < 1e-25


def test_numbers_are_strings_of_one_form(seed: Any) -> None:
    for number in strings(seed["steps"]) + strings(seed["final"]):
        assert NUMBER.fullmatch(number), number
        assert number != "-0"


def strings(of: Any) -> list[str]:
    if isinstance(of, dict):
        return [s for part in of.values() for s in strings(part)]
    return [s for part in of for s in strings(part)] if isinstance(of, list) else [of] if isinstance(of, str) else []


def test_a_circuit_has_one_step_and_no_training() -> None:
    found = trace(CIRCUIT)
    assert found["training"] is None and found["final"] is None
    (step,) = found["steps"]
    assert step["loss"] is None and step["gradients"] == {} and step["updates"] == {}
    assert step["samples"][0]["gradients"]["f"] == {"x": "-4", "y": "-4", "z": "3", "q": "-4", "f": "1"}


def test_chosen_variables_and_several_objectives() -> None:
    found = trace(CIRCUIT.replace("gradient f", "g = x*y\ngradient f, g wrt x"))
    sample = found["steps"][0]["samples"][0]
    assert found["objectives"] == ["f", "g"]
    assert sample["gradients"] == {"f": {"x": "-4", "q": "-4", "f": "1"}, "g": {"x": "5", "g": "1"}}
    assert sample["contributions"]["x"] == {"q": "-4"}
    assert sample["contributions_of"]["g"]["x"] == {"g": "5"}


def test_carried_numbers_as_carried() -> None:
    found = trace(SEED + "numbers { carry = displayed; decimals = 4 }")
    assert [step["loss"] for step in found["steps"]] == ["6.125", "1.0743"]
    assert found["steps"][1]["gradients"]["w13"] == "1.5381"
    assert found["steps"][1]["gradients"]["w1"] == "5.0692"


def test_entries_never_arrays() -> None:
    found = trace(
        "input x = [1, 2]\nlayer hidden1[2] relu\nlayer y[1]\ntarget t = [1]\ninit all = 0.5\nloss half_squared_error"
    )
    values = found["steps"][0]["samples"][0]["values"]
    assert {"hidden1[2]", "hidden1.z[2]", "hidden1.W[2,1]", "hidden1.b[2]", "y[1]"} <= values.keys()


def test_what_ascends_has_directions_of_its_own() -> None:
    found = trace("param w = 1\nmaximise J = 3*w - w^2\ntrain sgd { eta = 0.1 }")
    step = found["steps"][0]
    assert step["gradients"] == {"w": "1"} and step["directions"] == {"w": "-1"}
    assert step["updates"]["w"]["after"] == "1.1"


def test_the_same_spec_gives_the_same_bytes() -> None:
    assert graphdsl.solve(SEED).json() == graphdsl.solve(SEED).json()
