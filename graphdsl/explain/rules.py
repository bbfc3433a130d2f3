"""Model -> the appendix that derives each rule the page relied on, as a table of rules; knows no number of the run and no format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from graphdsl import ops
from graphdsl.document import Block, Derivation, Line, Section
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Call,
    Cases,
    Expr,
    Operation,
    Partial,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
    add,
    equals,
    negate,
    number,
    subtract,
    symbols,
    walk,
)
from graphdsl.graph import Graph
from graphdsl.model import Model, Node
from graphdsl.names import Ink
from graphdsl.ops.functions import squared
from graphdsl.phrases import Phrases
from graphdsl.report import Report


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a derivation: what is equal, and the phrase that says why.

    defines: its first member is a name for the last. again: a line before it is of its kind, and says more.
    """

    chain: Relation
    why: str = ""
    defines: bool = False
    again: bool = False


@dataclass(frozen=True)
class Derived:
    """What a page derives: the nodes that an objective depends on, and how it is written."""

    model: Model
    report: Report
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Rule:
    """A rule by its name, its derivation, and the test whether a page's derivatives need it.

    Its title is the phrase `rule_…`. assumed: definitions that stand in a rule before it. Every step holds for all values of
    the names that nothing defines.
    """

    name: str
    steps: tuple[Step, ...]
    used: Callable[[Derived], bool]
    assumed: tuple[Step, ...] = ()


def rules_used(graph: Graph, report: Report, phrases: Phrases) -> list[Block]:
    """The appendix; nothing where the page relied on no rule of the table, or takes no derivative."""
    page = derived(graph, report)
    parts = tuple(_section(rule, phrases) for rule in TABLE if rule.used(page))
    return [Section(phrases.say("rules_used"), parts, "rules")] if parts else []


def derived(graph: Graph, report: Report) -> Derived:
    """The nodes of which a derivative is taken."""
    model = graph.model
    reached = {key for objective in model.objectives for key in graph.reaching(objective.key)}
    own = {graph.computed[key][0].symbol.key for key in reached if key in graph.computed}
    return Derived(model, report, tuple(node for node in model.nodes if node.symbol.key in own))


def _section(rule: Rule, phrases: Phrases) -> Section:
    lines = tuple(
        Line(step.chain, phrases.say(step.why) if step.why else (), compact=step.again) for step in rule.steps
    )
    return Section(phrases.say(f"rule_{rule.name}"), (Derivation(lines),), f"rule:{rule.name}")


# The names of the derivations; they are no names of a spec.


def _name(base: str, sub: str = "") -> Symbol:
    return Symbol(f"%rule.{base}{sub}", ink=Ink(base, sub))


def _by(of: Symbol, wrt: Symbol) -> Partial:
    return Partial(of, wrt)


def _exp(x: Expr) -> Expr:
    return ops.call(ops.EXP, x)


def _ln(x: Expr) -> Expr:
    return ops.call(ops.LN, x)


def _defined(name: Symbol, *members: Expr, why: str = "") -> Step:
    return Step(equals(name, *members), why, defines=True)


def _step(*members: Expr, why: str = "") -> Step:
    return Step(equals(*members), why)


X, Y, Z, T, P, Q, S, R, F, E = (_name(letter) for letter in ("x", "y", "z", "t", "p", "q", "s", "r", "f", "E"))
U, V, N = (_name(letter) for letter in ("u", "v", "n"))
HALF = Quotient(ONE, number(2))


# What a rule is used by.


def _calls(page: Derived) -> Iterator[Call]:
    return (node for own in page.nodes for node in walk(own.formula) if isinstance(node, Call))


def _is_one(call: Call, *rows: Operation) -> bool:
    """Whether it calls one of these rows, by name: a row may be written in another way on a page."""
    return call.operation.name in {row.name for row in rows}


def _of(*rows: Operation) -> Callable[[Derived], bool]:
    """Whether one of these operations occurs."""
    return lambda page: any(_is_one(call, *rows) for call in _calls(page))


def _in_logarithm(page: Derived, row: Operation) -> bool:
    """Whether the loss takes the logarithm of what an operation gives."""
    made = {
        key.key
        for node in page.nodes
        if isinstance(node.formula, Call) and _is_one(node.formula, row)
        for key in (node.symbol, *(node.symbol.parts or ()))
    }
    logs = [call for call in _calls(page) if _is_one(call, ops.LN_PROBABILITY, ops.LN)]
    return any(
        (isinstance(part, Symbol) and part.key.split("[")[0] in made) or _is_entry(part, made)
        for call in logs
        for part in walk(call)
    )


def _is_entry(part: Expr, made: set[str]) -> bool:
    return isinstance(part, Symbol) and part.key in made


def _crossed(row: Operation, *with_logits: Operation) -> Callable[[Derived], bool]:
    """Whether cross-entropy follows an activation, or holds it within itself."""
    return lambda page: _in_logarithm(page, row) or _of(*with_logits)(page)


def _squares(page: Derived) -> Iterator[tuple[bool, Power]]:
    """The squared differences of the loss and of its terms, each with whether ½ stands before it."""
    for formula in _terms(page.model):
        half = [f for node in walk(formula) if isinstance(node, Product) and HALF in node.factors for f in walk(node)]
        yield from ((node in half, node) for node in walk(formula) if _is_squared_difference(node))


def _terms(model: Model) -> list[Expr]:
    """The formula of the loss, and those of the names that it is made of."""
    formulas = {node.symbol.key: node.formula for node in model.nodes}
    if model.loss is None or model.loss.key not in formulas:
        return []
    own = formulas[model.loss.key]
    return [own, *(formulas[key] for key in symbols(own) if key in formulas)]


def _is_squared_difference(node: Expr) -> TypeGuard[Power]:
    if not isinstance(node, Power) or node.exponent != number(2) or not isinstance(node.base, Sum):
        return False
    return len(node.base.terms) == 2


def _squared(halved: bool) -> Callable[[Derived], bool]:
    return lambda page: any(half == halved for half, _ in _squares(page))


def _is_circuit(model: Model) -> bool:
    return model.loss is None and not model.layers


def _product(page: Derived) -> bool:
    """Whether a circuit multiplies two names."""
    factors = (n.factors for own in page.nodes for n in walk(own.formula) if isinstance(n, Product))
    return _is_circuit(page.model) and any(sum(isinstance(f, Symbol) for f in own) > 1 for own in factors)


def _quotient(page: Derived) -> bool:
    """Whether a circuit divides by a name, or by what is made of names."""
    return _is_circuit(page.model) and any(
        isinstance(n, Quotient) and any(isinstance(s, Symbol) for s in walk(n.denominator))
        for own in page.nodes
        for n in walk(own.formula)
    )


def _matrices(page: Derived) -> bool:
    return page.report.style_of("backward") == "matrix" and _of(ops.MATMUL)(page)


def _adam(page: Derived) -> bool:
    """Whether the optimizer corrects what it remembers for its beginning."""
    model = page.model
    return model.training is not None and {"m_hat", "v_hat"} <= {a.name for a in model.training.optimizer.assignments}


# The derivations.


def _sigmoid() -> tuple[Step, ...]:
    e, below = _exp(negate(Z)), add(ONE, _exp(negate(Z)))
    return (
        _defined(S, ops.call(ops.SIGMOID, Z), Quotient(ONE, below)),
        _step(_by(S, Z), Quotient(e, squared(below)), why="why_reciprocal"),
        _step(
            Quotient(e, squared(below)), Product((Quotient(ONE, below), Quotient(e, below))), why="why_two_fractions"
        ),
        _step(Quotient(e, below), subtract(ONE, Quotient(ONE, below)), subtract(ONE, S), why="why_one_added"),
        _step(_by(S, Z), Product((S, subtract(ONE, S)))),
    )


def _tanh() -> tuple[Step, ...]:
    above, below = subtract(_exp(Z), _exp(negate(Z))), add(_exp(Z), _exp(negate(Z)))
    slope = Quotient(subtract(squared(V), squared(U)), squared(V))
    return (
        _defined(U, above),
        _defined(V, below),
        _defined(S, ops.call(ops.TANH, Z), Quotient(U, V)),
        _step(_by(U, Z), V, why="why_exp"),
        _step(_by(V, Z), U, why="why_exp"),
        _step(_by(S, Z), slope, subtract(ONE, squared(Quotient(U, V))), why="why_quotient"),
        _step(_by(S, Z), subtract(ONE, squared(S))),
    )


def _relu() -> tuple[Step, ...]:
    above = Relation((Z, ZERO), (">",))
    return (
        _defined(R, ops.call(ops.RELU, Z), Cases(((Z, above),), ZERO)),
        _step(_by(R, Z), Cases(((ONE, above),), ZERO), why="why_pieces"),
    )


def _leaky() -> tuple[Step, ...]:
    above = Relation((Z, ZERO), (">",))
    return (
        _defined(R, Cases(((Z, above),), Product((A, Z)))),
        _step(_by(R, Z), Cases(((ONE, above),), A), why="why_pieces"),
    )


A = _name("a")


def _softplus() -> tuple[Step, ...]:
    below = add(ONE, _exp(Z))
    return (
        _defined(S, _ln(below), why="why_softplus"),
        _step(_by(S, Z), Quotient(_exp(Z), below), why="why_chain"),
        _step(_by(S, Z), Quotient(ONE, add(ONE, _exp(negate(Z)))), ops.call(ops.SIGMOID, Z), why="why_divided"),
    )


def _logarithm() -> tuple[Step, ...]:
    return (
        _defined(Y, _ln(X)),
        _step(_exp(Y), X, why="why_inverse"),
        _step(Product((_exp(Y), _by(Y, X))), ONE, why="why_both_sides"),
        _step(_by(Y, X), Quotient(ONE, _exp(Y)), Quotient(ONE, X)),
    )


def _root() -> tuple[Step, ...]:
    return (
        _defined(Y, ops.call(ops.SQRT, X)),
        _step(squared(Y), X, why="why_inverse"),
        _step(Product((number(2), Y, _by(Y, X))), ONE, why="why_both_sides"),
        _step(_by(Y, X), Quotient(ONE, Product((number(2), Y)))),
    )


Z1, Z2, Z3, P1, P2, P3, T1, T2, T3 = (_name(letter, str(i)) for letter in "zpt" for i in (1, 2, 3))


def _shares() -> tuple[Step, ...]:
    """p₁ and p₂ of three, over the sum of the powers."""
    return (
        _defined(S, add(_exp(Z1), _exp(Z2), _exp(Z3)), why="why_three"),
        _defined(P1, Quotient(_exp(Z1), S)),
        _defined(P2, Quotient(_exp(Z2), S)),
    )


def _softmax() -> tuple[Step, ...]:
    own = Quotient(subtract(Product((_exp(Z1), S)), Product((_exp(Z1), _exp(Z1)))), squared(S))
    other = Quotient(negate(Product((_exp(Z1), _exp(Z2)))), squared(S))
    return (
        *_shares(),
        _step(_by(P1, Z1), own, why="why_quotient"),
        _step(_by(P1, Z1), Product((P1, subtract(ONE, P1)))),
        _step(_by(P1, Z2), other, why="why_not_above"),
        _step(_by(P1, Z2), negate(Product((P1, P2)))),
    )


def _third_share() -> Step:
    return _defined(P3, Quotient(_exp(Z3), S))


def _cross_entropy() -> tuple[Step, ...]:
    terms = [Product((t, _ln(p))) for t, p in ((T1, P1), (T2, P2), (T3, P3))]
    own = Product((Quotient(T1, P1), P1, subtract(ONE, P1)))
    others = [Product((Quotient(t, p), P1, p)) for t, p in ((T2, P2), (T3, P3))]
    total = add(T1, T2, T3)
    return (
        _defined(E, negate(add(*terms)), why="why_shares"),
        _step(_by(E, Z1), add(negate(own), *others), why="why_softmax_slopes"),
        _step(_by(E, Z1), subtract(Product((P1, total)), T1), why="why_cancelled"),
        Step(equals(total, ONE), "why_sum_of_targets"),
        _step(_by(E, Z1), subtract(P1, T1)),
    )


def _binary() -> tuple[Step, ...]:
    rest, less = subtract(ONE, T), subtract(ONE, P)
    slope = add(negate(Quotient(T, P)), Quotient(rest, less))
    return (
        _defined(P, ops.call(ops.SIGMOID, Z)),
        _defined(E, negate(add(Product((T, _ln(P))), Product((rest, _ln(less)))))),
        _step(_by(E, P), slope, why="why_logarithm"),
        _step(_by(P, Z), Product((P, less)), why="why_sigmoid_slope"),
        _step(_by(E, Z), Product((slope, P, less)), why="why_chain"),
        _step(_by(E, Z), add(negate(Product((T, less))), Product((rest, P))), subtract(P, T), why="why_cancelled"),
    )


def _square(factor: Expr | None) -> tuple[Step, ...]:
    square = squared(subtract(T, Y))
    inner = (subtract(T, Y), MINUS_ONE)
    before: tuple[Expr, ...] = (number(2),) if factor is None else (factor, number(2))
    result: Expr = subtract(Y, T)
    return (
        _defined(E, square if factor is None else Product((factor, square))),
        _step(
            _by(E, Y),
            Product((*before, *inner)),
            result if factor is not None else Product((number(2), result)),
            why="why_square",
        ),
    )


def _of_product() -> tuple[Step, ...]:
    return (
        _defined(F, Product((U, V))),
        _step(_by(F, U), V, why="why_fixed_v"),
        _step(_by(F, V), U, why="why_fixed_u"),
    )


def _of_quotient() -> tuple[Step, ...]:
    return (
        _defined(F, Quotient(U, V), Product((U, Power(V, MINUS_ONE)))),
        _step(_by(F, U), Power(V, MINUS_ONE), Quotient(ONE, V), why="why_fixed_v"),
        _step(
            _by(F, V),
            Product((U, MINUS_ONE, Power(V, number(-2)))),
            negate(Quotient(U, squared(V))),
            why="why_fixed_u",
        ),
    )


def _norm() -> tuple[Step, ...]:
    x1, x2 = _name("x", "1"), _name("x", "2")
    total = add(squared(x1), squared(x2))
    return (
        _defined(N, ops.call(ops.SQRT, total), why="why_two"),
        _step(
            _by(N, x1),
            Product((Quotient(ONE, Product((number(2), ops.call(ops.SQRT, total)))), number(2), x1)),
            why="why_chain",
        ),
        _step(_by(N, x1), Quotient(x1, N)),
    )


X1, X2, X3 = (_name("x", str(i)) for i in (1, 2, 3))
MU, EPSILON, Y1, Y2 = _name("μ"), _name("ε"), _name("y", "1"), _name("y", "2")
THIRD = Quotient(ONE, number(3))


def _spread() -> tuple[Step, ...]:
    """The mean and the variance of three numbers."""
    squares = (squared(subtract(x, MU)) for x in (X1, X2, X3))
    return (
        _defined(MU, Product((THIRD, add(X1, X2, X3))), why="why_three"),
        _defined(V, Product((THIRD, add(*squares)))),
    )


def _variance() -> tuple[Step, ...]:
    own, two, three = (subtract(x, MU) for x in (X1, X2, X3))
    twice = Quotient(number(2), number(3))
    return (
        *_spread(),
        _step(_by(MU, X1), THIRD),
        _step(_by(V, X1), Product((twice, subtract(own, Product((THIRD, add(own, two, three)))))), why="why_chain"),
        _step(add(own, two, three), ZERO, why="why_deviations"),
        _step(_by(V, X1), Product((twice, own))),
    )


def _normalised() -> tuple[Step, ...]:
    own, other = subtract(X1, MU), subtract(X2, MU)
    bent = Quotient(own, Product((number(3), S)))
    return (
        _defined(S, ops.call(ops.SQRT, add(V, EPSILON)), why="why_epsilon"),
        _defined(Y1, Quotient(own, S)),
        _defined(Y2, Quotient(other, S)),
        _step(
            _by(S, X1),
            Product((Quotient(ONE, Product((number(2), S))), _by(V, X1))),
            bent,
            Product((THIRD, Y1)),
            why="why_chain",
        ),
        _step(
            _by(Y1, X1),
            Quotient(subtract(Product((subtract(ONE, THIRD), S)), Product((own, _by(S, X1)))), squared(S)),
            why="why_quotient",
        ),
        _step(_by(Y1, X1), Product((Quotient(ONE, S), subtract(subtract(ONE, THIRD), Product((THIRD, squared(Y1))))))),
        _step(
            _by(Y2, X1),
            Product((Quotient(ONE, S), subtract(negate(THIRD), Product((THIRD, Y1, Y2))))),
            why="why_likewise",
        ),
    )


def _normalises(page: Derived) -> bool:
    """Whether numbers are brought to mean 0 and a common spread."""
    return _of(ops.MEAN)(page) and _of(ops.VARIANCE, ops.STD)(page)


def _of_matrix() -> tuple[Step, ...]:
    w = {(i, j): _name("w", f"{i}{j}") for i in (1, 2) for j in (1, 2)}
    x, z, d = ({i: _name(letter, str(i)) for i in (1, 2)} for letter in "xzδ")
    by_weights = [equals(_by(E, w[i, j]), Product((d[i], x[j]))) for i in (1, 2) for j in (1, 2)]
    by_entries = [equals(_by(E, x[j]), add(Product((w[1, j], d[1])), Product((w[2, j], d[2])))) for j in (1, 2)]
    return (
        _defined(z[1], add(Product((w[1, 1], x[1])), Product((w[1, 2], x[2]))), why="why_by_rows"),
        _defined(z[2], add(Product((w[2, 1], x[1])), Product((w[2, 2], x[2])))),
        _defined(d[1], _by(E, z[1]), why="why_delta"),
        Step(equals(d[2], _by(E, z[2])), defines=True, again=True),
        *_alike(by_weights, "why_outer"),
        *_alike(by_entries, "why_transposed"),
    )


def _alike(chains: list[Relation], why: str) -> Iterator[Step]:
    """Lines of one kind: the first says why."""
    return (Step(chain, "" if i else why, again=i > 0) for i, chain in enumerate(chains))


def _bias() -> tuple[Step, ...]:
    beta, g = _name("β"), _name("g")
    m = {i: _name("m", str(i)) for i in (1, 2, 3)}
    rest = subtract(ONE, beta)
    new = Product((rest, g))

    def left(i: int) -> Expr:
        return Product((subtract(ONE, Power(beta, number(i))), g))

    return (
        _defined(m[1], new, why="why_begins_with_0"),
        _defined(m[2], add(Product((beta, m[1])), new), left(2), why="why_same_gradient"),
        _defined(m[3], add(Product((beta, m[2])), new), left(3)),
        _step(Quotient(m[3], subtract(ONE, Power(beta, number(3)))), g, why="why_corrected"),
    )


def _rule(
    name: str,
    make: Callable[[], tuple[Step, ...]],
    used: Callable[[Derived], bool],
    assumed: tuple[Step, ...] = (),
) -> Rule:
    return Rule(name, make(), used, assumed)


TABLE: tuple[Rule, ...] = (
    _rule("product", _of_product, _product),
    _rule("quotient", _of_quotient, _quotient),
    _rule("logarithm", _logarithm, _of(ops.LN, ops.LN_PROBABILITY, ops.LOG_SUM_EXP, ops.SOFTPLUS)),
    _rule("root", _root, _of(ops.SQRT, ops.RSQRT, ops.NORM, ops.STD)),
    _rule("norm", _norm, _of(ops.NORM)),
    _rule("relu", _relu, _of(ops.RELU)),
    _rule("leaky_relu", _leaky, _of(ops.LEAKY_RELU)),
    _rule("sigmoid", _sigmoid, _of(ops.SIGMOID)),
    _rule("tanh", _tanh, _of(ops.TANH)),
    _rule("variance", _variance, _of(ops.VARIANCE, ops.STD)),
    _rule("normalised", _normalised, _normalises, _spread()),
    _rule("softplus", _softplus, _of(ops.SOFTPLUS)),
    _rule("softmax", _softmax, _of(ops.SOFTMAX, ops.LOG_SUM_EXP)),
    _rule("cross_entropy", _cross_entropy, _crossed(ops.SOFTMAX, ops.LOG_SUM_EXP), (*_shares(), _third_share())),
    _rule("binary_cross_entropy", _binary, _crossed(ops.SIGMOID)),
    _rule("half_squared_error", lambda: _square(HALF), _squared(True)),
    _rule("squared_error", lambda: _square(None), _squared(False)),
    _rule("matrix", _of_matrix, _matrices),
    _rule("bias_correction", _bias, _adam),
)
"""The rules, each after those that its derivation uses."""
