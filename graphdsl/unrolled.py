"""Network -> the time step of each unit and its height within the step, where a net is recurrent; knows no positions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from graphdsl.diagram import Cell
from graphdsl.expr import Symbol

MOST_STEPS = 6
"""A net of more steps is drawn as any other."""

_FAMILY = re.compile(r"([^\[\]]+)\[(\d+)\]")


def steps(units: Sequence[tuple[Symbol, bool]], links: Sequence[tuple[str, str]]) -> dict[str, Cell]:
    """The place of each unit, (its symbol, whether it is computed): step, level from below, place beside others.

    Nothing where no family of names goes from step to step.
    """
    computed = {symbol.key for symbol, is_computed in units if is_computed}
    own = {key: int(found[2]) for key in computed if (found := _FAMILY.match(key)) is not None}
    family = {key: found[1] for key in own if (found := _FAMILY.match(key)) is not None}
    forward = [(a, b) for a, b in links if a in own and b in own and own[b] == own[a] + 1]
    if not any(_reaches(family, own, links, a, b) for a, b in forward):
        return {}
    after = max(own.values()) + 1
    step = {symbol.key: own.get(symbol.key, after) for symbol, is_computed in units if is_computed}
    for symbol, is_computed in units:
        if not is_computed:
            fed = [step[b] for a, b in links if a == symbol.key and b in step]
            step[symbol.key] = min(fed, default=after)
    if len(set(step.values())) < 3 or len(set(step.values())) > MOST_STEPS + 2:
        return {}
    return _cells([symbol.key for symbol, _ in units], step, links, computed, after)


def _reaches(
    family: Mapping[str, str], own: Mapping[str, int], links: Sequence[tuple[str, str]], a: str, b: str
) -> bool:
    """Whether what enters a step belongs to a family that the step goes on with."""
    seen, waiting = {b}, [b]
    while waiting:
        here = waiting.pop()
        if family[here] == family[a]:
            return True
        fresh = [t for s, t in links if s == here and t in own and own[t] == own[here] and t not in seen]
        seen.update(fresh)
        waiting += fresh
    return False


def _cells(
    keys: Sequence[str], step: Mapping[str, int], links: Sequence[tuple[str, str]], computed: set[str], after: int
) -> dict[str, Cell]:
    """Within a step, a unit stands above what it is computed from."""
    first = min(step.values())
    level = dict.fromkeys(keys, 0)
    for _ in keys:
        for a, b in links:
            if step[a] == step[b]:
                level[b] = max(level[b], level[a] + 1)
            elif step[b] == after:
                level[b] = max(level[b], level[a])
    for key in keys:  # what was before the first step stands as high as what goes on from it
        if step[key] == first:
            level[key] = max(level[other] for other in keys if step[other] < after and _bare(other) == _bare(key))
    names: dict[tuple[int, int], list[str]] = defaultdict(list)
    for key in sorted(keys, key=lambda key: key not in computed):
        bare = _bare(key)
        if bare not in names[step[key], level[key]]:
            names[step[key], level[key]].append(bare)
    return {key: Cell(step[key], level[key], names[step[key], level[key]].index(_bare(key))) for key in keys}


def _bare(key: str) -> str:
    """The name of a family: h of h[2][1]."""
    return key.split("[")[0]
