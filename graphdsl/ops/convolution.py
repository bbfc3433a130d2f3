"""The rows that slide filters over a signal or an image, and their adjoints; each is bilinear, and each pulls back by the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from graphdsl.derive.shape import shape_of, spoken
from graphdsl.expr import (
    ZERO,
    Attribute,
    Attributes,
    Expr,
    FunctionNotation,
    Notation,
    Operation,
    Option,
    Product,
    Pullbacks,
    ShapeMistake,
    add,
)
from graphdsl.numbers import Arithmetic, Shape, Tensor, flat_index, indices, size
from graphdsl.ops.rows import call, entry_at, int_attribute, place_of, settings, shape_attribute, times

N = TypeVar("N")

CONVOLVING = {
    "stride": Option("axes"),
    "padding": Option("axes", least=0),
    "flip": Option("flag"),
}
TRANSPOSED = {key: CONVOLVING[key] for key in ("stride", "padding")}

Triple = tuple[int, int, int]
"""The places of an output entry, of the image's and of the filter's entry that are multiplied for it."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How filters lie over an image: `places` of its axes are places, an axis before them is of channels."""

    image: Shape
    kernel: Shape
    places: int
    stride: Shape
    padding: Shape
    flip: bool

    @property
    def output(self) -> Shape:
        """Shape of the result, with an axis of filters where there is one of them in the filters' shape."""
        filters = self.kernel[:1] if len(self.kernel) == self.places + 2 else ()
        return filters + tuple(
            (extent + 2 * padding - k) // stride + 1
            for extent, k, stride, padding in zip(
                self.image[-self.places :], self.kernel[-self.places :], self.stride, self.padding, strict=True
            )
        )


def _geometry(image: Shape, kernel: Shape, places: int, given: Attributes) -> Geometry:
    stride, padding = by_axis(given, "stride", 1, places), by_axis(given, "padding", 0, places)
    return Geometry(image, kernel, places, stride, padding, bool(int_attribute(given, "flip", 0)))


def by_axis(given: Attributes, name: str, default: int, places: int) -> Shape:
    """An option for each axis; one number is for all."""
    value = given.get(name, default)
    if isinstance(value, int):
        return (value,) * places
    assert isinstance(value, tuple), "a whole number, or one for each axis"
    if len(value) != places:
        numbers, axes = f"{len(value)} number{'s' * (len(value) != 1)}", f"{places} {'axis' if places == 1 else 'axes'}"
        raise ShapeMistake(f"`{name}` has {numbers} for {axes}")
    return value


_IMAGES = {1: ("a signal", "[n]", "[channels, n]"), 2: ("an image", "[h, w]", "[channels, h, w]")}


def _channels(shape: Shape, places: int) -> int:
    """Channels of an image, or of each filter."""
    return shape[-places - 1] if len(shape) > places else 1


def _check_kinds(image: Shape, kernel: Shape, places: int) -> None:
    what, bare, full = _IMAGES[places]
    if not places <= len(image) <= places + 1:
        raise ShapeMistake(f"{what} is {bare} or {full}, not {spoken(image)}", (0,))
    if not places <= len(kernel) <= places + 2:
        one, some = bare.replace("h", "kh").replace("w", "kw"), full.replace("h,", "kh,").replace("w]", "kw]")
        raise ShapeMistake(f"filters are {one}, {some} or [filters, {some[1:]}, not {spoken(kernel)}", (1,))


def _conv_shape(image: Shape, kernel: Shape, places: int, given: Attributes) -> Shape:
    _check_kinds(image, kernel, places)
    geometry = _geometry(image, kernel, places, given)
    own, wanted = _channels(image, places), _channels(kernel, places)
    if own != wanted or (len(image) > places and len(kernel) == places):
        has = f"{own} channel{'s' * (own != 1)}"
        raise ShapeMistake(f"a filter for {wanted} channel{'s' * (wanted != 1)} meets {has}", (0, 1))
    spatial, ends = image[-places:], kernel[-places:]
    if any(k > extent + 2 * border for extent, k, border in zip(spatial, ends, geometry.padding, strict=True)):
        border = f" with a border of {_times_or_one(geometry.padding)}" if any(geometry.padding) else ""
        raise ShapeMistake(f"a filter of {times(ends)} does not fit into {spoken(spatial)}{border}", (0, 1))
    return geometry.output


def _times_or_one(padding: Shape) -> str:
    return str(padding[0]) if len(set(padding)) == 1 else times(padding)


@lru_cache(maxsize=128)
def _products(geometry: Geometry) -> tuple[Triple, ...]:
    """Every product of a correlation; a flipped filter is read backwards."""
    image, kernel, places = geometry.image, geometry.kernel, geometry.places
    spatial, ends, output = image[-places:], kernel[-places:], geometry.output
    channels = range(_channels(image, places))
    found: list[Triple] = []
    for at, index in enumerate(indices(output)):
        steps = zip(index[-places:], geometry.stride, geometry.padding, strict=True)
        filter_, corner = index[:-places], [stride * (i - 1) - padding for i, stride, padding in steps]
        for channel, offset in itertools.product(channels, indices(ends)):
            place = tuple(c + k for c, k in zip(corner, offset, strict=True))
            if not all(1 <= i <= extent for i, extent in zip(place, spatial, strict=True)):
                continue
            tap = tuple(e + 1 - k for e, k in zip(ends, offset, strict=True)) if geometry.flip else offset
            own = (channel + 1,) if len(image) > places else ()
            of_filter = (channel + 1,) if len(kernel) > places else ()
            found.append((at, flat_index(image, (*own, *place)), flat_index(kernel, (*filter_, *of_filter, *tap))))
    return tuple(found)


@lru_cache(maxsize=384)
def _grouped(geometry: Geometry, result: int) -> tuple[tuple[Triple, ...], ...]:
    """The products by the entry of output (0), image (1) or filter (2) that they belong to."""
    shape = (geometry.output, geometry.image, geometry.kernel)[result]
    found: list[list[Triple]] = [[] for _ in range(size(shape))]
    for triple in _products(geometry):
        found[triple[result]].append(triple)
    return tuple(map(tuple, found))


GeometryOf = Callable[[tuple[Shape, ...], Attributes], Geometry]


def _bilinear_row(
    name: str,
    notation: Notation,
    shape: Callable[[tuple[Shape, ...], Attributes], Shape],
    geometry: GeometryOf,
    result: int,
    pullbacks: Pullbacks,
    attributes: tuple[str, ...],
    options: dict[str, Option] | None = None,
) -> Operation:
    """result[r] = Σ a[x] · b[y] over all products that belong to r, a and b being the other two in their order."""
    first, second = (i for i in range(3) if i != result)

    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        a, b = args
        own = geometry((a.shape, b.shape), given)
        flat: list[N | None] = [None] * size((own.output, own.image, own.kernel)[result])
        for triple in _products(own):
            product = arithmetic.multiply(a.flat[triple[first]], b.flat[triple[second]])
            known = flat[triple[result]]
            flat[triple[result]] = product if known is None else arithmetic.add(known, product)
        nought = arithmetic.literal(Decimal(0))
        return Tensor(shape((a.shape, b.shape), given), tuple(nought if x is None else x for x in flat))

    def element(args: tuple[Expr, ...], given: Attributes, index: tuple[Expr, ...]) -> Expr:
        a, b = args
        shapes = (shape_of(a), shape_of(b))
        own = _grouped(geometry(shapes, given), result)[place_of(shape(shapes, given), index)]
        terms = [Product((entry_at(a, triple[first]), entry_at(b, triple[second]))) for triple in own]
        return add(*terms) if terms else ZERO

    return Operation(
        name,
        notation,
        (2, 2),
        shape,
        pullbacks,
        compute=compute,
        element=element,
        attributes=attributes,
        options=options or {},
    )


def _plain(given: Attributes) -> dict[str, Attribute]:
    return {key: value for key, value in given.items() if key not in ("shape", "to")}


def _shaped(given: Attributes, of: Expr) -> dict[str, Attribute]:
    """The settings of an adjoint; a stride leaves open how far its result reaches, which is said then."""
    shape, stride = shape_of(of), given.get("stride", 1)
    each = stride if isinstance(stride, tuple) else (stride,)
    return {**given, "shape": shape, **({} if set(each) == {1} else {"to": times(shape)})}


def _said(given: Attributes) -> tuple[str, ...]:
    flipped = ("flipped",) if given.get("flip") else ()
    return (*settings("stride", "padding")(given), *flipped, *settings("to")(given))


def _conv_rows(name: str, places: int) -> tuple[Operation, Operation, Operation]:
    """Correlation of (image, filters), and its adjoints to the image, of (output, filters), and to the filters."""

    def to_image_shape(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
        return shape_attribute(given)

    forward: Operation = _bilinear_row(
        name,
        FunctionNotation(name, said=_said),
        lambda shapes, given: _conv_shape(shapes[0], shapes[1], places, given),
        lambda shapes, given: _geometry(shapes[0], shapes[1], places, given),
        0,
        lambda args, given, out, upstream: (
            call(to_image, upstream, args[1], **_shaped(given, args[0])),
            call(to_kernel, upstream, args[0], **_shaped(given, args[1])),
        ),
        tuple(CONVOLVING),
        CONVOLVING,
    )
    to_image: Operation = _bilinear_row(
        f"conv_transpose{places}d",
        FunctionNotation(f"convtranspose{places}d", said=_said),
        to_image_shape,
        lambda shapes, given: _geometry(shape_attribute(given), shapes[1], places, given),
        1,
        lambda args, given, out, upstream: (
            call(forward, upstream, args[1], **_plain(given)),
            call(to_kernel, args[0], upstream, **_shaped(_plain(given), args[1])),
        ),
        (*CONVOLVING, "shape", "to"),
        TRANSPOSED,
    )
    to_kernel: Operation = _bilinear_row(
        f"{name}_filters",
        FunctionNotation(f"convfilters{places}d", said=_said),
        to_image_shape,
        lambda shapes, given: _geometry(shapes[1], shape_attribute(given), places, given),
        2,
        lambda args, given, out, upstream: (
            call(forward, args[1], upstream, **_plain(given)),
            call(to_image, args[0], upstream, **_shaped(_plain(given), args[1])),
        ),
        (*CONVOLVING, "shape", "to"),
    )
    return forward, to_image, to_kernel


CONV1D, CONV_TRANSPOSE1D, CONV1D_FILTERS = _conv_rows("conv1d", 1)
CONV2D, CONV_TRANSPOSE2D, CONV2D_FILTERS = _conv_rows("conv2d", 2)
PLACES = {CONV_TRANSPOSE1D.name: 1, CONV_TRANSPOSE2D.name: 2}


def transposed_shape(row: Operation, shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    """The shape of a transposed convolution: the image that the filters would have made this array of."""
    (x, kernel), places = shapes, PLACES[row.name]
    _check_kinds(x, kernel, places)
    if _filters(kernel, places) != (x[0] if len(x) > places else None):
        wanted, own = _filters(kernel, places), x[0] if len(x) > places else None
        raise ShapeMistake(f"these filters take {_spoken_channels(wanted)}, not {_spoken_channels(own)}", (0, 1))
    strides, paddings = by_axis(given, "stride", 1, places), by_axis(given, "padding", 0, places)
    axes = zip(x[-places:], kernel[-places:], strides, paddings, strict=True)
    ends = tuple((extent - 1) * stride + k - 2 * padding for extent, k, stride, padding in axes)
    if min(ends) < 1:
        raise ShapeMistake(f"with a padding of {_times_or_one(paddings)}, nothing is left of {spoken(x)}", (0,))
    channels = (_channels(kernel, places),) if len(kernel) > places else ()
    return channels + ends


def _filters(kernel: Shape, places: int) -> int | None:
    return kernel[0] if len(kernel) == places + 2 else None


def _spoken_channels(count: int | None) -> str:
    return "an array without channels" if count is None else f"{count} channel{'s' * (count != 1)}"
