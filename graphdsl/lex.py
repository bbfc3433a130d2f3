"""Text of a spec -> its statements as tokens: pasted characters mended, keywords known, line ends and separators decided; knows no formulas."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from graphdsl.diagnostics import Label, Reporter, Source, Span
from graphdsl.numbers import LARGEST_EXPONENT, MOST_LITERAL_DIGITS

MOST_BRACKETS = 100
LONGEST_NAME = 100
MOST_MISTAKES = 100

# Words that start a statement, with the terminal of the grammar that they are.
KEYWORDS = {
    "title": "WORDS", "source": "WORDS",
    "input": "DATA_KIND", "target": "DATA_KIND", "param": "DATA_KIND", "const": "DATA_KIND",
    "layer": "LAYER", "init": "INIT", "train": "TRAIN", "gradient": "GRADIENT", "expected": "EXPECTED",
    "loss": "LOSS", "minimise": "LOSS", "minimize": "LOSS", "maximise": "LOSS", "maximize": "LOSS",
    "numbers": "OPTIONS", "report": "OPTIONS",
    "symbol": "SYMBOL", "given": "GIVEN", "find": "FIND", "text": "TEXT", "note": "NOTE", "data": "DATA",
    "function": "FUNCTION", "module": "MODULE", "use": "USE", "for": "FOR", "vary": "VARY", "require": "REQUIRE",
    "penalty": "PENALTY", "optimizer": "OPTIMIZER", "layers": "LAYERS",
}  # fmt: skip

# What the block of a statement holds: the start rule of each of its items.
BLOCKS = {
    "layer": "setting", "init": "setting", "train": "setting", "numbers": "setting", "report": "setting",
    "data": "row", "for": "statement", "module": "statement", "optimizer": "statement",
}  # fmt: skip

# Words that mean something only inside one kind of statement, after an operand.
_INNER_WORDS = {"layer": {"from"}, "gradient": {"wrt"}, "vary": {"in", "step"}, "for": {"in"}, "expected": {"via"}}

_SIGNS = {
    "PLUS": "+", "MINUS": "-−–‐‑", "STAR": "*·×⋅∗•⊙∘", "SLASH": "/÷∕⁄", "AT": "@", "CIRCUMFLEX": "^", "EQUAL": "=",
    "COMMA": ",", "SEMICOLON": ";", "DOT": ".", "LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]", "LBRACE": "{",
    "RBRACE": "}", "COMPARE": "<>≤≥≠", "ARROW": "→⟶", "DOTS": "…",
}  # fmt: skip
_KIND_OF_SIGN = {sign: kind for kind, signs in _SIGNS.items() for sign in signs} | {
    "..": "DOTS", "->": "ARROW", "<=": "COMPARE", ">=": "COMPARE", "!=": "COMPARE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A sign of another language: the kind that it is read as, and what is said."""

    kind: str
    message: str
    hint: str


_ONE_EQUALS = "write =, the one sign for “is”"
_NO_REASSIGNMENT = "a name is defined once; write name = …"
_FOREIGN = {
    "==": _Foreign("EQUAL", "`==` is not a sign of this language", _ONE_EQUALS),
    "===": _Foreign("EQUAL", "`===` is not a sign of this language", _ONE_EQUALS),
    ":=": _Foreign("EQUAL", "`:=` is not a sign of this language", _ONE_EQUALS),
    "≔": _Foreign("EQUAL", "`≔` is not a sign of this language", _ONE_EQUALS),
    "≈": _Foreign("EQUAL", "`≈` is not a sign of this language", _ONE_EQUALS),
    "=>": _Foreign("BROKEN", "`=>` is not a sign of this language", "write ->, or = for “is”"),
    "<-": _Foreign("EQUAL", "`<-` is not a sign of this language", _ONE_EQUALS),
    "←": _Foreign("EQUAL", "`←` is not a sign of this language", _ONE_EQUALS),
    ":": _Foreign("EQUAL", "`:` is not a sign of this language", _ONE_EQUALS),
    "+=": _Foreign("EQUAL", "`+=` is not a sign of this language", _NO_REASSIGNMENT),
    "-=": _Foreign("EQUAL", "`-=` is not a sign of this language", _NO_REASSIGNMENT),
    "*=": _Foreign("EQUAL", "`*=` is not a sign of this language", _NO_REASSIGNMENT),
    "/=": _Foreign("EQUAL", "`/=` is not a sign of this language", _NO_REASSIGNMENT),
    "**": _Foreign("CIRCUMFLEX", "`**` is not a sign of this language", "write ^ for a power"),
    "...": _Foreign("DOTS", "a range has two dots", "write .."),
}

# Characters that belong to no formula here: what is said, and the hint.
_STRANGERS = {
    "|": ("`|` is not a sign of this language", "write abs(x)"),
    "%": ("`%` is not a sign of this language", "write 0.05 for 5 %; a comment begins with #"),
    "√": ("`√` needs its argument in ( )", "write sqrt(x)"),
    "∑": ("`∑` is not read", "write sum(x), or sum(s in 1..3, …)"),
    "!": ("`!` is not a sign of this language", ""),
    "∂": ("`∂` stands directly before a name", "write dE/dw"),
    "~": ("`~` is not a sign of this language", "write = to define a name, - for minus"),
    "$": ("`$` is not a sign of this language", "formulas are written plainly, without $"),
    "`": ("a text stands in double quotes", ""),
    "'": ("`'` stands directly after a name", "write ' right after the name; a text stands in double quotes"),
}

_LATEX = {
    "frac": "write a/b", "cdot": "write *", "times": "write *", "sqrt": "write sqrt(x)", "sum": "write sum(x)",
    "partial": "write dE/dw", "hat": "write x_hat", "bar": "write x_bar", "left": "write (", "right": "write )",
}  # fmt: skip

_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"
_FROM_SUPERSCRIPT = str.maketrans(_SUPERSCRIPTS, "0123456789+-")
_FRACTIONS = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_PART = rf"[^\W{_SUPERSCRIPTS}{_FRACTIONS}ᵀ]"
_LETTER = rf"[^\W\d_{_SUPERSCRIPTS}{_FRACTIONS}ᵀ]"
_SCAN = re.compile(
    rf"""
      (?P<blank> [^\S\n]+ | \A\ufeff )
    | (?P<comment> \#[^\n]* )
    | (?P<newline> \n )
    | (?P<unquoted> (?<![^\n])(?:title|source|text|use)[^\S\n]+[^\W_][^\n"“„«]* )
    | (?P<text> \"\"\"[\s\S]*?\"\"\" | "(?!"")[^"\n]*" | “[^“”\n]*” | „[^„“”\n]*[“”] | ”[^”\n]*” | «[^«»\n]*» )
    | (?P<open_text> \"\"\"[\s\S]* | ["“”„«»][^\n]* )
    | (?P<single_text> (?<![)\]]) ['‘][^'‘’\n]*['’] )
    | (?P<transposed> \^[^\S\n]*(?:T(?![\w'’′(]) | [⊤ᵀ]) | ᵀ )
    | (?P<number> (?:[0-9]|\.(?=[0-9])) (?:[eE][+-](?=[0-9]) | {_PART} | \.(?!\.))* )
    | (?P<name> ∂?{_LETTER}(?:{_PART}|[\u0300-\u036f])*['’′]* )
    | (?P<blank_entry> (?<![\w'])_(?!\w) )
    | (?P<superscript> [{_SUPERSCRIPTS}]+ )
    | (?P<fraction> [{_FRACTIONS}] )
    | (?P<slashes> //[^\n]* )
    | (?P<foreign> ={{2,3}} | := | => | <- | \*\* | [-+*/]=(?!=) | \.\.\. | [:←≈≔] )
    | (?P<sign> \.\. | -> | <= | >= | != | [{re.escape("".join(_SIGNS.values()))}] )
    | (?P<spoken> [√∑](?=\s*\() )
    | (?P<infinity> ∞ )
    | (?P<bars> \|[^|\n]*\| )
    | (?P<latex> \\[^\n]* )
    | (?P<other> . )
    """,
    re.VERBOSE,
)
_NUMERAL = re.compile(r"(?P<whole>[0-9]*)(?:\.(?P<decimals>[0-9]+))?(?:[eE](?P<exponent>[+-]?[0-9]+))?")
_OPERAND_ENDS = {"NAME", "NUMBER", "RPAR", "RSQB", "TRANSPOSED", "STRING"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign: the terminal of the grammar that it is, its text (mended), and where it stands."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)

    @property
    def ends_operand(self) -> bool:
        """Whether a value can end with it."""
        return self.kind in _OPERAND_ENDS


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement. Where a mistake has been told that leaves no grammar, a token BROKEN stands."""

    tokens: tuple[Token, ...]

    @property
    def sound(self) -> bool:
        return all(token.kind != "BROKEN" for token in self.tokens)


def statement_keywords() -> tuple[str, ...]:
    """The words that start a statement."""
    return tuple(KEYWORDS)


def pieces(source: Source, reporter: Reporter, start: int = 0) -> list[Piece]:
    """The statements of a spec, from an offset on."""
    return _Layout(list(_Scan(source, reporter, start).tokens()), source, reporter).pieces()


class _Scan:
    """Characters -> tokens; `broken` tokens mark a place where something unreadable was left out."""

    def __init__(self, source: Source, reporter: Reporter, start: int = 0):
        self.text = source.text
        self.start = start
        self.reporter = reporter
        self.last: Token | None = None
        self.stranger_end = -1

    def tokens(self) -> Iterator[Token]:
        for match in _SCAN.finditer(self.text, self.start):
            kind = match.lastgroup or "other"
            if kind in ("blank", "comment"):
                continue
            stop_if_too_many(self.reporter)
            for token in getattr(self, f"_{kind}")(match[0], match.start(), match.end()):
                self.last = token
                yield token

    def _newline(self, text: str, start: int, end: int) -> Iterator[Token]:
        if self.last is not None and self.last.kind != "NEWLINE":
            yield Token("NEWLINE", text, start, end)

    def _text(self, text: str, start: int, end: int) -> Iterator[Token]:
        inner = text[3:-3] if text.startswith('"""') else text[1:-1]
        yield Token("STRING", inner.replace("\r\n", "\n"), start, end)

    def _unquoted(self, text: str, start: int, end: int) -> Iterator[Token]:
        """`title Two layers`: told here, for the words of a text may hold any character."""
        keyword, words = text.split(maxsplit=1)
        words = words.split(" #")[0].strip()
        place = start + text.index(words, len(keyword))
        self.reporter.error(
            "a text stands in double quotes", Span(place, place + len(words)), hint=f'write {keyword} "{_short(words)}"'
        )
        yield Token("NAME", keyword, start, start + len(keyword))
        yield Token("STRING", words, place, end)

    def _open_text(self, text: str, start: int, end: int) -> Iterator[Token]:
        quote = '"""' if text.startswith('"""') else text[0]
        hint = (
            f"end it with {quote}"
            if quote == '"""'
            else 'end it on its line with "; a text of several lines stands between """ and """'
        )
        self.reporter.error("this text is never closed", Span(start, start + len(quote)), hint=hint)
        yield Token("STRING", text[len(quote) :], start, end)

    def _single_text(self, text: str, start: int, end: int) -> Iterator[Token]:
        self.reporter.error("a text stands in double quotes", Span(start, end), hint=f'write "{text[1:-1]}"')
        yield Token("STRING", text[1:-1], start, end)

    def _transposed(self, text: str, start: int, end: int) -> Iterator[Token]:
        yield Token("TRANSPOSED", "^T", start, end)

    def _number(self, text: str, start: int, end: int) -> Iterator[Token]:
        span = Span(start, end)
        numeral = _NUMERAL.match(text)
        assert numeral is not None
        if numeral.end() == len(text):
            yield Token("NUMBER", self._within_limits(numeral, span), start, end)
            return
        rest = text[numeral.end() :]
        if rest[0].isalpha():
            number, name = numeral[0], self._mended(rest, Span(start + numeral.end(), end))
            self.reporter.error(f"a sign is missing in `{_short(text)}`", span, hint=_hint_of_product(number, name))
            middle = start + numeral.end()
            yield Token("NUMBER", self._within_limits(numeral, span), start, middle)
            yield Token("STAR", "*", middle, middle)
            yield Token("NAME", name, middle, end)
            return
        self.reporter.error(f"`{_short(text)}` is not a number", span, hint=_hint_of_numeral(text))
        yield Token("NUMBER", "1", start, end)

    def _within_limits(self, numeral: re.Match[str], span: Span) -> str:
        """The text of the number, or of a harmless one if it is too long or too large."""
        digits = ((numeral["whole"] or "") + (numeral["decimals"] or "")).lstrip("0")
        if len(digits) > MOST_LITERAL_DIGITS:
            self.reporter.error(
                f"`{_short(numeral[0])}` has {len(digits):,} significant digits",
                Span(span.start, min(span.end, span.start + 60)),
                hint=f"a number has at most {MOST_LITERAL_DIGITS}",
            )
            return "1"
        written = (numeral["exponent"] or "0").lstrip("+-").lstrip("0")
        size = LARGEST_EXPONENT + 1 if len(written) > 4 else Decimal(numeral[0]).adjusted() if digits else 0
        if abs(size) > LARGEST_EXPONENT or len(written) > 4 or int(written or 0) > LARGEST_EXPONENT:
            word = "small" if "-" in numeral[0] or size < 0 else "large"
            self.reporter.error(
                f"`{_short(numeral[0])}` is too {word}",
                span,
                hint=f"an exponent lies between -{LARGEST_EXPONENT} and {LARGEST_EXPONENT}",
            )
            return "1"
        return numeral[0]

    def _name(self, text: str, start: int, end: int) -> Iterator[Token]:
        yield Token("NAME", self._mended(text, Span(start, end)), start, end)

    def _mended(self, text: str, span: Span) -> str:
        """A name with its pasted characters replaced: x₁ is x1, ∂E is dE, a typographic prime is '."""
        if len(text) > LONGEST_NAME:
            self.reporter.error(
                f"`{_short(text)}` has {len(text):,} characters", span, hint=f"a name has at most {LONGEST_NAME}"
            )
            return text[:LONGEST_NAME]
        if text.isascii():
            return text
        for i, character in enumerate(text):
            if unicodedata.decomposition(character).startswith("<super>"):
                self.reporter.error(
                    f"the superscript `{character}` cannot be read",
                    Span(span.start + i, span.start + i + 1),
                    hint="write x^2 for a power, x_t or x[t] for an index",
                )
        plain = unicodedata.normalize(
            "NFKC", text.replace("∂", "d").replace("″", "''").replace("′", "'").replace("’", "'")
        )
        return (
            plain
            if re.fullmatch(r"[^\W\d_][\w\u0300-\u036f]*'*", plain)
            else "".join(c for c in plain if c.isalnum()) or "x"
        )

    def _blank_entry(self, text: str, start: int, end: int) -> Iterator[Token]:
        yield Token("BLANK", text, start, end)

    def _superscript(self, text: str, start: int, end: int) -> Iterator[Token]:
        plain = text.translate(_FROM_SUPERSCRIPT)
        if not re.fullmatch(r"-?[0-9]{1,50}", plain):
            self.reporter.error(f"the superscript `{_short(text)}` is not a whole number", Span(start, end))
            plain = "1"
        yield Token("CIRCUMFLEX", "^", start, start)
        if plain.startswith("-"):
            yield Token("MINUS", "-", start, start + 1)
        yield Token("NUMBER", plain.lstrip("-"), start, end)

    def _fraction(self, text: str, start: int, end: int) -> Iterator[Token]:
        numerator, denominator = unicodedata.normalize("NFKC", text).split("⁄")
        parts = (("LPAR", "("), ("NUMBER", numerator), ("SLASH", "/"), ("NUMBER", denominator), ("RPAR", ")"))
        yield from (Token(kind, part, start, end) for kind, part in parts)

    def _slashes(self, text: str, start: int, end: int) -> Iterator[Token]:
        self.reporter.error(
            "`//` is not a sign of this language", Span(start, start + 2), hint="a comment begins with #"
        )
        return iter(())

    def _foreign(self, text: str, start: int, end: int) -> Iterator[Token]:
        yield Token("FOREIGN", text, start, end)

    def _sign(self, text: str, start: int, end: int) -> Iterator[Token]:
        yield Token(_KIND_OF_SIGN[text], text, start, end)

    def _spoken(self, text: str, start: int, end: int) -> Iterator[Token]:
        yield Token("NAME", "sqrt" if text == "√" else "sum", start, end)

    def _infinity(self, text: str, start: int, end: int) -> Iterator[Token]:
        yield Token("NAME", "infinity", start, end)

    def _bars(self, text: str, start: int, end: int) -> Iterator[Token]:
        inner = text.strip("|").strip() or "x"
        self.reporter.error(
            "`| |` is not a sign of this language", Span(start, end), hint=f"write abs({_short(inner)})"
        )
        yield Token("BROKEN", text, start, end)

    def _latex(self, text: str, start: int, end: int) -> Iterator[Token]:
        command = re.match(r"\\[a-zA-Z]*", text)
        assert command is not None
        name = command[0][1:]
        hint = _LATEX.get(name, "write formulas plainly: a/b, sqrt(x), alpha, x_hat")
        message = f"LaTeX commands are not read: `\\{_short(name)}`" if name else "`\\` has no meaning here"
        if not name:
            hint = "a line that goes on needs no mark: it ends with an operator, or the next begins with one"
        self.reporter.error(message, Span(start, start + len(command[0])), hint=hint)
        yield Token("BROKEN", text, start, end)

    def _other(self, text: str, start: int, end: int) -> Iterator[Token]:
        follows, self.stranger_end = self.stranger_end == start, end
        if text in "'’′" and self.last is not None and self.last.kind in ("RPAR", "RSQB"):
            self.reporter.error("a prime belongs to a name", Span(start, end), hint="write ^T for the transpose")
            yield Token("TRANSPOSED", "^T", start, end)
            return
        if not follows:
            message, hint = _STRANGERS.get(text) or _stranger(text)
            self.reporter.error(message, Span(start, end), hint=hint)
        yield Token("BROKEN", text, start, end)


def stop_if_too_many(reporter: Reporter) -> None:
    """Nobody reads the hundredth mistake; a file that is no spec has one in each character."""
    if len(reporter.found) >= MOST_MISTAKES:
        last = max((label.span for d in reporter.found for label in d.labels[:1]), key=lambda span: span.start)
        reporter.error("so many mistakes are enough: there may be more", last)
        reporter.stop()


def _short(text: str) -> str:
    """A text as a message quotes it."""
    return text if len(text) <= 24 else f"{text[:16]}…"


def _hint_of_product(number: str, name: str) -> str:
    if number == "0" and re.match(r"[xXbBoO][0-9a-fA-F]+$", name):
        return "numbers are written in decimal"
    if name in ("e", "E"):
        return f"write {_short(number)}*{name}, or the exponent: {_short(number)}e-3"
    return f"write {_short(number)}*{_short(name)}"


def _hint_of_numeral(text: str) -> str:
    if re.fullmatch(r"[0-9]+\.", text):
        return f"write {_short(text)}0" if len(text) <= 24 else "write a digit after the point"
    if re.fullmatch(r"[0-9]+\.[eE][+-]?[0-9]+", text):
        return f"write {text.replace('.', '.0')}"
    if re.fullmatch(r"[0-9]+(_[0-9]+)+(\.[0-9]+)?", text):
        return f"write {_short(text.replace('_', ''))}"
    if re.fullmatch(r"[0-9]+(\.[0-9]{3}){2,}", text):
        return "write the digits without points between them"
    return ""


def _stranger(character: str) -> tuple[str, str]:
    code = f"U+{ord(character):04X}"
    if unicodedata.decimal(character, None) is not None:
        return f"`{character}` is not a plain digit", f"write {unicodedata.decimal(character)}"
    if character == "_":
        return "a name begins with a letter", ""
    if not character.isprintable() or unicodedata.category(character) in ("Cf", "Mn"):
        return f"an invisible character ({code}) stands here", "delete it"
    return f"the character `{character}` has no meaning here", ""


_CLOSERS = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}
_OPENERS = set(_CLOSERS.values())
_GOES_ON_AFTER = {
    "PLUS", "MINUS", "STAR", "SLASH", "AT", "CIRCUMFLEX", "EQUAL", "ARROW", "COMPARE", "DOTS", "COMMA",
}  # fmt: skip
_GOES_ON_WITH = {"PLUS", "MINUS", "STAR", "SLASH", "AT", "CIRCUMFLEX", "TRANSPOSED", "EQUAL", "COMPARE", "COMMA"}
# After these a keyword is a name: `data = 3`, `data[1]`, `data.x`.
_MAKES_A_NAME = {"EQUAL", "LSQB", "DOT", "COMMA", "FOREIGN", "DOTS"}
_STARTS_AN_ARGUMENT = {"NAME", "NUMBER", "STRING", "LBRACE"}
_END = Token("NEWLINE", "", 0, 0)


@dataclass(slots=True)
class _Frame:
    """An open bracket: what it holds, and the statement around it."""

    opener: Token
    holds: str  # "(" or "[", an item of a block ("setting", "row", "statement"), or "stray" for a brace that is wrong
    indexes: bool
    keyword: str | None
    base: int
    equals: bool


@dataclass
class _Layout:
    """Tokens -> pieces: where statements end, what separates in a block, which words are keywords."""

    tokens: list[Token]
    source: Source
    reporter: Reporter
    frames: list[_Frame] = field(default_factory=list)
    made: list[Piece] = field(default_factory=list)
    out: list[Token] = field(default_factory=list)
    keyword: str | None = None
    base: int = 0  # how many brackets are open around the present statement
    equals: bool = False  # whether its = has been seen
    too_deep: int = 0  # brackets that are open beyond the limit

    def pieces(self) -> list[Piece]:
        for i, token in enumerate(self.tokens):
            stop_if_too_many(self.reporter)
            match token.kind:
                case "NEWLINE":
                    self._line_end(i)
                case "LPAR" | "LSQB" | "LBRACE" if len(self.frames) >= MOST_BRACKETS:
                    self._open_too_deep(token)
                case "LPAR" | "LSQB" | "LBRACE":
                    self._open(token)
                case "RPAR" | "RSQB" | "RBRACE" if self.too_deep:
                    self.too_deep -= 1
                case "RPAR" | "RSQB" | "RBRACE":
                    self._close(token)
                case "COMMA" | "SEMICOLON":
                    self._separate(token)
                case "FOREIGN":
                    self._foreign(token)
                case "NAME":
                    self._word(token, self._next(i))
                case _:
                    self._ambiguous_sign(token, self._next(i))
                    self._emit(token)
        self._never_closed(0)
        self._end_statement()
        return self.made

    @property
    def _holds(self) -> str:
        return self.frames[-1].holds if self.frames else "file"

    @property
    def _last(self) -> Token | None:
        return self.out[-1] if self.out else None

    @property
    def _fresh(self) -> bool:
        """Whether a statement begins here."""
        if self._holds not in ("file", "statement"):
            return False
        return self._last is None or self._last.kind == "SEP" or self._just_opened

    @property
    def _just_opened(self) -> bool:
        return bool(self.frames) and self._last is self.frames[-1].opener

    def _next(self, i: int) -> Token:
        return self.tokens[i + 1] if i + 1 < len(self.tokens) else _END

    def _emit(self, token: Token) -> None:
        self.out.append(token)
        self.equals = self.equals or (token.kind == "EQUAL" and len(self.frames) == self.base)

    # --- words

    def _word(self, token: Token, following: Token) -> None:
        if self._fresh:
            keyword = _is_keyword(token, following)
            self.keyword = token.text if keyword else None
            self.base, self.equals = len(self.frames), False
            self._emit(replace(token, kind=KEYWORDS[token.text]) if keyword else token)
        elif self._is_inner_word(token, following):
            self._emit(replace(token, kind=token.text.upper()))
        else:
            self._emit(token)

    def _is_inner_word(self, token: Token, following: Token) -> bool:
        last = self._last
        if last is None or not last.ends_operand:
            return False
        if len(self.frames) == self.base:
            return token.text in _INNER_WORDS.get(self.keyword or "", ())
        if self._holds != "(":
            return False
        if token.text == "as":
            return following.kind == "NAME"
        return token.text == "in" and len(self.out) > 1 and self.out[-2].kind == "LPAR"

    # --- signs

    def _foreign(self, token: Token) -> None:
        if token.text == "<-" and self.keyword == "require":
            self._emit(Token("COMPARE", "<", token.start, token.start + 1))
            self._emit(Token("MINUS", "-", token.start + 1, token.end))
            return
        foreign = _FOREIGN[token.text]
        if token.text == ":" and self._last is not None and self._last.kind == "NUMBER":
            foreign = _Foreign("DOTS", foreign.message, "write .. for a range")
        self.reporter.error(foreign.message, token.span, hint=foreign.hint)
        self._emit(replace(token, kind=foreign.kind))

    def _ambiguous_sign(self, token: Token, following: Token) -> None:
        """`[1 -2]`: one number or two?"""
        last = self._last
        if token.kind not in ("MINUS", "PLUS") or last is None or not last.ends_operand or self._holds != "[":
            return
        if self.frames[-1].indexes or last.end == token.start or token.end != following.start:
            return
        before, after = (self.source.text[t.start : t.end] for t in (last, following))
        self.reporter.error(
            f"`{_short(before)} {token.text}{_short(after)}` in a list can be read in two ways",
            Span(last.start, following.end),
            hint=f"write `{_short(before)}, {token.text}{_short(after)}` or `{_short(before)} {token.text} {_short(after)}`",
        )

    # --- brackets

    def _open(self, token: Token) -> None:
        holds = {"LPAR": "(", "LSQB": "["}.get(token.kind) or self._block(token)
        indexes = token.kind == "LSQB" and self._last is not None and self._last.ends_operand
        self.frames.append(_Frame(token, holds, indexes, self.keyword, self.base, self.equals))
        if holds != "stray":
            self._emit(token)

    def _open_too_deep(self, token: Token) -> None:
        if not self.too_deep:
            self.reporter.error(
                f"brackets are nested more than {MOST_BRACKETS} deep",
                token.span,
                hint="give a part of the formula a name in an equation of its own",
            )
            self._broken(token)
        self.too_deep += 1

    def _broken(self, token: Token) -> None:
        """A mistake that has been told: what is left has no grammar."""
        self._emit(replace(token, kind="BROKEN"))

    def _block(self, token: Token) -> str:
        last = self._last
        if last is not None and (last.kind == "CIRCUMFLEX" or (last.kind == "NAME" and last.text.endswith("_"))):
            hint = "write ^( ) for a power" if last.kind == "CIRCUMFLEX" else "write w12 or w_in for a subscript"
            return self._stray_brace(token, "`{ }` does not group here", hint)
        if self.equals and not self.frames and self.out[0].text in BLOCKS:
            first = self.out[0].text
            return self._stray_brace(token, "`{ }` is not a value", f"write {first} {{ … }}, without =")
        if self.equals or self._holds in ("(", "[", "setting", "row", "stray"):
            return self._stray_brace(token, "`{ }` is not a value", "a list stands in [ ], a part of a formula in ( )")
        if last is not None and last.kind == "STRING" and self.keyword == "data":
            return "setting"
        return BLOCKS.get(self.keyword or "", "setting")

    def _stray_brace(self, token: Token, message: str, hint: str) -> str:
        self.reporter.error(message, token.span, hint=hint)
        self._broken(token)
        return "stray"

    def _statement_start(self) -> int:
        """Where the present statement starts in what has been put out."""
        if not self.base:
            return 0
        opener = self.frames[self.base - 1].opener
        starts = (i for i in range(len(self.out) - 1, -1, -1) if self.out[i].kind == "SEP" or self.out[i] is opener)
        return next(starts, -1) + 1

    def _close(self, token: Token) -> None:
        kind = _CLOSERS[token.kind]
        matching = next((i for i in range(len(self.frames) - 1, -1, -1) if self.frames[i].opener.kind == kind), None)
        if matching is None:
            self._close_nothing(token)
            return
        self._never_closed(matching + 1)
        frame = self.frames.pop()
        self._leave(frame)
        if self._last is not None and self._last.kind == "SEP":
            self.out.pop()
        if frame.holds != "stray":
            self._emit(token)

    def _close_nothing(self, token: Token) -> None:
        self._broken(token)
        if self.frames and self._holds in ("(", "["):
            opener = self.frames.pop().opener
            self.reporter.error(
                f"`{opener.text}` is closed by `{token.text}`", token.span, also=[Label(opener.span, "opened here")]
            )
            return
        self.reporter.error(f"nothing opens this `{token.text}`", token.span, hint=f"leave out the {token.text}")

    def _never_closed(self, depth: int) -> None:
        """The brackets from this depth on are open where they must not be."""
        self.too_deep = 0
        if depth >= len(self.frames):
            return
        told = any(token.kind == "BROKEN" for token in self.out[self._statement_start() :])
        for frame in self.frames[depth:]:
            if not told:
                self.reporter.error(f"this `{frame.opener.text}` is never closed", frame.opener.span)
        frame = self.frames[depth]
        self._broken(frame.opener)
        self._leave(frame)
        del self.frames[depth:]

    def _leave(self, frame: _Frame) -> None:
        """Back in the statement around a bracket."""
        self.keyword, self.base, self.equals = frame.keyword, frame.base, frame.equals

    # --- ends

    def _separate(self, token: Token) -> None:
        holds = self._holds
        if holds in ("(", "[") or (token.kind == "COMMA" and holds != "setting"):
            self._emit(token)
        elif holds == "file":
            self.reporter.error(
                "`;` separates only inside { } and [ ]",
                token.span,
                hint="a statement ends with its line: leave out the ;",
            )
            self._end_statement()
        else:
            self._emit_separator(token)

    def _emit_separator(self, token: Token) -> None:
        last = self._last
        if last is not None and last.kind != "SEP" and not self._just_opened:
            self._emit(replace(token, kind="SEP"))

    def _line_end(self, i: int) -> None:
        following = i + 1  # blank lines are one line end
        if self._holds in ("(", "[", "setting", "row", "stray") and self._starts_anew(following):
            self._never_closed(next((d for d, f in enumerate(self.frames) if f.holds != "statement"), 0))
        if self._holds in ("(", "[", "stray") or self._goes_on(following):
            return
        if self.frames:
            self._emit_separator(self.tokens[i])
        else:
            self._end_statement()

    def _starts_anew(self, i: int) -> bool:
        """Whether the token can only be the start of another statement, so that a bracket before it was forgotten."""
        if i >= len(self.tokens) or self.tokens[i].kind != "NAME":
            return False
        token, following = self.tokens[i], self._next(i)
        if token.text in KEYWORDS and following.kind in _STARTS_AN_ARGUMENT and following.text not in ("in", "as"):
            return True
        closes = self._last is not None and self._last.ends_operand
        return closes and self._holds in ("(", "[") and self._defines(i)

    def _defines(self, i: int) -> bool:
        """Whether `name =` or `name[…] =` begins at the token."""
        kinds = [token.kind for token in self.tokens[i + 1 : i + 8]]
        if kinds[:1] == ["LSQB"] and "RSQB" in kinds:
            kinds = kinds[kinds.index("RSQB") + 1 :]
        return kinds[:1] == ["EQUAL"]

    def _goes_on(self, i: int) -> bool:
        """Whether the line that ends here is continued by the token."""
        if i >= len(self.tokens) or self._last is None:
            return False
        token, following = self.tokens[i], self._next(i)
        if self._last.kind in _GOES_ON_AFTER:
            row_end = self._last.kind == "COMMA" and self._holds == "row"
            new = token.kind == "NAME" and (
                (following.kind == "EQUAL" and self._last.kind != "COMMA")
                or (token.text in KEYWORDS and following.kind in _STARTS_AN_ARGUMENT)
            )
            return not row_end and not new and token.kind not in _CLOSERS
        if token.kind == "LBRACE":
            return self.keyword in BLOCKS and len(self.frames) == self.base and self._last.kind != "RBRACE"
        return token.kind in _GOES_ON_WITH and not (self._holds == "row" and token.kind in ("MINUS", "PLUS"))

    def _end_statement(self) -> None:
        if self.out:
            self.made.append(Piece(tuple(self.out)))
        self.out, self.keyword, self.base, self.equals = [], None, 0, False


def _is_keyword(token: Token, following: Token) -> bool:
    if token.text == "loss" and following.kind in ("EQUAL", "FOREIGN"):
        return True
    return token.text in KEYWORDS and following.kind not in _MAKES_A_NAME
