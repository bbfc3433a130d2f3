"""Every row of the table of operations -> arguments to try it on, and the same operation in PyTorch.

A new row gets a line in TORCH, and, if it does not act entry by entry, one in TRIALS. The functions of one number that a
spec may call are compared with their peers in `test_functions`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from graphdsl import ops
from graphdsl.expr import Attribute, Operation
from graphdsl.numbers import Shape

MATRIX = (2, 3)
Trial = tuple[tuple[Shape, ...], dict[str, Attribute]]

ENTRYWISE = [row for row in ops.SPOKEN.values() if row.elementwise and row.arity == (1, 1)]
"""The functions of one number that a spec may call."""

POSITIVE = {"ln", "log", "sqrt", "rsqrt", "power", "arcsin", "arccos", "ln of a probability"}
"""Rows that are tried on positive numbers only."""

LARGEST = {"arcsin": 900, "arccos": 900, "ln of a probability": 900}
"""In thousandths, for rows that take no number above 1."""

ALL: dict[str, Attribute] = {}
LANES: list[Trial] = [
    (((3,),), ALL),
    ((MATRIX,), ALL),
    ((MATRIX,), {"by": "row"}),
    ((MATRIX,), {"by": "column"}),
    (((2, 2, 3),), {"by": "channel"}),
]
POOLS: list[Trial] = [
    (((5,),), {"size": 2}),
    (((4, 4),), {"size": 2}),
    (((4, 5),), {"size": 3, "stride": 1, "padding": 1}),
    (((2, 4, 4),), {"size": 2, "stride": 2}),
]


def _part(at: str, drop: tuple[int, ...], *axes: tuple[int, ...]) -> dict[str, Attribute]:
    return dict(ops.part_attributes(at, axes, drop))


PARTS: list[tuple[Shape, dict[str, Attribute]]] = [
    ((4,), _part("2..3", (), (2, 3))),
    ((3, 4), _part("1..2,3", (2,), (1, 2), (3,))),
    ((3, 2), _part("[3,1,3]", (), (3, 1, 3), (1, 2))),
    ((2, 2, 3), _part("2", (1,), (2,), (1, 2), (1, 2, 3))),
]
PART_SHAPES: list[Shape] = [(2,), (2,), (3, 2), (2, 3)]

Filters = tuple[Shape, Shape, Shape, dict[str, Attribute]]
"""Image, filters, what comes out, settings."""

FILTERS_1D: list[Filters] = [
    ((5,), (2,), (4,), {}),
    ((6,), (3,), (3,), {"stride": 2, "padding": 1, "flip": 1}),
    ((2, 5), (2, 3), (3,), {}),
    ((2, 5), (3, 2, 3), (3, 3), {"stride": 2, "padding": 1}),
]
FILTERS_2D: list[Filters] = [
    ((3, 4), (2, 2), (2, 3), {}),
    ((5, 5), (3, 3), (3, 3), {"stride": 2, "padding": 1}),
    ((4, 4), (2, 3), (3, 2), {"flip": 1}),
    ((2, 3, 3), (2, 2, 2), (2, 2), {}),
    ((2, 3, 3), (2, 2, 2, 2), (2, 2, 2), {}),
    ((2, 3, 4), (2, 2, 2, 2), (2, 2, 3), {"stride": 2, "padding": 1, "flip": 1}),
]


def _convolutions(name: str, transposed: str, filters: list[Filters]) -> dict[str, list[Trial]]:
    return {
        name: [((image, kernel), given) for image, kernel, _, given in filters],
        transposed: [((out, kernel), {**given, "shape": image}) for image, kernel, out, given in filters],
        f"{name}_filters": [((out, image), {**given, "shape": kernel}) for image, kernel, out, given in filters],
    }


def _pooled(row: Operation, shape: Shape, given: dict[str, Attribute]) -> Shape:
    return row.shape((shape,), given)


TRIALS: dict[str, list[Trial]] = {
    "log": [(((),), {"base": Decimal(2)}), ((MATRIX,), {"base": Decimal(2)})],
    "logsumexp of numbers": [(((), (), ()), ALL)],
    "softmax of numbers": [(((), (), ()), {"entry": 2})],
    **{letter.name: [((), ALL)] for letter in (ops.PI, ops.SELU_SCALE, ops.SELU_ALPHA)},
    "max": [(((), ()), ALL), ((MATRIX, MATRIX), ALL), (((3,), (3,), ()), ALL), (((),), ALL)],
    "min": [(((), ()), ALL), ((MATRIX, MATRIX), ALL), (((3,), (3,), ()), ALL)],
    "@": [(s, ALL) for s in (((2, 3), (3, 2)), ((2, 3), (3,)), ((3,), (3, 2)), ((3,), (3,)))],
    "⊙": [((MATRIX, MATRIX), ALL)],
    "dot": [(((3,), (3,)), ALL)],
    "outer": [(((2,), (3,)), ALL)],
    "transpose": [((MATRIX,), ALL)],
    "reshape": [((MATRIX,), {"shape": (3, 2), "to": "3×2"}), (((12,),), {"shape": (2, 2, 3), "to": "2×2×3"})],
    "flatten": [((MATRIX,), ALL), (((2, 2, 3),), ALL)],
    "concat": [(((2,), (), (3,)), ALL), (((2, 3), (1, 3)), ALL)],
    "beside": [(((2, 3), (2, 1)), ALL)],
    "stack": [(((3,), (3,)), ALL), (((), ()), ALL), ((MATRIX, MATRIX), ALL)],
    "slice": [((shape,), given) for shape, given in PARTS],
    "place": [((PART_SHAPES[i],), {**given, "shape": shape}) for i, (shape, given) in enumerate(PARTS)],
    "pad": [((s,), {"border": 1}) for s in ((3,), (2, 2), (2, 2, 3))],
    "crop": [((s,), {"border": 1}) for s in ((4,), (3, 4), (2, 3, 4))],
    "fill": [
        (((),), {"shape": MATRIX}),
        (((2,),), {"shape": MATRIX, "by": "row"}),
        (((3,),), {"shape": MATRIX, "by": "column"}),
        (((2,),), {"shape": (2, 2, 3), "by": "channel"}),
    ],
    **{row.name: LANES for row in (ops.SUM, ops.MEAN, ops.VARIANCE, ops.STD, ops.NORM, ops.LOGSUMEXP)},
    **{row.name: LANES for row in (ops.MAX_OF, ops.MIN_OF)},
    **{
        back.name: [((_pooled(row, s, given), s), given) for (s,), given in LANES]
        for row, back in ((ops.MAX_OF, ops.MAX_OF_BACK), (ops.MIN_OF, ops.MIN_OF_BACK))
    },
    **{pick.name: [((s, s), given) for (s,), given in LANES] for pick in (ops.MAX_OF_PICK, ops.MIN_OF_PICK)},
    **{row.name: [*LANES, (((3,),), {"base": Decimal(2)})] for row in (ops.SOFTMAX, ops.LOG_SOFTMAX)},
    "max_pool": POOLS,
    "avg_pool": POOLS,
    "max_pool_back": [((_pooled(ops.MAX_POOL, s, given), s), given) for (s,), given in POOLS],
    "max_pool_pick": [((s, s), given) for (s,), given in POOLS],
    "avg_pool_back": [((_pooled(ops.AVG_POOL, s, given),), {**given, "shape": s}) for (s,), given in POOLS],
    **_convolutions("conv1d", "conv_transpose1d", FILTERS_1D),
    **_convolutions("conv2d", "conv_transpose2d", FILTERS_2D),
}


def trials(row: Operation) -> list[Trial]:
    """Shapes and attributes; of a row that acts on each entry, numbers and matrices."""
    return TRIALS.get(row.name) or [(((),) * row.arity[0], ALL), ((MATRIX,) * row.arity[0], ALL)]


def every_trial() -> list[tuple[Operation, tuple[Shape, ...], dict[str, Attribute]]]:
    return [(row, *trial) for row in ops.ROWS for trial in trials(row)]


def called(value: object) -> str:
    """How a parameter of a test is named."""
    return value.name if isinstance(value, Operation) else str(value).replace(" ", "")


# The same in PyTorch. Its tensors have no types here.

Peer = Callable[..., Any]
AXES = {"row": (1,), "column": (0,), "channel": (1, 2)}


def _axes(x: Any, given: dict[str, Attribute]) -> tuple[int, ...]:
    return AXES[str(given["by"])] if "by" in given else tuple(range(x.ndim))


def _spread(v: Any, x: Any, given: dict[str, Attribute]) -> Any:
    for axis in sorted(_axes(x, given)):
        v = v.unsqueeze(axis)
    return v


def _index(torch: Any, given: dict[str, Attribute]) -> tuple[Any, ...]:
    axes = [given[f"axis{i}"] for i in range(1, 5) if f"axis{i}" in given]
    lists = [torch.tensor([i - 1 for i in axis]) for axis in axes]  # type: ignore[union-attr]
    return tuple(torch.meshgrid(*lists, indexing="ij"))


def _slice(torch: Any, x: Any, given: dict[str, Attribute]) -> Any:
    found = x[_index(torch, given)]
    for axis in sorted(given["drop"], reverse=True):  # type: ignore[arg-type]
        found = found.squeeze(axis - 1)
    return found


def _adjoint(forward: Peer, at: int = 0) -> Peer:
    """The peer of a row's way back: the gradient of the forward row by its input of the shape that is said."""

    def back(torch: Any, upstream: Any, *rest: Any) -> Any:
        *others, given = rest
        x = torch.zeros(given["shape"], dtype=torch.float64, requires_grad=True) if "shape" in given else others[-1]
        inputs = [x] if not others or "shape" not in given else [x, *others] if at == 0 else [*others, x]
        out = forward(torch, *inputs, {k: v for k, v in given.items() if k != "shape"})
        return torch.autograd.grad(out, x, upstream.reshape(out.shape), create_graph=True)[0]

    return back


def _extreme(name: str) -> Peer:
    def of(torch: Any, x: Any, given: dict[str, Attribute]) -> Any:
        return getattr(torch, name)(x, dim=_axes(x, given))

    return of


def _picked(forward: Peer) -> Peer:
    """g where the forward row takes its entry: the derivative of the row in the direction g."""

    def pick(torch: Any, g: Any, x: Any, given: dict[str, Attribute]) -> Any:
        probe = x.detach().clone().requires_grad_()
        out = forward(torch, probe, given)
        flat = out.reshape(-1)
        masks = [torch.autograd.grad(flat[i], probe, retain_graph=True)[0] for i in range(len(flat))]
        return torch.stack([(m * g).sum() for m in masks]).reshape(out.shape)

    return pick


def _back_of_extreme(forward: Peer) -> Peer:
    def back(torch: Any, upstream: Any, x: Any, given: dict[str, Attribute]) -> Any:
        probe = x.detach().clone().requires_grad_()
        out = forward(torch, probe, given)
        flat = out.reshape(-1)
        masks = [torch.autograd.grad(flat[i], probe, retain_graph=True)[0] for i in range(len(flat))]
        return sum(m * u for m, u in zip(masks, upstream.reshape(-1), strict=True))

    return back


def _pool(kind: str) -> Peer:
    def of(torch: Any, x: Any, given: dict[str, Attribute]) -> Any:
        places = min(x.ndim, 2)
        whole = x.reshape((1,) * (2 + places - x.ndim) + x.shape) if x.ndim < 3 else x.unsqueeze(0)
        size = given["size"]
        found = getattr(torch.nn.functional, f"{kind}_pool{places}d")(
            whole, size, given.get("stride", size), given.get("padding", 0)
        )
        return found.reshape(found.shape[2 + places - x.ndim :] if x.ndim < 3 else found.shape[1:])

    return of


def _conv(places: int) -> Peer:
    def of(torch: Any, x: Any, k: Any, given: dict[str, Attribute]) -> Any:
        image = x.reshape((1,) * (places + 2 - x.ndim) + x.shape)
        kernel = k.reshape((1,) * (places + 2 - k.ndim) + k.shape)
        if given.get("flip"):
            kernel = kernel.flip(tuple(range(2, 2 + places)))
        found = getattr(torch.nn.functional, f"conv{places}d")(
            image, kernel, stride=given.get("stride", 1), padding=given.get("padding", 0)
        )[0]
        return found if k.ndim == places + 2 else found[0]

    return of


def _by_softmax(name: str) -> Peer:
    def of(torch: Any, x: Any, given: dict[str, Attribute]) -> Any:
        import math

        scaled = x * math.log(float(given["base"])) if "base" in given else x  # type: ignore[arg-type]
        axes = _axes(x, given)
        found = scaled - _spread(torch.logsumexp(scaled, axes), x, given)
        return torch.exp(found) if name == "softmax" else found

    return of


def _number(value: str) -> Peer:
    return lambda torch, given: torch.tensor(float(Decimal(value)), dtype=torch.float64, requires_grad=True)


def _fold(function: str) -> Peer:
    def of(torch: Any, first: Any, *rest: Any) -> Any:
        for other in rest[:-1]:
            first = getattr(torch, function)(first, other)
        return first

    return of


_MAX_POOL, _AVG_POOL, _CONV1D, _CONV2D = _pool("max"), _pool("avg"), _conv(1), _conv(2)
_LARGEST, _SMALLEST = _extreme("amax"), _extreme("amin")

SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

TORCH: dict[str, Peer] = {
    "max": _fold("maximum"),
    "min": _fold("minimum"),
    "relu'": lambda torch, x, given: (x > 0).double() + 0 * x,
    "leaky_relu'": lambda torch, x, given: (x > 0).double() * 0.99 + 0.01 + 0 * x,
    "elu'": lambda torch, x, given: torch.where(x > 0, 1 + 0 * x, torch.exp(x)),
    "selu'": lambda torch, x, given: SCALE * torch.where(x > 0, 1 + 0 * x, ALPHA * torch.exp(x)),
    "hard_sigmoid'": lambda torch, x, given: (abs(x) < 3).double() / 6 + 0 * x,
    "hard_tanh'": lambda torch, x, given: (abs(x) < 1).double() + 0 * x,
    "π": _number("3.141592653589793238"),
    "λ": _number(str(SCALE)),
    "α": _number(str(ALPHA)),
    "ln of a probability": lambda torch, x, given: torch.log(x),
    "huber of a difference": lambda torch, x, given: torch.nn.functional.huber_loss(x, 0 * x, reduction="none"),
    "logsumexp of numbers": lambda torch, *a: torch.logsumexp(torch.stack(a[:-1]), 0),
    "softmax of numbers": lambda torch, *a: torch.softmax(torch.stack(a[:-1]), 0)[a[-1]["entry"] - 1],
    "power": lambda torch, a, b, given: a**b,
    "@": lambda torch, a, b, given: a @ b,
    "⊙": lambda torch, a, b, given: a * b,
    "dot": lambda torch, a, b, given: torch.dot(a, b),
    "outer": lambda torch, a, b, given: torch.outer(a, b),
    "transpose": lambda torch, x, given: x.T,
    "reshape": lambda torch, x, given: x.reshape(given["shape"]),
    "flatten": lambda torch, x, given: x.flatten(),
    "concat": lambda torch, *a: torch.cat([x.reshape(-1) if x.ndim < 2 else x for x in a[:-1]]),
    "beside": lambda torch, *a: torch.cat(a[:-1], dim=1),
    "stack": lambda torch, *a: torch.stack(a[:-1]),
    "slice": _slice,
    "place": _adjoint(_slice),
    "pad": lambda torch, x, given: torch.nn.functional.pad(x, (1, 1) * min(x.ndim, 2)),
    "crop": lambda torch, x, given: x[(..., *(slice(1, -1),) * min(x.ndim, 2))],
    "sum": lambda torch, x, given: torch.sum(x, _axes(x, given)),
    "mean": lambda torch, x, given: torch.mean(x, _axes(x, given)),
    "variance": lambda torch, x, given: torch.var(x, _axes(x, given), correction=0),
    "std": lambda torch, x, given: torch.std(x, _axes(x, given), correction=0),
    "norm": lambda torch, x, given: torch.sqrt(torch.sum(x * x, _axes(x, given))),
    "logsumexp": lambda torch, x, given: torch.logsumexp(x, _axes(x, given)),
    "fill": lambda torch, v, given: (
        _spread(v, torch.zeros(given["shape"]), given) + torch.zeros(given["shape"], dtype=torch.float64)
    ),
    "softmax": _by_softmax("softmax"),
    "log_softmax": _by_softmax("log_softmax"),
    "max_of": _LARGEST,
    "max_of_back": _back_of_extreme(_LARGEST),
    "max_of_pick": _picked(_LARGEST),
    "min_of": _SMALLEST,
    "min_of_back": _back_of_extreme(_SMALLEST),
    "min_of_pick": _picked(_SMALLEST),
    "max_pool": _MAX_POOL,
    "max_pool_back": _back_of_extreme(_MAX_POOL),
    "max_pool_pick": _picked(_MAX_POOL),
    "avg_pool": _AVG_POOL,
    "avg_pool_back": _adjoint(_AVG_POOL),
    "conv1d": _CONV1D,
    "conv_transpose1d": _adjoint(_CONV1D, 0),
    "conv1d_filters": _adjoint(_CONV1D, 1),
    "conv2d": _CONV2D,
    "conv_transpose2d": _adjoint(_CONV2D, 0),
    "conv2d_filters": _adjoint(_CONV2D, 1),
}
