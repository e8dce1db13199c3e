"""Hybrid stochastic-deterministic simulation of living tissue, from gene to cell to tissue."""
