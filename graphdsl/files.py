"""Bytes -> files: all of them or none, never half-written, never over a stranger's; knows no formats."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


class FileMistake(Exception):
    """A file cannot be put where it should go; says why in the user's words."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(f"{message}; {hint}" if hint else message)


def refuse_strangers(paths: Iterable[Path], ours: Callable[[bytes], bool]) -> None:
    """Stop before a file that graphdsl did not write; `ours` knows one by its content."""
    for path in paths:
        with _in_words(path):
            if _is_regular(path) and (content := path.read_bytes()) and not ours(content):
                raise FileMistake(
                    f"`{path}` exists, and graphdsl did not write it",
                    f"--force replaces it, and so does -o {path}",
                )


def put(contents: Mapping[Path, bytes]) -> None:
    """Put every file in place, or none: each is written beside its target first, then all are renamed."""
    waiting: list[tuple[Path, Path, Path]] = []
    try:
        for path, content in contents.items():
            with _in_words(path):
                target = path.resolve()  # a link stays a link; what it points at is replaced
                _refuse_unwritable(target)
                temporary = target.with_name(f".graphdsl-{secrets.token_hex(8)}.tmp")
                if _is_regular(target) or not target.exists():
                    waiting.append((path, temporary, target))
                    _write_beside(target, temporary, content)
                else:
                    target.write_bytes(content)  # a device or a pipe is written to, never replaced
        for path, temporary, target in waiting:
            with _in_words(path):
                temporary.replace(target)
    finally:
        for _, temporary, _ in waiting:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _refuse_unwritable(target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError


def _write_beside(target: Path, temporary: Path, content: bytes) -> None:
    """The content in a new file, with the rights of the one that it will replace."""
    with temporary.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileNotFoundError):
        shutil.copymode(target, temporary)


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


_REASONS: Mapping[type[OSError], str] = {
    IsADirectoryError: "it is a folder",
    FileNotFoundError: "the folder `{folder}` does not exist",
    NotADirectoryError: "`{folder}` is not a folder",
    PermissionError: "it is not permitted",
}


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """What the system says of a path, as a sentence."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(type(error), (error.strerror or "no reason given").lower())
        raise FileMistake(f"`{path}` cannot be written: {reason.format(folder=path.parent)}") from None
