"""The checks of the hostile-input tests, tried on faults: each finds what it is there to find.

A fault is made by taking away one of the places where a label is made harmless, or one of the
rules of an answer. If a check passes all the same, it is the check that is broken.
"""

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import hostile
import pytest
import test_hostile
import test_hostile_files
import test_hostile_labels
from outputs import (
    acting,
    assert_is_sentence,
    name_in_latex,
    refused,
    strict_json,
    svg_parts,
)

from glassgrad import Module, Value, viz

UNESCAPED = SimpleNamespace(escape=str)
ONE_RUN = SimpleNamespace(findall=lambda pattern, text: [text])
JSON = viz.markup.json_inside


def check_label(label: str) -> None:
    with hostile.limited(hostile.SECONDS):
        test_hostile_labels.check([label] * 4)


@pytest.mark.system("Graphviz")
@pytest.mark.parametrize(
    ("place", "fault", "label"),
    [
        ("glassgrad.viz.dot.html", UNESCAPED, "<b>x</b>"),
        ("glassgrad.viz.dot.html", UNESCAPED, "&lt;"),
        ("glassgrad.viz.dot.re", ONE_RUN, r"\N"),
        ("glassgrad.viz.dot.visible", str, "\x1b"),
        ("glassgrad.viz.markup.html", UNESCAPED, "<b/>"),
        ("glassgrad.viz.page.html", UNESCAPED, "<b>"),
        ("glassgrad.viz.formulas.html", UNESCAPED, "<b>"),
        ("glassgrad.viz.page.html", UNESCAPED, '" onload="alert(1)'),
        (
            "glassgrad.viz.markup.json_inside",
            lambda *shown: JSON(*shown).replace("\\u0026", "&"),
            "&",
        ),
        (
            "glassgrad.viz.markup.json_inside",
            lambda *shown: JSON(*shown).replace("\\u003c", "<"),
            "</script>",
        ),
        ("glassgrad.viz.diagram.visible", str, "\x1b[31m"),
        ("glassgrad.viz.diagram.visible", str, "a\nb"),
        ("glassgrad.viz.diagram.visible", str, "\u202e"),
        ("glassgrad.viz.diagram.visible", str, "\ud800"),
        ("glassgrad.viz.diagram.visible", lambda label: label[:9], "a long label"),
        ("glassgrad.engine.printers._LATEX_SPECIAL", {}, r"\input{a}"),
        ("glassgrad.engine.printers._LATEX_SPECIAL", {}, "}"),
        ("glassgrad.engine.printers._LATEX_SPECIAL", {}, "%"),
    ],
)
def test_a_label_that_is_not_made_harmless_is_found(
    place: str, fault: object, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_label(label)
    monkeypatch.setattr(place, fault)
    with pytest.raises((AssertionError, SyntaxError, ValueError, RuntimeError)):
        check_label(label)


@pytest.mark.parametrize(
    ("place", "fault", "arguments"),
    [
        ("glassgrad.viz.expression.visible", str, ["x + \x1b[31m"]),
        ("glassgrad.__main__.clipped", lambda text, *_: text, ["x", "x=" + "one" * 1000]),
        ("glassgrad.__main__.clipped", lambda text, *_: text, ["x", "--\x1b[31m"]),
        ("glassgrad.__main__.Expression", lambda text: 1 / 0, ["x", "x=1"]),
        ("glassgrad.__main__.Expression", lambda text: time.sleep(60), ["x", "x=1"]),
    ],
)
def test_an_answer_that_is_none_is_found(
    place: str, fault: object, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, fault)
    monkeypatch.setattr(hostile, "SECONDS", 0.5)
    with (
        pytest.raises(AssertionError, match=r"The input \(corpus\): "),
        hostile.survives(arguments),
    ):
        test_hostile.check_command("--no-files", *arguments)


def half_taken(model: Module, state: dict[str, Any]) -> None:
    for name, parameter in model.named_parameters():
        parameter.data = state[name]


@pytest.mark.parametrize(
    ("place", "fault", "state"),
    [
        ("glassgrad.nn.module.named", str, {"\x1b[31m": 1}),
        ("glassgrad.nn.module.named", str, {"b" * 1000: 1}),
        ("glassgrad.nn.Module.load_state_dict", half_taken, {"w.0": 1.0, "w.1": "2", "b": 3.0}),
        (
            "glassgrad.nn.Module.load_state_dict",
            lambda *_: None,
            {"w.0": 1.0, "w.1": 2.0, "b": 3.0},
        ),
    ],
)
def test_a_state_that_is_half_taken_is_found(
    place: str, fault: object, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = test_hostile_files.MODELS[0]()
    monkeypatch.setattr(place, fault)
    with pytest.raises(AssertionError):
        test_hostile_files.check_load(model, state)


@pytest.mark.parametrize("number", [float("nan"), 0.1 + 0.2])
def test_json_that_is_not_strict_or_not_exact_is_found(
    number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = Value(number, label="x") * 2.0
    test_hostile_files.check_steps(y)
    rounded = lambda data, indent: json.dumps(data).replace("00000000000004", "")
    monkeypatch.setattr("glassgrad.viz.steps.json_text", rounded)
    with pytest.raises((AssertionError, ValueError)):
        test_hostile_files.check_steps(y)


@pytest.mark.parametrize(
    "fault",
    [
        lambda: svg_parts("<svg><!-- a --></svg>"),
        lambda: name_in_latex(r"\write18{ls}"),
        lambda: name_in_latex(r"\text{a}\text{b}"),
        lambda: name_in_latex(r"\text{a_b}"),
        lambda: strict_json('{"a": 1, "a": 2}'),
        lambda: strict_json('["\\ud800"]'),
        lambda: strict_json("[Infinity]"),
        lambda: assert_is_sentence("invalid literal for int()"),
        lambda: assert_is_sentence("\x1b."),
        lambda: refused(lambda: {}["a"], ValueError),
        lambda: refused("\ud800".encode, ValueError),
        lambda: refused(lambda: float("x"), ValueError),
    ],
)
def test_what_a_reader_should_not_find_is_refused(fault: Callable[[], object]) -> None:
    with pytest.raises((AssertionError, ValueError, KeyError)):
        fault()


def test_a_terminal_acts_on_these() -> None:
    assert acting("a\tb\x1b\x9b\u202e\u2028\ue000\ud800\U000e0001\n") == set(
        "\t\x1b\x9b\u202e\u2028\ue000\ud800\U000e0001"
    )
