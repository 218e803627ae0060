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
    """Forward and backward in numpy as an expert would write them."""
    gradient = np.zeros_like(flat)
    w, d = read(flat, shapes()), read(gradient, shapes())
    inputs, targets = np.array(tokens[:-1]), np.array(tokens[1:])
    one_hot, ones = np.eye(VOCABULARY)[inputs].T.copy(), np.ones((1, len(inputs)))
    states, upstream = np.zeros((len(inputs) + 1, UNITS)), np.empty((len(inputs), UNITS))

    def run() -> Result:
        sent = w["letters"][inputs]
        sent += w["state_bias"]
        for i, row in enumerate(sent):
            np.tanh(row + w["state"] @ states[i], out=states[i + 1])
        after = states[1:]
        loss, scores = surprise(after @ w["scores"].T + w["scores_bias"], targets)
        np.matmul(scores.T, after, out=d["scores"])
        np.matmul(ones, scores, out=d["scores_bias"])
        unfold(scores @ w["scores"], 1.0 - after * after, w["state"].T, upstream)
        np.matmul(upstream.T, states[:-1], out=d["state"])
        np.matmul(ones, upstream, out=d["state_bias"])
        np.matmul(one_hot, upstream, out=d["letters"])
        return loss, gradient

    return Step(run)


def unfold(direct: Any, slopes: Any, back: Any, upstream: Any) -> None:
    """Write the gradient of what was sent at each step, from the last to the first."""
    np.multiply(direct[-1], slopes[-1], out=upstream[-1])
    for i in range(len(direct) - 2, -1, -1):
        total = back @ upstream[i + 1]
        total += direct[i]
        np.multiply(total, slopes[i], out=upstream[i])
