"""`backprop`: the steps of backpropagation, as text, as HTML, as a widget, or saved to a file.

The widget is at the end: the page and Python agree on the step, both ways. It needs a notebook
whose kernel runs; without one a saved widget is blank, so a cell shows `Backprop.html`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassgrad.engine import Value
from glassgrad.engine.files import plain_file, write_file
from glassgrad.engine.misuse import real, whole
from glassgrad.engine.printing import printing
from glassgrad.engine.text import clipped, describe, told
from glassgrad.viz.assets import stage_script
from glassgrad.viz.drawing import Rendered, checked_name
from glassgrad.viz.mistakes import Mistakes
from glassgrad.viz.network import LayerStep
from glassgrad.viz.page import Page
from glassgrad.viz.report import report
from glassgrad.viz.stage import MOST_STEPS, shown_steps
from glassgrad.viz.state import checked_state, checked_step, steps_on
from glassgrad.viz.steps import Steps
from glassgrad.viz.still import KINDS, NetworkStill, Still

if TYPE_CHECKING:
    from anywidget import AnyWidget


FORMATS = ("html", "svg", "png", "pdf", "json", "txt")


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

        It can be set, all of it or a part; `html`, `save` and `widget` open there, a still shows
        its step, and `to_json` has it. For its keys see `checked_state`, beside this file.

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
            return "\n\n".join(filter(None, (report(self), self.more_text())))

    def more_text(self) -> str:
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

        Example:
            >>> from glassgrad import Value, backprop
            >>> widget = backprop(Value(3.0) * 2.0).widget()  # doctest: +SKIP
            >>> widget.index = -1  # to the last step on the page  # doctest: +SKIP
        """
        try:
            stepper = _stepper_class()
        except ImportError as error:
            raise ImportError(ADVICE) from error
        shown = shown_steps(self)
        return stepper(self._page(), range(shown[0].index, shown[-1].index + 1))

    def save(self, path: str | Path, step: int | None = None) -> Path:
        """Write the steps to a file: the page as .html, all steps as .json or .txt, one as a still.

        A still is the picture of a step, as .svg, .png or .pdf: the graph with the numbers that
        have come by then, what sends and what receives marked, and the equations. A name with a
        place for a number, such as "step-{:02}.svg", gives one of each step, counted from 1, for
        slides. Stills, .txt and .json have the numbers of the graph, not new ones of
        `state`. (One .pdf with a page a step is left out: the renderer makes single pages.)

        Args:
            path: the name of the file.
            step: which step a still shows and a page opens at, from 0, or -1 for the last; by
                default that of `state` if it was set; else a page opens at the first, and a still
                shows the last.

        Returns:
            The path; of a picture of each step, the folder that they are in.

        Raises:
            TypeError: it is not the name of a file, or the step is no whole number.
            ValueError: another ending, no such step, a step where each has a picture, or a still
                while `state` has new numbers.
            RendererMissingError: a still is asked for and there is no Graphviz.
            OSError: a file cannot be written; of the pictures of all steps none is, if one
                cannot be drawn.
        """
        path, kind = checked_name(path, FORMATS, "Steps are", "steps")
        index = None if step is None else checked_step(self, step)
        if kind == "html":
            at = {"step": index, "level": "scalars"}
            state = self._state if index is None else checked_state(self, {**self.state, **at})
            return write_file(path, Page(self, self.more(), state).document().encode())
        if kind not in KINDS:
            text = self.to_json() if kind == "json" else self.text()
            return write_file(path, text.encode())
        if self.state["numbers"]:
            names = ", ".join(map(clipped, self.state["numbers"]))
            raise ValueError(
                f"The state has new numbers for {names}, and a still shows those of the graph. "
                "Build the graph with them, or save the page as .html."
            )
        stills = self._stills(self.state["level"] if index is None else "scalars")
        if "{" in path.name and step is not None:
            problem = f"{told(path.name)} is a name for each step, and step={step} asks for one."
            raise ValueError(f"{problem} Leave out one of the two.")
        if "{" in path.name:
            return self._save_each(path, stills)
        if index is None:
            index = len(self) - 1 if self._state is None else self._state["step"]
        return write_file(path, stills[index]().content(kind))

    def _stills(self, level: str | None) -> list[Callable[[], Rendered]]:
        """What draws each step on a level: those of layers, of a neuron, or all."""
        rate = self.state["rate"]
        return [
            partial(NetworkStill, self, index, rate)
            if isinstance(step, LayerStep)
            else partial(Still, self, step.index)
            for index, step in enumerate(steps_on(self, level, rate))
        ]

    def _save_each(self, path: Path, stills: Sequence[Callable[[], Rendered]]) -> Path:
        """A picture of each step, all drawn before the first is written."""
        kind = path.suffix.lower().lstrip(".")
        try:
            names = [path.name.format(number) for number in range(1, len(stills) + 1)]
        except (AttributeError, IndexError, KeyError, ValueError):
            names = []
        if len(set(names)) < len(stills):
            problem = f"{told(path.name)} gives no name for each step."
            raise ValueError(f"{problem} Write save('step-{{:02}}.{kind}').")
        pictures = [still().content(kind) for still in stills]
        paths = [plain_file(path.with_name(name)) for name in names]
        for each, picture in zip(paths, pictures):
            write_file(each, picture)
        return path.parent

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        is_long = len(self) > MOST_STEPS
        return {"text/html": self.html(), "text/plain": repr(self) if is_long else self.text()}


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

    Raises:
        TypeError: `y` or a parameter is not a Value, or the learning rate or depth is no number.
        OverflowError: the learning rate is beyond the range of floats.
        ValueError: the learning rate is not finite, a parameter is no leaf or none took part in
            the result, or the depth is negative.

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
    if learning_rate is not None:
        learning_rate = real(learning_rate, "learning_rate")
    whole(depth, "depth", least=0)
    return Backprop(y, names, learning_rate, parameters, depth)


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
    """The class of the widgets, made when the first is asked for."""
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
            return f"<stepper of {len(self._shown)} steps at {self.index}>"

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
