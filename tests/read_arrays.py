"""Numbers and arrays as they are read from a page, and the functions on arrays that pages print; uses nothing of graphdsl."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath

Exact = Fraction
Value = Any
"""A Fraction, read exactly, an mpmath number of 60 digits, which has no types, an Arr of them, or Lanes."""
Shape = tuple[int, ...]


class NotRead(Exception):
    """The text is no formula, or one that this parser does not know."""


@dataclass(frozen=True)
class Arr:
    """A vector (n,), which stands in a column, a matrix (m, n), row by row, or an array of more axes."""

    shape: Shape
    flat: tuple[Value, ...]

    def __neg__(self) -> Arr:
        return Arr(self.shape, tuple(-x for x in self.flat))

    @property
    def rows(self) -> list[tuple[Value, ...]]:
        """As a matrix: a vector has one column."""
        columns = self.shape[1] if len(self.shape) > 1 else 1
        return [self.flat[i : i + columns] for i in range(0, len(self.flat), columns)]

    @property
    def transposed(self) -> Arr:
        rows = self.rows
        return Arr((len(rows[0]), len(rows)), tuple(row[j] for j in range(len(rows[0])) for row in rows))


@dataclass(frozen=True)
class Lanes:
    """A number for each row, column or channel of an array whose shape is that of what it meets."""

    by: str
    each: tuple[Value, ...]

    def __neg__(self) -> Lanes:
        return Lanes(self.by, tuple(-x for x in self.each))

    def over(self, shape: Shape) -> Arr:
        numbers = lane_numbers(shape, self.by)
        if max(numbers) + 1 != len(self.each):
            raise NotRead
        return Arr(shape, tuple(self.each[i] for i in numbers))


def real(x: Value) -> mpmath.mpf:
    if isinstance(x, mpmath.mpc):
        raise NotRead
    return mpmath.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else x


def plus(a: Value, b: Value) -> Value:
    return a + b if isinstance(a, Fraction) and isinstance(b, Fraction) else real(a) + real(b)


def times(a: Value, b: Value) -> Value:
    return a * b if isinstance(a, Fraction) and isinstance(b, Fraction) else real(a) * real(b)


def over(a: Value, b: Value) -> Value:
    if b == 0:
        raise NotRead
    return a / b if isinstance(a, Fraction) and isinstance(b, Fraction) else real(a) / real(b)


def total(numbers: Sequence[Value]) -> Value:
    found: Value = Exact(0)
    for x in numbers:
        found = plus(found, x)
    return found


def root(x: Value) -> Value:
    if isinstance(x, Fraction) and x >= 0:
        above, below = math.isqrt(x.numerator), math.isqrt(x.denominator)
        if above**2 == x.numerator and below**2 == x.denominator:
            return Fraction(above, below)
    return mpmath.sqrt(real(x))


def exp(x: Value) -> Value:
    if x == 0:
        return Exact(1)
    if abs(real(x)) > 10**6:
        raise NotRead  # e to such a power is no number of a page, and takes for ever
    return mpmath.exp(real(x))


def ln(x: Value) -> Value:
    return Exact(0) if x == 1 else mpmath.log(real(x))


def each(function: Callable[..., Value], *values: Value) -> Value:
    """A function of numbers, entry by entry; a number goes with every entry, a vector with every row."""
    arrays = [v for v in values if isinstance(v, Arr)]
    lanes = next((v for v in values if isinstance(v, Lanes)), None)
    if any(len(a.shape) == 1 for a in arrays):  # a column is a vector that is written out
        values = tuple(Arr(v.shape[:1], v.flat) if isinstance(v, Arr) and v.shape[1:] == (1,) else v for v in values)
        arrays = [v for v in values if isinstance(v, Arr)]
    if arrays:
        largest = max(arrays, key=lambda a: len(a.flat))
        if any(len(largest.flat) % len(a.flat) or (len(a.shape) > 1 and a.shape != largest.shape) for a in arrays):
            raise NotRead
        return Arr(largest.shape, _entrywise(function, values, largest.shape))
    if lanes is None:
        return function(*values)
    if any(isinstance(v, Lanes) and (v.by, len(v.each)) != (lanes.by, len(lanes.each)) for v in values):
        raise NotRead
    return Lanes(lanes.by, _entrywise(function, values, (len(lanes.each),)))


def _entrywise(function: Callable[..., Value], values: Sequence[Value], shape: Shape) -> tuple[Value, ...]:
    return tuple(function(*entries) for entries in zip(*(_spread(v, shape) for v in values), strict=True))


def _spread(value: Value, shape: Shape) -> tuple[Value, ...]:
    count = math.prod(shape)
    match value:
        case Arr():
            return value.flat * (count // len(value.flat))
        case Lanes():
            return value.each if len(shape) == 1 and value.by else value.over(shape).flat
        case _:
            return (value,) * count


def matrix_product(a: Arr, b: Arr) -> Arr:
    """Rows times columns; a vector before a matrix that has as many rows is one."""
    left, right = a.rows, b.rows
    turned = len(left[0]) != len(right)
    if turned:
        left = a.transposed.rows
    if len(left[0]) != len(right) or (turned and len(a.shape) > 1):
        raise NotRead
    columns = list(zip(*right, strict=True))
    flat = tuple(total([times(x, y) for x, y in zip(row, column, strict=True)]) for row in left for column in columns)
    shape: Shape = (len(left), len(columns))
    if len(b.shape) == 1:
        shape = shape[:1]
    return Arr(shape[1:] if turned else shape, flat)


# Lanes: the rows of a matrix, its columns, the channels of an array, or all of it.


def indices(shape: Shape) -> Iterator[Shape]:
    return itertools.product(*map(range, shape))


def lane_numbers(shape: Shape, by: str) -> list[int]:
    """For each entry the number of its lane."""
    axes = {"": None, "row": 0, "column": 1, "channel": 0}
    if by not in axes or (by and len(shape) != (3 if by == "channel" else 2)):
        raise NotRead
    axis = axes[by]
    return [0 if axis is None else index[axis] for index in indices(shape)]


def lanes_of(x: Arr, by: str) -> list[list[Value]]:
    numbers = lane_numbers(x.shape, by)
    found: list[list[Value]] = [[] for _ in range(max(numbers) + 1)]
    for lane, entry in zip(numbers, x.flat, strict=True):
        found[lane].append(entry)
    return found


Settings = Mapping[str, str]
"""What stands behind the arguments of a function, as "stride 2": its words by their first."""

OfArray = Callable[[tuple[Value, ...], str, Settings], Value]
"""(arguments, subscript, settings) -> value."""


def _reduces(function: Callable[[list[Value]], Value]) -> OfArray:
    """A number of many: of all entries, or of each lane."""

    def of(arguments: tuple[Value, ...], by: str, settings: Settings) -> Value:
        (x,) = arguments
        if not isinstance(x, Arr):
            x = Arr((1,), (x,))
        found = [function(lane) for lane in lanes_of(x, by)]
        return Arr((len(found),), tuple(found)) if by else found[0]

    return of


def _lane_by_lane(function: Callable[[list[Value]], list[Value]]) -> OfArray:
    """As many numbers as there are entries, lane by lane; `base` b takes powers of b for those of e."""

    def of(arguments: tuple[Value, ...], by: str, settings: Settings) -> Value:
        (x,) = arguments
        if not isinstance(x, Arr):
            raise NotRead
        scale = ln(Exact(settings["base"])) if "base" in settings else Exact(1)
        found = [iter(function([times(scale, entry) for entry in lane])) for lane in lanes_of(x, by)]
        return Arr(x.shape, tuple(next(found[lane]) for lane in lane_numbers(x.shape, by)))

    return of


def _mean(lane: list[Value]) -> Value:
    return over(total(lane), Exact(len(lane)))


def _variance(lane: list[Value]) -> Value:
    """Of the numbers as they are, not of what they are a sample of."""
    mean = _mean(lane)
    return _mean([times(plus(x, -mean), plus(x, -mean)) for x in lane])


def _softmax(lane: list[Value]) -> list[Value]:
    powers = [exp(x) for x in lane]
    whole = total(powers)
    return [over(p, whole) for p in powers]


def _logsumexp(lane: list[Value]) -> Value:
    return ln(total([exp(x) for x in lane]))


def norm(lane: list[Value]) -> Value:
    return root(total([times(x, x) for x in lane]))


def summed(x: Value, by: str) -> Value:
    return _reduces(total)((x,), by, {})


def normed(x: Value, by: str) -> Value:
    return _reduces(norm)((x,), by, {})


# What moves entries, and puts zeros around them.


def _places(text: str, extent: int) -> list[int]:
    """2, or 2..4, or [3,1], counted from 1, as places from 0; a colon is all of them."""
    if text in ("", ":"):
        return list(range(extent))
    if text.startswith("["):
        return [int(i) - 1 for i in text.strip("[]").split(",")]
    first, _, last = text.partition("..")
    return list(range(int(first) - 1, int(last or first)))


def _placed(arguments: tuple[Value, ...], at: str, settings: Settings) -> Value:
    """What an argument becomes where it is put into zeros."""
    (x,), shape = arguments, size_of(settings["in"])
    axes = [_places(part, extent) for part, extent in itertools.zip_longest(_axes_of(at), shape, fillvalue="")]
    flat = [Exact(0)] * math.prod(shape)
    entries = x.flat if isinstance(x, Arr) else (x,)
    for index, entry in zip(itertools.product(*axes), entries, strict=True):
        place = flat_place(shape, index)
        flat[place] = plus(flat[place], entry)
    return Arr(shape, tuple(flat))


def _axes_of(at: str) -> list[str]:
    """[3,1],2 as its axes."""
    found, depth = [""], 0
    for c in at:
        depth += (c == "[") - (c == "]")
        if c == "," and not depth:
            found.append("")
        else:
            found[-1] += c
    return found


def size_of(text: str) -> Shape:
    return tuple(int(extent) for extent in text.split("×"))


def flat_place(shape: Shape, index: Sequence[int]) -> int:
    place = 0
    for extent, i in zip(shape, index, strict=True):
        place = place * extent + i
    return place


def _filled(arguments: tuple[Value, ...], by: str, settings: Settings) -> Value:
    (x,) = arguments
    if isinstance(x, Arr):
        return Lanes(by, x.flat) if by else x
    return Lanes("", (x,))


def _stacked(arguments: tuple[Value, ...], by: str, settings: Settings) -> Value:
    shape = arguments[0].shape if isinstance(arguments[0], Arr) else ()
    flat = tuple(x for a in arguments for x in (a.flat if isinstance(a, Arr) else (a,)))
    return Arr((len(arguments), *shape), flat)


def _reshaped(arguments: tuple[Value, ...], to: str, settings: Settings) -> Value:
    (x,) = arguments
    return Arr(size_of(to), x.flat if isinstance(x, Arr) else (x,))


def _bordered(x: Arr, border: int) -> Arr:
    """Zeros around the last two axes, or fewer; a negative border takes entries away."""
    axes = min(len(x.shape), 2)
    shape = (*x.shape[:-axes], *(extent + 2 * border for extent in x.shape[-axes:]))
    flat = []
    for index in indices(shape):
        own = (*index[:-axes], *(i - border for i in index[-axes:]))
        inside = all(0 <= i < extent for i, extent in zip(own, x.shape, strict=True))
        flat.append(x.flat[flat_place(x.shape, own)] if inside else Exact(0))
    return Arr(shape, tuple(flat))


# Filters and windows.


@dataclass(frozen=True)
class Laid:
    """How filters are laid over an image, of so many places."""

    strides: Shape
    paddings: Shape
    flipped: bool


def _laid(settings: Settings, places: int) -> Laid:
    def axes(name: str, default: str) -> Shape:
        sizes = size_of(settings.get(name, default))
        return sizes * places if len(sizes) == 1 else sizes

    return Laid(axes("stride", "1"), axes("padding", "0"), "flipped" in settings)


Product = tuple[int, int, int]
"""Places of an entry of the result, of the image and of the filters."""


def _products(result: Shape, image: Shape, filters: Shape, laid: Laid) -> Iterator[Product]:
    """[f, …], [c, …] and [f, c, …], every axis there: which entries are multiplied for which."""
    for at in indices(result):
        for channel, *offset in indices(filters[1:]):
            own = [s * i - p + o for s, i, p, o in zip(laid.strides, at[1:], laid.paddings, offset, strict=True)]
            if not all(0 <= i < extent for i, extent in zip(own, image[1:], strict=True)):
                continue
            tap = [e - 1 - o for e, o in zip(filters[2:], offset, strict=True)] if laid.flipped else offset
            yield (
                flat_place(result, at),
                flat_place(image, (channel, *own)),
                flat_place(filters, (at[0], channel, *tap)),
            )


def _with_axes(x: Value, count: int, places: int) -> Arr:
    """An array with axes of one put before those of its places."""
    if not isinstance(x, Arr):
        x = Arr((1,), (x,))
    shape = x.shape if len(x.shape) >= places else (*x.shape, *(1,) * (places - len(x.shape)))
    return Arr((*(1,) * (count - len(shape)), *shape), x.flat)


def _bilinear(places: int, wanted: int) -> OfArray:
    """The result (0) of image and filters, the image (1) of result and filters, or the filters (2) of result and image."""

    def of(arguments: tuple[Value, ...], _: str, settings: Settings) -> Value:
        laid, (a, b) = _laid(settings, places), arguments
        shapes = _shapes(a, b, laid, settings)
        flat = [Exact(0)] * math.prod(shapes[wanted])
        first, second = (i for i in range(3) if i != wanted)
        for triple in _products(*shapes, laid):
            product = times(a.flat[triple[first]], b.flat[triple[second]])
            flat[triple[wanted]] = plus(flat[triple[wanted]], product)
        return _without_ones(Arr(shapes[wanted], tuple(flat)), arguments, places)

    def _shapes(a: Arr, b: Arr, laid: Laid, settings: Settings) -> tuple[Shape, Shape, Shape]:
        axes = range(places)
        said = size_of(settings["to"])[-places:] if "to" in settings else None
        if wanted == 0:
            image, filters = (*_with_axes(a, places + 1, places).shape,), _with_axes(b, places + 2, places).shape
            ends = tuple((image[1 + i] + 2 * laid.paddings[i] - filters[2 + i]) // laid.strides[i] + 1 for i in axes)
            return (filters[0], *ends), image, filters
        result = _with_axes(a, places + 1, places).shape
        if wanted == 1:
            filters = _with_axes(b, places + 2, places).shape
            ends = said or tuple(
                (result[1 + i] - 1) * laid.strides[i] + filters[2 + i] - 2 * laid.paddings[i] for i in axes
            )
            return result, (filters[1], *ends), filters
        image = _with_axes(b, places + 1, places).shape
        ends = said or tuple(image[1 + i] + 2 * laid.paddings[i] - (result[1 + i] - 1) * laid.strides[i] for i in axes)
        return result, image, (result[0], image[0], *ends)

    return of


def _without_ones(x: Arr, arguments: tuple[Arr, ...], places: int) -> Arr:
    """Without the axes of one that no argument has."""
    shape = x.shape
    while len(shape) > places and shape[0] == 1 and all(len(a.shape) <= places + 1 for a in arguments):
        shape = shape[1:]
    return Arr(shape, x.flat)


def _windows(shape: Shape, settings: Settings) -> list[list[int]]:
    """The places that each window looks at; of the last two axes, or of one."""
    axes = min(len(shape), 2)
    size = int(settings["size"])
    stride, padding = int(settings.get("stride", size)), int(settings.get("padding", 0))
    counts = [(extent + 2 * padding - size) // stride + 1 for extent in shape[-axes:]]
    found = []
    for index in indices((*shape[:-axes], *counts)):
        runs = [[i] for i in index[:-axes]] + [
            [at for at in range(i * stride - padding, i * stride - padding + size) if 0 <= at < extent]
            for i, extent in zip(index[-axes:], shape[-axes:], strict=True)
        ]
        found.append([flat_place(shape, own) for own in itertools.product(*runs)])
    return found


def _pooled_shape(shape: Shape, settings: Settings) -> Shape:
    axes, size = min(len(shape), 2), int(settings["size"])
    stride, padding = int(settings.get("stride", size)), int(settings.get("padding", 0))
    return (*shape[:-axes], *((extent + 2 * padding - size) // stride + 1 for extent in shape[-axes:]))


def _max_pool(arguments: tuple[Value, ...], _: str, settings: Settings) -> Value:
    (x,) = arguments
    flat = tuple(max((x.flat[i] for i in window), key=real) for window in _windows(x.shape, settings))
    return Arr(_pooled_shape(x.shape, settings), flat)


def _avg_pool(arguments: tuple[Value, ...], _: str, settings: Settings) -> Value:
    """A border counts as zeros."""
    (x,) = arguments
    count = Exact(int(settings["size"]) ** min(len(x.shape), 2))
    flat = tuple(over(total([x.flat[i] for i in window]), count) for window in _windows(x.shape, settings))
    return Arr(_pooled_shape(x.shape, settings), flat)


def _first_largest(x: Arr, window: list[int]) -> int:
    return max(window, key=lambda i: (real(x.flat[i]), -i))


def _largest_places(x: Arr, _: str, settings: Settings) -> list[int]:
    return [_first_largest(x, window) for window in _windows(x.shape, settings)]


def _unpool(arguments: tuple[Value, ...], _: str, settings: Settings) -> Value:
    """Each number at the place of the first largest entry of its window."""
    upstream, x = arguments
    return _brought_back(upstream, x, [[place] for place in _largest_places(x, "", settings)], Exact(1))


def _picked(chosen: Callable[[Arr, str, Settings], list[int]]) -> OfArray:
    """Of a first array the entries in the places that are chosen by a second one."""

    def of(arguments: tuple[Value, ...], by: str, settings: Settings) -> Value:
        g, x = arguments
        found = tuple(g.flat[place] for place in chosen(x, by, settings))
        return Arr((len(found),), found) if by or settings else found[0]

    return of


def _avg_unpool(arguments: tuple[Value, ...], _: str, settings: Settings) -> Value:
    """An equal share for each entry of a window."""
    (upstream,) = arguments
    size = int(settings["size"])
    stride, padding = int(settings.get("stride", size)), int(settings.get("padding", 0))
    axes = min(len(upstream.shape), 2)
    ends = ((count - 1) * stride + size - 2 * padding for count in upstream.shape[-axes:])
    shape = size_of(settings["to"]) if "to" in settings else (*upstream.shape[:-axes], *ends)
    return _brought_back(upstream, Arr(shape, ()), _windows(shape, settings), Exact(size**axes))


def _brought_back(upstream: Value, x: Arr, windows: list[list[int]], count: Value) -> Arr:
    flat = [Exact(0)] * math.prod(x.shape)
    numbers = upstream.flat if isinstance(upstream, Arr) else (upstream,)
    for number, window in zip(numbers, windows, strict=True):
        for place in window:
            flat[place] = plus(flat[place], over(number, count))
    return Arr(x.shape, tuple(flat))


def _extreme_places(sign: int) -> Callable[[Arr, str, Settings], list[int]]:
    """The place of the first largest, or smallest, entry of each lane."""

    def places(x: Arr, by: str, settings: Settings) -> list[int]:
        numbers = lane_numbers(x.shape, by)
        lanes = [[i for i, lane in enumerate(numbers) if lane == own] for own in range(max(numbers) + 1)]
        return [_first_largest(x if sign == 1 else -x, lane) for lane in lanes]

    return places


def _un_extreme(sign: int) -> OfArray:
    """Each number at the place of the first largest, or smallest, entry of its lane."""

    def of(arguments: tuple[Value, ...], by: str, settings: Settings) -> Value:
        upstream, x = arguments
        return _brought_back(upstream, x, [[place] for place in _extreme_places(sign)(x, by, settings)], Exact(1))

    return of


ARRAY_FUNCTIONS: dict[str, OfArray] = {
    "mean": _reduces(_mean),
    "var": _reduces(_variance),
    "std": _reduces(lambda lane: root(_variance(lane))),
    "max": _reduces(lambda lane: max(lane, key=real)),
    "min": _reduces(lambda lane: min(lane, key=real)),
    "logsumexp": _reduces(_logsumexp),
    "softmax": _lane_by_lane(_softmax),
    "logsoftmax": _lane_by_lane(lambda lane: [plus(x, -_logsumexp(lane)) for x in lane]),
    "vec": lambda arguments, _, settings: Arr((len(arguments[0].flat),), arguments[0].flat),
    "reshape": _reshaped,
    "stack": _stacked,
    "pad": lambda arguments, border, settings: _bordered(arguments[0], int(border)),
    "crop": lambda arguments, border, settings: _bordered(arguments[0], -int(border)),
    "place": _placed,
    "fill": _filled,
    **{f"conv{n}d": _bilinear(n, 0) for n in (1, 2)},
    **{f"convtranspose{n}d": _bilinear(n, 1) for n in (1, 2)},
    **{f"convfilters{n}d": _bilinear(n, 2) for n in (1, 2)},
    "maxpool": _max_pool,
    "avgpool": _avg_pool,
    "unpool": _unpool,
    "avgunpool": _avg_unpool,
    "unpoolpick": _picked(_largest_places),
    "unmax": _un_extreme(1),
    "unmin": _un_extreme(-1),
    "unmaxpick": _picked(_extreme_places(1)),
    "unminpick": _picked(_extreme_places(-1)),
}
