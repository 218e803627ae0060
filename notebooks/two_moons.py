"""Two moons: a network learns to tell apart what no straight line can.

A hundred points lie on two interlocked half circles. A network with two inputs (where a point is)
and one output (its score) shall give a positive score to the points of one moon and a negative
score to those of the other. It is trained here in plain Python, with nothing hidden:

    throw       the network scores every point                    (forward)
    look        the loss says how far off the scores are          (loss)
    think back  each weight learns its share of the blame         (backward)
    adjust      each weight takes a small step against its share  (update)

and again. The data and the recipe are those of micrograd's demonstration.

    python notebooks/two_moons.py --out moons.png --steps 100 --seed 1
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from glassgrad import MLP, Value, engine, no_grad, plot_boundary, two_moons

# ## The data
#
# The upper moon is half a circle around (0, 0). The lower moon is the same half circle turned
# upside down and moved so that each reaches into the other. Noise makes the points real: they
# lie near the line, not on it. `two_moons` makes them, and names the moon of a point 0 or 1; the
# loss below wants the label of a point to be -1 or 1.


def labelled_moons(n: int = 100, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Points of two moons and their labels.

    Args:
        n: how many points, half of them on each moon.
        seed: the same seed gives the same points.

    Returns:
        The points, an array of shape (n, 2), and their labels, an array of n numbers -1 or 1.

    >>> points, labels = labelled_moons(4)
    >>> points.shape, labels.tolist()
    ((4, 2), [-1.0, -1.0, 1.0, 1.0])
    """
    points, moons = two_moons(n, seed=seed)
    return points, 2.0 * moons - 1.0


# ## The network
#
# Two layers of 16 neurons with relu bend the plane; one linear neuron reads off the score. It has
# 337 numbers to learn.


def network(seed: int = 1) -> MLP:
    """The network before training, its weights drawn from a seed."""
    return MLP(2, [16, 16, 1], activation="relu", output_activation="linear", seed=seed)


# ## The loss
#
# A point is safely on its side when label × score is at least 1. Whatever is missing to 1 is its
# loss: this is the hinge loss of support vector machines. To it we add a little of every weight
# squared (L2), which keeps weights from growing without need.


def loss_of(model: MLP, scores: list[Value], labels: np.ndarray) -> Value:
    """The mean hinge loss of the scores, plus 0.0001 times the sum of all parameters squared."""
    hinges = [(1.0 - label * score).relu() for score, label in zip(scores, labels)]
    parameters = model.parameters()
    loss: Value = engine.mean(hinges) + 1e-4 * engine.dot(parameters, parameters)
    return loss


def accuracy_of(scores: list[Value], labels: np.ndarray) -> float:
    """The share of points whose score is on the right side of 0."""
    return float(np.mean([(score.data > 0) == (label > 0) for score, label in zip(scores, labels)]))


# ## The training
#
# Every step looks at all points. The learning rate falls from 1 to 0.1: large steps first, to get
# near, small ones later, to settle.


def train(
    model: MLP,
    points: np.ndarray,
    labels: np.ndarray,
    steps: int = 100,
    report: Callable[[str], None] = print,
) -> tuple[list[float], float]:
    """Train the model by gradient descent on all points.

    Args:
        model: the network; its parameters change.
        points: an array of shape (n, 2).
        labels: n numbers, -1 or 1.
        steps: how many steps to take.
        report: gets a line of text now and then.

    Returns:
        The loss before each step, and the accuracy, from 0 to 1, after the last.
    """
    losses = []
    for step in range(steps):
        scores = [model(point) for point in points]
        loss = loss_of(model, scores, labels)

        model.zero_grad()
        loss.backward()

        learning_rate = 1.0 - 0.9 * step / steps
        for p in model.parameters():
            p.data -= learning_rate * p.grad

        losses.append(loss.data)
        if step % 10 == 0:
            accuracy = accuracy_of(scores, labels)
            report(f"step {step:4}   loss {loss.data:.4f}   accuracy {accuracy:4.0%}")

    with no_grad():
        scores = [model(point) for point in points]
    accuracy = accuracy_of(scores, labels)
    report(
        f"after {steps} steps   loss {loss_of(model, scores, labels).data:.4f}"
        f"   accuracy {accuracy:4.0%}"
    )
    return losses, accuracy


# ## The picture
#
# The network scores every point of a grid. Where the score is 0 it cannot decide: that line is the
# decision boundary.


def draw(model: MLP, points: np.ndarray, labels: np.ndarray, file: Path, cells: int = 60) -> None:
    """Save a picture of the points and of the decision boundary.

    Args:
        model: the trained network.
        points: an array of shape (n, 2).
        labels: n numbers, -1 or 1.
        file: where the picture goes; the ending says in which format.
        cells: how many points of the grid there are along each side.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = plot_boundary(model, points, labels, cells=cells)
    figure.axes[0].set_title("Two moons and the decision boundary (score = 0)", fontsize=11)
    figure.savefig(file, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Train on two moons, say how it goes, and save the picture if one is asked for."""
    parser = argparse.ArgumentParser(description="Train a small network on two moons.")
    parser.add_argument("--out", type=Path, help="save a picture, for example moons.png")
    parser.add_argument("--steps", type=int, default=100, help="steps of gradient descent")
    parser.add_argument("--seed", type=int, default=1, help="of the points and of the weights")
    options = parser.parse_args(arguments)
    if options.out is not None:
        try:  # before the training, which takes half a minute
            import matplotlib.figure  # noqa: F401
        except ImportError:
            parser.error('a picture needs matplotlib: pip install "glassgrad[plot]"')

    points, labels = labelled_moons(seed=options.seed)
    model = network(seed=options.seed)
    print(model)
    train(model, points, labels, options.steps)
    if options.out is None:
        return
    draw(model, points, labels, options.out)
    print(f"The picture is in {options.out}.")


if __name__ == "__main__":
    main()
