"""`step_neuron`: a neuron in one line, and the chain rule of each weight in its three factors.

The factors are the loss by the output, the output by the weighted sum, and the weighted sum by the
weight. They are read from the steps, which know nothing of neurons; see `backprop.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from glassgrad.engine import TABLE, Operation, Value, grad, topological_order
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.op import EVERYWHERE
from glassgrad.engine.printing import columns, digits_of_row, short
from glassgrad.engine.text import describe, suggestion, told
from glassgrad.engine.tree import listed
from glassgrad.engine.value import is_parameter
from glassgrad.viz.backprop import Backprop
from glassgrad.viz.markup import scrolling_table
from glassgrad.viz.told import Sent


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


class NeuronSteps(Backprop):
    """The steps of a neuron: those of `backprop`, and in `factors` the chain rule of each weight.

    `step_neuron` makes them: of the result, the Values of the neuron by the names they get if they
    have none, and each weight with the node it goes into and its place there (the bias last).

    >>> from glassgrad import step_neuron
    >>> [f.weight for f in step_neuron([1.0, 2.0], [3.0, 4.0], 0.5).factors]
    ['w1', 'w2', 'b']
    """

    def __init__(
        self, result: Value, names: Mapping[str, Value],
        terms: Sequence[tuple[Value, Value, int]], learning_rate: float | None,
    ) -> None:  # fmt: skip
        leaves = [weight for weight, _, _ in terms if is_parameter(weight)]
        has_loss = result is not names["out"]
        moved = leaves if has_loss or learning_rate is not None else None
        super().__init__(result, names, learning_rate, moved)
        index = self.diagram.values
        self._sum, self._output = index[names["z"]], index[names["out"]]
        self._edges = {(edge.node, edge.operand): edge for step in self for edge in step.edges}
        found = (self._edges.get((index[node], at)) for _, node, at in terms)
        # Without those of constants, and without any if the activation has no slope.
        self._terms = [edge for edge in found if edge is not None]
        root, out, z = map(self._name, (self.root, self._output, self._sum))
        self._symbols = f"∂{root}/∂{out}", f"∂{out}/∂{z}", f"∂{z}/∂w"
        by_output, by_sum = self.gradients[self._output], grad(names["out"], names["z"])
        self.factors = tuple(
            ThreeFactors(self._name(edge.receiver), by_output, by_sum, local, contribution)
            for edge in self._terms for _, local, contribution, _ in [edge.product]
        )  # fmt: skip

    def _more_text(self) -> str:
        """The three factors, unless all is constant, or the activation has no slope."""
        return f"{self._title()}\n{columns(list(self._rows()))}" if self.factors else ""

    def _title(self) -> str:
        factors = " × ".join(self._symbols)
        first = "output by itself" if self.root == self._output else "loss by output"
        return (
            f"The chain rule in three factors: ∂{self._name(self.root)}/∂w = {factors}, which are "
            f"{first}, output by weighted sum, weighted sum by weight"
        )

    def _rows(self) -> Iterator[tuple[str, ...]]:
        first, second, third = self._symbols
        activated = Sent(self, self._edges[self._output, 0])
        formula = "2 * error = " if self.root != self._output else ""
        yield "weight", first, f"× {second}", f"× {third}", f"= ∂{self._name(self.root)}/∂w"
        for edge, factors in zip(self._terms, self.factors):
            numbers = (factors.loss_by_output, factors.output_by_sum, factors.sum_by_weight)
            digits = digits_of_row(numbers, factors.product, lambda a, b, c: a * b * c)
            yield (
                factors.weight,
                f"{formula}{short(factors.loss_by_output, digits)}",
                f"× {activated.factor_in(digits)}",
                f"× {Sent(self, edge).factor_in(digits)}",
                f"= {short(factors.product)}",
            )

    def _name(self, index: int) -> str:
        return self.diagram[index].name

    def more(self) -> str:
        """The table of the three factors, for the page."""
        return scrolling_table(self._title(), self._rows(), "gg-chain") if self.factors else ""


def step_neuron(
    w: Any,
    x: Any,
    b: Any,
    activation: str | Operation = "tanh",
    target: float | Value | None = None,
    *,
    learning_rate: float | None = None,
) -> NeuronSteps:
    """A neuron in one line: z = w · x + b, out = activation(z), and the loss L = (out - target)².

    Args:
        w: the weights, or a lone one: numbers or Values.
        x: as many inputs.
        b: the bias.
        activation: "linear", or an operation with one operand, also one of your own, or its name.
        target: if given, the loss is differentiated; else the output itself.
        learning_rate: if given, the steps end with a step of gradient descent for w and b.

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
    bias = _value(b, "b")
    roles = [*weights.values(), *inputs.values(), bias]
    _check_apart([*roles, target] if isinstance(target, Value) else roles)
    products = [weight * value for weight, value in zip(weights.values(), inputs.values())]
    total = products[0]
    for product in products[1:]:
        total = total + product
    z = total + bias
    result = out = cast(Value, _row(activation)(z))
    names = {**weights, **inputs, "b": bias, "z": z, "out": out}
    if target is not None:
        wanted = target if isinstance(target, Value) else real(target, "step_neuron's target")
        names["error"] = error = out - wanted
        names["L"] = result = error**2
    terms = [(weight, product, 0) for weight, product in zip(weights.values(), products)]
    return NeuronSteps(result, names, [*terms, (bias, z, 1)], learning_rate)


def _values(things: Any, letter: str) -> dict[str, Value]:
    if isinstance(things, Value) or is_real(things):
        return {letter: _value(things, letter)}
    entries = listed(things, "step_neuron", f"a list of numbers as {letter},")
    return {f"{letter}{i}": _value(thing, f"{letter}{i}") for i, thing in enumerate(entries, 1)}


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


def _row(activation: Any) -> Operation:
    if isinstance(activation, Operation):
        row = activation
    elif not isinstance(activation, str):
        raise TypeError(
            "step_neuron takes as the activation an operation of the table or its name, not "
            f"{describe(activation)}. Use backprop(y) for other functions."
        )
    elif (name := "pos" if activation == "linear" else activation) in TABLE:
        row = TABLE[name]
    else:
        raise ValueError(f"There is no activation called {told(name)}.{_meant(name)}")
    if not row.takes_one:
        raise ValueError(f"{row.name} is no activation: it takes several operands.")
    return row


def _meant(choice: str) -> str:
    """The likeliest activation; those that take any weighted sum, such as tanh, come before tan."""
    possible = [row for row in TABLE.values() if row.takes_one]
    usual = [row.name for row in possible if row.domain[0] == EVERYWHERE]
    return suggestion(choice, ["linear", *usual]) or suggestion(choice, [r.name for r in possible])
