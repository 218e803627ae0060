"""A stage on a page in a browser: what it shows, and what it should show at each step.

`Stepper.shown` reads everything that depends on the step from the page, and `expected` says the
same from the steps in Python. `BUILDS` has the graphs on which the proofs are made.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from browsing import Pages
from lecture import lecture_neuron

from glassgrad import (
    MLP,
    Backprop,
    Neuron,
    Value,
    backprop,
    compiled,
    engine,
    l2,
    step_neuron,
    where,
)
from glassgrad.engine.printers import letters_and_index
from glassgrad.engine.text import short
from glassgrad.viz.steps import Steps
from glassgrad.viz.told import tell

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

HEAD = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Test</title>'
HEAR = "window.heard = []; addEventListener('keydown', event => heard.push(event.key));"
"""A script that notes which keys reach the page."""

READ = """root => {
  const all = (selector, read) => Array.from(root.querySelectorAll(selector), read);
  const text = selector => root.querySelector(selector).textContent;
  const slider = root.querySelector("input[type=range]");
  const texts = name => Object.fromEntries(all(".gg-box:not(.gg-constant)",
    box => [box.dataset.n, box.querySelector(name).textContent]));
  const roles = Object.fromEntries(["sender", "operation", "receiver"].map(role =>
    [role, all(`[data-role=${role}]`, part => part.dataset.n || part.dataset.o)]));
  return {
    count: text(".gg-count"),
    slider: [slider.min, slider.value, slider.max].map(Number),
    spoken: slider.getAttribute("aria-valuetext"),
    says: text(".gg-sentence"),
    equations: all(".gg-equation > :not(.gg-uses)", line =>
      Array.from(line.querySelectorAll("small, b"), part => part.textContent).join("")),
    uses: root.querySelector(".gg-uses")?.textContent || "",
    ...roles,
    values: texts(".gg-value"),
    gradients: texts(".gg-gradient"),
    statuses: all("[data-status]", part => [part.dataset.n, part.dataset.status])
      .filter(([, status]) => status),
    player: root.querySelector(".gg-play").getAttribute("aria-label"),
    predicting: root.querySelector(".gg-predict").getAttribute("aria-pressed"),
    guessing: !root.querySelector(".gg-guess").hidden,
    verdict: text(".gg-verdict"),
    drawer: root.stage.state().drawer,
    stuck: all(".gg-controls [aria-disabled=true]", part => part.className)
      .filter(name => name)
  };
}"""

DO = """(root, each) => {
  if (typeof each === "number") { root.stage.go(each); return; }
  const options = { key: each, bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", options));
}"""
"""Goes to a step, by its index, or tells the page of a key, by its name."""


@dataclass
class Stepper:
    """One stage on a page, with the steps that it was made from."""

    root: "Locator"
    steps: Steps

    def button(self, name: str) -> "Locator":
        return self.root.locator(f"button.gg-{name}")

    def click(self, *names: str) -> None:
        """Click buttons, one after the other, also those that cannot go further."""
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
        """Give the stage the keys as a reader does, by a click where nothing else is."""
        self.root.locator(".gg-equation").click(position={"x": 3, "y": 3})

    def focused(self) -> str:
        """What has the focus: the class of it, or else its name or kind."""
        return self.root.page.evaluate("""() => {
          const part = document.activeElement;
          return part.getAttribute("class") || part.getAttribute("aria-label") || part.type
            || part.tagName;
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

    def box(self, name: str) -> "Locator":
        """The box of a node, by its name."""
        index = next(node.index for node in self.steps.diagram if node.name == name)
        return self.root.locator(f".gg-box[data-n='{index}']")

    def row(self, number: int) -> "Locator":
        """The row of a step on the page, scrolled to, since far away there is none."""
        self.root.evaluate(
            """(root, number) => {
              const body = root.querySelector(".gg-drawer-body"), { count } = root.stage;
              body.scrollTop = body.scrollHeight * (number - 1) / count - body.clientHeight / 2;
            }""",
            number,
        )
        return self.root.locator(f".gg-drawer-table tr[aria-rowindex='{number + 1}']")

    def stage(self, does: str, *arguments: Any) -> Any:
        """What the stage answers: `stage("set", "x", 2.0)`, or `stage("index")`."""
        return self.root.evaluate(
            """(root, [does, ...given]) => typeof root.stage[does] === "function" ?
              root.stage[does](...given) : root.stage[does]""",
            [does, *arguments],
        )

    def go(self, number: int) -> None:
        """To step `number`, counted from 1."""
        self.stage("go", number - 1)

    def numbers(self) -> dict[str, dict[str, float | None]]:
        return self.stage("numbers")

    def shown(self) -> dict[str, Any]:
        return self.root.evaluate(READ)

    def shown_after(self, *does: int | str, read: str = READ) -> list[Any]:
        """What a page shows after each of these, which are indices of steps and names of keys.

        It is one call: a hundred take a hundred times as long. `read` is a function of the root.
        The keys come from no keyboard; those are in `test_browser_keys.py`.
        """
        return self.root.evaluate(
            f"(root, all) => all.map(each => {{ ({DO})(root, each); return ({read})(root); }})",
            does,
        )

    def at(self) -> int:
        """The number of the step that the slider tells."""
        return int(self.slider.input_value())

    def check(self, number: int, **otherwise: Any) -> None:
        """Everything shows the step of this number, except what is given otherwise."""
        assert self.shown() == expected(self.steps, number) | otherwise


def steppers(page: "Page", steps: Steps) -> list[Stepper]:
    return [Stepper(root, steps) for root in page.locator(".glassgrad-stage").all()]


def fragment(new_page: Pages, steps: Backprop, before: str = "", **options: Any) -> Stepper:
    """A stage in a page of somebody else, after the HTML `before`."""
    (one,) = steppers(new_page.show(HEAD + before + steps.html(), **options), steps)
    return one


def resting(part: "Locator") -> dict[str, float]:
    """Where a part is, once it stays there: a page that has just opened is laid out once more."""
    part.element_handle().wait_for_element_state("stable")
    box = part.bounding_box()
    assert box is not None
    return dict(box)


def document(new_page: Pages, steps: Backprop, **options: Any) -> Stepper:
    """A stage as the document that `save` writes; it has the keys at once."""
    (one,) = steppers(new_page.show(steps.standalone_html(), **options), steps)
    return one


def expected(steps: Steps, number: int) -> dict[str, Any]:
    """What a page of scalars shows at step `number`, counted from 1, while nothing is hidden."""
    step, end = steps[number - 1], len(steps)
    said = tell(steps, step)
    return {
        "count": f"step {number} of {end}",
        "slider": [1, number, end],
        "spoken": f"step {number} of {end}, {step.phase}",
        "says": as_formula(said.sentence),
        "equations": [
            "".join(
                t if isinstance(t, str) else as_formula(t.caption) + as_formula(str(t.text))
                for t in equation
            )
            for equation in said.equations
        ],
        "uses": _uses(step.received, step.uses) if step.parent is not None else "",
        **_roles(steps, number),
        **_numbers(steps, number),
        "statuses": [
            [str(i), status]
            for i, status in enumerate(statuses(steps, number - 1))
            if status and any(each.phase == "seed" for each in steps[:number])
        ],
        "player": "Play",
        "predicting": "false",
        "guessing": False,
        "verdict": "",
        "drawer": None,
        "stuck": ["gg-first", "gg-back"] * (number == 1)
        + ["gg-forward", "gg-last"] * (number == end),
    }


def as_formula(text: str) -> str:
    """A text as the formula writes it: indices below, powers above, products with a dot.

    Behind a sign a negative number is in brackets, unless a power is of it alone; nowhere else.

    >>> as_formula("x1 * w0_3 ** 2 - b - log1p(v2)")
    'x₁ · w₀,₃² − b − log1p(v₂)'
    >>> as_formula("-3 * -2e-05 = 6e-05")
    '-3 · (-2e-05) = 6e-05'
    >>> as_formula("5 * -3 ** 2 + -inflow + -2.5 ** -z + -inf / -31")
    '5 · -3² + -inflow + -2.5 ** -z + (-inf) / (-31)'
    """

    def indexed(word: re.Match[str]) -> str:
        stem, index = letters_and_index(word[0])
        return stem + index.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))

    above = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    text = re.sub(r" \*\* (-?\d+)(?![\w.])", lambda power: power[1].translate(above), text)
    text = text.replace(" * ", " · ").replace(" - ", " − ")
    text = re.sub(r"(?<![\w.])\w+(?![\w(]|\.\w)", indexed, text)
    negative = r"-(?:inf|[\d.]*\d(?:e[-+]?\d+)?)(?![\w.⁻⁰¹²³⁴⁵⁶⁷⁸⁹]| \*\*)"
    return re.sub(rf"([+−·×/] )({negative})", r"\1(\2)", text)


def statuses(steps: Steps, index: int) -> list[str]:
    """The status of the gradient of every node after a step, counted from 0; "" where none comes.

    The node whose edges are being followed is in progress; others are waiting, partial while some
    of their uses are still to come, or done.
    """
    every = [edge for step in steps for edge in step.edges]
    gets = {steps.root, *(edge.receiver for edge in every)}
    found = ["waiting" * (n.index in gets and not n.is_constant) for n in steps.diagram]
    for step in steps[: index + 1]:
        if step.phase == "seed":
            found[step.node] = "done"
        for edge in step.edges:
            found[edge.receiver] = "done" if edge.received == edge.uses else "partial"
    if steps[index].phase == "backward":
        found[steps[index].node] = "in progress"
    return found


def check_of(steps: Steps, number: int) -> str:
    """What differences say of the gradient that a step completes, as the page writes it."""
    step = steps[number - 1]
    return as_formula(tell(steps, step, steps.checks().get(step.parent, "")).check)


def _uses(received: int, uses: int) -> str:
    unit = "use" if uses == 1 else "uses"
    end = "complete" if received == uses else "not complete yet"
    return f"{received} of {uses} {unit} received: {end}"


def _roles(steps: Steps, number: int) -> dict[str, list[str]]:
    step = steps[number - 1]
    operands = sorted(set(steps.diagram[step.node].parents))
    if step.phase == "forward":
        found = operands, [step.node], [step.node]
    elif step.phase == "backward":
        found = [step.node], [step.node], sorted({edge.parent for edge in step.edges})
    else:
        found = [], [], [step.node]
    return {
        role: [str(i) for i in nodes]
        for role, nodes in zip(("sender", "operation", "receiver"), found)
    }


def _numbers(steps: Steps, number: int) -> dict[str, dict[str, str]]:
    """The values and gradients that stand in the boxes, as far as they have come."""
    values, gradients, moved = {}, {}, set()
    for node in steps.diagram:
        if not node.is_constant:
            values[str(node.index)] = short(node.data) if node.operation is None else "–"
            gradients[str(node.index)] = "–"
    for step in steps[:number]:
        if step.phase in ("forward", "update"):
            values[str(step.node)] = short(step.value)
        if step.phase == "update":
            moved.add(step.node)
        if step.phase == "seed":
            gradients[str(step.node)] = short(step.after)
        for edge in step.edges:
            gradients[str(edge.parent)] = short(edge.after)
    for node in steps.diagram:  # computed from numbers of before the update
        if moved.intersection(node.parents):
            moved.add(node.index)
            values[str(node.index)] += " (old)"
    return {"values": values, "gradients": gradients}


# Graphs that several files step through.


def neuron() -> Backprop:
    return backprop(Neuron(2, seed=0)([1.0, 2.0]), learning_rate=0.1)


def lecture() -> Backprop:
    return backprop(lecture_neuron(), learning_rate=0.1)


def with_loss() -> Backprop:
    weights, inputs = [2.0, -3.0], [1.0, 0.5]
    return step_neuron(weights, inputs, 0.5, "tanh", target=1.0, learning_rate=0.1)


def shared() -> Backprop:
    """The graph of a * a + a, with a = x + 1, whose node a is used three times."""
    x = Value(2.0, label="x")
    a = x + 1.0
    a.label = "a"
    y = a * a + a
    y.label = "y"
    return backprop(y, learning_rate=0.1)


def diamond() -> Backprop:
    """The README's: x gets 26, and 102 or 52 where somebody forgets to zero."""
    x = Value(-3.0, label="x")
    a = 2.0 * x
    a.label = "a"
    return backprop(a + a**2, learning_rate=0.01)


def choice() -> Backprop:
    """Two nodes that no gradient reaches: the condition of a choice, and the operand of a sign."""
    condition, x = Value(1.0, label="c"), Value(3.0, label="x")
    y = where(condition, x * x, x) + Value(-2.0, label="s").sign()
    y.label = "y"
    return backprop(y)


def branches() -> Backprop:
    x, z = Value(-1.5, label="x"), Value(2.0, label="z")
    chosen = where(x > 0.0, x * z, z.relu())
    chosen.label = "chosen"
    y = engine.maximum(abs(x), chosen) * engine.clip(z, -1.0, 1.0) + x.leaky_relu()
    y.label = "y"
    return backprop(y, learning_rate=0.1)


def hard() -> Backprop:
    x, zero = Value(math.inf, label="x"), Value(-0.0, label="0")
    return backprop((x * zero).relu() + zero * 3.0 - x, learning_rate=0.1)


def reductions() -> Backprop:
    xs = [Value(x, label=f"x{i}") for i, x in enumerate((0.5, -1.5, 2.0))]
    parts = [engine.sum(xs), engine.logsumexp(xs), engine.norm(xs), engine.std(xs)]
    y = engine.prod(parts) + engine.dot([*xs, *xs], [*parts, *xs[:2]])
    y.label = "y"
    return backprop(y, learning_rate=0.01)


def chain(length: int = 100) -> Backprop:
    y = Value(0.5, label="x")
    for i in range(length // 2):
        y = (y + Value(0.01 * (i % 7), label=f"w{i}")).sin()
    y.label = "y"
    return backprop(y)


def recurrence(w: float = 0.9) -> Backprop:
    """The recurrence h = tanh(w*h + u*x), fifty times."""
    weight, u, h = Value(w, label="w"), Value(0.5, label="u"), Value(0.0, label="h0")
    for t in range(50):
        h = (weight * h + u * Value(0.1 * (7 * t % 5 - 2), label=f"x{t}")).tanh()
    h.label = "h"
    return backprop(h)


def descent() -> Backprop:
    """Twenty-five steps down a slope, differentiated by where they began."""
    x = Value(3.0, label="x0")
    for _ in range(25):
        x = x - 0.1 * (2.0 * x * x * x - 3.0 * x)
    x.label = "x"
    return backprop(x)


def many_operands(count: int = 2000) -> Backprop:
    y = engine.sum([Value((37 * i % 2003 - 1000) / 500, label=f"s{i}") for i in range(count)])
    y = y * y
    y.label = "y"
    return backprop(y)


def network(sizes: tuple[int, ...] = (4, 3, 1)) -> Backprop:
    net = MLP(2, list(sizes), seed=1)
    y = net([1.0, -0.5])
    loss = (y - 1.0) ** 2
    loss.label = "L"
    return backprop(loss, learning_rate=0.1, parameters=net.parameters())


def batch() -> Backprop:
    """A network on four samples, and a penalty; the first input of the third is a leaf."""
    net = MLP(2, [4, 3, 1], seed=1)
    rows = [[1.0, -0.5], [0.25, 2.0], [Value(-1.5, "x"), 1.0], [0.5, 0.5]]
    loss = sum((net(row) - t) ** 2 for row, t in zip(rows, (1.0, -1.0, 0.5, 0.0)))
    loss += l2(net.parameters(), 0.01)
    loss.label = "L"
    return backprop(loss, learning_rate=0.1, parameters=net.parameters())


def repeated() -> Backprop:
    """A recurrence over 24 samples."""
    h, w = Value(0.1, "h0"), Value(0.9, "w")
    for i in range(24):
        h = (w * h + Value(0.1 * i, f"x{i}")).tanh()
    return backprop(h)


def in_one() -> Backprop:
    """A compiled node with a loss after it."""
    w, b = Value(0.5, label="w"), Value(-1.0, label="b")

    def cell(x: Value) -> Value:
        return (w * x + b).tanh()

    y = compiled(cell)(Value(2.5, label="x"))
    y.label = "y"
    return backprop(y * y)


BUILDS: dict[str, Callable[[], Backprop]] = {
    **{"lecture": lecture, "with loss": with_loss, "diamond": diamond, "network": network},
    "batch": batch,
    **{"recurrence": recurrence, "descent": descent},
    **{"chain": chain, "reductions": reductions, "branches": branches, "compiled": in_one},
}
