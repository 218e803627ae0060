"""Many numbers in one, for tables: finite whatever they are, and None where there are none.

They may be huge, as in a network that explodes, so sums are made of shares of the largest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from glassgrad.engine import Value

Floats = npt.NDArray[np.float64]


def numbers_of(values: Sequence[Value], what: str) -> Floats:
    """The numbers or gradients of Values: `what` is "data" or "grad"."""
    return np.array([getattr(value, what) for value in values], float)


def finite_of(numbers: Floats) -> Floats:
    """Those that are neither nan nor infinite."""
    return numbers[np.isfinite(numbers)]


def largest_of(numbers: Floats) -> float | None:
    """The largest of their absolute values."""
    return float(np.abs(numbers).max()) if numbers.size else None


def _scaled(numbers: Floats, of: Callable[[Floats], Any]) -> float | None:
    largest = largest_of(numbers)
    return float(largest * of(numbers / largest)) if largest else largest


def size_of(numbers: Floats) -> float | None:
    """Their root mean square.

    >>> import numpy as np
    >>> from glassgrad.nn.health.sizes import size_of
    >>> size_of(np.array([3e200, 4e200])) == 12.5**0.5 * 1e200, size_of(np.array([]))
    (True, None)
    """
    return _scaled(numbers, lambda shares: np.sqrt(np.mean(shares**2)))


def mean_of(numbers: Floats) -> float | None:
    """Their mean."""
    return _scaled(numbers, np.mean)


def spread_of(numbers: Floats) -> float | None:
    """Their standard deviation."""
    return _scaled(numbers, np.std)


def ratio_of(number: float | None, to: float | None, times: float = 1.0) -> float | None:
    """A ratio that is finite, as JSON wants it; None where there is none."""
    return None if number is None or not to else min(number / to * times, sys.float_info.max)


def share_of(flags: Any) -> float | None:
    """How many of them are true, from 0 to 1."""
    return float(np.mean(flags)) if len(flags) else None
