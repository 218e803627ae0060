"""`Told`: what one step says, made once and laid out by terminals, tables, pages and widgets.

Its texts are made of words and of references to numbers, so that a page can put in the numbers of
the moment; as Python text they have those of the steps. What a step says has two halves, the
question and the answer, so that a page can ask first and tell later. Next: `report.py`, `page.py`
and `stage.py`, which lay the records out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import NamedTuple

from glassgrad.engine import Formula, derivative_formula
from glassgrad.engine.check import KINK
from glassgrad.engine.compiling.result import Total
from glassgrad.engine.printing import short
from glassgrad.engine.text import clipped
from glassgrad.viz.compiled import MOST_LISTED, NAMED_FIRST, is_compiled, name_of, title_of
from glassgrad.viz.formulas import brackets_first, symbol
from glassgrad.viz.node import Node
from glassgrad.viz.step import Step
from glassgrad.viz.steps import Steps

SHARES = ("to", "local", "contribution", "gradient so far", "uses received")
"""The headings of what a compiled node sends; see `Told.share`."""
_MOST_CHECKING = 25_000
"""How many nodes times nodes may be computed for the checks by differences of one page."""
_LONGEST_LINE = 120
_TOLERANCE = 1e-4
"""The relative error up to which a gradient and its differences are the same."""
_HERE = os.path.dirname(__file__) + os.sep

Reference = tuple[str | int, ...]
"""Which number of the graph is meant, as a script reads it: ("v", 3) is the value of node 3."""


@dataclass(frozen=True)
class Number:
    """A number in a text: which one it is, and what it is in these steps."""

    reference: Reference
    value: float | None

    def __str__(self) -> str:
        text = short(self.value)
        return f"({text})" if self.reference[-1] == "()" and text.startswith("-") else text


class Text(tuple[str | Number, ...]):
    """Words and numbers, one after the other.

    >>> text = Text("x = ", Number(("v", 0), 2.0), ".")
    >>> str(text), text.data()
    ('x = 2.', ['x = ', ('v', 0), '.'])
    """

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
    """A text of an equation with its caption, and whether it is part of the answer."""

    caption: str
    text: Text
    is_answer: bool = False


Equation = Sequence[Term | str]
"""Terms with the signs between them."""


@dataclass(frozen=True)
class Told:
    """What one step says.

    Attributes:
        step: the step.
        edge: what it is about: "v1", or "o → v4".
        asks, tells: the two halves of its sentence.
        equations: the step as one or two short equations.
        answer: the number that is asked for.
        formula: how a value is computed, by names; the formula of a local derivative.
        numbers: how a value is computed, with numbers.
        result: what comes of it: a value, a sum such as "1 + 0.5 = 1.5".
        upstream, local, contribution: of a backward step; an update has its gradient as upstream.
        uses: "1 of 2", of a backward step.
        check: what differences say of the gradient that the step completes, or "".
        holds_here: whether the formula of the local derivative holds for these numbers only.
        parts: of a compiled node, what is said of each edge.
    """

    step: Step
    edge: str
    asks: Text
    tells: Text
    equations: Sequence[Equation]
    answer: Number
    result: Text
    formula: str = ""
    numbers: Text = NOTHING
    upstream: Text = NOTHING
    local: Text = NOTHING
    contribution: Text = NOTHING
    uses: str = ""
    check: str = ""
    holds_here: bool = False
    parts: Sequence[Told] = ()

    @property
    def sentence(self) -> str:
        """The step as a sentence or two, such as a screen reader should speak."""
        return f"{self.asks}{self.tells}"

    @property
    def factor(self) -> str:
        """The local derivative to stand after a ×: a sum in brackets."""
        text = str(self.local)
        is_sum = _is_sum(self.formula)
        return text.replace(self.formula, f"({self.formula})", 1) if is_sum else text

    @property
    def cells(self) -> tuple[Text, ...]:
        """The row of a table: edge, upstream, local, contribution, result."""
        result = self.result
        if self.step.phase == "forward":
            result = Text(f"{self.formula} = ", self.numbers, " = ", result)
        elif self.step.phase == "update":
            result = Text("value becomes ", result)
        elif self.uses:
            result = Text(result, f" ({self.uses})")
        return (Text(self.edge), self.upstream, self.local, self.contribution, result)

    @property
    def receiver(self) -> str:
        """The name of the operand that gradient is sent to."""
        return self.edge.rpartition(" → ")[2]

    @property
    def share(self) -> tuple[str, ...]:
        """What one operand of a compiled node gets, as texts under `SHARES`."""
        texts = (self.receiver, self.local, self.contribution, self.result, self.uses)
        return tuple(map(str, texts))

    @property
    def listed(self) -> Sequence[Told]:
        """The edges that are told one by one where there is little room: all, or the first few."""
        return self.parts if len(self.parts) <= MOST_LISTED else self.parts[:NAMED_FIRST]

    @property
    def more(self) -> str:
        """How many edges `listed` leaves out: "… 334 more"; "" for none."""
        rest = len(self.parts) - len(self.listed)
        return f"… {rest:,} more" if rest else ""


def tell(steps: Steps, step: Step, check: str = "") -> Told:
    """What a step says.

    Args:
        steps: all steps.
        step: one of them.
        check: what differences say of the gradient of its operand.
    """
    return _Teller(steps).tell(step, check)


class _Teller:
    """Says what steps say; one method for each kind of step."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.diagram = steps.diagram
        self.root = steps.diagram[steps.root]

    def tell(self, step: Step, check: str = "") -> Told:
        if step.parts:
            return self.sent_at_once(step)
        if step.phase == "backward":
            return self.sent(step, check)
        return {"forward": self.computed, "seed": self.seeded, "update": self.updated}[step.phase](
            step
        )

    def computed(self, step: Step) -> Told:
        node = self.diagram[step.node]
        value = Number(("v", step.node), step.value)
        numbers = self.arithmetic(node)
        caption = f"value of {node.name}"
        terms = (Term("formula", Text(step.formula)), "=", Term("with numbers", numbers), "=")
        return Told(
            step,
            node.name,
            Text(f"Forward: {node.name} = {step.formula} = ", numbers, " = "),
            Text(value, "."),
            [[*terms, Term(caption, Text(value), True)]],
            value,
            Text(value),
            step.formula,
            numbers,
        )

    def arithmetic(self, node: Node) -> Text:
        """How a node was computed, with the numbers of its operands."""
        pattern = self.diagram.arithmetic(node, lambda operand: f"\0{operand.index}\0")
        parts: list[str | Number] = []
        for i, piece in enumerate(pattern.split("\0")):
            if i % 2 == 0:
                parts.append(piece)
                continue
            reference: Reference = ("v", int(piece))
            if i == 1 and brackets_first(node.operation):
                reference = (*reference, "()")
            parts.append(Number(reference, self.diagram[int(piece)].data))
        return Text(*parts)

    def seeded(self, step: Step) -> Told:
        root = self.root.name
        derivative = f"∂{root}/∂{root}"
        return Told(
            step,
            root,
            Text(f"Seed: {derivative} = "),
            Text(f"1, since {root} changes as fast as itself."),
            [
                [
                    Term(f"gradient of {root}", Text(derivative)),
                    "=",
                    Term("seed", Text("1"), True),
                ]
            ],
            Number(("g", step.node), 1.0),
            Text("1"),
        )

    def updated(self, step: Step) -> Told:
        name = self.diagram[step.node].name
        value = Number(("v", step.node), step.before)
        rate = Number(("r",), self.steps.learning_rate)
        has_gradient = step.node in self.steps.gradients
        gradient = Text(Number(("g", step.node), step.upstream) if has_gradient else "0")
        after = Number(("m", step.node), step.after)
        product = Text(rate, " × ", gradient)
        numbers = Text(value, " - ", product)
        moved: Equation = [
            Term(name, Text(value)),
            "−",
            Term("learning rate × gradient", product),
            "=",
            Term(f"new {name}", Text(after), True),
        ]
        is_last = step.index == len(self.steps) - 1
        outcome, change = self.outcome() if is_last else (Text(), None)
        return Told(
            step,
            name,
            Text(f"Update: {name} goes from ", value, " against its gradient, to ", numbers, " = "),
            Text(after, ".", outcome),
            [moved] if change is None else [moved, change],
            after,
            Text(after),
            numbers=numbers,
            upstream=gradient,
        )

    def outcome(self) -> tuple[Text, Equation]:
        """After the last update, how the result has changed by all of them."""
        name = self.root.name
        before = Number(("v", self.root.index), self.root.data)
        after = Number(("L",), self.steps.new_loss)
        change: Equation = [
            Term(f"{name} before", Text(before)),
            "→",
            Term(f"{name} after all updates", Text(after), True),
        ]
        if self.steps.new_loss is None:
            operations = (node.operation for node in self.diagram)
            call = next((title_of(o) for o in operations if isinstance(o, Total)), "the function")
            return Text(f" The new {name} is not computed here: call {call} once more."), change
        return Text(f" By all updates {name} goes from ", before, " to ", after, "."), change

    def sent(self, step: Step, check: str = "") -> Told:
        root, name = self.root.name, self.diagram[step.node].name
        receiver, (upstream, local, sent, before) = self.edge_of(step)
        formula = "" if _is_number(step.formula) else step.formula
        shown = Text(f"{formula} = ", local) if formula else Text(local)
        uses = f"{step.received} of {step.uses}"
        so_far = self.accumulated(step)
        total = so_far[-1]
        by = f"∂{name}/∂{receiver}"
        is_complete = step.received == step.uses
        return Told(
            step,
            f"{name} → {receiver}",
            Text(
                f"Backward, from {name} to {receiver}: upstream ∂{root}/∂{name} = ",
                upstream,
                f" times local {by} = ",
                shown,
                " gives ",
            ),
            Text(
                sent,
                f". The gradient of {receiver} becomes ",
                so_far,
                f", with {uses} uses received.",
            ),
            [
                self.product(step, shown),
                [
                    Term(f"gradient of {receiver} so far", Text(before)),
                    "+",
                    Term("contribution", Text(sent), True),
                    "=",
                    Term(f"gradient of {receiver}", Text(total), True),
                ],
            ],
            sent,
            so_far,
            formula,
            upstream=Text(upstream),
            local=shown,
            contribution=Text(sent),
            uses=uses,
            check=check if is_complete else "",
            holds_here=bool(formula) and self.holds_here(step),
        )

    def edge_of(self, edge: Step) -> tuple[str, tuple[Number, Number, Number, Number]]:
        """The receiver of an edge; upstream, local, contribution, and the gradient before it."""
        assert edge.parent is not None
        assert edge.operand is not None
        place = (edge.node, edge.operand)
        numbers = (
            Number(("g", edge.node), edge.upstream),
            Number(("l", *place), edge.local),
            Number(("c", *place), edge.contribution),
            Number(("b", *place), edge.before),
        )
        return self.diagram[edge.parent].name, numbers

    def accumulated(self, edge: Step) -> Text:
        """The sum that gives the gradient so far: "1 + 0.5 = 1.5".

        The first contribution keeps its sign of zero in the gradient, not in a sum.
        """
        _, (_, _, sent, before) = self.edge_of(edge)
        assert sent.value is not None
        assert before.value is not None
        total = Number(("a", *sent.reference[1:]), before.value + sent.value)
        return Text(before, " + ", sent, " = ", total)

    def product(self, edge: Step, local: Text) -> Equation:
        """Upstream × local = contribution."""
        root, node = self.root.name, self.diagram[edge.node]
        receiver, (upstream, _, sent, _) = self.edge_of(edge)
        to = f" to {receiver}" if node.is_compiled else ""
        return [
            Term(f"upstream ∂{root}/∂{node.name}", Text(upstream)),
            "×",
            Term(f"local ∂{node.name}/∂{receiver}", local),
            "=",
            Term(f"contribution{to}", Text(sent), True),
        ]

    def holds_here(self, step: Step) -> bool:
        """Whether the numbers chose the formula of a local derivative, as at a relu."""
        node = self.diagram[step.node]
        assert node.operation is not None
        assert step.operand is not None
        symbols = [symbol(self.diagram[parent]) for parent in node.parents]
        unknown = [s if s.number is not None else Formula.symbol(s.name) for s in symbols]
        try:
            found = derivative_formula(node.operation, unknown, step.operand)
        except TypeError:
            return True
        return found is None or found.text != step.formula

    # A compiled node sends along all its edges at once. There is no rule of the table for it, so
    # no formula: its gradient program computes the local derivatives by all operands together.

    def sent_at_once(self, step: Step) -> Told:
        root, name = self.root.name, self.diagram[step.node].name
        parts = [self.sent(edge) for edge in step.parts]
        receivers = "1 Value" if len(parts) == 1 else f"{len(parts):,} Values"
        program = program_of(self.diagram[step.node])
        first = parts[0]
        equations = [self.product(part.step, part.local) for part in parts[:NAMED_FIRST]]
        if rest := len(parts) - len(equations):
            equations.append([Term("in the table below", Text(f"… {rest:,} more"))])
        shown = Told(
            step,
            f"{name} → {receivers}",
            Text(
                f"Backward, from {name} to {receivers} at once: the {program} has computed all "
                f"local derivatives together. Upstream ∂{root}/∂{name} = ",
                first.upstream,
                f" times local ∂{name}/∂{first.receiver} = ",
                first.local,
                " gives ",
            ),
            _told_at_once(parts),
            equations,
            first.answer,
            Text(),
            upstream=first.upstream,
            local=Text(program),
            contribution=Text("all at once"),
            parts=parts,
        )
        results: list[str | Text] = []
        for part in shown.listed:
            results += ["; " if results else "", f"{part.receiver}: ", part.result]
        if shown.more:
            results.append(f"; {shown.more}, in the table below")
        return replace(shown, result=Text(*results))


def _told_at_once(parts: Sequence[Told]) -> Text:
    """What the first operand of a compiled node gets, and some of the others."""
    first, *others = parts
    said = Text(
        *first.contribution, f". The gradient of {first.receiver} becomes ", first.result, "."
    )
    few = [Text(f"{part.receiver} gets ", part.contribution) for part in others[: NAMED_FIRST - 1]]
    if rest := len(others) - len(few):
        few.append(Text(f"{rest:,} more {'gets its' if rest == 1 else 'get their'} share"))
    if not few:
        return said
    *before, last = few
    listed = [piece for i, one in enumerate(before) for piece in (", " if i else "", one)]
    return Text(said, " In the same step ", *listed, " and " if before else "", last, ".")


def program_of(node: Node) -> str:
    """What computed the local derivatives of a compiled node: "gradient program of loss"."""
    assert is_compiled(node.operation)
    return f"gradient program of {name_of(node.operation)}"


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
