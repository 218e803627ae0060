"""Dropout: while a network is trained, numbers are left out by chance, so that none is relied on.

Where the chance comes from is in `noise.py`.
"""

from __future__ import annotations

from typing import Any

from glassgrad.engine import as_value, step
from glassgrad.engine.tree import leaves_of, like
from glassgrad.nn.checks import below_one
from glassgrad.nn.modules.module import Module
from glassgrad.nn.modules.noise import draw
from glassgrad.nn.seed import Seed, generator


class Dropout(Module):
    """Leaves each number out with some probability while it is trained; in use, gives all.

    Numbers that stay are divided by the probability to stay, so that sums keep their mean
    (Srivastava et al. 2014, section 10, "inverted dropout"): v · step(u - rate) / (1 - rate), with
    u uniform between 0 and 1, drawn anew for each number in each call.

    Args:
        rate: the probability to be left out, from 0 to below 1.
        seed: makes the chance repeatable; see `Neuron`.

    Attributes:
        rate: the probability.
        training: whether numbers are left out; `train()` and `eval()` of the model set it.

    Raises:
        ValueError: the rate is below 0, or 1 and more, as something has to stay.
        TypeError: the rate or the seed is of a wrong type.

    Example:
        >>> from glassgrad import Dropout
        >>> dropout = Dropout(0.5, seed=1)
        >>> [v.data for v in dropout([1.0, 2.0, 3.0])]
        [0.0, 4.0, 6.0]
        >>> [v.data for v in dropout.eval()([1.0, 2.0, 3.0])]
        [1.0, 2.0, 3.0]
    """

    def __init__(self, rate: float, seed: Seed = None) -> None:
        self.rate = below_one(rate, "Dropout(rate=...)")
        self.generator = generator(seed)

    def forward(self, x: Any) -> Any:
        """What is left of a number, or of each number in nested lists.

        Raises:
            TypeError: an input is neither a Value nor a real number.
            CompilationError: it is trained inside a compiled function that gives it no numbers;
                see `glassgrad.nn.modules.noise`.

        >>> from glassgrad import Dropout
        >>> Dropout(0.0).forward(3.0).data
        3.0
        """
        numbers = [as_value(v, type(self).__name__) for v in leaves_of(x)]
        if self.training and self.rate > 0.0:
            chances = draw(len(numbers), self.generator)
            numbers = [
                v * (step(u - self.rate) / (1.0 - self.rate)) for v, u in zip(numbers, chances)
            ]
        return like(x, iter(numbers))

    def extra_repr(self) -> str:
        """The rate.

        >>> from glassgrad import Dropout
        >>> Dropout(0.5).extra_repr()
        '0.5'
        """
        return f"{self.rate:g}"
