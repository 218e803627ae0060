"""The step of a compiled node, in words: it sends gradient along all its edges at once.

There is no rule of the table for such a node, so no formula: its gradient program computes the
local derivatives by all operands together. What is the same for every step is in `words.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from glassgrad.engine.printing import short
from glassgrad.viz.compiled import MOST_LISTED, NAMED_FIRST, is_compiled, name_of
from glassgrad.viz.step import Step
from glassgrad.viz.steps import Steps

SHARES = ("to", "local", "contribution", "gradient so far", "uses received")
"""The headings of `shares`."""


def receivers(step: Step) -> str:
    """To how many a step sends: "337 Values"."""
    return "1 Value" if len(step.parts) == 1 else f"{len(step.parts):,} Values"


def program_of(steps: Steps, step: Step) -> str:
    """What computed the local derivatives: "gradient program of loss"."""
    operation = steps.diagram[step.node].operation
    assert is_compiled(operation)
    return f"gradient program of {name_of(operation)}"


def question(steps: Steps, step: Step) -> str:
    """The first half of the sentence, up to what the first operand gets."""
    name, root = steps.diagram[step.node].name, steps.diagram[steps.root].name
    first = step.parts[0]
    return (
        f"Backward, from {name} to {receivers(step)} at once: the {program_of(steps, step)} has "
        f"computed all local derivatives together. Upstream ∂{root}/∂{name} = "
        f"{short(step.upstream)} times local ∂{name}/∂{receiver(steps, first)} = "
        f"{short(first.local)} gives "
    )


def answer(steps: Steps, step: Step) -> str:
    """The second half: what the first operand gets, and some of the others."""
    first, *others = step.parts
    name = receiver(steps, first)
    said = f"{short(first.contribution)}. The gradient of {name} becomes {share(steps, first)[3]}."
    if not others:
        return said
    few = [f"{receiver(steps, e)} gets {short(e.contribution)}" for e in others[: NAMED_FIRST - 1]]
    if rest := len(others) - len(few):
        few.append(f"{rest:,} more {'gets its' if rest == 1 else 'get their'} share")
    *before, last = few
    return f"{said} In the same step {', '.join(before)}{' and ' if before else ''}{last}."


def shown_first(step: Step) -> tuple[Step, ...]:
    """The edges that are told one by one where there is little room: all, or the first few."""
    return step.parts if len(step.parts) <= MOST_LISTED else step.parts[:NAMED_FIRST]


def more(step: Step) -> str:
    """How many edges `shown_first` leaves out: "… 334 more"; "" for none."""
    rest = len(step.parts) - len(shown_first(step))
    return f"… {rest:,} more" if rest else ""


def receiver(steps: Steps, edge: Step) -> str:
    """The name of the operand that an edge leads to."""
    assert edge.parent is not None
    return steps.diagram[edge.parent].name


def share(steps: Steps, edge: Step) -> tuple[str, ...]:
    """What one operand gets, as texts under `SHARES`."""
    assert edge.before is not None
    assert edge.contribution is not None
    total = short(edge.before + edge.contribution)
    return (
        receiver(steps, edge),
        short(edge.local),
        short(edge.contribution),
        f"{short(edge.before)} + {short(edge.contribution)} = {total}",
        f"{edge.received} of {edge.uses}",
    )


def report_rows(steps: Steps, step: Step) -> Iterator[tuple[str, ...]]:
    """The rows of a step in the table for a terminal: what is common, then the first operands."""
    name, upstream = steps.diagram[step.node].name, short(step.upstream)
    head = (f"{name} → {receivers(step)}", upstream, f"× {program_of(steps, step)}")
    yield (*head, "= all at once", "", "")
    for edge in shown_first(step):
        to, local, sent, so_far, uses = share(steps, edge)
        yield f"  {name} → {to}", upstream, f"× {local}", f"= {sent}", so_far, uses
    if rest := more(step):
        yield (f"  {rest}", "", "", "", "", "")


def cells(steps: Steps, step: Step) -> tuple[str, ...]:
    """The row of a step in the table of a page."""
    name = steps.diagram[step.node].name
    told = [f"{receiver(steps, e)}: {share(steps, e)[3]}" for e in shown_first(step)]
    rest = [f"{more(step)}, in the table below"] if more(step) else []
    return (
        f"{name} → {receivers(step)}",
        short(step.upstream),
        program_of(steps, step),
        "all at once",
        "; ".join([*told, *rest]),
    )
