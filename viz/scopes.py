"""Which part of the computation each node belongs to: its module, and forward or gradient.

`grad(..., differentiable=True)` makes its nodes inside a scope of its own, so a drawing can tell
what was computed forward from what the chain rule made of it. A compiled loss reads every parameter
of a network; hundreds of arrows into one box say nothing, so leaves that only compiled nodes read
stand in one box, as if they had a scope of their own. Next: `picture.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from glassgrad.engine import Scope
from glassgrad.viz.compiled import MOST_LISTED
from glassgrad.viz.diagram import Diagram, Node


class Scopes:
    """The scopes of a diagram's nodes.

    Attributes:
        of: the scope of each node, by index; a leaf belongs where all its readers are.
        numbers: a number for every scope, those around others included.
        folds: scopes that nobody opened: each holds many leaves that compiled nodes read, and is
            always drawn as one box.

    >>> from glassgrad import Value, grad
    >>> from glassgrad.viz.diagram import Diagram
    >>> from glassgrad.viz.scopes import Scopes
    >>> x = Value(3.0)
    >>> scopes = Scopes(Diagram([grad(x**3, x, differentiable=True)]))
    >>> scopes.is_gradient(1), scopes.is_gradient(-1)
    (False, True)
    """

    def __init__(self, diagram: Diagram) -> None:
        given = dict.fromkeys(node.scope for node in diagram)
        self._gradients = {scope for scope in given if scope is not None and gradient_in(scope)}
        self.of = self._placed(diagram)
        self.folds = self._fold(diagram)
        self._chains = {scope: scope.chain() for scope in dict.fromkeys(self.of) if scope}
        every = (scope for chain in self._chains.values() for scope in chain)
        self.numbers = {scope: i for i, scope in enumerate(dict.fromkeys(every))}

    @property
    def depth(self) -> int:
        """How deep scopes are nested."""
        return max(map(len, self._chains.values()), default=0)

    @property
    def have_gradients(self) -> bool:
        """Whether a part of the nodes was made by `grad`."""
        return bool(self._gradients)

    def is_gradient(self, index: int) -> bool:
        """Whether a node belongs to a part that `grad` made."""
        return self.of[index] in self._gradients

    def is_saved(self, parent: int, index: int) -> bool:
        """Whether an edge brings a value to a gradient that was computed before it began."""
        scope, before = self.of[index], self.of[parent]
        gradient = gradient_in(scope) if scope else None
        return gradient is not None and gradient != (gradient_in(before) if before else None)

    def box(self, index: int, depth: int) -> Scope | None:
        """The scope whose box a node is drawn in, if so many levels are open; None for none."""
        scope = self.of[index]
        return self.at(index, depth) or (scope if scope in self.folds else None)

    def at(self, index: int, depth: int) -> Scope | None:
        """The scope around a node that has `depth` others around it; None if there is none."""
        scope = self.of[index]
        chain = self._chains[scope] if scope is not None else ()
        return chain[depth] if len(chain) > depth else None

    def _placed(self, diagram: Diagram) -> list[Scope | None]:
        scopes: list[Scope | None] = [node.scope for node in diagram]
        readers: dict[int, dict[Scope | None, None]] = {}
        for node in diagram:
            for parent in node.parents:
                readers.setdefault(parent, {})[node.scope] = None
        for node in diagram:
            if node.operation is None and (around := readers.get(node.index)):
                scopes[node.index] = self._place_of_leaf(node, list(around))
        return scopes

    def _fold(self, diagram: Diagram) -> set[Scope]:
        """Put the many Values that only compiled nodes read into scopes of their own."""
        found: set[Scope] = set()
        for title, members in folds(diagram):
            (first, *_) = members
            found.add(scope := Scope(f"{len(members):,} Values", title, self.of[first]))
            for index in members:
                self.of[index] = scope
        return found

    def _place_of_leaf(self, leaf: Node, readers: Sequence[Scope | None]) -> Scope | None:
        """The scope of all that read a leaf; a gradient reads it once more, so it counts less."""
        forward = [scope for scope in readers if scope not in self._gradients]
        if not forward:
            return min(readers, key=_order) if leaf.is_constant else leaf.scope
        return forward[0] if len(forward) == 1 else leaf.scope


def _order(scope: Scope | None) -> int:
    """A gradient comes before the gradient of it."""
    return scope.order if scope else 0


def gradient_in(scope: Scope) -> Scope | None:
    """The scope of the gradient that a scope is, or is inside of."""
    return next((part for part in scope.chain() if part.order > 0), None)


def folds(diagram: Diagram) -> Iterator[tuple[str, list[int]]]:
    """Leaves to be drawn as one box, by index, with what they are: "captured by loss".

    >>> from glassgrad import Value, compiled
    >>> from glassgrad.viz.diagram import Diagram
    >>> from glassgrad.viz.scopes import folds
    >>> ws = [Value(float(i)) for i in range(20)]
    >>> loss = compiled(lambda x: sum(ws) * x)
    >>> [(title, len(members)) for title, members in folds(Diagram([loss(2.0)]))]
    [('captured by <lambda>', 20)]
    """
    found: dict[tuple[tuple[int, ...], tuple[bool, ...]], list[int]] = {}
    readers = _readers(diagram)
    for index, nodes in readers.items():
        if all(node.is_compiled for node in nodes):
            are_captured = tuple(index in diagram.captured.get(node.index, ()) for node in nodes)
            key = (tuple(node.index for node in nodes), are_captured)
            found.setdefault(key, []).append(index)
    for (_, are_captured), members in found.items():
        if len(members) > MOST_LISTED:
            names = dict.fromkeys(n.function for n in readers[members[0]])
            how = "captured by" if all(are_captured) else "arguments of"
            yield f"{how} {', '.join(names)}", members


def _readers(diagram: Diagram) -> dict[int, list[Node]]:
    """The nodes that read each leaf which is no plain number, every node once."""
    found: dict[int, dict[int, Node]] = {}
    for node in diagram:
        for parent in node.parents:
            if diagram[parent].operation is None and not diagram[parent].is_constant:
                found.setdefault(parent, {})[node.index] = node
    return {index: list(nodes.values()) for index, nodes in found.items()}
