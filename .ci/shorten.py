"""Shortens scripts and styles of pages into viz/stage/short.json, from which pages take them.

    python .ci/shorten.py

Scripts are shortened by terser, which Node.js runs (`pip install -e ".[shorten]"` brings it along).
Pages are right without it, and longer: see viz/markup.py.
"""

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from string import ascii_lowercase
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from glassgrad.viz.markup import HEAD, OTHERS, asset, digest, stage_files  # noqa: E402

MARK = "debugger"
"""A statement that terser leaves where it is: between two files, since pages may leave one out."""
INNER = (
    "adjusted answer asks beside box boxes boxesOf called changeBy course directionNow distance "
    "edges equations glide gradients group holder keyStep known largest layout letGo locals made "
    "markNow members moved opener openNow outs own picture place received resultAt roles room "
    "said sent setNumber shownAt spots tells textNow textsOf ticks tip toldNow units uses "
    "widthNow wrong"
).split()
"""Fields, as those of "is…", that no data of a page has and nobody outside the stage reads."""
TERSER = [
    *("--yes", "terser@5.51.4", "--mangle", "--ecma", "2020"),
    *("--mangle-props", f"regex=/^is[A-Z]|^({'|'.join(INNER)})$/", "--compress"),
    "passes=2,drop_debugger=false,inline=false,reduce_funcs=false,"  # no function leaves its file
    "unsafe_arrows=true,unsafe_methods=true",  # safe, since none has a `this` or is called by `new`
]


def shortened() -> dict[str, Any]:
    """What pages take: the stage as the head of its function and its parts, the others whole."""
    names = stage_files()
    found: dict[str, Any] = {"of": {name: digest(name) for name in (*names, *OTHERS)}}
    code = short_script(f"{f';{MARK};'.join([HEAD, *map(asset, names)])}}}")
    head, *parts = code.removesuffix("}").split(MARK)
    if len(parts) != len(names):
        raise ValueError(f"terser has joined some of {', '.join(names)}.")
    found["stage"] = [part.strip(";") for part in (head, *parts)]
    for name in OTHERS:
        found[name] = (short_style if name.endswith(".css") else short_script)(asset(name))
    return found


def short_script(script: str) -> str:
    """An expression without comments and most spaces, with short names for its variables."""
    npx = shutil.which("npx")
    if npx is None:
        raise FileNotFoundError('There is no npx: install Node.js, or the extra "shorten".')
    script = re.sub(r"\bconst(?= )", "let", script)  # the same to a browser, and shorter
    done = subprocess.run(
        [npx, *TERSER], input=f"it={script};", stdout=subprocess.PIPE, check=True, encoding="utf-8"
    )
    short = done.stdout.strip().removeprefix("it=").removesuffix(";")
    return re.sub(r"\bconst(?=[ [{])", "let", short)  # no name is given anew: the files say so


def short_style(style: str) -> str:
    """A style sheet without comments and most spaces, with short names for its own properties."""
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL).strip()
    style = re.sub(
        r"\s*([{};,>])\s*|(:) | (?=!important)|(?<=@media) (?=\()", r"\1\2", style
    ).replace(";}", "}")
    names = short_properties()
    return re.sub(r"--[\w-]+", lambda found: names.get(found[0], found[0]), style)


@cache
def short_properties() -> dict[str, str]:
    """Of each property of the stage, all of which it sets itself: a letter for its name.

    Those that a script asks for keep theirs.
    """
    asked = {name for file in stage_files() for name in re.findall(r'"(--\w+)"', asset(file))}
    own = sorted(set(re.findall(r"--\w+", asset("stage/stage.css"))) - asked)
    return {name: f"--{letter}" for name, letter in zip(own, ascii_lowercase, strict=False)}


if __name__ == "__main__":
    text = json.dumps(shortened(), ensure_ascii=False, indent=0)
    (ROOT / "viz/stage/short.json").write_text(text + "\n", "utf-8")
