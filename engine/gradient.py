"""Gradients as numbers or graphs, and derivatives of functions: Jacobian, Hessian, directions.

The local derivatives stored in a graph are numbers. To differentiate a gradient, the rules of
the table are read again, on Values: the gradient is then an expression like any other, and can be
drawn, stepped through and differentiated in turn. None of this touches `.grad`.

The functions that take a function call it on fresh nodes, so nothing outside is differentiated by
and nested derivatives do not confuse each other. Numbers in give floats out. Where an argument, or
anything else that the result depends on, is a Value, Values come out, which can be differentiated
again. `argnums` has JAX's meaning: the positions of the arguments that are differentiated by; all
others, and keyword arguments, are handed on as they are. They all raise

    TypeError: there is no function, there is no argument at one of the positions, an argument to
        differentiate by holds something that is no number; or the result holds what is no number,
        or, but for `jacobian` and `jvp`, is not a single one.
    ValueError: a tangent or a vector has another structure than the argument.

Next: `check.py`, which compares derivatives with differences.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Mapping, Sequence
from math import isfinite, isnan
from typing import Any

import numpy as np

from glassgrad.engine import misuse
from glassgrad.engine.backward import order_of, require_value, sweep
from glassgrad.engine.context import Observer, current, derive, recording
from glassgrad.engine.errors import ChangedDataError
from glassgrad.engine.misuse import is_real, name, names, note, remedy
from glassgrad.engine.reductions import dot
from glassgrad.engine.text import counted, describe, function_name
from glassgrad.engine.tree import aligned, leaves_of, like, scalar_of, settled
from glassgrad.engine.value import (
    NOT_COMPUTED,
    Value,
    as_value,
    constant,
    is_parameter,
    number_of,
    tell_used,
)

Function = Callable[..., Any]
Argnums = int | Sequence[int]

Partials = Sequence[float | None]
"""A local derivative by each operand of a node; None on an edge that carries none."""


def grad(y: Value, xs: Any = None, *, differentiable: bool = False, **foreign: Any) -> Any:
    """The derivative of `y` by each of `xs`, without touching any `.grad`.

    Args:
        y: the result.
        xs: a Value, or a sequence or numpy object array of Values; inner nodes are allowed.
        differentiable: give Values, which are graphs themselves, instead of floats.
        foreign: arguments of other libraries, to be refused.

    Returns:
        A float (or Value) for a Value, a list for a sequence, an array for an array. A Value
        that `y` does not depend on has the derivative 0; a constant has none, a ValueError.

    Raises:
        ChangedDataError: `differentiable`, and a `.data` changed after the graph was recorded.

    >>> from glassgrad import Value, grad
    >>> x = Value(3.0)
    >>> dy = grad(x**3, x, differentiable=True)
    >>> dy.data, grad(dy, x)
    (27.0, 18.0)
    """
    require_value(y, "the first argument of grad", misuse.GRAD_OF_NUMBER)
    if foreign or xs is None:
        unknown = [f"grad has no argument {argument!r}. " for argument in foreign]
        raise TypeError("".join(unknown) + misuse.GRAD_TAKES)
    xs = settled(xs)
    leaves = leaves_of(xs)
    for leaf in leaves:
        require_value(leaf, "the second argument of grad")
        if leaf.is_constant:
            raise ValueError(misuse.grad_by_constant(name(leaf)))
    tell_used("calls grad of", y)
    order, observers = order_of(y), current().observers
    carrying = _carrying(order, leaves)
    if differentiable:
        # How often what y depends on was differentiated: 0 where there is no gradient in it.
        before = max(node.scope.order if node.scope else 0 for node in order)
        found = derive(_as_graphs, order, leaves, carrying, observers, order=before + 1)
    else:
        gradients = sweep(list(carrying), 1.0, carrying.__getitem__, observers)
        found = [_known(x, gradients) for x in leaves]
    return like(xs, iter(found))


def _known(x: Value, gradients: dict[Value, Any]) -> Any:
    """The gradient by a node, 0.0 if nothing was sent to it."""
    gradient = gradients.get(x, NOT_COMPUTED)
    return 0.0 if gradient is NOT_COMPUTED else gradient


def _carrying(order: Sequence[Value], xs: Sequence[Value]) -> dict[Value, Partials]:
    """Those of `xs` and the nodes with edges that lead to one, in order, and the partials of those
    edges; the root alone if none of its edges does.
    """
    leading = set(xs)
    found: dict[Value, Partials] = {}
    for node in order:
        partials = partials_to(leading, node)
        if partials or node in leading:
            leading.add(node)
            found[node] = partials
    return found if order[-1] in found else {order[-1]: ()}


def partials_to(leading: Container[Value], node: Value) -> Partials:
    """The partials of a node by those operands that are among the `leading` nodes, and None for
    the others; () if no edge carries a derivative to one.
    """
    partials: Partials = node.partials
    if not all(map(leading.__contains__, node._operands)):
        pairs = zip(node._operands, partials)
        partials = [partial if operand in leading else None for operand, partial in pairs]
    return partials if partials.count(None) < len(partials) else ()


def _as_graphs(
    order: Sequence[Value], xs: Sequence[Value], carrying: dict[Value, Partials], observers: Any
) -> list[Value]:
    derivatives = lambda node: carrying[node] and local_derivatives(node, carrying[node])
    found = sweep(list(carrying), constant(1.0), derivatives, observers)
    # A gradient may be a node of the graph itself, such as the y of x·y, or the same as another:
    # each gets a node of its own, so that labelling one labels nothing else.
    taken = set(order)
    gradients = []
    for x in xs:
        gradient = as_value(_known(x, found), "grad")
        gradients.append(+gradient if gradient in taken else gradient)
        taken.add(gradient)
    return gradients


def local_derivatives(node: Value, partials: Partials) -> list[Value | None]:
    """The local derivatives of a node as graphs, read from the table on Values: by those operands
    of which a partial is given.
    """
    operation = node.operation
    assert operation is not None
    wanted = tuple([partial is not None for partial in partials])
    read = operation.derivatives(node.parents, node, wanted)
    derivatives = [as_value(d, operation.name) if want else None for d, want in zip(read, wanted)]
    numbers = tuple([parent._number for parent in node.parents])
    pairs = [(d._number, partial) for d, partial in zip(derivatives, partials) if d is not None]
    if not operation.is_unchanged(numbers, node._number, pairs, _same):
        raise ChangedDataError(
            f"The operands of {operation.name} ({names(node.parents)}) have other "
            f"numbers than when {name(node)} was computed from them at {node.line}. "
            "Compute the result again before differentiating its gradient."
        )
    return derivatives


def _same(a: float, b: float | None) -> bool:
    """Equal to the rounding of a rule read on Values; nan equals nan."""
    assert b is not None
    return a == b or abs(a - b) <= 1e-12 * abs(a) or (isnan(a) and isnan(b))


# Derivatives of functions.


def value_and_grad(function: Function, argnums: Argnums | None = None) -> Function:
    """A function that gives the value of `function` and its gradient by its arguments, as a tuple.

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
    _check("value_and_grad", function, argnums)

    @recording()
    def evaluated(*arguments: Any, **named: Any) -> tuple[Any, Any]:
        call = _Call("value_and_grad", function, arguments, named, argnums)
        y = call.number()
        gradients = call.reshape(grad(y, call.leaves, differentiable=call.gives_values))
        is_single = len(gradients) == 1 if argnums is None else not isinstance(argnums, Sequence)
        return y if call.gives_values else y.data, gradients[0] if is_single else gradients

    return evaluated


@recording()
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
    if len(tangents) != len(arguments):
        count = f"{len(arguments)}, not {len(tangents)}"
        raise ValueError(f"jvp needs one tangent per argument: {count}.")
    call = _Call("jvp", function, arguments)
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
    _check("jacobian", function, argnums)

    @recording()
    def evaluated(*arguments: Any, **named: Any) -> Any:
        call = _Call("jacobian", function, arguments, named, argnums)
        return call.jacobian_of(call.outputs())

    return evaluated


def hessian(function: Function, argnums: int = 0) -> Function:
    """A function that gives the matrix of second derivatives of a function by a vector: the
    Jacobian of its gradient, symmetric up to rounding.

    It takes what `jacobian` does, and the function gives one Value.

    >>> from glassgrad import hessian
    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 5.0])
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    _check("hessian", function, argnums)

    @recording()
    def evaluated(*arguments: Any, **named: Any) -> Any:
        call = _Call("hessian", function, arguments, named, argnums)
        return call.jacobian_of(grad(call.number(), call.leaves, differentiable=True))

    return evaluated


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

    @recording()
    def evaluated(point: Any, vector: Any, *arguments: Any, **named: Any) -> Any:
        call = _Call("hvp", function, (point, *arguments), named, 0)
        gradient = grad(call.number(), call.leaves, differentiable=True)
        return call.reshape(call.tangents_of(gradient, [vector]))[0]

    return evaluated


def _check(role: str, function: Any, argnums: Any) -> None:
    """Refuse what is no function, and what is no position, before anything is called."""
    if not callable(function):
        hint = " Of a Value, write grad(y, x)." if isinstance(function, Value) else ""
        raise TypeError(f"{role} takes a function, not {describe(function)}.{hint}")
    is_several = role == "value_and_grad" and isinstance(argnums, Sequence)
    positions = argnums if is_several else [0 if argnums is None else argnums]
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
        self._role, self._title = role, function_name(function)
        positions = self._positions(argnums, len(arguments))
        arguments = [settled(x) if i in positions else x for i, x in enumerate(arguments)]
        self._shapes = [arguments[i] for i in positions]
        given = []
        for position, shape in zip(positions, self._shapes):
            for leaf in leaves_of(shape):
                if not _is_number(leaf):
                    raise TypeError(
                        f"{role} of {self._title} differentiates by argument {position}, and "
                        f"{describe(leaf)} is no number. {remedy(leaf)} To hand an argument on as "
                        f"it is, write {role}(lambda x: f(x, ...))."
                    )
                given.append(leaf)
        self.leaves = [_fresh(x) for x in given]
        for position, replaced in zip(positions, self.reshape(self.leaves)):
            arguments[position] = replaced
        try:
            self.result = settled(function(*arguments, **(named or {})))
        except (TypeError, AttributeError) as error:
            if any(not _is_number(shape) for shape in self._shapes):
                one = "the vector as one argument: compute with its elements, as v[0] * v[1]"
                note(error, f"{role} gives {self._title} {one}.")
            raise
        own = set(self.leaves)
        behind = order_of(*[x for x in leaves_of(self.result) if isinstance(x, Value)])
        self.gives_values = any(isinstance(x, Value) for x in given) or any(
            is_parameter(x) and x not in own for x in behind
        )

    def _positions(self, argnums: Argnums | None, count: int) -> list[int]:
        """The positions of the arguments to differentiate by, from the left."""
        wanted = range(count) if argnums is None else argnums
        wanted = wanted if isinstance(wanted, Sequence) else [wanted]
        positions = {operator.index(i) % count: i for i in wanted if -count <= i < count}
        if not wanted or len(positions) < len(wanted):
            by = f" by {', '.join(map(str, wanted))}" if wanted else ""
            raise TypeError(
                f"{self._role}{by}: {self._title} was called with "
                f"{counted(count, 'positional argument')}, and each can be differentiated by once. "
                "Arguments given by keyword are not differentiated by."
            )
        return list(positions)

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

    def reshape(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """One entry per number of the arguments, nested as the arguments are."""
        supply = iter(flat)
        return tuple(like(shape, supply) for shape in self._shapes)

    def jacobian_of(self, ys: Sequence[Value]) -> Any:
        """The matrix of the derivatives of each of `ys` by each leaf."""
        matrix = np.empty((len(ys), len(self.leaves)), object if self.gives_values else float)
        for i, y in enumerate(ys):
            matrix[i, :] = grad(y, self.leaves, differentiable=self.gives_values)
        return matrix

    def tangents_of(self, ys: Sequence[Value], tangents: Sequence[Any]) -> list[Any]:
        """The derivatives of `ys` where the arguments move along tangents of their structure."""
        try:
            given = aligned([*tangents], self._shapes)
        except ValueError as fault:
            problem = f"What {self._role} moves along has the structure of what is moved"
            raise ValueError(f"{problem}: {fault}.") from None
        directions = [as_value(t, self._role) for t in given]
        self.gives_values |= any(isinstance(t, Value) for t in given)
        moves = zip(self.leaves, directions)
        moving = {leaf: t for leaf, t in moves if not (t.is_constant and t.data == 0.0)}
        observers = current().observers
        if self.gives_values:
            moved = derive(_tangents, ys, moving, local_derivatives, observers)
            return [moved.get(y, constant(0.0)) for y in ys]
        numbers = {leaf: t.data for leaf, t in moving.items()}
        moved = _tangents(ys, numbers, lambda node, partials: partials, observers)
        return [moved.get(y, 0.0) for y in ys]


def _is_number(thing: Any) -> bool:
    return isinstance(thing, Value) or is_real(thing)


def _fresh(argument: Any) -> Value:
    """A node of its own for an argument: in the graph of a Value, a leaf for a number."""
    if not isinstance(argument, Value):
        return Value(argument)
    return Value(argument.data) if argument.is_constant else +argument


def _tangents(
    ys: Sequence[Value],
    moving: Mapping[Value, Any],
    derivatives: Callable[[Value, Partials], Sequence[Any]],
    observers: Sequence[Observer],
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
        slopes = [slope for slope in derivatives(node, partials) if slope is not None]
        tangent_of[node] = dot(slopes, [tangent_of[operand] for operand in operands])
        if still.issuperset(operands):
            still.add(node)
        for observer in observers:
            observer.moved(node, number_of(tangent_of[node]))
    return tangent_of
