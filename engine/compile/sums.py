"""The passes that make sums longer: sums of sums become one sum, and sums of products one `dot`.

Only what a single node reads is taken into it, so that nothing is computed twice. Next:
`padding.py`, which brings sums to one length.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import (
    CAPTURED,
    CONSTANT,
    Graph,
    Numbers,
    after_constants,
    ends,
    moved,
    starts_of,
)
from glassgrad.engine.op import TABLE

_ADD, _MUL, _SUM, _DOT = (TABLE[name] for name in ("add", "mul", "sum", "dot"))
Flags = npt.NDArray[np.bool_]


def flattened(graph: Graph) -> Graph:
    """With sums of sums as one sum, and sums of products as one `dot`, also of one term.

    A sum of products and other terms becomes a `dot`, and a sum of it and the others. The first
    of many growing sums may have a single term; `padded` makes it as long as the others.
    """
    is_sum = graph.is_of(_ADD, _SUM)
    if not is_sum.any():
        return graph
    owners = graph.owners
    reader = np.full(len(graph), -1, np.intp)
    reader[graph.operands] = owners
    is_read_once = graph.uses() == 1
    is_read_once[graph.roots] = False
    is_inner = is_sum & is_read_once & is_sum[reader]
    top = ends(np.where(is_inner, reader, np.arange(len(graph))))

    # The terms of each sum, in the order in which the program adds them.
    edges = np.flatnonzero(is_sum[owners] & ~is_inner[graph.operands])
    edges = edges[np.argsort(top[owners[edges]], kind="stable")]
    terms, sums = graph.operands[edges], top[owners[edges]]
    is_product = graph.is_of(_MUL)[terms] & is_read_once[terms]
    is_zero = (graph.codes[terms] == CONSTANT) & (graph.numbers[terms] == 0.0)
    products = np.bincount(sums, is_product, len(graph))[sums]
    others = np.bincount(sums, ~is_product & ~is_zero, len(graph))[sums]
    is_product &= (products > 1) | (others == 0)
    is_other = ~is_product & ~is_zero
    return _rebuilt(graph, _Terms(top, sums, terms, is_product, is_other), is_sum & ~is_inner)


class _Terms(NamedTuple):
    """What the sums of a graph add up.

    Attributes:
        top: the outermost sum that each node is part of, or the node itself.
        sums: the sum of each term.
        terms: the terms, sum by sum.
        is_product: whether a term belongs into a `dot`.
        is_other: whether it stays a term.
    """

    top: Numbers
    sums: Numbers
    terms: Numbers
    is_product: Flags
    is_other: Flags


def _rebuilt(graph: Graph, found: _Terms, is_top: Flags) -> Graph:
    size = len(graph)
    sums, terms = found.sums, found.terms
    products, others = terms[found.is_product], terms[found.is_other]
    sums_of_products, sums_of_others = sums[found.is_product], sums[found.is_other]

    # A sum becomes a `dot`, or a sum, or both, in this order.
    has_dot = np.bincount(sums_of_products, minlength=size) > 0
    terms_left = np.bincount(sums_of_others, minlength=size) + has_dot
    has_sum = is_top & (terms_left > has_dot)
    is_plain = (found.top == np.arange(size)) & ~is_top
    is_plain[products] = False
    slots = is_plain.astype(np.intp) + has_dot + has_sum
    first = np.cumsum(slots) - slots
    last = first + slots - 1
    became = last[found.top]
    became[products] = first[sums_of_products]

    codes, numbers = np.zeros(slots.sum(), np.intp), np.zeros(slots.sum())
    codes[last[is_plain]], numbers[last[is_plain]] = graph.codes[is_plain], graph.numbers[is_plain]
    codes[first[has_dot]] = graph.code_of(_DOT)
    codes[last[has_sum]] = graph.code_of(_SUM)

    is_kept = is_plain[graph.owners]
    left = graph.starts[products]
    both = has_dot & has_sum
    owner = np.concatenate([last[graph.owners[is_kept]], first[sums_of_products],
                            first[sums_of_products], last[both], last[sums_of_others]])  # fmt: skip
    operands = np.concatenate([became[graph.operands[is_kept]], became[graph.operands[left]],
                               became[graph.operands[left + 1]], first[both],
                               became[others]])  # fmt: skip
    return Graph(
        graph.rows,
        codes,
        numbers,
        starts_of(np.bincount(owner, minlength=len(codes))),
        operands[np.argsort(owner, kind="stable")],  # those of a node are in their order already
        became[graph.roots],
        moved(graph.places, became),
    )


def biased(graph: Graph) -> Graph:
    """With a bias as one more weight: w·x + b is the `dot` of w, b and x, 1.

    So a layer is one product of matrices, and its gradient too. It is done for a parameter that
    only one sum reads, beside a `dot` of parameters with what are none.
    """
    is_pair = graph.is_of(_ADD, _SUM) & (graph.counts == 2)
    if not is_pair.any():
        return graph
    is_once = graph.uses() == 1
    is_once[graph.roots] = False
    is_bias, is_dot = graph.codes == CAPTURED, graph.is_of(_DOT) & is_once
    found: dict[int, tuple[int, int]] = {}
    for node in np.flatnonzero(is_pair).tolist():
        first, second = graph.of(node)
        if is_bias[first]:
            first, second = second, first
        if is_dot[first] and is_bias[second] and graph.counts[first] > 2:
            found[node] = first, second
    sides = {node: _weights_first(graph, dot) for node, (dot, _) in found.items()}
    often = Counter(bias for _, bias in found.values())
    found = {
        node: (dot, bias)
        for node, (dot, bias) in found.items()
        if sides[node] is not None and often[bias] == 1
    }
    if not found:
        return graph
    graph = after_constants(graph, [1.0])  # at place 0, so that all others are one further
    codes, became, changed = graph.codes.copy(), np.arange(len(graph)), {}
    for node, (dot, bias) in found.items():
        operands = graph.of(dot + 1)
        half = len(operands) // 2
        left, right = operands[:half], operands[half:]
        pair = (bias + 1, 0) if sides[node] else (0, bias + 1)
        changed[node + 1] = [*left, pair[0], *right, pair[1]]
        codes[node + 1] = graph.code_of(_DOT)
        became[dot + 1] = node + 1
    graph = replace(graph.with_operands(changed), codes=codes)
    return graph.chosen(became == np.arange(len(graph)), became)


def _weights_first(graph: Graph, dot: int) -> bool | None:
    """Whether the left side of a `dot` is all parameters, and the right one none; or None."""
    operands = graph.of(dot)
    half = len(operands) // 2
    is_weight = graph.codes[operands] == CAPTURED
    left, right = is_weight[:half], is_weight[half:]
    if left.all() and not right.any():
        return True
    return False if right.all() and not left.any() else None
