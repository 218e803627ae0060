"""What `trap()` costs: the same programs outside it, outside after it was used, and inside.

Each runs in a process of its own, so that one never knows a trap before it is timed.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import chain, moons
from benchmarks.alone import seconds_alone
from benchmarks.steps import EAGER
from benchmarks.timing import OURS, Workload, scaled
from glassgrad import trap as trapping

OUTSIDE, AFTER, INSIDE = "outside trap()", "outside, after a trap", "inside trap()"
PLACES = (OUTSIDE, AFTER, INSIDE)
TITLES = {
    "moons": "trap: a training step on two moons",
    "chain": "trap: 20 chains of 100 alternating × and +, forward and backward",
}


def trap(quick: bool, slow: bool) -> list[Workload]:
    """The training step and the chain in all three places."""
    counts = (1, 2) if quick else (9, 5)
    return [
        Workload(f"trap {workload}", title, "ms", in_all_places(workload, *counts), OUTSIDE)
        for workload, title in TITLES.items()
    ]


def in_all_places(workload: str, rounds: int, runs: int) -> dict[str, float]:
    """Milliseconds of one run, by place."""
    names = [f"{workload}: {place}" for place in PLACES]
    times = seconds_alone("trap.program", names, rounds, runs)
    return scaled({place: times[name] for place, name in zip(PLACES, names)}, 1e3)


def program(name: str) -> Callable[[], object]:
    """A workload in a place, ready to run; its name says which."""
    workload, place = name.split(": ")
    run = moons.program(EAGER) if workload == "moons" else chain.program(OURS)
    if place == OUTSIDE:
        return run
    inside = trapped(run)
    if place == INSIDE:
        return inside
    inside()
    return run


def trapped(program: Callable[[], object]) -> Callable[[], None]:
    """The same inside `trap()`."""

    def run() -> None:
        with trapping():
            program()

    return run
