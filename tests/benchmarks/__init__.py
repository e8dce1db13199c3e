"""Speed beside other programs and beside the machine's own limits, as ratios within one run: `make bench`.

Everything but the first-call costs runs on one thread and is timed in processor seconds, which other work on the
machine disturbs least. Jobs that are compared take turns, after one warm-up each, and medians are compared.
"""

import os

# read when numba and numpy start, which the modules of this package bring about
for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = os.environ.get("BENCH_THREADS", "1")
