"""The way back over the bridge: a network of PyTorch with our modules. See `to_torch.py`.

Only what is exactly a class of `torch.nn` comes over: a class derived from one may compute
something else, and so may a module with hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from glassgrad.engine import assign
from glassgrad.engine.text import describe, with_article
from glassgrad.nn.bridges.torch_table import (
    ACTIVATIONS_THERE,
    SOFTPLUS_THRESHOLD,
    refuse_own_forward,
    torch_here,
)
from glassgrad.nn.modules.dropout import Dropout
from glassgrad.nn.modules.embedding import Embedding
from glassgrad.nn.modules.layers import MLP, Layer
from glassgrad.nn.modules.module import Module
from glassgrad.nn.modules.norms import LayerNorm, RMSNorm
from glassgrad.nn.modules.projection import Projection
from glassgrad.nn.modules.sequential import Sequential

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def from_torch(module: Any) -> Module:
    """The same network with our modules: an `MLP` if layers alternate with activations.

    Other chains become a `Sequential`, a `Linear` by itself a `Layer`. One without biases becomes a
    `Projection`, in a `Sequential` also where it is alone; an `Identity` is left out. Numbers of
    float32 stay exactly what they are. Each part is being trained, or in use, as it is there.

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
    assign([w for row in found.w for w in row], _numbers(module.weight))
    return found


def _dropout_here(path: str, module: Any) -> Dropout:
    _refuse_unless(path, module, module.p < 1.0, "with p below 1")
    return Dropout(module.p)


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
    count, size = module.weight.shape
    found = Embedding(count, size, init="zeros")
    assign([v for row in found.rows for v in row], _numbers(module.weight))
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
    assign([w for neuron in layer.neurons for w in neuron.w], _numbers(module.weight))
    assign([neuron.b for neuron in layer.neurons], _numbers(module.bias))


def _numbers(tensor: Any) -> Any:
    return tensor.detach().double().cpu().numpy().ravel()
