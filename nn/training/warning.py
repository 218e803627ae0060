"""Warnings that name the user's line, however deep in the library they arise."""

from __future__ import annotations

import sys
import warnings

from glassgrad.engine.provenance import is_of_user


def warn(text: str) -> None:
    """Warn of something at the line of the user's that called into the library.

    >>> import warnings
    >>> from glassgrad.nn.training.warning import warn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("The training stopped.")
    >>> [str(warning.message) for warning in caught]
    ['The training stopped.']
    """
    # A number in the place of this search is wrong as soon as a function in between comes or goes.
    level, frame = 2, sys._getframe().f_back
    while frame is not None and not is_of_user(frame.f_code):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)
