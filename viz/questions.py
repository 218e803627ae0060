"""What exercises ask for: numbers, functions at many points, and numbers of a graph.

Each is a `Question`: the right numbers, what usual mistakes make of them, and hints. A gradient is
linear in each local derivative, so that what a wrong one makes of the whole is known without
walking the paths. Next: `exercises.py`, which judges, and leaves out what shows the right number.
"""

from __future__ import annotations

import math
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from inspect import Parameter, signature
from typing import Any, NamedTuple

from glassgrad.engine import NOT_COMPUTED, TABLE, ChangedDataError, Operation, Value, grad
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.misuse import name as name_of
from glassgrad.engine.op import HARD_PLACE
from glassgrad.engine.text import describe, function_name, told
from glassgrad.engine.tree import is_sequence, leaves_of, scalar_of
from glassgrad.viz.backprop import Backprop
from glassgrad.viz.derivation import derivation
from glassgrad.viz.diagram import Node

Suspect = tuple[Sequence[float], Callable[[], str]]
"""The numbers that a mistake gives, and what to say of it; a large graph has a thousand of them."""
_NUMBERS: tuple[tuple[Callable[[float], float], str], ...] = (
    (lambda x: -x, "The size is right, the sign is not."),
    (lambda x: 1.0 / x, "That is upside down."),
    (lambda x: 100.0 * x, "That is in per cent."),
    (math.degrees, "That is in degrees, not in radians."),
)
"""What mistakes make of a number, and what to say."""
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d+\.?\d*(?:e[-+]?\d+)?(?!\w)")
"""A number that stands by itself in a text: not that of a name such as w1."""
_LONGEST = 200  # a hint of more characters is left out
_LONGEST_FORMULA = 24  # with a formula of more characters an unnamed node is not introduced


class Question:
    """Numbers that are asked for, and the place of each, to begin a sentence with; "" for one.

    `noise` is how far rounding may have moved them, `key` says which question it is if there are
    several hints, one for each try.
    """

    key: int | None = None

    def __init__(self, right: Sequence[float], places: Sequence[str], noise: float = 0.0) -> None:
        self.right, self.places, self.noise = right, places, noise

    def suspects(self) -> Iterator[Suspect]:
        """What mistakes give, the likeliest first."""
        for mistake, sentence in _NUMBERS:
            with suppress(ArithmeticError):
                yield [mistake(x) for x in self.right], partial(str, sentence)

    def hint(self, tried: int) -> str:
        """What helps further, after so many tries; "" if nothing."""
        return ""


def shows(text: str, right: float) -> bool:
    """Whether a text has a number in it, whatever its sign, to two digits; an index is none."""
    found = _NUMBER.findall(re.sub(r"\[\d+\]", "", text))
    numbers = [float(each.replace("−", "-")) for each in found]
    return any(math.isclose(abs(x), abs(right), rel_tol=5e-3) for x in numbers)


def number(answer: Any, role: str) -> float:
    """An answer as a float, if it is a number that a person could have meant."""
    answer = scalar_of(answer)
    if answer is NOT_COMPUTED:
        raise ValueError(
            f"{role} is a gradient that was not computed yet. Call backward() on the result first."
        )
    if type(answer).__name__.startswith("bool"):  # numpy's too
        raise TypeError(f"{role} is a number, not {describe(answer)}.")
    if is_sequence(answer):
        parts = leaves_of(answer) if hasattr(answer, "__len__") else []
        meant = told(parts[0]) if len(parts) == 1 and is_real(parts[0]) else "one number"
        raise TypeError(f"{role} takes a real number, not {describe(answer)}. Write {meant}.")
    return real(answer, role)


# Functions.


class FunctionQuestion(Question):
    """What a function of numbers, or its derivative by one operand, gives at many points."""

    def __init__(self, of: Callable[..., Any], by: Any) -> None:
        self.of, self.by = of, by
        names, domains = _operands(of)
        if by is not None and (type(by) is not int or not 0 <= by < len(names)):
            raise ValueError(
                f"by is the place of an operand of {function_name(of)}, 0 to {len(names) - 1}, not "
                f"{told(by)}."
            )
        chance, found = random.Random(0), dict[tuple[float, ...], float]()
        for _ in range(40):
            point = tuple(round(chance.uniform(*domain), 2) for domain in domains)
            with suppress(ArithmeticError, ValueError):  # outside its domain
                if math.isfinite(right := self._at(point, by)):
                    found[point] = right
        if not found:
            problem = f"{function_name(of)} has no number anywhere in {domains} to compare."
            raise ValueError(problem)
        self.points = list(found)
        places = [", ".join(f"{n} = {x:g}" for n, x in zip(names, point)) for point in found]
        # Terms that cancel are about as large as the function elsewhere; digits do the rest.
        noise = min(1e-9, 1e-14 * max(map(abs, found.values())))
        super().__init__(list(found.values()), places, noise)

    def _at(self, point: Sequence[float], by: int | None) -> float:
        if by is None:
            return plain(called(self.of, point))
        xs = [Value(x) for x in point]
        y = self.of(*xs)
        if not isinstance(y, Value):
            raise TypeError(
                f"{function_name(self.of)} gives no Value, so it cannot be differentiated. Write "
                "it with operators and the functions of glassgrad."
            )
        slope: float = grad(y, xs[by])
        return slope if math.isfinite(y.data) else math.nan  # what has no value has no slope

    def suspects(self) -> Iterator[Suspect]:
        if self.by is not None:
            itself = f"That is {function_name(self.of)} itself, not its derivative."
            yield [self._at(point, None) for point in self.points], partial(str, itself)
        yield from super().suspects()


def _operands(of: Callable[..., Any]) -> tuple[list[str], list[tuple[float, float]]]:
    """The names of the operands of a function, and where each is tried."""
    if isinstance(of, Operation) and of.arity > 0:
        names = list(of.operand_names())
        return names or [f"operand {i}" for i in range(of.arity)], list(of.domain)
    try:
        found = list(signature(of).parameters.values())
    except ValueError:
        found = []
    by_place = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in found if p.kind in by_place and p.default is Parameter.empty]
    if isinstance(of, Operation) or not names:
        raise ValueError(
            f"{function_name(of)} does not say how many numbers it takes. Give check a function "
            "that does: lambda a, b: ..."
        )
    return names, [(-3.0, 3.0)] * len(names)


def plain(result: Any) -> float:
    return result.data if isinstance(result, Value) else number(result, "A result")


def called(function: Callable[..., Any], point: Sequence[float]) -> Any:
    """What a function gives at a point, also one that is written with methods of Values."""
    try:
        return function(*point)
    except (AttributeError, TypeError) as fault:
        try:
            return function(*map(Value, point))
        except Exception:
            raise fault from None


# Graphs.


class Edge(NamedTuple):
    """An edge on the way from the result back to the node that is differentiated by.

    `upstream` is the gradient of its node, `reach` the derivative of its operand by that target.
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

    @property
    def is_base(self) -> bool:
        """Whether its operand is raised to a power."""
        return self.node.operation is TABLE["pow"] and self.position == 0


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
        noise = sys.float_info.epsilon * len(self.diagram) * size
        super().__init__([right], [""], noise if math.isfinite(noise) else 0.0)

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
                operands = [self.diagram[parent] for parent in node.parents]
                for i, parent, local in node.edges():
                    if local is not None and parent in reach:
                        upstream = self.gradients[node.index]
                        edge = (node, i, operands[i], operands, local, upstream, reach[parent])
                        yield Edge(*edge)

    def suspects(self) -> Iterator[Suspect]:
        others = [n for n in reversed(self.diagram) if n is not self.root and not n.is_constant]
        if self.by is None:
            for node in others:
                yield (
                    [node.data],
                    self._says("That is the value of {node}, not yet of {root}.", node),
                )
        else:
            yield from self._slips([node for node in others if node is not self.target])
        yield from super().suspects()

    def _slips(self, others: Sequence[Node]) -> Iterator[Suspect]:
        """What mistakes give for a derivative, the likeliest first."""
        (right,) = self.right
        for number, text in (
            (-right, "The size is right, the sign is not: does {root} grow or fall when {target} "
             "grows?"),
            (self.target.data, "That is the value of {target}. Asked for is by how much {root} "
             "changes with it."),
            (self.root.data, "That is the value of {root}. Asked for is by how much {root} changes "
             "with {target}."),
        ):  # fmt: skip
            yield [number], self._says(text, self.root)
        mistakes = self.steps.mistakes()
        engines = [([m.gradients.get(self.target.index, right)], partial(str, m.says))
                   for m in mistakes]  # fmt: skip
        for gives, text in _OF_USES if self._is_shared else ():
            yield from self._of_edges(gives, text)
        yield from engines[:2]  # which go wrong in one backward()
        for gives, text in _OF_FACTORS:
            yield from self._of_edges(gives, text)
        yield from engines[2:]
        for node in others:
            gradient = self.gradients.get(node.index, right)
            yield [gradient], self._says("That is the gradient of {node}, not of {target}.", node)
            yield [node.data], self._says("That is the value of {node}.", node)

    def _of_edges(self, gives: _Gives, text: str) -> Iterator[Suspect]:
        for edge in reversed(self.edges):
            with suppress(*HARD_PLACE):  # there the mistake gives no number
                if (number := gives(self, edge)) is not None:
                    yield [number], self._says(text, edge.node, edge.operand)

    @cached_property
    def _is_shared(self) -> bool:
        """Whether there are several paths from the result to what it is differentiated by."""
        return len(self.edges) > len({edge.node.index for edge in self.edges})

    def with_local(self, edge: Edge, local: float | None) -> float | None:
        """The gradient, had an edge another local derivative."""
        if local is None:
            return None
        rest = self.right[0] - edge.through
        return (0.0 if abs(rest) <= self.noise else rest) + edge.upstream * local * edge.reach

    def hint(self, tried: int) -> str:
        """What helps, each try a little more: symbols, formulas, the steps."""
        found = [hint for hint in self._hints() if not shows(hint, self.right[0])]
        found.append(
            "backprop shows every step: cover what stands right of each =, say it, and go on until "
            "the end."
        )
        return found[min(tried, len(found) - 1)]

    def _hints(self) -> Iterator[str]:
        if self.by is None:
            for node in reversed(self.diagram):
                if node.operation is not None and (node.label or node is self.root):
                    yield f"{node.name} = {self.diagram.formula(node)}: what are those numbers?"
        elif self.edges:
            equation = derivation(self.of, self.by).equations[-1]
            for side in equation.sides:
                has_names = re.search(r"[^\W\d]", _NUMBER.sub("", side.text))
                if has_names and len(side.text) <= _LONGEST:
                    yield f"{equation.name.text} = {side.text}"

    def _says(self, text: str, node: Node, operand: Node | None = None) -> Callable[[], str]:
        """A sentence with the names of the result, the target, and what it is about, for later."""
        operand = node if operand is None else operand
        nodes = {"root": self.root, "target": self.target, "node": node, "operand": operand}
        return partial(self._said, text, nodes)

    def _said(self, text: str, nodes: dict[str, Node]) -> str:
        """A node without a label is introduced by its formula, where it comes first."""
        known = set[int]()

        def name(found: re.Match[str]) -> str:
            node = nodes[found[1]]
            formula = "" if node.label or node.index in known else self.diagram.formula(node)
            known.add(node.index)
            is_short = len(formula) <= _LONGEST_FORMULA and not shows(formula, self.right[0])
            return f"{node.name} = {formula}" if formula and is_short else node.name

        return re.sub(r"\{(\w+)\}", name, text)


# Mistakes: the number that each gives at an edge, if any, and what to say.


_Gives = Callable[[GraphQuestion, Edge], float | None]


def _with_input(edge: Edge) -> float | None:
    """The derivative as a textbook writes it, with the operand where the result belongs."""
    row = edge.node.operation
    is_lone = row is not None and row.arity == 1 and not edge.node.is_compiled
    rule = row.textbook[0] if row is not None and is_lone else None
    return rule(edge.operand.data, edge.operand.data) if callable(rule) else None


_OF_USES: tuple[tuple[_Gives, str], ...] = (
    (lambda q, e: e.through if e.operand is q.target else None,
     "That is the contribution of {operand} in {node} alone: every use sends one."),
    (lambda q, e: q.right[0] - e.through,
     "The use of {operand} in {node} is left out: every use sends a contribution."),
    (lambda q, e: q.right[0] - q.gradients[e.operand.index] * e.reach
     if e.operand is not q.target else None,
     "What comes by way of {operand} is missing: every path to {target} counts."),
)  # fmt: skip
"""Where several paths lead to the node that is differentiated by."""
_OF_FACTORS: tuple[tuple[_Gives, str], ...] = (
    (lambda q, e: e.upstream,
     "That is the gradient that arrives at {node}. It goes on: by how much does {node} change with "
     "{operand}?"),
    (lambda q, e: e.local * e.reach if e.node is not q.root else None,
     "That is by how much {node} changes with {target}. By how much does {root} change with "
     "{node}?"),
    (lambda q, e: q.with_local(e, 1.0),
     "A factor is missing: by how much does {node} change with {operand}?"),
    (lambda q, e: q.with_local(e, _with_input(e)),
     "In this derivative stands the output {node}, not the input {operand}."),
    (lambda q, e: q.with_local(e, e.node.data),
     "That takes the value of {node} for a factor: by how much does it change with {operand}?"),
    (lambda q, e: q.with_local(e, e.operand.data if e.node.operation is TABLE["mul"] else None),
     "In a product, the derivative by one operand is the other: which one belongs to {operand}?"),
    (lambda q, e: q.with_local(e, e.local / e.operands[1].data if e.is_base else None),
     "The exponent is missing: in the derivative of {node} it comes down as a factor."),
    (lambda q, e: q.with_local(e, -e.local),
     "The sign of one factor: does {node} grow or fall when {operand} grows?"),
)  # fmt: skip
"""Mistakes in one factor of the chain rule."""
