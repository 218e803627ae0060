"""A whole training step on two moons, as users write it: loss, gradients, gradient descent.

Here glassgrad works on the user's Values: `loss.over(X, Y)`, `backward()`, and an optimiser that
moves each Value's `.data`. The peers keep their parameters in arrays. What is compared is the loss
and the parameters after a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from benchmarks import moons_arrays
from benchmarks.moons import SIZES, network, sample_loss, samples
from benchmarks.steps import Result, Step, check_same
from benchmarks.timing import OURS, Workload, absent, peer, scaled, seconds
from glassgrad import compiled, nn

RATE = 0.01
LOOP = f"{OURS}, p.data -= rate * p.grad"
TORCH_LOOP, TORCH_FOREACH = "PyTorch, foreach=False", "PyTorch, foreach=True"
JAX_UPDATE, HAND_UPDATE = "JAX jit with the update", "numpy by hand with the update"
NEEDS = {OURS: None, LOOP: None, HAND_UPDATE: None, TORCH_LOOP: "torch", TORCH_FOREACH: "torch",
         JAX_UPDATE: "jax"}  # fmt: skip
TITLE = "training: a step of gradient descent on two moons, through the public API"


def training(quick: bool, slow: bool) -> list[Workload]:
    """A step of everyone."""
    skipped = absent(NEEDS)
    programs = {name: program(name) for name in NEEDS if name not in skipped}
    check_same("training", programs)
    times = seconds(programs, 5 if quick else 41)
    return [Workload("training", TITLE, "ms", scaled(times, 1e3), skipped=skipped)]


def program(name: str) -> Step:
    """The step of one program, ready to run."""
    rows, labels = samples()
    model, x, y = network(), np.array(rows), np.array(labels)
    flat = np.array([p.data for p in model.parameters()])
    if name == OURS:
        return ours(model, x, y)
    if name == LOOP:
        return in_a_loop(model, x, y)
    if name == HAND_UPDATE:
        return by_hand(flat, x, y)
    if name == JAX_UPDATE:
        return in_jax(flat, x, y)
    return in_torch(flat, x, y, foreach=name == TORCH_FOREACH)


def after(parameters: Callable[[], Any], result: Result) -> tuple[float, Any]:
    """The loss of a step and the parameters after it."""
    loss, _ = result
    return float(loss), np.array(parameters())


def ours(model: nn.MLP, x: Any, y: Any) -> Step:
    """Values throughout: only the loss is compiled."""
    loss = compiled(partial(sample_loss, model))
    optimiser = nn.SGD(model.parameters(), learning_rate=RATE)

    def run() -> Result:
        optimiser.zero_grad()
        total = loss.over(x, y)
        total.backward()
        optimiser.step()
        return total.data, None

    return Step(run, partial(after, lambda: [p.data for p in model.parameters()]))


def in_a_loop(model: nn.MLP, x: Any, y: Any) -> Step:
    """The same without an optimiser, as people write it first."""
    loss = compiled(partial(sample_loss, model))

    def run() -> Result:
        model.zero_grad()
        total = loss.over(x, y)
        total.backward()
        for p in model.parameters():
            p.data -= RATE * p.grad
        return total.data, None

    return Step(run, partial(after, lambda: [p.data for p in model.parameters()]))


def by_hand(flat: Any, x: Any, y: Any) -> Step:
    """The step written by hand, its parameters moved in place."""
    gradients = moons_arrays.by_hand(flat, SIZES, x, y)

    def run() -> Result:
        loss, gradient = gradients()
        gradient *= RATE
        np.subtract(flat, gradient, out=flat)
        return loss, None

    return Step(run, partial(after, lambda: flat))


def in_jax(flat: Any, x: Any, y: Any) -> Step:
    """Loss, gradients and update in one compiled function."""
    jax = peer("jax")
    loss = partial(moons_arrays.flat_loss, jax.numpy.maximum, SIZES)
    state = [jax.numpy.asarray(flat)]
    inputs, labels = jax.numpy.asarray(x), jax.numpy.asarray(y)

    @jax.jit
    def update(parameters: Any, x: Any, y: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters, x, y)
        return value, parameters - RATE * gradient

    def run() -> Result:
        value, state[0] = jax.block_until_ready(update(state[0], inputs, labels))
        return value, None

    return Step(run, partial(after, lambda: state[0]))


def in_torch(flat: Any, x: Any, y: Any, foreach: bool) -> Step:
    """The loop that every tutorial has, with `torch.optim.SGD`."""
    torch = peer("torch")
    torch.set_num_threads(1)
    matrices = moons_arrays.torch_matrices(flat, SIZES)
    leaves = [torch.tensor(m, requires_grad=True) for m in matrices.values()]
    optimiser = torch.optim.SGD(leaves, lr=RATE, foreach=foreach)
    inputs, labels = torch.tensor(x), torch.tensor(y)

    def run() -> Result:
        optimiser.zero_grad()
        loss = moons_arrays.torch_loss(leaves, inputs, labels)
        loss.backward()
        optimiser.step()
        return loss.detach(), None

    return Step(run, partial(after, lambda: in_one_row(leaves)))


def in_one_row(leaves: Sequence[Any]) -> list[float]:
    """PyTorch's parameters, each neuron's bias after its weights."""
    arrays = [leaf.detach().numpy() for leaf in leaves]
    blocks = (np.column_stack(pair).ravel() for pair in zip(arrays[::2], arrays[1::2]))
    return list(chain.from_iterable(blocks))
