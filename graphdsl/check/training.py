"""A `train` block -> the training: its rule, its options, what it begins with; judges each option by one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphdsl.check.resolve import Resolver
from graphdsl.check.rules import find, standard
from graphdsl.check.scope import Scope, article
from graphdsl.check.settings import keys_of, number_of, said_twice, unknown_option, whole, word_of
from graphdsl.diagnostics import did_you_mean
from graphdsl.expr import Array, Element, Symbol
from graphdsl.model import Training
from graphdsl.names import plain_name
from graphdsl.numbers import Num
from graphdsl.optimizers import Optimizer
from graphdsl.syntax import GivenValue, Name, Quoted, Setting, Train

MOST_STEPS = 1_000_000_000
MOST_SEED = 1_000_000_000_000
MOST_SAMPLES = 250_000

ALIASES: Mapping[str, Mapping[str, str]] = {
    "momentum": {"momentum": "mu"},
    "nesterov": {"momentum": "mu"},
    "adamw": {"weight_decay": "lambda"},
}
"""Options of our rules by the names that users expect."""


@dataclass
class Draft:
    """A training while its options are read."""

    statement: Train
    rule: Optimizer
    samples: int
    scope: Scope
    resolver: Resolver
    found: dict[str, Any] = field(default_factory=dict)  # the fields of Training by name; each has a type of its own
    settings: dict[str, Num] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    memory: dict[str, dict[str, Num]] = field(default_factory=dict)

    def number(self, setting: Setting) -> Num | None:
        return number_of(setting, self.scope, self.resolver)

    def whole(self, setting: Setting, least: int, most: int) -> int | None:
        return whole(setting, least, most, self.scope, self.resolver)

    def keep(self, name: str, value: object) -> None:
        """Enter a field of the training, if its value is right."""
        if value is not None and value != "":
            self.found[name] = value


Read = Callable[[Draft, Setting], None]


def training(
    statement: Train,
    ascent: bool,
    samples: int,
    own: Mapping[str, Optimizer],
    given: Sequence[GivenValue],
    scope: Scope,
    resolver: Resolver,
) -> tuple[Training | None, frozenset[str]]:
    """The training and the keys of the parameters that it leaves as they are."""
    rule = _rule(statement, dict(own), scope)
    if rule is None:
        return None, frozenset()
    draft = Draft(statement, rule, samples, scope, resolver)
    said: dict[str, Setting] = {}
    for setting in statement.settings:
        if setting.member is not None:
            _remembered(draft, setting)
            continue
        key = plain_name(setting.name.text)
        if not said_twice(key, setting, said, scope):
            _read(draft, key, setting)
    for gave in given:
        _given_state(draft, gave)
    _judge_together(draft, said)
    for key, default in rule.settings.items():
        if key not in draft.settings and default is not None:
            draft.settings[key] = Num(default)
        elif key not in draft.settings and not _says(said, key, rule):
            hint = f"`train {statement.optimizer.text} {{ {key} = 0.1 }}`"
            scope.reporter.error(f"`{statement.optimizer.text}` needs `{key}`", statement.span, hint=hint)
    return _made(draft, ascent), draft.frozen


def _made(draft: Draft, ascent: bool) -> Training:
    found = dict(draft.found)
    batch = found.pop("batch", draft.samples)
    per_epoch = -(-draft.samples // batch)
    epochs = found.pop("epochs", 1)
    steps = found.pop("steps", None) or epochs * per_epoch
    over_batch = found.get("over_batch", "mean")
    settings = {key: draft.settings[key] for key in draft.rule.settings if key in draft.settings}
    return Training(
        optimizer=draft.rule,
        settings=settings,
        steps=steps,
        ascent=ascent,
        batch=batch,
        samples=draft.samples,
        **{"gradient_over_batch": over_batch, **found},
        memory=draft.memory,
        span=draft.statement.span,
    )


def _says(said: Mapping[str, Setting], key: str, rule: Optimizer) -> bool:
    """Whether an option was given, rightly or wrongly."""
    aliases = ALIASES.get(rule.name, {})
    return key in said or any(aliases.get(name) == key for name in said)


def _rule(statement: Train, own: dict[str, Optimizer], scope: Scope) -> Optimizer | None:
    """The optimizer; plain descent with a momentum is what users call sgd too."""
    name = statement.optimizer.text
    found = find(name, own)
    if found is None:
        hint = did_you_mean(name, [*own, *standard()]) or f"known are {', '.join([*own, *standard()])}"
        scope.reporter.error(f"there is no optimizer `{name}`", statement.optimizer.span, hint=hint)
        return None
    said = {plain_name(s.name.text): s for s in statement.settings if s.member is None}
    if found.name not in ("sgd", "momentum") or not ({"momentum", "nesterov"} & said.keys()):
        return found
    nesterov = "nesterov" in said and _word(said["nesterov"]) in ("true", "yes")
    return standard()["nesterov" if nesterov else "momentum"]


def _word(setting: Setting) -> str:
    value = setting.value
    return value.key if isinstance(value, Symbol) else value.text if isinstance(value, Quoted) else ""


def _read(draft: Draft, key: str, setting: Setting) -> None:
    name = ALIASES.get(draft.rule.name, {}).get(key, key)
    if name == "eta" and "eta" in draft.rule.settings:
        _rates(draft, setting)
    elif name in draft.rule.settings:
        value = draft.number(setting)
        if value is not None:
            draft.settings[name] = value
    elif key == "nesterov" and draft.rule.name in ("sgd", "momentum", "nesterov"):
        word_of(setting, ("true", "false"), draft.scope)
    elif key in SETTINGS:
        SETTINGS[key](draft, setting)
    else:
        unknown_option(setting, [*draft.rule.settings, *SETTINGS], draft.scope)


def _rates(draft: Draft, setting: Setting) -> None:
    """`eta = 0.1`, or a list with one for each step."""
    value = setting.value
    if not isinstance(value, Array) or len(value.shape) != 1:
        single = draft.number(setting)
        if single is not None:
            draft.settings["eta"] = single
        return
    found = [draft.resolver.single(entry) for entry in value.entries]
    rates = tuple(rate for rate in found if rate is not None)
    if len(rates) == len(found):
        draft.settings["eta"] = rates[0]
        draft.found["rates"] = rates


def _steps(draft: Draft, setting: Setting) -> None:
    draft.keep("steps", draft.whole(setting, 1, MOST_STEPS))


def _epochs(draft: Draft, setting: Setting) -> None:
    draft.keep("epochs", draft.whole(setting, 1, MOST_STEPS))


def _batch(draft: Draft, setting: Setting) -> None:
    """`full`, `online`, or so many samples."""
    words = {"full": draft.samples, "online": 1}
    word = _word(setting)
    if word or isinstance(setting.value, Quoted):
        draft.keep("batch", words.get(word_of(setting, tuple(words), draft.scope)))
        return
    count = draft.whole(setting, 1, MOST_SAMPLES)
    if count is not None and count > draft.samples:
        have = "1 sample" if draft.samples == 1 else f"{draft.samples} samples"
        draft.scope.reporter.error(
            f"a batch of {count} is larger than the data",
            setting.value.span,
            f"there {'is' if draft.samples == 1 else 'are'} {have}",
            hint="`batch = full` takes all of them",
        )
        return
    draft.keep("batch", count)


def _shuffle(draft: Draft, setting: Setting) -> None:
    if _word(setting):
        draft.scope.reporter.error(
            "`shuffle` is a seed, a whole number",
            setting.value.span,
            hint="for example `shuffle = 7`: the same seed gives the same order; without it, the order is that of the file",
        )
        return
    draft.keep("shuffle", draft.whole(setting, 0, MOST_SEED))


def _over_batch(draft: Draft, setting: Setting) -> None:
    draft.keep("over_batch", word_of(setting, ("mean", "sum"), draft.scope))


def _gradient_over_batch(draft: Draft, setting: Setting) -> None:
    draft.keep("gradient_over_batch", word_of(setting, ("mean", "sum"), draft.scope))


def _order(draft: Draft, setting: Setting) -> None:
    draft.keep("sequential", word_of(setting, ("simultaneous", "sequential"), draft.scope) == "sequential")


def _stop_each(draft: Draft, setting: Setting) -> None:
    draft.keep("stop_each", word_of(setting, ("epoch", "update"), draft.scope))


def _error(draft: Draft, setting: Setting) -> None:
    draft.keep("error", word_of(setting, ("before", "after"), draft.scope))


def _positive(name: str) -> Read:
    """An option that is a number above 0, or 0 where that means nothing."""

    def read(draft: Draft, setting: Setting) -> None:
        value = draft.number(setting)
        if value is not None and value.value < 0:
            draft.scope.reporter.error(f"`{name}` is not negative", setting.value.span or setting.span)
        elif value is not None and (value.value or name == "stop_at"):
            draft.keep(name, value)

    return read


def _counted(name: str) -> Read:
    def read(draft: Draft, setting: Setting) -> None:
        draft.keep(name, draft.whole(setting, 1, MOST_STEPS))

    return read


def _first(draft: Draft, setting: Setting) -> None:
    draft.keep("first", draft.whole(setting, 1, MOST_STEPS))


def _frozen(draft: Draft, setting: Setting) -> None:
    draft.frozen = frozen(setting, draft.scope, draft.resolver)


SETTINGS: Mapping[str, Read] = {
    "steps": _steps,
    "epochs": _epochs,
    "batch": _batch,
    "shuffle": _shuffle,
    "over_batch": _over_batch,
    "gradient_over_batch": _gradient_over_batch,
    "order": _order,
    "frozen": _frozen,
    "weight_decay": _positive("weight_decay"),
    "clip_value": _positive("clip_value"),
    "clip_norm": _positive("clip_norm"),
    "decay": _positive("decay"),
    "decay_every": _counted("decay_every"),
    "stop_at": _positive("stop_at"),
    "stop_each": _stop_each,
    "checkpoints": _counted("checkpoints"),
    "error": _error,
    "t": _first,
}
"""What a training may say, whatever its optimizer."""


def _judge_together(draft: Draft, said: Mapping[str, Setting]) -> None:
    """What does not go with what."""
    error = draft.scope.reporter.error
    if "steps" in said and "epochs" in said:
        error("a training has `steps` or `epochs`, not both", said["epochs"].span)
    if draft.found.get("sequential") and "clip_norm" in said:
        hint = "`clip_value` clips each entry on its own"
        error(
            "`clip_norm` needs all gradients at once, `order = sequential` has them one by one",
            said["clip_norm"].span,
            hint=hint,
        )
    if draft.found.get("sequential") and draft.rule.learns_through_thresholds:
        error("the rule of the perceptron knows no order of layers", said["order"].span)
    if draft.found.get("sequential") and draft.rule.ahead is not None:
        error("a rule that takes its gradient ahead knows no order of layers", said["order"].span)
    if "stop_each" in said and "stop_at" not in said:
        error("`stop_each` says how often, and `stop_at` is missing", said["stop_each"].span, hint="`stop_at = 0.01`")
    if "clip_norm" in draft.found and "clip_value" in draft.found:
        error("a training clips by value or by norm, not both", said["clip_norm"].span)
    if "decay_every" in said and "decay" not in said:
        error("`decay_every` says how often, and `decay` is missing", said["decay_every"].span, hint="`decay = 0.9`")
    for name in ("decay", "rates"):
        if name in draft.found and "eta" not in draft.rule.settings:
            error(f"`{draft.rule.name}` has no `eta`", said["decay" if name == "decay" else "eta"].span)
    if "shuffle" in said and draft.samples == 1:
        error("there is only one sample, and nothing to shuffle", said["shuffle"].span)


def _remembered(draft: Draft, setting: Setting) -> None:
    """`m.w = 0.1`: what is remembered of a parameter at the start."""
    assert setting.member is not None, "it is of a parameter"
    symbol = Symbol(setting.member.text, span=setting.member.span)
    place = Element(symbol, setting.brackets, symbol.span) if setting.brackets else symbol
    _remember(draft, setting.name, place, draft.number(setting))


def _given_state(draft: Draft, gave: GivenValue) -> None:
    """`given m.w = 0.1` says the same."""
    of = gave.reference.of
    base = of.of if isinstance(of, Element) else of
    assert isinstance(base, Symbol), "a state has a name"
    span = base.span or gave.span
    state, _, parameter = base.key.partition(".")
    symbol = Symbol(parameter, span=span)
    place = Element(symbol, of.index, of.span) if isinstance(of, Element) else symbol
    _remember(draft, Name(state, span), place, draft.resolver.single(gave.value))


def _remember(draft: Draft, state: Name, place: Symbol | Element, value: Num | None) -> None:
    name, scope, memory = plain_name(state.text), draft.scope, draft.rule.memory
    if name not in memory:
        what = f"it remembers {', '.join(f'`{m}`' for m in memory)}" if memory else "it remembers nothing"
        scope.reporter.error(f"`{draft.rule.name}` does not remember `{name}`", state.span, hint=what)
        return
    typed = draft.resolver.resolve(place)
    if typed is None or value is None:
        return
    base = typed.expr.of if isinstance(typed.expr, Element) else typed.expr
    datum = scope.data.get(base.key) if isinstance(base, Symbol) else None
    if datum is None or datum.kind != "param":
        text = place.key if isinstance(place, Symbol) else "this"
        scope.reporter.error(f"`{text}` is not a parameter", place.span)
        return
    for key in keys_of(typed.expr):
        draft.memory.setdefault(name, {})[key] = value


def state_names(plan: Training | None) -> tuple[str, ...]:
    """The names that a rule assigns on its way."""
    return tuple(a.name for a in plan.optimizer.assignments if a.name != "theta") if plan else ()


def frozen(setting: Setting, scope: Scope, resolver: Resolver) -> frozenset[str]:
    """The parameters that stay as they are."""
    value = setting.value
    names = value.entries if isinstance(value, Array) else (value,)
    found: set[str] = set()
    for name in names:
        if not isinstance(name, Symbol):
            scope.reporter.error("`frozen` lists parameters, as in `frozen = [b1, b2]`", setting.span)
            return frozenset()
        typed = resolver.resolve(name)
        symbol = typed.expr.of if typed and isinstance(typed.expr, Element) else typed.expr if typed else None
        if isinstance(symbol, Symbol):
            datum = scope.data.get(symbol.key)
            if datum is None or datum.kind != "param":
                meaning = scope.meaning(name.key)
                what = f"it is {article(meaning.kind)}" if meaning else ""
                scope.reporter.error(f"`{name.key}` is not a parameter", name.span, what)
            found.add(symbol.key)
    return frozenset(found)
