"""A diagram as a DOT graph: how nodes, edges, groups and marks look.

Values are boxes with name, number and gradient; operations are small ellipses before the value they
compute, as in the lecture many know. Every text is escaped, so a label is never markup.
Colours are safe for colour-blind readers, and nothing is said by colour alone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from math import isfinite

import graphviz

from engine import Scope
from viz.diagram import Node
from viz.parts import Group, Hidden, Part, Picture
from viz.text import short, visible

DATA, GRADIENT, INK, FAINT = "#0072B2", "#B34E00", "#1a1a1a", "#6b6b6b"
FONT = "Helvetica,Arial,sans-serif"
SYMBOLS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "neg": "−", "pos": "+", "pow": "**"}
HEAVY = 600
"""From this load on, the layout is kept fast rather than fine, and edges carry no numbers."""
_FINE = {"nslimit": "2", "nslimit1": "2"}
_FAST = {"nslimit": "0.1", "nslimit1": "0.1", "mclimit": "0.1", "splines": "line"}
"""How long Graphviz seeks the shortest edges; without a limit 70 nodes may take 20 s."""
SATURATED = 0.01
"""A sigmoid or tanh whose local derivative is below this share of its largest is saturated."""


def digraph(
    picture: Picture, *, derivatives: bool = False, direction: str = "LR"
) -> graphviz.Digraph:
    """The DOT graph of a picture.

    Args:
        picture: the diagram, with what is collapsed or hidden.
        derivatives: write the local derivative on each edge.
        direction: Graphviz's rankdir: "LR" from left to right, "TB" from top to bottom.
    """
    is_heavy = picture.load() > HEAVY
    graph = graphviz.Digraph(
        graph_attr={"rankdir": direction, "fontname": FONT, "fontsize": "11", "bgcolor": "#ffffff",
                    "nodesep": "0.15", "ranksep": "0.3", **(_FAST if is_heavy else _FINE)},
        node_attr={"fontname": FONT, "fontsize": "12", "shape": "box", "style": "rounded",
                   "color": INK, "margin": "0.08,0.04", "height": "0.3"},
        edge_attr={"fontname": FONT, "fontsize": "10", "color": FAINT, "arrowsize": "0.6",
                   "fontcolor": FAINT},
    )  # fmt: skip
    _add_scope(graph, picture, None)
    for edge in picture.edges:
        text = (
            short(edge.partial) if derivatives and not is_heavy and edge.partial is not None else ""
        )
        graph.edge(
            edge.tail,
            edge.head,
            label=text,
            style="solid" if edge.carries else "dotted",
            id=f"e{edge.node}_{edge.operand}" if edge.operand is not None else "",
        )
    return graph


def marks(node: Node) -> list[str]:
    """What is worth a warning at a node, in words: nan, inf, dead, saturated."""
    found = [] if isfinite(node.data) else [short(node.data)]
    if node.gradient is not None and not isfinite(node.gradient):
        found.append(f"gradient {short(node.gradient)}")
    name = node.operation.name if node.operation else ""
    partial = node.partials[0] if len(node.partials) == 1 else None
    if name == "relu" and partial == 0.0:
        found.append("dead")
    largest = {"tanh": 1.0, "sigmoid": 0.25}.get(name)
    if largest is not None and partial is not None and abs(partial) < SATURATED * largest:
        found.append("saturated")
    return found


def _add_scope(graph: graphviz.Digraph, picture: Picture, scope: Scope | None) -> None:
    """The parts directly in a scope, then each scope inside it as a group of its own."""
    for part in picture.parts:
        if part.scope is scope:
            _add_part(graph, part)
    for inner in picture.scopes_in(scope):
        with graph.subgraph(name=f"cluster_{picture.scope_number(inner)}") as group:
            group.attr(
                label=_label(_text(_scope_title(inner), color=FAINT)),
                style="rounded,dashed", color=FAINT, fontcolor=FAINT,
            )  # fmt: skip
            _add_scope(group, picture, inner)


def _scope_title(scope: Scope) -> str:
    return scope.name if scope.kind in (scope.name, "Scope") else f"{scope.name} · {scope.kind}"


def _add_part(graph: graphviz.Digraph, part: Part) -> None:
    if isinstance(part, Group):
        graph.node(part.key, label=_group_label(part), shape="box3d", style="")
    elif isinstance(part, Hidden):
        graph.node(part.key, label="…", shape="plaintext", fontcolor=FAINT)
    else:
        _add_node(graph, part.node, part.key)


def _add_node(graph: graphviz.Digraph, node: Node, key: str) -> None:
    warnings = marks(node)
    shape = {"style": "rounded,bold", "peripheries": "2"} if warnings else {}
    if node.is_constant:
        shape = {"shape": "plaintext", **shape}
    graph.node(
        key, label=_value_label(node, warnings), id=f"n{node.index}",
        **shape,
    )  # fmt: skip
    if node.operation is not None:
        name = node.operation.name
        graph.node(f"{key}_op", label=SYMBOLS.get(name, name), shape="ellipse",
                   style="filled", fillcolor="#f0f0f0", margin="0.02,0")  # fmt: skip


def _value_label(node: Node, warnings: Sequence[str]) -> str:
    """An HTML-like label: name, number, gradient and warnings, one line each."""
    if node.is_constant:
        title = short(node.data) if node.label is None else f"{node.name} = {short(node.data)}"
        return _label(_text(title, color=FAINT))
    return _label(
        _text(node.name, bold=True) if node.label is not None else _text(node.name, color=FAINT),
        _text(f"value {short(node.data)}", color=DATA),
        _text(f"grad {short(node.gradient)}", color=GRADIENT),
        *(_text(f"! {warning}", bold=True) for warning in warnings),
    )


def _group_label(group: Group) -> str:
    return _label(
        _text(group.scope_shown.name, bold=True),
        _text(f"{group.scope_shown.kind}, {group.count} nodes"),
        _text(f"value {', '.join(map(short, group.outputs))}", color=DATA),
    )


def _text(text: str, *, bold: bool = False, color: str = INK) -> str:
    """Text in an HTML-like label, shown as it is.

    Graphviz replaces a backslash and a letter even there, but only within one run of text: so a
    run ends after each backslash. Nor does it read runs of more than 16 kilobytes.
    """
    runs = re.findall(r"[^\\]{0,1000}\\|[^\\]{1,1000}", visible(text))
    tags = ("<B>", "</B>") if bold else ("", "")
    return "".join(
        f'<FONT COLOR="{color}">{tags[0]}{html.escape(run)}{tags[1]}</FONT>' for run in runs
    )


def _label(*lines: str) -> str:
    """An HTML-like label of several lines made by `_text`."""
    return f"<{'<BR/>'.join(line or ' ' for line in lines)}>"
