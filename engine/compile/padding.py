"""The pass that brings reductions at one level to one length, as the rows of causal attention.

Next: `layout.py`, which finds nodes that can be computed together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import Graph, Numbers, after_constants, levels
from glassgrad.engine.op import Pairing

NEUTRAL = {
    "sum": 0.0,
    "dot": 0.0,
    "prod": 1.0,
    "max": -math.inf,
    "min": math.inf,
    "logsumexp": -math.inf,
}
"""What may be added to the operands of a reduction without changing it."""
_LEAST_LENGTHS = 3
"""Two lengths are two groups; growing lengths are rows of one."""
_MOST_PADDING = 3
"""How many times as many operands may be read so that nodes of different lengths are one group."""
Changed = dict[int, Sequence[int]]


def padded(graph: Graph) -> Graph:
    """With reductions at one level brought to one length.

    What a shorter row of a `dot` lacks is taken from a longer one that begins in the same way,
    against zeros on the other side: so both are rows of one product of matrices.
    """
    level = levels(graph) if _may_be_ragged(graph) else None
    if level is None or not _ragged(graph, level):
        return graph
    # What a row borrows from a longer one may be made after it, though at no deeper level.
    graph = graph.ordered(np.argsort(level, kind="stable"))
    ragged = _ragged(graph, np.sort(level))
    fillers = {number: place for place, number in enumerate(sorted({n for n, _ in ragged}))}
    graph = after_constants(graph, list(fillers))
    changed: Changed = {}
    for number, nodes in ragged:
        operands = {node + len(fillers): graph.of(node + len(fillers)) for node in nodes}
        most, filler = max(map(len, operands.values())), fillers[number]
        if isinstance(graph.row(next(iter(operands))), Pairing):
            _pad_pairs(changed, operands, most // 2, filler)
        else:
            for node, each in operands.items():
                changed[node] = [*each, *[filler] * (most - len(each))]
    return graph.with_operands(changed)


def _is_reduction(graph: Graph) -> npt.NDArray[np.bool_]:
    return np.isin(graph.codes, [i for i, row in enumerate(graph.rows) if row.name in NEUTRAL])


def _may_be_ragged(graph: Graph) -> bool:
    return len(np.unique(graph.counts[_is_reduction(graph)])) >= _LEAST_LENGTHS


def _ragged(graph: Graph, level: Numbers) -> list[tuple[float, list[int]]]:
    """What reductions at one level lack, where their lengths differ, but not too much."""
    found: dict[tuple[int, int], list[int]] = {}
    for node in np.flatnonzero(_is_reduction(graph)).tolist():
        found.setdefault((level[node], graph.codes[node]), []).append(node)
    return [
        (NEUTRAL[graph.rows[code].name], nodes)
        for (_, code), nodes in found.items()
        if _is_ragged(graph.counts[nodes])
    ]


def _is_ragged(lengths: Numbers) -> bool:
    is_much = lengths.max() * len(lengths) > _MOST_PADDING * lengths.sum()
    return len(np.unique(lengths)) >= _LEAST_LENGTHS and not is_much


def _pad_pairs(
    changed: Changed, operands: Mapping[int, list[int]], length: int, filler: int
) -> None:
    halves = {len(each) // 2 for each in operands.values()}
    longer: dict[tuple[int, ...], list[int]] = {}
    for each in operands.values():
        if len(each) == 2 * length:
            for half in halves:
                for side in (each[:length], each[length:]):
                    longer.setdefault(tuple(side[:half]), side)
    for node, each in operands.items():
        half = len(each) // 2
        left, right = each[:half], each[half:]
        zeros = [filler] * (length - half)
        if tuple(right) in longer:
            changed[node] = [*left, *zeros, *longer[tuple(right)]]
        elif tuple(left) in longer:
            changed[node] = [*longer[tuple(left)], *right, *zeros]
        else:
            changed[node] = [*left, *zeros, *right, *zeros]
