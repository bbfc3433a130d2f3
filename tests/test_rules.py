"""The appendix "Rules used": every line of every rule holds at random points, and a page has exactly the rules that it relied on."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from reading import false_lines

from graphdsl.derive.evaluate import evaluate
from graphdsl.document import Section
from graphdsl.explain.rules import TABLE, Rule, Step
from graphdsl.expr import Expr, Partial, Symbol, add, children, equals, multiply, number, walk, with_children
from graphdsl.numbers import Decimal50, Num, Tensor, scalar
from graphdsl.phrases import load
from graphdsl.solve import Solution, read, solve, solved

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
    return {n.key: n for step in (*rule.assumed, *rule.steps) for n in walk(step.chain) if isinstance(n, Symbol)}


def definitions(rule: Rule) -> dict[str, Expr]:
    names = symbols_of(rule)
    found = {key: make(names) for key, make in FREE.get(rule.name, {}).items()}
    for step in (*rule.assumed, *rule.steps):
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
    if isinstance(expr, Partial):
        return inside[expr]
    return with_children(expr, tuple(_without(child, inside) for child in children(expr)))


def false_steps(rule: Rule) -> Iterator[str]:
    for seed in range(5):
        point = Point(rule, seed)
        for step in rule.steps:
            for a, b in itertools.pairwise(step.chain.members):
                x, y = point.value(a), point.value(b)
                if abs(x - y) > CLOSE * max(1, abs(x), abs(y)):
                    yield f"{rule.name}: {a} = {x}, {b} = {y}"


def test_every_line_of_every_rule_holds_at_random_points() -> None:
    assert not [false for rule in TABLE for false in false_steps(rule)]


def test_a_false_line_would_be_seen() -> None:
    rule = next(rule for rule in TABLE if rule.name == "sigmoid")
    name, *_, last = rule.steps[-1].chain.members
    wrong = replace(rule, steps=(*rule.steps, Step(equals(name, multiply(last, number("1.000001"))))))
    assert list(false_steps(wrong))


def appendix(solution: Solution) -> list[str]:
    """The rules that a page derives."""
    with_rules = replace(solution, report=replace(solution.report, rules=True))
    found = [b for b in with_rules.document.blocks if isinstance(b, Section) and b.anchor == "rules"]
    return [s.anchor.removeprefix("rule:") for section in found for s in section.blocks if isinstance(s, Section)]


NEEDED = {
    "two-relu-layers": ["relu", "half_squared_error"],
    "nets/mazur": ["sigmoid", "half_squared_error"],
    "nets/insper-tanh": ["tanh", "squared_error"],
    "nets/rahul-relu-bce": ["logarithm", "relu", "sigmoid", "binary_cross_entropy"],
    "training/gbasran-adam": ["bias_correction"],
    "circuits/colah": ["product"],
    "circuits/batra-jacobian": [],
    "softmax/victorzhou-softmax": [],
    "recurrent/rnn-three-steps": ["tanh", "half_squared_error"],
}


@pytest.mark.parametrize("name", NEEDED)
def test_a_page_has_exactly_the_rules_that_it_relied_on(name: str) -> None:
    assert appendix(solved(read(SPECS / f"{name}.spec"))) == NEEDED[name]


CLASSIFIER = """
input x = [1, 2]
target t = [0, 1, 0]
param W[3, 2] = 0.1
z = W @ x
p = softmax(z)
loss L = cross_entropy(t, p)
"""


def test_matrix_rules_belong_to_matrices() -> None:
    softmax = ["logarithm", "softmax", "cross_entropy"]
    assert appendix(solve(CLASSIFIER)) == [*softmax, "matrix"]
    assert appendix(solve(CLASSIFIER, report={"style": "chain"})) == softmax


def test_what_the_loss_does_not_depend_on_needs_no_rule() -> None:
    aside = "\nq = tanh(z[1])\nparam v = 1\ny = 2*v\nloss E = (y - 1)^2\n"
    assert appendix(solve("input z = [1, 2]" + aside)) == ["squared_error"]


def test_the_appendix_is_wanted() -> None:
    """It is off unless the spec or the command line asks for it."""
    spec = (SPECS / "two-relu-layers.spec").read_text("utf-8")
    assert "Rules used" not in solve(spec).text()
    assert "Rules used" in solve(spec + "\nreport { rules = on }\n").text()
    assert "Rules used" in solve(spec, report={"rules": "on"}).text()


def test_every_rule_and_reason_has_its_words() -> None:
    words = {f"rule_{rule.name}" for rule in TABLE} | {step.why for rule in TABLE for step in rule.steps if step.why}
    assert words <= load().table.keys()


def test_no_reason_is_idle() -> None:
    used = {step.why for rule in TABLE for step in rule.steps} | {"why_softmax", "why_sigmoid", "why_tanh"}
    assert {key for key in load().table if key.startswith("why_")} <= used


@pytest.mark.parametrize("name", [name for name, rules in NEEDED.items() if rules])
def test_the_appendix_reads_true(name: str) -> None:
    made = solve(SPECS / f"{name}.spec", report={"rules": "on"})
    assert not list(false_lines(made.text()))
