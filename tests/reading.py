"""Finished text -> the printed relations that are not true; reads characters with a parser of its own and uses nothing of graphdsl."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import partial
from typing import Literal

import mpmath
from read_arrays import (
    ARRAY_FUNCTIONS,
    Arr,
    Exact,
    Lanes,
    NotRead,
    Settings,
    Value,
    each,
    exp,
    matrix_product,
    normed,
    over,
    plus,
    real,
    root,
    summed,
    times,
)

DIGITS = 60
TOLERANCE = mpmath.mpf(10) ** -45
SIGNS = "=≈<≤>≥≠"
Rounding = Literal["half_up", "cut"]


class Named(Exception):
    """A formula with a name in it: its value is not printed."""


# --- characters -> tokens

_SUB = "₀-₉ₐ-ₜᵢ-ᵥⱼ₊₋₌₍₎"
_SUPER = "⁰¹²³⁴-⁹⁺⁻ⁿⁱᵀ⁽⁾"
_TOKEN = re.compile(
    rf"""(?P<number>\d+(?:\.\d+)?)
    |(?P<filter>conv(?:transpose|filters)?[12]d)
    |(?P<half>[½⅓⅔¼¾⅕⅛])
    |(?P<name>∂?[^\W\d_{_SUB}{_SUPER}]+(?:\d+(?=[(′]))?[\u0300-\u036f]?(?:[{_SUB}]|′|⁽\w*⁾|⁽[{_SUPER}]+⁾|\^\(\([^()]*\)[^()]*\)|\^\([^\W\d_]+\)|\^\[\w+\]|\^[^\W\d_]{{2,}}|_\{{[^}}]*\}}|_\w+|[\u0300-\u036f])*(?:\|direct)?)
    |(?P<raised>[{_SUPER}]+)
    |(?P<part>[{_SUB}]+|_\{{[^}}]*\}}|_\w+)
    |(?P<sign>[+−·/^(){{}}|√∗,;\[\]⊙…⋯⋮{SIGNS}])
    |(?P<total>∑(?:_\w+|_\{{[^}}]*\}})?)
    |(?P<norm>‖(?:_\w+|_\{{[^}}]*\}})?)
    |(?P<space>\s+)
    |(?P<other>.)""",
    re.VERBOSE,
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_PARTS = dict(zip("½⅓⅔¼¾⅕⅛", map(Fraction, ("1/2", "1/3", "2/3", "1/4", "3/4", "1/5", "1/8")), strict=True))


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    spaced: bool


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind != "space":
            found.append(Token(kind, match[0], spaced))
        spaced = kind == "space"
    return found


# --- tokens -> value


def all_entries(values: Iterable[Value]) -> list[Value]:
    """Numbers, and the entries of arrays."""
    return [entry for v in values for entry in (v.flat if isinstance(v, Arr) else (v,))]


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "max": lambda *x: max(x, key=real),
    "min": lambda *x: min(x, key=real),
    "ReLU": lambda x: x if real(x) > 0 else Exact(0),
    "ReLU′": lambda x: Exact(real(x) > 0),
    "σ": lambda x: 1 / (1 + mpmath.exp(-real(x))),
    "tanh": lambda x: Exact(0) if x == 0 else mpmath.tanh(real(x)),
    "exp": exp,
    "ln": lambda x: Exact(0) if x == 1 else mpmath.log(real(x)),
    "log": lambda x: Exact(0) if x == 1 else mpmath.log(real(x)),
    "sin": lambda x: Exact(0) if x == 0 else mpmath.sin(real(x)),
    "cos": lambda x: Exact(1) if x == 0 else mpmath.cos(real(x)),
    "sgn": lambda x: Exact((real(x) > 0) - (real(x) < 0)),
    "id": lambda x: x,
    "tan": lambda x: Exact(0) if x == 0 else mpmath.tan(real(x)),
    "arctan": lambda x: Exact(0) if x == 0 else mpmath.atan(real(x)),
    "arcsin": lambda x: Exact(0) if x == 0 else mpmath.asin(real(x)),
    "arccos": lambda x: Exact(0) if x == 1 else mpmath.acos(real(x)),
    "sinh": lambda x: Exact(0) if x == 0 else mpmath.sinh(real(x)),
    "cosh": lambda x: Exact(1) if x == 0 else mpmath.cosh(real(x)),
    "erf": lambda x: Exact(0) if x == 0 else mpmath.erf(real(x)),
    "rsqrt": lambda x: 1 / mpmath.sqrt(real(x)),
    "step": lambda x: Exact(real(x) >= 0),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(real(x))),
    "softsign": lambda x: x / (1 + abs(x)),
    "ELU": lambda x: x if real(x) > 0 else mpmath.expm1(real(x)),
    "SELU": lambda x: real(_SELU[0]) * (real(x) if real(x) > 0 else real(_SELU[1]) * mpmath.expm1(real(x))),
    "GELU": lambda x: real(x) / 2 * mpmath.erfc(-real(x) / mpmath.sqrt(2)),
    "tanhGELU": lambda x: (
        real(x) / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (real(x) + real(_CUBIC) * real(x) ** 3)))
    ),
    "SiLU": lambda x: real(x) / (1 + mpmath.exp(-real(x))),
    "mish": lambda x: real(x) * mpmath.tanh(mpmath.log1p(mpmath.exp(real(x)))),
    "hardtanh": lambda x: min(Exact(1), max(Exact(-1), x, key=real), key=real),
    "hardsigmoid": lambda x: min(Exact(1), max(Exact(0), x / 6 + Exact("1/2"), key=real), key=real),
    "logsumexp": lambda *x: mpmath.log(sum(mpmath.exp(real(z)) for z in all_entries(x))),
}
OF_ALL = {"logsumexp"}
"""Functions of all numbers that they are given, and not of each entry."""

_SELU = tuple(map(Fraction, ("1.0507009873554804934193349852946", "1.6732632423543772848170429916717")))
_CUBIC = Fraction("0.044715")
_SET_BELOW = re.compile(r"(log|softmax|huber)(?:([₀-₉]+)|_\{?([0-9.]+)\}?)")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def function(name: str) -> Callable[..., Value] | None:
    """What a printed name of a function stands for; the base of a logarithm and the like are subscripts."""
    match = _SET_BELOW.fullmatch(name)
    if match is None:
        return FUNCTIONS.get(name)
    below = Fraction(match[3] or match[2].translate(_LOWERED))
    return {"log": _log, "softmax": _softmax, "huber": _huber}[match[1]](below)


def _log(base: Fraction) -> Callable[..., Value]:
    def log(x: Value) -> Value:
        found = mpmath.log(real(x)) / mpmath.log(real(base))
        whole = int(mpmath.nint(found))
        return Exact(whole) if isinstance(x, Fraction) and base**whole == x else found

    return log


def _softmax(place: Fraction) -> Callable[..., Value]:
    return lambda *x: mpmath.exp(real(x[int(place) - 1])) / sum(mpmath.exp(real(z)) for z in x)


def _huber(delta: Fraction) -> Callable[..., Value]:
    return lambda x: x * x / 2 if abs(x) <= delta else delta * (abs(x) - delta / 2)


def power(base: Value, exponent: Value) -> Value:
    if base == 10 and isinstance(exponent, Fraction) and abs(exponent) > 1000:
        return mpmath.power(10, exponent.numerator)
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        if abs(exponent) > 1000 or (not base and exponent < 0):
            raise NotRead
        return base**exponent.numerator
    return mpmath.power(real(base), real(exponent))


@dataclass(frozen=True)
class Definition:
    """What a page says that a function is: f(v) = …, for the settings that stand behind its arguments."""

    names: tuple[str, ...]
    settings: tuple[str, ...]
    body: tuple[Token, ...]


@dataclass(frozen=True)
class Scope:
    """What a page defines, and the values of the arguments where a definition is followed. `euler`: e is the number."""

    euler: bool = True
    definitions: Mapping[str, tuple[Definition, ...]] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)

    def called(self, name: str, arguments: tuple[Value, ...], settings: Settings) -> Value | None:
        """The value of a function that the page defines; nothing where it does not."""
        wanted = tuple(f"{word} {value}".strip() for word, value in settings.items())
        fits = (d for d in self.definitions.get(name, ()) if d.settings == wanted and len(d.names) == len(arguments))
        own = next(fits, None)
        return None if own is None else each(partial(self._followed, own), *arguments)

    def _followed(self, own: Definition, *numbers: Value) -> Value:
        within = replace(self, values=dict(zip(own.names, numbers, strict=True)))
        return Reader(list(own.body), within).whole()


_CALLED = re.compile(
    r"(?:activation|function|Aktivierungsfunktion|Funktion|活性化関数|関数|活化函數|函數)\s+([^\W\d]\w*)\(([^()]*)\) = (.*)"
)


def definitions(lines: Iterable[str]) -> dict[str, tuple[Definition, ...]]:
    """The functions that the Given box of a page defines."""
    found: dict[str, tuple[Definition, ...]] = {}
    for match in filter(None, map(_CALLED.match, lines)):
        arguments = [argument.strip() for argument in match[2].split(",")]
        names = tuple(argument for argument in arguments if " " not in argument)
        own = Definition(names, tuple(arguments[len(names) :]), tuple(tokens(match[3])))
        found[match[1]] = (*found.get(match[1], ()), own)
    return found


_SUBSCRIPTED = re.compile(rf"([^\W\d_{_SUB}]+(?:[12]d)?)(?:_\{{([^}}]*)\}}|_(\w+)|([₀₁₂₃₄₅₆₇₈₉]+))?")


def subscripted(name: str) -> tuple[str, str]:
    """A name and what stands below it: softmax_row, pad₁, reshape_{2×3}."""
    match = _SUBSCRIPTED.fullmatch(name)
    if match is None:
        return name, ""
    return match[1], match[2] or match[3] or (match[4] or "").translate(_LOWERED)


class Reader:
    """Reads one formula; a sum of products of quotients of powers. Things side by side without a space are multiplied."""

    def __init__(self, parts: list[Token], scope: Scope):
        self.parts = parts
        self.scope = scope
        self.at = 0
        self.named = False

    def whole(self) -> Value:
        value = self.sum()
        if self.at < len(self.parts):
            raise NotRead
        if self.named:
            raise Named
        return value

    def peek(self) -> str:
        return self.parts[self.at].text if self.at < len(self.parts) else ""

    def take(self, text: str) -> bool:
        if self.peek() == text:
            self.at += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.take(text):
            raise NotRead

    def sum(self) -> Value:
        total = self.term()
        while self.peek() in ("+", "−"):
            if not self.parts[self.at].spaced:
                raise NotRead
            sign = 1 if self.take("+") else -1
            self.at += sign == -1
            found = self.product()
            total = self._combined(total, found if sign == 1 else -found)
        return total

    def _combined(self, a: Value, b: Value) -> Value:
        return Exact(1) if self.named else each(plus, a, b)

    def term(self) -> Value:
        if self.take("−"):
            return -self.product()
        return self.product()

    def product(self) -> Value:
        value = self.factor()
        while True:
            if self.take("·") or self.take("×"):
                value = self.multiplied(value, -self.factor() if self.take("−") else self.factor())
            elif self.take("⊙"):
                other = self.factor()
                value = Exact(1) if self.named else each(times, value, other)
            elif self.follows(value):
                value = self.joined(value, self.beside())
            else:
                return value

    def factor(self) -> Value:
        """A sum of all entries, or along rows or columns, takes everything up to the next sign of a sum."""
        if not self.peek().startswith("∑"):
            return self.beside()
        by = subscripted("sum" + self.peek()[1:])[1]
        self.at += 1
        found = self.product()
        if isinstance(found, Lanes):
            return self.unread()
        return found if self.named or not isinstance(found, Arr) else summed(found, by)

    def unread(self) -> Value:
        """A value that is not printed, as if it had a name."""
        self.named = True
        return Exact(1)

    def follows(self, value: Value) -> bool:
        """Whether an array stands behind another, or behind a name that may be one: a product of matrices."""
        if self.at >= len(self.parts):
            return False
        if self.named:
            opens = self.parts[self.at].spaced and (self.peek() in ("(", "|") or self.parts[self.at].kind == "norm")
            return opens or self.peek() in "[√" or self.parts[self.at].kind == "name"
        opens = self.parts[self.at].spaced and (self.peek() == "|" or self.parts[self.at].kind == "norm")
        return isinstance(value, Arr | Lanes) and (opens or self.peek() == "[" or self.starts())

    def joined(self, a: Value, b: Value) -> Value:
        if self.named:
            return Exact(1)
        if isinstance(a, Lanes) or isinstance(b, Lanes):
            return self.unread()
        if not isinstance(a, Arr) or not isinstance(b, Arr):
            return self.multiplied(a, b)
        if len(a.shape) == len(b.shape) == 1:
            if len(b.flat) > 1:
                raise NotRead
            return each(times, a, b.flat[0])  # a row of one number
        return matrix_product(a, b)

    def multiplied(self, a: Value, b: Value) -> Value:
        """A number times anything; of two vectors, the sum of the products."""
        if self.named:
            return Exact(1)
        if any(isinstance(x, Lanes) for x in (a, b)) and all(isinstance(x, Arr | Lanes) for x in (a, b)):
            return self.unread()
        if isinstance(a, Arr) and isinstance(b, Arr):
            if a.shape != b.shape or len(a.shape) > 1:
                raise NotRead
            return matrix_product(a.transposed, b).flat[0]
        return each(times, a, b)

    def beside(self) -> Value:
        value = self.quotient()
        while self.at < len(self.parts) and not self.parts[self.at].spaced and self.starts():
            value = self.joined(value, self.quotient())
        return value

    def starts(self) -> bool:
        token = self.parts[self.at]
        return token.kind in ("name", "filter", "half") or token.text in ("(", "√")

    def quotient(self) -> Value:
        value = self.raised()
        while self.take("/"):
            below = self.raised()
            if not self.named:
                value = each(over, value, below)
        return value

    def raised(self) -> Value:
        euler = self.scope.euler and self.peek() == "e" and self.at + 1 < len(self.parts)
        after = self.parts[self.at + 1] if euler else None
        if after is not None and (after.text == "^" or after.kind == "raised"):
            self.at += 1
            exponent = self.exponent()
            return each(exp, exponent)
        value = self.atom()
        while self.at < len(self.parts) and self.parts[self.at].kind == "part":
            value = self.part_of(value)
        if self.at < len(self.parts) and (self.peek() == "^" or self.parts[self.at].kind == "raised"):
            if self.parts[self.at].spaced:
                raise NotRead
            if self.peek() == "ᵀ":
                self.at += 1
                value = value.transposed if isinstance(value, Arr) else value
                while self.at < len(self.parts) and self.parts[self.at].kind == "part":
                    value = self.part_of(value)
                return value
            exponent = self.exponent()
            return value if self.named else each(power, value, exponent)
        return value

    def part_of(self, value: Value) -> Value:
        """An entry of what stands before a subscript."""
        index = self.parts[self.at].text.translate(_LOWERED)
        self.at += 1
        digits = re.fullmatch(r"_?\{?([\d,]+)\}?", index)
        if self.named or not isinstance(value, Arr) or digits is None:
            self.named = True
            return Exact(1)
        places = [int(i) for i in (digits[1].split(",") if "," in digits[1] else [digits[1]])]
        if len(places) < len(value.shape):
            places = [int(i) for i in digits[1] if i != ","]
        if len(places) != len(value.shape) or any(p > e for p, e in zip(places, value.shape, strict=True)):
            self.named = True  # a row, or an entry of an array that is printed as another
            return Exact(1)
        at = 0
        for place, extent in zip(places, value.shape, strict=True):
            at = at * extent + place - 1
        return value.flat[at]

    def exponent(self) -> Value:
        if self.take("^"):
            return self.atom()
        text = self.parts[self.at].text.translate(_RAISED)
        self.at += 1
        if not re.fullmatch(r"[+-]?\d+", text):
            self.named = True
            return Exact(1)
        return Exact(int(text))

    def atom(self) -> Value:
        if self.at >= len(self.parts):
            raise NotRead
        token = self.parts[self.at]
        self.at += 1
        match token.kind, token.text:
            case "number", text:
                return Exact(text)
            case "half", text:
                return _PARTS[text]
            case "name" | "filter", text:
                return self.name(text)
            case "norm", "‖":
                return self.norm()
            case _, "(":
                value = self.sum()
                if self.peek() and self.peek() in "<≤>≥":
                    value = self.mask(value)
                self.need(")")
                return value
            case _, "|":
                value = self.sum()
                self.need("|")
                return each(abs, value)
            case _, "√":
                return each(root, self.atom())
            case _, "[":
                return self.array()
            case _, "…" | "⋯" | "⋮":
                self.named = True
                return Exact(1)
            case _, "{":
                return self.cases()
        raise NotRead

    def mask(self, a: Value) -> Value:
        """a > b is 1 where it holds, and 0 elsewhere."""
        sign = self.peek()
        self.at += 1
        b = self.sum()
        return Exact(1) if self.named else each(lambda x, y: Exact(_compared(x, sign, y)), a, b)

    def norm(self) -> Value:
        """‖v‖, or ‖X‖_row for the norm of each row."""
        found = self.sum()
        if self.at == len(self.parts) or self.parts[self.at].kind != "norm":
            raise NotRead
        by = subscripted("norm" + self.peek()[1:])[1]
        self.at += 1
        return found if self.named else normed(found, by)

    def array(self) -> Value:
        """[a, b; c, d]; one row alone is a vector, and one of arrays an array of more axes."""
        start = self.at
        rows = [self.row()]
        while self.take(";"):
            rows.append(self.row())
        self.need("]")
        if self.named:
            return Exact(1)
        if any(isinstance(x, Arr) for row in rows for x in row):
            literal = all(self._is_array(*ends) for ends in self._entries_between(start, self.at - 1))
            return self._of_arrays(rows, literal)
        if len({len(row) for row in rows}) > 1:
            raise NotRead
        shape = (len(rows), len(rows[0])) if len(rows) > 1 else (len(rows[0]),)
        return Arr(shape, tuple(x for row in rows for x in row))

    def _of_arrays(self, rows: list[list[Value]], literal: bool) -> Value:
        """[A, B] has one more axis, or is of formulas side by side; [v; w] is v and, behind or below it, w."""
        if len(rows) == 1 and not literal:
            self.named = True
            return Exact(1)
        if len(rows) == 1 and len({x.shape for x in rows[0] if isinstance(x, Arr)}) == 1:
            return Arr((len(rows[0]), *rows[0][0].shape), tuple(x for a in rows[0] for x in a.flat))
        if any(len(row) > 1 for row in rows):
            raise NotRead
        flat = tuple(x for (a,) in rows for x in (a.flat if isinstance(a, Arr) else (a,)))
        widths = {a.shape[1] for (a,) in rows if isinstance(a, Arr) and len(a.shape) > 1}
        return Arr((len(flat) // min(widths), *widths) if widths else (len(flat),), flat)

    def _entries_between(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where the entries of an array begin and end."""
        depth, first = 0, start
        for place in range(start, end):
            text = self.parts[place].text
            depth += (text in "([{") - (text in ")]}")
            if text in ",;" and not depth:
                yield first, place
                first = place + 1
        yield first, end

    def _is_array(self, start: int, end: int) -> bool:
        """Whether nothing but an array stands here."""
        depth = 0
        for place in range(start, end):
            depth += (self.parts[place].text == "[") - (self.parts[place].text == "]")
            if not depth and place < end - 1:
                return False
        return self.parts[start].text == "["

    def row(self) -> list[Value]:
        entries = [self.sum()]
        while self.take(","):
            entries.append(self.sum())
        return entries

    def name(self, text: str) -> Value:
        called = self.peek() == "(" and not self.parts[self.at].spaced
        if called:
            self.need("(")
            arguments, settings = [self.sum()], {}
            while self.take(","):
                if (setting := self.setting()) is None:
                    arguments.append(self.sum())
                else:
                    settings |= setting
            self.need(")")
            found = None if self.named else self.called(text, tuple(arguments), settings)
            if found is not None:
                return found
        elif text in self.scope.values:
            return self.scope.values[text]
        elif text == "π":
            return +mpmath.pi
        self.named = True
        return Exact(1)

    def called(self, text: str, arguments: tuple[Value, ...], settings: Settings) -> Value | None:
        """The value of a function; nothing where neither this reader nor the page knows it."""
        name, below = subscripted(text)
        of_array = (below and _SET_BELOW.fullmatch(text) is None) or isinstance(arguments[0], Arr)
        of_array = of_array or function(text) is None
        if name in ARRAY_FUNCTIONS and any(isinstance(x, Lanes) for x in arguments):
            return None  # the shape that its numbers are spread over is not printed
        if name in ARRAY_FUNCTIONS and of_array and not (name in FUNCTIONS and len(arguments) > 1):
            return ARRAY_FUNCTIONS[name](arguments, below, settings)
        known = None if settings else function(text)
        if known is not None:
            return known(*arguments) if text in OF_ALL else each(known, *arguments)
        return self.scope.called(text, arguments, settings)

    def setting(self) -> Settings | None:
        """stride 2, or padding 1×0, or flipped, behind the arguments of a function."""
        word, *rest = self.parts[self.at :] or [Token("end", "", False)]
        if word.text == "flipped":
            self.at += 1
            return {word.text: ""}
        if word.kind != "name" or not rest or rest[0].kind != "number" or not rest[0].spaced:
            return None
        self.at += 1
        found = ""
        while self.at < len(self.parts) and (self.parts[self.at].kind == "number" or self.peek() == "×"):
            found += self.peek()
            self.at += 1
        return {word.text: found}

    def cases(self) -> Value:
        """{ value, condition; value, condition }: the first whose condition holds."""
        chosen: Value | None = None
        while True:
            value = self.sum()
            holds = True
            if self.take(","):
                a = self.sum()
                sign = self.peek()
                self.at += 1
                b = self.sum()
                holds = self.named or compared(a, sign, b)
            chosen = value if holds and chosen is None else chosen
            if not self.take(";"):
                break
        self.need("}")
        if chosen is None:
            raise NotRead
        return chosen


def pairs_of(a: Value, b: Value) -> list[tuple[Value, Value]]:
    """The entries of both sides that stand in the same place."""
    if isinstance(a, Lanes) and isinstance(b, Arr):
        a = a.over(b.shape)
    if not isinstance(a, Arr | Lanes) and not isinstance(b, Arr | Lanes):
        return [(a, b)]
    if not isinstance(a, Arr) or not isinstance(b, Arr) or len(a.flat) != len(b.flat):
        raise NotRead
    if len(a.shape) == 3 and len(b.shape) == 2 and a.shape[1] == b.shape[0]:
        a = beside(a)
    return list(zip(a.flat, b.flat, strict=True))


def beside(blocks: Arr) -> Arr:
    """Matrices that stand beside each other, not in channels."""
    count, rows, columns = blocks.shape
    order = [(k * rows + i) * columns + j for i in range(rows) for k in range(count) for j in range(columns)]
    return Arr((rows, count * columns), tuple(blocks.flat[p] for p in order))


def compared(a: Value, sign: str, b: Value) -> bool:
    """Whether a relation of order, or an equality, is exactly true, of arrays in every entry."""
    return all(_compared(x, sign, y) for x, y in pairs_of(a, b))


def _compared(a: Value, sign: str, b: Value) -> bool:
    difference = a - b if isinstance(a, Fraction) and isinstance(b, Fraction) else real(a) - real(b)
    if not isinstance(difference, Fraction):
        scale = max(mpmath.mpf(1), abs(real(a)), abs(real(b)))
        difference = mpmath.mpf(0) if abs(difference) <= TOLERANCE * scale else difference
    table = {"<": difference < 0, "≤": difference <= 0, ">": difference > 0, "≥": difference >= 0}
    if sign not in table and sign not in "=≠":
        raise NotRead
    return bool(table.get(sign, (difference == 0) == (sign == "=")))


# --- a printed result: a numeral alone, with its digits

_RESULT = re.compile(r"\s*−?(?P<mantissa>\d+(?:\.(?P<decimals>\d+))?)(?: · 10(?P<power>[⁰¹²³⁴-⁹⁻]+))?\s*")


def decimals_of(text: str) -> int | None:
    """How many decimals a numeral shows; nothing where the text is more than a numeral."""
    match = _RESULT.fullmatch(_bare(text))
    if re.fullmatch(r"\s*−?\d+/\d+\s*", _bare(text)) and len(text.strip()) < DIGITS:
        return DIGITS // 2  # a fraction is the whole value
    if match is None:
        return None
    return len(match["decimals"] or "") - int((match["power"] or "0").translate(_RAISED))


def _bare(text: str) -> str:
    """Fractions of digits, and powers of ten, without the brackets that the marks of LaTeX and HTML leave."""
    plain = re.sub(r"\((\d+)\)/\((\d+)\)", r"\1/\2", text)
    return re.sub(r"10\^\((−?\d+)\)", lambda match: "10" + match[1].translate(_TO_RAISED), plain)


_TO_RAISED = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def result_decimals(text: str) -> list[int] | None:
    """How many decimals each entry of a printed result shows: a numeral alone, or an array of them and of fractions."""
    inner = re.fullmatch(r"\s*\[([^()]*)\]ᵀ?\s*", _bare(text))
    found = [decimals_of(piece) for piece in (re.split("[,;]", re.sub(r"[\[\]]", " ", inner[1])) if inner else [text])]
    return None if None in found else [d for d in found if d is not None]


def rounded(value: Value, decimals: int, rounding: Rounding) -> Decimal:
    """A value to so many decimals, half up or cut, as by hand."""
    context = Context(prec=1500, Emax=999_999, Emin=-999_999)
    if isinstance(value, Fraction):
        shifted = value * Fraction(10) ** decimals
        whole = abs(shifted) if rounding == "cut" else abs(shifted) + Fraction(1, 2)
        digits = Decimal(whole.numerator // whole.denominator)
        return (digits.copy_negate() if shifted < 0 else digits).scaleb(-decimals, context)
    with mpmath.workdps(DIGITS):
        exact = context.create_decimal(mpmath.nstr(value, DIGITS))
    mode = ROUND_DOWN if rounding == "cut" else ROUND_HALF_UP
    return exact.quantize(Decimal(1).scaleb(-decimals), rounding=mode, context=context)


# --- text -> chains

_TABLE_RULE = re.compile(r"\s*[─═╌]{3,}\s*")


def logical_lines(text: str) -> Iterator[str]:
    """Lines with what continues them: rows that begin at or after the sign of the row above, or with a sign."""
    current, sign_at = "", -1
    for row in text.split("\n"):
        stripped = row.strip()
        indent = len(row) - len(row.lstrip())
        continues = (
            bool(current)
            and bool(stripped)
            and (stripped[0] in SIGNS or (0 < sign_at <= indent) or (stripped[0] in "+−·×" and stripped[1:2] == " "))
        )
        if continues:
            open_ = current.count("(") > current.count(")") or current[-1] in "+−·×/,(∑⊙" + SIGNS
            factor = current[-1] == "]" and ("[" in stripped or stripped.count("(") > stripped.count(")"))
            factor = factor or re.match(r"\(\(|\(\S*\[|\([^A-Za-z)]*$", stripped) is not None
            apart = stripped[0] in SIGNS or (
                stripped[0] == "(" and not open_ and not factor
            )  # a bracket alone holds a reason
            current += ("  " if apart else " ") + stripped
        else:
            if current:
                yield current
            current = stripped
            signs = [i for i, c in enumerate(row) if c in SIGNS]
            sign_at = signs[0] if signs and row.startswith(" ") else -1
        if continues and sign_at < 0:
            sign_at = indent
    if current:
        yield current


def phrases(line: str) -> Iterator[str]:
    """A line without what stands apart from it: reasons behind a gap are phrases of their own."""
    kept: list[str] = []
    for piece in re.split(
        r"\s{2,}", re.sub(r"([\[,;])\s+", r"\1 ", line)
    ):  # columns of an array stand under each other
        if piece[:1] in SIGNS and piece:
            kept.append(piece)
            continue
        if kept:
            yield " ".join(kept)
        kept = [piece]
    yield " ".join(kept)


@dataclass(frozen=True)
class Member:
    """What stands between two signs: the formula that begins it and the one that ends it."""

    text: str
    first: Value | None
    last: Value | None
    whole: bool


def masked(phrase: str) -> set[int]:
    """Where signs stand in a bracket that is multiplied entry by entry: (a > b) ⊙ c is c where a > b, else 0."""
    open_, found = list[int](), set[int]()
    for place, c in enumerate(phrase):
        if c == "(":
            open_.append(place)
        elif c == ")" and open_:
            first = open_.pop()
            if phrase[:first].endswith("⊙ ") or phrase[place + 1 :].startswith(" ⊙"):
                found |= {i for i in range(first, place) if phrase[i] in "<≤>≥"}
    return found


def members(phrase: str) -> tuple[list[str], list[str]]:
    """The parts between relation signs outside of braces, and the signs."""
    parts, signs, depth = [""], [], 0
    masks = masked(phrase)
    for place, c in enumerate(phrase):
        depth += (c == "{") - (c == "}")
        if c in SIGNS and not depth and place not in masks:
            signs.append(c)
            parts.append("")
        else:
            parts[-1] += c
    return parts, signs


def read(parts: list[Token], scope: Scope) -> Value | None:
    """The value of a formula of numerals; nothing where it has names. Raises NotRead."""
    try:
        with mpmath.workdps(DIGITS):
            return Reader(parts, scope).whole()
    except Named:
        return None
    except (ZeroDivisionError, OverflowError):
        raise NotRead from None


def longest(candidates: Iterator[list[Token]], scope: Scope) -> tuple[Value | None, list[Token]]:
    for parts in candidates:
        if parts:
            try:
                return read(parts, scope), parts
            except NotRead:
                continue
    return None, []


def member(text: str, scope: Scope) -> Member:
    found = tokens(text)
    try:
        value = read(found, scope)
        return Member(text, value, value, True)
    except NotRead:
        pass
    first, _ = longest((found[:end] for end in range(len(found), 0, -1)), scope)
    last, _ = longest((found[start:] for start in range(len(found))), scope)
    return Member(text, first, last, False)


@dataclass(frozen=True)
class Judged:
    """A relation between two formulas of numerals, and whether it is true."""

    line: str
    relation: str
    true: bool


def judged(text: str, rounding: Rounding = "half_up") -> Iterator[Judged]:
    """Every relation of a text whose two sides are of numerals only."""
    euler = re.search(r"(?m)(^|[\s(])e [=≈]", text) is None  # else it is a name of the author's
    scope = Scope(euler, definitions(logical_lines(text.replace("│ ", ""))))
    for line in logical_lines(text):
        if _TABLE_RULE.fullmatch(line):
            continue
        for phrase in phrases(line):
            yield from _judge(phrase, line, rounding, scope)


def _judge(phrase: str, line: str, rounding: Rounding, scope: Scope) -> Iterator[Judged]:
    parts, signs = members(phrase)
    if not signs:
        return
    made = [member(part, scope) for part in parts]
    for i, sign in enumerate(signs):
        a, b = made[i].last, made[i + 1].first
        if a is None or b is None:
            continue
        relation = f"{made[i].text.strip()} {sign} {made[i + 1].text.strip()}"
        with mpmath.workdps(DIGITS):
            try:
                true = _nearly(a, b, i + 1, made, signs, rounding) if sign == "≈" else compared(a, sign, b)
            except NotRead:  # sides of different shapes
                true = False
            yield Judged(line, relation, true)


def _nearly(a: Value, b: Value, at: int, made: list[Member], signs: list[str], rounding: Rounding) -> bool:
    """Both sides of ≈, rounded to the digits of the chain's result, give that result."""
    end = at
    while end < len(signs) and made[end].whole and signs[end] in "=≈":
        end += 1
    decimals = result_decimals(made[end].text if made[end].whole else leading_numeral(made[end].text))
    if decimals is None:
        decimals = result_decimals(leading_numeral(made[at].text))
        end = at
    if decimals is None or made[end].first is None:
        return False
    result = made[end].first
    return all(
        rounded(x, places, rounding) == rounded(r, places, rounding) == rounded(y, places, rounding)
        for places, (x, r), (_, y) in zip(decimals, pairs_of(a, result), pairs_of(result, b), strict=True)
    )


def leading_numeral(text: str) -> str:
    match = _RESULT.match(text) or re.match(r"\s*\[[^\[\]]*\]ᵀ?", text)
    return match[0] if match else text


def pointed(text: str) -> str:
    """The text of a page with decimal commas as one with points: 1,5 is 1.5, lists have commas, and rows semicolons."""
    found = re.sub(r"_\{[^}]*\}|(?<=\d),(?=\d)", lambda match: "." if match[0] == "," else match[0], text)
    return found.replace(";", ",").replace("∣", ";")


def false_lines(text: str, rounding: Rounding = "half_up") -> list[str]:
    """The printed relations that are false, each with its line."""
    return [f"{j.relation}   in: {j.line}" for j in judged(text, rounding) if not j.true]


def count(text: str, rounding: Rounding = "half_up") -> int:
    """How many relations between numerals were read."""
    return sum(1 for _ in judged(text, rounding))
