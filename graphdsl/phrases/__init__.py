"""Language -> the words of the page, with places for formulas; knows no spec and no format."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from graphdsl.document import Inline, Inlines, Math, Text
from graphdsl.expr import Relation
from graphdsl.punctuation import COMMA, current

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of one language by their keys."""

    language: str
    table: Mapping[str, str]

    def words(self, key: str, **places: str | int) -> str:
        """A phrase as plain words."""
        return self.table[key].format(**places)

    def counted(self, noun: str, count: int) -> str:
        """A number of things: the phrase `decimal_one` for one, `decimals_many` for any other."""
        return self.words(f"{noun}_one" if count == 1 else f"{noun}s_many", count=count)

    def say(self, key: str, **places: Inlines | Inline | str | int) -> Inlines:
        """A phrase with formulas or words in its places."""
        found: list[Inline] = []
        for i, piece in enumerate(_PLACE.split(self.table[key])):
            if i % 2 == 0:
                found += [Text(piece)] if piece else []
            else:
                found += _inlines(places[piece])
        return tuple(found)

    def joined(self, items: Sequence[Inlines]) -> Inlines:
        """a; b; c."""
        return self._apart("between_values", items)

    def enumerated(self, items: Sequence[Inlines]) -> Inlines:
        """a, b, c."""
        return self._apart("penultimate_comma", items)

    def sentences(self, items: Sequence[Inlines]) -> Inlines:
        """Sentences one after the other."""
        return self._apart("between_sentences", items)

    def _apart(self, key: str, items: Sequence[Inlines]) -> Inlines:
        """The items, with a phrase between them that may be empty."""
        between = (Text(self.table[key]),) if self.table[key] else ()
        return tuple(part for i, item in enumerate(items) for part in ((*between, *item) if i else item))

    def listed(self, items: list[Inlines]) -> Inlines:
        """a, b and c; some languages join two in another way than more."""
        last = "and_two" if len(items) == 2 else "and"
        first = "between_values" if current() is COMMA and any(map(_relates, items)) else "penultimate_comma"
        found: list[Inline] = []
        for i, item in enumerate(items):
            if i:
                found.append(Text(self.table[last if i == len(items) - 1 else first]))
            found += item
        return tuple(found)


def _relates(words: Inlines) -> bool:
    """Whether a formula says what something is; after its decimal comma, another comma would be misread."""
    return any(isinstance(part, Math) and isinstance(part.expr, Relation) for part in words)


def _inlines(value: Inlines | Inline | str | int) -> Inlines:
    if isinstance(value, tuple):
        return value
    return (Text(str(value)),) if isinstance(value, str | int) else (value,)


WITH_COMMA = frozenset(["de"])
"""The languages whose numbers have a decimal comma."""


@cache
def load(language: str = "en") -> Phrases:
    """The phrases of a language."""
    text = resources.files(__package__).joinpath(f"{language}.toml").read_text("utf-8")
    return Phrases(language, tomllib.loads(text))
