"""The classic mistakes of an autograd engine, run beside the right one on the same graph.

Each wrong engine is a few lines long and gives gradients that look like gradients. `Mistakes` holds
what each gets for every node, and the first node, in backward order, where it parts from the right
one. It is pure data: `backprop.py` gives it as `steps.mistakes()`, `page.py` shows it as a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite

from glassgrad.engine import contribution
from glassgrad.engine.text import columns, counted, short
from glassgrad.viz.diagram import Diagram, Node, Records
from glassgrad.viz.steps import Steps

TOLERANCE = 1e-9
"""Adding in another order rounds differently; only more than this share of the terms is wrong."""

Gradients = dict[int, float]
_Why = Callable[[Gradients, int | None], str]  # for the node that it parts at, if any


@dataclass(frozen=True)
class Mistake:
    """One wrong engine on one graph.

    Attributes:
        name: what it does wrong, in a few words.
        gradients: what it gets for every node, by the node's index in the diagram.
        wrong: the indices of the nodes whose gradient is wrong, in backward order.
        why: a sentence about the first of them, or why there is none.
        says: what to say of a number that only this engine gives.

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
    says: str

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
        self._diagram, self._right = steps.diagram, steps.gradients
        edges = [edge for step in steps for edge in step.edges]
        self._uses = {edge.parent: edge.uses for edge in edges if edge.parent is not None}
        self._size = {steps.root: 1.0}
        """The sum of the absolute values of what a gradient is a sum of, over all paths."""
        for edge in edges:
            if edge.parent is not None and edge.local is not None:
                through = self._size[edge.node] * abs(edge.local)
                self._size[edge.parent] = self._size.get(edge.parent, 0.0) + through
        self._records = tuple(self._made(steps.root))

    def _made(self, root: int) -> Iterator[Mistake]:
        diagram, right, seed = self._diagram, self._right, {root: 1.0}
        too_early = _depth_first(diagram, root)
        leaves = {i: g for i, g in right.items() if not diagram[i].parents}
        yield self._judged(
            "= instead of +=",
            _sweep(diagram, reversed(diagram), seed, adds=False),
            self._why_overwritten,
            "An engine that writes = where += belongs gives this: a contribution was replaced "
            "where it is to be added.",
        )
        yield self._judged(
            "no order",
            _sweep(diagram, too_early, seed),
            partial(self._why_early, too_early),
            "An engine without an order gives this: a node sent its gradient on before all its "
            "contributions had come.",
        )
        # A second backward() starts from the gradients that the first one left.
        yield self._judged(
            "inner nodes never zeroed",
            _sweep(diagram, reversed(diagram), {**right, **seed}),
            partial(self._why_left, "that zeroed nothing, no inner node either,"),
            "A second backward() that zeroes nothing, inner nodes neither, gives this.",
        )
        yield self._judged(
            "leaves not zeroed",
            _sweep(diagram, reversed(diagram), {**leaves, **seed}),
            partial(self._why_left, "without a zero_grad() before it"),
            "A second backward() without zero_grad() before it gives this.",
        )

    def __repr__(self) -> str:
        return f"<{len(self)} wrong engines on {counted(len(self._diagram), 'node')}>"

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
        number, is_first = short(mistake.gradients.get(index)), index == mistake.parts_at
        return f"≠ {number}{', first' * is_first}" if index in mistake.wrong else number

    # What is wrong, and why.

    def _judged(self, name: str, gradients: Gradients, why: _Why, says: str) -> Mistake:
        wrong = tuple(i for i in sorted(self._right, reverse=True) if self._differs(gradients, i))
        return Mistake(name, gradients, wrong, why(gradients, wrong[0] if wrong else None), says)

    def _differs(self, gradients: Gradients, index: int) -> bool:
        found, right = gradients[index], self._right[index]
        if found == right or (found != found and right != right):
            return False
        distance, size = abs(found - right), self._size[index]
        if not isfinite(size):  # the terms are beyond floats, their sum need not be
            size = max(abs(found), abs(right))
        return not (isfinite(distance) and distance <= TOLERANCE * size)

    def _no_difference(self, reason: str) -> str:
        if not all(map(isfinite, self._right.values())):
            reason = "infinite gradients hide it, or there is none"
        return f"No difference here: {reason}."

    def _why_overwritten(self, gradients: Gradients, index: int | None) -> str:
        if index is None:
            is_shared = any(uses > 1 for uses in self._uses.values())
            reason = "what was lost adds up to nothing" if is_shared else "no node is used twice"
            return self._no_difference(reason)
        return (
            f"{self._diagram[index].name} is used {self._uses[index]} times, but every "
            f"contribution replaced the one before it: {short(gradients[index])}, the last one "
            f"alone, instead of {short(self._right[index])}."
        )

    def _why_early(self, order: Sequence[Node], gradients: Gradients, index: int | None) -> str:
        """`order` is that in which the nodes sent what they had."""
        arrived, had = Counter[int](), dict[int, int]()
        receivers = {n.index: [p for _, p, _ in self._diagram.sending(n)] for n in order}
        for node in order:
            had[node.index] = arrived[node.index]
            arrived.update(receivers[node.index])
        senders = [n for n in order if receivers[n.index] and had[n.index] < arrived[n.index]]
        senders.sort(key=lambda node: -node.index)
        if index is None:
            reason = "every node that sends on had all its contributions when its turn came"
            lost = "what came too late adds up to nothing"
            return self._no_difference(lost if senders else reason)
        numbers = f"{short(gradients[index])} instead of {short(self._right[index])}"
        result = f"so {self._diagram[index].name} got {numbers}."
        for node in senders:
            if index in receivers[node.index]:
                count = f"{had[node.index]} of {arrived[node.index]} contributions"
                return f"{node.name} sent its gradient on when {count} had arrived, {result}"
        return f"A node sent its gradient on before it was complete, {result}"

    def _why_left(self, how: str, gradients: Gradients, index: int | None) -> str:
        if index is None:
            return self._no_difference("no gradient but the seed is other than zero")
        right = short(self._right[index])
        return (
            f"A second backward() {how} added to what the first one had left at "
            f"{self._diagram[index].name}: {right} + {right} = {short(gradients[index])}."
        )


# The wrong engines.


def _sweep(
    diagram: Diagram, order: Iterable[Node], given: Mapping[int, float], *, adds: bool = True
) -> Gradients:
    """Backpropagation, node by node in an order; contributions are added, or replace.

    Of the given gradients that of the root is the seed; the others are there before the sweep.
    """
    gradients = dict(given)
    for node in order:
        if node.index in gradients:
            for _, parent, local in diagram.sending(node):
                sent = contribution(node.operation, gradients[node.index], local)
                is_sum = adds and parent in gradients
                gradients[parent] = gradients[parent] + sent if is_sum else sent
    return gradients


def _depth_first(diagram: Diagram, root: int) -> list[Node]:
    """The nodes as they are first reached from the root, each before its operands in turn."""
    reached, pending = dict[int, Node](), [root]
    while pending:
        node = diagram[pending.pop()]
        if node.index not in reached:
            reached[node.index] = node
            pending += [parent for _, parent, _ in diagram.sending(node)][::-1]
    return list(reached.values())
