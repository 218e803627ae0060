"""Arrays that users give: numbers, with the samples along the first axis."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engine import Value
from engine.text import describe

Array: TypeAlias = npt.NDArray[Any]


def rows_of(given: Any, role: str) -> Array:
    """What was given as an array with the samples along the first axis, of whatever type.

    Args:
        given: an array, or nested lists.
        role: what it is, to begin an error with: "split(X=...)".

    Raises:
        ValueError: its rows have different lengths, or there are none.

    >>> from nn.data.arrays import rows_of
    >>> rows_of([[1.0], [2.0, 3.0]], "split(X=...)")
    Traceback (most recent call last):
    ValueError: split(X=...) has rows of different lengths. Fill the shorter ones up.
    """
    try:
        rows = np.asarray(given)
    except ValueError:
        raise ValueError(
            f"{role} has rows of different lengths. Fill the shorter ones up."
        ) from None
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

    >>> from nn.data.arrays import numbers_of
    >>> numbers_of([[True], [False]], "accuracy(outputs=...)").shape
    (2, 1)
    """
    rows = rows_of(given, role)
    if rows.dtype == object:
        with suppress(TypeError, ValueError):
            rows = rows.astype(float)
    if rows.dtype.kind in "fiub":
        return rows
    if rows.dtype == object and isinstance(rows.flat[0], Value):
        hint = "The numbers of Values are [v.data for v in values]."
    raise TypeError(f"{role} holds {_kind(rows)}, and takes real numbers. {hint}".rstrip())


def _kind(rows: Array) -> str:
    if rows.dtype == object:
        return describe(rows.flat[0])
    return "texts" if rows.dtype.kind in "US" else str(rows.dtype.name)
