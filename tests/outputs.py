"""What a reader finds in an output: the parts of a picture and of a page, the names in a formula.

A hostile label must add nothing to them. So an output is compared with that of `harmless` labels:
it may hold other texts, and no other part. Each finder here refuses what it does not know.
"""

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

from needing import SYSTEMS

from glassgrad import Module

SVG = "{http://www.w3.org/2000/svg}"
ZERO_WIDTH_JOINER = "\u200d"  # kept everywhere, since it holds an emoji together
GEOMETRY = frozenset("width height viewBox transform d points x y cx cy rx ry".split())
LONGEST_MESSAGE = 500
CAN_DRAW = SYSTEMS["Graphviz"]()


LETTERS = [c for c in map(chr, range(ord("A"), 0x250)) if c.isalpha()]


def harmless(labels: list[str]) -> list[str]:
    """Labels of the same shape that nobody could take for anything else.

    Each is of one letter, so that equal ones stay equal and others do not become it. Backslashes
    stay, since a picture has one more text for each of them.
    """
    letters = dict(zip(dict.fromkeys(labels), LETTERS))
    return ["".join(c if c == "\\" else letters[label] for c in label) for label in labels]


# Text.


def acting(text: str) -> set[str]:
    """The characters that a terminal acts on instead of showing them."""
    kinds = ((c, unicodedata.category(c)) for c in set(text) - {"\n", ZERO_WIDTH_JOINER})
    return {c for c, kind in kinds if kind[0] == "C" or kind in ("Zl", "Zp")}


def assert_is_sentence(message: str) -> None:
    """An error message says what is wrong: one sentence or several, visible, and not for ever."""
    assert message[-1:] in tuple(".?…"), message
    assert not acting(message), message
    assert "\n" not in message
    assert len(message) <= LONGEST_MESSAGE


def strict_json(text: str) -> Any:
    """The data of JSON that every reader takes: no NaN, no key twice, no half of a character."""

    def refuse(token: str) -> None:
        raise ValueError(f"{token} is not JSON.")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), "a key occurs twice"
        return dict(pairs)

    data = json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    json.dumps(data, ensure_ascii=False).encode()
    return data


# Pictures.


def svg_parts(svg: str) -> Counter[tuple[Any, ...]]:
    """Every element with its attributes, and how often there is one like it."""
    assert "<!" not in svg, "a comment, a document type or raw text"
    assert "<?" not in svg, "an instruction"
    return Counter(
        (part.tag, *sorted((a, "" if a in GEOMETRY else value) for a, value in part.items()))
        for part in ET.fromstring(svg).iter()
    )


def svg_texts(svg: str) -> dict[str, str]:
    """The text in the box of each node, by the node's number."""
    groups = ET.fromstring(svg).iter(f"{SVG}g")
    return {group.get("data-n", ""): _joined(group) for group in groups if group.get("data-n")}


def svg_text(svg: str) -> str:
    """All text of a picture."""
    return _joined(ET.fromstring(svg))


def svg_description(svg: str) -> str:
    """What a screen reader says of a picture."""
    return ET.fromstring(svg).findtext(f"{SVG}desc") or ""


def svg_frames(svg: str) -> list[str]:
    """The titles of the frames around parts of a picture."""
    groups = ET.fromstring(svg).iter(f"{SVG}g")
    return [_joined(group) for group in groups if group.get("class") == "cluster"]


def _joined(group: ET.Element) -> str:
    return spaced("".join(text.text or "" for text in group.iter(f"{SVG}text")))


def spaced(text: str) -> str:
    """A text as a reader sees it: Graphviz makes spaces no-break spaces, so that none is lost."""
    return text.replace("\xa0", " ")


class Dot:
    """A graph in the DOT language as Graphviz reads it: its nodes, edges, and the texts in them."""

    def __init__(self, source: str) -> None:
        import pygraphviz

        graph = pygraphviz.AGraph(string=source)
        self.nodes = sorted(map(str, graph.nodes()))
        self.edges = sorted((str(tail), str(head)) for tail, head in graph.edges())
        self.frames = sorted(frame.name for frame in _subgraphs(graph))
        self.texts = {
            str(node): "".join(ET.fromstring(f"<l>{node.attr['label']}</l>").itertext())
            for node in graph.nodes()
            if not node.endswith("_op")
        }


def _subgraphs(graph: Any) -> Iterator[Any]:
    for inner in graph.subgraphs():
        yield inner
        yield from _subgraphs(inner)


# Pages.


class Html(HTMLParser):
    """What a browser finds in a piece of HTML: its elements, attributes, and texts by element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, ...]] = []
        self.values: dict[str, str | None] = {}
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(html)
        self.close()
        assert not self.rawdata, "something never ends"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, *(name for name, _ in attrs)))
        self.values.update(attrs)
        self.texts.setdefault(tag, []).append("")
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self.parts.append((f"/{tag}",))
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open][-1] += data

    def _refuse(self, data: str) -> None:
        self.parts.append(("no element", data))

    handle_comment = handle_pi = unknown_decl = _refuse


# Formulas.

GREEK = "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi"
SYMBOL = re.compile(rf"(?:\\({GREEK}|chi|psi|omega)|([A-Za-z]))(?:_\{{([0-9]+(?:,[0-9]+)?)\}})?")
ESCAPES = {
    r"\textbackslash{}": "\\",
    r"\textasciicircum{}": "^",
    r"\textasciitilde{}": "~",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    **{"\\" + c: c for c in "&%$#_{}"},
}
ESCAPE = re.compile("|".join(map(re.escape, ESCAPES)))


def name_in_latex(latex: str) -> str:
    r"""The name that LaTeX typesets: `\alpha_{1}`, `x`, or a text without any command in it."""
    if symbol := SYMBOL.fullmatch(latex):
        return "".join(part or "" for part in symbol.groups())
    text = re.fullmatch(r"\\text\{(.*)\}", latex, re.DOTALL)
    assert text, latex
    assert not re.search(r"[\\^~<>&%$#_{}]", ESCAPE.sub("", text[1])), latex
    return ESCAPE.sub(lambda found: ESCAPES[found[0]], text[1])


# Errors.


def refused(attempt: Callable[[], object], *errors: type[Exception]) -> bool:
    """Whether an attempt is refused, and that it is by one of these errors, with a sentence."""
    try:
        attempt()
    except OSError:  # the system has its own words
        return True
    except errors as error:
        problem = error
    else:
        return False
    assert type(problem) in errors
    assert_is_sentence(str(problem))
    return True


def bits(module: Module) -> dict[str, str]:
    """The numbers of a module to the last bit: nan equals nan, and -0.0 differs from 0.0."""
    return {name: number.hex() for name, number in module.state_dict().items()}
