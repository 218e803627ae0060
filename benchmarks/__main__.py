"""The command: `python -m benchmarks`.

`--quick` for a first look, `--only NAME ...` for some of it, `--slow` for all of it; `--json FILE`,
`--plot FILE` and `--page FILE` save what was measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.chain import chain
from benchmarks.digits import digits
from benchmarks.goals import outcomes
from benchmarks.growth import Sweep
from benchmarks.imports import imports
from benchmarks.irregular import irregular
from benchmarks.memory import memory
from benchmarks.million import million
from benchmarks.moons import moons
from benchmarks.pictures import pictures
from benchmarks.plot import plot
from benchmarks.recording import recording
from benchmarks.report import as_data, goal_table, machine, page, table
from benchmarks.sequences import lengths, recurrent, transformer
from benchmarks.sweep import sweep
from benchmarks.timing import Workload
from benchmarks.training import training
from benchmarks.trap import trap

GROUPS: dict[str, Callable[[bool, bool], Sequence[Workload]]] = {
    "moons": moons,
    "training": training,
    "digits": digits,
    "transformer": transformer,
    "rnn": recurrent,
    "lengths": lengths,
    "recording": recording,
    "irregular": irregular,
    "sweep": sweep,
    "chain": chain,
    "trap": trap,
    "memory": memory,
    "million": million,
    "imports": imports,
    "pictures": pictures,
}


def main() -> None:
    """Measure, print tables as the figures come, and save them if asked to."""
    options = parsed()
    here = machine()
    print(", ".join(f"{name} {value}" for name, value in here.items()))
    workloads, failures = [], []
    for name in options.only or GROUPS:
        try:
            measured = GROUPS[name](options.quick, options.slow)
        except Exception:
            print(f"\n{name} failed:\n{traceback.format_exc()}", flush=True)
            failures.append(name)
            continue
        for workload in measured:
            print("\n" + table(workload), flush=True)
            workloads.append(workload)
    found = outcomes(workloads)
    if options.only:
        found = [outcome for outcome in found if outcome.figure is not None]
    if found:
        print("\n" + goal_table(found))
    if options.json:
        data = as_data(here, workloads, found)
        options.json.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    sweeps = [workload for workload in workloads if isinstance(workload, Sweep)]
    if options.plot and sweeps:
        plot(sweeps, options.plot)
    if options.page:
        options.page.write_text(page(here, workloads, found, options.plot if sweeps else None))
    if failures:
        sys.exit(f"Failed: {', '.join(failures)}.")


def parsed() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions, small sizes")
    parser.add_argument("--slow", action="store_true", help="what takes minutes, too")
    parser.add_argument("--only", nargs="+", choices=GROUPS, help="some of the workloads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="save the sweeps as a picture")
    parser.add_argument("--page", type=Path, metavar="FILE", help="save the tables as Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    main()
