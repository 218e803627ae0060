"""Numbers and rows of text, printed alike in every drawing, page and terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MISSING = "–"
"""What stands for a gradient that has not been computed."""

_WIDEST = 200  # a cell of more stands out of its column


def short(number: float | None) -> str:
    """A number in four significant digits; "–" for one that is not there.

    >>> short(0.70710678), short(1e-7), short(-1.4999999999999996), short(None)
    ('0.7071', '1e-07', '-1.5', '–')
    """
    return MISSING if number is None else f"{number:.4g}"


def columns(rows: Sequence[tuple[str, ...]], indent: str = "  ") -> str:
    """Rows of text as aligned columns.

    >>> print(columns([("a", "1"), ("long", "2")], indent=""))
    a     1
    long  2
    """
    widths = [min(_WIDEST, max(map(width_of, column))) for column in zip(*rows)]
    lines = (
        indent
        + "  ".join(cell + " " * (w - width_of(cell)) for cell, w in zip(row, widths)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def width_of(text: str) -> int:
    """How many places a terminal uses: combining characters none, wide characters two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
