"""Many Values as one array."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from outputs import assert_is_sentence

from glassgrad import (
    MLP,
    NOT_COMPUTED,
    SGD,
    Value,
    assign,
    assign_grad,
    clear_grad,
    compiled,
    computed_gradients,
    data_vector,
    descend,
    engine,
    grad_vector,
    left_out,
    zero_grad,
)
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.value import set_frozen


def test_numbers_and_gradients_are_arrays() -> None:
    values = [Value(1.0), Value(-0.0), Value(math.inf)]
    assert repr(data_vector(values).tolist()) == "[1.0, -0.0, inf]"
    (values[0] * values[2]).backward()
    assert repr(grad_vector(values).tolist()) == "[inf, 0.0, 1.0]"
    zero_grad(values)
    assert grad_vector(values).tolist() == [0.0, 0.0, 0.0]
    assert data_vector([]).shape == grad_vector([]).shape == (0,)


@pytest.mark.parametrize("numbers", [[3, 4], (3.0, 4.0), np.array([3.0, 4.0]), np.array([3, 4])])
def test_numbers_are_assigned(numbers: Any) -> None:
    values = [Value(1.0), Value(2.0)]
    assign(values, numbers)
    assert [value.data for value in values] == [3.0, 4.0]
    assert {type(value.data) for value in values} == {float}


@pytest.mark.parametrize("write", [assign, assign_grad])
@pytest.mark.parametrize(
    ("numbers", "error", "said"),
    [
        ([1.0], ValueError, r"^assign(_grad)?\(...\) of 2 Values takes as many numbers"),
        ([[1.0, 2.0]], ValueError, "one row"),
        (["1", "2"], TypeError, "takes real numbers"),
        ([1j, 2.0], TypeError, "takes real numbers"),
        ([None, 1.0], TypeError, "takes real numbers"),
        ([Value(1.0), Value(2.0)], TypeError, "takes real numbers"),
    ],
)
def test_what_cannot_be_assigned_changes_nothing(
    write: Callable, numbers: Any, error: type, said: str
) -> None:
    values = [Value(7.0), Value(8.0)]
    with pytest.raises(error, match=said):
        write(values, numbers)
    assert [value.data for value in values] == [7.0, 8.0]
    assert all(value.grad is NOT_COMPUTED for value in values)


@pytest.mark.parametrize("numbers", [[3, math.nan], (3.0, math.nan), np.array([3.0, math.nan])])
def test_gradients_are_assigned(numbers: Any) -> None:
    values = [Value(1.0), Value(2.0)]
    assign_grad(values, numbers)
    assert repr([value.grad for value in values]) == "[3.0, nan]"
    assert [value.data for value in values] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("gradients", "computed"),
    [
        ([], None),
        ([1.0, 2.0], None),
        ([0.0, -0.0], None),  # the sign of NOT_COMPUTED alone does not tell
        ([-0.0, NOT_COMPUTED], [True, False]),
        ([NOT_COMPUTED, NOT_COMPUTED], [False, False]),
        ([math.nan, NOT_COMPUTED], [True, False]),
    ],
)
def test_it_is_known_which_gradients_are_computed(
    gradients: list[float], computed: list[bool] | None
) -> None:
    values = [Value(1.0) for _ in gradients]
    for value, gradient in zip(values, gradients):
        value.grad = gradient
    numbers, mask = computed_gradients(values)
    assert repr(numbers.tolist()) == repr(grad_vector(values).tolist())
    assert (None if mask is None else mask.tolist()) == computed
    numbers[:] = 7.0  # its own array
    assert [value.grad for value in values] != [7.0] * len(values) or not values


class Interrupted(list[Value]):
    """Values, of which the third interrupts whoever takes it, once."""

    def __iter__(self) -> Iterator[Value]:
        for i, value in enumerate(list.__iter__(self)):
            if i == 2 and not self.interrupted:
                self.interrupted = True
                raise KeyboardInterrupt
            yield value

    interrupted = True


@pytest.mark.parametrize("write", [lambda v: assign(v, range(5)), lambda v: descend(v, 1.0)])
def test_an_interruption_leaves_no_half(
    write: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = Interrupted(Value(9.0) for _ in range(5))
    for i, value in enumerate(values):
        value.grad = 9.0 - i
    check, reads = engine.vectors._tell_used, []

    def interrupt_after(what: str, values: Any) -> None:
        reads.append(check(what, values))
        values.interrupted = False  # what comes next is the writing

    monkeypatch.setattr("glassgrad.engine.vectors._tell_used", interrupt_after)
    with pytest.raises(KeyboardInterrupt):
        write(values)
    assert reads
    assert [value.data for value in values] == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    "function", [data_vector, grad_vector, computed_gradients, zero_grad,
                 lambda v: assign(v, [1.0, 2.0]), lambda v: assign_grad(v, [1.0, 2.0]),
                 lambda v: descend(v, 0.1)]
)  # fmt: skip
def test_what_is_no_value_is_named(function: Callable[..., Any]) -> None:
    first = Value(7.0)
    with pytest.raises(TypeError, match=r"float 3\.0"):
        function([first, 3.0])
    assert first.data == 7.0


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "data_vector": data_vector,
    "grad_vector": grad_vector,
    "computed_gradients": computed_gradients,
    "assign": lambda values: assign(values, [5.0, 6.0]),
    "assign_grad": lambda values: assign_grad(values, [5.0, 6.0]),
    "descend": lambda values: descend(values, 0.5),
    "zero_grad": zero_grad,
    "clear_grad": clear_grad,
    "left_out": lambda values: left_out(engine.sum([Value(1.0), Value(2.0)]), values),
}
KINDS: list[Callable[[list[Value]], Any]] = [
    tuple,
    iter,
    lambda values: (value for value in values),
    lambda values: dict(enumerate(values)).values(),
    dict.fromkeys,
    lambda values: np.array(values, dtype=object),
    deque,
]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_values_come_in_any_iterable(name: str, kind: Callable) -> None:
    def outcome(kind: Callable) -> str:
        values = [Value(1.0), Value(2.0)]
        assign_grad(values, [3.0, 4.0])
        return repr([FUNCTIONS[name](kind(values)), values])

    assert outcome(kind) == outcome(list)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("given", [MLP(2, [1]), SGD([Value(1.0)], 0.1), Value(1.0), None])
def test_what_is_no_iterable_of_values_gets_a_sentence(name: str, given: Any) -> None:
    kind = type(given).__name__
    said = rf"^{name} takes a list of Values, .* model\.parameters\(\), not (a )?{kind}"
    with pytest.raises(TypeError, match=said) as caught:
        FUNCTIONS[name](given)
    assert_is_sentence(str(caught.value))


def test_a_recording_reads_no_numbers() -> None:
    w = [Value(1.0), Value(2.0)]
    for function in (
        data_vector,
        grad_vector,
        computed_gradients,
        lambda v: assign(v, [3.0, 4.0]),
        lambda v: assign_grad(v, [3.0, 4.0]),
        lambda v: descend(v, 0.1),
    ):
        with pytest.raises(CompilationError, match=r"recorded|recording"):
            compiled(lambda x, f=function: x * 2.0 if f(w) is None else x)(1.0)
    assert data_vector(w).tolist() == [1.0, 2.0]
    assert all(value.grad is NOT_COMPUTED for value in w)


# What `descend` leaves alone.


@pytest.mark.parametrize("rate", [0.1, -0.1, math.inf])
@pytest.mark.parametrize("is_frozen", [False, True])
def test_what_has_no_gradient_stays_to_the_last_bit(rate: float, is_frozen: bool) -> None:
    values = [Value(-0.0), Value(0.0), Value(3.0)]
    set_frozen(values, is_frozen)
    descend(values, rate)
    assert [v.data.hex() for v in values] == ["-0x0.0p+0", "0x0.0p+0", "0x1.8000000000000p+1"]
