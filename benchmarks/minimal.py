"""The smallest class that differentiates: what an eager node costs in plain Python at least.

Slots, local derivatives stored when a node is made, one sweep in reverse order; numbers become
nodes when they are operands. It checks nothing, knows no labels and draws nothing. This is also
the class that plain-Python programs such as Andrej Karpathy's microgpt bring along.
"""

from __future__ import annotations

import math
from typing import Any


class Value:
    """A number, its gradient, its parents, and the local derivative by each."""

    __slots__ = ("data", "grad", "parents", "partials")

    def __init__(
        self, data: float, parents: tuple[Value, ...] = (), partials: tuple[float, ...] = ()
    ) -> None:
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.partials = partials

    def __add__(self, other: Any) -> Value:
        if type(other) is not Value:
            other = Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Value:
        if type(other) is not Value:
            other = Value(other)
        return Value(self.data - other.data, (self, other), (1.0, -1.0))

    def __rsub__(self, other: float) -> Value:
        return Value(other) - self

    def __mul__(self, other: Any) -> Value:
        if type(other) is not Value:
            other = Value(other)
        a, b = self.data, other.data
        return Value(a * b, (self, other), (b, a))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Value:
        if type(other) is not Value:
            other = Value(other)
        b = other.data
        quotient = self.data / b
        return Value(quotient, (self, other), (1.0 / b, -quotient / b))

    def __rtruediv__(self, other: float) -> Value:
        return Value(other) / self

    def __pow__(self, exponent: float) -> Value:
        x = self.data
        return Value(x**exponent, (self,), (exponent * x ** (exponent - 1),))

    def __neg__(self) -> Value:
        return Value(-self.data, (self,), (-1.0,))

    def relu(self) -> Value:
        x = self.data
        return Value(x, (self,), (1.0,)) if x > 0.0 else Value(0.0, (self,), (0.0,))

    def exp(self) -> Value:
        y = math.exp(self.data)
        return Value(y, (self,), (y,))

    def log(self) -> Value:
        x = self.data
        return Value(math.log(x), (self,), (1.0 / x,))

    def tanh(self) -> Value:
        y = math.tanh(self.data)
        return Value(y, (self,), (1.0 - y * y,))

    def backward(self) -> None:
        """Add the derivative of this node to the gradient of every node below it."""
        order: list[Value] = []
        seen = set()

        def visit(node: Value) -> None:
            seen.add(node)
            for parent in node.parents:
                if parent not in seen:
                    visit(parent)
            order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            upstream = node.grad
            for parent, partial in zip(node.parents, node.partials):
                parent.grad += upstream * partial
