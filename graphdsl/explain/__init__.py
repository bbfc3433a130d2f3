"""Trace -> Document: which steps to show, in what order, with which words. Never a format, never a digit."""

from __future__ import annotations

from dataclasses import replace

from graphdsl import __version__
from graphdsl.diagram import Diagram
from graphdsl.document import Block, Derivation, Document, Figure, Inlines, Math, Paragraph, Section, Text
from graphdsl.explain.contributions import contributions
from graphdsl.explain.deltas import deltas, with_deltas
from graphdsl.explain.directions import otherwise
from graphdsl.explain.drawings import Drawings
from graphdsl.explain.forward_mode import forward_mode
from graphdsl.explain.front import conventions, given
from graphdsl.explain.letters import in_letters
from graphdsl.explain.lines import Lines
from graphdsl.explain.matrix import MatrixLines, MatrixPasses, Tensors, acts_on_entries, in_matrices, on_arrays
from graphdsl.explain.measure import MEASURES
from graphdsl.explain.notices import with_notices
from graphdsl.explain.nudges import nudges
from graphdsl.explain.order import Order
from graphdsl.explain.papers import footed, marking, sheet
from graphdsl.explain.passes import Passes
from graphdsl.explain.questions import answers, opening, tasks, with_remarks
from graphdsl.explain.rules import rules_used
from graphdsl.explain.samples import Batch, all_samples, given_samples, is_batch
from graphdsl.explain.symmetry import Colours, colours
from graphdsl.explain.tables import published, results, rounds, rounds_between
from graphdsl.explain.trace_table import node_table, trace_table
from graphdsl.explain.updating import holds_arrays, is_plain, update
from graphdsl.explain.worked import Pass, numeral
from graphdsl.expr import Symbol
from graphdsl.graph import Graph, entry_symbols
from graphdsl.hull import answers as answers_of
from graphdsl.hull import tasks_of
from graphdsl.model import Model, Training
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases
from graphdsl.report import PARTS, Part, Report
from graphdsl.trace import Check, Round, Sample, Trace, Verdict

__all__ = ["explain"]


def explain(
    trace: Trace,
    check: Check,
    verdicts: tuple[Verdict, ...],
    phrases: Phrases,
    diagram: Diagram | None,
    report: Report | None = None,
) -> Document:
    """The worked solution of a run; `report` says what the page is to be, whatever the spec asks."""
    model = trace.graph.model
    wanted = report or model.report
    small_print = _colophon(model, check, phrases)
    if wanted.paper == "question":
        figure = None if diagram is None else _figure(diagram, trace.graph, phrases)
        return sheet(trace, figure, phrases, wanted, small_print)
    if wanted.paper == "key":
        return marking(trace, answers_of(trace, tasks_of(model)), phrases, wanted, small_print)
    story = _Story(trace, phrases, wanted)
    blocks: list[Block] = [*opening(model)]
    blocks += [] if diagram is None or wanted.figures == "none" else [_figure(diagram, trace.graph, phrases)]
    blocks += story.front()
    blocks += story.brief() if len(trace.graph.symbols) > MOST_ENTRIES else [*story.rounds(), *story.ending()]
    if wanted.notices:
        blocks = with_notices(blocks, trace, story.colours, phrases)
    if not model.letters:
        blocks += story.views()
        blocks += answers(trace, story.first_pass(), phrases)
    blocks = _with_published(blocks, published(verdicts, trace.graph.symbols, phrases))
    blocks += rules_used(trace.graph, wanted, phrases) if wanted.rules else []
    return Document(
        title=model.title or phrases.words("untitled"),
        subtitle=_subtitle(trace, phrases),
        blocks=with_remarks(blocks, model.remarks, phrases),
        colophon=footed(wanted, small_print),
        language=phrases.language,
        page=wanted.page,
    )


def _with_published(blocks: list[Block], found: tuple[Section, ...]) -> list[Block]:
    """The page with its published numbers: a section of their own, or, without a heading, the end of the results."""
    last = blocks[-1] if blocks else None
    if found and not found[0].title and isinstance(last, Section) and last.anchor == "results":
        return [*blocks[:-1], replace(last, blocks=(*last.blocks, *found))]
    return [*blocks, *found]


MOST_ENTRIES = 2_000
"""A net of more named numbers is not written out step by step."""


class _Story:
    """The rounds, one after the other, and what follows the last."""

    def __init__(self, trace: Trace, phrases: Phrases, report: Report):
        self.trace = trace
        self.graph = trace.graph
        self.report = report
        self.phrases = phrases
        self.order = Order(trace.graph)
        self.tensors = Tensors(trace.graph)
        self.deltas = deltas(trace.graph) if self._says_deltas() else {}
        self.drawings = Drawings(trace, phrases, report.figures)
        self.colours: Colours = _told_apart(trace.graph) if _by_thresholds(trace.graph) else colours(trace.graph)
        given_instead = self.graph.model.overrides
        self.opens = min(report.in_full.rounds(trace.count), default=1)
        self.data = frozenset(k for k in self.graph.symbols if k not in self.graph.computed or k in given_instead)

    def first_pass(self) -> Pass:
        """The pass before any update."""
        return Pass(self.graph, self.trace.rounds[0].samples[0], self.data, bool(self.graph.model.letters))

    def views(self) -> list[Block]:
        """The forward modes and nudges that are wanted."""
        report, at = self.report, self.first_pass()
        blocks = [forward_mode(at, key, self.phrases) for key in report.tangents]
        changed = [nudges(at, self.trace.rounds[0], report.nudges, self.phrases)] if report.nudges else []
        return [*blocks, *changed]

    def _says_deltas(self) -> bool:
        """Whether the backward pass is told by δs; a rule that learns by other numbers has δs of its own."""
        return self.report.style_of("backward") == "delta" and not any(round_.raw for round_ in self.trace.rounds)

    @property
    def in_arrays(self) -> bool:
        """Whether a part of the page is written in matrices."""
        return any(self.report.style_of(part) == "matrix" for part in PARTS)

    def front(self) -> list[Block]:
        """What is given, what is asked, and the conventions that hold."""
        note, conventional = given(self.graph, self.phrases), conventions(self.trace, self.phrases)
        if self.deltas:
            conventional = with_deltas(conventional, self.graph, self.deltas, self.phrases)
        between = (*given_samples(self.graph, self.phrases), *tasks(self.graph, self.phrases))
        if not self.in_arrays:
            return [note, *between, conventional]
        told = in_matrices(note, self.graph, self.phrases), acts_on_entries(conventional, self.graph, self.phrases)
        return [told[0], *between, *on_arrays(self.graph, self.phrases), told[1]]

    def rounds(self) -> list[Block]:
        """The rounds that are written out, and between them what is left out."""
        kept = {round_.number: round_ for round_ in self.trace.rounds}
        blocks: list[Block] = []
        before = 0
        for number in self.report.in_full.rounds(self.trace.count):
            if number not in kept:  # of a long training, a page asks for a round that its spec did not
                continue
            blocks += rounds_between(self.trace, before + 1, number - 1, self.phrases)
            blocks += self._round(kept[number])
            before = number
        return [*blocks, *rounds_between(self.trace, before + 1, self.trace.count, self.phrases)]

    def _round(self, round_: Round) -> list[Block]:
        sample = round_.samples[0]
        at = self._pass(sample, round_.number)
        batch = len(round_.samples) > 1
        told = sample if batch else None
        blocks: list[Block] = [self._forward(round_, at, told)]
        backward = self._passes(at, round_.number, "backward")
        for objective in self.graph.model.objectives:
            loss = self.graph.model.loss
            other = (loss is not None and objective != loss) or len(self.graph.model.objectives) > 1
            title = self.phrases.say("backward_of" if other else "backward", objective=Math(objective))
            inner = self.drawings.paths(backward.backward(objective.key), objective, round_)
            found = (*inner, *self._contributions(at, objective, round_))
            blocks.append(self._part("backward", title, round_, found, told))
        if is_batch(round_, self.graph.model):
            blocks.append(self._batch(round_, at))
        training = self.graph.model.training
        if training is not None and round_.raw:
            blocks.append(
                self._part(
                    "direction",
                    self.phrases.say("directions"),
                    round_,
                    otherwise(round_, at, training, self.phrases),
                )
            )
        if training is not None:
            blocks.append(self._part("update", self.phrases.say("update"), round_, self._update(round_, at, training)))
        return blocks

    def _contributions(self, at: Pass, objective: Symbol, round_: Round) -> tuple[Block, ...]:
        first = round_.number == self.opens
        return contributions(at, objective.key, self.phrases, self.report.contributions, first)

    def _update(self, round_: Round, at: Pass, training: Training) -> tuple[Block, ...]:
        measure = MEASURES[self.report.detail_of("update")]
        passes = self._passes(at, round_.number, "update")
        plain = is_plain(training, round_, self.graph.model) and holds_arrays(self.graph.model)
        if isinstance(passes, MatrixPasses) and plain:
            return passes.update(round_, training)
        told = {} if self._all_in_arrays else self.colours
        first = round_.number == self.opens
        return update(round_, at, training, self.phrases, told, measure, self.report.explain, first)

    @property
    def _all_in_arrays(self) -> bool:
        """Whether nothing tells entries apart, so that none are said to be equal by symmetry."""
        return all(self.report.style_of(part) == "matrix" for part in PARTS)

    def _batch(self, round_: Round, at: Pass) -> Section:
        """The other samples, and how the batch's loss and gradients come of all of them."""
        batch = Batch(round_, at, self.phrases)
        several = len(round_.samples) > 1
        tables = (*all_samples(round_.samples, self.graph, self.phrases), *batch.gradients_of_samples())
        words = self.phrases.say("batch" if several else "with_penalty")
        told = MEASURES[self.report.detail_of("backward")].lines or self.graph.model.training is None
        lines = batch.lines() if told else batch.loss_alone()  # the update's table has the batch's gradients too
        return self._part("batch", words, round_, (*(tables if several else ()), *lines))

    def _pass(self, sample: Sample, number: int) -> Pass:
        changed = {e.key for q in self.graph.model.quantities if q.trained for e in entry_symbols(q.symbol)}
        known = self.data if number == 1 else self.data - changed
        return Pass(self.graph, sample, frozenset(known), bool(self.graph.model.letters))

    def _passes(self, at: Pass, number: int, part: Part) -> Passes | MatrixPasses:
        """What writes a part of a round, in its style and with its detail."""
        measure, first, explain = MEASURES[self.report.detail_of(part)], number == self.opens, self.report.explain
        if self.report.style_of(part) == "matrix":
            return MatrixPasses(MatrixLines(self.tensors, at, self.phrases, number), first, measure, explain)
        lines = Lines(at, self.phrases, number, self.deltas)
        return Passes(lines, self.order, self.colours, first, measure, explain)

    def _part(
        self, anchor: str, title: Inlines, round_: Round, blocks: tuple[Block, ...], sample: Sample | None = None
    ) -> Section:
        drawn = self.drawings.stage(anchor, round_)
        return Section(
            _capitalised(self._titled(title, round_, sample)), (*drawn, *blocks), f"{anchor}@{round_.number}"
        )

    def _titled(self, title: Inlines, round_: Round, sample: Sample | None) -> Inlines:
        """Round 2: …, and of which sample where there are several."""
        training, several = self.graph.model.training, len(self.graph.model.samples) > 1
        if several and training is not None and training.batch < training.samples:
            own = [sample] if sample is not None else list(round_.samples)
            key = "in_epoch_sample" if len(own) == 1 else "in_epoch_samples"
            numbers = self.phrases.listed([(Text(str(s.number)),) for s in own])
            return self.phrases.say(key, epoch=round_.epoch, samples=numbers, part=title)
        rounds = self.trace.steps > 1
        if sample is not None:
            key = "in_round_sample" if rounds else "in_sample"
            return self.phrases.say(key, number=round_.number, sample=sample.number, part=title)
        return self.phrases.say("in_round", number=round_.number, part=title) if rounds else title

    def _forward(self, round_: Round, at: Pass, sample: Sample | None) -> Section:
        blocks = self._referring(round_.number, self._passes(at, round_.number, "forward").forward())
        return self._part("forward", self.phrases.say("forward"), round_, blocks, sample)

    def _referring(self, number: int, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        """Later rounds point back to the formulas and the symmetries of the first."""
        measure = MEASURES[self.report.detail_of("forward")]
        if number != 2 or self.opens != 1 or measure.again or not measure.lines:
            return blocks
        symmetric = measure.symmetry and len(set(self.colours.values())) < len(self.colours)
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
            asked = self._asked_table()
            if asked:
                return [Section(self.phrases.say("results"), asked, "results")]
            return [] if len(self.trace.rounds[-1].samples) > 1 else self._summary()
        number = self.trace.steps + 1
        at = self._pass(self.trace.final, number)
        forward = self._passes(at, number, "forward").forward()
        last = forward if len(self.trace.finals) == 1 else self._last_samples(at)
        return [
            Section(self.phrases.say("updated_pass"), last, f"forward@{number}"),
            Section(self.phrases.say("results"), (*self._results(), *self._asked_table()), "results"),
        ]

    def _asked_table(self) -> tuple[Block, ...]:
        """The table of columns or of nodes that the page is asked for."""
        if self.report.nodes:
            return (node_table(self.first_pass(), self.phrases),)
        return trace_table(self.trace, self.report, self.phrases) if self.report.columns else ()

    def _last_samples(self, at: Pass) -> tuple[Block, ...]:
        """Every sample with the last parameters, and the loss over them."""
        last = replace(
            self.trace.rounds[-1], number=self.trace.steps + 1, samples=self.trace.finals, loss=self.trace.loss
        )
        batch = Batch(last, at, self.phrases)
        return (*all_samples(self.trace.finals, self.graph, self.phrases), *batch.loss_alone())

    def _in_letters(self) -> list[Block]:
        if self.report.style_of("backward") != "matrix":
            return list(in_letters(self.graph, self.phrases))
        lines = MatrixLines(self.tensors, self.first_pass(), self.phrases, 1)
        told = [line for o in self.graph.model.objectives for line in MatrixPasses(lines, True).in_letters(o.key)]
        return [Section(self.phrases.say("in_letters"), (Derivation(tuple(told)),), "letters")] if told else []

    def _summary(self) -> list[Block]:
        """All values and derivatives; where arrays are written, every line says its whole array already."""
        if self.in_arrays:
            return []
        at = Pass(self.graph, self.trace.rounds[-1].samples[0], self.data)
        return [Section(self.phrases.say("results"), (results(at, self.phrases),), "results")]

    def _results(self) -> tuple[Block, ...]:
        arrays, bare = self._all_in_arrays, bool(self.report.columns)
        return rounds(self.trace, self.phrases, {} if arrays else self.colours, few=arrays, bare=bare)


def _by_thresholds(graph: Graph) -> bool:
    """Whether what is subtracted is not the gradient, by which symmetry is found."""
    training = graph.model.training
    return training is not None and training.optimizer.learns_otherwise


def _told_apart(graph: Graph) -> Colours:
    """Every entry by itself."""
    return {key: i for i, key in enumerate(graph.symbols)}


def _capitalised(words: Inlines) -> Inlines:
    first = words[0]
    if isinstance(first, Text):
        return (Text(first.words[:1].upper() + first.words[1:]), *words[1:])
    return words


def _subtitle(trace: Trace, phrases: Phrases) -> Inlines:
    model = trace.graph.model
    parts: list[Inlines] = [phrases.say("worked_solution")] if model.title else []
    if model.credit:
        parts.append(phrases.say("credit", credit=model.credit))
    if model.training is not None:
        steps = trace.steps
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
    return phrases.sentences(words)
