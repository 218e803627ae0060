"""What may enter the engine as a number, and the sentences for everything else.

Every number is stored as a Python float (IEEE 754 double precision). What would be converted with
a loss, such as a complex number or a text, is refused here, once, for the whole engine. People come
with the habits of micrograd, PyTorch, JAX and numpy: what they write first is known here by name,
and answered with what to write instead. Value derives from `Refusals`.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from inspect import Signature, getattr_static, signature
from math import isfinite
from numbers import Complex, Number, Rational
from types import FrameType
from typing import Any, NoReturn, SupportsFloat, TypeVar

import numpy as np

from glassgrad.engine.text import clipped, describe, similar, told

_Class = TypeVar("_Class", bound=type)
REAL = (float, int, Rational, np.floating, np.bool_)
"""The types of real numbers; numpy counts a span of time among its integers, `is_real` does not."""

_PARTS = "Split it into real and imaginary parts, a Value for each."
_TEXT = "Convert it first: float(text)."
_EACH = "Take its elements one by one: [Value(x) for x in xs], or [tanh(x) for x in xs]."
_REMEDY = {
    complex: _PARTS,
    np.complexfloating: _PARTS,
    str: _TEXT,
    bytes: _TEXT,
    type(None): "Give a number.",
    list: _EACH,
    tuple: _EACH,
    np.timedelta64: "Divide it by its unit: span / np.timedelta64(1, 's').",
    np.ndarray: "Make one Value per element: np.vectorize(Value, otypes=[object])(array).",
}


def is_real(number: object) -> bool:
    """Whether `number` is a real scalar the engine accepts (Values are not numbers)."""
    return isinstance(number, REAL) and not isinstance(number, np.timedelta64)


def is_decimal(number: object) -> bool:
    """Whether it is a number of a type that Python calls neither real nor complex: a Decimal."""
    return isinstance(number, Number) and not isinstance(number, Complex)


def other_signature(function: Callable[..., Any], count: int) -> Signature | None:
    """What a function takes, where it does not take so many arguments by position; else None."""
    if isinstance(getattr_static(type(function), "__call__", None), staticmethod):
        return None  # of which `inspect` takes one argument away
    try:
        found = signature(function, follow_wrapped=False)  # what is called is the wrapper
    except (ValueError, TypeError):  # a builtin function may not say what it takes
        return None
    try:
        found.bind(*[None] * count)
    except TypeError:
        return found
    return None


def real(number: Any, role: str) -> float:
    """`number` as a float; `role` names it in errors, for example "Value(...)"."""
    if type(number) is float:
        return number
    if not is_real(number):
        raise TypeError(f"{role} takes a real number, not {describe(number)}. {remedy(number)}")
    try:
        return float(number)
    except OverflowError:
        raise OverflowError(
            f"{role} got a number with no float near it (above 1.8e308); scale it down first."
        ) from None


def whole(number: Any, role: str, least: int = 1) -> int:
    """A whole number that is large enough."""
    try:
        if isinstance(number, bool):
            raise TypeError
        found = operator.index(number)
    except TypeError:
        raise TypeError(f"{role} is a whole number, not {describe(number)}.") from None
    if found < least:
        raise ValueError(f"{role} is at least {least}, not {told(found)}.")
    return found


def is_refused(thing: object) -> bool:
    """Whether `thing` is of a type that can never be an operand, so that the engine says so."""
    return isinstance(thing, tuple(_REMEDY)) or is_decimal(thing) or is_tensor(thing)


def remedy(thing: object) -> str:
    """What to do instead of giving `thing` where a number belongs."""
    if isinstance(thing, Refusals):
        return "Give its number: v.data."
    if is_tensor(thing):
        return "Convert it first: tensor.item(), or tensor.tolist() for several numbers."
    for kind, sentence in _REMEDY.items():
        if isinstance(thing, kind):
            return sentence
    if is_decimal(thing):
        return "Convert it first, if the loss is meant: float(x)."
    if isinstance(thing, SupportsFloat):
        return "Convert it first: float(x)."
    return "Give an int, a float, a Fraction or a numpy real scalar."


def is_tensor(thing: object) -> bool:
    """Whether `thing` is an array of PyTorch or JAX, which need not be installed to be asked."""
    kind, of_arrays = type(thing), hasattr(type(thing), "__array_namespace__")
    is_of_numpy = isinstance(thing, (np.ndarray, np.generic))
    return hasattr(kind, "__torch_function__") or (of_arrays and not is_of_numpy)


# Sentences. A text that ends in `.format` is called with what stands in its braces.


def not_defined(name: str) -> str:
    """An operation of somebody's own is asked for by name."""
    return (
        f"An operation of your own has to be defined first, as it was where this was made: "
        f"operation({clipped(name)!r}, ...)."
    )


def no_operand(operand: object, role: str) -> str:
    """Something that is no Value and no number is given to an operation."""
    return f"{role} takes Values and real numbers, not {describe(operand)}. {remedy(operand)}"


value_of_a_value = (
    "Value(...) takes a number, not a Value ({}). "
    "Use the Value itself, +v for a copy in the graph, or v.detach() for a constant."
).format
assigned_a_value = "v.data and v.grad hold numbers, not Values ({}). Assign its .data.".format
GRADIENT_OF_NONE = "v.grad takes no None. Give a number, or write clear_grad([v]) to clear it."
copied = (
    "Cannot copy or pickle {}: it is the result of {!r} "
    "and would take its whole graph along. Copy v.detach(), or the leaves."
).format
released = (
    "The graph behind {} was released by forget(), which released "
    "everything it shared with other results too. Compute it again."
).format
derived = (
    "{} derives from Value. Results of operations, and what functions are called with to be "
    "differentiated or compiled, are plain Values, which would not have its methods. Write a class "
    "that has a Value as an attribute, or functions of Values."
).format
_CONSTANT = "it came from detach(), no_grad() or a plain number, so "
backward_of_constant = (
    f"backward() of the constant {{}}: {_CONSTANT}it depends on nothing. "
    "Compute it from Values, outside no_grad()."
).format
grad_by_constant = (
    f"grad by the constant {{}}: {_CONSTANT}no gradient flows to it. Differentiate by a Value(...)."
).format
backward_with = (
    "backward() has no argument {!r}. The graph is kept as long as something refers "
    "to it; for a gradient that is a graph write grad(y, x, differentiable=True)."
).format

GRAD_OF_FUNCTION = (
    " Of a function f, value_and_grad(f)(x) gives (value, gradient), "
    "and lambda x: value_and_grad(f)(x)[1] is the gradient as a function."
)
GRAD_OF_NUMBER = " A gradient to be differentiated again is grad(y, x, differentiable=True)."
GRAD_TAKES = (
    "grad takes a Value and what to differentiate it by: write grad(y, x), or grad(y, [x, w]); "
    "for gradients that are graphs grad(y, x, differentiable=True)."
)


def note(error: Exception, hint: str) -> None:
    """Let an error of a user's function say below it how we called that function."""
    if sys.version_info >= (3, 11):
        error.add_note(hint)


# Habits, and conversions that would cut a gradient.

HABITS = {
    kind: {name: remedy.format(name) for names, remedy in rows.items() for name in names.split()}
    for kinds, rows in {
        "Value": {
            "_prev prev children inputs": "v.parents are its operands.",
            "_op op grad_fn is_leaf": "v.operation is what made it; None for a leaf.",
            "_backward": "v.partials are its local derivatives; backward() applies the chain rule.",
            "name": "v.label is its name.",
            "gradient retain_grad register_hook": "v.grad is its gradient, after backward(): "
            "every node has one.",
            "requires_grad requires_grad_": "Every Value takes part in gradients; module.freeze() "
            "leaves parameters out of a training, v.detach() gives a constant, and no_grad() many.",
            "clone copy detach_": "+v is the same number as a node of its own; v.detach() is cut "
            "off from the graph.",
            "add_ sub_ mul_ copy_ fill_": "A number is changed in its place by v.data = ..., or "
            "v.data -= ...",
            "clamp clamp_": "Write v.clip(low, high).",
            "ln": "Write v.log().",
            "draw plot show render": "Write draw(v), a function of glassgrad.",
            "square": "Write v**2.",
            "logsigmoid": "Write -(-v).softplus().",
            "zero_grad zero_": "Write v.grad = 0.0, or zero_grad(values) for several.",
            "item value numpy tolist astype float double int long round floor ceil to cpu cuda "
            "device shape ndim size T squeeze flatten reshape view unsqueeze argmax argmin "
            "matmul": "A Value is one number, and has no axes, type or device: v.data is the "
            "number, data_vector(values) an array of several, and np.array(values) one of Values.",
            "dot sum mean prod max min norm softmax logsumexp std var": "A Value is one number. Of "
            "several it is {}(values), a function of glassgrad.",
        },
        "Compiled": {
            "grad jac hess backward": "f(x).backward() computes the .grad of what it depends on; "
            "value_and_grad(f), jacobian(f) and hessian(f) differentiate by arguments.",
            "parameters named_parameters state_dict zero_grad train eval": "Ask the model that the "
            "function calls: model.{}(). f.function is what was compiled.",
            "vmap batch": "f.over(X) is the mean over samples, f.map(X) gives all results.",
        },
        "Backprop Rendered": {
            "show display view plot play": "A notebook shows it; else open what save('a.html') "
            "writes."
        },
        "glassgrad": {
            "Tensor tensor Variable": "A number of a graph is a Value: Value(2.0).",
            "Linear Dense": "A layer is Layer(2, 3, activation='linear'), or with another one.",
            "ReLU Tanh Sigmoid GELU SiLU ELU LeakyReLU Softplus": "An activation is a function, "
            "such as relu(v), or the name of one: Layer(2, 3, activation='relu').",
            "Softmax LogSoftmax": "Write softmax(values) or log_softmax(values); cross_entropy "
            "takes the values without either.",
            "BCELoss binary_cross_entropy": "binary_cross_entropy_with_logits takes what goes into "
            "the sigmoid.",
            "Conv1d Conv2d MaxPool2d BatchNorm1d BatchNorm2d RNN LSTM GRU MultiheadAttention "
            "Transformer": "Write it yourself: a class derived from Module, with Values as "
            "attributes and a forward(x).",
            "Parameter ParameterList ParameterDict ModuleList ModuleDict": "Assign Values, modules "
            "and lists or dicts of them to attributes of a Module: they are found there.",
            "init manual_seed PRNGKey random": "What draws numbers takes a seed, and a model how "
            "to draw them: MLP(2, [3, 1], seed=0, init='he').",
            "optim functional F autograd func utils optax": "Optimisers and functions are names of "
            "glassgrad themselves: Adam, relu(v), mse(prediction, target), grad(y, x).",
            "set_grad_enabled inference_mode enable_grad stop_gradient": "Inside with no_grad(): "
            "nothing is recorded, and v.detach() is a constant.",
            "vjp": "grad(y, x) is that of one y; of several, grad(dot(gs, ys), x).",
            "zeros ones randn rand arange stack cat concatenate matmul mm einsum argmax numpy jnp "
            "from_numpy": "Arrays are those of numpy; its functions take Values, and arrays of "
            "such.",
            "device cuda float32 float64": "Numbers are Python floats, without a device or a type.",
            "save": "Write model.save('model.json'), and load('model.json').",
            "DataLoader TensorDataset": "fit(model, loss, X, y, batch_size=32) draws the batches.",
            "jit vmap make_jaxpr": "compiled(f) is f as an array program, which it shows, and "
            "compiled(f).map(X) f of many.",
        },
    }.items()
    for kind in kinds.split()
}
"""What people look for on a thing, or in the package, and the sentence that says where it is."""


def not_there(package: str, name: str, known: Iterable[str]) -> AttributeError | ImportError:
    """What the `__getattr__` of a package raises: it has no such name, and what may be meant."""
    there, root = {*known}, package.partition(".")[0]
    instead = HABITS["glassgrad"].get(name, "")
    if not instead and (meant := similar(name, sorted({*there, *dir(sys.modules.get(root))}))):
        instead = f"Did you mean {'' if meant in there else f'{root}.'}{meant}?"
    # `from package import name` asks first, and listens to no AttributeError; but a file of that
    # name, which it would look for then, is imported.
    is_from = sys._getframe(2).f_code.co_name == "_handle_fromlist"
    is_file = is_from and find_spec(f"{package}.{name}") is not None
    kind = ImportError if instead and is_from and not is_file else AttributeError
    return kind(f"{package} has no {name!r}. {instead}".rstrip())


class Habit:
    """A name that a class does not have: looked up, it says what to write instead.

    It is an attribute of the class, since a `__getattr__` would make every attribute slow.
    """

    def __init__(self, name: str, remedy: str) -> None:
        self.name, self.remedy = name, remedy
        self.__doc__ = f"Not there. {remedy}"

    def __get__(self, node: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__} has no {self.name}. {self.remedy}")


class Barred(Habit):
    """One that cannot be set either: the class has no attributes of one's own."""

    def __set__(self, node: object, thing: object) -> NoReturn:
        self.__get__(node, type(node))


def know_habits(kind: _Class, habits: Mapping[str, str] | None = None) -> _Class:
    """Let a class answer for what people look for on it, as a decorator; by its name in `HABITS`,
    if it is of no other room.
    """
    table = HABITS[kind.__name__] if habits is None else habits
    made = Barred if "__slots__" in vars(kind) else Habit  # else it may be one's own
    for habit, remedy in table.items():
        setattr(kind, habit, made(habit, remedy))

    def names_there(self: object) -> list[str]:
        return [each for each in object.__dir__(self) if each not in table or hasattr(self, each)]

    kind.__dir__ = names_there  # type: ignore[assignment, method-assign]
    return kind


class Refusals:
    """The conversions and operators that a Value refuses, each with what to write instead.

    A checker of a test library may have the number: nothing is computed from it further.
    """

    __slots__ = ()

    def __float__(self) -> float:
        return _number_for_test(self, _CUT_OFF.format("float", name(self)) + _STORING)

    def as_integer_ratio(self) -> Any:
        """The functions of statistics, and Fraction, ask for it."""
        raise TypeError(_FRACTION.format(name(self)))

    def __round__(self, digits: int | None = None) -> Any:
        call = "round(v)" if digits is None else f"round(v, {digits})"
        remedy = call.replace("v", "v.data")
        refusal = _ROUNDED.format(call, name(self), remedy)
        return round(_number_for_test(self, refusal), digits)


_CUT_OFF = (
    "{0}(v) and the functions of math would cut {1} off from its gradient. "
    "Use the methods of Value, such as v.tanh(), or the functions of glassgrad; "
    "{0}(v.data) for the number."
)
_FRACTION = (
    "The functions of statistics, and Fraction, would cut {} off from its gradient. Write mean(xs) "
    "or var(xs), functions of glassgrad; v.data is the number."
)
_STORING = " An array that holds Values is made with dtype=object."
_ROUNDED = (
    "{} rounds, so that no gradient would flow to {}. Write {}; f'{{v:.2f}}' to show fewer digits."
)
_REMAINDER = "{} is no operation that a gradient of {} could flow through. Write {}."
_OF_ROWS = "{} is a product of rows of numbers, and {} is one number. Write {}."
_REFUSED = {
    "matmul": (_OF_ROWS, "v @ x", "v * x, or dot(xs, ws) of two lists"),
    "rmatmul": (_OF_ROWS, "x @ v", "x * v, or dot(xs, ws) of two lists"),
    "int": (_CUT_OFF, "int", ""),
    "complex": (_CUT_OFF, "complex", ""),
    "floor": (_ROUNDED, "math.floor(v)", "math.floor(v.data)"),
    "ceil": (_ROUNDED, "math.ceil(v)", "math.ceil(v.data)"),
    "trunc": (_ROUNDED, "math.trunc(v)", "math.trunc(v.data)"),
    "floordiv": (_ROUNDED, "v // x", "v.data // x, or v / x for the quotient"),
    "rfloordiv": (_ROUNDED, "x // v", "x // v.data, or x / v for the quotient"),
    "mod": (_REMAINDER, "v % x", "v - x * math.floor(v.data / x)"),
    "rmod": (_REMAINDER, "x % v", "x - v * math.floor(x / v.data)"),
    "divmod": (_REMAINDER, "divmod(v, x)", "divmod(v.data, x)"),
    "rdivmod": (_REMAINDER, "divmod(x, v)", "divmod(x, v.data)"),
}


def _refusal(sentence: str, call: str, remedy: str) -> Callable[..., Any]:
    def refused(self: Refusals, *others: object) -> Any:
        foreign = type(others[0]) if others and sentence is _OF_ROWS else None
        if hasattr(foreign, "__rmatmul__") and foreign not in (type(self), np.ndarray):
            return NotImplemented  # it has its turn
        raise TypeError(sentence.format(call, name(self), remedy))

    return refused


for _name, _refused in _REFUSED.items():
    setattr(Refusals, f"__{_name}__", _refusal(*_refused))


def name(node: Any) -> str:
    """A node, or a plain number, for an error message: its label and its number."""
    if isinstance(node, float):
        return f"{node:.6g}"
    number = f"{node._number:.6g}"
    return f"{clipped(node.label)} = {number}" if node.label else number


def names(nodes: Sequence[Any]) -> str:
    """Operands for an error message: of many, only a few, first of all those not finite."""
    if len(nodes) <= 8:
        return ", ".join(map(name, nodes))
    numbers = [node if isinstance(node, float) else node._number for node in nodes]
    odd = [node for node, number in zip(nodes, numbers) if not isfinite(number)]
    shown = (odd or nodes)[:4]
    return f"{', '.join(map(name, shown))} and {len(nodes) - len(shown):,} more"


def checked_label(label: Any, *others: object, **foreign: object) -> str | None:
    """A label, if it is one; `others` and `foreign` are what else `Value(...)` was given."""
    for name in foreign:
        remedy = HABITS["Value"].get(name, "It takes a number and a label: Value(2.0, 'x').")
        raise TypeError(f"Value(...) has no argument {name!r}. {remedy}")
    if others or (isinstance(label, tuple) and any(isinstance(x, Refusals) for x in label)):
        raise TypeError(
            "Value(data, label) makes a leaf, and takes neither operands nor an operation: those "
            "are recorded as you compute. Write v * v, or operation(...) for one of your own."
        )
    if label is None or isinstance(label, str):
        return label
    raise TypeError(f"A label is text, not {describe(label)}. Write label=str(...).")


_TESTING = ("_pytest.", "unittest.", "numpy.testing.")
"""How the modules of checkers begin: pytest.approx, assertAlmostEqual and numpy's assert_allclose
want the number of a Value, and say only yes or no."""


def is_checker(frame: FrameType) -> bool:
    """Whether code of a library for tests is running."""
    return str(frame.f_globals.get("__name__", "")).startswith(_TESTING)


def _number_for_test(node: Any, refusal: str) -> float:
    """The number, if a checker of tests asks the method that called this for it."""
    if not is_checker(sys._getframe(2)):
        raise TypeError(refusal)
    number: float = node.data
    return number
