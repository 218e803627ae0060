"""For a while, a model is being trained or in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nn.module import Module
from nn.parts import walk


@contextmanager
def training(model: Module, mode: bool) -> Iterator[None]:
    """Inside the `with` block every module in the model is being trained, or in use.

    >>> from nn import MLP
    >>> from nn.training.modes import training
    >>> model = MLP(1, [1])
    >>> with training(model, False):
    ...     model.training
    False
    >>> model.training
    True
    """
    modules = [model, *(part for _, part in walk(model) if isinstance(part, Module))]
    before = [module.training for module in modules]
    try:
        model.train(mode)
        yield
    finally:
        for module, was in zip(modules, before):
            module.training = was
