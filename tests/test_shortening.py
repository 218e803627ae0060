"""Scripts in fewer characters do what they did."""

import json
from collections.abc import Callable

import pytest
from browsing import Pages
from stepping import HEAD, branches, chain, lecture, network, with_loss

from glassgrad import Backprop
from glassgrad.viz.assets import asset, shortened, stage_script
from glassgrad.viz.page import Page
from glassgrad.viz.shortening import compacted, with_short_names


@pytest.mark.parametrize(
    ("script", "short"),
    [
        ("a = \"x  /* +\"; /* b */ f( a , '\\'  ;' );", "a=\"x  /* +\";f(a,'\\'  ;');"),
        ("`c  ${ a } \\`  ;` ;", "`c  ${a} \\`  ;`;"),
        ("`${ { a: `}${ b }{` }.a } {` ;", "`${{a:`}${b}{`}.a} {`;"),
        ("s.replace(/ [/\"] +/g, '') / 2 / n", "s.replace(/ [/\"] +/g,'')/2/n"),
        ("return /'  '/.test(x) ;", "return/'  '/.test(x);"),
        ("if (a) {\n  return b / 2 - -1 + '/  /';\n}", "if(a){return b/2- -1+'/  /'}"),
        ("a += b++ + 1 - - c; d = a - b;", "a+=b++ +1- -c;d=a-b;"),
        ("f((a) => (b) => [(c, d) => 1e-3, (e)]);", "f(a=>b=>[(c,d)=>1e-3,(e)]);"),
        ("typeof a in b; a.in ? .5 : a?.b ?? c;", "typeof a in b;a.in?.5:a?.b??c;"),
        (
            "const a = { true: true, const: false }; const b = a.const === undefined;",
            "let a={true:!0,const:!1},b=a.const===void 0;",
        ),
    ],
)
def test_what_is_left_of_a_script_means_the_same(script: str, short: str) -> None:
    assert compacted(script) == short


TRICKY = """
const first = 3, { second, third: [fourth, ...rest] = [4, 5, 6] } = { second: 2 };
let log = "";
function say(...words) { log += words.join(" ") + ";"; return words.length; }
function outer(first, { second = first, deep: { third = 7 } = {} } = {}) {
  const inner = (fourth) => (fourth ? inner(fourth - 1) + first : second);
  for (const [key, value] of Object.entries({ first, second, third })) { say(key, value); }
  function inside(value) { const first = value; return () => first + third; }
  const made = { first, second: third, say(log) { return log + first; },
    get third() { return inner(2); } };
  try { null.third; } catch (fault) { say(`${ fault instanceof TypeError } ${ `<${ first }>` }`); }
  switch (made.say(1)) { case 11: say("eleven"); break; default: say("other", made.say(1)); }
  return [inner(2), inside(5)(), made.third, made.second, ...rest.map((first) => first + fourth)];
}
const label = { log: { first: 1 } }, of = [1];
for (const [each] of [of]) { say(each, of.length); }
say(/[/]first[)]/g.test("/first)") ? "yes" : "no", 8 / first / second, label.log.first,
  label["log"].first);
let a = 1, b = 2;
[a, b] = [b, a];
return JSON.stringify([outer(10, { deep: {} }), outer(1), a, b, log, { first, second, fourth }]);
"""


def test_a_script_with_short_names_does_the_same(new_page: Pages) -> None:
    ((short,), _) = with_short_names([TRICKY])
    assert len(short) < 0.8 * len(compacted(TRICKY))
    assert "fault instanceof" not in short
    page = new_page.show(f"{HEAD}<p>Test</p>")
    before, after = (
        page.evaluate(f"() => {{'use strict';{script}}}") for script in (TRICKY, short)
    )
    assert after == before
    assert json.loads(before)[0][:2] == [30, 12]


def test_scripts_know_each_others_variables_and_their_parameters() -> None:
    scripts = ["const count = given + 1;", "function twice(count) { return 2 * count + given; }"]
    assert with_short_names(scripts, ["given"]) == (
        ["let a=b+1;", "function c(a){return 2*a+b}"],
        ["b"],
    )


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^The scripts use fetch, y\. Declare it, or add it to"):
        with_short_names(["function f(x) { return fetch(x) + y; }", "function g() { let x; }"])


def test_what_is_no_javascript_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^No token of JavaScript: '@a'"):
        compacted("@a")


def test_the_scripts_of_the_stage_are_shortened_beforehand() -> None:
    """Else every first page would wait for it: run `python .ci/shorten.py`."""
    assert json.loads(asset("stage/short.json")) == shortened()
    assert len(stage_script()) < 0.55 * len(stage_script(is_short=False))


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
    page = Page(build())
    seen = []
    for is_short in (True, False):
        shown = new_page.show(f"{HEAD}<main>{page.element}</main>")
        shown.emulate_media(reduced_motion="reduce")
        script = stage_script(is_short=is_short)
        shown.evaluate(f"() => {script}(document, null, {page.functions}).length")
        seen.append(shown.evaluate(WALK))
    assert len(seen[0]) > 20
    assert seen[0] == seen[1]
