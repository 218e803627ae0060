"""What `trap()` costs: the same programs outside it, outside after it was used, and inside.

Each runs in a process of its own, so that one never knows a trap before it is timed.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import chain, moons
from benchmarks.alone import seconds_alone
from benchmarks.timing import OURS, Workload
from engine import trap as trapping

OUTSIDE, AFTER, INSIDE = "outside trap()", "outside, after a trap", "inside trap()"
PLACES = (OUTSIDE, AFTER, INSIDE)
TITLES = {
    "moons": "trap: a training step on two moons",
    "chain": "trap: 20 chains of 100 alternating × and +, forward and backward",
}


def trap(quick: bool) -> list[Workload]:
    """The training step and the chain in all three places."""
    return [
        Workload(title, "ms", in_all_places(workload, 3 if quick else 9), ours=OUTSIDE)
        for workload, title in TITLES.items()
    ]


def in_all_places(workload: str, rounds: int) -> dict[str, float]:
    """Milliseconds of one run, by place."""
    names = [f"{workload}: {place}" for place in PLACES]
    times = seconds_alone("trap", names, rounds)
    return {place: 1e3 * times[name] for place, name in zip(PLACES, names)}


def program(name: str) -> Callable[[], object]:
    """A workload in a place, ready to run; its name says which."""
    workload, place = name.split(": ")
    run: Callable[[], object] = {"moons": moons, "chain": chain}[workload].program(OURS)
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
