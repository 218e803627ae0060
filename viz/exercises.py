"""Exercises that check themselves: `check(answer, of=y, by=x)`, and puzzles of wrong engines.

The right answer stands nowhere in a cell: it is computed, and no verdict shows it. A wrong number
is looked for among those that usual mistakes give, so that the verdict can say where it goes
wrong; each further try gets a further hint. Next: `answers.py`, which compares,
`suspects.py`, which knows the mistakes in a graph, and `own_engine.py`, for engines of readers.
"""

from __future__ import annotations

import html
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import EllipsisType
from typing import Any

from glassgrad.engine import Value
from glassgrad.engine.printing import short
from glassgrad.engine.text import (
    clipped,
    counted,
    describe,
    function_name,
    some_of,
    suggestion,
    told,
)
from glassgrad.engine.tree import listed
from glassgrad.viz.answers import (
    COMPUTED_DIGITS,
    LEAST_DIGITS,
    NOBODY,
    Author,
    FunctionQuestion,
    Question,
    Typed,
    called,
    changed_places,
    noise_among,
    number,
    of_numbers,
    plain,
    shows,
    typed,
    unmasked,
)
from glassgrad.viz.backprop import backprop
from glassgrad.viz.drawing import picture_of
from glassgrad.viz.suspects import GraphQuestion

_tries: dict[int | None, int] = {}
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
    (False, Not yet. That is the value of v1 = x * x. Asked for is by how much v1 changes with x.)
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
        if self is NOT_ANSWERED:
            color, sign = "#8f8f8f", "…"
        look = f"border-left:4px solid {color};padding:2px 10px;margin:4px 0"
        said = f"<span aria-hidden=true>{sign}</span> {html.escape(self.text)}"
        if self.hint:
            said += f"<details><summary>Hint</summary>{html.escape(self.hint)}</details>"
        return f'<div class="glassgrad-verdict" lang="en" style="{look}">{said}</div>'


def _wrong(text: str, hint: str = "") -> Verdict:
    return Verdict(False, f"Not yet. {text}", hint)


RIGHT = Verdict(True, "Right.")
NOT_ANSWERED = Verdict(False, "Not answered yet: put your answer where the dots stand.")
"""What is said of `...`, so that an exercise can stand in a notebook before it is answered."""


def check(
    answer: Any,
    of: Any,
    by: Any = None,
    *,
    hint: str = "",
    mistakes: Mapping[Any, str] | None = None,
    digits: int = LEAST_DIGITS,
) -> Verdict:
    """Whether an answer is right, and if not, where it goes wrong; without the right answer.

    Numbers are right when they agree to the digits that were typed, at least two. The last three
    arguments are for the author of an exercise, whose sentences are shown as they are.

    Args:
        answer: a number; as many as there are in `by` or `of`; a function if `of` is one; the name
            of an engine if `of` is a puzzle; `...` where there is none yet.
        of: the Value that is asked for; or a number, an array, nested lists or a dict of names and
            numbers, which are compared; or a function of numbers or an operation of the table; or a
            `puzzle`.
        by: if given, the derivative of `of` is asked for: by this Value of its graph, by each of
            several, a sequence or a dict of names, or, of a function, by its operand 0, 1, ...
        hint: what helps further, in place of the hints found here.
        mistakes: likely wrong answers, each with what to say then. Where numbers are asked for, a
            tuple of them, in their order.
        digits: in how many significant digits numbers are to agree.

    Raises:
        TypeError: the answer is not of the kind that is asked for, or another argument is something
            else.
        ValueError: there are more or fewer answers than questions, `by` is not in the graph of
            `of`, the answer is a gradient that was not computed, or one of `mistakes` is right.
        ChangedDataError: the graph has other numbers than when it was computed.

    >>> from glassgrad import Value, check
    >>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    >>> y = (w * x).tanh()
    >>> y.label = "y"
    >>> check(4.9e-05, of=y, by=w)
    Right.
    >>> check(2.0, of=y, by=w)
    Not yet. That is by how much v1 = w * x changes with w, the local derivative alone. By how \
much does y change with v1?
    >>> check(8.0, of=0.65, mistakes={8.0: "That is the slope; the update is η times it."})
    Not yet. That is the slope; the update is η times it.
    """
    author = Author.of(hint, mistakes, digits)
    if _is_open(answer):
        return NOT_ANSWERED
    answer, of = unmasked(answer, "check(answer)"), unmasked(of, "check of")
    if isinstance(of, Value):
        return _of_graph(answer, of, by, author)
    if isinstance(of, Puzzle) or callable(of):
        if mistakes or digits != LEAST_DIGITS:
            problem = "mistakes and digits are for numbers, not for a function or a puzzle."
            raise TypeError(f"{problem} Give a hint.")
        verdict = of.check(answer) if isinstance(of, Puzzle) else _of_function(answer, of, by)
        is_wrong = not verdict and verdict is not NOT_ANSWERED
        return replace(verdict, hint=hint) if hint and is_wrong else verdict
    if by is not None:
        raise TypeError(
            f"check differentiates a Value or a function, not {describe(of)}. Leave by=... out, or "
            "give the Value that the number was computed as."
        )
    if isinstance(of, Mapping):
        numbers = [number(x, f"check of {name}") for name, x in of.items()]
        questions = [Question([x], [""]) for x in numbers]
        for question in questions:
            question.noise = noise_among(numbers)
        return _of_several(answer, of, list(map(str, of)), questions, author)
    return _judged(*of_numbers(answer, of), author)


def _is_open(answer: Any) -> bool:
    if isinstance(answer, Mapping):
        return any(map(_is_open, answer.values()))
    return answer is ... or (isinstance(answer, (list, tuple)) and any(map(_is_open, answer)))


def _judged(answers: Sequence[Typed], question: Question, author: Author = NOBODY) -> Verdict:
    right, noise = question.right, question.noise

    def fits(numbers: Sequence[float]) -> bool:
        return all(a.agrees(x, noise, author.digits) for a, x in zip(answers, numbers))

    def gave(numbers: Sequence[float]) -> bool:
        if not all(map(math.isfinite, numbers)):
            return False
        if list(numbers) == [-x for x in right]:  # as near as a right answer
            return fits(numbers)
        return all(a.is_from(x, noise) for a, x in zip(answers, numbers))

    foreseen = author.says(answers, right)
    key = question.key
    if fits(right):
        _tries.pop(key, None)
        return RIGHT
    tried = _tries[key] = _tries.get(key, -1) + 1
    hint = author.hint or question.hint(tried)
    if foreseen:
        return _wrong(foreseen, hint)
    is_near = all(a.agrees(x, noise) for a, x in zip(answers, right))  # too few digits are no slip
    for sentence in [] if is_near else question.suspects(gave):
        if not any(shows(sentence, x) for x in right):
            slip = answers[0].slip(right[0], author.digits) if len(answers) == 1 else ""
            return _wrong(f"{slip} If that is no slip: {sentence}" if slip else sentence, hint)
    said = question.difference(answers, author.digits)
    return _wrong(said or hint, hint if said else "")


# What is asked for: a function, one number of a graph, several.


def _of_function(answer: Any, of: Callable[..., Any], by: Any) -> Verdict:
    if not callable(answer):
        raise TypeError(
            f"check(answer) takes a function here, since it compares with "
            f"{function_name(of)}; not {describe(answer)}. Write lambda x: ..."
        )
    question, given = FunctionQuestion(of, by), []
    for point, place in zip(question.points, question.places):
        try:
            result = called(answer, point)
        except Exception as fault:  # whatever the reader's function raises is said
            problem = f"At {place} it raises {type(fault).__name__}: {clipped(str(fault))}"
            return _wrong(f"{problem.rstrip('.')}.")
        if _is_open(result):
            return NOT_ANSWERED
        try:
            given.append(Typed(plain(result), COMPUTED_DIGITS))
        except (TypeError, ValueError, OverflowError):
            return _wrong(f"At {place} it gives {describe(result)}, which is no number.")
    return _judged(given, question)


def _of_graph(answer: Any, of: Value, by: Any, author: Author) -> Verdict:
    if by is None or isinstance(by, Value):
        question = GraphQuestion(of, by, backprop(of))
        return _judged([typed(answer, "check(answer)")], question, author)
    if isinstance(by, Mapping):
        names, wanted = list(map(str, by)), list(by.values())
    else:
        wanted = listed(by, "check by", "a Value of the graph or several,")
        names = [clipped(x.label or "") if isinstance(x, Value) else "" for x in wanted]
    steps = backprop(of)
    questions = (GraphQuestion(of, value, steps) for value in wanted)
    return _of_several(answer, by, names, questions, author)


def _of_several(
    answer: Any, asked: Any, names: Sequence[str], made: Iterable[Question], author: Author
) -> Verdict:
    if not names:
        raise ValueError(f"check asks for nothing, since {told(asked)} is empty. Give a number.")
    if "" in names or len(set(names)) < len(names):
        names = [f"answer {i}" for i in range(1, len(names) + 1)]
    parts = zip(names, _answers(answer, asked, names))
    answers = [typed(part, f"check({each})") for each, part in parts]
    questions = list(made)
    foreseen = author.says(answers, [question.right[0] for question in questions])
    verdicts = {
        each: _judged([part], question, replace(author, mistakes=()))
        for each, part, question in zip(names, answers, questions)
    }
    changed = changed_places(answers, [question.right[0] for question in questions], author.digits)
    verdict = _together(verdicts, [names[i] for i in changed])
    return replace(verdict, text=f"Not yet. {foreseen}") if foreseen and not verdict else verdict


def _answers(answer: Any, asked: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(answer, Mapping) and isinstance(asked, Mapping):
        if set(answer) != set(asked):
            given = some_of(list(map(str, answer)))
            raise ValueError(
                f"The answer has the names {given}, and asked for are {some_of(names)}. Give a "
                "number for each name."
            )
        return [answer[each] for each in asked]
    wanted = f"{counted(len(names), 'number')} ({some_of(names)}),"
    answers = listed(answer, "check(answer)", wanted)
    if len(answers) != len(names):
        wanted = f"{len(names)} {'is' if len(names) == 1 else 'are'} asked for"
        given = counted(len(answers), "number")
        raise ValueError(f"The answer has {given}, and {wanted}: {some_of(names)}.")
    return answers


def _together(verdicts: dict[str, Verdict], changed: Sequence[str]) -> Verdict:
    right = [each for each, verdict in verdicts.items() if verdict]
    if len(right) == len(verdicts):
        return replace(RIGHT, parts=verdicts)
    if changed:
        said = _wrong(f"The answers for {_and(changed)} have changed places.")
        verdicts = verdicts | dict.fromkeys(changed, said)
    wrong = [each for each in verdicts if each not in right]
    judged = changed or wrong[:1]
    first = verdicts[judged[0]]
    text = f"Right: {', '.join(right)}. " if right else ""
    text += first.text if changed else f"{wrong[0]}: {first.text}"
    if others := [each for each in wrong if each not in judged]:
        between = " " if text.endswith((".", "?")) else "; "  # a formula has no full stop
        are = "is" if len(others) == 1 else "are"
        text += f"{between}{_and(others)} {are} not right yet either."
    return Verdict(False, text, first.hint, verdicts)


def _and(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


# Puzzles.


class Puzzle:
    """The numbers of one engine, right or wrong, which does not say its name; see `puzzle`.

    Attributes:
        names: the engines that it may be. Each gives other numbers on this graph.

    >>> from glassgrad import Value, puzzle
    >>> x = Value(3.0)
    >>> puzzle(x * x).names
    ('right', '= instead of +=')
    """

    def __init__(self, y: Value, seed: int | None = None) -> None:
        steps = backprop(y)
        engines = {"right": steps.gradients}
        engines.update((m.name, dict(m.gradients)) for m in steps.mistakes())
        shown = {
            name: {index: short(gradients[index]) for index in sorted(gradients, reverse=True)}
            for name, gradients in engines.items()
        }
        every = list(shown.values())
        self._shown = {n: s for n, s in shown.items() if n == "right" or every.count(s) == 1}
        self.names = tuple(self._shown)
        if len(self.names) == 1:
            raise ValueError(
                "No wrong engine can be told from the right one and from the others on this graph. "
                "Use a node twice, as in b = a * a; c = b * a + b."
            )
        self._diagram = steps.diagram
        self._secret = random.Random(seed).choice(self.names)
        self._drawing = picture_of(self._diagram, engines[self._secret])

    def __repr__(self) -> str:
        return str(self._drawing)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return self._drawing._repr_mimebundle_(**options)

    def check(self, name: str | EllipsisType) -> Verdict:
        """Whether it is the engine of this name; if not, at which node that one differs.

        Raises:
            TypeError: the name is no text.
            ValueError: there is no such engine, or it gives the numbers of another.
        """
        if name is ...:
            return NOT_ANSWERED
        if not isinstance(name, str):
            raise TypeError(f"A puzzle is answered by the name of an engine, not {describe(name)}.")
        if name not in self.names:
            raise ValueError(
                f"{told(name)} is none of the engines: {', '.join(self.names)}."
                f"{suggestion(name, self.names)}"
            )
        if name == self._secret:
            return RIGHT
        guessed, shown = self._shown[name], self._shown[self._secret]
        at = next(index for index in shown if guessed[index] != shown[index])
        node = self._diagram[at].name
        return _wrong(f"That engine gives another gradient at {node} than is shown.")


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
