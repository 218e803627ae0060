"""Networks as estimators of scikit-learn, for its pipelines, searches and cross-validation.

    pip install "glassgrad[sklearn]"

They are an `MLP` trained by `fit`, and no more: the model is the attribute `model_`, which can be
drawn and stepped through, and its `History` is `history_`. They are loaded when asked for, since
scikit-learn is imported here. The protocol is that of scikit-learn's "Developing estimators", and
its own `check_estimator` runs in `tests/test_estimators.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassgrad.nn.dense import MLP
from glassgrad.nn.fit import fit
from glassgrad.nn.losses import binary_cross_entropy_with_logits, cross_entropy, mse
from glassgrad.nn.optimisers import AdamW
from glassgrad.nn.predict import predict

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
except ImportError as error:
    raise ImportError(
        "NetworkClassifier and NetworkRegressor need scikit-learn 1.6 or newer: "
        'pip install "glassgrad[sklearn]".'
    ) from error


class _Network(BaseEstimator):  # type: ignore[misc]  # scikit-learn says no types
    """What both have in common: an MLP between inputs and outputs."""

    def __init__(
        self,
        hidden: Sequence[int] = (32,),
        *,
        activation: str = "relu",
        learning_rate: float = 0.01,
        weight_decay: float = 0.0,
        epochs: int = 100,
        batch_size: int = 32,
        validation: float | None = None,
        patience: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation = validation
        self.patience = patience
        self.random_state = random_state

    def _train(self, X: Any, y: Any, outputs: int, loss: Any) -> None:
        seed = int(check_random_state(self.random_state).randint(2**31))
        self.model_ = MLP(
            X.shape[1],
            [*np.ravel(self.hidden).tolist(), outputs],
            activation=self.activation,
            output_activation="linear",
            init="he" if self.activation == "relu" else "xavier",
            seed=seed,
        )
        optimiser = AdamW(
            self.model_.parameters(), self.learning_rate, weight_decay=self.weight_decay
        )
        self.history_ = fit(
            self.model_,
            loss,
            X,
            y,
            optimiser=optimiser,
            epochs=self.epochs,
            batch_size=self.batch_size,
            seed=seed,
            validation=self.validation,
            patience=self.patience,
            health=False,
        )
        self.n_iter_ = self.history_.epochs

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        return predict(self.model_, validate_data(self, X, reset=False, dtype=np.float64))


class NetworkClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """An MLP that tells classes apart, with scikit-learn's interface.

    Two classes share one output, a logit; more have one each, under a softmax. Inputs of very
    different sizes should be scaled before, for example by a `StandardScaler`.

    Args:
        hidden: the number of neurons of each hidden layer, or of the only one.
        activation: of hidden neurons, a name from `ACTIVATIONS`.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        epochs: how often each sample is used.
        batch_size: samples in a step.
        validation: the share of samples to hold out; the best parameters on them are kept.
        patience: stop after so many epochs without a smaller loss.
        random_state: a whole number, a `numpy.random.RandomState`, or None.

    Attributes:
        model_: the trained `MLP`.
        history_: the `History` of the training.
        classes_: the classes, in the order of the columns of `predict_proba`.
        n_iter_: how many epochs there were.

    Example:
        >>> from glassgrad import NetworkClassifier, two_moons
        >>> X, y = two_moons()
        >>> NetworkClassifier((16, 16), random_state=0).fit(X, y).score(X, y) > 0.95
        True
    """

    def fit(self, X: Any, y: Any) -> NetworkClassifier:
        """Train on samples of shape (n, features) and n classes, of any kind."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "NetworkClassifier needs samples of at least two classes, and all are of one class."
            )
        if len(self.classes_) == 2:
            self._train(X, places, 1, binary_cross_entropy_with_logits)
        else:
            self._train(X, places, len(self.classes_), cross_entropy)
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


class NetworkRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """An MLP that predicts a number, with scikit-learn's interface.

    It learns the squared error, on targets that are shifted and scaled to mean 0 and standard
    deviation 1 meanwhile. For its arguments see `NetworkClassifier`.

    Attributes:
        model_: the trained `MLP`, which predicts shifted and scaled targets.
        history_: the `History` of the training.
        mean_: the mean of the targets.
        scale_: their standard deviation, or 1 if that is 0.
        n_iter_: how many epochs there were.

    Example:
        >>> from glassgrad import NetworkRegressor, sine
        >>> X, y = sine()
        >>> NetworkRegressor(activation="tanh", random_state=0).fit(X, y).score(X, y) > 0.9
        True
    """

    def fit(self, X: Any, y: Any) -> NetworkRegressor:
        """Train on samples of shape (n, features) and n numbers."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self.mean_, self.scale_ = float(np.mean(y)), float(np.std(y)) or 1.0
        self._train(X, (y - self.mean_) / self.scale_, 1, mse)
        return self

    def predict(self, X: Any) -> Any:
        """The number for each sample."""
        return self._outputs(X) * self.scale_ + self.mean_
