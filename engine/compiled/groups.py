"""Groups: the nodes that one line of the array program computes, and where each node lies in them.

Nodes of one operation at one level (the longest path from a leaf) do not depend on each other. They
become one array, in an order in which the operands are read as slices where that is possible.
Groups of `dot` nodes are products of matrices where their rows fill a grid: see `products.py`.
Next: `reading.py`, how a group finds its operands in others, and `emit.py`, the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.compiled.graph import Graph, levels
from engine.compiled.products import Grid, grids
from engine.operation import Operation, Pairing, Reduction

Numbers = npt.NDArray[np.intp]
LEAVES = ("input", "captured", "constant")
_CAPTURED = LEAVES.index("captured")


@dataclass
class Group:
    """Nodes that are computed together, as one array.

    Attributes:
        row: the row of the table; None for leaves.
        nodes: the nodes in the order of the array; -1 where the array holds what nobody reads.
        operands: for each place of an operand the nodes that stand there, one for each node; of a
            reduction the operands of all nodes, one node after the other.
        kind: of leaves "input", "captured" or "constant"; else "".
        grid: how the nodes of a product of matrices lie; None for all others.
        rows: of reductions, how many rows of operands there are.
        is_batched: whether there is one such array for each sample.
        is_flat: whether a product of matrices has the samples among its rows.
    """

    row: Operation | None
    nodes: Numbers
    operands: tuple[Numbers, ...] = ()
    kind: str = ""
    grid: Grid | None = None
    rows: int = 0
    is_batched: bool = False
    is_flat: bool = False

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


def laid_out(graph: Graph, batched: frozenset[str]) -> Layout:
    """The groups of a graph; what depends on a leaf of a batched kind is batched too."""
    known = _Known(graph, batched)
    computed: list[Group] = []
    for (_, row, _, is_batched), nodes in known.alike():
        operands = np.array([graph.operands[node] for node in nodes], np.intp)
        for group in known.groups(row, np.array(nodes, np.intp), operands):
            group.is_batched = is_batched
            wanted = np.flatnonzero(group.nodes >= 0)
            known.place[group.nodes[wanted]] = wanted
            computed.append(group)
    layout = Layout(graph, [*known.leaves(computed, batched), *computed])
    for group in computed:
        _sort_terms(layout, group)
    return layout


def _sort_terms(layout: Layout, group: Group) -> None:
    """The terms of a lone sum, or sum of products, in the order in which they lie."""
    if len(group) == 1 and group.row is not None and group.row.name in ("sum", "prod", "dot"):
        (first, *_) = group.operands
        order = np.lexsort([layout.position[first], layout.group_of[first]])
        group.operands = tuple(operands[order] for operands in group.operands)


class _Known:
    """What is known of the nodes while they are grouped.

    Attributes:
        depends: whether each node depends on a leaf that has samples.
        kinds: the kind of each leaf as its place among `LEAVES`; -1 for computed nodes.
        place: where each node lies in its group; of leaves and later nodes, that of the graph.
    """

    def __init__(self, graph: Graph, batched: frozenset[str]) -> None:
        self.graph = graph
        self.depends = self._depending(batched)
        self.kinds = np.full(len(graph), -1, np.intp)
        for node, leaf in graph.leaves.items():
            self.kinds[node] = LEAVES.index(leaf.kind)
        self.place = np.arange(len(graph))

    def _depending(self, batched: frozenset[str]) -> npt.NDArray[np.bool_]:
        found = [False] * len(self.graph)
        for node, leaf in self.graph.leaves.items():
            found[node] = leaf.kind in batched
        for node, operands in enumerate(self.graph.operands):
            for operand in operands:
                if found[operand]:
                    found[node] = True
                    break
        return np.array(found, bool)

    def alike(self) -> list[tuple[tuple[int, Operation, int, bool], list[int]]]:
        """The nodes by level, operation, number of operands, and whether they have samples."""
        found: dict[tuple[int, Operation, int, bool], list[int]] = {}
        batched = self.depends.tolist()
        for node, level in enumerate(levels(self.graph)):
            row = self.graph.rows[node]
            if row is not None:
                key = (level, row, len(self.graph.operands[node]), batched[node])
                found.setdefault(key, []).append(node)
        return sorted(found.items(), key=lambda item: item[0][0])

    def groups(self, row: Operation, nodes: Numbers, operands: Numbers) -> list[Group]:
        """The groups of nodes that are alike: one, unless they are products of several shapes."""
        if isinstance(row, Pairing):
            return self._pairings(row, nodes, operands)
        if row.name == "softmax":
            return [_shares(row, nodes, operands)]
        if isinstance(row, Reduction):
            return [Group(row, nodes, (operands.ravel(),), rows=len(nodes))]
        # In the order of the first computed operand: it is then read as it lies.
        columns = sorted(operands.T, key=lambda column: int(self.kinds[column].max()))
        order = np.lexsort([self.place[column] for column in columns[::-1]])
        return [Group(row, nodes[order], tuple(operands[order].T))]

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
        return bool(self.depends[rows].any()), bool((self.kinds[rows] != _CAPTURED).any())

    def leaves(self, computed: Sequence[Group], batched: frozenset[str]) -> list[Group]:
        """The leaves of each kind, in the order in which the groups read them, products first."""
        readers = sorted(computed, key=_reads_late)
        read = [operands for group in readers for operands in group.operands]
        every = np.concatenate([*read, np.arange(len(self.graph), dtype=np.intp)])
        unique, first = np.unique(every, return_index=True)
        order = unique[np.argsort(first)]
        return [
            Group(None, order[self.kinds[order] == i], kind=kind, is_batched=kind in batched)
            for i, kind in enumerate(LEAVES)
        ]


def _shares(row: Operation, nodes: Numbers, operands: Numbers) -> Group:
    """The shares of a softmax: one row for all shares of the same operands."""
    known: dict[bytes, int] = {}
    ordered = np.sort(operands, axis=1)
    numbers = [known.setdefault(each.tobytes(), len(known)) for each in ordered]
    rows = np.frombuffer(b"".join(known), np.intp).reshape(len(known), -1)
    cells = np.full(rows.shape, -1, np.intp)
    for node, number, first in zip(nodes.tolist(), numbers, operands[:, 0].tolist()):
        cells[number, np.searchsorted(rows[number], first)] = node
    return Group(row, cells.ravel(), (rows.ravel(),), rows=len(rows))


def _reads_late(group: Group) -> tuple[bool, bool]:
    """Products of matrices come first, reductions of a few long rows last."""
    is_product = group.grid is not None and group.grid.cells.size > 1
    return not is_product, isinstance(group.row, Reduction)
