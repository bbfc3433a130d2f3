"""Spec -> Spec with the modules that it uses, of other files and of the library, appended; judges none of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

from graphdsl.check.expand import called
from graphdsl.diagnostics import Reporter
from graphdsl.names import canonical
from graphdsl.neighbours import NotANeighbour, text_of
from graphdsl.parse import MOST_BYTES, parse
from graphdsl.syntax import Equation, Function, Layer, Module, Options, Spec, Statement, Use

MOST_FILES = 20

SHARED = (Function, Module, Options, Use)
"""What a used file may hold: modules, functions and settings."""


def load(spec: Spec) -> Spec:
    """The spec with all that it uses; SpecError where a file cannot be."""
    return _with_library(_with_files(spec))


def _with_files(spec: Spec) -> Spec:
    reporter = Reporter(spec.source)
    waiting = spec.of(Use)
    seen: set[str] = set()
    while waiting:
        use = waiting.pop(0)
        name = use.path.text
        if name in seen:
            continue
        seen.add(name)
        if len(seen) > MOST_FILES:
            reporter.error(f"a spec uses at most {MOST_FILES} files", use.span)
            break
        try:
            text = text_of(name, spec.source.folder, MOST_BYTES)
        except NotANeighbour as mistake:
            reporter.error(mistake.message, use.path.span, hint=mistake.hint)
            continue
        spec, added = _appended(spec, name, text)
        reporter = Reporter(spec.source, reporter.found)
        _refuse_others(added, name, reporter)
        waiting += [s for s in added if isinstance(s, Use)]
    reporter.stop_if_errors()
    return spec


def _refuse_others(statements: Iterable[Statement], name: str, reporter: Reporter) -> None:
    for statement in statements:
        if not isinstance(statement, SHARED):
            reporter.error(
                f"`{name}` is used for its modules, functions and settings; this is none",
                statement.span,
                hint="move it into the spec that uses the file",
            )


def _appended(spec: Spec, name: str, text: str) -> tuple[Spec, tuple[Statement, ...]]:
    source, start = spec.source.with_text(name, text)
    added = parse(source, start)
    announcements = (*spec.announcements, *added.announcements)
    return Spec(source, (*spec.statements, *added.statements), announcements), added.statements


# The library: a module of each file, named like it, is there when it is called.


@cache
def library() -> dict[str, str]:
    """The texts of the library's modules by their names."""
    folder = resources.files("graphdsl").joinpath("library")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {f.name.removesuffix(".spec"): f.read_text("utf-8") for f in files if f.name.endswith(".spec")}


@cache
def _library_names() -> frozenset[str]:
    folder = resources.files("graphdsl").joinpath("library")
    return frozenset(f.name.removesuffix(".spec") for f in folder.iterdir() if f.name.endswith(".spec"))


def _with_library(spec: Spec) -> Spec:
    """The spec with the modules of the library that it calls and does not define itself."""
    own = _defined(spec.statements)
    done: set[str] = set()
    while wanted := [n for n in called(spec.statements) if n in _library_names() and n not in own | done]:
        for name in wanted:
            spec, _ = _appended(spec, f"library module {name}", library()[name])
            done.add(name)
    return spec


def _defined(statements: Iterable[Statement]) -> set[str]:
    """The names that the author gives a meaning to: a module of the library with such a name is not meant."""
    return {canonical(s.name.text) for s in statements if isinstance(s, Module | Function | Equation | Layer)}
