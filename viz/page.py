"""The steps of backpropagation as one self-contained piece of HTML.

It works in three places: where scripts run, it is the stage, on which every number can be changed;
where they are stripped (an untrusted notebook, a code host), the picture and the tables remain: all
steps, and the classic mistakes. Where HTML is not shown at all, there is the text of `report`.
Nothing is loaded from anywhere, and the same piece may stand on a page twice. What a step says is
from `told.py`, what the page computes with from `stage.py`; its scripts and style are in `stage/`.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from glassgrad.viz import markup, stage
from glassgrad.viz.dot import FAN, OPERATION, PAPER
from glassgrad.viz.drawing import picture_of
from glassgrad.viz.markup import compact, stage_script
from glassgrad.viz.mistakes import Mistakes
from glassgrad.viz.steps import Steps
from glassgrad.viz.told import Told

_HEADINGS = ("step", "phase", "edge", "upstream", "local", "contribution", "result")
_DOCUMENT_STYLE = (
    ":root{color-scheme:light dark}body{margin:0}"
    "h1{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
    "@media(prefers-color-scheme:dark){body{background:#14181f}}"
)
OWN = 'document.currentScript.closest(".glassgrad-stage")'
"""The element that a script stands in: there may be other stages on the page."""
_MOST_MISTAKEN = 200  # up to this many nodes a page shows what the wrong engines get


_USUAL = (
    *(' font-family="Helvetica,Arial,sans-serif"', ' font-size="12.00"', ' text-anchor="middle"'),
)
"""What most texts of a picture have."""
_LOOKS = {
    "rect": {"fill": PAPER, "stroke": FAN},
    "path": {"fill": "none", "stroke": FAN},
    "ellipse": {"fill": OPERATION, "stroke": FAN},
    "polygon": {"fill": FAN},
}
"""How most shapes look: boxes, lines, operations, and the heads of arrows."""
_NEEDLESS = (
    *(' xml:space="preserve"', ' xmlns:xlink="http://www.w3.org/1999/xlink"', ' class="graph"'),
    f' class="{markup.CLASS}" role="img"',
)
_PART = re.compile(r'<g data-\w+="[^"]*" class="\w+">(.*?)</g>')
_COORDINATES = re.compile(r' (?:d|points|[cr]?[xy]|width|height|viewBox|font-size)="[^"]*"')
_NUMBER = re.compile(r"-?\d+\.\d+")
_STRAIGHT_START = re.compile(r'"M(\S+)C\1 (\S+) \2 ')
_STRAIGHT = re.compile(r" (\S+) \1 (\S+) \2 ")
_QUOTED = re.compile(r"""="([^"']*)\"""")
_ROUND_BOX = re.compile(
    r'<path([^>]*?) d="M(\S+),(\S+)L(\S+),\3C\S+ (\S+),\S+ \5,\S+L\5,\S+C\5,\S+ \S+,(\S+) \4,\6'
    r'L\2,\6C\S+,\6 (\S+),\S+ \7,\S+L\7,\S+C\7,\S+ \S+,\3 \2,\3"/>'
)


class Page:
    """The stage of some steps, with more HTML above their table, opened in a state or at the start.

    `start` is the index of the step of scalars at which it opens, `element` the stage without the
    code that sets it up, for somebody else to do.
    """

    def __init__(
        self, steps: Steps, more: str = "", state: Mapping[str, Any] | None = None
    ) -> None:
        functions, why_not = stage.javascript(steps)
        told = stage.all_told(steps)
        has_network, has_folds = stage.network_of(steps) is not None, stage.has_folds(steps)
        self._script = stage_script(has_network, has_folds)
        self._style = compact("stage/stage.css")
        if has_network or has_folds:
            self._style += compact("stage/network.css")
        self._title = f"Backpropagation through {steps.diagram[steps.root].name}"
        self.functions = functions.replace("\n", "")  # some hosts join lines; statements end in ";"
        self.start = told[0].step.index
        data = stage.data(steps, told, why_not)
        if state is not None:
            data["state"] = state
            if state["level"] == "scalars":
                self.start = max(self.start, min(state["step"], told[-1].step.index))
        expression = data.pop("formula")
        kept = markup.json_inside(packed(data))
        self.element = self._element(steps, told, expression, kept, more)

    def _element(
        self, steps: Steps, told: Sequence[Told], expression: str, data: str, more: str
    ) -> str:
        below = f'<div class="gg-more">{more}</div>' if more else ""
        return (
            '<div class="glassgrad-stage" lang="en" role="group" '
            f'aria-label="{html.escape(self._title)}" '
            f'data-lm-suppress-shortcuts="true"><style>{self._style}</style>'
            f'<div class="gg-static">{_picture(steps)}{below}'
            f"{_table(steps, told)}{_mistakes(steps)}</div>"
            f'<script type="application/mathml+xml" class="gg-math">{expression}</script>'
            f'<script type="application/json" class="gg-data">{data}</script></div>'
        )

    def html(self) -> str:
        """The stage, to stand inside a page or a notebook cell."""
        code = f"{self._script}({OWN},null,{self.functions})"
        return f"{self.element.removesuffix('</div>')}<script>{code}</script></div>"

    def document(self) -> str:
        """The stage as a whole HTML document."""
        body = self.html().replace("<div", "<div data-focus=true", 1)  # it has the keys
        return markup.document(self._title, body, _DOCUMENT_STYLE)


def _picture(steps: Steps) -> str:
    """The graph as an image, which survives where inline SVG does not."""
    drawing = picture_of(steps.diagram, steps.gradients)

    def shown() -> str:
        image = markup.image(_compact(drawing.svg), drawing.description())
        return markup.figure(image, "gg-picture")

    return markup.picture_or_advice(shown) + markup.paragraph(drawing.note)


def _compact(svg: str) -> str:
    """The same picture in fewer bytes: what is usual once, and coordinates to a tenth of a point.

    Only attributes are touched: in a text there is no quotation mark, but its escape. An image has
    a text of its own, so its title is left out, and nothing reaches the parts of one.
    """
    start, _, rest = svg.partition("<title>")
    svg = start + rest.partition("</style>")[2]
    svg = _PART.sub(r"\1", svg.replace(">\n<", "><"))
    for needless in _NEEDLESS:
        svg = svg.replace(needless, "")
    for usual in _USUAL:
        svg = svg.replace(usual, "").replace("<svg", f"<svg{usual}", 1)
    svg = svg.replace("&#45;", "-").replace("scale(1 1) rotate(0) ", "")
    svg = _ROUND_BOX.sub(_boxed, _COORDINATES.sub(_shortened, svg))
    for shape, look in _LOOKS.items():
        usual = "".join(f' {name}="{color.lower()}"' for name, color in look.items())
        svg = svg.replace(f"<{shape}{usual}", f"<{shape}")
    dark = f"{markup.DARK_START}{markup.dark_rules(svg, '')}{_looks(markup.DARK)}}}"
    svg = svg.replace(">", f"><style>{_looks()}{dark}</style>", 1)
    return _QUOTED.sub(r"='\1'", svg)  # which an attribute may have in it


def _looks(colors: Mapping[str, str] = {}) -> str:
    """The rules for shapes that do not say how they look; or the colours instead of the usual."""
    rules = []
    for shape, look in _LOOKS.items():
        shown = {name: colors.get(color) if colors else color for name, color in look.items()}
        texts = (f"{name}:{color}" for name, color in shown.items() if color)
        rules.append(f"{shape}:not([{[*look][-1]}]){{{';'.join(texts)}}}")
    return "".join(rules)


def _boxed(path: re.Match[str]) -> str:
    looks = path[1]
    _, top, corner, left, bottom, right = map(float, path.groups()[1:])
    sizes = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    texts = (f' {name}="{_tenths(size)}"' for name, size in {**sizes, "rx": corner - left}.items())
    return f"<rect{looks}{''.join(texts)}/>"


def _shortened(attribute: re.Match[str]) -> str:
    """Coordinates in fewer characters; a curve whose handles lie in its ends is a line."""
    numbers = _NUMBER.sub(lambda number: _tenths(float(number[0])), attribute[0])
    if "C" not in numbers:
        return numbers
    return _STRAIGHT.sub(r" \1L\2C", _STRAIGHT_START.sub(r'"M\1L\2C', numbers))


def _tenths(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _table(steps: Steps, told: Sequence[Told]) -> str:
    rows = ((str(t.step.index + 1), t.step.phase, *map(str, t.cells)) for t in told)
    caption = "All steps"
    if len(told) != len(steps):
        first, last = told[0].step.index + 1, told[-1].step.index + 1
        caption = f"Steps {first} to {last} of {len(steps)}; text() and to_json() have all"
    return markup.scrolling_table(caption, [_HEADINGS, *rows], "gg-steps")


def _mistakes(steps: Steps) -> str:
    if len(steps.gradients) > _MOST_MISTAKEN:
        return "<p>What wrong engines get, for a graph of this size: print(steps.mistakes()).</p>"
    mistakes = Mistakes(steps)
    rows = [mistakes.headings(), *(cells for _, cells in mistakes.rows())]
    reasons = (f"<li>{html.escape(f'{m.name}: {m.why}')}</li>" for m in mistakes)
    caption = "Classic mistakes: the gradients of the right engine, and of four wrong ones"
    return (
        f'<div class="gg-mistakes">{markup.scrolling_table(caption, rows, "gg-wrong", "≠")}'
        f"<ul>{''.join(reasons)}</ul></div>"
    )


# The data of a page in fewer characters; `unpacked` in `stage/numbers.js` undoes it. Most steps say
# the same of other nodes. So what is said stands once, as a form in which names and numbers are
# those of the step's node, its operands and the result; a step is the place of its form, its node,
# and the edges that it sends along. Of nodes only what is not as usual is written.


USUAL: dict[str, Any] = dict(k="leaf", o=None, s="", p=[], l=[], w=-1, path="", m=False)
"""What a node has where nothing is written."""
FORM = ("phase", "asks", "tells", "equations", "cells", "answer")
"""What the form of a step has, in this order, and then whether it holds for these numbers only."""
_SHORTEST = 4  # a text of fewer characters, with its quotation marks, is no longer than its place
_WORD = re.compile(r"\w+")
_OPERANDS = "abcdefghijklmnopqrstuvwxyz"
"""Behind the mark these are the names of operands; others are written."""


def packed(data: dict[str, Any]) -> dict[str, Any]:
    """The data of `stage.data`, packed."""
    mark = _mark(data)
    written = [_Written(step, data, mark) for step in data["steps"]]
    forms = {repr(each.form): each.form for each in written}
    said: list[Any] = []
    for form in forms.values():
        with_texts(form, said.append)
    said += [each.check for each in written if each.check]
    kept = {repr(text): text for text in said}
    counts = Counter(map(repr, said))
    often = [text for text, count in counts.most_common() if count > 1 and len(text) > _SHORTEST]
    texts = {text: place for place, text in enumerate(often)}
    places = {form: place for place, form in enumerate(forms)}
    paths = {path: place for place, path in enumerate({n["path"]: 0 for n in data["nodes"]})}
    signs = {node["o"]: node["s"] for node in data["nodes"] if node["o"]}

    def placed(text: Any) -> Any:
        return texts.get(repr(text), text)

    return {
        **data,
        "mark": mark,
        "paths": list(paths),
        "signs": signs,
        "nodes": [_node(node, paths, signs) for node in data["nodes"]],
        "texts": [kept[text] for text in often],
        "forms": [[*with_texts(form, placed).values()] for form in forms.values()],
        "steps": [each.record(places[repr(each.form)], placed) for each in written],
    }


def _mark(data: Mapping[str, Any]) -> str:
    """A character that no text has."""
    used = json.dumps([data["steps"], data["nodes"]], ensure_ascii=False)
    marks = map(chr, chain([0xA7, 0xA4], range(0xE000, 0x110000)))
    return next(mark for mark in marks if mark not in used)


def _node(
    node: Mapping[str, Any], paths: Mapping[str, int], signs: Mapping[str, str]
) -> dict[str, Any]:
    usual = USUAL | {"s": signs.get(node["o"], ""), "k": "node" if node["p"] else "leaf"}
    found = {key: each for key, each in node.items() if key not in usual or each != usual[key]}
    found["v"] = _number(found["v"])
    if "l" in found:
        found["l"] = [_number(local) for local in found["l"]]
    return found | {"path": paths[node["path"]]} if node["path"] else found


def _number(number: Any) -> Any:
    """A whole number without a point; -0 keeps its sign."""
    is_whole = isinstance(number, float) and number.is_integer() and abs(number) < 1e15
    return int(number) if is_whole and repr(number) != "-0.0" else number


class _Written:
    """A step: its form, which others can have too, and what it has alone."""

    def __init__(self, step: Mapping[str, Any], data: Mapping[str, Any], mark: str) -> None:
        node, nodes = step["node"], data["nodes"]
        operands = nodes[node]["p"]
        self._edge = step["edges"][:1]
        self._places = {operand: -2 - k for k, operand in reversed([*enumerate(operands)])}
        self._places[node] = -1
        self._words = {nodes[i]["n"]: f"{mark}{letter}" for i, letter in zip(operands, _OPERANDS)}
        self._words[nodes[data["root"]]["n"]] = f"{mark}1"
        self._words[nodes[node]["n"]] = f"{mark}0"
        self.form = {
            **with_texts({key: step[key] for key in FORM}, self._general),
            "answer": self._reference(step["answer"]),
        }
        if step.get("branch"):
            self.form["branch"] = True
        self._alone = [node, [k for _, k in step["edges"]] or None]
        self.check = self._general(step["check"])
        self._uses = step.get("uses")

    def record(self, form: int, placed: Callable[[Any], Any]) -> list[Any]:
        """The step, without what is empty at its end; `placed` gives the place of a text."""
        found = [form, *self._alone, placed(self.check) if self.check else None, self._uses]
        while found[-1] is None:
            found.pop()
        return found

    def _general(self, text: Any) -> Any:
        if isinstance(text, str):
            return _WORD.sub(lambda word: self._words.get(word[0], word[0]), text)
        return [self._general(p) if isinstance(p, str) else self._reference(p) for p in text]

    def _reference(self, reference: Sequence[Any]) -> list[Any]:
        kind, *places = reference
        if [places] == [list(edge) for edge in self._edge]:
            return [kind]
        nodes = 2 if kind == "o" else 1  # what follows is the position of an operand
        return [kind, *(self._places.get(i, i) for i in places[:nodes]), *places[nodes:]]


def with_texts(form: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """A form with each of its texts changed."""
    term = lambda part: part if isinstance(part, str) else [*map(change, part[:2]), *part[2:]]
    return {
        **form,
        **{key: change(form[key]) for key in ("asks", "tells")},
        "cells": [change(cell) for cell in form["cells"]],
        "equations": [[*map(term, equation)] for equation in form["equations"]],
    }
