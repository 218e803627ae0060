"""A sequence of records: the nodes of a diagram, the steps of backpropagation, wrong engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

Record = TypeVar("Record")


class Records(Sequence[Record]):
    """What is asked for by place, and says in its subclasses what else it knows.

    Its records are in `_records`, a list or a tuple.
    """

    _records: Sequence[Record]

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return list(self._records[index])
        return self._records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)
