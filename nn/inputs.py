"""One sample as a module takes it: Values, with plain numbers made constants once for all neurons.

Whatever else is given is refused with an error that names the module and what it takes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from glassgrad.engine import Value, as_value
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import describe
from glassgrad.engine.tree import is_sequence, listed, scalar_of, scalars_of
from glassgrad.nn.parts import title

Inputs: TypeAlias = Any
"""One sample: a list, tuple or numpy row of Values and real numbers; a lone one for one input."""


class Converted(tuple[Value, ...]):
    """Inputs that are Values already, so that the neurons of a layer need not look again."""

    __slots__ = ()


def converted(module: object, count: int, x: Inputs) -> Converted:
    """One sample as Values.

    Args:
        module: the module that takes it, for errors.
        count: how many inputs it takes.
        x: the sample.

    Raises:
        ValueError: there are more or fewer than `count` inputs, or several samples at once.
        TypeError: an input is neither a Value nor a real number.

    >>> from glassgrad.nn.inputs import converted
    >>> from glassgrad import Neuron
    >>> [v.data for v in converted(Neuron(2), 2, [1, 0.5])]
    [1.0, 0.5]
    >>> converted(Neuron(2), 2, [1.0])
    Traceback (most recent call last):
    ValueError: Neuron(2, tanh, 3 parameters) takes 2 inputs, not 1.
    """
    sample = x if isinstance(x, Converted) else _as_values(module, count, x)
    if len(sample) != count:
        raise ValueError(f"{title(module)} takes {_inputs_in_words(count)}, not {len(sample)}.")
    return sample


def _as_values(module: object, count: int, x: Inputs) -> Converted:
    role, x = type(module).__name__, scalar_of(x)
    if isinstance(x, Value) or is_real(x):
        return Converted((as_value(x, role),))
    if not is_sequence(x):
        raise TypeError(
            f"{title(module)} takes a list of {_inputs_in_words(count)}, not {describe(x)}."
        )
    numbers = scalars_of(listed(x, role))
    if numbers is None:
        raise ValueError(
            f"{title(module)} takes one sample at a time: write [model(x) for x in samples]."
        )
    return Converted([as_value(number, role) for number in numbers])


def _inputs_in_words(count: int) -> str:
    return "1 input" if count == 1 else f"{count} inputs"
