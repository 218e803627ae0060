"""The passes that simplify a recorded graph, in their order; each takes a graph and gives one.

Some leave out nodes: those nobody reads, operations on constants, nodes that are equal. Others
make sums longer: sums of sums become one sum, and sums of products one `dot`, of what only a single
node reads, so that nothing is computed twice. One brings reductions to equal lengths, as the rows
of causal attention. What has to go from node to node goes only through those that change, in their
order. Next: `layout.py`, which finds nodes that can be computed together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
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
    levels,
    moved,
    runs,
    starts_of,
)
from glassgrad.engine.op import TABLE, Pairing

_ADD, _SUM, _MUL, _DOT, _POS = (TABLE[name] for name in ("add", "sum", "mul", "dot", "pos"))
Flags = npt.NDArray[np.bool_]


def simplified(graph: Graph, *, is_exact: bool = False) -> tuple[Graph, dict[str, int]]:
    """The graph after all passes, and how many computed nodes there were after each; an exact one
    is not padded, which holds at infinities too.
    """
    counts = {"recorded": graph.size()}
    for step in PASSES:
        if is_exact and step is padded:
            continue
        graph = step(graph)
        counts[step.__name__] = graph.size()
    return graph, counts


def pruned(graph: Graph) -> Graph:
    """Without nodes that no root depends on."""
    uses = graph.uses()
    unused = np.flatnonzero(uses == 0).tolist()
    if not unused:
        return graph
    left = uses.tolist()
    while unused:
        for operand in graph.of(unused.pop()):
            left[operand] -= 1
            if not left[operand]:
                unused.append(operand)
    is_kept = np.array(left) > 0
    return graph.chosen(is_kept, np.where(is_kept, np.arange(len(graph)), -1))


def folded(graph: Graph) -> Graph:
    """With operations on constants done, and +x as x; those of a user may read what changes."""
    is_known = graph.codes == CONSTANT
    unknown = np.bincount(graph.owners, ~is_known[graph.operands], len(graph))
    unknown += graph.is_of(*[row for row in graph.rows if row.is_checked])
    is_due = (graph.codes >= 0) & ((unknown == 0) | graph.is_of(_POS))
    if not is_due.any():
        return graph
    readers, left = graph.readers(), unknown.tolist()
    due = bytearray(is_due.tobytes())
    numbers, became = graph.numbers.copy(), list(range(len(graph)))
    node = due.find(1)
    while node >= 0:
        operands, row = [became[operand] for operand in graph.of(node)], graph.row(node)
        if left[node] or row is None:
            (became[node],) = operands
        else:
            numbers[node] = row.forward(tuple(numbers[operands].tolist()))
            is_known[node] = True
            for reader in readers(node):
                left[reader] -= 1
                due[reader] |= not left[reader]
        node = due.find(1, node + 1)
    now = replace(graph, codes=np.where(is_known, CONSTANT, graph.codes), numbers=numbers)
    found = np.array(became, np.intp)
    return now.chosen(found == np.arange(len(graph)), found)


def merged(graph: Graph) -> Graph:
    """With equal nodes as one."""
    _, first, place = np.unique(_keys(graph), return_index=True, return_inverse=True)
    if len(first) == len(graph):
        return graph
    became, readers = first[place.ravel()].tolist(), graph.readers()
    due, known = bytearray(len(graph)), dict[object, int]()

    def key(node: int) -> object:
        return graph.codes[node], *[became[operand] for operand in graph.of(node)]

    def look_at_readers(node: int, now: int) -> None:
        for reader in readers(node):
            due[reader] = 1
            if reader < now:
                known.setdefault(key(reader), became[reader])

    twice = np.flatnonzero(first[place.ravel()] != np.arange(len(graph))).tolist()
    for node in {*twice, *[became[node] for node in twice]}:
        look_at_readers(node, 0)
    node = due.find(1)
    while node >= 0:  # some of its operands have become others, so it may equal another node now
        if became[node] == node:
            became[node] = known.setdefault(key(node), node)
            if became[node] != node:
                look_at_readers(node, node)
                look_at_readers(became[node], node)
        else:  # its first equal, which comes before it, may have become another one
            became[node] = became[became[node]]
        node = due.find(1, node + 1)
    found = np.array(became, np.intp)
    return graph.chosen(found == np.arange(len(graph)), found)


def _keys(graph: Graph) -> Numbers:
    """A number for each node, equal for those that are equal at once."""
    size, counts = len(graph), graph.counts
    nodes = np.flatnonzero((counts > 0) & (counts <= 2))
    first, last = graph.pairs(nodes)
    found = np.empty(size, np.intp)
    found[nodes] = ((graph.codes[nodes] * 2 + counts[nodes] - 1) * size + first) * size + last
    leaves, others = np.flatnonzero(counts == 0), dict[object, int]()
    bits = graph.numbers[leaves].view(np.int64).tolist()  # -0.0 is not 0.0
    keys = zip(graph.codes[leaves].tolist(), bits)
    found[leaves] = [others.setdefault(key, -1 - len(others)) for key in keys]
    for node in np.flatnonzero(counts > 2).tolist():
        key = (int(graph.codes[node]), *graph.of(node))
        found[node] = others.setdefault(key, -1 - len(others))
    return found


def flattened(graph: Graph) -> Graph:
    """With sums of sums as one sum, and sums of products as one `dot`, also of one term.

    A sum of products and other terms becomes a `dot`, and a sum of it and the others. Parameters
    among these are added up by themselves, which can be done for all steps of a recurrent network
    at once. The first of many growing sums may have a single term; `padded` makes it as long as
    the others.
    """
    is_sum = graph.is_of(_ADD, _SUM)
    if not is_sum.any():
        return graph
    owners = graph.owners
    reader = np.full(len(graph), -1, np.intp)
    reader[graph.operands] = owners
    is_read_once = _is_read_once(graph)
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


def _is_read_once(graph: Graph) -> Flags:
    """Whether a single node reads each, and nobody outside."""
    found: Flags = graph.uses() == 1
    found[graph.roots] = False
    return found


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

    # A sum becomes a `dot`, or a sum, or both, in this order, and a sum of parameters between them.
    has_dot = np.bincount(sums_of_products, minlength=size) > 0
    is_parameter = graph.codes[others] == CAPTURED
    is_dot = graph.is_of(_DOT)[others]
    has_bias = has_dot | (np.bincount(sums_of_others, is_dot, size) > 0)
    has_bias &= np.bincount(sums_of_others, is_parameter, size) > 1
    is_apart = is_parameter & has_bias[sums_of_others]
    terms_left = np.bincount(sums_of_others, minlength=size) + has_dot
    has_sum = is_top & (terms_left > has_dot)
    is_plain = (found.top == np.arange(size)) & ~is_top
    is_plain[products] = False
    slots = is_plain.astype(np.intp) + has_dot + has_bias + has_sum
    first = np.cumsum(slots) - slots
    last = first + slots - 1
    became = last[found.top]
    became[products] = first[sums_of_products]

    codes, numbers = np.zeros(slots.sum(), np.intp), np.zeros(slots.sum())
    codes[last[is_plain]], numbers[last[is_plain]] = graph.codes[is_plain], graph.numbers[is_plain]
    codes[first[has_dot]] = graph.code_of(_DOT)
    codes[last[has_sum]] = codes[last[has_bias] - 1] = graph.code_of(_SUM)

    is_kept = is_plain[graph.owners]
    left, right = graph.pairs(products)
    both = has_dot & has_sum
    owner = np.concatenate([last[graph.owners[is_kept]], first[sums_of_products],
                            first[sums_of_products], last[both], last[has_bias],
                            last[sums_of_others] - is_apart])  # fmt: skip
    operands = np.concatenate([became[graph.operands[is_kept]], became[left], became[right],
                               first[both], last[has_bias] - 1, became[others]])  # fmt: skip
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
    nodes = np.flatnonzero(graph.is_of(_ADD, _SUM) & (graph.counts == 2))
    dots, biases = graph.pairs(nodes)
    is_turned = graph.codes[dots] == CAPTURED
    dots, biases = np.where(is_turned, biases, dots), np.where(is_turned, dots, biases)
    is_dot = graph.is_of(_DOT) & _is_read_once(graph) & (graph.counts > 2)
    are_both = is_dot[dots] & (graph.codes[biases] == CAPTURED)
    pairs = zip(*[each[are_both].tolist() for each in (nodes, dots, biases)])
    sided = [(*pair, _weights_first(graph, pair[1])) for pair in pairs]
    often = Counter(bias for _, _, bias, _ in sided)
    found = [each for each in sided if each[3] is not None and often[each[2]] == 1]
    if not found:
        return graph
    graph = after_constants(graph, [1.0])  # at place 0, so that all others are one further
    codes, became, changed = graph.codes.copy(), np.arange(len(graph)), {}
    for node, dot, bias, is_left in found:
        operands = graph.of(dot + 1)
        half = len(operands) // 2
        pair = (bias + 1, 0) if is_left else (0, bias + 1)
        changed[node + 1] = [*operands[:half], pair[0], *operands[half:], pair[1]]
        codes[node + 1] = graph.code_of(_DOT)
        became[dot + 1] = node + 1
    graph = replace(graph.with_operands(changed), codes=codes)
    return graph.chosen(became == np.arange(len(graph)), became)


def _weights_first(graph: Graph, dot: int) -> bool | None:
    """Whether the left side of a `dot` is all parameters, and the right one none; or None."""
    left, right = np.split(graph.codes[graph.of(dot)] == CAPTURED, 2)
    if left.all() and not right.any():
        return True
    return False if right.all() and not left.any() else None


NEUTRAL = {
    "sum": 0.0,
    "dot": 0.0,
    "prod": 1.0,
    "max": -math.inf,
    "min": math.inf,
    "logsumexp": -math.inf,
}
"""What may be added to the operands of a reduction without changing it."""
AT_INFINITY = {"dot", "max", "min"}
"""Those that it may change where numbers are infinite: 0 × infinity is nan, and infinities tie."""
_LEAST_LENGTHS = 3
"""Two lengths are two groups; growing lengths are rows of one."""
_MOST_PADDING = 3
"""How many times as many operands may be read so that nodes of different lengths are one group."""


def padded(graph: Graph) -> Graph:
    """With reductions at one level brought to one length.

    What a shorter row of a `dot` lacks is taken from a longer one that begins in the same way,
    against zeros on the other side: so both are rows of one product of matrices.
    """
    codes = [i for i, row in enumerate(graph.rows) if row.name in NEUTRAL]
    is_reduction = np.isin(graph.codes, codes)
    if len(np.unique(graph.counts[is_reduction])) < _LEAST_LENGTHS:
        return graph
    level = levels(graph)
    if not _ragged(graph, np.flatnonzero(is_reduction), level):
        return graph
    # What a row borrows from a longer one may be made after it, though at no deeper level.
    order = np.argsort(level, kind="stable")
    graph = graph.ordered(order)
    ragged = _ragged(graph, np.flatnonzero(is_reduction[order]), level[order])
    rows = [graph.rows[graph.codes[nodes[0]]] for nodes in ragged]
    fillers = {number: at for at, number in enumerate(sorted({NEUTRAL[r.name] for r in rows}))}
    graph = after_constants(graph, list(fillers))
    changed: dict[int, Sequence[int]] = {}
    for row, nodes in zip(rows, ragged):
        operands = {node: graph.of(node) for node in (nodes + len(fillers)).tolist()}
        most, filler = max(map(len, operands.values())), fillers[NEUTRAL[row.name]]
        if isinstance(row, Pairing):
            changed |= _padded_pairs(operands, most // 2, filler)
        else:
            changed |= {n: [*each, *[filler] * (most - len(each))] for n, each in operands.items()}
    return graph.with_operands(changed)


def _ragged(graph: Graph, nodes: Numbers, level: Numbers) -> list[Numbers]:
    """The reductions of one kind at one level, where their lengths differ, but not too much."""
    lengths, most = graph.counts, int(graph.counts.max()) + 1
    kind = level * len(graph.rows) + graph.codes
    of_lengths = np.unique(kind[nodes] * most + lengths[nodes]) // most
    kinds, different = np.unique(of_lengths, return_counts=True)
    nodes = nodes[np.isin(kind[nodes], kinds[different >= _LEAST_LENGTHS])]
    nodes = nodes[np.argsort(kind[nodes], kind="stable")]
    alike = [(each, lengths[each]) for each in runs(nodes, kind[nodes])]
    return [each for each, read in alike if read.max() * len(each) <= _MOST_PADDING * read.sum()]


def _padded_pairs(
    operands: Mapping[int, list[int]], length: int, filler: int
) -> dict[int, Sequence[int]]:
    halves = {len(each) // 2 for each in operands.values()}
    longer: dict[tuple[int, ...], list[int]] = {}
    for each in operands.values():
        if len(each) == 2 * length:
            for half in halves:
                for side in (each[:length], each[length:]):
                    longer.setdefault(tuple(side[:half]), side)
    found: dict[int, Sequence[int]] = {}
    for node, each in operands.items():
        half = len(each) // 2
        left, right = each[:half], each[half:]
        zeros = [filler] * (length - half)
        if tuple(right) in longer:
            found[node] = [*left, *zeros, *longer[tuple(right)]]
        elif tuple(left) in longer:
            found[node] = [*longer[tuple(left)], *right, *zeros]
        else:
            found[node] = [*left, *zeros, *right, *zeros]
    return found


def shortened(graph: Graph) -> Graph:
    """With short sums as what they are: a + b, a product for a `dot` of one pair, or one term."""
    counts, codes = graph.counts, graph.codes.copy()
    codes[graph.is_of(_SUM) & (counts == 2)] = graph.code_of(_ADD)
    codes[graph.is_of(_DOT) & (counts == 2)] = graph.code_of(_MUL)
    graph = replace(graph, codes=codes)
    is_one = graph.is_of(_SUM, _ADD) & (counts == 1)
    if not is_one.any():
        return merged(graph)
    became = np.arange(len(graph))
    became[is_one] = graph.operands[graph.starts[:-1][is_one]]
    return merged(graph.chosen(~is_one, ends(became)))  # equal nodes look equal only now


PASSES = (pruned, folded, merged, flattened, biased, padded, shortened)
