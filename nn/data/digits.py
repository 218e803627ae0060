"""Handwritten digits, which scikit-learn brings. Next: `splitting.py`."""

from __future__ import annotations

import numpy as np

from glassgrad.engine.vectors import Vector
from glassgrad.nn.data.random import Classes


def digits() -> tuple[Vector, Classes]:
    """1,797 handwritten digits, 8 × 8 pixels each: `load_digits` of scikit-learn, scaled.

    They are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin and
    C. Kaynak, UCI machine learning repository, 1998), and come with scikit-learn itself: nothing
    is downloaded.

    Returns:
        X of shape (1797, 64), the pixels row by row from 0 (white) to 1 (black), and y of shape
        (1797,), the digits 0 to 9.

    Raises:
        ImportError: scikit-learn is not installed.

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
