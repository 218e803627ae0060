"""The random programs themselves: what is in them, and that a planted error is found and shrunk.

A peer with an error is the engine with one operation made wrong; neither PyTorch nor JAX is needed.
"""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
import test_random_graphs as graphs
from comparing import Peer, Permission, allowances, judged, with_engine
from needing import mostly_slow
from programs import Line, Program, by_engine, random_program, shrunk

from glassgrad import TABLE, Operation, Reduction, Value

SEEDS = range(60)
ORDINARY = [seed for seed in range(400) if seed % 4 != 3]


# What is in them.


@pytest.mark.parametrize("seed", mostly_slow(SEEDS, kept=20))
def test_a_seed_makes_one_program_in_which_everything_is_used(seed: int) -> None:
    program = random_program(seed)
    assert program == random_program(seed) != random_program(seed + 1)
    assert program == program.needed()
    for at, (name, operands) in enumerate(program.lines, len(program.point)):
        places = [x for x in operands if isinstance(x, int)]
        assert name in TABLE
        assert places
        assert all(0 <= place < at for place in places)


def test_hard_programs_reach_infinity_nan_and_ties() -> None:
    hard = [random_program(seed) for seed in range(3, 800, 4)]
    numbers = [x for program in hard for x in program.run(by_engine, program.point)]
    assert any(map(math.isinf, numbers))
    assert any(map(math.isnan, numbers))
    nodes = [node for program in hard for node in program.nodes()]
    assert ("abs", (0.0,)) in nodes
    assert any(name == "clip" and xs[0] == xs[1] for name, xs in nodes)


@cache
def many_lines() -> list[Line]:
    seeds = [*range(400), *range(3, 4000, 4)]  # every fourth is short
    return [line for seed in seeds for line in random_program(seed).lines]


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_lines_use_operands_twice_plain_numbers_and_any_number_of_operands(row: Operation) -> None:
    uses = [xs for called, xs in many_lines() if called == row.name]
    places = [[x for x in xs if isinstance(x, int)] for xs in uses]
    if isinstance(row, Reduction):
        assert {len(row.sides(xs)[0]) for xs in uses} >= {1, 2, 3, 4, 5}
    else:
        most = len(row.domain)
        assert {len(xs) for xs in uses} == {most, most - len(row.defaults)}
    if len(row.domain) > 1 and row.name != "leg":  # which is 0 of two that are equal
        assert any(len(set(xs)) < len(xs) for xs in places)
        for place in range(2):
            assert any(isinstance(xs[place % len(xs)], float) for xs in uses)


# What is done to them.


# Errors that are planted.

Error = Callable[[Value], Any]

ERRORS: dict[str, Error] = {
    "value": lambda moved: 1e-6,
    "first derivative": lambda moved: 1e-6 * moved,
    "second derivative": lambda moved: 1e-6 * moved * moved,
}
"""What is added to a result, as a function of an operand less its number: that is zero."""


def engine_with(wrong: str, error: Error) -> Peer:
    """The engine with an error in one operation."""

    def call(name: str, *operands: Any) -> Any:
        result = by_engine(name, *operands)
        if name != wrong:
            return result
        operand = next(x for x in operands if isinstance(x, Value))
        return result + error(operand - operand.detach())

    return partial(with_engine, call=call)


@pytest.mark.parametrize("order", mostly_slow(ERRORS))
@pytest.mark.parametrize("name", ["tanh", "mul", "pow", "clip", "where", "compare", "dot", "sum"])
def test_a_planted_error_is_found_and_shrunk_to_one_line(name: str, order: str) -> None:
    peer = engine_with(name, ERRORS[order])
    fails = lambda program: not judged(program, peer, ()).agrees
    found = next(p for p in map(random_program, ORDINARY) if len(p.lines) > 10 and fails(p))
    smallest = shrunk(found, fails)
    assert fails(smallest)
    assert [line[0] for line in smallest.lines] == [name]
    assert len(smallest.point) == 1
    assert len(smallest.python()) < 280


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.slow
def test_an_error_in_any_row_is_found(name: str) -> None:
    peer = engine_with(name, ERRORS["second derivative"])
    assert not all(judged(program, peer, ()).agrees for program in map(random_program, ORDINARY))


def test_a_program_that_raises_is_a_failure_too() -> None:
    def peer(program: Program) -> Any:
        if any(name == "tanh" for name, _ in program.lines):
            raise ZeroDivisionError("by tanh")
        return with_engine(program)

    fails = lambda program: judged(program, peer, ()).problem != ""
    smallest = shrunk(next(filter(fails, map(random_program, ORDINARY))), fails)
    assert judged(smallest, peer, ()).problem == "ZeroDivisionError: by tanh"
    assert smallest.lines == (("tanh", (0,)),)


def test_a_failure_prints_what_can_be_pasted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(graphs.PEERS, "PyTorch", engine_with("tanh", ERRORS["first derivative"]))
    with pytest.raises(pytest.fail.Exception) as failure:
        graphs.test_random_graphs("PyTorch", range(20), lambda *figure: None)
    first, python, numbers = str(failure.value).split("\n\n")
    assert first.endswith("differ. Nothing in PERMITTED covers the difference.")
    assert "engine:" in numbers
    exec(python, {})
    assert capsys.readouterr().out.splitlines()[0] in numbers.replace(
        "engine:  value ", ""
    ).replace(", gradient", "")


# What is allowed.


def permission(name: str, order: int) -> Permission:
    return Permission(
        f"{name} may differ", ("PyTorch",), lambda called, xs: called == name, order,
        graphs.at_all, Program((1.0,), ((name, (0,)),)),
    )  # fmt: skip


BOTH = Program((0.5,), (("tanh", (0,)), ("sin", (1,)), ("mul", (1, 2))))


def test_a_permission_covers_its_own_operation_from_its_order_on_and_nothing_else() -> None:
    def wronger(program: Program) -> Any:
        wrong = engine_with("tanh", ERRORS["first derivative"])(program)
        return wrong._replace(gradient=[1.0 + x for x in wrong.gradient])

    first, second = (engine_with("sin", ERRORS[f"{nth} derivative"]) for nth in ("first", "second"))
    assert not judged(BOTH, first, [permission("tanh", 1)]).agrees
    assert judged(BOTH, first, [permission("sin", 1)]).reasons == ("sin may differ",)
    assert not judged(BOTH, first, [permission("sin", 2)]).agrees
    assert judged(BOTH, second, [permission("sin", 2)]).agrees
    assert not judged(BOTH, wronger, [permission("tanh", 1)]).agrees
    assert not judged(BOTH, wronger, [permission("sin", 1)]).agrees


def test_digits_that_cancel_are_allowed_for_and_no_allowance_is_infinite() -> None:
    lost = Program((1.0,), (("add", (0, 1e6)), ("sub", (1, 1e6))))
    kept = Program((1.0,), (("add", (0, 1.0)), ("sub", (1, 1.0))))
    assert allowances(lost)[0] == pytest.approx(1e-6, rel=0.1)
    assert allowances(kept)[0] < 1e-11
    for seed in range(3, 800, 4):
        assert all(map(math.isfinite, allowances(random_program(seed)))), seed
