"""Scripts and styles of pages, which are files of their own, without what only readers need."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

STAGE = "numbers layout camera picture network panels experiments stage".split()
"""The files of the stage, in the order in which they are joined."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
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
    >>> compact_script("program.js")[:19]
    '(function (within)'
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
    """A script without comments, indentation and empty lines.

    >>> compacted("/* a */ f();\n\n  g();")
    'f();\ng();'
    """
    lines = _COMMENT.sub("", script).splitlines()
    return "\n".join(filter(None, map(str.strip, lines)))


def _asset(name: str) -> str:
    return files("glassgrad.viz").joinpath(name).read_text("utf-8").strip()
