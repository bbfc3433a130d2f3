"""A loss as it is called -> its formula over the entries of target and output; judges what is compared, never how the formula reads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from graphdsl import losses
from graphdsl.check.calls import Asked, Calls, Settings
from graphdsl.check.resolve import Resolver, Typed
from graphdsl.derive.element import element
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Label, Span
from graphdsl.expr import Array, Call, Element, Expr, Number, Option, Symbol, number, rewrite, with_span
from graphdsl.losses import ALLOWED, Loss, Over, one_hot
from graphdsl.numbers import Num, Shape, Tensor, brief, indices

CLASS = "class"
OVERS: dict[str, Over] = {"sum": "sum", "mean": "mean"}
OVER = Option("word", tuple(OVERS))


def enter_losses(resolver: Resolver) -> None:
    """Let formulas call losses, and say of a class number where it belongs."""
    for name, loss in losses.SPOKEN.items():
        resolver.calls.entered[name] = partial(_called, resolver=resolver, loss=loss)
    resolver.calls.entered[CLASS] = _stray_class


def _stray_class(calls: Calls, asked: Asked) -> None:
    calls.reporter.error(
        "a class number is a target", asked.span, hint="write `target y[3] = class(2)`, or `cross_entropy(class(2), p)`"
    )


def _called(calls: Calls, asked: Asked, resolver: Resolver, loss: Loss) -> Typed | None:
    """`mse(t, y, over = sum)`."""
    call, compared = asked.call, asked.inputs
    settings = _settings(calls, asked, loss)
    if len(compared) != 2:
        resolver.reporter.error(
            f"`{loss.name}` takes a target and an output, not {len(compared)} input{'s' * (len(compared) != 1)}",
            call.span,
            hint=f"for example `{call.operation.name}(t, y)`",
        )
        return None
    output = resolver.resolve(compared[1])
    target = None if output is None else _target(compared[0], output, resolver)
    if output is None and not _is_class(compared[0]):
        resolver.resolve(compared[0])
    if target is None or output is None or settings is None:
        return None
    given, over = settings
    if not _fits(call, loss, target, output, resolver):
        return None
    width = output.shape[-1] if output.shape else 1
    formula = loss.formula(_entries(target), _entries(output), width, given, over)
    return Typed(rewrite(formula, lambda node: node if node.span else with_span(node, call.span)), ())


# What is compared.


def _target(written: Expr, output: Typed, resolver: Resolver) -> Typed | None:
    """The target; a class number becomes a vector of the output's size."""
    if isinstance(written, Call) and _is_class(written):
        chosen = class_number(written, resolver)
        if chosen is None or not _has_classes(chosen, output.shape, written.span, output.expr.span, resolver):
            return None
        resolver.scope.counts_classes = True
        return Typed(Array(output.shape, one_hot(output.shape[0], chosen), written.span), output.shape)
    unsized = resolver.scope.unsized_class(written.key) if isinstance(written, Symbol) else None
    if unsized is None:
        return resolver.resolve(written)
    if not _has_classes(unsized.chosen, output.shape, unsized.span, output.expr.span, resolver):
        resolver.scope.drop_unsized(unsized)
        return None
    resolver.scope.give_size(unsized, output.shape, one_hot_values(output.shape[0], unsized.chosen))
    return resolver.resolve(written)


def one_hot_values(count: int, chosen: int) -> Tensor[Num]:
    """The vector that a class number stands for."""
    return Tensor((count,), tuple(Num(entry.value) for entry in one_hot(count, chosen) if isinstance(entry, Number)))


def _is_class(written: Expr) -> bool:
    return isinstance(written, Call) and written.operation.name.casefold() == CLASS


def class_number(written: Expr | None, resolver: Resolver) -> int | None:
    """The number of `class(2)`; anything else than a whole number from 1 on is reported."""
    assert isinstance(written, Call)
    value = resolver.single(written.arguments[0]) if len(written.arguments) == 1 else None
    if value is None and len(written.arguments) == 1:
        return None
    if value is None or value.value != value.value.to_integral_value() or value.value < 1:
        resolver.reporter.error(
            "a class is one whole number, counted from 1", written.span, hint="for example class(2)"
        )
        return None
    return int(value.value)


def is_class(written: Expr | None) -> bool:
    """Whether a value is a class number."""
    return written is not None and _is_class(written)


def _has_classes(chosen: int, shape: Shape, span: Span | None, other: Span | None, resolver: Resolver) -> bool:
    """Whether the output has an entry for the class."""
    also = [Label(other, f"this is {spoken(shape)}")] if other is not None else []
    if len(shape) != 1:
        resolver.reporter.error("a class number is compared with a vector", span, also=also)
        return False
    return class_exists(chosen, shape[0], span, resolver, also)


def class_exists(
    chosen: int, count: int, span: Span | None, resolver: Resolver, also: list[Label] | None = None
) -> bool:
    """Whether there are so many classes; reported where not."""
    if chosen <= count:
        return True
    hint = f"classes are counted from 1: here from 1 to {count}"
    resolver.reporter.error(f"there is no class {chosen}", span, also=also or [], hint=hint)
    return False


def _fits(call: Call, loss: Loss, target: Typed, output: Typed, resolver: Resolver) -> bool:
    return all(judge(call, loss, target, output, resolver) for judge in (_in_order, _same_size, _long_enough, _allowed))


def _in_order(call: Call, loss: Loss, target: Typed, output: Typed, resolver: Resolver) -> bool:
    """A declared target in the place of the output is surely a slip."""
    kinds = [_kind(typed, resolver) for typed in (target, output)]
    if kinds[1] != "target" or kinds[0] == "target":
        return True
    words = ", ".join(_written(a, resolver) for a in (call.arguments[1], call.arguments[0]))
    resolver.reporter.error(
        "the target comes first", call.arguments[1].span or call.span, hint=f"write `{call.operation.name}({words})`"
    )
    return False


def _written(expr: Expr, resolver: Resolver) -> str:
    return resolver.reporter.source.text[expr.span.start : expr.span.end] if expr.span else ""


def _kind(typed: Typed, resolver: Resolver) -> str:
    symbol = typed.expr.of if isinstance(typed.expr, Element) else typed.expr
    datum = resolver.scope.data.get(symbol.key) if isinstance(symbol, Symbol) else None
    return datum.kind if datum else ""


def _same_size(call: Call, loss: Loss, target: Typed, output: Typed, resolver: Resolver) -> bool:
    if target.shape == output.shape or sum(target.shape) + sum(output.shape) <= 1:
        return True
    pair = (target, output)
    ends = [Label(span, f"this is {spoken(t.shape)}") for t in pair if (span := _declared_at(t, resolver)) is not None]
    number_of_class = not target.shape and len(output.shape) == 1 and _kind(target, resolver) == "target"
    resolver.reporter.error(
        f"the target is {spoken(target.shape)}, the output {spoken(output.shape)}",
        call.span,
        also=ends,
        hint="a class number is written `class(2)`" if number_of_class and loss.least > 1 else "",
    )
    return False


def _long_enough(call: Call, loss: Loss, target: Typed, output: Typed, resolver: Resolver) -> bool:
    if (output.shape[-1] if output.shape else 1) >= loss.least:
        return True
    binary = loss.name.replace("cross_entropy", "binary_cross_entropy")
    resolver.reporter.error(
        f"`{loss.name}` compares vectors of {loss.least} entries or more",
        call.span,
        hint=f"of one probability it is `{binary}`" if binary != loss.name else "",
    )
    return False


def _allowed(call: Call, loss: Loss, target: Typed, output: Typed, resolver: Resolver) -> bool:
    """Whether a target whose values are known is of the kind that the loss compares with."""
    words, holds = ALLOWED[loss.takes]
    for value, span in _known_values(target, resolver):
        if not holds(value.value):
            resolver.reporter.error(f"the targets of `{loss.name}` are {words}, not {brief(value.value)}", span)
            return False
    return True


def _known_values(typed: Typed, resolver: Resolver) -> Iterator[tuple[Num, Span | None]]:
    match typed.expr:
        case Symbol(key=key) if key in resolver.scope.data:
            datum = resolver.scope.data[key]
            yield from ((value, datum.span) for value in (datum.value.flat if datum.value else ()))
        case Array(entries=entries):
            yield from ((Num(e.value), e.span or typed.expr.span) for e in entries if isinstance(e, Number))
        case Number(value=value):
            yield Num(value), typed.expr.span


def _declared_at(typed: Typed, resolver: Resolver) -> Span | None:
    meaning = resolver.scope.meaning(typed.expr.key) if isinstance(typed.expr, Symbol) else None
    return meaning.span if meaning else None


def _entries(typed: Typed) -> tuple[Expr, ...]:
    if not typed.shape:
        return (typed.expr,)
    if isinstance(typed.expr, Symbol):
        return tuple(Element(typed.expr, tuple(map(number, i))) for i in indices(typed.shape))
    return tuple(element(typed.expr, i) for i in indices(typed.shape))


# How.


def _settings(calls: Calls, asked: Asked, loss: Loss) -> tuple[Settings, Over] | None:
    """The options of a call, and over what it is put together."""
    given = calls.options(asked, {**dict.fromkeys(loss.defaults, Option("number")), "over": OVER})
    if given is None:
        return None
    over = OVERS[str(given.pop("over", loss.over))]
    if wrong := loss.refusal(given):
        calls.reporter.error(wrong, asked.span)
        return None
    return given, over
