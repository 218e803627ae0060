"""Run what the README shows: its Python sessions, its scripts, and the command it begins with.

    python .ci/readme.py

The `pycon` blocks are one session whose output must match. The `text` block after the first `sh`
block is the output of its last command; one that begins with `$` shows a command and its output.
A session after `<!-- needs NAME -->` is left out where that module is not installed.
"""

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


BLOCK = r"(?:^<!-- needs (\w+) -->\n)?^```(\w+)\n(.*?)^```$"


def blocks(text: str) -> list[tuple[str, str]]:
    found = re.findall(BLOCK, text, flags=re.MULTILINE | re.DOTALL)
    left_out = [needs for needs, _, _ in found if needs and not importlib.util.find_spec(needs)]
    for needs in left_out:
        print(f"README: left out what needs {needs}")
    return [(kind, code) for needs, kind, code in found if needs not in left_out]


def main() -> int:
    found = blocks(README.read_text("utf-8"))
    session = "\n".join(code for kind, code in found if kind == "pycon")
    test = doctest.DocTestParser().get_doctest(session, {}, "README", "README.md", 0)
    results = doctest.DocTestRunner().run(test)
    at, command = next((i, c) for i, (kind, c) in enumerate(found) if kind == "sh")
    commands = [(command.strip().split("&&")[-1], found[at + 1][1])]
    for kind, code in found:
        if kind == "text" and code.startswith("$ "):
            line, _, output = code[2:].partition("\n")
            commands.append((line, output))
    failures = results.failed + sum(not is_printed(*each) for each in commands)
    missing = [name for name in ("graph.svg", "steps.html") if not Path(name).is_file()]
    print(
        f"README: {results.attempted} lines of Python and {len(commands)} commands, "
        f"{failures} failed, {len(missing)} files missing"
    )
    return 1 if failures or missing else 0


def is_printed(command: str, expected: str) -> bool:
    """Whether a command, by the program beside this Python, prints what the README says."""
    name, *arguments = shlex.split(command)
    program = Path(sys.executable).with_name(Path(name).name)
    finished = subprocess.run(
        [str(program), *arguments], capture_output=True, encoding="utf-8", check=False
    )
    printed = finished.stdout + finished.stderr
    if printed != expected:
        print(f"{command}\nprints\n{printed}\nand the README says\n{expected}")
    return printed == expected


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.exit(main())
