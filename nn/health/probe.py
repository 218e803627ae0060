"""How a model is measured: the graphs of some samples, taken apart layer by layer.

Every node knows the scope it was made in, and a scope the module that opened it. So a node belongs
to the layer that is the innermost module around it. An activation that the forward of a larger
module applies to the output of a layer, as `[v.relu() for v in self.hidden(x)]`, counts as the
layer's own. Next: `verdicts.py`, which says what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from glassgrad import engine
from glassgrad.engine import Scope, Value, topological_order
from glassgrad.engine.context import without_neuron
from glassgrad.engine.text import describe
from glassgrad.engine.value import is_parameter
from glassgrad.nn.health.found import LayerFound, Record
from glassgrad.nn.health.layer import LayerHealth
from glassgrad.nn.health.sizes import ratio_of
from glassgrad.nn.modules.hidden import parameters_read_by
from glassgrad.nn.modules.module import Module
from glassgrad.nn.modules.parts import walk


class Measured(NamedTuple):
    """What a run over some samples showed.

    Attributes:
        layers: what was measured at each layer, in the order in which they compute.
        losses: the loss of each sample.
        closed: the names of layers that use parameters inside compiled functions.
    """

    layers: list[LayerHealth]
    losses: list[float]
    closed: list[str]


def measure(
    model: Module,
    loss: Callable[[Any, Any], Any],
    samples: Sequence[tuple[Any, Any]],
    learning_rate: float | None,
) -> Measured:
    """Run samples forward and backward, and measure every layer.

    The gradients of all Values in the graphs are those from before when it returns.

    Args:
        model: gives an output for a sample.
        loss: gives a Value for an output and a target.
        samples: pairs of a sample and its target.
        learning_rate: of gradient descent, or None.

    Raises:
        TypeError: the loss gives something else than one Value.

    >>> from glassgrad import MLP
    >>> from glassgrad.nn.health.probe import measure
    >>> squared = lambda output, target: (output - target) ** 2
    >>> [layer.name for layer in measure(MLP(1, [2, 1]), squared, [([1.0], 0.0)], None).layers]
    ['layers.0', 'layers.1']
    """
    places = _Places(model)
    parameters = [*model.parameters(), *parameters_read_by(loss)]
    gradients = [parameter.grad for parameter in parameters]
    try:
        losses = [_checked(loss(model(x), target)) for x, target in samples]
    finally:  # a loss may call backward()
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient
    total: Value = engine.mean(losses)
    order = topological_order(total)
    places.take(order, losses)
    layers = places.layers
    nodes = dict.fromkeys([*order, *(value for layer in layers for value in layer.values)])
    before = [(node, node.grad) for node in nodes if not node.is_constant]
    try:
        for node, _ in before:
            node.grad = engine.NOT_COMPUTED
        if not total.is_constant:
            total.backward()
        found = [layer.measured(len(samples), learning_rate) for layer in layers]
    finally:
        for node, gradient in before:
            node.grad = gradient
    return Measured(_with_relative(found), [one.data for one in losses], list(places.closed))


def _checked(found: Any) -> Value:
    if isinstance(found, Value):
        return found
    raise TypeError(
        f"check_health(...): the loss gives {describe(found)}, and should give one Value. Use the "
        'reduction "mean" or "sum" for a model with several outputs.'
    )


class _Place(NamedTuple):
    """Where a node was made: a layer, the path of its module, and the unit if that is a neuron."""

    layer: LayerFound
    path: str
    unit: str | None


class _Places:
    """Which layer of a model every node belongs to."""

    def __init__(self, model: Module) -> None:
        self._model = model
        self._paths: dict[int, tuple[str, Any]] = {id(model): ("", model)}
        for path, part in walk(model):
            if isinstance(part, Module):
                self._paths.setdefault(id(part), (path, part))
        self._found: dict[Scope | None, _Place | None] = {None: None}
        self._kinds = {path: type(part).__name__ for path, part in self._paths.values()}
        self._layers: dict[str, LayerFound] = {}
        self._computed: dict[str, None] = {}
        self._read: list[str] = []
        self.closed: dict[str, None] = {}
        self._take_parameters()

    @property
    def layers(self) -> list[LayerFound]:
        """The layers, in the order in which they compute.

        Those that only hold parameters for others, as an embedding does, come first, and those
        that take no part come last.
        """
        order = dict.fromkeys([*self._read, *self._computed, *self._layers])
        layers = (self._layers[name] for name in order)
        return [layer for layer in layers if layer.values or layer.records]

    def _take_parameters(self) -> None:
        seen: set[Value] = set()  # one that is used in several places belongs to the first
        for path, part in self._paths.values():
            for _, value in walk(part, deep=False):
                if not is_parameter(value):
                    continue
                layer, _, unit = self._place(path)
                if unit is not None:
                    layer.values_of_unit.setdefault(unit, []).append(value)
                if value not in seen:
                    layer.values.append(value)
                seen.add(value)

    def take(self, order: list[Value], losses: list[Value]) -> None:
        """Find the outputs of layers among the nodes, which come sample by sample."""
        placed: dict[Value, _Place] = {}
        outputs: set[Value] = set()
        for node in order:
            if not node.parents:
                continue
            place = self._place_of(node, placed)
            layer = place.layer if place else None
            for parent in filter(placed.__contains__, node.parents):  # few of the many
                if placed[parent].layer is not layer:
                    outputs.add(parent)
            if place is not None:
                placed[node] = place
                if _is_activation(node):
                    outputs.add(node)
        self._take_closed(placed)
        ends, sample = set(losses), 0
        counts: dict[str, int] = {}
        for node in order:
            if node in outputs:
                layer, path, unit = placed[node]
                if unit is None:
                    counts[path] = counts.get(path, -1) + 1
                    unit = f"{path or layer.name}[{counts[path]}]"
                layer.records.append(Record(unit, sample, node))
                self._computed.setdefault(layer.name)
            if node in ends:
                sample, counts = sample + 1, {}
        met = set(order)
        for name, layer in self._layers.items():
            if not layer.records and not met.isdisjoint(layer.values):
                self._read.append(name)

    def _take_closed(self, placed: dict[Value, _Place]) -> None:
        """Find the calls of compiled functions with parameters inside."""
        from glassgrad.engine.compile.result import (  # loads what most models do not need
            Replay,
            Total,
        )

        known = {value for layer in self._layers.values() for value in layer.values}
        for node, place in placed.items():
            if isinstance(node.operation, (Replay, Total)) and not known.isdisjoint(node.parents):
                self.closed.setdefault(place.layer.name)

    def _place_of(self, node: Value, placed: dict[Value, _Place]) -> _Place | None:
        scope = node.scope
        if scope not in self._found:
            self._found[scope] = self._search(scope)
        place = self._found[scope]
        if place is None or not _is_activation(node):
            return place
        before = placed.get(node.parents[0])
        return before if before is not None and _is_inside(before.path, place.path) else place

    def _search(self, scope: Scope | None) -> _Place | None:
        """The place of the innermost module of the model that is open."""
        while scope is not None:
            known = self._paths.get(id(scope.owner))
            if known is not None and known[1] is scope.owner:
                return self._place(known[0])
            scope = scope.parent
        return None

    def _place(self, path: str) -> _Place:
        home = without_neuron(path)
        if home not in self._kinds:  # "neurons" of an object that is no module
            home = path
        name = home or type(self._model).__name__
        layer = self._layers.get(name)
        if layer is None:
            layer = self._layers[name] = LayerFound(name, self._kinds[home])
        return _Place(layer, path, path if path != home else None)


def _is_inside(path: str, around: str) -> bool:
    return path != around and (not around or path.startswith(f"{around}."))


def _with_relative(layers: list[LayerHealth]) -> list[LayerHealth]:
    """The layers, compared with the last one."""
    last = [x.unit_gradient_size for x in layers if x.parameters and x.units][-1:]
    if not last or not last[0]:
        return layers
    return [replace(x, relative=ratio_of(x.unit_gradient_size, last[0])) for x in layers]


def _is_activation(node: Value) -> bool:
    return node.operation is not None and node.operation.is_activation
