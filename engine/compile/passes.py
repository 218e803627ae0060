"""The passes that simplify a recorded graph, in their order; each takes a graph and gives one.

Some leave out nodes: those nobody reads, operations on constants, nodes that are equal. Others
make sums longer: sums of sums become one sum, and sums of products one `dot`, of what only a single
node reads, so that nothing is computed twice. What has to go from node to node is a loop over
integers; all else is array operations. Next: `layout.py`, which finds nodes that can be computed
together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, Graph, ends
from glassgrad.engine.op import TABLE

_ADD, _SUM, _MUL, _DOT, _POS = (TABLE[name] for name in ("add", "sum", "mul", "dot", "pos"))
Flags = npt.NDArray[np.bool_]


def simplified(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph after all passes, and how many computed nodes there were after each."""
    counts = {"recorded": graph.size()}
    for step in PASSES:
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


def merged(graph: Graph) -> Graph:
    """With operations on constants done, +x as x, and equal nodes as one.

    Operations of a user are not done: their functions may read what changes.
    """
    size, counts = len(graph), graph.counts
    codes, numbers = graph.codes.copy(), graph.numbers.copy()
    became, known = list(range(size)), dict[object, int]()
    nodes, is_constant = np.flatnonzero(codes >= 0), bytearray(size)

    def set_constant(node: int, number: float) -> None:
        """A node is a constant, maybe one that is there already."""
        codes[node], numbers[node] = CONSTANT, number
        became[node] = known.setdefault(number.hex(), node)  # -0.0 is not 0.0
        is_constant[became[node]] = 1

    for node in np.flatnonzero(codes == CONSTANT).tolist():
        set_constant(node, float(numbers[node]))
    # A node of one or two operands, as nearly all are, is told from others by an integer.
    is_pair = ((counts[nodes] == 1) | (counts[nodes] == 2)) & ~graph.is_of(_POS)[nodes]
    kinds, first, last = np.full((3, len(nodes)), -1)
    kinds[is_pair] = (2 * codes + counts)[nodes[is_pair]] * size
    first[is_pair], last[is_pair] = graph.pairs(nodes[is_pair])
    for node, kind, a, b in zip(nodes.tolist(), kinds.tolist(), first.tolist(), last.tolist()):
        left, right = became[a], became[b]
        key: object = (kind + left) * size + right
        if kind < 0 or (is_constant[left] and is_constant[right]):
            row, operands = graph.rows[codes[node]], [became[each] for each in graph.of(node)]
            if row is _POS:
                (became[node],) = operands
                continue
            if not row.is_checked and all(map(is_constant.__getitem__, operands)):
                set_constant(node, row.forward(tuple(numbers[operands].tolist())))
                continue
            if kind < 0:
                key = (row, *operands)
        found = known.setdefault(key, node)
        if found != node:
            became[node] = found
    one_of = np.array(became, np.intp)
    is_first = one_of == np.arange(size)
    if is_first.all() and np.array_equal(codes, graph.codes):
        return graph
    return replace(graph, codes=codes, numbers=numbers).chosen(is_first, one_of)


def flattened(graph: Graph) -> Graph:
    """With sums of sums as one sum, and sums of products as one `dot`, also of one term.

    A sum of products and other terms becomes a `dot`, and a sum of it and the others. Parameters
    among these are added up by themselves, which can be done for all steps of a recurrent network
    at once. The first of many growing sums may have a single term; `layout.py` makes it as long as
    the others.
    """
    is_sum = graph.is_of(_ADD, _SUM)
    if not is_sum.any():
        return graph
    size, owners = len(graph), graph.owners
    reader = np.full(size, -1)
    reader[graph.operands] = owners
    is_read_once = _is_read_once(graph)
    is_inner = is_sum & is_read_once & is_sum[reader]
    top = ends(np.where(is_inner, reader, np.arange(size)))

    # The terms of each sum, in the order in which the program adds them.
    edges = np.flatnonzero(is_sum[owners] & ~is_inner[graph.operands])
    edges = edges[np.argsort(top[owners[edges]], kind="stable")]
    terms, sums = graph.operands[edges], top[owners[edges]]
    is_product = graph.is_of(_MUL)[terms] & is_read_once[terms]
    is_zero = (graph.codes[terms] == CONSTANT) & (graph.numbers[terms] == 0.0)
    has_many = np.bincount(sums, is_product, size) > 1
    has_none_else = np.bincount(sums, ~is_product & ~is_zero, size) == 0
    is_product &= (has_many | has_none_else)[sums]
    is_other = ~is_product & ~is_zero
    products, others = terms[is_product], terms[is_other]
    sums_of_products, sums_of_others = sums[is_product], sums[is_other]

    # A sum becomes a `dot`, or a sum, or both, in this order, and a sum of parameters between them.
    has_dot = np.bincount(sums_of_products, minlength=size) > 0
    is_parameter = graph.codes[others] == CAPTURED
    is_dot = graph.is_of(_DOT)[others]
    has_bias = has_dot | (np.bincount(sums_of_others, is_dot, size) > 0)
    has_bias &= np.bincount(sums_of_others, is_parameter, size) > 1
    is_apart = is_parameter & has_bias[sums_of_others]
    terms_left = np.bincount(sums_of_others, minlength=size) + has_dot
    is_top = is_sum & ~is_inner
    has_sum = is_top & (terms_left > has_dot)
    is_plain = (top == np.arange(size)) & ~is_top
    is_plain[products] = False
    slots = is_plain.astype(int) + has_dot + has_bias + has_sum
    first = np.cumsum(slots) - slots
    last = first + slots - 1
    became = last[top]
    became[products] = first[sums_of_products]

    codes, numbers = np.zeros(slots.sum(), np.intp), np.zeros(slots.sum())
    codes[last[is_plain]], numbers[last[is_plain]] = graph.codes[is_plain], graph.numbers[is_plain]
    codes[first[has_dot]] = graph.code_of(_DOT)
    codes[last[has_sum]] = codes[last[has_bias] - 1] = graph.code_of(_SUM)

    is_kept = is_plain[owners]
    left, right = graph.pairs(products)
    both = has_dot & has_sum
    readers = [last[owners[is_kept]], first[sums_of_products], first[sums_of_products],
               last[both], last[has_bias], last[sums_of_others] - is_apart]  # fmt: skip
    read = [became[graph.operands[is_kept]], became[left], became[right],
            first[both], last[has_bias] - 1, became[others]]  # fmt: skip
    return graph.remade(became, codes, numbers, np.concatenate(readers), np.concatenate(read))


def _is_read_once(graph: Graph) -> Flags:
    """Whether a single node reads each, and nobody outside."""
    found: Flags = graph.uses() == 1
    found[graph.roots] = False
    return found


def biased(graph: Graph) -> Graph:
    """With a bias as one more weight: w·x + b is the `dot` of w, b and x, 1.

    So a layer is one product of matrices, and its gradient too. It is done for a parameter that
    only one sum reads, beside a `dot` of parameters with what are none.
    """
    nodes = np.flatnonzero(graph.is_of(_SUM) & (graph.counts == 2))
    first, last = graph.pairs(nodes)
    is_turned = graph.codes[first] == CAPTURED
    dots, biases = np.where(is_turned, last, first), np.where(is_turned, first, last)
    has_left, has_right = _with_weights(graph)
    is_chosen = (has_left | has_right)[dots] & (graph.codes[biases] == CAPTURED)
    is_chosen &= np.bincount(biases[is_chosen], minlength=len(graph))[biases] == 1
    if not is_chosen.any():
        return graph
    is_left = has_left[dots[is_chosen]]
    nodes, dots, biases = (each[is_chosen] for each in (nodes, dots, biases))
    graph, one = graph.with_constants([1.0]), len(graph)
    became = np.arange(len(graph))
    became[dots] = nodes
    owners, is_of_dot, is_right = graph.owners, became[graph.owners] != graph.owners, _right(graph)
    left, right = np.flatnonzero(is_of_dot & ~is_right), np.flatnonzero(is_of_dot & is_right)
    kept = np.flatnonzero(~is_of_dot & ~np.isin(owners, nodes))
    readers = [owners[kept], became[owners[left]], nodes, became[owners[right]], nodes]
    read = [graph.operands[kept], graph.operands[left], np.where(is_left, biases, one),
            graph.operands[right], np.where(is_left, one, biases)]  # fmt: skip
    codes = graph.codes.copy()
    codes[nodes] = graph.code_of(_DOT)
    every = np.arange(len(graph))
    graph = graph.remade(every, codes, graph.numbers, np.concatenate(readers), np.concatenate(read))
    return graph.chosen(became == every, became)


def _with_weights(graph: Graph) -> tuple[Flags, Flags]:
    """The `dot` nodes whose left side is all parameters, and the right one none; or turned round.

    They are those that a single node reads, and longer than one product.
    """
    is_dot = graph.is_of(_DOT) & _is_read_once(graph) & (graph.counts > 2)
    owners, is_parameter, is_right = graph.owners, graph.codes == CAPTURED, _right(graph)
    left, right = (
        np.bincount(owners, is_parameter[graph.operands] & is_there, len(graph))
        for is_there in (~is_right, is_right)
    )
    half = graph.counts / 2
    return is_dot & (left == half) & (right == 0), is_dot & (right == half) & (left == 0)


def _right(graph: Graph) -> Flags:
    """For each place among the operands whether it is in the right half of those of its node."""
    owners = graph.owners
    found: Flags = np.arange(len(owners)) - graph.starts[owners] >= graph.counts[owners] // 2
    return found


PASSES = (pruned, merged, flattened, biased)
