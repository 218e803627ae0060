"""Optimisers: the numbers of PyTorch, groups, states, and what they refuse."""

import copy
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
)
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.files import json_text
from glassgrad.nn.checks import finite, not_negative

RULES = [SGD, Adam, AdamW, RMSprop, Adagrad]

# Each rule with each of its options, and PyTorch's names for them.
ROWS: list[tuple[type[Optimiser], dict[str, Any]]] = [
    (SGD, {"learning_rate": 0.1}),
    (SGD, {"learning_rate": 0.1, "weight_decay": 0.01}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "dampening": 0.5}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "dampening": -0.5, "weight_decay": 0.1}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (SGD, {"learning_rate": 0.0, "momentum": 0.9}),
    (SGD, {"learning_rate": 0.01, "maximize": True}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.5, "maximize": True, "weight_decay": 0.1}),
    (Adam, {}),
    (Adam, {"learning_rate": 0.1, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.1}),
    (Adam, {"learning_rate": 0.1, "betas": (0.0, 0.0)}),
    (AdamW, {}),
    (AdamW, {"learning_rate": 0.1, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.3}),
    (AdamW, {"learning_rate": 0.1, "weight_decay": 0.0}),
    (RMSprop, {}),
    (RMSprop, {"learning_rate": 0.1, "alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    (RMSprop, {"momentum": 0.9}),
    (RMSprop, {"centered": True}),
    (RMSprop, {"momentum": 0.5, "centered": True, "weight_decay": 0.01}),
    (Adagrad, {}),
    (Adagrad, {"learning_rate": 0.1, "learning_rate_decay": 0.1, "weight_decay": 0.1}),
    (Adagrad, {"learning_rate": 0.1, "eps": 1e-3}),
    (Adam, {"amsgrad": True}),
    (AdamW, {"amsgrad": True, "betas": (0.5, 0.5), "weight_decay": 0.1, "maximize": True}),
    *[
        (rule, {"learning_rate": 0.1, "weight_decay": 0.1, "maximize": True})
        for rule in (Adam, AdamW, RMSprop, Adagrad)
    ],
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
    """Random gradients of all sizes, some of them 0; some missing."""
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


# As PyTorch.


Changes = Callable[[Optimiser, Any, list[Value], list[Any]], None]


def rates_by_hand(ours: Optimiser, other: Any, values: list[Value], tensors: list[Any]) -> None:
    ours.learning_rate = 0.2
    for group in other.param_groups:
        group["lr"] = 0.2


def one_rate(ours: Optimiser, other: Any, values: list[Value], tensors: list[Any]) -> None:
    ours.groups[-1].learning_rate = other.param_groups[-1]["lr"] = 0.3


OTHERS: dict[str, tuple[Any, Any]] = {
    "momentum": (0.5, 0.0), "dampening": (0.25, 0.0), "alpha": (0.5, 0.9),
    "betas": ((0.5, 0.6), (0.8, 0.7)),
}  # fmt: skip


def other_options(ours: Optimiser, other: Any, values: list[Value], tensors: list[Any]) -> None:
    group, theirs = ours.groups[0], other.param_groups[0]
    for name, (first, second) in OTHERS.items():
        # PyTorch makes the momentum of RMSprop in the first step only.
        is_fixed = theirs.get("nesterov") or (name == "momentum" and isinstance(ours, RMSprop))
        if name in group.options and not is_fixed:
            theirs[name] = second if theirs[name] == first else first
            setattr(group, name, theirs[name])


def added(ours: Optimiser, other: Any, values: list[Value], tensors: list[Any]) -> None:
    values += [Value(x) for x in some_numbers()]
    tensors += leaves(some_numbers())
    ours.add_param_group({"parameters": values[7:], "learning_rate": 0.3})
    other.add_param_group({"params": tensors[7:], "lr": 0.3})


SCENARIOS: dict[str, tuple[bool, dict[int, Changes], float, float | None]] = {
    "all gradients": (False, {}, 0.0, None),
    "some gradients": (False, {}, 0.3, None),
    "groups, and rates by hand": (True, {10: one_rate, 15: rates_by_hand}, 0.3, None),
    "other options": (False, {10: other_options, 20: other_options}, 0.0, None),
    "a group that is added": (False, {10: added}, 0.2, None),
    **{f"a gradient of {x}": (False, {}, 0.0, x) for x in (math.inf, -math.inf, math.nan, 1e200)},
}
"""Groups or none, what changes before a step, the share of missing gradients, and a hard one."""
SPECIAL = {"learning_rate": 0.03, "weight_decay": 0.2}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(("rule", "options"), ROWS, ids=IDS)
@pytest.mark.needs("torch")
def test_steps_are_those_of_pytorch(
    rule: type[Optimiser], options: dict[str, Any], scenario: str
) -> None:
    has_groups, changes, missing, hard = SCENARIOS[scenario]
    if options.get("centered") and hard == 1e200:  # that is inf - inf
        return
    values, tensors = [Value(x) for x in some_numbers()], leaves(some_numbers())
    if has_groups:
        options = {"learning_rate": 0.1, **options}
        ours = rule([{"parameters": values[:2]}, {"parameters": values[2:], **SPECIAL}], **options)
        special = {"lr": 0.03, "weight_decay": 0.2}
        groups = [{"params": tensors[:2]}, {"params": tensors[2:], **special}]
        other = theirs(rule, groups, options)
    else:
        ours, other = rule(values[:], **options), theirs(rule, tensors[:], options)
    for step in range(30):
        changes.get(step, lambda *_: None)(ours, other, values, tensors)
        gradients = gradients_at(step, len(values), missing)
        if hard is not None and step == 2:
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


# Parameters without a gradient, and arrays.


@pytest.mark.parametrize("rule", RULES)
def test_no_gradients_at_all_move_nothing_and_count_no_step(rule: Any) -> None:
    values = [Value(1.0), Value(-2.0)]
    optimiser = rule(values, learning_rate=0.1, weight_decay=0.5)
    before = optimiser.state_dict()
    optimiser.step()
    assert [value.data for value in values] == [1.0, -2.0]
    assert optimiser.state_dict() == before


@pytest.mark.parametrize(("rule", "options"), ROWS, ids=IDS)
def test_a_step_on_arrays_is_the_step(rule: type[Optimiser], options: dict[str, Any]) -> None:
    values, others = [Value(x) for x in some_numbers()], [Value(9.0) for _ in some_numbers()]
    on_values, on_arrays = rule(values, **options), rule(others, **options)
    numbers = data_vector(values)
    for step in range(20):
        found = gradients_at(step, len(values), missing=0.0)
        for value, gradient in zip(values, found):
            value.grad = gradient
        on_values.step()
        before = numbers.copy()
        moved = on_arrays.moved(numbers, found)
        assert (numbers == before).all()
        numbers = moved
        assert data_vector(values).tolist() == numbers.tolist()
    assert {value.data for value in others} == {9.0}
    assert on_values.state_dict()["groups"] == on_arrays.state_dict()["groups"]


def test_the_new_numbers_are_never_the_old_array() -> None:
    numbers = np.array([1.0, 2.0])
    optimiser = SGD([Value(0.0), Value(0.0)], 0.1, momentum=0.9)
    moved = optimiser.moved(numbers, [0.0, 0.0])
    assert moved is not numbers
    moved[0] = 7.0
    assert numbers.tolist() == [1.0, 2.0]


def test_a_rule_that_fails_changes_nothing() -> None:
    class Fails(SGD):
        def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
            state["velocity"][:] = 7.0
            if group is self.groups[1]:
                raise ZeroDivisionError
            return numbers + 1.0

    values = [Value(1.0), Value(2.0)]
    optimiser = Fails([{"parameters": [value]} for value in values], 0.1, momentum=0.9)
    assign_grad(values, [1.0, 1.0])
    before = optimiser.state_dict()
    with pytest.raises(ZeroDivisionError):
        optimiser.step()
    assert [value.data for value in values] == [1.0, 2.0]
    assert optimiser.state_dict() == before


@pytest.mark.parametrize("rule", RULES)
def test_a_recording_refuses_a_step(rule: Any) -> None:
    w = Value(1.0)
    w.grad = 1.0
    optimiser = rule([w], learning_rate=0.1)
    with pytest.raises(CompilationError, match=r"recorded|recording"):
        compiled(lambda x: x * 2.0 if optimiser.step() is None else x)(1.0)
    assert w.data == 1.0


# In use.


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
    two = SGD([{"parameters": [Value(1.0)]}, {"parameters": [Value(1.0)]}], 0.5)
    assert repr(two) == "SGD(2 parameters in 2 groups)"
    assert repr(two.groups[1]) == (
        "Group(1 parameter, learning_rate=0.5, momentum=0.0, dampening=0.0, weight_decay=0.0, "
        "nesterov=False, maximize=False)"
    )


# What cannot be.

NEGATIVE = "takes 0 or a positive number"


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda v: SGD(v, -0.1), ValueError, NEGATIVE),
        (lambda v: SGD(v, math.inf), ValueError, "finite"),
        (lambda v: SGD(v, 0.1, momentum=-0.1), ValueError, r"SGD\(momentum=...\) takes 0 or"),
        (lambda v: SGD(v, 0.1, dampening=math.nan), ValueError, "finite"),
        (lambda v: SGD(v, 0.1, weight_decay=-1), ValueError, NEGATIVE),
        (lambda v: SGD(v, 0.1, nesterov=True), ValueError, "needs a momentum above 0"),
        (lambda v: SGD(v, 0.1, momentum=0.9, dampening=0.1, nesterov=True), ValueError, "no damp"),
        (lambda v: SGD(v, 0.1, nesterov=1), TypeError, "True or False"),
        (lambda v: Adam(v, betas=(0.9, 1.0)), ValueError, "below 1"),
        (lambda v: Adam(v, betas=0.9), TypeError, "two numbers"),
        (lambda v: AdamW(v, eps=-1e-8), ValueError, NEGATIVE),
        (lambda v: RMSprop(v, alpha=1.0), ValueError, "below 1"),
        (lambda v: RMSprop(v, centered="yes"), TypeError, "True or False"),
        (lambda v: Adam([]), ValueError, "Adam of no parameters"),
        (lambda v: Adam(v[0]), TypeError, r"list of parameters.*model\.parameters\(\)"),
        (lambda v: Adam(Neuron(2)), TypeError, r"list of parameters.*Neuron"),
        (lambda v: Adam([v]), TypeError, "leaf Values, not a list"),
        (lambda v: Adam([v[0].detach()]), TypeError, "leaf Values"),
        (lambda v: Adam([v[0], v[0]]), ValueError, "the parameter a = 1 twice"),
        (lambda v: Adam([{"parameters": v}, {"parameters": v[:1]}]), ValueError, "twice"),
        (lambda v: Adam([{"parameters": []}]), ValueError, "of no parameters moves nothing"),
        (lambda v: Adam([{"params": v}]), TypeError, "Each group of Adam is a dict"),
        (lambda v: Adam([*v, {"parameters": [Value(1.0)]}]), TypeError, "leaf Values"),
        (lambda v: Adam([{"parameters": v[0]}]), TypeError, "takes a list of Values"),
        (lambda v: Adam(set(v)), TypeError, "A set has no order"),
        (lambda v: Adam([{"parameters": v, "lr": 0.1}]), ValueError, "no option lr; it has lear"),
        (lambda v: Adam([{"parameters": v, 3: 0.1}]), ValueError, "no option 3"),
        (lambda v: Adam([{"parameters": v, "eps": -1.0}]), ValueError, NEGATIVE),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    make: Callable[[list[Value]], Any], error: type, said: str
) -> None:
    with pytest.raises(error, match=said):
        make([Value(1.0, label="a"), Value(2.0, label="b")])


def test_one_rate_of_several_groups() -> None:
    groups = [{"parameters": [Value(1.0)]}, {"parameters": [Value(2.0)], "learning_rate": 0.2}]
    optimiser = SGD(groups, 0.1)
    with pytest.raises(ValueError, match=r"different learning rates: 0\.1, 0\.2"):
        _ = optimiser.learning_rate
    with pytest.raises(ValueError, match=NEGATIVE):
        optimiser.learning_rate = -1.0
    assert [group.learning_rate for group in optimiser.groups] == [0.1, 0.2]
    optimiser.learning_rate = 0
    assert optimiser.learning_rate == 0.0


# States.


def steps_from(optimiser: Optimiser, steps: range) -> Iterator[list[float]]:
    for step in steps:
        found = gradients_at(step, len(optimiser.parameters), missing=0.2)
        for value, gradient in zip(optimiser.parameters, found):
            value.grad = NOT_COMPUTED if gradient is None else gradient
        optimiser.step()
        yield data_vector(optimiser.parameters).tolist()


def made(rule: Any, options: dict[str, Any], rate: float | None = None) -> Any:
    values = [Value(x) for x in some_numbers()]
    special = {"learning_rate": 0.03} if rate is None else {"learning_rate": rate}
    groups = [{"parameters": values[:3]}, {"parameters": values[3:], **special}]
    return rule(groups, **{"learning_rate": 0.1, **options})


@pytest.mark.parametrize("write", [json.dumps, json_text], ids=["json", "strict json"])
@pytest.mark.parametrize(("rule", "options"), ROWS, ids=IDS)
def test_an_optimiser_continues_with_the_same_bits(
    rule: type[Optimiser], options: dict[str, Any], write: Callable[..., str]
) -> None:
    first, second = made(rule, options), made(rule, {}, rate=0.7)
    for _ in steps_from(first, range(10)):
        pass
    assign(second.parameters, data_vector(first.parameters))
    second.load_state_dict(json.loads(write(first.state_dict())))
    assert second.state_dict() == first.state_dict()
    for ours, others in zip(steps_from(first, range(10, 20)), steps_from(second, range(10, 20))):
        assert ours == others


def test_numbers_that_json_has_not_are_restored() -> None:
    first, second = Adam([Value(1.0)]), Adam([Value(1.0)])
    first.parameters[0].grad = math.inf
    first.step()
    second.load_state_dict(json.loads(json_text(first.state_dict())))
    assert second.state_dict()["state"] == first.state_dict()["state"]
    assert second.state_dict()["state"]["mean"] == [math.inf]


def test_a_state_is_a_copy() -> None:
    optimiser = Adam([Value(1.0)])
    state = optimiser.state_dict()
    optimiser.load_state_dict(state)
    state["state"]["mean"][0] = state["groups"][0]["betas"][0] = 0.5
    assert optimiser.state_dict()["state"]["mean"] == [0.0]
    assert optimiser.groups[0].betas == (0.9, 0.999)


ABSENT = object()


def changed(*path: Any, to: Any) -> Callable[[dict[str, Any]], Any]:
    def change(state: dict[str, Any]) -> Any:
        inner: Any = state
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to
        if to is ABSENT:
            del inner[path[-1]]
        return state

    return change


def adam() -> Optimiser:
    return Adam([Value(1.0, label="a"), Value(2.0, label="b")], 0.1)


def nesterov() -> Optimiser:
    return SGD([Value(1.0), Value(2.0)], 0.1, momentum=0.9, nesterov=True)


def row(act: str, *given: Any) -> Callable[[Optimiser], Any]:
    """An attempt: what is called, or an option of the first group that is set."""
    if act in ("moved", "load_state_dict"):
        return lambda optimiser: getattr(optimiser, act)(*given)
    return lambda optimiser: setattr(optimiser.groups[0], act, *given)


def loaded(*path: Any, to: Any) -> Callable[[Optimiser], Any]:
    change = changed(*path, to=to)
    return lambda optimiser: optimiser.load_state_dict(change(optimiser.state_dict()))


def joined(group: Callable[[list[Value]], Any]) -> Callable[[Optimiser], Any]:
    return lambda optimiser: optimiser.add_param_group(group(optimiser.parameters))


MASKED = np.ma.masked_array([1.0, 2.0], [False, True])
FITS = "Adam cannot take this state, and is unchanged.*"
REFUSED: list[tuple[Callable[[], Optimiser], Callable[[Optimiser], Any], type, str]] = [
    *((adam, row("moved", *arrays), error, said) for arrays, error, said in (
        (([1.0], [1.0, 2.0]), ValueError, r"moved\(numbers=...\) takes a real number for each"),
        (([1.0, 2.0], [[1.0, 2.0]]), ValueError, r"moved\(gradients=...\).*shape \(1, 2\)"),
        (([1.0, 2.0], ["1", "2"]), TypeError, "takes a real number"),
        (([1.0, 2.0], [1j, 2.0]), TypeError, "takes a real number"),
        (([Value(1.0), Value(2.0)], [1.0, 2.0]), TypeError, "takes a real number"),
        ((MASKED, [1.0, 2.0]), TypeError, r"moved\(numbers=...\) has masked entries"),
        (([1.0, 2.0], MASKED), TypeError, r"moved\(gradients=...\) has masked entries"),
    )),
    *((nesterov, row(name, option), error, said) for name, option, error, said in (
        ("learning_rate", -1.0, ValueError, NEGATIVE), ("momentum", 0.0, ValueError, "nesterov"),
        ("learning_rate", math.nan, ValueError, "finite"),
        ("learning_rate", None, TypeError, "real number"),
        ("dampening", 0.1, ValueError, "nesterov"), ("lr", 0.1, AttributeError, "no option lr"),
        ("parameters", [], AttributeError, "no option parameters"),
    )),
    *((adam, joined(group), error, said) for group, error, said in (
        (lambda v: {"parameters": v[:1]}, ValueError, "the parameter a = .* twice"),
        (lambda v: {"parameters": [Value(1.0)], "beta": 1}, ValueError, "no option beta"),
        (lambda v: {"parameters": []}, ValueError, "of no parameters moves nothing"),
        (lambda v: [Value(1.0)], TypeError, "is a dict such as"),
        (lambda v: {"params": v, "lr": 1}, TypeError, "not one with 'params', 'lr'"),
    )),
    *((adam, row("load_state_dict", state), TypeError, "A state of Adam is a dict")
      for state in (None, [], "{}", 3)),
    *((adam, loaded(*path, to=to), ValueError, FITS + said) for *path, to, said in (
        # How each type is checked is in test_decoding.py.
        ("rule", "SGD", "is one of SGD"), ("rule", ABSENT, 'lacks "rule"'),
        ("state", "mean", ABSENT, 'its state lacks "mean"'),
        ("groups", 0, "eps", ABSENT, 'its group 0 lacks "eps"'),
        ("more", 1, 'has a field "more", which is unknown'), ("a\x1b", 1, "unknown"),
        ("groups", 0, "lr", 1, 'its group 0 has a field "lr"'),
        ("state", "velocity", [0.0], 'its state has a field "velocity"'),
        ("groups", [], "has no groups, and the optimiser has groups of 2"),
        ("groups", 0, "parameters", 3, "groups of 3 parameters, and .* groups of 2"),
        ("groups", 0, "learning_rate", -1.0, NEGATIVE),
        ("groups", 0, "learning_rate", 10**400, "scale it down"),
        ("groups", 0, "betas", [0.9], "two numbers"),
        ("state", "mean", [1.0], "mean has 1 number, and the optimiser 2 parameters"),
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


def test_the_state_of_an_added_group_is_that_of_one_from_the_beginning() -> None:
    values = [Value(x) for x in some_numbers()]
    optimiser = RMSprop(values[:3], momentum=0.5, centered=True)
    optimiser.add_param_group({"parameters": values[3:], "learning_rate": 0.3})
    again = RMSprop([{"parameters": values[:3]}, {"parameters": values[3:]}])
    again.load_state_dict(optimiser.state_dict())
    assert again.state_dict() == optimiser.state_dict()


# Groups that are added.


# A rule of one's own.


def test_a_rule_of_ones_own() -> None:
    class Slow(Optimiser):
        STATE = ("steps",)

        def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
            state["steps"] = state["steps"] + 1.0
            return numbers - group.learning_rate * gradients / state["steps"]

    w = Value(1.0)
    optimiser = Slow([w], learning_rate=0.5)
    for _ in range(2):
        w.grad = 1.0
        optimiser.step()
    assert w.data == 0.25
    with pytest.raises(ValueError, match="no option momentum; it has learning_rate, maximize"):
        Slow([w], 0.1, momentum=0.5)
    with pytest.raises(TypeError, match="learning_rate"):
        Slow([w])
    w.grad = 1.0
    with pytest.raises(NotImplementedError, match="Optimiser defines no `rule`"):
        Optimiser([w], learning_rate=1.0).step()


def test_options_of_ones_own() -> None:
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
            return numbers - group.learning_rate * (gradients + numbers - group.to)

    near, far = Value(1.0), Value(1.0)
    optimiser = Pull([{"parameters": [near]}, {"parameters": [far], "to": 9.0}], 0.5, to=1.0)
    near.grad = far.grad = 0.0
    optimiser.step()
    assert (near.data, far.data) == (1.0, 5.0)
    assert optimiser.state_dict()["groups"][1]["to"] == 9.0
    optimiser.groups[0].maximize = True
    with pytest.raises(ValueError, match=r"Pull\(to=...\) takes a finite number"):
        Pull([near], 0.5, to=math.inf)
    with pytest.raises(AttributeError, match=r"write optimiser\.groups\[0\]\.to = "):
        optimiser.to = 3.0
    with pytest.raises(AttributeError, match=r"of Pull: read optimiser\.groups\[0\]\.to\."):
        _ = optimiser.to
    assert not hasattr(optimiser, "betas")
    with pytest.raises(AttributeError, match="Pull has no option betas; it has learning_rate, to"):
        _ = optimiser.groups[0].betas
    with pytest.raises(TypeError, match=r"Pull has no argument lr\. Did you mean learning_rate"):
        Pull([near], lr=0.5)


class Given(Optimiser):
    """Its rule gives what it is told to, and remembers more."""

    STATE = ("seen",)
    given: Any = staticmethod(lambda numbers: numbers)
    remembered: Any = staticmethod(lambda numbers: {})

    def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
        state |= self.remembered(numbers)
        return self.given(numbers)


NO_ROW = {
    "None": lambda numbers: None,
    "2.0": lambda numbers: 2.0,
    r"shape \(\) and": lambda numbers: np.array(2.0),
    r"shape \(1,\) and": lambda numbers: numbers[:1],
    r"shape \(1, 3\) and": lambda numbers: numbers[None],
    "type complex128": lambda numbers: numbers + 1j,
    "type object": lambda numbers: numbers.astype(object),
    "type bool": lambda numbers: numbers > 0.0,
    "type <U32": lambda numbers: numbers.astype(str),
    "masked entries": lambda numbers: np.ma.masked_greater(numbers, 2.0),
    r"\['a', 'b', 'c'\]": lambda numbers: ["a", "b", "c"],
}


@pytest.mark.parametrize("is_missing", [False, True])
@pytest.mark.parametrize("said", NO_ROW)
@pytest.mark.parametrize("what", ["the new numbers", r"state\['seen'\]"])
def test_what_is_no_number_for_each_parameter_is_refused_and_changes_nothing(
    what: str, said: str, is_missing: bool
) -> None:
    values = [Value(1.0), Value(2.0), Value(3.0)]
    assign_grad(values, [1.0, 1.0, 1.0])
    if is_missing:
        values.append(Value(4.0))  # without a gradient: it is passed by
    optimiser, give = Given(values, 0.1), NO_ROW[said]
    if what == "the new numbers":
        optimiser.given = give
    else:
        optimiser.remembered = lambda numbers: {"seen": give(numbers)}
    before = data_vector(values).tolist(), optimiser.state_dict()
    with pytest.raises(TypeError, match=f"The rule of Given gave .*{said}.* as {what}") as caught:
        optimiser.step()
    assert_is_sentence(str(caught.value))
    assert (data_vector(values).tolist(), optimiser.state_dict()) == before


@pytest.mark.parametrize("kind", [np.float32, np.longdouble, np.int64, list])
def test_real_numbers_of_any_type_are_the_new_numbers(kind: Any) -> None:
    values = [Value(1.0), Value(2.0)]
    assign_grad(values, [1.0, 1.0])
    optimiser = Given(values, 0.1)
    optimiser.given = lambda x: (x + 1.0).tolist() if kind is list else (x + 1.0).astype(kind)
    optimiser.step()
    assert data_vector(values).tolist() == [2.0, 3.0]


def test_what_its_class_does_not_name_would_be_forgotten() -> None:
    w = Value(1.0)
    w.grad = 1.0
    optimiser = Given([w], 0.1)
    optimiser.remembered = lambda numbers: {"other": numbers}
    with pytest.raises(TypeError, match="remembers seen, other, and its STATE names seen"):
        optimiser.step()
    assert w.data == 1.0


@pytest.mark.parametrize("is_missing", [False, True])
def test_the_numbers_before_the_step_can_be_remembered(is_missing: bool) -> None:
    values = [Value(1.0), Value(2.0)]
    assign_grad(values, [1.0, 1.0])
    if is_missing:
        values.append(Value(4.0))
    optimiser = Given(values, 0.1)
    optimiser.given = lambda numbers: numbers + 1.0
    optimiser.remembered = lambda numbers: {"seen": numbers}
    optimiser.step()
    assert optimiser.state_dict()["state"]["seen"] == [1.0, 2.0, 0.0][: len(values)]


def test_a_rule_may_write_over_what_it_is_given() -> None:
    class Written(Optimiser):
        STATE = ("moves",)

        def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
            gradients *= group.learning_rate
            numbers -= gradients
            state["moves"] += gradients
            if numbers.min() < 0.0:
                raise ArithmeticError("too far")
            return numbers

    numbers, gradients = np.array([3.0, 1.0]), np.array([1.0, 1.0])
    optimiser = Written([Value(3.0), Value(1.0)], learning_rate=0.5)
    assert optimiser.moved(numbers, gradients).tolist() == [2.5, 0.5]
    with pytest.raises(ArithmeticError, match="too far"):
        optimiser.moved(numbers, 4.0 * gradients)
    assert optimiser.state_dict()["state"] == {"moves": [0.5, 0.5]}
    assert (numbers.tolist(), gradients.tolist()) == ([3.0, 1.0], [1.0, 1.0])


@pytest.mark.parametrize("typed", ["lr", "learing_rate"])
def test_a_mistyped_option_is_no_attribute(typed: str) -> None:
    with pytest.raises(AttributeError, match=f"SGD has no {typed}. Did you mean learning_rate?"):
        setattr(SGD([Value(1.0)], 0.1), typed, 0.5)
