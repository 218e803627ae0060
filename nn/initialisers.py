"""Initialisers: where the numbers of an untrained neuron come from, by name or your own.

How large the first weights are decides whether signals and gradients fade, explode or get through
many layers. An initialiser says so for one neuron, from the number of its inputs (`fan_in`) and
the number of neurons beside it (`fan_out`). `INITIALISERS` has those that go by a name.

    >>> from glassgrad.nn.initialisers import normal
    >>> normal(std=0.02)
    <initialiser normal(0, 0.02)>

A number that is not finite, and a gain or a standard deviation below 0, are ValueErrors.
A bias is 0 unless something else is said. A seed makes what is drawn repeatable, here and wherever
`nn` draws. Next: `dense.py`.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any, TypeAlias

from glassgrad.engine.misuse import whole
from glassgrad.engine.text import describe, suggestion, told
from glassgrad.nn.checks import finite, not_negative

Seed: TypeAlias = int | random.Random | None
"""A whole number, a generator to draw from, or None for Python's global `random`."""


def generator(seed: Seed) -> random.Random | None:
    if seed is None or isinstance(seed, random.Random):
        return seed
    try:
        return random.Random(operator.index(seed))
    except TypeError:
        raise TypeError(
            f"A seed is a whole number, a random.Random or None, not {describe(seed)}."
        ) from None


Draw: TypeAlias = Callable[[Any, int, int], float]
"""A number drawn with a `random.Random` for a neuron of some fan-in and fan-out."""


def _zero(generator: Any, nin: int, nout: int) -> float:
    """The number 0."""
    return 0.0


@dataclass(frozen=True)
class Initialiser:
    """How the weights and the bias of a neuron are drawn, weights first.

    Args:
        name: what it is called.
        weight, bias: functions of a `random.Random`, fan-in and fan-out that give one of them.

    >>> from glassgrad import Initialiser
    >>> thirds = Initialiser("thirds", lambda generator, nin, nout: 1 / 3)
    >>> thirds.draw(2)
    ([0.3333333333333333, 0.3333333333333333], 0.0)
    """

    name: str
    weight: Draw
    bias: Draw = _zero

    def __post_init__(self) -> None:
        for name, drawn in (("weight", self.weight), ("bias", self.bias)):
            if not callable(drawn):
                raise TypeError(
                    f"Initialiser({name}=...) is a function of a generator, fan-in and fan-out, "
                    f"not {describe(drawn)}."
                )

    def draw(self, nin: int, nout: int = 1, seed: Seed = None) -> tuple[list[float], float]:
        """The weights and the bias of one neuron of `nin` inputs, of `nout` side by side."""
        nin, nout = whole(nin, "draw(nin=...)"), whole(nout, "draw(nout=...)")
        source = generator(seed) or random
        weights = [self.weight(source, nin, nout) for _ in range(nin)]
        return weights, self.bias(source, nin, nout)

    def __repr__(self) -> str:
        return f"<initialiser {self.name}>"


def uniform(low: float = -1.0, high: float = 1.0) -> Initialiser:
    """Weights and bias uniform from `low` to `high`, whatever the size of the layer.

    "uniform" is `uniform(-1, 1)`, that of the lecture. A `low` above `high` is a ValueError.
    """
    low, high = finite(low, "uniform(low=...)"), finite(high, "uniform(high=...)")
    if low > high:
        raise ValueError(f"uniform(low, high) goes upwards: {low} is above {high}.")

    def drawn(generator: Any, nin: int, nout: int) -> float:
        return float(generator.uniform(low, high))

    return Initialiser(f"uniform({low:g}, {high:g})", drawn, drawn)


def normal(mean: float = 0.0, std: float = 1.0) -> Initialiser:
    """Weights of a normal distribution, whatever the size of the layer."""
    mean, std = finite(mean, "normal(mean=...)"), not_negative(std, "normal(std=...)")

    def drawn(generator: Any, nin: int, nout: int) -> float:
        return float(generator.normalvariate(mean, std))

    return Initialiser(f"normal({mean:g}, {std:g})", drawn)


def _within(bound: Callable[[int, int], float]) -> Draw:
    """Uniform within ± a bound for each size of a layer."""

    def drawn(generator: Any, nin: int, nout: int) -> float:
        most = bound(nin, nout)
        return float(generator.uniform(-most, most))

    return drawn


def xavier(gain: float = 1.0) -> Initialiser:
    """Weights uniform within ±gain·sqrt(6 / (fan_in + fan_out)).

    Their variance 2 / (fan_in + fan_out) is a compromise: signals keep their size forwards, and
    gradients theirs backwards, as long as units are nearly linear (Glorot and Bengio 2010). The
    gain makes up for what the activation takes away; 5/3 is usual for tanh.
    """
    gain = not_negative(gain, "xavier(gain=...)")
    return Initialiser(
        f"xavier({gain:g})", _within(lambda nin, nout: gain * sqrt(6 / (nin + nout)))
    )


def he(gain: float = sqrt(2.0)) -> Initialiser:
    """Weights uniform within ±gain·sqrt(3 / fan_in).

    Their variance is 2 / fan_in: a relu silences half of its inputs, and the 2 makes up for that
    (He, Zhang, Ren and Sun 2015).
    """
    gain = not_negative(gain, "he(gain=...)")
    return Initialiser(f"he({gain:g})", _within(lambda nin, nout: gain * sqrt(3 / nin)))


def torch_linear() -> Initialiser:
    """Weights and bias uniform within ±1 / sqrt(fan_in), as PyTorch's `Linear` starts."""
    drawn = _within(lambda nin, nout: 1 / sqrt(nin))
    return Initialiser("torch", drawn, drawn)


def zeros() -> Initialiser:
    """All weights and biases 0: what not to do, for those who want to see it.

    The neurons of a layer then compute the same, get the same gradient, and stay equal for ever,
    as if there were but one. Hidden units of tanh or relu even stay 0, and send no gradient back:
    only the bias of the last layer can ever move.
    """
    return Initialiser("zeros", _zero)


INITIALISERS = {
    "uniform": uniform(),
    "normal": normal(),
    "xavier": xavier(),
    "he": he(),
    "zeros": zeros(),
    "torch": torch_linear(),
}
"""Every initialiser that can be chosen by name."""

Init: TypeAlias = str | Initialiser
"""A name from `INITIALISERS`, or an initialiser."""


def initialiser(choice: Init) -> Initialiser:
    """The initialiser that a choice stands for; a ValueError or a TypeError if there is none."""
    if isinstance(choice, Initialiser):
        return choice
    if isinstance(choice, str) and choice in INITIALISERS:
        return INITIALISERS[choice]
    names = (
        f"Choose one of {', '.join(INITIALISERS)}, or give an initialiser such as "
        "glassgrad.nn.initialisers.normal(0, 1)."
    )
    if isinstance(choice, str):
        meant = suggestion(choice, INITIALISERS).strip() or names
        raise ValueError(f"There is no initialiser {told(choice)}. {meant}")
    raise TypeError(f"init is a name or an initialiser, not {describe(choice)}. {names}")
