"""`LayerHealth`: what was measured at one layer, as plain numbers. Next: `probe.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from glassgrad.engine.text import told


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
        """How many of its units let (nearly) no gradient through, whatever the sample.

        >>> from glassgrad import MLP, mse
        >>> from glassgrad.nn.health import check_health
        >>> model = MLP(1, [4, 1], activation="relu", seed=1)
        >>> for neuron in model.layers[0].neurons[:3]:
        ...     neuron.b.data = -100.0
        >>> check_health(model, mse, [[0.5], [1.0]], [0.0, 1.0]).layers[0].always_still
        3
        """
        return len(self.dead) + len(self.saturated)

    def to_dict(self) -> dict[str, Any]:
        """All of it as what JSON can hold.

        >>> import json
        >>> from glassgrad import MLP
        >>> from glassgrad.nn.health import check_health
        >>> loss = lambda output, target: (output - target) ** 2
        >>> health = check_health(MLP(1, [1], seed=1), loss, [[0.5]], [0.0])
        >>> json.loads(json.dumps(health.layers[0].to_dict()))["name"]
        'layers.0'
        """
        return {
            name: list(entry) if isinstance(entry, tuple) else entry
            for name, entry in asdict(self).items()
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> LayerHealth:
        """A record from what `to_dict` gave.

        Raises:
            ValueError: it is nothing of the kind.

        >>> from glassgrad.nn.health.layer import LayerHealth
        >>> LayerHealth.from_dict({"name": "layers.0"})
        Traceback (most recent call last):
        ValueError: This is no health of a layer: it has other fields.
        """
        kinds = {field.name: str(field.type) for field in fields(LayerHealth)}
        if not isinstance(data, Mapping) or set(data) != set(kinds):
            raise ValueError("This is no health of a layer: it has other fields.")
        for name, entry in data.items():
            if not _IS[kinds[name]](entry):
                raise ValueError(f"This is no health of a layer: {name} is {told(entry)}.")
        entries: dict[str, Any] = {
            name: tuple(entry) if isinstance(entry, list) else entry for name, entry in data.items()
        }
        return LayerHealth(**entries)


_IS: dict[str, Callable[[Any], bool]] = {
    "str": lambda entry: isinstance(entry, str),
    "bool": lambda entry: isinstance(entry, bool),
    "int": lambda entry: type(entry) is int,
    "float | None": lambda entry: entry is None or type(entry) in (float, int),
    "tuple[str, ...]": lambda entry: (
        isinstance(entry, (list, tuple)) and all(isinstance(name, str) for name in entry)
    ),
}
"""Whether an entry is of the type that a field has."""
