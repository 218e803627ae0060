"""What was measured as tables: in a terminal, and on a page."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import glassgrad
from benchmarks.goals import Outcome
from benchmarks.timing import Grid, Workload, peer

PACKAGES = ("numpy", "micrograd", "casadi", "autograd", "torch", "jax")
PAGE = """# Benchmarks

Written by `python -m benchmarks --save`; {machine}.
Every program has one thread. Figures are medians of repetitions that take turns; the machine is
shared and noisy, so what counts is the ratio to a peer in the same run. Before a clock starts, all
programs of a task are compared: equal losses and equal gradients, to 1e-9.

"""
CHART = "![Time of a step against batch, width, depth and parameters]({file})\n\n"


def machine() -> dict[str, str]:
    """What the figures depend on: Python, processors, versions of the packages."""
    found = {
        "Python": platform.python_version(),
        "processors": f"{os.cpu_count()}, of which one thread is used",
        "glassgrad": glassgrad.__version__,
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    found["kernels"] = kernels()
    return found


def kernels() -> str:
    """For which processor numpy computes its products of matrices."""
    threadpoolctl = peer("threadpoolctl")
    if threadpoolctl is None:
        return "unknown without threadpoolctl"
    found = (library.get("architecture") for library in threadpoolctl.threadpool_info())
    return ", ".join(sorted({str(each) for each in found if each})) or "unknown"


def cells(grid: Grid) -> list[list[str]]:
    """A grid as texts: a row for each size or line, a column for each program."""
    series = {f"{name}, {grid.measure}": figures for name, figures in grid.series.items()}
    if grid.pair:
        first, second = (grid.series[name] for name in grid.pair)
        ratios = {row: first[row] / second[row] for row in first}
        series[" ÷ ".join(grid.pair)] = ratios
    return [[grid.label, *series]] + [
        [
            f"{row:,}" if isinstance(row, int) else row,
            *(written(figures[row]) if row in figures else "–" for figures in series.values()),
        ]
        for row in grid.rows
    ]


def table(workload: Workload) -> str:
    """A workload as lines: the figures, and each one's ratio to ours."""
    ratios = workload.ratios()
    width = max(map(len, [*workload.figures, *workload.skipped]), default=0)
    lines = [workload.title]
    if isinstance(workload, Grid):
        columns = list(zip(*cells(workload)))
        widths = [max(map(len, column)) + 2 for column in columns]
        lines += ["".join(map(str.rjust, row, widths)) for row in zip(*columns)]
    for name, figure in workload.figures.items():
        ratio = f"{ratios[name]:10.3g} × {workload.ours}" if name in ratios else ""
        lines.append(f"  {name:<{width}}{written(figure):>12} {workload.unit:<6}{ratio}".rstrip())
    lines += [f"  {name:<{width}}  skipped: {why}" for name, why in workload.skipped.items()]
    return "\n".join(lines + [f"  {note}" for note in workload.notes])


def written(figure: float) -> str:
    """Three or four digits, without an exponent."""
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"


def goal_table(found: Sequence[Outcome]) -> str:
    """What was aimed at, and what came of it."""
    width = max(len(outcome.goal.text) for outcome in found)
    lines = ["goals"]
    for outcome in found:
        figure = "–" if outcome.figure is None else written(outcome.figure)
        lines.append(
            f"  {outcome.goal.text:<{width}}{outcome.aim:>9}{figure:>10}  {outcome.verdict}"
        )
    return "\n".join(lines)


def page(
    here: dict[str, str],
    workloads: Sequence[Workload],
    found: Sequence[Outcome],
    chart: str,
) -> str:
    """Everything measured, as Markdown."""
    parts = [PAGE.format(machine=", ".join(f"{name} {value}" for name, value in here.items()))]
    parts.append("## Goals\n\n| ratio | aim | measured | |\n| --- | --- | --- | --- |\n")
    for o in found:
        figure = "" if o.figure is None else written(o.figure)
        parts.append(f"| {o.goal.text} | {o.aim} | {figure} | {o.verdict} |\n")
    parts.append(f"\n{CHART.format(file=chart)}")
    parts += [section(workload) for workload in workloads]
    return "".join(parts).rstrip() + "\n"


def section(workload: Workload) -> str:
    """A workload as a Markdown table."""
    ratios = workload.ratios()
    unit = workload.unit or "number"
    head = f"| | {unit} |" + f" × {workload.ours} |" * bool(ratios)
    lines = [f"## {workload.title}", ""]
    if isinstance(workload, Grid):
        first, *rest = cells(workload)
        rows = [first, ["---"] * len(first), *rest]
        lines += [*(f"| {' | '.join(row)} |" for row in rows), ""]
    lines += [head, "| --- " * (2 + bool(ratios)) + "|"]
    for name, figure in workload.figures.items():
        ratio = f" {written(ratios[name]) if name in ratios else ''} |" * bool(ratios)
        lines.append(f"| {name.strip()} | {written(figure)} |{ratio}")
    remarks = [f"{name}: skipped, {why}." for name, why in workload.skipped.items()]
    lines += ["", *remarks, *workload.notes]
    return "\n".join(lines).rstrip() + "\n\n"
