"""What a model, and `glassgrad.load`, make of a file: they take all of it, or nothing."""

import json
from pathlib import Path

import pytest
from outputs import assert_is_sentence, bits

from glassgrad import Module, load


def assert_is_refusal(error: BaseException, path: Path) -> None:
    assert type(error) is ValueError, path.read_bytes()
    assert str(error).startswith(path.name)
    assert_is_sentence(str(error))


def refusal(model: Module, path: Path) -> str:
    """What the model says to a file that it refuses; it is as it was."""
    before = bits(model)
    with pytest.raises(ValueError, match="unchanged") as caught:
        model.load(path)
    assert bits(model) == before
    assert_is_refusal(caught.value, path)
    is_built(path)
    return str(caught.value)


def is_filled(model: Module, path: Path) -> bool:
    """Whether a model takes the numbers of a file: all of them, or none and it says why."""
    before = bits(model)
    try:
        model.load(path)
    except Exception as error:
        assert_is_refusal(error, path)
        assert bits(model) == before
        return False
    assert bits(model) == written(path)
    return True


def is_built(path: Path) -> bool:
    """Whether `load` makes a model of a file: with all its numbers, or it says why not."""
    try:
        model = load(path)
    except Exception as error:
        assert_is_refusal(error, path)
        return False
    assert bits(model) == written(path)
    return True


def written(path: Path) -> dict[str, str]:
    numbers = json.loads(path.read_bytes(), parse_int=float)["parameters"]  # -0 is one of its own
    return {name: float(number).hex() for name, number in numbers.items()}
