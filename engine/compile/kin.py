"""Which objects belong together, by their classes, as the modules of one network do.

An object without Values may decide what a function computes with those beside it. But a progress
bar or a random generator beside them changes in every step, and decides nothing.
"""

from __future__ import annotations

import sys
from typing import Any

from glassgrad.engine.compile.plain import contents_of, is_fixed, is_plain, is_private
from glassgrad.engine.provenance import is_ours, package_of

_NAMESPACES = {"types.SimpleNamespace", "argparse.Namespace"}
_LIBRARIES = sys.stdlib_module_names | {"numpy", "torch", "jax"}


def are_kin(holder: type, part: type) -> bool:
    """Whether an object belongs to one that holds it: of one package, or with one base class.

    What only holds names, such as the arguments of a command line, belongs to any, and any to it.

    >>> import random
    >>> from glassgrad import Value
    >>> are_kin(Value, random.Random)
    False
    """
    if is_of_python(part):
        return False
    is_namespace = not {_name(holder), _name(part)}.isdisjoint(_NAMESPACES)
    return is_namespace or package_of(holder) == package_of(part) or are_related(holder, part)


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
    return _name(kind) not in _NAMESPACES and package_of(kind) in sys.stdlib_module_names


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def is_from_a_library(thing: Any) -> bool:
    """Whether a class or a function is none of the user's own.

    >>> import numpy
    >>> is_from_a_library(int), is_from_a_library(numpy.array)
    (True, True)
    """
    return is_ours(thing) or package_of(thing) in _LIBRARIES


def decides(name: Any, thing: Any) -> bool:
    """Whether something under a name may decide what is computed, without leading to Values.

    It is a number, a text, a function, or a list or array of numbers with a public name. What nn
    and compiled functions remember in an object does not; see `is_remembered`.

    >>> decides("rate", 0.5), decides("rates", [0.5]), decides("_cache", [0.5])
    (True, True, False)
    """
    if is_plain(thing) or is_fixed(thing):
        return True
    return not is_private(name) and contents_of(thing) is not None


def is_remembered(kind: type, name: Any) -> bool:
    """Whether an attribute is what nn, or a compiled method, remembers in an object.

    >>> is_remembered(dict, "_compiled_loss")
    True
    """
    if not is_private(name):
        return False
    return str(name).startswith("_compiled_") or name in getattr(kind, "_not_parts", ())


def shadowed_by(kind: type) -> frozenset[str]:
    """The names of a class that decide what it computes, which an object may have of its own.

    >>> class Dropout:
    ...     rate = 0.5
    ...     def forward(self, x):
    ...         return x * self.rate
    >>> sorted(shadowed_by(Dropout))
    ['forward', 'rate']
    """
    return frozenset(
        name
        for each in kind.__mro__
        if not is_of_python(each)
        for name, thing in vars(each).items()
        if not name.startswith("__")
        and not is_remembered(kind, name)
        and (isinstance(thing, (staticmethod, classmethod)) or decides(name, thing))
    )


def defaults_of(kind: type) -> list[str]:
    """The public attributes of a class itself that decide; of a user's class, methods too.

    >>> class Dropout:
    ...     rate = 0.5
    >>> defaults_of(Dropout)
    ['rate']
    """
    if is_of_python(kind):
        return []
    is_foreign = is_from_a_library(kind)
    return sorted(
        name
        for name, thing in vars(kind).items()
        if (not name.startswith("_") or name == "__call__")
        and (is_plain(thing) if is_foreign else decides(name, thing))
    )
