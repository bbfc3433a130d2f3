"""Trace -> JSON: every carried number under the key of its entry, for other programs; rounds nothing, explains nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from graphdsl.graph import entry_symbols
from graphdsl.model import Model, Training
from graphdsl.numbers import Decimal50, Num, plain
from graphdsl.trace import Check, Gradients, Round, Sample, Trace, Update

VERSION = 1
"""Of the form, not of the program: it changes when a reader of the old form would misread the new one."""

Json = dict[str, Any]
"""What json.dumps takes: strings, numbers, lists and more of the same."""


def write(trace: Trace, check: Check) -> str:
    """The trace as JSON. Numbers are strings, with all their digits; keys stand in the order of the spec."""
    model = trace.graph.model
    whole: Json = {
        "format": "graphdsl-trace",
        "version": VERSION,
        "title": model.title,
        "objectives": [o.key for o in model.objectives],
        "numbers": {
            "carry": model.carry,
            "decimals": model.display.decimals,
            "rounding": model.display.rounding,
            "arithmetic": Decimal50.name,
        },
        "training": None if model.training is None else _training(model.training, trace),
        "steps": [_step(round_, trace) for round_ in trace.rounds],
        "final": None if trace.final is None else _final(trace, model),
        "check": _check(check),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _training(training: Training, trace: Trace) -> Json:
    """The rule and its options; the rest of what was asked for, where it is not what is usual."""
    found: Json = {"optimizer": training.optimizer.name, **_numbers(training.settings)}
    if training.rates:
        found["eta"] = [plain(rate.value) for rate in training.rates]
    found |= {"batch": training.batch, "over_batch": training.over_batch}
    found |= {name: value for name, (value, usual) in _asked(training).items() if value != usual}
    if trace.stopped:
        found["stopped_after"] = trace.steps
    if trace.floats:
        found["arithmetic"] = "float64 between the steps that are listed"
    if training.samples > 1 or trace.floats:
        found["epochs"] = [{"epoch": e.number, "step": e.step, "loss": plain(e.loss.value)} for e in trace.epochs]
    if trace.checkpoints:
        found["checkpoints"] = [
            {"epoch": c.epoch.number, "loss": plain(c.epoch.loss.value), "parameters": _numbers(c.parameters)}
            for c in trace.checkpoints
        ]
    return found


def _asked(training: Training) -> dict[str, tuple[object, object]]:
    """What a training may say besides, with what it says if it says nothing."""
    numbers = ("decay", "weight_decay", "clip_value", "clip_norm", "stop_at")
    said = {name: getattr(training, name) for name in numbers}
    return {
        "gradient_over_batch": (training.gradient_over_batch, training.over_batch),
        "shuffle": (training.shuffle, None),
        "order": ("sequential" if training.sequential else "simultaneous", "simultaneous"),
        **{name: (None if value is None else plain(value.value), None) for name, value in said.items()},
        "stop_each": (training.stop_each, "epoch"),
        "decay_every": (training.decay_every, 1),
        "error": (training.error, "before"),
        "t": (training.first, 1),
    }


def _step(round_: Round, trace: Trace) -> Json:
    step: Json = {
        "step": round_.number,
        "epoch": round_.epoch,
        "samples": [_sample(sample, trace) for sample in round_.samples],
        "loss": None if round_.loss is None else plain(round_.loss.value),
        "gradients": _numbers(round_.gradients),
    }
    directions = {key: update.direction for key, update in round_.updates.items()}
    if any(directions[key].value != round_.gradients[key].value for key in directions):
        step["directions"] = _numbers(directions)
    return step | {"updates": {key: _update(update) for key, update in round_.updates.items()}}


def _sample(sample: Sample, trace: Trace) -> Json:
    """Its gradients are of its own loss, by objective, for all that is no target and, if some are chosen, for those."""
    hidden = _not_differentiated(trace)
    objectives = list(sample.gradients)
    shares = {
        objective: {key: _numbers(uses) for key, uses in by_entry.items() if key not in hidden}
        for objective, by_entry in sample.contributions.items()
    }
    found: Json = {
        "sample": sample.number,
        "values": _numbers(sample.values),
        "gradients": {
            objective: _numbers({k: gradients[k] for k in sample.values if k in gradients and k not in hidden})
            for objective, gradients in sample.gradients.items()
        },
        "local": {f"{a}/{b}": plain(local.value) for (a, b), local in sample.local.items() if b not in hidden},
        "contributions": shares.get(objectives[0], {}) if objectives else {},
    }
    if sample.directions:
        found["directions"] = _numbers({k: v for k, v in sample.directions.items() if k not in hidden})
    if len(objectives) > 1:
        found["contributions_of"] = {objective: shares.get(objective, {}) for objective in objectives[1:]}
    return found


def _not_differentiated(trace: Trace) -> set[str]:
    model = trace.graph.model
    chosen = {entry.key for symbol in model.wrt for entry in entry_symbols(symbol)}
    quantities = [(q, entry.key) for q in model.quantities for entry in entry_symbols(q.symbol)]
    return {key for q, key in quantities if q.kind == "target" or (chosen and key not in chosen)}


def _update(update: Update) -> Json:
    """`state` is what the rule assigned on the way, so also what it remembers; plain gradient descent has none."""
    before, gradient, after = (plain(n.value) for n in (update.before, update.gradient, update.after))
    return {"before": before, "gradient": gradient, "after": after, "state": _numbers(update.state)}


def _final(trace: Trace, model: Model) -> Json:
    values = trace.finals[0].values
    return {
        "parameters": _numbers({key: values[key] for key in _parameters(model)}),
        "samples": [{"sample": sample.number, "values": _numbers(sample.values)} for sample in trace.finals],
        "loss": None if trace.loss is None else plain(trace.loss.value),
    }


def _parameters(model: Model) -> Iterable[str]:
    return (entry.key for q in model.quantities if q.kind == "param" for entry in entry_symbols(q.symbol))


def _check(check: Check) -> Json:
    found: Json = {
        "routes": list(check.routes),
        "compared": check.compared,
        "not_compared": check.skipped,
        "max_difference": plain(check.max_difference),
    }
    return found | {"sampled": True} if check.sampled else found


def _numbers(numbers: Gradients | Mapping[str, Num]) -> dict[str, str]:
    return {key: plain(number.value) for key, number in numbers.items()}
