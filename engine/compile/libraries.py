"""The libraries that can run a program instead of numpy: PyTorch and JAX, given by their users.

The engine imports neither. A `Library` looks for a function of numpy's name in the module it was
given; what is called otherwise there, or does not exist, is in `differences`.

The functions of a program are written once, in numpy: as rows of the table and in `kernels.py`.
numpy lets other arrays take part in its functions (NEP 13 for functions of numbers, NEP 18 for
those of arrays): it asks them what, say, `np.exp` of them is. A program runs on `Lifted` arrays,
which answer with the function of that name of their own library.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from glassgrad.engine.compile.kernels import NAMESPACE
from glassgrad.engine.compile.program import Program
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.op import Operation, evaluators
from glassgrad.engine.text import told

Function = Callable[..., Any]
_BOOLEANS = (bool, np.bool_)
_NUMBERS = (int, float, np.number)


class Library:
    """Who computes, in double precision, and on which device: as JAX has it, which is near numpy.

    Attributes:
        module: where the functions are.
        differences: what is called otherwise than in numpy, or is missing.
        place: the precision and the device, as functions that make arrays take them.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.place: dict[str, Any] = {"dtype": np.dtype(float)}
        self.differences: dict[str, Function] = {
            "zeros": lambda shape: module.zeros(shape, **self.place),
            "where": lambda condition, a, b: module.where(
                self.number(condition) != 0, self.number(a), self.number(b)
            ),
        }

    def owns(self, thing: Any) -> bool:
        return isinstance(thing, (sys.modules["jax"].Array, np.ndarray))

    def array(self, thing: Any) -> Any:
        array = thing if self.owns(thing) else np.asarray(thing)
        return array.astype(float) if array.dtype.kind == "f" else array

    def numbers(self, thing: Any) -> Any:
        """Numbers, integers too, as an array of floats."""
        return self.module.asarray(thing, dtype=float)

    def number(self, thing: Any) -> Any:
        """A number as functions take it that compute with arrays; all else as it is."""
        is_number = isinstance(thing, _NUMBERS) and not isinstance(thing, _BOOLEANS)
        return np.float64(thing) if is_number else thing

    def add_at(self, array: Any, key: Any, numbers: Any) -> Any:
        """The array with numbers added at some places, as often as a place occurs."""
        return self.module.asarray(array).at[key].add(numbers)

    def is_traced(self, array: Any) -> bool:
        """Whether an array stands for any numbers, so that none of them can be looked at."""
        return isinstance(array, sys.modules["jax"].core.Tracer)

    def in_numpy(self, array: Any) -> Any:
        return np.asarray(array)

    def is_float(self, array: Any) -> bool:
        return bool(array.dtype.kind == "f")

    def is_real(self, array: Any) -> bool:
        return array.dtype.kind in "fiub"

    def first(self, array: Any) -> Any:
        """The first sample of a batch, as an array of one; of a traced one 1 stands for numbers."""
        one = np.ones((1, *array.shape[1:])) if self.is_traced(array) else self.in_numpy(array[:1])
        return one.astype(float if self.is_float(array) else int)

    def silence(self) -> AbstractContextManager[Any]:
        """Within it, infinities and nan arise without a warning, and nothing else is recorded."""
        return np.errstate(all="ignore")

    @functools.cache  # noqa: B019  a library is kept for good
    def function(self, name: str) -> Function:
        """The function that does what numpy's function of this name does."""
        return self.differences.get(name) or getattr(self.module, name)

    @functools.cache  # noqa: B019
    def elementwise(self, name: str) -> Function:
        """The same of a function that also takes numbers."""
        function = self.function(name)
        return lambda *operands: function(*map(self.number, operands))

    def executed(self, program: Program, title: str) -> Function:
        """The text of a program as a function of arrays of this library."""
        if row := next((row for row in program.layout.graph.rows if row.is_checked), None):
            raise CompilationError(
                f"{title} calls {row.name}, an operation that was defined for numpy. Other "
                "libraries compute those of glassgrad: write it with them."
            )
        text, given = program.pure()
        if not all(isinstance(array, np.ndarray) for array in given.values()):
            raise CompilationError(
                f"{title} has a stretch without any regularity, which is computed scalar by "
                "scalar. That runs on numpy only."
            )
        lifted = {name: Lifted(self.array(array), self) for name, array in given.items()}
        names = {**NAMESPACE, **lifted}
        exec(compile(text, "<compiled>", "exec"), names)
        run = names["program"]

        def with_samples_first(inputs: Any, captured: Any, seed: Any) -> Any:
            given = inputs.T, captured.reshape(-1, 1), seed.reshape(1, -1)
            found = run(*[Lifted(array, self) for array in given])
            result, _, of_inputs, of_captured = [lowered(each, self) for each in found]
            of_inputs = None if of_inputs is None else of_inputs.T
            return result[0], of_inputs, None if of_captured is None else of_captured[:, 0]

        return with_samples_first


def _along_an_axis(name: str) -> Callable[[Lifted, int], Lifted]:
    def reduced(array: Lifted, axis: int) -> Lifted:
        return Lifted(array.library.function(name)(array.array, axis), array.library)

    return reduced


class Lifted(NDArrayOperatorsMixin):
    """An array of another library, with as much of numpy's behaviour as programs need.

    Where something is added to it in place, it holds another array.

    Attributes:
        array: the array.
        library: the library that computes.
    """

    def __init__(self, array: Any, library: Library) -> None:
        self.array = array
        self.library = library

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    def __getitem__(self, key: Any) -> Lifted:
        return Lifted(self.array[self._lowered(key)], self.library)

    @property
    def T(self) -> Lifted:  # noqa: N802  as numpy calls it
        return Lifted(self.array.T, self.library)

    def swapaxes(self, *axes: int) -> Lifted:
        return Lifted(self.array.swapaxes(*axes), self.library)

    def reshape(self, *shape: int) -> Lifted:
        return Lifted(self.array.reshape(*shape), self.library)

    sum, prod, max, min = map(_along_an_axis, ("sum", "prod", "max", "min"))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any) -> Any:
        if method == "at" and ufunc is np.add:
            target, key, numbers = inputs
            target.array = self.library.add_at(target.array, *self._lowered((key, numbers)))
            return None
        if method != "__call__":
            return NotImplemented
        found = self.library.elementwise(ufunc.__name__)(*self._lowered(inputs))
        return Lifted(found, self.library)

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


def _read_lifted(operation: Operation, operands: tuple[Any, ...]) -> Any:
    """A row on lifted arrays: its function in numpy, or its formula."""
    if not isinstance(operation.array, np.vectorize):
        return operation.array(*operands)
    # What numpy lacks, such as erf, the libraries have under the name of the row.
    library = next(x.library for x in operands if isinstance(x, Lifted))
    return Lifted(library.elementwise(operation.name)(*lowered(operands, library)), library)


evaluators[Lifted] = _read_lifted


class JAX(Library):
    """Arrays of JAX, traced ones too. Constants stay with numpy; JAX takes them in by itself."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        lax = sys.modules["jax"].lax
        self.differences |= {
            "erf": lax.erf,
            "erfc": lax.erfc,
            "max": lambda array, axis: self._with_nan(module.max, array, axis),
            "min": lambda array, axis: self._with_nan(module.min, array, axis),
            "positive": lax.stop_gradient,  # programs detach by it
        }

    def _with_nan(self, function: Function, array: Any, axis: int) -> Any:
        """A maximum or minimum; on CPUs XLA may miss a nan (openxla/xla, issue 21461)."""
        is_nan = self.module.isnan(array).any(axis)
        return self.module.where(is_nan, np.nan, function(array, axis))


class PyTorch(Library):
    """Tensors, on the device of the parameters. PyTorch's own derivatives are not needed."""

    def __init__(self, module: Any, device: Any) -> None:
        super().__init__(module)
        self.place = {"dtype": module.float64, "device": device}
        self.differences |= {
            "absolute": module.abs,
            "arange": lambda size: module.arange(size, device=device),
            "cbrt": self._cbrt,
            "equal": module.eq,
            "flip": lambda array, axis: module.flip(array, (axis,)),
            "max": module.amax,
            "min": module.amin,
            "positive": lambda array: array.detach(),
            "power": module.pow,
            "sign": lambda x: module.where(x == x, module.sign(x), x),
        }

    def owns(self, thing: Any) -> bool:
        return isinstance(thing, self.module.Tensor)

    def array(self, thing: Any) -> Any:
        if self.owns(thing):
            return thing.to(**self.place) if thing.is_floating_point() else thing
        array = np.ascontiguousarray(thing)
        if array.dtype.kind == "f":
            return self.module.tensor(array, **self.place)
        return self.module.tensor(array, device=self.place["device"])

    def numbers(self, thing: Any) -> Any:
        return self.array(thing).to(**self.place)

    def number(self, thing: Any) -> Any:
        if isinstance(thing, _BOOLEANS):
            return self.module.full((), bool(thing), device=self.place["device"])
        return self.module.full((), thing, **self.place) if isinstance(thing, _NUMBERS) else thing

    def add_at(self, array: Any, key: Any, numbers: Any) -> Any:
        return array.index_add_(0, *key, numbers)

    def is_traced(self, array: Any) -> bool:
        return False

    def in_numpy(self, array: Any) -> Any:
        return array.detach().cpu().numpy()

    def is_float(self, array: Any) -> bool:
        return bool(array.is_floating_point())

    def is_real(self, array: Any) -> bool:
        return not array.is_complex()

    def silence(self) -> AbstractContextManager[Any]:
        return self.module.no_grad()  # type: ignore[no-any-return]

    def _cbrt(self, x: Any) -> Any:
        """The cube root: a power, and one step of Newton's method for its last digits."""
        root = self.module.sign(x) * self.module.abs(x) ** (1.0 / 3.0)
        better = root - (root - x / (root * root)) / 3.0
        return self.module.where(self.module.isfinite(better), better, x)


_torch, _jax = functools.cache(PyTorch), functools.cache(JAX)


def library(module: Any, array: Any) -> Library:
    if module.__name__ == "torch":
        return _torch(module, getattr(array, "device", None))
    if not sys.modules["jax"].config.jax_enable_x64:
        raise RuntimeError(
            "JAX computes in single precision unless told otherwise. Call "
            'jax.config.update("jax_enable_x64", True) before any array is made.'
        )
    return _jax(module)


def check_module(module: Any) -> None:
    name = getattr(module, "__name__", None)
    if name not in ("torch", "jax.numpy"):
        given = name if isinstance(name, str) else told(module)
        raise TypeError(f"namespace is numpy, torch or jax.numpy, the module, not {given}.")
