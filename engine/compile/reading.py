"""How a group reads its operands: as slices of other groups where it can, else by an index.

A list of nodes becomes a few pieces, each from one group. A piece is a run of places with a fixed
step, each place repeated, or the whole run tiled; anything else is an array of indices. The same
pieces say where gradients go back to. Next: `lower.py`, which makes array instructions of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from glassgrad.engine.compile.graph import Numbers
from glassgrad.engine.compile.layout import Layout

_MOST_PIECES = 12
"""Of more pieces than these the groups are joined and read by one index."""


@dataclass
class Piece:
    """Places of one group, or of several joined, in the order in which they are read.

    Attributes:
        groups: the groups, by index; several are joined, one after the other.
        length: how many places are read, each as often as it is read.
        start, step, count: the run of places.
        repeat: how often each place is read before the next.
        tile: how often the whole run is read.
        index: the places, if they are no such run; else None.
    """

    groups: tuple[int, ...]
    length: int
    start: int = 0
    step: int = 1
    count: int = 1
    repeat: int = 1
    tile: int = 1
    index: Numbers | None = None

    def places(self) -> slice | Numbers:
        """The places that are read, each once: a slice or an index."""
        if self.index is not None:
            return self.index
        return slice(self.start, self.start + (self.count - 1) * self.step + 1, self.step)


def pieces(layout: Layout, nodes: Numbers) -> list[Piece]:
    groups, places = layout.group_of[nodes], layout.position[nodes]
    edges = np.flatnonzero(np.diff(groups)) + 1
    if len(edges) >= _MOST_PIECES:
        return [_joined(layout, groups, places)]
    starts = [0, *edges.tolist(), len(nodes)]
    return [_piece((int(groups[a]),), places[a:b]) for a, b in pairwise(starts)]


def _joined(layout: Layout, groups: Numbers, places: Numbers) -> Piece:
    used = np.unique(groups)
    sizes = [len(layout.groups[group]) for group in used]
    offset = np.zeros(len(layout.groups), np.intp)
    offset[used] = np.cumsum([0, *sizes[:-1]])
    return _piece(tuple(used.tolist()), places + offset[groups])


def _piece(groups: tuple[int, ...], places: Numbers) -> Piece:
    size = len(places)
    repeat = _first(np.diff(places) != 0, size)
    if size % repeat == 0:
        table = places.reshape(-1, repeat)
        if (table == table[:, :1]).all() and (step := _step(table[:, 0])):
            return Piece(groups, size, int(places[0]), step, size // repeat, repeat)
    period = _first(places[1:] == places[0], size)
    if size % period == 0:
        table = places.reshape(-1, period)
        if (table == table[0]).all() and (step := _step(table[0])):
            return Piece(groups, size, int(places[0]), step, period, tile=size // period)
    return Piece(groups, size, index=places)


def _first(is_so: npt.NDArray[np.bool_], otherwise: int) -> int:
    """One more than the first index at which something is so."""
    found = np.flatnonzero(is_so)
    return int(found[0]) + 1 if len(found) else otherwise


def _step(places: Numbers) -> int:
    """The step of a run of places, 0 if they are none."""
    if len(places) == 1:
        return 1
    step = int(places[1] - places[0])
    return step if step > 0 and (np.diff(places) == step).all() else 0
