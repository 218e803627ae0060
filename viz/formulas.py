"""How operations are written: as text with the names of their operands, and in MathML.

MathML is one more printer of formulas: browsers show it without the script that LaTeX needs.
Next: `engine/printers.py`, the printers of all other languages.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from glassgrad.engine import Formula, Operation, Reduction
from glassgrad.engine.formula import printed
from glassgrad.engine.printers import (
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Numbers,
    Printer,
    Style,
    letters_and_index,
    number_text,
    slots,
)
from glassgrad.engine.text import visible
from glassgrad.viz.compiled import call, is_compiled, title_of


def written(operation: Operation | None, operands: Sequence[str]) -> str:
    """An operation on operands as a formula; "" for None, the operation of a leaf."""
    if operation is None:
        return ""
    if is_compiled(operation):
        return call(title_of(operation), operands)
    pattern = operation.notation.text
    sides = [", ".join(side) for side in operation.sides(tuple(operands))]
    if isinstance(operation, Reduction):
        return pattern % (sides[0] if len(sides) == 1 else ", ".join(f"[{s}]" for s in sides))
    if sides[0].startswith("-") and brackets_first(operation):
        sides[0] = f"({sides[0]})"
    return pattern % tuple(sides)


def brackets_first(operation: Operation | None) -> bool:
    """Whether a negative number as the first operand stands in brackets, as in (-3) ** 2."""
    if operation is None or is_compiled(operation) or isinstance(operation, Reduction):
        return False
    return operation.notation.text.startswith(("-", "+")) or "**" in operation.notation.text


# MathML.

_STYLES = {
    "add": Style("<mrow>%s<mo>+</mo>%s</mrow>", SUM, (SUM, SUM + 1)),
    "sub": Style("<mrow>%s<mo>−</mo>%s</mrow>", SUM, (SUM, SUM + 1)),
    "mul": Style("<mrow>%s<mo>·</mo>%s</mrow>", PRODUCT, (PRODUCT, PRODUCT + 1)),
    "div": Style("<mfrac>%s%s</mfrac>", POWER),  # a fraction needs brackets as a base alone
    "neg": Style("<mrow><mo>−</mo>%s</mrow>", SIGN, (SIGN + 1,)),
    "pos": Style("<mrow><mo>+</mo>%s</mrow>", SIGN, (SIGN + 1,)),
    "pow": Style("<msup>%s%s</msup>", POWER, (POWER + 1, 0)),
    "sqrt": Style("<msqrt>%s</msqrt>"),
    "abs": Style("<mrow><mo>|</mo>%s<mo>|</mo></mrow>"),
}


def mathml(formula: Formula) -> str:
    """A formula as a row of MathML, without the `<math>` around it."""
    return printed(formula, MATHML)


def identifier(label: str) -> str:
    """A label as MathML: letters with digits get an index, all else is shown literally."""
    stem, index = letters_and_index(label)
    if index:
        return f"<msub><mi>{stem}</mi><mn>{index}</mn></msub>"
    if stem.isalpha() and stem.isascii():
        return f"<mi>{stem}</mi>"
    return f"<mtext>{html.escape(visible(label))}</mtext>"


def _style(operation: Operation, numbers: Numbers) -> Style:
    if operation.name in _STYLES:
        return _STYLES[operation.name]
    around = "<mrow><mo>[</mo>%s<mo>]</mo></mrow>"
    operands = slots(operation, len(numbers), "<mo>,</mo>", around)
    name = html.escape(operation.name)
    return Style(f"<mrow><mi>{name}</mi><mo>(</mo>{operands}<mo>)</mo></mrow>")


def _literal(number: float) -> str:
    text = number_text(number).replace("inf", "∞")
    if text.startswith("-"):
        return f"<mrow><mo>−</mo><mn>{text[1:]}</mn></mrow>"
    return f"<mn>{text}</mn>"


MATHML = Printer(_style, _literal, identifier, ("<mrow><mo>(</mo>", "<mo>)</mo></mrow>"))
