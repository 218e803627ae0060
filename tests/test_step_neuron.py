"""`step_neuron`: a neuron in one line, and its chain rule in three factors."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from glassgrad import (
    TABLE,
    Reduction,
    Value,
    compiled,
    operation,
    step_neuron,
    where,
)

ACTIVATIONS = [
    name
    for name, row in TABLE.items()
    if not isinstance(row, Reduction) and len(row.domain) - len(row.defaults) == 1
]


def gradients(steps: Any) -> dict[str, float]:
    return {steps.diagram[i].name: gradient for i, gradient in steps.gradients.items()}


@pytest.mark.parametrize("target", [None, 0.25])
@pytest.mark.parametrize("activation", ["linear", *ACTIVATIONS])
def test_the_three_factors_give_the_gradient(activation: str, target: float | None) -> None:
    steps = step_neuron([0.5, 0.25], [0.75, 1.0], 0.125, activation, target)
    found = gradients(steps)
    for factors in steps.factors:
        product = factors.loss_by_output * factors.output_by_sum * factors.sum_by_weight
        assert repr(product) == repr(factors.product) == repr(found[factors.weight])
        assert repr(factors.loss_by_output) == repr(found["out"])
    if "z" in found:
        assert [f.weight for f in steps.factors] == ["w1", "w2", "b"]
        assert [f.sum_by_weight for f in steps.factors] == [0.75, 1.0, 1.0]
    else:
        assert not steps.factors
        assert "three factors" not in steps.text() + steps.html()


def test_the_factors_are_named_in_text_and_page() -> None:
    steps = step_neuron([2.0, -3.0], [1.0, 0.5], 0.5, "tanh", target=1.0)
    title = (
        "The chain rule in three factors: ∂L/∂w = ∂L/∂out × ∂out/∂z × ∂z/∂w, which are "
        "loss by output, output by weighted sum, weighted sum by weight"
    )
    assert title in steps.html()
    *_, heading, first, second, third = steps.text().splitlines()
    assert title in steps.text().splitlines()
    assert heading.split() == "weight ∂L/∂out × ∂out/∂z × ∂z/∂w = ∂L/∂w".split()
    row = "w1 2 * error = -0.47681 × (1 - tanh(z) ** 2) = 0.41997 × x1 = 1 = -0.2002"
    assert first.split() == row.split()
    assert second.split()[-5:] == ["x2", "=", "0.5", "=", "-0.1001"]
    assert third.split()[-4:] == ["×", "1", "=", "-0.2002"]


def test_without_a_target_the_output_is_differentiated() -> None:
    steps = step_neuron(2.0, 3.0, 1.0, "relu")
    assert steps.diagram[steps.root].name == "out"
    assert steps.factors[0].loss_by_output == 1.0
    assert [f.weight for f in steps.factors] == ["w", "b"]
    title = (
        "∂out/∂w = ∂out/∂out × ∂out/∂z × ∂z/∂w, which are "
        "output by itself, output by weighted sum, weighted sum by weight"
    )
    assert title in steps.text()
    assert title in steps.html()
    assert "loss by output" not in steps.text()


def test_given_values_keep_their_labels_and_gradients() -> None:
    mass, plain = Value(2.0, label="mass"), Value(3.0)
    steps = step_neuron([mass, plain], [1.0, 1.0], 0.0, "tanh")
    assert [f.weight for f in steps.factors] == ["mass", "w2", "b"]
    assert (mass.label, plain.label) == ("mass", None)
    assert repr(mass.grad) == repr(plain.grad) == "–"


def test_rows_of_numpy_and_operations_are_taken() -> None:
    steps = step_neuron(np.array([0.5, 0.25]), np.array([0.75, 1.0]), 0, TABLE["sin"], target=1)
    assert len(steps.factors) == 3


def test_constants_have_no_factors_and_do_not_move() -> None:
    steps = step_neuron([Value(0.5).detach(), 1.0], [1.0, 2.0], 0.0, learning_rate=0.1)
    assert [f.weight for f in steps.factors] == ["w2", "b"]
    assert [steps.diagram[s.node].name for s in steps if s.phase == "update"] == ["w2", "b"]
    rows = steps.text().splitlines()[-2:]
    assert [line.split()[0] for line in rows] == ["w2", "b"]


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (([1.0], [1.0, 2.0], 0.0), ValueError, "as many weights as inputs.*not 1 and 2"),
        (([], [], 0.0), ValueError, "at least one, not 0 and 0"),
        (("1", [1.0], 0.0), TypeError, "list of numbers as w, not str '1'"),
        ((1.0, None, 0.0), TypeError, "list of numbers as x, not NoneType None"),
        ((1.0, 1.0, "0"), TypeError, "step_neuron's b takes a real number"),
        (([1j], [1.0], 0.0), TypeError, "step_neuron's w1 takes a real number"),
        (([[1.0]], [1.0], 0.0), TypeError, "One|one"),
        ((1.0, 1.0, 10**400), OverflowError, "step_neuron's b"),
        ((1.0, 1.0, 0.0, "tahn"), ValueError, "no activation called 'tahn'. Did you mean tanh?"),
        ((1.0, 1.0, 0.0, "tanj"), ValueError, "no activation called 'tanj'. Did you mean tanh?"),
        ((1.0, 1.0, 0.0, "ReLU"), ValueError, "no activation called 'ReLU'. Did you mean relu?"),
        ((1.0, 1.0, 0.0, "identity"), ValueError, "'identity'. Did you mean linear?"),
        ((1.0, 1.0, 0.0, "sqtr"), ValueError, "'sqtr'. Did you mean sqrt?"),
        ((1.0, 1.0, 0.0, "addd"), ValueError, r"'addd'\.$"),
        ((1.0, 1.0, 0.0, "x" * 10_000), ValueError, "no activation called a str"),
        ((1.0, 1.0, 0.0, "add"), ValueError, "add is no activation: it takes several operands"),
        ((1.0, 1.0, 0.0, TABLE["max"]), ValueError, "max is no activation"),
        ((1.0, 1.0, 0.0, math.tanh), TypeError, "functions of math would cut"),
        ((1.0, 1.0, 0.0, 3), TypeError, "operation of the table or its name, or a function"),
        ((1.0, 1.0, 0.0, lambda z: 1.0), TypeError, "<lambda> gives a Value .*, not float 1.0"),
        ((1.0, 1.0, 0.0, lambda z: Value(1.0)), ValueError, "<lambda> gives does not depend on"),
        ((1.0, 1.0, 0.0, "tanh", "1"), TypeError, "step_neuron's target takes a real number"),
    ],
)
def test_what_is_no_neuron_is_refused(
    arguments: tuple[Any, ...], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        step_neuron(*arguments)


LOSSES = {
    "mse": (lambda out, t: (out - t) ** 2, "2 * error = "),
    "half_mse": (lambda out, t: (out - t) ** 2 / 2, "error = "),
    "binary_cross_entropy": (
        lambda out, t: -t * out.log() - (1 - t) * (1 - out).log(),
        "(out - 0.25) / (out * (1 - out)) = ",
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_chosen_by_name(loss: str) -> None:
    steps = step_neuron([0.5, 0.25], [0.75, 1.0], 0.125, "sigmoid", 0.25, loss=loss)
    w = Value(0.5)
    out = (w * 0.75 + 0.25 * 1.0 + 0.125).sigmoid()
    written, formula = LOSSES[loss]
    y = written(out, 0.25)
    y.backward()
    assert steps.diagram[steps.root].data == pytest.approx(y.data, rel=1e-14)
    assert steps.factors[0].product == pytest.approx(w.grad, rel=1e-14)
    assert steps.factors[0].loss_by_output == pytest.approx(out.grad, rel=1e-14)
    shown = steps.text().splitlines()[-3].partition(f"  {formula}")[2].partition("  × ")[0]
    assert f"{float(shown):.4g}" == f"{out.grad:.4g}"
    for node, gradient in steps.gradients.items():
        assert steps.check(node) == pytest.approx(gradient, rel=1e-6)


@pytest.mark.parametrize(
    ("former", "name"),
    [("squared", "mse"), ("half_squared", "half_mse"), ("cross_entropy", "binary_cross_entropy")],
)
def test_former_names_of_losses_are_understood(former: str, name: str) -> None:
    told = [step_neuron(1.0, 0.5, 0.25, "sigmoid", 1.0, loss=x).text() for x in (former, name)]
    assert told[0] == told[1]


def test_the_formula_of_the_cross_entropy_has_the_name_of_the_target() -> None:
    target = Value(1.0, label="t")
    text = step_neuron(0.5, 1.0, 0.0, "sigmoid", target, loss="cross_entropy").text()
    assert "(out - t) / (out * (1 - out)) = -1.6065  × " in text


def test_the_loss_is_a_function_of_ones_own() -> None:
    steps = step_neuron(0.5, 1.0, 0.25, "tanh", 2.0, loss=lambda out, t: (t - out).abs())
    assert steps.factors[0].loss_by_output == -1.0
    assert steps.diagram[steps.root].name == "L"


def leaky(z: Value) -> Value:
    return where(z > 0.0, z, 0.1 * z)


def gated(z: Value) -> Value:
    return z * z.sigmoid()


@pytest.mark.parametrize("function", [leaky, gated, lambda z: z, compiled(gated)])
@pytest.mark.parametrize("bias", [0.25, -3.0])
def test_the_activation_is_any_function_of_a_value(function: Callable, bias: float) -> None:
    steps = step_neuron([0.5, 0.25], [0.75, 1.0], bias, function, target=1.0)
    z = Value(0.5 * 0.75 + 0.25 * 1.0 + bias)
    out = function(z) * 1.0
    out.backward()
    for factors, at in zip(steps.factors, (0.75, 1.0, 1.0), strict=True):
        assert factors.output_by_sum == pytest.approx(z.grad, rel=1e-14)
        assert factors.sum_by_weight == at
        product = factors.loss_by_output * factors.output_by_sum * factors.sum_by_weight
        assert factors.product == pytest.approx(product, rel=1e-14)
    assert "= ∂L/∂w" in steps.text()
    assert steps.html()


def test_an_operation_of_ones_own_is_an_activation() -> None:
    operation("cubed", "x³", lambda x: x * x * x, None, lambda x, y: 3.0 * x * x)
    for choice in ("cubed", TABLE["cubed"]):
        steps = step_neuron(2.0, 1.0, 1.0, choice)
        assert steps.factors[0].output_by_sum == 27.0
        assert "= 27" in steps.text().splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (
            {"loss": "crossentropy"},
            ValueError,
            "'crossentropy'. Did you mean binary_cross_entropy?",
        ),
        ({"loss": "l2"}, ValueError, "'l2'. Did you mean mse?"),
        ({"loss": "BCE"}, ValueError, "'BCE'. Did you mean binary_cross_entropy?"),
        ({"loss": "mine"}, ValueError, "There are 'mse', 'half_mse', 'binary_cross_entropy'"),
        ({"loss": 2}, TypeError, "or a function of output and target, not int 2"),
        ({"loss": lambda out, t: 1.0}, TypeError, "<lambda> gives a Value"),
        ({"loss": "cross_entropy"}, ValueError, "output between 0 and 1, not -0.7616.*'sigmoid'"),
        ({"loss": "cross_entropy", "target": 2}, ValueError, "target from 0 to 1, not 2"),
        ({"loss": "half_mse", "target": None}, ValueError, "needs a target for the loss"),
    ],
)
def test_what_is_no_loss_is_refused(options: dict, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        step_neuron(-1.0, 1.0, 0.0, **{"target": 1.0, **options})


def test_a_learning_rate_is_a_number() -> None:
    with pytest.raises(TypeError, match="learning_rate takes a real number"):
        step_neuron(1.0, 1.0, 0.0, learning_rate="fast")


def test_a_hostile_label_is_escaped() -> None:
    steps = step_neuron([Value(1.0, label="<script>alert(1)</script>")], [1.0], 0.0, target=1.0)
    assert "<script>alert" not in steps.html()
    assert "&lt;script&gt;alert(1)" in steps.html()


@pytest.mark.parametrize(
    "arguments",
    [
        lambda w: ([w], [w], 0.0),
        lambda w: ([w, w], [3.0, 4.0], 0.5),
        lambda w: ([w], [3.0], w),
        lambda w: ([w], [w * 2.0], 0.0),
    ],
)
def test_a_value_in_two_places_is_refused(arguments: Callable) -> None:
    with pytest.raises(ValueError, match="each in one place"):
        step_neuron(*arguments(Value(1.0)))
    with pytest.raises(ValueError, match="each in one place"):
        step_neuron([w := Value(1.0)], [3.0], 0.0, target=w)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        (lambda w: Value.tanh, lambda w: lambda out, t: (out - t) ** 2 + 0.1 * w * w),
        (lambda w: lambda z: z.tanh() * w, lambda w: "mse"),
    ],
)
@pytest.mark.parametrize("place", [0, 2])
def test_a_weight_that_acts_by_another_way_is_refused(
    activation: Callable, loss: Callable, place: int
) -> None:
    values = [Value(0.5, label="p"), 2.0, Value(0.25, label="q")]
    own = values[place]
    with pytest.raises(ValueError, match=r"uses [pq] itself, so that its deriv"):
        step_neuron(*values, activation(own), 1.0, loss=loss(own))
