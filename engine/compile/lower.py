"""From a layout to array instructions: the values of each group, and the comparisons.

A group of scalars is an array with a row for each. A list of nodes that it reads becomes a few
pieces, each from one group. Next: `vjp.py`, the gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.compile.graph import CONSTANT, Numbers
from glassgrad.engine.compile.ir import SAMPLES, Array, Builder
from glassgrad.engine.compile.layout import Group, Layout
from glassgrad.engine.compile.trace import Guard
from glassgrad.engine.op import TABLE, Pairing, Reduction
from glassgrad.engine.text import counted

_LETTERS = "abcdefgh"
_MOST_PIECES = 12
"""Of more pieces than these the groups are joined and read by one index."""


class Check(NamedTuple):
    """Comparisons of one kind that have to come out in one way."""

    left: Array | float
    right: Array | float
    relation: str
    outcome: bool


class Lowered(NamedTuple):
    """The forward half of a program.

    Attributes:
        builder: the instructions.
        groups: the array of each group, by index; None for one without scalars.
        result: the results, a row for each.
        checks: the comparisons.
    """

    builder: Builder
    groups: list[Array | None]
    result: Array
    checks: list[Check]


def lowered(layout: Layout, guards: Sequence[Guard]) -> Lowered:
    builder = Builder()
    lower = _Lower(layout, builder)
    for index, group in enumerate(layout.groups):
        builder.group = index
        lower.groups.append(lower.values(index, group) if len(group) else None)
    builder.group = None
    roots = layout.graph.roots
    results = roots[: len(roots) - 2 * len(guards)]
    checks = lower.checks(guards) if guards else []
    return Lowered(builder, lower.groups, lower.read(results), checks)


class _Lower:
    def __init__(self, layout: Layout, builder: Builder) -> None:
        self.layout, self.builder = layout, builder
        self.groups: list[Array | None] = []

    def values(self, index: int, group: Group) -> Array:
        """The array of a group, with its name and what it is."""
        found = self._values(index, group)
        found = self.builder.broadcast(found, (len(group), found.shape[-1]))
        if not found.label:
            found.label, found.about = f"v{index}", described(group)
        return found

    def _values(self, index: int, group: Group) -> Array:
        builder = self.builder
        if group.kind == "constant":
            return builder.constant(self.layout.graph.numbers[group.nodes][:, None])
        samples = SAMPLES if group.is_batched else 1
        if group.kind:
            return builder.input(group.kind, len(group), samples)
        if group.walk is not None:
            outside = self.read(group.operands[0])
            return builder.add("walk", (outside,), (len(group), samples), "forward", group.walk)
        assert group.row is not None
        if group.grid is not None:
            return self._product(index, group)
        if isinstance(group.row, Reduction):
            return self._reduction(index, group)
        read = self.read if group.row.is_checked else self.operand
        operands = [
            self.labelled(read(nodes), index, place) for place, nodes in enumerate(group.operands)
        ]
        return builder.row(group.row, operands)

    def _reduction(self, index: int, group: Group) -> Array:
        assert group.row is not None
        length = len(group.operands[0]) // len(group)
        tables = [
            self.labelled(self.table(nodes, len(group), length), index, place)
            for place, nodes in enumerate(group.operands)
        ]
        if isinstance(group.row, Pairing):
            return self.builder.reduce(TABLE["sum"], self.builder.row(TABLE["mul"], tables))
        return self.builder.reduce(group.row, tables[0])

    def _product(self, index: int, group: Group) -> Array:
        """A product of matrices: left rows by right rows, the samples beside them."""
        assert group.grid is not None
        builder = self.builder
        blocks, rows, columns = group.grid.cells.shape
        length = group.grid.left.shape[2]
        head = (blocks,) if blocks > 1 else ()
        left = self.table(group.operands[0], *head, rows, length)
        right = self.table(group.operands[1], *head, columns, length)
        if left.has_samples and right.has_samples:
            left = builder.reshape(left, (*head, rows, 1, length, SAMPLES))
            right = builder.reshape(right, (*head, 1, columns, length, SAMPLES))
            products = builder.call("mul", left, right, row=TABLE["mul"])
            found = builder.sum(products, len(head) + 2)
        elif left.has_samples or rows == 1:  # a column for each sample, or for the one there is
            right = self.labelled(builder.reshape(right, right.shape[:-1]), index, 1)
            if rows == 1:
                left = builder.reshape(left, (*head, length, left.shape[-1]))
            elif head:
                right = builder.reshape(right, (blocks, 1, columns, length))
            found = builder.matmul(right, self.labelled(left, index, 0))
        else:
            left, right = (
                self.labelled(builder.reshape(side, side.shape[:-1]), index, place)
                for place, side in enumerate((left, right))
            )
            found = builder.matmul(left, builder.transpose(right))
        return self._flat(index, group, found)

    def _flat(self, index: int, group: Group, found: Array) -> Array:
        """The products as rows; `found` may have no axis of samples."""
        samples = SAMPLES if found.has_samples else 1
        flat = self.builder.reshape(found, (len(group), samples))
        if flat is not found and not found.label:
            found.label, found.about = f"p{index}", described(group)
        return flat

    # What is read.

    def labelled(self, read: Any, index: int, place: int) -> Any:
        """What a group reads at a place, with a name, unless it has one."""
        if isinstance(read, Array) and not read.label and read.kind != "constant":
            read.label = f"{_LETTERS[min(place, len(_LETTERS) - 1)]}{index}"
        return read

    def read(self, nodes: Numbers) -> Array:
        """The values of some scalars, a row each."""
        found = self.operand(nodes)
        if isinstance(found, float):
            return self.builder.constant(np.full((len(nodes), 1), found))
        return self.builder.broadcast(found, (len(nodes), found.shape[-1]))

    def operand(self, nodes: Numbers) -> Array | float:
        """The same; one row, or a number, where all are one scalar."""
        layout, builder = self.layout, self.builder
        if (nodes == nodes[0]).all():
            nodes = nodes[:1]
            if layout.graph.codes[nodes[0]] == CONSTANT:
                return float(layout.graph.numbers[nodes[0]])
        groups, places = layout.group_of[nodes], layout.position[nodes]
        edges = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(nodes)]
        if len(edges) > _MOST_PIECES + 1 and (layout.graph.codes[nodes] != CONSTANT).any():
            return self._of_joined(groups, places)
        return builder.join([self._of_one(nodes[a:b]) for a, b in pairwise(edges)])

    def _of_one(self, nodes: Numbers) -> Array:
        """The values of scalars of one group."""
        index, numbers = self.layout.group_of[nodes[0]], self.layout.graph.numbers
        group = self.groups[index]
        if self.layout.groups[index].kind == "constant":
            return self.builder.constant(numbers[nodes][:, None])
        assert group is not None
        return self.builder.take(group, self.layout.position[nodes])

    def _of_joined(self, groups: Numbers, places: Numbers) -> Array:
        """The values of scalars of many groups, by one index of all of them."""
        used = np.unique(groups)
        arrays = [array for group in used if (array := self.groups[group]) is not None]
        starts = np.cumsum([0, *[array.shape[0] for array in arrays]])
        return self.builder.take(
            self.builder.join(arrays), places + starts[np.searchsorted(used, groups)]
        )

    def table(self, nodes: Numbers, *sizes: int) -> Array:
        found = self.read(nodes)
        return self.builder.reshape(found, (*sizes, found.shape[-1]))

    def checks(self, guards: Sequence[Guard]) -> list[Check]:
        graph = self.layout.graph
        outcomes = [guard.outcome for guard in guards]
        compared = graph.roots[-2 * len(guards) :]
        rows = np.stack([compared[::2], compared[1::2], outcomes], 1)
        found: list[Check] = []
        for relation in sorted({guard.relation for guard in guards}):
            mine = rows[[guard.relation == relation for guard in guards]]
            mine = mine[(graph.codes[mine[:, :2]] != CONSTANT).any(1)]
            for outcome in (True, False):
                left, right, _ = np.unique(mine[mine[:, 2] == outcome], axis=0).T
                if len(left):
                    sides = self.operand(left), self.operand(right)
                    found.append(Check(*sides, relation, outcome))
        return found


def described(group: Group) -> str:
    if group.walk is not None:
        steps = f"in {len(group.walk.groups)} steps" if group.walk.groups else "one by one"
        return f"{len(group):,} scalars {steps}"
    if group.row is None:
        return counted(len(group), f"{group.kind} number")
    title = counted(int((group.nodes >= 0).sum()), group.row.name)
    if group.grid is None:
        return title
    blocks, rows, columns = group.grid.cells.shape
    length = group.grid.left.shape[2]
    times = f"{blocks} × " * (blocks > 1)
    return f"{title} of {length}: {times}{rows} × {length} by {length} × {columns}"
