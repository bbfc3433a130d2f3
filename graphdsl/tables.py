"""The grammar -> a parser for it, from tables made when the package was built; knows no spec."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Lark

_HERE = Path(__file__).parent
TABLES = _HERE / "grammar.tables"
_GRAMMAR = _HERE / "grammar.lark"

STARTS = ["statement", "setting", "row"]


@lru_cache(maxsize=1)
def parser() -> Lark:
    """The parser: loaded where the tables belong to this grammar and to this lark, else built (0.2 s)."""
    grammar = _GRAMMAR.read_text(encoding="utf-8")
    stored = TABLES.read_bytes() if TABLES.is_file() else b""
    heading, _, tables = stored.partition(b"\n")
    if heading != _heading(grammar):
        return _built(grammar)
    from lark import Lark  # here and below: a program that parses nothing should not wait for it

    return Lark.load(BytesIO(tables))


def make() -> bytes:
    """The contents of the file of tables."""
    grammar = _GRAMMAR.read_text(encoding="utf-8")
    tables = BytesIO()
    _built(grammar).save(tables)
    return _heading(grammar) + b"\n" + tables.getvalue()


def _heading(grammar: str) -> bytes:
    import lark

    digest = hashlib.sha256(repr((STARTS, grammar)).encode()).hexdigest()
    return f"graphdsl parser tables, grammar {digest}, lark {lark.__version__}".encode()


def _built(grammar: str) -> Lark:
    from lark import Lark

    # `lex` makes the tokens and feeds them one by one; lark's own lexer is never run.
    return Lark(grammar, parser="lalr", lexer="basic", start=STARTS, propagate_positions=True, maybe_placeholders=True)
