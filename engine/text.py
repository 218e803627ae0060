"""Foreign texts in messages: visible, short and on one line, whatever characters they hold.

A label, a name in a file or a wrong argument is data; a terminal must not act on it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from difflib import SequenceMatcher


def visible(label: str) -> str:
    r"""A label with every character visible and valid in XML: control characters get pictures.

    >>> visible("a\nb")
    'a␊b'
    """
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
_LONGEST_NAME = 32
"""A longer name is no slip of the fingers, and comparing it would take long."""
_ELSEWHERE = {
    **{"ln": "log", "swish": "silu", "logistic": "sigmoid", "identity": "linear", "none": "linear"},
    **{"σ": "sigmoid", "sigma": "sigmoid", "arcsin": "asin", "arccos": "acos", "arctan": "atan"},
    **{"φ": "normal_cdf", "average": "mean", "heaviside": "step", "signum": "sign"},
    **dict.fromkeys(("mean_squared_error", "squared_error", "squared", "l2"), "mse"),
    **dict.fromkeys(("mean_absolute_error", "l1"), "mae"),
    **dict.fromkeys(("smooth_l1", "huber_loss"), "huber"),
    **dict.fromkeys(
        ("nll", "ce", "softmax", "categorical_crossentropy", "crossentropy"), "cross_entropy"
    ),
    **dict.fromkeys(
        ("bce", "binary_crossentropy", "binary_cross_entropy", "log_loss", "logloss"),
        "binary_cross_entropy_with_logits",
    ),
}
"""What some call by another name."""
_LONG_NAME = 8
"""In a name so long two letters may be wrong, in one of three or more one."""


def similar(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to a mistyped one, or None if none is near.

    >>> similar("tahn", ["tan", "tanh"]), similar("W", ["w", "x"]), similar("y", ["x"])
    ('tanh', 'w', None)
    """
    if len(name) > _LONGEST_NAME:
        return None
    by_lower = {each.lower(): each for each in known if len(each) <= _LONGEST_NAME}
    typed = _ELSEWHERE.get(name.lower(), name.lower())
    if typed in by_lower:
        return by_lower[typed]
    # Two letters swapped are the likeliest slip, so an anagram comes first.
    found = [each for each in by_lower if sorted(each) == sorted(typed)]
    found = found or [each for each in by_lower if _is_slip(typed, each)]
    if not found:
        return None
    best = max(found, key=lambda each: (_likeness(typed, each).ratio(), each[0] == typed[0]))
    return by_lower[best]


def _is_slip(typed: str, meant: str) -> bool:
    """Whether few letters are wrong: round is not meant for prod, nor square for share."""
    shorter, longer = sorted((len(typed), len(meant)))
    if shorter < 3 or longer - shorter > 2:
        return False
    same = sum(block.size for block in _likeness(typed, meant).get_matching_blocks())
    return longer - same <= 1 + (shorter >= _LONG_NAME)


def _likeness(typed: str, meant: str) -> SequenceMatcher[str]:
    from difflib import SequenceMatcher  # which an error alone needs

    return SequenceMatcher(None, typed, meant)


def suggestion(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question that ends an error message; "" if none is near.

    >>> suggestion("sigmod", ["sigmoid"])
    ' Did you mean sigmoid?'
    """
    close = similar(name, known)
    return f" Did you mean {close}?" if close else ""
