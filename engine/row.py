"""How a row is added to the table of operations: `row(name, about, ...)`.

The rows themselves are in `table.py`; what a row can do is in `operation.py`.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from typing import Any

from glassgrad.engine.operation import ATOM, Notation, Operation, Reduction, Rule

TABLE: dict[str, Operation] = {}
"""Every row by name, in the order of the table."""

EVERYWHERE = (-3.0, 3.0)
POSITIVE = (0.05, 5.0)


def row(
    name: str,
    about: str,
    scalar: Callable[..., float],
    array: Callable[..., Any],
    *rules: Rule | float | None,
    domain: tuple[tuple[float, float], ...] | None = None,
    text: str | None = None,
    latex: str | None = None,
    binds: int = ATOM,
    kind: type[Operation] = Operation,
    textbook: tuple[Rule | float | None, ...] = (),
    defaults: tuple[float, ...] = (),
    dunder: str | None = None,
    selects: bool = False,
    masks: bool = False,
) -> Operation:
    """Add a row to the table; the arguments are the attributes of an `Operation`."""
    slots = ", ".join(["%s"] * len(rules)) if not issubclass(kind, Reduction) else "%s"
    upright = name.replace("_", r"\_")
    notation = Notation(
        text or f"{name}({slots})", latex or rf"\operatorname{{{upright}}}({slots})", binds
    )
    TABLE[name] = kind(
        name,
        about,
        scalar=scalar,
        array=array,
        rules=rules,
        notation=notation,
        domain=domain or (EVERYWHERE,) * len(rules),
        textbook=textbook,
        defaults=defaults,
        dunder=dunder,
        selects=selects,
        masks=masks,
    )
    # A pickled row is its name; it finds itself again in the table.
    copyreg.pickle(kind, lambda row: (row_called, (row.name,)))
    return TABLE[name]


def row_called(name: str) -> Operation:
    """The row of a name."""
    return TABLE[name]


def formula(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A forward value written with rows of the table: one formula for floats and for arrays."""
    return function, function
