"""What a row of the table of operations is, and how one call finds its reader.

A row is an `Operation`. Calling it dispatches on what it is given: floats give a float,
Values record a node, arrays give an array, ink gives a formula. The rules of a row are
written with these same functions, so one rule serves all readers. The rows themselves are
in `table.py`; `value.py` and `ink.py` register the readers for Values and ink here.

Floats are read with Python's `math`, which raises where IEEE 754 has an answer
(`1 / 0`, `exp(800)`, `log(0)`). Such a hard place is read again with numpy, which knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.real import is_real, real

Rule = Callable[..., Any]
Wanted = tuple[bool, ...] | None
"""For each operand whether its derivative is wanted; None for all."""
Reader = Callable[["Operation", tuple[Any, ...]], Any]

HARD_PLACE = (ArithmeticError, ValueError)
"""What Python's float arithmetic raises where IEEE 754 defines inf or nan."""

readers: dict[type, Reader] = {}
"""Who reads an operation on operands of a type; the first registered wins in a mixture."""


class Notation(NamedTuple):
    """How an operation is written: `%s` stands for each operand, `binds` is its precedence."""

    text: str
    latex: str
    binds: int


ATOM = 9
"""Precedence of what never needs brackets: names, numbers, function calls."""


class Operation:
    """One row of the table: an operation, its derivative rules, and how it is written.

    Attributes:
        name: the name of the function and of the method, for example "tanh".
        about: one line of explanation.
        scalar: the forward value of floats; may raise at hard places.
        array: the forward value of numpy arrays, element by element.
        rules: one local derivative per operand, each a function of the operands and the result,
            a number where it is constant, or None where no derivative flows.
        notation: how it is written in text and in LaTeX.
        textbook: the derivatives as a textbook writes them, which is what people are shown; they
            are equal to the rules, but may lose digits. The rules, where nothing else is given.
        domain: an interval per operand in which the row is tested.
        defaults: values of trailing operands that may be left out.
        dunder: Python's name of its operator, for example "__add__", if it has one.
        masks: True if a zero derivative stops even an infinite gradient, as that of a dead relu.
        recent_origins: the last origin of a node by instruction number, for `origin.py` alone.
        selects: True if a zero derivative means "not chosen": no edge, since 0 × inf is nan.

    >>> from glassgrad import TABLE, Value
    >>> square_root = TABLE["sqrt"]
    >>> square_root(4.0), square_root(Value(4.0)).partials
    (2.0, (0.25,))
    """

    _arity: int

    def __init__(
        self,
        name: str,
        about: str,
        *,
        scalar: Callable[..., float],
        array: Callable[..., Any],
        rules: tuple[Rule | float | None, ...],
        notation: Notation,
        domain: tuple[tuple[float, float], ...],
        textbook: tuple[Rule | float | None, ...] = (),
        defaults: tuple[float, ...] = (),
        dunder: str | None = None,
        selects: bool = False,
        masks: bool = False,
    ) -> None:
        self.name = name
        self.about = about
        self.scalar = scalar
        self.array = array
        self.rules = rules
        self.textbook = textbook or rules
        self.notation = notation
        self.domain = domain
        self.defaults = defaults
        self.dunder = dunder
        self.selects = selects
        self.masks = masks
        if not isinstance(self, Reduction):
            self._arity = len(domain)
        self._all_wanted = (True,) * len(domain)
        self.recent_origins: dict[int, Any] = {}
        self.__name__ = name
        self.__doc__ = f"{about}\n\nAccepts numbers, Values and numpy arrays alike."

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """The operation on numbers, Values, arrays or ink, whichever the operands are."""
        if named:
            operands = self._with_named(operands, named)
        if len(operands) != self._arity:
            operands = self.arrange(operands)
        for operand in operands:
            if type(operand) is not float:
                return self._read(operands)
        return self.forward(operands)

    def arrange(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands of a call, completed by defaults and counted."""
        missing = self._arity - len(operands)
        if 0 < missing <= len(self.defaults):
            operands += self.defaults[-missing:]
        if len(operands) != self._arity:
            raise TypeError(f"{self.name} takes {self.takes()}, not {len(operands)}.")
        return operands

    def _with_named(self, operands: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The operands of a call that names some of them, as `leaky_relu(x, slope=0.1)` does."""
        names = self.operand_names()[len(operands) :]
        for name in named:
            if name not in names:
                known = ", ".join(self.operand_names())
                raise TypeError(f"{self.name} has no operand {name!r} left; it has {known}.")
        missing = dict(zip(self.operand_names()[self._arity - len(self.defaults) :], self.defaults))
        given = {**missing, **named}
        return operands + tuple(given[name] for name in names if name in given)

    def operand_names(self) -> tuple[str, ...]:
        """The names of the operands, as the rules of the row call them."""
        rule = next((rule for rule in self.rules if callable(rule)), None)
        code = getattr(rule, "__code__", None)
        return tuple(code.co_varnames[: self._arity]) if code and self._arity > 0 else ()

    def takes(self) -> str:
        """How many operands a call takes, in words."""
        most, least = self._arity, self._arity - len(self.defaults)
        return (
            f"{least} to {most} operands" if least < most else f"{most} operand{'s'[: most != 1]}"
        )

    def _read(self, operands: tuple[Any, ...]) -> Any:
        types = set(map(type, operands))
        if len(types) == 1:
            (only,) = types
            if only in readers:
                return readers[only](self, operands)
        found = {cls for kind in types for cls in kind.__mro__}
        for kind, read in readers.items():  # arrays first, since they take all others along
            if kind in found:
                return read(self, operands)
        if np.generic in found:
            return _read_array(self, operands)
        return self.forward(tuple(real(x, f"{self.name}(...)") for x in operands))

    def sides(self, operands: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
        """The operands grouped as the arguments of a call: one group each."""
        return tuple((operand,) for operand in operands)

    def forward(self, operands: tuple[float, ...]) -> float:
        """The value at floats, inf and nan included; never raises."""
        try:
            return self.scalar(*operands)
        except HARD_PLACE:
            with np.errstate(all="ignore"):
                return float(self.array(*map(np.float64, operands)))

    def derivatives(
        self, operands: tuple[Any, ...], result: Any, wanted: Wanted = None
    ) -> tuple[Any, ...]:
        """The local derivative by each wanted operand, read on whatever the operands are."""
        return tuple(
            [
                (rule(*operands, result) if callable(rule) else rule) if want else None
                for rule, want in zip(self.rules, wanted or self._all_wanted)
            ]
        )

    def partials(
        self, operands: tuple[float, ...], result: float, wanted: Wanted = None
    ) -> tuple[float | None, ...]:
        """The local derivatives at floats, None where no derivative flows; never raises."""
        try:
            partials = self.derivatives(operands, result, wanted)
        except HARD_PLACE:
            with np.errstate(all="ignore"):
                hard = self.derivatives(
                    tuple(map(np.float64, operands)), np.float64(result), wanted
                )
            partials = tuple(None if p is None else float(p) for p in hard)
        if self.selects:
            return tuple(None if p == 0.0 else p for p in partials)
        return partials


class Reduction(Operation):
    """A row with any number of operands; its single rule gives all local derivatives at once.

    The rule is a function of the tuple of operands and the result. Call a reduction with one
    iterable, or with the operands one by one.

    >>> from glassgrad import TABLE
    >>> TABLE["mean"]([1.0, 2.0, 6.0]), TABLE["mean"](1.0, 2.0, 6.0)
    (3.0, 3.0)
    """

    least = 0
    _arity = -1  # any number

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """The reduction of numbers, Values, arrays or ink, whichever the operands are."""
        if named:
            operands = self._with_named(operands, named)
        operands = self.arrange(operands)
        # Both ends of a kind: nearly always all are, and its reader finds out if one is not.
        if operands and (kind := type(operands[0])) is type(operands[-1]) and kind in readers:
            return readers[kind](self, operands)
        return self._read(operands)

    def arrange(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        return in_one_row(self.name, operands, self.least)

    def _with_named(self, operands: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        raise TypeError(_unknown_argument(self.name, next(iter(named))))

    def takes(self) -> str:
        return "one iterable of operands"

    def sides(self, operands: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
        """The operands as the arguments of a call: one sequence, or two for a pairing."""
        return (operands,)

    def derivatives(
        self, operands: tuple[Any, ...], result: Any, wanted: Wanted = None
    ) -> tuple[Any, ...]:
        (rule,) = self.rules
        assert callable(rule)
        partials = tuple(rule(operands, result))
        if wanted is None:
            return partials
        return tuple([p if want else None for p, want in zip(partials, wanted)])


def in_one_row(name: str, operands: tuple[Any, ...], least: int = 0) -> tuple[Any, ...]:
    """The operands of a reduction, given as one iterable or one by one.

    Raises:
        TypeError: they are a table, of which a reduction could mean the rows or the columns.
        ValueError: there are fewer than `least`.

    >>> from glassgrad.engine.operation import in_one_row
    >>> in_one_row("sum", ([1.0, 2.0],)), in_one_row("sum", (1.0, 2.0))
    ((1.0, 2.0), (1.0, 2.0))
    """
    if len(operands) == 1 and isinstance(operands[0], Iterable):
        (given,) = operands
        operands = tuple(given)
        if _is_table(given, operands):
            raise TypeError(
                f"{name} takes the numbers of one row, not a table of them. For each row write "
                f"[{name}(row) for row in table]; for each column, of zip(*table)."
            )
    if len(operands) < least:
        raise ValueError(f"{name} of nothing has no value; give at least one operand.")
    return operands


def _is_table(given: Any, rows: tuple[Any, ...]) -> bool:
    return getattr(given, "ndim", 1) > 1 or bool(rows and set(map(type, rows)) <= {list, tuple})


def _unknown_argument(name: str, argument: str) -> str:
    if argument in ("axis", "dim", "keepdims", "keepdim"):
        return (
            f"{name} has no {argument}: it takes the numbers of one row. For each row write "
            f"[{name}(row) for row in table]; for each column, of zip(*table)."
        )
    if argument in ("ddof", "correction", "unbiased"):
        return f"{name} has no {argument}: it divides by n. For n - 1 use var(xs) * (n / (n - 1))."
    return f"{name} has no argument {argument!r}; it takes the operands alone."


class NonEmptyReduction(Reduction):
    """A reduction that has no value without operands, such as a mean."""

    least = 1


class Pairing(Reduction):
    """A reduction of two sequences of equal length, held as one tuple: first half, second half."""

    def arrange(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(operands) != 2 or not (_is_iterable(operands[0]) and _is_iterable(operands[1])):
            raise TypeError(f"{self.name} takes {self.takes()}, for example {self.name}(ws, xs).")
        left, right = tuple(operands[0]), tuple(operands[1])
        if _is_table(operands[0], left) or _is_table(operands[1], right):
            raise TypeError(
                f"{self.name} takes two rows of numbers, not tables. For products of matrices make "
                "arrays of them, np.array(table), and write A @ B."
            )
        if len(left) != len(right):
            raise ValueError(
                f"{self.name} needs as many left operands as right ones, "
                f"not {len(left)} and {len(right)}."
            )
        return left + right

    def takes(self) -> str:
        return "two sequences of equal length"

    def sides(self, operands: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
        half = len(operands) // 2
        return operands[:half], operands[half:]


def shortcut(operation: Operation, numbers: Sequence[float | None]) -> int | None:
    """The operand that is the result by itself, where known numbers make an operation trivial.

    Args:
        operation: the row.
        numbers: the numbers of the operands, None for those that are not known.

    Returns:
        The position of the operand in x·1, x¹ and a choice whose condition is known; else None.

    >>> from glassgrad import TABLE
    >>> shortcut(TABLE["pow"], [None, 1.0]), shortcut(TABLE["where"], [0.0, None, None])
    (0, 2)
    """
    if operation.name == "mul" and 1.0 in numbers:
        return 1 - numbers.index(1.0)
    if operation.name == "pow" and numbers[1] == 1.0:
        return 0
    if operation.name == "where" and numbers[0] is not None:
        return 1 if numbers[0] else 2
    return None


def _is_iterable(operand: Any) -> bool:
    return type(operand) is list or isinstance(operand, Iterable)


def _read_array(operation: Operation, operands: tuple[Any, ...]) -> Any:
    """Arrays of numbers go through the kernel; a mixture with Values goes element by element."""
    if any(_holds_objects(x) for x in operands):
        boxed = [x if is_real(x) else np.array(x, dtype=object) for x in operands]
        return np.frompyfunc(_one_by_one(operation), len(boxed), 1)(*boxed)
    with np.errstate(all="ignore"):
        result = operation.array(*(np.asarray(x, dtype=np.float64)[()] for x in operands))
    return np.asarray(result)[()]


def _holds_objects(operand: Any) -> bool:
    return operand.dtype == object if isinstance(operand, np.ndarray) else not is_real(operand)


def _one_by_one(operation: Operation) -> Callable[..., Any]:
    return lambda *operands: operation._read(operands)


readers[np.ndarray] = _read_array
