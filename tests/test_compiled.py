"""Compiled functions: the same numbers as eager ones, in far fewer operations, or a refusal."""

import copy
import math
import pickle
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow
from programs import Program, by_engine, random_program
from replaying import (
    all_near,
    are_near,
    is_same_elsewhere,
    is_same_over_batch,
    near,
    value_and_slopes,
)

from glassgrad import (
    MLP,
    TABLE,
    Compiled,
    Value,
    compiled,
    engine,
    grad,
    no_grad,
    zero_grad,
)
from glassgrad.engine.errors import CompilationError

SECTION = "Compiled programs"


# The same numbers.


def is_same_captured(program: Program) -> bool:
    """A program of captured Values gives what it gives eagerly; False where it is a constant."""
    xs = [Value(x) for x in program.point]
    function = compiled(lambda: program.run(by_engine, xs)[-1])
    eager = value_and_slopes(function.function(), xs)
    if eager is None:
        return False
    function()
    found = value_and_slopes(function(), xs)
    assert all_near(eager, found), (eager, found, program.python())
    return True


@pytest.mark.parametrize("batch", mostly_slow(range(8)))
@pytest.mark.parametrize("is_same", [is_same_captured, is_same_elsewhere])
def test_random_programs_agree_with_eager_ones(
    batch: int,
    is_same: Callable,
    written: str,
    figure: Callable[..., None],
    request: pytest.FixtureRequest,
) -> None:
    count = math.ceil(request.config.getoption("--programs") / 16)
    tried = sum(is_same(random_program(batch * count + i)) for i in range(count))
    how = written.replace("lines", "compared with eager ones").replace("walked", "walked through")
    figure(SECTION, f"random programs {how}", tried)


@pytest.mark.parametrize("batch", range(4))
def test_random_programs_over_a_batch_agree_too(
    batch: int, written: str, figure: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    tried, count = 0, math.ceil(request.config.getoption("--programs") / 20)
    for seed in range(batch * count, (batch + 1) * count):
        program = random_program(seed, 30)
        if seed % 4 == 3 or len(program.point) < 2:
            continue
        tried += is_same_over_batch(program, seed)
    figure(SECTION, "random programs over a batch of samples", tried)


@pytest.mark.parametrize("name", [name for name, row in TABLE.items()])
def test_every_operation_agrees_on_many_samples_at_once(name: str, written: str) -> None:
    generator = random.Random(name)
    row = TABLE[name]
    count = 6 if isinstance(row, engine.Reduction) else len(row.domain)
    low_high = row.domain * 6 if isinstance(row, engine.Reduction) else row.domain
    batch = np.array([[generator.uniform(*low_high[i]) for i in range(count)] for _ in range(7)])
    ws = [Value(1.0) for _ in range(count)]
    function = compiled(lambda xs: by_engine(name, *(w * x for w, x in zip(ws, xs))) * 1.0)
    eager = [function.function(xs) for xs in batch]
    total, found = engine.sum(eager), function.over(batch, reduction="sum")
    assert near(total.data, found.data)
    expected, got = value_and_slopes(total, ws), value_and_slopes(found, ws)
    assert all(near(a, b, 1e-11) for a, b in zip(expected, got, strict=True))
    is_as_written = {"lines": "", "walked one by one": "one by one", "walked by groups": "steps"}
    assert is_as_written[written] in function.program


def moons() -> tuple[MLP, Any, Any]:
    model = MLP(2, [16, 16, 1], activation="relu", output_activation="linear", seed=1)
    generator = np.random.default_rng(0)
    return model, generator.normal(size=(40, 2)), generator.choice([-1.0, 1.0], 40)


def hinge(model: MLP) -> Compiled:
    def loss(x: Any, y: Any) -> Any:
        penalty = 1e-4 * engine.sum(p * p for p in model.parameters())
        return (1.0 - y * model(x)).relu() + penalty

    return compiled(loss)


def test_a_network_over_a_batch_is_a_few_products_of_matrices() -> None:
    model, rows, labels = moons()
    loss, parameters = hinge(model), model.parameters()
    eager = engine.mean([loss.function(x, y) for x, y in zip(rows, labels)])
    expected = value_and_slopes(eager, parameters)
    assert are_near(expected, value_and_slopes(loss.over(rows, labels), parameters))
    # Three layers and the penalty; a gradient to each weight and to each hidden layer.
    assert len(re.findall(r"(matmuls?|product)\(", loss.program)) == (3 + 1) + 3 + 2
    numbers = np.array([p.data for p in parameters])
    value, gradient = loss.value_and_grad(parameters)(numbers, rows, labels)
    assert are_near(expected, [value, *gradient])
    moved, _ = loss.value_and_grad(parameters)(numbers * 1.1, rows, labels)
    for parameter in parameters:
        parameter.data *= 1.1
    assert near(moved, loss.over(rows, labels).data)


def test_all_samples_recorded_as_one_loss_are_the_same_few_products() -> None:
    model, rows, labels = moons()
    parameters = model.parameters()

    @compiled
    def loss() -> Any:
        losses = [(1.0 - y * model(x)).relu() for x, y in zip(rows.tolist(), labels.tolist())]
        return engine.mean(losses)

    expected = value_and_slopes(loss.function(), parameters)
    loss()
    assert are_near(expected, value_and_slopes(loss(), parameters))
    assert "40 × 16 by 16 × 16" in loss.program
    assert "→ 12 array operations" in loss.report()


def test_causal_attention_becomes_one_product_and_few_shares() -> None:
    generator = random.Random(0)
    steps, width = 6, 4
    q, k, v = (
        [[Value(generator.uniform(-1, 1)) for _ in range(width)] for _ in range(steps)]
        for _ in range(3)
    )
    leaves = [x for table in (q, k, v) for row in table for x in row]

    @compiled
    def attended() -> Any:
        total = 0.0
        for t in range(steps):
            shares = engine.softmax([engine.dot(q[t], k[s]) * 0.5 for s in range(t + 1)])
            for d in range(width):
                out = engine.dot(shares, [v[s][d] for s in range(t + 1)]) if t else v[0][d]
                total = total + out.tanh()
        return total

    expected = value_and_slopes(attended.function(), leaves)
    attended()
    assert are_near(expected, value_and_slopes(attended(), leaves))
    assert attended.program.count(" = larger.reduce(") == attended.program.count(" = exp(") == 1
    (operations,) = (p.operations for r in attended.recordings for p in r.programs())
    assert operations <= 24  # the sums of the others are trees, of a depth for each length


# Numbers that change, and ways that part.


def test_a_branch_on_a_value_records_the_other_way_too() -> None:
    ran = []

    def size(x: Any) -> Any:
        ran.append(1)
        return x * 2.0 if x > 0 else -x

    size = compiled(size, audit=False)
    for number, result, slope in ((3.0, 6.0, 2.0), (-3.0, 3.0, -1.0), (5.0, 10.0, 2.0)):
        x = Value(number)
        assert value_and_slopes(size(x), [x]) == [result, slope]
    assert len(ran) == 2
    assert size.over([1.0, -1.0, 2.0, -2.0], reduction="sum").data == 2.0 + 1.0 + 4.0 + 2.0
    assert len(ran) == 4  # numbers are another structure than Values
    assert size.over([-1.0, -1.0, 2.0], reduction="sum").data == 1.0 + 1.0 + 4.0
    assert len(ran) == 4


def test_the_mean_of_whole_numbers_is_whole() -> None:
    w = Value(1.0)
    same = compiled(lambda x: w * x)
    assert same.over([1.0, 2.0, 3.0]).data == 2.0
    assert same.value_and_grad([w])([1.0], [1.0, 2.0, 3.0])[0] == 2.0


def test_an_integer_may_be_a_number_and_an_index() -> None:
    w = [Value(1.0), Value(2.0), Value(3.0)]
    following = compiled(lambda i: w[int(i) - 1] * i)
    assert [following(i).data for i in (1, 2, 3, 2)] == [1.0, 4.0, 9.0, 4.0]
    f = compiled(lambda i: w[i] * i)
    assert [f(i).data for i in (0, 1, 2, 1)] == [0.0, 2.0, 6.0, 2.0]
    total = f.over(np.array([2, 1, 2, 0]), reduction="sum")
    assert value_and_slopes(total, w) == [14.0, 0.0, 1.0, 4.0]


def test_arguments_of_another_structure_are_recorded_anew() -> None:
    f = compiled(lambda xs, scale=1.0: engine.sum(xs) * scale)
    assert f([1.0, 2.0]).data == 3.0
    assert f([1.0, 2.0, 3.0]).data == 6.0
    assert f(np.array([1.0, 2.0]), scale=2.0).data == 6.0
    assert f((Value(1.0), 2.0), scale=Value(3.0)).data == 9.0


# The result is a Value.


def test_it_composes_with_eager_nodes() -> None:
    w, x = Value(2.0), Value(0.5)
    f = compiled(lambda x: (w * x).tanh())
    f(x * 2.0)
    y = f(x * 2.0) ** 2
    expected = (w * (x * 2.0)).tanh() ** 2
    assert all_near(value_and_slopes(expected, [w, x]), value_and_slopes(y, [w, x]))


def test_its_gradient_can_be_differentiated() -> None:
    w, x = Value(0.7), Value(0.5)
    f = compiled(lambda x: (w * x).tanh())
    f(x)
    for leaf in (w, x):
        slope = grad(f(x), leaf, differentiable=True)
        expected = grad((w * x).tanh(), leaf, differentiable=True)
        assert near(slope.data, expected.data)
        assert all_near(grad(slope, [w, x]), grad(expected, [w, x]))
    total = f.over([0.5, 1.0])  # of which no samples are kept
    with pytest.raises(CompilationError, match=r"is numbers only.*one by one and add up"):
        grad(total, w, differentiable=True)


def test_inside_no_grad_and_of_plain_numbers_alone_it_is_a_constant() -> None:
    w = Value(2.0)
    f = compiled(lambda x: w * x)
    for _ in range(2):
        with no_grad():
            assert f(3.0).is_constant
            assert f(Value(3.0)).is_constant
            assert f.over([3.0]).is_constant
        assert not f(3.0).is_constant
        assert compiled(lambda x: 2.0 * x)(3.0).is_constant


def test_one_compiled_function_inside_another_is_part_of_it() -> None:
    w = Value(2.0)
    inner = compiled(lambda x: w * x)
    outer = compiled(lambda x: inner(x) + inner(x + 1.0))
    outer(1.0)
    assert value_and_slopes(outer(3.0), [w]) == [14.0, 7.0]
    outer = compiled(lambda x: inner.over([1.0, 2.0]) * x + inner.over([3.0], reduction="sum"))
    outer(1.0)
    assert value_and_slopes(outer(3.0), [w]) == [15.0, 7.5]
    assert inner.program == "# <lambda> has no program yet: call it once.\n"


# What it refuses.


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x * x.data, "reads .data of 3 at "),
        (lambda x: x * x.grad, "reads .grad of "),
        (lambda x: (x * x).backward() or x, r"calls backward\(\) of 9 at "),
        (lambda x: x * grad(x * x, x), "calls grad of 9 at "),
        (lambda x: float(f"{x:.3g}") * x, "reads the text of 3"),
        (lambda x: copy.copy(x) * x, "reads"),
        (lambda x: copy.deepcopy([x])[0] * x, "reads"),
        (lambda x: 3.0, "returned float 3.0"),
        (lambda x: [x, x], "returned a list"),
    ],
)
def test_what_a_recording_cannot_repeat_is_refused(function: Callable, said: str) -> None:
    with pytest.raises(CompilationError, match=said):
        compiled(function)(3.0)
    assert Value(2.0).data == 2.0  # afterwards numbers can be read again


def test_too_many_ways_run_eagerly_and_a_warning_says_so_once() -> None:
    w = Value(2.0)
    f = compiled(lambda i: w * int(i.__index__()))
    with pytest.warns(RuntimeWarning, match="took 64 ways.* run as they are written"):
        found = [f(i).data for i in range(70)]
    assert found == [2.0 * i for i in range(70)]
    assert value_and_slopes(f.over(np.arange(100, 140)), [w]) == [239.0, 119.5]
    assert f.map(np.arange(100, 103)).tolist() == [200.0, 202.0, 204.0]
    with pytest.raises(CompilationError, match="64 ways"):
        f.value_and_grad([w])([2.0], np.arange(100, 140))


def test_a_result_over_a_batch_knows_the_numbers_of_its_own_operands() -> None:
    w = Value(3.0)
    f = compiled(lambda x: x * 2.0 if x > 0.0 else w * x)
    found = f.over([1.0, -1.0], reduction="sum")  # the first sample depends on no Value
    assert (found.data, found.parents, found.partials) == (-1.0, (w,), (-1.0,))
    assert found.operation is not None
    assert found.operation.operand_numbers == [3.0]


def test_the_program_can_be_read() -> None:
    w, b = Value(2.0), Value(1.0)
    f = compiled(lambda x: (w * x + b).tanh())
    f.over([1.0, 2.0, 3.0])
    assert f.program.splitlines()[:20] == [
        "def program(samples, seed):",
        "    input = empty((1, samples))  # 1 input number",
        "    captured = empty((2, 1))  # 2 captured numbers",
        "    seed = full((1, samples), seed)",
        "    m0 = empty((1, samples))",
        "    m1 = empty((1, samples))",
        "    m2 = empty((2, 1))",
        "    single_a3 = captured[0:1].reshape(())",
        "    single_b4 = captured[1:2].reshape(())",
        "    to_db4 = m2[1:2]",
        "    ones3 = ones(samples, 1)",
        "    to_da3 = m2[0:1]",
        "    def run():",
        "        v3 = mul(single_a3, input, m0)  # 1 mul",
        "        v4 = add(v3, single_b4, m0)  # 1 add",
        "        v5 = tanh(v4, m1)  # 1 tanh",
        "        result = v5",
        "        holds = True",
        "        t8 = sech(v4)",
        "        t9 = square(t8, m0)",
    ]


@pytest.mark.parametrize("exponent", [0.5, -0.5, 1.5, 2.0, Value(0.5)])
@pytest.mark.parametrize("x", [-math.inf, -0.0, 0.0, 4.0, math.inf])
def test_a_power_is_no_square_root_at_hard_places(x: float, exponent: Any) -> None:
    given = Value(x)
    f = compiled(lambda x: x**exponent)
    f(Value(2.0))
    eager, found = value_and_slopes(given**exponent, [given]), value_and_slopes(f(given), [given])
    assert all_near(eager, found)
    assert math.copysign(1.0, eager[0]) == math.copysign(1.0, found[0])
    number = exponent.data if isinstance(exponent, Value) else exponent
    assert repr(float(engine.TABLE["pow"](np.array([x]), number)[0])) == repr(eager[0])


def test_what_is_true_in_one_sample_is_not_frozen() -> None:
    w = Value(2.0)
    f = compiled(lambda flag, y: w * y if flag else w - y)
    found = f.over(np.array([True, False, True]), np.array([5.0, 7.0, 1.0]), reduction="none")
    assert [y.data for y in found] == [10.0, -5.0, 2.0]
    total = f.over(np.array([True, False, True]), np.array([5.0, 7.0, 1.0]), reduction="sum")
    assert value_and_slopes(total, [w]) == [7.0, 7.0]


# What a function reads beside its arguments.


@pytest.mark.filterwarnings("ignore:<lambda> took 64 ways")
def test_a_name_that_is_bound_anew_in_each_call_runs_eagerly() -> None:
    w, step = Value(2.0), 0
    f = compiled(lambda x: w * x + step)
    for step in range(70):
        assert f(1.0).data == 2.0 + step
    assert "further calls run as written" in f.report()
    assert value_and_slopes(f.over([1.0, 2.0]), [w]) == [72.0, 1.5]
    with pytest.raises(CompilationError, match=r"what it reads from around it.*as an argument"):
        f.value_and_grad([w])([2.0], [1.0, 2.0])


def test_a_tie_that_sums_in_another_order_break_is_recorded_for_its_own_call() -> None:
    parts = [Value(x) for x in (0.1, 0.2, 0.3, -0.6)]

    @compiled
    def f() -> Any:
        total = parts[0] + parts[1] + parts[2] + parts[3]
        return total * 2.0 if total == 1.1102230246251565e-16 else total * 3.0

    for _ in range(3):
        assert f().data == f.function().data


# What belongs to the function, or is inside it.


def test_a_parameter_that_is_replaced_gets_the_gradients() -> None:
    model = MLP(2, [3, 1], seed=1)
    f = compiled(lambda x: model(x) * 1.0)
    x = [0.5, -1.0]
    f(x)
    model.layers[0].neurons[0].b = Value(model.layers[0].neurons[0].b.data)  # an equal number
    expected = value_and_slopes(f.function(x), model.parameters())
    assert all_near(expected, value_and_slopes(f(x), model.parameters()))


@compiled
def module_level(x: Any) -> Any:
    """A function that a pickle finds by its name."""
    return x * 2.0


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_function_that_has_a_name_is_its_own_copy(again: Callable[[Any], Any]) -> None:
    assert again(module_level) is module_level


def test_trap_sees_what_a_compiled_function_computes() -> None:
    w = Value(2.0, label="w")
    f = compiled(lambda x: (w * x).log())
    f(1.0)
    for call in (lambda: f(-1.0), lambda: f.over([1.0, -1.0])):
        with engine.trap(), pytest.raises(engine.NonFiniteError, match=r"log\(-2\) is nan"):
            call()


def test_parameters_that_nothing_reads_are_refused() -> None:
    w = Value(2.0)
    f = compiled(lambda x: w * x)
    assert f.value_and_grad([w, Value(1.0)])([2.0, 5.0], [3.0])[1].tolist() == [3.0, 0.0]
    with pytest.raises(ValueError, match="reads none of the parameters"):
        f.value_and_grad([Value(1.0)])([1.0], [3.0])
    wrong_ones = [(w, TypeError), (3.0, TypeError), ([w, w], ValueError)]
    for wrong, error in [*wrong_ones, *[([x], TypeError) for x in (3.0, w * 1.0, w.detach())]]:
        with pytest.raises(error, match="leaf Values"):
            f.value_and_grad(wrong)


@pytest.mark.parametrize("has_inner", [False, True])
@pytest.mark.parametrize("upstream", [1.0, -0.5])
def test_many_captured_values_get_their_gradients_and_results_of_other_code_pass_them_on(
    upstream: float, has_inner: bool
) -> None:
    leaves = [Value(0.1 * i) for i in range(30)]
    captured = [*leaves, *[leaves[0] * leaves[1]] * has_inner]
    loss = compiled(lambda x: sum(v * v for v in captured) * x)
    loss.over([1.0, 3.0]).backward(upstream)
    found = [v.grad for v in leaves]
    zero_grad(leaves)
    (sum(v * v for v in captured) * 2.0).backward(upstream)
    np.testing.assert_allclose(found, [v.grad for v in leaves], rtol=1e-12)


def test_gradients_of_a_compiled_result_are_those_of_its_parents_at_each_backward():
    w = [Value(float(i)) for i in range(40)]
    loss = compiled(lambda x: sum(v * v for v in w) * x)
    first, second = loss.over([1.0]), loss.over([3.0])
    assert first.parents == second.parents == tuple(w)
    for result in (first, second, first * second):
        result.backward()
    outer = [2 * i * (1 + 3) + 2 * i * (second.data + 3 * first.data) for i in range(40)]
    np.testing.assert_allclose([v.grad for v in w], outer, rtol=1e-12)


def test_stages_are_shown_whole_or_say_how_much_is_left_out() -> None:
    model = MLP(2, [3, 1], seed=0)
    f = compiled(lambda x, t: (model(x) - t) ** 2)
    f.over([[1.0, 2.0]], [1.0])
    whole, part = (f.stages(most_lines=most).split("\n\n") for most in (None, 3))
    assert len(whole) == len(part) == 6
    for stage, shown in zip(whole, part):
        title, *lines = stage.split("\n")
        assert shown.split("\n")[:-1] == [title, *lines[:3]]
        assert shown.endswith(
            f"… {len(lines) - 3} more lines, which stages(most_lines=None) shows too"
        )
    numbers = compiled(lambda x: x * 2.0)
    numbers(3.0)
    assert "Differentiated: those for the gradients\n    none" in numbers.stages()


def test_a_scalar_keeps_its_name_through_the_stages_and_leaves_tell_theirs() -> None:
    w, u, b = (Value(0.3, label) for label in "wub")

    @compiled
    def states(*xs: Any) -> Any:
        state = 0.0
        for x in xs:
            state = (w * x + u * state + b).tanh()
        return state

    states(1.0, 2.0)
    recorded, passes, schedule, *_ = states.stages().split("\n\n")
    result = recorded.rsplit("result: ", 1)[1]
    assert passes.endswith(f"result: {result}")
    sums = [line.split()[0] for line in recorded.splitlines() if ", captured[2])" in line]
    assert [line.split()[0] for line in passes.splitlines() if "captured[2]" in line] == sums
    rows = [int(place) for place in re.findall(r"captured\[(\d)\] \((?:w|u|b)\)", schedule)]
    (_, program), *_ = states.programs()
    assert rows == program.orders["captured"].tolist()
    assert f": {result}" in schedule


def test_scalars_keep_their_names_where_rows_are_padded_and_sums_fall_away() -> None:
    def ragged(v: list[Value]) -> Value:
        greatest = [engine.max(v[:count]) for count in (2, 3, 4)]
        return engine.sin(engine.sum([engine.exp(engine.sum(greatest))])) * v[0]

    f = compiled(ragged)
    f([1.0, 2.0, 3.0, 4.0])
    _, passes, schedule, *_ = f.stages().split("\n\n")
    rows = dict(re.findall(r"(s\d+) = (\w+)\(", passes))
    groups = re.findall(r": \d+ (\w+?)s?: (s.*)", schedule)
    scheduled = {name: row for row, names in groups for name in names.split(", ")}
    assert scheduled.items() <= rows.items()
    assert {rows[name] for name in rows.keys() - scheduled.keys()} == {"sum"}


def test_stages_say_what_was_compared_and_are_those_of_each_program() -> None:
    w = Value(2.0)

    @compiled
    def f(x: Any) -> Any:
        y = w * x
        y.exp()
        return y * y if y > 0 else -y

    f(1.0), f(-1.0)
    for number, (outcome, last) in enumerate([("True", "mul"), ("False", "neg")]):
        recorded, passes, _, lowered, *_ = f.stages(number=number).split("\n\n")
        assert recorded.endswith(f"result: s5\n    holds if s3 > 0 is {outcome}")
        assert f"s5 = {last}" in passes
        assert "exp" in recorded
        assert "exp" not in passes
        assert lowered.endswith(f"holds if v3 > 0 is {outcome} everywhere")
        assert lowered.splitlines()[1:3] == [
            "    v0 = input(input): (1, 1)",
            "    v1 = input(captured): (1, 1)",
        ]
    assert f.report().count("nodes from 1 captured Value, 1 comparison\n") == 2
    assert f.stages() == f.stages(number=1)
    assert f.stages(number=0) != f.stages(number=1)
    with pytest.raises(ValueError, match="f has 2 programs, counted from 0, and none of number 2"):
        f.stages(number=2)
    with pytest.raises(ValueError, match="most_lines is at least 1, not 0"):
        f.stages(0)
    with pytest.raises(TypeError, match="most_lines is a whole number, not str 'x'"):
        f.stages("x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        r"\w = take\(v1, \[0, 1, 0\]\): \(3, 1\)",
        r"\w = take\(v4, 0:1\): \(1, samples\)",
        r"\w = sum\(\w+, axis 1\): \(3, 1\)",
        r"\w = scatter\(\w+, \[0, 1, 0\]\): \(2, 1\)",
    ],
)
def test_instructions_are_shown_with_what_they_need_beside_arrays(line: str) -> None:
    w, u = Value(1.0), Value(2.0)
    f = compiled(lambda x, y: w * x.exp() + u * y.exp() + w * x.sin() + x.sin() * y.sin())
    f.over([2.0, 1.0], [3.0, 2.0])
    assert re.search(line, f.stages(None))


def test_stages_show_the_numbers_and_places_that_a_program_names() -> None:
    table = [Value(float(i)) for i in range(12)]
    f = compiled(lambda x: sum(table[(5 * i) % 12] * x**i for i in range(12)))
    f(2.0)
    text = f.stages(None)
    (_, program), *_ = f.programs()
    assert program.arrays
    for name, array in program.arrays.items():
        numbers = [f"{number:g}" for number in array.ravel().tolist()]
        assert f"    {name}: {', '.join(numbers[:8])}{', …' * (len(numbers) > 8)}: " in text
