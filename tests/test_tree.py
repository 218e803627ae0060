"""What takes sequences of numbers and Values, of whatever kind, and what it refuses."""

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sequences import OF_NUMBERS, OF_VALUES, Column, Table

from glassgrad import (
    Value,
    compiled,
    draw,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    predict,
    value_and_grad,
)
from glassgrad.engine.arrays import ValueArray
from glassgrad.engine.tree import leaves_of, like, listed, scalar_of, scalars_of, settled
from glassgrad.nn import MLP, AttentionHead, Embedding, fit, l2, mse

ALL = pytest.mark.parametrize("kind", OF_NUMBERS.values(), ids=OF_NUMBERS)
ALL_OF_VALUES = pytest.mark.parametrize("kind", OF_VALUES.values(), ids=OF_VALUES)
POINT = [1.5, -2.0, 4.0]


@ALL
def test_a_row_of_numbers_is_taken_from_all_kinds(kind: Callable) -> None:
    assert scalars_of(listed(kind(POINT), "test")) == POINT
    assert leaves_of(kind(POINT)) == POINT
    assert [leaf for part in settled([kind(POINT)]) for leaf in leaves_of(part)] == POINT


class Sparse:
    """A matrix as scipy has it: each of its rows is such a matrix."""

    def toarray(self) -> np.ndarray:
        return np.eye(1)

    def __iter__(self) -> "Iterator[Sparse]":
        return iter([self])


def test_what_has_no_end_is_refused() -> None:
    for numbers in ([1.0], [Sparse()]):
        numbers.append(numbers)
        with pytest.raises(TypeError, match=r"nested too deeply|is sparse"):
            leaves_of(numbers)
    table: dict[str, object] = {}
    table["a"] = table
    numbers = [1.0]
    numbers.append(numbers)
    takers = (leaves_of, compiled(lambda x: x), lambda numbers: mse(numbers, [2.0]))
    for take, endless in zip(takers, (table, numbers, numbers)):
        with pytest.raises(TypeError, match=f"The {type(endless).__name__} is nested too deeply"):
            take(endless)


def test_ranges_and_rows_of_tables() -> None:
    assert listed(range(3), "test") == [0, 1, 2]
    assert [list(row) for row in listed(Table([[1, 2], [3, 4]]), "test")] == [[1, 2], [3, 4]]
    assert leaves_of([Table([[1, 2], [3, 4]]), range(2)]) == [1, 2, 3, 4, 0, 1]


@pytest.mark.parametrize(
    ("thing", "problem"),
    [
        ("1 2", "not str '1 2'. Convert it first"),
        (b"12", "Convert it first"),
        ({1.0, 2.0}, "A set has no order"),
        (frozenset([1.0]), "A set has no order"),
        ({"a": 1.0}, r"Give its numbers alone: list(d.values())"),
        (3.0, "takes a sequence, not float 3.0"),
        (Value(3.0), "takes a sequence, not Value"),
        (np.array(3.0), "takes a sequence, not ndarray"),
        (None, "takes a sequence, not NoneType None"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "has masked entries"),
        (Sparse(), "The Sparse is sparse. Give all its numbers: .toarray()"),
    ],
)
def test_what_is_no_sequence_is_refused(thing: object, problem: str) -> None:
    with pytest.raises(TypeError) as caught:
        listed(thing, "test(...)")
    assert problem in str(caught.value)


@pytest.mark.parametrize("table", [[[1.0], [2.0]], np.ones((2, 2)), Table([[1.0]]), [range(2)]])
def test_rows_of_rows_are_told_apart(table: object) -> None:
    assert scalars_of(listed(table, "test")) is None


def test_an_array_of_no_axes_is_what_it_holds() -> None:
    x = Value(1.0)
    for thing in (x, np.array(x), 2.0, np.float32(2.0), "a", [1.0]):
        expected = x if isinstance(thing, np.ndarray) else thing
        assert scalar_of(thing) is expected
    assert scalar_of(np.array(2.0)) == 2.0


Pair = namedtuple("Pair", "a b")


def test_structures_are_made_again_with_other_numbers() -> None:
    shape = settled({"a": [1.0, range(2)], "b": Pair(Column([1.0, 2.0]), np.array(5.0))})
    again = like(shape, iter(range(10)))
    assert again["a"] == [0, [1, 2]]
    assert type(again["b"]) is Pair
    assert again["b"].a.tolist() == [3, 4]
    assert again["b"].b.shape == ()
    values = like(np.zeros((2, 1)), iter([Value(1.0), Value(2.0)]))
    assert type(values) is ValueArray
    assert values.shape == (2, 1)


def test_a_set_is_refused_in_a_structure() -> None:
    with pytest.raises(TypeError, match=r"Numbers come in an order, not in set .*sorted"):
        value_and_grad(lambda xs: xs)([{1.0, 2.0}])


# Places that take them.


def cube(xs: object) -> Value:
    total = Value(0.0)
    for x in leaves_of(xs):
        total = total + x**3
    return total


@ALL
def test_arguments_of_functions_are_of_all_kinds(kind: Callable) -> None:
    value, gradient = value_and_grad(cube)(kind(POINT))
    assert value == 1.5**3 - 8.0 + 64.0
    assert list(gradient) == [3.0 * x * x for x in POINT]
    assert jacobian(cube)(kind(POINT)).tolist() == [[3.0 * x * x for x in POINT]]
    assert np.diag(hessian(cube)(kind(POINT))).tolist() == [6.0 * x for x in POINT]


@ALL_OF_VALUES
def test_results_of_functions_are_of_all_kinds(kind: Callable) -> None:
    squares = lambda xs: kind([x * x for x in xs])
    assert np.diag(jacobian(squares)(POINT)).tolist() == [2.0 * x for x in POINT]
    value, slope = jvp(squares, (POINT,), (kind(POINT),))
    assert list(value) == [x * x for x in POINT]
    assert list(slope) == [2.0 * x * x for x in POINT]
    assert hvp(cube)(POINT, kind(POINT)) == [6.0 * x * x for x in POINT]


@ALL_OF_VALUES
def test_gradients_by_all_kinds(kind: Callable) -> None:
    xs = [Value(x) for x in POINT]
    assert list(grad(cube(xs), kind(xs))) == [3.0 * x * x for x in POINT]


def test_gradients_by_dicts_and_their_views() -> None:
    xs = OrderedDict(a=Value(1.0), b=Value(2.0))
    assert grad(cube(list(xs.values())), xs) == {"a": 3.0, "b": 12.0}
    assert grad(cube(list(xs.values())), xs.values()) == [3.0, 12.0]


@ALL
def test_inputs_of_modules_are_of_all_kinds(kind: Callable) -> None:
    model = MLP(3, [1], seed=0)
    assert model(kind(POINT)).data == pytest.approx(model(POINT).data, rel=1e-6)
    head = AttentionHead(3, 2, seed=0)
    assert head([kind(POINT)])[0][0].data == head([POINT])[0][0].data


def test_tables_are_rows_for_modules() -> None:
    rows = [[1.0, 2.0], [3.0, 4.0]]
    head, letters = AttentionHead(2, 2, seed=0), Embedding(3, 2, seed=0)
    assert head(Table(rows))[0][0].data == head(rows)[0][0].data
    assert letters(Table([[0, 2]]))[0][1][0] is letters.rows[2][0]
    assert letters(iter([1]))[0][0] is letters.rows[1][0]
    assert letters(np.array(1))[0] is letters.rows[1][0]
    with pytest.raises(ValueError, match="one sample at a time"):
        MLP(2, [1])(Table(rows))


@pytest.mark.parametrize("kind", [list, iter, tuple, np.array, Column, Table])
def test_samples_are_of_all_kinds(kind: Callable) -> None:
    model, rows = MLP(2, [1], seed=0), [[0.0, 1.0], [1.0, 0.0]]
    assert predict(model, kind(rows)).tolist() == predict(model, rows).tolist()
    losses = [
        fit(MLP(2, [1], seed=0), mse, X, y, epochs=2, health=False)["loss"]
        for X, y in ((rows, [0.0, 1.0]), (kind(rows), Column([0.0, 1.0])), (rows, range(2)))
    ]
    assert losses[0] == losses[1] == losses[2]


def test_a_drawing_of_an_array_of_no_axes() -> None:
    x = Value(3.0, label="x")
    assert str(draw(np.array(x * x))) == str(draw(x * x))


def test_penalties_take_all_kinds_of_parameters() -> None:
    xs = [Value(3.0), Value(-4.0)]
    assert [l2(kind(xs), 1.0).data for kind in (iter, tuple, np.array)] == [25.0] * 3
