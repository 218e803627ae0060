"""The rooms of the house: who imports whom, and what from outside. Each names all offenders."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

import glassgrad
from glassgrad import engine, nn, viz

FOLDERS = {package.__name__: Path(package.__file__).parent for package in (engine, nn, viz)}
ROOT = Path(glassgrad.__file__).parent

ALLOWED = {
    "glassgrad": {"glassgrad"},
    "glassgrad.engine": {"glassgrad.engine", "numpy"},
    "glassgrad.nn": {"glassgrad.nn", "glassgrad.engine", "numpy"},
    "glassgrad.viz": {"glassgrad.viz", "glassgrad.engine", "graphviz"},
}
"""What a room may import at once: the rooms themselves, and packages."""
ALLOWED_LATER = {
    "glassgrad": set(),
    "glassgrad.engine": set(),
    "glassgrad.nn": {"tqdm", "matplotlib", "sklearn", "torch"},
    "glassgrad.viz": {"pygraphviz", "matplotlib", "numpy", "anywidget", "traitlets"},
}
"""What else its functions may import when they are called."""
LOADED_ON_DEMAND = {"glassgrad.nn.sklearn": {"sklearn"}}
"""Modules that are imported inside functions, and so may import at once what these need."""
FOR_TYPES = {"typing_extensions"}


class Import(NamedTuple):
    """One import: of what, by its full name, and when it is carried out."""

    module: str
    when: str  # "at once", "later" in a function, or "for types" by a type checker only


def files() -> dict[str, Path]:
    """All files of the library by the names of their modules; a package is its `__init__`."""
    found = {"glassgrad": ROOT / "__init__.py", "glassgrad.__main__": ROOT / "__main__.py"}
    for room, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((room, *(part for part in parts if part != "__init__")))] = path
    return found


FILES = files()


def imports(path: Path) -> Iterator[Import]:
    """Everything that a file imports, wherever in it, also by `import_module`."""
    left: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text(encoding="utf-8")), "at once")]
    while left:
        node, when = left.pop()
        yield from (Import(module, when) for module in imported_by(node))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            is_negated = isinstance(node.test, ast.UnaryOp)
            typed, others = (node.orelse, node.body) if is_negated else (node.body, node.orelse)
            left += [(child, "for types") for child in typed]
            left += [(child, when) for child in others]
            continue
        if when == "at once" and isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        ):
            when = "later"
        left += [(child, when) for child in ast.iter_child_nodes(node)]


def imported_by(node: ast.AST) -> Iterator[str]:
    """What one node of a syntax tree imports itself."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{ast.unparse(node)}: imports are absolute here"
        inside = {f"{node.module}.{alias.name}" for alias in node.names}
        yield from inside & FILES.keys()
        if inside - FILES.keys():
            yield str(node.module)
    elif isinstance(node, ast.Call) and "import_module" in (
        getattr(node.func, "id", ""),
        getattr(node.func, "attr", ""),
    ):
        yield from named_by(node.args[0])


def named_by(name: ast.expr) -> list[str]:
    """The modules that a text may name; one put together may name all that begin as it does."""
    if isinstance(name, ast.Constant):
        return [name.value]
    assert isinstance(name, ast.JoinedStr), f"what does import_module({ast.unparse(name)}) import?"
    start = ast.literal_eval(name.values[0]) if isinstance(name.values[0], ast.Constant) else ""
    return [each for each in FILES if each.startswith(start) and "." not in each[len(start) :]]


@cache
def needed() -> dict[str, set[Import]]:
    return {name: set(imports(path)) for name, path in FILES.items()}


def room_of(module: str) -> str:
    """The room that a module is in, or the package that it is."""
    first, *rest = module.split(".")
    inside = first == "glassgrad" and rest and rest[0] != "__main__"
    return ".".join((first, rest[0])) if inside else first


def test_a_room_imports_only_what_it_may() -> None:
    offenders = []
    for name, found in needed().items():
        room = room_of(name)
        for module, when in found:
            allowed = ALLOWED[room] | LOADED_ON_DEMAND.get(name, set())
            if when != "at once":
                allowed = allowed | ALLOWED_LATER[room]
            if when == "for types":
                allowed = allowed | FOR_TYPES
            package = room_of(module)
            front = room == "glassgrad" and package in FOLDERS
            if package not in allowed | sys.stdlib_module_names and not front:
                offenders.append(f"{name} imports {module} {when}")
    assert not offenders, "\n".join(offenders)


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """The groups of modules in which each leads to each."""
    reached = {start: set(arrows[start]) for start in arrows}
    for middle in arrows:  # Warshall's algorithm
        for ends in reached.values():
            if middle in ends:
                ends.update(reached[middle])
    groups = {
        frozenset(other for other in ends if start in reached[other])
        for start, ends in reached.items()
        if start in ends
    }
    return sorted(map(set, groups), key=sorted)


def test_no_imports_in_a_circle() -> None:
    """Also none through functions, `import_module`, or what only a type checker imports."""
    arrows = {
        name: {each.module for each in found if each.module != name} & FILES.keys()
        for name, found in needed().items()
    }
    assert circles(arrows) == []


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from glassgrad.engine import value", Import("glassgrad.engine.value", "at once")),
        ("def f():\n  import glassgrad.nn", Import("glassgrad.nn", "later")),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import glassgrad.viz",
            Import("glassgrad.viz", "for types"),
        ),
        ("import_module('glassgrad.viz.steps')", Import("glassgrad.viz.steps", "at once")),
        ("f = lambda x: import_module(f'glassgrad.{x}')", Import("glassgrad.nn", "later")),
    ],
)
def test_every_kind_of_import_is_seen(code: str, expected: Import, tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text(code)
    assert expected in set(imports(path))


LOADED = """
import sys
import {package}
print(*sorted(sys.modules))
"""
HEAVY = {"graphviz", "pygraphviz", "matplotlib", "torch", "tqdm", "IPython", "hypothesis", "mpmath"}
HEAVY |= {"sklearn", "scipy"}


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("glassgrad", HEAVY | {"glassgrad.nn", "glassgrad.viz", "glassgrad.engine.compile"}),
        ("glassgrad.engine", HEAVY | {"glassgrad.nn", "glassgrad.viz"}),
        ("glassgrad.nn", HEAVY | {"glassgrad.viz"}),
        ("glassgrad.viz", HEAVY - {"graphviz"} | {"glassgrad.nn"}),
    ],
)
@pytest.mark.everywhere
def test_an_import_loads_no_more_than_it_needs(
    package: str, absent: set[str], run_python: Callable
) -> None:
    loaded = set(run_python(LOADED.format(package=package)).split())
    assert {package, "glassgrad.engine"} <= loaded
    assert not loaded & absent


NAMED = re.compile(r"`(?:[\w/]+/)?(\w+\.(?:py|js|css|json))`")


def test_every_file_that_the_code_speaks_of_is_there() -> None:
    """A module's docstring says where to go next, and that there is such a place."""
    there = {path.name for folder in FOLDERS.values() for path in folder.rglob("*.*")}
    there |= {path.name for path in Path(__file__).parent.rglob("*.py")}
    there |= {path.name for path in ROOT.glob("*.py")}
    lost = [
        f"{name} speaks of {found[0]}"
        for name, path in FILES.items()
        for found in NAMED.finditer(path.read_text(encoding="utf-8"))
        if found[1] not in there
    ]
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize("room", ["nn", "viz", "engine.compile"])
def test_the_map_of_a_room_names_all_its_files(room: str) -> None:
    init = FILES[f"glassgrad.{room}"]
    here = {path.name for path in init.parent.glob("*.py")} - {"__init__.py"}
    head = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
    elsewhere = {"__main__.py"}  # the command, which the package has
    assert set(re.findall(r"\w+\.py", head)) - elsewhere == here - elsewhere


def test_the_docstring_of_the_engine_names_what_runs_in_order() -> None:
    a, b = engine.Value(2.0), engine.Value(3.0)
    (a * b * 3).backward()  # methods are written, and the file is known, from here on
    ran = dict[str, None]()

    def look(frame: FrameType, event: str, of: object) -> None:
        code = frame.f_code
        if event == "call" and "engine" in code.co_filename and code.co_name[0] != "<":
            ran.setdefault(code.co_name)

    sys.setprofile(look)
    try:
        c = a * b * 3
        c.backward()
    finally:
        sys.setprofile(None)
    told = (engine.__doc__ or "").split("in order:", 1)[-1]
    places = [re.search(rf"\b{name}\b", told) for name in ran]
    assert None not in places, dict(zip(ran, places))
    assert [*places] == sorted(places, key=lambda found: found.start() if found else -1)
    assert len(ran) > 8


def test_the_package_is_typed() -> None:
    assert (ROOT / "py.typed").exists()
