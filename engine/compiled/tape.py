"""`Tape`: what happens while a function is recorded, in order: nodes, and comparisons of them.

A comparison decides what the function does next, so it is a guard: the recording holds for other
numbers as long as all comparisons come out the same. Reading a number out of a Value would freeze
it in the recording, so that is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from engine.compiled.graph import Graph, Leaf
from engine.errors import CompilationError
from engine.operation import Notation, Operation
from engine.origin import is_of_user
from engine.record import record
from engine.value import Value, name

RELATIONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
DETACHED = Operation(
    "detach",
    "The number itself, through which no gradient flows.",
    scalar=lambda x: x,
    array=np.positive,
    rules=(None,),
    notation=Notation("detach(%s)", r"\operatorname{detach}(%s)", 9),
    domain=((-3.0, 3.0),),
)


class Guard(NamedTuple):
    """A comparison made while recording.

    Attributes:
        relation: how Python writes it, for example "<".
        left, right: what was compared, Values or numbers.
        outcome: what came out.
    """

    relation: str
    left: Any
    right: Any
    outcome: bool


class Tape:
    """The nodes and guards of one recording.

    Args:
        title: the name of the function, for errors.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.nodes: list[Value] = []
        self.guards: list[Guard] = []

    def take(self, node: Value, is_differentiated: bool) -> Value:
        """Note a node that was made; inside `no_grad` no gradient flows through it."""
        self.nodes.append(node)
        return node if is_differentiated else self.detached(node)

    def detached(self, node: Value) -> Value:
        """The number of a node, through which no gradient flows, also when it is another number."""
        found = object.__new__(Value)
        found._data, found._grad = node._data, node._grad
        found._origin = node._origin.of_operation(DETACHED)
        found.parents, found.partials = (node,), (None,)
        self.nodes.append(found)
        return found

    def compared(self, left: Value, right: Any, compare: Callable[[Any, Any], Any]) -> bool:
        """The outcome of a comparison, which becomes a guard."""
        number = right._data if isinstance(right, Value) else right
        outcome = bool(compare(left._data, number))
        self.guards.append(Guard(RELATIONS[compare.__name__], left, right, outcome))
        return outcome

    def refuse(self, what: str, node: Value) -> NoReturn:
        """Stop where a number would be frozen in the recording.

        Args:
            what: what the function does with the node, for example "reads .data of".
            node: the node.

        Raises:
            CompilationError: always.
        """
        raise CompilationError(
            f"{self.title} {what} {name(node)}{_place()}, which would freeze a number in the "
            "recording. Compute with the Value itself, with v.detach() where no gradient should "
            "flow, and choose with maximum, where or an if on the Value."
        )


def _place() -> str:
    """The line of the user's that is being executed."""
    frame = sys._getframe(1)
    while frame is not None and not is_of_user(frame.f_code):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return ""
    return f" at {frame.f_code.co_filename}, line {frame.f_lineno}"


def graph_of(tape: Tape, result: Value, inputs: list[Value]) -> tuple[Graph, list[Value]]:
    """The recorded graph, and the Values from outside that it captured.

    Args:
        tape: the recording.
        result: what the function returned.
        inputs: the Values that stood for the arguments.
    """
    graph, captured = Graph(), list[Value]()
    places: dict[Value, int] = {}
    for number, node in enumerate(inputs):
        places[node] = graph.add_leaf(Leaf("input", number))

    def place_of(operand: Any) -> int:
        if not isinstance(operand, Value):
            return graph.add_leaf(Leaf("constant", float(operand)))
        place = places.get(operand)
        if place is None:
            if operand.is_constant:
                leaf = Leaf("constant", operand._data)
            else:
                leaf = Leaf("captured", len(captured))
                captured.append(operand)
            place = places[operand] = graph.add_leaf(leaf)
        return place

    for node in tape.nodes:
        operation = node._origin.operation
        assert operation is not None
        operands = tuple([places.get(o, -1) for o in node.parents])
        if -1 in operands:
            operands = tuple(map(place_of, node.parents))
        places[node] = graph.add(operation, operands)
    graph.roots = [place_of(result)]
    for guard in tape.guards:
        graph.roots += [place_of(guard.left), place_of(guard.right)]
    return graph, captured


def replayed(graph: Graph, leaves: dict[int, Value]) -> Value:
    """The result of a graph once more as ordinary nodes.

    Args:
        graph: the recording.
        leaves: a Value for every leaf that is no constant.
    """
    made: list[Any] = []
    for node, row in enumerate(graph.rows):
        if row is None:
            made.append(leaves[node] if node in leaves else graph.leaves[node].number)
        elif row is DETACHED:
            (source,) = graph.operands[node]
            made.append(made[source].detach() if isinstance(made[source], Value) else made[source])
        else:
            made.append(record(row, tuple([made[o] for o in graph.operands[node]])))
    result = made[graph.roots[0]]
    return result if isinstance(result, Value) else Value(result)
