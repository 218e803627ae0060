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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from inspect import Parameter, signature
from typing import Any, NamedTuple

from glassgrad.engine import NOT_COMPUTED, TABLE, ChangedDataError, Operation, Value, grad
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.misuse import name as name_of
from glassgrad.engine.op import HARD_PLACE
from glassgrad.engine.text import clipped, describe, function_name, told
from glassgrad.engine.tree import is_sequence, leaves_of, scalar_of
from glassgrad.viz.backprop import Backprop
from glassgrad.viz.derivation import derivation
from glassgrad.viz.diagram import Node

_NUMBER = re.compile(r"(?<![\w.])[-−]?\d+\.?\d*(?:e[-+]?\d+)?(?!\w)")
"""A number that stands by itself in a text: not that of a name such as w1."""
_LONGEST = 200  # a hint of more characters is left out
_LONGEST_FORMULA = 24  # with a formula of more characters an unnamed node is not introduced


class Suspect(NamedTuple):
    """The numbers that a mistake gives, and what to say of it, with names in braces.

    The names are put in when it is said, since a large graph has a thousand suspects.
    """

    numbers: Sequence[float]
    text: str
    node: Node | None = None
    operand: Node | None = None


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
        right = self.right
        yield Suspect([-x for x in right], "The size is right, the sign is not.")
        if all(right):
            yield Suspect([1.0 / x for x in right], "That is upside down.")
        yield Suspect([100.0 * x for x in right], "That is in per cent.")
        yield Suspect([math.degrees(x) for x in right], "That is in degrees, not in radians.")

    def sentence(self, suspect: Suspect) -> str:
        """What to say of a number that a mistake gives."""
        return suspect.text

    def hint(self, tried: int) -> str:
        """What helps further, after so many tries; "" if nothing."""
        return ""


def shows(text: str, right: float) -> bool:
    """Whether a text has a number in it, whatever its sign, to two digits; an index is none."""
    found = _NUMBER.findall(re.sub(r"\[\d+\]", "", text))
    numbers = [float(each.replace("−", "-")) for each in found]
    return any(math.isclose(abs(x), abs(right), rel_tol=5e-3) for x in numbers)


def asked_for(wanted: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What is asked for, by name: [1][0] in a list, a key of a dict, the label of a Value."""
    wanted = wanted.tolist() if hasattr(wanted, "tolist") else wanted
    if isinstance(wanted, Mapping):
        for key, part in wanted.items():
            yield from asked_for(part, f"{name}.{clipped(str(key))}".removeprefix("."))
    elif isinstance(wanted, (list, tuple)):
        for i, part in enumerate(wanted):
            label = clipped(part.label or "") if isinstance(part, Value) else f"{name}[{i}]"
            yield from asked_for(part, label)
    else:
        yield name, wanted


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
            yield Suspect([self._at(point, None) for point in self.points], itself)
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
    local: float
    upstream: float
    reach: float

    @property
    def through(self) -> float:
        """What comes to the gradient along this edge."""
        return self.upstream * self.local * self.reach


_OF_VALUE = (
    "The size is right, the sign is not: does {root} grow or fall when {target} grows?",
    "That is the value of {target}. Asked for is by how much {root} changes with it.",
    "That is the value of {root}. Asked for is by how much {root} changes with {target}.",
)
_OF_USES = (
    "That is the contribution of {operand} in {node} alone: every use sends one.",
    "The use of {operand} in {node} is left out: every use sends a contribution.",
    "What comes by way of {operand} is missing: every path to {target} counts.",
)
"""Mistakes at an edge where several paths lead to the target; `_with_uses` has their numbers."""
_OF_FACTORS = (
    "That is the gradient that arrives at {node}. It goes on: by how much does {node} change with "
    "{operand}?",
    "That is by how much {node} changes with {target}. By how much does {root} change with {node}?",
    "A factor is missing: by how much does {node} change with {operand}?",
    "In this derivative stands the output {node}, not the input {operand}.",
    "That takes the value of {node} for a factor: by how much does it change with {operand}?",
    "In a product, the derivative by one operand is the other: which one belongs to {operand}?",
    "The exponent is missing: in the derivative of {node} it comes down as a factor.",
    "The sign of one factor: does {node} grow or fall when {operand} grows?",
)
"""Mistakes in one factor of the chain rule; `_with_factors` has their numbers."""


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
        right = self.root.data
        if by is not None:
            self.target = self.diagram[self._index_of_by()]
            right = grad(of, by)
        nodes = [(n.operation, n.data, n.parents, n.label) for n in self.diagram]
        self.key = hash((str(nodes), self.root.index, by is None, self.target.index))
        reach, size = self._reached()
        self.edges = list(self._edges(reach))
        if by is None:
            size = sum(abs(g * self.diagram[i].data) for i, g in self.gradients.items())
        noise = sys.float_info.epsilon * len(self.diagram) * size
        super().__init__([right], [""], noise if math.isfinite(noise) else 0.0)

    def _index_of_by(self) -> int:
        if not isinstance(self.by, Value):
            raise TypeError(
                f"check by takes a Value of the graph or several, not {describe(self.by)}. Write "
                "by=x for the Value x that the result was computed from."
            )
        name = name_of(self.by)
        if self.by.is_constant:
            raise ValueError(f"{name} is a constant: no gradient flows to it. Give a Value.")
        if self.by not in self.diagram.values:
            raise ValueError(
                f"{name} is not in the graph of {name_of(self.of)}, so there is no "
                "derivative to ask for. Give a Value that the result was computed from."
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
        """In the order of evaluation, of each node the last first."""
        for node in self.diagram:
            if node.index in self.gradients and node is not self.target:
                upstream = self.gradients[node.index]
                for i, parent, local in reversed([*node.edges()]):
                    if local is not None and parent in reach:
                        yield Edge(node, i, self.diagram[parent], local, upstream, reach[parent])

    # What mistakes give.

    def suspects(self) -> Iterator[Suspect]:
        others = [n for n in reversed(self.diagram) if n is not self.root and not n.is_constant]
        if self.by is None:
            for node in others:
                says = "That is the value of {node}, not yet of {root}."
                yield Suspect([node.data], says, node)
        else:
            yield from self._slips([node for node in others if node is not self.target])
        yield from super().suspects()

    def _slips(self, others: Sequence[Node]) -> Iterator[Suspect]:
        """What mistakes give for a derivative, the likeliest first."""
        (right,) = self.right
        for number, text in zip((-right, self.target.data, self.root.data), _OF_VALUE):
            yield Suspect([number], text)
        engines = [
            Suspect([mistake.gradients.get(self.target.index, right)], mistake.says)
            for mistake in self.steps.mistakes()
        ]
        if len(self.edges) > len({edge.node.index for edge in self.edges}):  # several paths
            yield from self._at_edges(_OF_USES, self._with_uses)
        yield from engines[:2]  # which go wrong in one backward()
        yield from self._at_edges(_OF_FACTORS, self._with_factors)
        yield from engines[2:]
        for node in others:
            gradient = self.gradients.get(node.index, right)
            yield Suspect([gradient], "That is the gradient of {node}, not of {target}.", node)
            yield Suspect([node.data], "That is the value of {node}.", node)

    def _at_edges(self, texts: Sequence[str], numbers: _Numbers) -> Iterator[Suspect]:
        """For each mistake the number that it gives at each edge, if any."""
        for text, found in zip(texts, zip(*map(numbers, self.edges))):
            for edge, number in zip(self.edges, found):
                if number is not None:
                    yield Suspect([number], text, edge.node, edge.operand)

    def _with_uses(self, edge: Edge) -> list[float | None]:
        (right,), is_last = self.right, edge.operand is self.target
        by_way = None if is_last else self.gradients[edge.operand.index] * edge.reach
        return [
            edge.through if is_last else None,
            right - edge.through,
            None if by_way is None else right - by_way,
        ]

    def _with_factors(self, edge: Edge) -> list[float | None]:
        node, operand, local = edge.node, edge.operand, edge.local
        is_product, is_power = (node.operation is TABLE[name] for name in ("mul", "pow"))
        exponent = self.diagram[node.parents[1]].data if is_power and edge.position == 0 else 0.0
        return [
            edge.upstream,
            None if node is self.root else local * edge.reach,
            self._with_local(edge, 1.0),
            self._with_local(edge, _with_input(edge)),
            self._with_local(edge, node.data),
            self._with_local(edge, operand.data) if is_product else None,
            self._with_local(edge, local / exponent) if exponent else None,
            self._with_local(edge, -local),
        ]

    def _with_local(self, edge: Edge, local: float | None) -> float | None:
        """The gradient, had an edge another local derivative."""
        if local is None:
            return None
        rest = self.right[0] - edge.through
        return (0.0 if abs(rest) <= self.noise else rest) + edge.upstream * local * edge.reach

    # What is said.

    def sentence(self, suspect: Suspect) -> str:
        """A node without a label is introduced by its formula, where it comes first."""
        nodes = {"root": self.root, "target": self.target}
        if suspect.node is not None:
            nodes |= {"node": suspect.node, "operand": suspect.operand or suspect.node}
        known = set[int]()

        def name(found: re.Match[str]) -> str:
            node = nodes[found[1]]
            formula = "" if node.label or node.index in known else self.diagram.formula(node)
            known.add(node.index)
            is_short = len(formula) <= _LONGEST_FORMULA and not shows(formula, self.right[0])
            return f"{node.name} = {formula}" if formula and is_short else node.name

        return re.sub(r"\{(\w+)\}", name, suspect.text)

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


_Numbers = Callable[[Edge], Sequence[float | None]]


def _with_input(edge: Edge) -> float | None:
    """The derivative as a textbook writes it, with the operand where the result belongs."""
    row = edge.node.operation
    is_lone = row is not None and row.arity == 1 and not edge.node.is_compiled
    rule = row.textbook[0] if row is not None and is_lone else None
    with suppress(*HARD_PLACE):
        return rule(edge.operand.data, edge.operand.data) if callable(rule) else None
    return None
