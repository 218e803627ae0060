"""What comes out of files: read strictly, and made what a type says or refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from glassgrad.engine.files import decode, json_text, parsed


@dataclass(frozen=True)
class Inner:
    name: str
    share: float | None = None


@dataclass(frozen=True)
class Outer:
    count: int
    is_done: bool
    parts: tuple[Inner, ...]
    columns: dict[str, list[float]] = field(default_factory=dict)
    by_epoch: dict[int, Inner] = field(default_factory=dict)
    anything: Any = None


WHOLE = {
    "count": 3,
    "is_done": True,
    "parts": [{"name": "a"}, {"name": "b", "share": None}, {"name": "c", "share": "nan"}],
    "columns": {"loss": [1, 0.5, "inf", "-inf"], "": []},
    "by_epoch": {"0": {"name": "d", "share": -1}},
    "anything": [{}],
}


def test_data_becomes_what_the_type_says() -> None:
    found: Outer = decode(Outer, parsed(json_text(WHOLE).encode()))
    assert (found.count, found.is_done, found.anything) == (3, True, [{}])
    assert found.parts[:2] == (Inner("a"), Inner("b"))
    assert found.parts[2].share is not None
    assert math.isnan(found.parts[2].share)
    assert found.columns == {"loss": [1.0, 0.5, math.inf, -math.inf], "": []}
    assert {type(number) for number in found.columns["loss"]} == {float}
    assert found.by_epoch == {0: Inner("d", -1.0)}


def test_a_dict_of_types_says_which_names_there_are() -> None:
    known = {"a": float, "b": list[float]}
    assert decode(known, {"b": [1, "nan"], "a": 2})["a"] == 2.0
    for data, message in (
        ({"a": 1.0}, '^it lacks "b"$'),
        ({"a": 1.0, "b": [], "c": 1}, '^it has a field "c", which is unknown here$'),
        ({"a": 1.0, "b": [None]}, r"^its b\[0\] is null, and not a number$"),
        ([], r"^it is \[\], and not an object$"),
    ):
        with pytest.raises(ValueError, match=message):
            decode(known, data)


def test_what_has_a_default_may_be_left_out() -> None:
    assert decode(Outer, {"count": 0, "is_done": False, "parts": []}) == Outer(0, False, ())


def changed(path: str, entry: Any) -> dict[str, Any]:
    data = json.loads(json.dumps(WHOLE))
    *names, last = path.split("/")
    inside = data
    for name in names:
        inside = inside[int(name) if isinstance(inside, list) else name]
    inside[int(last) if isinstance(inside, list) else last] = entry
    return data  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "entry", "message"),
    [
        ("count", 1.5, "its count is 1.5, and not a whole number"),
        ("count", True, "its count is true, and not a whole number"),
        ("is_done", 1, "its is_done is 1, and not true or false"),
        ("parts", {}, "its parts is {}, and not a list"),
        ("parts", "abc", 'its parts is "abc", and not a list'),
        ("parts/1", None, "its parts[1] is null, and not an object"),
        ("parts/1/name", 5, "its parts[1].name is 5, and not a text"),
        ("parts/0", {}, 'its parts[0] lacks "name"'),
        ("parts/0/more", 1, 'its parts[0] has a field "more", which is unknown here'),
        ("parts/0/share", "x", 'its parts[0].share is "x", and not a number'),
        ("parts/0/share", False, "its parts[0].share is false, and not a number"),
        ("parts/0/share", 10**400, "and not a number"),
        pytest.param(
            "parts/0/share", 10**5000, "its parts[0].share is an int", id="beyond all texts"
        ),
        ("columns", [], "its columns is [], and not an object"),
        ("columns/loss/1", [], 'its columns["loss"][1] is [], and not a number'),
        ("columns/loss", 1.0, 'its columns["loss"] is 1.0, and not a list'),
        ("by_epoch/-1", {"name": "e"}, 'its by_epoch has "-1" in the place of a whole number'),
        ("count", 2j, "its count is complex 2j, and not a whole number"),
    ],
)
def test_what_is_wrong_is_named(path: str, entry: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  its whole text is compared
        decode(Outer, changed(path, entry))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("data", [None, [], "x", 1.0])
def test_what_is_no_object_is_no_dataclass(data: Any) -> None:
    with pytest.raises(ValueError, match=r"^it is .*, and not an object$"):
        decode(Outer, data)


def test_whole_numbers_are_whole_and_zero_has_a_sign() -> None:
    found = parsed(b'{"a": 12345678901234567890, "b": -0, "c": 1e2}')
    assert found["a"] == 12345678901234567890
    assert math.copysign(1.0, found["b"]) == -1.0
    assert type(found["c"]) is float
