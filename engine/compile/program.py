"""`Program`: a recorded graph as an array program that runs.

Its text is made by passes, each in a file of its own: the graph is simplified (`passes.py`), laid
out in groups (`layout.py`), and written forward (`forward.py`) and backward (`backward.py`). The
functions that the text calls are in `arrays.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassgrad.engine.compile.arrays import NAMESPACE
from glassgrad.engine.compile.backward import write_backward
from glassgrad.engine.compile.forward import write_forward
from glassgrad.engine.compile.graph import CONSTANT, Graph
from glassgrad.engine.compile.groups import Layout
from glassgrad.engine.compile.layout import laid_out
from glassgrad.engine.compile.source import Source

if TYPE_CHECKING:
    from glassgrad.engine.compile.trace import Guard


class Program:
    """A graph as source text, and the function made from it.

    Args:
        graph: the recorded graph, simplified.
        guards: how the last roots were compared, two and two.
        batched: the kinds of leaves that have an axis of samples.
        wanted: the kinds of leaves whose gradients are computed.
        has_several: whether the result is a row of numbers, without gradients.

    Attributes:
        text: the source text.
        captured: how many captured Values it reads.
        lines: the same, line by line, with what each belongs to.
        arrays: the arrays that the text names.
        layout: the groups that it computes.
        orders: which input, or captured Value, stands at each place of those arrays.
        is_in_order: whether the inputs stand as they are given, up to some that are not needed.
        operations: how many array operations the forward half is.
        walked: how many scalars it computes one by one instead.
        group_of: the group of each recorded node, by index; -1 for one that is not needed.
    """

    def __init__(
        self,
        graph: Graph,
        guards: Sequence[Guard],
        batched: frozenset[str],
        wanted: frozenset[str],
        has_several: bool = False,
    ) -> None:
        self.layout = laid_out(graph, batched)
        source = Source(self.layout)
        self.text = _written(source, guards, bool(batched), wanted, has_several)
        self.orders = {
            group.kind: graph.numbers[group.nodes].astype(int) for group in self.layout.groups[:2]
        }
        inputs = self.orders["input"]
        self.is_in_order = np.array_equal(inputs, np.arange(len(inputs)))
        self.captured = len(self.orders["captured"])
        self.lines, self.arrays = source.lines, source.arrays
        self.operations = sum(group.row is not None for group in self.layout.groups)
        self.walked = sum(len(group.walk) for group in self.layout.groups if group.walk)
        places = np.append(self.layout.group_of, -1)
        self.group_of = places[graph.places]
        namespace = {**NAMESPACE, **source.arrays}
        exec(compile(self.text, "<compiled>", "exec"), namespace)
        self._run = namespace["program"]

    def size_in_bytes(self) -> int:
        """How much memory the layout and the arrays take that the text names."""
        layout = [self.layout.group_of, self.layout.position, self.group_of]
        for group in self.layout.groups:
            layout += [group.nodes, *group.operands]
        return sum(each.nbytes for each in (*layout, *self.arrays.values()))

    def run(self, inputs: Any, captured: Any, seed: Any = None) -> Any:
        """The result, whether the guards hold, and the gradients by the inputs and the captured.

        Args:
            inputs: the numbers of the arguments, in the order of `orders["input"]`.
            captured: those of the captured Values, in the order of `orders["captured"]`.
            seed: the gradient of the result; None for no gradients.
        """
        with np.errstate(all="ignore"):
            return self._run(inputs, captured, seed)


def _written(
    source: Source,
    guards: Sequence[Guard],
    is_batched: bool,
    wanted: frozenset[str],
    has_several: bool,
) -> str:
    layout = source.layout
    if is_batched:
        source.line("batch = len(input)")
    write_forward(source)
    roots = layout.graph.roots
    results = roots[: len(roots) - 2 * len(guards)]
    root = int(roots[0])
    source.line(f"result = {source.row(results) if has_several else _one(layout, root)}")
    source.line(f"holds = {_checks(source, guards) or True}")
    found = "None, None"
    if wanted:
        source.line("if seed is None:")
        source.line("    return result, holds, None, None")
        write_backward(source, root, wanted)
        leaves = layout.groups[:2]
        names = [f"d{i}" if g.kind in wanted and len(g) else "None" for i, g in enumerate(leaves)]
        found = ", ".join(names)
    source.line(f"return result, holds, {found}")
    return "\n".join(["def program(input, captured, seed):", *map(str, source.lines), ""])


def _checks(source: Source, guards: Sequence[Guard]) -> str:
    """Whether all comparisons come out as they did while recording."""
    graph, size = source.layout.graph, len(source.layout.groups)
    if not guards:
        return ""
    outcomes = [guard.outcome for guard in guards]
    compared = graph.roots[-2 * len(guards) :]
    rows = np.stack([compared[::2], compared[1::2], outcomes], 1)
    checks: list[str] = []
    for relation in sorted({guard.relation for guard in guards}):
        mine = rows[[guard.relation == relation for guard in guards]]
        mine = mine[(graph.codes[mine[:, :2]] != CONSTANT).any(1)]
        for outcome, prefix in ((1, ""), (0, "~")):
            left, right, _ = np.unique(mine[mine[:, 2] == outcome], axis=0).T
            if len(left):
                index = size + len(checks)
                names = [source.operand(index, i, n).text for i, n in enumerate((left, right))]
                text = f"({names[0]} {relation} {names[1]})"
                checks.append(f"({prefix}{text}).all(-1)" if prefix else f"{text}.all(-1)")
    return " & ".join(checks)


def _one(layout: Layout, node: int) -> str:
    return f"v{layout.group_of[node]}[..., {layout.position[node]}]"
