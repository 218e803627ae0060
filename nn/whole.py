"""Whole numbers that users give, such as sizes and counts, and the sentence for everything else."""

from __future__ import annotations

import operator
from typing import Any

from engine.text import describe


def whole(number: Any, role: str, least: int = 1) -> int:
    """A whole number that is large enough.

    Args:
        number: what was given.
        role: what it is, for the sentence.
        least: the smallest that makes sense.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is too small.

    >>> from nn.whole import whole
    >>> whole(0, "epochs")
    Traceback (most recent call last):
    ValueError: epochs is at least 1, not 0.
    """
    try:
        if isinstance(number, bool):
            raise TypeError
        found = operator.index(number)
    except TypeError:
        raise TypeError(f"{role} is a whole number, not {describe(number)}.") from None
    if found < least:
        raise ValueError(f"{role} is at least {least}, not {found}.")
    return found
