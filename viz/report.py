"""The steps of backpropagation as text for a terminal."""

from __future__ import annotations

from glassgrad.engine.printing import columns, short
from glassgrad.viz import at_once
from glassgrad.viz.steps import Steps
from glassgrad.viz.words import accumulation, factor_text

_MOST_CHECKING = 100_000
"""How many operations the check by differences may cost."""


def report(steps: Steps) -> str:
    """All steps as aligned tables: forward, backpropagation, gradients, update."""
    parts = [_forward(steps), _backward(steps), _gradients(steps)]
    if steps.learning_rate is not None:
        parts.append(_update(steps))
    return "\n\n".join(part for part in parts if part)


def _forward(steps: Steps) -> str:
    rows = [
        (
            steps.diagram[step.node].name,
            "= " + step.formula,
            "= " + steps.diagram.arithmetic(steps.diagram[step.node], short),
            "= " + short(step.value),
        )
        for step in steps
        if step.phase == "forward"
    ]
    if not rows:
        return ""
    return "Forward: every operation computes its value\n" + columns(rows)


def _backward(steps: Steps) -> str:
    root = steps.diagram[steps.root].name
    rows: list[tuple[str, ...]] = [
        ("edge", "upstream", "× local", "= contribution", "gradient so far", "uses received")
    ]
    for step in steps:
        if step.parts:
            rows += at_once.report_rows(steps, step)
        elif step.phase == "backward":
            assert step.parent is not None
            name, parent = steps.diagram[step.node].name, steps.diagram[step.parent].name
            rows.append(
                (
                    f"{name} → {parent}",
                    short(step.upstream),
                    f"× {factor_text(step)}",
                    f"= {short(step.contribution)}",
                    accumulation(step),
                    f"{step.received} of {step.uses}",
                )
            )
    pace = "one edge at a time"
    if any(step.parts for step in steps):
        pace += ", or all edges of a compiled function at once"
    title = f"Backpropagation: ∂{root}/∂{root} = 1, then {pace}"
    return title if len(rows) == 1 else f"{title}\n{columns(rows)}"


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


def _update(steps: Steps) -> str:
    rate = steps.learning_rate or 0.0
    sign, way = ("+", "with") if rate < 0.0 else ("-", "against")
    rows = [
        (
            steps.diagram[step.node].name,
            f"= {short(step.before)} {sign} {short(abs(rate))} × {short(step.upstream)}",
            f"= {short(step.after)}",
        )
        for step in steps
        if step.phase == "update"
    ]
    root = steps.diagram[steps.root]
    title = f"Update: each parameter moves {way} its gradient"
    outcome = f"  {root.name}: {short(root.data)} before, {short(steps.new_loss)} after"
    return "\n".join([title, *([columns(rows)] if rows else []), outcome])
