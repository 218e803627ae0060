"""The layout: which nodes are computed together, and in which order they lie.

Nodes of one operation at one level (the longest path from a leaf) do not depend on each other. They
become one array, in an order in which the operands are read as slices where that is possible.
Reductions of different lengths, as the rows of causal attention, are brought to one. Groups of
`dot` nodes are products of matrices where their rows fill a grid. Many narrow groups in a row
become a walk: see `walk.py`. Next: `lower.py`.

A layer of neurons on a batch of samples is a list of `dot` nodes. Their left operands are few
distinct rows (the weights of a neuron), so are the right ones (the inputs of a sample), and each
pair of rows is one node: that grid is one product of matrices. Rows that never meet, such as those
of different heads of attention, make separate blocks; a grid that is half empty, such as the
triangle of causal attention, is computed whole and read in part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    alike_in,
    ends,
    highest,
    levels,
    runs,
    steps_of,
)
from glassgrad.engine.compile.walk import Walk, stretches, walk_through
from glassgrad.engine.op import TABLE, Operation, Pairing, Reduction

Flags = npt.NDArray[np.bool_]
_LEAST_FILLED = 0.4
"""The least share of a grid that must be wanted for the whole to be computed."""
_NEUTRAL = {
    "sum": 0.0,
    "dot": 0.0,
    "prod": 1.0,
    "max": -math.inf,
    "min": math.inf,
    "logsumexp": -math.inf,
}
"""What may be added to the operands of a reduction without changing it."""
_AT_INFINITY = {"dot", "max", "min"}
"""Those that it may change where numbers are infinite: 0 × infinity is nan, and infinities tie."""
_LEAST_LENGTHS = 3
"""Two lengths are two groups; growing lengths are rows of one."""
_MOST_PADDING = 3
"""How many times as many operands may be read so that nodes of different lengths are one group."""


@dataclass
class Grid:
    """Blocks of products of matrices, all of one shape.

    Attributes:
        left: the nodes of the left rows, by block, row and place in the row.
        right: those of the right rows.
        cells: the `dot` nodes, by block, left row and right row; -1 where there is none.
    """

    left: Numbers
    right: Numbers
    cells: Numbers

    def swapped(self) -> Grid:
        """The same products with left and right exchanged."""
        return Grid(self.right, self.left, self.cells.transpose(0, 2, 1))


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
        is_batched: whether there is one such array for each sample.
        is_exact: whether it is right at infinities too, where what it is padded with may count.
    """

    row: Operation | None
    nodes: Numbers
    operands: tuple[Numbers, ...] = ()
    kind: str = ""
    grid: Grid | None = None
    walk: Walk | None = None
    is_batched: bool = False
    is_exact: bool = True

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass
class Layout:
    """All groups of a graph, each after those it reads, and the place of every node.

    Attributes:
        graph: the graph: what is left of the given one, and what its reductions are padded with.
        kept: which nodes of the given graph are left, the first ones of this.
        groups: the leaves first, then the groups by level.
        group_of: the group of each node, by index.
        position: its place in the array of the group.
    """

    graph: Graph
    kept: Numbers
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


def laid_out(
    graph: Graph,
    batched: frozenset[str],
    orders: Mapping[str, Numbers] | None = None,
    *,
    is_exact: bool = False,
) -> Layout:
    """The groups of a graph; what depends on a leaf of a batched kind is batched too.

    Inputs and captured Values lie in given orders, or in that of their readers. If it is exact,
    all nodes stay as they are, and nothing is padded.
    """
    known = _Schedule(graph, batched, is_exact=is_exact)
    computed: list[Group] = []
    kinds = known.depends, known.lengths, known.graph.codes, known.level
    for alike in stretches(known.graph, known.level, alike_in(known.graph, *kinds)):
        computed += [known.walk(alike)] if len(alike) > 1 else known.groups(*alike)
    leaves = known.leaves(computed, batched)
    if orders is not None:
        for group in leaves[:2]:
            places = np.argsort(np.argsort(orders[group.kind]))
            group.nodes = group.nodes[np.argsort(known.graph.numbers[group.nodes])][places]
    return Layout(known.graph, known.kept, [*leaves, *computed])


class _Schedule:
    """How the nodes of a graph are grouped.

    Attributes:
        graph, kept: as in `Layout`.
        depends: whether each node depends on a leaf that has samples.
        level: the level of each node.
        lengths: how many operands each node has after padding.
    """

    def __init__(self, graph: Graph, batched: frozenset[str], *, is_exact: bool) -> None:
        self.graph, self.level, self.lengths = graph, levels(graph), graph.counts
        self.kept = np.arange(len(graph))
        self._fillers: dict[float, int] = {}
        if not is_exact:
            self._pad()
        self.depends = self._depending(batched)

    def _pad(self) -> None:
        graph, lengths, numbers = self.graph, self.lengths.copy(), set[float]()
        for nodes in _ragged(graph, self.level):
            lengths[nodes] = graph.counts[nodes].max()
            numbers.add(_NEUTRAL[graph.rows[graph.codes[nodes[0]]].name])
        graph, self.kept = _shortened(graph, lengths)
        self._fillers = {number: at for at, number in enumerate(sorted(numbers), len(graph))}
        self.graph = graph.with_constants(list(self._fillers))
        self.level, self.lengths = (
            np.append(each[self.kept], np.zeros(len(numbers), np.intp))
            for each in (self.level, lengths)
        )

    def _depending(self, batched: frozenset[str]) -> Flags:
        kinds = [code for code, kind in zip((INPUT, CAPTURED, CONSTANT), LEAVES) if kind in batched]
        found = np.isin(self.graph.codes, kinds)
        if not found.any():
            return found
        return highest(steps_of(self.graph), found.astype(int), 0) > 0

    def walk(self, alike: Sequence[Numbers]) -> Group:
        """The scalars of several groups as one group that computes them step by step."""
        nodes, read, walk = walk_through(self.graph, alike)
        return Group(None, nodes, (read,), walk=walk, is_batched=bool(self.depends[nodes].any()))

    def groups(self, nodes: Numbers) -> list[Group]:
        """The groups of nodes that are alike: one, unless they are products of several shapes."""
        row = self.graph.row(int(nodes[0]))
        assert row is not None
        operands = self._operands(row, nodes)
        if isinstance(row, Pairing):
            found = self._pairings(row, nodes, operands)
        elif isinstance(row, Reduction):
            found = [Group(row, nodes, (operands.ravel(),))]
        else:
            found = [Group(row, nodes, tuple(operands.T))]
        for group in found:
            group.is_batched = bool(self.depends[nodes[0]])
            group.is_exact = row.name not in _AT_INFINITY or not self._are_padded(nodes)
        return found

    def _are_padded(self, nodes: Numbers) -> bool:
        return bool((self.graph.counts[nodes] < self.lengths[nodes]).any())

    def _operands(self, row: Operation, nodes: Numbers) -> Numbers:
        """A row of operands for each of some nodes that are alike."""
        graph, length = self.graph, int(self.lengths[nodes[0]])
        if not self._are_padded(nodes):
            places: Numbers = graph.starts[nodes][:, None] + np.arange(length)
            return graph.operands[places]
        filler = self._fillers[_NEUTRAL[row.name]]
        rows = [graph.of(node) for node in nodes.tolist()]
        if isinstance(row, Pairing):
            return np.array(_padded_pairs(rows, length // 2, filler))
        return np.array([[*each, *[filler] * (length - len(each))] for each in rows])

    def _pairings(self, row: Operation, nodes: Numbers, operands: Numbers) -> list[Group]:
        """Products of matrices, with what parameters multiply on the left; and the rest."""
        half = operands.shape[1] // 2
        left, right = operands[:, :half], operands[:, half:]
        found, loose = _grids(nodes, left, right)
        groups = []
        for grid in found:
            if self._belongs_left(grid.right) > self._belongs_left(grid.left):
                grid = grid.swapped()  # noqa: PLW2901  the same products
            sides = (grid.left.ravel(), grid.right.ravel())
            groups.append(Group(row, grid.cells.ravel(), sides, grid=grid))
        if len(loose):
            sides = (left[loose].ravel(), right[loose].ravel())
            groups.append(Group(row, nodes[loose], sides))
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


# Reductions of different lengths.


def _ragged(graph: Graph, level: Numbers) -> list[Numbers]:
    """The reductions of one kind at one level, where their lengths differ, but not too much."""
    codes = [code for code, row in enumerate(graph.rows) if row.name in _NEUTRAL]
    nodes, lengths = np.flatnonzero(np.isin(graph.codes, codes)), graph.counts
    kind, most = level * len(graph.rows) + graph.codes, int(lengths.max(initial=0)) + 1
    of_lengths = np.unique(kind[nodes] * most + lengths[nodes]) // most
    kinds, different = np.unique(of_lengths, return_counts=True)
    nodes = nodes[np.isin(kind[nodes], kinds[different >= _LEAST_LENGTHS])]
    nodes = nodes[np.argsort(kind[nodes], kind="stable")]
    alike = [(each, lengths[each]) for each in runs(nodes, kind[nodes])]
    return [each for each, read in alike if read.max() * len(each) <= _MOST_PADDING * read.sum()]


def _shortened(graph: Graph, lengths: Numbers) -> tuple[Graph, Numbers]:
    """With short sums that are not padded as what they are: a + b, a product for a `dot` of one
    pair, or one term; and which nodes are left.
    """
    codes = graph.codes.copy()
    for name, short in (("sum", "add"), ("dot", "mul")):
        codes[graph.is_of(TABLE[name]) & (lengths == 2)] = graph.code_of(TABLE[short])
    is_one, became = graph.is_of(TABLE["sum"]) & (lengths == 1), np.arange(len(graph))
    became[is_one] = graph.operands[graph.starts[:-1][is_one]]
    left = replace(graph, codes=codes).chosen(~is_one, ends(became))
    return left, np.flatnonzero(~is_one)


def _padded_pairs(rows: Sequence[list[int]], length: int, filler: int) -> list[list[int]]:
    """Both sides of `dot` nodes, brought to one length.

    What a shorter one lacks is taken from a longer one that begins in the same way, against zeros
    on the other side: so both are rows of one product of matrices.
    """
    halves = {len(each) // 2 for each in rows}
    longer: dict[tuple[int, ...], list[int]] = {}
    for each in rows:
        if len(each) == 2 * length:
            for half in halves:
                for side in (each[:length], each[length:]):
                    longer.setdefault(tuple(side[:half]), side)
    found = []
    for each in rows:
        half = len(each) // 2
        left, right, zeros = each[:half], each[half:], [filler] * (length - half)
        if tuple(right) in longer:
            found.append([*left, *zeros, *longer[tuple(right)]])
        elif tuple(left) in longer:
            found.append([*longer[tuple(left)], *right, *zeros])
        else:
            found.append([*left, *zeros, *right, *zeros])
    return found


# Products of matrices among `dot` nodes: where every left row meets every right row.


def _grids(nodes: Numbers, left: Numbers, right: Numbers) -> tuple[list[Grid], Numbers]:
    """The grids among `dot` nodes of one length.

    Returns:
        The grids, and the indices of the nodes in none of them.
    """
    left_of, left_rows = _numbered(left)
    right_of, right_rows = _numbered(right)
    by_shape: dict[tuple[int, int], list[Any]] = {}
    loose: list[int] = []
    for members in _blocks(left_of, right_of):
        rows, i = np.unique(left_of[members], return_inverse=True)
        columns, j = np.unique(right_of[members], return_inverse=True)
        cells = np.full((len(rows), len(columns)), -1, np.intp)
        cells[i, j] = nodes[members]
        if (cells.size > 1 or len(nodes) == 1) and len(members) >= _LEAST_FILLED * cells.size:
            block = left_rows[rows], right_rows[columns], cells
            by_shape.setdefault(cells.shape, []).append(block)
        else:
            loose.extend(members)
    found = [Grid(*map(np.stack, zip(*blocks))) for blocks in by_shape.values()]
    return found, np.array(sorted(loose), np.intp)


def _numbered(rows: Numbers) -> tuple[Numbers, Numbers]:
    """The number of each row among the distinct ones, in order of appearance, and those."""
    known: dict[bytes, int] = {}
    numbers = np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], np.intp)
    first = np.full(len(known), len(rows), np.intp)
    np.minimum.at(first, numbers, np.arange(len(rows)))
    return numbers, rows[first]


def _blocks(left_of: Numbers, right_of: Numbers) -> list[Numbers]:
    """The indices of the pairs of each connected block of rows.

    Each pair is led by the first that shares a row with it, until all of a block have one leader.
    """
    count = len(left_of)
    leader = np.arange(count)
    while True:
        nearer = leader
        for side in (left_of, right_of):
            first = np.full(int(side.max()) + 1, count)
            np.minimum.at(first, side, nearer)
            nearer = first[side]
        nearer = ends(nearer)
        if (nearer == leader).all():
            order = np.argsort(leader, kind="stable")
            return runs(order, leader[order])
        leader = nearer
