"""What this machine can test: where an outside program is missing, its tests are left out rather than skipped."""

from __future__ import annotations

import shutil

import pytest

PROGRAMS = {
    "poppler": ("pdftotext", "pdftoppm", "pdfinfo"),
    "tex": ("pdflatex", "lualatex"),
    "chromium": ("chromium",),
}
"""What the tests with a mark need."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests whose mark names a program that is not installed."""
    missing = [mark for mark, programs in PROGRAMS.items() if not all(map(shutil.which, programs))]
    left_out = [item for item in items if any(map(item.get_closest_marker, missing))]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
