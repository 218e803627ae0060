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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

from glassgrad.engine import TABLE, ChangedDataError, Operation, Value
from glassgrad.engine.misuse import name as name_of
from glassgrad.engine.op import HARD_PLACE
from glassgrad.engine.text import describe
from glassgrad.viz.answers import NUMBER, Gave, Question, Typed, shows
from glassgrad.viz.backprop import Backprop
from glassgrad.viz.derivation import Derivation, derivation
from glassgrad.viz.diagram import Node
from glassgrad.viz.mistakes import Mistake

_WORDS = {
    **{"add": "the sum", "sub": "the difference", "mul": "the product", "div": "the quotient"},
    **{"pow": "the power", "neg": "the minus sign", "dot": "the weighted sum"},
}
_LONGEST = 200  # a hint of more characters is left out
_LONGEST_FORMULA = 24  # with a formula of more characters an unnamed node is not introduced
_MOST_PATHS, _MOST_EDGES = 32, 200  # where there are more, no single path is looked for
_MOST_FACTORS = 4  # of more factors a hint asks for the first two


class Edge(NamedTuple):
    """An edge on the way from the result back to the node that is differentiated by.

    Attributes:
        node, position, operand: the node, which of its operands, and that operand.
        uses: how often the node has the operand.
        upstream: the gradient of the node.
        reach: the derivative of the operand by the node that is differentiated by.
    """

    node: Node
    position: int
    operand: Node
    operands: Sequence[Node]
    uses: int
    local: float
    upstream: float
    reach: float

    @property
    def through(self) -> float:
        """What comes to the gradient along this edge."""
        return self.upstream * self.local * self.reach

    @property
    def function_of_one(self) -> Operation | None:
        """Its operation, if that has one operand."""
        row = self.node.operation
        return row if row is not None and row.arity == 1 and not self.node.is_compiled else None

    # In sentences:

    @property
    def times(self) -> str:
        return "twice" if self.uses == 2 else f"{self.uses} times"

    @property
    def function(self) -> str:
        if self.node.operation is None or self.node.is_compiled:
            return self.node.function
        return _WORDS.get(self.node.operation.name, self.node.operation.name)

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
        self.edges = list(self._edges(reach))
        if by is None:
            right = self.root.data
            size = sum(abs(g * self.diagram[i].data) for i, g in self.gradients.items())
        elif self.target.is_frozen:  # it has a derivative, though no gradient reaches it
            right = reach.get(self.root.index, 0.0)
        else:
            right = self.gradients.get(self.target.index, 0.0)
        super().__init__([right], [""])
        noise = sys.float_info.epsilon * len(self.diagram) * size
        self.noise = noise if math.isfinite(noise) else 0.0

    def _index_of_by(self) -> int:
        if not isinstance(self.by, Value):
            raise TypeError(
                f"check differentiates by a Value of the graph, not by {describe(self.by)}. Write "
                "by=x for the Value x that the result was computed from."
            )
        name = name_of(self.by)
        if self.by.is_constant:
            raise ValueError(f"{name} is a constant: no gradient flows to it. Give a Value.")
        if self.by not in self.diagram.values:
            raise ValueError(
                f"{name} is not in the graph of {name_of(self.of)}, so there is no derivative to "
                "ask for. Give a Value that the result was computed from."
            )
        return self.diagram.values[self.by]

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

    def _edges(self, reach: dict[int, float]) -> Iterator[Edge]:
        for node in reversed(self.diagram):
            if node.index in self.gradients and node is not self.target:
                upstream, uses = self.gradients[node.index], Counter(node.parents)
                operands = [self.diagram[parent] for parent in node.parents]
                for i, parent, local in node.edges():
                    if local is not None and parent in reach:
                        yield Edge(
                            node, i, operands[i], operands, uses[parent], local, upstream,
                            reach[parent],
                        )  # fmt: skip

    @cached_property
    def is_shared(self) -> bool:
        """Whether there are several paths from the result to what it is differentiated by."""
        return len(self.edges) > len({edge.node.index for edge in self.edges})

    @cached_property
    def engines(self) -> Sequence[Mistake]:
        return self.steps.mistakes()

    @cached_property
    def derivation(self) -> Derivation:
        return derivation(self.of, self.by)

    def suspects(self, gave: Gave) -> Iterator[str]:
        for things, gives, sentence in _IN_VALUES if self.by is None else _IN_GRADIENTS:
            for thing in things(self):
                number = None
                with suppress(*HARD_PLACE):  # there the mistake gives no number
                    number = gives(self, thing)
                if number is not None and gave([number]):
                    yield self.said(sentence, thing)
        yield from super().suspects(gave)

    def hint(self, tried: int) -> str:
        """What helps, each try a little more: questions, symbols, formulas, the steps."""
        found = [*(_formulas if self.by is None else _factors)(self)]
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
        self, text: str, about: Any = None, known: set[int] | None = None, **nodes: Node
    ) -> str:
        """A sentence with the names of the result, the target, given nodes, and what it is about.

        A node that is not yet `known`, by its index, is introduced.
        """
        nodes |= {"root": self.root, "target": self.target, "other": about}
        known = set() if known is None else known

        def word(found: re.Match[str]) -> str:
            if found[1] == "formula":
                return self.short_formula(about.node) or str(about.node.name)
            thing = nodes[found[1]] if found[1] in nodes else getattr(about, found[1])
            if not isinstance(thing, Node):
                return str(thing)
            is_new = thing.index not in known
            known.add(thing.index)
            return self.introduced(thing) if is_new else thing.name

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

    def by_way_of(self, edge: Edge) -> float:
        """All that comes by way of the operand of an edge."""
        return self.gradients[edge.operand.index] * edge.reach


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
    equation = question.derivation.equations[-1]
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


def _formulas(question: GraphQuestion) -> Iterator[str]:
    for node in reversed(question.diagram):
        if node.operation is not None and (node.label or node is question.root):
            yield f"{node.name} = {question.diagram.formula(node)}: what are those numbers?"


# Mistakes: what each is made with, the number that it gives, if any, and what to say.


_Things = Callable[[GraphQuestion], Iterable[Any]]
_Slip = tuple[_Things, Callable[[GraphQuestion, Any], float | None], str]
"""Of what it is made, the number it gives, if any, and the sentence."""


class Path(NamedTuple):
    """A path from the result to what it is differentiated by, and the product along it."""

    arrows: str
    product: float


def _uses(question: GraphQuestion) -> list[Edge]:
    """The edges to what is differentiated by, where there are several paths to it."""
    return [e for e in question.edges if question.is_shared and e.operand is question.target]


def _uses_between(question: GraphQuestion) -> list[Edge]:
    return [e for e in question.edges if question.is_shared and e.operand is not question.target]


def _ways(question: GraphQuestion) -> list[Edge]:
    """An edge to each node between that some paths lead through, and some do not."""
    one_each = {edge.operand.index: edge for edge in _uses_between(question)}.values()
    right = question.right[0]
    return [e for e in one_each if abs(right - question.by_way_of(e)) > question.noise]


def _paths(question: GraphQuestion) -> Iterator[Path]:
    if not 0 < len(question.edges) <= _MOST_EDGES or question.derivation.paths > _MOST_PATHS:
        return
    for path in question.derivation.each_path():
        names = [question.root.name, *(question.diagram[operand].name for _, _, operand, _ in path)]
        yield Path(" → ".join(names), math.prod(local for *_, local in path))


def _others(question: GraphQuestion) -> Iterator[Node]:
    asked = (question.target, question.root)
    return (n for n in reversed(question.diagram) if n not in asked and not n.is_constant)


_one_call: _Things = lambda q: q.engines[:2]  # which go wrong in one backward()
_two_calls: _Things = lambda q: q.engines[2:]
_edges: _Things = lambda q: q.edges
_edges_from_target: _Things = lambda q: q.edges[::-1]
_this: _Things = lambda q: [q]


def _at(edge: Edge, x: float) -> float | None:
    """The derivative of a function of one operand at another operand."""
    row = edge.function_of_one
    return None if row is None else row.partials((x,), row.forward((x,)))[0]


def _with_input(edge: Edge) -> float | None:
    """The derivative as a textbook writes it, with the operand where the result belongs."""
    rule = None if edge.function_of_one is None else edge.function_of_one.textbook[0]
    return rule(edge.operand.data, edge.operand.data) if callable(rule) else None


def _factor(wrong: Callable[[Edge], float | None], sentence: str) -> _Slip:
    def gives(question: GraphQuestion, edge: Edge) -> float | None:
        local = wrong(edge)
        return None if local is None else question.with_local(edge, local)

    return _edges, gives, sentence


_IN_GRADIENTS: tuple[_Slip, ...] = (
    (_this, lambda q, _: -q.right[0],
     "The size is right, the sign is not: does {root} grow or fall when {target} grows?"),
    (_this, lambda q, _: q.target.data,
     "That is the value of {target}. Asked for is by how much {root} changes with it."),
    (_this, lambda q, _: q.root.data,
     "That is the value of {root}. Asked for is by how much {root} changes with {target}."),
    (_uses, lambda q, e: e.through,
     "That is the contribution of one use of {target} alone. Every use sends one."),
    (_uses, lambda q, e: q.right[0] - e.through if e.uses == 1 else None,
     "The use of {operand} in {node} is left out: every use sends a contribution."),
    (_uses, lambda q, e: q.right[0] - e.through if e.uses > 1 else None,
     "One of the uses of {operand} is left out: {formula} sends {times}."),
    (_ways, lambda q, e: q.right[0] - q.by_way_of(e),
     "What comes by way of {operand} is missing: every path to {target} counts."),
    (_uses_between, lambda q, e: q.right[0] - e.through if e.uses == 1 else None,
     "The use of {operand} in {node} is left out: every use sends a contribution."),
    (_uses_between, lambda q, e: q.right[0] - e.through if e.uses > 1 else None,
     "One of the uses of {operand} is left out: {formula} sends {times}."),
    (_paths, lambda q, p: q.right[0] - p.product, "One path is left out: {arrows}."),
    (_one_call, lambda q, m: m.gradients.get(q.target.index), "{says}"),
    (_ways, lambda q, e: q.by_way_of(e),
     "That is what comes by way of {operand} alone: {target} acts on {root} by other ways too."),
    (_uses_between, lambda q, e: e.through,
     "That is the contribution of one use of {operand} alone: there are others."),
    (_edges_from_target, lambda q, e: e.upstream if e.node is q.root else None,
     "That is the gradient of {root} by itself, where everything begins. It goes on: by how much "
     "does {node} change with {operand}?"),
    (_edges_from_target, lambda q, e: e.upstream if e.node is not q.root else None,
     "That is the gradient that arrives at {node}. It goes on: by how much does {node} change with "
     "{operand}?"),
    (_edges_from_target,
     lambda q, e: e.local if e.node is not q.root and e.operand is q.target else None,
     "That is by how much {node} changes with {target}, the local derivative alone. By how much "
     "does {root} change with {node}?"),
    (_edges_from_target,
     lambda q, e: e.local * e.reach if e.operand is not q.target and e.node is not q.root else None,
     "That is by how much {node} changes with {target}. By how much does {root} change with "
     "{node}?"),
    _factor(lambda e: e.local / e.operands[1].data if e.of("pow", position=0) else None,
        "The exponent is missing: in the derivative of {node} it comes down as a factor."),
    _factor(lambda e: e.operands[1].data * e.node.data if e.of("pow", position=0) else None,
        "In the derivative of {node} the exponent comes down as a factor, and is one less."),
    _factor(lambda e: 1.0,
        "The factor of {function} is missing: by how much does {node} change with {operand}?"),
    _factor(_with_input,
        "In the derivative of {function} stands its output {node}, not its input {operand}."),
    _factor(lambda e: _at(e, e.node.data),
        "The derivative of {function} is taken at its input {operand}, not at its output {node}."),
    _factor(lambda e: e.node.data,
        "That takes the value of {node} for a factor: what is the derivative of {function}?"),
    _factor(lambda e: e.operand.data if e.of("mul") else None,
        "In a product, the derivative by one operand is the other: which one belongs to "
        "{operand}?"),
    _factor(lambda e: e.operands[1 - e.position].data if e.of("add", "sub") else None,
        "{node} is no product: by how much does it change with {operand}?"),
    _factor(lambda e: e.local * e.operand.data if e.of("div", position=1) else None,
        "The denominator {operand} is squared in the derivative of {node} by it."),
    _factor(lambda e: _at(e, math.radians(e.operand.data)) if e.of("sin", "cos", "tan") else None,
        "That takes degrees: {function} takes radians."),
    _factor(lambda e: -e.local,
        "The sign of one factor: does {node} grow or fall when {operand} grows?"),
    _factor(lambda e: 1.0 / e.local, "The factor of {function} is upside down."),
    (_two_calls, lambda q, m: m.gradients.get(q.target.index), "{says}"),
    _factor(lambda e: e.local * e.local, "The factor of {function} is used twice."),
    (_others, lambda q, n: q.gradients.get(n.index),
     "That is the gradient of {other}, not of {target}."),
    (_others, lambda q, n: n.data, "That is the value of {other}."),
)  # fmt: skip
"""Mistakes in a derivative, the likeliest first."""
_IN_VALUES: tuple[_Slip, ...] = (
    (_others, lambda q, n: n.data, "That is the value of {other}, not yet of {root}."),
)
