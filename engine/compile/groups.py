"""Groups: the nodes that one line of the array program computes, and where each node lies in them.

How groups are found is in `layout.py`. Next: `reading.py`, how a group finds its operands in
others, and `source.py`, the program.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from glassgrad.engine.compile.graph import Graph, Numbers
from glassgrad.engine.compile.products import Grid
from glassgrad.engine.compile.walk import Walk
from glassgrad.engine.op import Operation


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
        is_flat: whether a product of matrices has the samples among its rows.
    """

    row: Operation | None
    nodes: Numbers
    operands: tuple[Numbers, ...] = ()
    kind: str = ""
    grid: Grid | None = None
    walk: Walk | None = None
    rows: int = 0
    is_batched: bool = False
    is_flat: bool = False

    @property
    def has_row_per_sample(self) -> bool:
        """Whether a product of matrices has one row for each sample, and is no table of them."""
        return self.is_flat and self.grid is not None and self.grid.cells.shape[1] == 1

    def transposed(self, name: str) -> str:
        """The transposed matrix of a name, or matrices, as Python writes it."""
        assert self.grid is not None
        is_one = len(self.grid.cells) == 1 and (self.is_flat or not self.is_batched)
        return f"{name}.T" if is_one else f"{name}.swapaxes(-1, -2)"

    @property
    def is_table(self) -> bool:
        """Whether the operands are rows of a table, along which a reduction goes."""
        return self.rows > 0

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
