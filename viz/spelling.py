"""What a name that is not known was probably meant to be: the suggestion in every error."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 30
"""A longer name is no slip of the fingers, and comparing it would take long."""
_ELSEWHERE = {"ln": "log", "swish": "silu", "logistic": "sigmoid", "identity": "linear"}
"""What some call by another name."""


def similar(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to a mistyped one, or None if none is near.

    >>> similar("tahn", ["tan", "tanh"]), similar("W", ["w", "x"]), similar("y", ["x"])
    ('tanh', 'w', None)
    """
    import difflib

    if len(name) > _LONGEST:
        return None
    typed = _ELSEWHERE.get(name.lower(), name.lower())
    by_lower = {each.lower(): each for each in known if len(each) <= _LONGEST}
    if typed in by_lower:
        return by_lower[typed]
    # Two letters swapped are the likeliest slip, so an anagram comes first.
    anagrams = [each for each in by_lower if sorted(each) == sorted(typed)]
    close = anagrams or difflib.get_close_matches(typed, by_lower, n=1)
    return by_lower[close[0]] if close else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question that ends an error message; "" if none is near.

    >>> suggestion("sigmod", ["sigmoid"])
    ' Did you mean sigmoid?'
    """
    close = similar(name, known)
    return f" Did you mean {close}?" if close else ""
