"""How a typed text is read: a table says what cannot stand where it does, then Python parses.

Python's grammar has more than an expression may have, and its errors know nothing of numbers that
are added to a command. So each token gets a letter for what it is, and the rules are patterns of
these letters: where the first one fits, an `ExpressionError` says what to write, in the reader's
own terms and with the place marked. What passes is Python made of numbers, names, signs of
arithmetic, brackets, calls and `name = ...;` alone. Next: `expression.py`, which computes it.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from glassgrad.engine import TABLE, Operation, Reduction
from glassgrad.engine.op import ATOM
from glassgrad.engine.printing import spelled, width_of
from glassgrad.engine.text import clipped, similar, suggestion, visible

CONSTANTS = {"e": math.e, "pi": math.pi, "π": math.pi}
"""What these names mean, unless they are given a number."""
SIGNS = ("+", "-", "*", "/", "**", "<", "<=", ">", ">=")
"""The signs of arithmetic that an expression may have."""
NAMES = tuple(name for name, row in TABLE.items() if row.notation.binds >= ATOM)
"""The operations that are written with a name."""
ALLOWED = (
    f"an expression has numbers, names, {' '.join(SIGNS)}, brackets, "
    "and operations such as tanh(x)."
)
NO_INDEX = "Only a list can have an index, and only a whole number."
_INSTEAD = {
    **dict.fromkeys("×·⋅∙", "*"),
    **dict.fromkeys("−–—", "-"),
    **{"÷": "/", "²": "**2", "³": "**3", "≤": "<=", "≥": ">=", "√": "sqrt(x)", "|": "abs(x)"},
}
"""What to type for signs that people know from paper."""
_POWERS = {
    **dict.fromkeys(("square", "sqr", "sq"), "x**2"),
    **{"cube": "x**3", "power": "x**y", "exponent": "x**y"},
}
"""What is written as a power."""
_LIBRARIES = ("math", "np", "numpy", "jnp", "torch", "F", "glassgrad", "gg")
_CLOSING = {"(": ")", "[": "]"}
_PUNCTUATION = "()[],.;=#"
_OTHER_SIGNS = {"//": "/", "^": "^", ":=": "w", **dict.fromkeys("% @ == != << >> &".split(), "r")}
"""Signs that Python has and no expression, by the letters of `_RULES`."""
_LONGEST_FACTOR = 2
"""A longer name before a bracket was rather meant for an operation than for a factor."""
_MOST_PARTS = 2_000  # how many numbers, names and operations an expression may have
_MOST_BRACKETS = 100  # how many may be open at a place
_WINDOW = 72  # how much of a long expression an error shows around the place


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


def parse(text: str, functions: Mapping[str, Any]) -> list[tuple[str, ast.expr]]:
    """The parts of an expression with their names, the result last; "" where it has none."""
    typed = _Typed(text, functions)
    if found := _ANY_RULE.search(typed.letters):
        _, says = _RULES[(found.lastindex or 0) - 1]
        raise typed.refusal(says, found.start(), found.end() - 1)
    try:
        statements: Any = ast.parse(text).body
    except (RecursionError, MemoryError):
        problem = "The expression is nested too deeply to be read. Compute a part of it first."
        raise ExpressionError(problem, text) from None
    return [
        (statement.targets[0].id if hasattr(statement, "targets") else "", statement.value)
        for statement in statements
    ]


class _Token(NamedTuple):
    kind: str  # "number", "name" or "sign"
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"(?P<number>0[xob][0-9a-f_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:e[+-]?[0-9][0-9_]*)?j?)"
    r"|(?P<name>[^\W\d])"
    r"|(?P<sign>\*\*|//|:=|[<>=!]=|<<|>>|\S)",
    re.IGNORECASE,
)


def _tokens(text: str) -> Iterator[_Token]:
    end = 0
    while found := _TOKEN.search(text, end):
        start, end = found.span()
        kind, typed = str(found.lastgroup), found[0]
        if kind == "name" and not typed.isidentifier():
            kind = "sign"
        if kind == "name":
            # Marks such as accents are no \w. To Python the dots are letters too.
            while text[end : end + 1] not in "·\u0387" and f"x{text[end]}".isidentifier():
                end += 1
            # Names are compared as Python compares them.
            typed = unicodedata.normalize("NFKC", text[start:end])
        yield _Token(kind, typed, start, end)


class _Typed:
    """A text in tokens: each opening bracket with the one that closes it, by where they are in
    tokens, and for each token a letter for what it is, as in the rules below.
    """

    def __init__(self, text: str, functions: Mapping[str, Any]) -> None:
        self.text, self.functions = text, functions
        self.tokens = [*_tokens(text)]
        if sum(token.text not in _PUNCTUATION for token in self.tokens) > _MOST_PARTS:
            problem = f"The expression is too long: it has more than {_MOST_PARTS:,} parts."
            raise ExpressionError(problem, text)
        self.closing: dict[int, int] = {}
        self._match_brackets()
        self.letters = "".join(map(self._letter, self.tokens))

    def _match_brackets(self) -> None:
        opened: list[int] = []
        for at, sign in enumerate([*(token.text for token in self.tokens), ";"]):
            opening = self.tokens[opened[-1]].text if opened else ""
            if sign in _CLOSING:
                opened.append(at)
                if len(opened) > _MOST_BRACKETS:
                    raise self.error(f"More than {_MOST_BRACKETS} brackets are open here.", at)
            elif sign == ";" and opened:
                raise self.error(f"This {opening} is never closed.", opened[-1])
            elif sign in _CLOSING.values():
                if not opened:
                    raise self.error(f"This {sign} closes no bracket.", at)
                if sign != _CLOSING[opening]:
                    remedy = f"Write {_CLOSING[opening]} instead."
                    raise self.error(f"{opening} is closed by {sign}. {remedy}", at)
                self.closing[opened.pop()] = at

    def _letter(self, token: _Token) -> str:
        kind, text, *_ = token
        if kind == "number":
            number = _number(text)
            return "b" if isinstance(number, str) else "i" if isinstance(number, int) else "n"
        if kind == "sign":
            if text in SIGNS:
                return "-" if text in "+-" else "s"
            return text if text in _PUNCTUATION else _OTHER_SIGNS.get(text, "?")
        if keyword.iskeyword(text):
            return "v" if text in ("True", "False", "None") else "k"
        if text in self.functions:
            row = self.functions[text]
            return "f" if isinstance(row, Operation) and not isinstance(row, Reduction) else "g"
        return "l" if text in _LIBRARIES else "c" if text in CONSTANTS else "a"

    def error(self, problem: str, first: int, last: int | None = None) -> ExpressionError:
        """An error that marks these tokens; with the whole bracket that the last one opens."""
        last = first if last is None else last
        end = self.tokens[self.closing.get(last, last)].end
        return ExpressionError(problem, self.text, self.tokens[first].start, end)

    def refusal(self, says: _Says, first: int, last: int) -> ExpressionError:
        """What a rule says of the tokens that it fits."""
        if callable(says):
            return self.error(says(self, first), first, last)
        marked = self._typed(first, last)
        problem = says.format(
            first=clipped(self.tokens[first].text),
            last=clipped(self.tokens[last].text),
            marked=clipped(marked),
            member=clipped(marked.partition(".")[2]),
            number=clipped("".join(sign for sign in marked if sign not in " :()")),
        )
        return self.error(problem, first, last)

    def _typed(self, first: int, last: int) -> str:
        end = self.tokens[self.closing.get(last, last)].end
        return self.text[self.tokens[first].start : end]

    # What is said of a place, where that is more than a sentence with its tokens.

    def unknown_sign(self, at: int) -> str:
        sign, before = self.tokens[at].text, self.tokens[at - 1].text if at else ""
        normal = unicodedata.normalize("NFKC", sign)
        shown = normal if normal in _INSTEAD else sign
        operand = f"{before}(x)" if before in self.functions else ""  # as in sin²(x)
        advice = f" Write {operand}{_INSTEAD[shown]} instead." if shown in _INSTEAD else ""
        return f"No expression has the sign {clipped(shown)}.{advice}"

    def unknown_operation(self, at: int) -> str:
        name, operands = self.tokens[at].text, self._typed(at + 1, at + 1)
        advice = suggestion(name, self.functions)
        if name in _POWERS:
            advice = f" A power is written {_POWERS[name]}."
        elif not advice and len(name) <= _LONGEST_FACTOR and "," not in operands:
            advice = f" A product is written {name}*{clipped(operands)}."
        return f"There is no operation called {clipped(name)}.{advice}"

    def no_method(self, at: int) -> str:
        name, operand = self.tokens[at].text, self.tokens[at - 2]
        others = self._typed(at + 1, at + 1)[1:-1].strip()
        first = "..." if operand.kind == "sign" else operand.text
        better = clipped(f"{name}({', '.join(filter(None, (first, others)))})")
        return f"{name} is not a method: write {better}."

    def two_operands(self, at: int) -> str:
        left, right = self.tokens[at : at + 2]
        name, is_called = clipped(left.text), self.letters[at + 2 : at + 3] == "("
        operand = "..." if is_called else clipped(right.text)
        if is_called and name[-1] == "." and right.text in self.functions:
            return f"Write {right.text}({name[:-1]}) instead of {name}{right.text}()."
        if name in self.functions:
            return f"{name} is an operation: write {name}({operand})."
        factor = self._typed(at + 1, at + 1)
        is_example = left.kind == "sign" or "," in factor
        product = "2*x" if is_example else f"{name}*{clipped(factor)}"
        is_within = any(opening < at < end for opening, end in self.closing.items())
        missing = "an operation or a comma is" if is_within else "an operation is"
        meant = similar(left.text, self.functions) if left.kind == "name" else None
        question = f" Did you mean {meant}({operand})?" if meant else ""
        problem = f"Between {name} and {clipped(right.text)} {missing} missing."
        return f"{problem} A product is written {product}.{question}"


def _number(text: str) -> int | float | str:
    """A number; or what to say where Python reads no real one, as of 010, which is 8 elsewhere."""
    digits = text.replace("_", "")
    try:
        number: int | float = ast.literal_eval(text)
        float(number)
        return number
    except TypeError:
        return f"{clipped(text)} is not a real number."
    except SyntaxError:
        is_whole = digits.isdecimal()
        if not (is_whole and math.isinf(float(digits))):  # of so many digits Python reads none
            better = (digits.lstrip("0") or "0") if is_whole else digits
            advice = f" Write {clipped(better)}." if better != text else ""
            return f"{clipped(text)} is no number.{advice}"
    except OverflowError:
        pass
    return "This number is beyond the range of floats."


_Says: TypeAlias = str | Callable[[_Typed, int], str]
_NAME = "[acfgl]"
_END = r"[acfglin)\]]"  # what an operand ends with
_RULES: tuple[tuple[str, _Says], ...] = (
    (r"k", "{first} is a word of Python: no expression has it, not even as a name."),
    (r"v", "{first} is not a real number."),
    (r"b", lambda typed, at: str(_number(typed.tokens[at].text))),
    # Signs.
    (r"\?", _Typed.unknown_sign),
    (r"#.*", "No expression has the sign #. Leave out what begins with it."),
    (r"[-s](?=[;)\],]|$)", "After {first} an operand is missing."),
    (r"[-s][sr/^]", "Between {first} and {last} an operand is missing."),
    (rf"(?<!{_END})[sr/^,]", "Before {first} an operand is missing."),
    (r"/", f"There is no operation // (a quotient is written /): {ALLOWED}"),
    (r"\^", f"There is no operation ^ (a power is written **): {ALLOWED}"),
    (r"r", f"There is no operation {{first}}: {ALLOWED}"),
    # Calls and indices.
    (rf"(?<!{_END})\.", "Before . an operand is missing, as in x.tanh()."),
    (rf"\.(?!{_NAME})", "After . an operation is missing, as in x.tanh()."),
    # F.tanh() may be the method of a number that is called F.
    (r"l\.(?:[fg](?!\(\))\(?|c)", "{first} is not needed here: write {member}."),
    (r"(?<=\.)g(?=\()", _Typed.no_method),
    (rf"\.{_NAME}(?!\()", f"An attribute is not allowed: {ALLOWED}"),
    (r"[acl](?=\()", _Typed.unknown_operation),
    (rf"{_END}[acfglin]|[in)\]]\(", _Typed.two_operands),
    (rf"(?<={_END})\[(?![ib]\])", NO_INDEX),
    # Parts.
    (rf"(?<![^;])\(*{_NAME}[=w]-?[in]\)*$",
     "An expression has no =. Add {number} to the command instead."),
    (rf"(?<![^;])(?:\(+{_NAME}=|\(*{_NAME}w)(?![;)]|$)",
     "An expression has no =. A part is named at the beginning, as in h = w*x; h**2."),
    (rf"{_NAME}\([^()]*[=w]", "An expression has no =. Write the operands alone, in their order."),
    (rf"w|(?<!^{_NAME})(?<!;{_NAME})=|=(?=;|$)",
     "An expression has no =. Numbers are added to the command, as in x=3."),
    (r"(?<![^;]);", "Before ; a part is missing, as in h = w*x; h**2."),
    (r";$", "After ; the result is missing, as in h = w*x; h**2."),
    (rf"(?<![^;])(?!{_NAME}=)[^;]+(?=;)",
     "This part has no name. Write h = {marked} and use h in what follows it."),
)  # fmt: skip
"""What no expression has, as a pattern of letters, and what is said of the tokens that fit it.

A sign of punctuation stands for itself. The other signs are - for one that an operand may begin
with, s for the rest of arithmetic, / and ^ for two mistakes, r for more that Python has, w for :=,
and ? for what nobody has. Numbers are i (whole), n, or b (none). Names are f (an operation that may
be a method), g (one that may not), c (a constant), l (a library) or a; words of Python's are v (its
values) or k. The rule that fits first in the text is told; of several, the first one here.
"""
_ANY_RULE = re.compile("|".join(f"({pattern})" for pattern, _ in _RULES))
