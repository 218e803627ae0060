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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import graphviz

from glassgrad.engine import Scope
from glassgrad.engine.printing import MISSING, short
from glassgrad.engine.text import visible
from glassgrad.viz.compiled import is_compiled, kind_of, title_of
from glassgrad.viz.diagram import Node, marks
from glassgrad.viz.picture import Edge, Group, Hidden, Part, Picture, gradient_in
from glassgrad.viz.render import render

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
_ROUND = 5  # operations with longer names than this are wide ellipses and no circles


class Digraph(graphviz.Digraph):  # type: ignore[misc]  # it has no types
    """The graph of the graphviz package, which draws also where there is no `dot` program.

    Then the renderer that comes with glassgrad draws; options that choose another do not apply.
    """

    def pipe(self, format: str | None = None, *options: Any, **named: Any) -> Any:
        """The picture as bytes, or with `encoding` as text."""
        if shutil.which(named.get("engine") or self.engine):
            return super().pipe(format, *options, **named)
        picture = render(self.source, (format or self.format).lower())
        encoding = named.get("encoding")
        return picture if encoding is None else picture.decode(encoding)

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        **named: Any,
    ) -> str:
        """Write the source and, beside it, the picture; gives the name of the picture."""
        if shutil.which(named.get("engine") or self.engine):
            named.update(directory=directory, view=view, cleanup=cleanup, format=format)
            return str(super().render(filename, **named))
        outfile = named.get("outfile")
        if outfile is not None:
            format = format or Path(outfile).suffix[1:]
            filename = filename or Path(outfile).with_suffix(f".{self._default_extension}")
        kind = (format or self.format).lower()
        picture = render(self.source, kind)
        source = self.save(filename, directory=directory)
        written = f"{source}.{kind}" if outfile is None else os.fspath(outfile)
        Path(written).write_bytes(picture)
        if cleanup:
            Path(source).unlink()
        if view or named.get("quiet_view"):
            self._view(written, format=kind, quiet=bool(named.get("quiet_view")))
        return written


def digraph(picture: Picture, derivatives: bool, direction: str) -> Digraph:
    """The DOT graph of a picture; for the options see `draw`."""
    is_heavy = picture.load > HEAVY
    effort = _FAST if is_heavy else {**_FINE, **(_FANNED if picture.columns else {})}
    graph = Digraph(
        graph_attr={"rankdir": direction, "fontname": FONT, "fontsize": "11", "bgcolor": PAPER,
                    "nodesep": "0.15", "ranksep": "0.3", **effort},
        node_attr=NODES,
        edge_attr={"fontname": FONT, "fontsize": "10", "color": FAN, "arrowsize": "0.6",
                   "fontcolor": FAINT},
    )  # fmt: skip
    _Parts(picture, direction, is_ordered=not is_heavy).add_to(graph)
    out, into = _SIDES[direction]
    ends = {  # where arrows enter and leave each group that is a part of a table
        key: (f"{column}:{key}i:{into}", f"{column}:{key}o:{out}")
        for key, column in picture.column_of.items()
    }
    fans = graphviz.Digraph("fans", edge_attr=_FAN_EDGE)
    for edge in picture.edges:
        _, tail = ends.get(edge.tail, ("", edge.tail))
        head, _ = ends.get(edge.head, (edge.head, ""))
        look = _look(edge, label=derivatives and not is_heavy)
        if edge.tail in ends and edge.head not in ends:
            look["arrowhead"] = "normal"
        is_fan = edge.tail in ends or edge.head in ends
        (fans if is_fan else graph).edge(tail, head, **look)
    if ends:
        graph.subgraph(fans)
    # A table and each part before or after it stand at the same height.
    table = picture.column_of
    pairs = ((table.get(e.tail, e.tail), table.get(e.head, e.head)) for e in picture.edges)
    for pair in dict.fromkeys(pairs):
        if not picture.columns.keys().isdisjoint(pair):
            graph.edge(*pair, style="invis", weight="9")
    return graph


def _look(edge: Edge, *, label: bool) -> dict[str, str]:
    """How an arrow is drawn: its style and number, and its place in the diagram for scripts."""
    look = {"style": "dotted", "penwidth": "1.5"} if edge.is_saved else {}
    if not edge.carries:
        look = {"style": "dashed"}
    text = MISSING if not edge.carries else "" if edge.partial is None else short(edge.partial)
    if label and text:
        look["label"] = text
    if edge.operand is not None:
        look["id"] = f"e{edge.node}_{edge.operand}"
    elif edge.node is not None:
        look["id"] = f"r{edge.node}"
    return look


class _Parts:
    def __init__(self, picture: Picture, direction: str, *, is_ordered: bool) -> None:
        self.picture = picture
        self.is_upright = direction in ("TB", "BT")
        # Operands in their order, the first one above, unless that would take long.
        self.ordering = "in" if is_ordered else ""
        self.parts: dict[Scope | None, list[Part]] = {}
        for part in picture.parts:
            self.parts.setdefault(part.scope, []).append(part)

    def add_to(self, graph: graphviz.Digraph) -> None:
        """Everything; where there are gradients, what is forward in a frame of its own."""
        if not self.picture.scopes.have_gradients:
            self._add_scope(graph, None)
            return
        with graph.subgraph(name="cluster_forward") as group:
            framed(group, "forward")
            for part in self.parts.get(None, ()):
                self._add_part(group, part)
            for scope in self.picture.scopes_in(None):
                if not gradient_in(scope):
                    self._add_frame(group, scope)
        for scope in self.picture.scopes_in(None):
            if gradient_in(scope):
                self._add_frame(graph, scope)

    def _add_scope(self, graph: graphviz.Digraph, scope: Scope | None) -> None:
        for part in self.parts.get(scope, ()):
            self._add_part(graph, part)
        for inner in self.picture.scopes_in(scope):
            self._add_frame(graph, inner)

    def _add_frame(self, graph: graphviz.Digraph, scope: Scope) -> None:
        with graph.subgraph(name=f"cluster_{self.picture.scopes.numbers[scope]}") as group:
            title = scope.name
            if gradient_in(scope):
                title += f" · {SAVED}" * any(edge.is_saved for edge in self.picture.edges)
            elif scope.kind not in (scope.name, "Scope"):
                title += f" · {scope.kind}"
            framed(group, ", ".join([title, *self.picture.warnings_in(scope)]))
            self._add_scope(group, scope)

    def _add_part(self, graph: graphviz.Digraph, part: Part) -> None:
        if isinstance(part, Hidden):
            graph.node(part.key, label="…", shape="plaintext", style="", fontcolor=FAINT)
        elif isinstance(part, Group):
            self._add_group(graph, part)
        else:
            self._add_node(graph, part.node, part.key)

    def _add_group(self, graph: graphviz.Digraph, group: Group) -> None:
        column = self.picture.column_of.get(group.key)
        if column is None:
            label = label_of(*_group_lines(group))
            graph.node(group.key, label=label, id=_id(group), **_solid(group.warnings))
        elif column == f"c{group.key}":  # the first of them stands for all
            label = _table(self.picture.columns[column], self.is_upright)
            graph.node(column, label=label, shape="plain", style="", id=_id(group))

    def _add_node(self, graph: graphviz.Digraph, node: Node, key: str) -> None:
        warnings = marks(node)
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


def _id(group: Group) -> str:
    """The id of a box, or of the table that begins with it: "b3" for the key "g3"."""
    return f"b{group.key[1:]}"


def framed(group: graphviz.Digraph, title: str, **look: str) -> None:
    """Make a subgraph a frame with a title."""
    label = f"<{text_of(title, color=FAINT)}>" if title else "< >"
    group.attr(label=label, labeljust="l", style="rounded,dashed,filled", color=FAN,
               fillcolor=FRAME, **look)  # fmt: skip


def _value_label(node: Node, warnings: Sequence[str]) -> str:
    """An HTML-like label: name, number, gradient and warnings, one line each."""
    if node.is_constant:
        title = short(node.data) if node.label is None else f"{node.name} = {short(node.data)}"
        return label_of(text_of(title, color=FAINT))
    call = []
    if is_compiled(node.operation):  # above its own name: the function, and what it reads
        about = kind_of(node.operation, len(node.parents))
        call = [text_of(title_of(node.operation), bold=True), text_of(about)]
    is_named = node.label is not None
    return label_of(
        *call,
        text_of(node.name, bold=is_named, color=INK if is_named else FAINT),
        text_of(f"value {short(node.data)}", color=DATA),
        _RULE,
        text_of("frozen" if node.is_frozen else f"grad {short(node.gradient)}", color=GRADIENT),
        *(text_of(f"! {warning}", bold=True) for warning in warnings),
    )


def _group_lines(group: Group) -> list[str]:
    more = ", …" if group.has_more else ""
    size = "" if group.is_fold else f"{group.count} node{'s'[: group.count != 1]}"
    values = ", ".join(short(node.data) for node in group.outputs)
    gradients = ", ".join(short(node.gradient) for node in group.outputs)
    return [
        text_of(group.scope_shown.name, bold=True),
        text_of(", ".join(filter(None, (group.scope_shown.kind, size, group.frozen)))),
        text_of(f"value {values}{more}", color=DATA),
        text_of(f"grad {gradients}{more}", color=GRADIENT),
        *(text_of(f"! {warning}", bold=True) for warning in group.warnings),
    ]


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
        line if line == _RULE else f'<TR><TD HEIGHT="{_LINE}">{line or " "}</TD></TR>'
        for line in lines
    )
    look = f'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" COLOR="{OPERATION}"'
    return f"<<TABLE {look}>{rows}</TABLE>>"


def _table(groups: Sequence[Group], is_upright: bool) -> str:
    """Modules side by side: a row each, or a column each where the graph runs up or down.

    The warnings of each are in one cell, if there are any. Arrows enter a module at its first cell
    and leave it at its last.
    """
    texts = {group.key: _group_lines(group) for group in groups}
    texts = {key: [*lines[:4], "  ".join(lines[4:])] for key, lines in texts.items()}
    shown = slice(None) if any(lines[-1] for lines in texts.values()) else slice(-1)
    cells = [list(_cells(lines[shown], key, is_upright)) for key, lines in texts.items()]
    lines = list(zip(*cells)) if is_upright else cells
    rows = ("" if is_upright else "<HR/>").join(
        f"<TR>{('<VR/>' if is_upright else '').join(line)}</TR>" for line in lines
    )
    return (
        f'<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" STYLE="ROUNDED" '
        f'COLOR="{FAN}" BGCOLOR="{PAPER}">{rows}</TABLE>>'
    )


def _cells(texts: Sequence[str], key: str, is_upright: bool) -> Iterator[str]:
    align = "CENTER" if is_upright else "LEFT"
    for i, text in enumerate(texts):
        port = f' PORT="{key}i"' if i == 0 else f' PORT="{key}o"' if i == len(texts) - 1 else ""
        yield f'<TD{port} HEIGHT="{_LINE}" ALIGN="{align}">{text or " "}</TD>'
