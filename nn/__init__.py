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

Every name that users need is a name of `nn` itself, and of `glassgrad`; only the functions that
make initialisers (`uniform`, `normal`, `xavier`, `he`, ...) are names of `nn/initialisers.py`.
Start with `Neuron` in `modules/layers.py`: it is the whole idea in one line, and a layer and an MLP
are lists of it. A class of your own derives from `Module` and defines `forward`.
"""

import types
from typing import TYPE_CHECKING

if __name__ != "glassgrad.nn":  # in the folder of a checkout: it would be a second one
    raise ModuleNotFoundError(
        f"{__name__} is a room of glassgrad: import glassgrad.nn instead.", name=__name__
    )

from glassgrad import engine
from glassgrad.nn.bridges.from_torch import from_torch as from_torch
from glassgrad.nn.bridges.to_torch import to_torch as to_torch
from glassgrad.nn.data.classes import blobs as blobs
from glassgrad.nn.data.classes import circles as circles
from glassgrad.nn.data.classes import spirals as spirals
from glassgrad.nn.data.classes import two_moons as two_moons
from glassgrad.nn.data.classes import xor as xor
from glassgrad.nn.data.digits import digits as digits
from glassgrad.nn.data.regression import linear_regression as linear_regression
from glassgrad.nn.data.regression import sine as sine
from glassgrad.nn.data.splitting import split as split
from glassgrad.nn.health import Health as Health
from glassgrad.nn.health import LayerHealth as LayerHealth
from glassgrad.nn.health import check_health as check_health
from glassgrad.nn.initialisers import INITIALISERS as INITIALISERS
from glassgrad.nn.initialisers import Initialiser as Initialiser
from glassgrad.nn.losses.classification import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from glassgrad.nn.losses.classification import cross_entropy as cross_entropy
from glassgrad.nn.losses.classification import hinge as hinge
from glassgrad.nn.losses.penalties import l1 as l1
from glassgrad.nn.losses.penalties import l2 as l2
from glassgrad.nn.losses.regression import huber as huber
from glassgrad.nn.losses.regression import mae as mae
from glassgrad.nn.losses.regression import mse as mse
from glassgrad.nn.metrics import METRICS as METRICS
from glassgrad.nn.metrics import accuracy as accuracy
from glassgrad.nn.metrics import confusion as confusion
from glassgrad.nn.metrics import mean_absolute_error as mean_absolute_error
from glassgrad.nn.metrics import mean_squared_error as mean_squared_error
from glassgrad.nn.metrics import r2 as r2
from glassgrad.nn.modules.activation import ACTIVATIONS as ACTIVATIONS
from glassgrad.nn.modules.activation import Activation as Activation
from glassgrad.nn.modules.activation import linear as linear
from glassgrad.nn.modules.attention import AttentionHead as AttentionHead
from glassgrad.nn.modules.dropout import Dropout as Dropout
from glassgrad.nn.modules.embedding import Embedding as Embedding
from glassgrad.nn.modules.inputs import Inputs as Inputs
from glassgrad.nn.modules.layers import MLP as MLP
from glassgrad.nn.modules.layers import Layer as Layer
from glassgrad.nn.modules.layers import Neuron as Neuron
from glassgrad.nn.modules.module import Module as Module
from glassgrad.nn.modules.noise import count_noise as count_noise
from glassgrad.nn.modules.noise import noise_from as noise_from
from glassgrad.nn.modules.norms import LayerNorm as LayerNorm
from glassgrad.nn.modules.norms import RMSNorm as RMSNorm
from glassgrad.nn.modules.perceptron import Perceptron as Perceptron
from glassgrad.nn.modules.projection import Projection as Projection
from glassgrad.nn.modules.recurrent import RecurrentCell as RecurrentCell
from glassgrad.nn.modules.sequential import Sequential as Sequential
from glassgrad.nn.optimisers.adagrad import Adagrad as Adagrad
from glassgrad.nn.optimisers.adam import Adam as Adam
from glassgrad.nn.optimisers.adam import AdamW as AdamW
from glassgrad.nn.optimisers.clipping import clip_grad_norm as clip_grad_norm
from glassgrad.nn.optimisers.clipping import clip_grad_value as clip_grad_value
from glassgrad.nn.optimisers.clipping import clipped_by_norm as clipped_by_norm
from glassgrad.nn.optimisers.clipping import clipped_by_value as clipped_by_value
from glassgrad.nn.optimisers.optimiser import Optimiser as Optimiser
from glassgrad.nn.optimisers.rmsprop import RMSprop as RMSprop
from glassgrad.nn.optimisers.schedule import Schedule as Schedule
from glassgrad.nn.optimisers.schedules import constant as constant
from glassgrad.nn.optimisers.schedules import cosine as cosine
from glassgrad.nn.optimisers.schedules import one_cycle as one_cycle
from glassgrad.nn.optimisers.schedules import ramp as ramp
from glassgrad.nn.optimisers.schedules import step_decay as step_decay
from glassgrad.nn.optimisers.schedules import warm_up as warm_up
from glassgrad.nn.optimisers.sgd import SGD as SGD
from glassgrad.nn.saving.files import load as load
from glassgrad.nn.seed import Seed as Seed
from glassgrad.nn.training.fit import fit as fit
from glassgrad.nn.training.history import History as History
from glassgrad.nn.training.left_out import left_out as left_out
from glassgrad.nn.training.predict import predict as predict

engine.hide_lines_of(__file__)

# `from glassgrad.nn import *` brings classes and functions, not the files that they are in.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_" and name != "TYPE_CHECKING" and not isinstance(thing, types.ModuleType)
]

if TYPE_CHECKING:
    from glassgrad.nn.bridges.estimators import NetworkClassifier as NetworkClassifier
    from glassgrad.nn.bridges.estimators import NetworkRegressor as NetworkRegressor
else:

    def __getattr__(name: str) -> object:
        """The estimators of scikit-learn are loaded when they are asked for, and it with them."""
        if name in ("NetworkClassifier", "NetworkRegressor"):
            from glassgrad.nn.bridges import estimators

            return getattr(estimators, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
