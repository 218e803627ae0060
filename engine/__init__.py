"""A scalar reverse-mode autograd engine: numbers that remember how they were computed.

What runs in `c = a * b * 3; c.backward()`, in order:

    a * b           The method `Value.__mul__`. It stands at the top of methods.py: it reads
                    both numbers, computes the product and the local derivatives b and a, and makes
                    the node. (It was written from the row "mul" of table.py when it was first
                    called: `unwritten`, `_method`, `_text`; `source_of` shows it.)
      current()     context.py: the circumstances. Usually there is nothing special about them.
      made_by(...)  provenance.py: looks for the line of yours that made the node; needed once a
                    file, since from then on it is known as yours.
    ... * 3         The same method. The number is kept among the operands, as the float 3.0.
    c.backward()    `backward` in backward.py. It refuses what is no Value, or no gradient to begin
                    with, and tells who observes: `require_value`, `tell_used`, `scalar_of` (with
                    `has_parts`), `real`. Then:
      order_of      each node after its operands
      sweep         from the end, each node sends upstream × local to its operands (the chain rule)
      _accumulated  leaves add what they got to the gradient that they had
      write_gradients   all gradients at once: until then everything is as it was
                    (Results of compiled functions, one node with all parameters below it, need no
                    order: `_send_to_leaves`.)

Value itself is in value.py, the operations are in table.py and reductions.py. From there:
gradient.py (gradients that can be differentiated again, Jacobians), op.py and define.py (what a row
is, and how one of your own is made), formula.py and printers.py (rows written down), check.py and
trap.py (to find mistakes), tree.py and arrays.py (sequences, numpy), misuse.py (refusals in
sentences). `compile/` makes array programs of scalar code.
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
from glassgrad.engine.backward import forget as forget
from glassgrad.engine.backward import topological_order as topological_order
from glassgrad.engine.check import check_gradients as check_gradients
from glassgrad.engine.context import Scope as Scope
from glassgrad.engine.context import no_grad as no_grad
from glassgrad.engine.context import scope as scope
from glassgrad.engine.define import operation as operation
from glassgrad.engine.errors import ChangedDataError as ChangedDataError
from glassgrad.engine.errors import GradientMismatchError as GradientMismatchError
from glassgrad.engine.errors import NonFiniteError as NonFiniteError
from glassgrad.engine.formula import Formula as Formula
from glassgrad.engine.formula import derivative_formula as derivative_formula
from glassgrad.engine.gradient import grad as grad
from glassgrad.engine.gradient import hessian as hessian
from glassgrad.engine.gradient import hvp as hvp
from glassgrad.engine.gradient import jacobian as jacobian
from glassgrad.engine.gradient import jvp as jvp
from glassgrad.engine.gradient import value_and_grad as value_and_grad
from glassgrad.engine.methods import source_of as source_of
from glassgrad.engine.misuse import not_there as _not_there
from glassgrad.engine.op import TABLE as TABLE
from glassgrad.engine.op import Operation as Operation
from glassgrad.engine.op import Reduction as Reduction
from glassgrad.engine.provenance import SourceLine as SourceLine
from glassgrad.engine.provenance import hide_lines_of as hide_lines_of
from glassgrad.engine.reductions import *  # noqa: F403
from glassgrad.engine.reductions import log_softmax as log_softmax
from glassgrad.engine.reductions import softmax as softmax
from glassgrad.engine.table import *  # noqa: F403  every row of the table is a function
from glassgrad.engine.trap import trap as trap
from glassgrad.engine.value import NOT_COMPUTED as NOT_COMPUTED
from glassgrad.engine.value import Constant as Constant
from glassgrad.engine.value import Value as Value
from glassgrad.engine.value import as_value as as_value
from glassgrad.engine.vectors import assign as assign
from glassgrad.engine.vectors import assign_grad as assign_grad
from glassgrad.engine.vectors import clear_grad as clear_grad
from glassgrad.engine.vectors import computed_gradients as computed_gradients
from glassgrad.engine.vectors import data_vector as data_vector
from glassgrad.engine.vectors import descend as descend
from glassgrad.engine.vectors import grad_vector as grad_vector
from glassgrad.engine.vectors import zero_grad as zero_grad

if TYPE_CHECKING:
    from glassgrad.engine.compile import Compiled as Compiled
    from glassgrad.engine.compile import compiled as compiled
else:

    def __getattr__(name: str) -> object:
        """`compiled` is loaded when it is asked for: most programs need none of it."""
        if name in ("compiled", "Compiled"):
            from glassgrad.engine import compile as compiling

            return getattr(compiling, name)
        raise _not_there(__name__, name, globals()["__all__"])


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
