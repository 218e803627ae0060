"""100 alternating products and sums on two leaves, forward and backward: the cost of one node."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import classes
from benchmarks.alone import seconds_alone
from benchmarks.timing import Workload, absent, peer, scaled

OPERATIONS = 100
REPEATS = 20
HIPS, TORCH = "HIPS autograd, scalars", "PyTorch, scalars"
NEEDS = {**classes.NEEDS, HIPS: "autograd", TORCH: "torch"}
"""The programs and the module each needs."""
TITLE = "chain: an operation among 100 alternating × and + on two leaves, forward and backward"


def chain(quick: bool, slow: bool) -> list[Workload]:
    """An operation of ours and of the peers that have scalars."""
    skipped = absent(NEEDS)
    names = [name for name in NEEDS if name not in skipped]
    times = seconds_alone("chain.program", names, *((1, 3) if quick else (9, 5)))
    figures = scaled(times, 1e6 / (OPERATIONS * REPEATS))
    return [Workload("chain", TITLE, "µs", figures, skipped=skipped)]


def program(name: str) -> Callable[[], None]:
    """The chain of one program, ready to run."""
    if name in classes.NEEDS:
        return repeated(partial(built_and_differentiated, classes.class_of(name)))
    module = peer(NEEDS[name] or "")
    if name == HIPS:
        return repeated(partial(module.grad(build, (0, 1)), 0.5, 0.5, OPERATIONS))
    leaf = partial(module.tensor, dtype=module.float64, requires_grad=True)
    return repeated(partial(built_and_differentiated, leaf))


def build(a: Any, b: Any, operations: int) -> Any:
    """A chain on the leaves a and b that stays near 1."""
    x = a
    for _ in range(operations // 2):
        x = x * b
        x = x + a
    return x


def built_and_differentiated(leaf: Callable[[float], Any]) -> None:
    """A chain on new leaves."""
    build(leaf(0.5), leaf(0.5), OPERATIONS).backward()


def repeated(run: Callable[[], object]) -> Callable[[], None]:
    """The same several times, so that the clock's own cost vanishes."""

    def several() -> None:
        for _ in range(REPEATS):
            run()

    return several
