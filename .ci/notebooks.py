"""Execute the notebooks from their sources; with --check, hold them to what they have saved.

    python .ci/notebooks.py [NAME ...]           execute and save with outputs
    python .ci/notebooks.py --check [NAME ...]   execute, and compare

NAME is part of a path below notebooks/, as 04 or vi/01; without one all are executed, two at a
time. In both cases every number in the prose must be one that the notebook computes or has in its
code, rounded to the digits in which it is written. A date or another number from elsewhere is named
in a comment of its cell: `<!-- given: 1986 -->`.
"""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
NUMBER = r"(?<![\w.,])[-−]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?(?![\d])"
LEFT_OUT = re.compile(r"<!--.*?-->|\]\([^)]*\)|https?://\S+|`{3}.*?`{3}|</?[a-z][^<>]*>", re.DOTALL)
"""What in prose is no statement: comments, addresses, blocks of code, tags."""
GIVEN = re.compile(r"<!-- given: (.*?) -->", re.DOTALL)
PICTURE = re.compile(
    r"style=\"max-width:[^\"]*|src=\"data:image[^\"]*|data:image[^\"')]*|<svg\b.*?</svg>", re.DOTALL
)
"""What depends on the fonts of the machine: pictures, and how wide they are."""


def outputs(notebook) -> list[list[str]]:
    """What each cell printed, showed or raised; but for pictures, which depend on the fonts."""
    return [[shown(output) for output in cell.get("outputs", [])] for cell in notebook.cells]


def shown(output) -> str:
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return said(output) + PICTURE.sub("", output.get("data", {}).get("text/html", ""))


def said(output) -> str:
    """The text of an output, without the page that it may be too."""
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def cells_of(output) -> str:
    """What the cells of tables in an output say: of a long page the text is its repr alone."""
    return " ".join(re.findall("<td[^>]*>([^<]*)", output.get("data", {}).get("text/html", "")))


def executed(saved):
    """A fresh copy of a notebook with the outputs of this run."""
    fresh = nbformat.from_dict(saved)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    place = {"metadata": {"path": str(ROOT)}}
    # On a busy machine one text comes in several pieces.
    NotebookClient(fresh, timeout=600, resources=place, coalesce_streams=True).execute()
    for cell in fresh.cells:
        cell.metadata.pop("execution", None)
    return fresh


def stale(saved, fresh) -> list[str]:
    """Where what is saved is not what is shown."""
    return [
        f"cell {number}: what is saved is not what is shown now\n{first_difference(before, now)}"
        for number, (before, now) in enumerate(zip(outputs(saved), outputs(fresh)))
        if before != now
    ]


def first_difference(before: list[str], now: list[str]) -> str:
    old, new = "\n".join(before), "\n".join(now)
    at = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
    place = slice(max(0, at - 60), at + 60)
    return f"saved: …{old[place]!r}…\nshown: …{new[place]!r}…"


def numbers_in(text: str) -> list[str]:
    return [found.replace(",", "").replace("−", "-") for found in re.findall(NUMBER, text)]


def unfounded(notebook) -> list[str]:
    """Numbers that the prose states and nothing in the notebook computes or sets.

    A minus may be that of a formula, so that of a negative number in the prose the size counts too.
    """
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = [f"{said(output)} {cells_of(output)}" for output in outputs]
    known = {float(n) for text in sources + printed for n in numbers_in(text)}
    found = []
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        given = set(numbers_in(" ".join(GIVEN.findall(cell.source))))
        prose = LEFT_OUT.sub(" ", cell.source)
        for match in re.finditer(NUMBER, prose):
            written = numbers_in(match[0])[0]
            is_share = re.match(r"\s*(?:%|per cent)", prose[match.end() :])
            candidates = {100 * n for n in known} | known if is_share else known
            if written.startswith("-"):
                candidates = candidates | {-number for number in candidates}
            is_small = written.isdigit() and len(written) == 1
            if not is_small and written not in given and not is_among(written, candidates):
                found.append(f"cell {place} states {written}, which nothing here computes")
    return found


def is_among(written: str, known: set[float]) -> bool:
    """Whether a number that is known gives this one where it is rounded to as many digits."""
    mantissa, _, exponent = written.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return any(abs(number - float(written)) <= 0.5000001 * unit for number in known)


def problems(path: Path, check: bool) -> list[str]:
    start, name = perf_counter(), name_of(path)
    saved = nbformat.read(path, as_version=4)
    fresh = executed(saved)
    if not check:
        nbformat.write(fresh, path)
    print(f"{name}: {len(fresh.cells)} cells, {perf_counter() - start:.1f} s", flush=True)
    found = [*(stale(saved, fresh) if check else []), *unfounded(fresh)]
    return [f"{name}, {problem}" for problem in found]


def name_of(path: Path) -> str:
    """How a notebook is called: those of other languages have the same file names."""
    return path.relative_to(NOTEBOOKS).as_posix()


def main() -> int:
    check = "--check" in sys.argv
    names = [argument for argument in sys.argv[1:] if argument != "--check"]
    paths = [
        path
        for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts
        and (not names or any(name in name_of(path) for name in names))
    ]
    with ThreadPoolExecutor(2) as pool:
        found = [each for every in pool.map(lambda p: problems(p, check), paths) for each in every]
    print("\n".join(found) or f"{len(paths)} notebooks hold")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
