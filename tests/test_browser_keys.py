"""The stepper in a browser, by keyboard: every key, the tab stops, and what is left alone."""

import pytest
from browsing import PAINTED, Pages
from stepping import BUILDS, HEAR, Stepper, document, fragment, lecture, neuron


@pytest.fixture
def stepper(new_page: Pages) -> Stepper:
    return fragment(new_page, neuron())


def test_every_key_goes_to_its_step(stepper: Stepper) -> None:
    end = len(stepper.steps)
    stepper.focus()
    for key, number in (
        *(("ArrowLeft", 1), ("Home", 1), ("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)),
        *(("x", 2), ("ArrowDown", 2), ("PageDown", 2), ("Enter", 2)),
        *(("End", end), ("ArrowRight", end), ("End", end), ("ArrowLeft", end - 1), ("Home", 1)),
    ):
        stepper.press(key)
        stepper.check(number)


def test_a_click_anywhere_gives_the_stepper_the_keys(stepper: Stepper) -> None:
    places = (".gg-frame", ".gg-equation", ".gg-top", ".gg-controls", ".gg-count")
    for number, place in enumerate(places, 2):
        stepper.root.page.locator("body").evaluate("() => document.activeElement.blur()")
        stepper.press("ArrowRight")
        stepper.check(number - 1)
        stepper.root.locator(place).click(position={"x": 3, "y": 3})
        stepper.press("ArrowRight")
        stepper.check(number)


def test_a_slider_moves_by_itself_and_once(new_page: Pages) -> None:
    one = fragment(new_page, neuron(), f"<script>{HEAR}</script>")
    one.slider.focus()
    moves = {"ArrowRight": 2, "ArrowUp": 3, "ArrowLeft": 2, "End": 16, "ArrowDown": 15, "Home": 1}
    for key, number in moves.items():
        one.press(key)
        one.check(number)
    assert one.root.page.evaluate("heard") == list(moves)  # the stepper took none of them


def test_keys_with_a_modifier_are_left_alone(new_page: Pages) -> None:
    # Alt+ArrowRight would leave the page, so its default is prevented after it was heard.
    prevent = "addEventListener('keydown', event => event.preventDefault());"
    one = fragment(new_page, neuron(), f"<script>{HEAR}{prevent}</script>")
    page = one.root.page
    one.focus()
    for modifier in ("Control", "Alt", "Meta"):
        for key in ("ArrowRight", "End", "p", "m", "n", " "):
            one.press(f"{modifier}+{key}")
            assert page.evaluate("heard.pop()") == key
        one.check(1)
    one.button("first").focus()
    one.press("Control+ArrowRight", "Alt+End")
    assert page.evaluate("heard")[-1] == "End"
    assert one.focused() == "gg-first"


def test_keys_are_taken_only_where_they_mean_something(new_page: Pages) -> None:
    one = fragment(new_page, neuron(), f"<script>{HEAR}</script>")
    page = one.root.page
    one.focus()
    one.press("ArrowRight", "End", "Home", " ", " ", "p", "p", "m", "m")
    assert page.evaluate("heard") == []
    one.press("x", "Tab", "Escape")
    assert page.evaluate("heard") == ["x", "Tab", "Escape"]


def test_keys_of_the_rest_of_the_page_are_left_alone(new_page: Pages) -> None:
    beside = '<input aria-label="Search"><button>Send</button><p>A paragraph</p>'
    one = fragment(new_page, neuron(), f"<script>{HEAR}</script>{beside}")
    page = one.root.page
    for other in (
        page.get_by_label("Search"),
        page.get_by_text("Send", exact=True),
        page.get_by_text("A paragraph"),
    ):
        other.click()
        one.press("ArrowRight", "End", "p", "m")
        one.check(1)
    assert page.evaluate("heard") == ["ArrowRight", "End", "p", "m"] * 3
    assert page.get_by_label("Search").input_value() == "pm"


def test_a_toolbar_is_one_tab_stop_with_arrows_inside(stepper: Stepper) -> None:
    for label, names in (
        ("Steps", ["first", "back", "play", "forward", "last", "predict"]),
        ("Drawers", ["open-table", "open-words", "open-mistakes", "open-explore"]),
    ):
        bar = stepper.root.get_by_role("toolbar", name=label)
        stops = "all => all.map(button => button.tabIndex)"
        assert bar.locator("button").evaluate_all(stops) == [0] + [-1] * (len(names) - 1)
        bar.locator("button").first.focus()
        seen = []
        for key in "ArrowRight ArrowLeft ArrowLeft ArrowRight End Home".split():
            stepper.press(key)
            seen.append(stepper.focused())
        at = [names[i] for i in (1, 0, -1, 0, -1, 0)]
        assert seen == [f"gg-{name}" for name in at]
    stepper.check(1)  # the arrows moved the focus, not the step


def test_the_tab_key_goes_through_everything_once(stepper: Stepper) -> None:
    page = stepper.root.page

    def stops() -> list[str]:
        page.locator("body").evaluate("body => { body.tabIndex = -1; body.focus(); }")
        seen = []
        while not seen or seen[-1] != "BODY":
            page.keyboard.press("Tab")
            seen.append(stepper.focused())
        return [name.split(" ")[0] for name in seen[:-1]]

    leaves = [n for n in stepper.steps.diagram if n.operation is None and not n.is_constant]
    plain = stops()
    assert plain.count("gg-box") == len(leaves)
    assert [name for name in plain if name != "gg-box"] == [
        *("gg-formula", "gg-fit", "gg-closer", "gg-farther", "Step"),
        *("gg-first", "gg-open-table", "Learning", "gg-throw"),
    ]
    stepper.click("predict")
    assert [name for name in stops() if name not in plain] == [
        "gg-predict",
        "text",
        "submit",
        "button",
    ]
    stepper.click("predict", "open-words")
    assert {"gg-close", "gg-drawer-body"} < set(stops())


def test_the_page_is_worked_by_keyboard_alone(stepper: Stepper) -> None:
    stepper.button("first").focus()
    stepper.press("End", "ArrowLeft", "Enter")
    stepper.check(16)
    stepper.press("ArrowLeft", "ArrowLeft", "ArrowLeft", " ")
    stepper.check(15)
    stepper.focus()
    for key, drawer in (("t", "table"), ("w", "words"), ("m", "mistakes"), ("e", "explore")):
        stepper.press(key)
        assert stepper.shown()["drawer"] == drawer
    stepper.press("e", "t", "Escape")
    stepper.check(15)


@pytest.mark.parametrize(
    ("size", "keys"),
    [((1280, 720), "tm"), ((768, 1024), "twme"), ((360, 640), "twme")],
    ids=str,
)
def test_a_number_keeps_the_keys_while_the_picture_changes(
    size: tuple[int, int], keys: str, new_page: Pages
) -> None:
    one = document(new_page, lecture(), viewport=dict(zip(("width", "height"), size)))
    for key in keys:
        one.box("w1").focus()
        one.press(key)
        one.root.page.evaluate(PAINTED)
        assert "gg-box" in one.focused(), key
        before = one.at()
        one.press("ArrowRight", "ArrowUp", key)
        one.root.page.evaluate(PAINTED)
        assert one.at() == before + 1
        assert "gg-box" in one.focused(), key
    one.root.page.set_viewport_size({"width": size[1], "height": size[0]})
    one.root.page.evaluate(PAINTED)
    assert "gg-box" in one.focused()


def test_what_a_fold_hides_leaves_the_keys_to_the_stage(new_page: Pages) -> None:
    one = document(new_page, BUILDS["recurrence"]())
    one.root.locator(".gg-box[role=spinbutton]").first.focus()
    for at in range(one.stage("count") - 1):
        one.stage("go", at)
        one.press("ArrowRight")
        assert one.stage("index") == at + 1


@pytest.mark.parametrize(
    ("build", "level"), [("recurrence", "repeats"), ("network", "network"), ("chain", "scalars")]
)
def test_every_number_is_reached_by_keys(build: str, level: str, new_page: Pages) -> None:
    """Also that of a leaf which is not drawn: it is chosen and changed in the drawer Explore."""
    one = document(new_page, BUILDS[build](), viewport={"width": 768, "height": 1024})
    one.stage("open", level)
    one.press("e")
    leaf, number = (one.root.get_by_label(name) for name in ("leaf", "Its number"))
    names = {node.name: node.data for node in one.steps.diagram
             if node.operation is None and not node.is_constant}  # fmt: skip
    places = [str(node.index) for node in one.steps.diagram if node.name in names]
    listed = leaf.locator("option").evaluate_all("all => all.map(each => each.value)")
    assert sorted(listed) == sorted(places)
    leaf.focus()
    one.press("End", "Tab")
    assert one.root.evaluate("() => document.activeElement.ariaLabel") == "Its number"
    (name,) = [n.name for n in one.steps.diagram if str(n.index) == leaf.input_value()]
    before = one.stage("index")
    assert float(number.input_value()) == names[name]
    number.fill("-0.625")
    one.press("Enter")
    assert one.numbers()[name]["value"] == -0.625
    one.press("ArrowUp", "ArrowUp")
    assert one.numbers()[name]["value"] == -0.605
    assert number.input_value() == "-0.605"
    number.fill("1.2t")
    one.press("Enter")
    assert number.get_attribute("aria-invalid") == "true"
    assert one.numbers()[name]["value"] == -0.605
    assert one.shown()["drawer"] == "explore"
    assert one.stage("index") == before


def test_a_button_that_cannot_go_further_keeps_the_focus(stepper: Stepper) -> None:
    stepper.button("last").focus()
    stepper.press("Enter", "Enter")
    assert stepper.focused() == "gg-last"
    stepper.press("ArrowLeft", "ArrowLeft", "ArrowLeft", "Enter")
    stepper.check(15)


def test_after_a_click_on_a_button_the_keys_step(stepper: Stepper) -> None:
    stepper.click("forward")
    stepper.press("ArrowRight", "ArrowRight", "ArrowLeft")
    stepper.check(3)
    stepper.click("last")
    stepper.press("Home")
    stepper.check(1)
