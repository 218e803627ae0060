"""Leaf Values that a loss depends on and no training moves are told of."""

import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fitting import Made
from outputs import assert_is_sentence

from glassgrad import (
    MLP,
    SGD,
    Adam,
    Dropout,
    Layer,
    Module,
    Sequential,
    Value,
    compiled,
    fit,
    l2,
    left_out,
    mse,
    no_grad,
)

X = np.random.default_rng(0).normal(size=(40, 2))
Y = X[:, 0] - 2.0 * X[:, 1]


class Plain:
    """As in the lecture: no base class."""

    def __init__(self) -> None:
        self.w, self.b = [Value(0.1, "w0"), Value(0.1, "w1")], Value(0.0, "b")

    def __call__(self, x: Any) -> Value:
        return self.w[0] * x[0] + self.w[1] * x[1] + self.b


def scaled(inner: Callable[[Any], Any]) -> Any:
    """A scale that is found, of what a function gives that need not be."""
    return Made(lambda m, x: m.inner(x) * m.scale, scale=Value(1.0, "scale"), inner=inner)


def row(weights: Any) -> Module:
    """Weights in a container of any kind."""
    compute = lambda m, x: sum((w * x[0] for w in m.weights), m.b)
    return Made(compute, weights=weights, b=Value(0.5, "b"))


def closure() -> Module:
    a, b = Value(0.25, "a"), Value(2.0, "unused") * 3.0
    return scaled(lambda x: x[0] * a + b)


HIDDEN: dict[str, tuple[Callable[[], Module], int]] = {
    "a plain object": (lambda: scaled(Plain()), 3),
    "a set": (lambda: row({Value(1.0, "w0"), Value(2.0, "w1")}), 2),
    "a deque": (lambda: row(deque([Value(1.0, "w0"), Value(2.0)])), 2),
    "a closure, through a node made outside": (closure, 2),
}


def told(model: Module, loss: Any = mse, **options: Any) -> list[str]:
    """What `fit` says, and that it says it at the line that called it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model, loss, X, Y, **{"epochs": 3, "health": False, "progress": False, **options})
    assert {warning.filename for warning in caught} <= {__file__}
    return [str(warning.message) for warning in caught]


def line(**weights: Any) -> Module:
    """A line with weights of any kind, and a setting."""
    compute = lambda m, x: np.dot(m.w, x) * m.scale + m.b
    return Made(
        compute, **{"w": [Value(0.1), Value(0.2)], "b": Value(0.0), "scale": 2.0, **weights}
    )


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (lambda: line(b=0.0), "b of Made"),
        (lambda: line(w=[0.1, 0.2]), "w.0 of Made"),
        (lambda: line(w=np.array([0.1, 0.2])), "w.0 of Made"),
        (lambda: Sequential(Layer(2, 2), line(w=[Value(0.1), 1.5])), "parts.1.w.1 of Sequential"),
    ],
)
def test_a_plain_number_that_is_called_as_a_parameter_is_told(
    model: Callable[[], Module], place: str
) -> None:
    (said,) = told(model())
    assert said.startswith(f"fit: {place}(")
    assert " is a plain number, which no training moves. Put Values there" in said
    assert_is_sentence(said)


@pytest.mark.parametrize("setting", [{}, {"b": True}, {"weight": 28}, {"bias": None}])
def test_other_plain_numbers_are_settings(setting: dict[str, Any]) -> None:
    assert told(line(**setting)) == []


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("name", HIDDEN)
def test_what_the_training_does_not_find_is_told_once(name: str, is_compiled: bool) -> None:
    make, count = HIDDEN[name]
    (said,) = told(make(), compiled=is_compiled)
    assert f"the loss depends on {count} leaf Value{'s' * (count > 1)} that" in said
    assert f"; read at {__file__}, line " in said
    assert "Derive such a class from Module, or hold Values in a list" in said
    assert_is_sentence(said)


def test_labels_and_numbers_are_named_and_of_many_a_few() -> None:
    (said,) = told(scaled(Plain()))
    assert "left out of the training: w0 = 0.1, w1 = 0.1, b = 0; read at " in said
    assert "scale" not in said
    (said,) = told(row({Value(0.01, f"w{i}") for i in range(300)}))
    assert "300 leaf Values that are left out" in said
    assert " and 295 more; read at " in said


def test_what_the_optimiser_has_is_trained() -> None:
    inner = Plain()
    model = scaled(inner)
    assert not told(model, optimiser=SGD([*model.parameters(), *inner.w, inner.b], 0.05))
    assert inner.w[0].data != 0.1


def noisy() -> Module:
    return Sequential(Layer(2, 4), Dropout(0.5, seed=1), Layer(4, 1, activation=None))


def carried() -> Module:
    """Sums that begin with Values made on the way; inputs that are made Values."""

    def compute(model: Any, x: Any) -> Any:
        total = Value(0.0)
        for xi in x:
            total = total + Value(1.0) * xi
        return model.layer([Value(x[0]), x[1]]) + total

    return Made(compute, layer=Layer(2, 1, activation=None))


def beside_a_target() -> Module:
    """Another network stands by, through which no gradient flows."""
    others, fixed = {Layer(2, 1, seed=3), Layer(2, 1, seed=4)}, {Value(3.0)}

    def compute(model: Any, x: Any) -> Any:
        with no_grad():
            aim = sum(layer(x) for layer in others)
        aim += sum(v.detach() for v in fixed)
        return model.layer(x) + model.offset[0] + aim

    return Made(compute, layer=Layer(2, 1), offset=(Value(0.5),))


SEEN: dict[str, Callable[[], Module]] = {
    "MLP": lambda: MLP(2, [3, 1], output_activation="linear", seed=0),
    "Dropout": noisy,
    "made on the way": carried,
    "detached": beside_a_target,
}


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("name", SEEN)
def test_constants_inputs_and_detached_values_do_not_count(name: str, is_compiled: bool) -> None:
    model = SEEN[name]()
    assert not [x for x in told(model, compiled=is_compiled) if "left out" in x]


def test_frozen_parameters_do_not_count() -> None:
    model = MLP(2, [3, 1], output_activation="linear", seed=0)
    assert not told(model, optimiser=Adam(model.layers[-1].parameters(), 0.01))


@pytest.mark.parametrize("is_compiled", [True, False])
def test_one_behind_a_comparison_that_few_samples_pass(is_compiled: bool) -> None:
    rare, model = {Value(1.0, "rare")}, MLP(2, [1], output_activation="linear", seed=0)
    limit = float(np.sort(X[:, 0])[-2])

    compute = lambda m, x: m.model(x) * next(iter(rare)) if x[0] > limit else m.model(x)
    (said,) = told(Made(compute, model=model), compiled=is_compiled)
    assert "1 leaf Value that is left out of the training: rare = 1; read " in said


@pytest.mark.parametrize("epochs", [2, 6])
@pytest.mark.parametrize("batch_size", [40, 16])
@pytest.mark.parametrize("is_compiled", [True, False])
def test_one_that_is_read_only_later_is_told_once_and_has_no_gradient_left(
    is_compiled: bool, batch_size: int, epochs: int
) -> None:
    """Also beside Values that are made on the way, and where it is the last epoch."""
    plain, model = Plain(), carried()
    model.is_on = False
    compute = lambda m, x: m.inner(x) * plain(x) if m.inner.is_on else m.inner(x)
    all_said = told(
        Made(compute, inner=model),
        compiled=is_compiled,
        batch_size=batch_size,
        epochs=epochs,
        callbacks=lambda history: setattr(model, "is_on", history.epochs != 3),
    )
    (said,) = [each for each in all_said if "left out" in each]
    assert "3 leaf Values that are left out of the training: w0 = 0.1, w1 = 0.1, b = 0;" in said
    assert [str(leaf.grad) for leaf in (*plain.w, plain.b)] == ["–"] * 3


def test_one_in_the_loss_and_one_in_the_penalty() -> None:
    width, strength = Value(2.0, "width"), Value(0.1, "strength")
    model = MLP(2, [1], output_activation="linear", seed=0)
    options = {"penalty": lambda parameters: l2(parameters, 1.0) * strength}
    (said,) = told(model, lambda output, target: mse(output, target) * width, **options)
    assert "2 leaf Values" in said
    assert "width = 2" in said
    assert "strength = 0.1" in said


def test_a_training_runs_its_model_no_more_often_for_that() -> None:
    calls = [0]

    def counted(model: Any, x: Any) -> Value:
        calls[0] += model.training
        return Value(0.0) + model.w * x[0]

    told(Made(counted, w=Value(1.0)), compiled=False, epochs=2)
    assert calls[0] == 16 + 2 * len(X), "those that are tried, and those of the epochs"


# By hand


def test_left_out_gives_the_leaves_in_order() -> None:
    model = scaled(Plain())
    losses: Iterator[Value] = (
        mse(model(X[0]), Y[0]),
        compiled(lambda x, t: mse(model(x), t))(X[0], Y[0]),
        compiled(lambda x, t: mse(model(x), t)).over(X, Y),
    )
    for loss in losses:
        assert {value.label for value in left_out(loss, model.parameters())} == {"w0", "w1", "b"}
        assert not left_out(loss, [*model.parameters(), *model.inner.w, model.inner.b])
    assert [v.label for v in left_out(mse(model(X[0]), Y[0]), iter(model.parameters()))] == [
        "w0",
        "w1",
        "b",
    ]


def test_left_out_refuses_what_it_cannot_look_into() -> None:
    with pytest.raises(TypeError, match=r"takes a loss, which is a Value, not float 0\.5"):
        left_out(0.5, [])  # type: ignore[arg-type]
