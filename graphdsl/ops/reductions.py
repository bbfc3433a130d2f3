"""The rows that make one number of many — of an array, or of each of its rows, columns or channels — and softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Protocol, TypeVar

from graphdsl.derive.shape import shape_of, spoken
from graphdsl.expr import (
    ONE,
    ZERO,
    Attributes,
    BigOperatorNotation,
    Compute,
    ElementRule,
    EntrySlope,
    Expr,
    FencesNotation,
    FunctionNotation,
    Notation,
    Number,
    Operation,
    Option,
    Power,
    Product,
    Quotient,
    ShapeMistake,
    Sides,
    SubscriptedNotation,
    add,
    multiply,
    negate,
    number,
    subtract,
)
from graphdsl.numbers import Arithmetic, Shape, Tensor, flat_index, size
from graphdsl.ops.elementwise import EXP, HADAMARD, LN, MAX, MIN, POWER, ROOT, taken, taken_side
from graphdsl.ops.rows import (
    BY,
    Places,
    call,
    entries_at,
    entry,
    entry_at,
    inverted,
    lane_numbers,
    lane_shape,
    lanes,
    place_of,
    settings,
    shape_attribute,
    total,
    word_attribute,
)

N = TypeVar("N")

MOST_SQUARES = 12
"""The variance of more numbers is written with the mean of squares; of so many, with the squares of differences."""


class OfLane(Protocol):
    """A number from the numbers of a lane."""

    def __call__(self, arithmetic: Arithmetic[N], lane: Sequence[N], /) -> N: ...


def _by(given: Attributes) -> str:
    return word_attribute(given, "by")


def lane_of(shape: Shape, by: str, index: tuple[Expr, ...]) -> tuple[int, ...]:
    """The places that an entry of the result is made from."""
    return lanes(shape, by)[place_of(lane_shape(shape, by), index)]


def _reduced(of_lane: OfLane) -> Compute:
    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        (x,), by = args, _by(given)
        flat = (of_lane(arithmetic, [x.flat[p] for p in lane]) for lane in lanes(x.shape, by))
        return Tensor(lane_shape(x.shape, by), tuple(flat))

    return compute


def _reduced_element(of_entries: Callable[[list[Expr]], Expr]) -> ElementRule:
    def element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
        return of_entries(entries_at(args[0], lane_of(shape_of(args[0]), _by(given), index)))

    return element


def _reduction(
    name: str,
    notation: Notation,
    of_lane: OfLane,
    of_entries: Callable[[list[Expr]], Expr],
    gradient: Callable[[Expr, Attributes, Expr, Expr], Expr],
    source: str = "",
    slope: EntrySlope | None = None,
    sides: Sides | None = None,
) -> Operation:
    return Operation(
        name,
        notation,
        (1, 1),
        lambda shapes, given: lane_shape(shapes[0], _by(given)),
        lambda args, given, out, upstream: (gradient(args[0], given, out, upstream),),
        compute=_reduced(of_lane),
        element=_reduced_element(of_entries),
        attributes=("by",),
        source=source,
        options={"by": BY},
        entry_slope=slope,
        sides=sides,
    )


# Sums, and their adjoint: a number spread over its lane.


def _fill(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    shape = shape_attribute(given)
    return Tensor(shape, tuple(args[0].flat[i] for i in lane_numbers(shape, _by(given))))


def _fill_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    shape = shape_attribute(given)
    return entry_at(args[0], lane_numbers(shape, _by(given))[place_of(shape, index)])


def _fill_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    shape = shape_attribute(given)
    wanted = lane_shape(shape, _by(given))
    if shapes[0] != wanted:
        raise ShapeMistake(f"{spoken(shapes[0])} cannot be spread over {spoken(shape)}", (0,))
    return shape


FILL: Operation = Operation(
    "fill",
    SubscriptedNotation("fill", "by"),
    (1, 1),
    _fill_shape,
    lambda args, given, out, upstream: (call(SUM, upstream, **_said(given)),),
    compute=_fill,
    element=_fill_element,
    attributes=("by", "shape"),
)


def _said(given: Attributes) -> dict[str, str]:
    """`by` as it was said, if it was."""
    return {"by": _by(given)} if _by(given) else {}


def spread(x: Expr, like: Expr, given: Attributes) -> Expr:
    """Each number of x over its lane of an array."""
    shape = shape_of(like)
    return call(FILL, x, shape=shape, **_said(given)) if shape else x


def _count(x: Expr, given: Attributes) -> Number:
    """How many numbers a lane has."""
    return number(len(lanes(shape_of(x), _by(given))[0]))


def _mean_of(arithmetic: Arithmetic[N], lane: Sequence[N]) -> N:
    return arithmetic.divide(total(arithmetic, lane), arithmetic.literal(Decimal(len(lane))))


def _mean_entries(entries: list[Expr]) -> Expr:
    return Quotient(add(*entries), number(len(entries)))


SUM: Operation = _reduction(
    "sum",
    BigOperatorNotation("∑", "by"),
    total,
    lambda entries: add(*entries),
    lambda x, given, out, upstream: spread(upstream, x, given),
)
MEAN: Operation = _reduction(
    "mean",
    SubscriptedNotation("mean", "by"),
    _mean_of,
    _mean_entries,
    lambda x, given, out, upstream: spread(Quotient(upstream, _count(x, given)), x, given),
)


# Spread and size.


def _variance_of(arithmetic: Arithmetic[N], lane: Sequence[N]) -> N:
    minus = arithmetic.multiply(arithmetic.literal(Decimal(-1)), _mean_of(arithmetic, lane))
    apart = [arithmetic.add(x, minus) for x in lane]
    return _mean_of(arithmetic, [arithmetic.multiply(d, d) for d in apart])


def _variance_entries(entries: list[Expr]) -> Expr:
    two, mean = number(2), _mean_entries(entries)
    if len(entries) <= MOST_SQUARES:
        return _mean_entries([Power(subtract(x, mean), two) for x in entries])
    return subtract(_mean_entries([Power(x, two) for x in entries]), Power(mean, two))


def _apart(x: Expr, given: Attributes) -> Expr:
    """Each number less the mean of its lane."""
    return subtract(x, spread(call(MEAN, x, **_said(given)), x, given))


def _times(a: Expr, b: Expr) -> Expr:
    return call(HADAMARD, a, b) if shape_of(a) and shape_of(b) else multiply(a, b)


def _norm_of(arithmetic: Arithmetic[N], lane: Sequence[N]) -> N:
    return arithmetic.function("sqrt", total(arithmetic, (arithmetic.multiply(x, x) for x in lane)))


def _std_of(arithmetic: Arithmetic[N], lane: Sequence[N]) -> N:
    return arithmetic.function("sqrt", _variance_of(arithmetic, lane))


def _over(above: Expr, root: Expr) -> Expr:
    """Over a root, which has its kink at 0; there 0 is taken."""
    return Quotient(above, root, chosen=True)


def _is_nought(of_lane: OfLane) -> Sides:
    """0 for each lane whose number is 0, else 1."""

    def sides(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> tuple[int, ...]:
        (x,), nought = args, arithmetic.literal(Decimal(0))
        found = (of_lane(arithmetic, [x.flat[p] for p in lane]) for lane in lanes(x.shape, _by(given)))
        return tuple(abs(arithmetic.compare(number_, nought)) for number_ in found)

    return sides


def _in_lane(slope: Callable[[Expr, list[Expr], Expr], Expr]) -> EntrySlope:
    """∂number of a lane/∂entry of it, from the entry, its lane and the number; 0 for an entry of another lane."""

    def of_entries(x: Expr, given: Attributes, out: Expr, index: Shape, wrt: Shape) -> Expr:
        shape, by = shape_of(x), _by(given)
        place = flat_index(shape, wrt)
        lane = lane_numbers(shape, by)[place]
        if lane != flat_index(shape_of(out), index):
            return ZERO
        entries = entries_at(x, lanes(shape, by)[lane])
        return slope(entry_at(x, place), entries, entry(out, *map(number, index)) if index else out)

    return of_entries


def _less_mean(x: Expr, lane: list[Expr]) -> Expr:
    return subtract(x, _mean_entries(lane))


VARIANCE: Operation = _reduction(
    "variance",
    SubscriptedNotation("var", "by"),
    _variance_of,
    _variance_entries,
    lambda x, given, out, upstream: Quotient(
        _times(spread(multiply(number(2), upstream), x, given), _apart(x, given)), _count(x, given)
    ),
    source="biased: the squares are divided by n",
    slope=_in_lane(lambda x, lane, out: Quotient(multiply(number(2), _less_mean(x, lane)), number(len(lane)))),
)
STD: Operation = _reduction(
    "std",
    SubscriptedNotation("std", "by"),
    _std_of,
    lambda entries: call(ROOT, _variance_entries(entries)),
    lambda x, given, out, upstream: Quotient(
        _times(spread(_over(upstream, out), x, given), _apart(x, given)), _count(x, given)
    ),
    source="the root of the biased variance; its derivative at 0 is set to 0",
    slope=_in_lane(lambda x, lane, out: _over(_less_mean(x, lane), multiply(number(len(lane)), out))),
    sides=_is_nought(_std_of),
)
NORM: Operation = _reduction(
    "norm",
    FencesNotation("‖", "‖", attribute="by"),
    _norm_of,
    lambda entries: call(ROOT, add(*(Power(x, number(2)) for x in entries))),
    lambda x, given, out, upstream: _times(spread(_over(upstream, out), x, given), x),
    source="Euclidean; its derivative at 0 is set to 0",
    slope=_in_lane(lambda x, lane, out: _over(x, out)),
    sides=_is_nought(_norm_of),
)


# The largest and the smallest, and what goes back to them. The same three rows serve pooling.

PlacesOf = Callable[[Shape, Attributes], Places]


@lru_cache(maxsize=256)
def _users(places: Places, count: int) -> Places:
    return inverted(places, count)


def _is_taken(entries: list[Expr], at: int, row: Operation) -> tuple[Expr, ...]:
    """Factors that are 1 where this one of the entries is taken."""
    pulled = row.pullbacks(tuple(entries), {}, ZERO, ONE)[at]
    return () if pulled is None or pulled == ONE else (pulled,)


def extreme_rows(
    name: str,
    notation: Notation,
    way_back: FunctionNotation | SubscriptedNotation,
    row: Operation,
    shape: Callable[[tuple[Shape, ...], Attributes], Shape],
    places: PlacesOf,
    options: dict[str, Option],
) -> tuple[Operation, Operation, Operation]:
    """The largest (or smallest) of some entries each, the gradient's way back to those taken, and its adjoint."""
    pick = 1 if row is MAX else -1

    def chosen(arithmetic: Arithmetic[N], x: Tensor[N], given: Attributes) -> list[int]:
        return [p[taken(arithmetic, [x.flat[i] for i in p], pick)] for p in places(x.shape, given)]

    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        (x,) = args
        return Tensor(shape((x.shape,), given), tuple(x.flat[p] for p in chosen(arithmetic, x, given)))

    def element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
        own = shape_of(args[0])
        found = entries_at(args[0], places(own, given)[place_of(shape((own,), given), index)])
        return call(row, *found) if len(found) > 1 else found[0]

    def sides(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> tuple[int, ...]:
        (x,) = args
        return tuple(taken_side(arithmetic, [x.flat[i] for i in p], pick) for p in places(x.shape, given))

    def back(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        upstream, x = args
        flat = [arithmetic.literal(Decimal(0))] * size(x.shape)
        for place, g in zip(chosen(arithmetic, x, given), upstream.flat, strict=True):
            flat[place] = arithmetic.add(flat[place], g)
        return Tensor(x.shape, tuple(flat))

    def back_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
        upstream, x = args
        own = shape_of(x)
        here, windows = place_of(own, index), places(own, given)
        terms: list[Expr] = []
        for user in _users(windows, size(own))[here]:
            among = entries_at(x, windows[user])
            terms.append(multiply(entry_at(upstream, user), *_is_taken(among, windows[user].index(here), row)))
        return add(*terms) if terms else ZERO

    def picked(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        g, x = args
        return Tensor(shape((x.shape,), given), tuple(g.flat[p] for p in chosen(arithmetic, x, given)))

    def picked_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
        g, x = args
        own = shape_of(x)
        window = places(own, given)[place_of(shape((own,), given), index)]
        among = entries_at(x, window)
        return add(*(multiply(entry_at(g, p), *_is_taken(among, i, row)) for i, p in enumerate(window)))

    back_row: Operation = Operation(
        f"{name}_back",
        way_back,
        (2, 2),
        lambda shapes, given: shapes[1],
        lambda args, given, out, upstream: (call(pick_row, upstream, args[1], **given), None),
        compute=back,
        element=back_element,
        attributes=tuple(options),
    )
    pick_row: Operation = Operation(
        f"{name}_pick",
        replace(way_back, name=f"{way_back.name}pick"),
        (2, 2),
        lambda shapes, given: shape(shapes[1:], given),
        lambda args, given, out, upstream: (call(back_row, upstream, args[1], **given), None),
        compute=picked,
        element=picked_element,
        attributes=tuple(options),
    )
    forward: Operation = Operation(
        name,
        notation,
        (1, 1),
        shape,
        lambda args, given, out, upstream: (call(back_row, upstream, args[0], **given),),
        compute=compute,
        element=element,
        sides=sides,
        attributes=tuple(options),
        options=options,
    )
    return forward, back_row, pick_row


def _extreme_lanes(name: str, row: Operation) -> tuple[Operation, Operation, Operation]:
    return extreme_rows(
        f"{name}_of",
        SubscriptedNotation(name, "by"),
        SubscriptedNotation(f"un{name}", "by"),
        row,
        lambda shapes, given: lane_shape(shapes[0], _by(given)),
        lambda shape, given: lanes(shape, _by(given)),
        {"by": BY},
    )


MAX_OF, MAX_OF_BACK, MAX_OF_PICK = _extreme_lanes("max", MAX)
MIN_OF, MIN_OF_BACK, MIN_OF_PICK = _extreme_lanes("min", MIN)


# Softmax and its like. `base` b takes powers of b for those of e.


def _base(given: Attributes) -> Number | None:
    base = given.get("base")
    return Number(base) if isinstance(base, Decimal) else None


def _power_of(x: Expr, base: Number | None) -> Expr:
    return call(EXP, x) if base is None else call(POWER, base, x)


def _by_base(expr: Expr, base: Number | None) -> Expr:
    return expr if base is None else multiply(call(LN, base), expr)


def _exponents(arithmetic: Arithmetic[N], lane: Sequence[N], given: Attributes) -> tuple[list[N], N]:
    """The exponents of e, each less the largest, and the largest."""
    base = _base(given)
    if base is not None:
        log = arithmetic.function("ln", arithmetic.literal(base.value))
        lane = [arithmetic.multiply(log, x) for x in lane]
    largest = lane[taken(arithmetic, lane, 1)]
    down = arithmetic.multiply(arithmetic.literal(Decimal(-1)), largest)
    return [arithmetic.add(x, down) for x in lane], largest


def _softmax_of(arithmetic: Arithmetic[N], lane: Sequence[N], given: Attributes) -> list[N]:
    powers = [arithmetic.function("exp", x) for x in _exponents(arithmetic, lane, given)[0]]
    whole = total(arithmetic, powers)
    return [arithmetic.divide(p, whole) for p in powers]


def _log_softmax_of(arithmetic: Arithmetic[N], lane: Sequence[N], given: Attributes) -> list[N]:
    exponents, _ = _exponents(arithmetic, lane, given)
    log = arithmetic.function("ln", total(arithmetic, (arithmetic.function("exp", x) for x in exponents)))
    down = arithmetic.multiply(arithmetic.literal(Decimal(-1)), log)
    return [arithmetic.add(x, down) for x in exponents]


def _logsumexp_of(arithmetic: Arithmetic[N], lane: Sequence[N]) -> N:
    exponents, largest = _exponents(arithmetic, lane, {})
    powers = total(arithmetic, (arithmetic.function("exp", x) for x in exponents))
    return arithmetic.add(largest, arithmetic.function("ln", powers))


class OfLanes(Protocol):
    """The numbers of a lane anew."""

    def __call__(self, arithmetic: Arithmetic[N], lane: Sequence[N], given: Attributes, /) -> list[N]: ...


def _lane_by_lane(of_lane: OfLanes) -> Compute:
    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        (x,) = args
        flat = list(x.flat)
        for lane in lanes(x.shape, _by(given)):
            for place, value in zip(lane, of_lane(arithmetic, [x.flat[p] for p in lane], given), strict=True):
                flat[place] = value
        return Tensor(x.shape, tuple(flat))

    return compute


def _softmax_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    if not shapes[0]:
        raise ShapeMistake("softmax takes a vector, or a matrix by its rows or columns, not a number", (0,))
    lane_shape(shapes[0], _by(given))
    return shapes[0]


def _own_lane(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> tuple[Expr, list[Expr]]:
    """An entry, and all entries of its lane."""
    (x,) = args
    shape, by = shape_of(x), _by(given)
    place = place_of(shape, index)
    return entry_at(x, place), entries_at(x, lanes(shape, by)[lane_numbers(shape, by)[place]])


def _softmax_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    own, lane = _own_lane(args, given, index)
    base = _base(given)
    return Quotient(_power_of(own, base), add(*(_power_of(x, base) for x in lane)))


def _log_softmax_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    own, lane = _own_lane(args, given, index)
    base = _base(given)
    return subtract(_by_base(own, base), call(LN, add(*(_power_of(x, base) for x in lane))))


def _lane_totals(x: Expr, given: Attributes) -> Expr:
    return call(SUM, x, **_said(given))


def _scaled(x: Expr, totals: Expr, given: Attributes) -> Expr:
    """Each lane of x times its number."""
    return _times(spread(totals, x, given), x) if _by(given) else Product((totals, x))


def _softmax_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    weighted = _times(upstream, out)
    found = subtract(weighted, _scaled(out, _lane_totals(weighted, given), given))
    return (_by_base(found, _base(given)),)


def _log_softmax_pullbacks(
    args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr
) -> tuple[Expr | None, ...]:
    shares = call(EXP, out)
    found = subtract(upstream, _scaled(shares, _lane_totals(upstream, given), given))
    return (_by_base(found, _base(given)),)


def _of_one_lane(out: Expr, given: Attributes, index: Shape, wrt: Shape) -> bool:
    numbers, shape = lane_numbers(shape_of(out), _by(given)), shape_of(out)
    return numbers[flat_index(shape, index)] == numbers[flat_index(shape, wrt)]


def _softmax_slope(x: Expr, given: Attributes, out: Expr, index: Shape, wrt: Shape) -> Expr:
    """pᵢ(1 − pᵢ), and −pᵢpⱼ."""
    if not _of_one_lane(out, given, index, wrt):
        return ZERO
    own, other = (entry(out, *map(number, i)) for i in (index, wrt))
    found = multiply(own, subtract(ONE, own)) if index == wrt else negate(multiply(own, other))
    return _by_base(found, _base(given))


def _log_softmax_slope(x: Expr, given: Attributes, out: Expr, index: Shape, wrt: Shape) -> Expr:
    """1 − e^lᵢ, and −e^lⱼ."""
    if not _of_one_lane(out, given, index, wrt):
        return ZERO
    share = call(EXP, entry(out, *map(number, wrt)))
    return _by_base(subtract(ONE, share) if index == wrt else negate(share), _base(given))


SOFTMAX: Operation = Operation(
    "softmax",
    SubscriptedNotation("softmax", "by", settings("base")),
    (1, 1),
    _softmax_shape,
    _softmax_pullbacks,
    compute=_lane_by_lane(_softmax_of),
    element=_softmax_element,
    attributes=("by", "base"),
    source="Bridle 1990",
    options={"by": BY, "base": Option("number"), "temperature": Option("number")},
    entry_slope=_softmax_slope,
)
LOG_SOFTMAX: Operation = Operation(
    "log_softmax",
    SubscriptedNotation("logsoftmax", "by", settings("base")),
    (1, 1),
    _softmax_shape,
    _log_softmax_pullbacks,
    compute=_lane_by_lane(_log_softmax_of),
    element=_log_softmax_element,
    attributes=("by", "base"),
    options={"by": BY, "base": Option("number"), "temperature": Option("number")},
    entry_slope=_log_softmax_slope,
)
LOGSUMEXP: Operation = _reduction(
    "logsumexp",
    SubscriptedNotation("logsumexp", "by"),
    _logsumexp_of,
    lambda entries: call(LN, add(*(call(EXP, x) for x in entries))),
    lambda x, given, out, upstream: _times(spread(upstream, x, given), call(EXP, subtract(x, spread(out, x, given)))),
    slope=_in_lane(lambda x, lane, out: call(EXP, subtract(x, out))),
)
