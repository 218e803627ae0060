"""A projection: a layer without biases and activation, which is a matrix and no more."""

from __future__ import annotations

from glassgrad.engine import Value, dot
from glassgrad.nn.checks import whole
from glassgrad.nn.initialisers import Init
from glassgrad.nn.modules.inputs import Inputs, converted
from glassgrad.nn.modules.matrix import matrix
from glassgrad.nn.modules.module import Module
from glassgrad.nn.seed import Seed


class Projection(Module):
    """W·x: a matrix of weights, without a bias.

    Args:
        nin: the number of inputs.
        nout: the number of outputs.
        seed: see `Neuron`; one row is drawn after the other.
        init: see `Neuron`.

    Attributes:
        w: the rows of the matrix, `nout` lists of `nin` Values.

    Raises:
        ValueError: a size is below 1, or there is no initialiser of that name.
        TypeError: an argument is of a wrong type.

    Example:
        >>> from glassgrad import Projection
        >>> len(Projection(3, 2)([1.0, 2.0, 3.0]))
        2
    """

    def __init__(self, nin: int, nout: int, *, seed: Seed = None, init: Init = "torch") -> None:
        nin, nout = whole(nin, "Projection(nin=...)"), whole(nout, "Projection(nout=...)")
        self.w = matrix(nout, nin, "w", seed, init)

    def forward(self, x: Inputs) -> list[Value]:
        """The outputs for one vector, a list of Values.

        Raises:
            ValueError: `x` has another number of inputs than the matrix.
            TypeError: an input is neither a Value nor a real number.

        >>> from glassgrad import Projection
        >>> Projection(1, 1, init="zeros").forward([3.0])[0].data
        0.0
        """
        inputs = converted(self, len(self.w[0]), x)
        return [dot(row, inputs) for row in self.w]

    def extra_repr(self) -> str:
        """The sizes: "3 → 2".

        >>> from glassgrad import Projection
        >>> Projection(3, 2).extra_repr()
        '3 → 2'
        """
        return f"{len(self.w[0])} → {len(self.w)}"
