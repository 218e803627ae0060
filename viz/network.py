"""A network found in scalars, by the modules that made them: layers of units.

A unit is what one neuron computed: a sum of products, each of a weight of its own and a source,
with a bias or none, and what is applied to that. Where neurons do anything else, or layers do not
follow each other, or there is more than one sample, there is no network to see. The page draws what
is found here (`stage/network.js`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from glassgrad.viz.diagram import Diagram, Node
from glassgrad.viz.picture import Scopes

_NEURON = re.compile(r"(?:^|\.)neurons\.\d+$")
_FEWEST_UNITS = 3
_SUMS, _PRODUCTS = ("add", "sum"), ("mul", "dot")


@dataclass(frozen=True)
class Unit:
    """One neuron, such as "layer 1, neuron 2"; its nodes by their indices.

    `total` is what its activation is applied to; weights are by what they are multiplied with, the
    sources of the unit; `members` are all that it computed, and its own leaves.
    """

    name: str
    out: int
    total: int
    weights: Mapping[int, int]
    bias: int | None
    members: frozenset[int]


@dataclass(frozen=True)
class Network:
    """Layers of units, from the inputs, in order, to the result."""

    root: int
    inputs: Sequence[int]
    layers: Sequence[Sequence[Unit]]

    def record(self, places: Mapping[int, int]) -> dict[str, Any]:
        """For the page the inputs, and of each unit its output, sum, bias, sources and weights."""

        def of(unit: Unit) -> list[object]:
            lists = [[*map(places.get, each)] for each in (unit.weights, unit.weights.values())]
            bias = None if unit.bias is None else places[unit.bias]
            return [places[unit.out], places[unit.total], bias, *lists]

        layers = [[*map(of, units)] for units in self.layers]
        return {"inputs": [places[i] for i in self.inputs], "layers": layers}


def network_in(diagram: Diagram, root: int) -> Network | None:
    """The network behind a result; None where neurons are seen as scalars alone."""
    inside: dict[str, list[int]] = {}
    for index, scope in enumerate(Scopes(diagram).of):
        if scope is not None and _NEURON.search(path := scope.path()):
            inside.setdefault(path, []).append(index)
    by_layer: dict[str, list[Unit]] = {}
    for path, members in inside.items():
        unit = _unit(diagram, root, members)
        if unit is None:
            return None
        by_layer.setdefault(_NEURON.sub("", path), []).append(unit)
    layers = sorted(by_layer.values(), key=lambda units: units[0].out)
    if len(inside) < _FEWEST_UNITS or not _are_stacked(layers, diagram.readers):
        return None
    outs = {unit.out for units in layers for unit in units}
    sources = dict.fromkeys(s for units in layers for u in units for s in u.weights)
    named = [
        [replace(unit, name=f"layer {at}, neuron {k}") for k, unit in enumerate(units, 1)]
        for at, units in enumerate(layers, 1)
    ]
    return Network(root, [s for s in sources if s not in outs], named)


def _unit(diagram: Diagram, root: int, members: Sequence[int]) -> Unit | None:
    """What one neuron computed, term by term; None where it is anything else."""
    own = frozenset(members)
    computed = [i for i in members if diagram[i].parents]
    outs = [i for i in computed if i == root or not own.issuperset(diagram.readers[i])]
    if len(outs) != 1:
        return None
    (out,) = outs
    parents = diagram[out].parents
    total = parents[0] if len(parents) == 1 else out
    weights: dict[int, int] = {}
    biases, terms = [], [total]
    while terms:
        node = diagram[terms.pop()]
        if not node.parents:
            if not (node.is_constant and node.data == 0.0):  # a sum may begin with a plain 0
                biases.append(node.index)
        elif node.index in own and _is_one_of(node, _SUMS):
            terms += reversed(node.parents)
        elif not (node.index in own and _is_one_of(node, _PRODUCTS)
                  and _are_weighed(diagram, own, weights, node.parents)):  # fmt: skip
            return None
    if not weights or len(biases) > 1:
        return None
    return Unit("", out, total, weights, biases[0] if biases else None, own)


def _is_one_of(node: Node, names: Sequence[str]) -> bool:
    return node.operation is not None and not node.is_compiled and node.operation.name in names


def _are_weighed(
    diagram: Diagram, own: frozenset[int], weights: dict[int, int], operands: Sequence[int]
) -> bool:
    """Whether each product has a weight of the unit in it; those found are noted."""
    half = len(operands) // 2

    def is_leaf(i: int) -> bool:
        return i in own and not diagram[i].parents

    for a, b in zip(operands[:half], operands[half:]):
        weight, source = (a, b) if is_leaf(a) else (b, a)
        if not is_leaf(weight) or source in own or source in weights:
            return False
        weights[source] = weight
    return True


def _are_stacked(layers: Sequence[Sequence[Unit]], readers: Sequence[Sequence[int]]) -> bool:
    """Whether every unit reads the outputs of the layer before, and nobody else does."""
    for before, units in pairwise(layers):
        outs = {unit.out for unit in before}
        own = {member for unit in units for member in unit.members}
        if any(set(unit.weights) != outs for unit in units):
            return False
        if not own.issuperset(reader for out in outs for reader in readers[out]):
            return False
    return True
