"""The network seen in scalars: layers of neurons, on one sample or on several.

It is found by the modules that made the scalars, and by what they computed; the page draws it
(`stage/network.js`). Next: `repeats.py`, for graphs without modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import zip_longest
from typing import Any

from glassgrad.engine import TABLE, Scope
from glassgrad.engine.text import counted
from glassgrad.viz.diagram import Diagram, Node
from glassgrad.viz.picture import Scopes

_NEURON = re.compile(r"(?:^|\.)neurons\.\d+$")
_FEWEST_UNITS = 3
_SUMS, _PRODUCTS = (TABLE["add"], TABLE["sum"]), (TABLE["mul"], TABLE["dot"])


@dataclass(frozen=True)
class Unit:
    """One neuron on one sample; its nodes by their indices.

    `name` is such as "layer 1, neuron 2", of several samples "layer 1, neuron 2, sample 3". `total`
    is what its activation is applied to; weights are by what they are multiplied with, the sources
    of the unit; `members` are what is computed from these, and the unit's own leaves.
    """

    name: str
    out: int
    total: int
    weights: Mapping[int, int]
    bias: int | None
    members: frozenset[int]


@dataclass(frozen=True, repr=False)
class Network:
    """Of each sample its inputs, in order, and the layers of units from them to the outputs."""

    inputs: Sequence[Sequence[int]]
    samples: Sequence[Sequence[Sequence[Unit]]]

    def __repr__(self) -> str:
        sizes = " → ".join(map(str, (len(self.inputs[0]), *map(len, self.samples[0]))))
        return f"<network {sizes} on {counted(len(self.samples), 'sample')}>"

    def record(self, places: Mapping[int, int]) -> list[Any]:
        """For the page: of each sample the inputs, and its layers of units.

        Of a unit these are the output, the sum, the bias, its sources and their weights.
        """

        def unit(one: Unit) -> list[Any]:
            bias = None if one.bias is None else places[one.bias]
            sources, weights = zip(*one.weights.items())
            found = [[places[i] for i in part] for part in (sources, weights)]
            return [places[one.out], places[one.total], bias, *found]

        return [
            [[places[i] for i in inputs], [[unit(one) for one in units] for units in layers]]
            for inputs, layers in zip(self.inputs, self.samples)
        ]

    def levels(self) -> list[str]:
        """What the page can open: the network on each sample, and the neurons."""
        others = [f"network, sample {k}" for k in range(2, len(self.samples) + 1)]
        units = (one.name for layers in self.samples for units in layers for one in units)
        return ["network", *others, *units]


def network_in(diagram: Diagram, root: int) -> Network | None:
    """The network behind a result, on one sample or several; None where scalars alone are seen.

    So it is where neurons are anything but sums of products, each of a weight of its own and a
    source, and what bends such a sum; and where samples do not go through the same layers, each of
    which is read by the next one alone.
    """
    finder = _Neurons(diagram, root)
    if len(finder.units) < _FEWEST_UNITS:
        return None
    samples = _samples(diagram, _calls(finder.bent()))
    if samples is None:
        return None
    named = [
        [
            [
                replace(one, name=f"layer {at}, neuron {k}" + f", sample {s}" * (len(samples) > 1))
                for k, one in enumerate(units, 1)
            ]
            for at, units in enumerate(layers, 1)
        ]
        for s, layers in enumerate(samples, 1)
    ]
    inputs = [
        dict.fromkeys(source for one in layers[0] for source in one.weights) for layers in samples
    ]
    return Network([list(each) for each in inputs], named)


class _Neurons:
    """The neurons in a diagram: the results of modules that are sums of products, bent or not."""

    def __init__(self, diagram: Diagram, root: int) -> None:
        self.diagram, self.scopes = diagram, Scopes(diagram).of
        self.units: list[Unit] = []
        inside: dict[Scope, list[int]] = {}
        for node in diagram:
            if node.parents and (scope := self.scopes[node.index]) is not None:
                inside.setdefault(scope, []).append(node.index)
        self._ends = {i for own in inside.values() for i in _results(diagram, root, own)}
        for scope, own in inside.items():
            found = [self._unit(out, frozenset(own)) for out in own if out in self._ends]
            units = [unit for unit in found if unit is not None]
            if len(units) == len(found):
                self.units += units
            elif _NEURON.search(scope.path()):  # one that is something else
                self.units.clear()
                return

    def _unit(self, out: int, own: frozenset[int]) -> Unit | None:
        for total, above in _waists(self.diagram, out, own):
            if found := self._terms(total, own):
                weights, bias, terms = found
                return Unit("", out, total, weights, bias, above | terms)
        return None

    def _terms(
        self, total: int, own: AbstractSet[int]
    ) -> tuple[dict[int, int], int | None, set[int]] | None:
        """The weights, the bias and the nodes of a sum of products; None for anything else."""
        weights: dict[int, int] = {}
        biases, terms, members = list[int](), [total], set[int]()
        while terms:
            node = self.diagram[terms.pop()]
            operation = node.operation if node.index in own else None
            half = len(node.parents) // 2
            members.add(node.index)
            if operation in _SUMS:
                terms += reversed(node.parents)
            elif operation in _PRODUCTS:
                for a, b in zip(node.parents[:half], node.parents[half:]):
                    weight, source = (a, b) if self._is_weight(a, node) else (b, a)
                    if not self._is_weight(weight, node) or source in own or source in weights:
                        return None
                    weights[source] = weight
            elif node.parents:
                return None
            elif not (node.is_constant and node.data == 0.0):  # a sum may begin with a plain 0
                biases.append(node.index)
        if not weights or len(biases) > 1:
            return None
        return weights, biases[0] if biases else None, members.union(weights.values())

    def _is_weight(self, index: int, product: Node) -> bool:
        """Whether a product's operand is a leaf that no other module reads; a penalty may.

        Where both are, the first is taken for the weight, as neurons are written.
        """
        leaf, scope = self.diagram[index], self.scopes[product.index]
        around = {None, *(scope.chain() if scope else ())}
        readers = {self.scopes[reader] for reader in self.diagram.readers[index]}
        return not leaf.parents and not leaf.is_constant and readers <= around

    def bent(self) -> list[Unit]:
        """The units, each with what bends its output alone before others read it.

        Between layers this may be anything in a module; behind the last one a part of its own, as
        an activation is, and not what the module around the network does with its output.
        """
        by_out = {unit.out: unit for unit in self.units}
        sources = {source for unit in self.units for source in unit.weights}
        inside = {i for i, scope in enumerate(self.scopes) if scope is not None}
        for end in sorted((self._ends | (sources & inside)) - by_out.keys()):
            for out, above in _waists(self.diagram, end, inside):
                if (unit := by_out.get(out)) is not None:
                    around = self.scopes[out]
                    is_own = around is None or self.scopes[end] not in around.chain()
                    if is_own or end in sources:
                        by_out[out] = replace(unit, out=end, members=unit.members | above)
                    break
        return list(by_out.values())


def _results(diagram: Diagram, root: int, own: Sequence[int]) -> list[int]:
    """Those of some nodes that others read, and the root."""
    inside = set(own)
    return [i for i in own if i == root or not inside.issuperset(diagram.readers[i])]


def _waists(
    diagram: Diagram, out: int, inside: AbstractSet[int]
) -> Iterator[tuple[int, frozenset[int]]]:
    """The nodes that a number depends on through them alone, itself first, with all above each.

    The search ends where anything but plain numbers and nodes of those inside is read.
    """
    pending, above = [-out], {out}
    while pending:
        node = diagram[-heappop(pending)]
        if not pending:
            yield node.index, frozenset(above)
        for parent in node.parents:
            if not diagram[parent].is_constant and parent not in inside:
                return
            if parent not in above and not diagram[parent].is_constant:
                heappush(pending, -parent)
            above.add(parent)


def _calls(units: Iterable[Unit]) -> list[list[Unit]]:
    """Units that stand side by side: on the same sources, each with weights of its own."""
    found: dict[AbstractSet[int], dict[tuple[int, ...], list[Unit]]] = {}
    for unit in sorted(units, key=lambda unit: unit.out):
        by_weights = found.setdefault(frozenset(unit.weights), {})
        by_weights.setdefault(tuple(unit.weights.values()), []).append(unit)
    calls = (zip_longest(*by_weights.values()) for by_weights in found.values())
    return [[unit for unit in call if unit is not None] for each in calls for call in each]


def _samples(diagram: Diagram, calls: Sequence[Sequence[Unit]]) -> list[list[list[Unit]]] | None:
    """The layers of each sample; None where not all samples go through the same ones."""
    outs = {unit.out for call in calls for unit in call}
    by_sources = {frozenset(call[0].weights): call for call in calls}
    samples = []
    for call in calls:
        if outs.isdisjoint(call[0].weights):
            layers = [call]
            while after := by_sources.get(frozenset(unit.out for unit in layers[-1])):
                layers.append(after)
            samples.append(layers)
    if sum(map(len, samples)) < len(calls) or not all(_are_stacked(diagram, s) for s in samples):
        return None
    samples.sort(key=lambda layers: layers[-1][0].out)
    orders = [[tuple(unit.weights.values()) for unit in call] for call in samples[0]]
    found = []
    for layers in samples:
        by_weights = [{tuple(unit.weights.values()): unit for unit in call} for call in layers]
        if [units.keys() for units in by_weights] != [set(order) for order in orders]:
            return None
        found.append([[units[key] for key in order] for units, order in zip(by_weights, orders)])
    return found


def _are_stacked(diagram: Diagram, layers: Sequence[Sequence[Unit]]) -> bool:
    """Whether what units compute is their own, and their outputs are read by the next alone."""
    for units, after in zip_longest(layers, layers[1:], fillvalue=()):
        reading = frozenset[int]().union(*(unit.members for unit in after))
        for unit in units:
            for i in unit.members:
                own = unit.members if i != unit.out else reading if after else diagram.readers[i]
                if diagram[i].parents and not set(own).issuperset(diagram.readers[i]):
                    return False
    return True
