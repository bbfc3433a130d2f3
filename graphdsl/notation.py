"""The name of a notation, or a TOML file -> the letters and signs of a page as one record; knows no model and no formula."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from graphdsl.diagnostics import did_you_mean, nearest
from graphdsl.names import Ink, Own, canonical, ink_of
from graphdsl.neighbours import NotANeighbour, text_of

ENDING = ".toml"
MOST_BYTES = 1 << 16
LONGEST_LETTER = 24


@dataclass(frozen=True, slots=True)
class Notation:
    """What a textbook calls things. Letters are written as names of a spec are: `net`, `E_total`, `y_hat`, `eta`.

    layer: the superscript of what a layer without names makes, {k} its number, {name} its name. pre_activation, output,
    weights, biases: their letters; in them {k} and {name} stand in the subscript, and in biases {j} is the unit.
    last: the letter of the last layer's output, which then has no superscript; scores, probabilities: of what its softmax
    takes and gives. unit: the letter of the output of a unit
    with a name, which becomes the subscript. loss: of a loss without a name. rate: of the learning rate. target: of the
    targets that the spec calls t. updated: the mark of a new value. weight_order: which unit comes first in a weight's
    index. numbering: whether units are counted in each layer, or through all of them after the inputs. step: whether a
    new value is found at once or by Δw. activation: the letter of the only activation, or `formula`, which writes it out.
    logarithm, product: how they are written; product is the sign between numerals.
    """

    name: str = "default"
    layer: str = "({k})"
    pre_activation: str = "z"
    output: str = "a"
    weights: str = "W"
    biases: str = "b"
    last: str = ""
    scores: str = ""
    probabilities: str = ""
    unit: str = ""
    loss: str = "E"
    rate: str = "eta"
    target: str = "t"
    updated: str = "+"
    weight_order: str = "to-from"
    numbering: str = "layer"
    step: str = "new"
    activation: str = ""
    logarithm: str = "ln"
    product: str = "dot"

    @property
    def is_default(self) -> bool:
        """Whether nothing is written in another way."""
        return self == DEFAULT


DEFAULT = Notation()

WORDS: Mapping[str, tuple[str, ...]] = {
    "weight_order": ("to-from", "from-to"),
    "numbering": ("layer", "through"),
    "step": ("new", "change"),
    "logarithm": ("ln", "log"),
    "product": ("dot", "cross"),
}
"""The roles that are not letters, and what each may be."""

PLACES: Mapping[str, tuple[str, ...]] = {
    "pre_activation": ("{k}", "{name}"),
    "output": ("{k}", "{name}"),
    "weights": ("{k}", "{name}"),
    "biases": ("{k}", "{name}", "{j}"),
}
"""What may stand in the letter of a role for the layer's number, its name, or the unit's number."""

OPTIONAL = frozenset(("last", "scores", "probabilities", "unit", "activation"))
ROLES = tuple(field.name for field in fields(Notation) if field.name != "name")

_LETTER = re.compile(r"[^\W\d_]+\d*(?:_\w+)*'*")
_LAYER = re.compile(r"(?:[(\[]?(?:\{k\}|\{name\})[)\]]?)?")
_UPDATED = re.compile(r"[+*'′]|[^\W\d_]{1,12}")


class NotationMistake(Exception):
    """It is no notation; says why in the user's words."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(message)


def names() -> tuple[str, ...]:
    """The notations that come with graphdsl."""
    files = (resources.files("graphdsl") / "notations").iterdir()
    return tuple(sorted(file.name.removesuffix(ENDING) for file in files if file.name.endswith(ENDING)))


def found(said: str, folder: Path | None) -> Notation:
    """A notation by its name, or from a file beside the spec."""
    if not said.endswith(ENDING):
        return _shipped(said)
    try:
        text = text_of(said, folder, MOST_BYTES)
    except NotANeighbour as mistake:
        raise NotationMistake(mistake.message, mistake.hint) from None
    return _read(text, said)


def _shipped(said: str) -> Notation:
    known = names()
    if said not in known:
        hint = did_you_mean(said, known) or f"known are {', '.join(known)}; one of your own is a file, house{ENDING}"
        raise NotationMistake(f"there is no notation `{_short(said)}`", hint)
    return _of_package(said)


@cache
def _of_package(name: str) -> Notation:
    file = resources.files("graphdsl") / "notations" / f"{name}{ENDING}"
    return _read(file.read_text("utf-8"), name)


def _read(text: str, name: str) -> Notation:
    table = _table(text, name)
    base = table.pop("like", "")
    if base and (not isinstance(base, str) or base not in names()):
        near = nearest(base, names()) if isinstance(base, str) else None
        hint = f"did you mean `{near}`?" if near else f"known are {', '.join(names())}"
        raise NotationMistake(f"`{name}` is like `{_short(str(base))}`, which is no notation", hint)
    table.pop("source", None)
    judged = {role: _role(role, value, name) for role, value in table.items()}
    like = _of_package(base) if base else DEFAULT
    return Notation(**{**{role: getattr(like, role) for role in ROLES}, **judged, "name": name})


def _table(text: str, name: str) -> dict[str, Any]:
    """The keys of a TOML file; it is untyped, so its values are too."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotationMistake(f"`{name}` is not TOML: {_short(str(error), 80)}", 'a line is like loss = "C"') from None


def _role(role: str, value: Any, name: str) -> str:
    if role not in ROLES:
        hint = did_you_mean(role, ROLES) or f"known are {', '.join(ROLES)}"
        raise NotationMistake(f"`{name}` names `{_short(role)}`, and a notation has no such role", hint)
    if not isinstance(value, str):
        raise NotationMistake(f"`{role}` in `{name}` is a text in quotes", f'for example {role} = "{EXAMPLES[role]}"')
    if role in WORDS:
        if value not in WORDS[role]:
            raise NotationMistake(f"`{role}` in `{name}` is {' or '.join(WORDS[role])}, not `{_short(value)}`")
        return value
    if not _JUDGES.get(role, _is_letter)(role, value):
        message = f"`{_short(value)}`, which `{name}` says for `{role}`, cannot be set"
        raise NotationMistake(message, f'for example {role} = "{EXAMPLES[role]}"')
    return value


def _is_letter(role: str, value: str) -> bool:
    """Whether it is written as a name, with the places that its role has."""
    for place in PLACES.get(role, ()):
        value = value.replace(place, "1")
    return (not value and role in OPTIONAL) or (len(value) <= LONGEST_LETTER and _LETTER.fullmatch(value) is not None)


_JUDGES: Mapping[str, Callable[[str, str], bool]] = {
    "layer": lambda _, value: _LAYER.fullmatch(value) is not None,
    "updated": lambda _, value: _UPDATED.fullmatch(value) is not None,
}
EXAMPLES: Mapping[str, str] = {
    **{role: words[-1] for role, words in WORDS.items()},
    "layer": "[{k}]", "pre_activation": "net", "output": "o", "weights": "w", "biases": "b", "last": "y_hat",
    "scores": "f", "probabilities": "p",
    "unit": "out", "loss": "C", "rate": "alpha", "target": "y", "updated": "*", "activation": "f",
}  # fmt: skip


# The user's own symbols, who is trusted with them: they may hold LaTeX and Typst.


def symbols(text: str, file: str) -> Mapping[str, Ink]:
    """What names look like, by the names that they are compared by.

    A name has a text, from which its ink is made, or a table: `[w]` with `text`, `latex`, `typst`.
    """
    return {canonical(name): _symbol(name, value, file) for name, value in _table(text, file).items()}


_PARTS = ("text", "latex", "typst")


def _symbol(name: str, value: Any, file: str) -> Ink:
    parts = {"text": value} if isinstance(value, str) else value
    if not isinstance(parts, dict):
        hint = f'a text, {name} = "w", or a table with text, latex and typst'
        raise NotationMistake(f"`{_short(name)}` in `{file}` is no symbol", hint)
    for part, said in parts.items():
        if part not in _PARTS:
            hint = did_you_mean(part, _PARTS) or "a symbol has text, latex and typst"
            raise NotationMistake(f"`{_short(name)}` in `{file}` has no `{_short(part)}`", hint)
        if not isinstance(said, str) or not said.strip() or not _balanced(said):
            hint = "a text in quotes, on one line, with as many brackets closed as opened"
            raise NotationMistake(f"`{part}` of `{_short(name)}` in `{file}` cannot be set", hint)
    ink = ink_of(parts.get("text", name))
    if not {"latex", "typst"} & parts.keys():
        return ink
    own = Own(parts.get("latex", ""), parts.get("typst", ""), ink.sub)
    return Ink(ink.base, ink.sub, ink.sup, ink.accent, ink.primes, own=own)


_PAIRS = {"{": "}", "(": ")", "[": "]"}


def _balanced(said: str) -> bool:
    """Whether brackets close in the order in which they open, on one line without a comment."""
    if not said.isprintable() or re.search(r"(?<!\\)%|//|/\*", said):
        return False
    waiting: list[str] = []
    for sign in re.sub(r"\\.", "", said):
        if sign in _PAIRS:
            waiting.append(_PAIRS[sign])
        elif sign in _PAIRS.values() and (not waiting or waiting.pop() != sign):
            return False
    return not waiting


def _short(text: str, most: int = 40) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 10]}…"
