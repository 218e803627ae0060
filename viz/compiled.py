"""Compiled nodes: what is told of one while it is closed, and the scalar graph inside of it.

A call of a compiled function is one node, whose operands are all Values that the function depends
on. Drawings show it as one box and steps go through it in one step. Opened, its recorded scalars
stand in a frame with the name of the function, made anew with values and gradients.
Next: `diagram.py`, which takes them in, and `told.py`, which tells the step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose, isfinite
from typing import NamedTuple, TypeGuard

from glassgrad.engine import NOT_COMPUTED, Operation, Scope, Value, topological_order
from glassgrad.engine.backward import sweep
from glassgrad.engine.compile.result import Replay, Total
from glassgrad.engine.context import Context, Tag, call_in
from glassgrad.engine.text import counted, visible

KIND = "compiled"  # the kind of the scope in which the scalars of an opened node stand
MOST_LISTED = 8
"""Of more operands, formulas name the first few and drawings put those of one kind into a box."""
NAMED_FIRST = 3
TOLERANCE = 1e-9
"""How far the array program may round differently, as a share of the largest number inside."""


class Inside(NamedTuple):
    """The scalar graph of one compiled call: Values in order, the last is the result.

    Others stand in for its operands.
    """

    operands: Mapping[Value, Value]
    order: Sequence[Value]


def is_compiled(operation: Operation | None) -> TypeGuard[Replay | Total]:
    """Whether a node is a call of a compiled function."""
    return isinstance(operation, (Replay, Total))


def name_of(operation: Replay | Total) -> str:
    """The name of the function, which may be any text, fit to be shown."""
    return visible(operation.name)


def title_of(operation: Replay | Total) -> str:
    """How the call is written: "loss", or "loss.over" where it is over samples."""
    return f"{name_of(operation)}.over" if isinstance(operation, Total) else name_of(operation)


def kind_of(operation: Replay | Total, operands: int) -> str:
    """What a closed node is, in a few words: "compiled, 337 Values, 100 samples"."""
    samples = [counted(operation.samples, "sample")] if isinstance(operation, Total) else []
    return ", ".join([KIND, counted(operands, "Value"), *samples])


def call(title: str, operands: Sequence[str]) -> str:
    """The call as a formula: all operands, or the first few and how many more there are."""
    if len(operands) <= MOST_LISTED:
        return f"{title}({', '.join(operands)})"
    more = f"… {len(operands) - NAMED_FIRST:,} more"
    return f"{title}({', '.join([*operands[:NAMED_FIRST], more])})"


def inside(value: Value) -> Inside | str:
    """The scalar graph of a compiled node, with its own values and gradients; or why there is none.

    The Values of the user are only read.
    """
    replay = value.operation
    if isinstance(replay, Total):
        return (
            f"{title_of(replay)} cannot be opened, since no single graph stands for "
            f"{counted(replay.samples, 'sample')}; draw {name_of(replay)}(...) of one of them"
        )
    assert isinstance(replay, Replay)
    stand_ins = [Value(parent.data) for parent in value.parents]
    frame = Scope(name_of(replay), KIND, value.scope)
    nodes = call_in(Context(scope=frame), replay.nodes, stand_ins)
    root = nodes[replay.root]
    operands = dict(zip(stand_ins, value.parents))
    whole = topological_order(root) if isinstance(root, Value) else []
    order = [node for node in whole if node not in operands]
    if not order or not root.parents:
        return f"{name_of(replay)} cannot be opened: nothing is computed in it"
    now = [parent.data for parent in value.parents]
    largest = max((abs(node.data) for node in order if isfinite(node.data)), default=0.0)
    # A change of an operand may be lost in rounding among large numbers: so they are compared too.
    is_same = are_close(now, replay.operand_numbers, 0.0)
    if not (is_same and are_close([value.data], [root.data], TOLERANCE, largest)):
        return (
            f"{name_of(replay)} stays closed: numbers that it was computed from have changed since"
        )
    codes = replay.recording.graph.codes.tolist()
    made = {node for node, code in zip(nodes, codes) if code >= 0 and isinstance(node, Value)}
    made -= operands.keys()
    # In the frame, which stands in what is around the call, with the modules they were recorded in.
    scopes: dict[Scope | None, Scope] = {frame: frame, None: frame, value.scope: frame}
    for node in made:
        node._tag = Tag(_within(node.scope, scopes), node.label)
    root._number = value.data
    if value.grad is not NOT_COMPUTED:
        of_made = lambda node: node.partials if node in made else ()
        for node, gradient in sweep(whole, value.grad, of_made).items():
            if node in made:
                node.grad = gradient
    return Inside(operands, order)


def are_close(
    numbers: Sequence[float], others: Sequence[float], tolerance: float, largest: float = 0.0
) -> bool:
    """Whether numbers are the same, or differ by so small a share of themselves, or of another."""
    least = tolerance * largest
    return all(
        repr(a) == repr(b) or (tolerance > 0.0 and isclose(a, b, rel_tol=tolerance, abs_tol=least))
        for a, b in zip(numbers, others)
    )


def _within(scope: Scope | None, known: dict[Scope | None, Scope]) -> Scope:
    """The scope that a node was recorded in, such as a neuron, inside the frame of this call."""
    if scope is not None and scope not in known:
        known[scope] = Scope(scope.name, scope.kind, _within(scope.parent, known))
    return known[scope]
