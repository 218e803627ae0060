"""Numbers and labels as text, the same in every drawing, page and terminal.

Labels are data: whatever characters they hold, they are shown and never interpreted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from engine.real import describe

MISSING = "–"
"""What stands for a gradient that has not been computed."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_CONTROL_PICTURES = 0x2400
_WIDEST = 200
"""Up to this width a cell makes its column wider; a longer one just stands out of it."""


def short(number: float | None) -> str:
    """A number in four significant digits; "–" for one that is not there.

    >>> short(0.70710678), short(1e-7), short(-1.4999999999999996), short(None)
    ('0.7071', '1e-07', '-1.5', '–')
    """
    return MISSING if number is None else f"{number:.4g}"


def visible(label: str) -> str:
    r"""A label with every character visible and valid in XML: control characters get pictures.

    >>> visible("a\nb")
    'a␊b'
    """
    return "".join(map(_visible_character, label))


def clipped(text: str, longest: int = 60) -> str:
    """Foreign text to stand in a message: visible, and cut off where it is long.

    >>> clipped("a" * 1000, longest=5)
    'aaaaa…'
    """
    return visible(text[:longest]) + "…" * (len(text) > longest)


def told(thing: object) -> str:
    """A wrong argument in a message: as it was written if that is short, else its type.

    >>> told("left"), told("left" * 100)
    ("'left'", 'a str')
    """
    return describe(thing).removeprefix(f"{type(thing).__name__} ")


def _visible_character(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    category = unicodedata.category(character)
    # Lone surrogates and noncharacters cannot be encoded; format characters reorder what follows.
    hidden = category in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"} and code != 0x200D
    return _REPLACEMENT if hidden or (code & 0xFFFE) == 0xFFFE else character


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
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
