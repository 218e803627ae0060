"""`Optimiser`: what all optimisers do, whatever the rule by which parameters move.

It takes parameters in groups, each with options of its own, hands numbers and gradients to the rule
as arrays, leaves alone what is frozen or has no gradient, and remembers from step to step what the
rule asks for. The rules, and what all take and raise, are in `optimisers.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from glassgrad.engine import Value, computed_gradients, data_vector, zero_grad
from glassgrad.engine.backward import Leaves
from glassgrad.engine.files import decode
from glassgrad.engine.misuse import name as value_name
from glassgrad.engine.provenance import is_ours
from glassgrad.engine.text import counted, describe, named, similar, some_of, told
from glassgrad.engine.tree import is_sequence, listed, numbers_of
from glassgrad.engine.value import is_parameter
from glassgrad.engine.vectors import Mask, Vector, frozen_among, write_data
from glassgrad.nn.checks import Check, Flag, NotNegative, declared_checks, explained, taking, warn

Parameters: TypeAlias = Iterable[Value] | Iterable[Mapping[str, Any]]
State: TypeAlias = dict[str, Vector]
"""What an optimiser remembers from step to step: by name, a number for each parameter."""


_HABITS = {
    "param_groups": "Write optimiser.groups; the options of one are its attributes, as in "
    "optimiser.groups[0].learning_rate.",
    "state": "Write optimiser.state_dict().",
    **dict.fromkeys(
        ("minimize", "backward"),
        "Write optimiser.zero_grad(), loss.backward() and optimiser.step().",
    ),
    **dict.fromkeys(
        ("update", "apply_gradients"),
        "Write optimiser.step(), or optimiser.moved(numbers, gradients) for arrays.",
    ),
}
"""What people look for on an optimiser, and what to write instead."""


class Optimiser:
    """Moves parameters. Derive from it and define `rule`.

    A parameter that is frozen, or whose gradient has not been computed ("–"), stays, and so does
    what the optimiser remembers of it; a gradient of 0 is a gradient. One that is nan or infinite
    is used as it is, as PyTorch does: `glassgrad.trap()` tells where it comes from.

    Options of your own are parameters of an `__init__` that are annotated with a check, as
    `pull: Annotated[float, not_negative] = 0.1`, and handed on to this one by name.

    Attributes:
        parameters: all parameters in order, a tuple.
        groups: the groups, each with its `parameters` and its options to be read and set.
        OPTIONS: of a class, the check of every option by its name.
        STATE: of a class, the names of what it remembers for each parameter, 0 at first.

    >>> import numpy as np
    >>> from glassgrad import Optimiser, Value
    >>> class SignDescent(Optimiser):
    ...     def rule(self, numbers, gradients, state, group):
    ...         return numbers - group.learning_rate * np.sign(gradients)
    >>> w = Value(3.0)
    >>> optimiser = SignDescent([w], learning_rate=0.5)
    >>> (w * w).backward()
    >>> optimiser.step()
    >>> w.data
    2.5
    """

    OPTIONS: ClassVar[Mapping[str, Check]] = {}
    STATE: ClassVar[tuple[str, ...]] = ()
    groups: tuple[Group, ...]
    parameters: tuple[Value, ...]
    _careful_rule: ClassVar[Any] = object()  # of a class of this library its rule; see _by_rule

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        declared = declared_checks(cls.__init__)
        cls.OPTIONS = {**declared, **cls.OPTIONS, **declared}  # in the order of the signature
        cls._careful_rule = cls.rule if is_ours(cls) else Optimiser._careful_rule
        if "__init__" in vars(cls):
            setattr(cls, "__init__", explained()(cls.__init__))  # noqa: B010

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: NotNegative,
        *,
        maximize: Flag = False,
        **options: Any,
    ) -> None:
        self._defaults = {"learning_rate": learning_rate, "maximize": maximize, **options}
        vars(self).update(groups=(), parameters=())
        self._is_new = True
        self._state: State = {name: np.zeros(0) for name in self.STATE}
        what = "a list of parameters, for example model.parameters(),"
        entries = listed(parameters, type(self).__name__, what)
        has_groups = entries and isinstance(entries[0], Mapping)
        self._add(entries if has_groups else [{"parameters": entries}])

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Move more parameters from now on, with the options of their own; nothing remembered yet.

        It is a dict such as `{"parameters": [...], "learning_rate": 0.01}`.
        """
        self._add([group])

    @property
    def learning_rate(self) -> float:
        """The learning rate of all groups. Setting it sets that of every group."""
        rates = [group.learning_rate for group in self.groups]
        if len(set(rates)) > 1:
            raise ValueError(
                f"The groups of {type(self).__name__} have different learning rates: "
                f"{', '.join(map(str, rates))}. Read groups[0].learning_rate and so on."
            )
        rate: float = rates[0]
        return rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        for group in self.groups:
            group.learning_rate = rate  # if the first takes it, all do

    def __setattr__(self, name: str, thing: Any) -> None:
        """Refuse to set an option here, where nothing would read it."""
        if name[0] != "_":  # as the state after every step
            self._check_settable(name)
        super().__setattr__(name, thing)

    def _check_settable(self, name: str) -> None:
        if name in ("groups", "parameters"):  # each is made from the other
            raise AttributeError(
                f"{type(self).__name__}.{name} cannot be set: add_param_group({{...}}) takes more, "
                "and for others make another optimiser."
            )
        if name in self.OPTIONS:
            if name != "learning_rate":
                raise self._misplaced(name, f"write optimiser.groups[0].{name} = ...")
        elif name not in _HABITS and not hasattr(self, name):  # one of one's own may keep a state
            if remedy := self._meant(name):
                raise AttributeError(f"{type(self).__name__} has no {name}. {remedy}")

    def _meant(self, name: str) -> str:
        """What to write instead of an attribute that is not there."""
        meant = None if name[0] == "_" else similar(name, self.OPTIONS)
        return _HABITS.get(name) or (f"Did you mean {meant}?" if meant else "")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).OPTIONS:
                raise self._misplaced(name, f"read optimiser.groups[0].{name}.")
            remedy = self._meant(name)
            raise AttributeError(f"{type(self).__name__} has no {name}. {remedy}".rstrip())

    def step(self) -> None:
        """Move all parameters whose gradient has been computed, or none if that fails."""
        numbers = data_vector(self.parameters)
        gradients, computed = computed_gradients(self.parameters)
        moved, self._state = self._moved(numbers, gradients, computed)
        write_data(self.parameters, moved.tolist())
        if self._is_new:
            self._tell_if_idle(computed)

    def moved(self, numbers: Any, gradients: Any) -> Vector:
        """The same step on arrays: the new numbers, a new array.

        No Value moves, while what the optimiser remembers goes on as in `step`.

        Args:
            numbers: the numbers of `parameters`, in order.
            gradients: as many gradients.
        """
        rows = self._row("numbers", numbers), self._row("gradients", gradients)
        moved, self._state = self._moved(*rows, None)
        return moved

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """The formula: the new numbers, a new array, of some parameters of a group.

        Args:
            numbers: their numbers.
            gradients: their gradients, with the other sign where the group is to climb.
            state: for each name of `STATE` an array for them; new ones that are put in their places
                are remembered.
            group: the options, as attributes.

        It may write over these arrays; nobody else reads them. What it gives or remembers that is
        no real number for each parameter, and what `STATE` does not name, is a TypeError.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no `rule`.")

    @staticmethod
    def agree(options: Mapping[str, Any]) -> None:
        """Raise a ValueError for options that do not go together; here all do."""

    def zero_grad(self) -> None:
        """Set all gradients to 0, since `backward()` adds to them."""
        zero_grad(self.parameters)

    def state_dict(self) -> dict[str, Any]:
        """All that goes on from step to step, for `json.dump`: options, and what is remembered.

        The numbers are exact: an optimiser that loads them continues with the same bits.
        """
        groups = [{"parameters": len(each.parameters), **options_of(each)} for each in self.groups]
        state = {name: numbers.tolist() for name, numbers in self._state.items()}
        return {"rule": type(self).__name__, "groups": groups, "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict()` was taken, of an optimiser made in the same way.

        JSON has no nan and no infinities: texts "nan", "inf" and "-inf" in their places are read as
        well. A state of another rule, of other groups, or damaged is a ValueError, and changes
        nothing.
        """
        with taking(state, type(self).__name__):
            given = decode({"rule": Any, "groups": list[Any], "state": Any}, state)
            if given["rule"] != type(self).__name__:
                raise ValueError(f"it is one of {named(given['rule'])}")
            kind = {"parameters": int, **dict.fromkeys(self.OPTIONS, Any)}
            groups = [decode(kind, x, f"its group {i}") for i, x in enumerate(given["groups"])]
            found = [group.pop("parameters") for group in groups]
            sizes = [len(group.parameters) for group in self.groups]
            if found != sizes:
                raise ValueError(f"it has groups of {found} parameters, and not of {sizes}")
            options = [_checked(type(self), group) for group in groups]
            lists = decode(dict.fromkeys(self.STATE, list[float]), given["state"], "its state")
            for name, numbers in lists.items():
                if len(numbers) != sum(sizes):
                    count = counted(len(numbers), "number")
                    raise ValueError(f"its state.{name} has {count} and not {sum(sizes)}")
            if not all(x >= 0.0 and x.is_integer() for x in lists.get("steps", ())):
                raise ValueError("its state.steps counts steps: whole numbers of 0 or more")
        for group, its_options in zip(self.groups, options):
            vars(group).update(its_options)
        self._state = {name: np.array(numbers) for name, numbers in lists.items()}

    def __repr__(self) -> str:
        counts, groups = counted(len(self.parameters), "parameter"), len(self.groups)
        several = f"{counts} in {counted(groups, 'group')}"
        return f"{type(self).__name__}({self.groups[0]._told() if groups == 1 else several})"

    def _moved(
        self, numbers: Vector, gradients: Vector, computed: Mask | None
    ) -> tuple[Vector, State]:
        """The new numbers and the new state, in new arrays; the optimiser keeps its own until both
        are there.
        """
        frozen = frozen_among(self.parameters)
        if frozen is not None:
            computed = ~frozen if computed is None else computed & ~frozen
        if len(self.groups) == 1 and computed is None:
            return self._by_rule(self.groups[0], numbers, gradients, self._state)
        numbers = numbers.copy()
        state = {name: remembered.copy() for name, remembered in self._state.items()}
        ends = accumulate(len(group.parameters) for group in self.groups)
        for group, end in zip(self.groups, ends):
            here: Any = slice(end - len(group.parameters), end)
            if computed is not None:
                here = here.start + np.flatnonzero(computed[here])
            if not numbers[here].size:
                continue
            part = {name: remembered[here] for name, remembered in state.items()}
            numbers[here], kept = self._by_rule(group, numbers[here], gradients[here], part)
            for name, new in kept.items():
                state[name][here] = new
        return numbers, state

    @np.errstate(all="ignore")  # infinities and nans are the gradients' own
    def _by_rule(
        self, group: Group, numbers: Vector, gradients: Vector, state: State
    ) -> tuple[Vector, State]:
        """What the rule makes of some parameters of a group, in new arrays.

        The rules of this library write over nothing, and all that they give is new, as a test
        says. For others' rules, and classes, which may define what a rule calls, all is copied.
        """
        upwards = -gradients if group.maximize else gradients
        if getattr(self.rule, "__func__", None) is type(self)._careful_rule:
            state = dict(state)
            return self.rule(numbers, upwards, state, group), state
        part = {name: remembered.copy() for name, remembered in state.items()}
        moved = self.rule(numbers.copy(), upwards.copy(), part, group)
        if part.keys() != state.keys():
            raise TypeError(
                f"The rule of {type(self).__name__} remembers {some_of(list(part))}, and its "
                f"STATE names {some_of(list(state)) or 'nothing'}. Name there what it "
                "remembers, and nothing else."
            )
        moved = self._one_each(moved, gradients.shape)
        return moved, {name: self._one_each(part[name], gradients.shape, name) for name in state}

    def _one_each(self, found: Any, shape: tuple[int, ...], name: str | None = None) -> Vector:
        """What a rule gives, as an array of its own."""
        array = np.asarray(found)
        is_masked = array is not found and np.ma.is_masked(found)
        if array.dtype.kind not in "fiu" or array.shape != shape or is_masked:
            role = "the new numbers" if name is None else f"state[{name!r}]"
            raise TypeError(
                f"The rule of {type(self).__name__} gave {told(found)} as {role}, of shape "
                f"{array.shape} and type {array.dtype}. That is an array of real numbers of shape "
                f"{shape}, none masked, one for each parameter: return numbers - ..."
            )
        return array.astype(float)

    def _tell_if_idle(self, computed: Mask | None) -> None:
        """At the first step, tell if nothing can move."""
        self._is_new = False
        if computed is not None and not computed.any():
            warn(
                f"{type(self).__name__}.step() moved nothing, as no parameter has a gradient: call "
                "backward() of a loss that depends on them before; frozen ones get none."
            )

    def _misplaced(self, option: str, remedy: str) -> AttributeError:
        kind = type(self).__name__
        return AttributeError(f"{option} is an option of the groups of {kind}: {remedy}")

    def _row(self, role: str, given: Any) -> Vector:
        shape = (len(self.parameters),)
        if type(given) is np.ndarray and given.dtype.char == "d" and given.shape == shape:
            return given
        wanted = f"takes a number for each of {counted(len(self.parameters), 'parameter')} in a row"
        if not is_sequence(given):
            raise TypeError(f"moved({role}=...) {wanted}, not {describe(given)}.")
        row = numbers_of(given, f"moved({role}=...)")
        if row.shape != shape:
            raise ValueError(f"moved({role}=...) {wanted}, and not an array of shape {row.shape}.")
        return np.array(row, float)

    def _arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Of the arguments of an `__init__`, its `locals()`, those that all optimisers take."""
        return {name: given[name] for name in ("parameters", *self.OPTIONS) if name in given}

    def _add(self, entries: Sequence[Any]) -> None:
        """Take groups that are to be moved too: all of them, or none."""
        new = [Group(type(self), entry, self._defaults) for entry in entries]
        groups = (*self.groups, *new)
        parameters = tuple(chain.from_iterable(group.parameters for group in groups))
        (most, count), *_ = Counter(parameters).most_common(1)
        if count > 1:
            raise ValueError(
                f"{type(self).__name__} got the parameter {value_name(most)} twice; one that is "
                "used in several places is listed once."
            )
        more = np.zeros(len(parameters) - len(self.parameters))
        self._state = {name: np.append(numbers, more) for name, numbers in self._state.items()}
        vars(self).update(groups=groups, parameters=Leaves.if_so(parameters))


class Group:
    """Parameters that move with the same options, which are attributes to be read and set."""

    _kind: type[Optimiser]
    parameters: tuple[Value, ...]

    def __init__(self, kind: type[Optimiser], entry: Any, defaults: Mapping[str, Any]) -> None:
        name = kind.__name__
        if not isinstance(entry, Mapping) or "parameters" not in entry:
            keys = isinstance(entry, Mapping) and some_of([*map(repr, entry)])
            raise TypeError(
                f'Each group of {name} is a dict such as {{"parameters": [...], "learning_rate": '
                f"0.01}}, not {f'one with {keys}' if keys else describe(entry)}."
            )
        options = {**defaults, **entry}
        given = options.pop("parameters")
        parameters = listed(given, f'"parameters" of a group of {name}', "a list of Values,")
        if not parameters:
            raise ValueError(f"{name} of no parameters moves nothing; give model.parameters().")
        for parameter in parameters:
            if not is_parameter(parameter):
                raise TypeError(f"{name} moves leaf Values, not {describe(parameter)}.")
        vars(self).update(_checked(kind, options), _kind=kind, parameters=tuple(parameters))

    @property
    def options(self) -> dict[str, Any]:
        own = vars(self)
        return {name: own[name] for name in self._kind.OPTIONS}

    def __getattr__(self, name: str) -> Any:
        kind = vars(self).get("_kind", Optimiser)  # there is none yet while a copy is made
        raise AttributeError(_unknown(kind, name))

    def __setattr__(self, name: str, option: Any) -> None:
        if name not in self._kind.OPTIONS:
            raise AttributeError(_unknown(self._kind, name))
        checked = self._kind.OPTIONS[name](option, f"{self._kind.__name__}({name}=...)")
        self._kind.agree({**self.options, name: checked})
        vars(self)[name] = checked

    def __repr__(self) -> str:
        return f"Group({self._told()})"

    def _told(self) -> str:
        """How many parameters, and its options."""
        options = [f"{name}={option!r}" for name, option in self.options.items()]
        return ", ".join([counted(len(self.parameters), "parameter"), *options])


def options_of(group: Group) -> dict[str, Any]:
    """The options of a group as JSON has them: pairs as lists."""
    return {
        name: list(option) if isinstance(option, tuple) else option
        for name, option in group.options.items()
    }


Optimiser.OPTIONS = declared_checks(Optimiser.__init__)


def _checked(kind: type[Optimiser], options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name not in kind.OPTIONS:
            raise ValueError(_unknown(kind, name))
    checked = {
        name: check(options[name], f"{kind.__name__}({name}=...)")
        for name, check in kind.OPTIONS.items()
    }
    kind.agree(checked)
    return checked


def _unknown(kind: type[Optimiser], name: object) -> str:
    return f"{kind.__name__} has no option {named(name)}; it has {', '.join(kind.OPTIONS)}."
