"""Model files: the numbers come back to the last bit, and any other file changes nothing.

Damaged and hostile files in numbers are in `test_hostile_files.py`.
"""

import hashlib
import math
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from loading import refusal
from outputs import assert_is_sentence, bits, strict_json

from glassgrad import MLP, Layer, Module, Neuron, Value, load
from glassgrad.engine.files import sealed
from glassgrad.nn.saving import SCHEMA

NUMBERS = (0.1, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53 + 2, math.inf, -math.inf, math.nan)
NAMES = ("b", "a b", "é", "\u202e", "\x1b[31m", 'quote"', "back\\slash", "line\nbreak", "", "[{")


class Box(Module):
    """A module with parameters of any names."""

    def __init__(self, numbers: dict[str, float]) -> None:
        self.parts = {name: Value(number) for name, number in numbers.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.json"


# There and back.


THERE_AND_BACK: dict[str, tuple[Callable[[], Module], Callable[[], Module]]] = {
    "a neuron": (lambda: Neuron(2, seed=1), lambda: Neuron(2, seed=2)),
    "a network": (lambda: MLP(2, [3, 1], seed=1), lambda: MLP(2, [3, 1], seed=2)),
    "every number": (
        lambda: Box({str(i): x for i, x in enumerate(NUMBERS)}),
        lambda: Box({str(i): 1.0 for i in range(len(NUMBERS))}),
    ),
    "any text as a name": (
        lambda: Box(dict.fromkeys(NAMES, 0.5)), lambda: Box(dict.fromkeys(NAMES, 1.0)),
    ),
    "no parameters": (lambda: Box({}), lambda: Box({})),
}  # fmt: skip


@pytest.mark.parametrize("name", THERE_AND_BACK)
def test_a_model_goes_through_a_file_and_back_to_the_last_bit(name: str, path: Path) -> None:
    """An optimizer, or a graph, that holds the parameters goes on with them."""
    model, other = (make() for make in THERE_AND_BACK[name])
    before = other.parameters()
    assert model.save(path) == path
    other.load(path)
    assert bits(other) == bits(model)
    assert all(new is old for new, old in zip(other.parameters(), before, strict=True))


def test_half_of_a_character_may_not(path: Path) -> None:
    with pytest.raises(ValueError, match=r'half of a surrogate pair is in its name: "\\ud800"\.'):
        Box({"\ud800": 1.0}).save(path)
    assert not path.exists()


def test_the_file_is_for_people_and_for_programs(path: Path) -> None:
    model = Neuron(1)
    model.load_state_dict({"w.0": 0.25, "b": math.nan})
    text = model.save(path).read_text("utf-8")
    lines = text.splitlines()
    assert lines[-6:-2] == [' "parameters": {', '  "w.0": 0.25,', '  "b": "nan"', " },"]
    before, digest = text[: -len(lines[-2]) - 3], lines[-2].removeprefix(' "digest": ').strip('"')
    assert digest == hashlib.sha256(f'{before} "digest": "'.encode()).hexdigest()
    assert strict_json(text) == {
        "schema": SCHEMA,
        "module": [repr(model)],
        "build": {"class": "Neuron", "arguments": {"nin": 1, "activation": "tanh"}},
        "parameters": {"w.0": 0.25, "b": "nan"},
        "digest": digest,
    }


# Writing.


def test_an_interruption_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Neuron(2, seed=1).save(path).read_bytes()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Neuron(2, seed=2).save(path)
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == [path.name]


def test_what_cannot_be_saved_leaves_the_old_file(path: Path) -> None:
    old = Neuron(2).save(path).read_bytes()
    with pytest.raises(ValueError, match="Two parameters"):
        Box({1: 1.0, "1": 2.0}).save(path)  # type: ignore[dict-item]
    assert path.read_bytes() == old


def test_a_file_cannot_be_written_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        Neuron(2).save(tmp_path / "nowhere" / "model.json")


# Reading.


def test_a_truncated_file_wherever_it_ends(path: Path) -> None:
    content = Box({"é": 0.5, "b": math.inf}).save(path).read_bytes().rstrip()
    model = Box({"é": 1.0, "b": 2.0})
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert re.search("cut off, damaged or no model file|no text in UTF-8", refusal(model, path))


def test_a_file_of_another_shape_says_what_is_missing_and_unknown(path: Path) -> None:
    Neuron(3).save(path)
    said = refusal(Neuron(2), path)
    assert said.startswith("model.json does not fit: Neuron(2, tanh, 3 parameters) cannot take")
    assert said.endswith("unknown: w.2.")
    Layer(2, 2).save(path)
    assert "missing: w.0, w.1, b; unknown: neurons.0.w.0" in refusal(Neuron(2), path)


BAD = {
    "no schema": ('{"w.0": 1.0, "b": 2.0}', "its schema is None, and not glassgrad-model/3"),
    "another schema": (
        '{"schema": "glassgrad-graph/1"}',
        "its schema is 'glassgrad-graph/1', and not",
    ),
    "no text as a schema": ('{"schema": [2]}', "its schema is [2]"),
    "a later version": (
        '{"schema": "glassgrad-model/9", "more": 1}',
        "no model file that this version reads: its schema is 'glassgrad-model/9', and not "
        "glassgrad-model/3. Update glassgrad.",
    ),
    "no digest": (
        '{"schema": "glassgrad-model/3", "parameters": {"w.0": 1, "b": 2}}',
        "its digest is not that of what it says. Take a copy of the model file,",
    ),
    "a field": (sealed({"schema": SCHEMA, "more": 1}), 'has a field "more"'),
    "no digest of an older one": (
        '{"schema": "glassgrad-model/2", "digest": "0", "parameters": {"w.0": 1, "b": 2}}',
        "its digest is not that of what it says.",
    ),
    "no parameters": (sealed({"schema": SCHEMA}), 'it lacks "parameters"'),
    "twice": ('{"w.0": 1, "w.0": 2}', 'has "w.0" twice'),
    "NaN": ('{"w.0": NaN}', "has NaN, which is not JSON"),
    "too large": ('{"w.0": -1e400}', "no float near it: -1e400"),
    "huge": ('{"w.0": %s}' % ("9" * 100_000), "no float near it: 9999"),
    "deep": ("[" * 100_000, "inside one another"),
    "deep and closed": ("[" * 100_000 + "]" * 100_000, "inside one another"),
    "no JSON": ('{"w.0": 1,\n}', "no JSON at line "),
    "a mark": ("\ufeff{}", "no JSON at line 1, column 1"),
    "null": (
        sealed({"schema": SCHEMA, "parameters": {"w.0": None}}),
        'its parameters["w.0"] is null, and not a number',
    ),
    "true": (
        sealed({"schema": SCHEMA, "parameters": {"w.0": True}}),
        'its parameters["w.0"] is true, and not a number',
    ),
    "a long name": (
        sealed({"schema": SCHEMA, "parameters": {"\x7f" * 5000: []}}),
        r'its parameters["\u007f',
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_file_is_said(text: str | bytes, message: str, path: Path) -> None:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    assert message in refusal(Neuron(1), path)


def test_a_deep_file_is_harmless_whatever_the_recursion_limit(run_python: Callable) -> None:
    """Without a bound of its own the reader of JSON would leave the stack and end the process."""
    program = """
import sys, tempfile, pathlib
from glassgrad import Neuron
sys.setrecursionlimit(10**8)
path = pathlib.Path(tempfile.mkdtemp()) / "deep.json"
path.write_bytes(b"[" * 10**6)
try:
    Neuron(1).load(path)
except ValueError as error:
    print(error)
path.unlink(), path.parent.rmdir()
"""
    assert "inside one another" in run_python(program)


class Trap:
    """Unpickling it leaves a trace."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, (str(self.folder),)

    def __init__(self, folder: Path) -> None:
        self.folder = folder


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_not_run(protocol: int, path: Path) -> None:
    trace = path.parent / "trace"
    path.write_bytes(pickle.dumps(Trap(trace), protocol))
    assert "no model file" in refusal(Neuron(1), path)
    assert not trace.exists()


@pytest.mark.system("POSIX")
def test_a_hostile_name_of_a_file_is_shown_harmlessly(tmp_path: Path) -> None:
    path = tmp_path / ("\x1b[31m\u202e" + "n" * 100)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no model file") as caught:
        Neuron(1).load(path)
    assert_is_sentence(str(caught.value))


def test_no_file_is_an_error_of_the_system(path: Path) -> None:
    model = Neuron(1)
    before = bits(model)
    for call in (model.load, load):
        with pytest.raises(FileNotFoundError, match="No such file"):
            call(path)
        with pytest.raises(IsADirectoryError, match="not a plain file"):
            call(path.parent)
        with pytest.raises(OSError, match="no file can have this name"):
            call("model\0.json")
    assert bits(model) == before


@pytest.mark.system("POSIX")
def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a plain file"):
        Neuron(1).load(path)
