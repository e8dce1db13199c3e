"""`python -m tests.benchmarks [topic ...]`: measure, and print tables in Markdown."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import warnings

TOPICS = (
    "exact",
    "ssa_size",
    "ode",
    "deposited",
    "hybrid",
    "separation",
    "fluid",
    "coupled",
    "shards",
    "first_call",
    "new_model",
)


def main(topics: list[str]) -> None:
    """Run the topics named, or all."""
    unknown = sorted(set(topics) - set(TOPICS))
    if unknown:
        sys.exit(f"no topic {', '.join(unknown)}; there are {', '.join(TOPICS)}")
    warnings.simplefilter("ignore")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    for topic in topics or TOPICS:
        print(importlib.import_module(f"tests.benchmarks.{topic}").measure(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
