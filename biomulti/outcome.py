"""How the advance of a row ended. Kernels write these codes; messages are made from them."""

FINISHED = 0
UNFINISHED = 1  # the budget of steps is used up; call again to go on
NEGATIVE_PROPENSITY = 2
NOT_FINITE = 3
NEGATIVE_AMOUNT = 4
STEP_TOO_SMALL = 5
