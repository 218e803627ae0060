"""The pass that makes sums longer: sums of sums become one sum, and sums of products one `dot`.

Only what a single node reads is taken into it, so that nothing is computed twice. Next:
`padding.py`, which brings sums to one length.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import CONSTANT, Graph, Numbers, ends, moved, starts_of
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
