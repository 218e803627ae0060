"""`Tracer`: it observes a function while it runs, and keeps its operations and comparisons.

A comparison decides what the function does next, so it is a guard: the recording holds for other
numbers as long as all comparisons come out the same. Reading a number out of a Value would freeze
it in the recording, so that is refused.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from types import CodeType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, INPUT, Graph, Numbers, starts_of
from glassgrad.engine.context import Context, Observer, Tag, call_in, current, watching
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.methods import record
from glassgrad.engine.misuse import name
from glassgrad.engine.op import TABLE, Notation, Operation
from glassgrad.engine.provenance import SourceLine, is_of_user, place
from glassgrad.engine.value import RELATIONS, Value, number_of

REMEDIES = {
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
_TEXT = "reads the repr of"
_OF_A_NODE = ("reads .label of", "reads .parents of", _TEXT)
DETACHED = Operation(
    "detach",
    "The number itself, through which no gradient flows.",
    scalar=lambda x: x,
    array=np.positive,
    rules=(None,),
    notation=Notation("detach(%s)", r"\operatorname{detach}(%s)", 9),
    domain=((-3.0, 3.0),),
)
DETACHED.is_checked = False  # it is no row of a user's


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


At: TypeAlias = Callable[[], dict[int, float]] | None
"""What gives the numbers of Values by their addresses, where others count than their own."""
Origin = tuple[Tag, CodeType | None, int]
"""Where a node was made: its scope and label, the code object and the instruction."""


class Tracer(Observer):
    """The operations and guards of one run of a function.

    Args:
        inputs: the Values that stand for its arguments; it is filled before the run.
        at: gives the numbers of Values, where the function is to run as if they had those. No Value
            is touched: they are carried along beside the nodes, and comparisons come out by them.

    Attributes:
        rows, operands, nodes: the operations in their order, the operands of each, Values or
            floats, and what stands for its result.
        guards: the comparisons.
        reads: what it does that no program repeats, such as to read a text; None if nothing.
    """

    repeats = True

    def __init__(self, title: str, inputs: list[Value], at: At = None) -> None:
        self.title, self.inputs = title, inputs
        self._at, self._computed = None if at is None else at(), 0
        self.reads: str | None = None
        self._fault: CompilationError | None = None
        self._known = 0
        self._mine: dict[int, Any] = {}
        self._others: dict[int, Any] = {}
        self.rows: list[Operation] = []
        self.operands: list[tuple[Any, ...]] = []
        self.nodes: list[Any] = []
        self.guards: list[Guard] = []

    def run(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        context = Context(True, (self,), current().scope)
        try:
            watching.append(self)  # in here, as Ctrl-C may come right after it
            found = call_in(context, function, *args, **named)
        finally:
            watching.remove(self)
            if self._fault is not None:  # what other threads raise may be lost there
                raise self._fault
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
            operation = DETACHED
        self.rows.append(operation)
        self.operands.append(operands)
        self.nodes.append(node)

    def number_of(self, operand: Any) -> float:
        """The number of a node, or of a Value from outside, in this run; or a plain number."""
        if self._at is None:
            return _own(operand)
        if self._computed < len(self.nodes):  # they are computed only when somebody asks
            known, rest = self._at, slice(self._computed, len(self.nodes))
            for row, operands, node in zip(self.rows[rest], self.operands[rest], self.nodes[rest]):
                numbers = [known[i] if (i := id(x)) in known else _own(x) for x in operands]
                known[id(node)] = row.forward(tuple(numbers))
            self._computed = rest.stop
        return self._at.get(id(operand), _own(operand))

    def origins(self) -> list[Origin | None]:
        """Where each was made, and its label now; None where nobody can say."""
        known: dict[tuple[int, int, int], Origin] = {}  # by address: hashing code takes long
        kinds = {
            kind: issubclass(kind, Value) and not kind.is_constant
            for kind in set(map(type, self.nodes))
        }
        made = self.nodes
        if not all(kinds.values()):
            made = [node for node in self.nodes if kinds[type(node)]]
        tags, codes = [node._tag for node in made], [node._code for node in made]
        instructions = [node._instruction for node in made]
        keys = zip(map(id, tags), map(id, codes), instructions)
        origins = map(known.setdefault, keys, zip(tags, codes, instructions))
        if made is self.nodes:
            return [*origins]
        return [next(origins) if kinds[type(node)] else None for node in self.nodes]

    def compared(self, left: Any, right: Any, relation: str, outcome: bool) -> bool:
        """A comparison becomes a guard; how it comes out."""
        if relation == "is":
            made = {id(node) for node in (*self.inputs, *self.nodes)}
            if id(left) in made or id(right) in made:
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
        if what in _OF_A_NODE:  # of a parameter they stay what they are
            if what == _TEXT or self._depends_on_this_run(node):
                self.reads = f"{what} {name(node)}{_place()}"
            return
        kind = what.split(maxsplit=1)[0]
        # Kept, since the function may catch it, and go on with another number.
        self._fault = CompilationError(
            f"{self.title} {what} {name(node)}{_place()}{REMEDIES[kind]}"
        )
        raise self._fault

    def used_elsewhere(self, what: str, node: Any) -> None:
        """Stop where work on the nodes of this run is given to another thread."""
        if self._depends_on_this_run(node):
            self._fault = CompilationError(
                f"{self.title} {what} {name(node)}{_place()} in another thread, or in a context of "
                "its own, where it cannot be recorded: a number would be frozen. Compute it in the "
                "thread of the call."
            )
            raise self._fault

    def _depends_on_this_run(self, node: Any) -> bool:
        made = [*self.inputs, *self.nodes[self._known :]]
        self._known += len(made) - len(self.inputs)
        self._mine.update(zip(map(id, made), made))
        left = [node]
        while left:
            each = left.pop()
            if id(each) in self._mine:
                return True
            if isinstance(each, Value) and id(each) not in self._others:
                self._others[id(each)] = each
                left += each._operands
        return False


_POS = TABLE["pos"]


def _place() -> str:
    """The line of the user's that is being executed."""
    frame = sys._getframe(1)
    while frame is not None and not is_of_user(frame.f_code):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return ""
    return f" {place(SourceLine(frame.f_code.co_filename, frame.f_lineno))}"


def graph_of(
    tracer: Tracer, result: Value | Sequence[Value], inputs: list[Value]
) -> tuple[Graph, list[Value], list[Value]]:
    """The recorded graph, the Values from outside that it captured, and constants from there."""
    compared = chain.from_iterable((guard.left, guard.right) for guard in tracer.guards)
    roots = [each if isinstance(each, Value) else _nearest(each) for each in compared]
    results = [result] if isinstance(result, Value) else result
    read = [*chain.from_iterable(tracer.operands), *results, *roots]
    outside, places = _placed([*inputs, *tracer.nodes], read)
    is_constant = [type(leaf) is float or leaf.is_constant for leaf in outside]
    captured = [leaf for leaf, fixed in zip(outside, is_constant) if not fixed]
    order = count()
    numbers = [
        number_of(leaf) if fixed else next(order) for leaf, fixed in zip(outside, is_constant)
    ]
    numbers += [*range(len(inputs)), *[0.0] * len(tracer.nodes)]
    rows = {row: code for code, row in enumerate(dict.fromkeys(tracer.rows))}
    codes = [CONSTANT if fixed else CAPTURED for fixed in is_constant]
    codes += [INPUT] * len(inputs)
    codes += map(rows.__getitem__, tracer.rows)
    counts = [0] * (len(outside) + len(inputs)) + list(map(len, tracer.operands))
    starts = starts_of(counts)
    graph = Graph(
        rows=list(rows),
        codes=np.array(codes, np.intp),
        numbers=np.array(numbers, float),
        starts=starts,
        operands=places[: starts[-1]],
        roots=places[starts[-1] :],
        places=np.arange(len(codes)),
    )
    constants = [leaf for leaf, fixed in zip(outside, is_constant) if fixed]
    return graph, captured, [leaf for leaf in constants if type(leaf) is not float]


def _own(operand: Any) -> float:
    """The number that an operand has by itself, wherever the function runs."""
    number: float = operand._number if isinstance(operand, Value) else operand
    return number


def _nearest(number: Any) -> float:
    """A number that was compared, as a float; one beyond all floats is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _placed(made: Sequence[Any], read: Sequence[Any]) -> tuple[list[Any], Numbers]:
    """What is read but was not made, and the place of all that is read: those first, then made."""
    addresses, wanted = _addresses(made), _addresses(read)
    order = np.argsort(addresses)
    rising = addresses[order]
    in_order = np.argsort(wanted)  # rising too, they are found in half the time
    near = np.empty(len(read), np.intp)
    near[in_order] = np.minimum(np.searchsorted(rising, wanted[in_order]), len(made) - 1)
    is_made = rising[near] == wanted if made else np.zeros(len(read), bool)
    others = np.flatnonzero(~is_made)
    _, first, number = np.unique(wanted[others], return_index=True, return_inverse=True)
    places = np.empty(len(read), np.intp)
    places[others] = np.argsort(np.argsort(first))[number.ravel()]
    places[is_made] = order[near[is_made]] + len(first)
    return [read[i] for i in np.sort(others[first]).tolist()], places


def _addresses(nodes: Sequence[Any]) -> Numbers:
    """What nodes are told apart by, as an array: that is faster than a dictionary."""
    return np.fromiter(map(id, nodes), np.int64, len(nodes))


def replayed(
    graph: Graph, origins: Sequence[Origin | None], leaves: Mapping[int, Any]
) -> list[Any]:
    """All nodes of a recorded graph once more, as ordinary ones that were made where they were;
    `leaves` has a Value or a number for every leaf that is no constant.
    """
    made: list[Any] = []
    numbers, first = graph.numbers.tolist(), len(graph) - len(origins)
    for node, operands in enumerate(graph.all_operands()):
        row = graph.row(node)
        if row is None:
            made.append(leaves.get(node, numbers[node]))
        elif row is DETACHED:
            (source,) = operands
            made.append(made[source].detach() if isinstance(made[source], Value) else made[source])
        else:
            again = record(row, tuple([made[o] for o in operands]))
            origin = origins[node - first]
            if again.operation is row and origin:  # else it was made simpler, or is a constant
                again._tag, again._code, again._instruction = origin
            made.append(again)
    return made
