"""The network seen in scalars: layers of neurons, on one sample or on several.

It is found by the modules that made the scalars, and by what they computed; the page draws it
(`stage/network.js`). Next: `repeats.py`, for graphs without modules.
"""

from __future__ import annotations

import re
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from heapq import heappop, heappush
from itertools import chain, repeat, zip_longest
from operator import or_
from typing import Any, TypeAlias

from glassgrad.engine import TABLE, Scope
from glassgrad.engine.text import counted
from glassgrad.viz.diagram import Diagram, Node
from glassgrad.viz.picture import Scopes

_FEWEST_UNITS = 3
_LONGEST = 100  # of so many nodes and more is no activation
_SUMS, _PRODUCTS = (TABLE["add"], TABLE["sum"]), (TABLE["mul"], TABLE["dot"])
_JOINS = (*_SUMS, TABLE["sub"], TABLE["mean"])


@dataclass(frozen=True)
class Unit:
    """One neuron on one sample; its nodes by their indices.

    `name` is such as "layer 1, neuron 2", of several samples "layer 1, neuron 2, sample 3". `total`
    is what its activation is applied to; weights are by what they are multiplied with, the sources
    of the unit.
    """

    name: str
    out: int
    total: int
    weights: Mapping[int, int]
    bias: int | None


Layers: TypeAlias = Sequence[Sequence[Unit]]


@dataclass(frozen=True, repr=False)
class Network:
    """Of each sample the layers of units, from its inputs to its outputs."""

    samples: Sequence[Layers]

    @property
    def inputs(self) -> list[list[int]]:
        """Of each sample, in order, what all units of its first layer read."""
        return [list(layers[0][0].weights) for layers in self.samples]

    def __repr__(self) -> str:
        sizes = " → ".join(map(str, (len(self.inputs[0]), *map(len, self.samples[0]))))
        return f"<network {sizes} on {counted(len(self.samples), 'sample')}>"

    def record(self, places: Mapping[int, int]) -> list[Any]:
        """For the page: of each sample the inputs, and its layers of units.

        Of a unit these are the name, the output, the sum, the bias, its sources and their weights.
        """

        def unit(one: Unit) -> list[Any]:
            bias = None if one.bias is None else places[one.bias]
            sources, weights = zip(*one.weights.items())
            found = [[places[i] for i in part] for part in (sources, weights)]
            return [one.name, places[one.out], places[one.total], bias, *found]

        return [
            [[places[i] for i in inputs], [[unit(one) for one in units] for units in layers]]
            for inputs, layers in zip(self.inputs, self.samples)
        ]

    def levels(self) -> list[str]:
        """What the page can open: the network on each sample, and the neurons."""
        count = len(self.samples)
        ones = [f"network, sample {k}" for k in range(1, count + 1)] if count > 1 else []
        units = (one.name for layers in self.samples for units in layers for one in units)
        return ["network", *ones, *units]


def network_in(diagram: Diagram, root: int) -> Network | None:
    """The network behind a result, on one sample or several; None where scalars alone are seen.

    So it is where neurons are anything but sums of products, each of a weight of its own and a
    source, and what bends such a sum; where samples do not go through the same layers, each of
    which is read by the next one alone; and where modules compute beside with parameters of their
    own, or let outputs meet otherwise than in sums, as attention does with words.
    """
    neurons = _Neurons(diagram, root)
    if len(neurons.units) < _FEWEST_UNITS:
        return None
    samples = neurons.samples()
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
    return Network(named)


class _Neurons:
    """The neurons in a diagram: the results of modules that are sums of products, bent or not."""

    def __init__(self, diagram: Diagram, root: int) -> None:
        self.diagram, self.scopes = diagram, Scopes(diagram).of
        self.units: list[Unit] = []
        self._other: set[int] = set()  # what is known to be no sum of products
        self._parameters: dict[Scope, set[int] | None] = {}
        inside: dict[Scope, list[int]] = {}
        for node in diagram:
            if node.parents and (scope := self.scopes[node.index]) is not None:
                inside.setdefault(scope, []).append(node.index)
        self._results = {i for own in inside.values() for i in self._read_outside(own, root)}
        for _, own in sorted(inside.items(), key=lambda each: _natural(each[0].path())):
            found = [self._unit(out, frozenset(own)) for out in own if out in self._results]
            self.units += [unit for unit in found if unit is not None]

    def _read_outside(self, own: Sequence[int], root: int) -> list[int]:
        inside = set(own)
        return [i for i in own if i == root or not inside.issuperset(self.diagram.readers[i])]

    def _unit(self, out: int, own: AbstractSet[int]) -> Unit | None:
        for total in _waists(self.diagram, out, own):
            if total in self._other:
                break
            if found := self._terms(total, own):
                return Unit("", out, total, *found)
            self._other.add(total)
        return None

    def _terms(self, total: int, own: AbstractSet[int]) -> tuple[dict[int, int], int | None] | None:
        """The weights and the bias of a sum of products; None for anything else."""
        weights: dict[int, int] = {}
        biases, terms, met = list[int](), [total], set[int]()
        while terms:
            node = self.diagram[terms.pop()]
            if node.index in met and node.parents:  # what it is the sum of would count twice
                return None
            met.add(node.index)
            is_own = node.index in own and node.index not in self._other
            operation = node.operation if is_own else None
            half = len(node.parents) // 2
            if operation in _SUMS:
                terms += reversed(node.parents)
            elif operation in _PRODUCTS:
                for a, b in zip(node.parents[:half], node.parents[half:]):
                    is_first = self._is_weight(a, node)
                    weight, source = (a, b) if is_first else (b, a)
                    if is_first == self._is_weight(b, node) or source in own or source in weights:
                        return None
                    weights[source] = weight
            elif node.parents:
                return None
            elif not (node.is_constant and node.data == 0.0):  # a sum may begin with a plain 0
                biases.append(node.index)
        if not weights or len(biases) > 1:
            return None
        return weights, biases[0] if biases else None

    def _is_weight(self, index: int, product: Node) -> bool:
        """Whether a leaf is its module's own parameter, read by no other one; a penalty may.

        Of a module that is gone any leaf that it alone read.
        """
        leaf, scope = self.diagram[index], self.scopes[product.index]
        if leaf.parents or leaf.is_constant or scope is None:
            return False
        known = self._parameters_of(scope)
        readers = {self.scopes[reader] for reader in self.diagram.readers[index]}
        return (known is None or index in known) and readers <= {None, *scope.chain()}

    def _parameters_of(self, scope: Scope) -> set[int] | None:
        if scope not in self._parameters:
            self._parameters[scope] = None
            with suppress(Exception):  # it may be code of the user's own
                found = map(self.diagram.values.get, scope.owner.parameters())
                self._parameters[scope] = {i for i in found if i is not None}
        return self._parameters[scope]

    def samples(self) -> Sequence[Layers] | None:
        """The layers of each sample; None where not all samples go through the same ones."""
        calls = self._calls()
        outs = {unit.out for call in calls for unit in call}
        by_sources = {frozenset(call[0].weights): call for call in calls}
        samples = []
        for call in calls:
            if outs.isdisjoint(call[0].weights):
                layers = [call]
                while after := by_sources.get(frozenset(unit.out for unit in layers[-1])):
                    layers.append(after)
                samples.append(layers)
        samples.sort(key=lambda layers: layers[-1][0].out)
        are_all = sum(map(len, samples)) == len(calls)
        are_alike = all(_weights(layers) == _weights(samples[0]) for layers in samples)
        return samples if are_all and are_alike and self._are_alone(samples) else None

    def _calls(self) -> list[list[Unit]]:
        """Units that stand side by side: on the same sources, each with weights of its own.

        Plain numbers are the same where they are equal: each product may have made its own.
        """
        found: dict[Hashable, dict[tuple[int, ...], list[Unit]]] = {}
        for unit in self._bent():
            nodes = [self.diagram[source] for source in unit.weights]
            key = tuple(repr(node.data) if node.is_constant else node.index for node in nodes)
            by_weights = found.setdefault(key, {})
            by_weights.setdefault(tuple(unit.weights.values()), []).append(unit)
        calls = []
        for by_weights in found.values():
            for each in zip_longest(*by_weights.values()):
                first, *others = [unit for unit in each if unit is not None]
                same = [dict(zip(first.weights, unit.weights.values())) for unit in others]
                units = [replace(unit, weights=weights) for unit, weights in zip(others, same)]
                calls.append([first, *units])
        return calls

    def _bent(self) -> list[Unit]:
        """The units, each with what bends its output alone before others read it.

        Between layers this may be anything; behind the last one a part of its own, as an activation
        is, and not what the module around the network, or nobody's, does with its output.
        """
        by_out = {unit.out: unit for unit in self.units}
        sources = {source for unit in self.units for source in unit.weights}
        operations = {node.index for node in self.diagram if node.parents}
        begin = {out: out for out in by_out}  # which unit's output each is computed from alone
        for end in sorted((self._results | sources & operations) - by_out.keys()):
            waists = _waists(self.diagram, end, operations)
            if (out := next((begin[i] for i in waists if i in begin), None)) is not None:
                begin[end] = out
                around = self.scopes[out]
                is_part = self.scopes[end] not in (None, *(around.chain() if around else ()))
                if is_part or end in sources:
                    by_out[out] = replace(by_out[out], out=end)
        return list(by_out.values())

    def _are_alone(self, samples: Sequence[Layers]) -> bool:
        """Whether modules compute these layers, and nothing beside what is around the network."""
        computed = set[int]()
        around: set[Scope | None] = {None}
        for layers in samples:
            members = [[self._between([u.out], u.weights) for u in units] for units in layers]
            if not self._are_stacked(layers, members):
                return False
            computed = computed.union(*chain.from_iterable(members))
            scopes = {self.scopes[unit.total] for units in layers for unit in units}
            around |= {each for scope in scopes if scope for each in scope.chain()}
        for node in self.diagram:
            if node.parents and node.index not in computed:
                scope = self.scopes[node.index]
                own = self._parameters_of(scope) if scope else None
                if scope not in around or not (own or set()).isdisjoint(node.parents):
                    return False
        return not self._do_meet(samples)

    def _do_meet(self, samples: Sequence[Layers]) -> bool:
        """Whether a module lets what it has of several samples meet otherwise than in sums, as
        attention does with words, or multiplies outputs by each other, as a gate does.

        Then a layer, and a sample, do not stand for themselves.
        """
        # Of each node the samples that it is computed from, each a bit.
        behind = {one.out: 1 << s for s, layers in enumerate(samples) for one in layers[-1]}
        for node in self.diagram:
            read = {i: behind[i] for i in node.parents if i in behind}
            if not read:
                continue
            behind.setdefault(node.index, reduce(or_, read.values()))
            if self.scopes[node.index] is None or node.operation in _JOINS:
                continue
            if node.operation in _PRODUCTS:  # by itself a number is squared
                half = len(node.parents) // 2
                pairs = zip(node.parents[:half], node.parents[half:])
                if any(a != b and a in read and b in read for a, b in pairs):
                    return True
            elif len(read) > 1 and behind[node.index].bit_count() > 1:
                return True
        return False

    def _are_stacked(self, layers: Layers, members: Sequence[Sequence[AbstractSet[int]]]) -> bool:
        """Whether each weight is of one unit, what units compute is read by themselves, and their
        outputs by the next layer. The last one may be read by anything.
        """
        weights = [i for units in _weights(layers) for unit in units for i in unit]
        behind = self._between(layers[0][0].weights, ())
        if len({*weights}) < len(weights) or not behind.isdisjoint(weights):
            return False
        for units, own, after in zip(layers, members, [*members[1:], None]):
            reading = None if after is None else frozenset[int]().union(*after)
            if not all(map(self._is_closed, units, own, repeat(reading))):
                return False
        return True

    def _is_closed(
        self, unit: Unit, members: AbstractSet[int], reading: AbstractSet[int] | None
    ) -> bool:
        for i in members:
            allowed = reading if i == unit.out else members
            is_computed = bool(self.diagram[i].parents)  # the others are weights, and the bias
            if is_computed and allowed is not None and not {*self.diagram.readers[i]} <= allowed:
                return False
        return True

    def _between(self, outs: Iterable[int], sources: Container[int]) -> set[int]:
        """What numbers are computed from, back to some sources, and themselves."""
        found, pending = set(outs), list(outs)
        while pending:
            for parent in self.diagram[pending.pop()].parents:
                if parent not in found and parent not in sources:
                    found.add(parent)
                    pending.append(parent)
        return found


def _natural(path: str) -> list[tuple[str, int]]:
    """To sort paths by: the numbers in them as numbers."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D+)(\d*)", path)]


def _weights(layers: Layers) -> list[list[list[int]]]:
    return [[list(unit.weights.values()) for unit in units] for units in layers]


def _waists(diagram: Diagram, out: int, inside: Container[int]) -> Iterator[int]:
    """The nodes that a number depends on through them alone, itself first.

    The search ends where anything but plain numbers and nodes of those inside is read, or is long.
    """
    pending, seen = [-out], {out}
    while pending and len(seen) < _LONGEST:
        node = diagram[-heappop(pending)]
        if not pending:
            yield node.index
        for parent in node.parents:
            if not diagram[parent].is_constant and parent not in inside:
                return
            if parent not in seen and not diagram[parent].is_constant:
                heappush(pending, -parent)
            seen.add(parent)
