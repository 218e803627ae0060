"""`Tape`: what happens while a function is recorded, in order: nodes, and comparisons of them.

A comparison decides what the function does next, so it is a guard: the recording holds for other
numbers as long as all comparisons come out the same. Reading a number out of a Value would freeze
it in the recording, so that is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from typing import Any, NamedTuple, NoReturn

import numpy as np

from glassgrad.engine.compiling.graph import CAPTURED, CONSTANT, INPUT, Graph, Numbers, starts_of
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.operation import Notation, Operation
from glassgrad.engine.origin import Origin, is_of_user
from glassgrad.engine.record import record
from glassgrad.engine.value import Value, constant, name

RELATIONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
REMEDIES = {
    "reads": (
        ", which would freeze a number in the recording. Compute with the Value itself, with "
        "v.detach() where no gradient should flow, and choose with maximum, where or an if on the "
        "Value."
    ),
    "sets": (
        ", which would happen only while it is recorded. Change numbers outside the function, "
        "after backward()."
    ),
    "calls": (
        ", which would happen only while it is recorded. Call it outside the function, on what "
        "the compiled function returns."
    ),
}
"""What to do instead of what a recording cannot repeat, by the verb that names it."""
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
        self.append = self.nodes.append
        self.guards: list[Guard] = []

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
        """Stop where a recording could not be repeated.

        Args:
            what: what the function does with the node, for example "reads .data of".
            node: the node.

        Raises:
            CompilationError: always.
        """
        kind = what.split(maxsplit=1)[0]
        raise CompilationError(f"{self.title} {what} {name(node)}{_place()}{REMEDIES[kind]}")


def _place() -> str:
    """The line of the user's that is being executed."""
    frame = sys._getframe(1)
    while frame is not None and not is_of_user(frame.f_code):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return ""
    return f" at {frame.f_code.co_filename}, line {frame.f_lineno}"


def graph_of(
    tape: Tape, result: Value | Sequence[Value], inputs: list[Value]
) -> tuple[Graph, list[Value]]:
    """The recorded graph, and the Values from outside that it captured.

    Args:
        tape: the recording.
        result: what the function returned, one Value or several.
        inputs: the Values that stood for the arguments.
    """
    operands = [node.parents for node in tape.nodes]
    compared = chain.from_iterable((guard.left, guard.right) for guard in tape.guards)
    roots = [each if isinstance(each, Value) else constant(float(each)) for each in compared]
    results = [result] if isinstance(result, Value) else result
    read = [*chain.from_iterable(operands), *results, *roots]
    made = [*inputs, *tape.nodes]
    outside, places = _placed(made, read)
    captured = [leaf for leaf in outside if not leaf.is_constant]
    order = count()
    numbers = [leaf._data if leaf.is_constant else next(order) for leaf in outside]
    numbers += [*range(len(inputs)), *[0.0] * len(tape.nodes)]
    rows: dict[Operation | None, int] = {}
    codes = [CONSTANT if leaf.is_constant else CAPTURED for leaf in outside]
    codes += [INPUT] * len(inputs)
    codes += [rows.setdefault(node._origin.operation, len(rows)) for node in tape.nodes]
    counts = [0] * (len(outside) + len(inputs)) + list(map(len, operands))
    starts = starts_of(counts)
    graph = Graph(
        rows=[row for row in rows if row is not None],
        codes=np.array(codes, np.intp),
        numbers=np.array(numbers, float),
        starts=starts,
        operands=places[: starts[-1]],
        roots=places[starts[-1] :],
        places=np.arange(len(codes)),
    )
    return graph, captured


def _placed(made: Sequence[Value], read: Sequence[Value]) -> tuple[list[Value], Numbers]:
    """What is read but was not made, and the place of all that is read: those first, then made."""
    addresses, wanted = _addresses(made), _addresses(read)
    order = np.argsort(addresses)
    near = np.minimum(np.searchsorted(addresses, wanted, sorter=order), len(made) - 1)
    is_made = addresses[order][near] == wanted if made else np.zeros(len(read), bool)
    others = np.flatnonzero(~is_made)
    _, first, number = np.unique(wanted[others], return_index=True, return_inverse=True)
    places = np.empty(len(read), np.intp)
    places[others] = np.argsort(np.argsort(first))[number.ravel()]
    places[is_made] = order[near[is_made]] + len(first)
    return [read[i] for i in np.sort(others[first]).tolist()], places


def _addresses(nodes: Sequence[Value]) -> Numbers:
    """What nodes are told apart by, as an array: that is faster than a dictionary."""
    return np.fromiter(map(id, nodes), np.int64, len(nodes))


def replayed(graph: Graph, origins: Sequence[Origin], leaves: Mapping[int, Any]) -> list[Any]:
    """All nodes of a recorded graph once more, as ordinary ones that were made where they were.

    Args:
        graph: the recording.
        origins: where the computed nodes were made.
        leaves: what stands for every leaf that is no constant, a Value or a number.
    """
    made: list[Any] = []
    numbers, first = graph.numbers.tolist(), len(graph) - len(origins)
    for node, operands in enumerate(graph.all_operands()):
        row = graph.row(node)
        if row is None:
            made.append(leaves.get(node, numbers[node]))
        elif row is DETACHED:
            (source,) = operands
            made.append(made[source].detach() if isinstance(made[source], Value) else made[source])
        else:
            again = record(row, tuple([made[o] for o in operands]))
            if again.operation is row:  # else it was made simpler, or is a constant
                again._origin = origins[node - first]
            made.append(again)
    return made
