"""`draw_program`: an array program beside the scalars it was made of, group by group.

Which scalars became which line is said by numbers on both sides. Where scripts run, a line that is
chosen lights its scalars, and a scalar its lines; where they are stripped, the picture, the program
and the table remain. The page's style and script are `program.css` and `program.js`.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

from glassgrad.engine.compile import Compiled
from glassgrad.engine.files import write_file
from glassgrad.engine.printing import columns
from glassgrad.engine.text import clipped, counted, describe, visible
from glassgrad.viz.assets import compact
from glassgrad.viz.drawing import check_whole, checked_name, spoken
from glassgrad.viz.markup import document, image, json_inside, page_svg
from glassgrad.viz.portions import Portion, Portions, program_graph
from glassgrad.viz.render import RendererMissingError, RenderingError, render

MOST_SCALARS = 60
FORMATS = ("html", "svg", "png", "pdf", "dot", "txt")
MOST_LISTED = 40
"""Scalars of a line that the table lists; the others are counted."""
MOST_NAMED = 1_000
"""Of more scalars the script knows no names: they are not drawn one by one."""


class ProgramDrawing:
    """A program beside its scalars. Notebooks show it; `print` gives text; `save` writes a file.

    Attributes:
        title: the name of the function.
        portions: which scalars became which lines.
        note: what the picture leaves out and where it stands, or "".

    >>> from glassgrad import Value, compiled, draw_program
    >>> w = Value(2.0, label="w")
    >>> neuron = compiled(lambda x: (w * x).tanh())
    >>> y = neuron(0.5)
    >>> draw_program(neuron)
    <program of <lambda>: 4 scalars in 19 lines>
    """

    def __init__(self, title: str, portions: Portions, note: str, *, shows_scalars: bool) -> None:
        self.title = title
        self.portions = portions
        self.note = note
        self.shows_scalars = shows_scalars

    @property
    def dot(self) -> str:
        """Scalars and program as one graph in the DOT language."""
        return str(program_graph(self.portions, scalars=self.shows_scalars, program=True).source)

    @property
    def svg(self) -> str:
        """Scalars and lines as one picture, each line beside the scalars that it belongs to.

        Lines that belong to no scalars, such as `return`, are not on it.

        Raises:
            RendererMissingError: there is no Graphviz; the message says what to install.
            RenderingError: Graphviz failed, or took longer than half a minute.
        """
        return self._svg(self.dot)

    def graph_svg(self) -> str:
        """The scalars alone as a picture; the same errors as those of `svg`."""
        graph = program_graph(self.portions, scalars=self.shows_scalars, program=False)
        return self._svg(str(graph.source))

    def _svg(self, dot: str) -> str:
        return page_svg(render(dot, "svg"), spoken("Program", self.description()))

    def html(self) -> str:
        """Both sides as one self-contained piece of HTML."""
        return page(self)

    def text(self) -> str:
        """A table of the lines and the scalars that became them, then the program, numbered."""
        rows = [("lines", "compute", "scalars")]
        rows += [(p.where(), p.title, p.made_of) for p in self.portions]
        width = len(str(len(self.portions.lines)))
        listing = (f"{i:>{width}}  {line}" for i, line in enumerate(self.portions.lines, 1))
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

    def save(self, path: str | Path) -> Path:
        """Write it to a file: .html, .svg, .png, .pdf, .dot or .txt.

        Raises:
            TypeError: it is not the name of a file.
            ValueError: another ending.
            RendererMissingError: a picture is asked for and there is no Graphviz.
            OSError: the file cannot be written.
        """
        path, kind = checked_name(path, FORMATS, "A program is", "program")
        return write_file(path, self._content(kind))

    def _content(self, kind: str) -> bytes:
        if kind in ("png", "pdf"):
            return render(self.dot, kind)
        texts: dict[str, Callable[[], str]] = {
            "html": lambda: document(self.heading(), page(self)),
            "svg": lambda: self.svg,
            "dot": lambda: self.dot,
            "txt": self.text,
        }
        return texts[kind]().encode()

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        count, lines = len(self.portions.graph), len(self.portions.lines)
        return f"<program of {clipped(self.title)}: {count:,} scalars in {lines:,} lines>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.text()}


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
        TypeError: `function` is not compiled, or an option is no whole number.
        ValueError: it has no program yet, or none of this number.

    >>> from glassgrad import Value, compiled, draw_program
    >>> w = Value(2.0, label="w")
    >>> square = compiled(lambda x: (w * x) ** 2)
    >>> y = square(3.0)
    >>> print(draw_program(square).portions[-1].sentence())
    1 pow, from 1 scalar (1 pow). Values: line 9; gradients: lines 14-15.
    """
    given: object = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(given, Compiled):
        problem = f"draw_program takes a compiled function, not {describe(given)}."
        raise TypeError(f"{problem} Write loss = compiled(f), call loss once, and give loss.")
    check_whole("max_scalars", max_scalars, least=1)
    programs = [(r, p) for r in given.recordings for p in r.programs()]
    title = given.title
    if not programs:
        called = f"call {title}(...) once"
        raise ValueError(f"{title} has no program yet, since it was not called: {called}.")
    if number is not None:
        check_whole("number", number, least=0)
        if number >= len(programs):
            raise ValueError(f"{title} has the programs 0 to {len(programs) - 1}, not {number}.")
    chosen = len(programs) - 1 if number is None else number
    portions = Portions(*programs[chosen])
    shows_scalars = len(portions.graph) - portions.dropped <= max_scalars
    return ProgramDrawing(
        title,
        portions,
        _note(title, len(programs), chosen, portions, shows_scalars=shows_scalars),
        shows_scalars=shows_scalars,
    )


def _note(
    title: str, programs: int, chosen: int, portions: Portions, *, shows_scalars: bool
) -> str:
    """What is left out, and where it is."""
    said = []
    if not shows_scalars:
        count = len(portions.graph) - portions.dropped
        name = title if title.isidentifier() else "f"
        all_of_them = f"draw_program({name}, max_scalars={count}) draws them"
        said.append(f"A box stands for all scalars of its line; {all_of_them}.")
    if portions.dropped:
        said.append(f"{portions.dropped:,} scalars are left out, since nothing depends on them.")
    if programs > 1:
        said.append(f"There are {programs} programs; this is number {chosen}, counted from 0.")
    return " ".join(said)


def page(drawing: ProgramDrawing) -> str:
    """The two sides, to stand inside a page or a notebook cell."""
    style = compact("program.css")
    portions = drawing.portions
    note = f"<p>{html.escape(drawing.note)}</p>" if drawing.note else ""
    return (
        '<div class="glassgrad-program" lang="en" role="group" '
        f'aria-label="{html.escape(drawing.heading())}" '
        f'data-lm-suppress-shortcuts="true"><style>{style}</style>'
        f'<div class="gp-sides">{_picture(drawing)}{_listing(portions)}</div>'
        f'<p class="gg-sentence gp-sentence" aria-live="polite"></p>{note}{_table(portions)}'
        f'<script type="application/json" class="gp-data">{_data(portions)}</script>'
        f"<script>({compact('program.js')})(document)</script></div>"
    )


def _picture(drawing: ProgramDrawing) -> str:
    """The scalars as an image, which survives where inline SVG does not; the script inlines it."""
    try:
        picture = image(drawing.graph_svg(), drawing.description())
    except (RendererMissingError, RenderingError) as error:
        return f"<p>{html.escape(str(error))}</p>"
    return (
        '<figure class="gg-picture gp-picture" tabindex="0" role="group" aria-label="Scalars">'
        f"{picture}</figure>"
    )


def _listing(portions: Portions) -> str:
    """The program, numbered; each line knows its group."""
    lines = "".join(
        f"<li{_of(group)}><code>{_code(line)}</code></li>"
        for line, group in zip(portions.lines, portions.group_of_line)
    )
    return (
        '<div class="gp-code" tabindex="0" role="group" aria-label="Program">'
        f'<ol class="gp-lines">{lines}</ol></div>'
    )


def _of(group: int | None) -> str:
    return "" if group is None else f' data-g="{group}"'


def _code(line: str) -> str:
    """A line of source; its comment stands back."""
    code, sign, about = line.partition("  # ")
    comment = f"<small>{html.escape(sign + about)}</small>" if sign else ""
    return html.escape(code) + comment


def _table(portions: Portions) -> str:
    caption = "Which scalars became which line"
    head = "".join(f'<th scope="col">{text}</th>' for text in ("lines", "compute", "scalars"))
    rows = "".join(_row(portions, portion) for portion in portions)
    return (
        f'<div class="gg-scroll gp-table" tabindex="0" role="group" aria-label="{caption}">'
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(portions: Portions, portion: Portion) -> str:
    """A line and its scalars, which are listed if the reader wants to see them."""
    listed = portion.scalars[:MOST_LISTED]
    items = [f"<li>{html.escape(portions.formula(number))}</li>" for number in listed]
    if rest := len(portion.scalars) - len(listed):
        items.append(f"<li>… {rest:,} more</li>")
    return (
        f"<tr{_of(portion.group)}><td>{portion.where()}</td><td>{html.escape(portion.title)}</td>"
        f"<td><details><summary>{html.escape(portion.made_of)}</summary>"
        f"<ul>{''.join(items)}</ul></details></td></tr>"
    )


def _data(portions: Portions) -> str:
    """What the script needs to know."""
    shown = {number: portion.group for portion in portions for number in portion.scalars}
    scalars = {str(n): [group, portions.formula(n)] for n, group in shown.items()}
    data = {
        "says": {str(portion.group): portion.sentence() for portion in portions},
        "scalars": scalars if len(shown) <= MOST_NAMED else {},
    }
    return json_inside(data)
