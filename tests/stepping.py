"""A stepper on a page in a browser: what it shows, and what it should show at each step.

`Stepper.shown` reads everything that depends on the step from the page, and `expected` says the
same from the steps in Python. Tests compare the two after every action.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from browsing import Pages
from lecture import lecture_neuron

from glassgrad import Backprop, Neuron, Value, backprop, where
from glassgrad.engine.printing import short
from glassgrad.viz.steps import Steps
from glassgrad.viz.words import checks, equations, line_of, sentence

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

HEAD = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Test</title>'
HEAR = "window.heard = []; addEventListener('keydown', event => heard.push(event.key));"
"""A script that notes which keys reach the page."""
STATUSES = ("waiting", "partial", "in progress", "done")

READ = """root => {
  const all = (selector, read) => Array.from(root.querySelectorAll(selector), read);
  const text = selector => root.querySelector(selector).textContent;
  const rows = all(".gg-steps tbody tr", row => row);
  const numbered = has => rows.flatMap((row, i) => has(row) ? [i] : []);
  const lit = (selector, key) => all(selector, part => part.dataset[key]).sort();
  const number = word => Object.fromEntries(all("[data-n]", part => {
    const lines = Array.from(part.querySelectorAll("text"), line => line.textContent);
    const found = lines.filter(line => line.startsWith(word + " "));
    return [part.dataset.n, found.length ? found[0].slice(word.length + 1) : null];
  }));
  const slider = root.querySelector("input[type=range]");
  return {
    count: text(".gg-count"),
    slider: [slider.min, slider.value, slider.max].map(Number),
    spoken: slider.getAttribute("aria-valuetext"),
    says: text(".gg-sentence"),
    phase: text(".gg-phase"),
    equations: all(".gg-equation", line => line.textContent),
    uses: text(".gg-uses"),
    line: text(".gg-line"),
    check: text(".gg-check"),
    rows: numbered(row => row.classList.contains("gg-now")),
    current: numbered(row => row.getAttribute("aria-current") === "step"),
    secret: numbered(row => row.classList.contains("gg-secret")),
    future: numbered(row => row.classList.contains("gg-future")),
    now: lit("[data-n].gg-now", "n"),
    goal: lit("[data-n].gg-goal", "n"),
    edges: lit("[data-e].gg-now", "e"),
    ellipses: lit("[data-o].gg-now", "o"),
    stretches: lit("[data-r].gg-now", "r"),
    later: lit("[data-e].gg-later", "e"),
    values: number("value"),
    gradients: number("grad"),
    statuses: Object.fromEntries(
      all("[data-status]", part => [part.dataset.n, part.dataset.status])),
    titles: Object.fromEntries(
      all("[data-n]", part => [part.dataset.n, part.querySelector("title").textContent])),
    legend: all(".gg-legend b", part => Number(part.textContent)),
    images: root.querySelectorAll("img").length,
    pictures: root.querySelectorAll(".gg-picture svg").length,
    player: root.querySelector(".gg-play").getAttribute("aria-label"),
    predicting: root.querySelector(".gg-predict").getAttribute("aria-pressed"),
    guessing: !root.querySelector(".gg-guess").hidden,
    verdict: text(".gg-verdict"),
    mistakes: root.querySelector(".gg-mistakes")?.hidden === false,
    stuck: all(".gg-toolbar [aria-disabled=true]", part => part.className)
  };
}"""


@dataclass
class Stepper:
    """One stepper on a page, with the steps that it was made from."""

    root: "Locator"
    steps: Steps

    def button(self, name: str) -> "Locator":
        return self.root.locator(f".gg-toolbar .gg-{name}")

    def click(self, *names: str) -> None:
        """Click buttons of the toolbar, one after the other, also those that cannot go further."""
        for name in names:
            self.button(name).click(force=True)

    def switch(self, how: str, key: str, button: str) -> None:
        """Do the same by a key or by a button."""
        if how == "key":
            self.press(key)
        else:
            self.click(button)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            self.root.page.keyboard.press(key)

    def focus(self) -> None:
        """Give the stepper the keys as a reader does, by a click where nothing else is."""
        self.root.locator(".gg-sentence").click()

    def focused(self) -> str:
        """What has the focus: the class of it, or else its name or kind."""
        return self.root.page.evaluate("""() => {
          const part = document.activeElement;
          return part.className || part.getAttribute("aria-label") || part.type || part.tagName;
        }""")

    def guess(self, text: str) -> None:
        """Write a guess and send it."""
        self.field.fill(text)
        self.field.press("Enter")

    @property
    def field(self) -> "Locator":
        return self.root.get_by_label("Your guess")

    @property
    def slider(self) -> "Locator":
        return self.root.get_by_role("slider", name="Step")

    def node(self, index: int) -> "Locator":
        return self.root.locator(f"[data-n='{index}']")

    def row(self, number: int) -> "Locator":
        return self.root.locator(".gg-steps tbody tr").nth(number - 1)

    def shown(self) -> dict[str, Any]:
        return self.root.evaluate(READ)

    def at(self) -> int:
        """The number of the step that the slider tells."""
        return int(self.slider.input_value())

    def check(self, number: int, **otherwise: Any) -> None:
        """Everything shows the step of this number, except what is given otherwise."""
        assert self.shown() == expected(self.steps, number) | otherwise


def steppers(page: "Page", steps: Steps) -> list[Stepper]:
    return [Stepper(root, steps) for root in page.locator(".glassgrad-steps").all()]


def fragment(new_page: Pages, steps: Backprop, before: str = "", **options: Any) -> Stepper:
    """A stepper in a page of somebody else, after the HTML `before`."""
    (one,) = steppers(new_page.show(HEAD + before + steps.html(), **options), steps)
    return one


def document(new_page: Pages, steps: Backprop, **options: Any) -> Stepper:
    """A stepper as the document that `save` writes; it has the keys at once."""
    (one,) = steppers(new_page.show(steps.standalone_html(), **options), steps)
    return one


def expected(steps: Steps, number: int) -> dict[str, Any]:
    """What a page shows at step `number`, counted from 1, while nothing is played or hidden."""
    step, end = steps[number - 1], len(steps)
    is_backward = step.phase == "backward"
    place = steps.diagram[step.node].name
    if is_backward:
        place += f" → {steps.diagram[step.parent].name}"
    at_work = [str(step.node)] if step.phase in ("forward", "backward") else []
    is_complete = is_backward and step.received == step.uses
    return {
        "count": f"step {number} of {end}",
        "slider": [1, number, end],
        "spoken": f"step {number} of {end}, {step.phase}",
        "says": sentence(steps, step),
        "phase": step.phase + place,
        "equations": ["".join(_term(term) for term in e) for e in equations(steps, step)],
        "uses": _uses(step.received, step.uses) if is_backward else "",
        "line": line_of(steps.diagram[step.node]),
        "check": checks(steps).get(step.parent, "") if is_complete else "",
        "rows": [number - 1],
        "current": [number - 1],
        "secret": [],
        "future": [],
        "now": [str(step.node)],
        "goal": [str(step.parent)] if is_backward else [],
        "edges": [f"{step.node}_{step.operand}"] if is_backward else [],
        "ellipses": at_work,
        "stretches": at_work,
        "later": sorted(_later(steps, number)),
        **_numbers(steps, number),
        **_statuses(steps, number),
        "images": 0,
        "pictures": 1,
        "player": "Play",
        "predicting": "false",
        "guessing": False,
        "verdict": "",
        "mistakes": False,
        "stuck": ["gg-first", "gg-back"] * (number == 1)
        + ["gg-forward", "gg-last"] * (number == end),
    }


def _term(term: Any) -> str:
    return term if isinstance(term, str) else term[0] + term[1]


def _uses(received: int, uses: int) -> str:
    unit = "use" if uses == 1 else "uses"
    end = "complete" if received == uses else "the gradient is not complete yet"
    return f"{received} of {uses} {unit} received: {end}"


def _later(steps: Steps, number: int) -> Iterator[str]:
    """The edges whose local derivatives are still to come, since their operation is."""
    for step in steps[number:]:
        if step.phase == "forward":
            for position, _, _ in steps.diagram[step.node].edges():
                yield f"{step.node}_{position}"


def _numbers(steps: Steps, number: int) -> dict[str, dict[str, str | None]]:
    """The values and gradients that stand in the boxes, as far as they have come."""
    values, gradients = {}, {}
    for node in steps.diagram:
        come = short(node.data) if node.operation is None else "–"
        values[str(node.index)] = None if node.is_constant else come
        gradients[str(node.index)] = None if node.is_constant else "–"
    for step in steps[:number]:
        goal = str(step.node if step.parent is None else step.parent)
        if step.phase in ("seed", "backward"):
            gradients[goal] = short(step.after)
        else:
            values[goal] = short(step.value)
    return {"values": values, "gradients": gradients}


def _statuses(steps: Steps, number: int) -> dict[str, Any]:
    """The status of every node: on its box, in words, and counted in the legend."""
    uses = {step.parent: step.uses for step in steps if step.phase == "backward"}
    received = {step.parent: step.received for step in steps[:number]}
    statuses, titles = {}, {}
    for index, status in enumerate(steps.statuses(number - 1)):
        titles[str(index)] = status
        if status:
            statuses[str(index)] = status
        if status and index in uses:
            unit = "use" if uses[index] == 1 else "uses"
            titles[str(index)] += f", {received.get(index, 0)} of {uses[index]} {unit} received"
    counts = [list(statuses.values()).count(status) for status in STATUSES]
    return {"statuses": statuses, "titles": titles, "legend": counts}


# Graphs that several files step through.


def neuron() -> Backprop:
    return backprop(Neuron(2, seed=0)([1.0, 2.0]), learning_rate=0.1)


def lecture() -> Backprop:
    return backprop(lecture_neuron(), learning_rate=0.1)


def shared() -> Backprop:
    """The graph of a * a + a, with a = x + 1, whose node a is used three times."""
    x = Value(2.0, label="x")
    a = x + 1.0
    a.label = "a"
    y = a * a + a
    y.label = "y"
    return backprop(y, learning_rate=0.1)


def choice() -> Backprop:
    """Two nodes that no gradient reaches: the condition of a choice, and the operand of a sign."""
    condition, x = Value(1.0, label="c"), Value(3.0, label="x")
    y = where(condition, x * x, x) + Value(-2.0, label="s").sign()
    y.label = "y"
    return backprop(y)
