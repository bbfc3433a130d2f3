"""Worked solutions for small neural networks and computation graphs."""

__version__ = "0.1.0"

from graphdsl.diagnostics import SpecError
from graphdsl.solve import Bound, Solution, booklet, solve

__all__ = ["Bound", "Solution", "SpecError", "__version__", "booklet", "solve"]
