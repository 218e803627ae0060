"""Draw a graph, step through its backpropagation, or do both from the command line.

`draw(y)` shows the graph with every value and gradient; `backprop(y)` gives the steps, one per
edge, and `step_neuron(w, x, b)` those of a neuron; `derivation(y, x)` writes out the chain rule;
`draw_program(loss)` shows what a compiled function became;
`plot_losses` and its like draw curves, if matplotlib is there.
Start with `diagram.py` (what is shown), then `drawing.py` and `steps.py`.
"""

import types

from viz.backprop import Backprop as Backprop
from viz.backprop import backprop as backprop
from viz.derivation import Derivation as Derivation
from viz.derivation import derivation as derivation
from viz.drawing import Drawing as Drawing
from viz.drawing import draw as draw
from viz.drawing import draw_dot as draw_dot
from viz.history import GradientHistory as GradientHistory
from viz.mistakes import Mistake as Mistake
from viz.mistakes import Mistakes as Mistakes
from viz.neuron import NeuronSteps as NeuronSteps
from viz.neuron import ThreeFactors as ThreeFactors
from viz.neuron import step_neuron as step_neuron
from viz.plots import plot_boundary as plot_boundary
from viz.plots import plot_gradients as plot_gradients
from viz.plots import plot_losses as plot_losses
from viz.plots import plot_operation as plot_operation
from viz.program import ProgramDrawing as ProgramDrawing
from viz.program import draw_program as draw_program
from viz.render import RendererMissingError as RendererMissingError
from viz.render import RenderingError as RenderingError
from viz.step import Step as Step

# `from viz import *` brings classes and functions, not the files that they are in.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_" and not isinstance(thing, types.ModuleType)
]
