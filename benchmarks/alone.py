"""Programs as installed: each in a process of its own, the garbage collector as Python has it.

In one process the objects of one library (PyTorch imports hundreds of thousands) slow down the
collector for the others. The processes take turns, so noise hits all alike.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from time import perf_counter


def seconds_alone(
    workload: str, names: Iterable[str], rounds: int, runs: int = 5
) -> dict[str, float]:
    """The median time of one run of each program, over processes that take turns.

    Args:
        workload: the module of `benchmarks` whose `program(name)` makes a program.
        names: the programs.
        rounds: how many processes each gets.
        runs: how often each process runs the program, after a warm-up if there are several.
    """
    times: dict[str, list[float]] = {name: [] for name in names}
    place = Path(__file__).parent.parent
    for _ in range(rounds):
        for name, each in times.items():
            command = [sys.executable, "-m", "benchmarks.alone", workload, name, str(runs)]
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
            each.append(float(done.stdout))
    return {name: median(each) for name, each in times.items()}


def main() -> None:
    """Print the median time of a program in this process."""
    workload, name, runs = sys.argv[1:]
    program = importlib.import_module(f"benchmarks.{workload}").program(name)
    if int(runs) > 1:
        program()
    times = []
    for _ in range(int(runs)):
        start = perf_counter()
        program()
        times.append(perf_counter() - start)
    print(median(times))


if __name__ == "__main__":
    main()
