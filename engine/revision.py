"""A count of changes to what holds parameters, such as `nn.Module`; compiled functions look at it.

Whoever holds Values and wants compiled functions to notice at once that another layer, flag or
rate is in place counts `STRUCTURE.revision` up when an attribute is set or deleted. As long as the
count is the same, nothing of that kind has changed.
"""

from __future__ import annotations

from itertools import count


class Structure:
    """The count.

    Attributes:
        revision: how many changes there have been.
    """

    __slots__ = ("_counter", "revision")

    def __init__(self) -> None:
        self._counter = count(1)
        self.revision = 0

    def count_up(self) -> None:
        """Say that something has changed; of two threads at once, each sets another count."""
        self.revision = next(self._counter)


STRUCTURE = Structure()
