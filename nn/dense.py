"""A neuron, a layer of neurons, and layers in a row: the multi-layer perceptron.

A neuron knows nothing of the network around it: it takes numbers, weighs and adds them, and bends
the sum with its activation, a row of the engine's table or a function of the user's own. The names
(`w`, `b`, `neurons`, `layers`) and defaults are those of Andrej Karpathy's lecture "The spelled-out
intro to neural networks and backpropagation: building micrograd". The perceptron is the machine
that learned before backpropagation did (Rosenblatt 1958), with a rule of its own.

What modules are made with and called with is the same throughout `nn`: for one sample they take a
list, tuple or numpy row of Values and real numbers, or a lone one for one input, and give a list of
Values; `Layer` and `MLP` the Value itself if there is but one. Raise, all of them:

    ValueError: a size is below 1; there is no activation or initialiser of that name; or, when it
        is called, a sample has another number of inputs.
    TypeError: an argument is of a wrong type, or an input is neither a Value nor a real number.

What all modules share is in `module.py`. Next: `layers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

from glassgrad.engine import TABLE, Operation, Value, as_value, assign, dot, no_grad
from glassgrad.engine.misuse import is_real, not_defined, real, whole
from glassgrad.engine.text import counted, function_name, similar, told
from glassgrad.engine.tree import listed, scalar_of, scalars_of
from glassgrad.nn.checks import explained, not_none, positive
from glassgrad.nn.initialisers import Init, Seed, generator, initialiser
from glassgrad.nn.module import Module
from glassgrad.nn.parts import title
from glassgrad.nn.saving import buildable, reserve

Inputs: TypeAlias = Any
"""One sample, as above."""

Function: TypeAlias = Callable[[Value], Value]
Activation: TypeAlias = str | Function | None
"""A name from `ACTIVATIONS`, a function from a Value to a Value, or None for "linear"."""


def linear(v: Value) -> Value:
    """The activation that does nothing: the weighted sum itself, as in a regression's output.

    >>> from glassgrad import Value, linear
    >>> linear(Value(3.0)).data
    3.0
    """
    return v


ACTIVATIONS = ("linear", *(name for name, row in TABLE.items() if row.takes_one))
"""The activations of glassgrad that can be chosen by name: the rows of the table with one operand.
Operations of your own can be chosen too."""
_NAMES = f"Choose one of {', '.join(ACTIVATIONS)}, or give a function of a Value."


def activation_function(choice: Activation, role: str) -> Function:
    if isinstance(choice, Operation):
        choice = choice.name
    if choice is None:
        return linear
    if isinstance(choice, str):
        if choice == "linear":
            return linear
        row = TABLE.get(choice)
        if row is not None and row.takes_one:
            return row
        why = _meant(choice) if row is None else f"It takes {row.takes()}."
        raise ValueError(f"There is no activation {choice!r}. {why}")
    if callable(choice):
        return row_of(choice) or choice
    raise TypeError(f"{role} is a name, a function of a Value, or None, not {choice!r}. {_NAMES}")


def row_of(function: object) -> Operation | None:
    """The row of the table that a function is, or that it is the method of Value of; else None."""
    name = getattr(function, "__name__", "")
    row = TABLE.get(name)
    is_it = function is row or function is getattr(Value, name, None)
    return row if row is not None and row.takes_one and is_it else None


def _meant(name: str) -> str:
    if name == "softmax":
        return 'For several classes end with "linear", and train with cross_entropy.'
    meant = similar(name, ACTIVATIONS)
    return (
        f"Did you mean {meant!r}? {not_defined(name)}" if meant else f"{not_defined(name)} {_NAMES}"
    )


class Converted(tuple[Value, ...]):
    """Inputs that are Values already, so that the neurons of a layer need not look again."""

    __slots__ = ()


def converted(module: Module, count: int, x: Inputs) -> Converted:
    """One sample as Values, plain numbers made constants once, for a module of `count` inputs."""
    if isinstance(x, Converted):
        sample = x
    else:
        role, x = type(module).__name__, scalar_of(not_none(x, type(module).__name__))
        is_alone = isinstance(x, Value) or is_real(x)
        row = [x] if is_alone else listed(x, role, f"a list of {counted(count, 'input')},")
        numbers = scalars_of(row)
        if numbers is None:
            raise ValueError(
                f"{title(module)} takes one sample at a time: write [model(x) for x in samples]."
            )
        sample = Converted([as_value(number, role) for number in numbers])
    if len(sample) != count:
        raise ValueError(
            f"{title(module)} takes {counted(count, 'input')}, not {len(sample)}."
            + " A sample is a list of them, and one among samples, as predict takes, [sample]."
            * (len(sample) == 1)
        )
    return sample


@buildable("nin", activation=activation_function)
class Neuron(Module):
    """activation(w · x + b): a weighted sum of the inputs plus a bias, bent by an activation.

    The weighted sum is one `dot` node.

    Args:
        nin: the number of inputs.
        activation: a name from `ACTIVATIONS`, a function of a Value, or None for "linear".
        seed: makes the drawn numbers repeatable: an int, or a `random.Random` to draw from. None
            draws from the global `random`, so that `random.seed(1337)` counts.
        init: how the numbers are drawn, weights first: a name from `INITIALISERS`, or an
            `Initialiser`. "uniform", from (-1, 1), is the lecture's.
        fan_out: how many neurons stand side by side, for initialisers that ask; a layer says so.

    Attributes:
        w: the weights, a list of Values labelled "w0", "w1", ...
        b: the bias, a Value labelled "b".
        activation: the function that bends the sum; set to a name, it is the one of that name.

    >>> from glassgrad import Neuron
    >>> n = Neuron(2, seed=0)
    >>> n
    Neuron(2, tanh, 3 parameters)
    >>> n([1.0, -2.0]).data == (n.w[0] - 2.0 * n.w[1] + n.b).tanh().data
    True
    """

    _weights = ("w", "b")
    activation: Any

    @explained()
    def __init__(
        self,
        nin: int,
        *,
        activation: Activation = "tanh",
        seed: Seed = None,
        init: Init = "uniform",
        fan_out: int = 1,
    ) -> None:
        nin, fan_out = whole(nin, "Neuron(nin=...)"), whole(fan_out, "Neuron(fan_out=...)")
        reserve(nin + 1)
        weights, bias = initialiser(init).draw(nin, fan_out, seed)
        self.w = [Value(weight, label=f"w{i}") for i, weight in enumerate(weights)]
        self.b = Value(bias, label="b")
        self.activation = activation

    @property
    def nin(self) -> int:
        """The number of inputs."""
        return len(self.w)

    if TYPE_CHECKING:

        def __call__(self, x: Inputs) -> Value: ...

    def forward(self, x: Inputs) -> Value:
        """The output for one sample. Call the neuron itself, `n(x)`, which opens its scope."""
        weighted_sum: Value = dot(self.w, converted(self, len(self.w), x)) + self.b
        output: Value = self.activation(weighted_sum)
        return output


@buildable("nin", "nout", "activation")
class Layer(Module):
    """Neurons side by side, each on all the inputs.

    Args:
        nin: the number of inputs.
        nout: the number of neurons, and so of outputs.
        activation, seed, init: of every neuron, see there; the neurons draw one after the other.

    >>> from glassgrad import Layer
    >>> layer = Layer(2, 3, seed=0)
    >>> layer
    Layer(2 → 3, tanh, 9 parameters)
    >>> len(layer([1.0, -2.0]))
    3
    """

    @explained("Write Layer(2, 3): how many inputs, and how many neurons.")
    def __init__(
        self,
        nin: int,
        nout: int,
        *,
        activation: Activation = "tanh",
        seed: Seed = None,
        init: Init = "uniform",
    ) -> None:
        nin, nout = whole(nin, "Layer(nin=...)"), whole(nout, "Layer(nout=...)")
        seed = generator(seed)
        self.neurons = [
            Neuron(nin, activation=activation, seed=seed, init=init, fan_out=nout)
            for _ in range(nout)
        ]

    @property
    def nin(self) -> int:
        """The number of inputs."""
        return self.neurons[0].nin

    @property
    def nout(self) -> int:
        """The number of outputs."""
        return len(self.neurons)

    @property
    def activation(self) -> Any:
        """The activation of the neurons; set, it is that of all of them."""
        return self.neurons[0].activation

    @activation.setter
    def activation(self, activation: Activation) -> None:
        for neuron in self.neurons:
            neuron.activation = activation

    def forward(self, x: Inputs) -> Any:
        inputs = converted(self, self.nin, x)
        outputs = [neuron(inputs) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs


@buildable("nin", "nouts")
class MLP(Module):
    """A multi-layer perceptron: layers in a row, the outputs of one being the inputs of the next.

    Args:
        nin: the number of inputs.
        nouts: the number of neurons of each layer, the last being the number of outputs.
        activation, seed, init: of every neuron, see there; the layers draw one after the other.
        output_activation: of the neurons of the last layer; "same" is `activation`, and the
            lecture's choice. For scores or a regression use "linear".

    >>> from glassgrad import MLP
    >>> model = MLP(3, [4, 4, 1], seed=0)
    >>> model
    MLP(3 → 4 → 4 → 1, tanh, 41 parameters)
    >>> loss = (model([2.0, 3.0, -1.0]) - 1.0) ** 2
    >>> loss.backward()
    >>> for p in model.parameters():
    ...     p.data += -0.05 * p.grad
    """

    @explained("Write MLP(2, [3, 1]): how many inputs, and a list of how many neurons a layer.")
    def __init__(
        self,
        nin: int,
        nouts: Iterable[int],
        *,
        activation: Activation = "tanh",
        output_activation: Activation = "same",
        seed: Seed = None,
        init: Init = "uniform",
    ) -> None:
        wanted = "MLP(nouts=...) lists the neurons of each layer, for example [4, 4, 1]"
        if isinstance(nouts, str) or not isinstance(nouts, Iterable):
            raise TypeError(f"{wanted}, not {told(nouts)}.")
        sizes = [whole(nin, "MLP(nin=...)"), *(whole(n, "Each of MLP(nouts=...)") for n in nouts)]
        if len(sizes) == 1:
            raise ValueError(f"{wanted}; give at least one layer.")
        activations = [activation] * (len(sizes) - 1)
        if output_activation != "same":
            activations[-1] = output_activation
        seed = generator(seed)
        self.layers = [
            Layer(before, after, activation=function, seed=seed, init=init)
            for before, after, function in zip(sizes, sizes[1:], activations)
        ]

    @property
    def nin(self) -> int:
        """The number of inputs."""
        return self.layers[0].nin

    @property
    def nouts(self) -> tuple[int, ...]:
        """The number of neurons of each layer."""
        return tuple([layer.nout for layer in self.layers])

    def forward(self, x: Inputs) -> Any:
        x = converted(self, self.nin, x)
        for layer in self.layers:
            x = layer(x)
        return x

    def _config(self) -> dict[str, Any]:
        first, last = self.layers[0].activation, self.layers[-1].activation
        return {**super()._config(), "activation": first, "output_activation": last}

    def extra_repr(self) -> str:
        sizes = " → ".join(map(str, (self.nin, *self.nouts)))
        first, last = (function_name(self.layers[i].activation) for i in (0, -1))
        return f"{sizes}, {first}" + f", {last} output" * (last != first)


@buildable("nin")
class Perceptron(Neuron):
    """step(w·x + b): a neuron that answers 1 or 0.

    The step is flat on both sides of its jump, so `backward()` gives its weights no gradient.
    `learn` does without: it moves a weight by the mistake times the input. That finds weights
    without a mistake whenever there are such (Novikoff 1962), but says nothing of what neurons in a
    layer before should have done. For that the step had to become a smooth unit such as the
    sigmoid, through which a mistake can be sent back (Rumelhart, Hinton and Williams 1986).

    >>> from glassgrad import Perceptron
    >>> gate = Perceptron(2, seed=0)
    >>> corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> gate.learn_all(corners, [0, 0, 0, 1])[-1]
    0
    >>> [gate(x).data for x in corners]
    [0.0, 0.0, 0.0, 1.0]
    """

    def __init__(self, nin: int, *, seed: Seed = None, init: Init = "uniform") -> None:
        nin = whole(nin, "Perceptron(nin=...)")
        super().__init__(nin, activation="step", seed=seed, init=init)

    def learn(self, x: Inputs, target: float, rate: float = 1.0) -> float:
        """Learn from one sample: each weight moves by rate · (target - output) · its input.

        The target, the right answer, is 0 or 1. What is given back is the mistake target - output:
        0, and nothing has moved; else 1 or -1. Numbers that are not finite are a ValueError.
        """
        rate = positive(rate, "Perceptron.learn(rate=...)")
        return self._learn(self._sample(x), _answer(target), rate)

    def learn_all(
        self, X: Iterable[Inputs], y: Iterable[float], epochs: int = 100, rate: float = 1.0
    ) -> list[int]:
        """Learn from all samples in order, again and again until none is mistaken.

        Samples that no line separates, as those of XOR, are never learned. What `learn` refuses of
        them is refused before anything has moved. Given back is the number of mistakes in each
        epoch; the last is 0 if all is learned.
        """
        samples = [self._sample(x) for x in listed(X, "learn_all(X=...)")]
        answers = [_answer(target) for target in listed(y, "learn_all(y=...)")]
        if len(samples) != len(answers) or not samples:
            raise ValueError(
                f"learn_all takes one answer for each sample, at least one, not {len(samples)} "
                f"samples and {len(answers)} answers."
            )
        epochs = whole(epochs, "learn_all(epochs=...)")
        rate = positive(rate, "learn_all(rate=...)")
        mistakes: list[int] = []
        while len(mistakes) < epochs and mistakes[-1:] != [0]:
            errors = [self._learn(x, answer, rate) for x, answer in zip(samples, answers)]
            mistakes.append(len(errors) - errors.count(0.0))
        return mistakes

    def _sample(self, x: Inputs) -> Converted:
        sample = converted(self, self.nin, x)
        for v in sample:
            if not isfinite(v.data):
                raise ValueError(f"{self!r} learns from finite inputs, not from {v.data}.")
        return sample

    def _learn(self, x: Converted, target: float, rate: float) -> float:
        with no_grad():
            error = target - self(x).data
        if not all(map(isfinite, [error, *(p.data for p in self.parameters())])):
            raise ValueError(
                f"{self!r} gives nan, or has weights that are nan or infinite, of which nothing "
                "can be learned. Scale the samples down, and load finite weights or build it anew."
            )
        if error:
            pairs = zip([*self.w, self.b], [*(v.data for v in x), 1.0])
            moves = {p: p.data + rate * error * number for p, number in pairs if not p.is_frozen}
            assign([*moves], [*moves.values()])
        return error


def _answer(target: Any) -> float:
    number = real(target, "Perceptron.learn(target=...)")
    if number not in (0.0, 1.0):
        hint = " For labels -1 and 1 write (y + 1) / 2." if number == -1.0 else ""
        raise ValueError(f"A perceptron learns the answers 0 and 1, not {told(target)}.{hint}")
    return number
