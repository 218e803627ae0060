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
from glassgrad.engine.compile.arguments import Arguments, Sample, called_as_written, outputs_of
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.trace import At, Tracer, Watcher
from glassgrad.engine.context import Context, call_in, call_watched, current
from glassgrad.engine.misuse import name
from glassgrad.engine.value import NOT_COMPUTED, Value, constant, number_of
from glassgrad.engine.vectors import held

TOLERANCE = 1e-9
"""By how much, as a share of a number, sums in another order may differ."""


def difference(
    function: Callable[..., Any],
    recording: Recording,
    sample: Sample,
    ours: Sequence[float],
    at: At,
) -> str | None:
    """A sentence on what a program gave for a sample, `ours`, and what the function gives, if that
    differs.
    """
    title, written = recording.title, _run(function, recording, sample, at)
    if written.shape != recording.shape:
        return f"{title}, compiled, gave results of another shape than as it is written."
    pairs = zip(ours, written.numbers)
    found = next((both for both in pairs if not _are_near(*both, TOLERANCE)), None)
    what, explained = "", written.numbers
    if found is None:
        slope = None
        if written.slopes is not None:
            slope = _differing_slope(recording, sample, written.slopes)
        if slope is None:
            return None
        found, explained = slope[1:], []
        what = f" as the gradient by {name(slope[0])}"
    if _is_explained(recording, sample, explained, at):
        return None
    return f"{title} gave {found[0]:.12g}{what} compiled, and {found[1]:.12g} as it is written."


class _Written(NamedTuple):
    """What the function gave as it is written: numbers, their shape, and the gradients by leaves;
    None where these need no look, as what does the same has the same ones.
    """

    numbers: list[float]
    shape: tuple[int, ...]
    slopes: dict[Value, float] | None


def _run(function: Callable[..., Any], recording: Recording, sample: Sample, at: At) -> _Written:
    found, stand_ins, fresh = _run_observed(function, recording, sample, at)
    slopes = found.slopes
    if slopes is not None:  # the graph is gone now, and with it what nothing else holds
        for leaf in stand_ins:
            slopes.pop(leaf, None)
        made = {id(leaf): slopes.pop(leaf) for leaf in fresh if leaf in slopes}
        slopes.update({leaf: made[id(leaf)] for leaf in held(fresh) if id(leaf) in made})
    return found


def _run_observed(
    function: Callable[..., Any], recording: Recording, sample: Sample, at: At
) -> tuple[_Written, list[Value], list[Value]]:
    """Beside it what stood for the arguments, and the leaves that were made on the way."""
    if at is None:
        auditor = Watcher()
        context = Context(True, (auditor,), current().scope)
        result = call_watched(context, called_as_written, function, sample)
        values, shape = outputs_of(recording.title, result)
        numbers, is_same = [value._number for value in values], False
        stand_ins, fresh = list[Value](), auditor.fresh
    else:
        run = Tracer(recording.title, at).run(function, *sample, recording.has_several)
        values, shape, stand_ins, fresh = run.results, run.shape, [*run.inputs], [*run.fresh]
        numbers, is_same = list(map(run.number_of, values)), recording.is_repeated_by(run)
    slopes = None if recording.has_several or is_same else _slopes(values[0])
    if at is not None:
        run.forget()
    return _Written(numbers, shape, slopes), stand_ins, fresh


def _is_explained(recording: Recording, sample: Sample, written: list[float], at: At) -> bool:
    """Whether a difference is that of sums in another order, which is no fault of the recording.

    Computed one by one, as they were written, the recorded scalars then give what the function
    gives; or a comparison of two numbers that are nearly equal comes out otherwise among them.
    Of what the function gives there is nothing if that is the same, and the gradient differs.
    """
    leaves = recording.known(Arguments.of(*sample).numbers)
    others = {} if at is None else at()
    for node, of in leaves.items():
        leaves[node] = constant(others.get(id(of), getattr(of, "_number", of)))
    nodes = call_in(Context(False, (), current().scope), recording.replayed, leaves)
    roots = [number_of(nodes[root]) for root in recording.graph.roots.tolist()]
    found, compared = recording.of_roots(roots)
    if not all(guard.holds(left, right) for guard, left, right in compared):
        return True
    return bool(written) and all(map(_are_near, found, written))


def _differing_slope(
    recording: Recording, sample: Sample, theirs: dict[Value, float]
) -> tuple[Value, float, float] | None:
    """The first Value the gradients by which differ, of the recorded scalars and of the function.

    A result may be right while a gradient is not: of what was detached, or of a parameter in whose
    place is another one with the same number. Both are computed with the numbers that Values have.
    What either made on the way, and nothing holds, counts on neither side.
    """
    given = Arguments.of(*sample)
    numbers = [given.values.get(place, number) for place, number in enumerate(given.numbers)]
    context = Context(True, (), current().scope)
    nodes = call_in(context, recording.replayed, recording.known(numbers))
    mine = _slopes(nodes[recording.graph.roots[0]])
    mine = {leaf: slope for leaf, slope in mine.items() if id(leaf) not in recording.fresh}
    least = TOLERANCE * max((abs(x) for x in theirs.values() if isfinite(x)), default=0.0)
    for leaf in {**mine, **theirs}:
        ours, its = mine.get(leaf, 0.0), theirs.get(leaf, 0.0)
        if not _are_near(ours, its) and not abs(ours - its) <= least:
            return leaf, ours, its
    return None


def _slopes(result: Any) -> dict[Value, float]:
    """The gradient of a result by each leaf that it depends on."""
    if not isinstance(result, Value) or result.is_constant:
        return {}
    slopes = sweep(order_of(result), 1.0).items()
    return {leaf: x for leaf, x in slopes if not leaf._operands and x is not NOT_COMPUTED}


def _are_near(a: float, b: float, tolerance: float = 1e-12) -> bool:
    if a == b or (isnan(a) and isnan(b)):
        return True
    return abs(a - b) <= tolerance * max(abs(a), abs(b)) < float("inf")
