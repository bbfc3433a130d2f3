"""LaTeX source -> PDF bytes by an installed TeX: no shell, no reading elsewhere, not for ever; knows no documents."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, get_args

Engine = Literal["lualatex", "pdflatex", "tectonic"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

TIME_LIMIT = 60.0
"""Seconds; a page takes less than one, the first run of an engine some more."""

_NAME = "solution"
_OPTIONS: Mapping[Engine, tuple[str, ...]] = {
    "lualatex": ("-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error"),
    "pdflatex": ("-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error"),
    "tectonic": ("--untrusted", "--keep-logs"),
}
# Paranoid: no file above the folder of the source, none by its whole path. The date stands still, so that the same
# source gives the same bytes. Lines of the log are not broken at 79 characters.
_ENVIRONMENT = {
    "openin_any": "p",
    "openout_any": "p",
    "shell_escape": "f",
    "SOURCE_DATE_EPOCH": "0",
    "FORCE_SOURCE_DATE": "1",
    "max_print_line": "1000",
}


class TexError(Exception):
    """A PDF could not be made by TeX; says why, and what would help."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(f"{message}; {hint}" if hint else message)


class Compiled(NamedTuple):
    """A PDF, and what the engine said about it."""

    pdf: bytes
    log: str


def compile(source: str, engine: Engine, time_limit: float = TIME_LIMIT) -> bytes:
    """The PDF of a LaTeX source."""
    return run(source, engine, time_limit).pdf


def run(source: str, engine: Engine, time_limit: float = TIME_LIMIT) -> Compiled:
    """The PDF of a LaTeX source, and the log. Where it fails, the source and the log stay in a folder that is named."""
    program = shutil.which(engine)
    if program is None:
        others = [other for other in ENGINES if other != engine and shutil.which(other)]
        found = f"--pdf-engine {others[0]} is installed" if others else "without --pdf-engine no TeX is needed"
        raise TexError(f"`{engine}` is not installed, or not on the path", found)
    folder = Path(tempfile.mkdtemp(prefix="graphdsl-"))
    (folder / f"{_NAME}.tex").write_text(source, encoding="utf-8")
    made = _made(program, engine, folder, time_limit)
    shutil.rmtree(folder)
    return made


def _made(program: str, engine: Engine, folder: Path, time_limit: float) -> Compiled:
    kept = f"the source is kept as {folder / _NAME}.tex"
    status, said = _status(program, engine, folder, time_limit)
    if status is None:
        raise TexError(f"`{engine}` did not come to an end within {time_limit:g} seconds", kept)
    log = _read(folder / f"{_NAME}.log") or said
    pdf = folder / f"{_NAME}.pdf"
    if status != 0 or not pdf.is_file():
        raise TexError(f"`{engine}` failed: {_complaint(log) or _complaint(said) or f'exit status {status}'}", kept)
    return Compiled(pdf.read_bytes(), log)


def _status(program: str, engine: Engine, folder: Path, time_limit: float) -> tuple[int | None, str]:
    """The exit status, or None where the time was up, and what was said; no child is left behind."""
    output = folder / "output.txt"
    with output.open("wb") as said:
        process = subprocess.Popen(
            [program, *_OPTIONS[engine], f"{_NAME}.tex"],
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, which can be ended as a whole
        )
        try:
            status: int | None = process.wait(timeout=time_limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(process)
    return status, _read(output)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the engine and its children, also when it is we who are interrupted."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


_COMPLAINT = re.compile(r"^(?:! ?|error: )(?P<what>.+)$", re.MULTILINE)
_PLACE = re.compile(r"^l\.(?P<line>\d+) (?P<context>.*)$", re.MULTILINE)


def _complaint(log: str) -> str:
    """What the engine's log says was wrong, and where."""
    what = next((match["what"].strip() for match in _COMPLAINT.finditer(log)), "")
    place = _PLACE.search(log)
    return f"{what} (line {place['line']}: {place['context'].strip()})" if what and place else what
