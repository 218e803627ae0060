"""Labels are data: the characters that stand for them, and the names that come of them.

What a reader should see of a label is `engine.text.visible(label)`, no more and no less. That every
output keeps to it, whatever the label, is tested in `test_hostile_labels.py`.
"""

import re
import unicodedata
import xml.etree.ElementTree as ET

import hostile
import pytest
from outputs import spaced

from glassgrad import MLP, RenderingError, Value, draw, draw_dot, engine, scope
from glassgrad.engine.text import (
    clipped,
    columns,
    counted,
    describe,
    function_name,
    named,
    printing,
    short,
    some_of,
    spelled,
    told,
    visible,
    width_of,
)
from glassgrad.viz.diagram import Diagram

LABELS = hostile.corpus("labels")
ANY = pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)

draws = pytest.mark.system("Graphviz")


def square(label: str | None) -> Value:
    x = Value(2.0, label=label)
    return x * x


# The characters themselves.


@pytest.mark.parametrize("text", ["x", "w1", "θ", "名前", "a b", "<b>&", "\\N", "é", "12%", "👩‍👧"])
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.slow
def test_every_character_of_unicode_becomes_one_that_is_shown_and_valid_in_xml() -> None:
    every = visible("".join(map(chr, range(0x110000))))
    assert len(every) == 0x110000
    assert visible(every) == every
    assert not re.search("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", every)
    assert {c for c in every if unicodedata.category(c)[0] == "C"} == {"\N{ZERO WIDTH JOINER}"}


def test_foreign_things_are_short_in_messages() -> None:
    assert clipped("a" * 1000, longest=5) == "aaaaa…"
    assert [describe(x) for x in (1j, [0.5] * 100)] == ["complex 1j", "a list"]
    assert describe(OSError("a" * 100)) == "an OSError"
    assert [told(x) for x in ("left", "left" * 100)] == ["'left'", "a str"]
    assert [named(x) for x in ("w.0", 3)] == ["w.0", "3"]
    assert [some_of(xs) for xs in ("ab", "abcdefg")] == ["a, b", "a, b, c, d, e and 2 more"]
    assert [function_name(f) for f in (max, lambda x: x)] == ["max", "lambda"]
    assert [counted(n, "Value") for n in (1, 1200)] == ["1 Value", "1,200 Values"]


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("名前", 4), ("e\u0301", 1), ("", 0)])
def test_width_counts_places_of_a_terminal(text: str, width: int) -> None:
    assert width_of(text) == width


def test_columns_align_wide_characters() -> None:
    assert columns([("名", "1"), ("ab", "2")], indent="") == "名  1\nab  2"


def test_a_very_long_cell_makes_no_other_line_long() -> None:
    long, plain = columns([("x" * 10_000, "1"), ("ab", "2")]).split("\n")
    assert len(long) > 10_000
    assert len(plain) < 300


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e-7, "1e-07"),
        (0.0, "0"),
        (-0.0, "-0"),
        (123456.0, "123456"),
        (1234567.5, "1.235e+06"),
        (1e12, "1e+12"),
        (100.25, "100.25"),
        (6.8813735870195432, "6.881"),
        (0.1 + 0.2, "0.3"),
        (5.9999999999999, "6"),
        (10050.0625, "10050"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (None, "–"),
        (5e-324, "5e-324"),
    ],
)
def test_numbers_are_as_typed_or_have_four_digits_and_are_never_rounded_to_zero(
    number: float, text: str
) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (0.593269992, 9, "0.593269992"),
        (0.593269992, 2, "0.59"),
        (1 / 3, 17, "0.3333333333333333"),
        (100.25, 2, "100.25"),
        (123456.7, 2, "123457"),
    ],
)
def test_more_digits_are_shown_where_they_are_asked_for(
    number: float, digits: int, text: str
) -> None:
    assert short(number, digits) == short(number, digits=digits) == text
    with printing(digits):
        assert short(number) == text
    assert short(1 / 3) == "0.3333"


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("utf-8", "∂λ → 名 × 2 …", "∂λ → 名 × 2 …"),
        ("ascii", "∂λ → 名 × 2 …", r"dlambda -> \u540d x 2 ..."),
        ("cp1252", "∂μ/∂é × 2", "dmu/dé x 2"),
        ("latin-1", "Δ – −1 ≈ Ω·ς", "Delta - -1 ~ Omega*sigma"),
        ("ascii", "ϕ\ud800", r"\u03d5\ud800"),
    ],
)
def test_a_terminal_without_unicode_gets_signs_as_people_type_them(
    encoding: str, text: str, shown: str
) -> None:
    with printing(encoding=encoding):
        assert spelled(text) == shown


def test_rows_are_aligned_as_they_are_spelled() -> None:
    with printing(encoding="ascii"):
        assert columns([("λ → x", "1"), ("x", "2")], indent="") == "lambda -> x  1\nx            2"


# The names in a drawing.


@ANY
def test_draw_dot_gives_the_same_source(label: str) -> None:
    y = square(label)
    assert draw_dot(y).source == draw(y).dot


@draws
@ANY
def test_a_scope_drawn_as_a_box_shows_its_name(label: str) -> None:
    with scope(label):
        y = square("x")
    texts = "".join(ET.fromstring(draw(y + 1.0, max_nodes=2).svg).itertext())
    assert spaced(f"{visible(label) or ' '}Scope, 2 nodes") in spaced("".join(texts.split("\n")))


@ANY
def test_a_name_from_the_namespace_is_a_label_too(label: str) -> None:
    x = Value(2.0)
    name = visible(label) if label and not label.startswith("_") else "v1"
    assert draw(x * x, names={label: x}).diagram[0].name == name


def test_equal_labels_get_different_names() -> None:
    a, b, c = (Value(x, label=label) for x, label in ((1.0, "a\0"), (2.0, "a␀"), (3.0, "a␀_2")))
    names = [node.name for node in draw(a * b * c).diagram]
    assert len(set(names)) == len(names)


def test_thousands_of_equal_labels_get_their_names_soon() -> None:
    y = engine.sum([Value(1.0, label="w") for _ in range(10_000)])
    with hostile.survives("w"):
        names = [node.name for node in Diagram([y])]
    assert names[:3] == ["w", "w_2", "w_3"]
    assert len(set(names)) == len(names)


def test_an_error_shows_a_label_and_no_terminal_acts_on_it() -> None:
    with pytest.raises(engine.NonFiniteError) as caught, engine.trap():
        engine.log(Value(0.0, label="\x1b[31m\n" + "x" * 500))
    message = str(caught.value)
    assert "log(␛[31m␊xxx" in message
    assert message.isprintable()
    assert len(message) < 400


@draws
def test_a_picture_too_large_for_points_is_an_error_and_no_empty_file() -> None:
    with pytest.raises(RenderingError, match="may be too large for png"):
        draw(square("x" * 300_000)).content("png")


def test_the_weights_of_a_neuron_have_the_same_number() -> None:
    model = MLP(3, [2, 2], seed=0)
    names = {n.name for n in draw(sum(model([1.0, 2.0, 3.0]))).diagram if n.label}
    first = {"w0", "w1", "w2", "b"}
    last = {f"{name}_{number}" for name in ("w0", "w1", "b") for number in (3, 4)}
    assert names == first | {f"{name}_2" for name in first} | last


def test_a_label_that_one_leaf_has_stays_as_it_is() -> None:
    x = Value(1.0, label="x")
    model = MLP(1, [1, 1], seed=0)
    hidden = model.layers[0]([2.0])
    names = {n.name for n in draw(model.layers[1]([hidden]) * model.layers[1]([x])).diagram}
    assert {"x", "w0", "w0_2", "b", "b_2"} <= names
