"""Data from a seed: shapes, classes, geometry, and the parts that `split` makes of it."""

import math
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest
from fitting import Made

from glassgrad import (
    Value,
    blobs,
    circles,
    digits,
    fit,
    mse,
    predict,
    sine,
    split,
    two_moons,
    xor,
)
from glassgrad.nn.batches import plain, samples_of

CLASSES = [(two_moons, 2), (circles, 2), (xor, 2), (blobs, 3), (partial(blobs, classes=2), 2)]
TARGETS = [(sine, 1)]
EVERY = [make for make, _ in CLASSES + TARGETS]
with_class_data = pytest.mark.parametrize(("make", "k"), CLASSES)
with_all_data = pytest.mark.parametrize("make", EVERY)


# Shapes, classes, seeds


@with_class_data
@pytest.mark.parametrize("n", [6, 7, 100, 101])
def test_classes_are_integers_and_as_many_of_each_as_can_be(make, k, n):
    points, classes = make(n)
    assert points.shape == (n, 2)
    assert points.dtype == float
    assert classes.shape == (n,)
    assert classes.dtype == np.int64
    counts = np.bincount(classes, minlength=k)
    assert len(counts) == k
    most = 1 if make is not xor else 2  # of four corners, each class has two
    assert counts.max() - counts.min() <= most


@pytest.mark.parametrize(("make", "features"), TARGETS)
def test_targets_are_real_numbers(make, features):
    samples, targets = make(50)
    assert samples.shape == (50, features)
    assert targets.shape == (50,)
    assert samples.dtype == targets.dtype == float


@with_all_data
def test_the_same_seed_gives_the_same_numbers(make):
    first, again, other = make(20, seed=3), make(20, seed=3), make(20, seed=4)
    for one, two in zip(first, again):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[1], other[1]) or not np.array_equal(first[0], other[0])


def test_the_global_generator_is_left_alone():
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    for make in EVERY:
        make(10)
    assert np.random.random() == expected


def test_two_moons_stay_where_they_are():
    """Tutorials print numbers of these points."""
    points, classes = two_moons(100, noise=0.1, seed=1)
    assert points[0].tolist() == [1.0345584192064785, 0.08216181435011584]
    assert points[57].tolist() == [0.10242395034129088, 0.06749121924428383]
    assert classes[[0, 57]].tolist() == [0, 1]


# Geometry


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.9])
def test_circles_without_noise_have_their_radius(ratio):
    points, y = circles(31, noise=0.0, ratio=ratio)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), np.where(y == 0, 1.0, ratio))


def test_xor_is_the_truth_table_and_noisy_copies_of_it():
    points, y = xor()
    assert [(*point, out) for point, out in zip(points, y)] == [
        (a, b, a ^ b) for a in (0, 1) for b in (0, 1)
    ]
    exact, y = xor(10, noise=0.0)
    np.testing.assert_array_equal(exact, points[np.arange(10) % 4])
    noisy, _ = xor(4_000)
    assert (noisy - points[np.arange(4_000) % 4]).std() == pytest.approx(0.1, rel=0.05)
    assert not np.array_equal(xor(noise=0.2)[0], points)


@pytest.mark.parametrize("features", [1, 2, 7])
def test_blobs_are_clouds_of_their_spread_around_different_centres(features):
    points, y = blobs(3_000, classes=3, spread=0.25, features=features, seed=2)
    centres = np.array([points[y == k].mean(axis=0) for k in range(3)])
    assert (points - centres[y]).std() == pytest.approx(0.25, rel=0.05)
    gaps = np.linalg.norm(centres[:, None] - centres, axis=2)[np.triu_indices(3, 1)]
    assert gaps.min() > 1.5
    assert np.abs(centres).max() < 3.1


def test_the_sine_is_one_wave():
    x, y = sine(201, noise=0.0)
    assert (x.min(), x.max()) == (-math.pi, math.pi)
    np.testing.assert_array_equal(y, np.sin(x[:, 0]))
    assert (sine(2_000, noise=0.3)[1] - np.sin(sine(2_000)[0][:, 0])).std() == pytest.approx(
        0.3, rel=0.1
    )


@pytest.mark.needs("sklearn")
def test_moons_and_circles_are_those_of_scikit_learn():
    from sklearn import datasets

    theirs, classes = datasets.make_moons(51, shuffle=False, noise=None)
    points, y = two_moons(51, noise=0.0)
    np.testing.assert_allclose(points, theirs, atol=1e-12)
    np.testing.assert_array_equal(y, classes)
    theirs, classes = datasets.make_circles(51, shuffle=False, noise=None, factor=0.3)
    points, y = circles(51, noise=0.0, ratio=0.3)
    np.testing.assert_allclose(points, theirs, atol=1e-12)
    np.testing.assert_array_equal(y, classes)


@pytest.mark.needs("sklearn")
def test_digits_are_images_from_0_to_1():
    images, y = digits()
    assert images.shape == (1797, 64)
    assert images.dtype == float
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert y.dtype == np.int64
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.everywhere
def test_without_scikit_learn_digits_name_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "glassgrad\[sklearn\]"'):
        digits()


# Arguments

WRONG = [
    (lambda: two_moons(1), ValueError, r"two_moons\(n=...\) is at least 2, not 1"),
    (lambda: two_moons(-(10**5000)), ValueError, "is at least 2, not an int"),  # too long to print
    (lambda: two_moons(2.5), TypeError, r"two_moons\(n=...\) is a whole number, not float 2.5"),
    (lambda: two_moons(noise=-1), ValueError, r"two_moons\(noise=...\) takes 0 or .*, not -1"),
    (lambda: two_moons(seed=-1), ValueError, r"two_moons\(seed=...\) is at least 0, not -1"),
    (lambda: two_moons(seed=None), TypeError, "whole number, not None"),
    (lambda: circles(ratio=1.0), ValueError, "above 0 and below 1, not 1.0"),
    (lambda: circles(ratio=math.nan), ValueError, "above 0 and below 1, not nan"),
    (lambda: two_moons(n_samples=9), TypeError, r"has no argument n_samples\. Did you mean n\?"),
    (lambda: circles(factor=0.5), TypeError, r"has no argument factor\. Did you mean ratio\?"),
    (lambda: xor(0), ValueError, r"xor\(n=...\) is at least 1, not 0"),
    (lambda: blobs(features=0), ValueError, "at least 1, not 0"),
    (lambda: blobs(spread=[1.0]), TypeError, r"blobs\(spread=...\) takes one number"),
    (lambda: sine(0), ValueError, r"sine\(n=...\) is at least 1, not 0"),
]


@pytest.mark.parametrize(("call", "kind", "message"), WRONG)
def test_wrong_arguments_get_a_sentence(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


# Splitting


@pytest.mark.parametrize("share", [0.01, 0.2, 0.25, 0.5, 0.99])
def test_a_split_keeps_each_sample_once_and_with_its_target(share):
    samples, y = np.arange(40.0)[:, None] * [1.0, 10.0], np.arange(40) % 4
    train, test, y_train, y_test = split(samples, y, share)
    both, targets = np.concatenate([train, test]), np.concatenate([y_train, y_test])
    assert sorted(both[:, 0]) == list(range(40))
    np.testing.assert_array_equal(targets, both[:, 0] % 4)
    assert len(test) == min(max(round(share * 40), 1), 39)
    assert y_test.dtype == y.dtype


def test_a_split_is_shuffled_by_its_seed():
    samples, y = np.arange(50), np.arange(50)
    first, again, other = split(samples, y), split(samples, y), split(samples, y, seed=1)
    for one, two in zip(first, again):
        np.testing.assert_array_equal(one, two)
    assert set(first[1]) != set(other[1])
    assert list(first[0]) != sorted(first[0])
    assert list(first[1]) != sorted(first[1])


def test_lists_and_images_can_be_split():
    train, test, _, y_test = split([[1.0], [2.0], [3.0]], ["a", "b", "c"], share=0.4)
    assert train.shape == (2, 1)
    assert "abc"[int(test[0, 0]) - 1] == y_test[0]
    assert split(np.zeros((8, 4, 4)), np.zeros((8, 2)))[1].shape == (2, 4, 4)


WRONG_SPLITS = [
    (([1, 2], [1]), {}, "2 samples in X and 1 targets in y"),
    (([1], [1]), {}, "at least two samples"),
    ((3.0, [1]), {}, "a row a sample, not float 3.0"),
    (([[1], [1, 2]], [1, 2]), {}, r"split\(X=...\) has rows of different lengths"),
    (([1, 2], [1, 2]), {"share": 0.0}, "above 0 and below 1, not 0.0"),
    (([1, 2], [1, 2]), {"share": 5}, r"split\(share=...\) .*, not 5"),
    (([1, 2], [1, 2]), {"share": math.nan}, "above 0 and below 1, not nan"),
    (([1, 2], [1, 2]), {"seed": -1}, "at least 0, not -1"),
    (([1, 2], [0, 1]), {"share": "0.2"}, r"split\(share=...\) takes a real number, not str '0.2'"),
    (([1, 2], [0, 1]), {"seed": 1.5}, r"split\(seed=...\) is a whole number, not float 1.5"),
]


@pytest.mark.parametrize(("data", "options", "message"), WRONG_SPLITS)
def test_what_cannot_be_split_gets_a_sentence(data, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        split(*data, **options)


# Arrays that users give


class Stubborn:
    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise RuntimeError("it requires grad")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.array([[1.0, 2.0], [3.0, "n/a"]], object), TypeError, r"X\[1, 1\] is str 'n/a'"),
        (np.array([[1.0, None]], object), TypeError, r"X\[0, 1\] is NoneType None"),
        ([[1.0, Value(2.0)]], TypeError, r"X\[0, 1\] is Value .*v\.data for v in values"),
        (np.array([["1"]], object), TypeError, r"X\[0, 0\] is str '1'"),
        ([["a", "b"]], TypeError, "X holds texts"),
        ([[10**400, 1]], OverflowError, "a number with no float near it"),
        (np.ma.masked_array([[1.0, 2.0]], mask=[[0, 1]]), TypeError, r"masked .* \.filled\(0\)"),
        (np.array([[np.longdouble("1e400")]]), ValueError, r"X\[0, 0\] is inf"),
        (Stubborn(), TypeError, "gives no array: it requires grad"),
        (1.0, ValueError, "is an array, a row a sample"),
    ],
)
def test_what_are_no_samples_gets_a_sentence(
    given: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        samples_of(given, [1])


def test_whole_numbers_stay_whole_unless_they_are_too_large() -> None:
    for kind in (np.int8, np.uint8, np.uint64, bool):
        X = samples_of(np.array([[1, 0]], kind), [1]).X
        assert (X.dtype, X.tolist()) == (np.dtype(int), [[1, 0]])
    assert samples_of(np.array([[2**63]], np.uint64), [1]).X.tolist() == [[2.0**63]]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", [int, bool, np.uint8])
@pytest.mark.parametrize(
    "function",
    [np.sin, np.sqrt, np.exp, np.arctan, np.square, lambda x: np.hypot(x, 2), lambda x: x],
)
def test_functions_of_numpy_take_whole_numbers(function: Any, kind: type, compiled: bool) -> None:
    X, y = np.array([[1, 2, 0], [0, 4, 1], [3, 2, 1], [1, 1, 1]]).astype(kind), np.arange(4.0) / 4
    # It calls functions of numpy on a sample of whole numbers, and reads places by them.
    compute = lambda m, x: m.w * function(x).sum() + m.table[x[0]] * m.table[x[-1]]
    model = Made(compute, w=Value(0.5), table=[Value(0.1 * i) for i in range(9)])
    found = predict(model, X, compiled=compiled)
    table = 0.1 * X[:, 0] * 0.1 * X[:, -1]
    expected = 0.5 * function(X.astype(float)).sum(1) + table
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    history = fit(model, mse, X, y, epochs=3, compiled=compiled, health=False)
    assert history["loss"][-1] < history["loss"][0]


def test_whole_numbers_of_a_sample_do_not_wrap_around() -> None:
    (sample,) = samples_of([[10, 2]], [1]).X
    assert plain(sample)[0] ** 25 == 10**25
    assert plain(samples_of([10], [1]).X[0]) ** 25 == 10**25
