"""Finished LaTeX -> the same lines as text, for `reading`; reads commands with a parser of its own and uses nothing of graphdsl."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SIGNS = {
    r"\approx": "≈", r"\le": "≤", r"\ge": "≥", r"\ne": "≠", r"\cdot": "·", r"\partial": "∂", r"\odot": "⊙",
    r"\sigma": "σ", r"\eta": "η", r"\theta": "θ", r"\infty": "∞", r"\top": "ᵀ", r"\sum": "∑", r"\to": "→",
    r"\vdots": "⋮", r"\cdots": "⋯", r"\Delta": "Δ", r"\varepsilon": "ε", r"\alpha": "α", r"\delta": "δ",
    r"\times": "×", r"\lVert": "‖", r"\rVert": "‖", r"\lvert": "|", r"\rvert": "|", r"\vert": "|", r"\pi": "π",
    r"\lambda": "λ", r"\mu": "μ", r"\beta": "β", r"\gamma": "γ", r"\rho": "ρ", r"\tau": "τ", r"\phi": "φ", r"\varphi": "φ",
    r"\omega": "ω", r"\kappa": "κ", r"\psi": "ψ", r"\Sigma": "Σ", r"\ast": "∗",
    r"\_": "_", r"\{": "{", r"\}": "}", r"\lfloor": "⌊", r"\rfloor": "⌋",
}  # fmt: skip
_WORDS = frozenset(("max", "min", "ln", "log", "exp", "sin", "cos", "tan", "tanh", "sinh", "cosh"))
"""Names that are commands; any other command is none of ours."""

_PUT_ON = frozenset(
    rf"\{name}" for name in ("operatorname", "mathit", "mathrm", "mathbin", "text", "textit", "hat", "bar", "tilde", "dot", "widehat",
                             "overline", "widetilde")
)  # fmt: skip
"""Styles and accents, which leave a name what it is."""

_SPACED = set("=≈<≤>≥≠·×+⊙→")
_OPENS = set("=≈<≤>≥≠·×+−(,;[⟦{|⊙")
_NOTHING = (r"\displaystyle", r"\footnotesize", r"\left", r"\right", r"\,", r"\;", r"\quad", r"\qquad", r"\!")
_RAISED = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")


class _Math:
    """Reads mathematics once; every binary sign gets its spaces, everything else none."""

    def __init__(self, source: str):
        self.tokens = re.findall(r"\\text\{[^\\{}$]*\}|\\[A-Za-z]+\*?|\\.|[^\s]", source)
        self.at = 0
        self.between = ""

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def group(self) -> str:
        if self.peek() != "{":
            return self.piece("")
        self.take()
        found = self.until("}")
        return found.strip()

    def until(self, *ends: str) -> str:
        found = ""
        while self.at < len(self.tokens) and self.peek() not in ends:
            found += self.piece(found)
        if self.at < len(self.tokens):
            self.take()
        return found

    def piece(self, before: str) -> str:
        token = self.take()
        sign = _SIGNS.get(token, token)
        unary = not before.strip() or before.strip()[-1] in _OPENS or (before[-1] == "‖" and before.count("‖") % 2)
        if sign == "-":
            return "−" if unary else " − "
        if token.startswith(r"\text{"):  # words as they stand, as a setting: stride 2
            return token[6:-1]
        if sign in _SPACED:
            return f" {sign} "
        match token:
            case "{":
                return self.until("}")
            case r"\frac" | r"\tfrac":
                return f"({self.group()})/({self.group()})"
            case r"\sqrt":
                return f"√({self.group()})"
            case "_":
                below = self.group().replace(" ", "")
                apart = " " * before.endswith("∑")
                return (f"_{below}" if re.fullmatch(r"\w+", below) else f"_{{{below}}}") + apart
            case "^":
                return self.raised(before)
            case "'":
                return "′"
            case ",":
                return ", "
            case "&":
                return self.between
            case "~":
                return ""
            case r"\mkern":
                while self.take() != "u":  # of 9mu
                    pass
                return ""
            case r"\phantom" | r"\label" | r"\tag*" | r"\gdhang":
                self.group()
                return ""
            case r"\resizebox":
                self.group(), self.group()
                return self.group().strip("$")
            case r"\begin":
                return self.environment()
        if token in _NOTHING:
            if self.peek() == ".":  # \left. has no sign
                self.take()
            return ""
        if token in _PUT_ON:
            return self.group()
        assert sign[0] != "\\" or sign[1:] in _WORDS, f"{token} is not read"
        return sign.removeprefix("\\")

    def raised(self, before: str) -> str:
        exponent = self.group()
        if exponent.strip() == "ᵀ" and before.endswith("]"):
            return ""  # a vector that lies among words
        if re.fullmatch(r"[-−]?\d+", exponent):
            return exponent.translate(_RAISED)
        if match := re.fullmatch(r"\((\d+)\)", exponent):
            return f"⁽{match[1]}⁾"
        if re.fullmatch(r"\[\w+\]", exponent):
            return f"^{exponent}"
        if exponent.strip() == "ᵀ":
            return "ᵀ"
        return "⁺" if exponent.strip() == "+" else f"^({exponent})"

    def environment(self) -> str:
        name = self.group()
        if name == "array":
            self.group()
        outer, self.between = self.between, "" if name == "cases" else ", "
        rows = []
        while True:
            rows.append(self.until(r"\\", r"\end"))
            if self.tokens[self.at - 1] == r"\end":
                self.group()
                break
        self.between = outer
        return f"{{ {'; '.join(rows)} }}" if name == "cases" else _array(rows, name == "bmatrix")


_ENVIRONMENT = str.maketrans("⟦⟧", "[]")
"""The brackets of environments: a list between brackets that are none is a row."""


def _array(rows: list[str], fenced: bool) -> str:
    """A column as the vector that it is, a row as its transpose; some environments stand between brackets already."""
    if not fenced:
        return (", " if all(", " not in row for row in rows) else "; ").join(rows)
    if all(", " not in row for row in rows):
        return f"⟦{', '.join(rows)}⟧"
    return f"⟦{rows[0]}⟧ᵀ" if len(rows) == 1 else f"⟦{'; '.join(rows)}⟧"


def pointed(source: str) -> str:
    """LaTeX with decimal commas as one with points, before it is read."""
    return re.sub(r"(?<!\\);", ",", source.replace("{,}", ".")).replace(r"\mid", ";")


def formula(source: str) -> str:
    """Mathematics of LaTeX on one line of text."""
    found = re.sub(r"\s+", " ", _Math(source).until("")).strip()
    return found.replace("|_direct", "|direct").translate(_ENVIRONMENT)


def words(source: str) -> str:
    """Running text with its formulas, a sentence on a line."""
    source = re.sub(r"\\emph\{([^{}]*)\}\\enspace", r"\1", re.sub(r"\\[A-Za-z]+=\S*", "", source))
    parts = re.split(r"(?<!\\)\$", source)
    read = [formula(part) if i % 2 else part for i, part in enumerate(parts)]
    return re.sub(r"(?<=[a-z0-9]\.) ", "\n\n", re.sub(r"\s+", " ", "".join(read)).strip())


_APART = re.compile(r"\\begin\{(tikzpicture|tabular)\}.*?\\end\{\1\}", re.DOTALL)
_ALIGNED = re.compile(r"\\begin\{(align\*|alignat\*)\}(?:\{\d\})?(.*?)\\end\{\1\}", re.DOTALL)
_ROW_END = re.compile(r"\\\\\*?(?:\[3pt\])?\n")
_REASON = re.compile(r"(?:&&)?\s*(?:\\rlap\{)?\\q?quad \\?(?:text|parbox).*$", re.DOTALL)


_CELLS = re.compile(r"(\\begin\{(bmatrix|smallmatrix|array)\}.*?\\end\{\2\})|&", re.DOTALL)
"""The & between the members of a line, and those of a matrix, which are its own."""


def derivations(source: str) -> list[str]:
    """The source of each derivation."""
    return [match[2] for match in _ALIGNED.finditer(source)]


def chains(derivation: str) -> Iterator[str]:
    """The lines of a derivation, each with the rows that continue it, and the reasons as lines of their own."""
    current = ""
    for row in _ROW_END.split(derivation.strip()):
        row = re.sub(r"\s*\\tag\*\{(\\gdhang\{.*?\})?\}(\\label\{.*?\})?", "", row)
        reason = _REASON.search(row)
        row = row[: reason.start()] if reason else row
        lead, _, rest = row.partition("&")
        if lead.strip() and current:
            yield formula(current)
            current = ""
        current += f"{lead} {_CELLS.sub(lambda found: found[1] or '', rest)}"
        if reason:
            yield words(re.sub(r"^.*\\footnotesize(?:\\raggedright)? |\}+\s*$", "", reason[0], flags=re.DOTALL))
    if current:
        yield formula(current)


def text(source: str) -> str:
    """A whole document, line by line, without its drawings and tables."""
    body = _APART.sub("", source.partition(r"\begin{document}")[2] or source)
    body = re.sub(r"(?m)^%.*$|\\end\{minipage\}\}?(?:\\par\\medskip\})?|\\par\\smallskip\\hrule\\medskip\}", "", body)
    lines = [line for derivation in derivations(body) for line in chains(derivation)]
    around = _ALIGNED.sub("\n\n", body)
    lines += [words(paragraph) for paragraph in re.split(r"\n\s*\n|\\par\b|\n?\\end\{minipage\}", around)]
    return "\n\n".join(line for line in lines if line)
