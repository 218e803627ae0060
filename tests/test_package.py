"""The one import: what `glassgrad` has, when it loads it, and where it works.

Every way to get at it runs in a process of its own: installed, in a checkout without installing, as
an editable installation, from a source distribution, and beside a user's own files of any name.
"""

import os
import pickle
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from outputs import assert_is_sentence

import glassgrad
from glassgrad import MLP, Value, engine, nn, viz
from glassgrad.engine.misuse import HABITS

CHECKOUT = Path(__file__).parent.parent
EVERYTHING = """
import sys
from pathlib import Path
import glassgrad as gg
from glassgrad.engine import Value
from glassgrad.nn import MLP
from glassgrad.viz import draw
y = MLP(2, [1], seed=0)([1.0, 2.0])
assert isinstance(y, gg.Value) and gg.Value is Value
assert "tanh" in str(draw(y)) and len(gg.backprop(y)) > 5
assert gg.compiled(lambda x: x * x)(3.0).data == 9.0
assert "glassgrad" not in Path(y.line.file).parts[-3:], y.line  # it is the line of the user
assert not any(name in sys.modules for name in ("engine", "nn", "viz"))
print(gg.__version__, gg.engine.__name__, gg.nn.__name__, gg.viz.__name__, Path(gg.__file__).parent)
"""
ROOMS = "glassgrad.engine glassgrad.nn glassgrad.viz"


# What it has.


def test_it_has_every_name_of_its_rooms_and_no_other() -> None:
    rooms = [set(room.__all__) for room in (engine, nn, viz)]
    assert len(set().union(*rooms)) == sum(map(len, rooms)), "a name stands for two things"
    assert glassgrad.__all__ == sorted(set().union(*rooms))


def test_every_name_is_that_of_its_room() -> None:
    for room in (engine, nn, viz):
        for name in room.__all__:
            assert getattr(glassgrad, name) is getattr(room, name)


def test_what_python_calls_the_same_is_there_too() -> None:
    assert glassgrad.sum is engine.sum
    assert glassgrad.max is engine.max
    assert not {"sum", "max", "min", "abs", "pow"} & set(glassgrad.__all__)


def test_all_names_are_listed() -> None:
    listed = dir(glassgrad)
    assert {*glassgrad.__all__, "sum", "engine", "nn", "viz", "__version__"} <= set(listed)
    assert ("NetworkClassifier" in listed) == (find_spec("sklearn") is not None)
    for name in listed:
        assert getattr(glassgrad, name) is not None


@pytest.mark.everywhere
def test_help_and_completion_list_everything(run_python: Callable[..., str]) -> None:
    """They read every name that is listed, also where scikit-learn is not installed."""
    listing = "import inspect, glassgrad\nprint(dict(inspect.getmembers(glassgrad)))"
    found, _, told = run_python(f"{listing}\nprint('help:')\nhelp(glassgrad)").partition("help:")
    assert "'MLP'" in found
    assert "class MLP" in told


def test_no_name_is_that_of_a_file_or_of_python() -> None:
    listed = set(dir(glassgrad))
    modules = {name for name in listed if isinstance(getattr(glassgrad, name, 0), ModuleType)}
    assert modules == {"engine", "nn", "viz"}
    for name in ("os", "sys", "import_module", "TYPE_CHECKING", "value", "table", "types"):
        assert name not in listed
    for name in ("value", "table", "types", "builtins"):
        assert not hasattr(glassgrad, name)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("darw", " Did you mean draw?"),
        ("bakprop", " Did you mean backprop?"),
        ("Bakprop", " Did you mean Backprop?"),
        ("tahn", " Did you mean tanh?"),
        ("clamp", " Did you mean clip?"),
        ("Optimizer", " Did you mean Optimiser?"),
        ("MSELoss", " Did you mean mse?"),
        ("jacrev", " Did you mean jacobian?"),
        *((name, f" {instead}") for name, instead in HABITS["glassgrad"].items()),
    ],
)
def test_a_name_that_is_none_is_answered_with_what_was_meant(name: str, instead: str) -> None:
    said = f"glassgrad has no '{name}'.{instead}"
    assert_is_none("glassgrad", name, said)
    assert_is_sentence(said)
    assert not hasattr(glassgrad, name)


def assert_is_none(package: str, name: str, said: str) -> None:
    """Looked up and imported, the name is none, and both say so."""
    for statement, kind in (
        (f"{package}.{name}", AttributeError),
        (f"from {package} import {name}", ImportError),
    ):
        with pytest.raises(kind) as caught:
            exec(statement)
        assert str(caught.value) == said


@pytest.mark.parametrize(
    ("room", "name", "instead"),
    [
        ("nn", "Linear", HABITS["glassgrad"]["Linear"]),
        ("nn", "MSELoss", "Did you mean mse?"),
        ("nn", "SmoothL1Loss", "Did you mean huber?"),
        ("nn", "relu", "Did you mean glassgrad.relu?"),
        ("nn", "drwa", "Did you mean glassgrad.draw?"),
        ("engine", "MLP", "Did you mean glassgrad.MLP?"),
        ("engine", "Tensor", HABITS["glassgrad"]["Tensor"]),
        ("engine", "jacrev", "Did you mean jacobian?"),
        ("viz", "drwa", "Did you mean draw?"),
    ],
)
def test_a_room_answers_as_the_package_does(room: str, name: str, instead: str) -> None:
    package = f"glassgrad.{room}"
    assert_is_none(package, name, f"{package} has no '{name}'. {instead}")


def test_files_of_rooms_are_no_mistyped_names(run_python: Callable[..., str]) -> None:
    """`compile` is near to `compiled`, and a folder that is not loaded yet."""
    assert run_python("from glassgrad.engine import compile\nprint(compile.__name__)").split() == [
        "glassgrad.engine.compile"
    ]


def test_what_nobody_means_and_python_asks_for_is_not_there() -> None:
    for name in ("quaternion", "_origins", "__wrapped__"):
        assert not hasattr(glassgrad, name)
        with pytest.raises(ImportError, match=f"cannot import name '{name}' from 'glassgrad'"):
            exec(f"from glassgrad import {name}")
    from glassgrad import __main__

    assert callable(__main__.main)


def test_the_version_is_that_of_the_distribution() -> None:
    try:
        installed = version("glassgrad")
    except PackageNotFoundError:  # in a checkout that is not installed
        return
    assert glassgrad.__version__ == installed


def test_a_star_import_brings_all_names(run_python: Callable[..., str]) -> None:
    program = "from glassgrad import *\nprint(MLP(2, [1]), sum is __builtins__.sum, Value, draw)"
    printed = run_python(program)
    assert printed.startswith("MLP(2 → 1, tanh, 3 parameters) True")


def test_rooms_are_loaded_when_they_are_asked_for(run_python: Callable[..., str]) -> None:
    program = """
import sys
import glassgrad
def rooms():
    return [name for name in ("engine", "nn", "viz") if f"glassgrad.{name}" in sys.modules]
print(rooms())
glassgrad.draw
print(rooms())
from glassgrad import MLP
print(rooms())
"""
    assert run_python(program).splitlines() == [
        "['engine']",
        "['engine', 'viz']",
        "['engine', 'nn', 'viz']",
    ]


# Where it works.


def run_in(folder: Path, *arguments: str, path: str = "") -> str:
    """What Python prints that runs in a folder; `path` is where else it looks for packages."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    if path:
        environment["PYTHONPATH"] = path
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, env=environment,
        capture_output=True, encoding="utf-8", check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_files_of_the_user_may_have_the_names_of_rooms(tmp_path: Path) -> None:
    """As those of micrograd have."""
    for name in ("engine.py", "nn.py", "viz.py", "tests.py", "benchmarks.py"):
        tmp_path.joinpath(name).write_text("raise RuntimeError('this is a file of the user')\n")
    tmp_path.joinpath("main.py").write_text(EVERYTHING)
    installed = str(Path(glassgrad.__file__).parent.parent)
    assert ROOMS in run_in(tmp_path, "main.py", path=installed)


def test_it_works_in_a_checkout_without_installing() -> None:
    printed = run_in(CHECKOUT, "-c", EVERYTHING)
    assert printed.split() == [glassgrad.__version__, *ROOMS.split(), str(CHECKOUT / "glassgrad")]


def test_the_command_runs_as_a_module() -> None:
    printed = run_in(CHECKOUT, "-m", "glassgrad", "x * y", "x=2", "y=3", "--no-files")
    assert re.search(r"output +6 +1", printed)


@pytest.mark.parametrize("old", ["engine", "nn", "viz", "engine.value", "nn.modules.layers"])
def test_the_folders_of_a_checkout_are_no_second_library(old: str) -> None:
    room = old.split(".", maxsplit=1)[0]
    program = f"try:\n    import {old}\nexcept ModuleNotFoundError as error:\n    print(error)"
    expected = f"{room} is a room of glassgrad: import glassgrad.{room} instead.\n"
    assert run_in(CHECKOUT, "-c", program) == expected


def test_benchmarks_run_in_a_checkout() -> None:
    assert "--quick" in run_in(CHECKOUT, "-m", "benchmarks", "--help")


def test_pickles_name_the_package() -> None:
    model = MLP(2, [1], seed=0)
    content = pickle.dumps(model)
    assert b"glassgrad.nn" in content
    again = pickle.loads(content)
    assert again([1.0, 2.0]).data == model([1.0, 2.0]).data
    # What is installed and a checkout read each other's.
    program = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).parameters()[0].data)"
    assert Value(float(run_in_with(program, content))).data == model.parameters()[0].data


def run_in_with(program: str, content: bytes) -> str:
    """What a program prints, in a checkout, that is given a file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "content")
        path.write_bytes(content)
        return run_in(CHECKOUT, "-c", program, str(path))


# How it is distributed.


def built(kind: str, target: Path) -> Path:
    """A distribution of the checkout, as pip has it made."""
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    versions = ["editable"] if kind == "editable" else ["standard"]
    builder = SdistBuilder if kind == "sdist" else WheelBuilder
    (made,) = builder(str(CHECKOUT)).build(directory=str(target), versions=versions)
    return Path(made)


@pytest.mark.needs("hatchling")
def test_nothing_is_installed_but_the_package(tmp_path: Path) -> None:
    with zipfile.ZipFile(built("wheel", tmp_path)) as wheel:
        names = wheel.namelist()
        wheel.extractall(tmp_path / "site")
    tops = {name.split("/")[0] for name in names}
    assert tops == {"glassgrad", f"glassgrad-{glassgrad.__version__}.dist-info"}
    parts = {"glassgrad/py.typed", "glassgrad/engine/table.py", "glassgrad/viz/stage/stage.js"}
    assert parts <= {*names}
    assert str(tmp_path / "site") in run_in(tmp_path, "-c", EVERYTHING, path=str(tmp_path / "site"))


@pytest.mark.needs("hatchling")
def test_an_editable_installation_leads_to_the_checkout(tmp_path: Path) -> None:
    with zipfile.ZipFile(built("editable", tmp_path)) as wheel:
        (path,) = [name for name in wheel.namelist() if ".dist-info/" not in name]
        assert path.endswith(".pth"), "copies of files would grow stale"
        place = wheel.read(path).decode().strip()
    assert Path(place) == CHECKOUT
    assert str(CHECKOUT / "glassgrad") in run_in(tmp_path, "-c", EVERYTHING, path=place)


@pytest.mark.needs("hatchling")
def test_a_source_distribution_is_a_checkout(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / f"glassgrad-{glassgrad.__version__}"
    assert str(folder / "glassgrad") in run_in(folder, "-c", EVERYTHING)
    from hatchling.builders.wheel import WheelBuilder

    (made,) = WheelBuilder(str(folder)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(made) as wheel:
        assert "glassgrad/engine/value.py" in wheel.namelist()
