"""Layers of sequences: a recurrent one, and attention.

    RecurrentCell   a layer that sees its own last outputs, and so remembers a sequence
    AttentionHead   each place of a sequence looks at others, and takes what it looks for

What they take, give and raise, and what `nin`, `seed` and `init` are, is said in `dense.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from glassgrad.engine import Value, as_value, dot, softmax
from glassgrad.engine.misuse import whole
from glassgrad.engine.text import describe
from glassgrad.engine.tree import is_sequence, listed
from glassgrad.nn.checks import true_or_false
from glassgrad.nn.dense import Converted, Inputs, Layer, converted
from glassgrad.nn.initialisers import Init, Seed, generator
from glassgrad.nn.layers import Projection
from glassgrad.nn.module import Module
from glassgrad.nn.saving import buildable


@buildable
class RecurrentCell(Module):
    """tanh(W·x + U·h + b): the next state from an input x and the last state h (Elman 1990).

    It is one layer of neurons on x and h side by side: of the weights of each neuron the first
    `nin` are a row of W, the others a row of U.

    Args:
        nhidden: how many numbers the state has, one for each neuron.
        init: see `Neuron`; the fan-in is `nin` + `nhidden`.

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
        """The number of inputs."""
        return self.layer.nin - self.layer.nout

    @property
    def nhidden(self) -> int:
        """How many numbers the state has."""
        return self.layer.nout

    def forward(self, x: Inputs, h: Inputs | None = None) -> list[Value]:
        """The next state from an input and the last state; None is the first one, all 0."""
        state = self._state(h)
        outputs = self.layer(Converted((*converted(self, self.nin, x), *state)))
        return list(outputs) if isinstance(outputs, list) else [outputs]

    def run(self, xs: Iterable[Inputs], h: Inputs | None = None, *, every: bool = False) -> Any:
        """The state after a sequence of inputs, at least one, from a state before them; or `every`
        state on the way, a list of lists.
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

    def _config(self) -> dict[str, Any]:
        return {"nin": self.nin, "nhidden": self.nhidden}

    def extra_repr(self) -> str:
        return f"{self.nin} → {self.nhidden}"


@buildable
class AttentionHead(Module):
    """Each vector of a sequence becomes a mean of values, weighed by softmax(query · key / √size).

    The query of a vector says what it looks for, its key what can be found there, its value what
    is then taken along (Vaswani et al. 2017, section 3.2.1).

    Args:
        nin: how many numbers each vector has.
        size: how many numbers `queries`, `keys`, `values` make of it, and so the outputs have.
        causal: whether a vector looks only at itself and those before it, as to predict what
            comes next it must.

    >>> from glassgrad import AttentionHead
    >>> head = AttentionHead(2, 3, seed=0)
    >>> head
    AttentionHead(2 → 3, causal, 18 parameters)
    >>> outputs = head([[1.0, 0.0], [0.0, 1.0]])
    >>> len(outputs), len(outputs[0])
    (2, 3)
    """

    def __init__(
        self, nin: int, size: int, *, causal: bool = True, seed: Seed = None, init: Init = "torch"
    ) -> None:
        self.causal = true_or_false(causal, "AttentionHead(causal=...)")
        nin = whole(nin, "AttentionHead(nin=...)")
        size = whole(size, "AttentionHead(size=...)")
        source = generator(seed)
        self.queries = Projection(nin, size, seed=source, init=init)
        self.keys = Projection(nin, size, seed=source, init=init)
        self.values = Projection(nin, size, seed=source, init=init)

    def forward(self, vectors: Iterable[Inputs]) -> list[list[Value]]:
        """An output for each vector of a sequence, of at least one: a list of lists of Values."""
        inputs = self._sequence(vectors)
        queries = [self.queries(x) for x in inputs]
        keys = [self.keys(x) for x in inputs]
        values = [self.values(x) for x in inputs]
        outputs = []
        for i, query in enumerate(queries):
            seen = i + 1 if self.causal else len(inputs)
            scores = [dot(query, key) / sqrt(len(query)) for key in keys[:seen]]
            shares = softmax(scores)
            outputs.append([dot(shares, column) for column in zip(*values[:seen])])
        return outputs

    def _sequence(self, vectors: Iterable[Inputs]) -> list[Converted]:
        found = listed(vectors, repr(self)) if is_sequence(vectors) else [vectors]
        if not all(map(is_sequence, found)):
            raise TypeError(
                f"{self!r} takes a sequence of vectors, a list of lists, not {describe(vectors)}."
            )
        if not found:
            raise ValueError(f"{self!r} takes a sequence of at least one vector.")
        return [converted(self, len(self.queries.w[0]), x) for x in found]

    def _config(self) -> dict[str, Any]:
        nin, size = len(self.queries.w[0]), len(self.queries.w)
        return {"nin": nin, "size": size, "causal": self.causal}

    def extra_repr(self) -> str:
        return f"{self.queries.extra_repr()}{', causal' * self.causal}"
