"""Build the site and hold it: its links lead somewhere, its pages run, and nothing is requested.

    python .ci/site.py

Links are followed without a network, those to other sites are only listed in their number. Every
question leads to the sections that answer it. With playwright and Chromium every page is opened: a
message on the console, an error, a request that is not for a file of the site, a picture without
alternative text or a stage that does not answer is a failure.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "site"
STEP = """async stages => {
    const answers = stages.map(({ stage }) => {
        const before = JSON.stringify(stage.step());
        stage.go(stage.index > 0 ? 0 : stage.count - 1);
        return JSON.stringify(stage.step()) !== before || stage.count < 2;
    });
    for (let i = 0; i < 2; i += 1) { await new Promise(requestAnimationFrame); }
    await new Promise(requestIdleCallback);
    return answers;
}"""
"""Steps every stage, and waits until the page is drawn and idle: by then it has spoken."""


class Page(HTMLParser):
    """The links of a page, the places in it, and its pictures without alternative text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.mute: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.places |= {name for name in (found.get("id"), found.get("name")) if name}
        self.links += [link for link in (found.get("href"), found.get("src")) if link]
        if tag == "img" and not (found.get("alt") or "").strip("_ "):
            self.mute.append(str(found.get("src"))[:60])


def broken(pages: dict[Path, Page]) -> Iterator[str]:
    """Links that lead nowhere, and pictures that say nothing to who does not see them."""
    outside = set()
    for path, page in pages.items():
        yield from (f"{name(path)}: no alternative text: {source}" for source in page.mute)
        for link in page.links:
            if urlparse(link).scheme in ("http", "https", "mailto", "data", "javascript"):
                outside |= {link} if link.startswith("http") else set()
                continue
            address, place = urldefrag(unquote(link))
            address = address.partition("?")[0]
            target = (path.parent / address).resolve() if address else path
            if not target.is_file() or not target.is_relative_to(SITE):
                yield f"{name(path)}: {link} leads nowhere"
            elif place and target in pages and place not in pages[target].places:
                yield f"{name(path)}: no place {place} in {name(target)}"
    print(f"{len(outside)} links to other sites were not followed")


def unled() -> Iterator[str]:
    """Rows of the page of questions that lead to no section, or to a page as a whole."""
    text = (SITE / "questions.html").read_text("utf-8")
    rows = re.findall(r"<tr[^>]*><td>(.*?)</td>\s*<td>(.*?)</td>", text, re.DOTALL)
    if not rows:
        yield "questions.html: there is no question"
    for question, answer in rows:
        links = re.findall(r'href="([^"]*)"', answer)
        if not links or not all(urldefrag(link).fragment for link in links):
            yield f"questions.html: no section answers {question}"


def unwell(paths: list[Path]) -> Iterator[str]:
    """What a browser has to say of the pages."""
    executable = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if executable is None or find_spec("playwright") is None:
        print("The pages were not opened, since there is no playwright or no Chromium")
        return
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(reduced_motion="reduce")
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.extend(outside(request.url)))
        stages = 0
        for path in paths:
            page.goto(path.as_uri())
            answers = page.eval_on_selector_all(".glassgrad-stage", STEP)
            stages += len(answers)
            said += ["a stage does not answer"] * answers.count(False)
            yield from (f"{name(path)}: {text}" for text in said)
            said.clear()
        browser.close()
    print(f"{len(paths)} pages were opened, with {stages} stages")


def outside(address: str) -> list[str]:
    return [] if address.startswith((f"{SITE.as_uri()}/", "data:")) else [f"requests {address}"]


def name(path: Path) -> str:
    return str(path.relative_to(SITE))


def main() -> int:
    built = subprocess.run([sys.executable, str(ROOT / "docs" / "build.py")], check=False)
    if built.returncode:
        return built.returncode
    paths = [path for path in sorted(SITE.rglob("*.html")) if not re.search("/_static/", str(path))]
    pages = {path: Page(path.read_text("utf-8")) for path in paths}
    found = [*broken(pages), *unled(), *unwell(paths)]
    print("\n".join(found) or f"The site holds: {len(pages)} pages")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
