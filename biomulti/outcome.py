"""How the advance of a row ended. Kernels write these codes; messages are made from them."""

import numpy as np

FINISHED = 0
UNFINISHED = 1  # the budget of steps is used up; call again to go on
NEGATIVE_PROPENSITY = 2
NOT_FINITE = 3
NEGATIVE_AMOUNT = 4
STEP_TOO_SMALL = 5
EVENT = 6  # events have to be settled; call again after that
NO_ROOM = 7  # too little room for waiting events or for the past; make more and call again
FRACTION = 8
BAD_DELAY = 9
ENDLESS_EVENTS = 10
NO_SOLUTION = 11
SWITCH = 12  # nothing flows any more: go on by an exact method
NOT_BEGUN = 13  # what was to advance the row has ended without doing so

GOING_ON = (FINISHED, UNFINISHED, EVENT, NO_ROOM, SWITCH)
FAILED = np.array([code not in GOING_ON for code in range(NOT_BEGUN + 1)])  # by code
