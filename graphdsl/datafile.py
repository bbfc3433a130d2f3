"""The name of a CSV file -> its rows as cells, read below the spec's own folder and nowhere else; knows no meaning of a column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from graphdsl.diagnostics import Span
from graphdsl.expr import Element, Expr, Number, Symbol, number
from graphdsl.neighbours import NotANeighbour, text_of
from graphdsl.numbers import LARGEST_EXPONENT, MOST_LITERAL_DIGITS
from graphdsl.syntax import DataBlock, Row

MOST_BYTES = 4 << 20
MOST_CELLS = 250_000


class DataMistake(Exception):
    """The file cannot be taken as data; says why in the user's words."""

    def __init__(self, message: str, hint: str = "", label: str = ""):
        self.message = message
        self.hint = hint
        self.label = label
        super().__init__(message)


def rows(block: DataBlock, folder: Path | None) -> DataBlock:
    """The block with the rows of its file; the first row of the file names the columns."""
    assert block.file is not None, "there is a file to read"
    name, span = block.file.text, block.file.span
    lines = list(_lines(_text(name, folder), name))
    if not lines:
        raise DataMistake(f"`{_short(name)}` is empty", "its first line names the columns")
    heading = _heading(lines[0][1], name, span)
    found = [Row(heading, (), span)]
    for line, cells in lines[1:]:
        if len(cells) != len(heading):
            raise DataMistake(
                f"line {line} of `{_short(name)}` has {_count(len(cells), 'cell')}",
                "every row has a cell for each column",
                f"its first line, {lines[0][0]}, names {_count(len(heading), 'column')}",
            )
        found.append(Row(tuple(_cell(cell, line, i, name, span) for i, cell in enumerate(cells, 1)), (), span))
    return replace(block, rows=tuple(found), lines=tuple(line for line, _ in lines))


def _text(name: str, folder: Path | None) -> str:
    try:
        return text_of(name, folder, MOST_BYTES)
    except NotANeighbour as mistake:
        raise DataMistake(mistake.message, mistake.hint) from None


# Its cells.


def _lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank, with its number; what separates is what the first line uses."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = next((s for s in (",", ";", "\t") if s in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    cells = 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                cells += len(row)
                if cells > MOST_CELLS:
                    raise DataMistake(f"`{_short(name)}` has more than {MOST_CELLS:,} cells")
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise DataMistake(f"line {reader.line_num} of `{_short(name)}` is not CSV: {error}") from None


_COLUMN = re.compile(r"(?P<name>[^\W\d_]\w*'*)(?:\[(?P<index>\d{1,6}(?:\s*,\s*\d{1,6})*)\])?")
_NUMBER = re.compile(r"[+\-−]?(?P<digits>\d+(?:\.\d*)?|\.\d+)(?:[eE](?P<exponent>[+-]?\d{1,4}))?", re.ASCII)
_WORD = re.compile(r"[^\W\d_][\w -]*")


def _heading(cells: list[str], name: str, span: Span) -> tuple[Expr, ...]:
    return tuple(_column(cell, name, span) for cell in cells)


def _column(cell: str, name: str, span: Span) -> Expr:
    found = _COLUMN.fullmatch(cell)
    if found is None:
        raise DataMistake(
            f"the first line of `{_short(name)}` names the columns, and `{_short(cell)}` is no name",
            "for example x1,x2,t",
        )
    symbol = Symbol(found["name"], span=span)
    if not found["index"]:
        return symbol
    return Element(symbol, tuple(number(int(i)) for i in found["index"].split(",")), span)


def _cell(cell: str, line: int, column: int, name: str, span: Span) -> Expr:
    """A number, or the name of a class."""
    found = _NUMBER.fullmatch(cell)
    if found is None and _WORD.fullmatch(cell):
        return Symbol(cell, span=span)
    if found is None:
        what = f"`{_short(cell)}` is not a number" if cell else "there is nothing"
        raise DataMistake(f"{what} in line {line}, cell {column} of `{_short(name)}`", _hint(cell))
    value = Decimal(cell.replace("−", "-"))
    exponent = int(found["exponent"] or 0)
    if (
        len(value.as_tuple().digits) > MOST_LITERAL_DIGITS
        or max(abs(exponent), abs(value.adjusted())) > LARGEST_EXPONENT
    ):
        raise DataMistake(
            f"the number in line {line}, cell {column} of `{_short(name)}` is too long, too large or too small",
            f"a number has at most {MOST_LITERAL_DIGITS} digits and an exponent within ±{LARGEST_EXPONENT}",
        )
    return Number(value if value else Decimal(0), span=span)


def _hint(cell: str) -> str:
    return f"write {cell.replace(',', '.')}" if re.fullmatch(r"[+-]?\d+,\d+", cell) else ""


def _count(n: int, thing: str) -> str:
    return f"{n} {thing if n == 1 else thing + 's'}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:30]}…"
