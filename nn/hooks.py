"""The progress bar of a training: tqdm's, in a terminal or a notebook, and nothing elsewhere.

Warnings that name the user's line, however deep in the library they arise.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from glassgrad.engine.provenance import is_of_user

ADVICE = 'The progress bar is that of tqdm, which is not installed: pip install "glassgrad[train]".'


class Progress:
    """A bar over the epochs of a training.

    Args:
        total: how many epochs there are.
        done: how many are done already.
        wanted: True for a bar in any case, False for none, None for one where a person can see
            it: in a terminal or a notebook, if tqdm is installed.

    Raises:
        ImportError: a bar is wanted, and tqdm is not installed.
    """

    def __init__(self, total: int, done: int, wanted: bool | None) -> None:
        self._bar = _bar(total, done) if wanted or (wanted is None and _is_watched()) else None
        if wanted and self._bar is None:
            raise ImportError(ADVICE)

    def show(self, numbers: Mapping[str, float]) -> None:
        """One more epoch is done, with these losses and metrics."""
        if self._bar is not None:
            shown = {name.replace("_", " "): f"{x:.4g}" for name, x in numbers.items()}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update()

    def close(self) -> None:
        """The training is over."""
        if self._bar is not None:
            self._bar.close()


def _is_watched() -> bool:
    return _is_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _bar(total: int, done: int) -> Any:
    """A bar of tqdm, None if it is not installed."""
    try:
        if _is_notebook() and find_spec("ipywidgets"):
            from tqdm.notebook import tqdm
        else:
            from tqdm.std import tqdm
    except ImportError:
        return None
    return tqdm(total=total, initial=done, unit="epoch", leave=True)


def warn(text: str) -> None:
    """Warn of something at the line of the user's that called into the library.

    >>> import warnings
    >>> from glassgrad.nn.hooks import warn
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
