"""The audit of compiled functions: it finds what changed unseen. And others at the same time."""

import collections
import copy
import functools
import math
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from replaying import all_near, counted_runs, near, value_and_slopes

from glassgrad import (
    MLP,
    Module,
    Value,
    compiled,
    data_vector,
    engine,
    fit,
    mse,
    no_grad,
    trap,
)
from glassgrad.engine.errors import CompilationError

X = np.array([0.3, 0.7, -0.4])
_DATA = np.arange(8.0).reshape(-1, 1) / 8.0


# The audit itself.


def hidden(rates: list[float]) -> Callable[[Any], Any]:
    """What reads a list in a way that is not looked at."""

    def function(x: Any) -> Any:
        for rate in rates:
            x = x * rate
        return x

    return function


def test_a_warning_names_the_function_both_numbers_the_call_and_the_remedies() -> None:
    rates = [2.0]
    f = compiled(hidden(rates))
    assert [f(1.0).data for _ in range(5)] == [2.0] * 5
    rates[0] = 7.0
    assert [f(1.0).data for _ in range(2)] == [2.0] * 2
    said = r"function gave 2 compiled, and 7 as it is written.*since call 4.*argument.*reset\(\)"
    with pytest.warns(RuntimeWarning, match=said) as caught:
        assert f(1.0).data == 7.0
    assert caught[0].filename == __file__
    assert [f(1.0).data for _ in range(20)] == [7.0] * 20


def batch_mean(f: Any) -> float:
    return float(f.over(X).data)


def mapped(f: Any) -> float:
    return float(f.map(X).mean())


def by_array(f: Any) -> float:
    return float(f.value_and_grad([])([], X)[0])


def by_torch(f: Any) -> float:
    import torch

    empty = torch.zeros(0, dtype=torch.float64)
    return float(f.value_and_grad([], namespace=torch)(empty, torch.tensor(X))[0])


BATCHES = [
    *(batch_mean, mapped, by_array),
    pytest.param(by_torch, marks=pytest.mark.needs("torch")),
]


@pytest.mark.parametrize("way", BATCHES)
def test_batches_are_audited_on_a_sample(way: Callable[[Any], float]) -> None:
    rates = [2.0]
    f = compiled(hidden(rates))
    assert near(way(f), 0.4)
    rates[0] = 7.0
    with pytest.warns(RuntimeWarning, match="compiled, and"):
        assert near(way(f), 1.4)
    assert near(way(f), 1.4)


def test_results_of_another_shape_are_a_change() -> None:
    rates = [2.0]
    f = compiled(lambda x: [x * rate for rate in rates])
    assert f.map([1.0, 3.0]).tolist() == [[2.0], [6.0]]
    rates.append(5.0)
    with pytest.warns(RuntimeWarning, match="results of another shape than as it is written"):
        assert f.map([1.0, 3.0]).tolist() == [[2.0, 5.0], [6.0, 15.0]]


def test_the_gradient_of_an_audited_call_is_that_of_what_is_recorded_anew() -> None:
    rates, w = [2.0], Value(3.0)
    f = compiled(lambda x: functools.reduce(lambda y, rate: y * rate, rates, w * x))
    f(1.0)
    rates[0] = 7.0
    with pytest.warns(RuntimeWarning):
        y = f(2.0)
    y.backward()
    assert (y.data, w.grad) == (42.0, 14.0)


def test_audits_come_ever_more_rarely() -> None:
    f, runs = counted_runs(lambda x: x * 2.0)
    for _ in range(1024):
        f(1.0)
    assert len(runs) == 1 + 10  # recorded once, and audited at calls 2, 4, ... 1024
    g, runs = counted_runs(lambda x: x * 2.0)
    for _ in range(64):
        g.over(X)
    assert len(runs) == 1 + 6


def test_an_audit_that_takes_long_waits_until_it_is_a_small_share() -> None:

    def slow(x: Any) -> Any:
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return x * 2.0

    f, runs = counted_runs(slow)
    for _ in range(64):
        f(1.0)
    assert len(runs) == 1
    case = f._cache.cases()[0]
    case.seconds = 1.5  # as if the program had run for so long
    for _ in range(64):
        f(1.0)
    assert len(runs) == 2  # a second one would come to more than a twentieth of it


def test_without_audits_nothing_is_run_again() -> None:
    f, runs = counted_runs(lambda x: x * 2.0, audit=False)
    for _ in range(100):
        f(1.0)
    assert len(runs) == 1
    assert f.check(1.0)
    assert len(runs) == 2


def test_check_and_reset() -> None:
    rates = [2.0]
    f = compiled(hidden(rates), audit=False)
    assert f(1.0).data == 2.0
    assert f.check(1.0)
    rates[0] = 7.0
    assert f(1.0).data == 2.0  # nobody looked
    with pytest.warns(RuntimeWarning, match="gave 2 compiled, and 7"):
        assert not f.check(1.0)
    assert f(1.0).data == 7.0
    rates[0] = 9.0
    f.reset()
    assert f(1.0).data == 9.0
    assert "nothing is recorded yet" in compiled(hidden(rates)).report()


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e12])
def test_a_change_is_a_share_of_a_number_however_small_it_is(scale: float) -> None:
    rates = [scale]
    f = compiled(hidden(rates), audit=False)
    assert f(1.0).data == scale
    rates[0] *= 1.0 + 1e-12
    assert f.check(1.0)
    rates[0] *= 1.0 + 1e-6
    with pytest.warns(RuntimeWarning, match="compiled, and"):
        assert not f.check(1.0)


class _Growing(Module):
    """Reads numbers that no code names."""

    def __init__(self) -> None:
        self.w, self.rates, self.runs = Value(1.0), [1.0] * 40, list[int]()

    def forward(self, x: Any) -> Any:
        self.runs.append(1)
        for rate in self.rates:
            x = x * rate
        return self.w * x[0]


def test_what_code_of_the_users_changes_between_steps_of_fit_is_found_in_the_same_epoch() -> None:
    def run(*, is_compiled: bool) -> list[float]:
        model = _Growing()

        def change(history: Any) -> None:
            if len(history["loss"]) == 3:
                model.rates[37] = 0.5

        given = {"callbacks": change, "compiled": is_compiled, "health": False}
        return fit(model, mse, _DATA, _DATA[:, 0], batch_size=4, epochs=6, **given)["loss"]

    with pytest.warns(RuntimeWarning, match="reads beside its arguments has changed"):
        found = run(is_compiled=True)
    assert found == pytest.approx(run(is_compiled=False), rel=1e-9)


# What does not depend on its arguments alone.


def test_random_numbers_are_told_and_the_function_runs_as_it_is_written() -> None:
    generator = random.Random(0)
    f = compiled(lambda x: x * generator.random())
    f(1.0)
    with pytest.warns(RuntimeWarning, match="does not depend on its arguments alone"):
        f(1.0)
    expected = copy.copy(generator)
    expected.setstate(generator.getstate())
    assert [f(1.0).data for _ in range(3)] == [expected.random() for _ in range(3)]
    assert near(f.over([1.0, 1.0], reduction="sum").data, expected.random() + expected.random())
    assert f.map([1.0]).tolist() == [expected.random()]
    assert "runs as written" in f.report()
    with pytest.raises(CompilationError, match=r"runs as it is written only.*reset\(\)"):
        f.value_and_grad([])([], [1.0])
    f.reset()
    assert f(1.0).data == expected.random()


def test_which_of_two_values_it_is_given_decides() -> None:
    w = Value(2.0)
    f = compiled(lambda x: 2 * x if x is w else 3 * x)
    assert f(Value(2.0)).data == 6.0
    with pytest.warns(RuntimeWarning, match="alone"):
        y = f(w)
    y.backward()
    assert (y.data, w.grad) == (4.0, 2.0)


def test_what_rounding_makes_of_sums_is_no_change() -> None:
    """Terms that cancel leave what only the order of the sum decides."""
    generator = random.Random(0)
    numbers = [generator.uniform(-1e8, 1e8) for _ in range(60)]
    terms = [*numbers, *[-x for x in numbers], 1e-9]
    f = compiled(lambda x: sum(x * term for term in terms))
    for i in range(20):
        f(0.1 * i + 0.3)
    assert len(f.recordings) == 1


def test_a_tie_among_sums_in_another_order_is_no_change() -> None:
    """The program may find one where the function finds none, which then goes another way."""

    def bent(a: Any, b: Any, c: Any, d: Any) -> Any:
        total = (a + d) + (b + c)
        return total * 2.0 + 1.0 if total == 0.0 else total * 3.0 + 5.0

    f = compiled(bent)
    f(1.0, 1.0, -1.0, -1.0)
    for *terms, last in ((0.4, 0.2, 0.5, -1.1), (0.4, 0.3, 0.7, -1.4), (0.6, 0.2, 0.7, -1.5)):
        assert f.check(*terms, last)


def test_hard_places_are_no_change() -> None:
    f = compiled(lambda x: engine.log(x) * 1.0)
    for x in (1.0, -1.0, 0.0, math.inf, math.nan, 2.0, -math.inf, -2.0):
        assert near(f(x).data, engine.log(Value(x)).data)


def test_what_an_audit_does_besides_leaves_no_trace() -> None:
    f, runs = counted_runs(lambda x, y: x * y)
    x = Value(3.0)
    for _ in range(4):
        y = f(x, 2.0)
    y.backward()
    assert (x.grad, len(runs)) == (2.0, 3)
    assert y.parents == (x,)


def test_compiled_functions_inside_are_audited_as_they_are_written() -> None:
    rates = [2.0]
    inner = compiled(hidden(rates))
    f = compiled(lambda x: inner(x) + 1.0)
    assert [f(1.0).data, inner(1.0).data] == [3.0, 2.0]
    rates[0] = 7.0
    with pytest.warns(RuntimeWarning, match="gave 3 compiled, and 8"):
        assert f(1.0).data == 8.0


# Others at the same time, and what cannot be repeated.


def test_two_threads_call_at_once() -> None:
    model = MLP(2, [4, 1], seed=0)
    f = compiled(lambda x: model(x) ** 2 if x[0] > 0 else model(x))
    rows = np.random.default_rng(0).normal(size=(40, 2)).tolist()
    expected = [f.function(list(map(Value, row))).data for row in rows]
    with ThreadPoolExecutor(2) as pool:
        for results in pool.map(lambda _: [f(row).data for row in rows * 5], range(2)):
            assert all_near(expected * 5, results)


def in_a_thread(function: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("what", ["a parameter", "an argument"])
def test_work_that_is_given_to_a_thread_is_refused(what: str) -> None:
    w = Value(2.0)
    function = {
        "a parameter": lambda x: x * in_a_thread(lambda: w * 3.0),
        "an argument": lambda x: w * in_a_thread(lambda: x * 3.0),
    }[what]
    f = compiled(function)
    for call in (f, f.over, f.map, f.value_and_grad([w])):
        with pytest.raises(CompilationError, match=r"reads 6.*in another thread"):
            call([2.0], [2.0]) if "Evaluation" in type(call).__name__ else call(
                2.0 if call is f else [2.0]
            )


def read_by_an_executor(function: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


w = Value(2.0)
FRESH: dict[str, Callable[[Any], Any]] = {
    "a start of a sum": lambda x: sum((w * part for part in (x, x * x)), Value(0.0)),
    "a factor": lambda x: w * x * Value(3.0),
    "an exponent": lambda x: (w * x) ** Value(2.0),
    "a module": lambda x: MLP(1, [1], seed=1)([x]) * w,
    "what is compared": lambda x: w * x + Value(1.0) if Value(0.5) * x > 0.0 else w * x,
    "one with a label": lambda x: w * x + Value(1.0, "one"),
}


@pytest.mark.parametrize("name", FRESH)
def test_a_leaf_that_is_made_on_the_way_is_no_difference(name: str) -> None:
    f = compiled(FRESH[name])
    for x in (1.0, 2.0, 3.0, 4.0):
        expected = value_and_slopes(FRESH[name](x), [w])
        assert value_and_slopes(f(x), [w]) == pytest.approx(expected, rel=1e-12)
    assert f.check(2.0)
    evaluate = f.value_and_grad([w])
    for _ in range(4):
        assert evaluate([2.0], [1.0, 3.0])[0] == pytest.approx(f.over([1.0, 3.0]).data)
    assert len(f.recordings) <= 2


@pytest.mark.parametrize("is_kept_at_first", [True, False])
def test_a_leaf_that_is_made_on_the_way_and_kept_has_its_gradient(is_kept_at_first: bool) -> None:
    kept, is_kept = [Value(0.0)], collections.deque([is_kept_at_first])

    def function(x: Any) -> Any:
        leaf = Value(3.0)
        if is_kept[0]:
            kept[0] = leaf
        return leaf * x

    f = compiled(function)
    assert value_and_slopes(f(1.0), kept) == [3.0, 1.0 * is_kept_at_first]
    is_kept[0] = True
    with pytest.warns(RuntimeWarning, match="as the gradient by 3 compiled"):
        assert value_and_slopes(f(2.0), kept) == [6.0, 2.0]
    assert value_and_slopes(f(3.0), kept) == [9.0, 3.0]


@pytest.mark.parametrize("thread", [in_a_thread, read_by_an_executor])
@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x, run: x * run(lambda: x.data * 3.0), "reads .data of 2"),
        (lambda x, run: x * run(lambda: data_vector([x])).sum(), "reads .data of 2"),
        (lambda x, run: (y := x * x) * run(lambda: float(f"{y:g}")), "reads the text of 4"),
        (lambda x, run: x if run(lambda: x > 0.0) else x * 2.0, "compares 2"),
        (lambda x, run: x * 3.0 if run(lambda: 2.0 * x < 5.0) else x, "compares 4"),
        (lambda x, run: x * run(lambda: (x.sin() * 3.0).data), "reads .data of"),
    ],
)
def test_numbers_of_the_run_read_or_compared_in_a_thread_are_refused(
    function: Callable, said: str, thread: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda told: None)
    f = compiled(lambda x: function(x, thread))
    with pytest.raises(CompilationError, match=f"({said}).*in another thread"):
        f(2.0)


def test_threads_read_other_values_while_something_is_recorded() -> None:
    w, other = Value(2.0), Value(3.0)
    f = compiled(lambda x: x * w if in_a_thread(lambda: other.data > 0 and other > 1) else w)
    assert f(5.0).data == 10.0


@pytest.mark.filterwarnings("ignore:f runs as it is written")
def test_trap_inside_is_open_in_every_call() -> None:
    w = Value(2.0)

    @compiled
    def f(x: Any) -> Any:
        with trap():
            return (w * x).log()

    with pytest.warns(RuntimeWarning, match="slow: it opens a block such as trap"):
        y = f(1.0)
    y.backward()
    assert near(y.data, math.log(2.0))
    assert w.grad == 0.5
    for again in (True, False):
        for call in (lambda: f(-1.0), lambda: f.over([1.0, -1.0]), lambda: f.map([1.0, -1.0])):
            with pytest.raises(engine.NonFiniteError, match=r"log\(-2\) is nan"):
                call()
            if again:
                f.reset()
    with pytest.raises(CompilationError, match="trap"):
        f.value_and_grad([w])([2.0], [1.0])


@pytest.mark.filterwarnings("ignore:function runs as it is written")
def test_a_function_that_opens_a_trap_from_now_on_is_told_of_and_runs_as_written() -> None:
    opened: list[Any] = [None]

    def function(x: Any) -> Any:
        for block in filter(None, opened):
            with block():
                return x.log()
        return x * 2.0

    f = compiled(function)
    assert f(1.0).data == 2.0
    opened[:] = [trap]
    with pytest.warns(RuntimeWarning, match="gave 2 compiled, and 0"):
        assert f(1.0).data == 0.0
    with pytest.raises(engine.NonFiniteError):
        f(-1.0)


def test_value_and_grad_touches_no_value_even_where_it_compares() -> None:
    w, seen_by_others = Value(1.0), []

    def bend(x: Any) -> Any:
        y = w * x
        seen_by_others.append(in_a_thread(lambda: w.data))
        return y * 10.0 if y < 0 else y

    evaluate = compiled(bend).value_and_grad([w])
    for number in (-2.0, 3.0, -4.0, 5.0):
        assert evaluate([number], [1.0])[0] == (number * 10.0 if number < 0 else number)
    assert set(seen_by_others) == {1.0}


@pytest.mark.parametrize("is_lazy", [False, True])
@pytest.mark.parametrize("way", ["detached", "replaced"])
def test_a_gradient_alone_that_differs_is_noticed(way: str, is_lazy: bool) -> None:
    """The numbers are the same, so only the gradient tells: of a parameter that is made when it is
    first read, too.
    """
    w, other, x = Value(3.0, label="w"), Value(3.0), Value(2.0)
    detached, found = [False, False], collections.deque([w] * (not is_lazy))

    def function(x: Any) -> Any:
        if not found:
            found.append(Value(3.0, label="w"))
        for is_detached in detached:
            y = found[0].detach() if is_detached else found[0]
        return x * y * y

    f = compiled(function)
    f(x).backward()
    assert f.check(x)
    f.audit_next()
    (w,) = found
    assert (w.grad, x.grad) == (12.0, 9.0)
    if way == "detached":
        detached[-1] = True
    else:
        found[0] = other
    with pytest.warns(RuntimeWarning, match="12 as the gradient by w.* compiled, and 0 as it is"):
        y = f(x)
    w.grad, x.grad = 0.0, 0.0
    y.backward()
    assert (w.grad, x.grad) == (0.0, 9.0)
    assert other.grad == (12.0 if way == "replaced" else 0.0)


def test_a_number_in_the_place_of_a_parameter_is_found_where_both_are_0() -> None:
    w, u = Value(0.0, label="w"), Value(2.0, label="u")
    factors = collections.deque([w])
    evaluate = compiled(lambda x: factors[0] * x + u * x).value_and_grad([w, u])
    assert evaluate([0.0, 2.0], [1.0])[1].tolist() == [1.0, 1.0]
    factors[0] = 0.0
    with pytest.warns(RuntimeWarning, match="gave 3 as the gradient by w.* compiled, and 0 as it"):
        value, gradient = evaluate([0.0, 2.0], [3.0])
    assert (value, gradient.tolist()) == (6.0, [0.0, 3.0])


def test_a_recording_that_differs_in_one_thing_is_another_one() -> None:
    """A second way through a function, which the look at its surroundings leads to."""
    way, c = 1, Value(3.0).detach()

    def cut(x: Any) -> Any:
        terms = [x, x + 1.0, x + 2.0]
        return engine.sum(terms[:way]) * engine.sum(terms[way:])

    def unused(x: Any) -> Any:
        if way == 1:
            x * 2.0
            return x + c.detach()
        with no_grad():
            z = x * 2.0
        return x + z

    def shaped(x: Any) -> Any:
        return [x, x * 2.0] if way == 1 else [[x, x * 2.0]]

    def telling(x: Any) -> Any:
        return x * 3.0 if way == 2 and x.label == "three" else x * 2.0

    def same(x: Any) -> Any:
        half = 0.5
        return x * half + x * half if way else x

    def depending(x: Any) -> Any:
        cut_off = (x * 2.0).detach()
        return x * (6.0 if way == 1 else cut_off)  # at 3 they are equal

    f, g, h, told, unchanged = map(compiled, (cut, unused, shaped, telling, same))
    d = compiled(depending)
    assert d(3.0).data == 18.0
    assert (f(2.0).data, g(2.0).data, told(Value(1.0)).data) == (14.0, 5.0, 2.0)
    assert unchanged(2.0).data == 2.0
    assert h.map([2.0]).tolist() == [[2.0, 4.0]]
    way = 2
    assert (f(2.0).data, g(2.0).data) == (20.0, 6.0)
    assert h.map([2.0]).tolist() == [[[2.0, 4.0]]]
    with pytest.warns(RuntimeWarning, match=r"reads \.label"):
        assert told(Value(1.0)).data == 2.0
    assert (unchanged(3.0).data, len(unchanged.recordings)) == (3.0, 1)
    assert (d(3.0).data, d(4.0).data) == (18.0, 32.0)
    way = 1
    assert (f(2.0).data, g(2.0).data, len(f.recordings)) == (14.0, 5.0, 2)


def test_an_error_of_the_function_is_not_followed_by_a_stale_result() -> None:
    rates: list[Any] = [1.0, 2.0]

    def function(x: Any) -> Any:
        return functools.reduce(lambda y, rate: y * rate, rates, x)

    f = compiled(function)
    assert f(1.0).data == 2.0
    rates.append("three")
    for _ in range(3):
        with pytest.raises(TypeError, match="text"):
            f(1.0)


def test_that_results_may_be_wrong_is_told_also_where_the_call_fails() -> None:
    rates, states = [1.0, 2.0], iter([None, None, KeyboardInterrupt()])

    def function(x: Any) -> Any:
        state = next(states, None)
        if state is not None:
            raise state
        return functools.reduce(lambda y, rate: y * rate, rates, x)

    f = compiled(function)
    assert f(1.0).data == 2.0
    rates[1] = 5.0
    told = "since call 1: results after that may be wrong. It is recorded anew. Pass"
    with pytest.raises(KeyboardInterrupt), pytest.warns(RuntimeWarning, match=told):
        f(1.0)
    assert f(1.0).data == 5.0


def test_gradients_by_many_groups_of_parameters_make_few_programs() -> None:
    model = MLP(2, [3, 1], seed=0)
    loss = compiled(lambda x, t: (model(x) - t) ** 2)
    parameters, data = model.parameters(), (np.ones((4, 2)), np.zeros(4))
    _, every = loss.value_and_grad(parameters)(data_vector(parameters), *data)
    for i, parameter in enumerate(parameters):
        _, slope = loss.value_and_grad([parameter])([parameter.data], *data)
        np.testing.assert_allclose(slope, every[i : i + 1], rtol=1e-12)
    assert len(loss.programs()) < len(parameters)
