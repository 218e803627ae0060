"""Where a wrong number of a graph comes from: the suspects behind the verdicts of `check`.

A suspect is a number that a usual mistake would give for a graph, computed from it, and the
sentence to say then. A gradient is linear in each local derivative, so that what a wrong one makes
of the whole is known without walking the paths. The tables at the end have the mistakes, the
likeliest first. Next: `exercises.py`, which judges, and leaves out what shows the right number.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from glassgrad.engine import TABLE, ChangedDataError, Value
from glassgrad.engine.misuse import name as name_of
from glassgrad.engine.op import HARD_PLACE
from glassgrad.engine.text import describe
from glassgrad.viz.answers import NUMBER, Question, Suspect, Typed, shows
from glassgrad.viz.backprop import Backprop
from glassgrad.viz.derivation import derivation
from glassgrad.viz.diagram import Node

_WORDS = {
    **{"add": "the sum", "sub": "the difference", "mul": "the product", "div": "the quotient"},
    **{"pow": "the power", "neg": "the minus sign", "dot": "the weighted sum"},
}
_LONGEST = 200
"""A hint of more characters is left out."""
_LONGEST_FORMULA = 24
"""With a formula of more characters an unnamed node is not introduced."""
_MOST_PATHS, _MOST_EDGES = 32, 200
"""Where there are more, no single path is looked for."""
_MOST_FACTORS = 4
"""Of more factors a hint asks for the first two."""


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

    def of(self, *names: str, position: int | None = None) -> bool:
        """Whether its operation is one of these rows of the table, at this operand."""
        is_row = any(self.node.operation is TABLE[name] for name in names)
        return is_row and position in (None, self.position)


class GraphQuestion(Question):
    """One number that is asked for: the value of `of`, or its derivative by `by`.

    Of several the steps of `of` are the same.
    """

    def __init__(self, of: Value, by: Any, steps: Backprop) -> None:
        self.of, self.by, self.steps = of, by, steps
        self.diagram, self.gradients = steps.diagram, steps.gradients
        self.root = self.target = self.diagram[steps.root]
        if self.diagram.outdated:
            raise ChangedDataError(f"There is no one right answer: {self.diagram.outdated_note()}")
        if by is not None:
            self.target = self.diagram[self._index_of_by()]
        self._introduced: dict[int, str] = {}
        nodes = [(n.operation, n.data, n.parents, n.label) for n in self.diagram]
        self.key = hash((str(nodes), self.root.index, by is None, self.target.index))
        reach, size = self._reached()
        self.edges = [
            Edge(node, position, self.diagram[parent], self._operands(node), local,
                 self.gradients[node.index], reach[parent])
            for node in reversed(self.diagram)
            if node.index in self.gradients and node is not self.target
            for position, parent, local in node.edges()
            if local is not None and parent in reach
        ]  # fmt: skip
        right = self.root.data
        if by is not None:
            # A derivative by what is frozen is one, though no gradient reaches it.
            known = reach if self.target.is_frozen else self.gradients
            right = known.get(self.root.index if self.target.is_frozen else self.target.index, 0.0)
        else:
            size = sum(abs(g * self.diagram[i].data) for i, g in self.gradients.items())
        super().__init__([right], [""])
        noise = sys.float_info.epsilon * len(self.diagram) * size
        self.noise = noise if math.isfinite(noise) else 0.0

    def _index_of_by(self) -> int:
        if not isinstance(self.by, Value):
            raise TypeError(
                f"check differentiates by a Value of the graph, not by {describe(self.by)}. Write "
                "by=x for the Value x that the result was computed from."
            )
        if self.by.is_constant:
            problem = f"{name_of(self.by)} is a constant: no gradient flows to it."
            raise ValueError(f"{problem} Give a Value.")
        if self.by not in self.diagram.values:
            raise ValueError(
                f"{name_of(self.by)} is not in the graph of {name_of(self.of)}, so there is no "
                "derivative to ask for. Give a Value that the result was computed from."
            )
        return self.diagram.values[self.by]

    def _operands(self, node: Node) -> list[Node]:
        return [self.diagram[i] for i in node.parents]

    def _reached(self) -> tuple[dict[int, float], float]:
        """By the target, the derivative of every node that depends on it; the size of the result's.

        The size is the sum of the absolute values of all paths: rounding is a share of it.
        """
        reach, sizes = {self.target.index: 1.0}, {self.target.index: 1.0}
        for node in self.diagram[self.target.index + 1 :]:
            for _, parent, local in node.edges():
                if local is not None and parent in reach:
                    reach[node.index] = reach.get(node.index, 0.0) + local * reach[parent]
                    size = sizes.get(node.index, 0.0)
                    sizes[node.index] = size + abs(local) * sizes[parent]
        return reach, sizes.get(self.root.index, 0.0)

    @property
    def is_shared(self) -> bool:
        """Whether there are several paths from the result to what it is differentiated by."""
        return len(self.edges) > len({edge.node.index for edge in self.edges})

    def suspects(self) -> Iterator[Suspect]:
        """The numbers that mistakes give, the likeliest first; they may be the right one too."""
        for suspects in _OF_VALUES if self.by is None else _OF_GRADIENTS:
            yield from (([number], sentence) for number, sentence in suspects(self))
        yield from super().suspects()

    def hint(self, tried: int) -> str:
        """What helps, each try a little more: questions, symbols, formulas, the steps."""
        found = [*(_ways if self.by is None else _factors)(self)]
        found = [hint for hint in dict.fromkeys(found) if not shows(hint, self.right[0])]
        found.append(
            "backprop shows every step: cover what stands right of each =, say it, and go on until "
            "the end."
        )
        return found[min(tried, len(found) - 1)]

    def difference(self, answers: Sequence[Typed], least: int) -> str:
        """What to say of an answer that is nearly right, or ""."""
        return answers[0].near(self.right[0], least)

    def said(
        self, text: str, edge: Edge | None = None, known: set[int] | None = None, **others: Node
    ) -> str:
        """A sentence with the names of the result, the target, what is on an edge, and others.

        A node that is not yet `known`, by its index, is introduced.
        """
        nodes = {"root": self.root, "target": self.target, **others}
        if edge is not None:
            nodes |= {"node": edge.node, "operand": edge.operand}
        known = set() if known is None else known

        def word(found: re.Match[str]) -> str:
            if edge is not None and found[1] == "function":
                return _function(edge.node)
            if edge is not None and found[1] == "formula":
                return self.short_formula(edge.node) or edge.node.name
            node = nodes[found[1]]
            is_new = node.index not in known
            known.add(node.index)
            return self.introduced(node) if is_new else node.name

        return re.sub(r"\{(\w+)\}", word, text)

    def introduced(self, node: Node) -> str:
        """Its name; that of a node without a label says nothing, so its formula too, if short."""
        if node.index not in self._introduced:
            formula = "" if node.label else self.short_formula(node)
            self._introduced[node.index] = f"{node.name} = {formula}" if formula else node.name
        return self._introduced[node.index]

    def short_formula(self, node: Node) -> str:
        """How a node is computed, or "" if that is long or has the right number in it."""
        formula = self.diagram.formula(node)
        is_short = len(formula) <= _LONGEST_FORMULA and not shows(formula, self.right[0])
        return formula if is_short else ""

    def with_local(self, edge: Edge, local: float) -> float:
        """The gradient, had an edge another local derivative."""
        rest = self.right[0] - edge.through
        return (0.0 if abs(rest) <= self.noise else rest) + edge.upstream * local * edge.reach


_Suspects = Iterator[tuple[float, str]]


def _function(node: Node) -> str:
    if node.operation is None or node.is_compiled:
        return node.function
    return _WORDS.get(node.operation.name, node.operation.name)


# Hints.


def _factors(question: GraphQuestion) -> Iterator[str]:
    """The factors as questions, then the chain rule in symbols, then in formulas."""
    text = "By how much does {above} change with {operand} (the local derivative of {function})?"
    known: set[int] = set()
    asked = [question.said(text, edge, known, above=above) for above, edge in _path(question)]
    if not asked:
        return
    if len(asked) > _MOST_FACTORS:
        asked[2:] = [question.said("And so on, back to {target}.")]
    if len(asked) > 1:
        asked.append("Multiply.")
    if question.is_shared:
        several = "{root} depends on {target} by several ways: do so for each, and add up."
        asked.append(question.said(several))
    yield " ".join(asked)
    equation = derivation(question.of, question.by).equations[-1]
    for side in equation.sides:
        has_names = re.search(r"[^\W\d]", NUMBER.sub("", side.text))
        if has_names and len(side.text) <= _LONGEST:
            yield f"{equation.name.text} = {side.text}"


def _path(question: GraphQuestion) -> Iterator[tuple[Node, Edge]]:
    """One path from the result: from which node, and along which edge at the end of a stretch.

    Sums that nobody named are no stretches of their own.
    """
    first = {edge.node.index: edge for edge in reversed(question.edges)}
    above = at = question.root
    while at is not question.target and at.index in first:
        edge = first[at.index]
        at = edge.operand
        if at.label or at is question.target or not edge.of("add", "sum", "pos"):
            yield above, edge
            above = at


def _ways(question: GraphQuestion) -> Iterator[str]:
    """How the result is computed, from its end."""
    for node in reversed(question.diagram):
        if node.operation is not None and (node.label or node is question.root):
            yield f"{node.name} = {question.diagram.formula(node)}: what are those numbers?"


# Suspects for a derivative.


def _sign(question: GraphQuestion) -> _Suspects:
    turned = " does {root} grow or fall when {target} grows?"
    yield -question.right[0], question.said(f"The size is right, the sign is not:{turned}")


def _values(question: GraphQuestion) -> _Suspects:
    """The value instead of the derivative."""
    value = "That is the value of {}. Asked for is by how much {{root}} changes with {}."
    yield question.target.data, question.said(value.format("{target}", "it"))
    yield question.root.data, question.said(value.format("{root}", "{target}"))


def _uses(question: GraphQuestion) -> _Suspects:
    """The contribution of one of several uses alone, or all but one."""
    text = "That is the contribution of one use of {target} alone. Every use sends one."
    for edge in question.edges if question.is_shared else []:
        if edge.operand is question.target:
            yield edge.through, question.said(text, edge)
            yield _without(question, edge)


def _left_out(question: GraphQuestion) -> _Suspects:
    """All but what comes by way of one node between, by one use of it, or along one path."""
    text = "What comes by way of {operand} is missing: every path to {target} counts."
    for edge, through in _ways_between(question):
        yield question.right[0] - through, question.said(text, edge)
    for edge in _uses_between(question):
        yield _without(question, edge)
    for nodes, product in _paths(question):
        arrows = " → ".join(node.name for node in nodes)
        yield question.right[0] - product, f"One path is left out: {arrows}."


def _alone(question: GraphQuestion) -> _Suspects:
    """What comes by way of one node between alone, or by one use of it."""
    text = (
        "That is what comes by way of {operand} alone: {target} acts on {root} by other ways too."
    )
    for edge, through in _ways_between(question):
        yield through, question.said(text, edge)
    text = "That is the contribution of one use of {operand} alone: there are others."
    for edge in _uses_between(question):
        yield edge.through, question.said(text, edge)


def _uses_between(question: GraphQuestion) -> list[Edge]:
    edges = question.edges if question.is_shared else []
    return [edge for edge in edges if edge.operand is not question.target]


def _ways_between(question: GraphQuestion) -> Iterator[tuple[Edge, float]]:
    """By an edge to it, each node that some paths lead through, and all that comes that way."""
    for edge in {edge.operand.index: edge for edge in _uses_between(question)}.values():
        through = question.gradients[edge.operand.index] * edge.reach
        if abs(question.right[0] - through) > question.noise:
            yield edge, through


def _without(question: GraphQuestion, edge: Edge) -> tuple[float, str]:
    """All that comes but along one edge."""
    text = "The use of {operand} in {node} is left out: every use sends a contribution."
    if (uses := edge.node.parents.count(edge.operand.index)) > 1:
        times = "twice" if uses == 2 else f"{uses} times"
        text = f"One of the uses of {{operand}} is left out: {{formula}} sends {times}."
    return question.right[0] - edge.through, question.said(text, edge)


def _paths(question: GraphQuestion) -> Iterator[tuple[tuple[Node, ...], float]]:
    """The nodes and the product of every path from the result, if there are few."""
    counts = {question.target.index: 1}
    below: dict[int, list[Edge]] = {}
    for edge in reversed(question.edges):
        at = edge.node.index
        counts[at] = counts.get(at, 0) + counts[edge.operand.index]
        below.setdefault(at, []).append(edge)
    if len(question.edges) > _MOST_EDGES or counts.get(question.root.index, 0) > _MOST_PATHS:
        return
    to_do: list[tuple[tuple[Node, ...], float]] = [((question.root,), 1.0)]
    while to_do:
        nodes, product = to_do.pop()
        if nodes[-1] is question.target:
            yield nodes, product
        for edge in below.get(nodes[-1].index, ()):
            to_do.append(((*nodes, edge.operand), product * edge.local))


def _unfinished(question: GraphQuestion) -> _Suspects:
    """The upstream gradient alone, or the local derivative alone."""
    for edge in reversed(question.edges):
        text = "That is the gradient that arrives at {node}. "
        if edge.node is question.root:
            text = "That is the gradient of {root} by itself, where everything begins. "
        text += "It goes on: by how much does {node} change with {operand}?"
        yield edge.upstream, question.said(text, edge)
    for edge in reversed(question.edges):
        if edge.node is not question.root:
            is_local = edge.operand is question.target
            text = "That is by how much {node} changes with {target}"
            text += ", the local derivative alone." if is_local else "."
            text += " By how much does {root} change with {node}?"
            yield edge.local * edge.reach, question.said(text, edge)


_ONE_CALL = {
    "= instead of +=": "An engine that writes = where += belongs gives this: a contribution was "
    "replaced where it is to be added.",
    "no order": "An engine without an order gives this: a node sent its gradient on before all "
    "its contributions had come.",
}
_TWO_CALLS = {
    "inner nodes never zeroed": "A second backward() that zeroes nothing, inner nodes neither, "
    "gives this.",
    "leaves not zeroed": "A second backward() without zero_grad() before it gives this.",
}
"""What to say of the wrong engines of `mistakes.py`: in one backward(), and in a second."""


def _engines(sentences: Mapping[str, str]) -> Callable[[GraphQuestion], _Suspects]:
    def suspects(question: GraphQuestion) -> _Suspects:
        for mistake in question.steps.mistakes():
            if mistake.name in sentences and question.target.index in mistake.gradients:
                yield mistake.gradients[question.target.index], sentences[mistake.name]

    return suspects


def _used_twice(question: GraphQuestion) -> _Suspects:
    for edge in question.edges:
        text = question.said("The factor of {function} is used twice.", edge)
        yield question.with_local(edge, edge.local * edge.local), text


def _others(question: GraphQuestion) -> _Suspects:
    """What belongs to another node."""
    asked = ", not yet of {root}" if question.by is None else ""
    for node in reversed(question.diagram):
        if node not in (question.target, question.root) and not node.is_constant:
            if question.by is not None and node.index in question.gradients:
                text = question.said(
                    "That is the gradient of {other}, not of {target}.", other=node
                )
                yield question.gradients[node.index], text
            yield node.data, question.said(f"That is the value of {{other}}{asked}.", other=node)


def _at(edge: Edge, x: float) -> float | None:
    """The derivative of a function of one operand at another operand."""
    operation = edge.node.operation
    if operation is None or edge.node.is_compiled or operation.arity != 1:
        return None
    return operation.partials((x,), operation.forward((x,)))[0]


def _with_input(edge: Edge) -> float | None:
    """The derivative as a textbook writes it, with the operand where the result belongs."""
    operation, x = edge.node.operation, edge.operand.data
    if operation is None or edge.node.is_compiled or operation.arity != 1:
        return None
    rule = operation.textbook[0]
    return rule(x, x) if callable(rule) else None


_FACTORS: tuple[tuple[Callable[[Edge], float | None], str], ...] = (
    (
        lambda e: e.local / e.operands[1].data if e.of("pow", position=0) else None,
        "The exponent is missing: in the derivative of {node} it comes down as a factor.",
    ),
    (
        lambda e: e.operands[1].data * e.node.data if e.of("pow", position=0) else None,
        "In the derivative of {node} the exponent comes down as a factor, and is one less.",
    ),
    (
        lambda e: 1.0,
        "The factor of {function} is missing: by how much does {node} change with {operand}?",
    ),
    (
        _with_input,
        "In the derivative of {function} stands its output {node}, not its input {operand}.",
    ),
    (
        lambda e: _at(e, e.node.data),
        "The derivative of {function} is taken at its input {operand}, not at its output {node}.",
    ),
    (
        lambda e: e.node.data,
        "That takes the value of {node} for a factor: what is the derivative of {function}?",
    ),
    (
        lambda e: e.operand.data if e.of("mul") else None,
        "In a product, the derivative by one operand is the other: which one belongs to {operand}?",
    ),
    (
        lambda e: e.operands[1 - e.position].data if e.of("add", "sub") else None,
        "{node} is no product: by how much does it change with {operand}?",
    ),
    (
        lambda e: e.local * e.operand.data if e.of("div", position=1) else None,
        "The denominator {operand} is squared in the derivative of {node} by it.",
    ),
    (
        lambda e: _at(e, math.radians(e.operand.data)) if e.of("sin", "cos", "tan") else None,
        "That takes degrees: {function} takes radians.",
    ),
    (lambda e: -e.local, "The sign of one factor: does {node} grow or fall when {operand} grows?"),
    (lambda e: 1.0 / e.local, "The factor of {function} is upside down."),
)
"""The wrong local derivative, None where the mistake cannot be made; and the sentence."""


def _wrong_factors(question: GraphQuestion) -> _Suspects:
    for wrong, text in _FACTORS:
        for edge in question.edges:
            with suppress(*HARD_PLACE):  # there the mistake gives no number
                local = wrong(edge)
                if local is not None:
                    yield question.with_local(edge, local), question.said(text, edge)


_OF_GRADIENTS = (
    _sign, _values, _uses, _left_out, _engines(_ONE_CALL), _alone, _unfinished, _wrong_factors,
    _engines(_TWO_CALLS), _used_twice, _others,
)  # fmt: skip
_OF_VALUES = (_others,)
