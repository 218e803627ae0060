"""Derivatives of functions: gradient, direction, Jacobian, Hessian, and products with the Hessian.

Every argument that is differentiated by becomes a fresh node, so nothing outside is differentiated
by and nested derivatives do not confuse each other. Numbers in give floats out. Where an argument,
or anything else that the result depends on, is a Value, Values come out, which can be
differentiated again. `argnums` has JAX's meaning: the positions of the arguments that are
differentiated by; all others, and keyword arguments, are handed on as they are.

Raises, all of them:
    TypeError: there is no function, there is no argument at one of the positions, an argument to
        differentiate by holds something that is no number; or the result holds what is no number,
        or, but for `jacobian` and `jvp`, is not a single one.
    ValueError: a tangent or a vector has another structure than the argument.

Next: `check.py`, which compares derivatives with differences.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from math import isfinite
from typing import Any

import numpy as np

from glassgrad.engine.backward import order_of
from glassgrad.engine.context import derive, recording
from glassgrad.engine.errors import NonFiniteError
from glassgrad.engine.gradient import grad, local_derivatives, partials_to
from glassgrad.engine.misuse import is_real, names, remedy
from glassgrad.engine.provenance import place
from glassgrad.engine.reductions import dot
from glassgrad.engine.text import counted, describe, function_name
from glassgrad.engine.trap import is_trapping
from glassgrad.engine.tree import aligned, leaves_of, like, scalar_of, settled
from glassgrad.engine.value import Value, as_value, constant, is_parameter, number_of

Function = Callable[..., Any]
Argnums = int | Sequence[int]


def value_and_grad(
    function: Function, argnums: Argnums | None = None
) -> Callable[..., tuple[Any, Any]]:
    """A function that gives the value of `function` and its gradient by its arguments.

    Arguments are numbers, Values, or sequences, dicts and arrays of them; the gradient has the
    shape of the argument.

    Args:
        function: gives one Value or number.
        argnums: the position of the argument to differentiate by, for one gradient, or a tuple of
            positions, for a tuple of gradients. All positional arguments, if left out: one
            gradient for one argument, a tuple for several.

    >>> from glassgrad import value_and_grad
    >>> value_and_grad(lambda x, y: x * y)(2.0, 5.0)
    (10.0, (5.0, 2.0))
    >>> value_and_grad(lambda x, power: x**power, argnums=0)(3.0, 2)
    (9.0, 6.0)
    """
    return _value_and_grad("value_and_grad", function, argnums)


def _value_and_grad(role: str, function: Function, argnums: Argnums | None) -> Function:
    _check(role, function, argnums)

    def evaluated(*arguments: Any, **named: Any) -> tuple[Any, Any]:
        with recording():
            call = _Call(role, function, arguments, named, argnums)
            y = call.number()
            gradients = call.reshape(grad(y, call.leaves, differentiable=call.gives_values))
        is_single = len(gradients) == 1 if argnums is None else not isinstance(argnums, Sequence)
        return y if call.gives_values else y.data, gradients[0] if is_single else gradients

    return evaluated


def jvp(function: Function, arguments: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of `function` and its derivative in a direction, in one forward sweep.

    An argument whose tangent is 0 does not move: it sends nothing, also where its slope is
    infinite, as a gradient by the other arguments does not ask for that slope.

    Args:
        function: takes the arguments and gives a Value, or a nested sequence or array of them.
        arguments: a tuple of numbers, or of nested sequences of them, one per parameter.
        tangents: the direction, in the same structure.

    Returns:
        (value, directional derivative), both in the structure of the result.

    >>> from glassgrad import jvp
    >>> jvp(lambda x, y: {"product": x * y, "double": 2 * x}, (2.0, 5.0), (1.0, 0.0))
    ({'product': 10.0, 'double': 4.0}, {'product': 5.0, 'double': 2.0})
    """
    _check("jvp", function, None)
    if not isinstance(arguments, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise TypeError("jvp takes two tuples. Write jvp(f, (x,), (dx,)).")
    if len(arguments) != len(tangents):
        problem = f"jvp needs one tangent per argument: {len(arguments)}, not {len(tangents)}."
        raise ValueError(problem)
    return _jvp("jvp", function, arguments, tangents)


def _jvp(
    role: str, function: Function, arguments: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    with recording():
        call = _Call(role, function, arguments)
        ys = call.outputs()
        slopes = call.tangents_of(ys, tangents)
    values = ys if call.gives_values else [y.data for y in ys]
    return like(call.result, iter(values)), like(call.result, iter(slopes))


def jacobian(function: Function, argnums: int = 0) -> Function:
    """A function that gives the matrix of derivatives of a vector function by a vector.

    The vector is a list, tuple or array, or nested ones; the function gets it as the same kind, and
    gives one Value or a nested sequence or array of them. The matrix is an array of floats or
    Values of shape (outputs, inputs).

    Args:
        function: takes the vector, and whatever else it is called with.
        argnums: the position of the vector among the arguments.

    >>> from glassgrad import jacobian
    >>> jacobian(lambda v: [v[0] * v[1], v[0] + v[1]])([2.0, 5.0])
    array([[5., 2.],
           [1., 1.]])
    """
    return _jacobian("jacobian", function, argnums)


def _jacobian(role: str, function: Function, argnums: int) -> Function:
    _check(role, function, argnums)

    def evaluated(*arguments: Any, **named: Any) -> Any:
        with recording():
            call = _Call(role, function, arguments, named, argnums)
            ys = call.outputs()
            kind = object if call.gives_values else float
            matrix = np.empty((len(ys), len(call.leaves)), dtype=kind)
            for i, y in enumerate(ys):
                matrix[i, :] = grad(y, call.leaves, differentiable=call.gives_values)
        return matrix

    return evaluated


def hessian(function: Function, argnums: int = 0) -> Function:
    """A function that gives the matrix of second derivatives of a function by a vector: the
    Jacobian of its gradient, symmetric up to rounding.

    Args:
        function: takes the vector, and whatever else it is called with, and gives one Value.
        argnums: the position of the vector among the arguments.

    >>> from glassgrad import hessian
    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 5.0])
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    _check("hessian", function, argnums)
    return _jacobian("hessian", _gradient("hessian", function, argnums), argnums)


def hvp(function: Function) -> Function:
    """A function that gives the Hessian of `function` at a point, times a vector.

    The matrix is not built: the product is the derivative of the gradient in the direction of the
    vector, which costs a few gradients, whatever the number of inputs (B. A. Pearlmutter, "Fast
    exact multiplication by the Hessian", 1994). `scipy.optimize.minimize` takes it as `hessp`.

    It takes the point, the vector in the same structure, and what else `function` takes, and gives
    a result of that structure.

    >>> from glassgrad import hvp
    >>> hvp(lambda v: v[0] ** 2 * v[1])([3.0, 5.0], [1.0, 2.0])
    [22.0, 6.0]
    """
    _check("hvp", function, 0)
    gradient = _gradient("hvp", function, 0)

    def evaluated(point: Any, vector: Any, *arguments: Any, **named: Any) -> Any:
        by_point = wraps(gradient)(lambda p: gradient(p, *arguments, **named))
        return _jvp("hvp", by_point, (point,), (vector,))[1]

    return evaluated


def _gradient(role: str, function: Function, argnums: int) -> Function:
    both = _value_and_grad(role, function, argnums)
    return wraps(function)(lambda *arguments, **named: both(*arguments, **named)[1])


def _check(role: str, function: Any, argnums: Any) -> None:
    """Refuse what is no function, and what is no position, before anything is called."""
    if not callable(function):
        hint = " Of a Value, write grad(y, x)." if isinstance(function, Value) else ""
        raise TypeError(f"{role} takes a function, not {describe(function)}.{hint}")
    positions = [0 if argnums is None else argnums]
    if role == "value_and_grad" and isinstance(argnums, Sequence):
        positions = list(argnums)
    if not positions or not all(isinstance(i, (int, np.integer)) for i in positions):
        raise TypeError(
            "argnums is the position of an argument to differentiate by, in value_and_grad also a "
            f"tuple, not {describe(argnums)}. The arguments come after it: {role}(f)(x)."
        )


class _Call:
    """One call of a function, on fresh nodes, `leaves`, for the numbers in the arguments that are
    differentiated by. It `gives_values` if the result depends on Values from outside, from which
    plain numbers would cut it off.
    """

    def __init__(
        self,
        role: str,
        function: Function,
        arguments: Sequence[Any],
        named: Mapping[str, Any] | None = None,
        argnums: Argnums | None = None,
    ) -> None:
        self._role = role
        self._title = function_name(function)
        positions = self._positions(argnums, len(arguments))
        arguments = [settled(x) if i in positions else x for i, x in enumerate(arguments)]
        self._shapes = [arguments[i] for i in positions]
        parts = [leaves_of(shape) for shape in self._shapes]
        for position, leaves in zip(positions, parts):
            for leaf in leaves:
                if not _is_number(leaf):
                    raise TypeError(
                        f"{self._role} of {self._title} differentiates by argument {position}, and "
                        f"{describe(leaf)} is no number. {remedy(leaf)} To hand an argument on as "
                        f"it is, write {self._role}(lambda x: f(x, ...))."
                    )
        given = [leaf for leaves in parts for leaf in leaves]
        self.leaves = [_fresh(x) for x in given]
        for position, replaced in zip(positions, self.reshape(self.leaves)):
            arguments[position] = replaced
        self.result = settled(function(*arguments, **(named or {})))
        own = set(self.leaves)
        behind = order_of(*[x for x in leaves_of(self.result) if isinstance(x, Value)])
        self.gives_values = any(isinstance(x, Value) for x in given) or any(
            is_parameter(x) and x not in own for x in behind
        )

    def number(self) -> Value:
        """The result, if it is a single Value or number."""
        result = scalar_of(self.result)
        if _is_number(result):
            return as_value(result, self._role)
        raise TypeError(
            f"{self._role} differentiates one number, and {self._title} gives "
            f"{describe(result)}. Of several, jacobian takes the derivatives."
        )

    def outputs(self) -> list[Value]:
        """All numbers of the result."""
        return [as_value(y, f"The result of {self._title}") for y in leaves_of(self.result)]

    def tangents_of(self, ys: Sequence[Value], tangents: Sequence[Any]) -> list[Any]:
        """The derivatives of `ys` where the arguments move along tangents of their structure."""
        try:
            pairs = zip(tangents, self._shapes)
            given = [t for tangent, shape in pairs for t in aligned(tangent, shape)]
        except ValueError as fault:
            vector = "The vector" if self._role == "hvp" else "A tangent"
            problem = f"{vector} of {self._role} has the structure of the argument"
            raise ValueError(f"{problem}: {fault}.") from None
        directions = [as_value(t, self._role) for t in given]
        self.gives_values |= any(isinstance(t, Value) for t in given)
        moves = zip(self.leaves, directions)
        moving = {leaf: t for leaf, t in moves if not (t.is_constant and t.data == 0.0)}
        watched = is_trapping()
        if self.gives_values:
            moved = derive(_tangents, ys, moving, True, watched)
            return [moved.get(y, constant(0.0)) for y in ys]
        moved = _tangents(ys, {leaf: t.data for leaf, t in moving.items()}, False, watched)
        return [moved.get(y, 0.0) for y in ys]

    def reshape(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """One entry per number of the arguments, nested as the arguments are."""
        supply = iter(flat)
        return tuple(like(shape, supply) for shape in self._shapes)

    def _positions(self, argnums: Argnums | None, count: int) -> list[int]:
        """The positions of the arguments to differentiate by, from the left."""
        if argnums is None:
            argnums = range(count)
        wanted = argnums if isinstance(argnums, Sequence) else [argnums]
        positions = [operator.index(i) % count for i in wanted if -count <= i < count]
        if not wanted or len(set(positions)) < len(wanted):
            by = f" by {', '.join(map(str, wanted))}" if wanted else ""
            raise TypeError(
                f"{self._role}{by}: {self._title} was called with "
                f"{counted(count, 'positional argument')}, and each can be differentiated by once. "
                "Arguments given by keyword are not differentiated by."
            )
        return positions


def _is_number(thing: Any) -> bool:
    return isinstance(thing, Value) or is_real(thing)


def _fresh(argument: Any) -> Value:
    """A node of its own for an argument: in the graph of a Value, a leaf for a number."""
    if not isinstance(argument, Value):
        return Value(argument)
    return Value(argument.data) if argument.is_constant else +argument


def _tangents(
    ys: Sequence[Value], moving: Mapping[Value, Any], as_graphs: bool, watched: bool
) -> dict[Value, Any]:
    """One sweep of the chain rule from the leaves on: the tangents of all nodes behind `ys`.

    Nothing comes from an operand that is masked or not chosen, and nothing of an infinite slope
    from one that does not move. (A tangent that only comes out as 0 is another thing: that of x³
    is 0 at 0, and yet the derivative of its cube root is 1.)
    """
    tangent_of = dict(moving)
    still = {node for node, tangent in moving.items() if number_of(tangent) == 0.0}
    for node in order_of(*ys):
        partials = list(partials_to(tangent_of, node))
        row = node.operation
        for i, (operand, slope) in enumerate(zip(node._operands, partials)):
            stops = row is not None and row.masks and slope == 0.0
            if slope is not None and (not isfinite(slope) if operand in still else stops):
                partials[i] = None
        operands = [x for x, slope in zip(node._operands, partials) if slope is not None]
        if not operands:
            continue
        slopes = local_derivatives(node, partials) if as_graphs else partials
        tangents = [tangent_of[operand] for operand in operands]
        tangent_of[node] = dot([slope for slope in slopes if slope is not None], tangents)
        if still.issuperset(operands):
            still.add(node)
        if watched and row is not None and not isfinite(number_of(tangent_of[node])):
            raise NonFiniteError(
                f"{row.name}({names(node.parents)}) has a derivative of "
                f"{number_of(tangent_of[node])} in the direction of jvp. "
                f"The node was created {place(node.line)}."
            )
    return tangent_of
