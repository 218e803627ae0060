"""`Recording`: one run of a function, as a graph, and the programs made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from engine.compiled.arguments import rebuilt
from engine.compiled.program import Program
from engine.compiled.tape import Tape, graph_of
from engine.errors import CompilationError
from engine.mode import MODE, Mode, call_in
from engine.text import describe
from engine.value import Value


class Recording:
    """A function as it ran once.

    Args:
        title: the name of the function.
        function: the function.
        args, named: the arguments of that run.

    Attributes:
        graph: the scalar graph.
        captured: the Values from outside that the function used.
        guards: the comparisons that have to come out the same for the recording to hold.
        seconds: how long the run took.
    """

    def __init__(
        self, title: str, function: Callable[..., Any], args: Any, named: Mapping[str, Any]
    ) -> None:
        self.title = title
        began = perf_counter()
        tape, inputs = Tape(title), list[Value]()
        args, named = rebuilt(args, inputs), rebuilt(named, inputs)
        mode = Mode(True, False, MODE.get().scope, tape)
        result = call_in(mode, function, *args, **named)
        if not isinstance(result, Value):
            raise CompilationError(
                f"{title} returned {describe(result)}. A compiled function returns one Value."
            )
        self.graph, self.captured = graph_of(tape, result, inputs)
        self.guards = tape.guards
        self.seconds = perf_counter() - began
        self._programs: dict[Any, Program] = {}
        self._places: dict[Any, Any] = {}

    def program(self, batched: frozenset[str], wanted: frozenset[str]) -> Program:
        """The program for inputs with or without samples, and for some gradients.

        Args:
            batched: the kinds of leaves that have an axis of samples.
            wanted: the kinds of leaves whose gradients are computed.
        """
        key = (batched, wanted)
        if key not in self._programs:
            self._programs[key] = Program(self.graph, self.guards, batched, wanted)
        return self._programs[key]

    def programs(self) -> Iterator[Program]:
        """Those made so far."""
        return iter(self._programs.values())

    def numbers(self, program: Program) -> Any:
        """The numbers of the captured Values as they are now, in the order of a program."""
        captured = self.captured
        return np.array([captured[i]._data for i in program.orders["captured"]], dtype=float)

    def places(self, program: Program, among: Mapping[Value, int]) -> Any:
        """Where captured Values stand, in the arrays of a program and among some parameters."""
        key = (id(program), tuple(map(id, among)))
        if key not in self._places:
            order = program.orders["captured"]
            found = [(i, among[self.captured[c]]) for i, c in enumerate(order)
                     if self.captured[c] in among]  # fmt: skip
            self._places[key] = np.array(found, dtype=int).reshape(-1, 2).T
        return self._places[key]

    def report(self) -> str:
        """How many scalars became how many array operations, in one line."""
        counts = [p.operations for p in self._programs.values()]
        became = f"{min(counts)} array operations" if counts else "no program yet"
        holds = f", {len(self.guards)} comparisons" * bool(self.guards)
        return (
            f"{self.title}: {len(self.graph):,} scalar nodes → {became}; "
            f"{len(self.captured):,} captured Values{holds}; recorded in {self.seconds:.3f} s"
        )
