"""`Cache`: the recordings of a function, and the one loop that finds those that serve a call.

A recording serves calls with arguments of its structure, as long as all around the function is as
it was (`guards.py`) and its comparisons come out as they did. So a function has several `Case`s:
one for each structure, each way through comparisons, and each state of a model such as `train()`
and `eval()`. Whether a case is right is looked at now and then: next, `audit.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from glassgrad.engine.compile.arguments import Same
from glassgrad.engine.compile.guards import Guards
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.errors import CompilationError

MOST_RECORDINGS = 64
"""After so many recordings for arguments of one structure no more are made."""
MOST_STRUCTURES = 256
"""After so many structures of arguments no more are remembered."""
_MOST_STATES = 4
"""So many states of what is around the function are remembered for one recording."""

Sample = tuple[tuple[Any, ...], Mapping[str, Any]]
"""The arguments of one call: those by position, and those by name."""


class AsWrittenError(Exception):
    """The function cannot be recorded, only run as it is written; caught by `audit.trusted`."""


class Case:
    """A recording, and for what it holds.

    Args:
        recording: the recording.
        guards: what was around the function when it was made.
        call: the number of the call that made it.

    Attributes:
        uses: how many calls it served, or was tried for.
        due: the use at which it is audited next.
        seconds: how long its program ran.
        audit_seconds: how long its audits took.
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
        if not self.recording.has_current_rows():
            return False
        for guards in self.states:  # noqa: SIM110  a loop: this is asked before every call
            if guards.hold():
                return True
        return False

    def holds_for(self, guards: Guards) -> None:
        """Remember one more state in which the same is computed."""
        self.states = [guards, *self.states[: _MOST_STATES - 1]]


class Cache:
    """The recordings of a function.

    Args:
        title: the name of the function.
        function: the function.
        is_audited: whether recordings are audited by themselves.

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
        """Forget everything."""
        self._cases: dict[Any, list[Case]] = {}
        self.calls, self.must_audit = 0, False
        self.why_eager: str | None = None

    def forget_recordings(self) -> None:
        """Forget the recordings alone."""
        self._cases = {}

    def candidates(
        self,
        structure: tuple[Any, ...],
        sample: Callable[[], Sample],
        *,
        has_several: bool = False,
        at: Mapping[int, float] | None = None,
    ) -> Iterator[tuple[Case, bool]]:
        """The cases that may serve a call, and whether each was recorded for it just now.

        Those that hold come first; what they do not serve is recorded. It ends where too many are
        remembered to make another.

        Args:
            structure: that of the arguments.
            sample: gives the arguments to record next.
            has_several: whether the function may return several numbers, for `map`.
            at: the numbers of Values by their addresses, where others count than their own.
        """
        cases = self._cases_of(structure, has_several)
        if cases is None:
            return
        tried = 0
        while tried < len(cases):
            case = cases[tried]
            tried += 1
            if case.holds():
                yield case, False
        while len(cases) < MOST_RECORDINGS:
            yield self._recorded(cases, structure, sample(), has_several, at), True

    def _cases_of(self, structure: tuple[Any, ...], has_several: bool) -> list[Case] | None:
        key = structure, has_several
        found = self._cases.get(key)
        if found is None and len(self._cases) < MOST_STRUCTURES:
            found = self._cases.setdefault(key, [])
        return found

    def _recorded(
        self,
        cases: list[Case],
        structure: tuple[Any, ...],
        sample: Sample,
        has_several: bool,
        at: Mapping[int, float] | None,
    ) -> Case:
        """The case of a new recording: one that is known, if the same was recorded there."""
        args, named = sample
        recording = Recording(
            self.title, self.function, args, named, has_several=has_several, at=at
        )
        if recording.is_watched:
            self.why_eager = "it opens a block such as trap() inside, in which nodes are looked at"
            raise AsWrittenError
        kept = (part.thing for part in structure if isinstance(part, Same))
        guards = Guards(self.function, kept)
        for case in cases:
            if case.recording.is_same_as(recording):
                case.holds_for(guards)
                return case
        cases.append(Case(recording, guards, self.calls))
        return cases[-1]

    def cases(self) -> list[Case]:
        """All of them, in the order in which they were made, structure by structure."""
        return [case for cases in self._cases.values() for case in cases]

    def too_many(self, structure: tuple[Any, ...], has_several: bool = False) -> CompilationError:
        """The error of a batch that no recording serves, and for which none can be made."""
        cases = self._cases_of(structure, has_several)
        if cases is None:
            return CompilationError(
                f"{self.title} was called with {MOST_STRUCTURES} structures of arguments. An "
                "object that is a new one in each call is a structure of its own: pass numbers."
            )
        name = _changing(cases)
        if name is not None:
            return CompilationError(
                f"{self.title} reads {name} from around it, which was something else in each of "
                f"{MOST_RECORDINGS} recordings. Pass it as an argument."
            )
        return CompilationError(
            f"{self.title} took {MOST_RECORDINGS} ways, by comparisons of Values, integers as "
            "an index, or parameters that were replaced, and a sample takes one more. "
            "Choose with maximum, where or clip instead of an if; call it once for each index."
        )

    def cannot_repeat(self) -> CompilationError:
        """The error where a recording is needed, and none can be made."""
        return CompilationError(
            f"{self.title} runs as it is written only: {self.why_eager}. Change that, then call "
            f"{self.title}.reset()."
        )

    def refuse(self) -> NoReturn:
        """Raise it."""
        raise self.cannot_repeat()

    def limits(self) -> list[str]:
        """A line for each limit that was reached, and for what keeps it from being recorded."""
        lines = (
            [] if self.why_eager is None else [f"{self.title} runs as written: {self.why_eager}"]
        )
        if len(self._cases) >= MOST_STRUCTURES:
            lines.append(f"{self.title} was called with too many structures: others run eagerly")
        for cases in self._cases.values():
            if len(cases) >= MOST_RECORDINGS:
                name = _changing(cases)
                ways = f"took {MOST_RECORDINGS} ways through its comparisons: others"
                reads = f"reads {name}, which changes: further calls"
                lines.append(f"{self.title} {ways if name is None else reads} run eagerly")
        return lines


def _changing(cases: list[Case]) -> str | None:
    """What most recordings no longer hold for; None if they hold, and differ in comparisons."""
    changed = [name for case in cases if (name := case.states[0].changed()) is not None]
    return changed[0] if len(changed) > len(cases) // 2 else None
