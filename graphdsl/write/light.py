"""Drawings and what a line finds -> the boxes and arrows that light up with it; knows no format and no number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from graphdsl.diagram import Arrow, Diagram
from graphdsl.expr import Expr, Symbol, walk
from graphdsl.write.places import AFTER


def lit(diagrams: Iterable[Diagram], anchor: str) -> tuple[str, ...]:
    """The keys of what lights up with `H1@1`, a unit and what enters it, or `dE/dw13@1`, the way from there to the end."""
    what = anchor.rpartition("@")[0].removesuffix(AFTER)
    derivative = re.fullmatch(r"d.+?/d(.+)", what)
    found = (_way(d, _unit(derivative[1])) if derivative else _entering(d, _unit(what)) for d in diagrams)
    return tuple(dict.fromkeys(key for keys in found for key in keys))


def arrow_key(arrow: Arrow) -> str:
    """What a drawn arrow is called: by both its ends."""
    return f"{arrow.source} {arrow.target}"


def _unit(key: str) -> str:
    """The unit whose argument it is: `z_H1` belongs to `H1`, `hidden1.z[2]` to `hidden1[2]`."""
    return re.sub(r"\.z(?=\[|$)", "", key.removeprefix("z_"))


def _entering(diagram: Diagram, key: str) -> Iterator[str]:
    """A box with what enters it; for a parameter, where it stands."""
    yield from (box.id for box in diagram.boxes if box.id == key or _is_called(box.label, key))
    for arrow in diagram.arrows:
        if arrow.target == key:
            yield from (arrow_key(arrow), arrow.source)
        elif _is_called(arrow.label, key):
            yield from (arrow.source, arrow_key(arrow), arrow.target)


def _way(diagram: Diagram, key: str) -> Iterator[str]:
    """What is named so, and every way from there to the end."""
    begins = [box.id for box in diagram.boxes if box.id == key or _is_called(box.label, key)]
    weights = [arrow for arrow in diagram.arrows if _is_called(arrow.label, key)]
    reached = dict.fromkeys((*begins, *(arrow.target for arrow in weights)))
    waiting = list(reached)
    yield from map(arrow_key, weights)
    while waiting:
        here = waiting.pop()
        yield here
        for arrow in (a for a in diagram.arrows if a.source == here):
            yield arrow_key(arrow)
            if arrow.target not in reached:
                reached[arrow.target] = None
                waiting.append(arrow.target)


def _is_called(label: Expr | None, key: str) -> bool:
    return label is not None and any(isinstance(node, Symbol) and node.key == key for node in walk(label))
