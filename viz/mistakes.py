"""The classic mistakes of an autograd engine, run beside the right one on the same graph.

Each wrong engine is a few lines long and gives gradients that look like gradients. `Mistakes` holds
what each gets for every node, and the first node, in backward order, where it parts from the right
one. It is pure data: `backprop.py` gives it as `steps.mistakes()`, `page.py` shows it as a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite

from glassgrad.engine import contribution
from glassgrad.engine.printing import columns, short
from glassgrad.viz.diagram import Diagram, Records
from glassgrad.viz.steps import Steps

TOLERANCE = 1e-9
"""Adding in another order rounds differently; only more than this share of the terms is wrong."""

Gradients = dict[int, float]


@dataclass(frozen=True)
class Mistake:
    """One wrong engine on one graph.

    Attributes:
        name: what it does wrong, in a few words.
        gradients: what it gets for every node, by the node's index in the diagram.
        wrong: the indices of the nodes whose gradient is wrong, in backward order.
        why: a sentence about the first of them, or why there is none.

    >>> from glassgrad import Value, backprop
    >>> x = Value(3.0, label="x")
    >>> overwriting = backprop(x * x).mistakes()[0]
    >>> overwriting.name, overwriting.gradients[0], overwriting.parts_at
    ('= instead of +=', 3.0, 0)
    """

    name: str
    gradients: Mapping[int, float]
    wrong: tuple[int, ...]
    why: str

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.wrong)} of {len(self.gradients)} gradients are wrong>"

    @property
    def parts_at(self) -> int | None:
        """The first node, in backward order, that differs from the right engine; None if none."""
        return self.wrong[0] if self.wrong else None


class Mistakes(Records[Mistake]):
    """The classic wrong engines beside the right one. `print` gives a table.

    >>> from glassgrad import Value, backprop
    >>> x = Value(3.0, label="x")
    >>> print(backprop(x * x).mistakes())
    node  right  = instead of +=  no order  inner nodes never zeroed  leaves not zeroed
    v1    1      1                1         1                         1
    x     6      ≠ 3, first       6         ≠ 12, first               ≠ 12, first
    <BLANKLINE>
    = instead of +=: x is used 2 times, but every contribution replaced the one before it: 3, \
the last one alone, instead of 6.
    no order: No difference here: every node that sends on had all its contributions when \
its turn came.
    inner nodes never zeroed: A second backward() that zeroed nothing, no inner node either, added \
to what the first one had left at x: 6 + 6 = 12.
    leaves not zeroed: A second backward() without a zero_grad() before it added to what the first \
one had left at x: 6 + 6 = 12.
    """

    def __init__(self, steps: Steps) -> None:
        self._diagram = steps.diagram
        self._right = steps.gradients
        self._records = tuple(_mistakes(steps))

    def __repr__(self) -> str:
        return f"<{len(self)} wrong engines on {len(self._diagram)} nodes>"

    def __str__(self) -> str:
        reasons = "\n".join(f"{mistake.name}: {mistake.why}" for mistake in self)
        table = columns([self.headings(), *(row for _, row in self.rows())], indent="")
        return f"{table}\n\n{reasons}"

    def headings(self) -> tuple[str, ...]:
        """What stands over the columns: the node, the right engine, and each wrong one."""
        return ("node", "right", *(mistake.name for mistake in self))

    def rows(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """For every node with a gradient, in backward order: its index and a row of the table."""
        for node in reversed(self._diagram):
            if node.index in self._right:
                cells = (self._cell(mistake, node.index) for mistake in self)
                yield node.index, (node.name, short(self._right[node.index]), *cells)

    def _cell(self, mistake: Mistake, index: int) -> str:
        number = short(mistake.gradients.get(index))
        if index not in mistake.wrong:
            return number
        return f"≠ {number}, first" if index == mistake.parts_at else f"≠ {number}"


def _mistakes(steps: Steps) -> Iterator[Mistake]:
    judge = _Judge(steps)
    overwritten = _sweep(steps.diagram, {steps.root: 1.0}, adds=False)
    yield judge.judged("= instead of +=", overwritten, judge.why_overwritten)
    early, arrived = _depth_first(steps.diagram, steps.root)
    judge.arrived = arrived
    yield judge.judged("no order", early, judge.why_early)
    # A second backward() starts from the gradients that the first one left.
    again = _sweep(steps.diagram, {**steps.gradients, steps.root: 1.0})
    why = partial(judge.why_left, "that zeroed nothing, no inner node either,")
    yield judge.judged("inner nodes never zeroed", again, why)
    of_leaves = {i: g for i, g in steps.gradients.items() if not steps.diagram[i].parents}
    again = _sweep(steps.diagram, {**of_leaves, steps.root: 1.0})
    why = partial(judge.why_left, "without a zero_grad() before it")
    yield judge.judged("leaves not zeroed", again, why)


# The wrong engines.


def _sweep(diagram: Diagram, gradients: Gradients, *, adds: bool = True) -> Gradients:
    """Backpropagation in the right order from what is given; contributions are added, or replace.

    Of the given gradients that of the root is the seed; the others are there before the sweep.
    """
    for node in reversed(diagram):
        if node.index in gradients:
            for _, parent, local in diagram.sending(node):
                sent = contribution(node.operation, gradients[node.index], local)
                is_sum = adds and parent in gradients
                gradients[parent] = gradients[parent] + sent if is_sum else sent
    return gradients


def _depth_first(diagram: Diagram, root: int) -> tuple[Gradients, Counter[int]]:
    """A node sends on what it has when it is first reached, then goes to its operands in turn.

    Also counts the contributions that had arrived at each node when it sent.
    """
    gradients, received, arrived = {root: 1.0}, Counter[int](), Counter[int]()
    pending, reached = [root], set[int]()
    while pending:
        node = diagram[pending.pop()]
        if node.index in reached:
            continue
        reached.add(node.index)
        arrived[node.index] = received[node.index]
        edges = list(diagram.sending(node))
        for _, parent, local in edges:
            sent = contribution(node.operation, gradients[node.index], local)
            gradients[parent] = gradients[parent] + sent if parent in gradients else sent
            received[parent] += 1
        pending.extend(parent for _, parent, _local in reversed(edges))
    return gradients, arrived


# What is wrong, and why.


class _Judge:
    """Compares a wrong engine's gradients with the right ones, and puts the reason into words."""

    def __init__(self, steps: Steps) -> None:
        self.diagram, self.root, self.right = steps.diagram, steps.root, steps.gradients
        edges = [edge for step in steps for edge in step.edges]
        self.uses = {edge.parent: edge.uses for edge in edges if edge.parent is not None}
        self.arrived: Counter[int] = Counter()
        self.size = {steps.root: 1.0}
        """The sum of the absolute values of what a gradient is a sum of, over all paths."""
        for edge in edges:
            if edge.parent is not None and edge.local is not None:
                through = self.size[edge.node] * abs(edge.local)
                self.size[edge.parent] = self.size.get(edge.parent, 0.0) + through

    def judged(
        self, name: str, gradients: Gradients, why: Callable[[Gradients, int | None], str]
    ) -> Mistake:
        wrong = tuple(i for i in sorted(self.right, reverse=True) if self._differs(gradients, i))
        return Mistake(name, gradients, wrong, why(gradients, wrong[0] if wrong else None))

    def _differs(self, gradients: Gradients, index: int) -> bool:
        found, right = gradients[index], self.right[index]
        if found == right or (found != found and right != right):
            return False
        distance = abs(found - right)
        return not (isfinite(distance) and distance <= TOLERANCE * self.size[index])

    def _name(self, index: int) -> str:
        return self.diagram[index].name

    def _no_difference(self, reason: str) -> str:
        if not all(map(isfinite, self.right.values())):
            reason = "infinite gradients hide it, or there is none"
        return f"No difference here: {reason}."

    def why_overwritten(self, gradients: Gradients, index: int | None) -> str:
        if index is None:
            is_shared = any(uses > 1 for uses in self.uses.values())
            reason = "what was lost adds up to nothing" if is_shared else "no node is used twice"
            return self._no_difference(reason)
        return (
            f"{self._name(index)} is used {self.uses[index]} times, but every contribution "
            f"replaced the one before it: {short(gradients[index])}, the last one alone, "
            f"instead of {short(self.right[index])}."
        )

    def why_early(self, gradients: Gradients, index: int | None) -> str:
        if index is None:
            reason = "every node that sends on had all its contributions when its turn came"
            if any(self._was_early(i) and self._operands(i) for i in self.uses):
                reason = "what came too late adds up to nothing"
            return self._no_difference(reason)
        result = (
            f"so {self._name(index)} got {short(gradients[index])} instead of "
            f"{short(self.right[index])}."
        )
        for node in reversed(self.diagram):
            is_user = index in self._operands(node.index)
            if is_user and node.index in self.right and self._was_early(node.index):
                return (
                    f"{self._name(node.index)} sent its gradient on when "
                    f"{self.arrived[node.index]} of {self.uses[node.index]} contributions had "
                    f"arrived, {result}"
                )
        return f"A node sent its gradient on before it was complete, {result}"

    def _operands(self, index: int) -> list[int]:
        """The nodes that a node sends gradient to."""
        return [parent for _, parent, _ in self.diagram.sending(self.diagram[index])]

    def _was_early(self, index: int) -> bool:
        """Whether a node sent its gradient on before all contributions had arrived."""
        return self.arrived[index] < self.uses.get(index, 0)

    def why_left(self, how: str, gradients: Gradients, index: int | None) -> str:
        if index is None:
            return self._no_difference("no gradient but the seed is other than zero")
        right = short(self.right[index])
        return (
            f"A second backward() {how} added to what the first one had left at "
            f"{self._name(index)}: {right} + {right} = {short(gradients[index])}."
        )
