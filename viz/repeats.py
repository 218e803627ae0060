"""What repeats in a program: with a loop the same few operations come again and again.

The page folds such a part, and opens the repetition that is looked at (`stage/folds.js`). The
search goes once through the operations, in an order in which those of one repetition stand together
however the program wrote them; candidates for the length of a repetition come from hashes of what
is around an operation. Next: `stage.py`, which gives networks and repetitions to the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import accumulate, takewhile
from typing import Any, NamedTuple

from glassgrad.engine import Operation
from glassgrad.viz.diagram import Diagram

FEWEST_NODES = 60  # smaller graphs are shown whole
_FEWEST = 4
_FEWEST_OPERATIONS = 30
"""From so many repetitions on, of so many operations in all, they are folded."""
_LONG = 60  # in a repetition of so many operations others are looked for
_LONGEST = 2_000  # up to so many operations are looked at as one repetition
_AROUND = 4  # how far around an operation its hashes reach, in operations

_Place = tuple[int, int]
"""A repetition: the number of its series, and which of the series it is."""


@dataclass(frozen=True)
class Series:
    """Repetitions that follow each other, and that of another series which they are part of."""

    count: int
    around: _Place | None


class Repeats:
    """The repetitions in a diagram, those around others before them.

    `of` is the innermost one that each node is part of, by index, or None. A leaf belongs to a
    repetition if all that read it do.
    """

    def __init__(self, diagram: Diagram) -> None:
        self.series: list[Series] = []
        self.of: list[_Place | None] = [None] * len(diagram)
        if len(diagram) < FEWEST_NODES:
            return
        for is_eager in (True, False):
            series, of = _found(_Operations(diagram, is_eager), len(diagram))
            if of.count(None) < self.of.count(None):
                self.series, self.of = series, of
        chains: dict[int, list[_Place]] = {}  # of each leaf what all that read it are part of
        for node in diagram:
            own = self._chain(node.index)
            for leaf in node.parents:
                if not diagram[leaf].parents:
                    pairs = zip(chains.get(leaf, own), own)
                    chains[leaf] = [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
        for leaf, chain in chains.items():
            self.of[leaf] = chain[-1] if chain else None

    def _chain(self, index: int) -> list[_Place]:
        found, place = list[_Place](), self.of[index]
        while place is not None:
            found.append(place)
            place = self.series[place[0]].around
        return found[::-1]


def _found(operations: _Operations, nodes: int) -> tuple[list[Series], list[_Place | None]]:
    series: list[Series] = []
    of: list[_Place | None] = [None] * nodes
    pending: list[tuple[int, int, _Place | None]] = [(0, len(operations.order), None)]
    while pending:
        start, end, around = pending.pop()
        for first, length, count in operations.runs(start, end):
            number = len(series)
            series.append(Series(count, around))
            for place in range(count):
                at = first + place * length
                for index in operations.order[at : at + length]:
                    of[index] = (number, place)
                if length >= _LONG:
                    pending.append((at, at + length, (number, place)))
    return series, of


class _Operand(NamedTuple):
    """What an operation reads: a node, and where it was made, or is read first if it is a leaf."""

    node: int
    seen: tuple[int, int, str]  # how far back, by which operand, and what it is: "" if computed


class _Operations:
    """The operations of a diagram, by index, in an order in which what repeats stands together."""

    def __init__(self, diagram: Diagram, is_eager: bool) -> None:
        self.order = _together(diagram, is_eager)
        self._last = list(range(len(self.order)))  # where each is read last
        self._operands: list[list[_Operand]] = []
        self._names: list[tuple[Operation | None, int]] = []
        born: dict[int, tuple[int, int, str]] = {}
        for at, index in enumerate(self.order):
            node = diagram[index]
            operands = []
            for slot, parent in enumerate(node.parents):
                kind = "constant" if diagram[parent].is_constant else "leaf"
                place, its_slot, kind = born.setdefault(parent, (at, slot, kind))
                operands.append(_Operand(parent, (at - place, its_slot, kind)))
                if not kind:
                    self._last[place] = at
            born[index] = (at, 0, "")
            self._operands.append(operands)
            self._names.append((node.operation, len(operands)))
        self._next = [_following(hashes) for hashes in self._hashes()]

    def _hashes(self) -> Iterator[list[int]]:
        """Numbers, the same for operations that read the same leaf, or that look alike around."""
        kinds, read = [], []
        for name, operands in zip(self._names, self._operands):
            kinds.append((name, *(each.seen[2] for each in operands)))
            read.append((name, *(each.node for each in operands if each.seen[2])))
        yield _numbered(read)
        hashes = _numbered(kinds)
        for _ in range(_AROUND):
            yield hashes
            hashes = _numbered(
                (own, *(hashes[at - seen[0]] for _, seen in operands if not seen[2]))
                for at, (own, operands) in enumerate(zip(hashes, self._operands))
            )
        yield hashes

    def runs(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """What repeats between two places: (first place, length of a repetition, how often).

        Of those that overlap it is the one that covers most.
        """
        examined: dict[int, int] = {}  # for each length up to where it is known
        found = []
        for at in range(start, end):
            for length in sorted({following[at] - at for following in self._next}):
                if not 0 < length <= _LONGEST or examined.get(length, 0) > at:
                    continue
                stop = at + length
                while stop < end and self._alike(stop, stop - length):
                    stop += 1
                examined[length] = stop - length + 1
                if run := self._aligned(start, at, stop, length):
                    found.append(run)
        found.sort(key=lambda run: (-run[1] * run[2], run[1]))
        taken: list[tuple[int, int, int]] = []
        free = [True] * (end - start)
        for first, length, count in found:
            last = first + length * count
            if free[first - start] and free[last - 1 - start]:  # none that is longer lies between
                free[first - start : last - start] = [False] * (last - first)
                taken.append((first, length, count))
        return sorted(taken)

    def _alike(self, one: int, other: int) -> bool:
        """Whether two operations do the same with what stands at the same place around them."""
        return self._names[one] == self._names[other] and all(
            a.node == b.node or a.seen == b.seen
            for a, b in zip(self._operands[one], self._operands[other])
        )

    def _aligned(self, least: int, at: int, stop: int, length: int) -> tuple[int, int, int] | None:
        """Where repetitions begin, of a part in which each operation is as that before a length.

        Between two of them few numbers should be carried on; then there should be many, and the
        first early.
        """
        if stop - at < (_FEWEST - 1) * length:
            return None
        while at > least and self._alike(at - 1 + length, at - 1):
            at -= 1
        carried = self._carried(at + length, length)
        found = []
        for start in range(at, at + length):
            if carried[start - at] == min(carried):
                before = start - length
                is_first = before >= least and self._is_first(before, length)
                first = before if is_first else start
                found.append((-((stop - first) // length), first))
        count, start = min(found)
        are_many = -count >= max(_FEWEST, _FEWEST_OPERATIONS / length)
        return (start, length, -count) if are_many else None

    def _is_first(self, start: int, length: int) -> bool:
        """Whether operations are the first repetition of those after them, in whatever order.

        What the others take from the repetition before them, the first takes from anywhere.
        """
        return self._made_of(start, length) == self._made_of(start + length, length)

    def _made_of(self, start: int, length: int) -> Counter[Any]:
        """The operations of a repetition, each with how many of its operands are its own."""
        places = range(start, start + length)
        own = {self.order[at] for at in places}
        return Counter(
            (self._names[at], sum(operand.node in own for operand in self._operands[at]))
            for at in places
        )

    def _carried(self, middle: int, length: int) -> list[int]:
        """How many numbers are read beyond each place of a repetition, from its first on.

        One that is read later than a repetition on is read so by every repetition, and not counted.
        """
        changes = [0] * (2 * length + 1)
        for made in range(2 * length):
            read = self._last[middle - length + made] - middle + length
            changes[made + 1] += 1
            changes[min(read, made + length, 2 * length - 1) + 1] -= 1
        return list(accumulate(changes))[length : 2 * length]


def _numbered(keys: Iterable[Hashable]) -> list[int]:
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _following(hashes: Sequence[int]) -> list[int]:
    """Where each hash comes next; 0 for nowhere."""
    found, seen = [0] * len(hashes), dict[int, int]()
    for at in range(len(hashes) - 1, -1, -1):
        found[at] = seen.get(hashes[at], 0)
        seen[hashes[at]] = at
    return found


def _together(diagram: Diagram, is_eager: bool) -> list[int]:
    """The operations, each after its operands, and those of one repetition together.

    What reads numbers that are there follows at once; what reads leaves alone comes when it is
    needed. Of what is computed from the same numbers, that which comes to an end goes first if it
    is eager, as the error of a step before the next step; or else what goes on, as a velocity.
    """
    place = {index: at for at, index in enumerate(_deepest_first(diagram))}
    late = list(place)
    missing = [len(place.keys() & diagram[index].parents) for index in late]
    ready = [(True, at) for at in range(len(late)) if not missing[at]]
    heapify(ready)
    order = []
    while ready:
        index = late[abs(heappop(ready)[1])]
        order.append(index)
        for reader in sorted(place[each] for each in diagram.readers[index]):
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, (False, -reader if is_eager else reader))
    return order


def _deepest_first(diagram: Diagram) -> list[int]:
    """The operations, each after its operands, of which the one with most behind it comes first."""
    depth = [0] * len(diagram)
    for node in diagram:
        depth[node.index] = 1 + max((depth[parent] for parent in node.parents), default=-1)
    order: list[int] = []
    seen = set[int]()
    for root in reversed(range(len(diagram))):
        stack = [root]
        while stack:
            index = stack.pop()
            if index < 0:
                order.append(-index)
            elif index not in seen and diagram[index].parents:
                seen.add(index)
                stack.append(-index)
                operands = list(dict.fromkeys(diagram[index].parents))[::-1]
                stack += sorted(operands, key=depth.__getitem__)
    return order
