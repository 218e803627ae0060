"""`fit` and what users bring along: ends of models, losses, metrics, callbacks, rules, slips."""

import functools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassgrad import (
    MLP,
    SGD,
    Adam,
    Dropout,
    Embedding,
    Layer,
    Module,
    Sequential,
    Value,
    accuracy,
    binary_cross_entropy_with_logits,
    compiled,
    cosine,
    cross_entropy,
    data_vector,
    fit,
    hinge,
    l2,
    mse,
    nn,
    predict,
    split,
    step_decay,
    two_moons,
    warm_up,
)

X, Y = two_moons(40)
QUIET = {"epochs": 2, "health": False}


def network(end: str = "linear", outputs: int = 1) -> MLP:
    return MLP(2, [4, outputs], activation="tanh", output_activation=end, init="xavier", seed=0)


def of_logs(output: Any, target: Any) -> Any:
    return -(target * output.log() + (1 - target) * (1 - output).log())


# The end of a model


@pytest.mark.parametrize(
    ("end", "outputs", "loss", "targets", "said"),
    [
        ("tanh", 1, mse, 10.0 * Y, "targets reach from 0 to 10, but the model ends in tanh"),
        ("relu", 1, mse, Y - 2.0, "ends in relu, which gives numbers from 0 on"),
        ("sigmoid", 1, binary_cross_entropy_with_logits, Y, "takes logits, .* ends in sigmoid"),
        ("tanh", 2, cross_entropy, Y, "cross_entropy takes logits, .* which gives -1 to 1"),
        ("sigmoid", 1, hinge, 2 * Y - 1, "hinge takes scores below 0"),
    ],
)
def test_a_model_that_cannot_reach_its_targets_is_named(
    end: str, outputs: int, loss: Callable, targets: Any, said: str
) -> None:
    with pytest.warns(UserWarning, match=rf"fit: .*{said}.*output_activation=\"linear\""):
        fit(network(end, outputs), loss, X, targets, **QUIET)


@pytest.mark.parametrize(
    ("end", "loss", "targets"),
    [
        ("tanh", mse, 2.0 * Y - 1.0),
        ("sigmoid", mse, Y),
        ("sigmoid", of_logs, Y),
        ("tanh", hinge, 2 * Y - 1),
        ("linear", mse, 100.0 * Y),
        ("linear", binary_cross_entropy_with_logits, Y),
    ],
)
def test_a_model_that_can_is_not(end: str, loss: Callable, targets: Any) -> None:
    fit(network(end), loss, X, targets, **QUIET)  # a warning would be an error


@pytest.mark.parametrize(
    ("end", "loss", "targets", "threshold"),
    [
        ("sigmoid", of_logs, Y, 0.5),
        ("sigmoid", mse, Y, 0.5),
        ("linear", mse, Y, 0.5),
        ("tanh", mse, 2 * Y - 1, 0.0),
        ("linear", binary_cross_entropy_with_logits, Y, 0.0),
        ("linear", hinge, 2 * Y - 1, 0.0),
    ],
)
@pytest.mark.parametrize("metric", ["accuracy", accuracy])
def test_accuracy_knows_where_the_classes_part(
    metric: Any, end: str, loss: Callable, targets: Any, threshold: float
) -> None:
    model = network(end)
    history = fit(model, loss, X, targets, metrics=metric, **QUIET)
    expected = accuracy(predict(model, X), targets, threshold=threshold)
    assert history["accuracy"][-1] == expected


class Shares(Module):
    """A model of probabilities whose end does not show it."""

    def __init__(self) -> None:
        self.scores = network()

    def forward(self, x: Any) -> Any:
        return self.scores(x).sigmoid().clip(1e-6, 1.0 - 1e-6)


def test_with_a_loss_of_ones_own_it_may_have_to_be_said() -> None:
    with pytest.raises(ValueError, match=r"write threshold=0\.5"):
        fit(Shares(), of_logs, X, Y, metrics="accuracy", **QUIET)
    model = Shares()

    def share(outputs: Any, targets: Any) -> float:
        return accuracy(outputs, targets, threshold=0.5)

    history = fit(model, of_logs, X, Y, metrics=share, **QUIET)
    assert history["share"][-1] == accuracy(predict(model, X), Y, threshold=0.5)


@compiled
def relu(x: Any) -> Any:
    """A name of the table, and another function."""
    return x * 1.0


class Ending(Module):
    def __init__(self, end: Callable) -> None:
        self.scores, self.end = network(), end

    def forward(self, x: Any) -> Any:
        return self.end(x, self.scores(x))


@pytest.mark.parametrize(
    "end",
    [lambda x, z: relu(z), lambda x, z: z.relu() if x[0] < X[0, 0] + 1e-9 else z],
    ids=["a function of that name", "one way of several"],
)
def test_an_end_is_one_of_the_table_on_all_ways(end: Callable) -> None:
    fit(Ending(end), mse, X, Y - 2.0, **QUIET)  # no warning that it ends in relu


def test_to_look_at_the_end_draws_no_random_numbers() -> None:
    model = Sequential(Layer(2, 8, seed=0), Dropout(0.5), Layer(8, 1, activation="linear", seed=1))
    state = random.getstate()
    fit(model, mse, X, Y, **QUIET)
    assert random.getstate() == state


def test_softplus_may_stand_before_the_classes() -> None:
    fit(network("softplus", 2), cross_entropy, X, Y, **QUIET)


# What runs between the steps, and after an epoch


class Bent(Module):
    """A model whose power somebody else may change."""

    def __init__(self) -> None:
        self.w, self.power = Value(0.3), 1

    def forward(self, x: Any) -> Any:
        return (self.w * x[0]) ** self.power


class Bending(SGD):
    """An optimiser whose rule changes the model."""

    count = 0

    def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
        self.count += 1
        self.model.power = 1 + (self.count > 3)
        return super().rule(numbers, gradients, state, group)


def bending_optimiser(model: Bent) -> dict[str, Any]:
    optimiser = Bending(model.parameters(), 0.1)
    optimiser.model = model
    return {"optimiser": optimiser}


def bending_in_place_of_ours(model: Bent) -> dict[str, Any]:
    sgd = SGD(model.parameters(), 0.1)
    sgd.rule = bending_optimiser(model)["optimiser"].rule
    return {"optimiser": sgd}


def bending_schedule(model: Bent) -> dict[str, Any]:
    def rule(step: int, total: int | None) -> float:
        model.power = 1 + (step >= 3)
        return 1.0

    return {"schedule": rule}


CHANGING: dict[str, Callable[[Bent], dict[str, Any]]] = {
    "a schedule": bending_schedule,
    "a schedule after a warm-up": lambda model: {
        "schedule": warm_up(1, then=bending_schedule(model)["schedule"])
    },
    "a schedule named as ours": lambda model: {
        "schedule": functools.wraps(cosine())(bending_schedule(model)["schedule"])
    },
    "a rule in the place of ours": bending_in_place_of_ours,
    "an optimiser": bending_optimiser,
}


@pytest.mark.parametrize("name", CHANGING)
def test_what_runs_between_the_steps_may_change_the_model(name: str) -> None:
    def run(compiled: bool) -> list[float]:
        model = Bent()
        options = {"optimiser": SGD(model.parameters(), 0.1), **CHANGING[name](model)}
        given = {"compiled": compiled, "batch_size": 5, "shuffle": False, **QUIET}
        fit(model, mse, X, X[:, 1], **options, **given)
        assert model.power == 2
        return data_vector(model.parameters()).tolist()

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_a_penalty_may_read_the_learning_rate() -> None:
    def run(compiled: bool) -> list[float]:
        model = MLP(2, [1], seed=0)
        sgd = SGD(model.parameters(), 0.5)
        options = {"optimiser": sgd, "schedule": step_decay(every=6), "compiled": compiled}
        options["penalty"] = lambda parameters: l2(parameters, sgd.learning_rate)
        return fit(model, mse, X, 0.5 * Y, batch_size=4, **options, **QUIET)["loss"]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_a_rule_may_name_what_is_not_there_yet() -> None:
    def rule(step: int, total: int | None) -> float:
        return 1.0 if step < 10**9 else later

    assert fit(network(), mse, X, Y, schedule=rule, **QUIET).epochs == 2
    later = 0.0


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("keep_best", [True, False])
def test_a_callback_may_move_parameters(compiled: bool, keep_best: bool) -> None:
    model = network()

    def clip(history: Any) -> None:
        for p in model.parameters():
            p.data = min(max(p.data, -0.01), 0.01)

    options = {"callbacks": clip, "compiled": compiled, "keep_best": keep_best}
    fit(model, mse, X, Y, **options, **QUIET)
    assert np.abs(data_vector(model.parameters())).max() == 0.01


def test_a_callback_may_set_the_learning_rate_and_a_resumed_training_has_it(tmp_path: Path) -> None:
    def run(epochs: tuple[int, ...], path: Path) -> tuple[Any, float]:
        for count in epochs:
            model = network()
            adam = Adam(model.parameters(), 0.1)

            def halve(history: Any, adam: Adam = adam) -> None:
                adam.learning_rate /= 2

            options = {"optimiser": adam, "callbacks": halve, "checkpoint": path, "health": False}
            fit(model, mse, X, Y, epochs=count, **options)
        return data_vector(model.parameters()), adam.learning_rate

    once, rate = run((6,), tmp_path / "once.json")
    twice, again = run((3, 6), tmp_path / "twice.json")
    assert np.array_equal(once, twice)
    assert rate == again == 0.1 / 2**6


def test_gradients_of_frozen_parameters_are_forgotten_too() -> None:
    model = network()
    trained = model.layers[1].parameters()
    fit(model, mse, X, Y, optimiser=SGD(trained, 0.1), compiled=False, **QUIET)
    assert all("grad=–" in repr(p) for p in model.parameters())


@pytest.mark.parametrize("compiled", [True, False])
def test_an_error_of_a_callback_leaves_no_gradients(compiled: bool) -> None:
    def fails(history: Any) -> None:
        raise LookupError

    model = network()
    with pytest.raises(LookupError):
        fit(model, mse, X, Y, callbacks=fails, compiled=compiled, **QUIET)
    assert all("grad=–" in repr(p) for p in model.parameters())
    assert not model.training


def test_a_training_that_stopped_early_goes_on_with_more_patience(tmp_path: Path) -> None:
    def run(patience: int) -> Any:
        model = network()
        options = {"validation": (X, 1 - Y), "checkpoint": tmp_path / "run.json", "health": False}
        return fit(model, mse, X, Y, epochs=9, patience=patience, **options)

    first, second = run(2), run(4)
    assert first.epochs < second.epochs < 9
    assert first["loss"] == second["loss"][: first.epochs]


# Models of other shapes


def test_a_penalty_may_know_its_parameters(tmp_path: Path) -> None:
    model = network()
    weights = {p for p in model.parameters() if not str(p.label).startswith("b")}

    def penalty(parameters: list[Value]) -> Value:
        return l2([p for p in parameters if p in weights], 0.1)

    history = fit(model, mse, X, Y, penalty=penalty, checkpoint=tmp_path / "run.json", **QUIET)
    assert history.epochs == 2


@pytest.mark.parametrize("compiled", [True, False])
def test_a_token_that_is_none_is_named(compiled: bool) -> None:
    class Reader(Module):
        def __init__(self) -> None:
            self.table = Embedding(5, 1, seed=0)

        def forward(self, tokens: Any) -> Any:
            return sum((self.table(token)[0] for token in tokens), Value(0.0))

    tokens = np.zeros((40, 2), int)
    tokens[1, 0] = 7
    model = Reader()
    before = data_vector(model.parameters())
    message = r"Embedding\(5 × 1\) takes a token from 0 to 4, not 7"
    with pytest.raises(IndexError, match=message):
        fit(model, mse, tokens, np.zeros(40), compiled=compiled, **QUIET)
    with pytest.raises(IndexError, match=message):
        predict(model, tokens, compiled=compiled)
    assert np.array_equal(data_vector(model.parameters()), before)


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        (None, TypeError, "The model gave NoneType None for a sample"),
        ("text", TypeError, "The model gave str 'text'"),
        ([1.0, [2.0, 3.0]], ValueError, "lists of different lengths"),
    ],
)
def test_what_is_no_output_is_refused(output: Any, error: type, message: str) -> None:
    class Odd(Module):
        def forward(self, x: Any) -> Any:
            return output

    with pytest.raises(error, match=message):
        predict(Odd(), X)


def test_whole_numbers_are_the_same_compiled_and_eager() -> None:
    class Power(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def forward(self, x: Any) -> Any:
            return self.w * (x[0] ** 25) * 1e-25 + x[1] ** -1

    whole = np.array([[10, 1], [9, 2], [8, 4]])
    losses = [
        fit(Power(), mse, whole, [1.0, 2.0, 3.0], compiled=compiled, **QUIET)["loss"]
        for compiled in (True, False)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


# Slips


class Stepping(SGD):
    def step(self) -> None:
        super().step()


SLIPS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: fit(network(), mse, X, Y, optimizer=None), TypeError, "Did you mean optimiser?"),
    (lambda: fit(network(), mse, X, Y, epoch=1), TypeError, "Did you mean epochs?"),
    (lambda: fit(network(), mse, X), TypeError, "missing 1 required"),
    (lambda: fit(network(), "mse", X, Y), TypeError, "a loss such as glassgrad.mse, not str 'mse'"),
    (lambda: fit(network(), "MSE", X, Y), TypeError, r"Give the function itself: glassgrad\.mse\."),
    (lambda: fit(network(), "bce", X, Y), TypeError, r"glassgrad\.binary_cross_entropy_with_log"),
    (lambda: fit(network(), "crossentropy", X, Y), TypeError, r"itself: glassgrad\.cross_entropy"),
    (lambda: fit(network(), "nll", X, Y), TypeError, r"itself: glassgrad\.cross_entropy\.$"),
    (lambda: fit(network(), "loss", X, Y), TypeError, r"not str 'loss'\.$"),
    (lambda: fit(network(), mse, X, Y, penalty=1e-4), TypeError, r"lambda parameters: l2\("),
    (lambda: fit(network(), mse, X, Y, penalty=l2), TypeError, r"lambda parameters: l2\("),
    (
        lambda: fit(network(), mse, X, Y, penalty=lambda parameters: None),
        TypeError,
        r"fit\(penalty=\.\.\.\): it gave NoneType None",
    ),
    (lambda: fit(network(), mse, X, Y, schedule=cosine), TypeError, r"call it, cosine\("),
    (lambda: fit(network(), mse, X, Y, callbacks=3), TypeError, "a list of them, not int 3"),
    (lambda: fit(network(), mse, X, Y, metrics=3), TypeError, "a list of them, not int 3"),
    (
        lambda: fit(model := network(), mse, X, Y, optimiser=Stepping(model.parameters(), 0.1)),
        TypeError,
        "Stepping defines a step of its own",
    ),
    (lambda: split(X, Y, test_size=0.2), TypeError, "Did you mean share?"),
    (lambda: Adam(network().parameters(), lr=0.1), TypeError, "Did you mean learning_rate?"),
    (lambda: Adam(network().parameters(), zeal=1), TypeError, "has no argument zeal. It takes"),
    (lambda: MLP(2, 3, 1), TypeError, r"Write MLP\(2, \[3, 1\]\)"),
    (lambda: MLP([2, 3, 1]), TypeError, r"Write MLP\(2, \[3, 1\]\)"),
    (lambda: network("softmax"), ValueError, "train with cross_entropy"),
    (lambda: network("identity"), ValueError, "Did you mean 'linear'?"),
    (lambda: network("sofplus"), ValueError, "Did you mean 'softplus'?"),
    (lambda: network("qqqq"), ValueError, "Choose one of linear"),
    (
        lambda: setattr(SGD(network().parameters(), 0.1), "momentum", 0.9),
        AttributeError,
        r"groups\[0\]\.momentum",
    ),
]


@pytest.mark.parametrize(("slip", "error", "message"), SLIPS)
def test_a_slip_is_answered_with_what_to_write(
    slip: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        slip()


def test_a_type_error_from_inside_is_passed_on_as_it_is() -> None:
    def broken(output: Any, target: Any) -> Any:
        raise TypeError("from inside")

    with pytest.raises(TypeError, match=r"^from inside$"):
        fit(network(), broken, X, Y)


def test_the_signature_is_still_there() -> None:
    assert "optimiser" in str(nn.fit.__wrapped__.__kwdefaults__)
    assert nn.fit.__name__ == "fit"
