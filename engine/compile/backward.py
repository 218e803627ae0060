"""The backward half of a program: the gradients of the groups, from the result to the leaves.

Each group adds up what its readers have sent and sends upstream × local on to what it read, as
`backward()` does with nodes. A product of matrices sends two more. Nothing is computed for what
nobody asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassgrad.engine.compile.graph import Numbers
from glassgrad.engine.compile.groups import Group
from glassgrad.engine.compile.reading import Piece, size_of, tiles
from glassgrad.engine.compile.source import Operand, Source, in_brackets
from glassgrad.engine.formula import Formula, as_formula
from glassgrad.engine.op import TABLE, Pairing, Reduction


def write_backward(source: Source, root: int, wanted: frozenset[str]) -> None:
    """Write the gradients of all groups that lead to a leaf of a wanted kind.

    Args:
        source: the program, its forward half written.
        root: the node that is differentiated.
        wanted: the kinds of leaves.
    """
    source.half = "backward"
    _Backward(source, wanted).write(root)
    source.group = None


_RELU = TABLE["relu"]
_LONGEST_SUM = 100
"""Sums of more terms than these are written in several lines."""


class _Backward:
    def __init__(self, source: Source, wanted: frozenset[str]) -> None:
        self.source = source
        self.groups = source.layout.groups
        self.needs = self._needing(wanted)
        self.may_be_cut = self._below_choices()
        self.sent: dict[int, list[tuple[Piece, str]]] = {}
        self.outer: dict[int, dict[tuple[int, int, int, bool], list[tuple[str, str]]]] = {}

    def _needing(self, wanted: frozenset[str]) -> list[bool]:
        """Whether the gradient of each group is wanted, or leads to one that is."""
        found: list[bool] = []
        for group in self.groups:
            if group.walk is not None:
                found.append(any(found[i] for i in self._sources(group.operands[0])))
                continue
            if group.row is None:
                found.append(group.kind in wanted)
                continue
            is_reduction = isinstance(group.row, Reduction)
            rules = [group.row.rules[0 if is_reduction else i] for i in range(len(group.operands))]
            read = [nodes for nodes, rule in zip(group.operands, rules) if rule is not None]
            found.append(any(found[i] for nodes in read for i in self._sources(nodes)))
        return found

    def _below_choices(self) -> list[bool]:
        """Whether a `where` may leave a group out, so that no gradient reaches some nodes."""
        found = [False] * len(self.groups)
        for index in range(len(found) - 1, -1, -1):
            group = self.groups[index]
            if group.walk is not None or (
                group.row is not None and (found[index] or group.row.selects)
            ):
                for nodes in group.operands:
                    for i in self._sources(nodes):
                        found[i] = True
        return found

    def _sources(self, nodes: Any) -> list[int]:
        return np.unique(self.source.layout.group_of[nodes]).tolist()  # type: ignore[no-any-return]

    def write(self, root: int) -> None:
        """All groups, the last first."""
        layout = self.source.layout
        last, place = int(layout.group_of[root]), int(layout.position[root])
        has_samples = any(group.is_batched for group in self.groups)
        is_shared = has_samples and not self.groups[last].is_batched
        seed = "total(seed)" if is_shared else "seed"
        self.source.group = last
        self._send(Piece((last,), 1, place), seed, self.groups[last].is_batched)
        for index in range(len(self.groups) - 1, -1, -1):
            group = self.groups[index]
            self.source.group = index
            if not self.needs[index] or not len(group):
                continue
            self._send_outer_products(index)
            self._receive(index, group)
            if index not in self.sent or not group.operands:
                continue
            if group.walk is not None:
                self._through_walk(index, group)
                continue
            if group.grid is not None:
                self._through_product(index, group)
            elif group.is_table:
                self._through_reduction(index, group)
            else:
                self._through_elements(index, group)

    # Through a group: what it sends to its operands.

    def _leads(self, operand: Operand) -> bool:
        return any(self.needs[g] for piece in operand.pieces for g in piece.groups)

    def _through_elements(self, index: int, group: Group) -> None:
        row, operands = group.row, self.source.read[index]
        assert row is not None
        formulas = tuple(operand.formula for operand in operands)
        wanted = tuple(map(self._leads, operands))
        partials = row.derivatives(formulas, Formula.symbol(f"v{index}"), wanted)
        for operand, partial in zip(operands, partials):
            if partial is None:
                continue
            local = as_formula(partial)
            if row is _RELU:  # the same numbers as step(x), in one operation instead of two
                local = Formula.symbol(f"sign(v{index})")
            times = self._times(index, group) if local.number is None else ""
            if times:
                text = f"{times}(d{index}, {local.numpy})"
            else:
                text = (Formula.symbol(f"d{index}") * local).numpy
            self._send_to(operand, text, group.is_batched)

    def _times(self, index: int, group: Group) -> str:
        """The function that multiplies upstream × local where 0 × infinity is 0; "" for none."""
        assert group.row is not None
        is_masked = group.row.masks or group.row.selects
        if self.may_be_cut[index]:
            return "masked_where_reached" if is_masked else "reached"
        return "masked" if is_masked else ""

    def _through_reduction(self, index: int, group: Group) -> None:
        row, operands = group.row, self.source.read[index]
        assert row is not None
        length = len(group.operands[0]) // group.rows
        flat = self.source.shape(group.is_batched, group.rows * length)
        upstream = f"d{index}[..., None]"
        if isinstance(row, Pairing):
            self._through_pairs(upstream, index, group)
            return
        (operand,) = operands
        if row.name == "sum":
            text = f"repeat(d{index}, {length}, -1)"
        else:
            times = self._times(index, group) or "times"
            partials = f"by_operands_of_{row.kernel}({operand.text}, v{index})"
            text = f"{times}({upstream}, {partials}).reshape({flat})"
        self._send_to(operand, text, group.is_batched)

    def _through_walk(self, index: int, group: Group) -> None:
        (outside,) = self.source.read[index]
        text = f"w{index}.backward({outside.text}, v{index}, d{index})"
        self._send_to(outside, text, group.is_batched)

    def _matmul(self, index: int) -> str:
        return "matmul_where_reached" if self.may_be_cut[index] else "matmul"

    def _product(self, index: int, upstream: str, other: str) -> str:
        """Upstream × the other operand of a product, in brackets or as a call."""
        return (
            f"reached({upstream}, {other})" if self.may_be_cut[index] else f"({upstream} * {other})"
        )

    def _through_pairs(self, upstream: str, index: int, group: Group) -> None:
        """Each side of a sum of products receives upstream × the other; of squares, twice that."""
        left, right = self.source.read[index]
        flat = self.source.shape(group.is_batched, len(group.operands[0]))
        if left.text == right.text:
            if self._leads(left):
                text = self._product(index, f"2 * {upstream}", left.text)
                self._send_to(left, f"{text}.reshape({flat})", group.is_batched)
            return
        for operand, other in ((left, right), (right, left)):
            if self._leads(operand):
                text = f"{self._product(index, upstream, other.text)}.reshape({flat})"
                self._send_to(operand, text, group.is_batched)

    def _through_product(self, index: int, group: Group) -> None:
        assert group.grid is not None
        left, right = self.source.read[index]
        if group.grid.cells.size == 1 and not group.is_batched:
            self._through_pairs(f"d{index}", index, group)
            return
        blocks, rows, columns = group.grid.cells.shape
        head = (blocks,) if blocks > 1 else ()
        sizes = (-1, columns) if group.is_flat else (*head, rows, columns)
        name = f"d{index}"
        if not group.has_row_per_sample:
            shape = self.source.shape(group.is_batched, *sizes)
            self.source.line(f"g{index} = {name}.reshape({shape})")
            name = f"g{index}"
        if self._leads(left):
            text = f"{self._matmul(index)}({name}, {right.text})"
            if columns == 1:  # an outer product
                text = self._product(index, name, right.text)
            if not group.has_row_per_sample:
                text += f".reshape({self.source.shape(group.is_batched, len(group.operands[0]))})"
            self._send_to(left, text, group.is_batched)
        if not self._leads(right):
            return
        (first, *others) = right.pieces
        if not others and blocks == 1 and not right.is_batched and self._is_plain(first):
            outer = self.outer.setdefault(first.groups[0], {})
            key = (first.start, first.count, columns, self.may_be_cut[index])
            outer.setdefault(key, []).append((name, left.text))
            return
        has_samples = group.is_batched and not group.is_flat
        shape = self.source.shape(has_samples, len(group.operands[1]))
        text = f"{self._matmul(index)}({group.transposed(name)}, {left.text}).reshape({shape})"
        self._send_to(right, text, has_samples)

    def _is_plain(self, piece: Piece) -> bool:
        """Whether a piece is a slice of one group, each place read once."""
        is_slice = piece.index is None and piece.step == piece.repeat == piece.tile == 1
        return is_slice and len(piece.groups) == 1

    def _send_outer_products(self, index: int) -> None:
        """What matrices receive: of several products with one, the rows are put together."""
        for (start, count, _, is_cut), pairs in self.outer.pop(index, {}).items():
            left, right = pairs[0]
            if len(pairs) > 1:
                left, right = (f"stack({', '.join(side)})" for side in zip(*pairs))
            piece = Piece((index,), count, start, count=count)
            function = "matmul_where_reached" if is_cut else "matmul"
            self._send(piece, f"{function}({left}.T, {right}).reshape({count})", False)

    # Sending and receiving.

    def _send_to(self, operand: Operand, text: str, is_batched: bool) -> None:
        """Pass a gradient on to the groups that an operand was read from."""
        if len(operand.pieces) == 1:
            self._send(operand.pieces[0], text, is_batched)
            return
        name = self._named(text)
        start = 0
        for piece in operand.pieces:
            self._send(piece, f"{name}[..., {start}:{start + piece.length}]", is_batched)
            start += piece.length

    def _send(self, piece: Piece, text: str, is_batched: bool) -> None:
        if not any(self.needs[group] for group in piece.groups):
            return
        if len(piece.groups) > 1:
            self._send_to_joined(piece, text, is_batched)
            return
        (group,) = piece.groups
        if piece.tile > 1:
            shape = self.source.shape(is_batched, piece.tile, piece.count)
            text = f"{in_brackets(text)}.reshape({shape}).sum(-2)"
        elif piece.repeat > 1:
            shape = self.source.shape(is_batched, piece.count, piece.repeat)
            text = f"{in_brackets(text)}.reshape({shape}).sum(-1)"
        if is_batched and not self.groups[group].is_batched:
            text = f"total({text})"
        self.sent.setdefault(group, []).append((piece, text))

    def _send_to_joined(self, piece: Piece, text: str, is_batched: bool) -> None:
        size = size_of(self.source.layout, piece)
        name = self._named(self._spread(text, piece.places(), size))
        start = 0
        for group in piece.groups:
            length = len(self.groups[group])
            run = Piece((group,), length, count=length)
            self._send(run, f"{name}[..., {start}:{start + length}]", is_batched)
            start += length

    def _spread(self, text: str, places: Numbers, size: int) -> str:
        """Numbers sent back to where they were read, in an array of a size."""
        unique, first = np.unique(places, return_index=True)
        if len(unique) == len(places) == size:
            return f"{in_brackets(text)}[..., {self.source.array('i', first)}]"
        function = "placed" if len(unique) == len(places) else "scatter"
        return f"{function}({text}, {self.source.array('i', places)}, {size})"

    def _named(self, text: str) -> str:
        name = f"s{len(self.source.lines)}"
        self.source.line(f"{name} = {text}")
        return name

    def _receive(self, index: int, group: Group) -> None:
        """Add up what the readers of a group have sent."""
        sent, size = self.sent.get(index, []), len(group)
        if not sent and group.operands:
            return
        zeros = f"zeros({self.source.shape(group.is_batched, size)})"
        whole = [text for piece, text in sent if piece.covers(size)]
        whole += [self._spread(t, p.index, size) for p, t in sent if p.index is not None]
        parts = self._summed([(p, t) for p, t in sent if p.index is None and not p.covers(size)])
        is_run = all(piece.step == 1 for piece, _ in parts)
        runs = sorted(parts, key=lambda part: part[0].start)
        if parts and is_run and tiles([piece for piece, _ in runs], size):
            whole.append(f"join({', '.join(text for _, text in runs)})")
            parts = []
        if parts and len(whole) == 1:
            whole.append("0.0")  # an array of its own, since the parts are added into it
        self.source.line(f"d{index} = {self._sum(whole) or zeros}")
        for piece, text in parts:
            self.source.line(f"d{index} = add_at(d{index}, s_[{piece.slice()}], {text})")

    def _sum(self, texts: Sequence[str]) -> str:
        """A sum; a long one is written in several lines, as Python reads no endless expression."""
        while len(texts) > _LONGEST_SUM:
            first = self._named(" + ".join(texts[:_LONGEST_SUM]))
            texts = [first, *texts[_LONGEST_SUM:]]
        return " + ".join(texts)

    def _summed(self, parts: Sequence[tuple[Piece, str]]) -> list[tuple[Piece, str]]:
        """What is sent to the same places as one sum."""
        found: dict[tuple[int, int, int], tuple[Piece, list[str]]] = {}
        for piece, text in parts:
            found.setdefault((piece.start, piece.step, piece.count), (piece, []))[1].append(text)
        return [(piece, self._sum(texts)) for piece, texts in found.values()]
