"""Optimisers: how parameters move along their gradients.

An optimiser holds a list of parameters. After `backward()`, `step()` moves all of them, and
`zero_grad()` clears their gradients for the next sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from engine import Value, descend, zero_grad
from engine.real import real
from engine.text import describe


class SGD:
    """Gradient descent: every parameter moves by -learning_rate × its gradient.

    Args:
        parameters: leaf Values, for example `model.parameters()`.
        learning_rate: the size of a step, positive.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: there are no parameters, or the learning rate is not positive and finite.

    Example:
        >>> from engine import Value
        >>> from nn import SGD
        >>> w = Value(3.0)
        >>> optimiser = SGD([w], learning_rate=0.1)
        >>> (w * w).backward()
        >>> optimiser.step()
        >>> w.data
        2.4
    """

    def __init__(self, parameters: Iterable[Value], learning_rate: float) -> None:
        self.parameters = list(parameters)
        for parameter in self.parameters:
            if not isinstance(parameter, Value) or parameter.parents or parameter.is_constant:
                raise TypeError(f"SGD moves leaf Values, not {describe(parameter)}.")
        if not self.parameters:
            raise ValueError("SGD of no parameters moves nothing; give model.parameters().")
        self.learning_rate = real(learning_rate, "SGD(learning_rate=...)")
        if not (self.learning_rate > 0.0 and isfinite(self.learning_rate)):
            raise ValueError(f"A learning rate is positive, not {learning_rate}.")

    def step(self) -> None:
        """Move all parameters."""
        descend(self.parameters, self.learning_rate)

    def zero_grad(self) -> None:
        """Set all gradients to 0, since `backward()` adds to them."""
        zero_grad(self.parameters)
