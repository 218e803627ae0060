"""Rows written out as source: the Python gives the bits of the rows' functions, everywhere."""

import itertools
import json
import math
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from browsing import Pages

from glassgrad import TABLE, Operation, Reduction, Value, engine, operation
from glassgrad.engine.formula import (
    PYTHON_NAMES,
    RowSource,
    javascript_functions,
    javascript_key,
    python_source,
)
from glassgrad.engine.op import HARD_PLACE

FIXED = [row for row in TABLE.values() if not isinstance(row, Reduction)]
ROWS = pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
HARD = (
    *(0.0, 1.0, 2.0, 0.5, 3.0, 40.0, 800.0, 1e-9, 5e-324, 1e308, math.inf),
    *(-0.0, -1.0, -2.0, -0.5, -3.0, -40.0, -800.0, -1e-9, -5e-324, -1e308, -math.inf, math.nan),
)
Point = tuple[float, ...]


def inside(row: Operation, amount: int) -> Iterator[Point]:
    generator = random.Random(row.name)
    for _ in range(amount):
        yield tuple(generator.uniform(low, high) for low, high in row.domain)


def anywhere(row: Operation, amount: int) -> Iterator[Point]:
    """Combinations of hard numbers, and random ones of all sizes, some of them equal."""
    generator = random.Random(row.name)
    hard = list(itertools.product(HARD, repeat=len(row.domain)))
    yield from generator.sample(hard, min(len(hard), 1000))
    for _ in range(amount):
        size = 10.0 ** generator.uniform(-6, 4)
        point = [generator.uniform(-size, size) for _ in row.domain]
        if generator.random() < 0.2:
            point[-1] = point[0]
        yield tuple(point)


def function_of(source: RowSource) -> Callable[..., tuple[float, tuple]]:
    """The source in a function, as it is meant to be used."""
    lines = [f"    {name} = {text}" for name, text in source.lines]
    lines.append(f"    return y, ({', '.join(source.partials)},)")
    names = dict(PYTHON_NAMES)
    exec("\n".join([f"def computed({', '.join(source.operands)}):", *lines]), names)
    return names["computed"]


def bits(x: float | None) -> bytes | None:
    if x is None:
        return None
    assert type(x) is float
    return b"nan" if math.isnan(x) else struct.pack("d", x)


def expected(row: Operation, point: Point) -> tuple[float, tuple]:
    y = row.forward(point)
    return y, row.partials(point, y)


@ROWS
def test_the_python_of_a_row_has_the_bits_of_its_functions(row: Operation) -> None:
    function = function_of(python_source(row))
    checked = 0
    for point in anywhere(row, 2000):
        try:
            y, partials = function(*point)
        except HARD_PLACE:
            continue
        right, right_partials = expected(row, point)
        assert bits(y) == bits(right), point
        assert list(map(bits, partials)) == list(map(bits, right_partials)), point
        checked += 1
    assert checked > 300


@ROWS
def test_the_python_of_a_row_does_not_raise_where_the_row_is_at_home(row: Operation) -> None:
    function = function_of(python_source(row))
    for point in inside(row, 200):
        y, partials = function(*point)
        assert (y, partials) == expected(row, point)


def source_text(source: RowSource) -> str:
    return "\n".join([*(f"{name} = {text}" for name, text in source.lines), *source.partials])


def test_python_reads_as_a_person_would_write_it() -> None:
    assert source_text(python_source(TABLE["mul"])) == "y = a * b\nb\na"
    assert source_text(python_source(TABLE["exp"])) == "y = exp(a)\ny"
    assert source_text(python_source(TABLE["pow"])).startswith(
        "y = pow(a, b)\nb * pow(a, b - 1.0) if b else b * y / (a if a else 1.0)\n"
    )
    assert source_text(python_source(TABLE["softplus"])).count("exp(") == 1
    assert source_text(python_source(TABLE["sigmoid"])).count("exp(") == 1
    assert source_text(python_source(TABLE["where"])) == (
        "y = b if a else c\nNone\n(1.0 if a else 0.0) or None\n(0.0 if a else 1.0) or None"
    )


# JavaScript.


def numbers_in(page_answer: list) -> list:
    """JSON has no nan and no infinity, so the page gives texts."""
    return [None if x is None else float(x) for x in page_answer]


IN_BROWSER = """
const [row, points] = [%s, %s];
const text = (x) => x === null ? null : Object.is(x, -0) ? "-0" : String(x).replace(
    "Infinity", "inf").replace("NaN", "nan");
return points.map((point) => {
  const operands = point.map((x) => Number(x));
  return row(...operands).map(text);
});
"""


def computed_in_page(pages: Pages, row: Operation, points: Sequence[Point]) -> list[list]:
    spelled = [[repr(x).replace("inf", "Infinity") for x in point] for point in points]
    count = len(points[0])
    functions = f"{javascript_functions([(row, count)])}[{javascript_key(row, count)!r}]"
    body = IN_BROWSER % (functions, json.dumps(spelled))
    script = f"(() => {{{body}}})()"
    return [numbers_in(answer) for answer in pages().evaluate(script)]


def test_an_operation_of_a_user_may_read_what_changes() -> None:
    slope = [2.0]
    row = operation(
        "bent", "", lambda x: x * slope[0], None, lambda x, y: slope[0] if x > 0 else 0.0
    )
    for slope[0] in (2.0, 5.0):
        y = row(Value(3.0))
        assert (y.data, y.partials) == (3.0 * slope[0], (slope[0],))


def test_an_operation_of_a_user_is_written_if_it_is_a_formula() -> None:
    def value(x: float) -> float:
        return x * engine.tanh(x)

    row = operation("bent", "", value, value, lambda x, y: 2.0 * x)
    text = f'"{row.kernel}": (a) => {{const y = a * Math.tanh(a); return [y, 2 * a];}}'
    assert text in javascript_functions([(row, 1)])
    opened = operation("opened", "", lambda x: x * x + 1.0, None, lambda x, y: 2.0 * x)
    assert "{const y = a * a + 1; return [y, 2 * a];}" in javascript_functions([(opened, 1)])
    for value in (math.sin, lambda x: {0.0: x}[x], lambda x: x.nothing):
        called = operation("called", "", value, None, lambda x, y: engine.cos(x))
        with pytest.raises(TypeError, match=r"called cannot be written .* the value of called"):
            javascript_functions([(called, 1)])
    asking = operation("asking", "", value, value, lambda x, y: 2.0 if x > 0.0 else 0.0)
    with pytest.raises(TypeError, match=r"asking cannot be written .* Whether a is smaller"):
        javascript_functions([(asking, 1)])


def is_near(x: float | None, right: float | None) -> bool:
    """Whether a number is right to 13 digits, and so are infinities, nan and the sign of zero."""
    if x is None or right is None:
        return x is right
    if 0.0 in (x, right) or not (math.isfinite(x) and math.isfinite(right)):
        return bits(x) == bits(right)
    return abs(x - right) <= max(1e-13 * abs(right), 1e-320)


@ROWS
def test_the_javascript_of_a_row_computes_what_the_engine_does(
    row: Operation, new_page: Pages
) -> None:
    points = [*anywhere(row, 300), *inside(row, 100)]
    for point, (y, *partials) in zip(points, computed_in_page(new_page, row, points)):
        right, right_partials = expected(row, point)
        assert is_near(y, right), point
        assert all(map(is_near, partials, right_partials)), point


REDUCTIONS = [row for row in TABLE.values() if isinstance(row, Reduction)]


@pytest.mark.parametrize("row", REDUCTIONS, ids=lambda row: row.name)
@pytest.mark.parametrize("count", [2, 4, 30, 998])
def test_the_javascript_of_a_reduction_computes_what_the_engine_does(
    row: Reduction, count: int, new_page: Pages
) -> None:
    points = list(itertools.islice(rows_of_numbers(row, count), 40_000 // count))
    for point, (y, *partials) in zip(points, computed_in_page(new_page, row, points)):
        right, right_partials = expected(row, point)
        assert is_close(y, right, max(map(abs, point))), point
        assert len(partials) == count
        for partial, right_partial in zip(partials, right_partials):
            assert is_close(partial, right_partial, abs(right_partial)), point


def rows_of_numbers(row: Reduction, count: int) -> Iterator[Point]:
    """Rows of so many numbers: hard ones, and random ones of all sizes, some of them equal."""
    generator = random.Random(f"{row.name} {count}")
    for _ in range(200):
        yield tuple(generator.choices(HARD, k=count))
        size = 10.0 ** generator.uniform(-6, 4)
        point = [generator.uniform(-size, size) for _ in range(count)]
        point[generator.randrange(count)] = point[0]
        yield tuple(point)


def is_close(x: float | None, right: float | None, scale: float) -> bool:
    """Whether a number is right but for the rounding of numbers as large as `scale`."""
    if is_near(x, right) or 0.0 == x == right:
        return True
    return None not in (x, right) and math.isfinite(scale) and abs(x - right) <= 1e-12 * scale


def test_a_reduction_that_calls_itself_too_often_is_refused_in_a_sentence() -> None:
    def total(*xs: Any) -> Any:
        return xs[0] + total(*xs[1:]) if len(xs) > 1 else xs[0]

    row = operation("nested", "", total, total, lambda xs, y: (1.0,) * len(xs), kind=Reduction)
    assert "a + (b + c)" in javascript_functions([(row, 3)])
    with pytest.raises(TypeError, match="nested cannot be written in JavaScript: of 5000 operands"):
        javascript_functions([(row, 5000)])


def test_a_difference_in_javascript_would_be_seen() -> None:
    assert is_near(1.0, 1.0 + 2e-14)
    assert is_near(math.nan, math.nan)
    assert is_near(None, None)
    assert is_near(-math.inf, -math.inf)
    for x, right in [
        (1.0, 1.0 + 2e-13),
        (0.0, -0.0),
        (None, 0.0),
        (1e308, math.inf),
        (0.0, 1e-300),
    ]:
        assert not is_near(x, right)
        assert not is_near(right, x)
