"""One sample as a module takes it: Values, with plain numbers made constants once for all neurons.

Whatever else is given is refused with an error that names the module and what it takes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from glassgrad.engine import Value, as_value
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import counted, describe
from glassgrad.engine.tree import is_sequence, listed, scalar_of, scalars_of
from glassgrad.nn.parts import title

Inputs: TypeAlias = Any
"""One sample: a list, tuple or numpy row of Values and real numbers; a lone one for one input."""


class Converted(tuple[Value, ...]):
    """Inputs that are Values already, so that the neurons of a layer need not look again."""

    __slots__ = ()


def converted(module: object, count: int, x: Inputs) -> Converted:
    """One sample as Values, for a module that takes `count` inputs.

    Raises:
        ValueError: there are more or fewer inputs, or several samples at once.
        TypeError: an input is neither a Value nor a real number.
    """
    sample = x if isinstance(x, Converted) else _as_values(module, count, x)
    if len(sample) != count:
        raise ValueError(f"{title(module)} takes {counted(count, 'input')}, not {len(sample)}.")
    return sample


def _as_values(module: object, count: int, x: Inputs) -> Converted:
    role, x = type(module).__name__, scalar_of(x)
    if isinstance(x, Value) or is_real(x):
        return Converted((as_value(x, role),))
    if not is_sequence(x):
        raise TypeError(
            f"{title(module)} takes a list of {counted(count, 'input')}, not {describe(x)}."
        )
    numbers = scalars_of(listed(x, role))
    if numbers is None:
        raise ValueError(
            f"{title(module)} takes one sample at a time: write [model(x) for x in samples]."
        )
    return Converted([as_value(number, role) for number in numbers])
