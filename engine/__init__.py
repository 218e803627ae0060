"""A scalar reverse-mode autograd engine: numbers that remember how they were computed.

Start with `value.py` (the node), `table.py` (the calculus, one row an operation), `record.py` (how
a node is made from both) and `backward.py` (the chain rule); then `gradient.py`, `functional.py`,
`checking.py`, `mode.py` and `ink.py`. What makes array programs of scalar code is in `compiling/`.
"""

import builtins
import types
from typing import TYPE_CHECKING

if __name__ != "glassgrad.engine":  # in the folder of a checkout: it would be a second one
    raise ModuleNotFoundError(
        f"{__name__} is a room of glassgrad: import glassgrad.engine instead.", name=__name__
    )

from glassgrad.engine.backward import backward as backward
from glassgrad.engine.backward import contribution as contribution
from glassgrad.engine.checking import check_gradients as check_gradients
from glassgrad.engine.differences import extrapolated_difference as extrapolated_difference
from glassgrad.engine.errors import ChangedDataError as ChangedDataError
from glassgrad.engine.errors import GradientMismatchError as GradientMismatchError
from glassgrad.engine.errors import NonFiniteError as NonFiniteError
from glassgrad.engine.functional import hessian as hessian
from glassgrad.engine.functional import jacobian as jacobian
from glassgrad.engine.functional import jvp as jvp
from glassgrad.engine.functional import value_and_grad as value_and_grad
from glassgrad.engine.gradient import grad as grad
from glassgrad.engine.graph import forget as forget
from glassgrad.engine.graph import topological_order as topological_order
from glassgrad.engine.ink import Ink as Ink
from glassgrad.engine.ink import derivative_formula as derivative_formula
from glassgrad.engine.ink import write as write
from glassgrad.engine.mode import Scope as Scope
from glassgrad.engine.mode import no_grad as no_grad
from glassgrad.engine.mode import scope as scope
from glassgrad.engine.mode import trap as trap
from glassgrad.engine.operation import Operation as Operation
from glassgrad.engine.operation import Reduction as Reduction
from glassgrad.engine.origin import SourceLine as SourceLine
from glassgrad.engine.origin import hide_lines_of as hide_lines_of
from glassgrad.engine.record import record as _record  # noqa: F401  gives Value its operators
from glassgrad.engine.table import *  # noqa: F403  every row of the table is a function
from glassgrad.engine.table import TABLE as TABLE
from glassgrad.engine.table import log_softmax as log_softmax
from glassgrad.engine.table import softmax as softmax
from glassgrad.engine.value import NOT_COMPUTED as NOT_COMPUTED
from glassgrad.engine.value import Value as Value
from glassgrad.engine.value import as_value as as_value
from glassgrad.engine.vector import assign as assign
from glassgrad.engine.vector import assign_grad as assign_grad
from glassgrad.engine.vector import clear_grad as clear_grad
from glassgrad.engine.vector import computed_gradients as computed_gradients
from glassgrad.engine.vector import data_vector as data_vector
from glassgrad.engine.vector import descend as descend
from glassgrad.engine.vector import grad_vector as grad_vector
from glassgrad.engine.vector import zero_grad as zero_grad

if TYPE_CHECKING:
    from glassgrad.engine.compiling import Compiled as Compiled
    from glassgrad.engine.compiling import compiled as compiled
else:

    def __getattr__(name: str) -> object:
        """`compiled` is loaded when it is asked for: most programs need none of it."""
        if name in ("compiled", "Compiled"):
            from glassgrad.engine import compiling

            return getattr(compiling, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# `from glassgrad import *` leaves Python's own sum, max, min, abs and pow alone.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_"
    and name != "TYPE_CHECKING"
    and not hasattr(builtins, name)
    and not isinstance(thing, types.ModuleType)
]
globals()["__all__"] += ["Compiled", "compiled"]
