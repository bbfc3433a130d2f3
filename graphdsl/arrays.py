"""Graph -> a program of many steps, printed from the algebra as NumPy over whole vectors and matrices; runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from graphdsl.derive.pullback import OUT, UPSTREAM, pullbacks
from graphdsl.derive.shape import shape_of
from graphdsl.expr import (
    MINUS_ONE,
    ZERO,
    Array,
    Call,
    Cases,
    Element,
    Expr,
    Number,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
    children,
)
from graphdsl.graph import Graph, Op
from graphdsl.model import Training
from graphdsl.numbers import Shape, Tensor, scalar, size
from graphdsl.optimizers import COUNT, GRADIENT, THETA, THRESHOLDS, new, old, setting
from graphdsl.program import FLOAT, SIGNS, Lines, Program, Unprintable, numeral
from graphdsl.update import CLIP, WEIGHT_DECAY, direction

ENTRYWISE: Mapping[str, str] = {
    "exp": "np.exp({0})", "ln": "np.log({0})", "sqrt": "np.sqrt({0})", "sin": "np.sin({0})", "cos": "np.cos({0})",
    "tanh": "np.tanh({0})", "abs": "np.abs({0})", "relu": "np.maximum({0}, 0.0)", "relu'": "np.where({0} > 0.0, 1.0, 0.0)",
    "sigmoid": "(0.5 * (1.0 + np.tanh(0.5 * {0})))", "max": "np.where({0} >= {1}, {0}, {1})",
    "min": "np.where({0} <= {1}, {0}, {1})", "power": "np.power({0}, {1})", "⊙": "({0} * {1})",
}  # fmt: skip
"""What NumPy does entry by entry."""

WHOLE: Mapping[str, str] = {
    "@": "({0} @ {1})", "outer": "np.outer({0}, {1})", "transpose": "{0}.T", "sum": "np.sum({0})",
    "row_sum": "np.sum({0}, axis=-1)", "scale_rows": "(np.expand_dims({0}, -1) * {1})",
}  # fmt: skip
"""What it does with whole arrays."""


class _Formulas:
    """Prints formulas over arrays."""

    def __init__(self, lines: Lines, shapes: Mapping[str, Shape]):
        self.lines = lines
        self.shapes = shapes

    def text(self, expr: Expr, names: Mapping[str, str]) -> str:
        match expr:
            case Number():
                return numeral(expr.value)
            case Symbol():
                return names[expr.key]
            case Sum():
                return f"({' + '.join(self.text(t, names) for t in expr.terms)})"
            case Product():
                factors = [self.text(f, names) for f in expr.factors if f != MINUS_ONE]
                sign = "-" if len(factors) < len(expr.factors) else ""
                return f"({sign}{' * '.join(factors) or '1.0'})"
            case Quotient():
                above, below = self.text(expr.numerator, names), self.text(expr.denominator, names)
                return (
                    f"({above} * np.where({below} == 0, 0.0, 1.0 / {below}))" if expr.chosen else f"({above} / {below})"
                )
            case Power():
                return self._power(expr, names)
            case Cases():
                return self._cases(expr, names)
            case Element():
                index = ", ".join(str(int(i.value) - 1) for i in expr.index if isinstance(i, Number))
                return f"{self.text(expr.of, names)}[{index}]"
            case Array():
                entries = ", ".join(self.text(e, names) for e in expr.entries)
                return f"np.array([{entries}]).reshape({expr.shape!r})"
            case Call():
                return self._call(expr, tuple(self.lines.named(self.text(a, names)) for a in expr.arguments))
            case _:
                raise Unprintable(f"{type(expr).__name__} is no formula of arrays")

    def _power(self, expr: Power, names: Mapping[str, str]) -> str:
        base = self.lines.named(self.text(expr.base, names))
        if isinstance(expr.exponent, Number) and expr.exponent.value == 2:
            return f"({base} * {base})"
        return f"np.power({base}, {self.text(expr.exponent, names)})"

    def _cases(self, expr: Cases, names: Mapping[str, str]) -> str:
        found = self.text(expr.otherwise, names)
        for value, condition in reversed(expr.branches):
            found = f"np.where({self._condition(condition, names)}, {self.text(value, names)}, {found})"
        return found

    def _condition(self, condition: Relation, names: Mapping[str, str]) -> str:
        left, right = (self.text(member, names) for member in condition.members)
        return f"{left} {SIGNS[condition.signs[0]]} {right}"

    def _call(self, call: Call, arguments: tuple[str, ...]) -> str:
        row, given = call.operation, dict(call.attributes)
        if row.elementwise:
            return self._entrywise(call, arguments)
        if row.name in WHOLE and not call.attributes:
            return WHOLE[row.name].format(*arguments)
        match row.name:
            case "fill":
                return f"np.full({given['shape']!r}, {arguments[0]})"
            case "concat":
                return f"np.concatenate([{', '.join(f'np.ravel({a})' for a in arguments)}])"
            case _:
                return f"{self.lines.bind('f', _of_tensors(call))}({', '.join(arguments)})"

    def _entrywise(self, call: Call, arguments: tuple[str, ...]) -> str:
        row, given = call.operation, dict(call.attributes)
        if row.name in ENTRYWISE and not call.attributes:
            return ENTRYWISE[row.name].format(*arguments)
        if row.formula is not None and row.compute is None:
            symbols = tuple(Symbol(f"%{i}") for i in range(len(arguments)))
            names = {s.key: a for s, a in zip(symbols, arguments, strict=True)}
            return self.text(row.formula(symbols, given), names)
        return f"{self.lines.bind('f', _of_entries(call))}({', '.join(arguments)})"


def _of_tensors(call: Call) -> Callable[..., Any]:
    """A row's own computation, on arrays."""
    import numpy as np

    compute, given = call.operation.compute, dict(call.attributes)
    assert compute is not None, "a row of whole tensors has a computation of its own"

    def of(*arrays: Any) -> Any:
        tensors = tuple(Tensor(np.shape(a), tuple(np.ravel(a).tolist())) for a in arrays)
        found = compute(FLOAT, tensors, given)
        return np.array(found.flat).reshape(found.shape)

    return of


def _of_entries(call: Call) -> Callable[..., Any]:
    """A row's own computation, entry by entry."""
    import numpy as np

    compute, given = call.operation.compute, dict(call.attributes)
    assert compute is not None, "it has a computation of its own"
    return np.vectorize(lambda *x: compute(FLOAT, tuple(map(scalar, map(float, x))), given).item, otypes=[float])


class _Pass:
    """The forward and backward pass of one sample."""

    def __init__(self, graph: Graph, names: dict[str, str], lines: Lines, trained: set[str]):
        self.graph = graph
        self.names = names
        self.lines = lines
        self.shapes = _shapes(graph)
        self.formulas = _Formulas(lines, self.shapes)
        self.gradients: dict[str, str] = {}
        self.needed = set(trained)
        for op in graph.ops:
            if not self.needed.isdisjoint(op.inputs):
                self.needed.add(op.id)

    def forward(self, ops: tuple[Op, ...]) -> None:
        for op in ops:
            self.names[op.id] = self.lines.named(self.formulas.text(op.expr, self.names))

    def pull(self, op: Op, through: bool) -> None:
        if op.id not in self.gradients:
            return
        upstream, expr = self.gradients[op.id], op.expr
        if through and isinstance(expr, Call) and expr.operation.name in THRESHOLDS:
            self._add(expr.arguments[0], upstream, self.shapes[op.id])
            return
        if isinstance(expr, Element):
            assert isinstance(expr.of, Symbol)
            index = tuple(int(i.value) - 1 for i in expr.index if isinstance(i, Number))
            place = self.lines.bind("f", _placed)
            self._add(expr.of, f"{place}({self.shapes[expr.of.key]!r}, {index!r}, {upstream})", expr.of.shape)
            return
        if isinstance(expr, Array):
            for i, child in enumerate(expr.entries):
                self._add(child, f"np.ravel({upstream})[{i}]", ())
            return
        out = Symbol(OUT, self.shapes[op.id])
        rules = pullbacks(expr, out, Symbol(UPSTREAM, self.shapes[op.id]))
        names = {**self.names, OUT: self.names[op.id], UPSTREAM: upstream}
        whole = isinstance(expr, Call) and not expr.operation.elementwise
        for child, rule in zip(children(expr), rules, strict=True):
            if rule is not None and rule != ZERO and isinstance(child, Symbol) and child.key in self.needed:
                shape = shape_of(child) if whole else self.shapes[op.id]
                self._add(child, self.formulas.text(rule, names), shape)

    def _add(self, child: Expr, gradient: str, shape: Shape) -> None:
        """Add a gradient; what a broadcast had spread is added up first."""
        if not isinstance(child, Symbol) or child.key not in self.needed:
            return
        own = self.shapes[child.key]
        if own != shape:
            axes = tuple(range(len(shape) - len(own)))
            gradient = f"np.sum({gradient}, axis={axes!r})"
        known = self.gradients.get(child.key)
        self.gradients[child.key] = self.lines.named(gradient if known is None else f"{known} + {gradient}")


def _placed(shape: Shape, index: Shape, value: float) -> Any:
    """Zeros but for one entry."""
    import numpy as np

    found = np.zeros(shape)
    found[index] = value
    return found


def _shapes(graph: Graph) -> dict[str, Shape]:
    """The shape of every quantity and operation."""
    found = {q.symbol.key: q.symbol.shape for q in graph.model.quantities}
    for op in graph.ops:
        found[op.id] = shape_of(op.expr)
    return found


class _Printer:
    """Prints the program of a training."""

    def __init__(self, graph: Graph, training: Training):
        self.graph = graph
        self.training = training
        model = graph.model
        self.trained = [q.symbol for q in model.quantities if q.trained]
        self.columns = tuple(q.symbol.key for q in model.quantities if q.symbol.key in model.samples[0])
        self.memory = training.optimizer.memory
        self.lines = Lines("        ")
        self.formulas = _Formulas(self.lines, _shapes(graph))

    def program(self) -> Program:
        import numpy as np

        inner = Lines("            ", bound=self.lines.bound)
        passed = self._passed(inner, backward=True)
        inner.say(f"total += {self._loss(passed)}")
        for i, symbol in enumerate(self.trained):
            if symbol.key in passed.gradients:
                inner.say(f"g{i} = g{i} + {passed.gradients[symbol.key]}")
        self.lines.count = inner.count
        self._update()
        source = "\n".join([*self._head(), *inner.lines, "        losses.append(float(total))", *self.lines.lines])
        source += "\n    return parameters, memory\n\n" + "\n".join(self._error()) + "\n"
        made: dict[str, Any] = {
            **self.lines.bound,
            **self._constants_of_data(),
            "np": np,
        }  # what exec makes has no type
        exec(compile(source, "<program>", "exec"), made)
        return _wrapped(source, made["run"], made["error"], self)

    def _constants_of_data(self) -> dict[str, Any]:
        """The quantities that never change, as arrays."""
        import numpy as np

        fixed = [q for q in self.graph.model.quantities if not q.trained and q.symbol.key not in self.columns]
        return {
            f"c{i}": np.array([float(v.value) for v in q.value.flat]).reshape(q.symbol.shape)
            for i, q in enumerate(self.graph.model.quantities)
            if q in fixed
        }

    def _names(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for i, quantity in enumerate(self.graph.model.quantities):
            key = quantity.symbol.key
            if quantity.trained:
                found[key] = f"parameters[{[s.key for s in self.trained].index(key)}]"
            else:
                found[key] = f"sample[{self.columns.index(key)}]" if key in self.columns else f"c{i}"
        return found

    def _passed(self, lines: Lines, backward: bool) -> _Pass:
        loss = self.graph.model.loss
        assert loss is not None, "a training has a loss"
        return self._pass(loss.key, lines, backward, self.training.optimizer.learns_through_thresholds)

    def _pass(self, objective: str, lines: Lines, backward: bool, through: bool = False) -> _Pass:
        names = {key: lines.named(name) for key, name in self._names().items()}
        passed = _Pass(self.graph, names, lines, {s.key for s in self.trained})
        node, index = self.graph.computed[objective]
        needed = {node.symbol.key}
        for op in reversed(self.graph.ops):
            needed |= set(op.inputs) if op.id in needed else set()
        ops = tuple(op for op in self.graph.ops if op.id in needed)
        passed.forward(ops)
        if backward:
            start = f"{lines.bind('f', _placed)}({node.symbol.shape!r}, {tuple(i - 1 for i in index)!r}, 1.0)"
            passed.gradients[node.symbol.key] = lines.named(start) if node.symbol.shape else "1.0"
            for op in reversed(ops):
                passed.pull(op, through)
        return passed

    def _loss(self, passed: _Pass) -> str:
        loss = self.graph.model.loss
        assert loss is not None, "a training has a loss"
        node, index = self.graph.computed[loss.key]
        place = f"[{', '.join(str(i - 1) for i in index)}]" if index else ""
        return f"{passed.names[node.symbol.key]}{place}"

    def _head(self) -> list[str]:
        zeros = [f"        g{i} = np.zeros({s.shape!r})" for i, s in enumerate(self.trained)]
        return [
            "def run(parameters, memory, batches, rates, count, losses):",
            "    for batch, eta in zip(batches, rates):",
            "        count += 1.0",
            "        size = float(len(batch))",
            "        total = 0.0",
            *zeros,
            "        for sample in batch:",
        ]

    def _error(self) -> list[str]:
        lines = Lines("        ", bound=self.lines.bound)
        passed = self._passed(lines, backward=False)
        head = ["def error(parameters, samples):", "    total = 0.0", "    for sample in samples:"]
        return [*head, *lines.lines, f"        total += {self._loss(passed)}", "    return float(total)"]

    def _update(self) -> None:
        training, penalty = self.training, self.graph.model.penalty
        extra = self._pass(penalty.key, self.lines, True).gradients if penalty is not None else {}
        towards: list[str] = []
        for i, symbol in enumerate(self.trained):
            one = f"g{i} / size" if training.over_batch == "mean" else f"g{i}"
            one = f"{one} + {extra[symbol.key]}" if symbol.key in extra else one
            if training.gradient_over_batch != training.over_batch:
                one = f"({one}) {'*' if training.gradient_over_batch == 'sum' else '/'} size"
            rule = direction(replace(training, gradient_over_batch=training.over_batch), 1)
            names = {**self._constants(), GRADIENT.key: self.lines.named(one), THETA.key: f"parameters[{i}]"}
            towards.append(self.lines.named(self.formulas.text(rule, names)))
        if training.clip_norm is not None:
            limit = numeral(training.clip_norm.value)
            norm = self.lines.named(f"np.sqrt({' + '.join(f'np.sum({g} * {g})' for g in towards)})")
            scale = self.lines.named(f"({limit} / {norm} if {norm} > {limit} else 1.0)")
            towards = [self.lines.named(f"{scale} * {g}") for g in towards]
        fresh = [self._assigned(i, g) for i, g in enumerate(towards)]
        self.lines.say(f"parameters = [{', '.join(values['theta'] for values in fresh)}]")
        remembered = (f"[{', '.join(values[name] for name in self.memory)}]" for values in fresh)
        self.lines.say(f"memory = [{', '.join(remembered)}]")

    def _constants(self) -> dict[str, str]:
        training = self.training
        found = {setting(key).key: numeral(value.value) for key, value in training.settings.items()}
        found |= {setting("eta").key: "eta", COUNT.key: "count"}
        for symbol, value in ((WEIGHT_DECAY, training.weight_decay), (CLIP, training.clip_value)):
            found |= {} if value is None else {symbol.key: numeral(value.value)}
        return found

    def _assigned(self, i: int, towards: str) -> dict[str, str]:
        names = {**self._constants(), GRADIENT.key: towards, THETA.key: f"parameters[{i}]"}
        names |= {old(name).key: f"memory[{i}][{k}]" for k, name in enumerate(self.memory)}
        found: dict[str, str] = {}
        for assignment in self.training.optimizer.assignments:
            value = self.lines.named(self.formulas.text(assignment.value, names))
            names[new(assignment.name).key] = found[assignment.name] = value
        return found


def _wrapped(source: str, run: Callable[..., Any], error: Callable[..., float], printer: _Printer) -> Program:
    """The program as others have it: flat numbers in, flat numbers out."""
    import numpy as np

    shapes = [s.shape for s in printer.trained]
    sizes = [size(shape) for shape in shapes]
    width = len(printer.memory)
    columns = {q.symbol.key: q.symbol.shape for q in printer.graph.model.quantities}
    kept: dict[int, list[Any]] = {}

    def parameters_of(flat: tuple[float, ...]) -> list[Any]:
        parts = np.split(np.array(flat), np.cumsum(sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def sample_of(row: tuple[float, ...]) -> list[Any]:
        if id(row) not in kept:
            counts = [size(columns[key]) for key in printer.columns]
            parts = np.split(np.array(row), np.cumsum(counts)[:-1]) if counts else []
            kept[id(row)] = [p.reshape(columns[key]) for p, key in zip(parts, printer.columns, strict=True)]
        return kept[id(row)]

    def memory_of(flat: tuple[float, ...]) -> list[list[Any]]:
        table = np.array(flat).reshape(-1, width) if width else np.zeros((sum(sizes), 0))
        parts = np.split(table, np.cumsum(sizes)[:-1])
        return [[part[:, k].reshape(shape) for k in range(width)] for part, shape in zip(parts, shapes, strict=True)]

    def whole(
        parameters: tuple[float, ...], memory: tuple[float, ...], batches: Any, rates: Any, count: float, losses: Any
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        samples = ([sample_of(row) for row in batch] for batch in batches)
        with np.errstate(all="ignore"):
            found, left = run(parameters_of(parameters), memory_of(memory), samples, rates, count, losses)
        flat = tuple(x for p in found for x in np.ravel(p).tolist())
        rows = (np.stack([np.ravel(m) for m in own], axis=1) for own in left if own)
        return flat, tuple(x for table in rows for x in np.ravel(table).tolist())

    def total(parameters: tuple[float, ...], rows: list[tuple[float, ...]]) -> float:
        with np.errstate(all="ignore"):
            return error(parameters_of(parameters), [sample_of(row) for row in rows])

    return Program(source, whole, total, printer.columns)


def array_program(graph: Graph, training: Training) -> Program:
    """The program of a training over arrays; Unprintable for a pass that updates on its way."""
    if training.sequential:
        raise Unprintable("layer by layer, arrays are not printed")
    return _Printer(graph, training).program()
