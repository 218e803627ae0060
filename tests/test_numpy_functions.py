"""All public functions of numpy, called on Values in every way that they take numbers.

What comes out is compared with the same call on floats: each number of it, and how it moves when
an operand does. A result that moves must be a Value with that gradient; a plain number in it does
not move. Everything else is refused, so that nothing is silently cut off from its gradient; and
what is said to work in `TAKEN` is not refused.
"""

import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from glassgrad import Value, grad
from glassgrad.engine.arrays import ValueArray, array_of

NOT_ON_NUMBERS = {
    *("empty", "empty_like", "ids", "common_fill_value", "default_fill_value", "masked_all_like"),
    *("maximum_fill_value", "minimum_fill_value", "masked_all", "save", "savez", "savetxt"),
    *("savez_compressed", "load", "loadtxt", "fromfile", "genfromtxt", "fromregex", "fromstring"),
    *("info", "show_config", "show_runtime", "test", "set_printoptions", "seterr", "seterrcall"),
    *("setbufsize", "printoptions", "frombuffer"),
}
"""Functions whose results are addresses, files, settings, or whatever was in memory."""
OF_OBJECTS = {"logical_and", "logical_or", "histogramdd"}
"""Of arrays that are not of this library numpy asks Python: `v and w` is one of the two, and
`v == w` tells two Values with the same number apart."""

NUMBERS = np.array([[0.31, -0.72, 0.93, 0.56], [0.43, 0.22, -0.34, 0.81]])
"""Two operands, far from ties and from where something is rounded up or down."""
PLAIN = 1.0, 2.0, 3.0, 4.0
CHOICE = True, False, True, False
CALLS: dict[str, Callable] = {
    "f(x)": lambda f, x, y: f(x),
    "f(x, y)": lambda f, x, y: f(x, y),
    "f(x, 0.5)": lambda f, x, y: f(x, 0.5),
    "f(0.5, x)": lambda f, x, y: f(0.5, x),
    "f(x, 1)": lambda f, x, y: f(x, 1),
    "f(4, x)": lambda f, x, y: f(4, x),
    "f(x, 0.4, 0.6)": lambda f, x, y: f(x, 0.4, 0.6),
    "f(0.4, x, y)": lambda f, x, y: f(0.4, x, y),
    "f(x, 2, 2)": lambda f, x, y: f(x, 2, 2),
    "f(choice, x, y)": lambda f, x, y: f(np.array(CHOICE), x, y),
    "f([x, y])": lambda f, x, y: f([x, y]),
    "f([x, y], 1)": lambda f, x, y: f([x, y], 1),
    "f((x, 1.0))": lambda f, x, y: f((x, 1.0)),
    "f(plain, x)": lambda f, x, y: f(np.array(PLAIN), x),
    "f(x, plain)": lambda f, x, y: f(x, np.array(PLAIN)),
    "f(numbers, plain, x)": lambda f, x, y: f(np.array([1.1, 2.2]), np.array(PLAIN), x),
}
"""What is one operand too many is where an elementwise function puts its result."""


def values(numbers: np.ndarray, *shape: int) -> ValueArray:
    return array_of([Value(x) for x in numbers], shape)


FORMS: dict[str, tuple[Callable, Callable]] = {
    "a Value": (lambda x: Value(x[0]), lambda x: x[0]),
    "an array of this library": (lambda x: values(x, 4), np.array),
    "a table": (lambda x: values(x, 2, 2), lambda x: x.reshape(2, 2).copy()),
    "an array of objects": (lambda x: np.array([Value(one) for one in x]), np.array),
    "a list": (lambda x: [Value(one) for one in x], list),
}
"""How operands are made of four numbers, of Values and of floats."""
OBJECTS = {"an array of objects", "a list"}
RARE = {"a table", "an array of objects", "a list"}
MODULES = [np, np.linalg]


def functions_of(module: ModuleType) -> Iterator[tuple[str, Callable]]:
    for name in sorted(set(dir(module)) - NOT_ON_NUMBERS):
        function = getattr(module, name)
        if name[0] != "_" and callable(function) and not isinstance(function, type):
            yield name, function


def flat(result: Any) -> list[Any]:
    """The innermost parts of a result."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flat(part)]
    return list(result.flat) if isinstance(result, np.ndarray) else [result]


def numbers_of(result: Any) -> np.ndarray:
    """The numbers of a result.

    Raises:
        TypeError: it has other parts than Values and real numbers.
    """
    leaves = flat(result)
    if any(isinstance(leaf, (str, bytes)) for leaf in leaves):
        raise TypeError(f"{result!r} is text.")
    return np.array([x.data if isinstance(x, Value) else np.float64(x) for x in leaves])


def movement(function: Callable, point: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """By central differences, how each number of a result moves with each of both operands."""

    def moved(index: tuple[int, ...], by: float) -> np.ndarray:
        numbers = point.copy()
        numbers[index] += by
        return numbers_of(function(*numbers))

    indices = list(np.ndindex(*NUMBERS.shape))
    return np.array([(moved(i, step) - moved(i, -step)) / (2.0 * step) for i in indices])


def gradients(result: Any, leaves: list[list[Value]]) -> np.ndarray:
    """The same by backpropagation, by the Values of both operands; 0 for what is no Value."""
    found = np.zeros((NUMBERS.size, len(flat(result))))
    for column, node in enumerate(flat(result)):
        if isinstance(node, Value) and not node.is_constant:
            for operand, ours in enumerate(leaves):
                first = operand * NUMBERS.shape[1]
                found[first : first + len(ours), column] = grad(node, ours)
    return found


REFUSED = "is refused"


def problem(
    function: Callable, call: Callable, form: str, point: np.ndarray = NUMBERS
) -> str | None:
    """What is wrong with a call on Values; None if all is right, or it is not for numbers."""
    of_values, of_floats = FORMS[form]
    plain = lambda x, y: call(function, of_floats(x), of_floats(y))
    try:
        expected = numbers_of(plain(*point))
    except Exception:  # it takes no floats like that, each function in its own words
        return None
    operands = [of_values(x) for x in point]
    leaves = [list(np.asarray(operand, object).flat) for operand in operands]
    try:
        result = call(function, *operands)
    except Exception:  # by a sentence of this library, or of numpy
        return REFUSED
    found = numbers_of(result)
    if found.shape != expected.shape or not np.allclose(found, expected, 2e-15, 0, equal_nan=True):
        return f"gives {found}, not {expected}"
    sent, moves = gradients(result, leaves), movement(plain, point)
    # What is nan is not silent: it says that something has no derivative there.
    if np.allclose(sent, moves, atol=1e-5) or np.isnan(sent + moves).any():
        return None
    return f"gives {result!r}, which is cut off from what it depends on"


TAKEN = {
    "f(x)": """
        exp expm1 log log1p log2 log10 sqrt cbrt sin cos tan arcsin arccos arctan sinh cosh tanh
        arcsinh arctanh negative positive absolute fabs square reciprocal sign round isnan isfinite
        isinf signbit sum mean prod max min amax ptp var std cumsum nansum nanmean nanmax
        nanmin nanprod norm shape ndim size ravel transpose atleast_1d logical_not""",
    "f(x, y)": """
        add subtract multiply divide power arctan2 hypot maximum minimum logaddexp dot equal
        less greater less_equal greater_equal not_equal logical_and logical_or logical_xor""",
    "f(x, 0.5)": "add subtract multiply divide power arctan2 hypot maximum minimum logaddexp",
    "f(0.5, x)": "add subtract multiply divide power arctan2 hypot maximum minimum logaddexp",
    "f(x, 0.4, 0.6)": "clip",
    "f(choice, x, y)": "where",
    "f([x, y])": "stack concatenate",
    "f(plain, x)": "dot",
    "f(x, plain)": "dot",
}
NOT_IN = {
    "a Value": "sum mean prod max min amax ptp var std cumsum nansum nanmean nanmax nanmin "
    "nanprod norm ravel transpose atleast_1d concatenate",
    "a table": "",
    "an array of objects": "fabs isnan isfinite isinf signbit logaddexp logical_and logical_or "
    "logical_xor logical_not equal not_equal nansum nanmean nanmax nanmin nanprod",
}
"""What a form does not have, or what numpy does with an array of its own that holds Values."""
FEW = {"an array of this library", *NOT_IN}


@pytest.mark.parametrize("form", sorted(FEW))
@pytest.mark.parametrize("how", TAKEN)
def test_what_is_taken(how: str, form: str) -> None:
    left_out = NOT_IN.get(form, "").split()
    if how == "f(0.5, x)" and form != "a Value":
        left_out += ["arctan2", "hypot"]  # numpy asks the number for a method of that name
    names = [name for name in TAKEN[how].split() if name not in left_out]
    found = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name in names:
            function = getattr(np, name, None) or getattr(np.linalg, name)
            found[name] = problem(function, CALLS[how], form, np.abs(NUMBERS))
    assert {name: trouble for name, trouble in found.items() if trouble} == {}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=pytest.mark.slow if form in RARE else ()) for form in FORMS]
)
def test_no_function_of_numpy_cuts_off_silently(form: str, module: ModuleType) -> None:
    found = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, function in functions_of(module):
            for how, call in CALLS.items():
                if name in OF_OBJECTS and (form in OBJECTS or "[x, y]" in how):
                    continue
                if (trouble := problem(function, call, form)) not in (None, REFUSED):
                    found[f"{name}: {how}"] = trouble
    assert not found


@pytest.mark.parametrize("name", [name for name, _ in functions_of(np.ma)])
def test_functions_of_masked_arrays_take_no_number_out_of_a_value(name: str) -> None:
    """Which entries they mask in an array of objects is numpy's own matter."""
    function = getattr(np.ma, name)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = {how: problem(function, call, "a Value") for how, call in CALLS.items()}
    assert not [trouble for trouble in found.values() if trouble and "cut off" in trouble]
