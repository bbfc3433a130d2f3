"""The name of a file as a spec says it -> its text, if it stands in the spec's own folder; opens nothing else."""

from __future__ import annotations

import stat
from pathlib import Path

MOST_BYTES = 8 << 20


class NotANeighbour(Exception):
    """The file cannot be read from a spec; says why in the user's words."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(message)


def text_of(name: str, folder: Path | None, most: int = MOST_BYTES) -> str:
    """The text of a file in the folder of a spec or below it; never of one elsewhere, through a link or a device."""
    if folder is None:
        raise NotANeighbour("a spec that is no file has no folder to read from", "save the spec as a file first")
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise NotANeighbour(f"`{name}` is not in the folder of the spec", "a spec reads only files beside it or below")
    whole = (folder / path).resolve()
    if not whole.is_relative_to(folder.resolve()):
        raise NotANeighbour(
            f"`{name}` leads out of the folder of the spec", "a spec reads only files beside it or below"
        )
    return _decoded(_content(whole, name, most), name)


def _content(path: Path, name: str, most: int) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise NotANeighbour(f"`{name}` is not a file")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise NotANeighbour(f"`{name}` cannot be read: {(error.strerror or 'no reason given').lower()}") from None
    if len(content) > most:
        raise NotANeighbour(f"`{name}` is larger than {most >> 20} MiB")
    return content


def _decoded(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotANeighbour(f"`{name}` is not UTF-8 text", "save the file as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
