"""Data to learn from, made from a seed, and `split`, which puts a part of it aside.

    X, y = two_moons()

X are the samples, an array of floats of shape (n, features). y is the class of each, an array of
the integers 0 to k-1, as `cross_entropy` takes them (for `hinge`, which takes -1 and 1, write
`2 * y - 1`), or for a sine a real number. Samples come class by class: `split` shuffles them.
Next: `batches.py`, what `fit` makes of them.

What is made from a seed is called alike:

Args:
    n: how many samples, as many of each class as can be, and at least one of each.
    noise: the standard deviation of each coordinate (of a sine: of y) around its place.
    seed: the same seed gives the same samples.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from glassgrad.engine.misuse import whole
from glassgrad.engine.tree import Array, rows_of
from glassgrad.engine.vectors import Vector
from glassgrad.nn.checks import explained, not_negative, proper_share

Classes: TypeAlias = npt.NDArray[np.int64]
"""The class of each sample."""


@explained()
def two_moons(n: int = 100, noise: float = 0.1, seed: int = 1) -> tuple[Vector, Classes]:
    """Two half circles that reach into one another: no straight line tells them apart.

    The upper one, class 0, is half of the unit circle, the lower one the same turned upside down
    around (1, 0.5). It is `make_moons` of scikit-learn, in order.

    >>> from glassgrad import two_moons
    >>> X, y = two_moons(4, noise=0.0)
    >>> X.round(6).tolist(), y.tolist()
    ([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [2.0, 0.5]], [0, 0, 1, 1])
    """
    n = whole(n, "two_moons(n=...)", least=2)
    upper = _on_circle(np.linspace(0.0, math.pi, n // 2))
    lower = [1.0, 0.5] - _on_circle(np.linspace(0.0, math.pi, n - n // 2))
    return noisy(np.concatenate([upper, lower]), "two_moons", noise, seed), _halves(n)


@explained()
def circles(
    n: int = 100, noise: float = 0.05, ratio: float = 0.5, seed: int = 1
) -> tuple[Vector, Classes]:
    """A circle inside a circle, both around (0, 0); `make_circles` of scikit-learn, in order.

    The outer circle, class 0, is of radius 1, the inner one of radius `ratio`, between 0 and 1.

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


@explained()
def xor(n: int | None = None, noise: float | None = None, seed: int = 1) -> tuple[Vector, Classes]:
    """Exclusive or: a point is of class 1 if one of its coordinates is 1 and the other 0.

    No single neuron can learn it (Minsky and Papert, Perceptrons, 1969). Without n it is the four
    corners, once each and without noise; n points go round them, with a noise of 0.1 if not said.

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


@explained()
def blobs(
    n: int = 100, classes: int = 3, spread: float = 0.5, features: int = 2, seed: int = 1
) -> tuple[Vector, Classes]:
    """Round clouds of points, one for each class, normally distributed around its centre.

    The centres lie between -3 and 3, each the farthest from those before it among 32 candidates
    (Mitchell's best candidates, 1991), so that few classes are apart from one another. `spread` is
    what others call noise, `classes` is at least 2, and `features` is how many coordinates a point
    has.

    >>> from glassgrad import blobs
    >>> X, y = blobs(7, classes=3, features=5)
    >>> X.shape, y.tolist()
    ((7, 5), [0, 0, 0, 1, 1, 2, 2])
    """
    classes = whole(classes, "blobs(classes=...)", least=2)
    n = whole(n, f"blobs(n=...) of {classes} classes", least=classes)
    y = np.sort(np.arange(n) % classes)  # of the first classes one more
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


@explained()
def sine(n: int = 100, noise: float = 0.1, seed: int = 1) -> tuple[Vector, Vector]:
    """One wave: y = sin x + noise, at n points evenly from -π to π, one feature each.

    >>> from glassgrad import sine
    >>> X, y = sine(5, noise=0.0)
    >>> X.shape, (y.round(6) + 0.0).tolist()
    ((5, 1), [0.0, -1.0, 0.0, 1.0, 0.0])
    """
    x = np.linspace(-math.pi, math.pi, whole(n, "sine(n=...)"))
    return x[:, None], noisy(np.sin(x), "sine", noise, seed)


def digits() -> tuple[Vector, Classes]:
    """1,797 handwritten digits, 8 × 8 pixels each: `load_digits` of scikit-learn, scaled.

    They are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin and
    C. Kaynak, UCI machine learning repository, 1998), and come with scikit-learn itself, which has
    to be installed. X is of shape (1797, 64), the pixels row by row from 0 (white) to 1 (black).

    >>> from glassgrad import digits
    >>> X, y = digits()  # doctest: +SKIP
    >>> X[0].reshape(8, 8)  # doctest: +SKIP
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError(
            'digits() reads the images that scikit-learn brings: pip install "glassgrad[sklearn]"'
        ) from None
    pixels, digit = load_digits(return_X_y=True)
    return pixels / 16.0, digit.astype(np.int64)


@explained()
def split(X: Any, y: Any, share: float = 0.25, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """Shuffle the samples and put a share of them aside, as `train_test_split` of scikit-learn.

    Args:
        X: the samples, of shape (n, ...), at least two.
        y: their targets, of shape (n, ...).
        share: how much of the data is put aside, above 0 and below 1. It is rounded to whole
            samples, and there is at least one on each side.
        seed: as for all.

    Returns:
        X_train, X_test, y_train, y_test: new arrays, in a shuffled order.

    >>> from glassgrad import split, two_moons
    >>> X_train, X_test, y_train, y_test = split(*two_moons(100), share=0.2)
    >>> X_train.shape, y_train.shape, X_test.shape, y_test.shape
    ((80, 2), (80,), (20, 2), (20,))
    """
    samples, targets = rows_of(X, "split(X=...)"), rows_of(y, "split(y=...)")
    n = len(samples)
    if n != len(targets):
        raise ValueError(f"split(X, y) of {n} samples in X and {len(targets)} targets in y.")
    if n < 2:
        raise ValueError("split(X, y) needs at least two samples, one for each part.")
    share = proper_share(share, "split(share=...)")
    order = generator(seed, "split").permutation(n)
    count = min(max(round(share * n), 1), n - 1)
    test, train = order[:count], order[count:]
    return samples[train], samples[test], targets[train], targets[test]


def generator(seed: Any, name: str) -> np.random.Generator:
    return np.random.default_rng(whole(seed, f"{name}(seed=...)", least=0))


def noisy(points: Vector, name: str, noise: float, seed: int) -> Vector:
    """Points with normally distributed noise on each coordinate, a new array."""
    spread = not_negative(noise, f"{name}(noise=...)")
    return points + spread * generator(seed, name).normal(size=points.shape)
