"""Samples with a number to predict for each, made from a seed: a plane and a wave.

X are the samples, an array of floats of shape (n, features), and y is one number for each, an array
of shape (n,). Next: `digits.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.real import is_real
from engine.text import told
from nn.checks import whole
from nn.data.random import Floats, generator, noisy, width


def linear_regression(
    n: int = 100,
    slopes: Sequence[float] = (2.0,),
    intercept: float = 1.0,
    noise: float = 0.1,
    seed: int = 1,
) -> tuple[Floats, Floats]:
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
        TypeError: a count or the seed is no whole number.
        ValueError: an argument is out of its range.

    >>> from nn import linear_regression
    >>> X, y = linear_regression(3, slopes=[2.0, -1.0], intercept=0.5, noise=0.0)
    >>> bool((y == 2.0 * X[:, 0] - X[:, 1] + 0.5).all())
    True
    """
    n = whole(n, "linear_regression(n=...)")
    if not isinstance(slopes, (Sequence, np.ndarray)) or len(slopes) == 0:
        raise ValueError(
            "linear_regression(slopes=...) is a list of numbers, one a feature, "
            f"not {told(slopes)}."
        )
    for number in (*slopes, intercept):
        if not (is_real(number) and math.isfinite(number)):
            raise ValueError(
                "linear_regression(slopes=..., intercept=...) takes finite numbers, "
                f"not {told(number)}."
            )
    noise = width(noise, "linear_regression(noise=...)")
    random = generator(seed, "linear_regression")
    samples = random.normal(size=(n, len(slopes)))
    plane = samples @ np.asarray(slopes, float) + float(intercept)
    return samples, plane + noise * random.normal(size=n)


def sine(n: int = 100, noise: float = 0.1, seed: int = 1) -> tuple[Floats, Floats]:
    """One wave: y = sin x + noise, at points evenly from -π to π.

    Args:
        n: how many samples.
        noise: the standard deviation of y around the wave.
        seed: the same seed gives the same numbers.

    Returns:
        X of shape (n, 1), and y of shape (n,): real numbers.

    Raises:
        TypeError: a count or the seed is no whole number.
        ValueError: an argument is out of its range.

    >>> from nn import sine
    >>> X, y = sine(5, noise=0.0)
    >>> X.shape, (y.round(6) + 0.0).tolist()
    ((5, 1), [0.0, -1.0, 0.0, 1.0, 0.0])
    """
    x = np.linspace(-math.pi, math.pi, whole(n, "sine(n=...)"))
    return x[:, None], noisy(np.sin(x), "sine", noise, seed)
