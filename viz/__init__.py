"""Draw a graph, step through its backpropagation, or do both from the command line.

    graph      diagram.py (its nodes and their names), compiled.py, formulas.py, derivation.py
    picture    drawing.py (draw), picture.py, dot.py, render.py, markup.py
    steps      backprop.py, steps.py, told.py (what a step says)
    page       page.py, stage.py; its scripts lie in stage/
    patterns   network.py (layers of neurons), repeats.py: found in scalars
    teaching   neuron.py, mistakes.py (wrong engines), exercises.py (check, puzzle) with
               questions.py, own_engine.py (check_engine), associations.py
    programs   program.py (draw_program)
    plots      plots.py
    typed      expression.py; the command itself is glassgrad/__main__.py

What is of a wrong kind is a `TypeError` everywhere, what is out of range or not there a
`ValueError`, and a number beyond floats an `OverflowError`, in a sentence that says what to write.

Start with `diagram.py` (what is shown), then `drawing.py` and `steps.py`.
"""

import types
from typing import TYPE_CHECKING

if __name__ != "glassgrad.viz":  # in the folder of a checkout: it would be a second one
    raise ModuleNotFoundError(
        f"{__name__} is a room of glassgrad: import glassgrad.viz instead.", name=__name__
    )

from glassgrad.engine.misuse import not_there as _not_there
from glassgrad.viz.associations import Associations as Associations
from glassgrad.viz.associations import Spread as Spread
from glassgrad.viz.backprop import Backprop as Backprop
from glassgrad.viz.backprop import backprop as backprop
from glassgrad.viz.derivation import Derivation as Derivation
from glassgrad.viz.derivation import derivation as derivation
from glassgrad.viz.drawing import Drawing as Drawing
from glassgrad.viz.drawing import draw as draw
from glassgrad.viz.drawing import draw_dot as draw_dot
from glassgrad.viz.exercises import Puzzle as Puzzle
from glassgrad.viz.exercises import Verdict as Verdict
from glassgrad.viz.exercises import check as check
from glassgrad.viz.exercises import puzzle as puzzle
from glassgrad.viz.mistakes import Mistake as Mistake
from glassgrad.viz.mistakes import Mistakes as Mistakes
from glassgrad.viz.neuron import NeuronSteps as NeuronSteps
from glassgrad.viz.neuron import ThreeFactors as ThreeFactors
from glassgrad.viz.neuron import step_neuron as step_neuron
from glassgrad.viz.own_engine import check_engine as check_engine
from glassgrad.viz.plots import plot_boundary as plot_boundary
from glassgrad.viz.plots import plot_losses as plot_losses
from glassgrad.viz.plots import plot_operation as plot_operation
from glassgrad.viz.program import ProgramDrawing as ProgramDrawing
from glassgrad.viz.program import draw_program as draw_program
from glassgrad.viz.render import RendererMissingError as RendererMissingError
from glassgrad.viz.render import RenderingError as RenderingError
from glassgrad.viz.steps import Step as Step

# `from glassgrad.viz import *` brings classes and functions, not the files that they are in.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_" and name != "TYPE_CHECKING" and not isinstance(thing, types.ModuleType)
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        raise _not_there(__name__, name, globals()["__all__"])
