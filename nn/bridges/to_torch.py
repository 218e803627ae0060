"""The bridge to PyTorch: the same network there, with the same numbers, and back.

    pip install "glassgrad[torch]"

What PyTorch computes for a batch, `to_torch(model)(tensor)`, is what the model gives sample by
sample, gradients included, to the last digits; PyTorch works in float64 then, as we do. Whatever
wants all parameters in one array instead, such as SciPy's optimisers, reads them with
`glassgrad.data_vector(model.parameters())` and writes them back with `glassgrad.assign`.

The way there is in this file, the way back in `from_torch.py`; `torch_table.py` is what they
share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from glassgrad.engine import Value
from glassgrad.engine.text import describe, function_name
from glassgrad.engine.tree import leaves_of
from glassgrad.engine.value import is_parameter
from glassgrad.nn.bridges.torch_table import (
    ACTIVATIONS_THERE,
    PRECISE,
    refuse_own_forward,
    torch_here,
)
from glassgrad.nn.modules.activation import activation_function, linear
from glassgrad.nn.modules.dropout import Dropout
from glassgrad.nn.modules.embedding import Embedding
from glassgrad.nn.modules.layers import MLP, Layer, Neuron
from glassgrad.nn.modules.module import Module
from glassgrad.nn.modules.norms import LayerNorm, RMSNorm
from glassgrad.nn.modules.projection import Projection
from glassgrad.nn.modules.sequential import Elementwise, Sequential


def to_torch(model: Module) -> Any:
    """The same network as a `torch.nn.Module` of float64, with the same numbers.

    It takes a batch of shape (samples, inputs); one output stands in a column of its own. Each
    part is being trained, or in use, as it is here.

    Args:
        model: made of `Neuron`, `Layer`, `MLP`, `Sequential`, `Dropout`, `LayerNorm`, `RMSNorm`,
            `Embedding`, `Projection` and activations by name.

    Raises:
        TypeError: a part is something else, or was changed so that it computes something else, or
            a parameter is used in two places; the message names it.
        ImportError: PyTorch is not installed.

    >>> import torch
    >>> from glassgrad import MLP, to_torch
    >>> model = MLP(2, [3, 1], seed=0)
    >>> there = to_torch(model)
    >>> sample = [0.5, -1.0]
    >>> output = there(torch.tensor([sample], dtype=torch.float64)).item()
    >>> abs(output - model(sample).data) < 1e-15
    True
    """
    torch = torch_here()
    if not isinstance(model, Module):
        raise TypeError(f"to_torch takes a model of nn, not {describe(model)}.")
    parts = list(_Crossing(torch).parts(model, type(model).__name__))
    there = parts[0] if len(parts) == 1 else torch.nn.Sequential(*parts)
    if len(parts) != 1:
        there.training = model.training  # and each part as it is
    return there


class _Crossing:
    """One way over the bridge, on which every parameter is met once."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._used: set[Value] = set()

    def parts(self, part: Any, path: str) -> Iterator[Any]:
        """What a part of a model is in PyTorch, in a row."""
        refuse_own_forward("to_torch", path, part)
        if type(part) is Neuron:
            yield from self._layer([part], path, part.training)
        elif type(part) is Layer:
            for i, neuron in enumerate(part.neurons):
                refuse_own_forward("to_torch", f"{path}.neurons.{i}", neuron)
                if type(neuron) is not Neuron:
                    raise _unknown(neuron, f"{path}.neurons.{i}")
            yield from self._layer(part.neurons, path, part.training)
        elif type(part) is MLP:
            yield from self._row(part.layers, f"{path}.layers")
        elif type(part) is Sequential:
            yield from self._row(part.parts, f"{path}.parts")
        elif type(part) is Elementwise:
            yield from self._activation(part.activation, path, part.training)
        elif type(part) in _THERE:
            there = _THERE[type(part)](self, part, path).double()
            there.training = part.training
            yield there
        else:
            raise _unknown(part, path)

    def _row(self, parts: list[Any], path: str) -> Iterator[Any]:
        if not parts:
            raise TypeError(f"to_torch takes no {path} that is empty: it computes nothing.")
        for i, inner in enumerate(parts):
            yield from self.parts(inner, f"{path}.{i}")

    def _layer(self, neurons: list[Neuron], path: str, training: bool) -> Iterator[Any]:
        if not neurons or not neurons[0].w:
            raise TypeError(f"to_torch takes no {path} that is empty: it computes nothing.")
        if len({len(neuron.w) for neuron in neurons}) > 1:
            raise TypeError(
                f"to_torch does not know {path}: its neurons have several numbers of inputs."
            )
        if any(neuron.activation is not neurons[0].activation for neuron in neurons):
            raise TypeError(f"to_torch does not know {path}: its neurons have several activations.")
        there = self._torch.nn.Linear(len(neurons[0].w), len(neurons)).double()
        self._fill(there.weight, [neuron.w for neuron in neurons], path)
        self._fill(there.bias, [neuron.b for neuron in neurons], path)
        there.training = training
        yield there
        yield from self._activation(neurons[0].activation, path, training)

    def _activation(self, function: Callable[..., Any], path: str, training: bool) -> Iterator[Any]:
        """The module of an activation; nothing for "linear"."""
        if function is linear:
            return
        name = function_name(function)
        if name not in ACTIVATIONS_THERE or function is not activation_function(name):
            raise TypeError(
                f"to_torch does not know the activation {name} of {path}. "
                f"It takes linear, {', '.join(ACTIVATIONS_THERE)}."
            )
        kind, settings = ACTIVATIONS_THERE[name]
        there = getattr(self._torch.nn, kind)(**settings, **PRECISE.get(name, {}))
        there.training = training
        yield there

    def norm(self, norm: Any, path: str) -> Any:
        """A norm, with its gains and biases."""
        there = getattr(self._torch.nn, type(norm).__name__)(len(norm.gain), eps=norm.eps).double()
        self._fill(there.weight, norm.gain, path)
        if type(norm) is LayerNorm:
            self._fill(there.bias, norm.bias, path)
        return there

    def embedding(self, embedding: Embedding, path: str) -> Any:
        """An embedding, with its table."""
        there = self._torch.nn.Embedding(len(embedding.rows), embedding.size).double()
        self._fill(there.weight, embedding.rows, path)
        return there

    def projection(self, projection: Projection, path: str) -> Any:
        """A layer without biases."""
        rows = projection.w
        there = self._torch.nn.Linear(len(rows[0]), len(rows), bias=False).double()
        self._fill(there.weight, rows, path)
        return there

    def dropout(self, dropout: Dropout, path: str) -> Any:
        """Chance of the same rate."""
        return self._torch.nn.Dropout(dropout.rate)

    def _fill(self, there: Any, values: Any, path: str) -> None:
        """Set a parameter of PyTorch, to the last bit, from parameters that none else is made of.

        Raises:
            TypeError: one is used already, is no parameter, or there are more or fewer.
        """
        for value in leaves_of(values):
            if not is_parameter(value):
                raise TypeError(
                    f"to_torch does not know {path}: one of its numbers is no parameter, but a "
                    "constant, or computed from others."
                )
            if value in self._used:
                raise TypeError(
                    f"to_torch takes no model that uses a parameter in two places, as {path} does."
                )
            self._used.add(value)
        rows = values if there.dim() == 2 else [values]
        if any(len(row) != there.shape[-1] for row in rows):
            raise TypeError(f"to_torch does not know {path}: its rows have several lengths.")
        with self._torch.no_grad():
            numbers = [value.data for value in leaves_of(values)]
            there.copy_(self._torch.tensor(numbers, dtype=there.dtype).reshape(there.shape))


_THERE: dict[type, Callable[[_Crossing, Any, str], Any]] = {
    Dropout: _Crossing.dropout,
    LayerNorm: _Crossing.norm,
    RMSNorm: _Crossing.norm,
    Embedding: _Crossing.embedding,
    Projection: _Crossing.projection,
}


def _unknown(part: Any, path: str) -> TypeError:
    taken = ", ".join(kind.__name__ for kind in (Neuron, Layer, MLP, Sequential, *_THERE))
    return TypeError(
        f"to_torch does not know {path}, which is {describe(part)}. It takes {taken} and "
        "activations by name."
    )
