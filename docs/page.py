"""Specs -> the pictures in the README, docs/*.png: `python docs/page.py`."""

from pathlib import Path

import typst

import graphdsl

HERE = Path(__file__).parent
RESOLUTION = 100


def pages(source: str) -> list[bytes]:
    """Each page as PNG."""
    made = typst.Compiler(ignore_system_fonts=True).compile(source.encode(), format="png", ppi=RESOLUTION, timestamp=0)
    return [page for page in (made if isinstance(made, list) else [made]) if isinstance(page, bytes)]


def drawing(name: str, solution: graphdsl.Solution, kind: str, show: tuple[str, ...]) -> None:
    """A figure, at its own size on a page of its own."""
    from graphdsl import draw

    view = solution.view("graph" if kind == "graph" else "network", 1, show, kind == "graph")
    svg = draw.svg(view).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    source = f'#set page(width: auto, height: auto, margin: 6pt)\n#image(bytes("{svg}"), format: "svg")'
    (HERE / name).write_bytes(pages(source)[0])


seed = graphdsl.solve(HERE.parent / "specs" / "two-relu-layers.spec")
circuit = graphdsl.solve(HERE.parent / "specs" / "circuits" / "cs231n-add-mul.spec")
for number, page in enumerate(pages(seed.typst()), 1):
    (HERE / f"page-{number}.png").write_bytes(page)
drawing("network.png", seed, "network", ("values", "gradients"))
drawing("circuit.png", circuit, "graph", ("values", "gradients"))
