"""Typst source -> PDF bytes, in-process, without system fonts, with nothing outside to read; knows no documents."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

from graphdsl.document import Booklet, Document, Drawing
from graphdsl.write import typst as typst_writer


def render(document: Document, draw: Callable[[Drawing], str]) -> bytes:
    """The document as PDF; `draw` makes the SVG of a figure."""
    return compiled(typst_writer.write(document, draw))


def render_booklet(booklet: Booklet, draw: Callable[[Drawing], str]) -> bytes:
    """A booklet as PDF."""
    return compiled(typst_writer.write_booklet(booklet, draw))


def compiled(source: str) -> bytes:
    """The PDF of a Typst source: the same bytes for the same source; tagged (PDF/UA-1) where it can be."""
    import typst

    # An empty folder of its own as root, so that nothing can be read; no clock, so that the bytes stay the same.
    with tempfile.TemporaryDirectory(prefix="graphdsl-") as root:
        compiler = typst.Compiler(root=root, ignore_system_fonts=True)
        try:
            pdf = compiler.compile(source.encode(), format="pdf", timestamp=0, pdf_standards="ua-1")
        except typst.TypstError as error:
            # A letter that no font has, a page without a title: it is still a page, though not an accessible one.
            if not error.message.startswith("PDF/UA-1 error"):
                raise
            pdf = compiler.compile(source.encode(), format="pdf", timestamp=0)
    assert isinstance(pdf, bytes)
    return pdf
