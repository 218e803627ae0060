"""What of a diagram is shown: all of it, or with modules collapsed and far parts hidden.

Up to a limit every node is drawn. Above it, scopes (neurons, then layers) are drawn as one box
each; if that is not enough, only the nodes nearest to the result. Around a node, only its
neighbourhood is drawn. `note` says what is hidden, and how to see it. Next: `dot.py`, how it looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from glassgrad.engine import Scope
from glassgrad.engine.compiling.result import Replay
from glassgrad.viz.diagram import Diagram, Node, counted_marks
from glassgrad.viz.scopes import Scopes

_MOST_OUTPUTS = 4


@dataclass(frozen=True)
class Shown:
    """A node drawn in full."""

    key: str
    scope: Scope | None
    node: Node


@dataclass(frozen=True)
class Group:
    """A scope drawn as one box: what it is, how many nodes it holds, some of its outputs, warnings.

    `is_fold` says that they are leaves which a compiled node reads, and no module.
    """

    key: str
    scope: Scope | None
    scope_shown: Scope
    count: int
    outputs: tuple[Node, ...]
    has_more: bool
    warnings: tuple[str, ...]
    is_fold: bool = False


@dataclass(frozen=True)
class Hidden:
    """A sign that a part has operands, or readers, which are left out."""

    key: str
    scope: Scope | None


Part = Shown | Group | Hidden


@dataclass(frozen=True)
class Edge:
    """An arrow between parts; `node` and `operand` say which edge of the diagram it is.

    The arrow from an operation to its result has the node alone.

    `carries` says whether a derivative flows along it, `is_saved` whether a gradient uses a value
    of the forward part.
    """

    tail: str
    head: str
    node: int | None = None
    operand: int | None = None
    partial: float | None = None
    carries: bool = True
    is_saved: bool = False


class Picture:
    """The parts of a diagram that are drawn, and the arrows between them.

    Args:
        diagram: what is drawn.
        max_nodes: above this many nodes modules are drawn as boxes.
        depth: how many levels of modules to open; None opens as many as fit.
        around: the index of the node whose neighbourhood is drawn; None draws the whole.
        radius: how many edges the neighbourhood reaches.

    Attributes:
        scopes: the scope of every node.
        parts: the nodes and boxes, in the order of evaluation.
        edges: the arrows.
        is_cut: whether there are nodes beyond the nearest that are drawn.
    """

    def __init__(
        self,
        diagram: Diagram,
        max_nodes: int,
        depth: int | None = None,
        around: int | None = None,
        radius: int = 2,
    ) -> None:
        self.diagram = diagram
        self.around = around
        self.radius = min(radius, len(diagram))
        self.scopes = Scopes(diagram)
        if depth is None:
            depth = self._fitting_depth(max_nodes) if around is None else self.scopes.depth
        self._boxes = self._boxes_at(depth)
        self._keys = [
            f"n{i}" if box is None else f"g{self.scopes.numbers[box]}"
            for i, box in enumerate(self._boxes)
        ]
        self._near = self._nearest(max_nodes)
        self.indices = [i for i, key in enumerate(self._keys) if key in self._near]
        self.parts: list[Part] = list(self._parts())
        self.edges = list(dict.fromkeys(self._edges()))
        self.parts += list(dict.fromkeys(self._signs()))

    def __repr__(self) -> str:
        return f"<picture of {len(self.parts)} parts>"

    @cached_property
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
        found = (sorted(groups, key=_natural) for groups in columns.values())
        return {f"c{groups[0].key}": groups for groups in found}

    @cached_property
    def boxes(self) -> dict[str, list[Group]]:
        """What stands for modules, by the key of its shape: a lone box, or the rows of a table."""
        in_tables = {group.key for groups in self.columns.values() for group in groups}
        groups = [part for part in self.parts if isinstance(part, Group)]
        alone = {group.key: [group] for group in groups if group.key not in in_tables}
        return {**alone, **{groups[0].key: groups for groups in self.columns.values()}}

    def key_of(self, index: int) -> str:
        """The key of the part that a node is, or is inside of."""
        return self._keys[index]

    def warnings_in(self, scope: Scope) -> list[str]:
        """The warnings in a module whose parts are collapsed, counted over all of them."""
        closed = [g for column in self.columns.values() for g in column if g.scope is scope]
        if len(closed) < 2:
            return []
        boxes = {group.scope_shown for group in closed}
        return counted_marks(self.diagram[i] for i in self.indices if self._boxes[i] in boxes)

    @cached_property
    def _ranks(self) -> dict[str, int]:
        return ranks((edge.tail, edge.head) for edge in self.edges)

    def scopes_in(self, scope: Scope | None) -> Iterator[Scope]:
        """The scopes directly inside one that are drawn as a frame around their parts."""
        framed = dict.fromkeys(
            ancestor for part in self.parts if part.scope for ancestor in part.scope.chain()
        )
        return (inner for inner in framed if inner.parent is scope)

    def _boxes_at(self, depth: int) -> list[Scope | None]:
        return [self.scopes.box(i, depth) for i in range(len(self.diagram))]

    def _fitting_depth(self, limit: int) -> int:
        deepest = self.scopes.depth
        if len(self.diagram) <= limit:
            return deepest
        for depth in range(deepest, -1, -1):
            if len({box or i for i, box in enumerate(self._boxes_at(depth))}) <= limit:
                return depth
        return 0

    def _nearest(self, limit: int) -> set[str]:
        """The keys of the parts nearest to the roots, or to the node in the middle."""
        near: dict[str, None] = {}
        distances = self._distances()
        while len(near) <= limit and (index := next(distances, None)) is not None:
            near[self._keys[index]] = None
        self.is_cut = len(near) > limit
        return set(list(near)[:limit])

    def _distances(self) -> Iterator[int]:
        """Nodes, the nearest first: back from the roots, or both ways around a node."""
        starts = self.diagram.roots if self.around is None else (self.around,)
        readers = {} if self.around is None else self._readers()
        queue = deque((start, 0) for start in starts)
        seen = set(starts)
        while queue:
            index, distance = queue.popleft()
            yield index
            if self.around is not None and distance == self.radius:
                continue
            for other in (*self.diagram[index].parents, *readers.get(index, ())):
                if other not in seen:
                    seen.add(other)
                    queue.append((other, distance + 1))

    def _readers(self) -> dict[int, list[int]]:
        readers: dict[int, list[int]] = {}
        for node in self.diagram:
            for parent in node.parents:
                readers.setdefault(parent, []).append(node.index)
        return readers

    def _parts(self) -> Iterator[Part]:
        members: dict[str, list[int]] = {}
        for index in self.indices:
            members.setdefault(self._keys[index], []).append(index)
        outputs = self._outputs()
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
            )

    def _outputs(self) -> set[int]:
        """The nodes of groups that something outside reads, and the roots."""
        outputs = set(self.diagram.roots)
        for node in self.diagram:
            key = self._keys[node.index]
            outputs.update(parent for parent in node.parents if self._keys[parent] != key)
        return outputs

    def _edges(self) -> Iterator[Edge]:
        for node in self.diagram:
            key = self._keys[node.index]
            is_drawn = key in self._near
            if is_drawn and key == f"n{node.index}":
                yield from self._edges_of(node, key)
            elif is_drawn:
                yield from self._edges_into_box(node, key)
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

    def _edges_into_box(self, node: Node, key: str) -> Iterator[Edge]:
        for parent in node.parents:
            tail = self._keys[parent]
            if tail not in self._near:
                yield Edge(f"hidden_{key}", key)
            elif tail != key:
                yield Edge(tail, key, is_saved=self.scopes.is_saved(parent, node.index))

    def _signs(self) -> Iterator[Hidden]:
        """The signs that something is left out, each beside the part that it belongs to."""
        scopes = {part.key: part.scope for part in self.parts}
        for edge in self.edges:
            if edge.tail.startswith("hidden"):
                yield Hidden(edge.tail, scopes[edge.head.removesuffix("_op")])
            elif edge.head.startswith("hidden"):
                yield Hidden(edge.head, scopes[edge.tail])


def _natural(group: Group) -> tuple[str, int, str]:
    """Sorts "neurons.2" before "neurons.10"."""
    name = group.scope_shown.name
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :].lstrip("0")
    return stem, len(digits), digits


def note(picture: Picture) -> str:
    """What is hidden and how to see it; "" if nothing is.

    >>> from glassgrad import Value, compiled
    >>> from glassgrad.viz.diagram import Diagram
    >>> from glassgrad.viz.picture import note
    >>> from glassgrad.viz.picture import Picture
    >>> w = Value(2.0)
    >>> note(Picture(Diagram([compiled(lambda x: w * x)(3.0)]), max_nodes=150))
    '<lambda> is compiled and closed; depth=1 opens it, in draw and in backprop.'
    """
    return " ".join(filter(None, (_left_out(picture), _closed(picture))))


def _left_out(picture: Picture) -> str:
    size = len(picture.diagram)
    shows_all = f"draw(y, max_nodes={size}) shows all."
    left_out = size - len(picture.indices)
    if picture.around is not None and left_out:
        return f"{len(picture.indices)} of {size} nodes are drawn, {_vicinity(picture)}{shows_all}"
    groups = [part for part in picture.parts if isinstance(part, Group) and not part.is_fold]
    parts = []
    if groups:
        inside = sum(group.count for group in groups)
        boxes = "1 box" if len(groups) == 1 else f"{len(groups)} boxes"
        parts.append(f"{inside} nodes are drawn as {boxes}")
    if left_out:
        parts.append(f"{left_out} nodes are not drawn")
    return f"{' and '.join(parts)}; {shows_all}" if parts else ""


def _vicinity(picture: Picture) -> str:
    assert picture.around is not None
    name = picture.diagram[picture.around].name
    if picture.is_cut:
        return f"the nearest to {name}; "
    edges = "1 edge" if picture.radius == 1 else f"{picture.radius} edges"
    more = f"draw(y, around={name!r}, radius={picture.radius + 1})"
    return f"those within {edges} of {name}; {more} shows more, "


def _closed(picture: Picture) -> str:
    """What is said of compiled nodes that are closed, and of boxes of the Values they read."""
    nodes = [p.node for p in picture.parts if isinstance(p, Shown) and p.node.is_compiled]
    refused = picture.diagram.closed
    said = [f"{refused[node.index]}." for node in nodes if node.index in refused]
    openable = [node for node in nodes if isinstance(node.operation, Replay)]
    if closed := [node for node in openable if node.index not in refused]:
        names = list(dict.fromkeys(node.function for node in closed))
        verb, what = ("is", "it") if len(names) == 1 else ("are", "them")
        depth = max(1 if node.scope is None else 1 + len(node.scope.chain()) for node in closed)
        opening = f"depth={depth} opens {what}, in draw and in backprop"
        said.append(f"{', '.join(names)} {verb} compiled and closed; {opening}.")
    folds = [part for part in picture.parts if isinstance(part, Group) and part.is_fold]
    if folds:
        count = sum(group.count for group in folds)
        boxes = "1 box" if len(folds) == 1 else f"{len(folds)} boxes"
        said.append(f"{count:,} Values are drawn as {boxes}; print(draw(y)) lists them.")
    return " ".join(dict.fromkeys(said))


def ranks(edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The length of the longest path to each part; parts on or behind a circle have none.

    (A module that is called twice, drawn as one box, may lie on a circle.)

    >>> from glassgrad.viz.picture import ranks
    >>> ranks([("a", "b"), ("b", "c"), ("a", "c")])
    {'a': 0, 'b': 1, 'c': 2}
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
