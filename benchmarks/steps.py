"""`Step`: a loss and its gradients, computed by one program; and how steps are made for peers.

All programs of a task start from the same parameters, one flat array. Those that work on matrices
read it as matrices with `read`, and what they return is compared with `check_same` before any
clock starts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.timing import OURS, absent, peer
from glassgrad import compiled

EAGER, COMPILED, HAND = f"{OURS}, eager", f"{OURS}, compiled", "numpy by hand"
TORCH, JAX, HIPS = "PyTorch, matrices", "JAX jit, matrices", "HIPS autograd, matrices"
NEEDS = {EAGER: None, COMPILED: None, HAND: None, TORCH: "torch", JAX: "jax", HIPS: "autograd"}
"""The programs that a task may have, and the module that each needs."""

Shapes = Mapping[str, tuple[int, ...]]
Result = tuple[Any, Any]


def plain(result: Result) -> tuple[float, Any]:
    """A loss and gradients in whatever arrays as a float and one flat numpy array."""
    loss, gradients = result
    parts = gradients if isinstance(gradients, (list, tuple)) else [gradients]
    return float(loss), np.concatenate([np.ravel(np.asarray(part)) for part in parts])


@dataclass(frozen=True)
class Step:
    """A loss and all its gradients, ready to be computed.

    Attributes:
        run: computes them, in the program's own arrays; this is what is timed.
        read: what `run` returned as a float and a flat array, in the order of the parameters.
    """

    run: Callable[[], Result]
    read: Callable[[Result], tuple[float, Any]] = plain

    def __call__(self) -> Result:
        return self.run()


def read(flat: Any, shapes: Shapes) -> dict[str, Any]:
    """A flat array of parameters as matrices, by name: views of numpy, slices of other arrays."""
    found, start = {}, 0
    for name, shape in shapes.items():
        size = math.prod(shape)
        found[name] = flat[start : start + size].reshape(shape)
        start += size
    return found


def eager_step(loss: Callable[[], Any], parameters: Sequence[Any]) -> Step:
    """Scalar code as it stands; the graph is made anew in each step, as in training."""

    def run() -> Result:
        total = loss()
        for parameter in parameters:
            parameter.grad = 0.0
        total.backward()
        return total.data, [parameter.grad for parameter in parameters]

    return Step(run)


def compiled_step(loss: Callable[..., Any], parameters: Sequence[Any], *batch: Any) -> Step:
    """The same scalar code compiled: from an array of parameters to an array of gradients."""
    step = compiled(loss).value_and_grad(parameters)
    numbers = np.array([parameter.data for parameter in parameters])
    return Step(partial(step, numbers, *batch))


def jax_step(loss: Callable[..., Any], flat: Any, *data: Any) -> Step:
    """A loss on JAX arrays: its value and gradient by the flat parameters, compiled by `jit`."""
    jax = peer("jax")
    step = jax.jit(jax.value_and_grad(loss))
    arrays = [jax.numpy.asarray(array) for array in (flat, *data)]
    return Step(lambda: jax.block_until_ready(step(*arrays)))


def hips_step(loss: Callable[..., Any], flat: Any, *data: Any) -> Step:
    """A loss on arrays of HIPS autograd, by the flat parameters."""
    return Step(partial(peer("autograd").value_and_grad(loss), flat, *data))


def torch_step(loss: Callable[..., Any], matrices: Mapping[str, Any]) -> Step:
    """A loss on PyTorch's tensors, eager, in double precision, one tensor for each matrix."""
    torch = peer("torch")
    torch.set_num_threads(1)
    leaves = {name: torch.tensor(m, requires_grad=True) for name, m in matrices.items()}
    tensors = list(leaves.values())

    def run() -> Result:
        for leaf in tensors:
            leaf.grad = None
        total = loss(**leaves)
        total.backward()
        return total.detach(), [leaf.grad for leaf in tensors]

    return Step(run)


def check_same(task: str, steps: Mapping[str, Step]) -> None:
    """Stop if the programs of a task do not compute the same.

    Raises:
        AssertionError: a loss or a gradient differs from that of the first by more than 1e-9
            of the largest of them, or of 1.
    """
    results = {name: step.read(step()) for name, step in steps.items()}
    (first, (loss, gradient)), *others = results.items()
    for name, (other_loss, other_gradient) in others:
        if gradient.shape != other_gradient.shape:
            raise AssertionError(f"{task}: {name} has {other_gradient.size} gradients.")
        worst = max(abs(loss - other_loss), float(np.abs(gradient - other_gradient).max()))
        worst /= max(1.0, abs(loss), float(np.abs(gradient).max()))
        if not worst <= 1e-9:
            raise AssertionError(f"{task}: {name} and {first} differ by {worst:.3g}.")


def available(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Those of some programs that can run here, and why the others cannot."""
    skipped = absent({name: NEEDS[name] for name in names})
    return [name for name in names if name not in skipped], skipped
