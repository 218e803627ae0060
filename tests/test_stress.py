"""Limits: graphs that are deep, wide and folded, high orders, many steps, little memory and stack.

Most programs of this file run in an interpreter of their own, with the default recursion limit and
with limited memory and time: what fails here may end a process. Ctrl-C is in `test_interrupts.py`.
"""

import contextlib
import gc
import sys
import threading
from collections.abc import Callable

import pytest
from needing import mostly_slow

from glassgrad import MLP, Value, engine, forget, grad, scope, topological_order, trap

try:
    import resource
except ImportError:  # not on Windows
    resource = None

SECONDS = 100


def limit(megabytes: int) -> None:
    """Let this process have so much memory, and not compute for ever."""
    if resource is not None:
        with contextlib.suppress(ValueError, OSError):  # a system may not know a limit
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


@pytest.fixture
def alone(run_python: Callable) -> Callable[..., str]:
    """Run a program of this file in a process with limits, and give what it returned as text."""

    def run(program: Callable, *arguments: object, megabytes: int = 1024) -> str:
        return run_python(
            f"import test_stress; test_stress.limit({megabytes}); "
            f"print(test_stress.{program.__name__}(*{arguments!r}), end='')",
            OPENBLAS_NUM_THREADS="1",
        )

    return run


# Deep.


def in_a_small_stack(program: Callable[[], None]) -> None:
    """Run a program in a thread with 256 KiB of stack."""
    failures: list[BaseException] = []

    def body() -> None:
        try:
            program()
        except BaseException as failure:
            failures.append(failure)

    threading.stack_size(256 * 1024)
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def chain(size: int, in_thread: bool, forgetting: bool) -> None:
    """Very many nodes in a row: built, differentiated both ways, freed."""

    def body() -> None:
        x = y = Value(0.5)
        before = sys.getrefcount(x)
        for _ in range(size):
            y = -y
        y.backward()
        assert (x.grad, grad(y, x)) == (1.0, 1.0)
        if forgetting:
            forget(y)
        y = None
        assert sys.getrefcount(x) == before - 1, "the graph is not freed"

    gc.disable()
    in_a_small_stack(body) if in_thread else body()
    assert sys.getrecursionlimit() == 1000


# Later ones free nested objects with more stack than such a thread has: use forget.
NESTED_RELEASE = pytest.mark.system("a Python before 3.13")


@pytest.mark.slow
def test_a_graph_a_million_deep(alone: Callable, figure: Callable) -> None:
    alone(chain, 1_000_000, False, False)
    figure("Limits", "a chain of 1,000,000 nodes in 1 GiB of memory", "survived")


@pytest.mark.parametrize(
    "forgetting",
    [pytest.param(False, id="released", marks=NESTED_RELEASE), pytest.param(True, id="forgotten")],
)
def test_a_graph_a_hundred_thousand_deep_in_a_small_stack(
    alone: Callable, forgetting: bool, figure: Callable
) -> None:
    """The stack has less than three bytes for each node, so that none may have a frame."""
    alone(chain, 100_000, True, forgetting)
    figure("Limits", "a chain of 100,000 nodes in a thread with 256 KiB of stack", "survived")


def tower() -> None:
    """A power of 20,000 factors: the gradient of its gradient is 20,000 · 19,999."""
    x = Value(1.0)
    y = x
    for _ in range(19_999):
        y = y * x
    first = grad(y, x, differentiable=True)
    assert (first.data, grad(first, x)) == (20_000.0, 20_000.0 * 19_999.0)
    assert engine.jvp(lambda v: engine.prod([v] * 100), (1.0,), (1.0,)) == (1.0, 100.0)
    forget(y, first)


@pytest.mark.parametrize("in_thread", mostly_slow([False, True]))
def test_the_gradient_of_a_deep_gradient(
    alone: Callable, in_thread: bool, figure: Callable
) -> None:
    alone(tower_in_a_small_stack if in_thread else tower)
    figure("Limits", "the gradient of the gradient of a chain of 20,000 products", "survived")


def tower_in_a_small_stack() -> None:
    in_a_small_stack(tower)


# Folded and wide.


def doubled(y: Value, times: int) -> Value:
    for _ in range(times):
        y = y + y
    return y


def diamond() -> None:
    x = Value(1.0)
    y = doubled(x, 60)
    assert len(topological_order(y)) == 61
    y.backward()
    assert x.grad == grad(y, x) == grad(y, x, differentiable=True).data == 2.0**60
    assert engine.jvp(lambda v: doubled(v, 60), (1.0,), (1.0,)) == (2.0**60, 2.0**60)


def test_a_diamond_takes_linear_time(alone: Callable, figure: Callable) -> None:
    alone(diamond)
    figure("Limits", "a diamond with 2⁶⁰ paths", "survived")


MANY = 100_000


def fan() -> None:
    """One node used by very many, and very many used by one."""
    x = Value(3.0)
    y = engine.sum(x * x for _ in range(MANY))
    y.backward()
    assert (y.data, x.grad) == (9.0 * MANY, 6.0 * MANY)
    y = x
    for i in range(MANY):
        y = y + x * i
    assert grad(y, x) == 1.0 + MANY * (MANY - 1) / 2


def reductions() -> None:
    """Very many operands, each of which has its own derivative."""
    xs = [Value(i / 8) for i in range(MANY)]
    ones = [Value(1.0) for _ in range(MANY)]
    assert grad(engine.sum(xs), xs) == [1.0] * MANY
    assert grad(engine.mean(xs), xs) == [1.0 / MANY] * MANY
    assert grad(engine.dot(xs, ones), ones) == [x.data for x in xs]
    assert grad(engine.prod(ones), ones) == [1.0] * MANY
    assert grad(engine.max(xs), xs) == [0.0] * (MANY - 1) + [1.0]
    assert grad(engine.min(ones), ones) == [1.0 / MANY] * MANY
    assert grad(engine.logsumexp(ones), ones) == [1.0 / MANY] * MANY


@pytest.mark.parametrize("program", mostly_slow([fan, reductions], kept=0))
def test_a_hundred_thousand_operands(alone: Callable, program: Callable, figure: Callable) -> None:
    alone(program)
    figure("Limits", "a node used 100,000 times, and nodes of 100,000 operands", "survived")


# High orders.

# exp(sin x) / (1 + x²) and its derivatives at 1/2, by mpmath with 60 digits.
DERIVATIVES = [
    1.292117037153666994653600740469032626094515771185,
    0.10024575000457939189703245869596761891247231961893,
    -1.8521289400406069813426938992915231561482840989558,
    2.0723767033913145076510331025082456541252563608142,
    6.5826451445957532642101144537599066211704872191372,
    -58.537872528489250354851875753844116858325848326059,
    157.5354504083991854585878674715308584955798648683,
    1154.7684692902361713163205317683541003175891924488,
    -14664.86831305085326503360433751943771566590090631,
]


@pytest.mark.slow
def test_the_eighth_derivative(figure: Callable) -> None:
    x = Value(0.5)
    y = engine.exp(engine.sin(x)) / (1 + x * x)
    worst = abs(y.data / DERIVATIVES[0] - 1.0)
    for expected in DERIVATIVES[1:]:
        y = grad(y, x, differentiable=True)
        worst = max(worst, abs(y.data / expected - 1.0))
    assert worst < 1e-13
    figure("Limits", "derivatives up to the eighth: worst relative error", worst)


# Many steps: nothing may be left behind by any of them.


def in_a_scope(x: Value) -> None:
    with scope("step"):
        (x * x).backward()


def in_a_trap(x: Value) -> None:
    with trap():
        (x * x).backward()


def labelled(x: Value) -> None:
    y = x * x
    y.label = "y"


STEPS = {
    "backward": lambda x: (engine.tanh(x * x + 1) ** 2).backward(),
    "gradient of gradient": lambda x: grad(grad(engine.tanh(x) ** 2, x, differentiable=True), x),
    "scope": in_a_scope,
    "trap": in_a_trap,
    "label": labelled,
    "forget": lambda x: forget(engine.tanh(x * x)),
    "value_and_grad": lambda x: engine.value_and_grad(engine.tanh)(0.5),
    "several results": lambda x: engine.softmax([x * x + 1, x / 3, x.relu()])[0].backward(),
    "jvp": lambda x: engine.jvp(engine.tanh, (0.5,), (1.0,)),
    "hessian": lambda x: engine.hessian(lambda v: v[0] ** 3 * v[1])([1.0, 2.0]),
}


def objects_left(step: Callable[[], None], steps: int) -> int:
    """How many objects more there are after so many steps, once there were a few."""
    for _ in range(50):
        step()
    before = len(gc.get_objects())
    for _ in range(steps):
        step()
    return len(gc.get_objects()) - before


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_400_steps_leave_nothing_behind(step: Callable, without_collector: Callable) -> None:
    x = Value(0.5)
    with without_collector():
        assert objects_left(lambda: step(x), 400) < 50


@pytest.mark.slow
def test_400_steps_of_training(without_collector: Callable, figure: Callable) -> None:
    model = MLP(2, [8, 1], seed=1)
    samples = [((-1.0, 1.0), 1.0), ((1.0, 1.0), -1.0), ((1.0, -1.0), 1.0), ((-1.0, -1.0), -1.0)]
    losses = []

    def step() -> None:
        loss = engine.mean((model(x) - y) ** 2 for x, y in samples)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.3 * p.grad
        losses.append(loss.data)

    with without_collector():
        left = objects_left(step, 400)
    assert left < 50
    assert losses[-1] < 0.01 < losses[0]
    figure("Limits", "400 steps of training without the collector: objects left behind", left)
