"""The forward half of a program: one line, or a few, for the values of each group.

Formulas are those of the table, written by `formula.py`; they hold for arrays as for numbers.
"""

from __future__ import annotations

from glassgrad.engine.compile.groups import Group
from glassgrad.engine.compile.source import Source, described, in_brackets
from glassgrad.engine.formula import written
from glassgrad.engine.op import Pairing, Reduction


def write_forward(source: Source) -> None:
    """Write the values of all groups, in their order."""
    for index, group in enumerate(source.layout.groups):
        source.group = index
        if not len(group):
            continue
        if group.kind == "constant":
            source.arrays[f"v{index}"] = source.layout.graph.numbers[group.nodes]
        else:
            source.line(f"v{index} = {_formula(source, index, group)}", described(group))
    source.group = None


def _formula(source: Source, index: int, group: Group) -> str:
    if group.walk is not None:
        return _walk(source, index, group)
    if group.row is None:
        return group.kind
    if group.grid is not None:
        return _product(source, index, group)
    if group.is_table:
        return _reduction(source, index, group)
    operands = [source.operand(index, i, nodes) for i, nodes in enumerate(group.operands)]
    source.read[index] = operands
    if isinstance(group.row, Reduction):
        return " + ".join(in_brackets(operand.text) for operand in operands)
    return written(group.row, [operand.formula for operand in operands]).numpy


def _walk(source: Source, index: int, group: Group) -> str:
    outside = source.operand(index, 0, group.operands[0])
    source.read[index] = [outside]
    source.arrays[f"w{index}"] = group.walk
    return f"w{index}.forward({outside.text})"


def _reduction(source: Source, index: int, group: Group) -> str:
    assert group.row is not None
    length = len(group.operands[0]) // group.rows
    tables = [
        source.table(index, i, nodes, group.rows, length) for i, nodes in enumerate(group.operands)
    ]
    source.read[index] = tables
    names = [table.text for table in tables]
    if isinstance(group.row, Pairing):
        return f"({names[0]} * {names[1]}).sum(-1)"
    if group.row.name in ("sum", "prod"):
        return f"{names[0]}.{group.row.name}(-1)"
    return f"{group.row.kernel}({names[0]})"


def _product(source: Source, index: int, group: Group) -> str:
    assert group.grid is not None
    blocks, rows, columns = group.grid.cells.shape
    length = group.grid.left.shape[2]
    head = (blocks,) if blocks > 1 else ()
    right = source.table(index, 1, group.operands[1], *head, columns, length)
    # If all samples meet the same rows, it is one product, with the samples as rows too.
    group.is_flat = group.is_batched and not right.is_batched and blocks == 1
    sizes = (-1, length) if group.is_flat else (*head, rows, length)
    left = source.table(index, 0, group.operands[0], *sizes)
    source.read[index] = [left, right]
    text = f"matmul({left.text}, {group.transposed(right.text)})"
    shape = source.shape(group.is_batched, len(group))
    return text if group.has_row_per_sample else f"{text}.reshape({shape})"
