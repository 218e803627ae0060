"""The data of a page in fewer characters; `unpacked` in `stage/numbers.js` undoes it.

Most steps say the same of other nodes. So what is said stands once, as a form in which names and
numbers are those of the step's node, its operands and the result; a step is the place of its form,
its node, and the edges that it sends along. Of nodes only what is not as usual is written.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

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
