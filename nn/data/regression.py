"""Samples with a number to predict for each, made from a seed: a plane and a wave.

X are the samples, an array of floats of shape (n, features), and y is one number for each, an array
of shape (n,). Next: `digits.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassgrad.engine.text import told
from glassgrad.engine.vectors import Vector
from glassgrad.nn.checks import finite, not_negative, whole
from glassgrad.nn.data.random import generator, noisy


def linear_regression(
    n: int = 100,
    slopes: Sequence[float] = (2.0,),
    intercept: float = 1.0,
    noise: float = 0.1,
    seed: int = 1,
) -> tuple[Vector, Vector]:
    """Targets on a plane over normally distributed samples: y = X · slopes + intercept + noise.

    Args:
        n: how many samples.
        slopes: what y grows by for each feature; as many features as there are slopes.
        intercept: y at X = 0.
        noise: the standard deviation of y around the plane.
        seed: the same seed gives the same numbers.

    Returns:
        X of shape (n, len(slopes)), and y of shape (n,): real numbers.

    Raises:
        TypeError: a count or the seed is no whole number, or another argument no real number.
        ValueError: an argument is out of its range.

    >>> from glassgrad import linear_regression
    >>> X, y = linear_regression(3, slopes=[2.0, -1.0], intercept=0.5, noise=0.0)
    >>> bool((y == 2.0 * X[:, 0] - X[:, 1] + 0.5).all())
    True
    """
    n = whole(n, "linear_regression(n=...)")
    weights = _slopes(slopes)
    intercept = finite(intercept, "linear_regression(intercept=...)")
    noise = not_negative(noise, "linear_regression(noise=...)")
    random = generator(seed, "linear_regression")
    samples = random.normal(size=(n, len(weights)))
    plane = samples @ weights + intercept
    return samples, plane + noise * random.normal(size=n)


def sine(n: int = 100, noise: float = 0.1, seed: int = 1) -> tuple[Vector, Vector]:
    """One wave: y = sin x + noise, at points evenly from -π to π.

    Args:
        n: how many samples.
        noise: the standard deviation of y around the wave.
        seed: the same seed gives the same numbers.

    Returns:
        X of shape (n, 1), and y of shape (n,): real numbers.

    Raises:
        TypeError: a count or the seed is no whole number, or another argument no real number.
        ValueError: an argument is out of its range.

    >>> from glassgrad import sine
    >>> X, y = sine(5, noise=0.0)
    >>> X.shape, (y.round(6) + 0.0).tolist()
    ((5, 1), [0.0, -1.0, 0.0, 1.0, 0.0])
    """
    x = np.linspace(-math.pi, math.pi, whole(n, "sine(n=...)"))
    return x[:, None], noisy(np.sin(x), "sine", noise, seed)


def _slopes(given: Any) -> Vector:
    role = "linear_regression(slopes=...)"
    slopes = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(slopes, Sequence):
        raise TypeError(f"{role} is a list of numbers, one a feature, not {told(given)}.")
    if not slopes:
        raise ValueError(f"{role} is empty. Give a number for each feature.")
    return np.array([finite(slope, role) for slope in slopes])
