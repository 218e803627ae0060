"""Draw a graph, step through its backpropagation, or do both from the command line.

`draw(y)` shows the graph with every value and gradient; `backprop(y)` gives the steps, one per
edge; `derivation(y, x)` writes out the chain rule. Start with `diagram.py` (what is shown), then
`drawing.py` and `steps.py`.
"""

from viz.backprop import Backprop as Backprop
from viz.backprop import backprop as backprop
from viz.derivation import Derivation as Derivation
from viz.derivation import derivation as derivation
from viz.drawing import Drawing as Drawing
from viz.drawing import draw as draw
from viz.drawing import draw_dot as draw_dot
from viz.render import RendererMissingError as RendererMissingError
from viz.render import RenderingError as RenderingError
from viz.step import Step as Step
