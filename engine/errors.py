"""The errors that glassgrad adds to Python's own."""


class NonFiniteError(ArithmeticError):
    """A nan or an infinity arose inside `trap()`."""


class ChangedDataError(RuntimeError):
    """`.data` was changed after the graph was recorded, and a graph of its gradient was asked."""


class GradientMismatchError(AssertionError):
    """`check_gradients` found a gradient that disagrees with finite differences."""


class CompilationError(TypeError):
    """A function does what its recording cannot repeat; the message says what to write instead."""
