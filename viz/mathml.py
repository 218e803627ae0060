"""MathML, one more language of formulas: browsers show it without the script that LaTeX needs."""

from __future__ import annotations

import html

from glassgrad.engine import Formula, Operation
from glassgrad.engine.formula import printed
from glassgrad.engine.printers import (
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Numbers,
    Printer,
    Style,
    number_text,
    slots,
)
from glassgrad.engine.text import visible

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
    """A formula as a row of MathML, without the `<math>` around it.

    >>> from glassgrad import Formula
    >>> mathml(Formula.symbol("w1") / Formula.symbol("a<b"))
    '<mfrac><msub><mi>w</mi><mn>1</mn></msub><mtext>a&lt;b</mtext></mfrac>'
    """
    return printed(formula, MATHML)


def identifier(label: str) -> str:
    """A label as MathML: letters with digits get an index, all else is shown literally."""
    stem = label.rstrip("0123456789")
    if not (stem.isalpha() and stem.isascii()):
        return f"<mtext>{html.escape(visible(label))}</mtext>"
    letters, index = f"<mi>{stem}</mi>", label[len(stem) :]
    return f"<msub>{letters}<mn>{index}</mn></msub>" if index else letters


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
