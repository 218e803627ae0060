"""Pieces of equations in three notations at once: text, LaTeX and MathML.

`derivation.py` puts the chain rule together from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from glassgrad.engine import Formula
from glassgrad.engine.formula import precedence
from glassgrad.engine.printers import PRODUCT, TEXT
from glassgrad.engine.printing import short
from glassgrad.viz.mathml import mathml


@dataclass(frozen=True)
class Written:
    """A piece of an equation in three notations.

    Attributes:
        text: in Python's notation, with names such as ∂y/∂x for derivatives.
        latex: for a notebook.
        mathml: for a page.
        is_sum: whether it needs brackets as a factor.
        is_quotient: whether it needs them in text only, where no fraction bar encloses it.
    """

    text: str
    latex: str
    mathml: str
    is_sum: bool = False
    is_quotient: bool = False


@dataclass(frozen=True)
class Equation:
    """The derivative of the result by one node: symbols, formulas, numbers, and what they give.

    Attributes:
        name: the derivative, for example ∂y/∂x.
        sides: what it equals, each the same number: symbols, formulas, numbers.
        result: that number.
    """

    name: Written
    sides: tuple[Written, ...]
    result: float

    def all_sides(self) -> tuple[Written, ...]:
        """What stands right of each sign of equality, the result last."""
        return (*self.sides, number(self.result))


def from_formula(formula: Formula) -> Written:
    """A formula of the table as a piece of an equation."""
    text, binds = formula.text, precedence(formula, TEXT)
    is_sum = binds < PRODUCT or text.startswith("-")
    is_quotient = binds == PRODUCT and " / " in text
    return Written(text, formula.latex, mathml(formula), is_sum, is_quotient)


def number(x: float) -> Written:
    """A number in four digits."""
    text = short(x)
    latex = Formula.literal(float(text)).latex
    return Written(text, latex, f"<mn>{text}</mn>".replace("-", "−"), text.startswith("-"))


def product(factors: list[Written]) -> Written:
    """Factors with signs of multiplication between, in brackets where needed."""
    if len(factors) == 1:
        return factors[0]
    parts = [_bracketed(factor) for factor in factors]
    return Written(
        " * ".join(part.text for part in parts),
        r" \cdot ".join(part.latex for part in parts),
        "<mo>·</mo>".join(part.mathml for part in parts),
    )


def total(terms: list[Written]) -> Written:
    """Terms with signs of addition between."""
    if len(terms) == 1:
        return terms[0]
    return Written(
        " + ".join(term.text for term in terms),
        " + ".join(term.latex for term in terms),
        "<mo>+</mo>".join(term.mathml for term in terms),
        is_sum=True,
    )


def _bracketed(part: Written) -> Written:
    """A part as a factor of a product."""
    text = f"({part.text})" if part.is_sum or part.is_quotient else part.text
    if not part.is_sum:
        return Written(text, part.latex, part.mathml)
    markup = f"<mrow><mo>(</mo>{part.mathml}<mo>)</mo></mrow>"
    return Written(text, rf"\left({part.latex}\right)", markup)
