"""A chain of 1,000,000 nodes is built, differentiated and freed, in a process of its own."""

from __future__ import annotations

import tracemalloc
from time import perf_counter

from benchmarks.alone import alone
from benchmarks.chain import build
from benchmarks.timing import Workload
from glassgrad import Value

NODES = 1_000_000
BUILD, SWEEP, FREE = "build", "backward", "free"


def million(quick: bool, slow: bool) -> list[Workload]:
    """The times of the three, and the memory at the peak."""
    nodes = NODES // 10 if quick else NODES
    times, peak = alone("million.times", nodes), alone("million.peak_megabytes", nodes)
    title = f"deep: a chain of {nodes:,} nodes"
    return [
        Workload("million", f"{title}, time", "s", times, ours=BUILD),
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
        BUILD: built - start,
        SWEEP: differentiated - built,
        FREE: freed - differentiated,
    }


def peak_megabytes(nodes: int) -> float:
    """The most memory held while a chain is built and differentiated, counted by `tracemalloc`."""
    tracemalloc.start()
    build(Value(0.5), Value(0.5), nodes).backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6
