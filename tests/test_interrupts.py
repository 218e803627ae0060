"""Ctrl-C at any moment: what was interrupted can be tried again, and nothing else has changed.

A timer raises KeyboardInterrupt in the middle of a program, by the handler that Ctrl-C has too, at
moments spread over its whole duration. Each program runs in an interpreter of its own and gives the
number of interruptions that it survived. The last test sends the signal of Ctrl-C itself.
"""

import gc
import inspect
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from time import perf_counter, sleep
from types import FrameType

import pytest
from needing import mostly_slow

from glassgrad import MLP, NOT_COMPUTED, Value, compiled, engine, forget, grad, no_grad, scope, trap
from glassgrad.engine import context, vectors
from glassgrad.engine.compile import recording, trace
from glassgrad.nn import module

pytestmark = pytest.mark.system("POSIX")  # for its timer that interrupts

INTERRUPTIONS = 25


@pytest.fixture
def survived(run_python: Callable, figure: Callable) -> Callable[[Callable], None]:
    """Run a program of this file in a process of its own, and report what it survived."""

    def run(program: Callable) -> None:
        count = run_python(f"import test_interrupts as t; print(t.{program.__name__}(), end='')")
        figure("Limits", "interruptions by Ctrl-C survived", int(count))

    return run


def was_interrupted(action: Callable[[], object], after: float) -> bool:
    """Start an action and interrupt it after some seconds, unless it is done by then."""
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        action()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    return False


def interruptions(
    action: Callable[[], object], prepare: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Interrupt an action at random moments, and yield after each time."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    prepare()
    start = perf_counter()
    action()
    duration = perf_counter() - start
    generator = random.Random(0)
    count = 0
    while count < INTERRUPTIONS:
        prepare()
        if was_interrupted(action, generator.uniform(1e-6, duration)):
            count += 1
            yield


def wide_graph() -> tuple[list[Value], Value]:
    """Many leaves, each used several times, under many nodes; no gradient is zero."""
    xs = [Value(i / 300 - 0.999) for i in range(600)]
    return xs, engine.sinh(
        engine.mean(x * x for x in xs) + engine.dot(xs, map(engine.sin, xs)) / 600
    )


def check_mode() -> None:
    """Nodes are recorded, outside any scope, and nothing is trapped."""
    x = Value(0.0)
    y = engine.log(x)
    assert (y.parents, y.scope) == ((x,), None)


# Differentiation.


def backward() -> int:
    """The leaves keep what they had; or `backward` was done, with all of them."""
    xs, y = wide_graph()
    before = [float(i) for i in range(len(xs))]

    def prepare() -> None:
        for x, gradient in zip(xs, before):
            x.grad = gradient

    prepare()
    y.backward()
    after = [x.grad for x in xs]
    for _ in interruptions(y.backward, prepare):
        assert [x.grad for x in xs] in (before, after)
        prepare()
        y.backward()
        assert [x.grad for x in xs] == after
        check_mode()
    return INTERRUPTIONS


def first_backward() -> int:
    """A gradient that was never computed is not computed after an interruption either."""
    graphs = []

    def action() -> None:
        graphs[-1][1].backward()

    for _ in interruptions(action, lambda: graphs.append(wide_graph())):
        xs, y = graphs[-1]
        gradients = [x.grad for x in xs]
        assert gradients == grad(y, xs) or all(g is NOT_COMPUTED for g in gradients)
        graphs.clear()
    return INTERRUPTIONS


def gradients() -> int:
    """`grad` in both forms, and a second derivative; no `.grad` is touched."""
    xs, y = wide_graph()

    def differentiate() -> list[float]:
        first = grad(y, xs[:20], differentiable=True)
        return [*grad(y, xs), *(g.data for g in first), *grad(engine.sum(first), xs)]

    expected = differentiate()
    for _ in interruptions(differentiate):
        check_mode()
        assert all(node.grad is NOT_COMPUTED for node in (y, *xs))
        assert differentiate() == expected
    return INTERRUPTIONS


class Interrupting(float):
    """A local derivative during whose use Ctrl-C arrives."""

    def __rmul__(self, upstream: float) -> float:
        raise KeyboardInterrupt


def test_an_interrupted_backward_leaves_the_leaves_as_they_were() -> None:
    early, late, fresh = Value(2.0), Value(3.0), Value(4.0)
    early.grad, late.grad = 10.0, 20.0
    product = late * fresh
    y = early * 2 + product
    product.partials = (product.partials[0], Interrupting())
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert (early.grad, late.grad) == (10.0, 20.0)
    assert fresh.grad is NOT_COMPUTED
    product.partials = (4.0, 3.0)
    y.backward()
    assert (early.grad, late.grad, fresh.grad) == (12.0, 24.0, 3.0)


def observed() -> None:
    """A function is recorded and run, and a number is watched, all in blocks that have to end."""
    w = Value(2.0)
    f = compiled(lambda x: engine.tanh(w * x) if x > 0.0 else w)
    f(0.5).backward()
    with trap(), scope("part"), no_grad():
        engine.exp(w)


def test_ctrl_c_right_after_any_call_inside_ends_what_was_begun() -> None:
    """A profiler raises it where the call of a function in C by the engine has just returned."""
    ends: list[int] = [sys.maxsize]

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        if event == "c_return" and frame.f_code.co_filename in files:
            ends[0] -= 1
            if not ends[0]:
                raise KeyboardInterrupt

    files = {inspect.getsourcefile(each) for each in (context, recording, trace)}
    before, moment, last = sys.getprofile(), 0, sys.maxsize
    while moment < last:
        moment += 1
        ends[0] = moment
        try:
            sys.setprofile(interrupt)
            observed()
            last = moment
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(before)
        assert not context.watching, moment
        assert gc.isenabled(), moment
        check_mode()
    assert last > 50


def twice() -> int:
    """Ctrl-C, and once more while the leaves of a large graph get their gradients back."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    xs = [Value(1.0) for _ in range(100_000)]
    y = engine.sum(xs)

    class InterruptingTwice(float):
        def __rmul__(self, upstream: float) -> float:
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            raise KeyboardInterrupt

    y.partials = (*y.partials[:-1], InterruptingTwice())
    y = y * 1.0
    for x in xs:
        x.grad = 7.0
    for _ in range(5):
        with suppress(KeyboardInterrupt):  # around all: the second may come at once
            try:
                y.backward()
                sleep(1.0)
            except KeyboardInterrupt:
                sleep(0.01)
        assert {x.grad for x in xs} == {7.0}
    return 10


@pytest.mark.slow
def test_interrupted_twice(survived: Callable) -> None:
    survived(twice)


# Making and releasing graphs.


def forward() -> int:
    """The leaves can be used again, in the mode in which they were."""

    def in_all_modes() -> None:
        with trap(), scope("outer"), no_grad(), scope("inner"):
            wide_graph()
        with scope("outer"), trap():
            wide_graph()

    _, expected = wide_graph()
    for _ in interruptions(in_all_modes):
        check_mode()
        assert wide_graph()[1].data == expected.data
    return INTERRUPTIONS


def forgetting() -> int:
    """A graph that is released in part says so, and can be released once more."""
    graphs = []

    def prepare() -> None:
        xs, y = wide_graph()
        (inner,) = y.parents
        y.label = "y"
        graphs.append((xs, y, inner, grad(y, xs), grad(inner, xs)))

    for _ in interruptions(lambda: forget(graphs[-1][1]), prepare):
        xs, y, inner, by_y, by_inner = graphs[-1]
        assert gradient_if_kept(y, xs) in (None, by_y, [0.0] * len(xs))
        assert gradient_if_kept(inner, xs) in (None, by_inner)
        forget(y)
        assert (y.parents, y.label, grad(y * 3, y)) == ((), "y", 3.0)
        graphs.clear()
    return INTERRUPTIONS


def gradient_if_kept(y: Value, xs: list[Value]) -> list[float] | None:
    """The gradient; None where the graph says that it was released."""
    try:
        return grad(y, xs)
    except ValueError as error:
        if "released by forget()" in str(error):
            return None
        raise


PROGRAMS = [backward, first_backward, forward, gradients, forgetting]


@pytest.mark.parametrize("program", mostly_slow(PROGRAMS, kept=2))
def test_an_interruption(survived: Callable, program: Callable) -> None:
    survived(program)


# At every line, one after the other.


def interrupted_at(line: int, action: Callable[[], object], files: Collection[str]) -> bool:
    """Interrupt an action at a line of the functions of some files: those that end blocks.

    Lines of the generators that are the blocks are left out: Python looks for signals when a
    function is called and when it has returned, and not between two lines that call nothing.
    """
    seen = 0

    def follow(frame: FrameType, event: str, _: object) -> Callable | None:
        nonlocal seen
        code = frame.f_code
        if code.co_filename not in files or code.co_flags & inspect.CO_GENERATOR:
            return None
        if event == "line":
            seen += 1
            if seen == line:
                raise KeyboardInterrupt
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def nested() -> None:
    with trap(), scope("outer"), no_grad():
        pass


def failing() -> None:
    with suppress(ValueError), scope("outer"), no_grad():
        raise ValueError


MODEL = MLP(1, [1], seed=0)


@pytest.mark.parametrize("action", [nested, failing, lambda: MODEL([1.0])])
def test_an_interruption_at_every_line_of_what_ends_a_block(action: Callable) -> None:
    gc.collect()
    gc.freeze()  # from here on only what an interruption leaves behind is looked through
    line, files = 1, (context.__file__, module.__file__)
    while interrupted_at(line, action, files):
        gc.collect()
        check_mode()
        line += 1
    assert line > 10


def test_an_interruption_at_every_line_of_what_takes_a_state() -> None:
    model, other = MLP(2, [2, 1], seed=1), MLP(2, [2, 1], seed=2)
    states = before, after = model.state_dict(), other.state_dict()
    files, line, found = (module.__file__, vectors.__file__), 1, []
    while interrupted_at(line, lambda: model.load_state_dict(after), files):
        found.append(states.index(model.state_dict()))
        model.load_state_dict(before)
        line += 1
    assert set(found) == {0, 1}, "the old numbers or the new, never some of each"
    assert model.state_dict() == after


# From outside.


def until_stopped() -> None:
    """Call `backward` until the signal comes: all leaves have been through equally many calls."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    xs = [Value(float(i)) for i in range(1, 3_000)]
    y = engine.sum(x * x for x in xs)
    while True:
        print("ready", flush=True)
        try:
            while True:
                y.backward()
        except KeyboardInterrupt:
            calls = {x.grad / (2.0 * x.data) for x in xs}
            print("usable" if len(calls) == 1 and calls.pop().is_integer() else calls, flush=True)


def test_the_signal_of_ctrl_c(figure: Callable) -> None:
    program = "import test_interrupts; test_interrupts.until_stopped()"
    folders = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))},
        stdout=subprocess.PIPE,
        text=True,
    )
    generator = random.Random(0)
    with process, process.stdout as output:
        try:
            for _ in range(INTERRUPTIONS):
                assert output.readline() == "ready\n"
                sleep(generator.uniform(0.001, 0.02))
                process.send_signal(signal.SIGINT)
                assert output.readline() == "usable\n"
        finally:
            process.kill()
    figure("Limits", "interruptions by Ctrl-C survived", INTERRUPTIONS)
