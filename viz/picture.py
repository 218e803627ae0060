"""What of a diagram is shown: all of it, or with modules collapsed and far parts hidden.

Up to a limit every node is drawn. Above it, scopes (neurons, then layers) are drawn as one box
each; if that is not enough, only the nodes nearest to the result. Around a node, only its
neighbourhood is drawn. Next: `dot.py`, how it looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from glassgrad.engine import Scope
from glassgrad.viz.compiled import MOST_LISTED
from glassgrad.viz.diagram import Diagram, Node, counted_marks


@dataclass(frozen=True)
class Part:
    """What stands in a scope: a node, or a box for all nodes of an inner one, its `box`.

    Without nodes it is a sign that the parts beside it have operands, or readers, which are left
    out. `outputs` are the nodes of a box that something outside of it reads, and the roots.
    """

    key: str
    scope: Scope | None
    nodes: Sequence[Node] = ()
    box: Scope | None = None
    outputs: Sequence[Node] = ()


@dataclass(frozen=True)
class Edge:
    """An arrow between parts.

    `id` is for scripts: "e5_0" is the edge of node 5 to its first operand, "r5" goes from an
    operation to its result. `carries` says whether a derivative flows along it; `is_saved` whether
    a gradient uses a value of the forward part.
    """

    tail: str
    head: str
    id: str = ""
    partial: float | None = None
    carries: bool = True
    is_saved: bool = False


class Scopes:
    """The scopes of a diagram's nodes, by index; a leaf belongs where all its readers are.

    `grad(..., differentiable=True)` makes its nodes inside a scope of its own, so it can be told
    what was computed forward from what the chain rule made of it. `folds` are scopes that nobody
    opened: a compiled loss reads every parameter of a network, and hundreds of arrows into one box
    say nothing, so leaves that only compiled nodes read are always drawn as one box.
    """

    def __init__(self, diagram: Diagram) -> None:
        self.of: list[Scope | None] = [node.scope for node in diagram]
        for leaf, readers in zip(diagram, diagram.readers):
            if leaf.operation is None and readers:
                around = dict.fromkeys(diagram[reader].scope for reader in readers)
                self.of[leaf.index] = _place_of_leaf(leaf, list(around))
        self.folds: set[Scope] = set()
        for title, members in _folds(diagram):
            scope = Scope(f"{len(members):,} Values", title, self.of[members[0]])
            self.folds.add(scope)
            for index in members:
                self.of[index] = scope
        self._chains = {scope: scope.chain() for scope in dict.fromkeys(self.of) if scope}
        every = (scope for chain in self._chains.values() for scope in chain)
        self.numbers = {scope: i for i, scope in enumerate(dict.fromkeys(every))}

    @property
    def depth(self) -> int:
        """How deep scopes are nested."""
        return max(map(len, self._chains.values()), default=0)

    def is_saved(self, parent: int, index: int) -> bool:
        """Whether an edge brings a value to a gradient that was computed before it began."""
        gradient = gradient_in(self.of[index])
        return gradient is not None and gradient != gradient_in(self.of[parent])

    def boxes(self, depth: int) -> list[Scope | None]:
        """The scope whose box each node is drawn in, if so many levels are open; None for none."""
        box = {scope: scope if scope in self.folds else None for scope in {*self.of}}
        box |= {scope: chain[depth] for scope, chain in self._chains.items() if len(chain) > depth}
        return [box[scope] for scope in self.of]


def gradient_in(scope: Scope | None) -> Scope | None:
    """The scope of the gradient that a scope is, or is inside of."""
    chain = () if scope is None else scope.chain()
    return next((part for part in chain if part.order > 0), None)


def _place_of_leaf(leaf: Node, readers: Sequence[Scope | None]) -> Scope | None:
    """The scope of all that read a leaf; a gradient reads it once more, so it counts less."""
    forward = [scope for scope in readers if gradient_in(scope) is None]
    if not forward and leaf.is_constant:  # a gradient comes before the gradient of it
        return min(readers, key=lambda scope: scope.order if scope else 0)
    return forward[0] if len(forward) == 1 else leaf.scope


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
        self._parts = self._made_parts()
        self.edges = list(dict.fromkeys(self._made_edges()))
        self._ranks = ranks((edge.tail, edge.head) for edge in self.edges)

    @property
    def parts(self) -> list[Part]:
        """Nodes and boxes, and then signs of what is left out."""
        return list(self._parts.values())

    @property
    def load(self) -> int:
        """How hard the layout is: how many ranks all arrows together cross."""
        at = self._ranks
        return sum(max(1, at.get(e.head, 0) - at.get(e.tail, 0)) for e in self.edges)

    @cached_property
    def columns(self) -> dict[str, list[Part]]:
        """Boxes of one module that stand side by side, such as the neurons of a layer."""
        columns: dict[tuple[Scope | None, int], list[Part]] = {}
        for part in self.parts:
            if part.box and part.key in self._ranks:
                columns.setdefault((part.scope, self._ranks[part.key]), []).append(part)
        if all(len(parts) == 1 for parts in columns.values()):
            return {}
        return {f"c{parts[0].key}": parts for parts in columns.values()}

    @cached_property
    def column_of(self) -> dict[str, str]:
        """The column that a box stands in, by the keys of both."""
        return {part.key: key for key, parts in self.columns.items() for part in parts}

    def warnings_in(self, scope: Scope) -> list[str]:
        """The warnings in a module whose parts are collapsed, counted over all of them."""
        closed = [p for column in self.columns.values() for p in column if p.scope is scope]
        return counted_marks(n for p in closed for n in p.nodes) if len(closed) > 1 else []

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

    def _made_parts(self) -> dict[str, Part]:
        members: dict[str, list[Node]] = {}
        for index in self.indices:
            members.setdefault(self._keys[index], []).append(self.diagram[index])
        outputs = {
            parent for node in self.diagram for parent in node.parents
            if self._keys[parent] != self._keys[node.index]
        }.union(self.diagram.roots)  # fmt: skip
        parts = {}
        for key, nodes in members.items():
            box = self._boxes[nodes[0].index]
            scope = self.scopes.of[nodes[0].index] if box is None else box.parent
            read = [node for node in nodes if box and node.index in outputs]
            parts[key] = Part(key, scope, nodes, box, read)
        return parts

    def _made_edges(self) -> Iterator[Edge]:
        for node in self.diagram:
            key, box = self._keys[node.index], self._boxes[node.index]
            if key not in self._near:
                tails = [self._keys[p] for p in node.parents if self._keys[p] in self._near]
                for tail in tails if self.around is not None else ():
                    yield Edge(tail, self._sign(f"hidden_after_{tail}", tail))
                continue
            head = key
            if node.operation is not None and not node.is_compiled and box is None:
                head = f"{key}_op"
                yield Edge(head, key, f"r{node.index}")
            for operand, parent, partial in node.edges():
                tail = self._keys[parent]
                if tail not in self._near:
                    yield Edge(self._sign(f"hidden_{key}", key), head)
                elif tail != key:  # else it is inside of a box
                    is_saved = self.scopes.is_saved(parent, node.index)
                    if box is not None:
                        yield Edge(tail, key, is_saved=is_saved)
                    elif node.is_compiled and self._boxes[parent]:  # one arrow for all of a box
                        yield Edge(tail, key, f"r{node.index}", is_saved=is_saved)
                    else:
                        carries = partial is not None or self.diagram[parent].is_constant
                        name = f"e{node.index}_{operand}"
                        yield Edge(tail, head, name, partial, carries, is_saved)

    def _sign(self, key: str, beside: str) -> str:
        """The key of a sign that something is left out, which stands beside a part."""
        self._parts.setdefault(key, Part(key, self._parts[beside].scope))
        return key


def ranks(edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The length of the longest path to each part; parts on or behind a circle have none.

    (A module that is called twice, drawn as one box, may lie on a circle.)
    """
    tails: dict[str, list[str]] = {}
    for tail, head in edges:
        tails.setdefault(head, []).append(tail)
    found: dict[str, int] = {}
    sorter = TopologicalSorter(tails)
    with suppress(CycleError):  # then it goes as far as it can
        sorter.prepare()
    while ready := sorter.is_active() and sorter.get_ready():
        for part in ready:
            found[part] = 1 + max((found[tail] for tail in tails.get(part, ())), default=-1)
        sorter.done(*ready)
    return found
