"""The stepper as a widget: the page and Python agree on the step, both ways.

It needs the extra `widget` and a notebook whose kernel runs; without one a saved widget is blank,
so a cell shows `Backprop.html` by default. The page is that of `page.py`; its script is given a
place, what to do when the reader moves, and the operations to compute with.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from glassgrad.viz.assets import stage_script
from glassgrad.viz.page import Page

if TYPE_CHECKING:
    from anywidget import AnyWidget

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


def stepper(page: Page, shown: range) -> AnyWidget:
    """A widget with an `index` that Python can read, set and observe.

    Args:
        page: what it shows.
        shown: the steps on the page, by index.

    Raises:
        ImportError: anywidget is not installed.
    """
    try:
        return _stepper_class()(page, shown)
    except ImportError as error:
        raise ImportError(ADVICE) from error


def module(page: Page) -> str:
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
            self._esm = module(page)
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
