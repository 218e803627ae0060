"""`draw_program`: an array program beside the scalars it was made of, portion by portion.

A portion is what belongs together: the scalars that are computed as one array, the lines that
compute it, and the lines that compute its gradient. Which scalars became which line is said by
numbers on both sides, and nothing by colour alone. Where scripts run, a line that is chosen lights
its scalars, and a scalar its lines; where they are stripped, picture, program and table remain.
The page's style and script are `program.css` and `program.js`.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from types import MethodType
from typing import Any

import graphviz

from glassgrad.engine.compile import Compiled
from glassgrad.engine.compile.graph import LEAVES
from glassgrad.engine.compile.numpy_source import Line
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.misuse import whole
from glassgrad.engine.text import clipped, columns, counted, describe, plain, short, visible
from glassgrad.viz import markup
from glassgrad.viz.diagram import Records
from glassgrad.viz.dot import DATA, FAINT, OPERATION, SYMBOLS, empty, framed, label_of, text_of
from glassgrad.viz.drawing import Rendered
from glassgrad.viz.formulas import written

MOST_SCALARS = 60
_MOST_LEAVES = 8  # of more numbers that are only read, one box stands for all, in every drawing
_MOST_LISTED = 40  # scalars of a line that the table lists; the others are counted
_MOST_NAMED = 1_000  # of more scalars the script knows no names: they are not drawn one by one
_LONGEST_FORMULA = 80
_HEADINGS = ("lines", "compute", "scalars")


@dataclass(frozen=True)
class Portion:
    """Scalars, by their recorded numbers, and the numbers of the lines they became.

    `title` is what its main line computes, such as "16 dots of 2"; constants have no main line.
    `made_of` counts the scalars: "32 mul, 16 add".
    """

    group: int
    title: str
    scalars: Sequence[int]
    made_of: str
    forward: Sequence[int]
    backward: Sequence[int]
    main: int | None

    def __repr__(self) -> str:
        return f"<portion {self.name}: {clipped(self.title)}>"

    @property
    def name(self) -> str:
        """What both sides call it: "line 7"."""
        return "no line" if self.main is None else f"line {self.main}"

    def row(self) -> tuple[str, str, str]:
        """All its lines, what they compute, and the scalars: ("lines 4-6, 30", ...)."""
        where = _lines(sorted([*self.forward, *self.backward]))
        return where or "no line, written where read", self.title, self.made_of

    def sentence(self) -> str:
        """What it is and where: "4 dots of 2, from 4 scalars (4 dot). Values: lines 4-6."."""
        made_of = f"{counted(len(self.scalars), 'scalar')} ({self.made_of})"
        if self.main is None:
            return f"{made_of}: they stand in the lines that read them."
        gradients = f"; gradients: {_lines(self.backward)}" if self.backward else ""
        return f"{self.title}, from {made_of}. Values: {_lines(self.forward)}{gradients}."


def _lines(numbers: Sequence[int]) -> str:
    """Numbers of lines, those that follow each other together; "" for none."""
    runs = []
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        first, *others = (number for _, number in run)
        runs.append(f"{first}-{others[-1]}" if others else f"{first}")
    return f"line{'s' * (len(numbers) > 1)} {', '.join(runs)}" if runs else ""


class Portions(Records[Portion]):
    """The portions of one program, in the order of its lines, of which the first is number 1.

    The group of a scalar is -1 where nothing depends on it; so many are dropped.
    """

    def __init__(self, recording: Recording, program: Program) -> None:
        self.graph, self._captured = recording.graph, recording.captured
        self.lines = program.text.rstrip("\n").split("\n")
        before = len(self.lines) - len(program.lines)
        self.group_of_line: list[int | None] = [None] * before
        self.group_of_line += [line.group for line in program.lines]
        self.group_of: list[int] = program.group_of.tolist()
        scalars: dict[int, list[int]] = {}
        for number, group in enumerate(self.group_of):
            scalars.setdefault(group, []).append(number)
        lines: dict[int | None, list[tuple[int, Line]]] = {}
        for place, line in enumerate(program.lines, before + 1):
            lines.setdefault(line.group, []).append((place, line))
        self.dropped = len(scalars.pop(-1, ()))
        self._records = [
            self._portion(group, members, lines.get(group, ()))
            for group, members in sorted(scalars.items())
        ]

    def __repr__(self) -> str:
        return f"<{len(self)} portions of {len(self.lines)} lines>"

    def _portion(
        self, group: int, members: Sequence[int], lines: Sequence[tuple[int, Line]]
    ) -> Portion:
        forward = [n for n, line in lines if line.half == "forward"]
        backward = [n for n, line in lines if line.half == "backward"]
        alone = (forward[-1] if forward else None, counted(len(members), "constant"))
        main, title = next(((n, line.about) for n, line in lines if line.about), alone)
        counts = Counter(map(self.kind, members))
        made_of = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        return Portion(group, title, members, made_of, forward, backward, main)

    def kind(self, number: int) -> str:
        """What a scalar is: the name of its operation; of a leaf "input" or the like."""
        row = self.graph.row(number)
        return row.name if row is not None else LEAVES[int(self.graph.codes[number])]

    def name(self, number: int) -> str:
        """What a scalar is called: by its label, its place, its number, or "s7" for the seventh."""
        if self.graph.row(number) is not None:
            return f"s{number}"
        kind, place = self.kind(number), self.graph.numbers[number]
        if kind == "constant":
            return short(float(place))
        label = self._labels.get(int(place)) if kind == "captured" else None
        return label or f"{kind}[{int(place)}]"

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
        labels = [value.label for value in self._captured]
        counts = Counter(labels)
        return {i: visible(label) for i, label in enumerate(labels) if label and counts[label] == 1}


class ProgramDrawing(Rendered):
    """A program beside its scalars. Notebooks show it; `print` gives text; `save` writes a file.

    Its ending is .html, .svg, .png, .pdf, .dot or .txt.

    Attributes:
        title: the name of the function.
        portions: which scalars became which lines.
        note: what the picture leaves out and where it stands, or "".
        shows_scalars: whether every scalar is drawn, and not one box for all of a line.

    >>> from glassgrad import Value, compiled, draw_program
    >>> w = Value(2.0, label="w")
    >>> neuron = compiled(lambda x: (w * x).tanh())
    >>> y = neuron(0.5)
    >>> draw_program(neuron)
    <program of <lambda>: 4 scalars in 20 lines>
    """

    formats = ("html", "svg", "png", "pdf", "dot", "txt")
    kind_and_stem = ("program", "program")
    picture_title = "Program"

    def __init__(self, title: str, portions: Portions, note: str, *, shows_scalars: bool) -> None:
        self.title, self.portions = title, portions
        self.note, self.shows_scalars = note, shows_scalars

    @property
    def digraph(self) -> graphviz.Digraph:
        """The scalars, each with the number of its line."""
        graph = empty("TB", {"ranksep": "0.25"}, {})
        closed = set()
        for portion in self.portions:
            is_leaf = self.portions.graph.row(portion.scalars[0]) is None
            if not self.shows_scalars or (is_leaf and len(portion.scalars) > _MOST_LEAVES):
                closed.add(portion.group)
                _add_box(graph, portion)
            else:
                _add_scalars(graph, self.portions, portion)
        for tail, head in dict.fromkeys(_edges(self.portions, closed)):
            graph.edge(tail, head)
        return graph

    def html(self) -> str:
        """Both sides as one self-contained piece of HTML.

        The picture is an image, which survives sanitisers; the script inlines it.
        """
        picture = markup.picture_or_advice(
            lambda: markup.figure(
                markup.image(self.svg, self.description()), "gg-picture gp-picture", label="Scalars"
            )
        )
        return (
            '<div class="glassgrad-program" lang="en" role="group" '
            f'aria-label="{html.escape(self.heading())}" '
            f'data-lm-suppress-shortcuts="true"><style>{markup.compact("program.css")}</style>'
            f'<div class="gp-sides">{picture}{_listing(self.portions)}</div>'
            '<p class="gg-sentence gp-sentence" aria-live="polite"></p>'
            f"{markup.paragraph(self.note)}{_table(self.portions)}"
            f'<script type="application/json" class="gp-data">{_data(self.portions)}</script>'
            f"<script>({markup.compact('program.js')})(document)</script></div>"
        )

    def text(self) -> str:
        """A table of the lines and the scalars that became them, then the program, numbered."""
        lines = self.portions.lines
        width = len(str(len(lines)))
        listing = (f"{i:>{width}}  {line}" for i, line in enumerate(lines, 1))
        rows = [_HEADINGS, *(portion.row() for portion in self.portions)]
        parts = [columns(rows, indent=""), "\n".join(listing), self.note]
        return "\n\n".join(part for part in parts if part)

    def description(self) -> str:
        """What it is in a sentence or two, for those who do not see it."""
        scalars = counted(len(self.portions.graph), "scalar")
        became = f"{scalars} became {len(self.portions.lines):,} lines"
        return f"{self.heading()}: {became}. {self.note}".strip()

    def heading(self) -> str:
        """What is shown: "Program of loss"."""
        return f"Program of {visible(self.title)}"

    def _texts(self) -> Mapping[str, Callable[[], str]]:
        page = lambda: markup.document(self.heading(), self.html())
        return {**super()._texts(), "html": page, "txt": self.text}

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        count, lines = len(self.portions.graph), len(self.portions.lines)
        return f"<program of {clipped(self.title)}: {count:,} scalars in {lines:,} lines>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": plain(self.text(), repr(self))}


def draw_program(
    function: Compiled | MethodType, *, number: int | None = None, max_scalars: int = MOST_SCALARS
) -> ProgramDrawing:
    """Show the array program of a compiled function beside the scalars that it was made of.

    Args:
        function: made by `compiled`, and called at least once; also a method.
        number: which of its programs, as `function.program` prints them, from 0; by default the
            last. A function has more than one if it is also called over samples, or if a
            comparison came out otherwise.
        max_scalars: above this many scalars, those of a line are drawn as one box.

    Raises:
        CompilationError: it has no program yet.

    >>> from glassgrad import Value, compiled, draw_program
    >>> w = Value(2.0, label="w")
    >>> square = compiled(lambda x: (w * x) ** 2)
    >>> y = square(3.0)
    >>> print(draw_program(square).portions[-1].sentence())
    1 pow, from 1 scalar (1 pow). Values: line 13; gradients: lines 16-17.
    """
    given: object = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(given, Compiled):
        problem = f"draw_program takes a compiled function, not {describe(given)}."
        raise TypeError(f"{problem} Write loss = compiled(f), call loss once, and give loss.")
    whole(max_scalars, "max_scalars")
    programs, chosen, title = given.programs(), given.chosen(number), given.title
    portions = Portions(*programs[chosen])
    drawn, dropped = len(portions.graph) - portions.dropped, portions.dropped
    said = []
    if drawn > max_scalars:
        name = title if title.isidentifier() else "f"
        all_of_them = f"draw_program({name}, max_scalars={drawn}) draws them"
        said.append(f"A box stands for all scalars of its line; {all_of_them}.")
    if dropped:
        are = f"{counted(dropped, 'scalar')} {'is' if dropped == 1 else 'are'}"
        said.append(f"{are} left out, since nothing depends on them.")
    if len(programs) > 1:
        said.append(f"There are {len(programs)} programs; this is number {chosen}, counted from 0.")
    return ProgramDrawing(title, portions, " ".join(said), shows_scalars=drawn <= max_scalars)


# The graph in the DOT language.


def _edges(portions: Portions, closed: set[int]) -> Iterator[tuple[str, str]]:
    keys = [
        f"g{group}" if group in closed else f"s{number}" if group >= 0 else ""
        for number, group in enumerate(portions.group_of)
    ]
    for key, operands in zip(keys, portions.graph.all_operands()):
        for operand in operands:
            if key and keys[operand] not in ("", key):
                yield keys[operand], key


def _add_box(graph: graphviz.Digraph, portion: Portion) -> None:
    count = counted(len(portion.scalars), "scalar")
    made_of = f"{count}: {portion.made_of}" if "," in portion.made_of else count
    lines = (text_of(portion.name, bold=True), text_of(portion.title), text_of(made_of, color=DATA))
    graph.node(f"g{portion.group}", label=label_of(*lines), id=f"b{portion.group}")


def _add_scalars(graph: graphviz.Digraph, portions: Portions, portion: Portion) -> None:
    if len(portion.scalars) == 1:
        _add_scalar(graph, portions, portion.scalars[0], portion.name)
        return
    with graph.subgraph(name=f"cluster_{portion.group}") as frame:
        framed(frame, f"{portion.name} · {portion.title}", id=f"b{portion.group}")
        for number in portion.scalars:
            _add_scalar(frame, portions, number)


def _add_scalar(graph: graphviz.Digraph, portions: Portions, number: int, line: str = "") -> None:
    kind, name = portions.kind(number), portions.name(number)
    shown, look = text_of(name, bold=True), {}
    if portions.graph.row(number) is not None:
        shown = text_of(f"{SYMBOLS.get(kind, kind)} ", bold=True) + text_of(name, color=FAINT)
        look = {"fillcolor": OPERATION}
    where = [text_of(line, color=FAINT)] if line else []
    graph.node(f"s{number}", label=label_of(shown, *where), id=f"n{number}", **look)


# The page.


def _listing(portions: Portions) -> str:
    lines = []
    for line, group in zip(portions.lines, portions.group_of_line):
        code, sign, about = line.partition("  # ")
        comment = f"<small>{html.escape(sign + about)}</small>" if sign else ""
        of = "" if group is None else f' data-g="{group}"'
        lines.append(f"<li{of}><code>{html.escape(code)}{comment}</code></li>")
    return markup.scroller(f'<ol class="gp-lines">{"".join(lines)}</ol>', "gp-code", "Program")


def _table(portions: Portions) -> str:
    caption, rows = "Which scalars became which line", []
    for portion in portions:
        items = [portions.formula(number) for number in portion.scalars[:_MOST_LISTED]]
        if (rest := len(portion.scalars) - _MOST_LISTED) > 0:
            items.append(f"… {rest:,} more")
        listed = "".join(f"<li>{html.escape(item)}</li>" for item in items)
        where, title, made_of = map(html.escape, portion.row())
        rows.append(
            f'<tr data-g="{portion.group}"><td>{where}</td><td>{title}</td>'
            f"<td><details><summary>{made_of}</summary><ul>{listed}</ul></details></td></tr>"
        )
    head = "".join(f'<th scope="col">{text}</th>' for text in _HEADINGS)
    table = (
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    return markup.scroller(table, "gg-scroll gp-table", caption)


def _data(portions: Portions) -> str:
    says = {str(portion.group): portion.sentence() for portion in portions}
    shown = [(number, portion.group) for portion in portions for number in portion.scalars]
    named = shown if len(shown) <= _MOST_NAMED else []
    scalars = {str(number): [group, portions.formula(number)] for number, group in named}
    return markup.json_inside({"says": says, "scalars": scalars})
