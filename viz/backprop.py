"""`backprop`: the steps of backpropagation, as text, as HTML, as a widget, or saved to a file.

The widget is at the end: the page and Python agree on the step, both ways. It needs a notebook
whose kernel runs; without one a saved widget is blank, so a cell shows `Backprop.html`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassgrad.engine import Value
from glassgrad.engine.files import write_file
from glassgrad.engine.misuse import know_habits, real, whole
from glassgrad.engine.text import (
    clipped,
    columns,
    counted,
    describe,
    digits_apart,
    named,
    plain,
    printing,
    short,
    some_of,
    suggestion,
    told,
)
from glassgrad.viz.drawing import checked_name, picture_of
from glassgrad.viz.markup import stage_script
from glassgrad.viz.mistakes import Mistakes
from glassgrad.viz.page import Page
from glassgrad.viz.repeats import Repeats
from glassgrad.viz.stage import MOST_STEPS, javascript, network_of, shown_steps
from glassgrad.viz.steps import Steps
from glassgrad.viz.told import not_finite, tell

if TYPE_CHECKING:
    from anywidget import AnyWidget


_MOST_CHECKING = 100_000  # how many operations the check by differences of a text may cost
FORMATS = ("html", "svg", "png", "pdf", "json", "txt")


@know_habits
class Backprop(Steps):
    """The steps of backpropagation. Notebooks show them; `print` gives text; `save` writes a file.

    >>> from glassgrad import Value, backprop
    >>> steps = backprop(Value(3.0) * 2.0)
    >>> steps
    <backpropagation in 3 steps through 3 nodes>
    >>> [step.phase for step in steps]
    ['forward', 'seed', 'backward']
    """

    _state: dict[str, Any] | None = None

    @property
    def state(self) -> dict[str, Any]:
        """Where the page opens, and with which numbers: what `stage.state()` gives in a browser.

        It can be set, all of it or a part; `html`, `save` and `widget` open there, and
        `to_json` has it. Its keys are

        - `level`: "scalars", "network", "repeats", the name of a neuron such as "layer 1, neuron
          2", of several samples both with ", sample 3", or None for the one that a page begins
          with;
        - `step`: counted from 0 on that level, of scalars also from the end as -1;
        - `numbers`: new ones for leaves, by name;
        - `rate`: the learning rate;
        - `drawer`: the one that is open;
        - `view`: the x, y and scale of the picture, as a dict; `all`, where a graph that is too
          large for the window is shown whole.

        >>> from glassgrad import Value, backprop
        >>> steps = backprop(Value(3.0, label="x") * 2.0)
        >>> steps.state = {"step": -1, "numbers": {"x": 4.0}}
        >>> steps.state["step"]
        2
        """
        return checked_state(self, {}) if self._state is None else dict(self._state)

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self._state = checked_state(self, state)

    def to_dict(self) -> dict[str, Any]:
        """The nodes and steps as data, and the state of the page; see `SCHEMA` for its version."""
        return {**super().to_dict(), "state": self.state}

    def __str__(self) -> str:
        return self.text()

    def text(self, digits: int | None = None) -> str:
        """The steps as text for a terminal, measured numbers in so many significant digits (4)."""
        if digits is not None:
            whole(digits, "digits")
        with printing(digits):
            return "\n\n".join(filter(None, (report(self), self._more_text())))

    def _more_text(self) -> str:
        """What the text has besides the steps: nothing, unless they are a neuron's."""
        return ""

    def mistakes(self) -> Mistakes:
        """What the classic wrong engines make of the same graph; `print` gives a table.

        They are `=` instead of `+=`, depth first without an order, and a second `backward()` for
        which inner nodes, or the leaves, were not zeroed.
        """
        return Mistakes(self)

    def html(self) -> str:
        """The steps as one self-contained piece of HTML."""
        return self._page().html()

    def standalone_html(self) -> str:
        """The steps as a whole HTML document."""
        return self._page().document()

    def _page(self) -> Page:
        return Page(self, self.more(), self._state)

    def more(self) -> str:
        """What the page has besides the steps, as HTML: nothing, unless they are a neuron's."""
        return ""

    def widget(self) -> AnyWidget:
        """The steps as a widget whose `index` goes both ways between Python and the page.

        It needs a notebook with a running kernel; a cell that ends in the steps themselves shows
        the same and stays alive when the notebook is read elsewhere.

        Raises:
            ImportError: anywidget is not installed; the message says how to install it.
        """
        try:
            stepper = _stepper_class()
        except ImportError as error:
            raise ImportError(ADVICE) from error
        return stepper(self._page(), _shown(self))

    def save(self, path: str | Path, step: int | None = None) -> Path:
        """Write the steps to a file: the page as .html, all as .json or .txt, one as a picture.

        A picture, .svg, .png or .pdf, is the graph with the gradients that have come by a step,
        by default the last; it and the texts have the numbers of the graph, not new ones of
        `state`. (Marks and equations of the step are left out: they are on the page.)

        Args:
            path: the name of the file.
            step: which step a picture shows and a page opens at, from 0, or -1 for the last.

        Raises:
            RendererMissingError: a picture is asked for and there is no Graphviz.
            OSError: the file cannot be written.
        """
        path, kind = checked_name(path, FORMATS, "Steps are", "steps")
        if "{" in path.name:
            problem = f"save writes one file, and {told(path.name)} is a name for several."
            raise ValueError(f"{problem} Write save('step-3.{kind}', step=3) for each.")
        last = len(self) - 1 if step is None else checked_step(self, step)
        if kind == "html":
            opened = copy(self)
            if step is not None:
                opened.state = {**self.state, "step": last, "level": "scalars"}
            return write_file(path, opened.standalone_html().encode())
        if kind in ("json", "txt"):
            return write_file(path, (self.to_json() if kind == "json" else self.text()).encode())
        if self.state["numbers"]:
            names = ", ".join(map(clipped, self.state["numbers"]))
            raise ValueError(
                f"The state has new numbers for {names}, and a picture shows those of the graph. "
                "Build the graph with them, or save the page as .html."
            )
        gradients: dict[int, float] = {}
        for each in self[: last + 1]:
            if each.phase == "seed":
                gradients[each.node] = 1.0
            gradients |= {e.receiver: e.after for e in each.edges if e.after is not None}
        return write_file(path, picture_of(self.diagram, gradients).content(kind))

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        text = repr(self) if len(self) > MOST_STEPS else plain(self.text(), repr(self))
        return {"text/html": self.html(), "text/plain": text}


def backprop(
    y: Value,
    *,
    names: Mapping[str, Any] | None = None,
    learning_rate: float | None = None,
    parameters: Iterable[Value] | None = None,
    depth: int = 0,
) -> Backprop:
    """Backpropagation through `y` as a sequence of steps, one per edge.

    A compiled function takes one step, along all its edges at once, unless it is opened.

    Args:
        y: the Value to differentiate. Its graph and its `.grad` stay as they are.
        names: names for Values without a label, such as `locals()`.
        learning_rate: if given, the steps end with w ← w - learning_rate · ∂y/∂w for every
            parameter and the new loss; the Values themselves do not move.
        parameters: the leaves that the update moves; by default all of them. Where neither is
            given, the page offers no throws, since `y` need be no loss.
        depth: how many levels to open: 1 opens the compiled functions that are in no module.

    >>> from glassgrad import Value, backprop
    >>> x = Value(3.0, label="x")
    >>> steps = backprop(x * x)
    >>> steps[-1].before, steps[-1].contribution, steps[-1].after
    (3.0, 3.0, 6.0)
    """
    if not isinstance(y, Value):
        raise TypeError(
            f"backprop takes the Value to differentiate, not {describe(y)}. Give one result that "
            "was computed from Values."
        )
    whole(depth, "depth", least=0)
    return Backprop(y, names, learning_rate, parameters, depth)


# As text for a terminal: the records of `told.py` in columns.


def report(steps: Steps) -> str:
    """All steps as aligned tables: forward, backpropagation, gradients, update."""
    rows: dict[str, list[tuple[str, ...]]] = {
        phase: [] for phase in ("forward", "seed", "backward", "update")
    }
    for step in steps:
        rows[step.phase] += [tuple(map(str, row)) for row in tell(steps, step).rows]
    root = steps.diagram[steps.root]
    forward = "Forward: every operation computes its value"
    pace = "one edge at a time"
    if any(step.parts for step in steps):
        pace += ", or all edges of a compiled function at once"
    backward = f"Backpropagation: ∂{root.name}/∂{root.name} = 1, then {pace}"
    heads = ("edge", "upstream", "× local", "= contribution", "gradient so far", "uses received")
    parts = [
        _table(forward, rows["forward"]) if rows["forward"] else "",
        _table(backward, [heads, *rows["backward"]] if rows["backward"] else []),
        _gradients(steps),
    ]
    if steps.learning_rate is not None:
        way = "with" if steps.learning_rate < 0.0 else "against"
        moved = _table(f"Update: each parameter moves {way} its gradient", rows["update"])
        new = steps.new_loss
        digits = None if new is None else digits_apart(root.data, new)
        ends = f"{short(root.data, digits)} before, {short(new, digits)} after"
        parts.append(f"{moved}\n  {root.name}: {ends}")
    parts += [not_finite(steps), steps.diagram.outdated_note()]
    return "\n\n".join(part for part in parts if part)


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join([title, *([columns(rows)] if rows else [])])


def _gradients(steps: Steps) -> str:
    diagram = steps.diagram
    root = diagram[steps.root]
    listed = [n for n in diagram if n is root or (n.operation is None and not n.is_constant)]
    is_checked = diagram.can_evaluate and len(listed) * diagram.cost <= _MOST_CHECKING
    rows = [("name", "value", "gradient", "by differences")[: 3 + is_checked]]
    for node in listed:
        gradient = steps.gradients.get(node.index)
        idle = "– (frozen)" if node.is_frozen else "– (nothing sent)"
        cells = (node.name, short(node.data), idle if gradient is None else short(gradient))
        rows.append((*cells, short(steps.check(node.index))) if is_checked else cells)
    return _table(f"Gradients: how fast {root.name} changes with each", rows)


# The state of a page: what `stage.state()` gives in a browser and what stands in the address of a
# page, so that what somebody found there can be opened again.

DRAWERS = ("table", "words", "mistakes", "explore", "more")
_START: dict[str, Any] = dict(level=None, step=0, numbers={}, rate=None, drawer=None, view=None)


def checked_state(steps: Steps, state: Mapping[str, Any]) -> dict[str, Any]:
    """A state with all that `Backprop.state` may have, what is left out as a page begins."""
    if not isinstance(state, Mapping):
        raise TypeError(f"state is a dict such as {{'step': 2}}, not {describe(state)}.")
    for key in state:
        if key not in _START:
            meant = suggestion(key, _START) if isinstance(key, str) else ""
            raise ValueError(f"A state has {', '.join(_START)}, and no {named(key)}.{meant}")
    found: dict[str, Any] = {**_START, "rate": steps.learning_rate, **state}
    if found["level"] is None and found["step"]:
        found["level"] = "scalars"
    _check_level(steps, found["level"])
    if found["drawer"] is not None and found["drawer"] not in DRAWERS:
        raise ValueError(f"drawer is one of {', '.join(DRAWERS)}, not {told(found['drawer'])}.")
    if found["rate"] is not None:
        found["rate"] = rate = real(found["rate"], "rate")
        if not isfinite(rate) or rate * (steps.learning_rate or 1.0) < 0.0:
            raise ValueError(
                f"rate is a finite number, for an update of the same way as it was, not {rate}."
            )
        if not steps.moving and steps.learning_rate is None:
            raise ValueError(
                f"A rate of {rate} moves nothing in steps without an update. Give "
                "backprop a learning_rate, or the parameters that it may move."
            )
    if found["level"] in (None, "scalars"):
        found["step"] = step = checked_step(steps, found["step"])
        shown = _shown(steps)
        if step and step not in shown:  # 0 is the beginning of the page
            problem = f"Step {step} is not on the page, which has {shown[0]} to {shown[-1]}"
            raise ValueError(f"{problem} of {len(steps)} steps.")
    else:
        whole(found["step"], "step", least=0)
    found["numbers"] = _numbers(steps, found["numbers"])
    found["view"] = _view(found["view"])
    return found


def _shown(steps: Steps) -> range:
    """The indices of the steps on the page."""
    shown = shown_steps(steps)
    return range(shown[0].index, shown[-1].index + 1)


def _check_level(steps: Steps, level: Any) -> None:
    levels = ["scalars"]
    if (network := network_of(steps)) is not None:  # which is seen in place of what repeats
        levels += network.levels()
    elif level not in (None, *levels) and Repeats(steps.diagram).series:
        levels.append("repeats")
    if level is not None and level not in levels:
        problem = f"The page has no level {told(level)}."
        raise ValueError(f"{problem} It has {some_of([told(each) for each in levels])}.")


def checked_step(steps: Sequence[object], step: Any) -> int:
    """The index of a step, which may be counted from the end as -1."""
    if not isinstance(step, int) or isinstance(step, bool):
        raise TypeError(f"step is a whole number, not {describe(step)}.")
    if not -len(steps) <= step < len(steps):
        choose = f"Choose one from 0 to {len(steps) - 1}, or -1 for the last."
        raise ValueError(f"There is no step {told(step)}. {choose}")
    return step % len(steps)


def _numbers(steps: Steps, numbers: Any) -> dict[str, str]:
    """New numbers by the names of leaves, as texts, since JSON has no infinity."""
    if not isinstance(numbers, Mapping):
        raise TypeError(f"numbers gives leaves new ones by name, not {describe(numbers)}.")
    leaves = [n.name for n in steps.diagram if n.operation is None and not n.is_constant]
    for name in numbers:
        if name not in leaves:
            meant = suggestion(name, leaves) if isinstance(name, str) else ""
            raise ValueError(f"{named(name)} is no leaf whose number can be changed.{meant}")
    if numbers and (why_not := javascript(steps)[1]):
        raise ValueError(why_not)
    found = {}
    for name, number in numbers.items():
        try:
            found[name] = repr(float(number) if isinstance(number, str) else real(number, name))
        except ValueError:
            raise ValueError(f"{name} gets a number, not {told(number)}.") from None
    return found


def _view(view: Any) -> dict[str, float] | None:
    if view is None:
        return None
    if not isinstance(view, Mapping) or {*view} - {"all"} != {"x", "y", "scale"}:
        raise TypeError(f"view is a dict with x, y and scale, not {describe(view)}.")
    found = {key: real(view[key], f"{key} of the view") for key in ("x", "y", "scale")}
    if not all(map(isfinite, found.values())) or found["scale"] <= 0.0:
        raise ValueError(f"view has finite numbers and a scale above 0, not {told(found)}.")
    return {**found, "all": True} if view.get("all") else found


# The widget.

ADVICE = 'Widgets need anywidget, which is not installed: pip install "glassgrad[widget]".'
_MODULE = """
const setUp = %s, operations = %s, start = %d;
function render({ model, el }) {
  el.innerHTML = model.get("html");
  const tell = (index) => { model.set("index", index); model.save_changes(); };
  const [go] = setUp(el, tell, operations);
  const follow = () => go(model.get("index"));
  model.on("change:index", follow);
  if (model.get("index") !== start) { follow(); } /* the page opens at the start by itself */
  return () => model.off("change:index", follow);
}
export default { render };
"""


def widget_module(page: Page) -> str:
    """The module in JavaScript that shows the page in a notebook and listens to its model."""
    return _MODULE % (stage_script(), page.functions, page.start)


@cache
def _stepper_class() -> type[AnyWidget]:
    from anywidget import AnyWidget
    from traitlets import Int, TraitError, Unicode, validate

    class Stepper(AnyWidget):
        """A stepper; its `index` is that of the step shown, and -1 goes to the last on the page."""

        html = Unicode().tag(sync=True)
        index = Int(0).tag(sync=True)

        def __init__(self, page: Page, shown: range) -> None:
            self._shown = shown
            self._esm = widget_module(page)
            super().__init__(html=page.element, index=page.start)

        def __repr__(self) -> str:
            return f"<stepper of {counted(len(self._shown), 'step')} at {self.index}>"

        @validate("index")
        def _possible(self, proposal: dict[str, Any]) -> int:
            index, shown = int(proposal["value"]), self._shown
            if index in shown:
                return index
            if -len(shown) <= index < 0:
                return shown[index]
            raise TraitError(
                f"The page shows the steps {shown[0]} to {shown[-1]}, or -1 from the last back to "
                f"-{len(shown)}; there is no step {index}."
            )

    return Stepper
