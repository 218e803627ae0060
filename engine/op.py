"""What an operation is: a row of the table, and how a call finds who evaluates it.

Calling an `Operation` looks at the operands: floats give a float, Values record a node, arrays give
an array, formulas a formula. The rules of a row are written with these same functions, so one rule
serves all. Next: `define.py`, which makes rows.

Floats go through Python's `math`, which raises where IEEE 754 has an answer (`1 / 0`, `exp(800)`,
`log(0)`). Such a hard place is computed again with numpy, which knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.arrays import ValueArray, call_locked, check_unmasked
from glassgrad.engine.misuse import is_real, not_defined, real
from glassgrad.engine.text import describe
from glassgrad.engine.tree import listed

Rules = tuple[Callable[..., Any] | float | None, ...]
Operands = tuple[Any, ...]
Named = Mapping[str, Any] | None
Wanted = tuple[bool, ...] | None
"""For each operand whether its derivative is wanted; None for all."""
Evaluator = Callable[["Operation", Operands], Any]

HARD_PLACE = (ArithmeticError, ValueError)
"""What Python's float arithmetic raises where IEEE 754 defines inf or nan."""

evaluators: dict[type, Evaluator] = {}
"""Who evaluates an operation on operands of a type; the first entered wins in a mixture."""
TABLE: dict[str, Operation] = {}
"""Every row by name, in the order of the table."""


class Notation(NamedTuple):
    """How an operation is written: `%s` stands for each operand, `binds` is its precedence."""

    text: str
    latex: str
    binds: int


ATOM = 9
"""Precedence of what never needs brackets: names, numbers, function calls."""

EVERYWHERE = (-3.0, 3.0)
POSITIVE = (0.05, 5.0)


@dataclass(eq=False)
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
        domain: an interval per operand in which the row is tested.
        textbook: the derivatives as a textbook writes them, which is what people are shown: equal
            to the rules, but they may lose digits. The rules, where nothing else is given.
        defaults: values of trailing operands that may be left out.
        dunder: Python's name of its operator, for example "__add__", if it has one.
        selects: True if a zero derivative means "not chosen": no edge, since 0 × inf is nan.
        masks: True if a zero derivative stops even an infinite gradient, as that of a dead relu.
        trivial: given the operands that are known numbers, and None for the others, the position
            of the operand that is the result by itself, as in x·1; else None.
        is_activation: whether it is meant to bend the weighted sum of a neuron.
        idle: what it is called where it learns nothing: "dead", "saturated", or "" for never.
        steepest: its largest local derivative, by which "saturated" is measured.
        least: how many operands a reduction needs.
        arity: how many operands it takes; -1 for any number.
        methods: by the type of the first operand what serves a call at once.
        kernel: the name of its function in programs.
        is_checked: whether it is a user's: it is looked at that value and derivatives are floats,
            and that it writes to no array.

    >>> from glassgrad import TABLE, Value
    >>> square_root = TABLE["sqrt"]
    >>> square_root(4.0), square_root(Value(4.0)).partials
    (2.0, (0.25,))
    """

    name: str
    about: str
    scalar: Callable[..., float]
    array: Callable[..., Any]
    rules: Rules
    notation: Notation
    domain: tuple[tuple[float, float], ...]
    textbook: Rules = ()
    defaults: tuple[float, ...] = ()
    dunder: str | None = None
    selects: bool = False
    masks: bool = False
    trivial: Callable[..., int | None] | None = None
    is_activation: bool = False
    idle: str = ""
    steepest: float = 1.0
    least: int = 0

    def __post_init__(self) -> None:
        self.textbook = self.textbook or self.rules
        self.arity = -1 if isinstance(self, Reduction) else len(self.rules)
        self.methods: dict[type, Callable[..., Any]] = {}
        self.kernel = self.__name__ = self.name
        self.is_checked = True
        self.__doc__ = f"{self.about}\n\nAccepts numbers, Values and numpy arrays alike."

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> Any:
        return row_called, (self.name,)

    def __deepcopy__(self, copied: Any) -> Operation:
        return self

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """The operation on numbers, Values, arrays or formulas, whichever the operands are."""
        if named or len(operands) != self.arity:
            operands = self.arrange(operands, named)
        method = self.methods.get(operands[0].__class__)
        return self.evaluate(operands) if method is None else method(*operands)

    def arrange(self, operands: Operands, named: Named = None) -> Operands:
        """The operands of a call, with those given by name, completed by defaults and counted."""
        if named:
            operands = self._with_named(operands, named)
        missing = self.arity - len(operands)
        if 0 < missing <= len(self.defaults):
            operands += self.defaults[-missing:]
        if len(operands) != self.arity:
            raise TypeError(f"{self.name} takes {self.takes()}, not {len(operands)}.")
        return operands

    def _with_named(self, operands: Operands, named: Mapping[str, Any]) -> Operands:
        names = self.operand_names()
        left = names[len(operands) :]
        for name in named:
            if name not in left:
                raise TypeError(
                    f"{self.name} has no operand {name!r} left; it has {', '.join(names)}."
                )
        missing = dict(zip(names[len(names) - len(self.defaults) :], self.defaults))
        given = {**missing, **named}
        return operands + tuple(given[name] for name in left if name in given)

    def operand_names(self) -> tuple[str, ...]:
        """The names of the operands, as the rules of the row call them."""
        for rule in self.rules:
            code = getattr(rule, "__code__", None)
            if code is not None and self.arity > 0:
                return tuple(code.co_varnames[: min(self.arity, code.co_argcount)])
        return ()

    def takes(self) -> str:
        """How many operands a call takes, in words."""
        most, least = self.arity, self.arity - len(self.defaults)
        if least < most:
            return f"{least} to {most} operands"
        return f"{most} operand{'s' * (most != 1)}"

    @property
    def takes_one(self) -> bool:
        """Whether it can be called with a single operand, as an activation is."""
        return self.arity - len(self.defaults) == 1

    def evaluate(self, operands: Operands) -> Any:
        """The operation on as many operands as it takes."""
        # Who serves both ends serves nearly always all, and finds out if not.
        first, last = (type(operands[0]), type(operands[-1])) if operands else (float, float)
        serving = evaluators.get(first)
        if serving and (last is float or serving is evaluators.get(last)):
            return serving(self, operands)
        kinds = set(map(type, operands)) - {float}
        if not kinds:
            return self.forward(operands)
        found = {cls for kind in kinds for cls in kind.__mro__}
        for kind, evaluator in evaluators.items():  # arrays first, since they take all others along
            if kind in found:
                return evaluator(self, operands)
        if np.generic in found:
            return _on_arrays(self, operands)
        return self.forward(tuple(real(x, f"{self.name}(...)") for x in operands))

    def sides(self, operands: Operands) -> tuple[Operands, ...]:
        """The operands grouped as the arguments of a call: one group each."""
        return tuple((operand,) for operand in operands)

    def forward(self, operands: tuple[float, ...]) -> float:
        """The value at floats, inf and nan included."""
        try:
            y = self.scalar(*operands)
        except HARD_PLACE as fault:
            y = self._at_hard_place(operands, fault)
        return y if type(y) is float else _float(y, self.name, "value")

    def _at_hard_place(self, operands: tuple[float, ...], fault: Exception) -> Any:
        try:
            with np.errstate(all="ignore"):
                return self.array(*map(np.float64, operands))
        except HARD_PLACE:
            raise type(fault)(
                f"{self.name} has no value at {', '.join(map(str, operands))}: {fault}. Write it "
                "with functions of glassgrad instead of those of math, or give its array function."
            ) from None

    def on_arrays(self, *arrays: Any) -> Any:
        """What the function for arrays gives; one of a user's cannot write to them."""
        if not self.is_checked:
            return self.array(*arrays)
        return call_locked(f"The array function of {self.name}", self.array, *arrays)

    def derivatives_on_arrays(
        self, operands: Operands, result: Any, wanted: Wanted = None
    ) -> Operands:
        """The local derivatives at arrays; rules of a user's cannot write to them."""
        if not self.is_checked:
            return self.derivatives(operands, result, wanted)
        rule: Callable[..., Operands] = lambda *both: self.derivatives(both[:-1], both[-1], wanted)
        partials: Operands = call_locked(f"The rule of {self.name}", rule, *operands, result)
        return partials

    def derivatives(self, operands: Operands, result: Any, wanted: Wanted = None) -> Operands:
        """The local derivative by each wanted operand, of whatever kind the operands are."""
        rules = self.rules
        if wanted:
            rules = tuple([rule if want else None for rule, want in zip(rules, wanted)])
        return tuple([rule(*operands, result) if callable(rule) else rule for rule in rules])

    def partials(
        self, operands: tuple[float, ...], result: float, wanted: Wanted = None
    ) -> tuple[float | None, ...]:
        """The local derivatives at floats, None where no derivative flows."""
        try:
            partials = self.derivatives(operands, result, wanted)
        except HARD_PLACE:
            hard = tuple(map(np.float64, operands))
            with np.errstate(all="ignore"):
                partials = self.derivatives(hard, np.float64(result), wanted)
            return tuple([self._partial(p) for p in partials])
        if self.is_checked:
            if len(partials) != len(operands):
                raise TypeError(
                    f"The rule of {self.name} gives {len(partials)} derivatives for "
                    f"{len(operands)} operands. It gives one for each, in a tuple."
                )
            partials = tuple([self._partial(p) for p in partials])
        if self.selects:
            return tuple([None if p == 0.0 else p for p in partials])
        return partials

    def _partial(self, partial: Any) -> float | None:
        if partial is None or type(partial) is float:
            return partial
        return _float(partial, self.name, "derivative")

    def is_unchanged(
        self,
        numbers: tuple[float, ...],
        result: float,
        pairs: Iterable[tuple[float, float | None]],
        same: Callable[[float, float | None], bool],
    ) -> bool:
        """Whether a node was computed from the numbers that its operands have now.

        Its result, and each of the `pairs` of local derivatives computed now and then, agree.
        """
        return same(self.forward(numbers), result) and all(same(a, b) for a, b in pairs)

    def is_idle(self, slope: float | None) -> bool:
        """Whether an activation with this local derivative lets next to no gradient through."""
        if slope is None or not self.idle:
            return False
        return slope == 0.0 or (self.idle == "saturated" and abs(slope) < 0.01 * self.steepest)


class Reduction(Operation):
    """A row with any number of operands; its single rule gives all local derivatives at once.

    The rule is a function of the tuple of operands and the result. Call a reduction with one
    iterable, or with the operands one by one.

    >>> from glassgrad import TABLE
    >>> TABLE["mean"]([1.0, 2.0, 6.0]), TABLE["mean"](1.0, 2.0, 6.0)
    (3.0, 3.0)
    """

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """The reduction of numbers, Values, arrays or formulas, whichever the operands are."""
        return self.evaluate(self.arrange(operands, named))

    def arrange(self, operands: Operands, named: Named = None) -> Operands:
        return in_one_row(self.name, operands, self.least, named)

    def takes(self) -> str:
        return "one iterable of operands"

    def sides(self, operands: Operands) -> tuple[Operands, ...]:
        return (operands,)

    def derivatives(self, operands: Operands, result: Any, wanted: Wanted = None) -> Operands:
        (rule,) = self.rules
        assert callable(rule)
        partials = tuple(rule(operands, result))
        if wanted is None:
            return partials
        count = wanted.count(True)
        if True not in wanted[count:]:  # they come first, as weights before inputs
            return partials[:count] + (None,) * (len(partials) - count)
        return tuple([p if want else None for p, want in zip(partials, wanted)])


class Pairing(Reduction):
    """A reduction of two sequences of equal length, held as one tuple: first half, second half."""

    def arrange(self, operands: Operands, named: Named = None) -> Operands:
        if named:
            _refuse_named(self.name, named)
        if len(operands) != 2 or not all(map(_is_iterable, operands)):
            raise TypeError(f"{self.name} takes {self.takes()}, for example {self.name}(ws, xs).")
        left, right = _row(operands[0], self.name), _row(operands[1], self.name)
        if len(left) != len(right):
            raise ValueError(
                f"{self.name} needs as many left operands as right ones, "
                f"not {len(left)} and {len(right)}."
            )
        return left + right

    def takes(self) -> str:
        return "two sequences of equal length"

    def sides(self, operands: Operands) -> tuple[Operands, ...]:
        half = len(operands) // 2
        return operands[:half], operands[half:]


_ROWS = (list, tuple)


def in_one_row(name: str, operands: Operands, least: int = 0, named: Named = None) -> Operands:
    """The operands of a reduction, given as one sequence or one by one.

    A table of them is refused: it could mean the rows or the columns.
    """
    if named:
        _refuse_named(name, named)
    if len(operands) == 1 and _is_iterable(operands[0]):
        operands = _row(operands[0], name)
    elif any(type(x) is int for x in operands[1:]):
        if getattr(operands[0], "ndim", 0) or isinstance(operands[0], _ROWS):
            raise TypeError(f"{name} takes no axis after an array. {_for_tables(name)}")
    if len(operands) < least:
        raise ValueError(f"{name} of nothing has no value; give at least one operand.")
    return operands


def _row(given: Any, name: str) -> Operands:
    """The operands in a sequence. They may be arrays, which are reduced element by element."""
    is_array = not isinstance(given, _ROWS)
    entries = tuple(listed(given, name) if is_array else given)
    if (is_array and getattr(given, "ndim", 1) > 1) or (entries and type(entries[0]) in _ROWS):
        raise TypeError(
            f"{name} takes the numbers of one row, not a table of them. {_for_tables(name)}"
        )
    return entries


def _is_iterable(operand: Any) -> bool:
    return isinstance(operand, (_ROWS, Iterable))  # in this turn: to ask an Iterable is slow


def _for_tables(name: str) -> str:
    if isinstance(TABLE.get(name), Pairing):
        return "For products of matrices make arrays of them, np.array(table), and write A @ B."
    return f"For each row write [{name}(row) for row in table]; for each column, of zip(*table)."


def _refuse_named(name: str, named: Mapping[str, Any]) -> None:
    for argument in named:
        if argument in ("ddof", "correction", "unbiased"):
            raise TypeError(
                f"{name} has no {argument}: it divides by n. For n - 1 use var(xs) * (n / (n - 1))."
            )
        problem = f"{name} has no {argument}: it takes the numbers of one row, all of them."
        raise TypeError(f"{problem} {_for_tables(name)}")


def _float(number: Any, name: str, what: str) -> float:
    """What a row gave, as a float; a complex number or a Value would be a silent mistake."""
    if isinstance(number, np.ndarray) and number.ndim == 0:
        number = number[()]
    if is_real(number):
        return float(number)
    remedy = "At floats it has to give a float: choose with where(...), and compute with numbers."
    if isinstance(number, complex):
        remedy = "Write pow(x, y) instead of x ** y, which leaves the real numbers where x < 0."
    raise TypeError(f"The {what} of {name} is {describe(number)}. {remedy}")


def _on_arrays(operation: Operation, operands: Operands) -> Any:
    """Arrays of numbers go through the kernel; a mixture with Values goes element by element."""
    for operand in operands:
        check_unmasked(operand)
    if any(map(_holds_objects, operands)):
        boxed = [x if is_real(x) else np.array(x, dtype=object) for x in operands]
        each = np.frompyfunc(lambda *ones: operation.evaluate(ones), len(boxed), 1)
        found = each(*boxed)
        return found.view(ValueArray) if isinstance(found, np.ndarray) else found
    with np.errstate(all="ignore"):
        result = operation.on_arrays(*(np.asarray(x, dtype=np.float64)[()] for x in operands))
    # What a user's function gives may be an operand, or a part of one.
    return (np.array if operation.is_checked else np.asarray)(result)[()]


def _holds_objects(operand: Any) -> bool:
    return operand.dtype == object if isinstance(operand, np.ndarray) else not is_real(operand)


evaluators[np.ndarray] = _on_arrays


def row_called(name: str) -> Operation:
    """The row of a name, for one that is unpickled."""
    if name not in TABLE:
        raise LookupError(f"There is no operation called {name}. {not_defined(name)}")
    return TABLE[name]
