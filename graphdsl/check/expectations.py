"""`expected` values -> references to what will be computed; judges names, compares nothing."""

from __future__ import annotations

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Scope
from graphdsl.check.settings import keys_of
from graphdsl.diagnostics import Span
from graphdsl.expr import Expr
from graphdsl.model import ExpectedNumber, Training
from graphdsl.syntax import Expected, ExpectedValue


def expectations(
    statements: list[Expected], plan: Training | None, scope: Scope, resolver: Resolver
) -> tuple[ExpectedNumber, ...]:
    """Every published number with the keys of what it stands for."""
    found = (_one(value, plan, scope, resolver) for statement in statements for value in statement.values)
    return tuple(e for e in found if e is not None)


def _one(value: ExpectedValue, plan: Training | None, scope: Scope, resolver: Resolver) -> ExpectedNumber | None:
    reference = value.reference
    of = _key(reference.of, reference.span, scope, resolver)
    wrt = None if reference.wrt is None else _key(reference.wrt, reference.span, scope, resolver)
    if of is None or (reference.wrt is not None and wrt is None):
        return None
    steps = plan.steps if plan else 0
    after = steps if reference.after is None else reference.after
    if after > steps or (reference.after is None and not plan):
        made = f"there are {steps} updates" if steps else "nothing is trained"
        scope.reporter.error("there is no value after that update", reference.span, made)
        return None
    if wrt is not None and plan is not None and after == steps:
        scope.reporter.error("no gradient is computed after the last update", reference.span)
        return None
    words = scope.reporter.source.text[reference.span.start : reference.span.end]
    return ExpectedNumber(of, wrt, after, value.value.value, words, value.span)


def _key(expr: Expr, span: Span, scope: Scope, resolver: Resolver) -> str | None:
    typed = resolver.resolve(expr)
    if typed is None:
        return None
    keys = keys_of(typed.expr)
    if len(keys) != 1 or typed.shape:
        scope.reporter.error(
            "an expected value stands for one number", span, hint="say which entry, as in `W[2,1] = …`"
        )
        return None
    return keys[0]
