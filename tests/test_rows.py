"""Every row comes out: what is printed on its left, computed by hand, gives what is on its right.

Nothing is known here but the printed text: its numbers, and the operations by their names. A row
comes out if its result, rounded to the digits that are shown of it, or to the usual ones if those
are more, is the one that is shown.
"""

import itertools
import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browsing import Pages
from programs import by_engine, random_program
from stepping import (
    branches,
    chain,
    diamond,
    document,
    lecture,
    network,
    reductions,
    shared,
    with_loss,
)
from test_stage_numbers import table

from glassgrad import TABLE, Backprop, Value, backprop, step_neuron
from glassgrad.engine.text import digits_of_row, printing, short


def called(name: str) -> Callable[..., float]:
    """An operation on numbers and lists of numbers."""

    def call(*operands: Any) -> float:
        flat = [x for each in operands for x in (each if isinstance(each, list) else [each])]
        return TABLE[name].forward(tuple(map(float, flat)))

    return call


HAND = {"inf": math.inf, "nan": math.nan, **{name: called(name) for name in TABLE}}


def by_hand(text: str) -> float:
    text = re.sub(r"(?<![\w.])(?<!e[-+])(\d+)(?![\w.])", r"\1.0", re.sub("[×·]", "*", text))
    return float(eval(text.replace("\N{MINUS SIGN}", "-"), dict(HAND)))


def is_right(row: str, result: str, usual: int) -> bool:
    """Whether a row gives a result in the digits that are shown of it."""
    shown = len(re.sub(r"e.*|\D", "", result).lstrip("0"))
    precision = max(usual, shown)
    return f"{by_hand(row) + 0.0:.{precision}g}" == f"{float(result) + 0.0:.{precision}g}"


def rows_in(text: str) -> Iterator[tuple[str, str]]:
    """The rows of a report: what is computed, and the result."""
    for block in text.split("\n\n"):
        title, *lines = block.splitlines()
        for line in lines:
            cells = [cell.removeprefix("= ") for cell in re.split(r"  +", line.strip())]
            if title.startswith("Forward"):
                yield cells[2], cells[3]
            elif title.startswith("Backpropagation") and cells[0] != "edge":
                local = cells[2].removeprefix("× ").rpartition(" = ")[2]
                yield f"{cells[1]} * {local}", cells[3]
                yield tuple(cells[4].split(" = "))
            elif title.startswith("Update") and ":" not in cells[0]:
                yield cells[1], cells[2]
            elif title.startswith("The chain rule") and cells[0] != "weight":
                numbers = [cell.rpartition(" = ")[2].removeprefix("× ") for cell in cells[1:4]]
                yield " * ".join(numbers), cells[4]


SWITCHED_OFF = [(f"{upstream} * 0", "0") for upstream in ("nan", "inf", "-inf")]
"""A branch that is switched off sends nothing, whatever comes: no product, but a rule."""


def check(text: str, usual: int = 4) -> int:
    """How many rows a report has; each of them comes out."""
    rows = [row for row in rows_in(text) if row not in SWITCHED_OFF]
    assert [row for row in rows if not is_right(*row, usual)] == []
    return len(rows)


GRAPHS = [lecture, with_loss, diamond, shared, network, reductions, branches, chain, table]


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
def test_every_row_of_a_report_comes_out(build: Callable[[], Backprop]) -> None:
    steps = build()
    edges = sum(step.phase == "backward" for step in steps)
    for digits in (1, 4, 7, 17):
        assert check(steps.text(digits), digits) >= len(steps) - 1 + edges, digits


def test_every_row_of_random_graphs_comes_out() -> None:
    counted = 0
    for seed in range(150):
        program = random_program(seed, longest=25)
        y = program.run(by_engine, [Value(x) for x in program.point])[-1]
        if isinstance(y, Value) and y.parents:
            counted += check(backprop(y, learning_rate=0.1 + seed / 1000).text())
    assert counted > 3_000


def test_every_row_of_random_neurons_comes_out() -> None:
    for seed in range(60):
        numbers = iter(random.Random(seed).choices([0.1 * i / 7 for i in range(-30, 30)], k=9))
        w, x = [next(numbers) for _ in range(3)], [next(numbers) for _ in range(3)]
        steps = step_neuron(w, x, next(numbers), target=next(numbers), learning_rate=-0.07)
        assert check(steps.text()) > 20


EQUATIONS = """root => Array.from(root.querySelectorAll(".gg-equation > :not(.gg-uses)"),
  line => Array.from(line.querySelectorAll("b"), part => part.textContent))"""


def test_every_row_that_a_page_shows_comes_out_after_changes(new_page: Pages) -> None:
    steps = lecture()
    one = document(new_page, steps, reduced_motion="reduce")
    generator, compared = random.Random(0), 0
    for _ in range(5):
        for name in ("x1", "w1", "x2", "b"):
            one.stage("set", name, generator.uniform(-2.0, 2.0))
        rows = one.shown_after(*range(len(steps)), read=EQUATIONS)
        for *left, sign, result in itertools.chain.from_iterable(rows):
            if sign == "=" and not left[0].startswith("∂"):  # nor of the seed
                last = left[left.index("=") + 1 :] if "=" in left else left
                row = "".join(part.rpartition(" = ")[2] for part in last)
                assert is_right(row.replace("−", "-"), result, 4), (left, result)
                compared += 1
    assert compared == 5 * (5 + 9 + 9 + 5)  # forward, products, sums, updates


# How many digits that takes.


def test_digits_are_the_fewest_that_come_out() -> None:
    def product(x: float, y: float) -> float:
        return x * y

    assert digits_of_row((2.0, 3.0), 6.0, product) == 4
    assert digits_of_row((2 / 3, 2 / 3), 4 / 9, product) == 5
    x, y = 1.2345678901234, 1.2345678901233
    assert digits_of_row((x, y), x - y, lambda x, y: x - y) == 14
    with printing(digits=9):
        assert digits_of_row((2.0, 3.0), 6.0, product) == 9


def test_operands_that_do_not_give_the_result_are_shown_as_usual() -> None:
    assert digits_of_row((2 / 3, 3.0), 7.0, lambda x, y: x * y) is None


def test_an_operand_that_rounding_moves_out_of_the_domain_is_shown_in_more_digits() -> None:
    def refusing(x: float) -> float:
        if x >= 2.0:
            raise ValueError("outside")
        return x / 3

    assert digits_of_row((1.999991,), 1.999991 / 3, refusing) == 6


def test_all_digits_are_no_more_than_it_takes_to_tell() -> None:
    assert [short(x, 17) for x in (0.1, 1 / 3, 1.4999999999999996)] == [
        "0.1",
        "0.3333333333333333",
        "1.4999999999999996",
    ]
