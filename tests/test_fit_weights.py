"""Samples that count more than others, and models with several outputs.

That they train alike compiled and eagerly, and in pieces, is among the laws of `fitting.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from fitting import Made, X, Y, assert_alike, numbers, small
from fitting import trained as trained_on_moons

from glassgrad import (
    MLP,
    SGD,
    History,
    Module,
    Value,
    binary_cross_entropy_with_logits,
    cross_entropy,
    fit,
    l2,
    mae,
    mean_squared_error,
    mse,
    predict,
)

COUNTS = np.array([0, 1, 2, 3] * 10)
EACH = np.repeat(np.arange(40), COUNTS)
CLASSES = (X[:, 0] > 1.0).astype(int)
TWICE = np.repeat(np.arange(40), 1 + CLASSES)
BOTH = pytest.mark.parametrize("compiled", [True, False])


def trained(**options: Any) -> tuple[Any, History]:
    """Of one batch, if nothing else is said, by SGD with momentum."""
    model = options.pop("model", None) or small()
    sgd = SGD(model.parameters(), 0.1, momentum=0.9)
    given = {"loss": mse, "batch_size": 200, "optimiser": sgd, **options}
    return trained_on_moons(model=model, **given)


# Weights

SHARE = float(CLASSES.mean())
BY_CLASS = {1: 0.5 / SHARE, 0: 0.5 / (1.0 - SHARE)}
BY_HAND = np.where(CLASSES == 1, BY_CLASS[1], BY_CLASS[0])
THREE = np.arange(40) % 3
LOGISTIC: dict[str, Any] = {"loss": binary_cross_entropy_with_logits, "y": CLASSES}
OF_CLASSES = {"loss": cross_entropy, "y": THREE}
PENALTY = {"penalty": lambda parameters: l2(parameters, 0.1)}
METRICS = {"metrics": ["accuracy", "mean_squared_error", "mean_absolute_error", "r2"]}
WEIGHED = {"sample_weight": COUNTS, "validation": (X, 1 - Y, COUNTS)}
REPEATED = {"X": X[EACH], "y": Y[EACH], "validation": (X[EACH], 1 - Y[EACH])}
IN_STEPS = {"sample_weight": COUNTS + 0.5, "shuffle": False, **PENALTY}
RATIO = {"batch_size": 4, "accumulate": 2, "metrics": "r2"}
FIRST = {"batch_size": 1, "shuffle": False, "epochs": 1}
ALIKE: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {
    "as many samples": (WEIGHED, REPEATED, 1e-12),
    "as many, with a penalty": ({**WEIGHED, **PENALTY}, {**REPEATED, **PENALTY}, 1e-12),
    "as many, in metrics": ({**WEIGHED, **METRICS}, {**REPEATED, **METRICS}, 1e-12),
    "batches of a step": (IN_STEPS, {**IN_STEPS, "batch_size": 8, "accumulate": 5}, 1e-11),
    "equal ones": ({"sample_weight": np.full(40, 7.0)}, {}, 1e-12),
    "of classes, by their names": (
        {**LOGISTIC, "class_weight": BY_CLASS, "metrics": "accuracy"},
        {**LOGISTIC, "sample_weight": BY_HAND, "metrics": "accuracy"}, 1e-12,
    ),
    "balanced": (
        {**LOGISTIC, "class_weight": "balanced"}, {**LOGISTIC, "sample_weight": BY_HAND}, 1e-12,
    ),
    "of classes and of samples": (
        {**LOGISTIC, "class_weight": BY_CLASS, "sample_weight": COUNTS},
        {**LOGISTIC, "sample_weight": COUNTS * BY_HAND}, 1e-12,
    ),
    "balanced, of weighed samples": (
        {**LOGISTIC, "class_weight": "balanced", "sample_weight": 1 + CLASSES,
         "validation": (X, CLASSES, 1 + CLASSES)},
        {**LOGISTIC, "class_weight": "balanced", "X": X[TWICE], "y": CLASSES[TWICE],
         "validation": (X[TWICE], CLASSES[TWICE])}, 1e-12,
    ),
    "1 of classes that are not named": (
        {**OF_CLASSES, "class_weight": {2: 3.0}},
        {**OF_CLASSES, "sample_weight": np.where(THREE == 2, 3.0, 1.0)}, 1e-12,
    ),
    "a light first sample": (
        {**FIRST, "sample_weight": np.array([1e-310, *[1.0] * 39])}, FIRST, 1e-12,
    ),
    **{
        f"ratios, however small or large: {size}": (
            {**RATIO, "sample_weight": np.array([1.0, 2.0, 4.0, 3.0] * 10) * size},
            {**RATIO, "sample_weight": np.array([1.0, 2.0, 4.0, 3.0] * 10)}, 1e-9,
        )
        for size in (5e-324, 1e-310, 1e305)
    },
}  # fmt: skip
"""Trainings with weights, and what they are the same as."""


@BOTH
@pytest.mark.parametrize("name", ALIKE)
def test_weights_are_the_same_as(name: str, compiled: bool) -> None:
    one, other, rtol = ALIKE[name]
    outputs = 3 if OF_CLASSES.items() <= one.items() else 1
    results = [
        trained(**each, model=small(outputs=outputs), compiled=compiled) for each in (one, other)
    ]
    if name != "a light first sample":
        assert_alike(*results, rtol)
    np.testing.assert_allclose(*(numbers(model) for model, _ in results), rtol=rtol)


@pytest.mark.needs("sklearn")
def test_metrics_of_scikit_learn_are_given_the_weights() -> None:
    from sklearn.metrics import mean_squared_error as theirs

    def median(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
        return float(theirs(targets, outputs, sample_weight=sample_weight))

    _, history = trained(sample_weight=COUNTS, metrics=[median, "mean_squared_error"])
    np.testing.assert_allclose(history["median"], history["mean_squared_error"], rtol=1e-12)


NO_WEIGHT = "unexpected keyword argument 'sample_weight'"
UNWEIGHED = {"metrics": lambda outputs, targets: 0.0}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"sample_weight": [1.0]},
            ValueError,
            r"each of the 40 .* are of shape \(1,\), from",
        ),
        (
            {"sample_weight": COUNTS - 1},
            ValueError,
            r"weight\[\d\] is -1\. .* give 0 to leave",
        ),
        ({"sample_weight": 0 * COUNTS}, ValueError, "a sum above 0 .*, from 0 to 0"),
        ({"sample_weight": [np.nan] * 40}, ValueError, r"sample_weight\[0\] is nan"),
        ({"sample_weight": ["a"] * 40}, TypeError, "sample_weight holds texts"),
        ({"sample_weight": np.full(40, 1e308)}, ValueError, "that is finite.* to 1e"),
        ({"class_weight": {0: 0.0, 1: 0.0}}, ValueError, "a sum above 0 .*, from 0 to 0"),
        ({"class_weight": "even"}, TypeError, 'is "balanced" or a dict'),
        ({"class_weight": {0: 1.0, 2: 1.0}}, ValueError, r"names 2, which is no class of y, and n"),
        ({"class_weight": {0: -1.0}}, ValueError, "of class 0, takes 0 or a positive number"),
        (
            {"class_weight": {"a": 1.0}},
            TypeError,
            "names classes as y does, and takes a real number",
        ),
        ({"class_weight": "balanced", "validation": (X, Y + 1)}, ValueError, "is known of class 2"),
        *(
            ({"class_weight": "balanced", "y": y}, ValueError, "takes targets that are classes")
            for y in (X[:, 0], X)
        ),
        ({"sample_weight": COUNTS, **UNWEIGHED}, TypeError, NO_WEIGHT),
        ({"validation": (X, Y, COUNTS), **UNWEIGHED}, TypeError, NO_WEIGHT),
    ],
)
def test_weights_that_make_no_sense_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    model = small(outputs=np.ndim(options.get("y", Y)))
    before = numbers(model)
    with pytest.raises(error, match=message):
        trained(model=model, **options)
    assert np.array_equal(numbers(model), before)


# Several outputs


class Pair(NamedTuple):
    mean: Any
    spread: Any


@dataclass
class Fields:
    mean: Any
    rest: Any


def several(made: Callable) -> Module:
    """A model whose three outputs are put together as one says."""
    return Made(lambda m, x: made(*m.inner(x)), inner=small(outputs=3))


FORMS: dict[str, tuple[Callable, Callable]] = {
    "dict": (lambda a, b, c: {"mean": a, "rest": [b, c]}, lambda o: (o["mean"], *o["rest"])),
    "tuple": (lambda a, b, c: (a, [b, c]), lambda o: (o[0], *o[1])),
    "named": (lambda a, b, c: Pair(a, {"b": b, "c": c}), lambda o: (o.mean, *o.spread.values())),
    "record": (lambda a, b, c: Fields(a, [b, c]), lambda o: (o.mean, *o.rest)),
}


def columns(outputs: Any) -> Any:
    """All of them, in the order of the model, side by side."""
    if isinstance(outputs, np.ndarray):
        return outputs
    outputs = vars(outputs) if isinstance(outputs, Fields) else outputs
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    return np.column_stack([columns(part) for part in parts])


@BOTH
@pytest.mark.parametrize("form", FORMS)
def test_outputs_in_any_form_train_and_predict_as_those_in_a_list(
    form: str, compiled: bool
) -> None:
    made, apart = FORMS[form]
    targets = np.stack([Y, X[:, 0], X[:, 1]], axis=1)

    def error(outputs: Any, targets: Any) -> float:
        return mean_squared_error(columns(outputs), targets)

    options = {"compiled": compiled, "validation": 0.25, "batch_size": 8, "metrics": error}
    of_parts = lambda output, target: mse(list(apart(output)), target)
    one = trained(y=targets, loss=of_parts, model=several(made), **options)
    assert_alike(one, trained(y=targets, model=small(outputs=3), **options), 1e-12)
    assert not one[1].notes or "without compiled" not in one[1].notes[0]
    found = predict(one[0], X, compiled=compiled)
    assert type(found) is type(one[0](X[0]))
    np.testing.assert_allclose(columns(found), predict(one[0].inner, X), rtol=1e-12)
    if form == "dict":
        assert [part.shape for part in found.values()] == [(40,), (40, 2)]


@BOTH
def test_a_form_that_differs_from_sample_to_sample_is_refused(compiled: bool) -> None:
    def compute(model: Any, x: Any) -> dict[str, Any]:
        a, b = model.w * x[0], model.w * x[1]
        return {"a": a, "b": [b, b]} if x[0] > 0.5 else {"a": [a, a], "b": b}

    with pytest.raises(ValueError, match="outputs of different forms for different samples"):
        predict(Made(compute, w=Value(1.0)), X, compiled=compiled)


@BOTH
def test_parts_of_a_dict_may_come_in_another_order_for_some_samples(compiled: bool) -> None:
    def compute(model: Any, x: Any) -> Any:
        parts = {"first": model.w * x[0], "second": model.w * x[1]}
        return x[0], parts if x[0] > 0.5 else dict(reversed(parts.items()))

    assert 0 < (X[:, 0] > 0.5).sum() < len(X)
    _, found = predict(Made(compute, w=Value(2.0)), X, compiled=compiled)
    np.testing.assert_array_equal(found["first"], 2.0 * X[:, 0])
    np.testing.assert_array_equal(found["second"], 2.0 * X[:, 1])

    def second(outputs: Any, targets: Any) -> float:
        return mean_squared_error(outputs[1]["second"], targets)

    def loss(output: Any, target: Any) -> Value:
        return mse(output[1]["second"], target)

    options = {"epochs": 1, "metrics": second, "validation": (X, Y), "compiled": compiled}
    history = fit(Made(compute, w=Value(2.0)), loss, X, Y, **options)
    assert history["second"] == pytest.approx(history["validation_loss"], rel=1e-12)


@BOTH
def test_an_output_in_an_array_without_axes_is_one_number(compiled: bool) -> None:
    model = several(lambda a, b, c: np.array(a))
    expected = predict(model.inner, X)[:, 0]
    np.testing.assert_allclose(predict(model, X, compiled=compiled), expected, rtol=1e-12)


def test_a_list_of_dicts_is_refused() -> None:
    with pytest.raises(ValueError, match="lists of different lengths, or of dicts"):
        predict(several(lambda a, b, c: [{"a": a}, {"b": b}]), X)


def test_a_regression_of_several_targets_is_several_regressions() -> None:
    """A model without hidden units learns each column as if it were alone."""

    def learnt(targets: Any, loss: Callable) -> Any:
        end = {"output_activation": "linear", "init": "zeros"}
        model = MLP(2, [targets.ndim], **end)
        return numbers(trained(y=targets, model=model, loss=loss, batch_size=8)[0])

    total = lambda output, target: mae(output, target, reduction="sum")
    alone = [learnt(X[:, i] * (1 + i), mae) for i in (0, 1)]
    np.testing.assert_allclose(learnt(X * [1, 2], total), np.concatenate(alone), rtol=1e-12)
