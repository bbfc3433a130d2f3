"""Model -> how its page writes the steps, entry by entry or tensor by tensor, unless the spec says it; knows no page."""

from __future__ import annotations

from graphdsl.expr import Symbol
from graphdsl.model import Model, Style
from graphdsl.syntax import Quoted


def style_of(model: Model) -> Style:
    """What `report { style = … }` says; else matrices where an equation computes a vector or matrix, and entries elsewhere.

    A layer's units are written one by one: each has a name.
    """
    said = model.report.get("style")
    if said is not None:
        value = said.value
        word = value.key if isinstance(value, Symbol) else value.text if isinstance(value, Quoted) else ""
        return "matrix" if word == "matrix" else "scalar"
    return "matrix" if any(node.symbol.shape and node.symbol.parts is None for node in model.nodes) else "scalar"
