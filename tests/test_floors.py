"""The house stands: every module has a floor, imports point down, and the three walls hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "graphdsl"

# From the ground up; a module may import from its own floor and from those below. A package stands for its modules.
FLOORS = (
    {"numbers", "punctuation", "limits", "diagnostics"},
    {"names", "fonts", "draws"},
    {"expr"},
    {"diagram", "document", "lettering", "outline", "plot", "chart"},
    {"derive"},
    {"ops"},
    {"layers", "losses", "optimizers", "adjoint", "starter"},
    {"syntax"},
    {"neighbours"},
    {"parse", "lex", "slips", "statements", "tables", "datafile", "fmt"},
    {"notation"},
    {"model", "check", "report", "inks", "overrides"},
    {"uses"},
    {"graph", "letters"},
    {"trace", "update", "schedule", "sequence", "program", "arrays", "long", "run", "routes", "hull"},
    {"phrases", "explain", "pieces", "values", "network", "depict", "grids", "unrolled", "circuit", "views"},
    {"figures", "noted"},
    {"write", "draw", "picture", "files"},
    {"page"},
    {"solve"},
    {"terminal", "cli", "__main__"},
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}

DIGITS = {"rounded", "trimmed", "written", "plain", "brief", "decimals_of"}
"""What `numbers` offers to those who choose or print digits."""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def top(module: str) -> str:
    return module.split(".")[0]


def imports(module: str) -> Iterator[tuple[str, str]]:
    """(module of ours, name taken from it), also of what is imported within functions or for types only."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole.removeprefix("graphdsl.") in MODULES and whole.startswith("graphdsl."):
                    yield whole.removeprefix("graphdsl."), ""
                elif (node.module or "").split(".")[0] == "graphdsl":
                    yield (node.module or "").removeprefix("graphdsl").removeprefix("."), alias.name
        elif isinstance(node, ast.Import):
            yield from ((a.name.removeprefix("graphdsl."), "") for a in node.names if a.name.startswith("graphdsl."))


def test_every_module_has_a_floor() -> None:
    assert {top(m) for m in MODULES if m} == set(FLOOR)


@pytest.mark.parametrize("module", [m for m in MODULES if m])
def test_imports_point_down(module: str) -> None:
    for other, name in imports(module):
        if not other:
            assert name == "__version__", f"{module} imports {name} from the roof"
        else:
            assert FLOOR[top(other)] <= FLOOR[top(module)], f"{module} imports {other} from above"


def test_no_imports_go_in_a_circle() -> None:
    graph = {module: {other for other, _ in imports(module)} - {module, ""} for module in MODULES if module}
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", ["run", "trace"])
def test_run_knows_no_rounding_and_no_words(module: str) -> None:
    found = set(imports(module))
    assert not {name for other, name in found if other == "numbers"} & (DIGITS | {"Display"})
    assert not {top(other) for other, _ in found} & {"phrases", "explain", "document"}


@pytest.mark.parametrize("module", [m for m in MODULES if top(m) == "explain"])
def test_explain_knows_no_digits_and_no_formats(module: str) -> None:
    found = set(imports(module))
    assert not {name for other, name in found if other == "numbers"} & DIGITS
    assert not {top(other) for other, _ in found} & {"write", "draw", "figures", "lettering"}


@pytest.mark.parametrize("module", [m for m in MODULES if top(m) in ("write", "draw", "lettering")])
def test_writers_know_no_operations(module: str) -> None:
    assert not {top(other) for other, _ in imports(module)} & {"ops", "derive", "layers", "optimizers", "explain"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_begins_by_saying_what_it_is(module: str) -> None:
    text = ast.get_docstring(ast.parse(MODULES[module].read_text("utf-8"))) or ""
    assert text.split("\n")[0].endswith("."), f"{module or 'graphdsl'} has no first line"


def test_only_the_rim_touches_the_world() -> None:
    """The command line, the outside tools, reading specs, grammar, phrases and templates."""
    world = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "print", "input"}
    rim = {
        "cli",
        "terminal",
        "files",
        "solve",
        "parse",
        "datafile",
        "tables",
        "neighbours",
        "uses",
        "notation",
        "phrases",
        "write.pdf",
        "write.text",
        "write.typst",
        "write.html",
        "write.tex_engine",
        "draw",
    }
    for module in MODULES.keys() - rim:
        for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                assert called not in world, f"{module} calls {called}"
