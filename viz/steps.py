"""Backpropagation as a sequence of steps, each one thing a person can check by hand.

First every operation computes its value; then the seed ∂L/∂L = 1; then one step per edge:
upstream × local = contribution, added to the gradient of the operand; last, if a learning rate
is given, each parameter moves. A step is plain data. Stepping never touches a `.grad`, and ends
with the same bits as `backward()`. Next: `backprop.py`, which shows the steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from math import isfinite
from typing import Any

from glassgrad.engine import Value, contribution
from glassgrad.engine.check import KINK, Finding, finding, rounding_error
from glassgrad.engine.files import json_text
from glassgrad.engine.misuse import name, real
from glassgrad.engine.text import counted, describe, short
from glassgrad.viz.diagram import Diagram, Node, Records, local_derivative
from glassgrad.viz.network import Network, network_in

SCHEMA = "glassgrad-steps/1"
_MOST_CHECKING = 25_000  # nodes times nodes that may be computed for the checks of one page
_TOLERANCE = 1e-4  # the relative error up to which a gradient and its differences are the same


@dataclass(frozen=True)
class Step:
    """One step of backpropagation.

    Attributes:
        index: its place in the sequence, from 0.
        phase: "forward", "seed", "backward" or "update".
        node: the node in focus, by its index in the diagram.
        name: its name, as the tables show it; on a backward step the edge, as "y → x".
        formula: how the value (forward) or the local derivative (backward) is computed.
        formula_latex: the local derivative in LaTeX, on a backward step whose formula is short.
        value: the value computed (forward), or the new number of a parameter (update).
        operand: the position of the edge among the operands of the node, on a backward step.
        parent: the operand that the edge leads to, by its index, on a backward step.
        upstream: the gradient of the node, complete by now.
        local: the local derivative on the edge.
        contribution: upstream × local.
        before: the gradient of the parent so far; on an update step the old number.
        after: before + contribution; on the seed step 1; on an update step the new number.
        received: how many of its contributions the parent has with this step.
        uses: how many it will get in all.
        parts: of a compiled node, which sends along all its edges at once, a record for each edge;
            what is of one edge only stands there.

    >>> from glassgrad import Value, backprop
    >>> step = backprop(Value(3.0) * 2.0)[-1]
    >>> step.phase, step.upstream, step.local, step.contribution
    ('backward', 1.0, 2.0, 2.0)
    """

    index: int
    phase: str
    node: int
    name: str = ""
    formula: str = ""
    formula_latex: str = ""
    value: float | None = None
    operand: int | None = None
    parent: int | None = None
    upstream: float | None = None
    local: float | None = None
    contribution: float | None = None
    before: float | None = None
    after: float | None = None
    received: int = 0
    uses: int = 0
    parts: tuple[Step, ...] = field(default=(), repr=False)  # as many as operands

    @property
    def edges(self) -> tuple[Step, ...]:
        """The edges that gradient is sent along: one, all of a compiled node, or none."""
        return self.parts if self.parent is None else (self,)

    @property
    def receiver(self) -> int:
        """The operand that an edge leads to."""
        return int(self._own("receiver", self.parent)[0])

    @property
    def product(self) -> tuple[float, float, float, float]:
        """Of an edge the upstream, the local derivative, their product, and the gradient before."""
        found = self.upstream, self.local, self.contribution, self.before
        upstream, local, contribution, before = self._own("product", *found)
        return upstream, local, contribution, before

    @property
    def update(self) -> tuple[float, float, float]:
        """Of an update step the old number, the new one, and the gradient."""
        before, after, gradient = self._own("update", self.before, self.after, self.upstream)
        return before, after, gradient

    def _own(self, name: str, *found: Any) -> Any:
        if None in found:
            raise ValueError(f"A step of phase {self.phase} has no {name}: look at `phase` first.")
        return found

    def to_dict(self) -> dict[str, Any]:
        """The record as data for JSON, without the fields that do not apply."""
        found = asdict(self) | {"parts": [part.to_dict() for part in self.parts]}
        return {k: v for k, v in found.items() if v is not None and v not in ("", [])}


class Steps(Records[Step]):
    """All steps of backpropagation through the graph of one Value.

    Attributes:
        diagram: the nodes that the steps speak of.
        root: the index of the node that is differentiated.
        gradients: the gradient of every node that got one, by index.
        moving: the indices of the leaves that an update moves, here or on the page; none where
            neither a learning rate nor parameters were given, since then there need be no loss.
        new_loss: the root's number after the update steps, if there are any and it can be known.
    """

    def __init__(
        self, y: Value, names: Mapping[str, Any] | None = None, learning_rate: float | None = None,
        parameters: Iterable[Value] | None = None, depth: int = 0,
    ) -> None:  # fmt: skip
        self.diagram = Diagram([y], names, depth=depth)
        (self.root,) = self.diagram.roots
        self.gradients = {self.root: 1.0}
        self.new_loss: float | None = None
        self.learning_rate = _rate(learning_rate)
        self._findings: dict[int, Finding] = {}  # the steps and their graph stay as they are
        has_update = learning_rate is not None or parameters is not None
        self.moving = [node.index for node in self._parameters(parameters)] if has_update else []
        self._records: list[Step] = []
        for step in chain(self._forward(), self._backward(), self._updates()):
            self._records.append(step)  # whose index is how many there are by then

    def __repr__(self) -> str:
        steps, nodes = counted(len(self), "step"), counted(len(self.diagram), "node")
        return f"<backpropagation in {steps} through {nodes}>"

    @cached_property
    def network(self) -> Network | None:
        """The network that the graph is of, if there is one to see."""
        return network_in(self.diagram, self.root)

    def check(self, node: int) -> float | None:
        """The gradient of a node by differences: an estimate that knows no rules.

        The node's number is moved a little both ways and everything after it computed anew. None
        where that tells no slope, as at the edge of a relu (`finding` says why), or where a node
        is compiled and over samples, which are not kept.
        """
        if not self.diagram.can_evaluate:
            return None
        found = self.finding(node)
        return None if found.doubt else found.value

    def finding(self, node: int) -> Finding:
        """What differences tell of the gradient of a node, and whether it can be trusted."""
        if node not in self._findings:
            result = lambda x: self.diagram.evaluate({node: x})[self.root]
            x, gradient = self.diagram[node].data, self.gradients.get(node)
            self._findings[node] = finding(result, x, gradient, self._rounding)
        return self._findings[node]

    @cached_property
    def _rounding(self) -> float:
        return rounding_error(
            (self.gradients.get(n.index, 0.0), n.data, [self.diagram[i].data for i in n.parents])
            for n in self.diagram
            if n.parents
        )

    def checks(self) -> dict[int | None, str]:
        """What differences say of each gradient; nothing where that would take long."""
        diagram, root = self.diagram, self.diagram[self.root].name
        found: dict[int | None, str] = {}
        if not diagram.can_evaluate or len(self.gradients) * diagram.cost > _MOST_CHECKING:
            return {}
        for index, gradient in self.gradients.items():
            if index == self.root:
                continue
            told, slope = self.finding(index), f"∂{root}/∂{diagram[index].name}"
            verdict = (
                "the same" if told.error_of(gradient) <= _TOLERANCE else f"not {short(gradient)}"
            )
            said = f"{slope} ≈ {short(told.value)}, {verdict}"
            if told.doubt:
                said = f"they tell nothing of {slope} here"
            if told.doubt == KINK:
                said = f"there is no single slope {slope} here"
            found[index] = f"Check by differences: {said}."
        return found

    def to_dict(self) -> dict[str, Any]:
        """The nodes and steps as data; see `SCHEMA` for its version."""
        return {
            "schema": SCHEMA,
            "root": self.root,
            "nodes": [
                {**node.to_dict(), "gradient": self.gradients.get(node.index)}
                for node in self.diagram
            ],
            "steps": [step.to_dict() for step in self],
            "new_loss": self.new_loss,
        }

    def to_json(self, indent: int | None = None) -> str:
        """The nodes and steps as JSON. Numbers beyond JSON are the texts "nan", "inf", "-inf"."""
        return json_text(self.to_dict(), indent)

    def _forward(self) -> Iterator[Step]:
        for node in self.diagram:
            if node.operation is not None:
                formula = self.diagram.formula(node)
                yield Step(len(self), "forward", node.index, node.name, formula, value=node.data)

    def _backward(self) -> Iterator[Step]:
        yield Step(len(self), "seed", self.root, self.diagram[self.root].name, after=1.0)
        received, uses = dict[int, int](), self._count_uses()
        for node in reversed(self.diagram):
            if node.index not in self.gradients:
                continue
            edges = self._edges_of(node, received, uses)
            if not node.is_compiled:
                yield from edges
            elif parts := tuple(edges):  # one step: its gradient program has them all at once
                upstream = self.gradients[node.index]
                index, name = node.index, node.name
                yield Step(len(self), "backward", index, name, upstream=upstream, parts=parts)

    def _count_uses(self) -> dict[int, int]:
        uses = {self.root: 0}
        for node in reversed(self.diagram):
            if node.index in uses:
                for _, parent, _local in self.diagram.sending(node):
                    uses[parent] = uses.get(parent, 0) + 1
        return uses

    def _edges_of(
        self, node: Node, received: dict[int, int], uses: Mapping[int, int]
    ) -> Iterator[Step]:
        """What is sent along each edge of a node, and what it makes of the gradients."""
        upstream, operands = self.gradients[node.index], [self.diagram[i] for i in node.parents]
        for position, parent, local in self.diagram.sending(node):
            received[parent] = received.get(parent, 0) + 1
            before = self.gradients.get(parent, 0.0)
            sent = contribution(node.operation, upstream, local)
            # As in `backward()`, the first contribution is the gradient, its sign of zero too.
            is_first = parent not in self.gradients
            self.gradients[parent] = sent if is_first else before + sent
            formula = local_derivative(node, operands, position)
            texts = (formula.text, formula.latex) if formula is not None else ("", "")
            edge = f"{node.name} → {self.diagram[parent].name}"
            yield Step(
                len(self), "backward", node.index, edge, *texts, operand=position, parent=parent,
                upstream=upstream, local=local, contribution=sent, before=before,
                after=self.gradients[parent], received=received[parent], uses=uses[parent],
            )  # fmt: skip

    def _updates(self) -> Iterator[Step]:
        if (rate := self.learning_rate) is None:
            return
        moved: dict[int, float] = {}
        for node in map(self.diagram.__getitem__, self.moving):
            gradient = self.gradients.get(node.index, 0.0)
            new = moved[node.index] = node.data - rate * gradient
            yield Step(
                len(self), "update", node.index, node.name, f"{node.name} - {rate:.4g} * gradient",
                value=new, upstream=gradient, before=node.data, after=new,
            )  # fmt: skip
        if self.diagram.can_evaluate:
            self.new_loss = self.diagram.evaluate(moved)[self.root]

    def _parameters(self, parameters: Iterable[Value] | None) -> list[Node]:
        """The leaves that move, as frozen ones do not: the given ones, or all but plain numbers."""
        if parameters is None:
            leaves = [node for node in self.diagram if node.operation is None]
            return [node for node in leaves if not (node.is_constant or node.is_frozen)]
        listed = list(parameters) if isinstance(parameters, Iterable) else [parameters]
        for each in listed:
            if not isinstance(each, Value):
                raise TypeError(f"parameters lists the Values to move, not {describe(each)}.")
            if each.operation is not None:
                raise ValueError(
                    f"parameters lists leaves, and {name(each)} is the result of "
                    f"{each.operation.name}, which no update moves. List the leaves that it "
                    "was computed from."
                )
        places = self.diagram.values
        found = dict.fromkeys(places[x] for x in listed if x in places and not x.is_constant)
        if listed and not found:
            raise ValueError(
                f"No parameter took part in the result: not {name(listed[0])}, for example. "
                "List those that it was computed from."
            )
        return [self.diagram[place] for place in found if not self.diagram[place].is_frozen]


def _rate(learning_rate: Any) -> float | None:
    if learning_rate is None:
        return None
    rate = real(learning_rate, "learning_rate")
    if not isfinite(rate):
        raise ValueError(f"learning_rate is a finite number, not {rate}.")
    return rate
