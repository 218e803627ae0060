"""Where the time of `compiled` goes: `python -m benchmarks.stages` prints a table of each.

A step of a workload, part by part: what a call does around its program, and each line of the
program, the longest first. And what a first call costs, stage by stage, by scalar operation. All
are the least of many rounds, in the same process. Clocks between the parts take time too, so
the parts of a step are scaled to what it takes without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from time import perf_counter, thread_time
from typing import Any

import numpy as np

from benchmarks import irregular, moons
from benchmarks.sequences import gpt_program, rnn_program
from benchmarks.steps import COMPILED, HAND, Step
from glassgrad import Value, compiled
from glassgrad.engine.compile import (
    arguments,
    cache,
    passes,
    program,
    recording,
    trace,
    value_and_grad,
)
from glassgrad.engine.compile.kernels import NAMESPACE, ON_NUMPY

WORKLOADS: dict[str, Callable[[str], Step]] = {
    "moons": moons.program,
    "transformer": gpt_program,
    "RNN": rnn_program,
}
ROUNDS, FIRST_CALLS = 300, 3
LONGEST = 8
"""So many lines of a program are shown; the others are one row."""
IRREGULAR = 100_000
PARTS = {
    "reading the batch": (arguments.Batch, "of"),
    "finding the recording: guards": (cache.Case, "holds"),
    "reading the parameters": (recording.Places, "read"),
    "the gradient in their order": (recording.Places, "back"),
    "the program's frame: copies, errors, is all finite": (program.Program, "run"),
    "which samples it serves, is an audit due": (cache.Cache, "served"),
    "all else": (value_and_grad.Evaluation, "__call__"),
}
"""The parts of a call, each as what holds a function and its name."""
STAGES = {
    "the function itself, observed": (trace.Tracer, "run"),
    "the graph of what was observed": (trace.Tracer, "trace"),
    "what is around the function": (cache, "Guards"),
    **{f"pass {step.__name__}": (passes, step.__name__) for step in passes.PASSES},
    "layout": (program, "laid_out"),
    "array instructions": (program, "lowered"),
    "those of the gradient": (program, "gradients"),
    "memory and source text": (program.NumpySource, "with_memory"),
}


def main() -> None:
    """Print all tables."""
    for name, make in WORKLOADS.items():
        step = make(COMPILED)
        hand, whole = fastest(make(HAND).run, step.run)
        print(f"\n## {name}: a step of {whole:.0f} µs; numpy by hand takes {hand:.0f} µs\n")
        show(parts_of(step, whole), whole)
    for kind in irregular.KINDS:
        figures, whole = first_call(kind)
        print(f"\n## first call: {IRREGULAR:,} irregular nodes among {kind}, µs a node\n")
        show({**figures, "all else": whole - sum(figures.values())}, whole)


def show(figures: dict[str, float], whole: float) -> None:
    """A table of parts, and their shares of the whole."""
    print("| part | µs | share |\n| --- | --- | --- |")
    for name, time in figures.items():
        print(f"| {name} | {time:,.2f} | {time / whole:.0%} |")


def fastest(*runs: Callable[[], Any]) -> list[float]:
    """The least time of each in alternating rounds, in microseconds."""
    found = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for i, run in enumerate(runs):
            found[i] = min(found[i], timed(run))
    return found


def timed(run: Callable[[], Any]) -> float:
    began = perf_counter()
    run()
    return 1e6 * (perf_counter() - began)


def parts_of(step: Step, whole: float) -> dict[str, float]:
    """What each part of a call takes by itself, and each of the longest lines of its program."""
    made = program_of(step)
    (frame,) = next(iter(made.free.values()))
    parts = {**PARTS, "the program": (frame, "_fill")}
    least = dict.fromkeys(parts, float("inf"))
    for _ in range(ROUNDS):
        with clocks(parts, perf_counter) as spent:
            step.run()
        for name, time in spent.items():
            least[name] = min(least[name], 1e6 * time)
    scale = whole / sum(least.values())
    least = {name: scale * time for name, time in least.items()}
    lines = sorted(lines_of(step, made).items(), key=lambda line: -line[1])
    scale = least.pop("the program") / sum(time for _, time in lines)
    shown, others = lines[:LONGEST], lines[LONGEST:]
    rest = {f"{len(others)} other lines": sum(time for _, time in others)} if others else {}
    by_line = {**{f"`{text}`": time for text, time in shown}, **rest}
    return {**{name: scale * time for name, time in by_line.items()}, **least}


def program_of(step: Step) -> program.Program:
    (case,) = step.run.func._cache.cases()  # type: ignore[attr-defined]
    made: program.Program = case.recording.program(cache.INPUT, cache.CAPTURED)
    return made


def lines_of(step: Step, made: program.Program) -> dict[str, float]:
    """The least time of each line of a program, run with a clock behind every one."""
    evaluation, given = step.run.func, step.run.args  # type: ignore[attr-defined]
    samples, (case,) = arguments.Batch.of(given[1:]), evaluation._cache.cases()
    text, inside = [], 8 * " "
    for line in made.text.split("\n"):
        text.append(line)
        if line.startswith(inside) and " = " in line and not line.startswith(inside + " "):
            text.append(f"{inside}_at({len(text) - 1})")
    spent: dict[int, float] = {}
    at = [0.0]

    def clock(number: int) -> None:
        now = perf_counter()
        spent[number] = min(spent.get(number, 1.0), now - at[0])
        at[0] = perf_counter()

    names = {**NAMESPACE, **ON_NUMPY, **made.arrays, "_at": clock}
    exec(compile("\n".join(text), "<clocked>", "exec"), names)
    clocked = copy(made)
    clocked.make = names["program"]
    places = case.recording.places(made, evaluation._parameters)
    numbers = places.read(given[0], made)
    inputs = made.in_order(samples.rows)
    widths = [each.shape[1] for each in inputs]
    frame = program.Frame(clocked, samples.size, 1.0 / samples.size, widths)
    for _ in range(ROUNDS):
        at[0] = perf_counter()
        frame.run(inputs, numbers)
    return {text[number].split("#")[0].strip(): 1e6 * time for number, time in spent.items()}


def first_call(kind: str) -> tuple[dict[str, float], float]:
    """What the stages of a first call take, and all of it, by node."""
    chosen = irregular.choices(kind, IRREGULAR)
    numbers = np.random.default_rng(0).uniform(-1.0, 1.0, irregular.LEAVES)
    leaves = [Value(x) for x in numbers.tolist()]
    found: list[tuple[float, dict[str, float]]] = []
    for _ in range(FIRST_CALLS):
        step = compiled(partial(_graph, leaves, chosen)).value_and_grad(leaves)
        with clocks(STAGES, thread_time) as spent:
            began = thread_time()
            step(numbers, np.zeros(1))
            found.append((thread_time() - began, dict(spent)))
    whole, spent = min(found, key=lambda each: each[0])
    scale = 1e6 / IRREGULAR
    return {name: scale * time for name, time in spent.items()}, scale * whole


def _graph(leaves: list[Value], chosen: list[irregular.Choice], _: Value) -> Any:
    return irregular.graph(leaves, chosen)


@contextmanager
def clocks(
    parts: dict[str, tuple[Any, str]], clock: Callable[[], float]
) -> Iterator[dict[str, float]]:
    """During a `with` block the time of each function, without that of others inside it."""
    spent = dict.fromkeys(parts, 0.0)
    open_parts: list[str] = []
    at = [0.0]

    def switch() -> None:
        now = clock()
        if open_parts:
            spent[open_parts[-1]] += now - at[0]
        at[0] = clock()

    def clocked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            switch()
            open_parts.append(name)
            try:
                return function(*args, **named)
            finally:
                switch()
                open_parts.pop()

        run.__name__ = getattr(function, "__name__", name)
        return run

    originals = {name: vars(holder)[function] for name, (holder, function) in parts.items()}
    steps = passes.PASSES
    try:
        for name, (holder, function) in parts.items():
            original = originals[name]
            if isinstance(original, staticmethod):
                setattr(holder, function, staticmethod(clocked(name, original.__func__)))
            else:
                setattr(holder, function, clocked(name, original))
        passes.PASSES = tuple(getattr(passes, step.__name__) for step in steps)
        yield spent
    finally:
        passes.PASSES = steps
        for name, (holder, function) in parts.items():
            setattr(holder, function, originals[name])


if __name__ == "__main__":
    main()
