"""`train`, `numbers` and `report` blocks -> settings; judges options and their values by one table each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Scope, article
from graphdsl.derive.element import part
from graphdsl.diagnostics import did_you_mean
from graphdsl.expr import Array, Element, Expr, Number, Quotient, Symbol
from graphdsl.model import Style, Training
from graphdsl.names import canonical
from graphdsl.numbers import Carry, Display, Num, Rounding, indices
from graphdsl.optimizers import OPTIMIZERS
from graphdsl.syntax import Options, Quoted, Setting, Train

MOST_STEPS = 1_000
MOST_DECIMALS = 30
LATER_OPTIMIZERS = frozenset(
    ["adam", "adamw", "adagrad", "rmsprop", "momentum", "nesterov", "perceptron", "adaline", "delta_rule"]
)
LATER_TRAIN_SETTINGS = frozenset(
    ["batch", "shuffle", "over_batch", "momentum", "nesterov", "decay", "weight_decay", "clip", "schedule", "t"]
)
LATER_NUMBERS_SETTINGS = frozenset(["significant", "fractions", "trailing_zeros", "comma"])


@dataclass(frozen=True, slots=True)
class Numbers:
    """What `numbers { … }` says."""

    carry: Carry
    display: Display


def training(
    statement: Train, ascent: bool, scope: Scope, resolver: Resolver
) -> tuple[Training | None, frozenset[str]]:
    """The training and the keys of the parameters that it leaves as they are."""
    name = statement.optimizer.text
    optimizer = OPTIMIZERS.get(name.casefold())
    if optimizer is None:
        later = name.casefold() in LATER_OPTIMIZERS
        message = f"`{name}` is not in the language yet" if later else f"there is no optimizer `{name}`"
        scope.reporter.error(message, statement.optimizer.span, hint="" if later else did_you_mean(name, OPTIMIZERS))
        return None, frozenset()
    settings: dict[str, Num] = {}
    frozen: frozenset[str] = frozenset()
    steps = 1
    said: dict[str, Setting] = {}
    for setting in statement.settings:
        key = canonical(setting.name.text).replace("η", "eta")
        if _said_twice(key, setting, said, scope):
            continue
        match key:
            case "steps" | "epochs":
                steps = _whole(setting, 1, MOST_STEPS, scope, resolver) or 1
            case "frozen":
                frozen = _frozen(setting, scope, resolver)
            case _ if key in optimizer.settings:
                value = _number(setting, scope, resolver)
                if value is not None:
                    settings[key] = value
            case _:
                _unknown(setting, [*optimizer.settings, "steps", "epochs", "frozen"], LATER_TRAIN_SETTINGS, scope)
    if "steps" in said and "epochs" in said:
        scope.reporter.error("a training has `steps` or `epochs`, not both", said["epochs"].span)
    for key, default in optimizer.settings.items():
        if key not in said and default is None:
            scope.reporter.error(
                f"`{optimizer.name}` needs `{key}`", statement.span, hint=f"`train {name} {{ {key} = 0.1 }}`"
            )
    return Training(optimizer, settings, steps, ascent), frozen


def numbers(statements: Iterable[Options], scope: Scope, resolver: Resolver) -> Numbers:
    """How values are carried and shown."""
    carry: Carry = "full"
    rounding: Rounding = "half_up"
    decimals, by_name = 4, dict[str, int]()
    said: dict[str, Setting] = {}
    for setting in (s for statement in statements for s in statement.settings):
        if not setting.brackets and _said_twice(setting.name.text, setting, said, scope):
            continue
        match setting.name.text:
            case "carry":
                word = _word(setting, ("full", "displayed"), scope)
                carry = "displayed" if word == "displayed" else "full"
            case "rounding":
                word = _word(setting, ("half_up", "cut"), scope)
                rounding = "cut" if word == "cut" else "half_up"
            case "decimals":
                value = _whole(setting, 0, MOST_DECIMALS, scope, resolver)
                if value is not None and setting.brackets:
                    by_name |= dict.fromkeys(_keys(setting, scope, resolver), value)
                elif value is not None:
                    decimals = value
            case _:
                _unknown(setting, ["carry", "decimals", "rounding"], LATER_NUMBERS_SETTINGS, scope)
    return Numbers(carry, Display(decimals, by_name, rounding))


REPORT: Mapping[str, tuple[str, ...]] = {
    "style": get_args(Style),
    **dict.fromkeys(
        (
            "detail",
            "explain",
            "gates",
            "in_full",
            "language",
            "notation",
            "nudges",
            "table",
            "tangents",
            "view",
        ),
        (),
    ),
}
"""The options of `report`, and the words that each takes; where none are listed, those who use it judge its value."""


def report(statements: Iterable[Options], scope: Scope) -> dict[str, Setting]:
    """What `report { … }` says of the page, by the name of its option."""
    said: dict[str, Setting] = {}
    for setting in (s for statement in statements for s in statement.settings):
        name = setting.name.text
        if name not in REPORT:
            _unknown(setting, list(REPORT), frozenset(), scope)
        elif not _said_twice(name, setting, said, scope) and REPORT[name]:
            _word(setting, REPORT[name], scope)
    return said


def _said_twice(key: str, setting: Setting, said: dict[str, Setting], scope: Scope) -> bool:
    if key in said:
        scope.reporter.error(f"`{setting.name.text}` is said twice", setting.span)
        return True
    said[key] = setting
    return False


def _unknown(setting: Setting, known: list[str], later: frozenset[str], scope: Scope) -> None:
    name = setting.name.text
    if name in later:
        scope.reporter.error(f"`{name}` is not in the language yet", setting.name.span)
        return
    hint = did_you_mean(name, known) or f"known here: {', '.join(known)}"
    scope.reporter.error(f"there is no option `{name}`", setting.name.span, hint=hint)


def _number(setting: Setting, scope: Scope, resolver: Resolver) -> Num | None:
    if isinstance(setting.value, Quoted):
        scope.reporter.error(f"`{setting.name.text}` is a number", setting.value.span)
        return None
    value = resolver.constant(setting.value)
    if value is not None and value.shape:
        scope.reporter.error(f"`{setting.name.text}` is one number", setting.value.span)
        return None
    return None if value is None else value.item


def _whole(setting: Setting, least: int, most: int, scope: Scope, resolver: Resolver) -> int | None:
    value = _number(setting, scope, resolver)
    if value is None:
        return None
    if value.value != value.value.to_integral_value() or not least <= value.value <= most:
        span = setting.value.span or setting.span
        scope.reporter.error(f"`{setting.name.text}` is a whole number from {least} to {most:,}", span)
        return None
    return int(value.value)


def _word(setting: Setting, known: tuple[str, ...], scope: Scope) -> str:
    value = setting.value
    word = value.key if isinstance(value, Symbol) else value.text if isinstance(value, Quoted) else ""
    if word not in known:
        hint = did_you_mean(word, known)
        scope.reporter.error(f"`{setting.name.text}` is {' or '.join(known)}", value.span or setting.span, hint=hint)
    return word


def _keys(setting: Setting, scope: Scope, resolver: Resolver) -> list[str]:
    """The keys of the names and derivatives in brackets; a tensor's name stands for all its entries."""
    found: list[str] = []
    for name in setting.brackets:
        derivative = _derivative(name)
        if derivative is not None:
            of, wrt = (resolver.resolve(part) for part in derivative)
            if of is not None and wrt is not None:
                found += [f"d{a}/d{b}" for a in keys_of(of.expr) for b in keys_of(wrt.expr)]
            continue
        typed = resolver.resolve(name)
        if typed is not None:
            found += keys_of(typed.expr)
    return found


def _derivative(expr: Expr) -> tuple[Symbol, Symbol] | None:
    """`dE/dw` as the pair E, w."""
    match expr:
        case Quotient(numerator=Symbol() as of, denominator=Symbol() as wrt):
            if of.key[:1] in "d∂" and wrt.key[:1] in "d∂" and of.key[1:] and wrt.key[1:]:
                return Symbol(of.key[1:], span=of.span), Symbol(wrt.key[1:], span=wrt.span)
    return None


def keys_of(expr: Expr) -> list[str]:
    """The keys of a symbol's entries, or of one entry."""
    if isinstance(expr, Element) and isinstance(expr.of, Symbol):
        return [part(expr.of, tuple(int(i.value) for i in expr.index if isinstance(i, Number))).key]
    if isinstance(expr, Symbol):
        return [part(expr, i).key for i in indices(expr.shape)] if expr.shape else [expr.key]
    return []


def _frozen(setting: Setting, scope: Scope, resolver: Resolver) -> frozenset[str]:
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
