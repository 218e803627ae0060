"""What a run measured, kept in docs/benchmarks.json, and the pages that are written from it.

The page, the picture and the README's figures say what the JSON says: nothing is typed by hand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.goals import outcomes
from benchmarks.growth import Sweep
from benchmarks.plot import plot
from benchmarks.readme import with_figures
from benchmarks.report import page
from benchmarks.timing import Grid, Workload

ROOT = Path(__file__).parent.parent
DATA, PAGE, PICTURE = "docs/benchmarks.json", "docs/benchmarks.md", "docs/benchmarks.png"
README = "README.md"
KINDS = {kind.__name__: kind for kind in (Workload, Grid, Sweep)}

Run = tuple[dict[str, str], list[Workload]]
"""The machine, and what was measured on it."""


def as_data(machine: dict[str, str], workloads: Sequence[Workload]) -> dict[str, Any]:
    """Everything measured, as JSON can hold it."""
    return {
        "machine": machine,
        "workloads": [
            {"kind": type(w).__name__, **asdict(w), "ratios": w.ratios()} for w in workloads
        ],
        "goals": [
            {"goal": o.goal.text, "aim": o.aim, "figure": o.figure, "verdict": o.verdict}
            for o in outcomes(workloads)
        ],
    }


def as_run(data: dict[str, Any]) -> Run:
    """What `as_data` was made from."""
    return data["machine"], [_workload(dict(fields)) for fields in data["workloads"]]


def _workload(fields: dict[str, Any]) -> Workload:
    kind = KINDS[fields.pop("kind")]
    del fields["ratios"]
    if kind is Sweep:
        fields["series"] = {
            name: {int(size): time for size, time in times.items()}
            for name, times in fields["series"].items()
        }
    return kind(**fields)


def texts(root: Path = ROOT) -> dict[str, str]:
    """What the saved figures make of the page and of the README, by file."""
    machine, workloads = as_run(json.loads((root / DATA).read_text("utf-8")))
    readme = (root / README).read_text("utf-8")
    return {
        PAGE: page(machine, workloads, outcomes(workloads), Path(PICTURE).name),
        README: with_figures(readme, machine, workloads),
    }


def save(machine: dict[str, str], workloads: Sequence[Workload], root: Path = ROOT) -> None:
    """Keep what was measured, and write the picture and all texts anew."""
    data = json.dumps(as_data(machine, workloads), indent=2, ensure_ascii=False)
    (root / DATA).write_text(data + "\n", "utf-8")
    plot([each for each in workloads if isinstance(each, Sweep)], root / PICTURE)
    write(root)


def write(root: Path = ROOT) -> None:
    """Write the texts anew from the figures that were saved."""
    for file, text in texts(root).items():
        (root / file).write_text(text, "utf-8")
