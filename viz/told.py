"""`Told`: what one step says, made once and laid out by terminals, tables, pages and widgets.

What a step says has two halves, the question and the answer, so that a page can ask first and tell
later. A number in a text says which one of the graph it is, so that a page can put in that of the
moment; as Python text it is that of the steps. Next: `report.py`, `page.py` and `stage.py`, which
lay the records out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, isnan
from operator import add
from typing import NamedTuple

from glassgrad.engine import Formula, Operation, contribution, derivative_formula
from glassgrad.engine.compile.result import Total
from glassgrad.engine.printers import number_text
from glassgrad.engine.printing import ALL_DIGITS, digits_of_row, short
from glassgrad.engine.text import counted
from glassgrad.viz.compiled import MOST_LISTED, NAMED_FIRST, call, is_compiled, name_of, title_of
from glassgrad.viz.diagram import LONGEST_KEPT, Node, symbol
from glassgrad.viz.formulas import brackets_first
from glassgrad.viz.steps import Step, Steps

MOST_OPERANDS = 16
"""Of more operands the first are written, and the page shows those that contribute most."""

Reference = tuple[str | int, ...]
"""Which number of the graph is meant, as a script reads it: ("v", 3) is the value of node 3."""


@dataclass(frozen=True)
class Number:
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
            flat += part if isinstance(part, Text) else (part,)
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


class Term(NamedTuple):
    """A text of an equation, and whether it is part of the answer."""

    caption: str
    text: Text
    is_answer: bool = False


Equation = Sequence[Term | str]  # terms with the signs between them


def joined(between: str, texts: Sequence[Text]) -> Text:
    """Texts one after the other, with words between."""
    return Text(*[part for text in texts for part in (between, text)][1:])


class Told(ABC):
    """What one step says; each kind of step has its own, and `tell` makes them.

    Attributes:
        name, root: the names of the node in focus, and of the result.
        edge: what it is about: "v1", or "o → v4".
        answer: the number that is asked for.
        check: what differences say of the gradient that the step completes, or "".
    """

    edge: str
    answer: Number
    check = ""

    def __init__(self, steps: Steps, step: Step) -> None:
        self.steps, self.step = steps, step
        self.root = steps.diagram[steps.root].name
        self.edge = self.name = steps.diagram[step.node].name

    @abstractmethod
    def halves(self) -> tuple[Text, Text]:
        """Its sentence up to the number that the step is about, and what follows from there."""

    @abstractmethod
    def equations(self) -> list[Equation]:
        """The step as one or two short equations."""

    @abstractmethod
    def cells(self) -> tuple[Text, ...]:
        """The row of a table: edge, upstream, local, contribution, result."""

    def chosen_formula(self) -> str:
        """The formula of a local derivative that holds for these numbers only, or ""."""
        return ""

    @property
    def sentence(self) -> str:
        """The step as a sentence or two, such as a screen reader should speak."""
        return "".join(map(str, self.halves()))


class Computed(Told):
    """A node has computed its value, by its formula, with the numbers of its operands."""

    def __init__(self, steps: Steps, step: Step) -> None:
        super().__init__(steps, step)
        self.answer = Number(("v", step.node), step.value)
        self.formula = step.formula
        node, diagram = steps.diagram[step.node], steps.diagram
        if len(node.parents) > MOST_OPERANDS and node.operation is not None:
            self._abridge(node, node.operation)
            return
        digits = _digits_of(node, [diagram[parent] for parent in node.parents])
        pieces = diagram.arithmetic(node, lambda operand: f"\0{operand.index}\0").split("\0")
        parts: list[str | Number] = list(pieces)
        for i in range(1, len(pieces), 2):
            operand = diagram[int(pieces[i])]
            place: Reference = ("o", node.index, operand.index)
            place = (*place, "()") if i == 1 and brackets_first(node.operation) else place
            parts[i] = Number(place, operand.data, ALL_DIGITS if _is_exact(operand) else digits)
        self.numbers = Text(*parts)

    def _abridge(self, node: Node, operation: Operation) -> None:
        name = title_of(operation) if is_compiled(operation) else operation.name
        operands = [self.steps.diagram[parent] for parent in node.parents]
        self.formula = call(name, [operand.in_formulas for operand in operands])
        numbers = [Text(Number(("v", each.index), each.data)) for each in operands[:NAMED_FIRST]]
        more = f", … {len(operands) - len(numbers):,} more)"
        self.numbers = Text(f"{name}(", joined(", ", numbers), more)

    def halves(self) -> tuple[Text, Text]:
        asks = Text(f"Forward: {self.name} = {self.formula} = ", self.numbers, " = ")
        return asks, Text(self.answer, ".")

    def equations(self) -> list[Equation]:
        value = Term(f"value of {self.name}", Text(self.answer), True)
        formula = Term("formula", Text(self.formula))
        return [[formula, "=", Term("with numbers", self.numbers), "=", value]]

    def cells(self) -> tuple[Text, ...]:
        result = Text(f"{self.formula} = ", self.numbers, " = ", self.answer)
        return Text(self.name), NOTHING, NOTHING, NOTHING, result


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


class Seeded(Told):
    """The result changes as fast as itself."""

    def __init__(self, steps: Steps, step: Step) -> None:
        super().__init__(steps, step)
        self.answer = Number(("g", step.node), 1.0)

    def halves(self) -> tuple[Text, Text]:
        asks = Text(f"Seed: ∂{self.root}/∂{self.root} = ")
        return asks, Text(f"1, since {self.root} changes as fast as itself.")

    def equations(self) -> list[Equation]:
        gradient = Term(f"gradient of {self.root}", Text(f"∂{self.root}/∂{self.root}"))
        return [[gradient, "=", Term("seed", Text("1"), True)]]

    def cells(self) -> tuple[Text, ...]:
        return Text(self.root), NOTHING, NOTHING, NOTHING, Text("1")


class Updated(Told):
    """A parameter has moved against its gradient."""

    def __init__(self, steps: Steps, step: Step) -> None:
        super().__init__(steps, step)
        assert step.before is not None
        assert step.after is not None
        gradient = steps.gradients.get(step.node, 0.0)
        rate = steps.learning_rate or 0.0
        self.is_ascent = rate < 0.0  # with the gradient, by the size of the rate
        sign = -1.0 if self.is_ascent else 1.0
        numbers = (step.before, abs(rate), gradient)
        digits = digits_of_row(numbers, step.after, lambda x, r, g: x - sign * r * g)
        self.before = Number(("x", step.node), step.before, digits)
        self.answer = Number(("m", step.node), step.after)
        self.gradient = Text(Number(("z", step.node), gradient, digits))
        size = Number(("r", step.node), abs(rate), digits)
        self.product = Text(size, " × ", self.gradient)
        self.numbers = Text(self.before, " + " if self.is_ascent else " − ", self.product)
        self.is_last = step.index == len(steps) - 1
        self.result = Number(("v", steps.root), steps.diagram[steps.root].data)
        self.new_result = Number(("L",), steps.new_loss)

    def halves(self) -> tuple[Text, Text]:
        goes, way = f"Update: {self.name} goes from ", "with" if self.is_ascent else "against"
        asks = Text(goes, self.before, f" {way} its gradient, to ", self.numbers, " = ")
        return asks, Text(self.answer, ".", self.outcome() if self.is_last else "")

    def outcome(self) -> Text:
        """How the result has changed by all updates."""
        if self.new_result.value is None:
            operations = (node.operation for node in self.steps.diagram)
            call = next((title_of(o) for o in operations if isinstance(o, Total)), "the function")
            return Text(f" The new {self.root} is not computed here: call {call} once more.")
        by_all = f" By all updates {self.root} goes from "
        return Text(by_all, self.result, " to ", self.new_result, ".", self._frozen())

    def _frozen(self) -> str:
        names = [node.name for node in self.steps.diagram if node.is_frozen]
        if (more := len(names) - NAMED_FIRST) > 0:
            names[NAMED_FIRST:] = [f"{more:,} more"]
        return f" Frozen, and so not moved: {', '.join(names)}." if names else ""

    def equations(self) -> list[Equation]:
        before = Term(self.name, Text(self.before))
        product = Term("learning rate × gradient", self.product)
        after = Term(f"new {self.name}", Text(self.answer), True)
        moved: Equation = [before, "+" if self.is_ascent else "−", product, "=", after]
        if not self.is_last:
            return [moved]
        now = Term(f"{self.root} after all updates", Text(self.new_result), True)
        return [moved, [Term(f"{self.root} before", Text(self.result)), "→", now]]

    def cells(self) -> tuple[Text, ...]:
        result = Text("value becomes ", self.answer)
        return Text(self.name), self.gradient, NOTHING, NOTHING, result


class Sent(Told):
    """Gradient was sent along one edge.

    `result` is the sum that gives the gradient so far, "1 + 0.5 = 1.5", `uses` such as "1 of 2".
    """

    def __init__(self, steps: Steps, step: Step) -> None:
        super().__init__(steps, step)
        upstream, local, contributed, before = step.product
        place = (step.node, step.operand or 0)
        self.receiver = steps.diagram[step.receiver].name
        self.edge = f"{self.name} → {self.receiver}"
        sent = partial(contribution, steps.diagram[step.node].operation)
        digits = digits_of_row((upstream, local), contributed, sent)
        self.upstream = Number(("u", *place), upstream, digits)
        self.number = Number(("l", *place), local, digits)
        self.answer = Number(("c", *place), contributed)
        # The first contribution keeps its sign of zero in the gradient, not in a sum.
        total = before + contributed
        digits = digits_of_row((before, contributed), total, add)
        self.before = Number(("b", *place), before, digits)
        self.added = Number(("s", *place), contributed, digits)
        self.after = Number(("a", *place), total)
        self.formula = "" if _is_number(step.formula) else step.formula
        self.local = Text(f"{self.formula} = " if self.formula else "", self.number)
        self.result = Text(self.before, " + ", self.added, " = ", self.after)
        received = Number(("n", *place), step.received)
        self.uses = Text(received, " of ", Number(("w", step.receiver), step.uses))

    @property
    def factor(self) -> str:
        """The local derivative to stand after a ×: a sum in brackets."""
        return self.factor_in(self.number.digits)

    def factor_in(self, digits: int | None) -> str:
        """The same with its number in so many digits, for another row."""
        number = short(self.number.value, digits)
        formula = f"({self.formula})" if _is_sum(self.formula) else self.formula
        return f"{formula} = {number}" if formula else number

    def halves(self) -> tuple[Text, Text]:
        to = f"Backward, from {self.name} to {self.receiver}: upstream ∂{self.root}/∂{self.name} = "
        by = f" times local ∂{self.name}/∂{self.receiver} = "
        becomes = f". The gradient of {self.receiver} becomes "
        return (
            Text(to, self.upstream, by, self.local, " gives "),
            Text(self.answer, becomes, self.result, ", with ", self.uses, " uses received."),
        )

    def equations(self) -> list[Equation]:
        before = Term(f"gradient of {self.receiver} so far", Text(self.before))
        sent = Term("contribution", Text(self.added), True)
        after = Term(f"gradient of {self.receiver}", Text(self.after), True)
        return [self.product("contribution"), [before, "+", sent, "=", after]]

    def product(self, caption: str) -> Equation:
        """Upstream × local = contribution, under this caption."""
        upstream = Term(f"upstream ∂{self.root}/∂{self.name}", Text(self.upstream))
        local = Term(f"local ∂{self.name}/∂{self.receiver}", self.local)
        return [upstream, "×", local, "=", Term(caption, Text(self.answer), True)]

    def cells(self) -> tuple[Text, ...]:
        result = Text(self.result, " (", self.uses, ")")
        return Text(self.edge), Text(self.upstream), self.local, Text(self.answer), result

    def chosen_formula(self) -> str:
        """As at a relu: without the numbers it cannot be written, or is written otherwise."""
        node = self.steps.diagram[self.step.node]
        if not self.formula or node.operation is None or self.step.operand is None:
            return ""
        known = [symbol(self.steps.diagram[parent]) for parent in node.parents]
        unknown = [s if s.number is not None else Formula.symbol(s.name) for s in known]
        try:
            found = derivative_formula(node.operation, unknown, self.step.operand)
        except TypeError:
            return self.formula
        return "" if found is not None and found.text == self.formula else self.formula


class SentAtOnce(Told):
    """A compiled node has sent gradient along all its edges at once.

    There is no rule of the table for it, so no formula: its gradient program computes the local
    derivatives by all operands together.

    Attributes:
        parts: what is said of each edge.
        listed: the edges that are told one by one where there is little room: all, or of very many
            those that contribute most.
        more: how many it leaves out: "… 334 more"; "" for none.
    """

    def __init__(self, steps: Steps, step: Step) -> None:
        super().__init__(steps, step)
        operation = steps.diagram[step.node].operation
        assert is_compiled(operation)
        self.program = f"gradient program of {name_of(operation)}"
        self.parts = [Sent(steps, edge) for edge in step.parts]
        if len(self.parts) > MOST_LISTED:
            # A nan is what people should see first.
            size = lambda part: inf if isnan(x := abs(part.answer.value or 0.0)) else x
            self.listed = sorted(self.parts, key=size, reverse=True)[:NAMED_FIRST]
        else:
            self.listed = self.parts
        rest = len(self.parts) - len(self.listed)
        self.more = f"… {rest:,} more" if rest else ""
        self.receivers = counted(len(self.parts), "Value")
        self.edge = f"{self.name} → {self.receivers}"
        self.upstream, self.answer = self.listed[0].upstream, self.listed[0].answer

    def halves(self) -> tuple[Text, Text]:
        first, *others = self.listed
        left = len(self.parts) - len(self.listed)
        together = (
            f"Backward, from {self.name} to {self.receivers} at once: the {self.program} has "
            f"computed all local derivatives together. Upstream ∂{self.root}/∂{self.name} = "
        )
        by = f" times local ∂{self.name}/∂{first.receiver} = "
        becomes = f". The gradient of {first.receiver} becomes "
        return (
            Text(together, self.upstream, by, first.local, " gives "),
            Text(self.answer, becomes, first.result, ".", _gets(others, left)),
        )

    def equations(self) -> list[Equation]:
        first = self.listed[:NAMED_FIRST]
        told = [part.product(f"contribution to {part.receiver}") for part in first]
        if rest := len(self.parts) - len(told):
            told.append([Term("in steps.to_json()", Text(f"… {rest:,} more"))])
        return told

    def cells(self) -> tuple[Text, ...]:
        results = [Text(f"{part.receiver}: ", part.result) for part in self.listed]
        if self.more:
            results.append(Text(f"{self.more}, in steps.to_json()"))
        numbers = (Text(self.upstream), Text(self.program), Text("all at once"))
        return Text(self.edge), *numbers, joined("; ", results)


def _gets(others: Sequence[Sent], left: int) -> Text:
    few = [Text(f"{part.receiver} gets ", part.answer) for part in others[: NAMED_FIRST - 1]]
    if rest := left + len(others) - len(few):
        few.append(Text(f"{rest:,} more {'gets its' if rest == 1 else 'get their'} share"))
    if not few:
        return NOTHING
    *before, last = few
    joint = " and " if before else ""
    return Text(" In the same step ", joined(", ", before), joint, last, ".")


def tell(steps: Steps, step: Step, check: str = "") -> Told:
    """What a step says, with what differences say of the gradient that it may complete."""
    kind = SentAtOnce if step.parts else _KINDS[step.phase]
    found = kind(steps, step)
    if kind is Sent and step.received == step.uses:
        found.check = check
    return found


_KINDS: dict[str, type[Told]] = {
    "forward": Computed, "seed": Seeded, "backward": Sent, "update": Updated
}  # fmt: skip


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
