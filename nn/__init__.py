"""Neurons, layers and networks, built on the engine, and all that trains them.

    module.py        Module, what all of them have in common, and `load`; parts.py, what it holds
    dense.py         Neuron, Layer, MLP, Perceptron; activations by name
    layers.py        other layers: Sequential, Projection, AttentionHead, Embedding, ...
    initialisers.py  the numbers of an untrained neuron, and seeds
    losses.py        how far predictions are from targets, and penalties
    optimisers.py    how parameters move: SGD, Adam, ...; optimiser.py, what all of them have in
                     common; clipping.py and schedules.py, limits of gradients and learning rates
    data.py          data to learn from, made from a seed
    batches.py       the samples of a training, checked, weighed, in batches; `predict`
    fit.py           `fit`, which trains a model on data: what it is called with
    loop.py          the epochs, shuffled and batch by batch: gradients, clipping, schedule, step
    objective.py     what is made smaller, compiled or eagerly; what a training leaves out
    history.py       what a training was, epoch by epoch
    hooks.py         what goes on beside the epochs: what is kept, what ends them, the bar
    checkpoint.py    the file from which a training goes on
    metrics.py       how good answers are
    health.py        are gradients healthy, and what that means in words
    plotting.py      figures of matplotlib
    saving.py        what a model file holds, and how it becomes a module again
    torch.py         to PyTorch and back; sklearn.py, estimators of scikit-learn
    checks.py        what is asked of arguments

Every name that users need is a name of `nn` itself, and of `glassgrad`; only the functions that
make initialisers (`uniform`, `normal`, `xavier`, `he`, ...) are names of `nn/initialisers.py`.
Start with `Neuron` in `dense.py`: it is the whole idea in one line, and a layer and an MLP
are lists of it. A class of your own derives from `Module` and defines `forward`.
"""

import types
from typing import TYPE_CHECKING

if __name__ != "glassgrad.nn":  # in the folder of a checkout: it would be a second one
    raise ModuleNotFoundError(
        f"{__name__} is a room of glassgrad: import glassgrad.nn instead.", name=__name__
    )

from glassgrad import engine
from glassgrad.engine.misuse import not_there as _not_there
from glassgrad.nn.batches import predict as predict
from glassgrad.nn.clipping import clip_grad_norm as clip_grad_norm
from glassgrad.nn.clipping import clip_grad_value as clip_grad_value
from glassgrad.nn.data import blobs as blobs
from glassgrad.nn.data import circles as circles
from glassgrad.nn.data import digits as digits
from glassgrad.nn.data import sine as sine
from glassgrad.nn.data import split as split
from glassgrad.nn.data import two_moons as two_moons
from glassgrad.nn.data import xor as xor
from glassgrad.nn.dense import ACTIVATIONS as ACTIVATIONS
from glassgrad.nn.dense import MLP as MLP
from glassgrad.nn.dense import Activation as Activation
from glassgrad.nn.dense import Inputs as Inputs
from glassgrad.nn.dense import Layer as Layer
from glassgrad.nn.dense import Neuron as Neuron
from glassgrad.nn.dense import Perceptron as Perceptron
from glassgrad.nn.dense import linear as linear
from glassgrad.nn.fit import fit as fit
from glassgrad.nn.health import Health as Health
from glassgrad.nn.health import LayerHealth as LayerHealth
from glassgrad.nn.health import check_health as check_health
from glassgrad.nn.history import History as History
from glassgrad.nn.initialisers import INITIALISERS as INITIALISERS
from glassgrad.nn.initialisers import Initialiser as Initialiser
from glassgrad.nn.initialisers import Seed as Seed
from glassgrad.nn.layers import AttentionHead as AttentionHead
from glassgrad.nn.layers import Dropout as Dropout
from glassgrad.nn.layers import Embedding as Embedding
from glassgrad.nn.layers import LayerNorm as LayerNorm
from glassgrad.nn.layers import Projection as Projection
from glassgrad.nn.layers import Sequential as Sequential
from glassgrad.nn.losses import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from glassgrad.nn.losses import cross_entropy as cross_entropy
from glassgrad.nn.losses import hinge as hinge
from glassgrad.nn.losses import huber as huber
from glassgrad.nn.losses import l1 as l1
from glassgrad.nn.losses import l2 as l2
from glassgrad.nn.losses import mae as mae
from glassgrad.nn.losses import mse as mse
from glassgrad.nn.metrics import METRICS as METRICS
from glassgrad.nn.metrics import accuracy as accuracy
from glassgrad.nn.metrics import confusion as confusion
from glassgrad.nn.metrics import mean_absolute_error as mean_absolute_error
from glassgrad.nn.metrics import mean_squared_error as mean_squared_error
from glassgrad.nn.metrics import r2 as r2
from glassgrad.nn.module import Module as Module
from glassgrad.nn.module import load as load
from glassgrad.nn.objective import left_out as left_out
from glassgrad.nn.optimiser import Optimiser as Optimiser
from glassgrad.nn.optimisers import SGD as SGD
from glassgrad.nn.optimisers import Adagrad as Adagrad
from glassgrad.nn.optimisers import Adam as Adam
from glassgrad.nn.optimisers import AdamW as AdamW
from glassgrad.nn.optimisers import RMSprop as RMSprop
from glassgrad.nn.schedules import ReduceOnPlateau as ReduceOnPlateau
from glassgrad.nn.schedules import Schedule as Schedule
from glassgrad.nn.schedules import cosine as cosine
from glassgrad.nn.schedules import ramp as ramp
from glassgrad.nn.schedules import step_decay as step_decay
from glassgrad.nn.schedules import warm_up as warm_up
from glassgrad.nn.torch import from_torch as from_torch
from glassgrad.nn.torch import to_torch as to_torch

engine.hide_lines_of(__file__)

# `from glassgrad.nn import *` brings classes and functions, not the files that they are in.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_" and name != "TYPE_CHECKING" and not isinstance(thing, types.ModuleType)
]

if TYPE_CHECKING:
    from glassgrad.nn.sklearn import NetworkClassifier as NetworkClassifier
    from glassgrad.nn.sklearn import NetworkRegressor as NetworkRegressor
else:

    def __getattr__(name: str) -> object:
        """The estimators of scikit-learn are loaded when they are asked for, and it with them."""
        if name in ("NetworkClassifier", "NetworkRegressor"):
            from glassgrad.nn import sklearn

            return getattr(sklearn, name)
        raise _not_there(__name__, name, globals()["__all__"])
