"""What `import glassgrad` costs beside `import numpy`, each in a fresh process; they take turns."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from benchmarks.timing import OURS, Workload, scaled

NUMPY = "numpy"
LINES = {
    NUMPY: "import numpy",
    OURS: "import glassgrad",
    "glassgrad, compiled": "from glassgrad import compiled",
    "glassgrad, nn, viz": "from glassgrad import nn, viz",
}
TIMED = "from time import perf_counter as now; start = now(); {}; print(now() - start)"
TITLE = "imports: a statement in a process that has imported nothing"


def imports(quick: bool, slow: bool) -> list[Workload]:
    """Milliseconds of each, numpy's as the measure."""
    times: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(1 + (2 if quick else 15)):  # the first time, files are read and compiled
        for name, line in LINES.items():
            command = [sys.executable, "-c", TIMED.format(line)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            times[name].append(float(done.stdout))
    medians = {name: median(each[1:]) for name, each in times.items()}
    return [Workload("imports", TITLE, "ms", scaled(medians, 1e3), NUMPY)]
