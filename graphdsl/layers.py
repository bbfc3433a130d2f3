"""A layer's name, input, weights and biases -> the nodes that it stands for; knows no statement and no number."""

from __future__ import annotations

from dataclasses import dataclass

from graphdsl import ops
from graphdsl.expr import Array, Expr, Symbol, add
from graphdsl.names import Ink, entry_key, indexed
from graphdsl.numbers import Shape, indices


@dataclass(frozen=True, slots=True)
class Dense:
    """What a dense layer computes: out = activation(z), z = weights @ inputs + bias; z is missing where it is linear."""

    z: tuple[Symbol, Expr] | None
    out: tuple[Symbol, Expr]


def dense(out: Symbol, z: Symbol, inputs: Expr, weights: Expr, bias: Expr | None, activated: Expr | None) -> Dense:
    """Shapes: inputs (n,), weights (m, n), bias (m,), a number for the whole layer, or nothing; out (m,).

    activated: the activation of z; nothing where the layer is linear.
    """
    weighted = ops.call(ops.MATMUL, weights, inputs)
    argument = add(weighted, bias) if bias is not None else weighted
    if activated is None:
        return Dense(None, (out, argument))
    return Dense((z, argument), (out, activated))


def joined(sources: tuple[Expr, ...], shapes: tuple[Shape, ...]) -> Expr:
    """The sources of a layer as one vector, in the order written."""
    if len(sources) == 1 and len(shapes[0]) == 1:
        return sources[0]
    if not any(shapes):
        return Array((len(sources),), sources)
    return ops.call(ops.CONCAT, *sources)


DEFAULT_INK = {"": "a", "z": "z", "W": "W", "b": "b"}
"""The letters of a layer's output, pre-activation, weights and biases on the page."""


def layer_symbol(layer: str, number: int, part: str, shape: Shape) -> Symbol:
    """`hidden1`, `hidden1.z`, `hidden1.W` or `hidden1.b`; on the page a⁽ᵏ⁾, z⁽ᵏ⁾, W⁽ᵏ⁾, b⁽ᵏ⁾ for the k-th layer."""
    key = f"{layer}.{part}" if part else layer
    ink = Ink(DEFAULT_INK[part], "", f"({number})")
    parts = tuple(Symbol(entry_key(key, i), (), indexed(ink, i)) for i in indices(shape)) if shape else None
    return Symbol(key, shape, ink, parts)


def lstm_step(
    x: Expr, h: Expr, c: Expr, weights: tuple[Expr, Expr, Expr, Expr], biases: tuple[Expr, Expr, Expr, Expr]
) -> tuple[Expr, Expr]:
    """One step of a long short-term memory: (h, c) after it.

    Shapes: x (n,), h and c (m,), each weight (m, m + n) over [h; x], each bias (m,), in the order forget, input,
    candidate, output. Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.
    """
    joint = ops.call(ops.CONCAT, h, x)
    forget, enter, candidate, leave = (
        ops.call(gate, add(ops.call(ops.MATMUL, w, joint), b))
        for gate, w, b in zip((ops.SIGMOID, ops.SIGMOID, ops.TANH, ops.SIGMOID), weights, biases, strict=True)
    )
    kept = add(ops.call(ops.HADAMARD, forget, c), ops.call(ops.HADAMARD, enter, candidate))
    return ops.call(ops.HADAMARD, leave, ops.call(ops.TANH, kept)), kept
