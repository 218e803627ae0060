"""Samples that count more than others, and models with several outputs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from outputs import assert_is_sentence

from glassgrad import (
    MLP,
    SGD,
    History,
    Module,
    Value,
    binary_cross_entropy_with_logits,
    cross_entropy,
    data_vector,
    fit,
    l2,
    mae,
    mean_squared_error,
    mse,
    predict,
    two_moons,
)

X, Y = two_moons(24)
COUNTS = np.array([0, 1, 2, 3] * 6)
EACH = np.repeat(np.arange(24), COUNTS)
BOTH = pytest.mark.parametrize("compiled", [True, False])


def network(outputs: int = 1) -> MLP:
    return MLP(2, [4, outputs], output_activation="linear", init="xavier", seed=0)


def trained(X: Any, y: Any, loss: Callable = mse, **options: Any) -> tuple[Any, History]:
    model = options.pop("model", None) or network()
    sgd = SGD(model.parameters(), 0.1, momentum=0.9)
    given = {"epochs": 5, "batch_size": 64, "health": False, "optimiser": sgd, **options}
    history = fit(model, loss, X, y, **given)
    return data_vector(model.parameters()), history


def assert_alike(one: tuple[Any, History], other: tuple[Any, History], rtol: float) -> None:
    np.testing.assert_allclose(one[0], other[0], rtol=rtol)
    assert list(one[1]) == list(other[1])
    for name in set(one[1]) - {"seconds"}:
        np.testing.assert_allclose(one[1][name], other[1][name], rtol=rtol)
    assert one[1].best_epoch == other[1].best_epoch


# Weights


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"penalty": lambda parameters: l2(parameters, 0.1)},
        {"metrics": ["accuracy", "mean_squared_error", "mean_absolute_error", "r2"]},
    ],
    ids=["plain", "penalty", "metrics"],
)
def test_a_weight_is_as_many_samples(compiled: bool, options: dict[str, Any]) -> None:
    options = {**options, "compiled": compiled}
    weighed = trained(X, Y, sample_weight=COUNTS, validation=(X, 1 - Y, COUNTS), **options)
    repeated = trained(X[EACH], Y[EACH], validation=(X[EACH], 1 - Y[EACH]), **options)
    assert_alike(weighed, repeated, 1e-12)


@BOTH
def test_batches_of_a_step_count_as_their_weights(compiled: bool) -> None:
    options = {"sample_weight": COUNTS + 0.5, "compiled": compiled, "shuffle": False}
    options["penalty"] = lambda parameters: l2(parameters, 0.1)
    whole = trained(X, Y, **options)
    parts = trained(X, Y, batch_size=5, accumulate=5, **options)
    assert_alike(whole, parts, 1e-11)


def test_equal_weights_change_nothing_but_rounding() -> None:
    assert_alike(trained(X, Y, sample_weight=np.full(24, 7.0)), trained(X, Y), 1e-12)


@BOTH
def test_the_weight_of_a_class_is_that_of_its_samples(compiled: bool) -> None:
    y = (X[:, 0] > 1.0).astype(int)
    of_ones = float(y.mean())
    by_hand = np.where(y == 1, 0.5 / of_ones, 0.5 / (1.0 - of_ones))
    options = {"loss": binary_cross_entropy_with_logits, "compiled": compiled}
    options["metrics"] = "accuracy"
    weighed = trained(X, y, sample_weight=by_hand, **options)
    balanced = trained(X, y, class_weight="balanced", **options)
    assert_alike(weighed, balanced, 1e-12)
    named = {1: 0.5 / of_ones, 0: 0.5 / (1.0 - of_ones)}
    assert_alike(weighed, trained(X, y, class_weight=named, **options), 1e-12)
    both = trained(X, y, class_weight=named, sample_weight=COUNTS, **options)
    assert_alike(trained(X, y, sample_weight=COUNTS * by_hand, **options), both, 1e-12)


def test_balanced_counts_samples_as_their_weights_do() -> None:
    options = {"class_weight": "balanced", "loss": binary_cross_entropy_with_logits}
    y = (X[:, 0] > 1.0).astype(int)
    weighed = trained(X, y, sample_weight=COUNTS, validation=(X, y, COUNTS), **options)
    repeated = trained(X[EACH], y[EACH], validation=(X[EACH], y[EACH]), **options)
    assert_alike(weighed, repeated, 1e-12)


def test_classes_that_are_not_named_have_the_weight_1() -> None:
    y = np.arange(24) % 3
    one = trained(X, y, cross_entropy, model=network(3), class_weight={2: 3.0})
    weights = np.where(y == 2, 3.0, 1.0)
    other = trained(X, y, cross_entropy, model=network(3), sample_weight=weights)
    assert_alike(one, other, 1e-12)


@pytest.mark.needs("sklearn")
def test_metrics_of_scikit_learn_are_given_the_weights() -> None:
    from sklearn.metrics import mean_squared_error as theirs

    def median(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
        return float(theirs(targets, outputs, sample_weight=sample_weight))

    options = {"sample_weight": COUNTS, "metrics": [median, "mean_squared_error"]}
    _, history = trained(X, Y, **options)
    np.testing.assert_allclose(history["median"], history["mean_squared_error"], rtol=1e-12)


def test_weights_belong_to_the_training(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    trained(X, Y, sample_weight=COUNTS, checkpoint=path)
    with pytest.raises(ValueError, match="is the checkpoint of another training: samples"):
        trained(X, Y, checkpoint=path)
    whole = trained(X, Y, sample_weight=COUNTS, epochs=9)
    parts = trained(X, Y, sample_weight=COUNTS, epochs=9, checkpoint=path)
    assert np.array_equal(whole[0], parts[0])
    assert whole[1]["loss"] == parts[1]["loss"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"sample_weight": [1.0]},
            ValueError,
            r"shape \(1,\)\. Give one number for each of the 24",
        ),
        ({"sample_weight": COUNTS - 1}, ValueError, r"sample_weight\[0\] is -1\. A sample counts"),
        ({"sample_weight": 0 * COUNTS}, ValueError, "every sample has the weight 0"),
        ({"sample_weight": [np.nan] * 24}, ValueError, r"sample_weight\[0\] is nan"),
        ({"sample_weight": ["a"] * 24}, TypeError, "sample_weight holds texts"),
        ({"class_weight": "even"}, TypeError, 'is "balanced" or a dict'),
        (
            {"class_weight": {0: 1.0, 2: 1.0}},
            ValueError,
            r"names 2, which is no class of y, and no",
        ),
        ({"class_weight": {0: -1.0}}, ValueError, "of class 0, takes 0 or a positive number"),
        ({"class_weight": {"a": 1.0}}, TypeError, r"names classes as y does, by numbers"),
        (
            {"class_weight": "balanced", "validation": (X, Y + 1)},
            ValueError,
            "no weight is known of class 2",
        ),
        (
            {"sample_weight": COUNTS, "metrics": lambda outputs, targets: 0.0},
            TypeError,
            "unexpected keyword argument 'sample_weight'",
        ),
        (
            {"validation": (X, Y, COUNTS), "metrics": lambda outputs, targets: 0.0},
            TypeError,
            "unexpected keyword argument 'sample_weight'",
        ),
    ],
)
def test_weights_that_make_no_sense_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    model = network()
    before = data_vector(model.parameters())
    with pytest.raises(error, match=message):
        trained(X, Y, model=model, **options)
    assert np.array_equal(data_vector(model.parameters()), before)


def test_the_weight_of_a_class_needs_classes() -> None:
    for targets in (X[:, 0], X):
        with pytest.raises(ValueError, match="takes targets that are classes"):
            trained(X, targets, model=network(targets.ndim), class_weight="balanced")


# Several outputs


class Pair(NamedTuple):
    mean: Any
    spread: Any


class Several(Module):
    """A model whose outputs are put together as one says."""

    def __init__(self, made: Callable) -> None:
        self.inner, self.made = network(3), made

    def forward(self, x: Any) -> Any:
        return self.made(*self.inner(x))


FORMS: dict[str, tuple[Callable, Callable]] = {
    "dict": (lambda a, b, c: {"mean": a, "rest": [b, c]}, lambda o: (o["mean"], *o["rest"])),
    "tuple": (lambda a, b, c: (a, [b, c]), lambda o: (o[0], *o[1])),
    "record": (lambda a, b, c: Pair(a, {"b": b, "c": c}), lambda o: (o.mean, *o.spread.values())),
}


def columns(outputs: Any) -> Any:
    """All of them, in the order of the model, side by side."""
    if isinstance(outputs, np.ndarray):
        return outputs
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    return np.column_stack([columns(part) for part in parts])


@BOTH
@pytest.mark.parametrize("form", FORMS)
def test_outputs_in_a_dict_or_a_tuple_train_as_those_in_a_list(form: str, compiled: bool) -> None:
    made, apart = FORMS[form]
    targets = np.stack([Y, X[:, 0], X[:, 1]], axis=1)

    def loss(output: Any, target: Any) -> Value:
        return mse(list(apart(output)), target)

    def rest(outputs: Any, targets: Any) -> float:
        return mean_squared_error(columns(outputs), targets)

    options = {"compiled": compiled, "validation": 0.25, "batch_size": 8}
    one = trained(X, targets, loss, model=Several(made), metrics=rest, **options)

    def in_a_list(outputs: Any, targets: Any) -> float:
        return mean_squared_error(outputs, targets)

    in_a_list.__name__ = "rest"
    other = trained(X, targets, mse, model=network(3), metrics=in_a_list, **options)
    assert_alike(one, other, 1e-12)
    assert not one[1].notes or "without compiled" not in one[1].notes[0]


@BOTH
@pytest.mark.parametrize("form", FORMS)
def test_predictions_have_the_form_of_the_outputs(form: str, compiled: bool) -> None:
    model = Several(FORMS[form][0])
    found = predict(model, X, compiled=compiled)
    expected = predict(model.inner, X)
    assert type(found) is type(model(X[0]))
    np.testing.assert_allclose(columns(found), expected, rtol=1e-12)
    if form == "dict":
        assert [part.shape for part in found.values()] == [(24,), (24, 2)]


@BOTH
def test_a_form_that_differs_from_sample_to_sample_is_refused(compiled: bool) -> None:
    class Odd(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def forward(self, x: Any) -> Any:
            a, b = self.w * x[0], self.w * x[1]
            return {"a": a, "b": [b, b]} if x[0] > 0.5 else {"a": [a, a], "b": b}

    with pytest.raises(ValueError, match="outputs of different forms for different samples"):
        predict(Odd(), X, compiled=compiled)


@BOTH
def test_parts_of_a_dict_may_come_in_another_order_for_some_samples(compiled: bool) -> None:
    class Branching(Module):
        def __init__(self) -> None:
            self.w = Value(2.0)

        def forward(self, x: Any) -> Any:
            parts = {"first": self.w * x[0], "second": self.w * x[1]}
            return x[0], parts if x[0] > 0.5 else dict(reversed(parts.items()))

    assert 0 < (X[:, 0] > 0.5).sum() < len(X)
    _, found = predict(Branching(), X, compiled=compiled)
    np.testing.assert_array_equal(found["first"], 2.0 * X[:, 0])
    np.testing.assert_array_equal(found["second"], 2.0 * X[:, 1])

    def second(outputs: Any, targets: Any) -> float:
        return mean_squared_error(outputs[1]["second"], targets)

    def loss(output: Any, target: Any) -> Value:
        return mse(output[1]["second"], target)

    options = {"epochs": 1, "metrics": second, "validation": (X, Y), "compiled": compiled}
    history = fit(Branching(), loss, X, Y, **options)
    assert history["second"] == pytest.approx(history["validation_loss"], rel=1e-12)


@BOTH
def test_an_output_in_an_array_without_axes_is_one_number(compiled: bool) -> None:
    model = Several(lambda a, b, c: np.array(a))
    expected = predict(model.inner, X)[:, 0]
    np.testing.assert_allclose(predict(model, X, compiled=compiled), expected, rtol=1e-12)


def test_a_list_of_dicts_is_refused() -> None:
    with pytest.raises(TypeError, match="a list of dicts"):
        predict(Several(lambda a, b, c: [{"a": a}, {"b": b}]), X)


@BOTH
def test_a_regression_of_several_targets_is_several_regressions(compiled: bool) -> None:
    """A model without hidden units learns each column as if it were alone."""

    def linear(outputs: int) -> MLP:
        return MLP(2, [outputs], output_activation="linear", init="zeros")

    def total(output: Any, target: Any) -> Value:
        return mae(output, target, reduction="sum")

    options = {"compiled": compiled, "batch_size": 8}
    together, _ = trained(X, X * [1.0, 2.0], total, model=linear(2), **options)
    alone = [trained(X, X[:, i] * (1 + i), mae, model=linear(1), **options)[0] for i in (0, 1)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-12)


def test_outputs_in_a_dict_with_weights_and_a_checkpoint(tmp_path: Path) -> None:
    def loss(output: Any, target: Any) -> Value:
        return mse(output["mean"], target[0]) + mse(output["rest"], target[1:])

    targets = np.stack([Y, X[:, 0], X[:, 1]], axis=1)
    options = {"sample_weight": COUNTS, "checkpoint": tmp_path / "run.json"}
    for epochs in (2, 5):
        model = Several(FORMS["dict"][0])
        parts = trained(X, targets, loss, model=model, epochs=epochs, **options)
    del options["checkpoint"]
    whole = trained(X, targets, loss, model=Several(FORMS["dict"][0]), **options)
    assert np.array_equal(whole[0], parts[0])


@BOTH
@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e305])
def test_weights_count_by_their_ratio_however_small_or_large_they_are(
    size: float, compiled: bool
) -> None:
    counts = np.array([1.0, 2.0, 4.0] * 8)
    options = {"batch_size": 4, "accumulate": 2, "compiled": compiled, "metrics": "r2"}
    found = trained(X, Y, sample_weight=counts * size, **options)
    assert_alike(found, trained(X, Y, sample_weight=counts, **options), rtol=1e-9)


@BOTH
def test_a_batch_of_one_light_sample_is_a_batch_like_others(compiled: bool) -> None:
    options = {"batch_size": 1, "shuffle": False, "epochs": 1, "compiled": compiled}
    weights = np.array([1e-310, *[1.0] * 23])
    found, plain = trained(X, Y, sample_weight=weights, **options), trained(X, Y, **options)
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-12)


def test_weights_whose_sum_is_no_float_are_refused() -> None:
    with pytest.raises(ValueError, match="the weights add up to more than any float"):
        trained(X, Y, sample_weight=np.full(24, 1e308))


@pytest.mark.parametrize("options", [{}, {"sample_weight": COUNTS}])
def test_a_metric_cannot_change_the_samples(options: dict[str, Any]) -> None:
    def greedy(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
        targets[0] = 7.0
        return 0.0

    with pytest.raises(ValueError, match=r"^The metric greedy writes"):
        trained(X, Y, validation=0.25, metrics=greedy, **options)


@pytest.mark.parametrize("options", [{}, {"sample_weight": COUNTS}])
@pytest.mark.parametrize("form", ["array", *FORMS])
def test_a_metric_cannot_change_the_outputs_that_others_read(
    form: str, options: dict[str, Any]
) -> None:
    made, apart = FORMS.get(form, (lambda *outputs: list(outputs), list))

    def greedy(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
        first = outputs if form == "array" else apart(outputs)[0]
        first[first < 0.0] = 0.0
        return 0.0

    def last(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
        return float(columns(outputs).sum())

    loss = lambda output, target: mse(list(apart(output)), [target] * 3)
    options = {"model": Several(made), "metrics": [greedy, last], **options}
    with pytest.raises(ValueError, match=r"^The metric greedy writes") as caught:
        trained(X, Y, loss, **options)
    assert_is_sentence(str(caught.value))
