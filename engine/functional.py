"""Derivatives of functions: gradient, direction, Jacobian and Hessian.

Every argument becomes a fresh node, so nothing outside is differentiated by and nested derivatives
do not confuse each other. Numbers in give floats out. Where an argument, or anything else that the
result depends on, is a Value, Values come out, which can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from glassgrad.engine.backward import topological_order
from glassgrad.engine.context import derive, recording
from glassgrad.engine.errors import NonFiniteError
from glassgrad.engine.gradient import carrying_edges, grad, local_derivatives
from glassgrad.engine.provenance import place
from glassgrad.engine.table import dot
from glassgrad.engine.text import describe
from glassgrad.engine.trap import is_trapping
from glassgrad.engine.tree import leaves_of, like, settled
from glassgrad.engine.value import Value, as_value, constant, is_parameter, names


def value_and_grad(function: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """A function that gives the value of `function` and its gradient by every argument.

    Arguments are numbers, Values, or sequences, dicts and arrays of them. The gradient has the
    shape of the argument; with several arguments it is a tuple. All are floats if the result
    depends on no Value from outside, else Values.

    Raises:
        TypeError: the function gives something else than one Value or number.

    >>> from glassgrad import value_and_grad
    >>> value_and_grad(lambda x, y: x * y)(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """

    def evaluated(*arguments: Any) -> tuple[Any, Any]:
        with recording():
            call = _Call(function, arguments)
            y = call.single_result()
            gradients = grad(y, call.leaves, differentiable=call.gives_values)
        shaped = call.reshape(gradients)
        return call.plain(y), shaped[0] if len(shaped) == 1 else shaped

    return evaluated


def jvp(
    function: Callable[..., Any], arguments: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """The value of `function` and its derivative in a direction, in one forward sweep.

    Args:
        function: takes the arguments and gives a Value.
        arguments: a tuple of numbers, or of nested sequences of them, one per parameter.
        tangents: the direction, in the same structure.

    Returns:
        (value, directional derivative) as floats; as Values if the result depends on Values from
        outside.

    Raises:
        TypeError: the arguments or tangents are no sequence.
        ValueError: there are more or fewer tangents than arguments.

    >>> from glassgrad import jvp
    >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0))
    (10.0, 5.0)
    """
    for given in (arguments, tangents):
        if not isinstance(given, (list, tuple)):
            problem = f"jvp takes a tuple with one entry per argument, not {describe(given)}."
            raise TypeError(f"{problem} Write jvp(f, (x,), (dx,)).")
    tangents = settled(tangents)
    direction = [as_value(tangent, "jvp") for tangent in leaves_of(tangents)]
    with recording():
        call = _Call(function, arguments)
        if len(direction) != len(call.leaves):
            raise ValueError(
                f"jvp needs one tangent per argument: {len(call.leaves)}, not {len(direction)}."
            )
        y = call.single_result()
        start = dict(zip(call.leaves, direction))
        tangent_of = derive(_tangents, y, start, is_trapping())
    has_values = call.gives_values or any(isinstance(t, Value) for t in leaves_of(tangents))
    tangent = tangent_of.get(y, constant(0.0))
    return (y, tangent) if has_values else (y.data, tangent.data)


def _tangents(y: Value, tangent_of: dict[Value, Value], watched: bool) -> dict[Value, Value]:
    """The derivatives of the nodes behind `y` in the direction that the leaves have."""
    for node in topological_order(y):
        moving = carrying_edges(node, tangent_of)
        if moving:
            directions = [tangent_of[node.parents[i]] for i in moving]
            tangent_of[node] = dot(local_derivatives(node, moving), directions)
            if watched and not isfinite(tangent_of[node].data):
                assert node.operation is not None
                raise NonFiniteError(
                    f"{node.operation.name}({names(node.parents)}) has a derivative of "
                    f"{tangent_of[node].data} in the direction of jvp. "
                    f"The node was created {place(node.line)}."
                )
    return tangent_of


def jacobian(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function that gives the matrix of derivatives of a vector function of one vector.

    The vector is a list, tuple or array; the function gets it as the same kind, and gives one
    Value or a nested sequence or array of them.

    Returns:
        An array of shape (outputs, inputs): floats, or Values if the result depends on Values
        from outside.

    >>> from glassgrad import jacobian
    >>> jacobian(lambda v: [v[0] * v[1], v[0] + v[1]])([2.0, 5.0])
    array([[5., 2.],
           [1., 1.]])
    """

    def evaluated(xs: Any) -> Any:
        with recording():
            call = _Call(function, (xs,))
            rows = [grad(y, call.leaves, differentiable=call.gives_values) for y in call.outputs]
        matrix: Any = np.empty(
            (len(rows), len(call.leaves)), dtype=object if call.gives_values else float
        )
        for i, row in enumerate(rows):
            matrix[i, :] = row
        return matrix

    return evaluated


def hessian(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function that gives the matrix of second derivatives of a function of one vector.

    Returns:
        An array of shape (inputs, inputs): floats, or Values if the result depends on
        Values from outside. It is symmetric up to rounding.

    >>> from glassgrad import hessian
    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 5.0])
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacobian(lambda xs: value_and_grad(function)(xs)[1])


def _fresh(argument: Any) -> Value:
    """A node of its own for an argument: in the graph of a Value, a leaf for a number."""
    if not isinstance(argument, Value):
        return Value(argument)
    return Value(argument.data) if argument.is_constant else +argument


class _Call:
    """One call of a function on fresh nodes.

    Attributes:
        leaves: the fresh nodes, one per number in the arguments.
        outputs: the Values in the result.
        gives_values: whether the result depends on Values from outside, so that plain numbers
            would cut it off from them.
    """

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        self._function = function
        self._shape = settled(list(arguments))
        given = leaves_of(self._shape)
        self.leaves = [_fresh(x) for x in given]
        self._result = function(*self.reshape(self.leaves))
        self.outputs = [as_value(y, self._title()) for y in leaves_of(self._result)]
        self.gives_values = any(isinstance(x, Value) for x in given) or self._reaches_others()

    def single_result(self) -> Value:
        """The result, if it is a single Value or number."""
        return as_value(self._result, self._title())

    def reshape(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """One entry per number of the arguments, nested as the arguments are."""
        supply = iter(flat)
        return tuple(like(argument, supply) for argument in self._shape)

    def plain(self, y: Value) -> Any:
        """A result as it is given out: a float where that cuts nothing off."""
        return y if self.gives_values else y.data

    def _reaches_others(self) -> bool:
        own = set(self.leaves)
        return any(
            is_parameter(node) and node not in own for node in topological_order(*self.outputs)
        )

    def _title(self) -> str:
        return f"The result of {getattr(self._function, '__name__', 'the function')}"
