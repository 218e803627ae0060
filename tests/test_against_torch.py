"""The engine beside PyTorch in float64: operations, special numbers, random expression graphs.

Where the two differ at special numbers, the difference is listed here with its reason.
"""

import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import engine
from engine import TABLE, Value, grad

torch = pytest.importorskip("torch")
functional = torch.nn.functional

ONE_OPERAND: dict[str, Callable] = {
    "neg": torch.neg,
    "pos": torch.positive,
    "abs": torch.abs,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "log10": torch.log10,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "sign": torch.sign,
}
TWO_OPERANDS: dict[str, Callable] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "pow": torch.pow,
    "atan2": torch.atan2,
    "hypot": torch.hypot,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}
REDUCTIONS: dict[str, Callable] = {
    "sum": torch.sum,
    "prod": torch.prod,
    "mean": torch.mean,
    "max": torch.amax,
    "min": torch.amin,
    "logsumexp": lambda xs: torch.logsumexp(xs, 0),
    "softmax": lambda xs: torch.softmax(xs, 0)[0],
}
ELEMENTWISE = {**ONE_OPERAND, **TWO_OPERANDS}

Result = tuple[float, list[float]]


def ours(name: str, point: tuple[float, ...]) -> Result:
    xs = [Value(x) for x in point]
    y = TABLE[name](*xs)
    return y.data, grad(y, xs)


def theirs(function: Callable, point: tuple[float, ...]) -> Result:
    xs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
    y = function(*xs)
    y.backward()
    return y.item(), [x.grad.item() for x in xs]


# Ordinary numbers.


def random_points(name: str, count: int, size: int) -> Iterator[tuple[float, ...]]:
    generator = random.Random(name)
    domain = TABLE[name].domain * size
    for _ in range(count):
        yield tuple(generator.uniform(*interval) for interval in domain[:size])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_at_random_points(name: str) -> None:
    size = 1 if name in ONE_OPERAND else 2
    for point in random_points(name, 100, size):
        value, gradient = ours(name, point)
        expected_value, expected_gradient = theirs(ELEMENTWISE[name], point)
        assert value == pytest.approx(expected_value, rel=1e-12, abs=1e-14), point
        assert gradient == pytest.approx(expected_gradient, rel=1e-12, abs=1e-14), point


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_reductions_at_random_points(name: str, size: int) -> None:
    for point in random_points(name, 20, size):
        xs = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        y = REDUCTIONS[name](xs)
        y.backward()
        value, gradient = ours(name, point)
        assert value == pytest.approx(y.item(), rel=1e-13, abs=1e-14)
        assert gradient == pytest.approx(xs.grad.tolist(), rel=1e-13, abs=1e-14)


# Special numbers.

SPECIAL = [0.0, 1.0, 2.0, 40.0, 1000.0, 1e308, 5e-324, math.inf]
SPECIAL += [-x for x in SPECIAL] + [math.nan]


def a_nan_is_never_masked(name: str, point: tuple, mine: Result, other: Result) -> bool:
    """Where an operand is nan, so are value and derivatives; PyTorch drops some."""
    value, gradient = mine
    value_kept = math.isnan(value) and (name == "sign" or math.isnan(other[0]))
    expected = [0.0] if name == "sign" else [math.nan] * len(point)
    return any(map(math.isnan, point)) and value_kept and same_numbers(gradient, expected)


def a_nan_base_reaches_the_derivative(name: str, point: tuple, mine: Result, other: Result) -> bool:
    """A power nan ** 0 is 1 in both; the derivative by the base is nan here, 0 in PyTorch."""
    expected = [math.nan, math.nan]
    return (
        name == "pow"
        and point[1] == 0.0
        and math.isnan(point[0])
        and same_numbers(mine[1], expected)
    )


def nan_outside_the_domain(name: str, point: tuple, mine: Result, other: Result) -> bool:
    """Where acosh itself is nan, so is its derivative; PyTorch gives one for a < -1."""
    return name == "acosh" and point[0] < 1.0 and all(map(math.isnan, (*mine[1], mine[0])))


def digits_kept_in_the_tails(name: str, point: tuple, mine: Result, other: Result) -> bool:
    """Derivatives that PyTorch computes as 1 - y² and the like, and so loses: ours are exact."""
    exact = {
        ("tanh", 40.0): 4.0 * math.exp(-80.0),
        ("tanh", -40.0): 4.0 * math.exp(-80.0),
        ("sigmoid", 40.0): math.exp(-40.0),
        ("expm1", -40.0): math.exp(-40.0),
    }
    expected = exact.get((name, *point))
    return expected is not None and same_numbers(mine[1], [expected]) and mine[0] == other[0]


def small_numbers_are_kept(name: str, point: tuple, mine: Result, other: Result) -> bool:
    """log1p(5e-324) is 5e-324, which PyTorch flushes to 0."""
    return name == "log1p" and abs(point[0]) == 5e-324 and mine == (point[0], [1.0])


def no_square_overflows(name: str, point: tuple, mine: Result, other: Result) -> bool:
    """PyTorch squares an operand, which leaves the range of floats; the derivative does not."""
    if not all(map(math.isfinite, point)) or not same_numbers([mine[0]], [other[0]]):
        return False
    if name in ("asinh", "acosh"):
        return abs(point[0]) == 1e308 and mine[1] == [1e-308]
    if name == "atan2":
        y, x = (np.longdouble(operand) for operand in point)
        length = np.hypot(y, x)
        with np.errstate(all="ignore"):
            exact = [float(x / length / length), float(-y / length / length)]
        return length > 0 and same_numbers(mine[1], exact)
    return False


PERMITTED = [
    a_nan_is_never_masked,
    a_nan_base_reaches_the_derivative,
    nan_outside_the_domain,
    digits_kept_in_the_tails,
    small_numbers_are_kept,
    no_square_overflows,
]


def same_numbers(found: list[float], expected: list[float]) -> bool:
    return found == pytest.approx(expected, rel=1e-13, abs=0.0, nan_ok=True)


def agree(mine: Result, other: Result) -> bool:
    """Values agree with the sign of zero, derivatives as numbers."""
    value, expected = mine[0], other[0]
    same_sign = math.copysign(1.0, value) == math.copysign(1.0, expected)
    return (
        same_numbers([value], [expected])
        and (same_sign or value != 0.0)
        and same_numbers(mine[1], other[1])
    )


@functools.cache
def differences(name: str) -> list[tuple]:
    """Where the two differ at special numbers: the point, our result and PyTorch's."""
    points = itertools.product(SPECIAL, repeat=1 if name in ONE_OPERAND else 2)
    cases = [(point, ours(name, point), theirs(ELEMENTWISE[name], point)) for point in points]
    return [case for case in cases if not agree(*case[1:])]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_at_special_numbers(name: str) -> None:
    for case in differences(name):
        reasons = [reason.__name__ for reason in PERMITTED if reason(name, *case)]
        assert reasons, f"{name}{case[0]}: {case[1]}, PyTorch {case[2]}"


@pytest.mark.parametrize("reason", PERMITTED, ids=lambda reason: reason.__name__)
def test_every_permission_is_needed(reason: Callable) -> None:
    used = [name for name in ELEMENTWISE for case in differences(name) if reason(name, *case)]
    assert used, "PyTorch now agrees: remove the permission"


# Random expression graphs, written once and run by both.


class Torch:
    """The functions of `engine` by name, by PyTorch."""

    def __getattr__(self, name: str) -> Callable:
        return ELEMENTWISE[name]


INSTRUCTIONS = [
    ("add", 2), ("sub", 2), ("mul", 2), ("atan2", 2), ("hypot", 2), ("maximum", 2), ("minimum", 2),
    ("tanh", 1), ("sin", 1), ("cos", 1), ("sigmoid", 1), ("softplus", 1), ("gelu", 1),
    ("gelu_tanh", 1), ("silu", 1), ("elu", 1), ("leaky_relu", 1), ("erf", 1), ("atan", 1),
    ("asinh", 1), ("neg", 1), ("abs", 1),
]  # fmt: skip


class Program:
    """A random straight-line program; any line may use any of the last results."""

    def __init__(self, seed: int) -> None:
        generator = random.Random(seed)
        self.point = [generator.uniform(-1.5, 1.5) for _ in range(generator.randint(2, 4))]
        self.lines = []
        known = len(self.point)
        for _ in range(generator.randint(5, 40)):
            name, arity = generator.choice(INSTRUCTIONS)
            # Two operands are never the same one: x - x would lead to places without a derivative.
            arguments = generator.sample(range(max(0, known - 12), known), arity)
            self.lines.append((name, arguments))
            known += 1

    def run(self, functions: object, xs: list) -> object:
        """The sum of the last results; products are squashed, so that nothing explodes."""
        known = list(xs)
        for name, arguments in self.lines:
            result = getattr(functions, name)(*(known[i] for i in arguments))
            known.append(functions.tanh(result) if name == "mul" else result)
        total = known[-1]
        for result in known[-4:-1]:
            total = total + result
        return total


@pytest.mark.parametrize("seed", range(300))
def test_a_random_graph(seed: int) -> None:
    program = Program(seed)
    close = dict(rel=1e-9, abs=1e-11)

    xs = [Value(x) for x in program.point]
    y = program.run(engine, xs)
    gradient = grad(y, xs, differentiable=True)

    ts = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in program.point]
    t = program.run(Torch(), ts)
    expected = torch.autograd.grad(
        t, ts, create_graph=True, allow_unused=True, materialize_grads=True
    )

    assert y.data == pytest.approx(t.item(), **close)
    assert [g.data for g in gradient] == pytest.approx([g.item() for g in expected], **close)
    for ours_i, theirs_i in zip(gradient, expected):
        if theirs_i.requires_grad:
            row = torch.autograd.grad(
                theirs_i, ts, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            assert grad(ours_i, xs) == pytest.approx([g.item() for g in row], **close)
        else:
            assert grad(ours_i, xs) == [0.0] * len(xs)
