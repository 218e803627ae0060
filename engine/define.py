"""How a row of the table is made: `operation(...)`, for the rows of glassgrad and for your own.

What cannot be a row is refused here, before anything is changed. Next: `table.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from keyword import iskeyword
from typing import Any

import numpy as np

from glassgrad.engine.misuse import other_signature
from glassgrad.engine.op import ATOM, EVERYWHERE, TABLE, Notation, Operation, Reduction, Rules
from glassgrad.engine.text import describe

redefined: list[str] = []
"""The names of rows that were replaced, as by a cell of a notebook that is run again."""
newcomers: list[Callable[[Operation], None]] = []
"""Who is told of a new row, before it is in the table: `Value` gets its methods this way."""
reserved: set[str] = set()
"""Names that no operation can have, as those of the attributes of Value."""
_OURS: set[str] = set()
"""The names of the rows of glassgrad itself, which nobody may redefine."""
_numbers = count(1)


def operation(
    name: str,
    about: str,
    scalar: Callable[..., float],
    array: Callable[..., Any] | None,
    *rules: Callable[..., Any] | float | None,
    domain: tuple[tuple[float, float], ...] | None = None,
    text: str | None = None,
    latex: str | None = None,
    binds: int = ATOM,
    kind: type[Operation] = Operation,
    **properties: Any,
) -> Operation:
    """Define an operation: one row, which works everywhere from then on.

    It is then a function and a method of Value, and can be differentiated any number of times,
    drawn, stepped through, compiled, and given as an activation by itself or by name.

    Args:
        name: of the function and the method.
        about: one line of explanation.
        scalar: its value for floats.
        array: its value for numpy arrays, element by element; None to use `scalar` on each.
        rules: the local derivative by each operand: a function of the operands and of the result,
            written with operators and the functions of glassgrad; a number where it is constant,
            or None where no derivative flows. It chooses with `where`, and does not compare two
            operands by ==, which for Values is identity.
        domain: for each operand the interval in which the row is tested.
        text: how it is written, with `%s` for each operand.
        latex: the same in LaTeX.
        binds: the precedence of its operator in Python; leave it out for a function.
        kind: `Reduction` for any number of operands: `scalar` takes them one by one, `array` an
            array for each, and the one rule, of the tuple of operands and the result, gives a tuple
            of all derivatives. It is no method.
        properties: others of an `Operation`, such as `textbook`, `masks` or `is_activation`.

    >>> from glassgrad import Value, operation
    >>> cube = operation("cube", "x³", lambda x: x * x * x, None, lambda x, y: 3.0 * x * x)
    >>> x = Value(2.0)
    >>> y = cube(x) + x.cube()
    >>> y.backward()
    >>> y.data, x.grad
    (16.0, 24.0)
    """
    if _OURS:
        _check_row(name, scalar, rules, kind, {**properties, "domain": domain})
    slots = "%s" if issubclass(kind, Reduction) else ", ".join(["%s"] * len(rules))
    upright = name.replace("_", r"\_")
    row = kind(
        name,
        about,
        scalar=scalar,
        array=array or np.vectorize(scalar, otypes=[float]),
        rules=rules,
        notation=Notation(
            text or f"{name}({slots})", latex or rf"\operatorname{{{upright}}}({slots})", binds
        ),
        domain=domain or (EVERYWHERE,) * len(rules),
        **properties,
    )
    if _OURS:  # two rows may have had one name, as after a cell is run again
        row.kernel = f"{name}_{next(_numbers)}"
    for tell in newcomers:
        tell(row)
    if name in TABLE:
        redefined.append(name)
    TABLE[name] = row
    return row


def close_table() -> None:
    """From now on the rows made so far belong to glassgrad, and are known to give floats."""
    _OURS.update(TABLE)
    for row in TABLE.values():
        row.is_checked = False


def _check_row(
    name: str, scalar: Any, rules: Rules, kind: type[Operation], properties: Mapping[str, Any]
) -> None:
    """Refuse what cannot be a row, before anything is changed."""
    if problem := _problem_of_name(name):
        raise ValueError(
            f"operation({describe(name)}, ...): the name {problem}. "
            "Choose another one, such as 'cube'."
        )
    if properties.get("dunder"):
        raise ValueError(f"{name} cannot have an operator: those are of glassgrad.")
    if not callable(scalar):
        raise TypeError(f"The value of {name} is a function of floats, not {describe(scalar)}.")
    for what in ("domain", "textbook"):
        given = properties.get(what)
        if given and len(given) != len(rules):
            raise ValueError(f"The {what} of {name} has an entry for each rule: {len(rules)}.")
    if issubclass(kind, Reduction):
        if len(rules) != 1 or not callable(rules[0]):
            raise TypeError(
                f"{name}, of any number of operands, has one rule: a function of the tuple of "
                "operands and the result, which gives a tuple of all local derivatives."
            )
        _check_takes(name, "rule", rules[0], 2, "a tuple of the operands, and the result")
        return
    if not rules:
        raise TypeError(
            f"{name} needs a derivative rule for each operand, as lambda x, y: ..., after its "
            "value for floats and its value for arrays, which may be None."
        )
    _check_takes(name, "value", scalar, len(rules), "one float for each rule")
    for rule in rules:
        if callable(rule):
            _check_takes(name, "rule", rule, len(rules) + 1, "the operands and the result")
        elif rule is not None and type(rule) is not float:
            raise TypeError(
                f"A rule of {name} is a function of the operands and the result, a float, or None, "
                f"not {describe(rule)}."
            )


def _problem_of_name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name) or name[0] == "_":
        return "is no name of a function"
    if name in _OURS:
        return "is taken by glassgrad"
    return "is taken by Value" if name in reserved else ""


def _check_takes(name: str, what: str, function: Any, count: int, meaning: str) -> None:
    if (found := other_signature(function, count)) is not None:
        raise TypeError(f"The {what} of {name} takes {meaning}: {count} arguments, not {found}.")


def formula(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A forward value written with rows of the table: one formula for floats and for arrays."""
    return function, function
