"""Model + trace -> the questions in front, the answers at the end, the author's remarks at their lines; no digits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from graphdsl.document import Block, Derivation, Inlines, Item, Line, Math, Note, Paragraph, Section, Text
from graphdsl.explain.lines import after_symbol
from graphdsl.explain.worked import Pass, numeral
from graphdsl.expr import ZERO, Array, Expr, Partial, Symbol, equals
from graphdsl.graph import Graph, entry_symbols, has_own_entries
from graphdsl.model import Model, Remark, Task, Wanted
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases
from graphdsl.trace import Trace

WHOLES = {"forward": "wanted_forward", "gradients": "wanted_gradients", "updates": "wanted_updates"}


def tensors(graph: Graph) -> dict[str, Symbol]:
    """Every name of the spec with its symbol: tensors, and the entries of tensors."""
    whole = [q.symbol for q in graph.model.quantities] + [node.symbol for node in graph.model.nodes]
    return {**graph.symbols, **{symbol.key: symbol for symbol in whole}}


# In front.


def opening(model: Model) -> tuple[Block, ...]:
    """The author's own words, paragraph by paragraph."""
    paragraphs = (p.strip() for p in model.text.split("\n\n"))
    return tuple(Paragraph((Text(" ".join(p.split())),)) for p in paragraphs if p)


def tasks(graph: Graph, phrases: Phrases) -> tuple[Block, ...]:
    """What is asked for, in its order, with its points."""
    if not graph.model.tasks:
        return ()
    items = tuple(
        Item(phrases.say("task_letter", letter=letter_of(i)), _question(task, graph, phrases))
        for i, task in enumerate(graph.model.tasks)
    )
    return (Note("tasks", phrases.say("tasks"), items),)


def letter_of(number: int) -> str:
    """a, b, …, z, aa, ab, …"""
    letter = chr(ord("a") + number % 26)
    return letter if number < 26 else letter_of(number // 26 - 1) + letter


def _question(task: Task, graph: Graph, phrases: Phrases) -> Inlines:
    """What is asked, and what it is worth."""
    points = points_of(task, phrases)
    return (*question(task, graph, phrases), *((Text(" "), *points) if points else ()))


def points_of(task: Task, phrases: Phrases) -> Inlines:
    """(3 points), or nothing."""
    if task.points is None:
        return ()
    return phrases.say("points_one" if task.points == 1 else "points_many", points=str(task.points))


def question(task: Task, graph: Graph, phrases: Phrases) -> Inlines:
    """The author's words, and the names of what is wanted."""
    names = tensors(graph)
    listed: list[Inlines] = [_what(wanted, names, phrases) for wanted in task.wanted]
    words: list[Inlines] = [(Text(task.text),)] if task.text else []
    words += [phrases.listed(listed)] if listed else []
    return phrases.sentences(words)


def _what(wanted: Wanted, names: dict[str, Symbol], phrases: Phrases) -> Inlines:
    if wanted.what in WHOLES and wanted.what not in names:
        return phrases.say(WHOLES[wanted.what])
    return (Math(_name(wanted, names)),)


def _name(wanted: Wanted, names: dict[str, Symbol]) -> Expr:
    of = names.get(wanted.what) or Symbol(wanted.what)
    if wanted.wrt is not None:
        return Partial(of, names[wanted.wrt])
    return of if wanted.after == 0 else after_symbol(of)


# At the end.


def answers(trace: Trace, at: Pass, phrases: Phrases) -> tuple[Block, ...]:
    """The value of everything that is asked for by name, question by question."""
    items = tuple(
        Item(phrases.say("task_letter", letter=letter_of(i)), words)
        for i, task in enumerate(trace.graph.model.tasks)
        if (words := _answer(task, trace, at, phrases))
    )
    return (Note("answers", phrases.say("answers"), items),) if items else ()


def _answer(task: Task, trace: Trace, at: Pass, phrases: Phrases) -> Inlines:
    names = tensors(trace.graph)
    found: list[Inlines] = []
    for wanted in task.wanted:
        if wanted.what in WHOLES and wanted.what not in names:
            found.append(phrases.say(f"answer_{wanted.what}"))
        if wanted.what not in names:
            continue
        value = _value(wanted, names, trace, at)
        if value is not None:
            found.append((Math(equals(_name(wanted, names), value)),))
    return tuple(part for i, item in enumerate(found) for part in ((Text("; "),) if i else ()) + item)


def _value(wanted: Wanted, names: dict[str, Symbol], trace: Trace, at: Pass) -> Expr | None:
    symbol = names[wanted.wrt or wanted.what]
    keys = [entry.key for entry in entry_symbols(symbol)]
    after = trace.steps if wanted.after is None else wanted.after
    round_ = trace.round(after + 1)
    if wanted.wrt is None:
        if round_ is None and not (after == trace.steps and trace.finals):
            return None
        values = trace.values_after(after)
        if not all(key in values for key in keys):
            return None
        numerals = tuple(numeral(values[key], key, key in at.given) for key in keys)
    else:
        found = round_.samples[0].gradients.get(wanted.what) if round_ is not None else None
        if found is None:
            return None
        numerals = tuple(numeral(found.get(key, _NOUGHT), f"d{wanted.what}/d{key}") for key in keys)
    return Array(symbol.shape, numerals) if symbol.shape else numerals[0]


_NOUGHT = Num(ZERO.value)


# At their lines.


def with_remarks(blocks: Iterable[Block], remarks: tuple[Remark, ...], phrases: Phrases) -> tuple[Block, ...]:
    """The blocks with each remark behind the first line that it is about; what has no line stands at the end."""
    waiting = {remark.anchor: remark.text for remark in remarks}
    made = tuple(_placed(block, waiting) for block in blocks)
    if not waiting:
        return made
    items = tuple(Item((Text(anchor),), (Text(text),)) for anchor, text in waiting.items())
    return (*made, Note("remark", phrases.say("remarks"), items))


def _placed(block: Block, waiting: dict[str, str]) -> Block:
    match block:
        case Section():
            return replace(block, blocks=tuple(_placed(inner, waiting) for inner in block.blocks))
        case Derivation():
            return replace(block, lines=tuple(_remarked(line, waiting) for line in block.lines))
        case _:
            return block


def _remarked(line: Line, waiting: dict[str, str]) -> Line:
    text = waiting.pop(line.anchor.partition("@")[0], "")
    if not text:
        return line
    separator = (Text("; "),) if line.reason else ()
    return replace(line, reason=(*line.reason, *separator, Text(text)))


def given_instead(graph: Graph, phrases: Phrases) -> Iterator[Item]:
    """Values and derivatives that the spec gives instead of what would be computed."""
    model = graph.model
    names = graph.symbols
    values = [(Math(given),) for given in _given_numbers(graph)]
    stand_ins = [node.symbol.key for node in model.nodes if node.role == "stand-in"]
    slopes = [
        (Math(equals(Partial(names[of], names[wrt]), numeral(value, f"d{of}/d{wrt}", True))),)
        for (of, wrt), value in model.upstream.items()
    ]
    for key in stand_ins:
        for parent in graph.entries.predecessors(key):
            local = graph.local(key, parent)
            slopes.append((Math(equals(Partial(names[key], names[parent]), local)),))
    for word, found in (("given_values", values), ("given_derivatives", slopes)):
        if found:
            yield Item(phrases.say(word), _separated(found, phrases))


def _given_numbers(graph: Graph) -> Iterator[Expr]:
    """z₂ = [3, −1]; a₂ = 0.6: data that are given, and values given for what has an equation."""
    overrides = graph.model.overrides
    for quantity in graph.model.quantities:
        if quantity.kind == "given":
            yield _equation(quantity.symbol, quantity.value.flat)
    for node in graph.model.nodes:
        entries = list(entry_symbols(node.symbol))
        found = [(e, overrides[e.key]) for e in entries if e.key in overrides]
        if len(found) == len(entries) and has_own_entries(node.symbol):
            yield _equation(node.symbol, tuple(value for _, value in found))
        else:
            yield from (_equation(entry, (value,)) for entry, value in found)


def _equation(symbol: Symbol, flat: tuple[Num, ...]) -> Expr:
    keys = [entry.key for entry in entry_symbols(symbol)]
    numerals = tuple(numeral(value, key, True) for key, value in zip(keys, flat, strict=True))
    return equals(symbol, Array(symbol.shape, numerals) if symbol.shape else numerals[0])


def _separated(items: Sequence[tuple[Math, ...]], phrases: Phrases) -> Inlines:
    between = Text(phrases.words("between_values"))
    return tuple(part for i, item in enumerate(items) for part in ((between,) if i else ()) + item)
