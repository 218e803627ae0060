"""The classes of scalars that are compared: ours, the minimal one, and micrograd's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import glassgrad
from benchmarks import minimal
from benchmarks.timing import OURS, absent, peer

MINIMAL, MICROGRAD = "a minimal class", "micrograd"
NEEDS = {OURS: None, MINIMAL: None, MICROGRAD: "micrograd.engine"}
"""The classes and the module each needs."""


def class_of(name: str) -> Callable[[float], Any]:
    """A class by its name."""
    if name == MICROGRAD:
        value: Callable[[float], Any] = peer("micrograd.engine").Value
        return value
    return glassgrad.Value if name == OURS else minimal.Value


def here() -> tuple[list[str], dict[str, str]]:
    """The classes that are installed, and why the others are not compared."""
    skipped = absent(NEEDS)
    return [name for name in NEEDS if name not in skipped], skipped
