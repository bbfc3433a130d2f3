"""`function` statements and their calls -> rows of operations, or formulas written in place; judges calls, computes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from graphdsl.derive.derivative import derivative
from graphdsl.derive.evaluate import evaluate
from graphdsl.diagnostics import Label, Reporter
from graphdsl.expr import (
    ZERO,
    Attributes,
    Call,
    Expr,
    FunctionNotation,
    Number,
    Operation,
    Option,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    children,
    multiply,
    substitute,
    symbols,
    walk,
    with_children,
)
from graphdsl.names import canonical
from graphdsl.numbers import Arithmetic, Shape, Tensor
from graphdsl.ops.rows import settings
from graphdsl.syntax import NAMED, Function, Parameter

N = TypeVar("N")

DEEPEST_CALL = 20

Resolve = Callable[[Expr, Reporter], "Expr | None"]
"""A formula over scalars -> the formula over rows, or nothing where it was wrong."""


def declared_functions(statements: list[Function], reporter: Reporter) -> dict[str, Function]:
    """The functions by the names that they are called by."""
    found: dict[str, Function] = {}
    for function in statements:
        other = found.setdefault(canonical(function.name.text), function)
        if other is not function:
            reporter.error(
                f"the function `{function.name.text}` is defined twice",
                function.name.span,
                also=[Label(other.name.span, "first here")],
            )
    _refuse_recursion(found, reporter)
    return found


def _refuse_recursion(functions: dict[str, Function], reporter: Reporter) -> None:
    """A function that calls itself is told once, with the way, and then has no body."""
    circles = {name: path for name in functions if (path := _circle(name, functions))}
    told: set[str] = set()
    for name, path in circles.items():
        function = functions[name]
        if name not in told:
            told |= set(path)
            shown = " → ".join(f"`{n}`" for n in path)
            reporter.error(
                f"the function `{function.name.text}` calls itself: {shown}",
                function.name.span,
                hint="a value from an earlier step is written with a loop: for s in 1..3 { h[s] = … }",
            )
        functions[name] = replace(function, value=ZERO)


def _circle(start: str, functions: Mapping[str, Function]) -> list[str]:
    """The way by which a function comes back to itself."""
    waiting, seen = [[start]], {start}
    while waiting:
        path = waiting.pop()
        for node in walk(functions[path[-1]].value):
            name = canonical(node.operation.name) if isinstance(node, Call) else ""
            if name == start:
                return [*path, start]
            if name in functions and name not in seen:
                seen.add(name)
                waiting.append([*path, name])
    return []


def parameters(function: Function) -> tuple[Parameter, ...]:
    return (*function.inputs, *function.options)


def bound(function: Function, call: Call, reporter: Reporter) -> dict[str, Expr] | None:
    """The argument for each parameter of a function, or nothing where the call is wrong."""
    wanted = parameters(function)
    positional = [a for a in call.arguments if not _is_option(a)]
    named = {canonical(a.arguments[0].key): a for a in call.arguments if _is_option(a)}  # type: ignore[union-attr]
    names = [canonical(p.name.text) for p in wanted]
    unknown = next((key for key in named if key not in names), None)
    if unknown is not None:
        reporter.error(
            f"the function `{function.name.text}` has no option `{unknown}`",
            named[unknown].span,
            also=[Label(function.name.span, "defined here")],
        )
        return None
    found = dict(zip(names, positional, strict=False))
    found |= {key: option.arguments[1] for key, option in named.items()}  # type: ignore[union-attr]
    found = {p: found.get(p) or d.default for p, d in zip(names, wanted, strict=True)}  # type: ignore[misc]
    if len(positional) > len(function.inputs) or any(value is None for value in found.values()):
        least, most = sum(p.default is None for p in wanted), len(function.inputs)
        count = str(most) if least == most else f"{least} to {most}"
        reporter.error(
            f"the function `{function.name.text}` takes {count} {'input' if count == '1' else 'inputs'}, not {len(positional)}",
            call.span,
            also=[Label(function.name.span, "defined here")],
        )
        return None
    return found


def written_in_place(function: Function, arguments: Mapping[str, Expr]) -> Expr:
    """The body with the arguments for the parameters."""

    def visit(node: Expr) -> Expr:
        if isinstance(node, Symbol):
            return arguments.get(canonical(node.key), node)
        if isinstance(node, Call) and node.operation is NAMED:
            return with_children(node, (node.arguments[0], visit(node.arguments[1])))
        return with_children(node, tuple(map(visit, children(node))))

    return visit(function.value)


def row_of(function: Function, body: Expr) -> Operation | None:
    """The row of a function whose body acts on each entry; nothing where it does not, or where it names other things."""
    inputs = tuple(Symbol(p.name.text) for p in function.inputs)
    options = tuple(p.name.text for p in function.options)
    names = {canonical(s.key) for s in inputs} | {canonical(o) for o in options}
    if any(canonical(key) not in names for key in symbols(body)) or not _acts_on_entries(body):
        return None
    defaults = {p.name.text: p.default for p in function.options}

    def options_of(given: Attributes) -> dict[str, Expr]:
        return {o: Number(Decimal(str(given[o]))) if o in given else defaults[o] or ZERO for o in options}

    def formula(arguments: tuple[Expr, ...], given: Attributes) -> Expr:
        values = dict(zip((s.key for s in inputs), arguments, strict=True))
        return substitute(body, {**options_of(given), **values})

    def pullbacks(arguments: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr, ...]:
        values = {**options_of(given), **dict(zip((s.key for s in inputs), arguments, strict=True))}
        slopes = (substitute(derivative(body, s.key), values) for s in inputs)
        return tuple(ZERO if slope == ZERO else multiply(upstream, slope) for slope in slopes)

    return Operation(
        function.name.text,
        FunctionNotation(function.name.text, said=settings(*options)),
        (len(inputs), len(inputs)),
        _number,
        pullbacks,
        formula,
        sides=_sides(body, inputs, options_of) if _has_kinks(body) else None,
        elementwise=True,
        attributes=options,
        source="defined in the spec",
        options=dict.fromkeys(options, Option("number")),
        parameters=tuple(s.key for s in inputs),
    )


def _number(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    return ()


def _acts_on_entries(body: Expr) -> bool:
    allowed = (Number, Symbol, Sum, Product, Quotient, Power)
    return all(
        isinstance(n, allowed) or (isinstance(n, Call) and (n.operation.elementwise or not n.arguments))
        for n in walk(body)
    )


def _has_kinks(body: Expr) -> bool:
    return any(isinstance(n, Call) and n.operation.sides is not None for n in walk(body))


def _sides(
    body: Expr, inputs: tuple[Symbol, ...], options_of: Callable[[Attributes], dict[str, Expr]]
) -> Callable[..., tuple[int, ...]]:
    """On which side of the kinks of its parts the arguments lie."""

    def sides(arithmetic: Arithmetic[N], arguments: tuple[Tensor[N], ...], given: Attributes) -> tuple[int, ...]:
        whole = substitute(body, options_of(given))
        env = dict(zip((s.key for s in inputs), arguments, strict=True))
        found: list[int] = []
        for node in walk(whole):
            if isinstance(node, Call) and node.operation.sides is not None:
                values = tuple(evaluate(child, env, arithmetic) for child in children(node))
                found += node.operation.sides(arithmetic, values, dict(node.attributes))
        return tuple(found)

    return sides


def _is_option(expr: Expr) -> bool:
    return isinstance(expr, Call) and expr.operation is NAMED
