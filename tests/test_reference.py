"""The table of operations against exact values: its numbers first, then the gate itself.

Every number stored in `reference/values.txt` is compared. Then each local derivative is made
wrong on purpose, in five ways: the comparison must find every one of these mutants.
"""

import itertools
import runpy
from collections.abc import Callable, Iterator
from operator import attrgetter

import pytest
from needing import mostly_slow
from reference_values import FOLDER, ROUNDED_EXPONENTS, Case, Comparison, call, cases, comparisons

from glassgrad import TABLE, Operation, Reduction, Value, grad

ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
Rules = tuple[object, ...]


@ROWS
def test_a_row_is_exact(row: Operation, figure: Callable) -> None:
    compared = [each for case in cases()[row.name] for each in comparisons(case)]
    assert not [str(each) for each in compared if each.is_wrong]
    figure("Reference values", "numbers compared", len(compared))
    figure("Reference values", "largest share of the allowed error", max(e.used for e in compared))
    blind = [
        e for e in compared if e.expected and e.case.allowance(e.order, 0.0) >= abs(e.expected)
    ]
    figure("Reference values", "of these too near to a zero of their order to tell", len(blind))
    which = f" of {', '.join(ROUNDED_EXPONENTS)}" if row.name in ROUNDED_EXPONENTS else ""
    for order, in_tail in itertools.product((0, 1), (False, True)):
        errors = [e.error for e in compared if (e.order, e.case.in_tail) == (order, in_tail)]
        where = "in the tails" if in_tail else "in the domain"
        text = f"largest relative error at order {order}, {where}{which}"
        figure("Reference values", text, max(errors))


@ROWS
def test_a_row_has_forty_points(row: Operation) -> None:
    found = cases()[row.name]
    assert len(found) == 40, "run python tests/reference/make.py"
    assert [case.in_tail for case in found].count(True) == 16
    assert len({case.point for case in found}) >= 38
    if any(rule is not None for rule in row.rules):
        assert sum(any(case.orders[1]) for case in found if case.in_tail) >= 12
    complete = [case for case in found if len(case.orders) == 4]
    assert len(complete) >= 28


@pytest.mark.parametrize(
    ("name", "point", "index", "exact"),
    [
        ("pow", (1e-100, -1.086874588668761), 0, -5.292225022402006e208),
        ("logaddexp", (1.3, 650.0), 0, 1.875726825021539e-282),
        ("logsumexp", (1.3, 650.0), 0, 1.875726825021539e-282),
        ("gelu_tanh", (-20.0,), 0, -2.9424328724945853e-259),
    ],
)
def test_an_exception_is_needed(name: str, point: tuple, index: int, exact: float) -> None:
    assert name in ROUNDED_EXPONENTS
    case = Case(TABLE[name], True, point, ())
    xs = tuple(map(Value, point))
    found = grad(call(case.row, xs), xs)[index]
    comparison = Comparison(case, (index,), found, exact)
    assert 1e-15 < comparison.error < 1e-13
    assert not comparison.is_wrong


@pytest.mark.parametrize("start", mostly_slow(range(4)))
@pytest.mark.needs("mpmath")
def test_the_stored_numbers_are_those_of_the_definitions(
    start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample, computed again with other digits and steps; `make.py --check` does them all."""
    monkeypatch.syspath_prepend(FOLDER)
    make = runpy.run_path(str(FOLDER / "make.py"))
    near, far = make["Reference"](90, 70), make["Reference"](610, 410)
    for found in cases().values():
        for case in found[start * 10 :: 40]:
            reference = far if case.in_tail else near
            again = reference.orders(case.row, case.point)
            assert [tuple(order) for order in again] == list(case.orders), case


# Mutants: a rule that is wrong in any of these ways must not get through.


def changed(rules: Rules, index: int, change: Callable, of_all: bool) -> Rules:
    """The rules of a row with `change` applied to a derivative that one of them gives."""
    rule = rules[index]

    def wrong(*arguments: object) -> object:
        found = rule(*arguments) if callable(rule) else rule
        if not of_all:
            return change(found)
        first, *others = found  # by each operand of a reduction
        return (change(first), *others)

    return (*rules[:index], wrong, *rules[index + 1 :])


def swapped(rules: Rules, of_all: bool) -> Rules:
    """The derivative by the first operand goes to the last and so on."""
    if not of_all:
        return rules[::-1]
    (rule,) = rules
    return (lambda xs, y: tuple(rule(xs, y))[::-1],)


WAYS = {
    "sign": lambda p: -1.0 if p is None else -p,
    "× (1 + 1e-9)": lambda p: 1.0 if p is None else p * (1.0 + 1e-9),
    "+ 1e-7": lambda p: 1e-7 if p is None else p + 1e-7,
    "zero": lambda p: 1e-7 if p is None else 0.0,
    "swapped": None,
}
"""The ways to make a local derivative wrong; None flows nowhere and so becomes a number."""


def mutants() -> Iterator[tuple[Operation, str, Rules]]:
    for row in TABLE.values():
        of_all = isinstance(row, Reduction)
        for index, (way, change) in itertools.product(range(len(row.rules)), WAYS.items()):
            if change is not None:
                yield row, f"{way}, {index}", changed(row.rules, index, change, of_all)
            elif index == 0 and (of_all or len(row.rules) > 1):
                yield row, way, swapped(row.rules, of_all)


def gradients(row: Operation, rules: Rules) -> list[tuple]:
    """The local derivatives at all points by given rules."""
    before, row.rules = row.rules, rules
    try:
        return [
            tuple(p or 0.0 for p in row.partials(case.point, row.forward(case.point)))
            for case in cases()[row.name]
        ]
    finally:
        row.rules = before


def is_found_out(row: Operation, case: Case) -> bool:
    return any(each.is_wrong for each in comparisons(case, 1))


def test_every_mutant_is_caught(monkeypatch: pytest.MonkeyPatch, figure: Callable) -> None:
    survivors, caught, alike = [], 0, []
    for row, way, rules in mutants():
        if gradients(row, rules) == gradients(row, row.rules):
            alike.append(f"{row.name}: {way}")
            continue
        with monkeypatch.context() as patch:
            patch.setattr(row, "rules", rules)
            patch.setattr(row, "methods", {})  # they are written of the rules
            found = any(is_found_out(row, case) for case in cases()[row.name])
        caught += found
        if not found:
            survivors.append(f"{row.name}: {way}")
    assert not survivors
    assert caught > 300
    figure("Mutants", "wrong derivatives made", caught + len(survivors))
    figure("Mutants", "of these caught", caught)
    figure("Mutants", "swaps that change nothing, as in a sum", len(alike))
    assert all("swapped" in each for each in alike), alike


def is_curved(row: Operation) -> bool:
    """Whether any of its second derivatives is not 0."""
    return any(any(case.orders[2]) for case in cases()[row.name] if len(case.orders) > 2)


@pytest.mark.parametrize("row", [*filter(is_curved, TABLE.values())], ids=attrgetter("name"))
def test_a_derivative_that_leaves_the_graph_is_caught(
    row: Operation, monkeypatch: pytest.MonkeyPatch, figure: Callable
) -> None:
    """A rule that gives the right numbers but no Values: its own derivative is lost."""

    def cut(p: object) -> object:
        return p.data if isinstance(p, Value) else p

    def cut_rule(rule: object) -> object:
        if not callable(rule):
            return rule
        if isinstance(row, Reduction):
            return lambda xs, y: tuple(map(cut, rule(xs, y)))
        return lambda *arguments: cut(rule(*arguments))

    monkeypatch.setattr(row, "rules", tuple(map(cut_rule, row.rules)))
    assert any(each.is_wrong for case in cases()[row.name] for each in comparisons(case, 2))
    figure("Mutants", "second derivatives cut off, and caught", 1)


def test_the_gate_itself() -> None:
    """Each gate lets the last digits pass and stops an error of twice its size."""
    case = cases()["tanh"][0]
    for order, gate in enumerate((1e-12, 1e-12, 1e-12, 1e-10)):
        exact = 0.5
        near, far = exact * (1 + 0.5 * gate), exact * (1 + 1e3 * gate)
        assert not Comparison(case, (0,) * order, near, exact).is_wrong
        assert Comparison(case, (0,) * order, far, exact).is_wrong
        assert Comparison(case, (0,) * order, float("nan"), exact).is_wrong
