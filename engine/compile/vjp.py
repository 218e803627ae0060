"""The gradient of array instructions: one rule for each kind that computes values, as for each row.

The instructions are gone through from the last to the first. Each adds up what its readers have
sent, and sends upstream × local on to its operands, as `backward()` does with nodes. Nothing is
computed for what nobody asked for. Next: `memory.py`, where the arrays lie.

Where numbers are infinite or nan, 0 × infinity has to be told apart: what is switched off sends 0,
what no `where` chose sends nothing. Here that gets a 0, which all other instructions multiply, and
make nan of: `program.py` then goes through the scalars once more. Other libraries, where nobody
looks at numbers, mask at least what is switched off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.compile.ir import SAMPLES, SEED, Array, Builder, is_array, unshaped
from glassgrad.engine.compile.kernels import by_operand
from glassgrad.engine.compile.memory import takes_out
from glassgrad.engine.formula import Formula, as_formula
from glassgrad.engine.op import TABLE, Operation, Reduction
from glassgrad.engine.table import relu, where

_ADD, _MUL, _SUM = (TABLE[name] for name in ("add", "mul", "sum"))


class Product(NamedTuple):
    """A contribution that is a product of matrices; those to one array become one product."""

    left: Array
    right: Array


class Part(NamedTuple):
    """A contribution to some of the rows: a slice, or an index in which a row may stand twice."""

    places: slice | Any
    array: Array


Contribution = Array | Product | Part
Indices = tuple[int, int, int]
"""Where a slice starts and stops, and its step."""
_MOST_BLOCKS = 32
"""To so many blocks of rows others are added by a product of matrices, which looks at each."""


def gradients(
    builder: Builder,
    result: Array,
    wanted: Sequence[Array],
    *,
    is_batched: bool,
    has_masks: bool,
) -> list[Array]:
    """The gradients of the sum of the results × seed.

    Args:
        builder: the instructions of the values; those of the gradients are added.
        result: a row with the result of each sample.
        wanted: by which inputs.
        is_batched: whether there are samples: the result counts for each, also if all share it.
        has_masks: whether what is switched off sends 0 even of an infinite gradient.
    """
    builder.half = "backward"
    seed = builder.input(SEED, 1, SAMPLES if is_batched else 1)
    return _Backward(builder, wanted, has_masks).of(result, seed)


class _Backward:
    def __init__(self, builder: Builder, wanted: Sequence[Array], has_masks: bool) -> None:
        self.builder, self.wanted, self.has_masks = builder, wanted, has_masks
        self.forward = [each for each in builder.arrays if each.half == "forward"]
        self.sent: dict[Array, list[Contribution]] = {}
        self.needs: set[Array] = set()
        for array in self.forward:
            places = range(len(array.row_operands))
            if array in wanted or any(self._leads(array, place) for place in places):
                self.needs.add(array)
        joins = [each for each in self.forward if each.kind == "join"]
        self.joined = {unshaped(part) for each in joins for part in each.arrays}
        self.alike = self._alike()

    def _alike(self) -> dict[Array, list[Array]]:
        """For calls of one row on arrays of one shape that all samples share, all of them."""
        found: dict[Any, list[Array]] = {}
        for array in self.forward:
            if array.kind == "call" and array in self.needs and not array.has_samples:
                shapes = {each.shape for each in array.arrays}
                numbers = [None if is_array(each) else each for each in array.row_operands]
                if shapes == {array.shape} and len(set(array.arrays)) == len(array.arrays):
                    found.setdefault((array.detail, *numbers, array.shape[1:]), []).append(array)
        return {array: alike for alike in found.values() for array in alike}

    def _leads(self, array: Array, place: int) -> bool:
        """Whether a gradient goes to an operand, and is wanted there."""
        operand = array.row_operands[place]
        if not is_array(operand) or operand not in self.needs:
            return False
        return array.kind != "call" or array.detail.rules[place] is not None

    def of(self, result: Array, seed: Array) -> list[Array]:
        self._send(result, self.builder.unbroadcast(seed, result.shape))
        self._go_back()
        return [self._gradient(array) for array in self.wanted]

    def _go_back(self) -> None:
        """From the last instruction to the first, send on what each has received."""
        builder = self.builder
        for array in reversed(self.forward):
            if array in self.needs and array in self.sent:
                builder.group = array.group
                upstream = self._received(array)
                if array.kind not in ("call", "reshape"):
                    upstream = builder.broadcast(upstream, array.shape)
                if array.operands:
                    getattr(self, array.kind)(array, upstream)
        builder.group = None

    def _gradient(self, array: Array) -> Array:
        if array in self.sent:
            found = self._received(array)
            return self.builder.broadcast(found, array.shape)
        return self.builder.broadcast(self.builder.constant(np.zeros((1, 1))), array.shape)

    # Sending and receiving.

    def _send(self, operand: Array, contribution: Contribution) -> None:
        if isinstance(contribution, Array):
            contribution = self.builder.unbroadcast(contribution, operand.shape)
        self.sent.setdefault(operand, []).append(contribution)

    def _received(self, array: Array) -> Array:
        """The sum of what was sent to an array; its contributions are then this one."""
        sent, size = self.sent[array], array.shape[0]
        whole = [each for each in sent if isinstance(each, Array)]
        whole += self._products([each for each in sent if isinstance(each, Product)])
        whole += self._assembled([each for each in sent if isinstance(each, Part)], size)
        found = self._summed(whole)
        self.sent[array] = [found]
        if array.label and not found.label:
            found.label = f"d{array.label.lstrip('v')}"
        return found

    def _summed(self, arrays: Sequence[Array]) -> Array:
        terms = [
            array if count == 1 else self._row(_MUL, float(count), array)
            for array, count in Counter(arrays).items()
        ]
        return reduce(partial(self._row, _ADD), terms)

    def _row(self, row: Operation, *operands: Array | float) -> Array:
        return self.builder.row(row, operands)

    def _products(self, products: Sequence[Product]) -> list[Array]:
        """Products of matrices that are summed, as one: a layer that is read several times."""
        alike: dict[Any, list[Product]] = {}
        for product in products:
            rows, columns = product.left.shape[:-1], product.right.shape[1:]
            is_vector = 1 in (*rows, *columns)
            key = object() if is_vector else (rows, columns, product.left.shape[-1] < 0)
            alike.setdefault(key, []).append(product)
        return [self._one_product(each) for each in alike.values()]

    def _one_product(self, products: Sequence[Product]) -> Array:
        builder = self.builder
        products = products[::-1]  # in the order of the values, which may lie so already
        left = self._side_by_side([each.left for each in products])
        flipped = self._side_by_side([builder.transpose(each.right) for each in products])
        return builder.matmul(left, builder.transpose(flipped))

    def _side_by_side(self, arrays: Sequence[Array]) -> Array:
        """Matrices joined along their last axis; transposed ones below each other instead."""
        builder = self.builder
        if len(arrays) == 1:
            return arrays[0]
        if all(each.kind == "transpose" for each in arrays):
            return builder.transpose(builder.join([builder.transpose(each) for each in arrays]))
        size, width = arrays[0].shape
        if width == 1 and all(each.shape == (size, 1) for each in arrays):  # they are rows too
            rows = builder.reshape(builder.join(arrays), (len(arrays), size))
            return builder.transpose(rows)
        return builder.join(arrays, axis=1)

    def _assembled(self, parts: Sequence[Part], size: int) -> list[Array]:
        """What was sent to some rows, as one array: that to one slice is added up, and that to
        indices is as one contribution to the slice between the lowest and the highest.
        """
        if not parts:
            return []
        sums: dict[Indices, list[Array]] = {}
        for part in parts:
            if isinstance(part.places, slice):
                sums.setdefault(part.places.indices(size), []).append(part.array)
        indexed = [part for part in parts if not isinstance(part.places, slice)]
        if indexed:
            places = np.concatenate([part.places for part in indexed])
            start, stop = (places.min(), places.max() + 1) if sums else (0, size)
            rows = self.builder.join([part.array for part in indexed])
            scattered = self._scattered(rows, places - start, int(stop - start))
            sums.setdefault((int(start), int(stop), 1), []).append(scattered)
        found = sorted((key, self._summed(arrays)) for key, arrays in sums.items())
        rows = self.builder.join([array for _, array in found])
        places = np.concatenate([np.arange(*key) for key, _ in found])
        return [self.builder.scatter(rows, places, size)]

    def _scattered(self, rows: Array, places: Any, size: int) -> Array:
        """Rows added at their places. Where they lie in blocks, as the vectors of an embedding do,
        and the blocks are few, that is quicker as a product with a matrix of ones and zeros.
        """
        builder, starts = self.builder, np.flatnonzero(np.diff(places, prepend=-2) != 1)
        if self.has_masks or rows.shape[1:] != (1,) or 2 * len(starts) > len(places):
            return builder.scatter(rows, places, size)
        sizes = np.concatenate(([size, len(places)], starts, places[starts]))
        width = int(np.gcd.reduce(sizes))
        found, count = places[::width] // width, size // width
        if count > min(2 * width, _MOST_BLOCKS) or len(np.unique(found)) == len(found):
            return builder.scatter(rows, places, size)
        is_there = builder.constant(1.0 * (np.arange(count)[:, None] == found))
        blocks = builder.matmul(is_there, builder.reshape(rows, (len(found), width)))
        return builder.reshape(blocks, (size, 1))

    # One rule an instruction, called as the instruction is.

    def call(self, array: Array, upstream: Array) -> None:
        """Upstream × the local derivatives of the row, by its own rules."""
        row, operands = array.detail, array.row_operands
        if any(each.shape != array.shape for each in array.arrays):  # it is summed for those
            upstream = self.builder.broadcast(upstream, array.shape)
        if row is relu:  # the same numbers as step(x), in one operation instead of two
            sign = self.builder.row(TABLE["sign"], (array,))
            self._send(array.arrays[0], self._times(row, upstream, sign))
            return
        if row is where:
            self._choose(array, upstream)
            return
        wanted = tuple(self._leads(array, place) for place in range(len(operands)))
        for operand, local in zip(operands, self._locals(array, wanted)):
            if local is not None and is_array(operand):
                self._send(operand, self._times(row, upstream, local))

    def _choose(self, array: Array, upstream: Array) -> None:
        """Upstream to what `where` chose, and 0 to the other, without a product."""
        condition, *chosen = array.row_operands
        for place, operand in enumerate(chosen, 1):
            if is_array(operand) and self._leads(array, place):
                sent = (upstream, 0.0) if place == 1 else (0.0, upstream)
                self._send(operand, self._row(where, condition, *sent))

    def _locals(self, array: Array, wanted: tuple[bool, ...]) -> list[Array | float | None]:
        """The local derivatives of a call by the operands of the row that want one."""
        row, operands = array.detail, array.row_operands
        if row.is_checked:  # it is a user's, whose rules may read what changes
            return [
                self.builder.call(by_operand(row, place), *operands, array) if want else None
                for place, want in enumerate(wanted)
            ]
        formulas = tuple(
            Formula.literal(each) if isinstance(each, float) else Formula.symbol(f"x{i}")
            for i, each in enumerate(operands)
        )
        partials = row.derivatives(formulas, Formula.symbol("y"), wanted)
        return [
            self._local(array, as_formula(partial)) if want and partial is not None else None
            for partial, want in zip(partials, wanted)
        ]

    def _local(self, array: Array, formula: Formula) -> Array | float:
        """A local derivative; that of all calls that are alike is computed at once, if what it
        reads of them can be written one below the other.
        """
        builder, alike, names = self.builder, self.alike.get(array, [array]), _names(formula)
        read = {name: [_symbols(each)[name] for each in alike] for name in names}
        is_computed = formula.operation is not None
        if len(alike) == 1 or not is_computed or not all(map(self._are_free, read.values())):
            return builder.formula(formula, _symbols(array))
        local = builder.formula(formula, {name: builder.join(each) for name, each in read.items()})
        start = sum(each.shape[0] for each in alike[: alike.index(array)])
        assert is_array(local)
        return builder.take(local, slice(start, start + array.shape[0], 1))

    def _are_free(self, arrays: Sequence[Array]) -> bool:
        """Whether arrays can be written wherever they are wanted."""
        return not self.joined.intersection(arrays) and all(map(takes_out, arrays))

    def _times(self, row: Operation, upstream: Array, local: Array | float) -> Array:
        """Upstream × local, where 0 × infinity is 0 if that is said of the row, and it matters."""
        if local == 1.0:
            return upstream
        if local == -1.0:
            return self._negated(upstream)
        if self.has_masks and row.masks:
            return self.builder.call("masked", upstream, local, row=_MUL)
        return self._row(_MUL, upstream, local)

    def _negated(self, array: Array) -> Array:
        """With the other sign, which a steady factor takes."""
        if array.kind == "call" and array.name == "mul":
            first, *others = array.operands
            if is_array(first) and first.is_steady:
                return self._row(_MUL, self._negated(first), *others)
        return self._row(TABLE["neg"], array)

    def matmul(self, array: Array, upstream: Array) -> None:
        """Two more products."""
        left, right = array.arrays
        transposed = self.builder.transpose
        if array.shape == (1, 1) and unshaped(left) is unshaped(right):  # the square of a length
            self._send(right, self._row(_MUL, right, self._row(_MUL, 2.0, upstream)))
            return
        if left in self.needs:
            self._send_product(left, upstream, transposed(right))
        if right in self.needs:
            self._send_product(right, transposed(left), upstream)

    def _send_product(self, operand: Array, left: Array, right: Array) -> None:
        """A product to be summed with others, or one of many matrices at once."""
        if operand.kind == "transpose":  # then the product of the transposed ones is wanted
            (operand,) = operand.arrays
            left, right = self.builder.transpose(right), self.builder.transpose(left)
        is_flat = len(left.shape) == len(right.shape) == 2
        self._send(operand, Product(left, right) if is_flat else self.builder.matmul(left, right))

    def reduce(self, array: Array, upstream: Array) -> None:
        """To each number of a row what its result got, × its local derivative."""
        (table,), row = array.arrays, array.detail
        rows, _, samples = table.shape
        upstream = self.builder.reshape(upstream, (rows, 1, samples))
        assert isinstance(row, Reduction)
        if row is not _SUM:
            name = f"by_operands_of_{row.kernel}"
            local = self.builder.add("call", (table, array), table.shape, name)
            upstream = self._times(row, upstream, local)
        self._send(table, upstream)

    def sum(self, array: Array, upstream: Array) -> None:
        """To all that was summed the same."""
        (operand,) = array.arrays
        self._send(operand, upstream)

    def take(self, array: Array, upstream: Array) -> None:
        """Back to where the rows were taken; of joined arrays to those parts that need it."""
        (operand,), places = array.arrays, array.detail
        is_joined = operand.kind == "join" and operand.detail == 0
        is_in_part = is_joined and not self.needs.issuperset(operand.arrays)
        if not is_in_part or isinstance(places, slice):
            self._send(operand, Part(places, upstream))
            return
        for part, rows in operand.parts:
            mine = np.flatnonzero((places >= rows.start) & (places < rows.stop))
            if part in self.needs and len(mine):
                sent = self.builder.take(upstream, mine)
                sent = self.builder.unbroadcast(sent, (len(mine), *part.shape[1:]))
                self._send(part, Part(places[mine] - rows.start, sent))

    def join(self, array: Array, upstream: Array) -> None:
        """To each part its rows."""
        for part, places in array.parts:
            if part in self.needs:
                self._send(part, self.builder.take(upstream, places))

    def reshape(self, array: Array, upstream: Array) -> None:
        """In the shape of before; a single number stays one."""
        (operand,) = array.arrays
        if set(upstream.shape) == {1}:
            shape = (1,) * len(operand.shape)
        else:
            upstream, shape = self.builder.broadcast(upstream, array.shape), operand.shape
        self._send(operand, self.builder.reshape(upstream, shape))

    def transpose(self, array: Array, upstream: Array) -> None:
        self._send(array.arrays[0], self.builder.transpose(upstream))

    def broadcast(self, array: Array, upstream: Array) -> None:
        """The sum over the axes along which it was broadcast, which sending takes."""
        self._send(array.arrays[0], upstream)

    def walk(self, array: Array, upstream: Array) -> None:
        (outside,) = array.arrays
        if array.has_samples and not outside.has_samples:
            raise AssertionError("a walk has samples only where it reads some")
        operands = outside, array, upstream
        found = self.builder.add("walk", operands, outside.shape, "backward", array.detail)
        self._send(outside, found)


def _symbols(array: Array) -> dict[str, Any]:
    """What stands for the symbols of the rules of a row: the operands of a call, and its result."""
    return {"y": array, **{f"x{i}": operand for i, operand in enumerate(array.row_operands)}}


def _names(formula: Formula) -> set[str]:
    return {formula.name} - {""} | {name for each in formula.operands for name in _names(each)}
