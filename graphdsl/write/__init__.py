"""Document -> text, Typst, PDF, HTML; knows notations and ink, never operations, digits or what to explain."""

from __future__ import annotations

import re

_SIGNATURES = (
    re.compile(rb"\A%PDF-.*/Keywords\s*\(graphdsl\)", re.DOTALL),
    re.compile(rb"\A(<\?xml[^>]*>\s*|<!DOCTYPE html>\s*)?(//|%|#|<!--) ?(Written by )?graphdsl\b"),
    re.compile(rb"\A\x89PNG\r\n\x1a\n.{25}....tEXtSoftware\0graphdsl", re.DOTALL),
    re.compile(rb'\A\s*\{\s*"format":\s*"graphdsl-trace"'),
    re.compile("\n(?:─){40,}\n(?:[^\n]+\n){0,8}[^\n]*\\bgraphdsl\\b[^\n]*\\s*\\Z".encode()),
)


def written_by_us(content: bytes) -> bool:
    """Whether a file is one that graphdsl wrote, and so may replace; takes the whole file (a PDF says it at its end)."""
    return any(signature.search(content) for signature in _SIGNATURES)
