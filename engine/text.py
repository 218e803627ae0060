"""How texts, numbers and rows are written, in messages, drawings, pages and terminals alike.

A label, a name in a file or a wrong argument is data, whatever characters it holds: it is shown,
short and on one line, and a terminal must not act on it. How many digits numbers have, and what a
terminal has no characters for, is said once around what prints: `printing(...)`.
`glassgrad/__main__.py` does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


def visible(label: str) -> str:
    """A label with every character visible and valid in XML: control characters get pictures."""
    return label if label.isprintable() else "".join(map(_visible_character, label))


def _visible_character(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    category = unicodedata.category(character)
    # Lone surrogates and noncharacters cannot be encoded; format characters reorder what follows.
    is_hidden = category in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"} and code != 0x200D
    is_noncharacter = (code & 0xFFFE) == 0xFFFE
    return "\N{REPLACEMENT CHARACTER}" if is_hidden or is_noncharacter else character


def clipped(text: str, longest: int = 60) -> str:
    """Foreign text to stand in a message: visible, and cut off where it is long."""
    return visible(text[:longest]) + "…" * (len(text) > longest)


def describe(thing: object) -> str:
    """A short name of a foreign object for an error: its type, and its text if that is short."""
    kind = type(thing).__name__
    try:
        text = repr(thing)
    except Exception:  # a foreign object may fail to describe itself, as huge integers do
        return with_article(kind)
    return f"{kind} {visible(text)}" if len(text) <= 40 else with_article(kind)


def with_article(name: str) -> str:
    """A name after "a" or "an", by its first letter: "a list", "an Embedding"."""
    return f"{'an' if name[:1] in tuple('aeiouAEIOU') else 'a'} {name}"


def told(thing: object) -> str:
    """A wrong argument in a message: as it was written if that is short, else its type."""
    return describe(thing).removeprefix(f"{type(thing).__name__} ")


def named(name: object) -> str:
    """A name from foreign data: as it is if it is text, else what it is instead."""
    return clipped(name) if isinstance(name, str) else told(name)


def some_of(names: Sequence[str]) -> str:
    """The first few of many names: "a, b, c, d, e and 2 more"."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def function_name(function: object) -> str:
    """The name of a function for people, or "lambda"; of another callable that of its class."""
    return str(getattr(function, "__name__", type(function).__name__)).strip("<>")


def counted(count: int, thing: str) -> str:
    """A number of things: "1 comparison", "1,200 Values"."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


LOSSES = ("mse", "mae", "huber", "hinge", "cross_entropy", "binary_cross_entropy_with_logits")
"""What the losses of `nn` are called: `fit` suggests them, expressions may have them."""
LOSSES_OF_A_NEURON = {
    "mse": "squared",
    "half_mse": "half_squared",
    "binary_cross_entropy": "cross_entropy",
}
"""The losses that `step_neuron` writes out, with what it called them before."""
_LONGEST_NAME = 32
"""A longer name is no slip of the fingers, and comparing it would take long."""
_BINARY = "binary_cross_entropy"
_LOGITS = f"{_BINARY}_with_logits {_BINARY}"
_ELSEWHERE = {
    **{"ln": "log", "swish": "silu", "logistic": "sigmoid", "identity": "linear", "none": "linear"},
    **{"σ": "sigmoid", "sigma": "sigmoid", "arcsin": "asin", "arccos": "acos", "arctan": "atan"},
    **{"mean_squared_error": "mse", "squared": "mse", "l2": "mse", "l1": "mae", "clamp": "clip"},
    **{"mseloss": "mse", "mse_loss": "mse", "l1loss": "mae", "l1_loss": "mae"},
    **{"smoothl1loss": "huber", "jacrev": "jacobian", "jacfwd": "jacobian"},
    **{"glorot": "xavier", "kaiming": "he", "lr": "learning_rate learning-rate"},
    **dict.fromkeys("crossentropy nll nllloss nll_loss".split(), "cross_entropy " + _BINARY),
    **dict.fromkeys("bce bceloss bcewithlogitsloss binary_cross_entropy".split(), _LOGITS),
}
"""What some call by another name; of several the first that there is."""


def similar(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to a mistyped one, or None if none is near."""
    from difflib import get_close_matches  # which an error alone needs

    if len(name) > _LONGEST_NAME:
        return None
    # Of two that differ in their case alone the one that begins as what was typed comes last.
    ordered = sorted(known, key=lambda each: each[:1].isupper() == name[:1].isupper())
    by_lower = {each.lower(): each for each in ordered if len(each) <= _LONGEST_NAME}
    meant = _ELSEWHERE.get(name.lower(), name.lower()).split(" ")
    found = [each for each in meant if each in by_lower]
    # Two letters swapped are the likeliest slip, so an anagram comes before a wrong letter, which
    # may be one of three, or of more one of five: round is not meant for prod, square for share.
    typed = sorted(meant[0])
    found = found or [each for each in by_lower if sorted(each) == typed]
    if not found and len(typed) > 2:
        least = 1.0 - 1.0 / min(5, len(typed)) - 1e-9
        found = get_close_matches(meant[0], by_lower, 1, least)
    return by_lower[found[0]] if found else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question that ends an error message; "" if none is near."""
    close = similar(name, known)
    return f" Did you mean {close}?" if close else ""


# Numbers and rows.

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
    >>> short(0.70710678), short(0.70710678, digits=6), short(10050.0625), short(0.9999877)
    ('0.7071', '0.707107', '10050', '0.99999')
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
    count = max(digits, before_point)
    while abs(float(rounded := f"{number:.{count}g}")) == 1.0:  # only what is one is shown as one
        count += 1
    return rounded if len(rounded) <= len(repr(number)) else repr(number)


def digits_of_row(
    operands: Sequence[float],
    result: float,
    compute: Callable[..., float],
    least: int | None = None,
) -> int | None:
    """In how many digits the operands of a row are shown, so that it can be checked by hand.

    They are the fewest, from `least` on, in which the result is shown, with which what is shown
    gives the result that is shown; `least`, where the operands themselves do not give it. None
    are the usual ones.
    """
    shown = len(_NO_DIGIT.sub("", short(result, least)).lstrip("0"))
    precision = max(digits_shown(), shown)

    def comes_out(numbers: Sequence[float]) -> bool:
        try:
            found = compute(*numbers)
        except (ArithmeticError, ValueError):  # a rounded operand may lie outside of the domain
            return False
        return f"{found + 0.0:.{precision}g}" == f"{result + 0.0:.{precision}g}"

    if not comes_out(operands):
        return least
    possible = range(least or digits_shown(), ALL_DIGITS)
    found = (n for n in possible if comes_out([float(short(x, n)) for x in operands]))
    return next(found, ALL_DIGITS)


def digits_apart(before: float, after: float) -> int | None:
    """In how many digits two numbers are shown so that one sees which is the larger.

    >>> digits = digits_apart(0.99584512, 0.99583801)
    >>> short(0.99584512, digits), short(0.99583801, digits)
    ('0.99585', '0.99584')
    """

    def order(x: float, y: float) -> float:
        return float((x > y) - (x < y))

    return digits_of_row((before, after), order(before, after), order)


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
