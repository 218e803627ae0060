"""Layers other than the dense ones, and parts in a row.

What they take, give and raise, and what `nin`, `nout`, `seed` and `init` are, is said in
`dense.py`; matrices are drawn row by row. Below `Dropout` is where its random numbers come from.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import sqrt
from typing import Any, TypeAlias

from glassgrad.engine import Value, as_value, dot, mean, softmax, step, where
from glassgrad.engine.context import is_traced
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import whole
from glassgrad.engine.text import describe
from glassgrad.engine.tree import is_sequence, leaves_of, like, listed, scalar_of
from glassgrad.nn.checks import (
    below_one,
    explained,
    misses,
    not_negative,
    place,
    true_or_false,
    unless_all_miss,
)
from glassgrad.nn.dense import Activation, Inputs, activation_function, converted, linear, row_of
from glassgrad.nn.initialisers import Init, Seed, generator, initialiser
from glassgrad.nn.module import Module
from glassgrad.nn.saving import buildable, reserve


def _each(module: Module, x: Any, change: Callable[[list[Value]], list[Value]]) -> Any:
    """A number, or the numbers in nested lists, changed and nested as they were."""
    return like(x, iter(change([as_value(v, type(module).__name__) for v in leaves_of(x)])))


@buildable(activation=activation_function)
class Elementwise(Module):
    """An activation as a part of its own: it bends every number it is given."""

    def __init__(self, activation: Activation) -> None:
        self.activation: Any = activation

    def forward(self, x: Any) -> Any:
        return _each(self, x, lambda numbers: [self.activation(v) for v in numbers])


Part: TypeAlias = Module | Activation
"""A module, or an activation, which bends every number."""


@buildable("parts")
class Sequential(Module):
    """Parts in a row, each on what the one before it gives.

    Parts are modules and activations, by name or as functions of the table, which bend every
    number. In the list `parts` activations have become modules. A `Layer` bends its own outputs,
    by tanh if nothing else is said: one before an activation wants `activation="linear"`.

    >>> from glassgrad import Layer, Sequential
    >>> model = Sequential(Layer(2, 3, activation="linear"), "relu", Layer(3, 1))
    >>> model
    Sequential(Layer(2 → 3, linear) → relu → Layer(3 → 1, tanh), 13 parameters)
    >>> model([1.0, 2.0]).data == model[2](model[1](model[0]([1.0, 2.0]))).data
    True
    """

    def __init__(self, *parts: Part) -> None:
        if not parts:
            raise ValueError("Sequential(...) of nothing computes nothing; give at least one part.")
        self.parts = [_part(part) for part in parts]

    def forward(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, place: int | slice) -> Any:
        """A part, or for a slice a row of the same parts."""
        if isinstance(place, slice):
            return Sequential(*self.parts[place])
        return self.parts[place]

    def extra_repr(self) -> str:
        return " → ".join(map(_in_short, self.parts))


def _part(part: Any) -> Module:
    if isinstance(part, Module):
        return part
    if isinstance(part, str) or part is linear or row_of(part) is not None:
        return Elementwise(part)
    if isinstance(part, type):
        raise TypeError(f"A part of Sequential is no class. Write {part.__name__}(...).")
    raise TypeError(
        "A part of Sequential is a module or the name of an activation, not "
        f"{describe(part)}. Write parts one by one, Sequential(*parts), and for a function a class "
        "derived from Module."
    )


def _in_short(part: Module) -> str:
    about = part.extra_repr()
    if isinstance(part, Elementwise):
        return about
    return f"{type(part).__name__}({about})" if about else type(part).__name__


def matrix(rows: int, columns: int, letter: str, seed: Seed, init: Init) -> list[list[Value]]:
    """Rows of Values, each drawn as the weights of a neuron of so many are, without its bias."""
    reserve(rows * columns)
    source, numbers = generator(seed), initialiser(init)
    drawn = [numbers.draw(columns, rows, source)[0] for _ in range(rows)]
    return [
        [Value(number, label=f"{letter}{i}_{j}") for j, number in enumerate(row)]
        for i, row in enumerate(drawn)
    ]


@buildable("nin", "nout")
class Projection(Module):
    """W·x: a matrix of weights, without a bias.

    Attributes:
        w: the rows of the matrix, `nout` lists of `nin` Values.

    >>> from glassgrad import Projection
    >>> len(Projection(3, 2)([1.0, 2.0, 3.0]))
    2
    """

    _weights = ("w",)

    @explained()
    def __init__(self, nin: int, nout: int, *, seed: Seed = None, init: Init = "torch") -> None:
        nin, nout = whole(nin, "Projection(nin=...)"), whole(nout, "Projection(nout=...)")
        self.w = matrix(nout, nin, "w", seed, init)

    @property
    def nin(self) -> int:
        """The number of inputs."""
        return len(self.w[0])

    @property
    def nout(self) -> int:
        """The number of outputs."""
        return len(self.w)

    def forward(self, x: Inputs) -> list[Value]:
        inputs = converted(self, self.nin, x)
        return [dot(row, inputs) for row in self.w]


@buildable("nin", "size", causal=true_or_false)
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

    @explained()
    def __init__(
        self, nin: int, size: int, *, causal: bool = True, seed: Seed = None, init: Init = "torch"
    ) -> None:
        self.causal = causal
        nin, size = whole(nin, "AttentionHead(nin=...)"), whole(size, "AttentionHead(size=...)")
        source = generator(seed)
        self.queries, self.keys, self.values = (
            Projection(nin, size, seed=source, init=init) for _ in range(3)
        )

    @property
    def nin(self) -> int:
        """How many numbers each vector has."""
        return self.queries.nin

    @property
    def size(self) -> int:
        """How many numbers each output has."""
        return self.queries.nout

    def forward(self, vectors: Iterable[Inputs]) -> list[list[Value]]:
        """An output for each vector of a sequence, of at least one: a list of lists of Values."""
        found = listed(vectors, repr(self), "a sequence of vectors,")
        if not found or not all(map(is_sequence, found)):
            raise ValueError(
                f"{self!r} takes a sequence of vectors, at least one: a list of lists."
            )
        inputs = [converted(self, self.nin, x) for x in found]
        queries, keys, values = (
            [part(x) for x in inputs] for part in (self.queries, self.keys, self.values)
        )
        outputs = []
        for i, query in enumerate(queries):
            seen = i + 1 if self.causal else len(inputs)
            scores = [dot(query, key) / sqrt(len(query)) for key in keys[:seen]]
            shares = softmax(scores)
            outputs.append([dot(shares, column) for column in zip(*values[:seen])])
        return outputs


@buildable("count", "size")
class Embedding(Module):
    """A table with a row for each token; a token is a whole number from 0 on.

    A plain token takes its row as it is. A token that is a Value, as in a compiled function,
    weighs all rows with 1 for its own and 0 for the others, which gives the same numbers as long as
    all of the table is finite; a Value that is none of the tokens gives nan. A nan or an infinity
    in the table makes that place of every row nan then, as 0 · nan is nan. (To choose rows without
    products takes two to three times as long.)

    Args:
        count: how many tokens there are.
        size: how many numbers stand for each.
        init: how they are drawn, see `Neuron`; "normal" is PyTorch's choice.

    Attributes:
        rows: the table, a list of `count` lists of `size` Values.

    >>> from glassgrad import Embedding
    >>> letters = Embedding(26, 3, seed=0)
    >>> letters
    Embedding(26 × 3, 78 parameters)
    >>> letters(2) == letters.rows[2]
    True
    >>> len(letters([2, 0, 1]))
    3
    """

    _weights = ("rows",)

    @explained()
    def __init__(self, count: int, size: int, *, seed: Seed = None, init: Init = "normal") -> None:
        count, size = whole(count, "Embedding(count=...)"), whole(size, "Embedding(size=...)")
        self.rows = matrix(count, size, "e", seed, init)

    @property
    def count(self) -> int:
        """How many tokens there are."""
        return len(self.rows)

    @property
    def size(self) -> int:
        """How many numbers stand for each token."""
        return len(self.rows[0])

    def forward(self, token: Any) -> list[Any]:
        """The row of a token, a list of Values; of a list of tokens the list of their rows.

        A number that is none of 0 … count - 1 is an IndexError: negative ones are no places here.
        """
        token = scalar_of(token)
        if is_sequence(token):
            return [self.forward(each) for each in listed(token, repr(self))]
        if isinstance(token, Value):
            missed = misses(token, len(self.rows))
            weights = [unless_all_miss(where(miss, 0.0, 1.0), missed) for miss in missed]
            return [dot(weights, column) for column in zip(*self.rows, strict=True)]
        role = f"Embedding({self.extra_repr()}) takes a token"
        return list(self.rows[place(token, len(self.rows), role, IndexError)])

    def extra_repr(self) -> str:
        return f"{self.count} × {self.size}"


@buildable("size", eps=not_negative)
class LayerNorm(Module):
    """gain · (x - mean) / sqrt(variance + eps) + bias, with the mean and variance of one sample.

    Numbers of a usual size neither fade nor explode from layer to layer. The variance is the biased
    one, divided by n, as in PyTorch (Ba, Kiros and Hinton 2016).

    Args:
        size: how many numbers it takes and gives.
        eps: keeps the root away from 0, from 0 on.

    Attributes:
        gain, bias: a factor and a summand for each number, Values that begin as 1 and as 0.

    >>> from glassgrad import LayerNorm
    >>> [v.data for v in LayerNorm(2, eps=0.0)([3.0, 7.0])]
    [-1.0, 1.0]
    """

    _weights = ("gain", "bias")

    @explained()
    def __init__(self, size: int, eps: float = 1e-5) -> None:
        size = whole(size, "LayerNorm(size=...)")
        self.eps = eps
        reserve(2 * size)
        self.gain = [Value(1.0, label=f"gain{i}") for i in range(size)]
        self.bias = [Value(0.0, label=f"bias{i}") for i in range(size)]

    @property
    def size(self) -> int:
        """How many numbers it takes and gives."""
        return len(self.gain)

    def forward(self, x: Inputs) -> list[Value]:
        inputs = converted(self, self.size, x)
        middle = mean(inputs)
        centred = [v - middle for v in inputs]
        variance = dot(centred, centred) / len(centred) + self.eps
        # Nan where squares overflow, as in PyTorch: what is divided by an infinite root is 0.
        root = (variance + (variance - variance)).sqrt()
        return [g * (v / root) + b for g, v, b in zip(self.gain, centred, self.bias, strict=True)]


@buildable(rate=below_one)
class Dropout(Module):
    """Leaves each number out with some probability while it is trained; in use, gives all.

    So none is relied on. Numbers that stay are divided by the probability to stay, so that sums
    keep their mean (Srivastava et al. 2014, section 10, "inverted dropout"):
    v · step(u - rate) / (1 - rate), with u uniform between 0 and 1, drawn anew for each in each
    call.

    Args:
        rate: the probability to be left out, from 0 to below 1, as something has to stay.

    >>> from glassgrad import Dropout
    >>> dropout = Dropout(0.5, seed=1)
    >>> [v.data for v in dropout([1.0, 2.0, 3.0])]
    [0.0, 4.0, 6.0]
    >>> [v.data for v in dropout.eval()([1.0, 2.0, 3.0])]
    [1.0, 2.0, 3.0]
    """

    @explained()
    def __init__(self, rate: float, seed: Seed = None) -> None:
        self.rate = rate
        self.generator = generator(seed)

    def forward(self, x: Any) -> Any:
        """What is left of a number, or of each number in nested lists."""
        return _each(self, x, self._left_of)

    def _left_of(self, numbers: list[Value]) -> list[Value]:
        if not self.training or not self.rate:
            return numbers
        chances = _draw(len(numbers), self.generator)
        return [v * (step(u - self.rate) / (1.0 - self.rate)) for v, u in zip(numbers, chances)]

    def extra_repr(self) -> str:
        return f"{self.rate:g}"


@dataclass
class _Noise:
    """Random numbers for modules, in order; or None of them, to count what they would take."""

    numbers: Sequence[Any] | None
    taken: int = 0

    def take(self, count: int) -> Sequence[Any]:
        self.taken += count
        if self.numbers is None:
            return [0.5] * count
        if self.taken > len(self.numbers):
            raise ValueError(
                f"A training has {len(self.numbers)} random numbers for each sample, and the model "
                "draws more for this one."
            )
        return self.numbers[self.taken - count : self.taken]


_NOISE: ContextVar[_Noise | None] = ContextVar("random numbers of a training", default=None)


@contextmanager
def noise_from(numbers: Sequence[Any] | None) -> Iterator[_Noise]:
    """Inside the `with` block modules take their random numbers from 0 to 1 from here, in order;
    from None they take the same one, and are counted.

    So each sample of a training has its own also in a compiled function, and a resumed training
    the same again.
    """
    noise = _Noise(numbers)
    token = _NOISE.set(noise)
    try:
        yield noise
    finally:
        _NOISE.reset(token)


def _draw(count: int, generator: random.Random | None) -> Sequence[Any]:
    """Numbers from 0 to 1: those of the training around, else from the module's own generator."""
    noise = _NOISE.get()
    if noise is None and not is_traced():
        uniform = (generator or random).random
        return [uniform() for _ in range(count)]
    numbers = [0.5] * count if noise is None else noise.take(count)
    if is_traced() and any(type(u) is float for u in numbers):
        raise CompilationError(
            "A module draws random numbers inside a compiled function, which would repeat those "
            "of its first call for ever. Call model.eval() first; to train, glassgrad.fit gives "
            "each sample its own."
        )
    return numbers
