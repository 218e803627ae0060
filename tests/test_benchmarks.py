"""The benchmarks measure what they say: programs agree, tables are formed. No time is asserted."""

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent))  # the benchmarks are not installed

from benchmarks import gpt, growth, irregular, moons, recording, report, sequences, steps, training
from benchmarks.goals import GOALS, MISSED, REACHED, outcomes
from benchmarks.timing import OURS, Workload
from glassgrad import Value, dot

SHORT = gpt.tokens_of("ab")
PROGRAMS = {
    "moons": (moons.program, moons.NEEDS, steps.EAGER),
    "training": (training.program, training.NEEDS, OURS),
    "transformer": (partial(sequences.gpt_program, tokens=SHORT), steps.NEEDS, steps.EAGER),
    "rnn": (partial(sequences.rnn_program, tokens=SHORT), steps.NEEDS, steps.EAGER),
}
NOT_WRITTEN = {("transformer", steps.HIPS), ("rnn", steps.HIPS), ("moons", moons.IN_C)}


def cases() -> Iterator[Any]:
    """Each task with each program that it is compared with."""
    for task, (_, needs, first) in PROGRAMS.items():
        for name, module in needs.items():
            if name != first and (task, name) not in NOT_WRITTEN:
                marks = pytest.mark.needs(module.split(".")[0]) if module else ()
                yield pytest.param(task, name, marks=marks)


@pytest.fixture(scope="module")
def expected() -> dict[str, steps.Step]:
    return {task: program(first) for task, (program, _, first) in PROGRAMS.items()}


def in_double(module: str | None) -> AbstractContextManager[None]:
    """JAX in double precision; the command sets that for a whole process."""
    return import_module("jax").enable_x64(True) if module == "jax" else nullcontext()


@pytest.mark.parametrize(("task", "name"), list(cases()))
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_programs_of_a_task_agree(task: str, name: str, expected: dict[str, steps.Step]) -> None:
    program, needs, first = PROGRAMS[task]
    module = needs[name]
    if task == "training":  # a step moves the parameters, so the first one is made anew
        expected = {task: program(first)}
    with in_double(module):
        steps.check_same(task, {first: expected[task], name: program(name)})


def test_programs_that_differ_are_found() -> None:
    one = steps.Step(lambda: (1.0, np.array([1.0, 2.0])))
    for other in ((1.0 + 1e-6, np.array([1.0, 2.0])), (1.0, [np.array([1.0, 2.1])])):
        with pytest.raises(AssertionError, match="b and a differ"):
            steps.check_same("task", {"a": one, "b": steps.Step(lambda other=other: other)})
    with pytest.raises(AssertionError, match="has 1 gradients"):
        steps.check_same("task", {"a": one, "b": steps.Step(lambda: (1.0, np.array([1.0])))})


def test_the_transformer_has_as_many_parameters_as_it_says() -> None:
    weights = gpt.parameters(gpt.shapes())
    assert len(sequences.flat_list(weights)) == 4192
    assert len(sequences.document(40)) == 41


@pytest.mark.parametrize("kind", irregular.KINDS)
def test_random_graphs_agree(kind: str) -> None:
    found = irregular.measured(kind, 400)  # it compares before it returns
    assert all(np.isfinite(figure) for figure in found.values())


def test_scalar_operations_are_counted() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    assert recording.scalar_operations(a * b + c) == 2
    assert recording.scalar_operations(dot([a, b, c], [c, b, a])) == 5


def test_an_exponent_is_the_slope_of_logarithms() -> None:
    times = {n: 0.5 * n**1.5 for n in (1, 3, 10, 30, 100)}
    assert growth.exponents(times) == pytest.approx({growth.ALL: 1.5, growth.UPPER: 1.5})
    assert growth.exponents({1: 1.0}) == {}


def test_tables_and_pages_are_formed(tmp_path: Path) -> None:
    figures = {steps.COMPILED: 0.1, steps.HAND: 0.2, "zero": 1234.5}
    workload = Workload("moons", "moons: a title", "ms", figures, steps.COMPILED, {"casadi": "why"})
    assert report.table(workload).splitlines() == [
        "moons: a title",
        "  glassgrad, compiled         0.1 ms",
        "  numpy by hand               0.2 ms             2 × glassgrad, compiled",
        "  zero                      1,234 ms      1.23e+04 × glassgrad, compiled",
        "  casadi               skipped: why",
    ]
    found = outcomes([workload])
    verdicts = {outcome.goal.text: outcome.verdict for outcome in found}
    assert verdicts["compiled moons: ours by numpy by hand"] == REACHED
    assert list(verdicts.values()).count("not measured") == len(GOALS) - 1
    assert MISSED not in report.goal_table(found)
    here = report.machine()
    page = report.page(here, [workload], found, None)
    assert "| numpy by hand | 0.2 | 2 |" in page
    data = json.loads(json.dumps(report.as_data(here, [workload], found)))
    assert data["workloads"][0]["figures"] == figures


@pytest.mark.needs("matplotlib")
def test_the_sweeps_are_drawn(tmp_path: Path) -> None:
    from benchmarks.plot import plot

    series = {name: {1: 1.0, 10: 10.0} for name in (steps.COMPILED, steps.HAND, steps.EAGER)}
    each = [
        growth.Sweep(label, label, "ms", {}, None, label=label, series=series)
        for label in ("batch", "width", "depth", "parameters")
    ]
    plot(each, tmp_path / "sweeps.png")
    assert (tmp_path / "sweeps.png").stat().st_size > 1000
