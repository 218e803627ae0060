"""What the nodes of a diagram are called: each by a name that no other has.

It is the label that the user gave, or the name of the variable; without one v1, v2, ... in the
order of evaluation; of a plain number, the number. Who shares a label gets a number behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from glassgrad.engine import Value
from glassgrad.engine.printing import short
from glassgrad.engine.text import describe, visible


class Names:
    """The names of the nodes of one diagram.

    Args:
        order: the Values, in the order of evaluation.
        names: names for Values without a label, such as `locals()`.

    Raises:
        TypeError: `names` is no mapping from texts.
    """

    def __init__(self, order: Sequence[Value], names: Mapping[str, Any] | None) -> None:
        self._labels = _labels(order, names)
        self._parts = _parts(order, self._labels)
        self._used = {label for label in self._labels.values() if label}
        self._given: set[str] = set()
        self._copies: dict[str, int] = {}
        self._numbers = count(1)

    def label(self, value: Value | None) -> str | None:
        """What the user called a Value; None for nothing, and for a part of an opened dot."""
        return None if value is None else self._labels[value]

    def add_inside(self, order: Sequence[Value], opened: Value) -> None:
        """Take in the scalars of a compiled node that is opened, which the last of them is."""
        for value in order:
            self._labels.setdefault(value, value.label and visible(value.label))
        self._labels[order[-1]] = self._labels[opened] or self._labels[order[-1]]

    def take(self, value: Value | None, data: float) -> str:
        """The name for a node, which no other gets."""
        label = self.label(value)
        if label is None:
            if value is not None and value.is_constant:
                return short(data)
            label = next(name for n in self._numbers if (name := f"v{n}") not in self._used)
        part = self._parts.get(value)
        name = label if part in (None, 1) else f"{label}_{part}"
        while name in self._given or (name != label and name in self._used):
            self._copies[label] = self._copies.get(label, 1) + 1
            name = f"{label}_{self._copies[label]}"
        self._given.add(name)
        return name


def _parts(order: Sequence[Value], labels: Mapping[Value, str | None]) -> dict[Value | None, int]:
    """For leaves whose label others have too: the number of the part of a model that uses them.

    So the weights of the second neuron are w0_2, w1_2, ..., whatever else has a w0.
    """
    part_of: dict[Value, tuple[str, int]] = {}
    for value in order:
        if value.scope is None:
            continue
        for parent in value.parents:
            if not parent.parents and labels[parent] and parent not in part_of:
                part_of[parent] = value.scope.path(), id(value.scope.owner)
    numbers = {part: i for i, part in enumerate(dict.fromkeys(part_of.values()), 1)}
    counts = Counter(labels[leaf] for leaf in part_of)
    return {leaf: numbers[part] for leaf, part in part_of.items() if counts[labels[leaf]] > 1}


def _labels(order: Iterable[Value], names: Mapping[str, Any] | None) -> dict[Value, str | None]:
    """An empty label shows nothing, so it counts as none."""
    found = {value: name for name, value in _named_values({} if names is None else names)}
    given = ((v, v.label or (None if v.is_constant else found.get(v))) for v in order)
    return {value: label and visible(label) for value, label in given}


def _named_values(names: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """The Values in a namespace with their names; those in sequences as name[i]."""
    if not isinstance(names, Mapping):
        raise TypeError(f"names is a dict such as locals(), not {describe(names)}.")
    for name, thing in reversed(list(names.items())):
        if not isinstance(name, str):
            raise TypeError(f"names gives each Value a text, not {describe(name)}.")
        if not name or name.startswith("_"):
            continue
        if isinstance(thing, Value):
            yield name, thing
        elif isinstance(thing, (list, tuple)):
            for i, part in enumerate(thing):
                if isinstance(part, Value):
                    yield f"{name}[{i}]", part
