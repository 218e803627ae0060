"""`compiled`: the same scalar code, run as a handful of array operations.

    api.py           `compiled(f)`: what users call
    arguments.py     the arguments of a call, or of many, as numbers
    cache.py         the recordings of a function, and which of them serve a call
    audit.py         a sample by the function as it is written, to find what guards do not see
    guards.py        what is looked at before: names, lists and modules around the function
    recording.py     one run as a graph, and the programs made of it; stages.py, all as text
    trace.py         what is recorded while the function runs
    outputs.py       what it gives
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
`api.py`, then follow a recording from `trace.py` on.
"""

from glassgrad.engine.compile.api import Compiled as Compiled
from glassgrad.engine.compile.api import compiled as compiled
