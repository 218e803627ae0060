"""Groups of parameters: which of them an optimiser moves with which options, and what it may be.

An option is checked by a function of its own (`not_negative`, `below_one`, ...), when the optimiser
is made as well as when the option is set later. Next: `optimiser.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from engine import Value
from engine.text import counted, describe, named
from engine.value import name as name_of

if TYPE_CHECKING:
    from nn.optimisers.optimiser import Optimiser

Check = Callable[[Any, str], Any]
"""Takes what was given for an option, and its role in a message; gives what is kept, or raises."""

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
        >>> from engine import Value
        >>> from nn import SGD
        >>> weights, bias = [Value(1.0), Value(2.0)], Value(0.0)
        >>> sgd = SGD([{"parameters": weights, "momentum": 0.9}, {"parameters": [bias]}], 0.1)
        >>> sgd.groups[1].learning_rate = 0.01
        >>> sgd.groups[1]
        Group(1 parameter, learning_rate=0.01, momentum=0.0, dampening=0.0, weight_decay=0.0, \
nesterov=False)
    """

    parameters: tuple[Value, ...]

    def __init__(
        self, rule: type[Optimiser], parameters: tuple[Value, ...], options: Mapping[str, Any]
    ) -> None:
        checked = checked_options(rule, options)
        vars(self).update(_rule=rule, parameters=parameters, **checked)

    @property
    def options(self) -> dict[str, Any]:
        """The options by name.

        >>> from engine import Value
        >>> from nn import Adagrad
        >>> Adagrad([Value(1.0)], 0.1).groups[0].options["eps"]
        1e-10
        """
        return {name: vars(self)[name] for name in vars(self)["_rule"].OPTIONS}

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, option: Any) -> None:
        rule = vars(self)["_rule"]
        if name not in rule.OPTIONS:
            raise AttributeError(_unknown(rule, name))
        vars(self).update(checked_options(rule, {**self.options, name: option}))

    def __repr__(self) -> str:
        options = [f"{name}={option!r}" for name, option in self.options.items()]
        return f"Group({', '.join([counted(len(self.parameters), 'parameter'), *options])})"


def groups_of(
    rule: type[Optimiser], parameters: Parameters, defaults: Mapping[str, Any]
) -> list[Group]:
    """The groups that were given, or the one that plain parameters are.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: a group is empty, a parameter is given twice, or an option cannot be.
    """
    groups = [_group(rule, entry, defaults) for entry in _entries(rule.__name__, parameters)]
    seen: set[int] = set()
    for group in groups:
        for parameter in group.parameters:
            if id(parameter) in seen:
                raise ValueError(
                    f"{rule.__name__} got the parameter {name_of(parameter)} twice; "
                    "one that is used in several places is listed once."
                )
            seen.add(id(parameter))
    return groups


def checked_options(rule: type[Optimiser], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are kept.

    Raises:
        ValueError: one is unknown or cannot be, or they do not go together.
        TypeError: one is of a wrong type.
    """
    for name in options:
        if name not in rule.OPTIONS:
            raise ValueError(_unknown(rule, name))
    for name in rule.OPTIONS:
        if name not in options:
            raise ValueError(f"{rule.__name__} needs {name}.")
    checked = {
        name: check(options[name], f"{rule.__name__}({name}=...)")
        for name, check in rule.OPTIONS.items()
    }
    rule.agree(checked)
    return checked


def _entries(rule: str, parameters: Parameters) -> list[Mapping[str, Any]]:
    if not isinstance(parameters, Iterable) or isinstance(parameters, Mapping):
        raise TypeError(
            f"{rule} takes a list of parameters, for example model.parameters(), "
            f"not {describe(parameters)}."
        )
    entries: list[Any] = list(parameters)
    if not entries:
        raise ValueError(f"{rule} of no parameters moves nothing; give model.parameters().")
    if not isinstance(entries[0], Mapping):
        return [{"parameters": entries}]
    for entry in entries:
        if not isinstance(entry, Mapping) or "parameters" not in entry:
            raise TypeError(
                f'Each group of {rule} is a dict such as {{"parameters": [...], '
                f'"learning_rate": 0.01}}, not {describe(entry)}.'
            )
    return entries


def _group(rule: type[Optimiser], entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Group:
    options = {name: option for name, option in entry.items() if name != "parameters"}
    parameters = entry["parameters"]
    if not isinstance(parameters, Iterable) or isinstance(parameters, str):
        raise TypeError(
            f'"parameters" of a group of {rule.__name__} is a list of Values, '
            f"not {describe(parameters)}."
        )
    parameters = tuple(parameters)
    if not parameters:
        raise ValueError(f"A group of {rule.__name__} has no parameters; leave it out.")
    for parameter in parameters:
        if not isinstance(parameter, Value) or parameter.parents or parameter.is_constant:
            raise TypeError(f"{rule.__name__} moves leaf Values, not {describe(parameter)}.")
    return Group(rule, parameters, {**defaults, **options})


def _unknown(rule: type[Optimiser], name: object) -> str:
    return f"{rule.__name__} has no option {named(name)}; it has {', '.join(rule.OPTIONS)}."
