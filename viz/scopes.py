"""Which part of the computation each node belongs to: its module, and forward or gradient.

`grad(..., differentiable=True)` makes its nodes inside a scope of its own, so a drawing can tell
what was computed forward from what the chain rule made of it. Next: `parts.py`.
"""

from __future__ import annotations

from engine import Scope
from viz.diagram import Diagram

GRADIENT_SCOPE = "gradient"
"""The name and the kind of the scope that `grad` opens."""


class Scopes:
    """The scopes of a diagram's nodes.

    Attributes:
        of: the scope of each node, by index; a leaf belongs where all its readers are.
        numbers: a number for every scope, those around others included.

    >>> from engine import Value, grad
    >>> from viz.diagram import Diagram
    >>> from viz.scopes import Scopes
    >>> x = Value(3.0)
    >>> scopes = Scopes(Diagram([grad(x**3, x, differentiable=True)]))
    >>> scopes.is_gradient(0), scopes.is_gradient(-1)
    (False, True)
    """

    def __init__(self, diagram: Diagram) -> None:
        given = dict.fromkeys(node.scope for node in diagram)
        self._gradients = {scope for scope in given if scope is not None and is_made_by_grad(scope)}
        self.of = self._placed(diagram)
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

    def at(self, index: int, depth: int) -> Scope | None:
        """The scope around a node that has `depth` others around it; None if there is none."""
        scope = self.of[index]
        chain = self._chains[scope] if scope is not None else ()
        return chain[depth] if len(chain) > depth else None

    def _placed(self, diagram: Diagram) -> list[Scope | None]:
        scopes: list[Scope | None] = [node.scope for node in diagram]
        readers: dict[int, set[Scope | None]] = {}
        for node in diagram:
            for parent in node.parents:
                readers.setdefault(parent, set()).add(node.scope)
        for node in diagram:
            if node.operation is None:
                around = readers.get(node.index, set())
                around = (around - self._gradients) or around  # the gradient reads it once more
                if len(around) == 1:
                    (scopes[node.index],) = around
        return scopes


def is_made_by_grad(scope: Scope) -> bool:
    """Whether a scope is that of a gradient, or inside it."""
    return any(part.name == part.kind == GRADIENT_SCOPE for part in scope.chain())
