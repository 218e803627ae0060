"""`Module`: what a neuron, a layer, a network and every class of your own have in common.

A module finds its parameters by looking through its attributes (`parts.py`), so there is nothing to
register. While it runs it opens a scope on the graph: every node remembers the scope it was made
in, so that a drawing can group nodes by neuron and layer without knowing what these are. Scopes and
contexts are those of `engine/context.py`, remembered from call to call, since a training step calls
thousands of neurons. What a model file holds is in `saving.py`. Next: `dense.py`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from itertools import chain, groupby, repeat
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from glassgrad.engine import Value, assign, zero_grad
from glassgrad.engine.context import Context, Scope, call_in, current, set_context
from glassgrad.engine.misuse import is_real, know_habits, real
from glassgrad.engine.provenance import is_of_library, made_by
from glassgrad.engine.text import counted, describe, function_name, named, some_of, told
from glassgrad.engine.tree import scalar_of
from glassgrad.engine.value import set_frozen
from glassgrad.nn import saving
from glassgrad.nn.parts import Found, Holder, title, walk

if TYPE_CHECKING:
    from typing_extensions import Self


_MOST_SCOPES = 100
_LONGEST = 4000
"""A module shows itself in so many characters."""


_HABITS = {
    name: remedy
    for names, remedy in {
        "fit": "Write fit(model, loss, X, y), a function of glassgrad.",
        "predict predict_proba": "Write predict(model, X), a function of glassgrad; model(x) "
        "is the output for one sample.",
        "to cpu cuda device double float half": "Its numbers are Python floats, without a device "
        "or a type; compiled(...) of a function makes it fast.",
        "compile": "fit compiles by itself; compiled(model) is a function like the model.",
        "requires_grad requires_grad_": "Write model.freeze() to leave its parameters out of a "
        "training, and model.unfreeze() to take them in again.",
        "children modules named_modules named_children": "Its parts are its attributes, such as "
        "the layers of an MLP; print(model) shows them.",
        "weight bias weights params get_weights set_weights": "Write model.parameters(), or "
        "neuron.w and neuron.b of a Neuron; assign(parameters, numbers) sets them.",
        "num_parameters count_params": "Write len(model.parameters()).",
        "backward": "Write loss.backward(), of the loss of an output.",
        "step": "Write optimiser.step(), as of optimiser = SGD(model.parameters(), 0.1).",
        "summary": "Write print(model).",
        "add_module register_module register_parameter register_buffer": "Assign it to an "
        "attribute: what is there is found.",
    }.items()
    for name in names.split()
}
"""What people look for on a module, and the sentence that says where it is."""


def _in_scope(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def scoped(self: Module, *arguments: Any, **keywords: Any) -> Any:
        inside = self._context_inside(current(), sys._getframe(1))
        return call_in(inside, call, self, *arguments, **keywords)

    return scoped


def _name(module: Holder, scope: Scope | None) -> str:
    """The path to a module from the innermost module around it that holds it; else its class."""
    while scope is not None:
        owner = scope.owner
        if isinstance(owner, Holder):
            # What it holds directly comes first: a deep walk for each neuron would be slow.
            for path, part in chain(walk(owner, deep=False), walk(owner)):
                if part is module:
                    return path
        scope = scope.parent
    return type(module).__name__


class Module(Holder):
    """A part of a network that holds parameters. Derive from it and define `forward`.

    Parameters are the leaf Values among the attributes, in the order in which they were assigned:
    directly, in lists, tuples, dicts and arrays, and in other modules. A call runs `forward`
    inside a scope, named by the path of attributes from the module that calls it. A class that
    defines `__call__` instead of `forward`, or a `parameters` of its own, works as well.

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

    training: bool
    """Whether the module is being trained: `Dropout` leaves units out only then."""

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """A module that is being trained; an `__init__` of the user's own need not say so."""
        module = super().__new__(cls)
        module.training = True
        return module

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        own = vars(cls).get("__slots__", ())
        if hidden := {own} if isinstance(own, str) else set(own):
            raise TypeError(
                f"{cls.__name__} keeps {some_of(sorted(hidden))} in __slots__, where no parameter "
                "is found, trained or saved. Leave __slots__ out of a Module."
            )
        if "__call__" in vars(cls):
            setattr(cls, "__call__", _in_scope(vars(cls)["__call__"]))  # noqa: B010

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run `forward` inside the scope of this module."""
        # As `_in_scope` does, without the calls that it costs: a step calls thousands of neurons.
        around, caller = current(), sys._getframe(1)
        known, code, instruction, inside = self._memory.last_call
        same_line = code is caller.f_code and instruction == caller.f_lasti
        if known is not around or not same_line:
            inside = self._context_inside(around, caller)
        try:  # around the change too: Ctrl-C may come right after it
            set_context(inside)
            return self.forward(*arguments, **keywords)
        except TypeError as error:
            if error.__traceback__ and error.__traceback__.tb_next is None:  # of the call itself
                self._refuse_numbers_one_by_one(arguments)
            raise
        finally:
            set_context(around)

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        """What the module computes; a class of your own defines it."""
        raise NotImplementedError(
            f"{type(self).__name__} defines no forward(self, x): it computes nothing yet."
        )

    def freeze(self) -> Self:
        """Leave the parameters of the module, and of all modules in it, as they are.

        They are still parameters, which are counted, saved and loaded. But no gradient reaches
        them: it shows as "–". So no training moves them, whatever its optimiser was given. A file
        does not say that they are frozen; a copy is.

        >>> from glassgrad import MLP
        >>> model = MLP(2, [3, 1])
        >>> model.layers[0].freeze()
        Layer(2 → 3, tanh, 9 parameters, frozen)
        >>> model([1.0, 2.0]).backward()
        >>> model.layers[0].neurons[0].b.grad, model
        (–, MLP(2 → 3 → 1, tanh, 13 parameters, 9 frozen))
        """
        set_frozen(self.parameters(), True)
        return self

    def unfreeze(self) -> Self:
        """Let parameters move again, those of the module and of all modules in it."""
        set_frozen(self.parameters(), False)
        return self

    def train(self, mode: bool = True) -> Self:
        """Say that the module, with all modules in it, is being trained; or not, as `eval` does."""
        for module in modules_of(self):
            module.training = mode
        return self

    def eval(self) -> Self:
        """Say that the module is in use: nothing in it is left to chance."""
        return self.train(False)

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with its name: the path of attributes, as "layers.0.b".

        That two have the same name, as in a dict {1: v, "1": w}, is a ValueError.
        """
        return iter(self._found().named)

    def parameters(self) -> list[Value]:
        """Every parameter once, in a stable order."""
        return list(self._leaves())

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, since `backward()` adds to it."""
        is_own = getattr(self.parameters, "__func__", None) is not Module.parameters
        zero_grad(self.parameters() if is_own else self._leaves())

    def _leaves(self) -> tuple[Value, ...]:
        """The parameters; known to be leaves, where the names are not those of a user's own."""
        if type(self).named_parameters is Module.named_parameters:
            found = self._found()
            numbers = [(path, x) for path, x in found.strangers if is_real(x)]
            if numbers:
                path, number = numbers[0]
                raise ValueError(
                    f"{path} of {type(self).__name__} is the plain number {told(number)}, where a "
                    f"parameter belongs: put Value({told(number)}) there. To give a parameter "
                    "another number write .data = ..."
                )
            return found.parameters
        return tuple([parameter for _, parameter in self.named_parameters()])

    def _found(self) -> Found:
        found = Found.below(self)
        if found.twice is None:
            return found
        raise ValueError(
            f"Two parameters of {type(self).__name__} are named {found.twice!r}. "
            "Rename a key of the dict that holds them."
        )

    def state_dict(self) -> dict[str, float]:
        """The number of every parameter by name: all that training has changed."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Give every parameter the number that a `state_dict()` has under its name.

        Names that are missing or unknown, and entries that are no real numbers, are a ValueError
        that names them all, and the module stays as it was.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"A state is a dict from names to numbers, not {describe(state)}.")
        parameters, numbers, wrong = dict(self.named_parameters()), dict[str, float](), []
        for name, entry in state.items():
            try:
                numbers[name] = real(scalar_of(entry), "A state")
            except TypeError:
                wrong.append(f"{named(name)} ({describe(entry)})")
            except OverflowError:
                wrong.append(f"{named(name)} (too large for a float)")
        missing = [name for name in parameters if name not in state]
        unknown = [named(name) for name in state if name not in parameters]
        faults = {"missing": missing, "unknown": unknown, "not a number": wrong}
        said = [f"{fault}: {some_of(names)}" for fault, names in faults.items() if names]
        if said:
            raise ValueError(
                f"{title(self)} cannot take this state, and is unchanged. {'; '.join(said)}."
            )
        assign([*parameters.values()], [numbers[name] for name in parameters])

    def save(self, path: str | Path) -> Path:
        """Write `state_dict()` to a file, JSON in UTF-8 with every number exactly; its path.

        If the module is one of `nn`, the file says how it is built too, so that `glassgrad.load`
        needs nothing else. An interruption leaves the old file or the new one, never a half. A file
        that cannot be written is an OSError.
        """
        return saving.save(path, self)

    def load(self, path: str | Path) -> None:
        """Give every parameter its number from a file that `save` wrote. Runs nothing of it.

        One that is damaged, is no model file, or is of another shape or with other settings, such
        as another activation, is a ValueError that begins with the file's name, and the module
        stays as it was.
        """
        saving.fill(path, self)

    def extra_repr(self) -> str:
        """What it shows of itself beside its count of parameters; "" shows its parts instead."""
        arguments = self._config()
        sizes = [str(size) for size in arguments.values() if type(size) is int]
        words = [name for name, choice in arguments.items() if choice is True]
        words += [function_name(choice) for choice in arguments.values() if callable(choice)]
        return ", ".join([" → ".join(sizes)] * bool(sizes) + words)

    def _refuse_numbers_one_by_one(self, arguments: tuple[Any, ...]) -> None:
        """Where `forward` takes one argument, `model(1, 2)` is meant as `model([1, 2])`."""
        numbers = [told(x) for x in arguments if isinstance(x, Value) or is_real(x)]
        kinds = [each.kind for each in inspect.signature(self.forward).parameters.values()]
        takes = len(kinds) - kinds.count(inspect.Parameter.KEYWORD_ONLY)
        if takes == 1 < len(numbers) == len(arguments):
            listed = ", ".join(numbers[:4]) + ", …" * (len(numbers) > 4)
            raise TypeError(
                f"{self!r} takes the inputs of one sample together, not one by one: give it a "
                f"list, [{listed}]."
            ) from None

    def _context_inside(self, around: Context, caller: FrameType) -> Context:
        """The context of a call from one line in `around`, remembered for the next call."""
        inside = around
        # Its own scope is open already when a `__call__` calls that of the base class.
        if around.scope is None or around.scope.owner is not self:
            forward = inspect.unwrap(type(self).forward)  # it may be compiled
            # All nodes of a `forward` of ours come from the line of the user's that calls it.
            line = made_by(caller, around) if is_of_library(forward.__code__) else None
            inside = around.within(self._scope_inside(around.scope), line)
        self._memory.last_call = around, caller.f_code, caller.f_lasti, inside
        return inside

    def _scope_inside(self, parent: Scope | None) -> Scope:
        """The scope of this module inside another: always the same one."""
        scopes = self._memory.scopes
        if parent not in scopes:
            if len(scopes) >= _MOST_SCOPES:
                scopes.clear()
            scopes[parent] = Scope(_name(self, parent), type(self).__name__, parent, self)
        return scopes[parent]

    def __repr__(self) -> str:
        text = "\n".join(lines_of(self))
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

    def __getstate__(self) -> dict[str, Any]:
        """The attributes that a copy or a pickle takes along."""
        return {name: x for name, x in vars(self).items() if name != "_memory"}


know_habits(Module, _HABITS)


def lines_of(module: Module, seen: set[int] | None = None) -> list[str]:
    """A module as a line and its parts as a tree below, unless it describes itself.

    Equal parts in a row are shown as one, as "members.0 … members.7, each: MLP(...)".
    """
    seen = set() if seen is None else seen
    seen.add(id(module))
    about = module.extra_repr()
    lines = [f"{type(module).__name__}({about}{', ' * bool(about)}{_size(module)})"]
    if about:
        return lines
    parts = [(path, part) for path, part in walk(module, deep=False) if isinstance(part, Holder)]
    trees = [
        (path, lines_of(cast("Module", part), seen)) for path, part in parts if id(part) not in seen
    ]
    groups = [(below, list(same)) for below, same in groupby(trees, key=lambda named: named[1])]
    for i, (below, same) in enumerate(groups):
        first, last = same[0][0], same[-1][0]
        which = first if len(same) == 1 else f"{first} … {last}, each"
        fork, side = ("└─ ", "   ") if i == len(groups) - 1 else ("├─ ", "│  ")
        lines += [f"{fork}{which}: {below[0]}", *(side + line for line in below[1:])]
    return lines


def _size(module: Module) -> str:
    parameters = module.parameters()
    size, frozen = counted(len(parameters), "parameter"), sum(p.is_frozen for p in parameters)
    if not frozen:
        return size
    return f"{size}, frozen" if frozen == len(parameters) else f"{size}, {frozen} frozen"


def modules_of(model: Module) -> list[Module]:
    """The model and all modules in it."""
    return [model, *cast("list[Module]", Found.below(model).holders)]


@contextmanager
def training(modules: Sequence[Module], mode: bool) -> Iterator[None]:
    """Inside the `with` block all these modules are being trained, or in use."""
    before = [module.training for module in modules]
    try:
        _set_training(modules, repeat(mode))
        yield
    finally:
        _set_training(modules, before)


def _set_training(modules: Sequence[Module], modes: Iterable[bool]) -> None:
    for module, mode in zip(modules, modes):
        if module.training is not mode:  # each change makes all guards look at their modules again
            module.training = mode


def load(path: str | Path) -> Module:
    """The model that a file holds, built anew from classes of `nn`. Runs nothing of the file.

    A file that is damaged or no model file, or does not say how the model is built, is a ValueError
    that begins with its name, and says what to do.

    >>> import tempfile
    >>> from glassgrad import MLP, load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(MLP(2, [3, 1], activation="relu").save(f"{folder}/model.json"))
    MLP(2 → 3 → 1, relu, 13 parameters)
    """
    model: Module = saving.load(path)
    return model
