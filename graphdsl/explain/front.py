"""Model -> the front of the page: what is given, what is computed, the conventions that hold; computes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from graphdsl.derive.element import expanded
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.shape import shape_of
from graphdsl.document import Inlines, Item, Math, Note, Text
from graphdsl.draws import Distribution, Scheme
from graphdsl.explain.questions import given_instead
from graphdsl.explain.samples import batch_symbol
from graphdsl.explain.updating import rule_in_words
from graphdsl.explain.worked import PRODUCT, numeral
from graphdsl.expr import (
    ONE,
    ZERO,
    Array,
    Call,
    Expr,
    Number,
    Operation,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
    add,
    equals,
    negate,
    number,
    walk,
)
from graphdsl.graph import Graph, Shared, entry_symbols, has_own_entries, sharing
from graphdsl.model import Model, Quantity, Training, is_stand_in
from graphdsl.names import Ink, ink_of
from graphdsl.numbers import Decimal50, Display, Num
from graphdsl.ops import ACTIVATIONS, NORM, SQRT, STD
from graphdsl.optimizers import COUNT, old
from graphdsl.phrases import Phrases
from graphdsl.run import over_batch
from graphdsl.trace import Trace
from graphdsl.update import CLIP, WEIGHT_DECAY

ARGUMENT = Symbol("%z", ink=Ink("z"))
MOST_NAMES = 16
"""So many names are listed with one value; beyond, the first and the last."""

MOST_VALUES = 60
"""So many different values of a kind are listed."""


MOST_ARGUMENTS = 6
"""A function of more numbers is not written out."""

MOST_SEARCHED = 2_000
"""In a larger net, shared parameters are not looked for."""


def given(graph: Graph, phrases: Phrases) -> Note:
    """The data, the activations, the objective and the settings."""
    model = graph.model
    items = [
        *_data(model, phrases),
        *given_instead(graph, phrases),
        *_activations(graph, phrases),
        *_objective(graph, phrases),
        *_training(model, phrases),
    ]
    return Note("given", (Text(phrases.words("given")),), tuple(items))


def _data(model: Model, phrases: Phrases) -> Iterator[Item]:
    kinds = (("input", "input", "inputs"), ("target", "target", "targets"))
    if model.letters:
        yield Item(phrases.say("letters"), _letters(model))
    for kind, one, many in (*kinds, *_FURTHER_KINDS):
        quantities = [q for q in model.quantities if _is_named(q, kind, model)]
        if quantities:
            count = sum(len(q.value.flat) for q in quantities)
            yield Item(phrases.say(one if count == 1 else many), _values(quantities, phrases))


def _letters(model: Model) -> Inlines:
    """x, W ∈ ℝᵐˣⁿ: the quantities that stay letters, with their sizes."""
    by_size = {size: letter for letter, size in (model.sizes or {}).items()}
    words: list[Text | Math] = []
    for quantity in (q for q in model.quantities if q.symbol.key in model.letters):
        words += [Text(", ")] if words else []
        words.append(Math(quantity.symbol))
        if quantity.symbol.shape:
            sizes = " × ".join(by_size.get(extent, str(extent)) for extent in quantity.symbol.shape)
            words.append(Text(f" ({sizes})"))
    return tuple(words)


_FURTHER_KINDS = (
    ("param", "parameter_word", "parameters"),
    ("const", "constant_word", "constants"),
)


def _is_named(quantity: Quantity, kind: str, model: Model) -> bool:
    """Whether a quantity is listed by its kind: letters have no value, and what the data say has a table."""
    key = quantity.symbol.key
    return quantity.kind == kind and key not in model.letters and key not in model.samples[0]


def _values(quantities: list[Quantity], phrases: Phrases) -> Inlines:
    """Vectors and matrices as they are, single names by their value."""
    nameless = [q for q in quantities if _nameless(q)]
    uniform = [q for q in nameless if len(set(q.value.flat)) == 1]
    written = [q for q in nameless if q not in uniform and len(q.value.flat) <= MOST_VALUES]
    single = [entry for q in quantities if q not in written and q not in uniform for entry in _valued(q)]
    found: list[tuple[Text | Math, ...]] = [(Math(equals(q.symbol, _array(q))),) for q in written]
    found += _uniform(uniform, phrases)
    if single:
        found.append(_by_value(single, phrases))
    words: list[Text | Math] = []
    for i, item in enumerate(found):
        words += [Text(phrases.words("between_values"))] if i else []
        words += item
    return tuple(words)


def _nameless(quantity: Quantity) -> bool:
    """Whether a tensor of several entries is called by its own name, not by theirs."""
    return has_own_entries(quantity.symbol) and len(quantity.value.flat) > 1


def _uniform(quantities: list[Quantity], phrases: Phrases) -> list[tuple[Text | Math, ...]]:
    """Tensors with one value in every entry, by that value."""
    groups: dict[Num, list[Quantity]] = {}
    for quantity in quantities:
        groups.setdefault(quantity.value.flat[0], []).append(quantity)
    found: list[tuple[Text | Math, ...]] = []
    for value, same in groups.items():
        names = phrases.listed([(Math(q.symbol),) for q in same])
        number = Math(numeral(value, same[0].symbol.key, True))
        words = phrases.say("every_entry", names=names, value=number)
        found.append(tuple(part for part in words if isinstance(part, Text | Math)))
    return found


def _array(quantity: Quantity) -> Array:
    numerals = tuple(numeral(v, e.key, True) for e, v in _valued(quantity))
    return Array(quantity.symbol.shape, numerals)


def _valued(quantity: Quantity) -> list[tuple[Symbol, Num]]:
    return list(zip(entry_symbols(quantity.symbol), quantity.value.flat, strict=True))


def _by_value(entries: list[tuple[Symbol, Num]], phrases: Phrases) -> tuple[Text | Math, ...]:
    """x₁ = 2; w₁ = w₂ = … = 1: names that share a value share its sign."""
    groups: dict[Num, list[Symbol]] = {}
    for symbol, value in entries:
        groups.setdefault(value, []).append(symbol)
    words: list[Text | Math] = []
    for i, (value, names) in enumerate(list(groups.items())[:MOST_VALUES]):
        words += [Text(phrases.words("between_values"))] if i else []
        words += _names_and_value(names, value)
    left = len(groups) - MOST_VALUES
    return (*words, Text(phrases.words("values_left", count=left))) if left > 0 else tuple(words)


def _names_and_value(names: list[Symbol], value: Num) -> tuple[Text | Math, ...]:
    given_number = numeral(value, names[0].key, True)
    if len(names) <= 2:
        return (Math(equals(*names, given_number)),)
    shown = names if len(names) <= MOST_NAMES else [*names[:2], names[-1]]
    found: list[Text | Math] = []
    for i, name in enumerate(shown[:-1]):
        found += [Text(", ")] if i else []
        found.append(Math(name))
    found.append(Text(", …, " if len(names) > MOST_NAMES else ", "))
    found.append(Math(equals(shown[-1], given_number)))
    return tuple(found)


def activations(graph: Graph) -> list[Call]:
    """One call of each activation or other function with a definition or a kink, in the order of the text."""
    found: dict[tuple[Operation, object], Call] = {}
    for node in graph.model.nodes:
        for part in walk(node.formula):
            if (isinstance(part, Call) and len(part.arguments) == 1 and not shape_of(part.arguments[0])) or (
                isinstance(part, Call) and part.operation.elementwise
            ):
                found.setdefault((part.operation, part.attributes), part)
    return list(found.values())


def _activations(graph: Graph, phrases: Phrases) -> Iterator[Item]:
    for call in activations(graph):
        names = _arguments(call)
        if call.operation.formula is None or not names:
            continue
        formula = call.operation.formula(names, dict(call.attributes))
        own = Call(call.operation, names, call.attributes)
        kind = "activation" if call.operation.name in ACTIVATIONS else "function"
        yield Item(phrases.say(kind), (Math(equals(own, formula)),))
        yield from _constants(formula, phrases)
    for call in _of_several(graph):
        assert call.operation.formula is not None
        yield Item(
            phrases.say("function"),
            (Math(equals(call, call.operation.formula(call.arguments, dict(call.attributes)))),),
        )


def _of_several(graph: Graph) -> list[Call]:
    """The functions of several numbers that have a definition, each as it is first called."""
    found: dict[Operation, Call] = {}
    for node in graph.model.nodes:
        for part in walk(node.formula):
            if (
                isinstance(part, Call)
                and 1 < len(part.arguments) <= MOST_ARGUMENTS
                and part.operation.formula is not None
            ):
                written = None if part.operation.elementwise else expanded(part)
                if isinstance(written, Call):
                    found.setdefault(part.operation, written)
    return list(found.values())


def _constants(formula: Expr, phrases: Phrases) -> Iterator[Item]:
    """The values of the letters that a definition brings along."""
    letters = dict.fromkeys(n for n in walk(formula) if isinstance(n, Call) and not n.arguments)
    for letter in letters:
        if letter.operation.formula is not None:
            yield Item(phrases.say("constant_word"), (Math(equals(letter, letter.operation.formula((), {}))),))


def _arguments(call: Call) -> tuple[Symbol, ...]:
    """What a definition calls its arguments: z, or as the spec does; nothing where it has no names for them."""
    if call.operation.parameters:
        return tuple(Symbol(f"%{name}", ink=ink_of(name)) for name in call.operation.parameters)
    return (ARGUMENT,) if len(call.arguments) == 1 else ()


def _objective(graph: Graph, phrases: Phrases) -> Iterator[Item]:
    loss = graph.model.loss
    if loss is not None and not is_stand_in(graph.model, loss.key):
        yield Item(phrases.say("error"), (Math(equals(graph.symbols[loss.key], graph.formula(loss.key))),))


def _training(model: Model, phrases: Phrases) -> Iterator[Item]:
    if model.training is None:
        return
    training = model.training
    settings = {
        key: (Math(equals(Symbol(key), numeral(value, key, True))),) for key, value in training.settings.items()
    }
    if training.rates:
        rates = tuple(numeral(rate, "eta", True) for rate in training.rates)
        settings["eta"] = (Math(equals(Symbol("eta"), Array((len(rates),), rates))),)
    if "eta" in settings:
        yield Item(phrases.say("learning_rate"), settings.pop("eta"))
    if training.optimizer.name != "sgd":
        yield Item(phrases.say("optimizer"), rule_in_words(training, phrases))
    if settings:
        yield Item(phrases.say("options"), phrases.joined(list(settings.values())))
    yield from _begins(training, phrases)


def _begins(training: Training, phrases: Phrases) -> Iterator[Item]:
    """The state that a training begins with, where it says so."""
    found: list[Inlines] = [] if training.first == 1 else [(Math(equals(COUNT, number(training.first))),)]
    for name, own in training.memory.items():
        for key, value in own.items():
            words = phrases.say("of_parameter", state=Math(old(name)), name=Math(Symbol(key)))
            found.append((*words, Math(equals(old(name), numeral(value, f"{name}.{key}", True)))))
    if found:
        yield Item(phrases.say("state"), phrases.joined(found))


def conventions(trace: Trace, phrases: Phrases) -> Note:
    """The factor of the loss, rounding, what holds at kinks, what is shared, how samples become updates."""
    graph = trace.graph
    model = graph.model
    words: list[Inlines] = []
    if model.loss is not None:
        half = _has_half(graph.formula(model.loss.key))
        if half:
            words.append(phrases.say("loss_half", error=Math(graph.symbols[model.loss.key])))
    if not model.letters:
        words.append(_rounding(model, phrases))
        words += [phrases.say("fractions_shown")] if model.display.fractions else []
    words += _classes(model, phrases)
    words += _drawn(model, phrases)
    words += _kinks(graph, phrases)
    words += _shared(graph, phrases)
    words += _samples(graph, phrases)
    if model.training is not None:
        words += _learning(model.training, phrases)
    if trace.floats:
        words.append(phrases.say("floats", updates=trace.steps))
    return Note("conventions", (Text(phrases.words("conventions")),), tuple(Item((), w) for w in words))


def needed(trace: Trace, phrases: Phrases) -> tuple[Inlines, ...]:
    """What has to be known to find the same numbers: how to round, what a class is, how samples become updates."""
    graph, model = trace.graph, trace.graph.model
    words: list[Inlines] = []
    if not model.letters:
        decimals = _digits(model.display, phrases)
        cut = "_cut" if model.display.rounding == "cut" else ""
        words.append(phrases.say(f"sheet_rounding_{model.carry}{cut}", decimals=decimals))
    words += [*_classes(model, phrases), *_kinks(graph, phrases), *_samples(graph, phrases)]
    if model.training is not None:
        words += _learning(model.training, phrases)
    return tuple(words)


def _classes(model: Model, phrases: Phrases) -> Iterator[Inlines]:
    """That class numbers count from 1, and which entry a class is."""
    chosen = [q for q in model.quantities if q.class_number]
    for quantity in chosen:
        entry = list(entry_symbols(quantity.symbol))[quantity.class_number - 1]
        yield phrases.say("class_target", target=Math(quantity.symbol), number=quantity.class_number, entry=Math(entry))
    if model.counts_classes and not chosen:
        yield phrases.say("classes")


def _samples(graph: Graph, phrases: Phrases) -> Iterator[Inlines]:
    """What a batch is, and what its loss is."""
    model, training = graph.model, graph.model.training
    if model.loss is None:
        return
    if len(model.samples) > 1:
        size = training.batch if training else len(model.samples)
        if size > 1:
            loss = Math(batch_symbol(graph, range(1, size + 1)))
            yield phrases.say(f"over_batch_{over_batch(model)}", loss=loss, error=Math(graph.symbols[model.loss.key]))
        if training is not None:
            kind = "full" if size == len(model.samples) else "online" if size == 1 else "mini"
            yield phrases.say(f"batch_{kind}", size=size)
            yield (
                phrases.say("in_file_order")
                if training.shuffle is None
                else phrases.say("shuffled", seed=training.shuffle)
            )
    if model.penalty is not None:
        yield phrases.say("penalty", penalty=Math(graph.symbols[model.penalty.key]))


def _learning(training: Training, phrases: Phrases) -> Iterator[Inlines]:
    """How gradients become updates."""
    if training.ascent:
        yield phrases.say("ascent")
    elif training.sequential:
        yield phrases.say("sequential")
    else:
        yield phrases.say("simultaneous")
    if training.optimizer.ahead is not None:
        yield phrases.say("ahead")
    if training.optimizer.learns_through_thresholds:
        yield phrases.say("perceptron")
    if training.gradient_over_batch != training.over_batch:
        yield phrases.say(f"gradient_over_batch_{training.gradient_over_batch}")
    if training.weight_decay is not None:
        yield phrases.say("weight_decay", decay=Math(equals(WEIGHT_DECAY, numeral(training.weight_decay, "", True))))
    for limit, key in ((training.clip_value, "clip_value"), (training.clip_norm, "clip_norm")):
        if limit is not None:
            yield phrases.say(key, limit=Math(equals(CLIP, numeral(limit, "", True))))
    if training.decay is not None:
        factor = Math(numeral(training.decay, "", True))
        key = "decay_each" if training.decay_every == 1 else "decay_every"
        yield phrases.say(key, factor=factor, count=training.decay_every)


def _has_half(formula: Expr) -> bool:
    """Whether ½ stands before a square, or before a sum of squares."""
    half = Quotient(ONE, Number(ONE.value + ONE.value))
    halved = (node.factors for node in walk(formula) if isinstance(node, Product) and half in node.factors)
    return any(len(set(factors)) < len(factors) or any(map(_is_square, factors)) for factors in halved)


def _is_square(expr: Expr) -> bool:
    match expr:
        case Power(exponent=Number(value=exponent)):
            return exponent == 2
        case Sum(terms):
            return all(map(_is_square, terms))
        case _:
            return False


def _rounding(model: Model, phrases: Phrases) -> Inlines:
    display = model.display
    cut = "_cut" if display.rounding == "cut" else ""
    told = _digits(display, phrases)
    if display.significant is not None:
        return phrases.say(f"rounding_{model.carry}{cut}_significant", digits=told)
    return phrases.say(f"rounding_{model.carry}{cut}", decimals=told)


def _digits(display: Display, phrases: Phrases) -> str:
    """4 decimals, or 4 significant digits."""
    if display.significant is None:
        return phrases.counted("decimal", display.decimals)
    return phrases.counted("digit", display.significant)


def _drawn(model: Model, phrases: Phrases) -> Iterator[Inlines]:
    """How the initial values were drawn that the spec does not give."""
    for drawn in model.drawn:
        what = phrases.say(f"{'remaining' if drawn.rest else 'initial'}_{drawn.what}")
        if drawn.layer is not None:
            what = phrases.say("initial_of", what=what, layer=Math(drawn.layer))
        fan, low, high = _law(drawn.by, phrases)
        origin = phrases.say("drawn_seed", fan=fan, seed=drawn.seed, decimals=drawn.decimals)
        if drawn.by.normal:
            yield phrases.say("drawn_normal", what=what, mean=Math(low), deviation=Math(high), origin=origin)
        else:
            yield phrases.say("drawn_uniform", what=what, low=Math(low), high=Math(high), origin=origin)


FAN_IN, FAN_OUT = (Symbol(f"%n_{way}", ink=Ink("n", way)) for way in ("in", "out"))


def _law(by: Distribution | Scheme, phrases: Phrases) -> tuple[Inlines, Expr, Expr]:
    """Where the scatter comes from, and its two numbers: the bounds, or mean and deviation."""
    if isinstance(by, Distribution):
        return (), numeral(by.a, PRODUCT, True), numeral(by.b, PRODUCT, True)
    below = add(FAN_IN, FAN_OUT) if by.both else FAN_IN
    root = Call(SQRT, (Quotient(number(by.numerator), below),))
    names = (Math(FAN_IN), Text(phrases.words("and_two")), Math(FAN_OUT)) if by.both else (Math(FAN_IN),)
    fan = phrases.say(f"drawn_fan_{'both' if by.both else 'in'}", fan=names, source=by.source)
    return fan, ZERO if by.normal else negate(root), root


def _kinks(graph: Graph, phrases: Phrases) -> Iterator[Inlines]:
    """The derivative that is taken where an activation has none."""
    ties = any(_takes_one(part) for node in graph.model.nodes for part in walk(node.formula))
    for call in activations(graph):
        row = call.operation
        if row.sides is None:
            continue
        if len(call.arguments) > 1:
            ties = True
            continue
        yield from _kink(call, phrases)
    if ties:
        yield phrases.say("kink_max")
    for row in (NORM, STD):
        if any(isinstance(p, Call) and p.operation is row for node in graph.model.nodes for p in walk(node.formula)):
            yield phrases.say("kink_nought", function=Math(Call(row, (ARGUMENT,))))


def _kink(call: Call, phrases: Phrases) -> Iterator[Inlines]:
    """What is taken at each kink; of a function that is flat between its jumps, that no gradient passes it."""
    row = call.operation
    own = Math(Call(row, (ARGUMENT,), call.attributes))
    places = row.kinks(dict(call.attributes)) if row.kinks is not None else ()
    (slope,) = row.pullbacks((ARGUMENT,), dict(call.attributes), ARGUMENT, ONE)
    if slope == ZERO:
        yield phrases.say("flat", activation=own)
        return
    if isinstance(slope, Product):
        slope = slope.factors[-1]
    if places and isinstance(slope, Call) and slope.operation.formula is not None:
        taken = [(Math(_at_kink(slope, numeral(Num(place), PRODUCT, True))),) for place in places]
        phrase = "kink" if len(taken) == 1 else "kinks"
        yield phrases.say(phrase, activation=own, prime=phrases.listed([*taken]))


def _at_kink(slope: Call, place: Number) -> Relation:
    """f′(0) = 0."""
    prime = Call(slope.operation, (place,), slope.attributes)
    return equals(prime, numeral(evaluate(prime, {}, Decimal50()).item, PRODUCT))


def _takes_one(part: Expr) -> bool:
    """Whether a call takes the largest or smallest of an array's entries, of each of its rows or windows."""
    kinked = isinstance(part, Call) and part.operation.sides is not None and not part.operation.elementwise
    return kinked and isinstance(part, Call) and part.operation not in (NORM, STD)


def _shared(graph: Graph, phrases: Phrases) -> Iterator[Inlines]:
    """Whose gradients are sums over several uses; one sentence for those that are used in the same places."""
    if len(graph.symbols) > MOST_SEARCHED or not graph.model.objectives:
        return
    groups: dict[object, list[Shared]] = {}
    for shared in sharing(graph):
        groups.setdefault(shared.by_entries or shared.uses, []).append(shared)
    for same in groups.values():
        names = [(Math(shared.symbol),) for shared in same]
        kind = "shared_each" if len(same) > 1 else "shared"
        uses = {use.key: use for use in same[0].uses}
        told = phrases.listed([(Math(use),) for use in _first_and_last(list(uses.values()))])
        by_entries = same[0].by_entries
        how = "_by_entries" if by_entries else "_within" if len(uses) == 1 else ""
        yield phrases.say(f"{kind}{how}", name=phrases.listed([*names]), uses=told, count=len(same[0].uses))


MOST_USES = 6


def _first_and_last(uses: list[Symbol]) -> list[Symbol]:
    """The uses, or of many the first, a gap and the last."""
    return uses if len(uses) <= MOST_USES else [*uses[: MOST_USES - 2], GAP, uses[-1]]


GAP = Symbol("%…", ink=Ink("…"))
