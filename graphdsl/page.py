"""Document -> the files of any format, by one table; knows no spec and chooses nothing of what is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar

from graphdsl.punctuation import punctuated

if TYPE_CHECKING:
    from graphdsl.document import Booklet, Document, Drawing

Engine = Literal["typst", "lualatex", "pdflatex", "tectonic"]


class Made(NamedTuple):
    """The content of a file, and the files that have to stand beside it, by name."""

    content: bytes
    beside: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Wish:
    """What an author may say of a format: the name of the file without its ending, a fragment, the engine of a PDF, folders of fonts."""

    stem: str = "solution"
    fragment: bool = False
    engine: Engine = "typst"
    fonts: tuple[str, ...] = ()


P = ParamSpec("P")
T = TypeVar("T")


def _punctuated(make: Callable[Concatenate[Document, P], T]) -> Callable[Concatenate[Document, P], T]:
    """A writer that writes decimal commas where the document has them."""

    def made(document: Document, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with punctuated(document.comma):
            return make(document, *args, **kwargs)

    return wraps(make)(made)


# Every writer is imported when it is asked for: a text waits for no PDF.


@_punctuated
def text(document: Document) -> str:
    """The page as plain text, 80 columns wide."""
    from graphdsl.write import text

    return text.write(document)


@_punctuated
def typst(document: Document) -> str:
    """The page as a Typst source."""
    from graphdsl.write import typst, typst_picture

    return typst.write(document, typst_picture.picture)


@_punctuated
def latex(document: Document, fragment: bool = False) -> str:
    """The page as a LaTeX document, or as a fragment for `\\input`."""
    from graphdsl.write import latex, tikz_plot

    return latex.write(document, tikz_plot.picture, fragment)


@_punctuated
def html(document: Document) -> str:
    """The page as one HTML file that needs no other."""
    from graphdsl import picture
    from graphdsl.write import html

    return html.write(document, picture.svg)


@_punctuated
def pdf(document: Document, engine: Engine = "typst", fonts: tuple[str, ...] = ()) -> bytes:
    """The page as PDF, by Typst in-process or by an installed TeX."""
    if engine != "typst":
        from graphdsl.write import tex_engine

        return tex_engine.compile(latex(document), engine)
    from graphdsl.write import pdf, typst_picture

    return pdf.render(document, typst_picture.picture, fonts)


@_punctuated
def markdown(document: Document, stem: str, dialect: Literal["github", "quarto"]) -> Made:
    """The page as Markdown, and its figures, which stand beside it."""
    from graphdsl import picture
    from graphdsl.write import markdown

    beside: dict[str, bytes] = {}

    def named(number: int, drawing: Drawing) -> str:
        name = f"{stem}-{number}.svg"
        beside[name] = picture.signed(drawing)
        return name

    return Made(markdown.write(document, named, dialect).encode(), beside)


def bound(booklet: Booklet) -> Document:
    """A booklet as one document for the formats without pages: the contents, then a part for each chapter."""
    from graphdsl.document import Document, Item, Note, Paragraph, Section, Text

    contents = Note("remark", (Text(booklet.contents),), tuple(Item((), (Text(c.title),)) for c in booklet.chapters))
    parts = []
    for number, chapter in enumerate(booklet.chapters, 1):
        own = chapter.document
        before = (Paragraph(own.subtitle),) if own.subtitle else ()
        after = (Paragraph(own.colophon),) if own.colophon else ()
        parts.append(Section((Text(chapter.title),), (*before, *own.blocks, *after), f"chapter@{number}"))
    comma = any(chapter.document.comma for chapter in booklet.chapters)
    return Document(booklet.title, (), (contents, *parts), (), booklet.language, booklet.page, comma)


def booklet(whole: Booklet, format: str, wish: Wish) -> Made:
    """The files of a booklet in one of FORMATS; as PDF by Typst, whose pages have numbers."""
    with punctuated(any(chapter.document.comma for chapter in whole.chapters)):
        return _booklet(whole, format, wish)


def _booklet(whole: Booklet, format: str, wish: Wish) -> Made:
    if format == "pdf":
        from graphdsl.write import pdf, typst_picture

        return _alone(pdf.render_booklet(whole, typst_picture.picture, wish.fonts))
    if format == "typst":
        from graphdsl.write import typst, typst_picture

        return _alone(typst.write_booklet(whole, typst_picture.picture))
    return FORMATS[format].make(bound(whole), wish)


class Format(NamedTuple):
    """A format of the page: the ending of its files, and what makes them."""

    ending: str
    make: Callable[[Document, Wish], Made]


def _alone(content: str | bytes) -> Made:
    return Made(content.encode() if isinstance(content, str) else content, {})


FORMATS: Mapping[str, Format] = {
    "pdf": Format(".pdf", lambda document, wish: _alone(pdf(document, wish.engine, wish.fonts))),
    "html": Format(".html", lambda document, wish: _alone(html(document))),
    "latex": Format(".tex", lambda document, wish: _alone(latex(document, wish.fragment))),
    "markdown": Format(".md", lambda document, wish: markdown(document, wish.stem, "github")),
    "quarto": Format(".qmd", lambda document, wish: markdown(document, wish.stem, "quarto")),
    "typst": Format(".typ", lambda document, wish: _alone(typst(document))),
    "text": Format(".txt", lambda document, wish: _alone(text(document))),
}


def format_of(name: str, formats: Mapping[str, str]) -> str:
    """The format that the ending of a file's name stands for; nothing if it stands for none."""
    ending = Path(name).suffix.lower()
    return next((format for format, own in formats.items() if own == ending), "")
