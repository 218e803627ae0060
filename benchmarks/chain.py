"""100 alternating products and sums on two leaves, forward and backward: the cost of one node."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.timing import OURS, Workload, peer, seconds
from engine import Value, trap

OPERATIONS = 100
REPEATS = 20
TITLE = "chain: an operation among 100 alternating × and + on two leaves, forward and backward"


def chain(quick: bool) -> list[Workload]:
    """An operation of ours, of micrograd and of PyTorch's scalars; and ours inside `trap()`."""
    ours = repeated(Value)
    programs: dict[str, Callable[[], object]] = {OURS: ours}
    skipped = []
    if micrograd := peer("micrograd.engine"):
        programs["micrograd"] = repeated(micrograd.Value)
    else:
        skipped.append("micrograd")
    if torch := peer("torch"):
        scalar = partial(torch.tensor, dtype=torch.float64, requires_grad=True)
        programs["PyTorch, scalars"] = repeated(scalar)
    else:
        skipped.append("torch")
    rounds = 5 if quick else 30
    watched: dict[str, Callable[[], object]] = {OURS: ours, "inside trap()": trapped(ours)}
    return [
        Workload(TITLE, "µs", microseconds(programs, rounds), skipped=skipped),
        Workload("trap: the same operation of ours", "µs", microseconds(watched, rounds)),
    ]


def microseconds(programs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median time of one operation in microseconds."""
    each = 1e6 / (OPERATIONS * REPEATS)
    return {name: each * time for name, time in seconds(programs, rounds).items()}


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


def trapped(program: Callable[[], None]) -> Callable[[], None]:
    """The same inside `trap()`."""

    def run() -> None:
        with trap():
            program()

    return run
