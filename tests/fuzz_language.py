"""Specs and random programs with tokens and characters changed: each ends in a solution or in a diagnostic, soon and in little memory.

`python -m tests.fuzz_language 5000` tries so many and prints counts; a second number is the first seed.
"""

from __future__ import annotations

import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from random_programs import program

from graphdsl.check import check
from graphdsl.diagnostics import Source, SpecError
from graphdsl.graph import build
from graphdsl.model import Model
from graphdsl.parse import parse
from graphdsl.solve import solved
from graphdsl.uses import load

SPECS = Path(__file__).parent.parent / "specs"
SECONDS = 2.0
"""Within which a wrong mutant has its answer, and a right one is known to be right; its page may take longer."""

MEMORY = 1 << 30
MOST_WORK = 20_000
"""A mutant that is a right spec of more parameters times operations is checked, not solved."""

MOST_PRINTED = 150
"""The page of a mutant that takes more operations is not written: it would be long."""

TOKEN = re.compile(r"\s+|\d+(?:\.\d+)?|\w+|\.\.|->|[^\w\s]")

STRANGE = (
    "0", "-1", "1e400", "1e-400", "99999999999", "1/0", "[", "]", "(", ")", "{", "}", "..", "=", ",", ";", "^", "@", "^T",
    "'", '"', "\n", "\\", "#", "\x00", "\u2028", "𝒙", "ﬁ", "−", "²", "₁", "½", "ᵀ", "·", "for", "in", "as", "module", "layer",
    "data", "given", "expected", "train", "function", "sum", "stack", "derivative", "x[1]", "[1, 2]", "[1; 2]", "[[1, 2], [3]]",
    "relu", "softmax", "conv2d", "by = row", "size = 3", "1..3", "1..99999999", "h[s-1]", "theta", "dE/dw", "π", "E", "t", "use",
    'use "x.spec"', "init", "report { style = matrix }", "numbers { decimals = 31 }", "{{x}}", "\\input{x}", "%s", "$x$",
)  # fmt: skip

Mutation = Callable[[list[str], random.Random], list[str]]


def dropped(parts: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(parts))
    return parts[:i] + parts[i + rng.choice([1, 1, 1, 2, 5]) :]


def doubled(parts: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(parts))
    return parts[: i + 1] * (2 if rng.random() < 0.05 else 1) + parts[i:]


def swapped(parts: list[str], rng: random.Random) -> list[str]:
    i, j = rng.randrange(len(parts)), rng.randrange(len(parts))
    found = list(parts)
    found[i], found[j] = found[j], found[i]
    return found


def copied(parts: list[str], rng: random.Random) -> list[str]:
    found = list(parts)
    found[rng.randrange(len(parts))] = rng.choice(parts)
    return found


def strange(parts: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(parts) + 1)
    return [*parts[:i], rng.choice(STRANGE), *parts[i + rng.randint(0, 1) :]]


def nested(parts: list[str], rng: random.Random) -> list[str]:
    """Brackets within brackets, many of them."""
    i, count = rng.randrange(len(parts)), rng.choice([3, 50, 99, 101, 3000])
    opening, closing = rng.choice(["()", "[]", ("-", ""), ("relu(", ")"), ("2^", "")])
    return [*parts[:i], opening * count, parts[i], closing * count, *parts[i + 1 :]]


MUTATIONS: tuple[Mutation, ...] = (dropped, doubled, swapped, copied, copied, strange, strange)


@cache
def seeds() -> tuple[str, ...]:
    """Texts to begin with: the gallery's, and random programs."""
    gallery = [path.read_text("utf-8") for path in sorted(SPECS.rglob("*.spec"))]
    return (*(text for text in gallery if len(text) < 3000), *(program(n).text for n in range(0, 400, 2)))


def mutant(seed: int) -> str:
    """The text of a seed; always the same."""
    rng = random.Random(f"mutant {seed}")
    text = rng.choice(seeds())
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        draw = rng.random()
        cut: Callable[[str], list[str]] = list if draw < 0.25 else str.splitlines if draw < 0.3 else TOKEN.findall
        parts = cut(text)
        joint = "\n" if cut is str.splitlines else ""
        mutation = nested if rng.random() < 0.03 else rng.choice(MUTATIONS)
        text = joint.join(mutation(parts, rng)) if parts else text
    return text


class TooLong(Exception):
    """There was no answer in time."""


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise TooLong(f"no answer within {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_small(model: Model) -> bool:
    """Whether a right spec is small enough to be solved in time; a large one may take as long as it needs."""
    graph = build(model)
    steps = model.training.steps if model.training else 1
    entries = sum(len(q.value.flat) for q in model.quantities)
    work = (
        (entries + 1)
        * (len(graph.ops) + 1)
        * min(steps, 10)
        * max(1, len(model.samples))
        * max(1, len(model.objectives))
    )
    return work <= MOST_WORK and graph.scalar_operations <= 500 and steps <= 20


def answered(text: str) -> str:
    """What became of a text: `solved`, `checked` where it is right and large, or `refused`; all else is raised."""
    with in_time(SECONDS):
        try:
            model = check(load(parse(Source("mutant", text))))
        except SpecError as mistake:
            assert str(mistake)
            return "refused"
        small = is_small(model)
    if not small:
        return "checked"
    with in_time(15 * SECONDS):
        try:
            found = solved(Source("mutant", text))
            if found.trace.graph.scalar_operations <= MOST_PRINTED:
                found.text()
        except SpecError as mistake:
            assert str(mistake)
            return "refused"
    return "solved"


def main(count: int, first: int = 0) -> int:
    """Try mutants and print what became of them; 1 where one was answered in another way."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY, 4 * MEMORY))
    found: Counter[str] = Counter()
    start = time.monotonic()
    for seed in range(first, first + count):
        try:
            found[answered(mutant(seed))] += 1
        except Exception as wrong:
            found[type(wrong).__name__] += 1
            print(f"mutant {seed}: {type(wrong).__name__}: {str(wrong)[:300]}")
    print(f"{count} mutants in {time.monotonic() - start:.0f} s: {dict(found)}")
    return int(bool(set(found) - {"solved", "checked", "refused"}))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
