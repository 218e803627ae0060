"""`Known`: the recordings of a function, by what they hold for, and how many there may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple

from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.search import Search
from glassgrad.engine.compile.surroundings import Surroundings
from glassgrad.engine.errors import CompilationError

MOST_RECORDINGS = 64
"""After so many recordings for arguments of one structure no more are made."""
MOST_STRUCTURES = 256
"""After so many structures of arguments no more are remembered."""


class LookedAt(NamedTuple):
    """What was looked at inside a block of `steady`, and need not be again.

    Attributes:
        recordings: those for a structure of arguments and the names as they are.
        current: of a recording whether what it took as fixed is as it was.
    """

    recordings: dict[Any, list[Recording]]
    current: dict[Recording, bool]


class Known:
    """The recordings of a function: by the names around it, and by the structure of arguments.

    Args:
        title: the name of the function.
        function: the function.
    """

    def __init__(self, title: str, function: Callable[..., Any]) -> None:
        self._title, self._function = title, function
        self._surroundings = Surroundings(function)
        self._around: list[tuple[Any, ...]] = []
        self._recordings: dict[Any, list[Recording]] = {}
        self._blocks, self._lock = 0, Lock()
        self._looked_at: LookedAt | None = None

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Inside the block things are looked at once: at what recordings read, and names."""
        with self._lock:
            self._blocks += 1
            self._looked_at = LookedAt({}, {})
        try:
            yield
        finally:
            with self._lock:
                self._blocks -= 1
                if not self._blocks:
                    self._looked_at = None

    def reaches(self, things: Iterable[Any]) -> bool:
        """Whether the function can reach one of these objects, and so may read what they hold."""
        around = (*self._surroundings.objects(), *self._surroundings.functions())
        found = Search(around).things
        return any(id(thing) in found for thing in things)

    def is_current(self, recording: Recording) -> bool:
        """Whether everything that a recording took as fixed is as it was."""
        looked_at = self._looked_at
        if looked_at is None:
            return recording.is_current()
        if recording not in looked_at.current:
            looked_at.current[recording] = recording.is_current()
        return looked_at.current[recording]

    def recordings(self) -> list[Recording]:
        """All of them, in the order in which they were made, structure by structure."""
        return [recording for each in self._recordings.values() for recording in each]

    def of(self, structure: tuple[Any, ...], has_several: bool = False) -> list[Recording] | None:
        """Those for arguments of a structure and for what names are bound to now.

        The list may be empty, and grows. None if there are too many to remember another.
        Those of `map`, whose results are several numbers, are others.
        """
        looked_at = self._looked_at
        if looked_at is not None and (structure, has_several) in looked_at.recordings:
            return looked_at.recordings[structure, has_several]
        around = self._surroundings.now()
        if around not in self._around:
            self._surroundings.refresh()
            around = self._surroundings.now()
        if around not in self._around:
            if len(self._around) >= MOST_RECORDINGS:
                return None
            self._around.append(around)
        key = (around, structure, has_several)
        if key not in self._recordings:
            if len(self._recordings) >= MOST_STRUCTURES:
                return None
            self._recordings[key] = []
        if looked_at is not None:
            looked_at.recordings[structure, has_several] = self._recordings[key]
        return self._recordings[key]

    def of_batch(self, structure: tuple[Any, ...], has_several: bool = False) -> list[Recording]:
        """The same for a batch, which cannot run eagerly.

        Raises:
            CompilationError: there are too many to remember another.
        """
        recordings = self.of(structure, has_several)
        if recordings is not None:
            return recordings
        if len(self._recordings) >= MOST_STRUCTURES:
            raise CompilationError(
                f"{self._title} was called with {MOST_STRUCTURES} structures of arguments. An "
                "object that is a new one in each call is a structure of its own: pass numbers."
            )
        name = self._surroundings.changed(self._around[-1])
        raise CompilationError(
            f"{self._title} reads {name} from around it, which was something else in each of "
            f"{MOST_RECORDINGS} calls. Pass it as an argument."
        )

    def recorded(
        self, args: tuple[Any, ...], named: Mapping[str, Any], has_several: bool = False
    ) -> Recording:
        """A new recording, which runs the function: it may change what others read."""
        with self._lock:
            if self._blocks:
                self._looked_at = LookedAt({}, {})
        around = (*self._surroundings.objects(), *self._surroundings.functions())
        return Recording(self._title, self._function, args, named, around, has_several=has_several)

    def record(
        self, recordings: list[Recording], sample: tuple[Any, ...], has_several: bool = False
    ) -> Recording:
        """Record one more way, that of a sample; the last of them may be that of another thread.

        Raises:
            CompilationError: there are too many.
        """
        if len(recordings) >= MOST_RECORDINGS:
            raise CompilationError(
                f"{self._title} took {MOST_RECORDINGS} ways, by comparisons of Values, integers as "
                "an index, or parameters that were replaced, and a sample takes one more. "
                "Choose with maximum, where or clip instead of an if; call it once for each index."
            )
        recording = self.recorded(sample, {}, has_several)
        recordings.append(recording)
        return recording

    def limits(self) -> list[str]:
        """A line for each limit that was reached."""
        lines = []
        if len(self._recordings) >= MOST_STRUCTURES:
            lines.append(f"{self._title} was called with too many structures: others run eagerly")
        if len(self._around) >= MOST_RECORDINGS:
            lines.append(f"{self._title} reads names that change: further calls run eagerly")
        for recordings in self._recordings.values():
            if len(recordings) >= MOST_RECORDINGS:
                ways = f"{MOST_RECORDINGS} ways through its comparisons"
                lines.append(f"{self._title} took {ways}: others run eagerly")
        return lines
