"""`Health`: what `check_health` found, as a record, as text and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassgrad.engine.printing import columns, short
from glassgrad.engine.text import counted
from glassgrad.nn.health.layer import LayerHealth
from glassgrad.nn.health.verdicts import HEALTHY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FIELDS = ("samples", "loss", "layers", "verdicts")


@dataclass(frozen=True)
class Health:
    """What `check_health` found; its text is a table of the layers with the verdicts below it.

    In the table, "zero" is the share of outputs that are 0, "still" the share of outputs of units
    that let (nearly) no gradient through, "always" how many units do so for all samples,
    "gradient" the size of the gradient by the parameters, "at units" that by the outputs, and
    "relative" that as a share of the last layer's. All of it is in the records: see `LayerHealth`.

    Attributes:
        samples: how many samples were looked at.
        loss: their mean loss; None if it is nan or infinite.
        layers: what was measured at each layer, in the order in which they compute.
        verdicts: what is wrong, each with its remedy; ("healthy",) if nothing is.

    Example:
        >>> from glassgrad import MLP
        >>> from glassgrad.nn.health import check_health
        >>> loss = lambda output, target: (output - target) ** 2
        >>> model = MLP(1, [2, 1], seed=4)
        >>> health = check_health(model, loss, [[0.5], [-0.5]], [0.0, 1.0])
        >>> [layer.units for layer in health.layers], health.verdicts
        ([2, 1], ('healthy',))
    """

    samples: int
    loss: float | None
    layers: tuple[LayerHealth, ...]
    verdicts: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong.

        >>> from glassgrad.nn.health import Health
        >>> Health(1, 0.5, (), ("healthy",)).is_healthy
        True
        """
        return self.verdicts == (HEALTHY,)

    def to_dict(self) -> dict[str, Any]:
        """All of it as what JSON can hold.

        >>> from glassgrad.nn.health import Health
        >>> Health(1, 0.5, (), ("healthy",)).to_dict()
        {'samples': 1, 'loss': 0.5, 'layers': [], 'verdicts': ['healthy']}
        """
        return {
            "samples": self.samples,
            "loss": self.loss,
            "layers": [layer.to_dict() for layer in self.layers],
            "verdicts": list(self.verdicts),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Health:
        """What `to_dict` gave, as it was.

        Raises:
            ValueError: it is nothing of the kind.

        >>> from glassgrad.nn.health import Health
        >>> health = Health(1, 0.5, (), ("healthy",))
        >>> Health.from_dict(health.to_dict()) == health
        True
        """
        if not isinstance(data, Mapping) or set(data) != set(_FIELDS):
            raise ValueError("This is no health of a model: it has other fields.")
        samples, loss, layers, found = (data[name] for name in _FIELDS)
        if type(samples) is not int or not (loss is None or type(loss) in (float, int)):
            raise ValueError("This is no health of a model: its samples or loss are no numbers.")
        if not isinstance(layers, (list, tuple)) or not isinstance(found, (list, tuple)):
            raise ValueError("This is no health of a model: its layers or verdicts are no list.")
        records = tuple(map(LayerHealth.from_dict, layers))
        return Health(samples, loss, records, tuple(map(str, found)))

    def __str__(self) -> str:
        table = columns([_TITLES, *map(_row, self.layers)], indent="")
        head = f"{counted(self.samples, 'sample')}, loss {short(self.loss)}"
        return "\n".join([head, table, *self.verdicts])

    def plot(self) -> Figure:
        """A picture by matplotlib: values, units that are off or flat, and gradients by layer.

        Raises:
            ImportError: matplotlib is not installed; the message says how to install it.
            ValueError: the model has no layers.
        """
        from glassgrad.nn.health.plot import plot_health

        return plot_health(self.layers, self.verdicts)


_TITLES = (
    "layer",
    "parameters",
    "units",
    "mean",
    "std",
    "zero",
    "still",
    "always",
    "gradient",
    "at units",
    "relative",
)


def _row(layer: LayerHealth) -> tuple[str, ...]:
    return (
        layer.name,
        f"{layer.parameters:,}",
        f"{layer.units:,}",
        short(layer.activation_mean),
        short(layer.activation_std),
        _percent(layer.activation_zeros),
        _percent(layer.still_share),
        f"{layer.always_still:,}",
        short(layer.gradient_size),
        short(layer.unit_gradient_size),
        short(layer.relative),
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
