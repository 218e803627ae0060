"""The README's figures, between two marks: a table beside peers, and sentences.

What was not measured is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks import chain, steps, trap
from benchmarks.classes import MICROGRAD, MINIMAL
from benchmarks.goals import REACHED, Figures, outcomes, training
from benchmarks.million import BUILD, FREE, SWEEP
from benchmarks.sequences import OWN
from benchmarks.steps import COMPILED, EAGER, HAND
from benchmarks.timing import OURS, Workload

BEGIN = "<!-- figures: written from docs/benchmarks.json by python -m benchmarks --write -->"
END = "<!-- end of figures -->"
HEAD = "Medians of one run on a shared machine, Python {Python}:"


class Row(NamedTuple):
    """A line of the table: a workload, and which of its programs stands in which column."""

    title: str
    workload: str
    ours: str
    peers: Mapping[str, tuple[str, str]]


LEARNT, PLAIN, TORCH = "micrograd {micrograd}", "a minimal class", "PyTorch {torch}"
MATRICES = "as matrices"
COLUMNS = (PLAIN, LEARNT, TORCH)
TABLE = (
    Row("two moons: MLP 2-16-16-1, 100 samples, loss and all 337 gradients", "moons", EAGER,
        {LEARNT: (MICROGRAD, ""), TORCH: (steps.TORCH, MATRICES)}),
    Row("the same with the garbage collector off for both", "collector", EAGER,
        {LEARNT: (MICROGRAD, "")}),
    Row("a transformer in plain Python, a training step", "own class", EAGER, {PLAIN: (OWN, "")}),
    Row("one operation in a chain of 100, forward and backward", "chain", OURS,
        {PLAIN: (MINIMAL, ""), LEARNT: (MICROGRAD, ""), TORCH: (chain.TORCH, "as scalars")}),
    Row("an expression as in the lecture, forward and backward", "lecture whole", OURS,
        {PLAIN: (MINIMAL, ""), LEARNT: (MICROGRAD, "")}),
    Row("memory of a node as built", "memory", OURS,
        {PLAIN: (MINIMAL, ""), LEARNT: (MICROGRAD, "")}),
)  # fmt: skip


def short(figure: float) -> str:
    """Two digits, or all of a whole number."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.2g}"


def with_figures(readme: str, machine: Mapping[str, str], workloads: Sequence[Workload]) -> str:
    """The README with these figures.

    Raises:
        ValueError: the marks are not there, or not once.
    """
    block = "\n\n".join([BEGIN, *paragraphs(machine, workloads), END])
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    found, count = re.subn(pattern, lambda _: block, readme, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"The README has {count} places for figures, from {BEGIN} to {END}.")
    return found


def paragraphs(machine: Mapping[str, str], workloads: Sequence[Workload]) -> Iterator[str]:
    """What stands between the marks."""
    by_name = {workload.name: workload for workload in workloads}
    figures = {name: workload.figures for name, workload in by_name.items()}
    versions = {name: version.split("+")[0] for name, version in machine.items()}
    head = " | ".join(["| workload", "glassgrad", *COLUMNS]) + " |\n" + "| --- " * 5 + "|"
    rows = [line(row, by_name[row.workload]) for row in TABLE if row.workload in by_name]
    yield HEAD.format(**versions)
    yield "\n".join([head.format(**versions), *rows])
    for part in (the_rest, when_compiled):
        if sentences := list(measured(part, figures)):
            yield " ".join(sentences)
    found = [outcome for outcome in outcomes(workloads) if outcome.figure is not None]
    reached = sum(outcome.verdict == REACHED for outcome in found)
    yield (
        f"Of {len(found)} goals that were measured {reached} are reached; they and all figures: "
        "[docs/benchmarks.md](docs/benchmarks.md)."
    )


def line(row: Row, workload: Workload) -> str:
    """A row of the table."""
    cells = [row.title, f"{short(workload.figures[row.ours])} {workload.unit}"]
    for column in COLUMNS:
        name, remark = row.peers.get(column, ("", ""))
        cells.append(cell(workload, name, row.ours, remark) if name in workload.figures else "")
    return f"| {' | '.join(cells)} |".replace("  ", " ")


def cell(workload: Workload, name: str, ours: str, remark: str) -> str:
    """A peer's figure, and how many times ours that is, if it is of the same kind."""
    figure = workload.figures[name]
    ratio = figure / workload.figures[ours]
    text = f"{short(figure)} {workload.unit}" + f", {remark}" * bool(remark)
    return text + f" ({short(ratio)} ×)" * (remark != MATRICES)


Part = Callable[[Figures], Iterator[Callable[[], str]]]


def measured(part: Part, figures: Figures) -> Iterator[str]:
    """The sentences of which all figures were measured."""
    for sentence in part(figures):
        try:
            yield sentence()
        except KeyError:
            continue


def the_rest(f: Figures) -> Iterator[Callable[[], str]]:
    """Other things that people wait for."""

    def million() -> str:
        build, sweep, free = (short(f["million"][name]) for name in (BUILD, SWEEP, FREE))
        return (
            f"A chain of 1,000,000 nodes is built in {build} s, differentiated in {sweep} s and "
            f"freed in {free} s."
        )

    def inside() -> str:
        times = (f[f"trap {name}"] for name in trap.TITLES)
        ratios = sorted(f"{each[trap.INSIDE] / each[trap.OUTSIDE]:.1f}" for each in times)
        times_as_long = " to ".join(dict.fromkeys(ratios))
        return f"Inside `with trap():` a program takes {times_as_long} times as long."

    def pictures() -> str:
        neuron, page = (short(f[name][OURS]) for name in ("neuron", "stepper"))
        return f"A neuron is drawn in {neuron} ms and its page is made in {page} ms."

    yield from (million, inside, pictures)


def when_compiled(f: Figures) -> Iterator[Callable[[], str]]:
    """What `compiled` brings."""

    def moons() -> str:
        ours, torch, hand = (short(f["moons"][n]) for n in (COMPILED, steps.TORCH, HAND))
        return (
            f"`compiled` closes the gap: on two moons its loss and gradients take {ours} ms where "
            f"PyTorch's matrices take {torch} ms and numpy written by hand {hand} ms."
        )

    def step() -> str:
        return (
            f"A whole training step through Values and `SGD` has {training(OURS)(f):.1f} times the "
            "speed of PyTorch's."
        )

    def transformer() -> str:
        scalars, arrays = f["scalars"]["transformer"], f["found"]["transformer"]
        return (
            f"A small transformer of {scalars:,.0f} scalar operations becomes {arrays:.0f} array "
            "operations."
        )

    yield from (moons, step, transformer)
