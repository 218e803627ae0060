"""A diagram as a DOT graph: how nodes, edges, groups and marks look.

Values are boxes with a name, the number, and below a rule the gradient; operations are circles with
their sign before the value they compute, as in the lecture many know. The modules of a layer are
the rows of one table. Every text is escaped, so a label is never markup. Colours are safe for
colour-blind readers, and nothing is said by colour alone. Next: `markup.py`, which adds the colours
of the dark.
"""

from __future__ import annotations

import html
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import graphviz

from glassgrad.engine import Scope
from glassgrad.engine.printers import letters_and_index
from glassgrad.engine.text import MISSING, short, visible
from glassgrad.viz.compiled import is_compiled, kind_of, title_of
from glassgrad.viz.diagram import Node, counted_marks
from glassgrad.viz.picture import Edge, Part, Picture, gradient_in
from glassgrad.viz.render import render

_T = TypeVar("_T")
DATA, GRADIENT, INK, FAINT = "#0069A8", "#B34E00", "#1a1a1a", "#6b6b6b"
PAPER, FRAME, OPERATION, FAN = "#ffffff", "#f7f7f7", "#e8e8e8", "#858585"
FONT = "Helvetica,Arial,sans-serif"
SYMBOLS = {
    **{"add": "+", "sub": "−", "mul": "×", "div": "÷", "neg": "−", "pos": "+", "pow": "^"},
    **{"sum": "Σ", "prod": "Π", "sqrt": "√", "abs": "|x|"},
}
"""The signs of operations as people write them; the others are called by their names."""
NODES = {
    **{"fontname": FONT, "fontsize": "12", "shape": "box", "style": "rounded,filled"},
    **{"color": FAN, "fontcolor": INK, "fillcolor": PAPER, "margin": "0.11,0.04"},
    **{"height": "0.3", "width": "0.3"},
}
"""The look of a box, here and beside a program."""
HEAVY = 600
"""From this load on, the layout is kept fast rather than fine, and edges carry no numbers."""
SAVED = "dotted: values saved before"
_FINE = {"nslimit": "2", "nslimit1": "2"}
_FAST = {"nslimit": "0.1", "nslimit1": "0.1", "mclimit": "0.1", "splines": "line"}
"""How long Graphviz seeks the shortest edges; without a limit 70 nodes may take 20 s."""
_FANNED = {"splines": "line", "ranksep": "0.8", "nodesep": "0.1", "nslimit": "50"}
_FAN_EDGE = {"penwidth": "0.6", "arrowhead": "none", "color": FAN, "weight": "0"}
"""All outputs of a layer go to all modules of the next: many straight thin lines."""
_SIDES = {"LR": ("e", "w"), "RL": ("w", "e"), "TB": ("s", "n"), "BT": ("n", "s")}
"""Where arrows leave a table and where they enter it, by direction."""
_LINE = 17
"""The height of a line of text, the same for all, so that boxes of one kind are of one size."""
_RULE = "<HR/>"  # in place of a line of a label: what is below is of another kind
_MOST_OUTPUTS = 4  # of more a box shows the first
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_ROUND = 5  # operations with longer names than this are wide ellipses and no circles


class Digraph(graphviz.Digraph):  # type: ignore[misc]  # it has no types
    """The graph of the graphviz package, which draws also where there is no `dot` program.

    Then the renderer that comes with glassgrad draws; options that choose another do not apply.
    """

    def _get_format(self, outfile: Path, *, format: str | None) -> str:
        """What `render` writes into a file: without a program its name may have any ending."""
        if shutil.which(self.engine):
            return str(super()._get_format(outfile, format=format))
        return format or outfile.suffix[1:] or str(self.format)

    def _render(self, engine: str, format: str, filepath: str, **named: Any) -> str:
        """What `render` ends in: the name of the picture of a file."""
        if shutil.which(engine):
            return str(graphviz.backend.render(engine, format, filepath, **named))
        outfile = named["outfile"]
        written = f"{filepath}.{format.lower()}" if outfile is None else os.fspath(outfile)
        Path(written).write_bytes(render(self.source, format.lower()))
        return written

    def _pipe_lines(self, engine: str, format: str, lines: Iterator[str], **named: Any) -> bytes:
        """What `pipe` ends in: the picture of some lines."""
        if shutil.which(engine):
            return bytes(graphviz.backend.pipe_lines(engine, format, lines, **named))
        return render("".join(lines), format.lower())

    def _pipe_lines_string(self, *options: Any, encoding: str, **named: Any) -> str:
        return self._pipe_lines(*options, input_encoding=encoding, **named).decode(encoding)


def empty(direction: str, look: Mapping[str, str], edges: Mapping[str, str]) -> Digraph:
    """A graph without parts, in the look of all; its own and that of arrows is said besides."""
    return Digraph(
        graph_attr={"rankdir": direction, "fontname": FONT, "fontsize": "11", "bgcolor": PAPER,
                    "nodesep": "0.15", **look},
        node_attr=NODES,
        edge_attr={"color": FAN, "arrowsize": "0.6", **edges},
    )  # fmt: skip


def digraph(picture: Picture, derivatives: bool, direction: str) -> Digraph:
    """The DOT graph of a picture; for the options see `draw`."""
    is_heavy = picture.load > HEAVY
    effort = _FAST if is_heavy else {**_FINE, **(_FANNED if picture.columns else {})}
    labels = {"fontname": FONT, "fontsize": "10", "fontcolor": FAINT}
    graph = empty(direction, {"ranksep": "0.3", **effort}, labels)
    parts = _Parts(picture, direction, is_ordered=not is_heavy)
    parts.add_to(graph)
    out, into = _SIDES[direction]
    column_of = picture.column_of
    fans = graphviz.Digraph("fans", edge_attr=_FAN_EDGE)
    for edge in parts.edges():
        look = _look(edge, label=derivatives and not is_heavy)
        tail, head = edge.tail, edge.head
        if tail in column_of:  # it leaves a row of a table
            tail = f"{column_of[tail]}:{tail}o:{out}"
        if head in column_of:
            head = f"{column_of[head]}:{head}i:{into}"
        elif tail != edge.tail:
            look["arrowhead"] = "normal"
        (graph if (tail, head) == (edge.tail, edge.head) else fans).edge(tail, head, **look)
    if column_of:
        graph.subgraph(fans)
    # A table and each part before or after it stand at the same height.
    pairs = ((column_of.get(e.tail, e.tail), column_of.get(e.head, e.head)) for e in picture.edges)
    for pair in dict.fromkeys(pairs):
        if not picture.columns.keys().isdisjoint(pair):
            graph.edge(*pair, style="invis", weight="9")
    return graph


def _look(edge: Edge, *, label: bool) -> dict[str, str]:
    """How an arrow is drawn: its style and number, and its place in the diagram for scripts."""
    look = {"style": "dotted", "penwidth": "1.5"} if edge.is_saved else {}
    text = "" if edge.partial is None else short(edge.partial)
    if not edge.carries:
        look, text = {"style": "dashed"}, MISSING
    if label and text:
        look["label"] = text
    return {**look, "id": edge.id} if edge.id else look


class _Parts:
    """What adds the parts of a picture to a graph."""

    def __init__(self, picture: Picture, direction: str, *, is_ordered: bool) -> None:
        self.picture = picture
        self.is_upright = direction in ("TB", "BT")
        # Operands in their order, the first one above, unless that would take long.
        self.ordering = "in" if is_ordered else ""
        self.has_gradients = any(map(gradient_in, picture.scopes.numbers))
        self.parts: dict[Scope | None, list[Part]] = {}
        for part in picture.parts:
            self.parts.setdefault(part.scope, []).append(part)

    def add_to(self, graph: graphviz.Digraph) -> None:
        """Everything; where there are gradients, what is forward in a frame of its own."""
        frames = self.picture.scopes_in(None)
        if not self.has_gradients:
            self._fill(graph, None, frames, is_framed=False)
            return
        with graph.subgraph(name="cluster_forward") as group:
            framed(group, "forward")
            self._fill(group, None, [scope for scope in frames if not gradient_in(scope)])
        for scope in filter(gradient_in, frames):
            self._add_frame(graph, scope)

    def edges(self) -> list[Edge]:
        """The arrows, in the order that leaves operands in theirs."""
        free = {part.key for part in self.parts.get(None, ()) if not self.has_gradients}
        inside = [e for e in self.picture.edges if e.head.removesuffix("_op") not in free]
        outside = [e for e in self.picture.edges if e.head.removesuffix("_op") in free]
        return self._in_a_frame(inside) + outside

    def _in_a_frame(self, each: list[_T]) -> list[_T]:
        """What is in a frame, or leads into it, in the order in which it is to be told.

        There Graphviz knows no order of operands; sideways it begins from below.
        """
        return each if self.is_upright else each[::-1]

    def _fill(
        self, graph: graphviz.Digraph, scope: Scope | None, frames: Iterable[Scope],
        *, is_framed: bool = True,
    ) -> None:  # fmt: skip
        every: list[Part | Scope] = [*self.parts.get(scope, ()), *frames]
        for each in self._in_a_frame(every) if is_framed else every:
            if isinstance(each, Scope):
                self._add_frame(graph, each)
            elif each.box:
                self._add_box(graph, each)
            elif each.nodes:
                self._add_node(graph, each.nodes[0], each.key)
            else:
                graph.node(each.key, label="…", shape="plaintext", style="", fontcolor=FAINT)

    def _add_frame(self, graph: graphviz.Digraph, scope: Scope) -> None:
        with graph.subgraph(name=f"cluster_{self.picture.scopes.numbers[scope]}") as group:
            title = _titled(scope)
            if gradient_in(scope):
                title += f" · {SAVED}" * any(edge.is_saved for edge in self.picture.edges)
            elif title == scope.name and scope.kind not in (title, "Scope"):
                title += f" · {scope.kind}"
            framed(group, ", ".join([title, *self.picture.warnings_in(scope)]))
            self._fill(group, scope, self.picture.scopes_in(scope))

    def _add_box(self, graph: graphviz.Digraph, part: Part) -> None:
        column, name = self.picture.column_of.get(part.key), f"b{part.key[1:]}"
        if column is None:
            label = label_of(*self._lines(part))
            graph.node(part.key, label=label, id=name, **_solid(counted_marks(part.nodes)))
        elif column == f"c{part.key}":  # the first of them stands for all
            rows = {each.key: self._lines(each) for each in self.picture.columns[column]}
            graph.node(column, label=_table(rows, self.is_upright), shape="plain", style="",
                       id=name)  # fmt: skip

    def _lines(self, part: Part) -> list[str]:
        """The lines of a box: its name, what it is, its outputs, and then its warnings."""
        scope, count, shown = part.box, len(part.nodes), part.outputs[:_MOST_OUTPUTS]
        assert scope is not None
        more = ", …" if len(part.outputs) > len(shown) else ""
        title = _titled(scope)
        kind = scope.kind if title == scope.name else ""
        size = "" if scope in self.picture.scopes.folds else f"{count} node{'s'[: count != 1]}"
        values = ", ".join(short(node.data) for node in shown)
        gradients = ", ".join(short(node.gradient) for node in shown)
        return [
            text_of(title, bold=True),
            text_of(", ".join(filter(None, (kind, size, _frozen_in(part.nodes))))),
            text_of(f"value {values}{more}", color=DATA),
            text_of(f"grad {gradients}{more}", color=GRADIENT),
            *_warned(counted_marks(part.nodes)),
        ]

    def _add_node(self, graph: graphviz.Digraph, node: Node, key: str) -> None:
        warnings = node.marks
        look = {"peripheries": "2", "color": INK} if warnings else {}
        if node.is_constant:
            look = {"shape": "plaintext", "style": "", "margin": "0.03", **look}
        if node.index == self.picture.around:
            look.update(penwidth="2.5", color=INK)
        if node.is_compiled:
            look = {**_solid(warnings), **look}
        graph.node(key, label=_value_label(node, warnings), id=f"n{node.index}", **look)
        if node.operation is not None and not node.is_compiled:
            sign = SYMBOLS.get(node.operation.name, node.operation.name)
            shape, margin = ("circle", "0") if len(sign) < _ROUND else ("ellipse", "0.04,0")
            graph.node(f"{key}_op", label=sign, id=f"o{node.index}", style="filled",
                       fillcolor=OPERATION, ordering=self.ordering,
                       shape=shape, margin=margin)  # fmt: skip


def _solid(warnings: Sequence[str]) -> dict[str, str]:
    style = "bold,filled" if warnings else "filled"
    color = INK if warnings else FAN
    return {"shape": "box3d", "style": style, "margin": "0.14,0.09", "color": color}


def framed(group: graphviz.Digraph, title: str, **look: str) -> None:
    """Make a subgraph a frame with a title."""
    label = f"<{text_of(title, color=FAINT)}>" if title else "< >"
    group.attr(label=label, labeljust="l", style="rounded,dashed,filled", color=FAN,
               fillcolor=FRAME, **look)  # fmt: skip


def _value_label(node: Node, warnings: Sequence[str]) -> str:
    """An HTML-like label: name, number, gradient and warnings, one line each."""
    if node.is_constant:
        name = "" if node.label is None else f"{indexed(node.name)} = "
        return label_of(text_of(name + short(node.data), color=FAINT))
    call = []
    if is_compiled(node.operation):  # above its own name: the function, and what it reads
        about = kind_of(node.operation, len(node.parents))
        call = [text_of(title_of(node.operation), bold=True), text_of(about)]
    is_named = node.label is not None
    return label_of(
        *call,
        text_of(indexed(node.name), bold=is_named, color=INK if is_named else FAINT),
        text_of(f"value {short(node.data)}", color=DATA),
        _RULE,
        text_of("frozen" if node.is_frozen else f"grad {short(node.gradient)}", color=GRADIENT),
        *_warned(warnings),
    )


def indexed(name: str) -> str:
    """A name with its index below the line, as on the page of the steps: "w₀,₂" for w0_2."""
    stem, index = letters_and_index(name)
    return stem + index.translate(_BELOW)


def _titled(scope: Scope) -> str:
    """What a module is called: "layer 1" for the first of `layers`, as on the page of the steps."""
    kind, (many, _, place) = scope.kind.lower(), scope.name.partition(".")
    is_listed = many == f"{kind}s" and place.isdecimal()
    return f"{kind} {int(place) + 1}" if is_listed else scope.name


def _frozen_in(nodes: Sequence[Node]) -> str:
    """Whether no gradient reaches the leaves of a part: "frozen", "partly frozen", or ""."""
    found = {node.is_frozen for node in nodes if node.operation is None and not node.is_constant}
    return "" if True not in found else "partly frozen" if False in found else "frozen"


def _warned(warnings: Sequence[str]) -> list[str]:
    return [text_of(f"! {warning}", bold=True) for warning in warnings]


def text_of(text: str, *, bold: bool = False, color: str = INK) -> str:
    """Text in an HTML-like label, shown as it is.

    Graphviz replaces a backslash and a letter even there, but only within one run of text: so a
    run ends after each backslash. Nor does it read runs of more than 16 kilobytes.
    """
    runs = re.findall(r"[^\\]{0,1000}\\|[^\\]{1,1000}", visible(text))
    tags = ("<B>", "</B>") if bold else ("", "")
    return "".join(
        f'<FONT COLOR="{color}">{tags[0]}{html.escape(run)}{tags[1]}</FONT>' for run in runs
    )


def label_of(*lines: str) -> str:
    """An HTML-like label of several lines made by `text_of`, all of the same height."""
    rows = "".join(
        line if line == _RULE else f'<TR><TD HEIGHT="{_LINE}" ALIGN="LEFT">{line or " "}</TD></TR>'
        for line in lines
    )
    look = f'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" COLOR="{OPERATION}"'
    return f"<<TABLE {look}>{rows}</TABLE>>"


def _table(rows: Mapping[str, Sequence[str]], is_upright: bool) -> str:
    """Modules side by side: a row each, or a column each where the graph runs up or down.

    Each is its lines by its key. Its warnings are in one cell, if any has some. Arrows enter a
    module at its first cell and leave it at its last.
    """
    count = 4 if all(len(lines) == 4 for lines in rows.values()) else 5
    align, rule, between = ("CENTER", "<VR/>", "") if is_upright else ("LEFT", "", "<HR/>")
    cells = []
    for key, lines in rows.items():
        texts = [*lines[:4], "  ".join(lines[4:])][:count]
        ports = [f' PORT="{key}i"', *[""] * (count - 2), f' PORT="{key}o"']
        cells.append([
            f'<TD{port} HEIGHT="{_LINE}" ALIGN="{align}">{text or " "}</TD>'
            for port, text in zip(ports, texts)
        ])  # fmt: skip
    lines_of_cells = zip(*cells) if is_upright else cells
    body = between.join(f"<TR>{rule.join(line)}</TR>" for line in lines_of_cells)
    return (
        f'<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" STYLE="ROUNDED" '
        f'COLOR="{FAN}" BGCOLOR="{PAPER}">{body}</TABLE>>'
    )
