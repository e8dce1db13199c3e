"""Cells with gene networks in a flowing tissue: what couples them, how they live, and how a run goes."""
