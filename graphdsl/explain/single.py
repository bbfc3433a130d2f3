"""Trace + one name -> Document: how one value, derivative or update is found, in full; chooses no digits and no format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from graphdsl import __version__
from graphdsl.derive.derivative import raw_derivative
from graphdsl.derive.evaluate import evaluate
from graphdsl.diagnostics import Diagnostic, SpecError, did_you_mean
from graphdsl.document import Block, Derivation, Document, Inlines, Item, Line, Math, Note, Section, Text
from graphdsl.explain.lines import Lines, Saying, after_symbol, chain
from graphdsl.explain.updating import UPDATES, update_lines
from graphdsl.explain.worked import PRODUCT, Pass, numeral, worked
from graphdsl.expr import ONE, Expr, Partial, Symbol, equals, symbols
from graphdsl.graph import Graph, entry_symbols
from graphdsl.names import canonical, entry_key
from graphdsl.numbers import Decimal50, NumberMistake, indices, scalar
from graphdsl.phrases import Phrases
from graphdsl.routes import total_derivative
from graphdsl.syntax import DataKind
from graphdsl.trace import Round, Sample, Trace

MOST_BETWEEN = 24
"""Up to so many derivatives between a name and the objective are all shown; of more, those that are used at once."""

Kind = Literal["value", "gradient", "update", "updates"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be explained, by keys of the graph; `of` is empty where no derivative is asked for."""

    kind: Kind
    key: str
    of: str
    step: int


def single(trace: Trace, phrases: Phrases, name: str, step: int | None = None) -> Document:
    """How one name is found in one round: `dE/dw13`, `H1`, `hidden1.W[2,1]`, `w13.after`, `updates`. SpecError if it is none."""
    asked = _asked(trace, name, step)
    story = _Single(trace, phrases, asked)
    model = trace.graph.model
    return Document(
        title=model.title or phrases.words("untitled"),
        subtitle=story.subtitle(),
        blocks=tuple(story.blocks()),
        colophon=phrases.say("colophon_program", version=__version__),
        language=phrases.language,
    )


# What was asked for.


def plain_name(text: str) -> str:
    """A name or derivative as typed, in the form by which it is compared: dE/dw13, W[2,1]."""
    words = re.sub(r"\s+", "", text)
    words = re.sub(r"\]\[", ",", words)
    over = _OVER.fullmatch(words)
    return f"d{canonical(over['of'])}/d{canonical(over['wrt'])}" if over else canonical(words)


_OVER = re.compile(r"[d∂](?P<of>[^/]+)/[d∂](?P<wrt>[^/]+)")
_AFTER = re.compile(r"(?P<of>.+)\.after(?P<count>\d*)")


def _asked(trace: Trace, name: str, step: int | None) -> Asked:
    known = _known(trace.graph)
    wanted = plain_name(name)
    if wanted in known:
        return Asked("value", known[wanted], "", _step(trace, step, values=True))
    if wanted == UPDATES:
        _need_training(trace, name)
        return Asked("updates", "", "", _step(trace, step))
    if after := _AFTER.fullmatch(wanted):
        return _after(trace, name, _key(after["of"], known, trace.graph), after["count"], step)
    if over := _OVER.fullmatch(wanted):
        of, wrt = (_key(over[part], known, trace.graph) for part in ("of", "wrt"))
        _must_depend(trace.graph, of, wrt)
        return Asked("gradient", wrt, of, _step(trace, step))
    raise _unknown(wanted, known, trace.graph)


def _known(graph: Graph) -> dict[str, str]:
    """Every name of an entry, as it is compared, and its key; an entry with a name of its own has two."""
    tensors = [q.symbol for q in graph.model.quantities] + [node.symbol for node in graph.model.nodes]
    found = {
        canonical(entry_key(tensor.key, index)): entry.key
        for tensor in tensors
        for index, entry in zip(indices(tensor.shape), entry_symbols(tensor), strict=True)
    }
    return found | {canonical(key): key for key in graph.symbols}


def _key(name: str, known: dict[str, str], graph: Graph) -> str:
    if name not in known:
        raise _unknown(name, known, graph)
    return known[name]


def _unknown(name: str, known: dict[str, str], graph: Graph) -> SpecError:
    tensors = [q.symbol for q in graph.model.quantities] + [node.symbol for node in graph.model.nodes]
    for tensor in tensors:
        if tensor.shape and canonical(tensor.key) == name:
            first, *_, last = entry_symbols(tensor)
            return refused(f"`{name}` has several entries", f"say which one, from `{first.key}` to `{last.key}`")
    return refused(f"nothing here is called `{name}`", did_you_mean(name, known))


def _after(trace: Trace, name: str, key: str, count: str, step: int | None) -> Asked:
    """`w13.after`: the update of a parameter, the last one if nothing else is said; `E.after2`: a value after two updates."""
    _need_training(trace, name)
    rounds = trace.count
    number = int(count) if count else step if step is not None else rounds
    if not 1 <= number <= rounds:
        raise refused(f"there is no update {number}: {counted(rounds)}")
    if key not in trace.rounds[-1].updates:
        if key not in trace.graph.computed:
            raise refused(f"`{key}` is not trained, so nothing changes it")
        return Asked("value", key, "", number + 1)
    return Asked("update", key, "", number)


def _need_training(trace: Trace, name: str) -> None:
    if trace.graph.model.training is None:
        raise refused(f"there is no `{name}`, for nothing is trained here")


def _step(trace: Trace, step: int | None, values: bool = False) -> int:
    """The round that is asked for; values exist also after the last update."""
    rounds = trace.count
    last = rounds + (values and trace.final is not None)
    number = 1 if step is None else step
    if 1 <= number <= last:
        return number
    hint = "gradients are computed before each update" if number == rounds + 1 and trace.final is not None else ""
    raise refused(f"there is no round {number}: {counted(rounds)}", hint)


def counted(rounds: int) -> str:
    """How many rounds there are, in words."""
    return "there is only one" if rounds == 1 else f"there are {rounds}"


def _must_depend(graph: Graph, of: str, wrt: str) -> None:
    """Whether a derivative can be other than 0; the wrong way round is a slip."""
    import networkx as nx

    if of not in graph.computed or not nx.has_path(graph.entries, wrt, of):
        turned = wrt in graph.computed and nx.has_path(graph.entries, of, wrt)
        raise refused(f"`{of}` does not depend on `{wrt}`", f"did you mean `d{wrt}/d{of}`?" if turned else "")


def refused(message: str, hint: str = "") -> SpecError:
    """A question that has no answer here."""
    return SpecError([Diagnostic(message, hint=hint)])


# What is said.


class _Single:
    """The blocks that explain one name."""

    def __init__(self, trace: Trace, phrases: Phrases, asked: Asked):
        self.trace = trace
        self.graph = trace.graph
        self.phrases = phrases
        self.asked = asked
        self.lines = Lines(_pass(trace, asked), phrases, asked.step)

    def subtitle(self) -> Inlines:
        """Round 2: ∂E/∂w₁₃"""
        what = self._what()
        if self.asked.step > self.trace.count:
            return self.phrases.say("updated_pass_of", part=what)
        if self.trace.count > 1:
            return self.phrases.say("in_round", number=self.asked.step, part=what)
        return what

    def _what(self) -> Inlines:
        names, asked = self.graph.symbols, self.asked
        match asked.kind:
            case "gradient":
                return (Math(Partial(names[asked.of], names[asked.key])),)
            case "value":
                return (Math(names[asked.key]),)
            case "update":
                return (Math(after_symbol(names[asked.key])),)
            case "updates":
                return self.phrases.say("update")
        assert_never(asked.kind)

    def blocks(self) -> Iterator[Block]:
        match self.asked.kind:
            case "gradient":
                yield from self._gradient(self.asked.of, self.asked.key)
            case "value":
                yield from self._value(self.asked.key)
            case "update":
                yield from self._updates([self.asked.key])
            case "updates":
                yield from self._updates(list(self._round.updates))

    # A derivative.

    def _gradient(self, of: str, key: str) -> Iterator[Block]:
        if of == key:
            yield Derivation((self._seed(of),))
            return
        above = self._between(of, key)
        values = self._named_in([*above, key])
        yield from self._needed(values, [self._gradient_line(of, use, set(above)) for use in above])
        if local := list(self._locals(of, key)):
            yield self._section("local_derivatives", local)
        saying = Saying(rule=True, paths=True)
        yield self._section("chain_rule", [self.lines.gradient(of, key, saying)])

    def _seed(self, of: str) -> Line:
        symbol = self.graph.symbols[of]
        return Line(equals(Partial(symbol, symbol), ONE), self.phrases.say("seed"), f"d{of}/d{of}@{self.asked.step}")

    def _gradient_line(self, of: str, key: str, near: Iterable[str]) -> Line:
        return self.lines.gradient(of, key, Saying(rule=True, near=frozenset(near)))

    def _between(self, of: str, key: str) -> list[str]:
        """The entries on the way from the objective down to the name; of a great many, those that use it."""
        import networkx as nx

        entries = self.graph.entries
        between = nx.descendants(entries, key) & nx.ancestors(entries, of)
        if len(between) > MOST_BETWEEN:
            between &= set(entries.successors(key))
        return [k for k in reversed(list(self.graph.computed)) if k in between]

    def _named_in(self, keys: Sequence[str]) -> list[str]:
        """The names that the derivatives of these entries use, in the order of the text."""
        formulas: list[Expr] = []
        for key in keys:
            for use in self.lines.uses(self.asked.of, key):
                formulas.append(self.graph.local(use, key))
                if use == self.asked.of:
                    formulas.append(raw_derivative(self.graph.formula(use), key))
        named = {name for formula in formulas for name in symbols(formula)}
        return [key for key in self.graph.symbols if key in named]

    def _locals(self, of: str, key: str) -> Iterator[Line]:
        """∂z₃/∂w₁₃ = H₁ = 1.15, for each entry that uses the name."""
        at = self.lines.at
        env = {name: scalar(value) for name, value in at.sample.values.items()}
        uses = self.lines.uses(of, key)
        for use in uses:
            if uses == [of]:
                continue  # its line is the chain rule's own
            formula = self.graph.local(use, key)
            done = worked(formula, at)
            value = numeral(evaluate(formula, env, Decimal50()).item, PRODUCT)
            partial = self.lines.partial(use, key, local=True)
            yield Line(chain([partial, formula, done.expr, value]), self.lines.because(done.conditions))

    # A value.

    def _value(self, key: str) -> Iterator[Block]:
        import networkx as nx

        step = self.asked.step
        before = self.trace.round(step - 1) if step > 1 else None
        if before is not None and key in before.updates:
            yield from _Single(self.trace, self.phrases, Asked("update", key, "", step - 1)).blocks()
            return
        below = nx.ancestors(self.graph.entries, key) | {key}
        yield from self._given([k for k in self.graph.symbols if k in below and k not in self.graph.computed])
        found = [k for k in self.graph.computed if k in below]
        if found:
            yield Derivation(tuple(self.lines.value(k, Saying()) for k in found))

    # An update.

    @property
    def _round(self) -> Round:
        return kept(self.trace, self.asked.step)

    def _updates(self, keys: Sequence[str]) -> Iterator[Block]:
        model = self.graph.model
        assert model.training is not None and model.loss is not None, "what is updated is trained"
        near = frozenset(self.graph.symbols)
        yield Note("given", self.phrases.say("given"), (*self._items(keys), *self._settings()))
        yield self._section("needed", [self._gradient_line(model.loss.key, key, near) for key in keys])
        at, round_ = self.lines.at, self._round
        worked_out = [line for key in keys for line in update_lines(key, round_, at, model.training, Saying())]
        yield self._section("update", worked_out)

    def _settings(self) -> Iterator[Item]:
        training = self.graph.model.training
        for key, value in training.settings.items() if training else ():
            yield Item((), (Math(equals(Symbol(key), numeral(value, key, True))),))

    # Their parts.

    def _needed(self, values: Sequence[str], gradients: Sequence[Line]) -> Iterator[Block]:
        """What is given, and in a line each the values and derivatives found before."""
        yield from self._given([key for key in values if key not in self.graph.computed])
        computed = [self.lines.value(key, Saying()) for key in values if key in self.graph.computed]
        blocks = tuple(Derivation(tuple(lines)) for lines in (computed, gradients) if lines)
        if blocks:
            yield Section(self.phrases.say("needed"), blocks)

    def _given(self, keys: Sequence[str]) -> Iterator[Note]:
        items = tuple(self._items(keys))
        if items:
            yield Note("given", self.phrases.say("given"), items)

    def _items(self, keys: Sequence[str]) -> Iterator[Item]:
        for kind, (one, many) in _KINDS.items():
            own = [key for key in keys if self._kind(key) == kind]
            if not own:
                continue
            after = kind == "param" and self.asked.step > 1
            count = self.asked.step - 1
            when = self.phrases.say("after_updates_one" if count == 1 else "after_updates_many", count=count)
            term = self.phrases.say(one if len(own) == 1 else many)
            yield Item((*term, *when) if after else term, self._listed(own))

    def _listed(self, keys: Sequence[str]) -> Inlines:
        words: list[Text | Math] = []
        for i, key in enumerate(keys):
            words += [Text(self.phrases.words("between_values"))] if i else []
            words.append(Math(equals(self.graph.symbols[key], self.lines.at.value(key))))
        return tuple(words)

    def _kind(self, key: str) -> DataKind:
        own = (q for q in self.graph.model.quantities if any(e.key == key for e in entry_symbols(q.symbol)))
        return next(own).kind

    def _section(self, title: str, lines: Sequence[Line]) -> Section:
        words = self.phrases.words(title)
        return Section((Text(words[:1].upper() + words[1:]),), (Derivation(tuple(lines)),))


_KINDS: Mapping[DataKind, tuple[str, str]] = {
    "input": ("input", "inputs"),
    "target": ("target", "targets"),
    "param": ("parameter_word", "parameters"),
    "const": ("constant_word", "constants"),
}


# The numbers.


def _pass(trace: Trace, asked: Asked) -> Pass:
    """The pass of a round, or the one after the last update, with the derivatives that are asked for."""
    graph = trace.graph
    sample = kept(trace, asked.step).samples[0] if asked.step <= trace.count else trace.final
    assert sample is not None, "there is a pass after the last update only where something was trained"
    if asked.of and asked.key not in sample.gradients.get(asked.of, {}):
        sample = _with_gradients(graph, sample, asked.of, asked.key)
    changed = {entry.key for q in graph.model.quantities if q.trained for entry in entry_symbols(q.symbol)}
    data = {key for key in graph.symbols if key not in graph.computed}
    return Pass(graph, sample, frozenset(data if asked.step == 1 else data - changed))


def kept(trace: Trace, number: int) -> Round:
    """A round; of a long training, not every one is kept."""
    found = trace.round(number)
    if found is None:
        kept = ", ".join(str(r.number) for r in trace.rounds)
        raise refused(f"round {number} was computed and not kept", f"kept are the rounds {kept}")
    return found


def _with_gradients(graph: Graph, sample: Sample, of: str, key: str) -> Sample:
    """The pass with the derivatives of an entry that is no objective, from it down to the name."""
    import networkx as nx

    entries = graph.entries
    between = (nx.descendants(entries, key) | {key}) & (nx.ancestors(entries, of) | {of})
    try:
        found = {k: total_derivative(graph, of, k, sample.values, Decimal50()) for k in between}
    except NumberMistake as mistake:
        raise refused(f"`d{of}/d{key}` has no value: {mistake.message}", mistake.hint) from None
    return replace(sample, gradients={**sample.gradients, of: {**found, **sample.gradients.get(of, {})}})
