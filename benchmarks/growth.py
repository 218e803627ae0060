"""`Sweep`: times by size, and the exponent they grow with.

The exponent is the slope of time against size, both as logarithms: 1 is linear growth. Small
sizes take less than their share, since calling numpy has a cost of its own, so the upper decade
counts by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.steps import COMPILED, EAGER, HAND, Step, check_same
from benchmarks.timing import Grid, seconds

Place = tuple[str, int]
ALL, UPPER = "exponent", "exponent of the upper decade"


@dataclass
class Sweep(Grid):
    """Milliseconds by size; the figures are the exponents.

    Attributes:
        power: the number of parameters or samples grows with this power of the size.
    """

    power: int = 1


def swept(
    title: str,
    label: str,
    cases: Mapping[int, Any],
    programs_of: Callable[[Any], dict[str, Step]],
    *,
    quick: bool,
    power: int = 1,
) -> Sweep:
    """Measure every size; all of them take turns.

    Args:
        title: what is done.
        label: what grows.
        cases: by size.
        programs_of: makes the programs of a case; they are compared, then timed.
        quick: few repetitions.
        power: see `Sweep`.
    """
    programs, eager = dict[Place, Step](), dict[Place, Step]()
    for size, case in cases.items():
        found = programs_of(case)
        check_same(f"{title}, {size}", found)
        for name, program in found.items():
            (eager if name == EAGER else programs)[name, size] = program
    times = seconds(programs, 3 if quick else 21) | seconds(eager, 1 if quick else 3)
    series = {
        name: {size: 1e3 * times[name, size] for size in cases if (name, size) in times}
        for name in (COMPILED, HAND, EAGER)
    }
    figures = {
        f"{text}, {name}": slope / power
        for name, times in series.items()
        for text, slope in exponents(times).items()
    }
    return Sweep(title, title, "", figures, None, label=label, power=power, series=series)


def exponents(times: Mapping[int, float]) -> dict[str, float]:
    """The exponent over all sizes, and over the upper decade."""
    found = {ALL: times, UPPER: {x: t for x, t in times.items() if 11 * x >= max(times)}}
    if len(found[UPPER]) < 3 or len(found[UPPER]) == len(times):
        del found[UPPER]
    return {text: exponent(part) for text, part in found.items() if len(part) > 1}


def exponent(times: Mapping[int, float]) -> float:
    """The slope of time against size, both as logarithms."""
    slope, _ = np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)
    return float(slope)
