"""A spec -> its worked solution: the whole program in the order in which it happens. Each step is a module of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from graphdsl import page
from graphdsl.diagnostics import Diagnostic, Source, SpecError, SpecErrors
from graphdsl.limits import raised
from graphdsl.page import Made, Wish
from graphdsl.punctuation import punctuated
from graphdsl.report import Paper, Report, Style

if TYPE_CHECKING:
    from graphdsl.diagram import Diagram
    from graphdsl.document import Booklet, Document
    from graphdsl.model import Model
    from graphdsl.numbers import Decimal50
    from graphdsl.overrides import Override
    from graphdsl.trace import Check, Trace, Verdict

View = Literal["network", "graph", "grid"]
Drawing = Literal["svg", "pdf", "png", "dot"]

# Every step imports what it needs when it is taken: `graphdsl --version` waits for nothing, and JSON not for the page.


def solve(
    spec: str | os.PathLike[str],
    *,
    report: Mapping[str, object] | None = None,
    set: Mapping[str, object] | None = None,
    steps: int | None = None,
    limits: Mapping[str, int] | None = None,
    symbols: str | os.PathLike[str] | None = None,
) -> Solution:
    """The worked solution of a spec: a path, or, where it has several lines, the text itself. Mistakes raise SpecError.

    `report` says what the page is to be, whatever the spec says, by the keys of its block: `{"style": "matrix"}`. `set`
    gives other values to quantities and settings, `{"eta": 0.1, "x": "[1, 2]"}`; `steps` is the number of updates;
    `limits` raises what `graphdsl.limits` lists, `{"entries": 1_000_000}`. `symbols` is a TOML file of your own that says
    how names are set; it is trusted, for it may hold LaTeX and Typst.
    """
    from graphdsl.overrides import Override, asked

    overrides = [Override(f"{name}={value}", "set") for name, value in (set or {}).items()]
    overrides += [asked(name, str(value), name) for name, value in (report or {}).items()]
    overrides += [] if steps is None else [Override(f"steps={steps}", "steps")]
    source = read(spec)
    limited = replace(source, limits=raised(limits, source.limits)) if limits else source
    return solved(limited, overrides, symbols)


def booklet(
    specs: Iterable[str | os.PathLike[str]],
    *,
    title: str = "",
    papers: Iterable[Paper] = (),
    report: Mapping[str, object] | None = None,
) -> Bound:
    """The worked solutions of several specs in one booklet. The mistakes of all of them raise one SpecError.

    `papers` says what is made of each, `("question", "key")`: first the questions of all, then the keys; without it
    each spec is asked.
    """
    from graphdsl.overrides import asked

    overrides = [asked(name, str(value), name) for name, value in (report or {}).items()]
    return bind([(read(spec), overrides) for spec in specs], title, tuple(papers))


def bind(
    sources: Iterable[tuple[Source, Iterable[Override]]], title: str = "", papers: tuple[Paper, ...] = ()
) -> Bound:
    """Every spec solved, or every mistake of all of them."""
    found: list[Solution] = []
    wrong: list[SpecError] = []
    for source, overrides in sources:
        try:
            found.append(solved(source, overrides))
        except SpecError as mistake:
            wrong.append(mistake)
    if wrong:
        raise SpecErrors(wrong)
    if not found:
        raise ValueError("a booklet has one spec at least")
    return Bound(tuple(found), title, papers)


def read(spec: str | os.PathLike[str]) -> Source:
    """The text of a spec."""
    from graphdsl import parse

    if isinstance(spec, str) and "\n" in spec:
        return parse.read(spec.encode(), "the spec")
    return parse.read(spec)


def solved(
    source: Source, overrides: Iterable[Override] = (), symbols: str | os.PathLike[str] | None = None
) -> Solution:
    """From the text to numbers that have been checked; the page is made when it is asked for."""
    from graphdsl.check import check
    from graphdsl.graph import build, shared_parameters
    from graphdsl.overrides import overridden
    from graphdsl.parse import parse
    from graphdsl.routes import compare, verdicts
    from graphdsl.run import run
    from graphdsl.uses import load

    spec = overridden(load(parse(source)), overrides)
    model = check(spec) if symbols is None else _in_own_symbols(check(spec), Path(symbols))
    graph = build(model)
    trace = run(graph, arithmetic(model))
    return Solution(
        source=spec.source,
        model=model,
        trace=trace,
        check=compare(trace),
        verdicts=verdicts(trace),
        announcements=tuple(dict.fromkeys((*spec.announcements, *model.announcements, *shared_parameters(graph)))),
        report=model.report,
    )


def _in_own_symbols(model: Model, path: Path) -> Model:
    """The model with the symbols of a file of the user's own."""
    from graphdsl.inks import own_symbols

    return own_symbols(model, path)


def arithmetic(model: Model) -> Decimal50:
    """Decimals of fifty digits, carried in full or, as by hand, as they are displayed."""
    from graphdsl import numbers

    return numbers.arithmetic(model.carry, model.display)


@dataclass(frozen=True)
class Solution:
    """A solved spec: its numbers, and its page in any format."""

    source: Source
    model: Model
    trace: Trace
    check: Check
    verdicts: tuple[Verdict, ...]
    announcements: tuple[Diagnostic, ...]
    report: Report

    @cached_property
    def diagram(self) -> Diagram | None:
        """The drawing of the network, or of its tensors; nothing where there is none to draw."""
        from graphdsl.network import figure_of

        return figure_of(self.trace.graph, self.report.style)

    @cached_property
    def document(self) -> Document:
        """The page: what is said in which order, with every digit and every sign chosen."""
        from graphdsl.explain import explain
        from graphdsl.figures import figures
        from graphdsl.noted import noted
        from graphdsl.phrases import load
        from graphdsl.pieces import only

        with punctuated(self.comma):
            told = explain(self.trace, self.check, self.verdicts, load(self.report.language), self.diagram, self.report)
            page = replace(noted(figures(told, self.model.display), self.model), comma=self.comma)
            return only(page, *self.report.sections) if self.report.sections else page

    @property
    def comma(self) -> bool:
        """Whether the page has a decimal comma."""
        from graphdsl.phrases import WITH_COMMA

        said = self.model.display.comma
        return self.report.language in WITH_COMMA if said is None else said

    def explained(self, name: str, step: int | None = None, style: Style | None = None) -> Document:
        """One value, derivative or update in full: `dE/dw13`, `H1`, `w13.after`, `updates`; a whole tensor in matrices."""
        from graphdsl.figures import figures
        from graphdsl.noted import noted
        from graphdsl.phrases import load
        from graphdsl.pieces import explained

        with punctuated(self.comma):
            told = explained(self.trace, load(self.report.language), name, step, style)
            return replace(noted(figures(told, self.model.display), self.model), comma=self.comma)

    def text(self) -> str:
        """The page as plain text, 80 columns wide."""
        return page.text(self.document)

    def typst(self) -> str:
        """The page as a Typst source."""
        return page.typst(self.document)

    def latex(self, fragment: bool = False) -> str:
        """The page as a LaTeX document, or as a fragment for `\\input`."""
        return page.latex(self.document, fragment)

    def html(self) -> str:
        """The page as one HTML file that needs no other."""
        return page.html(self.document)

    def pdf(self) -> bytes:
        """The page as PDF."""
        return page.pdf(self.document)

    def json(self) -> str:
        """The numbers, for other programs."""
        from graphdsl.write import json

        return json.write(self.trace, self.check)

    def tex_values(self) -> str:
        """The numbers as LaTeX definitions: `\\gdval{E.after}` in an author's own sentences."""
        from graphdsl.figures import numerals
        from graphdsl.values import named_values
        from graphdsl.write import tex_values

        with punctuated(self.comma):
            return tex_values.write(numerals(named_values(self.trace), self.model.display))

    def view(
        self, kind: View = "network", step: int = 1, show: Iterable[str] = (), elementary: bool = False
    ) -> Diagram:
        """A drawing of a round: values, gradients, updated weights, or the path of one parameter."""
        from graphdsl.figures import drawing
        from graphdsl.noted import noted_drawing
        from graphdsl.views import view

        with punctuated(self.comma):
            drawn = drawing(view(self.trace, kind, step, show, elementary), self.model.display)
            return noted_drawing(drawn, self.model)

    def drawing(
        self,
        format: Drawing = "svg",
        kind: View = "network",
        step: int = 1,
        show: Iterable[str] = (),
        elementary: bool = False,
    ) -> bytes:
        """A drawing alone, as the bytes of a file."""
        from graphdsl import draw
        from graphdsl.phrases import load
        from graphdsl.views import alt

        drawn = self.view(kind, step, show, elementary)
        with punctuated(self.comma):
            return draw.render(drawn, format, alt(drawn, load(self.report.language)))

    def render(self, format: str, wish: Wish | None = None, document: Document | None = None) -> Made:
        """The files of the page, or of another document of this solution, in one of FORMATS."""
        if format in _NUMBERS:
            return Made(_NUMBERS[format].make(self).encode(), {})
        return page.FORMATS[format].make(document or self.document, wish or Wish())

    def save(self, path: str | os.PathLike[str], format: str = "") -> Path:
        """Write a file, in the format of its ending if none is named; a file that stands there is replaced."""
        return _save(self.render, FORMATS, Path(path), format)


@dataclass(frozen=True)
class Bound:
    """Several solutions in one booklet: a table of contents, and each solution on pages of its own."""

    solutions: tuple[Solution, ...]
    title: str = ""
    papers: tuple[Paper, ...] = ()

    @cached_property
    def booklet(self) -> Booklet:
        """The chapters, paper by paper, and in each spec by spec."""
        from graphdsl.document import Booklet, Chapter
        from graphdsl.phrases import load

        phrases = load(self.solutions[0].report.language)
        chapters: list[Chapter] = []
        for paper in self.papers or (None,):
            for found in self.solutions:
                own = paper or found.report.paper
                document = replace(found, report=replace(found.report, paper=own)).document
                title = document.title if paper == (self.papers or (paper,))[0] else ""
                chapters.append(Chapter(title or phrases.words(f"booklet_{own}", title=document.title), document))
        named = self.title or phrases.words("booklet_untitled")
        size = chapters[0].document.page
        return Booklet(named, phrases.words("booklet_contents"), tuple(chapters), phrases.language, size)

    def render(self, format: str, wish: Wish | None = None) -> Made:
        """The files of the booklet in a format of pages."""
        return page.booklet(self.booklet, format, wish or Wish())

    def pdf(self) -> bytes:
        """The booklet as PDF."""
        return self.render("pdf").content

    def html(self) -> str:
        """The booklet as one HTML file that needs no other."""
        return self.render("html").content.decode()

    def save(self, path: str | os.PathLike[str], format: str = "") -> Path:
        """Write a file, in the format of its ending if none is named; a file that stands there is replaced."""
        return _save(self.render, page.FORMATS, Path(path), format)


def _save(render: Callable[[str, Wish], Made], known: Iterable[str], target: Path, format: str) -> Path:
    from graphdsl import files

    chosen = format or page.format_of(target.name, FORMATS)
    if chosen not in known:
        raise ValueError(f"no format for `{target.name}`; known: {', '.join(known)}")
    made = render(chosen, Wish(target.stem))
    files.put({target: made.content, **{target.with_name(name): content for name, content in made.beside.items()}})
    return target


class _OfNumbers(NamedTuple):
    """A format of the numbers alone: the ending of its files, and what makes them."""

    ending: str
    make: Callable[[Solution], str]


_NUMBERS: Mapping[str, _OfNumbers] = {
    "json": _OfNumbers(".json", Solution.json),
    "tex-values": _OfNumbers("-values.tex", Solution.tex_values),
}

PAGES: Mapping[str, str] = {name: format.ending for name, format in page.FORMATS.items()}
"""The formats of a page, with the endings of their files."""

FORMATS: Mapping[str, str] = {**PAGES, **{name: format.ending for name, format in _NUMBERS.items()}}
"""The formats that a solution can be written in, with the endings of their files."""
