"""An attention head: each place of a sequence looks at others, and takes what it looks for.

The heart of a transformer, for one head: queries, keys and values (Vaswani et al. 2017).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from glassgrad.engine import Value, dot, softmax
from glassgrad.engine.text import describe
from glassgrad.engine.tree import is_sequence, listed
from glassgrad.nn.checks import true_or_false, whole
from glassgrad.nn.initialisers import Init
from glassgrad.nn.modules.inputs import Converted, Inputs, converted
from glassgrad.nn.modules.module import Module
from glassgrad.nn.modules.projection import Projection
from glassgrad.nn.seed import Seed, generator


class AttentionHead(Module):
    """Each vector of a sequence becomes a mean of values, weighed by softmax(query · key / √size).

    The query of a vector says what it looks for, its key what can be found there, its value what
    is then taken along (Vaswani et al. 2017, section 3.2.1).

    Args:
        nin: how many numbers each vector has.
        size: how many numbers queries, keys, values and so the outputs have.
        causal: whether a vector looks only at itself and those before it, as to predict what
            comes next it must.
        seed: see `Neuron`; queries are drawn first, then keys, then values.
        init: see `Neuron`.

    Attributes:
        queries, keys, values: the `Projection` that makes each of a vector.

    Raises:
        ValueError: a size is below 1, or there is no initialiser of that name.
        TypeError: an argument is of a wrong type.

    Example:
        >>> from glassgrad import AttentionHead
        >>> head = AttentionHead(2, 3, seed=0)
        >>> head
        AttentionHead(2 → 3, causal, 18 parameters)
        >>> outputs = head([[1.0, 0.0], [0.0, 1.0]])
        >>> len(outputs), len(outputs[0])
        (2, 3)
    """

    def __init__(
        self,
        nin: int,
        size: int,
        *,
        causal: bool = True,
        seed: Seed = None,
        init: Init = "torch",
    ) -> None:
        self.causal = true_or_false(causal, "AttentionHead(causal=...)")
        nin = whole(nin, "AttentionHead(nin=...)")
        size = whole(size, "AttentionHead(size=...)")
        source = generator(seed)
        self.queries = Projection(nin, size, seed=source, init=init)
        self.keys = Projection(nin, size, seed=source, init=init)
        self.values = Projection(nin, size, seed=source, init=init)

    def forward(self, vectors: Iterable[Inputs]) -> list[list[Value]]:
        """An output for each vector of a sequence, a list of lists of Values.

        Raises:
            ValueError: there are no vectors, or one has another number of inputs than the head.
            TypeError: it is no sequence, or an input is neither a Value nor a real number.

        >>> from glassgrad import AttentionHead
        >>> AttentionHead(1, 1, init="zeros").forward([[3.0]])[0][0].data
        0.0
        """
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

    def extra_repr(self) -> str:
        """The sizes, and whether it is causal: "2 → 3, causal".

        >>> from glassgrad import AttentionHead
        >>> AttentionHead(2, 3, causal=False).extra_repr()
        '2 → 3'
        """
        return f"{self.queries.extra_repr()}{', causal' * self.causal}"
