"""lark's tree of a statement -> the statement as `syntax` has it; only builds, and looks no name up."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from graphdsl.diagnostics import Label, Reporter, Source, Span, did_you_mean
from graphdsl.expr import (
    MINUS_ONE,
    ZERO,
    Array,
    Call,
    Element,
    Expr,
    Number,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
    children,
)
from graphdsl.lex import Token
from graphdsl.limits import exceeded
from graphdsl.syntax import (
    AS,
    MATMUL,
    NAMED,
    OVER,
    RANGE,
    TRANSPOSE,
    Assignment,
    DataBlock,
    Declaration,
    Declared,
    Equation,
    Expected,
    ExpectedValue,
    Find,
    For,
    Function,
    Given,
    GivenValue,
    Gradient,
    Init,
    Later,
    Layer,
    Layers,
    Loss,
    Module,
    Name,
    Names,
    Note,
    Options,
    Parameter,
    Penalty,
    Place,
    Printed,
    Quoted,
    Reference,
    Row,
    Rule,
    Setting,
    Statement,
    Symbols,
    Train,
    Use,
    Words,
    as_written,
)

if TYPE_CHECKING:
    from lark import Token as Leaf
    from lark import Tree

DEEPEST = 100
"""Levels of a formula's tree; sums and products are flat, so only brackets, powers and quotients add one."""


@dataclass(frozen=True, slots=True)
class _SettingName:
    name: Name
    member: Name | None
    brackets: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class _Bounds:
    """`low..high`, as they were written."""

    low: Expr
    high: Expr
    span: Span

    @property
    def numbers(self) -> bool:
        """Whether both ends are numerals, so that they can be judged here."""
        return isinstance(self.low, Number) and isinstance(self.high, Number)


# What a rule gives is fixed by the grammar, which no type checker reads: hence Any for the parts of a rule.
_Build = Callable[[Any, Span], Any]


class Builder:
    """One method for each rule of the grammar, called from the leaves up with what the rule's parts gave.

    It never raises: a mistake is reported and something harmless stands in for it.
    """

    def __init__(self, source: Source, reporter: Reporter, e_is_a_name: bool):
        self.text = source.text
        self.reporter = reporter
        self.e_is_a_name = e_is_a_name
        self._depth: dict[int, tuple[Expr, int]] = {}
        self._too_deep = False

    def statement(self, tree: Tree[Leaf]) -> Statement:
        """The statement of a tree."""
        statement = self._build(tree)
        assert isinstance(statement, Statement)
        return statement

    def setting(self, tree: Tree[Leaf]) -> Setting:
        """The setting of a tree."""
        setting = self._build(tree)
        assert isinstance(setting, Setting)
        return setting

    def _build(self, tree: Tree[Leaf]) -> Any:
        """What a tree gives, without recursion."""
        self._depth.clear()
        self._too_deep = False
        order: list[Tree[Leaf] | Leaf | None] = []
        todo: list[Tree[Leaf] | Leaf | None] = [tree]
        while todo:
            node = todo.pop()
            order.append(node)
            todo.extend([] if node is None or isinstance(node, str) else node.children)
        made: list[Any] = []
        for node in reversed(order):
            if node is None or isinstance(node, str):
                made.append(_token(node))
                continue
            count = len(node.children)
            parts = made[len(made) - count :]
            del made[len(made) - count :]
            made.append(self._rule(node.data)(parts, _span(node)))
        (whole,) = made
        return whole

    def _rule(self, name: str) -> _Build:
        return getattr(self, f"_{name}", None) or _LATER.get(name) or _parts

    # --- statements

    def _words(self, parts: Any, span: Span) -> Words:
        keyword, text = parts
        return Words(keyword.text, _quoted(text), span)

    def _declaration(self, parts: Any, span: Span) -> Declaration:
        keyword, *declared = parts
        return Declaration(keyword.text, tuple(declared), span)

    def _declared(self, parts: Any, span: Span) -> Declared:
        names, shape, elements, value = parts
        return Declared(names, tuple(shape or ()), tuple(elements or ()), value, span)

    def _names(self, parts: Any, span: Span) -> Names:
        first, last = parts
        return Names(_name(first), _name(last) if last else None, span)

    def _equation(self, parts: Any, span: Span) -> Statement:
        *targets, value = parts
        for target in targets:
            if "." in _base(target).key:
                self.reporter.error("a name on the left of = has no dot", target.span)
        if len(targets) == 1 and isinstance(targets[0], Symbol):
            return Equation(Name(targets[0].key.partition(".")[0], _place(targets[0])), value, span)
        return Assignment(tuple(map(_target, targets)), value, span)

    def _layer(self, parts: Any, span: Span) -> Layer:
        _, name, size, elements, activation, sources, settings = parts
        return Layer(
            _name(name),
            size,
            tuple(elements or ()),
            _name(activation) if activation else None,
            tuple(sources or ()),
            tuple(settings or ()),
            span,
        )

    def _size(self, parts: Any, span: Span) -> Expr:
        return parts[0]  # type: ignore[no-any-return]

    def _sources(self, parts: Any, span: Span) -> tuple[Names, ...]:
        return tuple(parts[1:])

    def _block(self, parts: Any, span: Span) -> tuple[Setting, ...]:
        return tuple(part for part in parts if isinstance(part, Setting))

    def _setting(self, parts: Any, span: Span) -> Setting:
        named, value = parts
        return Setting(named.name, named.brackets, named.member, value, span)

    def _setting_name(self, parts: Any, span: Span) -> _SettingName:
        name, member, brackets = parts
        return _SettingName(_name(name), _name(member) if member else None, tuple(brackets or ()))

    def _quoted(self, parts: Any, span: Span) -> Quoted:
        return _quoted(parts[0])

    def _init(self, parts: Any, span: Span) -> Init:
        settings = parts[1] if isinstance(parts[1], tuple) else parts[1:]
        return Init(tuple(settings), span)

    def _loss(self, parts: Any, span: Span) -> Loss:
        keyword, *name, value = parts
        return Loss(_OBJECTIVES[keyword.text], _name(name[0]) if name else None, value, span)

    def _loss_called_loss(self, parts: Any, span: Span) -> Loss:
        keyword, value = parts
        return Loss("loss", _name(keyword), value, span)

    def _gradient(self, parts: Any, span: Span) -> Gradient:
        _, objectives, _, wrt = parts
        return Gradient(objectives, wrt or (), span)

    def _names_list(self, parts: Any, span: Span) -> tuple[Name, ...]:
        return tuple(name for names in parts for name in self._spread_names(names))

    def _train(self, parts: Any, span: Span) -> Train:
        keyword, optimizer, settings = parts
        return Train(_name(optimizer) if optimizer else Name("sgd", keyword.span), tuple(settings or ()), span)

    def _data(self, parts: Any, span: Span) -> DataBlock:
        """Rows written here; a file's are read by `parse`."""
        rows = tuple(part for part in parts if isinstance(part, Row))
        file = next((_quoted(part) for part in parts if isinstance(part, Token) and part.kind == "STRING"), None)
        return DataBlock(rows, file, span)

    def _row(self, parts: Any, span: Span) -> Row:
        arrow = next((i for i, part in enumerate(parts) if isinstance(part, Token) and part.kind == "ARROW"), None)
        cells = [[p for p in side if p is not None and not isinstance(p, Token)] for side in _parted(parts, arrow)]
        return Row(tuple(cells[0]), tuple(cells[1]), span)

    def _penalty(self, parts: Any, span: Span) -> Penalty:
        _, name, value = parts
        return Penalty(_name(name), value, span)

    def _optimizer(self, parts: Any, span: Span) -> Rule:
        _, name, head, body = parts
        for statement in body:
            if not isinstance(statement, Equation):
                self.reporter.error("the rule of an optimizer is a list of assignments", statement.span)
        inputs, options = head or ((), ())
        return Rule(_name(name), (*inputs, *options), tuple(s for s in body if isinstance(s, Equation)), span)

    def _options(self, parts: Any, span: Span) -> Options:
        keyword, settings = parts
        return Options(keyword.text, settings, span)

    def _expected(self, parts: Any, span: Span) -> Expected:
        return Expected(tuple(parts[1:]), span)

    def _expectation(self, parts: Any, span: Span) -> ExpectedValue:
        reference, _, via, value = parts
        return ExpectedValue(reference, value, span, via)

    def _printed(self, parts: Any, span: Span) -> Printed:
        """Rows of numbers, or nested lists of them."""
        rows = [list(row) for row in parts]
        if len(rows) == 1 and any(isinstance(entry, Printed) for entry in rows[0]):
            return self._nested(rows[0], span)
        width = len(rows[0])
        for i, row in enumerate(rows[1:], start=2):
            if len(row) != width:
                self.reporter.error(
                    "the rows of a matrix are of equal length",
                    span,
                    f"row 1 has {_count(width, 'entry', 'entries')}, row {i} has {_count(len(row), 'entry', 'entries')}",
                )
                return Printed((), (), span)
        shape = (len(rows), width) if len(rows) > 1 else (width,)
        return Printed(shape, tuple(_printed_number(e) for row in rows for e in row), span)

    def _nested(self, lists: list[Any], span: Span) -> Printed:
        first = lists[0]
        if not all(isinstance(entry, Printed) and entry.shape == first.shape for entry in lists):
            self.reporter.error("a list holds numbers, or lists of equal length", span)
            return Printed((), (), span)
        return Printed((len(lists), *first.shape), tuple(e for inner in lists for e in inner.entries), span)

    def _literal(self, parts: Any, span: Span) -> Number:
        value = Decimal(parts[-1].text)
        return Number(value.copy_negate() if len(parts) == 2 and value else value, span=span)

    def _reference(self, parts: Any, span: Span) -> Reference:
        of, wrt = parts
        last, when = _without_after(of if wrt is None else wrt)
        if wrt is None:
            return Reference(last, None, when.after, span, when.sample, when.epoch)
        above, below = _without_d(of), _without_d(last)
        if above is None or below is None:
            self.reporter.error(
                f"`{self._source(span)}` is not a derivative",
                span,
                hint=f"write d{self._source(of.span)}/d{self._source(wrt.span)}"
                if not (above or below)
                else "write d before both names, as in dE/dw1",
            )
        return Reference(above or of, below or last, when.after, span, when.sample, when.epoch)

    # --- the question, functions and modules, loops

    def _symbol_(self, parts: Any, span: Span) -> Symbols:
        return Symbols(tuple(parts[1:]), span)

    def _given(self, parts: Any, span: Span) -> Given:
        return Given(tuple(parts[1:]), span)

    def _gave(self, parts: Any, span: Span) -> GivenValue:
        reference, value = parts
        return GivenValue(reference, value, span)

    def _find(self, parts: Any, span: Span) -> Find:
        references = next((part for part in parts[1:] if isinstance(part, tuple)), ())
        question = next((part for part in parts[1:] if isinstance(part, list)), [])
        text = next((part for part in question if isinstance(part, Quoted)), None)
        points = next((part for part in question if isinstance(part, Number)), None)
        return Find(references, text, points, span)

    def _references(self, parts: Any, span: Span) -> tuple[Reference, ...]:
        return tuple(parts)

    def _question(self, parts: Any, span: Span) -> list[Quoted | Number]:
        return [part if isinstance(part, Number) else _quoted(part) for part in parts]

    def _points(self, parts: Any, span: Span) -> Number:
        number, unit = parts
        if unit.text not in _POINTS:
            near = did_you_mean(unit.text, _POINTS)
            self.reporter.error("points stand in parentheses", span, hint=near or "for example (6 points)")
        return Number(Decimal(number.text), span=span)

    def _note(self, parts: Any, span: Span) -> Note:
        _, reference, text = parts
        return Note(reference, _quoted(text), span)

    def _function(self, parts: Any, span: Span) -> Function:
        _, name, (inputs, options), value = parts
        return Function(_name(name), inputs, options, value, span)

    def _params(self, parts: Any, span: Span) -> tuple[tuple[Parameter, ...], tuple[Parameter, ...]]:
        inputs, options = parts
        return tuple(inputs), tuple(options or ())

    def _param(self, parts: Any, span: Span) -> Parameter:
        name, default = parts
        return Parameter(_name(name), default)

    def _module(self, parts: Any, span: Span) -> Module:
        _, name, (inputs, options), _, outputs, body = parts
        return Module(_name(name), inputs, options, outputs or (), body, span)

    def _names_only(self, parts: Any, span: Span) -> tuple[Name, ...]:
        return tuple(map(_name, parts))

    def _body(self, parts: Any, span: Span) -> tuple[Statement, ...]:
        return tuple(part for part in parts if isinstance(part, Statement))

    def _use(self, parts: Any, span: Span) -> Use:
        return Use(_quoted(parts[1]), span)

    def _for_(self, parts: Any, span: Span) -> For:
        _, index, _, values, body = parts
        if isinstance(values, _Bounds):
            values = Call(RANGE, self._range_of(values, "indices"), span=values.span)
        return For(_name(index), values, body, span)

    def _layers(self, parts: Any, span: Span) -> Layers:
        return Layers(tuple(tuple(group) for group in parts[1:]), span)

    # --- sums and products

    def _sum(self, parts: Any, span: Span) -> Expr:
        terms: list[Expr] = [parts[0]]
        for sign, term in zip(parts[1::2], parts[2::2], strict=True):
            terms.append(self._negated(sign, term) if sign.kind == "MINUS" else term)
        return self._made(Sum(tuple(terms), span))

    def _negated(self, sign: Token, x: Expr) -> Expr:
        minus = replace(MINUS_ONE, span=sign.span)
        span = _place(x).to(sign.span)
        if isinstance(x, Product) and not _fenced(x) and x.factors[0] != MINUS_ONE:
            return self._made(Product((minus, *x.factors), span))
        return self._made(Product((minus, x), span))

    def _negative(self, parts: Any, span: Span) -> Expr:
        sign, x = parts
        if isinstance(x, Number) and not x.value.is_signed():
            return Number(x.value.copy_negate() if x.value else x.value, span=span)
        return self._negated(sign, x)

    def _positive(self, parts: Any, span: Span) -> Expr:
        return parts[0]  # type: ignore[no-any-return]

    def _product(self, parts: Any, span: Span) -> Expr:
        factors: list[Expr] = [parts[0]]
        start = _place(parts[0])
        for sign, factor in zip(parts[1::2], parts[2::2], strict=True):
            so_far = start.to(_place(factor))
            match sign.kind:
                case "STAR":
                    factors.append(factor)
                case "SLASH":
                    factors = [self._made(Quotient(self._whole(factors), factor, so_far))]
                case _:
                    factors = [self._made(Call(MATMUL, (self._whole(factors), factor), span=so_far))]
        return self._whole(factors)

    def _whole(self, factors: list[Expr]) -> Expr:
        if len(factors) == 1:
            return factors[0]
        return self._made(Product(tuple(factors), _place(factors[0]).to(_place(factors[-1]))))

    def _power(self, parts: Any, span: Span) -> Expr:
        base, exponent = parts
        if isinstance(base, Symbol) and base.key == "e" and not self.e_is_a_name:
            written = self._source(_place(exponent))
            inner = written[1:-1] if _fenced(exponent) else written
            self.reporter.error("`e` is not a name here", base.span, hint=f"write exp({_short(inner)})")
        return self._made(Power(base, exponent, span))

    def _group(self, parts: Any, span: Span) -> Expr:
        """What stands in parentheses keeps them in its span, which is how it is told from what does not."""
        (inner,) = parts
        return replace(inner, span=span) if isinstance(inner, Sum | Product | Quotient | Power | Call) else inner

    # --- values

    def _number(self, parts: Any, span: Span) -> Number:
        return Number(Decimal(parts[0].text), span=span)

    def _name(self, parts: Any, span: Span) -> Expr:
        (token,) = parts
        if token.text.casefold() in _NOT_NUMBERS:
            self.reporter.error(f"`{token.text}` is not a number that can be given", span)
        return Symbol(token.text, span=span)

    def _member(self, parts: Any, span: Span) -> Expr:
        of, token = parts
        return self._made(_with_member(of, token.text, span))

    def _element(self, parts: Any, span: Span) -> Expr:
        of, index = parts
        return self._made(Element(of, index, span))

    def _brackets(self, parts: Any, span: Span) -> tuple[Expr, ...]:
        return tuple(parts)

    def _slice(self, parts: Any, span: Span) -> Expr:
        (bounds,) = parts
        if not bounds.numbers:
            return self._made(Call(RANGE, (bounds.low, bounds.high), span=span))
        low, high = self._whole_bounds(bounds, "indices")
        return Array((high - low + 1,), tuple(Number(Decimal(i), span=span) for i in range(low, high + 1)), span)

    def _bounds(self, parts: Any, span: Span) -> _Bounds:
        low, high = parts
        return _Bounds(low, high, span)

    def _whole_bounds(self, bounds: _Bounds, what: str) -> tuple[int, int]:
        low, high = (_whole(end) for end in (bounds.low, bounds.high))
        written = _short(self._source(bounds.span))
        if low is None or high is None:
            self.reporter.error(
                f"a range of {what} runs between two whole numbers", bounds.span, hint="for example 1..3"
            )
        elif high < low:
            self.reporter.error(f"the range `{written}` runs backwards", bounds.span, hint=f"write {high}..{low}")
        elif high - low >= self.reporter.source.limits.names:
            self.reporter.error(
                f"the range `{written}` has {high - low + 1:,} members",
                bounds.span,
                f"at most {self.reporter.source.limits.names:,} are allowed",
                hint=exceeded("names", high - low + 1),
            )
        else:
            return low, high
        return 1, 1

    def _range_of(self, bounds: _Bounds, what: str) -> tuple[Expr, Expr]:
        """The ends of a range that an index runs through; numerals are judged here."""
        if not bounds.numbers:
            return bounds.low, bounds.high
        low, high = self._whole_bounds(bounds, what)
        return Number(Decimal(low), span=bounds.span), Number(Decimal(high), span=bounds.span)

    def _named_part(self, parts: Any, span: Span) -> Expr:
        value, _, name = parts
        return self._made(Call(AS, (value, Symbol(name.text, span=name.span)), span=span))

    def _transpose(self, parts: Any, span: Span) -> Expr:
        return self._made(Call(TRANSPOSE, (parts[0],), span=span))

    def _call(self, parts: Any, span: Span) -> Expr:
        name, *arguments = parts
        return self._made(Call(as_written(name.text), tuple(arguments), span=span))

    def _option(self, parts: Any, span: Span) -> Expr:
        name, value = parts
        return self._made(Call(NAMED, (Symbol(name.text, span=name.span), value), span=span))

    def _indexed_sum(self, parts: Any, span: Span) -> Expr:
        function, index, _, bounds, body = parts
        over = OVER.get(function.text.casefold())
        if over is None:
            self.reporter.error(
                f"`{function.text}` takes no index", function.span, hint="a sum over an index is sum(s in 1..3, …)"
            )
            return self._made(body)
        low, high = self._range_of(bounds, "indices")
        return self._made(Call(over, (Symbol(index.text, span=index.span), low, high, body), span=span))

    # --- lists

    def _range(self, parts: Any, span: Span) -> Array:
        names = self._spread_names(Names(_name(parts[0]), _name(parts[1]), span))
        return Array((len(names),), tuple(Symbol(name.text, span=span) for name in names), span)

    def _spread(self, parts: Any, span: Span) -> tuple[Expr, ...]:
        return parts[0].entries  # type: ignore[no-any-return]

    def _named_entry(self, parts: Any, span: Span) -> Expr:
        name, value = parts
        return Relation((Symbol(name.text, span=name.span), value), ("=",), span)

    def _entries(self, parts: Any, span: Span) -> tuple[list[Expr], Span]:
        entries = [e for part in parts for e in (part if isinstance(part, tuple) else (part,))]
        self._announce_decimal_comma(entries)
        return entries, span

    def _array(self, parts: Any, span: Span) -> Expr:
        rows = list(parts)
        if len(rows) == 1:
            return self._row_of(rows[0][0], span)
        width = len(rows[0][0])
        for i, (row, place) in enumerate(rows[1:], start=2):
            if len(row) != width:
                self._ragged(rows[0], (row, place), i)
                return replace(ZERO, span=span)
        entries = tuple(entry for row, _ in rows for entry in row)
        nested = next((e for e in entries if isinstance(e, Array)), None)
        if nested is not None:
            self.reporter.error(
                "a list stands inside a matrix whose rows are already separated by ;",
                nested.span,
                hint="use ; or nested lists, not both",
            )
            return replace(ZERO, span=span)
        return self._made(Array((len(rows), width), entries, span))

    def _ragged(self, first: tuple[list[Expr], Span], other: tuple[list[Expr], Span], number: int) -> None:
        self.reporter.error(
            "the rows of a matrix are of equal length",
            other[1],
            f"row {number} has {_count(len(other[0]), 'entry', 'entries')}",
            also=[Label(first[1], f"row 1 has {_count(len(first[0]), 'entry', 'entries')}")],
        )

    def _row_of(self, entries: list[Expr], span: Span) -> Expr:
        lists = [e for e in entries if isinstance(e, Array) and self.text[_place(e).start] == "["]
        if not lists:
            return self._made(Array((len(entries),), tuple(entries), span))
        first = lists[0]
        odd = next((e for e in entries if not isinstance(e, Array)), None)
        if odd is not None:
            self.reporter.error(
                "a list holds values or lists, not both",
                odd.span,
                "a value",
                also=[Label(_place(first), "a list")],
            )
            return replace(ZERO, span=span)
        for other in lists[1:]:
            if other.shape != first.shape:
                self._ragged(
                    (list(first.entries), _place(first)), (list(other.entries), _place(other)), lists.index(other) + 1
                )
                return replace(ZERO, span=span)
        return self._made(Array((len(lists), *first.shape), tuple(e for a in lists for e in a.entries), span))

    def _announce_decimal_comma(self, entries: list[Expr]) -> None:
        """`0,5` in a list may be a decimal: where it is likely, the reading is announced."""
        pairs = [(a, b) for a, b in pairwise(entries) if isinstance(a, Number) and isinstance(b, Number)]
        tight = [(a, b) for a, b in pairs if self._tight(a, b)]
        odd = next((p for p in tight if self._source(_place(p[0])) == "0" and p[1].value not in (0, 1)), None)
        if (
            odd is None
            and len(tight) > 1
            and all(self._tight(a, b) for a, b in pairs[::2])
            and len(tight) == len(pairs[::2])
        ):
            odd = (
                tight[0]
                if any(a.value != a.value.to_integral_value() or a.value not in (0, 1) for p in tight for a in p)
                else None
            )
        if odd is not None:
            a, b = (self._source(_place(n)) for n in odd)
            self.reporter.warning(
                f"`{_short(a)},{_short(b)}` is read as two numbers, {_short(a)} and {_short(b)}",
                _place(odd[0]).to(_place(odd[1])),
                hint=f"for the decimal write {_short(a)}.{_short(b)}; for two numbers put a space after the comma",
            )

    def _tight(self, a: Number, b: Number) -> bool:
        digits = self._source(_place(a)).isdigit() and self._source(_place(b)).isdigit()
        return digits and self.text[_place(a).end : _place(b).start] == ","

    # --- ranges of names

    def _spread_names(self, names: Names) -> tuple[Name, ...]:
        """Every name of a range; a single one is itself."""
        if names.last is None:
            return (names.first,)
        first, last = _NUMBERED.fullmatch(names.first.text), _NUMBERED.fullmatch(names.last.text)
        written = _short(self._source(names.span))
        if first is None or last is None or first["stem"] != last["stem"]:
            stem = first["stem"] if first else "w"
            self.reporter.error(
                f"the range `{written}` does not run from one number to another of the same name",
                names.span,
                hint=f"for example {_short(stem)}1..{_short(stem)}4",
            )
            return (names.first,)
        low, high = int(first["number"]), int(last["number"])
        if high < low:
            self.reporter.error(
                f"the range `{written}` runs backwards",
                names.span,
                hint=f"write {_short(names.last.text)}..{_short(names.first.text)}",
            )
            return (names.first,)
        if high - low >= self.reporter.source.limits.names:
            self.reporter.error(
                f"the range `{written}` has {high - low + 1:,} names",
                names.span,
                f"at most {self.reporter.source.limits.names:,} are allowed",
                hint=exceeded("names", high - low + 1),
            )
            return (names.first,)
        return tuple(Name(f"{first['stem']}{i}", names.span) for i in range(low, high + 1))

    # --- bookkeeping

    def _source(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def _made(self, node: Expr) -> Expr:
        """The node, unless formulas below it are nested too deep to be walked by recursion."""
        below = max((self._depth.get(id(child), (child, 0))[1] for child in children(node)), default=0)
        if below >= DEEPEST and self._too_deep:
            return replace(ZERO, span=node.span)
        if below >= DEEPEST:
            self._too_deep = True
            self.reporter.error(
                f"this formula is nested more than {DEEPEST} levels deep",
                Span(_place(node).start, _place(node).start + 1),
                hint="give a part of it a name in an equation of its own",
            )
            return replace(ZERO, span=node.span)
        self._depth[id(node)] = (node, below + 1)
        return node


_OBJECTIVES: dict[str, Literal["loss", "minimise", "maximise"]] = {
    "loss": "loss", "minimise": "minimise", "minimize": "minimise", "maximise": "maximise", "maximize": "maximise",
}  # fmt: skip
_NOT_NUMBERS = {"nan", "inf", "infinity"}
_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]{1,9})", re.ASCII)
_WHEN = re.compile(r"(?P<key>.+)\.(?P<kind>after|sample|epoch)(?P<count>[0-9]{0,7})", re.ASCII)
_LATER_STATEMENTS = {
    "vary": "vary", "require": "require",
}  # fmt: skip
_POINTS = ("points", "point", "Punkte", "Punkt", "marks", "mark", "P", "点", "分")


def _later(keyword: str) -> _Build:
    return lambda parts, span: Later(keyword, span)


_LATER: dict[str, _Build] = {rule: _later(keyword) for rule, keyword in _LATER_STATEMENTS.items()}


def _parts(parts: Any, span: Span) -> tuple[Any, ...]:
    """A rule that only groups."""
    return tuple(parts)


def _token(leaf: Leaf | None) -> Token | None:
    return None if leaf is None else Token(leaf.type, leaf.value, leaf.start_pos or 0, leaf.end_pos or 0)


def _span(tree: Tree[Leaf]) -> Span:
    return Span(0, 0) if tree.meta.empty else Span(tree.meta.start_pos, tree.meta.end_pos)


def _place(expr: Expr) -> Span:
    return expr.span or Span(0, 0)


def _fenced(expr: Expr) -> bool:
    """Whether the formula stands in parentheses: its span then begins before its first part's."""
    parts = children(expr)
    return (
        bool(parts)
        and not isinstance(expr, Array)
        and _place(expr).start < _place(parts[0]).start
        and not (isinstance(expr, Call) and expr.operation not in (MATMUL, TRANSPOSE))
    )


def _printed_number(entry: Number | Token) -> Number | None:
    return entry if isinstance(entry, Number) else None


def _name(token: Token) -> Name:
    return Name(token.text, token.span)


def _quoted(token: Token) -> Quoted:
    return Quoted(token.text, token.span)


def _with_member(place: Expr, member: str, span: Span) -> Expr:
    """`a.b` is one name; `x[2].after` is `x.after[2]`."""
    if isinstance(place, Element):
        return Element(_with_member(place.of, member, _place(place.of)), place.index, span)
    return Symbol(f"{place.key}.{member}", span=span) if isinstance(place, Symbol) else place


def _base(place: Expr) -> Symbol:
    """The name that indices and dots stand behind."""
    while isinstance(place, Element):
        place = place.of
    assert isinstance(place, Symbol), "the grammar lets only names be indexed here"
    return place


def _target(place: Expr) -> Place:
    """What stands left of =: a name with the indices behind it."""
    base, index = _base(place), tuple[Expr, ...]()
    inner = place
    while isinstance(inner, Element):
        index, inner = (*inner.index, *index), inner.of
    return Place(Name(base.key.partition(".")[0], _place(base)), index, _place(place))


def _whole(expr: Expr) -> int | None:
    """The whole number that a numeral is."""
    if not isinstance(expr, Number) or expr.value != expr.value.to_integral_value():
        return None
    return int(expr.value) if abs(expr.value) < 10**15 else None


@dataclass(frozen=True, slots=True)
class _When:
    """After how many updates (None for all), of which sample, at the end of which epoch; 0 where nothing is said."""

    after: int | None = 0
    sample: int = 0
    epoch: int = 0


def _without_after(place: Expr) -> tuple[Expr, _When]:
    """The place without `.after2`, `.sample3` and `.epoch4`, and what they said."""
    if isinstance(place, Element):
        of, when = _without_after(place.of)
        return replace(place, of=of), when
    match = _WHEN.fullmatch(place.key) if isinstance(place, Symbol) else None
    if match is None or (match["kind"] != "after" and not match["count"]):
        return place, _When()
    inner, when = _without_after(Symbol(match["key"], span=place.span))
    count = int(match["count"]) if match["count"] else None
    match match["kind"]:
        case "after":
            return inner, replace(when, after=count)
        case "sample":
            return inner, replace(when, sample=count or 0)
        case _:
            return inner, replace(when, epoch=count or 0)


def _parted(parts: list[Any], arrow: int | None) -> tuple[list[Any], list[Any]]:
    """What stands before the arrow, and what after it."""
    return (parts, []) if arrow is None else (parts[:arrow], parts[arrow + 1 :])


def _without_d(place: Expr) -> Expr | None:
    """The name after the d of a derivative, or nothing."""
    if isinstance(place, Element):
        of = _without_d(place.of)
        return replace(place, of=of) if of else None
    if not isinstance(place, Symbol) or len(place.key) < 2 or not place.key.startswith("d"):
        return None
    return Symbol(place.key[1:], span=Span(_place(place).start + 1, _place(place).end))


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:30]}…"
