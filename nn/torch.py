"""The bridge to PyTorch: the same network there, with the same numbers, and back.

    pip install "glassgrad[torch]"

Over it go neurons, layers and activations in a row. What PyTorch computes for a batch,
`to_torch(model)(tensor)`, is what the model gives sample by sample, gradients included, to the last
digits; PyTorch works in float64 then, as we do. `ACTIVATIONS_THERE` says which activation is what.
On the way back only what is exactly a class of `torch.nn` comes over: a class derived from one may
compute something else, and so may a module with hooks. Whatever wants all parameters in one array
instead, such as SciPy's optimisers, reads them with `glassgrad.data_vector(model.parameters())` and
writes them back with `glassgrad.assign`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from glassgrad.engine import Value, assign
from glassgrad.engine.text import describe, function_name, with_article
from glassgrad.engine.value import set_frozen
from glassgrad.nn.dense import MLP, Layer, Neuron, linear
from glassgrad.nn.layers import Elementwise, Sequential
from glassgrad.nn.module import Module
from glassgrad.nn.saving import build_of

ACTIVATIONS_THERE: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {"alpha": 1.0}),
    "silu": ("SiLU", {}),
    "gelu": ("GELU", {"approximate": "none"}),
    "gelu_tanh": ("GELU", {"approximate": "tanh"}),
    "softplus": ("Softplus", {"beta": 1.0, "threshold": 40.0}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
}
"""Activations by name: the class of PyTorch, and with which settings it is the same function.

PyTorch's softplus is the line from its threshold on; at 20, its choice, it still differs by 2e-9
from it, and a lower one makes another function of it.
"""
_CLASSES = tuple(dict.fromkeys(kind for kind, _ in ACTIVATIONS_THERE.values()))
_SOFTPLUS_THRESHOLD = 20.0


def torch_here() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            'The bridge needs PyTorch, which is not installed: pip install "glassgrad[torch]".'
        ) from error
    return torch


# There.


def to_torch(model: Module) -> Any:
    """The same network as a `torch.nn.Module` of float64, with the same numbers.

    It takes a batch of shape (samples, inputs); one output stands in a column of its own.

    The model is made of `Neuron`, `Layer`, `MLP`, `Sequential` and activations by name. Any other
    part, one that was changed so that a file could not say it, and a parameter of two places are a
    TypeError that names the place.

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
    used: set[Value] = set()
    parts = [
        there
        for path, part in _parts_of(model, type(model).__name__)
        for there in _there(torch, part, path, used)
    ]
    is_row = len(parts) > 1 or isinstance(model, (MLP, Sequential))
    found = torch.nn.Sequential(*parts) if is_row else parts[0]
    return found.train(model.training)


def _parts_of(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The parts inside nested rows, each as its constructor made it, with their paths."""
    name = {MLP: "layers", Sequential: "parts"}.get(type(part))
    if name is None:
        if type(part) not in (Neuron, Layer, Elementwise):
            raise _not_there(path, f"it is {describe(part)}")
        if build_of(part) is None:
            raise _not_there(path, "it was changed, or has an activation of your own")
        yield path, part
        return
    row = getattr(part, name)
    if "forward" in vars(part) or not row:
        raise _not_there(path, "it has a forward of its own, or no parts")
    for i, inner in enumerate(row):
        yield from _parts_of(inner, f"{path}.{name}.{i}")


def _there(torch: Any, part: Any, path: str, used: set[Value]) -> Iterator[Any]:
    if not isinstance(part, Elementwise):
        neurons = [part] if isinstance(part, Neuron) else part.neurons
        made = torch.nn.Linear(part.nin, len(neurons)).double()
        _fill(torch, made.weight, [*chain(*[neuron.w for neuron in neurons])], path, used)
        _fill(torch, made.bias, [neuron.b for neuron in neurons], path, used)
        yield made
    if part.activation is not linear:
        name = function_name(part.activation)
        if name not in ACTIVATIONS_THERE:
            raise _not_there(path, f"its activation is {name}")
        kind, settings = ACTIVATIONS_THERE[name]
        yield getattr(torch.nn, kind)(**settings)


def _fill(torch: Any, there: Any, values: list[Value], path: str, used: set[Value]) -> None:
    """Set a parameter of PyTorch, to the last bit, from parameters that none else is made of."""
    if not used.isdisjoint(values):
        raise _not_there(path, "it uses a parameter that stands in two places")
    used.update(values)
    frozen = {value.is_frozen for value in values}
    if len(frozen) > 1:
        raise _not_there(path, "of numbers that are one tensor there, some are frozen")
    there.requires_grad_(True not in frozen)
    with torch.no_grad():
        numbers = [value.data for value in values]
        there.copy_(torch.tensor(numbers, dtype=there.dtype).reshape(there.shape))


def _not_there(path: str, why: str) -> TypeError:
    return TypeError(
        f"to_torch does not know {path}: {why}. It takes Neuron, Layer, MLP and Sequential as "
        f"they were made, and the activations linear, {', '.join(ACTIVATIONS_THERE)}."
    )


# And back.


def from_torch(module: Any) -> Module:
    """The same network with our modules: an `MLP` if layers alternate with activations.

    Other chains become a `Sequential`, a `Linear` by itself a `Layer`; an `Identity` is left out.
    Numbers of float32 stay exactly what they are, and Python's global `random` is left alone.

    The module is a `Sequential` of `Linear` with a bias, activations and `Identity`, or one of
    these that computes something; of exactly these classes. Anything else, hooks, settings that
    ours do not have, and a parameter of two parts are a TypeError that names the place.

    >>> from glassgrad import MLP, from_torch, to_torch
    >>> model = MLP(2, [3, 1], seed=0)
    >>> again = from_torch(to_torch(model))
    >>> again, again.state_dict() == model.state_dict()
    (MLP(2 → 3 → 1, tanh, 13 parameters), True)
    """
    torch = torch_here()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch takes a torch.nn.Module, not {describe(module)}.")
    used: set[int] = set()
    parts = [_here(torch, *each, used) for each in _modules_of(torch, module, "")]
    if not parts:
        raise _not_here(type(module).__name__, "it computes nothing")
    is_layer = isinstance(parts[0], Layer) and type(module) is not torch.nn.Sequential
    found = parts[0] if is_layer else _as_mlp(parts) or Sequential(*parts)
    return found.train(module.training)


_CHANGING = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "parametrizations",
)
"""What may make a module compute something else than its class says."""


def _modules_of(torch: Any, module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules inside nested Sequentials, with their paths, in each of their places; none for
    Identity.
    """
    where = path or type(module).__name__
    if any(getattr(module, name, None) for name in _CHANGING) or "forward" in vars(module):
        raise _not_here(where, "it has hooks, parametrizations or a forward of its own")
    if type(module) is torch.nn.Sequential:
        for name, part in module._modules.items():
            yield from _modules_of(torch, part, f"{path}.{name}" if path else name)
    elif type(module) is not torch.nn.Identity:
        yield where, module


def _here(torch: Any, path: str, module: Any, used: set[int]) -> Layer | Elementwise:
    if type(module) is not torch.nn.Linear or module.bias is None:
        return Elementwise(_activation_here(torch, path, module))
    tensors = module.weight, module.bias
    if not used.isdisjoint(map(id, tensors)):
        raise _not_here(path, "it uses a parameter that stands in two places")
    used.update(map(id, tensors))
    if any(tensor.is_meta or not tensor.dtype.is_floating_point for tensor in tensors):
        raise _not_here(path, "its parameters are no real numbers, or on the device meta")
    # Zeros leave the generator of the user alone.
    layer = Layer(*module.weight.shape[::-1], activation="linear", init="zeros")
    weights, biases = (tensor.detach().double().cpu() for tensor in tensors)
    assign(layer.parameters(), torch.cat([weights, biases[:, None]], 1).numpy().ravel())
    for neuron in layer.neurons:
        set_frozen(neuron.w, not module.weight.requires_grad)
        set_frozen([neuron.b], not module.bias.requires_grad)
    return layer


def _activation_here(torch: Any, path: str, module: Any) -> str:
    for name, (kind, settings) in ACTIVATIONS_THERE.items():
        if type(module) is getattr(torch.nn, kind) and all(
            getattr(module, setting) == value
            or (setting == "threshold" and module.threshold >= _SOFTPLUS_THRESHOLD)
            for setting, value in settings.items()
        ):
            return name
    name, home = type(module).__name__, type(module).__module__
    raise _not_here(path, f"it is {with_article(name)} of {home}, {module}")


def _not_here(path: str, why: str) -> TypeError:
    return TypeError(
        f"from_torch does not know {path}: {why}. It takes these classes of torch.nn, not those "
        "derived from them: Sequential, Identity, Linear with a bias, and with the settings of "
        f"ours {', '.join(_CLASSES)}."
    )


def _as_mlp(parts: list[Any]) -> MLP | None:
    """An MLP, if layers take turns with activations, all the same but for the last; else None."""
    layers, bends = parts[::2], parts[1::2]
    kinds = {*map(type, layers)}, {*map(type, bends)}
    hidden = {bend.activation for bend in bends[: len(layers) - 1]}
    if kinds[0] != {Layer} or not kinds[1] <= {Elementwise} or len(hidden) > 1:
        return None
    for layer, bend in zip(layers, bends):
        layer.activation = bend.activation
    model = MLP(layers[0].nin, [layer.nout for layer in layers], init="zeros")
    model.layers = layers
    return model
