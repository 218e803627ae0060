"""The pages of the reference: every name of glassgrad, from its docstring, by the file it is in."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc, isclass, isroutine
from pathlib import Path
from typing import Any

import glassgrad
from glassgrad.engine import Operation
from glassgrad.engine.misuse import Habit

ROOMS = ("engine", "nn", "viz")


def write(source: Path) -> None:
    """Add the names of each room to its page in the sources of the site."""
    for room in ROOMS:
        path = source / "reference" / f"{room}.md"
        path.write_text("\n".join([path.read_text("utf-8"), *page(room)]), "utf-8")


def page(room: str) -> Iterator[str]:
    homes: dict[str, list[str]] = {}
    for name in sorted({*glassgrad.__all__} & {*getattr(glassgrad, room).__all__}):
        thing = getattr(glassgrad, name)
        if not isinstance(thing, Operation):  # they are on the page of the table
            homes.setdefault(home_of(thing, name, room), []).append(name)
    for home, names in sorted(homes.items()):
        about = cleandoc(sys.modules[home].__doc__ or "").partition("\n\n")[0]
        yield from (f"## {home.rpartition('.')[2]}", "", " ".join(about.split()), "")
        yield "```{eval-rst}"
        for name in names:
            yield from entry(name, home)
        yield from ("```", "")


def home_of(thing: Any, name: str, room: str) -> str:
    """The module that says what a name is: of a class or function its own, else where it is set."""
    if isclass(thing) or isroutine(thing):
        return str(thing.__module__)
    is_set = re.compile(rf"^{name}\b.*=", re.MULTILINE)
    for home, module in sys.modules.items():
        if home.startswith(f"glassgrad.{room}.") and getattr(module, name, None) is thing:
            if is_set.search(Path(str(module.__file__)).read_text("utf-8")):
                return home
    raise LookupError(f"No file of {room} sets {name}")


def entry(name: str, home: str) -> Iterator[str]:
    thing = getattr(glassgrad, name)
    if isclass(thing):
        yield f".. autoclass:: glassgrad.{name}"
        yield from ("   :members:", "   :inherited-members: object, float, Exception, list")
    elif isroutine(thing):
        yield f".. autofunction:: glassgrad.{name}"
    else:
        yield from (f".. autodata:: {home}.{name}", "   :no-value:")
    yield ""


def bars_as_text(*event: Any) -> None:
    """In docstrings |x| is an absolute value, and not a substitution."""
    lines: list[str] = event[-1]
    is_example = False
    for place, line in enumerate(lines):
        is_example = line.lstrip().startswith(">>>") or (is_example and bool(line.strip()))
        if not is_example and "``" not in line:
            lines[place] = re.sub(r"(`[^`]*`)|\|", lambda found: found[1] or r"\|", line)


def without_habits(*event: Any) -> bool | None:
    """What a class does not have, and only says what to write instead, is no member of it."""
    return True if isinstance(event[3], Habit) else None


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", bars_as_text)
    app.connect("autodoc-skip-member", without_habits)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
