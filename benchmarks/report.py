"""What was measured as tables in a terminal, as JSON, and as a page."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.goals import Outcome
from benchmarks.growth import Sweep
from benchmarks.timing import Workload

PACKAGES = ("glassgrad", "numpy", "micrograd", "casadi", "autograd", "torch", "jax")
PAGE = """# Benchmarks

Written by `python -m benchmarks --page docs/benchmarks.md`; {machine}.
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
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def grid(one: Sweep) -> list[list[str]]:
    """The times of a sweep: a row for each size, a column for each program."""
    head = [one.label, *(f"{name}, ms" for name in one.series)]
    return [head] + [
        [f"{size:,}", *(written(t[size]) if size in t else "–" for t in one.series.values())]
        for size in one.sizes
    ]


def table(workload: Workload) -> str:
    """A workload as lines: the figures, and each one's ratio to ours."""
    ratios = workload.ratios()
    width = max(map(len, [*workload.figures, *workload.skipped]), default=0)
    lines = [workload.title]
    if isinstance(workload, Sweep):
        lines += [
            f"  {row[0]:>10}" + "".join(f"{x:>26}" for x in row[1:]) for row in grid(workload)
        ]
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


def as_data(
    here: dict[str, str], workloads: Sequence[Workload], found: Sequence[Outcome]
) -> dict[str, Any]:
    """Everything measured, for a file."""
    return {
        "machine": here,
        "workloads": [
            {
                "name": w.name,
                "title": w.title,
                "unit": w.unit,
                "figures": w.figures,
                "ratios": w.ratios(),
                "compared with": w.ours,
                "skipped": w.skipped,
                "notes": w.notes,
                "series": w.series if isinstance(w, Sweep) else {},
            }
            for w in workloads
        ],
        "goals": [
            {"goal": o.goal.text, "aim": o.aim, "figure": o.figure, "verdict": o.verdict}
            for o in found
        ],
    }


def page(
    here: dict[str, str],
    workloads: Sequence[Workload],
    found: Sequence[Outcome],
    chart: Path | None,
) -> str:
    """Everything measured, as Markdown."""
    parts = [PAGE.format(machine=", ".join(f"{name} {value}" for name, value in here.items()))]
    parts.append("## Goals\n\n| ratio | aim | measured | |\n| --- | --- | --- | --- |\n")
    for o in found:
        figure = "" if o.figure is None else written(o.figure)
        parts.append(f"| {o.goal.text} | {o.aim} | {figure} | {o.verdict} |\n")
    parts.append("\n")
    if chart:
        parts.append(CHART.format(file=chart.name))
    parts += [section(workload) for workload in workloads]
    return "".join(parts).rstrip() + "\n"


def section(workload: Workload) -> str:
    """A workload as a Markdown table."""
    ratios = workload.ratios()
    unit = workload.unit or "number"
    head = f"| | {unit} |" + f" × {workload.ours} |" * bool(ratios)
    lines = [f"## {workload.title}", ""]
    if isinstance(workload, Sweep):
        first, *rest = (f"| {' | '.join(row)} |" for row in grid(workload))
        lines += [first, "| --- " * (1 + len(workload.series)) + "|", *rest, ""]
    lines += [head, "| --- " * (2 + bool(ratios)) + "|"]
    for name, figure in workload.figures.items():
        ratio = f" {written(ratios[name]) if name in ratios else ''} |" * bool(ratios)
        lines.append(f"| {name.strip()} | {written(figure)} |{ratio}")
    remarks = [f"{name}: skipped, {why}." for name, why in workload.skipped.items()]
    lines += ["", *remarks, *workload.notes]
    return "\n".join(lines).rstrip() + "\n\n"
