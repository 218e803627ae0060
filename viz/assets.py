"""Scripts and styles of pages, which are files of their own, without what only readers need.

They are shortened beforehand, into `stage/short.json`, by the command `python .ci/shorten.py`.
Where one was changed since, pages have it as it is written: right, and longer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
STAGE = "numbers layout camera picture folds network panels experiments stage".split()
"""The files of the stage, in the order in which they are joined."""
OTHERS = ("stage/stage.css", "stage/network.css", "program.css", "program.js")
"""The files that pages have as they are, each for itself."""
HEAD = 'function(within,moved,operations){"use strict"'
"""How the function begins that the scripts of the stage are the body of; see `stage_script`."""


@cache
def compact(name: str) -> str:
    """A script or a style sheet of this package, short."""
    return str(_kept()[name]) if _is_kept([name]) else asset(name)


@cache
def stage_script(has_network: bool = True, has_folds: bool = True, is_short: bool = True) -> str:
    """The scripts of the stage as one function; without networks and folds where there are none.

    It takes an element that has stages in it; what to call when a reader moves, or null; and the
    rows of the table as functions, from `stage.javascript`. Where it is not to be short, it is as
    in the files.
    """
    is_needed = {"network": has_network, "folds": has_folds}
    if is_short and _is_kept(stage_files()):
        head, *parts = _kept()["stage"]
    else:
        head, parts = HEAD, [asset(name) for name in stage_files()]
    needed = [part for name, part in zip(STAGE, parts) if is_needed.get(name, True)]
    return f"({';'.join([head, *needed])}}})"


def stage_files() -> list[str]:
    """The names of the scripts of the stage."""
    return [f"stage/{name}.js" for name in STAGE]


@cache
def _kept() -> dict[str, Any]:
    """What `.ci/shorten.py` has made, and of which files."""
    found: dict[str, Any] = json.loads(asset("stage/short.json"))
    return found


def _is_kept(names: Sequence[str]) -> bool:
    """Whether what is kept was made of these files as they are."""
    return all(_kept()["of"].get(name) == digest(name) for name in names)


def digest(name: str) -> str:
    """What tells whether a file is another one than before."""
    return sha256(asset(name).encode()).hexdigest()


def asset(name: str) -> str:
    """A file of this package as it is."""
    return (_FOLDER / name).read_text("utf-8").strip()
