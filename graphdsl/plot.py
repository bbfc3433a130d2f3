"""The closed plot: numbers as points over numbers, two axes with their ticks, names for both; knows no format and computes no point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from graphdsl.expr import Expr, Number, Power, number

MOST_TICKS = 6

Name = Expr | str
"""What an axis is called: a formula, or words."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis, and what stands beside it."""

    at: Decimal
    label: Expr


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from `low` to `high`; a logarithmic one has its ticks at powers of ten."""

    name: Name
    ticks: tuple[Tick, ...] = ()
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(1)
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """One line through points, from left to right. `told` are the points, by their place, whose numbers stand beside them."""

    points: tuple[tuple[Number, Number], ...]
    across: Axis
    up: Axis
    told: tuple[int, ...] = ()


def finished(plot: Plot, digits: Callable[[Number], Number]) -> Plot:
    """The plot with its scales and their ticks, the numerals beside points mapped; every point stays where it is."""
    xs, ys = ([point[i].value for point in plot.points] for i in (0, 1))
    shown = tuple((x, digits(y) if i in plot.told else y) for i, (x, y) in enumerate(plot.points))
    up = by_tens(plot.up, min(ys), max(ys)) if plot.up.logarithmic else evenly(plot.up, min(ys), max(ys))
    across = evenly(plot.across, min(xs), max(xs), whole=True)
    return replace(plot, points=shown, across=replace(across, low=min(xs), high=max(xs)), up=up)


def evenly(axis: Axis, low: Decimal, high: Decimal, whole: bool = False) -> Axis:
    """The axis with ticks at multiples of 1, 2 or 5 times a power of ten; from 0 where that is not far away."""
    if low > 0 and low < (high - low):
        low = Decimal(0)
    if high == low:
        high = low + (abs(low) or 1)
    rough = (high - low) / (MOST_TICKS - 1)
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
    step = max(step, Decimal(1)) if whole else step
    first = (low / step).to_integral_value("ROUND_FLOOR")
    last = (high / step).to_integral_value("ROUND_CEILING")
    places = [(first + i) * step for i in range(int(last - first) + 1)]
    inside = [place for place in places if not whole or low <= place <= high]
    ticks = tuple(Tick(place, Number(_plain(place))) for place in inside)
    return replace(axis, ticks=ticks, low=inside[0], high=inside[-1])


def by_tens(axis: Axis, low: Decimal, high: Decimal) -> Axis:
    """The axis with ticks at powers of ten, the first below every point and the last above; not more than a few."""
    first = low.adjusted()
    last = high.adjusted() if high == Decimal(1).scaleb(high.adjusted()) else high.adjusted() + 1
    stride = -(-(last - first) // MOST_TICKS)
    last = first + -(-(last - first) // stride) * stride
    powers = range(first, last + 1, stride)
    plain = first >= -3 and last <= 3
    ticks = (Tick(Decimal(1).scaleb(p), Number(_plain(Decimal(1).scaleb(p))) if plain else _ten_to(p)) for p in powers)
    return replace(axis, ticks=tuple(ticks), low=Decimal(1).scaleb(first), high=Decimal(1).scaleb(last))


def _ten_to(power: int) -> Expr:
    return Power(number(10), number(power))


def _plain(value: Decimal) -> Decimal:
    """The number without idle zeros and without an exponent."""
    whole = value.normalize()
    exponent = whole.as_tuple().exponent
    assert isinstance(exponent, int), "a tick is finite"
    return whole.quantize(Decimal(1)) if exponent > 0 else whole
