"""A count of changes to what holds parameters, such as `nn.Module`; compiled functions look at it.

Whoever holds Values and wants compiled functions to notice at once that another layer, flag or
rate is in place counts `STRUCTURE.revision` up when an attribute is set or deleted. As long as the
count is the same, nothing of that kind has changed.
"""

from __future__ import annotations


class Structure:
    """The count.

    Attributes:
        revision: how many changes there have been.
    """

    __slots__ = ("revision",)

    def __init__(self) -> None:
        self.revision = 0


STRUCTURE = Structure()
