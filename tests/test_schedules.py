"""Schedules: the rates of PyTorch over the whole run, and what they refuse."""

import copy
import json
import math
import pickle
import random
from collections.abc import Callable
from typing import Any

import pytest

from glassgrad import (
    MLP,
    SGD,
    ReduceOnPlateau,
    Schedule,
    Value,
    cosine,
    fit,
    mse,
    ramp,
    step_decay,
    warm_up,
)
from glassgrad.engine.files import json_text
from glassgrad.nn.schedules import Rule

BASES = [0.5, 0.02]
ABSENT = object()


def optimiser(bases: list[float] = BASES) -> SGD:
    groups = [{"parameters": [Value(1.0)], "learning_rate": base} for base in bases]
    return SGD(groups, learning_rate=1.0)


def rates_of(schedule: Schedule, steps: int) -> list[list[float]]:
    found = [schedule.learning_rates]
    for _ in range(steps):
        schedule.step()
        found.append(schedule.learning_rates)
    return found


def rates_of_pytorch(
    make: Callable[..., Any], steps: int, bases: list[float] = BASES
) -> list[list[float]]:
    import torch

    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in bases]
    other = torch.optim.SGD(groups)
    schedule = make(torch.optim.lr_scheduler, other)
    found = [[group["lr"] for group in other.param_groups]]
    for _ in range(steps):
        other.step()
        schedule.step()
        found.append([group["lr"] for group in other.param_groups])
    return found


def warm_then_cosine(their: Any, o: Any) -> Any:
    rise = their.LinearLR(o, start_factor=0.1, total_iters=10)
    return their.SequentialLR(o, [rise, their.CosineAnnealingLR(o, T_max=30)], milestones=[10])


ROWS: list[tuple[Rule, int | None, int, Callable[..., Any]]] = [
    (step_decay(7), None, 40, lambda their, o: their.StepLR(o, 7)),
    (step_decay(1, 0.9), None, 40, lambda their, o: their.ExponentialLR(o, 0.9)),
    (step_decay(3, 0.5), None, 40, lambda their, o: their.StepLR(o, 3, gamma=0.5)),
    (cosine(), 40, 40, lambda their, o: their.CosineAnnealingLR(o, T_max=40)),
    (cosine(), 1, 1, lambda their, o: their.CosineAnnealingLR(o, T_max=1)),
    (ramp(), 5, 20, lambda their, o: their.LinearLR(o)),
    (ramp(0.25, 0.75, steps=8), 40, 20,
     lambda their, o: their.LinearLR(o, start_factor=0.25, end_factor=0.75, total_iters=8)),
    (ramp(1.0, 0.0), 10, 20,
     lambda their, o: their.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=10)),
    (warm_up(10, cosine(), start=0.1), 40, 40, warm_then_cosine),
    (warm_up(10, start=0.1), None, 40,
     lambda their, o: their.LinearLR(o, start_factor=0.1, total_iters=10)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "total", "steps", "make"), ROWS)
@pytest.mark.needs("torch")
def test_the_rates_are_those_of_pytorch(
    rule: Rule, total: int | None, steps: int, make: Callable[..., Any]
) -> None:
    found = rates_of(Schedule(optimiser(), rule, total), steps)
    expected = rates_of_pytorch(make, steps)
    for ours, theirs in zip(found, expected):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-16)
    assert len(found) == len(expected) == steps + 1


PLATEAUS: list[dict[str, Any]] = [
    {},
    {"factor": 0.5, "patience": 2},
    {"factor": 0.0, "patience": 0},
    {"patience": 1, "cooldown": 3},
    {"patience": 1, "threshold": 0.3},
    {"patience": 0, "factor": 0.3, "min_learning_rate": 0.01},
    {"patience": 0, "threshold": 1.0},
]


def metrics_of(seed: int) -> list[float]:
    """A metric that falls and stands still by turns, also below 0, with numbers that are none."""
    rng = random.Random(seed)
    found = [2.0 * math.exp(-step / 15) - 0.5 + rng.gauss(0.0, 0.3) for step in range(60)]
    found[20:22], found[0] = [math.nan, math.inf], rng.choice([math.nan, 3.0])
    return found


def from_state(write: Callable[..., str]) -> Callable[[Schedule], Schedule]:
    def remade(schedule: Schedule) -> Schedule:
        found = Schedule(optimiser([7.0, 8.0]), schedule.rule, schedule.total)
        found.load_state_dict(json.loads(write(schedule.state_dict())))
        return found

    return remade


RULES: list[Any] = [(rule, total, steps) for rule, total, steps, _ in ROWS]
RULES += [(ReduceOnPlateau(**options), None, 60) for options in PLATEAUS]
REMAKES = {
    "copied": copy.deepcopy,
    "pickled": lambda schedule: pickle.loads(pickle.dumps(schedule)),
    "of its state": from_state(json.dumps),
    "of its state in strict JSON": from_state(json_text),
}


@pytest.mark.parametrize("remake", REMAKES.values(), ids=REMAKES)
@pytest.mark.parametrize(("rule", "total", "steps"), RULES)
def test_one_that_is_remade_goes_on_from_where_the_schedule_is(
    rule: Any, total: int | None, steps: int, remake: Callable
) -> None:
    told = metrics_of(0)
    for split in (0, 1, steps // 2, steps):
        schedule = Schedule(optimiser(), rule, total)
        tell = lambda each, step, watches=schedule.watches: each.step(*told[step:][:watches])
        for step in range(split):
            tell(schedule, step)
        again = remake(schedule)
        assert again.optimiser is not schedule.optimiser
        for step in range(split, steps):
            assert again.learning_rates == schedule.learning_rates
            tell(schedule, step)
            tell(again, step)
        assert again.state_dict() == schedule.state_dict()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", PLATEAUS)
@pytest.mark.needs("torch")
def test_rates_go_down_on_a_plateau_as_in_pytorch(options: dict[str, Any], seed: int) -> None:
    import torch

    ours = Schedule(optimiser(), ReduceOnPlateau(**options))
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in BASES]
    other = torch.optim.SGD(groups)
    named = {"min_lr" if name == "min_learning_rate" else name: x for name, x in options.items()}
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **named)
    for step, metric in enumerate(metrics_of(seed)):
        if step == 30:  # a rate that is set by hand is what goes down next
            ours.optimiser.groups[1].learning_rate = other.param_groups[1]["lr"] = 0.4
        ours.step(metric)
        theirs.step(metric)
        expected = [group["lr"] for group in other.param_groups]
        assert ours.learning_rates == pytest.approx(expected, rel=1e-12, abs=0.0)


def fitted(rule: Rule, **options: Any) -> Any:
    X = [[x / 8] for x in range(-8, 9)]
    y = [math.sin(7.0 * x[0]) for x in X]
    model = MLP(1, [3, 1], output_activation="linear", seed=0)
    sgd = SGD(model.parameters(), 0.5)
    history = fit(model, mse, X, y, optimiser=sgd, schedule=rule, batch_size=4, health=False,
                  **options)  # fmt: skip
    assert sgd.learning_rate == 0.5  # its own, afterwards
    return history


@pytest.mark.parametrize("validation", [None, 0.25])
def test_fit_tells_the_loss_after_each_epoch(validation: float | None) -> None:
    rule = ReduceOnPlateau(factor=0.5, patience=1, threshold=0.01, cooldown=1)
    history = fitted(rule, epochs=20, validation=validation)
    by_hand = Schedule(optimiser([0.5]), rule)
    expected = []
    for loss in history["loss" if validation is None else "validation_loss"]:
        expected += by_hand.learning_rates
        by_hand.step(loss)
    assert history["learning_rate"] == expected
    assert len(set(expected)) > 2


def test_a_group_that_is_added_joins_with_the_rate_that_it_has() -> None:
    for rule in (step_decay(2, 0.5), ReduceOnPlateau(factor=0.5, patience=0)):
        schedule = Schedule(optimiser([1.0]), rule)
        told = [1.0] if schedule.watches else []
        schedule.step(*told)
        added = {"parameters": [Value(1.0)], "learning_rate": 0.25}
        schedule.optimiser.add_param_group(added)
        schedule.step(*told)
        assert schedule.learning_rates == [0.5, 0.125]
        again = Schedule(optimiser([9.0, 9.0]), rule)
        again.load_state_dict(schedule.state_dict())
        assert again.learning_rates == [0.5, 0.125]


@pytest.mark.needs("torch")
def test_a_floor_is_a_share_of_the_rate() -> None:
    found = rates_of(Schedule(optimiser([0.5]), cosine(floor=0.1), 40), 40)
    expected = rates_of_pytorch(
        lambda their, o: their.CosineAnnealingLR(o, T_max=40, eta_min=0.05), 40, [0.5]
    )
    for ours, theirs in zip(found, expected):
        assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        (cosine(), 0.0),
        (cosine(floor=0.25), 0.25),
        (ramp(1.0, 0.5), 0.5),
        (warm_up(3, cosine(floor=0.125)), 0.125),
    ],
)
def test_after_the_end_the_rate_stays(rule: Rule, last: float) -> None:
    for total in (4, 5, 10):
        assert [rule(step, total) for step in (total, total + 1, 10 * total)] == [last] * 3


@pytest.mark.parametrize("rule", [cosine(), ramp()])
def test_one_step_is_a_training_too(rule: Rule) -> None:
    assert all(math.isfinite(rule(step, 1)) for step in range(3))


def test_the_first_rate_is_there_before_the_first_step() -> None:
    moved = optimiser()
    schedule = Schedule(moved, warm_up(4))
    assert schedule.learning_rates == [0.0, 0.0]
    schedule.step()
    assert [group.learning_rate for group in moved.groups] == [0.125, 0.005]
    assert schedule.base_rates == (0.5, 0.02)


def test_a_rule_is_any_function() -> None:
    schedule = Schedule(optimiser([1.0]), lambda step, total: 1.0 / (1 + step))
    assert rates_of(schedule, 3) == [[1.0], [1 / 2], [1 / 3], [1 / 4]]
    after = warm_up(2, lambda step, total: 0.25 + step)  # from its own first step on
    assert [after(step, None) for step in (1, 2, 3)] == [0.5, 0.25, 1.25]


def test_rates_set_by_hand_are_overwritten() -> None:
    moved = optimiser([1.0])
    schedule = Schedule(moved, step_decay(2, 0.5))
    moved.learning_rate = 7.0
    schedule.step()
    assert moved.learning_rate == 1.0


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Schedule(None, cosine()), TypeError, "takes an optimiser"),
        (lambda: Schedule(optimiser(), 0.5), TypeError, "takes a rule"),
        (lambda: Schedule(optimiser(), cosine()), ValueError, "cosine needs the number of steps"),
        (lambda: Schedule(optimiser(), ramp()), ValueError, "ramp needs"),
        (lambda: Schedule(optimiser(), warm_up(5, cosine())), ValueError, "cosine needs"),
        (lambda: Schedule(optimiser(), cosine(), total=0), ValueError, "at least 1"),
        (lambda: Schedule(optimiser(), cosine(), total=2.5), TypeError, "whole number"),
        (lambda: Schedule(optimiser(), lambda s, t: -0.5), ValueError, r"gave -0.5 for step 0"),
        (lambda: Schedule(optimiser(), lambda s, t: None), TypeError, "real number"),
        (lambda: Schedule(optimiser([1e300]), lambda s, t: 1e300), ValueError, "finite"),
        (lambda: Schedule(optimiser(), warm_up(5, cosine()), 5), ValueError, "leaves none of 5"),
        (lambda: warm_up(0), ValueError, "at least 1"),
        (lambda: warm_up(3, then=0.5), TypeError, "takes a rule"),
        (lambda: warm_up(3, start=-0.1), ValueError, "0 or a positive"),
        (lambda: step_decay(0), ValueError, "at least 1"),
        (lambda: step_decay(5, math.nan), ValueError, "finite"),
        (lambda: cosine(floor=-1), ValueError, "0 or a positive"),
        (lambda: ramp(end=math.inf), ValueError, "finite"),
        (lambda: ramp(steps=0), ValueError, "at least 1"),
        (lambda: ReduceOnPlateau(factor=1.0), ValueError, "below 1"),
        (lambda: ReduceOnPlateau(patience=-1), ValueError, "at least 0"),
        (lambda: ReduceOnPlateau(threshold=-0.1), ValueError, "0 or a positive"),
        (lambda: ReduceOnPlateau(cooldown=0.5), TypeError, "whole number"),
        (lambda: ReduceOnPlateau(min_learning_rate=-1.0), ValueError, "0 or a positive"),
        (lambda: Schedule(optimiser(), ReduceOnPlateau()).step(), TypeError, "takes a number"),
        (lambda: Schedule(optimiser(), ReduceOnPlateau()).step(Value(1.0)), TypeError, "v.data"),
        (lambda: Schedule(optimiser(), ramp(steps=3)).step(1.0), TypeError, "take none"),
        (lambda: warm_up(3, then=ReduceOnPlateau()), TypeError, "takes a rule"),
        *((make, TypeError, rf" has no argument {name}\. Did you mean {meant}\?$")
          for make, name, meant in (
            (lambda: step_decay(step_size=3), "step_size", "every"),
            (lambda: step_decay(3, gamma=0.5), "gamma", "factor"),
            (lambda: cosine(eta_min=0.1), "eta_min", "floor"),
            (lambda: ramp(start_factor=0.1), "start_factor", "start"),
            (lambda: Schedule(optimiser(), cosine(), T_max=9), "T_max", "total"),
            (lambda: Schedule(optimizer=optimiser(), rule=cosine()), "optimizer", "optimiser"),
          )),
        (lambda: cosine(T_max=9), TypeError, r"takes floor\. How many .* Schedule, its total"),
        (lambda: warm_up(3, then=lambda step: 1.0), TypeError, r"all steps, not lambda\(step\)"),
        (lambda: Schedule(optimiser(), lambda step, total: None if step else 1.0, 9).sketch(),
         TypeError, "^The factor of the learning rate at step 1 takes a real number"),
        *((lambda name=name, given=given: setattr(Schedule(optimiser(), cosine(), 9), name, given),
           error, rf"^Schedule\.{name} {said}")
          for name, given, error, said in (
            ("total", -5, ValueError, "is at least 1"), ("total", 2.5, TypeError, "is a whole num"),
            ("step_count", -1, ValueError, "is at least 0"), ("rule", 0.5, TypeError, "takes a ru"),
            ("rule", cosine, TypeError, "takes a rule"), ("optimiser", 3, TypeError, "takes an op"),
          )),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Callable[[], Any], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        make()


@pytest.mark.parametrize("maker", [step_decay, cosine, ramp, warm_up, ReduceOnPlateau])
def test_what_makes_a_rule_is_none(maker: Any) -> None:
    name = maker.__name__
    said = rf"takes a rule such as cosine\(\), not {name}: call it, {name}\(\.\.\.\)\.$"
    with pytest.raises(TypeError, match=rf"^Schedule\(rule=\.\.\.\) {said}"):
        Schedule(optimiser(), maker, total=5)
    with pytest.raises(TypeError, match=rf"^warm_up\(then=\.\.\.\) {said}"):
        warm_up(3, then=maker)


def test_a_step_that_fails_changes_nothing() -> None:
    schedule = Schedule(optimiser(), lambda step, total: 1.0 - step)
    schedule.step()
    before = schedule.state_dict(), schedule.learning_rates
    for attempt in (
        schedule.step,
        lambda: schedule.load_state_dict({**before[0], "step_count": 2}),
    ):
        with pytest.raises(ValueError, match=r"gave -1\.0 for step 2"):
            attempt()
        assert (schedule.state_dict(), schedule.learning_rates) == before


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"total": 31}, "it has a total of 31, the schedule of 30"),
        ({"total": None}, "a total of None"),
        ({"step_count": -1}, "its step_count is at least 0, not -1"),
        ({"step_count": None}, "its step_count is null, and not a whole number"),
        ({"base_rates": [0.5]}, "its base_rates has 1 rate for 2 groups"),
        ({"base_rates": [0.5, -0.5]}, "its base_rates takes 0 or a positive number"),
        ({"best": "low"}, 'its best is "low", and not a number'),
        ({"bad_steps": -1}, "its bad_steps is at least 0"),
        ({"cooldown_left": -1}, "its cooldown_left is at least 0"),
        ({"rates": [0.5]}, "its rates has 1 rate for 2 groups"),
        ({"more": 1}, 'it has a field "more", which is unknown'),
        ({"total": ABSENT, "base_rates": ABSENT}, 'it lacks "total", "base_rates"'),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(entries: dict[str, Any], said: str) -> None:
    schedule = Schedule(optimiser(), cosine(), 30)
    if entries.keys() & {"best", "bad_steps", "cooldown_left", "rates"}:
        schedule = Schedule(optimiser(), ReduceOnPlateau(patience=0), 30)
    schedule.step(*[1.0] * schedule.watches)
    before = schedule.state_dict(), schedule.learning_rates
    changed = {**schedule.state_dict(), **entries}
    state = {name: entry for name, entry in changed.items() if entry is not ABSENT}
    with pytest.raises(ValueError, match=f"cannot take this state, and is unchanged.*{said}"):
        schedule.load_state_dict(state)
    with pytest.raises(TypeError, match="is a dict"):
        schedule.load_state_dict([])  # type: ignore[arg-type]
    assert (schedule.state_dict(), schedule.learning_rates) == before
