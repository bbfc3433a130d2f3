"""The modules of the library: values and gradients against PyTorch, or against the same formulas in NumPy and autograd."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from graphdsl import solve
from graphdsl.uses import library

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
TOLERANCE = 1e-10


def matrix(rows: int, columns: int, seed: int) -> list[list[float]]:
    draw = random.Random(seed)
    return [[round(draw.uniform(-1, 1), 3) for _ in range(columns)] for _ in range(rows)]


def vector(size: int, seed: int) -> list[float]:
    return matrix(1, size, seed)[0]


def written(value: Any) -> str:
    """A number, a list or a matrix as a spec has it."""
    if isinstance(value, list) and isinstance(value[0], list):
        return "[" + "; ".join(", ".join(map(str, row)) for row in value) + "]"
    return str(value)


class Spec:
    """Quantities by name, and what is computed from them, in the language and in PyTorch."""

    def __init__(self, quantities: dict[str, Any], text: str, peer: Callable[..., Any]):
        self.quantities = quantities
        self.text = "".join(f"param {k} = {written(v)}\n" for k, v in quantities.items()) + text
        self.peer = peer

    def agree(self) -> None:
        leaves = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in self.quantities.items()}
        loss = self.peer(**leaves)
        loss.backward()
        sample = solve(self.text).trace.rounds[0].samples[0]
        assert float(sample.values["E"].value) == pytest.approx(loss.item(), rel=TOLERANCE, abs=TOLERANCE)
        for name, leaf in leaves.items():
            flat = leaf.grad.flatten().tolist()
            own = [
                float(n.value) for key, n in sample.gradients["E"].items() if key == name or key.startswith(f"{name}[")
            ]
            assert own == pytest.approx(flat, rel=TOLERANCE, abs=TOLERANCE), name


X2, H2, C2 = vector(3, 1), vector(2, 2), vector(2, 3)
GATES = ("f", "i", "c", "o")


def _lstm(first: str) -> Callable[..., Any]:
    def peer(x: Any, h: Any, c: Any, **p: Any) -> Any:
        v = torch.cat([h, x] if first == "h" else [x, h])
        f, i, g, o = (p[f"W{k}"] @ v + p[f"b{k}"] for k in GATES)
        kept = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return (torch.sigmoid(o) * torch.tanh(kept)).sum() + (kept**2).sum()

    return peer


def _gru(new: bool) -> Callable[..., Any]:
    def peer(x: Any, h: Any, **p: Any) -> Any:
        z, r = (torch.sigmoid(p[f"W{k}"] @ x + p[f"U{k}"] @ h + p[f"b{k}"]) for k in "zr")
        n = torch.tanh(p["Wh"] @ x + p["Uh"] @ (r * h) + p["bh"])
        found = (1 - z) * h + z * n if new else z * h + (1 - z) * n
        return (found**2).sum()

    return peer


def _heads(X: Any, Wq: Any, Wk: Any, Wv: Any, Wo: Any) -> Any:
    q, k, v = ((X @ W).reshape(4, 2, 2).transpose(0, 1) for W in (Wq, Wk, Wv))
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    return ((heads.transpose(0, 1).reshape(4, 4) @ Wo) ** 2).sum()


def _options(names: dict[str, str]) -> str:
    return ", ".join(f"{own} = {given}" for own, given in names.items())


LSTM = {f"W{k}": matrix(2, 5, i) for i, k in enumerate(GATES)} | {
    f"b{k}": vector(2, i + 9) for i, k in enumerate(GATES)
}
GRU = (
    {f"W{k}": matrix(2, 3, i) for i, k in enumerate("zrh")}
    | {f"U{k}": matrix(2, 2, i + 5) for i, k in enumerate("zrh")}
    | {f"b{k}": vector(2, i + 9) for i, k in enumerate("zrh")}
)
ROWS = {"X": matrix(4, 3, 5)}
MASK = [[0, -50, -50, 0], [0, 0, -50, -50], [0, 0, 0, -50], [0, 0, 0, 0]]


def _same(names: dict[str, Any]) -> str:
    return _options({k: k for k in names})


CASES: dict[str, Spec] = {
    "dense": Spec(
        {"x": X2, "W": matrix(2, 3, 1), "b": vector(2, 4)},
        "y = dense(x, units = 2, W = W, b = b)\nloss E = sum(y^2)\n",
        lambda x, W, b: (torch.nn.functional.linear(x, W, b) ** 2).sum(),
    ),
    "rnn": Spec(
        {"x": X2, "h": H2, "W": matrix(2, 3, 1), "U": matrix(2, 2, 4), "b": vector(2, 6)},
        "cell = rnn(units = 2, W = W, U = U, b = b)\ng = cell(x, h)\nloss E = sum(g^2)\n",
        lambda x, h, W, U, b: (torch.tanh(W @ x + U @ h + b) ** 2).sum(),
    ),
    "lstm": Spec(
        {"x": X2, "h": H2, "c": C2, **LSTM},
        f"cell = lstm(units = 2, {_same(LSTM)})\ng, k = cell(x, h, c)\nloss E = sum(g) + sum(k^2)\n",
        _lstm("h"),
    ),
    "lstm_xh": Spec(
        {"x": X2, "h": H2, "c": C2, **LSTM},
        f"cell = lstm_xh(units = 2, {_same(LSTM)})\ng, k = cell(x, h, c)\nloss E = sum(g) + sum(k^2)\n",
        _lstm("x"),
    ),
    "gru": Spec(
        {"x": X2, "h": H2, **GRU},
        f"cell = gru(units = 2, {_same(GRU)})\ng = cell(x, h)\nloss E = sum(g^2)\n",
        _gru(new=False),
    ),
    "gru_new": Spec(
        {"x": X2, "h": H2, **GRU},
        f"cell = gru_new(units = 2, {_same(GRU)})\ng = cell(x, h)\nloss E = sum(g^2)\n",
        _gru(new=True),
    ),
    "attention": Spec(
        {"Q": matrix(4, 3, 1), "K": matrix(4, 3, 2), "V": matrix(4, 2, 3)},
        "Z = attention(Q, K, V)\nloss E = sum(Z^2)\n",
        lambda Q, K, V: (torch.nn.functional.scaled_dot_product_attention(Q, K, V) ** 2).sum(),
    ),
    "masked_attention": Spec(
        {"Q": matrix(4, 3, 1), "K": matrix(4, 3, 2), "V": matrix(4, 2, 3)},
        f"const M = {written(MASK)}\nZ = masked_attention(Q, K, V, M)\nloss E = sum(Z^2)\n",
        lambda Q, K, V: (
            torch.nn.functional.scaled_dot_product_attention(Q, K, V, attn_mask=torch.tensor(MASK, dtype=torch.float64))
            ** 2
        ).sum(),
    ),
    "self_attention": Spec(
        {**ROWS, "q": matrix(3, 2, 1), "k": matrix(3, 2, 2), "v": matrix(3, 2, 3)},
        "Z = self_attention(X, size_k = 2, size_v = 2, Wq = q, Wk = k, Wv = v)\nloss E = sum(Z^2)\n",
        lambda X, q, k, v: (torch.nn.functional.scaled_dot_product_attention(X @ q, X @ k, X @ v) ** 2).sum(),
    ),
    "multi_head_attention": Spec(
        {
            **ROWS,
            **(heads := {"Wq": matrix(3, 4, 1), "Wk": matrix(3, 4, 2), "Wv": matrix(3, 4, 3), "Wo": matrix(4, 3, 8)}),
        },
        f"Y = multi_head_attention(X, heads = 2, size_k = 2, size_v = 2, {_same(heads)})\nloss E = sum(Y^2)\n",
        _heads,
    ),
    "layer_norm": Spec(
        {"x": vector(4, 1), "g": vector(4, 2), "b": vector(4, 3)},
        "y = layer_norm(x, gamma = g, beta = b)\nloss E = sum(y^3)\n",
        lambda x, g, b: (torch.nn.functional.layer_norm(x, (4,), g, b, 1e-5) ** 3).sum(),
    ),
    "batch_norm": Spec(
        {**ROWS, "g": vector(3, 2), "b": vector(3, 3)},
        "Y = batch_norm(X, gamma = g, beta = b)\nloss E = sum(Y^3)\n",
        lambda X, g, b: (torch.nn.functional.batch_norm(X, None, None, g, b, training=True, eps=1e-5) ** 3).sum(),
    ),
    "dropout": Spec(
        {"x": vector(4, 1)},
        "y = dropout(x, [1, 0, 1, 1]; keep = 0.75)\nloss E = sum(y^2)\n",
        lambda x: ((x * torch.tensor([1.0, 0, 1, 1], dtype=torch.float64) / 0.75) ** 2).sum(),
    ),
    "residual": Spec(
        {"x": X2, "V": matrix(4, 3, 1), "c": vector(4, 2), "W": matrix(3, 4, 3), "d": vector(3, 4)},
        "y = residual(x, units = 4, W1 = V, b1 = c, W2 = W, b2 = d)\nloss E = sum(y^2)\n",
        lambda x, V, c, W, d: (torch.relu(W @ torch.relu(V @ x + c) + d + x) ** 2).sum(),
    ),
}


def test_every_module_of_the_library_is_tried() -> None:
    assert set(CASES) == set(library())


@pytest.mark.parametrize("name", CASES)
def test_a_module_agrees_with_pytorch(name: str) -> None:
    CASES[name].agree()
