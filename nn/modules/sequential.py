"""Parts in a row: each takes what the one before it gives. An MLP is such a row of layers."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, TypeAlias, overload

from glassgrad.engine import Operation, as_value
from glassgrad.engine.text import counted, describe, function_name, told
from glassgrad.engine.tree import leaves_of, like
from glassgrad.nn.modules.activation import ACTIVATIONS, Activation, activation_function
from glassgrad.nn.modules.hidden import parameters_read_by
from glassgrad.nn.modules.module import Module


class Elementwise(Module):
    """An activation as a part of its own: it bends every number it is given.

    Args:
        activation: a name from `ACTIVATIONS`, or a function of a Value.

    Raises:
        ValueError: there is no activation of that name.
        TypeError: the activation is neither a name nor a function.

    Example:
        >>> from glassgrad.nn.modules.sequential import Elementwise
        >>> [v.data for v in Elementwise("relu")([-2.0, 3.0])]
        [0.0, 3.0]
    """

    def __init__(self, activation: Activation) -> None:
        self.activation = activation_function(activation)

    def forward(self, x: Any) -> Any:
        """The activation of a number, or of each number in nested lists.

        Raises:
            TypeError: an input is neither a Value nor a real number.

        >>> from glassgrad.nn.modules.sequential import Elementwise
        >>> Elementwise("relu").forward(-2.0).data
        0.0
        """
        numbers = [as_value(v, type(self).__name__) for v in leaves_of(x)]
        return like(x, iter([self.activation(v) for v in numbers]))

    def extra_repr(self) -> str:
        """The name of the activation.

        >>> from glassgrad.nn.modules.sequential import Elementwise
        >>> Elementwise("relu").extra_repr()
        'relu'
        """
        return function_name(self.activation)


class Method(Module):
    """Another method of a module as a part, so that the module's parameters are found.

    Args:
        module: the module.
        name: the name of its method.

    Example:
        >>> from glassgrad import RecurrentCell
        >>> from glassgrad.nn.modules.sequential import Method
        >>> len(Method(RecurrentCell(1, 3), "run")([[1.0], [2.0]]))
        3
    """

    def __init__(self, module: Module, name: str) -> None:
        self.module, self.name = module, name

    def forward(self, x: Any) -> Any:
        """What the method gives.

        >>> from glassgrad import Neuron
        >>> from glassgrad.nn.modules.sequential import Method
        >>> Method(Neuron(1, init="zeros"), "forward").forward([3.0]).data
        0.0
        """
        return getattr(self.module, self.name)(x)

    def extra_repr(self) -> str:
        """The module and the name of its method.

        >>> from glassgrad import RecurrentCell
        >>> from glassgrad.nn.modules.sequential import Method
        >>> Method(RecurrentCell(1, 3), "run").extra_repr()
        'RecurrentCell(1 → 3).run'
        """
        return f"{_in_short(self.module)}.{self.name}"


Part: TypeAlias = Module | Callable[[Any], Any] | str
"""A module, a function of what the part before gives, or the name of an activation."""


class Sequential(Module):
    """Parts in a row, each on what the one before it gives.

    Args:
        parts: modules, methods of modules, functions, and names from `ACTIVATIONS`, which bend
            every number.

    Attributes:
        parts: the list of parts; activations and methods have become modules.

    Raises:
        ValueError: there are no parts, there is no activation of a name, or a function uses
            parameters that are in no part, so that no optimiser would be given them.
        TypeError: a part is something else, such as a class instead of an object of it.

    Example:
        >>> from glassgrad import Layer, Sequential
        >>> model = Sequential(Layer(2, 3, activation="linear"), "relu", Layer(3, 1))
        >>> model
        Sequential(Layer(2 → 3, linear) → relu → Layer(3 → 1, tanh), 13 parameters)
        >>> len(model), model[0].nout
        (3, 3)
        >>> model([1.0, 2.0]).data == model[2](model[1](model[0]([1.0, 2.0]))).data
        True
    """

    def __init__(self, *parts: Part) -> None:
        if not parts:
            raise ValueError("Sequential(...) of nothing computes nothing; give at least one part.")
        self.parts = [_part(part) for part in parts]
        known = set(self.parameters())
        for part in self.parts:
            hidden = set() if isinstance(part, Module) else set(parameters_read_by(part)) - known
            if hidden:
                raise ValueError(
                    f"The function {function_name(part)} uses "
                    f"{counted(len(hidden), 'parameter')} of no part of Sequential, so that none "
                    "would be trained. Write a class of your own, derived from Module, that holds "
                    "them."
                )

    def forward(self, x: Any) -> Any:
        """What the last part gives.

        >>> from glassgrad import Sequential
        >>> Sequential("relu").forward(3.0).data
        3.0
        """
        for part in self.parts:
            x = part(x)
        return x

    def __len__(self) -> int:
        return len(self.parts)

    @overload
    def __getitem__(self, place: slice) -> Sequential: ...
    @overload
    def __getitem__(self, place: int) -> Any: ...
    def __getitem__(self, place: int | slice) -> Any:
        """A part, or for a slice a row of the same parts."""
        if isinstance(place, slice):
            return Sequential(*self.parts[place])
        if not hasattr(place, "__index__"):
            raise TypeError(
                f"A place in Sequential is a whole number or a slice, not {told(place)}."
            )
        return self.parts[place]

    def extra_repr(self) -> str:
        """The parts in a row.

        >>> from glassgrad import Sequential
        >>> Sequential("relu", "exp").extra_repr()
        'relu → exp'
        """
        return " → ".join(map(_in_short, self.parts))


def _part(part: Part) -> Callable[[Any], Any]:
    if isinstance(part, Module):
        return part
    if isinstance(part, str) or (isinstance(part, Operation) and part.name in ACTIVATIONS):
        return Elementwise(part)
    if isinstance(part, MethodType) and isinstance(part.__self__, Module):
        return Method(part.__self__, part.__name__)
    if isinstance(part, type) and issubclass(part, Module):
        raise TypeError(
            f"A part of Sequential is an object, not the class {part.__name__}. "
            f"Write {part.__name__}(...)."
        )
    if not callable(part):
        raise TypeError(
            "A part of Sequential is a module, a function or the name of an activation, "
            f"not {describe(part)}. Write the parts one by one: Sequential(*parts)."
        )
    return part


def _in_short(part: Any) -> str:
    """A part in a few words, without its count of parameters."""
    if not isinstance(part, Module):
        return function_name(part)
    about = part.extra_repr()
    if isinstance(part, Elementwise | Method):
        return about
    return f"{type(part).__name__}({about})" if about else type(part).__name__
