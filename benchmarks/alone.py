"""Functions of the benchmarks called in a process of their own, the garbage collector as it is.

In one process the objects of one library (PyTorch imports hundreds of thousands) slow down the
collector for the others. The processes take turns, so noise hits all alike.
"""

from __future__ import annotations

import gc
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

Figures = dict[str, float]


def alone(function: str, *arguments: Any, limit: float | None = None) -> Any:
    """What a function returns when a new process calls it.

    Args:
        function: its module in `benchmarks` and its name, as in `"moons.program"`.
        arguments: as JSON can hold them, like what it returns.
        limit: so many seconds it may take.

    Raises:
        RuntimeError: it failed; the last line says how.
        subprocess.TimeoutExpired: it took longer.
    """
    command = [sys.executable, "-m", "benchmarks.alone", function, json.dumps(arguments)]
    place = Path(__file__).parent.parent
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=limit, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"{function} was ended")
    return json.loads(done.stdout.splitlines()[-1])


def in_turns(
    function: str, names: Iterable[str], rounds: int, *arguments: Any
) -> dict[str, Figures]:
    """The medians of the figures that a function returns for each program, from its name."""
    found: dict[str, list[Figures]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, each in found.items():
            each.append(alone(function, name, *arguments))
    return {
        name: {row: median(figures[row] for figures in each) for row in each[0]}
        for name, each in found.items()
    }


def seconds_alone(
    maker: str, names: Iterable[str], rounds: int, runs: int = 5, collector: bool = True
) -> Figures:
    """The median time of one run of each program, over processes that take turns.

    Args:
        maker: the function that makes a program from its name, as in `"moons.program"`.
        names: the programs.
        rounds: how many processes each gets.
        runs: how often each process runs the program, after a warm-up if there are several.
        collector: whether Python's cyclic garbage collector is on.
    """
    found = in_turns("alone.seconds_of", names, rounds, maker, runs, collector)
    return {name: figures["seconds"] for name, figures in found.items()}


def seconds_of(name: str, maker: str, runs: int, collector: bool) -> Figures:
    """The median time of a program in this process."""
    program = found_by(maker)(name)
    if runs > 1:
        program()
    times = []
    for _ in range(runs):
        if not collector:
            gc.collect()
            gc.disable()
        start = perf_counter()
        program()
        times.append(perf_counter() - start)
    return {"seconds": median(times)}


def found_by(function: str) -> Callable[..., Any]:
    """A function of the benchmarks by its module and its name."""
    module, name = function.split(".")
    found: Callable[..., Any] = getattr(importlib.import_module(f"benchmarks.{module}"), name)
    return found


if __name__ == "__main__":
    print(json.dumps(found_by(sys.argv[1])(*json.loads(sys.argv[2]))))
