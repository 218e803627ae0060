"""`Tracer`: it observes one run of a function; what the run did is a `Trace`.

A comparison decides what the function does next, so it is a guard: the recording holds for other
numbers as long as all comparisons come out the same. Reading a number out of a Value would freeze
it in the recording, so that is refused. Next: `graph.py`, the operations as arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from types import CodeType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from glassgrad.engine.compile.arguments import (
    Integer,
    Shape,
    is_whole,
    one_value,
    outputs_of,
    rebuilt,
)
from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, INPUT, Graph, Numbers, starts_of
from glassgrad.engine.context import Context, Observer, Tag, call_watched, current
from glassgrad.engine.define import redefined
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.methods import record
from glassgrad.engine.misuse import name
from glassgrad.engine.op import TABLE, Notation, Operation
from glassgrad.engine.provenance import SourceLine, caller_of_user, place
from glassgrad.engine.value import RELATIONS, Value, number_of

_REMEDIES = {
    "reads": (
        ", which would freeze a number in the recording. Compute with the Value itself, with "
        "v.detach() where no gradient should flow, and choose with maximum, where or an if on the "
        "Value."
    ),
    "sets": (
        ", which would happen only while it is recorded. Change numbers outside the function, "
        "after backward()."
    ),
    "compares": (
        ", which asks whether they are the same object, not the same number. Write a - b == 0 for "
        "numbers, or compare outside the function."
    ),
    "calls": (
        ", which would happen only while it is recorded. Call it outside the function, on what "
        "the compiled function returns."
    ),
}
"""What to do instead of what a recording cannot repeat, by the verb that names it."""
_ELSEWHERE = (
    " in another thread, or in a context of its own, where it cannot be recorded: a number would "
    "be frozen. Compute it in the thread of the call."
)
_TEXT = "reads the repr of"
_OF_A_NODE = ("reads .label of", "reads .parents of", _TEXT)
_POS = TABLE["pos"]
_DETACHED = Operation(
    "detach",
    "The number itself, through which no gradient flows.",
    scalar=lambda x: x,
    array=np.positive,
    rules=(None,),
    notation=Notation("detach(%s)", r"\operatorname{detach}(%s)", 9),
    domain=((-3.0, 3.0),),
)
_DETACHED.is_checked = False  # it is no row of a user's


class Guard(NamedTuple):
    """A comparison made while recording.

    Attributes:
        relation: how Python writes it, for example "<".
        left, right: what was compared, Values or numbers.
        outcome: what came out.
    """

    relation: str
    left: Any
    right: Any
    outcome: bool

    def holds(self, left: Any, right: Any) -> Any:
        """Whether other numbers, or arrays of them, compare so too."""
        return RELATIONS[self.relation](left, right) == self.outcome


At: TypeAlias = Callable[[], dict[int, float]] | None
"""What gives the numbers of Values by their addresses, where others count than their own."""
Origin = tuple[Tag, CodeType | None, int]
"""Where a node was made: its scope and label, the code object and the instruction."""


@dataclass(eq=False)
class Trace:
    """What a function did in one run.

    Attributes:
        graph: its scalars; the roots are its results, then what it compared, two and two.
        captured: the Values from outside that it used.
        constants: those that no gradient flows to, with the numbers that they had.
        guards: the comparisons that have to come out the same for it to hold.
        shape: that of the result; () for one Value.
        has_several: whether it may return several numbers, for `map`.
        origins: where each computed node was made, in their order; None where nobody can say.
        reads: what it does that no program repeats, such as to read a text; None if nothing.
    """

    title: str
    graph: Graph
    captured: Sequence[Value] = ()
    constants: Sequence[tuple[Value, float]] = ()
    guards: Sequence[Guard] = ()
    shape: Shape = ()
    has_several: bool = False
    origins: Sequence[Origin | None] = ()
    reads: str | None = None
    _redefined: int = field(default_factory=lambda: len(redefined))

    @cached_property
    def leaves(self) -> tuple[list[int], list[int]]:
        """The recorded nodes of the inputs, and those of the captured Values."""
        return self.graph.leaves(INPUT), self.graph.leaves(CAPTURED)

    def known(self, numbers: Sequence[Value | float]) -> dict[int, Any]:
        """By the recorded nodes of the leaves the numbers of a call, and the captured Values."""
        inputs, outside = self.leaves
        return {**dict(zip(inputs, numbers)), **dict(zip(outside, self.captured))}

    def of_roots(self, found: Any) -> tuple[Any, list[tuple[Guard, Any, Any]]]:
        """What was found for each root: that of the results, and what each guard compares."""
        count = len(found) - 2 * len(self.guards)
        return found[:count], list(zip(self.guards, found[count::2], found[count + 1 :: 2]))

    def is_current(self) -> bool:
        """Whether its operations, and the numbers of constants from outside, are what they were."""
        for constant, number in self.constants:
            if constant._number is not number and repr(constant._number) != repr(number):
                return False
        if len(redefined) == self._redefined:
            return True
        return all(TABLE.get(row.name, row) is row for row in self.graph.rows)

    @cached_property
    def computed(self) -> list[Operation]:
        """The row of each computed node, in their order."""
        codes = self.graph.codes
        return [self.graph.rows[code] for code in codes[codes >= 0].tolist()]

    def is_repeated_by(self, run: Tracer) -> bool:
        """Whether a run did the same: the same operations on the same Values and constants.

        It is asked of every recording of a structure, so what takes long comes last, and is made
        once for a run.
        """
        graph, (_, captured) = self.graph, self.leaves
        if (
            (self.shape, self.reads) != (run.shape, run.reads)
            or [(g.relation, g.outcome) for g in self.guards]
            != [(g.relation, g.outcome) for g in run.guards]
            or self.computed != run.rows
            or not np.array_equal(graph.counts[len(graph) - len(run.rows) :], run.counts)
        ):
            return False
        now = np.zeros(len(graph), np.int64)  # what stands now where each node was
        now[captured] = _addresses(self.captured)
        now[len(graph) - len(run.made) :] = run.made
        places = np.concatenate((graph.operands, graph.roots))
        read, addresses = run.read
        others = np.flatnonzero(now[places] != addresses)
        _, first, which = np.unique(addresses[others], return_index=True, return_inverse=True)
        constants, fixed = places[others], [read[i] for i in others[first].tolist()]
        if (
            not (graph.codes[constants] == CONSTANT).all()
            or not all(map(_is_fixed, fixed))
            or np.isin(addresses[others], run.made).any()  # cut off, but it depends on the inputs
        ):
            return False
        numbers = np.array([*map(number_of, fixed)], float)[which.ravel()]
        return numbers.tobytes() == graph.numbers[constants].tobytes()  # 0.0 is not -0.0

    def replayed(self, leaves: Mapping[int, Any]) -> list[Any]:
        """All nodes once more, as ordinary ones that were made where they were; `leaves` has a
        Value or a number for every leaf that is no constant.
        """
        made: list[Any] = []
        graph, origins = self.graph, self.origins
        numbers, first = graph.numbers.tolist(), len(graph) - len(origins)
        for node, operands in enumerate(graph.all_operands()):
            row = graph.row(node)
            if row is None:
                made.append(leaves.get(node, numbers[node]))
            elif row is _DETACHED:
                source = made[operands[0]]
                made.append(source.detach() if isinstance(source, Value) else source)
            else:
                again = record(row, tuple([made[o] for o in operands]))
                origin = origins[node - first] if origins else None
                if again.operation is row and origin:  # else it was made simpler, or is a constant
                    again._tag, again._code, again._instruction = origin
                made.append(again)
        return made


class Watcher(Observer):
    """Someone who looks on while a function runs: compiled functions that it calls run as written
    too, and `map` gives Values.

    Attributes:
        fresh: the leaves that were made on the way, as `Value(0.0)` to begin a sum with.
    """

    repeats = True

    def __init__(self) -> None:
        self.fresh: list[Value] = []

    def begun(self, leaf: Value) -> None:
        self.fresh.append(leaf)


class Tracer(Watcher):
    """What it sees of one run of a function.

    Args:
        at: gives the numbers of Values, where the function is to run as if they had those. No Value
            is touched: they are carried along beside the nodes, and comparisons come out by them.

    Attributes:
        inputs: the Values that stand for its arguments.
        rows, operands, nodes: the operations in their order, the operands of each, Values or
            floats, and what stands for its result.
        guards: the comparisons.
        results, shape: what it gave.
    """

    def __init__(self, title: str, at: At = None) -> None:
        super().__init__()
        self.title = title
        self._at, self._computed = None if at is None else at(), 0
        self._fault: CompilationError | None = None
        self._made: set[int] = set()
        self._others: dict[int, Value] = {}  # alive, so that no address is used twice
        self.inputs: list[Value] = []
        self.rows: list[Operation] = []
        self.operands: list[tuple[Any, ...]] = []
        self.nodes: list[Any] = []
        self.guards: list[Guard] = []
        self.reads: str | None = None

    def run(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        named: Mapping[str, Any],
        has_several: bool = False,
    ) -> Tracer:
        """Run a function on fresh inputs."""
        args = [rebuilt(each, self._as_input) for each in args]
        named = {name: rebuilt(each, self._as_input) for name, each in named.items()}
        context = Context(True, (self,), current().scope)
        try:
            result = call_watched(context, function, *args, **named)
        except TypeError as fault:
            _check_bound(fault, function)
            raise
        finally:
            if self._fault is not None:  # what other threads raise may be lost there
                raise self._fault
        self.has_several = has_several
        one_or_several = result if has_several else one_value(self.title, result)
        self.results, self.shape = outputs_of(self.title, one_or_several)
        return self

    def forget(self) -> None:
        """Let go of all nodes: a module keeps the context of its last call, and that keeps this."""
        kept = self.inputs, self.fresh, self.operands, self.nodes, self.results, self.guards
        for things in (*kept, self._others):
            things.clear()
        for cached in ("read", "made", "counts"):
            vars(self).pop(cached, None)

    def _as_input(self, number: Any) -> Value:
        label = number.label if isinstance(number, Value) else None
        own = number_of(number)
        found = Integer(own) if is_whole(own) else Value(own, label)
        self.inputs.append(found)
        if self._at is not None:
            self._at[id(found)] = found._number
        return found

    def recorded(self, operation: Operation, operands: tuple[Any, ...], node: Value) -> None:
        """Keep an operation; through a constant result, of `no_grad`, flows no gradient."""
        if len(current().observers) > 1:
            self.reads = "opens a block such as trap() inside, in which nodes are looked at"
        if node.is_constant:
            if operation is not _POS:
                self.rows.append(operation)
                self.operands.append(operands)
                operands = (object(),)
                self.nodes += operands
            operation = _DETACHED
        self.rows.append(operation)
        self.operands.append(operands)
        self.nodes.append(node)

    def compared(self, left: Any, right: Any, relation: str, outcome: bool) -> bool:
        """A comparison becomes a guard; how it comes out."""
        if relation == "is":
            if not self._addresses().isdisjoint((id(left), id(right))):
                # The caller may have given Values, which are told apart, or numbers.
                self.used("compares by == with another Value", left)
            return outcome
        if self._at is not None:
            numbers = (self.number_of(left), self.number_of(right))
            outcome = RELATIONS[relation](*map(_nearest, numbers))
        self.guards.append(Guard(relation, left, right, outcome))
        return outcome

    def used(self, what: str, node: Value) -> None:
        """Stop where a recording could not be repeated."""
        if what not in _OF_A_NODE:
            self._refuse(what, node, _REMEDIES[what.split(maxsplit=1)[0]])
        elif what == _TEXT or self._depends_on_this_run(node):  # a parameter's stay what they are
            self.reads = f"{what} {name(node)}{_place()}"

    def used_elsewhere(self, what: str, node: Any) -> None:
        """Stop where work on the nodes of this run is given to another thread."""
        if self._depends_on_this_run(node):
            self._refuse(what, node, _ELSEWHERE)

    def _refuse(self, what: str, node: Any, remedy: str) -> None:
        # Kept, since the function may catch it, and go on with another number.
        self._fault = CompilationError(f"{self.title} {what} {name(node)}{_place()}{remedy}")
        raise self._fault

    def _addresses(self) -> set[int]:
        """Those of all that stands for a number of this run; what came since is added."""
        known = max(0, len(self._made) - len(self.inputs))
        self._made.update(map(id, (*self.inputs, *self.nodes[known:])))
        return self._made

    def _depends_on_this_run(self, node: Any) -> bool:
        made, left = self._addresses(), [node]
        while left:
            each = left.pop()
            if id(each) in made:
                return True
            if isinstance(each, Value) and id(each) not in self._others:
                self._others[id(each)] = each
                left += each._operands
        return False

    def number_of(self, operand: Any) -> float:
        """The number of a node, or of a Value from outside, in a run `at` other numbers."""
        assert self._at is not None
        if self._computed < len(self.nodes):  # they are computed only when somebody asks
            known, rest = self._at, slice(self._computed, len(self.nodes))
            for row, operands, node in zip(self.rows[rest], self.operands[rest], self.nodes[rest]):
                try:
                    numbers = [*map(known.__getitem__, map(id, operands))]
                except KeyError:
                    numbers = [known.get(id(x), number_of(x)) for x in operands]
                known[id(node)] = row.forward(tuple(numbers))
            self._computed = rest.stop
        return self._at.get(id(operand), number_of(operand))

    @cached_property
    def read(self) -> tuple[list[Any], Numbers]:
        """All that was read, one after the other: operands, results, and what was compared; and
        their addresses.
        """
        compared = chain.from_iterable((guard.left, guard.right) for guard in self.guards)
        roots = [each if isinstance(each, Value) else _nearest(each) for each in compared]
        read = [*chain.from_iterable(self.operands), *self.results, *roots]
        return read, _addresses(read)

    @cached_property
    def made(self) -> Numbers:
        """The addresses of inputs and nodes, which a graph has behind all other leaves."""
        return _addresses([*self.inputs, *self.nodes])

    @cached_property
    def counts(self) -> Numbers:
        """How many operands each operation has."""
        return np.array([*map(len, self.operands)], np.intp)

    def trace(self) -> Trace:
        """What the run did; the nodes themselves are needed no more."""
        outside, places = _placed(self.made, *self.read)
        captured: list[Value] = []
        constants: list[tuple[Value, float]] = []
        codes: list[int] = []
        numbers: list[float] = []
        for leaf in outside:
            is_fixed = _is_fixed(leaf)
            codes.append(CONSTANT if is_fixed else CAPTURED)
            numbers.append(number_of(leaf) if is_fixed else len(captured))
            if not is_fixed:
                captured.append(leaf)
            elif type(leaf) is not float:
                constants.append((leaf, leaf._number))
        rows = {row: code for code, row in enumerate(dict.fromkeys(self.rows))}
        codes += [INPUT] * len(self.inputs)
        codes += map(rows.__getitem__, self.rows)
        numbers += [*range(len(self.inputs)), *[0.0] * len(self.nodes)]
        leaves = np.zeros(len(outside) + len(self.inputs), np.intp)
        starts = starts_of(np.concatenate((leaves, self.counts)))
        graph = Graph(
            rows=list(rows),
            codes=np.array(codes, np.intp),
            numbers=np.array(numbers, float),
            starts=starts,
            operands=places[: starts[-1]],
            roots=places[starts[-1] :],
            places=np.arange(len(codes)),
        )
        return Trace(
            self.title,
            graph,
            captured,
            constants,
            [guard._replace(left=None, right=None) for guard in self.guards],
            self.shape,
            self.has_several,
            self._origins(),
            self.reads,
        )

    def _origins(self) -> list[Origin | None]:
        known: dict[tuple[int, int, int], Origin] = {}  # by address: hashing code takes long
        found: list[Origin | None] = []
        for node in self.nodes:
            if node.__class__ is Value:
                tag, code, instruction = node._tag, node._code, node._instruction
                key = id(tag), id(code), instruction
                found.append(known.setdefault(key, (tag, code, instruction)))
            else:
                found.append(None)
        return found


def _placed(made: Numbers, read: Sequence[Any], wanted: Numbers) -> tuple[list[Any], Numbers]:
    """What is read but was not made, and the place of all that is read: those first, then made.

    It goes by addresses: a dictionary takes three times as long.
    """
    order, in_order = np.argsort(made), np.argsort(wanted)
    rising = made[order]
    near = np.empty(len(read), np.intp)
    near[in_order] = np.minimum(np.searchsorted(rising, wanted[in_order]), len(made) - 1)
    is_made = rising[near] == wanted if len(made) else np.zeros(len(read), bool)
    others = np.flatnonzero(~is_made)
    _, first, number = np.unique(wanted[others], return_index=True, return_inverse=True)
    places = np.empty(len(read), np.intp)
    places[others] = np.argsort(np.argsort(first))[number.ravel()]
    places[is_made] = order[near[is_made]] + len(first)
    return [read[i] for i in np.sort(others[first]).tolist()], places


def _is_fixed(leaf: Any) -> bool:
    """Whether it is a number, or a Value that no gradient flows to."""
    return type(leaf) is float or (isinstance(leaf, Value) and leaf.is_constant)


def _addresses(nodes: Sequence[Any]) -> Numbers:
    return np.fromiter(map(id, nodes), np.int64, len(nodes))


def _check_bound(fault: TypeError, function: Any) -> None:
    """Say what to do where a method was called without its object."""
    takes: Any = getattr(getattr(function, "__code__", None), "co_varnames", ())
    if "positional argument" in str(fault) and takes[:1] in (("self",), ("cls",)):
        raise TypeError(  # from Python 3.13 on a classmethod around it hands on nothing but calls
            f"{fault}. If it was called without its {takes[0]}, call it on an object of the class, "
            "and for a classmethod write @compiled above @classmethod."
        ) from fault


def _place() -> str:
    """The line of the user's that is being executed."""
    frame, _ = caller_of_user()
    return f" {place(SourceLine(frame.f_code.co_filename, frame.f_lineno))}"


def _nearest(number: Any) -> float:
    """A number that was compared, as a float; one beyond all floats is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
