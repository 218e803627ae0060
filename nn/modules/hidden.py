"""Parameters that a function uses without being a module, so that nothing finds them to train.

They may be in the names around the function, in its default arguments, in what `functools.partial`
fixed, in the object that a method belongs to, or in what a compiled function was made of.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from glassgrad.engine import Value
from glassgrad.engine.provenance import is_ours
from glassgrad.engine.value import is_parameter
from glassgrad.nn.modules.parts import Holder, walk

_CALLABLE = (FunctionType, MethodType, partial)
_OPAQUE = (Holder, Value, ModuleType, type)


def parameters_read_by(function: Callable[..., Any]) -> list[Value]:
    """The parameters that a function uses beside its argument, as far as can be seen.

    Of objects that it uses it looks at the attributes, and not at theirs.

    >>> from glassgrad import Layer
    >>> from glassgrad.nn.modules.hidden import parameters_read_by
    >>> len(parameters_read_by(lambda x, layer=Layer(2, 1): layer(x)))
    3
    """
    reader = Holder()
    vars(reader)["objects"] = found = list[Any]()
    seen: dict[int, Any] = {}  # keeps them alive, so that no id is used twice
    left: list[Any] = [function]
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, _OPAQUE):
            continue
        seen[id(thing)] = thing
        held, followed = _inside(thing)
        found += held
        left += followed
    return [part for _, part in walk(reader) if is_parameter(part)]


def _inside(thing: Any) -> tuple[list[Any], list[Any]]:
    """What something holds, and of that what may hold parameters in turn."""
    if isinstance(thing, MethodType):
        return [thing.__self__], [thing.__self__, thing.__func__]
    if isinstance(thing, partial):
        held = [thing.func, *thing.args, *thing.keywords.values()]
        return held, held
    attributes = list(getattr(thing, "__dict__", {}).values())
    if isinstance(thing, FunctionType):
        # Most models do not need it.
        from glassgrad.engine.compile.guards import objects_named_by

        around = objects_named_by(thing)
        fixed = [*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values(), *attributes]
        # Functions around it are looked into already, as far as they are of its package.
        return [*around, *fixed], [*fixed, *(x for x in around if type(x) is not FunctionType)]
    followed = [each for each in attributes if isinstance(each, _CALLABLE)]
    call = next(
        (vars(kind)["__call__"] for kind in type(thing).__mro__ if "__call__" in vars(kind)), None
    )
    if isinstance(call, FunctionType) and not is_ours(call) and call.__module__ != "functools":
        followed.append(call)
    return attributes, followed
