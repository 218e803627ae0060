"""A small character transformer in plain scalar code: one layer, causal attention.

It has 4,192 parameters. The architecture is that of GPT-2 with RMS norm for layer norm, no biases,
and relu for gelu, as in Andrej Karpathy's microgpt. The keys and values of a position are kept in
lists that the positions after it read, so attention is causal because later keys are not there
yet. Nothing here knows of arrays: a number is a Value, a vector is a list, a product of a matrix
and a vector is two loops.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.steps import Shapes
from glassgrad import Value

VOCABULARY, WIDTH, HEADS, BLOCK = 27, 16, 4, 16
"""26 letters and the mark between documents; numbers a position; heads; positions."""
MARK = VOCABULARY - 1
HEAD = WIDTH // HEADS
DOCUMENT = "backpropagation"

Vector = list[Any]
Matrix = list[Vector]


def shapes(block: int = BLOCK) -> Shapes:
    """The matrices of parameters, each row the weights of one output."""
    square = (WIDTH, WIDTH)
    return {
        "tokens": (VOCABULARY, WIDTH),
        "positions": (block, WIDTH),
        "queries": square,
        "keys": square,
        "values": square,
        "mix": square,
        "widen": (4 * WIDTH, WIDTH),
        "narrow": (WIDTH, 4 * WIDTH),
        "scores": (VOCABULARY, WIDTH),
    }


def tokens_of(document: str) -> list[int]:
    """A document as numbers, between two marks."""
    return [MARK, *(ord(letter) - ord("a") for letter in document), MARK]


def parameters(
    shapes: Shapes, seed: int = 1, leaf: Callable[[float], Any] = Value
) -> dict[str, Matrix]:
    """Matrices of small random Values, or of another class of scalars."""
    gauss = random.Random(seed).gauss
    return {
        name: [[leaf(gauss(0.0, 0.2)) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in shapes.items()
    }


def gpt_loss(weights: dict[str, Matrix], tokens: Sequence[int]) -> Any:
    """The mean surprise at each next token of a document."""
    keys: Matrix = []
    values: Matrix = []
    losses = [
        surprise(next_scores(weights, token, position, keys, values), tokens[position + 1])
        for position, token in enumerate(tokens[:-1])
    ]
    return sum(losses) * (1.0 / len(losses))


def next_scores(
    weights: dict[str, Matrix], token: int, position: int, keys: Matrix, values: Matrix
) -> Vector:
    """A score for each token that may come next; the position's key and value are added."""
    x = added(weights["tokens"][token], weights["positions"][position])
    x = normalised(x)
    h = normalised(x)
    keys.append(product(weights["keys"], h))
    values.append(product(weights["values"], h))
    x = added(x, product(weights["mix"], attended(product(weights["queries"], h), keys, values)))
    h = [unit.relu() for unit in product(weights["widen"], normalised(x))]
    x = added(x, product(weights["narrow"], h))
    return product(weights["scores"], x)


def attended(query: Vector, keys: Matrix, values: Matrix) -> Vector:
    """For each head, the values so far, weighed by how well their keys fit the query."""
    out: Vector = []
    for head in range(HEADS):
        part = slice(head * HEAD, (head + 1) * HEAD)
        fits = [inner(query[part], key[part]) * HEAD**-0.5 for key in keys]
        shares = softmax(fits)
        out += [inner(shares, column) for column in zip(*(value[part] for value in values))]
    return out


def product(matrix: Matrix, vector: Vector) -> Vector:
    """A matrix times a vector."""
    return [inner(row, vector) for row in matrix]


def inner(a: Sequence[Any], b: Sequence[Any]) -> Any:
    """The sum of products, one after the other."""
    return sum(x * y for x, y in zip(a, b))


def added(a: Vector, b: Vector) -> Vector:
    """The sum of two vectors."""
    return [x + y for x, y in zip(a, b)]


def normalised(x: Vector) -> Vector:
    """RMS norm: a vector scaled so that its mean square is 1."""
    scale = (sum(unit * unit for unit in x) * (1.0 / len(x)) + 1e-5) ** -0.5
    return [unit * scale for unit in x]


def softmax(scores: Vector) -> Vector:
    """Shares that add up to 1. (The scores are small, so nothing is subtracted from them.)"""
    powers = [score.exp() for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def surprise(scores: Vector, token: int) -> Any:
    """Minus the logarithm of the share of a token."""
    return -softmax(scores)[token].log()
