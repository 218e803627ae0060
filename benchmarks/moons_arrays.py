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
    step; all other arrays are made once. Samples lie along the last axis, so that each neuron's
    numbers lie together, and below the inputs of a layer stands a row of ones: so biases, and
    their gradients, are part of the products.
    """
    weights = list(read(flat, shapes(sizes)).values())
    gradient = np.empty_like(flat)
    slopes = list(read(gradient, shapes(sizes)).values())
    count = len(y)
    inputs = [np.ones((size + 1, count)) for size in sizes[:-1]]
    inputs[0][:-1] = x.T
    outputs = [np.empty((size, count)) for size in sizes[1:]]
    backs = [np.empty((size, count)) for size in sizes[1:-1]]
    share = -y[None, :] / count

    def run() -> Result:
        for w, h, z, after in zip(weights, inputs, outputs, inputs[1:]):
            np.matmul(w, h, out=z)
            np.maximum(z, 0.0, out=after[:-1])
        scores = np.matmul(weights[-1], inputs[-1], out=outputs[-1])
        margins = 1.0 - y * scores[0]
        loss = np.maximum(margins, 0.0).sum() / count + PENALTY * (flat @ flat)
        upstream = share * (margins > 0.0)
        for i in range(len(weights) - 1, -1, -1):
            np.matmul(upstream, inputs[i].T, out=slopes[i])
            if i:
                back = np.matmul(weights[i][:, :-1].T, upstream, out=backs[i - 1])
                upstream = np.multiply(back, inputs[i][:-1] > 0.0, out=back)
        return loss, gradient + 2.0 * PENALTY * flat

    return run
