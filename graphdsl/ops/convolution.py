"""The rows that slide a kernel over an array, and their adjoints; each is bilinear."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from graphdsl.derive.shape import shape_of, spoken
from graphdsl.expr import (
    ZERO,
    Attributes,
    Call,
    Expr,
    FunctionNotation,
    InfixNotation,
    Notation,
    Operation,
    Product,
    ShapeMistake,
    add,
    number,
)
from graphdsl.numbers import Arithmetic, Shape, Tensor, flat_index, indices, size
from graphdsl.ops.rows import (
    PRODUCT_PRECEDENCE,
    as_int,
    call,
    entry,
    int_attribute,
    shape_attribute,
)

N = TypeVar("N")


# Correlation as deep learning uses it (the kernel is not flipped), and its two adjoints; each is bilinear, and the
# pullbacks of any of the three are the other two. Shapes: image (h, w), kernel (kh, kw), output (p, q).


def _conv_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    (h, w), (kh, kw) = shapes
    stride = int_attribute(given, "stride")
    if kh > h or kw > w:
        raise ShapeMistake(f"a {kh}×{kw} filter does not fit {spoken((h, w))}", (0, 1))
    return (h - kh) // stride + 1, (w - kw) // stride + 1


def _windows(output: Shape, kernel: Shape, stride: int) -> list[tuple[Shape, Shape, Shape]]:
    """(output index, kernel index, image index) of every product in a correlation."""
    return [
        (o, k, (stride * (o[0] - 1) + k[0], stride * (o[1] - 1) + k[1]))
        for o in indices(output)
        for k in indices(kernel)
    ]


def _bilinear(
    result: Shape, pairs: list[tuple[Shape, Shape, Shape]], a: Tensor[N], b: Tensor[N], arithmetic: Arithmetic[N]
) -> Tensor[N]:
    """result[r] += a[x] · b[y] over triples (r, x, y)."""
    flat = [arithmetic.literal(Decimal(0))] * size(result)
    for r, x, y in pairs:
        at = flat_index(result, r)
        flat[at] = arithmetic.add(flat[at], arithmetic.multiply(a.at(x), b.at(y)))
    return Tensor(result, tuple(flat))


def _bilinear_entry(pairs: list[tuple[Shape, Shape, Shape]], a: Expr, b: Expr, index: tuple[Expr, ...]) -> Expr:
    wanted = tuple(map(as_int, index))
    products = [Product((entry(a, *map(number, x)), entry(b, *map(number, y)))) for r, x, y in pairs if r == wanted]
    return add(*products) if products else ZERO


Triples = Callable[[tuple[Shape, ...], Attributes], list[tuple[Shape, Shape, Shape]]]


def _conv_triples(shapes: tuple[Shape, ...], given: Attributes) -> list[tuple[Shape, Shape, Shape]]:
    output = _conv_shape(shapes, given)
    return [(o, x, k) for o, k, x in _windows(output, shapes[1], int_attribute(given, "stride"))]


def _to_image_triples(shapes: tuple[Shape, ...], given: Attributes) -> list[tuple[Shape, Shape, Shape]]:
    return [(x, o, k) for o, k, x in _windows(shapes[0], shapes[1], int_attribute(given, "stride"))]


def _to_kernel_triples(shapes: tuple[Shape, ...], given: Attributes) -> list[tuple[Shape, Shape, Shape]]:
    return [(k, x, o) for o, k, x in _windows(shapes[1], shape_attribute(given), int_attribute(given, "stride"))]


def _bilinear_row(
    name: str,
    notation: Notation,
    shape: Callable[[tuple[Shape, ...], Attributes], Shape],
    triples: Triples,
    pullbacks: Callable[[tuple[Expr, ...], Attributes, Expr, Expr], tuple[Expr | None, ...]],
) -> Operation:
    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        shapes = tuple(a.shape for a in args)
        return _bilinear(shape(shapes, given), triples(shapes, given), args[0], args[1], arithmetic)

    def entry_of(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
        return _bilinear_entry(triples(tuple(map(shape_of, args)), given), args[0], args[1], index)

    return Operation(
        name, notation, (2, 2), shape, pullbacks, compute=compute, element=entry_of, attributes=("stride", "shape")
    )


def _conv_call(row: Operation, a: Expr, b: Expr, given: Attributes, shape: Shape | None = None) -> Call:
    stride = int_attribute(given, "stride")
    return call(row, a, b, stride=stride) if shape is None else call(row, a, b, stride=stride, shape=shape)


CONV2D: Operation = _bilinear_row(
    "conv2d",
    InfixNotation("∗", PRODUCT_PRECEDENCE),
    _conv_shape,
    _conv_triples,
    lambda args, given, out, upstream: (
        _conv_call(CONV2D_TO_IMAGE, upstream, args[1], given, shape_of(args[0])),
        _conv_call(CONV2D_TO_KERNEL, args[0], upstream, given, shape_of(args[1])),
    ),
)
CONV2D_TO_IMAGE: Operation = _bilinear_row(
    "conv2d_to_image",
    FunctionNotation("conv2d_to_image"),
    lambda shapes, given: shape_attribute(given),
    _to_image_triples,
    lambda args, given, out, upstream: (
        _conv_call(CONV2D, upstream, args[1], given),
        _conv_call(CONV2D_TO_KERNEL, upstream, args[0], given, shape_of(args[1])),
    ),
)
CONV2D_TO_KERNEL: Operation = _bilinear_row(
    "conv2d_to_kernel",
    FunctionNotation("conv2d_to_kernel"),
    lambda shapes, given: shape_attribute(given),
    _to_kernel_triples,
    lambda args, given, out, upstream: (
        _conv_call(CONV2D_TO_IMAGE, args[1], upstream, given, shape_of(args[0])),
        _conv_call(CONV2D, args[0], upstream, given),
    ),
)
