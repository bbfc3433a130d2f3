"""Seed -> a random program over the whole language, and the same in PyTorch where that is easy; asks the registry which functions there are.

`python -m tests.random_programs 5000` tries so many and prints counts; a second number is the first seed.

A new row joins by itself where its shapes follow from `Operation.shape`. One whose arguments have a domain gets a line in
DOMAINS; a function that is no row, or that is called otherwise than its row, a method in FORMS; a module of the library a
line in MODULES. What a training may say stands in TRAININGS.
"""

from __future__ import annotations

import json
import math
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from reading import false_lines

from graphdsl import losses, ops
from graphdsl.check.calls import FUNCTIONS, SHAPE_FUNCTIONS
from graphdsl.check.rules import standard
from graphdsl.diagnostics import Source
from graphdsl.expr import Operation, Option, ShapeMistake
from graphdsl.numbers import Decimal50, Num
from graphdsl.routes import sides_of
from graphdsl.run import forward
from graphdsl.solve import Solution, solved

Shape = tuple[int, ...]
ATOM = 9
MOST = 12.0
"""Where a value may be larger, tanh is taken of it, so that nothing grows beyond what a page can show."""


@dataclass(frozen=True)
class Term:
    """A formula as typed and as Python over PyTorch (nothing where that is not easy), its shape, and how large it may be."""

    spec: str
    torch: str | None
    shape: Shape
    bound: float = 2.0
    level: int = ATOM

    def within(self, least: int) -> str:
        return self.spec if self.level >= least else f"({self.spec})"


@dataclass
class Program:
    """The text; the quantities and nodes by their names in Python; what is differentiated; whether PyTorch can follow."""

    seed: int
    text: str = ""
    body: list[str] = field(default_factory=list)
    leaves: dict[str, tuple[str, Shape, list[float]]] = field(default_factory=dict)
    nodes: dict[str, tuple[str, Shape]] = field(default_factory=dict)
    objective: str = ""
    comparable: bool = True
    displayed: bool = False
    cut: bool = False


def function_of(name: str, template: str, *terms: Term) -> str | None:
    """Python text over the texts of terms, or nothing where one of them has none."""
    texts = [t.torch for t in terms]
    return None if None in texts else template.format(name, ", ".join(t for t in texts if t is not None))


def peer(name: str, terms: list[Term], given: dict[str, Any]) -> str | None:
    """The call of a row's peer in PyTorch."""
    texts = [t.torch for t in terms]
    return None if None in texts else f"peer({name!r}, {', '.join(map(str, texts))}, given={given!r})"


def joined(template: str, *terms: Term) -> str | None:
    texts = [t.torch for t in terms]
    return None if None in texts else template.format(*texts)


# Where the arguments of a row may lie: everywhere, unless it says otherwise here.

DOMAINS: dict[str, str] = {
    "ln": "positive",
    "log": "positive",
    "sqrt": "positive",
    "rsqrt": "positive",
    "exp": "small",
    "sinh": "small",
    "cosh": "small",
    "tan": "small",
    "arcsin": "inner",
    "arccos": "inner",
}
SHAPES: tuple[Shape, ...] = (
    (),
    (2,),
    (3,),
    (4,),
    (2, 2),
    (2, 3),
    (3, 2),
    (3, 3),
    (4, 4),
    (2, 4),
    (2, 2, 2),
    (2, 3, 3),
    (2, 2, 2, 2),
)
PAIRS = list(product(SHAPES[1:], SHAPES[1:]))
CHOICES: dict[str, tuple[object, ...]] = {
    "number": (Decimal("0.5"), Decimal(2), Decimal("1.5")),
    "whole": (1, 2),
    "axes": (1, 2, 2, (1, 2), (2, 1)),
    "flag": (0, 1),
}


def choices(option: Option) -> tuple[object, ...]:
    """Values that an option may have."""
    if option.kind == "word":
        return option.words
    found = CHOICES[option.kind]
    return (0, *found) if option.least == 0 else found


def said(value: object, option: Option) -> str:
    """A value as typed."""
    if option.kind == "flag" and isinstance(value, int):
        return ("false", "true")[value]
    return str(list(value)) if isinstance(value, tuple) else str(value)


class Formulas:
    """Random formulas of a wanted shape over the names that exist."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.names: list[Term] = []
        self.functions: list[tuple[str, tuple[Shape, ...] | None, bool]] = []
        self.indices = iter("ijkpq" * 100)
        self.in_body = False

    # Leaves.

    def number(self) -> Term:
        text = self.numeral()
        return Term(text, f"number({float(text)!r})", (), abs(float(text)), ATOM if text[0] != "-" else 1)

    def numeral(self, low: float = -1.5) -> str:
        digits = self.rng.choice([1, 1, 2, 2, 3])
        while abs(value := round(self.rng.uniform(low, 1.6), digits)) < 0.04:
            pass
        return repr(value)

    def atom(self, shape: Shape) -> Term:
        """A name of the shape, a part of a larger one, or an array of smaller ones."""
        own = [t for t in self.names if t.shape == shape]
        draw = self.rng.random()
        if own and draw < 0.7:
            return self.rng.choice(own[-8:] if draw < 0.45 else own)
        parts = [p for t in self.names if len(t.shape) >= max(1, len(shape)) for p in self.parts(t, shape)]
        if parts and draw < 0.92:
            return self.rng.choice(parts)
        if not shape:
            return self.number() if not own or draw > 0.96 else self.rng.choice(own)
        return self.literal(shape)

    def parts(self, whole: Term, shape: Shape) -> Iterator[Term]:
        """Entries, rows, ranges and chosen rows."""
        if not re.fullmatch(r"[\w.']+(\[[\w, +-]+\])?", whole.spec) or (whole.spec[-1] == "]" and len(whole.shape) > 1):
            return
        rng, extents = self.rng, whole.shape

        def made(index: str, torch: str) -> Term:
            return Term(f"{whole.spec}[{index}]", joined(f"{{}}[{torch}]", whole), shape, whole.bound)

        if not shape:
            at = [rng.randint(1, e) for e in extents]
            yield made(", ".join(map(str, at)), ", ".join(str(i - 1) for i in at))
        elif extents[1:] == shape:
            i = rng.randint(1, extents[0])
            yield made(str(i), str(i - 1))
        elif len(extents) == 1 and shape[0] < extents[0]:
            i = rng.randint(1, extents[0] - shape[0] + 1)
            yield made(f"{i}..{i + shape[0] - 1}", f"{i - 1}:{i - 1 + shape[0]}")
        elif len(extents) == 2 and len(shape) == 1 and shape[0] <= extents[0]:
            j, i = rng.randint(1, extents[1]), rng.randint(1, extents[0] - shape[0] + 1)
            yield made(f"{i}..{i + shape[0] - 1}, {j}", f"{i - 1}:{i - 1 + shape[0]}, {j - 1}")
        elif len(extents) == len(shape) == 2 and extents[1] == shape[1]:
            rows = [rng.randint(1, extents[0]) for _ in range(shape[0])]
            yield made(f"[{', '.join(map(str, rows))}]", str([r - 1 for r in rows]))

    def literal(self, shape: Shape) -> Term:
        if not shape:
            return self.number()
        if len(shape) == 1:
            entries = [self.atom(()) if self.rng.random() < 0.5 else self.number() for _ in range(shape[0])]
            text = f"[{', '.join(e.spec for e in entries)}]"
        else:
            entries = [self.literal(shape[1:]) for _ in range(shape[0])]
            rows = [e.spec[1:-1] for e in entries]
            flat = len(shape) == 2 and shape[0] > 1 and self.rng.random() < 0.7
            text = f"[{'; '.join(rows)}]" if flat else f"[{', '.join(e.spec for e in entries)}]"
        return Term(text, function_of("stack", "{}([{}])", *entries), shape, max(e.bound for e in entries))

    # Formulas.

    def term(self, shape: Shape, depth: int) -> Term:
        if depth <= 0:
            return self.atom(shape)
        found = self.call(shape, depth) if self.rng.random() < 0.5 else self.infix(shape, depth)
        return self.calm(found or self.atom(shape))

    def calm(self, t: Term) -> Term:
        return self.of("tanh", t, 1.0) if t.bound > MOST else t

    def of(self, name: str, t: Term, bound: float) -> Term:
        return Term(f"{name}({t.spec})", function_of(name, "peer('{}', {})", t), t.shape, bound)

    def bounded(self, shape: Shape, depth: int) -> Term:
        """Between -1 and 1."""
        return self.of(self.rng.choice(["tanh", "sigmoid", "sin", "cos"]), self.term(shape, depth - 1), 1.0)

    def inner(self, shape: Shape, depth: int) -> Term:
        t = self.bounded(shape, depth)
        return Term(f"0.9*{t.spec}", joined("(0.9 * {})", t), shape, 0.9, 2)

    def small(self, shape: Shape, depth: int) -> Term:
        t = self.term(shape, depth - 1)
        return t if t.bound <= 2 else self.of("tanh", t, 1.0)

    def positive(self, shape: Shape, depth: int) -> Term:
        """At least 0.2."""
        t = self.small(shape, depth)
        kind = self.rng.randint(0, 3)
        if kind == 0:
            return Term(f"{t.within(5)}^2 + 0.5", joined("({0} * {0} + 0.5)", t), shape, t.bound**2 + 0.5, 1)
        if kind == 1:
            b = self.bounded(shape, depth - 1)
            return self.of("exp", b, 3.0)
        if kind == 2:
            return Term(f"1 + abs({t.spec})", joined("(1 + abs({}))", t), shape, t.bound + 1, 1)
        return Term(f"sigmoid({t.spec}) + 0.3", joined("(peer('sigmoid', {}) + 0.3)", t), shape, 1.3, 1)

    def anywhere(self, shape: Shape, depth: int) -> Term:
        return self.term(shape, depth - 1)

    def infix(self, shape: Shape, depth: int) -> Term | None:
        return self.rng.choice(SIGNS)(self, shape, depth)

    def sum(self, shape: Shape, depth: int) -> Term:
        a, b = self.term(shape, depth - 1), self.term(shape, depth - 1)
        if len(shape) == 2 and self.rng.random() < 0.3:
            b = self.term(shape[1:], depth - 1)
        elif shape and self.rng.random() < 0.2:
            b = self.term((), depth - 1)
        sign = self.rng.choice("+-")
        gap = self.rng.choice(["", " "])
        text = f"{a.within(1)}{gap}{sign}{gap}{b.within(2)}"
        return Term(text, joined(f"({{}} {sign} {{}})", a, b), shape, a.bound + b.bound, 1)

    def product(self, shape: Shape, depth: int) -> Term:
        a, b = self.term(shape, depth - 1), self.term(shape if self.rng.random() < 0.6 else (), depth - 1)
        if self.rng.random() < 0.15:
            b = a
        elif self.rng.random() < 0.5:
            a, b = b, a
        text = f"{a.within(2)}*{b.within(3)}"
        return Term(text, joined("({} * {})", a, b), shape, a.bound * b.bound, 2)

    def quotient(self, shape: Shape, depth: int) -> Term:
        a, b = self.term(shape, depth - 1), self.positive(shape if self.rng.random() < 0.5 else (), depth - 1)
        return Term(f"{a.within(2)}/{b.within(3)}", joined("({} / {})", a, b), shape, a.bound * 5, 2)

    def minus(self, shape: Shape, depth: int) -> Term:
        t = self.term(shape, depth - 1)
        return Term(f"-{t.within(2)}", joined("(-{})", t), shape, t.bound, 1)

    def power(self, shape: Shape, depth: int) -> Term:
        kind = self.rng.randint(0, 3)
        if kind == 0:
            t = self.small(shape, depth)
            n = self.rng.choice([2, 2, 3])
            return Term(f"{t.within(5)}^{n}", joined(f"({{}} ** {n})", t), shape, t.bound**n, 4)
        p = self.positive(shape, depth)
        if kind == 1:
            n = self.rng.choice(["-1", "-2", "0.5", "1.5"])
            return Term(f"{p.within(5)}^{n}", joined(f"({{}} ** {float(n)})", p), shape, 25.0, 4)
        b = self.bounded((), depth - 1)
        if kind == 2:
            return Term(f"{p.within(5)}^{b.within(4)}", joined("({} ** {})", p, b), shape, 5 + p.bound, 4)
        if shape:
            return self.product(shape, depth)
        return Term(f"2^{b.within(4)}", joined("(2 ** {})", b), (), 2.0, 4)

    def matmul(self, shape: Shape, depth: int) -> Term | None:
        if len(shape) > 2:
            return None
        k = self.rng.choice([2, 3])
        if len(shape) == 2:
            a, b = (shape[0], k), (k, shape[1])
        elif len(shape) == 1:
            a, b = self.rng.choice([((*shape, k), (k,)), ((k,), (k, *shape))])
        else:
            a, b = (k,), (k,)
        x, y = self.turned(a, depth - 1), self.turned(b, depth - 1)
        return Term(f"{x.within(2)} @ {y.within(3)}", joined("({} @ {})", x, y), shape, k * x.bound * y.bound, 2)

    def turned(self, shape: Shape, depth: int) -> Term:
        """Of the shape, now and then as a transpose."""
        if len(shape) == 2 and self.rng.random() < 0.4:
            t = self.term(shape[::-1], depth)
            return Term(f"{t.within(5)}^T", joined("{}.T", t), shape, t.bound, 4)
        return self.term(shape, depth)

    def over_index(self, shape: Shape, depth: int) -> Term | None:
        """sum(i in 1..3, …) and prod."""
        if shape or self.in_body:
            return None
        vectors = [t for t in self.names if len(t.shape) == 1 and re.fullmatch(r"\w+", t.spec)]
        if not vectors:
            return None
        v, i = self.rng.choice(vectors), next(self.indices)
        if any(t.spec == i for t in self.names):
            return None
        with self.locals([Term(f"{v.spec}[{i}]", joined(f"{{}}[{i}-1]", v), (), v.bound)]):
            body = self.term((), depth - 1)
        name = self.rng.choice(["sum", "sum", "prod"])
        if name == "prod":
            body = self.of("tanh", body, 1.0)
        count, entry = v.shape[0], f"{v.spec}[{i}]"
        text = f"{name}({i} in 1..{count}, {entry}*{body.within(3)})"
        python = joined(f"{name}_([{{}}[{i}-1] * {{}} for {i} in range(1, {count + 1})])", v, body)
        return Term(text, python, (), count * v.bound * body.bound if name == "sum" else (v.bound + 0.5) ** count)

    @contextmanager
    def locals(self, names: list[Term], alone: bool = False) -> Iterator[None]:
        """More names for a while, or no others."""
        before, inside = self.names, self.in_body
        self.names, self.in_body = names if alone else [*before, *names, *names], True
        try:
            yield
        finally:
            self.names, self.in_body = before, inside

    # Calls.

    def call(self, shape: Shape, depth: int) -> Term | None:
        if self.functions and self.rng.random() < 0.15:
            found = self.own_function(shape, depth)
            if found is not None:
                return found
        names = self.rng.sample(FUNCTIONS, 6)
        return next((t for name in names if (t := self.named(name, shape, depth)) is not None), None)

    def named(self, name: str, shape: Shape, depth: int) -> Term | None:
        """A call of this function that gives this shape, if there is one."""
        form = FORMS.get(name)
        if form is not None:
            return form(self, name, shape, depth)
        return self.row(ops.SPOKEN[name], name, shape, depth)

    def own_function(self, shape: Shape, depth: int) -> Term | None:
        name, shapes, optional = self.rng.choice(self.functions)
        if shapes is None:
            wanted: tuple[Shape, ...] = (shape,)
        elif shape:
            return None
        else:
            wanted = shapes
        inputs = [self.small(s, depth) for s in wanted]
        option = ", k = 1.5" if optional and self.rng.random() < 0.5 else ""
        text = ", ".join(t.spec for t in inputs) + option
        python = function_of(name, "{}({}" + option.replace(" ", "") + ")", *inputs)
        return Term(f"{name}({text})", python, shape, 8.0)

    def row(self, row: Operation, name: str, shape: Shape, depth: int, fixed: Shape | None = None) -> Term | None:
        """Any row by its shapes: arguments and options that give the wanted shape."""
        options = row.options
        least, most = row.arity
        count = least if most is not None else max(least, self.rng.randint(1, 3))
        domain: Callable[[Formulas, Shape, int], Term] = getattr(Formulas, DOMAINS.get(row.name, "anywhere"))
        if row.elementwise:
            settings = self.settings(options, 0.5)
            settings |= {key: self.rng.choice(choices(options[key])) for key in options if key not in row.defaults}
            return self.called(row, name, [domain(self, shape, depth) for _ in range(count)], settings, options, shape)
        candidates = list(product([fixed] if fixed else SHAPES, *[SHAPES] * (count - 1))) if count < 4 else []
        if row.arity[1] is None:
            candidates = [(s,) * count for s in SHAPES]
        self.rng.shuffle(candidates)
        for shapes in candidates:
            settings = self.settings(options, 0.7)
            try:
                if row.shape(shapes, settings) == shape:
                    inputs = [domain(self, s, min(depth, 2)) for s in shapes]
                    return self.called(row, name, inputs, settings, options, shape)
            except (ShapeMistake, KeyError, AssertionError, ValueError):
                continue
        return None

    def settings(self, options: Any, share: float) -> dict[str, Any]:
        """Some of the options; what holds at 0 is not said within a function, whose definition does not show it."""
        hidden = tuple(k for k in options if k.endswith("at_zero") and self.in_body)
        return {
            k: self.rng.choice(choices(o)) for k, o in options.items() if self.rng.random() < share and k not in hidden
        }

    def called(
        self, row: Operation, name: str, inputs: list[Term], settings: dict[str, Any], options: Any, shape: Shape
    ) -> Term:
        texts = [t.spec for t in inputs] + [f"{k} = {said(v, options[k])}" for k, v in settings.items()]
        spelled = self.rng.choice([name, name, name.capitalize(), name.upper()])
        easy = row.elementwise or all(options[k].kind != "number" or k == "base" for k in settings)
        python = peer(row.name, inputs, settings) if easy else None
        return Term(f"{spelled}({', '.join(texts)})", python, shape, self.largest(row.name, inputs))

    def largest(self, name: str, inputs: list[Term]) -> float:
        b = max(t.bound for t in inputs)
        count = max(math.prod(t.shape) for t in inputs)
        of = BOUNDS.get(name)
        if of is not None:
            return of(b, count)
        return 2 * b + 2 if len(inputs) == 1 and count == 1 else count * b ** len(inputs) + 2

    # Functions that are called otherwise than their rows, or have none.

    def extreme(self, name: str, shape: Shape, depth: int) -> Term | None:
        several, whole = (ops.MAX, ops.MAX_OF) if name == "max" else (ops.MIN, ops.MIN_OF)
        if self.rng.random() < 0.5:
            found = self.row(whole, name, shape, depth)
            if found is not None:
                return found
        inputs = [self.term(shape, depth - 1) for _ in range(self.rng.randint(2, 3))]
        return self.called(several, name, inputs, {}, {}, shape)

    def linear(self, name: str, shape: Shape, depth: int) -> Term:
        t = self.term(shape, depth - 1)
        return Term(f"linear({t.spec})", t.torch, shape, t.bound)

    def product_of(self, name: str, shape: Shape, depth: int) -> Term | None:
        found = None
        if not shape:
            t = self.bounded(self.rng.choice([(2,), (3,), (2, 2)]), depth)
            found = Term(f"prod({t.spec})", joined("torch.prod({})", t), (), 1.0)
        elif len(shape) == 1:
            by = self.rng.choice(["row", "column"])
            t = self.bounded((*shape, 2) if by == "row" else (2, *shape), depth)
            found = Term(f"prod({t.spec}, by = {by})", joined(f"torch.prod({{}}, {int(by == 'row')})", t), shape, 1.0)
        return found

    def softmax(self, name: str, shape: Shape, depth: int) -> Term | None:
        if not 0 < len(shape) < 3:
            return None
        row, t = ops.SPOKEN[name], self.small(shape, depth)
        settings: dict[str, Any] = {}
        if len(shape) == 2:
            settings["by"] = self.rng.choice(["row", "column"])
        for key in ("temperature", "base"):
            if self.rng.random() < 0.25:
                settings[key] = self.rng.choice(CHOICES["number"])
        found = self.called(row, name, [t], settings, row.options, shape)
        return replace(found, torch=None if "temperature" in settings else found.torch)

    def concat(self, name: str, shape: Shape, depth: int) -> Term | None:
        if len(shape) == 1 and shape[0] > 1:
            n = self.rng.randint(1, shape[0] - 1)
            parts = [self.term((m,) if m > 1 or self.rng.random() < 0.3 else (), depth - 1) for m in (n, shape[0] - n)]
            return self.called(ops.CONCAT, name, parts, {}, {}, shape)
        if len(shape) != 2:
            return None
        by = self.rng.choice(["row", "column"])
        axis = int(by == "column")
        if shape[axis] < 2:
            return None
        n = self.rng.randint(1, shape[axis] - 1)
        ends = [[*shape], [*shape]]
        ends[0][axis], ends[1][axis] = n, shape[axis] - n
        parts = [self.term(tuple(end), depth - 1) for end in ends]
        python = joined(f"torch.cat([{{}}, {{}}], dim={axis})", *parts)
        return Term(f"concat({parts[0].spec}, {parts[1].spec}, by = {by})", python, shape, max(p.bound for p in parts))

    def stack(self, name: str, shape: Shape, depth: int) -> Term | None:
        if not shape:
            return None
        parts = [self.term(shape[1:], depth - 1) for _ in range(shape[0])]
        return self.called(ops.STACK, name, parts, {}, {}, shape)

    def reshape(self, name: str, shape: Shape, depth: int) -> Term | None:
        if not shape:
            return None
        others = [s for s in SHAPES if s and math.prod(s) == math.prod(shape)] or [shape]
        t = self.term(self.rng.choice(others), depth - 1)
        extents = ", ".join(map(str, shape))
        return Term(f"reshape({t.spec}, {extents})", joined(f"{{}}.reshape(({extents},))", t), shape, t.bound)

    def border(self, name: str, shape: Shape, depth: int) -> Term | None:
        if not shape:
            return None
        places = min(len(shape), 2)
        by = 2 if name == "pad" else -2
        inner = (*shape[: len(shape) - places], *(e - by for e in shape[len(shape) - places :]))
        if min(inner) < len(shape[-2:]) or math.prod(inner) > 40:  # a matrix of one row is printed as a vector
            return None
        t = self.term(inner, depth - 1)
        return Term(f"{name}({t.spec}, 1)", joined(f"peer('{name}', {{}})", t), shape, t.bound)

    def repeat(self, name: str, shape: Shape, depth: int) -> Term | None:
        if not 0 < len(shape) < 3:
            return None
        t = self.term(shape[1:], depth - 1)
        return Term(f"repeat({t.spec}, {shape[0]})", joined(f"stack([{{}}] * {shape[0]})", t), shape, t.bound)

    def embedding(self, name: str, shape: Shape, depth: int) -> Term | None:
        tables = [t for t in self.names if len(t.shape) == 2 and t.shape[1:] == shape[-1:]]
        if not tables or not 0 < len(shape) < 3:
            return None
        table = self.rng.choice(tables)
        rows = [self.rng.randint(1, table.shape[0]) for _ in range(shape[0] if len(shape) == 2 else 1)]
        text = f"[{', '.join(map(str, rows))}]" if len(shape) == 2 else str(rows[0])
        index = str([r - 1 for r in rows]) if len(shape) == 2 else str(rows[0] - 1)
        return Term(f"embedding({table.spec}, {text})", joined(f"{{}}[{index}]", table), shape, table.bound)

    def one_hot(self, name: str, shape: Shape, depth: int) -> Term | None:
        if len(shape) != 1:
            return None
        place = self.rng.randint(1, shape[0])
        ones = [float(i == place) for i in range(1, shape[0] + 1)]
        return Term(f"one_hot({place}, size = {shape[0]})", f"number({ones})", shape, 1.0)

    def positional_encoding(self, name: str, shape: Shape, depth: int) -> Term | None:
        if len(shape) != 2:
            return None
        return Term(f"positional_encoding({shape[0]}, {shape[1]})", f"positions{shape}", shape, 1.0)

    def extent(self, name: str, shape: Shape, depth: int) -> Term | None:
        names = [t for t in self.names if re.fullmatch(r"\w+", t.spec) and SHAPE_FUNCTIONS[name](t.shape) is not None]
        if shape or not names:
            return None
        t = self.rng.choice(names)
        count = SHAPE_FUNCTIONS[name](t.shape)
        return Term(f"{name}({t.spec})", f"number({count}.0)", (), float(count or 0))

    def convolution(self, name: str, shape: Shape, depth: int) -> Term | None:
        t = self.row(ops.SPOKEN[name], name, shape, depth)
        places = int(name[-2])
        if t is None or self.rng.random() < 0.6:
            return t
        bias = self.term(shape[:1], depth - 1) if len(shape) == places + 1 and self.rng.random() < 0.5 else None
        bias = bias or self.term((), depth - 1)
        head, named = split_options(t.spec[:-1])
        spread = f"[(...,{' None,' * places})]" if bias.shape else ""
        return Term(
            f"{head}, {bias.spec}{named})", joined(f"({{}} + {{}}{spread})", t, bias), shape, t.bound + bias.bound
        )

    def transposed_convolution(self, name: str, shape: Shape, depth: int) -> Term | None:
        row = ops.SPOKEN[name]
        options = row.options
        for shapes in self.rng.sample(PAIRS * 3, len(PAIRS) * 3):
            settings = self.settings(options, 0.4)
            try:
                if ops.transposed_shape(row, shapes, settings) != shape:
                    continue
            except (ShapeMistake, AssertionError, IndexError):
                continue
            inputs = [self.term(s, depth - 1) for s in shapes]
            found = self.called(row, name, inputs, settings, options, shape)
            given = {"stride": 1, "padding": 0, **settings, "shape": shape}
            python = peer(row.name, inputs, given)
            return replace(found, torch=python)
        return None

    def pooling(self, name: str, shape: Shape, depth: int) -> Term | None:
        row = ops.SPOKEN[name]
        options = row.options
        for _ in range(40):
            own = self.rng.choice([s for s in SHAPES if s])
            settings = {"size": 2, **self.settings(options, 0.3)}
            if settings.get("padding", 0) >= settings["size"]:
                continue
            try:
                if row.shape((own,), settings) == shape:
                    t = self.term(own, depth - 1)
                    found = self.called(row, name, [t], settings, options, shape)
                    return found if settings.get("padding", 0) * 2 <= settings["size"] else replace(found, torch=None)
            except (ShapeMistake, AssertionError):
                continue
        return None


def split_options(call: str) -> tuple[str, str]:
    """An open call before and from its first option on."""
    depth, commas = 0, []
    for place, c in enumerate(call):
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 1:
            commas.append(place)
    at = next((p for p in commas if re.match(r", \w+ = ", call[p:])), len(call))
    return call[:at], call[at:]


SIGNS: tuple[Callable[[Formulas, Shape, int], Term | None], ...] = (
    Formulas.sum, Formulas.sum, Formulas.product, Formulas.product, Formulas.quotient, Formulas.minus, Formulas.power,
    Formulas.matmul, Formulas.matmul, Formulas.over_index,
)  # fmt: skip

BOUNDS: dict[str, Callable[[float, int], float]] = {
    **{
        name: lambda b, n: 1.0
        for name in ("tanh", "sigmoid", "sin", "cos", "erf", "softmax", "softsign", "sign", "step")
    },
    **{
        name: lambda b, n: b
        for name in ("max", "min", "max_of", "min_of", "mean", "std", "transpose", "flatten", "abs")
    },
    **{name: lambda b, n: b for name in ("relu", "leaky_relu", "concat", "stack", "max_pool", "avg_pool", "linear")},
    "exp": lambda b, n: math.exp(min(b, 5)),
    "variance": lambda b, n: b * b,
    "norm": lambda b, n: b * n,
    "logsumexp": lambda b, n: b + 3,
    "log_softmax": lambda b, n: 2 * b + 3,
    "ln": lambda b, n: 2 + b,
    "sum": lambda b, n: b * n,
    "outer": lambda b, n: b * b,
}

Form = Callable[[Formulas, str, Shape, int], Term | None]
FORMS: dict[str, Form] = {
    "max": Formulas.extreme,
    "min": Formulas.extreme,
    "linear": Formulas.linear,
    "prod": Formulas.product_of,
    "softmax": Formulas.softmax,
    "log_softmax": Formulas.softmax,
    "concat": Formulas.concat,
    "stack": Formulas.stack,
    "reshape": Formulas.reshape,
    "pad": Formulas.border,
    "crop": Formulas.border,
    "repeat": Formulas.repeat,
    "embedding": Formulas.embedding,
    "one_hot": Formulas.one_hot,
    "positional_encoding": Formulas.positional_encoding,
    **dict.fromkeys(SHAPE_FUNCTIONS, Formulas.extent),
    "conv1d": Formulas.convolution,
    "conv2d": Formulas.convolution,
    "conv_transpose1d": Formulas.transposed_convolution,
    "conv_transpose2d": Formulas.transposed_convolution,
    "max_pool": Formulas.pooling,
    "avg_pool": Formulas.pooling,
}


# Modules of the library: what each takes, and the options of its call.

MODULES: dict[str, tuple[tuple[str, ...], str]] = {
    "dense": (("v",), "units = 2"),
    "rnn": (("v", "h"), "units = 2"),
    "lstm": (("v", "h", "h"), "units = 2"),
    "lstm_xh": (("v", "h", "h"), "units = 2"),
    "gru": (("v", "h"), "units = 2"),
    "gru_new": (("v", "h"), "units = 2"),
    "residual": (("v",), "units = 2"),
    "layer_norm": (("v",), ""),
    "batch_norm": (("M",), ""),
    "dropout": (("v", "mask"), "keep = 0.5"),
    "attention": (("M", "M", "M"), ""),
    "masked_attention": (("M", "M", "M", "S"), ""),
    "self_attention": (("M",), "size_k = 2, size_v = 2"),
    "multi_head_attention": (("M",), "heads = 2, size_k = 1, size_v = 1"),
}
RECURRENT = {"v": (3,), "h": (2,), "M": (2, 3), "S": (2, 2), "mask": (3,)}
GIVES = {"dense": (2,), "rnn": (2,), "lstm": (2,), "lstm_xh": (2,), "gru": (2,), "gru_new": (2,)}
GIVES |= {"residual": (3,), "layer_norm": (3,), "dropout": (3,), "self_attention": (2, 2)}

# What `train` may say beside the rate and the number of steps.

TRAININGS = ("weight_decay = 0.1", "clip_value = 0.5", "clip_norm = 1", "decay = 0.5", "order = sequential")
BATCHES = (
    "batch = online",
    "batch = 2",
    "batch = online, shuffle = 3",
    "over_batch = sum",
    "gradient_over_batch = sum",
)


OUTPUTS = {
    "binary_cross_entropy": "sigmoid",
    "cross_entropy": "softmax",
    "kl_divergence": "softmax",
    "negative_log_likelihood": "log_softmax",
}
"""What gives a loss the outputs that it takes, where it does not take any numbers."""


class Writing:
    """One program, statement by statement."""

    def __init__(self, seed: int):
        self.rng = random.Random(f"program {seed}")
        self.made = Program(seed)
        self.formulas = Formulas(self.rng)
        self.lines: list[str] = []
        self.counts: dict[str, int] = {}
        self.params: list[Term] = []
        self.columns: list[Term] = []
        self.plain = seed % 2 == 0
        self.theme = FUNCTIONS[seed % len(FUNCTIONS)]
        self.init = False
        self.computed: list[Term] = []

    def program(self) -> Program:
        rng = self.rng
        if rng.random() < 0.2:
            self.lines.append(f'title "Program {self.made.seed}"')
        self.declare()
        for _ in range(rng.randint(0, 2)):
            self.function()
        self.themed()
        kinds = PLAIN if self.plain else WILD
        for _ in range(rng.randint(1, 4)):
            rng.choice(kinds)(self)
        self.goal()
        self.closing()
        self.made.text = "\n".join(self.lines) + "\n"
        return self.made

    def fresh(self, letter: str) -> str:
        self.counts[letter] = self.counts.get(letter, 0) + 1
        return f"{letter}{self.counts[letter]}"

    # Quantities.

    def declare(self) -> None:
        rng = self.rng
        sampled = not self.plain and rng.random() < 0.2
        for letter in "xu"[: rng.randint(1, 2)]:
            self.quantity("input", f"{letter}1", (), sampled)
        self.quantity("param", "w1", ())
        if rng.random() < 0.5:
            self.quantity("const", "c1", ())
        self.quantity("input", "v", (rng.choice([2, 3]),), sampled and rng.random() < 0.5)
        for name, shape in (
            ("X", (2, 3)),
            ("W", (3, 2)),
            ("Q", (2, 2)),
            ("b", (2,)),
            ("d", (3,)),
            ("T", (2, 2, 2)),
            ("Z", (3, 3)),
        ):
            if rng.random() < 0.45 or (name == "Q" and self.theme in ("embedding", "rows", "columns")):
                self.quantity("input" if name in "XTZ" else "param", name, shape)

    def quantity(self, kind: str, name: str, shape: Shape, sampled: bool = False) -> None:
        texts = [self.formulas.numeral() for _ in range(math.prod(shape))]
        if self.rng.random() < 0.1:
            texts[0] = self.rng.choice(["0", "1", "-1", "2"])
        term = Term(name, name, shape, 1.6)
        if sampled:
            self.lines.append(f"{kind} {name}{list(shape) if shape else ''}")
            self.columns.append(term)
            self.made.comparable = False
        elif shape and self.rng.random() < 0.1:
            texts = texts[:1] * len(texts)
            self.made.comparable = False  # of equal ones, PyTorch takes all
            self.lines.append(f"{kind} {name}{list(shape)} = {texts[0]}")
        else:
            self.lines.append(f"{kind} {name} = {nested(texts, shape)}")
        self.made.leaves[name] = (name, shape, [float(t) for t in texts])
        self.formulas.names.append(term)
        if kind == "param":
            self.params.append(term)

    # Statements.

    def node(self, name: str, term: Term) -> Term:
        """Enter a computed name."""
        python = name.replace("[", "_").replace("]", "").replace(",", "_").replace(" ", "")
        own = Term(name, python if term.torch is not None else None, term.shape, term.bound)
        if term.torch is None:
            self.made.comparable = False
        else:
            self.made.body.append(f"{python} = {term.torch} + 0")
            self.made.nodes[python] = (name, term.shape)
        self.formulas.names.append(own)
        self.computed.append(own)
        return own

    def equation(self, term: Term | None = None) -> Term:
        shape = self.rng.choice([(), (), (2,), (3,), (2, 2), (2, 3)]) if term is None else term.shape
        found = term or self.formulas.term(shape, self.rng.choice([1, 2, 2, 3]))
        name = self.fresh("fgMT"[len(found.shape)])
        self.lines.append(f"{name} = {found.spec}")
        return self.node(name, found)

    def themed(self) -> None:
        """An equation with the function that this program is about."""
        shapes = [(), (2,), (3,), (2, 2), (2, 3), (3, 3), (2, 2, 2)]
        self.rng.shuffle(shapes)
        for shape in shapes:
            found = self.formulas.named(self.theme, shape, self.rng.choice([1, 2]))
            if found is not None:
                self.equation(self.formulas.calm(found))
                return
        raise AssertionError(f"no call of `{self.theme}` was found: how it is called belongs in FORMS")

    def named_part(self) -> None:
        """(… as s)"""
        inner, outer = self.formulas.term((), 2), self.formulas.term((), 1)
        part, name = self.fresh("s"), self.fresh("f")
        self.lines.append(f"{name} = tanh(({inner.spec} as {part})) + {outer.within(2)}")
        made = self.node(part, inner)
        self.node(name, Term("", joined("(torch.tanh({}) + {})", made, outer), (), 1 + outer.bound))

    def function(self) -> None:
        """One of numbers, with an option or without, or one of vectors."""
        f = self.formulas
        name = self.fresh("fun")
        if self.rng.random() < 0.6:
            optional = self.rng.random() < 0.5
            v, k = Term("v", "v", (), 2.0), Term("k", "k", (), 2.0)
            with f.locals([v, k] if optional else [v], alone=True):
                body = f.calm(self.entrywise(2))
                if not re.search(r"\bv\b", body.spec):  # what is no function of v has no shape of v
                    body = Term(f"{body.within(2)}*v", joined("({} * v)", body), (), 2 * body.bound, 2)
            self.lines.append(f"function {name}(v{'; k = 2' if optional else ''}) = {body.spec}")
            head = f"def {name}(v, k=2.0): return "
            f.functions.append((name, None, optional))
        else:
            shapes = tuple(self.rng.choice([(2,), (3,)]) for _ in range(self.rng.randint(1, 2)))
            names = [Term(n, n, s, 2.0) for n, s in zip("vu", shapes, strict=False)]
            with f.locals(names, alone=True):
                body = f.calm(f.term((), 2))
                python = joined("({} + 0.1 * torch.sum(v))", body)
                body = Term(f"{body.within(1)} + 0.1*sum(v)", python, (), body.bound + 1, 1)
            self.lines.append(f"function {name}({', '.join(t.spec for t in names)}) = {body.spec}")
            head = f"def {name}({', '.join(t.spec for t in names)}): return "
            f.functions.append((name, shapes, False))
        if body.torch is None:
            self.made.comparable = False
        self.made.body.append(head + (body.torch or "None"))

    def entrywise(self, depth: int) -> Term:
        """A formula of numbers alone."""
        f = self.formulas
        for _ in range(50):
            found = f.term((), depth)
            if not re.search(
                r"\[|@|sum|prod|mean|std|norm|flatten|dot|variance|logsumexp|size|rows|columns", found.spec, re.I
            ):
                return found
        return f.bounded((), 1)

    def family(self) -> None:
        """A recurrence over numbers or vectors."""
        f, rng = self.formulas, self.rng
        name = f"r{'abcdefgh'[self.counts.setdefault('family', 0)]}"
        self.counts["family"] += 1
        shape: Shape = rng.choice([(), (), (2,)])
        count = rng.choice([2, 3])
        start = f.atom(shape) if rng.random() < 0.4 else f.literal(shape)
        sequences = [
            t for t in f.names if t.shape[1:] == shape and len(t.shape) == len(shape) + 1 and t.shape[0] >= count
        ]
        sequences = [t for t in sequences if re.fullmatch(r"\w+", t.spec)]
        own = [Term(f"{name}[s-1]", f"{name}[s-1]", shape, 1.0)]
        if sequences:
            x = rng.choice(sequences)
            own.append(Term(f"{x.spec}[s]", joined("{}[s-1]", x), shape, x.bound))
        with f.locals(own):
            term = f.term(shape, 2)
        text = f"tanh({term.spec} + {name}[s-1])"
        self.lines += [f"{name}[0] = {start.spec}", f"for s in 1..{count} {{", f"  {name}[s] = {text}", "}"]
        if start.torch is None or term.torch is None:
            self.made.comparable = False
        self.made.body.append(f"{name} = {{0: {start.torch} + 0}}")
        self.made.body.append(f"for s in range(1, {count + 1}): {name}[s] = torch.tanh({term.torch} + {name}[s-1])")
        for s in range(1, count + 1):
            member = Term(f"{name}[{s}]", f"{name}[{s}]" if term.torch else None, shape, 1.0)
            f.names.append(member)
            self.computed.append(member)
        if rng.random() < 0.4:
            members = [Term("", f"{name}[{s}]", shape, 1.0) for s in range(1, count + 1)]
            self.equation(
                Term(f"stack({name}[1..{count}])", function_of("stack", "{}([{}])", *members), (count, *shape), 1.0)
            )

    def grid(self) -> None:
        """A family of two indices in loops within each other."""
        f, rng = self.formulas, self.rng
        name = f"q{'abcdefgh'[self.counts.setdefault('grid', 0)]}"
        self.counts["grid"] += 1
        own = [Term("i", "i", (), 2.0), Term("j", "j", (), 2.0)]
        if any(t.spec == "X" for t in f.names):
            own.append(Term("X[i, j]", "X[i-1, j-1]", (), 1.6))
        with f.locals(own):
            term = f.term((), 2)
        order = rng.choice(["1..2", "[2, 1]"])
        self.lines += [
            f"for i in {order} {{",
            "  for j in 1..2 {",
            f"    {name}[i, j] = cos({term.spec} + i*j)",
            "  }",
            "}",
        ]
        if term.torch is None:
            self.made.comparable = False
        self.made.body.append(f"{name} = {{}}")
        self.made.body.append(
            f"for i, j in [(1, 1), (1, 2), (2, 1), (2, 2)]: {name}[i, j] = torch.cos(number({term.torch} + i * j))"
        )
        for i, j in ((1, 1), (1, 2), (2, 1), (2, 2)):
            member = Term(f"{name}[{i}, {j}]", f"{name}[{i}, {j}]" if term.torch else None, (), 1.0)
            f.names.append(member)
            self.computed.append(member)

    def module(self) -> None:
        """A module of the author's, with parameters, called twice or at once."""
        f, rng = self.formulas, self.rng
        name, shape = self.fresh("mod"), (rng.choice([2, 3]),)
        inner = [Term(n, None, s) for n, s in (("x", shape), ("h", ()), ("scale", ()), ("P", (2, *shape)), ("o", (2,)))]
        with f.locals(inner, alone=True):
            z, y = f.term((2,), 2), f.term((), 1)
        self.lines += [
            f"module {name}(x, h; scale = 1) -> y {{",
            "  param P[2, size(x)], o[2]",
            f"  z = P @ x + {z.within(2)}",
            f"  y = tanh(scale*z[1] + h*o[2] + {y.within(2)})",
            "}",
        ]
        self.made.comparable, self.init = False, True
        if rng.random() < 0.5:
            cell = self.fresh("cell")
            value = f"o = [{f.numeral()}, {f.numeral()}]" if rng.random() < 0.5 else ""
            self.lines.append(f"{cell} = {name}({value})")
            first = self.result(f"{cell}({f.term(shape, 1).spec}, {f.atom(()).spec})")
            self.result(f"{cell}({f.term(shape, 1).spec}, {first})")
        else:
            self.result(f"{name}({f.term(shape, 1).spec}, {f.term((), 1).spec}, scale = {f.numeral(0.1)})")

    def result(self, call: str, shape: Shape = ()) -> str:
        name = self.fresh("y" if len(shape) < 2 else "Y")
        self.lines.append(f"{name} = {call}")
        self.node(name, Term(name, None, shape, 2.0))
        return name

    def library_module(self) -> None:
        f, rng = self.formulas, self.rng
        name = rng.choice(list(MODULES))
        takes, options = MODULES[name]
        inputs = [f.term(RECURRENT[k], 1) if k != "mask" else Term("[1, 0, 1]", None, (3,)) for k in takes]
        call = f"{name}({', '.join([t.spec for t in inputs] + ([options] if options else []))})"
        self.made.comparable, self.init = False, True
        if name.startswith("lstm"):
            h, c = self.fresh("y"), self.fresh("y")
            self.lines.append(f"{h}, {c} = {call}")
            for part in (h, c):
                self.node(part, Term(part, None, (2,), 2.0))
            return
        self.result(call, GIVES.get(name, (2, 3)))

    def layer(self) -> None:
        """A layer among equations."""
        f, rng = self.formulas, self.rng
        name, letter = f"layer{'ABCDEFGH'[self.counts.setdefault('layer', 0)]}", "abcdefgh"[self.counts["layer"]]
        self.counts["layer"] += 1
        sources = [t for t in f.names if len(t.shape) < 2 and re.fullmatch(r"\w+", t.spec) and t.spec not in ("i", "j")]
        chosen = rng.sample(sources, min(len(sources), rng.randint(1, 2)))
        own = [n for n, shapes, optional in f.functions if shapes is None]
        activation = rng.choice([*ops.ACTIVATIONS, *own])
        size = rng.choice([1, 2, 3]) if "softmax" not in activation else 2
        width = sum(math.prod(t.shape) for t in chosen)
        options = []
        if rng.random() < 0.4:
            flat = [f.numeral() for _ in range(size * width)]
            options.append(f"weights = [{', '.join(flat)}]")
        if rng.random() < 0.3:
            options.append(rng.choice(["bias = none", "bias = w1", "biases = 0.25"]))
        units = rng.random() < 0.5
        head = f"{name}({', '.join(f'l{letter}{i}' for i in range(1, size + 1))})" if units else f"{name}[{size}]"
        block = f" {{ {'; '.join(options)} }}" if options else ""
        self.lines.append(f"layer {head} {activation} from {', '.join(t.spec for t in chosen)}{block}")
        self.made.comparable, self.init = False, True
        if units:
            for i in range(1, size + 1):
                self.node(f"l{letter}{i}", Term("", None, (), 6.0))
        else:
            self.node(name, Term("", None, (size,), 6.0))

    def derivative(self) -> None:
        """A derivative as a formula of its own."""
        f = self.formulas
        by = self.rng.choice([t for t in f.names if t.shape in ((), (2,), (3,)) and t.spec in self.made.leaves])
        inner = f.bounded((), 2)
        name, slope = self.fresh("f"), self.fresh("g")
        dotted = by.spec if not by.shape else f"{by.spec}[1]"
        self.lines.append(f"{name} = {inner.within(2)}*{dotted} + {dotted}^2")
        self.node(name, Term("", None, (), 4.0))
        self.lines.append(f"{slope} = derivative({name}, {by.spec})")
        self.node(slope, Term("", None, by.shape, 6.0))

    def given(self) -> None:
        """A value that overrides an equation."""
        own = [t for t in self.computed if re.fullmatch(r"[fg]\d+", t.spec) and len(t.shape) < 2]
        if own:
            t = self.rng.choice(own)
            value = nested([self.formulas.numeral() for _ in range(math.prod(t.shape))], t.shape)
            self.lines.append(f"given {t.spec} = {value}")
            self.made.comparable = False
            self.counts["given"] = 1

    # What is asked.

    def folded(self, depth: int = 1) -> Term:
        """A number that all computed names go into."""
        found: list[Term] = []
        for t in self.computed[-5:]:
            kind = self.rng.choice(["sum", "mean", "sum"])
            found.append(Term(f"{kind}({t.spec})", joined(f"torch.{kind}({{}})", t), (), t.bound * 3) if t.shape else t)
        extra = self.formulas.term((), depth)
        text = " + ".join(t.within(2) for t in [*found, extra])
        return Term(text, joined(" + ".join(["{}"] * (len(found) + 1)), *found, extra), (), 9.0, 1)

    def goal(self) -> None:
        rng, draw = self.rng, self.rng.random()
        if draw < 0.1 and not self.columns:
            return  # a forward pass
        if draw < 0.4 and not self.columns:
            shape = rng.choice([(), (), (2,)])
            total = self.folded()
            if shape:
                total = Term(f"[{total.spec}, {self.formulas.term((), 1).spec}]", None, shape)
            f = self.equation(total)
            wrt = rng.sample([t.spec for t in self.formulas.names if t.spec in self.made.leaves], 2)
            self.lines.append(f"gradient {f.spec}{' wrt ' + ', '.join(wrt) if rng.random() < 0.3 else ''}")
            self.made.objective = f.spec
            return
        if rng.random() < 0.25 and not self.columns:
            self.loss_of_table()
        else:
            self.loss()
        if rng.random() < 0.6 and (self.params or self.init):
            self.train()

    def loss(self) -> None:
        rng = self.rng
        total = self.folded()
        y = self.equation(total)
        word = rng.choice(["loss", "loss", "minimise", "maximise"])
        if word == "maximise":
            shown, python = f"sin({y.spec}) - {y.spec}^2", joined("(torch.sin({0}) - {0} * {0})", y)
        else:
            target = Term("t1", "t1", (), 1.0)
            self.quantity("target", "t1", (), bool(self.columns))
            self.formulas.names.pop()
            forms = [
                ("1/2*({t} - {y})^2", "(0.5 * ({t} - {y}) ** 2)"),
                ("abs({t} - {y})", "abs({t} - {y})"),
                ("half_squared_error({t}, {y})", "(0.5 * ({t} - {y}) ** 2)"),
            ]
            spec, peer = rng.choice(forms)
            shown = spec.format(t=target.spec, y=y.spec)
            python = None if y.torch is None else peer.format(t="t1", y=y.torch)
        self.lines.append(f"{word} E = {shown}")
        self.made.objective = "E"
        if python is None:
            self.made.comparable = False
        else:
            self.made.body.append(f"E = {python}")
            self.made.nodes["E"] = ("E", ())
        if self.params and rng.random() < 0.15:
            p = rng.choice(self.params)
            self.lines.append(f"penalty R = 0.1*{f'sum({p.spec}^2)' if p.shape else p.spec + '^2'}")
            self.made.comparable = False

    def loss_of_table(self) -> None:
        """A loss by its name, of a vector that is what it takes."""
        f, rng = self.formulas, self.rng
        name = rng.choice(sorted(losses.SPOKEN))
        row, shape = losses.SPOKEN[name], (rng.choice([2, 3]),)
        output = f.calm(f.term(shape, 2))
        if row.name in OUTPUTS:
            output = Term(f"{OUTPUTS[row.name]}({output.spec})", None, shape, 3.0)
        y = self.equation(Term(output.spec, None, shape, output.bound))
        place = rng.randint(1, shape[0])
        targets = {
            "numbers": [f.numeral() for _ in range(shape[0])],
            "signs": [rng.choice(["-1", "1"]) for _ in range(shape[0])],
            "probabilities": ["1" if i == place else "0" for i in range(1, shape[0] + 1)],
        }[row.takes]
        if row.name == "kl_divergence":  # ln of p/q wants p above 0
            targets = ["0.25", "0.75"] if shape == (2,) else ["0.2", "0.5", "0.3"]
        self.lines.append(f"target t1 = [{', '.join(targets)}]")
        options = [f"over = {rng.choice(['sum', 'mean'])}"] if rng.random() < 0.4 else []
        options += [f"{key} = {rng.choice(['0.5', '2'])}" for key in row.defaults if rng.random() < 0.5]
        self.lines.append(f"loss E = {', '.join([f'{name}(t1', y.spec, *options])})")
        self.made.objective = "E"

    def train(self) -> None:
        rng = self.rng
        rules = sorted(standard())
        name = "sgd" if rng.random() < 0.5 else rng.choice([r for r in rules if r != "perceptron"])
        options = [f"eta = {rng.choice(['0.1', '0.05', '0.01', '0.5', '[0.1, 0.05]'])}"]
        said = "epochs" if self.columns else "steps"
        options.append(f"{said} = {rng.choice([1, 2])}")
        if rng.random() < 0.3:
            options.append(rng.choice(TRAININGS))
        if self.columns and rng.random() < 0.7:
            options.append(rng.choice(BATCHES))
        if len(self.params) > 1 and rng.random() < 0.15:
            options.append(f"frozen = [{self.params[0].spec}]")
        self.lines.append(f"train {name} {{ {rng.choice(['; ', ', ']).join(options)} }}")

    def closing(self) -> None:
        rng = self.rng
        if self.init:
            self.lines.append(
                rng.choice(
                    [
                        "init weights = 0.5, biases = 0.1, all = 0.3",
                        "init weights = uniform(-1, 1), biases = 0.2, all = 0.1, seed = 3",
                    ]
                )
            )
        if self.columns:
            targets = [t for t in self.columns if t.spec == "t1"]
            inputs = [t for t in self.columns if t.spec != "t1"]
            head = ", ".join(t.spec for t in inputs) + (" -> t1" if targets else "")
            rows = []
            for _ in range(rng.choice([2, 3])):
                cells = [nested([self.formulas.numeral() for _ in range(math.prod(t.shape))], t.shape) for t in inputs]
                rows.append("  " + ", ".join(cells) + (f" -> {self.formulas.numeral()}" if targets else ""))
            self.lines += ["data {", f"  {head}", *rows, "}"]
        if rng.random() < 0.5:
            self.numbers()
        if rng.random() < 0.4:
            self.lines.append(f"report {{ style = {rng.choice(['chain', 'matrix'])} }}")
        if self.made.objective == "E" and rng.random() < 0.15:
            self.lines.append('find E "Compute the error." (3 points)')
            self.lines.append("find gradients")

    def numbers(self) -> None:
        rng = self.rng
        options = []
        if rng.random() < 0.75:
            options.append("carry = displayed")
            self.made.displayed = True
        options.append(f"decimals = {rng.choice([1, 2, 2, 3, 3, 4, 5, 6])}")
        if rng.random() < 0.15:
            options.append("rounding = cut")
            self.made.cut = True
        if self.made.objective == "E" and rng.random() < 0.2:
            options.append(f"decimals[E] = {rng.choice([1, 3, 7])}")
        self.lines.append(f"numbers {{ {'; '.join(options)} }}")


PLAIN: tuple[Callable[[Writing], object], ...] = (
    Writing.equation, Writing.equation, Writing.equation, Writing.named_part, Writing.family, Writing.grid,
)  # fmt: skip
WILD: tuple[Callable[[Writing], object], ...] = (
    *PLAIN, Writing.module, Writing.library_module, Writing.library_module, Writing.layer, Writing.layer,
    Writing.derivative, Writing.given,
)  # fmt: skip


def nested(texts: list[str], shape: Shape) -> str:
    """Entries as an array."""
    if not shape:
        return texts[0]
    if len(shape) == 2:
        rows = [texts[i : i + shape[1]] for i in range(0, len(texts), shape[1])]
        return f"[{'; '.join(', '.join(row) for row in rows)}]"
    step = math.prod(shape[1:])
    return f"[{', '.join(nested(texts[i : i + step], shape[1:]) for i in range(0, len(texts), step))}]"


def program(seed: int) -> Program:
    """The program of a seed; always the same."""
    return Writing(seed).program()


# The same in PyTorch.


def positions(rows: int, columns: int) -> list[list[float]]:
    """The positional encoding of Vaswani et al. 2017."""
    angle = [[p / 10000 ** (2 * (i // 2) / columns) for i in range(columns)] for p in range(rows)]
    return [[math.cos(a) if i % 2 else math.sin(a) for i, a in enumerate(row)] for row in angle]


def in_torch(made: Program) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Values of the nodes and, of an objective that is a number, gradients of the quantities, by our names."""
    import torch
    from row_trials import TORCH
    from test_functions import peer_of

    torch.set_num_threads(1)

    def number(x: Any) -> Any:
        return x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float64)

    def peer(name: str, *terms: Any, given: dict[str, Any] | None = None) -> Any:
        if name in TORCH:
            return TORCH[name](torch, *map(number, terms), given or {})
        row = ops.SPOKEN[name]
        options = {key: float(value) for key, value in {**row.defaults, **(given or {})}.items()}
        return peer_of(row)(*map(number, terms), **options)

    names: dict[str, Any] = {
        "torch": torch,
        "number": number,
        "peer": peer,
        "stack": lambda parts: torch.stack([number(p) for p in parts]),
        "positions": lambda *extents: number(positions(*extents)),
        "sum_": sum,
        "prod_": math.prod,
        "Decimal": Decimal,
    }
    leaves = {}
    for key, (_, shape, flat) in made.leaves.items():
        leaves[key] = torch.tensor(flat, dtype=torch.float64).reshape(shape).requires_grad_()
    space = {**names, **leaves}
    exec("\n".join(made.body), space)
    values = {ours: number(space[key]).flatten().tolist() for key, (ours, _) in made.nodes.items()}
    objective = space.get(made.objective)
    if objective is None or objective.ndim or not objective.requires_grad:
        return values, {}
    objective.backward()
    found = {k: torch.zeros_like(x) if x.grad is None else x.grad for k, x in leaves.items()}
    return values, {key: x.flatten().tolist() for key, x in found.items()}


# What is held of a program.

TOLERANCE = 1e-8


class Mismatch(Exception):
    """PyTorch has another value."""


class FalsePage(Exception):
    """A printed relation is not true."""


def held(made: Program, source: str = "") -> Solution:
    """The solution of a program: routes compared, the page read back, the JSON parsed, the numbers those of PyTorch."""
    solution = solved(Source(source or f"program {made.seed}", made.text))
    wrong = false_lines(solution.text(), "cut" if made.cut else "half_up")
    if wrong:
        raise FalsePage("\n".join(wrong[:3]))
    json.loads(solution.json())
    if compared_with_torch(made) and not _has_ties(solution):
        _compare(made, solution)
    return solution


def compared_with_torch(made: Program) -> bool:
    """Whether PyTorch can follow, and carries what we carry."""
    return made.comparable and not made.displayed


def _has_ties(solution: Solution) -> bool:
    """Whether an argument lies on a kink, where PyTorch may choose otherwise."""
    graph, plain = solution.trace.graph, Decimal50()
    env = forward(graph, solution.trace.rounds[0].parameters, plain)
    return any(0 in sides_of(op.expr, env, plain) for op in graph.ops)


def _compare(made: Program, solution: Solution) -> None:
    values, gradients = in_torch(made)
    sample = solution.trace.rounds[0].samples[0]
    for name, theirs in values.items():
        _close(name, _entries(sample.values, name), theirs)
    own = sample.gradients.get(made.objective, {})
    for name, theirs in gradients.items():
        _close(f"∂{made.objective}/∂{name}", _entries(own, name) or [0.0] * len(theirs), theirs)


def _entries(values: Mapping[str, Num], name: str) -> list[float]:
    return [float(v.value) for key, v in values.items() if key == name or key.startswith(f"{name}[")]


def _close(what: str, ours: list[float], theirs: list[float]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        if not abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b)):
            raise Mismatch(f"{what}: {ours} and {theirs}")


def main(count: int, first: int = 0) -> int:
    """Try programs and print what became of them; 1 where one was not held."""
    found: Counter[str] = Counter()
    start = time.monotonic()
    for seed in range(first, first + count):
        try:
            made = program(seed)
            held(made)
        except Exception as wrong:
            found[type(wrong).__name__] += 1
            print(f"program {seed}: {type(wrong).__name__}: {str(wrong)[:300]}")
        else:
            found["held"] += 1
            found["carried as displayed"] += made.displayed
            found["compared with PyTorch"] += compared_with_torch(made)
    print(f"{count} programs in {time.monotonic() - start:.0f} s: {dict(found)}")
    return int(found["held"] < count)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
