"""Worked solutions for small neural networks and computation graphs."""

__version__ = "0.1.0"

from graphdsl.diagnostics import SpecError
from graphdsl.solve import Solution, solve

__all__ = ["Solution", "SpecError", "__version__", "solve"]
