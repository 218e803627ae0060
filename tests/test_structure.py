"""The rooms of the house: who imports whom, and what from outside."""

import ast
import graphlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import engine
import nn
import viz

ROOMS = {package.__name__: Path(package.__file__).parent for package in (engine, nn, viz)}
SOURCES = sorted(path for folder in ROOMS.values() for path in folder.rglob("*.py"))

ALLOWED = {
    "engine": {"engine", "numpy"},
    "nn": {"nn", "engine", "numpy"},
    "viz": {"viz", "engine", "graphviz"},
}
ALLOWED_INSIDE_FUNCTIONS = {
    "engine": set(),
    "nn": {"tqdm", "matplotlib", "sklearn", "torch"},
    "viz": {"pygraphviz", "matplotlib", "numpy", "anywidget", "traitlets"},
}
LOADED_ON_DEMAND = {"nn.bridges.estimators": {"sklearn"}}
"""Modules that are imported inside functions, and so may import at once what these need."""


class Import(NamedTuple):
    """One import: the module by its full name, and whether it runs with the file itself."""

    module: str
    names: tuple[str, ...]
    at_import_time: bool


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(path: Path) -> Iterator[Import]:
    """What a file imports, leaving out what only a type checker sees."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    stack: list[tuple[ast.AST, bool]] = [(tree, True)]
    while stack:
        node, runs = stack.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, (), runs) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield Import(node.module, tuple(alias.name for alias in node.names), runs)
        runs = runs and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        kept = node.orelse if is_for_types_only(node) else ast.iter_child_nodes(node)
        stack.extend((child, runs) for child in kept)


def room_of(path: Path) -> str:
    return next(room for room, folder in ROOMS.items() if path.is_relative_to(folder))


def module_name(path: Path) -> str:
    room = room_of(path)
    parts = path.relative_to(ROOMS[room]).with_suffix("").parts
    return ".".join((room, *(part for part in parts if part != "__init__")))


PATHS = pytest.mark.parametrize("path", SOURCES, ids=module_name)


@PATHS
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(path)
    for found in imports(path):
        package = found.module.split(".")[0]
        allowed = set(sys.stdlib_module_names) | ALLOWED[room]
        allowed |= LOADED_ON_DEMAND.get(module_name(path), set())
        if not found.at_import_time:
            allowed |= ALLOWED_INSIDE_FUNCTIONS[room]
        assert package in allowed, f"{found.module} in {module_name(path)}"


@pytest.mark.parametrize(
    ("room", "forbidden"), [("engine", {"nn", "viz"}), ("nn", {"viz"}), ("viz", {"nn"})]
)
def test_data_flows_one_way(room: str, forbidden: set[str]) -> None:
    for path in ROOMS[room].rglob("*.py"):
        assert not {found.module.split(".")[0] for found in imports(path)} & forbidden, path


def needed_by_each() -> dict[str, set[str]]:
    """What each file imports at import time. A package name stands for its `__init__`."""
    known = {module_name(path): path for path in SOURCES}
    graph = {}
    for name, path in known.items():
        needed = set()
        for found in imports(path):
            if found.at_import_time:
                submodules = {f"{found.module}.{part}" for part in found.names} & set(known)
                needed |= submodules or ({found.module} & set(known))
        graph[name] = needed
    return graph


def folder_of(module: str) -> str:
    """The folder of a room that a file is in; of one beside the folders, itself."""
    return ".".join(module.split(".")[:2])


def test_no_imports_in_a_circle() -> None:
    graphlib.TopologicalSorter(needed_by_each()).prepare()


def test_no_folders_of_nn_in_a_circle() -> None:
    """Nor do the folders need each other, as long as no function of theirs is called."""
    graph: dict[str, set[str]] = {}
    for name, needed in needed_by_each().items():
        folders = {folder_of(module) for module in needed} - {folder_of(name)}
        if name.startswith("nn."):
            graph.setdefault(folder_of(name), set()).update(folders)
    graphlib.TopologicalSorter(graph).prepare()


def test_every_name_of_nn_is_defined_in_nn() -> None:
    sources = {
        name: found.module
        for found in imports(Path(nn.__file__))
        for name in found.names
        if found.at_import_time
    }
    assert set(nn.__all__) <= set(sources)
    assert not {name: sources[name] for name in nn.__all__ if not sources[name].startswith("nn.")}


LOADED = """
import sys
import {package}
print(*sorted({{name.split(".")[0] for name in sys.modules}}))
"""
HEAVY = {"graphviz", "pygraphviz", "matplotlib", "torch", "tqdm", "IPython", "hypothesis", "mpmath"}
HEAVY |= {"sklearn", "scipy"}


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("engine", HEAVY | {"nn", "viz"}),
        ("nn", HEAVY | {"viz"}),
        ("viz", HEAVY - {"graphviz"} | {"nn"}),
    ],
)
def test_an_import_loads_no_more_than_it_needs(
    package: str, absent: set[str], run_python: Callable
) -> None:
    loaded = set(run_python(LOADED.format(package=package)).split())
    assert package in loaded
    assert not loaded & absent


@PATHS
def test_a_file_has_one_subject(path: Path) -> None:
    """Nothing much over 300 lines; the table of operations is one table."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    longest = {"engine.table": 550, "engine.value": 480}.get(module_name(path), 350)
    assert lines <= longest


@pytest.mark.parametrize("room", ROOMS)
def test_the_packages_are_typed(room: str) -> None:
    assert (ROOMS[room] / "py.typed").exists()
