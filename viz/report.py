"""The steps of backpropagation as text for a terminal: the records of `told.py` in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from glassgrad.engine.printing import columns, short
from glassgrad.viz.steps import Steps
from glassgrad.viz.told import Computed, Sent, SentAtOnce, Told, Updated, tell

_MOST_CHECKING = 100_000  # how many operations the check by differences may cost


def report(steps: Steps) -> str:
    """All steps as aligned tables: forward, backpropagation, gradients, update."""
    told = [tell(steps, step) for step in steps]
    parts = [_forward(told), _backward(steps, told), _gradients(steps)]
    if steps.learning_rate is not None:
        parts.append(_update(steps, told))
    parts += [not_finite(steps), steps.diagram.outdated_note()]
    return "\n\n".join(part for part in parts if part)


def _forward(told: Sequence[Told]) -> str:
    made = [each for each in told if isinstance(each, Computed)]
    rows = [(t.name, f"= {t.formula}", f"= {t.numbers}", f"= {t.answer}") for t in made]
    return "Forward: every operation computes its value\n" + columns(rows) if rows else ""


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
    yield (each.edge, str(each.upstream), f"× {each.program}", "= all at once", "", "")
    yield from (_edge(part, "  ") for part in each.listed)
    if each.more:
        yield (f"  {each.more}", "", "", "", "", "")


def _gradients(steps: Steps) -> str:
    diagram = steps.diagram
    root = diagram[steps.root]
    listed = [n for n in diagram if n is root or (n.operation is None and not n.is_constant)]
    is_checked = diagram.can_evaluate and len(listed) * diagram.cost <= _MOST_CHECKING
    rows = [("name", "value", "gradient", "by differences")[: 3 + is_checked]]
    for node in listed:
        gradient = steps.gradients.get(node.index)
        cells = (node.name, short(node.data), "– (frozen)" if node.is_frozen else short(gradient))
        rows.append((*cells, short(steps.check(node.index))) if is_checked else cells)
    return f"Gradients: how fast {root.name} changes with each\n{columns(rows)}"


def not_finite(steps: Steps) -> str:
    """Which operation made the first number that is nan or infinite; "" if none did.

    A number counts if it is the result, or if another that counts is computed from it: nothing
    comes of one in a branch that is not chosen. What a gradient makes of it is said there.

    The page says the same of numbers that were changed there (`notFinite` in `stage/numbers.js`).
    """
    first, used = None, {steps.root}
    for node in reversed(steps.diagram):
        if node.index in used and not isfinite(node.data):
            first = node
            used.update(node.parents)
    if first is not None:
        for step in steps:
            if step.phase == "forward" and step.node == first.index:
                made = _asked(tell(steps, step), "Forward: ")
                return f"Not finite from here on: {made}."
        return f"Not finite from here on: {first.name} is {short(first.data)} from the beginning."
    for step in steps:
        for place, edge in enumerate(step.edges):
            if not isfinite(edge.after or 0.0):
                told = tell(steps, step)
                sent = told.parts[place] if isinstance(told, SentAtOnce) else told
                assert isinstance(sent, Sent)
                made = _asked(sent, "Backward, ")
                if isfinite(edge.contribution or 0.0):
                    made += f", with what came before {short(edge.after)}"
                return f"Not finite from here on: the gradient {made}."
    return ""


def _asked(told: Told, phase: str) -> str:
    return f"{told.halves()[0]}{told.answer}".removeprefix(phase)


def _update(steps: Steps, told: Sequence[Told]) -> str:
    way = "with" if (steps.learning_rate or 0.0) < 0.0 else "against"
    moved = [each for each in told if isinstance(each, Updated)]
    rows = [(each.name, f"= {each.numbers}", f"= {each.answer}") for each in moved]
    root = steps.diagram[steps.root]
    title = f"Update: each parameter moves {way} its gradient"
    outcome = f"  {root.name}: {short(root.data)} before, {short(steps.new_loss)} after"
    return "\n".join([title, *([columns(rows)] if rows else []), outcome])
