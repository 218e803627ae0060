"""The bridge to PyTorch: the same network there, with the same numbers, and back.

    pip install "glassgrad[torch]"

What PyTorch computes for a batch, `to_torch(model)(tensor)`, is what the model gives sample by
sample, gradients included, to the last digits; PyTorch works in float64 then, as we do. Each part
is being trained, in use or frozen as it was. `PAIRS` and `ACTIVATIONS_THERE` say what is what. On
the way back only what is exactly a class of `torch.nn` comes over: a class derived from one may
compute something else, and so may a module with hooks. Whatever wants all parameters in one array
instead, such as SciPy's optimisers, reads them with `glassgrad.data_vector(model.parameters())` and
writes them back with `glassgrad.assign`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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


class Pair(NamedTuple):
    """A class of ours and one of `torch.nn`, which are made with the same sizes.

    Attributes:
        tensors: by the names of the tensors there, the attributes that hold their numbers here.
        settings: by the names of arguments and attributes there, those here.
        here, there: other arguments to make ours, and theirs.
        wanted: what one of theirs has to be, by how a refusal says so.
    """

    ours: type[Module]
    theirs: str
    tensors: Mapping[str, str] = {}
    settings: Mapping[str, str] = {}
    here: Mapping[str, Any] = {}
    there: Mapping[str, Any] = {}
    wanted: Mapping[str, Callable[[Any], bool]] = {}

    def numbers(self, part: Any) -> dict[str, Any]:
        """The parameters of one of ours by the names of the tensors there."""
        if self.ours is Layer:
            found = {name: [getattr(n, name) for n in part.neurons] for name in ("w", "b")}
            return {there: found[here] for there, here in self.tensors.items()}
        return {there: getattr(part, here) for there, here in self.tensors.items()}

    def made_there(self, nn: Any, part: Any) -> Any:
        """One of theirs like one of ours, of float64 and with other numbers."""
        rows = self.numbers(part).get("weight", [])
        inner = [len(rows[0])] if rows and isinstance(rows[0], list) else []
        shape = [len(rows), *inner] if self.tensors else []
        settings = {there: getattr(part, here) for there, here in self.settings.items()}
        made = getattr(nn, self.theirs)(*self._sizes(shape), **settings, **self.there)
        return made.double()

    def made_here(self, module: Any) -> Module:
        """One of ours like one of theirs, with other numbers."""
        shape = module.weight.shape if self.tensors else []
        settings = {here: getattr(module, there) for there, here in self.settings.items()}
        return self.ours(*self._sizes(shape), **settings, **self.here)

    def _sizes(self, shape: Sequence[int]) -> Sequence[int]:
        return shape[::-1] if self.theirs == "Linear" else shape  # PyTorch has outputs first


_ZEROS = {"init": "zeros"}  # which leaves the generator of the user alone
_FLAT = {"over one axis": lambda norm: len(norm.normalized_shape) == 1}
_BOTH = {"with gains and biases": lambda norm: norm.weight is not None and norm.bias is not None}
_GAINS = {"with gains and an eps": lambda norm: norm.weight is not None and norm.eps is not None}
_PLAIN = {
    "without padding_idx, max_norm, scale_grad_by_freq": lambda table: (
        table.padding_idx is table.max_norm is None and not table.scale_grad_by_freq
    )
}
_EPS = {"eps": "eps"}
PAIRS = (
    Pair(Layer, "Linear", {"weight": "w", "bias": "b"}, here={"activation": "linear", **_ZEROS}),
    Pair(Dropout, "Dropout", settings={"p": "rate"}, wanted={"with p below 1": lambda d: d.p < 1}),
    Pair(LayerNorm, "LayerNorm", {"weight": "gain", "bias": "bias"}, _EPS, wanted=_FLAT | _BOTH),
    Pair(RMSNorm, "RMSNorm", {"weight": "gain"}, _EPS, wanted=_FLAT | _GAINS),
    Pair(Embedding, "Embedding", {"weight": "rows"}, here=_ZEROS, wanted=_PLAIN),
    # Of a Linear that has no bias:
    Pair(Projection, "Linear", {"weight": "w"}, here=_ZEROS, there={"bias": False}),
)

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
_CLASSES = tuple(dict.fromkeys(kind for kind, _ in ACTIVATIONS_THERE.values()))

_PRECISE: dict[str, dict[str, Any]] = {"softplus": {"threshold": 40.0}}
"""PyTorch's softplus is the line from its threshold on; at 20, its choice, it still differs by 2e-9
from it, and a lower one makes another function of it."""
_SOFTPLUS_THRESHOLD = 20.0
_EMPTY = "to_torch takes no {} that is empty: it computes nothing."


def torch_here() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            'The bridge needs PyTorch, which is not installed: pip install "glassgrad[torch]".'
        ) from error
    return torch


def _refuse_own_forward(way: str, path: str, module: object) -> None:
    if "forward" in getattr(module, "__dict__", {}):
        raise TypeError(
            f"{way} does not know {path}: it has a forward of its own, beside that of "
            f"{type(module).__name__}."
        )


# There.


def to_torch(model: Module) -> Any:
    """The same network as a `torch.nn.Module` of float64, with the same numbers.

    It takes a batch of shape (samples, inputs); one output stands in a column of its own.

    The model is made of `Neuron`, `Layer`, `MLP`, `Sequential`, `Dropout`, `LayerNorm`, `RMSNorm`,
    `Embedding`, `Projection` and activations by name. Any other part, one that was changed so that
    it computes something else, and a parameter of two places are a TypeError that names the place.

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
    parts = list(_parts_there(torch, model, type(model).__name__, set()))
    if len(parts) == 1:
        return parts[0]
    there = torch.nn.Sequential(*parts)
    there.training = model.training  # and each part as it is
    return there


def _parts_there(torch: Any, part: Any, path: str, used: set[Value]) -> Iterator[Any]:
    _refuse_own_forward("to_torch", path, part)
    kind = type(part)
    if kind not in (MLP, Sequential):
        for there in _made_there(torch, part, path, used):
            there.training = part.training
            yield there
        return
    name = "layers" if kind is MLP else "parts"
    if not getattr(part, name):
        raise TypeError(_EMPTY.format(f"{path}.{name}"))
    for i, inner in enumerate(getattr(part, name)):
        yield from _parts_there(torch, inner, f"{path}.{name}.{i}", used)


def _made_there(torch: Any, part: Any, path: str, used: set[Value]) -> Iterator[Any]:
    kind = type(part)
    if kind is Elementwise:
        yield from _activation_there(torch, part.activation, path)
        return
    if kind is Neuron:
        part, neuron = Layer(1, 1, init="zeros"), part
        part.neurons, kind = [neuron], Layer
    pair = next((pair for pair in PAIRS if pair.ours is kind), None)
    if pair is None:
        raise _unknown(part, path)
    if kind is Layer:
        _check_neurons(part.neurons, path)
    there = pair.made_there(torch.nn, part)
    for name, values in pair.numbers(part).items():
        _fill(torch, getattr(there, name), values, path, used)
    yield there
    if kind is Layer:
        yield from _activation_there(torch, part.neurons[0].activation, path)


def _check_neurons(neurons: Sequence[Neuron], path: str) -> None:
    for i, neuron in enumerate(neurons):
        _refuse_own_forward("to_torch", f"{path}.neurons.{i}", neuron)
        if type(neuron) is not Neuron:
            raise _unknown(neuron, f"{path}.neurons.{i}")
    if not neurons or not neurons[0].w:
        raise TypeError(_EMPTY.format(path))
    if len({len(neuron.w) for neuron in neurons}) > 1:
        raise TypeError(
            f"to_torch does not know {path}: its neurons have several numbers of inputs."
        )
    if any(neuron.activation is not neurons[0].activation for neuron in neurons):
        raise TypeError(f"to_torch does not know {path}: its neurons have several activations.")


def _activation_there(torch: Any, function: Callable[..., Any], path: str) -> Iterator[Any]:
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
    yield getattr(torch.nn, kind)(**settings, **_PRECISE.get(name, {}))


def _fill(torch: Any, there: Any, given: Any, path: str, used: set[Value]) -> None:
    """Set a parameter of PyTorch, to the last bit, from parameters that none else is made of."""
    values = list(leaves_of(given))
    for value in values:
        if not is_parameter(value):
            raise TypeError(
                f"to_torch does not know {path}: one of its numbers is no parameter, but a "
                "constant, or computed from others."
            )
        if value in used:
            raise TypeError(
                f"to_torch takes no model that uses a parameter in two places, as {path} does."
            )
        used.add(value)
    frozen = {value.is_frozen for value in values}
    if len(frozen) > 1:
        raise TypeError(
            f"to_torch does not know {path}: of numbers that are one tensor there, some are "
            "frozen. Freeze all of them, or none."
        )
    there.requires_grad_(True not in frozen)
    rows = given if there.dim() == 2 else [given]
    if any(len(row) != there.shape[-1] for row in rows):
        raise TypeError(f"to_torch does not know {path}: its rows have several lengths.")
    with torch.no_grad():
        numbers = [value.data for value in values]
        there.copy_(torch.tensor(numbers, dtype=there.dtype).reshape(there.shape))


def _unknown(part: Any, path: str) -> TypeError:
    ours = dict.fromkeys((Neuron, Layer, MLP, Sequential, *(pair.ours for pair in PAIRS)))
    return TypeError(
        f"to_torch does not know {path}, which is {describe(part)}. It takes "
        f"{', '.join(kind.__name__ for kind in ours)} and activations by name."
    )


# And back.


def from_torch(module: Any) -> Module:
    """The same network with our modules: an `MLP` if layers alternate with activations.

    Other chains become a `Sequential`, a `Linear` by itself a `Layer`. One without biases becomes a
    `Projection`, in a `Sequential` also where it is alone; an `Identity` is left out. Numbers of
    float32 stay exactly what they are, and Python's global `random` is left alone.

    The module is a `Sequential` of `Linear`, activations, `Dropout`, `LayerNorm`, `RMSNorm`,
    `Embedding` and `Identity`, or one of these that computes something; of exactly these classes.
    Anything else, hooks, settings that ours do not have, and a parameter of two parts are a
    TypeError that names the place.

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
    if _pair_of(torch, module) is PAIRS[0]:
        return _taken(PAIRS[0].made_here(module), PAIRS[0], module)
    found = _as_mlp(torch, named) or Sequential(*(_part_here(torch, *each) for each in named))
    found.training = module.training  # and each part as it is
    return found


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _leaves(torch: Any, module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules inside nested Sequentials, with their paths, in each of their places; none for
    Identity.
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
    _refuse_own_forward("from_torch", path, module)


def _refuse_odd_parameters(named: list[tuple[str, Any]]) -> None:
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


def _pair_of(torch: Any, module: Any) -> Pair | None:
    for pair in PAIRS:
        is_kind = type(module) is getattr(torch.nn, pair.theirs)
        if is_kind and (pair.ours is not Layer or module.bias is not None):
            return pair
    return None


def _as_mlp(torch: Any, named: list[tuple[str, Any]]) -> MLP | None:
    """An MLP, if there are only layers with the same activation between them; else None."""
    layers: list[tuple[Any, str]] = []
    for path, module in named:
        if _pair_of(torch, module) is PAIRS[0]:
            layers.append((module, "linear"))
        elif not layers or layers[-1][1] != "linear":
            return None
        elif activation := _activation_here(torch, path, module):
            layers[-1] = layers[-1][0], activation
        else:
            return None
    hidden = {activation for _, activation in layers[:-1]}
    if not layers or len(hidden) > 1:
        return None
    sizes = [len(module.weight) for module, _ in layers]
    nin, output = layers[0][0].weight.shape[1], layers[-1][1]
    between = hidden.pop() if hidden else output
    model = MLP(nin, sizes, activation=between, output_activation=output, init="zeros")
    for layer, (module, _) in zip(model.layers, layers):
        _taken(layer, PAIRS[0], module)
    return model


def _part_here(torch: Any, path: str, module: Any) -> Module:
    if activation := _activation_here(torch, path, module):
        return Elementwise(activation).train(module.training)
    pair = _pair_of(torch, module)
    if pair is None:
        kinds = dict.fromkeys((*(pair.theirs for pair in PAIRS), *_CLASSES))
        raise TypeError(
            f"from_torch does not know {path}, {with_article(type(module).__name__)} of "
            f"{type(module).__module__}. It takes these classes of torch.nn, not those derived "
            f"from them: Sequential, Identity, {', '.join(kinds)}."
        )
    for how, is_taken in pair.wanted.items():
        if not is_taken(module):
            raise TypeError(f"from_torch takes {pair.theirs} {how}; {path} is {module}.")
    return _taken(pair.made_here(module), pair, module)


def _taken(part: Module, pair: Pair, module: Any) -> Module:
    """One of ours with the numbers of one of theirs, in training or in use, or frozen, as that."""
    for name, values in pair.numbers(part).items():
        parameters, tensor = list(leaves_of(values)), getattr(module, name)
        assign(parameters, tensor.detach().double().cpu().numpy().ravel())
        set_frozen(parameters, not tensor.requires_grad)
    return part.train(module.training)


def _activation_here(torch: Any, path: str, module: Any) -> str | None:
    """The name of an activation, if ours is the same function; None for what is none."""
    kind = type(module).__name__
    if kind not in _CLASSES or type(module) is not getattr(torch.nn, kind):
        return None
    for name, (other, settings) in ACTIVATIONS_THERE.items():
        is_same = kind == other and all(
            getattr(module, setting) == value for setting, value in settings.items()
        )
        if is_same and (name != "softplus" or module.threshold >= _SOFTPLUS_THRESHOLD):
            return name
    raise TypeError(f"from_torch does not know {path} with these settings: {module}.")
