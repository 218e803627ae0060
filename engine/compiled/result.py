"""The result of a compiled call: an ordinary node, whose parents are the Values it depends on.

It composes with eager nodes, and its gradient is a graph again if that is asked for: the recorded
nodes are then made anew, as ordinary ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.compiled.arguments import Arguments
from engine.compiled.program import Program
from engine.compiled.recording import Recording
from engine.compiled.tape import replayed
from engine.errors import CompilationError
from engine.gradient import grad
from engine.mode import MODE
from engine.operation import ATOM, Notation, Reduction
from engine.origin import origin_of
from engine.value import NOT_COMPUTED, Value, constant


class Replay(Reduction):
    """The operation of one compiled call: its operands are the Values that it depends on.

    Args:
        title: the name of the function.
        again: gives the result as an ordinary graph of Values given for the operands.
    """

    def __init__(self, title: str, again: Callable[[Sequence[Any]], Value]) -> None:
        self.again = again
        super().__init__(
            title,
            f"The compiled function {title}.",
            scalar=lambda *numbers: self.again([Value(x) for x in numbers])._data,
            array=np.positive,
            rules=(lambda operands, y: grad(self.again(operands), operands, differentiable=True),),
            notation=Notation(f"{title}(%s)", rf"\operatorname{{{title}}}(%s)", ATOM),
            domain=((-1.0, 1.0),),
        )


def node_of(
    recording: Recording,
    program: Program,
    data: float,
    slopes: Sequence[Any],
    given: Arguments,
) -> Value:
    """The result of one call as a node."""
    of_inputs, of_captured = slopes
    parents: list[Value] = []
    partials: list[float] = []
    leaves: list[tuple[str, int]] = []
    if of_captured is not None:
        order = program.orders["captured"]
        parents += [recording.captured[i] for i in order]
        partials += of_captured.tolist()
        leaves += [("captured", i) for i in order]
    if of_inputs is not None:
        for place, slope in zip(program.orders["input"], of_inputs.tolist()):
            if place in given.values:
                parents.append(given.values[place])
                partials.append(slope)
                leaves.append(("input", place))

    def again(operands: Sequence[Any]) -> Value:
        places = dict(zip(leaves, operands))
        filled = {}
        for node, leaf in recording.graph.leaves.items():
            key = (leaf.kind, int(leaf.number)) if leaf.kind != "constant" else None
            if key in places:
                filled[node] = places[key]
            elif key is not None:
                of_leaf: Any = given.numbers if leaf.kind == "input" else recording.captured
                filled[node] = of_leaf[key[1]]
        return replayed(recording.graph, filled)

    return _node(Replay(recording.title, again), data, parents, partials)


def sum_of(title: str, parts: Sequence[tuple[Recording, Program, Any]], data: float) -> Value:
    """The result over a batch as a node, from the gradients of its parts."""
    slopes: dict[Value, float] = {}
    for recording, program, gradient in parts:
        if gradient is None:
            continue
        for i, slope in zip(program.orders["captured"], gradient.tolist()):
            value = recording.captured[i]
            slopes[value] = slopes.get(value, 0.0) + slope

    def again(operands: Sequence[Any]) -> Value:
        raise CompilationError(
            f"The gradient of {title}.over(...) is numbers only. To differentiate it again, call "
            f"{title} on the samples one by one and add up the results."
        )

    return _node(Replay(title, again), data, list(slopes), list(slopes.values()))


def _node(operation: Replay, data: float, parents: list[Value], partials: list[float]) -> Value:
    mode = MODE.get()
    if not mode.recording or not parents:
        return constant(data)
    node = object.__new__(Value)
    node._data, node._grad = data, NOT_COMPUTED
    node._origin = origin_of(operation, mode, 3)
    node.parents, node.partials = tuple(parents), tuple(partials)
    return node
