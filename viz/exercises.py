"""Exercises that check themselves: `check(answer, of=y, by=x)`, and puzzles of wrong engines.

The right answer stands nowhere in a cell: it is computed, and no verdict shows it. A wrong number
is looked for among those that usual mistakes give, so that the verdict can say where it goes
wrong; each further try gets a further hint. Next: `suspects.py`, which knows the mistakes, and
`own_engine.py`, which checks an engine that readers build.
"""

from __future__ import annotations

import html
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from inspect import Parameter, signature
from typing import Any, NamedTuple

from glassgrad.engine import NOT_COMPUTED, Operation, Value, grad
from glassgrad.engine.misuse import name as name_of
from glassgrad.engine.misuse import real
from glassgrad.engine.printing import short
from glassgrad.engine.text import clipped, counted, describe, function_name, suggestion, told
from glassgrad.engine.tree import leaves_of, listed, scalar_of, settled
from glassgrad.viz.backprop import backprop
from glassgrad.viz.drawing import MAX_NODES, picture_of
from glassgrad.viz.suspects import Question

MOST_DIGITS = 9
"""An answer may be rounded; of more digits than these nobody asks that they agree."""
OPEN = "Write your answer in place of the dots."
_tries: dict[int, int] = {}
"""How often a question got a wrong answer, by its key: the next hint is one further."""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right; `bool` gives it, `print` a sentence, a notebook shows it.

    Attributes:
        right: whether it is.
        text: "Right.", or where it goes wrong. It never has the right answer.
        hint: what helps further, or "".
        parts: of several answers the verdict on each, by its name.

    >>> from glassgrad import Value, check
    >>> x = Value(3.0, label="x")
    >>> verdict = check(9.0, of=x * x, by=x)
    >>> bool(verdict), verdict
    (False, Not yet. That is the value of v1. Asked for is by how much v1 changes with x.)
    """

    right: bool
    text: str
    hint: str = ""
    parts: Mapping[str, Verdict] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        color, sign = ("#2e9e4f", "✓") if self.right else ("#c27c0e", "✗")
        look = f"border-left:4px solid {color};padding:2px 10px;margin:4px 0"
        hint = f"<details><summary>Hint</summary>{html.escape(self.hint)}</details>"
        text = f"<span aria-hidden=true>{sign}</span> {html.escape(self.text)}"
        return (
            f'<div class="glassgrad-verdict" lang="en" style="{look}">{text}'
            f"{hint if self.hint else ''}</div>"
        )


def _right(name: str | None, text: str = "Right.") -> Verdict:
    return Verdict(True, f"{name}: {text}" if name else text)


def _wrong(name: str | None, text: str, hint: str = "") -> Verdict:
    return Verdict(False, f"{name}: Not yet. {text}" if name else f"Not yet. {text}", hint)


def check(answer: Any, of: Any, by: Any = None, *, name: str | None = None) -> Verdict:
    """Whether an answer is right, and if not, where it goes wrong; without the right answer.

    Numbers are right when they agree to the digits that were typed, at least two.

    Args:
        answer: a number; as many as there are in `by` or `of`; a function if `of` is one; the name
            of an engine if `of` is a puzzle; `...` for none yet.
        of: the Value that is asked for; or a number, an array or nested lists, which are compared;
            or a function of numbers or an operation of the table; or a `puzzle`.
        by: if given, the derivative of `of` is asked for: by this Value of its graph, by each of
            several, a sequence or a dict of names, or, of a function, by its operand 0, 1, ...
        name: what the verdict calls the answer.

    Raises:
        TypeError: the answer is not of the kind that is asked for, or `of` or `by` is something
            else.
        ValueError: there are more or fewer answers than questions, `by` is not in the graph of
            `of`, or the answer is a gradient that was not computed.
        ChangedDataError: the graph has other numbers than when it was computed.

    >>> from glassgrad import Value, check
    >>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    >>> y = (w * x).tanh()
    >>> y.label = "y"
    >>> check(4.9e-05, of=y, by=w)
    Right.
    >>> check(2.0, of=y, by=w)
    Not yet. That is by how much v1 changes with w, the local derivative alone. By how much does y \
change with v1?
    """
    of = scalar_of(of)
    if _is_open(answer):
        return Verdict(False, OPEN)
    if isinstance(of, Puzzle):
        return of.check(answer)
    if isinstance(of, Value):
        return _of_graph(answer, of, by, name)
    if callable(of):
        return _of_function(answer, of, by, name)
    if by is not None:
        raise TypeError(
            f"check differentiates a Value or a function, not {describe(of)}. Leave by=... out, or "
            "give the Value that the number was computed as."
        )
    return _of_facts(answer, of, name)


# Answers and their digits.


def _is_open(answer: Any) -> bool:
    """Whether an answer, or a part of it, is still the three dots of an exercise."""
    if isinstance(answer, Mapping):
        return any(map(_is_open, answer.values()))
    return answer is ... or (isinstance(answer, (list, tuple)) and any(map(_is_open, answer)))


def _number(answer: Any, role: str) -> float:
    """An answer as a float, unless it is no number that a person could have meant."""
    answer = scalar_of(answer)
    if answer is NOT_COMPUTED:
        raise ValueError(
            f"{role} is a gradient that was not computed yet. Call backward() on the result first."
        )
    if type(answer).__name__.startswith("bool"):  # numpy's too
        raise TypeError(f"{role} is a number, not {describe(answer)}.")
    return real(answer, role)


class Typed(NamedTuple):
    """An answer: the number, and how many significant digits of it were typed."""

    number: float
    digits: int


def _typed(answer: Any, role: str) -> Typed:
    number = _number(answer, role)
    return Typed(number, min(MOST_DIGITS, _digits(scalar_of(answer))))


def _digits(answer: Any) -> int:
    """How many digits were typed. Zeros behind the point leave no trace."""
    if not math.isfinite(answer):
        return 1
    typed = str(float(answer) if isinstance(answer, Fraction) else answer).lower()
    if "e" in typed or "." in typed:
        decimal = Decimal(typed)
        last = decimal.normalize().as_tuple().exponent
        assert isinstance(last, int)
        return max(1, decimal.adjusted() - (last if "e" in typed else min(0, last)) + 1)
    return max(1, len(typed.lstrip("+-")))


def _agrees(answer: Typed, number: float, noise: float = 0.0, least: int = 2) -> bool:
    """Whether a number, rounded to the digits of the answer, at least so many, is the answer."""
    typed, digits = answer
    if typed == number or (typed != typed and number != number):
        return True
    distance = abs(typed - number)
    if not math.isfinite(distance) or distance <= noise:
        return math.isfinite(distance)
    if typed == 0.0 or number == 0.0:
        return False
    first = min(math.floor(math.log10(abs(typed))), math.floor(math.log10(abs(number))))
    return distance <= 0.5000001 * 10.0 ** (first - max(least, digits) + 1)


def _near(answer: Typed, right: float) -> str:
    """What to say of an answer that is nearly right, or ""."""
    if not math.isfinite(right) or right == 0.0:
        return ""
    if answer.digits == 1:
        is_near = _agrees(answer, right, least=1)
        return "That is near: more digits, please." if is_near else ""
    decimal = Decimal(right)
    last = Decimal(1).scaleb(decimal.adjusted() - answer.digits + 1)
    is_cut_off = float(decimal.quantize(last, "ROUND_DOWN")) == answer.number
    return "The last digit is cut off where it is to be rounded." if is_cut_off else ""


# Values of a graph, and derivatives.


def _of_graph(answer: Any, of: Value, by: Any, name: str | None) -> Verdict:
    if by is None or isinstance(by, Value):
        return _one(answer, of, by, name)
    if isinstance(by, Mapping):
        names, wanted = list(map(str, by)), list(by.values())
    else:
        wanted = listed(by, "check by", "a Value of the graph or several,")
        names = [
            clipped(each.label) if isinstance(each, Value) and each.label else f"answer {i}"
            for i, each in enumerate(wanted, 1)
        ]
    answers = _answers(answer, by, names)
    verdicts = {
        each: _one(part, of, value, each) for each, part, value in zip(names, answers, wanted)
    }
    return _together(verdicts, name)


def _answers(answer: Any, by: Any, names: Sequence[str]) -> list[Any]:
    """As many answers as there are questions, in their order."""
    if isinstance(answer, Mapping) and isinstance(by, Mapping):
        if set(answer) != set(by):
            raise ValueError(
                f"The answer has the names {_listing(answer)}, and by has {_listing(by)}. Give a "
                "number for each name."
            )
        return [answer[each] for each in by]
    answers = listed(answer, "check", f"{counted(len(names), 'number')},")
    if len(answers) != len(names) or len(set(names)) != len(names):
        problem = f"check takes {counted(len(names), 'number')}, one for each of {_listing(names)}"
        raise ValueError(f"{problem}, each with a name of its own, not {len(answers)}.")
    return answers


def _listing(names: Any) -> str:
    return ", ".join(clipped(str(each)) for each in names) or "none"


def _together(verdicts: dict[str, Verdict], name: str | None) -> Verdict:
    wrong = [verdict for verdict in verdicts.values() if not verdict]
    if not wrong:
        return Verdict(True, _right(name).text, parts=verdicts)
    right = [each for each, verdict in verdicts.items() if verdict]
    found = f"Right: {', '.join(right)}. " if right else ""
    text = f"{found}{wrong[0].text}"
    if len(wrong) > 1:
        others = [each for each, verdict in verdicts.items() if not verdict][1:]
        text += f" Nor yet right: {', '.join(others)}."
    return Verdict(False, f"{name}: {text}" if name else text, wrong[0].hint, verdicts)


def _one(answer: Any, of: Value, by: Any, name: str | None) -> Verdict:
    if by is not None and not isinstance(by, Value):
        raise TypeError(
            f"check differentiates by a Value of the graph, not by {describe(by)}. Write by=x for "
            "the Value x that the result was computed from."
        )
    if by is not None and by.is_constant:
        raise ValueError(f"{name_of(by)} is a constant: no gradient flows to it. Give a Value.")
    try:
        question = Question(of, by)
    except KeyError:
        raise ValueError(
            f"{name_of(by)} is not in the graph of {name_of(of)}, so there is no derivative to ask "
            "for. Give a Value that the result was computed from."
        ) from None
    typed = _typed(answer, f"check({name or 'answer'})")
    if _agrees(typed, question.right, question.noise):
        _tries.pop(question.key, None)
        return _right(name)
    hints = question.hints()
    tried = _tries[question.key] = _tries.get(question.key, -1) + 1
    hint = hints[min(tried, len(hints) - 1)]
    for suspect, sentence in question.suspects():
        if math.isfinite(suspect) and _agrees(typed, suspect, question.noise):
            return _wrong(name, sentence, hint)
    near = _near(typed, question.right)
    return _wrong(name, near or hint, hint if near else "")


# Facts: numbers, arrays, nested lists.


def _of_facts(answer: Any, of: Any, name: str | None) -> Verdict:
    right, answers = _array(of, "check of"), _array(answer, f"check({name or 'answer'})")
    if right.shape != answers.shape:
        raise ValueError(
            f"check({name or 'answer'}) has the shape {answers.shape}, and {right.shape} is asked "
            "for. Give as many numbers, nested alike; () is one number."
        )
    numbers = [_number(x, "check of") for x in right.flat]
    typed = [_typed(x, f"check({name or 'answer'})") for x in answers.flat]
    noise = 1e-12 * max((abs(x) for x in numbers if math.isfinite(x)), default=0.0)

    def differs(xs: Iterable[float]) -> list[int]:
        """The places at which the answer is not these numbers."""
        return [i for i, (t, x) in enumerate(zip(typed, xs)) if not _agrees(t, x, noise)]

    wrong = differs(numbers)
    if not wrong:
        return _right(name)
    if right.ndim == 2 and right.shape[0] == right.shape[1]:
        if not differs(_number(x, "check of") for x in right.T.flat):
            return _wrong(name, "Rows and columns have changed places.")
    for mistake, sentence in FACTS:
        if 0.0 not in numbers and not differs(map(mistake, numbers)):
            return _wrong(name, sentence)
    first = wrong[0]
    near = _near(typed[first], numbers[first])
    if not right.ndim:
        size = "large" if abs(typed[0].number) > abs(numbers[0]) else "small"
        return _wrong(name, near or f"It is too {size}: which numbers is it made of?")
    place = "".join(f"[{i}]" for i in _place(right.shape, first))
    return _wrong(name, f"The first number that is not right stands at {place}. {near}".rstrip())


FACTS: tuple[tuple[Callable[[float], float], str], ...] = (
    (lambda x: -x, "The size is right, the sign is not."),
    (lambda x: 1.0 / x, "That is upside down."),
    (lambda x: 100.0 * x, "That is in per cent."),
    (lambda x: x / 100.0, "That is not in per cent."),
    (math.degrees, "That is in degrees, not in radians."),
    (math.radians, "That is in radians, not in degrees."),
)
"""What mistakes make of a number, and what to say."""


def _array(nested: Any, role: str) -> Any:
    """Nested sequences as an array of whatever is in them."""
    import numpy as np

    if isinstance(nested, (str, bytes, Mapping, Set)):
        raise TypeError(f"{role} takes numbers in an order, not {describe(nested)}.")
    nested = settled(nested)
    try:
        shape = np.shape(nested)
    except ValueError:
        raise ValueError(f"{role} takes rows of equal lengths, not {describe(nested)}.") from None
    array = np.empty(math.prod(shape), dtype=object)
    array[:] = leaves_of(nested)
    return array.reshape(shape)


def _place(shape: Sequence[int], index: int) -> list[int]:
    """The indices of an entry of an array, counted in order."""
    place = []
    for length in reversed(shape):
        index, at = divmod(index, length)
        place.append(at)
    return place[::-1]


# Functions.


def _of_function(answer: Any, of: Callable[..., Any], by: Any, name: str | None) -> Verdict:
    if not callable(answer):
        raise TypeError(
            f"check({name or 'answer'}) takes a function here, since it compares with "
            f"{function_name(of)}; not {describe(answer)}. Write lambda x: ..."
        )
    names, domains = _operands(of)
    if by is not None and (type(by) is not int or not 0 <= by < len(names)):
        raise ValueError(
            f"by is the place of an operand of {function_name(of)}, 0 to {len(names) - 1}, not "
            f"{told(by)}."
        )
    points = list(_points(of, by, domains))
    if not points:
        raise ValueError(f"{function_name(of)} has no number anywhere in {domains} to compare.")
    given: list[float] = []
    for point, _ in points:
        at = f"At {', '.join(f'{n} = {x:g}' for n, x in zip(names, point))}"
        try:
            result = answer(*point)
            if _is_open(result):
                return Verdict(False, OPEN)
        except Exception as fault:  # whatever the reader's function raises is said
            problem = f"{at} it raises {type(fault).__name__}: {clipped(str(fault))}"
            return _wrong(name, problem if problem.endswith(".") else f"{problem}.")
        try:
            given.append(_plain(result))
        except (TypeError, ValueError, OverflowError):
            return _wrong(name, f"{at} it gives {describe(result)}, which is no number.")
    rights = [right for _, right in points]
    if _same(given, rights):
        return _right(name)
    for suspects, sentence in _of_functions(of, by, points):
        if _same(given, suspects):
            return _wrong(name, sentence)
    return _wrong(name, _difference(names, points, given))


def _operands(of: Callable[..., Any]) -> tuple[list[str], list[tuple[float, float]]]:
    """The names of the operands of a function, and where each is tried."""
    if isinstance(of, Operation) and of.arity > 0:
        names = list(of.operand_names())
        return names or [f"operand {i}" for i in range(of.arity)], list(of.domain)
    try:
        found = list(signature(of).parameters.values())
    except ValueError:
        found = []
    by_place = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in found if p.kind in by_place and p.default is Parameter.empty]
    if isinstance(of, Operation) or not names:
        raise ValueError(
            f"{function_name(of)} does not say how many numbers it takes. Give check a function "
            "that does: lambda a, b: ..."
        )
    return names, [(-3.0, 3.0)] * len(names)


def _points(
    of: Callable[..., Any], by: int | None, domains: Sequence[tuple[float, float]]
) -> Iterator[tuple[tuple[float, ...], float]]:
    """Points, and what is right there, where that is a number."""
    chance = random.Random(0)
    for _ in range(40):
        point = tuple(round(chance.uniform(*domain), 2) for domain in domains)
        try:
            right = _plain(of(*point)) if by is None else _slope(of, point, by)
        except (ArithmeticError, ValueError):  # outside its domain
            continue
        if math.isfinite(right):
            yield point, right


def _slope(of: Callable[..., Any], point: Sequence[float], by: int) -> float:
    xs = [Value(x) for x in point]
    y = of(*xs)
    if not isinstance(y, Value):
        raise TypeError(
            f"{function_name(of)} gives no Value, so it cannot be differentiated. Write it with "
            "operators and the functions of glassgrad."
        )
    slope: float = grad(y, xs[by])
    return slope


def _plain(result: Any) -> float:
    return result.data if isinstance(result, Value) else _number(result, "A result")


def _same(given: Sequence[float], right: Sequence[float]) -> bool:
    return len(given) == len(right) and all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) for a, b in zip(given, right)
    )


def _of_functions(
    of: Callable[..., Any], by: int | None, points: Sequence[tuple[tuple[float, ...], float]]
) -> Iterator[tuple[list[float], str]]:
    """What usual mistakes give at the points, and what to say."""
    rights = [right for _, right in points]
    yield [-right for right in rights], "The size is right, the sign is not."
    if by is not None:
        values = [_plain(of(*point)) for point, _ in points]
        yield values, f"That is {function_name(of)} itself, not its derivative."
        for i in range(len(points[0][0])):
            others = [_slope(of, point, i) for point, _ in points]
            yield others, "That is the derivative by another operand."
        if isinstance(of, Operation) and of.arity == 1 and callable(rule := of.textbook[0]):
            yield (
                [float(rule(x, x)) for (x,), _ in points],
                "The derivative is written with the output of the function; you put in its input.",
            )
    if all(rights):
        yield [1.0 / right for right in rights], "That is upside down."


def _difference(
    names: Sequence[str],
    points: Sequence[tuple[tuple[float, ...], float]],
    given: Sequence[float],
) -> str:
    """Where two functions differ and in which direction, without the right number."""
    rights = [right for _, right in points]
    gaps = [a - b for a, b in zip(given, rights)]
    if _same(gaps, [gaps[0]] * len(gaps)):
        return f"It gives too {'much' if gaps[0] > 0 else 'little'}, everywhere by as much."
    if all(rights) and _same(
        ratios := [a / b for a, b in zip(given, rights)], ratios[:1] * len(ratios)
    ):
        return "It is wrong by the same factor everywhere."
    for (point, right), a in zip(points, given):
        if not _same([a], [right]) and not any(math.isclose(abs(x), abs(right)) for x in point):
            at = ", ".join(f"{n} = {x:g}" for n, x in zip(names, point))
            direction = "no number" if a != a else "too much" if a > right else "too little"
            return f"At {at} it gives {direction}."
    return "It gives another number in places."


# Puzzles.


class Puzzle:
    """The numbers of one engine, right or wrong, which does not say its name; see `puzzle`.

    Attributes:
        names: the engines that it may be. Each gives other numbers on this graph.

    >>> from glassgrad import Value, puzzle
    >>> x = Value(3.0, label="x")
    >>> a = x * x
    >>> puzzle(a * x + a, seed=2).names
    ('right', '= instead of +=', 'inner nodes never zeroed', 'leaves not zeroed')
    """

    def __init__(self, y: Value, seed: int | None = None) -> None:
        steps = backprop(y)
        self._diagram = steps.diagram
        engines = {"right": steps.gradients}
        engines.update((m.name, dict(m.gradients)) for m in steps.mistakes())
        shown = {name: self._shown(gradients) for name, gradients in engines.items()}
        self._gradients = {
            name: gradients
            for name, gradients in engines.items()
            if name == "right" or list(shown.values()).count(shown[name]) == 1
        }
        self.names = tuple(self._gradients)
        if len(self.names) == 1:
            raise ValueError(
                "No wrong engine can be told from the right one and from the others on this graph. "
                "Use a node twice, as in b = a * a; c = b * a + b."
            )
        self._secret = random.Random(seed).choice(self.names)
        gradients = self._gradients[self._secret]
        self._drawing = picture_of(self._diagram, gradients, MAX_NODES)

    @staticmethod
    def _shown(gradients: Mapping[int, float]) -> dict[int, str]:
        return {index: short(gradient) for index, gradient in sorted(gradients.items())}

    def __repr__(self) -> str:
        return str(self._drawing)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return self._drawing._repr_mimebundle_(**options)

    def check(self, name: str) -> Verdict:
        """Whether it is the engine of this name; if not, at which node that one differs.

        Raises:
            TypeError: the name is no text.
            ValueError: there is no such engine, or it gives the numbers of another.
        """
        if not isinstance(name, str):
            raise TypeError(f"A puzzle is answered by the name of an engine, not {describe(name)}.")
        if name not in self.names:
            raise ValueError(
                f"{told(name)} is none of the engines: {', '.join(self.names)}."
                f"{suggestion(name, self.names)}"
            )
        if name == self._secret:
            return _right(None)
        guessed, shown = (self._shown(self._gradients[each]) for each in (name, self._secret))
        at = next(i for i in sorted(shown, reverse=True) if guessed[i] != shown[i])
        node = self._diagram[at].name
        return _wrong(None, f"That engine gives another gradient at {node} than is shown.")


def puzzle(y: Value, seed: int | None = None) -> Puzzle:
    """The gradients that one engine gives for a graph, right or wrong: which is it?

    Args:
        y: the Value to differentiate; a graph that uses a node twice tells more engines apart.
        seed: the same seed gives the same puzzle; without one it is drawn by chance.

    Raises:
        TypeError: `y` is not a Value.
        ValueError: no wrong engine can be told from the right one on this graph.

    >>> from glassgrad import Value, check, puzzle
    >>> x = Value(3.0, label="x")
    >>> a = x * x
    >>> numbers = puzzle(a * x + a, seed=3)
    >>> numbers
    node  computed as  value  gradient
    x                  3      9
    v1    x * x        9      3
    v2    v1 * x       27     1
    v3    v2 + v1      36     1
    >>> check("right", numbers)
    Not yet. That engine gives another gradient at v1 than is shown.
    """
    return Puzzle(y, seed)
