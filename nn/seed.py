"""Where the random numbers of modules come from, such as first weights and what dropout drops.

A seed makes them repeatable.
"""

from __future__ import annotations

import operator
import random
from typing import TypeAlias

from glassgrad.engine.text import describe

Seed: TypeAlias = int | random.Random | None
"""A whole number, a generator to draw from, or None for Python's global `random`."""


def generator(seed: Seed) -> random.Random | None:
    """The generator that a seed stands for; None, the global one of `random`, stays None.

    Args:
        seed: a whole number for a new generator, or a generator as it is.

    Raises:
        TypeError: the seed is something else.

    >>> from glassgrad.nn.seed import generator
    >>> generator(1).random() == generator(1).random()
    True
    """
    if seed is None or isinstance(seed, random.Random):
        return seed
    try:
        return random.Random(operator.index(seed))
    except TypeError:
        raise TypeError(
            f"A seed is a whole number, a random.Random or None, not {describe(seed)}."
        ) from None
