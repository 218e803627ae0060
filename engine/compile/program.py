"""`Program`: a recorded graph as an array program that runs.

Its text is made by passes, each in a file of its own: the graph is simplified (`passes.py`), laid
out in groups (`layout.py`), lowered to array instructions (`lower.py`), differentiated (`vjp.py`),
given places in memory (`memory.py`) and written down (`numpy_source.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from math import nan
from typing import Any

import numpy as np

from glassgrad.engine.backward import Leaves
from glassgrad.engine.compile.graph import LEAVES, Graph
from glassgrad.engine.compile.ir import Array
from glassgrad.engine.compile.kernels import NAMESPACE, ON_NUMPY, is_finite
from glassgrad.engine.compile.layout import laid_out
from glassgrad.engine.compile.lower import lowered
from glassgrad.engine.compile.memory import bytes_a_sample
from glassgrad.engine.compile.numpy_source import NumpySource, Outputs
from glassgrad.engine.compile.trace import Trace
from glassgrad.engine.compile.vjp import gradients
from glassgrad.engine.compile.walk import Walked
from glassgrad.engine.vectors import data_vector

_MOST_BYTES = 2**26
"""So many bytes of buffers of one size are kept after a call, and of all sizes twice as many."""
_MOST_NUMBERS = 2**20
"""So many numbers are walked through at once, sample by sample, where they are not finite."""
_MOST_SIZES = 8
"""For so many numbers of samples buffers are kept, as for whole batches and for the last one."""
_MOST_FRAMES = 8
"""And so many of them, at most: as many threads find some."""


class Program:
    """A graph as source text, and the function made from it.

    Args:
        trace: the scalars as they were recorded.
        graph: the same, simplified.
        batched: the kinds of leaves that have an axis of samples.
        wanted: the kinds of leaves whose gradients are computed.

    Attributes:
        text, lines: the source text, and line by line what each belongs to.
        arrays: the arrays that the text names.
        orders: which input, or captured Value, stands at each place of those arrays.
        values: the captured Values in that order.
        places: what `value_and_grad` keeps with it.
        operations: how many array operations the forward half is.
        walked: how many scalars it computes one by one instead.
        group_of: the group of each recorded node, by index; -1 for one that is not needed.
        make: the function made from the text: it makes the buffers for a number of samples.
        free: by the number of samples, and the share of each, the buffers that nobody uses now. A
            call takes some away and brings them back at its end, so one in another thread, or
            inside it, has others.
    """

    def __init__(
        self, trace: Trace, graph: Graph, batched: frozenset[str], wanted: frozenset[str]
    ) -> None:
        self._trace, self.is_batched, self._wanted = trace, bool(batched), wanted
        self._batched = batched
        self.layout = laid_out(graph, batched)
        self.orders = {
            group.kind: graph.numbers[group.nodes].astype(int) for group in self.layout.groups[:2]
        }
        given, captured = self.orders["input"], self.orders["captured"].tolist()
        self.is_in_order = not len(given) or np.array_equal(given, np.arange(len(trace.leaves[0])))
        self.values = Leaves.if_so(tuple([trace.captured[i] for i in captured]))
        self.places: Any = None
        source = self._source()
        self.text, self.lines, self.arrays = source.with_memory(), source.lines, source.arrays
        self.operations = sum(group.row is not None for group in self.layout.groups)
        self.walked = sum(len(group.walk) for group in self.layout.groups if group.walk)
        self.group_of = np.append(self.layout.group_of, -1)[self.layout.graph.places]
        self._has_samples = source.outputs.result.has_samples
        self._bytes = bytes_a_sample(source.shapes)
        self.free: dict[tuple[int, float | None], deque[Frame]] = {}
        namespace = {**NAMESPACE, **ON_NUMPY, **source.arrays}
        exec(compile(self.text, "<compiled>", "exec"), namespace)
        self.make: Callable[[int, float | None], Any] = namespace["program"]

    def _source(self, *, is_exact: bool = False) -> NumpySource:
        layout = self.layout
        if is_exact:
            layout = laid_out(layout.graph, self._batched, self.orders, is_exact=True)
        builder, groups, result, checks = lowered(layout, self._trace.guards)
        leaves = zip(layout.groups[:2], groups)
        wanted = [array if group.kind in self._wanted else None for group, array in leaves]
        arrays = [array for array in wanted if array is not None]
        how: dict[str, Any] = {"is_batched": self.is_batched, "has_masks": is_exact}
        found = iter(gradients(builder, result, arrays, **how) if self._wanted else [])
        slopes = [None if array is None else next(found) for array in wanted]
        watched = [a for group, a in zip(layout.groups, groups) if a and not group.is_exact]
        outputs = Outputs(result, checks, slopes, watched)
        return NumpySource(builder.arrays, outputs)

    def instructions(self) -> tuple[list[Array], Outputs]:
        """The array instructions, in their order, and what they give."""
        source = self._source()
        return source.order, source.outputs

    def pure(self) -> tuple[str, dict[str, Any]]:
        """The text of a function of arrays, for other libraries, and the arrays that it names."""
        source = self._source(is_exact=True)
        return source.without_memory(), source.arrays

    def size_in_bytes(self) -> int:
        """How much memory the layout and the arrays take that the text names."""
        layout = [self.layout.group_of, self.layout.position, self.group_of]
        for group in self.layout.groups:
            layout += [group.nodes, *group.operands]
        return sum(each.nbytes for each in (*layout, *self.arrays.values()))

    def numbers(self) -> Any:
        """The numbers of the captured Values now, as `run` takes them."""
        return data_vector(self.values)

    def in_order(self, numbers: Sequence[Any]) -> Sequence[Any]:
        """The numbers of arguments as `run` takes them."""
        if self.is_in_order:
            return numbers
        return [np.concatenate(numbers, -1)[..., self.orders["input"]]]

    def run(self, inputs: Sequence[Any], captured: Any, share: float | None = None) -> Any:
        """The result, the sum of the results of all samples (nan if they are rows of numbers),
        whether the guards hold, and the gradients by the inputs and the captured numbers.

        Args:
            inputs: the numbers of the arguments, in the order of `orders["input"]` beside each
                other; with samples a row for each of them.
            captured: those of the captured Values, in the order of `orders["captured"]`.
            share: the gradient of every result; None where none are wanted.
        """
        samples = len(inputs[0]) if self.is_batched else 1
        key = samples, share
        try:
            frame = self.free[key].pop()
        except (IndexError, KeyError):
            self._make_room(samples, share)
            frame = Frame(self, samples, share, [np.shape(each)[-1] for each in inputs])
        found, is_right = frame.run(inputs, captured)
        if (kept := self.free.get(key)) is not None:
            kept.append(frame)
        return found if is_right else self._scalar_by_scalar(inputs, captured, share)

    def _make_room(self, samples: int, share: float | None) -> None:
        """A place for the buffers of a size, after a call; where there are too many, others go."""
        if (samples, share) in self.free:
            return
        sizes = [size for (size, _), frames in list(self.free.items()) if frames.maxlen]
        is_full = self._bytes * (samples + sum(sizes)) > 2 * _MOST_BYTES
        if len(self.free) >= _MOST_SIZES or is_full:
            self.free = {}
        most = min(_MOST_FRAMES, int(_MOST_BYTES / (self._bytes * samples + 1.0)))
        self.free[samples, share] = deque(maxlen=most)

    def totalled(self, result: Any, ones: Any) -> tuple[Any, float]:
        """The results, copied, and their sum over as many samples as there are ones."""
        if self._trace.has_several:
            return (result.T if self._has_samples else result[:, 0]).copy(), nan
        if self._has_samples:
            numbers = result[0].copy()
            return numbers, float(ones.dot(numbers))
        return result[0, 0], float(result[0, 0]) * len(ones)

    @cached_property
    def _walked(self) -> tuple[Walked, list[Any]]:
        """A walk through the recorded scalars, and the leaves in the orders of the arrays."""
        leaves = zip(self._trace.leaves, self.orders.values())
        return Walked(self._trace.graph), [np.array(each, int)[order] for each, order in leaves]

    def _scalar_by_scalar(self, inputs: Sequence[Any], captured: Any, share: float | None) -> Any:
        """What `run` gives, where 0 × infinity has to be told apart; see `vjp.py`."""
        walked, (given, outside) = self._walked
        rows, graph = np.concatenate(inputs, -1), self._trace.graph
        columns = rows.T if self.is_batched else rows[:, None]
        size = max(1, _MOST_NUMBERS // len(graph))
        roots, compared = self._trace.of_roots(graph.roots)
        results, holds, of_inputs, of_captured = [], [], [], np.zeros((len(outside), 1))
        with np.errstate(all="ignore"):
            for start in range(0, columns.shape[1], size):
                part = columns[:, start : start + size]
                leaves = (given, part[: len(given)]), (outside, np.asarray(captured)[:, None])
                numbers = walked.forward(leaves, part.shape[1])
                results.append(numbers[roots])
                holds.append(np.ones(part.shape[1], bool))
                for guard, left, right in compared:
                    holds[-1] &= guard.holds(numbers[left], numbers[right])
                if share is not None:
                    slopes = walked.backward(numbers, int(graph.roots[0]), share)
                    of_inputs.append(slopes[given])
                    of_captured += slopes[outside].sum(1, keepdims=True)
            found: list[Any] = [None, None]
            if share is not None:
                kinds = zip(LEAVES, (np.concatenate(of_inputs, 1), of_captured))
                found = [_copied(each) if k in self._wanted else None for k, each in kinds]
            ones = np.ones(columns.shape[1])
            numbers, total = self.totalled(np.concatenate(results, 1), ones)
        return numbers, total, np.concatenate(holds), *found


class Frame:
    """The buffers of a program for a number of samples.

    Args:
        widths: how many numbers of a sample each array of inputs holds.
    """

    def __init__(
        self, program: Program, samples: int, share: float | None, widths: Sequence[int]
    ) -> None:
        self._totalled = program.totalled
        with np.errstate(all="ignore"):
            given, self._fill = program.make(samples, share)
        rows, numbers = given.get("input"), given.get("captured")
        self._inputs: list[Any] = []
        if rows is not None:
            rows = rows.T if program.is_batched else rows[:, 0]
            self._inputs = np.split(rows, np.cumsum(widths)[:-1], -1)
        self._ones = np.ones(samples)
        self._captured = None if numbers is None else numbers[:, 0]

    @np.errstate(all="ignore")
    def run(self, inputs: Sequence[Any], captured: Any) -> Any:
        """What `Program.run` gives, and whether all is right: it is finite.

        The next run writes over the buffers, so what leaves them is copied.
        """
        if self._inputs:  # of inputs that nobody reads there is no buffer
            for place, numbers in zip(self._inputs, inputs, strict=True):
                place[...] = numbers
        if self._captured is not None:
            self._captured[...] = captured
        result, holds, of_inputs, of_captured, *watched = self._fill()
        if of_inputs is not None:
            of_inputs = _copied(of_inputs)
            watched.append(of_inputs)
        if of_captured is not None:
            of_captured = _copied(of_captured)
            watched.append(of_captured)
        found = *self._totalled(result, self._ones), holds, of_inputs, of_captured
        return found, all(map(is_finite, watched))


def _copied(slopes: Any) -> Any:
    """Gradients, with a row for each sample where there is one."""
    return slopes.ravel().copy() if slopes.shape[1] == 1 else slopes.T.copy()
