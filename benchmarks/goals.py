"""What was aimed at, as ratios of figures of one run, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.growth import UPPER
from benchmarks.irregular import FIRST, KINDS, MEMORY
from benchmarks.moons import MICROGRAD
from benchmarks.pictures import LIMITS
from benchmarks.steps import COMPILED, EAGER, HAND, JAX, TORCH
from benchmarks.timing import OURS, Workload
from benchmarks.training import TORCH_FOREACH, TORCH_LOOP

Figures = Mapping[str, Mapping[str, float]]
REACHED, MISSED = "reached", "not reached"
SWEPT = ("batch", "width", "depth", "parameters")
IRREGULAR = [f"irregular {kind} 1000000" for kind in KINDS]


class Goal(NamedTuple):
    """A figure and its limit.

    Attributes:
        text: what is compared.
        limit: what the figure may be at most, or has to be at least.
        at_least: which of the two.
        figure: found among all figures; a KeyError says that something was not measured.
    """

    text: str
    limit: float
    at_least: bool
    figure: Callable[[Figures], float]


@dataclass
class Outcome:
    """A goal with what was measured; None if something for it was not."""

    goal: Goal
    figure: float | None

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.figure is None:
            return "not measured"
        limit = self.goal.limit
        good = self.figure >= limit if self.goal.at_least else self.figure <= limit
        return REACHED if good else MISSED

    @property
    def aim(self) -> str:
        """The limit as people write it."""
        return f"{'≥' if self.goal.at_least else '≤'} {self.goal.limit:,g}"


def ratio(name: str, other: str, ours: str) -> Callable[[Figures], float]:
    """One program's figure by another's, in a workload."""
    return lambda figures: figures[name][other] / figures[name][ours]


def training(figures: Figures) -> float:
    """PyTorch's better way by ours."""
    times = figures["training"]
    return min(times[TORCH_LOOP], times[TORCH_FOREACH]) / times[OURS]


def memory_growth(figures: Figures) -> float:
    """Bytes by node of the largest irregular graph by those of the smallest, the worse kind."""
    found = [
        figures[f"irregular {kind} 1000000 memory"][MEMORY]
        / figures[f"irregular {kind} 10000 memory"][MEMORY]
        for kind in KINDS
    ]
    return max(found)


def exponent(figures: Figures) -> float:
    """The steepest of the sweeps, in the upper decade."""
    name = f"{UPPER}, {COMPILED}"
    return max(figures[f"growth with {label}"][name] for label in SWEPT)


GOALS = (
    Goal("eager moons: micrograd by ours", 10, True, ratio("moons", MICROGRAD, EAGER)),
    Goal("the same, collector off", 2, True, ratio("collector", MICROGRAD, EAGER)),
    Goal("bytes of an eager node", 180, False, lambda f: round(f["memory"][OURS])),
    Goal("compiled moons: ours by numpy by hand", 1.3, False, ratio("moons", COMPILED, HAND)),
    Goal("compiled moons: PyTorch by ours", 3, True, ratio("moons", TORCH, COMPILED)),
    Goal("compiled moons: ours by JAX jit (level)", 1, False, ratio("moons", COMPILED, JAX)),
    Goal("compiled moons: micrograd by ours", 5000, True, ratio("moons", MICROGRAD, COMPILED)),
    Goal("training through the API: PyTorch by ours", 2, True, training),
    Goal("transformer: eager by compiled", 100, True, ratio("transformer", EAGER, COMPILED)),
    Goal("transformer: ours by numpy by hand", 3, False, ratio("transformer", COMPILED, HAND)),
    Goal("transformer: array operations", 60, False, lambda f: f["found"]["transformer"]),
    Goal("recording and grouping, µs by scalar", 5, False, lambda f: max(f["recording"].values())),
    Goal("... of irregular graphs of 1,000,000", 5, False,
         lambda f: max(f[name][FIRST] for name in IRREGULAR)),
    Goal("memory by node, 1,000,000 by 10,000 nodes", 1.2, False, memory_growth),
    Goal("irregular 1,000,000: eager by replay", 1, True,
         lambda f: min(f[name][EAGER] / f[name][COMPILED] for name in IRREGULAR)),
    Goal("growth: steepest exponent", 1.1, False, exponent),
    Goal("imports: glassgrad by numpy", 1.3, False, ratio("imports", "glassgrad", "numpy")),
    Goal("a neuron drawn, ms", LIMITS["neuron"], False, lambda f: f["neuron"][OURS]),
    Goal("stepper built, ms", LIMITS["stepper"], False, lambda f: f["stepper"][OURS]),
)  # fmt: skip


def outcomes(workloads: Sequence[Workload]) -> list[Outcome]:
    """Every goal with its figure."""
    figures = {workload.name: workload.figures for workload in workloads}
    return [Outcome(goal, _figure(goal, figures)) for goal in GOALS]


def _figure(goal: Goal, figures: Figures) -> float | None:
    try:
        return goal.figure(figures)
    except (KeyError, ValueError):
        return None
