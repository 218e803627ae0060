"""Random numbers for data: a generator from a seed, and noise around points."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from glassgrad.engine.vectors import Vector
from glassgrad.nn.checks import not_negative, whole

Classes: TypeAlias = npt.NDArray[np.int64]
"""The class of each sample."""


def generator(seed: Any, name: str) -> np.random.Generator:
    """The random numbers that follow from a seed.

    Args:
        seed: a whole number of 0 or more.
        name: the function that takes it, for errors.

    Raises:
        TypeError: the seed is no whole number.
        ValueError: it is negative.

    >>> from glassgrad.nn.data.random import generator
    >>> bool(generator(1, "sine").normal() == generator(1, "sine").normal())
    True
    """
    return np.random.default_rng(whole(seed, f"{name}(seed=...)", least=0))


def noisy(points: Vector, name: str, noise: float, seed: int) -> Vector:
    """Points with normally distributed noise on each coordinate, a new array.

    Args:
        points: an array of any shape.
        name: the function that makes them, for errors.
        noise: the standard deviation, 0 or more.
        seed: the same seed gives the same noise.

    Raises:
        TypeError: the noise is no real number, or the seed no whole number.
        ValueError: one of them is negative, or the noise is not finite.

    >>> import numpy as np
    >>> from glassgrad.nn.data.random import noisy
    >>> noisy(np.array([1.0, 2.0]), "sine", noise=0.0, seed=1)
    array([1., 2.])
    """
    spread = not_negative(noise, f"{name}(noise=...)")
    return points + spread * generator(seed, name).normal(size=points.shape)
