"""Scripts and styles of pages, which are files of their own, without what only readers need."""

from __future__ import annotations

import re
from importlib.resources import files


def compact_style(name: str) -> str:
    """A style sheet of this package, short.

    >>> from glassgrad.viz.assets import compact_style
    >>> ".gg-picture img{max-width:100%;height:auto;}" in compact_style("steps.css")
    True
    """
    return re.sub(r"\s*([{};,])\s*|(:) ", r"\1\2", _asset(name))


def compact_script(name: str) -> str:
    """A script without comments and spaces; every statement in it has its semicolon.

    >>> from glassgrad.viz.assets import compact_script
    >>> compact_script("steps.js")[:28]
    '(function(within,moved){"use'
    """
    code = re.sub(r"/\*.*?\*/", "", _asset(name), flags=re.DOTALL).strip()
    parts = re.split(r"""("[^"\n]*"|'[^'\n]*')""", code)  # texts stay as they are
    return "".join(
        part if i % 2 else re.sub(r"\s*([-+*/=<>?:&|,;(){}!])\s*", r"\1", part)
        for i, part in enumerate(parts)
    )


def _asset(name: str) -> str:
    return files("glassgrad.viz").joinpath(name).read_text("utf-8").strip()
