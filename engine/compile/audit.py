"""The audit: what a program gave for a sample, beside what the function as it is written gives.

It finds what the guards do not see, whatever it is, since it knows no special cases. Numbers are
compared with those of the program, gradients with those of what was recorded. When it is due says
`cache.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, isnan
from typing import Any, NamedTuple

from glassgrad.engine.backward import order_of, sweep
from glassgrad.engine.compile.arguments import Arguments, Sample, as_values
from glassgrad.engine.compile.outputs import outputs_of
from glassgrad.engine.compile.recording import Recording, traced_run
from glassgrad.engine.compile.trace import At, graph_of, replayed
from glassgrad.engine.context import Context, Observer, call_in, current
from glassgrad.engine.misuse import name
from glassgrad.engine.value import NOT_COMPUTED, RELATIONS, Value, constant, number_of

TOLERANCE = 1e-9
"""By how much, as a share of a number, sums in another order may differ."""


class Difference(NamedTuple):
    """What an audit found.

    Attributes:
        ours: what the program gave.
        written: what the function as it is written gave; None if it was of another shape.
        of: by which Value, if it is the gradient that differs.
    """

    ours: float
    written: float | None
    of: Value | None = None

    def told(self, title: str) -> str:
        if self.written is None:
            return f"{title}, compiled, gave results of another shape than as it is written."
        what = "" if self.of is None else f" as the gradient by {name(self.of)}"
        written = f"{self.written:.12g} as it is written"
        return f"{title} gave {self.ours:.12g}{what} compiled, and {written}."


def difference(
    title: str,
    function: Callable[..., Any],
    recording: Recording,
    sample: Sample,
    ours: Sequence[float],
    *,
    at: At,
) -> Difference | None:
    """What a program gave for a sample, `ours`, and what the function gives, if that differs."""
    inputs: list[Value] = []
    is_same = False
    if at is None:
        values, shape = _as_written(title, function, sample)
        written = [value._number for value in values]
    else:
        several = recording.has_several
        tracer, values, shape = traced_run(title, function, *sample, at=at, has_several=several)
        written, inputs = [tracer.number_of(value) for value in values], tracer.inputs
        graph, captured, _ = graph_of(tracer, values, inputs)
        is_same = recording.is_of(graph, captured, tracer.guards)
    if shape != recording.shape:
        return Difference(0.0, None)
    pairs = zip(ours, written)
    differing = next((pair for pair in pairs if not _are_near(*pair, TOLERANCE)), None)
    if differing is not None:
        is_explained = _is_explained(recording, sample, written, at)
        return None if is_explained else Difference(*differing)
    if recording.has_several or is_same:  # what does the same has the same gradients
        return None
    slope = _differing_slope(recording, sample, values[0], inputs)
    return None if slope is None or _is_explained(recording, sample, None, at) else slope


class _Auditor(Observer):
    """With someone who looks on, compiled functions that are called run as written too; and `map`
    gives Values, as while it is recorded.
    """

    repeats = True


def _as_written(
    title: str, function: Callable[..., Any], sample: Sample
) -> tuple[list[Value], tuple[int, ...]]:
    """What the function itself gives, and its shape."""
    args, named = as_values(*sample)
    context = Context(True, (_Auditor(),), current().scope)
    return outputs_of(title, call_in(context, function, *args, **named))


def _is_explained(
    recording: Recording, sample: Sample, written: list[float] | None, at: At
) -> bool:
    """Whether a difference is that of sums in another order, which is no fault of the recording.

    Computed one by one, as they were written, the recorded scalars then give what the function
    gives; or a comparison of two numbers that are nearly equal comes out otherwise among them.
    What the function gives is None if that is the same, and the gradient differs.
    """
    leaves = recording.known(Arguments.of(*sample).numbers)
    others = {} if at is None else at()
    for node, of in leaves.items():
        leaves[node] = constant(others.get(id(of), getattr(of, "_number", of)))
    context = Context(False, (), current().scope)
    nodes = call_in(context, replayed, recording.graph, recording.origins, leaves)
    found = [number_of(nodes[root]) for root in recording.graph.roots.tolist()]
    compared = found[len(found) - 2 * len(recording.guards) :]
    outcomes = [
        RELATIONS[guard.relation](left, right)
        for guard, left, right in zip(recording.guards, compared[::2], compared[1::2])
    ]
    if outcomes != [guard.outcome for guard in recording.guards]:
        return True
    return written is not None and all(map(_are_near, found, written))


def _differing_slope(
    recording: Recording, sample: Sample, written: Value, inputs: Sequence[Value]
) -> Difference | None:
    """The first gradient that differs, of the recorded scalars and of the function.

    A result may be right while a gradient is not: of what was detached, or of a parameter in whose
    place is another one with the same number. Both are computed with the numbers that Values have;
    those by `inputs`, which stood for the arguments, count on neither side.
    """
    given = Arguments.of(*sample)
    numbers = [given.values.get(place, number) for place, number in enumerate(given.numbers)]
    context = Context(True, (), current().scope)
    nodes = call_in(context, replayed, recording.graph, recording.origins, recording.known(numbers))
    mine, theirs = _slopes(nodes[recording.graph.roots[0]]), _slopes(written)
    stand_ins = set(map(id, inputs))
    theirs = {leaf: slope for leaf, slope in theirs.items() if id(leaf) not in stand_ins}
    least = TOLERANCE * max((abs(x) for x in theirs.values() if isfinite(x)), default=0.0)
    for leaf in {**mine, **theirs}:
        ours, its = mine.get(leaf, 0.0), theirs.get(leaf, 0.0)
        if not _are_near(ours, its) and not abs(ours - its) <= least:
            return Difference(ours, its, leaf)
    return None


def _slopes(result: Any) -> dict[Value, float]:
    """The gradient of a result by each leaf that it depends on."""
    if not isinstance(result, Value) or result.is_constant:
        return {}
    found = sweep(order_of(result), 1.0).items()
    return {
        node: gradient
        for node, gradient in found
        if not node._operands and gradient is not NOT_COMPUTED
    }


def _are_near(a: float, b: float, tolerance: float = 1e-12) -> bool:
    if a == b or (isnan(a) and isnan(b)):
        return True
    return abs(a - b) <= tolerance * max(abs(a), abs(b)) < float("inf")
