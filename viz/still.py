"""Stills: one step of backpropagation as a picture, for slides and for print.

Of a step of scalars it is the drawing of the graph with the values and gradients that have come by
the step; what sends, the operation, and what receives are marked, and the equations of the step
stand below. All stills of the same steps have boxes of the same size, so that in slides nothing
jumps. The colours are those of the stage: blue moves forward, orange back, the local derivative is
teal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from glassgrad.engine.printing import MISSING, short
from glassgrad.viz.diagram import marks
from glassgrad.viz.dot import DATA, FAINT, GRADIENT, LOCAL, text_of, value_label
from glassgrad.viz.drawing import MAX_NODES, Drawing
from glassgrad.viz.picture import Picture, Shown
from glassgrad.viz.steps import Steps
from glassgrad.viz.told import Equation, Term, Text, Told, tell

KINDS = ("svg", "png", "pdf")
_LETTER = 6.6  # about how wide a character of a box is, and of an equation, in points
_SENDS, _RECEIVES = {"penwidth": "2"}, {"penwidth": "3.5"}
_IS_GRADIENT = re.compile("upstream|gradient|contribution|δ|∂|seed")


class Still(Drawing):
    """The picture of one step of scalars, by its index."""

    def __init__(self, steps: Steps, index: int) -> None:
        step, known = steps[index], Known(steps, index)
        self._told = tell(steps, step)
        color = GRADIENT if step.phase in ("seed", "backward") else DATA
        # Of a large graph, what the step is about is seen with what stands around it.
        around = step.node if len(steps.diagram) > MAX_NODES else None
        diagram = steps.diagram.with_gradients(known.gradients)
        picture = Picture(diagram, MAX_NODES, around=around)
        super().__init__(picture, marked=_arrows(self._told, color))
        widest = _widest(steps)
        for part in self.picture.parts:
            if isinstance(part, Shown) and not part.node.is_constant:
                node, width = part.node, round(_LETTER * widest[part.node.index])
                value = known.values[node.index]
                warnings = marks(node) if value != MISSING else ()
                self.digraph.node(part.key, label=value_label(node, value, warnings, width))
        self._mark(color)
        title = f"step {index + 1} of {len(steps)}, {step.phase}: {self._told.edge}"
        self.digraph.attr(label=_equation_label(title, self._told.equations(), color, self.note))

    def description(self) -> str:
        return self._told.sentence

    def _mark(self, color: str) -> None:
        step, diagram = self._told.step, self.diagram
        senders: Sequence[int] = ()
        receivers: Sequence[int] = [step.node]
        if step.phase == "forward":
            senders = diagram[step.node].parents
        if step.phase == "backward":
            senders = [step.node]
            receivers = [edge.receiver for edge in step.edges]
        shown = {p.node.index: p.key for p in self.picture.parts if isinstance(p, Shown)}
        for index, look in [*((i, _SENDS) for i in senders), *((i, _RECEIVES) for i in receivers)]:
            if index in shown:
                box = {"shape": "box", "style": "rounded,filled"}
                is_solid = diagram[index].is_compiled
                self.digraph.node(shown[index], color=color, **({} if is_solid else box), **look)
        if step.phase in ("forward", "backward") and not diagram[step.node].is_compiled:
            self.digraph.node(f"{shown[step.node]}_op", color=color, penwidth="2")


class Known:
    """What has come by a step: gradients by index, and what stands for the value of each node.

    That is "–" before it is computed, and has "(old)" where a parameter behind it has moved since.
    """

    def __init__(self, steps: Steps, index: int) -> None:
        self.values = [short(n.data) if n.operation is None else MISSING for n in steps.diagram]
        self.gradients: dict[int, float] = {}
        moved: set[int] = set()
        for step in steps[: index + 1]:
            if step.phase in ("forward", "update"):
                self.values[step.node] = short(step.value)
            if step.phase == "update":
                moved.add(step.node)
            if step.phase == "seed":
                self.gradients[step.node] = 1.0
            self.gradients |= {e.receiver: e.after for e in step.edges if e.after is not None}
        for node in steps.diagram:
            if moved.intersection(node.parents):
                moved.add(node.index)
                self.values[node.index] += " (old)"


def _widest(steps: Steps) -> dict[int, int]:
    """How many characters the longest line of each node has in any of the steps."""
    values = Known(steps, len(steps) - 1).values
    found = {n.index: max(len(f"value {values[n.index]}"), len(n.name)) for n in steps.diagram}
    for edge in (edge for step in steps for edge in step.edges):
        found[edge.receiver] = max(found[edge.receiver], len(f"grad {short(edge.after)}"))
    return found


def _arrows(told: Told, color: str) -> dict[str, dict[str, str]]:
    step, look = told.step, {"color": color, "penwidth": "2"}
    if step.phase == "forward":
        operands = range(len(told.steps.diagram[step.node].parents))
        return {f"r{step.node}": look, **{f"e{step.node}_{k}": look for k in operands}}
    back = look | {"dir": "back"}
    along = {f"e{e.node}_{e.operand}": back | {"fontcolor": LOCAL} for e in step.edges}
    return {f"r{step.node}": back, **along} if along else {}


# The equations, below the graph.


def _equation_label(title: str, equations: Sequence[Equation], color: str, note: str = "") -> str:
    """A title, the equations and a note as an HTML-like label; `color` is that of the phase."""
    lines = [text_of(title, color=FAINT), *(_equation(each, color) for each in equations)]
    missing = max(0, 2 - len(equations))  # as many lines in each, so that nothing jumps
    lines += [_equation([Term(" ", Text(" "))], color)] * missing
    lines += [text_of(note, color=FAINT)] * bool(note)
    rows = "".join(f"<TR><TD>{line}</TD></TR>" for line in lines)
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="3">{rows}</TABLE>>'


def _equation(equation: Equation, color: str) -> str:
    cells = "".join(
        f"<TD>{text_of(part, bold=True)}</TD>" if isinstance(part, str) else _term(part, color)
        for part in equation
    )
    return f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2"><TR>{cells}</TR></TABLE>'


def _term(term: Term, color: str) -> str:
    kind = LOCAL if term.caption.startswith("local") else color
    if kind == color and not _IS_GRADIENT.match(term.caption):
        kind = DATA
    text = text_of(str(term.text), bold=True, color=kind)
    caption = f'<FONT POINT-SIZE="9">{text_of(term.caption, color=FAINT)}</FONT>'
    rows = f"<TR><TD>{text}</TD></TR><TR><TD>{caption}</TD></TR>"
    return f'<TD><TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE></TD>'
