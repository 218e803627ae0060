"""The plan of memory: where the arrays of a program lie, so that a call allocates next to nothing.

A program makes its buffers once, for a number of samples, and numpy's functions write into the one
that they are given last. A buffer that nobody reads any more is used again, also by the function
that reads it last. What is joined is written where it belongs, as the gradients of all parameters
are. Slices, reshaped and transposed arrays look at a buffer, so they are made once too.

Several threads, and calls inside one another, each have buffers of their own; see `program.py`.
Next: `numpy_source.py`, which writes it down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassgrad.engine.compile.ir import SAMPLES, Array, Shape, unshaped
from glassgrad.engine.compile.kernels import NAMESPACE

UFUNCS = {"sum": "add", "prod": "mul", "max": "larger", "min": "smaller"}
"""The functions that reduce rows into a buffer, by what reduces them."""


@dataclass
class Plan:
    """Where arrays lie.

    Attributes:
        order: the instructions, operands first.
        buffers: the shape of each buffer.
        buffer: the number of the buffer that an array is written into.
        place: of an array that is written into a part of another: that one, and where its rows are.
        fixed: the arrays that lie at the same place in every call.
    """

    order: list[Array]
    buffers: list[Shape] = field(default_factory=list)
    buffer: dict[Array, int] = field(default_factory=dict)
    place: dict[Array, tuple[Array, slice]] = field(default_factory=dict)
    fixed: set[Array] = field(default_factory=set)


def planned(order: Sequence[Array], kept: Sequence[Array]) -> Plan:
    """A plan for instructions in their order; what is kept is not overwritten."""
    plan = Plan(list(order))
    _place_parts(plan)
    wholes = {whole for whole, _ in plan.place.values()}
    wholes |= {array for array in plan.order if _is_prepared(array)}
    last = _last_uses(plan, [*kept, *wholes])
    free: dict[Shape, list[int]] = {}
    dying: dict[int, list[Array]] = {}
    for array, index in last.items():
        dying.setdefault(index, []).append(array)
    for index, array in enumerate(plan.order):
        released = [plan.buffer[each] for each in dying.get(index, []) if each in plan.buffer]
        # An operation element by element may write over what it reads; a product may not.
        if array.kind == "call":
            _release(plan, free, released)
        if _is_fixed(plan, array):
            plan.fixed.add(array)
        is_given = array.is_view or array.is_steady or array.kind == "input"
        if array in plan.fixed and not is_given and array not in plan.place:
            # Where something is written before its turn, nothing else may be.
            plan.buffer[array] = _buffer(plan, {} if array in wholes else free, array.shape)
        if array.kind != "call":
            _release(plan, free, released)
    return plan


def _release(plan: Plan, free: dict[Shape, list[int]], released: Sequence[int]) -> None:
    for number in released:
        shape = plan.buffers[number]
        if set(shape) != {1}:  # numpy makes a copy where one number is written over what is read
            free.setdefault(shape, []).append(number)


def _buffer(plan: Plan, free: dict[Shape, list[int]], shape: Shape) -> int:
    if free.get(shape):
        return free[shape].pop()
    plan.buffers.append(shape)
    return len(plan.buffers) - 1


def _is_fixed(plan: Plan, array: Array) -> bool:
    """Whether an array can lie at the same place in every call."""
    if array.is_steady or array.kind == "input":
        return True
    if array.is_view:
        (operand,) = array.arrays
        is_possible = array.kind != "reshape" or is_contiguous(operand)
        return operand in plan.fixed and is_possible
    return takes_out(array)


def takes_out(array: Array) -> bool:
    if array.is_view:
        return False
    if array.kind == "call":
        return isinstance(NAMESPACE[array.name], np.ufunc)
    if array.kind == "reduce":
        return array.name in UFUNCS
    if array.kind == "matmul":
        return not array.name
    return array.kind in ("sum", "take", "join", "broadcast") or is_placed(array)


def is_contiguous(array: Array) -> bool:
    if array.kind == "reshape":
        return is_contiguous(array.arrays[0])
    if array.kind == "take" and array.is_view:
        return array.detail.step in (None, 1) and is_contiguous(array.arrays[0])
    return array.kind != "transpose"


def base_of(array: Array) -> Array:
    while array.is_view:
        (array,) = array.arrays
    return array


def is_placed(array: Array) -> bool:
    """Whether rows are written at their places among zeros, no two at one."""
    return array.kind == "scatter" and array.name == "placed"


def _is_prepared(array: Array) -> bool:
    """Whether some of it stays as it is written once: zeros, and what is joined and steady."""
    has_steady = array.kind == "join" and any(part.is_steady for part in array.arrays)
    return has_steady or is_placed(array)


def _place_parts(plan: Plan) -> None:
    """Write what is joined where it belongs, unless it belongs to two."""
    for array in plan.order:
        if array.kind != "join" or array.detail != 0:
            continue
        for part, places in array.parts:
            source = unshaped(part)
            is_ours = takes_out(source) and not source.is_steady
            if is_ours and source not in plan.place and part.shape[1:] == array.shape[1:]:
                plan.place[source] = array, places


def _last_uses(plan: Plan, kept: Sequence[Array]) -> dict[Array, int]:
    """When each buffer is read for the last time; those that are kept never."""
    last: dict[Array, int] = {}
    for index, array in enumerate(plan.order):
        for operand in array.arrays:
            last[base_of(operand)] = index
    forever = set(map(base_of, kept))
    return {array: index for array, index in last.items() if array not in forever}


def shape_text(shape: Shape) -> str:
    """A shape as Python writes it, with the number of samples by name."""
    texts = [size_text(size) for size in shape]
    return f"({', '.join(texts)}{',' * (len(texts) == 1)})"


def slice_text(places: slice) -> str:
    text = f"{size_text(places.start)}:{size_text(places.stop)}"
    return text + f":{places.step}" * (places.step not in (None, 1))


def size_text(size: int) -> str:
    """A size as Python writes it."""
    if size >= 0:
        return str(size)
    return "samples" if size == SAMPLES else f"{-size} * samples"


def bytes_a_sample(buffers: Sequence[Shape]) -> float:
    sizes: list[Any] = [np.prod(np.abs(shape)) for shape in buffers]
    return 8.0 * float(sum(sizes))
