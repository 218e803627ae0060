"""The gradient of array instructions: for each kind one rule, as for each row of the table.

The instructions are gone through from the last to the first. Each adds up what its readers have
sent, and sends upstream × local on to its operands, as `backward()` does with nodes. Nothing is
computed for what nobody asked for. Next: `memory.py`, where the arrays lie.

Where numbers are infinite or nan, 0 × infinity has to be told apart: what is switched off sends 0,
what no `where` chose sends nothing. That takes more instructions, so there are two gradients: the
usual one, and a careful one that is taken where something in the usual one is not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.compile.ir import SAMPLES, Array, Builder, is_array
from glassgrad.engine.formula import Formula, as_formula
from glassgrad.engine.op import TABLE, Operation, Reduction
from glassgrad.engine.table import relu

_ADD, _MUL, _SUM = (TABLE[name] for name in ("add", "mul", "sum"))


class Product(NamedTuple):
    """A contribution that is a product of matrices; those to one array become one product."""

    left: Array
    right: Array


class Part(NamedTuple):
    """A contribution to a slice of the rows."""

    places: slice
    array: Array


Contribution = Array | Product | Part
Indices = tuple[int, int, int]
"""Where a slice starts and stops, and its step."""


def gradients(
    builder: Builder, result: Array, wanted: Sequence[Array], *, careful: bool, is_batched: bool
) -> list[Array]:
    """The gradients of the sum of the results × seed.

    Args:
        builder: the instructions of the values; those of the gradients are added.
        result: a row with the result of each sample.
        wanted: by which inputs.
        careful: whether infinities and nan are told apart; see above.
        is_batched: whether there are samples: the result counts for each, also if all share it.
    """
    builder.half = "backward"
    seed = builder.input("seed", 1, SAMPLES if is_batched else 1)
    return _Backward(builder, wanted, careful=careful).of(result, seed)


class _Backward:
    def __init__(self, builder: Builder, wanted: Sequence[Array], *, careful: bool) -> None:
        self.builder, self.wanted, self.careful = builder, wanted, careful
        self.forward = [each for each in builder.arrays if each.half == "forward"]
        self.sent: dict[Array, list[Contribution]] = {}
        self.needs: set[Array] = set()
        for array in self.forward:
            count = len(array.detail[1] if array.kind == "call" else array.operands)
            if array in wanted or any(self._leads(array, place) for place in range(count)):
                self.needs.add(array)
        self.may_be_cut = self._below_choices()

    def _leads(self, array: Array, place: int) -> bool:
        """Whether a gradient goes to an operand, and is wanted there."""
        row, operands = array.detail if array.kind == "call" else (None, array.operands)
        operand = operands[place]
        if not is_array(operand) or operand not in self.needs:
            return False
        return row is None or row.rules[place] is not None

    def _below_choices(self) -> set[Array]:
        """What a `where` may leave out, so that no gradient reaches some of it."""
        found = set[Array]()
        for array in reversed(self.forward):
            is_choice = array.kind == "walk" or (array.kind == "call" and array.detail[0].selects)
            if is_choice or array in found:
                found.update(array.arrays)
        return found

    def of(self, result: Array, seed: Array) -> list[Array]:
        """The gradients of what is wanted."""
        builder = self.builder
        self._send(result, builder.unbroadcast(seed, result.shape))
        for array in reversed(self.forward):
            if array in self.needs and array in self.sent:
                builder.group = array.group
                upstream = self._received(array)
                if array.kind != "call":
                    upstream = builder.broadcast(upstream, array.shape)
                if array.operands:
                    _RULES[array.kind](self, array, upstream)
        builder.group = None
        return [self._gradient(array) for array in self.wanted]

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
        counts: dict[Array, int] = {}
        for array in arrays:
            counts[array] = counts.get(array, 0) + 1
        first, *others = [
            array if count == 1 else self._row(_MUL, float(count), array)
            for array, count in counts.items()
        ]
        for other in others:
            first = self._row(_ADD, first, other)
        return first

    def _row(self, row: Operation, *operands: Array | float) -> Array:
        found = self.builder.row(row, operands)
        assert isinstance(found, Array)
        return found

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
        if all(each.shape[1] == 1 for each in arrays):  # columns, which are rows too
            rows = [builder.reshape(each, (1, each.shape[0])) for each in arrays]
            return builder.transpose(builder.join(rows))
        return builder.join(arrays, axis=1)

    def _assembled(self, parts: Sequence[Part], size: int) -> list[Array]:
        """What was sent to slices, those to one slice added up, as one array."""
        if not parts:
            return []
        sums: dict[Indices, list[Array]] = {}
        for part in parts:
            sums.setdefault(part.places.indices(size), []).append(part.array)
        found = sorted((key, self._summed(arrays)) for key, arrays in sums.items())
        return [self._tiled(found, size) or self.builder.assembled(
            [(slice(*key), array) for key, array in found], size)]  # fmt: skip

    def _tiled(self, parts: Sequence[tuple[Indices, Array]], size: int) -> Array | None:
        """The parts one after the other, if that is all."""
        at = 0
        for (start, stop, step), _ in parts:
            if start != at or step != 1:
                return None
            at = stop
        return self.builder.join([array for _, array in parts]) if at == size else None

    # One rule an instruction.

    def call(self, array: Array, upstream: Array) -> None:
        """Upstream × the local derivatives of the row, by its own rules."""
        row, operands = array.detail
        if any(each.shape != array.shape for each in array.arrays):  # it is summed for those
            upstream = self.builder.broadcast(upstream, array.shape)
        symbols = {f"x{i}": operand for i, operand in enumerate(operands)}
        formulas = tuple(
            Formula.symbol(f"x{i}") if is_array(each) else Formula.literal(each)
            for i, each in enumerate(operands)
        )
        wanted = tuple(self._leads(array, place) for place in range(len(operands)))
        partials = row.derivatives(formulas, Formula.symbol("y"), wanted)
        for operand, want, partial in zip(operands, wanted, partials):
            if not want or partial is None:
                continue
            if row is relu:  # the same numbers as step(x), in one operation instead of two
                local: Array | float = self.builder.row(TABLE["sign"], (array,))
            else:
                local = self.builder.formula(as_formula(partial), {**symbols, "y": array})
            self._send(operand, self._times(array, row, upstream, local))

    def _times(self, array: Array, row: Operation, upstream: Array, local: Array | float) -> Array:
        """Upstream × local, where 0 × infinity is 0 if that is said of the row, and it matters."""
        if local == 1.0:
            return upstream
        if local == -1.0:
            return self._row(TABLE["neg"], upstream)
        is_masked = row.masks or row.selects
        if not self.careful or not is_array(local) or not (is_masked or array in self.may_be_cut):
            return self._row(_MUL, upstream, local)
        name = "masked_where_reached" if is_masked else "reached"
        if array not in self.may_be_cut:
            name = "masked"
        return self.builder.call(name, upstream, local, row=(_MUL, (upstream, local)))

    def matmul(self, array: Array, upstream: Array) -> None:
        """Two more products."""
        left, right = array.arrays
        builder, cut = self.builder, self.careful and array in self.may_be_cut
        if left in self.needs:
            if cut:
                found = self._product_where_reached(upstream, builder.transpose(right))
                self._send(left, found)
            else:
                self._send_product(left, upstream, builder.transpose(right))
        if right in self.needs:
            if cut:
                turned = builder.transpose(upstream), left
                self._send(right, builder.transpose(self._product_where_reached(*turned)))
            else:
                self._send_product(right, builder.transpose(left), upstream)

    def _send_product(self, operand: Array, left: Array, right: Array) -> None:
        """A product to be summed with others, or one of many matrices at once."""
        is_flat = len(left.shape) == len(right.shape) == 2
        is_sent_on = operand.kind == "transpose"
        product = Product(left, right) if is_flat else self.builder.matmul(left, right)
        if is_sent_on and isinstance(product, Product):
            (turned,) = operand.arrays
            self._send(turned, Product(self.builder.transpose(right), self.builder.transpose(left)))
            return
        self._send(operand, product)

    def _product_where_reached(self, upstream: Array, other: Array) -> Array:
        found = self.builder.matmul(upstream, other)
        if found.kind != "matmul":
            row = (_MUL, (upstream, other))
            return self.builder.call("reached", upstream, other, row=row)
        return self.builder.add("matmul", (upstream, other), found.shape, "matmul_where_reached")

    def einsum(self, array: Array, upstream: Array) -> None:
        """The same sum over other letters, with upstream in the place of an operand."""
        left, right = array.arrays
        first, second, result = array.detail.replace("->", ",").split(",")
        name = "einsum_where_reached" if self.careful and array in self.may_be_cut else ""
        for operand, mine, other, letters in (
            (left, first, right, second),
            (right, second, left, first),
        ):
            if operand in self.needs:
                found = self.builder.einsum(f"{result},{letters}->{mine}", upstream, other)
                if name:
                    found = self.builder.add(
                        "einsum", found.operands, found.shape, name, found.detail
                    )
                self._send(operand, found)

    def reduce(self, array: Array, upstream: Array) -> None:
        """To each number of a row what its result got, × its local derivative."""
        (table,), row = array.arrays, array.detail
        rows, _, samples = table.shape
        upstream = self.builder.reshape(upstream, (rows, 1, samples))
        assert isinstance(row, Reduction)
        if row is not _SUM:
            local = self.builder.partials(row, table, array)
            upstream = self._times(array, row, upstream, local)
        self._send(table, upstream)

    def sum(self, array: Array, upstream: Array) -> None:
        """To all that was summed the same."""
        (operand,) = array.arrays
        self._send(operand, upstream)

    def take(self, array: Array, upstream: Array) -> None:
        """Back to where the rows were taken."""
        (operand,) = array.arrays
        if isinstance(array.detail, slice):
            self._send(operand, Part(array.detail, upstream))
        else:
            self._send(operand, self.builder.scatter(upstream, array.detail, operand.shape[0]))

    def join(self, array: Array, upstream: Array) -> None:
        """To each part its rows."""
        for part, places in array.parts:
            if part in self.needs:
                self._send(part, self.builder.take(upstream, places))

    def reshape(self, array: Array, upstream: Array) -> None:
        """In the shape of before."""
        (operand,) = array.arrays
        self._send(operand, self.builder.reshape(upstream, operand.shape))

    def transpose(self, array: Array, upstream: Array) -> None:
        """Transposed back."""
        self._send(array.arrays[0], self.builder.transpose(upstream))

    def broadcast(self, array: Array, upstream: Array) -> None:
        """The sum over the axes along which it was broadcast, which sending takes."""
        self._send(array.arrays[0], upstream)

    def walk(self, array: Array, upstream: Array) -> None:
        """The walk back."""
        (outside,) = array.arrays
        operands = (outside, array, upstream)
        found = self.builder.add("walk_back", operands, outside.shape, detail=array.detail)
        if array.has_samples and not outside.has_samples:
            raise AssertionError("a walk has samples only where it reads some")
        self._send(outside, found)


_RULES: dict[str, Callable[[_Backward, Array, Array], None]] = {
    name: getattr(_Backward, name)
    for name in (
        "call", "matmul", "einsum", "reduce", "sum", "take", "join", "reshape", "transpose",
        "broadcast", "walk",
    )
}  # fmt: skip
