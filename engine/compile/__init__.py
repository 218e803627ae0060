"""`compiled`: the same scalar code, run as a handful of array operations.

    api.py           `compiled(f)`: what users call
    arguments.py     what a call is given, or many are, and what they give, as numbers
    cache.py         the recordings of a function, and which of them serve a call
    guards.py        what is looked at before: names, lists and modules around the function
    audit.py         a sample by the function as it is written, to find what guards do not see
    trace.py         what is recorded while the function runs
    recording.py     that, the programs made of it, and all of it as text
    result.py        the result as a Value
    value_and_grad.py the value and the gradient by an array of parameters

    graph.py         the recorded scalars as arrays
    passes.py        what simplifies it
    layout.py        which scalars are computed together, and where each lies
    walk.py          what is too irregular for lines

    ir.py            array instructions
    lower.py         those of a layout
    vjp.py           those of its gradient
    memory.py        where the arrays lie, so that calls allocate next to nothing
    numpy_source.py  the instructions as source text
    kernels.py       the functions that it calls
    program.py       the function made from it, and its buffers
    libraries.py     the same instructions on arrays of PyTorch and JAX

Each part is a step from scalars to an array program, and the list is in that order. Start with
`api.py`, then follow a recording from `trace.py` on. A call of `f.over(X)` is: `Batch.of`, its
numbers; `Cache.served`, which finds a `Case` whose `Guards` hold, or makes one (`Tracer.run`, a
`Trace`, a `Recording`); `Program.run`; now and then `difference`, the audit; and `total_of`, the
Value. That of `f.value_and_grad(...)` reads a `Point` in place of the numbers of the parameters,
and brings the gradient back into their order by `Places`.
"""

from glassgrad.engine.compile.api import Compiled as Compiled
from glassgrad.engine.compile.api import compiled as compiled
