"""`Compiled.map`: the numbers of many samples, and of functions that return lists."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow
from programs import by_engine, random_program
from replaying import near

from glassgrad import MLP, Value, compiled, engine, no_grad, softmax, trap
from glassgrad.engine.errors import CompilationError, NonFiniteError

w, u = Value(2.0), Value(3.0)
XS = [-1.5, -0.5, 0.25, 2.0]


def numbers(result: Any) -> Any:
    """An eager result as numbers."""
    if isinstance(result, np.ndarray):
        result = result.tolist()
    if isinstance(result, (list, tuple)):
        return [numbers(part) for part in result]
    return result.data if isinstance(result, Value) else float(result)


def eagerly(function: Callable[..., Any], *batch: Any) -> Any:
    """What `map` should give, sample by sample, with Values for all numbers."""
    samples = zip(*[np.asarray(each).tolist() for each in batch])
    return np.array([numbers(function(*map(in_values, sample))) for sample in samples])


def in_values(thing: Any) -> Any:
    if isinstance(thing, list):
        return [in_values(part) for part in thing]
    return Value(thing) if isinstance(thing, float) else thing


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is np.ndarray
    assert found.dtype == float
    assert found.shape == expected.shape
    assert found.flags.writeable
    assert found.base is None or found.base.flags.owndata
    assert all(map(near, expected.ravel(), found.ravel())), (found, expected)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "a Value": lambda x: w * x,
    "a number": lambda x: 3,
    "a Fraction of numbers": lambda x: [True, 2.5, np.float32(0.5)],
    "a list": lambda x: [w * x, x.tanh(), u + x * x],
    "one element": lambda x: [w * x],
    "a tuple": lambda x: (w * x, u),
    "lists in lists": lambda x: [[w * x, u], [x, 1.0], (x * x, w)],
    "an array": lambda x: np.array([[x, w * x]]),
    "an array of one number": lambda x: np.array(w * x),
    "constants among others": lambda x: [1.0, w * x, 2.0, 2.0, x, w, w, 1.0],
    "constants alone": lambda x: [1.0, 2.0, 1.0],
    "one constant": lambda x: [0.5, 0.5, 0.5],
    "inputs": lambda x: [x, x],
    "captured": lambda x: [u, w, u],
    "one captured, many times": lambda x: [w, w, w],
    "without samples": lambda x: [w * u, w + u, 1.0],
    "one without samples, many times": lambda x: [w * u] * 4,
    "one twice": lambda x: [y := w * x, y, x * w],
    "one many times": lambda x: [w * x] * 5,
    "a comparison": lambda x: [w * x, u] if x > 0 else [x * x, 1.0],
    "four ways": lambda x: [w] if x > 1 else [x] if x > 0 else [1.0] if x > -1 else [x * u],
    "shares": lambda x: softmax([x, w, 1.0]),
    "hard places": lambda x: [x.log(), 1.0 / (x - x), (x * 1e300) ** 3],
    "detached": lambda x: [(w * x).detach(), x.detach()],
    "minus zero": lambda x: [-0.0, 0.0, x * 0.0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_numbers_are_those_of_the_eager_engine(name: str) -> None:
    function = FUNCTIONS[name]
    predict, expected = compiled(function), eagerly(function, XS)
    for _ in range(2):
        assert_same(predict.map(XS), expected)
    assert_same(predict.map(XS[::-1]), expected[::-1])
    assert_same(predict.map(XS[:1]), expected[:1])
    if name not in ("a comparison", "four ways"):
        assert len(predict.recordings) == 1


def test_signs_of_zeros_are_kept() -> None:
    found = compiled(FUNCTIONS["minus zero"]).map([1.0])
    assert [math.copysign(1.0, x) for x in found[0]] == [-1.0, 1.0, 1.0]


@pytest.mark.parametrize("batch", mostly_slow(range(4)))
def test_all_results_of_random_programs_agree(batch: int) -> None:
    for seed in range(batch * 12, batch * 12 + 12):
        program, generator = random_program(seed), random.Random(seed)

        def function(*xs: Any, program: Any = program) -> Any:
            return program.run(by_engine, xs)[len(xs) // 2 :]

        columns = [[x + generator.uniform(-0.05, 0.05) for _ in range(5)] for x in program.point]
        expected = eagerly(function, *columns)
        found = compiled(function).map(*columns)
        assert found.shape == expected.shape
        for a, b in zip(expected.ravel(), found.ravel()):
            assert near(a, b, 1e-11) or abs(a - b) < 1e-13 * abs(expected).max(), program.python()


@pytest.mark.parametrize("output", ["linear", "tanh"])
def test_a_network_predicts_all_samples_at_once(output: str) -> None:
    model = MLP(8, [16, 5], activation="relu", output_activation=output, seed=1)
    rows = np.random.default_rng(0).normal(size=(30, 8))
    predict = compiled(model.forward)
    assert_same(predict.map(rows), eagerly(model, rows))
    for parameter in model.parameters():  # the numbers are read anew
        parameter.data *= 1.5
    assert_same(predict.map(rows), eagerly(model, rows))
    assert "9 by 9 × 16" in predict.program
    assert len(predict.recordings) == 1
    assert predict.report().startswith("forward.map: ")


def test_an_irregular_graph_is_walked() -> None:
    generator = random.Random(0)
    draws = [(generator.randrange(2**30), generator.randrange(2**30)) for _ in range(800)]

    def function(x: Any, y: Any) -> Any:
        known = [x, y, w, u]
        for a, b in draws:
            first, second = known[-1 - a % 3], known[-1 - b % len(known)]
            known.append((first + second).tanh() if a % 2 else (first * second).sin())
        return [known[-1], known[400], known[-2], x, 1.0, known[600]]

    predict = compiled(function)
    found = predict.map(XS, XS[::-1])
    assert "one by one" in predict.program or "steps" in predict.program
    expected = eagerly(function, XS, XS[::-1])
    assert found.shape == expected.shape
    assert abs(found - expected).max() < 1e-9


def test_integers_choose_and_several_recordings_serve_one_batch() -> None:
    table = [[w, u], [u, w], [w * u, w]]
    predict = compiled(lambda i, x: [row * x for row in table[i]])
    indices = [0, 2, 1, 1, 0, 2]
    found = predict.map(indices, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    expected = [[2, 3], [12, 4], [9, 6], [12, 8], [10, 15], [36, 12]]
    assert found.tolist() == expected
    assert len(predict.recordings) == 3


def test_scalars_and_maps_are_recorded_apart() -> None:
    f = compiled(lambda x: w * x)
    assert f.map([1.0, 2.0]).tolist() == [2.0, 4.0]
    assert f(1.0).data == 2.0
    assert f.over([1.0, 2.0], reduction="sum").data == 6.0
    assert len(f.recordings) == 2
    assert f.program.count("def program(") == 3
    assert sum(line.startswith("<lambda>.map: ") for line in f.report().splitlines()) == 1


def test_no_gradient_is_computed_and_no_node_is_made() -> None:
    v = Value(2.0)
    v.grad = 5.0
    predict = compiled(lambda x: [v * x])
    before = predict.map(XS)
    with no_grad():
        assert (predict.map(XS) == before).all()
    assert v.grad == 5.0
    assert "seed" not in predict.program.replace("samples, seed)", "")


def test_the_array_is_a_new_one() -> None:
    f = compiled(lambda x: x)
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    g = compiled(lambda x: [*x])
    for found in (f.map(rows[0]), g.map(rows), g.map(rows)):
        found[:] = 0.0
    assert rows.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert w.data == 2.0
    h = compiled(lambda x: [w, u])
    h.map([1.0])[:] = 0.0
    assert h.map([1.0]).tolist() == [[2.0, 3.0]]


# Inside others.


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_trap_sees_every_sample(name: str) -> None:
    function = FUNCTIONS[name]
    predict = compiled(function)
    if name == "hard places":
        with pytest.raises(NonFiniteError, match="log"), trap():
            predict.map(XS)
        return
    with trap():
        assert_same(predict.map(XS), eagerly(function, XS))
    assert not predict.recordings


def test_inside_another_recording_the_numbers_are_values() -> None:
    v = Value(2.0)
    predict = compiled(lambda x: [v * x, x.tanh(), 1.0])
    total = compiled(lambda s: engine.sum(predict.map([1.0, 2.0, 3.0]).ravel()) * s)
    for _ in range(2):
        v.grad = 0.0
        y = total(10.0)
        y.backward()
        expected = 10.0 * (12.0 + sum(map(math.tanh, (1.0, 2.0, 3.0))) + 3.0)
        assert near(y.data, expected)
        assert near(v.grad, 60.0)
    v.data = 0.0
    assert near(total(1.0).data, expected / 10.0 - 12.0)


# What is refused.


class Thing:
    pass


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def test_a_number_beyond_floats_is_refused() -> None:
    with pytest.raises(OverflowError, match=r"<lambda>\.map\(\.\.\.\) got a number"):
        compiled(lambda x: [10**400, x]).map([1.0])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: None, "returned NoneType None. For map a function returns a Value"),
        (lambda x: {"a": x}, "returned dict {'a'"),
        (lambda x: [x, "a"], "returned str 'a'"),
        (lambda x: [x, None], "NoneType None"),
        (lambda x: [1j], "complex 1j"),
        (lambda x: [], r"returned list \[\]\. For map"),
        (lambda x: np.zeros((2, 0)), "not empty"),
        (lambda x: np.array(["a"]), "returned str_"),
        (lambda x: [[x], []], "not empty"),
        (lambda x: [[x], [x, x]], r"shapes \(1,\) and \(2,\)"),
        (lambda x: [x, [x]], r"shapes \(\) and \(1,\)"),
        (lambda x: (y for y in [x]), "a generator"),
        (lambda x: [Thing()], "a Thing"),
        (lambda x: endless(), "returned list"),
        (lambda x: [x.data], r"reads \.data of"),
    ],
)
def test_what_is_no_list_of_numbers_is_refused(function: Callable, words: str) -> None:
    f = compiled(function)
    with pytest.raises(CompilationError, match=words):
        f.map([1.0])
    assert not f.recordings


def test_results_of_different_shapes_are_refused() -> None:
    f = compiled(lambda x: [w, x] if x > 0 else [x])
    with pytest.raises(CompilationError, match=r"shapes \(1,\) and \(2,\)"):
        f.map([-1.0, 1.0])
    assert f.map([1.0, 2.0]).shape == (2, 2)
    assert f.map([-1.0]).shape == (1, 1)
    with trap(), pytest.raises(CompilationError, match="for every sample"):
        f.map([-1.0, 1.0])


@pytest.mark.parametrize("is_nested", [False, True])
def test_masked_entries_of_a_result_are_refused(is_nested: bool) -> None:
    row = np.ma.array([1.0, 2.0], mask=[True, False])
    f = compiled(lambda x: [row, row] if is_nested else row)
    with pytest.raises(TypeError, match="masked entries"):
        f.map([1.0])
    with trap(), pytest.raises(TypeError, match="masked entries"):
        f.map([1.0])


def test_calls_and_over_refuse_lists_and_name_map() -> None:
    f = compiled(lambda x: [w * x])
    for call in (lambda: f(1.0), lambda: f.over([1.0])):
        with pytest.raises(CompilationError, match=r"<lambda>\.map\(\.\.\.\) gives the numbers"):
            call()
    assert f.map([1.0]).tolist() == [[2.0]]


def test_too_many_ways_are_refused() -> None:
    f = compiled(lambda i: [w] if i == 0 else [w * int(i)])
    with pytest.raises(CompilationError, match="took 64 ways"):
        f.map(range(100))
