"""The bridge to PyTorch: the same network there, with the same numbers, and back.

    pip install "glassgrad[torch]"

What PyTorch computes for a batch, `to_torch(model)(tensor)`, is what the model gives sample by
sample, gradients included, to the last digits; PyTorch works in float64 then, as we do. On the way
back only what is exactly a class of `torch.nn` comes over: a class derived from one may compute
something else, and so may a module with hooks. Whatever wants all parameters in one array instead,
such as SciPy's optimisers, reads them with `glassgrad.data_vector(model.parameters())` and writes
them back with `glassgrad.assign`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from glassgrad.engine import Value, assign
from glassgrad.engine.text import describe, function_name, with_article
from glassgrad.engine.tree import leaves_of
from glassgrad.engine.value import is_parameter, set_frozen
from glassgrad.nn.activation import activation_function, linear
from glassgrad.nn.dense import MLP, Layer, Neuron
from glassgrad.nn.layers import (
    Dropout,
    Elementwise,
    Embedding,
    LayerNorm,
    Projection,
    RMSNorm,
    Sequential,
)
from glassgrad.nn.module import Module

ACTIVATIONS_THERE: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {"alpha": 1.0}),
    "silu": ("SiLU", {}),
    "gelu": ("GELU", {"approximate": "none"}),
    "gelu_tanh": ("GELU", {"approximate": "tanh"}),
    "softplus": ("Softplus", {"beta": 1.0}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
}
"""Activations by name: the class of PyTorch, and with which settings it is the same function."""

PRECISE: dict[str, dict[str, Any]] = {"softplus": {"threshold": 40.0}}
"""PyTorch's softplus is the line from 20 on, where it still differs by 2e-9."""

SOFTPLUS_THRESHOLD = 20.0
"""PyTorch's choice; a lower one makes another function of it."""


def torch_here() -> Any:
    """PyTorch, loaded when it is asked for."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            'The bridge needs PyTorch, which is not installed: pip install "glassgrad[torch]".'
        ) from error
    return torch


def refuse_own_forward(way: str, path: str, module: object) -> None:
    """Refuse a module that computes something else than its class says."""
    if "forward" in getattr(module, "__dict__", {}):
        raise TypeError(
            f"{way} does not know {path}: it has a forward of its own, beside that of "
            f"{type(module).__name__}."
        )


def to_torch(model: Module) -> Any:
    """The same network as a `torch.nn.Module` of float64, with the same numbers.

    It takes a batch of shape (samples, inputs); one output stands in a column of its own. Each
    part is being trained, in use, or frozen as it is here.

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
            TypeError: one is used already, is no parameter, or is frozen while others are not, or
                there are more or fewer.
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
        frozen = {value.is_frozen for value in leaves_of(values)}
        if len(frozen) > 1:
            raise TypeError(
                f"to_torch does not know {path}: of numbers that are one tensor there, some are "
                "frozen. Freeze all of them, or none."
            )
        there.requires_grad_(True not in frozen)
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


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def from_torch(module: Any) -> Module:
    """The same network with our modules: an `MLP` if layers alternate with activations.

    Other chains become a `Sequential`, a `Linear` by itself a `Layer`. One without biases becomes a
    `Projection`, in a `Sequential` also where it is alone; an `Identity` is left out. Numbers of
    float32 stay exactly what they are. Each part is being trained, in use or frozen as there.

    Args:
        module: a `Sequential` of `Linear`, activations, `Dropout`, `LayerNorm`, `RMSNorm`,
            `Embedding` and `Identity`, or one of these that computes something; of exactly these
            classes.

    Returns:
        The model. Python's global `random` is left alone.

    Raises:
        TypeError: a part is something else, has hooks or settings that ours do not have, or uses a
            parameter that another part uses; the message names it.
        ImportError: PyTorch is not installed.

    >>> from glassgrad import MLP, from_torch, to_torch
    >>> model = MLP(2, [3, 1], seed=0)
    >>> again = from_torch(to_torch(model))
    >>> again, again.state_dict() == model.state_dict()
    (MLP(2 → 3 → 1, tanh, 13 parameters), True)
    """
    torch = torch_here()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch takes a torch.nn.Module, not {describe(module)}.")
    named = list(_leaves(torch, module, ""))
    if not named:
        raise TypeError(
            f"from_torch takes a module that computes something, not {describe(module)}."
        )
    _refuse_odd_parameters(named)
    if type(module) is torch.nn.Linear and module.bias is not None:
        return _layer(module, "linear").train(module.training)
    found = _as_mlp(torch, named) or _as_row(torch, named)
    found.training = module.training  # and each part as it is
    return found


def _leaves(torch: Any, module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules inside nested Sequentials, with their paths; none for Identity.

    One that stands in two places is given twice.
    """
    where = path or type(module).__name__
    _refuse_changed(where, module)
    if type(module) is torch.nn.Sequential:
        for name, part in module._modules.items():
            yield from _leaves(torch, part, f"{path}.{name}" if path else name)
    elif type(module) is not torch.nn.Identity:
        yield where, module


def _refuse_changed(path: str, module: Any) -> None:
    """Refuse what computes something else than its class says."""
    if any(getattr(module, hooks, None) for hooks in _HOOKS):
        raise TypeError(
            f"from_torch does not know {path}: it has hooks, which may change what it computes. "
            "Remove them first."
        )
    if getattr(module, "parametrizations", None):
        raise TypeError(
            f"from_torch does not know {path}: its parameters are computed from others. Call "
            "torch.nn.utils.parametrize.remove_parametrizations first."
        )
    refuse_own_forward("from_torch", path, module)


def _refuse_odd_parameters(named: list[tuple[str, Any]]) -> None:
    """Refuse parameters of two places, and those that are no real numbers."""
    seen: dict[int, str] = {}
    for path, module in named:
        own = getattr(module, "_parameters", {}).values()
        for parameter in [each for each in own if each is not None]:
            if id(parameter) in seen:
                raise TypeError(
                    f"from_torch takes no module that uses a parameter in two places, as "
                    f"{seen[id(parameter)]} and {path} do."
                )
            seen[id(parameter)] = path
            if not parameter.dtype.is_floating_point or parameter.is_meta:
                kind = "on the device meta" if parameter.is_meta else f"of {parameter.dtype}"
                raise TypeError(
                    f"from_torch takes parameters that are real numbers; those of {path} are "
                    f"{kind}."
                )


def _as_mlp(torch: Any, named: list[tuple[str, Any]]) -> MLP | None:
    """An MLP, if there are only layers with the same activation between them; else None."""
    layers: list[tuple[Any, str]] = []
    for path, module in named:
        if type(module) is torch.nn.Linear and module.bias is not None:
            layers.append((module, "linear"))
        elif layers and layers[-1][1] == "linear" and _is_activation(torch, module):
            layers[-1] = layers[-1][0], _name_of(path, module)
        else:
            return None
    hidden = {activation for _, activation in layers[:-1]}
    if not layers or len(hidden) > 1:
        return None
    sizes = [len(module.weight) for module, _ in layers]
    activation, output = (hidden or {layers[-1][1]}).pop(), layers[-1][1]
    nin = layers[0][0].weight.shape[1]
    model = MLP(nin, sizes, activation=activation, output_activation=output, init="zeros")
    for layer, (module, _) in zip(model.layers, layers):
        _take(layer, module)
        layer.train(module.training)
    return model


def _as_row(torch: Any, named: list[tuple[str, Any]]) -> Sequential:
    found = Sequential(*_parts_here(torch, named))
    for part, (_, module) in zip(found.parts, named):
        part.train(module.training)  # type: ignore[attr-defined]
    return found


def _parts_here(torch: Any, named: list[tuple[str, Any]]) -> Iterator[Any]:
    for path, module in named:
        kind = type(module)
        if _is_activation(torch, module):
            yield _name_of(path, module)
        elif kind is getattr(torch.nn, kind.__name__, None) and kind.__name__ in _HERE:
            yield _HERE[kind.__name__](path, module)
        else:
            raise TypeError(
                f"from_torch does not know {path}, {with_article(kind.__name__)} of "
                f"{kind.__module__}. It "
                f"takes these classes of torch.nn, not those derived from them: Sequential, "
                f"Identity, {', '.join([*_HERE, *_CLASSES])}."
            )


def _is_activation(torch: Any, module: Any) -> bool:
    name = type(module).__name__
    return name in _CLASSES and type(module) is getattr(torch.nn, name)


def _name_of(path: str, module: Any) -> str:
    """The name of an activation, if ours is the same function."""
    for name, (kind, settings) in ACTIVATIONS_THERE.items():
        is_same = type(module).__name__ == kind and all(
            getattr(module, setting) == value for setting, value in settings.items()
        )
        if is_same and (name != "softplus" or module.threshold >= SOFTPLUS_THRESHOLD):
            return name
    raise TypeError(f"from_torch does not know {path} with these settings: {module}.")


def _linear_here(path: str, module: Any) -> Module:
    if module.bias is not None:
        return _layer(module, "linear")
    nout, nin = module.weight.shape
    found = Projection(nin, nout, init="zeros")
    _take_numbers([w for row in found.w for w in row], module.weight)
    return found


def _dropout_here(path: str, module: Any) -> Dropout:
    _refuse_unless(path, module, module.p < 1.0, "with p below 1")
    return Dropout(module.p)


def _layer_norm_here(path: str, module: Any) -> LayerNorm:
    _refuse_unless(path, module, len(module.normalized_shape) == 1, "over one axis")
    is_affine = module.weight is not None and module.bias is not None
    _refuse_unless(path, module, is_affine, "with gains and biases")
    found = LayerNorm(module.normalized_shape[0], eps=module.eps)
    _take_numbers(found.gain, module.weight)
    _take_numbers(found.bias, module.bias)
    return found


def _rms_norm_here(path: str, module: Any) -> RMSNorm:
    _refuse_unless(path, module, len(module.normalized_shape) == 1, "over one axis")
    is_whole = module.weight is not None and module.eps is not None
    _refuse_unless(path, module, is_whole, "with gains and an eps")
    found = RMSNorm(module.normalized_shape[0], eps=module.eps)
    _take_numbers(found.gain, module.weight)
    return found


def _embedding_here(path: str, module: Any) -> Embedding:
    is_plain = module.padding_idx is None and module.max_norm is None
    is_plain = is_plain and not module.scale_grad_by_freq
    _refuse_unless(path, module, is_plain, "without padding_idx, max_norm, scale_grad_by_freq")
    count, size = module.weight.shape
    found = Embedding(count, size, init="zeros")
    _take_numbers([v for row in found.rows for v in row], module.weight)
    return found


_HERE: dict[str, Callable[[str, Any], Module]] = {
    "Linear": _linear_here,
    "Dropout": _dropout_here,
    "LayerNorm": _layer_norm_here,
    "RMSNorm": _rms_norm_here,
    "Embedding": _embedding_here,
}
_CLASSES = tuple(dict.fromkeys(kind for kind, _ in ACTIVATIONS_THERE.values()))


def _refuse_unless(path: str, module: Any, is_taken: bool, how: str) -> None:
    if not is_taken:
        raise TypeError(f"from_torch takes {type(module).__name__} {how}; {path} is {module}.")


def _layer(module: Any, activation: str) -> Layer:
    nout, nin = module.weight.shape
    found = Layer(nin, nout, activation=activation, init="zeros")
    _take(found, module)
    return found


def _take(layer: Layer, module: Any) -> None:
    _take_numbers([w for neuron in layer.neurons for w in neuron.w], module.weight)
    _take_numbers([neuron.b for neuron in layer.neurons], module.bias)


def _take_numbers(parameters: list[Value], tensor: Any) -> None:
    assign(parameters, tensor.detach().double().cpu().numpy().ravel())
    set_frozen(parameters, not tensor.requires_grad)
