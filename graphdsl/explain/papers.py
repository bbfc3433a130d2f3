"""Trace -> a sheet of questions, or a key of results; the sheet bears no number that the spec does not give, no digits are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from graphdsl.document import (
    Block,
    Derivation,
    Document,
    Figure,
    Inlines,
    Item,
    Line,
    Math,
    Note,
    Paragraph,
    Question,
    Room,
    Section,
    Table,
    Text,
)
from graphdsl.explain.front import ARGUMENT, given, needed
from graphdsl.explain.glossary import functions
from graphdsl.explain.letters import in_letters
from graphdsl.explain.lines import after_symbol
from graphdsl.explain.matrix import in_matrices
from graphdsl.explain.questions import letter_of, opening, points_of, question
from graphdsl.explain.samples import batch_symbol, given_samples, numbers_of
from graphdsl.explain.tensors import shown
from graphdsl.explain.worked import PRODUCT, numeral
from graphdsl.expr import Call, Expr, Number, Partial, Symbol, equals, substitute, symbols, walk
from graphdsl.graph import Graph, has_own_entries
from graphdsl.hull import Answer, Asked, asked_in, tasks_of
from graphdsl.model import Model, Node, Task
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases
from graphdsl.report import Report
from graphdsl.trace import Trace

LINES_OF_A_POINT = 2
"""So many lines to write on for each point, and as many for each number where no points are said."""

LEAST_LINES, MOST_LINES = 3, 24


def footed(report: Report, ours: Inlines) -> Inlines:
    """The small print at the foot: ours, the author's, or none, as on a sheet where nothing else was said."""
    said = report.footer or ("none" if report.paper == "question" else "ours")
    return {"none": (), "ours": ours}.get(said, (Text(said),))


# The sheet.


def sheet(trace: Trace, figure: Figure | None, phrases: Phrases, report: Report, small_print: Inlines) -> Document:
    """What is handed out: what is given, a neutral figure, the tasks with room to write."""
    graph, model = trace.graph, trace.graph.model
    note = given(graph, phrases)
    note = in_matrices(note, graph, phrases) if report.style == "matrix" else note
    note = Note(note.kind, note.title, (*note.items, *_layers(model, phrases)))
    blocks: list[Block] = [_name_and_date(model, phrases), *opening(model)]
    blocks += [figure] if figure is not None else []
    blocks += [
        note,
        *given_samples(graph, phrases),
        *_equations(graph, figure is not None, phrases),
        *_functions(graph, phrases),
    ]
    rules = tuple(Item((), words) for words in needed(trace, phrases))
    blocks += [Note("conventions", phrases.say("sheet_conventions"), rules)] if rules else []
    tasks = Section(phrases.say("sheet_tasks"), tuple(_tasks(trace, phrases)), "tasks")
    return Document(
        title=model.title or phrases.words("sheet_untitled"),
        subtitle=(),
        blocks=(*blocks, tasks),
        colophon=footed(report, small_print),
        language=phrases.language,
        page=report.page,
    )


def _name_and_date(model: Model, phrases: Phrases) -> Room:
    blanks = [Item(phrases.say(key), ()) for key in ("sheet_name", "sheet_date")]
    total = total_points(model.tasks)
    if total:
        blanks.append(Item(phrases.say("sheet_points"), phrases.say("sheet_of", points=_number(total))))
    return Room(0, tuple(blanks))


def total_points(tasks: Iterable[Task]) -> Decimal:
    """What all tasks are worth together."""
    return sum((task.points for task in tasks if task.points is not None), Decimal(0))


def _number(points: Decimal) -> Math:
    return Math(Number(points, True, PRODUCT, True))


def _tasks(trace: Trace, phrases: Phrases) -> Iterator[Block]:
    """Every task, with as much room as its work asks for."""
    model, tasks = trace.graph.model, tasks_of(trace.graph.model)
    again = not model.tasks and trace.count > 1
    if again:
        yield Paragraph(phrases.say("sheet_rounds", count=trace.count))
    for i, task in enumerate(tasks):
        letter = phrases.say("task_letter", letter=letter_of(i))
        words = _words(task, trace.graph, phrases)
        yield Question(letter, words, points_of(task, phrases))
        yield Room(_lines(task, trace))


def _lines(task: Task, trace: Trace) -> int:
    work = int(task.points * LINES_OF_A_POINT) if task.points is not None else 2 * len(asked_in(trace, task))
    return min(max(work, LEAST_LINES), MOST_LINES)


def _words(task: Task, graph: Graph, phrases: Phrases) -> Inlines:
    """What is asked, as a sentence."""
    if not graph.model.tasks:
        return _default(task, graph, phrases)
    asked = question(task, graph, phrases)
    return asked if task.text else phrases.say("sheet_compute", names=asked)


def _default(task: Task, graph: Graph, phrases: Phrases) -> Inlines:
    """The words of a task that nobody wrote."""
    model, what = graph.model, task.wanted[0].what
    if what == "forward":
        names = [(Math(unit),) for node in _told(graph) for unit in _called(node.symbol)]
        return phrases.say("sheet_forward", names=phrases.listed([*names]))
    objectives = phrases.listed([(Math(objective),) for objective in model.objectives])
    if what == "gradients":
        own = [(Math(symbol),) for symbol in model.wrt]
        key = "sheet_gradients" if model.training else "sheet_derivatives_by" if own else "sheet_derivatives"
        return phrases.say(key, objective=objectives, names=phrases.listed([*own]))
    return phrases.say("sheet_updates")


def _told(graph: Graph) -> list[Node]:
    """The nodes that an author speaks of: what was made for an activation's argument is none of them."""
    return [node for node in graph.model.nodes if node.role not in ("stand-in", "pre-activation")]


def _called(symbol: Symbol) -> tuple[Symbol, ...]:
    """By which names an author calls what a node makes: its units where they have some."""
    return symbol.parts or (symbol,) if not has_own_entries(symbol) else (symbol,)


def _layers(model: Model, phrases: Phrases) -> Iterator[Item]:
    """Which units have which activation."""
    calls = {part.operation.name: part for node in model.nodes for part in walk(node.formula) if isinstance(part, Call)}
    for layer in model.layers:
        call = calls.get(layer.activation)
        if call is not None and len(call.arguments) == 1:
            units = [(Math(unit),) for unit in layer.units.parts or (layer.units,)]
            own = Math(Call(call.operation, (ARGUMENT,), call.attributes))
            yield Item(phrases.say("sheet_layer"), phrases.say("sheet_units", units=phrases.listed([*units]), own=own))


def _equations(graph: Graph, drawn: bool, phrases: Phrases) -> tuple[Block, ...]:
    """The author's equations, as they were written; what layers make is seen in the figure."""
    model = graph.model
    wanted = {wanted.what for task in model.tasks for wanted in task.wanted}
    of_layers = {layer.units.key for layer in model.layers} if drawn else set[str]()
    of_layers |= {key for node in model.nodes if node.symbol.key in of_layers for key in symbols(node.formula)}
    inner = {n.symbol.key: n.formula for n in model.nodes if n.role == "pre-activation" and n.symbol.key not in wanted}
    own = [
        node
        for node in model.nodes
        if node.role != "stand-in" and node.symbol.key not in {*inner, *model.overrides, *of_layers}
    ]
    own = [node for node in own if node.symbol != model.loss and not _is_given(node, model)]
    lines = tuple(Line(equals(node.symbol, shown(substitute(node.formula, inner)))) for node in own)
    return (Paragraph(phrases.say("sheet_equations")), Derivation(lines)) if lines else ()


def _is_given(node: Node, model: Model) -> bool:
    return any(key in model.overrides for key in (node.symbol.key, f"{node.symbol.key}[1]", f"{node.symbol.key}[1,1]"))


def _functions(graph: Graph, phrases: Phrases) -> tuple[Note, ...]:
    note = functions([shown(node.formula) for node in graph.model.nodes], phrases)
    return () if note is None else (note,)


# The key.


def marking(
    trace: Trace, answers: Sequence[Sequence[Answer]], phrases: Phrases, report: Report, small_print: Inlines
) -> Document:
    """What a marker needs: every result, the interval that honest rounding allows, the points."""
    model = trace.graph.model
    tasks = tasks_of(model)
    blocks: list[Block] = list(in_letters(trace.graph, phrases)) if model.letters else []
    if not model.letters:
        found = zip(tasks, answers, strict=True)
        parts = [part for i, (task, own) in enumerate(found) for part in _marked(trace, i, task, own, phrases)]
        total = total_points(tasks)
        parts += [Question(phrases.say("key_total"), (), _worth(total, phrases))] if total else []
        blocks = [Paragraph(phrases.say("key_intervals")), Section(phrases.say("results"), tuple(parts), "results")]
    return Document(
        title=model.title or phrases.words("sheet_untitled"),
        subtitle=phrases.say("key"),
        blocks=tuple(blocks),
        colophon=footed(report, small_print),
        language=phrases.language,
        page=report.page,
    )


def _worth(points: Decimal, phrases: Phrases) -> Inlines:
    return phrases.say("points_one" if points == 1 else "points_many", points=_number(points))


def _marked(trace: Trace, number: int, task: Task, answers: Sequence[Answer], phrases: Phrases) -> Iterator[Block]:
    """A task: its words and points, and its results in a table."""
    letter = phrases.say("task_letter", letter=letter_of(number))
    words = _words(task, trace.graph, phrases)
    yield Question(letter, words, points_of(task, phrases))
    if answers:
        yield _results(trace, answers, phrases)


def _results(trace: Trace, answers: Sequence[Answer], phrases: Phrases) -> Table:
    """A row for each number; rounds and samples are said where there are several."""
    rounds = trace.steps > 1 and len({answer.asked.after for answer in answers}) > 1
    samples = any(answer.asked.sample for answer in answers)
    head: list[Inlines] = [phrases.say("key_updates")] if rounds else []
    head += [phrases.say("sample")] if samples else []
    head += [phrases.say(word) for word in ("quantity", "key_result", "key_from", "key_to")]
    before = (True,) * rounds + (True,) * samples
    rows = tuple(_row(trace, answer, rounds, samples) for answer in answers)
    return Table(tuple(head), rows, (*before, False, True, True, True))


def _row(trace: Trace, answer: Answer, rounds: bool, samples: bool) -> tuple[Inlines, ...]:
    asked = answer.asked
    places: list[Inlines] = [(Math(_count(asked.after)),)] if rounds else []
    places += [(Math(_count(asked.sample)),) if asked.sample else ()] if samples else []
    interval = (numeral(Num(bound), asked.quantity, True) for bound in (answer.low, answer.high))
    value = numeral(answer.value, asked.quantity)
    return (*places, (Math(_name(trace, asked)),), (Math(value),), *((Math(bound),) for bound in interval))


def _count(number: int) -> Number:
    return Number(Decimal(number), True, PRODUCT, True)


def _name(trace: Trace, asked: Asked) -> Expr:
    """How the page calls a number; the loss over several samples has a name of its own."""
    graph = trace.graph
    loss, several = graph.model.loss, len(graph.model.samples) > 1
    of = graph.symbols[asked.of]
    if loss is not None and asked.of == loss.key and several and not asked.sample:
        of = batch_symbol(graph, numbers_of(trace.rounds[0]))
    if asked.state:
        return Symbol(f"{asked.state}.{asked.of}")
    if asked.wrt is not None:
        return Partial(of, graph.symbols[asked.wrt])
    return after_symbol(of) if asked.after and asked.of not in graph.computed else of
