"""A recurrent cell: a layer that sees its own last outputs, and so remembers a sequence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glassgrad.engine import Value, as_value
from glassgrad.engine.text import describe
from glassgrad.engine.tree import is_sequence, listed
from glassgrad.nn.checks import true_or_false, whole
from glassgrad.nn.initialisers import Init
from glassgrad.nn.modules.inputs import Converted, Inputs, converted
from glassgrad.nn.modules.layers import Layer
from glassgrad.nn.modules.module import Module
from glassgrad.nn.seed import Seed


class RecurrentCell(Module):
    """tanh(W·x + U·h + b): the next state from an input x and the last state h (Elman 1990).

    It is one layer of neurons on x and h side by side: of the weights of each neuron the first
    `nin` are a row of W, the others a row of U.

    Args:
        nin: the number of inputs.
        nhidden: how many numbers the state has, one for each neuron.
        seed: see `Neuron`.
        init: see `Neuron`; the fan-in is `nin` + `nhidden`.

    Attributes:
        layer: the layer of `nhidden` neurons.

    Raises:
        ValueError: a size is below 1, or there is no initialiser of that name.
        TypeError: an argument is of a wrong type.

    Example:
        >>> from glassgrad import RecurrentCell
        >>> cell = RecurrentCell(2, 3, seed=0)
        >>> cell
        RecurrentCell(2 → 3, 18 parameters)
        >>> h = cell([1.0, -1.0])
        >>> h = cell([0.5, 0.0], h)
        >>> [v.data for v in h] == [v.data for v in cell.run([[1.0, -1.0], [0.5, 0.0]])]
        True
    """

    def __init__(self, nin: int, nhidden: int, *, seed: Seed = None, init: Init = "torch") -> None:
        nin = whole(nin, "RecurrentCell(nin=...)")
        nhidden = whole(nhidden, "RecurrentCell(nhidden=...)")
        self.layer = Layer(nin + nhidden, nhidden, seed=seed, init=init)

    @property
    def nin(self) -> int:
        """The number of inputs.

        >>> from glassgrad import RecurrentCell
        >>> RecurrentCell(2, 3).nin
        2
        """
        return self.layer.nin - self.layer.nout

    @property
    def nhidden(self) -> int:
        """How many numbers the state has.

        >>> from glassgrad import RecurrentCell
        >>> RecurrentCell(2, 3).nhidden
        3
        """
        return self.layer.nout

    def forward(self, x: Inputs, h: Inputs | None = None) -> list[Value]:
        """The next state, a list of Values.

        Args:
            x: the input.
            h: the last state; None is the state before the first input, all 0.

        Raises:
            ValueError: there are more or fewer numbers than the cell takes.
            TypeError: an input is neither a Value nor a real number.

        >>> from glassgrad import RecurrentCell
        >>> len(RecurrentCell(2, 3).forward([1.0, -1.0]))
        3
        """
        state = self._state(h)
        outputs = self.layer(Converted((*converted(self, self.nin, x), *state)))
        return list(outputs) if isinstance(outputs, list) else [outputs]

    def run(self, xs: Iterable[Inputs], h: Inputs | None = None, *, every: bool = False) -> Any:
        """The state after a sequence of inputs.

        Args:
            xs: the inputs, at least one.
            h: the state before them; None is all 0.
            every: whether to give the state after each input, a list of lists.

        Raises:
            ValueError: there are no inputs, or one has more or fewer numbers than the cell takes.
            TypeError: there is no sequence, an input is neither a Value nor a real number, or
                `every` is neither True nor False.

        >>> from glassgrad import RecurrentCell
        >>> states = RecurrentCell(1, 3).run([[1.0], [2.0]], every=True)
        >>> len(states), len(states[0])
        (2, 3)
        """
        every = true_or_false(every, "RecurrentCell.run(every=...)")
        if not is_sequence(xs):
            raise TypeError(
                f"{self!r}.run(...) takes a sequence of inputs, not {describe(xs)}. Call the cell "
                "itself for one input."
            )
        states = []
        for x in listed(xs, repr(self)):
            h = self(x, h)
            states.append(h)
        if not states:
            raise ValueError("A sequence of no inputs leads to no state; give at least one input.")
        return states if every else states[-1]

    def _state(self, h: Inputs | None) -> tuple[Value, ...]:
        if h is None:
            h = [0.0] * self.nhidden
        if not is_sequence(h):
            raise TypeError(
                f"{self!r} takes a last state that is a list of numbers, not {describe(h)}."
            )
        numbers = listed(h, repr(self))
        if len(numbers) != self.nhidden:
            raise ValueError(
                f"{self!r} takes a last state of {self.nhidden}: what it gave for the last input."
            )
        return tuple([as_value(v, type(self).__name__) for v in numbers])

    def extra_repr(self) -> str:
        """The sizes: "2 → 3".

        >>> from glassgrad import RecurrentCell
        >>> RecurrentCell(2, 3).extra_repr()
        '2 → 3'
        """
        return f"{self.nin} → {self.nhidden}"
