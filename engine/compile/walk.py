"""`Walk`: scalars that fit into no program of a readable length, computed from inside one line.

An irregular graph that is deep and narrow has a group for nearly every scalar; one that is wide has
groups that read from everywhere. Lines for all of them would take longer to write than the graph
takes to run. So a long stretch of them is one line that goes through a list of steps: scalar by
scalar where the stretch is narrow, group by group where it is wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import Numbers, runs
from glassgrad.engine.op import HARD_PLACE, Operation, Reduction

Flags = npt.NDArray[np.bool_]


@dataclass
class Alike:
    """Scalars of one operation and number of operands.

    Attributes:
        row: the row of the table.
        nodes: the places of the scalars.
        edges: for each operand of each scalar its place among all operands, by operand.
    """

    row: Operation
    nodes: Numbers
    edges: Numbers


@dataclass
class Walk:
    """Scalars in an order in which operands come first.

    Places are those in a list of what is read from outside, followed by the scalars themselves.

    Attributes:
        rows: the rows of the table that occur.
        codes: which of them computes each scalar.
        operands: the places of the operands of each scalar, one scalar after the other.
        starts: where the operands of each scalar begin.
        leads: whether each number that is read from outside is no constant.
        seen: the places of scalars that are read outside.
        groups: the scalars that can be computed together, in order; None to go one by one.
    """

    rows: Sequence[Operation]
    codes: Numbers
    operands: Numbers
    starts: Numbers
    leads: Flags
    seen: Numbers
    groups: Sequence[Alike] | None = None

    def __post_init__(self) -> None:
        self.outside = len(self.leads)
        self.owners = np.repeat(np.arange(len(self)), np.diff(self.starts)) + self.outside
        self.kinds = [self.alike(nodes) for nodes in self._by_kind()]
        # An edge that is not wanted has a local derivative of 0, and so sends nothing.
        leads = np.append(self.leads, np.ones(len(self), bool))
        self.is_wanted = leads[self.operands] & self._is_differentiated()

    @property
    def nbytes(self) -> int:
        """How much memory the arrays take, named as numpy names it for arrays."""
        found = 0
        for kinds in (self.kinds, self.groups or []):
            found += sum(alike.nodes.nbytes + alike.edges.nbytes for alike in kinds)
        arrays = (self.codes, self.operands, self.starts, self.owners, self.is_wanted)
        return found + sum(array.nbytes for array in arrays)

    def __len__(self) -> int:
        return len(self.codes)

    def _by_kind(self) -> list[Numbers]:
        """The scalars of each operation and number of operands."""
        counts = np.diff(self.starts)
        keys = self.codes * (counts.max() + 1) + counts
        order = np.argsort(keys, kind="stable")
        return runs(order + self.outside, keys[order])

    def alike(self, nodes: Numbers) -> Alike:
        """Scalars of one operation, with the places of their operands."""
        places = nodes - self.outside
        count = self.starts[places[0] + 1] - self.starts[places[0]]
        edges = self.starts[places] + np.arange(count)[:, None]
        return Alike(self.rows[self.codes[places[0]]], nodes, edges)

    def _is_differentiated(self) -> Flags:
        """Whether the row has a derivative by each operand."""
        found = np.ones(len(self.operands), bool)
        for alike in self.kinds:
            if not isinstance(alike.row, Reduction):
                found[alike.edges] = np.array([[rule is not None] for rule in alike.row.rules])
        return found

    def forward(self, outside: Any) -> Any:
        """The values of all scalars, a row for each.

        Args:
            outside: the numbers that are read from outside, a row for each.
        """
        if self.groups is None and outside.shape[1] == 1:
            return np.array(self._values(outside[:, 0].tolist())[self.outside :])[:, None]
        if self.groups is None:
            return _stacked(self._columns(list(outside))[self.outside :], outside.shape[1])
        numbers = np.empty((self.outside + len(self), outside.shape[1]))
        numbers[: self.outside] = outside
        for alike in self.groups:
            numbers[alike.nodes] = alike.row.array(*numbers[self.operands[alike.edges]])
        return numbers[self.outside :]

    def _values(self, numbers: list[float]) -> list[float]:
        operands, starts = self.operands.tolist(), self.starts.tolist()
        scalars = [row.scalar for row in self.rows]
        for code, a, b in zip(self.codes.tolist(), starts, starts[1:]):
            try:
                if b - a == 2:
                    numbers.append(scalars[code](numbers[operands[a]], numbers[operands[a + 1]]))
                else:
                    numbers.append(scalars[code](*[numbers[o] for o in operands[a:b]]))
            except HARD_PLACE:
                numbers.append(self.rows[code].forward(tuple([numbers[o] for o in operands[a:b]])))
        return numbers

    def _columns(self, columns: list[Any]) -> list[Any]:
        operands, starts = self.operands.tolist(), self.starts.tolist()
        for code, a, b in zip(self.codes.tolist(), starts, starts[1:]):
            found = self.rows[code].array(*[columns[o] for o in operands[a:b]])
            columns.append(np.asarray(found, float))  # a row of a user may give truth values
        return columns

    def backward(self, outside: Any, values: Any, upstream: Any, reach: Any = None) -> Any:
        """The gradients of what is read from outside.

        Args:
            outside: as for `forward`.
            values: what `forward` gave.
            upstream: the gradients of the scalars that others have sent.
            reach: 0 for scalars that no gradient reaches, where infinities and nan are told apart:
                what is switched off sends 0; what is not reached, since it was not chosen, nothing.
        """
        numbers = self._numbers(outside, values)
        local = self._local(numbers)
        gradients = self._of_seen(upstream, numbers)
        send = self._send_one_by_one if self.groups is None else self._send_by_groups
        found = send(gradients, local)
        if reach is not None and not np.isfinite(found).all():
            found = self._send_carefully(gradients, local, self._reached(reach, local))
        return found[: self.outside].reshape(self.outside, -1)

    def reach(self, outside: Any, values: Any, reach: Any) -> Any:
        """1 where a gradient arrives at what is read from outside, else 0; see `backward`."""
        found = self._reached(reach, self._local(self._numbers(outside, values)))
        return found[: self.outside].reshape(self.outside, -1).astype(float)

    def _numbers(self, outside: Any, values: Any) -> Any:
        """What is read from outside, then the scalars; a single sample has no axis."""
        width = values.shape[1]
        found = np.concatenate([np.broadcast_to(outside, (self.outside, width)), values])
        return found[:, 0] if width == 1 else found

    def _of_seen(self, given: Any, numbers: Any) -> Any:
        """What others have sent to the scalars that they read, at their places; 0 elsewhere."""
        found = np.zeros_like(numbers)
        found[self.seen] = given.reshape(-1, *numbers.shape[1:])[self.seen - self.outside]
        return found

    def _local(self, numbers: Any) -> Any:
        """The local derivative by each operand, all scalars of a kind at once."""
        found = np.zeros((len(self.operands), *numbers.shape[1:]))
        for alike in self.kinds:
            operands = tuple(numbers[self.operands[alike.edges]])
            for edges, local in zip(
                alike.edges, alike.row.derivatives(operands, numbers[alike.nodes])
            ):
                if local is not None:
                    found[edges] = local
        found[~self.is_wanted] = 0.0
        return found

    def _send_one_by_one(self, gradients: Any, local: Any) -> Any:
        """The chain rule edge by edge, the last scalar first."""
        found = _listed(gradients)
        for owner, operand, partial in zip(self.owners[::-1].tolist(),
                                           self.operands[::-1].tolist(),
                                           _listed(local[::-1])):  # fmt: skip
            found[operand] = found[operand] + found[owner] * partial
        return np.array(found)

    def _send_by_groups(self, gradients: Any, local: Any) -> Any:
        """The same, all scalars of a group at once."""
        found = gradients.copy()
        for alike in reversed(self.groups or []):
            sent = found[alike.nodes] * local[alike.edges]
            np.add.at(found, self.operands[alike.edges], sent)
        return found

    def _reached(self, reach: Any, local: Any) -> Any:
        """Whether a gradient arrives at each number: the choices alone decide."""
        shape = (self.outside + len(self), *local.shape[1:])
        found = self._of_seen(reach, np.empty(shape)) != 0.0
        is_choice = self._is_of("selects")
        for edge in np.flatnonzero(self.is_wanted)[::-1].tolist():
            owner = self.owners[edge]
            is_cut = is_choice[owner - self.outside] & (local[edge] == 0.0)
            found[self.operands[edge]] |= found[owner] & ~is_cut
        return found

    def _send_carefully(self, gradients: Any, local: Any, reached: Any) -> Any:
        """The same where numbers are infinite or nan, and 0 × infinity has to be told apart."""
        found = gradients.copy()
        is_masked = self._is_of("selects") | self._is_of("masks")
        for edge in np.flatnonzero(self.is_wanted)[::-1].tolist():
            owner, partial = self.owners[edge], local[edge]
            is_off = is_masked[owner - self.outside] & (partial == 0.0)
            found[self.operands[edge]] += np.where(
                reached[owner] & ~is_off, found[owner] * partial, 0.0
            )
        return found

    def _is_of(self, property_: str) -> Flags:
        """Whether the row of each scalar has a property."""
        return np.array([getattr(row, property_) for row in self.rows], bool)[self.codes]


def _listed(numbers: Any) -> list[Any]:
    """Numbers as floats, columns of numbers as arrays: what a loop reads fastest."""
    found: list[Any] = numbers.tolist() if numbers.ndim == 1 else list(numbers)
    return found


def _stacked(columns: Sequence[Any], count: int) -> Any:
    """Rows, or numbers that all samples share, as an array with a row for each."""
    return np.stack([np.broadcast_to(column, count) for column in columns])
