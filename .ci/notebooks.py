"""Execute the notebooks from their sources; with --check, compare the text they print.

python .ci/notebooks.py          execute and save with outputs
python .ci/notebooks.py --check  execute and compare with the saved outputs
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent


def texts(notebook) -> list[list[str]]:
    """What each cell printed or showed as text; pictures depend on the machine's fonts."""
    return [
        [
            output.get("text") or output.get("data", {}).get("text/plain", "")
            for output in cell.get("outputs", [])
        ]
        for cell in notebook.cells
    ]


def main() -> int:
    check = "--check" in sys.argv
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        saved = nbformat.read(path, as_version=4)
        fresh = nbformat.from_dict(saved)
        before = texts(saved)
        for cell in fresh.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        place = {"metadata": {"path": str(ROOT)}}
        # On a busy machine one text comes in several pieces.
        NotebookClient(fresh, timeout=600, resources=place, coalesce_streams=True).execute()
        for cell in fresh.cells:
            cell.metadata.pop("execution", None)
        if not check:
            nbformat.write(fresh, path)
        elif (now := texts(fresh)) != before:
            print(f"{path.name}: the text printed is not the text saved")
            for number, (saved_text, printed) in enumerate(zip(before, now)):
                if saved_text != printed:
                    print(f"cell {number}\nsaved: {saved_text}\nprinted: {printed}")
            return 1
        print(f"{path.name}: executed, {len(fresh.cells)} cells")
    return 0


if __name__ == "__main__":
    sys.exit(main())
