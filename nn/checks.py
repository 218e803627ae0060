"""Numbers that users give for an option, and the sentence for everything else.

Each check takes what was given and its role in a message, as "SGD(momentum=...)", and gives what is
kept, or raises.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import isfinite
from typing import Any, TypeAlias

import numpy as np

from glassgrad.engine.misuse import real
from glassgrad.engine.text import describe, told

Check: TypeAlias = Callable[[Any, str], Any]
"""Takes what was given and its role in a message; gives what is kept, or raises."""


def whole(number: Any, role: str, least: int = 1) -> int:
    """A whole number that is large enough.

    Args:
        number: what was given.
        role: what it is, for the sentence.
        least: the smallest that makes sense.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is too small.

    >>> from glassgrad.nn.checks import whole
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


def finite(number: Any, role: str) -> float:
    """Any finite number.

    Raises:
        TypeError: it is no real number.
        ValueError: it is nan or infinite.
        OverflowError: it is beyond the range of floats.

    >>> from glassgrad.nn.checks import finite
    >>> finite(1, "SGD(dampening=...)")
    1.0
    """
    found = real(number, role)
    if not isfinite(found):
        raise ValueError(f"{role} takes a finite number, not {found}.")
    return found


def not_negative(number: Any, role: str) -> float:
    """A finite number of 0 or more.

    Raises:
        TypeError, OverflowError: see `finite`.
        ValueError: it is negative or not finite.

    >>> from glassgrad.nn.checks import not_negative
    >>> not_negative(0.1, "SGD(learning_rate=...)")
    0.1
    """
    found = finite(number, role)
    if found < 0.0:
        raise ValueError(f"{role} takes 0 or a positive number, not {found}.")
    return found


def positive(number: Any, role: str) -> float:
    """A finite number above 0.

    Raises:
        TypeError, OverflowError: see `finite`.
        ValueError: it is not above 0, or not finite.

    >>> from glassgrad.nn.checks import positive
    >>> positive(1, "fit(clip_norm=...)")
    1.0
    """
    found = finite(number, role)
    if found <= 0.0:
        raise ValueError(f"{role} takes a positive number, not {found}.")
    return found


def below_one(number: Any, role: str) -> float:
    """How much of an average stays in a step: 0 or more, and below 1.

    Raises:
        TypeError, OverflowError: see `finite`.
        ValueError: it is negative, or 1 or more.

    >>> from glassgrad.nn.checks import below_one
    >>> below_one(0.99, "RMSprop(alpha=...)")
    0.99
    """
    found = not_negative(number, role)
    if found >= 1.0:
        raise ValueError(f"{role} takes a number below 1, not {found}.")
    return found


def proper_share(number: Any, role: str) -> float:
    """A share that takes something and leaves something: above 0 and below 1.

    Raises:
        TypeError, OverflowError: see `finite`.
        ValueError: it is 0 or less, 1 or more, or nan.

    >>> from glassgrad.nn.checks import proper_share
    >>> proper_share(0.25, "split(share=...)")
    0.25
    """
    found = real(number, role)
    if not 0.0 < found < 1.0:
        raise ValueError(f"{role} takes a number above 0 and below 1, not {found}.")
    return found


def two_below_one(pair: Any, role: str) -> tuple[float, float]:
    """Two numbers of 0 or more, and below 1.

    Raises:
        TypeError: it is no pair of real numbers.
        ValueError, OverflowError: see `below_one`.

    >>> from glassgrad.nn.checks import two_below_one
    >>> two_below_one([0.9, 0.999], "Adam(betas=...)")
    (0.9, 0.999)
    """
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"{role} takes two numbers, such as (0.9, 0.999), not {told(pair)}.")
    return below_one(pair[0], role), below_one(pair[1], role)


def true_or_false(choice: Any, role: str) -> bool:
    """True or False.

    Raises:
        TypeError: it is neither.

    >>> from glassgrad.nn.checks import true_or_false
    >>> true_or_false(True, "SGD(nesterov=...)")
    True
    """
    if not isinstance(choice, (bool, np.bool_)):
        raise TypeError(f"{role} is True or False, not {told(choice)}.")
    return bool(choice)
