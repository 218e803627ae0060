"""What may enter the engine as a number, and the sentence for everything else.

Every number is stored as a Python float (IEEE 754 double precision). Anything
that would be converted with a loss, such as a complex number or a string, is refused
here, once, for the whole engine. Next: `operation.py`.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any, SupportsFloat

import numpy as np

from glassgrad.engine.text import describe

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
