"""Seed -> a random spec that is right, and the same network as Python source for other programs; uses nothing of graphdsl."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]
Value = float | list[float] | list[list[float]]


@dataclass(frozen=True)
class Leaf:
    """A quantity: its keys in the trace, entry by entry, its value, and whether an update changes it."""

    keys: tuple[str, ...]
    value: Value
    trained: bool = False


@dataclass(frozen=True)
class Case:
    """A spec, and the same thing as Python over `leaves` and the functions of a peer.

    `nodes`: each variable of the body with its keys in the trace. The loss is the variable `loss_`.
    """

    text: str
    leaves: dict[str, Leaf]
    body: str
    nodes: dict[str, tuple[str, ...]]
    eta: float
    steps: int
    ascent: bool


# Formulas: (kind, …) tuples, printed as our language and as Python. The first print uses as few brackets as the language
# allows, the second brackets everything, so that the two disagree where we read an expression in another way.

Tree = tuple[Any, ...]  # a tag and parts of any kind

LEVEL = {"+": 1, "-": 1, "neg": 1, "*": 2, "/": 2, "@": 2, "^": 4}
ATOM = 9
LANGUAGE = {"log": "ln", "absolute": "abs", "maximum": "max", "minimum": "min", "total": "sum", "leaky": "leaky_relu"}
VARIANTS = {"relu": ("relu", "ReLU", "RELU"), "sigmoid": ("sigmoid", "Sigmoid", "σ"), "tanh": ("tanh", "Tanh")}


def level(tree: Tree) -> int:
    return LEVEL.get(tree[0], ATOM)


def to_spec(tree: Tree, rng: random.Random) -> str:
    """The formula as an author types it."""

    def within(part: Tree, least: int) -> str:
        text = to_spec(part, rng)
        return text if level(part) >= least and rng.random() > 0.04 else f"({text})"

    def space() -> str:
        return rng.choice(["", " "])

    match tree:
        case ("num", text) | ("name", text):
            return str(text)
        case ("entry", of, index):
            return f"{of}[{', '.join(map(str, index))}]"
        case ("vector", *entries):
            return f"[{', '.join(to_spec(e, rng) for e in entries)}]"
        case ("transpose", of):
            return f"{of}^T" if rng.random() < 0.7 else f"{of}ᵀ"
        case ("neg", inner):
            return f"{rng.choice('--−')}{within(inner, 2)}"
        case ("+" | "-" as sign, a, b):
            shown = rng.choice("-−") if sign == "-" else sign
            gap = space()
            return f"{within(a, 1)}{gap}{shown}{gap}{within(b, 2)}"
        case ("*" | "/" | "@" as sign, a, b):
            shown = rng.choice("***·×") if sign == "*" else sign
            gap = space() if sign != "@" else " "
            return f"{within(a, 2)}{gap}{shown}{gap}{within(b, 3)}"
        case ("^", a, b):
            exponent = f"-{to_spec(b[1], rng)}" if b[0] == "neg" and level(b[1]) == ATOM else within(b, 4)
            return f"{within(a, 5)}^{exponent}"
        case ("call", name, *arguments):
            slope = [a for a in arguments if a[0] == "slope"]
            parts = [to_spec(a, rng) for a in arguments if a[0] != "slope"] + [f"slope = {a[1]}" for a in slope]
            spelled = rng.choice(VARIANTS.get(name, (LANGUAGE.get(name, name),)))
            return f"{spelled}({', '.join(parts)})"
    raise AssertionError(tree)


def to_python(tree: Tree) -> str:
    """The formula as Python, with every bracket."""
    match tree:
        case ("num", text):
            return f"number({float(text)!r})"
        case ("name", text):
            return str(text)
        case ("entry", of, index):
            return f"{of}[{', '.join(str(i - 1) for i in index)}]"
        case ("vector", *entries):
            return f"stack([{', '.join(map(to_python, entries))}])"
        case ("transpose", of):
            return f"{of}.T"
        case ("neg", inner):
            return f"(-{to_python(inner)})"
        case ("^", a, ("num", exponent)):
            return f"({to_python(a)} ** {float(exponent)!r})"
        case ("^", a, b):
            return f"({to_python(a)} ** {to_python(b)})"
        case ("call", name, *arguments):
            return f"{name}({', '.join(repr(a[1]) if a[0] == 'slope' else to_python(a) for a in arguments)})"
        case (sign, a, b):
            return f"({to_python(a)} {sign} {to_python(b)})"
    raise AssertionError(tree)


def num(text: str) -> Tree:
    return ("num", text)


def call(name: str, *arguments: Tree) -> Tree:
    return ("call", name, *arguments)


ONE, TWO, HALF = num("1"), num("2"), num("0.5")


def half_squared(a: Tree, b: Tree, rng: random.Random) -> Tree:
    squared = ("^", ("-", a, b), TWO)
    return rng.choice(
        [("*", ("/", ONE, TWO), squared), ("/", squared, TWO), ("*", HALF, squared), ("*", squared, HALF)]
    )


def decimal(rng: random.Random, low: float, high: float) -> str:
    """A numeral of three to five decimals, away from 0, so that no argument falls on a kink."""
    while abs(value := round(rng.uniform(low, high), rng.choice([3, 4, 5]))) < 0.02:
        pass
    text = repr(value)
    return text.replace("0.", ".", 1) if rng.random() < 0.1 else text


# --- equation nets: random graphs with fan-out, diamonds, shared parameters, w*w


@dataclass
class Made:
    """What exists so far: names by shape, with their Python names equal to their own."""

    shapes: dict[str, Shape] = field(default_factory=dict)

    def of(self, shape: Shape) -> list[str]:
        return [name for name, s in self.shapes.items() if s == shape]


class EquationNet:
    def __init__(self, rng: random.Random):
        self.rng = rng
        self.made = Made()
        self.leaves: dict[str, Leaf] = {}
        self.lines: list[str] = []
        self.body: list[str] = []
        self.nodes: dict[str, tuple[str, ...]] = {}
        self.width = rng.choice([2, 3])

    def case(self) -> Case:
        rng = self.rng
        self._declare()
        equations = []
        for i in range(rng.randint(3, 8)):
            vector = rng.random() < 0.25 and self.made.of((self.width,))
            tree = self._vector(2) if vector else self._scalar(rng.choice([1, 2, 2, 3]))
            name = f"{rng.choice('fghuv')}{i}"
            if rng.random() < 0.5 and not vector:
                tree = call("tanh", tree)
            equations.append(f"{name} = {to_spec(tree, rng)}")
            shape: Shape = (self.width,) if vector else ()
            self.body.append(f"{name} = ident({to_python(tree)})")
            self.made.shapes[name] = shape
            self.nodes[name] = keys_of(name, shape)
        if rng.random() < 0.4:
            rng.shuffle(equations)
        loss = self._loss()
        ascent = rng.random() < 0.1
        word = "maximise" if ascent else rng.choice(["loss", "loss", "minimise"])
        self.body.append(f"loss_ = {to_python(('neg', loss) if ascent else loss)}")
        self.nodes["loss_"] = ("E",)
        statement = f"{word} E = {to_spec(('neg', loss) if ascent else loss, rng)}"
        eta, steps = rng.choice([0.01, 0.02, 0.05]), rng.choice([1, 2, 3, 3, 3])
        frozen = self._freeze()
        block = f"train sgd {{ {rng.choice(['eta', 'η'])} = {eta}{rng.choice([', ', '; '])}steps = {steps}{frozen} }}"
        statements = [*self.lines, *equations, statement, block]
        return Case("\n".join(statements) + "\n", self.leaves, "\n".join(self.body), self.nodes, eta, steps, ascent)

    def _freeze(self) -> str:
        names = [n for n, leaf in self.leaves.items() if leaf.trained and not isinstance(leaf.value, list)]
        if len(names) < 2 or self.rng.random() > 0.2:
            return ""
        chosen = names[0]
        self.leaves[chosen] = Leaf(self.leaves[chosen].keys, self.leaves[chosen].value)
        return f", frozen = [{chosen}]"

    def _declare(self) -> None:
        rng = self.rng
        for i in range(1, rng.randint(2, 4)):
            self._datum("input", f"x{i}", ())
        if rng.random() < 0.6:
            self._datum("input", "p", (self.width,))
        self._datum("target", "t", ())
        if rng.random() < 0.3:
            self._datum("const", "k", ())
        for i in range(1, rng.randint(2, 5)):
            self._datum("param", f"w{i}", ())
        if "p" in self.leaves:
            self._datum("param", "q", (self.width,))
            if rng.random() < 0.7:
                self._datum("param", "M", (self.width, self.width))

    def _datum(self, kind: str, name: str, shape: Shape) -> None:
        rng = self.rng
        count = math.prod(shape)
        texts = [decimal(rng, -1.5, 1.5) for _ in range(count)]
        flat = [float(t) for t in texts]
        value: Value = flat[0]
        written = texts[0]
        if len(shape) == 1:
            value, written = flat, f"[{', '.join(texts)}]"
        elif shape:
            rows = [texts[i : i + shape[1]] for i in range(0, count, shape[1])]
            value = [[float(t) for t in row] for row in rows]
            nested = rng.random() < 0.3
            joined = [", ".join(row) for row in rows]
            written = f"[{', '.join(f'[{r}]' for r in joined)}]" if nested else f"[{'; '.join(joined)}]"
        sized = f"[{', '.join(map(str, shape))}]" if shape and rng.random() < 0.3 else ""
        self.lines.append(f"{kind} {name}{sized} = {written}")
        self.leaves[name] = Leaf(keys_of(name, shape), value, kind == "param")
        if kind != "target":
            self.made.shapes[name] = shape

    def _atom(self) -> Tree:
        rng = self.rng
        vectors = self.made.of((self.width,))
        matrices = self.made.of((self.width, self.width))
        draw = rng.random()
        if draw < 0.12:
            return num(decimal(rng, 0.1, 2))
        if draw < 0.24 and vectors:
            return ("entry", rng.choice(vectors), (rng.randint(1, self.width),))
        if draw < 0.30 and matrices:
            return ("entry", rng.choice(matrices), (rng.randint(1, self.width), rng.randint(1, self.width)))
        names = self.made.of(())
        fresh = [n for n in names if n in self.nodes]
        return ("name", rng.choice(fresh if fresh and rng.random() < 0.5 else names))

    def _scalar(self, depth: int) -> Tree:
        """A scalar whose value exists for all values of its parts, and grows slowly."""
        rng = self.rng
        if depth == 0:
            return self._atom()

        def part() -> Tree:
            return self._scalar(depth - 1)

        def bounded() -> Tree:
            return call(rng.choice(["tanh", "sigmoid", "sin", "cos"]), part())

        def positive() -> Tree:
            return rng.choice(
                [
                    ("+", ("^", part(), TWO), HALF),
                    call("exp", bounded()),
                    ("+", ONE, call("absolute", part())),
                    ("+", call("sigmoid", part()), num("0.3")),
                ]
            )

        def square() -> Tree:
            """w*w: one value used twice by one operation."""
            atom = self._atom()
            return ("*", atom, atom)

        forms: list[Callable[[], Tree]] = [
            lambda: ("+", part(), part()),
            lambda: ("-", part(), part()),
            lambda: ("-", part(), ("-", part(), part())),
            lambda: ("*", part(), bounded()),
            lambda: ("*", self._atom(), ("*", self._atom(), bounded())),
            lambda: ("/", part(), positive()),
            lambda: ("*", ("/", part(), positive()), bounded()),
            lambda: ("/", bounded(), ("*", positive(), positive())),
            lambda: ("neg", part()),
            lambda: ("neg", ("^", bounded(), TWO)),
            lambda: ("^", bounded(), num(rng.choice(["2", "3"]))),
            lambda: ("^", positive(), ("neg", num(rng.choice(["1", "2"])))),
            lambda: ("^", positive(), num(rng.choice(["0.5", "1.5"]))),
            lambda: ("^", positive(), bounded()),
            lambda: ("^", TWO, ("^", bounded(), TWO)),
            square,
            lambda: call("exp", bounded()),
            lambda: call("log", positive()),
            lambda: call("sqrt", positive()),
            lambda: call("absolute", part()),
            lambda: call("maximum", part(), part()),
            lambda: call("maximum", part(), part(), part()),
            lambda: call("minimum", part(), part()),
            lambda: call("relu", part()),
            lambda: call("leaky", part(), ("slope", rng.choice([0.1, 0.25]))),
            lambda: call("leaky", part()),
            lambda: call("ident_", part()),
            bounded,
            bounded,
        ]
        if self.made.of((self.width,)):
            forms += [
                lambda: ("@", self._vector(depth - 1), self._vector(depth - 1)),
                lambda: call("total", self._vector(depth)),
                lambda: call("maximum", self._vector(depth - 1)),
            ]
        if self.made.of((self.width, self.width)):
            forms.append(lambda: call("total", ("^", ("name", "M"), TWO)))
        tree = rng.choice(forms)()
        return call("linear", *tree[2:]) if tree[:2] == ("call", "ident_") else tree

    def _vector(self, depth: int) -> Tree:
        rng = self.rng
        atom = ("name", rng.choice(self.made.of((self.width,))))
        if depth <= 0:
            return atom
        inner = self._vector(depth - 1)
        forms: list[Tree] = [
            ("+", inner, atom),
            ("-", atom, inner),
            ("*", inner, atom),
            ("*", self._scalar(depth - 1), inner),
            ("/", inner, ("+", ("^", self._atom(), TWO), ONE)),
            call("tanh", inner),
            call("sigmoid", inner),
            call("relu", inner),
            ("+", inner, self._atom()),
            ("vector", *(self._scalar(depth - 1) for _ in range(self.width))),
        ]
        if self.made.of((self.width, self.width)):
            forms += [("@", ("name", "M"), inner), ("@", ("transpose", "M"), inner), ("@", inner, ("name", "M"))]
        return rng.choice(forms)

    def _loss(self) -> Tree:
        """Of the last node, and of whatever else comes."""
        rng = self.rng
        names = [n for n in self.nodes if self.made.shapes[n] == ()]
        vectors = [n for n in self.nodes if self.made.shapes[n]]
        output: Tree = ("name", names[-1]) if names else call("total", ("name", vectors[-1]))
        loss = half_squared(("name", "t"), output, rng)
        if len(names) > 1 and rng.random() < 0.6:
            loss = ("+", loss, call("tanh", ("name", rng.choice(names[:-1]))))
        if vectors:
            loss = ("+", loss, call("total", ("^", call("tanh", ("name", vectors[-1])), TWO)))
        return loss


def keys_of(name: str, shape: Shape) -> tuple[str, ...]:
    if not shape:
        return (name,)
    if len(shape) == 1:
        return tuple(f"{name}[{i}]" for i in range(1, shape[0] + 1))
    return tuple(f"{name}[{i},{j}]" for i in range(1, shape[0] + 1) for j in range(1, shape[1] + 1))


# --- layered nets, written unit by unit for the peers


ACTIVATIONS = ("relu", "leaky", "sigmoid", "tanh", "linear")


class LayerNet:
    def __init__(self, rng: random.Random):
        self.rng = rng
        self.leaves: dict[str, Leaf] = {}
        self.before: list[str] = []
        self.lines: list[str] = []
        self.body: list[str] = []
        self.nodes: dict[str, tuple[str, ...]] = {}
        self.init: dict[str, str] = {}
        self.counter = 0

    def case(self) -> Case:
        rng = self.rng
        sources = self._inputs()
        sizes = [rng.randint(1, 3) for _ in range(rng.randint(1, 3))]
        groups = {"": sources}
        for number, size in enumerate(sizes, 1):
            name = f"layer{'ABC'[number - 1]}"
            last = number == len(sizes)
            extra = list(groups)[-2] if len(groups) > 2 and rng.random() < 0.3 else None
            reads = groups[list(groups)[-1]] + (groups[extra] if extra else [])
            start = f" from {list(groups)[-1]}, {extra}" if extra else ""
            groups[name] = self._layer(name, number, size, reads, start, last)
        loss, word = self._loss(list(groups)[-1], groups[list(groups)[-1]])
        eta, steps = rng.choice([0.01, 0.05, 0.1]), rng.choice([1, 3, 3, 3])
        init = [f"init {', '.join(f'{k} = {v}' for k, v in self.init.items())}"] if self.init else []
        tail = [*init, loss, f"train sgd {{ eta = {eta}, steps = {steps} }}"]
        text = "\n".join([*self.before, *self.lines, *tail]) + "\n"
        return Case(text, self.leaves, "\n".join(self.body), self.nodes, eta, steps, word == "maximise")

    def _leaf(self, key: str, text: str, trained: bool) -> str:
        """A scalar of the peers for an entry of ours."""
        self.counter += 1
        name = f"leaf{self.counter}"
        self.leaves[name] = Leaf((key,), float(text), trained)
        return name

    def _inputs(self) -> list[str]:
        rng = self.rng
        count = rng.randint(1, 3)
        texts = [decimal(rng, -1.5, 1.5) for _ in range(count)]
        if rng.random() < 0.5:
            self.before.append(f"input x = [{', '.join(texts)}]")
            return [self._leaf(f"x[{i}]", t, False) for i, t in enumerate(texts, 1)]
        if count > 1 and rng.random() < 0.5:
            self.before.append(f"input x1..x{count} = [{', '.join(texts)}]")
        else:
            self.before.append("input " + ", ".join(f"x{i} = {t}" for i, t in enumerate(texts, 1)))
        return [self._leaf(f"x{i}", t, False) for i, t in enumerate(texts, 1)]

    def _layer(self, name: str, number: int, size: int, reads: list[str], start: str, last: bool) -> list[str]:
        rng = self.rng
        letter = "abc"[number - 1]
        named = rng.random() < 0.5
        units = [f"{letter}{i}" for i in range(1, size + 1)]
        activation = rng.choice(ACTIVATIONS) if not last else rng.choice(["linear", "sigmoid", "tanh"])
        weights, weights_text = self._weights(name, number, size, len(reads))
        biases, biases_text = self._biases(name, number, size)
        options = "; ".join(filter(None, [weights_text, biases_text]))
        spelled = rng.choice(VARIANTS.get(activation, (LANGUAGE.get(activation, activation),)))
        spelled = "" if activation == "linear" and rng.random() < 0.5 else f" {spelled}"
        joined = f"{units[0]}..{units[-1]}" if size > 1 and rng.random() < 0.3 else ", ".join(units)
        head = f"{name}({joined})" if named else f"{name}[{size}]"
        self.lines.append(f"layer {head}{spelled}{start}{f' {{ {options} }}' if options else ''}")
        for i in range(size):
            total = " + ".join(f"{w} * {x}" for w, x in zip(weights[i], reads, strict=True))
            z = f"{total} + {biases[i]}" if biases else total
            out_key = units[i] if named else f"{name}[{i + 1}]"
            z_key = f"z_{units[i]}" if named else f"{name}.z[{i + 1}]"
            if activation == "linear":
                self.body.append(f"{name}_{i} = {z}")
            else:
                self.body += [f"z_{name}_{i} = {z}", f"{name}_{i} = {activation}(z_{name}_{i})"]
                self.nodes[f"z_{name}_{i}"] = (z_key,)
            self.nodes[f"{name}_{i}"] = (out_key,)
        return [f"{name}_{i}" for i in range(size)]

    def _weights(self, name: str, number: int, size: int, width: int) -> tuple[list[list[str]], str]:
        """The peers' names of the weights, a row per unit, and the option that says them."""
        rng = self.rng
        letter = "uvw"[number - 1]
        keys = [[f"{name}.W[{i},{j}]" for j in range(1, width + 1)] for i in range(1, size + 1)]
        names = [[f"{letter}{i}_{j}" for j in range(1, width + 1)] for i in range(1, size + 1)]
        texts = [[decimal(rng, -1.2, 1.2) for _ in range(width)] for _ in range(size)]
        style = rng.choice(["matrix", "flat", "init", "one", "named", "with", "declared", "tensor", "range", "shared"])
        across = rng.random() < 0.4 and style in ("matrix", "flat", "named", "with", "tensor")
        head = "weights[from, to]" if across else rng.choice(["weights", "weights", "weights[to, from]"])
        if style in ("init", "one"):
            text = self.init.setdefault("weights", texts[0][0]) if style == "init" else texts[0][0]
            found = [[self._leaf(k, text, True) for k in row] for row in keys]
            return found, f"{head} = {text}" if style == "one" else ""
        if style == "tensor":
            self.before.append(f"param {letter.upper()} = {matrix(texts, across, False, rng)}")
            one_row = (width if across else size) == 1
            own = [[(j, i) if across else (i, j) for j in range(1, width + 1)] for i in range(1, size + 1)]
            keyed = [[f"{letter.upper()}[{b if one_row else f'{a},{b}'}]" for a, b in row] for row in own]
            return self._rows(keyed, texts), f"{head} = {letter.upper()}"
        if style == "shared":
            self.before.append(f"param {letter}_s = {texts[0][0]}")
            leaf = self._leaf(f"{letter}_s", texts[0][0], True)
            shown = matrix([[f"{letter}_s"] * width] * size, False, False, rng)
            return [[leaf] * width for _ in range(size)], f"{head} = {shown}"
        if style == "range":
            flat = [t for row in texts for t in row]
            first = f"{letter}1"
            last = f"{letter}{len(flat)}"
            self.before.append(f"param {first}..{last} = [{', '.join(flat)}]")
            numbered = [[f"{letter}{i * width + j + 1}" for j in range(width)] for i in range(size)]
            listed = f"{first}..{last}" if rng.random() < 0.5 else f"[{first}..{last}]"
            return self._rows(numbered, texts), f"weights = {listed}"
        if style == "declared":
            pairs = [f"{n} = {t}" for ns, ts in zip(names, texts, strict=True) for n, t in zip(ns, ts, strict=True)]
            self.before.append(f"param {', '.join(pairs)}")
            return self._rows(names, texts), f"{head} = {matrix(names, False, False, rng)}"
        if style == "named":
            value = self.init.setdefault("weights", texts[0][0])
            texts = [[value] * width for _ in range(size)]
            return self._rows(names, texts), f"{head} = {matrix(names, across, False, rng)}"
        if style == "with":
            both = [[f"{n} = {t}" for n, t in zip(*rows, strict=True)] for rows in zip(names, texts, strict=True)]
            return self._rows(names, texts), f"{head} = {matrix(both, across, False, rng)}"
        return self._rows(keys, texts), f"{head} = {matrix(texts, across, style == 'flat', rng)}"

    def _rows(self, keys: list[list[str]], texts: list[list[str]]) -> list[list[str]]:
        return [
            [self._leaf(k, t, True) for k, t in zip(ks, ts, strict=True)] for ks, ts in zip(keys, texts, strict=True)
        ]

    def _biases(self, name: str, number: int, size: int) -> tuple[list[str], str]:
        rng = self.rng
        style = rng.choice(["each", "init", "none", "shared number", "shared name", "const", "names", "range"])
        texts = [decimal(rng, -0.8, 0.8) for _ in range(size)]
        keys = [f"{name}.b[{i}]" for i in range(1, size + 1)]
        match style:
            case "each":
                found = [self._leaf(k, t, True) for k, t in zip(keys, texts, strict=True)]
                return found, f"biases = [{', '.join(texts)}]"
            case "init":
                value = self.init.setdefault("biases", texts[0])
                return [self._leaf(k, value, True) for k in keys], ""
            case "none":
                return [], "bias = none"
            case "shared number":
                return [self._leaf(f"{name}.b", texts[0], True)] * size, f"bias = {texts[0]}"
            case "shared name":
                return [self._leaf(f"d{number}", texts[0], True)] * size, f"bias = [d{number} = {texts[0]}]"
            case "const":
                self.before.append(f"const c{number}0 = {texts[0]}")
                return [self._leaf(f"c{number}0", texts[0], False)] * size, f"bias = c{number}0"
            case "range" if size > 1:
                self.before.append(f"param g{number}1..g{number}{size} = [{', '.join(texts)}]")
                found = [self._leaf(f"g{number}{i}", t, True) for i, t in enumerate(texts, 1)]
                return found, f"biases = g{number}1..g{number}{size}"
            case _:
                pairs = ", ".join(f"d{number}_{i} = {t}" for i, t in enumerate(texts, 1))
                found = [self._leaf(f"d{number}_{i}", t, True) for i, t in enumerate(texts, 1)]
                return found, f"biases = [{pairs}]"

    def _loss(self, layer: str, outputs: list[str]) -> tuple[str, str]:
        rng = self.rng
        texts = [decimal(rng, 0.1, 0.9) for _ in outputs]
        keys = [self.nodes[o][0] for o in outputs]
        style = rng.choice(["bare", "called", "expression", "whole", "absolute"])
        self.nodes["loss_"] = ("E",)
        if style in ("bare", "called", "whole"):
            one = len(outputs) == 1 and rng.random() < 0.5 and style != "whole"
            self.before.append(f"target t = {texts[0]}" if one else f"target t = [{', '.join(texts)}]")
            targets = [self._leaf("t" if one else f"t[{i}]", t, False) for i, t in enumerate(texts, 1)]
            terms = [f"0.5 * ({t} - {y}) ** 2" for t, y in zip(targets, outputs, strict=True)]
            self.body.append(f"loss_ = {' + '.join(terms)}")
            said = {
                "bare": "half_squared_error",
                "called": f"E = half_squared_error(t, {layer})",
                "whole": f"E = sum((t - {layer})^2)/2",
            }
            return f"loss {said[style]}", "loss"
        self.before.append("target " + ", ".join(f"t{i} = {t}" for i, t in enumerate(texts, 1)))
        targets = [self._leaf(f"t{i}", t, False) for i, t in enumerate(texts, 1)]
        if style == "absolute":
            self.body.append(
                "loss_ = " + " + ".join(f"absolute({y} - {t})" for t, y in zip(targets, outputs, strict=True))
            )
            terms = [f"abs({k} - t{i})" for i, k in enumerate(keys, 1)]
            return f"loss E = {' + '.join(terms)}", "loss"
        self.body.append(
            "loss_ = -(" + " + ".join(f"0.5 * ({t} - {y}) ** 2" for t, y in zip(targets, outputs, strict=True)) + ")"
        )
        terms = [f"1/2*(t{i} - {k})^2" for i, k in enumerate(keys, 1)]
        return f"maximise E = -({' + '.join(terms)})", "maximise"


def matrix(rows: list[list[str]], across: bool, flat: bool, rng: random.Random) -> str:
    """The entries as an author writes them."""
    lines = [list(column) for column in zip(*rows, strict=True)] if across else rows
    if flat:
        return f"[{', '.join(t for row in lines for t in row)}]"
    joined = [", ".join(row) for row in lines]
    if len(rows) > 1 and rng.random() < 0.2:
        return f"[{', '.join(f'[{r}]' for r in joined)}]"
    return f"[{'; '.join(joined)}]"


def cases(count: int, seed: int = 20) -> Iterator[Case]:
    """Half of them layered nets, half equations; the same ones for the same seed."""
    for i in range(count):
        rng = random.Random(seed * 100_000 + i)
        yield LayerNet(rng).case() if i % 2 else EquationNet(rng).case()
