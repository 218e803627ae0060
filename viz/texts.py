"""Texts with numbers in them, and equations of such texts: what the steps say is made of them.

A number in a text says which one of the graph it is, so that a page can put in that of the moment;
as Python text it is that of the steps. Next: `told.py`, which says what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from glassgrad.engine.printing import short

Reference = tuple[str | int, ...]
"""Which number of the graph is meant, as a script reads it: ("v", 3) is the value of node 3."""


@dataclass(frozen=True)
class Number:
    """A number in a text: which one it is, and what it is in these steps.

    Where it is an operand of a row it has as many digits as the row takes to come out.
    """

    reference: Reference
    value: float | None
    digits: int | None = None

    def __str__(self) -> str:
        text = short(self.value, self.digits)
        return f"({text})" if self.reference[-1] == "()" and text.startswith("-") else text


class Text(tuple[str | Number, ...]):
    """Words and numbers, one after the other: Text("x = ", Number(("v", 0), 2.0), ".")."""

    def __new__(cls, *parts: str | Number | Text) -> Text:
        flat: list[str | Number] = []
        for part in parts:
            flat += part if isinstance(part, Text) else (part,)
        return super().__new__(cls, flat)

    def __str__(self) -> str:
        return "".join(map(str, self))

    def data(self, keep: str = "") -> str | list[str | Reference]:
        """For JSON: a text alone, or what it is made of; `keep` stands as a part of its own."""
        found: list[str | Reference] = []
        is_open = False
        for part in self:
            if isinstance(part, Number):
                found.append(part.reference)
            elif is_open and part != keep:
                found[-1] = f"{found[-1]}{part}"
            elif part:
                found.append(part)
            is_open = isinstance(part, str) and part != keep and bool(found)
        has_numbers = any(isinstance(part, Number) for part in self)
        return found if has_numbers else str(self)


NOTHING = Text()


class Term(NamedTuple):
    """A text of an equation with its caption, and whether it is part of the answer."""

    caption: str
    text: Text
    is_answer: bool = False


Equation = Sequence[Term | str]
"""Terms with the signs between them."""


def joined(between: str, texts: Sequence[Text]) -> Text:
    """Texts one after the other, with words between."""
    return Text(*[part for text in texts for part in (between, text)][1:])
