"""`Recording`: one run of a function, as a graph, and the programs made of it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

from glassgrad.engine.backward import Leaves
from glassgrad.engine.compile.arguments import Arguments, rebuilt
from glassgrad.engine.compile.contents import Contents
from glassgrad.engine.compile.outputs import outputs_of
from glassgrad.engine.compile.passes import simplified
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.trace import Tracer, graph_of
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.op import TABLE, redefined
from glassgrad.engine.text import counted, describe
from glassgrad.engine.value import Value
from glassgrad.engine.vectors import data_vector


class Recording:
    """A function as it ran once.

    Args:
        title: the name of the function.
        function: the function.
        args, named: the arguments of that run.
        around: the objects that the function reads beside its arguments.
        has_several: whether it may return several numbers, for `map`.

    Attributes:
        graph: the scalar graph.
        captured: the Values from outside that the function used.
        shape: that of the result; () for one Value.
        simplified: the same without what is not needed; see `passes.py`.
        nodes_after: how many computed nodes there were after each pass.
        guards: the comparisons that have to come out the same for the recording to hold.
        origins: where each computed node was made, in their order.
        seconds: how long it took to record, and to write the programs.
    """

    def __init__(
        self,
        title: str,
        function: Callable[..., Any],
        args: Any,
        named: Mapping[str, Any],
        around: Sequence[Any] = (),
        *,
        has_several: bool = False,
    ) -> None:
        self.title, self.has_several = title, has_several
        began = perf_counter()
        inputs: list[Value] = []
        tracer = Tracer(title, inputs)
        given = Arguments.of(args, dict(named))
        with _no_collection():
            args, named = rebuilt(args, inputs), rebuilt(named, inputs)
            result = tracer.run(function, *args, **named)
            if not has_several and not isinstance(result, Value):
                raise CompilationError(
                    f"{title} returned {describe(result)}. A compiled function returns one Value; "
                    f"of a list, return the sum, or its elements by functions of their own. "
                    f"{title}.map(...) gives the numbers of a list, over samples."
                )
            results, self.shape = outputs_of(title, result)
            self.graph, self.captured = graph_of(tracer, results, inputs)
            self.simplified, self.nodes_after = simplified(self.graph)
        self._redefined = len(redefined)
        self.contents = Contents((*given.objects(), *around), self.captured)
        self.guards, self.origins = tracer.guards, tracer.origins()
        self.seconds = perf_counter() - began
        self._programs: dict[Any, Program] = {}
        self._values: dict[Program, tuple[Value, ...]] = {}
        self._places: dict[Program, Any] = {}

    def program(self, batched: frozenset[str], wanted: frozenset[str]) -> Program:
        """The program for inputs with or without samples, and for some gradients.

        Args:
            batched: the kinds of leaves that have an axis of samples.
            wanted: the kinds of leaves whose gradients are computed.
        """
        key = (batched, wanted)
        if key not in self._programs:
            began = perf_counter()
            with _no_collection():
                self._programs[key] = Program(
                    self.simplified, self.guards, batched, wanted, self.has_several
                )
            self.seconds += perf_counter() - began
        return self._programs[key]

    def is_current(self) -> bool:
        """Whether everything that it took as fixed is as it was."""
        return self._has_current_rows() and self.contents.are_the_same()

    def _has_current_rows(self) -> bool:
        if len(redefined) == self._redefined:
            return True
        return all(TABLE.get(row.name, row) is row for row in self.graph.rows)

    def programs(self) -> Iterator[Program]:
        """Those made so far."""
        return iter(self._programs.values())

    def values(self, program: Program) -> tuple[Value, ...]:
        """The captured Values in the order of a program."""
        if program not in self._values:
            order = program.orders["captured"].tolist()
            self._values[program] = Leaves.if_so(tuple([self.captured[i] for i in order]))
        return self._values[program]

    def numbers(self, program: Program) -> Any:
        """The numbers of the captured Values as they are now, in the order of a program."""
        return data_vector(self.values(program))

    def places(self, program: Program, among: tuple[Value, ...]) -> Places:
        """Where captured Values stand, in the arrays of a program and among some parameters."""
        known = self._places.get(program)
        if known is None or known[0] is not among:
            known = self._places[program] = among, Places(self.values(program), among)
        return known[1]

    def report(self) -> str:
        """How many scalars became how many array operations, pass by pass."""
        graph, programs = self.graph, list(self._programs.values())
        programs.sort(key=lambda program: program.operations)
        became = _became(programs[0]) if programs else "no program yet"
        title = f"{self.title}.map" if self.has_several else self.title
        lines = [f"{title}: {graph.scalars():,} scalar operations → {became}"]
        for step, count in self.nodes_after.items():
            lines.append(f"  {step:<10}{count:>10,} nodes")
        lines[1] += f" from {counted(len(self.captured), 'captured Value')}"
        if self.guards:
            lines[1] += f", {counted(len(self.guards), 'comparison')}"
        lines.append(f"  in {self.seconds:.3f} s, keeping {self.size() / 1e3:,.0f} kB")
        return "\n".join(lines)

    def size(self) -> int:
        """The bytes of the graphs and of the arrays of the programs."""
        graphs = sum(graph.size_in_bytes() for graph in (self.graph, self.simplified))
        return graphs + sum(program.size_in_bytes() for program in self._programs.values())


class Places:
    """How an array of parameters and the captured numbers of a program belong together.

    Args:
        captured: the Values that the program reads, in its order.
        parameters: the Values of the array.
    """

    def __init__(self, captured: Sequence[Value], parameters: Sequence[Value]) -> None:
        place = {id(value): i for i, value in enumerate(parameters)}
        found = [(i, place[id(v)]) for i, v in enumerate(captured) if id(v) in place]
        self.mine, self.theirs = np.array(found, dtype=int).reshape(-1, 2).T
        self.is_covered = len(found) == len(captured)
        is_complete = self.is_covered and len(found) == len(parameters)
        self.back = np.argsort(self.theirs) if is_complete else None

    def read(self, parameters: Any, numbers: Callable[[], Any]) -> Any:
        """The captured numbers; `numbers()` gives those that are no parameters, among all."""
        if self.is_covered:
            return parameters[self.theirs]
        found = numbers()
        found[self.mine] = parameters[self.theirs]
        return found

    def add(self, total: Any, gradient: Any) -> Any:
        """A gradient by the parameters, with that by the captured numbers added."""
        if self.back is not None:
            return total + gradient[self.back]
        total = total.copy()
        if gradient is not None:
            total[self.theirs] += gradient if self.is_covered else gradient[self.mine]
        return total


def _became(program: Program) -> str:
    products = sum(group.grid is not None for group in program.layout.groups)
    walked = f" and {program.walked:,} scalars in between" * bool(program.walked)
    of_them = f", {products} of them products of matrices" * bool(products)
    return f"{program.operations} array operations{of_them}{walked}"


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python's cyclic garbage collector pauses: it would look through all new nodes in vain."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
