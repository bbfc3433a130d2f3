"""An `expected` list or matrix -> an expected number for each entry that was printed; compares nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from graphdsl.check.resolve import Resolver
from graphdsl.derive.shape import spoken
from graphdsl.expr import Element, Expr, Number, number
from graphdsl.numbers import Shape, indices
from graphdsl.syntax import ExpectedValue


def entries(value: ExpectedValue, resolver: Resolver) -> Iterator[ExpectedValue]:
    """The expected numbers of a list, in its order; a number is its own."""
    printed = value.value
    if isinstance(printed, Number):
        yield value
        return
    reference = value.reference
    typed = [None if place is None else resolver.resolve(place) for place in (reference.of, reference.wrt)]
    if typed[0] is None or (reference.wrt is not None and typed[1] is None) or not printed.entries:
        return
    of_shape = typed[0].shape
    shape = (*of_shape, *(typed[1].shape if typed[1] is not None else ()))
    if printed.shape != shape and _flat(printed.shape) != _flat(shape):
        resolver.reporter.error(f"this is {spoken(shape)}, and {spoken(printed.shape)} is expected of it", printed.span)
        return
    text = resolver.reporter.source.text[reference.span.start : reference.span.end]
    for index, entry in zip(indices(shape), printed.entries, strict=True):
        if entry is not None:
            at = index[: len(of_shape)], index[len(of_shape) :]
            wrt = None if reference.wrt is None else _at(reference.wrt, at[1])
            single = replace(reference, of=_at(reference.of, at[0]), wrt=wrt)
            yield replace(value, reference=single, value=entry, span=entry.span or value.span, words=_words(text, at))


def _flat(shape: Shape) -> Shape:
    """The shape without axes of length one: a column is printed as a list."""
    return tuple(extent for extent in shape if extent > 1)


def _at(place: Expr, index: Shape) -> Expr:
    return Element(place, tuple(map(number, index)), place.span) if index else place


_BEHIND = re.compile(r"((?:\.(?:after|sample|epoch|direction)[0-9]*)*)$")


def _words(text: str, at: tuple[Shape, Shape]) -> str:
    """`dL/dW.after2` at [1, 2] is `dL/dW[1,2].after2`."""
    of, slash, wrt = "".join(text.split()).partition("/")
    parts = (part for part in (of, wrt) if part)
    shown = (_BEHIND.sub(rf"{_brackets(index)}\1", part, count=1) for part, index in zip(parts, at, strict=False))
    return slash.join(shown)


def _brackets(index: Shape) -> str:
    return f"[{','.join(map(str, index))}]" if index else ""
