"""`Walk`: scalars that fit into no program of a readable length, computed from inside one line.

An irregular graph that is deep and narrow has a group for nearly every scalar; one that is wide has
groups that read from everywhere. Lines for all of them would take longer to write than the graph
takes to run. So a long stretch of them is one line that goes through a list of steps: scalar by
scalar where the stretch is narrow, group by group where it is wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise, starmap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import Graph, Numbers, alike_in, levels, runs, starts_of
from glassgrad.engine.compile.kernels import NAMESPACE, by_operand
from glassgrad.engine.op import HARD_PLACE, Operation, Pairing, Reduction

Flags = npt.NDArray[np.bool_]


_LONGEST = 1_000
"""So many lines of irregular groups in a row are written; if there were more, it is one walk."""
_LINES = 10
"""So many lines a group takes, or one for each group that it reads, if these are more."""
_NARROW, _MOST_SOURCES = 64, 12
"""Groups are irregular if they have fewer operands, or read from more groups, on average."""
_WIDE = 32
"""A walk goes by groups, not by scalars, if they have more operands than these on average."""


class Alike(NamedTuple):
    """Scalars of one operation and number of operands.

    Attributes:
        row: the row of the table.
        nodes: the places of the scalars, as a slice or an index.
        operands: the places of their operands, by operand.
    """

    row: Operation
    nodes: Numbers | slice
    operands: Numbers

    def values(self, numbers: Any) -> Any:
        table, function = numbers.take(self.operands, 0), NAMESPACE[self.row.kernel]
        return function(table.swapaxes(0, 1)) if self._is_reduction else function(*table)

    def partials(self, numbers: Any) -> Any:
        """The local derivatives by each operand of each scalar, 0 where the row has none."""
        table, values = numbers.take(self.operands, 0), numbers[self.nodes]
        if self._is_reduction:
            function = NAMESPACE[f"by_operands_of_{self.row.kernel}"]
            return function(table.swapaxes(0, 1), values).swapaxes(0, 1)
        found = np.zeros(table.shape)
        if self.row.is_checked:
            for place, rule in enumerate(self.row.rules):
                if rule is not None:
                    found[place] = NAMESPACE[by_operand(self.row, place)](*table, values)
            return found
        for partial, place in zip(self.row.derivatives(tuple(table), values), found):
            if partial is not None:
                place[...] = partial
        return found

    @property
    def _is_reduction(self) -> bool:
        return isinstance(self.row, Reduction)


class Sending(NamedTuple):
    """What is sent back to scalars that are computed together, by all that read them.

    Attributes:
        sent: what is sent, as a slice of all that is sent, receiver by receiver.
        starts: where that to each receiver begins.
        to: the receivers: scalars that nobody reads are none.
    """

    sent: slice
    starts: Numbers
    to: Numbers


@dataclass
class Walk:
    """Scalars in an order in which operands come first.

    Places are those in a list of what is read from outside, followed by the scalars themselves.

    Attributes:
        rows: the rows of the table that occur.
        codes: which of them computes each scalar.
        operands: the places of the operands of each scalar, one scalar after the other.
        starts: where the operands of each scalar begin.
        outside: how many numbers are read from outside.
        sizes: how many scalars in a row can be computed together; empty to go one by one.
    """

    rows: Sequence[Operation]
    codes: Numbers
    operands: Numbers
    starts: Numbers
    outside: int
    sizes: Sequence[int] = ()

    def __post_init__(self) -> None:
        kinds = self._by_kind()
        edges = [self._edges_of(nodes) for nodes in kinds]
        self.kinds = [self._alike(nodes) for nodes in kinds]
        is_wanted = np.ones(len(self.operands), bool)
        for alike, places in zip(self.kinds, edges):
            if not isinstance(alike.row, Reduction):
                is_wanted[places] = [[rule is not None] for rule in alike.row.rules]
        owners = np.repeat(np.arange(len(self)), np.diff(self.starts)) + self.outside
        # What is sent, in that order: the last scalar first, or all that each scalar receives.
        edges_sent = np.flatnonzero(is_wanted)[::-1]
        if self.sizes:
            edges_sent = edges_sent[::-1][np.argsort(self.operands[is_wanted], kind="stable")]
        self.owners, self.receivers = owners[edges_sent], self.operands[edges_sent]
        order = np.argsort(np.concatenate([each.ravel() for each in edges]))
        self.place = order[edges_sent]  # of each local derivative, kind by kind
        self.groups, self.back = list[Alike](), list[Sending]()
        if self.sizes:
            self._group()

    def _group(self) -> None:
        """Find the scalars that are computed together, and all that is sent to each."""
        bounds = [0, *(starts_of(self.sizes) + self.outside).tolist()]
        slices = list(starmap(slice, pairwise(bounds)))
        self.groups = [self._alike(each) for each in slices[1:]]
        to = self.receivers
        starts = np.flatnonzero(np.diff(to, prepend=-1))  # of what is sent to each scalar
        firsts = np.searchsorted(to[starts], bounds).tolist()
        places = [*starts.tolist(), len(to)]
        for first, last in reversed(list(pairwise(firsts))):
            if first < last:
                mine = starts[first:last]
                sent = slice(places[first], places[last])
                self.back.append(Sending(sent, mine - mine[0], to[mine]))

    @property
    def nbytes(self) -> int:
        """How much memory the arrays take, named as numpy names it for arrays."""
        arrays = [self.codes, self.operands, self.starts, self.owners, self.receivers]
        arrays.append(self.place)
        arrays += [alike.operands for alike in (*self.kinds, *self.groups)]
        return sum(array.nbytes for array in arrays)

    def __len__(self) -> int:
        return len(self.codes)

    def _by_kind(self) -> list[Numbers]:
        """The scalars of each operation and number of operands."""
        counts = np.diff(self.starts)
        keys = self.codes * (counts.max() + 1) + counts
        order = np.argsort(keys, kind="stable")
        return runs(order + self.outside, keys[order])

    def _alike(self, nodes: Numbers | slice) -> Alike:
        places = np.arange(nodes.start, nodes.stop) if isinstance(nodes, slice) else nodes
        row = self.rows[self.codes[places[0] - self.outside]]
        return Alike(row, nodes, self.operands[self._edges_of(places)])

    def _edges_of(self, nodes: Numbers) -> Numbers:
        """Where the operands of alike scalars stand among all, by operand."""
        first = self.starts[nodes - self.outside]
        count = self.starts[nodes[0] - self.outside + 1] - first[0]
        found: Numbers = first + np.arange(count)[:, None]
        return found

    def forward(self, outside: Any) -> Any:
        width = outside.shape[1]
        if not self.groups:
            numbers = self._one_by_one(_listed(outside))
            if width == 1:
                return np.array(numbers[self.outside :])[:, None]
            return np.stack([np.broadcast_to(each, width) for each in numbers[self.outside :]])
        found = np.empty((self.outside + len(self), width))
        found[: self.outside] = outside
        for alike in self.groups:
            found[alike.nodes] = alike.values(found)
        return found[self.outside :]

    def _one_by_one(self, numbers: list[Any]) -> list[Any]:
        """What is read from outside, floats or columns, and the scalars behind it."""
        is_float = isinstance(numbers[0], float)
        functions = [row.scalar if is_float else _columns(row) for row in self.rows]
        first, last = self.operands[self.starts[:-1]], self.operands[self.starts[1:] - 1]
        counts = np.diff(self.starts).tolist()
        steps = zip(self.codes.tolist(), counts, first.tolist(), last.tolist())
        for code, operands, a, b in steps:
            try:
                if operands == 2:
                    numbers.append(functions[code](numbers[a], numbers[b]))
                elif operands == 1:
                    numbers.append(functions[code](numbers[a]))
                else:
                    numbers.append(functions[code](*self._read(numbers)))
            except HARD_PLACE:
                numbers.append(self.rows[code].forward(self._read(numbers)))
        return numbers

    def _read(self, numbers: list[Any]) -> tuple[Any, ...]:
        """The operands of the scalar that comes next after these numbers."""
        node = len(numbers) - self.outside
        places = self.operands[self.starts[node] : self.starts[node + 1]]
        return tuple([numbers[place] for place in places.tolist()])

    def backward(self, outside: Any, values: Any, upstream: Any) -> Any:
        """The gradients of what is read from outside.

        Args:
            outside: as for `forward`.
            values: what `forward` gave.
            upstream: the gradients of the scalars that others have sent.
        """
        local = self.local(outside, values).take(self.place, 0)
        found = self._behind_zeros(upstream)
        if self.groups:
            found = self._sent(found, lambda sent, edges: sent * local[edges], np.add)
        else:
            found = self._sent_one_by_one(found, local)
        return found[: self.outside]

    def told_apart(self, outside: Any, values: Any, upstream: Any) -> Any:
        """By groups, the same where 0 × infinity is told apart: what is switched off sends 0, what
        no gradient reaches, since it was not chosen, nothing.
        """
        local = self.local(outside, values).take(self.place, 0)
        is_open = ~self._is_stopped(local, "selects")
        either = lambda sent, edges: sent & is_open[edges]
        is_reached = self._sent(self._behind_zeros(upstream) != 0.0, either, np.logical_or)
        is_sent = is_reached.take(self.owners, 0) & ~self._is_stopped(local, "selects", "masks")
        sent = lambda sent, edges: np.where(is_sent[edges], sent * local[edges], 0.0)
        return self._sent(self._behind_zeros(upstream), sent, np.add)[: self.outside]

    def local(self, outside: Any, values: Any) -> Any:
        """The local derivatives, kind by kind; 0 where a row has none."""
        width = values.shape[1]
        numbers = np.concatenate([np.broadcast_to(outside, (self.outside, width)), values])
        return np.concatenate([each.partials(numbers).reshape(-1, width) for each in self.kinds])

    def _behind_zeros(self, given: Any) -> Any:
        """What others have sent to the scalars, behind as many zeros as are read from outside."""
        return np.concatenate([np.zeros((self.outside, given.shape[1])), given])

    def _sent(self, found: Any, send: Callable[[Any, Any], Any], plus: np.ufunc) -> Any:
        """What arrives at each number.

        Args:
            found: what others have sent.
            send: what goes along some edges, given what has arrived where they begin.
            plus: what is done with all that arrives.
        """
        for edges, starts, to in self.back:
            sent = send(found.take(self.owners[edges], 0), edges)
            found[to] = plus(found[to], plus.reduceat(sent, starts, 0))
        return found

    def _sent_one_by_one(self, found: Any, local: Any) -> Any:
        """The chain rule edge by edge, on floats where that can be."""
        gradients, partials = _listed(found), _listed(local)
        for owner, receiver, partial in zip(
            self.owners.tolist(), self.receivers.tolist(), partials
        ):
            gradients[receiver] += gradients[owner] * partial
        return np.array(gradients).reshape(found.shape)

    def _is_stopped(self, local: Any, *properties: str) -> Any:
        """Whether a local derivative of 0 stops what is sent, as the row has one of properties."""
        rows = [any(getattr(row, each) for each in properties) for row in self.rows]
        is_of = np.array(rows, bool)[self.codes[self.owners - self.outside]]
        return is_of[:, None] & (local == 0.0)


def _listed(numbers: Any) -> list[Any]:
    """Numbers as floats, or as columns for the samples: what a loop reads fastest."""
    found: list[Any] = numbers[:, 0].tolist() if numbers.shape[1] == 1 else list(numbers)
    return found


def _columns(row: Operation) -> Callable[..., Any]:
    """The function of a row for columns; one of a user may give truth values."""
    return lambda *columns: np.asarray(row.on_arrays(*columns), float)


def stretches(
    graph: Graph, level: Numbers, alike: Sequence[Numbers]
) -> Iterator[Sequence[Numbers]]:
    """Nodes that are alike, list by list; irregular ones in a row as one, to walk through."""
    lines = _irregular_lines(graph, level, alike)
    for irregular, places in groupby(range(len(alike)), (lines > 0).tolist().__getitem__):
        row = list(places)
        if irregular and lines[row].sum() > _LONGEST:
            yield [alike[place] for place in row]
        else:
            yield from ([alike[place]] for place in row)


def _irregular_lines(graph: Graph, level: Numbers, alike: Sequence[Numbers]) -> Numbers:
    """How many lines each group would take that is at an irregular level; 0 for all others.

    There groups are narrow, or read from everywhere, or it is between two such levels. Products of
    matrices are not: those of a deep network are between its activations, which are narrow.
    """
    size = len(alike)
    if size * max(size, _LINES) <= _LONGEST:
        return np.zeros(size, np.intp)
    level_of = level[[nodes[0] for nodes in alike]]
    groups, operands = np.bincount(level_of), np.bincount(level, graph.counts)
    found: Flags = operands < _NARROW * groups
    sources = _sources(graph, alike, ~found[level_of])
    found |= np.bincount(level_of, sources, len(groups)) > _MOST_SOURCES * groups
    multiplied = [_in_products(graph, nodes) for nodes in alike]
    has_products = 2 * np.bincount(level_of, multiplied) >= operands
    found[1:-1] |= found[:-2] & found[2:] & ~has_products[1:-1]
    return np.where(found[level_of], np.maximum(sources, _LINES), 0)


def _in_products(graph: Graph, nodes: Numbers) -> int:
    """How many operands nodes that are alike have, if they may be products of matrices: of sums of
    products, if each row on one of both sides is read several times.
    """
    count = int(graph.counts[nodes[0]])
    size = count * len(nodes)
    if size < _NARROW or not isinstance(graph.row(int(nodes[0])), Pairing):
        return 0
    sides = [graph.operands[graph.starts[nodes] + at] for at in (0, count // 2)]
    return size if 2 * min(len(np.unique(side)) for side in sides) <= len(nodes) else 0


def _sources(graph: Graph, alike: Sequence[Numbers], is_counted: Flags) -> Numbers:
    """From how many groups each of those that are counted reads; leaves are one."""
    size = len(alike) + 1
    group_of = np.zeros(len(graph), np.intp)
    group_of[np.concatenate(alike)] = np.repeat(np.arange(1, size), list(map(len, alike)))
    readers = group_of[graph.owners]
    reads = readers * size + group_of[graph.operands]
    reads = reads[np.append(False, is_counted)[readers]]
    return np.bincount(np.unique(reads) // size, minlength=size)[1:]


def walk_through(
    graph: Graph, alike: Sequence[Numbers], *, is_wide: bool = False
) -> tuple[Numbers, Numbers, Walk]:
    """The nodes of several groups in the order of a walk, what they read outside, and the walk."""
    nodes = np.concatenate(alike)
    group = np.repeat(np.arange(len(alike)), list(map(len, alike)))
    order = np.lexsort((graph.counts[nodes], group))  # here nothing is padded
    nodes = nodes[order]
    sizes = list(map(len, runs(nodes, group[order], graph.counts[nodes])))
    if not is_wide and graph.counts[nodes].sum() <= _WIDE * len(sizes):
        nodes, sizes = np.sort(nodes), []
    is_mine = np.zeros(len(graph), bool)
    is_mine[nodes] = True
    owners = graph.owners
    reads = is_mine[owners]
    read = np.unique(graph.operands[reads & ~is_mine[graph.operands]])
    local = np.zeros(len(graph), np.intp)
    local[read] = np.arange(len(read))
    local[nodes] = np.arange(len(nodes)) + len(read)
    order = np.argsort(local[owners[reads]], kind="stable")
    operands, starts = local[graph.operands[reads][order]], starts_of(graph.counts[nodes])
    return nodes, read, Walk(graph.rows, graph.codes[nodes], operands, starts, len(read), sizes)


class Walked:
    """All that a graph computes, level by level, with a column for each sample."""

    def __init__(self, graph: Graph) -> None:
        alike = alike_in(graph, graph.counts, graph.codes, levels(graph))
        self._graph = graph
        self._nodes, self._read, self._walk = walk_through(graph, alike, is_wide=True)

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
