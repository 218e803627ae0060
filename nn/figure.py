"""Figures of matplotlib that belong to no window.

What is drawn on them is in `training/curves.py` and `health/plot.py`. matplotlib is installed by
`pip install "glassgrad[plot]"`, and imported here alone.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Dark enough on white, and told apart by people who see colours differently.
COLOURS = ("#0072B2", "#B34700", "#009E73", "#AA4499", "#56B4E9", "#8a6d00")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that belongs to no window, and that notebooks show."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Curves are drawn by matplotlib, which is not installed: pip install "glassgrad[plot]".'
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    setattr(figure, "_repr_png_", lambda: _png(figure))  # noqa: B010
    return figure


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()
