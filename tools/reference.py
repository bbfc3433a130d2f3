"""The tables of functions, losses, library modules and keys of `report` in docs/reference.md, written anew from the program's own tables.

Run it after a row or a module was added: `python tools/reference.py`. A test holds the reference to what it writes.
"""

from __future__ import annotations

import re
from pathlib import Path

from graphdsl import losses, ops
from graphdsl.expr import Call, Expr, Operation, Symbol
from graphdsl.losses import ALLOWED, Loss
from graphdsl.ops import ALIASES
from graphdsl.report import KEYS, Key
from graphdsl.uses import library
from graphdsl.write import text

REFERENCE = Path(__file__).parent.parent / "docs" / "reference.md"
X, OUT = Symbol("x"), Symbol("f")


def functions() -> str:
    """A line for each function that acts on each entry."""
    rows = [row for row in ops.SPOKEN.values() if row.elementwise and row.arity == (1, 1)]
    return _table(("function", "value f", "derivative", "note"), [_function(row) for row in rows])


def _function(row: Operation) -> tuple[str, ...]:
    given = {**dict.fromkeys(row.attributes, "b"), **row.defaults}
    call = Call(row, (X,), tuple(given.items()))
    if "base" in given:  # the one option without a default: a letter stands for it
        return (*_names(row), "log_b(x) = ln(x)/ln(b)", "1/(x · ln(b))", row.source)
    value = row.formula((X,), given) if row.formula is not None else call
    (slope,) = row.pullbacks((X,), given, OUT, Symbol("upstream"))
    return (*_names(row), _formula(value), _formula(_without(slope)), row.source)


def _names(row: Operation) -> tuple[str]:
    others = [alias for alias, name in ALIASES.items() if name == row.name]
    options = [f"{name} = {row.defaults[name]}" if name in row.defaults else f"{name} = …" for name in row.attributes]
    return (", ".join([f"`{row.name}({', '.join(['x', *options])})`", *(f"`{other}`" for other in others)]),)


def _without(pulled: Expr | None) -> Expr:
    """The derivative itself, out of upstream · derivative."""
    from graphdsl.derive.simplify import simplify
    from graphdsl.expr import ONE, substitute

    assert pulled is not None
    slope = simplify(substitute(pulled, {"upstream": ONE}))
    if isinstance(slope, Call) and slope.operation.formula is not None and slope.operation.name.endswith("'"):
        return slope.operation.formula(slope.arguments, dict(slope.attributes))
    return slope


def losses_table() -> str:
    """A line for each loss, with its formula over two entries."""
    return _table(("loss", "of two entries", "over", "targets", "note"), [_loss(loss) for loss in losses.TABLE])


def _loss(loss: Loss) -> tuple[str, ...]:
    options = ", ".join(["t", "y", *(f"{name} = {value}" for name, value in loss.defaults.items())])
    names = [f"`{loss.name}({options})`", *(f"`{alias}`" for alias in loss.aliases)]
    return (", ".join(names), _formula(losses.example(loss)), loss.over, ALLOWED[loss.takes][0], loss.source)


def library_table() -> str:
    """A line for each module of the library: its head and its parameters as they are written there, and what its comment says."""
    return _table(("module", "parameters", "is"), [_module(source) for _, source in sorted(library().items())])


def _module(source: str) -> tuple[str, str, str]:
    lines = [line.strip() for line in source.splitlines()]
    said = [line.removeprefix("# ") for line in lines if line.startswith("#")]
    head = next(line for line in lines if line.startswith("module "))
    parameters = [f"`{line.removeprefix('param ')}`" for line in lines if line.startswith("param ")]
    return (f"`{head.removeprefix('module ').removesuffix(' {')}`", ", ".join(parameters), " ".join(said))


def report_table() -> str:
    """A line for each key of `report` that a page follows; each is an option of the command line too."""
    return _table(("key", "values", "says"), [_key(name, key) for name, key in KEYS.items() if key.says])


def _key(name: str, key: Key) -> tuple[str, str, str]:
    values = " · ".join(f"`{word}`" for word in key.words) or f"`{key.form}`"
    default = f"; without it: {key.default}" if key.default else ""
    said = f"{key.says.removesuffix('.')}{default}"
    return (f"`{name}`", values, f"{said}; each part may have its own, `{name}[backward] = …`" if key.by_part else said)


def _formula(expr: Expr) -> str:
    return text.formula(expr)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", r"\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rewritten(page: str) -> str:
    """The page with its tables as they are now."""
    tables = {"functions": functions(), "losses": losses_table(), "library": library_table(), "report": report_table()}
    for name, table in tables.items():
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", lambda m, t=table: f"{m[1]}{t}\n{m[2]}", page, flags=re.S
        )
    return page


if __name__ == "__main__":
    REFERENCE.write_text(rewritten(REFERENCE.read_text("utf-8")), "utf-8")
