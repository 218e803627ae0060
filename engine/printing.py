"""Numbers and rows of text, printed alike in every drawing, page and terminal.

Labels are data: whatever characters they hold, they are shown and never interpreted. How many
digits there are, and what a terminal has no characters for, is said once around what prints:
`printing(...)`. `glassgrad/__main__.py` does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

MISSING = "–"
"""What stands for a gradient that has not been computed."""

DIGITS = 4
"""How many significant digits a measured number is shown with, unless more are asked for."""
ALL_DIGITS = 17
"""So many digits tell any two numbers apart."""
_AS_TYPED = 6
"""A number that needs no more digits than these is shown as it was typed."""
_WHOLE = 1e9
"""Below this, whole numbers are shown whole."""
_ROUNDING = 12
"""What stands behind so many digits is what rounding left."""
_NO_DIGIT = re.compile(r"e.*|\D")
"""What of a printed number is no digit of it."""
_WIDEST = 200
"""Up to this width a cell makes its column wider; a longer one just stands out of it."""
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)")
_PLAIN = {"→": "->", "×": "x", "·": "*", "∂": "d", "−": "-", "–": "-", "≈": "~", "…": "..."}
"""How our own signs are written where only ASCII is certain."""


class _Manner(NamedTuple):
    digits: int = DIGITS
    encoding: str = "utf-8"


_USUAL = _Manner()
_manner: ContextVar[_Manner] = ContextVar("_manner", default=_USUAL)


@contextmanager
def printing(digits: int | None = None, encoding: str | None = None) -> Iterator[None]:
    """Inside this, numbers have so many digits, and rows only what the encoding has."""
    now = _manner.get()
    before = _manner.set(_Manner(digits or now.digits, encoding or now.encoding))
    try:
        yield
    finally:
        _manner.reset(before)


def digits_shown() -> int:
    """How many significant digits a measured number is shown with."""
    return _manner.get().digits


def short(number: float | None, digits: int | None = None) -> str:
    """A number as it was typed if it is whole or has few digits; else in four; "–" for none.

    >>> short(100.25), short(12345.0), short(-1.4999999999999996), short(1e-7), short(None)
    ('100.25', '12345', '-1.5', '1e-07', '–')
    >>> short(0.70710678), short(0.70710678, digits=6), short(10050.0625)
    ('0.7071', '0.707107', '10050')
    """
    if number is None:
        return MISSING
    digits = digits or _manner.get().digits
    if abs(number) < _WHOLE and number == int(number):
        return f"{number:.9g}"
    typed = f"{number:.{max(_AS_TYPED, digits)}g}"
    unrounded = f"{number:.{max(_ROUNDING, digits)}g}"
    if float(typed) == float(unrounded) and len(typed) <= len(repr(number)):
        return typed
    before_point = len(str(int(abs(number)))) if abs(number) < 10**_AS_TYPED else 0
    rounded = f"{number:.{max(digits, before_point)}g}"
    return rounded if len(rounded) <= len(repr(number)) else repr(number)


def digits_of_row(
    operands: Sequence[float], result: float, compute: Callable[..., float]
) -> int | None:
    """In how many digits the operands of a row are shown, so that it can be checked by hand.

    They are the fewest, from those that are usual on, with which what is shown gives the result
    that is shown; None, for the usual ones, where the operands themselves do not give it.
    """
    shown = len(_NO_DIGIT.sub("", short(result)).lstrip("0"))
    precision = max(digits_shown(), shown)

    def comes_out(numbers: Sequence[float]) -> bool:
        try:
            found = compute(*numbers)
        except (ArithmeticError, ValueError):  # a rounded operand may lie outside of the domain
            return False
        return f"{found + 0.0:.{precision}g}" == f"{result + 0.0:.{precision}g}"

    if not comes_out(operands):
        return None
    possible = range(digits_shown(), ALL_DIGITS)
    found = (n for n in possible if comes_out([float(short(x, n)) for x in operands]))
    return next(found, ALL_DIGITS)


def columns(rows: Sequence[tuple[str, ...]], indent: str = "  ") -> str:
    """Rows of text as aligned columns."""
    rows = [tuple(map(spelled, row)) for row in rows]
    widths = [min(_WIDEST, max(map(width_of, column))) for column in zip(*rows)]
    lines = (
        indent
        + "  ".join(cell + " " * (w - width_of(cell)) for cell, w in zip(row, widths)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def spelled(text: str) -> str:
    """A text in the characters that the encoding has: signs as people type them, λ as lambda.

    What has no such spelling is escaped as in Python: nothing is lost, and no two names look alike.
    """
    encoding = _manner.get().encoding
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_spelled_character(character, encoding) for character in text)
    return text


def _spelled_character(character: str, encoding: str) -> str:
    greek, letter = _GREEK.fullmatch(unicodedata.name(character, "")), ""
    plain = character.encode(encoding, "ignore").decode(encoding)
    if greek:
        letter = greek[2].replace("LAMDA", "LAMBDA")
        letter = letter.capitalize() if greek[1] == "CAPITAL" else letter.lower()
    written = _PLAIN.get(character) or plain or letter
    return written or character.encode("ascii", "backslashreplace").decode()


def width_of(text: str) -> int:
    """How many places a terminal uses: combining characters none, wide characters two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


MOST_PLAIN = 5_000
"""So many characters a notebook without pictures prints of one thing: more nobody reads."""


def plain(text: str, short: str) -> str:
    """A text for such a notebook, or the short one in its place."""
    return text if len(text) <= MOST_PLAIN else short
