"""How a model is measured: the graphs of some samples, taken apart layer by layer.

Every node knows the scope it was made in, and a scope the module that opened it. So a node belongs
to the layer that is the innermost module around it. An activation that the forward of a larger
module applies to the output of a layer, as `[v.relu() for v in self.hidden(x)]`, counts as the
layer's own. `LayerHealth` is what was measured at one layer: many numbers in one, finite whatever
they are, and None where there are none. They may be huge, as in a network that explodes, so sums
are made of shares of the largest. Next: `verdicts.py`, which says what the numbers mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glassgrad import engine
from glassgrad.engine import Scope, Value
from glassgrad.engine.backward import order_of, sweep
from glassgrad.engine.context import without_neuron
from glassgrad.engine.text import describe, told
from glassgrad.engine.value import is_parameter
from glassgrad.nn.module import Module
from glassgrad.nn.parts import parameters_read_by, walk

Floats = npt.NDArray[np.float64]
Gradients = dict[Value, Any]


def numbers_of(values: Sequence[Value]) -> Floats:
    """The numbers of Values."""
    return np.array([value.data for value in values], float)


def finite_of(numbers: Floats) -> Floats:
    """Those that are neither nan nor infinite."""
    return numbers[np.isfinite(numbers)]


def largest_of(numbers: Floats) -> float | None:
    """The largest of their absolute values."""
    return float(np.abs(numbers).max()) if numbers.size else None


def _scaled(numbers: Floats, of: Callable[[Floats], Any]) -> float | None:
    largest = largest_of(numbers)
    return float(largest * of(numbers / largest)) if largest else largest


def size_of(numbers: Floats) -> float | None:
    """Their root mean square."""
    return _scaled(numbers, lambda shares: np.sqrt(np.mean(shares**2)))


def mean_of(numbers: Floats) -> float | None:
    """Their mean."""
    return _scaled(numbers, np.mean)


def spread_of(numbers: Floats) -> float | None:
    """Their standard deviation."""
    return _scaled(numbers, np.std)


def ratio_of(number: float | None, to: float | None, times: float = 1.0) -> float | None:
    """A ratio that is finite, as JSON wants it; None where there is none."""
    return None if number is None or not to else min(number / to * times, sys.float_info.max)


def share_of(flags: Any) -> float | None:
    """How many of them are true, from 0 to 1."""
    return float(np.mean(flags)) if len(flags) else None


@dataclass(frozen=True)
class LayerHealth:
    """One layer of a model, measured over some samples.

    A layer is a part that holds parameters or computes values; the neurons of a `Layer` belong to
    it. "Size" is the root mean square. Numbers that are nan or infinite are counted and left out
    of all else; a number that nothing is left for is None.

    Attributes:
        name: its path in the model, as "layers.0"; of the model itself its class.
        kind: its class, as "Layer".
        parameters: how many it has.
        units: how many outputs it has.
        activation_mean, activation_std: of the outputs of its units, over all samples.
        activation_largest: the largest size of an output.
        activation_zeros: the share of outputs that are exactly 0.
        still_share: the share of outputs of relu, tanh and sigmoid that let (nearly) no gradient
            through, for the sample at hand; None if there are no such units.
        dead: the names of the relus that are off for every sample, as "layers.0.neurons.3".
        saturated: the names of the tanhs and sigmoids that are flat for every sample.
        are_alike: whether it has several units that compute the same and learn the same.
        weight_size: of its parameters.
        gradient_size: of the gradient of the mean loss by its parameters.
            Those that are frozen have none, and count neither here nor in the next two.
        gradient_zeros: the share of its parameters whose gradient is exactly 0.
        without_gradient: how many of its parameters the loss does not depend on.
        unit_gradient_size: of the gradient of a sample's loss by the outputs of its units.
        relative: `unit_gradient_size` as a share of that of the last layer with parameters.
        update: a step of gradient descent as a share of `weight_size`; None without a learning
            rate.
        broken_values, broken_gradients: how many outputs, and how many gradients of outputs and
            parameters, are nan or infinite.

    Example:
        >>> from glassgrad import MLP
        >>> from glassgrad.nn.health import check_health
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

    def to_dict(self) -> dict[str, Any]:
        """All of it as what JSON can hold."""
        return {
            name: list(entry) if isinstance(entry, tuple) else entry
            for name, entry in asdict(self).items()
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> LayerHealth:
        """A record from what `to_dict` gave."""
        return LayerHealth(**entries_of(LayerHealth, data, "health of a layer"))


def entries_of(kind: type, data: Any, what: str) -> dict[str, Any]:
    """The entries of a dataclass from what JSON holds of it.

    Raises:
        ValueError: they are others, or an entry is not of the type of its field.
    """
    kinds = {field.name: str(field.type) for field in fields(kind)}
    if not isinstance(data, Mapping) or set(data) != set(kinds):
        raise ValueError(f"This is no {what}: it has other fields.")
    for name, entry in data.items():
        if not _IS[kinds[name]](entry):
            raise ValueError(f"This is no {what}: {name} is {told(entry)}.")
    return {name: tuple(x) if isinstance(x, list) else x for name, x in data.items()}


_IS: dict[str, Callable[[Any], bool]] = {
    "str": lambda entry: isinstance(entry, str),
    "bool": lambda entry: isinstance(entry, bool),
    "int": lambda entry: type(entry) is int,
    "float | None": lambda entry: entry is None or type(entry) in (float, int),
    "tuple[str, ...]": lambda entry: (
        isinstance(entry, (list, tuple)) and all(isinstance(name, str) for name in entry)
    ),
    "tuple[LayerHealth, ...]": lambda entry: isinstance(entry, (list, tuple)),
}
"""Whether an entry is of the type that a field has."""


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

    The gradients of all Values are left as they are.

    Args:
        model: gives an output for a sample.
        loss: gives a Value for an output and a target.
        samples: pairs of a sample and its target.
        learning_rate: of gradient descent, or None.

    Raises:
        TypeError: the loss gives something else than one Value.
    """
    places = _Places(model)
    parameters = [*model.parameters(), *parameters_read_by(loss)]
    before = [parameter.grad for parameter in parameters]
    try:
        losses = [_checked(loss(model(x), target)) for x, target in samples]
    finally:  # a loss may call backward()
        for parameter, gradient in zip(parameters, before):
            parameter.grad = gradient
    total: Value = engine.mean(losses)
    order = order_of(total)
    places.take(order, losses)
    gradients: Gradients = {} if total.is_constant else {total: 1.0}
    sweep(order, gradients)  # as backward() does, which would write them into the nodes
    found = [layer.measured(len(samples), learning_rate, gradients) for layer in places.layers]
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


class Record(NamedTuple):
    """An output of a unit for one sample."""

    unit: str
    sample: int
    node: Value


@dataclass
class LayerFound:
    """What is found of a layer."""

    name: str
    kind: str
    values: list[Value] = field(default_factory=list)
    values_of_unit: dict[str, list[Value]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    def measured(
        self, samples: int, learning_rate: float | None, gradients: Gradients
    ) -> LayerHealth:
        """The numbers, given the gradients of the mean loss over the samples."""
        nodes = [record.node for record in self.records]
        trained = [value for value in self.values if not value.is_frozen]
        data, weights = numbers_of(nodes), numbers_of(self.values)
        all_sent, all_slopes = (
            np.array([gradients.get(value, 0.0) for value in values], float)
            for values in (nodes, trained)
        )
        activations, sent, slopes = map(finite_of, (data, all_sent, all_slopes))
        units = list(dict.fromkeys(record.unit for record in self.records))
        outputs = self._outputs_of_units()
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
            still_share=share_of([still for *_, still in outputs]),
            dead=_idle_units("dead", outputs),
            saturated=_idle_units("saturated", outputs),
            are_alike=self._are_alike(units, gradients),
            weight_size=size,
            gradient_size=step,
            gradient_zeros=share_of(slopes == 0.0),
            without_gradient=sum(value not in gradients for value in trained),
            # The mean loss divides by the number of samples; the gradient of one loss does not.
            unit_gradient_size=ratio_of(size_of(sent), 1.0 / samples),
            relative=None,
            update=None if learning_rate is None else ratio_of(step, size, learning_rate),
            broken_values=len(data) - len(activations) + len(weights) - len(finite_of(weights)),
            broken_gradients=len(all_sent) - len(sent) + len(all_slopes) - len(slopes),
        )

    def _outputs_of_units(self) -> list[tuple[str, str, bool]]:
        """Each output of a unit that can be still: its name, what it is then called, if it is."""
        found = []
        for unit, _, node in self.records:
            row = node.operation
            if row is not None and row.idle:
                found.append((unit, row.idle, row.is_idle(node.partials[0])))
        return found

    def _are_alike(self, units: list[str], gradients: Gradients) -> bool:
        """Whether several units have the same numbers everywhere, so that nothing parts them."""
        if len(units) < 2:
            return False
        found: dict[str, list[Any]] = {
            unit: [value.data for value in self.values_of_unit.get(unit, ())] for unit in units
        }
        for unit, sample, node in self.records:
            found[unit] += [sample, node.data, gradients.get(node, 0.0) + 0.0]
        (first, *others) = found.values()
        if any(other != first for other in others):
            return False
        # Units that are off tell nothing of parameters of which no one knows whose they are.
        is_known = self.values_of_unit or len({value.data for value in self.values}) == 1
        return bool(is_known) or any(record.node.data != 0.0 for record in self.records)


def _idle_units(word: str, outputs: list[tuple[str, str, bool]]) -> tuple[str, ...]:
    """The units whose outputs are that word, dead or saturated, for every sample."""
    found: dict[str, bool] = {}
    for unit, what, still in outputs:
        if what == word:
            found[unit] = found.get(unit, True) and still
    return tuple(unit for unit, still in found.items() if still)
