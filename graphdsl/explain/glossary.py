"""Formulas of a page in matrices -> what the functions in them mean, and why a gradient has its form; computes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from graphdsl import ops
from graphdsl.document import Inlines, Item, Math, Note, Text
from graphdsl.expr import (
    ONE,
    Call,
    Element,
    Expr,
    Operation,
    Partial,
    Power,
    Quotient,
    Symbol,
    equals,
    multiply,
    negate,
    number,
    rewrite,
    subtract,
    symbols,
    walk,
)
from graphdsl.model import Node
from graphdsl.names import Ink
from graphdsl.phrases import Phrases
from graphdsl.punctuation import current

LETTERS = "vuaxq"
"""What a definition calls its argument: the first of these that is no name of the page."""

VECTOR = Symbol("%v", (3,), ink=Ink("v"))


def _of_vector(row: Operation) -> Call:
    return ops.call(row, VECTOR)


_SQUARES = Power(VECTOR, number(2))
_DEVIATIONS = Power(subtract(VECTOR, _of_vector(ops.MEAN)), number(2))
_POWERS = _of_vector(ops.EXP)

DEFINITIONS: Mapping[Operation, Expr] = {
    ops.SOFTMAX: Quotient(_POWERS, ops.call(ops.SUM, _POWERS)),
    ops.LOG_SOFTMAX: subtract(VECTOR, _of_vector(ops.LOGSUMEXP)),
    ops.LOGSUMEXP: ops.call(ops.LN, ops.call(ops.SUM, _POWERS)),
    ops.VARIANCE: ops.call(ops.MEAN, _DEVIATIONS),
    ops.STD: ops.call(ops.SQRT, ops.call(ops.MEAN, _DEVIATIONS)),
    ops.NORM: ops.call(ops.SQRT, ops.call(ops.SUM, _SQUARES)),
}
"""What functions of a vector are; by rows or columns, they are that of each of them."""


def _operations(formulas: Iterable[Expr]) -> list[Operation]:
    """In the order of the text, each once."""
    return list(dict.fromkeys(n.operation for f in formulas for n in walk(f) if isinstance(n, Call)))


def functions(formulas: Sequence[Expr], phrases: Phrases) -> Note | None:
    """What the functions on arrays are: by a formula, or in words."""
    items = (*_definitions(formulas), *_lanes(formulas, phrases), *_meanings(formulas, phrases))
    return Note("remark", phrases.say("functions"), items) if items else None


def _definitions(formulas: Sequence[Expr]) -> Iterator[Item]:
    """softmax(v) = e^v / ∑ e^v."""
    found = _operations(formulas)
    needed = dict.fromkeys([*found, *_operations(DEFINITIONS[row] for row in found if row in DEFINITIONS)])
    taken = {name.ink.base for formula in formulas for name in symbols(formula).values()}
    letter = next((letter for letter in LETTERS if letter not in taken), LETTERS[0])

    def written(node: Expr) -> Expr:
        if isinstance(node, Call) and node.operation is ops.EXP and ops.EXP_CALLED in found:
            return replace(node, operation=ops.EXP_CALLED)
        return replace(node, ink=Ink(letter)) if isinstance(node, Symbol) else node

    for row in needed:
        if row in DEFINITIONS:
            yield Item((), (Math(rewrite(equals(_of_vector(row), DEFINITIONS[row]), written)),))


def _lanes(formulas: Sequence[Expr], phrases: Phrases) -> Iterator[Item]:
    """That a function may be of each row or column."""
    calls = (node for formula in formulas for node in walk(formula) if isinstance(node, Call))
    if any(dict(call.attributes).get("by") in ("row", "column") for call in calls):
        yield _told("by_lanes", phrases)


def _told(key: str, phrases: Phrases) -> Item:
    term, _, words = phrases.words(key, below=current().below).partition(": ")
    return Item((Text(term),), (Text(words),))


def _meanings(formulas: Sequence[Expr], phrases: Phrases) -> Iterator[Item]:
    """What the rarer functions do, in words."""
    for row in _operations(formulas):
        key = f"means_{row.name}"
        if key in phrases.table:
            yield _told(key, phrases)


A, B, C, L = (Symbol(f"%{name}", ink=Ink(name)) for name in "ABCL")


def of_products(formulas: Iterable[Expr], phrases: Phrases) -> Iterator[Inlines]:
    """Which gradients the factors of a product of matrices get."""
    if ops.MATMUL in _operations(formulas):
        first = (Math(ops.call(ops.MATMUL, Partial(L, C), ops.call(ops.TRANSPOSE, B))),)
        second = (Math(ops.call(ops.MATMUL, ops.call(ops.TRANSPOSE, A), Partial(L, C))),)
        product = _said(C, ops.call(ops.MATMUL, A, B))
        yield phrases.say("of_products", product=product, a=Math(A), b=Math(B), first=first, second=second)


# Why a gradient has its form.

Why = Callable[[Node, Call, Phrases], Inlines]


def why(node: Node, phrases: Phrases) -> Inlines:
    """What leads from the gradient of a node to that of its argument, where that is more than a product."""
    if not isinstance(node.formula, Call):
        return ()
    reason = REASONS.get(node.formula.operation.name)
    return () if reason is None else reason(node, node.formula, phrases)


def _of_softmax(node: Node, call: Call, phrases: Phrases) -> Inlines:
    """∂pᵢ/∂zᵢ = pᵢ(1 − pᵢ), ∂pᵢ/∂zⱼ = −pᵢpⱼ, in each row or column by itself."""
    z = call.arguments[0]
    if not isinstance(z, Symbol) or len(z.shape) > 2 or "base" in dict(call.attributes):
        return ()
    by = dict(call.attributes).get("by")
    own, other = (_index(by, letter) for letter in "ij")
    p, q = Element(node.symbol, own), Element(node.symbol, other)
    slopes = {
        "own": (*_said(Partial(p, Element(z, own)), multiply(p, subtract(ONE, p))),),
        "other": (*_said(Partial(p, Element(z, other)), negate(multiply(p, q))),),
    }
    return phrases.say("why_softmax", **slopes)


def _index(by: object, letter: str) -> tuple[Symbol, ...]:
    """The place of an entry within its row or column."""
    own, lane = (Symbol(f"%{name}", ink=Ink(name)) for name in (letter, "k"))
    return (lane, own) if by == "row" else (own, lane) if by == "column" else (own,)


def _said(left: Expr, right: Expr) -> Inlines:
    return (Math(left), Text(" = "), Math(right))


REASONS: Mapping[str, Why] = {
    ops.SOFTMAX.name: _of_softmax,
    ops.SIGMOID.name: lambda node, call, phrases: phrases.say("why_sigmoid"),
    ops.TANH.name: lambda node, call, phrases: phrases.say("why_tanh"),
}
