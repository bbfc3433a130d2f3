"""Trace -> Document: which steps to show, in what order, with which words. Never a format, never a digit."""

from __future__ import annotations

from graphdsl import __version__
from graphdsl.diagram import Diagram
from graphdsl.document import Block, Derivation, Document, Figure, Inlines, Math, Paragraph, Section, Text
from graphdsl.explain.forward_mode import forward_mode
from graphdsl.explain.front import conventions, given
from graphdsl.explain.letters import in_letters
from graphdsl.explain.lines import Lines
from graphdsl.explain.matrix import MatrixLines, MatrixPasses, Tensors, acts_on_entries, in_matrices
from graphdsl.explain.nudges import nudges
from graphdsl.explain.order import Order
from graphdsl.explain.passes import Passes
from graphdsl.explain.questions import answers, opening, tasks, with_remarks
from graphdsl.explain.symmetry import Colours, colours
from graphdsl.explain.tables import published, results, rounds, update
from graphdsl.explain.worked import Pass, numeral
from graphdsl.expr import Symbol
from graphdsl.graph import Graph, entry_symbols
from graphdsl.model import Model, Style, Training
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases
from graphdsl.trace import Check, Round, Sample, Trace, Verdict

__all__ = ["explain"]

MOST_ROUNDS = 4
"""Up to so many rounds are written out; of a longer training the first two and the last."""


def explain(
    trace: Trace,
    check: Check,
    verdicts: tuple[Verdict, ...],
    phrases: Phrases,
    diagram: Diagram | None,
    style: Style = "scalar",
) -> Document:
    """The worked solution of a run, entry by entry or tensor by tensor."""
    model = trace.graph.model
    story = _MatrixStory(trace, phrases) if style == "matrix" else _Story(trace, phrases)
    blocks: list[Block] = [*opening(model)]
    blocks += [] if diagram is None else [_figure(diagram, trace.graph, phrases)]
    blocks += story.front()
    blocks += story.brief() if len(trace.graph.symbols) > MOST_ENTRIES else [*story.rounds(), *story.ending()]
    if not model.letters:
        blocks += story.views()
        blocks += answers(trace, story.first_pass(), phrases)
    blocks += published(verdicts, trace.graph.symbols, phrases)
    return Document(
        title=model.title or phrases.words("untitled"),
        subtitle=_subtitle(model, phrases),
        blocks=with_remarks(blocks, model.remarks, phrases),
        colophon=_colophon(model, check, phrases),
        language=phrases.language,
    )


MOST_ENTRIES = 2_000
"""A net of more named numbers is not written out step by step."""


class _Story:
    """The rounds, one after the other, and what follows the last."""

    def __init__(self, trace: Trace, phrases: Phrases):
        self.trace = trace
        self.graph = trace.graph
        self.phrases = phrases
        self.order = Order(trace.graph)
        self.colours: Colours = colours(trace.graph)
        given_instead = self.graph.model.overrides
        self.data = frozenset(k for k in self.graph.symbols if k not in self.graph.computed or k in given_instead)

    def first_pass(self) -> Pass:
        """The pass before any update."""
        return Pass(self.graph, self.trace.rounds[0].samples[0], self.data, bool(self.graph.model.letters))

    def views(self) -> list[Block]:
        """The forward modes and nudges that are wanted."""
        model, at = self.graph.model, self.first_pass()
        blocks = [forward_mode(at, key, self.phrases) for key in model.tangents]
        changed = [nudges(at, self.trace.rounds[0], model.nudges, self.phrases)] if model.nudges else []
        return [*blocks, *changed]

    def front(self) -> list[Block]:
        """What is given, what is asked, and the conventions that hold."""
        noted = given(self.graph, self.phrases)
        return [noted, *tasks(self.graph, self.phrases), conventions(self.graph, self.phrases)]

    def rounds(self) -> list[Block]:
        """Every round in full, or the first two and the last."""
        total = len(self.trace.rounds)
        shown = range(total) if total <= MOST_ROUNDS else [0, 1, total - 1]
        blocks: list[Block] = []
        for i in shown:
            if i > 1 and total > MOST_ROUNDS:
                blocks.append(Paragraph(self.phrases.say("rounds_between", first=3, last=total - 1)))
            blocks += self._round(self.trace.rounds[i])
        return blocks

    def _round(self, round_: Round) -> list[Block]:
        passes = self._passes(round_.samples[0], round_.number)
        blocks: list[Block] = [self._forward(round_, passes)]
        for objective in self.graph.model.objectives:
            loss = self.graph.model.loss
            other = (loss is not None and objective != loss) or len(self.graph.model.objectives) > 1
            title = self.phrases.say("backward_of" if other else "backward", objective=Math(objective))
            blocks.append(self._part("backward", title, round_.number, passes.backward(objective.key)))
        training = self.graph.model.training
        if training is not None:
            worked = self._update(round_, passes, training)
            blocks.append(self._part("update", self.phrases.say("update"), round_.number, worked))
        return blocks

    def _update(self, round_: Round, passes: Passes | MatrixPasses, training: Training) -> tuple[Block, ...]:
        return update(round_, passes.lines.at, training, self.phrases, self.colours)

    def _pass(self, sample: Sample, number: int) -> Pass:
        changed = {e.key for q in self.graph.model.quantities if q.trained for e in entry_symbols(q.symbol)}
        known = self.data if number == 1 else self.data - changed
        return Pass(self.graph, sample, frozenset(known), bool(self.graph.model.letters))

    def _passes(self, sample: Sample, number: int) -> Passes | MatrixPasses:
        at = self._pass(sample, number)
        return Passes(Lines(at, self.phrases, number), self.order, self.colours, number == 1)

    def _part(self, anchor: str, title: Inlines, number: int, blocks: tuple[Block, ...]) -> Section:
        if len(self.trace.rounds) > 1:
            title = self.phrases.say("in_round", number=number, part=title)
        return Section(_capitalised(title), blocks, f"{anchor}@{number}")

    def _forward(self, round_: Round, passes: Passes | MatrixPasses) -> Section:
        blocks = self._referring(round_.number, passes.forward())
        return self._part("forward", self.phrases.say("forward"), round_.number, blocks)

    def _referring(self, number: int, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        """Later rounds point back to the formulas and the symmetries of the first."""
        if number != 2:
            return blocks
        symmetric = len(set(self.colours.values())) < len(self.colours)
        key = "symmetries_of_round_one" if symmetric else "formulas_of_round_one"
        return (Paragraph(self.phrases.say(key)), *blocks)

    def brief(self) -> list[Block]:
        """Of a net too large for a page: how the error went."""
        words = Paragraph(self.phrases.say("too_large", count=len(self.graph.symbols)))
        if self.trace.final is None:
            return [words]
        return [
            Section(self.phrases.say("results"), (words, *rounds(self.trace, self.phrases, {}, few=True)), "results")
        ]

    def ending(self) -> list[Block]:
        """The pass with the last parameters and the table of rounds; of a circuit, the table of results."""
        if self.graph.model.letters:
            return self._in_letters()
        if self.trace.final is None:
            return self._summary()
        passes = self._passes(self.trace.final, len(self.trace.rounds) + 1)
        return [
            Section(self.phrases.say("updated_pass"), passes.forward(), f"forward@{passes.lines.number}"),
            Section(self.phrases.say("results"), self._results(), "results"),
        ]

    def _in_letters(self) -> list[Block]:
        return list(in_letters(self.graph, self.phrases))

    def _summary(self) -> list[Block]:
        at = Pass(self.graph, self.trace.rounds[-1].samples[0], self.data)
        return [Section(self.phrases.say("results"), (results(at, self.phrases),), "results")]

    def _results(self) -> tuple[Block, ...]:
        return rounds(self.trace, self.phrases, self.colours)


class _MatrixStory(_Story):
    """The same story, tensor by tensor: no entry is told apart from its neighbours."""

    def __init__(self, trace: Trace, phrases: Phrases):
        super().__init__(trace, phrases)
        self.tensors = Tensors(trace.graph)

    def front(self) -> list[Block]:
        note, conventional = given(self.graph, self.phrases), conventions(self.graph, self.phrases)
        asked = tasks(self.graph, self.phrases)
        told = in_matrices(note, self.graph, self.phrases), acts_on_entries(conventional, self.graph, self.phrases)
        return [told[0], *asked, told[1]]

    def _passes(self, sample: Sample, number: int) -> MatrixPasses:
        lines = MatrixLines(self.tensors, self._pass(sample, number), self.phrases, number)
        return MatrixPasses(lines, number == 1)

    def _update(self, round_: Round, passes: Passes | MatrixPasses, training: Training) -> tuple[Block, ...]:
        assert isinstance(passes, MatrixPasses), "a page has one style"
        return passes.update(round_, training)

    def _in_letters(self) -> list[Block]:
        passes = self._passes(self.trace.rounds[0].samples[0], 1)
        lines = [line for o in self.graph.model.objectives for line in passes.in_letters(o.key)]
        return [Section(self.phrases.say("in_letters"), (Derivation(tuple(lines)),), "letters")] if lines else []

    def _summary(self) -> list[Block]:
        return []  # every line says its whole array already

    def _results(self) -> tuple[Block, ...]:
        return rounds(self.trace, self.phrases, {}, few=True)


def _capitalised(words: Inlines) -> Inlines:
    first = words[0]
    if isinstance(first, Text):
        return (Text(first.words[:1].upper() + first.words[1:]), *words[1:])
    return words


def _subtitle(model: Model, phrases: Phrases) -> Inlines:
    parts: list[Inlines] = [phrases.say("worked_solution")] if model.title else []
    if model.credit:
        parts.append(phrases.say("credit", credit=model.credit))
    if model.training is not None:
        steps = model.training.steps
        parts.append(phrases.say("updates_one" if steps == 1 else "updates_many", count=steps))
    found: list[Text | Math] = []
    for i, part in enumerate(parts):
        found += [Text(" · ")] if i else []
        found += [piece for piece in part if isinstance(piece, Text | Math)]
    return tuple(found)


_KINDS_OF_GRAPH = (
    (("datum",), "alt_inputs"),
    (("name",), "alt_parameters"),
    (("formula",), "alt_circuit_units"),
    (("result",), "alt_circuit_outputs"),
)

_SHOWN = {
    "network": (("input", "alt_inputs"), ("unit", "alt_units"), ("output", "alt_outputs")),
    "circuit": (("input", "alt_inputs"), ("unit", "alt_circuit_units"), ("output", "alt_circuit_outputs")),
}


def _figure(diagram: Diagram, graph: Graph, phrases: Phrases) -> Figure:
    """The drawing, and in words what it shows."""
    if diagram.view == "graph":
        return _graph(diagram, phrases)
    net = graph.model.loss is not None or any(graph.is_argument(key) for key in graph.computed)
    what = "network" if net else "circuit"
    told: list[str] = []
    for kind, key in _SHOWN[what]:
        names = [box.label.key for box in diagram.boxes if box.kind == kind and isinstance(box.label, Symbol)]
        told += [phrases.words(key, names=", ".join(names))] if names else []
    return Figure(diagram, phrases.say(f"{what}_caption"), phrases.words(f"{what}_alt", units="; ".join(told)))


def _graph(diagram: Diagram, phrases: Phrases) -> Figure:
    """The graph of tensors."""
    told: list[str] = []
    for kinds, key in _KINDS_OF_GRAPH:
        names = [box.id for box in diagram.boxes if box.kind in kinds]
        told += [phrases.words(key, names=", ".join(names))] if names else []
    return Figure(diagram, phrases.say("tensors_caption"), phrases.words("circuit_alt", units="; ".join(told)))


def _colophon(model: Model, check: Check, phrases: Phrases) -> Inlines:
    words: list[Inlines] = []
    if check.compared:
        routes = len(check.routes)
        difference = Math(numeral(Num(check.max_difference, not check.max_difference), ""))
        key = "colophon_letters" if model.letters else "colophon_check"
        words.append(phrases.say(key, compared=check.compared, routes=routes, difference=difference))
    if check.skipped:
        key = "colophon_given" if model.overrides or model.upstream else "colophon_skipped"
        words.append(phrases.say(key, skipped=check.skipped))
    if check.sampled:
        words.append(phrases.say("colophon_sampled"))
    words.append(phrases.say("colophon_program", version=__version__))
    return tuple(part for i, item in enumerate(words) for part in ((Text(" "),) if i else ()) + item)
