"""The stages of a compilation as text: scalars, groups, array instructions, memory, the program.

`Compiled.stages()` prints them for a recording. What is long is shown in part, and what is left out
is counted. `docs/compiling.md` goes through them with an example.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, INPUT, Graph
from glassgrad.engine.compile.ir import Array, is_array
from glassgrad.engine.compile.layout import Layout
from glassgrad.engine.compile.lower import described
from glassgrad.engine.compile.memory import shape_text, slice_text
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.printers import number_text
from glassgrad.engine.text import counted

_LEAVES = {INPUT: "input", CAPTURED: "captured"}


def stages_of(recording: Recording, program: Program, most_lines: int | None) -> str:
    """All stages of a program, from the recorded scalars on, each in so many lines at the most."""
    order = program.instructions()
    parts = [
        ("Recorded: the scalars, as they were computed", _scalars(recording.graph)),
        ("Passes: the scalars that are left", _scalars(recording.simplified)),
        ("Schedule: groups of scalars that are computed together", _groups(program.layout)),
        ("Lowered: array instructions for the values", _instructions(order, "forward")),
        ("Differentiated: those for the gradients", _instructions(order, "backward")),
        ("Written: the program, with its memory", program.text.rstrip("\n").split("\n")),
    ]
    return "\n\n".join(_section(title, lines, most_lines) for title, lines in parts)


def _section(title: str, lines: Iterable[str], most_lines: int | None) -> str:
    every = list(lines)
    shown = every[:most_lines] if every else ["none"]
    if rest := len(every[len(shown) :]):
        shown.append(f"… {counted(rest, 'more line')}, which stages(most_lines=None) shows too")
    return "\n".join([title, *(f"    {line}" for line in shown)])


def _scalars(graph: Graph) -> Iterator[str]:
    """Each computed scalar with its operands; leaves by their kind and place."""
    names = [_leaf(graph, node) for node in range(len(graph))]
    for node, operands in enumerate(graph.all_operands()):
        row = graph.row(node)
        if row is not None:
            names[node] = f"s{node}"
            yield f"s{node} = {row.name}({', '.join(names[o] for o in operands)})"


def _leaf(graph: Graph, node: int) -> str:
    code, number = int(graph.codes[node]), float(graph.numbers[node])
    return number_text(number) if code == CONSTANT else f"{_LEAVES.get(code, '')}[{int(number)}]"


def _groups(layout: Layout) -> Iterator[str]:
    for index, group in enumerate(layout.groups):
        if len(group):
            listed = ", ".join(f"s{node}" for node in islice(group.nodes.tolist(), 8))
            dots = ", …" * (len(group) > 8)
            names = f": {listed}{dots}" if group.row is not None else ""
            yield f"v{index}: {described(group)}{names}"


def _instructions(order: Iterable[Array], half: str) -> Iterator[str]:
    """Each instruction: its array, the kind, what it reads, and its shape."""
    names: dict[Array, str] = {}
    for place, array in enumerate(order):
        names[array] = array.label or array.name * (array.kind == "input") or f"t{place}"
        if array.half == half:
            yield f"{names[array]} = {_instruction(array, names)}: {shape_text(array.shape)}"


def _instruction(array: Array, names: dict[Array, str]) -> str:
    read = [names[each] if is_array(each) else f"{each:g}" for each in array.operands]
    detail: list[str] = []
    if array.kind == "input":
        detail = [array.name]
    if array.kind == "constant":
        detail = [number_text(number) for number in array.detail.ravel().tolist()[:8]]
    if array.kind == "take":
        detail = [slice_text(array.detail) if array.is_view else "an index"]
    if array.kind == "einsum":
        detail = [array.detail]
    if array.kind == "sum":
        detail = [f"axis {array.detail}"]
    kind = array.name if array.kind in ("call", "reduce", "partials") else array.kind
    return f"{kind}({', '.join([*read, *detail])})"
