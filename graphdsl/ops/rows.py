"""What all rows are made with: calls, entries, attributes, and the places that an entry is made from; names no operation."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from graphdsl.derive.shape import shape_of, spoken
from graphdsl.expr import (
    ZERO,
    Attribute,
    Attributes,
    Call,
    Element,
    Expr,
    Number,
    Operation,
    Option,
    Said,
    ShapeMistake,
    Symbol,
    add,
    number,
)
from graphdsl.numbers import Arithmetic, Shape, size

N = TypeVar("N")

PRODUCT_PRECEDENCE = 20
"""How tightly infix signs bind: sums 10, products 20, signs 25, powers 30."""

Places = tuple[tuple[int, ...], ...]
"""For each entry of an output, row by row, the places of the input's entries that it is made from, from 0."""

KEPT_AXIS = {"row": 0, "column": 1, "channel": 0}
"""`by = row` gives a number for each row."""

BY = Option("word", tuple(KEPT_AXIS))


def call(operation: Operation, *arguments: Expr, **attributes: Attribute) -> Call:
    """A call of a row."""
    return Call(operation, arguments, tuple(sorted(attributes.items())))


def scalar_shape(shapes: tuple[Shape, ...], attributes: Attributes) -> Shape:
    return ()


def bound(depth: int) -> Symbol:
    return Symbol(("i", "j", "k", "l")[depth] + "%")


def entry(of: Expr, *index: Expr) -> Expr:
    return Element(of, index)


def entry_at(of: Expr, place: int) -> Expr:
    """The entry of a tensor at a place of the row-by-row order, from 0; a number is its own."""
    shape = shape_of(of)
    return Element(of, tuple(map(number, index_at(shape, place)))) if shape else of


def entries_at(of: Expr, places: Iterable[int]) -> list[Expr]:
    return [entry_at(of, place) for place in places]


def sum_at(of: Expr, places: Iterable[int]) -> Expr:
    """The sum of some entries; 0 where there are none."""
    found = entries_at(of, places)
    return add(*found) if found else ZERO


def index_at(shape: Shape, place: int) -> Shape:
    """The index, from 1, of a place in the row-by-row order."""
    index: list[int] = []
    for extent in reversed(shape):
        place, i = divmod(place, extent)
        index.append(i + 1)
    return tuple(reversed(index))


def place_of(shape: Shape, index: tuple[Expr, ...]) -> int:
    """The place of an index that is of numbers by now."""
    place = 0
    for extent, i in zip(shape, index, strict=True):
        place = place * extent + as_int(i) - 1
    return place


def as_int(expr: Expr) -> int:
    assert isinstance(expr, Number), "an index that is a number by now"
    return int(expr.value)


def shape_attribute(given: Attributes) -> Shape:
    return tuple_attribute(given, "shape")


def tuple_attribute(given: Attributes, name: str) -> tuple[int, ...]:
    value = given[name]
    assert isinstance(value, tuple)
    return value


def int_attribute(given: Attributes, name: str, default: int = 1) -> int:
    value = given.get(name, default)
    assert isinstance(value, int)
    return value


def word_attribute(given: Attributes, name: str) -> str:
    value = given.get(name, "")
    assert isinstance(value, str)
    return value


def settings(*names: str) -> Said:
    """Says those settings of a call that it has, as "stride 2" and "padding 1×0"."""
    return lambda given: tuple(f"{name} {_as_words(given[name])}" for name in names if name in given)


def _as_words(value: Attribute) -> str:
    match value:
        case tuple():
            return times(value)
        case Decimal():
            return f"{value.normalize():f}"
        case _:
            return str(value)


def times(shape: Shape) -> str:
    """2×3."""
    return "×".join(map(str, shape))


def total(arithmetic: Arithmetic[N], numbers: Iterable[N]) -> N:
    """The sum of numbers; 0 where there are none."""
    found: N | None = None
    for x in numbers:
        found = x if found is None else arithmetic.add(found, x)
    return arithmetic.literal(Decimal(0)) if found is None else found


# Lanes: the rows of a matrix, its columns, the channels of an array, or all of it.


def lane_shape(shape: Shape, by: str) -> Shape:
    """A number for each lane; ShapeMistake where there are no such lanes."""
    if not by:
        return ()
    wanted, what = (3, "an array [channels, h, w]") if by == "channel" else (2, "a matrix")
    if len(shape) != wanted:
        hint = "leave `by` out" if len(shape) < 2 else "`by = channel` gives a number for each channel" * (wanted == 2)
        raise ShapeMistake(f"`by = {by}` wants {what}, not {spoken(shape)}", (0,), hint)
    return (shape[KEPT_AXIS[by]],)


@lru_cache(maxsize=256)
def lanes(shape: Shape, by: str) -> Places:
    """The places of each lane."""
    if not by:
        return (tuple(range(size(shape))),)
    axis = KEPT_AXIS[by]
    found: list[list[int]] = [[] for _ in range(shape[axis])]
    for place in range(size(shape)):
        found[index_at(shape, place)[axis] - 1].append(place)
    return tuple(map(tuple, found))


@lru_cache(maxsize=256)
def lane_numbers(shape: Shape, by: str) -> tuple[int, ...]:
    """For each place the number of its lane, from 0."""
    found = [0] * size(shape)
    for number_, lane in enumerate(lanes(shape, by)):
        for place in lane:
            found[place] = number_
    return tuple(found)


def inverted(places: Places, count: int) -> Places:
    """For each of `count` input entries the outputs that it goes into, once for every time."""
    found: list[list[int]] = [[] for _ in range(count)]
    for output, sources in enumerate(places):
        for source in sources:
            found[source].append(output)
    return tuple(map(tuple, found))
