"""Makes the pictures of the page and of drawings that README and docs show, from what they show.

    python .ci/pictures.py

It writes docs/neuron.svg, program.svg, steps.png, explore.png and network.png. The pictures of
the page are taken in Chromium, driven by Playwright: `pip install '.[browser]'`. Those of training
are made by what stands beside them in README.md and docs/training.md.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browsing import launched  # noqa: E402

from glassgrad import (  # noqa: E402
    MLP,
    Backprop,
    ProgramDrawing,
    Value,
    backprop,
    compiled,
    draw,
    draw_program,
    topological_order,
)

DOCS = ROOT / "docs"
WINDOW = {"width": 1280, "height": 720}
STAGE = "document.querySelector('.glassgrad-stage').stage"


def neuron() -> Value:
    """The neuron of the lecture, as the first command of the README has it."""
    x1, x2 = Value(2.0, "x1"), Value(0.0, "x2")
    w1, w2, b = Value(-3.0, "w1"), Value(1.0, "w2"), Value(6.8813735870195432, "b")
    o = (x1 * w1 + x2 * w2 + b).tanh()
    o.label = "o"
    return o


def learning() -> Backprop:
    """The neuron, its squared error, and the parameters that learn."""
    o = neuron()
    loss = (o - 1.0) ** 2
    loss.label = "L"
    leaves = {v.label: v for v in topological_order(o) if not v.parents}
    parameters = [leaves[name] for name in ("w1", "w2", "b")]
    return backprop(loss, learning_rate=0.2, parameters=parameters)


def network() -> Value:
    """A small network and its squared error."""
    loss = (MLP(2, [4, 3, 1], seed=1)([1.0, -2.0]) - 1) ** 2
    loss.label = "L"
    return loss


def program() -> ProgramDrawing:
    """The program of one call of the loss that docs/compiled.md begins with."""
    net = MLP(2, [16, 16, 1], activation="relu", output_activation="linear", seed=1)

    @compiled
    def loss(x: Any, y: Any) -> Value:
        return (1.0 - y * net(x)).relu()

    loss([1.0, 2.0], 1.0)
    return draw_program(loss)


def at_step(index: int) -> Callable[[Any], None]:
    """Goes to a step."""
    return lambda page: page.evaluate(f"{STAGE}.go({index})")


def thrown(page: Any) -> None:
    """Throws six times, with the experiments open."""
    for _ in range(6):
        page.keyboard.press("n")
    page.evaluate(f"{STAGE}.go(14)")


SHOTS: dict[str, tuple[Backprop, Callable[[Any], None]]] = {
    "steps.png": (backprop(neuron(), learning_rate=0.1), at_step(13)),
    "explore.png": (learning(), thrown),
    "network.png": (backprop(network(), learning_rate=0.05), at_step(6)),
}


def main() -> None:
    y = neuron()
    y.backward()
    draw(y, derivatives=True).save(DOCS / "neuron.svg")
    program().save(DOCS / "program.svg")
    with launched() as browser, tempfile.TemporaryDirectory() as folder:
        for name, (steps, act) in SHOTS.items():
            page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
            page.goto(steps.save(Path(folder) / "steps.html").as_uri())
            act(page)
            page.wait_for_timeout(300)
            page.screenshot(path=str(DOCS / name))
            print(f"Wrote docs/{name}")


if __name__ == "__main__":
    main()
