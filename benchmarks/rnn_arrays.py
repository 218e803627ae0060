"""The RNN of `rnn.py` with matrices: in PyTorch, in JAX, and by hand in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gpt import VOCABULARY
from benchmarks.gpt_by_hand import surprise
from benchmarks.rnn import UNITS, shapes
from benchmarks.steps import Result, Step, jax_step, read, torch_step
from benchmarks.timing import peer


def in_torch(flat: Any, tokens: Sequence[int]) -> Step:
    """PyTorch with its own recurrent function, which keeps the loop out of Python."""
    torch = peer("torch")
    inputs, targets = torch.eye(VOCABULARY, dtype=torch.float64)[tokens[:-1]], tokens[1:]
    loss = partial(torch_loss, torch, inputs, torch.tensor(targets), torch.zeros(UNITS).double())
    return torch_step(loss, read(flat, shapes()))


def torch_loss(torch: Any, inputs: Any, targets: Any, nothing: Any, **w: Any) -> Any:
    """The loss in PyTorch; its cell has two biases, of which one stays 0."""
    weights = (w["letters"].T, w["state"], w["state_bias"][0], nothing)
    states, _ = torch.rnn_tanh(
        inputs[:, None], nothing[None, None], weights, True, 1, 0.0, False, False, False
    )
    scores = states[:, 0] @ w["scores"].T + w["scores_bias"]
    return torch.nn.functional.cross_entropy(scores, targets)


def in_jax(flat: Any, tokens: Sequence[int]) -> Step:
    """JAX, the steps unrolled and compiled by `jit`."""
    jax = peer("jax")

    def loss(flat: Any, inputs: Any, targets: Any) -> Any:
        return jax_loss(jax, read(flat, shapes()), inputs, targets)

    return jax_step(loss, flat, np.array(tokens[:-1]), np.array(tokens[1:]))


def jax_loss(jax: Any, w: dict[str, Any], inputs: Any, targets: Any) -> Any:
    """The loss in JAX."""

    def cell(state: Any, sent: Any) -> Any:
        state = jax.numpy.tanh(sent + w["state"] @ state)
        return state, state

    sent = w["letters"][inputs] + w["state_bias"]
    _, states = jax.lax.scan(cell, jax.numpy.zeros(UNITS), sent, unroll=len(inputs))
    shares = jax.nn.log_softmax(states @ w["scores"].T + w["scores_bias"])
    return -shares[np.arange(len(inputs)), targets].mean()


def by_hand(flat: Any, tokens: Sequence[int]) -> Step:
    """Forward and backward in numpy as an expert would write them.

    Arrays, and views of them, are made once, and products are methods of arrays, as in moons.
    """
    gradient = np.zeros_like(flat)
    w, d = read(flat, shapes()), read(gradient, shapes())
    inputs, targets = np.array(tokens[:-1]), np.array(tokens[1:])
    count = len(inputs)
    one_hot, ones = np.eye(VOCABULARY)[inputs].T.copy(), np.ones((1, count))
    states, sent, direct, slopes, upstream, total = (
        np.zeros((count + 1, UNITS)), *(np.empty((count, UNITS)) for _ in range(4)),
        np.empty(UNITS),
    )  # fmt: skip
    before, after, scores = states[:-1], states[1:], np.empty((count, VOCABULARY))
    steps = list(zip(sent, before, after))
    back = list(zip(direct[-2::-1], slopes[-2::-1], upstream[:0:-1], upstream[-2::-1]))
    state, state_back, one = w["state"], w["state"].T, np.array(1.0)
    surprised = surprise(scores, targets)

    def run() -> Result:
        w["letters"].take(inputs, 0, sent, "clip")
        np.add(sent, w["state_bias"], sent)
        for row, old, new in steps:
            np.add(state.dot(old, total), row, total)
            np.tanh(total, new)
        after.dot(w["scores"].T, scores)
        np.add(scores, w["scores_bias"], scores)
        loss = surprised()
        scores.T.dot(after, d["scores"])
        ones.dot(scores, d["scores_bias"])
        scores.dot(w["scores"], direct)
        np.subtract(one, np.multiply(after, after, slopes), slopes)
        np.multiply(direct[-1], slopes[-1], upstream[-1])
        for own, slope, later, here in back:
            np.add(state_back.dot(later, total), own, total)
            np.multiply(total, slope, here)
        upstream.T.dot(before, d["state"])
        ones.dot(upstream, d["state_bias"])
        one_hot.dot(upstream, d["letters"])
        return loss, gradient

    return Step(run)
