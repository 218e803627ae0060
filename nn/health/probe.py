"""How a model is measured: the graphs of some samples, taken apart layer by layer.

Every node knows the scope it was made in, and a scope the module that opened it. So a node belongs
to the layer that is the innermost module around it. An activation that the forward of a larger
module applies to the output of a layer, as `[v.relu() for v in self.hidden(x)]`, counts as the
layer's own. Next: `verdicts.py`, which says what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import engine
from engine import Scope, Value, topological_order
from engine.names import without_neuron
from engine.text import describe
from engine.units import is_still, is_unit, still_name
from nn.health.layer import LayerHealth
from nn.health.sizes import (
    finite_of,
    largest_of,
    mean_of,
    numbers_of,
    ratio_of,
    share_of,
    size_of,
    spread_of,
)
from nn.module import Module
from nn.parts import walk


class Measured(NamedTuple):
    """What a run over some samples showed: the layers, in order, and the losses of the samples."""

    layers: list[LayerHealth]
    losses: list[float]


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

    >>> from nn import MLP
    >>> from nn.health.probe import measure
    >>> squared = lambda output, target: (output - target) ** 2
    >>> [layer.name for layer in measure(MLP(1, [2, 1]), squared, [([1.0], 0.0)], None).layers]
    ['layers.0', 'layers.1']
    """
    places = _Places(model)
    losses = [_checked(loss(model(x), target)) for x, target in samples]
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
    return Measured(_with_relative(found), [one.data for one in losses])


def _checked(found: Any) -> Value:
    if isinstance(found, Value):
        return found
    raise TypeError(
        f"check_health(...): the loss gives {describe(found)}, and should give one Value. Use the "
        'reduction "mean" or "sum" for a model with several outputs.'
    )


class _Place(NamedTuple):
    """Where a node was made: a layer, the path of its module, and the unit if that is a neuron."""

    layer: _Layer
    path: str
    unit: str | None


class _Record(NamedTuple):
    """An output of a unit for one sample."""

    unit: str
    sample: int
    node: Value


@dataclass
class _Layer:
    """What is found of a layer."""

    name: str
    kind: str
    values: list[Value] = field(default_factory=list)
    values_of_unit: dict[str, list[Value]] = field(default_factory=dict)
    records: list[_Record] = field(default_factory=list)

    def measured(self, samples: int, learning_rate: float | None) -> LayerHealth:
        nodes = [record.node for record in self.records]
        data, all_sent = numbers_of(nodes, "data"), numbers_of(nodes, "grad")
        weights, all_slopes = numbers_of(self.values, "data"), numbers_of(self.values, "grad")
        activations, sent, slopes = map(finite_of, (data, all_sent, all_slopes))
        units = list(dict.fromkeys(record.unit for record in self.records))
        flat = self._still()
        size, step = size_of(finite_of(weights)), size_of(slopes)
        return LayerHealth(
            name=self.name,
            kind=self.kind,
            parameters=len(self.values),
            units=len(units),
            activation_mean=mean_of(activations),
            activation_std=spread_of(activations),
            activation_largest=largest_of(activations),
            activation_zeros=share_of(activations == 0.0),
            still_share=share_of([still for _, _, still in flat]),
            dead=_always("dead", flat),
            saturated=_always("saturated", flat),
            are_alike=self._are_alike(units),
            weight_size=size,
            gradient_size=step,
            gradient_zeros=share_of(slopes == 0.0),
            without_gradient=sum(value.grad is engine.NOT_COMPUTED for value in self.values),
            # The mean loss divides by the number of samples; the gradient of one loss does not.
            unit_gradient_size=ratio_of(size_of(sent), 1.0 / samples),
            relative=None,
            update=None if learning_rate is None else ratio_of(step, size, learning_rate),
            broken_values=len(data) - len(activations) + len(weights) - len(finite_of(weights)),
            broken_gradients=len(all_sent) - len(sent) + len(all_slopes) - len(slopes),
        )

    def _still(self) -> list[tuple[str, str, bool]]:
        """Each output of a unit that can be still: its name, what it is then called, if it is."""
        found = []
        for unit, _, node in self.records:
            if word := still_name(node.operation):
                found.append((unit, word, is_still(node.operation, node.partials[0])))
        return found

    def _are_alike(self, units: list[str]) -> bool:
        """Whether several units have the same numbers everywhere, so that nothing parts them."""
        if len(units) < 2:
            return False
        found: dict[str, list[Any]] = {
            unit: [value.data for value in self.values_of_unit.get(unit, ())] for unit in units
        }
        for unit, sample, node in self.records:
            found[unit] += [sample, node.data, node.grad + 0.0]
        (first, *others) = found.values()
        if any(other != first for other in others):
            return False
        # Units that are off tell nothing of parameters of which no one knows whose they are.
        is_known = self.values_of_unit or len({value.data for value in self.values}) == 1
        return bool(is_known) or any(record.node.data != 0.0 for record in self.records)


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
        self._layers: dict[str, _Layer] = {}
        self._computed: dict[str, None] = {}
        self._read: list[str] = []
        self._take_parameters()

    @property
    def layers(self) -> list[_Layer]:
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
                if not isinstance(value, Value) or value.parents or value.is_constant:
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
                if is_unit(node.operation):
                    outputs.add(node)
        ends, sample = set(losses), 0
        counts: dict[str, int] = {}
        for node in order:
            if node in outputs:
                layer, path, unit = placed[node]
                if unit is None:
                    counts[path] = counts.get(path, -1) + 1
                    unit = f"{path or layer.name}[{counts[path]}]"
                layer.records.append(_Record(unit, sample, node))
                self._computed.setdefault(layer.name)
            if node in ends:
                sample, counts = sample + 1, {}
        known = set(order)
        for name, layer in self._layers.items():
            if not layer.records and not known.isdisjoint(layer.values):
                self._read.append(name)

    def _place_of(self, node: Value, placed: dict[Value, _Place]) -> _Place | None:
        scope = node.scope
        if scope not in self._found:
            self._found[scope] = self._search(scope)
        place = self._found[scope]
        if place is None or not is_unit(node.operation):
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
            layer = self._layers[name] = _Layer(name, self._kinds[home])
        return _Place(layer, path, path if path != home else None)


def _is_inside(path: str, around: str) -> bool:
    return path != around and (not around or path.startswith(f"{around}."))


def _with_relative(layers: list[LayerHealth]) -> list[LayerHealth]:
    """The layers, compared with the last one."""
    last = [x.unit_gradient_size for x in layers if x.parameters and x.units][-1:]
    if not last or not last[0]:
        return layers
    return [replace(x, relative=ratio_of(x.unit_gradient_size, last[0])) for x in layers]


def _always(word: str, flat: list[tuple[str, str, bool]]) -> tuple[str, ...]:
    """The units that are still for every sample."""
    found: dict[str, bool] = {}
    for unit, what, still in flat:
        if what == word:
            found[unit] = found.get(unit, True) and still
    return tuple(unit for unit, still in found.items() if still)
