"""Training -> which samples go into which step, epoch by epoch; computes no number."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from graphdsl.model import Training


@dataclass(frozen=True, slots=True)
class Place:
    """A step: its number and epoch, the numbers of its samples, all from 1."""

    step: int
    epoch: int
    samples: tuple[int, ...]
    ends_epoch: bool = True


def places(training: Training) -> Iterator[Place]:
    """Every step of a training, in order."""
    step = 0
    for epoch, order in enumerate(orders(training), 1):
        batches = [order[i : i + training.batch] for i in range(0, len(order), training.batch)]
        for i, batch in enumerate(batches, 1):
            step += 1
            yield Place(step, epoch, tuple(batch), i == len(batches))
            if step == training.steps:
                return


def orders(training: Training) -> Iterator[list[int]]:
    """The order of the samples in each epoch: that of the file, or what Python's random.Random(seed).shuffle makes of it."""
    order = list(range(1, training.samples + 1))
    source = None if training.shuffle is None else random.Random(training.shuffle)
    while True:
        if source is not None:
            order = list(range(1, training.samples + 1))
            source.shuffle(order)
        yield order
