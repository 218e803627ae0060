"""Which tests are left out where, what is said of it, and that a page of figures has all parts."""

from collections import Counter
from pathlib import Path

import needing
import pytest
from figures import SECTIONS, Figures

FILES = sorted(Path(__file__).parent.glob("test_*.py"))


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needing, "is_here", lambda name: name != "torch")


def test_one_line_says_how_many_are_left_out_and_why() -> None:
    assert needing.sentence(Counter()) == ""
    assert needing.sentence(Counter({"slow": 2, "torch": 3, "a GPU": 1})) == (
        "6 tests are left out: 3 need torch, 2 slow, 1 needs a GPU. Packages come with "
        "pip install '.[benchmark]'. Slow ones run with pytest -m slow."
    )
    assert needing.sentence(Counter({"slow": 1})).startswith("1 test is left out: 1 slow.")


def test_a_file_that_needs_a_package_to_be_imported_is_known(
    tmp_path: Path, without_torch: None
) -> None:
    path = tmp_path / "test_it.py"
    path.write_text('pytestmark = pytest.mark.needs("torch")\n\ndef test_a(): pass\n')
    assert needing.missing_for_file(path) == ("torch", 1)
    path.write_text('pytestmark = pytest.mark.needs("jax")\n\ndef test_a(): pass\n')
    assert needing.missing_for_file(path) is None


def test_the_files_that_take_longest_come_first() -> None:
    assert set(needing.LONGEST) <= {path.stem for path in FILES}
    assert sorted(["test_any", *reversed(needing.LONGEST)], key=needing.turn) == [
        *needing.LONGEST,
        "test_any",
    ]


def test_what_repeats_itself_is_slow_but_for_the_first() -> None:
    marked = [bool(each.marks) for each in needing.mostly_slow(range(4), kept=2)]
    assert marked == [False, False, True, True]


def test_items_are_sorted_out(request: pytest.FixtureRequest, without_torch: None) -> None:
    """Here with this very test, which is given marks."""
    item = request.node
    for marks, slow_too, reason in (
        ([], False, None),
        ([pytest.mark.slow], False, "slow"),
        ([], True, None),  # it is slow since
        ([pytest.mark.needs("torch")], True, "torch"),
    ):
        for mark in marks:
            item.add_marker(mark)
        items = [item]
        out, reasons = needing.sort_out(items, slow_too)
        assert (items, out) == (([item], []) if reason is None else ([], [item]))
        assert dict(reasons) == ({} if reason is None else {reason: 1})


def test_no_test_skips_itself() -> None:
    """It would go unnoticed; where a whole file has to, its mark says why."""
    skipping = [
        f"{path.name}: {line.strip()}"
        for path in FILES
        if path != Path(__file__)
        for line in path.read_text("utf-8").splitlines()
        if ("pytest.skip(" in line or "skipif" in line or "importorskip" in line)
        and "asked for by its name" not in line
    ]
    assert not skipping


def test_every_section_of_the_page_of_figures_has_a_test() -> None:
    texts = [path.read_text("utf-8") for path in FILES if path != Path(__file__)]
    assert [name for name in SECTIONS if not any(f'"{name}"' in text for text in texts)] == []
    figures = Figures()
    assert figures.missing() == list(SECTIONS)
    for name in SECTIONS:
        figures.add(name, "things", 3)
        figures.add(name, "things", 4)
    assert figures.missing() == []
    page = figures.page("pytest", ["Python"])
    assert page.count("| things | 7 |") == len(SECTIONS)
    assert all(f"## {name}\n" in page for name in SECTIONS)
