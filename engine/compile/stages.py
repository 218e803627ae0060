"""`stages_of`: how a recording became a program, stage by stage, as text.

A scalar has one name in all stages, that of its place in the recording; an array has the name that
the program gives it. `docs/compiling.md` goes through them with an example.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, INPUT, Graph
from glassgrad.engine.compile.ir import Array
from glassgrad.engine.compile.lower import described
from glassgrad.engine.compile.memory import shape_text, slice_text
from glassgrad.engine.compile.numpy_source import Outputs
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.trace import Guard
from glassgrad.engine.printers import number_text
from glassgrad.engine.text import counted

_LEAVES = {INPUT: "input", CAPTURED: "captured"}
_MOST = 8
"""Of more numbers or names than these, the others are dots."""


def stages_of(recording: Recording, program: Program, most_lines: int | None) -> str:
    """All stages of a program, from the recorded scalars on, each in so many lines at the most."""
    graph, simplified, guards = recording.graph, recording.simplified, recording.guards
    names, order, outputs = _names(recording), *program.instructions()
    arrays = _names_of_arrays(order)
    parts: list[tuple[str, Iterable[str]]] = [
        (
            "Recorded: the scalars, as they were computed",
            _scalars(graph, [_leaf(graph, n) or f"s{n}" for n in range(len(graph))], guards),
        ),
        ("Passes: the scalars that are left", _scalars(simplified, names, guards)),
        (
            "Schedule: groups of scalars that are computed together",
            _groups(recording, program, names),
        ),
        (
            "Lowered: array instructions for the values",
            [*_instructions(order, arrays, "forward"), *_outcome(outputs, arrays)],
        ),
        ("Differentiated: those for the gradients", _instructions(order, arrays, "backward")),
        (
            "Written: the program, with its memory",
            [*program.text.rstrip("\n").split("\n"), *_given(program.arrays)],
        ),
    ]
    return "\n\n".join(_section(title, lines, most_lines) for title, lines in parts)


def _section(title: str, lines: Iterable[str], most_lines: int | None) -> str:
    every = list(lines)
    shown = every[:most_lines] if every else ["none"]
    if rest := len(every[len(shown) :]):
        shown.append(f"… {counted(rest, 'more line')}, which stages(most_lines=None) shows too")
    return "\n".join([title, *(f"    {line}" for line in shown)])


def _listed(texts: Sequence[str]) -> str:
    return ", ".join([*texts[:_MOST], *["…"] * (len(texts) > _MOST)])


# Scalars.


def _names(recording: Recording) -> list[str]:
    """The names of the simplified nodes: those that they had when they were recorded.

    Of several that became one it is the last, whose number it is: others went into that one. What
    passes made anew is counted on.
    """
    graph, is_computed = recording.simplified, recording.graph.codes >= 0
    names = [_leaf(graph, node) for node in range(len(graph))]
    became = graph.places
    for node in np.flatnonzero(is_computed & (became >= 0)).tolist():
        names[became[node]] = f"s{node}"
    new = len(recording.graph)
    for node, name in enumerate(names):
        if not name:
            names[node], new = f"s{new}", new + 1
    return names


def _leaf(graph: Graph, node: int) -> str:
    """What a leaf is called; "" for a computed node."""
    code, number = int(graph.codes[node]), float(graph.numbers[node])
    if code >= 0:
        return ""
    return number_text(number) if code == CONSTANT else f"{_LEAVES[code]}[{int(number)}]"


def _scalars(graph: Graph, names: Sequence[str], guards: Sequence[Guard]) -> Iterator[str]:
    """Each computed scalar with its operands, then the result, and what was compared."""
    for node, operands in enumerate(graph.all_operands()):
        row = graph.row(node)
        if row is not None:
            yield f"{names[node]} = {row.name}({', '.join(names[o] for o in operands)})"
    roots = [names[node] for node in graph.roots.tolist()]
    compared = roots[len(roots) - 2 * len(guards) :]
    results = roots[: len(roots) - len(compared)]
    yield f"result{'s' * (len(results) != 1)}: {_listed(results)}"
    for guard, left, right in zip(guards, compared[::2], compared[1::2]):
        yield f"holds if {left} {guard.relation} {right} is {guard.outcome}"


def _groups(recording: Recording, program: Program, names: Sequence[str]) -> Iterator[str]:
    for index, group in enumerate(program.layout.groups):
        if not len(group):
            continue
        nodes = group.nodes[group.nodes >= 0].tolist()
        listed = [names[node] for node in islice(nodes, _MOST + 1)]
        if group.kind == "captured":
            values = recording.values(program)
            labels = ["" if v.label is None else f" ({v.label})" for v in values]
            listed = [name + label for name, label in zip(listed, labels)]
        yield f"v{index}: {described(group)}: {_listed(listed)}"


# Arrays.


def _names_of_arrays(order: Iterable[Array]) -> dict[Array, str]:
    return {
        array: array.label or array.name * (array.kind == "input") or f"t{number}"
        for number, array in enumerate(order)
    }


def _instructions(order: Iterable[Array], names: dict[Array, str], half: str) -> Iterator[str]:
    """Each instruction: its array, the kind, what it reads, and its shape."""
    for array in order:
        if array.half == half:
            yield f"{names[array]} = {_instruction(array, names)}: {shape_text(array.shape)}"


def _instruction(array: Array, names: dict[Array, str]) -> str:
    read = [_operand(each, names) for each in array.operands]
    kind = array.name if array.kind in ("call", "reduce") else array.kind
    return f"{kind}({', '.join([*read, *_details(array)])})"


def _details(array: Array) -> list[str]:
    """What an instruction needs beside arrays."""
    if array.kind == "input":
        return [array.name]
    if array.kind == "constant":
        return [_numbers(array.detail)]
    if array.kind in ("take", "scatter"):
        return [slice_text(array.detail) if array.is_view else f"[{_numbers(array.detail)}]"]
    return [f"axis {array.detail}"] if array.kind == "sum" else []


def _numbers(array: Any) -> str:
    return _listed([number_text(number) for number in array.ravel()[: _MOST + 1].tolist()])


def _operand(operand: Array | float, names: dict[Array, str]) -> str:
    return names[operand] if isinstance(operand, Array) else number_text(operand)


def _outcome(outputs: Outputs, names: dict[Array, str]) -> Iterator[str]:
    yield f"result: {names[outputs.result]}"
    for check in outputs.checks:
        left, right = _operand(check.left, names), _operand(check.right, names)
        yield f"holds if {left} {check.relation} {right} is {check.outcome} everywhere"


def _given(arrays: dict[str, Any]) -> Iterator[str]:
    """The arrays that a program names: constants, places, and walks."""
    for name, thing in arrays.items():
        if isinstance(thing, np.ndarray):
            yield f"{name}: {_numbers(thing)}: {shape_text(thing.shape)}"
        else:
            yield f"{name}: a walk of {counted(len(thing), 'scalar')}"
