"""Scripts and styles of pages, which are files of their own, without what only readers need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

STAGE = "numbers layout camera picture network panels experiments stage".split()
"""The files of the stage, in the order in which they are joined."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TEXT = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")
_PATTERN = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_BEFORE_PATTERN = re.compile(r"(?:[-+*%=<>?:&|,;({!\[~^]|\b(?:return|typeof|case))\s*$")
"""What stands before a regular expression, and not before a sign of division."""


@cache
def compact_style(name: str) -> str:
    """A style sheet of this package, short.

    >>> from glassgrad.viz.assets import compact_style
    >>> ".gp-code{overflow:auto;" in compact_style("program.css")
    True
    """
    style = _COMMENT.sub("", _asset(name)).strip()
    return re.sub(r"\s*([{};,])\s*|(:) ", r"\1\2", style)


@cache
def compact_script(name: str) -> str:
    """A script of this package, short.

    >>> from glassgrad.viz.assets import compact_script
    >>> compact_script("program.js")[:22]
    '(function(within){"use'
    """
    return compacted(_asset(name))


@cache
def stage_script() -> str:
    """The scripts of the stage as one function.

    It takes an element that has stages in it; what to call when a reader moves, or null; and the
    rows of the table as functions, from `stage.javascript`.
    """
    code = "\n".join(_asset(f"stage/{name}.js") for name in STAGE)
    return f'(function(within,moved,operations){{"use strict";{compacted(code)}}})'


def compacted(script: str) -> str:
    """A script without comments and spaces; every statement in it has its semicolon.

    Texts, templates and regular expressions stay as they are.

    >>> compacted("/* a */ const f = (x) => x / 2 - -1 + `a  ${x}` + ' / ' ;")
    "const f=(x)=>x/2- -1+`a  ${x}`+' / ';"
    """
    parts = _parts(script.strip())
    return "".join(_shortened(part) if is_code else part for is_code, part in parts).strip()


def _parts(script: str) -> Iterator[tuple[bool, str]]:
    """The script taken apart: whether a part is code, and the part."""
    code, last, at = "", ";", 0
    while at < len(script):
        if comment := _COMMENT.match(script, at):
            code, at = f"{code} ", comment.end()
            continue
        end = _end_of_literal(script, at, last + code)
        if end == at:
            code, at = code + script[at], at + 1
            continue
        yield True, code
        yield False, script[at:end]
        code, last, at = "", script[end - 1], end
    yield True, code


def _end_of_literal(script: str, at: int, before: str) -> int:
    """Where a text, a template or a regular expression that begins here ends; else `at`."""
    if script[at] == "`":
        return _end_of_template(script, at)
    found = None
    if script[at] in "\"'":
        found = _TEXT.match(script, at)
    elif script[at] == "/" and _BEFORE_PATTERN.search(before):
        found = _PATTERN.match(script, at)
    return found.end() if found else at


def _end_of_template(script: str, at: int) -> int:
    """Where a template ends, with templates in its places."""
    depth, at = 0, at + 1
    while script[at] != "`" or depth:
        if script[at] == "`":
            at = _end_of_template(script, at)
            continue
        if script.startswith("${", at):
            depth += 1
        elif depth:
            depth += (script[at] == "{") - (script[at] == "}")
        at += 2 if script[at] == "\\" or script.startswith("${", at) else 1
    return at + 1


def _shortened(code: str) -> str:
    code = re.sub(r"\s+", " ", code)
    code = re.sub(r" ?([*/=<>?:&|,;(){}!]) ?", r"\1", code)
    return re.sub(r"(?<![-+]) ?([-+]) ?(?![-+])", r"\1", code)  # a - -b keeps its space


def _asset(name: str) -> str:
    return files("glassgrad.viz").joinpath(name).read_text("utf-8").strip()
