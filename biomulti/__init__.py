"""Hybrid stochastic-deterministic simulation of living tissue, from gene to cell to tissue."""

from biomulti.load import load, shipped
from biomulti.network import Network

__all__ = ["Network", "load", "shipped"]
