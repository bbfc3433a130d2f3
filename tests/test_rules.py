"""The appendix "Rules used": every line of every rule holds at random points, and a page has exactly the rules that it relied on."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from graphdsl.derive.evaluate import evaluate
from graphdsl.document import Section
from graphdsl.explain.rules import TABLE, Rule
from graphdsl.expr import Expr, Partial, Symbol, add, multiply, number, walk
from graphdsl.numbers import Decimal50, Num, Tensor, scalar

SPECS = Path(__file__).parent.parent / "specs"
ARITHMETIC = Decimal50()
STEP = Decimal("1e-16")
CLOSE = Decimal("1e-26")
"""The error of a central difference is of the order of the square of its step."""

FREE = {
    "matrix": {
        "%rule.E": lambda s: add(
            multiply(s["%rule.z1"], s["%rule.z1"], s["%rule.z2"]), multiply(number(3), s["%rule.z2"])
        )
    },
    "cross_entropy": {
        "%rule.t3": lambda s: add(number(1), multiply(number(-1), s["%rule.t1"]), multiply(number(-1), s["%rule.t2"]))
    },
}
"""What a rule leaves open: some error that depends on the product; targets that add up to 1."""


def symbols_of(rule: Rule) -> dict[str, Symbol]:
    return {n.key: n for step in rule.steps for n in walk(step.chain) if isinstance(n, Symbol)}


def definitions(rule: Rule) -> dict[str, Expr]:
    names = symbols_of(rule)
    found = {key: make(names) for key, make in FREE.get(rule.name, {}).items()}
    for step in rule.steps:
        if step.defines:
            name = step.chain.members[0]
            assert isinstance(name, Symbol) and name.key not in found, "a name is defined once"
            found[name.key] = step.chain.members[-1]
    return found


class Point:
    """Random values of the names that nothing defines."""

    def __init__(self, rule: Rule, seed: int):
        rng = random.Random(f"{rule.name} {seed}")
        self.known = definitions(rule)
        self.free = {
            key: Decimal(rng.randint(11, 89)) / 100 * self.sign(key, rng)
            for key in symbols_of(rule)
            if key not in self.known
        }

    @staticmethod
    def sign(key: str, rng: random.Random) -> int:
        return rng.choice((-1, 1)) if key[len("%rule.")] in "zuw" else 1

    def value(self, expr: Expr, free: dict[str, Decimal] | None = None) -> Decimal:
        own = self.free if free is None else free
        names = {n.key for n in walk(expr) if isinstance(n, Symbol)}
        partials = {p for p in walk(expr) if isinstance(p, Partial)}
        inside = {p: Symbol(f"%slope{i}") for i, p in enumerate(partials)}
        places: dict[str, Tensor[Num]] = {
            symbol.key: scalar(Num(self.slope(p, own), False)) for p, symbol in inside.items()
        }
        bare = _without(expr, inside)
        for key in names & {n.key for n in walk(bare) if isinstance(n, Symbol)}:
            value = self.value(self.known[key], own) if key in self.known else own[key]
            places[key] = scalar(Num(value, False))
        return evaluate(bare, places, ARITHMETIC).item.value

    def slope(self, partial: Partial, free: dict[str, Decimal]) -> Decimal:
        """A central difference; a name that is defined, and by which is derived, becomes free."""
        assert isinstance(partial.of, Symbol) and isinstance(partial.wrt, Symbol)
        key = partial.wrt.key
        at = self.value(partial.wrt, free)
        kept, self.known = self.known, {k: v for k, v in self.known.items() if k != key}
        with localcontext(prec=60):
            above, below = (self.value(partial.of, {**free, key: at + h}) for h in (STEP, -STEP))
            found = (above - below) / (2 * STEP)
        self.known = kept
        return found


def _without(expr: Expr, inside: dict[Partial, Symbol]) -> Expr:
    from graphdsl.expr import children, with_children

    if isinstance(expr, Partial):
        return inside[expr]
    return with_children(expr, tuple(_without(child, inside) for child in children(expr)))


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: rule.name)
def test_every_line_of_a_rule_holds_at_random_points(rule: Rule) -> None:
    for seed in range(5):
        point = Point(rule, seed)
        for step in rule.steps:
            for a, b in itertools.pairwise(step.chain.members):
                x, y = point.value(a), point.value(b)
                assert abs(x - y) <= CLOSE * max(1, abs(x), abs(y)), f"{rule.name}: {a} = {x}, {b} = {y}"


def appendix(document: object) -> list[str]:
    blocks = document.blocks  # type: ignore[attr-defined]
    found = [b for b in blocks if isinstance(b, Section) and b.anchor == "rules"]
    return [inner.anchor.removeprefix("rule:") for section in found for inner in section.blocks]
