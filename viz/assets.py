"""Scripts and styles of pages, which are files of their own, without what only readers need."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

STAGE = "numbers layout camera picture folds network panels experiments stage".split()
"""The files of the stage, in the order in which they are joined."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_PATTERN = r"(?:(?<=[(,=:!&|?;])|(?<=[(,=:!&|?;>] )|(?<=return ))/(?:\\.|\[.+?\]|[^/\\\[\n])+/"
_TEXT = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`"""
_KEPT = re.compile(rf"({_COMMENT.pattern}|{_TEXT}|{_PATTERN})", re.DOTALL)
"""Comments, texts, templates without others inside, and regular expressions."""
_SIGN = re.compile(r"(?<![+-]) ([+-]) (?![+-])| ([+-]=)")
"""A sign between spaces that are not needed: one beside another sign would become ++ or --."""


@cache
def compact_style(name: str) -> str:
    """A style sheet of this package, short.

    >>> from glassgrad.viz.assets import compact_style
    >>> ".gp-code{overflow:auto;" in compact_style("program.css")
    True
    """
    style = _COMMENT.sub("", _asset(name)).strip()
    return re.sub(r"\s*([{};,])\s*|(:) ", r"\1\2", style).replace(";}", "}")


@cache
def compact_script(name: str) -> str:
    """A script of this package, short.

    >>> from glassgrad.viz.assets import compact_script
    >>> compact_script("program.js")[:19]
    '(function(within){"'
    """
    return compacted(_asset(name))


@cache
def stage_script(has_network: bool = True, has_folds: bool = True) -> str:
    """The scripts of the stage as one function; without networks and folds where there are none.

    It takes an element that has stages in it; what to call when a reader moves, or null; and the
    rows of the table as functions, from `stage.javascript`.
    """
    is_needed = {"network": has_network, "folds": has_folds}
    names = [name for name in STAGE if is_needed.get(name, True)]
    code = "\n".join(_asset(f"stage/{name}.js") for name in names)
    return f'(function(within,moved,operations){{"use strict";{compacted(code)}}})'


def compacted(script: str) -> str:
    """A script without comments, most spaces, and semicolons before a brace that closes.

    Every statement in it has its semicolon, and every body its braces.

    >>> compacted("/* a */ const f = (x) => `${x} ; ` + x;  { f( 'a ; b' ) - -1; }")
    "const f=(x)=>`${x} ; `+x;{f('a ; b')- -1}"
    """
    parts = enumerate(_KEPT.split(script.strip()))
    short = (_shortened(part) if i % 2 == 0 else part for i, part in parts)
    return "".join(part for part in short if not part.startswith("/*")).strip()


def _shortened(code: str) -> str:
    short = re.sub(r"\s*([*/%=<>?:&|,;(){}!\[\]]|(?<=\s)\s|\n)\s*", _kept, code)
    return _SIGN.sub(r"\1\2", short).replace(";}", "}")


def _kept(found: re.Match[str]) -> str:
    return found[1].strip() or " "


def _asset(name: str) -> str:
    return files("glassgrad.viz").joinpath(name).read_text("utf-8").strip()
