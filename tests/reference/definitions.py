"""Every row of the table once more, by its textbook definition, in numbers of any precision.

This is the independent half of the reference: nothing here comes from `glassgrad`. `mp` is a
context of mpmath, whose precision the caller sets. Next: `make.py`, which tabulates them.
"""

from collections.abc import Callable
from typing import Any


def definitions(mp: Any, step: Any) -> dict[str, Callable[..., Any]]:
    """The function of each row, by name; `step` is that of the difference quotients."""
    return {**_elementary(mp), **_activations(mp), **_choices(mp, step), **_reductions(mp)}


def _elementary(mp: Any) -> dict[str, Callable[..., Any]]:
    return {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "neg": lambda x: -x,
        "pos": lambda x: x,
        "pow": lambda a, b: a**b,
        "abs": abs,
        "exp": mp.exp,
        "expm1": mp.expm1,
        "exp_product": lambda a, b: mp.exp(a * b),
        "log": mp.log,
        "log1p": lambda x: mp.log(1 + x),
        "log2": lambda x: mp.log(x) / mp.log(2),
        "log10": lambda x: mp.log(x) / mp.log(10),
        "logaddexp": lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
        "xlogy": lambda x, y: x * mp.log(y) if x else mp.mpf(0),
        "sqrt": mp.sqrt,
        "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
        "sin": mp.sin,
        "cos": mp.cos,
        "tan": mp.tan,
        "asin": mp.asin,
        "acos": mp.acos,
        "atan": mp.atan,
        "atan2": mp.atan2,
        "sinh": mp.sinh,
        "cosh": mp.cosh,
        "tanh": mp.tanh,
        "sech": mp.sech,
        "asinh": mp.asinh,
        "acosh": mp.acosh,
        "atanh": mp.atanh,
        "hypot": lambda a, b: mp.sqrt(a * a + b * b),
        "leg": lambda c, a: mp.sqrt(c * c - a * a) if c > 0 else mp.nan,
        "direction": lambda a, b: a / mp.sqrt(a * a + b * b),
        "erf": mp.erf,
        "erfc": mp.erfc,
        "normal_cdf": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2,
    }


def _activations(mp: Any) -> dict[str, Callable[..., Any]]:
    def positive(x: Any) -> Any:
        return x if x > 0 else mp.mpf(0)

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + mp.exp(-x))

    return {
        "sigmoid": sigmoid,
        "softplus": lambda x: mp.log(1 + mp.exp(x)),
        "relu": positive,
        "leaky_relu": lambda x, slope: positive(x) - slope * positive(-x),
        "elu": lambda x, alpha: positive(x) + alpha * mp.expm1(-positive(-x)),
        "silu": lambda x: x * sigmoid(x),
        "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        # x·(1 + tanh u) / 2, with the constant as the double that every library takes.
        "gelu_tanh": lambda x: x * sigmoid(mp.sqrt(8 / mp.pi) * (x + mp.mpf(0.044715) * x**3)),
    }


def _choices(mp: Any, step: Any) -> dict[str, Callable[..., Any]]:
    return {
        "sign": mp.sign,
        "step": lambda x: mp.mpf(x > 0),
        "compare": lambda a, b: mp.sign(a - b),
        "maximum": max,
        "minimum": min,
        "clip": lambda x, low, high: min(max(x, low), high),
        # A condition of 0 stays one where a difference quotient moves it.
        "where": lambda condition, a, b: a if abs(condition) > 10 * step else b,
    }


def _reductions(mp: Any) -> dict[str, Callable[..., Any]]:
    def dot(*both: Any) -> Any:
        half = len(both) // 2
        return mp.fsum(a * b for a, b in zip(both[:half], both[half:]))

    def var(*xs: Any) -> Any:
        mean = mp.fsum(xs) / len(xs)
        return mp.fsum((x - mean) ** 2 for x in xs) / len(xs)

    return {
        "sum": lambda *xs: mp.fsum(xs),
        "prod": lambda *xs: mp.fprod(xs),
        "dot": dot,
        "mean": lambda *xs: mp.fsum(xs) / len(xs),
        "max": lambda *xs: max(xs),
        "min": lambda *xs: min(xs),
        "logsumexp": lambda *xs: mp.log(mp.fsum(map(mp.exp, xs))),
        "norm": lambda *xs: mp.sqrt(mp.fsum(x * x for x in xs)),
        "var": var,
        "std": lambda *xs: mp.sqrt(var(*xs)),
        "share": lambda a, b: a / (a + b),
    }
