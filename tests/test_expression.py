"""The reader of typed expressions: every operation of the table, and nothing but.

An expression is parsed against the table and never run. So the tests ask three things: that every
row gives the numbers and gradients of a direct call, that everything else is refused with a
sentence and a mark, and that no text is too deep. Hostile ones are in `test_hostile.py`.
"""

import ast
import math
from unittest.mock import Mock

import pytest
from needing import mostly_slow

from glassgrad import TABLE, Operation, Reduction, Value, engine, grad
from glassgrad.engine.op import Pairing
from glassgrad.viz.diagram import Diagram
from glassgrad.viz.expression import NAMES as NAMES_OF_ROWS
from glassgrad.viz.expression import SIGNS, Expression, ExpressionError

NAMES = ("a", "b", "c", "d")
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
    function = engine.softmax if name == "softmax" else TABLE[name]
    y = function(*arguments(TABLE[name], xs))
    y = y[0] if name == "softmax" else y
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
    y = Expression(typed(name)).value(numbers(TABLE[name]))
    y.backward()
    found = [leaves_and_parts(y)[label].grad for label in numbers(TABLE[name])]
    assert (y.data, found) == direct(name)


@ROWS
def test_a_row_as_a_method_or_of_operands_one_by_one(name: str) -> None:
    point, row = numbers(TABLE[name]), TABLE[name]
    first, *others = point
    text = f"{first}.{name}({', '.join(others)})"
    if isinstance(row, Reduction):
        text = typed(name).replace("[a, b, c, d]", "a, b, c, d")
    assert read(text, **point) == direct(name)[0]


MEANT = [
    *("x + y", "x - y - 1", "x / y / 2", "-x ** 2", "2 ** 3 ** x", "+x * -y", "7", "1e999"),
    *("(x + y) * (x - y)", "1e-3 * x + .5", "0x10 + 1_000 + x", "00 + 0_0 + 07.5 + 01e1 * x"),
    *("[x, y][0x1]", "(x +\n y)", " + ".join(["x"] * 1000), "where(x > y, x, y)", "x > y"),
    *("where(x <= 0, 0, x)", "where(x < y, 1, 2) + where(x >= y, 10, 20)", "leaky_relu(-x)"),
    *("elu(-x, 0.5)", "softmax(x, y)[1]", "max(x, y, 5)", "tanh(x).exp().log()", "1 / (x - x)"),
]


@pytest.mark.parametrize("text", MEANT)
@pytest.mark.parametrize("point", [(0.75, 2.5), (2.0, 1.0)])
def test_arithmetic_means_what_it_means_in_python(text: str, point: tuple[float, float]) -> None:
    given = {name: number for name, number in zip("xy", point) if name in Expression(text).names}
    meant = eval(text, {**vars(engine), **{name: Value(x) for name, x in given.items()}})
    assert read(text, **given) == (meant.data if isinstance(meant, Value) else float(meant))


def test_spaces_of_all_kinds_and_many_signs_are_read() -> None:
    assert read("  x\u00a0* y  ", x=2.0, y=3.0) == 6.0
    assert read("-" * 1998 + "x", x=2.0) == 2.0


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


def test_a_named_result_is_that_node_and_no_line_of_this_library_made_one() -> None:
    diagram = Diagram([Expression("h = 2*x; L = h**2").value({"x": 3.0})])
    computed = [(node.label, diagram.formula(node), node.line) for node in diagram if node.parents]
    assert computed == [("h", "2 * x", None), ("L", "h ** 2", None)]


def test_the_result_is_a_node_of_its_own_without_variables_a_constant() -> None:
    for text in ("x", "[x][0]"):
        y = Expression(text).value({"x": 2.0})
        assert (y.label, y.operation) == (None, TABLE["pos"])
    y = Expression("2 * 3 + 1").value({})
    assert (y.label, y.data, y.is_constant) == (None, 7.0, True)


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_what_is_nested_too_deeply_for_the_parser_is_refused(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How deep that is depends on Python and on what calls it."""
    monkeypatch.setattr(ast, "parse", Mock(side_effect=error))
    with pytest.raises(ExpressionError, match=r"too deeply to be read\. Compute a part of it"):
        Expression("-x")


# What is refused: the sentence and the place it marks.

INDEX = "Only a list can have an index"
NO_OPERATION = "There is no operation called"
NOT_ALLOWED = "This is not allowed: an expression has numbers, names,"
NO_CALL = "Only an operation can be called. A product is written 2*(x + 1)."
UNREAD = "It cannot be read from here on: a product is written 2*x, an operation tanh(x)"
BRACKETS = "Brackets: "
OF_PYTHON: dict[type[ast.AST], str] = {
    ast.BoolOp: "x and y", ast.NamedExpr: "(x := 2)", ast.Lambda: "lambda: 0",
    ast.IfExp: "x if y else 1", ast.Dict: "{x: y}", ast.Set: "{x, y}",
    ast.ListComp: "[x for x in y]", ast.SetComp: "{x for x in y}",
    ast.DictComp: "{x: x for x in y}", ast.GeneratorExp: "(x for x in y)",
    ast.Await: "await x", ast.Yield: "(yield)", ast.YieldFrom: "(yield from x)",
    ast.JoinedStr: "f'{x}'", ast.Attribute: "x.data", ast.Starred: "max(*[x, y])",
    ast.Mod: "x % 2", ast.FloorDiv: "x // 2", ast.MatMult: "x @ y", ast.LShift: "x << 2",
    ast.RShift: "x >> 2", ast.BitAnd: "x & y", ast.Not: "not x", ast.Invert: "~x",
    ast.Eq: "x == y", ast.NotEq: "x != y", ast.Is: "x is y", ast.IsNot: "x is not y",
    ast.In: "x in y", ast.NotIn: "x not in y",
}  # fmt: skip
"""What Python has and no expression may have, each as the kind of node that it is."""
ALLOWED = {
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Constant, ast.Subscript, ast.Name),
    *(ast.List, ast.Tuple, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.UAdd, ast.USub),
    *(ast.Lt, ast.LtE, ast.Gt, ast.GtE),
}
INSIDE = {"FormattedValue", "Slice", "BitOr", "BitXor", "TemplateStr", "Interpolation"}
"""What stands only inside of others, or is written with a sign that is refused before."""


def test_all_else_of_python_is_refused() -> None:
    kinds = (ast.expr, ast.operator, ast.unaryop, ast.cmpop)
    every = {kind for base in kinds for kind in base.__subclasses__()}
    others = {kind for kind in every if kind.__module__ in ("ast", "_ast")} - ALLOWED
    old = {"Num", "Str", "Bytes", "NameConstant", "Ellipsis"}  # of Constant, until Python 3.14
    assert {kind.__name__ for kind in others} - INSIDE - old == {k.__name__ for k in OF_PYTHON}
    for kind, text in OF_PYTHON.items():
        tree = ast.walk(ast.parse(text))
        assert any(isinstance(node, kind) for node in tree)
        assert refusal(text).problem.startswith((NOT_ALLOWED, UNREAD, "lambda is", "await is"))


REFUSED = [
    ("   ", "empty", ""),
    ("x +", "Something is missing at the end.", ""),
    ("x;", "After ; the result is missing", ""),
    ("class*2", "class is a reserved word of Python: no expression has it.", "class"),
    ("1if x else 2", NOT_ALLOWED, "1if x else 2"),
    ("tanh(x", BRACKETS, None),
    ("(1, 2]", BRACKETS, None),
    ("x + * y", UNREAD, None),
    ("2x", UNREAD, None),
    ("tanh x", UNREAD, None),
    ("9" * 5000, UNREAD, None),
    ("x\0", UNREAD, None),
    ("x + \ud800", UNREAD, None),
    (" + ".join(["x"] * 1001), "it has more than 2,000 parts.", " + ".join(["x"] * 1001)),
    ("-" * 50_000 + "x", "it has more than 2,000 parts.", "-" * 50_000 + "x"),
    # Signs that people know from paper.
    ("x × y", "No expression has the sign ×. Write * instead.", "×"),
    ("w\u0387x", "No expression has the sign \u0387. Write * instead.", "\u0387"),
    ("sin²(x)", "No expression has the sign ². Write **2 instead.", "²"),
    ("x ^ 2", "No expression has the sign ^. Write ** instead.", "^"),
    ("√x", "No expression has the sign √. Write sqrt(x) instead.", "√"),
    ("|x|", "No expression has the sign |. Write abs(x) instead.", "|"),
    ("x!", "No expression has the sign !. Leave it out.", "!"),
    ("(x +\n y $ x)", "No expression has the sign $. Leave it out.", "$"),
    # Parts.
    ("x = -1e-3", 'goes after the expression: glassgrad "2*x" x=-1e-3.', "x = -1e-3"),
    ("a = 3; x = 2", "x=2 computes nothing. It goes after the expression", "x = 2"),
    ("x; y", "This part has no name. Write h = x and use h in what follows it.", "x"),
    ("import os", NOT_ALLOWED, "import os"),
    ("x += 1; x", NOT_ALLOWED, "x += 1"),
    ("h = h + 1; h", "h is used before it is named. Name it first.", "h"),
    ("h = x*2, h**2", "h is used before it is named. A part ends with ; and not with a comma", "h"),
    ("h = x, k = h, k**2", "A part ends with ; and not with a comma, as in h = 2*x; h**2.", ","),
    ("h = x*2, k = 2*h; k", "A part ends with ; and not with a comma", ","),
    ("x = h + 1; h = x, 2", "h is used before it is named. Name it first.", "h"),
    ("h = x + 1; h = x*2; h", "h names two parts. Give this one another name.", "x*2"),
    ("h = x*2; x + 1", "The part h is not used after it. Leave it out.", "x*2"),
    # What is called.
    ("print(x)", "There is no operation called print. glassgrad --help lists all.", "print"),
    ("x(y + 1)", "There is no operation called x. To multiply, write 2*(x + 1).", "x"),
    ("é = x*2; é + foo(é)", NO_OPERATION, "foo"),
    ("(名前 +\n foo(x))", NO_OPERATION, "foo"),
    ("x.__class__()", NO_OPERATION, "x.__class__"),
    ("__import__('os').system('touch a')", NOT_ALLOWED, "'os'"),
    ("().__class__.__bases__[0]", NOT_ALLOWED, "().__class__"),
    ("2(x+1)", NO_CALL, "2"),
    ("tanh(x)(y)", NO_CALL, "tanh(x)"),
    ("tanh[x]", "tanh is an operation: write tanh(...).", "tanh[x]"),
    ("np.tanh(x)", "np is not needed here: write tanh(...).", "np.tanh"),
    ("x.softmax()", "softmax is not a method: write softmax(...).", "x.softmax"),
    ("(x + 1).sum(y)", "sum is not a method: write sum(...).", "(x + 1).sum"),
    ("leaky_relu(x, slope=1)", "An operation takes no names. Write the operands", "leaky_relu"),
    ("tanh(x, y)", "tanh takes 1 operand", "tanh(x, y)"),
    ("dot([x], [x, y])", "as many left operands", "dot([x], [x, y])"),
    ("dot(x, y)", "dot takes two sequences of equal length", "dot(x, y)"),
    # Numbers and lists.
    ("é + (x) // (y)", NOT_ALLOWED, "(x) // (y)"),
    ("1 < x < 2", NOT_ALLOWED, "1 < x < 2"),
    *((text, NOT_ALLOWED, text) for text in ("2j", "True", "None", "...", "'text'")),
    ("0x" + "f" * 400, "This number is beyond the range of floats.", "0x" + "f" * 400),
    ("[]", "The expression gives no number.", "[]"),
    ("softmax(x, y)", "several numbers. Pick one, as in [a, b][0].", "softmax(x, y)"),
    ("[x][1]", "There are 1 numbers, counted from 0.", "[x][1]"),
    *((text, INDEX, text) for text in ("x[0]", "[x][-1]", "[x][0:1]", "[x][x]", "[x][True]")),
    ("[x].tanh()", "tanh takes numbers, and this is a list. Pick one, as in", "[x]"),
    ("x < [y]", "< takes numbers, and this is a list.", "[y]"),
    ("sum([[x], [y]])", "takes one list, or numbers alone.", "sum([[x], [y]])"),
    ("log_softmax([x, y], [1])", "log_softmax takes one list, or", "log_softmax([x, y], [1])"),
    ("dot([[x]], [[y]])", "dot takes two lists of numbers.", "dot([[x]], [[y]])"),
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


def test_the_mark_stands_under_the_place() -> None:
    assert str(refusal("名前 + foo(x)")).split("\n")[1:] == ["  名前 + foo(x)", "         ^^^"]


def test_of_a_long_expression_the_part_around_the_place_is_shown() -> None:
    _, shown, mark = str(refusal("x + " * 100 + "foo(x)" + " + x" * 100)).split("\n")
    assert shown[mark.index("^") : mark.rindex("^") + 1] == "foo"
    assert shown.strip()[0] == shown[-1] == "…"


@pytest.mark.parametrize(
    ("text", "said", "marked"),
    [
        ("y + (x)", "x has no number. Add x=... to the command.", "x"),
        ("tanh(np) * y", "np has no number. Add np=... to the command.", "np"),
        ("y + tanh", "tanh is an operation: write tanh(...).", "tanh"),
        ("y + yy", "yy is one name. A product is written y*y.", "yy"),
        ("y + yx", "yx has no number. Add yx=... to the command.", "yx"),
    ],
)
def test_a_variable_without_a_number_is_marked(text: str, said: str, marked: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text).value({"y": 1.0})
    error = caught.value
    assert (error.problem, error.text[error.start : error.end]) == (said, marked)


@pytest.mark.parametrize(
    ("text", "given", "said", "marked"),
    [
        ("tanh(weight * x)", ["wieght", "x"], "expression. Did you mean weight?", "weight"),
        ("W * x", ["w", "x"], "expression. Did you mean W?", "W"),
        ("x * weight", ["weigth", "x", "weight"], "in the expression.", "x * weight"),
        ("x * y", ["z", "x"], "z does not occur in the expression.", "x * y"),
        ("h = x*2; h + 1", ["h"], "in the expression. Leave out the number for it.", "x*2"),
        ("1 + tanh", ["x"], "tanh is an operation: write tanh(...).", "tanh"),
        ("xw + b", ["x", "w", "b"], "xw is one name. A product is written x*w.", "xw"),
        ("x1x10", ["x1", "x10"], "x1x10 is one name. A product is written x1*x10.", "x1x10"),
        ("xe", ["x"], "x does not occur in the expression.", "xe"),
        ("pi", ["p", "i"], "p does not occur in the expression.", "pi"),
    ],
)
def test_a_number_for_a_name_that_does_not_occur_may_be_meant_for_another(
    text: str, given: list[str], said: str, marked: str
) -> None:
    error = Expression(text).unused(dict.fromkeys(given, 1.0))
    assert error is not None
    assert error.problem.endswith(said)
    assert error.text[error.start : error.end] == marked
    assert Expression("x * y").unused({"x": 1.0}) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("tahn", "tanh"), ("TANH", "tanh"), ("ln", "log"), ("swish", "silu"), ("foo", None)),
        *(("σ", "sigmoid"), ("leakyrelu", "leaky_relu"), ("round", None), ("tanh" * 100, None)),
    ],
)
def test_the_operation_that_was_meant(typed: str, meant: str | None) -> None:
    said = refusal(f"{typed}(x)").problem
    assert said.endswith(f"Did you mean {meant}?" if meant else ".")


def test_the_signs_and_names_are_those_of_the_table() -> None:
    assert SIGNS == ("+", "-", "*", "/", "**", "<", "<=", ">", ">=")
    without_name = {"add", "sub", "mul", "div", "neg", "pos", "pow"}
    assert tuple(n for n in TABLE if n not in without_name) == NAMES_OF_ROWS


# Parts with a name.


def leaves_and_parts(y: Value) -> dict[str | None, Value]:
    return {node.label: node for node in engine.topological_order(y) if node.label}


def test_a_part_is_one_node_however_often_it_is_used() -> None:
    given = {"w": 1.0, "x": 2.0, "v1": 3.0, "v2": 4.0}
    y = Expression("h = sigmoid(w*x); h*v1 + h*v2").value(given)
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


# Constants and other functions.


def test_e_and_pi_are_constants_unless_they_are_given() -> None:
    y = Expression("pi*r**2 + e").value({"r": 2.0})
    assert y.data == math.pi * 4 + math.e
    assert "pi * v1" in map((diagram := Diagram([y])).formula, diagram)
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
