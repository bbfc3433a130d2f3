"""Worked solutions for small neural networks and computation graphs."""

__version__ = "0.1.0"
