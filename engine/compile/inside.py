"""What a recording computes inside: each node for many samples, and the gradient by each.

A program keeps no more than is asked of it. Who looks at the units of a model wants every node,
once or twice: here they are computed node by node, each for all samples at once, which needs no
program.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glassgrad.engine.backward import order_of
from glassgrad.engine.compile.arguments import Batch
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.trace import DETACHED
from glassgrad.engine.context import Scope
from glassgrad.engine.op import TABLE, Operation
from glassgrad.engine.value import Value
from glassgrad.engine.vectors import data_vector

Table = npt.NDArray[np.float64]
"""Numbers with a row for each node, and a column for each sample."""


Step = tuple[int, Operation, list[int]]
"""A computed node: its place in the graph, its operation, and the places of its operands."""


class Node:
    """A recorded node as it was for some samples.

    Attributes:
        operation, scope: as of a Value.
        parents: nodes, and Values from outside; what no gradient flows to is the number 0.
        place: its own in the graph.
        numbers: one for each sample.
        gradients: by each of these, of the mean of the results.
        slopes: the local derivative by the first parent, which is None where none flows.
    """

    __slots__ = ("gradients", "numbers", "operation", "parents", "place", "scope", "slopes")

    def __init__(
        self, operation: Operation, parents: tuple[Any, ...], scope: Scope | None, place: int = -1
    ) -> None:
        self.operation, self.parents, self.scope, self.place = operation, parents, scope, place
        self.numbers: list[float] = []
        self.gradients: list[float] = []
        self.slopes: list[float | None] = []

    @property
    def _operands(self) -> tuple[Any, ...]:
        """What `order_of` goes by."""
        return self.parents


class Inside(NamedTuple):
    """What was computed for some samples.

    Attributes:
        order: the nodes and Values from outside that the mean of the results depends on, each after
            its parents, the mean last.
        results: one for each sample.
        gradients: of their mean, by the Values from outside that a gradient reaches.
    """

    order: list[Any]
    results: list[float]
    gradients: dict[Value, float]


def inside_of(recording: Recording, *batch: Any) -> Inside | None:
    """What a recording without comparisons computes on the way to its first result.

    Args:
        recording: the recording.
        batch: what one call of the function takes, with an axis of samples in front.

    Returns:
        None where a number or a gradient is not finite, since there it counts which edges carry
        nothing; where the result depends on no Value from outside, or on some computed there; and
        where there are rows of the user's own, whose rules may take floats alone.
    """
    graph, (given, outside) = recording.graph, recording.leaves
    are_ours = all(row is DETACHED or not row.is_checked for row in graph.rows)
    if not are_ours or any(value.operation for value in recording.captured):
        return None
    inputs = np.concatenate(Batch.of(batch).rows, -1).T
    samples = inputs.shape[1]
    numbers: Table = np.repeat(graph.numbers[:, None], samples, 1)
    numbers[given], numbers[outside] = inputs, data_vector(recording.captured)[:, None]
    steps = [
        (place, graph.rows[code], graph.of(place))
        for place, code in enumerate(graph.codes.tolist())
        if code >= 0
    ]
    nodes = _nodes(recording, steps)
    result = nodes.get(int(graph.roots[0]))
    if not isinstance(result, Node):
        return None
    order: list[Any] = order_of(Node(TABLE["mean"], (result,), None))  # type: ignore[arg-type]
    computed = [node for node in order[:-1] if isinstance(node, Node)]
    gradients = np.zeros_like(numbers)
    is_reached: Any = np.zeros(numbers.shape, bool)
    gradients[result.place], is_reached[result.place] = 1.0 / samples, True
    with np.errstate(all="ignore"):
        for place, row, operands in steps:
            numbers[place] = row.array(*numbers[operands])
        for node in reversed(computed):
            _send_back(node, graph.of(node.place), numbers, gradients, is_reached)
    places = [node.place for node in computed] + outside
    if not (np.isfinite(numbers[places]).all() and np.isfinite(gradients[places]).all()):
        return None
    for node in computed:
        node.numbers, node.gradients = numbers[node.place].tolist(), gradients[node.place].tolist()
    # From the last sample to the first, as a sweep adds them: whether a sum is 0 depends on it.
    sums = gradients[outside, ::-1].cumsum(1)[:, -1].tolist()
    found = zip(recording.captured, sums, is_reached[outside].any(1).tolist())
    return Inside(order, result.numbers, {value: total for value, total, is_one in found if is_one})


def _nodes(recording: Recording, steps: list[Step]) -> dict[int, Any]:
    """By their places, the nodes that a gradient can flow to, and the Values from outside."""
    made: dict[int, Any] = dict(zip(recording.leaves[1], recording.captured))
    for (place, row, operands), origin in zip(steps, recording.origins):
        parents = tuple([made.get(operand, 0.0) for operand in operands])
        if row is not DETACHED and any(type(parent) is not float for parent in parents):
            made[place] = Node(row, parents, origin[0].scope if origin else None, place)
    return made


def _send_back(
    node: Node, operands: list[int], numbers: Table, gradients: Table, is_reached: Any
) -> None:
    """Upstream × local, to each parent; the local derivatives by the first are kept."""
    wanted = tuple([type(parent) is not float for parent in node.parents])
    partials = node.operation.derivatives(tuple(numbers[operands]), numbers[node.place], wanted)
    flows = [place for place, partial in enumerate(partials) if partial is not None]
    local = np.empty((len(flows), numbers.shape[1]))
    for row, place in enumerate(flows):
        local[row] = partials[place]
    is_edge = local != 0.0 if node.operation.selects else np.ones(local.shape, bool)
    to = [operands[place] for place in flows]
    np.add.at(gradients, to, gradients[node.place] * local)
    np.logical_or.at(is_reached, to, is_reached[node.place] & is_edge)
    if flows[:1] == [0]:
        slopes = zip(local[0].tolist(), is_edge[0].tolist())
        node.slopes = [slope if is_one else None for slope, is_one in slopes]
    else:
        node.slopes = [None] * numbers.shape[1]
