"""What must become of any input: a network, or an error of ours that says where and what to do; and soon."""

from __future__ import annotations

import _thread
import threading
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np

import biomulti as bm

METHODS = ("ssa", "hybrid", "ode")
LOADED_IN = 1.5  # seconds of this process's time
RUN_FOR = 5.0  # seconds, after which a run that goes on is as good as one that ended
LONGEST_MESSAGE = 20_000  # characters
EVENTFUL = "A -> ; A; A = 9; k = 0; at (A < 5): k = 1; unit substance = item"


@dataclass(frozen=True)
class Verdict:
    """What became of a text: "" for `complaint` if all is as it must be."""

    complaint: str
    refused: str = ""  # the error's kind and message
    seconds: float = 0.0
    last: bool = False  # the process that answers is to be used no more


def of_loading(given: str | Path) -> Verdict:
    """Load a text or a file."""
    began = process_time()
    try:
        bm.load(given)
    except Exception as error:
        return _of_error(error, process_time() - began)
    return _in_time("", process_time() - began)


def of_running(given: str | Path, methods: tuple[str, ...] = METHODS) -> Verdict:
    """Load it, and run what loads for a moment."""
    verdict = of_loading(given)
    if verdict.complaint or verdict.refused:
        return verdict
    network = bm.load(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method in methods:
            complaint = _complaint_about_run(network, method)
            if complaint is None:
                # an interrupted compiler is not to be trusted
                return Verdict("", last=True)
            if complaint:
                return Verdict(f"{method}: {complaint}")
    return verdict


def prepare() -> Verdict:
    """Compile what all runs need."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method in METHODS:
            bm.simulate(EVENTFUL, t_end=1.0, method=method, seed=1, progress=False)
    return Verdict("")


def _complaint_about_run(network: bm.Network, method: str) -> str | None:
    """None if it had to be stopped."""
    stop = threading.Timer(RUN_FOR, _thread.interrupt_main)
    try:
        stop.start()
        run = bm.simulate(network, t_end=0.5, every=0.25, method=method, replicates=2, seed=1, progress=False)
    except KeyboardInterrupt:
        return None
    except Exception as error:
        return _of_error(error, 0.0).complaint
    finally:
        stop.cancel()
    lost = [s.id for s in network.species if s.id in run and np.isnan(run[s.id].values).any()]
    return f"{lost} are NaN, and nothing was said" if lost else ""


def _of_error(error: Exception, seconds: float) -> Verdict:
    if not isinstance(error, bm.BiomultiError):
        return Verdict("".join(traceback.format_exception(error)))
    message = str(error)
    if not message.strip() or len(message) > LONGEST_MESSAGE:
        return Verdict(f"a message of {len(message)} characters: {message[:200]}")
    return _in_time(f"{type(error).__name__}: {message}", seconds)


def _in_time(refused: str, seconds: float) -> Verdict:
    return Verdict(f"took {seconds:.2f} s; {refused[:200]}" if seconds > LOADED_IN else "", refused, seconds)
