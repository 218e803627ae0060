"""What a recording computes inside: each node for many samples, and the gradient by each.

A program keeps no more than is asked of it. Who looks at the units of a model wants every node,
once or twice: here the whole graph is a walk, level by level, which needs no program.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glassgrad.engine.backward import order_of
from glassgrad.engine.compile.arguments import Batch
from glassgrad.engine.compile.layout import Walked
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.trace import DETACHED
from glassgrad.engine.context import Scope
from glassgrad.engine.op import TABLE, Operation, Reduction
from glassgrad.engine.value import Value
from glassgrad.engine.vectors import data_vector

Table = npt.NDArray[np.float64]
"""Numbers with a row for each node, and a column for each sample."""


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

    def flowing(self, slopes: list[float]) -> list[float | None]:
        """These local derivatives by the first parent, None where no gradient flows to it."""
        row = self.operation
        is_open = isinstance(row, Reduction) or row.rules[0] is not None
        if type(self.parents[0]) is float or not is_open:
            return [None] * len(slopes)
        return [None if row.selects and slope == 0.0 else slope for slope in slopes]

    @property
    def _operands(self) -> tuple[Any, ...]:
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

    Returns:
        None where a number or a gradient is not finite, since there it counts which edges carry
        nothing; and where the result depends on no Value from outside, or on some computed there.
    """
    graph, (given, outside) = recording.graph, recording.leaves
    nodes = _nodes(recording)
    result = nodes.get(int(graph.roots[0]))
    if not isinstance(result, Node) or any(value.operation for value in recording.captured):
        return None
    order: list[Any] = order_of(Node(TABLE["mean"], (result,), None))  # type: ignore[arg-type]
    computed = [node for node in order[:-1] if isinstance(node, Node)]
    inputs = np.concatenate(Batch.of(batch).rows, -1).T
    captured = data_vector(recording.captured)[:, None]
    walked, size = Walked(graph), inputs.shape[1]
    with np.errstate(all="ignore"):
        numbers: Table = walked.forward(size, (given, inputs), (outside, captured))
        gradients, reach = walked.backward(numbers, result.place, 1.0 / size)
        slopes = walked.first_local(numbers)
    places = [node.place for node in computed] + outside
    if not (np.isfinite(numbers[places]).all() and np.isfinite(gradients[places]).all()):
        return None
    for node in computed:
        node.numbers, node.gradients = numbers[node.place].tolist(), gradients[node.place].tolist()
        node.slopes = node.flowing(slopes[node.place].tolist())
    # From the last sample to the first, as a sweep adds them: whether a sum is 0 depends on it.
    sums = gradients[outside, ::-1].cumsum(1)[:, -1].tolist()
    found = zip(recording.captured, sums, reach[outside].any(1).tolist())
    return Inside(order, result.numbers, {value: total for value, total, is_one in found if is_one})


def _nodes(recording: Recording) -> dict[int, Any]:
    """By their places, the nodes that a gradient can flow to, and the Values from outside."""
    graph = recording.graph
    made: dict[int, Any] = dict(zip(recording.leaves[1], recording.captured))
    operands, origins = graph.all_operands(), iter(recording.origins)
    for place in np.flatnonzero(graph.codes >= 0).tolist():
        row, origin = graph.rows[graph.codes[place]], next(origins)
        parents = tuple([made.get(operand, 0.0) for operand in operands[place]])
        if row is not DETACHED and any(type(parent) is not float for parent in parents):
            made[place] = Node(row, parents, origin[0].scope if origin else None, place)
    return made
