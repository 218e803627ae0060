"""The array IR: what a program computes, as a list of instructions, each of which gives one array.

There are thirteen kinds; `Builder` has a method for nearly each, and makes equal instructions one:

    input, constant     the numbers of arguments and of captured Values; those that never change
    call                a function of the table, or a kernel, element by element
    matmul              products of matrices
    reduce              a reduction of each row of a table
    sum                 the sum along an axis, which stays with length 1
    take, join          some rows of an array; several arrays one after the other
    reshape, transpose, broadcast
    scatter             rows sent back to where they were taken
    walk                what is too irregular for lines: its values, or its gradient

The first axes of an array are those of scalars, the last one is that of samples: its size is
`SAMPLES`, or 1 where all samples share the numbers. Only matrices, which are products' operands
without samples, lack it. So scalars that belong together lie together, whatever the samples.
Next: `lower.py`, which makes the instructions of a layout, and `vjp.py`, those of its gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeGuard

import numpy as np

from glassgrad.engine.formula import Formula
from glassgrad.engine.op import TABLE, Operation
from glassgrad.engine.table import mul, relu

Shape = tuple[int, ...]
SEED = "seed"
"""The input where the gradient begins."""
SAMPLES = -1
"""The size of an axis of samples; -m stands for m times as many."""
_SUM = TABLE["sum"]
VIEWS = frozenset({"take", "reshape", "transpose"})
"""The kinds that look at an array that is there, if they take a slice and not an index."""


@dataclass(eq=False, slots=True)
class Array:
    """An instruction, and the array that it gives.

    Attributes:
        kind: which instruction.
        operands: arrays, and plain numbers where a `call` has them.
        shape: the size along each axis.
        name: of a `call` or `reduce` the function, of a `walk` the method, of an `input` its name.
        detail: what else the instruction needs: a row of the table, a slice, an index, an axis,
            constants or a walk.
        label: what it is called in the program.
        about: which scalars it computes, in words; "" if another instruction says so.
        group, half: the group that it serves, by index, and in which half; None for the frame.
        is_steady: whether its numbers are the same in all calls for one number of samples.
    """

    kind: str
    operands: tuple[Array | float, ...]
    shape: Shape
    name: str = ""
    detail: Any = None
    label: str = ""
    about: str = ""
    group: int | None = None
    half: str = "forward"
    is_steady: bool = False

    @property
    def has_samples(self) -> bool:
        return bool(self.shape) and self.shape[-1] < 0

    @property
    def arrays(self) -> list[Array]:
        return [each for each in self.operands if is_array(each)]

    @property
    def row_operands(self) -> tuple[Array | float, ...]:
        """The operands, of a `call` those of its row: `square` is not given the exponent 2, and
        what is `larger` for a relu is given a 0.
        """
        if self.kind != "call":
            return self.operands
        exponent = (2.0,) * (self.name == "square")
        return (*self.operands, *exponent)[: self.detail.arity]

    @property
    def parts(self) -> list[tuple[Array, slice]]:
        """What is joined, and where each part lies along the axis of the join."""
        found, start = [], 0
        for part in self.arrays:
            stop = start + part.shape[self.detail]
            found.append((part, slice(start, stop, 1)))
            start = stop
        return found

    @property
    def is_view(self) -> bool:
        """Whether it looks at its operand, and computes nothing."""
        return self.kind in VIEWS and not isinstance(self.detail, np.ndarray)


def unshaped(array: Array) -> Array:
    """The array whose numbers a reshaped one has."""
    while array.kind == "reshape":
        (array,) = array.arrays
    return array


def needed(outputs: Sequence[Array]) -> set[Array]:
    found, left = set[Array](), list(outputs)
    while left:
        array = left.pop()
        if array not in found:
            found.add(array)
            left += array.arrays
    return found


def is_array(operand: Array | float) -> TypeGuard[Array]:
    return isinstance(operand, Array)


class Builder:
    """Instructions in their order.

    Attributes:
        arrays: what was built so far; operands come first.
        group, half: what is being built, for those that draw the program.
    """

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self.group: int | None = None
        self.half = "forward"
        self._known: dict[Any, Array] = {}
        self._part_of: dict[Array, tuple[Array, slice]] = {}

    def add(
        self,
        kind: str,
        operands: Sequence[Array | float],
        shape: Shape,
        name: str = "",
        detail: Any = None,
    ) -> Array:
        """An instruction, or the equal one that is there already."""
        said = tuple([id(each) if is_array(each) else repr(each) for each in operands])
        key = (kind, name, said, shape, key_of(detail))
        if key not in self._known:
            found = Array(
                kind, tuple(operands), shape, name, detail, group=self.group, half=self.half
            )
            found.is_steady = _is_steady(found)
            self.arrays.append(found)
            self._known[key] = found
        return self._known[key]

    def input(self, name: str, size: int, samples: int) -> Array:
        return self.add("input", (), (size, samples), name)

    def constant(self, numbers: Any) -> Array:
        return self.add("constant", (), numbers.shape, detail=numbers)

    def call(self, name: str, *operands: Array | float, row: Operation | None = None) -> Array:
        """A function element by element.

        Args:
            name: the function.
            operands: arrays, which may be broadcast against each other, and numbers.
            row: the row of the table that it evaluates.
        """
        shape = broadcast(each.shape for each in operands if is_array(each))
        assert shape, f"{name} of numbers alone"
        return self.add("call", operands, shape, name, row)

    def row(self, row: Operation, operands: Sequence[Array | float]) -> Array:
        """A row of the table, element by element; one of its operands at least is an array, since
        what constants decide is folded before.
        """
        if row is relu:
            return self.call("larger", operands[0], 0.0, row=row)
        exponent = operands[-1]
        if row.name == "pow" and not isinstance(exponent, Array):
            # np.power takes a square root for the exponent 0.5, which is nan at -inf.
            if exponent == 2.0:
                return self.call("square", operands[0], row=row)
            if exponent >= 0.0 and exponent != 0.5:
                return self.call("power", *operands, row=row)
        return self.call(row.kernel, *operands, row=row)

    def formula(self, formula: Formula, symbols: dict[str, Array | float]) -> Array | float:
        """A formula, whose symbols stand for arrays or numbers, operation by operation."""
        if formula.number is not None:
            return formula.number
        if formula.operation is None:
            return symbols[formula.name]
        operands = [self.formula(operand, symbols) for operand in formula.operands]
        return self.row(formula.operation, operands)

    def matmul(self, left: Array, right: Array) -> Array:
        """A product of matrices; of a column and a row it is one of elements."""
        if left.shape[-1] == 1:
            return self.call("mul", left, right, row=mul)
        *head, rows, _ = left.shape
        *other, _, columns = right.shape
        shape = (*broadcast((tuple(head), tuple(other))), rows, columns)
        return self.add("matmul", (left, right), shape)

    def reduce(self, row: Operation, table: Array) -> Array:
        rows, length, samples = table.shape
        if row is _SUM and 1 in (rows, samples):
            axis = int(samples == 1)
            matrix = self.reshape(table, (rows, length) if axis else (length, samples))
            return self.sum(matrix, axis)
        return self.add("reduce", (table,), (rows, samples), row.kernel, row)

    def sum(self, array: Array, axis: int) -> Array:
        """The sum along an axis, from the front; the axis stays, with length 1.

        Where that can be, the array is looked at as a matrix: for that numpy is quickest.
        """
        before, size, after = array.shape[:axis], array.shape[axis], array.shape[axis + 1 :]
        shape = (*before, 1, *after)
        if not array.has_samples and len(array.shape) > 2:
            rows, columns = prod(before), prod(after)
            if 1 in (rows, columns):
                is_left = columns == 1
                matrix = self.reshape(array, (rows, size) if is_left else (size, columns))
                return self.reshape(self.sum(matrix, int(is_left)), shape)
        return self.add("sum", (array,), shape, detail=axis)

    def unbroadcast(self, array: Array, shape: Shape) -> Array:
        """Summed along the axes along which an operand of this shape was broadcast."""
        if len(array.shape) > len(shape):
            array = self.sum(array, 0)
            return self.unbroadcast(self.reshape(array, array.shape[1:]), shape)
        for axis, (mine, size) in enumerate(zip(array.shape, shape)):
            if mine != size == 1:
                array = self.sum(array, axis)
        return array

    def take(self, array: Array, places: slice | Any) -> Array:
        """Some rows: a slice, or an array of their places, which is a slice if they are a run."""
        if isinstance(places, np.ndarray):
            return self._taken(array, places)
        size, *rest = array.shape
        count = len(range(*places.indices(size)))
        if count == size:
            return array
        part = _part_of(array, places)
        return part or self.add("take", (array,), (count, *rest), detail=places)

    def _taken(self, array: Array, places: Any) -> Array:
        if array.kind == "take" and not array.is_view:  # of what was taken by an index
            (array,), places = array.arrays, array.detail[places]
        elif (once := unshaped(array)).kind == "broadcast" and array.shape[1:] == (1,):
            (once,), shape = once.arrays, once.shape
            rows = np.arange(prod(once.shape)).reshape(once.shape)
            places = np.broadcast_to(rows, shape).ravel()[places]
            array = self.reshape(once, (prod(once.shape), 1))
        run, repeat, tile = _run_of(places)
        if run is None:
            return self.add("take", (array,), (len(places), *array.shape[1:]), detail=places)
        found = self.take(array, run)
        if repeat == tile == 1:
            return found
        count, *rest = found.shape
        tiles, repeats = [tile] * (tile > 1), [repeat] * (repeat > 1)
        once = self.reshape(found, (*[1 for _ in tiles], count, *[1 for _ in repeats], *rest))
        spread = self.broadcast(once, (*tiles, count, *repeats, *rest))
        return self.reshape(spread, (len(places), *rest))

    def join(self, parts: Sequence[Array], axis: int = 0) -> Array:
        """Arrays one after the other; those without samples serve all of them.

        Parts that lie one after the other in joined arrays that are there already are a slice.
        """
        parts = self._found(parts) if axis == 0 else parts
        if len(parts) == 1:
            return parts[0]
        shape = list(parts[0].shape)
        if axis == 0:
            shape[-1] = min(part.shape[-1] for part in parts)
        shape[axis] = sum(part.shape[axis] for part in parts)
        found = self.add("join", parts, tuple(shape), detail=axis)
        if axis == 0:
            for part, where in found.parts:
                self._part_of.setdefault(part, (found, where))
        return found

    def _found(self, parts: Sequence[Array]) -> list[Array]:
        """The parts of a join, those as one that are found in another one after the other."""
        found: list[Array] = []
        whole, start, stop = None, 0, 0
        for part in parts:
            other, where = self._part_of.get(part, (None, slice(0)))
            if other is None or part.shape[1:] != other.shape[1:]:
                whole = None
                found.append(part)
                continue
            if other is whole and where.start == stop:
                found.pop()
            else:
                whole, start = other, where.start
            stop = where.stop
            found.append(self.take(whole, slice(start, stop, 1)))
        return found

    def reshape(self, array: Array, shape: Shape) -> Array:
        if array.kind == "reshape":
            (array,) = array.arrays
        return array if array.shape == shape else self.add("reshape", (array,), shape)

    def transpose(self, array: Array) -> Array:
        if array.kind == "transpose":
            return array.arrays[0]
        *head, rows, columns = array.shape
        if rows == columns == 1:
            return array
        return self.add("transpose", (array,), (*head, columns, rows))

    def broadcast(self, array: Array, shape: Shape) -> Array:
        return array if array.shape == shape else self.add("broadcast", (array,), shape)

    def scatter(self, array: Array, places: Any, size: int) -> Array:
        """Rows added at their places in an array of zeros of a size."""
        unique, first = np.unique(places, return_index=True)
        if len(unique) == len(places) == size:
            return self.take(array, first)
        name = "placed" if len(unique) == len(places) else "scatter"
        return self.add("scatter", (array,), (size, *array.shape[1:]), name, places)


def _is_steady(array: Array) -> bool:
    """Whether an array is constant, the seed, or computed of such ones by what never changes.

    The functions of a user may read what changes.
    """
    if not array.operands:
        return array.kind == "constant" or array.name == SEED
    may_change = array.kind == "walk" or getattr(array.detail, "is_checked", False)
    return not may_change and all(each.is_steady for each in array.arrays)


def broadcast(shapes: Iterable[Shape]) -> Shape:
    found: list[int] = []
    for shape in shapes:
        found = [1] * (len(shape) - len(found)) + found
        first = len(found) - len(shape)
        for axis, size in enumerate(shape, first):
            if size != 1:
                assert found[axis] in (1, size), (found, shape)
                found[axis] = size
    return tuple(found)


def _run_of(places: Any) -> tuple[slice | None, int, int]:
    """The run that places are, how often each is repeated, and how often the whole; or None."""
    size, changes = len(places), np.flatnonzero(np.diff(places))
    repeat = int(changes[0]) + 1 if len(changes) else size
    again = np.flatnonzero(places[1:] == places[0])
    period = int(again[0]) + 1 if len(again) else size
    for repeated, count in ((repeat, size // repeat), (1, period)):
        run = places[: count * repeated : repeated]
        step = int(run[1] - run[0]) if count > 1 else 1
        tile = size // (count * repeated)
        if step > 0 and np.array_equal(np.tile(np.repeat(run, repeated), tile), places):
            if (np.diff(run) == step).all():
                return slice(int(run[0]), int(run[-1]) + 1, step), repeated, tile
    return None, 1, 1


def _part_of(array: Array, places: slice) -> Array | None:
    """The array that a slice of joined ones is, if it is all of one."""
    if array.kind != "join" or array.detail != 0 or places.step not in (None, 1):
        return None
    for part, where in array.parts:
        if (where.start, where.stop) == (places.start, places.stop):
            return part if part.shape[1:] == array.shape[1:] else None
    return None


def key_of(detail: Any) -> Any:
    """What tells details of instructions apart; equal for equal arrays, slices and axes."""
    if isinstance(detail, np.ndarray):
        return detail.dtype.char, detail.shape, detail.tobytes()
    if isinstance(detail, slice):
        return detail.start, detail.stop, detail.step
    return detail if isinstance(detail, int) else id(detail)
