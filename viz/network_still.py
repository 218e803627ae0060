"""A still at the level of a network: one step of a layer as a picture, for slides and for print.

Neurons are circles with what has come by the step, their values in blue and their δ in orange;
weights are lines, as wide as they are large, and dashed where they are negative. What the step is
about is drawn thick, and neurons that no gradient reaches say that they are frozen. For a step of
scalars see `still.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from glassgrad.engine.printing import MISSING, short
from glassgrad.viz.dot import DATA, FAINT, FAN, FONT, GRADIENT, Digraph, label_of, text_of
from glassgrad.viz.markup import page_svg
from glassgrad.viz.network import LayerStep, Network, Unit
from glassgrad.viz.picture import frozen_in
from glassgrad.viz.render import render
from glassgrad.viz.steps import Steps
from glassgrad.viz.still import equation_label
from glassgrad.viz.told import Equation, Term, Text

_MOST_UNITS = 7
"""Of wider layers the first are drawn, and the last."""
_THINNEST, _WIDEST = 0.6, 5.0
_LIT = "3"


class NetworkStill:
    """The picture of one step of a layer; `content("svg")` and the like give it.

    Args:
        steps: all steps, of a network.
        index: which of those on its level, from 0; see `Network.steps`.
        rate: the learning rate with which parameters move at the end; None for no update.

    >>> from glassgrad import MLP, backprop
    >>> still = NetworkStill(backprop(MLP(2, [3, 1], seed=0)([1.0, -2.0])), 0)
    >>> still.description()[:57]
    'Step 1 of 5, forward, layer 1. Weights W, 3 × 2: W · from'
    """

    def __init__(self, steps: Steps, index: int, rate: float | None = None) -> None:
        assert steps.network is not None
        self._steps, self._network = steps, steps.network
        every = self._network.steps(() if rate is None else steps.moving)
        self._seen, self._step = every[: index + 1], every[index]
        layer = self._step.layer
        where = steps.diagram[steps.root].name if layer is None else f"layer {layer + 1}"
        self._title = f"step {index + 1} of {len(every)}, {self._step.phase}, {where}"
        self._equations = _Told(steps, self._network, rate).equations(self._step)
        self._color = GRADIENT if self._step.phase in ("seed", "backward") else DATA
        self.digraph = self._drawn()

    def description(self) -> str:
        """The step in words, for those who do not see the picture."""
        told = [" ".join(map(_spoken, equation)) for equation in self._equations]
        return " ".join(f"{each[0].upper()}{each[1:]}." for each in (self._title, *told))

    def content(self, kind: str) -> bytes:
        """The picture as "svg", "png" or "pdf".

        Raises:
            RendererMissingError: there is no Graphviz; the message says what to install.
        """
        picture = render(self.digraph.source, kind)
        if kind != "svg":
            return picture
        return page_svg(picture, "Network", self.description()).encode()

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
        for place, column in enumerate(columns):
            with graph.subgraph() as rank:
                rank.attr(rank="same")
                for each in _few(column):
                    self._add_disc(rank, each, place - 1, len(column))
                    shown.add(_out(each) if each is not None else None)
                keys = [_key(each, place - 1) for each in _few(column)]
                for above, below in pairwise(keys):
                    rank.edge(above, below, style="invis")  # in their order
        self._add_lines(graph, shown)
        graph.attr(label=equation_label(self._title, self._equations, self._color))
        return graph

    def _add_disc(self, graph: Digraph, each: Unit | int | None, layer: int, count: int) -> None:
        if each is None:
            label = label_of(text_of(f"⋮ {count - _MOST_UNITS + 1} more", color=FAINT))
            graph.node(_key(None, layer), label=label, shape="plaintext", height="0.3")
            return
        out, diagram = _out(each), self._steps.diagram
        is_result = out == self._network.root
        at = None if is_result and self._network.has_loss else layer
        is_known = at == -1 or LayerStep("forward", at) in self._seen
        has_come = LayerStep("backward", at) in self._seen or (
            is_result and LayerStep("seed", None) in self._seen
        )
        total = each.total if isinstance(each, Unit) else out
        about = self._name(out)
        if isinstance(each, Unit):
            about = frozen_in(diagram[i] for i in each.leaves)
        lines = [text_of(about, color=FAINT)] * bool(about)
        lines.append(text_of(short(diagram[out].data) if is_known else MISSING, color=DATA))
        if at != -1:
            gradient = short(self._steps.gradients.get(total)) if has_come else MISSING
            lines.append(text_of(gradient, color=GRADIENT))
        look = {"color": self._color, "penwidth": _LIT} if self._is_lit(at) else {}
        graph.node(_key(each, layer), label=label_of(*lines), id=f"n{out}", **look)

    def _name(self, node: int) -> str:
        """That of an input or the result; inputs that are plain numbers are counted."""
        if self._steps.diagram[node].is_constant:
            return f"x{self._network.inputs.index(node) + 1}"
        return self._steps.diagram[node].name

    def _is_lit(self, at: int | None) -> bool:
        """Whether the step is about the discs of a layer: -1 for the inputs, None for the loss."""
        phase, layer = self._step
        last = len(self._network.layers) - 1
        if phase == "seed":
            return at == (None if self._network.has_loss else last)
        if at == layer:
            return True
        if phase == "forward":
            return at == (last if layer is None else layer - 1)
        if phase == "backward" and layer is not None:
            return at == _after(layer, last)
        return False

    def _add_lines(self, graph: Digraph, shown: set[int | None]) -> None:
        diagram = self._steps.diagram
        units = [(place, unit) for place, us in enumerate(self._network.layers) for unit in us]
        sizes = [abs(diagram[w].data) for _, unit in units for w in unit.weights.values()]
        most = max(sizes) or 1.0
        for place, unit in units:
            for source, weight in unit.weights.items():
                if source in shown and unit.out in shown:
                    number = diagram[weight].data
                    width = _THINNEST + _WIDEST * min(1.0, abs(number) / most)
                    look = self._line_look(place) | {"penwidth": f"{width:.2f}"}
                    dashed = {"style": "dashed"} if number < 0 else {}
                    graph.edge(f"n{source}", f"n{unit.out}", **look, **dashed)
        if self._network.has_loss:
            for last in self._network.layers[-1]:
                if last.out in shown:
                    graph.edge(f"n{last.out}", f"n{self._network.root}", **self._line_look(None))

    def _line_look(self, place: int | None) -> dict[str, str]:
        """The look of the lines into a layer; into the loss for None."""
        phase, layer = self._step
        last = len(self._network.layers) - 1
        if phase == "forward" and place == layer:
            return {"color": DATA}
        if phase == "backward" and layer is not None and place == _after(layer, last):
            return {"color": GRADIENT}
        return {"color": FAN}


class _Told:
    """What the steps of layers say, as equations."""

    def __init__(self, steps: Steps, network: Network, rate: float | None) -> None:
        self._diagram, self._gradients = steps.diagram, steps.gradients
        self._network, self._root = network, steps.diagram[steps.root].name
        self._moving, self._rate = steps.moving, rate

    def equations(self, step: LayerStep) -> list[Equation]:
        phase, layer = step
        plus: list[Term | str] = []
        if phase == "seed":
            return [[Term(f"gradient of {self._root}", Text(f"∂{self._root}/∂{self._root}")), "=",
                     Term("seed", Text("1"), True)]]  # fmt: skip
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
        sign = self._activation(units[0])
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
        deltas = Term(f"gradient δ of {name}", self._come(totals), True)
        slopes = [1.0 if unit.out == unit.total else self._slope(unit) for unit in units]
        outer = f"∂{self._root}/∂W, {len(units)} × {len(before)}"
        weights = [weight for unit in units for weight in unit.weights.values()]
        is_frozen = all(self._diagram[weight].is_frozen for weight in weights)
        sent: list[Equation] = [
            [Term("upstream", self._come(outs)), "×",
             Term(f"local: slopes of {name}", _vector(slopes)), "=", deltas],
            [deltas, "⊗", Term(source, self._values(before)), "=", Term(outer, Text("δ · xᵀ"))],
        ]  # fmt: skip
        return sent[:1] if is_frozen else sent

    def _update(self, layer: int | None) -> Equation:
        layers = self._network.layers
        own = {leaf for units in layers for unit in units for leaf in unit.leaves}
        here = own if layer is None else {leaf for unit in layers[layer] for leaf in unit.leaves}
        moved = [i for i in self._moving if (i in here) is (layer is not None)]
        sign = "+" if self._rate is not None and self._rate < 0 else "−"
        rate = "rate" if self._rate is None else short(abs(self._rate))
        of = "the others" if layer is None else f"layer {layer + 1}"
        return [
            *(Term(f"{len(moved)} parameters of {of}", self._values(moved)), sign),
            Term("learning rate × gradient", Text(f"{rate} × ", self._come(moved))),
        ]

    def _activation(self, unit: Unit) -> str:
        operation = self._diagram[unit.out].operation
        return "" if unit.out == unit.total or operation is None else operation.name

    def _slope(self, unit: Unit) -> float | None:
        ((_, _, local),) = self._diagram[unit.out].edges()
        return local

    def _values(self, nodes: Sequence[int]) -> Text:
        return _vector([self._diagram[i].data for i in nodes])

    def _come(self, nodes: Sequence[int]) -> Text:
        return _vector([self._gradients.get(i) for i in nodes])


def _vector(numbers: Sequence[float | None]) -> Text:
    """A few numbers of a vector."""
    shown = [short(number) for number in numbers[:3]]
    if len(numbers) > 3:
        shown[2] = "…"
    return Text(shown[0] if len(shown) == 1 else f"({', '.join(shown)})")


def _few(column: Sequence[Unit | int]) -> list[Unit | int | None]:
    """All of a layer, or of a wide one the first, a gap, and the last."""
    if len(column) <= _MOST_UNITS:
        return list(column)
    return [*column[: _MOST_UNITS - 2], None, column[-1]]


def _after(layer: int, last: int) -> int | None:
    """The layer that sends back to one; None for the loss."""
    return None if layer == last else layer + 1


def _key(each: Unit | int | None, layer: int) -> str:
    """The name of a disc in DOT, or of the gap in a layer."""
    return f"more{layer}" if each is None else f"n{_out(each)}"


def _out(each: Unit | int) -> int:
    return each.out if isinstance(each, Unit) else each


def _spoken(part: str | Term) -> str:
    return part if isinstance(part, str) else f"{part.caption}: {part.text}"
