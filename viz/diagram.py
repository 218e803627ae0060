"""The graph of a Value as plain records: what the drawing, the steps and the pages all read.

A diagram is made once from the Values and then never touches them again. A `dot` node is opened
into its products and their sum, with the same numbers to the last bit, so that a neuron shows every
chain-rule product. The end says what nodes are called, and how they are written in formulas.
Next: `drawing.py` and `steps.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from math import isfinite
from typing import Any, TypeVar, overload

from glassgrad.engine import (
    NOT_COMPUTED,
    TABLE,
    Formula,
    Operation,
    Reduction,
    Scope,
    Value,
    derivative_formula,
    topological_order,
)
from glassgrad.engine.compile.result import Replay, Total
from glassgrad.engine.printers import number_text
from glassgrad.engine.text import clipped, counted, describe, short, some_of, visible
from glassgrad.viz.compiled import TOLERANCE, are_close, inside, is_compiled, name_of
from glassgrad.viz.formulas import written

MOST_OPENED = 2000  # graphs with more nodes than this keep their `dot` nodes closed
LONGEST_KEPT = 8  # a plain number with more characters is rounded where a row shows numbers
_LONGEST_FORMULA = 80
_MOST_OPERANDS = 8
"""Of a longer formula, or of one with more operands, people are shown the number instead."""

Record = TypeVar("Record")


class Records(Sequence[Record]):
    """Records that are asked for by place."""

    _records: Sequence[Record]

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return list(self._records[index])
        return self._records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)


@dataclass(frozen=True)
class Node:
    """One node of a diagram.

    Attributes:
        index: its place in the order of evaluation.
        name: its unique name in formulas.
        label: what the user called it, or None.
        operation: the row of the table that made it, or None for a leaf.
        gradient: its gradient at the time of drawing, or None if there was none.
        parents: the indices of its operands.
        partials: the local derivative by each operand; None on an edge that carries none.
        file, line, source: the line of the user's program that made it, where known.
        is_constant: whether it is a plain number.
        is_frozen: whether it is a parameter that no gradient reaches.
    """

    index: int
    name: str
    label: str | None
    operation: Operation | None
    data: float
    gradient: float | None
    parents: tuple[int, ...]
    partials: tuple[float | None, ...]
    scope: Scope | None
    file: str | None
    line: int | None
    source: str | None
    is_constant: bool
    is_frozen: bool

    def __repr__(self) -> str:
        return f"<node {self.index}, {clipped(self.name)}: {short(self.data)}>"

    @property
    def is_compiled(self) -> bool:
        """Whether it is a call of a compiled function, closed."""
        return is_compiled(self.operation)

    @property
    def function(self) -> str:
        """The name of the compiled function that it is a call of; "" if it is none."""
        return name_of(self.operation) if is_compiled(self.operation) else ""

    @property
    def in_formulas(self) -> str:
        """The name; of a plain number all its digits, since a formula is to be exact."""
        return number_text(self.data) if self.is_constant and self.label is None else self.name

    @property
    def marks(self) -> list[str]:
        """The warnings at it: "nan", "gradient inf", and what its row says, as "dead"."""
        found = [] if isfinite(self.data) else [short(self.data)]
        if self.gradient is not None and not isfinite(self.gradient):
            found.append(f"gradient {short(self.gradient)}")
        row, slope = self.operation, self.partials[0] if len(self.partials) == 1 else None
        return [*found, row.idle] if row is not None and row.is_idle(slope) else found

    def edges(self) -> Iterator[tuple[int, int, float | None]]:
        """Each operand as (position, index of the parent, local derivative)."""
        for position, (parent, partial) in enumerate(zip(self.parents, self.partials)):
            yield position, parent, partial

    def to_dict(self) -> dict[str, Any]:
        """The record as data for JSON."""
        line = {"file": self.file, "number": self.line, "source": self.source}
        return {
            "index": self.index,
            "name": self.name,
            "label": self.label,
            "operation": self.operation.name if self.operation else None,
            "data": self.data,
            "gradient": self.gradient,
            "parents": list(self.parents),
            "local_derivatives": list(self.partials),
            "scope": self.scope.path() if self.scope else None,
            "line": line if self.file else None,
            "constant": self.is_constant,
        }


class Diagram(Records[Node]):
    """The nodes behind some Values in the order of evaluation; for `names` and `depth` see `draw`.

    Attributes:
        values: the index of each Value.
        roots: the indices of the given Values.
        closed: why compiled nodes that were to be opened are not, by index.
        captured: the operands that the function of a compiled node found by itself, by its index.
    """

    def __init__(
        self, roots: Sequence[Value], names: Mapping[str, Any] | None = None, depth: int = 0
    ) -> None:
        order = topological_order(*roots)
        open_dots = len(order) <= MOST_OPENED
        self.values: dict[Value, int] = {}
        self.closed: dict[int, str] = {}
        self._records: list[Node] = []
        self._names = Names(order, names)
        for value in order:
            level = len(value.scope.chain()) if value.scope else 0
            if is_compiled(value.operation) and level < depth:
                self._add_inside(value, open_dots)
            else:
                self._add_value(value, open_dots)
        self.roots = tuple(self.values[root] for root in roots)
        self.captured: dict[int, set[int]] = {}
        for value, i in self.values.items():
            replay = value.operation
            if is_compiled(replay):  # what is called over samples has no other operands: numbers
                found = value.parents if isinstance(replay, Total) else replay.recording.captured
                self.captured[i] = {self.values[each] for each in found if each in self.values}

    def __repr__(self) -> str:
        return f"<diagram of {counted(len(self), 'node')}>"

    def __getstate__(self) -> dict[str, Any]:
        """A copy shows the same, and has none of the Values, which would take their graph along."""
        kept = ("closed", "captured", "roots", "_records")
        return {**{name: vars(self)[name] for name in kept}, "values": {}}

    def with_gradients(self, gradients: Mapping[int, float]) -> Diagram:
        """The same diagram with these gradients, by index."""
        other = copy(self)
        other._records = [replace(node, gradient=gradients.get(node.index)) for node in self]
        return other

    @cached_property
    def readers(self) -> list[tuple[int, ...]]:
        """For each node the indices of those that it is an operand of, each once, in order."""
        found: list[dict[int, None]] = [{} for _ in self]
        for node in self:
            for parent in node.parents:
                found[parent][node.index] = None
        return [tuple(readers) for readers in found]

    @cached_property
    def outdated(self) -> list[Node]:
        """The nodes whose number or derivatives are no longer those of their operands' numbers."""
        return [node for node in self if not self._follows(node)]

    def _follows(self, node: Node) -> bool:
        row, operands = node.operation, tuple(self[parent].data for parent in node.parents)
        if row is None:
            return True
        if is_compiled(row):
            return are_close(operands, row.operand_numbers, 0.0)
        data = row.forward(operands)
        partials = zip(node.partials, row.partials(operands, data))
        pairs = [(a, b) for a, b in partials if a is not None and b is not None]
        given, again = zip((node.data, data), *pairs)
        return are_close(given, again, TOLERANCE)

    def outdated_note(self) -> str:
        """A sentence about numbers that have changed since; "" if all follow from each other."""
        if not self.outdated:
            return ""
        names, is_one = some_of([node.name for node in self.outdated]), len(self.outdated) == 1
        was, its, it = ("was", "its", "it") if is_one else ("were", "their", "them")
        return (
            f"{names} {was} computed before {its} operands had these numbers: compute {it} again."
        )

    def formula(self, node: Node) -> str:
        """How a node was computed, with the names of its operands; "" for a leaf."""
        return written(node.operation, [self[parent].in_formulas for parent in node.parents])

    def arithmetic(self, node: Node, number: Callable[[Node], str]) -> str:
        """How a node was computed, with numbers; `number` writes that of an operand.

        A plain number in the code stands as it is there, unless it has as many digits as a measured
        one.
        """
        texts = []
        for operand in (self[parent] for parent in node.parents):
            is_plain = operand.is_constant and not operand.label
            is_kept = is_plain and len(operand.in_formulas) <= LONGEST_KEPT
            texts.append(operand.in_formulas if is_kept else number(operand))
        return written(node.operation, texts)

    def _add_value(self, value: Value, open_dots: bool) -> None:
        if open_dots and _can_open(value):
            self._add_opened(value)
        else:
            operands = tuple(self.values[parent] for parent in value.parents)
            self._add(value, value.operation, operands, value.partials)
        self.values[value] = len(self._records) - 1

    def _add_inside(self, value: Value, open_dots: bool) -> None:
        found = inside(value)
        if isinstance(found, str):
            self._add_value(value, open_dots)
            self.closed[self.values[value]] = found
            return
        for stand_in, operand in found.operands.items():
            self.values[stand_in] = self.values[operand]
        self._names.add_inside(found.order, value)
        open_dots = open_dots and len(found.order) <= MOST_OPENED
        for node in found.order:
            if node not in self.values:
                self._add_value(node, open_dots)
        self.values[value] = self.values[found.order[-1]]

    def _add_opened(self, value: Value) -> None:
        """A dot node as its products, summed from left to right; the last sum is the node."""
        half = len(value.parents) // 2
        places = [self.values[operand] for operand in value.parents]
        total = -1
        for k, (a, b) in enumerate(zip(places[:half], places[half:])):
            slopes = value.partials[k], value.partials[half + k]
            product = self._add(value, TABLE["mul"], (a, b), slopes, is_whole=half == 1)
            if k == 0:
                total = product
            else:
                terms, is_last = (total, product), k == half - 1
                total = self._add(value, TABLE["add"], terms, (1.0, 1.0), is_whole=is_last)

    @property
    def can_evaluate(self) -> bool:
        """Whether `evaluate` works: not over samples, which no node keeps."""
        return not any(isinstance(node.operation, Total) for node in self._records)

    @property
    def cost(self) -> int:
        """How many operations `evaluate` does, those inside of compiled nodes too."""
        replays = (n.operation for n in self._records if isinstance(n.operation, Replay))
        return len(self) + sum(len(replay.recording.graph) for replay in replays)

    def sending(self, node: Node) -> Iterator[tuple[int, int, float]]:
        """The edges that a node sends gradient along, as `node.edges()`: none to what is frozen."""
        for position, parent, local in node.edges():
            if local is not None and not self[parent].is_frozen:
                yield position, parent, local

    def evaluate(self, changed: Mapping[int, float]) -> list[float]:
        """The numbers of all nodes, had the given nodes had other numbers."""
        numbers: list[float] = []
        for node in self._records:
            if node.index in changed:
                numbers.append(changed[node.index])
            elif node.operation is None:
                numbers.append(node.data)
            else:
                numbers.append(node.operation.forward(tuple(numbers[i] for i in node.parents)))
        return numbers

    def _add(
        self, origin: Value, operation: Operation | None, operands: tuple[int, ...],
        partials: tuple[float | None, ...], *, is_whole: bool = True,
    ) -> int:  # fmt: skip
        """A record of a Value, or of a part of it, which has its gradient too."""
        line, index, value = origin.line, len(self._records), origin if is_whole else None
        data = origin.data
        if operation is not None and not is_whole:
            data = operation.forward(tuple(self[operand].data for operand in operands))
        label, name = self._names.label(value), self._names.take(value, data)
        gradient = None if origin.grad is NOT_COMPUTED else origin.grad
        file, number, text = (line.file, line.number, line.text) if line else (None, None, None)
        is_constant, is_frozen = is_whole and origin.is_constant, is_whole and origin.is_frozen
        self._records.append(
            Node(index, name, label, operation, data, gradient, operands, partials, origin.scope,
                 file, number, text, is_constant, is_frozen)
        )  # fmt: skip
        return index


def _can_open(value: Value) -> bool:
    """A dot of distinct operands with the numbers it was computed from: opened, it adds alike."""
    operands = value.parents
    if value.operation is not TABLE["dot"] or not operands or len(set(operands)) < len(operands):
        return False
    now = value.operation.forward(tuple(operand.data for operand in operands))
    return now == value.data or (now != now and value.data != value.data)


# What nodes are called: by the label that the user gave, or the name of the variable; without one
# v1, v2, ... in the order of evaluation; a plain number by the number.


class Names:
    """The names of the nodes of one diagram."""

    def __init__(self, order: Sequence[Value], names: Mapping[str, Any] | None) -> None:
        found = dict(_named_values({} if names is None else names))
        # An empty label shows nothing, so it counts as none.
        given = ((v, v.label or (None if v.is_constant else found.get(v))) for v in order)
        self._labels = {value: label and visible(label) for value, label in given}
        self._parts = self._parts_of(order)
        self._used = {label for label in self._labels.values() if label}
        self._given: set[str] = set()
        self._copies: dict[str, int] = {}
        self._numbers = count(1)

    def _parts_of(self, order: Sequence[Value]) -> dict[Value, int]:
        """For leaves whose label others have too, the number of the part of a model that uses them.

        So the weights of the second neuron are w0_2, w1_2, ..., whatever else has a w0.
        """
        part_of: dict[Value, tuple[str, int]] = {}
        for value in order:
            for parent in value.parents:
                if value.scope is not None and not parent.parents and self._labels[parent]:
                    part_of.setdefault(parent, (value.scope.path(), id(value.scope.owner)))
        numbers = {part: i for i, part in enumerate(dict.fromkeys(part_of.values()), 1)}
        counts = Counter(self._labels[leaf] for leaf in part_of)
        shared = (leaf for leaf in part_of if counts[self._labels[leaf]] > 1)
        return {leaf: numbers[part_of[leaf]] for leaf in shared}

    def label(self, value: Value | None) -> str | None:
        """What the user called a Value; None for nothing, and for a part of an opened dot."""
        return None if value is None else self._labels[value]

    def add_inside(self, order: Sequence[Value], opened: Value) -> None:
        """Take in the scalars of a compiled node that is opened, which the last of them is."""
        for value in order:
            self._labels.setdefault(value, value.label and visible(value.label))
        self._labels[order[-1]] = self._labels[opened] or self._labels[order[-1]]

    def take(self, value: Value | None, data: float) -> str:
        """The name for a node; of several with one label the others get a number behind it."""
        label = self.label(value)
        if label is None and value is not None and value.is_constant:
            return short(data)
        if label is None:
            label = next(name for n in self._numbers if (name := f"v{n}") not in self._used)
        part = 1 if value is None else self._parts.get(value, 1)
        name = label if part == 1 else f"{label}_{part}"
        while name in self._given or (name != label and name in self._used):
            self._copies[label] = self._copies.get(label, 1) + 1
            name = f"{label}_{self._copies[label]}"
        self._given.add(name)
        return name


def _named_values(names: Mapping[str, Any]) -> Iterator[tuple[Value, str]]:
    """The Values in a namespace with their names, the first last; those in sequences as name[i]."""
    if not isinstance(names, Mapping):
        raise TypeError(f"names is a dict such as locals(), not {describe(names)}.")
    for name, thing in reversed(list(names.items())):
        if not isinstance(name, str):
            raise TypeError(f"names gives each Value a text, not {describe(name)}.")
        if not name or name.startswith("_"):
            continue
        if isinstance(thing, Value):
            yield thing, name
        elif isinstance(thing, (list, tuple)):
            yield from ((x, f"{name}[{i}]") for i, x in enumerate(thing) if isinstance(x, Value))


# Nodes in formulas.


def symbol(node: Node) -> Formula:
    """A node as an operand: its name, or its number if it is a plain number without a label."""
    if node.is_constant and node.label is None:
        return Formula.literal(node.data)
    return Formula.symbol(node.name, node.data)


def local_derivative(node: Node, operands: Sequence[Node], position: int) -> Formula | None:
    """The derivative of a node by one of its operands, as a textbook writes it.

    None where it takes more than a line, or where there is none, since a compiled function has
    numbers only, and so has an operation whose rule is no formula.
    """
    operation = node.operation
    if operation is None or is_compiled(operation):
        return None
    if isinstance(operation, Reduction) and len(operands) > _MOST_OPERANDS:
        return None
    try:
        found = derivative_formula(operation, [symbol(operand) for operand in operands], position)
    except TypeError:
        return None
    return found if found is not None and len(found.text) <= _LONGEST_FORMULA else None


def counted_marks(nodes: Iterable[Node]) -> list[str]:
    """The warnings in a module, counted: "3 dead"; one alone is just "dead"."""
    counts = Counter(mark for node in nodes for mark in node.marks)
    return [mark if count == 1 else f"{count} {mark}" for mark, count in counts.items()]
