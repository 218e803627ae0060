"""`Recording`: one run of a function, as a graph, the programs made of it, and what it became.

`report` counts how many scalars became how many array operations; `stages.py` shows all stages as
text. Next: `trace.py`, what observes the run.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from operator import is_
from time import perf_counter, thread_time
from typing import Any

import numpy as np

from glassgrad.engine.backward import Leaves, order_of
from glassgrad.engine.compile.arguments import Integer, is_whole, rebuilt
from glassgrad.engine.compile.graph import CAPTURED, INPUT, Graph
from glassgrad.engine.compile.outputs import one_value, outputs_of
from glassgrad.engine.compile.passes import simplified
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.trace import At, Guard, Tracer, graph_of
from glassgrad.engine.define import redefined
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import name
from glassgrad.engine.op import TABLE
from glassgrad.engine.provenance import place
from glassgrad.engine.text import counted
from glassgrad.engine.value import Value
from glassgrad.engine.vectors import data_vector

_LONG = 64
"""So many places in a row are copied as a slice."""


class Recording:
    """A function as it ran once.

    Args:
        at: gives the numbers of Values, where others count than their own.
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
        run_seconds: how long the function itself kept the processor busy.
        reads: what it reads that no program repeats, and where; None if nothing.
    """

    def __init__(
        self,
        title: str,
        function: Callable[..., Any],
        args: Any,
        named: Mapping[str, Any],
        *,
        at: At = None,
        has_several: bool = False,
    ) -> None:
        self.title, self.has_several = title, has_several
        began = perf_counter()
        with _no_collection():
            how: dict[str, Any] = {"at": at, "has_several": has_several}
            busy = thread_time()
            tracer, results, self.shape = traced_run(title, function, args, named, **how)
            self.run_seconds = thread_time() - busy
            self.graph, self.captured, constants = graph_of(tracer, results, tracer.inputs)
            self._constants = [(constant, constant._number) for constant in constants]
            if any(value.operation is not None for value in self.captured):
                again, others, _ = traced_run(title, function, args, named, **how)
                _check_found(title, self.captured, tracer, graph_of(again, others, again.inputs)[1])
            self.simplified, self.nodes_after = simplified(self.graph)
            self.reads, self.guards = tracer.reads, tracer.guards
            self.origins = tracer.origins()
            del tracer, results  # before the collector looks at all nodes
        self._redefined = len(redefined)
        self.seconds = perf_counter() - began
        self._programs: dict[Any, Program] = {}
        self._values: dict[Program, tuple[Value, ...]] = {}
        self._places: dict[Program, Any] = {}

    def program(self, batched: frozenset[str], wanted: frozenset[str]) -> Program:
        """The program for inputs with or without samples, and for some gradients."""
        program = self._programs.get((batched, wanted))
        if program is None:
            began = perf_counter()
            with _no_collection():
                program = self._programs[batched, wanted] = Program(
                    self.simplified,
                    self.graph,
                    self.guards,
                    batched,
                    wanted,
                    inputs=len(self.leaves[0]),
                    has_several=self.has_several,
                )
            self.seconds += perf_counter() - began
        return program

    def _check_leaves(self, parameters: Sequence[Value]) -> None:
        """Refuse gradients by parameters from which a captured Value was computed: a part would be
        missing.
        """
        inner = [value for value in self.captured if value.operation is not None]
        if not inner:
            return
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

    def is_same_as(self, other: Recording) -> bool:
        """Whether the same was recorded: the same operations on the same Values and constants."""
        return self.shape == other.shape and self.is_of(other.graph, other.captured, other.guards)

    def is_of(self, theirs: Graph, captured: Sequence[Value], guards: Sequence[Guard]) -> bool:
        """Whether a run gave this graph, captured the same Values, and compared alike."""
        mine = self.graph
        return (
            len(mine) == len(theirs)
            and all(map(is_, mine.rows, theirs.rows))  # to one list passes have added some
            and len(self.captured) == len(captured)
            and all(map(is_, self.captured, captured))
            and [(g.relation, g.outcome) for g in self.guards]
            == [(g.relation, g.outcome) for g in guards]
            and all(
                getattr(mine, part).tobytes() == getattr(theirs, part).tobytes()
                for part in ("codes", "numbers", "starts", "operands", "roots")
            )
        )

    def is_current(self) -> bool:
        """Whether its operations, and the numbers of constants from outside, are what they were."""
        for constant, number in self._constants:
            if constant._number is not number and repr(constant._number) != repr(number):
                return False
        if len(redefined) == self._redefined:
            return True
        return all(TABLE.get(row.name, row) is row for row in self.graph.rows)

    def programs(self) -> Iterator[Program]:
        return iter(self._programs.values())

    def values(self, program: Program) -> tuple[Value, ...]:
        """The captured Values in the order of a program."""
        if program not in self._values:
            order = program.orders["captured"].tolist()
            self._values[program] = Leaves.if_so(tuple([self.captured[i] for i in order]))
        return self._values[program]

    def numbers(self, program: Program) -> Any:
        return data_vector(self.values(program))

    @cached_property
    def leaves(self) -> tuple[list[int], list[int]]:
        """The recorded nodes of the inputs, and those of the captured Values."""
        return self.graph.leaves(INPUT), self.graph.leaves(CAPTURED)

    def known(self, numbers: Sequence[Value | float]) -> dict[int, Any]:
        """By the recorded nodes of the leaves the numbers of a call, and the captured Values."""
        inputs, outside = self.leaves
        return {**dict(zip(inputs, numbers)), **dict(zip(outside, self.captured))}

    def places(self, program: Program, among: tuple[Value, ...]) -> Places:
        known = self._places.get(program)
        if known is None or known[0] is not among:
            self._check_leaves(among)
            known = self._places[program] = among, Places(self.values(program), among)
        return known[1]

    def report(self) -> str:
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
        graphs = sum(graph.size_in_bytes() for graph in (self.graph, self.simplified))
        return graphs + sum(program.size_in_bytes() for program in self._programs.values())


def traced_run(
    title: str,
    function: Callable[..., Any],
    args: Any,
    named: Mapping[str, Any],
    *,
    at: At,
    has_several: bool,
) -> tuple[Tracer, list[Value], tuple[int, ...]]:
    """Run a function on fresh inputs; what observed it, the results, and their shape."""
    inputs: list[Value] = []

    def as_input(number: Any) -> Value:
        label = number.label if isinstance(number, Value) else None
        own = number._number if isinstance(number, Value) else number
        inputs.append(Integer(own) if is_whole(own) else Value(own, label))
        return inputs[-1]

    tracer = Tracer(title, inputs, at)
    args = [rebuilt(each, as_input) for each in args]
    named = {name: rebuilt(each, as_input) for name, each in named.items()}
    try:
        result = tracer.run(function, *args, **named)
    except TypeError as fault:
        takes: Any = getattr(getattr(function, "__code__", None), "co_varnames", ())
        is_of_call = "positional argument" in str(fault)
        if not (is_of_call and takes[:1] in (("self",), ("cls",))):
            raise
        raise TypeError(  # from Python 3.13 on a classmethod around it hands on nothing but calls
            f"{fault}. If it was called without its {takes[0]}, call it on an object of the class, "
            "and for a classmethod write @compiled above @classmethod."
        ) from fault
    return (tracer, *outputs_of(title, result if has_several else one_value(title, result)))


def _check_found(
    title: str, found: Sequence[Value], tracer: Tracer, again: Sequence[Value]
) -> None:
    """Refuse what was computed while the function ran, but is not among what it computed.

    A node that was computed before, and is read, is the same one when the function runs again.
    """
    known = {id(value) for value in (*found, *tracer.nodes)}
    for value in again:
        if value.operation is not None and id(value) not in known:
            raise CompilationError(
                f"{title} reads {name(value)}, made {place(value.line)}, which was computed while "
                f"{title} ran but in another thread, or in a context of its own, where it cannot "
                "be recorded: its number would be frozen. Compute it in the thread of the call."
            )


class Places:
    """How an array of parameters and the captured numbers of a program belong together."""

    def __init__(self, captured: Sequence[Value], parameters: Sequence[Value]) -> None:
        place = {id(value): i for i, value in enumerate(parameters)}
        found = [(i, place[id(v)]) for i, v in enumerate(captured) if id(v) in place]
        self.mine, self.theirs = np.array(found, dtype=int).reshape(-1, 2).T
        self.size, self.is_covered = len(parameters), len(found) == len(captured)
        is_complete = self.is_covered and len(found) == len(parameters)
        self.back = np.argsort(self.theirs) if is_complete else None
        self.is_in_order = is_complete and np.array_equal(self.mine, self.theirs)
        self._moves = list(_moves(self.mine, self.theirs))

    def read(self, parameters: Any, numbers: Callable[[], Any]) -> Any:
        """The captured numbers; `numbers()` gives those that are no parameters, among all."""
        if self.is_in_order:
            return parameters
        found = np.empty(len(self.mine)) if self.is_covered else numbers()
        for mine, theirs in self._moves:
            found[mine] = parameters[theirs]
        return found

    def add(self, total: Any, gradient: Any) -> Any:
        """A gradient by the parameters, or None, with that by the captured numbers added."""
        if gradient is None:
            return total
        if self.back is not None:
            gradient = gradient if self.is_in_order else gradient.take(self.back)
        else:
            found = np.zeros(self.size)
            for mine, theirs in self._moves:
                found[theirs] = gradient[mine]
            gradient = found
        return gradient if total is None else total + gradient


def _moves(mine: Any, theirs: Any) -> Iterator[tuple[Any, Any]]:
    """Which places belong to which: long runs as slices, which are quicker, the others at once."""
    starts = np.flatnonzero((np.diff(mine, prepend=-2) != 1) | (np.diff(theirs, prepend=-2) != 1))
    lengths = np.diff(starts, append=len(mine))
    for start, length in zip(starts[lengths >= _LONG].tolist(), lengths[lengths >= _LONG].tolist()):
        here, there = mine[start], theirs[start]
        yield slice(here, here + length), slice(there, there + length)
    if (is_short := np.repeat(lengths < _LONG, lengths)).any():
        yield mine[is_short], theirs[is_short]


def _became(program: Program) -> str:
    products = sum(group.grid is not None for group in program.layout.groups)
    a_product = "a product of matrices" if products == 1 else "products of matrices"
    walked = f" and {program.walked:,} scalars in between" * bool(program.walked)
    of_them = f", {products} of them {a_product}" * bool(products)
    return f"{counted(program.operations, 'array operation')}{of_them}{walked}"


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
