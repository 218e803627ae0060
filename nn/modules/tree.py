"""How a module shows itself: a line, and below it its parts as a tree."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, cast

from glassgrad.engine.text import counted
from glassgrad.nn.modules.parts import Holder, walk

if TYPE_CHECKING:
    from glassgrad.nn.modules.module import Module


def tree(module: Module) -> str:
    """A module in a line with its parameter count, its parts below unless it describes itself.

    Equal parts in a row are shown as one.

    >>> from glassgrad import MLP, Module
    >>> from glassgrad.nn.modules.tree import tree
    >>> class Ensemble(Module):
    ...     def __init__(self):
    ...         self.members = [MLP(2, [4, 1]) for _ in range(8)]
    ...         self.judge = MLP(8, [1], activation="sigmoid")
    >>> print(tree(Ensemble()))
    Ensemble(145 parameters)
    ├─ members.0 … members.7, each: MLP(2 → 4 → 1, tanh, 17 parameters)
    └─ judge: MLP(8 → 1, sigmoid, 9 parameters)
    """
    return "\n".join(_lines(module, set()))


def title(module: object) -> str:
    """A module in one line: the first of those in which it shows itself.

    >>> from glassgrad import Neuron
    >>> from glassgrad.nn.modules.tree import title
    >>> title(Neuron(2))
    'Neuron(2, tanh, 3 parameters)'
    """
    return repr(module).split("\n", maxsplit=1)[0]


def _lines(module: Module, seen: set[int]) -> list[str]:
    seen.add(id(module))
    about, size = module.extra_repr(), counted(len(module.parameters()), "parameter")
    lines = [f"{type(module).__name__}({about}{', ' * bool(about)}{size})"]
    if about:
        return lines
    parts = [(path, part) for path, part in walk(module, deep=False) if isinstance(part, Holder)]
    trees = [
        (path, _lines(cast("Module", part), seen)) for path, part in parts if id(part) not in seen
    ]
    groups = [(below, list(same)) for below, same in groupby(trees, key=lambda named: named[1])]
    for i, (below, same) in enumerate(groups):
        first, last = same[0][0], same[-1][0]
        title = first if len(same) == 1 else f"{first} … {last}, each"
        fork, side = ("└─ ", "   ") if i == len(groups) - 1 else ("├─ ", "│  ")
        lines += [f"{fork}{title}: {below[0]}", *(side + line for line in below[1:])]
    return lines
