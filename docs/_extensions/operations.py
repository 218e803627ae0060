"""The page of the table of operations: each row, its plot, both forms of its derivatives."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from glassgrad.engine import TABLE, Formula, Operation, Reduction, derivative_formula
from glassgrad.engine.formula import written
from glassgrad.engine.op import Pairing
from glassgrad.viz import plot_operation
from glassgrad.viz.formulas import mathml

_LONGEST = 110
_GROUPS = {
    "Operators": lambda row: row.dunder is not None,
    "Functions of one number": lambda row: row.arity == 1,
    "Functions of two or three numbers": lambda row: row.arity > 1,
    "Functions of any number of numbers": lambda row: row.arity < 0,
}


def write(source: Path) -> None:
    """Add the rows and their plots to the page in the sources of the site."""
    (source / "plots").mkdir()
    lines = [(source / "operations.md").read_text("utf-8")]
    left = dict(TABLE)
    for title, belongs in _GROUPS.items():
        rows = [row for row in left.values() if belongs(row)]
        lines += [f"## {title}", ""]
        for row in rows:
            del left[row.name]
            lines += section(row, source)
    (source / "operations.md").write_text("\n".join(lines), "utf-8")


def section(row: Operation, source: Path) -> Iterator[str]:
    """A row: what it is, its formulas, its plot."""
    names = operand_names(row)
    operands = [Formula.symbol(name) for name in names]
    value = written(row, operands)
    yield from (f"### {row.name}", "", row.about, "", "```{raw} html", '<div class="operation">')
    yield f"<table><tr><th>value<td>{shown(value)}"
    for position, name in enumerate(names[:1] if isinstance(row, Reduction) else names):
        yield from derivatives(row, operands, position, name)
    yield from ("</table></div>", "```", "")
    if not isinstance(row, Reduction):
        figure = plot_operation(row)
        figure.savefig(source / "plots" / f"{row.name}.svg")
        figure.clear()
        yield from (f"![{row.name} and its derivative, plotted](plots/{row.name}.svg)", "")


def derivatives(row: Operation, operands: list[Formula], position: int, name: str) -> Iterator[str]:
    textbook = derivative_formula(row, operands, position)
    if textbook is None:
        yield f"<tr><th>by {html.escape(name)}<td>none flows: it is constant but for its jumps"
        return
    exact = derivative_formula(row, operands, position, exact=True)
    yield f"<tr><th>by {html.escape(name)}<td>{shown(textbook)}"
    if exact is not None and exact.text != textbook.text:
        yield f"<tr><th>computed as<td>{shown(exact)}"


def operand_names(row: Operation) -> tuple[str, ...]:
    if isinstance(row, Pairing):
        return ("a1", "a2", "b1", "b2")
    if isinstance(row, Reduction):
        return ("x1", "x2", "x3")
    return row.operand_names() or ("x", "y")[: row.arity]


def shown(formula: Formula) -> str:
    """A formula, typeset, or as code where it is long."""
    text = formula.text
    if len(text) > _LONGEST:
        return f"<code>{html.escape(text)}</code>"
    return f'<math alttext="{html.escape(text)}">{mathml(formula)}</math>'
