"""Groups of parameters: which of them an optimiser moves with which options, and what it may be.

An option is checked by a function of its own (`not_negative`, `below_one`, ...), when the optimiser
is made as well as when the option is set later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from glassgrad.engine import Value
from glassgrad.engine.misuse import name as value_name
from glassgrad.engine.text import counted, describe, named
from glassgrad.engine.value import is_parameter

if TYPE_CHECKING:
    from glassgrad.nn.optimisers.optimiser import Optimiser

Parameters = Iterable[Value] | Iterable[Mapping[str, Any]]
"""Parameters, or groups of them: dicts of "parameters" and options."""


class Group:
    """Parameters that move with the same options, which are attributes to be read and set.

    An optimiser makes its groups; they are in `optimiser.groups`.

    Attributes:
        parameters: the Values, in order.

    Raises:
        ValueError: an option is set to what it cannot be. It stays as it was.
        AttributeError: there is no such option.

    Example:
        >>> from glassgrad import SGD, Value
        >>> weights, bias = [Value(1.0), Value(2.0)], Value(0.0)
        >>> sgd = SGD([{"parameters": weights, "momentum": 0.9}, {"parameters": [bias]}], 0.1)
        >>> sgd.groups[1].learning_rate = 0.01
        >>> sgd.groups[1]
        Group(1 parameter, learning_rate=0.01, momentum=0.0, dampening=0.0, weight_decay=0.0, \
nesterov=False, maximize=False)
    """

    parameters: tuple[Value, ...]

    def __init__(
        self, kind: type[Optimiser], parameters: tuple[Value, ...], options: Mapping[str, Any]
    ) -> None:
        checked = checked_options(kind, options)
        vars(self).update(_kind=kind, parameters=parameters, **checked)

    @property
    def options(self) -> dict[str, Any]:
        """The options by name.

        >>> from glassgrad import Adagrad, Value
        >>> Adagrad([Value(1.0)], 0.1).groups[0].options["eps"]
        1e-10
        """
        return {name: vars(self)[name] for name in vars(self)["_kind"].OPTIONS}

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, option: Any) -> None:
        kind = vars(self)["_kind"]
        if name not in kind.OPTIONS:
            raise AttributeError(_unknown(kind, name))
        vars(self).update(checked_options(kind, {**self.options, name: option}))

    def __repr__(self) -> str:
        options = [f"{name}={option!r}" for name, option in self.options.items()]
        return f"Group({', '.join([counted(len(self.parameters), 'parameter'), *options])})"


def groups_of(
    kind: type[Optimiser], parameters: Parameters, defaults: Mapping[str, Any]
) -> list[Group]:
    """The groups that were given, or the one that plain parameters are.

    Args:
        kind: the class of the optimiser, which has the checks of its options.
        parameters: leaf Values, or groups of them.
        defaults: the options of every group that does not give its own.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: a group is empty, a parameter is given twice, or an option cannot be.
    """
    groups = [_group(kind, entry, defaults) for entry in _entries(kind.__name__, parameters)]
    seen: set[int] = set()
    for group in groups:
        for parameter in group.parameters:
            if id(parameter) in seen:
                raise ValueError(
                    f"{kind.__name__} got the parameter {value_name(parameter)} twice; "
                    "one that is used in several places is listed once."
                )
            seen.add(id(parameter))
    return groups


def checked_options(kind: type[Optimiser], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are kept.

    Args:
        kind: the class of the optimiser.
        options: every option of it by name.

    Raises:
        ValueError: one is unknown or cannot be, or they do not go together.
        TypeError: one is of a wrong type.
    """
    for name in options:
        if name not in kind.OPTIONS:
            raise ValueError(_unknown(kind, name))
    for name in kind.OPTIONS:
        if name not in options:
            raise ValueError(f"{kind.__name__} needs {name}.")
    checked = {
        name: check(options[name], f"{kind.__name__}({name}=...)")
        for name, check in kind.OPTIONS.items()
    }
    kind.agree(checked)
    return checked


def _entries(name: str, parameters: Parameters) -> list[Mapping[str, Any]]:
    if not isinstance(parameters, Iterable) or isinstance(parameters, Mapping):
        raise TypeError(
            f"{name} takes a list of parameters, for example model.parameters(), "
            f"not {describe(parameters)}."
        )
    entries: list[Any] = list(parameters)
    if not entries:
        raise ValueError(f"{name} of no parameters moves nothing; give model.parameters().")
    if not isinstance(entries[0], Mapping):
        return [{"parameters": entries}]
    for entry in entries:
        if not isinstance(entry, Mapping) or "parameters" not in entry:
            raise TypeError(
                f'Each group of {name} is a dict such as {{"parameters": [...], '
                f'"learning_rate": 0.01}}, not {describe(entry)}.'
            )
    return entries


def _group(kind: type[Optimiser], entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Group:
    options = {name: option for name, option in entry.items() if name != "parameters"}
    parameters = entry["parameters"]
    if not isinstance(parameters, Iterable) or isinstance(parameters, str):
        raise TypeError(
            f'"parameters" of a group of {kind.__name__} is a list of Values, '
            f"not {describe(parameters)}."
        )
    parameters = tuple(parameters)
    if not parameters:
        raise ValueError(f"A group of {kind.__name__} has no parameters; leave it out.")
    for parameter in parameters:
        if not is_parameter(parameter):
            raise TypeError(f"{kind.__name__} moves leaf Values, not {describe(parameter)}.")
    return Group(kind, parameters, {**defaults, **options})


def _unknown(kind: type[Optimiser], name: object) -> str:
    return f"{kind.__name__} has no option {named(name)}; it has {', '.join(kind.OPTIONS)}."
