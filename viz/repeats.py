"""Where a pattern of operations repeats in a graph: the steps of a recurrence, the terms of a sum.

A program with a loop makes a graph in which the same few operations come again and again. A page
shows such a part folded, and opens the repetition that is looked at. The search goes once through
the operations, in an order in which those of one repetition stand together however the program
wrote them; candidates for the length of a repetition come from hashes of what is around an
operation. Next: `stage.py`, which gives them to the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import takewhile
from typing import Any

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
            series, of = _found(_Operations(diagram, is_eager))
            if of.count(None) < self.of.count(None):
                self.series, self.of = series, of
        _place_leaves(diagram, self.series, self.of)


def _found(operations: _Operations) -> tuple[list[Series], list[_Place | None]]:
    series: list[Series] = []
    of: list[_Place | None] = [None] * operations.nodes
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


def _place_leaves(diagram: Diagram, series: list[Series], of: list[_Place | None]) -> None:
    """Put each leaf into the innermost repetition that all its readers are part of."""
    chains: dict[int, list[_Place]] = {}
    for node in diagram:
        own = _chain(series, of[node.index])
        for parent in node.parents:
            if not diagram[parent].parents:
                pairs = zip(chains.get(parent, own), own)
                chains[parent] = [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    for leaf, chain in chains.items():
        of[leaf] = chain[-1] if chain else None


def _chain(series: Sequence[Series], innermost: _Place | None) -> list[_Place]:
    found: list[_Place] = []
    while innermost is not None:
        found.append(innermost)
        innermost = series[innermost[0]].around
    return found[::-1]


class _Operations:
    """The operations of a diagram, by index, in an order in which what repeats stands together.

    Of what is computed from the same numbers, that which comes to an end goes first if it is eager,
    as the error of a step before the next step; or else what goes on, as a velocity.
    """

    def __init__(self, diagram: Diagram, is_eager: bool) -> None:
        self.nodes = len(diagram)
        self.order = _together(diagram, is_eager)
        place = {index: at for at, index in enumerate(self.order)}
        self._last = list(range(len(self.order)))  # where each is read last
        first: dict[int, tuple[int, int]] = {}
        self._operands: list[tuple[tuple[int, Any], ...]] = []
        """Of each operand its index and what it is, seen from the operation."""
        self._names: list[Any] = []  # of each the operation and how many operands it has
        for at, index in enumerate(self.order):
            node = diagram[index]
            operands: list[tuple[int, Any]] = []
            for slot, parent in enumerate(node.parents):
                if parent in place:
                    self._last[place[parent]] = at
                    operands.append((parent, at - place[parent]))
                else:
                    reader, its_slot = first.setdefault(parent, (at, slot))
                    kind = "constant" if diagram[parent].is_constant else "leaf"
                    operands.append((parent, (kind, at - reader, its_slot)))
            self._operands.append(tuple(operands))
            self._names.append((node.operation, len(operands)))
        self._place = place
        self._next = self._likely()

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

    def _likely(self) -> list[list[int]]:
        """Where the next operation is that looks alike from around, or that reads the same leaf."""
        kinds = [
            (name, tuple(_kind(seen) for _, seen in operands))
            for name, operands in zip(self._names, self._operands)
        ]
        read = _numbered(
            (name, tuple(index for index, seen in operands if isinstance(seen, tuple)))
            for name, operands in zip(self._names, self._operands)
        )
        hashes = _numbered(kinds)
        found = [_following(hashes), _following(read)]
        for _ in range(_AROUND):
            hashes = _numbered(
                (own, tuple(hashes[at - seen] for _, seen in operands if isinstance(seen, int)))
                for at, (own, operands) in enumerate(zip(hashes, self._operands))
            )
            found.append(_following(hashes))
        return found

    def _alike(self, one: int, other: int) -> bool:
        """Whether two operations do the same with what stands at the same place around them."""
        return self._names[one] == self._names[other] and all(
            a == b or its_own == others
            for (a, its_own), (b, others) in zip(self._operands[one], self._operands[other])
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
        fewest = min(carried)
        found = []
        for shift in range(length):
            if carried[shift] == fewest:
                start = at + shift
                if start - length >= least and self._is_first(start - length, length):
                    start -= length
                found.append((-((stop - start) // length), start))
        count, start = min(found)
        are_many = -count >= max(_FEWEST, _FEWEST_OPERATIONS / length)
        return (start, length, -count) if are_many else None

    def _is_first(self, start: int, length: int) -> bool:
        """Whether operations are the first repetition of those after them, in whatever order.

        What the others take from the repetition before them, the first takes from anywhere.
        """
        next_start = start + length
        own = set(self.order[start:next_start])
        counterparts: dict[int, int] = {}
        pending = [
            (before, now)
            for at in range(next_start, next_start + length)
            for (before, _), (now, _) in zip(self._operands[at], self._operands[at + length])
            if before in own and self._place.get(now, -1) >= next_start
        ]
        while pending:
            first, other = pending.pop()
            if counterparts.get(other) == first:
                continue
            one, two = self._place.get(first, -1), self._place[other]
            if other in counterparts or first not in own or self._names[one] != self._names[two]:
                return False
            counterparts[other] = first
            for (a, its_own), (b, others) in zip(self._operands[one], self._operands[two]):
                if self._place.get(b, -1) >= next_start:
                    pending.append((a, b))
                elif b not in own and a != b:
                    if not _kind(others) or _kind(its_own) != _kind(others):
                        return False
        return len(counterparts) == length == len(set(counterparts.values()))

    def _carried(self, middle: int, length: int) -> list[int]:
        """How many numbers are read beyond each place of a repetition, from its first on."""
        changes = [0] * (2 * length + 1)
        for back in range(-length, length):
            read = self._last[middle + back]
            changes[back + 1 + length] += 1
            changes[min(read - middle, back + length, length - 1) + 1 + length] -= 1
        total, found = 0, []
        for change in changes:
            total += change
            found.append(total)
        return found[length : 2 * length]


def _numbered(keys: Any) -> list[int]:
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _following(hashes: Sequence[int]) -> list[int]:
    """Where each hash comes next; 0 for nowhere."""
    found, seen = [0] * len(hashes), dict[int, int]()
    for at in range(len(hashes) - 1, -1, -1):
        found[at] = seen.get(hashes[at], 0)
        seen[hashes[at]] = at
    return found


def _kind(seen: Any) -> str:
    """What an operand is that no operation computed; "" for one that was computed."""
    return seen[0] if isinstance(seen, tuple) else ""


def _together(diagram: Diagram, is_eager: bool) -> list[int]:
    """The operations, each after its operands, and those of one repetition together.

    What reads numbers that are there follows at once; what reads leaves alone comes when it is
    needed.
    """
    late = _deepest_first(diagram)
    place = {index: at for at, index in enumerate(late)}
    missing = [len({p for p in diagram[i].parents if p in place}) for i in late]
    readers: list[list[int]] = [[] for _ in late]
    for at, index in enumerate(late):
        for parent in set(diagram[index].parents):
            if parent in place:
                readers[place[parent]].append(at)
    ready = [(True, at) for at in range(len(late)) if not missing[at]]
    heapify(ready)
    order = []
    while ready:
        _, at = heappop(ready)
        at = abs(at)
        order.append(late[at])
        for reader in readers[at]:
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
