"""What of a diagram is shown: all of it, or with modules collapsed and far parts hidden.

Up to a limit every node is drawn. Above it, scopes (neurons, then layers) are drawn as one box
each; if that is not enough, only the nodes nearest to the result. Around a node, only its
neighbourhood is drawn. `grad(..., differentiable=True)` makes its nodes inside a scope of its own,
so it can be told what was computed forward from what the chain rule made of it. A compiled loss
reads every parameter of a network; hundreds of arrows into one box say nothing, so leaves that only
compiled nodes read stand in one box, as if they had a scope of their own.
Next: `dot.py`, how it looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from glassgrad.engine import Scope
from glassgrad.viz.compiled import MOST_LISTED
from glassgrad.viz.diagram import Diagram, Node, counted_marks

_MOST_OUTPUTS = 4


@dataclass(frozen=True)
class Shown:
    """A node drawn in full."""

    key: str
    scope: Scope | None
    node: Node


@dataclass(frozen=True)
class Group:
    """A scope drawn as one box; `is_fold` says that it is no module: see `Scopes.folds`."""

    key: str
    scope: Scope | None
    scope_shown: Scope
    count: int
    outputs: tuple[Node, ...]
    has_more: bool
    warnings: tuple[str, ...]
    is_fold: bool = False
    frozen: str = ""


@dataclass(frozen=True)
class Hidden:
    """A sign that a part has operands, or readers, which are left out."""

    key: str
    scope: Scope | None


Part = Shown | Group | Hidden


@dataclass(frozen=True)
class Edge:
    """An arrow between parts.

    `node` and `operand` say which edge of the diagram it is, the node alone that it goes from an
    operation to its result; `carries` whether a derivative flows along it; `is_saved` whether a
    gradient uses a value of the forward part.
    """

    tail: str
    head: str
    node: int | None = None
    operand: int | None = None
    partial: float | None = None
    carries: bool = True
    is_saved: bool = False


def frozen_in(nodes: Iterable[Node]) -> str:
    """Whether no gradient reaches the leaves of a part: "frozen", "partly frozen", or ""."""
    found = {node.is_frozen for node in nodes if node.operation is None and not node.is_constant}
    return "" if True not in found else "partly frozen" if False in found else "frozen"


class Scopes:
    """The scopes of a diagram's nodes, by index; a leaf belongs where all its readers are.

    `folds` are scopes that nobody opened: each holds many leaves that compiled nodes read, and is
    always drawn as one box.
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

    def is_saved(self, parent: int, index: int) -> bool:
        """Whether an edge brings a value to a gradient that was computed before it began."""
        scope, before = self.of[index], self.of[parent]
        gradient = gradient_in(scope) if scope else None
        return gradient is not None and gradient != (gradient_in(before) if before else None)

    def boxes(self, depth: int) -> list[Scope | None]:
        """The scope whose box each node is drawn in, if so many levels are open; None for none."""
        box = {scope: scope if scope in self.folds else None for scope in {*self.of}}
        box |= {scope: chain[depth] for scope, chain in self._chains.items() if len(chain) > depth}
        return [box[scope] for scope in self.of]

    def _placed(self, diagram: Diagram) -> list[Scope | None]:
        scopes: list[Scope | None] = [node.scope for node in diagram]
        for node, readers in zip(diagram, diagram.readers):
            if node.operation is None and readers:
                around = dict.fromkeys(diagram[reader].scope for reader in readers)
                scopes[node.index] = self._place_of_leaf(node, list(around))
        return scopes

    def _fold(self, diagram: Diagram) -> set[Scope]:
        found: set[Scope] = set()
        for title, members in _folds(diagram):
            found.add(scope := Scope(f"{len(members):,} Values", title, self.of[members[0]]))
            for index in members:
                self.of[index] = scope
        return found

    def _place_of_leaf(self, leaf: Node, readers: Sequence[Scope | None]) -> Scope | None:
        """The scope of all that read a leaf; a gradient reads it once more, so it counts less."""
        forward = [scope for scope in readers if scope not in self._gradients]
        if not forward:
            if not leaf.is_constant:
                return leaf.scope
            # A gradient comes before the gradient of it.
            return min(readers, key=lambda scope: scope.order if scope else 0)
        return forward[0] if len(forward) == 1 else leaf.scope


def gradient_in(scope: Scope) -> Scope | None:
    """The scope of the gradient that a scope is, or is inside of."""
    return next((part for part in scope.chain() if part.order > 0), None)


def _folds(diagram: Diagram) -> Iterator[tuple[str, list[int]]]:
    """Leaves to be drawn as one box, by index, with what they are: "captured by loss"."""
    found: dict[tuple[tuple[int, ...], tuple[bool, ...]], list[int]] = {}
    for leaf, readers in zip(diagram, diagram.readers):
        is_read_whole = readers and all(diagram[reader].is_compiled for reader in readers)
        if leaf.operation is None and not leaf.is_constant and is_read_whole:
            are_captured = tuple(leaf.index in diagram.captured.get(r, ()) for r in readers)
            found.setdefault((readers, are_captured), []).append(leaf.index)
    for (readers, are_captured), members in found.items():
        if len(members) > MOST_LISTED:
            names = dict.fromkeys(diagram[reader].function for reader in readers)
            how = "captured by" if all(are_captured) else "arguments of"
            yield f"{how} {', '.join(names)}", members


class Picture:
    """The parts of a diagram that are drawn, and the arrows between them; for options see `draw`.

    It is cut where there are nodes beyond the nearest that are drawn.
    """

    def __init__(
        self, diagram: Diagram, max_nodes: int, depth: int | None = None,
        around: int | None = None, radius: int = 2,
    ) -> None:  # fmt: skip
        self.diagram = diagram
        self.around = around
        self.radius = min(radius, len(diagram))
        self.scopes = Scopes(diagram)
        if depth is None:
            depth = self._fitting_depth(max_nodes) if around is None else self.scopes.depth
        self._boxes = self.scopes.boxes(depth)
        self._keys = [
            f"n{i}" if box is None else f"g{self.scopes.numbers[box]}"
            for i, box in enumerate(self._boxes)
        ]
        self._near = self._nearest(max_nodes)
        self.indices = [i for i, key in enumerate(self._keys) if key in self._near]
        self.parts: list[Part] = list(self._parts())
        self.edges = list(dict.fromkeys(self._edges()))
        self._ranks = ranks((edge.tail, edge.head) for edge in self.edges)
        self.parts += list(dict.fromkeys(self._signs()))

    @property
    def load(self) -> int:
        """How hard the layout is: how many ranks all arrows together cross."""
        at = self._ranks
        return sum(max(1, at.get(e.head, 0) - at.get(e.tail, 0)) for e in self.edges)

    @cached_property
    def columns(self) -> dict[str, list[Group]]:
        """Boxes of one module that stand side by side, such as the neurons of a layer."""
        columns: dict[tuple[Scope | None, int], list[Group]] = {}
        for part in self.parts:
            if isinstance(part, Group) and part.key in self._ranks:
                columns.setdefault((part.scope, self._ranks[part.key]), []).append(part)
        if all(len(groups) == 1 for groups in columns.values()):
            return {}
        return {f"c{groups[0].key}": groups for groups in columns.values()}

    @cached_property
    def column_of(self) -> dict[str, str]:
        """The column that a box stands in, by the keys of both."""
        return {group.key: key for key, groups in self.columns.items() for group in groups}

    def warnings_in(self, scope: Scope) -> list[str]:
        """The warnings in a module whose parts are collapsed, counted over all of them."""
        closed = [g for column in self.columns.values() for g in column if g.scope is scope]
        if len(closed) < 2:
            return []
        boxes = {group.scope_shown for group in closed}
        return counted_marks(self.diagram[i] for i in self.indices if self._boxes[i] in boxes)

    def scopes_in(self, scope: Scope | None) -> list[Scope]:
        """The scopes directly inside one that are drawn as a frame around their parts."""
        framed = (around for part in self.parts if part.scope for around in part.scope.chain())
        return [inner for inner in dict.fromkeys(framed) if inner.parent is scope]

    def _fitting_depth(self, limit: int) -> int:
        deepest = self.scopes.depth
        if len(self.diagram) <= limit:
            return deepest
        for depth in range(deepest, -1, -1):
            if len({box or i for i, box in enumerate(self.scopes.boxes(depth))}) <= limit:
                return depth
        return 0

    def _nearest(self, limit: int) -> set[str]:
        near: dict[str, None] = {}
        distances = self._distances()
        while len(near) <= limit and (index := next(distances, None)) is not None:
            near[self._keys[index]] = None
        self.is_cut = len(near) > limit
        return set(list(near)[:limit])

    def _distances(self) -> Iterator[int]:
        """Nodes, the nearest first: back from the roots, or both ways around a node."""
        starts = self.diagram.roots if self.around is None else (self.around,)
        readers = [] if self.around is None else self.diagram.readers
        queue = deque((start, 0) for start in starts)
        seen = set(starts)
        while queue:
            index, distance = queue.popleft()
            yield index
            if self.around is not None and distance == self.radius:
                continue
            for other in (*self.diagram[index].parents, *(readers[index] if readers else ())):
                if other not in seen:
                    seen.add(other)
                    queue.append((other, distance + 1))

    def _parts(self) -> Iterator[Part]:
        members: dict[str, list[int]] = {}
        for index in self.indices:
            members.setdefault(self._keys[index], []).append(index)
        outputs = {  # what something outside of its box reads, and the roots
            parent for node in self.diagram for parent in node.parents
            if self._keys[parent] != self._keys[node.index]
        }.union(self.diagram.roots)  # fmt: skip
        for key, indices in members.items():
            box = self._boxes[indices[0]]
            if box is None:
                yield Shown(key, self.scopes.of[indices[0]], self.diagram[indices[0]])
                continue
            read = [self.diagram[i] for i in indices if i in outputs]
            yield Group(
                key,
                box.parent,
                box,
                count=len(indices),
                outputs=tuple(read[:_MOST_OUTPUTS]),
                has_more=len(read) > _MOST_OUTPUTS,
                warnings=tuple(counted_marks(self.diagram[i] for i in indices)),
                is_fold=box in self.scopes.folds,
                frozen=frozen_in(self.diagram[i] for i in indices),
            )

    def _edges(self) -> Iterator[Edge]:
        for node in self.diagram:
            key = self._keys[node.index]
            is_drawn = key in self._near
            if is_drawn and key == f"n{node.index}":
                yield from self._edges_of(node, key)
            elif is_drawn:  # into a box
                for parent in node.parents:
                    tail = self._keys[parent]
                    if tail not in self._near:
                        yield Edge(f"hidden_{key}", key)
                    elif tail != key:
                        yield Edge(tail, key, is_saved=self.scopes.is_saved(parent, node.index))
            elif self.around is not None:
                for tail in dict.fromkeys(self._keys[parent] for parent in node.parents):
                    if tail in self._near:
                        yield Edge(tail, f"hidden_after_{tail}")

    def _edges_of(self, node: Node, key: str) -> Iterator[Edge]:
        head = key if node.is_compiled else f"{key}_op"
        if node.operation is not None and not node.is_compiled:
            yield Edge(head, key, node.index)
        for operand, parent, partial in node.edges():
            tail = self._keys[parent]
            is_saved = self.scopes.is_saved(parent, node.index)
            if tail not in self._near:
                yield Edge(f"hidden_{key}", head)
            elif node.is_compiled and self._boxes[parent]:  # one arrow for all of a box
                yield Edge(tail, head, node.index, is_saved=is_saved)
            else:
                carries = partial is not None or self.diagram[parent].is_constant
                yield Edge(tail, head, node.index, operand, partial, carries, is_saved)

    def _signs(self) -> Iterator[Hidden]:
        """The signs that something is left out, each beside the part that it belongs to."""
        scopes = {part.key: part.scope for part in self.parts}
        for edge in self.edges:
            if edge.tail.startswith("hidden"):
                yield Hidden(edge.tail, scopes[edge.head.removesuffix("_op")])
            elif edge.head.startswith("hidden"):
                yield Hidden(edge.head, scopes[edge.tail])


def ranks(edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The length of the longest path to each part; parts on or behind a circle have none.

    (A module that is called twice, drawn as one box, may lie on a circle.)
    """
    heads: dict[str, list[str]] = {}
    waiting: dict[str, int] = {}
    for tail, head in edges:
        heads.setdefault(tail, []).append(head)
        waiting[head] = waiting.get(head, 0) + 1
        waiting.setdefault(tail, 0)
    ready = deque(part for part, count in waiting.items() if count == 0)
    longest = dict.fromkeys(ready, 0)
    found: dict[str, int] = {}
    while ready:
        tail = ready.popleft()
        found[tail] = longest[tail]
        for head in heads.get(tail, ()):
            longest[head] = max(longest.get(head, 0), longest[tail] + 1)
            waiting[head] -= 1
            if waiting[head] == 0:
                ready.append(head)
    return found
