"""What the steps of an epoch did, and the error that ends them where numbers are not finite."""

from __future__ import annotations

from typing import Any, NamedTuple


class Steps(NamedTuple):
    """What the steps of an epoch did.

    Attributes:
        numbers: those of the parameters after them.
        gradient: that of the last step, as it was used.
        loss: the mean over all samples.
        learning_rate: of the last step.
        gradient_norm: the mean length of the gradient before it was clipped.
        step_count: how many steps there were.
        mean_squares: of the gradient before it was clipped, a number for each parameter.
    """

    numbers: Any
    gradient: Any
    loss: float
    learning_rate: float
    gradient_norm: float
    step_count: int
    mean_squares: Any


class NotFiniteError(ArithmeticError):
    """A number became nan or infinite, so that no further step makes sense."""

    def __init__(self, what: str, step: int, epoch: int) -> None:
        super().__init__(
            f"{what} at step {step}, in epoch {epoch}; the parameters are those "
            f"{'of the best epoch before' if epoch > 1 else 'from before the training'}. Lower the "
            "learning rate or give clip_norm=1.0; trap() and compiled=False find the source"
        )
