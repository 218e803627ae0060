"""What `import glassgrad` costs beside `import numpy`: whole processes, which take turns."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter

from benchmarks.timing import Workload, scaled

LINES = {
    "python alone": "pass",
    "numpy": "import numpy",
    "glassgrad": "import glassgrad",
    "glassgrad, compiled": "from glassgrad import compiled",
    "glassgrad, nn, viz": "from glassgrad import nn, viz",
}
TITLE = "imports: a process that imports and ends"


def imports(quick: bool, slow: bool) -> list[Workload]:
    """Milliseconds of each, numpy's as the measure."""
    times: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(3 if quick else 15):
        for name, line in LINES.items():
            start = perf_counter()
            subprocess.run([sys.executable, "-c", line], check=True)
            times[name].append(perf_counter() - start)
    medians = {name: median(each) for name, each in times.items()}
    return [Workload("imports", TITLE, "ms", scaled(medians, 1e3), "numpy")]
