"""A kind of network and a seed -> the text of a spec to start from, with comments and nice numbers; computes only whether units are alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from graphdsl.diagnostics import did_you_mean
from graphdsl.draws import Stream
from graphdsl.ops import ACTIVATIONS, RELU, find

DEFAULT_SIZES = (2, 2, 1)
DEFAULT_ACTIVATION = "sigmoid"
MOST_NUMBERS = 150
"""A starting spec is written out in full; there are only so many different numbers of two decimals."""

_MOST_TRIES = 200


class StarterMistake(Exception):
    """A spec of this kind cannot be begun; says why in the user's words."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: the sizes of the layers, inputs first, the activation of the hidden ones, and the seed."""

    sizes: tuple[int, ...]
    activation: str
    seed: int


def starter(kind: str, sizes: str = "", activation: str = "", seed: int = 1) -> str:
    """The text of a spec. Sizes are written `2-2-1`; only the kind mlp takes sizes and an activation."""
    if kind not in KINDS:
        raise StarterMistake(f"there is no kind `{kind}`; known: {', '.join(KINDS)}", did_you_mean(kind, KINDS))
    if kind != "mlp" and (sizes or activation):
        raise StarterMistake(f"`{kind}` takes no sizes and no activation", "change the spec to your needs afterwards")
    return KINDS[kind](Wanted(_sizes(sizes), _activation(activation), seed))


def _sizes(written: str) -> tuple[int, ...]:
    parts = written.split("-") if written else []
    sizes = tuple(int(p) for p in parts if p.isascii() and p.isdigit() and len(p) < 5) if written else DEFAULT_SIZES
    if len(sizes) != len(parts or sizes) or len(sizes) < 2 or not all(sizes):
        raise StarterMistake(
            f"`{written}` does not say the sizes of layers", "for example 2-2-1: inputs, units, outputs"
        )
    numbers = sum((a + 1) * b for a, b in pairwise(sizes)) + sizes[0] + sizes[-1]
    if numbers > MOST_NUMBERS:
        hint = "for a larger net write `init weights = xavier, biases = 0, seed = 1`"
        raise StarterMistake(f"a net {written} has {numbers:,} numbers, too many to be written out", hint)
    return sizes


def _activation(written: str) -> str:
    row = find(written or DEFAULT_ACTIVATION)
    if row is None or row.name not in ACTIVATIONS:
        raise StarterMistake(f"there is no activation `{written}`", did_you_mean(written, ACTIVATIONS))
    return row.name


# Numbers.


class _Numbers:
    """Different numbers other than 0: of one decimal as long as there are some, at first no opposite ones; then of two."""

    def __init__(self, seed: int):
        self.stream = Stream(seed)
        self.used: set[Decimal] = set()

    def next(self, low: str = "-0.9", high: str = "0.9") -> Decimal:
        for places, opposite in (("0.1", False), ("0.1", True), ("0.01", True)):
            numbers = [n for n in _between(Decimal(low), Decimal(high), Decimal(places)) if n and n not in self.used]
            free = [n for n in numbers if opposite or -n not in self.used]
            if free:
                chosen = free[int(self.stream.next().value * len(free))]
                self.used.add(chosen)
                return chosen
        raise AssertionError("MOST_NUMBERS is less than there are numbers")

    def several(self, count: int, low: str = "-0.9", high: str = "0.9") -> list[Decimal]:
        return [self.next(low, high) for _ in range(count)]

    def matrix(self, rows: int, columns: int) -> list[list[Decimal]]:
        return [self.several(columns) for _ in range(rows)]


def _between(low: Decimal, high: Decimal, step: Decimal) -> list[Decimal]:
    return [low + step * i for i in range(int((high - low) / step) + 1)]


def _row(numbers: Sequence[Decimal]) -> str:
    return ", ".join(_plain(n) for n in numbers)


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")


def _rows(matrix: Sequence[Sequence[Decimal]]) -> str:
    """A matrix in brackets, in one line."""
    return f"[{'; '.join(map(_row, matrix))}]"


def _block(matrix: Sequence[Sequence[Decimal]], indent: int) -> str:
    """A matrix in brackets, a row in each line, its columns aligned at the right."""
    width = max(len(_plain(n)) for row in matrix for n in row)
    lines = [", ".join(f"{_plain(n):>{width}}" for n in row) for row in matrix]
    return f"[{(';' + chr(10) + ' ' * (indent + 1)).join(lines)}]"


def _alive(seed: int, make: Callable[[_Numbers], tuple[str, bool]]) -> str:
    """The first text, of the seed's own and those after it, whose units are alive."""
    for i in range(_MOST_TRIES):
        text, alive = make(_Numbers(seed * 1_000 + i))
        if alive:
            return text
    raise AssertionError("one try in a few has a live unit")


# The kinds.

_TARGETS = {"sigmoid": ("0.1", "0.9"), "tanh": ("-0.9", "0.9")}


def _mlp(wanted: Wanted) -> str:
    return _alive(wanted.seed, lambda numbers: _mlp_with(numbers, wanted))


def _mlp_with(numbers: _Numbers, wanted: Wanted) -> tuple[str, bool]:
    sizes, activation = wanted.sizes, wanted.activation
    bounded = activation in _TARGETS
    names = [*_hidden(len(sizes) - 2), "output"]
    inputs = numbers.several(sizes[0])
    target = numbers.several(sizes[-1], *_TARGETS.get(activation, ("0.1", "0.9")))
    weights = [numbers.matrix(b, a) for a, b in pairwise(sizes)]
    biases = [numbers.several(size) for size in sizes[1:]]
    heads = [f"{name}[{size}]" for name, size in zip(names, sizes[1:], strict=True)]
    last = activation if bounded else "linear"
    kinds = [activation] * (len(names) - 1) + [last]
    width, wide = max(map(len, heads)), max(map(len, kinds))
    layers = [
        f"layer  {head:<{width}} {kind:<{wide}} {{ weights = {_rows(w)}; biases = [{_row(b)}] }}"
        for head, kind, w, b in zip(heads, kinds, weights, biases, strict=True)
    ]
    size = "-".join(map(str, sizes))
    text = f"""\
# A network of layers. `graphdsl solve` works it out, `graphdsl check` only looks for mistakes.
title  "A {size} network with {activation} units"

# One sample: what goes in, and what should come out.
input  x = [{_row(inputs)}]
target t = [{_row(target)}]

# In `weights` each unit has a row, in it a number for each unit of the layer before.
{chr(10).join(layers)}

# E = 1/2 * (t - output)^2, summed over the outputs.
loss   half_squared_error
train  sgd {{ eta = {"0.5" if bounded else "0.1"}, steps = 1 }}

# How numbers are shown. With `carry = displayed` each is rounded before it is used again, as by hand.
numbers {{ decimals = 4 }}
"""
    return text, activation != RELU.name or _fires(inputs, weights[:-1], biases[:-1])


def _hidden(count: int) -> list[str]:
    return ["hidden"] if count == 1 else [f"hidden{i}" for i in range(1, count + 1)]


def _fires(values: list[Decimal], weights: list[list[list[Decimal]]], biases: list[list[Decimal]]) -> bool:
    """Whether in each of these layers of relu units one at least is not 0."""
    for matrix, bias in zip(weights, biases, strict=True):
        totals = [sum(map(lambda w, x: w * x, row, values), b) for row, b in zip(matrix, bias, strict=True)]
        values = [max(Decimal(0), total) for total in totals]
        if not any(values):
            return False
    return True


def _circuit(wanted: Wanted) -> str:
    x, y, z, w = _Numbers(wanted.seed).several(4)
    return f"""\
# A circuit: each line names what an operation gives. `graphdsl draw --view graph` shows it.
title "A small circuit"
input x = {_plain(x)}, y = {_plain(y)}, z = {_plain(z)}, w = {_plain(w)}

s = x + y
p = s * z
f = tanh(p + w*x)  # x is used twice: its derivative is the sum over both ways

# The derivatives of f by everything that it depends on.
gradient f
"""


def _rnn(wanted: Wanted) -> str:
    numbers = _Numbers(wanted.seed)
    x, d = numbers.several(2), numbers.several(2)
    U, W, b, V = numbers.matrix(2, 2), numbers.several(2), numbers.several(2), numbers.several(2)
    c = numbers.next()
    return f"""\
# A recurrent network, unrolled for two steps: backpropagation through time.
title  "A recurrent network of two units, two steps"

# A number goes in at each step, and one should come out.
input  x = [{_row(x)}]
target d = [{_row(d)}]

# The same parameters at every step: from the input, from the state before, to the output.
param  W = [{_row(W)}], U = {_rows(U)}, b = [{_row(b)}]
param  V = [{_row(V)}], c = {_plain(c)}

h[0] = [0, 0]
for s in 1..2 {{
  h[s] = tanh(W*x[s] + U @ h[s-1] + b)
  y[s] = V @ h[s] + c
}}

loss   L = sum(s in 1..2, 1/2*(d[s] - y[s])^2)
train  sgd {{ eta = 0.1, steps = 1 }}
"""


def _cnn(wanted: Wanted) -> str:
    return _alive(wanted.seed, _cnn_with)


def _cnn_with(numbers: _Numbers) -> tuple[str, bool]:
    X, K, b = numbers.matrix(4, 4), numbers.matrix(2, 2), numbers.next("0.1", "0.9")
    V, c = numbers.several(4), numbers.several(1)
    maps = [sum((K[m][n] * X[i + m][j + n] for m in range(2) for n in range(2)), b) for i in range(3) for j in range(3)]
    text = f"""\
# A convolutional network: a filter, relu, pooling, and a layer over what is left.
title  "A 2x2 filter, 2x2 max pooling, one output"
input  X = {_block(X, 11)}
target t = {_plain(numbers.next("0.1", "0.9"))}

param  K = {_block(K, 11)}
param  b = {_plain(b)}
param  V = [{_row(V)}], c = {_plain(c[0])}

C = conv2d(X, K) + b  # 3x3; the filter is laid on as it is (correlation)
P = max_pool(relu(C), size = 2, stride = 1)
y = sigmoid(V @ flatten(P) + c)

loss   E = 1/2 * (t - y)^2
train  sgd {{ eta = 0.5, steps = 1 }}
"""
    return text, any(m > 0 for m in maps)


def _attention(wanted: Wanted) -> str:
    numbers = _Numbers(wanted.seed)
    X = numbers.matrix(3, 2)
    Q, K, V = (numbers.matrix(2, 2) for _ in range(3))
    return f"""\
# One head of self-attention over three tokens of size 2; a row for each token.
title "One attention head"
input X = {_block(X, 10)}

# Queries, keys and values are X times these.
param W_Q = {_rows(Q)}
param W_K = {_rows(K)}
param W_V = {_rows(V)}
const d_k = 2

Q = X @ W_Q
K = X @ W_K
V = X @ W_V
S = Q @ K^T / sqrt(d_k)
A = softmax(S, by = row)  # how much each token looks at each
Z = A @ V

# The derivatives of one number; `loss` and `train` would change the weights.
f = sum(Z)
gradient f wrt W_Q, W_K, W_V
"""


KINDS: Mapping[str, Callable[[Wanted], str]] = {
    "mlp": _mlp,
    "circuit": _circuit,
    "rnn": _rnn,
    "cnn": _cnn,
    "attention": _attention,
}
