"""`Recording`: the trace of a function, the programs made of it, and what became of it, as text.

`report` counts how many scalars became how many array operations; `stages` shows every stage of a
program. A scalar has one name in all stages, that of its place in the recording; an array has the
name that the program gives it: `docs/compiling.md` goes through them with an example. Next:
`program.py`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from time import perf_counter, thread_time
from typing import Any

import numpy as np

from glassgrad.engine.backward import order_of
from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, INPUT, Graph
from glassgrad.engine.compile.ir import Array
from glassgrad.engine.compile.lower import described
from glassgrad.engine.compile.memory import shape_text, slice_text
from glassgrad.engine.compile.passes import simplified
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.trace import At, Trace, Tracer
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import name
from glassgrad.engine.printers import number_text
from glassgrad.engine.provenance import place
from glassgrad.engine.text import counted
from glassgrad.engine.value import Value
from glassgrad.engine.vectors import held

_LEAVES = {INPUT: "input", CAPTURED: "captured"}
_MOST = 8
"""Of more numbers or names than these, the others are dots."""


class Recording(Trace):
    """A function as it ran once; `Recording.of` runs it.

    Attributes:
        simplified: the graph without what is not needed; see `passes.py`.
        fresh: the addresses of leaves that were made on the way, and that nothing else holds.
        nodes_after: how many computed nodes there were after each pass.
        seconds: how long it took to record, and to write the programs.
        run_seconds: how long the function itself kept the processor busy.
    """

    run_seconds: float
    seconds: float

    @staticmethod
    def of(
        title: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        named: Mapping[str, Any],
        *,
        has_several: bool = False,
        at: At = None,
        known: Iterable[Recording] = (),
    ) -> Recording:
        """What a function does now: one that is known, if that did the same, or a new one; `at`
        gives the numbers of Values, where others count than their own.
        """
        run: Callable[[], Tracer] = lambda: Tracer(title, at).run(
            function, args, named, has_several
        )
        began = perf_counter()
        with _no_collection():
            busy = thread_time()
            tracer = run()
            busy = thread_time() - busy
            for recording in known:
                if recording.is_repeated_by(tracer):
                    tracer.forget()
                    return recording
            found = Recording(tracer, run)
        found.run_seconds, found.seconds = busy, perf_counter() - began
        return found

    def __init__(self, run: Tracer, again: Callable[[], Tracer]) -> None:
        super().__init__(**vars(run.trace()))
        if any(value.operation is not None for value in self.captured):
            second = again()
            _check_found(self.title, [*self.captured, *run.nodes], second.trace().captured)
            second.forget()
        self.simplified, self.nodes_after = simplified(self.graph)
        made = set(map(id, run.fresh))
        run.forget()  # before the collector looks at all nodes
        fresh = [value for value in self.captured if id(value) in made]
        self.fresh = made.difference(map(id, held(fresh, lists=2)))
        self._programs: dict[Any, Program] = {}

    def program(self, batched: frozenset[str], wanted: frozenset[str]) -> Program:
        """The program for inputs with or without samples, and for some gradients."""
        program = self._programs.get((batched, wanted))
        if program is None:
            began = perf_counter()
            with _no_collection():
                program = Program(self, self.simplified, batched, wanted)
            self._programs[batched, wanted] = program
            self.seconds += perf_counter() - began
        return program

    def programs(self) -> list[Program]:
        return list(self._programs.values())

    def places(self, program: Program, parameters: tuple[Value, ...]) -> Places:
        """Where parameters stand in a program, which keeps that of those last asked for."""
        known: Places | None = program.places
        if known is None or known.of is not parameters:
            self._check_leaves(parameters)
            known = program.places = Places(parameters, program.values)
        return known

    def _check_leaves(self, parameters: Sequence[Value]) -> None:
        """Refuse gradients by parameters from which a captured Value was computed: a part would be
        missing.
        """
        inner = [value for value in self.captured if value.operation is not None]
        leads = set(map(id, parameters))
        for node in order_of(*inner):
            edges = zip(node._operands, node.partials)
            if any(partial is not None and id(operand) in leads for operand, partial in edges):
                leads.add(id(node))
        for value in inner:
            if id(value) in leads:
                raise CompilationError(
                    f"{self.title} reads {name(value)}, made {place(value.line)}, which was "
                    "computed from parameters before: its number stays as it is, and the gradient "
                    f"by them would lack that part. Compute it inside {self.title}, or detach it."
                )

    def report(self) -> str:
        became, programs = "no program yet", self.programs()
        if programs:
            program = min(programs, key=lambda program: program.operations)
            became = counted(program.operations, "array operation")
            if products := sum(group.grid is not None for group in program.layout.groups):
                kind = "a product of matrices" if products == 1 else "products of matrices"
                became += f", {products} of them {kind}"
            if program.walked:
                became += f" and {program.walked:,} scalars in between"
        title = f"{self.title}.map" if self.has_several else self.title
        lines = [f"{title}: {self.graph.scalars():,} scalar operations → {became}"]
        for step, count in self.nodes_after.items():
            lines.append(f"  {step:<10}{count:>10,} nodes")
        lines[1] += f" from {counted(len(self.captured), 'captured Value')}"
        if self.guards:
            lines[1] += f", {counted(len(self.guards), 'comparison')}"
        size = self.graph.size_in_bytes() + self.simplified.size_in_bytes()
        size += sum(program.size_in_bytes() for program in programs)
        lines.append(f"  in {self.seconds:.3f} s, keeping {size / 1e3:,.0f} kB")
        return "\n".join(lines)

    def stages(self, program: Program, most_lines: int | None) -> str:
        """All stages of a program, from the recorded scalars on, in so many lines each at most."""
        graph, (order, outputs) = self.graph, program.instructions()
        arrays = {
            array: array.label or array.name * (array.kind == "input") or f"t{number}"
            for number, array in enumerate(order)
        }
        halves: dict[str, list[str]] = {"forward": [], "backward": []}
        for array in order:
            text = f"{arrays[array]} = {_instruction(array, arrays)}: {shape_text(array.shape)}"
            halves[array.half].append(text)
        lowered = [*halves["forward"], f"result: {arrays[outputs.result]}"]
        for check in outputs.checks:
            left, right = _operand(check.left, arrays), _operand(check.right, arrays)
            lowered.append(
                f"holds if {left} {check.relation} {right} is {check.outcome} everywhere"
            )
        recorded = [_leaf(graph, node) or f"s{node}" for node in range(len(graph))]
        names = self._names()
        sections: dict[str, Iterable[str]] = {
            "Recorded: the scalars, as they were computed": _scalars(self, graph, recorded),
            "Passes: the scalars that are left": _scalars(self, self.simplified, names),
            "Schedule: groups of scalars that are computed together": _groups(program, names),
            "Lowered: array instructions for the values": lowered,
            "Differentiated: those for the gradients": halves["backward"],
            "Written: the program, with its memory": [
                *program.text.rstrip("\n").split("\n"),
                *map(_given, program.arrays, program.arrays.values()),
            ],
        }
        return "\n\n".join(_section(each, [*sections[each]], most_lines) for each in sections)

    def _names(self) -> list[str]:
        """The names of the simplified nodes: those that they had when they were recorded.

        Of several that became one it is the last, whose number it is: others went into that one.
        What passes made anew is counted on.
        """
        names = [_leaf(self.simplified, node) for node in range(len(self.simplified))]
        became = self.simplified.places
        for node in np.flatnonzero((self.graph.codes >= 0) & (became >= 0)).tolist():
            names[became[node]] = f"s{node}"
        new = iter(range(len(self.graph), len(self.graph) + len(names)))
        return [name or f"s{next(new)}" for name in names]


_ZERO = np.zeros(1)


class Places:
    """How an array of parameters and the captured numbers of a program belong together.

    Attributes:
        captured: of each captured number the place in the array, or behind it, where all captured
            numbers follow, if it is no parameter.
        parameters: of each parameter the place in the gradient by the captured numbers, or behind
            it, where a zero follows, if it is not read.
    """

    def __init__(self, of: tuple[Value, ...], values: Sequence[Value]) -> None:
        self.of, size, count = of, len(of), len(values)
        place = {id(value): i for i, value in enumerate(of)}
        known = [place.get(id(value), size + i) for i, value in enumerate(values)]
        self.captured = np.array(known, int)
        mine = np.flatnonzero(self.captured < size)
        self.parameters = np.full(size, count)
        self.parameters[self.captured[mine]] = mine
        self.is_read, self.is_covered = len(mine) > 0, len(mine) == count
        self.is_in_order = np.array_equal(self.captured, np.arange(size))

    def read(self, array: Any, program: Program) -> Any:
        """The captured numbers that an array of parameters means."""
        if self.is_in_order:
            return array
        if not self.is_covered:
            array = np.concatenate((array, program.numbers()))
        return array.take(self.captured)

    def back(self, gradient: Any) -> Any:
        """The gradient by the parameters."""
        if self.is_in_order and gradient is not None:
            return gradient
        parts = (_ZERO,) if gradient is None else (gradient, _ZERO)
        return np.concatenate(parts).take(self.parameters)


@dataclass
class Point:
    """The numbers of an array in place of those that parameters have; called, it is an `At`."""

    parameters: tuple[Value, ...]
    array: Any

    def __call__(self) -> dict[int, float]:
        return dict(zip(map(id, self.parameters), self.array.tolist()))

    def numbers(self, recording: Recording, program: Program) -> Any:
        return recording.places(program, self.parameters).read(self.array, program)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python's cyclic garbage collector pauses: it would look through all new nodes in vain."""
    was_enabled = gc.isenabled()
    try:
        gc.disable()  # in here, as Ctrl-C may come right after it
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check_found(title: str, found: Sequence[Any], again: Sequence[Value]) -> None:
    """Refuse what was computed while the function ran, but is not among what it computed.

    A node that was computed before, and is read, is the same one when the function runs again.
    """
    known = set(map(id, found))
    for value in again:
        if value.operation is not None and id(value) not in known:
            raise CompilationError(
                f"{title} reads {name(value)}, made {place(value.line)}, which was computed while "
                f"{title} ran but in another thread, or in a context of its own, where it cannot "
                "be recorded: its number would be frozen. Compute it in the thread of the call."
            )


# The stages as text: first scalars, then arrays.


def _section(title: str, every: list[str], most_lines: int | None) -> str:
    shown = every[:most_lines] if every else ["none"]
    if rest := len(every[len(shown) :]):
        shown.append(f"… {counted(rest, 'more line')}, which stages(most_lines=None) shows too")
    return "\n".join([title, *(f"    {line}" for line in shown)])


def _listed(texts: Sequence[str]) -> str:
    return ", ".join([*texts[:_MOST], *["…"] * (len(texts) > _MOST)])


def _leaf(graph: Graph, node: int) -> str:
    """What a leaf is called; "" for a computed node."""
    code, number = int(graph.codes[node]), float(graph.numbers[node])
    if code >= 0:
        return ""
    return number_text(number) if code == CONSTANT else f"{_LEAVES[code]}[{int(number)}]"


def _scalars(trace: Trace, graph: Graph, names: Sequence[str]) -> Iterator[str]:
    """Each computed scalar with its operands, then the result, and what was compared."""
    for node, operands in enumerate(graph.all_operands()):
        row = graph.row(node)
        if row is not None:
            yield f"{names[node]} = {row.name}({', '.join(names[o] for o in operands)})"
    results, compared = trace.of_roots([names[node] for node in graph.roots.tolist()])
    yield f"result{'s' * (len(results) != 1)}: {_listed(results)}"
    for guard, left, right in compared:
        yield f"holds if {left} {guard.relation} {right} is {guard.outcome}"


def _groups(program: Program, names: Sequence[str]) -> Iterator[str]:
    """Each group with the names of its scalars, given those of the simplified graph."""
    graph, kept = program.layout.graph, program.layout.kept.tolist()
    names = [names[node] for node in kept]
    names += [_leaf(graph, node) for node in range(len(kept), len(graph))]
    for index, group in enumerate(program.layout.groups):
        nodes = group.nodes[group.nodes >= 0].tolist()
        listed = [names[node] for node in islice(nodes, _MOST + 1)]
        if group.kind == "captured":
            labels = ["" if v.label is None else f" ({v.label})" for v in program.values]
            listed = [name + label for name, label in zip(listed, labels)]
        if len(group):
            yield f"v{index}: {described(group)}: {_listed(listed)}"


def _instruction(array: Array, names: dict[Array, str]) -> str:
    """The kind of an instruction, what it reads, and what it needs beside arrays."""
    given = [_operand(each, names) for each in array.operands]
    kind = array.name if array.kind in ("call", "reduce") else array.kind
    if array.kind == "input":
        given.append(array.name)
    elif array.kind == "constant":
        given.append(_numbers(array.detail))
    elif array.kind in ("take", "scatter"):
        places = array.detail
        given.append(slice_text(places) if array.is_view else f"[{_numbers(places)}]")
    elif array.kind == "sum":
        given.append(f"axis {array.detail}")
    return f"{kind}({', '.join(given)})"


def _numbers(array: Any) -> str:
    return _listed([number_text(number) for number in array.ravel()[: _MOST + 1].tolist()])


def _operand(operand: Array | float, names: dict[Array, str]) -> str:
    return names[operand] if isinstance(operand, Array) else number_text(operand)


def _given(name: str, thing: Any) -> str:
    """An array that a program names: constants, places, or a walk."""
    if isinstance(thing, np.ndarray):
        return f"{name}: {_numbers(thing)}: {shape_text(thing.shape)}"
    return f"{name}: a walk of {counted(len(thing), 'scalar')}"
