"""`Source`: the text of a program while it is written, and how operands are named in it.

The array of group 3 is called `v3`, its gradient `d3`; what a group reads from elsewhere than a
whole array gets a name of its own, `a3` for the first operand of group 3. Arrays of indices and of
constants are named too, and handed to the program beside its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from glassgrad.engine.compile.graph import Numbers
from glassgrad.engine.compile.groups import Group, Layout
from glassgrad.engine.compile.reading import Piece, pieces, size_of
from glassgrad.engine.formula import Formula
from glassgrad.engine.text import counted

_LETTERS = "abcdefgh"


class Line(NamedTuple):
    """A line of a program.

    Attributes:
        text: what it computes, as Python.
        about: which scalars it computes, in words; "" if another line says so.
        half: "forward" or "backward".
        group: the group that it serves, by index; None for the frame of the program.
    """

    text: str
    about: str
    half: str
    group: int | None

    def __str__(self) -> str:
        return f"    {self.text}  # {self.about}" if self.about else f"    {self.text}"


@dataclass
class Operand:
    """What a group reads at one place.

    Attributes:
        formula: its name, or its number if it is the same constant everywhere.
        pieces: where it comes from, in order.
        is_batched: whether there is one for each sample.
    """

    formula: Formula
    pieces: list[Piece]
    is_batched: bool

    @property
    def text(self) -> str:
        """The name, or the number, as it stands in the program."""
        return self.formula.numpy


class Source:
    """Lines of a program over a layout.

    Attributes:
        layout: the groups and the places of nodes.
        lines: the text so far.
        half, group: what the lines to come belong to.
        arrays: the arrays that the text names.
        read: the operands of each group that has been written.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.lines: list[Line] = []
        self.half = "forward"
        self.group: int | None = None
        self.arrays: dict[str, Any] = {}
        self.read: dict[int, list[Operand]] = {}
        self._tables: dict[Any, Operand] = {}

    def line(self, text: str, about: str = "") -> None:
        """Add a line, with a comment."""
        self.lines.append(Line(text, about, self.half, self.group))

    def array(self, letter: str, array: Any) -> str:
        """The name of an array that is given to the program."""
        for name, known in self.arrays.items():
            if name[0] == letter and known.shape == array.shape and (known == array).all():
                return name
        name = f"{letter}{len(self.arrays)}"
        self.arrays[name] = array
        return name

    def shape(self, is_batched: bool, *sizes: int) -> str:
        """A shape as the arguments of `reshape`, with the samples first; -1 takes them in."""
        text = ", ".join(map(str, sizes))
        return f"batch, {text}" if is_batched and sizes[0] != -1 else text

    def operand(self, index: int, place: int, nodes: Numbers) -> Operand:
        """One operand of all nodes of a group, as an array or a number that is the same for all."""
        read = pieces(self.layout, nodes)
        if self._is_constant(read):
            return self._constants(read, nodes)
        text = self._text(read)
        if len(read) > 1 or not read[0].is_whole(size_of(self.layout, read[0])):
            text = self._named(index, place, text)
        return Operand(Formula.symbol(text), read, self._is_batched(read))

    def row(self, nodes: Numbers) -> str:
        """Nodes side by side, or one number alone that is the same for all of them."""
        read = pieces(self.layout, nodes)
        if self._is_constant(read):
            return self._constants(read, nodes).text
        return self._text(read)

    def table(self, index: int, place: int, nodes: Numbers, *sizes: int) -> Operand:
        """The operands of a group as a table of rows."""
        key = (nodes.tobytes(), sizes)
        if key in self._tables:
            return self._tables[key]
        read = pieces(self.layout, nodes)
        if self._is_constant(read):
            return self._constants(read, nodes, sizes)
        text, batched = self._text(read), self._is_batched(read)
        is_spread = len(read) == 1 and read[0].count == 1 and read[0].repeat > 1
        if batched and sizes == (-1, len(nodes)) and not is_spread:  # a row for each sample
            self._tables[key] = self.operand(index, place, nodes)
            return self._tables[key]
        if is_spread:
            text = f"repeat({text}, {read[0].repeat}, -1)"
        name = self._named(index, place, f"{text}.reshape({self.shape(batched, *sizes)})")
        self._tables[key] = Operand(Formula.symbol(name), read, batched)
        return self._tables[key]

    def _named(self, index: int, place: int, text: str) -> str:
        name = f"{_LETTERS[place]}{index}"
        self.line(f"{name} = {text}")
        return name

    def _is_batched(self, read: Sequence[Piece]) -> bool:
        return any(self.layout.groups[g].is_batched for piece in read for g in piece.groups)

    def _is_constant(self, read: Sequence[Piece]) -> bool:
        return all(self.layout.groups[g].kind == "constant" for p in read for g in p.groups)

    def _constants(
        self, read: list[Piece], nodes: Numbers, sizes: tuple[int, ...] = (-1,)
    ) -> Operand:
        """Constants are put in order while the program is written, not while it runs."""
        numbers = self.layout.graph.numbers[nodes]
        if sizes == (-1,) and read[0].count == 1 and read[0].index is None and len(read) == 1:
            return Operand(Formula.literal(float(numbers[0])), read, False)
        name = self.array("k", numbers.reshape(sizes))
        return Operand(Formula.symbol(name), read, False)

    def _text(self, read: Sequence[Piece]) -> str:
        texts = [self._text_of(piece, is_alone=len(read) == 1) for piece in read]
        return texts[0] if len(texts) == 1 else f"join({', '.join(texts)})"

    def _text_of(self, piece: Piece, *, is_alone: bool) -> str:
        names = [f"v{group}" for group in piece.groups]
        text = names[0] if len(names) == 1 else f"join({', '.join(names)})"
        if piece.index is not None:
            return f"{text}[..., {self.array('i', piece.index)}]"
        if not piece.covers(size_of(self.layout, piece)):
            text = f"{text}[..., {piece.slice()}]"
        if piece.tile > 1:
            return f"tile({text}, {piece.tile})"
        # One number alone is spread out by the operation that reads it.
        if piece.repeat > 1 and not (is_alone and piece.count == 1):
            return f"repeat({text}, {piece.repeat}, -1)"
        return text


def described(group: Group) -> str:
    """Which scalars an array stands for."""
    if group.walk is not None:
        steps = "one by one" if group.walk.groups is None else f"in {len(group.walk.groups)} steps"
        return f"{len(group):,} scalars {steps}"
    if group.row is None:
        return counted(len(group), f"{group.kind} number")
    title = counted(int((group.nodes >= 0).sum()), group.row.name)
    if group.grid is None:
        return title
    blocks, rows, columns = group.grid.cells.shape
    length = group.grid.left.shape[2]
    times = f"{blocks} × " * (blocks > 1)
    return f"{title} of {length}: {times}{rows} × {length} by {length} × {columns}"


def in_brackets(text: str) -> str:
    """An expression in brackets, unless it is a name or a call."""
    depth = 0
    for character in text:
        if character == " " and depth == 0:
            return f"({text})"
        depth += (character in "([") - (character in ")]")
    return f"({text})" if text[0] == "-" else text
