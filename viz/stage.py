"""What the page of the steps computes with: the graph, its numbers, its steps, its operations.

`data` gives the graph and the steps for JSON, `javascript` the rows of the table that occur, as
functions. With both the page computes everything anew when a number is changed; where it cannot, a
sentence says why. The scripts that use them are in `stage/`, the page around them in `page.py`;
what a step says is from `told.py`.
"""

from __future__ import annotations

import html
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import PurePath
from typing import Any

from glassgrad.engine import Operation, Reduction, Scope
from glassgrad.engine.formula import javascript_functions, javascript_key, precedence, printed
from glassgrad.engine.op import ATOM
from glassgrad.engine.printers import SIGN, pieces
from glassgrad.engine.text import clipped, digits_shown, visible
from glassgrad.viz.compiled import is_compiled, title_of
from glassgrad.viz.diagram import Diagram, Node, local_derivative, symbol
from glassgrad.viz.dot import SYMBOLS
from glassgrad.viz.formulas import MATHML
from glassgrad.viz.network import Network
from glassgrad.viz.picture import Scopes
from glassgrad.viz.repeats import FEWEST_NODES, Repeats
from glassgrad.viz.steps import Step, Steps
from glassgrad.viz.told import (
    MOST_OPERANDS,
    Reference,
    Term,
    Text,
    Told,
    chosen_formula,
    not_finite,
    tell,
)

VERSION = 1
_HERE = os.path.dirname(__file__) + os.sep
_LONGEST_LINE = 120
MOST_LIVE = 1_500
"""Up to this many nodes a page computes by itself: what its steps say is 1.4 MB by then. The time
of a frame is no limit, since only what the window shows is drawn; see benchmarks/frames.py."""
MOST_STEPS = 2_500
"""Of more steps a page shows a part, since tens of thousands would choke a notebook."""
_BEFORE_SEED = 500  # how many of them are the last forward steps
MOST_WHOLE = 10
"""Up to this many nodes a page always shows all of a graph without long edges."""
_MOST_LEAVES = 40  # a longer expression is not typeset
_MOST_ON_A_LINE = 16  # of a longer one what modules compute is written as their calls


def data(
    steps: Steps,
    told: Sequence[Told] | None = None,
    why_not: str | None = None,
    scripts: frozenset[str] | None = None,
) -> dict[str, Any]:
    """The graph, its numbers and its steps for the page, as data for JSON.

    What the steps on the page say, why it does not compute, and which of the optional scripts it
    needs, may be known already.
    """
    told = all_told(steps) if told is None else told
    why_not = javascript(steps)[1] if why_not is None else why_not
    scripts = scripts_of(steps) if scripts is None else scripts
    diagram, is_whole = steps.diagram, len(told) >= len(steps)
    opened = kept = set(range(len(diagram)))
    if not is_whole:  # then the nodes are those that the shown steps speak of
        opened = {each.step.node for each in told if each.step.phase != "update"}
        operands = {parent for i in opened for parent in diagram[i].parents}
        kept = opened | operands | {each.step.node for each in told}
    places = {index: place for place, index in enumerate(sorted(kept))}
    repeats, network = Repeats(diagram), network_of(steps)
    nodes, lines = _nodes(steps, places, opened, repeats)
    found = {
        "version": VERSION,
        "digits": digits_shown(),
        "root": places[steps.root],
        "rate": steps.learning_rate,
        "after": None if steps.new_loss is None else _number(steps.new_loss),
        "live": why_not or True,
        "checked": any(each.check for each in told),
        "outdated": diagram.outdated_note(),
        "broken": not_finite(steps) if why_not else "",
        "first": told[0].step.index,
        "all": len(steps),
        "formula": formula(diagram, steps.root) if is_whole else "",
        "nodes": nodes,
        "lines": lines,
        "series": [{"count": each.count, "around": each.around} for each in repeats.series],
        "network": network and network.record(places),
        "alone": "alone" in scripts,
        "folds": "folds" in scripts,
        "operands": MOST_OPERANDS if "folds" in scripts else None,
        "steps": [_step(steps, each, places, is_live=not why_not) for each in told],
    }
    left_out = ("checked", "outdated", "broken", "series", "network", "alone", "folds", "operands")
    return {key: each for key, each in found.items() if each or key not in left_out}


def javascript(steps: Steps) -> tuple[str, str]:
    """The operations that occur as an expression in JavaScript, for the page to compute with.

    It gives an object with the functions of each row. Where the page does not compute, it is empty,
    and the second text is a sentence that says why no number can be changed.
    """
    if why_not := _why_not_live(steps):
        return "{}", f"{_NOT_LIVE} {why_not}"
    rows = _rows(steps.diagram).values()
    try:
        return javascript_functions(rows), ""
    except TypeError:
        for row in rows:
            try:
                javascript_functions([row])
            except TypeError:
                problem = f"{row[0].name} is no formula that the page could compute."
                return "{}", f"{_NOT_LIVE} {problem}"
        raise


def network_of(steps: Steps) -> Network | None:
    """The network that the page shows; None if there is none, or a part of the steps alone."""
    return steps.network if _is_short(steps) else None


def scripts_of(steps: Steps) -> frozenset[str]:
    """The optional scripts that the page needs."""
    found = {"network", "circles"} if network_of(steps) else set[str]()
    found |= {"folds"} if _has_folds(steps.diagram) else set()
    found |= {"levels"} if found else set()
    return frozenset(found | {"alone"} if _is_wide(steps.diagram) else found)


def _has_folds(diagram: Diagram) -> bool:
    """Whether a part of the graph may be folded: what repeats, or some of many operands."""
    has_many = any(len(node.parents) > MOST_OPERANDS for node in diagram)
    return has_many or len(diagram) >= FEWEST_NODES


def _is_wide(diagram: Diagram) -> bool:
    """Whether steps may be shown alone: of a larger graph, or where an edge is long."""
    ranks, uses = list[int](), [list[int]() for _ in diagram]
    for node in diagram:
        ranks.append(1 + max((ranks[parent] for parent in node.parents), default=-1))
        for parent in node.parents:
            uses[parent].append(ranks[-1])
    for node, ends in zip(diagram, uses):
        start = ranks[node.index] if node.parents else min(ends, default=0) - 1  # as in layout.js
        if any(end - start > 1 for end in ends):
            return True
    return len(diagram) > MOST_WHOLE


def shown_steps(steps: Steps) -> list[Step]:
    """The steps on the page: all, or of very many those around the seed."""
    if _is_short(steps):
        return list(steps)
    seed = next(step.index for step in steps if step.phase == "seed")
    first = max(0, min(seed - _BEFORE_SEED, len(steps) - MOST_STEPS))
    return steps[first : first + MOST_STEPS]


def _is_short(steps: Steps) -> bool:
    """Whether all steps are shown; those of an update are short, and not counted."""
    return sum(step.phase != "update" for step in steps) <= MOST_STEPS


def all_told(steps: Steps) -> list[Told]:
    """What the steps on the page say."""
    checked = steps.checks()
    return [tell(steps, step, checked.get(step.parent, "")) for step in _possible(steps)]


def _possible(steps: Steps) -> list[Step]:
    """The steps on the page, with those that are none as long as a choice goes another way.

    Where a condition chooses, other numbers may send gradient along other edges; the page leaves
    out those that carry nothing.
    """
    shown = shown_steps(steps)
    if len(shown) < len(steps) or not any(
        n.operation and n.operation.selects for n in steps.diagram
    ):
        return shown
    taken = {(edge.node, edge.operand): edge for step in shown for edge in step.edges}
    backward = []
    for node in reversed(steps.diagram):
        for position, parent in enumerate(node.parents):
            row, operand = node.operation, steps.diagram[parent]
            has_rule = isinstance(row, Reduction) or (row and row.rules[position] is not None)
            if has_rule and not operand.is_constant and not operand.is_frozen:
                sent = taken.get((node.index, position))
                backward.append(sent or _idle(steps.diagram, node, position))
    before = [step for step in shown if step.phase in ("forward", "seed")]
    return [*before, *backward, *(step for step in shown if step.phase == "update")]


def _idle(diagram: Diagram, node: Node, position: int) -> Step:
    formula = local_derivative(node, [diagram[operand] for operand in node.parents], position)
    text = formula.text if formula is not None else ""
    nothing: dict[str, Any] = dict.fromkeys(
        ("upstream", "local", "contribution", "before", "after"), 0.0
    )
    parent = node.parents[position]
    return Step(0, "backward", node.index, "", text, operand=position, parent=parent, **nothing)


# Whether the page can compute.


_NOT_LIVE = "Numbers cannot be changed on this page:"


def _why_not_live(steps: Steps) -> str:
    diagram = steps.diagram
    if compiled := [node.function for node in diagram if node.is_compiled]:
        return f"{compiled[0]} is compiled, and its array program runs in Python alone."
    if len(diagram) > MOST_LIVE or not _is_short(steps):
        return (
            f"the graph has {len(diagram):,} nodes in {len(steps):,} steps, and a page "
            f"computes up to {MOST_LIVE:,} in {MOST_STEPS:,}."
        )
    numbers = diagram.evaluate({node.index: node.data for node in diagram if not node.parents})
    is_changed = any(repr(number) != repr(node.data) for number, node in zip(numbers, diagram))
    return "they no longer follow from each other." if is_changed or diagram.outdated else ""


def _rows(diagram: Diagram) -> dict[str, tuple[Operation, int]]:
    return {_key(node): (node.operation, len(node.parents)) for node in diagram if node.operation}


def _key(node: Node) -> str:
    assert node.operation is not None
    return javascript_key(node.operation, len(node.parents))


# Nodes and steps.


def _nodes(
    steps: Steps, places: Mapping[int, int], opened: set[int], repeats: Repeats
) -> tuple[list[dict[str, Any]], list[str]]:
    """The nodes at their places on the page, and the lines of the user's program that they name."""
    scopes, moving = Scopes(steps.diagram), set(steps.moving)
    lines, nodes = {"": -1}, []
    for index in places:
        node, scope = steps.diagram[index], scopes.of[index]
        record = _node(steps.diagram, node, places if index in opened else None)
        record["w"] = lines.setdefault(_line_of(node), len(lines) - 1)
        if index in opened and node.operation is not None and node.operation.masks:
            record["z"] = True
        record["path"] = visible(scope.path()) if scope is not None else ""
        if (repetition := repeats.of[index]) is not None:
            record["r"] = repetition
        nodes.append(record | {"m": True} if index in moving else record)
    return nodes, [*lines][1:]


def _node(diagram: Diagram, node: Node, places: Mapping[int, int] | None) -> dict[str, Any]:
    """A node on the page; where its operands are not, no places are given."""
    operation = node.operation if places is not None else None
    edges = [] if places is None else [(k, places[parent]) for k, parent, _ in node.edges()]
    sending = {k: _number(local) for k, _, local in diagram.sending(node)}
    name = operation.name if operation else ""
    return {
        "n": node.name,
        **({"f": True} if node.is_frozen else {}),
        "k": "node" if node.operation else "constant" if node.is_constant else "leaf",
        "o": None if operation is None or is_compiled(operation) else _key(node),
        "s": title_of(operation) if is_compiled(operation) else SYMBOLS.get(name, name),
        "p": [place for _, place in edges],
        "v": _number(node.data),
        "l": [sending.get(k) for k, _ in edges],
    }


def _line_of(node: Node) -> str:
    """The line of the user's program that made a node, such as "neuron.py, line 3: y = x * w".

    Of the file only the name is told; lines of this room say nothing about the user's program.
    """
    if node.file is None or node.file.startswith(_HERE):
        return ""
    path = PurePath(node.file)
    place = "a notebook cell" if path.parent.name.startswith("ipykernel_") else path.name
    code = clipped(node.source or "", _LONGEST_LINE)
    return f"{clipped(place)}, line {node.line}" + (f": {code}" if code else "")


def _number(number: float) -> float | str:
    """A number for JSON, which has no infinity and no nan."""
    return number if isfinite(number) else repr(number)


def _step(steps: Steps, said: Told, places: Mapping[int, int], *, is_live: bool) -> dict[str, Any]:
    """What the page lays out of a step, without what does not apply."""
    kind, node, *operand = said.answer.reference
    assert isinstance(node, int)
    step = said.step
    chosen = chosen_formula(steps, step)

    def text(text: Text) -> str | list[str | Reference]:
        return text.data(f"{chosen} = ") if is_live else str(text)

    def term(part: str | Term) -> str | list[Any]:
        if isinstance(part, str):
            return part
        return [part.caption, text(part.text), *[1] * part.is_answer]

    found = {
        "phase": step.phase,
        "node": places[step.node],
        "edges": [[places[edge.node], edge.operand] for edge in step.edges],
        "asks": text(said.asks),
        "tells": text(said.tells),
        "equations": [[*map(term, equation)] for equation in said.equations],
        "cells": [text(cell) for cell in said.cells],
        "answer": [kind, places[node], *operand],
        "check": "" if is_live else said.check,  # a live page computes it
    }
    if step.parent is not None and not is_live:
        found["uses"] = [step.received, step.uses]
    if chosen:
        found["branch"] = True
    return found


# The whole expression, typeset.


def formula(diagram: Diagram, root: int) -> str:
    """The expression behind a node in MathML, each part of it an `<mrow data-n="its index">`.

    A node that is used several times is defined before; each row is an element `<math>` of its own.
    Of one that is longer than a line what modules compute is written as their calls: "MLP(x)".

    Returns:
        The markup; "" for an expression that is too long, or none at all.
    """
    calls: dict[int, str] = {}
    behind = _behind(diagram, root, calls, _MOST_ON_A_LINE)
    if behind is None:
        calls = _calls(diagram, root)
        behind = _behind(diagram, root, calls, _MOST_LEAVES)
    if behind is None or not diagram[root].parents:
        return ""
    uses = Counter(parent for i in behind if i not in calls for parent in diagram[i].parents)
    markup: dict[int, tuple[str, int]] = {}
    rows = []
    for i in behind:
        node = diagram[i]
        operands = [] if i in calls else [markup[parent] for parent in node.parents]
        text, binds = (calls[i], ATOM) if i in calls else _typeset(node, operands)
        is_defined = bool(node.parents) and uses[i] > 1 and i not in calls
        if is_defined or (i == root and node.label):
            rows.append(f"{_part(i, MATHML.name(node.name))}<mo>=</mo>{_part(i, text)}")
            text, binds = MATHML.name(node.name), ATOM
        elif i == root:
            rows.append(_part(i, text))
        markup[i] = _part(i, text), binds
    return "".join(f"<math>{row}</math>" for row in rows)


def _calls(diagram: Diagram, root: int) -> dict[int, str]:
    """The results of the outermost modules, typeset as calls; those of one are numbered.

    The root is one only where modules are inside of its module: a lone neuron is no mere name.
    """
    scopes = [None if s is None else s.chain() for s in Scopes(diagram).of]
    results: dict[Scope, dict[int, None]] = {}
    for node in diagram:
        for parent in node.parents:
            chain, users = scopes[parent], scopes[node.index]
            is_result = chain is not None and (users is None or users[0] is not chain[0])
            if chain is not None and is_result and diagram[parent].parents:
                results.setdefault(chain[0], {})[parent] = None
    if (chain := scopes[root]) is not None and len(chain) > 1:
        results.setdefault(chain[0], {})[root] = None
    found = {}
    for scope, nodes in results.items():
        call = f"<mi>{html.escape(visible(scope.name))}</mi><mo>(</mo><mi>x</mi><mo>)</mo>"
        for k, i in enumerate(nodes, 1):
            found[i] = f"<msub><mrow>{call}</mrow><mn>{k}</mn></msub>" if len(nodes) > 1 else call
    return found


def _behind(diagram: Diagram, root: int, calls: Mapping[int, str], most: int) -> list[int] | None:
    """The nodes that one is computed from, and itself; None where more leaves are written."""
    found, pending, leaves = {root}, [root], 0
    while pending:
        last = pending.pop()
        for parent in () if last in calls else diagram[last].parents:
            leaves += not diagram[parent].parents or parent in found
            if parent not in found:
                found.add(parent)
                pending.append(parent)
        if leaves > most or len(found) > 2 * _MOST_LEAVES:
            return None
    return sorted(found)


def _part(index: int, markup: str) -> str:
    inside = markup[len("<mrow>") :] if markup.startswith("<mrow>") else f"{markup}</mrow>"
    return f'<mrow data-n="{index}">{inside}'


def _typeset(node: Node, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """A node's operation on operands that are typeset, and how tightly what is written binds."""
    if node.operation is None:
        operand = symbol(node)
        return printed(operand, MATHML), precedence(operand, MATHML)
    if is_compiled(node.operation):
        listed = "<mo>,</mo>".join(markup for markup, _ in operands)
        name = html.escape(title_of(node.operation))
        return f"<mtext>{name}</mtext><mo>(</mo>{listed}<mo>)</mo>", ATOM
    pattern, binds, needs = MATHML.style(node.operation, [None] * len(operands))
    parts = []
    for piece in pieces(pattern):
        if isinstance(piece, str):
            parts.append(piece)
            continue
        markup, bound = operands[piece]
        is_bare = not needs or bound >= needs[piece]
        if bound == SIGN and piece > 0 and needs and needs[piece]:
            is_bare = False  # no two signs side by side
        parts.append(markup if is_bare else MATHML.brackets[0] + markup + MATHML.brackets[1])
    return "".join(parts), binds
