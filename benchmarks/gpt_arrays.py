"""The transformer of `gpt.py` as people write it with matrices, in PyTorch and in JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.gpt import HEAD, HEADS, WIDTH, shapes
from benchmarks.steps import Step, jax_step, read, torch_step
from benchmarks.timing import peer

EPSILON = 1e-5


def in_torch(flat: Any, tokens: Sequence[int], block: int) -> Step:
    """PyTorch with its own functions for whatever it has one for."""
    torch = peer("torch")
    inputs, targets = torch.tensor(tokens[:-1]), torch.tensor(tokens[1:])

    def loss(**weights: Any) -> Any:
        return torch_loss(weights, inputs, targets)

    return torch_step(loss, read(flat, shapes(block)))


def torch_loss(w: dict[str, Any], inputs: Any, targets: Any) -> Any:
    """The loss in PyTorch."""
    f, count = peer("torch.nn.functional"), len(inputs)
    x = f.rms_norm(w["tokens"][inputs] + w["positions"][:count], (WIDTH,), eps=EPSILON)
    h = f.rms_norm(x, (WIDTH,), eps=EPSILON)
    q, k, v = (in_heads(h @ w[name].T, count) for name in ("queries", "keys", "values"))
    out = f.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
    x = x + out.transpose(0, 1).reshape(count, WIDTH) @ w["mix"].T
    h = f.relu(f.rms_norm(x, (WIDTH,), eps=EPSILON) @ w["widen"].T)
    return f.cross_entropy((x + h @ w["narrow"].T) @ w["scores"].T, targets)


def in_heads(x: Any, count: int) -> Any:
    """Numbers by position as numbers by head and position."""
    return x.reshape(count, HEADS, HEAD).swapaxes(0, 1)


def in_jax(flat: Any, tokens: Sequence[int], block: int) -> Step:
    """JAX, compiled by `jit`."""
    jax = peer("jax")

    def loss(flat: Any, inputs: Any, targets: Any) -> Any:
        return jax_loss(jax, read(flat, shapes(block)), inputs, targets)

    return jax_step(loss, flat, np.array(tokens[:-1]), np.array(tokens[1:]))


def jax_loss(jax: Any, w: dict[str, Any], inputs: Any, targets: Any) -> Any:
    """The loss in JAX."""
    count = len(inputs)
    x = rms_norm(jax, w["tokens"][inputs] + w["positions"][:count])
    h = rms_norm(jax, x)
    q, k, v = (in_heads(h @ w[name].T, count) for name in ("queries", "keys", "values"))
    causal = np.tri(count, dtype=bool)
    fits = jax.numpy.where(causal, q @ k.swapaxes(1, 2) * HEAD**-0.5, -np.inf)
    out = jax.nn.softmax(fits) @ v
    x = x + out.swapaxes(0, 1).reshape(count, WIDTH) @ w["mix"].T
    h = jax.nn.relu(rms_norm(jax, x) @ w["widen"].T)
    shares = jax.nn.log_softmax((x + h @ w["narrow"].T) @ w["scores"].T)
    return -shares[np.arange(count), targets].mean()


def rms_norm(jax: Any, x: Any) -> Any:
    """Rows scaled so that their mean square is 1."""
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + EPSILON)
