"""Saving and loading while all goes wrong: a kill, a full disk, no permission, a corrupt file.

The old file or the new one is there, whole; a model is changed as a whole, or not at all.
"""

import errno
import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loading import is_built, is_filled
from outputs import bits

from glassgrad import MLP, Dropout, Layer, LayerNorm, Module, Neuron, Sequential
from glassgrad.engine.files import write_file

POSIX = pytest.mark.system("POSIX")
TEMPORARY = ".glassgrad-"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.json"


# A kill at any moment.

KILLED = """
import os, pathlib, random, signal, time, warnings
from glassgrad import MLP, load

warnings.simplefilter("ignore", DeprecationWarning)  # of forks where numpy has threads
path = pathlib.Path({path!r})
models = [MLP(3, [8, 1], seed=seed) for seed in range(2)]
began = time.perf_counter()
whole = [model.save(path).read_bytes() for model in models]
longest = 0.01 + 5 * (time.perf_counter() - began)
generator = random.Random(0)
found = set()
for moment in range(20):
    child = os.fork()
    if child == 0:
        while True:
            for model in models:
                model.save(path)
    time.sleep(generator.uniform(0.0, longest))
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    content = path.read_bytes()
    assert content in whole, content
    found.add(whole.index(content))
    assert load(path).state_dict() == models[whole.index(content)].state_dict()
models[0].save(path)
assert path.read_bytes() == whole[0]
left = [name for name in os.listdir(path.parent) if name != path.name]
assert all(name.startswith(".glassgrad-") for name in left) and len(left) <= 20, left
print(len(found))
"""


@POSIX
@pytest.mark.slow
def test_a_process_killed_while_it_saves_leaves_a_whole_file(
    path: Path, run_python: Callable[..., str]
) -> None:
    assert int(run_python(KILLED.format(path=str(path)))) == 2, (
        "kills came after a save of either model"
    )


# A full disk.

FULL = """
import errno, os, pathlib, resource, signal
from glassgrad import MLP

path = pathlib.Path({path!r})
small, large = MLP(2, [1], seed=0), MLP(20, [40, 1], seed=1)
old = small.save(path).read_bytes()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    large.save(path)
except OSError as error:
    assert error.errno == errno.EFBIG, error
    print(error)
assert path.read_bytes() == old
assert os.listdir(path.parent) == [path.name], os.listdir(path.parent)
small.save(path)
"""


@POSIX
def test_a_file_that_does_not_fit_leaves_the_old_one(
    path: Path, run_python: Callable[..., str]
) -> None:
    said = run_python(FULL.format(path=str(path)))
    assert "too large" in said
    assert said.strip().endswith(f"'{path}'")


def failing(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, code: int) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise OSError(code, os.strerror(code), *[a for a in arguments if isinstance(a, str)][:1])

    monkeypatch.setattr(module, name, fail)


FAULTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], int]] = {
    "fsync": (lambda patch: failing(patch, os, "fsync", errno.ENOSPC), errno.ENOSPC),
    "a broken disk": (lambda patch: failing(patch, os, "fsync", errno.EIO), errno.EIO),
    "replace": (lambda patch: failing(patch, os, "replace", errno.EACCES), errno.EACCES),
    "chmod": (lambda patch: failing(patch, os, "chmod", errno.EPERM), errno.EPERM),
    "mkstemp": (
        lambda patch: failing(patch, __import__("tempfile"), "mkstemp", errno.EROFS),
        errno.EROFS,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("is_new", [False, True])
def test_what_fails_on_the_way_leaves_the_old_file(
    name: str, is_new: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Neuron(2, seed=1)
    old = None if is_new else model.save(path).read_bytes()
    before = bits(model)
    fault, code = FAULTS[name]
    with monkeypatch.context() as patch:
        fault(patch)
        with pytest.raises(OSError, match=r"model\.json") as caught:
            Neuron(2, seed=2).save(path)
    assert caught.value.errno == code
    assert str(caught.value) == f"[Errno {code}] {os.strerror(code)}: '{path}'"
    assert TEMPORARY not in str(caught.value), "the name is that of the model"
    if old is None:
        assert os.listdir(path.parent) == []
    else:
        assert os.listdir(path.parent) == [path.name]
        assert path.read_bytes() == old
    assert bits(model) == before


@pytest.mark.system("a user without all rights")
def test_a_folder_that_cannot_be_written_to_leaves_the_old_file(path: Path) -> None:
    old = Neuron(2, seed=1).save(path).read_bytes()
    path.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=r"model\.json"):
            Neuron(2, seed=2).save(path)
        assert path.read_bytes() == old
        with pytest.raises(PermissionError, match=r"other\.json"):
            Neuron(2).save(path.parent / "other.json")
    finally:
        path.parent.chmod(0o700)
    assert os.listdir(path.parent) == [path.name]


# Durability.


def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the system, in order."""
    found: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        found.append(f"file of {os.fstat(handle).st_size}")
        real_fsync(handle)

    def replace(*names: Any) -> None:
        found.append("replace")
        real_replace(*names)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    return found


@POSIX
def test_a_model_is_on_the_disk_before_it_replaces_another(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = calls(monkeypatch)
    size = Neuron(2).save(path).stat().st_size
    assert asked == [f"file of {size}", "replace"]


def test_a_drawing_need_not_be(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = calls(monkeypatch)
    write_file(path, b"content")
    assert asked == ["replace"]


# Corrupt files.


def sample() -> Module:
    return Sequential(Layer(2, 2, seed=1), "relu", Dropout(0.5), LayerNorm(2), MLP(2, [1], seed=2))


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: Neuron(1, seed=1), lambda: Unsayable(1, seed=1)])
def test_one_bit_that_changed_anywhere_is_refused(make: Callable[[], Module], path: Path) -> None:
    model = make()
    model.parameters()[0].data = math.nan  # one of the numbers that are texts
    content = model.save(path).read_bytes()
    for place, bit in itertools.product(range(len(content)), range(8)):
        path.write_bytes(flipped(content, 8 * place + bit))
        assert not is_filled(model, path)
        assert not is_built(path)
    path.write_bytes(content)
    assert is_filled(make(), path)


def test_line_ends_of_windows_are_no_damage(path: Path) -> None:
    content = sample().save(path).read_bytes()
    path.write_bytes(content.replace(b"\n", b"\r\n"))
    assert is_filled(sample(), path)
    assert is_built(path)


class Unsayable(Neuron):
    """A class of the user's own: its file has no build."""


def flipped(content: bytes, bit: int) -> bytes:
    found = bytearray(content)
    found[bit // 8] ^= 1 << bit % 8
    return bytes(found)
