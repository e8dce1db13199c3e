"""What was felt of a signal, for delays and for looking ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
KEPT = 2  # moments, so that a line can be drawn through them,
AHEAD = 3.0  # and how many times their distance it is followed beyond the last


@dataclass
class History:
    """Moments [m], rising, and the signal of every cell at each, [m, n]."""

    time: Floats
    value: Floats

    @classmethod
    def begun(cls, cells: int) -> History:
        return cls(np.empty(0), np.empty((0, cells)))

    def add(self, time: float, value: Floats, lag: float) -> None:
        """One more moment; those no longer needed for a delay of `lag` are dropped.

        What is asked for from now on is later than the moment before this one, less the delay, as the networks' second
        half of a step comes after its end has been felt.
        """
        since = float(self.time[-1]) if len(self.time) else time
        first = max(0, int(np.searchsorted(self.time, since - lag, side="right")) - 1)
        first = min(first, max(0, len(self.time) + 1 - KEPT))
        self.time = np.append(self.time[first:], time)
        self.value = np.concatenate([self.value[first:], value[None]])

    def at(self, time: float, *, ahead: bool, lowest: float) -> Floats:
        """The signal at a time, [n]: linear between moments, what it was first before them.

        ahead: after the last moment, whether it goes on along the line through the last two, not below `lowest`, or
        stays.
        """
        last = len(self.time) - 1
        if last == 0 or time <= self.time[0]:
            return np.asarray(self.value[0]).copy()
        if time >= self.time[-1]:
            if not ahead:
                return np.asarray(self.value[-1]).copy()
            k = last - 1
        else:
            k = int(np.searchsorted(self.time, time, side="right")) - 1
        # a line through two moments close to each other says little of what is far away
        part = min((time - self.time[k]) / (self.time[k + 1] - self.time[k]), 1.0 + AHEAD)
        return np.asarray(np.maximum(self.value[k] + part * (self.value[k + 1] - self.value[k]), lowest))

    def taken(self, index: Integers) -> History:
        """Of the cells numbered `index`, in that order."""
        return History(self.time, self.value[:, index])
