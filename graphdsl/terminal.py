"""Trace -> the result table of the command line; rich where there is a terminal, plain where there is none."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from graphdsl.expr import Number, Symbol
from graphdsl.numbers import Display, Num
from graphdsl.trace import Check, Trace, Verdict
from graphdsl.write.text import formula, width

MOST_ROWS = 40
MOST_COLUMNS = 6
SLOW = 1.0
"""Seconds after which a terminal is told that something is going on."""


@dataclass(frozen=True, slots=True)
class Results:
    """The rows of the table, and how many more there would be."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int


def results(trace: Trace) -> Results:
    """The objectives and the parameters round by round; of what is not trained, values and gradients."""
    head, keys, columns = _by_round(trace) if trace.graph.model.training else _by_gradient(trace)
    names = trace.graph.symbols
    display = trace.graph.model.display
    rows = [(formula(names[key]), *(_shown(c.get(key), key, display) for c in columns)) for key in keys[:MOST_ROWS]]
    return Results(("", *head), tuple(rows), max(0, len(keys) - MOST_ROWS))


Column = dict[str, Num]


def _by_round(trace: Trace) -> tuple[list[str], list[str], list[Column]]:
    """The losses and parameters before the first updates, and after the last."""
    loss = trace.graph.model.loss
    chosen = trace.rounds if len(trace.rounds) < MOST_COLUMNS else trace.rounds[: MOST_COLUMNS - 1]
    head = ["start" if r.number == 1 else f"after {r.number - 1}" for r in chosen]
    columns = [dict(r.samples[0].values) | _loss(loss, r.loss) for r in chosen]
    columns.append(dict(trace.finals[0].values) | _loss(loss, trace.loss))
    keys = [*(o.key for o in trace.graph.model.objectives), *trace.rounds[0].updates]
    return [*head, f"after {trace.steps}"], keys, columns


def _loss(loss: Symbol | None, value: Num | None) -> Column:
    return {} if loss is None or value is None else {loss.key: value}


def _by_gradient(trace: Trace) -> tuple[list[str], list[str], list[Column]]:
    sample = trace.rounds[0].samples[0]
    objectives = list(sample.gradients)
    head = ["value", *(f"∂{formula(trace.graph.symbols[o])}/∂·" for o in objectives)]
    computed = [key for key in trace.graph.computed if key in sample.values]
    keys = computed[::-1] + [key for key in sample.values if key not in trace.graph.computed]
    return head, keys, [dict(sample.values), *(dict(sample.gradients[o]) for o in objectives)]


def _shown(number: Num | None, key: str, display: Display) -> str:
    return "" if number is None else formula(Number(display.shown(number.value, key)))


def told(check: Check, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """How far the routes agree, and which published numbers are not ours."""
    if check.compared:
        sampled = " (a sample of all)" if check.sampled else ""
        yield (
            f"{check.compared} gradients{sampled} by {len(check.routes)} independent routes: "
            f"greatest difference {f'{check.max_difference:.1e}' if check.max_difference else '0'}"
        )
    if verdicts:
        agreeing = sum(v.agrees for v in verdicts)
        yield f"{agreeing} of {len(verdicts)} expected numbers agree"
    for v in verdicts:
        if not v.agrees:
            yield f"  {v.expected.words}: expected {v.expected.value}, computed {v.rounded}"


def show(found: Results) -> None:
    """Print the table to standard output."""
    if not found.rows:
        return
    (_show_rich if sys.stdout.isatty() else _show_plain)(found)
    if found.left_out:
        print(f"… and {found.left_out} more")


def _show_plain(found: Results) -> None:
    lines = [found.head, *found.rows]
    widths = [max(width(line[i]) for line in lines) for i in range(len(found.head))]
    for line in lines:
        first = line[0] + " " * (widths[0] - width(line[0]))
        rest = (" " * (w - width(cell)) + cell for w, cell in zip(widths[1:], line[1:], strict=True))
        print("  ".join((first, *rest)).rstrip())


def _show_rich(found: Results) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for i, title in enumerate(found.head):
        table.add_column(Text(title), justify="right" if i else "left", no_wrap=True)
    for row in found.rows:
        table.add_row(*map(Text, row))
    Console().print(table)


@contextmanager
def patience(words: str) -> Iterator[None]:
    """A spinner on a terminal's standard error, once it takes long."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    waiting = threading.Thread(target=_spin, args=(words, done), daemon=True)
    waiting.start()
    try:
        yield
    finally:
        done.set()
        waiting.join()


def _spin(words: str, done: threading.Event) -> None:
    if done.wait(SLOW):
        return
    from rich.console import Console

    with Console(stderr=True).status(words):
        done.wait()
