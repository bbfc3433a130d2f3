"""`python -m tests.bench` -> how long things take, as ratios within one run: start-up, and the cost of a printed line."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import graphdsl
from graphdsl.document import Block, Derivation, Section

SEED = Path(__file__).parent.parent.parent / "specs" / "two-relu-layers.spec"
LIBRARIES = "lark, networkx, jinja2, numpy, typst, pygraphviz"


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def program(*arguments: str) -> Callable[[], object]:
    """A run of Python in a process of its own."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def side_by_side(a: Callable[[], object], b: Callable[[], object], runs: int) -> tuple[float, float]:
    """The medians of both, in runs that alternate, so that both meet the same weather."""
    a(), b()  # the disk is warm for both, the processes are not
    pairs = [(seconds(a), seconds(b)) for _ in range(runs)]
    return statistics.median(first for first, _ in pairs), statistics.median(second for _, second in pairs)


def start_up(runs: int) -> Iterator[tuple[str, str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        solve = ("-m", "graphdsl", "solve", str(SEED), "-o")
        imports = ("-c", f"import {LIBRARIES}")
        for what, arguments, against, other in (
            ("solve to PDF", (*solve, str(out / "a.pdf")), f"import {LIBRARIES}", imports),
            ("solve to text", (*solve, str(out / "a.txt")), f"import {LIBRARIES}", imports),
            ("solve to JSON", (*solve, str(out / "a.json")), f"import {LIBRARIES}", imports),
            ("check", ("-m", "graphdsl", "check", str(SEED)), "import lark, networkx", ("-c", "import lark, networkx")),
            ("--version", ("-m", "graphdsl", "--version"), "import numpy", ("-c", "import numpy")),
        ):
            ours, theirs = side_by_side(program(*arguments), program(*other), runs)
            yield what, f"{ours * 1000:.0f} ms", f"{against}: {theirs * 1000:.0f} ms", f"{ours / theirs:.2f}"


def network(units: int, steps: int) -> str:
    """A spec whose page grows with its numbers: all weights differ, so that nothing is told by symmetry."""
    weights = [[f"{(7 * i + 3 * j) % 17 / 20 + 0.05:.2f}" for j in range(units)] for i in range(units)]
    rows = "; ".join(", ".join(row) for row in weights)
    return (
        f"input x = [{', '.join(f'0.{i + 1}' for i in range(units))}]\n"
        f"layer h[{units}] tanh {{ weights = [{rows}]; biases = 0.1 }}\n"
        f"layer y[1] {{ weights = [{', '.join(weights[0])}]; bias = 0.2 }}\n"
        f"target t = [1]\nloss half_squared_error\ntrain sgd {{ eta = 0.01, steps = {steps} }}\n"
    )


def lines(blocks: Sequence[Block]) -> int:
    """How many lines of derivation a document prints."""
    return sum(
        len(block.lines) if isinstance(block, Derivation) else lines(block.blocks) if isinstance(block, Section) else 0
        for block in blocks
    )


def cost_of_a_line(runs: int) -> Iterator[tuple[str, str, str, str]]:
    for units, steps in ((2, 1), (2, 4), (4, 1), (4, 4), (8, 1), (8, 4)):
        text = network(units, steps)
        numbers = statistics.median(seconds(partial(graphdsl.solve, text)) for _ in range(runs))
        solution = graphdsl.solve(text)
        page = statistics.median(seconds(graphdsl.solve(text).text) for _ in range(runs))
        pdf = statistics.median(seconds(graphdsl.solve(text).pdf) for _ in range(runs))
        count = lines(solution.document.blocks)
        yield (
            f"{units}-{units}-1, {steps} steps: {count} lines",
            f"numbers {numbers / count * 1000:.2f}",
            f"text {page / count * 1000:.2f}",
            f"PDF {pdf / count * 1000:.2f}",
        )


def show(title: str, rows: Iterator[tuple[str, ...]]) -> None:
    print(f"\n{title}")
    for first, *rest in rows:
        print(f"  {first:<34}" + "  ".join(f"{cell:<16}" for cell in rest).rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    show(f"Cold start: median of {runs}, the same of what stands beside it, and the ratio", start_up(runs))
    show("Milliseconds for each printed line of derivation", cost_of_a_line(min(runs, 5)))


if __name__ == "__main__":
    main()
