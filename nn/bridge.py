"""The bridge to PyTorch: the same network there, with the same numbers, and back.

    pip install "glassgrad[torch]"

What PyTorch computes for a batch, `to_torch(model)(tensor)`, is what the model gives sample by
sample, gradients included, to the last digits; PyTorch works in float64 then, as we do. Whatever
wants all parameters in one array instead, such as SciPy's optimisers, reads them with
`engine.data_vector(model.parameters())` and writes them back with `engine.assign`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from engine import assign
from engine.text import describe
from nn.activation import activation_function, linear, name_of
from nn.attention import Projection
from nn.dropout import Dropout
from nn.embedding import Embedding
from nn.layers import MLP, Layer, Neuron
from nn.module import Module
from nn.norms import LayerNorm, RMSNorm
from nn.sequential import Elementwise, Sequential

_SUPPORTED = (
    "Neuron, Layer, MLP, Sequential, Dropout, LayerNorm, RMSNorm, Embedding and activations by name"
)
_MODULES: dict[str, tuple[str, dict[str, Any]]] = {
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
_PRECISE = {"softplus": {"threshold": 40.0}}
"""PyTorch's softplus is the line from 20 on, where it still differs by 2e-9."""


def to_torch(model: Module) -> Any:
    """The same network as a `torch.nn.Module` of float64, with the same numbers.

    It takes a batch of shape (samples, inputs); one output stands in a column of its own.

    Args:
        model: made of `Neuron`, `Layer`, `MLP`, `Sequential`, `Dropout`, `LayerNorm`, `RMSNorm`,
            `Embedding` and activations by name.

    Raises:
        TypeError: a part is something else; the message names it.
        ImportError: PyTorch is not installed.

    >>> import torch
    >>> from nn import MLP, to_torch
    >>> model = MLP(2, [3, 1], seed=0)
    >>> there = to_torch(model)
    >>> sample = [0.5, -1.0]
    >>> output = there(torch.tensor([sample], dtype=torch.float64)).item()
    >>> abs(output - model(sample).data) < 1e-15
    True
    """
    torch = _torch()
    if not isinstance(model, Module):
        raise TypeError(f"to_torch takes a model of nn, not {describe(model)}.")
    parts = list(_parts_there(torch, model, type(model).__name__))
    there = parts[0] if len(parts) == 1 else torch.nn.Sequential(*parts)
    if sum(parameter.numel() for parameter in there.parameters()) > len(model.parameters()):
        raise TypeError("to_torch takes no model that uses a parameter in two places.")
    return there.train(model.training)


def from_torch(module: Any) -> Module:
    """The same network with our modules: an `MLP` if layers alternate with activations.

    Other chains become a `Sequential`, a `Linear` by itself a `Layer`. Numbers of float32 stay
    exactly what they are.

    Args:
        module: a `Sequential` of `Linear`, activations, `Dropout`, `LayerNorm`, `RMSNorm` and
            `Embedding`, or one of these.

    Raises:
        TypeError: a part is something else, or has settings that ours do not have; the message
            names it.
        ImportError: PyTorch is not installed.

    >>> from nn import MLP, from_torch, to_torch
    >>> model = MLP(2, [3, 1], seed=0)
    >>> again = from_torch(to_torch(model))
    >>> again, again.state_dict() == model.state_dict()
    (MLP(2 → 3 → 1, tanh, 13 parameters), True)
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch takes a torch.nn.Module, not {describe(module)}.")
    named = list(_leaves(torch, module, ""))
    if isinstance(module, torch.nn.Linear) and module.bias is not None:
        return _layer(named[0][1], "linear").train(module.training)
    found = _as_mlp(torch, named) or Sequential(*_parts_here(torch, named))
    return found.train(module.training)


def _parts_there(torch: Any, part: Any, path: str) -> Iterator[Any]:
    """What a part of a model is in PyTorch, in a row."""
    if type(part) is Neuron:
        yield from _layer_there(torch, [part], path)
    elif type(part) is Layer:
        yield from _layer_there(torch, part.neurons, path)
    elif type(part) is MLP:
        for i, layer in enumerate(part.layers):
            yield from _parts_there(torch, layer, f"{path}.layers.{i}")
    elif type(part) is Sequential:
        for i, inner in enumerate(part.parts):
            yield from _parts_there(torch, inner, f"{path}.parts.{i}")
    elif type(part) is Elementwise:
        yield from _activation_there(torch, part.activation, path)
    elif type(part) in _THERE:
        yield _THERE[type(part)](torch.nn, part)
    else:
        raise TypeError(
            f"to_torch does not know {path}, which is {describe(part)}. It takes {_SUPPORTED}."
        )


def _layer_there(torch: Any, neurons: list[Neuron], path: str) -> Iterator[Any]:
    there = torch.nn.Linear(neurons[0].nin, len(neurons), dtype=torch.float64)
    _fill(there.weight, [[w.data for w in neuron.w] for neuron in neurons])
    _fill(there.bias, [neuron.b.data for neuron in neurons])
    yield there
    activations = {id(neuron.activation): neuron.activation for neuron in neurons}
    if len(activations) > 1:
        raise TypeError(f"to_torch does not know {path}: its neurons have several activations.")
    yield from _activation_there(torch, neurons[0].activation, path)


def _activation_there(torch: Any, function: Callable[..., Any], path: str) -> Iterator[Any]:
    """The module of an activation; nothing for "linear"."""
    if function is linear:
        return
    name = name_of(function)
    if name not in _MODULES or function is not activation_function(name):
        raise TypeError(
            f"to_torch does not know the activation {name} of {path}. "
            f"It takes linear, {', '.join(_MODULES)}."
        )
    kind, settings = _MODULES[name]
    yield getattr(torch.nn, kind)(**settings, **_PRECISE.get(name, {}))


def _norm_there(kind: str) -> Callable[[Any, Any], Any]:
    def there(nn: Any, norm: Any) -> Any:
        found = getattr(nn, kind)(len(norm.gain), eps=norm.eps).double()
        _fill(found.weight, [v.data for v in norm.gain])
        if kind == "LayerNorm":
            _fill(found.bias, [v.data for v in norm.bias])
        return found

    return there


def _embedding_there(nn: Any, embedding: Embedding) -> Any:
    rows = [[v.data for v in row] for row in embedding.rows]
    found = nn.Embedding(len(rows), len(rows[0])).double()
    _fill(found.weight, rows)
    return found


def _projection_there(nn: Any, projection: Projection) -> Any:
    rows = [[v.data for v in row] for row in projection.w]
    found = nn.Linear(len(rows[0]), len(rows), bias=False).double()
    _fill(found.weight, rows)
    return found


_THERE: dict[type, Callable[[Any, Any], Any]] = {
    Dropout: lambda nn, dropout: nn.Dropout(dropout.rate),
    LayerNorm: _norm_there("LayerNorm"),
    RMSNorm: _norm_there("RMSNorm"),
    Embedding: _embedding_there,
    Projection: _projection_there,
}


def _leaves(torch: Any, module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules inside nested Sequentials, with their paths; none for Identity."""
    if isinstance(module, torch.nn.Sequential):
        for name, part in module.named_children():
            yield from _leaves(torch, part, f"{path}.{name}" if path else name)
    elif not isinstance(module, torch.nn.Identity):
        yield path or type(module).__name__, module


def _as_mlp(torch: Any, named: list[tuple[str, Any]]) -> MLP | None:
    """An MLP, if there are only layers with the same activation between them; else None."""
    layers: list[tuple[Any, str]] = []
    for path, module in named:
        if type(module) is torch.nn.Linear and module.bias is not None:
            layers.append((module, "linear"))
        elif layers and layers[-1][1] == "linear" and type(module).__name__ in _CLASSES:
            layers[-1] = layers[-1][0], _name_of(path, module)
        else:
            return None
    hidden = {activation for _, activation in layers[:-1]}
    if not layers or len(hidden) > 1:
        return None
    sizes = [module.out_features for module, _ in layers]
    activation, output = (hidden or {layers[-1][1]}).pop(), layers[-1][1]
    nin = layers[0][0].in_features
    model = MLP(nin, sizes, activation=activation, output_activation=output, init="zeros")
    for layer, (module, _) in zip(model.layers, layers):
        _take(layer, module)
    return model


def _parts_here(torch: Any, named: list[tuple[str, Any]]) -> Iterator[Any]:
    for path, module in named:
        kind = type(module)
        if kind.__name__ in _CLASSES:
            yield _name_of(path, module)
        elif kind.__name__ in _HERE and kind.__module__.startswith("torch.nn."):
            yield _HERE[kind.__name__](path, module)
        else:
            raise TypeError(
                f"from_torch does not know {path}, a {kind.__name__}. It takes Sequential, "
                f"{', '.join([*_HERE, *_CLASSES])}."
            )


def _name_of(path: str, module: Any) -> str:
    """The name of an activation, if ours is the same function."""
    for name, (kind, settings) in _MODULES.items():
        if type(module).__name__ == kind and all(
            getattr(module, setting) == value for setting, value in settings.items()
        ):
            return name
    raise TypeError(f"from_torch does not know {path} with these settings: {module}.")


def _linear_here(path: str, module: Any) -> Module:
    if module.bias is not None:
        return _layer(module, "linear")
    found = Projection(module.in_features, module.out_features)
    assign([w for row in found.w for w in row], _numbers(module.weight))
    return found


def _layer_norm_here(path: str, module: Any) -> LayerNorm:
    _refuse_unless(path, module, len(module.normalized_shape) == 1, "over one axis")
    is_affine = module.weight is not None and module.bias is not None
    _refuse_unless(path, module, is_affine, "with gains and biases")
    found = LayerNorm(module.normalized_shape[0], eps=module.eps)
    assign(found.gain, _numbers(module.weight))
    assign(found.bias, _numbers(module.bias))
    return found


def _rms_norm_here(path: str, module: Any) -> RMSNorm:
    _refuse_unless(path, module, len(module.normalized_shape) == 1, "over one axis")
    is_whole = module.weight is not None and module.eps is not None
    _refuse_unless(path, module, is_whole, "with gains and an eps")
    found = RMSNorm(module.normalized_shape[0], eps=module.eps)
    assign(found.gain, _numbers(module.weight))
    return found


def _embedding_here(path: str, module: Any) -> Embedding:
    is_plain = module.padding_idx is None and module.max_norm is None
    is_plain = is_plain and not module.scale_grad_by_freq
    _refuse_unless(path, module, is_plain, "without padding_idx, max_norm, scale_grad_by_freq")
    found = Embedding(module.num_embeddings, module.embedding_dim)
    assign([v for row in found.rows for v in row], _numbers(module.weight))
    return found


_HERE: dict[str, Callable[[str, Any], Module]] = {
    "Linear": _linear_here,
    "Dropout": lambda path, module: Dropout(module.p),
    "LayerNorm": _layer_norm_here,
    "RMSNorm": _rms_norm_here,
    "Embedding": _embedding_here,
}
_CLASSES = tuple(dict.fromkeys(kind for kind, _ in _MODULES.values()))


def _refuse_unless(path: str, module: Any, is_taken: bool, how: str) -> None:
    if not is_taken:
        raise TypeError(f"from_torch takes {type(module).__name__} {how}; {path} is {module}.")


def _layer(module: Any, activation: str) -> Layer:
    found = Layer(module.in_features, module.out_features, activation=activation, init="zeros")
    _take(found, module)
    return found


def _take(layer: Layer, module: Any) -> None:
    assign([w for neuron in layer.neurons for w in neuron.w], _numbers(module.weight))
    assign([neuron.b for neuron in layer.neurons], _numbers(module.bias))


def _numbers(tensor: Any) -> Any:
    return tensor.detach().double().cpu().numpy().ravel()


def _fill(parameter: Any, numbers: Any) -> None:
    """Set a parameter of PyTorch, to the last bit."""
    torch = _torch()
    with torch.no_grad():
        parameter.copy_(torch.tensor(numbers, dtype=torch.float64))


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            'The bridge needs PyTorch, which is not installed: pip install "glassgrad[torch]".'
        ) from error
    return torch
