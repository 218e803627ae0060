"""The steps of backpropagation as text for a terminal: the records of `told.py` in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from glassgrad.engine.printing import columns, short
from glassgrad.viz.steps import Steps
from glassgrad.viz.told import Computed, Sent, SentAtOnce, Told, Updated, tell

_MOST_CHECKING = 100_000
"""How many operations the check by differences may cost."""


def report(steps: Steps) -> str:
    """All steps as aligned tables: forward, backpropagation, gradients, update."""
    told = [tell(steps, step) for step in steps]
    parts = [_forward(told), _backward(steps, told), _gradients(steps)]
    if steps.learning_rate is not None:
        parts.append(_update(steps, told))
    parts.append(steps.diagram.outdated_note())
    return "\n\n".join(part for part in parts if part)


def _forward(told: Sequence[Told]) -> str:
    rows = [
        (each.name, f"= {each.formula}", f"= {each.numbers}", f"= {each.answer}")
        for each in told
        if isinstance(each, Computed)
    ]
    if not rows:
        return ""
    return "Forward: every operation computes its value\n" + columns(rows)


def _backward(steps: Steps, told: Sequence[Told]) -> str:
    root = steps.diagram[steps.root].name
    rows: list[tuple[str, ...]] = [
        ("edge", "upstream", "× local", "= contribution", "gradient so far", "uses received")
    ]
    pace = "one edge at a time"
    for each in told:
        if isinstance(each, Sent):
            rows.append(_edge(each))
        elif isinstance(each, SentAtOnce):
            rows += _at_once(each)
            pace = "one edge at a time, or all edges of a compiled function at once"
    title = f"Backpropagation: ∂{root}/∂{root} = 1, then {pace}"
    return title if len(rows) == 1 else f"{title}\n{columns(rows)}"


def _edge(each: Sent, indent: str = "") -> tuple[str, ...]:
    numbers = (f"{each.upstream}", f"× {each.factor}", f"= {each.answer}")
    return (indent + each.edge, *numbers, str(each.result), str(each.uses))


def _at_once(each: SentAtOnce) -> Iterator[tuple[str, ...]]:
    """What all edges of a compiled node have in common, then the first of them."""
    yield (each.edge, str(each.upstream), f"× {each.program}", "= all at once", "", "")
    yield from (_edge(part, "  ") for part in each.listed)
    if each.more:
        yield (f"  {each.more}", "", "", "", "", "")


def _gradients(steps: Steps) -> str:
    root = steps.diagram[steps.root].name
    listed = [
        node
        for node in steps.diagram
        if (node.operation is None and not node.is_constant) or node.index == steps.root
    ]
    diagram = steps.diagram
    is_checked = diagram.can_evaluate and len(listed) * diagram.cost <= _MOST_CHECKING
    rows = [("name", "value", "gradient", "by differences")[: 3 + is_checked]]
    for node in listed:
        gradient = steps.gradients.get(node.index)
        cells = (node.name, short(node.data), short(gradient))
        rows.append((*cells, short(steps.check(node.index))) if is_checked else cells)
    return f"Gradients: how fast {root} changes with each\n{columns(rows)}"


def _update(steps: Steps, told: Sequence[Told]) -> str:
    way = "with" if (steps.learning_rate or 0.0) < 0.0 else "against"
    rows = [
        (each.name, f"= {each.numbers}", f"= {each.answer}")
        for each in told
        if isinstance(each, Updated)
    ]
    root = steps.diagram[steps.root]
    title = f"Update: each parameter moves {way} its gradient"
    outcome = f"  {root.name}: {short(root.data)} before, {short(steps.new_loss)} after"
    return "\n".join([title, *([columns(rows)] if rows else []), outcome])
