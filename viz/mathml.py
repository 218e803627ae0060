"""Formulas in Python's notation, as every row of the table writes them, as MathML.

Browsers show MathML without any script, which LaTeX would need. A formula is read by Python's own
parser; its names stand for labels, which may be any text. Used by `derivation.py`.
"""

from __future__ import annotations

import ast
import html
from collections.abc import Mapping

from glassgrad.engine.text import visible

_BINDS = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 2, ast.USub: 3, ast.UAdd: 3, ast.Pow: 4}
_SIGNS = {ast.Add: "+", ast.Sub: "−", ast.Mult: "·", ast.USub: "−", ast.UAdd: "+"}
_CONSTANTS = {"inf": "∞", "nan": "nan"}


def mathml(formula: str, names: Mapping[str, str]) -> str:
    """A formula as a row of MathML, without the `<math>` around it.

    Args:
        formula: an expression in Python's notation.
        names: the label that each name in the formula stands for.

    >>> mathml("x / 2", {"x": "w1"})
    '<mfrac><msub><mi>w</mi><mn>1</mn></msub><mn>2</mn></mfrac>'
    """
    return _written(ast.parse(formula, mode="eval").body, names)


def identifier(label: str) -> str:
    """A label as MathML: letters with digits get an index, all else is shown literally.

    >>> identifier("w1"), identifier("a<b")
    ('<msub><mi>w</mi><mn>1</mn></msub>', '<mtext>a&lt;b</mtext>')
    """
    stem = label.rstrip("0123456789")
    if not (stem.isalpha() and stem.isascii()):
        return f"<mtext>{html.escape(visible(label))}</mtext>"
    letters, index = f"<mi>{stem}</mi>", label[len(stem) :]
    return f"<msub>{letters}<mn>{index}</mn></msub>" if index else letters


def _written(node: ast.expr, names: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant):
        return f"<mn>{html.escape(str(node.value))}</mn>"
    if isinstance(node, ast.Name):
        if node.id in _CONSTANTS and node.id not in names:
            return f"<mn>{_CONSTANTS[node.id]}</mn>"
        return identifier(names.get(node.id, node.id))
    if isinstance(node, ast.UnaryOp):
        inner = _within(node.operand, names, _BINDS[type(node.op)])
        return f"<mrow><mo>{_SIGNS[type(node.op)]}</mo>{inner}</mrow>"
    if isinstance(node, ast.BinOp):
        return _operator(node, names)
    if isinstance(node, ast.Call):
        return _call(node, names)
    if isinstance(node, ast.List):
        return f"<mrow><mo>[</mo>{_listed(node.elts, names)}<mo>]</mo></mrow>"
    raise ValueError(f"{ast.unparse(node)} is no formula of the table.")


def _operator(node: ast.BinOp, names: Mapping[str, str]) -> str:
    if isinstance(node.op, ast.Div):
        return f"<mfrac>{_written(node.left, names)}{_written(node.right, names)}</mfrac>"
    binds = _BINDS[type(node.op)]
    if isinstance(node.op, ast.Pow):
        base = _within(node.left, names, binds + 1)
        return f"<msup>{base}{_written(node.right, names)}</msup>"
    left, right = _within(node.left, names, binds), _within(node.right, names, binds + 1)
    return f"<mrow>{left}<mo>{_SIGNS[type(node.op)]}</mo>{right}</mrow>"


def _call(node: ast.Call, names: Mapping[str, str]) -> str:
    name, operands = ast.unparse(node.func), _listed(node.args, names)
    if name == "sqrt":
        return f"<msqrt>{operands}</msqrt>"
    if name == "abs":
        return f"<mrow><mo>|</mo>{operands}<mo>|</mo></mrow>"
    return f"<mrow><mi>{html.escape(name)}</mi><mo>(</mo>{operands}<mo>)</mo></mrow>"


def _listed(nodes: list[ast.expr], names: Mapping[str, str]) -> str:
    return "<mo>,</mo>".join(_written(node, names) for node in nodes)


def _within(node: ast.expr, names: Mapping[str, str], needed: int) -> str:
    """An operand, in brackets where its operator binds less than the one around it."""
    written = _written(node, names)
    operator = node.op if isinstance(node, ast.BinOp | ast.UnaryOp) else None
    is_fraction = isinstance(operator, ast.Div) and needed <= _BINDS[ast.Pow]
    if operator is None or is_fraction or _BINDS[type(operator)] >= needed:
        return written
    return f"<mrow><mo>(</mo>{written}<mo>)</mo></mrow>"
