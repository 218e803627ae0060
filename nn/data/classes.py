"""Samples of classes, made from a seed: moons, circles, spirals, XOR, blobs.

    X, y = two_moons()

X are the samples, an array of floats of shape (n, features), and y is the class of each, an array
of the integers 0 to k-1, as `cross_entropy` takes them; for `hinge`, which takes -1 and 1, write
`2 * y - 1`. Samples come class by class: `split` in `splitting.py` shuffles them. Next:
`regression.py`.
"""

from __future__ import annotations

import math

import numpy as np

from glassgrad.engine.vectors import Vector
from glassgrad.nn.checks import finite, not_negative, proper_share, whole
from glassgrad.nn.data.random import Classes, generator, noisy


def two_moons(n: int = 100, noise: float = 0.1, seed: int = 1) -> tuple[Vector, Classes]:
    """Two half circles that reach into one another: no straight line tells them apart.

    The upper moon is half of the unit circle; the lower one is the same turned upside down around
    (1, 0.5). It is `make_moons` of scikit-learn, in order.

    Args:
        n: how many points, half of them on each moon; at least 2.
        noise: the standard deviation of each coordinate around the half circle.
        seed: the same seed gives the same points.

    Returns:
        X of shape (n, 2), and y of shape (n,): 0 for the upper moon, 1 for the lower.

    Raises:
        TypeError: a count or the seed is no whole number, or another argument no real number.
        ValueError: an argument is out of its range.

    >>> from glassgrad import two_moons
    >>> X, y = two_moons(4, noise=0.0)
    >>> X.round(6).tolist(), y.tolist()
    ([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [2.0, 0.5]], [0, 0, 1, 1])
    """
    n = whole(n, "two_moons(n=...)", least=2)
    upper = _on_circle(np.linspace(0.0, math.pi, n // 2))
    lower = [1.0, 0.5] - _on_circle(np.linspace(0.0, math.pi, n - n // 2))
    return noisy(np.concatenate([upper, lower]), "two_moons", noise, seed), _halves(n)


def circles(
    n: int = 100, noise: float = 0.05, ratio: float = 0.5, seed: int = 1
) -> tuple[Vector, Classes]:
    """A circle inside a circle, both around (0, 0); `make_circles` of scikit-learn, in order.

    Args:
        n: how many points, half of them on each circle; at least 2.
        noise: the standard deviation of each coordinate around the circle.
        ratio: the radius of the inner circle, above 0 and below 1; that of the outer one is 1.
        seed: the same seed gives the same points.

    Returns:
        X of shape (n, 2), and y of shape (n,): 0 for the outer circle, 1 for the inner.

    Raises:
        TypeError: a count or the seed is no whole number, or another argument no real number.
        ValueError: an argument is out of its range.

    >>> from glassgrad import circles
    >>> X, y = circles(4, noise=0.0)
    >>> (X.round(6) + 0.0).tolist(), y.tolist()
    ([[1.0, 0.0], [-1.0, 0.0], [0.5, 0.0], [-0.5, 0.0]], [0, 0, 1, 1])
    """
    n = whole(n, "circles(n=...)", least=2)
    ratio = proper_share(ratio, "circles(ratio=...)")
    outer = _on_circle(np.linspace(0.0, 2 * math.pi, n // 2, endpoint=False))
    inner = ratio * _on_circle(np.linspace(0.0, 2 * math.pi, n - n // 2, endpoint=False))
    return noisy(np.concatenate([outer, inner]), "circles", noise, seed), _halves(n)


def spirals(
    n: int = 100, classes: int = 2, noise: float = 0.02, turns: float = 1.0, seed: int = 1
) -> tuple[Vector, Classes]:
    """Spirals wound around one another, an arm for each class; the radius grows with the angle.

    Args:
        n: how many points, as many on each arm as can be; at least `classes`.
        classes: how many arms, at least 2.
        noise: the standard deviation of each coordinate around the spiral.
        turns: how many times an arm goes around while its radius grows from 0.1 to 1.
        seed: the same seed gives the same points.

    Returns:
        X of shape (n, 2), and y of shape (n,): the arm, from 0 to classes - 1.

    Raises:
        TypeError: a count or the seed is no whole number, or another argument no real number.
        ValueError: an argument is out of its range.

    >>> from glassgrad import spirals
    >>> X, y = spirals(6, classes=3)
    >>> X.shape, y.tolist()
    ((6, 2), [0, 0, 1, 1, 2, 2])
    """
    y = _in_order(n, classes, "spirals")
    turns = finite(turns, "spirals(turns=...)")
    along = np.concatenate([np.linspace(0.0, 1.0, count) for count in np.bincount(y)])
    angle = 2 * math.pi * (turns * along + y / classes)
    arms = (0.1 + 0.9 * along)[:, None] * _on_circle(angle)
    return noisy(arms, "spirals", noise, seed), y


def xor(n: int | None = None, noise: float | None = None, seed: int = 1) -> tuple[Vector, Classes]:
    """Exclusive or: a point is of class 1 if one of its coordinates is 1 and the other 0.

    No single neuron can learn it (Minsky and Papert, Perceptrons, 1969).

    Args:
        n: how many points, each at the next of the four corners; None for the corners, once each.
        noise: the standard deviation of each coordinate around the corner. None is 0 for the four
            corners, and 0.1 for n points.
        seed: the same seed gives the same points.

    Returns:
        X of shape (n, 2), and y of shape (n,): 0 or 1.

    Raises:
        TypeError: a count or the seed is no whole number, or another argument no real number.
        ValueError: an argument is out of its range.

    >>> from glassgrad import xor
    >>> X, y = xor()
    >>> X.tolist(), y.tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    corner = np.arange(4 if n is None else whole(n, "xor(n=...)")) % 4
    first, second = corner // 2, corner % 2
    if noise is None:
        noise = 0.0 if n is None else 0.1
    corners = np.stack([first, second], axis=1).astype(float)
    return noisy(corners, "xor", noise, seed), first ^ second


def blobs(
    n: int = 100, classes: int = 3, spread: float = 0.5, features: int = 2, seed: int = 1
) -> tuple[Vector, Classes]:
    """Round clouds of points, one for each class, normally distributed around its centre.

    The centres lie between -3 and 3, each the farthest from those before it among 32 candidates
    (Mitchell's best candidates, 1991), so that few classes are apart from one another.

    Args:
        n: how many points, as many in each cloud as can be; at least `classes`.
        classes: how many clouds, at least 2.
        spread: the standard deviation of each coordinate around the centre.
        features: how many coordinates a point has.
        seed: the same seed gives the same centres and points.

    Returns:
        X of shape (n, features), and y of shape (n,): the cloud, from 0 to classes - 1.

    Raises:
        TypeError: a count or the seed is no whole number, or another argument no real number.
        ValueError: an argument is out of its range.

    >>> from glassgrad import blobs
    >>> X, y = blobs(7, classes=3, features=5)
    >>> X.shape, y.tolist()
    ((7, 5), [0, 0, 0, 1, 1, 2, 2])
    """
    y = _in_order(n, classes, "blobs")
    features = whole(features, "blobs(features=...)")
    spread = not_negative(spread, "blobs(spread=...)")
    random = generator(seed, "blobs")
    centres = random.uniform(-3.0, 3.0, (1, features))
    for _ in range(classes - 1):
        candidates = random.uniform(-3.0, 3.0, (32, features))
        apart = np.linalg.norm(candidates[:, None] - centres, axis=2).min(axis=1)
        centres = np.concatenate([centres, candidates[[apart.argmax()]]])
    return centres[y] + spread * random.normal(size=(len(y), features)), y


def _on_circle(angle: Vector) -> Vector:
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _halves(n: int) -> Classes:
    return np.repeat(np.arange(2), [n // 2, n - n // 2])


def _in_order(n: int, classes: int, name: str) -> Classes:
    """Classes for n samples, each for as many as can be, the first ones for one more."""
    classes = whole(classes, f"{name}(classes=...)", least=2)
    n = whole(n, f"{name}(n=...) of {classes} classes", least=classes)
    return np.sort(np.arange(n) % classes)
