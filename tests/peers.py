"""PyTorch and JAX beside the engine: their operations, and whole programs run by them.

For each row of the table a peer has a function of the flat operands, which are the peer's own
numbers or plain floats. Where it has no function of the kind, one is composed by definition. A test
that asks for a peer says so with `needs`. Next: `test_random_graphs.py`.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from comparing import Outcome
from programs import Program

from glassgrad import TABLE

Rows = Mapping[str, Callable[..., Any]]


def missing(rows: Rows, peer: str) -> str:
    """What to do about rows that a peer does not know; nothing if it knows all."""
    unknown = [name for name in TABLE if name not in rows]
    strangers = [name for name in rows if name not in TABLE]
    advice = [f"write {name!r} of the table with {peer}" for name in unknown]
    advice += [f"remove {name!r}, the table has no such row" for name in strangers]
    return f"In tests/peers.py: {'; '.join(advice)}." if advice else ""


@functools.cache
def torch_rows() -> Rows:
    """Every row in PyTorch's float64."""
    import torch

    functional = torch.nn.functional
    one = torch.tensor(1.0, dtype=torch.float64)
    zero = torch.tensor(0.0, dtype=torch.float64)

    def tensors(function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of tensors, made to take plain numbers too."""
        return lambda *operands: function(*map(tensor, operands))

    def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *operands: function(stack(operands))

    def tensor(operand: Any) -> Any:
        return one * operand if isinstance(operand, float) else operand

    def stack(operands: tuple[Any, ...]) -> Any:
        return torch.stack([tensor(x) for x in operands])

    def compare(a: Any, b: Any) -> Any:
        order = torch.where(a > b, one, zero) - torch.where(a < b, one, zero)
        return torch.where(torch.isnan(a) | torch.isnan(b), one * math.nan, order)

    def leaky_relu(x: Any, slope: Any = 0.01) -> Any:
        if isinstance(slope, float):
            return functional.leaky_relu(x, slope)
        return torch.where(x > 0.0, x, slope * x)

    def elu(x: Any, alpha: Any = 1.0) -> Any:  # PyTorch's takes numbers only for alpha
        below = torch.where(x > 0.0, zero, x)  # or the branch not taken overflows
        return torch.where(x > 0.0, x, alpha * torch.expm1(below))

    def sech(x: Any) -> Any:
        side = torch.where(x < 0.0, -one, one)  # of two equal formulas the one without overflow
        return 2.0 * torch.exp(-side * x) * torch.sigmoid(2.0 * side * x)

    def direction(a: Any, b: Any) -> Any:
        length = torch.sqrt(a * a + b * b)
        return a / torch.where(length == 0.0, one, length)

    return {
        **{name: tensors(getattr(torch, name)) for name in TORCH_NAMES},
        **{name: tensors(getattr(functional, name)) for name in ("softplus", "silu", "gelu")},
        "pow": torch.pow,  # numbers as they are: they have rules of their own
        "pos": tensors(torch.positive),
        "cbrt": tensors(lambda x: torch.sign(x) * torch.abs(x).pow(1.0 / 3.0)),
        "sech": tensors(sech),
        "exp_product": tensors(lambda a, b: torch.exp(a * b)),
        "direction": tensors(direction),
        "leg": tensors(lambda c, a: torch.sqrt(c - a) * torch.sqrt(c + a)),
        "normal_cdf": tensors(torch.special.ndtr),
        "gelu_tanh": tensors(lambda x: functional.gelu(x, approximate="tanh")),
        "leaky_relu": lambda x, *slope: leaky_relu(tensor(x), *slope),
        "elu": tensors(elu),
        "step": tensors(lambda x: 0.5 * (compare(x, zero) + torch.abs(compare(x, zero)))),
        "compare": tensors(compare),
        "clip": tensors(torch.clamp),
        "where": tensors(lambda condition, a, b: torch.where(condition != 0.0, a, b)),
        "sum": reduction(torch.sum),
        "prod": reduction(torch.prod),
        "dot": lambda *both: torch.dot(
            stack(both[: len(both) // 2]), stack(both[len(both) // 2 :])
        ),
        "mean": reduction(torch.mean),
        "max": reduction(torch.amax),
        "min": reduction(torch.amin),
        "logsumexp": reduction(lambda xs: torch.logsumexp(xs, 0)),
        "norm": reduction(torch.linalg.vector_norm),
        "var": reduction(lambda xs: torch.var(xs, correction=0)),
        "std": reduction(lambda xs: torch.std(xs, correction=0)),
        "share": tensors(lambda a, b: a / (a + b)),
    }


TORCH_NAMES = (
    "add sub mul div neg abs exp expm1 log log1p log2 log10 sqrt sin cos tan asin acos atan atan2 "
    "sinh cosh tanh asinh acosh atanh hypot erf erfc sigmoid relu sign maximum minimum "
    "logaddexp xlogy"
).split()
"""The rows that are functions of tensors of the same name in PyTorch."""


@functools.cache
def jax_rows() -> Rows:
    """Every row in JAX; its numbers are float64 only after `jax_enable_x64` is set."""
    import jax

    jnp = jax.numpy
    special = jax.scipy.special

    def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *operands: function(jnp.stack([jnp.asarray(x) for x in operands]))

    def dot(*both: Any) -> Any:
        left, right = both[: len(both) // 2], both[len(both) // 2 :]
        return functools.reduce(jnp.add, map(jnp.multiply, left, right))

    def compare(a: Any, b: Any) -> Any:
        order = jnp.where(a > b, 1.0, 0.0) - jnp.where(a < b, 1.0, 0.0)
        return jnp.where(jnp.isnan(a) | jnp.isnan(b), jnp.nan, order)

    def sech(x: Any) -> Any:
        side = jnp.where(x < 0.0, -1.0, 1.0)
        return 2.0 * jnp.exp(-side * x) * jax.nn.sigmoid(2.0 * side * x)

    def hypot(a: Any, b: Any) -> Any:  # JAX's own has wrong second derivatives where |a| = |b|
        return jnp.sqrt(jnp.multiply(a, a) + jnp.multiply(b, b))

    def direction(a: Any, b: Any) -> Any:
        return a / jnp.where(hypot(a, b) == 0.0, 1.0, hypot(a, b))

    return {
        **{name: getattr(jnp, JAX_NAMES.get(name, name)) for name in JAX_ROWS},
        **{name: getattr(jax.nn, name) for name in ("sigmoid", "softplus", "relu", "silu")},
        "erf": special.erf,
        "erfc": special.erfc,
        "sech": sech,
        "exp_product": lambda a, b: jnp.exp(jnp.multiply(a, b)),
        "hypot": hypot,
        "direction": direction,
        "leg": lambda c, a: jnp.sqrt(c - a) * jnp.sqrt(c + a),
        "normal_cdf": special.ndtr,
        "leaky_relu": lambda x, slope=0.01: jax.nn.leaky_relu(x, slope),
        "elu": lambda x, alpha=1.0: jax.nn.elu(x, alpha),
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
        "step": lambda x: jnp.heaviside(x, 0.0),
        "compare": compare,
        "where": lambda condition, a, b: jnp.where(condition != 0.0, a, b),
        "xlogy": special.xlogy,
        "sum": reduction(jnp.sum),
        "prod": reduction(jnp.prod),
        "dot": dot,
        "mean": reduction(jnp.mean),
        "max": reduction(jnp.max),
        "min": reduction(jnp.min),
        "logsumexp": reduction(special.logsumexp),
        "norm": reduction(jnp.linalg.norm),
        "var": reduction(jnp.var),
        "std": reduction(jnp.std),
        "share": lambda a, b: a / jnp.add(a, b),
    }


JAX_ROWS = (
    "add sub mul div neg pos pow abs exp expm1 log log1p log2 log10 sqrt cbrt sin cos tan asin "
    "acos atan atan2 sinh cosh tanh asinh acosh atanh sign maximum minimum clip logaddexp"
).split()
JAX_NAMES = {
    "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "pos": "positive",
    "pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
}  # fmt: skip
"""The rows that are functions of `jax.numpy`, and the names of those that are called otherwise."""


# Whole programs.


def with_torch(program: Program) -> Outcome:
    """The outcome by PyTorch."""
    rows = torch_rows()
    import torch

    xs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in program.point]

    def derivatives(y: Any) -> Sequence[Any]:
        if not y.requires_grad:  # there is nothing but sign and the like on the way
            return [torch.zeros_like(x) for x in xs]
        return torch.autograd.grad(
            y, xs, create_graph=True, allow_unused=True, materialize_grads=True
        )

    y = program.run(lambda name, *operands: rows[name](*operands), xs)[-1]
    gradient = derivatives(y)
    hessian = [[x.item() for x in derivatives(g)] for g in gradient]
    return Outcome(y.item(), [g.item() for g in gradient], hessian)


def with_jax(program: Program) -> Outcome:
    """The outcome by JAX.

    It runs without compiling, which would take seconds a program, and one leaf at a time.
    """
    rows = jax_rows()
    import jax

    def result(xs: Sequence[Any]) -> Any:
        return program.run(lambda name, *operands: rows[name](*operands), xs)[-1]

    with jax.enable_x64(True), jax.disable_jit():
        xs = [jax.numpy.float64(x) for x in program.point]
        (value, gradient), move = jax.linearize(jax.value_and_grad(result), xs)
        directions = jax.numpy.eye(len(xs))
        hessian = [move(list(direction))[1] for direction in directions]
        floats = [[x.item() for x in row] for row in hessian]
        return Outcome(value.item(), [g.item() for g in gradient], floats)
