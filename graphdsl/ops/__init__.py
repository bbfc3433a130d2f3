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
    "ARCCOS",
    "ARCSIN",
    "ARCTAN",
    "CONCAT",
    "CONSTANTS",
    "CONV2D",
    "CONV2D_TO_IMAGE",
    "CONV2D_TO_KERNEL",
    "COS",
    "COSH",
    "ELU",
    "ELU_PRIME",
    "ERF",
    "EXP",
    "FILL",
    "GATHER",
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
    "LOG_SUM_EXP",
    "MATMUL",
    "MAX",
    "MIN",
    "MISH",
    "OUTER",
    "PI",
    "PLACE",
    "POWER",
    "RELU",
    "RELU_PRIME",
    "ROWS",
    "ROW_SUM",
    "RSQRT",
    "SCALE_ROWS",
    "SCATTER_ADD",
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
    "STEP",
    "SUM",
    "TAN",
    "TANH",
    "TRANSPOSE",
    "call",
    "constant",
    "find",
]

# fmt: off
SPOKEN = {
    row.name: row
    for row in (
        EXP, LN, LOG, SQRT, RSQRT, SIN, COS, TAN, ARCSIN, ARCCOS, ARCTAN, SINH, COSH, ERF, ABS, SIGN, MAX, MIN, SUM,
        STEP, RELU, LEAKY_RELU, ELU, SELU, GELU, GELU_TANH, SILU, MISH, SOFTPLUS, SOFTSIGN, SIGMOID, HARD_SIGMOID, TANH,
        HARD_TANH, LINEAR,
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
        HARD_TANH, STEP, SIGN, LINEAR,
    )
)
"""Those whose compound argument becomes a node of its own."""

CONSTANTS = {"pi": PI, "π": PI}
"""Numbers that a spec may call by name, unless it gives the name a meaning of its own."""

ROWS = (
    *SPOKEN.values(), RELU_PRIME, LEAKY_RELU_PRIME, ELU_PRIME, SELU_PRIME, HARD_SIGMOID_PRIME, HARD_TANH_PRIME, PI,
    SELU_SCALE, SELU_ALPHA, LN_PROBABILITY, HUBER, LOG_SUM_EXP, SOFTMAX_ENTRY, POWER, HADAMARD, MATMUL, OUTER, TRANSPOSE, FILL, CONCAT, SLICE, PLACE, SOFTMAX, ROW_SUM,
    SCALE_ROWS, GATHER, SCATTER_ADD, CONV2D, CONV2D_TO_IMAGE, CONV2D_TO_KERNEL,
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
