"""Neurons, layers and networks, built on the engine, and all that trains them.

Modules
    layers.py        Neuron, Layer, MLP
    perceptron.py    Perceptron, with the classic rule
    sequential.py    Sequential, parts in a row
    dropout.py       Dropout, numbers left out by chance: noise.py
    norms.py         LayerNorm, RMSNorm
    embedding.py     Embedding, a row of numbers for each token
    recurrent.py     RecurrentCell, a layer that sees its own last outputs
    attention.py     AttentionHead
    module.py        Module, what they have in common
    parts.py, hidden.py, scoped.py, tree.py, activation.py, initialisers.py, inputs.py, seed.py,
    whole.py

Training
    training/        `fit`, which trains a model on data; `predict`; History; checkpoints
    losses.py        how far predictions are from targets: pairs.py, choice.py, penalties.py
    optimisers.py    SGD; adaptive.py has Adam and its kin: optimiser.py, groups.py
    schedules.py     how the learning rate changes
    clipping.py      gradients that are too long
    metrics.py       how good answers are
    data.py          data to learn from, made from a seed; splitting.py
    health/          are gradients healthy?
    curves.py        pictures of a training, and of health

Keeping and sharing
    saved.py         model files, and `load`; building.py, how a module is built; alike.py
    bridge.py        to PyTorch; bridge_back.py, and back; bridge_table.py
    estimators.py    networks as estimators of scikit-learn

Start with `Neuron` in `layers.py`: it is the whole idea in one line, and a layer and an MLP are
lists of it. A class of your own derives from `Module` and defines `forward`.
"""

import types
from typing import TYPE_CHECKING

from engine import hide_lines_of
from nn.activation import ACTIVATIONS as ACTIVATIONS
from nn.activation import Activation as Activation
from nn.activation import linear as linear
from nn.adaptive import Adagrad as Adagrad
from nn.adaptive import Adam as Adam
from nn.adaptive import AdamW as AdamW
from nn.adaptive import RMSprop as RMSprop
from nn.attention import AttentionHead as AttentionHead
from nn.bridge import from_torch as from_torch
from nn.bridge import to_torch as to_torch
from nn.clipping import clip_grad_norm as clip_grad_norm
from nn.clipping import clip_grad_value as clip_grad_value
from nn.clipping import clipped_by_norm as clipped_by_norm
from nn.clipping import clipped_by_value as clipped_by_value
from nn.data import blobs as blobs
from nn.data import circles as circles
from nn.data import digits as digits
from nn.data import linear_regression as linear_regression
from nn.data import sine as sine
from nn.data import spirals as spirals
from nn.data import two_moons as two_moons
from nn.data import xor as xor
from nn.dropout import Dropout as Dropout
from nn.embedding import Embedding as Embedding
from nn.health import Health as Health
from nn.health import LayerHealth as LayerHealth
from nn.health import check_health as check_health
from nn.initialisers import INITIALISERS as INITIALISERS
from nn.initialisers import Initialiser as Initialiser
from nn.inputs import Inputs as Inputs
from nn.layers import MLP as MLP
from nn.layers import Layer as Layer
from nn.layers import Neuron as Neuron
from nn.losses import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from nn.losses import cross_entropy as cross_entropy
from nn.losses import hinge as hinge
from nn.losses import huber as huber
from nn.losses import mae as mae
from nn.losses import mse as mse
from nn.metrics import METRICS as METRICS
from nn.metrics import accuracy as accuracy
from nn.metrics import confusion as confusion
from nn.metrics import mean_absolute_error as mean_absolute_error
from nn.metrics import mean_squared_error as mean_squared_error
from nn.metrics import r2 as r2
from nn.module import Module as Module
from nn.noise import count_noise as count_noise
from nn.noise import noise_from as noise_from
from nn.norms import LayerNorm as LayerNorm
from nn.norms import RMSNorm as RMSNorm
from nn.optimiser import Optimiser as Optimiser
from nn.optimisers import SGD as SGD
from nn.penalties import l1 as l1
from nn.penalties import l2 as l2
from nn.perceptron import Perceptron as Perceptron
from nn.recurrent import RecurrentCell as RecurrentCell
from nn.saved import load as load
from nn.schedules import Schedule as Schedule
from nn.schedules import constant as constant
from nn.schedules import cosine as cosine
from nn.schedules import one_cycle as one_cycle
from nn.schedules import ramp as ramp
from nn.schedules import step_decay as step_decay
from nn.schedules import warm_up as warm_up
from nn.seed import Seed as Seed
from nn.sequential import Sequential as Sequential
from nn.splitting import split as split
from nn.training.fit import fit as fit
from nn.training.history import History as History
from nn.training.predict import predict as predict

hide_lines_of(__file__)

# `from nn import *` brings classes and functions, not the files that they are in.
globals()["__all__"] = [
    name
    for name, thing in vars().items()
    if name[0] != "_" and name != "TYPE_CHECKING" and not isinstance(thing, types.ModuleType)
]

if TYPE_CHECKING:
    from nn.estimators import NetworkClassifier as NetworkClassifier
    from nn.estimators import NetworkRegressor as NetworkRegressor


def __getattr__(name: str) -> object:
    """The estimators of scikit-learn are loaded when they are asked for, and it with them."""
    if name in ("NetworkClassifier", "NetworkRegressor"):
        from nn import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
