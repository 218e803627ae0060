"""Clipping: the gradients of PyTorch, sizes that overflow, and what is refused."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from glassgrad import (
    MLP,
    NOT_COMPUTED,
    Value,
    assign_grad,
    clip_grad_norm,
    clip_grad_value,
    grad_vector,
)
from glassgrad.nn.clipping import clipped_by_norm

ROWS = [
    [3.0, 4.0],
    [0.3, -0.4, 0.0],
    [0.0, 0.0],
    [1e-9, 1e-8],
    [1e100, -1e100],
    [random.Random(1).gauss(0.0, 10.0) for _ in range(50)],
    [math.inf, 1.0, 0.0],
    [-math.inf, math.inf, 1.0],
    [math.nan, 1.0],
    [math.nan, math.inf],
    [],
]
LIMITS = [0.0, 1e-3, 1.0, 5.0, 1e6, math.inf]


def values_with(gradients: list[float]) -> list[Value]:
    values = [Value(1.0) for _ in gradients]
    assign_grad(values, gradients)
    return values


def tensors_with(gradients: list[float]) -> list[Any]:
    import torch

    tensors = [torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in gradients]
    for tensor, gradient in zip(tensors, gradients):
        tensor.grad = torch.tensor(gradient, dtype=torch.float64)
    return tensors


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("gradients", ROWS)
@pytest.mark.needs("torch")
def test_norms_are_clipped_as_in_pytorch(gradients: list[float], limit: float) -> None:
    import torch

    values, tensors = values_with(gradients), tensors_with(gradients)
    norm = clip_grad_norm(values, limit)
    theirs = torch.nn.utils.clip_grad_norm_(tensors, limit, foreach=False).item()
    expected = [tensor.grad.item() for tensor in tensors]
    if limit == norm == math.inf:
        expected = gradients  # theirs are all nan
    np.testing.assert_allclose(norm, theirs, rtol=1e-12)
    np.testing.assert_allclose(grad_vector(values), expected, rtol=1e-12)
    again, its_norm = clipped_by_norm(np.array(gradients), limit)
    assert repr((again + 0.0).tolist()) == repr(grad_vector(values).tolist())
    assert repr(its_norm) == repr(norm)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("gradients", ROWS)
@pytest.mark.needs("torch")
def test_numbers_are_clipped_as_in_pytorch(gradients: list[float], limit: float) -> None:
    import torch

    values, tensors = values_with(gradients), tensors_with(gradients)
    clip_grad_value(values, limit)
    if tensors:  # theirs fails on none
        torch.nn.utils.clip_grad_value_(tensors, limit)
    expected = [tensor.grad.item() for tensor in tensors]
    np.testing.assert_array_equal(grad_vector(values), expected)


@pytest.mark.parametrize(
    ("gradients", "norm"),
    [
        ([3e200, -4e200], 5e200),
        ([3e307, 4e307], 5e307),
        ([3e-200, 4e-200], 5e-200),
        ([3e-320, -4e-320], 5e-320),
        ([1.7e308] * 4, math.inf),  # above all floats, and yet clipped exactly
    ],
)
def test_sizes_overflow_nowhere_on_the_way(gradients: list[float], norm: float) -> None:
    clipped, found = clipped_by_norm(np.array(gradients), 1.0)
    assert found == pytest.approx(norm, rel=1e-3 if norm < 1e-300 else 1e-14)
    if norm > 1.0:
        assert math.hypot(*clipped) == pytest.approx(1.0, rel=1e-14)
        assert np.sign(clipped).tolist() == np.sign(gradients).tolist()
    else:
        assert clipped.tolist() == gradients


def test_the_array_that_is_given_stays() -> None:
    gradients = np.array([[3.0, 4.0], [0.0, 0.0]])
    clipped, norm = clipped_by_norm(gradients, 1.0)
    assert clipped.shape == (2, 2)
    assert norm == 5.0
    same, _ = clipped_by_norm(gradients, 10.0)
    same[:] = 7.0
    assert gradients.tolist() == [[3.0, 4.0], [0.0, 0.0]]


def test_a_gradient_that_was_not_computed_stays_so() -> None:
    values = [Value(1.0), Value(2.0), Value(3.0)]
    values[0].grad, values[2].grad = 3.0, 4.0
    assert clip_grad_norm(iter(values), 1.0) == 5.0
    clip_grad_value(values, 0.5)
    assert values[1].grad is NOT_COMPUTED
    assert values[2].grad == 0.5
    assert clip_grad_norm(values[1:2], 1.0) == 0.0
    assert values[1].grad is NOT_COMPUTED


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda v: clip_grad_norm(v, -1.0), ValueError, r"^clip_grad_norm\(max_norm=...\) is 0 or"),
        (lambda v: clip_grad_norm(v, math.nan), ValueError, "is 0 or more, not nan"),
        (lambda v: clip_grad_norm(v, "1"), TypeError, r"norm\(max_norm=...\) takes a real"),
        (lambda v: clip_grad_norm(MLP(1, [1]), 1.0), TypeError, r"clip_grad_norm .*model\.param"),
        (lambda v: clip_grad_norm(v[0], 1.0), TypeError, "takes a list of Values"),
        (lambda v: clip_grad_norm([*v, 3.0], 1.0), TypeError, r"float 3\.0"),
        (lambda v: clip_grad_value(v, -1.0), ValueError, r"^clip_grad_value\(limit=...\) is 0 or"),
        (lambda v: clip_grad_value(v, math.nan), ValueError, "0 or more, not nan"),
        (lambda v: clip_grad_value([*v, None], 1.0), TypeError, "NoneType None"),
        (lambda v: clip_grad_value(v, "1"), TypeError, r"value\(limit=...\) takes a real"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    call: Callable[[list[Value]], Any], error: type, said: str
) -> None:
    values = values_with([3.0, 4.0])
    with pytest.raises(error, match=said):
        call(values)
    assert grad_vector(values).tolist() == [3.0, 4.0]
