"""`step_neuron`: a neuron in one line, and the chain rule of each weight in its three factors.

The factors are the loss by the output, the output by the weighted sum, and the weighted sum by the
weight. They are read from the steps, which know nothing of neurons; see `backprop.py`. The losses
by name stand at the end, each with its derivative as a textbook writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from glassgrad.engine import TABLE, Operation, Value, grad, topological_order
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.op import EVERYWHERE
from glassgrad.engine.text import (
    LOSSES_OF_A_NEURON,
    clipped,
    columns,
    describe,
    digits_of_row,
    short,
    suggestion,
    told,
    visible,
)
from glassgrad.engine.tree import listed
from glassgrad.engine.value import is_parameter
from glassgrad.viz.backprop import Backprop
from glassgrad.viz.markup import json_inside, scrolling_table
from glassgrad.viz.told import chosen_formula, factor


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
    """The steps of a neuron: those of `backprop`, and the chain rule in three factors.

    `step_neuron` makes them: of the result, the Values of the neuron by the names they get if they
    have none, each weight with the node it goes into and its place there (the bias last), and the
    loss by the output as a textbook writes it ("" where that is not known).

    Attributes:
        factors: the three factors of every weight and of the bias.

    >>> from glassgrad import step_neuron
    >>> [f.weight for f in step_neuron([1.0, 2.0], [3.0, 4.0], 0.5).factors]
    ['w1', 'w2', 'b']
    """

    def __init__(
        self, result: Value, names: Mapping[str, Value],
        terms: Sequence[tuple[Value, Value, int]], slope: str, learning_rate: float | None,
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
        for edge in self._terms:
            if edge.uses > 1:
                raise ValueError(
                    f"The activation or the loss uses {clipped(self._name(edge.receiver))} itself, "
                    "so that its derivative is no product of three factors. Use backprop(y)."
                )
        root, out, z = map(self._name, (self.root, self._output, self._sum))
        self._symbols = f"∂{root}/∂{out}", f"∂{out}/∂{z}", f"∂{z}/∂w"
        self._slope = slope
        # The step with the formula of the activation, if it is a lone operation.
        is_lone = self.diagram[self._output].parents == (self._sum,)
        self._activated = self._edges.get((self._output, 0)) if is_lone else None
        self._output_by_sum = grad(names["out"], names["z"])
        by_output, by_sum = self.gradients[self._output], self._output_by_sum
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
        yield "weight", first, f"× {second}", f"× {third}", f"= ∂{self._name(self.root)}/∂w"
        for edge, factors in zip(self._terms, self.factors):
            loss_by_output = factors.loss_by_output
            numbers = (loss_by_output, factors.output_by_sum, factors.sum_by_weight)
            digits = digits_of_row(numbers, factors.product, lambda a, b, c: a * b * c)
            slope, by_sum = short(loss_by_output, digits), short(self._output_by_sum, digits)
            yield (
                factors.weight,
                f"{self._slope} = {slope}" if self._slope else slope,
                f"× {factor(self._activated, digits) if self._activated else by_sum}",
                f"× {factor(edge, digits)}",
                f"= {short(factors.product)}",
            )

    def _name(self, index: int) -> str:
        return self.diagram[index].name

    def more(self) -> str:
        """The table of the three factors, and which numbers they are, for the page."""
        if not self.factors:
            return ""
        terms = [[edge.node, edge.operand] for edge in self._terms]
        is_chosen = self._activated is not None and chosen_formula(self, self._activated) != ""
        numbers = json_inside([self._output, self._sum, terms, int(is_chosen)])
        table = scrolling_table(self._title(), self._rows(), "gg-chain")
        return f'<div data-factors="{numbers}">{table}</div>'


def step_neuron(
    w: Any,
    x: Any,
    b: Any,
    activation: str | Operation | Callable[[Value], Value] = "tanh",
    target: float | Value | None = None,
    *,
    loss: str | Callable[[Value, Any], Value] = "mse",
    learning_rate: float | None = None,
) -> NeuronSteps:
    """A neuron in one line: z = w · x + b, out = activation(z), and the loss L of out and target.

    Args:
        w: the weights, or a lone one: numbers or Values.
        x: as many inputs.
        b: the bias.
        activation: "linear"; an operation with one operand, also one of your own, or its name; or
            any function that makes a Value of a Value.
        target: if given, the loss is differentiated; else the output itself.
        loss: "mse", (out - target)²; "half_mse", half of it; "binary_cross_entropy",
            -target · log(out) - (1 - target) · log(1 - out), for an output between 0 and 1 such as
            that of a sigmoid; or a function of output and target.
        learning_rate: if given, the steps end with a step of gradient descent for w and b.

    Raises:
        ValueError: there is no weight, or no input for one, or no such activation or loss; a Value
            stands in two places, or the activation or the loss uses a weight itself, where its
            derivative is no product of three factors; or the cross-entropy has no value.
        TypeError: something else stands where a number or an operation belongs.
        OverflowError: a number is beyond the range of floats.

    >>> from glassgrad import step_neuron
    >>> steps = step_neuron([2.0, -3.0], [1.0, 0.5], 0.5, "tanh", target=1.0)
    >>> first = steps.factors[0]
    >>> first.loss_by_output * first.output_by_sum * first.sum_by_weight == first.product
    True
    """
    loss = _FORMER.get(loss, loss) if isinstance(loss, str) else loss
    if target is None and loss != "mse":
        problem = "step_neuron needs a target for the loss"
        raise ValueError(f"{problem}: step_neuron(w, x, b, activation, target, loss=...).")
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
    out = _activated(activation, z)
    names = {**weights, **inputs, "b": bias, "z": z, "out": out}
    if target is not None and not isinstance(target, Value):
        target = real(target, "step_neuron's target")
    result, slope = out, ""
    if target is not None:
        result, slope = _lost(loss, out, target, names)
        names["L"] = result
    terms = [(weight, product, 0) for weight, product in zip(weights.values(), products)]
    return NeuronSteps(result, names, [*terms, (bias, z, 1)], slope, learning_rate)


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


def _activated(choice: Any, z: Value) -> Value:
    if isinstance(choice, (str, Operation)):
        row = choice if isinstance(choice, Operation) else TABLE.get(_ROWS.get(choice, choice))
        if row is None:
            raise ValueError(f"There is no activation called {told(choice)}.{_meant(str(choice))}")
        if not row.takes_one:
            raise ValueError(f"{row.name} is no activation: it takes several operands.")
        return cast(Value, row(z))
    if not callable(choice):
        raise TypeError(
            "step_neuron takes as the activation an operation of the table or its name, or a "
            f"function of a Value, not {describe(choice)}."
        )
    out = _of(choice, z, z)
    return +z if out is z else out


_ROWS = {"linear": "pos"}  # what an activation is called that is a row of another name


def _meant(choice: str) -> str:
    """The likeliest activation; those that take any weighted sum, such as tanh, come before tan."""
    possible = [row for row in TABLE.values() if row.takes_one]
    usual = [row.name for row in possible if row.domain[0] == EVERYWHERE]
    return suggestion(choice, [*_ROWS, *usual]) or suggestion(choice, [r.name for r in possible])


def _of(function: Callable[..., Any], behind: Value, *operands: Any) -> Value:
    """What a function of the user gives, if it is a Value that depends on another."""
    name = clipped(getattr(function, "__name__", type(function).__name__))
    given = function(*operands)
    remedy = "Write it with operators and the functions of glassgrad, such as glassgrad.tanh."
    if not isinstance(given, Value):
        raise TypeError(f"{name} gives a Value to step_neuron, not {describe(given)}. {remedy}")
    if behind not in topological_order(given):
        raise ValueError(f"What {name} gives does not depend on its operand. {remedy}")
    return given


# The losses, each with its derivative by the output in words; names are given to what is made.


def _lost(
    choice: Any, out: Value, target: float | Value, names: dict[str, Value]
) -> tuple[Value, str]:
    if not isinstance(choice, str):
        if not callable(choice):
            raise TypeError(
                f"step_neuron takes as the loss {_NAMES}, or a function of output and target, "
                f"not {describe(choice)}."
            )
        return _of(choice, out, out, target), ""
    if choice not in LOSSES_OF_A_NEURON:
        meant = suggestion(choice, LOSSES_OF_A_NEURON) or f" There are {_NAMES}."
        raise ValueError(f"There is no loss called {told(choice)}.{meant}")
    if choice == "binary_cross_entropy":
        return _cross_entropy(out, target)
    names["error"] = error = out - target
    return (error**2, "2 * error") if choice == "mse" else (0.5 * error**2, "error")


def _cross_entropy(out: Value, target: float | Value) -> tuple[Value, str]:
    number = target.data if isinstance(target, Value) else target
    if not 0.0 <= number <= 1.0:
        raise ValueError(
            f"The cross-entropy takes a target from 0 to 1, not {short(number)}: the probability "
            "of the class. For other targets leave out loss='binary_cross_entropy'."
        )
    if not 0.0 < out.data < 1.0:
        raise ValueError(
            f"The cross-entropy takes an output between 0 and 1, not {short(out.data)}. Choose an "
            "activation that gives probabilities: step_neuron(w, x, b, 'sigmoid', ...)."
        )
    loss = -(target * out.log() + (1.0 - target) * (1.0 - out).log())
    wanted = visible(target.label or "target") if isinstance(target, Value) else short(number)
    return loss, f"(out - {wanted}) / (out * (1 - out))"


_FORMER = {former: name for name, former in LOSSES_OF_A_NEURON.items()}
_NAMES = ", ".join(map(repr, LOSSES_OF_A_NEURON))
