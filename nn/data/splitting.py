"""Two parts of the data: one to learn from, and one to test what was learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassgrad.engine.tree import Array, rows_of
from glassgrad.nn.arguments import explained
from glassgrad.nn.checks import proper_share, true_or_false
from glassgrad.nn.data.random import generator


@explained()
def split(
    X: Any,
    y: Any,
    share: float = 0.25,
    seed: int = 0,
    stratify: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """Shuffle the samples and put a share of them aside, as `train_test_split` of scikit-learn.

    Args:
        X: the samples, of shape (n, ...).
        y: the targets, of shape (n, ...); sample i has target i.
        share: how much of the data is put aside, above 0 and below 1. It is rounded to whole
            samples, and there is at least one on each side.
        seed: the same seed gives the same parts.
        stratify: whether every class has that share too, as nearly as whole samples can; y is
            then classes, of shape (n,), with at least two samples of each.

    Returns:
        X_train, X_test, y_train, y_test: new arrays, in a shuffled order.

    Raises:
        TypeError: the share is no real number, the seed no whole number, or `stratify` neither
            True nor False.
        ValueError: X and y have different lengths or fewer than two samples, the share leaves
            nothing to divide, or y are no classes that can be stratified.

    >>> from glassgrad import split, two_moons
    >>> X_train, X_test, y_train, y_test = split(*two_moons(100), share=0.2, stratify=True)
    >>> X_train.shape, y_train.mean().item(), X_test.shape, y_test.mean().item()
    ((80, 2), 0.5, (20, 2), 0.5)
    """
    samples, targets = rows_of(X, "split(X=...)"), rows_of(y, "split(y=...)")
    n = len(samples)
    if n != len(targets):
        raise ValueError(f"split(X, y) of {n} samples in X and {len(targets)} targets in y.")
    if n < 2:
        raise ValueError("split(X, y) needs at least two samples, one for each part.")
    share = proper_share(share, "split(share=...)")
    by_class = true_or_false(stratify, "split(stratify=...)")
    order = generator(seed, "split").permutation(n)
    groups = _by_class(targets, order) if by_class else [order]
    taken = _taken([len(group) for group in groups], share)
    test = np.concatenate([group[:count] for group, count in zip(groups, taken)])
    is_test = np.zeros(n, bool)
    is_test[test] = True
    train, test = order[~is_test[order]], order[is_test[order]]
    return samples[train], samples[test], targets[train], targets[test]


def _by_class(targets: Array, order: Array) -> list[Array]:
    """The places of each class, in the given order."""
    if targets.ndim != 1 or not (targets.dtype.kind in "iub" or _are_whole(targets)):
        raise ValueError(
            "split(stratify=True) takes classes: whole numbers in a row, one a sample; "
            f"y has shape {targets.shape} and type {targets.dtype}."
        )
    kinds, counts = np.unique(targets, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"split(stratify=True) needs two samples of each class; of class "
            f"{kinds[counts.argmin()]} there is one."
        )
    return [order[targets[order] == kind] for kind in kinds]


def _are_whole(targets: Array) -> bool:
    return targets.dtype.kind == "f" and bool((targets == np.round(targets)).all())


def _taken(counts: list[int], share: float) -> list[int]:
    """How many of each group are put aside: its share, by the method of largest remainders."""
    exact = share * np.asarray(counts)
    whole = np.floor(exact).astype(int)
    missing = round(share * sum(counts)) - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[: max(0, missing)]] += 1
    most = np.asarray(counts) - 1
    taken: list[int] = np.clip(whole, 1, most).tolist()
    return taken
