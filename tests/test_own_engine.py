"""`check_engine`: whole engines pass, and each mistake is found at the step that it belongs to."""

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from glassgrad import Value, Verdict, check_engine

ENGINE = """
import math
class Number:
    def __init__(self, data, parents=(), send=lambda upstream: ()):
        self.data, self.parents, self.send, self.grad = data, parents, send, 0.0
    def __add__(self, other):
        other = other if isinstance(other, Number) else Number(other)
        return Number(self.data + other.data, (self, other), lambda g: (g, g))
    def __mul__(self, other):
        other = other if isinstance(other, Number) else Number(other)
        return Number(
            self.data * other.data, (self, other), lambda g: (g * other.data, g * self.data))
    def __pow__(self, n):
        return Number(self.data**n, (self,), lambda g: (g * n * self.data ** (n - 1),))
    def tanh(self):
        t = math.tanh(self.data)
        return Number(t, (self,), lambda g: (g * (1 - t * t),))
    def exp(self):
        e = math.exp(self.data)
        return Number(e, (self,), lambda g: (g * e,))
    def relu(self):
        on = self.data > 0
        return Number(self.data * on, (self,), lambda g: (g * on,))
    def __neg__(self): return self * -1
    def __sub__(self, other): return self + (-other)
    def __rsub__(self, other): return -self + other
    def __truediv__(self, other): return self * other**-1
    def __rtruediv__(self, other): return self**-1 * other
    __radd__, __rmul__ = __add__, __mul__
    def backward(self):
        order, seen = [], set()
        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)
        visit(self)
        for node in order:
            if node.parents:
                node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for parent, sent in zip(node.parents, node.send(node.grad)):
                parent.grad += sent
"""
STEPS = check_engine.steps
RECURSIVE = """        self.grad = 1.0
        def visit(node):
            for parent, sent in zip(node.parents, node.send(node.grad)):
                parent.grad += sent
                visit(parent)
        visit(self)
"""
NO_ORDER = """        self.grad = 1.0
        def visit(node):
            for parent, sent in zip(node.parents, node.send(node.grad)):
                parent.grad += sent
            for parent in node.parents:
                if parent not in seen:
                    seen.add(parent)
                    visit(parent)
        seen = set()
        visit(self)
"""


def engine(*changes: tuple[str, str]) -> type:
    """The engine, with some of its text changed."""
    source = ENGINE
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    names: dict[str, Any] = {}
    exec(source, names)
    return names["Number"]


def test_whole_engines_are_right() -> None:
    for whole in (engine(), Value):
        assert repr(check_engine(whole)) == f"Right: {', '.join(STEPS)}."
        assert check_engine(whole, through=STEPS[-1])


def test_a_gradient_that_cannot_be_set_is_said() -> None:
    fixed = engine(
        ("node.grad", "node.g"), ("self.grad", "self.g"), ("parent.grad", "parent.g"),
    )  # fmt: skip
    fixed.grad = property(lambda self: self.g)
    verdict = check_engine(fixed)
    assert not verdict
    assert verdict.text.startswith("zero, not yet. ")
    assert " .grad of the leaves is set to zero raises AttributeError: " in verdict.text


@pytest.mark.needs("micrograd")
def test_micrograd_is_right_but_for_a_second_call(monkeypatch: pytest.MonkeyPatch) -> None:
    from micrograd.engine import Value as Peer

    verdict = check_engine(Peer)
    assert "zero, not yet. d = a * a; d * a with a = 2, by a second backward()" in verdict.text
    assert "the gradient of a is 32" in verdict.text
    assert "micrograd sets nothing to zero, since there every step makes a fresh" in verdict.text

    def zeroing(self: Any, sweep: Any = Peer.backward) -> None:
        to_do = [self]
        while to_do:
            node = to_do.pop()
            if node._prev:
                node.grad = 0
            to_do += node._prev
        sweep(self)

    monkeypatch.setattr(Peer, "backward", zeroing)
    assert check_engine(Peer).text.endswith("Not built yet: tanh, exp.")


def test_only_the_steps_asked_for_are_checked() -> None:
    half = engine(("self.data * other.data, (self", "self.data + other.data, (self"))
    assert check_engine(half, through="add").text == "Right: data, add."
    assert "mul, not yet. a * b" in check_engine(half, through="mul").text
    bare = engine(("__mul__", "times"))
    assert repr(check_engine(bare, through="mul")) == "mul, not yet. Number has no __mul__ yet."


BACKWARD = ENGINE.partition("        order, seen")[2]
ZEROING = """        for node in order:
            if node.parents:
                node.grad = 0.0
"""
MISTAKES = [
    ("data", "self.data, self.parents", "self.number, self.parents", "has no .data"),
    ("data", "= data, parents", "= -data, parents", "the data is -2"),
    ("add", "return Number(self.data + other.data, (", "Number(self.data + other.data, (", "None"),
    ("add", "return Number(self.data + o", "self.data += 1; return Number(self.data - 1 + o",
     "a.data afterwards is 3.0"),
    ("add", "return Number(self.data + other.data, (self, other), lambda g: (g, g))",
     "return self.data + other.data", "gives float -1.0, which has no .data. Is it returned?"),
    ("mul", "self.data * other.data, (", "self.data + other.data, (", "the data is -1"),
    ("backward", "(g * other.data, g * self.data)", "(g * self.data, g * other.data)", "of a is 2"),
    ("backward", "self.grad = 1.0", "pass", "the gradient of a is 0.0"),
    ("backward", "self.parents, self.send, self.grad = data, parents, send, 0.0",
     "self.parents, self.send, self.grad = data, parents, send, None", "raises TypeError"),
    ("backward", "(g * other.data, g * self.data)", "(g * ..., g * self.data)",
     "unsupported operand type(s) for *: 'float' and 'ellipsis'. Are there still dots, ..., where"),
    ("chain", "(g * other.data, g * self.data)", "(other.data, self.data)", "every node send"),
    ("tanh", "1 - t * t", "1 - self.data * self.data", "written with its output"),
    ("tanh", "(g * (1 - t * t),)", "((1 - t * t),)", "multiplied by the upstream"),
    ("accumulate", "parent.grad += sent", "parent.grad = sent",
     "a + a with a = 2: the gradient of a is 1.0. Every use"),
    ("order", "        order, seen" + BACKWARD, NO_ORDER, "only when all contributions"),
    ("order", "        order, seen" + BACKWARD, RECURSIVE,
     "d = a + b; d * d with a = 2, b = -3: the gradient of a is -3.0. Does a node send its"),
    ("order", "parent.grad += sent", "parent.grad = sent + parent.grad * (not parent.parents)",
     "d = a + b; d * d with a = 2, b = -3: the gradient of a is -1.0. Every use of a node sends"),
    ("accumulate", "(g * (1 - t * t),)", "(g * (1 - t * t) - self.grad,)",
     "c + c.tanh() with c = 0.5: the gradient of c is 0.7864"),
    ("zero", "self.grad = 1.0", "[setattr(n, 'grad', 0.0) for n in order]; self.grad = 1.0",
     "on a new graph, .grad as it was: the gradient of a is 12.0. The gradients of leaves add up"),
    ("zero", ZEROING, "", "d = a * a; d * a with a = 2, by a second backward() on the same graph: "
     "the gradient of a is 32.0. An inner node kept the gradient of the first call"),
    ("numbers", "else Number(other)\n        return Number(self.",
     "else Number(-other)\n        return Number(self.", "Is a plain number made a node"),
    ("neg and sub", "self + (-other)", "self + other", "a - b with a = 2, b = -3: the data is -1"),
    ("rsub", "return -self + other", "return self + -other", "it is a that is subtracted"),
    ("pow", "g * n * self.data ** (n - 1)", "g * self.data ** (n - 1)", "comes down as a factor"),
    ("pow", "** (n - 1)", "** n", "is one less"),
    ("div", "return self * other**-1", "return Number(self.data / getattr(other, 'data', other), "
     "(self,), lambda g: (g / getattr(other, 'data', other),))", "what does the denominator get?"),
    ("rdiv", "return self**-1 * other", "return self * other**-1",
     "In 2 / a the denominator is a."),
    ("relu", "(g * on,)", "(g,)", "lets nothing through"),
    ("exp", "(g * e,)", "(g * e - self.grad,)",
     "c + c.exp() with c = 0.5: the gradient of c is 1.6487212707001282. Every"),
    ("relu", "(g * on,)", "(g * on - self.grad,)",
     "a + a.relu() with a = 2: the gradient of a is 1.0. Every"),
    ("pow", "(g * n * self.data ** (n - 1),)",
     "(g * n * self.data ** (n - 1) - self.grad,)",
     "a + a**3 with a = 2: the gradient of a is 12.0. Every"),
    ("exp", "(g * e,)", "(g * self.data,)", "The derivative of exp is its output."),
]  # fmt: skip


@pytest.mark.parametrize(("step", "old", "new", "said"), MISTAKES)
def test_each_mistake_is_found_at_its_step(step: str, old: str, new: str, said: str) -> None:
    verdict = check_engine(engine((old, new)))
    assert not verdict
    assert verdict.text.startswith(f"{step}, not yet. ")
    assert said in verdict.text
    assert verdict.hint
    assert verdict.hint not in verdict.text
    built = STEPS.index(step)
    if built:
        assert check_engine(engine((old, new)), through=STEPS[built - 1])


class Kept:
    """The beginning of page 12: each number keeps its slopes."""

    def __init__(self, data: float, operands: tuple = (), slopes: Any = ()) -> None:
        self.data, self.operands, self.slopes = data, operands, slopes

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: "Kept") -> "Kept":
        return Kept(self.data * other.data, (self, other), [other.data, self.data])


def test_slopes_that_a_class_keeps_are_checked_where_they_are_made() -> None:
    assert check_engine(Kept).text.startswith("Right: data, add, mul.")

    class Swapped(Kept):
        def __add__(self, other: Kept) -> Kept:
            return Kept(self.data + other.data, (self, other), ())  # kept elsewhere, it may be

        def __mul__(self, other: Kept) -> Kept:
            return Kept(self.data * other.data, (self, other), (self.data, other.data))

    verdict = check_engine(Swapped, through="mul")
    assert verdict.text == (
        "mul, not yet. a * b with a = 2, b = -3: .slopes is (2.0, -3.0). The first slope is how "
        "fast the result changes with the left operand: is it so?"
    )
    assert "multiply the data" not in verdict.hint

    class Single(Kept):
        def __add__(self, other: Kept) -> Kept:
            return Kept(self.data + other.data, (self, other), (1.0,))

    assert "add, not yet. a + b with a = 2, b = -3: .slopes is (1.0,)." in check_engine(Single).text

    class Dotted(Kept):
        def __mul__(self, other: Kept) -> Kept:
            return Kept(self.data * other.data, (self, other), (..., self.data))

    text = check_engine(Dotted).text
    assert text.endswith(".slopes is (Ellipsis, 2.0). Are there still dots, ..., where a number "
                         "belongs?")  # fmt: skip


def test_a_result_of_another_class_is_a_fault_in_a_sentence() -> None:
    class Ours(Kept):
        def backward(self) -> None:
            """Of this class alone, and results are of the other."""

    fault = "a + b with a = 2, b = -3 raises AttributeError: 'Kept' object has no attribute 'back"
    assert f"backward, not yet. {fault}" in check_engine(Ours).text


def test_every_step_finds_a_mistake() -> None:
    assert {step for step, *_ in MISTAKES} | {"reflected"} == set(STEPS)
    wrong = engine(("__radd__, __rmul__ = __add__", "__radd__, __rmul__ = __mul__"))
    assert check_engine(wrong).text.startswith("reflected, not yet. 3 + a")


def test_what_a_class_raises_is_told() -> None:
    class Broken:
        def __init__(self, data: float) -> None:
            raise RuntimeError("not\nyet")

    class Unfinished:
        def __init__(self, data: float) -> None:
            self.data = data

        def __add__(self, other: "Unfinished") -> None:
            return None

    assert "a with a = 2 raises RuntimeError: not␊yet." in check_engine(Broken).text
    verdict = check_engine(Unfinished)
    assert "add, not yet. a + b with a = 2, b = -3 gives NoneType None" in verdict.text
    assert isinstance(verdict, Verdict)


def test_a_class_without_plain_numbers_goes_on_without_them() -> None:
    wrap = "other = other if isinstance(other, Number) else Number(other)"
    plain = engine((wrap, "pass"), ("__radd__, __rmul__ = __add__, __mul__", ""),
                   ("def __neg__(self): return self * -1", ""), ("__sub__", "minus"),
                   ("__rsub__", "rminus"), ("__truediv__", "over"), ("__rtruediv__", "rover"),
                   )  # fmt: skip
    assert "Not built yet: numbers, reflected, neg and sub" in check_engine(plain).text
    assert "numbers, not yet. a + 2 with a = 2 raises" in check_engine(plain, through="pow").text


@pytest.mark.parametrize("cls", [3, "Value", Value(1.0), math.tanh, None])
def test_only_classes_are_checked(cls: Any) -> None:
    with pytest.raises(TypeError, match="takes your class itself, not"):
        check_engine(cls)


@pytest.mark.parametrize("through", ["ad", "", 3, True])
def test_only_steps_that_there_are(through: Any) -> None:
    with pytest.raises(ValueError, match="check_engine has no step"):
        check_engine(Value, through=through)


# Every slope of a right engine, replaced by whatever else somebody might write.

RULES = {  # method, whether the operand after self is a plain number or none: step, value, slopes
    ("__add__", False): ("backward", "x + o", "1", "1"),
    ("__mul__", False): ("backward", "x * o", "o", "x"),
    ("__add__", True): ("numbers", "x + o", "1"),
    ("__mul__", True): ("numbers", "x * o", "o"),
    ("__radd__", True): ("reflected", "o + x", "1"),
    ("__rmul__", True): ("reflected", "o * x", "o"),
    ("__neg__", True): ("neg and sub", "-x", "-1"),
    ("__sub__", False): ("neg and sub", "x - o", "1", "-1"),
    ("__sub__", True): ("neg and sub", "x - o", "1"),
    ("__rsub__", True): ("rsub", "o - x", "-1"),
    ("__pow__", True): ("pow", "x**o", "o * x ** (o - 1)"),
    ("__truediv__", False): ("div", "x / o", "1 / o", "-x / o**2"),
    ("__truediv__", True): ("div", "x / o", "1 / o"),
    ("__rtruediv__", True): ("rdiv", "o / x", "-o / x**2"),
    ("tanh", True): ("tanh", "math.tanh(x)", "1 - out**2"),
    ("relu", True): ("relu", "max(x, 0.0)", "float(x > 0)"),
    ("exp", True): ("exp", "math.exp(x)", "out"),
}
ONES = {"__neg__", "tanh", "relu", "exp"}
EDGES = [(key, i) for key, (_, _, *slopes) in RULES.items() for i in range(len(slopes))]
INSTEAD = (
    *("0", "1", "x", "out", "1 / x", "1 / x**2", "x**2", "out**2", "1 / out", "x * out"),
    *("({0})**2", "1 / ({0})", "2 * ({0})", "({0}) * x", "({0}) * out", "({0}) / x", "1 - ({0})"),
)
OF_TWO = (
    *("o", "1 / o", "1 / o**2", "o**2", "x * o", "x / o", "o / x", "o / x**2", "x / o**2"),
    *("o * out", "out / o", "o / out", "o - 1", "o * x**o", "x ** (o - 1)", "({0}) * o"),
)


code = cache(lambda text: compile(text, text, "eval"))


def ruled(rules: dict[tuple[str, bool], tuple[str, ...]], overwritten: Any = None) -> type:
    """An engine of these rules; along one edge, if given, it writes = instead of +=."""
    made = type("Number", (engine(),), {})

    def method(name: str) -> Callable[..., Any]:
        def result(self: Any, other: Any = 1.0) -> Any:
            is_plain = not isinstance(other, made)
            _, value, *slopes = rules[name, is_plain]
            at = {"x": self.data, "o": other if is_plain else other.data, "math": math}
            at["out"] = eval(code(value), at)
            numbers = [eval(code(slope), at) for slope in slopes]
            operands = (self, other)[: len(slopes)]

            def send(upstream: float) -> Iterator[float]:
                for i, (operand, number) in enumerate(zip(operands, numbers)):
                    if ((name, is_plain), i) == overwritten:
                        operand.grad = 0.0
                    yield upstream * number

            return made(at["out"], operands, send)

        return result

    for name, _ in rules:
        setattr(made, name, method(name))
    return made


def values(rule: tuple[str, ...], slope: str) -> tuple[str, ...]:
    """A slope at numbers that nothing relates, by which it is told from another."""
    found = []
    for x, o in ((0.83, 7), (-1.91, 5), (2.63, -3)):
        at = {"x": x, "o": o, "math": math}
        at["out"] = eval(rule[1], at)
        try:
            found.append(f"{eval(slope, at):.9g}")
        except ArithmeticError:
            found.append("none")
    return tuple(found)


def test_an_engine_of_the_right_rules_is_right() -> None:
    assert repr(check_engine(ruled(RULES))) == f"Right: {', '.join(STEPS)}."


@pytest.mark.parametrize(("key", "i"), EDGES)
def test_another_slope_is_found_at_its_step(key: tuple[str, bool], i: int) -> None:
    step, value, *slopes = rule = RULES[key]
    texts = [text.format(slopes[i]) for text in (*INSTEAD, *(() if key[0] in ONES else OF_TWO))]
    signed = [*texts, *(f"-({text})" for text in texts)]
    others = {values(rule, text): text for text in signed}
    others.pop(values(rule, slopes[i]), None)
    for wrong in others.values():
        instead = (step, value, *slopes[:i], wrong, *slopes[i + 1 :])
        verdict = check_engine(ruled({**RULES, key: instead}))
        assert verdict.text.startswith(f"{step}, not yet. "), (wrong, verdict)


@pytest.mark.parametrize("edge", EDGES)
def test_one_edge_that_replaces_what_came_is_found(edge: tuple[tuple[str, bool], int]) -> None:
    verdict = check_engine(ruled(RULES, overwritten=edge))
    assert verdict.text.startswith(("accumulate, not", "order, not", f"{RULES[edge[0]][0]}, not"))
    assert "Every use" in verdict.text
