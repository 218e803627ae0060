"""What numpy makes of Values: its functions on one of them, and on arrays of them.

numpy computes with an array of objects by their own operators and methods: `A * B` multiplies,
`A.var()` calls `v.conjugate()`. Value derives from `Numeric`, which has the methods that no row of
the table gives. Where numpy has no way for objects, as in `np.isnan(A)`, or a row knows better, as
in `np.exp(A)`, it needs an array that knows one: a `ValueArray`, which this library makes wherever
it makes an array of Values. And functions of a user's get arrays that they cannot write to. Next:
`tree.py`, which takes arrays and other sequences.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from glassgrad.engine.misuse import Habit, is_checker, no_operand

_FURTHER = {"clip": "clip", "fabs": "abs", "float_power": "pow", "logaddexp": "logsumexp"}
"""Functions of numpy that are written with an operation of another name."""
_ASKING = (
    *(np.isnan, np.isfinite, np.isinf, np.signbit),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
)
_COMPARISONS = set("equal not_equal less less_equal greater greater_equal".split())
_BY_OPERATORS = _COMPARISONS | set(
    "add subtract multiply divide power negative positive absolute square reciprocal matmul "
    "vecdot matvec vecmat floor_divide remainder divmod conjugate".split()
)
"""Functions that numpy makes of the operators and methods of objects, which are those of Values."""
_BY_COMPARING = set(
    "histogram histogramdd in1d intersect1d isin nan_to_num setdiff1d setxor1d union1d unique "
    "unique_all unique_counts unique_inverse unique_values argmax argmin argpartition argsort "
    "lexsort median partition percentile quantile searchsorted sort sort_complex".split()
)
"""Functions that ask whether numbers are equal, by the == that tells Values apart, or put them in
order, where comparisons of objects know no place for a nan."""
_SHORT: dict[Any, type] = {np.dtype(np.longdouble): float, np.dtype(np.clongdouble): complex}
_BY_ONE = " (vectorized)"
"""How numpy marks a function that is called on one object after the other."""
_RIDDLES = ("ufunc ", "loop of ufunc ", "Cannot cast ")
"""How the errors begin with which numpy says that it cannot do something with objects."""


row_of_ufunc: dict[str, Callable[..., Any]] = {
    question.__name__: lambda *asked, question=question: question(*map(_number, asked))
    for question in _ASKING
}
"""What numpy's functions, by name, make of Values: those that ask about the number alone answer
yes or no; Python's say why they do not round a Value; `serve` adds the operations of the table."""
row_of_ufunc |= {"floor": math.floor, "ceil": math.ceil, "trunc": math.trunc}
row_of_ufunc["rint"] = lambda x: x.rint() if isinstance(x, Numeric) else float(np.rint(x))


def serve(row: Any) -> None:
    """Let a row of the table answer for numpy's functions, on Values and arrays of them."""
    if not hasattr(np.ndarray, row.name):  # of an array it is no method
        remedy = f"It holds several Values: write [v.{row.name}(...) for v in A]."
        setattr(ValueArray, row.name, Habit(row.name, remedy))
    own = getattr(np, row.name, None)
    for ufunc in (own, row.array):
        if isinstance(ufunc, np.ufunc) and (ufunc is own or ufunc.__name__ not in row_of_ufunc):
            row_of_ufunc[ufunc.__name__] = row
    for title, name in _FURTHER.items():
        if name == row.name:
            row_of_ufunc.setdefault(title, row)


def has_parts(kind: type) -> bool:
    """Whether things of a type can be iterated over, a text too."""
    return hasattr(kind, "__iter__") or (hasattr(kind, "__getitem__") and hasattr(kind, "__len__"))


def check_unmasked(given: Any, role: str = "The array") -> None:
    """Refuse an array with masked entries, behind which stand numbers that nobody meant."""
    if hasattr(given, "mask") and np.ma.is_masked(given):
        raise TypeError(f"{role} has masked entries. Leave them out, or fill them: .filled(0).")


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
        is_plain = method == "__call__" and not named
        if row and is_plain and not any(map(has_parts, map(type, inputs))):
            return row(*inputs)
        found = _computed(ufunc, method, inputs, named)
        return found if "out" in named else _opened(found)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, inputs: Any, named: Any
    ) -> Any:
        """What any other function of numpy makes of Values: of arrays of no axes that hold them."""
        boxed, named = _boxed_in(inputs), {key: _boxed_in(x) for key, x in named.items()}
        # Not asking again who answers: an array that is taken apart gives the Values themselves.
        return _opened(_told(function, function._implementation, boxed, named))  # type: ignore[attr-defined]


class ValueArray(np.ndarray):
    """An array of Values, and numbers of Python, on which also those functions work that numpy has
    not for objects; `np.asarray(A)` is a plain one of the same Values.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        return _computed(ufunc, method, inputs, named)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, inputs: Any, named: Any
    ) -> Any:
        call = super().__array_function__
        return _fitting(_told(function, call, (function, types, inputs, named), {}))


def array_of(flat: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Floats as an array of floats; Values, or both, as a `ValueArray`."""
    are_floats = all(isinstance(x, float) for x in flat)
    array: Any = np.empty(len(flat), float if are_floats else object)
    array[:] = flat
    return (array if are_floats else array.view(ValueArray)).reshape(shape)


def locked(array: Any) -> Any:
    """A view of an array that cannot be written to; everything else as it is."""
    if not isinstance(array, np.ndarray):
        return array
    found = array.view()
    found.flags.writeable = False
    return found


def call_locked(title: str, function: Callable[..., Any], *arrays: Any) -> Any:
    """What a function of a user's makes of arrays, which others read too: it cannot write to them.

    The ValueError says by its `title` which function tries to.
    """
    try:
        return function(*map(locked, arrays))
    except ValueError as fault:
        if "read-only" not in str(fault):
            raise
        raise ValueError(
            f"{title} writes into an array that it is given, and others read that too. Make a new "
            "one, x * 2 instead of x *= 2 or out=x; or write into a copy, x.copy()."
        ) from fault


def _computed(ufunc: np.ufunc, method: str, inputs: Sequence[Any], named: dict[str, Any]) -> Any:
    """What one of numpy's functions makes of Values and arrays: by their operators, or else by a
    row of the table, on one after the other.
    """
    if ufunc is np.not_equal and inputs[0] is inputs[-1]:  # so numpy asks objects for nan
        return np.isnan(*inputs[:1])
    plain = [_boxed(x) for x in inputs]
    title, out = ufunc.__name__.removesuffix(_BY_ONE), named.get("out", ())
    is_call, row = method == "__call__", row_of_ufunc.get(title)
    asks = ufunc in _ASKING or title in _COMPARISONS
    if any(isinstance(each, Numeric) for each in out):
        raise TypeError(_sentence(title))
    if not asks:
        _check_holds(plain[:1] if method == "at" else out)
    by_operators = title in _BY_OPERATORS or (not is_call and ufunc in _ASKING)
    by_operators |= all(set(kinds) <= set("O->") for kinds in ufunc.types)  # as of np.vectorize
    if is_call and row and any(map(_holds_numbers, plain)):
        by_operators = False  # those of plain numbers raise where IEEE 754 has a value
    if not by_operators and any(map(_holds_objects, plain)):
        if row is None or named.get("dtype") not in (None, object):
            raise TypeError(_sentence(title))
        ufunc = np.frompyfunc(row, ufunc.nin, ufunc.nout, identity=None)
    if out:
        named["out"] = tuple(map(_boxed, out))
        if asks:  # answers are yes or no, in an array of objects or of such
            named.setdefault("casting", "unsafe")
    try:
        with np.errstate(invalid="ignore"):  # a comparison with nan is simply False
            found = getattr(ufunc, method)(*plain, **named)
    except (TypeError, AttributeError) as fault:
        raise _in_words(fault, title) from None
    found = found if isinstance(found, tuple) else (found,)
    out = out or (None,) * len(found)
    fitting = [_fitting(new) if given is None else given for given, new in zip(out, found)]
    return fitting[0] if len(fitting) == 1 else tuple(fitting)


def _check_holds(arrays: Iterable[Any]) -> None:
    for each in arrays:
        if isinstance(each, np.ndarray) and each.dtype != object:
            raise TypeError(
                f"An array of {each.dtype} cannot hold Values, whose gradient would be cut off. "
                "Make it an array of objects: np.zeros(n, dtype=object)."
            )


def _told(
    function: Callable[..., Any],
    call: Callable[..., Any],
    inputs: Sequence[Any],
    named: Mapping[str, Any],
) -> Any:
    """The result of a call, with a sentence for what numpy's function cannot do with Values."""
    if function.__name__ in _BY_COMPARING:
        raise TypeError(_sentence(function.__name__))
    try:
        return call(*inputs, **named)
    except (TypeError, AttributeError) as fault:
        raise _in_words(fault, function.__name__) from None


def _in_words(fault: Exception, title: str) -> Exception:
    """An error in a sentence, if it is a riddle of numpy's."""
    is_riddle = isinstance(fault, AttributeError) or str(fault).startswith(_RIDDLES)
    return TypeError(_sentence(title)) if is_riddle else fault


def _sentence(title: str) -> str:
    whose = "numpy's" if hasattr(np, title) else "The array function"
    return (
        f"{whose} {title} cannot follow the gradient of Values. "
        "Compute it with operators and the functions of glassgrad, such as maximum or logsumexp; "
        "for the numbers alone give it v.data, or data_vector(values)."
    )


def _number(asked: Any) -> Any:
    node: Any = asked
    return node.data if isinstance(asked, Numeric) else asked


def _holds_objects(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == object


def _holds_numbers(x: Any) -> bool:
    return _holds_objects(x) and not all(isinstance(each, Numeric) for each in x.flat)


def _fitting(found: Any) -> Any:
    """A result as what it is: an array of Values, or of answers yes and no."""
    if not isinstance(found, np.ndarray) or found.dtype != object:
        return found
    if found.size and all(isinstance(x, (bool, np.bool_)) for x in found.flat):
        return found.astype(bool)
    return found.view(ValueArray)


def _boxed(x: Any) -> Any:
    """A Value as an array of no axes, which numpy computes with, and a `ValueArray` as a plain one;
    long floats numpy would give to the operators of Values as what asks numpy again.
    """
    if isinstance(x, Numeric):
        box = np.empty((), object)
        box[()] = x
        return box
    if isinstance(x, ValueArray):
        return x.view(np.ndarray)
    check_unmasked(x)
    kind = getattr(x, "dtype", None)
    if kind is not None and kind.kind in "mM":
        raise TypeError(no_operand(x, "An operation"))
    return x.astype(_SHORT[kind]) if kind in _SHORT else x


def _boxed_in(given: Any) -> Any:
    """The same with every Value in it, in sequences too, as a `ValueArray` of no axes."""
    if isinstance(given, Numeric):
        return _boxed(given).view(ValueArray)
    return type(given)(map(_boxed_in, given)) if type(given) in (list, tuple) else given


def _opened(found: Any) -> Any:
    """A result, with arrays of no axes as the Values that they hold."""
    if type(found) in (list, tuple):
        return type(found)(map(_opened, found))
    return found[()] if isinstance(found, np.ndarray) and not found.ndim else _fitting(found)
