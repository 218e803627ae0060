"""Medians of interleaved repetitions: every program runs once a round, so noise hits all alike."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

OURS = "glassgrad"


@dataclass
class Workload:
    """What was measured, in one unit, for us and for peers.

    Attributes:
        title: what the programs do.
        unit: of the figures; smaller is better.
        figures: by program; the one called `ours` is the one the others are compared with.
        ours: its name.
        skipped: the peers that are not installed.
    """

    title: str
    unit: str
    figures: dict[str, float]
    ours: str = OURS
    skipped: list[str] = field(default_factory=list)

    def ratios(self) -> dict[str, float]:
        """Each other figure divided by ours: above 1, ours is better."""
        ours = self.figures[self.ours]
        return {name: x / ours for name, x in self.figures.items() if name != self.ours}


def peer(module: str) -> Any:
    """The module of a peer, or None if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def seconds(
    programs: Mapping[str, Callable[[], object]], rounds: int, collector: bool = True
) -> dict[str, float]:
    """The median time of one run of each program.

    Args:
        programs: what to run, by name; each runs once before the clock starts.
        rounds: how often each runs.
        collector: whether Python's cyclic garbage collector is on during a run, as it is for
            whoever has not switched it off. Garbage of the run before is collected in any case.
    """
    times: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():
        program()
    # Imported libraries (torch above all) leave hundreds of thousands of objects, which would
    # make each collection slower than in a program that imports only one peer.
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            for name, program in programs.items():
                times[name].append(_once(program, collector))
    finally:
        gc.unfreeze()
    return {name: median(each) for name, each in times.items()}


def _once(program: Callable[[], object], collector: bool) -> float:
    gc.collect()
    if not collector:
        gc.disable()
    try:
        start = perf_counter()
        result = program()
        del result  # releasing the graph is part of the work
        return perf_counter() - start
    finally:
        gc.enable()
