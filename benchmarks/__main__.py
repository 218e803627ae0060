"""The command: `python -m benchmarks`.

`--quick` for a first look, `--only NAME ...` for some of it, `--slow` for all of it. `--save` keeps
a whole run in docs/benchmarks.json and writes docs/benchmarks.md, docs/benchmarks.png and the
README's figures from it; `--write` writes the two texts anew, without measuring.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence

from benchmarks import saved
from benchmarks.chain import chain
from benchmarks.digits import digits
from benchmarks.frames import frames
from benchmarks.goals import outcomes
from benchmarks.imports import imports
from benchmarks.irregular import irregular
from benchmarks.lecture import lecture
from benchmarks.memory import memory
from benchmarks.million import million
from benchmarks.moons import moons
from benchmarks.pictures import pictures
from benchmarks.recording import recording
from benchmarks.reductions import reductions
from benchmarks.report import goal_table, machine, table
from benchmarks.sequences import lengths, own_class, recurrent, transformer
from benchmarks.sweep import sweep
from benchmarks.timing import Workload, peer
from benchmarks.training import training
from benchmarks.trap import trap

GROUPS: dict[str, Callable[[bool, bool], Sequence[Workload]]] = {
    "lecture": lecture,
    "own": own_class,
    "chain": chain,
    "reductions": reductions,
    "moons": moons,
    "training": training,
    "digits": digits,
    "transformer": transformer,
    "rnn": recurrent,
    "lengths": lengths,
    "recording": recording,
    "irregular": irregular,
    "sweep": sweep,
    "trap": trap,
    "memory": memory,
    "million": million,
    "imports": imports,
    "pictures": pictures,
    "frames": frames,
}


def main() -> None:
    """Measure, print tables as the figures come, and save them if asked to."""
    options = parsed()
    if options.write:
        saved.write()
        return
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
    found = [outcome for outcome in outcomes(workloads) if outcome.figure is not None]
    if found:
        print("\n" + goal_table(found))
    if failures:
        sys.exit(f"Failed, and nothing saved: {', '.join(failures)}.")
    if options.save:
        saved.save(here, workloads)


def parsed() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions, small sizes")
    parser.add_argument("--slow", action="store_true", help="what takes minutes, too")
    parser.add_argument("--only", nargs="+", choices=GROUPS, help="some of the workloads")
    parser.add_argument("--save", action="store_true", help="keep the figures, write the pages")
    parser.add_argument("--write", action="store_true", help="write the texts from kept figures")
    options = parser.parse_args()
    if options.save and (options.quick or options.only):
        parser.error("--save keeps a whole run: leave out --quick and --only.")
    if options.save and peer("matplotlib") is None:
        parser.error("--save draws with matplotlib: pip install '.[plot]'.")
    return options


if __name__ == "__main__":
    main()
