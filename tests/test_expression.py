"""The reader of typed expressions: every operation of the table, and nothing but.

An expression is parsed against the table and never run. So the tests ask three things: that every
row gives the numbers and gradients of a direct call, that everything else is refused with a
sentence and a mark, and that no text is too deep. Hostile ones are in `test_hostile.py`.
"""

import ast
import math
from collections.abc import Callable
from unittest.mock import Mock

import pytest
from needing import mostly_slow

from glassgrad import TABLE, Operation, Reduction, Value, engine, grad
from glassgrad.engine.op import Pairing
from glassgrad.viz.expression import NAMES as NAMES_OF_ROWS
from glassgrad.viz.expression import SIGNS, Expression, ExpressionError

NAMES = ("a", "b", "c", "d")
DIRECT: dict[str, Callable[..., object]] = {
    **TABLE,
    "softmax": lambda xs: engine.softmax(xs)[0],
}
ROWS = pytest.mark.parametrize("name", TABLE)


def numbers(row: Operation) -> dict[str, float]:
    """A point inside the domain of a row, different in each operand."""
    intervals = row.domain * 4 if isinstance(row, Reduction) else row.domain
    shares = (0.8, 0.3, 0.6, 0.15)
    return {
        name: low + (high - low) * share
        for name, (low, high), share in zip(NAMES, intervals, shares)
    }


def arguments(row: Operation, operands: list) -> list:
    """The operands as a call takes them: one by one, as a list, or as two lists."""
    if isinstance(row, Pairing):
        return [operands[:2], operands[2:]]
    return [operands] if isinstance(row, Reduction) else operands


def typed(name: str) -> str:
    """A call of a row, as a person types it."""
    operands = arguments(TABLE[name], list(numbers(TABLE[name])))
    written = ", ".join(str(x).replace("'", "") for x in operands)
    return f"{name}({written})" + "[0]" * (name == "softmax")


def direct(name: str) -> tuple[float, list[float]]:
    """The value and the gradients of a row, computed without any text."""
    xs = [Value(x) for x in numbers(TABLE[name]).values()]
    y = DIRECT[name](*arguments(TABLE[name], xs))
    return y.data, grad(y, xs)


def read(text: str, **given: float) -> float:
    return Expression(text).value(given).data


def at_a_half(text: str) -> float:
    """The value of an expression whose variables are all 0.5."""
    expression = Expression(text)
    names = (name for name in expression.names if name not in ("np", "math"))
    return expression.value(dict.fromkeys(names, 0.5)).data


def refusal(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        at_a_half(text)
    return caught.value


# Every row.


@ROWS
def test_a_row_gives_the_numbers_and_gradients_of_a_direct_call(name: str) -> None:
    expression = Expression(typed(name))
    y = expression.value(numbers(TABLE[name]))
    y.backward()
    leaves = {node.label: node for node in engine.topological_order(y) if node.label}
    found = [leaves[label].grad for label in numbers(TABLE[name])]
    assert (y.data, found) == direct(name)


@pytest.mark.parametrize("name", [n for n, row in TABLE.items() if not isinstance(row, Reduction)])
def test_a_row_as_a_method(name: str) -> None:
    point = numbers(TABLE[name])
    first, *others = point
    assert read(f"{first}.{name}({', '.join(others)})", **point) == direct(name)[0]


@pytest.mark.parametrize(
    "name", [n for n, row in TABLE.items() if isinstance(row, Reduction) and n != "dot"]
)
def test_a_reduction_takes_operands_one_by_one(name: str) -> None:
    text = typed(name).replace("[a, b, c, d]", "a, b, c, d")
    assert read(text, **numbers(TABLE[name])) == direct(name)[0]


@pytest.mark.parametrize(
    ("text", "compute"),
    [
        ("x + y", lambda x, y: x + y),
        ("x - y - 1", lambda x, y: x - y - 1),
        ("x / y / 2", lambda x, y: x / y / 2),
        ("-x ** 2", lambda x, y: -(x**2)),
        ("2 ** 3 ** x", lambda x, y: 2 ** (3**x)),
        ("+x * -y", lambda x, y: x * -y),
        ("(x + y) * (x - y)", lambda x, y: (x + y) * (x - y)),
        ("1e-3 * x + .5", lambda x, y: 1e-3 * x + 0.5),
        ("0x10 + 1_000 + x", lambda x, y: 1016 + x),
        ("00 + 0_0 + 07.5 + 01e1 * x", lambda x, y: 7.5 + 10 * x),
        ("[x, y][0x1]", lambda x, y: y),
        ("(x +\n y)", lambda x, y: x + y),
        ("  x\u00a0* y  ", lambda x, y: x * y),
        (" + ".join(["x"] * 1000), lambda x, y: 1000 * x),
        ("-" * 1998 + "x", lambda x, y: x),
        ("where(x > y, x, y)", max),
        ("where(x <= 0, 0, x)", lambda x, y: max(0.0, x)),
        ("where(x < y, 1, 2) + where(x >= y, 10, 20)", lambda x, y: 12.0 if x >= y else 21.0),
        ("leaky_relu(-x)", lambda x, y: -0.01 * x),
        ("elu(-x, 0.5)", lambda x, y: 0.5 * engine.expm1(-x)),
        ("softmax(x, y)[1]", lambda x, y: engine.softmax(x, y)[1]),
        ("[x, y][1]", lambda x, y: y),
        ("max(x, y, 5)", lambda x, y: 5.0),
        ("tanh(x).exp().log()", lambda x, y: engine.tanh(x)),
        ("7", lambda x, y: 7.0),
        ("x > y", lambda x, y: float(x > y)),
        ("1 / (x - x)", lambda x, y: float("inf")),
        ("1e999", lambda x, y: float("inf")),
    ],
)
@pytest.mark.parametrize("point", [(0.75, 2.5), (2.0, 1.0)])
def test_arithmetic_means_what_it_means_in_python(
    text: str, compute: Callable[[float, float], float], point: tuple[float, float]
) -> None:
    x, y = point
    given = {name: number for name, number in zip("xy", point) if name in Expression(text).names}
    assert read(text, **given) == pytest.approx(compute(x, y), rel=1e-15)


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("x", [-1.0, 0.0, -0.0, 1.0, math.inf, -math.inf, math.nan])
def test_a_comparison_chooses_as_python_does(sign: str, x: float) -> None:
    chosen = {"<": x < 0, "<=": x <= 0, ">": x > 0, ">=": x >= 0}[sign]
    assert read(f"where(x {sign} 0, 1, 2)", x=x) == (1.0 if chosen else 2.0)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("b*a + b", ("b", "a")),
        ("tanh(tanh)", ("tanh",)),
        ("sum([x2, x1])", ("x2", "x1")),
        ("3", ()),
        ("ﬁ + fi", ("fi",)),
        ("e\u0301 + कि*x", ("é", "कि", "x")),
        ("x.exp()", ("x",)),
    ],
)
def test_names_come_in_the_order_they_are_written(text: str, names: tuple[str, ...]) -> None:
    assert Expression(text).names == names


@pytest.mark.parametrize("text", ["x", "[x][0]"])
def test_the_result_is_a_node_of_its_own(text: str) -> None:
    y = Expression(text).value({"x": 2.0})
    assert y.label is None
    assert y.operation is TABLE["pos"]


def test_a_result_without_variables_is_a_constant() -> None:
    y = Expression("2 * 3 + 1").value({})
    assert (y.label, y.data, y.is_constant) == (None, 7.0, True)


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_what_is_nested_too_deeply_for_the_parser_is_refused(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How deep that is depends on Python and on what calls it."""
    monkeypatch.setattr(ast, "parse", Mock(side_effect=error))
    with pytest.raises(
        ExpressionError, match=r"too deeply to be read\. Compute a part of it first"
    ):
        Expression("-x")


# What is refused: the sentence and the place it marks.

SQUARE_BRACKETS = "Only a list can have an index"
NO_OPERATION = "There is no operation called"
NOT_ALLOWED = "not allowed"
NO_CALL = "Only an operation can be called. A product is written 2*(x + 1)."
UNREAD = "It cannot be read from here on: a product is written 2*x, an operation tanh(x)"
BRACKETS = "Brackets: "
REFUSED = [
    ("", "empty", ""),
    ("   ", "empty", ""),
    ("x +", "Something is missing at the end.", ""),
    ("x**", "Something is missing at the end.", ""),
    ("x;", "After ; the result is missing", ""),
    ("x!", "No expression has the sign !.", "!"),
    ("class*2", "class is a reserved word of Python: no expression has it.", "class"),
    ("print(x)", "There is no operation called print. glassgrad --help lists all.", "print"),
    ("x == 1", "where(x > 0, a, b)", "x == 1"),
    ("1if x else 2", "where(x > 0, a, b)", "1if x else 2"),
    ("log_softmax([x, y], [1])", "log_softmax takes one list, or", "log_softmax([x, y], [1])"),
    ("dot([[x]], [[y]])", "dot takes two lists of numbers.", "dot([[x]], [[y]])"),
    ("(x + )", UNREAD, None),
    ("* x", NOT_ALLOWED, "* x"),
    ("tanh(, x)", UNREAD, None),
    ("x + * y", UNREAD, None),
    ("x y", UNREAD, None),
    ("2x", UNREAD, None),
    ("(x) y", UNREAD, None),
    ("max(x y)", UNREAD, None),
    ("tanh x", UNREAD, None),
    ("1 + exp 2.5", UNREAD, None),
    ("sin cos(x)", UNREAD, None),
    ("sinn x", UNREAD, None),
    ("tanh(x", BRACKETS, None),
    ("(x + [y", BRACKETS, None),
    ("x)", BRACKETS, None),
    ("(1, 2]", BRACKETS, None),
    ("[1, 2)", BRACKETS, None),
    ("1_", UNREAD, None),
    ("x * 0b2", UNREAD, None),
    ("01", UNREAD, None),
    ("x * 0_10", UNREAD, None),
    ("[x, 1][01]", UNREAD, None),
    ("[x, 1][1.0]", SQUARE_BRACKETS, "[x, 1][1.0]"),
    ("x.", "missing at the end", ""),
    (".x", UNREAD, None),
    ("x..y", UNREAD, None),
    ("5.tanh()", UNREAD, None),
    ("5.foo()", UNREAD, None),
    ("#", "No expression has the sign #.", "#"),
    ("x # y", "No expression has the sign #.", "#"),
    ("x'", UNREAD, None),
    ("x[]", UNREAD, None),
    ("x[", BRACKETS, None),
    ("w·x", "No expression has the sign ·. Write * instead.", "·"),
    ("w\u0387x", "No expression has the sign ·. Write * instead.", "·"),
    ("sin²(x)", "No expression has the sign ². Write **2 instead.", "²"),
    ("2(x+1)", NO_CALL, "2"),
    ("(x)(y)", NO_OPERATION, "x"),
    ("x(y + 1)", NO_OPERATION, "x"),
    ("(x + 1) (y)", NO_CALL, "x + 1"),
    ("2(x, y)", NO_CALL, "2"),
    ("x(y, 1)", "There is no operation called x.", "x"),
    ("(x=3)", UNREAD, None),
    ("leaky_relu(1=2)", UNREAD, None),
    ("leaky_relu(x, slope=1", BRACKETS, None),
    ("x = 3", "An expression has no =. Add x=3 to the command instead.", "x = 3"),
    ("x = -1e-3", "An expression has no =. Add x=-1e-3 to the command instead.", "x = -1e-3"),
    ("x := 3", UNREAD, None),
    ("(y = tanh(x))", UNREAD, None),
    ("y := tanh(x)", UNREAD, None),
    ("= x", UNREAD, None),
    ("2*x = 6", UNREAD, None),
    ("x; y", "This part has no name. Write h = x and use h in what follows it.", "x"),
    ("; x", UNREAD, None),
    ("h = x*y;; h", UNREAD, None),
    ("h = x*(2; h", UNREAD, None),
    ("é = x*2; é + foo(é)", NO_OPERATION, "foo"),
    ("h = h + 1; h", "h is used before it is named. Name it first.", "h"),
    ("x + h; h = x", "This part has no name.", "x + h"),
    ("h = x + 1; h = x*2; h", "h names two parts. Give this one another name.", "x*2"),
    ("h = x*2; x + 1", "The part h is not used after it. Leave it out.", "x*2"),
    ("lambda = 2; x", "lambda is a reserved word", "lambda"),
    ("a = 3; x = 2", "An expression has no =. Add x=2 to the command instead.", "x = 2"),
    ("np.tanh(x)", "np is not needed here: write tanh(...).", "np.tanh"),
    ("x + math.pi", NOT_ALLOWED, "math.pi"),
    ("np.max(x, y)", "np is not needed here: write max(...).", "np.max"),
    ("x.max(y)", "max is not a method: write max(...).", "x.max"),
    ("square(x + 1)", NO_OPERATION, "square"),
    ("power(x, y)", NO_OPERATION, "power"),
    ("x × y", "No expression has the sign ×. Write * instead.", "×"),
    ("x² + 1", "No expression has the sign ². Write **2 instead.", "²"),
    ("|x|", "No expression has the sign |. Write abs(x) instead.", "|"),
    ("import os", NOT_ALLOWED, "import os"),
    ("x * lambda", "lambda is a reserved word", "lambda"),
    ("'a' x", UNREAD, None),
    ("x\0", UNREAD, None),
    ("x + \ud800", UNREAD, None),
    (("1 + \u0e33", "No expression has the sign \u0e33.", "\u0e33"), UNREAD, None),
    ("tanhh(x)", "Did you mean tanh?", "tanhh"),
    ("1 + foo(x)", NO_OPERATION, "foo"),
    ("(名前 +\n foo(x))", NO_OPERATION, "foo"),
    ("(x +\x0c\n foo(x))", NO_OPERATION, "foo"),
    ("x.foo()", NO_OPERATION, "x.foo"),
    ("x.data()", NO_OPERATION, "x.data"),
    ("x.__class__()", NO_OPERATION, "x.__class__"),
    ("eval(1)", NO_OPERATION, "eval"),
    ("open(x, y)", NO_OPERATION, "open"),
    ("__import__('os').system('touch a')", NOT_ALLOWED, "'os'"),
    ("x.sum()", "sum is not a method: write sum(...).", "x.sum"),
    ("(x + 1).sum(y)", "sum is not a method: write sum(...).", "(x + 1).sum"),
    ("x.softmax()", "softmax is not a method: write softmax(...).", "x.softmax"),
    ("x.data", NOT_ALLOWED, "x.data"),
    ("().__class__.__bases__[0]", NOT_ALLOWED, "().__class__"),
    ("x // 2", NOT_ALLOWED, "x // 2"),
    ("x % 2", NOT_ALLOWED, "x % 2"),
    ("x @ y", NOT_ALLOWED, "x @ y"),
    ("x == y", NOT_ALLOWED, "x == y"),
    ("x ^ 2", "No expression has the sign ^. Write ** instead.", "^"),
    ("é + (x) // (y)", NOT_ALLOWED, "(x) // (y)"),
    ("x is not y", NOT_ALLOWED, "x is not y"),
    ("1 < x < 2", NOT_ALLOWED, "1 < x < 2"),
    ("not x", NOT_ALLOWED, "not x"),
    ("~x", NOT_ALLOWED, "~x"),
    ("x and y", NOT_ALLOWED, "x and y"),
    ("x if y else 1", NOT_ALLOWED, "x if y else 1"),
    ("lambda: 0", NOT_ALLOWED, "lambda: 0"),
    ("1 + (x := 2)", NOT_ALLOWED, "x := 2"),
    ("[x for x in y]", NOT_ALLOWED, "[x for x in y]"),
    ("{x: y}", NOT_ALLOWED, "{x: y}"),
    ("f'{x}'", NOT_ALLOWED, "f'{x}'"),
    ("max(*[x, y])", NOT_ALLOWED, "*[x, y]"),
    (
        "leaky_relu(x, slope=1)",
        "An operation takes no names. Write the operands alone, in th",
        "leaky_relu",
    ),
    ("tanh(x)(y)", NO_CALL, "tanh(x)"),
    ("'text'", NOT_ALLOWED, "'text'"),
    ("[x](y)", NO_CALL, "[x]"),
    ("h = x*(2; h)", UNREAD, None),
    ("2j", NOT_ALLOWED, "2j"),
    ("True", NOT_ALLOWED, "True"),
    ("None", NOT_ALLOWED, "None"),
    ("...", NOT_ALLOWED, "..."),
    ("0x" + "f" * 400, "beyond the range", "0x" + "f" * 400),
    ("9" * 5000, UNREAD, None),
    (" + ".join(["x"] * 1001), "it has more than 2,000 parts.", " + ".join(["x"] * 1001)),
    ("-" * 50_000 + "x", "it has more than 2,000 parts.", "-" * 50_000 + "x"),
    ("tanh()", "tanh takes 1 operand", "tanh()"),
    ("tanh(x, y)", "tanh takes 1 operand", "tanh(x, y)"),
    ("max([])", "at least one operand", "max([])"),
    ("dot([x], [x, y])", "as many left operands", "dot([x], [x, y])"),
    ("tanh([x])", "tanh takes numbers, and this is a list. Pick one, as in", "[x]"),
    ("[x].tanh()", "tanh takes numbers, and this is a list. Pick one, as in", "[x]"),
    ("sum([x] * 3)", "* takes numbers, and this is a list.", "[x]"),
    ("-[x]", "- takes numbers, and this is a list.", "[x]"),
    (
        "sum([1, 2], 3)",
        "sum takes one list, or numbers alone.",
        "sum([1, 2], 3)",
    ),
    (
        "softmax([x], y)",
        "takes one list, or numbers alone.",
        "softmax([x], y)",
    ),
    (
        "sum([[x], [y]])",
        "takes one list, or numbers alone.",
        "sum([[x], [y]])",
    ),
    ("dot(x, y)", "dot takes two sequences of equal length", "dot(x, y)"),
    ("[x] + [y]", "+ takes numbers, and this is a list.", "[x]"),
    ("x < [y]", "< takes numbers, and this is a list.", "[y]"),
    ("[]", "The expression gives no number.", "[]"),
    ("[x, y]", "several numbers. Pick one, as in [a, b][0].", "[x, y]"),
    ("softmax(x, y)", "several numbers", "softmax(x, y)"),
    ("[x][1]", "counted from 0", "[x][1]"),
    ("[x][" + "9" * 5000 + "]", UNREAD, None),
    ("[x][-1]", SQUARE_BRACKETS, "[x][-1]"),
    ("[x][0:1]", SQUARE_BRACKETS, "[x][0:1]"),
    ("[x][x]", SQUARE_BRACKETS, "[x][x]"),
    ("[x][True]", SQUARE_BRACKETS, "[x][True]"),
    ("x[0]", SQUARE_BRACKETS, "x[0]"),
    ("x " * 200, UNREAD, None),
]


@pytest.mark.parametrize(
    ("text", "problem", "marked"), REFUSED, ids=[ascii(text)[:30] for text, *_ in REFUSED]
)
def test_everything_else_is_refused_with_the_place_marked(
    text: str, problem: str, marked: str | None
) -> None:
    error = refusal(text)
    assert problem in error.problem
    if marked is None:  # where Python cannot read on, which it may say of another place
        assert error.start < error.end <= len(error.text)
    else:
        assert error.text[error.start : error.end] == marked
    sentence, shown, mark = str(error).split("\n")
    assert sentence[-1] in ".?"
    assert sentence[-2] not in ".?!"
    assert len(shown) <= 80
    assert set(mark) == {" ", "^"}


@pytest.mark.parametrize(
    ("text", "shown", "mark"),
    [
        ("1 + tahn(x)", "  1 + tahn(x)", "      ^^^^"),
        ("名前 + foo(x)", "  名前 + foo(x)", "         ^^^"),
    ],
)
def test_the_mark_stands_under_the_place(text: str, shown: str, mark: str) -> None:
    assert str(refusal(text)).split("\n")[1:] == [shown, mark]


def test_of_a_long_expression_the_part_around_the_place_is_shown() -> None:
    _, shown, mark = str(refusal("x + " * 100 + "foo(x)" + " + x" * 100)).split("\n")
    assert shown[mark.index("^") : mark.rindex("^") + 1] == "foo"
    assert shown.strip()[0] == shown[-1] == "…"


def test_a_syntax_error_is_marked_in_its_own_line() -> None:
    error = refusal("(x +\n y $ x)")
    assert error.start == error.text.index("$")


@pytest.mark.parametrize("text", ["x", "tanh(x) * y", "y + (x)"])
def test_a_variable_without_a_number_is_marked(text: str) -> None:
    with pytest.raises(ExpressionError, match="x has no number") as caught:
        Expression(text).value({"y": 1.0})
    error = caught.value
    assert error.text[error.start : error.end] == "x"


@pytest.mark.parametrize(
    ("text", "given", "said", "marked"),
    [
        ("tanh(weight * x)", ["wieght", "x"], "Did you mean weight?", "weight"),
        ("W * x", ["w", "x"], "Did you mean W?", "W"),
        ("x * weight", ["weigth", "x", "weight"], "expression.", "x * weight"),
        ("x * y", ["z", "x"], "expression.", "x * y"),
        ("x * " + "w" * 40, ["x", "w" * 39], "expression.", "x * " + "w" * 40),
    ],
)
def test_a_number_for_a_name_that_does_not_occur_may_be_meant_for_another(
    text: str, given: list[str], said: str, marked: str
) -> None:
    error = Expression(text).unused(dict.fromkeys(given, 1.0))
    assert error is not None
    assert "does not occur in the expression." in error.problem
    assert error.problem.endswith(said)
    assert error.text[error.start : error.end] == marked
    assert Expression("x * y").unused({"x": 1.0}) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("tahn", "tanh"), ("tanhh", "tanh"), ("TANH", "tanh"), ("sigmod", "sigmoid")),
        *(("ln", "log"), ("swish", "silu"), ("foo", None), ("tanh" * 100, None)),
        *(("σ", "sigmoid"), ("sgn", "sign"), ("leakyrelu", "leaky_relu"), ("arctan", "atan")),
        *(("round", None), ("floor", None), ("share_of", None), ("rect", None)),
    ],
)
def test_the_operation_that_was_meant(typed: str, meant: str | None) -> None:
    said = refusal(f"{typed}(x)").problem
    assert said.endswith(f"Did you mean {meant}?" if meant else ".")


def test_the_signs_and_names_are_those_of_the_table() -> None:
    assert SIGNS == ("+", "-", "*", "/", "**", "<", "<=", ">", ">=")
    without_name = {"add", "sub", "mul", "div", "neg", "pos", "pow"}
    assert tuple(n for n in TABLE if n not in without_name) == NAMES_OF_ROWS


@pytest.mark.parametrize("text", ["np * x", "tanh(np)"])
def test_the_name_of_a_library_alone_is_a_variable(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"np has no number. Add np=... to the command."):
        Expression(text).value({"x": 1.0})


# Parts with a name.


def leaves_and_parts(y: Value) -> dict[str | None, Value]:
    return {node.label: node for node in engine.topological_order(y) if node.label}


def test_a_part_is_one_node_however_often_it_is_used() -> None:
    y = Expression("h = sigmoid(w*x); h*v1 + h*v2").value(
        {"w": 1.0, "x": 2.0, "v1": 3.0, "v2": 4.0}
    )
    y.backward()
    nodes = engine.topological_order(y)
    assert [node.label for node in nodes].count("h") == 1
    assert sum(node.operation is TABLE["sigmoid"] for node in nodes) == 1
    assert leaves_and_parts(y)["h"].grad == 7.0


@pytest.mark.parametrize(
    ("text", "value", "labels"),
    [
        ("h = x*2; h**2", 16.0, {"x", "h"}),
        ("a = x + 1; b = a*a; a*b", 27.0, {"x", "a", "b"}),
        ("L = x**2", 4.0, {"x", "L"}),
        ("h = x; h*h", 4.0, {"x", "h"}),
        ("h = x*3; L = h", 6.0, {"x", "h", "L"}),
        ("a = 3; a*x", 6.0, {"a", "x"}),
        ("a = e; a*x", 2 * math.e, {"a", "x"}),
        ("xs = [x, 2*x]; sum(xs)", 6.0, {"x", "xs[0]", "xs[1]"}),
        ("p = softmax(x, x); p[0]*p[1]", 0.25, {"x", "p[0]", "p[1]"}),
        ("ﬁ = x*2; fi + 1", 5.0, {"x", "fi"}),
    ],
)
def test_parts_have_their_names_in_the_graph(text: str, value: float, labels: set[str]) -> None:
    y = Expression(text).value({"x": 2.0})
    assert y.data == pytest.approx(value, rel=1e-15)
    assert labels <= leaves_and_parts(y).keys()
    assert len(leaves_and_parts(y)) <= len(labels) + 1  # what a softmax shares has its own


def test_a_number_for_a_part_is_refused() -> None:
    error = Expression("h = x*2; h + 1").unused({"x": 1.0, "h": 2.0})
    assert error is not None
    assert error.problem == "h is computed in the expression. Leave out the number for it."


# Constants and other functions.


def test_e_and_pi_are_constants_unless_they_are_given() -> None:
    y = Expression("pi*r**2 + e").value({"r": 2.0})
    assert y.data == math.pi * 4 + math.e
    by_name = leaves_and_parts(y)
    assert by_name["pi"].is_constant
    assert by_name["e"].is_constant
    assert read("e + pi", e=1.0, pi=2.0) == 3.0
    assert read("π") == math.pi


def test_other_functions_are_those_that_are_given() -> None:
    others = {"twice": lambda x: 2.0 * x, "first": lambda xs: xs[0]}
    assert Expression("twice(x) + first([x, 1])", others).value({"x": 3.0}).data == 9.0
    with pytest.raises(ExpressionError, match=r"Did you mean twice\?"):
        Expression("twcie(x)", others)


def test_the_name_of_an_operation_without_brackets_gets_a_hint() -> None:
    with pytest.raises(ExpressionError, match=r"tanh is an operation.*: write tanh\(\.\.\.\)\."):
        Expression("1 + tanh").value({})


def outcome(text: str) -> float | str:
    """The value where all variables are 0.5, or the text of the refusal."""
    try:
        return at_a_half(text)
    except ExpressionError as error:
        return str(error)


@pytest.mark.parametrize(
    "unit", ["(", "[", "-", "x+", "x**", "tanh(", "x<", "not ", "lambda:", "f'{", "max(x,", "x if "]
)
@pytest.mark.parametrize("depth", mostly_slow([150, 2_000, 50_000], kept=2))
def test_nesting_has_a_limit_and_no_crash(unit: str, depth: int) -> None:
    brackets = {"(": ")", "[": "]"}
    closed = unit * depth + "x" + brackets.get(unit[-1], "") * depth
    for text in (closed, unit * depth):
        assert isinstance(outcome(text), (float, str))
