"""`Lifted`: an array of PyTorch or JAX that numpy's functions accept.

The functions of a program are written once, in numpy: as rows of the table and in `arrays.py`.
numpy lets other arrays take part in its functions (NEP 13 for functions of numbers, NEP 18 for
those of arrays): it asks them what, say, `np.exp` of them is. A lifted array answers with the
function of that name of its own library. Where the names differ, `libraries.py` knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from glassgrad.engine.op import Operation, evaluators

if TYPE_CHECKING:
    from glassgrad.engine.compile.libraries import Library


class Lifted(NDArrayOperatorsMixin):
    """An array of another library, with as much of numpy's behaviour as programs need.

    It may be written into; arrays of JAX cannot, so then it holds another one.

    Attributes:
        array: the array.
        library: the library that computes.
    """

    def __init__(self, array: Any, library: Library) -> None:
        self.array = array
        self.library = library

    @property
    def shape(self) -> tuple[int, ...]:
        """Its size along each axis."""
        return tuple(self.array.shape)

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return int(self.array.ndim)

    def __getitem__(self, key: Any) -> Lifted:
        return Lifted(self.array[self._lowered(key)], self.library)

    def __setitem__(self, key: Any, numbers: Any) -> None:
        self.array = self.library.put(self.array, *self._lowered((key, numbers)))

    def reshape(self, *shape: int) -> Lifted:
        """The same numbers in another shape."""
        return Lifted(self.array.reshape(*shape), self.library)

    def sum(self, axis: int) -> Lifted:
        """The sums along an axis."""
        return Lifted(self.array.sum(axis), self.library)

    def prod(self, axis: int) -> Lifted:
        """The products along an axis."""
        return Lifted(self.array.prod(axis), self.library)

    def max(self, axis: int) -> Lifted:
        """The largest along an axis."""
        return Lifted(self.library.function("max")(self.array, axis), self.library)

    def min(self, axis: int) -> Lifted:
        """The smallest along an axis."""
        return Lifted(self.library.function("min")(self.array, axis), self.library)

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: tuple[Lifted, ...] = ()
    ) -> Any:
        if method == "at" and ufunc is np.add:
            target, key, numbers = inputs
            target.array = self.library.add_at(target.array, *self._lowered((key, numbers)))
            return None
        if method != "__call__":
            return NotImplemented
        found = self.library.elementwise(ufunc.__name__)(*self._lowered(inputs))
        if not out:
            return Lifted(found, self.library)
        out[0].array = found
        return out[0]

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...],
        named: Mapping[str, Any],
    ) -> Any:
        found = self.library.function(function.__name__)(*self._lowered(args), **named)
        return Lifted(found, self.library)

    def _lowered(self, thing: Any) -> Any:
        return lowered(thing, self.library)


def lowered(thing: Any, library: Library) -> Any:
    """Lifted arrays, and those of numpy, as arrays of the library; all else as it is."""
    if isinstance(thing, Lifted):
        return thing.array
    if isinstance(thing, np.ndarray):
        return library.array(thing)
    if isinstance(thing, (tuple, list)):
        return tuple([lowered(part, library) for part in thing])
    return thing


def over(function: Callable[..., Any], library: Library) -> Callable[..., Any]:
    """A function written in numpy as a function of arrays of the library."""

    def on_arrays(*operands: Any) -> Any:
        lifted = [Lifted(x, library) if library.owns(x) else x for x in operands]
        return lowered(function(*lifted), library)

    return on_arrays


def _read_lifted(operation: Operation, operands: tuple[Any, ...]) -> Any:
    """A row on lifted arrays: its function in numpy, or its formula."""
    if not isinstance(operation.array, np.vectorize):
        return operation.array(*operands)
    # What numpy lacks, such as erf, the libraries have under the name of the row.
    library = next(x.library for x in operands if isinstance(x, Lifted))
    return Lifted(library.elementwise(operation.name)(*lowered(operands, library)), library)


evaluators[Lifted] = _read_lifted
