"""`docs/training.md` is true: its sessions run, one after the other, and print what it says."""

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "training.md"


@pytest.mark.needs("sklearn", "torch", "scipy")
def test_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text("utf-8")
    session = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE.name, str(PAGE), 0)
    failures: list[str] = []
    results = doctest.DocTestRunner().run(test, out=failures.append)
    assert results.attempted > 50
    assert not results.failed, "".join(failures)
