"""For a while, a model is being trained or in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from glassgrad.nn.modules.module import Module
from glassgrad.nn.modules.parts import Found


def modules_of(model: Module) -> list[Module]:
    """The model and all modules in it.

    >>> from glassgrad import Neuron
    >>> from glassgrad.nn.modules.modes import modules_of
    >>> modules_of(Neuron(1))
    [Neuron(1, tanh, 2 parameters)]
    """
    return [model, *(part for part in Found.below(model).holders if isinstance(part, Module))]


@contextmanager
def training(modules: Sequence[Module], mode: bool) -> Iterator[None]:
    """Inside the `with` block all these modules are being trained, or in use.

    >>> from glassgrad import MLP
    >>> from glassgrad.nn.modules.modes import modules_of, training
    >>> model = MLP(1, [1])
    >>> with training(modules_of(model), False):
    ...     model.training
    False
    >>> model.training
    True
    """
    before = [module.training for module in modules]
    try:
        for module in modules:
            module.training = mode
        yield
    finally:
        for module, was in zip(modules, before):
            module.training = was
