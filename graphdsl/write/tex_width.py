"""LaTeX of our own making -> how wide it will be, in ems of its font, rather too wide than too narrow; knows no documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from graphdsl.fonts import extents
from graphdsl.write.tex_letters import SIGNS
from graphdsl.write.wide_fonts import is_wide

_SCRIPT = 0.72
_SCRIPT_SPACE = 0.06
_BOLD = 1.16
_TEXT_SIZES = {r"\footnotesize": 0.82, r"\small": 0.91, r"\scriptsize": 0.74}
_SPACES = {r"\quad": 1.0, r"\qquad": 2.0, r"\,": 0.167, r"\;": 0.278, r"\ ": 0.334, r"\!": -0.167, r"\-": 0.0}
_TEXT = frozenset((r"\text", r"\textit", r"\textbf", r"\mbox", r"\textsubscript", r"\textsuperscript"))
_UPRIGHT = frozenset((r"\mathrm", r"\operatorname"))
_IGNORED = re.compile(r"\\kern0pt\{\}")
_ACCENTS = frozenset("`'^~=.\"urHvdcb") | frozenset(
    ("hat", "bar", "tilde", "dot", "grave", "acute", "breve", "ddot", "widehat", "overline", "widetilde")
)
_RELATIONS = frozenset("=<>") | {SIGNS[s] for s in "≈≠≤≥≪≫≡∼∝≅∈∉⊂⊆→←↔⇒⇐⇔↦↑↓∥⊥"}
_BINARY = frozenset("+-") | {SIGNS[s] for s in "·⋅×÷±∓∗⊙⊗⊕∘∧∨∪∩"}
_OF = {command: sign for sign, command in reversed(SIGNS.items())}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\\]", re.DOTALL)
_MATRICES = {"bmatrix": (1.0, 1.0), "smallmatrix": (0.56, 0.72), "cases": (1.0, 1.0), "array": (1.0, 1.0)}
"""The room between columns, and the size of what stands in them."""


_FENCE, _AROUND_MATRIX = 0.3, 0.5
"""What a bracket that grows is wider than its sign: around a row, and around several."""


@lru_cache(maxsize=8192)
def width(source: str, mathematics: bool = False) -> float:
    """The width of a line in ems; `mathematics` if it stands between dollars already."""
    return _Scale(source).group(mathematics, slanted=mathematics)


class _Scale:
    """Goes once through a line."""

    def __init__(self, source: str):
        self.tokens = _TOKEN.findall(_IGNORED.sub("", source))
        self.at = 0
        self.fences: list[float] = []

    def _holds_matrix(self) -> bool:
        """Whether something of several rows stands before the fence that closes the one just opened."""
        depth = 1
        for token in self.tokens[self.at :]:
            depth += (token == r"\left") - (token == r"\right")
            if not depth:
                return False
            if token == r"\begin":
                return True
        return False

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def group(self, mathematics: bool, slanted: bool, until: str = "") -> float:
        """The width up to a closing sign, which is taken."""
        total, size = 0.0, 1.0
        while (token := self.peek()) and token != until:
            if token in _TEXT_SIZES:
                size = _TEXT_SIZES[self.take()]
            elif token == "$":
                self.take()
                total += size * (self.group(not mathematics, not mathematics, "$"))
            elif mathematics and token in "_^'":
                total += size * self.scripts()
            else:
                total += size * self.piece(mathematics, slanted)
        self.take()
        return total

    def scripts(self) -> float:
        """A subscript and a superscript stand above each other."""
        found = {"_": 0.0, "^": 0.0}
        while self.peek() and self.peek() in "_^'":
            where = self.take()
            if where == "'":
                found["^"] += 0.3
            else:
                found[where] += _SCRIPT * self.argument(True, True) + _SCRIPT_SPACE
        return max(found.values())

    def argument(self, mathematics: bool, slanted: bool) -> float:
        while self.peek() == " ":
            self.take()
        if self.peek() == "{":
            self.take()
            return self.group(mathematics, slanted, "}")
        return self.piece(mathematics, slanted)

    def piece(self, mathematics: bool, slanted: bool) -> float:
        token = self.take()
        if token == "{":
            return self.group(mathematics, slanted, "}")
        if not token.startswith("\\"):
            return self.letter(token, mathematics, slanted)
        if token in _SPACES:
            return _SPACES[token]
        if token in _TEXT:
            return self.argument(False, token == r"\textit") * (_BOLD if token == r"\textbf" else 1.0)
        if token in _UPRIGHT:
            return self.argument(mathematics, False) + (0.17 if token == r"\operatorname" else 0)
        return self.command(token.removeprefix("\\"), mathematics, slanted)

    def letter(self, sign: str, mathematics: bool, slanted: bool) -> float:
        if is_wide(sign):
            return 1.0
        if not mathematics:
            return extents(sign, slanted)[0] / 1000
        if sign in " &~":
            return 0.0
        if sign in _RELATIONS or sign in _BINARY:
            return 0.778 + 2 * (0.278 if sign in _RELATIONS else 0.223)
        slant = 0.09 if sign.isalpha() and slanted else 0.0
        slant += 0.16 if sign in "f" else 0.0  # whose hook hangs over
        return extents(sign, slanted and sign.isalpha())[0] / 1000 + slant + (0.167 if sign in ",;" else 0)

    def command(self, name: str, mathematics: bool, slanted: bool) -> float:
        match name:
            case "frac" | "tfrac" | "dfrac":
                small = _SCRIPT if name == "tfrac" else 1.0
                return small * max(self.argument(True, True), self.argument(True, True)) + 0.26
            case "sqrt":
                return self.argument(True, True) + 0.95
            case "mathit" | "phantom" | "hphantom":
                return self.argument(mathematics, True)
            case "left":
                self.fences.append(_AROUND_MATRIX if self._holds_matrix() else _FENCE)
                return 0.13 if self.peek() == "." and self.take() else self.fences[-1]
            case "right":
                fence = self.fences.pop() if self.fences else _FENCE
                return 0.13 if self.peek() == "." and self.take() else fence
            case "begin":
                return self.matrix()
            case "lvert" | "rvert":
                return 0.278
            case "mkern":
                return self.kern()
            case "hspace" | "resizebox":
                self.argument(False, False)
                return 0.0
            case _ if name in _ACCENTS:
                return self.argument(mathematics, slanted)
        return self.named(f"\\{name}", mathematics)

    def kern(self) -> float:
        """A length in mu, of which eighteen are an em."""
        digits = ""
        while self.peek().isdigit():
            digits += self.take()
        self.take(), self.take()
        return int(digits or "0") / 18

    def named(self, command: str, mathematics: bool) -> float:
        if self.peek() == "{" and not mathematics:
            self.argument(False, False)
        own = extents(_OF[command], True)[0] / 1000 + 0.08 if command in _OF else 0.0
        if command in _RELATIONS or command in _BINARY:
            return (0.278 if command == r"\cdot" else 0.8) + 2 * (0.278 if command in _RELATIONS else 0.223)
        if own:
            return own
        word = command.removeprefix("\\")
        if len(word) == 1:
            return extents(word, False)[0] / 1000
        return 0.17 + sum(extents(c, False)[0] for c in word) / 1000 if mathematics else 0.8

    def matrix(self) -> float:
        """Columns as wide as their widest entries."""
        name = self._braced()
        if name == "array":
            self._braced()
        apart, size = _MATRICES.get(name, (1.0, 1.0))
        rows = [[self._cell(cell) for cell in row.split("&")] for row in self._until_end().split(r"\\")]
        count = max(map(len, rows))
        columns = [max((row[i] for row in rows if i < len(row)), default=0.0) for i in range(count)]
        return size * sum(columns) + apart * (count - 1) + 1.2

    def _cell(self, source: str) -> float:
        return width(source, True)

    def _braced(self) -> str:
        return "".join(self._tokens_until("}")).strip("{")

    def _until_end(self) -> str:
        """The source of an environment up to its own end."""
        depth, found = 1, []
        while depth and self.peek():
            token = self.take()
            depth += (token == r"\begin") - (token == r"\end")
            found.append(token)
        self._braced()
        return "".join(found[:-1])

    def _tokens_until(self, last: str) -> Iterator[str]:
        while self.peek() and (token := self.take()) != last:
            yield token
