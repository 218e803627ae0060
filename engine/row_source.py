"""A row of the table written out as source: Python on floats, or JavaScript for a live page.

A row whose value is a formula over other rows is written as what that formula computes, and what it
needs several times is computed once. The methods of `Value` can be made from the Python, which
gives the same bits as the functions of the row.
"""

from __future__ import annotations

import os
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import count
from typing import Any, NamedTuple

from glassgrad.engine.formula import Formula, applied, as_formula, printed, style_of, written
from glassgrad.engine.op import Operation, Reduction
from glassgrad.engine.printers import JAVASCRIPT, PYTHON, Printer, function_name, pieces
from glassgrad.engine.table import abs, neg

RESULT = "y"
OPERANDS = string.ascii_lowercase.replace(RESULT, "")

Line = tuple[str, str]
"""An assignment: a name, and the expression that it stands for."""


class PythonSource(NamedTuple):
    """A row of fixed arity as Python on floats, to be put into a function.

    Attributes:
        operands: the names of the operands: a, b, c, ...
        before_value: what is assigned first.
        value: the value, as an expression.
        before_partials: what is assigned next, once `y` is the value.
        partials: the local derivatives, as expressions; "None" for one that is not wanted.
        names: what all these call.
    """

    operands: tuple[str, ...]
    before_value: list[Line]
    value: str
    before_partials: list[Line]
    partials: list[str]
    names: dict[str, Any]


def python_source(operation: Operation, wanted: Sequence[bool] | None = None) -> PythonSource:
    """A row as Python on floats: the bits of `forward` and of `partials`, or it raises.

    It raises at hard places, where those ask numpy. Functions of users are called instead of
    written out, since they may read what changes later.

    Args:
        operation: a row of fixed arity.
        wanted: for each operand whether its local derivative is wanted; None for all.

    >>> from glassgrad import TABLE
    >>> source = python_source(TABLE["tanh"])
    >>> source.value, source.partials, source.names["cosh"](0.0)
    ('tanh(a)', ['pow(1.0 / cosh(a), 2.0)'], 1.0)
    """
    operands, result = _symbols(len(operation.rules))
    partials: list[Formula | None] = []
    names: dict[str, Any] = {"nan": float("nan"), "inf": float("inf")}
    for i, rule in enumerate(operation.rules):
        if rule is None or not (wanted is None or wanted[i]):
            partials.append(None)
            continue
        found = _formula_of(rule, (*operands, result))
        if found is None:
            names[f"rule_{i}"] = rule
            arguments = ", ".join(symbol.name for symbol in (*operands, result))
            found = Formula.symbol(f"rule_{i}({arguments})")
        partials.append(found)
    roots = [written(operation, operands), *partials]
    out = _WrittenOut(roots, PYTHON, _formula_of, names_first=True)
    names |= {function_name(row.kernel): row.scalar for row in out.called}
    (before_value, value), *others = out.texts
    chosen = "(%s) or None" if operation.selects else "%s"  # no edge to what is not chosen
    return PythonSource(
        tuple(symbol.name for symbol in operands),
        before_value,
        value,
        [line for lines, _ in others for line in lines],
        ["None" if p is None else chosen % text for p, (_, text) in zip(partials, others)],
        names,
    )


def javascript_functions(operations: Iterable[Operation | tuple[Reduction, int]]) -> str:
    """Rows as a JavaScript expression: an object with `value` and `partials` for each name.

    `partials` takes the operands and the result, and gives a list, with null where no derivative
    flows; `masks` is there where a local derivative of zero sends nothing of an infinite gradient.
    What `javascript_prelude` gives has to stand before it.

    Args:
        operations: the rows; a reduction with the number of its operands, as "sum_3".

    Raises:
        TypeError: an operation, or its rule, is no formula over rows of the table.

    >>> from glassgrad import TABLE
    >>> print(javascript_functions([TABLE["exp"], TABLE["mul"]]))
    {
    "exp": {value: (a) => Math.exp(a), partials: (a, y) => [y]},
    "mul": {value: (a, b) => a * b, partials: (a, b, y) => [b, a]}
    }
    """
    rows = (row if isinstance(row, tuple) else (row, len(row.rules)) for row in operations)
    return "{\n" + ",\n".join(_javascript_function(*row) for row in rows) + "\n}"


def javascript_key(operation: Operation, operands: int) -> str:
    """The name of a row among `javascript_functions`, which no other row has."""
    is_of_any_number = isinstance(operation, Reduction)
    return f"{operation.kernel}_{operands}" if is_of_any_number else operation.kernel


@cache
def javascript_prelude() -> str:
    """The functions that JavaScript's `Math` lacks, or has with other answers than the table."""
    with open(os.path.join(os.path.dirname(__file__), "functions.js"), encoding="utf-8") as file:
        return file.read()


def _javascript_function(operation: Operation, count: int) -> str:
    operands, result = _symbols(count)
    arguments = ", ".join(symbol.name for symbol in operands)
    try:
        value = _WrittenOut([written(operation, operands)], JAVASCRIPT, _opened)
        partials = _partials_of(operation, operands, result)
        derived = _WrittenOut(partials, JAVASCRIPT, _opened)
    except RecursionError:
        raise TypeError(
            f"{operation.name} of {count} operands is too long for JavaScript."
        ) from None
    except TypeError as error:
        raise TypeError(f"{operation.name} cannot be written in JavaScript. {error}") from None
    defined = set(re.findall(r"^function (\w+)", javascript_prelude(), re.MULTILINE))
    for row in (*value.called, *derived.called):
        if function_name(row.kernel) not in defined:
            raise TypeError(
                f"{operation.name} cannot be written in JavaScript: the value of {row.name} is no "
                "formula over rows of the table."
            )
    ((lines, text),) = value.texts
    chosen = "chosen(%s)" if operation.selects else "%s"
    listed = [
        "null" if p is None else chosen % text for p, (_, text) in zip(partials, derived.texts)
    ]
    before = [line for lines, _ in derived.texts for line in lines]
    body = _javascript_body(lines, text)
    partials_body = _javascript_body(before, f"[{', '.join(listed)}]")
    masks = ", masks: true" if operation.masks else ""
    taken = ", ".join(symbol.name for symbol in (*operands, result))
    return (
        f'"{javascript_key(operation, count)}": {{value: ({arguments}) => {body}, '
        f"partials: ({taken}) => {partials_body}{masks}}}"
    )


def _partials_of(
    operation: Operation, operands: tuple[Formula, ...], result: Formula
) -> list[Formula | None]:
    if isinstance(operation, Reduction):
        (rule,) = operation.rules
        assert callable(rule)
        found = rule(operands, result)
        return [None if each is None else as_formula(each) for each in found]
    return [_called_on(rule, (*operands, result)) for rule in operation.rules]


def _javascript_body(lines: list[Line], result: str) -> str:
    if not lines:
        return result
    return f"{{{' '.join(f'const {name} = {text};' for name, text in lines)} return {result};}}"


def _symbols(count: int) -> tuple[tuple[Formula, ...], Formula]:
    """The operands, and the result."""
    letters = OPERANDS if count <= len(OPERANDS) else [f"x{i}" for i in range(count)]
    return tuple(map(Formula.symbol, letters[:count])), Formula.symbol(RESULT)


def _called_on(rule: Any, operands: tuple[Formula, ...]) -> Formula | None:
    found = applied(rule, operands)
    return None if found is None else as_formula(found)


def _formula_of(function: Any, operands: tuple[Formula, ...]) -> Formula | None:
    """What a function of this library computes, as a formula; None if it cannot be written so."""
    is_ours = not callable(function) or function.__module__.startswith("glassgrad.")
    return _opened(function, operands) if is_ours else None


def _opened(function: Any, operands: tuple[Formula, ...]) -> Formula | None:
    """What a function computes, as a formula; None if it is none."""
    try:
        return _called_on(function, operands)
    except RecursionError:
        raise
    except Exception:  # those of users may do anything with what is no number
        return None


class _WrittenOut:
    """Formulas one after the other, with lines before each for what is needed several times.

    Args:
        roots: the formulas; None has no text.
        printer: the language.
        opened: gives what the value of a row that is a formula over others computes; None to leave
            it as a call.
        names_first: whether the first formula is called y in the others.

    Attributes:
        texts: the lines before each formula, and its text. What one has assigned stands in those
            that follow.
        called: the rows whose functions are called.
    """

    def __init__(
        self,
        roots: Sequence[Formula | None],
        printer: Printer,
        opened: Callable[[Any, tuple[Formula, ...]], Formula | None],
        *,
        names_first: bool = False,
    ) -> None:
        self._printer = printer
        self._opened = opened
        self._same: dict[object, Formula] = {}  # equal parts as one
        self._done: dict[int, tuple[Formula, Formula]] = {}  # by id, so the first is kept alive
        self._names: dict[int, str] = {}
        self._numbers = count()
        self.called: dict[Operation, None] = {}
        reduced = [None if root is None else self._reduced(root) for root in roots]
        self._uses = self._counted([root for root in reduced if root is not None])
        self.texts: list[tuple[list[Line], str]] = []
        for i, root in enumerate(reduced):
            is_result = names_first and i == 0
            self.texts.append(([], "") if root is None else self._text(root, is_result))
            if root is not None and is_result and root.operation is not None:
                self._names[id(root)] = RESULT

    def _reduced(self, formula: Formula) -> Formula:
        """The formula with rows opened, and with equal parts as one object."""
        if id(formula) not in self._done:
            operands = tuple(map(self._reduced, formula.operands))
            self._done[id(formula)] = (formula, self._made(formula, operands))
        return self._done[id(formula)][1]

    def _made(self, formula: Formula, operands: tuple[Formula, ...]) -> Formula:
        operation = formula.operation
        if operation in (abs, neg) and operands[0].operation is neg:
            operands = operands[0].operands
            if operation is neg:
                return operands[0]
        if operation is not None and self._may_open(operation):
            inside = self._opened(operation.scalar, operands)
            if inside is not None:
                return self._reduced(inside)
        key = (operation, formula.name, repr(formula.number), *map(id, operands))
        if key not in self._same:
            self._same[key] = Formula(operation, operands, name=formula.name, number=formula.number)
        return self._same[key]

    def _may_open(self, operation: Operation) -> bool:
        """Whether the value may be a formula; JavaScript has no other way to what users wrote."""
        return operation.scalar is operation.array or (
            operation.is_checked and self._printer is JAVASCRIPT
        )

    def _counted(self, roots: Sequence[Formula]) -> Counter[int]:
        """How often each part is written: as a root, and by the parts that it is an operand of."""
        uses = Counter(map(id, roots))
        seen: dict[int, None] = {}
        for root in roots:
            for part in _in_order(root):
                if part.operation is None or id(part) in seen:
                    continue
                seen[id(part)] = None
                pattern = style_of(part, self._printer).pattern
                if pattern.startswith(f"{function_name(part.operation.kernel)}("):
                    self.called[part.operation] = None
                uses.update(id(part.operands[p]) for p in pieces(pattern) if isinstance(p, int))
        return uses

    def _text(self, root: Formula, is_result: bool) -> tuple[list[Line], str]:
        lines: list[Line] = []
        # Python would raise in a branch that is not chosen; JavaScript never does.
        certain = _certain(root) if self._printer is PYTHON else None
        for part in _in_order(root):
            if part.operation is None or id(part) in self._names:
                continue
            if certain is not None and id(part) not in certain:
                continue
            if self._uses[id(part)] < 2 or (part is root and is_result):
                continue
            name = f"t{next(self._numbers)}"
            lines.append((name, printed(part, self._printer, self._names)))
            self._names[id(part)] = name
        return lines, printed(root, self._printer, self._names)


def _in_order(root: Formula) -> Iterator[Formula]:
    """The parts of a formula, each once and after its operands."""
    seen: set[int] = set()
    left = [(root, False)]
    while left:
        part, is_ready = left.pop()
        if is_ready:
            yield part
        elif id(part) not in seen:
            seen.add(id(part))
            left.append((part, True))
            left += [(operand, False) for operand in reversed(part.operands)]


def _certain(root: Formula) -> set[int]:
    """The parts that are computed whatever is chosen; the others only where they are chosen."""
    found: set[int] = set()
    left = [root]
    while left:
        part = left.pop()
        if id(part) not in found:
            found.add(id(part))
            is_choice = part.operation is not None and part.operation.selects
            left += part.operands[:1] if is_choice else part.operands
    return found
