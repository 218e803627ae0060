"""Networks as estimators of scikit-learn: its own checks, and what they do with it."""

from collections.abc import Callable

import numpy as np
import pytest

from glassgrad import MLP, NetworkClassifier, NetworkRegressor, blobs, r2, two_moons

pytestmark = pytest.mark.needs("sklearn")


KINDS = pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])


@KINDS
def test_the_checks_of_scikit_learn(kind: type) -> None:
    from sklearn.utils.estimator_checks import check_estimator

    # One batch: only there is a weight of 2 the same as the sample twice.
    model = kind((8,), epochs=12, learning_rate=0.1, batch_size=128, random_state=0)
    found = check_estimator(model, on_skip=None)
    statuses = [each["status"] for each in found]
    assert set(statuses) <= {"passed", "skipped"}
    assert statuses.count("passed") >= 55
    names = {each["check_name"] for each in found if each["status"] == "passed"}
    assert "check_sample_weight_equivalence_on_dense_data" in names
    assert "check_class_weight_classifiers" in names or kind is NetworkRegressor


def test_two_classes_share_a_logit() -> None:
    X, y = two_moons()
    model = NetworkClassifier((16, 16), random_state=0).fit(X, y)
    assert model.decision_function(X).shape == (100,)
    np.testing.assert_allclose(
        model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-model.decision_function(X)))
    )
    assert isinstance(model.model_, MLP)
    assert model.history_.epochs == model.n_iter_ == 100


def test_in_a_pipeline_a_search_and_cross_validation() -> None:
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = np.random.default_rng(1).normal(size=(60, 1))
    y = 2.0 * X[:, 0] + 1.0
    steps = make_pipeline(StandardScaler(), NetworkRegressor((4,), epochs=30, random_state=0))
    assert cross_val_score(steps, X * 100.0, y, cv=3).mean() > 0.6
    search = GridSearchCV(steps, {"networkregressor__learning_rate": [1e-6, 0.03]}, cv=2)
    assert search.fit(X, y).best_params_ == {"networkregressor__learning_rate": 0.03}


def test_a_clone_with_the_same_seed_learns_the_same() -> None:
    from sklearn.base import clone

    X, y = two_moons(40)
    model = NetworkClassifier((4,), epochs=5, random_state=7).fit(X, y)
    assert (clone(model).fit(X, y).decision_function(X) == model.decision_function(X)).all()


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two classes"):
        NetworkClassifier().fit([[0.0], [1.0]], [1, 1])


def data(kind: type) -> tuple[np.ndarray, np.ndarray]:
    X, y = two_moons(40)
    return (X, y) if kind is NetworkClassifier else (X, X[:, 0] - 0.5 * X[:, 1])


def of_one_batch(kind: type, **options: object) -> object:
    given = {"batch_size": 200, "activation": "tanh", "random_state": 3, **options}
    return kind((5,), **given)


def scores(model: object, X: np.ndarray) -> np.ndarray:
    return getattr(model, "decision_function", model.predict)(X)


@KINDS
@pytest.mark.parametrize("way", ["partial_fit", "warm_start"])
def test_a_training_in_parts_is_the_whole_training(kind: type, way: str) -> None:
    X, y = data(kind)
    whole = of_one_batch(kind, epochs=6).fit(X, y)
    parts = of_one_batch(kind, epochs=2, warm_start=way == "warm_start")
    if way == "partial_fit":
        classes = {"classes": [0, 1]} if kind is NetworkClassifier else {}
        for _ in range(6):
            parts.partial_fit(X, y, **classes)
    else:
        for _ in range(3):
            model = parts.fit(X, y).model_
        assert parts.model_ is model
    assert parts.n_iter_ == whole.n_iter_ == 6
    np.testing.assert_allclose(scores(parts, X), scores(whole, X), rtol=1e-9, atol=1e-12)


def test_without_a_warm_start_a_training_begins_anew() -> None:
    X, y = two_moons(40)
    once = of_one_batch(NetworkClassifier, epochs=2).fit(X, y)
    twice = of_one_batch(NetworkClassifier, epochs=2).fit(X, 1 - y).fit(X, y)
    assert np.array_equal(scores(once, X), scores(twice, X))


def test_parts_may_have_some_of_the_classes_only() -> None:
    X, y = blobs(90, classes=3, spread=0.3)
    names = np.array(["ant", "bee", "cat"])[y]
    model = NetworkClassifier(random_state=0, batch_size=16, learning_rate=0.1)
    for _ in range(6):
        for name in ("cat", "ant", "bee"):
            model.partial_fit(X[names == name], names[names == name], classes=["bee", "ant", "cat"])
    model.partial_fit(X, names)
    assert model.score(X, names) > 0.9


def test_weights_of_classes_are_by_their_names() -> None:
    X, y = two_moons(60, noise=0.4)
    names = np.array(["no", "yes"])[y]
    rates = [
        np.mean(NetworkClassifier((4,), epochs=30, class_weight=w, random_state=0).fit(X, names)
                .predict(X) == "yes")
        for w in ({"yes": 0.01}, None, {"yes": 100.0})
    ]  # fmt: skip
    assert rates[0] < rates[1] < rates[2]
    few = np.r_[0:30, 30:36]
    balanced = of_one_batch(NetworkClassifier, epochs=5, class_weight="balanced")
    by_hand = of_one_batch(NetworkClassifier, epochs=5, class_weight={"no": 0.6, "yes": 3.0})
    balanced.fit(X[few], names[few])
    by_hand.fit(X[few], names[few])
    np.testing.assert_allclose(scores(balanced, X), scores(by_hand, X), rtol=1e-9)


def test_several_targets_are_predicted_at_once() -> None:
    X, _ = two_moons(60)
    targets = np.stack([X[:, 0], 100.0 * X[:, 1], np.full(60, 7.0)], axis=1)
    model = NetworkRegressor((16,), activation="tanh", random_state=0).fit(X, targets)
    assert model.predict(X).shape == (60, 3)
    for place in (0, 1):
        assert r2(model.predict(X)[:, place], targets[:, place]) > 0.9
    np.testing.assert_allclose(model.predict(X)[:, 2], 7.0, atol=0.2)
    np.testing.assert_allclose(model.mean_, targets.mean(axis=0))
    column = NetworkRegressor((4,), epochs=2, random_state=0).fit(X, targets[:, :1])
    row = NetworkRegressor((4,), epochs=2, random_state=0).fit(X, targets[:, 0])
    assert column.predict(X).shape == (60, 1)
    np.testing.assert_allclose(column.predict(X)[:, 0], row.predict(X), rtol=1e-12)


SLIPS = [
    (lambda m, X, y: m.partial_fit(X, y), "classes must be passed on the first call"),
    (
        lambda m, X, y: m.partial_fit(X, y, classes=[0, 2]),
        r"with the classes \[0 2\], and y has others",
    ),
    (
        lambda m, X, y: m.fit(X, y).partial_fit(X, y, classes=[0, 1, 2]),
        r"classes=\[0, 1, 2\]` is not the same as on last call",
    ),
    (
        lambda m, X, y: m.set_params(class_weight="balanced").partial_fit(X, y, classes=[0, 1]),
        "does not see all samples",
    ),
    (
        lambda m, X, y: m.set_params(warm_start=True).fit(X, y).fit(X, y + 1),
        r"goes on with the classes \[0 1\], and y has \[1 2\]\. Use partial_fit",
    ),
    (
        lambda m, X, y: m.set_params(warm_start=True).fit(X, y).fit(X, 0 * y),
        r"goes on with the classes \[0 1\], and y has \[0\]\. Use partial_fit",
    ),
    (
        lambda m, X, y: m.set_params(warm_start=True).fit(X, y).set_params(hidden=(3,)).fit(X, y),
        r"network of the sizes \[2, 4, 1\] .* not of \[2, 3, 1\]",
    ),
    (lambda m, X, y: m.fit(X, y, sample_weight=-np.ones(20)), r"sample_weight\[0\] is -1\."),
    (lambda m, X, y: m.set_params(class_weight={5: 1.0}).fit(X, y), "are not in class_weight"),
]


@pytest.mark.parametrize(("slip", "message"), SLIPS)
def test_what_makes_no_sense_is_refused(slip: Callable, message: str) -> None:
    model = NetworkClassifier((4,), epochs=1, random_state=0)
    with pytest.raises(ValueError, match=message):
        slip(model, *two_moons(20))


MASKED_CALLS = {
    "X": ["fit", "partial_fit", "predict", "score"],
    "y": ["fit", "partial_fit", "score"],
    "sample_weight": ["fit", "partial_fit", "score"],
}


@pytest.mark.parametrize("is_list", [False, True])
@pytest.mark.parametrize("name", MASKED_CALLS)
@KINDS
def test_masked_entries_are_refused_as_everywhere(kind: type, name: str, is_list: bool) -> None:
    X, y = two_moons(20)
    model = kind((4,), epochs=1, random_state=0).fit(X, y)
    given = {"X": X, "y": y, "sample_weight": np.ones(20)}
    masked = np.ma.masked_array(given[name], np.zeros(given[name].shape, bool))
    masked[3] = np.ma.masked
    given[name] = [*masked] if is_list else masked
    for method in MASKED_CALLS[name]:
        options = {"X": given["X"]} if method == "predict" else given
        with pytest.raises(TypeError, match=rf"{kind.__name__}: {name} has masked entries\. Leave"):
            getattr(model, method)(**options)


def test_a_regression_names_a_weight_below_zero() -> None:
    with pytest.raises(ValueError, match=r"sample_weight\[\d\] is -"):
        NetworkRegressor(epochs=1).fit([[0.0], [1.0]], [1.0, 2.0], sample_weight=[-1.0, 1.0])


def test_a_regression_goes_on_with_as_many_targets() -> None:
    X, _ = two_moons(20)
    model = NetworkRegressor((4,), epochs=1, random_state=0).fit(X, X)
    with pytest.raises(ValueError, match=r"targets of shape \(2,\), and y has some of shape \(\)"):
        model.partial_fit(X, X[:, 0])


REFUSALS: list[dict[str, object]] = [{"learning_rate": -1.0}, {"epochs": 0}, {"hidden": (0,)}]


@pytest.mark.parametrize("wrong", REFUSALS)
def test_a_training_that_is_refused_leaves_the_estimator_as_it_was(
    wrong: dict[str, object],
) -> None:
    X, y = two_moons(20)
    classifier = NetworkClassifier((4,), epochs=2, random_state=0).fit(X, np.array(["a", "b"])[y])
    regressor = NetworkRegressor((4,), epochs=2, random_state=0).fit(X, y)
    for model, targets in ((classifier, np.array(["c", "d"])[y]), (regressor, 1000.0 + y)):
        before = model.predict(X)
        with pytest.raises(ValueError, match=r"fit\(|learning_rate|MLP"):
            model.set_params(**wrong).fit(X[:, :1], targets)
        np.testing.assert_array_equal(model.predict(X), before)


def test_a_first_part_that_is_refused_settles_no_classes() -> None:
    X, y = two_moons(20)
    model = NetworkClassifier((4,), learning_rate=-1.0, random_state=0)
    with pytest.raises(ValueError, match="learning_rate"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    model.set_params(learning_rate=0.1).partial_fit(X, y, classes=[0, 1])
    assert model.classes_.tolist() == [0, 1]


def test_a_warm_start_keeps_its_features() -> None:
    X, y = two_moons(20)
    model = NetworkClassifier((4,), epochs=1, warm_start=True, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="X has 1 features"):
        model.fit(X[:, :1], y)
    assert model.predict(X).shape == (20,)


@pytest.mark.parametrize("size", [5e-324, 1e-200, 1e300, 1e308])
def test_targets_of_any_size_are_learned(size: float) -> None:
    X, y = two_moons(40)
    options = {"epochs": 20, "random_state": 0}
    y = 2.0 * y - 1.0
    found = NetworkRegressor((8,), **options).fit(X, y * size)
    plain = NetworkRegressor((8,), **options).fit(X, y)
    np.testing.assert_allclose(found.scale_, plain.scale_ * size, rtol=1e-12)
    np.testing.assert_allclose(found.predict(X), plain.predict(X) * size, rtol=1e-6)
