"""Comparing what the engine makes of a program with what a peer makes of it, up to rounding.

`judged` says whether the two agree, but for what is permitted; how far they may be apart is in
`excesses`. The programs are in `programs.py`, the peers in `peers.py`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from programs import Program, by_engine

from glassgrad import Value, grad, topological_order


class Outcome(NamedTuple):
    """What is compared: a value, its gradient by the leaves, and all second derivatives."""

    value: float
    gradient: list[float]
    hessian: list[list[float]]

    def numbers(self) -> list[float]:
        return [self.value, *self.gradient, *(x for row in self.hessian for x in row)]

    def orders(self) -> list[int]:
        """How often each of the numbers is differentiated."""
        return [0, *(1 for _ in self.gradient), *(2 for row in self.hessian for _ in row)]


def with_engine(program: Program, call: Callable[..., Any] = by_engine) -> Outcome:
    """The outcome by the engine, or by another way to call its operations."""
    xs = [Value(x) for x in program.point]
    y = program.run(call, xs)[-1]
    gradient = grad(y, xs, differentiable=True)
    return Outcome(y.data, [g.data for g in gradient], [grad(g, xs) for g in gradient])


Peer = Callable[[Program], Outcome]


class Permission(NamedTuple):
    """Where peers may differ, and why.

    Attributes:
        reason: a sentence that ends with what the peer does.
        peers: their names.
        covers: whether it speaks of a node: an operation on these numbers.
        order: the lowest derivative that may differ.
        differs: whether it explains a number here and another there.
        example: a program that needs it.
    """

    reason: str
    peers: tuple[str, ...]
    covers: Callable[[str, tuple[float, ...]], bool]
    order: int
    differs: Callable[[float, float], bool]
    example: Program


class Judgement(NamedTuple):
    """The result of comparing a program: the numbers compared, and the largest excess."""

    agrees: bool
    count: int = 0
    worst: float = 0.0
    reasons: tuple[str, ...] = ()
    problem: str = ""


def judged(program: Program, peer: Peer, permitted: Sequence[Permission]) -> Judgement:
    """Whether the engine and a peer agree, but for what is permitted.

    A permission speaks of a kind of node. With those nodes replaced by their numbers the two must
    agree, so that it hides nothing else.
    """
    try:
        mine, other = with_engine(program), peer(program)
        found = excesses(program, mine, other)
    except Exception as error:  # to be shrunk like any other failure
        return Judgement(False, problem=f"{type(error).__name__}: {error}")
    count, worst = len(found), max((x for x in found if x <= 1.0), default=0.0)
    if max(found) <= 1.0:
        return Judgement(True, count, worst)
    present = [p for p in permitted if any(p.covers(*node) for node in program.nodes())]
    numbers = zip(found, mine.orders(), mine.numbers(), other.numbers())
    used = [
        {p for p in present if order >= p.order and p.differs(a, b)}
        for x, order, a, b in numbers
        if x > 1.0
    ]
    if not all(used):
        return Judgement(False, count, worst)
    explained = [p for p in present if p in set().union(*used)]
    others = [p for p in permitted if p not in explained]
    rest = judged(without_nodes(program, explained), peer, others)
    reasons = (*(p.reason for p in explained), *rest.reasons)
    return rest._replace(count=count, reasons=reasons)


def without_nodes(program: Program, permissions: Sequence[Permission]) -> Program:
    """The program with all nodes that permissions speak of replaced by their numbers."""
    for i, node in reversed(list(enumerate(program.nodes()))):
        if any(p.covers(*node) for p in permissions):
            program = program.without(i)
    return program.needed()


def excesses(program: Program, mine: Outcome, other: Outcome) -> list[float]:
    """For each number how far apart the two are, as a multiple of what is allowed.

    Allowed is 1e-9 of the number, and 1e-12 of its `scale`: a number that is small because larger
    ones cancel has lost digits in both.
    """
    pairs = list(zip(mine.numbers(), other.numbers(), strict=True))
    found = [excess(a, b, 1e-9 * abs(b)) for a, b in pairs]
    if max(found) <= 1.0:
        return found
    return [excess(a, b, 1e-9 * abs(b) + s) for (a, b), s in zip(pairs, allowances(program))]


def excess(a: float, b: float, allowed: float) -> float:
    if a == b or (a != a and b != b):
        return 0.0
    return abs(a - b) / allowed if math.isfinite(a - b) and allowed > 0.0 else math.inf


def allowances(program: Program) -> list[float]:
    """What rounding may do to each number of the outcome, 4500 times over."""
    xs = [Value(x) for x in program.point]
    y = program.run(by_engine, xs)[-1]
    gradient = grad(y, xs, differentiable=True)
    # A peer's rule may have terms that cancel where ours has none: a derivative of prod is the
    # product divided by the operand in PyTorch. They are as large as the next lower derivative.
    total = scale(y)
    firsts = [scale(g) + total for g in gradient]
    seconds = [
        scale(h) + first
        for g, first in zip(gradient, firsts)
        for h in grad(g, xs, differentiable=True)
    ]
    return [1e-12 * s if math.isfinite(s) else 0.0 for s in (total, *firsts, *seconds)]


def scale(result: Value) -> float:
    """How much a result moves if each node in its graph moves by its own size.

    Each node is rounded, by some 1e-16 of its size, and that reaches the result times the local
    derivatives on the way. Added up over nodes and paths, without signs, this is the bound of a
    running error analysis. A derivative is the result of a graph too. What is not finite is left
    out: it would allow everything.
    """
    reach = {result: 1.0}
    total = 0.0
    for node in reversed(topological_order(result)):
        reached = reach.get(node, 0.0)
        if math.isfinite(node.data):
            total += reached * abs(node.data)
        for parent, partial in zip(node.parents, node.partials):
            if partial and math.isfinite(partial):
                reach[parent] = reach.get(parent, 0.0) + reached * abs(partial)
    return total
