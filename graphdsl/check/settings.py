"""`numbers` and `report` blocks -> settings; and how the options of any block are read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Scope
from graphdsl.derive.element import part
from graphdsl.diagnostics import did_you_mean
from graphdsl.expr import Element, Expr, Number, Product, Quotient, Sum, Symbol
from graphdsl.names import plain_name
from graphdsl.numbers import Carry, Display, Num, indices
from graphdsl.report import KEYS, PARTS
from graphdsl.syntax import Options, Quoted, Setting

MOST_DECIMALS = 30
MOST_SIGNIFICANT = 30
NUMBERS_SETTINGS = ["carry", "decimals", "significant", "rounding", "fractions", "trailing_zeros", "comma"]
_COUNTS = {"decimals": (0, MOST_DECIMALS), "significant": (1, MOST_SIGNIFICANT)}


@dataclass(frozen=True, slots=True)
class Numbers:
    """What `numbers { … }` says."""

    carry: Carry
    display: Display


def numbers(statements: Iterable[Options], states: Collection[str], scope: Scope, resolver: Resolver) -> Numbers:
    """How values are carried and shown; `states` are the names that an optimizer assigns."""
    carry: Carry = "full"
    shown: dict[str, Any] = {}
    counts: dict[str, dict[str, int]] = {"decimals": {}, "significant": {}}
    said: dict[str, Setting] = {}
    for setting in (s for statement in statements for s in statement.settings):
        if not setting.brackets and said_twice(setting.name.text, setting, said, scope):
            continue
        match setting.name.text:
            case "carry":
                word = word_of(setting, ("full", "displayed"), scope)
                carry = "displayed" if word == "displayed" else "full"
            case "rounding":
                word = word_of(setting, ("half_up", "cut"), scope)
                shown["rounding"] = "cut" if word == "cut" else "half_up"
            case "decimals" | "significant" as kind:
                least, most = _COUNTS[kind]
                value = whole(setting, least, most, scope, resolver)
                if value is not None and setting.brackets:
                    counts[kind] |= dict.fromkeys(_keys(setting, states, scope, resolver), value)
                elif value is not None:
                    shown[kind] = value
            case "fractions" | "trailing_zeros" | "comma" as switch:
                shown[switch] = word_of(setting, ("on", "off"), scope) == "on"
            case _:
                unknown_option(setting, NUMBERS_SETTINGS, scope)
    _one_way_of_counting(said, counts, scope)
    return Numbers(carry, Display(**shown, by_name=counts["decimals"], significant_by_name=counts["significant"]))


def wants_fractions(statements: Iterable[Options]) -> bool:
    """Whether `numbers` asks for fractions; what is given as 1/3 is then carried as that."""
    settings = (s for statement in statements if statement.kind == "numbers" for s in statement.settings)
    said = (s.value for s in settings if s.name.text == "fractions")
    return any(isinstance(v, Symbol) and v.key == "on" for v in said)


def _one_way_of_counting(said: Mapping[str, Setting], counts: Mapping[str, Mapping[str, int]], scope: Scope) -> None:
    """Digits are counted from the decimal mark or from the first; not both, for one name or for all."""
    if {"decimals", "significant"} <= said.keys():
        scope.reporter.error(
            "`decimals` and `significant` are two ways to say how many digits are shown",
            max(said["decimals"].span, said["significant"].span, key=lambda span: span.start),
            hint="keep one of them; decimals[y] = 2 beside significant = 4 is possible",
        )


def report(statements: Iterable[Options], scope: Scope) -> dict[str, Setting]:
    """What `report { … }` says of the page, by key; `style[backward]` by that."""
    said: dict[str, Setting] = {}
    for setting in (s for statement in statements for s in statement.settings):
        name = setting.name.text
        if name not in KEYS:
            unknown_option(setting, list(KEYS), scope)
            continue
        part = _part(setting, KEYS[name].by_part, scope)
        if part is None or said_twice(f"{name}[{part}]" if part else name, setting, said, scope):
            continue
        if KEYS[name].words:
            word_of(setting, KEYS[name].words, scope)
        elif KEYS[name].quoted and not isinstance(setting.value, Quoted | Symbol):
            scope.reporter.error(f"`{name}` is a text", setting.value.span, hint=f'for example {name} = "…"')
    return said


def _part(setting: Setting, by_part: bool, scope: Scope) -> str | None:
    """The part of a round that a setting is for, as backward in `style[backward]`; nothing where that is wrong."""
    if not setting.brackets:
        return ""
    (first, *more) = setting.brackets
    part = first.key if isinstance(first, Symbol) else ""
    if by_part and not more and part in PARTS:
        return part
    name = setting.name.text
    message = f"`{name}` has brackets for {', '.join(PARTS)}" if by_part else f"`{name}` takes no brackets"
    scope.reporter.error(message, first.span or setting.span, hint=did_you_mean(part, PARTS) if by_part else "")
    return None


def word(settings: Mapping[str, Setting], key: str) -> str:
    """The word or text of a key that was checked; nothing where it was not said."""
    if key not in settings:
        return ""
    return _said(settings[key].value)


def _said(value: Expr | Quoted) -> str:
    """A word, bare or quoted; zh-Hant is one too."""
    match value:
        case Quoted():
            return value.text
        case Symbol():
            return value.key
        case Sum((Symbol() as first, Product((Number() as sign, Symbol() as second)))) if sign.value == -1:
            return f"{first.key}-{second.key}"
        case _:
            return ""


def said_twice(key: str, setting: Setting, said: dict[str, Setting], scope: Scope) -> bool:
    """Whether an option was said before; reported."""
    if key in said:
        scope.reporter.error(f"`{setting.name.text}` is said twice", setting.span)
        return True
    said[key] = setting
    return False


def unknown_option(setting: Setting, known: list[str], scope: Scope, later: frozenset[str] = frozenset()) -> None:
    """Report an option that there is not."""
    name = setting.name.text
    if name in later:
        scope.reporter.error(f"`{name}` is not in the language yet", setting.name.span)
        return
    hint = did_you_mean(name, known) or f"known here: {', '.join(known)}"
    scope.reporter.error(f"there is no option `{name}`", setting.name.span, hint=hint)


def number_of(setting: Setting, scope: Scope, resolver: Resolver) -> Num | None:
    """The one number of an option."""
    if isinstance(setting.value, Quoted):
        scope.reporter.error(f"`{setting.name.text}` is a number", setting.value.span)
        return None
    value = resolver.constant(setting.value)
    if value is not None and value.shape:
        scope.reporter.error(f"`{setting.name.text}` is one number", setting.value.span)
        return None
    return None if value is None else value.item


def whole(setting: Setting, least: int, most: int, scope: Scope, resolver: Resolver) -> int | None:
    """The whole number of an option, between two bounds."""
    value = number_of(setting, scope, resolver)
    if value is None:
        return None
    if value.value != value.value.to_integral_value() or not least <= value.value <= most:
        span = setting.value.span or setting.span
        scope.reporter.error(f"`{setting.name.text}` is a whole number from {least} to {most:,}", span)
        return None
    return int(value.value)


def word_of(setting: Setting, known: tuple[str, ...], scope: Scope) -> str:
    """One of the words that an option knows."""
    value = setting.value
    word = _said(value)
    if word not in known:
        hint = did_you_mean(word, known)
        scope.reporter.error(f"`{setting.name.text}` is {' or '.join(known)}", value.span or setting.span, hint=hint)
    return word


def _keys(setting: Setting, states: Collection[str], scope: Scope, resolver: Resolver) -> list[str]:
    """The keys of the names and derivatives in brackets; a tensor's name stands for all its entries."""
    found: list[str] = []
    for name in setting.brackets:
        pair = derivative(name)
        if pair is not None:
            of, wrt = (resolver.resolve(part) for part in pair)
            if of is not None and wrt is not None:
                found += [f"d{a}/d{b}" for a in keys_of(of.expr) for b in keys_of(wrt.expr)]
            continue
        state, place = state_of(name, states, scope)
        typed = resolver.resolve(place)
        if typed is not None:
            found += [f"{state}.{key}" if state else key for key in keys_of(typed.expr)]
    return found


def state_of(expr: Expr, states: Collection[str], scope: Scope) -> tuple[str, Expr]:
    """`v.w[2]` as the state v and the parameter w[2]; of any other name, no state."""
    if isinstance(expr, Element):
        state, place = state_of(expr.of, states, scope)
        return state, replace(expr, of=place)
    if not isinstance(expr, Symbol) or scope.meaning(expr.key) is not None:
        return "", expr
    state, dot, rest = expr.key.partition(".")
    if not dot or plain_name(state) not in states:
        return "", expr
    return plain_name(state), replace(Symbol(rest), span=expr.span)


def derivative(expr: Expr) -> tuple[Symbol, Symbol] | None:
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
