"""The picture of the sweeps: time of a step against size, a panel for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.growth import Sweep
from benchmarks.steps import COMPILED, EAGER, HAND

COLUMNS = 3
LABELS = {
    "batch": "samples in a batch",
    "width": "units in a layer (here slope 2)",
    "depth": "hidden layers",
    "parameters": "parameters",
    "length": "positions of the transformer",
}
STYLES = {
    EAGER: {"color": "#b45309", "marker": "^"},
    COMPILED: {"color": "#1d4ed8", "marker": "o"},
    HAND: {"color": "#4b5563", "marker": "s"},
}
LINEAR = "slope of linear growth"


def plot(sweeps: Sequence[Sweep], file: Path) -> None:
    """Save the sweeps of steps as a picture, one panel each, both axes logarithmic."""
    from matplotlib.figure import Figure

    sweeps = [one for one in sweeps if COMPILED in one.series]
    rows = math.ceil((len(sweeps) + 1) / COLUMNS)
    figure = Figure(figsize=(3.3 * COLUMNS, 3.1 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).ravel()
    for panel, one in zip(panels, sweeps):
        draw(panel, one)
    for panel in panels[len(sweeps) :]:
        panel.axis("off")
    legend = panels[0].get_legend_handles_labels()
    panels[len(sweeps)].legend(*legend, loc="center", frameon=False)
    figure.supylabel("time of a step in milliseconds", fontsize=10)
    figure.savefig(file, dpi=120)


def draw(panel: Any, one: Sweep) -> None:
    """One sweep, with a line of linear growth beside it."""
    for name, style in STYLES.items():
        if times := one.series[name]:
            panel.plot(list(times), list(times.values()), label=name, markersize=5, **style)
    times = one.series[COMPILED]
    last, height = max(times), 2.0 * times[max(times)]
    line = [height * (size / last) ** one.power for size in times]
    panel.plot(list(times), line, ":", color="black", linewidth=1, label=LINEAR)
    panel.set(xscale="log", yscale="log", xlabel=LABELS[one.label])
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter("{x:,g}")
        axis.set_minor_formatter("")
    panel.set_xticks(one.rows, [f"{size:,}" for size in one.rows])
    panel.tick_params(labelleft=True)
    panel.set_title(one.title, fontsize=10)
    panel.grid(True, which="major", color="#e5e7eb", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
