"""How a typed text is read: cut into tokens, and put together by how strongly signs bind.

A `Reader` gives the parts of an expression, each after its operands. What cannot stand where it
does is refused by an `ExpressionError`, in the reader's own terms and with the place marked. Next:
`expression.py`, which computes the parts.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from glassgrad.engine import TABLE, Operation, Reduction
from glassgrad.engine.op import ATOM
from glassgrad.engine.printing import spelled, width_of
from glassgrad.engine.text import clipped, similar, suggestion, visible

CONSTANTS = {"e": math.e, "pi": math.pi, "π": math.pi}
"""What these names mean, unless they are given a number."""
_LIBRARIES = ("math", "np", "numpy", "jnp", "torch", "F", "glassgrad", "gg")
_POWERS = {"square": "2", "sqr": "2", "sq": "2", "cube": "3", "power": "", "exponent": ""}
"""What is written as a power; with the exponent, if the name says it."""
_WITH_SIGNS = [row for row in TABLE.values() if row.notation.binds < ATOM]
_ARITHMETIC = dict.fromkeys(row.notation.text.replace("%s", "").strip() for row in _WITH_SIGNS)
SIGNS = (*_ARITHMETIC, "<", "<=", ">", ">=")
"""The signs of arithmetic that an expression may have."""
NAMES = tuple(name for name, row in TABLE.items() if row not in _WITH_SIGNS)
"""The operations that are written with a name."""
_MOST_PARTS = 2_000
"""How many numbers, names and operations an expression may have."""
_DEEPEST = 100
"""How many brackets, or signs that wait for what follows them, may be open at a place."""
_WINDOW = 72
"""How much of a long expression an error shows around the place."""
_LONGEST_FACTOR = 2
"""A longer name before a bracket was rather meant for an operation than for a factor."""
_EXAMPLE = "h = w*x; h**2"
PICK = "Pick one, as in [a, b][0]."
NO_INDEX = "Only a list can have an index, and only a whole number."
_ALLOWED = (
    f"an expression has numbers, names, {' '.join(SIGNS)}, brackets, "
    "and operations such as tanh(x)."
)


class ExpressionError(ValueError):
    """What was typed is no expression of the table's operations.

    `str()` gives the sentence, then the expression with the place marked below it.
    """

    def __init__(self, problem: str, text: str, start: int = 0, end: int | None = None) -> None:
        self.problem = problem
        self.text = text
        self.start = start
        self.end = end if end is not None else len(text)
        super().__init__(problem)

    def __str__(self) -> str:
        first = max(0, self.start - _WINDOW // 2)
        last = min(len(self.text), first + _WINDOW)
        before = spelled("…" * (first > 0) + visible(self.text[first : self.start]))
        marked = spelled(visible(self.text[self.start : min(self.end, last)]))
        after = visible(self.text[min(self.end, last) : last]) + "…" * (last < len(self.text))
        place = " " * width_of(before) + "^" * max(1, width_of(marked))
        return spelled(f"{self.problem}\n  {before}{marked}{after}\n  {place}")


# Reading.

_TOKEN = re.compile(
    r"(?P<number>0[xob][0-9a-f_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:e[+-]?[0-9][0-9_]*)?j?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|//|:=|[<>=!]=|<<|>>|\S)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?\s*[\d.][\w.]*(?:e-\d+)?", re.IGNORECASE)
_WITH_ZEROS = re.compile(r"0[0_]*[1-9][0-9_]*")
"""Whole numbers such as 010, which is 8 in some languages: it is none here, as in Python."""
_COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER = range(5)
_BETWEEN: dict[str, tuple[int, Callable[..., Any]]] = {
    "<": (_COMPARISON, lambda a, b: _unless(TABLE["compare"](a, b) + 1.0)),
    "<=": (_COMPARISON, lambda a, b: _unless(TABLE["step"](TABLE["compare"](a, b)))),
    ">": (_COMPARISON, lambda a, b: _unless(TABLE["compare"](b, a) + 1.0)),
    ">=": (_COMPARISON, lambda a, b: _unless(TABLE["step"](TABLE["compare"](b, a)))),
    "+": (_SUM, TABLE["add"]),
    "-": (_SUM, TABLE["sub"]),
    "*": (_PRODUCT, TABLE["mul"]),
    "/": (_PRODUCT, TABLE["div"]),
    "**": (_POWER, TABLE["pow"]),
}
"""How strongly a sign between two operands binds, and its operation.

Comparisons are 1 or 0, as nodes of the graph, so that the steps show what was compared.
"""
_BEFORE = {"-": TABLE["neg"], "+": TABLE["pos"]}
_REFUSED = {
    **dict.fromkeys(("%", "@", "==", "!=", "<<", ">>", "&"), ""),
    **{"^": " (a power is written **)", "//": " (a quotient is written /)"},
}
"""Signs between two operands that no expression has, and what to write."""
_CLOSING = {"(": ")", "[": "]"}
_ENDS = ("", ";", ")", "]", ",")
_PUNCTUATION = {"(", ")", "[", "]", ",", ".", "=", ";", ""}
_INSTEAD = {
    **dict.fromkeys("×·⋅∙", "*"),
    **dict.fromkeys("−–—", "-"),
    **{"÷": "/", "²": "**2", "³": "**3", "≤": "<=", "≥": ">=", "√": "sqrt(x)", "|": "abs(x)"},
}
"""What to type for signs that people know from paper."""


class _Token(NamedTuple):
    kind: str  # "number", "name", "sign" or "end"
    text: str
    start: int
    end: int


def _tokens(text: str) -> Iterator[_Token]:
    end = 0
    while found := _TOKEN.search(text, end):
        start, end = found.span()
        if found.lastgroup == "name":
            # Marks such as accents are no \w. To Python the dots are letters too.
            while text[end : end + 1] not in "·\u0387" and f"x{text[end]}".isidentifier():
                end += 1
        typed = text[start:end]
        yield _Token(
            str(found.lastgroup), _normal(typed) if typed.isidentifier() else typed, start, end
        )


class Part(NamedTuple):
    """What is computed in one go, from so many results before it.

    Attributes:
        kind: "number", "name", "list", "item", "operation" or "naming".
        what: the number, the name, the index or the operation; None of a list.
        takes: how many of the results before it are its operands.
        start, end: where it stands.
        sign: what an operation is called where it was typed.
    """

    kind: str
    what: Any
    takes: int
    start: int
    end: int
    sign: str = ""


class Reader:
    """Reads a text into parts, in the order in which they are computed.

    Attributes:
        parts: what has been read.
        calls: of names of libraries, by where they stand, where the call ends, as in np.tanh(x).
    """

    def __init__(self, text: str, functions: Mapping[str, Any]) -> None:
        self.text, self.functions = text, functions
        self.tokens = [*_tokens(text), _Token("end", "", len(text), len(text))]
        self.parts: list[Part] = []
        self.calls: dict[int, int] = {}
        self._at = self._first = 0  # which token is next, and which the statement begins with
        self._opened: list[tuple[_Token, bool]] = []  # the brackets, and whether they are a call's
        self._depth = 0
        if sum(token.text not in _PUNCTUATION for token in self.tokens) > _MOST_PARTS:
            problem = f"The expression is too long: it has more than {_MOST_PARTS:,} parts."
            self._refuse(problem, self.tokens[0], self.tokens[-1])
        self._statement()
        while self._next.text == ";":
            self._at += 1
            self._statement()

    def _statement(self) -> None:
        """A part with its name, or the result, which may have a name too."""
        self._first = self._at
        first, *others = self.tokens[self._at :]
        end = next(token for token in (first, *others) if token.text in ("", ";"))
        if first is end:
            is_last = first.kind == "end"
            missing = "After ; the result is" if is_last else "Before ; a part is"
            place = self.tokens[self._at - 1] if is_last else first
            self._refuse(f"{missing} missing, as in {_EXAMPLE}.", place)
        is_named = first.kind == "name" and others[0].text == "="
        if is_named:
            content = self.text[others[0].end : end.start].strip()
            # A number as the result is none: it was meant for a variable.
            is_named = bool(content) and (end.text == ";" or not _NUMBER.fullmatch(content))
        if is_named:
            self._check_word(first)
            self._at += 2
        begin = self._next
        roots, is_list = self._several()
        if is_list:
            self._add("list", None, len(roots), begin)
        if self._next is not end:
            self._refuse_behind()
        if is_named:
            self._add("naming", first.text, 1, begin)
        elif end.text == ";":
            example = f"h = {clipped(self._typed(begin))}"
            problem = f"This part has no name. Write {example} and use h in what follows it."
            self._refuse(problem, begin, self._last)

    @property
    def _next(self) -> _Token:
        return self.tokens[self._at]

    @property
    def _last(self) -> _Token:
        return self.tokens[self._at - 1]

    def _typed(self, first: _Token) -> str:
        """What was typed from a token on, up to what was read last."""
        return self.text[first.start : self._last.end]

    def _add(self, kind: str, what: Any, count: int, first: _Token, sign: str = "") -> None:
        self.parts.append(Part(kind, what, count, first.start, self._last.end, sign))

    # Operands, and the signs between them by how strongly they bind.

    def _expression(self, least: int = _COMPARISON) -> None:
        """Operands with signs between that bind at least so strongly."""
        first, is_compared = self._next, False
        self._depth += 1
        if self._depth > 2 * _DEEPEST:
            problem = "The expression is nested too deeply to be read. Compute a part of it first."
            self._refuse(problem, self.tokens[0], self.tokens[-1])
        self._operand()
        while (sign := self._next.text) in _BETWEEN and _BETWEEN[sign][0] >= least:
            binds, function = _BETWEEN[sign]
            self._sign()
            self._expression(_SIGN if binds == _POWER else binds + 1)
            if is_compared:
                self._refuse(f"This comparison is not allowed: {_ALLOWED}", first, self._last)
            is_compared = binds == _COMPARISON
            self._add("operation", function, 2, first, sign)
        self._depth -= 1

    def _sign(self) -> None:
        """A sign, behind which an operand is to begin."""
        sign, after = self.tokens[self._at : self._at + 2]
        self._at += 1
        if after.text in _ENDS:
            self._refuse(f"After {sign.text} an operand is missing.", sign)
        if after.text not in _BEFORE and after.text in {*_BETWEEN, *_REFUSED}:
            problem = f"Between {sign.text} and {after.text} an operand is missing."
            self._refuse(problem, sign, after)

    def _operand(self) -> None:
        """A number, a name, or what is in brackets; a sign before it, calls and items after it."""
        token = self._next
        if token.text in _BEFORE:
            self._sign()
            self._expression(_SIGN)
            self._add("operation", _BEFORE[token.text], 1, token, token.text)
            return
        if token.text in _CLOSING:
            self._open(is_call=False)
            roots, is_list = self._several()
            self._close()
            if is_list or token.text == "[":
                self._add("list", None, len(roots), token)
        elif token.kind == "number":
            self._at += 1
            self._add("number", self._number(token), 0, token)
        elif token.kind == "name":
            self._check_word(token)
            self._at += 1
            if self._next.text == "(":
                self._function(token)
            else:
                self._add("name", token.text, 0, token)
        else:
            self._refuse_operand()
        suffixes = {"(": self._no_function, ".": self._method, "[": self._item}
        while self._next.text in suffixes:
            suffixes[self._next.text](token)

    def _several(self) -> tuple[list[Part], bool]:
        """Expressions with commas between, each by its last part; and whether they are a list."""
        roots, has_comma = [], False
        while self._next.text not in {*_ENDS} - {","}:
            self._expression()
            roots.append(self.parts[-1])
            has_comma = self._next.text == ","
            if not has_comma:
                break
            self._at += 1
        return roots, len(roots) != 1 or has_comma

    def _open(self, is_call: bool) -> None:
        if len(self._opened) == _DEEPEST:
            self._refuse(f"More than {_DEEPEST} brackets are open here.", self._next)
        self._opened.append((self._next, is_call))
        self._at += 1

    def _close(self) -> None:
        opening, _ = self._opened[-1]
        if self._next.text in ("", ";"):
            self._refuse(f"This {opening.text} is never closed.", opening)
        if self._next.text != _CLOSING[opening.text]:
            self._refuse_behind()
        self._opened.pop()
        self._at += 1

    def _number(self, token: _Token) -> float:
        text, problem = token.text.lower(), "This number is beyond the range of floats."
        if _WITH_ZEROS.fullmatch(text):
            better = clipped(text.replace("_", "").lstrip("0"))
            self._refuse(f"{clipped(text)} is no number. Write {better}.", token)
        try:
            number = float(int(text, 0)) if text[1:2] in ("x", "o", "b") else float(text)
            if math.isfinite(number) or not _is_whole(text):
                return number
        except OverflowError:
            pass
        except ValueError:
            better = text.replace("_", "")
            advice = f" Write {clipped(better)}." if better != text else ""
            kind = "is not a real number." if text[-1] == "j" else f"is no number.{advice}"
            problem = f"{clipped(token.text)} {kind}"
        self._refuse(problem, token)

    # Calls and items; `first` is the token that their operand begins with.

    def _arguments(self) -> tuple[list[Part], str]:
        """The operands of a call, and what was typed for all of them."""
        opening = self._next
        self._open(is_call=True)
        roots, _ = self._several()
        self._close()
        return roots, self._typed(opening)[1:-1].strip()

    def _function(self, name: _Token) -> None:
        roots, typed = self._arguments()
        function = self._called(name, name, roots, typed)
        self._add("operation", function, len(roots), name, name.text)

    def _method(self, first: _Token) -> None:
        operand, before, name = (
            self.parts[-1],
            self._typed(first),
            self.tokens[self._at + 1],
        )
        if name.kind != "name":
            dot = self._next
            problem = "After . an operation is missing, as in x.tanh()."
            self._refuse(problem, dot)
        self._check_word(name)
        is_library = operand.kind == "name" and before in _LIBRARIES
        self._at += 2
        if self._next.text != "(":
            if is_library and name.text in {*CONSTANTS, *self.functions}:
                raise self.no_library(first.start, name.end)
            self._refuse(f"An attribute is not allowed: {_ALLOWED}", first, name)
        roots, typed = self._arguments()
        function = self._called(first, name, roots, typed)
        if not isinstance(function, Operation) or isinstance(function, Reduction):
            operands = ", ".join(filter(None, ["" if is_library else before, typed]))
            better = clipped(f"{name.text}({operands})")
            problem = f"{name.text} is not a method: write {better}."
            self._refuse(problem, first, name)
        if is_library:
            self.calls[first.start] = self._last.end
        self._add("operation", function, 1 + len(roots), first, name.text)

    def _called(self, first: _Token, name: _Token, roots: list[Part], typed: str) -> Any:
        """The operation of a name; where there is none, it is said what to write instead."""
        if name.text in self.functions:
            return self.functions[name.text]
        operands = [self.text[root.start : root.end] for root in roots]
        advice = suggestion(name.text, self.functions)
        if name.text in _POWERS and operands:
            base = f"({operands[0]})" if roots[0].sign in {*_BETWEEN, *_BEFORE} else operands[0]
            exponent = _POWERS[name.text] or (operands[1:2] or ["2"])[0]
            advice = f" A power is written {clipped(f'{base}**{exponent}')}."
        elif not advice and first is name and len(name.text) <= _LONGEST_FACTOR:
            advice = _product(name.text, roots, typed)
        problem = f"There is no operation called {clipped(name.text)}.{advice}"
        self._refuse(problem, first, name)

    def _no_function(self, first: _Token) -> None:
        """What is no name, but called: perhaps it was meant for a factor."""
        callee, factor = self.parts[-1], self._typed(first)
        product = _product(factor, *self._arguments())
        problem = f"An operation is missing here.{product}"
        if not product or callee.kind == "list":
            problem = f"Calling this is not allowed: {_ALLOWED}"
        self._refuse(problem, first, self._last)

    def _item(self, first: _Token) -> None:
        opening, index, *behind = self.tokens[self._at :]
        closing = next((token for token in (index, *behind) if token.text == "]"), None)
        if closing is None:
            self._refuse("This [ is never closed.", opening)
        if closing is not behind[0] or index.kind != "number" or not _is_whole(index.text.lower()):
            self._refuse(NO_INDEX, first, closing)
        self._at += 3
        self._add("item", int(self._number(index)), 1, first)

    # What cannot stand where it does.

    def _refuse(self, problem: str, first: _Token, last: _Token | None = None) -> NoReturn:
        raise ExpressionError(problem, self.text, first.start, (last or first).end)

    def no_library(self, start: int, end: int) -> ExpressionError:
        """The error for what begins with the name of a library."""
        library, _, rest = self.text[start:end].partition(".")
        problem = f"{library.strip()} is not needed here: write {clipped(rest)}."
        return ExpressionError(problem, self.text, start, end)

    def _check_word(self, token: _Token) -> None:
        """Refuse a word of Python's, and a name with a sign in it, as sin²."""
        text = token.text
        if text in ("True", "False", "None"):
            self._refuse(f"{text} is not a real number.", token)
        if keyword.iskeyword(text):
            problem = f"{text} is a word of Python: no expression has it, not even as a name."
            self._refuse(problem, token)
        for i, sign in enumerate(text):
            if not f"x{sign}".isidentifier():
                operation = f"{text[:i]}(x)" if text[:i] in self.functions else ""
                self._refuse_sign(sign, token.start + i, operation)

    def _refuse_sign(self, sign: str, place: int, operand: str = "") -> NoReturn:
        """A sign that no expression has; it may stand after an operation, as in sin²(x)."""
        if sign == "#":  # to Python the rest is a remark
            problem = "No expression has the sign #. Leave out what begins with it."
            raise ExpressionError(problem, self.text, place)
        shown = _normal(sign) if _normal(sign) in _INSTEAD else sign
        advice = f" Write {operand}{_INSTEAD[shown]} instead." if shown in _INSTEAD else ""
        problem = f"No expression has the sign {clipped(shown)}.{advice}"
        raise ExpressionError(problem, self.text, place, place + len(sign))

    def _refuse_operand(self) -> NoReturn:
        """Where an operand belongs, something else stands."""
        token, text = self._next, self._next.text
        if text in {*_BETWEEN, *_REFUSED, ","}:
            self._refuse(f"Before {text} an operand is missing.", token)
        if text == ".":
            self._refuse("Before . an operand is missing, as in x.tanh().", token)
        self._refuse_behind()

    def _refuse_behind(self) -> NoReturn:
        """Behind what has been read stands what cannot follow it."""
        token, before = self._next, self.tokens[self._at - 1]
        if token.text in (")", "]") and not self._opened:
            self._refuse(f"This {token.text} closes no bracket.", token)
        if token.text in (")", "]"):
            opening = self._opened[-1][0].text
            problem = f"{opening} is closed by {token.text}. Write {_CLOSING[opening]} instead."
            self._refuse(problem, token)
        if token.text in ("=", ":="):
            self._refuse(f"An expression has no =. {self._without_equals()}", token)
        if token.text in {**_REFUSED, "~": ""}:
            sign = f"{token.text}{_REFUSED.get(token.text, '')}"
            problem = f"There is no operation {sign}: {_ALLOWED}"
            self._refuse(problem, token)
        if token.kind == "sign":
            self._refuse_sign(token.text, token.start)
        if token.kind == "name":
            self._check_word(token)
        self._refuse(self._two_operands(before, token), before, token)

    def _without_equals(self) -> str:
        """What to write instead of an equals sign."""
        if self._opened and self._opened[-1][1]:
            return "Write the operands alone, in their order."
        before = [token for token in self.tokens[self._first : self._at] if token.text != "("]
        behind = self.text[self._next.end :].partition(";")[0].strip(" )")
        if len(before) == 1 and before[0].kind == "name" and behind:
            if _NUMBER.fullmatch(behind):
                return f"Add {clipped(before[0].text)}={clipped(behind)} to the command instead."
            return f"A part is named at the beginning, as in {_EXAMPLE}."
        return "Numbers are added to the command, as in x=3."

    def _two_operands(self, left: _Token, right: _Token) -> str:
        is_called = self.tokens[self._at + 1].text == "("
        operand = "..." if is_called else right.text
        if (
            left.kind == "number"
            and left.text[-1] == "."
            and is_called
            and right.text in self.functions
        ):
            number = clipped(left.text[:-1])
            return f"Write {right.text}({number}) instead of {number}.{right.text}()."
        if left.text in self.functions:
            return f"{left.text} is an operation: write {left.text}({clipped(operand)})."
        missing = "an operation or a comma is" if self._opened else "an operation is"
        factors = clipped(left.text), clipped(right.text)
        product = "2*x" if left.kind == "sign" else "*".join(factors)
        problem = f"Between {factors[0]} and {factors[1]} {missing} missing. "
        problem += f"A product is written {product}."
        meant = similar(left.text, self.functions) if left.kind == "name" else None
        return problem if meant is None else f"{problem} Did you mean {meant}({clipped(operand)})?"


def _product(factor: str, roots: Sequence[Part], typed: str) -> str:
    """How a product is written that was typed as a call, such as 2(x+1); "" if it can be none."""
    if len(roots) != 1 or roots[0].kind == "list":
        return ""
    return f" A product is written {clipped(factor)}*({clipped(typed)})."


def _unless(refuted: Any) -> Any:
    """1 where a comparison is not refuted, which is 0 then; nan refutes each, also later."""
    return TABLE["where"](refuted, 0.0, 1.0)


def _is_whole(number: str) -> bool:
    """Whether a number is written as a whole one, such as 10 or 0xa."""
    return number[1:2] in ("x", "o", "b") or number.replace("_", "").isdecimal()


def _normal(name: str) -> str:
    """A name as Python compares it."""
    return unicodedata.normalize("NFKC", name)
