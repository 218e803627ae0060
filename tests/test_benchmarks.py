"""The benchmarks measure what they say: programs agree, tables are formed. No time is asserted."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent))  # the benchmarks are not installed

from benchmarks import (
    classes,
    gpt,
    growth,
    irregular,
    lecture,
    moons,
    readme,
    recording,
    reductions,
    report,
    saved,
    sequences,
    steps,
    training,
)
from benchmarks.alone import alone, in_turns
from benchmarks.goals import GOALS, MISSED, REACHED, outcomes
from benchmarks.growth import Sweep
from benchmarks.timing import OURS, Grid, Workload
from glassgrad import Value, dot

SHORT = gpt.tokens_of("ab")
PROGRAMS = {
    "moons": (moons.program, moons.NEEDS, steps.EAGER),
    "training": (training.program, training.NEEDS, OURS),
    "transformer": (
        partial(sequences.gpt_program, tokens=SHORT),
        {**steps.NEEDS, sequences.OWN: None},
        steps.EAGER,
    ),
    "rnn": (partial(sequences.rnn_program, tokens=SHORT), steps.NEEDS, steps.EAGER),
}


def cases() -> Iterator[Any]:
    """Each task with each program of it that needs no peer, and with the one that takes long.

    The other programs of peers are compared, at the size at which they are measured, by the
    benchmarks themselves: `python -m benchmarks --quick` stops at a difference.
    """
    for task, (_, needs, first) in PROGRAMS.items():
        for name, module in needs.items():
            if name == moons.MACHINE:
                yield pytest.param(task, name, marks=pytest.mark.needs(module))
            elif module is None and name != first:
                yield task, name


@pytest.fixture(scope="module")
def expected() -> dict[str, steps.Step]:
    return {task: program(first) for task, (program, _, first) in PROGRAMS.items()}


@pytest.mark.parametrize(("task", "name"), list(cases()))
def test_programs_of_a_task_agree(task: str, name: str, expected: dict[str, steps.Step]) -> None:
    program, _, first = PROGRAMS[task]
    if task == "training":  # a step moves the parameters, so the first one is made anew
        expected = {task: program(first)}
    steps.check_same(task, {first: expected[task], name: program(name)})


def test_programs_that_differ_are_found() -> None:
    one = steps.Step(lambda: (1.0, np.array([1.0, 2.0])))
    for other in ((1.0 + 1e-6, np.array([1.0, 2.0])), (1.0, [np.array([1.0, 2.1])])):
        with pytest.raises(AssertionError, match="b and a differ"):
            steps.check_same("task", {"a": one, "b": steps.Step(lambda other=other: other)})
    with pytest.raises(AssertionError, match="has 1 gradients"):
        steps.check_same("task", {"a": one, "b": steps.Step(lambda: (1.0, np.array([1.0])))})


def numbers_of(line: str, name: str) -> tuple[float, ...]:
    """The value of an expression and the gradients of its two leaves, in a class."""
    value = classes.class_of(name)
    x, y = value(2.5), value(-1.5)
    result = eval(line, {"x": x, "y": y})
    result.backward()
    return result.data, x.grad, y.grad


@pytest.mark.parametrize("line", lecture.OPERATORS)
def test_the_minimal_class_computes_what_ours_does(line: str) -> None:
    expected = numbers_of(line, OURS)
    assert numbers_of(line, classes.MINIMAL) == pytest.approx(expected, rel=1e-15)


@pytest.mark.needs("micrograd")
def test_all_classes_agree_on_the_expression_of_the_lecture() -> None:
    ours, *others = (lecture.whole(classes.class_of(name)) for name in classes.NEEDS)
    for other in others:
        assert other == pytest.approx(ours, rel=1e-14)


def test_every_line_of_the_lecture_is_measured() -> None:
    found = in_turns("lecture.nanoseconds", [classes.MINIMAL], 1, 1, 1)[classes.MINIMAL]
    assert list(found) == [*lecture.OPERATORS, *lecture.NUMBERS, lecture.WHOLE]
    assert all(time > 0.0 for time in found.values())


def test_the_worst_operator_is_named() -> None:
    rows = ("x * 3", "-x", "x + y")
    ours, minimal = dict(zip(rows, (6.0, 8.0, 3.0))), dict(zip(rows, (2.0, 2.0, 3.0)))
    found = lecture.table("lecture", "", rows, {OURS: ours, classes.MINIMAL: minimal}, {})
    assert found.figures == {lecture.WORST: 4.0, lecture.MIDDLE: 3.0}
    assert found.notes == ["The worst is -x."]


@pytest.mark.parametrize("name", reductions.NAMES)
def test_reductions_are_differentiated(name: str) -> None:
    reductions.program(name, 5)()


def test_a_failure_in_a_process_of_its_own_is_reported() -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'no kind'"):
        alone("irregular.measured", "no kind", 10)


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
    assert verdicts["compiled moons: ours ÷ numpy by hand"] == REACHED
    assert list(verdicts.values()).count("not measured") == len(GOALS) - 1
    assert MISSED not in report.goal_table(found)
    here = report.machine()
    page = report.page(here, [workload], found, "sweeps.png")
    assert "| numpy by hand | 0.2 | 2 |" in page
    assert "](sweeps.png)" in page


def test_a_grid_has_a_column_for_each_program_and_one_for_their_ratio() -> None:
    series = {OURS: {"x * 3": 600.0, "-x": 300.0}, "other": {"x * 3": 200.0}}
    with_gap = Grid("lecture", "lecture", "×", {}, None, label="written", series=series)
    assert report.table(with_gap).splitlines() == [
        "lecture",
        "  written  glassgrad, ms  other, ms",
        "    x * 3            600        200",
        "       -x            300          –",
    ]
    series["other"]["-x"] = 100.0
    compared = Grid("a", "a", "", {}, None, label="", pair=(OURS, "other"), series=series)
    assert [row[-1] for row in report.cells(compared)] == ["glassgrad ÷ other", "3", "3"]


def test_what_is_saved_is_read_back() -> None:
    series = {steps.COMPILED: {1: 1.0, 10: 10.0}}
    measured = [
        Workload("a", "a: title", "ms", {"x": 1.0}, "x", {"y": "why"}, ["note"]),
        Grid("b", "b", "ns", {}, None, label="l", pair=("p", "q"), series={"p": {"-x": 1.0}}),
        Sweep("c", "c", "", {}, None, label="batch", series=series, power=2),
    ]
    data = json.loads(json.dumps(saved.as_data({"Python": "3"}, measured)))
    machine, workloads = saved.as_run(data)
    assert machine == {"Python": "3"}
    data_again = json.loads(json.dumps(saved.as_data(machine, workloads)))
    assert data_again == data
    assert isinstance(workloads[2], Sweep)
    assert workloads[2].series == series


@pytest.mark.parametrize("file", [saved.PAGE, saved.README])
def test_page_and_readme_say_what_was_measured(file: str) -> None:
    text = (saved.ROOT / file).read_text("utf-8")
    assert saved.texts()[file] == text, "python -m benchmarks --write writes it anew"


def test_figures_have_one_place_in_the_readme() -> None:
    workloads = [Workload("memory", "", "bytes", {OURS: 200.0, classes.MICROGRAD: 700.0})]
    machine = dict.fromkeys(("Python", *report.PACKAGES), "1.0+cpu")
    before = f"Before.\n{readme.BEGIN} old {readme.END} after."
    after = readme.with_figures(before, machine, workloads)
    assert after.startswith("Before.\n<!--")
    assert after.endswith("--> after.")
    assert "| 200 bytes | | 700 bytes (3.5 ×) | |" in after
    assert "micrograd 1.0 |" in after
    assert "old" not in after
    for broken in ("", before + before):
        with pytest.raises(ValueError, match="places for figures"):
            readme.with_figures(broken, machine, workloads)


@pytest.mark.needs("matplotlib")
def test_a_run_is_saved_with_its_picture_and_its_pages(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / saved.README).write_text(f"{readme.BEGIN}\n{readme.END}\n", "utf-8")
    series = {name: {1: 1.0, 10: 10.0} for name in (steps.COMPILED, steps.HAND, steps.EAGER)}
    labels = ("batch", "width", "depth", "parameters")
    sweeps = [Sweep(label, label, "", {}, None, label=label, series=series) for label in labels]
    # Sweeps of other programs stand in the tables alone.
    operands = Sweep("r", "r", "", {}, None, label="operands", series={"sum": {1: 1.0}})
    saved.save(dict.fromkeys(("Python", *report.PACKAGES), "1.0"), [*sweeps, operands], tmp_path)
    assert (tmp_path / saved.PICTURE).stat().st_size > 1000
    for file, text in saved.texts(tmp_path).items():
        assert (tmp_path / file).read_text("utf-8") == text
    assert "| operands | sum, ms |" in (tmp_path / saved.PAGE).read_text("utf-8")
    assert "Python 1.0:" in (tmp_path / saved.README).read_text("utf-8")
