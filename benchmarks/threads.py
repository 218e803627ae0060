"""One thread for everyone, set before numpy, JAX or PyTorch are imported.

The workloads are small, so a second thread would gain little, and on a shared machine it would
make the figures jump. `python -m benchmarks` says so above its tables.
"""

from __future__ import annotations

import os
import sys

SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
}
"""What the libraries read from the environment; the last two make JAX compute in double on CPU."""


def use_one_thread() -> None:
    """Set the environment for this process and those it starts.

    Where numpy is imported already, as in the tests, it is too late, and nothing is changed.
    """
    if "numpy" not in sys.modules:
        os.environ.update(SETTINGS)
