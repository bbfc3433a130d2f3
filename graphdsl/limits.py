"""What a spec may ask for before it is refused, and the name by which each limit is raised; knows no spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace


def _limit(value: int, what: str) -> int:
    """A row of the table: the default, and what it counts."""
    return field(default=value, metadata={"what": what})


@dataclass(frozen=True, slots=True)
class Limits:
    """The table. A new limit is a row here, and `exceeded` where it is looked at."""

    entries: int = _limit(250_000, "entries of one vector, matrix or layer's weights")
    products: int = _limit(2_000_000, "products of one convolution, entries looked at by one pooling")
    names: int = _limit(10_000, "members of one range of names or indices")
    nodes: int = _limit(20_000, "equations and layers of a spec, its loops and modules written out")
    operations: int = _limit(3_000_000_000, "operations on numbers of a training, forward, backward and update")


DEFAULT = Limits()

WHAT: Mapping[str, str] = {row.name: row.metadata["what"] for row in fields(Limits)}
"""What each limit counts."""


def raised(changes: Mapping[str, int], limits: Limits = DEFAULT) -> Limits:
    """The limits with some of them changed; their names are those of WHAT."""
    return replace(limits, **changes)


def exceeded(name: str, count: int) -> str:
    """The hint of a message that a limit is too low for what the spec asks for."""
    return f"`--limit {name}={count}` raises this limit"
