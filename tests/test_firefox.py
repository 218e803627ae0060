"""The stage in Firefox: the numbers, the steps, what is in view, mouse and keys.

Everything is tried in Chromium, in all other files; here is what an engine could do otherwise.
"""

from collections.abc import Callable, Iterator
from typing import Any

import firefox
import pytest
from browsing import PAINTED
from firefox import Firefox
from stepping import (
    Stepper,
    branches,
    chain,
    diamond,
    expected,
    in_one,
    lecture,
    network,
    reductions,
    with_loss,
)
from test_stage_numbers import compare, leaves, rebuilt
from test_stage_view import LEAST, LOOK, READABLE, SIZES

from glassgrad import Backprop

SAID = """<script>window.said = [];
  addEventListener("error", event => said.push(event.message));
  addEventListener("unhandledrejection", event => said.push(String(event.reason)));
  for (const kind of ["error", "warn", "log"]) { console[kind] = (...all) => said.push(...all); }
</script>"""
DOWN, UP = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox.launched(tmp_path_factory.mktemp("firefox")) as running:
        yield running


@pytest.fixture
def opened(window: Firefox) -> Iterator[Callable[..., Any]]:
    """Opens the page of steps in a window of a size; in the end it must have been silent."""

    def show(steps: Backprop, size: tuple[int, int] = SIZES[0]) -> Any:
        window.show(steps.standalone_html().replace("<title>", f"{SAID}<title>", 1), *size)
        window.evaluate(PAINTED)
        return Stepper(window, steps)  # type: ignore[arg-type]

    yield show
    assert window.evaluate("() => said") == []


def to(x: float, y: float) -> dict[str, Any]:
    return {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0}


def write(window: Firefox, *keys: str) -> None:
    both = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
    window.act("key", *both)


def zone(one: Stepper, name: str) -> tuple[float, float]:
    """The middle of where the number of a leaf is dragged."""
    index = next(node.index for node in one.steps.diagram if node.name == name)
    x, y = one.root.evaluate(
        """(root, i) => {
          const zone = root.querySelector(`.gg-box[data-n="${i}"] .gg-zone`);
          const { x, y, width, height } = zone.getBoundingClientRect();
          return [x + width / 2, y + height / 2];
        }""",
        index,
    )
    return x, y


@pytest.mark.parametrize(
    "build", [lecture, diamond, branches, reductions], ids=lambda build: build.__name__
)
def test_every_step_is_shown_and_computed(build: Any, opened: Callable[..., Stepper]) -> None:
    one = opened(build())
    for number, found in enumerate(one.shown_after(*range(len(one.steps))), 1):
        assert found == expected(one.steps, number)
    changed = leaves(one.steps)
    for name in changed:
        changed[name] += 0.25
        one.stage("set", name, changed[name])
    compare(one, rebuilt(one.steps, changed))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "build", [lecture, with_loss, network, in_one, chain], ids=lambda build: build.__name__
)
def test_what_a_step_is_about_is_seen(
    build: Any, size: tuple[int, int], opened: Callable[..., Stepper]
) -> None:
    one = opened(build(), size)
    every = 1 if one.stage("count") < 60 else 7
    looked, _, exceptions = one.root.evaluate(LOOK, [every, LEAST, READABLE])
    assert looked >= one.stage("count") / every
    assert exceptions == []


def test_numbers_are_dragged_stepped_and_typed(
    window: Firefox, opened: Callable[..., Stepper]
) -> None:
    one = opened(lecture())
    given = leaves(one.steps)
    x, y = zone(one, "x1")
    window.act("pointer", to(x, y), DOWN, to(x + 20, y), to(x + 40, y), UP)
    given["x1"] = 3.0
    compare(one, rebuilt(one.steps, given))
    write(window, "\ue013")  # the arrow up
    given["x1"] = 3.1
    compare(one, rebuilt(one.steps, given))
    window.act("pointer", to(*zone(one, "w2")), DOWN, UP, DOWN, UP)
    write(window, *"-2.5\ue007")  # Enter
    given["w2"] = -2.5
    compare(one, rebuilt(one.steps, given))


def test_mouse_and_keys_step_and_move_the_picture(
    window: Firefox, opened: Callable[..., Stepper]
) -> None:
    one = opened(lecture())
    write(window, "\ue014", "\ue014", "\ue012")  # arrows: right, right, left
    assert one.stage("index") == 1
    write(window, "\ue010", "m")  # End
    assert one.stage("index") == len(one.steps) - 1
    assert one.stage("state")["drawer"] == "mistakes"
    write(window, "\ue00c", "p")  # Escape
    assert one.shown()["predicting"] == "true"
    write(window, "p")
    window.act(
        "wheel",
        {"type": "scroll", "x": 600, "y": 400, "deltaX": 0, "deltaY": -200, "duration": 0},
    )
    larger = one.stage("state")["view"]
    assert larger["scale"] > 1
    window.act("pointer", to(600, 500), DOWN, to(640, 520), UP)
    moved = one.stage("state")["view"]
    assert (moved["x"] - larger["x"], moved["y"] - larger["y"]) == pytest.approx((40, 20))
    write(window, "n", "n")
    assert one.shown()["count"].startswith("throw 2")
