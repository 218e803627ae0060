"""`compiled`: the same scalar code, run as a handful of array operations.

A function is recorded once, as the graph that Values make anyway (`tape.py`). The graph is
simplified (`graph.py`), nodes that can be computed together become groups (`groups.py`), sums of
products become products of matrices (`products.py`), and the groups become source text over arrays,
forward and backward (`emit.py`). Start with `function.py`, which is what users call.
"""

from engine.compiled.function import Compiled as Compiled
from engine.compiled.function import compiled as compiled
