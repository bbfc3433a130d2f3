"""What `report { … }` says -> what the page is asked to be, with the entries that are meant; judges names and numbers, computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar, get_args

from graphdsl.check.resolve import Resolver
from graphdsl.check.rounds import in_full, trace_table
from graphdsl.check.scope import Scope
from graphdsl.check.settings import derivative, keys_of, word
from graphdsl.diagnostics import did_you_mean
from graphdsl.expr import Array, Element, Expr, Relation, Symbol
from graphdsl.model import Node, Training
from graphdsl.notation import DEFAULT, Notation, NotationMistake, found
from graphdsl.report import PARTS, SECTIONS, Detail, Drawn, Language, PageSize, Paper, Report, Style
from graphdsl.syntax import Quoted, Setting

W = TypeVar("W", bound=str)

MOST_TANGENTS = 12
"""So many entries may have a forward mode of their own on the page."""


def asked(
    said: Mapping[str, Setting],
    nodes: tuple[Node, ...],
    plan: Training | None,
    objectives: tuple[Symbol, ...],
    scope: Scope,
    resolver: Resolver,
) -> Report:
    """What the page is asked to be."""
    table = trace_table(said.get("table"), plan, objectives, scope, resolver)
    return Report(
        style=_one_of(STYLES, word(said, "style")) or _style_of(nodes),
        styles={part: style for part in PARTS if (style := _one_of(STYLES, word(said, f"style[{part}]")))},
        detail=_one_of(DETAILS, word(said, "detail")) or "grouped",
        details={part: detail for part in PARTS if (detail := _one_of(DETAILS, word(said, f"detail[{part}]")))},
        explain=frozenset(_explained(said.get("explain"), scope, resolver)),
        figures=_one_of(DRAWN, word(said, "figures")) or "few",
        page=_one_of(PAGES, word(said, "page")) or "a4",
        language="zh-Hant" if word(said, "language") == "zh" else _one_of(LANGUAGES, word(said, "language")) or "en",
        tangents=_tangents(said, scope, resolver),
        nudges=_nudges(said, scope, resolver),
        notices=word(said, "notices") != "off",
        rules=word(said, "rules") == "on",
        in_full=in_full(said, plan, scope, resolver),
        columns=table.columns,
        time=table.time,
        nodes=table.nodes,
        contributions=word(said, "contributions"),
        paper=_one_of(PAPERS, word(said, "as")) or "solution",
        sections=_sections(said.get("sections"), scope),
        footer=word(said, "footer"),
        notation=_notation(said, scope),
    )


def _notation(said: Mapping[str, Setting], scope: Scope) -> Notation:
    """The notation that is asked for; the default one where it is none, which is reported."""
    if "notation" not in said or not isinstance(said["notation"].value, Quoted | Symbol):
        return DEFAULT
    try:
        return found(word(said, "notation"), scope.reporter.source.folder)
    except NotationMistake as mistake:
        setting = said["notation"]
        scope.reporter.error(mistake.message, setting.value.span or setting.span, hint=mistake.hint)
        return DEFAULT


STYLES: tuple[Style, ...] = get_args(Style)
DETAILS: tuple[Detail, ...] = get_args(Detail)
DRAWN: tuple[Drawn, ...] = get_args(Drawn)
PAGES: tuple[PageSize, ...] = get_args(PageSize)
PAPERS: tuple[Paper, ...] = get_args(Paper)
LANGUAGES: tuple[Language, ...] = get_args(Language)


def _sections(setting: Setting | None, scope: Scope) -> tuple[str, ...]:
    """The parts of the page that are wanted."""
    for entry in _entries(setting):
        name = entry.key if isinstance(entry, Symbol) else ""
        if name not in SECTIONS and entry.span is not None:
            hint = did_you_mean(name, SECTIONS) or f"its parts are {', '.join(SECTIONS)}"
            scope.reporter.error("a page has no such part", entry.span, hint=hint)
    if setting is not None and isinstance(setting.value, Quoted):
        _refuse(setting, scope, "`sections` lists parts of the page", "for example sections = [given, forward]")
    return tuple(entry.key for entry in _entries(setting) if isinstance(entry, Symbol))


def _one_of(known: tuple[W, ...], said: str) -> W | None:
    """The word as one of those known; nothing where another was said, which was reported."""
    return next((word for word in known if word == said), None)


def _style_of(nodes: tuple[Node, ...]) -> Style:
    """Matrices where an equation computes a vector or matrix, entries elsewhere.

    A layer's units are written one by one: each has a name.
    """
    return "matrix" if any(node.symbol.shape and node.symbol.parts is None for node in nodes) else "chain"


def _explained(setting: Setting | None, scope: Scope, resolver: Resolver) -> Iterator[str]:
    """What is said in full: values, derivatives, parameters after their update, `updates`; arrays and their entries."""
    for entry in _entries(setting):
        pair = derivative(entry)
        if pair is not None:
            of, wrt = (resolver.resolve(name) for name in pair)
            if of is not None and wrt is not None:
                yield from (f"d{a}/d{b}" for a in _named(of.expr) for b in _named(wrt.expr))
        elif isinstance(entry, Symbol) and entry.key.endswith(".after"):
            found = resolver.resolve(replace(Symbol(entry.key.removesuffix(".after")), span=entry.span))
            yield from (f"{key}.after" for key in (_named(found.expr) if found else ()))
        elif entry == Symbol("updates"):
            yield "updates"
        elif isinstance(entry, Symbol | Element):
            found = resolver.resolve(entry)
            yield from _named(found.expr) if found else ()
        else:
            hint = "for example explain = [dE/dw1, h1, updates]"
            scope.reporter.error("`explain` lists what is said in full", entry.span, hint=hint)


def _named(expr: Expr) -> list[str]:
    """The key of an array and those of its entries; of an entry, its own."""
    own = [expr.key] if isinstance(expr, Symbol) else []
    return list(dict.fromkeys([*own, *keys_of(expr)]))


def _tangents(report: Mapping[str, Setting], scope: Scope, resolver: Resolver) -> tuple[str, ...]:
    """The data whose forward mode is shown, entry by entry."""
    setting = report.get("tangents")
    found: list[str] = []
    for entry in _entries(setting):
        if not isinstance(entry, Symbol | Element):
            _refuse(setting, scope, "`tangents` lists inputs or parameters", "for example tangents = [x1, x2]")
            return ()
        found += _data(entry, scope, resolver)
    if len(found) > MOST_TANGENTS:
        _refuse(
            setting, scope, f"`tangents` would show {len(found)} forward modes", f"at most {MOST_TANGENTS} are shown"
        )
    return tuple(dict.fromkeys(found))


def _nudges(report: Mapping[str, Setting], scope: Scope, resolver: Resolver) -> dict[str, Decimal]:
    """By how much each entry is nudged."""
    setting = report.get("nudges")
    found: dict[str, Decimal] = {}
    for entry in _entries(setting):
        match entry:
            case Relation(members=(Symbol() | Element() as name, value)):
                change = resolver.single(value)
                keys = _data(name, scope, resolver)
                if change is not None and not change.value:
                    scope.reporter.error("a nudge is not 0", value.span)
                elif change is not None and len(keys) > 1:
                    scope.reporter.error(
                        "one number is nudged at a time", name.span, hint=f"name an entry, as in {keys[0]}"
                    )
                elif change is not None:
                    found |= dict.fromkeys(keys, change.value)
            case _:
                _refuse(setting, scope, "`nudges` says by how much", "for example nudges = [b = 0.001]")
                return {}
    return found


def _entries(setting: Setting | None) -> tuple[Expr, ...]:
    if setting is None or isinstance(setting.value, Quoted):
        return ()
    return setting.value.entries if isinstance(setting.value, Array) else (setting.value,)


def _refuse(setting: Setting | None, scope: Scope, message: str, hint: str) -> None:
    assert setting is not None, "what is refused was said"
    scope.reporter.error(message, setting.span, hint=hint)


def _data(name: Expr, scope: Scope, resolver: Resolver) -> list[str]:
    typed = resolver.resolve(name)
    if typed is None:
        return []
    base = typed.expr.of if isinstance(typed.expr, Element) else typed.expr
    if not isinstance(base, Symbol) or base.key not in scope.data:
        scope.reporter.error("only an input, a parameter or a constant moves by itself", name.span)
        return []
    return keys_of(typed.expr)
