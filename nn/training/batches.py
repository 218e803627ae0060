"""Which samples a training uses, and when: those held out, and the order of every epoch.

All of it follows from the seed and the number of the epoch alone, so that a training that is
resumed at an epoch goes on exactly as it would have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import describe
from glassgrad.nn.data.samples import Samples, samples_of


def held_out(samples: Samples, validation: Any, seed: int) -> tuple[Samples, Samples | None]:
    """The samples to train on and those to validate with.

    Args:
        samples: all samples.
        validation: the share to hold out, a pair (X, y) of others, or None.
        seed: decides which ones.

    Raises:
        ValueError: the share is not between 0 and 1, or leaves nothing on one side.
        TypeError: it is neither a share nor a pair.

    >>> from glassgrad.nn.data.samples import samples_of
    >>> from glassgrad.nn.training.batches import held_out
    >>> list(map(len, held_out(samples_of([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1]), 0.25, seed=0)))
    [3, 1]
    """
    if validation is None:
        return samples, None
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        X, y = validation
        others = samples_of(X, y, "fit(validation=(X, y))")
        if others.X.shape[1:] != samples.X.shape[1:] or others.y.shape[1:] != samples.y.shape[1:]:
            raise ValueError(
                "fit(validation=(X, y)): its samples have other shapes, "
                f"{others.X.shape[1:]} and {others.y.shape[1:]}, than those to train on, "
                f"{samples.X.shape[1:]} and {samples.y.shape[1:]}."
            )
        return samples, others
    if not is_real(validation) or isinstance(validation, bool):
        raise TypeError(
            "fit(validation=...) is the share of samples to hold out, such as 0.2, or a pair "
            f"(X, y), not {describe(validation)}."
        )
    count = round(float(validation) * len(samples)) if 0.0 < validation < 1.0 else 0
    if not 0 < count < len(samples):
        raise ValueError(
            f"fit(validation={validation}) of {len(samples)} samples leaves none on one side. "
            "Give a share between 0 and 1, or a pair (X, y)."
        )
    order = generator_of_epoch(seed, 0).permutation(len(samples))
    return samples.of(np.sort(order[count:])), samples.of(np.sort(order[:count]))


def generator_of_epoch(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of an epoch, from 1; those of epoch 0 hold samples out.

    >>> from glassgrad.nn.training.batches import generator_of_epoch
    >>> generator_of_epoch(0, 1).random() == generator_of_epoch(0, 1).random()
    True
    """
    return np.random.default_rng([seed, epoch])
