"""`expected` values -> references to what will be computed; judges names, compares nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphdsl.check.printed import entries
from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Scope
from graphdsl.check.settings import keys_of, state_of
from graphdsl.check.training import state_names
from graphdsl.diagnostics import Span
from graphdsl.expr import Element, Expr, Number, Symbol, symbols
from graphdsl.model import COUNTS, ExpectedNumber, Node, Training
from graphdsl.syntax import Expected, ExpectedValue, Reference

DIRECTION = "direction"
"""`direction.w1`: what is subtracted for the gradient, or taken for one on the way."""


def expectations(
    statements: list[Expected],
    plan: Training | None,
    samples: int,
    loss: Symbol | None,
    nodes: tuple[Node, ...],
    scope: Scope,
    resolver: Resolver,
) -> tuple[ExpectedNumber, ...]:
    """Every published number with the keys of what it stands for."""
    reader = _Reader(plan, samples, loss.key if loss else "", {n.symbol.key: n for n in nodes}, scope, resolver)
    values = (value for statement in statements for written in statement.values for value in entries(written, resolver))
    found = (reader.read(value) for value in values)
    return tuple(e for e in found if e is not None)


@dataclass(frozen=True)
class _Reader:
    plan: Training | None
    samples: int
    loss: str
    nodes: Mapping[str, Node]
    scope: Scope
    resolver: Resolver

    def read(self, value: ExpectedValue) -> ExpectedNumber | None:
        count = self._count(value)
        if count is not None:
            return count
        state, place = state_of(value.reference.of, (*state_names(self.plan), DIRECTION), self.scope)
        if state and value.reference.wrt is None:
            return self._state(value, state, place)
        reference = value.reference
        of = self._place(reference.of, reference.span)
        wrt = None if reference.wrt is None else self._place(reference.wrt, reference.span)
        if of is None or (reference.wrt is not None and wrt is None):
            return None
        nought = isinstance(value.value, Number) and not value.value.value
        if wrt is not None and not nought and not self._depends(of, wrt, reference.span):
            return None
        after = self._after(reference)
        if after is None:
            return None
        stops = self.plan is not None and self.plan.stop_at is not None
        if not self._epoch_fits(reference, of) or not self._sample_fits(reference, of, wrt):
            return None
        words = value.words or self.scope.reporter.source.text[reference.span.start : reference.span.end]
        via = self._via(value, of, wrt)
        if via is None or not isinstance(value.value, Number):
            return None
        return ExpectedNumber(
            of.key,
            wrt.key if wrt else None,
            None if stops and reference.after is None else after,
            value.value.value,
            words + via.words,
            value.span,
            via.key,
            reference.sample,
            reference.epoch,
        )

    def _count(self, value: ExpectedValue) -> ExpectedNumber | None:
        """`training.steps`, `training.epochs`: how many there were until the training stopped."""
        of = value.reference.of
        known = isinstance(of, Symbol) and of.key in COUNTS and self.scope.meaning(of.key) is None
        if not known or self.plan is None or not isinstance(of, Symbol) or not isinstance(value.value, Number):
            return None
        return ExpectedNumber("", None, 0, value.value.value, of.key, value.span, state=of.key)

    def _state(self, value: ExpectedValue, state: str, expr: Expr) -> ExpectedNumber | None:
        """What an optimizer assigned in an update, or what was taken for a gradient."""
        reference, error = value.reference, self.scope.reporter.error
        place, steps = self._place(expr, reference.span), self.plan.steps if self.plan else 0
        if place is None or not isinstance(value.value, Number):
            return None
        words = value.words or self.scope.reporter.source.text[reference.span.start : reference.span.end]
        after = steps if reference.after is None else reference.after
        if not self.plan or after > steps - (state == DIRECTION):
            error("there is no value after that update", reference.span, f"there are {steps} updates")
            return None
        if state != DIRECTION and not self._is_parameter(place):
            error(f"`{place.key}` is not a parameter", reference.span, f"`{state}` is of a parameter")
            return None
        if state != DIRECTION and not after:
            error(f"`{words}` is a value after an update", reference.span, hint=f"for example `{words}.after1`")
            return None
        if reference.sample > self.samples:
            error(f"there is no sample {reference.sample}", reference.span)
            return None
        number = value.value.value
        return ExpectedNumber(place.key, None, after, number, words, value.span, sample=reference.sample, state=state)

    def _via(self, value: ExpectedValue, of: _Place, wrt: _Place | None) -> _Via | None:
        """Through which entry a derivative is meant to come; nothing where that is wrong."""
        if value.via is None:
            return _Via("", "")
        place = self._place(value.via, value.via.span or value.span)
        if place is None:
            return None
        if wrt is None:
            self.scope.reporter.error("only a derivative comes through something", value.via.span)
            return None
        node = self.nodes.get(place.tensor)
        if node is None or wrt.tensor not in symbols(node.formula) or not self._depends(of, place, value.span):
            if node is None or wrt.tensor not in symbols(node.formula):
                self.scope.reporter.error(f"`{place.key}` does not use `{wrt.key}`", value.via.span)
            return None
        return _Via(place.key, f" via {place.key}")

    def _sample_fits(self, reference: Reference, of: _Place, wrt: _Place | None) -> bool:
        """Whether the sample that is named exists, and one is named where several have a value."""
        error = self.scope.reporter.error
        if reference.sample > self.samples:
            have = "there is 1 sample" if self.samples == 1 else f"there are {self.samples} samples"
            error(f"there is no sample {reference.sample}", reference.span, have)
            return False
        same = of.tensor == self.loss if wrt is None else of.tensor == self.loss and self._is_parameter(wrt)
        if reference.sample or reference.epoch or self.samples == 1 or same or (wrt is None and self._is_parameter(of)):
            return True
        written = self.scope.reporter.source.text[reference.span.start : reference.span.end]
        error(f"every sample has its own `{written}`", reference.span, hint=f"say of which: `{written}.sample1`")
        return False

    def _is_parameter(self, place: _Place) -> bool:
        datum = self.scope.data.get(place.tensor)
        return datum is not None and datum.kind in ("param", "const")

    def _epoch_fits(self, reference: Reference, of: _Place) -> bool:
        error = self.scope.reporter.error
        epochs = self.plan.epoch_of(self.plan.steps) if self.plan else 0
        if not reference.epoch:
            return True
        if reference.wrt is not None or reference.sample or reference.after:
            error("an epoch has values, over all its samples", reference.span, hint=f"for example `{self.loss}.epoch1`")
            return False
        if reference.epoch > epochs:
            have = "nothing is trained" if not epochs else "there is 1" if epochs == 1 else f"there are {epochs}"
            error(f"there is no epoch {reference.epoch}", reference.span, have)
            return False
        return True

    def _after(self, reference: Reference) -> int | None:
        steps = self.plan.steps if self.plan else 0
        after = steps if reference.after is None else reference.after
        if after > steps or (reference.after is None and not self.plan):
            made = (
                "nothing is trained"
                if not steps
                else "there is 1 update"
                if steps == 1
                else f"there are {steps} updates"
            )
            self.scope.reporter.error("there is no value after that update", reference.span, made)
            return None
        if reference.wrt is not None and self.plan is not None and after == steps:
            self.scope.reporter.error("no gradient is computed after the last update", reference.span)
            return None
        return after

    def _place(self, expr: Expr, span: Span) -> _Place | None:
        typed = self.resolver.resolve(expr)
        if typed is None:
            return None
        keys = keys_of(typed.expr)
        if len(keys) != 1 or typed.shape:
            hint = f"say which entry, as in `{keys[0]} = …`" if keys else ""
            self.scope.reporter.error("an expected value stands for one number", span, hint=hint)
            return None
        tensor = typed.expr.of if isinstance(typed.expr, Element) else typed.expr
        return _Place(keys[0], tensor.key if isinstance(tensor, Symbol) else keys[0])

    def _depends(self, of: _Place, wrt: _Place, span: Span) -> bool:
        """Whether a derivative can be other than 0; the wrong way round is a slip."""
        if wrt.tensor in self._needs(of.tensor):
            return True
        turned = of.tensor in self._needs(wrt.tensor)
        self.scope.reporter.error(
            f"`{of.key}` does not depend on `{wrt.key}`",
            span,
            hint=f"did you mean `d{wrt.key}/d{of.key}`?" if turned else "",
        )
        return False

    def _needs(self, key: str) -> set[str]:
        """A quantity and everything that it is computed from."""
        found, waiting = {key}, [key]
        while waiting:
            node = self.nodes.get(waiting.pop())
            new = set(symbols(node.formula)) - found if node else set[str]()
            found |= new
            waiting += new
        return found


@dataclass(frozen=True, slots=True)
class _Via:
    """The entry that a derivative is taken through, and how that is said."""

    key: str
    words: str


@dataclass(frozen=True, slots=True)
class _Place:
    """The key of one number, and of the tensor that holds it."""

    key: str
    tensor: str
