"""Random numbers for data: a generator from a seed, and noise around points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.real import is_real
from engine.text import told
from nn.checks import whole

Floats = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]


def generator(seed: Any, name: str) -> np.random.Generator:
    return np.random.default_rng(whole(seed, f"{name}(seed=...)", least=0))


def width(number: Any, role: str) -> float:
    if not (is_real(number) and 0.0 <= number < math.inf):
        raise ValueError(f"{role} is a standard deviation, 0 or more, not {told(number)}.")
    return float(number)


def noisy(points: Floats, name: str, noise: float, seed: int) -> Floats:
    spread = width(noise, f"{name}(noise=...)")
    return points + spread * generator(seed, name).normal(size=points.shape)
