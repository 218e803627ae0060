"""Arrays that users give: numbers, with the samples along the first axis."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from glassgrad.engine import Value
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import describe
from glassgrad.engine.tree import settled

Array: TypeAlias = npt.NDArray[Any]


def rows_of(given: Any, role: str) -> Array:
    """What was given as an array with the samples along the first axis, of whatever type.

    Args:
        given: an array, or sequences, nested, of whatever kind.
        role: what it is, to begin an error with: "split(X=...)".

    Raises:
        ValueError: its rows have different lengths, or there are none.
        TypeError: entries are masked, or it gives no array.

    >>> from glassgrad.nn.data.arrays import rows_of
    >>> rows_of([[1.0], [2.0, 3.0]], "split(X=...)")
    Traceback (most recent call last):
    ValueError: split(X=...) has rows of different lengths. Fill the shorter ones up.
    """
    if np.ma.is_masked(given):
        raise TypeError(
            f"{role} has masked entries. Leave those rows out, or fill them: .filled(0)."
        )
    try:
        rows = np.asarray(settled(given))
    except ValueError:
        raise ValueError(
            f"{role} has rows of different lengths. Fill the shorter ones up."
        ) from None
    except Exception as fault:  # foreign objects say in their own ways that they give no array
        raise TypeError(f"{role} is {describe(given)}, which gives no array: {fault}") from fault
    if rows.ndim == 0:
        raise ValueError(f"{role} is an array, a row a sample, not {describe(given)}.")
    if not len(rows):
        raise ValueError(f"{role} has no samples.")
    return rows


def numbers_of(given: Any, role: str, hint: str = "") -> Array:
    """The same, of real numbers.

    Args:
        given: see `rows_of`.
        role: see `rows_of`.
        hint: what to do about other things than numbers, as a sentence.

    Raises:
        ValueError: see `rows_of`.
        TypeError: there is something else than real numbers.

    >>> from glassgrad.nn.data.arrays import numbers_of
    >>> numbers_of([[True], [False]], "accuracy(outputs=...)").shape
    (2, 1)
    """
    rows = rows_of(given, role)
    if rows.dtype.kind in "fiub":
        return rows
    if rows.dtype == object:
        return _plain_numbers(rows, role, hint)
    kind = "texts" if rows.dtype.kind in "US" else rows.dtype.name
    raise TypeError(f"{role} holds {kind}, and takes real numbers. {hint}".rstrip())


def _plain_numbers(rows: Array, role: str, hint: str) -> Array:
    """An array of objects, as a table of mixed columns gives it, as one of floats."""
    for place, thing in np.ndenumerate(rows):
        if isinstance(thing, Value):
            hint = "The numbers of Values are [v.data for v in values]."
        if not is_real(thing):
            where = f"{role}[{', '.join(map(str, place))}]"
            raise TypeError(f"{where} is {describe(thing)}, and no real number. {hint}".rstrip())
    try:
        return rows.astype(float)
    except OverflowError:
        raise ValueError(f"{role} holds a number that is too large for a float.") from None
