"""The many Values that a compiled node reads, as a drawing puts them together.

A compiled loss reads every parameter of a network. Hundreds of arrows into one box say nothing, so
leaves that only compiled nodes read stand in one box: those that the function found by itself, and
those that it was called with, if they are many. Next: `scopes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from glassgrad.engine import Value
from glassgrad.engine.compiling.result import Replay
from glassgrad.viz.compiled import MOST_LISTED
from glassgrad.viz.diagram import Diagram
from glassgrad.viz.node import Node


def folds(diagram: Diagram) -> Iterator[tuple[str, list[int]]]:
    """Leaves to be drawn as one box, by index, with what they are: "captured by loss".

    >>> from glassgrad import Value, compiled
    >>> from glassgrad.viz.diagram import Diagram
    >>> from glassgrad.viz.folds import folds
    >>> ws = [Value(float(i)) for i in range(20)]
    >>> loss = compiled(lambda x: sum(ws) * x)
    >>> [(title, len(members)) for title, members in folds(Diagram([loss(2.0)]))]
    [('captured by <lambda>', 20)]
    """
    found: dict[tuple[tuple[int, ...], tuple[bool, ...]], list[int]] = {}
    values = {index: value for value, index in diagram.values.items()}
    captured = {node.index: _captured(node) for node in diagram if node.is_compiled}
    readers = _readers(diagram)
    for index, nodes in readers.items():
        if all(node.is_compiled for node in nodes):
            seen = (captured[node.index] for node in nodes)
            are_captured = tuple(known is None or values[index] in known for known in seen)
            key = (tuple(node.index for node in nodes), are_captured)
            found.setdefault(key, []).append(index)
    for (_, are_captured), members in found.items():
        if len(members) > MOST_LISTED:
            names = dict.fromkeys(n.function for n in readers[members[0]])
            how = "captured by" if all(are_captured) else "arguments of"
            yield f"{how} {', '.join(names)}", members


def _readers(diagram: Diagram) -> dict[int, list[Node]]:
    """The nodes that read each leaf which is no plain number, every node once."""
    found: dict[int, dict[int, Node]] = {}
    for node in diagram:
        for parent in node.parents:
            if diagram[parent].operation is None and not diagram[parent].is_constant:
                found.setdefault(parent, {})[node.index] = node
    return {index: list(nodes.values()) for index, nodes in found.items()}


def _captured(node: Node) -> set[Value] | None:
    """The Values that a function found by itself; None for all, since samples are numbers."""
    replay = node.operation
    return set(replay.recording.captured) if isinstance(replay, Replay) else None
