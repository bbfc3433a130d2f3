"""Tokens that no rule of the grammar fits -> what is wrong in the user's words; guesses the slip, never parses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from graphdsl.diagnostics import Label, Reporter, Source, Span, did_you_mean
from graphdsl.lex import KEYWORDS, Token

# How a statement looks: the hint where nothing better is known.
FORMS = {
    "title": 'title "Two hidden layers"',
    "source": 'source "who published it, when"',
    "input": "input x1 = 2, x2 = 3",
    "target": "target t = 1",
    "param": "param w1, w2 = 0.5",
    "const": "const k = 2",
    "layer": "layer hidden[2] relu { weights = [1, 2; 3, 4]; biases = [0, 0] }",
    "init": "init weights = 1, biases = 0",
    "loss": "loss E = 1/2 * (t - y)^2",
    "minimise": "minimise f = x^2",
    "minimize": "minimize f = x^2",
    "maximise": "maximise f = -x^2",
    "maximize": "maximize f = -x^2",
    "gradient": "gradient f wrt x, y",
    "train": "train sgd { eta = 0.1, steps = 2 }",
    "numbers": "numbers { decimals = 4, carry = full }",
    "report": "report { language = de }",
    "expected": "expected h1 = 0.59, dE/dw5 = 0.082",
    "symbol": "symbol x[n], W[m, n]",
    "given": "given z = [3, -1], dJ/dz = 0.5",
    "find": 'find y1, dE/dw1 "Compute both." (6 points)',
    "text": 'text "The weights are given."',
    "note": 'note dE/dw1 "Mind the sign."',
    "function": "function swish(v) = v * sigmoid(v)",
    "module": "module cell(x, h; units) -> h_new { … }",
    "use": 'use "cells.spec"',
    "for": "for s in 1..3 { h[s] = tanh(w*h[s-1]) }",
    "data": "data { x1, x2 -> t; 0, 1 -> 1 }",
    "vary": "vary x1 in 1..4, t in [0, 1]",
    "require": "require h1 > 0",
    "penalty": "penalty R = 0.1 * w^2",
    "optimizer": "optimizer mine(eta) { … }",
    "layers": "layers (H1, H2), (H3, H4), (y1)",
}

_LISTS_OF_NAMES = {
    "input",
    "target",
    "param",
    "const",
    "symbol",
    "find",
    "gradient",
    "given",
    "expected",
    "init",
    "vary",
}
_SIGNS = {"PLUS", "MINUS", "STAR", "SLASH", "AT", "CIRCUMFLEX", "EQUAL", "COMPARE", "DOTS", "DOT", "ARROW"}
_WANTS_MORE = _SIGNS | {"COMMA", "SEMICOLON", "LPAR", "LSQB"}
_STARTS_OPERAND = {"NAME", "NUMBER", "LPAR", "LSQB"}
_CLOSES = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}


@dataclass(frozen=True, slots=True)
class Failure:
    """Tokens of a statement, or of an item of a block, and the one where every rule fails (their number: the end).

    `keyword` is that of the statement around them; `expected` are terminals that would have fitted.
    """

    tokens: tuple[Token, ...]
    at: int
    start: str
    keyword: str | None
    expected: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Slip:
    message: str
    span: Span
    hint: str = ""
    label: str = ""
    also: tuple[Label, ...] = ()


class _Scene:
    """A failure with what is around it."""

    def __init__(self, failure: Failure, source: Source):
        self.tokens = failure.tokens
        self.at = failure.at
        self.start = failure.start
        self.keyword = failure.keyword
        self.expected = failure.expected
        self.source = source
        self.last = self.tokens[self.at - 1] if self.at else None
        self.token = self.tokens[self.at] if self.at < len(self.tokens) else None
        self.next = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        self.opener = _innermost(self.tokens[: self.at])

    @property
    def kind(self) -> str:
        """The kind of the token that does not fit, END at the end."""
        return self.token.kind if self.token else "END"

    @property
    def last_kind(self) -> str:
        return self.last.kind if self.last else "START"

    @property
    def span(self) -> Span:
        """The token that does not fit, or the place just after the last one."""
        if self.token:
            return self.token.span
        end = self.tokens[-1].end
        return Span(end, end + 1)

    @property
    def after_last(self) -> Span:
        end = self.last.end if self.last else self.span.start
        return Span(end, end + 1)

    @property
    def ended(self) -> bool:
        """Whether the tokens end here, or the bracket around."""
        return self.kind in ("END", "SEP") or self.kind in _CLOSES

    def words(self, *tokens: Token) -> str:
        text = " ".join(self.source.text[tokens[0].start : tokens[-1].end].split())
        return text if len(text) <= 40 else f"{text[:30]}…"

    def has(self, kind: str) -> bool:
        """Whether such a sign stands before, outside brackets."""
        depth = 0
        for token in self.tokens[: self.at]:
            depth += (token.kind in _CLOSES.values()) - (token.kind in _CLOSES)
            if token.kind == kind and not depth:
                return True
        return False

    def tight(self) -> bool:
        return self.last is not None and self.last.end == self.span.start

    def same_line(self, a: Token, b: Token) -> bool:
        return "\n" not in self.source.text[a.end : b.start]


def explain(failure: Failure, source: Source, reporter: Reporter) -> None:
    """Report what is wrong: the first slip that fits."""
    scene = _Scene(failure, source)
    slip = next(found for found in (guess(scene) for guess in _GUESSES) if found is not None)
    reporter.error(slip.message, slip.span, slip.label, also=slip.also, hint=slip.hint)


def _innermost(tokens: Iterable[Token]) -> Token | None:
    """The bracket that is open after the tokens."""
    open_: list[Token] = []
    for token in tokens:
        if token.kind in _CLOSES.values():
            open_.append(token)
        elif token.kind in _CLOSES and open_:
            open_.pop()
    return open_[-1] if open_ else None


# --- how a statement starts


def _wrong_start(s: _Scene) -> _Slip | None:
    if s.start != "statement" or s.at or s.token is None:
        return None
    if s.kind == "NUMBER" and any(t.kind == "EQUAL" for t in s.tokens):
        return _Slip("the left of = is a name", s.span, "write name = …, with the formula on the right")
    return _Slip(f"a statement cannot start with `{s.words(s.token)}`", s.span, _STARTS)


_STARTS = "a statement starts with a keyword, or is an equation: name = …"


def _misspelt_keyword(s: _Scene) -> _Slip | None:
    if s.start != "statement" or s.at != 1 or s.last is None or s.last.kind != "NAME":
        return None
    if s.last.text in _OTHER_LANGUAGES:
        return _Slip(f"`{s.last.text}` is not in this language", s.last.span, _OTHER_LANGUAGES[s.last.text])
    near = did_you_mean(s.last.text, KEYWORDS)
    if s.kind in ("NAME", "STRING", "LBRACE") or (s.kind == "NUMBER" and near):
        hint = near
        if not near and s.kind == "NAME" and s.token is not None:
            hint = f"for a product write {s.last.text}*{s.token.text}" if _short_names(s.last, s.token) else _STARTS
        return _Slip(f"`{s.words(s.last)}` does not start a statement", s.last.span, hint or _STARTS)
    return None


def _short_names(*tokens: Token) -> bool:
    return all(len(t.text) == 1 or t.text[-1].isdigit() for t in tokens)


_EQUATION = "write name = …"
_FUNCTION = "write function f(x) = …"
_OTHER_LANGUAGES = {
    "let": _EQUATION, "var": _EQUATION, "set": _EQUATION, "float": _EQUATION, "int": _EQUATION, "define": _EQUATION,
    "def": _FUNCTION, "fn": _FUNCTION, "func": _FUNCTION,
    "import": 'write use "cells.spec"', "if": "", "while": "", "return": "", "print": "",
}  # fmt: skip


def _function(s: _Scene) -> _Slip | None:
    """`f(x) = x^2`, `hidden(h1, h2) relu`."""
    if s.start != "statement" or s.at != 1 or s.kind != "LPAR" or s.last is None or s.last_kind != "NAME":
        return None
    if s.keyword is None and any(t.kind == "EQUAL" for t in s.tokens):
        return _Slip(
            "the left of = is a name",
            Span(s.last.start, s.span.end),
            f"for a function write: function {s.last.text}(…) = …",
        )
    return _Slip(
        f"`{s.words(s.last)}` does not start a statement", s.last.span, did_you_mean(s.last.text, KEYWORDS) or _STARTS
    )


def _lone_name(s: _Scene) -> _Slip | None:
    """A statement of one formula: `y`, `x + 1`."""
    if s.start != "statement" or s.keyword is not None or s.has("EQUAL") or s.opener is not None:
        return None
    if s.has("SLASH") or s.kind == "SLASH":
        if any(t.kind == "EQUAL" for t in s.tokens) and s.tokens[0].text.startswith("d"):
            return _Slip(
                "the left of = is a name",
                Span(s.tokens[0].start, s.span.end),
                "for a published derivative write: expected dE/dw = …",
            )
        return None
    if s.ended and s.last is not None:
        hint = did_you_mean(s.last.text, KEYWORDS) if len(s.tokens) == 1 else ""
        return _Slip(
            f"`{s.words(s.tokens[0], s.last)}` is not a statement",
            Span(s.tokens[0].start, s.last.end),
            hint or "write name = …, or a keyword before it",
        )
    if s.kind in _SIGNS - {"EQUAL", "DOT", "ARROW"}:
        return _Slip(
            "the left of = is a name",
            Span(s.tokens[0].start, s.span.end),
            "write name = …, with the formula on the right",
        )
    return None


# --- numbers


def _decimal_comma(s: _Scene) -> _Slip | None:
    """`x1 = 0,5`: the failure is at the comma, or at the digits after it."""
    i = s.at - 1 if s.kind == "NUMBER" else s.at
    if not 0 < i < len(s.tokens) - 1 or s.tokens[i].kind != "COMMA":
        return None
    a, comma, b = s.tokens[i - 1 : i + 2]
    if a.kind != "NUMBER" or b.kind != "NUMBER" or a.end != comma.start or comma.end != b.start or not b.text.isdigit():
        return None
    return _Slip(
        f"`{s.words(a, b)}` is two numbers",
        Span(a.start, b.end),
        f"a decimal has a point: write {s.words(a)}.{s.words(b)}",
    )


def _digits_of_a_decimal(s: _Scene) -> _Slip | None:
    """The `5` that is left of `{ eta = 0,5 }`."""
    if s.start != "setting" or s.token is None or s.at or s.kind != "NUMBER":
        return None
    before = s.source.text[: s.span.start]
    if before[-1:] == "," and before[-2:-1].isdigit() and len(s.tokens) == 1:
        digits = len(before) - 1 - len(before[:-1].rstrip("0123456789"))
        whole = before[len(before) - 1 - digits : -1]
        return _Slip(
            f"`{whole},{s.words(s.token)}` is two numbers",
            Span(s.span.start - 1 - digits, s.span.end),
            f"a decimal has a point: write {whole}.{s.words(s.token)}",
        )
    return None


# --- equals signs


def _second_equals(s: _Scene) -> _Slip | None:
    if s.kind != "EQUAL" or s.last is None or s.last.kind in _WANTS_MORE:
        return None
    first = next((t for t in reversed(s.tokens[: s.at]) if t.kind == "EQUAL"), None)
    if first is None:
        return None
    hint = (
        f"names before a value share it: {s.keyword} w1, w2 = 1"
        if s.keyword in ("input", "target", "param", "const")
        else "write one equation for each name"
    )
    return _Slip("there are two = in one statement", s.span, hint, also=(Label(first.span, "the first one"),))


def _no_equals(s: _Scene) -> _Slip | None:
    """`steps 2`, `steps` in a block; `penalty R 3`."""
    if s.expected >= {"EQUAL"} and s.start == "setting" and s.last is not None and not s.has("EQUAL"):
        name = s.words(s.tokens[0], s.last)
        if s.ended:
            return _Slip(f"`{name}` has no value", Span(s.tokens[0].start, s.last.end), f"write {name} = …")
        if s.kind == "NAME" and s.next is not None and s.next.kind == "EQUAL" and s.token is not None:
            place = Span(s.tokens[0].start, s.span.end)
            return _Slip(
                "the name of a setting is one word", place, f"perhaps {name}_{s.token.text}, or {s.token.text}"
            )
        if s.token is not None and s.kind in {"NUMBER", "NAME", "STRING", "LSQB", "MINUS"}:
            return _Slip(f"an = is missing after `{name}`", s.span, f"write {name} = {s.words(*s.tokens[s.at :])}")
    return None


# --- two values side by side


def _pair(s: _Scene) -> tuple[Token, Token] | None:
    """Two values with nothing between them."""
    if s.last is None or s.token is None or not s.last.ends_operand or s.kind not in _STARTS_OPERAND:
        return None
    return None if s.last_kind == "STRING" else (s.last, s.token)


def _comma(s: _Scene, a: Token, b: Token) -> _Slip:
    words = b.kind in ("NAME", "NUMBER") and a.kind in ("NAME", "NUMBER")
    hint = f"write {s.words(a)}, {s.words(b)}" if words else "put a comma between them"
    return _Slip(f"a comma is missing in `{s.words(a, b)}`", Span(a.start, b.end), hint)


def _values_in_a_list(s: _Scene) -> _Slip | None:
    pair = _pair(s)
    if pair is None or s.opener is None or s.opener.kind != "LSQB":
        return None
    if s.same_line(*pair):
        return _comma(s, *pair)
    hint = "write a ; at the end of the row, or a comma if the row goes on"
    return _Slip("the rows of a matrix are separated by ;", s.after_last, hint)


def _names_in_a_list(s: _Scene) -> _Slip | None:
    """`param w1 w2`, `find H1 H2`, `0 1 -> 1`, `layer h(h1 h2)`."""
    pair = _pair(s)
    if pair is None:
        return None
    units = s.start == "statement" and s.opener is not None and s.opener.kind == "LPAR"
    if units and s.keyword in ("layer", "layers"):
        return _comma(s, *pair)
    if s.opener is not None:
        return None
    if s.start == "row":
        return _comma(s, *pair)
    if s.start != "statement" or s.keyword not in _LISTS_OF_NAMES or s.kind != "NAME":
        return None
    after_value = s.last_kind != "NAME" or s.has("EQUAL") or s.has("SLASH")
    slip = _comma(s, *pair)
    return replace(slip, hint=f"put a comma after {s.words(pair[0])}") if after_value else slip


def _values_without_brackets(s: _Scene) -> _Slip | None:
    """`param w1, w2 = 1 2`, `input x = (1, 2)`."""
    pair = _pair(s)
    if pair is not None and s.opener is None and s.keyword in _DECLARES and s.has("EQUAL"):
        return _Slip("several values stand in [ ]", Span(pair[0].start, pair[1].end), "for example [1, 2]")
    if s.kind == "COMMA" and s.opener is not None and s.opener.kind == "LPAR":
        i = s.tokens.index(s.opener)
        if i and not s.tokens[i - 1].ends_operand and s.tokens[i - 1].kind in _SIGNS:
            return _Slip("a list stands in [ ], not in ( )", Span(s.opener.start, s.span.end), "for example [1, 2]")
    return None


def _value_without_equals(s: _Scene) -> _Slip | None:
    """`input x1 2`, `loss E half_squared_error`."""
    pair = _pair(s)
    if pair is None or s.opener is not None or s.has("EQUAL") or s.last_kind != "NAME":
        return None
    loss = s.keyword in _OBJECTIVES and s.at == 2
    if not loss and (s.keyword not in _DECLARES or s.start != "statement"):
        return None
    right = s.words(pair[1]) if s.kind in ("NAME", "NUMBER") else "…"
    place = Span(pair[0].start, pair[1].end)
    return _Slip(f"an = is missing in `{s.words(*pair)}`", place, f"write {s.words(pair[0])} = {right}")


def _settings_side_by_side(s: _Scene) -> _Slip | None:
    """`{ decimals = 4 carry = full }`, `{ decimals = four places }`."""
    pair = _pair(s)
    if pair is None or s.start != "setting" or s.opener is not None or not s.has("EQUAL") or s.kind != "NAME":
        return None
    if s.next is not None and s.next.kind in ("EQUAL", "LSQB"):
        return _Slip(
            f"nothing separates `{s.words(pair[1])}` from the setting before", pair[1].span, "put a comma before it"
        )
    if s.last_kind == "NAME":
        place = Span(pair[0].start, s.tokens[-1].end)
        return _Slip("a setting is one value", place, "a text of several words stands in double quotes")
    return None


def _call_without_parentheses(s: _Scene) -> _Slip | None:
    pair = _pair(s)
    if pair is None or s.last_kind != "NAME" or pair[0].text.casefold() not in _FUNCTIONS:
        return None
    place = Span(pair[0].start, pair[1].end)
    function = s.words(pair[0])
    return _Slip(f"`{function}` needs its argument in ( )", place, f"write {function}(…)")


def _product(s: _Scene) -> _Slip | None:
    pair = _pair(s)
    if pair is None or (s.opener is None and s.start == "statement" and s.keyword not in _HOLDS_A_FORMULA):
        return None
    a, b = pair
    left = s.words(a) if a.kind in ("NAME", "NUMBER") else "…" + a.text
    close = {"(": ")", "[": "]"}.get(b.text, "")
    right = f"{b.text}…{close}" if close else s.words(b)
    shown = f"{s.words(a, b)}{'…' + close if close else ''}"
    return _Slip(f"a sign is missing in `{shown}`", Span(a.start, b.end), f"for a product write {left}*{right}")


_OBJECTIVES = {"loss", "minimise", "minimize", "maximise", "maximize"}
_HOLDS_A_FORMULA = {None, "function", "penalty", "require", *_OBJECTIVES}
_DECLARES = {"input", "target", "param", "const", "init", "expected", "given", "penalty"}
_FUNCTIONS = {
    "exp", "ln", "log", "sqrt", "sin", "cos", "tan", "abs", "max", "min", "sum", "relu", "sigmoid", "tanh", "softmax",
}  # fmt: skip


# --- something is missing, or too much


def _unquoted(s: _Scene) -> _Slip | None:
    if s.expected == {"STRING"} or (s.expected <= {"STRING", "LBRACE"} and "STRING" in s.expected):
        rest = s.words(*s.tokens[s.at :]) if s.token else ""
        hint = f'write {s.keyword} "{rest}"' if rest and s.at == 1 else f"for example: {FORMS.get(s.keyword or '', '')}"
        return _Slip("a text in double quotes belongs here", s.span, hint)
    return None


def _text_as_value(s: _Scene) -> _Slip | None:
    if s.kind == "STRING" and s.last is not None:
        if s.keyword is None and s.has("EQUAL") and s.tokens[0].text in KEYWORDS and s.token is not None:
            return _Slip("a text is not a value", s.span, f"write {s.tokens[0].text} {s.words(s.token)}, without =")
        return _Slip("a text is not a value" if s.has("EQUAL") else "a text cannot stand here", s.span, _form(s))
    return None


def _two_signs(s: _Scene) -> _Slip | None:
    if s.last is not None and s.token is not None and s.last_kind in _SIGNS and s.kind in _SIGNS:
        return _Slip(
            f"a value is missing between `{s.last.text}` and `{s.token.text}`", Span(s.last.start, s.token.end)
        )
    return None


def _nothing_after(s: _Scene) -> _Slip | None:
    """An operator, a comma or a bracket with nothing behind it."""
    if s.last is None or s.last_kind not in _WANTS_MORE or not (s.ended or s.kind in ("COMMA", "SEMICOLON", "EQUAL")):
        return None
    if s.last_kind == "LSQB" and s.kind == "RSQB":
        return _Slip("this list is empty", Span(s.last.start, s.span.end))
    if s.last_kind == "LPAR" and s.kind == "RPAR":
        return _Slip("nothing stands in these parentheses", Span(s.last.start, s.span.end))
    if s.last_kind == "EQUAL" and s.at > 1:
        name = s.words(s.tokens[s.at - 2])
        return _Slip(f"`{name}` has no value", s.after_last, "", "a value belongs here")
    return _Slip(f"something is missing after `{s.last.text}`", s.last.span)


def _nothing_before(s: _Scene) -> _Slip | None:
    if (
        s.token is None
        or s.kind not in _SIGNS | {"COMMA", "SEMICOLON"}
        or s.last_kind not in {"LPAR", "LSQB", "SEP", "COMMA", "LBRACE"}
    ):
        return None
    return _Slip(f"something is missing before `{s.token.text}`", s.span)


def _comma_after_equation(s: _Scene) -> _Slip | None:
    if s.kind == "COMMA" and s.keyword is None and s.start == "statement" and s.has("EQUAL") and s.opener is None:
        return _Slip("an equation ends with its line", s.span, "write each equation on a line of its own")
    return None


def _brace_missing(s: _Scene) -> _Slip | None:
    """`train sgd eta = 0.1`, `train sgd(eta = 0.1)`."""
    if s.token is None or s.last is None or "LBRACE" not in s.expected or s.opener is not None:
        return None
    if s.kind == "LPAR" and s.keyword == "train":
        return _Slip("settings stand in { }", s.span, f"write {s.words(*s.tokens[: s.at])} {{ … }}")
    if s.kind not in ("NAME", "EQUAL", "COMMA") or not any(t.kind == "EQUAL" for t in s.tokens):
        return None
    begin = s.at - 1 if s.kind == "EQUAL" and s.last_kind == "NAME" else s.at
    rest = s.words(*s.tokens[begin + (s.kind == "COMMA") :])
    head = s.words(*s.tokens[:begin]) if begin else ""
    return _Slip("settings stand in { }", Span(s.tokens[begin].start, s.span.end), f"write {head} {{ {rest} }}")


def _not_a_printed_number(s: _Scene) -> _Slip | None:
    if (
        s.keyword != "expected"
        or not s.has("EQUAL")
        or s.token is None
        or s.kind not in {"LSQB", "SLASH", "STAR", "NAME", "LPAR", "CIRCUMFLEX"}
    ):
        return None
    hint = (
        "write the value of each entry: expected h[1] = 0.1, h[2] = 0.2"
        if s.kind == "LSQB"
        else "write it with its digits, as it was printed"
    )
    return _Slip("an expected value is a number", s.span, hint)


def _row(s: _Scene) -> _Slip | None:
    if s.start == "row" and s.kind == "EQUAL":
        return _Slip("a row of data has no =", s.span, "write -> before the targets")
    return None


def _layer(s: _Scene) -> _Slip | None:
    """What stands in the wrong place of a layer's heading."""
    if s.keyword != "layer" or s.start != "statement" or s.opener is not None or s.token is None or s.last is None:
        return None
    if s.kind == "COMMA" and s.at == 2 and s.next is not None:
        return _Slip(
            "a layer has one name",
            s.span,
            f"units are named in ( ): layer hidden({s.words(s.last)}, {s.words(s.next)})",
        )
    if s.kind == "COMMA":
        return _Slip("no comma belongs here", s.span, _form(s))
    if s.kind == "MINUS" and s.tight() and s.last_kind == "NAME" and s.next is not None:
        return _Slip(
            "a name has letters, digits and _", Span(s.last.start, s.next.end), f"write {s.last.text}_{s.next.text}"
        )
    if s.kind != "NAME" or (s.next is not None and s.next.kind in ("EQUAL", "LSQB")):
        return None
    if any(t.kind == "FROM" for t in s.tokens[: s.at]):
        return _Slip(
            f"`{s.words(s.token)}` does not fit after `from`",
            s.span,
            "the activation stands before `from`; names after it are separated by commas",
        )
    return _Slip("a layer has one activation", s.span, _form(s))


def _arrow(s: _Scene) -> _Slip | None:
    if s.kind == "ARROW":
        return _Slip("`->` belongs in `data` and `module` only", s.span, "write = for “is”" if s.at == 1 else "")
    return None


def _unfinished(s: _Scene) -> _Slip | None:
    if s.kind == "END" and s.keyword is not None and s.start == "statement":
        what = f"this `{s.keyword}` says nothing" if len(s.tokens) == 1 else f"this `{s.keyword}` is not finished"
        return _Slip(what, s.tokens[0].span if len(s.tokens) == 1 else s.after_last, _form(s))
    return None


def _does_not_fit(s: _Scene) -> _Slip:
    if s.token is None:
        return _Slip("something is missing here", s.span, _form(s))
    return _Slip(f"`{s.words(s.token)}` does not fit here", s.span, _form(s))


def _form(s: _Scene) -> str:
    form = FORMS.get(s.keyword or "")
    return f"for example: {form}" if form else ""


_GUESSES: tuple[Callable[[_Scene], _Slip | None], ...] = (
    _digits_of_a_decimal,
    _misspelt_keyword,
    _function,
    _wrong_start,
    _decimal_comma,
    _unquoted,
    _no_equals,
    _two_signs,
    _nothing_after,
    _nothing_before,
    _second_equals,
    _not_a_printed_number,
    _row,
    _layer,
    _values_in_a_list,
    _names_in_a_list,
    _values_without_brackets,
    _value_without_equals,
    _settings_side_by_side,
    _brace_missing,
    _call_without_parentheses,
    _product,
    _text_as_value,
    _arrow,
    _lone_name,
    _comma_after_equation,
    _unfinished,
    _does_not_fit,
)
