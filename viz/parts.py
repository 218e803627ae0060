"""What of a diagram is shown: all of it, or with modules collapsed and far parts hidden.

Up to a limit every node is drawn. Above it, scopes (neurons, then layers) are drawn as one box
each; if that is not enough, only the nodes nearest to the result. The picture says what it hides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine import Scope
from viz.diagram import Diagram, Node


@dataclass(frozen=True)
class Shown:
    """A node drawn in full."""

    key: str
    scope: Scope | None
    node: Node


@dataclass(frozen=True)
class Group:
    """A scope drawn as one box."""

    key: str
    scope: Scope | None
    scope_shown: Scope
    count: int
    outputs: tuple[float, ...]


@dataclass(frozen=True)
class Hidden:
    """A sign that a part has operands which are left out."""

    key: str
    scope: Scope | None


Part = Shown | Group | Hidden


@dataclass(frozen=True)
class Edge:
    """An arrow between parts; `node` and `operand` say which edge of the diagram it is."""

    tail: str
    head: str
    node: int
    operand: int | None
    partial: float | None
    carries: bool


class Picture:
    """The parts of a diagram that are drawn, and the arrows between them.

    Attributes:
        diagram: what is drawn.
        parts: the nodes and boxes, in the order of evaluation.
        edges: the arrows.
        note: what is hidden and how to see it, or "".
    """

    def __init__(self, diagram: Diagram, max_nodes: int, depth: int | None = None) -> None:
        self.diagram = diagram
        self._scopes = _scopes_of(diagram)
        scopes = (a for scope in dict.fromkeys(self._scopes) if scope for a in scope.chain())
        self._numbers = {scope: i for i, scope in enumerate(dict.fromkeys(scopes))}
        self._depth = self._fitting_depth(max_nodes) if depth is None else depth
        self._near = self._nearest(max_nodes)
        self._left_out = 0
        self.parts = list(self._parts())
        self.edges = list(dict.fromkeys(self._edges()))
        signs = dict.fromkeys(edge.tail for edge in self.edges if edge.tail.startswith("hidden"))
        self.parts += [Hidden(key, None) for key in signs]
        self.note = self._note()

    def load(self) -> int:
        """How hard the layout is: how many ranks all arrows together cross."""
        rank: dict[str, int] = {}
        arrows: dict[str, list[str]] = {}
        for edge in self.edges:
            arrows.setdefault(edge.tail, []).append(edge.head)
        load = 0
        for tail in self._keys_in_order():
            for head in arrows.get(tail, ()):
                rank[head] = max(rank.get(head, 0), rank.get(tail, 0) + 1)
        for edge in self.edges:
            load += max(1, rank.get(edge.head, 0) - rank.get(edge.tail, 0))
        return load

    def _keys_in_order(self) -> Iterator[str]:
        """Tails of arrows, each after the parts it depends on."""
        yield from (part.key for part in self.parts if isinstance(part, Hidden))
        for part in self.parts:
            if not isinstance(part, Hidden):
                yield f"{part.key}_op"
                yield part.key

    def scopes_in(self, scope: Scope | None) -> Iterator[Scope]:
        """The scopes directly inside one that are drawn as a frame around their parts."""
        framed = dict.fromkeys(
            ancestor for part in self.parts if part.scope for ancestor in part.scope.chain()
        )
        return (inner for inner in framed if inner.parent is scope)

    def scope_number(self, scope: Scope) -> int:
        """A number that stands for a scope in names."""
        return self._numbers[scope]

    def _box_of(self, index: int, depth: int) -> Scope | None:
        """The scope that stands for a node when scopes from `depth` on are collapsed."""
        scope = self._scopes[index]
        chain = scope.chain() if scope is not None else ()
        return chain[depth] if len(chain) > depth else None

    def _fitting_depth(self, limit: int) -> int:
        deepest = max((len(scope.chain()) for scope in self._numbers), default=0)
        if len(self.diagram) <= limit:
            return deepest
        for depth in range(deepest - 1, -1, -1):
            boxes = {self._box_of(i, depth) or i for i in range(len(self.diagram))}
            if len(boxes) <= limit:
                return depth
        return 0

    def _key(self, index: int) -> str:
        box = self._box_of(index, self._depth)
        return f"n{index}" if box is None else f"g{self.scope_number(box)}"

    def _nearest(self, limit: int) -> set[str]:
        """The keys of the parts nearest to the roots, breadth first."""
        near: dict[str, None] = {}
        queue = deque(self.diagram.roots)
        seen = set(queue)
        while queue and len(near) <= limit:
            index = queue.popleft()
            near[self._key(index)] = None
            for parent in self.diagram[index].parents:
                if parent not in seen:
                    seen.add(parent)
                    queue.append(parent)
        return set(list(near)[:limit])

    def _parts(self) -> Iterator[Part]:
        members: dict[str, list[int]] = {}
        for node in self.diagram:
            key = self._key(node.index)
            if key in self._near:
                members.setdefault(key, []).append(node.index)
            else:
                self._left_out += 1
        for key, indices in members.items():
            box = self._box_of(indices[0], self._depth)
            if box is None:
                yield Shown(key, self._scopes[indices[0]], self.diagram[indices[0]])
            else:
                outputs = tuple(self.diagram[i].data for i in self._outputs(indices))
                yield Group(key, box.parent, box, len(indices), outputs)

    def _outputs(self, indices: Sequence[int]) -> list[int]:
        """The nodes of a group that something outside reads, or that are roots; four at most."""
        inside = set(indices)
        read = {
            parent
            for node in self.diagram
            if node.index not in inside
            for parent in node.parents
            if parent in inside
        }
        return sorted(read | (inside & set(self.diagram.roots)))[:4]

    def _edges(self) -> Iterator[Edge]:
        shown = {part.key for part in self.parts}
        for node in self.diagram:
            key = self._key(node.index)
            if key not in shown:
                continue
            is_whole = key == f"n{node.index}"
            if is_whole and node.operation is not None:
                yield Edge(f"{key}_op", key, node.index, None, None, True)
            for operand, parent, partial in node.edges():
                tail = self._key(parent)
                if tail not in shown:
                    tail = f"hidden_{key}"
                    yield Edge(tail, f"{key}_op" if is_whole else key, -1, None, None, True)
                elif is_whole:
                    carries = partial is not None or self.diagram[parent].is_constant
                    yield Edge(tail, f"{key}_op", node.index, operand, partial, carries)
                elif tail != key:
                    yield Edge(tail, key, -1, None, None, True)

    def _note(self) -> str:
        groups = [part for part in self.parts if isinstance(part, Group)]
        parts = []
        if groups:
            inside = sum(group.count for group in groups)
            boxes = "1 box" if len(groups) == 1 else f"{len(groups)} boxes"
            parts.append(f"{inside} nodes are drawn as {boxes}")
        if self._left_out:
            parts.append(f"{self._left_out} nodes are not drawn")
        if not parts:
            return ""
        return f"{' and '.join(parts)}; draw(y, max_nodes={len(self.diagram)}) shows all."


def _scopes_of(diagram: Diagram) -> list[Scope | None]:
    """The scope of each node; a leaf belongs where all its readers are."""
    scopes: list[Scope | None] = [node.scope for node in diagram]
    readers: dict[int, set[Scope | None]] = {}
    for node in diagram:
        for parent in node.parents:
            readers.setdefault(parent, set()).add(node.scope)
    for node in diagram:
        if node.operation is None and len(readers.get(node.index, ())) == 1:
            (scopes[node.index],) = readers[node.index]
    return scopes
