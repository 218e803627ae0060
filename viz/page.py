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
MOST_TICKS = 30
"""Up to so many steps the timeline has a tick for each also on the narrowest phone."""
_MOST_MISTAKEN = 200  # up to this many nodes a page shows what the wrong engines get


class Page:
    """The stage of some steps, with more HTML above their table, opened in a state or at the start.

    `start` is the index of the step of scalars at which it opens, `element` the stage without the
    code that sets it up, for somebody else to do.
    """

    def __init__(
        self, steps: Steps, more: str = "", state: Mapping[str, Any] | None = None
    ) -> None:
        functions, why_not = stage.javascript(steps)
        self.functions = re.sub(r"(?s)/\*.*?\*/|\n *", "", functions)  # some hosts join lines
        told = stage.all_told(steps)
        scripts = stage.scripts_of(steps)
        data = stage.data(steps, told, why_not, scripts)
        self.start = told[0].step.index
        if state is not None:
            data["state"] = state
            if state["level"] == "scalars":
                self.start = max(self.start, min(state["step"], told[-1].step.index))
        scripts |= {"factors"} if "data-factors" in more else set()
        self._script = stage_script(scripts)
        styles = {"stage": True, "alone": "alone" in scripts, "network": "levels" in scripts}
        styles |= {"bars": len(told) > MOST_TICKS, "more": bool(more)}
        style = "".join(compact(f"stage/{name}.css") for name, has in styles.items() if has)
        self._title = f"Backpropagation through {steps.diagram[steps.root].name}"
        below = f'<div class="gg-more">{more}</div>' if more else ""
        expression, kept = data.pop("formula"), markup.json_inside(packed(data))
        self.element = (
            '<div class="glassgrad-stage" lang="en" role="group" '
            f'aria-label="{html.escape(self._title)}" '
            f'data-lm-suppress-shortcuts="true"><style>{style}</style>'
            f'<div class="gg-static">{_picture(steps)}{below}'
            f"{_table(steps, told)}{_mistakes(steps)}</div>"
            f'<script type="application/mathml+xml" class="gg-math">{expression}</script>'
            f'<script type="application/json" class="gg-data">{kept}</script></div>'
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
        image = markup.image(markup.compact_svg(drawing.svg), drawing.description())
        return markup.figure(image, "gg-picture")

    return markup.picture_or_advice(shown) + markup.paragraph(drawing.note)


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
_OPERANDS = "abcdefghijklmnopqrstuvwxyz"
"""Behind the mark these are the names of operands; others are written."""


def packed(data: dict[str, Any]) -> dict[str, Any]:
    """The data of `stage.data`, packed."""
    mark = _mark(data)
    general = [_general(step, data, mark) for step in data["steps"]]
    forms = {repr(form): form for form, _ in general}
    said: list[Any] = []
    for form in forms.values():
        with_texts(form, said.append)
    said += [check for _, check in general if check]
    kept = {repr(text): text for text in said}
    counts = Counter(map(repr, said)).most_common()
    often = [text for text, count in counts if count > 1 and len(text) > _SHORTEST]
    texts = {text: place for place, text in enumerate(often)}
    places = {form: place for place, form in enumerate(forms)}
    paths = {path: place for place, path in enumerate({n["path"]: 0 for n in data["nodes"]})}
    signs = {node["o"]: node["s"] for node in data["nodes"] if node["o"]}

    def placed(text: Any) -> Any:
        return texts.get(repr(text), text)

    steps = []
    for step, (form, check) in zip(data["steps"], general):
        operands = [k for _, k in step["edges"]] or None
        found = [places[repr(form)], step["node"], operands, placed(check) if check else None]
        found.append(step.get("uses"))
        while found[-1] is None:
            found.pop()
        steps.append(found)
    return {
        **data,
        "mark": mark,
        "paths": list(paths),
        "signs": signs,
        "nodes": [_node(node, paths, signs) for node in data["nodes"]],
        "texts": [kept[text] for text in often],
        "forms": [[*with_texts(form, placed).values()] for form in forms.values()],
        "steps": steps,
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


def _general(
    step: Mapping[str, Any], data: Mapping[str, Any], mark: str
) -> tuple[dict[str, Any], Any]:
    """The form of a step, which others can have too, and its check in general."""
    nodes, node, edge = data["nodes"], step["node"], step["edges"][:1]
    operands = nodes[node]["p"]
    places = {operand: -2 - k for k, operand in reversed([*enumerate(operands)])} | {node: -1}
    words = {nodes[i]["n"]: f"{mark}{letter}" for i, letter in zip(operands, _OPERANDS)}
    words |= {nodes[data["root"]]["n"]: f"{mark}1", nodes[node]["n"]: f"{mark}0"}

    def reference(kind: str, *numbers: Any) -> list[Any]:
        if [[*numbers]] == edge:
            return [kind]
        count = 2 if kind == "o" else 1  # what follows is the position of an operand
        return [kind, *(places.get(i, i) for i in numbers[:count]), *numbers[count:]]

    def general(text: Any) -> Any:
        if isinstance(text, str):
            return re.sub(r"\w+", lambda word: words.get(word[0], word[0]), text)
        return [general(part) if isinstance(part, str) else reference(*part) for part in text]

    form = with_texts({key: step[key] for key in FORM}, general)
    form["answer"] = reference(*step["answer"])
    return form | ({"branch": True} if step.get("branch") else {}), general(step["check"])


def with_texts(form: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """A form with each of its texts changed."""
    term = lambda part: part if isinstance(part, str) else [*map(change, part[:2]), *part[2:]]
    return {
        **form,
        **{key: change(form[key]) for key in ("asks", "tells")},
        "cells": [change(cell) for cell in form["cells"]],
        "equations": [[*map(term, equation)] for equation in form["equations"]],
    }
