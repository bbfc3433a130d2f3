"""The table of operations: one row each, with notation, definition, stable computation, pullbacks and entry; knows no graph, no page."""

from __future__ import annotations

from graphdsl.expr import Operation
from graphdsl.ops.convolution import CONV2D, CONV2D_TO_IMAGE, CONV2D_TO_KERNEL
from graphdsl.ops.elementwise import (
    ABS,
    COS,
    EXP,
    HADAMARD,
    LEAKY_RELU,
    LEAKY_RELU_PRIME,
    LINEAR,
    LN,
    MAX,
    MIN,
    POWER,
    RELU,
    RELU_PRIME,
    SIGMOID,
    SIGN,
    SIN,
    SQRT,
    TANH,
)
from graphdsl.ops.rows import call
from graphdsl.ops.tensor import (
    CONCAT,
    FILL,
    GATHER,
    MATMUL,
    OUTER,
    PLACE,
    ROW_SUM,
    SCALE_ROWS,
    SCATTER_ADD,
    SLICE,
    SOFTMAX,
    SUM,
    TRANSPOSE,
)

__all__ = [
    "ABS",
    "ACTIVATIONS",
    "ALIASES",
    "CONCAT",
    "CONV2D",
    "CONV2D_TO_IMAGE",
    "CONV2D_TO_KERNEL",
    "COS",
    "EXP",
    "FILL",
    "GATHER",
    "HADAMARD",
    "LEAKY_RELU",
    "LEAKY_RELU_PRIME",
    "LINEAR",
    "LN",
    "MATMUL",
    "MAX",
    "MIN",
    "OUTER",
    "PLACE",
    "POWER",
    "RELU",
    "RELU_PRIME",
    "ROWS",
    "ROW_SUM",
    "SCALE_ROWS",
    "SCATTER_ADD",
    "SIGMOID",
    "SIGN",
    "SIN",
    "SLICE",
    "SOFTMAX",
    "SPOKEN",
    "SQRT",
    "SUM",
    "TANH",
    "TRANSPOSE",
    "call",
    "find",
]

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
