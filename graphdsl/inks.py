"""Model + notation -> the same model with other letters for its names, and the names that would look alike; keys and numbers stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from graphdsl import ops
from graphdsl.derive.element import entry_symbols
from graphdsl.diagnostics import Reporter, Source, did_you_mean
from graphdsl.expr import Array, Call, Expr, Symbol, rewrite, walk
from graphdsl.model import LayerOutline, Model, Node
from graphdsl.names import Ink, canonical, indexed, ink_of
from graphdsl.neighbours import NotANeighbour, text_of
from graphdsl.notation import Notation, NotationMistake, symbols
from graphdsl.numbers import size

TRANSPOSED = "⊤"
RATE = "the learning rate"
ACTIVATION = "the activation"
MOST_LOOKS = 20_000
"""So many names are compared; a larger net names no entry on its page."""


def lettered(model: Model, notation: Notation, loss_is_nameless: bool) -> tuple[Model, list[tuple[str, str]]]:
    """The model in the letters of a notation, and the pairs that would look the same on its page."""
    letters = _Letters(model, notation, loss_is_nameless)
    made = reinked(model, letters.of)
    return made, list(_alike(made, notation, letters.changed))


def with_symbols(model: Model, own: Mapping[str, Ink]) -> tuple[Model, list[tuple[str, str]]]:
    """The model with the user's own symbols; the entry of a tensor has its index behind its symbol."""
    changed: set[str] = set()

    def look(symbol: Symbol) -> Ink:
        name, _, index = symbol.key.partition("[")
        places = (symbol.key, ()), (name, tuple(int(i) for i in index.rstrip("]").split(",") if i))
        for key, at in places:
            if canonical(key) in own:
                changed.add(symbol.key)
                return indexed(own[canonical(key)], at) if at else own[canonical(key)]
        return symbol.ink

    made = reinked(model, look)
    return made, list(_alike(made, model.report.notation, changed))


def own_symbols(model: Model, path: Path) -> Model:
    """The model with the symbols of a file of the user's own; raises SpecError where it is wrong."""
    reporter = Reporter(Source(path.name, ""))
    try:
        own = symbols(text_of(path.name, path.parent), path.name)
    except (NotationMistake, NotANeighbour) as mistake:
        reporter.error(mistake.message, hint=mistake.hint)
        reporter.stop()
    known = spellings(model)
    for name in unknown(model, own):
        reporter.error(
            f"the spec has no `{name}`", hint=did_you_mean(name, known) or "a symbol is of a name of the spec"
        )
    made, alike = with_symbols(model, own)
    for one, other in alike:
        reporter.error(f"`{one}` and `{other}` would look the same on the page", hint="change one of their symbols")
    reporter.stop_if_errors()
    return made


def unknown(model: Model, own: Mapping[str, Ink]) -> list[str]:
    """The names of the user's own map that the model does not have."""
    known = {
        canonical(key) for symbol in _symbols(model) for key in (symbol.key, *(e.key for e in entry_symbols(symbol)))
    }
    return [name for name in own if name not in known]


def spellings(model: Model) -> list[str]:
    """The names that a model has, without their entries."""
    return list(dict.fromkeys(symbol.key for symbol in _symbols(model)))


def reinked(model: Model, look: Callable[[Symbol], Ink]) -> Model:
    """The model with another look for each of its names."""

    def symbol(name: Symbol) -> Symbol:
        parts = None if name.parts is None else tuple(map(symbol, name.parts))
        return replace(name, ink=look(name), parts=parts)

    def formula(expr: Expr) -> Expr:
        return rewrite(expr, lambda node: symbol(node) if isinstance(node, Symbol) else node)

    return replace(
        model,
        quantities=tuple(replace(q, symbol=symbol(q.symbol)) for q in model.quantities),
        nodes=tuple(replace(n, symbol=symbol(n.symbol), formula=formula(n.formula)) for n in model.nodes),
        layers=tuple(replace(layer, units=symbol(layer.units)) for layer in model.layers),
        objectives=tuple(map(symbol, model.objectives)),
        wrt=tuple(map(symbol, model.wrt)),
        loss=None if model.loss is None else symbol(model.loss),
        penalty=None if model.penalty is None else symbol(model.penalty),
        drawn=tuple(replace(d, layer=None if d.layer is None else symbol(d.layer)) for d in model.drawn),
    )


def only_activation(model: Model) -> str:
    """The operation of the only activation of a net that acts on each entry; nothing where there are several or none."""
    calls = (node for n in model.nodes for node in walk(n.formula) if isinstance(node, Call))
    rows = {c.operation.name for c in calls if c.operation.elementwise and c.operation.name in ops.ACTIVATIONS}
    return rows.pop() if len(rows) == 1 else ""


@dataclass(frozen=True)
class _Letters:
    """Which letter each name has, role by role; a name that the author typed keeps its own."""

    model: Model
    notation: Notation
    loss_is_nameless: bool

    @cached_property
    def changed(self) -> set[str]:
        return set()

    @cached_property
    def layers(self) -> dict[str, tuple[int, LayerOutline]]:
        return {layer.name: (number, layer) for number, layer in enumerate(self.model.layers, 1)}

    @cached_property
    def arguments(self) -> set[str]:
        """The keys of what stands before an activation."""
        found = [n.symbol for n in self.model.nodes if n.role == "pre-activation"]
        return {key for symbol in found for key in (symbol.key, *(part.key for part in symbol.parts or ()))}

    @cached_property
    def named_units(self) -> set[str]:
        return {part.key for layer in self.model.layers if layer.named for part in layer.units.parts or ()}

    @cached_property
    def targets(self) -> set[str]:
        return {q.symbol.key for q in self.model.quantities if q.kind == "target" and q.symbol.ink.base == "t"}

    def of(self, symbol: Symbol) -> Ink:
        ink = self._look(symbol)
        if ink != symbol.ink:
            self.changed.add(symbol.key)
        return ink

    def _look(self, symbol: Symbol) -> Ink:
        key, ink = symbol.key, symbol.ink
        name, _, index = key.partition("[")
        owner, _, part = name.rpartition(".")
        at = tuple(int(i) for i in index.rstrip("]").split(",")) if index else ()
        if name in self.layers and self.layers[name][1].named:
            return self._where_free(self._of_layer(name, "", at), ink)
        if part == "z" and owner in self.layers and self.layers[owner][1].named:
            return self._where_free(self._of_layer(owner, part, at), ink)
        if name in self.layers:
            return self._of_layer(name, "", at)
        if owner in self.layers and part in _ROLES:
            return self._of_layer(owner, part, at)
        if key in self.arguments and ink.base == "z":
            return replace(ink, base=self._letter("pre_activation", "", "").base)
        if key in self.named_units and self.notation.unit:
            return Ink(ink_of(self.notation.unit).base, canonical(key))
        if self.loss_is_nameless and self.model.loss is not None and key == self.model.loss.key:
            return ink_of(self.notation.loss)
        if key in self.targets and self.notation.target != "t":
            letter = ink_of(self.notation.target)
            return self._where_free(replace(ink, base=letter.base, accent=letter.accent), ink)
        return ink

    def _where_free(self, ink: Ink, own: Ink) -> Ink:
        """A look, or its own where a name of the author's has it."""
        return own if ink.base in self._typed_bases and _plain(ink) in self._typed else ink

    @cached_property
    def _typed(self) -> frozenset[Ink]:
        """How the author's names look, and the arguments of his units."""
        made = {f"{layer}{part}" for layer in self.layers for part in ("", ".z", ".W", ".b")}
        names = [symbol for symbol in _symbols(self.model) if symbol.key not in made | self.targets]
        units = [part for layer in self.model.layers if layer.named for part in layer.units.parts or ()]
        entries = [entry for symbol in names for entry in (symbol, *entry_symbols(symbol))]
        arguments = [
            self._look(part)
            for symbol in _symbols(self.model)
            for part in symbol.parts or ()
            if part.key in self.arguments and "[" not in part.key
        ]
        return frozenset(_plain(ink) for ink in (*(s.ink for s in (*entries, *units)), *arguments))

    @cached_property
    def _typed_bases(self) -> frozenset[str]:
        return frozenset(ink.base for ink in self._typed)

    def _of_layer(self, layer: str, part: str, index: tuple[int, ...]) -> Ink:
        """The letter of a part of a layer without names, or of an entry of it."""
        number, outline = self.layers[layer]
        own = "" if outline.named or number < len(self.layers) else self._of_last(outline, part)
        if own:
            return indexed(ink_of(own), index) if index else ink_of(own)
        shown = self._counted(outline, part, index)
        unit = str(shown[0]) if shown else "j"
        alone = len(self.layers) == 1
        ink = self._letter(_ROLES[part], "" if alone else str(number), "" if alone else layer, unit)
        above = self.notation.layer.replace("{k}", str(number)).replace("{name}", layer)
        if self.notation.numbering == "through" and self._runs_through(outline):
            above = "" if shown else f"({number})"
        elif not shown and not above and "{k}" not in getattr(self.notation, _ROLES[part]):
            above = f"({number})" if len(self.layers) > 1 else ""
        if part == "W" and not shown and self.notation.weight_order == "from-to":
            above += TRANSPOSED  # its rows are the receiving units: it is the transpose of the matrix of all wᵢⱼ
        ink = replace(ink, sup=above)
        told = "{j}" in getattr(self.notation, _ROLES[part])
        return indexed(ink, shown) if shown and not told else ink

    def _of_last(self, layer: LayerOutline, part: str) -> str:
        """The letter that the last layer's output, or what its softmax takes, has for itself."""
        if layer.activation == ops.SOFTMAX.name:
            return {"": self.notation.probabilities or self.notation.last, "z": self.notation.scores}.get(part, "")
        return "" if part else self.notation.last

    def _letter(self, role: str, number: str, name: str, unit: str = "") -> Ink:
        pattern: str = getattr(self.notation, role)
        return ink_of(pattern.replace("{k}", number).replace("{name}", name).replace("{j}", unit))

    def _counted(self, layer: LayerOutline, part: str, index: tuple[int, ...]) -> tuple[int, ...]:
        """An index as the notation counts units and orders them."""
        if self.notation.numbering == "through" and self._runs_through(layer):
            senders, units = self._before[layer.name]
            index = tuple(i + offset for i, offset in zip(index, (units, senders), strict=False))
        return index[::-1] if part == "W" and self.notation.weight_order == "from-to" else index

    def _runs_through(self, layer: LayerOutline) -> bool:
        return layer.name in self._before

    @cached_property
    def _before(self) -> dict[str, tuple[int, int]]:
        """How many units come before the senders of each layer, and before its own, where layers follow each other."""
        found: dict[str, tuple[int, int]] = {}
        inputs = [q.symbol for q in self.model.quantities if q.kind == "input"]
        senders, units = 0, sum(size(symbol.shape) for symbol in inputs)
        read: str | None = None
        formulas = {node.symbol.key: node for node in self.model.nodes}
        for layer in self.model.layers:
            if not _reads(formulas, layer, read, inputs):
                return {}
            found[layer.name] = (senders, units)
            senders, units = units, units + size(layer.units.shape)
            read = layer.units.key
        return found


_ROLES = {"": "output", "z": "pre_activation", "W": "weights", "b": "biases"}


def _reads(nodes: Mapping[str, Node], layer: LayerOutline, before: str | None, inputs: list[Symbol]) -> bool:
    """Whether a layer reads the one before it, or the first one all inputs in their order."""
    node = nodes.get(f"{layer.name}.z") or nodes.get(layer.units.key)
    product = (
        next((n for n in walk(node.formula) if isinstance(n, Call) and n.operation is ops.MATMUL), None)
        if node
        else None
    )
    if product is None:
        return False
    source = product.arguments[1]
    keys = [s.key for s in (source.entries if isinstance(source, Array) else (source,)) if isinstance(s, Symbol)]
    return keys == ([before] if before is not None else [symbol.key for symbol in inputs])


# Names that would look alike.


def _symbols(model: Model) -> Iterator[Symbol]:
    yield from (q.symbol for q in model.quantities)
    yield from (node.symbol for node in model.nodes)


def _looks(model: Model, notation: Notation) -> Iterator[tuple[str, Ink]]:
    """Each name on the page, and its look."""
    for symbol in _symbols(model):
        if symbol.shape:
            yield symbol.key, symbol.ink
        yield from ((entry.key, entry.ink) for entry in entry_symbols(symbol))
    if notation.updated == "′":
        trained = [e for q in model.quantities if q.trained for e in entry_symbols(q.symbol)]
        yield from ((f"{_NEW}{e.key}", replace(e.ink, primes=e.ink.primes + 1)) for e in trained)
    if model.training is not None and "eta" in model.training.settings:
        yield RATE, ink_of(notation.rate)
    if notation.activation not in ("", "formula") and only_activation(model):
        yield ACTIVATION, ink_of(notation.activation)


def _alike(model: Model, notation: Notation, changed: set[str]) -> Iterator[tuple[str, str]]:
    """The pairs of which at least one was given another look."""
    seen: dict[Ink, str] = {}
    told: set[tuple[str, ...]] = set()
    for count, (name, ink) in enumerate(_looks(model, notation)):
        if count > MOST_LOOKS:
            return
        other = seen.setdefault(_plain(ink), name)
        given = not {name, other}.isdisjoint({*changed, *_GIVEN}) or name.startswith(_NEW)
        pair = (other.partition("[")[0], name.partition("[")[0])
        if other != name and given and pair not in told:
            told.add(pair)
            yield other, name


_GIVEN = (RATE, ACTIVATION)
_NEW = "the new "


def _plain(ink: Ink) -> Ink:
    """The look without commas between single signs, which text leaves out."""
    parts = ink.sub.split(",")
    return replace(ink, sub="".join(parts), own=None) if all(len(p) == 1 for p in parts) else replace(ink, own=None)
