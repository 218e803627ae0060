"""Values and numpy: arrays of Values, Values with arrays and with numpy's scalars, both ways.

That the functions of numpy give the right numbers and gradients is in `test_numpy_functions.py`.
"""

import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from glassgrad import Value, as_value, engine, grad, value_and_grad
from glassgrad.engine.arrays import ValueArray, array_of

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


def values(*shape: int) -> np.ndarray:
    """An array of Values, all different and none of them special."""
    numbers = np.linspace(0.3, 0.9, int(np.prod(shape))).reshape(shape)
    return np.vectorize(Value, otypes=[object])(numbers)


def data(array: np.ndarray) -> np.ndarray:
    """The numbers of an array, in which every element must be a Value on a number."""
    assert array.dtype == object
    for element in array.flat:
        assert type(element) is Value
        assert type(element.data) is float
    return np.vectorize(lambda v: v.data, otypes=[float])(array)


ARRAY = np.array([[1.5, 2.0, 2.5], [3.0, 3.5, 4.0]])
NUMBERS = {
    "int": 2,
    "array": ARRAY,
    "row": ARRAY[0],
    "column": ARRAY[:, :1],
    "integers": np.arange(1, 4),
    "float32": ARRAY[0].astype(np.float32),
    "zero-dimensional": np.array(2.0),
}
OPERANDS = [
    *(pytest.param(x, x, id=name) for name, x in NUMBERS.items()),
    pytest.param(Value(2.0), 2.0, id="Value"),
    pytest.param(values(3), data(values(3)), id="Values"),
]
"""Each as it is given, and its numbers."""


# Arithmetic.


@pytest.mark.parametrize("operate", BINARY)
@pytest.mark.parametrize(("other", "numbers"), OPERANDS)
def test_an_array_of_values_with_another_operand(
    operate: Callable, other: object, numbers: object
) -> None:
    array = values(2, 3)
    assert data(operate(array, other)) == pytest.approx(operate(data(array), numbers), rel=1e-15)
    assert data(operate(other, array)) == pytest.approx(operate(numbers, data(array)), rel=1e-15)


@pytest.mark.parametrize("operate", BINARY)
@pytest.mark.parametrize("array", [ARRAY, np.arange(1, 4), np.ones((2, 0))], ids=str)
def test_a_value_with_an_array_broadcasts(operate: Callable, array: np.ndarray) -> None:
    x = Value(2.0)
    assert data(operate(x, array)) == pytest.approx(operate(2.0, array), rel=1e-15)
    assert data(operate(array, x)) == pytest.approx(operate(array, 2.0), rel=1e-15)


MASKED = np.ma.masked_array([2.0, 3.0], [False, True])


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x * MASKED,
        lambda x: x * MASKED[1],
        lambda x: array_of([x, x], (2,)) @ MASKED,
        lambda x: np.multiply(MASKED, array_of([x, x], (2,))),
        lambda x: engine.maximum(x, MASKED),
        lambda x: engine.dot([x, x], MASKED),
        lambda x: engine.assign([x, x], MASKED),
        lambda x: value_and_grad(lambda v: v[0] * v[1])(MASKED),
        lambda x: engine.check_gradients(lambda a, b: a * b, MASKED),
        lambda x: engine.hvp(lambda v: v[0] * x)([1.0, 2.0], MASKED),
    ],
)
def test_numbers_that_are_masked_are_not_used(compute: Callable) -> None:
    with pytest.raises(TypeError, match=r"masked entries\. Leave them out, or fill them"):
        compute(Value(1.0))


def test_masked_arrays_without_masked_entries_are_arrays() -> None:
    """Numpy's own product of them with an array of objects keeps the mask."""
    assert [x.data for x in Value(2.0) * np.ma.masked_array([2.0, 3.0])] == [4.0, 6.0]


@pytest.mark.parametrize("thing", [np.array(["a"]), np.array([1j]), np.array([None])], ids=repr)
def test_an_array_of_anything_else_is_refused(thing: np.ndarray) -> None:
    for attempt in (lambda: Value(1.0) * thing, lambda: thing * Value(1.0)):
        with pytest.raises(TypeError, match="takes Values and real numbers"):
            attempt()


# Sums, means and products of matrices.


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), (1, 2), (2, 0)])
@pytest.mark.parametrize(
    ("reduce", "of_floats"),
    [
        *[(each, each) for each in (np.sum, np.mean, np.prod, np.max, np.min, np.ptp)],
        (np.logaddexp.reduce, lambda a, axis: np.log(np.exp(a).sum(axis))),
    ],
)
def test_reductions_over_axes(reduce: Callable, of_floats: Callable, axis: Any) -> None:
    numbers = np.arange(24.0).reshape(2, 3, 4) / 7.0 - 1.0
    found = reduce(array_of([Value(x) for x in numbers.flat], numbers.shape), axis=axis)
    floats = np.vectorize(lambda x: x.data)(found)
    assert floats == pytest.approx(of_floats(numbers, axis=axis), rel=1e-14)


@pytest.mark.parametrize("other", [ARRAY.T, ARRAY[0], values(3), values(3, 2)], ids=str)
def test_products_of_matrices(other: np.ndarray) -> None:
    array = values(2, 3)
    numbers = data(other) if other.dtype == object else other
    assert data(array @ other) == pytest.approx(data(array) @ numbers, rel=1e-15)
    assert data(other.T @ array.T) == pytest.approx(numbers.T @ data(array).T, rel=1e-15)
    assert data(np.dot(array, other)) == pytest.approx(data(array) @ numbers, rel=1e-15)
    if other.ndim == 1 and hasattr(np, "vecdot"):
        ours = array.view(ValueArray)
        assert data(np.vecdot(ours, other)) == pytest.approx(data(array) @ numbers, rel=1e-15)


# Functions.


@pytest.mark.parametrize(
    "function", [np.floor, np.ceil, np.trunc, np.heaviside, np.copysign, np.degrees, np.gcd]
)
def test_a_function_without_a_row_is_refused(function: np.ufunc) -> None:
    with pytest.raises(TypeError, match=r"v\.data"):
        function(*[Value(1.0)] * function.nin)
    with pytest.raises(TypeError, match=r"v\.data"):
        function(*[values(2).view(ValueArray)] * function.nin)


@pytest.mark.parametrize("function", [np.isnan, np.isfinite, np.isinf, np.signbit])
def test_questions_about_the_numbers(function: np.ufunc) -> None:
    numbers = np.array([1.0, -0.0, np.nan, np.inf, -np.inf])
    array = array_of([Value(x) for x in numbers], (5,))
    found = function(array)
    assert found.dtype == bool
    assert type(found) is np.ndarray
    assert found.tolist() == function(numbers).tolist()
    for x in numbers:
        assert function(Value(x)) == function(x)


# Statistics, norms and rounding, against PyTorch.

POINT = np.array([[0.3, -1.7, 2.2], [4.1, 0.9, -0.6]])
STATISTICS: dict[str, tuple[Callable, Callable]] = {
    "A.var()": (lambda a: a.var(ddof=1), lambda t: t.var()),
    "A.std()": (lambda a: a.std(), lambda t: t.std(correction=0)),
    "std by axis": (lambda a: a.std(axis=0).sum(), lambda t: t.std(0, correction=0).sum()),
    "norm": (np.linalg.norm, lambda t: t.norm()),
    "norm fro": (lambda a: np.linalg.norm(a, "fro"), lambda t: t.norm()),
    **{
        f"norm {order}": (
            lambda a, order=order: np.linalg.norm(a.ravel(), order),
            lambda t, order=order: t.ravel().norm(order),
        )
        for order in (1, 2, 3, np.inf)
    },
    **{
        f"norm {order} by axis": (
            lambda a, order=order: np.linalg.norm(a, order, axis=1).sum(),
            lambda t, order=order: t.norm(order, dim=1).sum(),
        )
        for order in (1, 2, 3, np.inf)
    },
    "norm of matrices": (
        lambda a: np.linalg.norm(a, 1) + np.linalg.norm(a, np.inf),
        lambda t: t.abs().sum(0).max() + t.abs().sum(1).max(),
    ),
    "clip": (lambda a: np.clip(a, -1.0, 2.0).sum(), lambda t: t.clamp(-1.0, 2.0).sum()),
    "round": (lambda a: (np.round(a) * a).sum(), lambda t: (t.round() * t).sum()),
    "round to digits": (
        lambda a: (np.round(a * 1.1, 1) * a).sum(),
        lambda t: ((t * 1.1).round(decimals=1) * t).sum(),
    ),
    "those that are numbers": (lambda a: (a[~np.isnan(a)] ** 2).sum(), lambda t: (t**2).sum()),
    "logaddexp": (lambda a: np.logaddexp(a[0], a[1]).sum(), lambda t: t[0].logaddexp(t[1]).sum()),
    "logaddexp of two": (
        lambda a: np.logaddexp(a[0, 0], a[1, 0]),
        lambda t: t[0, 0].logaddexp(t[1, 0]),
    ),
    "logaddexp of all": (
        lambda a: np.logaddexp.reduce(a.ravel()),
        lambda t: t.ravel().logsumexp(0),
    ),
    "tensordot": (lambda a: np.tensordot(a, a), lambda t: (t * t).sum()),
    "einsum": (lambda a: np.einsum("ij,kj->", a, a, optimize=True), lambda t: (t @ t.T).sum()),
}


OF_OUR_ARRAYS = {"those that are numbers", "logaddexp", "logaddexp of all"}
"""What numpy does not do with an array of its own that holds Values."""


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", STATISTICS)
def test_functions_of_arrays_are_those_of_pytorch(name: str) -> None:
    import torch

    ours, theirs = STATISTICS[name]
    there = torch.tensor(POINT, requires_grad=True)
    expected = theirs(there)
    expected.backward()
    value, gradient = value_and_grad(ours)(POINT)
    assert value == pytest.approx(expected.item(), rel=1e-14)
    assert gradient == pytest.approx(there.grad.numpy(), rel=1e-13, abs=1e-15)
    if name not in OF_OUR_ARRAYS:
        plain = np.array([[Value(x) for x in row] for row in POINT])
        assert as_value(ours(plain), "this test").data == pytest.approx(value, rel=1e-15)


def test_ties_share_the_derivative_in_functions_of_arrays() -> None:
    assert value_and_grad(lambda a: np.maximum(a, 1.0).sum())(np.array([1.0]))[1] == [0.5]
    assert value_and_grad(lambda a: np.clip(a, 1.0, 2.0).sum())(np.array([1.0]))[1] == [0.5]


@pytest.mark.parametrize(
    "compute", [np.linalg.det, np.linalg.inv, lambda a: np.linalg.norm(a, 2), np.cov, np.degrees]
)
def test_what_numpy_cannot_do_with_values_is_a_sentence(compute: Callable) -> None:
    with pytest.raises(TypeError, match="cannot follow the gradient of Values"):
        value_and_grad(compute)(np.eye(2))


def test_an_array_of_values_stays_one_and_answers_stay_plain() -> None:
    array = array_of([Value(1.0), Value(2.0)], (2,))
    kinds = [array + 1, array[:1], np.exp(array), np.linalg.norm(array[None], axis=1), array.T]
    assert [type(each) for each in kinds] == [ValueArray] * len(kinds)
    assert type(array > 1.0) is np.ndarray
    assert type(array.sum()) is Value
    before = array
    array += 1.0
    array *= Value(2.0)
    assert array is before
    assert data(np.asarray(array)).tolist() == [4.0, 6.0]
    plain = before = np.asarray(array)
    plain += Value(1.0)
    plain *= 2.0
    assert plain is before
    assert (type(plain), data(plain).tolist()) == (np.ndarray, [10.0, 14.0])
    assert data(pickle.loads(pickle.dumps(array_of([Value(3.0)], (1,))))).tolist() == [3.0]


# Arrays of floats, which cannot hold Values.


def stored(array: np.ndarray, x: Value) -> None:
    array[0] = x


def added(array: np.ndarray, x: Value) -> None:
    array += x


def all_added(array: np.ndarray, x: Value) -> None:
    array += array_of([x, x], (2,))


@pytest.mark.parametrize("store", [stored, added, all_added])
def test_storing_in_an_array_of_floats_names_the_type_it_needs(store: Callable) -> None:
    with pytest.raises(TypeError, match="dtype=object"):
        store(np.zeros(2), Value(1.0))
    array = np.zeros(2, dtype=object)
    store(array, Value(1.0))
    assert array[0].data == 1.0


@pytest.mark.parametrize("kind", [float, int, complex, bool, "U12", "S30"])
@pytest.mark.parametrize(
    "write",
    [
        lambda array, values: np.add(array, values, out=array),
        lambda array, values: np.exp(values, out=array),
        lambda array, values: np.add.at(array, [0, 1], values),
        lambda array, values: np.add.accumulate(values, out=array),
        lambda array, values: np.matmul(values.reshape(2, 1), [2.0], out=array),
    ],
)
def test_what_cannot_hold_values_is_refused_before_anything_is_written(
    write: Callable, kind: Any
) -> None:
    array = np.array([1, 0]).astype(kind)
    with pytest.raises(TypeError, match=r"cannot hold Values.*dtype=object"):
        write(array, array_of([2.0, Value(3.0)], (2,)))
    assert array.tolist() == np.array([1, 0]).astype(kind).tolist()


def test_a_list_is_no_array_to_add_values_into() -> None:
    with pytest.raises(TypeError, match="must be array"):
        np.add.at([0.0], [0], Value(1.0))


def test_numbers_beside_values_are_rounded_as_these_are() -> None:
    mixed = array_of([Value(1.2), 2.7], (2,))
    rounded, alone = mixed.round()
    assert (rounded.data, alone) == (1.0, 3.0)
    with pytest.raises(TypeError, match=r"Write math\.floor\(v\.data\)"):
        np.floor(mixed)


# Arrays of no axes.


def test_an_array_of_no_axes_is_what_it_holds() -> None:
    x = Value(2.0)
    assert Value(np.array(3.0)).data == 3.0
    assert as_value(np.array(x), "test") is x
    x.data = np.array(4.0)
    assert x.data == 4.0
    with pytest.raises(TypeError, match=r"not a Value.*detach\(\)"):
        Value(np.array(x))
    assert grad(x * np.array(3.0), np.array(x)) == 3.0
    value, gradient = value_and_grad(lambda a: np.tensordot(a, a))(np.array([1.0, 2.0])[None])
    assert (value, gradient.tolist()) == (5.0, [[2.0, 4.0]])


def test_functions_of_the_engine_on_arrays_of_values() -> None:
    array = values(2, 3)
    assert data(engine.tanh(array)) == pytest.approx(np.tanh(data(array)), rel=1e-15)
    assert data(engine.maximum(array, 0.5)) == pytest.approx(np.maximum(data(array), 0.5))
    assert data(engine.maximum(Value(2.0), ARRAY)).tolist() == np.maximum(2.0, ARRAY).tolist()
    chosen = engine.where(array > 0.5, array, 0.0)
    assert data(chosen) == pytest.approx(np.where(data(array) > 0.5, data(array), 0.0))
    assert engine.sum(array[0]).data == pytest.approx(data(array)[0].sum())
    assert engine.dot(array[0], ARRAY[0]).data == pytest.approx(data(array)[0] @ ARRAY[0])
    shares = engine.softmax(array[0])
    assert engine.sum(shares).data == pytest.approx(1.0)


def test_functions_of_the_engine_on_arrays_of_numbers() -> None:
    for array in (ARRAY, np.arange(3), np.ones(2, dtype=np.float32), np.array([])):
        assert type(engine.exp(array)) is np.ndarray
        assert engine.exp(array).dtype == np.float64
        assert engine.exp(array) == pytest.approx(np.exp(array), rel=1e-7)
    assert engine.maximum(ARRAY, 2.0).tolist() == np.maximum(ARRAY, 2.0).tolist()
    assert engine.log(np.array([0.0, -1.0])) == pytest.approx([-np.inf, np.nan], nan_ok=True)


def test_functions_of_the_engine_on_numpy_scalars() -> None:
    assert engine.tanh(np.float64(0.5)) == engine.tanh(0.5)
    assert engine.tanh(np.float32(0.5)) == engine.tanh(0.5)
    assert engine.pow(np.int64(2), np.int64(-1)) == 0.5


# Comparison.


def test_comparison_element_by_element() -> None:
    array = values(3)
    numbers = data(array)
    assert (array > 0.5).tolist() == (numbers > 0.5).tolist()
    assert (array == array).all()
    assert (array <= numbers).all()
    assert (numbers >= array).all()
    assert (Value(0.5) < numbers).tolist() == np.less(0.5, numbers).tolist()
    assert (numbers > Value(0.5)).tolist() == np.less(0.5, numbers).tolist()


def test_an_array_of_numbers_cannot_be_made_of_values() -> None:
    for attempt in (
        lambda: np.array([Value(1.0)], dtype=float),
        lambda: values(2).astype(float),
        lambda: np.float64(Value(1.0)),
        lambda: ARRAY.__setitem__((0, 0), Value(1.0)),
    ):
        with pytest.raises(TypeError, match=r"v\.data"):
            attempt()


# What numpy decides by comparisons or by calls of its own.


def test_clipping_one_value_gives_a_value_also_where_a_bound_holds() -> None:
    x = Value(0.5)
    for clipped, slope in [
        (np.clip(x, 0.0, 1.0), 1.0),
        (np.clip(x, 0.6, 1), 0.0),
        (np.clip(x, 0, 0.4), 0.0),
        (np.clip(x, 0.5, 1.0), 0.5),
        (np.clip(a=x, a_min=0.0, a_max=0.5), 0.5),
    ]:
        assert type(clipped) is Value
        assert grad(clipped, x) == slope
    bound = np.clip(0.2, x, 1.0)
    assert (bound.data, grad(bound, x)) == (0.5, 1.0)


@pytest.mark.parametrize(
    "question", [np.logical_and, np.logical_or, np.logical_xor], ids=lambda f: f.__name__
)
def test_whether_numbers_are_zero_is_answered_by_yes_or_no(question: np.ufunc) -> None:
    numbers, others = np.array([0.0, 2.0, 0.0, 3.0]), np.array([0.0, 0.0, 4.0, 5.0])
    ours = array_of([Value(x) for x in numbers], (4,))
    assert question(ours, others).tolist() == question(numbers, others).tolist()
    assert not isinstance(question(Value(2.0), Value(0.0)), Value)
    assert question(Value(2.0), Value(0.0)) == question(2.0, 0.0)
    assert np.logical_not(ours).tolist() == np.logical_not(numbers).tolist()


@pytest.mark.parametrize("function", [np.max, np.min, np.ptp, np.maximum.accumulate, np.amax])
def test_a_nan_is_not_masked_by_the_largest_of_an_array(function: Callable) -> None:
    numbers = np.array([1.0, np.nan, 2.0])
    found = function(array_of([Value(x) for x in numbers], (3,)))
    assert data(np.asarray(found, object)) == pytest.approx(function(numbers), nan_ok=True)


@pytest.mark.parametrize("function", [np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanprod])
def test_functions_that_leave_out_nan(function: Callable) -> None:
    numbers = np.array([np.nan, 1.5, 2.0])
    array = array_of([Value(x) for x in numbers], (3,))
    assert function(array).data == function(numbers)
    assert grad(function(array), array[0]) == 0.0


@pytest.mark.parametrize("function", [np.sin, np.sqrt, np.tanh, np.log1p, np.arctan, np.cbrt])
def test_numbers_of_python_beside_values_are_taken_by_functions(function: Callable) -> None:
    array = array_of([Value(0.5), 1, 2.5, True], (4,))
    found = function(array)
    assert found[0].data == pytest.approx(function(0.5), rel=1e-15)
    assert list(found[1:]) == [function(1.0), function(2.5), function(1.0)]
    both = np.logaddexp(array, True)
    assert both[3] == np.logaddexp(1.0, 1.0)  # of True and True it is a float of three digits
    value = grad(found[0], array[0])
    assert value == pytest.approx(grad(function(x := Value(0.5)), x), rel=1e-15)
    with pytest.raises(TypeError, match=r"numpy's deg2rad cannot follow the gradient"):
        np.deg2rad(array)


def test_a_result_put_into_an_array_of_values_is_that_of_the_row() -> None:
    numbers = np.array([np.nan, 1.0, 2.0])
    array = array_of([Value(x) for x in numbers], (3,))
    out = array_of([Value(0.0)] * 3, (3,))
    assert np.maximum(array, 1.0, out=out) is out
    assert data(out) == pytest.approx(np.maximum(numbers, 1.0), nan_ok=True)
    assert grad(out[1], array[1]) == 0.5
    whole = array_of([Value(0.0)] * 3, (3,))
    fraction, given = np.modf(np.array([1.5, 2.25, -3.5]), None, whole)
    assert fraction.tolist() == [0.5, 0.25, -0.5]
    assert given is whole
    assert whole.tolist() == [1.0, 2.0, -3.0]


def test_a_result_is_not_put_into_a_value() -> None:
    x = Value(0.5)
    with pytest.raises(TypeError, match="exp cannot follow the gradient"):
        np.exp(np.ones(()), out=x)
    assert x.data == 0.5


SPAN = np.timedelta64(2, "s")


@pytest.mark.parametrize("span", [SPAN, np.array([SPAN])], ids=str)
def test_a_span_of_time_is_no_number(span: object) -> None:
    x = Value(1.0)
    for attempt in (lambda: x * span, lambda: span * x, lambda: Value(span), lambda: span < x):
        with pytest.raises(TypeError, match=r"real numbers?, not"):
            attempt()


def test_counting_by_equality_is_refused() -> None:
    with pytest.raises(TypeError, match=r"histogramdd cannot follow.*data_vector"):
        np.histogramdd(values(4).view(ValueArray))


@pytest.mark.parametrize("kind", [np.longdouble, np.clongdouble])
@pytest.mark.parametrize("compare", [operator.eq, operator.ne])
def test_comparison_with_long_floats_ends(compare: Callable, kind: type) -> None:
    x, long = Value(0.5), kind("0.5")
    assert compare(x, long) == compare(long, x) == compare(0.5, 0.5)
    assert compare(np.array([long]), x).tolist() == compare(x, np.array([long])).tolist()
