"""What may enter the engine as a number, and the sentences for everything else.

Every number is stored as a Python float (IEEE 754 double precision). Anything that would be
converted with a loss, such as a complex number or a string, is refused here, once, for the whole
engine. What people know from other libraries is answered by name. Next: `op.py`.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any, SupportsFloat

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
    return hasattr(type(thing), "__torch_function__")


def not_a_float(number: Any, name: str, what: str) -> str:
    """The value or a derivative of an operation is no real number."""
    if isinstance(number, complex):
        remedy = "Write pow(x, y) instead of x ** y, which leaves the real numbers where x < 0."
    else:
        remedy = "At floats it has to give a float: choose with where(...), and compute with numbers."
    return f"The {what} of {name} is {describe(number)}. {remedy}"


def not_defined(name: str) -> str:
    """An operation of somebody's own is asked for by name."""
    return (
        f"There is no operation called {clipped(name)} here. One of your own has to be defined "
        f"first, as it was where this was saved: operation({clipped(name)!r}, ...)."
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


def conversion(node: str, kind: str) -> str:
    """float(v), int(v) and the functions of math."""
    return (
        f"{kind}(v) and the functions of math would cut {node} off from its gradient. "
        "Use the methods of Value, such as v.tanh(), or the functions of glassgrad; "
        f"{kind}(v.data) for the number."
    )


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


def no_label(label: object) -> str:
    """A label that is no text."""
    return f"A label is text, not {describe(label)}. Write label=str(...)."


def no_operand(operand: object, role: str) -> str:
    """Something that is no Value and no number is given to an operation."""
    return f"{role} takes Values and real numbers, not {describe(operand)}. {remedy(operand)}"


def backward_of_constant(node: str) -> str:
    """backward() of what depends on nothing."""
    return (
        f"backward() of the constant {node}: it came from detach(), no_grad() or a plain "
        "number, so it depends on nothing. Compute it from Values, outside no_grad()."
    )


def grad_by_constant(node: str) -> str:
    """grad by what no gradient flows to."""
    return (
        f"grad by the constant {node}: it came from detach(), no_grad() or a plain "
        "number, so no gradient flows to it. Differentiate by a Value(...)."
    )


def released(node: str) -> str:
    """A graph is used after forget()."""
    return (
        f"The graph behind {node} was released by forget(), which released "
        "everything it shared with other results too. Compute it again."
    )
