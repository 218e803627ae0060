"""The recorded graph as plain lists, and the passes that simplify it: each from graph to graph.

A node is a number: its place in the lists, after all its operands. Next: `groups.py`, which finds
nodes that can be computed together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.operation import Operation, Pairing
from engine.table import TABLE

_ADD, _MUL, _POS, _SUM, _DOT = (TABLE[name] for name in ("add", "mul", "pos", "sum", "dot"))


class Leaf(NamedTuple):
    """What a node without operands is.

    Attributes:
        kind: "input", "captured" or "constant".
        number: of a constant, the number; else its place among the inputs or captured Values.
    """

    kind: str
    number: float


@dataclass
class Graph:
    """Nodes in an order in which operands come first.

    Attributes:
        rows: the row of the table that computes each node; None for a leaf.
        operands: the operands of each node.
        leaves: what each leaf is, by its number.
        roots: the nodes that are wanted: the result, then the operands of the guards.
    """

    rows: list[Operation | None] = field(default_factory=list)
    operands: list[tuple[int, ...]] = field(default_factory=list)
    leaves: dict[int, Leaf] = field(default_factory=dict)
    roots: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def add_leaf(self, leaf: Leaf) -> int:
        """Add a leaf; its number."""
        self.leaves[len(self.rows)] = leaf
        self.rows.append(None)
        self.operands.append(())
        return len(self.rows) - 1

    def add(self, row: Operation, operands: tuple[int, ...]) -> int:
        """Add a node; its number."""
        self.rows.append(row)
        self.operands.append(operands)
        return len(self.rows) - 1

    def constant(self, node: int) -> float | None:
        """The number of a constant; None for all other nodes."""
        leaf = self.leaves.get(node)
        return leaf.number if leaf is not None and leaf.kind == "constant" else None

    def uses(self) -> list[int]:
        """How often each node is an operand or a root."""
        counts = [0] * len(self)
        for operands in self.operands:
            for operand in operands:
                counts[operand] += 1
        for root in self.roots:
            counts[root] += 1
        return counts


def pruned(graph: Graph) -> Graph:
    """Without nodes that no root depends on."""
    alive = [False] * len(graph)
    for root in graph.roots:
        alive[root] = True
    for node in range(len(graph) - 1, -1, -1):
        if alive[node]:
            for operand in graph.operands[node]:
                alive[operand] = True
    found, places = Graph(), [-1] * len(graph)
    for node, row in enumerate(graph.rows):
        if not alive[node]:
            continue
        if row is None:
            places[node] = found.add_leaf(graph.leaves[node])
        else:
            places[node] = found.add(row, tuple([places[o] for o in graph.operands[node]]))
    found.roots = [places[root] for root in graph.roots]
    return found


def merged(graph: Graph) -> Graph:
    """With equal nodes as one, and operations on constants done."""
    found, places = Graph(), list[int]()
    known: dict[object, int] = {}
    constants: dict[int, float] = {}
    for node, given in enumerate(graph.rows):
        row, key = given, object()
        if row is None:
            leaf = graph.leaves[node]
            key = (leaf.kind, repr(leaf.number))  # -0.0 is another constant than 0.0
        else:
            operands = tuple([places[o] for o in graph.operands[node]])
            if row is _POS:
                places.append(operands[0])
                continue
            numbers = [constants[o] for o in operands if o in constants]
            if len(numbers) == len(operands):
                leaf = Leaf("constant", row.forward(tuple(numbers)))
                row, key = None, ("constant", repr(leaf.number))
            else:
                key = (row, operands)
        place = known.get(key)
        if place is None:
            if row is None:
                place = found.add_leaf(leaf)
                if leaf.kind == "constant":
                    constants[place] = leaf.number
            else:
                place = found.add(row, operands)
            known[key] = place
        places.append(place)
    found.roots = [places[root] for root in graph.roots]
    return found


def flattened(graph: Graph) -> Graph:
    """With sums of sums as one sum, and sums of products as one `dot`.

    Only what a single node uses is taken into it, so that nothing is computed twice.
    """
    uses = graph.uses()
    terms: dict[int, list[int]] = {}
    for node, row in enumerate(graph.rows):
        if row is _ADD or row is _SUM:
            listed: list[int] = []
            for operand in graph.operands[node]:
                inner = terms.get(operand) if uses[operand] == 1 else None
                if inner is None:
                    listed.append(operand)
                elif len(inner) > len(listed):  # the longer list takes the other: no long copies
                    inner.extend(listed)
                    listed = inner
                    del terms[operand]
                else:
                    listed.extend(inner)
                    del terms[operand]
            terms[node] = listed
    found, places = Graph(), [-1] * len(graph)
    taken = _taken(graph, uses, terms)
    for node, row in enumerate(graph.rows):
        if taken[node]:
            continue
        if row is None:
            places[node] = found.add_leaf(graph.leaves[node])
        elif node in terms:
            places[node] = _sum_of(graph, found, places, terms[node], taken)
        else:
            places[node] = found.add(row, tuple([places[o] for o in graph.operands[node]]))
    found.roots = [places[root] for root in graph.roots]
    return found


def _taken(graph: Graph, uses: Sequence[int], terms: dict[int, list[int]]) -> list[bool]:
    """Which nodes are part of the sum that uses them: inner sums, and products of two."""
    taken = [False] * len(graph)
    for node, row in enumerate(graph.rows):
        if (row is _ADD or row is _SUM) and node not in terms:
            taken[node] = True
    for listed in terms.values():
        products = [t for t in listed if graph.rows[t] is _MUL and uses[t] == 1]
        if len(products) > 1:
            for product in products:
                taken[product] = True
    return taken


def _sum_of(
    graph: Graph, found: Graph, places: Sequence[int], terms: Sequence[int], taken: Sequence[bool]
) -> int:
    products = [graph.operands[term] for term in terms if taken[term]]
    rest = [places[term] for term in terms if not taken[term] and graph.constant(term) != 0.0]
    if products:
        left, right = zip(*products)
        both = [places[o] for o in (*left, *right)]
        rest.insert(0, found.add(_DOT, tuple(both)))
    return _added(found, rest)


def _added(found: Graph, terms: Sequence[int]) -> int:
    if not terms:
        return found.add_leaf(Leaf("constant", 0.0))
    if len(terms) == 1:
        return terms[0]
    return found.add(_ADD if len(terms) == 2 else _SUM, tuple(terms))


NEUTRAL = {
    "sum": 0.0,
    "dot": 0.0,
    "prod": 1.0,
    "max": -math.inf,
    "min": math.inf,
    "logsumexp": -math.inf,
    "softmax": -math.inf,
}
"""What may be added to the operands of a reduction without changing it."""
_MOST_PADDING = 3
"""How many times as many operands may be read so that nodes of different lengths are one group."""


def padded(graph: Graph) -> Graph:
    """With reductions at one level brought to one length, as in the rows of causal attention.

    What a shorter row of a `dot` lacks is taken from a longer one that begins in the same way,
    against zeros on the other side: so both are rows of one product of matrices.
    """
    found = Graph(list(graph.rows), list(graph.operands), dict(graph.leaves), list(graph.roots))
    fillers: dict[str, int] = {}
    for (_, row), nodes in _reductions(graph).items():
        lengths = [len(graph.operands[node]) for node in nodes]
        most = max(lengths)
        if min(lengths) == most or most * len(nodes) > _MOST_PADDING * sum(lengths):
            continue
        if row.name not in fillers:
            fillers[row.name] = found.add_leaf(Leaf("constant", NEUTRAL[row.name]))
        filler = fillers[row.name]
        if isinstance(row, Pairing):
            _pad_pairs(found, nodes, most // 2, filler)
            continue
        for node in nodes:
            operands = graph.operands[node]
            found.operands[node] = (*operands, *[filler] * (most - len(operands)))
    return found


def _reductions(graph: Graph) -> dict[tuple[int, Operation], list[int]]:
    found: dict[tuple[int, Operation], list[int]] = {}
    for node, level in enumerate(levels(graph)):
        row = graph.rows[node]
        if row is not None and row.name in NEUTRAL:
            found.setdefault((level, row), []).append(node)
    return found


def _pad_pairs(graph: Graph, nodes: Sequence[int], length: int, filler: int) -> None:
    halves = {len(graph.operands[node]) // 2 for node in nodes}
    longer: dict[tuple[int, ...], tuple[int, ...]] = {}
    for node in nodes:
        operands = graph.operands[node]
        if len(operands) == 2 * length:
            for half in halves:
                for side in (operands[:length], operands[length:]):
                    longer.setdefault(side[:half], side)
    for node in nodes:
        operands = graph.operands[node]
        half = len(operands) // 2
        left, right = operands[:half], operands[half:]
        zeros = (filler,) * (length - half)
        if right in longer:
            graph.operands[node] = (*left, *zeros, *longer[right])
        elif left in longer:
            graph.operands[node] = (*longer[left], *right, *zeros)
        else:
            graph.operands[node] = (*left, *zeros, *right, *zeros)


def levels(graph: Graph) -> list[int]:
    """The longest path from a leaf to each node."""
    found = [0] * len(graph)
    for node, operands in enumerate(graph.operands):
        if operands:
            found[node] = 1 + max([found[o] for o in operands])
    return found
