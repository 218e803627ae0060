"""100 alternating products and sums on two leaves, forward and backward: the cost of one node."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.alone import seconds_alone
from benchmarks.timing import OURS, Workload, peer
from engine import Value

OPERATIONS = 100
REPEATS = 20
PEERS = {OURS: None, "micrograd": "micrograd.engine", "PyTorch, scalars": "torch"}
"""The programs and the module each needs."""
TITLE = "chain: an operation among 100 alternating × and + on two leaves, forward and backward"


def chain(quick: bool) -> list[Workload]:
    """An operation of ours, of micrograd and of PyTorch's scalars."""
    names = [name for name, package in PEERS.items() if package is None or peer(package)]
    skipped = [name for name in PEERS if name not in names]
    alone = seconds_alone("chain", names, 3 if quick else 9)
    return [Workload(TITLE, "µs", microseconds(alone), skipped=skipped)]


def program(name: str) -> Callable[[], None]:
    """The chain of one program, ready to run."""
    if name == OURS:
        return repeated(Value)
    module = peer(PEERS[name] or "")
    if name == "micrograd":
        return repeated(module.Value)
    return repeated(partial(module.tensor, dtype=module.float64, requires_grad=True))


def microseconds(times: dict[str, float]) -> dict[str, float]:
    """Seconds of a run as microseconds of an operation."""
    return {name: 1e6 / (OPERATIONS * REPEATS) * time for name, time in times.items()}


def build(a: Any, b: Any, operations: int) -> Any:
    """A chain on the leaves a and b that stays near 1."""
    x = a
    for _ in range(operations // 2):
        x = x * b
        x = x + a
    return x


def repeated(leaf: Callable[[float], Any]) -> Callable[[], None]:
    """Build and differentiate the chain, several times so that the clock's own cost vanishes."""

    def run() -> None:
        for _ in range(REPEATS):
            build(leaf(0.5), leaf(0.5), OPERATIONS).backward()

    return run
