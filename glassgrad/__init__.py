"""Backpropagation you can see through: `from glassgrad import Value, grad, draw, backprop, MLP`.

Every name that users need is a name of this package. It is three rooms, which are packages too:

    glassgrad.engine  Value, the table of operations, derivatives of any order, `compiled`
    glassgrad.nn      neurons, layers, networks, and all that trains them
    glassgrad.viz     drawing, stepping through backpropagation, typed expressions

`import glassgrad` loads the engine alone; `nn` and `viz` are loaded when a name of theirs is asked
for. The folders of the rooms lie beside this one in a checkout, and inside it where it is
installed. Go on with `engine/__init__.py`; the command is in `__main__.py`.
"""

import os as _os
from importlib import import_module as _import_module
from importlib.machinery import PathFinder as _PathFinder
from typing import TYPE_CHECKING

# In a checkout:
if not _os.path.isfile(_os.path.join(_os.path.dirname(__file__), "engine", "__init__.py")):
    __path__.append(_os.path.dirname(_os.path.dirname(__file__)))

from glassgrad import engine as engine
from glassgrad.engine.misuse import not_there as _not_there

if TYPE_CHECKING:
    from glassgrad import nn as nn
    from glassgrad import viz as viz
    from glassgrad.engine import *  # noqa: F403
    from glassgrad.nn import *  # noqa: F403
    from glassgrad.nn import NetworkClassifier as NetworkClassifier
    from glassgrad.nn import NetworkRegressor as NetworkRegressor
    from glassgrad.viz import *  # noqa: F403

__version__ = "0.2.0"

_OF_ENGINE: list[str] = vars(engine)["__all__"]
_OF_NN = """
ACTIVATIONS Activation Adagrad Adam AdamW AttentionHead Dropout Embedding Health History
INITIALISERS Initialiser Inputs Layer LayerHealth LayerNorm METRICS MLP Module Neuron Optimiser
Perceptron Projection RMSprop ReduceOnPlateau SGD Schedule Seed Sequential
accuracy binary_cross_entropy_with_logits blobs check_health circles clip_grad_norm clip_grad_value
confusion cosine cross_entropy digits fit
from_torch hinge huber l1 l2 left_out linear load mae mean_absolute_error
mean_squared_error mse predict r2 ramp sine split step_decay to_torch
two_moons warm_up xor
""".split()
_OF_NN_WITH_SKLEARN = ["NetworkClassifier", "NetworkRegressor"]
"""Importing these needs scikit-learn, so that `from glassgrad import *` leaves them out."""
_OF_VIZ = """
Associations Backprop Derivation Drawing Mistake Mistakes NeuronSteps
ProgramDrawing Puzzle RendererMissingError RenderingError Spread Step ThreeFactors Verdict backprop
check check_engine derivation draw draw_dot draw_program plot_boundary plot_losses
plot_operation puzzle step_neuron
""".split()
_ROOM_OF = {
    **dict.fromkeys([*_OF_NN, *_OF_NN_WITH_SKLEARN], "nn"),
    **dict.fromkeys(_OF_VIZ, "viz"),
}

# Type checkers and editors know the names from above.
globals()["__all__"] = sorted([*_OF_ENGINE, *_OF_NN, *_OF_VIZ])

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """A room, or what it has under this name; remembered, so that it is asked for once."""
        if name in ("nn", "viz"):
            return _import_module(f"glassgrad.{name}")
        room = _import_module(f"glassgrad.{_ROOM_OF.get(name, 'engine')}")
        if name in _ROOM_OF or name in _names_of_engine():
            thing = globals()[name] = getattr(room, name)
            return thing
        raise _not_there(__name__, name, {*_names_of_engine(), *_ROOM_OF})


def _names_of_engine() -> set[str]:
    """Also those that Python has too, such as `sum`, which no star import brings."""
    operations = [name for name, thing in vars(engine).items() if callable(thing)]
    return {name for name in (*_OF_ENGINE, *operations) if name[0] != "_"}


def __dir__() -> list[str]:
    names = {*_names_of_engine(), *_ROOM_OF, "engine", "nn", "viz", "__version__"}
    # Who lists names reads them too, as `help` and completion do.
    return sorted(names if _PathFinder.find_spec("sklearn") else names - {*_OF_NN_WITH_SKLEARN})
