"""A run that is asked to stop, by Ctrl-C or by the SIGTERM that schedulers send before they kill."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


class Stopping:
    """While it is entered, the first signal to stop is kept until a step has ended; the second one works at once.

    Only where there is a folder to go on from, in the main thread, and where nobody else handles the signal.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if self.folder is not None and threading.current_thread() is threading.main_thread():
            for number, usual in USUAL.items():
                if signal.getsignal(number) == usual:
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def _ask(self, number: int, _: FrameType | None) -> None:
        self.__exit__()
        self.asked = number
        # print() may not be entered twice, and this may have come in the middle of one
        with contextlib.suppress(OSError):
            os.write(2, b"\nStopping at the end of this step; once more to stop at once.\n")

    def stop(self, time: float, unit: str) -> None:
        """Raise what a signal asked for, if one did.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after SIGTERM, with the status 143.
        """
        if self.asked is None:
            return
        said = (
            f"stopped at {time:g} {unit}; go on with Tissue.resume('{self.folder}') or `biomulti resume {self.folder}`"
        )
        if self.asked == signal.SIGINT:
            raise KeyboardInterrupt(said)
        print(said, file=sys.stderr)
        raise SystemExit(128 + self.asked)
