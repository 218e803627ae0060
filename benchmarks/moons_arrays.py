"""The loss on two moons as people write it with matrices, and its gradient written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.steps import (
    HAND,
    HIPS,
    JAX,
    TORCH,
    Result,
    Shapes,
    Step,
    hips_step,
    jax_step,
    read,
    torch_step,
)
from benchmarks.timing import peer

PENALTY = 1e-4


def shapes(sizes: Sequence[int]) -> Shapes:
    """A block for each layer: a row is a neuron, its weights and then its bias."""
    return {f"layer{i}": (nout, nin + 1) for i, (nin, nout) in enumerate(pairwise(sizes))}


def layers(flat: Any, sizes: Sequence[int]) -> list[tuple[Any, Any]]:
    """The weights and biases of each layer in a flat array, in the order of the scalar model."""
    return [(block[:, :-1], block[:, -1]) for block in read(flat, shapes(sizes)).values()]


def program(name: str, flat: Any, sizes: Sequence[int], x: Any, y: Any) -> Step:
    """The step of one program that works on matrices."""
    if name == HAND:
        return Step(by_hand(flat, sizes, x, y))
    if name == TORCH:
        return in_torch(flat, sizes, x, y)
    module, make = {JAX: ("jax.numpy", jax_step), HIPS: ("autograd.numpy", hips_step)}[name]
    return make(partial(flat_loss, peer(module).maximum, sizes), flat, x, y)


def flat_loss(maximum: Any, sizes: Sequence[int], flat: Any, x: Any, y: Any) -> Any:
    """The loss for programs that differentiate by one flat array."""
    return data_loss(lambda h: maximum(h, 0.0), layers(flat, sizes), x, y) + PENALTY * (flat @ flat)


def data_loss(relu: Callable[[Any], Any], pairs: Sequence[Any], x: Any, y: Any) -> Any:
    """The mean hinge loss of a network, in arrays of any library."""
    h = x
    for w, b in pairs[:-1]:
        h = relu(h @ w.T + b)
    w, b = pairs[-1]
    return relu(1.0 - y * (h @ w.T + b)[:, 0]).mean()


def in_torch(flat: Any, sizes: Sequence[int], x: Any, y: Any) -> Step:
    """PyTorch with a tensor of weights and one of biases for each layer."""
    torch = peer("torch")
    inputs, labels = torch.tensor(x), torch.tensor(y)
    matrices = torch_matrices(flat, sizes)
    step = torch_step(lambda **leaves: torch_loss(list(leaves.values()), inputs, labels), matrices)
    return Step(step.run, partial(in_order, sizes))


def torch_matrices(flat: Any, sizes: Sequence[int]) -> dict[str, Any]:
    """The weights and biases by name."""
    pairs = enumerate(layers(flat, sizes))
    return {f"{name}{i}": m.copy() for i, pair in pairs for name, m in zip("wb", pair)}


def torch_loss(leaves: Sequence[Any], x: Any, y: Any) -> Any:
    """The loss with the penalty summed tensor by tensor."""
    relu = peer("torch").relu
    penalty = sum((p * p).sum() for p in leaves)
    return data_loss(relu, list(zip(leaves[::2], leaves[1::2])), x, y) + PENALTY * penalty


def in_order(sizes: Sequence[int], result: Result) -> tuple[float, Any]:
    """What PyTorch returned, with each neuron's bias after its weights."""
    loss, gradients = result
    arrays = [np.asarray(gradient) for gradient in gradients]
    blocks = [np.column_stack(pair).ravel() for pair in zip(arrays[::2], arrays[1::2])]
    return float(loss), np.concatenate(blocks)


def by_hand(flat: Any, sizes: Sequence[int], x: Any, y: Any) -> Callable[[], Result]:
    """Forward and backward in numpy as an expert would write them.

    Weights are views of the flat array and gradients of one array that is written anew in each
    step; all other arrays, and all views, are made once. Samples lie along the last axis, so that
    each neuron's numbers lie together, and below the inputs of a layer stands a row of ones: so
    biases, and their gradients, are part of the products. Numbers are arrays and products methods
    of arrays, which is how numpy is called fastest.
    """
    weights = list(read(flat, shapes(sizes)).values())
    gradient, decay = np.empty_like(flat), np.empty_like(flat)
    slopes = list(read(gradient, shapes(sizes)).values())
    count = len(y)
    inputs = [np.ones((size + 1, count)) for size in sizes[:-1]]
    inputs[0][:-1] = x.T
    hidden = [array[:-1] for array in inputs[1:]]
    outputs, zeros, signs, backs = (
        [np.zeros((size, count)) for size in sizes[1:]] for _ in range(4)
    )
    matrices, rows = [w[:, :-1].T for w in weights], [h.T for h in inputs]
    labels, share = y[None, :], -y[None, :] / count
    one, twice = np.array(1.0), np.array(2.0 * PENALTY)
    scores, margins = outputs[-1], np.empty((1, count))

    def run() -> Result:
        for w, h, z, after, zero in zip(weights, inputs, outputs, hidden, zeros):
            w.dot(h, z)
            np.maximum(z, zero, out=after)
        weights[-1].dot(inputs[-1], scores)
        np.multiply(labels, scores, margins)
        np.subtract(one, margins, margins)
        np.maximum(margins, zeros[-1], out=margins)
        loss = np.add.reduce(margins[0]) / count + PENALTY * flat.dot(flat)
        upstream = np.multiply(share, np.sign(margins, signs[-1]), backs[-1])
        for i in range(len(weights) - 1, -1, -1):
            upstream.dot(rows[i], slopes[i])
            if i:
                back = matrices[i].dot(upstream, backs[i - 1])
                sign = np.sign(hidden[i - 1], signs[i - 1])
                upstream = np.multiply(back, sign, back)
        return loss, gradient + np.multiply(twice, flat, decay)

    return run
