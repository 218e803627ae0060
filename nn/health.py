"""Is a model fit to learn? `check_health` looks at every layer, and says what is wrong in words.

It runs some samples forward and backward, and takes their graph apart layer by layer: do values and
gradients keep their size from layer to layer, are units off or flat, do they all compute the same,
is there a nan? The analysis of deep networks that it follows is that of Glorot and Bengio (2010)
and He et al. (2015).

Every node knows the scope it was made in, and a scope the module that opened it. So a node belongs
to the layer that is the innermost module around it. An activation that the forward of a larger
module applies to the output of a layer, as `[v.relu() for v in self.hidden(x)]`, counts as the
layer's own.

Next: `verdicts.py`, what the numbers mean.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from glassgrad import engine
from glassgrad.engine import NOT_COMPUTED, Scope, Value, data_vector
from glassgrad.engine.backward import order_of, sweep
from glassgrad.engine.context import (
    ORDINARY,
    Context,
    Observer,
    call_in,
    is_traced,
    without_neuron,
)
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import whole
from glassgrad.engine.printing import columns, short
from glassgrad.engine.text import counted, describe
from glassgrad.engine.value import is_parameter
from glassgrad.engine.vectors import Vector
from glassgrad.nn.module import Module, modules_of, training
from glassgrad.nn.parts import walk
from glassgrad.nn.samples import samples_of
from glassgrad.nn.verdicts import HEALTHY, LayerHealth, verdicts_of


@dataclass(frozen=True)
class Health:
    """What `check_health` found; its text is a table of the layers with the verdicts below it.

    In the table, "gradient" is the size of the gradient by the parameters, "at units" that by the
    outputs, and "relative" that as a share of the last layer's. For all of it see `LayerHealth`.

    Attributes:
        samples: how many samples were looked at.
        loss: their mean loss; None if it is nan or infinite.
        layers: what was measured at each layer, in the order in which they compute.
        verdicts: what is wrong, each with its remedy; ("healthy",) if nothing is.

    >>> from glassgrad import MLP, check_health
    >>> loss = lambda output, target: (output - target) ** 2
    >>> health = check_health(MLP(1, [2, 1], seed=4), loss, [[0.5], [-0.5]], [0.0, 1.0])
    >>> [layer.units for layer in health.layers], health.verdicts
    ([2, 1], ('healthy',))
    """

    samples: int
    loss: float | None
    layers: tuple[LayerHealth, ...]
    verdicts: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return self.verdicts == (HEALTHY,)

    def __str__(self) -> str:
        rows = [tuple(tell(layer) for tell in _COLUMNS.values()) for layer in self.layers]
        table = columns([tuple(_COLUMNS), *rows], indent="")
        head = f"{counted(self.samples, 'sample')}, loss {short(self.loss)}"
        return "\n".join([head, table, *self.verdicts])


_COLUMNS: dict[str, Callable[[LayerHealth], str]] = {
    "layer": lambda layer: layer.name,
    "parameters": lambda layer: f"{layer.parameters:,}",
    "units": lambda layer: f"{layer.units:,}",
    "mean": lambda layer: short(layer.activation_mean),
    "std": lambda layer: short(layer.activation_std),
    "still": lambda layer: "–" if layer.still_share is None else f"{layer.still_share:.0%}",
    "always": lambda layer: f"{layer.always_still:,}",
    "gradient": lambda layer: short(layer.gradient_size),
    "at units": lambda layer: short(layer.unit_gradient_size),
    "relative": lambda layer: short(layer.relative),
}


def check_health(
    model: Module,
    loss: Callable[[Any, Any], Any],
    X: Any,
    y: Any,
    most: int = 64,
) -> Health:
    """Look at the values and gradients of every layer of a model, over some samples.

    The model runs eagerly and as in use (`eval()`: nothing is dropped out), and is left as it was,
    every gradient included. It works inside `no_grad()` and `trap()` too, which do not reach it.

    Args:
        model: gives an output for a sample.
        loss: gives a Value for an output and a target, such as `mse`.
        X: the samples, of shape (n, ...).
        y: their targets, of shape (n, ...).
        most: how many samples to look at, chosen evenly; they run one by one.

    >>> from glassgrad import MLP, check_health
    >>> deep = MLP(2, [8] * 12 + [1], activation="sigmoid", output_activation="linear", seed=1)
    >>> health = check_health(deep, lambda out, y: (out - y) ** 2, [[0, 1], [1, 0]], [0, 1])
    >>> health.is_healthy, health.verdicts[0][:37]
    (False, 'vanishing: the gradient at layers.0 i')
    """
    if not isinstance(model, Module):
        raise TypeError(f"check_health(model, ...) takes a Module, not {describe(model)}.")
    if not callable(loss):
        raise TypeError(
            "check_health(model, loss, ...): the loss is a function of an output and a target, "
            f"not {describe(loss)}."
        )
    if is_traced():
        raise CompilationError(
            "check_health(...) looks at numbers, and inside a compiled function there are none "
            "yet. Call it outside."
        )
    given = samples_of(X, y, "check_health(model, loss, X, y)")
    count = min(whole(most, "check_health(most=...)"), len(given))
    chosen = given.of(np.linspace(0, len(given) - 1, count).round().astype(int))
    with training(modules_of(model), False):
        layers, losses = call_in(ORDINARY, _measured, model, loss, [*chosen.pairs()])
    mean = scaled(np.mean, losses) if np.isfinite(losses).all() else None
    return Health(count, mean, tuple(layers), verdicts_of(layers, losses))


class _Watch(Observer):
    """Keeps the gradients that a loss changes when it calls `backward()`. While somebody observes,
    compiled functions run as they are written, so that the nodes inside are there to be looked at.
    """

    def __init__(self, parameters: Sequence[Value]) -> None:
        self.before = {parameter: parameter.grad for parameter in parameters}

    def used(self, what: str, node: Value) -> None:
        if what == "calls backward() of":
            for each in order_of(node):
                self.before.setdefault(each, each.grad)


def _measured(
    model: Module, loss: Callable[[Any, Any], Any], samples: Sequence[tuple[Any, Any]]
) -> tuple[list[LayerHealth], list[float]]:
    """The layers as they compute, and the loss of each sample."""

    def run() -> list[Value]:
        return [_checked(loss(model(x), target)) for x, target in samples]

    watch = _Watch(model.parameters())
    try:
        losses = call_in(Context(observers=(watch,)), run)
    finally:
        for value, gradient in watch.before.items():
            value.grad = gradient
        watch.before.clear()  # modules remember the context of their last call
    total: Value = engine.mean(losses)
    order = order_of(total)
    # As backward() computes them, which would write them into the nodes.
    sent = {} if total.is_constant else sweep(order, 1.0)
    gradients = {node: float(by) for node, by in sent.items() if by is not NOT_COMPUTED}
    layers = _Layers(model)
    layers.take(order, losses)
    found = [layer.measured(len(losses), gradients) for layer in layers.in_order()]
    last = [x.unit_gradient_size for x in found if x.parameters and x.units][-1:]
    if last and last[0]:
        found = [replace(x, relative=ratio_of(x.unit_gradient_size, last[0])) for x in found]
    return found, [one.data for one in losses]


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


class _Layers:
    """The layers of a model, and which of them every node belongs to."""

    def __init__(self, model: Module) -> None:
        self._parts = {"": model, **{p: x for p, x in walk(model) if isinstance(x, Module)}}
        self._paths = {id(part): path for path, part in self._parts.items()}
        self._places: dict[Scope, _Place | None] = {}
        self._layers: dict[str, _Layer] = {}
        self._computed, self._read = dict[str, None](), list[str]()
        seen: set[Value] = set()  # one that is used in several places belongs to the first
        for path, part in self._parts.items():
            layer, _, unit = self._place(path)
            held = [x for _, x in walk(part, deep=False) if is_parameter(x)]
            if unit is not None:
                layer.values_of_unit[unit] += held
            layer.values += [x for x in held if x not in seen]
            seen.update(held)

    def in_order(self) -> list[_Layer]:
        """The layers as they compute; those that only hold parameters for others, as an embedding
        does, come first, and those that take no part last.
        """
        names = dict.fromkeys([*self._read, *self._computed, *self._layers])
        layers = (self._layers[name] for name in names)
        return [layer for layer in layers if layer.values or layer.outputs]

    def take(self, order: list[Value], losses: Sequence[Value]) -> None:
        """Find the outputs of layers among the nodes, which come sample by sample."""
        placed: dict[Value, _Place] = {}
        outputs: set[Value] = set()
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
        ends, sample = set(losses), 0
        counts: dict[str, int] = defaultdict(int)
        for node in order:
            if node in outputs:
                layer, path, unit = placed[node]
                if unit is None:
                    unit = f"{path or layer.name}[{counts[path]}]"
                    counts[path] += 1
                layer.outputs[unit].append((sample, node))
                self._computed.setdefault(layer.name)
            if node in ends:
                sample += 1
                counts.clear()
        met = set(order)
        self._read = [n for n, x in self._layers.items() if not met.isdisjoint(x.values)]
        self._read = [name for name in self._read if name not in self._computed]

    def _place_of(self, node: Value, placed: Mapping[Value, _Place]) -> _Place | None:
        place = self._place_in(node.scope)
        if place is None or not _is_activation(node):
            return place
        before, around = placed.get(node.parents[0]), place.path
        if before is None or before.path == around:
            return place
        return before if not around or before.path.startswith(f"{around}.") else place

    def _place_in(self, scope: Scope | None) -> _Place | None:
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
        name = home or type(self._parts[home]).__name__
        layer = self._layers.setdefault(name, _Layer(name))
        return _Place(layer, path, path if path != home else None)


def _is_activation(node: Value) -> bool:
    return node.operation is not None and node.operation.is_activation


@dataclass
class _Layer:
    """What is found of a layer: its parameters, also by unit, and each unit's outputs, with their
    samples.
    """

    name: str
    values: list[Value] = field(default_factory=list)
    values_of_unit: dict[str, list[Value]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[str, list[tuple[int, Value]]] = field(default_factory=lambda: defaultdict(list))

    def measured(self, samples: int, gradients: Mapping[Value, float]) -> LayerHealth:
        outputs = [output for made in self.outputs.values() for _, output in made]
        trained = [value for value in self.values if not value.is_frozen]
        numbers = [
            data_vector(outputs),
            data_vector(self.values),
            np.array([gradients.get(output, 0.0) for output in outputs]),
            np.array([gradients.get(value, 0.0) for value in trained]),
        ]
        sound = [row[np.isfinite(row)] for row in numbers]
        broken = [len(row) - len(left) for row, left in zip(numbers, sound)]
        activations, weights, sent, slopes = sound
        still, always = self._still()
        # The mean loss divides by the number of samples; the gradient of one loss does not.
        by_unit = ratio_of(scaled(root_mean_square, sent), 1.0 / samples)
        return LayerHealth(
            name=self.name,
            parameters=len(self.values),
            units=len(self.outputs),
            activation_mean=scaled(np.mean, activations),
            activation_std=scaled(np.std, activations),
            still_share=float(np.mean(still)) if still else None,
            dead=tuple(always["dead"]),
            saturated=tuple(always["saturated"]),
            are_alike=self._are_alike(gradients),
            weight_size=scaled(root_mean_square, weights),
            gradient_size=scaled(root_mean_square, slopes),
            without_gradient=sum(value not in gradients for value in trained),
            unit_gradient_size=by_unit,
            relative=None,
            broken_values=broken[0] + broken[1],
            broken_gradients=broken[2] + broken[3],
        )

    def _still(self) -> tuple[list[bool], dict[str, list[str]]]:
        """Which outputs are still, of all that can be; the units that are so for every sample, by
        the word for it.
        """
        found, always = list[bool](), defaultdict[str, list[str]](list)
        for unit, made in self.outputs.items():
            nodes = [(node, node.operation) for _, node in made]
            can_be = [(node, row) for node, row in nodes if row is not None and row.idle]
            are_still = [row.is_idle((*node.partials, None)[0]) for node, row in can_be]
            found += are_still
            if are_still and all(are_still):
                always[can_be[0][1].idle].append(unit)
        return found, always

    def _are_alike(self, gradients: Mapping[Value, float]) -> bool:
        if len(self.outputs) < 2:
            return False
        first, *others = (
            (
                [value.data for value in self.values_of_unit.get(unit, ())],
                [(sample, node.data, gradients.get(node, 0.0)) for sample, node in made],
            )
            for unit, made in self.outputs.items()
        )
        if any(other != first for other in others):
            return False
        # Units that are off tell nothing of parameters of which no one knows whose they are.
        is_known = self.values_of_unit or len({value.data for value in self.values}) == 1
        return bool(is_known) or any(number for _, number, _ in first[1])


def scaled(of: Callable[[Vector], Any], numbers: Any) -> float | None:
    """What a function that scales with its numbers gives of them, whatever their size; None of no
    numbers. They may be huge, as in a network that explodes.
    """
    largest = float(np.abs(numbers).max(initial=0.0))
    if not largest:
        return largest if len(numbers) else None
    return float(largest * of(np.divide(numbers, largest)))


def root_mean_square(numbers: Vector) -> Any:
    return np.sqrt(np.mean(numbers**2))


def ratio_of(number: float | None, to: float | None) -> float | None:
    """A ratio that is finite, as JSON wants it; None where there is none."""
    return None if number is None or not to else min(number / to, sys.float_info.max)
