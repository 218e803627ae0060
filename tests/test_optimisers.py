"""Optimisers: the numbers of PyTorch, groups, states, rules of one's own, and refusals."""

import copy
import functools
import inspect
import itertools
import json
import math
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import numpy as np
import pytest
from outputs import assert_is_sentence

from glassgrad import (
    NOT_COMPUTED,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Neuron,
    Optimiser,
    RMSprop,
    Value,
    assign,
    assign_grad,
    compiled,
    data_vector,
    fit,
    mse,
)
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.files import json_text
from glassgrad.nn.checks import finite, not_negative

# Each rule with each of its options, and PyTorch's names for them.
ROWS: list[tuple[type[Optimiser], dict[str, Any]]] = [
    (SGD, {"learning_rate": 0.1}),
    (SGD, {"learning_rate": 0.1, "weight_decay": 0.01}),
    (SGD, {"learning_rate": 0.0, "momentum": 0.9}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "dampening": -0.5, "weight_decay": 0.1}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (SGD, {"learning_rate": 0.01, "maximize": True}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.5, "maximize": True, "weight_decay": 0.1}),
    (Adam, {}),
    (Adam, {"learning_rate": 0.1, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.1}),
    (Adam, {"betas": (0.0, 0.0), "maximize": True}),
    (Adam, {"amsgrad": True}),
    (AdamW, {}),
    (AdamW, {"learning_rate": 0.1, "amsgrad": True, "betas": (0.5, 0.5), "maximize": True}),
    (RMSprop, {}),
    (RMSprop, {"learning_rate": 0.1, "alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    (RMSprop, {"momentum": 0.9, "maximize": True}),
    (RMSprop, {"momentum": 0.5, "centered": True, "weight_decay": 0.01}),
    (Adagrad, {}),
    (Adagrad, {"learning_rate": 0.1, "learning_rate_decay": 0.1, "weight_decay": 0.1}),
    (Adagrad, {"eps": 1e-3, "maximize": True}),
]
THEIR_NAMES = {"learning_rate": "lr", "learning_rate_decay": "lr_decay"}
IDS = [f"{rule.__name__}-{i}" for i, (rule, _) in enumerate(ROWS)]


def theirs(rule: type[Optimiser], parameters: Any, options: dict[str, Any]) -> Any:
    import torch

    named = {THEIR_NAMES.get(name, name): option for name, option in options.items()}
    return getattr(torch.optim, rule.__name__)(parameters, foreach=False, **named)


def leaves(numbers: list[float]) -> list[Any]:
    """Each number as a tensor of its own: PyTorch leaves out whole tensors without a gradient."""
    import torch

    return [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]


def gradients_at(step: int, count: int, missing: float = 0.0) -> list[float | None]:
    """Random gradients of all sizes, some of them 0; some missing, and in one step all of them."""
    if missing and step == 4:
        return [None] * count
    rng = random.Random(step)
    found: list[float | None] = []
    for _ in range(count):
        size = 0.0 if rng.random() < 0.2 else 10.0 ** rng.uniform(-6, 3)
        found.append(None if rng.random() < missing else rng.choice([-size, size]))
    return found


def give(values: list[Value], tensors: list[Any], gradients: list[float | None]) -> None:
    import torch

    for value, tensor, gradient in zip(values, tensors, gradients):
        value.grad = NOT_COMPUTED if gradient is None else gradient
        tensor.grad = None if gradient is None else torch.tensor(gradient, dtype=torch.float64)


def some_numbers(count: int = 7) -> list[float]:
    rng = random.Random(3)
    return [rng.gauss(0.0, 1.0) for _ in range(count - 1)] + [0.0]


OTHERS: dict[str, tuple[Any, Any]] = {
    "momentum": (0.5, 0.0), "dampening": (0.25, 0.0), "alpha": (0.5, 0.9),
    "betas": ((0.5, 0.6), (0.8, 0.7)),
}  # fmt: skip


def change(step: int, ours: Optimiser, other: Any, values: list[Value], tensors: list[Any]) -> None:
    """Options of the first group, a group that is added, and rates by hand: of one, and of all."""
    group, theirs = ours.groups[0], other.param_groups[0]
    for name, (first, second) in OTHERS.items() if step in (10, 20) else ():
        # PyTorch makes the momentum of RMSprop in the first step only.
        is_fixed = theirs.get("nesterov") or (name == "momentum" and isinstance(ours, RMSprop))
        if name in group.options and not is_fixed:
            theirs[name] = second if theirs[name] == first else first
            setattr(group, name, theirs[name])
    if step == 12:
        values += [Value(x) for x in some_numbers()]
        tensors += leaves(some_numbers())
        ours.add_param_group({"parameters": values[7:], "learning_rate": 0.3})
        other.add_param_group({"params": tensors[7:], "lr": 0.3})
    elif step == 15:
        ours.groups[1].learning_rate = other.param_groups[1]["lr"] = 0.3
    elif step == 25:
        ours.learning_rate = 0.2
        for each in other.param_groups:
            each["lr"] = 0.2


@pytest.mark.parametrize("hard", [None, math.inf, -math.inf, math.nan, 1e200, "groups"])
@pytest.mark.parametrize(("rule", "options"), ROWS, ids=IDS)
@pytest.mark.needs("torch")
def test_steps_are_those_of_pytorch(
    rule: type[Optimiser], options: dict[str, Any], hard: Any
) -> None:
    """With a gradient that is hard; or with groups that change and gradients that are missing."""
    if options.get("centered") and hard == 1e200:  # that is inf - inf
        return
    values, tensors = [Value(x) for x in some_numbers()], leaves(some_numbers())
    if hard == "groups":
        options = {"learning_rate": 0.1, **options}
        special = {"learning_rate": 0.03, "weight_decay": 0.2}
        ours = rule([{"parameters": values[:2]}, {"parameters": values[2:], **special}], **options)
        special["lr"] = special.pop("learning_rate")
        groups = [{"params": tensors[:2]}, {"params": tensors[2:], **special}]
        other = theirs(rule, groups, options)
    else:
        ours, other = rule(values[:], **options), theirs(rule, tensors[:], options)
    for step in range(30):
        if hard == "groups":
            change(step, ours, other, values, tensors)
        gradients = gradients_at(step, len(values), 0.3 if hard == "groups" else 0.0)
        if isinstance(hard, float) and step == 2:
            gradients[0] = hard
        give(values, tensors, gradients)
        ours.step()
        other.step()
        expected = [tensor.item() for tensor in tensors]
        np.testing.assert_allclose(data_vector(values), expected, rtol=1e-12, atol=1e-15)


def test_a_variance_that_rounding_made_negative_counts_as_zero() -> None:
    w = Value(1.0)
    optimiser = RMSprop([w], learning_rate=1e-3, alpha=0.1, centered=True)
    for _ in range(100):
        w.grad = 0.1
        optimiser.step()
    assert math.isfinite(w.data)


@pytest.mark.parametrize(("rule", "options"), ROWS, ids=IDS)
def test_a_step_on_arrays_is_the_step(rule: type[Optimiser], options: dict[str, Any]) -> None:
    values, others = [Value(x) for x in some_numbers()], [Value(9.0) for _ in some_numbers()]
    on_values, on_arrays = rule(values, **options), rule(others, **options)
    numbers = data_vector(values)
    for step in range(20):
        found = gradients_at(step, len(values)) if step else [0.0] * len(values)
        assign_grad(values, found)
        on_values.step()
        before = numbers.copy()
        moved = on_arrays.moved(numbers, found)
        assert moved is not numbers
        assert (numbers == before).all()
        numbers = moved
        assert data_vector(values).tolist() == numbers.tolist()
    assert {value.data for value in others} == {9.0}
    assert on_values.state_dict() == on_arrays.state_dict()


@pytest.mark.parametrize(("rule", "options"), ROWS, ids=IDS)
def test_the_rules_write_over_nothing_and_give_new_arrays(
    rule: type[Optimiser], options: dict[str, Any]
) -> None:
    optimiser = rule([Value(x) for x in some_numbers()], **options)
    numbers, state = np.array(some_numbers()), {name: np.zeros(7) for name in rule.STATE}
    for step in range(3):
        gradients = np.array(gradients_at(step, 7), float)
        given = [numbers, gradients, *state.values()]
        for array in given:
            array.flags.writeable = False
        before, state = state, dict(state)
        numbers = optimiser.rule(numbers, gradients, state, optimiser.groups[0])
        new = [numbers, *[state[name] for name in state if state[name] is not before[name]]]
        pairs = [*itertools.product(new, given), *itertools.combinations(new, 2)]
        assert not any(np.shares_memory(*pair) for pair in pairs)


def test_a_recording_refuses_a_step() -> None:
    w = Value(1.0)
    w.grad = 1.0
    for rule in (SGD, Adam):  # the one goes a way of its own
        optimiser: Any = rule([w], learning_rate=0.1)
        with pytest.raises(CompilationError, match=r"recorded|recording"):
            compiled(lambda x, o=optimiser: x * 2.0 if o.step() is None else x)(1.0)
    assert w.data == 1.0


def test_parameters_are_listed_in_order_and_copies_move_their_own() -> None:
    model = Neuron(2, seed=0)
    optimiser = Adam([{"parameters": model.w}, {"parameters": [model.b], "learning_rate": 0.5}])
    assert list(map(id, optimiser.parameters)) == list(map(id, model.parameters()))
    for copied, again in (
        copy.deepcopy((model, optimiser)),
        pickle.loads(pickle.dumps((model, optimiser))),
    ):
        before = model.state_dict()
        copied([1.0, 2.0]).backward()
        again.step()
        again.groups[1].learning_rate = 0.25
        assert model.state_dict() == before != copied.state_dict()
        assert optimiser.groups[1].learning_rate == 0.5


def test_the_text_says_what_there_is() -> None:
    two = SGD([{"parameters": [Value(1.0)]}, {"parameters": [Value(1.0)], "momentum": 0.5}], 0.5)
    options = "learning_rate=0.5, momentum={}, dampening=0.0, weight_decay=0.0, nesterov=False"
    texts = [f"Group(1 parameter, {options.format(x)}, maximize=False)" for x in (0.0, 0.5)]
    assert [*map(repr, two.groups)] == texts
    assert repr(two) == "SGD(2 parameters in 2 groups)"
    assert repr(SGD([Value(1.0)], 0.5)) == texts[0].replace("Group", "SGD")
    names = ["learning_rate", "betas", "eps", "weight_decay", "amsgrad", "maximize"]
    assert [*inspect.signature(AdamW).parameters] == ["parameters", *names]


@pytest.mark.parametrize("rule", [SGD, Adam])
def test_a_first_step_without_any_gradient_is_told_once(rule: type[Optimiser]) -> None:
    values = [Value(1.0), Value(2.0)]
    optimiser: Any = rule(values, learning_rate=0.1)
    with pytest.warns(UserWarning, match=f"{rule.__name__}.step.. moved nothing, as no parameter"):
        optimiser.step()
    optimiser.step()  # warnings are errors here
    assert data_vector(values).tolist() == [1.0, 2.0]
    another: Any = rule(values, learning_rate=0.1)
    values[1].grad = 1.0
    another.step()
    assert values[1].data < 2.0


# Options are those of groups.


def test_a_learning_rate_is_that_of_all_groups_and_other_options_are_not() -> None:
    groups = [{"parameters": [Value(1.0)]}, {"parameters": [Value(2.0)], "learning_rate": 0.2}]
    optimiser: Any = SGD(groups, 0.1, momentum=0.5)
    with pytest.raises(ValueError, match=r"different learning rates: 0\.1, 0\.2"):
        _ = optimiser.learning_rate
    with pytest.raises(ValueError, match=NEGATIVE):
        optimiser.learning_rate = -1.0
    assert [group.learning_rate for group in optimiser.groups] == [0.1, 0.2]
    optimiser.learning_rate = 0
    assert optimiser.learning_rate == 0.0
    with pytest.raises(AttributeError, match=r"write optimiser\.groups\[0\]\.momentum = "):
        optimiser.momentum = 0.9
    with pytest.raises(AttributeError, match=r"of SGD: read optimiser\.groups\[0\]\.momentum\."):
        _ = optimiser.momentum
    for typed in ("lr", "learing_rate"):
        with pytest.raises(AttributeError, match=f"SGD has no {typed}. Did you mean learning_rat"):
            setattr(optimiser, typed, 0.5)
    assert not hasattr(optimiser, "betas")
    with pytest.raises(AttributeError, match="SGD has no option betas; it has learning_rate, mom"):
        _ = optimiser.groups[0].betas


# States.


def steps_from(optimiser: Optimiser, steps: range) -> Iterator[list[float]]:
    for step in steps:
        found = gradients_at(step, len(optimiser.parameters), missing=0.2)
        for value, gradient in zip(optimiser.parameters, found):
            value.grad = NOT_COMPUTED if gradient is None else gradient
        optimiser.step()
        yield data_vector(optimiser.parameters).tolist()


@pytest.mark.parametrize("write", [json.dumps, json_text], ids=["json", "strict json"])
@pytest.mark.parametrize(("rule", "options"), ROWS, ids=IDS)
def test_an_optimiser_continues_with_the_same_bits(
    rule: type[Optimiser], options: dict[str, Any], write: Callable[..., str]
) -> None:
    values = [Value(x) for x in some_numbers()]
    first = rule(values[:3], **{"learning_rate": 0.1, **options})
    first.add_param_group({"parameters": values[3:], "learning_rate": 0.03})
    groups = [{"parameters": [Value(0.0) for _ in values[i:j]]} for i, j in ((0, 3), (3, 7))]
    second = rule(groups, learning_rate=0.7)
    for _ in steps_from(first, range(10)):
        pass
    assign(second.parameters, data_vector(values))
    state = json.loads(write(first.state_dict()))
    second.load_state_dict(state)
    for changed in (*state["state"].values(), *state["groups"]):
        changed.clear()  # it is a copy
    assert second.state_dict() == first.state_dict()
    for ours, others in zip(steps_from(first, range(10, 20)), steps_from(second, range(10, 20))):
        assert ours == others


def test_numbers_that_json_has_not_are_restored() -> None:
    first, second = Adam([Value(1.0)]), Adam([Value(1.0)])
    first.parameters[0].grad = math.inf
    first.step()
    state = first.state_dict()
    assert state["groups"][0]["betas"] == [0.9, 0.999]  # as JSON has it
    second.load_state_dict(json.loads(json_text(state)))
    assert second.state_dict() == state
    assert state["state"]["mean"] == [math.inf]


# What is refused.

NEGATIVE = "takes 0 or a positive number"


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda v: SGD(v, -0.1), ValueError, NEGATIVE),
        (lambda v: SGD(v, math.inf), ValueError, "finite"),
        (lambda v: SGD(v, [0.1]), TypeError, r"takes one number, not list \[0\.1\]\. Write"),
        (lambda v: Adam(v).param_groups, AttributeError, "Adam has no param_groups. Write optimis"),
        (lambda v: Adam(v).apply_gradients, AttributeError, "no apply_gradients. Write optimiser"),
        (lambda v: Adam(v).backward(), AttributeError, "Adam has no backward. Write optimiser.ze"),
        (lambda v: Adam(v).lr, AttributeError, "Adam has no lr. Did you mean learning_rate"),
        (lambda v: Adam(v).learning_rat, AttributeError, "Did you mean learning_rate"),
        (lambda v: Adam(v).minimize, AttributeError, "Write optimiser.zero_grad"),
        *((lambda v, name=name: setattr(Adam(v), name, v), AttributeError,
           rf"Adam\.{name} cannot be set: add_param_group\(") for name in ("parameters", "groups")),
        (lambda v: SGD(v, 0.1, momentum=-0.1), ValueError, r"SGD\(momentum=...\) takes 0 or"),
        (lambda v: SGD(v, 0.1, dampening=math.nan), ValueError, "finite"),
        (lambda v: SGD(v, 0.1, nesterov=True), ValueError, "needs a momentum above 0"),
        (lambda v: SGD(v, 0.1, nesterov=1), TypeError, "True or False"),
        (lambda v: Adam(v, betas=(0.9, 1.0)), ValueError, "below 1"),
        (lambda v: Adam(v, betas=0.9), TypeError, "two numbers"),
        (lambda v: AdamW(v, eps=-1e-8), ValueError, NEGATIVE),
        (lambda v: AdamW(v, ep=1e-8), TypeError, "AdamW has no argument ep. Did you mean eps?"),
        (lambda v: RMSprop(v, alpha=1.0), ValueError, "below 1"),
        (lambda v: Adam([]), ValueError, "Adam of no parameters"),
        (lambda v: Adam(v[0]), TypeError, r"list of parameters.*model\.parameters\(\)"),
        (lambda v: Adam(Neuron(2)), TypeError, r"list of parameters.*Neuron"),
        (lambda v: Adam([v]), TypeError, "leaf Values, not a list"),
        (lambda v: Adam([v[0].detach()]), TypeError, "leaf Values"),
        (lambda v: Adam([v[0], v[0]]), ValueError, "the parameter a = 1 twice"),
        (lambda v: Adam([{"params": v, "lr": 1}]), TypeError, "dict .* not one with 'params', 'lr"),
        (lambda v: Adam([*v, {"parameters": [Value(1.0)]}]), TypeError, "leaf Values"),
        (lambda v: Adam([{"parameters": v[0]}]), TypeError, "takes a list of Values"),
        (lambda v: Adam(set(v)), TypeError, "A set has no order"),
        (lambda v: Adam([{"parameters": v, 3: 0.1}]), ValueError, "no option 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    make: Callable[[list[Value]], Any], error: type, said: str
) -> None:
    with pytest.raises(error, match=said):
        make([Value(1.0, label="a"), Value(2.0, label="b")])


ABSENT = object()


def adam() -> Optimiser:
    return Adam([Value(1.0, label="a"), Value(2.0, label="b")], 0.1)


def nesterov() -> Optimiser:
    return SGD([Value(1.0), Value(2.0)], 0.1, momentum=0.9, nesterov=True)


def loaded(*path: Any, to: Any) -> Callable[[Optimiser], Any]:
    """An attempt to load its own state, with a change at the end of a path."""

    def attempt(optimiser: Optimiser) -> None:
        inner = state = optimiser.state_dict()
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to
        if to is ABSENT:
            del inner[path[-1]]
        optimiser.load_state_dict(state)

    return attempt


MASKED = np.ma.masked_array([1.0, 2.0], [False, True])
FITS = "Adam cannot take this state, and is unchanged.*"
REFUSED: list[tuple[Callable[[], Optimiser], Callable[[Optimiser], Any], type, str]] = [
    *((adam, lambda o, arrays=arrays: o.moved(*arrays), error, said) for arrays, error, said in (
        (([1.0], [1.0, 2.0]), ValueError, r"moved\(numbers=...\) takes a number for each"),
        ((None, [1.0, 2.0]), TypeError, r"moved\(numbers=...\) takes .*, not NoneType None"),
        (([1.0, 2.0], [[1.0, 2.0]]), ValueError, r"moved\(gradients=...\).*shape \(1, 2\)"),
        (([1.0, 2.0], ["1", "2"]), TypeError, r"moved\(gradients=...\) holds texts"),
        (([1.0, 2.0], np.array([1j, 2.0])), TypeError, r"moved\(gradients=...\) holds complex128"),
        (([Value(1.0), Value(2.0)], [1.0, 2.0]), TypeError, r"numbers of Values are \[v\.data"),
        ((MASKED, [1.0, 2.0]), TypeError, r"moved\(numbers=...\) has masked entries"),
    )),
    *((nesterov, lambda o, name=name, option=option: setattr(o.groups[0], name, option), *said)
      for name, option, *said in (
        ("learning_rate", -1.0, ValueError, NEGATIVE), ("momentum", 0.0, ValueError, "nesterov"),
        ("learning_rate", None, TypeError, "real number"),
        ("dampening", 0.1, ValueError, "nesterov"), ("lr", 0.1, AttributeError, "no option lr"),
        ("parameters", [], AttributeError, "no option parameters"),
    )),
    *((adam, lambda o, group=group: o.add_param_group(group(o.parameters)), error, said)
      for group, error, said in (
        (lambda v: {"parameters": v[:1]}, ValueError, "the parameter a = .* twice"),
        (lambda v: {"parameters": [Value(1.0)], "beta": 1}, ValueError, "no option beta"),
        (lambda v: [Value(1.0)], TypeError, "is a dict such as"),
    )),
    *((adam, lambda o, state=state: o.load_state_dict(state), TypeError, "of Adam is a dict")
      for state in (None, [])),
    *((adam, loaded(*path, to=to), ValueError, FITS + said) for *path, to, said in (
        # How each type is checked is in test_decoding.py.
        ("rule", "SGD", "is one of SGD"), ("rule", ABSENT, 'lacks "rule"'),
        ("state", "mean", ABSENT, 'its state lacks "mean"'),
        ("groups", 0, "eps", ABSENT, 'its group 0 lacks "eps"'),
        ("more", 1, 'has a field "more", which is unknown'), ("a\x1b", 1, "unknown"),
        ("groups", 0, "lr", 1, 'its group 0 has a field "lr"'),
        ("state", "velocity", [0.0], 'its state has a field "velocity"'),
        ("groups", [], r"groups of \[\] parameters, and not of \[2\]"),
        ("groups", 0, "parameters", 3, r"groups of \[3\] parameters, and not of \[2\]"),
        ("groups", 0, "learning_rate", -1.0, NEGATIVE),
        ("groups", 0, "learning_rate", 10**400, "scale it down"),
        ("groups", 0, "betas", [0.9], "two numbers"),
        ("state", "mean", [1.0], r"state\.mean has 1 number and not 2"),
        ("state", "mean", [1.0, None], r"mean\[1\] is null, and not a number"),
        *(("state", "steps", [1.0, wrong], "counts steps") for wrong in (-1.0, 0.5, math.nan)),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("make", "attempt", "error", "said"), REFUSED)
def test_what_is_refused_changes_nothing(
    make: Callable[[], Optimiser], attempt: Callable[[Optimiser], Any], error: type, said: str
) -> None:
    optimiser = make()
    assign_grad(optimiser.parameters, [1.0, 2.0])
    optimiser.step()
    before = optimiser.state_dict(), optimiser.parameters
    numbers = data_vector(optimiser.parameters).tolist()
    with pytest.raises(error, match=said):
        attempt(optimiser)
    assert (optimiser.state_dict(), optimiser.parameters) == before
    assert data_vector(optimiser.parameters).tolist() == numbers


# Rules of one's own.


def test_a_rule_of_ones_own_and_its_options() -> None:
    class Pull(Optimiser):
        STATE = ("steps",)

        def __init__(
            self,
            parameters: Any,
            learning_rate: Annotated[float, not_negative],
            *,
            to: Annotated[float, finite] = 0.0,
        ) -> None:
            super().__init__(parameters, learning_rate, to=to)

        def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
            state["steps"] = state["steps"] + 1.0
            pulled = group.learning_rate * (gradients + numbers - group.to)
            return numbers - pulled / state["steps"]

    near, far = Value(1.0), Value(1.0)
    optimiser = Pull([{"parameters": [near]}, {"parameters": [far], "to": 9.0}], 0.5, to=1.0)
    for expected in ((1.0, 5.0), (1.0, 6.0)):
        near.grad = far.grad = 0.0
        optimiser.step()
        assert (near.data, far.data) == expected
    assert [group["to"] for group in optimiser.state_dict()["groups"]] == [1.0, 9.0]
    optimiser.groups[0].maximize = True  # as of all
    with pytest.raises(ValueError, match=r"Pull\(to=...\) takes a finite number"):
        Pull([near], 0.5, to=math.inf)
    with pytest.raises(ValueError, match="no option at; it has learning_rate, to, maximize"):
        optimiser.add_param_group({"parameters": [Value(1.0)], "at": 2.0})
    with pytest.raises(TypeError, match=r"Pull has no argument lr\. Did you mean learning_rate"):
        Pull([near], lr=0.5)
    with pytest.raises(NotImplementedError, match="Optimiser defines no `rule`"):
        Optimiser([near], learning_rate=1.0).step()


class Given(Optimiser):
    """Its rule gives what it is told to, and remembers more."""

    STATE = ("seen",)
    given: Any = staticmethod(lambda numbers: numbers + 1.0)
    remembered: Any = staticmethod(lambda numbers: {})

    def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
        state["seen"] += 7.0
        state |= self.remembered(numbers)
        return self.given(numbers)


def given(is_missing: bool = False) -> tuple[Given, list[Value]]:
    values = [Value(1.0), Value(2.0), Value(3.0)]
    assign_grad(values, [1.0, 1.0, 1.0])
    if is_missing:
        values.append(Value(4.0))  # without a gradient: it is passed by
    return Given(values, 0.1), values


NO_ROW = {
    r"gave None as {}": lambda numbers: None,
    r"gave 2\.0 as {}": lambda numbers: 2.0,
    r"as {}, of shape \(\) and": lambda numbers: np.array(2.0),
    r"as {}, of shape \(1,\) and": lambda numbers: numbers[:1],
    r"as {}, of shape \(1, 3\) and": lambda numbers: numbers[None],
    "as {}, .* type complex128": lambda numbers: numbers + 1j,
    "as {}, .* type object": lambda numbers: numbers.astype(object),
    "as {}, .* type bool": lambda numbers: numbers > 0.0,
    "as {}, .* type <U32": lambda numbers: numbers.astype(str),
    "as {}, .* none masked": lambda numbers: np.ma.masked_greater(numbers, 2.0),
}
FAULTS: list[tuple[str, str, Callable[[Any], Any]]] = [
    *((said.format("the new numbers"), "given", give) for said, give in NO_ROW.items()),
    *((said.format(r"state\['seen'\]"), "remembered", lambda xs, give=give: {"seen": give(xs)})
      for said, give in NO_ROW.items()),
    ("remembers seen, other, and its STATE names seen", "remembered", lambda numbers: {"other": 0}),
    ("division", "given", lambda numbers: 1 // 0),
]  # fmt: skip


@pytest.mark.parametrize("is_missing", [False, True])
@pytest.mark.parametrize(("said", "what", "give"), FAULTS)
def test_a_rule_that_gives_no_number_for_each_parameter_changes_nothing(
    said: str, what: str, give: Callable[[Any], Any], is_missing: bool
) -> None:
    optimiser, values = given(is_missing)
    setattr(optimiser, what, give)
    before = data_vector(values).tolist(), optimiser.state_dict()
    with pytest.raises((TypeError, ZeroDivisionError), match=said) as caught:
        optimiser.step()
    if said != "division":
        assert_is_sentence(str(caught.value))
    assert (data_vector(values).tolist(), optimiser.state_dict()) == before


@pytest.mark.parametrize("kind", [np.float32, np.longdouble, np.int64, list])
def test_real_numbers_of_any_type_are_the_new_numbers(kind: Any) -> None:
    optimiser, values = given()
    optimiser.given = lambda x: (x + 1.0).tolist() if kind is list else (x + 1.0).astype(kind)
    optimiser.step()
    assert data_vector(values).tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize("is_missing", [False, True])
def test_the_numbers_before_the_step_can_be_remembered(is_missing: bool) -> None:
    optimiser, values = given(is_missing)
    optimiser.remembered = lambda numbers: {"seen": numbers}
    optimiser.step()
    assert optimiser.state_dict()["state"]["seen"] == [1.0, 2.0, 3.0, 0.0][: len(values)]
    assert data_vector(values).tolist() == [2.0, 3.0, 4.0, 4.0][: len(values)]


def test_a_rule_that_fails_in_a_later_group_changes_nothing() -> None:
    optimiser, values = given()
    optimiser.add_param_group({"parameters": [Value(4.0)]})
    assign_grad(optimiser.parameters, [1.0] * 4)
    optimiser.given = lambda numbers: numbers if len(numbers) > 1 else 1 // 0
    with pytest.raises(ZeroDivisionError):
        optimiser.step()
    assert optimiser.state_dict()["state"] == {"seen": [0.0] * 4}
    assert data_vector(values).tolist() == [1.0, 2.0, 3.0]


class InHelper(Adam):
    """What the rule that it inherits calls writes over all that it is given."""

    def _step(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
        return overwriting(numbers, gradients, state, group)


class Wrapped(SGD):
    """Its rule looks as if it were that of SGD."""

    @functools.wraps(SGD.rule)
    def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
        return overwriting(numbers, gradients, state, group)


def overwriting(numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
    np.clip(gradients, -0.1, 0.1, out=gradients)
    for name in state:
        state[name] += 1.0
    numbers -= group.learning_rate * gradients
    return numbers


def overwriting_by_hand() -> Optimiser:
    optimiser = SGD([Value(3.0), Value(1.0)], 1.0)
    vars(optimiser)["rule"] = overwriting
    return optimiser


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: InHelper([Value(3.0), Value(1.0)], 1.0),
        lambda: Wrapped([Value(3.0), Value(1.0)], 1.0),
        overwriting_by_hand,
    ],
)
def test_a_rule_of_ones_own_may_write_over_what_it_is_given(
    make: Callable[[], Optimiser], many: bool
) -> None:
    optimiser, numbers, gradients = make(), np.array([3.0, 1.0]), np.array([5.0, -7.0])
    if many:
        optimiser.add_param_group({"parameters": [Value(2.0)]})
        numbers, gradients = np.append(numbers, 2.0), np.append(gradients, 0.0)
    given = numbers.tolist(), gradients.tolist()
    for count in (1.0, 2.0):
        moved = optimiser.moved(numbers, gradients)
        assert moved.tolist() == [2.9, 1.1, 2.0][: len(numbers)]
        assert (numbers.tolist(), gradients.tolist()) == given
        assert not any(np.shares_memory(moved, x) for x in (numbers, gradients))
        state = optimiser.state_dict()["state"]
        assert set(itertools.chain(*state.values())) == {count}


def test_a_rule_put_in_the_place_of_one_of_ours_moves_in_all_ways(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SGD, "rule", lambda self, *given: overwriting(*given))
    optimiser = SGD([w := Value(3.0)], 1.0)
    w.grad = 5.0
    optimiser.step()
    assert w.data == 2.9
    numbers = np.array([3.0])
    assert optimiser.moved(numbers, np.array([5.0])).tolist() == [2.9]
    assert numbers.tolist() == [3.0]


def test_fit_measures_the_gradients_that_a_rule_writes_over() -> None:
    def trained(kind: type[SGD]) -> Any:
        model = Neuron(1, activation="linear", seed=0)
        optimiser = kind(model.parameters(), 0.0)
        given = {"optimiser": optimiser, "epochs": 2, "health": False}
        return fit(model, mse, [[1.0], [2.0]], [5.0, 9.0], **given)

    assert trained(Wrapped).gradients == trained(SGD).gradients
