"""Is a model fit to learn? `check_health` looks at every layer, and says what is wrong in words.

It runs some samples forward and backward, and takes their graphs apart layer by layer: do values
and gradients keep their size from layer to layer, are units off or flat, do they all compute the
same, is there a nan? The analysis of deep networks that it follows is that of Glorot and Bengio
(2010) and He et al. (2015).

Every node knows the scope it was made in, and a scope the module that opened it. So a node belongs
to the layer that is the innermost module around it. An activation that the forward of a larger
module applies to the output of a layer, as `[v.relu() for v in self.hidden(x)]`, counts as the
layer's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from sys import float_info
from typing import Any, NamedTuple

import numpy as np

from glassgrad import engine
from glassgrad.engine import NOT_COMPUTED, Scope, Value, data_vector
from glassgrad.engine.backward import order_of, sweep
from glassgrad.engine.context import ORDINARY, Context, Observer, call_in, is_traced, without_neuron
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import whole
from glassgrad.engine.text import columns, counted, describe, short, some_of
from glassgrad.engine.value import is_parameter
from glassgrad.nn.batches import checked_loss, loss_function, samples_of
from glassgrad.nn.module import Module, modules_of, training
from glassgrad.nn.parts import Holder, walk

HEALTHY = ("healthy",)

# Wide enough that a fresh model with initial weights that suit its activations passes all of them,
# whatever its seed: so a verdict is worth reading.
VANISHING = 1e-3  # of the gradient of the last layer: with one rate for all it hardly learns
EXPLODING = 1e3  # times that gradient: a rate that suits one layer ruins the other
STEEP = 1e4  # times the weights: even a learning rate of 0.0001 moves them by their size
MOST_DEAD = 0.75  # of the relus of a layer. In fresh deep and narrow networks the samples grow
# alike from layer to layer, and half of a layer is often off for all of them, without harm.
MOST_SATURATED = 0.5  # of its tanhs or sigmoids, none of which should be so in a fresh network


@dataclass(frozen=True)
class LayerHealth:
    """One layer of a model, measured over some samples.

    A layer is a part that holds parameters or computes values; the neurons of a `Layer` belong to
    it. "Size" is the root mean square. Numbers that are nan or infinite are counted and left out
    of all else; a number that nothing is left for is None.

    Attributes:
        name: its path in the model, as "layers.0"; of the model itself its class.
        parameters, units: how many parameters, and how many outputs, it has.
        activation_mean, activation_std: of the outputs of its units, over all samples.
        still_share: the share of outputs of relu, tanh and sigmoid that let (nearly) no gradient
            through, for the sample at hand; None if there are no such units.
        dead, saturated: the names of the relus that are off for every sample, as
            "layers.0.neurons.3", and of the tanhs and sigmoids that are flat for every sample.
        are_alike: whether it has several units that compute the same and learn the same.
        weight_size: of its parameters.
        gradient_size: of the gradient of the mean loss by its parameters that are not frozen.
        without_gradient: how many of these the loss does not depend on.
        unit_gradient_size: of the gradient of a sample's loss by the outputs of its units.
        relative: `unit_gradient_size` as a share of that of the last layer with parameters.
        broken_values, broken_gradients: how many outputs, and how many gradients of outputs and
            parameters, are nan or infinite.

    >>> from glassgrad import MLP, check_health
    >>> loss = lambda output, target: (output - target) ** 2
    >>> layer = check_health(MLP(1, [4, 1], seed=1), loss, [[0.5], [1.0]], [0.0, 1.0]).layers[0]
    >>> layer.name, layer.parameters, layer.units, layer.dead
    ('layers.0', 8, 4, ())
    """

    name: str
    parameters: int
    units: int
    activation_mean: float | None
    activation_std: float | None
    still_share: float | None
    dead: tuple[str, ...]
    saturated: tuple[str, ...]
    are_alike: bool
    weight_size: float | None
    gradient_size: float | None
    without_gradient: int
    unit_gradient_size: float | None
    relative: float | None
    broken_values: int
    broken_gradients: int


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
        return self.verdicts == HEALTHY

    def __str__(self) -> str:
        titles = "layer parameters units mean std still always gradient at_units relative"
        rows = [tuple(title.replace("_", " ") for title in titles.split())]
        for x in self.layers:
            still = "–" if x.still_share is None else f"{x.still_share:.0%}"
            counts = f"{x.parameters:,}", f"{x.units:,}"
            spread = short(x.activation_mean), short(x.activation_std)
            always = f"{len(x.dead) + len(x.saturated):,}"
            sizes = short(x.gradient_size), short(x.unit_gradient_size), short(x.relative)
            rows.append((x.name, *counts, *spread, still, always, *sizes))
        head = f"{counted(self.samples, 'sample')}, loss {short(self.loss)}"
        return "\n".join([head, columns(rows, indent=""), *self.verdicts])


def check_health(
    model: Module, loss: Callable[[Any, Any], Any], X: Any, y: Any, most: int = 64
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
        raise TypeError(f"check_health(model, loss, X, y) takes a Module, not {describe(model)}.")
    loss_function(loss, "check_health(loss=...)")
    if is_traced():
        raise CompilationError(
            "check_health(...) looks at numbers, and inside a compiled function there are none "
            "yet. Call it outside."
        )
    given = samples_of(X, y, "check_health(model, loss, X, y)")
    count = min(whole(most, "check_health(most=...)"), len(given))
    chosen = given.of(np.linspace(0, len(given) - 1, count).round().astype(int))

    def run() -> list[Value]:
        return [checked_loss(loss, loss(model(x), target)) for x, target in chosen.pairs()]

    with training(modules_of(model), False):
        found = call_in(Context(observers=(_Watch(),)), run)
    layers = call_in(ORDINARY, _Layers(model).measured, found)
    losses = [each.data for each in found]
    mean = measures(losses)[0] if np.isfinite(losses).all() else None
    return Health(count, mean, tuple(layers), tuple(_verdicts(layers, losses)) or HEALTHY)


class _Watch(Observer):
    """While somebody observes, compiled functions run as they are written, so that the nodes inside
    are there to be looked at.
    """

    def used(self, what: str, node: Value) -> None:
        if what == "calls backward() of":
            raise TypeError(
                "check_health(...) computes gradients beside those that are there. Give it a "
                "model and a loss that do not call backward()."
            )


class _Output(NamedTuple):
    """An output of a unit for one sample; `idle` is what a unit is called that is always still,
    dead or saturated, or "" where it cannot be.
    """

    sample: int
    number: float
    gradient: float
    idle: str
    is_still: bool


@dataclass
class _Layer:
    """What is found of a layer: its parameters, also by unit, and the outputs of each unit."""

    name: str
    values: list[Value] = field(default_factory=list)
    values_of_unit: dict[str, list[Value]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[str, list[_Output]] = field(default_factory=lambda: defaultdict(list))

    def measured(self, gradients: Mapping[Value, float], samples: int) -> LayerHealth:
        outputs = [output for made in self.outputs.values() for output in made]
        trained = [value for value in self.values if not value.is_frozen]
        numbers = [
            np.array([output.number for output in outputs]),
            data_vector(self.values),
            np.array([output.gradient for output in outputs]),
            np.array([gradients.get(value, 0.0) for value in trained]),
        ]
        sound = [row[np.isfinite(row)] for row in numbers]
        broken = [len(row) - len(left) for row, left in zip(numbers, sound)]
        (mean, std, _), (*_, weight), (*_, by_unit), (*_, gradient) = map(measures, sound)
        still = [output.is_still for output in outputs if output.idle]
        return LayerHealth(
            name=self.name,
            parameters=len(self.values),
            units=len(self.outputs),
            activation_mean=mean,
            activation_std=std,
            still_share=float(np.mean(still)) if still else None,
            dead=self._always("dead"),
            saturated=self._always("saturated"),
            are_alike=self._are_alike(),
            weight_size=weight,
            gradient_size=gradient,
            without_gradient=sum(value not in gradients for value in trained),
            unit_gradient_size=None if by_unit is None else by_unit * samples,  # not of the mean
            relative=None,
            broken_values=broken[0] + broken[1],
            broken_gradients=broken[2] + broken[3],
        )

    def _always(self, idle: str) -> tuple[str, ...]:
        """The units that are so for every sample."""
        return tuple(
            unit
            for unit, made in self.outputs.items()
            if {output.is_still for output in made if output.idle == idle} == {True}
        )

    def _are_alike(self) -> bool:
        first, *others = [
            ([value.data for value in self.values_of_unit.get(unit, ())], made)
            for unit, made in self.outputs.items()
        ] or [([], [])]
        if not others or any(other != first for other in others):
            return False
        # Units that are off tell nothing of parameters of which no one knows whose they are.
        is_known = self.values_of_unit or len({value.data for value in self.values}) == 1
        return bool(is_known) or any(output.number for output in first[1])


class _Layers:
    """The layers of a model by their paths, and what samples showed of them.

    Where a node was made is told by the path of the innermost module; that of a neuron is a unit of
    the layer around it.
    """

    def __init__(self, model: Module) -> None:
        parts = {path: (part, held) for path, part, held in _modules_with_values(model)}
        self._paths = {id(part): path for path, (part, _) in parts.items()}
        self._path_in: dict[Scope, str | None] = {}
        self._home: dict[str, str] = {}
        self._layers: dict[str, _Layer] = {}
        seen: set[Value] = set()  # one that is used in several places belongs to the first
        for path, (_, held) in parts.items():
            home = without_neuron(path)
            if home not in parts:  # "neurons" of an object that is no module
                home = path
            self._home[path] = home
            layer = self._layers.setdefault(home, _Layer(home or type(model).__name__))
            if path != home:
                layer.values_of_unit[path] += held
            layer.values += [x for x in held if x not in seen]
            seen.update(held)

    def measured(self, losses: Sequence[Value]) -> list[LayerHealth]:
        """What the losses of samples show of the layers, in the order in which these compute; those
        that only hold parameters for others, as an embedding does, come first, and those that take
        no part last.
        """
        total: Value = engine.mean(losses)  # a sum of large gradients would overflow
        order = order_of(total)
        # As backward() computes them, which would write them into the nodes.
        sent = {} if total.is_constant else sweep(order, 1.0)
        gradients = {node: float(by) for node, by in sent.items() if by is not NOT_COMPUTED}
        computed = self._take(order, losses, gradients)
        met = set(order)
        read = [home for home, layer in self._layers.items() if not met.isdisjoint(layer.values)]
        read = [home for home in read if home not in computed]
        layers = [self._layers[home] for home in dict.fromkeys([*read, *computed, *self._layers])]
        found = [x.measured(gradients, len(losses)) for x in layers if x.values or x.outputs]
        sizes = [x.unit_gradient_size for x in found]
        ends = [x.unit_gradient_size for x in found if x.parameters and x.units]
        if not ends or not (last := ends[-1]):
            return found
        shares = [None if size is None else min(size / last, float_info.max) for size in sizes]
        return [replace(x, relative=share) for x, share in zip(found, shares)]

    def _take(
        self, order: Sequence[Value], losses: Sequence[Value], gradients: Mapping[Value, float]
    ) -> dict[str, None]:
        """Find the outputs of layers among the nodes, which come sample by sample; the paths of
        these layers.
        """
        paths: dict[Value, str] = {}
        outputs: set[Value] = set()
        for node in order:
            if not (parents := node._operands):
                continue
            path = self._path_of(node, paths)
            home = None if path is None else self._home[path]
            for parent in filter(paths.__contains__, parents):  # few of the many
                if self._home[paths[parent]] != home:
                    outputs.add(parent)
            if path is not None:
                paths[node] = path
                if _is_activation(node):
                    outputs.add(node)
        computed, ends, sample = dict[str, None](), set(losses), 0
        counts: dict[str, int] = defaultdict(int)
        for node in order:
            if node in outputs:
                path = paths[node]
                home = self._home[path]
                layer, unit = self._layers[home], path
                if path == home:
                    unit = f"{layer.name}[{counts[path]}]"
                    counts[path] += 1
                row, gradient = node.operation, gradients.get(node, 0.0)
                idle = row.idle if row is not None else ""
                is_still = row is not None and row.is_idle((*node.partials, None)[0])
                layer.outputs[unit].append(_Output(sample, node.data, gradient, idle, is_still))
                computed.setdefault(home)
            if node in ends:
                sample += 1
                counts.clear()
        return computed

    def _path_of(self, node: Value, paths: Mapping[Value, str]) -> str | None:
        if (scope := node.scope) is None:
            return None
        if scope not in self._path_in:
            around = [self._paths.get(id(each.owner)) for each in scope.chain()]
            self._path_in[scope] = next((p for p in reversed(around) if p is not None), None)
        path = self._path_in[scope]
        if path is None or not _is_activation(node):
            return path
        before = paths.get(node.parents[0], path)
        return before if not path or before.startswith(f"{path}.") else path


def _modules_with_values(model: Module) -> Iterator[tuple[str, Module, list[Value]]]:
    """A model and all modules below it, each once, with its path and the parameters it holds."""
    left: list[tuple[str, Holder]] = [("", model)]
    seen: set[int] = set()
    while left:
        path, part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        parts = [*walk(part, deep=False)]
        if isinstance(part, Module):
            yield path, part, [x for _, x in parts if is_parameter(x)]
        inner = [(f"{path}.{p}" if path else p, x) for p, x in parts if isinstance(x, Holder)]
        left += reversed(inner)


def _is_activation(node: Value) -> bool:
    return node.operation is not None and node.operation.is_activation


def measures(numbers: Any) -> Sequence[float | None]:
    """Mean, standard deviation and root mean square of finite numbers, however large, as in a
    network that explodes; None of no numbers.
    """
    if not len(numbers):
        return None, None, None
    largest = float(np.abs(numbers).max())
    parts = np.divide(numbers, largest or 1.0)
    return [float(largest * x) for x in (parts.mean(), parts.std(), np.sqrt(np.mean(parts**2)))]


# What the numbers mean, in words.


def _verdicts(layers: Sequence[LayerHealth], losses: Sequence[float]) -> Iterator[str]:
    """All that is wrong, each with its remedy."""
    found = [*_of_numbers(layers, losses), *_of_units(layers, counted(len(losses), "sample"))]
    yield from found
    used = [x for x in layers if x.parameters > x.without_gradient]
    unused = [x.name for x in layers if x.parameters and x not in used]
    if unused:
        yield (
            f"unused: no gradient reaches any parameter of {some_of(unused)}. Use them in forward, "
            "without step or detach behind them, or leave them out."
        )
    if not (used and any(losses) and all(x.gradient_size == 0.0 for x in used)):
        yield from _of_sizes(used, is_explained=bool(found))
    elif not found:
        yield (
            "stuck: every gradient is exactly 0 though the loss is not, so no parameter moves. "
            "Draw other initial weights, or use units and a loss that are nowhere flat."
        )


def _of_numbers(layers: Sequence[LayerHealth], losses: Sequence[float]) -> Iterator[str]:
    """What is nan or infinite: of values the first layer, of gradients the last."""
    values = [x for x in layers if x.broken_values]
    gradients = [x for x in layers if x.broken_gradients]
    odd = [loss for loss in losses if not isfinite(loss)]
    if values:
        count = counted(values[0].broken_values, "number")
        what = f"{count} of {values[0].name} came out nan or infinite"
    elif odd:
        what = f"the loss is {odd[0]} for {len(odd)} of {counted(len(losses), 'sample')}"
    elif gradients:
        count = counted(gradients[-1].broken_gradients, "gradient")
        what = f"{count} at {gradients[-1].name} came out nan or infinite"
    if values or odd or gradients:
        yield f"nan: {what}. Find where it arises with trap()."


def _of_units(layers: Sequence[LayerHealth], samples: str) -> Iterator[str]:
    names = [x.name for x in layers if x.are_alike]
    if names:
        yield (
            f"identical: all units of {some_of(names)} compute the same and learn the same, as "
            "their weights are equal. Draw the initial weights from a seed."
        )
    for x in layers:
        units = f"of {counted(x.units, 'unit')} of {x.name}"
        if not x.are_alike and len(x.dead) > MOST_DEAD * x.units:
            yield (
                f"dead: {len(x.dead)} {units} gave 0 for all of {samples}. Lower the learning "
                "rate, use leaky_relu, or draw he initial weights."
            )
        if not x.are_alike and len(x.saturated) > MOST_SATURATED * x.units:
            yield (
                f"saturated: {len(x.saturated)} {units} stayed on the flat part for all of "
                f"{samples}. Scale the inputs to about 1, use xavier initial weights, or lower the "
                "learning rate."
            )


def _of_sizes(layers: Sequence[LayerHealth], is_explained: bool) -> Iterator[str]:
    """How gradients change on their way back from the last layer.

    That one is exactly 0 may be explained by what else is wrong.
    """
    relative = {x.name: x.relative for x in layers if x.relative is not None}
    if not relative:
        return
    least, most = min(relative, key=relative.__getitem__), max(relative, key=relative.__getitem__)
    last = [*relative][-1]
    if relative[least] == 0.0 and not is_explained:
        yield (
            f"vanishing: the gradient at {least} is exactly 0: weights behind it are all 0, or "
            "units are off or flat. Draw other initial weights, or look again after a step, if "
            "they are to begin with 0."
        )
    elif 0.0 < relative[least] < VANISHING:
        yield (
            f"vanishing: the gradient at {least} is {relative[least]:.2g} of that at {last}. Use "
            "relu with he or tanh with xavier initial weights, or fewer layers."
        )
    if relative[most] > EXPLODING:
        yield (
            f"exploding: the gradient at {most} is {relative[most]:.2g} times that at {last}. Use "
            "he or xavier initial weights, clip it (clip_norm=1.0), or lower the learning rate."
        )
        return
    steep = {x.name: (x.gradient_size or 0.0) / x.weight_size for x in layers if x.weight_size}
    steepest = max(steep, key=steep.__getitem__, default=last)
    if steep.get(steepest, 0.0) > STEEP:
        yield (
            f"exploding: the gradient of {steepest} is {steep[steepest]:.2g} times its weights. "
            "Scale inputs and targets to about 1, clip it (clip_norm=1.0), or lower the learning "
            "rate."
        )
