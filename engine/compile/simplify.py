"""Passes that leave out nodes: those nobody reads, operations on constants, nodes that are equal.

Each takes a graph and gives a smaller one. Next: `sums.py`, which makes sums longer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from glassgrad.engine.compile.graph import CONSTANT, Graph, ends
from glassgrad.engine.op import TABLE

_ADD, _SUM, _MUL, _DOT, _POS = (TABLE[name] for name in ("add", "sum", "mul", "dot", "pos"))


def pruned(graph: Graph) -> Graph:
    """Without nodes that no root depends on."""
    if graph.uses().all():
        return graph
    alive = [False] * len(graph)
    for root in graph.roots.tolist():
        alive[root] = True
    steps = list(graph.first_two())
    for node in range(len(graph) - 1, -1, -1):
        if not alive[node]:
            continue
        count, first, second = steps[node]
        if count > 2:
            for operand in graph.of(node):
                alive[operand] = True
        elif count:
            alive[first] = True
            alive[second if count == 2 else first] = True
    is_kept = np.array(alive, bool)
    return graph.chosen(is_kept, np.where(is_kept, np.arange(len(graph)), -1))


def folded(graph: Graph) -> Graph:
    """With operations on constants done, and +x as x."""
    is_constant = graph.codes == CONSTANT
    others = np.bincount(graph.owners, ~is_constant[graph.operands], len(graph))
    if not ((graph.codes >= 0) & ((others == 0) | graph.is_of(_POS))).any():
        return graph
    numbers: list[float | None] = [None] * len(graph)
    for node in np.flatnonzero(is_constant).tolist():
        numbers[node] = float(graph.numbers[node])
    became: list[int] = []
    for node, (count, first, second) in enumerate(graph.first_two()):
        became.append(node)
        if count == 2 and numbers[became[first]] is None and numbers[became[second]] is None:
            continue
        row = graph.row(node)
        if row is None:
            continue
        operands = [became[o] for o in ((first, second)[:count] if count <= 2 else graph.of(node))]
        known = [numbers[o] for o in operands]
        if None not in known:
            numbers[node] = row.forward(tuple([number for number in known if number is not None]))
        elif row is _POS:
            became[node] = operands[0]
    is_known = np.array([number is not None for number in numbers])
    codes = np.where(is_known, CONSTANT, graph.codes)
    constants = np.array([0.0 if number is None else number for number in numbers])
    constants = np.where(is_known, constants, graph.numbers)
    found = np.array(became, np.intp)
    now = replace(graph, codes=codes, numbers=constants)
    return now.chosen(found == np.arange(len(graph)), found)


def merged(graph: Graph) -> Graph:
    """With equal nodes as one."""
    if not _has_equals(graph):
        return graph
    codes, bits = graph.codes.tolist(), graph.numbers.view(np.int64).tolist()  # -0.0 is not 0.0
    size, rows = len(graph) + 1, len(graph.rows)
    known: dict[object, int] = {}
    became: list[int] = []
    key: object
    for node, (count, first, second) in enumerate(graph.first_two()):
        code = codes[node]
        if code < 0:
            key = (code, bits[node])
        elif 0 < count <= 2:  # a number is a smaller key than a tuple
            other = became[second] + 1 if count == 2 else 0
            key = (became[first] * size + other) * rows + code
        else:
            key = (code, *[became[o] for o in graph.of(node)])
        became.append(known.setdefault(key, node))
    found = np.array(became, np.intp)
    return graph.chosen(found == np.arange(len(graph)), found)


def _has_equals(graph: Graph) -> bool:
    """Whether two nodes are equal at once; without such, none are equal by equal operands."""
    counts, last = graph.counts, max(len(graph.operands) - 1, 0)
    others = graph.codes < 0
    few = ~others & (counts > 0) & (counts <= 2)
    leaves = np.stack([graph.codes[others], graph.numbers.view(np.int64)[others]], 1)
    if len(np.unique(leaves, axis=0)) < len(leaves):
        return True
    starts, operands = graph.starts[:-1][few], np.append(graph.operands, -1)
    second = np.where(counts[few] == 2, operands[np.minimum(starts + 1, last)], len(graph))
    keys = operands[starts] * (len(graph) + 1) + second
    order = np.lexsort([graph.codes[few], keys])
    keys, codes = keys[order], graph.codes[few][order]
    if ((np.diff(keys) == 0) & (np.diff(codes) == 0)).any():
        return True
    many = np.flatnonzero(~others & ~few).tolist()
    read = [(graph.codes[node], *graph.of(node)) for node in many]
    return len(set(read)) < len(read)


def shortened(graph: Graph) -> Graph:
    """With short sums as what they are: a + b, a product for a `dot` of one pair, or one term."""
    counts, codes = graph.counts, graph.codes.copy()
    codes[graph.is_of(_SUM) & (counts == 2)] = graph.code_of(_ADD)
    codes[graph.is_of(_DOT) & (counts == 2)] = graph.code_of(_MUL)
    graph = replace(graph, codes=codes)
    is_one = graph.is_of(_SUM, _ADD) & (counts == 1)
    became = np.arange(len(graph))
    became[is_one] = graph.operands[graph.starts[:-1][is_one]]
    return merged(graph.chosen(~is_one, ends(became)))  # equal nodes look equal only now
