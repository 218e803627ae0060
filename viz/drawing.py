"""`draw`: the graph of any expression as a picture, with every value and gradient on it."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import graphviz

from glassgrad.engine import Value
from glassgrad.engine.compile.result import Replay
from glassgrad.engine.files import json_text, write_file
from glassgrad.engine.misuse import know_habits, real, whole
from glassgrad.engine.text import columns, counted, describe, plain, short, told
from glassgrad.engine.tree import scalar_of
from glassgrad.viz.diagram import Diagram
from glassgrad.viz.dot import digraph
from glassgrad.viz.markup import (
    document,
    figure,
    image,
    page_svg,
    paragraph,
    picture_or_advice,
    table,
)
from glassgrad.viz.picture import Part, Picture
from glassgrad.viz.render import RendererMissingError, RenderingError, render

SCHEMA = "glassgrad-graph/1"
MAX_NODES = 150
RADIUS = 2
MOST_ROWS = 150  # of more nodes the table in a notebook shows the first; a page of its own has all
_SCROLLING = "margin:0;max-width:100%;overflow-x:auto"
_READABLE = 0.7
"""A wide picture is shrunk to fit its cell, down to this share of its size; then it scrolls."""
FORMATS = ("svg", "png", "pdf", "dot", "json", "html", "txt")


@know_habits
class Rendered(ABC):
    """What Graphviz draws: a part of a page, or a file."""

    formats: Sequence[str] = FORMATS
    kind_and_stem = ("drawing", "graph")  # what it is called, and its file
    picture_title = "Graph"
    seconds = 30.0
    load: int | None = None
    digraph: graphviz.Digraph

    @abstractmethod
    def description(self) -> str:
        """What it shows in words, for those who do not see it."""

    def _texts(self) -> Mapping[str, Callable[[], str]]:
        """What is saved as text, by the endings of files."""
        return {"svg": lambda: self.svg, "dot": lambda: self.dot}

    @property
    def dot(self) -> str:
        """The graph in the DOT language. The same graph always gives the same text."""
        return str(self.digraph.source)

    @property
    def svg(self) -> str:
        """The picture as SVG, ready to stand inside a page.

        Raises:
            RendererMissingError: there is no Graphviz; the message says what to install.
            RenderingError: Graphviz failed, or took longer than the time limit.
        """
        return page_svg(self._rendered("svg"), self.picture_title, self.description())

    def _rendered(self, kind: str) -> bytes:
        return render(self.dot, kind, self.seconds, self.load)

    def content(self, kind: str) -> bytes:
        """What `save` writes for an ending, such as "svg"."""
        if not isinstance(kind, str) or kind not in self.formats:
            what, endings = self.kind_and_stem[0], ", ".join(self.formats)
            raise ValueError(f"A {what} is saved as {endings}, not as {told(kind)}.")
        texts = self._texts()
        return texts[kind]().encode() if kind in texts else self._rendered(kind)

    def save(self, path: str | Path) -> Path:
        """Write it to a file, in the format that the ending of the name asks for.

        Raises:
            RendererMissingError: a picture is asked for and there is no Graphviz.
            OSError: the file cannot be written.
        """
        what, stem = self.kind_and_stem
        path, kind = checked_name(path, self.formats, f"A {what} is", stem)
        return write_file(path, self.content(kind))


class Drawing(Rendered):
    """The picture of a graph. Notebooks show it; `print` gives text; `save` writes a file.

    Its ending is .svg, .png, .pdf, .dot, .json, .html or .txt.

    Attributes:
        diagram: the nodes, as plain records.
        picture: what of it is shown.
        note: what the picture leaves out and how to see it, and what was computed from other
            numbers than it shows; or "".

    >>> from glassgrad import Value, draw
    >>> draw(Value(1.0) + 2.0)
    <drawing of 3 nodes>
    """

    def __init__(
        self, picture: Picture, *, derivatives: bool = True, direction: str = "LR",
        seconds: float = 30.0,
    ) -> None:  # fmt: skip
        self.picture, self.diagram = picture, picture.diagram
        said = (_left_out(picture), _closed(picture), self.diagram.outdated_note())
        self.note = " ".join(filter(None, said))
        self.digraph = digraph(picture, derivatives, direction)
        self.seconds, self.load = seconds, picture.load

    def _texts(self) -> Mapping[str, Callable[[], str]]:
        return {**super()._texts(), "json": self.to_json, "html": self.to_html, "txt": self.text}

    def text(self) -> str:
        """The graph as a table: how each node was computed, its value, gradient and warnings."""
        return columns(self.rows(), indent="")

    def rows(self) -> Sequence[tuple[str, ...]]:
        """The cells of the table, headings first; around a node, only of what is drawn."""
        shown = range(len(self.diagram)) if self.picture.around is None else self.picture.indices
        rows = [("node", "computed as", "value", "gradient", "warning")]
        for node in map(self.diagram.__getitem__, shown):
            if not node.is_constant:
                numbers = short(node.data), short(node.gradient)
                warnings = ", ".join(node.marks)
                rows.append((node.name, self.diagram.formula(node), *numbers, warnings))
        return rows if any(row[-1] for row in rows[1:]) else [row[:-1] for row in rows]

    def to_html(self) -> str:
        """A page of its own with the picture and the table; without Graphviz, the table alone."""
        picture = picture_or_advice(lambda: figure(self.svg))
        body = picture + paragraph(self.note) + table("Nodes", self.rows())
        return document(self.title(), body)

    def html(self) -> str:
        """The picture as an image, and its table, for a page or for the cell of a notebook.

        What is too wide scrolls inside it. It needs no script and no style sheet, so an untrusted
        notebook and a code host show it too. It raises what `svg` does.
        """
        svg = self.svg
        least = _READABLE * float(svg.partition('width="')[2].partition("pt")[0])
        fitting = f"max-width:max(100%,{least:.0f}pt);height:auto"
        shown = figure(image(svg, self.description(), fitting), style=_SCROLLING)
        head, *rows = self.rows()
        more = len(rows) - MOST_ROWS
        caption = "Nodes" if more <= 0 else f"Nodes, {more:,} more in print(draw(y))"
        listed = table(caption, [head, *rows[:MOST_ROWS]])
        numbers = f'<div style="{_SCROLLING}">{listed}</div>'
        summary = f"<summary>{html.escape(self.title())} as a table</summary>"
        below = f"{paragraph(self.note)}<details>{summary}{numbers}</details>"
        return f'<div class="glassgrad-drawing" lang="en">{shown}{below}</div>'

    def to_json(self) -> str:
        """All nodes as JSON, in the order of evaluation; `graph.schema.json` describes it."""
        nodes = [{**node.to_dict(), "marks": node.marks} for node in self.diagram]
        data = {"schema": SCHEMA, "roots": list(self.diagram.roots), "nodes": nodes}
        return json_text(data, indent=1)

    def __str__(self) -> str:
        return f"{self.text()}\n{self.note}".rstrip()

    def __repr__(self) -> str:
        return f"<drawing of {counted(len(self.diagram), 'node')}>"

    def description(self) -> str:
        """The drawing in a sentence, for those who do not see it."""
        return f"{self.title()} in {counted(len(self.diagram), 'node')}. {self.note}".strip()

    def title(self) -> str:
        """What is drawn: "Graph of y"."""
        return f"Graph of {', '.join(self.diagram[root].name for root in self.diagram.roots)}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        brief = f"{self!r}\n{self.note}".rstrip()
        text = brief if len(self.diagram) > MAX_NODES else plain(str(self), brief)
        try:
            pictures = {"text/html": self.html(), "image/svg+xml": self.svg}
        except (RendererMissingError, RenderingError) as error:
            return {"text/plain": f"{text}\n{error}"}
        return {**pictures, "text/plain": text}


def draw(
    *roots: Value,
    names: Mapping[str, Any] | None = None,
    derivatives: bool = False,
    max_nodes: int = MAX_NODES,
    depth: int | None = None,
    around: Value | str | None = None,
    radius: int = RADIUS,
    direction: str = "LR",
    seconds: float = 30.0,
) -> Drawing:
    """Draw the graph of one or several Values.

    Args:
        roots: the Values; also gradients made with `grad(..., differentiable=True)`.
        names: names for Values without a label, such as `locals()`.
        derivatives: write the local derivative on every edge.
        max_nodes: above this many nodes, modules are drawn as one box each.
        depth: how many levels to open, of modules and of compiled functions; by default as many
            modules as fit, and no compiled function.
        around: draw only the surroundings of this node: a Value, or its name in the drawing.
        radius: how many edges the surroundings reach, along the arrows and against them.
        direction: "LR" from left to right, "TB" from top to bottom.
        seconds: how long the layout of a large graph may take.

    >>> from glassgrad import Value, draw
    >>> x = Value(3.0, label="x")
    >>> print(draw(x * x))
    node  computed as  value  gradient
    x                  3      –
    v1    x * x        9      –
    """
    if not roots:
        raise ValueError("draw needs at least one Value. Write draw(y) for the result y.")
    roots = tuple(map(scalar_of, roots))
    for root in roots:
        if not isinstance(root, Value):
            raise TypeError(
                f"draw takes Values, not {describe(root)}. Compute with them: x = Value(3.0), then "
                "draw(x * x), or draw(model(x)); of a list draw(*values)."
            )
    if not isinstance(direction, str) or direction not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"direction is LR, RL, TB or BT, not {told(direction)}.")
    if depth is not None:
        whole(depth, "depth", least=0)
    whole(max_nodes, "max_nodes")
    whole(radius, "radius", least=0)
    seconds = real(seconds, "seconds")
    if not seconds > 0.0:
        raise ValueError(f"seconds is a time to wait, not {told(seconds)}.")
    diagram = Diagram(roots, names, depth=depth or 0)
    middle = None if around is None else _index_of(around, diagram)
    picture = Picture(diagram, max_nodes, depth, middle, radius)
    return Drawing(picture, derivatives=derivatives, direction=direction, seconds=seconds)


def _index_of(around: Value | str, diagram: Diagram) -> int:
    if isinstance(around, Value):
        if around not in diagram.values:
            raise ValueError(f"around is {short(around.data)}, which is no node of this graph.")
        return diagram.values[around]
    if not isinstance(around, str):
        raise TypeError(f"around is a Value or the name of a node, not {describe(around)}.")
    for node in diagram:
        if node.name == around and not node.is_constant:
            return node.index
    raise ValueError(f"around is {told(around)}, and no node of this graph has that name.")


def _left_out(picture: Picture) -> str:
    """What the picture leaves out, and how to see it."""
    size = len(picture.diagram)
    left_out = size - len(picture.indices)
    shows_all = f"draw(y, max_nodes={size}) shows all."
    if picture.around is not None and left_out:
        name, radius = picture.diagram[picture.around].name, picture.radius
        which = f"those within {counted(radius, 'edge')} of {name}"
        more = f"draw(y, around={name!r}, radius={radius + 1}) shows more, {shows_all}"
        if picture.is_cut:
            which, more = f"the nearest to {name}", shows_all
        return f"{len(picture.indices)} of {size} nodes are drawn, {which}; {more}"
    boxes = [part for part in picture.parts if part.box and part.box not in picture.scopes.folds]
    said = [_in_boxes(f"{_size(boxes)} of {size} nodes", boxes)] if boxes else []
    said += [f"{left_out}{'' if boxes else f' of {size}'} nodes are not drawn"] if left_out else []
    return f"{' and '.join(said)}; {shows_all}" if said else ""


def _size(boxes: Sequence[Part]) -> int:
    return sum(len(part.nodes) for part in boxes)


def _in_boxes(what: str, boxes: Sequence[Part]) -> str:
    return f"{what} are drawn as {len(boxes)} box{'es' * (len(boxes) > 1)}"


def _closed(picture: Picture) -> str:
    """What is said of compiled nodes that are closed, and of boxes of the Values they read."""
    shown = [part.nodes[0] for part in picture.parts if part.nodes and not part.box]
    refused = picture.diagram.closed
    said = [f"{refused[node.index]}." for node in shown if node.index in refused]
    openable = [node for node in shown if isinstance(node.operation, Replay)]
    if closed := [node for node in openable if node.index not in refused]:
        names = list(dict.fromkeys(node.function for node in closed))
        verb, what = ("is", "it") if len(names) == 1 else ("are", "them")
        depth = max(1 if node.scope is None else 1 + len(node.scope.chain()) for node in closed)
        opening = f"depth={depth} opens {what}, in draw and in backprop"
        said.append(f"{', '.join(names)} {verb} compiled and closed; {opening}.")
    if folds := [part for part in picture.parts if part.box in picture.scopes.folds]:
        said.append(
            f"{_in_boxes(counted(_size(folds), 'Value'), folds)}; print(draw(y)) lists them."
        )
    return " ".join(dict.fromkeys(said))


def checked_name(path: Any, formats: Sequence[str], what: str, example: str) -> tuple[Path, str]:
    """What was given to `save` as a path, and the format that its ending asks for.

    The usual ending comes first; `what` ("A drawing is") and a stem are for the error.
    """
    if not isinstance(path, (str, PathLike)):
        problem = f"save takes the name of a file, not {describe(path)}."
        raise TypeError(f"{problem} Write save('{example}.{formats[0]}').")
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in formats:
        endings = ", ".join(f".{known}" for known in formats)
        better = f"{path.stem.strip('.') or example}.{formats[0]}"
        raise ValueError(
            f"{what} saved under a name that ends in {endings}, not as "
            f"{told(path.name)}. Write {told(better)}."
        )
    return path, kind


def picture_of(diagram: Diagram, gradients: Mapping[int, float]) -> Drawing:
    """A drawing of a diagram with gradients that are not, or not yet, those of the Values."""
    return Drawing(Picture(diagram.with_gradients(gradients), MAX_NODES))


def draw_dot(
    root: Value, format: str = "svg", rankdir: str = "LR", names: Mapping[str, Any] | None = None
) -> graphviz.Digraph:
    """The graph as a `graphviz.Digraph`, as in the lecture.

    Its `render` and `pipe` draw with the `dot` program, or without one as `draw` does.

    >>> from glassgrad import Value, draw_dot
    >>> "digraph" in draw_dot(Value(3.0) * 2).source
    True
    """
    graph = draw(root, names=names, direction=rankdir).digraph
    if not isinstance(format, str) or format.lower() not in graphviz.FORMATS:
        raise ValueError(f"Graphviz has no format {told(format)}; it has svg, png and others.")
    graph.format = format
    return graph
