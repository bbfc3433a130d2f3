"""specs/two-relu-layers.spec -> docs/page.png, the picture in the README: `python docs/page.py`."""

from pathlib import Path

import typst

import graphdsl

HERE = Path(__file__).parent
RESOLUTION = 100

solution = graphdsl.solve(HERE.parent / "specs" / "two-relu-layers.spec")
pages = typst.Compiler(ignore_system_fonts=True).compile(
    solution.typst().encode(), format="png", ppi=RESOLUTION, timestamp=0
)
first = pages[0] if isinstance(pages, list) else pages
assert isinstance(first, bytes)
(HERE / "page.png").write_bytes(first)
