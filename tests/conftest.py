"""What this machine can test: where an outside program is missing, its tests are left out rather than skipped."""

from __future__ import annotations

import shutil

import pytest

from graphdsl.write.wide_fonts import FACES, FontError, font_files

PROGRAMS = {
    "poppler": ("pdftotext", "pdftoppm", "pdfinfo"),
    "tex": ("pdflatex", "lualatex"),
    "chromium": ("chromium",),
}
"""What the tests with a mark need."""


def has_fonts() -> bool:
    """Whether there are fonts for Japanese and for traditional Chinese, which the mark `cjk` asks for."""
    try:
        return all(font_files("前", language) for language in FACES)
    except FontError:
        return False


LONGEST_SERIES = 4
"""Of a test with more parameters, a default run takes so many, evenly spread; the full run takes all."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests whose mark names a program that is not installed; most of a long series are slow."""
    missing = [mark for mark, programs in PROGRAMS.items() if not all(map(shutil.which, programs))]
    missing += [] if has_fonts() else ["cjk"]
    left_out = [item for item in items if any(map(item.get_closest_marker, missing))]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    series: dict[str, list[pytest.Item]] = {}
    for item in items:
        series.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for own in series.values():
        chosen = {(2 * i + 1) * len(own) // (2 * LONGEST_SERIES) for i in range(LONGEST_SERIES)}
        for i, item in enumerate(own):
            if len(own) > LONGEST_SERIES and i not in chosen:
                item.add_marker(pytest.mark.slow)
