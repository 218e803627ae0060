"""What may enter the engine as a number, and the sentences for everything else.

Every number is stored as a Python float (IEEE 754 double precision). Anything that would be
converted with a loss, such as a complex number or a text, is refused here, once, for the whole
engine. People come with the habits of micrograd, PyTorch, JAX and numpy: what they write first is
known here by name, and answered with what to write instead. Value derives from `Refusals`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from types import FrameType
from typing import Any, NoReturn, SupportsFloat

import numpy as np

from glassgrad.engine.text import clipped, describe

REAL = (float, int, Fraction, np.floating, np.integer, np.bool_)

_REMEDY = {
    complex: "Split it into real and imaginary parts, a Value for each.",
    np.complexfloating: "Split it into real and imaginary parts, a Value for each.",
    str: "Convert it first: float(text).",
    bytes: "Convert it first: float(text).",
    type(None): "Give a number.",
    Decimal: "Convert it first, if the loss is meant: float(x).",
    list: "Make one Value per element: [Value(x) for x in xs].",
    tuple: "Make one Value per element: [Value(x) for x in xs].",
    np.ndarray: "Make one Value per element: np.vectorize(Value, otypes=[object])(array).",
}


def is_real(number: object) -> bool:
    """Whether `number` is a real scalar the engine accepts (Values are not numbers)."""
    return isinstance(number, REAL)


def real(number: Any, role: str) -> float:
    """`number` as a float; `role` names it in errors, for example "Value(...)".

    Raises:
        TypeError: it is not a real scalar.
        OverflowError: it is an integer or a fraction beyond the range of floats.
    """
    if type(number) is float:
        return number
    if not isinstance(number, REAL):
        raise TypeError(f"{role} takes a real number, not {describe(number)}. {remedy(number)}")
    try:
        return float(number)
    except OverflowError:
        raise OverflowError(
            f"{role} got a number with no float near it (above 1.8e308); scale it down first."
        ) from None


def is_refused(thing: object) -> bool:
    """Whether `thing` is of a type that can never be an operand, so that the engine says so."""
    return isinstance(thing, tuple(_REMEDY)) or _is_tensor(thing)


def remedy(thing: object) -> str:
    """What to do instead of giving `thing` where a number belongs."""
    if isinstance(thing, Refusals):
        return "Give its number: v.data."
    if _is_tensor(thing):
        return "Convert it first: tensor.item(), or tensor.tolist() for several numbers."
    for kind, sentence in _REMEDY.items():
        if isinstance(thing, kind):
            return sentence
    if isinstance(thing, SupportsFloat):
        return "Convert it first: float(x)."
    return "Give an int, a float, a Fraction or a numpy real scalar."


def _is_tensor(thing: object) -> bool:
    """Whether `thing` is of PyTorch, which need not be installed to be asked."""
    return hasattr(type(thing), "__torch_function__") and not isinstance(thing, Refusals)


def not_a_float(number: Any, name: str, what: str) -> str:
    """The value or a derivative of an operation is no real number."""
    if isinstance(number, complex):
        remedy = "Write pow(x, y) instead of x ** y, which leaves the real numbers where x < 0."
    else:
        remedy = (
            "At floats it has to give a float: choose with where(...), and compute with numbers."
        )
    return f"The {what} of {name} is {describe(number)}. {remedy}"


def not_defined(name: str) -> str:
    """An operation of somebody's own is asked for by name."""
    return (
        f"An operation of your own has to be defined first, as it was where this was made: "
        f"operation({clipped(name)!r}, ...)."
    )


def refuse_name(name: object, why: str) -> str:
    """An operation cannot have a name."""
    return f"operation({describe(name)}, ...): the name {why}. Choose another one, such as 'cube'."


def value_of_a_value(node: str) -> str:
    """A Value is given where a number belongs; `node` is its name and number."""
    return (
        f"Value(...) takes a number, not a Value ({node}). "
        "Use the Value itself, +v for a copy in the graph, or v.detach() for a constant."
    )


def assigned_a_value(node: str) -> str:
    """A Value is assigned to .data or .grad."""
    return f"v.data and v.grad hold numbers, not Values ({node}). Assign its .data."


def foreign_function(function: str, written: str | None) -> str:
    """A function of another library is called on Values; `written` is how to write it here."""
    remedy = written or "the methods of Value, such as v.tanh(), or the functions of glassgrad"
    verb = "Write" if written else "Use"
    return f"{clipped(function)} cannot follow the gradient of a Value. {verb} {remedy}."


def copied(node: str, operation: object) -> str:
    """An inner node is copied or pickled."""
    return (
        f"Cannot copy or pickle {node}: it is the result of {operation!r} "
        "and would take its whole graph along. Copy v.detach(), or the leaves."
    )


def no_operand(operand: object, role: str) -> str:
    """Something that is no Value and no number is given to an operation."""
    return f"{role} takes Values and real numbers, not {describe(operand)}. {remedy(operand)}"


def backward_of_constant(node: str) -> str:
    """backward() of what depends on nothing."""
    return (
        f"backward() of the constant {node}: it came from detach(), no_grad() or a plain "
        "number, so it depends on nothing. Compute it from Values, outside no_grad()."
    )


def backward_with(argument: str) -> str:
    """backward() with an argument of another library."""
    return (
        f"backward() has no argument {argument!r}. The graph is kept as long as something refers "
        "to it; for a gradient that is a graph write grad(y, x, differentiable=True)."
    )


def grad_by_constant(node: str) -> str:
    """Grad by what no gradient flows to."""
    return (
        f"grad by the constant {node}: it came from detach(), no_grad() or a plain "
        "number, so no gradient flows to it. Differentiate by a Value(...)."
    )


GRAD_OF_FUNCTION = (
    " Of a function f, value_and_grad(f)(x) gives (value, gradient), "
    "and lambda x: value_and_grad(f)(x)[1] is the gradient as a function."
)


def grad_without_by(argument: str | None) -> str:
    """grad(y) without what to differentiate by, or with an argument of another library."""
    problem = f"has no argument {argument!r}" if argument else "lacks the second one"
    if argument == "create_graph":
        return "grad(y, xs) has no argument 'create_graph'. Write grad(y, x, differentiable=True)."
    if argument == "grad_outputs":
        return "grad(y, xs) has no argument 'grad_outputs'. Differentiate y * g instead of y."
    return (
        f"grad(y, xs) {problem}: it takes a Value and what to differentiate it by. "
        "Write grad(y, x), or grad(y, [x, w])."
    )


def released(node: str) -> str:
    """A graph is used after forget()."""
    return (
        f"The graph behind {node} was released by forget(), which released "
        "everything it shared with other results too. Compute it again."
    )


# Habits, and conversions that would cut a gradient.

_NUMBER = "v.data is the number"
_ONE = "A Value is one number"
_LEAF = "every Value takes part in gradients; v.detach() gives a constant, and no_grad() many"
_GRAPH = "draw(v) shows the graph"

HABITS = {
    # of micrograd
    "_prev": "v.parents are its operands.",
    "_op": "v.operation is what made it; None for a leaf.",
    "_backward": "v.partials are its local derivatives; v.backward() applies the chain rule.",
    # of PyTorch and JAX
    "item": f"{_NUMBER}.",
    "numpy": f"{_NUMBER}; data_vector(values) is an array of several.",
    "tolist": f"{_NUMBER}; [v.data for v in values] those of several.",
    "value": f"{_NUMBER}.",
    "gradient": "v.grad is its gradient, after backward().",
    "requires_grad": f"Write Value(...) and nothing more: {_LEAF}.",
    "requires_grad_": f"Write Value(...) and nothing more: {_LEAF}.",
    "retain_grad": "Every node keeps its gradient: read v.grad after backward().",
    "grad_fn": f"v.operation is what made it, and v.parents are its operands; {_GRAPH}.",
    "is_leaf": "A leaf is a Value without operands: not v.parents.",
    "clone": "+v is the same number as a node of its own; v.detach() is cut off from the graph.",
    "copy": "+v is the same number as a node of its own; v.detach() is cut off from the graph.",
    "zero_grad": "Write v.grad = 0.0, or zero_grad(values) for several.",
    "zero_": "Write v.data = 0.0, or v.grad = 0.0 for its gradient.",
    # of arrays
    "shape": f"{_ONE}, and has no axes.",
    "ndim": f"{_ONE}, and has no axes.",
    "size": f"{_ONE}; a list of them has len(values).",
    "T": f"{_ONE}, and has no axes. Of an array of Values it is np.array(rows).T.",
    "reshape": f"{_ONE}, and has no axes. Make an array of several: np.array(values).reshape(...).",
    "view": f"{_ONE}, and has no axes. Make an array of several: np.array(values).reshape(...).",
    "squeeze": f"{_ONE}, and has no axes.",
    "unsqueeze": f"{_ONE}, and has no axes. Write [v] for a list of one.",
    "flatten": f"{_ONE}, and has no axes.",
    "astype": f"{_ONE}, kept as a float: {_NUMBER}.",
    "to": f"{_ONE}, kept as a float: there is no device or type to choose.",
    "cpu": f"{_ONE}, kept as a float: there is no device to choose.",
    "cuda": f"{_ONE}, kept as a float: there is no device to choose. compiled(f) makes it fast.",
    "float": f"{_ONE}, kept as a float: {_NUMBER}.",
    "double": f"{_ONE}, kept as a float: {_NUMBER}.",
    "int": f"{_ONE}, kept as a float: int(v.data) is a whole number.",
    "long": f"{_ONE}, kept as a float: int(v.data) is a whole number.",
    "round": f"{_NUMBER}: round(v.data, 2).",
    "floor": f"{_NUMBER}: math.floor(v.data).",
    "ceil": f"{_NUMBER}: math.ceil(v.data).",
    "matmul": f"{_ONE}. Of two sequences it is dot(ws, xs).",
    "argmax": f"{_ONE}. Of several it is np.argmax(data_vector(values)).",
    "argmin": f"{_ONE}. Of several it is np.argmin(data_vector(values)).",
    **{
        name: f"{_ONE}. Of several it is {name}(values), a function of glassgrad.engine."
        for name in ("dot", "sum", "mean", "prod", "max", "min", "softmax", "logsumexp")
    },
    "std": f"{_ONE}. Of several it is np.std(np.array(values)).",
    "var": f"{_ONE}. Of several it is np.var(np.array(values)).",
}
"""What people look for on a Value, and the sentence that says where it is."""


class Habit:
    """A name that Value does not have: looked up, it says what to write instead.

    It is an attribute of the class, since a `__getattr__` would make every attribute slow.
    """

    def __init__(self, name: str, remedy: str) -> None:
        self.name, self.remedy = name, remedy
        self.__doc__ = f"Not there. {remedy}"

    def __get__(self, node: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__} has no {self.name}. {self.remedy}")


class Refusals:
    """The conversions and operators that a Value refuses, each with what to write instead.

    A checker of a test library may have the number: nothing is computed from it further.
    """

    __slots__ = ()

    def __dir__(self) -> Any:
        """The names that are there, without the habits."""
        return [name for name in super().__dir__() if name not in HABITS]

    def __float__(self) -> float:
        return _number_for_test(self, _conversion(self, "float"))

    def __int__(self) -> int:
        raise TypeError(_conversion(self, "int"))

    def __complex__(self) -> complex:
        raise TypeError(_conversion(self, "complex"))

    def __round__(self, digits: int | None = None) -> Any:
        call = "round(v)" if digits is None else f"round(v, {digits})"
        remedy = call.replace("v", "v.data")
        return round(_number_for_test(self, _rounding(self, call, remedy)), digits)

    def __floor__(self) -> int:
        raise TypeError(_rounding(self, "math.floor(v)", "math.floor(v.data)"))

    def __ceil__(self) -> int:
        raise TypeError(_rounding(self, "math.ceil(v)", "math.ceil(v.data)"))

    def __trunc__(self) -> int:
        raise TypeError(_rounding(self, "math.trunc(v)", "math.trunc(v.data)"))

    def __floordiv__(self, other: object) -> NoReturn:
        raise TypeError(_rounding(self, "v // x", "v.data // x, or v / x for the quotient"))

    def __rfloordiv__(self, other: object) -> NoReturn:
        raise TypeError(_rounding(self, "x // v", "x // v.data, or x / v for the quotient"))

    def __mod__(self, other: object) -> NoReturn:
        raise TypeError(_remainder(self, "v % x", "v - x * math.floor(v.data / x)"))

    def __rmod__(self, other: object) -> NoReturn:
        raise TypeError(_remainder(self, "x % v", "x - v * math.floor(x / v.data)"))

    def __divmod__(self, other: object) -> NoReturn:
        raise TypeError(_remainder(self, "divmod(v, x)", "divmod(v.data, x)"))

    def __rdivmod__(self, other: object) -> NoReturn:
        raise TypeError(_remainder(self, "divmod(x, v)", "divmod(x, v.data)"))


for _name, _remedy in HABITS.items():
    setattr(Refusals, _name, Habit(_name, _remedy))


def name(node: Any) -> str:
    """A node, or a plain number, for an error message: its label and its number."""
    if isinstance(node, float):
        return f"{node:.6g}"
    number = f"{node._data:.6g}"
    return f"{clipped(node.label)} = {number}" if node.label else number


def names(nodes: Sequence[Any]) -> str:
    """Operands for an error message: of many, only a few, first of all those not finite."""
    if len(nodes) <= _MOST_NAMES:
        return ", ".join(map(name, nodes))
    numbers = [node if isinstance(node, float) else node._data for node in nodes]
    odd = [node for node, number in zip(nodes, numbers) if not isfinite(number)]
    shown = (odd or nodes)[:_FEW_NAMES]
    return f"{', '.join(map(name, shown))} and {len(nodes) - len(shown):,} more"


_MOST_NAMES, _FEW_NAMES = 8, 4


def checked_label(label: Any, *others: object) -> str | None:
    """The label of a Value, if it is one; `others` are what else `Value(...)` was given.

    Raises:
        TypeError: it is neither text nor None, or there are others.

    >>> checked_label("x"), checked_label(None)
    ('x', None)
    """
    if others or (isinstance(label, tuple) and any(isinstance(x, Refusals) for x in label)):
        raise TypeError(
            "Value(data, label) makes a leaf, and takes neither operands nor an operation: those "
            "are recorded as you compute. Write v * v, or operation(...) for one of your own."
        )
    if label is None or isinstance(label, str):
        return label
    raise TypeError(f"A label is text, not {describe(label)}. Write label=str(...).")


_TESTING = ("_pytest.", "unittest.", "numpy.testing.")
"""How the modules of checkers begin: pytest.approx, assertAlmostEqual and numpy's assert_allclose
want the number of a Value, and say only yes or no."""


def is_checker(frame: FrameType) -> bool:
    """Whether code of a library for tests is running."""
    return str(frame.f_globals.get("__name__", "")).startswith(_TESTING)


def _number_for_test(node: Any, refusal: str) -> float:
    """The number, if a checker of tests asks the method that called this for it."""
    if not is_checker(sys._getframe(2)):
        raise TypeError(refusal)
    number: float = node.data
    return number


def _conversion(node: Any, kind: str) -> str:
    storing = " An array that holds Values is made with dtype=object." * (kind == "float")
    return (
        f"{kind}(v) and the functions of math would cut {name(node)} off from its gradient. "
        "Use the methods of Value, such as v.tanh(), or the functions of glassgrad; "
        f"{kind}(v.data) for the number.{storing}"
    )


def _rounding(node: Any, call: str, remedy: str) -> str:
    return (
        f"{call} rounds, so that no gradient would flow to {name(node)}. "
        f"Write {remedy}; f'{{v:.2f}}' to show fewer digits."
    )


def _remainder(node: Any, call: str, remedy: str) -> str:
    return (
        f"{call} is no operation that a gradient of {name(node)} could flow through. "
        f"Write {remedy}."
    )
