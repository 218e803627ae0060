"""JavaScript in fewer characters, read token by token; what it does stays the same.

Comments and spaces go, and variables get short names. Names of properties stay as they are, since
data and the browser have them too.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import product
from string import ascii_letters, digits
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>\s+|/\*.*?\*/)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<sign>=>|\.\.\.|\?\.|\?\?|[=!]==|\*\*|[-+*/%<>=!]=|&&|\|\||\+\+|--|[-+*/%<>=!&|^~?:;,.(){}[\]])
    """,
    re.DOTALL | re.VERBOSE,
)
_TEMPLATE = re.compile(r"[`}](?:\\.|\$(?!\{)|[^`\\$])*(?:`|\$\{)", re.DOTALL)
"""A template up to its first number or its end, and from a number to the next or the end."""
_PATTERN = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\[\n])+/[a-z]*")
_RUNS_TOGETHER = re.compile(r"[\w$]{2}|\+\+|--|//")
_WORDS = frozenset(
    "break case catch const continue default delete do else finally for function if in instanceof "
    "let new null return switch this throw try typeof undefined var void while".split()
)
_SHORTER = {"const": "let", "true": "!0", "false": "!1", "undefined": "void 0"}
_GLOBALS = frozenset(
    "Array Boolean Infinity JSON Map Math MutationObserver NaN Number Object RangeError "
    "ResizeObserver Set String TypeError cancelAnimationFrame decodeURIComponent document "
    "encodeURIComponent getComputedStyle history location parseInt performance "
    "requestAnimationFrame window".split()
)
"""What scripts may use of the browser."""
_BEFORE_OBJECT = frozenset("( , = : [ ? && || ?? ... return const let var".split())
"""After these a brace begins an object, or what takes one apart; after others a block."""
_BEFORE_PARAMETER = frozenset("( , { [ ... :".split())
"""After others stands what a parameter is by default."""
_LETTERS = ascii_letters + "$_"


def compacted(script: str) -> str:
    """A script without comments, most spaces, and what may be left out.

    Every statement in it has its semicolon, every body its braces, and no statement begins with a
    regular expression.

    >>> compacted("/* a */ const f = (x) => `${x} ; ` + x;  { f( 'a ; b' ) - -1; }")
    "let f=x=>`${x} ; `+x;{f('a ; b')- -1}"
    """
    return _joined([token.text for token in _tokens(script)])


def with_short_names(
    scripts: Sequence[str], parameters: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Compacted scripts whose variables have short names, and the names of their parameters.

    They are parts of the body of one function, and know each other's variables.

    Raises:
        ValueError: they use a name that is neither a variable of theirs nor known of the browser.

    >>> with_short_names(["const one = 1;", "function add(first) { return { first, one: one }; }"])
    (['let a=1;', 'function b(b){return{first:b,one:a}}'], [])
    """
    read = [_tokens(script) for script in scripts]
    around = [0]
    places = [_functions(tokens, around) for tokens in read]
    bound = {(0, name) for name in parameters}
    for tokens, functions in zip(read, places):
        bound |= {(functions[i], tokens[i].text) for i in _bound(tokens)}
    uses = Counter(
        (function, token.text)
        for tokens, functions in zip(read, places)
        for token, function in zip(tokens, functions)
        if token.role
    )
    meant = {use: _meaning(use, bound, around) for use in uses}
    if unknown := {use[1] for use in uses if meant[use] is None} - _GLOBALS:
        names = ", ".join(sorted(unknown))
        raise ValueError(f"The scripts use {names}. Declare it, or add it to _GLOBALS.")
    short = _short_names(uses, meant, bound, around)
    shortened = []
    for tokens, functions in zip(read, places):
        called = [short.get(meant.get((f, t.text)), t.text) for t, f in zip(tokens, functions)]
        shortened.append(_joined([*map(_renamed, tokens, called)]))
    return shortened, [short[0, name] for name in parameters]


_Variable = tuple[int, str]
"""The function that binds it, by number, and its name; 0 is all that stands at the top."""


def _functions(tokens: Sequence[_Token], around: list[int]) -> list[int]:
    """For each token the function it stands in; `around` is told what each function stands in.

    The name of a function stands in what is around it; arrows and methods are parts of that too.
    """
    found: list[int] = []
    inside, depths = [0], [-1]
    is_next = False
    for token in tokens:
        if is_next and token.text == "(":
            around.append(inside[-1])
            inside.append(len(around) - 1)
            depths.append(token.depth)
            is_next = False
        found.append(inside[-1])
        is_next = is_next or token.text == "function"
        if token.text == "}" and token.depth == depths[-1]:
            inside.pop()
            depths.pop()
    return found


def _meaning(
    use: _Variable, bound: Container[_Variable], around: Sequence[int]
) -> _Variable | None:
    """Which variable a name in a function means; None for one of the browser.

    It is the outermost of that name, since of two that are bound one inside the other the inner one
    may be of an arrow or a block, and a use beside that means the outer one.
    """
    function, name = use
    found = None
    while True:
        if (function, name) in bound:
            found = function, name
        if function == 0:
            return found
        function = around[function]


def _short_names(
    uses: Counter[_Variable],
    meant: Mapping[_Variable, _Variable | None],
    bound: Container[_Variable],
    around: Sequence[int],
) -> dict[_Variable | None, str]:
    """A short name for each variable, the shortest for those used most.

    Two may have the same unless one would be taken for the other: it is used in a function where,
    or inside one where, the other is bound, no farther out than the one itself.
    """
    total: Counter[_Variable] = Counter()
    between: dict[_Variable, set[int]] = {}  # the functions from its uses up to its own
    binding: dict[_Variable, set[int]] = {}  # those among them that bind it
    for (function, name), count in uses.items():
        variable = meant[function, name]
        if variable is None:
            continue
        total[variable] += count
        known, at = between.setdefault(variable, {variable[0]}), function
        while at != variable[0]:
            known.add(at)
            at = around[at]
        binding[variable] = {each for each in known if (each, name) in bound}
    bound_in: dict[int, set[str]] = defaultdict(set)
    used_in: dict[int, set[str]] = defaultdict(set)
    found: dict[_Variable | None, str] = {}
    for variable, _ in total.most_common():
        taken = {name for each in between[variable] for name in bound_in[each]}
        taken |= {name for each in binding[variable] for name in used_in[each]}
        short = next(name for name in _candidates() if name not in taken)
        found[variable] = short
        for each in between[variable]:
            used_in[each].add(short)
        for each in binding[variable]:
            bound_in[each].add(short)
    return found


def _candidates() -> Iterator[str]:
    yield from _LETTERS
    pairs = map("".join, product(_LETTERS, _LETTERS + digits))
    yield from (pair for pair in pairs if pair not in _WORDS and pair != "of")


def _renamed(token: _Token, name: str) -> str:
    if not token.role:
        return token.text
    return f"{token.text}:{name}" if token.role == "short" and name != token.text else name


class _Token(NamedTuple):
    """A word of a script.

    Attributes:
        text: as it is written.
        role: "variable", or "short" for one that is the name of a property too, as in `{ a }`; ""
            for all else.
        depth: how many brackets it stands in.
    """

    text: str
    role: str
    depth: int


def _tokens(script: str) -> list[_Token]:
    """What a script consists of, without spaces and comments; declarations side by side are one."""
    found: list[_Token] = []
    first: dict[int, str] = {}  # of the statement that is read, by how many brackets it stands in
    for token in _as_written(script):
        last = found[-1].text if found else ";"
        if last in (";", "{") or (last == "}" and _is_name(token.text)):
            before, first[token.depth] = first.get(token.depth), token.text
            if found and token.text == "let" == before and last == ";":
                found[-1] = _Token(",", "", token.depth)
                continue
        found.append(token)
    return found


def _as_written(script: str) -> Iterator[_Token]:
    """The tokens of a script, some words of the language by shorter ones."""
    texts = list(_texts(script.strip()))
    inside: list[str] = []
    for i, text in enumerate(texts):
        before = texts[i - 1] if i else ";"
        is_end = text in (")", "]", "}") or (text[0] == "}" and len(text) > 1)
        if is_end:
            inside.pop()
        role = _role(texts, i, inside[-1] if inside else "") if _is_name(text) else ""
        around = inside[-1] if inside else ""
        shorter = text if _is_property(texts, i, around) else _SHORTER.get(text, text)
        yield _Token(shorter, role, len(inside))
        if text in ("(", "[") or (text[0] in "`}" and text.endswith("${")):
            inside.append(text)
        elif text == "{":
            inside.append("object" if before in _BEFORE_OBJECT else "block")


def _texts(script: str) -> Iterator[str]:
    """The same as texts. A slash divides what ends before it; else it begins an expression."""
    place, before = 0, ""
    braces: list[int] = []
    while place < len(script):
        is_resumed = script[place] == "}" and braces and braces[-1] == 0
        if script[place] == "`" or is_resumed:
            found = _TEMPLATE.match(script, place)
        elif script[place] == "/" and script[place + 1] != "*" and not _ends_operand(before):
            found = _PATTERN.match(script, place)
        else:
            found = _TOKEN.match(script, place)
        if found is None:
            raise ValueError(f"No token of JavaScript: {script[place : place + 20]!r}.")
        place, text = found.end(), found[0]
        if found.re is _TOKEN and found.lastgroup == "space":
            continue
        if is_resumed:
            braces.pop()
        if found.re is _TEMPLATE and text.endswith("${"):
            braces.append(0)
        elif braces and text in "{}":
            braces[-1] += 1 if text == "{" else -1
        before = text
        yield text


def _ends_operand(text: str) -> bool:
    return text not in _WORDS and re.search(r"[\w$)\]}\"'`]$", text) is not None


def _is_name(text: str) -> bool:
    return text[:1].isalpha() or text[:1] in ("$", "_")


def _is_property(texts: Sequence[str], i: int, around: str) -> bool:
    """Whether a name is that of a property alone."""
    before, after = texts[i - 1] if i else ";", texts[i + 1] if i + 1 < len(texts) else ";"
    is_key = around == "object" and before in ("{", ",") and after in (":", "(")
    return before in (".", "?.") or is_key


def _role(texts: Sequence[str], i: int, around: str) -> str:
    """Whether a name is that of a variable; see `_Token.role`."""
    before, after = texts[i - 1] if i else ";", texts[i + 1] if i + 1 < len(texts) else ";"
    if texts[i] in _WORDS or texts[i] in _SHORTER or _is_property(texts, i, around):
        return ""
    if texts[i] == "of" and around == "(" and (before in ("]", "}") or _is_name(before)):
        return ""  # for (each of all)
    if around == "object":
        if before in ("get", "set") and after == "(":
            return ""
        if before in ("{", ","):
            return "" if texts[i] in ("get", "set") and _is_name(after) else "short"
    return "variable"


def _bound(tokens: Sequence[_Token]) -> set[int]:
    """Which tokens bind a variable: in a declaration, or as parameters of functions."""
    found = set(_declared(tokens))
    opened: list[int] = []
    for i, token in enumerate(tokens):
        after = tokens[i + 1].text if i + 1 < len(tokens) else ";"
        if token.role and after == "=>":
            found.add(i)
        if token.text == "(":
            opened.append(i)
        if token.text == ")":
            start = opened.pop()
            if after == "=>" or _is_function(tokens, start, after):
                found |= {k for k in range(start + 1, i) if _is_parameter(tokens, k)}
    return found


def _is_function(tokens: Sequence[_Token], start: int, after: str) -> bool:
    """Whether a bracket has the parameters of a function in it, or what is caught."""
    before = tokens[start - 1].text
    is_method = after == "{" and _is_name(before) and before not in _WORDS
    return is_method or before == "catch" or "function" in (before, tokens[start - 2].text)


def _is_parameter(tokens: Sequence[_Token], k: int) -> bool:
    return bool(tokens[k].role) and tokens[k - 1].text in _BEFORE_PARAMETER


def _declared(tokens: Sequence[_Token]) -> Iterator[int]:
    """Where the names stand after `const`, `let`, `var` and `function`."""
    for i, token in enumerate(tokens):
        if token.text == "function" and tokens[i + 1].role:
            yield i + 1
        if token.text not in ("const", "let", "var"):
            continue
        is_target = True  # else in what the variable is given
        for k in range(i + 1, len(tokens)):
            each = tokens[k]
            is_end = each.text == ";" or (each.text == "of" and not each.role)
            if each.depth < token.depth or (each.depth == token.depth and is_end):
                break
            if each.depth == token.depth and each.text in (",", "="):
                is_target = each.text == ","
            elif is_target and each.role:
                yield k


def _joined(texts: Sequence[str]) -> str:
    """Tokens side by side, with a space where they would become another one."""
    found = [""]
    for i, text in enumerate(texts):
        if text in "()" and _is_around_one(texts, i):
            continue
        if text == "}" and found[-1] == ";":
            found.pop()
        elif _RUNS_TOGETHER.match(found[-1][-1:] + text[0]):
            found.append(" ")
        found.append(text)
    return "".join(found)


def _is_around_one(texts: Sequence[str], i: int) -> bool:
    """Whether a bracket is one of two around the only parameter of an arrow."""
    start = i if texts[i] == "(" else max(0, i - 2)
    opening, name, *others = [*texts[start : start + 4], "", ""][:4]
    return opening == "(" and _is_name(name) and others == [")", "=>"]
