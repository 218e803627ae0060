"""Everything public is described, typed and shown in an example that runs.

Each test looks at all of it and names every offender.
"""

import builtins
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import glassgrad
from glassgrad import engine, nn, viz

PACKAGES = [engine, nn, viz]
NEEDS = {
    "glassgrad.viz.plots": "matplotlib",
    "glassgrad.nn.torch": "torch",
    "glassgrad.nn.sklearn": "sklearn",
}
"""What the examples of a module need."""


def modules() -> Iterator[str]:
    yield glassgrad.__name__
    for package in PACKAGES:
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            yield found.name


def public_things() -> Iterator[tuple[str, object]]:
    """The functions and classes of the packages, as their users name them."""
    for package in PACKAGES:
        for name, thing in vars(package).items():
            home = getattr(thing, "__module__", None) or ""
            ours = home.startswith(f"{package.__name__}.")
            if not name.startswith("_") and ours and callable(thing):
                if inspect.isclass(thing) or inspect.isfunction(thing):
                    yield f"{package.__name__}.{name}", thing


def members(cls: type) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class defines itself."""
    for name, member in vars(cls).items():
        if not name.startswith("_"):
            plain = getattr(member, "__func__", member)  # of a class method or static method
            if isinstance(plain, property) or inspect.isfunction(plain):
                yield name, plain


def functions() -> Iterator[tuple[str, object]]:
    """Every public function, method and constructor."""
    for title, thing in public_things():
        if inspect.isfunction(thing):
            yield title, inspect.unwrap(thing)
            continue
        if "__init__" in vars(thing):
            yield f"{title}.__init__", vars(thing)["__init__"]
        for name, member in members(thing):
            yield f"{title}.{name}", member.fget if isinstance(member, property) else member


def has_example(thing: object) -> bool:
    found = doctest.DocTestFinder(recurse=True).find(thing, "thing")
    return any(test.examples for test in found)


def is_error(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, BaseException)


def faults_of(name: str) -> list[str]:
    """What is wrong with the docstring of a module and the examples in it."""
    module = importlib.import_module(name)
    said = [] if (module.__doc__ or "").strip() else [f"{name} has no docstring\n"]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module, name):
        runner.run(test, out=said.append)
    return said


def test_the_examples_of_all_modules_run() -> None:
    said = [fault for name in modules() if name not in NEEDS for fault in faults_of(name)]
    assert not said, "".join(said)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(what)) for name, what in NEEDS.items()]
)
def test_the_examples_of_a_module_run(name: str) -> None:
    assert not faults_of(name)


def test_a_wrong_example_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.no_grad, "__doc__", "Wrong.\n\n>>> 1 + 1\n3\n")
    assert "Expected:\n    3\nGot:\n    2" in "".join(faults_of("glassgrad.engine.context"))


def test_every_public_thing_is_described() -> None:
    found = dict(public_things())
    assert len(found) > 120
    missing = [title for title, thing in found.items() if not is_described(thing)]
    for title, thing in found.items():
        if inspect.isclass(thing):
            missing += [
                f"{title}.{name}"
                for name, _ in members(thing)
                if not inspect.getdoc(getattr(thing, name))
            ]
    assert not missing, "without a docstring:\n" + "\n".join(missing)


def is_described(thing: object) -> bool:
    own = "__doc__" in vars(thing) or inspect.isfunction(thing)
    return own and bool((thing.__doc__ or "").strip())


def test_every_public_function_is_typed() -> None:
    missing = []
    for title, function in functions():
        signature = inspect.signature(function)
        parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
        untyped = [p.name for p in parameters if p.annotation is p.empty]
        if signature.return_annotation is signature.empty:
            untyped.append("return")
        if untyped and (untyped != ["return"] or not title.endswith("__init__") or not parameters):
            missing.append(f"{title}: {', '.join(untyped)}")
    assert not missing, "without annotations:\n" + "\n".join(missing)


def test_every_public_thing_has_an_example() -> None:
    missing = [
        title for title, thing in public_things() if not is_error(thing) and not has_example(thing)
    ]
    assert not missing, "without an example:\n" + "\n".join(missing)


@pytest.mark.parametrize("package", [glassgrad, *PACKAGES], ids=lambda package: package.__name__)
def test_a_star_import_leaves_the_names_of_python_alone(package: ModuleType) -> None:
    names: dict[str, object] = {}
    exec(f"from {package.__name__} import *", names)
    del names["__builtins__"]
    assert not set(names) & set(dir(builtins))


def test_files_that_pages_and_notebooks_name_are_there() -> None:
    root = Path(__file__).resolve().parent.parent
    pages = [root / "README.md", *root.glob("docs/*.md"), *root.glob("notebooks/**/*.ipynb")]
    named = re.compile(r"\b(?:engine|nn|viz|benchmarks)/[\w/]+\.(?:py|js)\b")
    found = {(page.name, name) for page in pages for name in named.findall(page.read_text("utf-8"))}
    assert len(found) > 40
    assert [(page, name) for page, name in sorted(found) if not (root / name).exists()] == []
