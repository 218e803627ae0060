"""`Graph`: the recorded scalars as arrays of numbers, so that passes are array operations.

A node is a number: its place in the arrays. The passes, each from graph to
graph, are in `passes.py`. Next: `layout.py`, which finds nodes that can be computed together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from glassgrad.engine.op import Operation

Numbers = npt.NDArray[np.intp]
LEAVES = ("input", "captured", "constant")
INPUT, CAPTURED, CONSTANT = range(-len(LEAVES), 0)
"""The codes of leaves; those of computed nodes are places in the list of rows."""


@dataclass
class Graph:
    """Nodes in an order in which operands come first, if they are computed.

    Attributes:
        rows: the rows of the table that occur.
        codes: what computes each node, as its place among `rows`; of leaves a negative code.
        numbers: of a constant its number, of other leaves their place among inputs or captured
            Values; of computed nodes 0.
        starts: where the operands of each node begin; one number more than there are nodes.
        operands: the operands of all nodes, one node after the other.
        roots: the nodes that are wanted: the result, or several, then the operands of the guards.
        places: which node here each recorded node has become; -1 for one that is not needed.
    """

    rows: list[Operation]
    codes: Numbers
    numbers: npt.NDArray[np.float64]
    starts: Numbers
    operands: Numbers
    roots: Numbers
    places: Numbers

    def __len__(self) -> int:
        return len(self.codes)

    def size(self) -> int:
        """How many nodes are computed; the others are leaves."""
        return int((self.codes >= 0).sum())

    def size_in_bytes(self) -> int:
        arrays = (self.codes, self.numbers, self.starts, self.operands, self.roots, self.places)
        return sum(array.nbytes for array in arrays)

    @cached_property
    def counts(self) -> Numbers:
        """How many operands each node has; asked for once for each group."""
        return np.diff(self.starts)

    @property
    def owners(self) -> Numbers:
        """For each place among the operands the node that reads there."""
        return np.repeat(np.arange(len(self)), self.counts)

    def row(self, node: int) -> Operation | None:
        code = self.codes[node]
        return self.rows[code] if code >= 0 else None

    def of(self, node: int) -> list[int]:
        found: list[int] = self.operands[self.starts[node] : self.starts[node + 1]].tolist()
        return found

    def leaves(self, code: int) -> list[int]:
        """The leaves of a kind, in the order of their places among inputs or captured Values."""
        nodes = np.flatnonzero(self.codes == code)
        found: list[int] = nodes[np.argsort(self.numbers[nodes])].tolist()
        return found

    def all_operands(self) -> list[list[int]]:
        flat, starts = self.operands.tolist(), self.starts.tolist()
        return [flat[a:b] for a, b in pairwise(starts)]

    def pairs(self, nodes: Numbers) -> tuple[Numbers, Numbers]:
        """The first and the last operand of computed nodes: of one or two operands these are all.

        Nearly all nodes of a scalar program have no more, so a loop over pairs is the fastest.
        """
        return self.operands[self.starts[nodes]], self.operands[self.starts[nodes + 1] - 1]

    def uses(self) -> Numbers:
        """How often each node is an operand or a root."""
        return np.bincount(np.concatenate([self.operands, self.roots]), minlength=len(self))

    def code_of(self, row: Operation) -> int:
        """The code of a row, which is added to those that occur."""
        if row not in self.rows:
            self.rows.append(row)
        return self.rows.index(row)

    def is_of(self, *rows: Operation) -> npt.NDArray[np.bool_]:
        return np.isin(self.codes, [self.rows.index(row) for row in rows if row in self.rows])

    def scalars(self) -> int:
        """How many operations on one or two numbers the nodes are.

        A sum of n numbers is n - 1 of them, a `dot` of n pairs 2n - 1.
        """
        is_sum = np.isin(self.codes, [i for i, row in enumerate(self.rows) if row.name in _SUMS])
        return int(np.where(is_sum, np.maximum(self.counts - 1, 1), self.codes >= 0).sum())

    def remade(
        self, became: Numbers, codes: Numbers, numbers: Any, owners: Numbers, operands: Numbers
    ) -> Graph:
        """A graph of other nodes, with codes and numbers; owners read operands, in this order.

        `became` says which of them each node here has become; -1 for one that is not needed.
        """
        order = np.argsort(owners, kind="stable")
        starts = starts_of(np.bincount(owners, minlength=len(codes)))
        places = np.where(self.places >= 0, became[self.places], -1) if len(became) else self.places
        roots = became[self.roots]
        return Graph(self.rows, codes, numbers, starts, operands[order], roots, places)

    def chosen(self, is_kept: npt.NDArray[np.bool_], became: Numbers) -> Graph:
        """The graph of some of the nodes; `became` says which of those that are here stands for
        each node from now on.
        """
        new = np.cumsum(is_kept) - 1
        became = np.where(became >= 0, new[became], -1)
        owners = self.owners
        is_read = (is_kept & (self.codes >= 0))[owners]
        owners, operands = new[owners[is_read]], became[self.operands[is_read]]
        return self.remade(became, self.codes[is_kept], self.numbers[is_kept], owners, operands)

    def with_constants(self, numbers: Sequence[float]) -> Graph:
        """The same nodes, and some constants behind them."""
        count = len(numbers)
        return replace(
            self,
            codes=np.append(self.codes, np.full(count, CONSTANT)),
            numbers=np.append(self.numbers, numbers),
            starts=np.append(self.starts, np.repeat(self.starts[-1:], count)),
        )


_SUMS = ("sum", "dot", "prod", "max", "min", "mean")


def starts_of(counts: Sequence[int] | Numbers) -> Numbers:
    """Where each of several runs begins that lie one after the other, and where the last ends."""
    found = np.zeros(len(counts) + 1, np.intp)
    np.cumsum(counts, out=found[1:])
    return found


def runs(nodes: Numbers, *keys: Numbers) -> list[Numbers]:
    """Nodes cut into runs with equal keys."""
    is_new = np.any([np.diff(key) != 0 for key in keys], axis=0)
    starts = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(nodes)]
    return [nodes[a:b] for a, b in pairwise(starts) if b > a]


def alike_in(graph: Graph, *keys: Any) -> list[Numbers]:
    """The computed nodes with equal keys, in the order of the last key, then of those before."""
    nodes = np.flatnonzero(graph.codes >= 0)
    mine = [key[nodes] for key in keys]
    order = np.lexsort(mine)
    return runs(nodes[order], *[key[order] for key in mine])


def ends(step: Numbers) -> Numbers:
    """Where each node arrives that goes on stepping, in twice as long steps each time."""
    while True:
        twice = step[step]
        if (twice == step).all():
            return step
        step = twice


def levels(graph: Graph) -> Numbers:
    """A level for each node, above those of its operands, so that few kinds of nodes meet at each.

    Nodes are computed as early as possible, or as late: a recurrent network reads its states late,
    all at once, while they are computed one after the other. Even then what reads leaves alone, as
    its biases, can be computed at once.
    """
    steps = steps_of(graph)
    early = highest(steps, np.zeros(len(graph), np.intp), 1)
    late = np.where(graph.codes < 0, 0, _latest(steps, len(graph), int(early.max(initial=0))))
    mixed = np.where(early == 1, 1, late)
    return min((early, mixed, late), key=lambda level: _kinds(graph, level))


Steps = list[tuple[int, int, int, list[int] | None]]
"""Each computed node, its first and last operand, and all if it has more than two."""


def highest(steps: Steps, of_leaves: Numbers, more: int) -> Numbers:
    """The highest number among the operands of each node, and some more; leaves are given."""
    found = of_leaves.tolist()
    for node, first, last, many in steps:
        a, b = found[first], found[last]
        found[node] = (a if a > b else b) + more
        if many:
            found[node] = max([found[operand] for operand in many]) + more
    return np.array(found, np.intp)


def _latest(steps: Steps, size: int, top: int) -> Numbers:
    """The highest level less the longest path from each node to one that nobody reads."""
    found = [top] * size
    for node, first, last, many in reversed(steps):
        below = found[node] - 1
        for operand in many or (first, last):
            if found[operand] > below:  # noqa: PLR1730  a call of min takes three times as long
                found[operand] = below
    return np.array(found, np.intp)


def steps_of(graph: Graph) -> Steps:
    nodes = np.flatnonzero(graph.counts)
    first, last = graph.pairs(nodes)
    many: list[list[int] | None] = [None] * len(nodes)
    for place in np.flatnonzero(graph.counts[nodes] > 2).tolist():
        many[place] = graph.of(int(nodes[place]))
    return list(zip(nodes.tolist(), first.tolist(), last.tolist(), many))


def _kinds(graph: Graph, level: Numbers) -> int:
    is_computed = graph.codes >= 0
    keys = level[is_computed] * len(graph.rows) + graph.codes[is_computed]
    return int(np.count_nonzero(np.bincount(keys)))
