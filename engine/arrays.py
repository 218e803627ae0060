"""What numpy makes of Values: its functions on one of them, and on arrays of them.

numpy computes with an array of objects by their own operators and methods: `A * B` multiplies,
`np.exp(A)` calls `v.exp()`, `A.var()` calls `v.conjugate()`. Value derives from `Numeric`, which
has the methods that no row of the table gives. Where numpy has no way for objects, as in
`np.isnan(A)`, it needs an array that knows one: a `ValueArray`, which this library makes wherever
it makes an array of Values. Next: `tree.py`, which takes arrays and other sequences.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from glassgrad.engine.misuse import is_checker

row_of_ufunc: dict[str, Callable[..., Any]] = {
    question.__name__: lambda node, question=question: question(node.data)
    for question in (np.isnan, np.isfinite, np.isinf, np.signbit)
}
"""What numpy's functions, by name, make of Values: those that ask about the number alone answer
yes or no; `serve` adds the operations of the table."""

_FURTHER = {"clip": "clip", "fabs": "abs", "float_power": "pow", "logaddexp": "logsumexp"}
"""Functions of numpy that are written with an operation of another name."""
_OURS = {"maximum", "minimum", "clip", "sign", "fabs"}
"""Functions that numpy makes of comparisons of objects, which know no tie and no gradient, or of
methods that Values have under other names."""
_RIDDLES = ("ufunc ", "loop of ufunc ", "Cannot cast ")
"""How the errors begin with which numpy says that it cannot do something with objects."""


def serve(row: Any) -> None:
    """Let a row of the table answer for numpy's functions, on Values and arrays of them."""
    for ufunc, name in _FURTHER.items():
        if name == row.name:
            row_of_ufunc.setdefault(ufunc, row)
    if isinstance(row.array, np.ufunc):
        row_of_ufunc.setdefault(row.array.__name__, row)
    function = getattr(np, row.name, None)
    if isinstance(function, np.ufunc):
        row_of_ufunc[function.__name__] = row


def has_parts(kind: type) -> bool:
    """Whether things of a type can be iterated over, a text too."""
    return hasattr(kind, "__iter__") or (hasattr(kind, "__getitem__") and hasattr(kind, "__len__"))


class Numeric:
    """What numpy, and Python's `numbers`, expect of a real number."""

    __slots__ = ()

    dtype = np.dtype(object)
    """The type of an array of Values; numpy asks the result of its reductions for it."""

    @property
    def real(self) -> Any:
        """The number itself, as it is real."""
        return self

    @property
    def imag(self) -> float:
        """0.0, as the number is real."""
        return 0.0

    def conjugate(self) -> Any:
        """The number itself, as it is real; numpy's variance and norms ask for it."""
        return self

    def rint(self) -> Any:
        """The nearest whole number, for `np.round`: a constant, since its derivative is 0."""
        node: Any = self
        return type(node)(float(np.rint(node.data))).detach()

    @property
    def __array__(self) -> Callable[..., Any]:
        """The number as an array for numpy.testing alone, which else knows no objects."""
        if not is_checker(sys._getframe(1)):
            raise AttributeError  # the quickest way: numpy asks every element
        node: Any = self
        return lambda dtype=None, copy=None: np.array(node.data, dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        """What one of numpy's functions makes of Values, alone or together with arrays."""
        row = row_of_ufunc.get(ufunc.__name__)
        if row is not None and method == "__call__" and not named:
            return row(*[np.asarray(x) if has_parts(type(x)) else x for x in inputs])
        if any(isinstance(x, Numeric) for x in named.get("out", ())):
            raise TypeError(_sentence(ufunc.__name__))
        with np.errstate(invalid="ignore"):  # a comparison with nan is simply False
            return _run(ufunc, method, list(map(_boxed, inputs)), named)


class ValueArray(np.ndarray):
    """An array of Values on which also those functions work that numpy has not for objects.

    It is an array like any other; `np.asarray(A)` is a plain one of the same Values.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        plain = list(map(_plain, inputs))
        out = named.get("out")
        if out is not None:
            named["out"] = tuple(map(_plain, out))
        elif (
            method != "at"
            and any(getattr(x, "dtype", None) == Numeric.dtype for x in plain)
            and _goes_one_by_one(ufunc, method)
        ):
            ufunc = np.frompyfunc(ufunc, ufunc.nin, ufunc.nout)
        found = _run(ufunc, method, plain, named)
        if out is not None:
            return out[0] if len(out) == 1 else out
        return tuple(map(_fitting, found)) if isinstance(found, tuple) else _fitting(found)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, inputs: Any, named: Any
    ) -> Any:
        try:
            return _fitting(super().__array_function__(function, types, inputs, named))
        except (TypeError, AttributeError) as fault:
            if isinstance(fault, TypeError) and not str(fault).startswith(_RIDDLES):
                raise
            raise TypeError(_sentence(function.__name__)) from None


def array_of(flat: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Floats as an array of floats; Values, or both, as a `ValueArray`."""
    are_floats = all(isinstance(x, float) for x in flat)
    array: Any = np.empty(len(flat), float if are_floats else object)
    array[:] = flat
    return (array if are_floats else array.view(ValueArray)).reshape(shape)


def _run(ufunc: np.ufunc, method: str, inputs: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """A function of numpy on plain arrays, with a sentence for what it cannot do with Values."""
    try:
        return getattr(ufunc, method)(*inputs, **named)
    except TypeError as fault:
        if not str(fault).startswith(_RIDDLES):
            raise
        is_stored = any(x is not None and x.dtype != Numeric.dtype for x in named.get("out", ()))
        raise TypeError(_STORED if is_stored else _sentence(ufunc.__name__)) from None


_STORED = (
    "An array of floats cannot hold Values, whose gradient would be cut off. Make it an array of "
    "objects: np.zeros(n, dtype=object)."
)


def _sentence(function: str) -> str:
    return (
        f"numpy's {function.removesuffix(' (vectorized)')} cannot follow the gradient of Values. "
        "Compute it with operators and the functions of glassgrad, such as maximum or logsumexp; "
        "for the numbers alone give it v.data, or data_vector(values)."
    )


def _goes_one_by_one(ufunc: np.ufunc, method: str) -> bool:
    if ufunc.__name__ in _OURS:
        return method == "__call__"
    return not any("O" in signature for signature in ufunc.types)


def _fitting(found: Any) -> Any:
    """A result as what it is: an array of Values, or of answers yes and no."""
    if not isinstance(found, np.ndarray) or found.dtype != object:
        return found
    if found.size and all(isinstance(x, (bool, np.bool_)) for x in found.flat):
        return found.astype(bool)
    return found.view(ValueArray)


def _plain(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, ValueArray) else _boxed(x)


def _boxed(x: Any) -> Any:
    """A Value as an array of no axes, which numpy computes with; everything else as it is."""
    if not isinstance(x, Numeric):
        return x
    box = np.empty((), object)
    box[()] = x
    return box
