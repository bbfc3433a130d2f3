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
        "training": None if model.training is None else _training(model.training),
        "steps": [_step(round_, trace) for round_ in trace.rounds],
        "final": None if trace.final is None else _final(trace.final, model),
        "check": _check(check),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _training(training: Training) -> Json:
    """Of one sample, a batch is the sample and an epoch is a step."""
    settings = _numbers(training.settings)
    return {"optimizer": training.optimizer.name, **settings, "batch": 1, "over_batch": "mean"}


def _step(round_: Round, trace: Trace) -> Json:
    training = trace.graph.model.training
    step: Json = {
        "step": round_.number,
        "epoch": round_.number,
        "samples": [_sample(i, sample, trace) for i, sample in enumerate(round_.samples, 1)],
        "loss": None if round_.loss is None else plain(round_.loss.value),
        "gradients": _numbers(round_.gradients),
    }
    if training is not None and training.ascent:  # what is subtracted is not the gradient here
        step["directions"] = {key: plain(-number.value) for key, number in round_.gradients.items()}
    return step | {"updates": {key: _update(update) for key, update in round_.updates.items()}}


def _sample(number: int, sample: Sample, trace: Trace) -> Json:
    """Its gradients are of its own loss, by objective, for all that is no target and, if some are chosen, for those."""
    hidden = _not_differentiated(trace)
    objectives = list(sample.gradients)
    shares = {
        objective: {key: _numbers(uses) for key, uses in by_entry.items() if key not in hidden}
        for objective, by_entry in sample.contributions.items()
    }
    found: Json = {
        "sample": number,
        "values": _numbers(sample.values),
        "gradients": {
            objective: _numbers({k: gradients[k] for k in sample.values if k in gradients and k not in hidden})
            for objective, gradients in sample.gradients.items()
        },
        "local": {f"{a}/{b}": plain(local.value) for (a, b), local in sample.local.items() if b not in hidden},
        "contributions": shares.get(objectives[0], {}) if objectives else {},
    }
    if len(objectives) > 1:
        found["contributions_of"] = {objective: shares.get(objective, {}) for objective in objectives[1:]}
    return found


def _not_differentiated(trace: Trace) -> set[str]:
    model = trace.graph.model
    chosen = {entry.key for symbol in model.wrt for entry in entry_symbols(symbol)}
    quantities = [(q, entry.key) for q in model.quantities for entry in entry_symbols(q.symbol)]
    return {key for q, key in quantities if q.kind == "target" or (chosen and key not in chosen)}


def _update(update: Update) -> Json:
    """`state` is what the optimizer remembers; plain gradient descent remembers nothing."""
    before, gradient, after = (plain(n.value) for n in (update.before, update.gradient, update.after))
    return {"before": before, "gradient": gradient, "after": after, "state": {}}


def _final(sample: Sample, model: Model) -> Json:
    return {
        "parameters": _numbers({key: sample.values[key] for key in _parameters(model)}),
        "samples": [{"sample": 1, "values": _numbers(sample.values)}],
        "loss": None if model.loss is None else plain(sample.values[model.loss.key].value),
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
