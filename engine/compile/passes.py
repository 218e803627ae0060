"""The passes that simplify a recorded graph, in their order; each takes a graph and gives one.

Some leave out nodes: those nobody reads, operations on constants, nodes that are equal. Others
make sums longer: sums of sums become one sum, and sums of products one `dot`, of what only a single
node reads, so that nothing is computed twice. What has to go from node to node goes only
through those that change, in their order. Next: `layout.py`, which finds nodes that can be computed
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, Graph, Numbers, ends, starts_of
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
    size, codes, numbers = len(graph), graph.codes.copy(), graph.numbers.copy()
    is_constant = bytearray((codes == CONSTANT).tobytes())
    _, first, place = np.unique(_keys(graph), return_index=True, return_inverse=True)
    equals = first[place.ravel()]
    unknown = np.bincount(graph.owners, codes[graph.operands] != CONSTANT, size)
    unknown += graph.is_of(*[row for row in graph.rows if row.is_checked])
    is_due = (codes >= 0) & ((unknown == 0) | graph.is_of(_POS)) | (equals != np.arange(size))
    if not is_due.any():
        return graph
    became, due, readers = equals.tolist(), bytearray(is_due.tobytes()), _readers(graph)
    known, looked_at = dict[object, int](), set[int]()

    def operands(node: int) -> list[int]:
        return [became[operand] for operand in graph.of(node)]

    def look_at_readers(node: int, now: int) -> None:
        """They may be done, or equal others, now: those to come are due, those before are known."""
        if node not in looked_at:
            looked_at.add(node)
            for reader in readers(node):
                due[reader] = 1
                if reader < now:
                    known.setdefault((codes[reader], *operands(reader)), became[reader])

    node = due.find(1)
    while node >= 0:
        row, read = graph.row(node), operands(node)
        if became[node] != node:  # its first equal, which comes before it, may be another one now
            became[node] = became[became[node]]
        elif row is _POS:
            (became[node],) = read
        elif row is not None and not row.is_checked and all(map(is_constant.__getitem__, read)):
            codes[node], numbers[node] = CONSTANT, row.forward(tuple(numbers[read].tolist()))
            is_constant[node] = 1
            look_at_readers(node, node)
        elif row is not None:
            became[node] = known.setdefault((codes[node], *read), node)
        if became[node] != node:
            look_at_readers(node, node)
            look_at_readers(became[node], node)
        node = due.find(1, node + 1)
    found = np.array(became, np.intp)
    now = replace(graph, codes=codes, numbers=numbers)
    return now.chosen(found == np.arange(size), found)


def _keys(graph: Graph) -> Numbers:
    """A number for each node, equal for those that are equal at once."""
    size, counts = len(graph), graph.counts
    nodes = np.flatnonzero((counts > 0) & (counts <= 2))
    first, last = graph.pairs(nodes)
    found = np.empty(size, np.intp)
    found[nodes] = ((graph.codes[nodes] * 2 + counts[nodes] - 1) * size + first) * size + last
    leaves, constants = np.flatnonzero(counts == 0), np.flatnonzero(graph.codes == CONSTANT)
    found[leaves] = -1 - leaves
    bits = graph.numbers[constants].view(np.int64)  # -0.0 is not 0.0
    _, first, place = np.unique(bits, return_index=True, return_inverse=True)
    found[constants] = -1 - constants[first[place.ravel()]]
    others = dict[object, int]()
    for node in np.flatnonzero(counts > 2).tolist():
        found[node] = others.setdefault((int(graph.codes[node]), *graph.of(node)), -1 - node)
    return found


def _readers(graph: Graph) -> Callable[[int], list[int]]:
    """A function that gives the nodes that read a node, in their order."""
    readers = graph.owners[np.argsort(graph.operands, kind="stable")]
    starts = starts_of(np.bincount(graph.operands, minlength=len(graph))).tolist()
    return lambda node: readers[starts[node] : starts[node + 1]].tolist()


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
    is_dot = graph.is_of(_DOT) & _is_read_once(graph) & (graph.counts > 2)
    are_both = is_dot[dots] & (graph.codes[biases] == CAPTURED)
    pairs = zip(*[each[are_both].tolist() for each in (nodes, dots, biases)])
    sided = [(*pair, _weights_first(graph, pair[1])) for pair in pairs]
    often = Counter(bias for _, _, bias, _ in sided)
    found = [each for each in sided if each[3] is not None and often[each[2]] == 1]
    if not found:
        return graph
    graph, one = graph.with_constants([1.0]), len(graph)
    every, codes, longer = np.arange(len(graph)), graph.codes.copy(), dict[int, list[int]]()
    became = every.copy()
    for node, dot, bias, is_left in found:
        operands = graph.of(dot)
        half = len(operands) // 2
        left, right = (bias, one) if is_left else (one, bias)
        longer[node] = [*operands[:half], left, *operands[half:], right]
        codes[node], became[dot] = graph.code_of(_DOT), node
    is_kept = ~np.isin(graph.owners, list(longer))
    readers = np.repeat(list(longer), list(map(len, longer.values())))
    read = np.fromiter(chain.from_iterable(longer.values()), np.intp)
    readers = np.concatenate([graph.owners[is_kept], readers])
    read = np.concatenate([graph.operands[is_kept], read])
    graph = graph.remade(every, codes, graph.numbers, readers, read)
    return graph.chosen(became == every, became)


def _weights_first(graph: Graph, dot: int) -> bool | None:
    """Whether the left side of a `dot` is all parameters, and the right one none; or None."""
    are_captured = graph.codes[graph.of(dot)] == CAPTURED
    left, right = are_captured[: len(are_captured) // 2], are_captured[len(are_captured) // 2 :]
    if left.all() and not right.any():
        return True
    return False if right.all() and not left.any() else None


PASSES = (pruned, merged, flattened, biased)
