"""Medians of interleaved repetitions: every program runs once a round, so noise hits all alike."""

from __future__ import annotations

import gc
import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

Name = TypeVar("Name")
OURS = "glassgrad"
LEAST_SECONDS = 2e-3
"""A run on the clock takes at least so long; shorter programs are repeated within it."""


@dataclass
class Workload:
    """What was measured, in one unit, for us and for peers.

    Attributes:
        name: what goals call it.
        title: what the programs do.
        unit: of the figures; smaller is better.
        figures: by program; the one called `ours` is the one the others are compared with.
        ours: its name; None if the figures are not compared.
        skipped: what was not measured, with the reason.
        notes: sentences for below the table.
    """

    name: str
    title: str
    unit: str
    figures: dict[str, float]
    ours: str | None = OURS
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ratios(self) -> dict[str, float]:
        """Each other figure divided by ours: above 1, ours is better."""
        if self.ours not in self.figures:
            return {}
        ours = self.figures[self.ours]
        return {name: x / ours for name, x in self.figures.items() if name != self.ours}


@dataclass
class Grid(Workload):
    """Figures in two dimensions; those of the workload itself sum them up.

    Attributes:
        label: what the rows are.
        measure: the unit of the series.
        pair: two programs of which the first is divided by the second in a last column.
        series: by program, figures by row.
    """

    label: str = ""
    measure: str = "ms"
    pair: tuple[str, str] | None = None
    series: dict[str, dict[Any, float]] = field(default_factory=dict)

    @property
    def rows(self) -> list[Any]:
        """All rows; not every program has each."""
        return list(next(iter(self.series.values())))


def peer(module: str) -> Any:
    """The module of a peer, or None if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def absent(needs: Mapping[str, str | None]) -> dict[str, str]:
    """The programs whose module is not installed, with that as the reason.

    Args:
        needs: the module that each program needs, or None.
    """
    return {
        name: f"{module.split('.')[0]} is not installed"
        for name, module in needs.items()
        if module is not None and peer(module) is None
    }


def scaled(times: Mapping[Name, float], factor: float) -> dict[Name, float]:
    """Seconds in another unit: 1e3 for milliseconds."""
    return {name: factor * time for name, time in times.items()}


def seconds(programs: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, float]:
    """The median time of one run of each program.

    A program of microseconds is repeated until the clock can see it, after a run that warms the
    caches which the collection of garbage before it has left cold.

    Args:
        programs: what to run, by name; each runs before the clock starts.
        rounds: how often each is timed.
    """
    times: dict[Name, list[float]] = {name: [] for name in programs}
    with frozen():
        repeats = {name: _repeats(p, times[name]) for name, p in programs.items()}
        for round_ in range(1, rounds + 1):
            for name, program in programs.items():
                if len(times[name]) < round_:
                    times[name].append(_once(program, repeats[name]))
    return {name: median(each) for name, each in times.items()}


@contextmanager
def frozen() -> Iterator[None]:
    """What exists already is left alone by the garbage collector.

    Imported libraries (torch above all) leave hundreds of thousands of objects, which would make
    each collection slower than in a program that imports only one peer.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _repeats(program: Callable[[], object], times: list[float]) -> int:
    """How often a program has to run for the clock to see it.

    Being warm makes no difference to a long program, so the time of its trial counts.
    """
    for _ in range(2):
        time = _once(program, 1)
        if time > 50 * LEAST_SECONDS:
            times.append(time)
            return 1
    return max(1, math.ceil(LEAST_SECONDS / time))


def _once(program: Callable[[], object], repeats: int) -> float:
    gc.collect()
    if repeats > 1:
        program()
    start = perf_counter()
    for _ in range(repeats):
        result = program()
        del result  # releasing the graph is part of the work
    return (perf_counter() - start) / repeats
