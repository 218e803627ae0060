"""How a program beside its scalars looks as a DOT graph.

The graph runs from above, as the program does. Of a small program every scalar is drawn, those of a
line inside a frame; of a large one, and of many numbers that are only read, a box stands for all
scalars of a line. Lines have the same numbers on both sides, so nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import graphviz

from glassgrad.engine.text import clipped
from glassgrad.viz.dot import (
    DATA,
    FAINT,
    FONT,
    FRAME,
    INK,
    OPERATION,
    PAPER,
    SYMBOLS,
    label_of,
    text_of,
)  # fmt: skip
from glassgrad.viz.portions import Portion, Portions

MOST_LEAVES = 8
"""Of more numbers that are only read, one box stands for all, in every drawing."""
_LONGEST_LINE = 90
_MONO = "Courier,monospace"


def program_graph(portions: Portions, *, scalars: bool, program: bool) -> graphviz.Digraph:
    """The DOT graph of the scalars of a program.

    Args:
        portions: the scalars and the lines.
        scalars: draw every scalar, and not one box for all of a line.
        program: draw the lines beside their scalars.
    """
    graph = graphviz.Digraph(
        graph_attr={"rankdir": "TB", "fontname": FONT, "fontsize": "11", "bgcolor": PAPER,
                    "nodesep": "0.15", "ranksep": "0.25", "newrank": str(program).lower()},
        node_attr={"fontname": FONT, "fontsize": "12", "shape": "box", "style": "rounded,filled",
                   "color": INK, "fontcolor": INK, "fillcolor": PAPER, "margin": "0.08,0.04",
                   "height": "0.3", "width": "0.3"},
        edge_attr={"color": FAINT, "arrowsize": "0.6"},
    )  # fmt: skip
    closed = {p.group for p in portions if not scalars or _is_long(portions, p)}
    for portion in portions:
        if portion.group in closed:
            _add_box(graph, portion)
        else:
            _add_scalars(graph, portions, portion)
    for tail, head in dict.fromkeys(_edges(portions, closed)):
        graph.edge(tail, head)
    if program:
        _add_lines(graph, portions, closed)
    return graph


def _is_long(portions: Portions, portion: Portion) -> bool:
    is_leaf = portions.graph.row(portion.scalars[0]) is None
    return is_leaf and len(portion.scalars) > MOST_LEAVES


def _edges(portions: Portions, closed: set[int]) -> Iterable[tuple[str, str]]:
    group_of = portions.group_of

    def key(number: int) -> str:
        return f"g{group_of[number]}" if group_of[number] in closed else f"s{number}"

    for number, operands in enumerate(portions.graph.all_operands()):
        for operand in operands:
            if group_of[number] >= 0 and group_of[operand] >= 0 and key(operand) != key(number):
                yield key(operand), key(number)


def _add_box(graph: graphviz.Digraph, portion: Portion) -> None:
    count = f"{len(portion.scalars):,} scalar{'s' * (len(portion.scalars) != 1)}"
    made_of = f"{count}: {portion.made_of}" if len(portion.counts) > 1 else count
    lines = (text_of(portion.name, bold=True), text_of(portion.title), text_of(made_of, color=DATA))
    graph.node(f"g{portion.group}", label=label_of(*lines), id=f"b{portion.group}")


def _add_scalars(graph: graphviz.Digraph, portions: Portions, portion: Portion) -> None:
    """Each scalar, in a frame with the number of their line; one alone has the number itself."""
    if len(portion.scalars) == 1:
        _add_scalar(graph, portions, portion.scalars[0], portion.name)
        return
    with graph.subgraph(name=f"cluster_{portion.group}") as frame:
        title = f"{portion.name} · {portion.title}"
        frame.attr(label=f"<{text_of(title, color=FAINT)}>", labeljust="l",
                   style="rounded,dashed,filled", color=FAINT, fillcolor=FRAME,
                   id=f"b{portion.group}")  # fmt: skip
        for number in portion.scalars:
            _add_scalar(frame, portions, number)


def _add_scalar(graph: graphviz.Digraph, portions: Portions, number: int, line: str = "") -> None:
    kind, name = portions.kind(number), portions.name(number)
    if portions.graph.row(number) is None:
        shown, look = text_of(name, bold=True), {}
    else:
        shown = text_of(f"{SYMBOLS.get(kind, kind)} ", bold=True) + text_of(name, color=FAINT)
        look = {"fillcolor": OPERATION}
    where = [text_of(line, color=FAINT)] if line else []
    graph.node(f"s{number}", label=label_of(shown, *where), id=f"n{number}", **look)


def _add_lines(graph: graphviz.Digraph, portions: Portions, closed: set[int]) -> None:
    """The lines of each portion, at the height of its scalars, in a column of their own."""
    above = ""
    for portion in portions:
        if portion.main is None:
            continue
        key, own = f"p{portion.group}", portion.group in closed
        beside = f"g{portion.group}" if own else f"s{portion.scalars[-1]}"
        graph.node(key, label=_listing(portions, portion), shape="plain", style="")
        with graph.subgraph(name=f"row_{portion.group}") as row:
            row.attr(rank="same")
            row.edge(beside, key, style="dotted", arrowhead="none")
        if above:
            graph.edge(above, key, style="invis", weight="100")
        above = key


def _listing(portions: Portions, portion: Portion) -> str:
    """The lines of a portion with their numbers, as a table."""
    numbers = [*portion.forward, *portion.backward]
    rows = (_row(number, clipped(portions.lines[number - 1], _LONGEST_LINE)) for number in numbers)
    return (
        f'<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2" COLOR="{FAINT}" '
        f'BGCOLOR="{PAPER}">{"".join(rows)}</TABLE>>'
    )


def _row(number: int, line: str) -> str:
    code = text_of(line.strip())
    return (
        f'<TR><TD ALIGN="RIGHT">{text_of(str(number), color=FAINT)}</TD>'
        f'<TD ALIGN="LEFT"><FONT FACE="{_MONO}" POINT-SIZE="11">{code}</FONT></TD></TR>'
    )
