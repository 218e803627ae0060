"""Compiled programs on arrays of PyTorch and JAX: the same text, and the numbers of numpy."""

import importlib
import itertools
import math
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from programs import by_engine, random_program
from reference_values import cases
from replaying import value_and_slopes

from glassgrad import MLP, TABLE, Compiled, Operation, Reduction, Value, compiled, engine, trap
from glassgrad.engine.compile import walk as walks
from glassgrad.engine.compile.libraries import library
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.errors import CompilationError, NonFiniteError

SECTION = "Compiled programs"
INPUT = frozenset({"input"})
FOLDERS = os.pathsep.join((str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")))
"""Where another interpreter finds these tests."""


class Peer:
    """A library, and how tests make its arrays and read them.

    Attributes:
        module: the namespace.
        jit: JAX's compiler; for PyTorch, which has none here, the function as it is.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.package = importlib.import_module(name)
        self.module = self.package.numpy if name == "jax" else self.package
        self.jit: Callable[..., Any] = self.package.jit if name == "jax" else lambda f: f

    def array(self, numbers: Any) -> Any:
        make = self.module.asarray if self.name == "jax" else self.module.tensor
        return make(np.array(numbers))

    def function(self, program: Program) -> Callable[..., Any]:
        """A program as a function of arrays of the library."""
        return library(self.module, self.array(0.0)).executed(program, "f")


PEERS = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("torch", "jax")]


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    found = Peer(request.param)
    with found.package.enable_x64(True) if found.name == "jax" else nullcontext():
        yield found


def agree(expected: Any, found: Any, tolerance: float = 1e-12) -> bool:
    """Whether arrays agree up to rounding; XLA takes numbers below the normal ones for zero."""
    a = np.asarray(expected)
    b = np.asarray(found)
    with np.errstate(all="ignore"):
        largest = np.maximum(np.abs(a), np.abs(b))
        is_same = (a == b) | (np.isnan(a) & np.isnan(b)) | (largest < 3e-308)
        return bool((is_same | (np.abs(a - b) <= tolerance * largest)).all())


# Operations.

HARD = (0.0, -0.0, 1.0, -1.0, 2.5, -40.0, 40.0, 1e3, -1e3, math.inf, -math.inf, math.nan)
HARD_TOGETHER = (0.0, -0.0, 1.0, -1.0, 2.5, math.inf, -math.inf, math.nan)


def points_by_size(row: Operation) -> dict[int, Any]:
    """Those of the reference values, and hard ones with all ties of them."""
    found: dict[int, list[tuple[float, ...]]] = {}
    for case in cases()[row.name]:
        found.setdefault(len(case.point), []).append(case.point)
    size = 4 if isinstance(row, Reduction) else len(row.domain)
    numbers = HARD if size < 3 else HARD_TOGETHER
    found.setdefault(size, []).extend(itertools.product(numbers, repeat=size))
    return {size: np.array(points) for size, points in found.items()}


class Trial(NamedTuple):
    """A row of the table as a program, what it is run on, and the numbers of numpy.

    Attributes:
        arrays: the arguments of the program.
        expected: the results and the gradients, where there are any.
    """

    name: str
    program: Program
    arrays: tuple[Any, ...]
    expected: tuple[Any, Any]

    def found_by(self, peer: Peer, arrays: Sequence[Any]) -> tuple[Any, Any]:
        """The results and the gradients of a library; an error says which row it was."""
        try:
            found = peer.function(self.program)(*arrays)
        except Exception as error:
            raise AssertionError(f"{self.name} by {peer.name}: {error}") from error
        return found[0], found[1]

    def disagrees(self, found: tuple[Any, Any]) -> bool:
        pairs = list(zip(self.expected, found))
        return any((a is None) != (b is None) for a, b in pairs) or not all(
            a is None or agree(a, b) for a, b in pairs
        )


def trials(name: str) -> Iterator[Trial]:
    """One for each number of operands."""
    for size, points in points_by_size(TABLE[name]).items():
        function = lambda *xs: by_engine(name, *xs) * 1.0
        program = Recording.of(name, function, (0.7,) * size, {}).program(INPUT, INPUT)
        inputs = points[:, program.orders["input"]]
        arrays = inputs, np.zeros(0), np.ones((len(points), 1))
        results, _, _, of_inputs, _ = program.run([inputs], arrays[1], 1.0)
        yield Trial(name, program, arrays, (results, of_inputs))


def check_operations(
    names: Sequence[str], peer: Peer, jit: Callable[..., Any], figure: Callable[..., None]
) -> None:
    """All of these rows in one function: to compile one by one takes JAX twice as long."""
    tried = [trial for name in names for trial in trials(name)]
    every = lambda given: [trial.found_by(peer, arrays) for trial, arrays in zip(tried, given)]
    with np.errstate(all="ignore"):
        found = jit(every)([tuple(map(peer.array, trial.arrays)) for trial in tried])
    wrong = [trial for trial, results in zip(tried, found) if trial.disagrees(results)]
    told = "\n".join(trial.program.text for trial in wrong)
    assert not wrong, f"{', '.join(trial.name for trial in wrong)}:\n{told}"
    points = sum(len(trial.arrays[0]) for trial in tried)
    figure(SECTION, f"points at which operations by {peer.name} agree with numpy", points)


TOGETHER = [list(TABLE)[start : start + 10] for start in range(0, len(TABLE), 10)]


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: f"{names[0]} to {names[-1]}")
def test_every_operation_has_the_numbers_of_numpy(
    names: list[str], peer: Peer, figure: Callable[..., None]
) -> None:
    check_operations(names, peer, peer.jit, figure)


@pytest.mark.needs("jax")
def test_without_its_compiler_jax_has_the_same_numbers() -> None:
    """Operation by operation it takes longer, so that only some rows are tried."""
    peer = Peer("jax")
    with peer.package.enable_x64(True):
        names = ["mul", "compare", "tanh", "where"]
        check_operations(names, peer, lambda f: f, lambda *figure: None)


# Random programs.

ASKED_FOR = {"torch": ("--programs", 20), "jax": ("--jax-graphs", 40)}
"""The switch of pytest that says how many programs to try, and into how much that is divided."""
LONGEST = {"torch": 40, "jax": 20}
"""The lines of a program, at most: JAX takes a second to compile one."""
TOGETHER_AT_MOST = 5
"""How many programs are one function, to be compiled once."""


@pytest.mark.parametrize("batch", range(4))
def test_random_programs_agree_with_eager_ones(
    batch: int, peer: Peer, figure: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    option, divisor = ASKED_FOR[peer.name]
    count = math.ceil(request.config.getoption(option) / divisor)
    compared = 0
    for start in range(batch * count, (batch + 1) * count, TOGETHER_AT_MOST):
        end = min(start + TOGETHER_AT_MOST, (batch + 1) * count)
        compared += check_programs(range(start, end), peer)
    figure(SECTION, f"random programs run by {peer.name}, compared with eager ones", compared)


def check_programs(seeds: Iterable[int], peer: Peer) -> int:
    """How many programs were compared."""
    eager, evaluations, given = [], [], []
    for program in (random_program(seed, LONGEST[peer.name]) for seed in seeds):
        xs = [Value(x) for x in program.point]
        expected = value_and_slopes(program.run(by_engine, xs)[-1], xs)
        if expected is None:
            continue
        function = lambda zero, program=program, xs=xs: program.run(by_engine, xs)[-1] + zero
        eager.append((program, expected))
        evaluations.append(compiled(function).value_and_grad(xs, namespace=peer.module))
        given.append(peer.array(program.point))
    every = lambda given, zero: [f(point, zero) for f, point in zip(evaluations, given)]
    found = peer.jit(every)(given, peer.array([0.0]))
    for (program, (result, *slopes)), (value, gradient) in zip(eager, found, strict=True):
        assert agree(result, value), program.python()
        assert agree(slopes, gradient), program.python()
    return len(eager)


# A network.


def network() -> tuple[Compiled, list[Value], tuple[Any, ...]]:
    """A loss with parameters and with one captured Value that is none; and numbers for it."""
    model = MLP(2, [8, 8, 1], activation="relu", output_activation="linear", seed=1)
    strength = Value(1e-3)

    @compiled
    def loss(x: Any, y: Any) -> Any:
        penalty = strength * engine.sum(p * p for p in model.parameters())
        return (1.0 - y * model(x)).relu() + penalty

    generator = np.random.default_rng(0)
    rows, labels = generator.normal(size=(20, 2)), generator.choice([-1, 1], 20)
    parameters = model.parameters()
    return loss, parameters, (np.array([p.data for p in parameters]), rows, labels)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_and_its_gradient_are_those_of_numpy(peer: Peer, reduction: str) -> None:
    loss, parameters, numbers = network()
    expected = loss.value_and_grad(parameters, reduction=reduction)(*numbers)
    evaluate = loss.value_and_grad(parameters, reduction=reduction, namespace=peer.module)
    arrays, lists = [*map(peer.array, numbers)], [each.tolist() for each in numbers]
    for way, given in ((evaluate, arrays), (evaluate, lists), (peer.jit(evaluate), arrays)):
        value, gradient = way(*given)
        assert isinstance(gradient, type(peer.array([0.0])))
        assert agree(expected[0], value)
        assert np.abs(expected[1] - np.asarray(gradient)).max() <= 1e-13
    assert len(loss.recordings) == 1  # integers and shapes are read as in numpy


def weights(*shape: int) -> list[list[Value]]:
    generator = random.Random(0)
    return [[Value(generator.uniform(-1.0, 1.0)) for _ in range(shape[1])] for _ in range(shape[0])]


SQUARE, LEFT, RIGHT = weights(3, 3), weights(4, 3), weights(4, 3)[::-1]


def repeated(rows: list[list[Any]]) -> Any:
    """The same layer on rows, again and again."""
    for _ in range(3):
        rows = [[engine.dot(w, row).tanh() for w in SQUARE] for row in rows]
    return engine.sum([x for row in rows for x in row])


PRODUCTS: dict[str, Callable[[Any], Any]] = {
    "of one row by a layer several times": lambda x: repeated([[0.5 * x, 0.2, 0.3]]),
    "of several rows, too": lambda x: repeated([[x, 0.2, k * x] for k in (0.1, 0.3)]),
    "of several blocks": lambda x: x * engine.sum(
        [engine.dot(LEFT[i], RIGHT[j]).tanh() * (i + 2 * j + 1)
         for block in ((0, 1), (2, 3)) for i in block for j in block]
    ),
    "of rows that grow": lambda x: x * engine.sum(
        [engine.dot(LEFT[i][:n], RIGHT[j][:n]).tanh() * (i + 2 * j + n)
         for n in (1, 2, 3) for i in (0, 1) for j in (0, 1)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_matrices_are_differentiated_by_each_operand(peer: Peer, name: str) -> None:
    values = [v for table in (SQUARE, LEFT, RIGHT) for row in table for v in row]
    function, numbers = PRODUCTS[name], np.array([v.data for v in values])
    mean = 0.5 * (function(1.0) + function(-2.0))
    expected = value_and_slopes(mean, values)
    loss = compiled(function)
    for module, array in ((np, np.array), (peer.module, peer.array)):
        evaluate = loss.value_and_grad(values, namespace=module)
        value, gradient = evaluate(array(numbers), array([1.0, -2.0]))
        assert agree(expected[0], value)
        assert np.abs(expected[1:] - np.asarray(gradient)).max() <= 1e-14


def test_parameters_that_are_not_used_get_a_gradient_of_zero(peer: Peer) -> None:
    w, unused = Value(2.0), Value(5.0)
    for function, slopes in ((lambda x: w * x, [0.0, 3.0]), (lambda x: x * x, [0.0, 0.0])):
        evaluate = compiled(function).value_and_grad([unused, w], namespace=peer.module)
        _, gradient = evaluate(peer.array([1.0, 2.0]), peer.array([2.0, 4.0]))
        assert gradient.tolist() == slopes


def test_captured_values_that_are_no_parameters_are_read_at_each_call(peer: Peer) -> None:
    w, scale = Value(2.0), Value(3.0)
    evaluate = compiled(lambda x: scale * w * x).value_and_grad([w], namespace=peer.module)
    assert [float(evaluate(peer.array([2.0]), peer.array([1.0]))[0])] == [6.0]
    scale.data = 10.0
    assert [float(evaluate(peer.array([2.0]), peer.array([1.0]))[0])] == [20.0]


# Comparisons.


COMPARING: dict[str, Callable[..., Any]] = {
    "an if": lambda w, x: w * x if x > 0 else -w,
    "an index": lambda w, x: [w, w * 2.0][x] * x,
}


@pytest.mark.parametrize("case", COMPARING)
def test_what_compares_is_refused(peer: Peer, case: str) -> None:
    w = Value(2.0)
    function = compiled(lambda x: COMPARING[case](w, x))
    evaluate = function.value_and_grad([w], namespace=peer.module)
    for way in {evaluate, peer.jit(evaluate)}:
        with pytest.raises(CompilationError, match="maximum, where or clip"):
            way(peer.array([2.0]), peer.array([1, 1]))


def test_trap_looks_at_what_comes_out_unless_it_is_traced(peer: Peer) -> None:
    w = Value(1.0)
    evaluate = compiled(lambda x: (w * x).log()).value_and_grad([w], namespace=peer.module)
    with trap():
        assert [float(way(peer.array([1.0]), peer.array([1.0]))[0])
                for way in (evaluate, peer.jit(evaluate))] == [0.0, 0.0]  # fmt: skip
        with pytest.raises(NonFiniteError, match="gives -inf"):
            evaluate(peer.array([0.0]), peer.array([1.0]))


# What it refuses.


def test_what_is_computed_scalar_by_scalar_is_refused(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "_LONGEST", 0)  # as a long stretch, however short
    w = Value(2.0)
    evaluate = compiled(lambda x: (w * x).tanh().exp()).value_and_grad([w], namespace=peer.module)
    with pytest.raises(CompilationError, match="scalar by scalar"):
        evaluate(peer.array([2.0]), peer.array([1.0]))


def test_what_runs_as_it_is_written_is_refused(peer: Peer) -> None:
    w = Value(2.0)
    function = compiled(lambda x: w * x * len(x.label or ""))
    evaluate = function.value_and_grad([w], namespace=peer.module)
    with (
        pytest.warns(RuntimeWarning, match=r"slow: it reads \.label of"),
        pytest.raises(CompilationError, match=r"runs as it is written only: it reads \.label"),
    ):
        evaluate(peer.array([2.0]), peer.array([1.0]))


@pytest.mark.needs("jax")
def test_jax_must_be_set_up_for_double_precision() -> None:
    import jax

    w = Value(2.0)
    function = compiled(lambda x: w * x)
    with jax.enable_x64(False):
        evaluate = function.value_and_grad([w], namespace=jax.numpy)
        with pytest.raises(RuntimeError, match=r'jax.config.update\("jax_enable_x64", True\)'):
            evaluate([2.0], [1.0])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"namespace": math}, TypeError, "numpy, torch or jax.numpy, the module, not math"),
        ({"namespace": "torch"}, TypeError, "the module, not 'torch'"),
        ({"reduction": "none"}, ValueError, "mean"),
    ],
)
def test_what_is_no_library_or_reduction_is_refused(
    peer: Peer, options: dict[str, Any], error: type, said: str
) -> None:
    with pytest.raises(error, match=said):
        compiled(lambda x: x).value_and_grad([], **{"namespace": peer.module, **options})


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (([1.0, 2.0], [1.0]), r"an array of 1 numbers, not of shape \(2,\)"),
        (([1.0],), "not nothing"),
        (([1.0], [1.0], [1.0, 2.0]), "first axis"),
        (([1.0], 3.0), "one number, without an axis of samples"),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(
    peer: Peer, arrays: tuple[Any, ...], said: str
) -> None:
    w = Value(2.0)
    evaluate = compiled(lambda *xs: w * xs[0]).value_and_grad([w], namespace=peer.module)
    with pytest.raises(ValueError, match=said):
        evaluate(*map(peer.array, arrays))


# JAX.


@pytest.mark.parametrize(
    "batch", [np.array([1j]), np.array(["1"]), np.array(["2020-01-01"], "datetime64[D]"), [None]]
)
def test_what_is_no_array_of_real_numbers_is_refused(peer: Peer, batch: Any) -> None:
    w = Value(2.0)
    evaluate = compiled(lambda n: w * n).value_and_grad([w], namespace=peer.module)
    with pytest.raises(TypeError):
        evaluate(peer.module.ones(1), batch)


@pytest.mark.needs("jax")
def test_its_gradient_is_that_of_jax() -> None:
    """JAX differentiates the forward half by rules of its own."""
    peer = Peer("jax")
    generator = random.Random(0)
    leaves = [Value(generator.uniform(-1.0, 1.0)) for _ in range(6)]

    @compiled
    def loss(x: Any) -> Any:
        shares = engine.softmax([engine.dot(leaves[i : i + 2], x) for i in range(4)])
        inner = engine.logsumexp(leaves) * shares[1].detach() + engine.erf(shares[2] - x[0])
        return inner.tanh() + engine.max([s * 3.0 for s in shares]) + engine.prod(leaves)

    evaluate = loss.value_and_grad(leaves, namespace=peer.module)
    with peer.package.enable_x64(True):
        given, batch = peer.array([x.data for x in leaves]), peer.array([[0.5, 2.0], [-1.0, 0.3]])
        by_jax = peer.jit(peer.package.grad(lambda *arrays: evaluate(*arrays)[0]))(given, batch)
        ours = peer.jit(evaluate)(given, batch)[1]
        assert np.abs(np.asarray(by_jax) - np.asarray(ours)).max() < 1e-14


# PyTorch.


@pytest.mark.needs("torch")
@pytest.mark.system("a GPU")
def test_pytorch_stays_on_the_device_of_its_tensors() -> None:
    import torch

    loss, parameters, numbers = network()
    expected = loss.value_and_grad(parameters)(*numbers)
    evaluate = loss.value_and_grad(parameters, namespace=torch)
    value, gradient = evaluate(*(torch.tensor(array, device="cuda") for array in numbers))
    assert gradient.device.type == value.device.type == "cuda"
    assert agree(expected[0], value.cpu())
    assert np.abs(expected[1] - gradient.cpu().numpy()).max() <= 1e-13


@pytest.mark.needs("torch")
def test_pytorch_needs_no_derivatives_of_its_own() -> None:
    import torch

    loss, parameters, numbers = network()
    theta, rows, labels = map(torch.tensor, numbers)
    evaluate = loss.value_and_grad(parameters, namespace=torch)
    value, gradient = evaluate(theta.requires_grad_(), rows, labels)
    assert not value.requires_grad
    assert not gradient.requires_grad


# The page about it.

PAGE = Path(__file__).parent.parent.joinpath("docs", "distributed.md").read_text("utf-8")
TITLES = ["jit", "devices", "torch", "processes"]


def needing_its_libraries(title: str, block: tuple[str, str]) -> Any:
    needed = [name for name in ("jax", "torch") if f"import {name}\n" in block[0]]
    return pytest.param(*block, marks=pytest.mark.needs(*needed), id=title)


BLOCKS = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("code", "printed"), [needing_its_libraries(*each) for each in zip(TITLES, BLOCKS, strict=True)]
)
def test_the_blocks_of_the_page_print_what_it_says(code: str, printed: str, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": FOLDERS, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.stdout == printed, done.stderr[-2000:]


def test_two_processes_end_where_one_does() -> None:
    printed = dict(zip(TITLES, (text.split()[0] for _, text in BLOCKS)))
    assert printed["processes"] == printed["jit"]
