"""A scalar reverse-mode autograd engine: numbers that remember how they were computed.

Start with `value.py` (the node), `table.py` (the calculus, one row an operation), `record.py` (how
a node is made from both) and `backward.py` (the chain rule); then `gradient.py`, `functional.py`,
`checking.py`, `mode.py` and `ink.py`. What makes array programs of scalar code is in `compiling/`.
"""

import builtins
import types
from typing import TYPE_CHECKING

from engine.backward import backward as backward
from engine.backward import contribution as contribution
from engine.checking import check_gradients as check_gradients
from engine.differences import extrapolated_difference as extrapolated_difference
from engine.errors import ChangedDataError as ChangedDataError
from engine.errors import GradientMismatchError as GradientMismatchError
from engine.errors import NonFiniteError as NonFiniteError
from engine.functional import hessian as hessian
from engine.functional import jacobian as jacobian
from engine.functional import jvp as jvp
from engine.functional import value_and_grad as value_and_grad
from engine.gradient import grad as grad
from engine.graph import forget as forget
from engine.graph import topological_order as topological_order
from engine.ink import Ink as Ink
from engine.ink import derivative_formula as derivative_formula
from engine.ink import write as write
from engine.mode import Scope as Scope
from engine.mode import no_grad as no_grad
from engine.mode import scope as scope
from engine.mode import trap as trap
from engine.operation import Operation as Operation
from engine.operation import Reduction as Reduction
from engine.origin import SourceLine as SourceLine
from engine.origin import hide_lines_of as hide_lines_of
from engine.record import record as _record  # noqa: F401  gives Value its operators
from engine.table import *  # noqa: F403  every row of the table is a function
from engine.table import TABLE as TABLE
from engine.table import softmax as softmax
from engine.value import NOT_COMPUTED as NOT_COMPUTED
from engine.value import Value as Value
from engine.value import as_value as as_value
from engine.vector import assign as assign
from engine.vector import assign_grad as assign_grad
from engine.vector import clear_grad as clear_grad
from engine.vector import computed_gradients as computed_gradients
from engine.vector import data_vector as data_vector
from engine.vector import descend as descend
from engine.vector import grad_vector as grad_vector
from engine.vector import zero_grad as zero_grad

# `from engine import *` leaves Python's own sum, max, min, abs and pow alone.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_" and not hasattr(builtins, name) and not isinstance(thing, types.ModuleType)
]

if TYPE_CHECKING:
    from engine.compiling import Compiled as Compiled
    from engine.compiling import compiled as compiled


def __getattr__(name: str) -> object:
    """`compiled` is loaded when it is asked for: most programs need none of it."""
    if name in ("compiled", "Compiled"):
        from engine import compiling

        return getattr(compiling, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
