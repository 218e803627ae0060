"""Derivatives as functions: gradients that are graphs themselves, Jacobians and Hessians.

The local derivatives stored in a graph are numbers. To differentiate a gradient, the rules of
the table are read again, on Values: the gradient is then an expression like any other, and can be
drawn, stepped through and differentiated in turn. None of this touches `.grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from math import isnan
from typing import Any

import numpy as np

from engine.backward import check_contributions
from engine.errors import ChangedDataError
from engine.graph import topological_order
from engine.mode import MODE, scope
from engine.real import describe
from engine.table import dot
from engine.value import Value, as_value, constant, name

Gradients = Any
"""A float or Value, or a list or object array of them: the shape of what was differentiated by."""


def grad(y: Value, xs: Any, *, differentiable: bool = False) -> Gradients:
    """The derivative of `y` by each of `xs`, without touching any `.grad`.

    Args:
        y: the result.
        xs: a Value, or a sequence or numpy object array of Values; inner nodes are allowed.
        differentiable: give Values, which are graphs themselves, instead of floats.

    Returns:
        A float (or Value) for a Value, a list for a sequence, an array for an array. A Value
        that `y` does not depend on has the derivative 0.

    Raises:
        TypeError: `y` or one of `xs` is not a Value.
        ValueError: one of `xs` is a constant.
        ChangedDataError: `differentiable`, and a `.data` changed after the graph was recorded.

    >>> from engine import Value, grad
    >>> x = Value(3.0)
    >>> dy = grad(x**3, x, differentiable=True)
    >>> dy.data, grad(dy, x)
    (27.0, 18.0)
    """
    _require_value(y, "the first argument of grad")
    leaves, rebuild = _flatten(xs)
    if differentiable:
        with scope("gradient", "gradient"):
            return rebuild(_gradient_graphs(y, leaves))
    return rebuild(_gradients(y, leaves))


def value_and_grad(function: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """A function that gives the value of `function` and its gradient by every argument.

    Arguments are numbers, Values, or sequences and arrays of them. Numbers in give floats out;
    where an argument holds a Value, everything comes out as Values that can be differentiated
    again. The gradient has the shape of the argument; with several arguments it is a tuple.

    >>> from engine import value_and_grad
    >>> value_and_grad(lambda x, y: x * y)(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """

    def evaluated(*arguments: Any) -> tuple[Any, Any]:
        inputs = _Inputs(arguments)
        y = _result(function, inputs.arguments)
        gradients = grad(y, inputs.leaves, differentiable=inputs.differentiable)
        shaped = inputs.reshape(gradients)
        value = y if inputs.differentiable else y.data
        return value, shaped[0] if len(shaped) == 1 else shaped

    return evaluated


def jvp(function: Callable[..., Any], arguments: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The value of `function` and its derivative in a direction, in one forward sweep.

    Args:
        function: takes the arguments and gives a Value.
        arguments: numbers, or nested sequences of them, one per parameter.
        tangents: the direction, in the same structure.

    Returns:
        (value, directional derivative) as floats; as Values if an argument holds a Value.

    >>> from engine import jvp
    >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0))
    (10.0, 5.0)
    """
    inputs = _Inputs(arguments)
    direction = [t if isinstance(t, Value) else as_value(t, "jvp") for t in _leaves_of(tangents)]
    if len(direction) != len(inputs.leaves):
        raise ValueError(
            f"jvp needs one tangent per argument: {len(inputs.leaves)}, not {len(direction)}."
        )
    y = _result(function, inputs.arguments)
    tangent_of: dict[Value, Value] = dict(zip(inputs.leaves, direction))
    for node in topological_order(y):
        moving = _carrying(node, tangent_of)
        if moving:
            local = _local_derivatives(node, moving)
            directions = [tangent_of[node.parents[i]] for i in moving]
            tangent_of[node] = dot(local, directions)
    tangent = tangent_of.get(y, constant(0.0))
    return (y, tangent) if inputs.differentiable else (y.data, tangent.data)


def jacobian(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function that gives the matrix of derivatives of a vector function of one sequence.

    Returns:
        An array of shape (outputs, inputs): floats, or Values if the input holds Values.

    >>> from engine import jacobian
    >>> jacobian(lambda v: [v[0] * v[1], v[0] + v[1]])([2.0, 5.0])
    array([[5., 2.],
           [1., 1.]])
    """

    def evaluated(xs: Any) -> Any:
        inputs = _Inputs((list(xs),))
        outputs = list(np.ravel(np.array(function(*inputs.arguments), dtype=object)))
        rows = [
            grad(as_value(y, "jacobian"), inputs.leaves, differentiable=inputs.differentiable)
            for y in outputs
        ]
        kind = object if inputs.differentiable else float
        return np.array(rows, dtype=kind).reshape(len(outputs), len(inputs.leaves))

    return evaluated


def hessian(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function that gives the matrix of second derivatives of a function of one sequence.

    Returns:
        A symmetric array of shape (inputs, inputs): floats, or Values if the input holds Values.

    >>> from engine import hessian
    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 5.0])
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacobian(lambda xs: value_and_grad(function)(xs)[1])


class _Inputs:
    """The arguments of a call as fresh nodes, so that nothing outside is differentiated by."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        given = _leaves_of(arguments)
        self.differentiable = any(isinstance(x, Value) for x in given)
        self.leaves = [+x if isinstance(x, Value) else Value(x) for x in given]
        self.arguments = self.reshape(self.leaves, arguments)
        self._shape = arguments

    def reshape(self, flat: Sequence[Any], like: Any = None) -> tuple[Any, ...]:
        supply = iter(flat)
        return tuple(_like(x, supply) for x in (self._shape if like is None else like))


_NESTED = (list, tuple, dict, np.ndarray)


def _leaves_of(nested: Any) -> list[Any]:
    if isinstance(nested, np.ndarray):
        return list(nested.flat)
    if isinstance(nested, dict):
        nested = list(nested.values())
    if isinstance(nested, (list, tuple)):
        return [leaf for part in nested for leaf in _leaves_of(part)]
    return [nested]


def _like(shape: Any, supply: Iterator[Any]) -> Any:
    """The next leaves of `supply`, nested as `shape` is."""
    if isinstance(shape, np.ndarray):
        flat = [next(supply) for _ in range(shape.size)]
        kind = object if any(isinstance(x, Value) for x in flat) else float
        return _array(flat, kind).reshape(shape.shape)
    if isinstance(shape, dict):
        return {key: _like(part, supply) for key, part in shape.items()}
    if isinstance(shape, (list, tuple)):
        parts = [_like(part, supply) for part in shape]
        return type(shape)(*parts) if hasattr(shape, "_fields") else type(shape)(parts)
    return next(supply)


def _array(flat: list[Any], kind: type) -> Any:
    array: Any = np.empty(len(flat), dtype=kind)
    array[:] = flat
    return array


def _flatten(xs: Any) -> tuple[list[Value], Callable[[list[Any]], Any]]:
    if isinstance(xs, Iterable) and not isinstance(xs, _NESTED):
        xs = list(xs)
    leaves = _leaves_of(xs)
    for leaf in leaves:
        _require_value(leaf, "grad by")
        if leaf.is_constant:
            raise ValueError(
                f"grad by the constant {name(leaf)}: it came from detach(), no_grad() or a plain "
                "number, so no gradient flows to it. Differentiate by a Value(...)."
            )
    return leaves, lambda flat: _like(xs, iter(flat))


def _require_value(thing: Any, place: str) -> None:
    if not isinstance(thing, Value):
        hint = " Use value_and_grad(f) for a function." if callable(thing) else ""
        raise TypeError(f"{place} takes a Value, not {describe(thing)}.{hint}")


def _result(function: Callable[..., Any], arguments: Sequence[Any]) -> Value:
    y = function(*arguments)
    return as_value(y, f"The result of {getattr(function, '__name__', 'the function')}")


def _reverse_edges(y: Value, xs: Sequence[Value]) -> Iterable[tuple[Value, list[int]]]:
    """The nodes from `y` back, each with the operands whose edges lead to one of `xs`."""
    order = topological_order(y)
    leading = set(xs)
    edges: list[tuple[Value, list[int]]] = []
    for node in order:
        carrying = _carrying(node, leading)
        if carrying:
            leading.add(node)
            edges.append((node, carrying))
    return reversed(edges)


def _carrying(node: Value, leading: Container[Value]) -> list[int]:
    """The operands of a node whose edges carry a derivative to one of the `leading` nodes."""
    edges = enumerate(zip(node.parents, node.partials))
    return [i for i, (parent, partial) in edges if partial is not None and parent in leading]


def _gradients(y: Value, xs: Sequence[Value]) -> list[float]:
    gradient_of: dict[Value, float] = {y: 1.0}
    watched = MODE.get().trapping
    for node, carrying in _reverse_edges(y, xs):
        upstream = gradient_of.get(node)
        if upstream is None:
            continue
        if watched:
            check_contributions(node, upstream)
        for i in carrying:
            parent, partial = node.parents[i], node.partials[i]
            assert partial is not None
            gradient_of[parent] = gradient_of.get(parent, 0.0) + upstream * partial
    return [gradient_of.get(x, 0.0) for x in xs]


def _gradient_graphs(y: Value, xs: Sequence[Value]) -> list[Value]:
    gradient_of: dict[Value, Value] = {y: constant(1.0)}
    for node, carrying in _reverse_edges(y, xs):
        upstream = gradient_of.get(node)
        if upstream is None:
            continue
        for i, local in zip(carrying, _local_derivatives(node, carrying)):
            parent, contribution = node.parents[i], _product(upstream, local)
            known = gradient_of.get(parent)
            gradient_of[parent] = contribution if known is None else known + contribution
    # A gradient may be a node of the graph itself, such as the y of x·y: give it one of its own.
    gradients = [gradient_of.get(x, constant(0.0)) for x in xs]
    return [g if g.scope is not None and g.scope.kind == "gradient" else +g for g in gradients]


def _product(upstream: Value, local: Value) -> Value:
    """Upstream × local, without a node where one of them is the number 1."""
    if upstream.is_constant and upstream.data == 1.0:
        return local
    return upstream if local.is_constant and local.data == 1.0 else upstream * local


def _local_derivatives(node: Value, indices: Sequence[int]) -> list[Value]:
    """The local derivatives by some operands as graphs, read from the table on Values."""
    operation = node.operation
    assert operation is not None
    wanted = tuple(i in indices for i in range(len(node.parents)))
    read = operation.derivatives(node.parents, node, wanted)
    partials = [as_value(read[i], operation.name) for i in indices]
    now = operation.forward(tuple(parent.data for parent in node.parents))
    unchanged = _same(now, node.data) and all(
        _same(partial.data, node.partials[i]) for i, partial in zip(indices, partials)
    )
    if not unchanged:
        raise ChangedDataError(
            f"The operands of {operation.name} ({', '.join(map(name, node.parents))}) have other "
            f"numbers than when {name(node)} was computed from them at {node.line}. "
            "Compute the result again before differentiating its gradient."
        )
    return partials


def _same(a: float, b: float | None) -> bool:
    """Equal to the rounding of a rule read on Values; nan equals nan."""
    assert b is not None
    return a == b or abs(a - b) <= 1e-12 * abs(a) or (isnan(a) and isnan(b))
