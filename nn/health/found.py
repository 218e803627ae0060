"""What a run shows of one layer, and the numbers that are made of it. Next: `layer.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from glassgrad import engine
from glassgrad.engine import Value
from glassgrad.nn.health.layer import LayerHealth
from glassgrad.nn.health.sizes import (
    finite_of,
    largest_of,
    mean_of,
    numbers_of,
    ratio_of,
    share_of,
    size_of,
    spread_of,
)


class Record(NamedTuple):
    """An output of a unit for one sample."""

    unit: str
    sample: int
    node: Value


@dataclass
class LayerFound:
    """What is found of a layer.

    Attributes:
        name, kind: its path in the model, and its class.
        values: its parameters.
        values_of_unit: the parameters of each neuron in it.
        records: the outputs of its units, sample by sample.

    Example:
        >>> from glassgrad.nn.health.found import LayerFound
        >>> LayerFound("layers.0", "Layer").measured(1, None).units
        0
    """

    name: str
    kind: str
    values: list[Value] = field(default_factory=list)
    values_of_unit: dict[str, list[Value]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    def measured(self, samples: int, learning_rate: float | None) -> LayerHealth:
        """The numbers, once gradients of the mean loss over the samples are computed."""
        nodes = [record.node for record in self.records]
        data, all_sent = numbers_of(nodes, "data"), numbers_of(nodes, "grad")
        weights, all_slopes = numbers_of(self.values, "data"), numbers_of(self.values, "grad")
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
            dead=_always("dead", outputs),
            saturated=_always("saturated", outputs),
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

    def _outputs_of_units(self) -> list[tuple[str, str, bool]]:
        """Each output of a unit that can be still: its name, what it is then called, if it is."""
        found = []
        for unit, _, node in self.records:
            row = node.operation
            if row is not None and row.idle:
                found.append((unit, row.idle, row.is_idle(node.partials[0])))
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


def _always(word: str, outputs: list[tuple[str, str, bool]]) -> tuple[str, ...]:
    """The units that are still for every sample."""
    found: dict[str, bool] = {}
    for unit, what, still in outputs:
        if what == word:
            found[unit] = found.get(unit, True) and still
    return tuple(unit for unit, still in found.items() if still)
