"""Words and single signs -> LaTeX that prints them as they are, in any engine; knows no formulas and no documents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from graphdsl.names import GREEK
from graphdsl.write import text
from graphdsl.write.wide_fonts import is_wide

LONGEST_RUN = 24
"""A run of letters and signs without a space may be broken after so many."""

# Signs that LaTeX sets in mathematics; all are in its own fonts, without amssymb.
SIGNS = {
    "−": "-", "·": r"\cdot", "⋅": r"\cdot", "×": r"\times", "÷": r"\div", "±": r"\pm", "∓": r"\mp", "∗": r"\ast",
    "⊙": r"\odot", "⊗": r"\otimes", "⊕": r"\oplus", "∘": r"\circ",
    "≈": r"\approx", "≠": r"\ne", "≤": r"\le", "≥": r"\ge", "≪": r"\ll", "≫": r"\gg", "≡": r"\equiv", "∼": r"\sim",
    "∝": r"\propto", "≅": r"\cong", "∈": r"\in", "∉": r"\notin", "⊂": r"\subset", "⊆": r"\subseteq",
    "→": r"\to", "←": r"\gets", "↔": r"\leftrightarrow", "⇒": r"\Rightarrow", "⇐": r"\Leftarrow",
    "⇔": r"\Leftrightarrow", "↦": r"\mapsto", "↑": r"\uparrow", "↓": r"\downarrow", "↕": r"\updownarrow",
    "∂": r"\partial", "∇": r"\nabla", "∑": r"\sum", "∏": r"\prod", "∫": r"\int", "√": r"\surd", "∞": r"\infty",
    "∀": r"\forall", "∃": r"\exists", "¬": r"\neg", "∧": r"\wedge", "∨": r"\vee", "∪": r"\cup", "∩": r"\cap",
    "∅": r"\emptyset", "ℓ": r"\ell", "ℏ": r"\hbar", "′": r"\prime", "⋮": r"\vdots", "⋯": r"\cdots", "⋱": r"\ddots",
    "‖": r"\|", "∥": r"\parallel", "⊥": r"\perp", "⊤": r"\top", "⟨": r"\langle", "⟩": r"\rangle",
    "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil",
}  # fmt: skip
SIGNS |= {letter: f"\\{name}" for name, letter in GREEK.items()}
SIGNS |= {"ε": r"\varepsilon", "φ": r"\varphi", "ϵ": r"\epsilon", "ϕ": r"\phi", "ϑ": r"\vartheta", "ς": r"\varsigma"}
SIGNS |= {"ο": "o", "υ": r"\upsilon", "Υ": r"\Upsilon", "Σ": r"\Sigma"}
SIGNS |= {capital: rf"\mathrm{{{latin}}}" for capital, latin in zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)}

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}", "*": "{*}",  # after a line's end \\ they would be an argument of it
    "\u00a0": "~", "\u202f": r"\,", "\u2009": r"\,", "\u2060": "", "\u200b": r"\hspace{0pt}", "\u00ad": r"\-",
    "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\dots{}", "‐": "-", "‑": r"\mbox{-}",
    "°": r"\textdegree{}", "€": r"\texteuro{}", "£": r"\pounds{}", "§": r"\S{}", "¶": r"\P{}",
    "©": r"\textcopyright{}", "®": r"\textregistered{}", "™": r"\texttrademark{}", "•": r"\textbullet{}",
    "′": "$'$", "″": "$''$", "½": r"\textonehalf{}", "¼": r"\textonequarter{}", "¾": r"\textthreequarters{}", "µ": r"$\mu$",
    "¢": r"\textcent{}", "¥": r"\textyen{}", "¦": r"\textbrokenbar{}", "¤": r"\textcurrency{}",
    "ª": r"\textordfeminine{}", "º": r"\textordmasculine{}",
}  # fmt: skip
_SPECIAL |= {sign: rf"\textsubscript{{{plain}}}" for sign, plain in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)}
_SPECIAL |= {sign: rf"\textsuperscript{{{plain}}}" for sign, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ", "0123456789T", strict=True)}

# What T1 has, and Unicode fonts too.
_LETTERS = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĂăĄąĆćČčĎďĐđĘęĚěĞğĹĺĽľŁłŃńŇňŊŋŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽžİı¡¿«»‹›„‚"
)
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c", "\u0331": "b",
}  # fmt: skip
_MISSING = frozenset("Ȩȩ")
"""Letters that Latin Modern cannot put together."""

_MATH_ACCENTS = {
    "\u0300": r"\grave", "\u0301": r"\acute", "\u0302": r"\hat", "\u0303": r"\tilde", "\u0304": r"\bar",
    "\u0306": r"\breve", "\u0307": r"\dot", "\u0308": r"\ddot", "\u0342": r"\tilde",
}  # fmt: skip


_WIDE: ContextVar[bool] = ContextVar("wide", default=False)


@contextmanager
def wide_letters(on: bool) -> Iterator[None]:
    """Whether the fonts of the page that is written within have Chinese and Japanese characters."""
    token = _WIDE.set(on)
    try:
        yield
    finally:
        _WIDE.reset(token)


def escaped(words: str) -> str:
    """The words for LaTeX's text: nothing in them has a meaning, and nothing can stop an engine."""
    return "".join(map(_run, re.split("( )", unicodedata.normalize("NFC", text.visible(words)))))


def _run(run: str) -> str:
    """What stands between two spaces; a long run may be broken."""
    found, length = "", 0
    for sign in run:
        wide = _WIDE.get() and is_wide(sign)
        next_ = sign if wide else letter(sign)
        length = 0 if wide else length
        if length >= LONGEST_RUN:
            found, length = found + r"\hspace{0pt}", 0
        found += r"\kern0pt{}" if found[-1:] + next_[:1] in _LIGATURES else ""
        found += next_
        length += len(next_) - 4 if next_.startswith("{[}U") else 1
    return found


_LIGATURES = frozenset(("--", "''", "``", ",,"))
"""Signs that LaTeX would run together, if they did not stand apart."""


@lru_cache(maxsize=4096)
def letter(sign: str) -> str:
    """One character for LaTeX's text."""
    if sign in _SPECIAL:
        return _SPECIAL[sign]
    if sign in _LETTERS or sign.isascii():
        return sign
    if sign in SIGNS:
        return f"${SIGNS[sign]}$"
    base, *marks = list(unicodedata.normalize("NFD", sign))
    if marks and all(mark in _ACCENTS for mark in marks) and base.isascii() and sign not in _MISSING:
        for mark in marks:
            base = f"\\{_ACCENTS[mark]}{{{base}}}"
        return base
    if marks and base in SIGNS and all(mark in _MATH_ACCENTS for mark in marks):
        base = SIGNS[base]
        for mark in marks:
            base = f"{_MATH_ACCENTS[mark]}{{{base}}}"
        return f"${base}$"
    plain = unicodedata.normalize("NFKC", sign)
    if plain != sign and (plain.isascii() or plain in SIGNS):
        return "".join(map(letter, plain))
    return f"{{[}}U+{ord(sign):04X}{{]}}"


def label(anchor: str) -> str:
    """An anchor as the name of a `\\label`: stable, of letters, digits and a few signs that no package makes active."""
    plain = anchor.replace("[", ".").replace("]", "").replace(",", ".").replace("'", "-prime")
    names = {sign: name for name, sign in GREEK.items()}
    return "gd:" + "".join(
        c if re.match(r"[\w/@:.\-]", c, re.ASCII) else names.get(c) or f"u{ord(c):04x}" for c in plain
    )
