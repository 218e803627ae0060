"""The table of operations: the whole calculus of glassgrad, one row an operation.

A row gives the forward value, the local derivative by each operand, the way it is written, and the
domain in which it is tested; the attributes of `Operation` are all it can say. Everything else is
made from it: methods, operators, gradients of any order, array kernels, formulas and tests. To add
an operation, add a row.

The names here shadow Python's `abs`, `pow`, `sum`, `max` and `min` on purpose: a rule written with
them works on floats, Values, arrays and formulas alike. A derivative is a function of the operands
and of the result, called `y`; a plain number is a constant derivative; None means that none flows.
Three things to know when writing a rule: divide and multiply freely (`op.py` handles 1 / 0), raise
to a variable power only with `pow`, and choose with `where` or `compare`. A nan as a condition
counts as true: let it lead to a nan. Next: `reductions.py`, which continues the table.

Formulas without a source in the row are in every calculus textbook, and in DLMF chapters 4 and 7.
"""

import math
import operator
from typing import Any

import numpy as np

from glassgrad.engine.define import formula, operation
from glassgrad.engine.op import EVERYWHERE, POSITIVE, Operation

# fmt: off
# Arithmetic. The precedence of a notation is that of Python's operator.

add: Operation = operation(
    "add", "The sum of two numbers.", operator.add, np.add, 1.0, 1.0,
    text="%s + %s", latex="%s + %s", binds=4, dunder="__add__",
)
sub: Operation = operation(
    "sub", "The difference of two numbers.", operator.sub, np.subtract, 1.0, -1.0,
    text="%s - %s", latex="%s - %s", binds=4, dunder="__sub__",
)
mul: Operation = operation(
    "mul", "The product of two numbers.", operator.mul, np.multiply,
    lambda a, b, y: b,
    lambda a, b, y: a,
    text="%s * %s", latex=r"%s \cdot %s", binds=5, dunder="__mul__",
    trivial=lambda a, b: 1 if a == 1.0 else 0 if b == 1.0 else None,
)
div: Operation = operation(
    "div", "The quotient of two numbers.", operator.truediv, np.divide,
    lambda a, b, y: 1.0 / b,
    lambda a, b, y: -y / b,
    textbook=(lambda a, b, y: 1.0 / b, lambda a, b, y: -a / pow(b, 2.0)),
    domain=(EVERYWHERE, POSITIVE), text="%s / %s", latex=r"\frac{%s}{%s}", binds=5,
    dunder="__truediv__",
)
neg: Operation = operation(
    "neg", "The number with its sign changed.", operator.neg, np.negative, -1.0,
    text="-%s", latex="-%s", binds=6, dunder="__neg__",
)
pos: Operation = operation(
    "pos", "The number itself, as a node of its own.", operator.pos, np.positive, 1.0,
    text="+%s", latex="+%s", binds=6, dunder="__pos__",
)
# At b = 0 the base has no influence, even at a = 0, where b·a^(b-1) would be 0·inf; elsewhere
# b·y/a is the same number and keeps the derivative by b. At a = 0 the exponent has no influence
# as long as b ≥ 0 (the result stays 0 or 1): the logarithm is then of 1.
pow: Operation = operation(
    "pow",
    "A number raised to a power; nan for a negative base and a non-integer exponent.",
    math.pow,
    np.float_power,  # np.power takes the square root for the exponent 0.5, which is nan at -inf
    lambda a, b, y: where(b, b * pow(a, b - 1.0), b * y / where(a, a, 1.0)),
    lambda a, b, y: y * log(where(a, a, 1.0 - step(-b))),
    textbook=(lambda a, b, y: b * pow(a, b - 1.0), lambda a, b, y: pow(a, b) * log(a)),
    domain=(POSITIVE, EVERYWHERE), text="%s ** %s", latex="{%s}^{%s}", binds=7, dunder="__pow__",
    trivial=lambda a, b: 0 if b == 1.0 else None,
)
abs: Operation = operation(
    "abs", "The absolute value; its derivative at 0 is 0, the subgradient of least size.",
    operator.abs, np.absolute,
    lambda x, y: sign(x),
    latex=r"\left|%s\right|", dunder="__abs__",
)

# Exponentials, logarithms and roots.

exp: Operation = operation(
    "exp", "e to a power.", math.exp, np.exp,
    lambda x, y: y,
    latex=r"\exp(%s)",
)
expm1: Operation = operation(
    "expm1", "exp(x) - 1 without loss near 0.", math.expm1, np.expm1,
    lambda x, y: exp(x),
)
# A product of 700, rounded, would leave 14 digits of its exponential. (So does one of more than
# 1e290 with its inverse.)
exp_product: Operation = operation(
    "exp_product", "exp(a·b), of the product before it is rounded, as in exp(-x²).",
    *formula(lambda a, b: exp(a * b) * (1.0 + _rounding_of_product(a, b))),
    lambda a, b, y: b * y,
    lambda a, b, y: a * y,
    latex=r"\exp\left[(%s)(%s)\right]",
)
log: Operation = operation(
    "log", "The natural logarithm.", math.log, np.log,
    lambda x, y: 1.0 / x,
    domain=(POSITIVE,), latex=r"\ln(%s)",
)
log1p: Operation = operation(
    "log1p", "log(1 + x) without loss near 0.", math.log1p, np.log1p,
    lambda x, y: 1.0 / (1.0 + x),
    domain=((-0.9, 5.0),),
)
log2: Operation = operation(
    "log2", "The logarithm to base 2.", math.log2, np.log2,
    lambda x, y: 1.0 / (x * math.log(2.0)),
    domain=(POSITIVE,), latex=r"\log_2(%s)",
)
log10: Operation = operation(
    "log10", "The logarithm to base 10.", math.log10, np.log10,
    lambda x, y: 1.0 / (x * math.log(10.0)),
    domain=(POSITIVE,), latex=r"\log_{10}(%s)",
)
sqrt: Operation = operation(
    "sqrt", "The square root.", math.sqrt, np.sqrt,
    lambda x, y: 0.5 / y,
    domain=(POSITIVE,), latex=r"\sqrt{%s}",
)
cbrt: Operation = operation(
    "cbrt", "The cube root, of negative numbers too.",
    lambda x: float(np.cbrt(x)), np.cbrt,
    lambda x, y: 1.0 / (3.0 * y * y),
    domain=(POSITIVE,), latex=r"\sqrt[3]{%s}",
)

# Trigonometric and hyperbolic functions and their inverses.

sin: Operation = operation(
    "sin", "The sine of an angle in radians.", math.sin, np.sin,
    lambda x, y: cos(x),
    latex=r"\sin(%s)",
)
cos: Operation = operation(
    "cos", "The cosine of an angle in radians.", math.cos, np.cos,
    lambda x, y: -sin(x),
    latex=r"\cos(%s)",
)
tan: Operation = operation(
    "tan", "The tangent of an angle in radians.", math.tan, np.tan,
    lambda x, y: 1.0 + y * y,
    domain=((-1.4, 1.4),), latex=r"\tan(%s)",
)
asin: Operation = operation(
    "asin", "The angle in radians with a given sine.", math.asin, np.arcsin,
    lambda x, y: 1.0 / leg(1.0, x),
    textbook=(lambda x, y: 1.0 / sqrt(1.0 - pow(x, 2.0)),),
    domain=((-0.95, 0.95),), latex=r"\arcsin(%s)",
)
acos: Operation = operation(
    "acos", "The angle in radians with a given cosine.", math.acos, np.arccos,
    lambda x, y: -1.0 / leg(1.0, x),
    textbook=(lambda x, y: -1.0 / sqrt(1.0 - pow(x, 2.0)),),
    domain=((-0.95, 0.95),), latex=r"\arccos(%s)",
)
atan: Operation = operation(
    "atan", "The angle in radians with a given tangent.", math.atan, np.arctan,
    lambda x, y: 1.0 / (1.0 + x * x),
    textbook=(lambda x, y: 1.0 / (1.0 + pow(x, 2.0)),),
    latex=r"\arctan(%s)",
)
atan2: Operation = operation(
    "atan2", "The angle in radians of the point (x, y), given as atan2(y, x).", math.atan2,
    np.arctan2,
    lambda y, x, angle: direction(x, y) / _length(y, x),
    lambda y, x, angle: -direction(y, x) / _length(y, x),
    textbook=(
        lambda y, x, angle: x / (pow(x, 2.0) + pow(y, 2.0)),
        lambda y, x, angle: -y / (pow(x, 2.0) + pow(y, 2.0)),
    ),
    domain=(EVERYWHERE, POSITIVE),
)
sinh: Operation = operation(
    "sinh", "The hyperbolic sine.", math.sinh, np.sinh,
    lambda x, y: cosh(x),
    latex=r"\sinh(%s)",
)
cosh: Operation = operation(
    "cosh", "The hyperbolic cosine.", math.cosh, np.cosh,
    lambda x, y: sinh(x),
    latex=r"\cosh(%s)",
)
# Through sech: 1 - y² is 0 from x = 20 on, where the derivative is still 1.7e-17.
tanh: Operation = operation(
    "tanh", "The hyperbolic tangent, an activation between -1 and 1.", math.tanh, np.tanh,
    lambda x, y: pow(sech(x), 2.0),
    textbook=(lambda x, y: 1.0 - pow(y, 2.0),),
    latex=r"\tanh(%s)", is_activation=True, idle="saturated",
)
sech: Operation = operation(
    "sech", "The hyperbolic secant, 1 / cosh(x).", *formula(lambda x: 1.0 / cosh(x)),
    lambda x, y: -y * tanh(x),
)
asinh: Operation = operation(
    "asinh", "The inverse of sinh.", math.asinh, np.arcsinh,
    lambda x, y: 1.0 / hypot(1.0, x),
    textbook=(lambda x, y: 1.0 / sqrt(pow(x, 2.0) + 1.0),),
)
acosh: Operation = operation(
    "acosh", "The inverse of cosh for positive results.", math.acosh, np.arccosh,
    lambda x, y: 1.0 / leg(x, 1.0),
    textbook=(lambda x, y: 1.0 / sqrt(pow(x, 2.0) - 1.0),),
    domain=((1.1, 5.0),),
)
atanh: Operation = operation(
    "atanh", "The inverse of tanh.", math.atanh, np.arctanh,
    lambda x, y: pow(1.0 / leg(1.0, x), 2.0),
    textbook=(lambda x, y: 1.0 / (1.0 - pow(x, 2.0)),),
    domain=((-0.95, 0.95),),
)
hypot: Operation = operation(
    "hypot", "The length of the vector (a, b), without overflow.", math.hypot, np.hypot,
    lambda a, b, y: direction(a, b),
    lambda a, b, y: direction(b, a),
    textbook=(lambda a, b, y: a / y, lambda a, b, y: b / y),
    domain=(EVERYWHERE, POSITIVE),
)
# Its derivative by a is 1/c - a²/c³, written so that nothing cancels. The vector of no length has
# the direction 0, but no derivative of it, and so `hypot` has none of second order: nan.
direction: Operation = operation(
    "direction", "a / hypot(a, b): the first part of the vector (a, b), scaled to length 1.",
    *formula(lambda a, b: a / _length(a, b)),
    lambda a, b, y: pow(direction(b, a), 2.0) / hypot(a, b),
    lambda a, b, y: -y * direction(b, a) / hypot(a, b),
    textbook=(
        lambda a, b, y: pow(b, 2.0) / pow(hypot(a, b), 3.0),
        lambda a, b, y: -a * b / pow(hypot(a, b), 3.0),
    ),
    domain=(EVERYWHERE, POSITIVE),
)
leg: Operation = operation(
    "leg", "The other leg sqrt(c² - a²) of a right triangle; the inverse of hypot.",
    *formula(lambda c, a: sqrt(c - a) * sqrt(c + a)),
    lambda c, a, y: c / y,
    lambda c, a, y: -a / y,
    domain=((2.0, 4.0), (-1.9, 1.9)), latex=r"\sqrt{{%s}^2 - {%s}^2}",
)


def _length(a: Any, b: Any) -> Any:
    """The length of a vector, or 1 for the vector 0, so that 0 divided by it is 0."""
    return where(hypot(a, b), hypot(a, b), 1.0)


# The normal distribution's error function.

erf: Operation = operation(
    "erf", "The error function.", math.erf, np.vectorize(math.erf, otypes=[float]),
    lambda x, y: 2.0 / math.sqrt(math.pi) * exp_product(-x, x),
    textbook=(lambda x, y: 2.0 / math.sqrt(math.pi) * exp(-pow(x, 2.0)),),
)
erfc: Operation = operation(
    "erfc", "1 - erf(x) without loss where erf is near 1.", math.erfc,
    np.vectorize(math.erfc, otypes=[float]),
    lambda x, y: -2.0 / math.sqrt(math.pi) * exp_product(-x, x),
    textbook=(lambda x, y: -2.0 / math.sqrt(math.pi) * exp(-pow(x, 2.0)),),
)
# Half of erfc(t) at t = -x/√2, corrected for the rounding of t, which shows in erfc's tail.
normal_cdf: Operation = operation(
    "normal_cdf", "Φ(x), the share of a normal distribution below x.",
    *formula(lambda x: _normal_cdf(x, x * -math.sqrt(0.5))),
    lambda x, y: exp_product(-0.5 * x, x) / math.sqrt(2.0 * math.pi),
    textbook=(lambda x, y: exp(-pow(x, 2.0) / 2.0) / math.sqrt(2.0 * math.pi),),
    latex=r"\Phi(%s)",
)


def _normal_cdf(x: Any, t: Any) -> Any:
    lost = _rounding_of_product(x, -math.sqrt(0.5)) + 4.833646656726457e-17 * clip(x, -40.0, 40.0)
    return 0.5 * erfc(t) - exp(-t * t) / math.sqrt(math.pi) * lost


def _rounding_of_product(a: Any, b: Any) -> Any:
    """What a·b loses by rounding (T. J. Dekker, 1971); 0 where that no longer matters."""
    matters = step(1e3 - abs(a * b)) * step(1e290 - maximum(abs(a), abs(b)))
    a, b = where(matters, a, 0.0), where(matters, b, 0.0)
    a_high, b_high = _high_half(a), _high_half(b)
    a_low, b_low = a - a_high, b - b_high
    return a_low * b_low - (((a * b - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _high_half(x: Any) -> Any:
    """The first 26 of the 53 binary digits of a number (G. W. Veltkamp, 1968)."""
    return 134217729.0 * x - (134217729.0 * x - x)

# Activations, each in a form that neither overflows nor loses digits in its tails.

# Its derivative is y·(1 - y), written so that nothing is lost where y is near 1.
sigmoid: Operation = operation(
    "sigmoid", "The logistic function 1 / (1 + exp(-x)), an activation between 0 and 1.",
    *formula(lambda x: _sigmoid(x, exp(-abs(x)))),
    lambda x, y: y * sigmoid(-x),
    textbook=(lambda x, y: y * (1.0 - y),),
    latex=r"\sigma(%s)", is_activation=True, idle="saturated", steepest=0.25,
)


def _sigmoid(x: Any, e: Any) -> Any:
    """1 / (1 + e) or e / (1 + e) for e = exp(-|x|), which never overflows."""
    return where(step(-x), e, 1.0) / (1.0 + e)


softplus: Operation = operation(
    "softplus", "log(1 + exp(x)), a smooth relu.",
    *formula(lambda x: maximum(x, 0.0) + log1p(exp(-abs(x)))),
    lambda x, y: sigmoid(x),
    is_activation=True,
)
relu: Operation = operation(
    "relu", "x where it is positive, else 0; nan stays nan.",
    lambda x: 0.0 if x < 0.0 else x, lambda x: np.where(x < 0.0, 0.0, x),
    lambda x, y: step(x),
    masks=True, is_activation=True, idle="dead",
)
leaky_relu: Operation = operation(
    "leaky_relu", "x where it is positive, else slope·x (Maas et al., 2013).",
    *formula(lambda x, slope: where(step(x), x, slope * x)),
    lambda x, slope, y: where(1.0 - step(x), slope * (1.0 - step(x)), 1.0),
    lambda x, slope, y: where(1.0 - step(x), x, 0.0),
    textbook=(
        lambda x, slope, y: where(step(x), 1.0, slope),
        lambda x, slope, y: where(step(x), 0.0, x),
    ),
    defaults=(0.01,), is_activation=True,
)
elu: Operation = operation(
    "elu", "x where it is positive, else alpha·(exp(x) - 1) (Clevert et al., 2015).",
    *formula(lambda x, alpha: where(step(x), x, alpha * expm1(minimum(x, 0.0)))),
    lambda x, alpha, y: where(1.0 - step(x), alpha * exp(x), 1.0),
    lambda x, alpha, y: where(1.0 - step(x), expm1(x), 0.0),
    textbook=(
        lambda x, alpha, y: where(step(x), 1.0, alpha * exp(x)),
        lambda x, alpha, y: where(step(x), 0.0, exp(x) - 1.0),
    ),
    defaults=(1.0,), is_activation=True,
)
silu: Operation = operation(
    "silu", "x·sigmoid(x), also called swish (Elfwing et al., 2017).",
    *formula(lambda x: x * sigmoid(x)),
    lambda x, y: sigmoid(x) * (1.0 + x * sigmoid(-x)),
    textbook=(lambda x, y: sigmoid(x) + y * (1.0 - sigmoid(x)),),
    is_activation=True,
)
gelu: Operation = operation(
    "gelu", "x·Φ(x) with the normal distribution Φ (Hendrycks and Gimpel, 2016).",
    *formula(lambda x: x * normal_cdf(x)),
    lambda x, y: normal_cdf(x) + x * exp_product(-0.5 * x, x) / math.sqrt(2.0 * math.pi),
    textbook=(
        lambda x, y: normal_cdf(x) + x * (exp(-pow(x, 2.0) / 2.0) / math.sqrt(2.0 * math.pi)),
    ),
    is_activation=True,
)
# The tanh form is x·sigmoid(2u), which keeps its digits in the negative tail.
gelu_tanh: Operation = operation(
    "gelu_tanh", "gelu with Φ approximated by tanh (the same paper, section 2).",
    *formula(lambda x: x * sigmoid(_gelu_argument(x))),
    lambda x, y: _gelu_tanh_derivative(x, _gelu_argument(x)),
    textbook=(lambda x, y: _gelu_tanh_textbook(x, sigmoid(_gelu_argument(x))),),
    is_activation=True,
)


def _gelu_argument(x: Any) -> Any:
    return math.sqrt(8.0 / math.pi) * (x + 0.044715 * x * x * x)


def _gelu_tanh_derivative(x: Any, u: Any) -> Any:
    near = clip(x, -40.0, 40.0)  # beyond, the bell is 0, and x³ would be infinite
    slope = math.sqrt(8.0 / math.pi) * (1.0 + 3.0 * 0.044715 * near * near)
    return sigmoid(u) + near * slope * sigmoid(u) * sigmoid(-u)


def _gelu_tanh_textbook(x: Any, s: Any) -> Any:
    slope = math.sqrt(8.0 / math.pi) * (1.0 + 3.0 * 0.044715 * pow(x, 2.0))
    return s + x * slope * s * (1.0 - s)


# Choices. Where operands tie, each gets its share of the derivative; a nan is never masked.


def _compare(a: float, b: float) -> float:
    return float(a > b) - float(a < b) if a == a and b == b else math.nan


sign: Operation = operation(
    "sign", "-1, 0 or 1.",
    lambda x: _compare(x, 0.0), np.sign, None,
)
step: Operation = operation(
    "step", "1 for x > 0, else 0: the derivative of relu.",
    lambda x: 1.0 if x > 0.0 else 0.0 if x <= 0.0 else math.nan, lambda x: np.heaviside(x, 0.0),
    None,
)
compare: Operation = operation(
    "compare", "1 for a > b, 0 at a tie, -1 for a < b.", _compare,
    lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0 * (a > b) - 1.0 * (a < b)),
    None, None,
)


def _exceeds(a: Any, b: Any) -> Any:
    """1 for a > b, a half at a tie, 0 for a < b; equal infinities tie too."""
    return 0.5 + 0.5 * compare(a, b)


# numpy's own maximum(0.0, -0.0) is the one or the other by machine; floats take the first.
maximum: Operation = operation(
    "maximum", "The larger of two numbers; at a tie each has half the derivative.",
    lambda a, b: a if a >= b or a != a else b,
    lambda a, b: np.where((a >= b) | (a != a), a, b),
    lambda a, b, y: _exceeds(a, b),
    lambda a, b, y: _exceeds(b, a),
    textbook=(
        lambda a, b, y: where(a - b, step(a - b), 0.5),
        lambda a, b, y: where(a - b, step(b - a), 0.5),
    ),
    latex=r"\max(%s, %s)", masks=True,
)
minimum: Operation = operation(
    "minimum", "The smaller of two numbers; at a tie each has half the derivative.",
    lambda a, b: a if a <= b or a != a else b,
    lambda a, b: np.where((a <= b) | (a != a), a, b),
    lambda a, b, y: _exceeds(b, a),
    lambda a, b, y: _exceeds(a, b),
    textbook=(
        lambda a, b, y: where(a - b, step(b - a), 0.5),
        lambda a, b, y: where(a - b, step(a - b), 0.5),
    ),
    latex=r"\min(%s, %s)", masks=True,
)
clip: Operation = operation(
    "clip", "x kept between low and high; at an edge x has half the derivative.",
    *formula(lambda x, low, high: minimum(maximum(x, low), high)),
    lambda x, low, high, y: _clip_by_x(x, low, high),
    lambda x, low, high, y: _clip_by_low(x, low, high),
    lambda x, low, high, y: 1.0 - _clip_by_x(x, low, high) - _clip_by_low(x, low, high),
    domain=(EVERYWHERE, (-2.0, -1.0), (1.0, 2.0)), masks=True,
)


# Where there is no room between low and high, the result is high, even where x ties with both.


def _clip_by_x(x: Any, low: Any, high: Any) -> Any:
    return _exceeds(x, low) * _exceeds(high, x) * step(compare(high, low))


def _clip_by_low(x: Any, low: Any, high: Any) -> Any:
    at_tie = 0.5 * step(compare(high, low))
    return where(compare(low, x), _exceeds(low, x) * _exceeds(high, low), at_tie)


where: Operation = operation(
    "where", "a if the condition is true (not 0), else b; only the chosen one gets a derivative.",
    lambda condition, a, b: a if condition else b, np.where, None,
    lambda condition, a, b, y: where(condition, 1.0, 0.0),
    lambda condition, a, b, y: where(condition, 0.0, 1.0),
    selects=True,
    trivial=lambda condition, a, b: None if condition is None else 1 if condition else 2,
)

# What `import *` gives of this file: the functions. Set this way, since a type checker reads every
# name above if it finds no `__all__` that it would have to run code to know.
globals()["__all__"] = [name for name, row in vars().items() if isinstance(row, Operation)]
