"""Answers and what they are compared with: numbers, arrays, and functions at many points.

All are a `Question`: the right numbers, what usual mistakes make of them, and what to say where
none fits. An answer counts to the digits in which it was typed. Next: `suspects.py`, whose question
is about a graph.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from inspect import Parameter, signature
from itertools import combinations, product
from types import NoneType
from typing import Any, NamedTuple

from glassgrad.engine import NOT_COMPUTED, Operation, Value, grad
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import clipped, counted, describe, function_name, told
from glassgrad.engine.tree import is_sequence, leaves_of, listed, scalar_of, settled

Suspect = tuple[Sequence[float], str]  # the numbers that a mistake gives, and what to say of it
Gave = Callable[[Sequence[float]], bool]  # whether a mistake that gives these numbers was made
NUMBERS: tuple[tuple[Callable[[float], float], str], ...] = (
    (lambda x: -x, "The size is right, the sign is not."),
    (lambda x: 1.0 / x, "That is upside down."),
    (lambda x: 100.0 * x, "That is in per cent."),
    (lambda x: x / 100.0, "That is not in per cent."),
    (math.degrees, "That is in degrees, not in radians."),
    (math.radians, "That is in radians, not in degrees."),
)
"""What mistakes make of a number, and what to say."""
NUMBER = re.compile(r"(?<![\w.])[-−]?\d+\.?\d*(?:e[-+]?\d+)?(?!\w)")
"""A number that stands by itself in a text: not that of a name such as w1."""
LEAST_DIGITS = 2  # in so many digits a right answer agrees, unless the exercise asks for more
DIGITS_OF_MISTAKES = 3
"""Of fewer digits than these only an exact number is taken for that of a mistake."""
IN_WORDS = "no one two three four five six seven eight nine".split()
"""Counts of digits; in figures one might be the right number."""
ORDINALS = "second third fourth fifth sixth seventh eighth ninth".split()
"""Which digit, counted from the left, after the first."""
MOST_DIGITS = 9  # an answer may be rounded; of more digits than these nobody asks that they agree
DIGITS_OF_SIZE = {2: 3, 4: 6}  # how many digits numpy's short floats have, by their bytes
COMPUTED_DIGITS = 7
"""To so many those agree that a reader's function gives, whatever it rounds on the way."""


class Typed(NamedTuple):
    """An answer, and how many significant digits of it were typed."""

    number: float
    digits: int

    def agrees(self, right: float, noise: float = 0.0, least: int = LEAST_DIGITS) -> bool:
        """Whether a number, rounded to these digits, at least so many, is the answer."""
        if self.number == right or (self.number != self.number and right != right):
            return True
        distance = abs(self.number - right)
        return distance <= noise or distance <= 0.5000001 * self._unit(right, least)

    def is_from(self, number: float, noise: float = 0.0) -> bool:
        """Whether it is a number that a mistake gives: two digits would agree by chance too."""
        distance = abs(self.number - number)
        is_exact = distance <= max(noise, 1e-9 * abs(number))
        return is_exact or (self.digits >= DIGITS_OF_MISTAKES and self.agrees(number))

    def _unit(self, right: float, least: int) -> float:
        """What one more in the last digit is; 0 if no digits of the two can be alike."""
        if not (self.number and right and math.isfinite(self.number - right)):
            return 0.0
        first = min(math.floor(math.log10(abs(x))) for x in (self.number, right))
        return float(10.0 ** (first - max(least, self.digits) + 1))

    def near(self, right: float, least: int = LEAST_DIGITS) -> str:
        """What to say of an answer that is nearly right where so many digits are asked, or ""."""
        if self.digits < least and self.agrees(right, least=self.digits):
            if self.digits == 1:  # the result may round to a wrong one
                return f"One digit does not tell: {IN_WORDS[least]} digits, please."
            return f"That is near: {IN_WORDS[least]} digits, please."
        is_less = abs(self.number) < abs(right)
        is_cut_off = is_less and abs(self.number - right) < self._unit(right, least)
        if self.digits > 1 and is_cut_off:
            return "The last digit is cut off where it is to be rounded."
        return self.slip(right, least)

    def slip(self, right: float, least: int = LEAST_DIGITS) -> str:
        """What to say of an answer that is right but for its last digits, or ""."""
        typed = max(least, self.digits)
        alike = (n for n in range(2, typed) if Typed(self.number, n).agrees(right, least=n))
        known = max(alike, default=1)
        is_next = abs(self.number - right) <= 1.0000001 * self._unit(right, least)
        if self.digits == 1 or not (known > 1 or (typed == 2 and is_next)):
            return ""
        off = f"The {ORDINALS[known - 1]} digit is off"
        is_exact = right == float(f"{right:.{typed}g}")
        return f"{off}." if is_exact else f"{off}: round only at the end."


def unmasked(thing: Any, role: str) -> Any:
    """What an array of no axes holds; everything else as it is, but what is masked is no number."""
    if _is_masked(thing):
        problem = f"{role} has masked entries, which are no numbers"
        raise TypeError(f"{problem}. Leave them out, or fill them: .filled(0).")
    return scalar_of(thing)


def _is_masked(thing: Any) -> bool:
    import numpy as np

    is_nested = isinstance(thing, (list, tuple))
    return any(map(_is_masked, thing)) if is_nested else bool(np.ma.is_masked(thing))


def number(answer: Any, role: str) -> float:
    """An answer as a float, if it is a number that a person could have meant."""
    answer = unmasked(answer, role)
    if answer is NOT_COMPUTED:
        raise ValueError(
            f"{role} is a gradient that was not computed yet. Call backward() on the result first."
        )
    if type(answer).__name__.startswith("bool"):  # numpy's too
        raise TypeError(f"{role} is a number, not {describe(answer)}.")
    return real(answer, role)


def typed(answer: Any, role: str) -> Typed:
    """An answer with the digits that were typed; zeros behind the point leave no trace."""
    if is_sequence(answer := unmasked(answer, role)):
        parts = listed(answer, role) if hasattr(answer, "__len__") else []
        is_meant = len(parts) == 1 and is_real(scalar_of(parts[0]))
        instead = f": write {clipped(str(parts[0]))}, not" if is_meant else ", not"
        raise TypeError(f"{role} takes one number{instead} {told(answer)}.")
    found = number(answer, role)
    most = MOST_DIGITS
    if (size := getattr(answer, "itemsize", None)) in DIGITS_OF_SIZE:
        found, most = float(str(answer)), DIGITS_OF_SIZE[size]
    text = str(float(answer) if isinstance(answer, Fraction) else answer).lower().lstrip("+-")
    digits = text.partition("e")[0].removesuffix(".0").lstrip("0.").replace(".", "")
    return Typed(found, min(most, max(1, len(digits))))


@dataclass(frozen=True)
class Author:
    """What the author of an exercise adds to it; see `check`."""

    hint: str = ""
    mistakes: tuple[tuple[tuple[Typed, ...], str], ...] = ()
    digits: int = LEAST_DIGITS

    @staticmethod
    def of(hint: Any, mistakes: Any, digits: Any) -> Author:
        """What an author gave, checked."""
        if not isinstance(hint, str):
            raise TypeError(f"hint is a text, not {describe(hint)}.")
        if not isinstance(mistakes, (Mapping, NoneType)):
            problem = f"mistakes is a dict from wrong answers to what is said, not {told(mistakes)}"
            raise TypeError(f"{problem}. Write {{8.0: 'That is the slope.'}}.")
        if type(digits) is not int or not LEAST_DIGITS <= digits <= MOST_DIGITS:
            kind = ValueError if type(digits) is int else TypeError
            raise kind(f"digits is {LEAST_DIGITS} to {MOST_DIGITS}, not {told(digits)}.")
        found = []
        for wrong, sentence in (mistakes or {}).items():
            if not isinstance(sentence, str):
                problem = f"mistakes has {describe(sentence)} to say of {told(wrong)}"
                raise TypeError(f"{problem}. Give a sentence.")
            numbers = wrong if isinstance(wrong, tuple) else (wrong,)
            found.append((tuple(typed(x, "A key of mistakes") for x in numbers), sentence))
        return Author(hint, tuple(found), digits)

    def says(self, answers: Sequence[Typed], right: Sequence[float]) -> str:
        """What to say of an answer that was foreseen, or ""."""
        said = ""
        for wrong, sentence in self.mistakes:
            if len(wrong) != len(right):
                problem = f"mistakes has {counted(len(wrong), 'number')} for {told(sentence)}"
                raise ValueError(f"{problem}, and {len(right)} are asked for. Give as many.")
            if all(x.agrees(y, least=self.digits) for x, y in zip(wrong, right)):
                problem = f"mistakes has the right answer for {told(sentence)}"
                raise ValueError(f"{problem}. Leave it out.")
            pairs = list(zip(answers, wrong))
            if not said and all(a.is_from(x.number) or x.is_from(a.number) for a, x in pairs):
                said = sentence
        return said


NOBODY = Author()


class Question:
    """Numbers that are asked for.

    Attributes:
        places: where each stands, to begin a sentence with; "" for one alone.
        noise: how far rounding may have moved them.
        key: says which question it is if there are several hints, one for each try.
    """

    noise = 0.0
    key: int | None = None

    def __init__(
        self, right: Sequence[float], places: Sequence[str], suspects: Iterable[Suspect] = ()
    ) -> None:
        self.right, self.places, self._suspects = right, places, suspects

    def suspects(self, gave: Gave) -> Iterator[str]:
        """What to say of the mistakes that gave the answer, the likeliest first.

        Sentences are made of these alone: a large graph has a thousand mistakes.
        """
        yield from (sentence for numbers, sentence in self._suspects if gave(numbers))
        for mistake, sentence in NUMBERS:
            with suppress(ArithmeticError):
                if gave([mistake(x) for x in self.right]):
                    yield sentence

    def hint(self, tried: int) -> str:
        """What helps further, after so many tries; "" if nothing."""
        return ""

    def difference(self, answers: Sequence[Typed], least: int) -> str:
        """Where answers go wrong, and in which direction, without the right number."""
        pairs = list(zip(answers, self.right))

        def are_alike(numbers: Sequence[float]) -> bool:
            return all(math.isclose(x, numbers[0], rel_tol=1e-6, abs_tol=1e-9) for x in numbers)

        if len(pairs) > 2:
            gaps = [answer.number - right for answer, right in pairs]
            if are_alike(gaps):
                size = "large" if gaps[0] > 0.0 else "small"
                return f"It is too {size} by the same amount everywhere."
            if all(self.right) and are_alike([answer.number / right for answer, right in pairs]):
                return "It is wrong by the same factor everywhere."
        for place, (answer, right) in zip(self.places, pairs):
            if not (answer.agrees(right, self.noise, least) or shows(place, right)):
                size = "no number" if answer.number != answer.number else "too large"
                size = "too small" if answer.number < right else size
                size = "not right" if right != right else size
                near = answer.near(right, least)
                if not place:
                    return near or f"It is {size}."
                return f"At {place} it is {size}. {near}".rstrip()
        return "It is wrong in places."


def shows(text: str, right: float) -> bool:
    """Whether a text has a number in it, whatever its sign, to two digits; an index is none."""
    found = NUMBER.findall(re.sub(r"\[\d+\]", "", text))
    numbers = [float(each.replace("−", "-")) for each in found]
    return any(math.isclose(abs(x), abs(right), rel_tol=5e-3) for x in numbers)


# Numbers, arrays, nested lists.


def of_numbers(answer: Any, of: Any) -> tuple[list[Typed], Question]:
    """An answer and what it is compared with, entry by entry."""
    shape, entries = _array(of, "check of")
    answer_shape, answers = _array(answer, "check(answer)") if shape else ((), [answer])
    if not answer_shape and len(shape) == 1:
        asked = counted(len(entries), "number")
        raise ValueError(f"check(answer) takes {asked} in a list, [ , ], not {told(answer)}.")
    if shape != answer_shape:
        raise ValueError(
            f"check(answer) has the shape {answer_shape}, and {shape} is asked for. Give as many "
            "numbers, nested alike; () is one number."
        )
    given = [typed(x, "check(answer)") for x in answers]
    right = [number(x, "check of") for x in entries]
    if not right:
        raise ValueError(f"check asks for nothing, since {told(of)} is empty. Give a number.")
    indices = list(product(*map(range, shape)))
    suspects: list[Suspect] = []
    if len(shape) == 2 and shape[0] == shape[1]:
        turned = [right[j * shape[0] + i] for i, j in indices]
        suspects.append((turned, "Rows and columns have changed places."))
    places = ["".join(f"[{i}]" for i in index) for index in indices]
    if changed := changed_places(given, right):
        names = " and ".join(places[i] for i in changed)
        suspects.append(([x.number for x in given], f"The answers {names} have changed places."))
    question = Question(right, places, suspects)
    question.noise = noise_among(right)
    return given, question


def noise_among(right: Sequence[float]) -> float:
    """What rounding may have left of a number where 0 is meant, by the numbers beside it.

    Beside large ones it is no more: what is left there may be what is asked for.
    """
    largest = max((abs(x) for x in right if math.isfinite(x)), default=0.0)
    return 1e-15 * min(1.0, largest)


def changed_places(
    answers: Sequence[Typed], right: Sequence[float], least: int = LEAST_DIGITS
) -> Sequence[int]:
    """Which answers have changed places: two of them, or else all that are wrong.

    Only among right numbers that are all different, since others would agree by chance.
    """
    pairs = zip(answers, right)
    wrong = [i for i, (answer, x) in enumerate(pairs) if not answer.agrees(x, least=least)]
    if len(set(right)) < len(right):
        return ()
    for group in (*combinations(wrong, 2), wrong):
        sides = zip(sorted(answers[i] for i in group), sorted(right[i] for i in group))
        if len(group) > 1 and all(answer.agrees(x, least=least) for answer, x in sides):
            return group
    return ()


def _array(nested: Any, role: str) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested sequences, and whatever is in them."""
    import numpy as np

    if isinstance(nested, (str, bytes, Mapping, Set)):
        raise TypeError(f"{role} takes numbers in an order, not {describe(nested)}.")
    nested = settled(unmasked(nested, role))
    try:
        return np.shape(nested), leaves_of(nested)
    except ValueError:
        raise ValueError(f"{role} takes rows of equal lengths, not {describe(nested)}.") from None


# Functions.


class FunctionQuestion(Question):
    """What a function of numbers, or its derivative by one operand, gives at many points."""

    def __init__(self, of: Callable[..., Any], by: Any) -> None:
        self.of, self.by = of, by
        names, domains = _operands(of)
        if by is not None and (type(by) is not int or not 0 <= by < len(names)):
            raise ValueError(
                f"by is the place of an operand of {function_name(of)}, 0 to {len(names) - 1}, not "
                f"{told(by)}."
            )
        chance, found = random.Random(0), dict[tuple[float, ...], float]()
        for _ in range(40):
            point = tuple(round(chance.uniform(*domain), 2) for domain in domains)
            with suppress(ArithmeticError, ValueError):  # outside its domain
                if math.isfinite(right := self._at(point, by)):
                    found[point] = right
        if not found:
            problem = f"{function_name(of)} has no number anywhere in {domains} to compare."
            raise ValueError(problem)
        self.points = list(found)
        places = [", ".join(f"{n} = {x:g}" for n, x in zip(names, point)) for point in found]
        super().__init__(list(found.values()), places)
        # Terms that cancel are about as large as the function elsewhere; digits do the rest.
        self.noise = min(1e-9, 1e-14 * max(map(abs, found.values())))

    def _at(self, point: Sequence[float], by: int | None) -> float:
        if by is None:
            return plain(called(self.of, point))
        xs = [Value(x) for x in point]
        y = self.of(*xs)
        if not isinstance(y, Value):
            raise TypeError(
                f"{function_name(self.of)} gives no Value, so it cannot be differentiated. Write "
                "it with operators and the functions of glassgrad."
            )
        slope: float = grad(y, xs[by])
        return slope if math.isfinite(y.data) else math.nan  # what has no value has no slope

    def suspects(self, gave: Gave) -> Iterator[str]:
        yield from (sentence for numbers, sentence in self._slips() if gave(numbers))
        yield from super().suspects(gave)

    def _slips(self) -> Iterator[Suspect]:
        if self.by is not None:
            itself = f"That is {function_name(self.of)} itself, not its derivative."
            yield [self._at(point, None) for point in self.points], itself
            for i in range(len(self.points[0])):
                others = [self._at(point, i) for point in self.points]
                yield others, "That is the derivative by another operand."
            if isinstance(self.of, Operation) and self.of.arity == 1:
                if callable(rule := self.of.textbook[0]):
                    wrong = [float(rule(x, x)) for (x,) in self.points]
                    written = "The derivative is written with the output of the function"
                    yield wrong, f"{written}; you put in its input."


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


def plain(result: Any) -> float:
    return result.data if isinstance(result, Value) else number(result, "A result")


def called(function: Callable[..., Any], point: Sequence[float]) -> Any:
    """What a function gives at a point, also one that is written with methods of Values."""
    try:
        return function(*point)
    except (AttributeError, TypeError) as fault:
        try:
            return function(*map(Value, point))
        except Exception:
            raise fault from None
