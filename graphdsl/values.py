"""Trace -> every number of it under the name that `expected` has for it: `E`, `dE/dw5.after2`, `y.sample3`; chooses no digits."""

from __future__ import annotations

from collections.abc import Mapping

from graphdsl.expr import Number
from graphdsl.names import plain_name
from graphdsl.numbers import Num
from graphdsl.trace import Round, Sample, Trace


def named_values(trace: Trace) -> dict[str, Number]:
    """Values, derivatives of the objectives and local derivatives, of the rounds that were kept and after the last update.

    Greek letters are words.
    """
    found: dict[str, Number] = {}
    for round_ in trace.rounds:
        before = f".after{round_.number - 1}" if round_.number > 1 else ""
        found |= _named(trace, round_.samples, before) | _of_batch(trace, round_, before)
        found |= _remembered(round_, f".after{round_.number}")
        found |= _remembered(round_, ".after") if round_.number == trace.steps else {}
    for suffix in (f".after{trace.steps}", ".after") if trace.finals else ():
        found |= _named(trace, trace.finals, suffix)
        if trace.loss is not None and len(trace.finals) > 1:
            found |= _entries("", {_loss(trace): trace.loss}, suffix)
    return found


def _named(trace: Trace, samples: tuple[Sample, ...], suffix: str) -> dict[str, Number]:
    """The numbers of each sample; of several the first goes without its number too."""
    found: dict[str, Number] = {}
    several = len(trace.graph.model.samples) > 1
    for sample in samples:
        own = f"{suffix}.sample{sample.number}" if several else suffix
        for after in (suffix, own) if sample.number == 1 else (own,):
            found |= _entries("", sample.values, after)
            found |= {_name(*pair) + after: _number(*pair, local) for pair, local in sample.local.items()}
            for objective, gradients in sample.gradients.items():
                found |= _entries(objective, gradients, after)
    return found


def _of_batch(trace: Trace, round_: Round, suffix: str) -> dict[str, Number]:
    """The loss over all samples, and the gradients of the step."""
    if round_.loss is None or len(round_.samples) < 2:
        return {}
    return {**_entries("", {_loss(trace): round_.loss}, suffix), **_entries(_loss(trace), round_.gradients, suffix)}


def _remembered(round_: Round, suffix: str) -> dict[str, Number]:
    """What the optimizer assigned in a round, as `m.w1.after2`."""
    return {
        f"{plain_name(name)}.{plain_name(key)}{suffix}": _number("", f"{name}.{key}", value)
        for key, update in round_.updates.items()
        for name, value in update.state.items()
    }


def _loss(trace: Trace) -> str:
    loss = trace.graph.model.loss
    assert loss is not None, "what is trained has a loss"
    return loss.key


def _entries(of: str, numbers: Mapping[str, Num], suffix: str) -> dict[str, Number]:
    return {_name(of, key) + suffix: _number(of, key, value) for key, value in numbers.items() if key[0] != "%"}


def _name(of: str, key: str) -> str:
    return f"d{plain_name(of)}/d{plain_name(key)}" if of else plain_name(key)


def _number(of: str, key: str, value: Num) -> Number:
    return Number(value.value, value.exact, f"d{of}/d{key}" if of else key, False, ratio=value.ratio)
