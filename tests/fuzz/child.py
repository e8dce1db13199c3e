"""Another process that does the asking: if what it is given kills it or holds it up, that is an answer too."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from .check import Verdict

START = 120.0  # seconds to start and import in


class Child:
    """Answers by calling a function elsewhere; started anew after a call that it did not survive."""

    def __init__(self) -> None:
        self.process: Any = None
        self.pipe: Any = None

    def ask(self, function: Callable[..., Verdict], *args: Any, seconds: float) -> Verdict:
        """What `function(*args)` answers within the time given."""
        if self.process is None:
            self._start()
        self.pipe.send((function, args))
        if not self.pipe.poll(seconds):
            self.close()
            return Verdict(f"no answer within {seconds:g} s")
        try:
            verdict = self.pipe.recv()
        except EOFError:
            self.process.join()
            died = f"the interpreter died ({self.process.exitcode})"
            self.close()
            return Verdict(died)
        assert isinstance(verdict, Verdict)
        if verdict.last:
            self.close()
        return verdict

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_answer, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        if not self.pipe.poll(START):
            raise TimeoutError("the child did not start")
        self.pipe.recv()


def _answer(pipe: Connection) -> None:
    import antimony  # noqa: F401
    import libsbml  # noqa: F401

    import biomulti as bm

    bm.load("telegraph")
    pipe.send("ready")
    while True:
        function, args = pipe.recv()
        pipe.send(function(*args))
