"""The transformer of `gpt.py` in numpy, forward and backward as an expert would write them.

Queries, keys and values stand next to each other in the flat array, so one product makes all
three; the gradient of the table of tokens is a product with a one-hot matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.gpt import HEAD, HEADS, VOCABULARY, WIDTH, shapes
from benchmarks.gpt_arrays import EPSILON
from benchmarks.steps import Result, Shapes, Step, read

Weights = dict[str, Any]


def by_hand(flat: Any, tokens: Sequence[int], block: int) -> Step:
    """Loss and gradients; the gradients are views of one array."""
    gradient, together = np.zeros_like(flat), joined(shapes(block))
    w, d = read(flat, together), read(gradient, together)
    inputs, targets = np.array(tokens[:-1]), np.array(tokens[1:])
    one_hot = np.eye(VOCABULARY)[inputs].T.copy()
    mask = np.tri(len(inputs))

    def run() -> Result:
        saved = forward(w, inputs, mask)
        loss, upstream = surprise(saved["scores"], targets)
        upstream = backward(w, d, saved, upstream)
        np.matmul(one_hot, upstream, out=d["tokens"])
        d["positions"][: len(inputs)] = upstream
        return loss, gradient

    return Step(run)


def joined(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """The shapes with queries, keys and values as one matrix."""
    three = {"queries": "attention", "keys": None, "values": None}
    names = {name: three.get(name, name) for name in shapes}
    tall = {"attention": (3 * WIDTH, WIDTH)}
    return {new: tall.get(new, shapes[name]) for name, new in names.items() if new}


def forward(w: Weights, inputs: Any, mask: Any) -> dict[str, Any]:
    """Everything that the way back needs."""
    count = len(inputs)
    x, scale0 = normalised(w["tokens"][inputs] + w["positions"][:count])
    h, scale1 = normalised(x)
    heads = (h @ w["attention"].T).reshape(count, 3, HEADS, HEAD).transpose(1, 2, 0, 3)
    q, k, v = heads
    shares = np.exp(q @ k.swapaxes(1, 2) * HEAD**-0.5)
    shares *= mask
    shares /= shares.sum(-1, keepdims=True)
    out = (shares @ v).transpose(1, 0, 2).reshape(count, WIDTH)
    y = out @ w["mix"].T
    y += x
    g, scale2 = normalised(y)
    wide = np.maximum(g @ w["widen"].T, 0.0)
    z = wide @ w["narrow"].T
    z += y
    return {
        "x": x, "scale0": scale0, "h": h, "scale1": scale1, "heads": heads, "shares": shares,
        "out": out, "g": g, "scale2": scale2, "wide": wide, "z": z, "scores": z @ w["scores"].T,
    }  # fmt: skip


def backward(w: Weights, d: Weights, saved: dict[str, Any], upstream: Any) -> Any:
    """Write the gradients of the matrices into `d`; return that of the embeddings."""
    np.matmul(upstream.T, saved["z"], out=d["scores"])
    dy = upstream @ w["scores"]
    np.matmul(dy.T, saved["wide"], out=d["narrow"])
    dwide = dy @ w["narrow"]
    dwide *= saved["wide"] > 0.0
    np.matmul(dwide.T, saved["g"], out=d["widen"])
    dy += normalised_back(dwide @ w["widen"], saved["g"], saved["scale2"])
    np.matmul(dy.T, saved["out"], out=d["mix"])
    three = attention_back(dy @ w["mix"], saved["heads"], saved["shares"])
    np.matmul(three.T, saved["h"], out=d["attention"])
    dy += normalised_back(three @ w["attention"], saved["h"], saved["scale1"])
    return normalised_back(dy, saved["x"], saved["scale0"])


def attention_back(upstream: Any, heads: Any, shares: Any) -> Any:
    """The gradient of queries, keys and values, next to each other."""
    q, k, v = heads
    count = len(upstream)
    dout = upstream.reshape(count, HEADS, HEAD).swapaxes(0, 1)
    three = np.empty((count, 3, HEADS, HEAD))
    dq, dk, dv = three.transpose(1, 2, 0, 3)
    dv[...] = shares.swapaxes(1, 2) @ dout
    dshares = dout @ v.swapaxes(1, 2)
    dshares -= np.einsum("hij,hij->hi", dshares, shares)[..., None]
    dshares *= shares
    dshares *= HEAD**-0.5
    dq[...] = dshares @ k
    dk[...] = dshares.swapaxes(1, 2) @ q
    return three.reshape(count, 3 * WIDTH)


def normalised(x: Any) -> tuple[Any, Any]:
    """RMS norm of the rows, and what each was scaled by."""
    scale = (1.0 / np.sqrt(np.einsum("ij,ij->i", x, x) / x.shape[1] + EPSILON))[:, None]
    return x * scale, scale


def normalised_back(upstream: Any, y: Any, scale: Any) -> Any:
    """The gradient through RMS norm, from its result."""
    along = np.einsum("ij,ij->i", upstream, y) / y.shape[1]
    return (upstream - y * along[:, None]) * scale


def surprise(scores: Any, targets: Any) -> tuple[float, Any]:
    """The mean cross-entropy and its gradient by the scores."""
    rows = np.arange(len(targets))
    shares = np.exp(scores)
    shares /= shares.sum(1, keepdims=True)
    loss = -np.log(shares[rows, targets]).sum() / len(targets)
    shares[rows, targets] -= 1.0
    shares /= len(targets)
    return loss, shares
