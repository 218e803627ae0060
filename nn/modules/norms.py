"""Norms: the numbers of one sample, scaled to a usual size before the next layer takes them.

Signals then neither fade nor explode on their way through many layers. Each number has a gain of
its own that is learned, so that nothing is lost that the network needs.
"""

from __future__ import annotations

from glassgrad.engine import Value, dot, mean
from glassgrad.nn.checks import not_negative, whole
from glassgrad.nn.modules.inputs import Inputs, converted
from glassgrad.nn.modules.module import Module


class LayerNorm(Module):
    """gain · (x - mean) / sqrt(variance + eps) + bias, with the mean and variance of one sample.

    The variance is the biased one, divided by n, as in PyTorch (Ba, Kiros and Hinton 2016).

    Args:
        size: how many numbers it takes and gives.
        eps: keeps the root away from 0, from 0 on.

    Attributes:
        gain: a factor for each number, a list of Values that begin as 1.
        bias: a summand for each number, a list of Values that begin as 0.

    Raises:
        ValueError: the size is below 1, or `eps` is negative or not finite.
        TypeError: an argument is of a wrong type.

    Example:
        >>> from glassgrad import LayerNorm
        >>> [v.data for v in LayerNorm(2, eps=0.0)([3.0, 7.0])]
        [-1.0, 1.0]
    """

    def __init__(self, size: int, eps: float = 1e-5) -> None:
        size = whole(size, "LayerNorm(size=...)")
        self.eps = not_negative(eps, "LayerNorm(eps=...)")
        self.gain = [Value(1.0, label=f"gain{i}") for i in range(size)]
        self.bias = [Value(0.0, label=f"bias{i}") for i in range(size)]

    def forward(self, x: Inputs) -> list[Value]:
        """The normalised sample, a list of Values.

        Raises:
            ValueError: `x` has another number of inputs than the norm.
            TypeError: an input is neither a Value nor a real number.

        >>> from glassgrad import LayerNorm
        >>> [v.data for v in LayerNorm(2).forward([5.0, 5.0])]
        [0.0, 0.0]
        """
        inputs = converted(self, len(self.gain), x)
        middle = mean(inputs)
        centred = [v - middle for v in inputs]
        root = (dot(centred, centred) / len(centred) + self.eps).sqrt()
        return [g * (v / root) + b for g, v, b in zip(self.gain, centred, self.bias)]

    def extra_repr(self) -> str:
        """The size.

        >>> from glassgrad import LayerNorm
        >>> LayerNorm(4).extra_repr()
        '4'
        """
        return f"{len(self.gain)}"


class RMSNorm(Module):
    """gain · x / sqrt(mean of x² + eps): like `LayerNorm`, without a mean and a bias to learn.

    As in PyTorch (Zhang and Sennrich 2019), whose `eps` is 2.2e-16 unless one is given.

    Args:
        size: how many numbers it takes and gives.
        eps: keeps the root away from 0, from 0 on.

    Attributes:
        gain: a factor for each number, a list of Values that begin as 1.

    Raises:
        ValueError: the size is below 1, or `eps` is negative or not finite.
        TypeError: an argument is of a wrong type.

    Example:
        >>> from glassgrad import RMSNorm
        >>> [v.data for v in RMSNorm(2, eps=0.0)([5.0, -5.0])]
        [1.0, -1.0]
    """

    def __init__(self, size: int, eps: float = 1e-6) -> None:
        size = whole(size, "RMSNorm(size=...)")
        self.eps = not_negative(eps, "RMSNorm(eps=...)")
        self.gain = [Value(1.0, label=f"gain{i}") for i in range(size)]

    def forward(self, x: Inputs) -> list[Value]:
        """The normalised sample, a list of Values.

        Raises:
            ValueError: `x` has another number of inputs than the norm.
            TypeError: an input is neither a Value nor a real number.

        >>> from glassgrad import RMSNorm
        >>> [v.data for v in RMSNorm(2).forward([0.0, 0.0])]
        [0.0, 0.0]
        """
        inputs = converted(self, len(self.gain), x)
        root = (dot(inputs, inputs) / len(inputs) + self.eps).sqrt()
        return [g * (v / root) for g, v in zip(self.gain, inputs)]

    def extra_repr(self) -> str:
        """The size.

        >>> from glassgrad import RMSNorm
        >>> RMSNorm(4).extra_repr()
        '4'
        """
        return f"{len(self.gain)}"
