"""`Module`: what a neuron, a layer, a network and every class of your own have in common.

A module finds its parameters by looking through its attributes, so there is nothing to register.
How it finds them is in `parts.py`, what happens when it is called in `scoped.py`, how it shows
itself in `tree.py`, what it was made with in `remembered.py`, and what its files hold in
`saving/files.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassgrad.engine import Value, zero_grad
from glassgrad.engine.misuse import real
from glassgrad.engine.provenance import is_ours
from glassgrad.engine.revision import STRUCTURE
from glassgrad.engine.text import describe, named, some_of
from glassgrad.engine.tree import scalar_of
from glassgrad.nn.checks import true_or_false
from glassgrad.nn.modules.parts import Found
from glassgrad.nn.modules.remembered import Remembered, remembered
from glassgrad.nn.modules.scoped import Scoped
from glassgrad.nn.modules.tree import title, tree

if TYPE_CHECKING:
    from typing_extensions import Self


class Module(Scoped):
    """A part of a network that holds parameters. Derive from it and define `forward`.

    Parameters are the leaf Values among the attributes, in the order in which they were assigned:
    directly, in lists, tuples, dicts and arrays, and in other modules. A class that defines
    `__call__` instead of `forward`, or a `parameters` of its own, works as well.

    Example:
        >>> from glassgrad import Module, Value
        >>> class Line(Module):
        ...     def __init__(self):
        ...         self.slope, self.shifts = Value(2.0), [Value(1.0)]
        ...     def forward(self, x):
        ...         return self.slope * x + self.shifts[0]
        >>> line = Line()
        >>> line(3.0).data
        7.0
        >>> line.state_dict()
        {'slope': 2.0, 'shifts.0': 1.0}
        >>> line
        Line(2 parameters)
    """

    _not_parts: tuple[str, ...] = (*Scoped._not_parts, "_built_with")
    _not_copied: tuple[str, ...] = ("_memory",)
    """Attributes that no copy takes along; it does remember what the module was built with."""
    _built_with: Remembered
    training: bool
    """Whether the module is being trained: `Dropout` leaves units out only then."""

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """A module that is being trained; an `__init__` of the user's own need not say so."""
        module = super().__new__(cls)
        if is_ours(cls):
            module._built_with = remembered(arguments, options)
        module.training = True
        return module

    def train(self, mode: bool = True) -> Self:
        """Say that the module, with all modules in it, is being trained; or not, as `eval` does.

        Args:
            mode: whether it is.

        Returns:
            The module itself.

        Raises:
            TypeError: the mode is neither True nor False.

        >>> from glassgrad import MLP
        >>> MLP(2, [1]).train().training
        True
        """
        self.training = mode = true_or_false(mode, "train(mode=...)")
        for part in Found.below(self).holders:
            if isinstance(part, Module):
                part.training = mode
        return self

    def eval(self) -> Self:
        """Say that the module is in use: nothing in it is left to chance.

        >>> from glassgrad import MLP
        >>> MLP(2, [1]).eval().training
        False
        """
        return self.train(False)

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with its name: the path of attributes, as "layers.0.b".

        Raises:
            ValueError: two parameters have the same name, as {1: v, "1": w} in a dict has.

        >>> from glassgrad import Neuron
        >>> [name for name, p in Neuron(2).named_parameters()]
        ['w.0', 'w.1', 'b']
        """
        return iter(self._found(named=True).named(self))

    def parameters(self) -> list[Value]:
        """Every parameter once, in a stable order.

        >>> from glassgrad import MLP
        >>> len(MLP(3, [4, 4, 1]).parameters())
        41
        """
        if type(self).named_parameters is Module.named_parameters:
            return self._found().parameters.copy()
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, since `backward()` adds to it.

        >>> from glassgrad import Neuron
        >>> n = Neuron(2)
        >>> n.zero_grad()
        >>> n.b.grad
        0.0
        """
        zero_grad(self.parameters())

    def _found(self, named: bool = False) -> Found:
        """The parts below the module, if every parameter has a name of its own."""
        found = Found.below(self, named)
        if found.twice is None:
            return found
        raise ValueError(
            f"Two parameters of {type(self).__name__} are named {found.twice!r}. "
            "Rename a key of the dict that holds them."
        )

    def state_dict(self) -> dict[str, float]:
        """The number of every parameter by name: all that training has changed.

        >>> from glassgrad import Neuron
        >>> sorted(Neuron(2).state_dict())
        ['b', 'w.0', 'w.1']
        """
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Give every parameter the number that `state` has under its name.

        Args:
            state: what `state_dict()` gave, of a module built in the same way.

        Raises:
            ValueError: names are missing or unknown, or an entry is no real number. The message
                names them all, and the module stays as it was.
            TypeError: `state` is no mapping from names to numbers.

        >>> from glassgrad import Neuron
        >>> n = Neuron(1)
        >>> n.load_state_dict({"w.0": 2.0, "b": 1.0})
        >>> n.state_dict()
        {'w.0': 2.0, 'b': 1.0}
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"A state is a dict from names to numbers, not {describe(state)}.")
        parameters = dict(self.named_parameters())
        numbers, complaints = _numbers_of(state)
        missing = [name for name in parameters if name not in state]
        unknown = [named(name) for name in state if name not in parameters]
        faults = {"missing": missing, "unknown": unknown, "not a number": complaints}
        if any(faults.values()):
            found = "; ".join(
                f"{kind}: {some_of(names)}" for kind, names in faults.items() if names
            )
            raise ValueError(f"{title(self)} cannot take this state, and is unchanged. {found}.")
        for name, parameter in parameters.items():
            parameter.data = numbers[name]

    def save(self, path: str | Path) -> Path:
        """Write `state_dict()` to a file: JSON in UTF-8, with every number exactly.

        If the module is one of `nn`, the file says how it is built too, so that `glassgrad.load`
        needs nothing else. An interruption leaves the old file or the new one, never a half.

        Args:
            path: where; a file that is there is replaced.

        Returns:
            The path.

        Raises:
            TypeError: the path is no path.
            ValueError: two parameters have the same name, or half of a surrogate pair, which
                UTF-8 cannot say, is in one.
            OSError: the file cannot be written.

        >>> import tempfile
        >>> from glassgrad import Neuron
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Neuron(2).save(f"{folder}/neuron.json").name
        'neuron.json'
        """
        from glassgrad.nn.saving import files

        return files.save(self, path)

    def load(self, path: str | Path) -> None:
        """Give every parameter its number from a file that `save` wrote. Runs nothing of it.

        Args:
            path: the file, of a module built in the same way.

        Raises:
            ValueError: it is damaged, is no model file, or is one of another shape or with other
                settings, such as another activation. The message begins with the file's name, and
                the module stays as it was.
            TypeError: the path is no path.
            OSError: the file cannot be read.

        >>> import tempfile
        >>> from glassgrad import Neuron
        >>> trained, other = Neuron(2, seed=1), Neuron(2, seed=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     other.load(trained.save(f"{folder}/neuron.json"))
        >>> other.state_dict() == trained.state_dict()
        True
        """
        from glassgrad.nn.saving import files

        files.fill(self, path)

    def extra_repr(self) -> str:
        """What the class shows of itself besides the parameter count; "" shows its parts instead.

        >>> from glassgrad import Module
        >>> Module().extra_repr()
        ''
        """
        return ""

    def __setattr__(self, name: str, thing: Any) -> None:
        is_new = name not in vars(self) or vars(self)[name] is not thing
        super().__setattr__(name, thing)
        if is_new:
            STRUCTURE.count_up()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        STRUCTURE.count_up()

    def __repr__(self) -> str:
        return tree(self)

    def __getstate__(self) -> dict[str, Any]:
        """The attributes that a copy or a pickle takes along."""
        return {name: x for name, x in vars(self).items() if name not in self._not_copied}


def _numbers_of(state: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
    """The entries as floats, and those that are none."""
    numbers, complaints = {}, []
    for name, entry in state.items():
        try:
            numbers[name] = real(scalar_of(entry), "A state")
        except TypeError:
            complaints.append(f"{named(name)} ({describe(entry)})")
        except OverflowError:
            complaints.append(f"{named(name)} (too large for a float)")
    return numbers, complaints
