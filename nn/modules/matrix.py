"""A matrix of parameters: the table of an `Embedding`, or the weights of a `Projection`."""

from __future__ import annotations

from glassgrad.engine import Value
from glassgrad.nn.initialisers import Init, initialiser
from glassgrad.nn.seed import Seed, generator


def matrix(rows: int, columns: int, letter: str, seed: Seed, init: Init) -> list[list[Value]]:
    """Rows of Values, drawn one after the other, each as the weights of a neuron are.

    Args:
        rows: how many rows there are, the fan-out.
        columns: how many numbers each has, the fan-in.
        letter: what their labels begin with.
        seed: see `Neuron`.
        init: see `Neuron`; the bias that it draws for each row is left out.

    Raises:
        ValueError: there is no initialiser of that name.
        TypeError: the seed or the initialiser is of a wrong type.

    >>> from glassgrad.nn.modules.matrix import matrix
    >>> [[v.label for v in row] for row in matrix(2, 3, "w", 0, "torch")]
    [['w0_0', 'w0_1', 'w0_2'], ['w1_0', 'w1_1', 'w1_2']]
    """
    source, numbers = generator(seed), initialiser(init)
    drawn = [numbers.draw(columns, rows, source)[0] for _ in range(rows)]
    return [
        [Value(number, label=f"{letter}{i}_{j}") for j, number in enumerate(row)]
        for i, row in enumerate(drawn)
    ]
