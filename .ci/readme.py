"""Run what the README and the pages of docs/ show: their Python sessions and their commands.

    python .ci/readme.py

The `pycon` blocks of a page are one session whose output must match. A `text` block after a `sh`
block is the output of its last command; one that begins with `$` shows a command and its output.
A session after `<!-- needs NAME -->` is left out where that module is not installed. The `{stage}`
blocks run as a reader copies them, each alone but for the `python` blocks of its page.
docs/training.md and docs/distributed.md are run by tests of their own.
"""

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    "README.md",
    *(f"docs/{n}.md" for n in "command compiled compiling drawing engine gallery house".split()),
]


BLOCK = r"(?:^<!-- needs (\w+) -->\n)?^```(\w+|\{stage\})(?: [^\n]*)?\n(.*?)^```$"


def blocks(page: str) -> list[tuple[str, str]]:
    text = (ROOT / page).read_text("utf-8")
    found = re.findall(BLOCK, text, flags=re.MULTILINE | re.DOTALL)
    left_out = [needs for needs, _, _ in found if needs and not importlib.util.find_spec(needs)]
    for needs in left_out:
        print(f"{page}: left out what needs {needs}")
    return [(kind, code) for needs, kind, code in found if needs not in left_out]


def main() -> int:
    return 1 if sum(failures(page) for page in PAGES) else 0


def failures(page: str) -> int:
    """How much of what a page shows is not so, which is told in detail."""
    found = blocks(page)
    session = "\n".join(code for kind, code in found if kind == "pycon")
    test = doctest.DocTestParser().get_doctest(session, {}, page, page, 0)
    results = doctest.DocTestRunner().run(test)
    commands = list(shown_commands(found))
    failed = results.failed + sum(not is_printed(*each) for each in commands)
    around = "".join(code for kind, code in found if kind == "python")
    failed += sum(not is_run(around + code) for kind, code in found if kind == "{stage}")
    files = re.findall(r"Wrote (\S+) and (\S+)", "".join(code for _, code in found))
    missing = [name for pair in files for name in pair if not Path(name).is_file()]
    print(
        f"{page}: {results.attempted} lines of Python and {len(commands)} commands, "
        f"{failed} failed, {len(missing)} files missing"
    )
    return failed + len(missing)


def is_run(code: str) -> bool:
    """Whether code that a reader copies runs as it stands."""
    try:
        exec(code, {})
    except Exception as error:
        print(f"{code}\nends with {error!r}")
        return False
    return True


def shown_commands(found: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each command whose output the page shows, with that output."""
    for (kind, code), (following, output) in zip(found, [*found[1:], ("", "")]):
        if kind == "text" and code.startswith("$ "):
            line, _, printed = code[2:].partition("\n")
            yield line, printed
        elif kind == "sh" and following == "text":
            yield code.strip().split("&&")[-1], output


def is_printed(command: str, expected: str) -> bool:
    """Whether a command, by the program beside this Python, prints what the README says."""
    name, *arguments = shlex.split(command)
    program = Path(sys.executable).with_name(Path(name).name)
    finished = subprocess.run(
        [str(program), *arguments], capture_output=True, encoding="utf-8", check=False
    )
    printed = finished.stdout + finished.stderr
    if printed != expected:
        print(f"{command}\nprints\n{printed}\nand the page says\n{expected}")
    return printed == expected


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.exit(main())
