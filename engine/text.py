"""Foreign texts in messages: visible, short and on one line, whatever characters they hold.

A label, a name in a file or a wrong argument is data; a terminal must not act on it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


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
