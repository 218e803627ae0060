"""Losses and penalties: PyTorch's numbers and gradients, also compiled, and clear refusals."""

import itertools
import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from fitting import Made
from outputs import assert_is_sentence
from sequences import OF_NUMBERS, OF_VALUES, Column, Table

from glassgrad import (
    MLP,
    SGD,
    Value,
    binary_cross_entropy_with_logits,
    check_health,
    compiled,
    cross_entropy,
    fit,
    grad,
    grad_vector,
    hinge,
    huber,
    l1,
    l2,
    left_out,
    mae,
    mse,
    predict,
)
from glassgrad.nn.torch import to_torch

INF, NAN = math.inf, math.nan
GENERATOR = np.random.default_rng(7)
NUMBERS = [0.0, 1.0, -1.0, 0.3, -2.5, 1e-30, -1e-30, 1e-8, 5.0, 40.0, -40.0, 1000.0, -1000.0]
ELEMENTWISE = {
    "mse": (mse, "mse_loss", [0.0, 1.0, -0.5, 1e-30, 1000.0], {}),
    "mae": (mae, "l1_loss", [0.0, 1.0, -0.5, 1e-30, 1000.0], {}),
    "huber": (huber, "huber_loss", [0.0, 1.0, -0.5, 1e-30, 1000.0], {}),
    "huber of 2.5": (huber, "huber_loss", [0.0, 2.5, 40.0], {"delta": 2.5}),
    "bce": (
        binary_cross_entropy_with_logits,
        "binary_cross_entropy_with_logits",
        [0.0, 1.0, 0.5, 1e-30, 0.999],
        {},
    ),
}


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 1e-3)


def data(nested):
    return [data(part) for part in nested] if isinstance(nested, list) else nested.data


def of_torch(function, prediction, target, **options):
    """A loss of PyTorch and its gradient by the prediction (of the sum, where it is no number)."""
    import torch

    p = torch.tensor(prediction, dtype=torch.float64, requires_grad=True)
    whole = function == "cross_entropy" and np.asarray(target).ndim < np.asarray(prediction).ndim
    t = torch.tensor(target, dtype=torch.long if whole else torch.float64)
    options = {
        name: torch.tensor(option, dtype=torch.float64) if "weight" in name else option
        for name, option in options.items()
    }
    loss = getattr(torch.nn.functional, function)(p, t, **options)
    loss.sum().backward()
    return loss.detach().numpy(), p.grad.numpy()


def of_ours(loss, prediction, target, **options):
    """The same of ours."""
    shape = np.shape(prediction)
    leaves = [Value(p) for p in np.ravel(prediction)]
    nested = np.array(leaves, object).reshape(shape).tolist()
    result = loss(nested, target, **options)
    flat = np.ravel(np.array(result, object))
    total = flat[0]
    for each in flat[1:]:
        total = total + each
    total.backward()
    return np.array(data(result)), grad_vector(leaves).reshape(shape)


# PyTorch


PAIRS = {
    "numbers": lambda targets: np.array([(p, t) for p in NUMBERS for t in targets]).T,
    **{
        f"of shape {shape}": lambda _, shape=shape: (
            np.array(GENERATOR.normal(size=shape)), np.array(GENERATOR.random(shape))
        )
        for shape in [(), (1,), (6,), (2, 3), (6, 1), (1, 6), (3, 1, 2)]
    },
}  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("title", ELEMENTWISE)
@pytest.mark.needs("torch")
def test_numbers_and_gradients_are_those_of_pytorch(title, pairs, reduction):
    loss, function, targets, options = ELEMENTWISE[title]
    prediction, target = (each.tolist() for each in PAIRS[pairs](targets))
    expected, slopes = of_torch(function, prediction, target, reduction=reduction, **options)
    found, gradient = of_ours(loss, prediction, target, reduction=reduction, **options)
    assert found.shape == expected.shape
    close(found, expected)
    close(gradient, slopes)


CLASS_WEIGHTS = [0.5, 0.0, 2.0, 1.5]
OPTIONS = [
    dict(zip(names, options))
    for names in itertools.chain.from_iterable(
        itertools.combinations(("weight", "ignore_index", "label_smoothing"), count)
        for count in range(4)
    )
    for options in [[{"weight": CLASS_WEIGHTS, "ignore_index": -100, "label_smoothing": 0.3}[name]
                     for name in names]]
]  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("options", [*OPTIONS, {"ignore_index": 2}, {"label_smoothing": 1.0}])
@pytest.mark.parametrize("scale", [1.0, 1000.0, 1e-30])
@pytest.mark.needs("torch")
def test_cross_entropy_is_that_of_pytorch(options, soft, reduction, scale):
    generator = np.random.default_rng(3)
    logits = scale * generator.normal(size=(7, 4))
    target = generator.dirichlet([1.0] * 4, size=7) if soft else generator.integers(0, 4, size=7)
    if soft and "ignore_index" in options:
        with pytest.raises(ValueError, match="is for classes; these are shares"):
            cross_entropy(logits, target, **options)
        return
    if "ignore_index" in options:
        target[[1, 5]] = options["ignore_index"]
    options = {**options, "reduction": reduction}
    expected, slopes = of_torch("cross_entropy", logits.tolist(), target.tolist(), **options)
    found, gradient = of_ours(cross_entropy, logits.tolist(), target.tolist(), **options)
    close(found, expected)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-15)
    if reduction == "none":
        return
    program = compiled(lambda z, t: cross_entropy(z, t, **options))
    leaves = [[Value(z) for z in row] for row in logits]
    together = program(leaves, target)
    close(together.data, expected)
    slopes_of_values = np.reshape(grad(together, [z for row in leaves for z in row]), slopes.shape)
    np.testing.assert_allclose(slopes_of_values, slopes, rtol=1e-12, atol=1e-15)
    if reduction == "sum":  # over a batch, sample by sample
        close(program.over(logits, target, reduction="sum").data, expected)


@pytest.mark.parametrize("options", [{"label_smoothing": 0.5}, {"ignore_index": 1}, {}])
def test_the_mean_of_samples_that_count_nothing_is_nan(options):
    """As in PyTorch, though smoothing leaves a loss, which was divided by 0."""
    weight, target = [0.0, 1.0], [0, 1] if "ignore_index" in options else [0, 0]
    mean = partial(cross_entropy, weight=weight, **options)
    recorded = compiled(lambda a, b, t, u: mean([[a, b], [b, a]], [t, u]))
    for found in (mean([[1.0, 2.0], [2.0, 1.0]], target), recorded(1.0, 2.0, *target)):
        assert math.isnan(found.data)


@pytest.mark.parametrize(("target", "is_kept"), [(1, True), (-100, False)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_one_sample_may_be_ignored(target, is_kept, reduction):
    """Without weights its mean has nothing that cancels."""
    logits, whole = [1.0, 2.0], cross_entropy([1.0, 2.0], 1).data
    function = partial(cross_entropy, ignore_index=-100, reduction=reduction)
    recorded = compiled(lambda a, b, t: function([a, b], t))
    for found in (function(logits, target), recorded(*logits, target)):
        expected = whole if is_kept else math.nan if reduction == "mean" else 0.0
        np.testing.assert_array_equal(found.data, expected)


@pytest.mark.parametrize("held_out", [False, True])
def test_a_mean_of_one_ignored_sample_is_refused_before_a_training(held_out):
    """It said that the learning rate is too high."""
    X, y = np.random.default_rng(0).normal(size=(12, 2)), np.arange(12) % 3
    model, loss = MLP(2, [3], output_activation="linear", seed=0), cross_entropy
    before, others = model.state_dict(), {"validation": (X, y)} if held_out else {}
    train = lambda **choice: fit(
        model,
        partial(loss, ignore_index=2, **choice),
        *(X, y % 2 if held_out else y),
        **{**others, "epochs": 1, "health": False},
    )
    with pytest.raises(ValueError, match="is nan for the target 2, whatever") as caught:
        train()
    assert_is_sentence(str(caught.value))
    assert model.state_dict() == before
    assert math.isfinite(train(reduction="sum")["loss"][0])


def test_a_loss_that_is_nan_for_some_outputs_is_trained_on():
    """The first output is none that its smallest target takes; that of its own sample is one."""
    loss = lambda output, target: (output - target).sqrt()
    slope = Made(lambda m, x: m.w * x, w=Value(1.0))
    x = np.array([1.0, 5.0])
    assert math.isnan(loss(slope(1.0), 4.0).data)
    history = fit(slope, loss, x, [0.5, 4.0], epochs=1, batch_size=2, health=False)
    assert math.isfinite(history["loss"][0])


def test_an_ignored_sample_is_0_with_gradients_of_0():
    """It is part of the graph, so that a training of nothing but these can begin; also where a
    logit is infinite.
    """
    for logit in (1.0, math.inf):
        leaves = [Value(logit), Value(2.0)]
        found = cross_entropy(leaves, -100, ignore_index=-100, reduction="sum")
        found.backward()
        assert [found.data, *(leaf.grad for leaf in leaves)] == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match=r"from 0 to 1, not 5\."):
        cross_entropy([ONE], [5], ignore_index=-100)


@pytest.mark.parametrize("options", [{}, {"batch_size": 1}, {"compiled": False, "batch_size": 1}])
def test_samples_of_which_few_are_labelled_are_trained(options):
    X, y = np.random.default_rng(0).normal(size=(24, 2)), [-100] * 16 + [0, 1] * 4
    loss = partial(cross_entropy, ignore_index=-100, reduction="sum")
    model, other = (MLP(2, [2], output_activation="linear", seed=0) for _ in range(2))
    assert check_health(model, loss, X[:4], y[:4]).loss == 0.0
    assert left_out(loss([model(x) for x in X[:4]], y[:4]), model.parameters()) == []
    for network, places in ((model, slice(None)), (other, slice(16, None))):
        optimiser = SGD(network.parameters(), 0.1)
        history = fit(network, loss, X[places], y[places], optimiser=optimiser, epochs=2,
                      shuffle=False, **options)  # fmt: skip
        assert history.epochs == 2
    if options:  # a step without a gradient moves nothing
        close(predict(model, X), predict(other, X))


def test_a_mean_that_forgets_its_weight_is_refused():
    """Also in `fit`, which gives a loss one sample at a time."""
    weighted = partial(cross_entropy, weight=[1.0, 5.0])
    with pytest.raises(ValueError, match=r'which cancels\. Write reduction="sum"'):
        fit(MLP(1, [2], seed=0), weighted, [[0.0], [1.0]], [0, 1], epochs=1)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.needs("torch")
def test_a_training_with_weights_is_that_of_pytorch(compiled):
    import torch

    X, y, weight = [[0.0], [1.0], [2.0], [0.5]], [0, 1, 2, 1], [0.5, 2.0, 1.0]
    model = MLP(1, [3], output_activation="linear", seed=1)
    there = to_torch(model)
    loss = partial(cross_entropy, weight=weight, label_smoothing=0.1, reduction="sum")
    fit(model, loss, X, y, optimiser=SGD(model.parameters(), 0.5), epochs=5, batch_size=4,
        shuffle=False, compiled=compiled)  # fmt: skip
    theirs = torch.optim.SGD(there.parameters(), 0.5)
    for _ in range(5):
        theirs.zero_grad()
        found = torch.nn.functional.cross_entropy(
            there(torch.tensor(X, dtype=torch.float64)), torch.tensor(y), label_smoothing=0.1,
            weight=torch.tensor(weight, dtype=torch.float64), reduction="sum",
        )  # fmt: skip
        (found / 4).backward()
        theirs.step()
    expected = there(torch.tensor(X, dtype=torch.float64)).detach().numpy()
    close(predict(model, X), expected, 1e-11)


def test_a_share_or_weight_of_zero_takes_no_part_beside_an_infinite_logit():
    found, gradient = of_ours(cross_entropy, [-INF, 0.0, 0.0], [0.0, 0.5, 0.5])
    close(found, math.log(2.0))
    close(gradient, [0.0, 0.0, 0.0])
    total, light = {"reduction": "sum"}, {"reduction": "sum", "weight": [0.0, 1.0]}
    for logit, target, options, expected in (
        (-INF, 0, {}, INF),
        (-INF, 1, {**total, "weight": [1.0, 1.0]}, 0.0),
        (-INF, 1, {**total, "weight": [Value(1.0), Value(1.0)]}, 0.0),
        (-INF, [0.0, 1.0], {"weight": [0.0, 2.0], "label_smoothing": 0.5}, 0.0),
        (-INF, [0.5, 0.5], {}, INF),
        (-INF, 0, {"label_smoothing": 1.0}, INF),
        (-INF, 0, light, 0.0),
        (INF, 0, {**light, "label_smoothing": 0.3}, INF),
        (INF, 0, {**light, "label_smoothing": 1.0}, INF),
    ):
        assert cross_entropy([logit, 0.0], target, **options).data == expected


def test_a_nan_is_never_masked():
    for loss, *_ in ELEMENTWISE.values():
        assert math.isnan(loss([NAN, 1.0], [1.0, 1.0]).data)
    assert math.isnan(hinge(NAN, 1).data)
    assert math.isnan(cross_entropy([NAN, 1.0], 1).data)
    assert math.isnan(cross_entropy([NAN, 1.0], Value(1.0)).data)


# Formulas that PyTorch has not, or not as well


HINGE = [(0.5, 1, 0.5, -1.0), (0.5, -1, 1.5, 1.0), (1.0, 1, 0.0, 0.0), (-1.0, -1, 0.0, 0.0),
         (3.0, 1, 0.0, 0.0), (-1000.0, 1, 1001.0, -1.0), (0.0, True, 1.0, -1.0)]  # fmt: skip


@pytest.mark.parametrize(("score", "label", "expected", "slope"), HINGE)
def test_the_hinge(score, label, expected, slope):
    z = Value(score)
    loss = hinge(z, label)
    loss.backward()
    assert (loss.data, z.grad) == (expected, slope)


# log1p(exp(-z)) and 1 / (1 + exp(z)), with 50 digits
FAR_OUT = [
    (40.0, 4.248354255291589e-18, -4.248354255291589e-18),
    (100.0, 3.720075976020836e-44, -3.720075976020836e-44),
    (700.0, 9.859676543759770e-305, -9.859676543759770e-305),
    (20.0, 2.061153620314381e-09, -2.0611536181902037e-09),
]


@pytest.mark.parametrize(("z", "value", "slope"), FAR_OUT)
@pytest.mark.parametrize("label", [0, 1])
def test_the_binary_loss_keeps_its_digits_far_out(z, value, slope, label):
    logit = Value(z if label else -z)
    loss = binary_cross_entropy_with_logits(logit, label)
    loss.backward()
    assert loss.data == pytest.approx(value, rel=1e-14, abs=0)
    assert logit.grad == pytest.approx(slope if label else -slope, rel=1e-14, abs=0)


def test_gradients_reach_targets_too():
    p, t = Value(2.0), Value(0.5)
    mse(p, t).backward()
    assert (p.grad, t.grad) == (3.0, -3.0)
    shares = [Value(0.25), Value(0.75)]
    cross_entropy([0.0, math.log(3.0)], shares).backward()
    close([s.grad for s in shares], [math.log(4.0), math.log(4.0 / 3.0)])


def test_delta_may_be_a_value():
    delta = Value(1.0)
    huber([Value(3.0)], [0.0], delta=delta).backward()
    assert delta.grad == 2.0  # of delta·e - delta²/2


# Shapes


SAME = [
    ([1.0, 2.0], [[1.0], [0.0]]), ([[1.0], [2.0]], [1.0, 0.0]), ([[1.0], [2.0]], [[1.0], [0.0]]),
    (np.array([1.0, 2.0]), (1, 0)), (np.array([[1.0], [2.0]]), np.array([1, 0])),
    ([np.float64(1.0), Value(2.0)], [Fraction(1), False]), ((1.0, [2.0][0]), [True, np.int64(0)]),
]  # fmt: skip


@pytest.mark.parametrize(("prediction", "target"), SAME)
def test_one_output_may_stand_in_a_list_of_its_own(prediction, target):
    assert mse(prediction, target).data == 2.0
    none = mse(prediction, target, reduction="none")
    assert np.shape(data(none)) == np.shape(np.vectorize(float_of)(np.array(prediction, object)))


def float_of(x):
    return x.data if isinstance(x, Value) else float(x)


def test_a_lone_number_and_a_list_of_one():
    assert mse(Value(3.0), [1.0]).data == mse([Value(3.0)], 1.0).data == 4.0
    assert isinstance(mse(3.0, 1.0, reduction="none"), Value)
    assert [v.data for v in mse([3.0], 1.0, reduction="none")] == [4.0]
    assert mse(np.array(3.0), np.array(1.0)).data == 4.0


CLASSES = [(2, ()), ([2], ()), ([[1], [2]], (2,)), ([1, 2], (2,)), ([1.0, np.int8(2)], (2,)),
           ([[0.0, 0.5, 0.5], [0, 0, 1]], (2,)), ([Fraction(1), 2.0], (2,))]  # fmt: skip


@pytest.mark.parametrize(("target", "shape"), CLASSES)
def test_classes_and_shares_are_told_apart_by_their_shape(target, shape):
    logits = [0.0, 1.0, 2.0] if not shape else [[0.0, 1.0, 2.0], [3.0, 1.0, 2.0]]
    losses = cross_entropy(logits, target, reduction="none")
    assert np.shape(data(losses)) == shape


def test_shares_may_be_rounded():
    close(cross_entropy([0.0, 0.0], [0.5, 0.5000005]).data, 1.0000005 * math.log(2.0))


def test_classes_may_be_values():
    z = [Value(1.0), Value(-2.0), Value(0.5)]
    for k in range(3):
        eager, chosen = cross_entropy(z, k), cross_entropy(z, Value(k))
        assert chosen.data == eager.data
        assert grad(chosen, z) == grad(eager, z)


@pytest.mark.parametrize("wrong", [3.0, -1.0, 0.5, NAN, INF])
def test_a_value_that_is_no_class_gives_nan_and_not_a_wrong_number(wrong):
    assert math.isnan(cross_entropy([1.0, 2.0, 3.0], Value(wrong)).data)


# Compiled


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("title", [*ELEMENTWISE, "hinge"])
def test_compiled_is_eager(title, reduction):
    loss, _, targets, options = ELEMENTWISE.get(title, (hinge, "", [-1.0, 1.0], {}))
    pairs = np.array([(p, t) for p in NUMBERS for t in targets])

    w = Value(1.0)

    @compiled
    def compiled_loss(p, t):
        return loss(w * p, t, **options)

    total = compiled_loss.over(*pairs.T, reduction=reduction)
    eager = loss([w * p for p in pairs[:, 0]], pairs[:, 1], reduction=reduction, **options)
    close(total.data, eager.data)
    close(grad(total, w), grad(eager, w))
    for p, t in pairs[:: 3 if reduction == "mean" else 7]:
        leaf = Value(p)
        alone, expected = compiled_loss(leaf, t), loss(w * leaf, t, **options)
        close(alone.data, expected.data)
        close(grad(alone, leaf), grad(expected, leaf))


# Refusals


ONE = [Value(0.5), Value(1.5)]
REFUSED = [
    *((lambda x=x: hinge(ONE, [x, 1]), ValueError, "hinge(...) takes the targets -1 and 1 (for "
       f"labels 0 and 1 write 2 * y - 1), not {float(x)}.") for x in (0, 2, NAN, False)),
    *((lambda x=x: binary_cross_entropy_with_logits(ONE, [x, 1]), ValueError,
       "binary_cross_entropy_with_logits(...) takes targets from 0 to 1 (for labels -1 and 1 write "
       f"(y + 1) / 2), not {float(x)}.") for x in (-1, 1.5, NAN)),
    (lambda: cross_entropy([Value(0.5)], 0), ValueError,
     "cross_entropy takes at least two logits a sample, one for each class. "
     "For one logit use binary_cross_entropy_with_logits."),
    (lambda: cross_entropy(Value(0.5), 0), ValueError, "at least two logits a sample"),
    (lambda: cross_entropy(ONE, 2), ValueError,
     "cross_entropy of 2 logits takes a class from 0 to 1, not 2."),
    *((lambda x=x: cross_entropy(ONE, x), ValueError, f"a class from 0 to 1, not {x}.")
      for x in (-1, 0.5, NAN, INF)),
    (lambda: cross_entropy(ONE, 10**400), OverflowError, "got a number with no float near it"),
    (lambda: cross_entropy(ONE, True), TypeError, "not True. Write int(y) for a bool y."),
    (lambda: cross_entropy(ONE, None), TypeError, "not NoneType None. Give a number."),
    (lambda: cross_entropy(ONE, [0.5, 0.6]), ValueError,
     "cross_entropy takes shares that add up to 1, not to 1.1."),
    (lambda: cross_entropy(ONE, [0.5, 0.50001]), ValueError, "add up to 1, not to 1.00001."),
    (lambda: cross_entropy(ONE, [1, 1]), ValueError,
     "If these are 2 samples of one logit each, use binary_cross_entropy_with_logits."),
    (lambda: cross_entropy(ONE, [-0.5, 1.5]), ValueError,
     "cross_entropy(...) of shares takes 0 or a positive number, not -0.5."),
    (lambda: cross_entropy(ONE, [NAN, 1.0]), ValueError, "shares takes a finite number, not nan."),
    (lambda: cross_entropy([ONE, ONE], [0, 1, 0]), ValueError,
     "cross_entropy of logits of shape (2, 2) takes classes of shape (2,) or shares of shape "
     "(2, 2), not a target of shape (3,)."),
    (lambda: mse(ONE, [1.0]), ValueError,
     "mse compares number by number: a prediction of shape (2,) has no target of shape (1,)."),
    (lambda: mse(ONE, 1.0), ValueError, "a prediction of shape (2,) has no target of shape ()."),
    (lambda: mse([ONE], ONE), ValueError, "of shape (1, 2) has no target of shape (2,)."),
    (lambda: mse([], []), ValueError, "The prediction of mse is empty."),
    (lambda: mse([[], []], [[], []]), ValueError, "The prediction of mse is empty"),
    (lambda: mse([[1.0, 2.0], [3.0]], ONE), ValueError, "mse has rows of different lengths."),
    (lambda: mse([1.0, [3.0]], ONE), ValueError, "mse has rows of different lengths."),
    (lambda: mse("ab", ONE), TypeError, "mse(...) takes a real number, not str 'ab'."),
    (lambda: mse(ONE, {1: 2}), TypeError, "mse takes a sequence, not dict {1: 2}. Give its"),
    (lambda: mse(ONE, {2.0}), TypeError, "mse takes a sequence, not set {2.0}. A set has no order"),
    *((lambda x=x: mse(ONE, ONE, reduction=x), ValueError,
       f'mse(reduction=...) is "mean", "sum" or "none", not {x!r}.')
      for x in ("average", ["mean"], None)),
    (lambda: mse(ONE, np.ma.masked_array([1.0, 2.0], mask=[0, 1])), TypeError, "masked entries"),
    (lambda: cross_entropy([ONE], [0], weight=[1.0]), ValueError, "weight=...) is of shape (2,)"),
    (lambda: cross_entropy([ONE], [0], weight=[1.0, NAN]), ValueError, "a finite number, not nan"),
    (lambda: cross_entropy([ONE], [0], label_smoothing=1.5), ValueError, "up to 1, not 1.5."),
    (lambda: cross_entropy([ONE], [0], ignore_index=0.5), TypeError, "whole number"),
    (lambda: cross_entropy([ONE], [-1], ignore_index=-100), ValueError, "from 0 to 1, not -1."),
    (lambda: cross_entropy(ONE, 0, ignore_index=1, weight=[1.0, 2.0]), ValueError, "which cancels"),
    (lambda: huber(ONE, ONE, delta=0), ValueError, "huber(delta=...) takes a positive number, not"),
    *((lambda x=x: huber(ONE, ONE, delta=x), ValueError, "huber(delta=...) takes a finite number")
      for x in (INF, NAN)),
    (lambda: l1(ONE, -1.0), ValueError, "l1(strength=...) takes 0 or a positive number, not -1.0."),
    (lambda: l2(ONE, NAN), ValueError, "l2(strength=...) takes a finite number, not nan."),
    *((lambda x=x: l2(x, 1.0), TypeError,
       f"l2 takes Values, such as model.parameters(), not {x}.") for x in ([], [1.0])),
    (lambda: l1(Value(1.0), 1.0), TypeError, "l1 takes the parameters in a list, such as"),
    (lambda: l1(lambda: [], 1.0), TypeError, "l1 takes the parameters in a list, such as"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_a_refusal_says_what_to_write(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


# Sequences of whatever kind


@pytest.mark.parametrize("kind", OF_NUMBERS.values(), ids=OF_NUMBERS)
@pytest.mark.parametrize("loss", [mse, mae, huber, hinge, binary_cross_entropy_with_logits])
def test_targets_come_in_sequences_of_any_kind(loss, kind):
    targets = [1, -1] if loss is hinge else [0, 1]
    assert loss([0.5, 2.0], kind(targets)).data == loss([0.5, 2.0], targets).data


@pytest.mark.parametrize("kind", OF_VALUES.values(), ids=OF_VALUES)
@pytest.mark.parametrize("loss", [mse, mae, huber, hinge, binary_cross_entropy_with_logits])
def test_predictions_come_in_sequences_of_any_kind(loss, kind):
    x = [Value(0.5), Value(2.0)]
    found, expected = loss(kind(x), [1, 1]), loss(x, [1, 1])
    assert (found.data, grad(found, x)) == (expected.data, grad(expected, x))


@pytest.mark.parametrize("kind", OF_VALUES.values(), ids=OF_VALUES)
def test_classes_and_logits_come_in_sequences_of_any_kind(kind):
    logits = [[Value(0.5), Value(1.0), Value(-2.0)], [Value(0.0), Value(3.0), Value(1.0)]]
    found = cross_entropy([kind(row) for row in logits], kind([2, 0]))
    expected = cross_entropy(logits, [2, 0])
    assert (found.data, grad(found, logits)) == (expected.data, grad(expected, logits))


def test_ranges_and_tables_are_targets():
    x = [Value(0.5), Value(2.0)]
    assert mse(x, range(2)).data == mse(x, [0, 1]).data
    assert mse([x, x], Table([[0.0, 1.0], [2.0, 3.0]])).data == mse([x, x], [[0, 1], [2, 3]]).data
    assert cross_entropy([x], range(1, 2)).data == cross_entropy([x], [1]).data


@pytest.mark.parametrize("targets", [range(3), map(abs, [1, 2, 3]), Column([1.0, 2.0, 3.0])])
def test_other_lengths_are_refused_in_all_kinds(targets):
    with pytest.raises(ValueError, match=r"shape \(2,\) has no target of shape \(3,\)"):
        mse(ONE, targets)


@pytest.mark.needs("torch")
def test_tensors_are_targets_and_those_with_a_gradient_are_refused():
    import torch

    assert mse(ONE, torch.ones(2)).data == mse(ONE, [1.0, 1.0]).data
    assert mse(ONE[0], torch.tensor(1.0)).data == mse(ONE[0], 1.0).data
    with pytest.raises(TypeError, match=r"gives no array of numbers: .*detach\(\)"):
        mse(ONE, torch.ones(2, requires_grad=True))


# Penalties


@pytest.mark.parametrize("strength", [0.0, 0.5, Fraction(1, 2), Value(0.5)])
def test_penalties(strength):
    factor = 0.5 if isinstance(strength, Value) else float(strength)
    w = [Value(3.0), Value(-4.0), Value(0.0)]
    for penalty, cost, slopes in [(l1, 7.0, [1.0, -1.0, 0.0]), (l2, 25.0, [6.0, -8.0, 0.0])]:
        found = penalty(iter(w), strength)
        assert found.data == factor * cost
        assert list(grad(found, w)) == [factor * slope for slope in slopes]


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("number", [1.0, 0.75])
def test_a_weight_or_a_share_that_is_a_value_gets_its_gradient_whatever_its_number(
    is_compiled: bool, number: float
) -> None:
    logits = [0.5, 0.2, -1.0]
    loss_of = {
        "weight": lambda v: cross_entropy(logits, 1, weight=[0.0, v, 2.0], reduction="sum"),
        "share": lambda v: cross_entropy(logits, [0.0, v, 0.0], reduction="sum"),
    }
    expected = np.log(np.exp(logits).sum()) - logits[1]
    for loss in loss_of.values():
        v = Value(number)
        (compiled(loss) if is_compiled else loss)(v).backward()
        close(v.grad, expected)
