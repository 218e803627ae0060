"""The steps of the character transformer and of the character RNN, and growing lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks import gpt, gpt_arrays, gpt_by_hand, minimal, rnn, rnn_arrays, steps
from benchmarks.alone import seconds_alone
from benchmarks.growth import Sweep, swept
from benchmarks.steps import COMPILED, EAGER, HAND, JAX, TORCH, Step, available, check_same
from benchmarks.timing import Workload, scaled, seconds

OWN = "its own class"
NAMES = (EAGER, COMPILED, HAND, TORCH, JAX)
GPT_TITLE = "transformer: loss and all 4,192 gradients of one document, 16 positions"
RNN_TITLE = "RNN: loss and all 2,811 gradients of one document, 16 steps"
OWN_TITLE = "transformer in plain Python: a training step with its own class, or ours in its place"
LENGTHS_TITLE = "growth with length, transformer"
LENGTHS = (4, 8, 16, 32, 64)
MOST_EAGER = 16
"""So many positions are measured eagerly too; more would take long."""


def transformer(quick: bool, slow: bool) -> list[Workload]:
    """The transformer in every program."""
    return [measured("transformer", GPT_TITLE, gpt_program, quick)]


def recurrent(quick: bool, slow: bool) -> list[Workload]:
    """The RNN in every program."""
    return [measured("rnn", RNN_TITLE, rnn_program, quick)]


def own_class(quick: bool, slow: bool) -> list[Workload]:
    """The transformer as a plain Python program with a class of its own, and with ours for it."""
    check_same("own class", {name: gpt_program(name) for name in (EAGER, OWN)})
    counts = (1, 1) if quick else (5, 2)
    found = []
    for name, title, collector in (
        ("own class", OWN_TITLE, True),
        ("own class, collector off", f"{OWN_TITLE}, collector off", False),
    ):
        times = seconds_alone("sequences.gpt_program", (EAGER, OWN), *counts, collector)
        found.append(Workload(name, title, "ms", scaled(times, 1e3), EAGER))
    return found


def lengths(quick: bool, slow: bool) -> list[Sweep]:
    """The transformer on longer and longer documents."""
    some = LENGTHS[:2] if quick else LENGTHS
    return [swept(LENGTHS_TITLE, "length", {n: n for n in some}, programs_of_length, quick=quick)]


def programs_of_length(length: int) -> dict[str, Step]:
    """The compiled step, numpy by hand, and the eager step where it is not too long."""
    tokens, block = document(length), max(length, gpt.BLOCK)
    names = [COMPILED, HAND, *[EAGER] * (length <= MOST_EAGER)]
    return {name: gpt_program(name, tokens, block) for name in names}


def measured(name: str, title: str, program: Callable[[str], Step], quick: bool) -> Workload:
    """All programs of a task: compared, then timed."""
    names, skipped = available(NAMES)
    programs = {each: program(each) for each in names}
    check_same(name, programs)
    eager = {EAGER: programs.pop(EAGER)}
    times = seconds(eager, 1 if quick else 7) | seconds(programs, 3 if quick else 31)
    return Workload(name, title, "ms", scaled(times, 1e3), COMPILED, skipped)


def document(length: int) -> list[int]:
    """Tokens for so many positions; the word is repeated."""
    letters = gpt.tokens_of(gpt.DOCUMENT)[1:-1]
    return [gpt.MARK, *(letters * length)[: length - 1], gpt.MARK]


def gpt_program(name: str, tokens: Sequence[int] | None = None, block: int = gpt.BLOCK) -> Step:
    """The step of the transformer in one program."""
    tokens = tokens or gpt.tokens_of(gpt.DOCUMENT)
    weights = gpt.parameters(gpt.shapes(block))
    if name == OWN:
        weights = gpt.parameters(gpt.shapes(block), leaf=minimal.Value)
        name = EAGER
    if name in (EAGER, COMPILED):
        return scalar_step(name, partial(gpt.gpt_loss, weights, tokens), flat_list(weights))
    make = {HAND: gpt_by_hand.by_hand, TORCH: gpt_arrays.in_torch, JAX: gpt_arrays.in_jax}[name]
    return make(numbers(weights), tokens, block)


def rnn_program(name: str, tokens: Sequence[int] | None = None) -> Step:
    """The step of the RNN in one program."""
    tokens = tokens or gpt.tokens_of(rnn.DOCUMENT)
    weights = gpt.parameters(rnn.shapes())
    if name in (EAGER, COMPILED):
        return scalar_step(name, partial(rnn.rnn_loss, weights, tokens), flat_list(weights))
    make = {HAND: rnn_arrays.by_hand, TORCH: rnn_arrays.in_torch, JAX: rnn_arrays.in_jax}[name]
    return make(numbers(weights), tokens)


def scalar_step(name: str, loss: Callable[[], Any], parameters: list[Any]) -> Step:
    """Scalar code as it stands, or compiled."""
    if name == EAGER:
        return steps.eager_step(loss, parameters)
    # A batch of one sample that is not used: the document is part of what is compiled.
    return steps.compiled_step(lambda _: loss(), parameters, np.zeros(1))


def flat_list(weights: dict[str, gpt.Matrix]) -> list[Any]:
    """The Values of all matrices in one row."""
    return [value for matrix in weights.values() for row in matrix for value in row]


def numbers(weights: dict[str, gpt.Matrix]) -> Any:
    """Their numbers, as an array."""
    return np.array([value.data for value in flat_list(weights)])
