"""The table of operations: one row each, with notation, definition, stable computation, pullbacks and entry; knows no graph, no page."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from graphdsl.derive.evaluate import entrywise
from graphdsl.derive.shape import shape_of, spoken
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Attributes,
    BigOperatorNotation,
    Call,
    Cases,
    Compute,
    Element,
    Expr,
    FencesNotation,
    Formula,
    FunctionNotation,
    IndexedSum,
    InfixNotation,
    Notation,
    Number,
    Operation,
    Power,
    Product,
    Quotient,
    RadicalNotation,
    Relation,
    ShapeMistake,
    Sides,
    Sum,
    SuperscriptNotation,
    Symbol,
    add,
    multiply,
    negate,
    number,
    subtract,
)
from graphdsl.numbers import Arithmetic, Shape, Tensor, flat_index, indices, scalar, size

N = TypeVar("N")

PRODUCT_PRECEDENCE = 20
"""How tightly infix signs bind: sums 10, products 20, signs 25, powers 30."""


def call(operation: Operation, *arguments: Expr, **attributes: int | str | Decimal | tuple[int, ...]) -> Call:
    """A call of a row."""
    return Call(operation, arguments, tuple(sorted(attributes.items())))


# Rows that act on each entry: a derivative in x and the output says everything.

Slope = Callable[[Expr, Expr, Attributes], Expr]


def _scalar_shape(shapes: tuple[Shape, ...], attributes: Attributes) -> Shape:
    return ()


def _entrywise_row(
    name: str,
    notation: Notation,
    slope: Slope,
    *,
    formula: Formula | None = None,
    compute: Compute | None = None,
    sides: Sides | None = None,
    attributes: tuple[str, ...] = (),
    source: str = "",
) -> Operation:
    def pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
        local = slope(args[0], out, given)
        return (ZERO if local == ZERO else upstream if local == ONE else multiply(upstream, local),)

    return Operation(
        name, notation, (1, 1), _scalar_shape, pullbacks, formula, compute, None, sides, True, attributes, source
    )


def _by_arithmetic(function: str) -> Compute:
    """The stable computation that the arithmetic itself has."""

    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        return scalar(arithmetic.function(function, args[0].item))

    return compute


def _sign_of(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> tuple[int, ...]:
    nought = arithmetic.literal(Decimal(0))
    return tuple(arithmetic.compare(x, nought) for x in args[0].flat)


def _positive(x: Expr) -> Relation:
    return Relation((x, ZERO), (">",))


def _attribute(given: Attributes, name: str, default: str) -> Number:
    return Number(Decimal(str(given.get(name, default))))


def _sigmoid(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    """1/(1 + e^−x) where x ≥ 0, else e^x/(1 + e^x): neither overflows."""
    x, one = args[0].item, arithmetic.literal(Decimal(1))
    minus = arithmetic.literal(Decimal(-1))
    positive = arithmetic.compare(x, arithmetic.literal(Decimal(0))) >= 0
    power = arithmetic.function("exp", arithmetic.multiply(minus, x) if positive else x)
    return scalar(arithmetic.divide(one if positive else power, arithmetic.add(one, power)))


def _tanh_formula(args: tuple[Expr, ...], given: Attributes) -> Expr:
    up, down = call(EXP, args[0]), call(EXP, negate(args[0]))
    return Quotient(subtract(up, down), add(up, down))


EXP: Operation = _entrywise_row(
    "exp", SuperscriptNotation(base="e"), lambda x, out, _: out, compute=_by_arithmetic("exp")
)
LN: Operation = _entrywise_row(
    "ln", FunctionNotation("ln"), lambda x, out, _: Quotient(ONE, x), compute=_by_arithmetic("ln")
)
SQRT: Operation = _entrywise_row(
    "sqrt",
    RadicalNotation(),
    lambda x, out, _: Quotient(ONE, Product((number(2), out))),
    compute=_by_arithmetic("sqrt"),
)
SIN: Operation = _entrywise_row(
    "sin", FunctionNotation("sin"), lambda x, out, _: call(COS, x), compute=_by_arithmetic("sin")
)
COS: Operation = _entrywise_row(
    "cos", FunctionNotation("cos"), lambda x, out, _: negate(call(SIN, x)), compute=_by_arithmetic("cos")
)
SIGN: Operation = _entrywise_row(
    "sign",
    FunctionNotation("sgn"),
    lambda x, out, _: ZERO,
    formula=lambda args, _: Cases(((ONE, _positive(args[0])), (ZERO, Relation((args[0], ZERO), ("=",)))), MINUS_ONE),
    sides=_sign_of,
)
ABS: Operation = _entrywise_row(
    "abs",
    FencesNotation("|", "|"),
    lambda x, out, _: call(SIGN, x),
    formula=lambda args, _: Cases(((args[0], Relation((args[0], ZERO), ("≥",))),), negate(args[0])),
    sides=_sign_of,
)
SIGMOID: Operation = _entrywise_row(
    "sigmoid",
    FunctionNotation("σ"),
    lambda x, out, _: Product((out, subtract(ONE, out))),
    formula=lambda args, _: Quotient(ONE, add(ONE, call(EXP, negate(args[0])))),
    compute=_sigmoid,
    source="logistic function; σ′ = σ(1 − σ)",
)
TANH: Operation = _entrywise_row(
    "tanh",
    FunctionNotation("tanh"),
    lambda x, out, _: subtract(ONE, Power(out, number(2))),
    formula=_tanh_formula,
    compute=_by_arithmetic("tanh"),
)
RELU_PRIME: Operation = _entrywise_row(
    "relu'",
    FunctionNotation("ReLU", primes=1),
    lambda x, out, _: ZERO,
    formula=lambda args, _: Cases(((ONE, _positive(args[0])),), ZERO),
    sides=_sign_of,
)
RELU: Operation = _entrywise_row(
    "relu",
    FunctionNotation("ReLU"),
    lambda x, out, _: call(RELU_PRIME, x),
    formula=lambda args, _: call(MAX, ZERO, args[0]),
    sides=_sign_of,
    source="Nair and Hinton 2010; its derivative at 0 is set to 0",
)
LEAKY_RELU_PRIME: Operation = _entrywise_row(
    "leaky_relu'",
    FunctionNotation("LeakyReLU", primes=1),
    lambda x, out, _: ZERO,
    formula=lambda args, given: Cases(((ONE, _positive(args[0])),), _attribute(given, "slope", "0.01")),
    sides=_sign_of,
    attributes=("slope",),
)
LEAKY_RELU: Operation = _entrywise_row(
    "leaky_relu",
    FunctionNotation("LeakyReLU"),
    lambda x, out, given: Call(LEAKY_RELU_PRIME, (x,), tuple(given.items())),
    formula=lambda args, given: Cases(
        ((args[0], _positive(args[0])),), Product((_attribute(given, "slope", "0.01"), args[0]))
    ),
    sides=_sign_of,
    attributes=("slope",),
    source="Maas, Hannun and Ng 2013; slope 0.01 unless said",
)
LINEAR: Operation = _entrywise_row(
    "linear", FunctionNotation("id"), lambda x, out, _: ONE, formula=lambda args, _: args[0]
)


# Two arguments, entry by entry.


def _larger(a: Expr, b: Expr, first: bool) -> Expr:
    """1 where this argument of max is taken; equal arguments: the first."""
    return Cases(((ONE, Relation((a, b), ("≥",) if first else ("<",))),), ZERO)


def _max_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    a, b = args
    return multiply(upstream, _larger(a, b, True)), multiply(upstream, _larger(a, b, False))


def _min_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    a, b = args
    taken = Relation((a, b), ("≤",)), Relation((a, b), (">",))
    return tuple(multiply(upstream, Cases(((ONE, condition),), ZERO)) for condition in taken)


def _order_sides(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> tuple[int, ...]:
    return (arithmetic.compare(args[0].item, args[1].item),)


def _extreme(pick: int) -> Compute:
    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        a, b = args
        return a if pick * arithmetic.compare(a.item, b.item) >= 0 else b

    return compute


MAX: Operation = Operation(
    "max", FunctionNotation("max"), (2, 2), _scalar_shape, _max_pullbacks, None, _extreme(1), None, _order_sides, True
)
MIN: Operation = Operation(
    "min", FunctionNotation("min"), (2, 2), _scalar_shape, _min_pullbacks, None, _extreme(-1), None, _order_sides, True
)


def _power_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    base, exponent = args
    lower = call(POWER, base, subtract(exponent, ONE))
    return multiply(upstream, exponent, lower), multiply(upstream, out, call(LN, base))


def _power(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    return scalar(arithmetic.power(args[0].item, args[1].item))


POWER: Operation = Operation(
    "power", SuperscriptNotation(), (2, 2), _scalar_shape, _power_pullbacks, None, _power, None, None, True
)


def _hadamard(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    return entrywise(arithmetic.multiply, *args)


HADAMARD: Operation = Operation(
    "⊙",
    InfixNotation("⊙", PRODUCT_PRECEDENCE),
    (2, 2),
    _scalar_shape,
    lambda args, given, out, upstream: (multiply(upstream, args[1]), multiply(upstream, args[0])),
    lambda args, given: Product(args),
    _hadamard,
    element=lambda args, given, index: Product(args),
    elementwise=True,
)


# Vectors and matrices. Indices count from 1.


def _bound(depth: int) -> Symbol:
    return Symbol(("i", "j", "k", "l")[depth] + "%")


def _entry(of: Expr, *index: Expr) -> Expr:
    return Element(of, index)


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
    k = _bound(2)
    rows = len(shape_of(a)) - 1
    body = Product((_entry(a, *index[:rows], k), _entry(b, k, *index[rows:])))
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
    element=lambda args, given, index: Product((_entry(args[0], index[0]), _entry(args[1], index[1]))),
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
    element=lambda args, given, index: _entry(args[0], index[1], index[0]),
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
    bound = tuple(map(_bound, range(len(shape))))
    body: Expr = _entry(args[0], *bound)
    for symbol, extent in zip(reversed(bound), reversed(shape), strict=True):
        body = IndexedSum(symbol, 1, extent, body)
    return body


def _shape_attribute(given: Attributes) -> Shape:
    shape = given["shape"]
    assert isinstance(shape, tuple)
    return shape


FILL: Operation = Operation(
    "fill",
    FunctionNotation("fill"),
    (1, 1),
    lambda shapes, given: _shape_attribute(given),
    lambda args, given, out, upstream: (call(SUM, upstream),),
    compute=lambda arithmetic, args, given: Tensor(
        _shape_attribute(given), args[0].flat * size(_shape_attribute(given))
    ),
    element=lambda args, given, index: args[0],
    attributes=("shape",),
)
SUM: Operation = Operation(
    "sum",
    BigOperatorNotation("∑"),
    (1, 1),
    _scalar_shape,
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
    place = _as_int(index[0])
    for arg in args:
        extent = size(shape_of(arg))
        if place <= extent:
            return _entry(arg, number(place)) if shape_of(arg) else arg
        place -= extent
    raise IndexError(place)


def _concat_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    found: list[Expr | None] = []
    start = 1
    for arg in args:
        extent = size(shape_of(arg))
        found.append(
            call(SLICE, upstream, start=start, length=extent) if shape_of(arg) else _entry(upstream, number(start))
        )
        start += extent
    return tuple(found)


def _as_int(expr: Expr) -> int:
    assert isinstance(expr, Number), "an index that is a number by now"
    return int(expr.value)


def _int(given: Attributes, name: str, default: int = 1) -> int:
    value = given.get(name, default)
    assert isinstance(value, int)
    return value


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
    start, length = _int(given, "start") - 1, _int(given, "length")
    return Tensor((length,), args[0].flat[start : start + length])


SLICE: Operation = Operation(
    "slice",
    FunctionNotation("slice"),
    (1, 1),
    lambda shapes, given: (_int(given, "length"),),
    lambda args, given, out, upstream: (
        call(PLACE, upstream, start=_int(given, "start"), length=shape_of(args[0])[0]),
    ),
    compute=_slice,
    element=lambda args, given, index: _entry(args[0], Sum((index[0], number(_int(given, "start") - 1)))),
    attributes=("start", "length"),
)


def _place(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    nought = arithmetic.literal(Decimal(0))
    before = _int(given, "start") - 1
    after = _int(given, "length") - before - len(args[0].flat)
    return Tensor((_int(given, "length"),), (nought,) * before + args[0].flat + (nought,) * after)


def _place_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    place = _as_int(index[0]) - _int(given, "start") + 1
    return _entry(args[0], number(place)) if 1 <= place <= shape_of(args[0])[0] else ZERO


PLACE: Operation = Operation(
    "place",
    FunctionNotation("place"),
    (1, 1),
    lambda shapes, given: (_int(given, "length"),),
    lambda args, given, out, upstream: (
        call(SLICE, upstream, start=_int(given, "start"), length=shape_of(args[0])[0]),
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
    k = _bound(2)
    below = IndexedSum(k, 1, shape_of(args[0])[-1], call(EXP, _entry(args[0], *index[:-1], k)))
    return Quotient(call(EXP, _entry(args[0], *index)), below)


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
    k = _bound(2)
    return IndexedSum(k, 1, shape_of(args[0])[-1], _entry(args[0], *index, k))


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
        (_entry(args[0], *index[:-1]) if index[:-1] else args[0], _entry(args[1], *index))
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
    extent, width = _int(given, "extent"), size(rows.shape[1:])
    flat = [arithmetic.literal(Decimal(0))] * (extent * width)
    for place, i in enumerate(_pick(given)):
        for j in range(width):
            at = (i - 1) * width + j
            flat[at] = arithmetic.add(flat[at], rows.flat[place * width + j])
    return Tensor((extent, *rows.shape[1:]), tuple(flat))


def _scatter_element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
    places = [p for p, i in enumerate(_pick(given), 1) if i == _as_int(index[0])]
    return add(*(_entry(args[0], number(p), *index[1:]) for p in places)) if places else ZERO


GATHER: Operation = Operation(
    "gather",
    FunctionNotation("gather"),
    (1, 1),
    _gather_shape,
    lambda args, given, out, upstream: (call(SCATTER_ADD, upstream, rows=_pick(given), extent=shape_of(args[0])[0]),),
    compute=_gather,
    element=lambda args, given, index: _entry(args[0], number(_pick(given)[_as_int(index[0]) - 1]), *index[1:]),
    attributes=("rows",),
)
SCATTER_ADD: Operation = Operation(
    "scatter_add",
    FunctionNotation("scatter"),
    (1, 1),
    lambda shapes, given: (_int(given, "extent"), *shapes[0][1:]),
    lambda args, given, out, upstream: (call(GATHER, upstream, rows=_pick(given)),),
    compute=_scatter_add,
    element=_scatter_element,
    attributes=("rows", "extent"),
)


# Correlation as deep learning uses it (the kernel is not flipped), and its two adjoints; each is bilinear, and the
# pullbacks of any of the three are the other two. Shapes: image (h, w), kernel (kh, kw), output (p, q).


def _conv_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    (h, w), (kh, kw) = shapes
    stride = _int(given, "stride")
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
    wanted = tuple(map(_as_int, index))
    products = [Product((_entry(a, *map(number, x)), _entry(b, *map(number, y)))) for r, x, y in pairs if r == wanted]
    return add(*products) if products else ZERO


Triples = Callable[[tuple[Shape, ...], Attributes], list[tuple[Shape, Shape, Shape]]]


def _conv_triples(shapes: tuple[Shape, ...], given: Attributes) -> list[tuple[Shape, Shape, Shape]]:
    output = _conv_shape(shapes, given)
    return [(o, x, k) for o, k, x in _windows(output, shapes[1], _int(given, "stride"))]


def _to_image_triples(shapes: tuple[Shape, ...], given: Attributes) -> list[tuple[Shape, Shape, Shape]]:
    return [(x, o, k) for o, k, x in _windows(shapes[0], shapes[1], _int(given, "stride"))]


def _to_kernel_triples(shapes: tuple[Shape, ...], given: Attributes) -> list[tuple[Shape, Shape, Shape]]:
    return [(k, x, o) for o, k, x in _windows(shapes[1], _shape_attribute(given), _int(given, "stride"))]


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

    def entry(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
        return _bilinear_entry(triples(tuple(map(shape_of, args)), given), args[0], args[1], index)

    return Operation(
        name, notation, (2, 2), shape, pullbacks, compute=compute, element=entry, attributes=("stride", "shape")
    )


def _conv_call(row: Operation, a: Expr, b: Expr, given: Attributes, shape: Shape | None = None) -> Call:
    stride = _int(given, "stride")
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
    lambda shapes, given: _shape_attribute(given),
    _to_image_triples,
    lambda args, given, out, upstream: (
        _conv_call(CONV2D, upstream, args[1], given),
        _conv_call(CONV2D_TO_KERNEL, upstream, args[0], given, shape_of(args[1])),
    ),
)
CONV2D_TO_KERNEL: Operation = _bilinear_row(
    "conv2d_to_kernel",
    FunctionNotation("conv2d_to_kernel"),
    lambda shapes, given: _shape_attribute(given),
    _to_kernel_triples,
    lambda args, given, out, upstream: (
        _conv_call(CONV2D_TO_IMAGE, args[1], upstream, given, shape_of(args[0])),
        _conv_call(CONV2D, args[0], upstream, given),
    ),
)

SPOKEN = {
    row.name: row for row in (EXP, LN, SQRT, SIN, COS, ABS, MAX, MIN, SUM, RELU, LEAKY_RELU, SIGMOID, TANH, LINEAR)
}
"""The functions that a spec may call, by the name that it calls them by."""

ALIASES = {"σ": "sigmoid", "leakyrelu": "leaky_relu", "identity": "linear", "id": "linear"}

ACTIVATIONS = tuple(row.name for row in (RELU, LEAKY_RELU, SIGMOID, TANH, LINEAR))
"""Those whose compound argument becomes a node of its own."""

ROWS = (
    *SPOKEN.values(), SIGN, RELU_PRIME, LEAKY_RELU_PRIME, POWER, HADAMARD, MATMUL, OUTER, TRANSPOSE, FILL, CONCAT,
    SLICE, PLACE, SOFTMAX, ROW_SUM, SCALE_ROWS, GATHER, SCATTER_ADD, CONV2D, CONV2D_TO_IMAGE, CONV2D_TO_KERNEL,
)  # fmt: skip


def find(name: str) -> Operation | None:
    """The row that a spec means by a name, without regard to case."""
    folded = name.casefold()
    return SPOKEN.get(ALIASES.get(folded, folded))
