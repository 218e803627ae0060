"""`Step`: the record of one step of backpropagation, plain data without pixels.

`steps.py` makes the records; the text, the page and the command line show them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One step of backpropagation.

    Attributes:
        index: its place in the sequence, from 0.
        phase: "forward", "seed", "backward" or "update".
        node: the node in focus, by its index in the diagram.
        formula: how the value (forward) or the local derivative (backward) is computed.
        formula_latex: the local derivative in LaTeX, on a backward step whose formula is short.
        value: the value computed (forward), or the new number of a parameter (update).
        operand: the position of the edge among the operands of the node, on a backward step.
        parent: the operand that the edge leads to, by its index, on a backward step.
        upstream: the gradient of the node, complete by now.
        local: the local derivative on the edge.
        contribution: upstream × local.
        before: the gradient of the parent so far; on an update step the old number.
        after: before + contribution; on the seed step 1; on an update step the new number.
        received: how many of its contributions the parent has with this step.
        uses: how many it will get in all.
        parts: of a compiled node, which sends along all its edges at once, a record for each edge;
            what is of one edge only stands there.

    >>> from glassgrad import Value, backprop
    >>> step = backprop(Value(3.0) * 2.0)[-1]
    >>> step.phase, step.upstream, step.local, step.contribution
    ('backward', 1.0, 2.0, 2.0)
    """

    index: int
    phase: str
    node: int
    formula: str = ""
    formula_latex: str = ""
    value: float | None = None
    operand: int | None = None
    parent: int | None = None
    upstream: float | None = None
    local: float | None = None
    contribution: float | None = None
    before: float | None = None
    after: float | None = None
    received: int = 0
    uses: int = 0
    parts: tuple[Step, ...] = field(default=(), repr=False)  # as many as operands

    @property
    def edges(self) -> tuple[Step, ...]:
        """The edges that gradient is sent along: one, all of a compiled node, or none.

        >>> from glassgrad import Value, backprop
        >>> [len(step.edges) for step in backprop(Value(3.0) * 2.0)]
        [0, 0, 1]
        """
        return self.parts if self.parent is None else (self,)

    def to_dict(self) -> dict[str, Any]:
        """The record as data for JSON, without the fields that do not apply."""
        found = asdict(self) | {"parts": [part.to_dict() for part in self.parts]}
        return {k: v for k, v in found.items() if v is not None and v not in ("", [])}
