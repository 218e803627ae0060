"""Models of a line each, and trainings that several files of tests run and compare."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from glassgrad import (
    MLP,
    SGD,
    Adam,
    Dropout,
    History,
    Layer,
    Module,
    ReduceOnPlateau,
    Sequential,
    Value,
    binary_cross_entropy_with_logits,
    cosine,
    data_vector,
    fit,
    l2,
    mse,
    step_decay,
    two_moons,
)

X, Y = two_moons(40)


class Made(Module):
    """A module of parts by name, and of what is computed of itself and an input."""

    def __init__(self, compute: Callable[[Any, Any], Any], **parts: Any) -> None:
        for name, part in parts.items():
            setattr(self, name, part)
        self._compute = compute

    def forward(self, x: Any) -> Any:
        return self._compute(self, x)


def small(seed: int = 1, end: str = "linear", outputs: int = 1) -> MLP:
    return MLP(2, [6, outputs], output_activation=end, seed=seed)


def numbers(model: Module) -> np.ndarray:
    return data_vector(model.parameters())


def trained(**options: Any) -> tuple[Any, History]:
    """A model after a short training, of the moons if nothing else is said, and its history."""
    given = {
        **{"loss": binary_cross_entropy_with_logits, "X": X, "y": Y, "epochs": 4},
        **{"batch_size": 16, "health": False, "progress": False, **options},
    }
    model = given.pop("model", None) or small()
    return model, fit(model, **given)


def assert_alike(one: tuple[Any, History], other: tuple[Any, History], rtol: float) -> None:
    """Two trainings came to the same numbers, of the model and in the columns of the history."""
    np.testing.assert_allclose(numbers(one[0]), numbers(other[0]), rtol=rtol)
    assert list(one[1]) == list(other[1])
    for name in set(one[1]) - {"seconds"}:
        np.testing.assert_allclose(one[1][name], other[1][name], rtol=rtol)
    assert one[1].best_epoch == other[1].best_epoch
    assert one[1].notes == other[1].notes


# Trainings of all kinds: each is a function of no arguments, since a training changes its model.


def options_of(make: Callable[[], Module], **options: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"model": make(), **options}


def with_dropout() -> Module:
    return Sequential(Layer(2, 8, seed=1), Dropout(0.5), Layer(8, 1, activation=None, seed=2))


def branching() -> Module:
    """Each way through it is a recording."""
    ways = {"left": small(1), "right": small(2)}
    return Made(lambda m, x: m.left(x) if x[0] > 0.5 else m.right(x), **ways)


def peeking() -> Module:
    """It reads .data, which no recording can repeat."""

    def compute(model: Any, x: Any) -> Value:
        found = model.inner(x)
        return found * (1.0 if found.data > -1e9 else 2.0)

    return Made(compute, inner=small())


def noise_of_some() -> Module:
    parts = {"layer": Layer(2, 1, activation=None, seed=0), "dropout": Dropout(0.5)}
    return Made(lambda m, x: m.layer(m.dropout(x) if x[0] > 0 else x), **parts)


def penalty_of_the_rate() -> dict[str, Any]:
    model = small()
    sgd = SGD(model.parameters(), 0.5)
    given = {"optimiser": sgd, "schedule": step_decay(every=6)}
    return {"model": model, "penalty": lambda ps: l2(ps, sgd.learning_rate), **given}


def some_weights_cost() -> dict[str, Any]:
    model = small()
    weights = {p for p in model.parameters() if not str(p.label).startswith("b")}
    return {"model": model, "penalty": lambda ps: l2([p for p in ps if p in weights], 0.1)}


def halving_callback(**options: Any) -> dict[str, Any]:
    model = small()
    adam = Adam(model.parameters(), 0.1)

    def halve(history: History) -> None:
        adam.learning_rate /= 2

    return {"model": model, "optimiser": adam, "callbacks": halve, **options}


def cooled() -> dict[str, Any]:
    """A temperature that no optimiser moves, but a callback."""
    model, temperatures = Made(lambda m, x: m.net(x) * m.t, net=small(), t=Value(1.0)), [1, 3, -9]

    def cool(history: History) -> None:
        model.t.data = [*temperatures, 0.5][history.epochs - 1]

    sgd = SGD(model.net.parameters(), 0.1, momentum=0.9)
    return {"model": model, "optimiser": sgd, "callbacks": cool}


def thawed() -> dict[str, Any]:
    model = MLP(2, [4, 3, 1], output_activation="linear", seed=0)
    model.layers[0].freeze()

    def thaw(history: History) -> None:
        if history.epochs == 2:
            model.layers[0].unfreeze()
            model.layers[1].freeze()

    return {"model": model, "optimiser": Adam(model.parameters(), 0.05), "callbacks": thaw}


def outputs_in_a_dict() -> dict[str, Any]:
    def loss(output: Any, target: Any) -> Value:
        return mse(output["mean"], target[0]) + mse(output["rest"], target[1:])

    def compute(model: Any, x: Any) -> dict[str, Any]:
        mean, *rest = model.inner(x)
        return {"mean": mean, "rest": rest}

    targets = np.stack([Y, X[:, 0], X[:, 1]], axis=1)
    made = Made(compute, inner=small(outputs=3))
    return {"model": made, "loss": loss, "y": targets, "sample_weight": np.arange(40) % 3}


PLATEAU = ReduceOnPlateau(factor=0.5, patience=0, threshold=0.5)
WEIGHTS = {"sample_weight": np.arange(40) % 4 + 0.25, "validation": 0.25, "batch_size": 7}
TRAININGS: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": options_of(small),
    "a penalty": options_of(small, penalty=lambda parameters: l2(parameters, 1e-3)),
    "a penalty of some": some_weights_cost,
    "a penalty that reads the learning rate": penalty_of_the_rate,
    "clipping": options_of(small, clip_norm=0.1, clip_value=0.05),
    "accumulating": options_of(small, accumulate=2),
    "a schedule": options_of(small, schedule=cosine(), validation=0.25, metrics=["accuracy"]),
    "a plateau": options_of(small, schedule=PLATEAU, validation=0.25),
    "another seed": options_of(small, shuffle=False, seed=7),
    "dropout": options_of(with_dropout),
    "dropout and weights": options_of(with_dropout, **WEIGHTS),
    "noise of some samples": options_of(noise_of_some),
    "comparisons": options_of(branching),
    "outputs in a dict, and weights": outputs_in_a_dict,
    "a rate that a callback halves": halving_callback,
    "a number that a callback moves": cooled,
    "layers that a callback freezes": thawed,
}


def without_warnings(**options: Any) -> tuple[Any, History]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return trained(**options)


def checkpointed(path: Path, **options: Any) -> tuple[Any, History]:
    return trained(checkpoint=path, **options)
