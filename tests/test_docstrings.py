"""Everything public is described, typed and shown in an example that runs."""

import builtins
import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import engine
import nn
import viz

PACKAGES = [engine, nn, viz]
NEEDS = {
    "viz.plots": "matplotlib",
    "nn.bridges.to_torch": "torch",
    "nn.bridges.from_torch": "torch",
    "nn.bridges.torch_table": "torch",
    "nn.bridges.estimators": "sklearn",
}
"""What the examples of a module need."""


def modules() -> Iterator[str]:
    for package in PACKAGES:
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not found.name.endswith("__main__"):
                yield found.name


def public_things() -> Iterator[tuple[str, object]]:
    """The functions and classes of the packages, as their users name them."""
    for package in PACKAGES:
        for name, thing in vars(package).items():
            home = getattr(thing, "__module__", None) or ""
            ours = home.split(".")[0] == package.__name__
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


@pytest.mark.parametrize("name", list(modules()))
def test_the_examples_of_a_module_run(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), "the module has no docstring"
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0, "see the captured output"


@pytest.mark.parametrize(("title", "thing"), [pytest.param(*t, id=t[0]) for t in public_things()])
def test_every_public_thing_is_described(title: str, thing: object) -> None:
    assert "__doc__" in vars(thing) or inspect.isfunction(thing)
    assert (thing.__doc__ or "").strip(), f"{title} has no docstring"
    if inspect.isclass(thing):
        missing = [name for name, _ in members(thing) if not inspect.getdoc(getattr(thing, name))]
        assert not missing, f"members of {title} without a docstring: {missing}"


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


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_star_import_leaves_the_names_of_python_alone(package: ModuleType) -> None:
    names: dict[str, object] = {}
    exec(f"from {package.__name__} import *", names)
    del names["__builtins__"]
    assert not set(names) & set(dir(builtins))
