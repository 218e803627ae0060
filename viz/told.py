"""`Told`: what one step says, made once and laid out by terminals, tables, pages and widgets.

What a step says has two halves, the question and the answer, so that a page can ask first and tell
later. A number in a text says which one of the graph it is, so that a page can put in that of the
moment; as Python text it is that of the steps. Next: `backprop.py`, `page.py` and `stage.py`, which
lay the records out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf, isfinite, isnan
from operator import add
from typing import NamedTuple

from glassgrad.engine import Formula, contribution, derivative_formula
from glassgrad.engine.compile.result import Total
from glassgrad.engine.printers import number_text
from glassgrad.engine.text import ALL_DIGITS, counted, digits_apart, digits_of_row, short
from glassgrad.viz.compiled import MOST_LISTED, NAMED_FIRST, call, is_compiled, name_of, title_of
from glassgrad.viz.diagram import LONGEST_KEPT, Node, symbol
from glassgrad.viz.formulas import brackets_first
from glassgrad.viz.steps import Step, Steps

MOST_OPERANDS = 16
"""Of more operands the first are written, and the page shows those that contribute most."""

Reference = tuple[str | int, ...]
"""Which number of the graph is meant, as a script reads it: ("v", 3) is the value of node 3."""


class Number(NamedTuple):
    """A number in a text; as an operand of a row with as many digits as it takes to come out."""

    reference: Reference
    value: float | None
    digits: int | None = None

    def __str__(self) -> str:
        text = short(self.value, self.digits)
        return f"({text})" if self.reference[-1] == "()" and text.startswith("-") else text


class Text(tuple[str | Number, ...]):
    """Words and numbers, one after the other: Text("x = ", Number(("v", 0), 2.0), ".")."""

    def __new__(cls, *parts: str | Number | Text) -> Text:
        flat: list[str | Number] = []
        for part in parts:
            if isinstance(part, Text):
                flat += part
            else:
                flat.append(part)
        return super().__new__(cls, flat)

    def __str__(self) -> str:
        return "".join(map(str, self))

    def data(self, keep: str = "") -> str | list[str | Reference]:
        """For JSON: a text alone, or what it is made of; `keep` stands as a part of its own."""
        found: list[str | Reference] = []
        is_open = False
        for part in self:
            if isinstance(part, Number):
                found.append(part.reference)
            elif is_open and part != keep:
                found[-1] = f"{found[-1]}{part}"
            elif part:
                found.append(part)
            is_open = isinstance(part, str) and part != keep and bool(found)
        has_numbers = any(isinstance(part, Number) for part in self)
        return found if has_numbers else str(self)


NOTHING = Text()


def joined(between: str, texts: Sequence[Text]) -> Text:
    """Texts one after the other, with words between."""
    return Text(*[part for text in texts for part in (between, text)][1:])


class Term(NamedTuple):
    """A text of an equation, and whether it is part of the answer."""

    caption: str
    text: Text
    is_answer: bool = False


Equation = Sequence[Term | str]  # terms with the signs between them


class Told(NamedTuple):
    """What one step says.

    Attributes:
        answer: the number that is asked for.
        asks, tells: its sentence up to that number, and from there.
        equations: the step as one or two short equations.
        cells: its row in the table of a page: edge, upstream, local, contribution, result.
        rows: its rows in the table of a terminal, whose columns are those of its phase.
        check: what differences say of the gradient that the step completes, or "".
    """

    step: Step
    answer: Number
    asks: Text
    tells: Text
    equations: list[Equation]
    cells: tuple[Text, ...]
    rows: Sequence[tuple[str | Text, ...]] = ()
    check: str = ""

    @property
    def sentence(self) -> str:
        """The step as a sentence or two, such as a screen reader should speak."""
        return f"{self.asks}{self.tells}"


def tell(steps: Steps, step: Step, check: str = "") -> Told:
    """What a step says, with what differences say of the gradient that it may complete."""
    if step.parts:
        return _sent_at_once(steps, step)
    found = _TELLERS[step.phase](steps, step)
    return found._replace(check=check) if check and step.received == step.uses else found


def _computed(steps: Steps, step: Step) -> Told:
    """A node has computed its value, by its formula, with the numbers of its operands."""
    node, answer = steps.diagram[step.node], Number(("v", step.node), step.value)
    operands = [steps.diagram[parent] for parent in node.parents]
    formula, numbers = step.formula, _arithmetic(steps, node, operands)
    if len(operands) > MOST_OPERANDS and node.operation is not None:
        name = title_of(node.operation) if is_compiled(node.operation) else node.operation.name
        formula = call(name, [operand.in_formulas for operand in operands])
        first = [Text(Number(("v", each.index), each.data)) for each in operands[:NAMED_FIRST]]
        more = f", … {len(operands) - len(first):,} more)"
        numbers = Text(f"{name}(", joined(", ", first), more)
    value = Term(f"value of {node.name}", Text(answer), True)
    terms: Equation = Term("formula", Text(formula)), "=", Term("with numbers", numbers), "=", value
    result = Text(f"{formula} = ", numbers, " = ", answer)
    return Told(
        step, answer, Text(f"Forward: {node.name} = {formula} = ", numbers, " = "),
        Text(answer, "."), [terms], (Text(node.name), NOTHING, NOTHING, NOTHING, result),
        ((node.name, f"= {formula}", Text("= ", numbers), Text("= ", answer)),),
    )  # fmt: skip


def _arithmetic(steps: Steps, node: Node, operands: Sequence[Node]) -> Text:
    """How a node was computed, with the numbers of its operands."""
    digits = _digits_of(node, operands) if len(operands) <= MOST_OPERANDS else None
    pieces = steps.diagram.arithmetic(node, lambda operand: f"\0{operand.index}\0").split("\0")
    parts: list[str | Number] = list(pieces)
    for i in range(1, len(pieces), 2):
        operand = steps.diagram[int(pieces[i])]
        place: Reference = ("o", node.index, operand.index)
        place = (*place, "()") if i == 1 and brackets_first(node.operation) else place
        parts[i] = Number(place, operand.data, ALL_DIGITS if _is_exact(operand) else digits)
    return Text(*parts)


def _digits_of(node: Node, operands: Sequence[Node]) -> int | None:
    """In how many digits the operands of a node are shown; the exact ones stand as they are."""
    if node.operation is None or is_compiled(node.operation):
        return None
    forward, exact = node.operation.forward, [_is_exact(operand) for operand in operands]
    numbers = [operand.data for operand in operands]

    def compute(*shown: float) -> float:
        return forward(tuple(x if known else y for x, y, known in zip(numbers, shown, exact)))

    return digits_of_row(numbers, node.data, compute)


def _is_exact(operand: Node) -> bool:
    """Whether a plain number is shown as it is in the code."""
    return operand.is_constant and len(number_text(operand.data)) <= LONGEST_KEPT


def _seeded(steps: Steps, step: Step) -> Told:
    """The result changes as fast as itself."""
    root = steps.diagram[step.node].name
    slope = f"∂{root}/∂{root}"
    seed: Equation = [Term(f"gradient of {root}", Text(slope)), "=", Term("seed", Text("1"), True)]
    return Told(
        step, Number(("g", step.node), 1.0), Text(f"Seed: {slope} = "),
        Text(f"1, since {root} changes as fast as itself."), [seed],
        (Text(root), NOTHING, NOTHING, NOTHING, Text("1")),
    )  # fmt: skip


def _updated(steps: Steps, step: Step) -> Told:
    """A parameter has moved against its gradient, or at a negative rate with it."""
    old, new, gradient = step.update
    rate = steps.learning_rate or 0.0
    name, root = steps.diagram[step.node].name, steps.diagram[steps.root].name
    sign, way, direction = ("−", 1.0, "against") if rate >= 0.0 else ("+", -1.0, "with")
    size = abs(rate)
    least = digits_apart(old, new)
    digits = digits_of_row((old, size, gradient), new, lambda x, r, g: x - way * r * g, least)
    before = Number(("x", step.node), old, digits)
    answer = Number(("m", step.node), new, least)
    slope = Number(("z", step.node), gradient, digits)
    product = Text(Number(("r", step.node), size, digits), " × ", slope)
    numbers = Text(before, f" {sign} ", product)
    equations: list[Equation] = [[
        Term(name, Text(before)), sign, Term("learning rate × gradient", product), "=",
        Term(f"new {name}", Text(answer), True),
    ]]  # fmt: skip
    outcome = NOTHING
    if step.index == len(steps) - 1:
        value, new_value = steps.diagram[steps.root].data, steps.new_loss
        apart = None if new_value is None else digits_apart(value, new_value)
        result = Number(("x", steps.root), value, apart)
        new_result = Number(("L",), new_value, apart)
        outcome = _outcome(steps, root, result, new_result)
        after = Term(f"{root} after all updates", Text(new_result), True)
        equations.append([Term(f"{root} before", Text(result)), "→", after])
    asks = Text(f"Update: {name} goes from ", before, f" {direction} its gradient, to ", numbers)
    cells = Text(name), Text(slope), NOTHING, NOTHING, Text("value becomes ", answer)
    rows = ((name, Text("= ", numbers), Text("= ", answer)),)
    tells = Text(answer, ".", outcome)
    return Told(step, answer, Text(asks, " = "), tells, equations, cells, rows)


def _outcome(steps: Steps, root: str, result: Number, new_result: Number) -> Text:
    """How the result has changed by all updates."""
    if new_result.value is None:
        operations = (node.operation for node in steps.diagram)
        title = next((title_of(o) for o in operations if isinstance(o, Total)), "the function")
        return Text(f" The new {root} is not computed here: call {title} once more.")
    names = [node.name for node in steps.diagram if node.is_frozen]
    if (more := len(names) - NAMED_FIRST) > 0:
        names[NAMED_FIRST:] = [f"{more:,} more"]
    frozen = f" Frozen, and so not moved: {', '.join(names)}." if names else ""
    return Text(f" By all updates {root} goes from ", result, " to ", new_result, ".", frozen)


class _Edge:
    """What is said of one edge, in the pieces that a step of it or of all edges is told with.

    `result` is the sum that gives the gradient so far, "1 + 0.5 = 1.5", `uses` such as "1 of 2".
    """

    def __init__(self, steps: Steps, step: Step) -> None:
        upstream, local, contributed, before = step.product
        place = (step.node, step.operand or 0)
        self.step, self.receiver = step, steps.diagram[step.receiver].name
        root, sender = steps.diagram[steps.root].name, steps.diagram[step.node].name
        self.name = f"{sender} → {self.receiver}"
        self.slopes = f"∂{root}/∂{sender}", f"∂{sender}/∂{self.receiver}"
        sent = partial(contribution, steps.diagram[step.node].operation)
        digits = digits_of_row((upstream, local), contributed, sent)
        self.upstream = Number(("u", *place), upstream, digits)
        formula = shown_formula(step)
        self.local = Text(f"{formula} = " * bool(formula), Number(("l", *place), local, digits))
        self.factor = factor(step, digits)
        self.answer = Number(("c", *place), contributed)
        # The first contribution keeps its sign of zero in the gradient, not in a sum.
        total = before + contributed
        least = digits_apart(before, total)
        digits = digits_of_row((before, contributed), total, add, least)
        self.before = Number(("b", *place), before, digits)
        self.added = Number(("s", *place), contributed, digits)
        self.after = Number(("a", *place), total, least)
        self.result = Text(self.before, " + ", self.added, " = ", self.after)
        received = Number(("n", *place), step.received)
        self.uses = Text(received, " of ", Number(("w", step.receiver), step.uses))

    def halves(self, start: str, end: Text) -> tuple[Text, Text]:
        """A sentence about the edge, with these words before and after it."""
        of_root, of_sender = self.slopes
        asks = (f"{start} {of_root} = ", self.upstream, f" times local {of_sender} = ")
        becomes = f". The gradient of {self.receiver} becomes "
        tells = Text(self.answer, becomes, self.result, end)
        return Text(*asks, self.local, " gives "), tells

    def product(self, caption: str) -> Equation:
        """Upstream × local = contribution, under this caption."""
        upstream = Term(f"upstream {self.slopes[0]}", Text(self.upstream))
        local = Term(f"local {self.slopes[1]}", self.local)
        return [upstream, "×", local, "=", Term(caption, Text(self.answer), True)]

    def row(self, indent: str = "") -> tuple[str | Text, ...]:
        numbers = (Text(self.upstream), Text("× ", self.factor), Text("= ", self.answer))
        return (indent + self.name, *numbers, self.result, self.uses)


def _sent(steps: Steps, step: Step) -> Told:
    """Gradient was sent along one edge."""
    edge = _Edge(steps, step)
    sender = steps.diagram[step.node].name
    start = f"Backward, from {sender} to {edge.receiver}: upstream"
    asks, tells = edge.halves(start, Text(", with ", edge.uses, " uses received."))
    total: Equation = [
        Term(f"gradient of {edge.receiver} so far", Text(edge.before)), "+",
        Term("contribution", Text(edge.added), True), "=",
        Term(f"gradient of {edge.receiver}", Text(edge.after), True),
    ]  # fmt: skip
    result = Text(edge.result, " (", edge.uses, ")")
    cells = Text(edge.name), Text(edge.upstream), edge.local, Text(edge.answer), result
    equations = [edge.product("contribution"), total]
    return Told(step, edge.answer, asks, tells, equations, cells, (edge.row(),))


def _sent_at_once(steps: Steps, step: Step) -> Told:
    """A compiled node has sent gradient along all its edges at once.

    There is no rule of the table for it, so no formula: its gradient program computes the local
    derivatives by all operands together. Of very many edges those that contribute most are told.
    """
    sender, operation = steps.diagram[step.node].name, steps.diagram[step.node].operation
    assert is_compiled(operation)
    program = f"gradient program of {name_of(operation)}"
    listed = list(step.parts)
    if len(listed) > MOST_LISTED:
        # A nan is what people should see first.
        size = lambda part: inf if isnan(x := abs(part.contribution or 0.0)) else x
        listed = sorted(listed, key=size, reverse=True)[:NAMED_FIRST]
    edges = [_Edge(steps, part) for part in listed]
    first, left = edges[0], len(step.parts) - len(edges)
    more = f"… {left:,} more"
    receivers = counted(len(step.parts), "Value")
    name, upstream = f"{sender} → {receivers}", first.upstream
    asks, tells = first.halves(
        f"Backward, from {sender} to {receivers} at once: the {program} has computed all local "
        "derivatives together. Upstream", Text(".", _gets(edges[1:], left)),
    )  # fmt: skip
    equations = [each.product(f"contribution to {each.receiver}") for each in edges[:NAMED_FIRST]]
    if rest := len(step.parts) - len(equations):
        equations.append([Term("in steps.to_json()", Text(f"… {rest:,} more"))])
    results = [Text(f"{each.receiver}: ", each.result) for each in edges]
    results += [Text(f"{more}, in steps.to_json()")] * bool(left)
    cells = Text(name), Text(upstream), Text(program), Text("all at once"), joined("; ", results)
    rows: list[tuple[str | Text, ...]] = [
        (name, Text(upstream), f"× {program}", "= all at once", "", "")
    ]
    rows += [each.row("  ") for each in edges]
    rows += [(f"  {more}", "", "", "", "", "")] * bool(left)
    return Told(step, first.answer, asks, tells, equations, cells, rows)


def _gets(others: Sequence[_Edge], left: int) -> Text:
    few = [Text(f"{edge.receiver} gets ", edge.answer) for edge in others[: NAMED_FIRST - 1]]
    if rest := left + len(others) - len(few):
        few.append(Text(f"{rest:,} more {'gets its' if rest == 1 else 'get their'} share"))
    if not few:
        return NOTHING
    *before, last = few
    joint = " and " if before else ""
    return Text(" In the same step ", joined(", ", before), joint, last, ".")


_TELLERS = {"forward": _computed, "seed": _seeded, "backward": _sent, "update": _updated}


# The formula of a local derivative, and numbers that are none.


def shown_formula(step: Step) -> str:
    """The formula of a local derivative, unless it is a number itself."""
    try:
        float(step.formula)
    except ValueError:
        return step.formula
    return ""


def factor(step: Step, digits: int | None) -> Text:
    """The local derivative of an edge to stand after a ×, its number in so many digits."""
    number = Number(("l", step.node, step.operand or 0), step.local, digits)
    formula = shown_formula(step)
    formula = f"({formula})" if _is_sum(formula) else formula
    return Text(f"{formula} = ", number) if formula else Text(number)


def _is_sum(formula: str) -> bool:
    depth = 0
    for before, sign, after in zip(formula, formula[1:], formula[2:]):
        depth += (before == "(") - (before == ")")
        if depth == 0 and sign in "+-" and (before, after) == (" ", " "):
            return True
    return False


def chosen_formula(steps: Steps, step: Step) -> str:
    """The formula of a local derivative that holds for these numbers only, or "".

    As at a relu: without the numbers it cannot be written, or is written otherwise.
    """
    node, formula = steps.diagram[step.node], shown_formula(step)
    if not formula or node.operation is None or step.operand is None:
        return ""
    known = [symbol(steps.diagram[parent]) for parent in node.parents]
    unknown = [s if s.number is not None else Formula.symbol(s.name) for s in known]
    try:
        found = derivative_formula(node.operation, unknown, step.operand)
    except TypeError:
        return formula
    return "" if found is not None and found.text == formula else formula


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
    if first is not None and first.operation is None:
        return f"Not finite from here on: {first.name} is {short(first.data)} from the beginning."
    made = (step for step in steps if first is not None and step.node == first.index)
    lost = (edge for step in steps for edge in step.edges if not isfinite(edge.after or 0.0))
    if first is not None:
        said = tell(steps, next(made))
        asked = str(said.asks).removeprefix("Forward: ")
        return f"Not finite from here on: {asked}{said.answer}."
    for edge in lost:
        said = tell(steps, edge)
        sent = f"the gradient {str(said.asks).removeprefix('Backward, ')}{said.answer}"
        before = f", with what came before {short(edge.after)}"
        return f"Not finite from here on: {sent}{before * isfinite(edge.contribution or 0.0)}."
    return ""
