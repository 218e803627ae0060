"""The passes that simplify a recorded graph, in their order; each takes a graph and gives one."""

from __future__ import annotations

from glassgrad.engine.compile.graph import Graph
from glassgrad.engine.compile.padding import padded
from glassgrad.engine.compile.simplify import folded, merged, pruned, shortened
from glassgrad.engine.compile.sums import biased, flattened

PASSES = (pruned, folded, merged, flattened, biased, padded, shortened)


def simplified(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph after all passes, and how many computed nodes there were after each.

    >>> from glassgrad import Value, compiled
    >>> f = compiled(lambda x, y: x * x + y * y + x * x)
    >>> _ = f(1.0, 2.0)
    >>> for name, count in f.recordings[0].nodes_after.items():
    ...     print(name, count)
    recorded 5
    pruned 5
    folded 5
    merged 4
    flattened 3
    biased 3
    padded 3
    shortened 3
    """
    counts = {"recorded": graph.size()}
    for step in PASSES:
        graph = step(graph)
        counts[step.__name__] = graph.size()
    return graph, counts
