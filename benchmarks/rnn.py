"""A character RNN in plain scalar code: a tanh cell of 32 units, unrolled over 16 steps.

As in Andrej Karpathy's min-char-rnn: the state and the letter make the next state, the state makes
a score for each letter that may come next. Nothing here knows of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from benchmarks.gpt import VOCABULARY, Matrix, Vector, added, product, surprise
from benchmarks.steps import Shapes

UNITS, STEPS = 32, 16
DOCUMENT = "backpropagation"


def shapes() -> Shapes:
    """The matrices of parameters; biases are a single row."""
    return {
        "letters": (VOCABULARY, UNITS),
        "state": (UNITS, UNITS),
        "state_bias": (1, UNITS),
        "scores": (VOCABULARY, UNITS),
        "scores_bias": (1, VOCABULARY),
    }


def rnn_loss(weights: dict[str, Matrix], tokens: Sequence[int]) -> Any:
    """The mean surprise at each next letter."""
    state: Vector = [0.0] * UNITS
    losses = []
    for token, following in pairwise(tokens):
        state = next_state(weights, state, token)
        scores = added(product(weights["scores"], state), weights["scores_bias"][0])
        losses.append(surprise(scores, following))
    return sum(losses) * (1.0 / len(losses))


def next_state(weights: dict[str, Matrix], state: Vector, token: int) -> Vector:
    """The tanh of what the state and the letter send to each unit."""
    sent = added(product(weights["state"], state), weights["letters"][token])
    return [total.tanh() for total in added(sent, weights["state_bias"][0])]
