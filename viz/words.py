"""One step in words and as an equation, for pages and screen readers.

What a step says has two halves, the question and the answer, so that a page can ask first and tell
later. `page.py` shows both; the tables for a terminal are in `report.py`.
"""

from __future__ import annotations

import os
from math import isfinite
from pathlib import PurePath
from typing import Any

from glassgrad.engine.check import KINK
from glassgrad.engine.compiling.result import Total
from glassgrad.engine.printing import short
from glassgrad.engine.text import clipped
from glassgrad.viz import at_once
from glassgrad.viz.compiled import NAMED_FIRST, title_of
from glassgrad.viz.node import Node
from glassgrad.viz.step import Step
from glassgrad.viz.steps import Steps

_MOST_CHECKING = 25_000
"""How many nodes times nodes may be computed for the checks by differences of one page."""
_LONGEST_LINE = 120
_TOLERANCE = 1e-4
"""The relative error up to which a gradient and its differences are the same."""
_HERE = os.path.dirname(__file__) + os.sep

Term = tuple[str, str] | tuple[str, str, int]
"""A caption and what stands under it; with a 1 if it is part of the answer."""
Equation = list[Term | str]
"""Terms with the signs between them."""


def sentence(steps: Steps, step: Step) -> str:
    """One step as a sentence or two, such as a screen reader should speak."""
    return question(steps, step) + answer(steps, step)


def question(steps: Steps, step: Step) -> str:
    """The first half of the sentence, up to the number that the step is about."""
    name = steps.diagram[step.node].name
    root = steps.diagram[steps.root].name
    if step.phase == "forward":
        numbers = steps.diagram.arithmetic(steps.diagram[step.node], lambda n: short(n.data))
        return f"Forward: {name} = {step.formula} = {numbers} = "
    if step.phase == "seed":
        return f"Seed: ∂{root}/∂{root} = "
    if step.phase == "update":
        rate, gradient = short(steps.learning_rate), short(step.upstream)
        return f"Update: {name} goes from {short(step.before)} against its gradient, to " + (
            f"{short(step.before)} - {rate} × {gradient} = "
        )
    if step.parts:
        return at_once.question(steps, step)
    assert step.parent is not None
    parent = steps.diagram[step.parent].name
    return (
        f"Backward, from {name} to {parent}: upstream ∂{root}/∂{name} = {short(step.upstream)} "
        f"times local ∂{name}/∂{parent} = {local_text(step)} gives "
    )


def answer(steps: Steps, step: Step) -> str:
    """The second half of the sentence: the number, and what follows from it."""
    if step.phase == "forward":
        return f"{short(step.value)}."
    if step.phase == "seed":
        root = steps.diagram[steps.root].name
        return f"1, since {root} changes as fast as itself."
    if step.phase == "update":
        return f"{short(step.after)}.{_outcome(steps, step)}"
    if step.parts:
        return at_once.answer(steps, step)
    assert step.parent is not None
    parent = steps.diagram[step.parent].name
    return (
        f"{short(step.contribution)}. "
        f"The gradient of {parent} becomes {accumulation(step)}, "
        f"with {step.received} of {step.uses} uses received."
    )


def _outcome(steps: Steps, step: Step) -> str:
    """After the last update, how the result has changed by all of them."""
    if step.index < len(steps) - 1:
        return ""
    root = steps.diagram[steps.root]
    if steps.new_loss is None:
        return f" The new {root.name} is not computed here: call {_compiled(steps)} once more."
    return f" By all updates {root.name} goes from {short(root.data)} to {short(steps.new_loss)}."


def _compiled(steps: Steps) -> str:
    """How the call over samples is written that keeps a new result from being known."""
    operations = (node.operation for node in steps.diagram)
    return next((title_of(o) for o in operations if isinstance(o, Total)), "the function")


def number_asked(step: Step) -> float | str:
    """The number that a reader may guess before the answer; a text if JSON has no such number."""
    edge = step.edges[0] if step.phase == "backward" else step
    number = edge.contribution if step.phase == "backward" else step.after
    number = step.value if number is None else number
    assert number is not None
    return number if isfinite(number) else short(number)


def equations(steps: Steps, step: Step) -> list[Equation]:
    """The step as one or two short equations, every term with its caption."""
    root = steps.diagram[steps.root]
    node = steps.diagram[step.node]
    if step.phase == "forward":
        numbers = steps.diagram.arithmetic(node, lambda n: short(n.data))
        value = (f"value of {node.name}", short(step.value), 1)
        return [[("formula", step.formula), "=", ("with numbers", numbers), "=", value]]
    if step.phase == "seed":
        return [[(f"gradient of {root.name}", f"∂{root.name}/∂{root.name}"), "=", ("seed", "1", 1)]]
    if step.phase == "update":
        return _update_equations(steps, step)
    if step.parts:
        found = [_product(steps, edge) for edge in step.parts[:NAMED_FIRST]]
        rest = len(step.parts) - len(found)
        return [*found, [("in the table below", f"… {rest:,} more")]] if rest else found
    return [_product(steps, step), _accumulated(steps, step)]


def _product(steps: Steps, edge: Step) -> Equation:
    assert edge.parent is not None
    root, node = steps.diagram[steps.root].name, steps.diagram[edge.node]
    parent = steps.diagram[edge.parent].name
    to = f" to {parent}" if node.is_compiled else ""
    return [
        (f"upstream ∂{root}/∂{node.name}", short(edge.upstream)),
        "×",
        (f"local ∂{node.name}/∂{parent}", local_text(edge)),
        "=",
        (f"contribution{to}", short(edge.contribution), 1),
    ]


def _accumulated(steps: Steps, edge: Step) -> Equation:
    assert edge.parent is not None
    parent = steps.diagram[edge.parent].name
    return [
        (f"gradient of {parent} so far", short(edge.before)),
        "+",
        ("contribution", short(edge.contribution), 1),
        "=",
        (f"gradient of {parent}", short(_sum(edge)), 1),
    ]


def _update_equations(steps: Steps, step: Step) -> list[Equation]:
    name, root = steps.diagram[step.node].name, steps.diagram[steps.root]
    moved: Equation = [
        (name, short(step.before)),
        "−",
        ("learning rate × gradient", f"{short(steps.learning_rate)} × {short(step.upstream)}"),
        "=",
        (f"new {name}", short(step.after), 1),
    ]
    if step.index < len(steps) - 1:
        return [moved]
    after = (f"{root.name} after all updates", short(steps.new_loss), 1)
    return [moved, [(f"{root.name} before", short(root.data)), "→", after]]


def accumulation(step: Step) -> str:
    """The sum that gives the gradient so far, of a backward step: "1 + 0.5 = 1.5"."""
    return f"{short(step.before)} + {short(step.contribution)} = {short(_sum(step))}"


def _sum(step: Step) -> float:
    """The gradient so far. The first contribution keeps its sign of zero there, not in a sum."""
    assert step.before is not None
    assert step.contribution is not None
    return step.before + step.contribution


def local_text(step: Step) -> str:
    """A local derivative as formula and number; the number alone where the formula is one."""
    number = short(step.local)
    return number if not step.formula or _is_number(step.formula) else f"{step.formula} = {number}"


def factor_text(step: Step) -> str:
    """The same to stand after a ×: a sum in brackets."""
    text = local_text(step)
    return text.replace(step.formula, f"({step.formula})", 1) if _is_sum(step.formula) else text


def _is_sum(formula: str) -> bool:
    depth = 0
    for before, sign, after in zip(formula, formula[1:], formula[2:]):
        depth += (before == "(") - (before == ")")
        if depth == 0 and sign in "+-" and (before, after) == (" ", " "):
            return True
    return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def line_of(node: Node) -> str:
    """The line of the user's program that made a node, such as "neuron.py, line 3: y = x * w".

    Of the file only the name is told; lines of this room say nothing about the user's program.
    """
    if node.file is None or node.file.startswith(_HERE):
        return ""
    path = PurePath(node.file)
    place = "a notebook cell" if path.parent.name.startswith("ipykernel_") else path.name
    code = clipped(node.source or "", _LONGEST_LINE)
    return f"{clipped(place)}, line {node.line}" + (f": {code}" if code else "")


def checks(steps: Steps) -> dict[int | None, str]:
    """For every node that backpropagation reaches, what differences say of its gradient.

    Nothing for a large graph, where this would take long.
    """
    diagram = steps.diagram
    if not diagram.can_evaluate or len(steps.gradients) * diagram.cost > _MOST_CHECKING:
        return {}
    return {index: _checked(steps, index) for index in steps.gradients if index != steps.root}


def _checked(steps: Steps, index: int) -> str:
    root, name = steps.diagram[steps.root].name, steps.diagram[index].name
    found = steps.finding(index)
    if found.doubt == KINK:
        return f"Check by differences: there is no single slope ∂{root}/∂{name} here."
    if found.doubt:
        return f"Check by differences: they tell nothing of ∂{root}/∂{name} here."
    agrees = found.error_of(steps.gradients[index]) <= _TOLERANCE
    verdict = "the same" if agrees else f"not {short(steps.gradients[index])}"
    return f"Check by differences: ∂{root}/∂{name} ≈ {short(found.value)}, {verdict}."


def _part(edge: Step) -> list[Any]:
    """What a page's script needs to know of one edge among many."""
    return [edge.parent, f"{edge.node}_{edge.operand}", short(edge.after), edge.received, edge.uses]


def record(steps: Steps, step: Step, check: str) -> dict[str, Any]:
    """What a page's script needs to know of a step, without what does not apply.

    Args:
        steps: all steps.
        step: the one to write down.
        check: what differences say of the gradient, on the step that completes it.
    """
    shown = step.value if step.phase == "forward" else step.after
    found = {
        "phase": step.phase,
        "node": step.node,
        "parent": step.parent,
        "edge": None if step.operand is None else f"{step.node}_{step.operand}",
        "shows": short(shown),
        "received": step.received or None,
        "uses": step.uses or None,
        "asks": question(steps, step),
        "tells": answer(steps, step),
        "answer": number_asked(step),
        "equations": equations(steps, step),
        "line": line_of(steps.diagram[step.node]),
        "parts": [_part(edge) for edge in step.parts] or None,
        "check": check if step.uses and step.received == step.uses else "",
    }
    return {key: value for key, value in found.items() if value not in (None, "")}
