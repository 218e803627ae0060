"""The numbers that `fit` is given, checked."""

from __future__ import annotations

from dataclasses import dataclass

from glassgrad.nn.checks import positive, whole


@dataclass(kw_only=True)
class Options:
    """Numbers of a training; see `fit`.

    Raises:
        TypeError, ValueError: one of them makes no sense.
    """

    epochs: int
    batch_size: int
    seed: int
    accumulate: int
    patience: int | None
    clip_norm: float | None
    clip_value: float | None
    checkpoint_every: int

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "checkpoint_every"):
            setattr(self, name, whole(getattr(self, name), f"fit({name}=...)"))
        self.seed = whole(self.seed, "fit(seed=...)", least=0)
        if self.patience is not None:
            self.patience = whole(self.patience, "fit(patience=...)")
        for name in ("clip_norm", "clip_value"):
            limit = getattr(self, name)
            setattr(self, name, None if limit is None else positive(limit, f"fit({name}=...)"))

    def steps(self, count: int) -> int:
        """How many steps there are in all epochs over so many samples."""
        of_an_epoch = -(-count // self.batch_size)
        return self.epochs * -(-of_an_epoch // self.accumulate)
