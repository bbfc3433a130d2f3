"""The table of operations: one row each, with notation, definition, stable computation, pullbacks and entry; knows no graph, no page."""

from __future__ import annotations

from graphdsl.expr import Call, Operation
from graphdsl.ops.activations import (
    ELU,
    ELU_PRIME,
    GELU,
    GELU_TANH,
    HARD_SIGMOID,
    HARD_SIGMOID_PRIME,
    HARD_TANH,
    HARD_TANH_PRIME,
    MISH,
    SELU,
    SELU_ALPHA,
    SELU_PRIME,
    SELU_SCALE,
    SILU,
    SOFTPLUS,
    SOFTSIGN,
    STEP,
)
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
    EXP_CALLED,
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
from graphdsl.ops.functions import (
    ARCCOS,
    ARCSIN,
    ARCTAN,
    COSH,
    ERF,
    HUBER,
    LN_PROBABILITY,
    LOG,
    LOG_SUM_EXP,
    PI,
    RSQRT,
    SINH,
    SOFTMAX_ENTRY,
    TAN,
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
    "ARCCOS",
    "ARCSIN",
    "ARCTAN",
    "AVG_POOL",
    "AVG_POOL_BACK",
    "BESIDE",
    "CONCAT",
    "CONSTANTS",
    "CONV1D",
    "CONV1D_FILTERS",
    "CONV2D",
    "CONV2D_FILTERS",
    "CONV_TRANSPOSE1D",
    "CONV_TRANSPOSE2D",
    "COS",
    "COSH",
    "CROP",
    "DOT",
    "ELU",
    "ELU_PRIME",
    "ERF",
    "EXP",
    "EXP_CALLED",
    "FILL",
    "FLATTEN",
    "GELU",
    "GELU_TANH",
    "HADAMARD",
    "HARD_SIGMOID",
    "HARD_SIGMOID_PRIME",
    "HARD_TANH",
    "HARD_TANH_PRIME",
    "HUBER",
    "LEAKY_RELU",
    "LEAKY_RELU_PRIME",
    "LINEAR",
    "LN",
    "LN_PROBABILITY",
    "LOG",
    "LOGSUMEXP",
    "LOG_SOFTMAX",
    "LOG_SUM_EXP",
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
    "MISH",
    "NORM",
    "OUTER",
    "PAD",
    "PI",
    "PLACE",
    "POWER",
    "RELU",
    "RELU_PRIME",
    "RESHAPE",
    "ROWS",
    "RSQRT",
    "SELU",
    "SELU_ALPHA",
    "SELU_PRIME",
    "SELU_SCALE",
    "SIGMOID",
    "SIGN",
    "SILU",
    "SIN",
    "SINH",
    "SLICE",
    "SOFTMAX",
    "SOFTMAX_ENTRY",
    "SOFTPLUS",
    "SOFTSIGN",
    "SPOKEN",
    "SQRT",
    "STACK",
    "STD",
    "STEP",
    "SUM",
    "TAN",
    "TANH",
    "TENSOR_FUNCTIONS",
    "TRANSPOSE",
    "VARIANCE",
    "call",
    "constant",
    "find",
    "part_attributes",
    "transposed_shape",
]

# fmt: off
TENSOR_FUNCTIONS = (
    SUM, MEAN, VARIANCE, STD, NORM, LOGSUMEXP, SOFTMAX, LOG_SOFTMAX, DOT, OUTER, TRANSPOSE, CONCAT, STACK, RESHAPE,
    FLATTEN, PAD, CROP, MAX_POOL, AVG_POOL, CONV1D, CONV2D, CONV_TRANSPOSE1D, CONV_TRANSPOSE2D,
)

SPOKEN = {
    row.name: row
    for row in (
        EXP, LN, LOG, SQRT, RSQRT, SIN, COS, TAN, ARCSIN, ARCCOS, ARCTAN, SINH, COSH, ERF, ABS, SIGN, MAX, MIN, STEP,
        RELU, LEAKY_RELU, ELU, SELU, GELU, GELU_TANH, SILU, MISH, SOFTPLUS, SOFTSIGN, SIGMOID, HARD_SIGMOID, TANH,
        HARD_TANH, LINEAR, *TENSOR_FUNCTIONS,
    )
}
"""The functions that a spec may call, by the name that it calls them by."""

ALIASES = {
    "σ": "sigmoid", "logistic": "sigmoid", "leakyrelu": "leaky_relu", "identity": "linear", "id": "linear",
    "swish": "silu", "hardtanh": "hard_tanh", "hardsigmoid": "hard_sigmoid", "sgn": "sign", "heaviside": "step",
    "atan": "arctan", "asin": "arcsin", "acos": "arccos",
}

ACTIVATIONS = tuple(
    row.name
    for row in (
        RELU, LEAKY_RELU, ELU, SELU, GELU, GELU_TANH, SILU, MISH, SOFTPLUS, SOFTSIGN, SIGMOID, HARD_SIGMOID, TANH,
        HARD_TANH, STEP, SIGN, LINEAR, SOFTMAX, LOG_SOFTMAX,
    )
)
"""Those whose compound argument becomes a node of its own."""

CONSTANTS = {"pi": PI, "π": PI}
"""Numbers that a spec may call by name, unless it gives the name a meaning of its own."""

ROWS = (
    *SPOKEN.values(), RELU_PRIME, LEAKY_RELU_PRIME, ELU_PRIME, SELU_PRIME, HARD_SIGMOID_PRIME, HARD_TANH_PRIME, PI,
    SELU_SCALE, SELU_ALPHA, LN_PROBABILITY, HUBER, LOG_SUM_EXP, SOFTMAX_ENTRY, POWER, HADAMARD, MATMUL, FILL, BESIDE,
    SLICE, PLACE, MAX_OF, MAX_OF_BACK, MAX_OF_PICK, MIN_OF, MIN_OF_BACK, MIN_OF_PICK, MAX_POOL_BACK, MAX_POOL_PICK,
    AVG_POOL_BACK, CONV1D_FILTERS, CONV2D_FILTERS,
)
# fmt: on


def find(name: str) -> Operation | None:
    """The row that a spec means by a name, without regard to case."""
    folded = name.casefold()
    return SPOKEN.get(ALIASES.get(folded, folded))


def constant(name: str) -> Call | None:
    """The number that bears a name, if there is one."""
    row = CONSTANTS.get(name)
    return None if row is None else call(row)
