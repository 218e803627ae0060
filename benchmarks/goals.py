"""What was aimed at, as ratios of figures of one run, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.classes import MICROGRAD
from benchmarks.digits import TORCH as DIGITS_TORCH
from benchmarks.frames import CHANGE, STEP
from benchmarks.frames import LIMIT as FRAME
from benchmarks.growth import ALL, UPPER
from benchmarks.imports import NUMPY
from benchmarks.irregular import FIRST, KINDS, MEMORY
from benchmarks.lecture import WORST
from benchmarks.pictures import LIMITS
from benchmarks.reductions import NAMES as REDUCTIONS
from benchmarks.sequences import OWN
from benchmarks.steps import COMPILED, EAGER, HAND, JAX, TORCH
from benchmarks.timing import OURS, Workload
from benchmarks.training import LOOP, TORCH_FOREACH, TORCH_LOOP

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
    """One program's figure divided by another's, in a workload."""
    return lambda figures: figures[name][other] / figures[name][ours]


def training(ours: str) -> Callable[[Figures], float]:
    """PyTorch's better way divided by one of ours."""
    return lambda figures: (
        min(figures["training"][name] for name in (TORCH_LOOP, TORCH_FOREACH))
        / figures["training"][ours]
    )


def memory_growth(figures: Figures) -> float:
    """Bytes a node of the largest irregular graph ÷ those of the smallest, the worse kind."""
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


def slowest(figures: Figures, act: str) -> float:
    """The frame that takes longest of all that were measured, by what is done in it."""
    return max(
        found[OURS]
        for name, found in figures.items()
        if name.startswith("frame: ") and name.endswith(act)
    )


GOALS = (
    Goal("eager, the worst operator: ours ÷ a minimal class", 1.7, False,
         lambda f: f["lecture"][WORST]),
    Goal("plain-Python transformer: its own class ÷ ours", 1, True,
         ratio("own class", OWN, EAGER)),
    Goal("the same, collector off", 1, True, ratio("own class, collector off", OWN, EAGER)),
    Goal("eager moons: micrograd ÷ ours", 20, True, ratio("moons", MICROGRAD, EAGER)),
    Goal("eager moons, collector off: micrograd ÷ ours", 3, True,
         ratio("collector", MICROGRAD, EAGER)),
    Goal("bytes of an eager node", 210, False, lambda f: round(f["memory"][OURS])),
    Goal("reductions: steepest exponent", 1.1, False,
         lambda f: max(f["reductions"][f"{ALL}, {name}"] for name in REDUCTIONS)),
    Goal("compiled moons: ours ÷ numpy by hand", 1, False, ratio("moons", COMPILED, HAND)),
    Goal("compiled moons: ours ÷ JAX jit (level)", 1, False, ratio("moons", COMPILED, JAX)),
    Goal("compiled moons: PyTorch ÷ ours", 5, True, ratio("moons", TORCH, COMPILED)),
    Goal("a step as people write it: PyTorch ÷ ours", 2, True, training(LOOP)),
    Goal("a step with SGD: PyTorch ÷ ours", 3, True, training(OURS)),
    Goal("transformer: ours ÷ numpy by hand", 1.5, False, ratio("transformer", COMPILED, HAND)),
    Goal("RNN: ours ÷ numpy by hand", 1.5, False, ratio("rnn", COMPILED, HAND)),
    Goal("recording and grouping, µs a scalar", 5, False, lambda f: max(f["recording"].values())),
    Goal("... of irregular graphs of 1,000,000", 5, False,
         lambda f: max(f[name][FIRST] for name in IRREGULAR)),
    Goal("memory a node: of 1,000,000 ÷ of 10,000", 1.2, False, memory_growth),
    Goal("digits with fit: ours ÷ the PyTorch loop", 1, False,
         ratio("digits", OURS, DIGITS_TORCH)),
    Goal("growth: steepest exponent", 1.1, False, exponent),
    Goal("imports: glassgrad ÷ numpy", 1.25, False, ratio("imports", OURS, NUMPY)),
    Goal("the first picture of a neuron, ms", LIMITS["neuron"], False, lambda f: f["neuron"][OURS]),
    Goal("its page, ms", LIMITS["stepper"], False, lambda f: f["stepper"][OURS]),
    Goal("a frame of the live page, a number changed, the worst, ms", FRAME, False,
         lambda f: slowest(f, CHANGE)),
    Goal("the same, a step shown", FRAME, False, lambda f: slowest(f, STEP)),
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
