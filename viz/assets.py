"""Scripts and styles of pages, which are files of their own, without what only readers need.

The scripts of the stage are shortened beforehand, in `stage/short.json`, by the command
`python .ci/shorten.py`. Where they were changed since, they are shortened when they are needed.
"""

from __future__ import annotations

import json
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from glassgrad.viz.shortening import compacted, with_short_names

STAGE = "numbers layout camera picture folds network panels experiments stage".split()
"""The files of the stage, in the order in which they are joined."""
_PARAMETERS = ("within", "moved", "operations")
"""What the function that they are the body of takes; see `stage_script`."""


@cache
def compact_style(name: str) -> str:
    """A style sheet of this package, short.

    >>> from glassgrad.viz.assets import compact_style
    >>> ".gp-code{overflow:auto;" in compact_style("program.css")
    True
    """
    style = re.sub(r"/\*.*?\*/", "", asset(name), flags=re.DOTALL).strip()
    return re.sub(r"\s*([{};,>])\s*|(:) ", r"\1\2", style).replace(";}", "}")


@cache
def compact_script(name: str) -> str:
    """A script of this package, short.

    >>> from glassgrad.viz.assets import compact_script
    >>> compact_script("program.js")[:19]
    '(function(within){"'
    """
    return compacted(asset(name))


@cache
def stage_script(has_network: bool = True, has_folds: bool = True, is_short: bool = True) -> str:
    """The scripts of the stage as one function; without networks and folds where there are none.

    It takes an element that has stages in it; what to call when a reader moves, or null; and the
    rows of the table as functions, from `stage.javascript`. Where it is not to be short, it is as
    in the files.
    """
    is_needed = {"network": has_network, "folds": has_folds}
    scripts, parameters = _short() if is_short else (_scripts(), _PARAMETERS)
    code = "".join(scripts[name] for name in STAGE if is_needed.get(name, True))
    return f'(function({",".join(parameters)}){{"use strict";{code}}})'


@cache
def _short() -> tuple[dict[str, str], list[str]]:
    """The scripts by name, and the names of their parameters, from the file if it is of these."""
    kept = json.loads(asset("stage/short.json"))
    kept = kept if kept["of"] == _digest() else shortened()
    return kept["scripts"], kept["parameters"]


def shortened() -> dict[str, Any]:
    """What `stage/short.json` has in it: the scripts, shortened, and which they are made of."""
    scripts, parameters = with_short_names([*_scripts().values()], _PARAMETERS)
    return {"of": _digest(), "parameters": parameters, "scripts": dict(zip(STAGE, scripts))}


@cache
def _scripts() -> dict[str, str]:
    return {name: asset(f"stage/{name}.js") for name in STAGE}


def _digest() -> str:
    return sha256("\0".join(_scripts().values()).encode()).hexdigest()


def asset(name: str) -> str:
    """A file of this package as it is."""
    return files("glassgrad.viz").joinpath(name).read_text("utf-8").strip()
