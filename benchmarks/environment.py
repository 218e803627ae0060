"""The same surroundings for everyone, set before numpy, JAX or PyTorch are imported.

The workloads are small, so a second thread would gain little, and on a shared machine it would
make the figures jump. numpy chooses its kernels for the processor by itself, and what is imported
by many processes is compiled once.
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
REMOVED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


def prepare() -> None:
    """Set the environment for this process and those it starts.

    Where numpy is imported already, as in the tests, it is too late, and nothing is changed.
    """
    if "numpy" in sys.modules:
        return
    os.environ.update(SETTINGS)
    for name in REMOVED:
        os.environ.pop(name, None)
