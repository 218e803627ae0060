"""What both ways over the bridge share: the activations there and here, and what is refused."""

from __future__ import annotations

from typing import Any

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
    """PyTorch, loaded when it is asked for.

    Raises:
        ImportError: it is not installed; the message says how to install it.

    >>> from glassgrad.nn.bridges.torch_table import torch_here
    >>> torch_here().__name__
    'torch'
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            'The bridge needs PyTorch, which is not installed: pip install "glassgrad[torch]".'
        ) from error
    return torch


def refuse_own_forward(way: str, path: str, module: object) -> None:
    """Refuse a module that computes something else than its class says.

    Args:
        way: "to_torch" or "from_torch", for the error.
        path: where the module is, for the error.
        module: the module, of ours or of PyTorch.

    Raises:
        TypeError: it has a forward of its own.

    >>> from glassgrad import Neuron
    >>> from glassgrad.nn.bridges.torch_table import refuse_own_forward
    >>> refuse_own_forward("to_torch", "Neuron", Neuron(1))
    """
    if "forward" in getattr(module, "__dict__", {}):
        raise TypeError(
            f"{way} does not know {path}: it has a forward of its own, beside that of "
            f"{type(module).__name__}."
        )
