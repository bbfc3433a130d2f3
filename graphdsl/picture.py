"""Diagram or plot -> SVG; a plot is drawn here, in the letters and greys of the diagrams."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from graphdsl import draw
from graphdsl.chart import Chart, chart
from graphdsl.document import Drawing
from graphdsl.fonts import FAMILY
from graphdsl.outline import Point
from graphdsl.plot import Plot

_SVG = "http://www.w3.org/2000/svg"
_INK = "#1a1a1a"
_RULE = "#5a5a5a"
_GRID = "#dcdcdc"


def svg(drawing: Drawing) -> str:
    """The drawing as SVG."""
    return _plot(chart(drawing)) if isinstance(drawing, Plot) else draw.svg(drawing)


def signed(drawing: Drawing) -> bytes:
    """The drawing as the bytes of an SVG file, which says that graphdsl wrote it."""
    if not isinstance(drawing, Plot):
        return draw.render(drawing, "svg")
    return svg(drawing).replace("\n", "\n<!-- Written by graphdsl. -->\n", 1).encode()


def _plot(found: Chart) -> str:
    ET.register_namespace("", _SVG)
    extent = found.extent
    width, height = draw.coordinate(extent.right - extent.left), draw.coordinate(extent.top - extent.bottom)
    view = f"{draw.coordinate(extent.left)} {draw.coordinate(-extent.top)} {width} {height}"
    root = ET.Element(_tag("svg"), {"width": f"{width}pt", "height": f"{height}pt", "viewBox": view, "role": "img"})
    ET.SubElement(root, _tag("title")).text = "Plot"
    body = ET.SubElement(root, _tag("g"), {"font-family": FAMILY, "fill": _INK, "text-anchor": "middle"})
    lines = {"grid": (found.grid, _GRID, "0.4"), "axis": (found.rules, _RULE, "0.6")}
    for kind, (segments, colour, thickness) in lines.items():
        path = " ".join(f"M{_pair(start)}L{_pair(end)}" for start, end in segments)
        look = {"class": kind, "d": path, "fill": "none", "stroke": colour, "stroke-width": thickness}
        ET.SubElement(body, _tag("path"), look)
    points = " ".join(map(_pair, found.curve))
    look = {"class": "curve", "points": points, "fill": "none", "stroke": _INK, "stroke-width": "1.2"}
    ET.SubElement(body, _tag("polyline"), look | {"stroke-linejoin": "round", "stroke-linecap": "round"})
    for x, y in found.dots:
        ET.SubElement(body, _tag("circle"), {"cx": draw.coordinate(x), "cy": draw.coordinate(-y), "r": "1.8"})
    for mark in found.letters:
        draw.inscribe(ET.SubElement(body, _tag("g"), {"class": mark.part}), mark.line)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _tag(name: str) -> str:
    return f"{{{_SVG}}}{name}"


def _pair(point: Point) -> str:
    return f"{draw.coordinate(point[0])},{draw.coordinate(-point[1])}"
