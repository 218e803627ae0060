"""An embedding: a row of numbers to learn for each of a number of things, such as letters.

How a row is chosen by a number that is not known yet is in `nn/choice.py`.
"""

from __future__ import annotations

from typing import Any

from glassgrad.engine import Value, dot, where
from glassgrad.engine.tree import is_sequence, listed, scalar_of
from glassgrad.nn.checks import whole
from glassgrad.nn.choice import misses, place, unless_all_miss
from glassgrad.nn.initialisers import Init
from glassgrad.nn.modules.matrix import matrix
from glassgrad.nn.modules.module import Module
from glassgrad.nn.seed import Seed


class Embedding(Module):
    """A table with a row for each token; a token is a whole number from 0 on.

    A plain token takes its row as it is. A token that is a Value, as in a compiled function,
    weighs all rows with 1 for its own and 0 for the others, which gives the same numbers as long as
    all of the table is finite; a Value that is none of the tokens gives nan. A nan or an infinity
    anywhere in the table makes the same place of every row nan then, as 0 · nan is nan: a training
    that has broken for one token breaks for all. (To choose rows without products takes two to
    three times as long.)

    Args:
        count: how many tokens there are.
        size: how many numbers stand for each.
        seed: see `Neuron`; one row is drawn after the other.
        init: how they are drawn, see `Neuron`; "normal" is PyTorch's choice.

    Attributes:
        rows: the table, a list of `count` lists of `size` Values.

    Raises:
        ValueError: a size is below 1, or there is no initialiser of that name.
        TypeError: an argument is of a wrong type.

    Example:
        >>> from glassgrad import Embedding
        >>> letters = Embedding(26, 3, seed=0)
        >>> letters
        Embedding(26 × 3, 78 parameters)
        >>> letters(2) == letters.rows[2]
        True
        >>> len(letters([2, 0, 1]))
        3
    """

    def __init__(self, count: int, size: int, *, seed: Seed = None, init: Init = "normal") -> None:
        count, size = whole(count, "Embedding(count=...)"), whole(size, "Embedding(size=...)")
        self.rows = matrix(count, size, "e", seed, init)

    @property
    def size(self) -> int:
        """How many numbers stand for each token.

        >>> from glassgrad import Embedding
        >>> Embedding(26, 3).size
        3
        """
        return len(self.rows[0])

    def forward(self, token: Any) -> list[Any]:
        """The row of a token, a list of Values; of a list of tokens the list of their rows.

        Raises:
            IndexError: a token is not one of 0 … count - 1; negative ones are no places here.
            TypeError: a token is no number, or a bool.

        >>> from glassgrad import Embedding
        >>> Embedding(26, 3).forward(26)
        Traceback (most recent call last):
        IndexError: Embedding(26 × 3) takes a token from 0 to 25, not 26.
        """
        token = scalar_of(token)
        if is_sequence(token):
            return [self.forward(each) for each in listed(token, repr(self))]
        if isinstance(token, Value):
            return self._weighed(token)
        role = f"Embedding({self.extra_repr()}) takes a token"
        found = place(token, len(self.rows), role, IndexError)
        return list(self.rows[found])

    def _weighed(self, token: Value) -> list[Value]:
        missed = misses(token, len(self.rows))
        weights = [unless_all_miss(where(miss, 0.0, 1.0), missed) for miss in missed]
        return [dot(weights, column) for column in zip(*self.rows)]

    def extra_repr(self) -> str:
        """The size of the table: "26 × 3".

        >>> from glassgrad import Embedding
        >>> Embedding(26, 3).extra_repr()
        '26 × 3'
        """
        return f"{len(self.rows)} × {self.size}"
