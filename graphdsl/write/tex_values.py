"""Named numbers -> LaTeX definitions, so that an author's own sentences can bear them; knows no documents."""

from __future__ import annotations

from collections.abc import Mapping

from graphdsl.expr import Expr
from graphdsl.write.tex_formula import INLINE

_HEAD = r"""% Written by graphdsl: numbers by their names, to be \input before they are used.
% \gdval{E.after} is a number as the worked solution shows it, in words and in formulas; a name that there is not prints ??.
\providecommand\gdval[1]{\ifcsname gdval:\detokenize{#1}\endcsname
  \ensuremath{\csname gdval:\detokenize{#1}\endcsname}\else
  \textbf{??}\typeout{LaTeX Warning: graphdsl has no number \detokenize{#1}}\fi}
\providecommand\gdset[2]{\expandafter\def\csname gdval:\detokenize{#1}\endcsname{#2}}
"""


def write(numbers: Mapping[str, Expr]) -> str:
    """One definition for each name; of two files that are read, the later one's numbers hold."""
    return _HEAD + "".join(f"\\gdset{{{name}}}{{{INLINE.formula(number)}}}\n" for name, number in numbers.items())
