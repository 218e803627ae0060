"""`step_neuron`: a neuron in one line, and the chain rule of each weight in its three factors.

The factors are the loss by the output, the output by the weighted sum, and the weighted sum by the
weight. They are read from the steps, which know nothing of neurons; see `backprop.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from glassgrad.engine import TABLE, Operation, Value, topological_order
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.op import EVERYWHERE
from glassgrad.engine.printing import columns, short
from glassgrad.engine.text import describe, suggestion, told
from glassgrad.engine.value import is_parameter
from glassgrad.viz.backprop import Backprop
from glassgrad.viz.page import row, table
from glassgrad.viz.words import factor_text


@dataclass(frozen=True)
class ThreeFactors:
    """The chain rule for one weight: ∂L/∂w = ∂L/∂out × ∂out/∂z × ∂z/∂w.

    Attributes:
        weight: the name of the weight, or of the bias.
        loss_by_output: ∂L/∂out; 1 without a target, where the output itself is differentiated.
        output_by_sum: ∂out/∂z; 1 without an activation.
        sum_by_weight: ∂z/∂w, the input that belongs to the weight; 1 for the bias.
        product: the product of the three, which is ∂L/∂w.

    >>> from glassgrad import step_neuron
    >>> step_neuron(2.0, 3.0, 1.0, "relu", target=5.0).factors[0]
    ThreeFactors(weight='w', loss_by_output=4.0, output_by_sum=1.0, sum_by_weight=3.0, product=12.0)
    """

    weight: str
    loss_by_output: float
    output_by_sum: float
    sum_by_weight: float
    product: float


@dataclass(frozen=True)
class _Neuron:
    """The Values of a neuron, with the names they get if they have none.

    Attributes:
        terms: each weight with the node it goes into and its place there; the bias comes last.
        sum, output, result: z, out, and what is differentiated: the loss, or the output itself.
    """

    names: Mapping[str, Value]
    terms: tuple[tuple[Value, Value, int], ...]
    sum: Value
    output: Value
    result: Value


class NeuronSteps(Backprop):
    """The steps of a neuron: those of `backprop`, and the chain rule in three factors.

    Attributes:
        factors: the three factors of every weight and of the bias.

    >>> from glassgrad import step_neuron
    >>> [f.weight for f in step_neuron([1.0, 2.0], [3.0, 4.0], 0.5).factors]
    ['w1', 'w2', 'b']
    """

    def __init__(self, neuron: _Neuron, learning_rate: float | None) -> None:
        weights = [weight for weight, _, _ in neuron.terms]
        leaves = [w for w in dict.fromkeys(weights) if is_parameter(w)]
        super().__init__(neuron.result, neuron.names, learning_rate, leaves)
        index = self.diagram.values
        self._sum, self._output = index[neuron.sum], index[neuron.output]
        self._terms = [(index[weight], index[node], at) for weight, node, at in neuron.terms]
        edges = ((s.node, s.operand) for s in self)
        self._edges = {edge: step for edge, step in zip(edges, self) if step.phase == "backward"}
        self.factors = tuple(self._factors())

    def _report(self) -> str:
        """The steps, and the three factors at the end."""
        if not self.factors:  # all is constant, or the activation has no slope
            return super()._report()
        rows = columns([self._headings(), *self._rows()])
        return f"{super()._report()}\n\n{self._title()}\n{rows}"

    def _factors(self) -> Iterator[ThreeFactors]:
        activation = self._edges.get((self._output, 0))
        for weight, node, position in self._terms:
            edge = self._edges.get((node, position))
            if activation is None or edge is None:
                continue  # a constant, or an activation without a slope
            assert activation.local is not None
            assert edge.local is not None
            assert edge.contribution is not None
            yield ThreeFactors(
                self.diagram[weight].name,
                self.gradients[self._output],
                activation.local,
                edge.local,
                edge.contribution,
            )

    def _title(self) -> str:
        factors = " × ".join(self._symbols("w"))
        first = "output by itself" if self.root == self._output else "loss by output"
        return (
            f"The chain rule in three factors: ∂{self._name(self.root)}/∂w = {factors}, which are "
            f"{first}, output by weighted sum, weighted sum by weight"
        )

    def _symbols(self, weight: str) -> tuple[str, str, str]:
        root, out, z = map(self._name, (self.root, self._output, self._sum))
        return f"∂{root}/∂{out}", f"∂{out}/∂{z}", f"∂{z}/∂{weight}"

    def _headings(self) -> tuple[str, ...]:
        first, second, third = self._symbols("w")
        return ("weight", first, f"× {second}", f"× {third}", f"= ∂{self._name(self.root)}/∂w")

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for (_, node, position), factors in zip(self._shown(), self.factors):
            activation = self._edges[self._output, 0]
            yield (
                factors.weight,
                self._loss_by_output(factors.loss_by_output),
                f"× {factor_text(activation)}",
                f"× {factor_text(self._edges[node, position])}",
                f"= {short(factors.product)}",
            )

    def _shown(self) -> Iterator[tuple[int, int, int]]:
        return (term for term in self._terms if term[1:] in self._edges)

    def _loss_by_output(self, number: float) -> str:
        """With the formula of the loss, if there is one."""
        square = self._edges.get((self.root, 0))
        if self.root == self._output or square is None:
            return short(number)
        return factor_text(square)

    def _name(self, index: int) -> str:
        return self.diagram[index].name

    def more(self) -> str:
        """The table of the three factors, for the page."""
        if not self.factors:
            return ""
        rows = (row(cells) for cells in self._rows())
        return table(self._title(), self._headings(), rows, "gg-chain")


def step_neuron(
    w: Any,
    x: Any,
    b: Any,
    activation: str | Operation = "tanh",
    target: float | Value | None = None,
    *,
    learning_rate: float | None = None,
) -> NeuronSteps:
    """A neuron in one line: z = w · x + b, out = activation(z), and L = (out - target) ** 2.

    Args:
        w: the weights, or a lone one: numbers or Values.
        x: as many inputs.
        b: the bias.
        activation: "linear", or an operation of the table with one operand, or its name.
        target: if given, the loss is the squared difference; else the output is differentiated.
        learning_rate: if given, the steps end with a step of gradient descent for w and b.

    Raises:
        ValueError: there is no weight, or no input for one, or no such activation; or a Value
            stands in two places, where its derivative is no product of three factors.
        TypeError: something else stands where a number or an operation belongs.
        OverflowError: a number is beyond the range of floats.

    >>> from glassgrad import step_neuron
    >>> steps = step_neuron([2.0, -3.0], [1.0, 0.5], 0.5, "tanh", target=1.0)
    >>> first = steps.factors[0]
    >>> first.loss_by_output * first.output_by_sum * first.sum_by_weight == first.product
    True
    """
    weights, inputs = _values(w, "w"), _values(x, "x")
    if not weights or len(weights) != len(inputs):
        problem = f"not {len(weights)} and {len(inputs)}"
        raise ValueError(f"step_neuron takes as many weights as inputs, at least one, {problem}.")
    row_of_table = _activation(activation)
    bias = _value(b, "b")
    if learning_rate is not None:
        learning_rate = real(learning_rate, "learning_rate")
    roles = [*weights.values(), *inputs.values(), bias]
    _check_apart([*roles, target] if isinstance(target, Value) else roles)
    products = [weight * value for weight, value in zip(weights.values(), inputs.values())]
    total = products[0]
    for product in products[1:]:
        total = total + product
    z = total + bias
    out = row_of_table(z)
    names = {**weights, **inputs, "b": bias, "z": z, "out": out}
    result = out
    if target is not None:
        names["error"] = error = out - _target(target)
        names["L"] = result = error**2
    terms = [(weight, product, 0) for weight, product in zip(weights.values(), products)]
    return NeuronSteps(_Neuron(names, (*terms, (bias, z, 1)), z, out, result), learning_rate)


def _values(things: Any, letter: str) -> dict[str, Value]:
    """Values by the names they get: w1, w2 and so on, or w for a lone one."""
    if isinstance(things, Value) or is_real(things):
        return {letter: _value(things, letter)}
    try:
        if isinstance(things, str | bytes | Mapping):
            raise TypeError
        listed = list(things)
    except TypeError:
        problem = f"step_neuron takes a list of numbers as {letter}, not {describe(things)}."
        raise TypeError(problem) from None
    names = (f"{letter}{i}" for i in range(1, len(listed) + 1))
    return {name: _value(thing, name) for name, thing in zip(names, listed)}


def _value(thing: Any, role: str) -> Value:
    return thing if isinstance(thing, Value) else Value(real(thing, f"step_neuron's {role}"))


def _check_apart(values: list[Value]) -> None:
    """A weight that is an input too, say, has a derivative that is no product of three factors."""
    behind = (set(topological_order(value)) - {value} for value in values)
    if len(set(values)) < len(values) or set(values) & set().union(*behind):
        raise ValueError(
            "step_neuron takes Values that do not depend on each other, each in one place: "
            "a weight, an input, the bias or the target. Use backprop(y) for other expressions."
        )


def _target(target: float | Value) -> float | Value:
    return target if isinstance(target, Value) else real(target, "step_neuron's target")


def _activation(choice: str | Operation) -> Operation:
    if isinstance(choice, Operation):
        return _with_one_operand(choice)
    if not isinstance(choice, str):
        raise TypeError(
            "step_neuron takes an operation of the table or its name as the activation, "
            f"not {describe(choice)}."
        )
    if choice == "linear":
        return TABLE["pos"]
    if choice not in TABLE:
        raise ValueError(f"There is no activation called {told(choice)}.{_meant(choice)}")
    return _with_one_operand(TABLE[choice])


def _meant(choice: str) -> str:
    """The likeliest activation; those that take any weighted sum, such as tanh, come before tan."""
    possible = [row for row in TABLE.values() if row.takes_one]
    usual = [row.name for row in possible if row.domain[0] == EVERYWHERE]
    return suggestion(choice, ["linear", *usual]) or suggestion(choice, [r.name for r in possible])


def _with_one_operand(operation: Operation) -> Operation:
    if not operation.takes_one:
        raise ValueError(f"{operation.name} is no activation: it takes several operands.")
    return operation
