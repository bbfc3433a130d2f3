"""Text -> Spec, with every mistake of form at once; knows no meaning: names, shapes and functions are `check`'s."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from graphdsl.diagnostics import Reporter, Source, Span, SpecError
from graphdsl.lex import BLOCKS, Token, pieces, statement_keywords, stop_if_too_many
from graphdsl.slips import Failure, explain
from graphdsl.statements import Builder
from graphdsl.syntax import DataBlock, Setting, Spec, Statement
from graphdsl.tables import parser

if TYPE_CHECKING:
    from lark import Token as LarkToken
    from lark import Tree

__all__ = ["parse", "read", "statement_keywords"]

MOST_BYTES = 1 << 20


def parse(source: Source, start: int = 0) -> Spec:
    """The statements of a spec from an offset on, or a SpecError with all their mistakes of form."""
    reporter = Reporter(source)
    statements: list[Statement] = []
    found = pieces(source, reporter, start)
    builder = Builder(source, reporter, _e_is_a_name([token for piece in found for token in piece.tokens]))
    for piece in found:
        tree = _tree(piece.tokens, "statement")
        if isinstance(tree, Failure):
            _tell(tree, source, reporter)
        else:
            statements.append(_with_file(builder.statement(tree), source, reporter))
        stop_if_too_many(reporter)
    if not found and not reporter.errors:
        reporter.error("the spec is empty", hint="`graphdsl demo` writes one to start from")
    reporter.stop_if_errors()
    return Spec(source, tuple(statements), tuple(reporter.warnings))


def parse_setting(source: Source, start: int, option: str, reporter: Reporter) -> Setting | None:
    """The `name = value` of an option that a source ends with; a mistake of form is reported."""
    before = len(reporter.errors)
    found = pieces(source, reporter, start)
    whole = Span(start, len(source.text))
    if len(found) != 1 or not any(token.kind == "EQUAL" for token in found[0].tokens):
        if len(reporter.errors) == before:
            reporter.error(f"`{option}` takes a name and a value", whole, hint=f"for example {option} eta=0.1")
        return None
    tree = _tree(found[0].tokens, "setting")
    if isinstance(tree, Failure):
        _explain(tree, source, reporter)
        return None
    return Builder(source, reporter, False).setting(tree)


def shipped(name: str) -> Spec:
    """A spec that comes with the package, such as the table of optimizers."""
    return parse(read(resources.files("graphdsl").joinpath(name).read_bytes(), name))


def _with_file(statement: Statement, source: Source, reporter: Reporter) -> Statement:
    """The statement; data that stand in a file are read from it."""
    if not isinstance(statement, DataBlock) or statement.file is None:
        return statement
    from graphdsl.datafile import DataMistake, rows

    try:
        return rows(statement, source.folder)
    except DataMistake as mistake:
        reporter.error(mistake.message, statement.file.span, mistake.label, hint=mistake.hint)
        return statement


def _tree(tokens: Sequence[Token], start: str, keyword: str | None = None) -> Tree[LarkToken] | Failure:
    """lark's tree of the tokens, or where they stop making sense."""
    from lark import Token as Leaf
    from lark import UnexpectedToken

    state = parser().parse_interactive(start=start).parser_state
    fed = 0
    try:
        for token in tokens:
            state.feed_token(Leaf(token.kind, token.text, token.start, 1, 1, 1, 1, token.end))
            fed += 1
        tree: Tree[LarkToken] = state.feed_token(Leaf("$END", ""), True)
    except UnexpectedToken as unexpected:
        return Failure(tuple(tokens), fed, start, keyword or _keyword(tokens), frozenset(unexpected.expected))
    return tree


def _tell(failure: Failure, source: Source, reporter: Reporter) -> None:
    """Report a failure; where the statement has a block, its heading and each of its items on their own.

    Tokens that hold a mistake told before are passed over.
    """
    before = len(reporter.found)
    block = _block(failure.tokens)
    if block is not None:
        opener, closer = block
        heading = (*failure.tokens[: opener + 1], *failure.tokens[closer:])
        parts = [(heading, failure.start, failure.keyword)]
        holds = BLOCKS.get(failure.keyword or "", "setting")
        within = None if holds == "statement" else failure.keyword
        parts += [(item, holds, within) for item in _items(failure.tokens[opener + 1 : closer])]
        for tokens, start, keyword in parts:
            tree = _tree(tokens, start, keyword)
            if isinstance(tree, Failure):
                _explain(tree, source, reporter) if tokens is heading else _tell(tree, source, reporter)
    if len(reporter.found) == before:
        _explain(failure, source, reporter)


def _explain(failure: Failure, source: Source, reporter: Reporter) -> None:
    if all(token.kind != "BROKEN" for token in failure.tokens):
        explain(failure, source, reporter)


def _keyword(tokens: Sequence[Token]) -> str | None:
    return tokens[0].text if tokens and tokens[0].kind != "NAME" and tokens[0].text.isalpha() else None


def _block(tokens: Sequence[Token]) -> tuple[int, int] | None:
    """Where the first block of the tokens opens and closes, if there is something in it."""
    depth, opener = 0, -1
    for i, token in enumerate(tokens):
        if token.kind == "LBRACE":
            opener = i if not depth else opener
            depth += 1
        elif token.kind == "RBRACE":
            depth -= 1
            if not depth:
                return (opener, i) if i > opener + 1 else None
    return None


def _items(tokens: Sequence[Token]) -> list[tuple[Token, ...]]:
    """What stands between the separators of a block."""
    items: list[tuple[Token, ...]] = []
    depth = start = 0
    for i, token in enumerate(tokens):
        depth += (token.kind == "LBRACE") - (token.kind == "RBRACE")
        if token.kind == "SEP" and not depth:
            items.append(tuple(tokens[start:i]))
            start = i + 1
    return [item for item in (*items, tuple(tokens[start:])) if item]


def _e_is_a_name(tokens: Sequence[Token]) -> bool:
    """Whether `e` occurs other than as the base of a power, so that it is a name of the author's."""
    return any(
        token.kind == "NAME" and token.text == "e" and tokens[i + 1 : i + 2] and tokens[i + 1].kind != "CIRCUMFLEX"
        for i, token in enumerate(tokens)
    )


# --- reading


def read(origin: str | os.PathLike[str] | bytes, name: str = "") -> Source:
    """The text of a file, or of bytes; `name` is what messages call it (a path's own name by default)."""
    name = name or ("the spec" if isinstance(origin, bytes) else os.fspath(origin))
    data = origin if isinstance(origin, bytes) else _bytes(Path(origin), name)
    if len(data) > MOST_BYTES:
        raise _refused(name, "the spec is larger than 1 MiB", "large data belong in a file of their own")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refused(name, "the spec is UTF-16 text", "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(data, error, name) from None
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    folder = None if isinstance(origin, bytes) else Path(origin).absolute().parent
    source = Source(name, plain, folder)
    if not source.text.strip():
        raise _refused(name, "the spec is empty", "`graphdsl demo` writes one to start from")
    _refuse_control_characters(source)
    return source


def _bytes(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _refused(name, f"the spec cannot be read: {(error.strerror or 'no reason given').lower()}") from None
    except ValueError:  # a NUL in the path
        raise _refused(name, "this is not the name of a file") from None


def _not_utf8(data: bytes, error: UnicodeDecodeError, name: str) -> SpecError:
    """The place of the first wrong byte, with the readable text around it."""
    source = Source(name, data.decode("utf-8", errors="replace").replace("\r\n", "\n"))
    place = len(data[: error.start].decode("utf-8", errors="replace").replace("\r\n", "\n"))
    line, _ = source.position(place)
    message = f"the spec is not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}"
    return _refused(source, message, "save the file as UTF-8", Span(place, place + 1))


def _refuse_control_characters(source: Source) -> None:
    """One message is enough: such a file is no text."""
    place = next((i for i, c in enumerate(source.text) if (ord(c) < 32 and c not in "\n\t\v\f") or c == "\x7f"), None)
    if place is not None:
        code = ord(source.text[place])
        message = f"the spec holds a control character (U+{code:04X})"
        raise _refused(source, message, "a spec is plain text", Span(place, place + 1))


def _refused(where: str | Source, message: str, hint: str = "", span: Span | None = None) -> SpecError:
    source = where if isinstance(where, Source) else Source(where, "")
    reporter = Reporter(source)
    reporter.error(message, span, hint=hint)
    return SpecError(reporter.found, source)
