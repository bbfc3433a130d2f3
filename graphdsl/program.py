"""Graph -> a program of many steps, printed from the algebra as straight-line Python over single numbers; runs nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from graphdsl.derive.evaluate import broadcast, evaluate, unbroadcast
from graphdsl.derive.pullback import OUT, UPSTREAM, pullbacks
from graphdsl.derive.shape import shape_of
from graphdsl.expr import (
    MINUS_ONE,
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
    Sign,
    Sum,
    Symbol,
    children,
)
from graphdsl.graph import Graph, Op
from graphdsl.model import Quantity, Training
from graphdsl.numbers import Float64, Num, Shape, Tensor, flat_index, scalar, size
from graphdsl.optimizers import COUNT, GRADIENT, THETA, THRESHOLDS, new, old, setting
from graphdsl.sequence import Uses
from graphdsl.update import CLIP, WEIGHT_DECAY, direction

LONGEST = 160
"""An expression of more characters gets a name."""

FLOAT = Float64()


class Unprintable(Exception):
    """An operation that has no straight-line form; its graph is computed without a program."""


@dataclass
class Lines:
    """The lines of a block, and the things that they call."""

    indent: str
    lines: list[str] = field(default_factory=list)
    bound: dict[str, Any] = field(default_factory=dict)  # functions of one or more floats
    count: int = 0

    def say(self, line: str) -> None:
        self.lines.append(f"{self.indent}{line}")

    def named(self, expression: str) -> str:
        """A name for the value; a name or numeral is its own."""
        if expression.isidentifier() or _is_numeral(expression):
            return expression
        self.count += 1
        self.say(f"v{self.count} = {expression}")
        return f"v{self.count}"

    def bind(self, prefix: str, function: Callable[..., Any]) -> str:
        """A name for something to be called."""
        for name, known in self.bound.items():
            if known is function:
                return name
        name = f"{prefix}{len(self.bound)}"
        self.bound[name] = function
        return name


def _is_numeral(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).replace("e", "", 1).replace("-", "", 1).replace("+", "", 1).isdigit()


def numeral(value: Decimal) -> str:
    """A number as Python writes it."""
    return repr(float(value))


class SourceArithmetic:
    """Arithmetic whose numbers are Python expressions: to compute with it is to print."""

    name = "source"

    def __init__(self, lines: Lines):
        self.lines = lines

    def literal(self, value: Decimal, exact: bool = True) -> str:
        return numeral(value)

    def add(self, a: str, b: str) -> str:
        if a == "0.0" or b == "0.0":
            return b if a == "0.0" else a
        return self._short(f"({a} - {b[1:]})" if _is_numeral(b) and b[0] == "-" else f"({a} + {b})")

    def multiply(self, a: str, b: str) -> str:
        if "0.0" in (a, b):
            return "0.0"
        if "1.0" in (a, b):
            return b if a == "1.0" else a
        if "-1.0" in (a, b):
            return self._short(f"(-{b if a == '-1.0' else a})")
        return self._short(f"({a} * {b})")

    def divide(self, a: str, b: str) -> str:
        return a if b == "1.0" else self._short(f"({a} / {b})")

    def chosen(self, a: str, b: str) -> str:
        """a/b, and 0 where b is 0."""
        below = self.lines.named(b)
        return self.lines.named(f"({a} / {below} if {below} else 0.0)")

    def power(self, base: str, exponent: str) -> str:
        if exponent in ("1.0", "2.0"):
            base = self.lines.named(base)
            return base if exponent == "1.0" else f"({base} * {base})"
        return self.lines.named(f"{self.lines.bind('f', _power)}({base}, {exponent})")

    def function(self, name: str, x: str) -> str:
        return self.lines.named(f"{self.lines.bind('f', _function(name))}({x})")

    def compare(self, a: str, b: str) -> int:
        raise Unprintable("a choice between cases has no straight-line form")

    def settle(self, value: str, key: str) -> str:
        return value

    def _short(self, expression: str) -> str:
        return expression if len(expression) <= LONGEST else self.lines.named(expression)


def _power(base: float, exponent: float) -> float:
    return FLOAT.power(base, exponent)


def _function(name: str) -> Callable[[float], float]:
    """A function of the arithmetic, by its name."""
    return _PLAIN.get(name) or (lambda x: FLOAT.function(name, x))


_PLAIN: Mapping[str, Callable[[float], float]] = {
    "exp": math.exp, "ln": math.log, "sqrt": math.sqrt, "tanh": math.tanh, "sin": math.sin, "cos": math.cos,
}  # fmt: skip


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    e = math.exp(x)
    return e / (1 + e)


INLINE: Mapping[str, str] = {
    "relu": "({0} if {0} > 0.0 else 0.0)",
    "relu'": "(1.0 if {0} > 0.0 else 0.0)",
    "abs": "abs({0})",
    "max": "({0} if {0} >= {1} else {1})",
    "min": "({0} if {0} <= {1} else {1})",
}
"""Choices that Python writes shorter than their definition."""

CALLED: Mapping[str, Callable[..., float]] = {"sigmoid": _sigmoid}


# A formula of single numbers.


class Formulas:
    """Prints entrywise formulas."""

    def __init__(self, lines: Lines):
        self.lines = lines
        self.arithmetic = SourceArithmetic(lines)

    def text(self, expr: Expr, names: Mapping[str, str]) -> str:
        """The formula over the names that are given."""
        a = self.arithmetic
        match expr:
            case Number():
                return numeral(expr.value)
            case Symbol():
                return names[expr.key]
            case Sum():
                total = "0.0"
                for term in expr.terms:
                    total = a.add(total, self.text(term, names))
                return total
            case Product():
                return self._product(expr, names)
            case Quotient():
                above, below = self.text(expr.numerator, names), self.text(expr.denominator, names)
                return a.chosen(above, below) if expr.chosen else a.divide(above, below)
            case Power():
                return a.power(self.text(expr.base, names), self.text(expr.exponent, names))
            case Cases():
                return self.lines.named(self._cases(expr, names))
            case Call():
                return self._call(expr, tuple(self.lines.named(self.text(x, names)) for x in expr.arguments))
            case _:
                raise Unprintable(f"{type(expr).__name__} is no formula of single numbers")

    def _product(self, expr: Product, names: Mapping[str, str]) -> str:
        factors = [f for f in expr.factors if f != MINUS_ONE]
        found = "1.0" if len(factors) == len(expr.factors) else "-1.0"
        for factor in factors:
            found = self.arithmetic.multiply(found, self.text(factor, names))
        return found

    def _cases(self, expr: Cases, names: Mapping[str, str]) -> str:
        found = self.text(expr.otherwise, names)
        for value, condition in reversed(expr.branches):
            found = f"({self.text(value, names)} if {self._condition(condition, names)} else {found})"
        return found

    def _condition(self, condition: Relation, names: Mapping[str, str]) -> str:
        members = [self.text(m, names) for m in condition.members]
        parts = [members[0]]
        for sign, member in zip(condition.signs, members[1:], strict=True):
            parts += [SIGNS[sign], member]
        return " ".join(parts)

    def _call(self, call: Call, arguments: tuple[str, ...]) -> str:
        row, given = call.operation, dict(call.attributes)
        if row.name in INLINE and not call.attributes:
            return self.lines.named(INLINE[row.name].format(*arguments))
        if row.name in CALLED:
            return self.lines.named(f"{self.lines.bind('f', CALLED[row.name])}({arguments[0]})")
        if row.compute is not None:
            before = len(self.lines.lines)
            try:
                return row.compute(self.arithmetic, tuple(map(scalar, arguments)), given).item
            except Unprintable:
                del self.lines.lines[before:]
            return self.lines.named(f"{self.lines.bind('f', _called(call))}({', '.join(arguments)})")
        assert row.formula is not None, f"{row.name} can neither be computed nor written out"
        symbols = tuple(Symbol(f"%{i}") for i in range(len(arguments)))
        return self.text(row.formula(symbols, given), {s.key: x for s, x in zip(symbols, arguments, strict=True)})


SIGNS: Mapping[Sign, str] = {"=": "==", "≈": "==", "≠": "!=", "<": "<", "≤": "<=", ">": ">", "≥": ">="}


def _called(call: Call) -> Callable[..., float]:
    """A row's own computation, on floats."""
    compute, given = call.operation.compute, dict(call.attributes)
    assert compute is not None, "it has a computation of its own"

    def of(*numbers: float) -> float:
        return compute(FLOAT, tuple(map(scalar, numbers)), given).item

    return of


def _called_whole(call: Call, shapes: tuple[Shape, ...]) -> Callable[..., tuple[float, ...]]:
    """A row's computation on tensors, of all their entries one after the other."""
    compute, given = call.operation.compute, dict(call.attributes)
    assert compute is not None, "it has a computation of its own"

    def of(*numbers: float) -> tuple[float, ...]:
        tensors, start = [], 0
        for shape in shapes:
            tensors.append(Tensor(shape, numbers[start : start + size(shape)]))
            start += size(shape)
        return compute(FLOAT, tuple(tensors), given).flat

    return of


# A pass of one sample.

Names = dict[str, Tensor[str]]


class Pass:
    """The forward and backward pass of one sample, line by line."""

    def __init__(self, graph: Graph, names: Names, lines: Lines, trained: set[str]):
        self.graph = graph
        self.names = names
        self.lines = lines
        self.formulas = Formulas(lines)
        self.gradients: Names = {}
        self.needed = set(trained)
        for op in graph.ops:
            if not self.needed.isdisjoint(op.inputs):
                self.needed.add(op.id)

    def forward(self, ops: tuple[Op, ...]) -> None:
        for op in ops:
            self.names[op.id] = self.value(op, self.names)

    def value(self, op: Op, names: Names) -> Tensor[str]:
        """The names of an operation's entries."""
        found = self._value(op, names)
        return Tensor(found.shape, tuple(map(self.lines.named, found.flat)))

    def _value(self, op: Op, names: Names) -> Tensor[str]:
        expr = op.expr
        if isinstance(expr, Call) and not expr.operation.elementwise:
            return self._whole(op, expr, names)
        if isinstance(expr, Element | Array):
            return evaluate(expr, names, self.formulas.arithmetic)
        inputs = {i: names[i] for i in op.inputs}
        shape = max((t.shape for t in inputs.values()), key=len, default=())
        spread = {i: broadcast(t, shape).flat for i, t in inputs.items()}
        flat = (self.formulas.text(expr, {i: f[k] for i, f in spread.items()}) for k in range(size(shape)))
        return Tensor(shape, tuple(flat))

    def _whole(self, op: Op, call: Call, names: Names) -> Tensor[str]:
        """A row of whole tensors: written out, or called where it makes choices."""
        before = len(self.lines.lines)
        try:
            return evaluate(call, names, self.formulas.arithmetic)
        except Unprintable:
            del self.lines.lines[before:]
        arguments = tuple(evaluate(a, names, self.formulas.arithmetic) for a in call.arguments)
        shape = shape_of(call)
        self.lines.count += size(shape)
        made = tuple(f"v{self.lines.count - i}" for i in range(size(shape)))
        function = self.lines.bind("f", _called_whole(call, tuple(a.shape for a in arguments)))
        self.lines.say(f"({', '.join(made)},) = {function}({', '.join(x for a in arguments for x in a.flat)})")
        return Tensor(shape, made)

    def pull(self, op: Op, names: Names, wanted: Callable[[str], bool], through: bool = False) -> None:
        """Add what an operation passes down to those of its inputs that are wanted."""
        if op.id not in self.gradients or not any(wanted(i) and i in self.needed for i in op.inputs):
            return
        upstream = self.gradients[op.id]
        if through and isinstance(op.expr, Call) and op.expr.operation.name in THRESHOLDS:
            pulled: list[Tensor[str] | None] = [upstream]
        else:
            pulled = self._pulled(op, names, upstream, wanted)
        for child, gradient in zip(children(op.expr), pulled, strict=True):
            if isinstance(child, Symbol) and gradient is not None and child.key in self.needed and wanted(child.key):
                self._add(child.key, gradient)

    def _add(self, key: str, gradient: Tensor[str]) -> None:
        known = self.gradients.get(key)
        add = self.formulas.arithmetic.add
        flat = gradient.flat if known is None else tuple(map(add, known.flat, gradient.flat))
        self.gradients[key] = Tensor(gradient.shape, tuple(map(self.lines.named, flat)))

    def _pulled(
        self, op: Op, names: Names, upstream: Tensor[str], wanted: Callable[[str], bool]
    ) -> list[Tensor[str] | None]:
        expr, arithmetic = op.expr, self.formulas.arithmetic
        match expr:
            case Element():
                return self._pulled_element(expr, names, upstream)
            case Array():
                return [scalar(g) for g in upstream.flat]
            case Call() if not expr.operation.elementwise:
                out = names[op.id]
                rules = expr.operation.pullbacks(
                    expr.arguments, dict(expr.attributes), Symbol(OUT, out.shape), Symbol(UPSTREAM, upstream.shape)
                )
                values = {**{i: names[i] for i in op.inputs}, OUT: out, UPSTREAM: upstream}
                return [
                    evaluate(rule, values, arithmetic) if rule is not None and _asks(child, wanted) else None
                    for rule, child in zip(rules, children(expr), strict=True)
                ]
            case _:
                return self._pulled_entrywise(op, names, upstream, wanted)

    def _pulled_element(self, expr: Element, names: Names, upstream: Tensor[str]) -> list[Tensor[str] | None]:
        assert isinstance(expr.of, Symbol)
        shape = names[expr.of.key].shape
        flat = ["0.0"] * size(shape)
        index = tuple(int(i.value) for i in expr.index if isinstance(i, Number))
        flat[flat_index(shape, index)] = upstream.item
        return [Tensor(shape, tuple(flat)), *([None] * len(expr.index))]

    def _pulled_entrywise(
        self, op: Op, names: Names, upstream: Tensor[str], wanted: Callable[[str], bool]
    ) -> list[Tensor[str] | None]:
        out = names[op.id]
        spread = {i: broadcast(names[i], out.shape).flat for i in op.inputs}
        found: list[Tensor[str] | None] = []
        for rule, child in zip(pullbacks(op.expr, Symbol(OUT), Symbol(UPSTREAM)), children(op.expr), strict=True):
            if rule is None or not _asks(child, wanted) or not isinstance(child, Symbol):
                found.append(None)
                continue
            flat = tuple(
                self.formulas.text(rule, {**{i: f[k] for i, f in spread.items()}, OUT: own, UPSTREAM: above})
                for k, (own, above) in enumerate(zip(out.flat, upstream.flat, strict=True))
            )
            found.append(unbroadcast(Tensor(out.shape, flat), names[child.key].shape, self.formulas.arithmetic))
        return found


def _asks(child: Expr, wanted: Callable[[str], bool]) -> bool:
    return isinstance(child, Symbol) and wanted(child.key)


# The whole program.


@dataclass(frozen=True, slots=True)
class Program:
    """`run(parameters, memory, batches, rates, count, losses)` carries out a step for each batch.

    parameters: of the trained entries, in order. memory: for each of them what the rule remembers. batches: each a
    sequence of samples, as tuples of the entries of `columns`. rates: the learning rate of each step. count: the
    number of steps before. losses: gets for each step the sum of its samples' losses. Gives parameters and memory.
    `error(parameters, samples)` is the sum of the losses of samples.
    """

    source: str
    run: Callable[..., tuple[tuple[float, ...], tuple[float, ...]]]
    error: Callable[..., float]
    columns: tuple[str, ...]


class _Printer:
    """Prints the program of a training; `together`: so many samples side by side, for a pass that updates on its way."""

    def __init__(self, graph: Graph, training: Training, together: int):
        self.graph = graph
        self.training = training
        self.together = together
        model = graph.model
        self.trained = [q for q in model.quantities if q.trained]
        self.columns = tuple(q.symbol.key for q in model.quantities if q.symbol.key in model.samples[0])
        self.lines = Lines("        ")
        self.formulas = Formulas(self.lines)
        self.memory = training.optimizer.memory
        self.places = {q.symbol.key: start for q, start in zip(self.trained, self._starts(), strict=True)}

    def _starts(self) -> list[int]:
        """Where each parameter's entries begin among all."""
        found, start = [], 0
        for quantity in self.trained:
            found.append(start)
            start += size(quantity.symbol.shape)
        self.total = start
        return found

    def program(self) -> Program:
        body = self._sequential() if self.together else self._simultaneous()
        source = "\n".join([*self._head(), *body, *self._foot(), *self._error()]) + "\n"
        made: dict[str, Any] = dict(self.lines.bound)  # what exec makes has no type
        exec(compile(source, "<program>", "exec"), made)
        return Program(source, made["run"], made["error"], self.columns)

    def _head(self) -> list[str]:
        return [
            "def run(parameters, memory, batches, rates, count, losses):",
            *_unpacked("    ", [f"p{i}" for i in range(self.total)], "parameters"),
            *_unpacked("    ", self._remembered(), "memory"),
            "    for batch, eta in zip(batches, rates):",
            "        count += 1.0",
            "        size = float(len(batch))",
        ]

    def _remembered(self) -> list[str]:
        return [f"m{i}_{k}" for i in range(self.total) for k in range(len(self.memory))]

    def _foot(self) -> list[str]:
        return [
            f"    return ({', '.join(f'p{i}' for i in range(self.total))}{',' if self.total else ''}), "
            f"({', '.join(self._remembered())}{',' if self._remembered() else ''})"
        ]

    def _error(self) -> list[str]:
        loss = self.graph.model.loss
        assert loss is not None, "a training has a loss"
        lines = Lines("        ", bound=self.lines.bound)
        passed = self._pass("", lines)
        passed.forward(self._ops(loss.key))
        return [
            "def error(parameters, samples):",
            *_unpacked("    ", [f"p{i}" for i in range(self.total)], "parameters"),
            "    total = 0.0",
            "    for sample in samples:",
            *_unpacked("        ", self._sample_names(""), "sample"),
            *lines.lines,
            f"        total += {self._loss(passed)}",
            "    return total",
        ]

    # Names.

    def _names(self, sample: str) -> Names:
        """Parameters by their place, data by their column, the rest as numerals."""
        return {q.symbol.key: Tensor(q.symbol.shape, self._entries(q, sample)) for q in self.graph.model.quantities}

    def _entries(self, quantity: Quantity, sample: str) -> tuple[str, ...]:
        key, count = quantity.symbol.key, size(quantity.symbol.shape)
        if quantity.trained:
            return tuple(f"p{self.places[key] + i}" for i in range(count))
        if key in self.columns:
            return tuple(f"x{sample}_{self.columns.index(key)}_{i}" for i in range(count))
        return tuple(numeral(value.value) for value in quantity.value.flat)

    def _sample_names(self, sample: str) -> list[str]:
        shapes = {q.symbol.key: q.symbol.shape for q in self.graph.model.quantities}
        return [f"x{sample}_{c}_{i}" for c, key in enumerate(self.columns) for i in range(size(shapes[key]))]

    def _pass(self, sample: str, lines: Lines) -> Pass:
        return Pass(self.graph, self._names(sample), lines, set(self.places))

    def _ops(self, objective: str) -> tuple[Op, ...]:
        """The operations that an objective needs."""
        needed = {self.graph.computed[objective][0].symbol.key}
        for op in reversed(self.graph.ops):
            if op.id in needed:
                needed |= set(op.inputs)
        return tuple(op for op in self.graph.ops if op.id in needed)

    def _loss(self, passed: Pass) -> str:
        loss = self.graph.model.loss
        assert loss is not None, "a training has a loss"
        node, index = self.graph.computed[loss.key]
        return passed.names[node.symbol.key].at(index)

    def _begin(self, passed: Pass, objective: str) -> None:
        node, index = self.graph.computed[objective]
        flat = ["0.0"] * size(node.symbol.shape)
        flat[flat_index(node.symbol.shape, index)] = "1.0"
        passed.gradients[node.symbol.key] = Tensor(node.symbol.shape, tuple(flat))

    # Samples one after the other, then the update.

    def _simultaneous(self) -> list[str]:
        loss = self.graph.model.loss
        assert loss is not None, "a training has a loss"
        inner = Lines("            ", bound=self.lines.bound)
        passed = self._pass("", inner)
        ops = self._ops(loss.key)
        passed.forward(ops)
        self._begin(passed, loss.key)
        for op in reversed(ops):
            passed.pull(op, passed.names, lambda _: True, self.training.optimizer.learns_through_thresholds)
        inner.say(f"total += {self._loss(passed)}")
        for quantity in self.trained:
            for i, gradient in self._gradients(passed, quantity):
                inner.say(f"g{i} += {gradient}")
        self.lines.count = inner.count
        zeros = " = ".join(f"g{i}" for i in range(self.total))
        head = ["        total = 0.0", *([f"        {zeros} = 0.0"] if zeros else []), "        for sample in batch:"]
        head += _unpacked("            ", self._sample_names(""), "sample")
        self._update({i: f"g{i}" for i in range(self.total)})
        return [*head, *inner.lines, "        losses.append(total)", *self.lines.lines]

    def _gradients(self, passed: Pass, quantity: Quantity) -> list[tuple[int, str]]:
        found = passed.gradients.get(quantity.symbol.key)
        start = self.places[quantity.symbol.key]
        return [] if found is None else [(start + i, g) for i, g in enumerate(found.flat) if g != "0.0"]

    def _update(self, sums: Mapping[int, str]) -> None:
        """The assignments of every entry, after all gradients are known."""
        batch = {i: self._of_batch(g) for i, g in sums.items()}
        for i, gradient in self._penalty().items():
            batch[i] = self.formulas.arithmetic.add(batch[i], gradient)
        towards = {i: self._direction(i, g) for i, g in batch.items()}
        if self.training.clip_norm is not None:
            towards = self._clipped(towards)
        fresh = {i: self._assigned(i, g) for i, g in towards.items()}
        self._take(fresh)

    def _take(self, fresh: Mapping[int, Mapping[str, str]]) -> None:
        for i, values in fresh.items():
            self.lines.say(f"p{i} = {values['theta']}")
            for k, name in enumerate(self.memory):
                self.lines.say(f"m{i}_{k} = {values[name]}")

    def _of_batch(self, total: str) -> str:
        return self.lines.named(f"{total} / size") if self.training.over_batch == "mean" else total

    def _penalty(self) -> dict[int, str]:
        penalty = self.graph.model.penalty
        if penalty is None:
            return {}
        passed, ops = self._pass("", self.lines), self._ops(penalty.key)
        passed.forward(ops)
        self._begin(passed, penalty.key)
        for op in reversed(ops):
            passed.pull(op, passed.names, lambda _: True)
        return {i: g for quantity in self.trained for i, g in self._gradients(passed, quantity)}

    def _direction(self, i: int, gradient: str) -> str:
        training = self.training
        if training.gradient_over_batch != training.over_batch:
            sign = "*" if training.gradient_over_batch == "sum" else "/"
            gradient = self.lines.named(f"{gradient} {sign} size")
        rule = direction(replace(training, gradient_over_batch=training.over_batch), 1)
        return self.lines.named(
            self.formulas.text(rule, {**self._constants(), GRADIENT.key: gradient, THETA.key: f"p{i}"})
        )

    def _constants(self) -> dict[str, str]:
        training = self.training
        found = {setting(key).key: numeral(value.value) for key, value in training.settings.items()}
        found |= {setting("eta").key: "eta", COUNT.key: "count"}
        for symbol, value in ((WEIGHT_DECAY, training.weight_decay), (CLIP, training.clip_value)):
            found |= {} if value is None else {symbol.key: numeral(value.value)}
        return found

    def _clipped(self, towards: Mapping[int, str]) -> dict[int, str]:
        assert self.training.clip_norm is not None
        limit = numeral(self.training.clip_norm.value)
        total = "0.0"
        for g in towards.values():
            total = self.formulas.arithmetic.add(total, f"({g} * {g})")
        norm = self.formulas.arithmetic.function("sqrt", total)
        scale = self.lines.named(f"({limit} / {norm} if {norm} > {limit} else 1.0)")
        return {i: self.lines.named(f"{scale} * {g}") for i, g in towards.items()}

    def _assigned(self, i: int, towards: str) -> dict[str, str]:
        """What the rule assigns to one entry, by name."""
        names = {**self._constants(), GRADIENT.key: towards, THETA.key: f"p{i}"}
        names |= {old(name).key: f"m{i}_{k}" for k, name in enumerate(self.memory)}
        found: dict[str, str] = {}
        for assignment in self.training.optimizer.assignments:
            value = self.lines.named(self.formulas.text(assignment.value, names))
            names[new(assignment.name).key] = found[assignment.name] = value
        return found

    # Layer by layer, all samples side by side.

    def _sequential(self) -> list[str]:
        loss = self.graph.model.loss
        assert loss is not None, "a training has a loss"
        ops, uses = self._ops(loss.key), Uses(self.graph)
        passes = [self._pass(str(s), self.lines) for s in range(self.together)]
        head = _unpacked("        ", [f"s{s}" for s in range(self.together)], "batch")
        for s in range(self.together):
            head += _unpacked("        ", self._sample_names(str(s)), f"s{s}")
        for passed in passes:
            passed.forward(ops)
            self._begin(passed, loss.key)
        changed: Names = {}
        fresh: dict[int, dict[str, str]] = {}
        for op in reversed([op for op in ops if op.id not in uses.weights]):
            for passed in passes:
                passed.pull(op, passed.names, uses.is_weight)
            for key in uses.passed(op.id):
                fresh |= self._renew(key, passes, uses, changed)
            for passed in passes:
                passed.pull(op, {**passed.names, **changed}, lambda key: not uses.is_weight(key))
        for quantity in self.trained:
            left = self.places[quantity.symbol.key]
            for i in range(left, left + size(quantity.symbol.shape)):
                if i not in fresh:
                    fresh[i] = self._renewed(i, ["0.0"] * self.together)
        losses = " + ".join(self._loss(passed) for passed in passes)
        self.lines.say(f"losses.append({losses})")
        self._take(fresh)
        return [*head, *self.lines.lines]

    def _renew(self, key: str, passes: list[Pass], uses: Uses, changed: Names) -> dict[int, dict[str, str]]:
        found = [self._through_weights(key, passed, uses) for passed in passes]
        if None in found:
            return {}
        shape = passes[0].names[key].shape
        fresh = {
            self.places[key] + i: self._renewed(self.places[key] + i, [g.flat[i] for g in found if g is not None])
            for i in range(size(shape))
        }
        changed[key] = Tensor(shape, tuple(values["theta"] for values in fresh.values()))
        for op in uses.weights.values():
            if op.id in uses.made_of[key]:
                changed[op.id] = passes[0].value(op, {**passes[0].names, **changed})
        return fresh

    def _through_weights(self, key: str, passed: Pass, uses: Uses) -> Tensor[str] | None:
        """What reaches a parameter: by itself, and through what is made of it."""
        before = dict(passed.gradients)
        for op in reversed([o for o in uses.weights.values() if o.id in uses.made_of[key]]):
            passed.pull(op, passed.names, lambda child: child in uses.made_of[key])
        found = passed.gradients.get(key)
        passed.gradients = before
        return found

    def _renewed(self, i: int, gradients: list[str]) -> dict[str, str]:
        total = "0.0"
        for gradient in gradients:
            total = self.formulas.arithmetic.add(total, gradient)
        penalty = self._penalty().get(i) if self.graph.model.penalty else None
        one = self._of_batch(self.lines.named(total))
        one = one if penalty is None else self.formulas.arithmetic.add(one, penalty)
        return self._assigned(i, self._direction(i, one))


def _unpacked(indent: str, names: list[str], of: str) -> list[str]:
    return [f"{indent}({', '.join(names)},) = {of}"] if names else []


def program(graph: Graph, training: Training) -> Program:
    """The program of a training; Unprintable where it has none."""
    if training.sequential and training.samples % training.batch:
        raise Unprintable("batches of different sizes are not laid side by side")
    return _Printer(graph, training, training.batch if training.sequential else 0).program()


def columns_of(graph: Graph, sample: Mapping[str, Tensor[Num]], columns: tuple[str, ...]) -> tuple[float, ...]:
    """A sample as the program takes it."""
    return tuple(float(value.value) for key in columns for value in sample[key].flat)
