"""A chain of 1,000,000 nodes is built, differentiated and freed, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from time import perf_counter

from benchmarks.chain import build
from benchmarks.timing import Workload
from glassgrad import Value

NODES = 1_000_000


def million(quick: bool, slow: bool) -> list[Workload]:
    """The times of the three, and the memory at the peak."""
    nodes = NODES // 10 if quick else NODES
    report = subprocess.run(
        [sys.executable, "-m", "benchmarks.million", str(nodes)],
        cwd=Path(__file__).parent.parent,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    times, peak = json.loads(report.stdout)
    title = f"deep: a chain of {nodes:,} nodes"
    return [
        Workload("million", f"{title}, time", "s", times, ours="build"),
        Workload("million memory", f"{title}, memory at the peak", "MB", {"peak": peak}, None),
    ]


def times(nodes: int) -> dict[str, float]:
    """Seconds to build, differentiate and free a chain."""
    start = perf_counter()
    root = build(Value(0.5), Value(0.5), nodes)
    built = perf_counter()
    root.backward()
    differentiated = perf_counter()
    del root
    freed = perf_counter()
    return {
        "build": built - start,
        "backward": differentiated - built,
        "free": freed - differentiated,
    }


def peak_megabytes(nodes: int) -> float:
    """The most memory held while a chain is built and differentiated, counted by `tracemalloc`.

    It is a run of its own, since counting takes time.
    """
    tracemalloc.start()
    build(Value(0.5), Value(0.5), nodes).backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


if __name__ == "__main__":
    count = int(sys.argv[1])
    print(json.dumps([times(count), peak_megabytes(count)]))
