"""The rows on vectors and matrices: products, and parts taken out, put together or put elsewhere; indices count from 1."""

from __future__ import annotations

import itertools
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from graphdsl.derive.shape import shape_of, spoken
from graphdsl.expr import (
    ZERO,
    Attribute,
    Attributes,
    Expr,
    FencesNotation,
    FunctionNotation,
    IndexedSum,
    InfixNotation,
    Operation,
    Product,
    ShapeMistake,
    SubscriptedNotation,
    SuperscriptNotation,
    multiply,
    number,
)
from graphdsl.numbers import Arithmetic, Shape, Tensor, flat_index, indices, size
from graphdsl.ops.rows import (
    PRODUCT_PRECEDENCE,
    Places,
    as_int,
    bound,
    call,
    entry,
    entry_at,
    int_attribute,
    inverted,
    place_of,
    shape_attribute,
    sum_at,
    times,
    tuple_attribute,
)

N = TypeVar("N")


# Products.


def _matmul_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    a, b = shapes
    if len(a) > 2 or len(b) > 2:
        place = 0 if len(a) > 2 else 1
        raise ShapeMistake(f"`@` multiplies matrices and vectors, not {spoken(shapes[place])}", (place,))
    if not a or not b:
        raise ShapeMistake("`@` multiplies matrices and vectors, not numbers", (0,) if not a else (1,), "use `*`")
    if a[-1] != b[0]:
        raise ShapeMistake(f"cannot multiply {spoken(a)} by {spoken(b)}: {a[-1]} columns meet {b[0]} rows", (0, 1))
    return a[:-1] + b[1:]


def _matmul(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    a, b = args
    inner = a.shape[-1]
    columns = size(b.shape[1:])
    rows = [a.flat[i : i + inner] for i in range(0, len(a.flat), inner)]
    entries = (dot(row, b.flat[j::columns], arithmetic) for row in rows for j in range(columns))
    return Tensor(a.shape[:-1] + b.shape[1:], tuple(entries))


def dot(a: tuple[N, ...], b: tuple[N, ...], arithmetic: Arithmetic[N]) -> N:
    """Σ aᵢbᵢ."""
    total = arithmetic.multiply(a[0], b[0])
    for x, y in zip(a[1:], b[1:], strict=True):
        total = arithmetic.add(total, arithmetic.multiply(x, y))
    return total


def _matmul_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    a, b = args
    k = bound(2)
    rows = len(shape_of(a)) - 1
    body = Product((entry(a, *index[:rows], k), entry(b, k, *index[rows:])))
    return IndexedSum(k, 1, shape_of(a)[-1], body)


def _matmul_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    a, b = args
    match len(shape_of(a)), len(shape_of(b)):
        case 1, 1:
            return multiply(upstream, b), multiply(upstream, a)
        case 2, 1:
            return call(OUTER, upstream, b), call(MATMUL, call(TRANSPOSE, a), upstream)
        case 1, 2:
            return call(MATMUL, b, upstream), call(OUTER, a, upstream)
        case _:
            return call(MATMUL, upstream, call(TRANSPOSE, b)), call(MATMUL, call(TRANSPOSE, a), upstream)


MATMUL: Operation = Operation(
    "@",
    InfixNotation("", PRODUCT_PRECEDENCE),
    (2, 2),
    _matmul_shape,
    _matmul_pullbacks,
    compute=_matmul,
    element=_matmul_element,
)


def _outer(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    a, b = args
    return Tensor(a.shape + b.shape, tuple(arithmetic.multiply(x, y) for x in a.flat for y in b.flat))


def _two_vectors(what: str, shapes: tuple[Shape, ...]) -> None:
    for i, shape in enumerate(shapes):
        if len(shape) != 1:
            raise ShapeMistake(f"{what} takes two vectors, not {spoken(shape)}", (i,))


def _outer_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    _two_vectors("an outer product", shapes)
    return shapes[0] + shapes[1]


OUTER: Operation = Operation(
    "outer",
    InfixNotation("⊗", PRODUCT_PRECEDENCE),
    (2, 2),
    _outer_shape,
    lambda args, given, out, upstream: (call(MATMUL, upstream, args[1]), call(MATMUL, args[0], upstream)),
    compute=_outer,
    element=lambda args, given, index: Product((entry(args[0], index[0]), entry(args[1], index[1]))),
)


def _dot_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    _two_vectors("a dot product", shapes)
    if shapes[0] != shapes[1]:
        raise ShapeMistake(f"the dot product of {spoken(shapes[0])} and {spoken(shapes[1])} does not exist", (0, 1))
    return ()


DOT: Operation = Operation(
    "dot",
    InfixNotation("·", PRODUCT_PRECEDENCE - 1),
    (2, 2),
    _dot_shape,
    lambda args, given, out, upstream: (multiply(upstream, args[1]), multiply(upstream, args[0])),
    compute=_matmul,
    element=_matmul_element,
)


def _transpose_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    (shape,) = shapes
    if len(shape) != 2:
        raise ShapeMistake(f"only a matrix has a transpose, not {spoken(shape)}", (0,))
    return shape[::-1]


def _transpose(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (a,) = args
    rows, columns = a.shape
    return Tensor((columns, rows), tuple(a.flat[i * columns + j] for j in range(columns) for i in range(rows)))


TRANSPOSE: Operation = Operation(
    "transpose",
    SuperscriptNotation(mark="T"),
    (1, 1),
    _transpose_shape,
    lambda args, given, out, upstream: (call(TRANSPOSE, upstream),),
    compute=_transpose,
    element=lambda args, given, index: entry(args[0], index[1], index[0]),
)


# The same entries in another shape.


def _reshape_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    (shape,), wanted = shapes, shape_attribute(given)
    if size(shape) != size(wanted):
        asked = times(wanted)
        raise ShapeMistake(
            f"{spoken(shape)} has {size(shape)} entries, {asked} are {size(wanted)}: it cannot be reshaped", (0,)
        )
    return wanted


def _same_place(args: tuple[Expr, ...], shape: Shape, index: tuple[Expr, ...]) -> Expr:
    return entry_at(args[0], place_of(shape, index))


def reshaped(x: Expr, shape: Shape) -> Expr:
    """The call that gives x another shape."""
    return call(RESHAPE, x, shape=shape, to=times(shape))


RESHAPE: Operation = Operation(
    "reshape",
    SubscriptedNotation("reshape", "to"),
    (1, 1),
    _reshape_shape,
    lambda args, given, out, upstream: (reshaped(upstream, shape_of(args[0])),),
    compute=lambda arithmetic, args, given: Tensor(shape_attribute(given), args[0].flat),
    element=lambda args, given, index: _same_place(args, shape_attribute(given), index),
    attributes=("shape", "to"),
)
FLATTEN: Operation = Operation(
    "flatten",
    FunctionNotation("vec"),
    (1, 1),
    lambda shapes, given: (size(shapes[0]),),
    lambda args, given, out, upstream: (reshaped(upstream, shape_of(args[0])),),
    compute=lambda arithmetic, args, given: Tensor((len(args[0].flat),), args[0].flat),
    element=lambda args, given, index: entry_at(args[0], as_int(index[0]) - 1),
    source="row by row",
)


# A part of an array, and its adjoint: a part put back among zeros. `axis1` … are the indices taken along each axis,
# `drop` the axes of which just one is taken, so that they vanish; `at` is how all this is written.


def part_attributes(at: str, axes: tuple[tuple[int, ...], ...], drop: tuple[int, ...]) -> dict[str, str | Shape]:
    """The attributes of a part: the indices along each axis, and the axes that vanish."""
    return {"at": at, "drop": drop, **{f"axis{i}": axis for i, axis in enumerate(axes, 1)}}


def _axes(given: Attributes) -> tuple[tuple[int, ...], ...]:
    names = (f"axis{i}" for i in itertools.count(1))
    return tuple(tuple_attribute(given, name) for name in itertools.takewhile(given.__contains__, names))


def _part_shape(given: Attributes) -> Shape:
    drop = tuple_attribute(given, "drop")
    return tuple(len(axis) for i, axis in enumerate(_axes(given), 1) if i not in drop)


def _part_places(given: Attributes, shape: Shape) -> tuple[int, ...]:
    return _places_along(_axes(given), shape)


@lru_cache(maxsize=256)
def _places_along(axes: tuple[tuple[int, ...], ...], shape: Shape) -> tuple[int, ...]:
    return tuple(flat_index(shape, index) for index in itertools.product(*axes))


@lru_cache(maxsize=256)
def _users_along(axes: tuple[tuple[int, ...], ...], shape: Shape) -> Places:
    return inverted(tuple((place,) for place in _places_along(axes, shape)), size(shape))


def _slice(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (x,) = args
    return Tensor(_part_shape(given), tuple(x.flat[place] for place in _part_places(given, x.shape)))


def _slice_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    places = _part_places(given, shape_of(args[0]))
    return entry_at(args[0], places[place_of(_part_shape(given), index)])


def _place(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    shape = shape_attribute(given)
    flat: list[N | None] = [None] * size(shape)
    for place, x in zip(_part_places(given, shape), args[0].flat, strict=True):
        known = flat[place]
        flat[place] = x if known is None else arithmetic.add(known, x)
    nought = arithmetic.literal(Decimal(0))
    return Tensor(shape, tuple(nought if x is None else x for x in flat))


def _place_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    shape = shape_attribute(given)
    return sum_at(args[0], _users_along(_axes(given), shape)[place_of(shape, index)])


def _whole(given: Attributes) -> dict[str, Attribute]:
    return {key: value for key, value in given.items() if key != "shape"}


SLICE: Operation = Operation(
    "slice",
    SubscriptedNotation("", "at"),
    (1, 1),
    lambda shapes, given: _part_shape(given),
    lambda args, given, out, upstream: (call(PLACE, upstream, **_whole(given), shape=shape_of(args[0])),),
    compute=_slice,
    element=_slice_element,
    attributes=("at", "axis1", "axis2", "axis3", "axis4", "drop"),
)
PLACE: Operation = Operation(
    "place",
    SubscriptedNotation("place", "at", lambda given: (f"in {times(shape_attribute(given))}",)),
    (1, 1),
    lambda shapes, given: shape_attribute(given),
    lambda args, given, out, upstream: (call(SLICE, upstream, **_whole(given)),),
    compute=_place,
    element=_place_element,
    attributes=("at", "axis1", "axis2", "axis3", "axis4", "drop", "shape"),
)


def sliced(x: Expr, shape: Shape, axis: int, first: int, count: int) -> Expr:
    """The part of x from `first` on along one axis (from 0); whole along the others."""
    axes = [tuple(range(1, extent + 1)) for extent in shape]
    axes[axis] = tuple(range(first, first + count))
    run = f"{first}..{first + count - 1}" if count > 1 else str(first)
    shown = ",".join([*["·"] * axis, run, *["·"] * (len(shape) - axis - 1)])
    return call(SLICE, x, **part_attributes(shown, tuple(axes), ()))


# Arrays put together.


def _vectors_end_to_end(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    if any(len(shape) > 1 for shape in shapes):
        return _joined_shape(shapes, 0)
    return (sum(map(size, shapes)),)


def _joined_shape(shapes: tuple[Shape, ...], axis: int) -> Shape:
    """Arrays one after the other along an axis; all other axes are equal."""
    first = shapes[0]
    for i, shape in enumerate(shapes):
        rest = shape[:axis] + shape[axis + 1 :]
        if len(shape) != len(first) or rest != first[:axis] + first[axis + 1 :]:
            how = "below" if axis == 0 else "beside"
            raise ShapeMistake(f"{spoken(shape)} does not fit {how} {spoken(first)}", (0, i))
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def _piece(args: tuple[Expr, ...], index: tuple[Expr, ...], axis: int) -> Expr:
    """The entry of the array that an index of the whole falls into."""
    place = as_int(index[axis])
    for arg in args:
        shape = shape_of(arg)
        extent = shape[axis] if shape else 1
        if place <= extent:
            return entry(arg, *index[:axis], number(place), *index[axis + 1 :]) if shape else arg
        place -= extent
    raise IndexError(place)


def _pieces(args: tuple[Expr, ...], upstream: Expr, axis: int) -> tuple[Expr | None, ...]:
    found: list[Expr | None] = []
    start = 1
    for arg in args:
        shape = shape_of(arg)
        extent = shape[axis] if shape else 1
        found.append(
            sliced(upstream, shape_of(upstream), axis, start, extent) if shape else entry(upstream, number(start))
        )
        start += extent
    return tuple(found)


def _concat(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    shape = _vectors_end_to_end(tuple(a.shape for a in args), given)
    return Tensor(shape, tuple(x for a in args for x in a.flat))


def _beside(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    rows = args[0].shape[0]
    flat = (x for i in range(rows) for a in args for x in a.flat[i * a.shape[1] : (i + 1) * a.shape[1]])
    return Tensor((rows, sum(a.shape[1] for a in args)), tuple(flat))


CONCAT: Operation = Operation(
    "concat",
    FencesNotation("[", "]", ";"),
    (1, None),
    _vectors_end_to_end,
    lambda args, given, out, upstream: _pieces(args, upstream, 0),
    compute=_concat,
    element=lambda args, given, index: _piece(args, index, 0),
)
BESIDE: Operation = Operation(
    "beside",
    FencesNotation("[", "]"),
    (1, None),
    lambda shapes, given: _joined_shape(shapes, 1),
    lambda args, given, out, upstream: _pieces(args, upstream, 1),
    compute=_beside,
    element=lambda args, given, index: _piece(args, index, 1),
)


def _stack_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeMistake(f"only equal shapes are stacked, not {spoken(shapes[0])} and {spoken(shape)}", (0, i))
    return (len(shapes), *shapes[0])


def _layer_of(upstream: Expr, shape: Shape, number_: int) -> Expr:
    """One of the arrays that were stacked."""
    axes = ((number_,), *(tuple(range(1, extent + 1)) for extent in shape))
    return call(SLICE, upstream, **part_attributes(str(number_), axes, (1,)))


def _stack_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    shape = shape_of(args[0])
    if not shape:
        return tuple(entry(upstream, number(i)) for i in range(1, len(args) + 1))
    return tuple(_layer_of(upstream, shape, i) for i in range(1, len(args) + 1))


STACK: Operation = Operation(
    "stack",
    FunctionNotation("stack"),
    (1, None),
    _stack_shape,
    _stack_pullbacks,
    compute=lambda arithmetic, args, given: Tensor((len(args), *args[0].shape), tuple(x for a in args for x in a.flat)),
    element=lambda args, given, index: (
        entry(args[as_int(index[0]) - 1], *index[1:]) if index[1:] else args[as_int(index[0]) - 1]
    ),
)


# A border of zeros around vectors, matrices and each channel of an array, and its adjoint, which takes the border off.


def spatial(shape: Shape) -> int:
    """How many of the last axes are places, not channels."""
    return min(len(shape), 2)


def _widened(shape: Shape, by: int) -> Shape:
    places = spatial(shape)
    return shape[: len(shape) - places] + tuple(extent + 2 * by for extent in shape[len(shape) - places :])


def _pad_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    if not shapes[0]:
        raise ShapeMistake("a border goes around a vector, a matrix or the channels of an array, not a number", (0,))
    return _widened(shapes[0], int_attribute(given, "border"))


def _crop_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    border = int_attribute(given, "border")
    found = _widened(shapes[0], -border)
    if not shapes[0] or min(found) < 1:
        raise ShapeMistake(f"without a border of {border}, nothing is left of {spoken(shapes[0])}", (0,))
    return found


@lru_cache(maxsize=256)
def _inner_places(inner: Shape, border: int) -> tuple[int | None, ...]:
    """For each place of the widened array the place within, or nothing on the border."""
    outer, channels = _widened(inner, border), len(inner) - spatial(inner)
    found: list[int | None] = []
    for index in indices(outer):
        within = tuple(i if axis < channels else i - border for axis, i in enumerate(index))
        inside = all(1 <= i <= extent for i, extent in zip(within, inner, strict=True))
        found.append(flat_index(inner, within) if inside else None)
    return tuple(found)


def _pad(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (x,), border = args, int_attribute(given, "border")
    nought = arithmetic.literal(Decimal(0))
    flat = tuple(nought if p is None else x.flat[p] for p in _inner_places(x.shape, border))
    return Tensor(_widened(x.shape, border), flat)


def _crop(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (x,), border = args, int_attribute(given, "border")
    inner = _widened(x.shape, -border)
    kept = (v for v, p in zip(x.flat, _inner_places(inner, border), strict=True) if p is not None)
    return Tensor(inner, tuple(kept))


def _pad_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    inner, border = shape_of(args[0]), int_attribute(given, "border")
    place = _inner_places(inner, border)[place_of(_widened(inner, border), index)]
    return ZERO if place is None else entry_at(args[0], place)


def _crop_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    border, channels = int_attribute(given, "border"), len(index) - spatial(shape_of(args[0]))
    moved = (i if axis < channels else number(as_int(i) + border) for axis, i in enumerate(index))
    return entry(args[0], *moved)


PAD: Operation = Operation(
    "pad",
    SubscriptedNotation("pad", "border"),
    (1, 1),
    _pad_shape,
    lambda args, given, out, upstream: (call(CROP, upstream, border=int_attribute(given, "border")),),
    compute=_pad,
    element=_pad_element,
    attributes=("border",),
)
CROP: Operation = Operation(
    "crop",
    SubscriptedNotation("crop", "border"),
    (1, 1),
    _crop_shape,
    lambda args, given, out, upstream: (call(PAD, upstream, border=int_attribute(given, "border")),),
    compute=_crop,
    element=_crop_element,
    attributes=("border",),
)
