"""Which recorded scalars became which lines of an array program, as records and as a DOT graph.

A portion is what belongs together: the scalars that are computed as one array, the lines that
compute it, and the lines that compute its gradient. The graph runs from above, as the program does.
Of a small program every scalar is drawn, those of a line inside a frame; of a large one, and of
many numbers that are only read, a box stands for all scalars of a line. Lines have the same numbers
on both sides, so nothing is said by colour alone. Next: `program.py`, which shows them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import graphviz

from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, INPUT
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.printing import short
from glassgrad.engine.text import clipped, visible
from glassgrad.viz.dot import (
    DATA,
    FAINT,
    FAN,
    FONT,
    FRAME,
    NODES,
    OPERATION,
    PAPER,
    SYMBOLS,
    label_of,
    text_of,
)
from glassgrad.viz.formulas import written
from glassgrad.viz.records import Records

_LONGEST_FORMULA = 80


@dataclass(frozen=True)
class Portion:
    """Scalars and the lines they became.

    Attributes:
        group: its number.
        title: what its main line computes: "16 dots of 2".
        scalars: the recorded numbers of the scalars.
        counts: how many scalars there are of each operation.
        forward, backward: the numbers of the lines for the values, and for the gradients.
        main: the line that computes the values; None for constants, which have none.
    """

    group: int
    title: str
    scalars: Sequence[int]
    counts: Counter[str]
    forward: Sequence[int]
    backward: Sequence[int]
    main: int | None

    def __repr__(self) -> str:
        return f"<portion {self.name}: {clipped(self.title)}>"

    @property
    def name(self) -> str:
        """What both sides call it: "line 7"."""
        return "no line" if self.main is None else f"line {self.main}"

    @property
    def made_of(self) -> str:
        """The scalars, counted: "32 mul, 16 add"."""
        return ", ".join(f"{count:,} {name}" for name, count in self.counts.items())

    def where(self) -> str:
        """All its lines: "lines 4-6, 30"."""
        return _lines(sorted([*self.forward, *self.backward])) or "no line, written where read"

    def sentence(self) -> str:
        """What it is and where: "4 dots of 2, from 4 scalars (4 dot). Values: lines 4-6."."""
        count = len(self.scalars)
        made_of = f"{count:,} scalar{'s' * (count != 1)} ({self.made_of})"
        if self.main is None:
            return f"{made_of}: they stand in the lines that read them."
        gradients = f"; gradients: {_lines(self.backward)}" if self.backward else ""
        return f"{self.title}, from {made_of}. Values: {_lines(self.forward)}{gradients}."


class Portions(Records[Portion]):
    """The portions of one program, in the order of its lines.

    Args:
        recording: the scalars.
        program: a program made of them.

    Attributes:
        lines: the text of the program, line by line; the first has the number 1.
        group_of_line: the group of each of these lines, or None.
        dropped: how many scalars nothing depends on.
    """

    def __init__(self, recording: Recording, program: Program) -> None:
        self.recording, self.program = recording, program
        self.graph = recording.graph
        self.lines = program.text.rstrip("\n").split("\n")
        before = len(self.lines) - len(program.lines)
        frame: list[int | None] = [None] * before
        self.group_of_line = frame + [line.group for line in program.lines]
        self.group_of: list[int] = program.group_of.tolist()
        self.dropped = self.group_of.count(-1)
        self._records = list(self._made(before))

    def __repr__(self) -> str:
        return f"<{len(self)} portions of {len(self.lines)} lines>"

    def _made(self, before: int) -> Iterator[Portion]:
        scalars: dict[int, list[int]] = {}
        for number, group in enumerate(self.group_of):
            scalars.setdefault(group, []).append(number)
        for group in sorted(scalars.keys() - {-1}):
            members = scalars[group]
            of_group = [(i + before + 1, line) for i, line in enumerate(self.program.lines)
                        if line.group == group]  # fmt: skip
            forward = [number for number, line in of_group if line.half == "forward"]
            backward = [number for number, line in of_group if line.half == "backward"]
            told = [(number, line.about) for number, line in of_group if line.about]
            counts = Counter(self.kind(number) for number in members)
            main = told[0][0] if told else forward[-1] if forward else None
            title = told[0][1] if told else f"{len(members):,} constant{'s' * (len(members) > 1)}"
            yield Portion(group, title, members, counts, forward, backward, main)

    # The scalars in words.

    def kind(self, number: int) -> str:
        """What a scalar is: the name of its operation; of a leaf "input" or the like."""
        row = self.graph.row(number)
        return row.name if row is not None else _LEAVES[int(self.graph.codes[number])]

    def name(self, number: int) -> str:
        """What a scalar is called: by its label, its place, its number, or "s7" for the seventh."""
        if self.graph.row(number) is not None:
            return f"s{number}"
        kind, place = self.kind(number), self.graph.numbers[number]
        if kind == "constant":
            return short(float(place))
        if kind == "captured" and (label := self._labels.get(int(place))):
            return label
        return f"{kind}[{int(place)}]"

    def formula(self, number: int) -> str:
        """How a scalar was recorded: "s7 = w * input[0]"; of a leaf its name."""
        row = self.graph.row(number)
        if row is None:
            return self.name(number)
        operands = [self.name(operand) for operand in self.graph.of(number)]
        return f"{self.name(number)} = {clipped(written(row, operands), _LONGEST_FORMULA)}"

    @cached_property
    def _labels(self) -> dict[int, str]:
        """The labels of captured Values that no other has, by place."""
        labels = [value.label for value in self.recording.captured]
        counts = Counter(labels)
        return {i: visible(label) for i, label in enumerate(labels) if label and counts[label] == 1}


_LEAVES = {INPUT: "input", CAPTURED: "captured", CONSTANT: "constant"}


def _lines(numbers: Sequence[int]) -> str:
    """Numbers of lines, those that follow each other together; "" for none."""
    if not numbers:
        return ""
    return f"line{'s' * (len(numbers) > 1)} {', '.join(_runs(numbers))}"


def _runs(numbers: Sequence[int]) -> Iterator[str]:
    """Numbers that follow each other, together: "4-6"."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        listed = [number for _, number in run]
        yield str(listed[0]) if len(listed) == 1 else f"{listed[0]}-{listed[-1]}"


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
        node_attr=NODES,
        edge_attr={"color": FAN, "arrowsize": "0.6"},
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
                   style="rounded,dashed,filled", color=FAN, fillcolor=FRAME,
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
        f'<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2" COLOR="{FAN}" '
        f'BGCOLOR="{PAPER}">{"".join(rows)}</TABLE>>'
    )


def _row(number: int, line: str) -> str:
    code = text_of(line.strip())
    return (
        f'<TR><TD ALIGN="RIGHT">{text_of(str(number), color=FAINT)}</TD>'
        f'<TD ALIGN="LEFT"><FONT FACE="{_MONO}" POINT-SIZE="11">{code}</FONT></TD></TR>'
    )
