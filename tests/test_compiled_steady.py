"""`Compiled.steady`: a block in which only numbers of Values change: one look is enough."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from glassgrad import Compiled, Value, compiled
from glassgrad.engine.compile.contents import Contents
from glassgrad.engine.compile.surroundings import Surroundings

X = np.array([1.0, 2.0, 3.0])
RATE = 2.0


class Line:
    def __init__(self) -> None:
        self.w, self.rates = Value(2.0), [1.0]
        self.power = 1

    def __call__(self, x: Any) -> Any:
        return (self.w * x) ** self.power


def by_global(x: Any) -> Any:
    return x * RATE


def over(function: Compiled) -> float:
    return function.over(X).data


def called(function: Compiled) -> float:
    return function(2.0).data


def mapped(function: Compiled) -> float:
    return float(function.map(X).mean())


def in_torch(function: Compiled) -> float:
    import torch

    evaluate = function.value_and_grad([function.function.w], namespace=torch)
    return float(evaluate(torch.tensor([2.0], dtype=torch.float64), torch.tensor(X))[0])


IN_TORCH = pytest.param(in_torch, marks=pytest.mark.needs("torch"))
WAYS = pytest.mark.parametrize("way", [over, called, mapped, IN_TORCH])


@WAYS
def test_a_change_is_noticed_after_the_block_and_not_inside(way: Callable) -> None:
    line = Line()
    function = compiled(line)
    before = way(function)
    with function.steady():
        assert way(function) == before
        line.power = 2
        assert way(function) == before
    assert way(function) == way(compiled(line)) != before


@WAYS
def test_a_change_before_the_block_is_noticed_in_it(way: Callable) -> None:
    line = Line()
    function = compiled(line)
    before = way(function)
    line.power = 2
    with function.steady():
        assert way(function) == way(compiled(line)) != before


def test_numbers_of_values_are_read_in_every_call() -> None:
    line = Line()
    function = compiled(line)
    with function.steady():
        assert over(function) == 4.0
        line.w.data = 3.0
        assert over(function) == 6.0


def test_a_global_name_is_looked_at_after_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    function = compiled(by_global)
    over(function)
    with function.steady():
        assert over(function) == 4.0
        monkeypatch.setitem(globals(), "RATE", 3.0)
        assert over(function) == 4.0
    assert over(function) == 6.0


def test_a_block_inside_another_looks_again_and_does_not_end_it() -> None:
    line = Line()
    function = compiled(line)
    linear = over(function)
    with function.steady():
        assert over(function) == linear
        line.power = 2
        with function.steady():
            square = over(function)
            assert square != linear
        assert over(function) == square
        line.power = 1
        assert over(function) == square
    assert over(function) == linear


def test_a_block_of_another_thread_that_ends_later_leaves_nothing_behind() -> None:
    line = Line()
    function = compiled(line)
    linear = over(function)
    first, second = function.steady(), function.steady()
    first.__enter__()
    assert over(function) == linear
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    line.power = 2
    assert over(function) != linear


def test_an_error_ends_the_block() -> None:
    line = Line()
    function = compiled(line)
    before = over(function)
    with suppress(KeyError), function.steady():
        assert over(function) == before
        line.power = 2
        raise KeyError
    assert over(function) != before


def test_after_a_recording_in_the_block_everything_is_looked_at_again() -> None:
    """To record runs the function, which may change what an earlier recording read."""
    state = Line()

    @compiled
    def loss(x: Any) -> Any:
        if x > 0.0:
            return (x * state.w) ** state.power
        state.power = 2
        return x * state.w

    assert loss.over([2.0]).data == 4.0
    with loss.steady():
        assert loss.over([2.0]).data == 4.0
        assert loss.over([-1.0]).data == -2.0
        assert loss.over([2.0]).data == 16.0


def test_inside_nothing_is_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    for owner, name in ((Contents, "are_the_same"), (Surroundings, "now")):
        method = getattr(owner, name)

        def counting(self: Any, method: Any = method, name: str = name) -> Any:
            looks.append(name)
            return method(self)

        monkeypatch.setattr(owner, name, counting)
    function = compiled(Line())
    over(function)
    looks.clear()
    with function.steady():
        for _ in range(5):
            over(function)
    assert sorted(looks) == ["are_the_same", "now"]
    over(function)
    assert len(looks) == 4
