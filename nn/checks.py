"""What is asked of arguments, and the sentence for everything else.

Each check takes what was given and its role in a message, as "SGD(momentum=...)", and gives what is
kept. Where it is not of the right type it raises TypeError; where it is out of its range,
ValueError; beyond the range of floats, OverflowError. What is `Checked` asks it of its attributes,
when it is made and when they are set afterwards. `explained` says what was probably meant by an
argument that does not exist.

`place` chooses one of several by its number: a class among logits, a token among the rows of an
embedding. A plain number is an index. A Value cannot be one: inside a compiled function it stands
for the numbers of all calls. It is compared with every place instead (`misses`), so that one
recording serves all.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from math import isfinite, nan
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar, get_type_hints

import numpy as np

from glassgrad.engine import Value, compare, prod, where
from glassgrad.engine.misuse import is_real, other_signature, real, whole
from glassgrad.engine.provenance import caller_of_user
from glassgrad.engine.text import describe, function_name, told
from glassgrad.engine.tree import is_sequence

Check: TypeAlias = Callable[[Any, str], Any]
"""Takes what was given and its role in a message; gives what is kept, or raises."""


def not_none(output: Any, role: str) -> Any:
    """What a module gave, as it is handed on."""
    if output is None:
        raise TypeError(f"{role} got None: does the forward before it return what it computes?")
    return output


def one_number(number: Any, role: str) -> float:
    if not is_real(number) and is_sequence(number):
        raise TypeError(f"{role} takes one number, not {describe(number)}. Write it alone.")
    return real(number, role)


def finite(number: Any, role: str) -> float:
    found = one_number(number, role)
    if not isfinite(found):
        raise ValueError(f"{role} takes a finite number, not {found}.")
    return found


def number_that(
    wanted: str, holds: Callable[[float], bool], first: Callable[[Any, str], float] = finite
) -> Callable[[Any, str], float]:
    """A check of a number: another one first, then what holds of it, or the words for it."""

    def check(number: Any, role: str) -> float:
        found = first(number, role)
        if not holds(found):
            raise ValueError(f"{role} {wanted}, not {found}.")
        return found

    return check


not_negative = number_that("takes 0 or a positive number", lambda number: number >= 0.0)
positive = number_that("takes a positive number", lambda number: number > 0.0)
at_most_one = number_that("takes a number up to 1", lambda number: number <= 1.0, not_negative)
below_one = number_that("takes a number below 1", lambda number: number < 1.0, not_negative)
"""How much of an average stays in a step."""
proper_share = number_that(
    "takes a number above 0 and below 1", lambda x: 0.0 < x < 1.0, one_number
)
"""A share that takes something and leaves something."""


def two_below_one(pair: Any, role: str) -> tuple[float, float]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"{role} takes two numbers, such as (0.9, 0.999), not {told(pair)}.")
    return below_one(pair[0], role), below_one(pair[1], role)


def true_or_false(choice: Any, role: str) -> bool:
    if not isinstance(choice, (bool, np.bool_)):
        raise TypeError(f"{role} is True or False, not {told(choice)}.")
    return bool(choice)


def function_taking(count: int, wanted: str) -> Check:
    """A check of a function that is called with so many arguments; `wanted` says what it is."""

    def check(given: Any, role: str) -> Any:
        other = other_signature(given, count) if callable(given) else None
        if callable(given) and other is None:
            return given
        found = f"{function_name(given)}{other}" if other else describe(given)
        raise TypeError(f"{role} takes {wanted}, not {found}.")

    return check


class Checked:
    """Something with attributes of which something is asked whenever they are set."""

    _checks: ClassVar[Mapping[str, Check]] = {}
    """What is asked, by the names of the attributes."""

    def __setattr__(self, name: str, thing: Any) -> None:
        if check := self._checks.get(name):
            kind, is_known = type(self).__name__, name in vars(self)
            thing = check(thing, f"{kind}.{name}" if is_known else f"{kind}({name}=...)")
        super().__setattr__(name, thing)


def or_none(check: Check) -> Check:
    """The check, for what may be None too."""
    return lambda given, role: None if given is None else check(given, role)


# Types of options, each with what is asked of it.
Flag: TypeAlias = Annotated[bool, true_or_false]
Count: TypeAlias = Annotated[int, whole]
CountFrom0: TypeAlias = Annotated[int, functools.partial(whole, least=0)]
NotNegative: TypeAlias = Annotated[float, not_negative]
Part: TypeAlias = Annotated[float, at_most_one]
Share: TypeAlias = Annotated[float, below_one]


def declared_checks(annotated: Any) -> dict[str, Check]:
    """The parameters of a function, or the fields of a class, that are annotated with a check."""
    try:
        hints = get_type_hints(annotated, include_extras=True)
    except NameError as fault:
        raise TypeError(
            f"{annotated.__qualname__} is annotated with {fault.name}, which is no name of its "
            "module: import it there, or write the type itself."
        ) from fault
    checks = {name: getattr(hint, "__metadata__", (None,))[0] for name, hint in hints.items()}
    return {name: check for name, check in checks.items() if callable(check)}


def checked_fields(data: Any, title: str) -> dict[str, Any]:
    """The fields of a dataclass that are annotated with a check, as that gives them."""
    return {
        name: check(getattr(data, name), f"{title}({name}=...)")
        for name, check in declared_checks(type(data)).items()
    }


@contextmanager
def taking(state: Any, owner: str) -> Iterator[None]:
    """What is wrong with a state, found in the `with` block, says whose state it cannot be."""
    if not isinstance(state, Mapping):
        raise TypeError(f"A state of {owner} is a dict, not {describe(state)}.")
    try:
        yield
    except (ValueError, TypeError, OverflowError) as fault:
        why = str(fault).rstrip(".")
        raise ValueError(f"{owner} cannot take this state, and is unchanged: {why}.") from None


def warn(text: str) -> None:
    """Warn of something at the line of the user's that called into the library."""
    _, level = caller_of_user()
    warnings.warn(text, stacklevel=level)


F = TypeVar("F", bound=Callable[..., Any])

_RATE = "learning_rate | optimiser=Adam(model.parameters(), 0.1)"
_MEANT = {
    "optimizer": "optimiser",
    "lr": _RATE,
    "learning_rate": _RATE,
    "learning_rate_init": _RATE,
    "momentum": "optimiser=SGD(model.parameters(), 0.1, momentum=0.9)",
    "weight_decay": "optimiser=AdamW(model.parameters(), weight_decay=0.01)",
    "verbose": "progress",
    "max_iter": "epochs",
    "early_stopping": "patience",
    "validation_split": "validation",
    "validation_data": "validation",
    "test_size": "share",
    "random_state": "seed",
    "hidden_layer_sizes": "nouts | hidden",
    "callback": "callbacks",
    "criterion": "loss",
    "n_samples": "n",
    "factor": "ratio",
    "step_size": "every",
    "gamma": "factor",
    "T_max": "total",
    "total_iters": "steps",
    "start_factor": "start",
    "end_factor": "end",
    "eta_min": "floor",
    "nonlin": "activation='relu' or 'linear'",
    "min_lr": "min_learning_rate",
    "in_features": "nin",
    "out_features": "nout",
    "num_embeddings": "count",
    "embedding_dim": "size",
    "normalized_shape": "size",
    "p": "rate",
}
"""Arguments of other libraries, by ours, perhaps with what to give; of several, the first there is.
"""


def explained(hint: str = "") -> Callable[[F], F]:
    """A function that says what to write where it is called with arguments that it does not take.

    The hint is a sentence on how it is called, for a wrong number of arguments.
    """

    def around(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            try:
                return function(*args, **named)
            except TypeError as error:
                if getattr(error.__traceback__, "tb_next", None) is not None:  # from inside
                    raise
                said = str(error)
            # The name of the function, or of the class that is made.
            is_made = function.__name__ == "__init__"
            title = type(args[0]).__name__ if is_made else function.__name__
            known = [name for name in inspect.signature(function).parameters if name != "self"]
            for name in named:
                if name not in known:
                    meant = _MEANT.get(name, "").split(" | ")
                    there = [each for each in meant if each.split("=")[0] in known]
                    near = there or get_close_matches(name, known, n=1)
                    takes = f"It takes {', '.join(known)}. {hint}".strip()
                    remedy = f"Did you mean {near[0]}?" if near else takes
                    raise TypeError(f"{title} has no argument {name}. {remedy}")
            said = said.replace(f"{function.__qualname__}()", f"{title}()")
            raise TypeError(f"{said}. {hint}".strip())

        return call  # type: ignore[return-value]

    return around


def place(number: Any, count: int, role: str, error: type[Exception] = ValueError) -> int:
    """A plain number as an index."""
    wrong = f"{role} from 0 to {count - 1}, not {told(number)}."
    if isinstance(number, (bool, np.bool_)):
        raise TypeError(f"{wrong} Write int(y) for a bool y.")
    if not is_real(number):
        raise TypeError(f"{wrong} Give a whole number.")
    if not isfinite(number) or number != int(number) or not 0 <= number < count:
        raise error(wrong)
    return int(number)


def misses(which: Value, count: int) -> list[Value]:
    """For each place 0 if the Value is it, else 1 or -1."""
    return [compare(which, place) for place in range(count)]


def unless_all_miss(result: Any, missed: list[Value]) -> Value:
    """A result, or nan if the Value that chose was none of the places."""
    found: Value = result + where(prod(missed), nan, 0.0)
    return found
