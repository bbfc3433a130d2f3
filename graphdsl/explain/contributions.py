"""One pass -> the gradient of each shared parameter as the sum of what comes through each of its uses; no digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from graphdsl.document import Block, Derivation, Inlines, Line, Math, Paragraph, Table
from graphdsl.explain.lines import chain
from graphdsl.explain.worked import Pass, numeral
from graphdsl.expr import Array, Expr, Partial, Sum, Symbol
from graphdsl.graph import Graph, Shared, entry_symbols, sharing
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases

MOST_PARTS = 8
"""A sum of more parts is a table."""

MOST_ROWS = 40
MOST_COLUMNS = 6
MOST_SHARED = 8
"""So many parameters are taken apart; the rest are counted."""

NOUGHT = Num(Decimal(0))


def contributions(at: Pass, objective: str, phrases: Phrases, wish: str, first: bool) -> tuple[Block, ...]:
    """The sums; unasked only in the first round, of parameters that are used at several time steps."""
    shares = at.sample.contributions.get(objective)
    if at.letters or not shares or wish == "off" or (not wish and not first):
        return ()
    graph = at.graph
    found = [s for s in sharing(graph) if (wish or _over_time(s, graph)) and _is_sum(s, shares, at, objective)]
    groups: dict[tuple[str, ...], list[Shared]] = {}
    for shared in found[:MOST_SHARED]:
        groups.setdefault(tuple(_uses(shared, shares, graph)), []).append(shared)
    blocks = [block for same in groups.values() for block in _told(same, shares, at, objective, phrases)]
    left = len(found) - MOST_SHARED
    return (*blocks, Paragraph(phrases.say("contributions_more", count=left))) if left > 0 else tuple(blocks)


Shares = Mapping[str, Mapping[str, Num]]
"""What reaches an entry through each entry that uses it."""


def _over_time(shared: Shared, graph: Graph) -> bool:
    """Whether the uses belong to members of a family, which are nodes of their own."""
    owners = [graph.computed[use.key][0].symbol if use.key in graph.computed else use for use in shared.uses]
    return len(owners) > 1 and all("[" in owner.key for owner in owners)


def _uses(shared: Shared, shares: Shares, graph: Graph) -> list[str]:
    """The nodes through which parts come; of a parameter used in one array, the entries of that."""
    entries = dict.fromkeys(use for entry in entry_symbols(shared.symbol) for use in shares.get(entry.key, {}))
    ordered = sorted(entries, key=graph.place.__getitem__)
    nodes = dict.fromkeys(graph.computed[use][0].symbol.key for use in ordered)
    return list(nodes) if len(nodes) > 1 else ordered


def _is_sum(shared: Shared, shares: Shares, at: Pass, objective: str) -> bool:
    """Whether there are several parts, and nothing but them: a given derivative is not made of its parts."""
    if len(_uses(shared, shares, at.graph)) < 2:
        return False
    given = at.graph.model.upstream
    return not any((objective, entry.key) in given for entry in entry_symbols(shared.symbol))


def _told(same: Sequence[Shared], shares: Shares, at: Pass, objective: str, phrases: Phrases) -> Iterator[Block]:
    """Parameters with the same uses: a line for each, or a table where there are many parts."""
    graph = at.graph
    uses = _uses(same[0], shares, graph)
    names = [graph.tensors.get(use) or graph.symbols[use] for use in uses]
    if len(uses) > MOST_PARTS:
        yield _table(same, uses, names, shares, at, objective, phrases)
        return
    listed: Inlines = phrases.listed([(Math(name),) for name in names])
    yield Paragraph(phrases.say("contributions_told", uses=listed))
    yield Derivation(tuple(_line(shared, uses, shares, at, objective) for shared in same))


def _line(shared: Shared, uses: Sequence[str], shares: Shares, at: Pass, objective: str) -> Line:
    """∂E/∂w = a + b + c = total."""
    symbol = shared.symbol
    entries = [entry.key for entry in entry_symbols(symbol)]
    parts = [_whole(symbol, [_part(key, use, shares, at.graph) for key in entries], objective) for use in uses]
    gradients = at.sample.gradients[objective]
    total = _whole(symbol, [gradients.get(key, NOUGHT) for key in entries], objective)
    target = Partial(at.graph.symbols[objective], symbol)
    return Line(chain([target, Sum(tuple(parts)), total]), ())


def _part(key: str, use: str, shares: Shares, graph: Graph) -> Num:
    """What comes to an entry through a node, or through one entry."""
    found = [n for via, n in shares.get(key, {}).items() if use in (via, graph.computed[via][0].symbol.key)]
    total = sum((n.value for n in found), Decimal(0))
    return Num(total, all(n.exact for n in found))


def _whole(symbol: Symbol, values: Sequence[Num], objective: str) -> Expr:
    numerals = tuple(
        numeral(value, f"d{objective}/d{entry.key}") for entry, value in zip(entry_symbols(symbol), values, strict=True)
    )
    return Array(symbol.shape, numerals) if symbol.shape else numerals[0]


def _table(
    same: Sequence[Shared],
    uses: Sequence[str],
    names: Sequence[Symbol],
    shares: Shares,
    at: Pass,
    objective: str,
    phrases: Phrases,
) -> Table:
    """A row for each use, a column for each entry."""
    entries = [entry for shared in same for entry in entry_symbols(shared.symbol)][:MOST_COLUMNS]
    of = at.graph.symbols[objective]
    head = (phrases.say("quantity"), *((Math(Partial(of, entry)),) for entry in entries))
    rows = tuple(
        (
            (Math(name),),
            *(
                (Math(numeral(_part(entry.key, use, shares, at.graph), f"d{objective}/d{entry.key}")),)
                for entry in entries
            ),
        )
        for use, name in zip(uses[:MOST_ROWS], names, strict=False)
    )
    return Table(head, rows, (False, *(True for _ in entries)), phrases.say("contributions"))
