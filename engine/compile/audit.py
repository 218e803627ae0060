"""The audit: now and then the function is run as it is written, and compared with its program.

What `guards.py` does not see is found here, whatever it is. The cost is known from the recording:
where it is more than a few milliseconds, an audit waits until all of them come to no more than a
twentieth of the time that the program has run.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from math import isnan
from time import perf_counter, thread_time
from typing import Any, TypeVar

from glassgrad.engine.compile.arguments import Arguments, as_values
from glassgrad.engine.compile.cache import AsWrittenError, Cache, Case, Sample
from glassgrad.engine.compile.graph import CAPTURED, INPUT
from glassgrad.engine.compile.outputs import outputs_of
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.trace import Tracer, replayed
from glassgrad.engine.context import Context, Observer, call_in, current
from glassgrad.engine.provenance import is_of_user
from glassgrad.engine.value import RELATIONS, constant, number_of

T = TypeVar("T")
TOLERANCE = 1e-9
"""By how much, as a share of a number, sums in another order may differ."""
_LONG = 0.003
"""Seconds: an audit that takes longer waits until it is a small share."""
_SHARE = 0.05
_FREE = 0.03
"""Seconds: as much in any case, since the one time that was taken may have been a slow one."""


class StaleError(Exception):
    """An audit found a difference; caught by `trusted`.

    Args:
        ours: what the program gave.
        written: what the function as it is written gave.
        since: the last call that is known to have been right.
    """

    def __init__(self, ours: float | None, written: float | None, since: int) -> None:
        self.ours, self.written, self.since = ours, written, since


def trusted(cache: Cache, attempt: Callable[[], T], eagerly: Callable[[], T]) -> T:
    """What a call gives; if an audit in it finds a difference, what it gives recorded anew.

    Args:
        cache: the recordings of the function.
        attempt: the call.
        eagerly: the same call without recordings, if the function does not depend on its
            arguments alone.
    """
    cache.calls += 1
    try:
        return attempt()
    except AsWrittenError:
        return eagerly()
    except StaleError as stale:
        first = stale
    cache.faults += 1
    must_audit, cache.must_audit = cache.must_audit, True
    cache.forget_recordings()
    try:
        found = attempt()
    except StaleError as second:
        _tell_of_state(cache, first, second)
        return eagerly()
    except AsWrittenError:
        found = eagerly()
    finally:
        cache.must_audit = must_audit
    _tell_of_change(cache, first)
    return found


def is_due(cache: Cache, case: Case, began: float) -> bool:
    """Count a run of a program that began then, and say whether it is audited."""
    case.uses += 1
    case.seconds += perf_counter() - began
    if cache.must_audit:
        return True
    if not cache.is_audited or case.uses < case.due:
        return False
    budget = _FREE + _SHARE * case.seconds
    return case.cost <= _LONG or case.audit_seconds + case.cost <= budget


def audit(
    cache: Cache,
    case: Case,
    sample: Sample,
    ours: Sequence[float],
    *,
    at: Mapping[int, float] | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """Compare what a program gave for a sample with what the function as it is written gives.

    Args:
        cache: the recordings of the function.
        case: the one that gave it.
        sample: the arguments.
        ours: the numbers that it gave.
        at: the numbers of Values by their addresses, where others count than their own.
        tolerance: by what share numbers may differ.

    Raises:
        StaleError: it gives something else.
    """
    began = thread_time()  # that of other programs does not count
    case.due = 2 * case.uses
    written, shape = _as_written(cache, sample, at)
    recording = case.recording
    pairs = zip(ours, written)
    differing = next((pair for pair in pairs if not _are_near(*pair, tolerance)), None)
    if shape != recording.shape:
        raise StaleError(None, None, case.verified)
    if differing is not None and not _is_explained(recording, sample, written, at):
        raise StaleError(*differing, case.verified)
    case.verified = cache.calls
    seconds = thread_time() - began
    case.cost = min(case.cost, seconds)
    case.audit_seconds += seconds


def _as_written(
    cache: Cache, sample: Sample, at: Mapping[int, float] | None
) -> tuple[list[float], tuple[int, ...]]:
    """The numbers that the function itself gives, and their shape; nothing is recorded."""
    args, named = as_values(*sample)
    if at is None:
        # With someone who looks on, compiled functions that it calls run as they are written too.
        context = Context(False, (Observer(),), current().scope)
        found = call_in(context, cache.function, *args, **named)
        values, shape = outputs_of(cache.title, found)
        return [value._number for value in values], shape
    tracer = Tracer(cache.title, [], at)
    values, shape = outputs_of(cache.title, tracer.run(cache.function, *args, **named))
    return [tracer.number_of(value) for value in values], shape


def _is_explained(
    recording: Recording, sample: Sample, written: list[float], at: Mapping[int, float] | None
) -> bool:
    """Whether a difference is that of sums in another order, which is no fault of the recording.

    Computed one by one, as they were written, the recorded scalars then give what the function
    gives; or a comparison of two numbers that are nearly equal comes out otherwise among them.
    """
    numbers = Arguments.of(*sample).numbers
    graph = recording.graph
    leaves: dict[int, Any] = dict(zip(graph.leaves(INPUT), map(constant, numbers)))
    for node, value in zip(graph.leaves(CAPTURED), recording.captured):
        leaves[node] = constant((at or {}).get(id(value), value._number))
    context = Context(False, (), current().scope)
    nodes = call_in(context, replayed, graph, recording.origins, leaves)
    found = [number_of(nodes[root]) for root in graph.roots.tolist()]
    compared = found[len(found) - 2 * len(recording.guards) :]
    outcomes = [
        RELATIONS[guard.relation](left, right)
        for guard, left, right in zip(recording.guards, compared[::2], compared[1::2])
    ]
    if outcomes != [guard.outcome for guard in recording.guards]:
        return True
    return all(map(_are_near, found, written))


def _are_near(a: float, b: float, tolerance: float = 1e-12) -> bool:
    if a == b or (isnan(a) and isnan(b)):
        return True
    return abs(a - b) <= tolerance * max(abs(a), abs(b)) < float("inf")


def _tell_of_change(cache: Cache, stale: StaleError) -> None:
    _warn(
        f"{_difference(cache, stale)} Something that it reads beside its arguments has changed, "
        f"unnoticed, since call {stale.since}: results after that may be wrong. It is recorded "
        f"anew, and this result is right. Pass what changes as an argument, or call "
        f"{cache.title}.reset() after a change."
    )


def _tell_of_state(cache: Cache, first: StaleError, second: StaleError) -> None:
    cache.why_eager = (
        "it does not depend on its arguments alone, but on random numbers, on which of two equal "
        "Values it is given, or on state that it keeps"
    )
    _warn(
        f"{_difference(cache, first)} Recorded anew it differs again: {cache.why_eager}. Results "
        f"since call {first.since} may be wrong. From now on it runs as it is written, which is "
        f"slow. Pass what it draws or keeps as an argument, then call {cache.title}.reset()."
    )


def _difference(cache: Cache, stale: StaleError) -> str:
    if stale.written is None:
        return f"{cache.title}, compiled, gave results of another shape than as it is written."
    return (
        f"{cache.title} gave {stale.ours:.12g} compiled, and {stale.written:.12g} as it is written."
    )


def _warn(text: str) -> None:
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and not is_of_user(frame.f_code):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, RuntimeWarning, stacklevel=level)
