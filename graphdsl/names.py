"""A name as typed -> the name that it is compared by, and its ink: base, subscript, accent; knows no formats."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

from graphdsl.numbers import Shape

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
ACCENTS = ("hat", "bar", "tilde", "dot")


@dataclass(frozen=True, slots=True)
class Own:
    """How the user's own map of symbols has a name set: as LaTeX, as Typst; what it leaves out is set from the ink.

    `sub` is the subscript of the ink that this stands for already; what follows it is an index.
    """

    latex: str = ""
    typst: str = ""
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Ink:
    """How a name looks: a base (a letter or a word), a subscript, a superscript, an accent, primes.

    `change`: a Δ stands before it. `own`: how the user has it set, who is trusted with that.
    """

    base: str
    sub: str = ""
    sup: str = ""
    accent: str = ""
    primes: int = 0
    change: bool = False
    own: Own | None = None

    @property
    def index(self) -> str:
        """What stands below a name that is set in the user's own way: the subscript without what that says already."""
        return self.sub.removeprefix(self.own.sub).lstrip(",") if self.own is not None else self.sub


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """What a name is compared by: NFKC, Greek words as their letters, primes as '."""
    text = unicodedata.normalize("NFKC", name.replace("′", "'").replace("’", "'"))
    return re.sub(r"[^\W\d_]+", lambda m: GREEK.get(m[0], m[0]), text)


_WORDS = {letter: word for word, letter in GREEK.items()}


def plain_name(name: str) -> str:
    """A name with Greek letters as words: the key of an optimizer's option, or of what it remembers."""
    return "".join(_WORDS.get(letter, letter) for letter in canonical(name))


_PARTS = re.compile(r"(?P<base>[^\W\d_]+)(?P<digits>\d*)(?P<rest>(?:_\w*)?)(?P<primes>'*)$")


@lru_cache(maxsize=4096)
def ink_of(name: str) -> Ink:
    """The default look: a trailing number is a subscript, `_` opens one, hat, bar, tilde and dot are accents."""
    text = canonical(name)
    match = _PARTS.match(text)
    if match is None:
        return Ink(text)
    rest = [part for part in match["rest"].split("_") if part]
    accent = rest.pop(0) if rest and rest[0] in ACCENTS else ""
    sub = ",".join([match["digits"], *rest] if match["digits"] else rest)
    return Ink(match["base"], sub, "", accent, len(match["primes"]))


def indexed(ink: Ink, index: Shape) -> Ink:
    """The look of a tensor's entry: its index joins the subscript, with commas where an index has two digits."""
    digits = ("," if max(index, default=0) > 9 else "").join(str(i) for i in index)
    sub = f"{ink.sub},{digits}" if ink.sub else digits
    return replace(ink, sub=sub)


def entry_key(key: str, index: Shape) -> str:
    """The key of a tensor's entry: `W[2,1]`; of a scalar, its own."""
    return f"{key}[{','.join(map(str, index))}]" if index else key
