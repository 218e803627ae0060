"""Where a wrong number comes from: the suspects behind the verdicts of `check`.

A suspect is a number that a usual mistake would give for a graph, computed from it, and the
sentence to say then. A gradient is linear in each local derivative, so that what a wrong one makes
of the whole is known without walking the paths. No sentence holds a number: it might be the right
one. Next: `exercises.py`, which compares.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from glassgrad.engine import TABLE, ChangedDataError, Value
from glassgrad.engine.check import rounding_error
from glassgrad.engine.compiling.result import Total
from glassgrad.engine.op import HARD_PLACE
from glassgrad.viz.backprop import backprop
from glassgrad.viz.derivation import derivation
from glassgrad.viz.diagram import Diagram, Node

Suspect = tuple[float, str]
"""The number that a mistake gives, and what to say of it."""
NUMBER = re.compile(r"(?<![\w.])[-−]?\d+\.?\d*(?:e[-+]?\d+)?(?!\w)")
"""A number that stands by itself in a text: not that of a name such as w1."""
_WORDS = {
    **{"add": "the sum", "sub": "the difference", "mul": "the product", "div": "the quotient"},
    **{"pow": "the power", "neg": "the minus sign", "dot": "the weighted sum"},
}


class Edge(NamedTuple):
    """An edge on the way from the result back to the node that is differentiated by.

    Attributes:
        node, position, operand: the node, which of its operands, and that operand.
        operands: all operands of the node.
        local: the local derivative.
        upstream: the gradient of the node.
        reach: the derivative of the operand by the node that is differentiated by.
    """

    node: Node
    position: int
    operand: Node
    operands: Sequence[Node]
    local: float
    upstream: float
    reach: float

    @property
    def through(self) -> float:
        """What comes to the gradient along this edge."""
        return self.upstream * self.local * self.reach


class Question:
    """One number that is asked for: the value of `of`, or its derivative by `by`.

    Attributes:
        right: the answer.
        noise: how far rounding may have moved it.
        key: says which question it is, also of a graph that was computed anew.

    >>> from glassgrad import Value
    >>> from glassgrad.viz.suspects import Question
    >>> x = Value(3.0, label="x")
    >>> next(text for number, text in Question(x * x, x).suspects() if number == 3.0)
    'That is the value of x. Asked for is by how much v1 changes with it.'
    """

    def __init__(self, of: Value, by: Value | None) -> None:
        self.steps = backprop(of)
        self.diagram, self.root = self.steps.diagram, self.steps.root
        _refuse_changed(self.diagram)
        self.of, self.by = of, by
        self.target = None if by is None else self.diagram.values[by]
        nodes = [(n.operation, n.data, n.parents, n.label) for n in self.diagram]
        self.key = hash((str(nodes), self.root, self.target))
        self._names = {node.index: self._name(node) for node in self.diagram}
        if self.target is None:
            self.right = self.diagram[self.root].data
            self.noise = rounding_error(
                (self.steps.gradients.get(n.index, 0.0), n.data,
                 [self.diagram[i].data for i in n.parents])
                for n in self.diagram if n.parents
            )  # fmt: skip
            return
        self.right = self.steps.gradients.get(self.target, 0.0)
        self.reach = self._reached()
        self.edges = self._edges()
        self.noise = sys.float_info.epsilon * len(self.diagram) * self._size()

    @staticmethod
    def _name(node: Node) -> str:
        return "a node" if NUMBER.search(node.name) else node.name

    def _reached(self) -> dict[int, float]:
        """The derivative by the target of every node that depends on it."""
        assert self.target is not None
        reach = {self.target: 1.0}
        for node in self.diagram:
            for _, parent, local in node.edges():
                if local is not None and parent in reach and node.index != self.target:
                    reach[node.index] = reach.get(node.index, 0.0) + local * reach[parent]
        return reach

    def _edges(self) -> list[Edge]:
        return [
            Edge(node, position, self.diagram[parent], [self.diagram[i] for i in node.parents],
                 local, self.steps.gradients[node.index], self.reach[parent])
            for node in reversed(self.diagram)
            if node.index in self.steps.gradients and node.index != self.target
            for position, parent, local in node.edges()
            if local is not None and parent in self.reach
        ]  # fmt: skip

    def _size(self) -> float:
        """The sum of the absolute values of what the gradient is a sum of, over all paths."""
        size = {self.root: 1.0}
        for edge in self.edges:
            through = size[edge.node.index] * abs(edge.local)
            size[edge.operand.index] = size.get(edge.operand.index, 0.0) + through
        return size.get(self.target or 0, 0.0)

    def suspects(self) -> Iterator[Suspect]:
        """The numbers that mistakes give, the likeliest first; they may be the right one too."""
        for suspects in OF_VALUES if self.target is None else OF_GRADIENTS:
            yield from suspects(self)

    def name(self, index: int | None) -> str:
        """The name of a node, as the drawing has it."""
        return self._names[self.root if index is None else index]

    @property
    def is_shared(self) -> bool:
        """Whether there are several paths from the result to what it is differentiated by."""
        return len(self.edges) > len({edge.node.index for edge in self.edges})

    def changed(self, edge: Edge, local: float) -> float:
        """The gradient, had an edge another local derivative."""
        rest = self.right - edge.through
        return (0.0 if abs(rest) <= self.noise else rest) + edge.upstream * local * edge.reach

    def sentence(self, text: str, edge: Edge) -> str:
        """A sentence about an edge, with the names of what is on it."""
        return text.format(
            function=_function(edge.node),
            node=self.name(edge.node.index),
            operand=self.name(edge.operand.index),
            root=self.name(self.root),
            target=self.name(self.target),
        )

    def hides(self, text: str) -> bool:
        """Whether a text leaves the right number out, to four digits."""
        numbers = [float(found.replace("−", "-")) for found in NUMBER.findall(text)]
        return not any(math.isclose(abs(n), abs(self.right), rel_tol=5e-3) for n in numbers)

    def hints(self) -> list[str]:
        """What helps, each a little more; none has the right number."""
        found = [*(_ways if self.target is None else _factors)(self)]
        root, end = self.name(self.root), "the end" if self.by is None else self.name(self.target)
        found.append(
            f"backprop({root}) shows every step: cover what stands right of each =, say it, and "
            f"go on until {end}."
        )
        return [hint for hint in dict.fromkeys(found) if self.hides(hint)]


def _function(node: Node) -> str:
    if node.operation is None or node.is_compiled:
        return node.function
    return _WORDS.get(node.operation.name, node.operation.name)


def _refuse_changed(diagram: Diagram) -> None:
    """Refuse a graph whose numbers are no longer those that it was computed from."""
    for node in diagram:
        if node.operation is None or isinstance(node.operation, Total):  # samples are not kept
            continue
        numbers = tuple(diagram[i].data for i in node.parents)
        wanted = tuple(partial is not None for partial in node.partials)
        now = () if node.is_compiled else node.operation.partials(numbers, node.data, wanted)
        pairs = [(a, b) for a, b in zip(now, node.partials) if a is not None]
        if not node.operation.is_unchanged(numbers, node.data, pairs, _same):
            raise ChangedDataError(
                f"{node.name} was computed when its operands had other numbers than now, so there "
                "is no one right answer. Compute the result again, then check."
            )


def _same(a: float, b: float | None) -> bool:
    return b is not None and (math.isclose(a, b, rel_tol=1e-9) or (a != a and b != b))


# Hints.


def _factors(question: Question) -> Iterator[str]:
    """The factors as questions, then the chain rule in symbols, then in formulas."""
    stretches = _stretches(question)
    if not stretches:
        return
    root, target = question.name(question.root), question.name(question.target)
    asked = [
        f"{question.name(stretch[0].node.index)} change with "
        f"{question.name(stretch[-1].operand.index)} (the local derivative of {_local_of(stretch)})"
        for stretch in stretches
    ]
    questions = " ".join(f"By how much does {each}?" for each in asked[:_MOST_FACTORS])
    if len(asked) > _MOST_FACTORS:
        questions += f" And so on, back to {target}."
    multiply = " Multiply." if len(asked) > 1 else ""
    several = f" {root} depends on {target} by several ways: do so for each, and add up."
    yield f"{questions}{multiply}{several if question.is_shared else ''}"
    assert question.by is not None
    equation = derivation(question.of, question.by).equations[-1]
    for side in equation.sides:
        has_names = re.search(r"[^\W\d]", NUMBER.sub("", side.text))
        if has_names and len(side.text) <= _LONGEST:
            yield f"{equation.name.text} = {side.text}"


def _stretches(question: Question) -> list[list[Edge]]:
    """One path from the result, cut at its nodes; not inside of sums that nobody named."""
    found: list[list[Edge]] = []
    first = {edge.node.index: edge for edge in reversed(question.edges)}
    at, is_cut = question.root, True
    while at != question.target:
        edge = first.get(at)
        if edge is None:
            return []
        if is_cut:
            found.append([])
        found[-1].append(edge)
        is_cut = bool(edge.operand.label) or not _is(edge, *_SUMS)
        at = edge.operand.index
    return found


def _local_of(stretch: Sequence[Edge]) -> str:
    """The function whose derivative a stretch has: what is no sum, unless all of it is."""
    return _function(next((e for e in stretch if not _is(e, *_SUMS)), stretch[0]).node)


def _ways(question: Question) -> Iterator[str]:
    """How the result is computed, from its end."""
    for node in reversed(question.diagram):
        if node.operation is not None and (node.label or node.index == question.root):
            yield f"{node.name} = {question.diagram.formula(node)}: what are those numbers?"


# Suspects for a derivative.


def _sign(question: Question) -> Iterator[Suspect]:
    yield -question.right, question_of_sign(question)


def question_of_sign(question: Question) -> str:
    if question.target is None:
        return "The size is right, the sign is not."
    root, target = question.name(question.root), question.name(question.target)
    return f"The size is right, the sign is not: does {root} grow or fall when {target} grows?"


def _values(question: Question) -> Iterator[Suspect]:
    """The value instead of the derivative."""
    assert question.target is not None
    root, target = question.name(question.root), question.name(question.target)
    asked = f"Asked for is by how much {root} changes with "
    yield question.diagram[question.target].data, f"That is the value of {target}. {asked}it."
    yield question.diagram[question.root].data, f"That is the value of {root}. {asked}{target}."


def _one_use(question: Question) -> Iterator[Suspect]:
    """The contribution of one of several uses alone, or all but one."""
    only = "That is the contribution of one use of {target} alone. Every use sends one."
    return _one_way(question, only, lambda edge: edge.operand.index == question.target)


def _one_node(question: Question) -> Iterator[Suspect]:
    """What comes by way of one node alone, or by all others."""
    only = "That is what comes by way of {node} alone: {target} acts on {root} by other ways too."
    return _one_way(question, only, lambda edge: True)


def _one_way(question: Question, only: str, is_meant: Callable[[Edge], bool]) -> Iterator[Suspect]:
    missing = "What comes by way of {node} is missing: every path to {target} counts."
    for edge in filter(is_meant, question.edges if question.is_shared else ()):
        yield edge.through, question.sentence(only, edge)
        yield question.right - edge.through, question.sentence(missing, edge)


def _unfinished(question: Question) -> Iterator[Suspect]:
    """The upstream gradient alone, or the local derivative alone."""
    for edge in reversed(question.edges):
        text = "That is the gradient that arrives at {node}. "
        if edge.node.index == question.root:
            text = "That is the gradient of {root} by itself, where everything begins. "
        text += "It goes on: by how much does {node} change with {operand}?"
        yield edge.upstream, question.sentence(text, edge)
    for edge in reversed(question.edges):
        if edge.node.index != question.root:
            text = "That is by how much {node} changes with {target}"
            is_local = edge.operand.index == question.target
            text += ", the local derivative alone." if is_local else "."
            text += " By how much does {root} change with {node}?"
            number = edge.local if is_local else question.reach[edge.node.index]
            yield number, question.sentence(text, edge)


def _engines(question: Question) -> Iterator[Suspect]:
    """What the wrong engines give."""
    at = question.target
    if at is None or at not in question.steps.gradients:
        return
    for mistake in question.steps.mistakes():
        other = f"An engine with this mistake gives this: {mistake.name}."
        yield mistake.gradients[at], ENGINES.get(mistake.name, other)


def _engines_of_shared(question: Question) -> Iterator[Suspect]:
    """Those that go wrong in one backward(), where there is more than one path."""
    return (found for found in _engines(question) if found[1] in list(ENGINES.values())[:2])


ENGINES = {
    "= instead of +=": "An engine that writes = where += belongs gives this: a contribution was "
    "replaced where it is to be added.",
    "no order": "An engine without an order gives this: a node sent its gradient on before all "
    "its contributions had come.",
    "inner nodes never zeroed": "A second backward() that zeroes nothing, inner nodes neither, "
    "gives this.",
    "leaves not zeroed": "A second backward() without zero_grad() before it gives this.",
}


def _others(question: Question) -> Iterator[Suspect]:
    """What belongs to another node."""
    target = question.name(question.target)
    for node in question.diagram:
        if node.index not in (question.target, question.root) and not node.is_constant:
            name = question.name(node.index)
            if node.index in question.steps.gradients:
                gradient = question.steps.gradients[node.index]
                yield gradient, f"That is the gradient of {name}, not of {target}."
            yield node.data, f"That is the value of {name}."


def _upside_down(question: Question) -> Iterator[Suspect]:
    if question.right:
        yield 1.0 / question.right, "That is upside down: the change of the result stands on top."


# Wrong factors: the local derivative that each mistake takes instead of the right one.


def _textbook(edge: Edge, result: float) -> float | None:
    """The derivative of a function of one operand as a textbook writes it, at another result."""
    operation = edge.node.operation
    if operation is None or edge.node.is_compiled or operation.arity != 1:
        return None
    rule = operation.textbook[0]
    return rule(edge.operand.data, result) if callable(rule) else None


def _at_output(edge: Edge) -> float | None:
    operation = edge.node.operation
    if operation is None or edge.node.is_compiled or operation.arity != 1:
        return None
    return operation.partials((edge.node.data,), operation.forward((edge.node.data,)))[0]


def _is(edge: Edge, *names: str, position: int | None = None) -> bool:
    """Whether the operation of an edge is one of these rows of the table, at this operand."""
    is_row = any(edge.node.operation is TABLE[name] for name in names)
    return is_row and position in (None, edge.position)


def _in_degrees(edge: Edge) -> float | None:
    operation = edge.node.operation
    if operation is None or not _is(edge, "sin", "cos", "tan"):
        return None
    x = math.radians(edge.operand.data)
    return operation.partials((x,), operation.forward((x,)))[0]


FACTORS: dict[str, tuple[Callable[[Edge], float | None], str]] = {
    "exponent forgotten": (
        lambda e: e.local / e.operands[1].data if _is(e, "pow", position=0) else None,
        "The exponent is missing: in the derivative of {node} it comes down as a factor.",
    ),
    "exponent kept": (
        lambda e: e.operands[1].data * e.node.data if _is(e, "pow", position=0) else None,
        "In the derivative of {node} the exponent comes down as a factor, and is one less.",
    ),
    "left out": (
        lambda e: 1.0,
        "The factor of {function} is missing: by how much does {node} change with {operand}?",
    ),
    "input for output": (
        lambda e: _textbook(e, e.operand.data),
        "In the derivative of {function} stands its output {node}, not its input {operand}.",
    ),
    "output for input": (
        _at_output,
        "The derivative of {function} is taken at its input {operand}, not at its output {node}.",
    ),
    "the function itself": (
        lambda e: e.node.data,
        "That takes the value of {node} for a factor: what is the derivative of {function}?",
    ),
    "own operand of a product": (
        lambda e: e.operand.data if _is(e, "mul") else None,
        "In a product, the derivative by one operand is the other: which one belongs to {operand}?",
    ),
    "a sum as a product": (
        lambda e: e.operands[1 - e.position].data if _is(e, "add", "sub") else None,
        "{node} is no product: by how much does it change with {operand}?",
    ),
    "denominator once": (
        lambda e: e.local * e.operand.data if _is(e, "div", position=1) else None,
        "The denominator {operand} is squared in the derivative of {node} by it.",
    ),
    "degrees": (_in_degrees, "That takes degrees: {function} takes radians."),
    "sign": (
        lambda e: -e.local,
        "The sign of one factor: does {node} grow or fall when {operand} grows?",
    ),
    "upside down": (
        lambda e: 1.0 / e.local,
        "The factor of {function} is upside down.",
    ),
}
"""By its name: the wrong local derivative, None where the mistake cannot be made; the sentence."""
TWICE = {"twice": (lambda e: e.local * e.local, "The factor of {function} is used twice.")}


def _wrong_factors(
    rows: dict[str, tuple[Callable[[Edge], float | None], str]],
) -> Callable[[Question], Iterator[Suspect]]:
    def suspects(question: Question) -> Iterator[Suspect]:
        for wrong, text in rows.values():
            for edge in question.edges:
                with suppress(*HARD_PLACE):  # there the mistake gives no number
                    local = wrong(edge)
                    if local is not None:
                        yield question.changed(edge, local), question.sentence(text, edge)

    return suspects


# Suspects for a value.


def _values_of_others(question: Question) -> Iterator[Suspect]:
    root = question.name(question.root)
    for node in reversed(question.diagram):
        if node.index != question.root and not node.is_constant:
            yield node.data, f"That is the value of {question.name(node.index)}, not yet of {root}."


def _evaluated(question: Question) -> Iterator[Suspect]:
    """A leaf left out or of the other sign; a function left out, or of degrees."""
    diagram = question.diagram
    if not diagram.can_evaluate or diagram.cost > _MOST_EVALUATED:
        return

    def root_if(node: Node, number: float) -> float:
        return diagram.evaluate({node.index: number})[question.root]

    for node in diagram:
        name = question.name(node.index)
        with suppress(*HARD_PLACE):
            if len(node.parents) == 1:
                operand = diagram[node.parents[0]]
                yield root_if(node, operand.data), f"{_function(node)} is left out."
                if node.operation in (TABLE["sin"], TABLE["cos"], TABLE["tan"]):
                    inner = node.operation.forward((math.radians(operand.data),))
                    yield root_if(node, inner), f"{_function(node)} takes radians, not degrees."
            elif not node.parents and not node.is_constant:
                yield root_if(node, 0.0), f"{name} is left out."
                yield root_if(node, -node.data), f"{name} is taken with the other sign."


def _slopes(question: Question) -> Iterator[Suspect]:
    for index, gradient in question.steps.gradients.items():
        if index != question.root and not question.diagram[index].is_constant:
            yield gradient, f"That is the gradient of {question.name(index)}. Asked for is a value."


OF_GRADIENTS = (
    _sign, _values, _one_use, _engines_of_shared, _unfinished, _wrong_factors(FACTORS), _engines,
    _wrong_factors(TWICE), _others, _upside_down,
)  # fmt: skip
OF_VALUES = (_sign, _values_of_others, _evaluated, _slopes)
_SUMS = ("add", "sum", "pos")
_LONGEST = 200
_MOST_FACTORS = 4
_MOST_EVALUATED = 300
