"""`optimizer` statements -> rules that can be carried out: every name of an assignment looked up; runs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Scope
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Label, Reporter, Span
from graphdsl.expr import Call, Expr, Symbol, rewrite
from graphdsl.names import canonical, plain_name
from graphdsl.optimizers import GIVEN_NAMES, SGD, Assignment, Optimizer, inked, new, old, setting
from graphdsl.syntax import Equation, Name, Rule

TABLE = "optimizers.spec"
_PERCEPTRON = "perceptron"


@cache
def standard() -> dict[str, Optimizer]:
    """The optimizers that come with the package, read from their own spec."""
    from graphdsl.parse import shipped

    spec = shipped(TABLE)
    reporter = Reporter(spec.source)
    made = [rule(statement, reporter) for statement in spec.of(Rule)]
    reporter.stop_if_errors()
    return {found.name: found for found in made if found is not None}


def find(name: str, own: dict[str, Optimizer]) -> Optimizer | None:
    """The optimizer of a name: the author's own, or one of ours."""
    if name.casefold() == SGD.name and SGD.name not in own:
        return SGD
    known = {canonical(key).casefold(): found for key, found in (*standard().items(), *own.items())}
    return known.get(canonical(name).casefold())


def rules(statements: Iterable[Rule], scope: Scope) -> dict[str, Optimizer]:
    """The author's own optimizers."""
    found: dict[str, Optimizer] = {}
    first: dict[str, Span] = {}
    for statement in statements:
        name = statement.name.text
        if name in first:
            also = [Label(first[name], "the first")]
            scope.reporter.error(f"there are two optimizers `{name}`", statement.name.span, also=also)
        elif name.casefold() in standard():
            hint = "give yours a name of its own"
            scope.reporter.error(f"`{name}` is an optimizer of the language", statement.name.span, hint=hint)
        first.setdefault(name, statement.name.span)
        made = rule(statement, scope.reporter)
        if made is not None:
            found.setdefault(name, made)
    return found


def rule(statement: Rule, reporter: Reporter) -> Optimizer | None:
    """One optimizer; nothing where a mistake was reported."""
    before = len(reporter.errors)
    scope = Scope(reporter, advice="make it an option, as in `optimizer mine(eta, mu = 0.9)`, or assign it before")
    resolver = Resolver(scope)
    options = _options(statement, scope, resolver)
    for given, symbol in GIVEN_NAMES.items():
        scope.declare(given, "name of every rule", statement.name.span, symbol)
    for assignment in statement.assignments:
        _enter(assignment, scope)
    point = _Ahead(scope, resolver)
    made = [_assignment(point.taken_out(a), scope, resolver) for a in statement.assignments]
    if not any(canonical(a.name.text) == canonical("theta") for a in statement.assignments):
        hint = "for example theta = theta - eta*g"
        reporter.error(f"`{statement.name.text}` never assigns theta", statement.name.span, hint=hint)
    if len(reporter.errors) > before:
        return None
    name = statement.name.text
    found = Optimizer(
        name,
        options,
        tuple(m for m in made if m is not None),
        learns_through_thresholds=name == _PERCEPTRON,
        ahead=point.found,
    )
    return inked(found)


class _Ahead:
    """Takes `g(theta - mu*v)`, the gradient at another place, for `g`, and keeps the place."""

    def __init__(self, scope: Scope, resolver: Resolver):
        self.scope = scope
        self.resolver = resolver
        self.found: Expr | None = None

    def taken_out(self, assignment: Equation) -> Equation:
        return replace(assignment, value=rewrite(assignment.value, self._plain))

    def _plain(self, node: Expr) -> Expr:
        if not (isinstance(node, Call) and node.operation.name == "g"):
            return node
        if len(node.arguments) != 1:
            self.scope.reporter.error("`g` is the gradient, or g(…) the gradient at one place", node.span)
            return Symbol("g", span=node.span)
        typed = self.resolver.resolve(node.arguments[0])
        if typed is not None and self.found is not None and typed.expr != self.found:
            self.scope.reporter.error("a rule takes its gradient at one place", node.span)
        self.found = self.found if typed is None else typed.expr
        return Symbol("g", span=node.span)


def _options(statement: Rule, scope: Scope, resolver: Resolver) -> dict[str, Decimal | None]:
    found: dict[str, Decimal | None] = {}
    for option in statement.options:
        key = plain_name(option.name.text)
        if key in GIVEN_NAMES:
            _refuse_given(option.name, scope)
        elif scope.declare(option.name.text, "option", option.name.span, setting(key)):
            value = None if option.default is None else resolver.single(option.default)
            found[key] = None if value is None else value.value
    return found


def _enter(assignment: Equation, scope: Scope) -> None:
    """Until it is assigned, a name stands for what was remembered."""
    key = plain_name(assignment.name.text)
    if key in ("g", "t"):
        _refuse_given(assignment.name, scope)
    elif key != "theta":
        scope.declare(assignment.name.text, "name that is assigned", assignment.name.span, old(key))


def _refuse_given(name: Name, scope: Scope) -> None:
    meanings = {"g": "the gradient", "t": "the number of the step", "theta": "the parameter"}
    scope.reporter.error(f"`{name.text}` is {meanings[plain_name(name.text)]} in every rule", name.span)


def _assignment(statement: Equation, scope: Scope, resolver: Resolver) -> Assignment | None:
    typed = resolver.resolve(statement.value)
    key = plain_name(statement.name.text)
    if typed is not None and typed.shape:
        scope.reporter.error(
            f"a rule is written for one entry, and this is {spoken(typed.shape)}",
            statement.value.span,
            hint="it acts on each entry of a vector or matrix",
        )
    meaning = scope.meaning(statement.name.text)
    if meaning is not None and isinstance(meaning.expr, Symbol) and meaning.expr == old(key):
        scope.define(statement.name.text, new(key))
    return None if typed is None else Assignment(key, typed.expr)
