"""Neurons, layers and networks, built on the engine, and all that trains them.

    modules/         what networks are made of: Neuron, Layer, MLP and many more
    initialisers.py  the numbers of an untrained neuron
    losses/          how far predictions are from targets, and penalties
    optimisers/      how parameters move, and how fast: SGD, Adam, schedules, clipping
    data/            data to learn from, made from a seed; `split`
    training/        `fit`, which trains a model on data; `predict`; History; checkpoints
    metrics.py       how good answers are
    health/          are gradients healthy?
    saving/          model files, and `load`
    bridges/         to PyTorch and back; estimators of scikit-learn
    checks.py        what is asked of arguments; arguments.py, those that there are not
    choice.py        one of several by its number
    figure.py        figures of matplotlib
    seed.py          where drawn numbers come from

Every name that users need is a name of `nn` itself; only the functions that make initialisers
(`uniform`, `normal`, `xavier`, `he`, ...) are names of `nn.initialisers`. Start with `Neuron` in
`modules/layers.py`: it is the whole idea in one line, and a layer and an MLP are lists of it. A
class of your own derives from `Module` and defines `forward`.
"""

import types
from typing import TYPE_CHECKING

import engine
from nn.bridges.from_torch import from_torch as from_torch
from nn.bridges.to_torch import to_torch as to_torch
from nn.data.classes import blobs as blobs
from nn.data.classes import circles as circles
from nn.data.classes import spirals as spirals
from nn.data.classes import two_moons as two_moons
from nn.data.classes import xor as xor
from nn.data.digits import digits as digits
from nn.data.regression import linear_regression as linear_regression
from nn.data.regression import sine as sine
from nn.data.splitting import split as split
from nn.health import Health as Health
from nn.health import LayerHealth as LayerHealth
from nn.health import check_health as check_health
from nn.initialisers import INITIALISERS as INITIALISERS
from nn.initialisers import Initialiser as Initialiser
from nn.losses.classification import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from nn.losses.classification import cross_entropy as cross_entropy
from nn.losses.classification import hinge as hinge
from nn.losses.penalties import l1 as l1
from nn.losses.penalties import l2 as l2
from nn.losses.regression import huber as huber
from nn.losses.regression import mae as mae
from nn.losses.regression import mse as mse
from nn.metrics import METRICS as METRICS
from nn.metrics import accuracy as accuracy
from nn.metrics import confusion as confusion
from nn.metrics import mean_absolute_error as mean_absolute_error
from nn.metrics import mean_squared_error as mean_squared_error
from nn.metrics import r2 as r2
from nn.modules.activation import ACTIVATIONS as ACTIVATIONS
from nn.modules.activation import Activation as Activation
from nn.modules.activation import linear as linear
from nn.modules.attention import AttentionHead as AttentionHead
from nn.modules.dropout import Dropout as Dropout
from nn.modules.embedding import Embedding as Embedding
from nn.modules.inputs import Inputs as Inputs
from nn.modules.layers import MLP as MLP
from nn.modules.layers import Layer as Layer
from nn.modules.layers import Neuron as Neuron
from nn.modules.module import Module as Module
from nn.modules.noise import count_noise as count_noise
from nn.modules.noise import noise_from as noise_from
from nn.modules.norms import LayerNorm as LayerNorm
from nn.modules.norms import RMSNorm as RMSNorm
from nn.modules.perceptron import Perceptron as Perceptron
from nn.modules.projection import Projection as Projection
from nn.modules.recurrent import RecurrentCell as RecurrentCell
from nn.modules.sequential import Sequential as Sequential
from nn.optimisers.adagrad import Adagrad as Adagrad
from nn.optimisers.adam import Adam as Adam
from nn.optimisers.adam import AdamW as AdamW
from nn.optimisers.clipping import clip_grad_norm as clip_grad_norm
from nn.optimisers.clipping import clip_grad_value as clip_grad_value
from nn.optimisers.clipping import clipped_by_norm as clipped_by_norm
from nn.optimisers.clipping import clipped_by_value as clipped_by_value
from nn.optimisers.optimiser import Optimiser as Optimiser
from nn.optimisers.rmsprop import RMSprop as RMSprop
from nn.optimisers.schedule import Schedule as Schedule
from nn.optimisers.schedules import constant as constant
from nn.optimisers.schedules import cosine as cosine
from nn.optimisers.schedules import one_cycle as one_cycle
from nn.optimisers.schedules import ramp as ramp
from nn.optimisers.schedules import step_decay as step_decay
from nn.optimisers.schedules import warm_up as warm_up
from nn.optimisers.sgd import SGD as SGD
from nn.saving.files import load as load
from nn.seed import Seed as Seed
from nn.training.fit import fit as fit
from nn.training.history import History as History
from nn.training.predict import predict as predict

engine.hide_lines_of(__file__)

# `from nn import *` brings classes and functions, not the files that they are in.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_" and name != "TYPE_CHECKING" and not isinstance(thing, types.ModuleType)
]

if TYPE_CHECKING:
    from nn.bridges.estimators import NetworkClassifier as NetworkClassifier
    from nn.bridges.estimators import NetworkRegressor as NetworkRegressor


def __getattr__(name: str) -> object:
    """The estimators of scikit-learn are loaded when they are asked for, and it with them."""
    if name in ("NetworkClassifier", "NetworkRegressor"):
        from nn.bridges import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
