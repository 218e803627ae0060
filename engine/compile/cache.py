"""`Cache`: the recordings of a function, and which of them serve a call.

A recording serves calls with arguments of its structure, as long as all around the function is as
it was (`guards.py`) and its comparisons come out as they did. So a function has several `Case`s:
one for each structure, each way through comparisons, and each state of a model such as `train()`
and `eval()`.

What the guards do not see is found by audits (`audit.py`), at the 2nd, 4th, 8th ... use of a
recording. The cost of one is known from the recording: where it is more than a few milliseconds, it
waits until all of them come to no more than a twentieth of the time that the program has run. Next:
`recording.py`, how a recording is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from time import perf_counter, thread_time
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from glassgrad.engine.compile.arguments import Arguments, Batch, Sample, objects_in
from glassgrad.engine.compile.audit import difference
from glassgrad.engine.compile.graph import Numbers
from glassgrad.engine.compile.guards import Guards
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Point, Recording
from glassgrad.engine.compile.trace import At
from glassgrad.engine.context import current
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.provenance import caller_of_user

T = TypeVar("T")
NOTHING: frozenset[str] = frozenset()
INPUT, CAPTURED = frozenset({"input"}), frozenset({"captured"})
"""Kinds of leaves: those with an axis of samples, and those whose gradients are wanted."""
MOST_RECORDINGS = 64
"""After so many recordings for arguments of one structure no more are made."""
MOST_STRUCTURES = 256
"""After so many structures of arguments no more are remembered."""
_MOST_STATES = 4
"""So many states of what is around the function are remembered for one recording."""
_LONG = 0.003
"""Seconds: an audit that takes longer waits until it is a small share."""
_SHARE = 0.05
_FREE = 0.03
"""Seconds: as much in any case, since the one time that was taken may have been a slow one."""
_STRUCTURES = (
    f"was called with {MOST_STRUCTURES} structures of arguments",
    "An object that is a new one in each call is a structure of its own: pass numbers.",
)
_WAYS = (
    f"took {MOST_RECORDINGS} ways, by comparisons of Values, integers as an index, or what it "
    "reads from around it, and a sample takes one more",
    "Choose with maximum, where or clip instead of an if, call it once for each index, and pass "
    "what changes as an argument.",
)
"""Why no recordings are made of other structures, or beside these; and the remedy."""


class LimitError(CompilationError):
    """No recording serves, and none is made any more; what can runs as it is written."""


class _AsWrittenError(Exception):
    """The function cannot be recorded, only run as it is written."""


class _StaleError(Exception):
    """An audit found what its first argument tells, since the call that is its second."""


class Part(NamedTuple):
    """The samples of a batch that one recording serves; those of a call are one.

    Attributes:
        places: which samples they are.
        numbers: those of the captured Values.
        result: the result of each; without an axis of samples if it is the same for all.
        total: the sum of the results by the divisor.
        of_inputs: the gradient of that by the arguments, if it was wanted.
        gradient: that by the captured Values.
    """

    recording: Recording
    program: Program
    places: Numbers
    numbers: Any
    result: Any
    total: float
    of_inputs: Any
    gradient: Any


class Case:
    """A recording, and for what it holds.

    Args:
        guards: what was around the function when it was made.
        call: the number of the call that made it.

    Attributes:
        states: what was around the function when the same was recorded, the last first.
        due: the use, of all `uses` so far, at which it is audited next.
        seconds, audit_seconds: how long its program ran, and its audits took.
        cost: how long one of them takes.
        verified: the last call for which it is known to have been right.
    """

    def __init__(self, recording: Recording, guards: Guards, call: int) -> None:
        self.recording, self.states = recording, [guards]
        self.uses, self.due, self.verified = 0, 2, call
        self.seconds = self.audit_seconds = 0.0
        self.cost = recording.run_seconds

    def holds(self) -> bool:
        """Whether everything that it took as fixed is as it was."""
        if not self.recording.is_current():
            return False
        for guards in self.states:  # noqa: SIM110  a loop: this is asked before every call
            if guards.hold():
                return True
        return False


class Cache:
    """The recordings of a function.

    Attributes:
        calls: how many there were.
        faults: how often an audit found a difference.
        must_audit: whether every call is audited now.
        why_eager: why the function runs as it is written, without a recording; or None.
    """

    def __init__(self, title: str, function: Callable[..., Any], is_audited: bool) -> None:
        self.title, self.function, self.is_audited = title, function, is_audited
        self.faults = 0
        self.reset()

    def reset(self) -> None:
        self._cases: dict[Any, list[Case]] = {}
        self.calls, self.must_audit = 0, False
        self.why_eager: str | None = None
        self._is_told = False

    def cases(self) -> list[Case]:
        """All of them, in the order in which they were made, structure by structure."""
        return [case for cases in self._cases.values() for case in cases]

    def trusted(self, attempt: Callable[..., T], *given: Any) -> T | None:
        """What an attempt gives; if an audit in it finds a difference, what it gives recorded anew.
        None where the function runs as it is written.
        """
        self.calls += 1
        if self.why_eager is not None:
            return None
        try:
            return attempt(*given)
        except _AsWrittenError:
            return None
        except _StaleError as stale:
            told, since = stale.args
        self.faults += 1
        must_audit, self.must_audit = self.must_audit, True
        self._cases = {}
        found = None
        try:
            with suppress(_AsWrittenError):
                found = attempt(*given)
        except _StaleError:
            self.why_eager = (
                "it does not depend on its arguments alone, but on random numbers, on which of two "
                "equal Values it is given, or on state that it keeps"
            )
            _warn(
                f"{told} Recorded anew it differs again: {self.why_eager}. Results since call "
                f"{since} may be wrong. From now on it runs as it is written, which is slow. Pass "
                f"what it draws or keeps as an argument, then call {self.title}.reset()."
            )
            return None
        except BaseException:  # Ctrl-C, say; earlier results may be wrong all the same
            self._tell_of_change(told, since, "")
            raise
        finally:
            self.must_audit = must_audit
        self._tell_of_change(told, since, ", and this result is right")
        return found

    def _tell_of_change(self, told: str, since: int, outcome: str) -> None:
        _warn(
            f"{told} Something that it reads beside its arguments has changed, unnoticed, since "
            f"call {since}: results after that may be wrong. It is recorded anew{outcome}. Pass "
            f"what changes as an argument, or call {self.title}.reset() after a change."
        )

    def served(
        self,
        calls: Arguments | Batch,
        *,
        divisor: int = 1,
        wanted: frozenset[str] = NOTHING,
        has_several: bool = False,
        at: Point | None = None,
    ) -> list[Part] | None:
        """The parts of a batch, or of a call, each with what serves it; what none does is recorded.
        None where the function runs as it is written, as where single nodes count: while another
        function is recorded, and inside `trap()`.

        Args:
            calls: the arguments.
            divisor: what the sum of the results is divided by: for a mean, their number.
            wanted: the kinds of leaves whose gradients are computed.
            has_several: whether the function may return several numbers.
            at: where other numbers count than those of the Values.
        """
        if at is None and current().observers:
            return None
        try:
            return self.trusted(self._parts, calls, divisor, wanted, has_several, at)
        except LimitError as limit:
            if at is not None:
                raise
            if not self._is_told:
                _warn(f"{limit} Such calls run as they are written, which is slow.")
            self._is_told = True
            return None

    def _parts(
        self,
        calls: Arguments | Batch,
        divisor: int,
        wanted: frozenset[str],
        has_several: bool,
        at: Point | None,
    ) -> list[Part]:
        batched = INPUT if isinstance(calls, Batch) else NOTHING
        seed = 1.0 / divisor if wanted else None
        parts: list[Part] = []
        left, structure = _all_of(calls.size), calls.structure
        cases, tried, is_new = self._known(structure, has_several), 0, False
        while len(left):
            if not is_new and tried < len(cases):
                case = cases[tried]
                tried += 1
                if not case.holds():
                    continue
            else:
                sample = calls.sample(int(left[0]))
                case, is_new = self._recorded(structure, has_several, cases, sample, at), True
            recording, began = case.recording, perf_counter()
            program = recording.program(batched, wanted)
            numbers = at.numbers(recording, program) if at else program.numbers()
            inputs, places = program.in_order(calls.rows), left
            if len(left) < calls.size:
                inputs = [each[left] for each in inputs]
            result, total, holds, *slopes = program.run(inputs, numbers, seed)
            left = _NO_PLACES
            if recording.guards:
                serves = np.array(np.broadcast_to(holds, len(places)))
                serves[0] |= is_new  # its own sample too, where a tie comes out otherwise
                places, left = places[serves], places[~serves]
                if not len(places):
                    continue
                if len(left):
                    inputs = [each[serves] for each in inputs]
                    result, total, _, *slopes = program.run(inputs, numbers, seed)
            if self.is_due(case, began):
                place = case.uses % len(places)  # another one each time
                ours = result[place] if np.ndim(result) > has_several else result
                given = calls.sample(int(places[place]))
                self.audit(case, given, np.ravel(ours).tolist(), at)
            total /= divisor
            parts.append(Part(recording, program, places, numbers, result, total, *slopes))
        return parts

    def first(self, structure: tuple[Any, ...], sample: Callable[[], Sample], at: At) -> Case:
        """The first case that holds; else that of a sample, recorded now."""
        cases = self._known(structure, False)
        for case in cases:
            if case.holds():
                return case
        return self._recorded(structure, False, cases, sample(), at)

    def _known(self, structure: tuple[Any, ...], has_several: bool) -> list[Case]:
        """The cases of a structure, whether they hold now or not."""
        key = structure, has_several
        cases = self._cases.get(key)
        if cases is None:
            if len(self._cases) >= MOST_STRUCTURES:
                raise self._too_many(_STRUCTURES)
            cases = self._cases.setdefault(key, [])
        return cases

    def _recorded(
        self,
        structure: tuple[Any, ...],
        has_several: bool,
        cases: list[Case],
        sample: Sample,
        at: At,
    ) -> Case:
        """The case of a new recording: one that is known, if the same was recorded there.

        It is remembered with the others, until there are too many to make another.
        """
        cases[:] = [case for case in cases if case.recording.is_current()]
        if len(cases) >= MOST_RECORDINGS:
            raise self._too_many(_WAYS)
        args, named = sample
        recording = Recording.of(
            self.title,
            self.function,
            args,
            named,
            has_several=has_several,
            at=at,
            known=[case.recording for case in cases],
        )
        if recording.reads is not None:
            self.why_eager = f"it {recording.reads}, which no program repeats"
            _warn(f"{self.title} runs as it is written, which is slow: {self.why_eager}.")
            raise _AsWrittenError
        guards = Guards(self.function, objects_in(structure))
        for case in cases:
            if case.recording is recording:
                case.states = [guards, *case.states[: _MOST_STATES - 1]]
                return case
        cases.append(Case(recording, guards, self.calls))
        return cases[-1]

    def is_due(self, case: Case, began: float) -> bool:
        """Count a run of a program that began then, and say whether it is audited."""
        case.uses += 1
        case.seconds += perf_counter() - began
        if self.must_audit:
            return True
        if not self.is_audited or case.uses < case.due:
            return False
        budget = _FREE + _SHARE * case.seconds
        return case.cost <= _LONG or case.audit_seconds + case.cost <= budget

    def audit(self, case: Case, sample: Sample, ours: Sequence[float], at: At = None) -> None:
        """Compare what the program of a case gave for a sample with what the function gives."""
        began = thread_time()  # that of other programs does not count
        found = difference(self.function, case.recording, sample, ours, at)
        if found is not None:
            raise _StaleError(found, case.verified)
        case.due, case.verified = 2 * case.uses, self.calls
        seconds = thread_time() - began
        case.cost = min(case.cost, seconds)
        case.audit_seconds += seconds

    def _too_many(self, limit: tuple[str, str]) -> LimitError:
        why, remedy = limit
        return LimitError(f"{self.title} {why}. {remedy}")

    def refuse(self) -> NoReturn:
        """Say why it cannot be recorded, where a recording is needed."""
        raise CompilationError(
            f"{self.title} runs as it is written only: {self.why_eager}. Change that, then call "
            f"{self.title}.reset()."
        )

    def limits(self) -> list[str]:
        """A line for each limit that was reached, and for what keeps it from being recorded."""
        full = [cases for cases in self._cases.values() if len(cases) >= MOST_RECORDINGS]
        limits = [_WAYS] * len(full) + [_STRUCTURES] * (len(self._cases) >= MOST_STRUCTURES)
        lines = [f"{self.title} {limit}: further calls run as written" for limit, _ in limits]
        if self.why_eager is not None:
            lines.append(f"{self.title} runs as written: {self.why_eager}")
        return lines


_all_of = lru_cache(maxsize=8)(np.arange)
_NO_PLACES = _all_of(0)


def _warn(text: str) -> None:
    _, level = caller_of_user()
    warnings.warn(text, RuntimeWarning, stacklevel=level)
