"""Scripts and styles of pages in fewer characters do what they did."""

import json
import re
from collections.abc import Callable

import pytest
from browsing import PAINTED, Pages
from stepping import HEAD, branches, chain, lecture, network, with_loss

from glassgrad import Backprop
from glassgrad.viz import markup
from glassgrad.viz.markup import asset, compact, digest, stage_files, stage_script
from glassgrad.viz.page import Page
from glassgrad.viz.stage import scripts_of

RULES = """() => [...[...document.styleSheets].at(-1).cssRules]
  .map(rule => rule.cssText.replaceAll(", ", ","))"""


def test_scripts_and_styles_are_shortened_beforehand() -> None:
    """Else pages are longer: run `python .ci/shorten.py`."""
    made_of = {name: digest(name) for name in (*stage_files(), *markup.OTHERS)}
    assert json.loads(asset("stage/short.json"))["of"] == made_of
    assert len(stage_script()) < 0.55 * len(stage_script(is_short=False))
    for name in markup.OTHERS:
        assert len(compact(name)) < 0.9 * len(asset(name))


@pytest.mark.parametrize("changed", ["stage/folds.js", "stage/stage.css", "program.js"])
def test_what_was_changed_since_is_as_it_is_written(
    changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, kept_script = {name: compact(name) for name in markup.OTHERS}, stage_script()
    texts = {changed: f"{asset(changed)}\n/* changed */"}
    monkeypatch.setattr(markup, "asset", lambda name: texts.get(name) or asset(name))
    fresh = {name: compact.__wrapped__(name) for name in markup.OTHERS}
    script = stage_script.__wrapped__()
    is_stage = changed in stage_files()
    assert (script != kept_script) is is_stage
    assert ("/* changed */" in script) is is_stage
    assert {name for name, text in fresh.items() if text != kept[name]} == {changed} - (
        {changed} if is_stage else set()
    )
    assert is_stage or fresh[changed] == texts[changed]


@pytest.mark.parametrize("name", ["stage/stage.css", "stage/network.css", "program.css"])
def test_a_short_style_has_the_same_rules(name: str, new_page: Pages) -> None:
    page = new_page.show(f"{HEAD}<style>{compact(name)}</style><p>short</p>")
    short = page.evaluate(RULES)
    page = new_page.show(f"{HEAD}<style>{asset(name)}</style><p>long</p>")
    assert len(short) > 15
    names = short_names("stage/stage.css") | short_names(name)
    assert short_names("stage/stage.css").items() <= names.items()  # one name in both files
    assert len(set(names.values())) == len(names)
    long = [PROPERTY.sub(lambda each: names[each[0]], rule) for rule in page.evaluate(RULES)]
    assert short == long


PROPERTY = re.compile(r"--[\w-]+")


def short_names(name: str) -> dict[str, str]:
    """What the properties of a style sheet are called in its short form."""
    long, short = map(PROPERTY.findall, (asset(name), compact(name)))
    return dict(zip(long, short, strict=True))


STAGES = [lecture, with_loss, branches, network, chain]
WALK = """() => {
  const root = document.querySelector(".glassgrad-stage"), { stage } = root, seen = [];
  const note = () => {
    seen.push(root.querySelector(".gg-stage").innerHTML, JSON.stringify(stage.numbers()));
  };
  const walk = () => { for (let i = 0; i < stage.count; i += 1) { stage.go(i); note(); } };
  walk();
  const buttons = ".gg-toolbar button, .gg-tools button, .gg-levels button";
  root.querySelectorAll(buttons).forEach((button) => {
    button.click();
    note();
  });
  const [leaf] = Object.keys(stage.numbers());
  try { stage.set(leaf, 0.75); } catch (fault) { seen.push(fault.message); }
  walk();
  return seen;
}"""


@pytest.mark.parametrize("build", STAGES, ids=lambda build: build.__name__)
def test_the_stage_does_the_same_with_short_names(
    build: Callable[[], Backprop], new_page: Pages
) -> None:
    steps = build()
    page = Page(steps)
    seen = []
    for is_short in (True, False):
        shown = new_page.show(f"{HEAD}<main>{page.element}</main>")
        shown.emulate_media(reduced_motion="reduce")
        script = stage_script(scripts_of(steps), is_short=is_short)
        shown.evaluate(f"() => {script}(document, null, {page.functions}).length")
        shown.evaluate(PAINTED)
        seen.append(shown.evaluate(WALK))
    assert len(seen[0]) > 20
    assert seen[0] == seen[1]
