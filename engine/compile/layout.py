"""The layout: which nodes are computed together, and in which order they lie.

Nodes of one operation at one level (the longest path from a leaf) do not depend on each other. They
become one array, in an order in which the operands are read as slices where that is possible.
Groups of `dot` nodes are products of matrices where their rows fill a grid: see `products.py`. Many
narrow groups in a row become a walk: see `walk.py`. Next: `lower.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import (
    CAPTURED,
    CONSTANT,
    INPUT,
    LEAVES,
    Graph,
    Numbers,
    highest,
    levels,
    runs,
    starts_of,
    steps_of,
)
from glassgrad.engine.compile.passes import AT_INFINITY
from glassgrad.engine.compile.products import Grid, grids
from glassgrad.engine.compile.walk import Walk
from glassgrad.engine.op import Operation, Pairing, Reduction

Flags = npt.NDArray[np.bool_]
_LONGEST = 1_000
"""So many lines of irregular groups in a row are written; if there were more, it is one walk."""
_LINES = 10
"""So many lines a group takes, or one for each group that it reads, if these are more."""
_NARROW, _MOST_SOURCES = 64, 12
"""Groups are irregular if they have fewer operands, or read from more groups, on average."""
_WIDE = 32
"""A walk goes by groups, not by scalars, if they have more operands than these on average."""


@dataclass
class Group:
    """Nodes that are computed together, as one array.

    Attributes:
        row: the row of the table; None for leaves, and for a walk through several rows.
        nodes: the nodes in the order of the array; -1 where the array holds what nobody reads.
        operands: for each place of an operand the nodes that stand there, one for each node; of a
            reduction the operands of all nodes, one node after the other.
        kind: of leaves "input", "captured" or "constant"; else "".
        grid: how the nodes of a product of matrices lie; None for all others.
        walk: how scalars are computed one by one; None for all others.
        rows: of reductions, how many rows of operands there are.
        is_batched: whether there is one such array for each sample.
    """

    row: Operation | None
    nodes: Numbers
    operands: tuple[Numbers, ...] = ()
    kind: str = ""
    grid: Grid | None = None
    walk: Walk | None = None
    rows: int = 0
    is_batched: bool = False

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass
class Layout:
    """All groups of a graph, each after those it reads, and the place of every node.

    Attributes:
        graph: the graph.
        groups: the leaves first, then the groups by level.
        group_of: the group of each node, by index.
        position: its place in the array of the group.
    """

    graph: Graph
    groups: list[Group]
    group_of: Numbers = field(init=False)
    position: Numbers = field(init=False)

    def __post_init__(self) -> None:
        size = len(self.graph)
        self.group_of, self.position = np.full(size, -1, np.intp), np.full(size, -1, np.intp)
        for index, group in enumerate(self.groups):
            wanted = np.flatnonzero(group.nodes >= 0)
            self.group_of[group.nodes[wanted]] = index
            self.position[group.nodes[wanted]] = wanted

    def padded(self) -> list[int]:
        """The groups, by index, that may have been padded with what counts at infinities."""
        numbers = np.isin(self.graph.numbers, [0.0, -math.inf, math.inf])
        is_filler = numbers & (self.graph.codes == CONSTANT)
        return [
            index
            for index, group in enumerate(self.groups)
            if any(is_filler[operands].any() for operands in group.operands)
            and (group.row is None or group.row.name in AT_INFINITY)
        ]


def laid_out(
    graph: Graph, batched: frozenset[str], orders: Mapping[str, Numbers] | None = None
) -> Layout:
    """The groups of a graph; what depends on a leaf of a batched kind is batched too.

    Inputs and captured Values lie in given orders, or in that of their readers.
    """
    known = _Known(graph, batched)
    computed: list[Group] = []
    for alike in known.stretches():
        computed += [known.walk(alike)] if len(alike) > 1 else known.groups(*alike)
    leaves = known.leaves(computed, batched)
    if orders is not None:
        for group in leaves[:2]:
            places = np.argsort(np.argsort(orders[group.kind]))
            group.nodes = group.nodes[np.argsort(graph.numbers[group.nodes])][places]
    return Layout(graph, [*leaves, *computed])


class Walked:
    """All that a graph computes, level by level, with a column for each sample."""

    def __init__(self, graph: Graph) -> None:
        known = _Known(graph, frozenset())
        group = known.walk(known.alike(levels(graph)), is_wide=True)
        assert group.walk is not None
        self._graph, self._walk = graph, group.walk
        self._read, self._nodes = group.operands[0], group.nodes

    def forward(self, given: Sequence[tuple[Any, Any]], width: int) -> Any:
        """The numbers of all nodes, from those of leaves: nodes and their rows."""
        numbers = np.repeat(self._graph.numbers[:, None], width, 1)
        for nodes, rows in given:
            numbers[nodes] = rows
        numbers[self._nodes] = self._walk.forward(numbers[self._read])
        return numbers

    def backward(self, numbers: Any, root: int, share: float) -> Any:
        """The gradients of one of them × share by the leaves."""
        upstream = np.where((self._nodes == root)[:, None], share, np.zeros(numbers.shape[1]))
        gradients = np.zeros_like(numbers)
        gradients[self._read] = self._walk.told_apart(
            numbers[self._read], numbers[self._nodes], upstream
        )
        return gradients


class _Known:
    """What is known of the nodes while they are grouped.

    Attributes:
        depends: whether each node depends on a leaf that has samples.
    """

    def __init__(self, graph: Graph, batched: frozenset[str]) -> None:
        self.graph = graph
        self.depends = self._depending(batched)

    def _depending(self, batched: frozenset[str]) -> Flags:
        kinds = [code for code, kind in zip((INPUT, CAPTURED, CONSTANT), LEAVES) if kind in batched]
        found = np.isin(self.graph.codes, kinds)
        if not found.any():
            return found
        return highest(steps_of(self.graph), found.astype(int), 0) > 0

    def stretches(self) -> Iterator[list[Numbers]]:
        """The nodes that are alike, list by list; irregular ones in a row as one, to walk."""
        level = levels(self.graph)
        alike = self.alike(level)
        lines = self._irregular_lines(alike, level, self.graph.counts)
        for irregular, places in groupby(range(len(alike)), (lines > 0).tolist().__getitem__):
            row = list(places)
            if irregular and lines[row].sum() > _LONGEST:
                yield [alike[place] for place in row]
            else:
                yield from ([alike[place]] for place in row)

    def alike(self, level: Numbers) -> list[Numbers]:
        """The nodes of one level, operation and number of operands, level by level, if they all
        have samples or none has.
        """
        graph = self.graph
        nodes = np.flatnonzero(graph.codes >= 0)
        keys: list[Any] = [x[nodes] for x in (self.depends, graph.counts, graph.codes, level)]
        order = np.lexsort(keys)
        return runs(nodes[order], *[key[order] for key in keys])

    def _irregular_lines(
        self, alike: Sequence[Numbers], level: Numbers, counts: Numbers
    ) -> Numbers:
        """How many lines each group would take that is at an irregular level; 0 for all others.

        There groups are narrow, or read from everywhere, or it is between two such levels. Products
        of matrices are not: those of a deep network are between its activations, which are narrow.
        """
        size = len(alike)
        if size * max(size, _LINES) <= _LONGEST:
            return np.zeros(size, np.intp)
        level_of = level[[nodes[0] for nodes in alike]]
        groups, operands = np.bincount(level_of), np.bincount(level, counts)
        found: Flags = operands < _NARROW * groups
        sources = self._sources(alike, ~found[level_of])
        found |= np.bincount(level_of, sources, len(groups)) > _MOST_SOURCES * groups
        multiplied = [self._in_products(nodes) for nodes in alike]
        has_products = 2 * np.bincount(level_of, multiplied) >= operands
        found[1:-1] |= found[:-2] & found[2:] & ~has_products[1:-1]
        return np.where(found[level_of], np.maximum(sources, _LINES), 0)

    def _in_products(self, nodes: Numbers) -> int:
        """How many operands nodes that are alike have, if they may be products of matrices: of
        sums of products, if each row on one of both sides is read several times.
        """
        graph, count = self.graph, int(self.graph.counts[nodes[0]])
        size = count * len(nodes)
        if size < _NARROW or not isinstance(graph.row(int(nodes[0])), Pairing):
            return 0
        sides = [graph.operands[graph.starts[nodes] + at] for at in (0, count // 2)]
        return size if 2 * min(len(np.unique(side)) for side in sides) <= len(nodes) else 0

    def _sources(self, alike: Sequence[Numbers], is_counted: Flags) -> Numbers:
        """From how many groups each of those that are counted reads; leaves are one."""
        size = len(alike) + 1
        group_of = np.zeros(len(self.graph), np.intp)
        lengths = list(map(len, alike))
        group_of[np.concatenate(alike)] = np.repeat(np.arange(1, size), lengths)
        readers = group_of[self.graph.owners]
        reads = readers * size + group_of[self.graph.operands]
        reads = reads[np.append(False, is_counted)[readers]]
        return np.bincount(np.unique(reads) // size, minlength=size)[1:]

    def walk(self, alike: Sequence[Numbers], *, is_wide: bool = False) -> Group:
        """The scalars of several groups as one group that computes them step by step."""
        graph = self.graph
        nodes = np.concatenate(alike)
        is_wide = is_wide or graph.counts[nodes].sum() > _WIDE * len(alike)
        nodes = nodes if is_wide else np.sort(nodes)
        is_mine = np.zeros(len(graph), bool)
        is_mine[nodes] = True
        owners = graph.owners
        reads = is_mine[owners]
        read = np.unique(graph.operands[reads & ~is_mine[graph.operands]])
        local = np.zeros(len(graph), np.intp)
        local[read] = np.arange(len(read))
        local[nodes] = np.arange(len(nodes)) + len(read)
        order = np.argsort(local[owners[reads]], kind="stable")
        seen = np.union1d(graph.operands[~reads & is_mine[graph.operands]], graph.roots)
        walk = Walk(
            graph.rows,
            graph.codes[nodes],
            local[graph.operands[reads][order]],
            starts_of(graph.counts[nodes]),
            graph.codes[read] != CONSTANT,
            local[seen[is_mine[seen]]],
            list(map(len, alike)) if is_wide else (),
        )
        return Group(None, nodes, (read,), walk=walk, is_batched=bool(self.depends[nodes].any()))

    def groups(self, nodes: Numbers) -> list[Group]:
        """The groups of nodes that are alike: one, unless they are products of several shapes."""
        graph, row = self.graph, self.graph.row(int(nodes[0]))
        assert row is not None
        places = graph.starts[nodes][:, None] + np.arange(graph.counts[nodes[0]])
        operands = graph.operands[places]
        if isinstance(row, Pairing):
            found = self._pairings(row, nodes, operands)
        elif isinstance(row, Reduction):
            found = [Group(row, nodes, (operands.ravel(),), rows=len(nodes))]
        else:
            found = [Group(row, nodes, tuple(operands.T))]
        for group in found:
            group.is_batched = bool(self.depends[nodes[0]])
        return found

    def _pairings(self, row: Operation, nodes: Numbers, operands: Numbers) -> list[Group]:
        """Products of matrices, with what parameters multiply on the left; and the rest."""
        half = operands.shape[1] // 2
        left, right = operands[:, :half], operands[:, half:]
        found, loose = grids(nodes, left, right)
        groups = []
        for grid in found:
            if self._belongs_left(grid.right) > self._belongs_left(grid.left):
                grid = grid.swapped()  # noqa: PLW2901  the same products
            sides = (grid.left.ravel(), grid.right.ravel())
            groups.append(Group(row, grid.cells.ravel(), sides, grid=grid))
        if len(loose):
            sides = (left[loose].ravel(), right[loose].ravel())
            groups.append(Group(row, nodes[loose], sides, rows=len(loose)))
        return groups

    def _belongs_left(self, rows: Numbers) -> tuple[bool, bool]:
        """Samples are rows of the result, and so is whatever is no parameter."""
        return bool(self.depends[rows].any()), bool((self.graph.codes[rows] != CAPTURED).any())

    def leaves(self, computed: Sequence[Group], batched: frozenset[str]) -> list[Group]:
        """The leaves of each kind, in the order in which the groups read them."""
        graph = self.graph
        read = [operands for group in computed for operands in group.operands]
        every = np.concatenate([*read, np.arange(len(graph), dtype=np.intp)])
        unique, first = np.unique(every, return_index=True)
        order = unique[np.argsort(first)]
        return [
            Group(None, order[graph.codes[order] == code], kind=kind, is_batched=kind in batched)
            for code, kind in enumerate(LEAVES, -len(LEAVES))
        ]
