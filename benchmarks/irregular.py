"""Random graphs, in which there are no layers to find: how `compiled` does at its worst.

Each operation takes two earlier nodes by chance, from all of them or from the last 16 (a chain as
deep as it is long). A size is measured in a process of its own.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.alone import alone
from benchmarks.steps import COMPILED, EAGER, compiled_step, eager_step
from benchmarks.timing import Workload, seconds
from glassgrad import Value, engine

KINDS = {"all earlier": None, "the last 16": 16}
"""Where operands are chosen, and how many nodes that are."""
SIZES = (10_000, 100_000, 1_000_000)
LEAVES = 100
FIRST, MEMORY = "recording and grouping", "memory"
LIMIT = 900.0
"""So many seconds a size may take."""

Choice = tuple[int, int, int]


def irregular(quick: bool, slow: bool) -> list[Workload]:
    """Both kinds in growing sizes."""
    found = []
    for kind in KINDS:
        for size in SIZES[:1] if quick else SIZES:
            found += of_size(kind, size)
    return found


def of_size(kind: str, size: int) -> list[Workload]:
    """One size in its own process: times by node, and memory by node."""
    name, title = f"irregular {kind} {size}", f"irregular: {size:,} nodes, operands among {kind}"
    try:
        found = alone("irregular.measured", kind, size, limit=LIMIT)
    except TimeoutExpired:
        return [failed(name, title, f"took more than {LIMIT:.0f} s")]
    except RuntimeError as error:
        return [failed(name, title, str(error).splitlines()[-1])]
    memory = {MEMORY: found.pop(MEMORY)}
    return [
        Workload(name, f"{title}, time by node", "µs", found, COMPILED),
        Workload(f"{name} memory", f"{title}, memory while compiling", "bytes", memory, None),
    ]


def failed(name: str, title: str, reason: str) -> Workload:
    """A size that could not be measured."""
    return Workload(name, title, "µs", {}, None, {COMPILED: reason})


def choices(kind: str, size: int) -> list[Choice]:
    """Which operation takes which nodes; each makes two nodes."""
    generator, reach = random.Random(size), KINDS[kind]
    found = []
    for count in range(LEAVES, LEAVES + size // 2):
        first = 0 if reach is None else count - reach
        operands = generator.randrange(first, count), generator.randrange(first, count)
        found.append((generator.randrange(3), *operands))
    return found


def graph(leaves: Sequence[Any], chosen: Sequence[Choice]) -> Any:
    """The sum of all nodes that no other one uses. All numbers stay between -1 and 1."""
    nodes, used = list(leaves), set()
    for operation, i, j in chosen:
        a, b = nodes[i], nodes[j]
        used |= {i, j}
        if operation == 0:
            nodes.append((a + b) * 0.5)
        elif operation == 1:
            nodes.append((a * b).cos())
        else:
            nodes.append((a - b).tanh())
    return engine.sum([node for i, node in enumerate(nodes) if i not in used])


def measured(kind: str, size: int) -> dict[str, float]:
    """Microseconds and bytes by node."""
    chosen = choices(kind, size)
    generator = random.Random(0)
    leaves = [Value(generator.uniform(-1.0, 1.0)) for _ in range(LEAVES)]
    before = peak_bytes()
    step = compiled_step(lambda _: graph(leaves, chosen), leaves, np.zeros(1))
    start = perf_counter()
    step()
    first = perf_counter() - start
    memory = peak_bytes() - before
    rounds = max(1, min(9, 1_000_000 // size))
    times = seconds({COMPILED: step}, rounds)
    loss, gradient = step.read(step())
    gc.collect()
    gc.freeze()  # what is compiled shall not slow down the collector in the eager run
    eager = eager_step(partial(graph, leaves, chosen), leaves)
    expected, slopes = eager.read(eager())
    scale = max(1.0, abs(expected), float(np.abs(slopes).max()))
    if not max(abs(loss - expected), float(np.abs(gradient - slopes).max())) <= 1e-9 * scale:
        raise AssertionError(f"irregular: compiled and eager differ on {size} nodes.")
    times |= seconds({EAGER: eager}, rounds)
    times[FIRST] = first - times[COMPILED]
    return {name: 1e6 * time / size for name, time in times.items()} | {MEMORY: memory / size}


def peak_bytes() -> int:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts the memory of the process that started this one otherwise
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    import resource  # Windows has none

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
