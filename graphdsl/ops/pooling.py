"""The rows that look at an array window by window: the largest or the mean of each; vectors, matrices, [channels, h, w]."""

from __future__ import annotations

import itertools
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from graphdsl.derive.shape import shape_of, spoken
from graphdsl.expr import (
    Attribute,
    Attributes,
    Expr,
    FunctionNotation,
    Operation,
    Option,
    Quotient,
    ShapeMistake,
    number,
)
from graphdsl.numbers import Arithmetic, Shape, Tensor, flat_index, indices, size
from graphdsl.ops.elementwise import MAX
from graphdsl.ops.reductions import extreme_rows
from graphdsl.ops.rows import (
    Places,
    call,
    int_attribute,
    inverted,
    place_of,
    settings,
    shape_attribute,
    sum_at,
    times,
    total,
)
from graphdsl.ops.tensor import spatial

N = TypeVar("N")

POOLING = {"size": Option("whole"), "stride": Option("whole"), "padding": Option("whole", least=0)}


def _settings(given: Attributes) -> tuple[int, int, int]:
    """Window, step and border; the step is the window unless it is said."""
    window = int_attribute(given, "size", 2)
    return window, int_attribute(given, "stride", window), int_attribute(given, "padding", 0)


def _pooled_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    (shape,), (window, stride, padding) = shapes, _settings(given)
    if not shape or len(shape) > 3:
        raise ShapeMistake(f"pooling takes a vector, a matrix or an array [channels, h, w], not {spoken(shape)}", (0,))
    if 2 * padding > window:
        raise ShapeMistake(f"with size {window} and padding {padding}, some windows would hold nothing but padding")
    channels = len(shape) - spatial(shape)
    if min(shape[channels:]) + 2 * padding < window:
        ends = "×".join([str(window)] * spatial(shape))
        raise ShapeMistake(f"a window of {ends} does not fit into {spoken(shape)}", (0,))
    return shape[:channels] + tuple((e + 2 * padding - window) // stride + 1 for e in shape[channels:])


def _windows(shape: Shape, given: Attributes) -> Places:
    return _window_places(shape, *_settings(given))


@lru_cache(maxsize=256)
def _window_places(shape: Shape, window: int, stride: int, padding: int) -> Places:
    """The places of each window, without those on the border."""
    given: Attributes = {"size": window, "stride": stride, "padding": padding}
    channels, found = len(shape) - spatial(shape), []
    for index in indices(_pooled_shape((shape,), given)):
        corner = [(i - 1) * stride - padding + 1 for i in index[channels:]]
        runs = (
            [i for i in range(at, at + window) if 1 <= i <= extent]
            for at, extent in zip(corner, shape[channels:], strict=True)
        )
        found.append(tuple(flat_index(shape, (*index[:channels], *i)) for i in itertools.product(*runs)))
    return tuple(found)


@lru_cache(maxsize=256)
def _users(shape: Shape, window: int, stride: int, padding: int) -> Places:
    return inverted(_window_places(shape, window, stride, padding), size(shape))


def _said(given: Attributes) -> tuple[str, ...]:
    """The size of the windows in any case, for none is usual; what else is set."""
    return settings("size", "stride", "padding", "to")({"size": 2, **given})


MAX_POOL, MAX_POOL_BACK, MAX_POOL_PICK = extreme_rows(
    "max_pool",
    FunctionNotation("maxpool", said=_said),
    FunctionNotation("unpool", said=_said),
    MAX,
    _pooled_shape,
    _windows,
    POOLING,
)


def _shaped(given: Attributes, shape: Shape) -> dict[str, Attribute]:
    """The settings of the way back to a shape, which is said where the windows alone would leave it open."""
    window, stride, padding = _settings(given)
    channels = len(shape) - spatial(shape)
    ends = ((count - 1) * stride + window - 2 * padding for count in _pooled_shape((shape,), given)[channels:])
    reached = (*shape[:channels], *ends)
    return {**given, "shape": shape, **({} if reached == shape else {"to": times(shape)})}


def _share(shape: Shape, given: Attributes) -> int:
    """How many places a window has; those on the border count."""
    return size((_settings(given)[0],) * spatial(shape))


def _avg_pool(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (x,) = args
    count = arithmetic.literal(Decimal(_share(x.shape, given)))
    windows = _windows(x.shape, given)
    flat = (arithmetic.divide(total(arithmetic, (x.flat[p] for p in w)), count) for w in windows)
    return Tensor(_pooled_shape((x.shape,), given), tuple(flat))


def _avg_pool_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    shape = shape_of(args[0])
    window = _windows(shape, given)[place_of(_pooled_shape((shape,), given), index)]
    return Quotient(sum_at(args[0], window), number(_share(shape, given)))


def _avg_back(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (upstream,), shape = args, shape_attribute(given)
    count = arithmetic.literal(Decimal(_share(shape, given)))
    users = _users(shape, *_settings(given))
    flat = (arithmetic.divide(total(arithmetic, (upstream.flat[u] for u in own)), count) for own in users)
    return Tensor(shape, tuple(flat))


def _avg_back_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    shape = shape_attribute(given)
    own = _users(shape, *_settings(given))[place_of(shape, index)]
    return Quotient(sum_at(args[0], own), number(_share(shape, given)))


AVG_POOL: Operation = Operation(
    "avg_pool",
    FunctionNotation("avgpool", said=_said),
    (1, 1),
    _pooled_shape,
    lambda args, given, out, upstream: (call(AVG_POOL_BACK, upstream, **_shaped(given, shape_of(args[0]))),),
    compute=_avg_pool,
    element=_avg_pool_element,
    attributes=tuple(POOLING),
    options=POOLING,
    source="a border counts as zeros",
)
AVG_POOL_BACK: Operation = Operation(
    "avg_pool_back",
    FunctionNotation("avgunpool", said=_said),
    (1, 1),
    lambda shapes, given: shape_attribute(given),
    lambda args, given, out, upstream: (
        call(AVG_POOL, upstream, **{key: value for key, value in given.items() if key not in ("shape", "to")}),
    ),
    compute=_avg_back,
    element=_avg_back_element,
    attributes=(*POOLING, "shape", "to"),
)
