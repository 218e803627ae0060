"""Build the site: `python docs/build.py`, then open `build/site/index.html`.

It needs `pip install '.[site]'` and no network, neither while it is built nor when it is read. The
pages are those of this folder, the notebooks, and what is written from the package itself: the
table of operations with a plot and both forms of every derivative (`_extensions/operations.py`),
and the reference from the docstrings (`_extensions/reference.py`). A warning is an error.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx

ROOT = Path(__file__).resolve().parent.parent
SOURCE, SITE = ROOT / "build" / "site-source", ROOT / "build" / "site"
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_extensions")]

import operations  # noqa: E402
import reference  # noqa: E402

MOVED = {"../../docs/": "../../", "../docs/": "../", "docs/": "", "../notebooks/": "course/"}
"""Where links lead that are right in a checkout."""


def main() -> int:
    for folder in (SOURCE, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    lay_out()
    return sphinx(["-q", "-W", "--keep-going", "-j", "auto", str(SOURCE), str(SITE)])


def lay_out() -> None:
    """Write all sources of the site into one folder."""
    leave = shutil.ignore_patterns("__pycache__", "build.py", ".ipynb_checkpoints", "*.json")
    shutil.copytree(ROOT / "docs", SOURCE, ignore=leave)
    shutil.copytree(ROOT / "notebooks", SOURCE / "course", ignore=leave)
    shutil.copy(ROOT / "CHANGELOG.md", SOURCE / "changelog.md")
    shutil.copy(ROOT / "CONTRIBUTING.md", SOURCE / "contributing.md")
    for page in [*SOURCE.rglob("*.md"), *SOURCE.rglob("*.ipynb")]:
        text = page.read_text("utf-8")
        for old, new in MOVED.items():
            text = text.replace(f"]({old}", f"]({new}")
        page.write_text(text, "utf-8")
    operations.write(SOURCE)
    reference.write(SOURCE)


if __name__ == "__main__":
    sys.exit(main())
