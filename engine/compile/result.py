"""The result of a compiled call: an ordinary node, whose parents are the Values it depends on.

It composes with eager nodes, and its gradient is a graph again if that is asked for: the recorded
nodes are then made anew, as ordinary ones.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from glassgrad.engine.compile.arguments import Arguments, one_shape
from glassgrad.engine.compile.cache import Part
from glassgrad.engine.compile.graph import CONSTANT, Graph
from glassgrad.engine.compile.trace import Trace
from glassgrad.engine.context import current
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.gradient import grad
from glassgrad.engine.methods import node_of
from glassgrad.engine.op import ATOM, Notation, Reduction, Wanted
from glassgrad.engine.value import Value, as_value, constant, number_of


class _Served(Reduction):
    """An operation of one compiled call, which computes by methods and not by rules.

    Args:
        operand_numbers: the numbers of the operands in that call, in an array or a list.
    """

    def __init__(self, title: str, samples: int | None, operand_numbers: Any) -> None:
        vars(self).update(_row_of(title, samples))
        self._numbers = operand_numbers

    @property
    def operand_numbers(self) -> list[float]:
        """The numbers of the operands in that call; they become a list when somebody asks."""
        numbers: list[float] = np.asarray(self._numbers).tolist()
        return numbers

    def is_unchanged(
        self,
        numbers: tuple[float, ...],
        result: float,
        pairs: Iterable[tuple[float, float | None]],
        same: Callable[[float, float | None], bool],
    ) -> bool:
        """Whether the operands have the numbers of that call.

        The result is not computed again: its sums had another order, and samples are not kept.
        """
        return all(map(same, numbers, self.operand_numbers))


@lru_cache(maxsize=32)
def _row_of(title: str, samples: int | None) -> dict[str, Any]:
    """What all operations of a name have in common: one is made in each call."""
    written = title.replace("%", "%%")
    over = "" if samples is None else f" over {samples} samples"
    row = Reduction(
        title,
        f"The compiled function {title}{over}.",
        scalar=_unwritten,
        array=np.positive,
        rules=(_unwritten,),
        notation=Notation(f"{written}(%s)", rf"\operatorname{{{written}}}(%s)", ATOM),
        domain=((-1.0, 1.0),),
    )
    return vars(row)


def _unwritten(*operands: Any) -> NoReturn:
    raise CompilationError(
        "A compiled function has no formula; its program shows what it computes, and draw(..., "
        "depth=1) the scalars of one call."
    )


class Replay(_Served):
    """The operation of one compiled call: its operands are the Values that it depends on.

    Args:
        leaves: the recorded leaf that each operand stands for.
        numbers: those of the arguments.

    Attributes:
        root: the number of the result among the recorded nodes.
    """

    def __init__(
        self, recording: Trace, leaves: Sequence[int], numbers: Any, operand_numbers: Any
    ) -> None:
        self.recording, self.leaves, self.numbers = recording, leaves, numbers
        self.root = int(recording.graph.roots[0])
        super().__init__(recording.title, None, operand_numbers)

    def __reduce__(self) -> Any:
        """A copy needs neither the function nor its program: leaves are constants there, with the
        numbers that they have now.
        """
        graph = self.recording.graph
        numbers = graph.numbers.copy()
        for leaf, of in self.recording.known(self.numbers).items():
            numbers[leaf] = number_of(of)
        graph = replace(graph, codes=np.maximum(graph.codes, CONSTANT), numbers=numbers)
        return _copied, (self.name, graph, self.leaves, self.operand_numbers)

    def forward(self, operands: tuple[float, ...]) -> float:
        return self.again([Value(x) for x in operands])._number

    def derivatives(
        self, operands: tuple[Any, ...], result: Any, wanted: Wanted = None
    ) -> tuple[Any, ...]:
        """The local derivatives as graphs of the operands, one of which may stand twice."""
        stand_ins = [+as_value(operand, self.name) for operand in operands]
        return tuple(grad(self.again(stand_ins), stand_ins, differentiable=True))

    def nodes(self, operands: Sequence[Any]) -> list[Any]:
        """All recorded nodes once more as ordinary ones, by their numbers."""
        known = self.recording.known(self.numbers)
        return self.recording.replayed({**known, **dict(zip(self.leaves, operands))})

    def again(self, operands: Sequence[Any]) -> Value:
        return as_value(self.nodes(operands)[self.root], self.name)


def _copied(title: str, graph: Graph, leaves: Any, operand_numbers: Any) -> Replay:
    return Replay(Trace(title, graph), leaves, (), operand_numbers)


class Total(_Served):
    """The operation of a compiled function over a batch; its gradient is numbers only."""

    def __init__(self, title: str, samples: int, operand_numbers: Any) -> None:
        self.samples = samples
        super().__init__(title, samples, operand_numbers)

    def __reduce__(self) -> Any:
        return Total, (self.name, self.samples, self.operand_numbers)

    def forward(self, operands: tuple[float, ...]) -> NoReturn:
        self.derivatives(operands, None)

    def derivatives(self, operands: Any, result: Any, wanted: Wanted = None) -> NoReturn:
        """Refuse to compute it again: the samples are not kept."""
        raise CompilationError(
            f"The gradient of {self.name}.over(...) is numbers only. To differentiate it again, "
            f"call {self.name} on the samples one by one and add up the results."
        )


def result_of(part: Part, given: Arguments) -> Value:
    recording, program = part.recording, part.program
    parents: list[Value] = []
    partials: list[float] = []
    leaves: list[int] = []
    inputs, outside = recording.leaves
    if part.gradient is not None:
        parents += program.values
        partials += part.gradient.tolist()
        leaves += map(outside.__getitem__, program.orders["captured"].tolist())
    if part.of_inputs is not None:
        for place, slope in zip(program.orders["input"].tolist(), part.of_inputs.tolist()):
            if place in given.values:
                parents.append(given.values[place])
                partials.append(slope)
                leaves.append(inputs[place])
    numbers = [parent._number for parent in parents]
    operation = Replay(recording, leaves, given.numbers, numbers)
    return _node(operation, float(part.result), tuple(parents), tuple(partials))


def total_of(title: str, samples: int, parts: Sequence[Part]) -> Value:
    total = sum([part.total for part in parts])
    found = [part for part in parts if part.gradient is not None]
    if not found:
        return constant(total)
    first, *others = found
    parents, partials = first.program.values, tuple(first.gradient.tolist())
    numbers = first.numbers
    if others:
        slopes = dict(zip(parents, partials))
        for part in others:
            for value, slope in zip(part.program.values, part.gradient.tolist()):
                slopes[value] = slopes.get(value, 0.0) + slope
        parents, partials = tuple(slopes), tuple(slopes.values())
        numbers = [parent._number for parent in parents]
    return _node(Total(title, samples, numbers), total, parents, partials)


def array_of_results(title: str, samples: int, parts: Sequence[Part]) -> Any:
    shape = one_shape(title, [part.recording.shape for part in parts])
    found, count = np.empty((samples, *shape)), int(np.prod(shape, dtype=int))
    for part in parts:
        rows = np.broadcast_to(part.result, (len(part.places), count))
        places = part.places if len(parts) > 1 else slice(None)  # all, which is quicker
        found[places] = rows.reshape(-1, *shape)
    return found


def _node(
    operation: Reduction, data: float, parents: tuple[Value, ...], partials: tuple[float, ...]
) -> Value:
    if not parents:  # or no gradients are recorded, so that none was wanted
        return constant(data)
    return node_of(operation, parents, data, partials, current(), sys._getframe(1))
