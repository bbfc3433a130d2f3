"""A spec -> its worked solution: the whole program in the order in which it happens. Each step is a module of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from graphdsl.diagnostics import Diagnostic, Source

if TYPE_CHECKING:
    from graphdsl.diagram import Diagram
    from graphdsl.document import Document
    from graphdsl.model import Model
    from graphdsl.numbers import Decimal50
    from graphdsl.trace import Check, Trace, Verdict

# Every step imports what it needs when it is taken: `graphdsl --version` waits for nothing, and JSON not for the page.


def solve(spec: str | os.PathLike[str]) -> Solution:
    """The worked solution of a spec: a path, or, where it has several lines, the text itself. Mistakes raise SpecError."""
    return solved(read(spec))


def read(spec: str | os.PathLike[str]) -> Source:
    """The text of a spec."""
    from graphdsl import parse

    if isinstance(spec, str) and "\n" in spec:
        return parse.read(spec.encode(), "the spec")
    return parse.read(spec)


def solved(source: Source) -> Solution:
    """From the text to numbers that have been checked; the page is made when it is asked for."""
    from graphdsl.check import check
    from graphdsl.graph import build, shared_parameters
    from graphdsl.parse import parse
    from graphdsl.routes import compare, verdicts
    from graphdsl.run import run

    spec = parse(source)
    model = check(spec)
    graph = build(model)
    trace = run(graph, arithmetic(model))
    return Solution(
        source=source,
        model=model,
        trace=trace,
        check=compare(trace),
        verdicts=verdicts(trace),
        announcements=tuple(dict.fromkeys((*spec.announcements, *model.announcements, *shared_parameters(graph)))),
    )


def arithmetic(model: Model) -> Decimal50:
    """Decimals of fifty digits, carried in full or, as by hand, as they are displayed."""
    from graphdsl.numbers import Decimal50

    return Decimal50(model.display if model.carry == "displayed" else None)


@dataclass(frozen=True)
class Solution:
    """A solved spec: its numbers, and its page in any format."""

    source: Source
    model: Model
    trace: Trace
    check: Check
    verdicts: tuple[Verdict, ...]
    announcements: tuple[Diagnostic, ...]

    @cached_property
    def diagram(self) -> Diagram | None:
        """The drawing of the network; nothing where there is none to draw."""
        from graphdsl.depict import network_diagram
        from graphdsl.network import network_of

        network = network_of(self.trace.graph)
        return None if network is None else network_diagram(network)

    @cached_property
    def document(self) -> Document:
        """The page: what is said in which order, with every digit and every sign chosen."""
        from graphdsl.explain import explain
        from graphdsl.figures import figures
        from graphdsl.phrases import load

        told = explain(self.trace, self.check, self.verdicts, load(), self.diagram)
        return figures(told, self.model.display)

    def text(self) -> str:
        """The page as plain text, 80 columns wide."""
        from graphdsl.write import text

        return text.write(self.document)

    def typst(self) -> str:
        """The page as a Typst source."""
        from graphdsl import draw
        from graphdsl.write import typst

        return typst.write(self.document, draw.svg)

    def pdf(self) -> bytes:
        """The page as PDF."""
        from graphdsl import draw
        from graphdsl.write import pdf

        return pdf.render(self.document, draw.svg)

    def json(self) -> str:
        """The numbers, for other programs."""
        from graphdsl.write import json

        return json.write(self.trace, self.check)

    def drawing(self, format: Literal["svg", "pdf", "png", "dot"] = "svg") -> bytes:
        """The diagram alone, as the bytes of a file."""
        from graphdsl import draw

        if self.diagram is None:
            raise draw.DrawError("there is no network to draw here")
        return draw.render(self.diagram, format)

    def render(self, format: str) -> bytes:
        """The bytes of a file in one of FORMATS."""
        made = FORMATS[format].make(self)
        return made.encode() if isinstance(made, str) else made

    def save(self, path: str | os.PathLike[str], format: str = "") -> Path:
        """Write a file, in the format of its ending if none is named; a file that stands there is replaced."""
        from graphdsl import files

        target = Path(path)
        chosen = format or format_of(target.name)
        if chosen not in FORMATS:
            raise ValueError(f"no format for `{target.name}`; known: {', '.join(FORMATS)}")
        files.put({target: self.render(chosen)})
        return target


class Format(NamedTuple):
    """A format of the page: the ending of its files, and what makes it."""

    ending: str
    make: Callable[[Solution], str | bytes]


FORMATS: Mapping[str, Format] = {
    "pdf": Format(".pdf", Solution.pdf),
    "text": Format(".txt", Solution.text),
    "json": Format(".json", Solution.json),
    "typst": Format(".typ", Solution.typst),
}


def format_of(name: str) -> str:
    """The format that the ending of a file's name stands for; nothing if it stands for none."""
    ending = Path(name).suffix.lower()
    return next((name for name, format in FORMATS.items() if format.ending == ending), "")
