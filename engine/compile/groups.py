"""Groups: the nodes that one line of the array program computes, and where each node lies in them.

How groups are found is in `layout.py`. Next: `reading.py`, how a group finds its operands in
others, and `lower.py`, the array instructions.
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
