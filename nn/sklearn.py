"""Networks as estimators of scikit-learn, for its pipelines, searches and cross-validation.

    pip install "glassgrad[sklearn]"

They are an `MLP` trained by `fit`, and no more: the model is the attribute `model_`, which can be
drawn and stepped through, and its `History` is `history_`. They are loaded when asked for, since
scikit-learn is imported here. The protocol is that of scikit-learn's "Developing estimators", and
its own `check_estimator` runs in `tests/test_estimators.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from glassgrad.engine.arrays import check_unmasked
from glassgrad.nn.dense import MLP
from glassgrad.nn.fit import fit
from glassgrad.nn.losses import binary_cross_entropy_with_logits, cross_entropy, mse
from glassgrad.nn.optimisers import AdamW
from glassgrad.nn.samples import predict, relative, size_of

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        _check_sample_weight,
        check_is_fitted,
        check_random_state,
        validate_data,
    )
except ImportError as error:
    raise ImportError(
        "NetworkClassifier and NetworkRegressor need scikit-learn 1.6 or newer: "
        'pip install "glassgrad[sklearn]".'
    ) from error


M = TypeVar("M", bound=Callable[..., Any])


def _all_or_nothing(method: M) -> M:
    """A method that leaves the estimator as it was, classes and all, where it raises an error."""

    @wraps(method)
    def trains(self: Any, *arguments: Any, **options: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *arguments, **options)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return trains  # type: ignore[return-value]


@dataclass(eq=False, repr=False)
class _Network(BaseEstimator):  # type: ignore[misc]  # scikit-learn says no types
    """What both have in common: an MLP between inputs and outputs."""

    hidden: Sequence[int] = (32,)
    _: KW_ONLY
    activation: str = "relu"
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    epochs: int = 100
    batch_size: int = 32
    validation: float | None = None
    patience: int | None = None
    warm_start: bool = False
    random_state: Any = None

    def _is_new(self, is_partial: bool) -> bool:
        return not (hasattr(self, "model_") and (is_partial or self.warm_start))

    def _check_unmasked(self, **given: Any) -> None:
        """Refuse what scikit-learn takes without a word, with the numbers behind the masks."""
        for name, data in given.items():
            for each in (data, *data) if isinstance(data, (list, tuple)) else (data,):
                check_unmasked(each, f"{type(self).__name__}: {name}")

    def _weights(self, X: Any, sample_weight: Any) -> Any:
        if sample_weight is None:
            return None
        return _check_sample_weight(sample_weight, X, dtype=np.float64)

    def _train(
        self, X: Any, y: Any, outputs: int, loss: Any, *, is_partial: bool, **options: Any
    ) -> None:
        sizes = [X.shape[1], *np.ravel(self.hidden).tolist(), outputs]
        if self._is_new(is_partial):
            self._begin(sizes)
        elif self._built != (sizes, self.activation):
            raise ValueError(
                f"{type(self).__name__} goes on with a network of the sizes {self._built[0]} and "
                f"the activation {self._built[1]!r}, not of {sizes} and {self.activation!r}. Fit "
                "anew with warm_start=False."
            )
        optimiser = self._optimiser
        optimiser.learning_rate = self.learning_rate
        optimiser.groups[0].weight_decay = self.weight_decay
        self.history_ = fit(
            self.model_,
            loss,
            X,
            y,
            optimiser=optimiser,
            epochs=1 if is_partial else self.epochs,
            batch_size=self.batch_size,
            seed=self._seed + self.n_iter_,  # another order in every call
            validation=None if is_partial else self.validation,
            patience=None if is_partial else self.patience,
            health=False,
            **options,
        )
        self.n_iter_ += self.history_.epochs

    def _begin(self, sizes: list[int]) -> None:
        self._seed = int(check_random_state(self.random_state).randint(2**31))
        self._built, self.n_iter_ = (sizes, self.activation), 0
        self.model_ = MLP(
            sizes[0],
            sizes[1:],
            activation=self.activation,
            output_activation="linear",
            init="he" if self.activation == "relu" else "xavier",
            seed=self._seed,
        )
        self._optimiser = AdamW(
            self.model_.parameters(), self.learning_rate, weight_decay=self.weight_decay
        )

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        self._check_unmasked(X=X)
        return predict(self.model_, validate_data(self, X, reset=False, dtype=np.float64))


@dataclass(eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """An MLP that tells classes apart, with scikit-learn's interface.

    Two classes share one output, a logit; more have one each, under a softmax. Inputs of very
    different sizes should be scaled before, for example by a `StandardScaler`.

    Args:
        hidden: the number of neurons of each hidden layer, or of the only one.
        activation: of hidden neurons, a name from `ACTIVATIONS`.
        learning_rate, weight_decay: of AdamW.
        epochs: how often each sample is used.
        batch_size: samples in a step.
        validation: the share of samples to hold out; the best parameters on them are kept.
        patience: stop after so many epochs without a smaller loss.
        warm_start: whether `fit` goes on with the model and the optimiser of the last call.
        random_state: a whole number, a `numpy.random.RandomState`, or None.
        class_weight: how many samples one of a class counts as, a dict; or "balanced".

    Attributes:
        model_: the trained `MLP`.
        history_: the `History` of the last call.
        classes_: the classes, in the order of the columns of `predict_proba`.
        n_iter_: how many epochs there were.

    >>> from glassgrad import NetworkClassifier, two_moons
    >>> X, y = two_moons()
    >>> NetworkClassifier((16, 16), random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    class_weight: Mapping[Any, float] | str | None = field(default=None, kw_only=True)

    @_all_or_nothing
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkClassifier:
        """Train on n samples of shape (n, features) and their classes, of any kind."""
        self._check_unmasked(X=X, y=y, sample_weight=sample_weight)
        X, y = validate_data(self, X, y, dtype=np.float64, reset=self._is_new(False))
        check_classification_targets(y)
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(
                "NetworkClassifier needs samples of at least two classes, and all are of one class."
            )
        if not self._is_new(False) and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"NetworkClassifier(warm_start=True) goes on with the classes {self.classes_}, and "
                f"y has {classes}. Use partial_fit for samples of some classes."
            )
        self.classes_: Any = classes
        return self._learn(X, y, sample_weight, is_partial=False)

    @_all_or_nothing
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> NetworkClassifier:
        """Go on by one epoch over these samples, from where the last call ended.

        The first call needs all the classes that there are.
        """
        self._check_unmasked(X=X, y=y, classes=classes, sample_weight=sample_weight)
        is_first = not hasattr(self, "classes_")
        X, y = validate_data(self, X, y, dtype=np.float64, reset=is_first)
        check_classification_targets(y)
        known = None if classes is None else np.unique(classes)
        if is_first and (known is None or len(known) < 2):
            raise ValueError(
                "NetworkClassifier.partial_fit(classes=...) takes all classes, two or more, in the "
                "first call."
            )
        if not is_first and known is not None and not np.array_equal(known, self.classes_):
            raise ValueError(
                f"NetworkClassifier.partial_fit(classes=...): {known} are not the classes of the "
                f"first call, {self.classes_}."
            )
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"partial_fit does not see all samples, so class_weight={self.class_weight!r} "
                "cannot be known. Give a dict, as compute_class_weight makes one."
            )
        all_classes: Any = known if is_first else self.classes_
        if not np.isin(y, all_classes).all():
            raise ValueError(f"NetworkClassifier.partial_fit: y has others than {all_classes}.")
        self.classes_ = all_classes
        return self._learn(X, y, sample_weight, is_partial=True)

    def _learn(self, X: Any, y: Any, sample_weight: Any, *, is_partial: bool) -> NetworkClassifier:
        count, by_class = len(self.classes_), self.class_weight
        if isinstance(by_class, Mapping):
            weights = compute_class_weight(dict(by_class), classes=self.classes_, y=self.classes_)
            by_class = dict(enumerate(weights.tolist()))
        outputs, loss = (
            (1, binary_cross_entropy_with_logits) if count == 2 else (count, cross_entropy)
        )
        places, weights = np.searchsorted(self.classes_, y), self._weights(X, sample_weight)
        options = {"sample_weight": weights, "class_weight": by_class}
        self._train(X, places, outputs, loss, is_partial=is_partial, **options)
        return self

    def decision_function(self, X: Any) -> Any:
        """The logits: one number a sample for two classes, else one for each class."""
        return self._outputs(X)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, in the order of `classes_`."""
        logits = self._outputs(X)
        if logits.ndim == 1:
            logits = np.stack([np.zeros_like(logits), logits], axis=1)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> Any:
        """The most probable class of each sample."""
        logits = self._outputs(X)
        places = logits > 0.0 if logits.ndim == 1 else logits.argmax(axis=1)
        return self.classes_[places.astype(int)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of samples whose class is right."""
        self._check_unmasked(y=y, sample_weight=sample_weight)
        return float(super().score(X, y, sample_weight))


class NetworkRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """An MLP that predicts a number, or several, with scikit-learn's interface.

    It learns the squared error, on targets that are shifted and scaled to mean 0 and standard
    deviation 1 meanwhile, as those of the first call are. For its arguments see
    `NetworkClassifier`.

    Attributes:
        model_: the trained `MLP`, which predicts shifted and scaled targets.
        mean_, scale_: the mean of the targets, or of each of several, and their standard deviation.

    >>> from glassgrad import NetworkRegressor, sine
    >>> X, y = sine()
    >>> NetworkRegressor(activation="tanh", random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @_all_or_nothing
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkRegressor:
        """Train on samples of shape (n, features) and n numbers, or (n, targets) of them."""
        return self._learn(X, y, sample_weight, is_partial=False)

    @_all_or_nothing
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkRegressor:
        """Go on by one epoch over these samples, from where the last call ended."""
        return self._learn(X, y, sample_weight, is_partial=True)

    def _learn(self, X: Any, y: Any, sample_weight: Any, *, is_partial: bool) -> NetworkRegressor:
        self._check_unmasked(X=X, y=y, sample_weight=sample_weight)
        is_new = self._is_new(is_partial)
        X, y = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, multi_output=True, reset=is_new
        )
        y, weights = np.asarray(y, np.float64), self._weights(X, sample_weight)
        if is_new:
            is_sound = weights is not None and (weights >= 0.0).all() and weights.any()
            shares = relative(weights) if is_sound else None  # `fit` refuses what is not
            size = size_of(y)
            mean = np.average(y / size, axis=0, weights=shares)
            largest = np.abs(y / size - mean).max(axis=0)
            largest = np.where(largest > 0.0, largest, 1.0)  # squares of shares keep in range
            scale = np.sqrt(np.average(((y / size - mean) / largest) ** 2, axis=0, weights=shares))
            self.mean_ = mean * size
            self.scale_ = np.where(scale > 0.0, scale * largest * size, 1.0)
        elif y.shape[1:] != np.shape(self.mean_):
            raise ValueError(
                f"NetworkRegressor goes on with targets of shape {np.shape(self.mean_)}, and y has "
                f"some of shape {y.shape[1:]}."
            )
        with np.errstate(over="ignore"):  # what is not finite is refused
            scaled = (y - self.mean_) / self.scale_
        outputs = 1 if y.ndim == 1 else y.shape[1]
        self._train(X, scaled, outputs, mse, is_partial=is_partial, sample_weight=weights)
        return self

    def predict(self, X: Any) -> Any:
        """The number, or the numbers, for each sample."""
        outputs = self._outputs(X)
        return outputs.reshape(len(outputs), *np.shape(self.mean_)) * self.scale_ + self.mean_

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², of several targets its mean."""
        self._check_unmasked(y=y, sample_weight=sample_weight)
        return float(super().score(X, y, sample_weight))
