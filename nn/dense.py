"""A neuron, a layer of neurons, and layers in a row: the multi-layer perceptron.

A neuron knows nothing of the network around it: it takes numbers, weighs and adds them, and bends
the sum with its activation. The names (`w`, `b`, `neurons`, `layers`) and
defaults are those of Andrej Karpathy's lecture "The spelled-out intro to neural networks and
backpropagation: building micrograd". The perceptron is the machine that learned before
backpropagation did (Rosenblatt 1958), from mistakes, with a rule of its own.

What modules are made with and called with is the same throughout `nn`: for one sample they take a
list, tuple or numpy row of Values and real numbers, or a lone one for one input, and give a list of
Values; `Layer` and `MLP` the Value itself if there is but one. Raise, all of them:

    ValueError: a size is below 1; there is no activation or initialiser of that name; or, when it
        is called, a sample has another number of inputs.
    TypeError: an argument is of a wrong type, or an input is neither a Value nor a real number.

What all modules share is in `module.py`. Next: `layers.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any, TypeAlias

from glassgrad.engine import Value, as_value, assign, dot, no_grad
from glassgrad.engine.misuse import is_real, real, whole
from glassgrad.engine.text import counted, describe, function_name, told
from glassgrad.engine.tree import is_sequence, listed, scalar_of, scalars_of
from glassgrad.nn.activation import Activation, activation_function
from glassgrad.nn.checks import explained, positive
from glassgrad.nn.initialisers import Init, Seed, generator, initialiser
from glassgrad.nn.module import Module
from glassgrad.nn.parts import title
from glassgrad.nn.saving import buildable, reserve

Inputs: TypeAlias = Any
"""One sample, as above."""


class Converted(tuple[Value, ...]):
    """Inputs that are Values already, so that the neurons of a layer need not look again."""

    __slots__ = ()


def converted(module: Module, count: int, x: Inputs) -> Converted:
    """One sample as Values, plain numbers made constants once, for a module of `count` inputs."""
    sample = x if isinstance(x, Converted) else _as_values(module, count, x)
    if len(sample) != count:
        raise ValueError(f"{title(module)} takes {counted(count, 'input')}, not {len(sample)}.")
    return sample


def _as_values(module: Module, count: int, x: Inputs) -> Converted:
    role, x = type(module).__name__, scalar_of(x)
    if isinstance(x, Value) or is_real(x):
        return Converted((as_value(x, role),))
    if not is_sequence(x):
        raise TypeError(
            f"{title(module)} takes a list of {counted(count, 'input')}, not {describe(x)}."
        )
    numbers = scalars_of(listed(x, role))
    if numbers is None:
        raise ValueError(
            f"{title(module)} takes one sample at a time: write [model(x) for x in samples]."
        )
    return Converted([as_value(number, role) for number in numbers])


@buildable
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

    >>> from glassgrad import Neuron
    >>> n = Neuron(2, seed=0)
    >>> n
    Neuron(2, tanh, 3 parameters)
    >>> n([1.0, -2.0]).data == (n.w[0] - 2.0 * n.w[1] + n.b).tanh().data
    True
    """

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
    def activation(self) -> Any:
        """The function that bends the sum; it can be set to another, or to the name of one."""
        return vars(self)["activation"]

    @activation.setter
    def activation(self, activation: Activation) -> None:
        vars(self)["activation"] = activation_function(activation)

    @activation.deleter
    def activation(self) -> None:
        del vars(self)["activation"]

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

    def _config(self) -> dict[str, Any]:
        return {"nin": self.nin, "activation": self.activation}

    def extra_repr(self) -> str:
        return f"{self.nin}, {function_name(self.activation)}"


@buildable
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
    def activation(self) -> Any:
        """The activation of the neurons; set, it is that of all of them."""
        return self.neurons[0].activation

    @activation.setter
    def activation(self, activation: Activation) -> None:
        for neuron in self.neurons:
            neuron.activation = activation

    @property
    def nout(self) -> int:
        """The number of outputs."""
        return len(self.neurons)

    def forward(self, x: Inputs) -> Any:
        inputs = converted(self, self.nin, x)
        outputs = [neuron(inputs) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def _config(self) -> dict[str, Any]:
        return {"nin": self.nin, "nout": self.nout, "activation": self.activation}

    def extra_repr(self) -> str:
        return f"{self.nin} → {self.nout}, {function_name(self.activation)}"


@buildable
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
        if isinstance(nouts, str) or not isinstance(nouts, Iterable):
            raise TypeError(
                "MLP(nouts=...) lists the neurons of each layer, for example [4, 4, 1], "
                f"not {told(nouts)}."
            )
        sizes = [whole(nin, "MLP(nin=...)"), *(whole(n, "Each of MLP(nouts=...)") for n in nouts)]
        if len(sizes) == 1:
            raise ValueError(
                "MLP(nouts=...) lists the neurons of each layer; give at least one layer."
            )
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
        first, last = (self.layers[place].activation for place in (0, -1))
        ends = {"activation": first, "output_activation": last}
        return {"nin": self.nin, "nouts": self.nouts, **ends}

    def extra_repr(self) -> str:
        sizes = " → ".join(map(str, (self.nin, *self.nouts)))
        names = [function_name(layer.activation) for layer in self.layers]
        output = "" if names[-1] == names[0] else f", {names[-1]} output"
        return f"{sizes}, {names[0]}{output}"


@buildable
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
        ((sample, answer),) = self._learnable([x], [target])
        return self._learn(sample, answer, rate)

    def learn_all(
        self, X: Iterable[Inputs], y: Iterable[float], epochs: int = 100, rate: float = 1.0
    ) -> list[int]:
        """Learn from all samples in order, again and again until none is mistaken.

        Samples that no line separates, as those of XOR, are never learned. What `learn` refuses is
        refused before anything has moved. Given back is the number of mistakes in each epoch; the
        last is 0 if all is learned.
        """
        for name, given in (("X", X), ("y", y)):
            if not is_sequence(given):
                raise TypeError(
                    f"learn_all(X, y) takes a list of samples and one of answers; {name} is "
                    f"{describe(given)}."
                )
        xs, ys = listed(X, "learn_all"), listed(y, "learn_all")
        if len(xs) != len(ys) or not xs:
            raise ValueError(
                f"learn_all takes one answer for each sample, at least one, not {len(xs)} samples "
                f"and {len(ys)} answers."
            )
        epochs = whole(epochs, "learn_all(epochs=...)")
        rate = positive(rate, "learn_all(rate=...)")
        samples = self._learnable(xs, ys)
        mistakes: list[int] = []
        while len(mistakes) < epochs and mistakes[-1:] != [0]:
            mistakes.append(sum(self._learn(x, t, rate) != 0.0 for x, t in samples))
        return mistakes

    def _learnable(self, xs: list[Any], ys: list[Any]) -> list[tuple[Converted, float]]:
        samples = [(converted(self, self.nin, x), _answer(y)) for x, y in zip(xs, ys)]
        for v in (v for x, _ in samples for v in x):
            if not isfinite(v.data):
                raise ValueError(f"{self!r} learns from finite inputs, not from {v.data}.")
        if not all(isfinite(parameter.data) for parameter in self.parameters()):
            raise ValueError(
                f"{self!r} has weights that are nan or infinite, of which nothing can be learned. "
                "Build it anew, or load finite weights."
            )
        return samples

    def _learn(self, x: Converted, target: float, rate: float) -> float:
        with no_grad():
            error = target - self(x).data
        if isnan(error):
            raise ValueError(
                f"{self!r} gives nan, of which nothing can be learned: its sum is too large. "
                "Scale the samples down."
            )
        if error:
            pairs = zip([*self.w, self.b], [*(v.data for v in x), 1.0])
            moves = {p: p.data + rate * error * number for p, number in pairs if not p.is_frozen}
            assign([*moves], [*moves.values()])
        return error

    def _config(self) -> dict[str, Any]:
        return {"nin": self.nin}

    def extra_repr(self) -> str:
        return f"{self.nin}"


def _answer(target: Any) -> float:
    number = real(target, "Perceptron.learn(target=...)")
    if number not in (0.0, 1.0):
        hint = " For labels -1 and 1 write (y + 1) / 2." if number == -1.0 else ""
        raise ValueError(f"A perceptron learns the answers 0 and 1, not {told(target)}.{hint}")
    return number
