"""Neurons, layers and networks, built on the engine.

    layers.py      Neuron, Layer, MLP
    module.py      Module, what they have in common: parameters with names, states
    parts.py       how a module finds its parameters among its attributes
    scoped.py      how a module marks the nodes it makes, for drawings
    tree.py        how a module shows itself
    saved.py       what a model file holds
    activation.py  the choice of an activation by name
    inputs.py      what a module takes as a sample
    optimisers.py  how parameters move along their gradients
    seed.py        where untrained numbers come from

Start with `Neuron` in `layers.py`: it is the whole idea in one line, and a layer and an MLP are
lists of it. A class of your own derives from `Module` and defines `forward`.
"""

import types

from engine import hide_lines_of
from nn.activation import ACTIVATIONS as ACTIVATIONS
from nn.activation import Activation as Activation
from nn.activation import linear as linear
from nn.inputs import Inputs as Inputs
from nn.layers import MLP as MLP
from nn.layers import Layer as Layer
from nn.layers import Neuron as Neuron
from nn.module import Module as Module
from nn.optimisers import SGD as SGD
from nn.seed import Seed as Seed

hide_lines_of(__file__)

# `from nn import *` brings classes and functions, not the files that they are in.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_" and not isinstance(thing, types.ModuleType)
]
