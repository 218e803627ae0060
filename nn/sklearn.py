"""Networks as estimators of scikit-learn, for its pipelines, searches and cross-validation.

    pip install "glassgrad[sklearn]"

They are an `MLP` trained by `fit`, and no more: the model is the attribute `model_`, which can be
drawn and stepped through, and its `History` is `history_`. They are loaded when asked for, since
scikit-learn is imported here. The protocol is that of scikit-learn's "Developing estimators", and
its own `check_estimator` runs in `tests/test_estimators.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from glassgrad.engine.arrays import check_unmasked
from glassgrad.nn.batches import predict, relative, size_of
from glassgrad.nn.dense import MLP
from glassgrad.nn.fit import fit
from glassgrad.nn.losses import binary_cross_entropy_with_logits, cross_entropy, mse
from glassgrad.nn.optimisers import AdamW

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
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

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(eq=False, repr=False)
class _Network:
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

    _TARGETS: ClassVar[dict[str, bool]] = {}
    """What scikit-learn is told of targets, to check them."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples of shape (n, features) and their targets: n classes of any kind; for a
        regression n numbers, or (n, targets) of them.
        """
        return self._learn(X, y, sample_weight)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of samples whose class is right; of a regression R², of several its mean."""
        self._check_unmasked(y=y, sample_weight=sample_weight)
        return float(super().score(X, y, sample_weight))  # type: ignore[misc]

    def _task(self, y: Any, weights: Any, is_new: bool, part: Any) -> tuple[Any, int, Any, Any]:
        """Targets as numbers, how many outputs tell them, the loss, and the weights of classes.

        `part` has the classes that were named, if this is a `partial_fit`; else it is None.
        """
        raise NotImplementedError

    def _learn(self, X: Any, y: Any, weights: Any, part: tuple[Any] | None = None) -> Self:
        """Train; or leave the estimator as it was, classes and all, and raise an error."""
        before = dict(vars(self))
        try:
            self._train(X, y, weights, part)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _train(self, X: Any, y: Any, weights: Any, part: tuple[Any] | None) -> None:
        self._check_unmasked(X=X, y=y, sample_weight=weights, classes=part)
        is_new = not (hasattr(self, "model_") and (part or self.warm_start))
        X, y = validate_data(self, X, y, dtype=np.float64, reset=is_new, **self._TARGETS)
        if weights is not None:
            weights = _check_sample_weight(weights, X, dtype=np.float64)
        targets, outputs, loss, by_class = self._task(y, weights, is_new, part)
        sizes = [X.shape[1], *np.ravel(self.hidden).tolist(), outputs]
        if is_new:
            self._begin(sizes)
        elif self._built != (sizes, self.activation):
            raise ValueError(
                f"{type(self).__name__} goes on with a network of the sizes {self._built[0]} and "
                f"the activation {self._built[1]!r}, not of {sizes} and {self.activation!r}. Fit "
                "anew with warm_start=False."
            )
        self._optimiser.learning_rate = self.learning_rate
        self._optimiser.groups[0].weight_decay = self.weight_decay
        self.history_ = fit(
            self.model_,
            loss,
            X,
            targets,
            optimiser=self._optimiser,
            epochs=1 if part else self.epochs,
            batch_size=self.batch_size,
            seed=self._seed + self.n_iter_,  # another order in every call
            validation=None if part else self.validation,
            patience=None if part else self.patience,
            health=False,
            sample_weight=weights,
            class_weight=by_class,
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
        self._optimiser = AdamW(self.model_.parameters(), weight_decay=self.weight_decay)

    def _check_unmasked(self, **given: Any) -> None:
        """Refuse what scikit-learn takes without a word, with the numbers behind the masks."""
        for name, data in given.items():
            for each in (data, *data) if isinstance(data, (list, tuple)) else (data,):
                check_unmasked(each, f"{type(self).__name__}: {name}")

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        self._check_unmasked(X=X)
        return predict(self.model_, validate_data(self, X, reset=False, dtype=np.float64))


@dataclass(eq=False, repr=False)
class NetworkClassifier(_Network, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
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

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go on by one epoch over these samples, from where the last call ended.

        The first call needs all the classes that there are.
        """
        return self._learn(X, y, sample_weight, (classes,))

    def _task(self, y: Any, weights: Any, is_new: bool, part: Any) -> tuple[Any, int, Any, Any]:
        check_classification_targets(y)
        by_class = self.class_weight
        if part:
            _check_partial_fit_first_call(self, *part)
            if isinstance(by_class, str):
                raise ValueError(
                    f"partial_fit does not see all samples, so class_weight={by_class!r} cannot be "
                    "known. Give a dict, as compute_class_weight makes one."
                )
        elif is_new:
            self.classes_: Any = np.unique(y)
        elif not np.array_equal(classes := np.unique(y), self.classes_):
            raise ValueError(
                f"NetworkClassifier(warm_start=True) goes on with the classes {self.classes_}, and "
                f"y has {classes}. Use partial_fit for samples of some classes."
            )
        count = len(self.classes_)
        if count < 2:
            raise ValueError(
                "NetworkClassifier needs samples of at least two classes, not of one class."
            )
        if not np.isin(y, self.classes_).all():
            raise ValueError(
                f"NetworkClassifier goes on with the classes {self.classes_}, and y has others."
            )
        if isinstance(by_class, Mapping):
            shares = compute_class_weight(dict(by_class), classes=self.classes_, y=self.classes_)
            by_class = dict(enumerate(shares.tolist()))
        loss = binary_cross_entropy_with_logits if count == 2 else cross_entropy
        return np.searchsorted(self.classes_, y), 1 if count == 2 else count, loss, by_class

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


class NetworkRegressor(_Network, RegressorMixin, BaseEstimator):  # type: ignore[misc]
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

    _TARGETS = {"y_numeric": True, "multi_output": True}  # noqa: RUF012

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on by one epoch over these samples, from where the last call ended."""
        return self._learn(X, y, sample_weight, (None,))

    def _task(self, y: Any, weights: Any, is_new: bool, part: Any) -> tuple[Any, int, Any, Any]:
        y = np.asarray(y, np.float64)
        if is_new:
            self.mean_, self.scale_ = _spread(y, weights)
        elif y.shape[1:] != np.shape(self.mean_):
            raise ValueError(
                f"NetworkRegressor goes on with targets of shape {np.shape(self.mean_)}, and y has "
                f"some of shape {y.shape[1:]}."
            )
        with np.errstate(over="ignore"):  # what is not finite is refused
            return (y - self.mean_) / self.scale_, int(np.prod(y.shape[1:])), mse, None

    def predict(self, X: Any) -> Any:
        """The number, or the numbers, for each sample."""
        outputs = self._outputs(X)
        return outputs.reshape(len(outputs), *np.shape(self.mean_)) * self.scale_ + self.mean_


def _spread(y: Any, weights: Any) -> tuple[Any, Any]:
    """The mean of targets and their standard deviation, 1 where they are all equal."""
    is_sound = weights is not None and (weights >= 0.0).all() and weights.any()
    shares = relative(weights) if is_sound else None  # `fit` refuses what is not
    size = size_of(y)
    mean = np.average(y / size, axis=0, weights=shares)
    centred = y / size - mean
    largest = np.abs(centred).max(axis=0)
    largest = np.where(largest > 0.0, largest, 1.0)  # squares of shares keep in range
    scale = np.sqrt(np.average((centred / largest) ** 2, axis=0, weights=shares))
    return mean * size, np.where(scale > 0.0, scale * largest * size, 1.0)
