"""The transformer of `gpt.py` in numpy, forward and backward as an expert would write them.

Queries, keys and values stand next to each other in the flat array, so one product makes all
three; the gradient of the table of tokens is a product with a one-hot matrix. Arrays, and views of
them, are made once, and products are methods of arrays, as in moons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.gpt import HEAD, HEADS, VOCABULARY, WIDTH, shapes
from benchmarks.gpt_arrays import EPSILON
from benchmarks.steps import Result, Shapes, Step, read


def by_hand(flat: Any, tokens: Sequence[int], block: int) -> Step:
    """Loss and gradients; the gradients are views of one array."""
    gradient, together = np.zeros_like(flat), joined(shapes(block))
    w, d = read(flat, together), read(gradient, together)
    inputs, targets = np.array(tokens[:-1]), np.array(tokens[1:])
    count = len(inputs)
    one_hot = np.eye(VOCABULARY)[inputs].T.copy()
    x, h, y, z, g, out, dy, part = (np.empty((count, WIDTH)) for _ in range(8))
    wide, dwide = np.empty((2, count, 4 * WIDTH))
    scores, positive = np.empty((count, VOCABULARY)), np.zeros((count, 4 * WIDTH))
    first, second, third = Norm(x, x), Norm(x, h), Norm(y, g)
    attention, surprised = Attention(count, out), surprise(scores, targets)
    positions = w["positions"][:count]

    def run() -> Result:
        w["tokens"].take(inputs, 0, x, "clip")
        np.add(x, positions, x)
        first.forward()
        second.forward()
        h.dot(w["attention"].T, attention.three)
        attention.forward()
        np.add(out.dot(w["mix"].T, y), x, y)
        third.forward()
        np.maximum(g.dot(w["widen"].T, wide), positive, out=wide)
        np.add(wide.dot(w["narrow"].T, z), y, z)
        z.dot(w["scores"].T, scores)
        loss = surprised()
        scores.T.dot(z, d["scores"])
        scores.dot(w["scores"], dy)
        dy.T.dot(wide, d["narrow"])
        dy.dot(w["narrow"], dwide)
        np.multiply(dwide, np.sign(wide, wide), dwide)
        dwide.T.dot(g, d["widen"])
        np.add(dy, third.backward(dwide.dot(w["widen"], part)), dy)
        dy.T.dot(out, d["mix"])
        dy.dot(w["mix"], out)
        attention.backward()
        attention.slopes.T.dot(h, d["attention"])
        np.add(dy, second.backward(attention.slopes.dot(w["attention"], part)), dy)
        upstream = first.backward(dy)
        one_hot.dot(upstream, d["tokens"])
        d["positions"][:count] = upstream
        return loss, gradient

    return Step(run)


def joined(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """The shapes with queries, keys and values as one matrix."""
    three = {"queries": "attention", "keys": None, "values": None}
    names = {name: three.get(name, name) for name in shapes}
    tall = {"attention": (3 * WIDTH, WIDTH)}
    return {new: tall.get(new, shapes[name]) for name, new in names.items() if new}


class Norm:
    """RMS norm of the rows of an array, written into another one, and the way back."""

    def __init__(self, given: Any, result: Any) -> None:
        self.given, self.result = given, result
        self.squares, self.means = np.empty_like(given), np.empty((len(given), 1))
        self.scale, self.along = np.empty((2, len(given), 1))
        self.share, self.epsilon = np.array(1.0 / given.shape[1]), np.array(EPSILON)
        self.one = np.array(1.0)

    def forward(self) -> None:
        """The rows, each divided by the root of its mean square."""
        squares, scale = np.multiply(self.given, self.given, self.squares), self.scale
        np.add.reduce(squares, 1, None, scale, True)
        np.add(np.multiply(scale, self.share, scale), self.epsilon, scale)
        np.divide(self.one, np.sqrt(scale, scale), scale)
        np.multiply(self.given, scale, self.result)

    def backward(self, upstream: Any) -> Any:
        """The gradient by what was given, from the result, which `forward` left as it is."""
        products, along = np.multiply(upstream, self.result, self.squares), self.along
        np.add.reduce(products, 1, None, along, True)
        np.multiply(self.result, np.multiply(along, self.share, along), products)
        return np.multiply(np.subtract(upstream, products, upstream), self.scale, upstream)


class Attention:
    """Causal attention: from queries, keys and values next to each other, and the way back.

    Args:
        count: how many positions there are.
        out: where the result is written, and what is sent to it afterwards.
    """

    def __init__(self, count: int, out: Any) -> None:
        self.three, self.slopes = np.empty((2, count, 3 * WIDTH))
        views = [each.reshape(count, 3, HEADS, HEAD) for each in (self.three, self.slopes)]
        (self.q, self.k, self.v), self.back = (each.transpose(1, 2, 0, 3) for each in views)
        self.keys, self.values = self.k.swapaxes(1, 2), self.v.swapaxes(1, 2)
        self.out = out.reshape(count, HEADS, HEAD).swapaxes(0, 1)
        self.shares, self.dshares, self.products = np.empty((3, HEADS, count, count))
        self.turned, self.dturned = (each.swapaxes(1, 2) for each in (self.shares, self.dshares))
        self.sums = np.empty((HEADS, count, 1))
        self.mask, self.scale = np.tri(count), np.array(HEAD**-0.5)

    def forward(self) -> None:
        """The values, weighed by how well the keys of earlier positions fit the query."""
        shares, sums = np.matmul(self.q, self.keys, self.shares), self.sums
        np.exp(np.multiply(shares, self.scale, shares), shares)
        np.add.reduce(np.multiply(shares, self.mask, shares), 2, None, sums, True)
        np.matmul(np.divide(shares, sums, shares), self.v, self.out)

    def backward(self) -> None:
        """The gradients of queries, keys and values, next to each other."""
        dq, dk, dv = self.back
        shares, dshares, sums = self.shares, self.dshares, self.sums
        np.matmul(self.turned, self.out, dv)
        np.matmul(self.out, self.values, dshares)
        np.add.reduce(np.multiply(dshares, shares, self.products), 2, None, sums, True)
        np.multiply(np.subtract(dshares, sums, dshares), shares, dshares)
        np.multiply(dshares, self.scale, dshares)
        np.matmul(dshares, self.k, dq)
        np.matmul(self.dturned, self.q, dk)


def surprise(scores: Any, targets: Any) -> Callable[[], float]:
    """What gives the mean cross-entropy of an array, and writes the gradient in its place."""
    count, rows = len(targets), np.arange(len(targets))
    totals, size, wanted = np.empty((count, 1)), np.array(float(count)), np.zeros_like(scores)
    wanted[rows, targets] = 1.0
    places = rows * scores.shape[1] + targets

    def surprised() -> float:
        np.exp(scores, scores)
        np.add.reduce(scores, 1, None, totals, True)
        np.divide(scores, totals, scores)
        loss = -np.add.reduce(np.log(scores.take(places))) / count
        np.subtract(scores, wanted, scores)
        np.divide(scores, size, scores)
        return float(loss)

    return surprised
