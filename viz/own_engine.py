"""`check_engine`: the engine that a reader builds, checked step by step.

A step is a few lines of arithmetic, run with the reader's class and with `Value`; the numbers of
both are compared. The first step that fails is named, with its expression and with what to look at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

from glassgrad.engine import Value
from glassgrad.engine.text import clipped, describe, suggestion, told
from glassgrad.viz.backprop import backprop
from glassgrad.viz.exercises import Verdict

POINTS = {"a": 2.0, "b": -3.0, "c": 0.5}, {"a": -1.7, "b": 2.3, "c": 0.6}
"""The numbers that the expressions are computed with: round ones, to be read, and others, since of
round ones a wrong rule can give the right number: the slope of a * 2 by a is 2, and so is a."""


class BuildStep(NamedTuple):
    """A step in building an engine.

    Attributes:
        methods: the methods that are needed, besides those of `CORE` once there is a gradient.
        programs: lines with ; between, of which the last is differentiated if `differentiates`.
        question: what to look at where the numbers are wrong.
    """

    name: str
    methods: tuple[str, ...]
    programs: tuple[str, ...]
    question: str
    differentiates: bool = True


CORE = ("__add__", "__mul__", "backward")
_ADDS = "Every use of a node sends a contribution; do they add up?"
STEPS = (
    BuildStep("data", (), ("a",), "Does __init__ keep the number as .data?", False),
    BuildStep("add", ("__add__",), ("a + b",), "Does __add__ add the data of both?", False),
    BuildStep("mul", ("__mul__",), ("a * b",), "Does __mul__ multiply the data of both?", False),
    BuildStep("backward", (), ("a + b", "a * b"),
        "Each operand gets upstream × local. Does the result's own gradient start at 1? Which "
        "number does a product send to which operand?"),
    BuildStep("chain", (), ("a * b + c", "(a + b) * c", "(a * b) * c"),
        "Does every node send on the gradient that it got, times the local derivative?"),
    BuildStep("tanh", ("tanh",), ("c.tanh()", "(a * c).tanh() * b"),
        "The derivative of tanh is written with its output. Is it multiplied by the upstream?"),
    BuildStep("accumulate", (), ("a + a", "a * a", "c + c.tanh()"), _ADDS),
    BuildStep("order", (),
        ("d = a + b; d * d", "d = a + b; d + d * c", "d = a * b; e = d + c; d * e",
         "d = a + a; e = d * d; d + e * d"),
        "Does a node send its gradient on only when all contributions to it have come?"),
    BuildStep("zero", (), ("d = a * a; d * a", "a * b + a"),
        "The gradients of leaves add up over calls, until .grad is set to zero; those of inner "
        "nodes start anew in each call. Is it so?"),
    BuildStep("numbers", (), ("a + 2", "a * 2", "a * 2 + 0.5", "a + (a + 2)", "a + a * 2"),
        "Is a plain number made a node of the graph first?"),
    BuildStep("reflected", ("__radd__", "__rmul__"),
        ("3 + a", "3 * a", "0.5 * a + 2", "a + (3 + a)", "a + 3 * a"),
        "Python asks __radd__ and __rmul__ where the number stands on the left."),
    BuildStep("neg and sub", ("__neg__", "__sub__"),
        ("-a", "a - b", "a - 3", "a * b - a", "a + -a", "b + (a + (a - b))", "a + (a - 3)"),
        "What is subtracted gets the gradient with the other sign."),
    BuildStep("rsub", ("__rsub__",), ("3 - a", "a + (3 - a)"),
        "In 3 - a it is a that is subtracted."),
    BuildStep("pow", ("__pow__",), ("a**3", "b**2", "a**-1", "a + a**3"),
        "The exponent comes down as a factor, and is one less."),
    BuildStep("div", ("__truediv__",),
        ("a / b", "a / 4", "a / (a + c)", "b + (a + a / b)", "a + a / 4"),
        "The numerator gets one over the denominator; what does the denominator get?"),
    BuildStep("rdiv", ("__rtruediv__",), ("2 / a", "a + 2 / a"), "In 2 / a the denominator is a."),
    BuildStep("relu", ("relu",), ("a.relu() * c", "b.relu() * c", "a + a.relu()"),
        "Below zero relu gives nothing and lets nothing through; above, both as they are."),
    BuildStep("exp", ("exp",), ("c.exp()", "(a * c).exp() * b", "c + c.exp()"),
        "The derivative of exp is its output."),
)  # fmt: skip


SLOPES = "The first slope is how fast the result changes with the left operand: is it so?"
DOTS = "Are there still dots, ..., where a number belongs?"
"""They stand in the lesson where the reader is to write; Python calls them Ellipsis."""
_WRONG_ENGINES = {
    "= instead of +=": _ADDS,
    "inner nodes never zeroed": "An inner node kept the gradient of the first call and sent it on "
    "once more: let backward() set those of inner nodes to zero first. (micrograd sets nothing to "
    "zero, since there every step makes a fresh graph.)",
}
"""What to say where a gradient is that of an engine of `mistakes.py`: in one call, and in more."""
SWEEPS = (
    ("", False, True),
    (", once more on a new graph, .grad as it was", False, True),
    (", on a new graph, once .grad of the leaves is set to zero", True, True),
    (", by a second backward() on the same graph", False, False),
)
"""The calls of the step "zero": in words, whether .grad is zeroed, whether the graph is new."""


class _FaultError(Exception):
    """What the reader's class did, in a sentence, and the question that goes with it, if any."""

    def __init__(self, fault: str, question: str = "") -> None:
        super().__init__(f"{fault} {question}".rstrip())
        self.is_asked = bool(question)


def check_engine(cls: Any, *, through: str | None = None) -> Verdict:
    """Whether an engine that a reader builds is right, step by step, as far as it goes.

    `check_engine.steps` has the names of the steps, in order.

    Args:
        cls: the class, called with one number, with `.data`, `.grad`, operators and `backward()` as
            far as they are there.
        through: the last step to be checked; all up to it are to be there. By default all steps
            whose methods the class has.

    >>> from glassgrad import check_engine
    >>> class Number:
    ...     def __init__(self, data):
    ...         self.data = data
    ...
    ...     def __add__(self, other):
    ...         return Number(self.data - other.data)
    >>> check_engine(Number)
    add, not yet. a + b with a = 2, b = -3: the data is 5.0. Does __add__ add the data of both?
    """
    names = [step.name for step in STEPS]
    if not isinstance(cls, type):
        raise TypeError(f"check_engine takes your class itself, not {describe(cls)}.")
    if through is not None and through not in names:
        raise ValueError(
            f"check_engine has no step {told(through)}; it has {', '.join(names)}."
            f"{suggestion(through, names) if isinstance(through, str) else ''}"
        )
    passed, left = [], []
    for step in STEPS:
        needed = (*step.methods, *(CORE if step.differentiates else ()))
        missing = next((method for method in needed if not hasattr(cls, method)), "")
        if missing and through is not None:
            return Verdict(False, f"{step.name}, not yet. {cls.__name__} has no {missing} yet.")
        if missing:
            left.append(step.name)
            continue
        try:
            for point, program in product(POINTS, step.programs):
                if ".tanh" not in program or hasattr(cls, "tanh"):
                    _try(cls, step, program, point)
        except _FaultError as fault:
            if step.name == "numbers" and through is None and fault.__cause__:
                left.append(step.name)
                continue
            hint = step.question
            if fault.is_asked:  # one further
                hint = f"With Value in place of {cls.__name__}, backprop shows each step of it."
            return Verdict(False, f"{step.name}, not yet. {fault}", hint)
        passed.append(step.name)
        if step.name == through:
            break
    still = f" Not built yet: {', '.join(left)}." if left else ""
    return Verdict(True, f"Right: {', '.join(passed)}.{still}")


check_engine.steps = tuple(step.name for step in STEPS)  # type: ignore[attr-defined]


def _try(cls: type, step: BuildStep, program: str, point: dict[str, float]) -> None:
    """Run a program with both classes, and compare."""
    *before, last = program.split("; ")
    used = {name: x for name, x in point.items() if re.search(rf"\b{name}\b", program)}
    at = f"{program} with {', '.join(f'{name} = {x:g}' for name, x in used.items())}"
    theirs = {name: _asked(at, cls, x) for name, x in used.items()}
    ours = {name: Value(x) for name, x in used.items()}
    result: Any = None
    right = Value(0.0)

    def run(names: dict[str, Any]) -> Any:
        names = dict(names)
        exec("\n".join(before), names)
        return eval(last, names)

    def compare(what: str, thing: Any, attribute: str, number: float, of: Value) -> None:
        found = _asked(where, getattr, thing, attribute)
        if not _is_close(found, number):
            is_gradient = attribute == "grad"
            question = _question(step, found, right, of) if is_gradient else step.question
            raise _FaultError(f"{where}: {what} is {told(found)}.", question)

    for in_words, zeroes, is_new in SWEEPS if step.name == "zero" else SWEEPS[:1]:
        where = at + in_words
        for name in used if zeroes else ():
            _asked(where, setattr, theirs[name], "grad", 0.0)
            ours[name].grad = 0.0
        if is_new:
            result, right = _asked(where, run, theirs), run(ours)
        if not hasattr(result, "data"):
            raise _FaultError(
                f"{where} gives {describe(result)}, which has no .data. Is it returned?"
            )
        compare("the data", result, "data", right.data, right)
        if step.differentiates:
            _asked(where, _asked(where, getattr, result, "backward"))
            right.backward()
        else:
            _compare_slopes(where, result, right)
        for name, x in used.items():
            compare(f"{name}.data afterwards", theirs[name], "data", x, ours[name])
            if step.differentiates:
                gradient = ours[name].grad
                compare(f"the gradient of {name}", theirs[name], "grad", gradient, ours[name])


def _compare_slopes(where: str, result: Any, right: Value) -> None:
    """Those that a class keeps as page 12 of the course does; others keep none, or closures."""
    slopes = getattr(result, "slopes", ())
    if not isinstance(slopes, (tuple, list)) or not slopes:
        return
    if len(slopes) != len(right.partials) or not all(map(_is_close, slopes, right.partials)):
        has_dots = any(slope is ... for slope in slopes)
        raise _FaultError(f"{where}: .slopes is {told(slopes)}.", DOTS if has_dots else SLOPES)


def _is_close(found: Any, right: Any) -> bool:
    try:
        return math.isclose(found, right, rel_tol=1e-9, abs_tol=1e-12)
    except TypeError:
        return False


def _question(step: BuildStep, found: Any, result: Value, leaf: Value) -> str:
    steps = backprop(result)
    name = [*_WRONG_ENGINES][step.name == "zero"]
    gradients = next(m.gradients for m in steps.mistakes() if m.name == name)
    is_known = _is_close(found, gradients[steps.diagram.values[leaf]])
    return _WRONG_ENGINES[name] if is_known else step.question


def _asked(where: str, function: Callable[..., Any], *operands: Any) -> Any:
    try:
        return function(*operands)
    except Exception as fault:
        problem = f"{where} raises {type(fault).__name__}: {clipped(str(fault))}"
        question = DOTS if "ellipsis" in str(fault) else ""
        raise _FaultError(problem.rstrip(".") + ".", question) from fault
