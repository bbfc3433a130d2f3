"""How numerals and lists are punctuated while a page is told and written: with a decimal point, or a comma and what follows from it; knows no page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from re import sub


@dataclass(frozen=True, slots=True)
class Punctuation:
    """mark: before the decimals. between: between the arguments of a function. below: between what stands one below the other."""

    mark: str
    between: str
    below: str

    def pointed(self, words: str) -> str:
        """Words of a formula's own, as "slope 0.1", with this decimal mark."""
        return words if self.mark == "." else sub(r"(?<=\d)\.(?=\d)", self.mark, words)


POINT = Punctuation(".", ", ", "; ")
COMMA = Punctuation(",", "; ", " ∣ ")
"""With a decimal comma, max(0; 1,5) needs a semicolon, and then rows that stand on one line need another sign."""

_USED: ContextVar[Punctuation] = ContextVar("punctuation", default=POINT)


def current() -> Punctuation:
    """The punctuation that is used now."""
    return _USED.get()


@contextmanager
def punctuated(comma: bool) -> Iterator[None]:
    """Everything that is told or written within has a decimal comma, or a point."""
    token = _USED.set(COMMA if comma else POINT)
    try:
        yield
    finally:
        _USED.reset(token)
