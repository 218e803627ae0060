"""`Program`: a recorded graph as an array program that runs.

Its text is made by passes, each in a file of its own: the graph is simplified (`passes.py`), laid
out in groups (`layout.py`), lowered to array instructions (`lower.py`), differentiated (`vjp.py`),
given places in memory (`memory.py`) and written down (`numpy_source.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from math import isfinite, nan
from typing import Any

import numpy as np

from glassgrad.engine.compile.graph import CAPTURED, INPUT, LEAVES, Graph
from glassgrad.engine.compile.ir import Array
from glassgrad.engine.compile.kernels import NAMESPACE, ON_NUMPY
from glassgrad.engine.compile.layout import laid_out
from glassgrad.engine.compile.lower import lowered
from glassgrad.engine.compile.memory import bytes_a_sample
from glassgrad.engine.compile.numpy_source import NumpySource, Outputs
from glassgrad.engine.compile.trace import Guard
from glassgrad.engine.compile.vjp import gradients
from glassgrad.engine.compile.walk import Walked
from glassgrad.engine.value import RELATIONS

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
        graph, recorded: the scalars, simplified and as they were recorded.
        guards: how the last roots were compared, two and two.
        batched: the kinds of leaves that have an axis of samples.
        wanted: the kinds of leaves whose gradients are computed.
        inputs: how many numbers a call gives, needed or not.
        has_several: whether the result is a row of numbers, without gradients.

    Attributes:
        text, lines: the source text, and line by line what each belongs to.
        arrays: the arrays that the text names.
        orders: which input, or captured Value, stands at each place of those arrays.
        operations: how many array operations the forward half is.
        walked: how many scalars it computes one by one instead.
        group_of: the group of each recorded node, by index; -1 for one that is not needed.
    """

    def __init__(
        self,
        graph: Graph,
        recorded: Graph,
        guards: Sequence[Guard],
        batched: frozenset[str],
        wanted: frozenset[str],
        *,
        inputs: int,
        has_several: bool,
    ) -> None:
        self._recorded, self._guards = recorded, guards
        self._batched, self._wanted = batched, wanted
        self.layout = laid_out(graph, batched)
        self.orders = {
            group.kind: graph.numbers[group.nodes].astype(int) for group in self.layout.groups[:2]
        }
        order = self.orders["input"]
        self.is_in_order = not len(order) or np.array_equal(order, np.arange(inputs))
        source = self._source()
        self._pool = Pool(source, is_batched=bool(batched), has_several=has_several)
        self.text, self.lines, self.arrays = self._pool.text, source.lines, source.arrays
        self.operations = sum(group.row is not None for group in self.layout.groups)
        self.walked = sum(len(group.walk) for group in self.layout.groups if group.walk)
        places = np.append(self.layout.group_of, -1)
        self.group_of = places[self.layout.graph.places]

    def _source(self, *, is_exact: bool = False) -> NumpySource:
        layout = self.layout
        if is_exact:
            layout = laid_out(layout.graph, self._batched, self.orders, is_exact=True)
        builder, groups, result, checks = lowered(layout, self._guards)
        leaves = zip(layout.groups[:2], groups)
        wanted = [array if group.kind in self._wanted else None for group, array in leaves]
        arrays = [array for array in wanted if array is not None]
        how: dict[str, Any] = {
            "is_batched": bool(self._batched),
            "has_masks": is_exact,
        }
        found = iter(gradients(builder, result, arrays, **how) if self._wanted else [])
        slopes = [None if array is None else next(found) for array in wanted]
        watched = [a for group, a in zip(layout.groups, groups) if a and not group.is_exact]
        outputs = Outputs(result, checks, slopes, watched)
        return NumpySource(builder.arrays, outputs)

    @cached_property
    def _walked(self) -> tuple[Walked, list[Any]]:
        """A walk through the recorded scalars, and the leaves in the orders of the arrays."""
        codes = zip((INPUT, CAPTURED), self.orders.values())
        leaves = [np.array(self._recorded.leaves(code), int)[order] for code, order in codes]
        return Walked(self._recorded), leaves

    def _scalar_by_scalar(self, inputs: Sequence[Any], captured: Any, share: float | None) -> Any:
        """What `run` gives, where 0 × infinity has to be told apart; see `vjp.py`."""
        walked, (given, outside) = self._walked
        rows = np.concatenate(inputs, -1)
        columns = rows.T if self._batched else rows[:, None]
        size, roots = max(1, _MOST_NUMBERS // len(self._recorded)), self._recorded.roots
        count = len(roots) - 2 * len(self._guards)
        results, holds, of_inputs, of_captured = [], [], [], np.zeros((len(outside), 1))
        with np.errstate(all="ignore"):
            for start in range(0, columns.shape[1], size):
                part = columns[: len(given), start : start + size]
                width = min(size, columns.shape[1] - start)
                leaves = (given, part), (outside, np.asarray(captured)[:, None])
                numbers = walked.forward(leaves, width)
                results.append(numbers[roots[:count]])
                holds.append(np.ones(width, bool))
                for guard, left, right in zip(self._guards, roots[count::2], roots[count + 1 :: 2]):
                    outcome = RELATIONS[guard.relation](numbers[left], numbers[right])
                    holds[-1] &= outcome == guard.outcome
                if share is not None:
                    gradients = walked.backward(numbers, int(roots[0]), share)
                    of_inputs.append(gradients[given])
                    of_captured += gradients[outside].sum(1, keepdims=True)
            found: list[Any] = [None, None]
            if share is not None:
                kinds = zip(LEAVES, (np.concatenate(of_inputs, 1), of_captured))
                found = [_copied(each) if k in self._wanted else None for k, each in kinds]
            ones = np.ones(columns.shape[1])
            numbers, total = self._pool.totalled(np.concatenate(results, 1), ones)
        return numbers, total, np.concatenate(holds), *found

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
        frame = self._pool.taken(len(inputs[0]) if self._batched else 1, share)
        found = frame.quietly(frame, inputs, captured)
        self._pool.given_back(frame)
        return found[:-1] if found[-1] else self._scalar_by_scalar(inputs, captured, share)


class Frame:
    """The buffers of a program for a number of samples.

    Attributes:
        quietly: `run`, where numpy warns of nothing; it is not shared, as it keeps what to restore.
    """

    def __init__(self, pool: Pool, samples: int, share: float | None) -> None:
        self.key = samples, share
        self.quietly, self._totalled = np.errstate(all="ignore")(Frame.run), pool.totalled
        with np.errstate(all="ignore"):
            given, self._fill = pool.make(samples, share)
        rows, numbers = given.get("input"), given.get("captured")
        if rows is not None:
            rows = rows.T if pool.is_batched else rows[:, 0]
        self._inputs, self._ones = rows, np.ones(samples)
        self._captured = None if numbers is None else numbers[:, 0]

    def run(self, inputs: Sequence[Any], captured: Any) -> Any:
        """What `Program.run` gives, and whether all is right: it is finite.

        The next run writes over the buffers, so what leaves them is copied.
        """
        if self._inputs is not None:
            np.concatenate(inputs, -1, self._inputs)
        if self._captured is not None:
            self._captured[...] = captured
        result, holds, of_inputs, of_captured, *watched = self._fill()
        numbers, total = self._totalled(result, self._ones)
        of_inputs, of_captured = _copied(of_inputs), _copied(of_captured)
        is_finite = _is_finite(of_inputs) and _is_finite(of_captured)
        is_finite = is_finite and all(map(_is_finite, watched))
        return numbers, total, holds, of_inputs, of_captured, is_finite


class Pool:
    """The text of a program, and its buffers for several numbers of samples, and several calls.

    Args:
        is_batched: whether the arguments have an axis of samples.
        has_several: whether the result is a row of numbers.

    Attributes:
        text: the source text.
        make: the function made from it: it makes the buffers for a number of samples.
        has_samples: whether the result is another one for each sample.
        free: by the number of samples, and the share of each, the buffers that nobody uses now. A
            call takes some away and brings them back at its end, so one in another thread, or
            inside it, has others.
    """

    def __init__(self, source: NumpySource, *, is_batched: bool, has_several: bool) -> None:
        self.text = source.with_memory()
        self._bytes = bytes_a_sample(source.shapes)
        self.is_batched, self.has_several = is_batched, has_several
        self.has_samples = source.outputs.result.has_samples
        namespace = {**NAMESPACE, **ON_NUMPY, **source.arrays}
        exec(compile(self.text, "<compiled>", "exec"), namespace)
        self.make: Callable[[int, float | None], Any] = namespace["program"]
        self.free: dict[tuple[int, float | None], deque[Frame]] = {}

    def taken(self, samples: int, share: float | None) -> Frame:
        key = samples, share
        try:
            return self.free[key].pop()
        except IndexError:
            pass
        except KeyError:
            sizes = [size for (size, _), frames in list(self.free.items()) if frames.maxlen]
            is_full = self._bytes * (samples + sum(sizes)) > 2 * _MOST_BYTES
            if len(self.free) >= _MOST_SIZES or is_full:
                self.free = {}
            most = min(_MOST_FRAMES, int(_MOST_BYTES / (self._bytes * samples + 1.0)))
            self.free[key] = deque(maxlen=most)
        return Frame(self, *key)

    def totalled(self, result: Any, ones: Any) -> tuple[Any, float]:
        """The results, copied, and their sum over as many samples as there are ones."""
        if self.has_several:
            return (result.T if self.has_samples else result[:, 0]).copy(), nan
        if self.has_samples:
            numbers = result[0].copy()
            return numbers, float(ones.dot(numbers))
        return result[0, 0], float(result[0, 0]) * len(ones)

    def given_back(self, frame: Frame) -> None:
        if (kept := self.free.get(frame.key)) is not None:
            kept.append(frame)


def _copied(slopes: Any) -> Any:
    """Gradients, with a row for each sample where there is one."""
    if slopes is None:
        return None
    return slopes.ravel().copy() if slopes.shape[1] == 1 else slopes.T.copy()


def _is_finite(slopes: Any) -> bool:
    """Whether all numbers surely are finite: the sum of their squares is."""
    if slopes is None:
        return True
    numbers = slopes if slopes.ndim == 1 else slopes.ravel()
    return isfinite(numbers.dot(numbers))
