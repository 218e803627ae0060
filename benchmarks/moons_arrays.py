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
    step. The cheaper of equal spellings are taken: biases are summed by a product with ones, and
    the one output is a vector, whose gradient is spread by a product of elements.
    """
    gradient = np.empty_like(flat)
    (*hidden, (last, bias)), slopes = layers(flat, sizes), layers(gradient, sizes)
    ones, share = np.ones(len(x)), -y / len(y)

    def run() -> Result:
        inputs = [x]
        for w, b in hidden:
            h = inputs[-1] @ w.T
            h += b
            inputs.append(np.maximum(h, 0.0, out=h))
        margins = 1.0 - y * (inputs[-1] @ last[0] + bias)
        loss = np.maximum(margins, 0.0).sum() / len(y) + PENALTY * (flat @ flat)
        scores = share * (margins > 0.0)
        np.matmul(scores, inputs[-1], out=slopes[-1][0][0])
        slopes[-1][1][0] = scores.sum()
        upstream = scores[:, None] * last
        for i in range(len(hidden) - 1, -1, -1):
            upstream *= inputs[i + 1] > 0.0
            np.matmul(upstream.T, inputs[i], out=slopes[i][0])
            np.matmul(ones, upstream, out=slopes[i][1])
            if i:
                upstream = upstream @ hidden[i][0]
        return loss, gradient + 2.0 * PENALTY * flat

    return run
