"""Networks as estimators of scikit-learn: its own checks, and what they do with it."""

import numpy as np
import pytest

from glassgrad import MLP, NetworkClassifier, NetworkRegressor, blobs, linear_regression, two_moons

pytestmark = pytest.mark.needs("sklearn")


@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
def test_the_checks_of_scikit_learn(kind: type) -> None:
    from sklearn.utils.estimator_checks import check_estimator

    found = check_estimator(kind((8,), epochs=12, learning_rate=0.1, random_state=0), on_skip=None)
    statuses = [each["status"] for each in found]
    assert set(statuses) <= {"passed", "skipped"}
    assert statuses.count("passed") >= 50


def test_classes_of_any_kind_come_back() -> None:
    X, y = blobs(90, classes=3, spread=0.3)
    names = np.array(["ant", "bee", "cat"])[y]
    model = NetworkClassifier(random_state=0, epochs=50).fit(X, names)
    assert model.score(X, names) > 0.95
    shares = model.predict_proba(X)
    assert shares.shape == (90, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (model.classes_[shares.argmax(axis=1)] == model.predict(X)).all()


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

    X, y = linear_regression(60)
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
