"""The operators as people type them in a lecture, whole numbers included, and a whole expression.

An expression stands ten times in a line that is repeated; a result is dropped at once. The
collector is off, so what is timed is the making of a node.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from statistics import median
from timeit import Timer
from typing import Any

from benchmarks.alone import in_turns
from benchmarks.classes import MINIMAL, class_of, here
from benchmarks.timing import OURS, Grid, Workload, frozen, scaled

OPERATORS = (
    *("x + y", "x - y", "x * y", "x / y", "-x"),
    *("x + 1", "1 + x", "x - 1", "1 - x", "x * 3", "3 * x", "x / 2", "2 / x", "x**2", "x**-1"),
    *("x + 0.5", "0.5 - x", "x * 0.5", "0.5 * x", "x / 0.5", "x**0.5"),
    *("x.relu()", "x.tanh()", "x.exp()", "x.log()"),
)
NUMBERS = ("x.data", "x.grad", "x.data = 0.5", "x.grad = 0.0")
"""What a training loop by hand does with each parameter; the other classes have slots."""
WHOLE = "whole(Value)"
IN_A_LINE = 10
Figures = Mapping[str, Mapping[str, float]]
WORST, MIDDLE = "ours ÷ the minimal class, the worst", "ours ÷ the minimal class, the median"
TITLE = "lecture: {}, collector off"


def lecture(quick: bool, slow: bool) -> list[Workload]:
    """Nanoseconds of each operator, and of reading numbers; microseconds of an expression."""
    names, skipped = here()
    counts = (1, 20, 3) if quick else (7, 40, 15)
    times = in_turns("lecture.nanoseconds", names, *counts)
    whole = {name: each[WHOLE] / 1e3 for name, each in times.items()}
    title = TITLE.format("an expression of 24 operations, forward and backward")
    return [
        table("lecture", "an operator", OPERATORS, times, skipped),
        table("numbers", "reading and writing a number", NUMBERS, times, skipped),
        Workload("lecture whole", title, "µs", whole, skipped=skipped),
    ]


def table(
    name: str, title: str, rows: tuple[str, ...], times: Figures, skipped: dict[str, str]
) -> Grid:
    """Some rows of what was measured, and how ours compare with the minimal class."""
    series = {name: {row: each[row] for row in rows if row in each} for name, each in times.items()}
    ratios = {row: series[OURS][row] / series[MINIMAL][row] for row in rows}
    worst = max(ratios, key=ratios.__getitem__)
    figures = {WORST: ratios[worst], MIDDLE: median(ratios.values())}
    return Grid(
        name, TITLE.format(title), "×", figures, None, skipped, [f"The worst is {worst}."],
        label="written", measure="ns", pair=(OURS, MINIMAL), series=series,
    )  # fmt: skip


def nanoseconds(name: str, number: int, repeats: int) -> dict[str, float]:
    """The median time of each line that a class knows."""
    value = class_of(name)
    names = {"Value": value, "whole": whole, "x": value(2.5), "y": value(-1.5)}
    timers = {}
    for line in (*OPERATORS, *NUMBERS, WHOLE):
        try:
            exec(line, dict(names))
        except AttributeError:  # micrograd has only some
            continue
        timers[line] = Timer("; ".join([line] * IN_A_LINE), globals=dict(names))
    times: dict[str, list[float]] = {line: [] for line in timers}
    with frozen():
        for _ in range(repeats):
            for line, timer in timers.items():
                gc.collect()
                times[line].append(timer.timeit(number))  # which switches the collector off
    return scaled({line: median(each) for line, each in times.items()}, 1e9 / number / IN_A_LINE)


def whole(value: Any) -> tuple[float, float, float]:
    """An expression like those of the lecture, with its value and its two gradients."""
    a, b = value(-4.0), value(2.0)
    c = a * b + b**3
    c += c + 1
    d = 2 * c - (b - a).relu()
    e = (1 - d) * (d / 2)
    f = (e + 10) / (c * c + 1)
    g = f**2 + (-f).relu() * 0.5 + 3 / (d - 1)
    g.backward()
    return g.data, a.grad, b.grad
