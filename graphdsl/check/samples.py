"""`data` -> the inputs and targets of each sample; judges columns, rows and cells, never formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Datum, Scope, article
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Label, Span
from graphdsl.expr import Array, Element, Expr, Number, Symbol
from graphdsl.names import canonical, entry_key
from graphdsl.numbers import Num, Shape, Tensor, flat_index, indices, size
from graphdsl.syntax import DataBlock, Row

Sample = Mapping[str, Tensor[Num]]
NOUGHT, ONE = Num(Decimal(0)), Num(Decimal(1))


def samples(statements: list[DataBlock], scope: Scope, resolver: Resolver) -> tuple[Sample, ...]:
    """Every sample, by the keys of inputs and targets; without data there is one, and it says nothing of its own."""
    for again in statements[1:]:
        also = [Label(statements[0].span, "the first")]
        scope.reporter.error("a spec has one block of data", again.span, also=also)
    if not statements or not statements[0].rows:
        return ({},)
    return _Reader(statements[0], scope, resolver).samples()


@dataclass(slots=True)
class _Column:
    """What a column fills: a quantity, or one entry of it."""

    datum: Datum
    index: Shape
    span: Span


class _Reader:
    """Reads the rows of one block; nothing is answered where a mistake was reported."""

    def __init__(self, block: DataBlock, scope: Scope, resolver: Resolver):
        self.block = block
        self.scope = scope
        self.resolver = resolver
        self.reporter = scope.reporter
        self.heading, *self.rows = block.rows

    def samples(self) -> tuple[Sample, ...]:
        before = len(self.reporter.errors)
        columns = [self._column(cell) for cell in _cells(self.heading)]
        right = [column for column in columns if column is not None]
        self._judge_heading(right)
        if not self.rows:
            self.reporter.error(
                "the data have no rows", self.block.span, hint="the first row names the columns, the others are samples"
            )
        found: list[dict[str, Tensor[Num]]] = []
        if len(right) == len(columns):
            self._shapes(right)
            made = [self._row(i, row, right) for i, row in enumerate(self.rows, 2)]
            found = [sample for sample in made if sample is not None]
        self._fill(right, found)
        return tuple(found) if found and len(self.reporter.errors) == before else ({},)

    # Columns.

    def _column(self, cell: Expr) -> _Column | None:
        index: Shape = ()
        name: Expr = cell
        if isinstance(cell, Element):
            name, index = cell.of, tuple(int(i.value) for i in cell.index if isinstance(i, Number))
        if not isinstance(name, Symbol) or (isinstance(cell, Element) and len(index) != len(cell.index)):
            self.reporter.error("the first row of data names its columns", cell.span, hint="for example x1, x2 -> t")
            return None
        span = name.span or self.block.span
        found = self.scope.look_up(name.key, span)
        if found is None:
            return None
        if isinstance(found, Element) and isinstance(found.of, Symbol):
            index = tuple(int(i.value) for i in found.index if isinstance(i, Number))
            found = found.of
        datum = self.scope.data.get(found.key) if isinstance(found, Symbol) else None
        if datum is None or datum.kind not in ("input", "target"):
            meaning = self.scope.meaning(name.key)
            what = f"`{name.key}` is {article(meaning.kind)}" if meaning else ""
            self.reporter.error("data fill inputs and targets", span, what)
            return None
        if datum.value is not None:
            self.reporter.error(
                f"`{name.key}` has a value and a column of data",
                span,
                "a column",
                also=[Label(datum.span, "a value")],
                hint="leave the value out",
            )
            return None
        return _Column(datum, index, cell.span or span)

    def _judge_heading(self, columns: list[_Column]) -> None:
        """Each column once, and on its side of the arrow; inputs and targets without a column are named."""
        seen: dict[tuple[str, Shape], Span] = {}
        for column in columns:
            place = (column.datum.symbol.key, column.index)
            if place in seen:
                name = entry_key(*place)
                also = [Label(seen[place], "the first")]
                self.reporter.error(f"there are two columns `{name}`", column.span, "again here", also=also)
            seen.setdefault(place, column.span)
        if self.heading.targets:
            for i, column in enumerate(columns):
                wanted = "input" if i < len(self.heading.inputs) else "target"
                if len(columns) == len(_cells(self.heading)) and column.datum.kind != wanted:
                    side = "before" if wanted == "input" else "after"
                    what = f"`{column.datum.symbol.key}` is {article(column.datum.kind)}"
                    self.reporter.error(f"{wanted}s stand {side} the arrow", column.span, what)
        filled = {column.datum.symbol.key for column in columns}
        missing = [d for d in self.scope.data.values() if d.kind in ("input", "target") and d.value is None]
        missing = [d for d in missing if d.symbol.key not in filled]
        if missing and len(columns) == len(_cells(self.heading)):
            names = ", ".join(f"`{d.symbol.key}`" for d in missing)
            self.reporter.error(
                f"the data have no column for {names}",
                self.heading.span,
                "the columns",
                also=[Label(missing[0].span, "declared here, without a value")],
            )
        for datum in missing:
            datum.value = Tensor(datum.symbol.shape, (NOUGHT,) * size(datum.symbol.shape))

    def _shapes(self, columns: list[_Column]) -> None:
        """The shape of what was declared without one, from its columns or its first cell; every entry has a column."""
        for key in dict.fromkeys(column.datum.symbol.key for column in columns):
            own = [column for column in columns if column.datum.symbol.key == key]
            datum = own[0].datum
            if not own[0].index:
                shape = self._shape_of_cells(columns.index(own[0]))
                if shape and not datum.symbol.shape:
                    self._reshape(datum, shape)
                continue
            if not datum.symbol.shape:
                self._reshape(datum, tuple(map(max, zip(*(c.index for c in own), strict=False))))
            self._judge_entries(datum, own)

    def _shape_of_cells(self, place: int) -> Shape:
        """The shape of a column's cells, if all of them are lists of one shape."""
        cells = [row[place] for row in map(_cells, self.rows) if place < len(row)]
        shapes = {cell.shape if isinstance(cell, Array) else () for cell in cells}
        return shapes.pop() if len(shapes) == 1 else ()

    def _judge_entries(self, datum: Datum, own: list[_Column]) -> None:
        places = indices(datum.symbol.shape)
        for column in own:
            if column.index not in places:
                what = f"`{datum.symbol.key}` is {spoken(datum.symbol.shape)}"
                self.reporter.error(f"there is no entry {list(column.index)}", column.span, what)
        left = [place for place in places if place not in {column.index for column in own}]
        if left:
            name = entry_key(datum.symbol.key, left[0])
            self.reporter.error(f"the data have no column for `{name}`", own[-1].span, "other entries have one")

    def _reshape(self, datum: Datum, shape: Shape) -> None:
        symbol = Symbol(datum.symbol.key, shape)
        datum.symbol = symbol
        self.scope.define(symbol.key, symbol)

    # Rows.

    def _row(self, number: int, row: Row, columns: list[_Column]) -> dict[str, Tensor[Num]] | None:
        if not self._as_long(number, row):
            return None
        flat: dict[str, list[Num]] = {}
        shapes = {column.datum.symbol.key: column.datum.symbol.shape for column in columns}
        for column, cell in zip(columns, _cells(row), strict=True):
            value = self._value(number, column, cell)
            if value is None:
                return None
            key = column.datum.symbol.key
            if column.index and column.index in indices(shapes[key]):
                entries = flat.setdefault(key, [NOUGHT] * size(shapes[key]))
                entries[flat_index(shapes[key], column.index)] = value.flat[0]
            else:
                flat[key] = list(value.flat)
        return {key: Tensor(shapes[key], tuple(entries)) for key, entries in flat.items()}

    def _as_long(self, number: int, row: Row) -> bool:
        wanted, found = len(_cells(self.heading)), len(_cells(row))
        sides = (len(self.heading.inputs), len(self.heading.targets)) == (len(row.inputs), len(row.targets))
        if wanted == found and (sides or not (self.heading.targets and row.targets)):
            return True
        split = wanted == found and not sides
        self.reporter.error(
            "the rows of data have a cell for each column",
            row.span,
            "the arrow stands elsewhere" if split else f"{_count(found, 'cell')} here",
            also=[Label(self.heading.span, f"{_count(wanted, 'column')} here")],
        )
        return False

    def _value(self, number: int, column: _Column, cell: Expr) -> Tensor[Num] | None:
        """A number, a list, or the name of a class."""
        shape = () if column.index else column.datum.symbol.shape
        if isinstance(cell, Symbol):
            return self._class(number, column, cell)
        value = self.resolver.constant(cell)
        if value is not None and value.shape != shape:
            name = column.datum.symbol.key
            self.reporter.error(
                f"`{name}` is {spoken(shape)}, and this is {spoken(value.shape)}{self._in_file(number)}",
                cell.span,
                also=[Label(column.span, "the column")],
            )
            return None
        return value

    def _class(self, number: int, column: _Column, cell: Symbol) -> Tensor[Num] | None:
        """1 for the class that is named, 0 for the others."""
        symbol = column.datum.symbol
        classes = [canonical(part.key) for part in symbol.parts or ()]
        if column.index or canonical(cell.key) not in classes:
            known = ", ".join(part.key for part in symbol.parts or ())
            named = f"classes have names: `target {symbol.key}(cat, dog)`" if column.datum.kind == "target" else ""
            hint = f"its classes are {known}" if known else named
            what = f"`{cell.key}` is no class of `{symbol.key}`" if known else f"`{cell.key}` is not a number"
            also = [] if self.block.file else [Label(column.span, "the column")]
            self.reporter.error(f"{what}{self._in_file(number)}", cell.span, also=also, hint=hint)
            return None
        chosen = classes.index(canonical(cell.key))
        return Tensor(symbol.shape, tuple(ONE if i == chosen else NOUGHT for i in range(len(classes))))

    def _in_file(self, number: int) -> str:
        """Where a cell stands, if it is not in the spec."""
        if self.block.file is None or number > len(self.block.lines):
            return ""
        return f" in line {self.block.lines[number - 1]} of `{self.block.file.text}`"

    def _fill(self, columns: list[_Column], found: list[dict[str, Tensor[Num]]]) -> None:
        """The first sample's values stand for the quantities; after a mistake, something harmless."""
        for column in columns:
            datum = column.datum
            nought = Tensor(datum.symbol.shape, (NOUGHT,) * size(datum.symbol.shape))
            datum.value = found[0].get(datum.symbol.key, nought) if found else nought


def _cells(row: Row) -> tuple[Expr, ...]:
    return row.inputs + row.targets


def _count(n: int, thing: str) -> str:
    return f"{n} {thing if n == 1 else thing + 's'}"
