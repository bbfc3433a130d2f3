"""What this machine can test: where an outside program is missing, its tests are left out rather than skipped."""

from __future__ import annotations

import shutil

import pytest

POPPLER = ("pdftotext", "pdftoppm", "pdfinfo")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked `poppler` where Poppler is not installed."""
    if all(map(shutil.which, POPPLER)):
        return
    left_out = [item for item in items if item.get_closest_marker("poppler")]
    items[:] = [item for item in items if not item.get_closest_marker("poppler")]
    config.hook.pytest_deselected(items=left_out)
