"""`backprop`: the steps of backpropagation, shown as text, as HTML, or saved to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassgrad.engine import Value
from glassgrad.engine.files import write_file
from glassgrad.engine.misuse import real
from glassgrad.engine.printing import printing
from glassgrad.engine.text import describe, told
from glassgrad.viz.drawing import check_whole
from glassgrad.viz.mistakes import Mistakes
from glassgrad.viz.page import Page
from glassgrad.viz.report import report
from glassgrad.viz.stage import MOST_STEPS, shown_steps
from glassgrad.viz.steps import Steps
from glassgrad.viz.widget import stepper

if TYPE_CHECKING:
    from anywidget import AnyWidget


class Backprop(Steps):
    """The steps of backpropagation. Notebooks show them; `print` gives text; `save` writes a file.

    >>> from glassgrad import Value, backprop
    >>> steps = backprop(Value(3.0) * 2.0)
    >>> steps
    <backpropagation in 3 steps through 3 nodes>
    >>> [step.phase for step in steps]
    ['forward', 'seed', 'backward']
    """

    def __str__(self) -> str:
        return self.text()

    def text(self, digits: int | None = None) -> str:
        """The steps as text for a terminal, measured numbers in so many significant digits (4)."""
        if digits is not None:
            check_whole("digits", digits, least=1)
        with printing(digits):
            return self._report()

    def _report(self) -> str:
        return report(self)

    def mistakes(self) -> Mistakes:
        """What the classic wrong engines make of the same graph; `print` gives a table.

        They are `=` instead of `+=`, depth first without an order, and a second `backward()` for
        which inner nodes, or the leaves, were not zeroed.
        """
        return Mistakes(self)

    def html(self) -> str:
        """The steps as one self-contained piece of HTML."""
        return Page(self, self.more()).html()

    def standalone_html(self) -> str:
        """The steps as a whole HTML document."""
        return Page(self, self.more()).document()

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
        shown = shown_steps(self)
        on_page = range(shown[0].index, shown[-1].index + 1)
        return stepper(Page(self, self.more()), on_page)

    def save(self, path: str | Path) -> Path:
        """Write the steps to a file: .html, .json or .txt.

        Raises:
            ValueError: another ending.
            OSError: the file cannot be written.
        """
        writers: dict[str, Callable[[], str]] = {
            ".html": self.standalone_html,
            ".json": self.to_json,
            ".txt": self.text,
        }
        if not isinstance(path, (str, PathLike)):
            problem = f"save takes the name of a file, not {describe(path)}."
            raise TypeError(f"{problem} Write save('steps.html').")
        path = Path(path)
        writer = writers.get(path.suffix.lower())
        if writer is None:
            raise ValueError(
                f"Steps are saved as .html, .json or .txt, not as {told(path.name)}. Write "
                f"{told(path.stem + '.html')}."
            )
        return write_file(path, writer().encode())

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
        parameters: the leaves that the update moves; by default all of them.
        depth: how many levels to open: 1 opens the compiled functions that are in no module.

    Raises:
        TypeError: `y` or a parameter is not a Value, or the learning rate or depth is no number.
        OverflowError: the learning rate is beyond the range of floats.
        ValueError: the learning rate is not finite, no parameter took part in the result, or the
            depth is negative.

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
    check_whole("depth", depth, least=0)
    return Backprop(y, names, learning_rate, _checked(parameters), depth)


def _checked(parameters: Iterable[Value] | None) -> Sequence[Value] | None:
    if parameters is None:
        return None
    try:
        listed = list(parameters)
    except TypeError:
        problem = f"parameters lists the Values to move, not {describe(parameters)}."
        raise TypeError(problem) from None
    for parameter in listed:
        if not isinstance(parameter, Value):
            raise TypeError(f"parameters lists Values, not {describe(parameter)}.")
    return listed
