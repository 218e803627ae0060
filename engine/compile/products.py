"""Products of matrices among `dot` nodes: where every left row meets every right row.

A layer of neurons on a batch of samples is a list of `dot` nodes. Their left operands are few
distinct rows (the weights of a neuron), so are the right ones (the inputs of a sample), and each
pair of rows is one node: that grid is one product of matrices. Rows that never meet, such as those
of different heads of attention, make separate blocks; a grid that is half empty, such as the
triangle of causal attention, is computed whole and read in part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glassgrad.engine.compile.graph import Numbers, ends, runs

LEAST_FILLED = 0.4
"""The least share of a grid that must be wanted for the whole to be computed."""


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


def grids(nodes: Numbers, left: Numbers, right: Numbers) -> tuple[list[Grid], Numbers]:
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
        if (cells.size > 1 or len(nodes) == 1) and len(members) >= LEAST_FILLED * cells.size:
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
