"""`GradientHistory`: how large the gradients of each layer are, step by step of a training.

Gradients that shrink from layer to layer on their way back vanish, and the first layers learn
nothing; gradients that grow explode. `plot_gradients` in `plots.py` shows a history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import nan
from typing import Any, Protocol

from glassgrad.engine import NOT_COMPUTED
from glassgrad.engine.context import layer_of


class Named(Protocol):
    """A model of any kind that names its parameters, as `glassgrad.Module` and PyTorch's do."""

    def named_parameters(self) -> Iterable[tuple[str, Any]]:
        """The parameters with their names, such as "layers.0.neurons.1.b"."""
        ...


class GradientHistory(Mapping[str, list[float]]):
    """The mean size of the gradients of each layer, at every step that was recorded.

    It is a mapping from the names of the layers to their sizes; nan where there was no gradient.

    Example:
        >>> from glassgrad import MLP
        >>> from glassgrad.viz.history import GradientHistory
        >>> model, history = MLP(1, [2, 1], seed=0), GradientHistory()
        >>> for _ in range(3):
        ...     model.zero_grad()
        ...     model([1.0]).backward()
        ...     history.record(model)
        >>> {layer: len(sizes) for layer, sizes in history.items()}
        {'layers.0': 3, 'layers.1': 3}
    """

    def __init__(self) -> None:
        self._sizes: dict[str, list[float]] = {}
        self._steps = 0

    def record(self, model: Named) -> None:
        """Note the gradients as they are now: after `backward()`, before they are set to 0."""
        found: dict[str, list[float]] = {}
        for name, parameter in model.named_parameters():
            sizes = found.setdefault(layer_of(name), [])
            if parameter.grad is not NOT_COMPUTED:
                sizes.append(abs(parameter.grad))
        for layer in [*found, *self._sizes]:
            self._sizes.setdefault(layer, [nan] * self._steps)
        for layer, history in self._sizes.items():
            sizes = found.get(layer, [])
            history.append(sum(sizes) / len(sizes) if sizes else nan)
        self._steps += 1

    def __getitem__(self, layer: str) -> list[float]:
        return self._sizes[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    def __repr__(self) -> str:
        return f"<gradients of {len(self)} layers over {self._steps} steps>"
