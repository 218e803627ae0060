"""Stills: one step of backpropagation as a picture, for slides and for print.

Of a step of scalars it is the drawing of the graph with the values and gradients that have come by
the step; what sends, the operation, and what receives are marked, and the equations of the step
stand below. All stills of the same steps have boxes of the same size, so that in slides nothing
jumps. The colours are those of the stage: blue moves forward, orange back, the local derivative is
teal. Of a step of a layer, at the end, neurons are circles and weights are lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from glassgrad.engine.printing import MISSING, short
from glassgrad.viz.diagram import marks
from glassgrad.viz.dot import (
    DATA,
    FAINT,
    FAN,
    FONT,
    GRADIENT,
    LOCAL,
    Digraph,
    label_of,
    text_of,
    value_label,
)
from glassgrad.viz.drawing import MAX_NODES, Drawing, Rendered
from glassgrad.viz.network import LayerStep, Unit
from glassgrad.viz.picture import Picture, Shown, frozen_in
from glassgrad.viz.steps import Steps
from glassgrad.viz.told import Equation, Term, Text, Told, seeded, tell

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
        self.digraph.attr(label=equation_label(title, self._told.equations(), color, self.note))

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


def equation_label(title: str, equations: Sequence[Equation], color: str, note: str = "") -> str:
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


# A step of a layer.

_MOST_UNITS = 7  # of wider layers the first are drawn, and the last
_THINNEST, _WIDEST = 0.6, 5.0
_LIT = "3"


class NetworkStill(Rendered):
    """The picture of one step of a layer, by its index in `Network.steps`.

    Neurons are circles with what has come by the step, their values in blue and their δ in orange;
    weights are lines, as wide as they are large, and dashed where they are negative. What the step
    is about is drawn thick, and neurons that no gradient reaches say that they are frozen. With the
    rate parameters move at the end; without one there is no update.
    """

    picture_title = "Network"

    def __init__(self, steps: Steps, index: int, rate: float | None = None) -> None:
        assert steps.network is not None
        self._steps, self._network, self._rate = steps, steps.network, rate
        self._root, self._last = steps.diagram[steps.root].name, len(self._network.layers) - 1
        every = self._network.steps(() if rate is None else steps.moving)
        self._seen, self._step = every[: index + 1], every[index]
        layer = self._step.layer
        where = self._root if layer is None else f"layer {layer + 1}"
        self._title = f"step {index + 1} of {len(every)}, {self._step.phase}, {where}"
        self._equations = self._told()
        self._color = GRADIENT if self._step.phase in ("seed", "backward") else DATA
        self.digraph = self._drawn()

    def description(self) -> str:
        told = [
            " ".join(p if isinstance(p, str) else f"{p.caption}: {p.text}" for p in equation)
            for equation in self._equations
        ]
        return " ".join(f"{each[0].upper()}{each[1:]}." for each in (self._title, *told))

    def _drawn(self) -> Digraph:
        graph = Digraph(
            graph_attr={"rankdir": "LR", "fontname": FONT, "fontsize": "11", "splines": "line",
                        "nodesep": "0.2", "ranksep": "1.1", "ordering": "out"},
            node_attr={"fontname": FONT, "fontsize": "11", "shape": "circle", "width": "0.85",
                       "fixedsize": "true", "color": FAN, "margin": "0"},
            edge_attr={"color": FAN, "arrowhead": "none"},
        )  # fmt: skip
        columns: list[Sequence[Unit | int]] = [self._network.inputs, *self._network.layers]
        if self._network.has_loss:
            columns.append([self._network.root])
        shown = set()
        for layer, column in enumerate(columns, -1):
            few: list[Unit | int | None] = list(column)
            if (more := len(column) - _MOST_UNITS) > 0:
                few[_MOST_UNITS - 2 : -1] = [None]
            with graph.subgraph() as rank:
                rank.attr(rank="same")
                for each in few:
                    self._add_disc(rank, each, layer, more + 1)
                    shown.add(_out(each) if each is not None else None)
                keys = [_key(each, layer) for each in few]
                for above, below in pairwise(keys):
                    rank.edge(above, below, style="invis")  # in their order
        self._add_lines(graph, shown)
        graph.attr(label=equation_label(self._title, self._equations, self._color))
        return graph

    def _add_disc(self, graph: Digraph, each: Unit | int | None, layer: int, more: int) -> None:
        if each is None:
            label = label_of(text_of(f"⋮ {more} more", color=FAINT))
            graph.node(_key(None, layer), label=label, shape="plaintext", height="0.3")
            return
        out, diagram = _out(each), self._steps.diagram
        node = diagram[out]
        is_result = out == self._network.root
        at = None if is_result and self._network.has_loss else layer
        is_known = at == -1 or LayerStep("forward", at) in self._seen
        has_come = LayerStep("backward", at) in self._seen or (
            is_result and LayerStep("seed", None) in self._seen
        )
        total = each.total if isinstance(each, Unit) else out
        about = node.name
        if isinstance(each, Unit):
            about = frozen_in(diagram[i] for i in each.leaves)
        elif node.is_constant:  # inputs that are plain numbers are counted
            about = f"x{self._network.inputs.index(out) + 1}"
        lines = [text_of(about, color=FAINT)] * bool(about)
        lines.append(text_of(short(node.data) if is_known else MISSING, color=DATA))
        if at != -1:
            gradient = short(self._steps.gradients.get(total)) if has_come else MISSING
            lines.append(text_of(gradient, color=GRADIENT))
        look = {"color": self._color, "penwidth": _LIT} if at in self._lit() else {}
        graph.node(_key(each, layer), label=label_of(*lines), id=f"n{out}", **look)

    def _lit(self) -> set[int | None]:
        """The layers that the step is about: -1 for the inputs, None for the loss."""
        phase, layer = self._step
        if phase == "seed":
            return {None if self._network.has_loss else self._last}
        if phase == "forward":
            return {layer, self._last if layer is None else layer - 1}
        return {layer, self._after(layer)} if phase == "backward" else {layer}

    def _after(self, layer: int | None) -> int | None:
        """The layer that sends back to one; None for the loss."""
        return None if layer is None or layer == self._last else layer + 1

    def _add_lines(self, graph: Digraph, shown: set[int | None]) -> None:
        diagram = self._steps.diagram
        units = [(place, unit) for place, us in enumerate(self._network.layers) for unit in us]
        sizes = [abs(diagram[w].data) for _, unit in units for w in unit.weights.values()]
        most = max(sizes) or 1.0
        phase, layer = self._step
        along = {"forward": layer, "backward": self._after(layer)}.get(phase, -1)
        into = [*range(len(self._network.layers)), None]  # each layer, and the loss
        color = {place: self._color if place == along else FAN for place in into}
        for place, unit in units:
            for source, weight in unit.weights.items():
                if source in shown and unit.out in shown:
                    number = diagram[weight].data
                    width = _THINNEST + _WIDEST * min(1.0, abs(number) / most)
                    look = {"color": color[place], "penwidth": f"{width:.2f}"}
                    dashed = {"style": "dashed"} if number < 0 else {}
                    graph.edge(f"n{source}", f"n{unit.out}", **look, **dashed)
        if self._network.has_loss:
            for last in self._network.layers[-1]:
                if last.out in shown:
                    graph.edge(f"n{last.out}", f"n{self._network.root}", color=color[None])

    # What the step says, as equations.

    def _told(self) -> list[Equation]:
        phase, layer = self._step
        plus: list[Term | str] = []
        if phase == "seed":
            return seeded(self._root)
        if phase == "update":
            return [self._update(layer)]
        if layer is None:
            outs = [unit.out for unit in self._network.layers[-1]]
            value = Term(f"value of {self._root}", self._values([self._network.root]), True)
            return [[Term("output of the network", self._values(outs)), "→", value]]
        units = self._network.layers[layer]
        name, before = f"layer {layer + 1}", list(units[0].weights)
        source = "from the inputs" if layer == 0 else f"from layer {layer}"
        outs, totals = [unit.out for unit in units], [unit.total for unit in units]
        activation = self._steps.diagram[units[0].out].operation
        sign = activation.name if activation and units[0].out != units[0].total else ""
        if phase == "forward":
            biases = [unit.bias for unit in units if unit.bias is not None]
            if biases:
                plus = ["+", Term("biases", self._values(biases))]
            return [
                [Term(f"weights W, {len(units)} × {len(before)}", Text("W")), "·",
                 Term(source, self._values(before)), *plus, "=",
                 Term(f"sums of {name}", self._values(totals))],
                [Term(sign or "output", Text(f"{sign}(sums)" if sign else "sums")), "=",
                 Term(f"output of {name}", self._values(outs), True)],
            ]  # fmt: skip
        deltas = Term(f"gradient δ of {name}", self._gradients(totals), True)
        diagram = self._steps.diagram
        slopes = [1.0 if u.out == u.total else diagram[u.out].partials[0] for u in units]
        outer = f"∂{self._root}/∂W, {len(units)} × {len(before)}"
        weights = [weight for unit in units for weight in unit.weights.values()]
        is_frozen = all(diagram[weight].is_frozen for weight in weights)
        sent: list[Equation] = [
            [Term("upstream", self._gradients(outs)), "×",
             Term(f"local: slopes of {name}", _vector(slopes)), "=", deltas],
            [deltas, "⊗", Term(source, self._values(before)), "=", Term(outer, Text("δ · xᵀ"))],
        ]  # fmt: skip
        return sent[:1] if is_frozen else sent

    def _update(self, layer: int | None) -> Equation:
        layers = self._network.layers if layer is None else [self._network.layers[layer]]
        here = {leaf for units in layers for unit in units for leaf in unit.leaves}
        moved = [i for i in self._steps.moving if (i in here) is (layer is not None)]
        rate, of = self._rate or 0.0, "the others" if layer is None else f"layer {layer + 1}"
        return [
            Term(f"{len(moved)} parameters of {of}", self._values(moved)),
            "+" if rate < 0.0 else "−",
            Term(
                "learning rate × gradient", Text(f"{short(abs(rate))} × ", self._gradients(moved))
            ),
        ]

    def _values(self, nodes: Sequence[int]) -> Text:
        return _vector([self._steps.diagram[i].data for i in nodes])

    def _gradients(self, nodes: Sequence[int]) -> Text:
        return _vector([self._steps.gradients.get(i) for i in nodes])


def _vector(numbers: Sequence[float | None]) -> Text:
    """A few numbers of a vector."""
    shown = [short(number) for number in numbers[:3]]
    if len(numbers) > 3:
        shown[2] = "…"
    return Text(shown[0] if len(shown) == 1 else f"({', '.join(shown)})")


def _key(each: Unit | int | None, layer: int) -> str:
    return f"more{layer}" if each is None else f"n{_out(each)}"


def _out(each: Unit | int) -> int:
    return each.out if isinstance(each, Unit) else each
