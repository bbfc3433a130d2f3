"""Diagram or plot -> a TikZ picture; a plot from the places of every other format, with the package tikz alone."""

from __future__ import annotations

from collections.abc import Iterable

from graphdsl.chart import Letters, chart
from graphdsl.document import Drawing
from graphdsl.outline import Point
from graphdsl.plot import Plot
from graphdsl.write import tikz
from graphdsl.write.tex_formula import INLINE
from graphdsl.write.tex_letters import escaped
from graphdsl.write.tikz import Picture


def picture(drawing: Drawing) -> Picture:
    """The drawing as a `tikzpicture`."""
    return _plot(drawing) if isinstance(drawing, Plot) else tikz.picture(drawing)


def _plot(plot: Plot) -> Picture:
    found = chart(plot)
    lines = [rf"\draw[black!15, line width=0.4bp] {_segments(found.grid)};"] if found.grid else []
    lines.append(rf"\draw[black!65, line width=0.6bp] {_segments(found.rules)};")
    lines.append(rf"\draw[line width=1.2bp, line join=round, line cap=round] {_path(found.curve)};")
    lines += [rf"\fill {tikz.at(dot)} circle[radius=1.8bp];" for dot in found.dots]
    lines += [_letters(mark) for mark in found.letters]
    body = "\n".join(f"  {line}" for line in lines)
    extent = found.extent
    options = "x=1bp, y=1bp, every node/.style={inner sep=0pt, anchor=base}"
    source = f"\\begin{{tikzpicture}}[{options}]\n{body}\n\\end{{tikzpicture}}"
    return Picture(source, extent.right - extent.left, extent.top - extent.bottom)


def _segments(segments: Iterable[tuple[Point, Point]]) -> str:
    return " ".join(f"{tikz.at(start)} -- {tikz.at(end)}" for start, end in segments)


def _path(points: tuple[Point, ...]) -> str:
    """A line through the points, with a line of the source for every few."""
    pieces = [" -- ".join(map(tikz.at, points[i : i + 6])) for i in range(0, len(points), 6)]
    return "\n    -- ".join(pieces)


def _letters(mark: Letters) -> str:
    printed = escaped(mark.name) if isinstance(mark.name, str) else f"${INLINE.formula(mark.name)}$"
    return rf"\node[font={tikz.font(mark.line.size)}] at {tikz.at(mark.line.at)} {{{printed}}};"
