"""Which objects belong together, by their classes, as the modules of one network do.

An object without Values may decide what a function computes with those beside it. But a progress
bar or a random generator beside them changes in every step, and decides nothing.
"""

from __future__ import annotations

import sys

_NAMESPACES = {"types.SimpleNamespace", "argparse.Namespace"}
_PLAIN = (bool, int, float, str, type(None))


def are_kin(holder: type, part: type) -> bool:
    """Whether an object belongs to one that holds it: of one package, or with one base class.

    What only holds names, such as the arguments of a command line, belongs to any, and any to it.

    >>> import random
    >>> from engine import Value
    >>> are_kin(Value, random.Random)
    False
    """
    if is_of_python(part):
        return False
    is_namespace = not {_name(holder), _name(part)}.isdisjoint(_NAMESPACES)
    return is_namespace or _package(holder) == _package(part) or are_related(holder, part)


def are_related(first: type, second: type) -> bool:
    """Whether two classes have a base class that is not Python's own.

    >>> are_related(dict, list)
    False
    """
    return any(base in second.__mro__ for base in first.__mro__ if not is_of_python(base))


def is_of_python(kind: type) -> bool:
    """Whether a class is of the standard library; one that only holds names does not count.

    >>> import random
    >>> is_of_python(random.Random)
    True
    """
    return _name(kind) not in _NAMESPACES and _package(kind) in sys.stdlib_module_names


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _package(kind: type) -> str:
    return str(kind.__module__).split(".", maxsplit=1)[0]


def defaults_of(kind: type) -> frozenset[str]:
    """The public attributes of a class that are plain numbers, texts or flags.

    >>> class Dropout:
    ...     rate = 0.5
    >>> defaults_of(Dropout)
    frozenset({'rate'})
    """
    return frozenset(
        name
        for each in kind.__mro__
        if not is_of_python(each)
        for name, thing in vars(each).items()
        if type(thing) in _PLAIN and not name.startswith("_")
    )
