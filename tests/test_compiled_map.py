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
    """The same numbers, signs of zeros too, in an array of its own."""
    assert type(found) is np.ndarray
    assert (found.dtype, found.shape) == (float, expected.shape)
    assert found.base is None or found.base.flags.owndata
    assert all(map(near, expected.ravel(), found.ravel())), (found, expected)
    zeros = expected == 0.0
    assert (np.signbit(found) == np.signbit(expected))[zeros].all()


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "a Value": lambda x: w * x,
    "a number": lambda x: 3,
    "numbers of several kinds": lambda x: [True, 2.5, np.float32(0.5)],
    "a list": lambda x: [w * x, x.tanh(), u + x * x],
    "one element": lambda x: [w * x],
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
def test_the_numbers_are_those_of_the_eager_engine(name: str, written: str) -> None:
    function = FUNCTIONS[name]
    predict, expected = compiled(function), eagerly(function, XS)
    if name == "hard places":
        with pytest.raises(NonFiniteError, match="log"), trap():
            predict.map(XS)
    else:
        with trap():
            assert_same(predict.map(XS), expected)
    assert not predict.recordings
    w.grad = 5.0
    for _ in range(2):
        found = predict.map(XS)
        assert_same(found, expected)
        found[:] = 7.0  # it is a new one each time
    with no_grad():
        assert_same(predict.map(XS[::-1]), expected[::-1])
    assert_same(predict.map(XS[:1]), expected[:1])
    assert (w.data, w.grad) == (2.0, 5.0)
    assert "seed" not in predict.program.replace("samples, seed)", "")
    if name not in ("a comparison", "four ways"):
        assert len(predict.recordings) == 1


@pytest.mark.parametrize("batch", mostly_slow(range(4)))
def test_all_results_of_random_programs_agree(batch: int, written: str) -> None:
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


def test_a_network_predicts_all_samples_at_once() -> None:
    model = MLP(8, [16, 5], activation="relu", output_activation="tanh", seed=1)
    rows = np.random.default_rng(0).normal(size=(30, 8))
    predict = compiled(model.forward)
    for _ in range(2):  # the numbers are read anew
        assert_same(predict.map(rows), eagerly(model, rows))
        for parameter in model.parameters():
            parameter.data *= 1.5
    assert "9 by 9 × 16" in predict.program
    assert len(predict.recordings) == 1


def test_integers_choose_and_several_recordings_serve_one_batch() -> None:
    table = [[w, u], [u, w], [w * u, w]]
    predict = compiled(lambda i, x: [row * x for row in table[i]])
    indices = [0, 2, 1, 1, 0, 2]
    found = predict.map(indices, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert found.tolist() == [[2, 3], [12, 4], [9, 6], [12, 8], [10, 15], [36, 12]]
    assert len(predict.recordings) == 3


def test_scalars_and_maps_are_recorded_apart() -> None:
    f = compiled(lambda x: w * x)
    assert f.map([1.0, 2.0]).tolist() == [2.0, 4.0]
    assert f(1.0).data == 2.0
    assert f.over([1.0, 2.0], reduction="sum").data == 6.0
    assert len(f.recordings) == 2
    assert f.program.count("def program(") == 3
    assert sum(line.startswith("<lambda>.map: ") for line in f.report().splitlines()) == 1


def test_a_function_may_read_none_of_its_arguments() -> None:
    f = compiled(lambda *_: w * w)
    assert f.map([1.0, 2.0]).tolist() == [4.0, 4.0]
    assert f.over([1.0, 2.0]).data == f([1.0, 2.0]).data == f().data == 4.0


def test_inside_another_recording_the_numbers_are_values() -> None:
    v = Value(2.0)
    predict = compiled(lambda x: [v * x, x.tanh(), 1.0])
    total = compiled(lambda s: engine.sum(predict.map([1.0, 2.0, 3.0]).ravel()) * s)
    tanhs = sum(map(math.tanh, (1.0, 2.0, 3.0)))
    for number in (2.0, 0.0):
        v.data, v.grad = number, 0.0
        y = total(10.0)
        y.backward()
        assert near(y.data, 10.0 * (6.0 * number + tanhs + 3.0))
        assert near(v.grad, 60.0)


# What is refused.


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


MASKED = np.ma.array([1.0, 2.0], mask=[True, False])
REFUSED: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda x: None, CompilationError, "returned NoneType None. For map a function returns a Val"),
    (lambda x: {"a": x}, CompilationError, "returned dict {'a'"),
    (lambda x: [x, "a"], CompilationError, "returned str 'a'"),
    (lambda x: [1j], CompilationError, "complex 1j"),
    (lambda x: [], CompilationError, r"returned list \[\]\. For map"),
    (lambda x: np.zeros((2, 0)), CompilationError, "not empty"),
    (lambda x: [[x], [x, x]], CompilationError, r"shapes \(1,\) and \(2,\)"),
    (lambda x: [x, [x]], CompilationError, r"shapes \(\) and \(1,\)"),
    (lambda x: [x] if x < 0 else [x, w], CompilationError, "for every sample"),
    (lambda x: (y for y in [x]), CompilationError, "a generator"),
    (lambda x: [object()], CompilationError, "returned object"),
    (lambda x: endless(), CompilationError, "returned list"),
    (lambda x: [MASKED, MASKED], TypeError, "masked entries"),
    (lambda x: [10**400, x], OverflowError, r"<lambda>\.map\(\.\.\.\) got a number"),
]


@pytest.mark.parametrize(("function", "error", "words"), REFUSED)
def test_what_is_no_list_of_numbers_is_refused(
    function: Callable, error: type[Exception], words: str
) -> None:
    f = compiled(function)
    with pytest.raises(error, match=words):
        f.map([-1.0, 1.0])
    with trap(), pytest.raises(error, match=words):
        f.map([-1.0, 1.0])
    if words == "for every sample":
        assert f.map([1.0, 2.0]).shape == (2, 2)
    else:
        assert not f.recordings
