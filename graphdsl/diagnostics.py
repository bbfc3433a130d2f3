"""Source text, spans and messages -> the printed diagnostic; knows nothing of specs, formulas or files."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, NoReturn

from graphdsl.limits import DEFAULT, Limits

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of character offsets into a source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of the other."""
        return Span(min(self.start, other.start), max(self.end, other.end))


@dataclass(frozen=True)
class Source:
    """The text of a spec, the name that messages call it by, and the limits that hold for it.

    `folder` is where it stands, if it is a file. What it uses of other files, and what options say, is appended to its
    text; `appended` says where each begins and what it is called.
    """

    name: str
    text: str
    folder: Path | None = None
    appended: tuple[tuple[int, str], ...] = ()
    limits: Limits = DEFAULT

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0] + [i + 1 for i, c in enumerate(self.text) if c == "\n"]

    def with_text(self, name: str, text: str) -> tuple[Source, int]:
        """The source with another text behind it, and where that begins."""
        start = len(self.text) + 1
        return replace(self, text=f"{self.text}\n{text}", appended=(*self.appended, (start, name))), start

    def file(self, offset: int) -> tuple[int, str]:
        """Where the text that holds an offset begins, and its name."""
        return next((part for part in reversed(self.appended) if part[0] <= offset), (0, self.name))

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset in its own file, both from 1."""
        line = bisect.bisect_right(self._line_starts, offset)
        first = bisect.bisect_right(self._line_starts, self.file(offset)[0])
        return line - first + 1, offset - self._line_starts[line - 1] + 1

    def line_at(self, offset: int) -> str:
        """The text of the line that holds an offset, without its end."""
        line = bisect.bisect_right(self._line_starts, offset)
        return self.text[self._line_starts[line - 1] :].partition("\n")[0].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Label:
    """A place in the source and what is said under its caret."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake: what is wrong in the user's words, where, and what would mend it."""

    message: str
    labels: tuple[Label, ...] = ()
    hint: str = ""
    severity: Severity = "error"


class SpecError(Exception):
    """The spec cannot be solved; carries every diagnostic found."""

    def __init__(self, diagnostics: Iterable[Diagnostic], source: Source | None = None):
        self.diagnostics = tuple(diagnostics)
        self.source = source
        super().__init__("; ".join(d.message for d in self.diagnostics))

    def __str__(self) -> str:
        return render(self.diagnostics, self.source)


class SpecErrors(SpecError):
    """Several specs cannot be solved; carries the diagnostics of each."""

    def __init__(self, mistakes: Iterable[SpecError]):
        self.mistakes = tuple(mistakes)
        super().__init__(d for mistake in self.mistakes for d in mistake.diagnostics)

    def __str__(self) -> str:
        return "\n".join(map(str, self.mistakes))


@dataclass
class Reporter:
    """Collects diagnostics, so that all mistakes of a spec are answered at once."""

    source: Source
    found: list[Diagnostic] = field(default_factory=list)
    call: Span | None = None

    def error(
        self, message: str, span: Span | None = None, label: str = "", *, also: Iterable[Label] = (), hint: str = ""
    ) -> None:
        """Record a mistake at a span; `also` names the other ends of a quarrel."""
        self._add(Diagnostic(message, _labels(span, label, also), hint))

    def warning(
        self, message: str, span: Span | None = None, label: str = "", *, also: Iterable[Label] = (), hint: str = ""
    ) -> None:
        """Record something that is announced and does not stop the solution."""
        self._add(Diagnostic(message, _labels(span, label, also), hint, "warning"))

    @contextmanager
    def within(self, call: Span | None) -> Iterator[None]:
        """What is reported meanwhile is wrong in a module that was called there."""
        before, self.call = self.call, call
        try:
            yield
        finally:
            self.call = before

    def _add(self, diagnostic: Diagnostic) -> None:
        if self.call is not None:
            diagnostic = replace(diagnostic, labels=(*diagnostic.labels, Label(self.call, "in this call")))
        if diagnostic not in self.found:
            self.found.append(diagnostic)

    @property
    def errors(self) -> list[Diagnostic]:
        """The mistakes, without the announcements."""
        return [d for d in self.found if d.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        """The announcements."""
        return [d for d in self.found if d.severity == "warning"]

    def stop(self) -> NoReturn:
        """Raise everything found, in the order of the text."""
        raise SpecError(sorted(self.found, key=_place), self.source)

    def stop_if_errors(self) -> None:
        """Raise everything found, if any of it is an error."""
        if self.errors:
            self.stop()


def _labels(span: Span | None, label: str, also: Iterable[Label]) -> tuple[Label, ...]:
    first = (Label(span, label),) if span is not None else ()
    return first + tuple(also)


def _place(diagnostic: Diagnostic) -> int:
    return diagnostic.labels[0].span.start if diagnostic.labels else -1


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that the user probably meant, if one is close enough."""
    by_folded = {k.casefold(): k for k in known}
    swapped = next((k for k in by_folded if sorted(k) == sorted(word.casefold())), None)
    if swapped is not None:
        return by_folded[swapped]
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or nothing."""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near else ""


_LONGEST_LINE = 160


def render(diagnostics: Sequence[Diagnostic], source: Source | None) -> str:
    """The diagnostics as the terminal shows them: message, place, line, caret, hint."""
    return "\n\n".join(_render_one(d, source) for d in diagnostics) + "\n"


def _render_one(diagnostic: Diagnostic, source: Source | None) -> str:
    lines = [f"{diagnostic.severity}: {diagnostic.message}"]
    if source is not None and diagnostic.labels:
        margin = max(len(str(source.position(label.span.start)[0])) for label in diagnostic.labels)
        line, column = source.position(diagnostic.labels[0].span.start)
        name = source.file(diagnostic.labels[0].span.start)[1]
        lines.append(f"{' ' * margin}--> {name}:{line}:{column}")
        for label in diagnostic.labels:
            other = source.file(label.span.start)[1]
            lines += [f"{' ' * margin}::: {other}"] if other != name else []
            name = other
            lines += _quote(label, source, margin)
    elif source is not None:
        lines.append(f" --> {source.name}")
    if diagnostic.hint:
        lines.append(f"  hint: {diagnostic.hint}")
    return "\n".join(lines)


def _quote(label: Label, source: Source, margin: int) -> list[str]:
    line, column = source.position(label.span.start)
    text = source.line_at(label.span.start)
    width = max(1, min(label.span.end - label.span.start, len(text) - column + 1))
    text, column, width = _window(text, column, width)
    before = "".join("\t" if c == "\t" else " " for c in text[: column - 1])
    caret = f"{before}{'^' * width} {label.text}".rstrip()
    return [f"{line:>{margin}} | {_visible(text)}", f"{' ' * margin} | {caret}"]


def _window(text: str, column: int, width: int) -> tuple[str, int, int]:
    """A long line is cut around its caret."""
    if len(text) <= _LONGEST_LINE:
        return text, column, width
    start = max(0, column - 1 - _LONGEST_LINE // 3)
    cut = text[start : start + _LONGEST_LINE - 2]
    lead = "…" if start else ""
    trail = "…" if start + len(cut) < len(text) else ""
    column = column - start + len(lead)
    return lead + cut + trail, column, min(width, len(lead + cut) - column + 1)


def _visible(text: str) -> str:
    """Control characters never reach the terminal."""
    return "".join(c if c == "\t" or c.isprintable() or c == "\u00a0" else "\ufffd" for c in text)
