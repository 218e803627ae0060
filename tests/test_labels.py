"""Labels are data: whatever characters they hold, they are shown and never interpreted.

Each hostile label goes through every output: DOT, SVG, HTML, JSON, text, LaTeX and the command
line. What a reader should see is `viz.text.visible(label)`, no more and no less.
"""

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files

import pygraphviz
import pytest

from engine import Value, scope
from viz import Backprop, Drawing, backprop, draw, draw_dot
from viz.command_line import main
from viz.text import columns, short, visible, width_of

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "end of script": "</script><img src=x onerror=alert(1)>",
    "script never closed": "<!--<script </script ",
    "handler": '" onmouseover="alert(1)',
    "link": "javascript:alert(1)",
    "quotes": "\"'`’",
    "tags": "{|}<b>bold</b><BR/>",
    "one angle": "<",
    "html label": "<>",
    "escapes of Graphviz": r"\N \G \E \T \H \L \l \r \n",
    "backslash": "\\",
    "backslashes": "\\\\",
    "port": "a:b:c",
    "arrow": "a -> b; c",
    "node id": ' id="node1" class="n0"',
    "newlines": "a\nb\r\nc\td",
    "nul": "\0nul\0",
    "controls": "\x01\x1b[31m\x7f\x85",
    "separators": "\u2028\u2029",
    "bidi": "\u202eabc\u2066def",
    "lone surrogates": "\ud800a\udfff",
    "noncharacters": "\ufffe\uffff\U0001ffff",
    "emoji": "😀👩‍👩‍👧🏳️‍🌈",
    "combining": "e\u0301\u0302",
    "wide": "名前",
    "right to left": "שלום",
    "cdata": "]]>",
    "end of comment": "-->",
    "comment": "<!-- a -->",
    "entities": "&amp; &#65; &lt;b&gt; &",
    "percent": "%s %d %(a)s %% {0} {a!r}",
    "tex": r"$x$ \(y\) _a^b~#&{c}",
    "spaces": "  two  spaces  ",
    "digits": "12",
    "long": "long" * 750,
    "empty": "",
}
ANY = pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE)
SVG = "{http://www.w3.org/2000/svg}"
ZERO_WIDTH_JOINER = "\u200d"  # kept, since it holds an emoji together


def square(label: str) -> Value:
    x = Value(2.0, label=label)
    return x * x


def shown(svg: str, **attributes: str) -> str:
    """The text inside the first group with these attributes, as a reader sees it."""
    ((name, value),) = attributes.items()
    groups = ET.fromstring(svg).iter(f"{SVG}g")
    group = next(g for g in groups if g.get(name.replace("_", "-")) == value)
    # Graphviz keeps spaces that SVG would merge by making them no-break spaces.
    return "".join(t.text or "" for t in group.iter(f"{SVG}text")).replace("\xa0", " ")


def expected(label: str, number: str = "2", gradient: str = "–") -> str:
    return f"{visible(label) or ' '}value {number}grad {gradient}"


# The characters themselves.


@ANY
def test_every_character_becomes_one_that_can_be_shown(label: str) -> None:
    result = visible(label)
    assert len(result) == len(label)
    assert visible(result) == result
    result.encode()  # no lone surrogate
    hidden = {c for c in result if unicodedata.category(c)[0] == "C"} - {ZERO_WIDTH_JOINER}
    assert not hidden


@pytest.mark.parametrize("text", ["x", "w1", "θ", "名前", "a b", "<b>&", "\\N", "é", "12%"])
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_every_character_of_unicode_is_valid_in_xml_once_visible() -> None:
    every = visible("".join(map(chr, range(0x110000))))
    illegal = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
    assert not illegal.search(every)


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("名前", 4), ("e\u0301", 1), ("", 0)])
def test_width_counts_places_of_a_terminal(text: str, width: int) -> None:
    assert width_of(text) == width


def test_columns_align_wide_characters() -> None:
    assert columns([("名", "1"), ("ab", "2")], indent="") == "名  1\nab  2"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e-7, "1e-07"),
        (0.0, "0"),
        (-0.0, "-0"),
        (123456.0, "1.235e+05"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (None, "–"),
        (5e-324, "4.941e-324"),
    ],
)
def test_numbers_have_four_digits_and_are_never_rounded_to_zero(number: float, text: str) -> None:
    assert short(number) == text


# Drawings.


@ANY
def test_dot_is_valid_and_holds_the_same_graph(label: str) -> None:
    graph = pygraphviz.AGraph(string=draw(square(label)).dot)
    assert sorted(graph.nodes()) == ["n0", "n1", "n1_op"]
    assert sorted(graph.edges()) == [("n0", "n1_op"), ("n0", "n1_op"), ("n1_op", "n1")]


@ANY
def test_draw_dot_gives_the_same_source(label: str) -> None:
    y = square(label)
    assert draw_dot(y).source == draw(y).dot


@ANY
def test_svg_shows_the_label_literally(label: str) -> None:
    assert shown(draw(square(label)).svg, data_n="0") == expected(label)


@ANY
def test_svg_shows_the_label_of_a_result_literally(label: str) -> None:
    y = square("x")
    y.label = label
    drawing = draw(y)
    assert shown(drawing.svg, data_n="1") == expected(label, "4")
    description = ET.fromstring(drawing.svg).find(f"{SVG}desc")
    assert description.text == f"Graph of {visible(label)} in 2 nodes."


@ANY
def test_svg_has_no_part_that_acts(label: str) -> None:
    y = square(label)
    y.label = label
    for element in ET.fromstring(draw(y, derivatives=True).svg).iter():
        assert element.tag.removeprefix(SVG) in {
            *("svg", "g", "title", "desc", "path", "polygon", "polyline", "ellipse", "text")
        }
        assert not [a for a in element.attrib if a.startswith("on") or a.endswith("href")]


@ANY
@pytest.mark.parametrize("max_nodes", [150, 2], ids=["frame", "box"])
def test_svg_shows_the_name_of_a_scope_literally(label: str, max_nodes: int) -> None:
    with scope(label):
        y = square("x")
    y = y + 1.0
    texts = ET.fromstring(draw(y, max_nodes=max_nodes).svg).iter(f"{SVG}text")
    assert (visible(label) or " ") in "".join(t.text for t in texts).replace("\xa0", " ")


@ANY
def test_a_name_from_the_namespace_is_a_label_too(label: str) -> None:
    x = Value(2.0)
    names = {label: x}
    name = visible(label) if not label.startswith("_") else "v1"
    assert draw(x * x, names=names).diagram[0].name == name


@ANY
def test_text_keeps_one_line_a_node(label: str) -> None:
    head, first, second = draw(square(label)).text().split("\n")
    assert head.split() == ["node", "computed", "as", "value", "gradient"]
    assert first.startswith(visible(label))
    assert f"{visible(label)} * {visible(label)}" in second


@ANY
@pytest.mark.parametrize("make", [draw, backprop])
def test_json_holds_the_label(label: str, make: Callable[[Value], Drawing | Backprop]) -> None:
    data = json.loads(make(square(label)).to_json())
    leaf = data["nodes"][0]
    assert visible(leaf["label"]) == leaf["name"] == visible(label)


def test_equal_labels_get_different_names() -> None:
    a, b, c = (Value(x, label=label) for x, label in ((1.0, "a\0"), (2.0, "a␀"), (3.0, "a␀_2")))
    names = [node.name for node in draw(a * b * c).diagram]
    assert len(set(names)) == len(names)


# Steps.


@ANY
def test_the_text_of_the_steps_has_as_many_lines_as_for_a_plain_label(label: str) -> None:
    text, plain = backprop(square(label)).text(), backprop(square("x")).text()
    assert len(text.splitlines()) == len(plain.splitlines())
    assert f"v1 → {visible(label)}" in text


UNWRITTEN = {
    r"\textbackslash{}": "\\",
    r"\textasciicircum{}": "^",
    r"\textasciitilde{}": "~",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    **{"\\" + c: c for c in "&%$#_{}"},
}


def unwritten(latex: str) -> str:
    r"""The characters that `\text{...}` typesets; anything but them and known escapes fails."""
    inside = re.fullmatch(r"\\text\{(.*)\}", latex, re.DOTALL)[1]
    escape = re.compile("|".join(map(re.escape, UNWRITTEN)))
    assert not re.search(r"[\\^~<>&%$#_{}]", escape.sub("", inside))
    return escape.sub(lambda found: UNWRITTEN[found[0]], inside)


@pytest.mark.parametrize(
    "label", [x for x in HOSTILE.values() if len(x) < 80], ids=[x for x in HOSTILE if x != "long"]
)
def test_latex_typesets_the_label_literally(label: str) -> None:
    latex = backprop(square(label))[-1].formula_latex
    assert unwritten(latex) == visible(label).replace(ZERO_WIDTH_JOINER, " ")


# The page.


class Parts(HTMLParser):
    """What a browser would find in a piece of HTML: its tags, attributes and texts by element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.texts.setdefault(tag, []).append("")

    def handle_data(self, data: str) -> None:
        if self.tags:
            self.texts[self.tags[-1]][-1] += data


@ANY
def test_html_has_no_element_or_attribute_beyond_those_of_a_plain_label(label: str) -> None:
    y, plain = square(label), square("x")
    y.label, plain.label = label, "y"
    found, usual = (Parts(backprop(v).standalone_html()) for v in (y, plain))
    names = [name for name, _ in found.attributes]
    assert found.tags == usual.tags
    assert names == [name for name, _ in usual.attributes]
    assert not [name for name in names if name.startswith("on")]


@ANY
def test_html_has_two_scripts_the_data_and_ours(label: str) -> None:
    data, ours = Parts(backprop(square(label)).html()).texts["script"]
    assert ours == files("viz").joinpath("steps.js").read_text("utf-8").strip()
    assert not set(data) & set("<>&")
    assert f" to {visible(label)}:" in json.loads(data)[-1]["says"]


@ANY
def test_html_shows_the_label_literally(label: str) -> None:
    y = square(label)
    y.label = label
    found = Parts(backprop(y).standalone_html())
    assert found.texts["title"] == [f"Backpropagation through {backprop(y).diagram[1].name}"]
    assert f"{backprop(y).diagram[1].name} → {visible(label)}" in found.texts["td"]
    assert visible(label) in dict(found.attributes)["alt"]


# The command line: a name there is a name of Python.


@pytest.mark.parametrize("name", ["θ", "名前", "été", "ﬁ", "ª", "_x1", "π_2", "שלום", "x" * 500])
def test_the_command_line_takes_names_in_any_script(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"{name} * {name}", f"{name}=3", "--no-files", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    label = unicodedata.normalize("NFKC", name)
    assert [(n["label"], n["gradient"]) for n in data["nodes"]] == [(label, 6.0), ("output", 1.0)]


@ANY
def test_the_command_line_answers_any_text_visibly(
    label: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([f"x + {label}", "x=1", f"y{label}=2", "--no-files"])
    out, err = capsys.readouterr()
    assert status == 2
    assert not out
    err.encode()
    assert visible(err.replace("\n", "")) == err.replace("\n", "")
