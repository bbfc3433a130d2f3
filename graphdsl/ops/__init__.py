"""The table of operations: one row each, with notation, definition, stable computation, pullbacks and entry; knows no graph, no page."""

from __future__ import annotations

from graphdsl.expr import Operation
from graphdsl.ops.convolution import (
    CONV1D,
    CONV1D_FILTERS,
    CONV2D,
    CONV2D_FILTERS,
    CONV_TRANSPOSE1D,
    CONV_TRANSPOSE2D,
    transposed_shape,
)
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
from graphdsl.ops.pooling import AVG_POOL, AVG_POOL_BACK, MAX_POOL, MAX_POOL_BACK, MAX_POOL_PICK
from graphdsl.ops.reductions import (
    FILL,
    LOG_SOFTMAX,
    LOGSUMEXP,
    MAX_OF,
    MAX_OF_BACK,
    MAX_OF_PICK,
    MEAN,
    MIN_OF,
    MIN_OF_BACK,
    MIN_OF_PICK,
    NORM,
    SOFTMAX,
    STD,
    SUM,
    VARIANCE,
)
from graphdsl.ops.rows import call
from graphdsl.ops.tensor import (
    BESIDE,
    CONCAT,
    CROP,
    DOT,
    FLATTEN,
    MATMUL,
    OUTER,
    PAD,
    PLACE,
    RESHAPE,
    SLICE,
    STACK,
    TRANSPOSE,
    part_attributes,
)

__all__ = [
    "ABS",
    "ACTIVATIONS",
    "ALIASES",
    "AVG_POOL",
    "AVG_POOL_BACK",
    "BESIDE",
    "CONCAT",
    "CONV1D",
    "CONV1D_FILTERS",
    "CONV2D",
    "CONV2D_FILTERS",
    "CONV_TRANSPOSE1D",
    "CONV_TRANSPOSE2D",
    "COS",
    "CROP",
    "DOT",
    "EXP",
    "FILL",
    "FLATTEN",
    "HADAMARD",
    "LEAKY_RELU",
    "LEAKY_RELU_PRIME",
    "LINEAR",
    "LN",
    "LOGSUMEXP",
    "LOG_SOFTMAX",
    "MATMUL",
    "MAX",
    "MAX_OF",
    "MAX_OF_BACK",
    "MAX_OF_PICK",
    "MAX_POOL",
    "MAX_POOL_BACK",
    "MAX_POOL_PICK",
    "MEAN",
    "MIN",
    "MIN_OF",
    "MIN_OF_BACK",
    "MIN_OF_PICK",
    "NORM",
    "OUTER",
    "PAD",
    "PLACE",
    "POWER",
    "RELU",
    "RELU_PRIME",
    "RESHAPE",
    "ROWS",
    "SIGMOID",
    "SIGN",
    "SIN",
    "SLICE",
    "SOFTMAX",
    "SPOKEN",
    "SQRT",
    "STACK",
    "STD",
    "SUM",
    "TANH",
    "TENSOR_FUNCTIONS",
    "TRANSPOSE",
    "VARIANCE",
    "call",
    "find",
    "part_attributes",
    "transposed_shape",
]

TENSOR_FUNCTIONS = (
    SUM, MEAN, VARIANCE, STD, NORM, LOGSUMEXP, SOFTMAX, LOG_SOFTMAX, DOT, OUTER, TRANSPOSE, CONCAT, STACK, RESHAPE,
    FLATTEN, PAD, CROP, MAX_POOL, AVG_POOL, CONV1D, CONV2D, CONV_TRANSPOSE1D, CONV_TRANSPOSE2D,
)  # fmt: skip

SPOKEN = {
    row.name: row
    for row in (
        EXP, LN, SQRT, SIN, COS, ABS, MAX, MIN, RELU, LEAKY_RELU, SIGMOID, TANH, LINEAR, *TENSOR_FUNCTIONS,
    )
}  # fmt: skip
"""The functions that a spec may call, by the name that it calls them by."""

ALIASES = {"σ": "sigmoid", "leakyrelu": "leaky_relu", "identity": "linear", "id": "linear"}

ACTIVATIONS = tuple(row.name for row in (RELU, LEAKY_RELU, SIGMOID, TANH, LINEAR, SOFTMAX, LOG_SOFTMAX))
"""Those whose compound argument becomes a node of its own."""

ROWS = (
    *SPOKEN.values(), SIGN, RELU_PRIME, LEAKY_RELU_PRIME, POWER, HADAMARD, MATMUL, FILL, BESIDE, SLICE, PLACE,
    MAX_OF, MAX_OF_BACK, MAX_OF_PICK, MIN_OF, MIN_OF_BACK, MIN_OF_PICK, MAX_POOL_BACK, MAX_POOL_PICK, AVG_POOL_BACK,
    CONV1D_FILTERS, CONV2D_FILTERS,
)  # fmt: skip


def find(name: str) -> Operation | None:
    """The row that a spec means by a name, without regard to case."""
    folded = name.casefold()
    return SPOKEN.get(ALIASES.get(folded, folded))
