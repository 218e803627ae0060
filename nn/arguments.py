"""Arguments that do not exist: what was probably meant, in a sentence."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MEANT = {
    "optimizer": "optimiser",
    "lr": "learning_rate",
    "verbose": "progress",
    "early_stopping": "patience",
    "validation_split": "validation",
    "validation_data": "validation",
    "test_size": "share",
    "random_state": "seed",
    "hidden_layer_sizes": "nouts",
    "callback": "callbacks",
}
"""Arguments of other libraries, by ours."""


def explained(hint: str = "") -> Callable[[F], F]:
    """A function that says what to write where it is called with arguments that it does not take.

    Args:
        hint: how it is called, as a sentence, for a wrong number of arguments.

    >>> from glassgrad.nn.arguments import explained
    >>> @explained("Write train(rate).")
    ... def train(learning_rate): ...
    >>> train(lr=0.1)
    Traceback (most recent call last):
    TypeError: train has no argument lr. Did you mean learning_rate?
    >>> train(1, 2)
    Traceback (most recent call last):
    TypeError: train() takes 1 positional argument but 2 were given. Write train(rate).
    """

    def around(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            try:
                return function(*args, **named)
            except TypeError as error:
                if getattr(error.__traceback__, "tb_next", None) is not None:  # from inside
                    raise
                text = str(error)
            title = _title(function, args)
            raise TypeError(_explanation(title, function, named, text, hint))

        return call  # type: ignore[return-value]

    return around


def _title(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """The name of the function, or of the class that is made."""
    return type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__


def _explanation(
    title: str, function: Callable[..., Any], named: Mapping[str, Any], text: str, hint: str
) -> str:
    text = text.replace(f"{function.__qualname__}()", f"{title}()")
    known = [name for name in inspect.signature(function).parameters if name != "self"]
    unknown = [name for name in named if name not in known]
    if not unknown:
        return " ".join(f"{text}. {hint}".split())
    name = unknown[0]
    meant = _MEANT.get(name)
    near = [meant] if meant in known else get_close_matches(name, known, n=1)
    remedy = f"Did you mean {near[0]}?" if near else f"It takes {', '.join(known)}."
    return f"{title} has no argument {name}. {remedy}"
