"""The perceptron, the machine that learned before backpropagation did (Rosenblatt 1958).

It says yes or no, and learns from mistakes with a rule of its own, since its gradient is of no use.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite, isnan
from typing import Any

from glassgrad.engine import assign, data_vector, no_grad
from glassgrad.engine.misuse import real
from glassgrad.engine.text import describe, told
from glassgrad.engine.tree import is_sequence, listed
from glassgrad.nn.checks import positive, whole
from glassgrad.nn.initialisers import Init
from glassgrad.nn.modules.inputs import Converted, Inputs, converted
from glassgrad.nn.modules.layers import Neuron
from glassgrad.nn.seed import Seed


class Perceptron(Neuron):
    """step(w·x + b): a neuron that answers 1 or 0.

    The step is flat on both sides of its jump, so its derivative is 0 wherever there is one, and
    `backward()` gives its weights no gradient. `learn` does without: it moves a weight by the
    mistake times the input. That finds weights without a mistake whenever there are such (Novikoff
    1962), but it says nothing of what neurons in a layer before should have done. To train those
    too, the step had to become a smooth unit such as the sigmoid, through which a mistake can be
    sent back: backpropagation (Rumelhart, Hinton and Williams 1986).

    Args:
        nin: the number of inputs.
        seed: see `Neuron`.
        init: see `Neuron`; "zeros" is harmless here.

    Raises:
        ValueError: `nin` is below 1, or there is no initialiser of that name.
        TypeError: an argument is of a wrong type.

    Example:
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

        Args:
            x: the sample.
            target: the right answer, 0 or 1.
            rate: how far to move, a positive number.

        Returns:
            The mistake target - output: 0, and nothing has moved; else 1 or -1.

        Raises:
            ValueError: `x` has another number of inputs, an input is nan or infinite, the target
                is not 0 or 1, the rate is not positive, or a weight is not finite.
            TypeError: an input, the target or the rate is no number.

        >>> from glassgrad import Perceptron
        >>> yes = Perceptron(1, init="zeros")
        >>> yes.learn([3.0], 1)
        1.0
        >>> yes.state_dict()
        {'w.0': 3.0, 'b': 1.0}
        """
        sample, target = self._sample(x), _answer(target)
        rate = positive(rate, "Perceptron.learn(rate=...)")
        self._check_weights()
        return self._learn(sample, target, rate)

    def learn_all(
        self,
        X: Iterable[Inputs],
        y: Iterable[float],
        epochs: int = 100,
        rate: float = 1.0,
    ) -> list[int]:
        """Learn from all samples in order, again and again until none is mistaken.

        Args:
            X: the samples.
            y: their right answers, 0 or 1.
            epochs: how often at most. Samples that no line separates, as those of XOR, are never
                learned.
            rate: how far to move for a mistake.

        Returns:
            The number of mistakes in each epoch; the last is 0 if all is learned.

        Raises:
            ValueError, TypeError: see `learn`; nothing has moved then.

        >>> from glassgrad import Perceptron
        >>> Perceptron(1, init="zeros").learn_all([[-1.0], [1.0]], [0, 1])
        [1, 0]
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
        samples = [(self._sample(x), _answer(target)) for x, target in zip(xs, ys)]
        epochs = whole(epochs, "learn_all(epochs=...)")
        rate = positive(rate, "learn_all(rate=...)")
        self._check_weights()
        mistakes: list[int] = []
        while len(mistakes) < epochs and mistakes[-1:] != [0]:
            mistakes.append(sum(self._learn(x, t, rate) != 0.0 for x, t in samples))
        return mistakes

    def _learn(self, x: Converted, target: float, rate: float) -> float:
        with no_grad():
            error = target - self(x).data
        if isnan(error):
            raise ValueError(
                f"{self!r} gives nan, of which nothing can be learned: its sum is too large. "
                "Scale the samples down."
            )
        if error:
            parameters = self.parameters()
            inputs = [v.data for v in x] + [1.0]
            moves = [rate * error * number for number in inputs]
            assign(parameters, data_vector(parameters) + moves)
        return error

    def _check_weights(self) -> None:
        if not all(isfinite(parameter.data) for parameter in self.parameters()):
            raise ValueError(
                f"{self!r} has weights that are nan or infinite, of which nothing can be learned. "
                "Build it anew, or load finite weights."
            )

    def _sample(self, x: Inputs) -> Converted:
        inputs = converted(self, self.nin, x)
        for v in inputs:
            if not isfinite(v.data):
                raise ValueError(f"{self!r} learns from finite inputs, not from {v.data}.")
        return inputs

    def extra_repr(self) -> str:
        """The number of inputs.

        >>> from glassgrad import Perceptron
        >>> Perceptron(2).extra_repr()
        '2'
        """
        return f"{self.nin}"


def _answer(target: Any) -> float:
    number = real(target, "Perceptron.learn(target=...)")
    if number not in (0.0, 1.0):
        hint = " For labels -1 and 1 write (y + 1) / 2." if number == -1.0 else ""
        raise ValueError(f"A perceptron learns the answers 0 and 1, not {told(target)}.{hint}")
    return number
