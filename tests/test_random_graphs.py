"""Random expression graphs, over all operations of the table, by the engine and by its peers.

Each graph is compared with PyTorch or JAX in its value, its gradient and all second derivatives;
`pytest tests/test_random_graphs.py --graphs=20000` compares more of them. Where the peers may
differ is listed here with the reasons. Any other difference fails, and the smallest program that
shows it is printed, to be pasted. `programs.py` makes the graphs, `comparing.py`
compares.
"""

import math
from collections import Counter
from collections.abc import Callable

import peers
import pytest
from comparing import Judgement, Permission, judged, with_engine
from programs import Operand, Program, by_engine, random_program, shrunk

from glassgrad import TABLE, Reduction

PEERS = {"PyTorch": peers.with_torch, "JAX": peers.with_jax}
ROWS = {"PyTorch": peers.torch_rows, "JAX": peers.jax_rows}
LONGEST = {"PyTorch": 80, "JAX": 30}
"""The lines of a program, at most: JAX takes twenty times as long."""
OPTION = {"PyTorch": "--graphs", "JAX": "--jax-graphs"}
"""The switch of pytest that says how many graphs to compare."""
MARKS = {"PyTorch": pytest.mark.needs("torch"), "JAX": pytest.mark.needs("jax")}
BATCH = 50


# What may differ.


def nan_once(a: float, b: float) -> bool:
    return math.isnan(a) != math.isnan(b)


def hardly(a: float, b: float) -> bool:
    return abs(a - b) < 1e-6


def at_all(a: float, b: float) -> bool:
    return True


def is_not_finite(name: str, xs: tuple[float, ...]) -> bool:
    row = TABLE[name]
    xs = row.arrange(row.sides(xs) if isinstance(row, Reduction) else xs)
    y = row.forward(xs)
    return not all(math.isfinite(x) for x in (y, *xs, *row.partials(xs, y)) if x is not None)


def is_minus_zero(x: float) -> bool:
    return x == 0.0 and math.copysign(1.0, x) < 0.0


def adds_minus_zero(name: str, xs: tuple[float, ...]) -> bool:
    if name not in ("sum", "mean", "dot", "max", "min", "maximum", "minimum"):
        return False
    y = by_engine(name, *xs)
    return y == 0.0 and any(map(is_minus_zero, (y, *xs)))


def one(name: str, *operands: Operand, at: tuple[float, ...]) -> Program:
    """A program of one line."""
    return Program(at, ((name, operands),))


def many_ties(name: str, numbers: list[float]) -> Program:
    """The sum of the smaller of each number's image and the same as a constant."""
    count = len(numbers)
    images = [(name, (i,)) for i in range(count)]
    ties = [("min", (count + i, by_engine(name, x))) for i, x in enumerate(numbers)]
    every = tuple(range(2 * count, 3 * count))
    return Program(tuple(numbers), (*images, *ties, ("sum", every)))


def has_no_length(name: str, xs: tuple[float, ...]) -> bool:
    is_length = name in ("atan2", "hypot", "direction", "norm") and not any(xs)
    return is_length or (name == "std" and len(set(xs)) == 1)


def has_a_tie(name: str, xs: tuple[float, ...]) -> bool:
    return name in ("max", "min", "maximum", "minimum") and len(set(xs)) < len(xs)


TAILS = "tanh sigmoid expm1 elu gelu softplus logsumexp logaddexp".split()
PERMITTED = [
    Permission(
        "infinity and nan: 0 × ∞ is nan in one arrangement of the chain rule, not in another",
        ("PyTorch", "JAX"), is_not_finite, 1, nan_once, one("cbrt", 0, at=(0.0,)),
    ),
    Permission(
        "a vector of length 0: it has no direction, and one of the two says nan of its derivatives",
        ("PyTorch", "JAX"), has_no_length, 1, nan_once, one("hypot", 0, 1, at=(0.0, 0.0)),
    ),
    Permission(
        "0·log(y): what is nan at y ≤ 0 in one arrangement of its derivatives is 0 in another",
        ("PyTorch", "JAX"), lambda name, xs: name == "xlogy" and xs[0] == 0.0 and not xs[1] > 0.0,
        1, at_all, one("xlogy", 0, 1, at=(0.0, 0.0)),
    ),
    Permission(
        "the base 0: where 0 × ∞ would come up, derivatives are nan there, and the limit here",
        ("PyTorch", "JAX"), lambda name, xs: name == "pow" and xs[0] == 0.0,
        1, nan_once, one("pow", 0, 1, at=(0.0, 0.0)),
    ),
    Permission(
        "the exponent 0: second derivatives by base and exponent are lost in PyTorch",
        ("PyTorch",), lambda name, xs: name == "pow" and xs[1] == 0.0,
        2, at_all, one("pow", 0, 1, at=(2.0, 0.0)),
    ),
    Permission(
        "an edge of clip: x has all of the derivative in PyTorch, and a half here as at other ties",
        ("PyTorch",), lambda name, xs: name == "clip" and len(set(xs)) < 3,
        1, at_all, one("clip", 0, -1.0, 1.0, at=(1.0,)),
    ),
    Permission(
        "clip without room: the tie of all three is shared in JAX, and the derivative of high here",
        ("JAX",), lambda name, xs: name == "clip" and len(set(xs)) == 1,
        1, at_all, one("clip", 0.0, 0.0, 0, at=(0.0,)),
    ),
    Permission(
        "a kink at 0: JAX takes the derivative on the right",
        ("JAX",), lambda name, xs: name in ("abs", "leaky_relu") and xs[0] == 0.0,
        1, at_all, one("abs", 0, at=(0.0,)),
    ),
    Permission(
        "tails: digits are lost there, in 1 - y² and the like",
        ("PyTorch", "JAX"), lambda name, xs: name in TAILS and max(map(abs, xs)) > 5.0,
        0, hardly, one("logsumexp", 0, 0.0, at=(-40.0,)),
    ),
    Permission(
        "the lower tail of normal_cdf: it is 0 in PyTorch",
        ("PyTorch",), lambda name, xs: name == "normal_cdf" and xs[0] < -5.0,
        0, at_all, one("normal_cdf", 0, at=(-10.0,)),
    ),
    Permission(
        "the sign of nan: it is 0 in PyTorch",
        ("PyTorch",), lambda name, xs: name == "sign" and math.isnan(xs[0]),
        0, at_all, one("sign", 0, at=(math.nan,)),
    ),
    Permission(
        "operands that lie far apart: the second derivatives of logaddexp are nan in PyTorch",
        ("PyTorch",), lambda name, xs: name == "logaddexp" and abs(xs[0] - xs[1]) > 700.0,
        2, nan_once, one("logaddexp", 1000.0, 0, at=(1.0,)),
    ),
    Permission(
        "the spread of equal numbers: 0 here, and what rounding leaves of their mean there",
        ("PyTorch",), lambda name, xs: name == "var" and len(set(xs)) == 1,
        0, at_all, one("var", 0.7424851954837581, 0.7424851954837581, 0, at=(0.7424851954837581,)),
    ),
    Permission(
        "a tie that is none in PyTorch, whose cube root is rounded otherwise",
        ("PyTorch",), has_a_tie, 1, at_all,
        # How it rounds depends on the processor: of a hundred numbers some differ on each.
        many_ties("cbrt", [i / 100 + 0.00123456789 for i in range(100)]),
    ),
    Permission(
        "-0: PyTorch's sums and JAX's extremes give 0, whose inverse is +∞",
        ("PyTorch", "JAX"), adds_minus_zero,
        0, at_all, Program((-0.0,), (("sum", (0,)), ("max", (1, 0.0)), ("div", (1.0, 2)))),
    ),
]  # fmt: skip


# The graphs.


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seeds" in metafunc.fixturenames:
        counts = {peer: metafunc.config.getoption(option) for peer, option in OPTION.items()}
        batches = [
            pytest.param(peer, range(start, min(start + BATCH, count)), marks=MARKS[peer])
            for peer, count in counts.items()
            for start in range(0, count, BATCH)
        ]
        names = [
            f"{batch.values[0]}-{batch.values[1][0]}-{batch.values[1][-1]}" for batch in batches
        ]
        metafunc.parametrize(("peer", "seeds"), batches, ids=names)


def judgement(program: Program, peer: str, permitted: list[Permission] = PERMITTED) -> Judgement:
    return judged(program, PEERS[peer], [p for p in permitted if peer in p.peers])


def test_random_graphs(peer: str, seeds: range, figure: Callable) -> None:
    numbers, worst = 0, 0.0
    figure("Random graphs", f"graphs compared with {peer}", len(seeds))
    for seed in seeds:
        program = random_program(seed, LONGEST[peer])
        found = judgement(program, peer)
        if not found.agrees:
            smallest = shrunk(program, lambda p: not judgement(p, peer).agrees)
            pytest.fail(f"Seed {seed}. {report(smallest, peer)}", pytrace=False)
        numbers, worst = numbers + found.count, max(worst, found.worst)
        for reason in found.reasons:
            figure("Random graphs", f"permitted divergences: {reason}", 1)
    figure("Random graphs", "numbers compared (values, first and second derivatives)", numbers)
    figure("Random graphs", "largest difference, relative to its allowance", worst)


def report(program: Program, peer: str) -> str:
    """A program that fails, as Python to be pasted, and what it gives by both."""
    problem = judgement(program, peer).problem or "Nothing in PERMITTED covers the difference."
    lines = [f"The engine and {peer} differ. {problem}", "", program.python(), ""]
    if not judgement(program, peer).problem:
        both = zip(("engine", peer), (with_engine(program), PEERS[peer](program)))
        lines += [
            f"{name + ':':8} value {outcome.value!r}, gradient {outcome.gradient}, "
            f"second derivatives {outcome.hessian}"
            for name, outcome in both
        ]
    return "\n".join(lines)


@pytest.mark.slow
def test_every_row_is_tried_often() -> None:
    programs = map(random_program, range(600))
    uses = Counter(name for program in programs for name, _ in program.lines)
    assert not [name for name in TABLE if uses[name] < 20]


BOTH = [pytest.param(peer, marks=MARKS[peer]) for peer in PEERS]


@pytest.mark.parametrize("peer", BOTH)
def test_every_row_has_a_peer(peer: str) -> None:
    advice = peers.missing(ROWS[peer](), peer)
    assert not advice, advice


@pytest.mark.parametrize(
    ("permission", "peer"),
    [
        pytest.param(p, peer, marks=MARKS[peer], id=f"{p.reason.split(':')[0]}, {peer}")
        for p in PERMITTED
        for peer in p.peers
    ],
)
def test_every_permission_is_needed(permission: Permission, peer: str) -> None:
    assert not judgement(permission.example, peer, []).agrees, f"remove it for {peer}"
    assert judgement(permission.example, peer, [permission]).reasons == (permission.reason,)
