"""The command: `python -m benchmarks [--quick] [--json FILE] [--only NAME ...]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.chain import chain
from benchmarks.memory import memory
from benchmarks.million import million
from benchmarks.moons import moons
from benchmarks.pictures import pictures
from benchmarks.timing import Workload
from benchmarks.trap import trap

GROUPS = {
    "moons": moons,
    "chain": chain,
    "trap": trap,
    "memory": memory,
    "million": million,
    "pictures": pictures,
}
PACKAGES = ("glassgrad", "numpy", "micrograd", "torch")


def main() -> None:
    """Measure, print a table as the figures come, and save them if asked to."""
    options = parsed()
    here = machine()
    print(", ".join(f"{name} {value}" for name, value in here.items()))
    workloads = []
    for name in options.only or GROUPS:
        for workload in GROUPS[name](options.quick):
            print("\n" + table(workload), flush=True)
            workloads.append(workload)
    if options.json:
        options.json.write_text(json.dumps(as_data(here, workloads), indent=2) + "\n")


def parsed() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions, a smaller graph")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures too")
    parser.add_argument("--only", nargs="+", choices=GROUPS, help="some of the workloads")
    return parser.parse_args()


def machine() -> dict[str, str]:
    """What the figures depend on: Python, processors, versions of the packages."""
    found = {
        "Python": platform.python_version(),
        "on": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count()),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def table(workload: Workload) -> str:
    """A workload as lines: the figures, and each one's ratio to ours."""
    ratios = workload.ratios()
    lines = [workload.title]
    for name, figure in workload.figures.items():
        ratio = f"{ratios[name]:10.3g} × {workload.ours}" if name in ratios else ""
        lines.append(f"  {name:<22}{figure:>10.4g} {workload.unit:<6}{ratio}".rstrip())
    lines += [f"  {name:<22} not installed, skipped" for name in workload.skipped]
    return "\n".join(lines)


def as_data(here: dict[str, str], workloads: list[Workload]) -> dict[str, object]:
    """Everything measured, for a file."""
    return {
        "machine": here,
        "workloads": [
            {
                "title": w.title,
                "unit": w.unit,
                "figures": w.figures,
                "ratios": w.ratios(),
                "skipped": w.skipped,
            }
            for w in workloads
        ],
    }


if __name__ == "__main__":
    main()
