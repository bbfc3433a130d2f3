"""Typst source -> PDF bytes, in-process, with no fonts but its own and those for Chinese characters, with nothing outside to read; knows no documents."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from graphdsl.document import Booklet, Document, Drawing
from graphdsl.write import typst as typst_writer
from graphdsl.write.wide_fonts import FACES, font_files, missing, named_folders


def render(document: Document, draw: Callable[[Drawing], str], folders: Sequence[str] = ()) -> bytes:
    """The document as PDF; `draw` makes the drawing of a figure, in Typst, and the folders have more fonts."""
    return compiled(typst_writer.write(document, draw), document.language, folders)


def render_booklet(booklet: Booklet, draw: Callable[[Drawing], str], folders: Sequence[str] = ()) -> bytes:
    """A booklet as PDF."""
    return compiled(typst_writer.write_booklet(booklet, draw), booklet.language, folders)


def compiled(source: str, language: str = "en", folders: Sequence[str] = ()) -> bytes:
    """The PDF of a Typst source: the same bytes for the same source; tagged (PDF/UA-1) where it can be.

    Raises FontError where no font has the characters of a Chinese or Japanese page: it never shows boxes.
    """
    import typst

    fonts = font_files(source.partition(typst_writer.BEGIN)[2], language, folders)
    # An empty folder of its own as root, so that nothing can be read; no clock, so that the bytes stay the same.
    with tempfile.TemporaryDirectory(prefix="graphdsl-") as root, tempfile.TemporaryDirectory() as shelf:
        for number, font in enumerate(fonts):
            _put(font, Path(shelf, f"{number}{font.suffix}"))
        paths = [shelf, *folders, *named_folders()]
        compiler = typst.Compiler(root=root, ignore_system_fonts=True, font_paths=paths)
        try:
            pdf = compiler.compile(source.encode(), format="pdf", timestamp=0, pdf_standards="ua-1")
        except typst.TypstError as error:
            # A letter that no font has, a page without a title: it is still a page, though not an accessible one.
            if not error.message.startswith("PDF/UA-1 error"):
                raise
            if language in FACES and typst_writer.has_wide(error.message):
                raise missing(language) from None
            pdf = compiler.compile(source.encode(), format="pdf", timestamp=0)
    assert isinstance(pdf, bytes)
    return pdf


def _put(font: Path, place: Path) -> None:
    """A font where Typst looks for it, by a link where the system has links."""
    try:
        place.symlink_to(font)
    except OSError:
        shutil.copyfile(font, place)
