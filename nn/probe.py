"""How a model is measured: the graphs of some samples, taken apart layer by layer.

Every node knows the scope it was made in, and a scope the module that opened it. So a node belongs
to the layer that is the innermost module around it. An activation that the forward of a larger
module applies to the output of a layer, as `[v.relu() for v in self.hidden(x)]`, counts as the
layer's own. `LayerHealth` is what was measured at one layer: many numbers in one, finite whatever
they are, and None where there are none. They may be huge, as in a network that explodes, so sums
are made of shares of the largest. Next: `health.py`, which says what the numbers mean.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glassgrad import engine
from glassgrad.engine import NOT_COMPUTED, Scope, Value, data_vector
from glassgrad.engine.backward import order_of, sweep
from glassgrad.engine.compile.inside import Inside, Node
from glassgrad.engine.context import without_neuron
from glassgrad.engine.op import Operation
from glassgrad.engine.provenance import is_ours
from glassgrad.engine.text import describe
from glassgrad.engine.value import is_parameter
from glassgrad.nn.module import Module
from glassgrad.nn.parts import parameters_read_by, walk

Floats = npt.NDArray[np.float64]
Gradients = dict[Value, Any]


@dataclass(frozen=True)
class LayerHealth:
    """One layer of a model, measured over some samples.

    A layer is a part that holds parameters or computes values; the neurons of a `Layer` belong to
    it. "Size" is the root mean square. Numbers that are nan or infinite are counted and left out
    of all else; a number that nothing is left for is None.

    Attributes:
        name: its path in the model, as "layers.0"; of the model itself its class.
        kind: its class, as "Layer".
        parameters, units: how many parameters, and how many outputs, it has.
        activation_mean, activation_std: of the outputs of its units, over all samples.
        activation_largest, activation_zeros: the largest size of an output, and the share of
            outputs that are exactly 0.
        still_share: the share of outputs of relu, tanh and sigmoid that let (nearly) no gradient
            through, for the sample at hand; None if there are no such units.
        dead, saturated: the names of the relus that are off for every sample, as
            "layers.0.neurons.3", and of the tanhs and sigmoids that are flat for every sample.
        are_alike: whether it has several units that compute the same and learn the same.
        weight_size: of its parameters.
        gradient_size: of the gradient of the mean loss by its parameters; those that are frozen
            have none, and count neither here nor in the next two.
        gradient_zeros, without_gradient: the share of its parameters whose gradient is exactly 0,
            and how many of them the loss does not depend on.
        unit_gradient_size: of the gradient of a sample's loss by the outputs of its units.
        relative: `unit_gradient_size` as a share of that of the last layer with parameters.
        update: a step of gradient descent as a share of `weight_size`; None without a learning
            rate.
        broken_values, broken_gradients: how many outputs, and how many gradients of outputs and
            parameters, are nan or infinite.

    >>> from glassgrad import MLP, check_health
    >>> loss = lambda output, target: (output - target) ** 2
    >>> layer = check_health(MLP(1, [4, 1], seed=1), loss, [[0.5], [1.0]], [0.0, 1.0]).layers[0]
    >>> layer.name, layer.kind, layer.parameters, layer.units, layer.dead
    ('layers.0', 'Layer', 8, 4, ())
    """

    name: str
    kind: str
    parameters: int
    units: int
    activation_mean: float | None
    activation_std: float | None
    activation_largest: float | None
    activation_zeros: float | None
    still_share: float | None
    dead: tuple[str, ...]
    saturated: tuple[str, ...]
    are_alike: bool
    weight_size: float | None
    gradient_size: float | None
    gradient_zeros: float | None
    without_gradient: int
    unit_gradient_size: float | None
    relative: float | None
    update: float | None
    broken_values: int
    broken_gradients: int

    @property
    def always_still(self) -> int:
        """How many of its units let (nearly) no gradient through, whatever the sample."""
        return len(self.dead) + len(self.saturated)


class Measured(NamedTuple):
    """The layers as they compute, the loss of each sample, and the layers inside compiled code."""

    layers: list[LayerHealth]
    losses: list[float]
    closed: list[str]


def measure(
    model: Module,
    loss: Callable[[Any, Any], Any],
    samples: Sequence[tuple[Any, Any]],
    learning_rate: float | None,
) -> Measured:
    """Run samples forward and backward, and measure every layer; gradients stay as they are."""
    # A loss may call backward(); one of this library does not, and reads no parameters.
    is_known = isinstance(loss, FunctionType) and is_ours(loss)
    read = [] if is_known else parameters_read_by(loss)
    parameters = [*model.parameters(), *read]
    before = [parameter.grad for parameter in parameters]
    try:
        losses = [_checked(loss(model(x), target)) for x, target in samples]
    finally:
        for parameter, gradient in zip(parameters, before):
            parameter.grad = gradient
    total: Value = engine.mean(losses)
    order = order_of(total)
    # As backward() computes them, which would write them into the nodes.
    sent = {} if total.is_constant else sweep(order, 1.0)
    gradients: Gradients = {node: by for node, by in sent.items() if by is not NOT_COMPUTED}

    layers = _Layers(model)
    layers.take(order, losses, lambda node, sample: _of_value(node, sample, gradients))
    return _measured(layers, [one.data for one in losses], gradients, learning_rate)


def measure_inside(model: Module, found: Inside) -> Measured:
    """The same of samples that a recording ran, all of them in one."""
    layers = _Layers(model)
    layers.take(found.order, (), _of_node)
    return _measured(layers, found.results, found.gradients, None)


def _measured(
    layers: _Layers, losses: list[float], gradients: Gradients, learning_rate: float | None
) -> Measured:
    found = [layer.measured(len(losses), learning_rate, gradients) for layer in layers.in_order()]
    last = [x.unit_gradient_size for x in found if x.parameters and x.units][-1:]
    if last and last[0]:
        found = [replace(x, relative=ratio_of(x.unit_gradient_size, last[0])) for x in found]
    return Measured(found, losses, list(layers.closed))


def _checked(found: Any) -> Value:
    if isinstance(found, Value):
        return found
    raise TypeError(
        f"check_health(...): the loss gives {describe(found)}, and should give one Value. Use the "
        'reduction "mean" or "sum" for a model with several outputs.'
    )


class _Output(NamedTuple):
    """An output of a unit for a sample, or for all samples that ran in one: by what operation, its
    numbers, the gradients by them, and the local derivatives by its first operand.
    """

    sample: int
    operation: Operation | None
    numbers: Sequence[float]
    gradients: Sequence[float]
    slopes: Sequence[float | None]


def _of_value(node: Value, sample: int, gradients: Gradients) -> _Output:
    slope = node.partials[0] if node.partials else None
    return _Output(sample, node.operation, (node.data,), (gradients.get(node, 0.0),), (slope,))


def _of_node(node: Node, sample: int) -> _Output:
    return _Output(sample, node.operation, node.numbers, node.gradients, node.slopes)


class _Place(NamedTuple):
    """Where a node was made: a layer, the path of its module, and the unit if that is a neuron."""

    layer: _Layer
    path: str
    unit: str | None


class _Layers:
    """The layers of a model, and which of them every node belongs to."""

    def __init__(self, model: Module) -> None:
        self._parts = {"": model, **{p: x for p, x in walk(model) if isinstance(x, Module)}}
        self._paths = {id(part): path for path, part in self._parts.items()}
        self._places: dict[Scope, _Place | None] = {}
        self._layers: dict[str, _Layer] = {}
        self._computed, self._read = dict[str, None](), list[str]()
        self.closed: dict[str, None] = {}
        seen: set[Value] = set()  # one that is used in several places belongs to the first
        for path, part in self._parts.items():
            layer, _, unit = self._place(path)
            for value in filter(is_parameter, (held for _, held in walk(part, deep=False))):
                if unit is not None:
                    layer.values_of_unit[unit].append(value)
                if value not in seen:
                    layer.values.append(value)
                    seen.add(value)

    def in_order(self) -> list[_Layer]:
        """The layers as they compute; those that only hold parameters for others, as an embedding
        does, come first, and those that take no part last.
        """
        names = dict.fromkeys([*self._read, *self._computed, *self._layers])
        layers = (self._layers[name] for name in names)
        return [layer for layer in layers if layer.values or layer.outputs]

    def take(
        self, order: list[Any], losses: Sequence[Any], output_of: Callable[[Any, int], _Output]
    ) -> None:
        """Find the outputs of layers among the nodes, which come sample by sample."""
        placed: dict[Any, _Place] = {}
        outputs: set[Any] = set()
        for node in order:
            if not (parents := node.parents):
                continue
            place = self._place_of(node, placed)
            layer = place.layer if place else None
            for parent in filter(placed.__contains__, parents):  # few of the many
                if placed[parent].layer is not layer:
                    outputs.add(parent)
            if place is not None:
                placed[node] = place
                if _is_activation(node):
                    outputs.add(node)
        self._take_closed(placed)
        ends, sample = set(losses), 0
        counts: dict[str, int] = defaultdict(int)
        for node in order:
            if node in outputs:
                layer, path, unit = placed[node]
                if unit is None:
                    unit = f"{path or layer.name}[{counts[path]}]"
                    counts[path] += 1
                layer.outputs[unit].append(output_of(node, sample))
                self._computed.setdefault(layer.name)
            if node in ends:
                sample += 1
                counts.clear()
        met = set(order)
        for name, layer in self._layers.items():
            if not layer.outputs and not met.isdisjoint(layer.values):
                self._read.append(name)

    def _take_closed(self, placed: dict[Any, _Place]) -> None:
        from glassgrad.engine.compile.result import (  # loads what most models do not need
            Replay,
            Total,
        )

        known = {value for layer in self._layers.values() for value in layer.values}
        for node, place in placed.items():
            if isinstance(node.operation, (Replay, Total)) and not known.isdisjoint(node.parents):
                self.closed.setdefault(place.layer.name)

    def _place_of(self, node: Any, placed: dict[Any, _Place]) -> _Place | None:
        place = self._place_in(node.scope)
        if place is None or not _is_activation(node):
            return place
        before, around = placed.get(node.parents[0]), place.path
        if before is None or before.path == around:
            return place
        return before if not around or before.path.startswith(f"{around}.") else place

    def _place_in(self, scope: Scope | None) -> _Place | None:
        """The place of the innermost module of the model that is open."""
        if scope is None:
            return None
        if scope not in self._places:
            path = self._paths.get(id(scope.owner))
            self._places[scope] = (
                self._place_in(scope.parent) if path is None else self._place(path)
            )
        return self._places[scope]

    def _place(self, path: str) -> _Place:
        home = without_neuron(path)
        if home not in self._parts:  # "neurons" of an object that is no module
            home = path
        kind = type(self._parts[home]).__name__
        layer = self._layers.setdefault(home or kind, _Layer(home or kind, kind))
        return _Place(layer, path, path if path != home else None)


def _is_activation(node: Any) -> bool:
    return node.operation is not None and node.operation.is_activation


@dataclass
class _Layer:
    """What is found of a layer: its parameters, also by unit, and each unit's outputs."""

    name: str
    kind: str
    values: list[Value] = field(default_factory=list)
    values_of_unit: dict[str, list[Value]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[str, list[_Output]] = field(default_factory=lambda: defaultdict(list))

    def measured(
        self, samples: int, learning_rate: float | None, gradients: Gradients
    ) -> LayerHealth:
        outputs = [output for made in self.outputs.values() for output in made]
        trained = [value for value in self.values if not value.is_frozen]
        numbers = [
            np.array([number for output in outputs for number in output.numbers], float),
            data_vector(self.values),
            np.array([gradient for output in outputs for gradient in output.gradients], float),
            np.array([gradients.get(value, 0.0) for value in trained], float),
        ]
        sound = [row[np.isfinite(row)] for row in numbers]
        broken = [len(row) - len(left) for row, left in zip(numbers, sound)]
        activations, weights, sent, slopes = sound
        still, dead, saturated = self._still()
        size, step = scaled(root_mean_square, weights), scaled(root_mean_square, slopes)
        return LayerHealth(
            name=self.name,
            kind=self.kind,
            parameters=len(self.values),
            units=len(self.outputs),
            activation_mean=scaled(np.mean, activations),
            activation_std=scaled(np.std, activations),
            activation_largest=scaled(lambda shares: np.abs(shares).max(), activations),
            activation_zeros=_share_of(activations == 0.0),
            still_share=_share_of(still),
            dead=dead,
            saturated=saturated,
            are_alike=self._are_alike(),
            weight_size=size,
            gradient_size=step,
            gradient_zeros=_share_of(slopes == 0.0),
            without_gradient=sum(value not in gradients for value in trained),
            # The mean loss divides by the number of samples; the gradient of one loss does not.
            unit_gradient_size=ratio_of(scaled(root_mean_square, sent), 1.0 / samples),
            relative=None,
            update=None if learning_rate is None else ratio_of(step, size, learning_rate),
            broken_values=broken[0] + broken[1],
            broken_gradients=broken[2] + broken[3],
        )

    def _still(self) -> tuple[list[bool], tuple[str, ...], tuple[str, ...]]:
        """Which outputs are still, of all that can be; the units that are so always, by the word
        for it: dead or saturated.
        """
        found: list[bool] = []
        always: dict[str, dict[str, bool]] = {"dead": {}, "saturated": {}}
        for unit, made in self.outputs.items():
            for _, row, _, _, slopes in made:
                if row is None or not row.idle:
                    continue
                are_still = [row.is_idle(slope) for slope in slopes]
                found += are_still
                units = always[row.idle]
                units[unit] = units.get(unit, True) and all(are_still)
        dead, saturated = (
            tuple(unit for unit, is_still in units.items() if is_still) for units in always.values()
        )
        return found, dead, saturated

    def _are_alike(self) -> bool:
        """Whether several units have the same numbers everywhere, so that nothing parts them."""
        if len(self.outputs) < 2:
            return False
        first, *others = (
            (
                [value.data for value in self.values_of_unit.get(unit, ())],
                [(o.sample, [*o.numbers], [each + 0.0 for each in o.gradients]) for o in made],
            )
            for unit, made in self.outputs.items()
        )
        if any(other != first for other in others):
            return False
        # Units that are off tell nothing of parameters of which no one knows whose they are.
        is_known = self.values_of_unit or len({value.data for value in self.values}) == 1
        return bool(is_known) or any(any(numbers) for _, numbers, _ in first[1])


def scaled(of: Callable[[Floats], Any], numbers: Any) -> float | None:
    """What a function that scales with its numbers gives of them, whatever their size; None of no
    numbers.
    """
    largest = float(np.abs(numbers).max(initial=0.0))
    if not largest:
        return largest if len(numbers) else None
    return float(largest * of(np.divide(numbers, largest)))


def root_mean_square(numbers: Floats) -> Any:
    return np.sqrt(np.mean(numbers**2))


def ratio_of(number: float | None, to: float | None, times: float = 1.0) -> float | None:
    """A ratio that is finite, as JSON wants it; None where there is none."""
    return None if number is None or not to else min(number / to * times, sys.float_info.max)


def _share_of(flags: Any) -> float | None:
    return float(np.mean(flags)) if len(flags) else None
