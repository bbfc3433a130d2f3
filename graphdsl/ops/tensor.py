"""The rows on vectors and matrices: products, sums, parts, softmax, look-ups; indices count from 1."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from graphdsl.derive.shape import shape_of, spoken
from graphdsl.expr import (
    ONE,
    ZERO,
    Attributes,
    BigOperatorNotation,
    Expr,
    FencesNotation,
    FunctionNotation,
    IndexedSum,
    InfixNotation,
    Operation,
    Product,
    Quotient,
    ShapeMistake,
    Sum,
    SuperscriptNotation,
    add,
    multiply,
    number,
    subtract,
)
from graphdsl.numbers import Arithmetic, Shape, Tensor, scalar, size
from graphdsl.ops.elementwise import EXP, HADAMARD
from graphdsl.ops.rows import (
    PRODUCT_PRECEDENCE,
    as_int,
    bound,
    call,
    entry,
    int_attribute,
    scalar_shape,
    shape_attribute,
)

N = TypeVar("N")


# Vectors and matrices. Indices count from 1.


def _matmul_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    a, b = shapes
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


def _outer_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    if any(len(shape) != 1 for shape in shapes):
        raise ShapeMistake("an outer product takes two vectors")
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


def _total(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (a,) = args
    total = a.flat[0]
    for x in a.flat[1:]:
        total = arithmetic.add(total, x)
    return scalar(total)


def _total_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    shape = shape_of(args[0])
    if not shape:
        return args[0]
    depths = tuple(map(bound, range(len(shape))))
    body: Expr = entry(args[0], *depths)
    for symbol, extent in zip(reversed(depths), reversed(shape), strict=True):
        body = IndexedSum(symbol, 1, extent, body)
    return body


FILL: Operation = Operation(
    "fill",
    FunctionNotation("fill"),
    (1, 1),
    lambda shapes, given: shape_attribute(given),
    lambda args, given, out, upstream: (call(SUM, upstream),),
    compute=lambda arithmetic, args, given: Tensor(shape_attribute(given), args[0].flat * size(shape_attribute(given))),
    element=lambda args, given, index: args[0],
    attributes=("shape",),
)
SUM: Operation = Operation(
    "sum",
    BigOperatorNotation("∑"),
    (1, 1),
    scalar_shape,
    lambda args, given, out, upstream: (call(FILL, upstream, shape=shape_of(args[0])),),
    compute=_total,
    element=_total_element,
)


def _vectors_end_to_end(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    for i, shape in enumerate(shapes):
        if len(shape) > 1:
            raise ShapeMistake(f"numbers and vectors are put end to end, not {spoken(shape)}", (i,))
    return (sum(map(size, shapes)),)


def _concat_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    place = as_int(index[0])
    for arg in args:
        extent = size(shape_of(arg))
        if place <= extent:
            return entry(arg, number(place)) if shape_of(arg) else arg
        place -= extent
    raise IndexError(place)


def _concat_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    found: list[Expr | None] = []
    start = 1
    for arg in args:
        extent = size(shape_of(arg))
        found.append(
            call(SLICE, upstream, start=start, length=extent) if shape_of(arg) else entry(upstream, number(start))
        )
        start += extent
    return tuple(found)


CONCAT: Operation = Operation(
    "concat",
    FencesNotation("[", "]"),
    (1, None),
    _vectors_end_to_end,
    _concat_pullbacks,
    compute=lambda arithmetic, args, given: Tensor(
        (sum(len(a.flat) for a in args),), tuple(x for a in args for x in a.flat)
    ),
    element=_concat_element,
)


def _slice(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    start, length = int_attribute(given, "start") - 1, int_attribute(given, "length")
    return Tensor((length,), args[0].flat[start : start + length])


SLICE: Operation = Operation(
    "slice",
    FunctionNotation("slice"),
    (1, 1),
    lambda shapes, given: (int_attribute(given, "length"),),
    lambda args, given, out, upstream: (
        call(PLACE, upstream, start=int_attribute(given, "start"), length=shape_of(args[0])[0]),
    ),
    compute=_slice,
    element=lambda args, given, index: entry(args[0], Sum((index[0], number(int_attribute(given, "start") - 1)))),
    attributes=("start", "length"),
)


def _place(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    nought = arithmetic.literal(Decimal(0))
    before = int_attribute(given, "start") - 1
    after = int_attribute(given, "length") - before - len(args[0].flat)
    return Tensor((int_attribute(given, "length"),), (nought,) * before + args[0].flat + (nought,) * after)


def _place_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    place = as_int(index[0]) - int_attribute(given, "start") + 1
    return entry(args[0], number(place)) if 1 <= place <= shape_of(args[0])[0] else ZERO


PLACE: Operation = Operation(
    "place",
    FunctionNotation("place"),
    (1, 1),
    lambda shapes, given: (int_attribute(given, "length"),),
    lambda args, given, out, upstream: (
        call(SLICE, upstream, start=int_attribute(given, "start"), length=shape_of(args[0])[0]),
    ),
    compute=_place,
    element=_place_element,
    attributes=("start", "length"),
)


# Three rows that are awkward on purpose: they freeze the form of a row.


def _softmax(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    """Row by row over the last axis, with the largest entry subtracted first."""
    (x,) = args
    width = x.shape[-1]
    flat: list[N] = []
    for start in range(0, len(x.flat), width):
        flat += _softmax_row(x.flat[start : start + width], arithmetic)
    return Tensor(x.shape, tuple(flat))


def _softmax_row(row: tuple[N, ...], arithmetic: Arithmetic[N]) -> list[N]:
    largest = row[0]
    for x in row[1:]:
        largest = x if arithmetic.compare(x, largest) > 0 else largest
    down = arithmetic.multiply(arithmetic.literal(Decimal(-1)), largest)
    powers = [arithmetic.function("exp", arithmetic.add(x, down)) for x in row]
    total = powers[0]
    for p in powers[1:]:
        total = arithmetic.add(total, p)
    return [arithmetic.divide(p, total) for p in powers]


def _softmax_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    k = bound(2)
    below = IndexedSum(k, 1, shape_of(args[0])[-1], call(EXP, entry(args[0], *index[:-1], k)))
    return Quotient(call(EXP, entry(args[0], *index)), below)


def _softmax_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    if not shapes[0]:
        raise ShapeMistake("softmax takes a vector, or a matrix row by row", (0,))
    return shapes[0]


def _softmax_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    weighted = call(HADAMARD, upstream, out)
    totals = call(ROW_SUM, weighted)
    return (subtract(weighted, call(SCALE_ROWS, totals, out)),)


def _row_sum(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (x,) = args
    width = x.shape[-1]
    rows = (Tensor((width,), x.flat[i : i + width]) for i in range(0, len(x.flat), width))
    return Tensor(x.shape[:-1], tuple(_total(arithmetic, (row,), given).item for row in rows))


def _row_sum_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    k = bound(2)
    return IndexedSum(k, 1, shape_of(args[0])[-1], entry(args[0], *index, k))


def _scale_rows(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    scales, x = args
    width = x.shape[-1]
    return Tensor(x.shape, tuple(arithmetic.multiply(scales.flat[i // width], v) for i, v in enumerate(x.flat)))


ROW_SUM: Operation = Operation(
    "row_sum",
    BigOperatorNotation("∑"),
    (1, 1),
    lambda shapes, given: shapes[0][:-1],
    lambda args, given, out, upstream: (call(SCALE_ROWS, upstream, call(FILL, ONE, shape=shape_of(args[0]))),),
    compute=_row_sum,
    element=_row_sum_element,
)
SCALE_ROWS: Operation = Operation(
    "scale_rows",
    InfixNotation("", PRODUCT_PRECEDENCE),
    (2, 2),
    lambda shapes, given: shapes[1],
    lambda args, given, out, upstream: (
        call(ROW_SUM, call(HADAMARD, upstream, args[1])),
        call(SCALE_ROWS, args[0], upstream),
    ),
    compute=_scale_rows,
    element=lambda args, given, index: Product(
        (entry(args[0], *index[:-1]) if index[:-1] else args[0], entry(args[1], *index))
    ),
)
SOFTMAX: Operation = Operation(
    "softmax",
    FunctionNotation("softmax"),
    (1, 1),
    _softmax_shape,
    _softmax_pullbacks,
    compute=_softmax,
    element=_softmax_element,
    source="Bridle 1990",
)


def _pick(given: Attributes) -> tuple[int, ...]:
    rows = given["rows"]
    assert isinstance(rows, tuple)
    return rows


def _gather_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    outside = [i for i in _pick(given) if not 1 <= i <= shapes[0][0]]
    if outside:
        raise ShapeMistake(f"there is no row {outside[0]}: the table has {shapes[0][0]}", (0,))
    return (len(_pick(given)), *shapes[0][1:])


def _gather(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (table,) = args
    width = size(table.shape[1:])
    flat = tuple(x for i in _pick(given) for x in table.flat[(i - 1) * width : i * width])
    return Tensor((len(_pick(given)), *table.shape[1:]), flat)


def _scatter_add(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    (rows,) = args
    extent, width = int_attribute(given, "extent"), size(rows.shape[1:])
    flat = [arithmetic.literal(Decimal(0))] * (extent * width)
    for place, i in enumerate(_pick(given)):
        for j in range(width):
            at = (i - 1) * width + j
            flat[at] = arithmetic.add(flat[at], rows.flat[place * width + j])
    return Tensor((extent, *rows.shape[1:]), tuple(flat))


def _scatter_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    places = [p for p, i in enumerate(_pick(given), 1) if i == as_int(index[0])]
    return add(*(entry(args[0], number(p), *index[1:]) for p in places)) if places else ZERO


GATHER: Operation = Operation(
    "gather",
    FunctionNotation("gather"),
    (1, 1),
    _gather_shape,
    lambda args, given, out, upstream: (call(SCATTER_ADD, upstream, rows=_pick(given), extent=shape_of(args[0])[0]),),
    compute=_gather,
    element=lambda args, given, index: entry(args[0], number(_pick(given)[as_int(index[0]) - 1]), *index[1:]),
    attributes=("rows",),
)
SCATTER_ADD: Operation = Operation(
    "scatter_add",
    FunctionNotation("scatter"),
    (1, 1),
    lambda shapes, given: (int_attribute(given, "extent"), *shapes[0][1:]),
    lambda args, given, out, upstream: (call(GATHER, upstream, rows=_pick(given)),),
    compute=_scatter_add,
    element=_scatter_element,
    attributes=("rows", "extent"),
)
