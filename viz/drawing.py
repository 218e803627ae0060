"""`draw`: the graph of any expression as a picture, with every value and gradient on it."""

from __future__ import annotations

import html
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import graphviz

from engine import Value
from engine.files import json_text, write_file
from engine.real import describe, real
from viz.diagram import Diagram
from viz.dot import digraph
from viz.parts import Picture
from viz.render import RendererMissingError, RenderingError, render, tidy_svg
from viz.text import columns, short, told

SCHEMA = "glassgrad-graph/1"
MAX_NODES = 150
FORMATS = ("svg", "png", "pdf", "dot", "json", "txt")


class Drawing:
    """The picture of a graph. Notebooks show it; `print` gives text; `save` writes a file.

    Attributes:
        diagram: the nodes, as plain records.
        note: what the picture leaves out and how to see it, or "".

    >>> from engine import Value
    >>> from viz import draw
    >>> draw(Value(1.0) + 2.0)
    <drawing of 3 nodes>
    """

    def __init__(
        self,
        diagram: Diagram,
        *,
        derivatives: bool = False,
        max_nodes: int = MAX_NODES,
        depth: int | None = None,
        direction: str = "LR",
        seconds: float = 30.0,
    ) -> None:
        self.diagram = diagram
        picture = Picture(self.diagram, max_nodes, depth)
        self.note = picture.note
        self.digraph = digraph(picture, derivatives=derivatives, direction=direction)
        self._seconds = seconds

    @property
    def dot(self) -> str:
        """The graph in the DOT language. The same graph always gives the same text."""
        return str(self.digraph.source)

    @property
    def svg(self) -> str:
        """The picture as SVG, ready to stand inside a page.

        Raises:
            RendererMissingError: there is no Graphviz; the message says what to install.
            RenderingError: Graphviz took longer than the time limit.
        """
        return _with_title(tidy_svg(render(self.dot, "svg", self._seconds)), self.description())

    def save(self, path: str | Path) -> Path:
        """Write the drawing to a file: .svg, .png, .pdf, .dot, .json or .txt.

        Raises:
            ValueError: another ending.
            RendererMissingError: a picture is asked for and there is no Graphviz.
            OSError: the file cannot be written.
        """
        path = Path(path)
        return write_file(path, self.content(path.suffix.lower().lstrip(".")))

    def content(self, kind: str) -> bytes:
        """What `save` writes for an ending: "svg", "png", "pdf", "dot", "json" or "txt"."""
        if not isinstance(kind, str) or kind not in FORMATS:
            raise ValueError(f"A drawing is saved as {', '.join(FORMATS)}, not as {told(kind)}.")
        if kind == "svg":
            return self.svg.encode()
        if kind in ("png", "pdf"):
            return render(self.dot, kind, self._seconds)
        texts: dict[str, Callable[[], str]] = {
            "dot": lambda: self.dot,
            "json": self.to_json,
            "txt": self.text,
        }
        return texts[kind]().encode()

    def text(self) -> str:
        """The graph as a table: how each node was computed, its value and its gradient."""
        rows = [("node", "computed as", "value", "gradient")]
        rows += [
            (node.name, self.diagram.formula(node), short(node.data), short(node.gradient))
            for node in self.diagram
            if not node.is_constant
        ]
        return columns(rows, indent="")

    def to_json(self) -> str:
        """The nodes as JSON; see `SCHEMA` for its version."""
        nodes = [node.to_dict() for node in self.diagram]
        data = {"schema": SCHEMA, "roots": list(self.diagram.roots), "nodes": nodes}
        return json_text(data, indent=1)

    def __str__(self) -> str:
        return f"{self.text()}\n{self.note}".rstrip()

    def __repr__(self) -> str:
        return f"<drawing of {len(self.diagram)} nodes>"

    def description(self) -> str:
        """The drawing in a sentence, for those who do not see it."""
        roots = ", ".join(self.diagram[root].name for root in self.diagram.roots)
        return f"Graph of {roots} in {len(self.diagram)} nodes. {self.note}".strip()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        try:
            return {"image/svg+xml": self.svg, "text/plain": str(self)}
        except (RendererMissingError, RenderingError) as error:
            return {"text/plain": f"{self}\n{error}"}


def draw(
    *roots: Value,
    names: Mapping[str, Any] | None = None,
    derivatives: bool = False,
    max_nodes: int = MAX_NODES,
    depth: int | None = None,
    direction: str = "LR",
    seconds: float = 30.0,
) -> Drawing:
    """Draw the graph of one or several Values.

    Args:
        roots: the Values; also gradients made with `grad(..., differentiable=True)`.
        names: names for Values without a label, such as `locals()`.
        derivatives: write the local derivative on every edge.
        max_nodes: above this many nodes, modules are drawn as one box each.
        depth: how many levels of modules to open; by default as many as fit.
        direction: "LR" from left to right, "TB" from top to bottom.
        seconds: how long the layout of a large graph may take.

    Raises:
        TypeError: a root is not a Value, or an option is of a wrong type.
        ValueError: there is no root, or an option has no such value.

    >>> from engine import Value
    >>> from viz import draw
    >>> x = Value(3.0, label="x")
    >>> print(draw(x * x))
    node  computed as  value  gradient
    x                  3      –
    v1    x * x        9      –
    """
    if not roots:
        raise ValueError("draw needs at least one Value.")
    for root in roots:
        if not isinstance(root, Value):
            raise TypeError(f"draw takes Values, not {describe(root)}.")
    if not isinstance(direction, str) or direction not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"direction is LR, RL, TB or BT, not {told(direction)}.")
    if depth is not None:
        _check_whole("depth", depth, least=0)
    _check_whole("max_nodes", max_nodes, least=1)
    seconds = real(seconds, "seconds")
    if not seconds > 0.0:
        raise ValueError(f"seconds is a time to wait, not {told(seconds)}.")
    return Drawing(
        Diagram(roots, names), derivatives=derivatives, max_nodes=max_nodes, depth=depth,
        direction=direction, seconds=seconds,
    )  # fmt: skip


def _check_whole(option: str, number: int, least: int) -> None:
    try:
        number = operator.index(number)
    except TypeError:
        raise TypeError(f"{option} is a whole number, not {describe(number)}.") from None
    if number < least:
        raise ValueError(f"{option} is at least {least}, not {told(number)}.")


def picture_of(diagram: Diagram, gradients: Mapping[int, float], max_nodes: int) -> Drawing:
    """A drawing of a diagram with gradients that are not, or not yet, those of the Values."""
    return Drawing(diagram.with_gradients(gradients), derivatives=True, max_nodes=max_nodes)


def draw_dot(
    root: Value, format: str = "svg", rankdir: str = "LR", names: Mapping[str, Any] | None = None
) -> graphviz.Digraph:
    """The graph as a `graphviz.Digraph`, as in the lecture; `draw` needs no `dot` program.

    Raises:
        TypeError: `root` is not a Value.
        ValueError: Graphviz knows no such format or direction.

    >>> from engine import Value
    >>> from viz import draw_dot
    >>> "digraph" in draw_dot(Value(3.0) * 2).source
    True
    """
    graph = draw(root, names=names, direction=rankdir).digraph
    if not isinstance(format, str) or format.lower() not in graphviz.FORMATS:
        raise ValueError(f"Graphviz has no format {told(format)}; it has svg, png and others.")
    graph.format = format
    return graph


def _with_title(svg: str, description: str) -> str:
    """Name the picture for screen readers."""
    end = svg.index(">") + 1
    head = svg[: end - 1] + ' role="img">'
    title = f"<title>Graph</title><desc>{html.escape(description)}</desc>"
    return head + title + svg[end:]
