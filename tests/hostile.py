"""Inputs that nobody should write: hand-picked ones from a file, and any number made from seeds.

`corpus` reads those of `corpus/`, each with a word why it is there. Every other maker takes a
`random.Random` and makes one input. What a test fails on, it names with its seed: put it into the
corpus, or make it again by `label(generator("label", 17))` and the like. The tests are
`test_hostile*.py`; what they look for in an output is in `outputs.py`.
"""

from __future__ import annotations

import json
import math
import random
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from glassgrad import TABLE, Reduction, Value, scope
from glassgrad.engine.op import Pairing

Text = TypeVar("Text", str, bytes)
Corpus = dict[str, Any]

CORPUS = Path(__file__).parent / "corpus"
SHARES = {
    "command line": 0.40, "good expression": 0.10, "state": 0.14, "model file": 0.10,
    "label": 0.20, "graph": 0.04, "option": 0.01, "file name": 0.01,
}  # fmt: skip
"""How the inputs that are asked for divide; those that are drawn take longest."""
SECONDS = 20
"""No input takes longer, even where the machine is slow and busy; nearly all take milliseconds."""
MEBIBYTES = 300
"""However many inputs there are, at no time do they take more memory than this."""


class TooLongError(BaseException):
    """An input took too long. No `except Exception` hides it."""


def corpus(name: str) -> Corpus:
    """A file of the corpus: inputs by the reason why they are there.

    A text in it may be written as [piece, how many times].
    """
    return expanded(json.loads((CORPUS / f"{name}.json").read_text("utf-8")))


def expanded(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {why: expanded(inner) for why, inner in entry.items()}
    if isinstance(entry, list):
        if len(entry) == 2 and isinstance(entry[1], int):
            return entry[0] * entry[1]
        return [expanded(inner) for inner in entry]
    return entry


PIECES: dict[str, list[str]] = corpus("pieces")
"""What the makers put together."""


def seeds(kind: str, config: pytest.Config) -> range:
    """A seed for each input of one kind that is asked for."""
    return range(math.ceil(config.getoption("--inputs") * SHARES[kind]))


def are_mixed(some: int, of: int) -> bool:
    """Whether neither these inputs nor the others are rare; of a few inputs that is not asked."""
    return of < 50 or of / 50 < some < of - of / 50


@contextmanager
def survives(given: object, origin: str = "corpus") -> Iterator[None]:
    """Within a time limit; what fails says which input it was."""
    try:
        with limited(SECONDS):
            yield
    except (Exception, TooLongError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{reason}\nThe input ({origin}): {written(given)}") from error


def written(given: object) -> str:
    try:
        text = repr(given)
    except ValueError:  # it holds a whole number beyond what Python writes
        return f"a {type(given).__name__}"
    return text if len(text) < 2000 else f"{text[:1000]} ... {text[-200:]}"


def generator(kind: str, seed: int) -> random.Random:
    return random.Random(f"{kind} {seed}")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """A block that is interrupted when it takes longer, where the system has such alarms."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: object) -> None:
        raise TooLongError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def peak() -> float:
    """The most memory that this process ever had, in mebibytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def mutated(rng: random.Random, text: Text, pieces: Sequence[Text]) -> Text:
    """A text with a few of its parts dropped, doubled, replaced, or something put in between."""
    for _ in range(rng.randint(1, 4)):
        i, j = sorted(rng.choices(range(len(text) + 1), k=2))
        piece = rng.choice(pieces)
        text = rng.choice(
            (
                text[:i] + text[j:],
                text[:j] + text[i:],
                text[:i] + piece + text[j:],
                text[:i] + piece + text[i:],
                text[:i] + text[i:j][::-1] + text[j:],
            )
        )
    return text


def characters(rng: random.Random) -> str:
    """Any characters of Unicode, lone surrogates and unassigned ones included."""
    tops = (0x20, 0x80, 0x100, 0x3000, 0x10000, 0x110000)
    return "".join(chr(rng.randrange(rng.choice(tops))) for _ in range(rng.randint(1, 12)))


# Command lines.


def expression(rng: random.Random, depth: int = 3) -> str:
    """A good one: numbers, names and the operations of the table, in any notation."""
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(PIECES["atoms"])
    parts = [expression(rng, depth - 1) for _ in range(rng.randint(1, 4))]
    kind = rng.randrange(5)
    if kind == 0:
        return f"({parts[0]} {rng.choice(PIECES['operators'])} {parts[-1]})"
    if kind == 1:
        return f"{rng.choice('+-')}{parts[0]}"
    return called(rng, rng.choice(list(TABLE)), parts)


def called(rng: random.Random, name: str, parts: list[str]) -> str:
    row, listed = TABLE[name], ", ".join(parts)
    if isinstance(row, Pairing):
        return f"{name}([{listed}], [{listed}])"
    if isinstance(row, Reduction):
        call = f"{name}([{listed}])" if rng.random() < 0.5 else f"{name}({listed})"
        return f"{call}[{rng.randrange(len(parts))}]" if name == "softmax" else call
    count = len(row.domain) - rng.randint(0, len(row.defaults))
    first, *others = (parts * 3)[:count]
    if rng.random() < 0.3:
        return f"({first}).{name}({', '.join(others)})"
    return f"{name}({', '.join([first, *others])})"


def nested(rng: random.Random) -> str:
    """One part inside the other, up to thousands deep; closed, or not."""
    pairs = ("()", "[]", ("-", ""), ("tanh(", ")"), ("x+", ""), ("[x][", "]"), ("f'{", "}'"))
    opening, closing = rng.choice(pairs)
    depth = int(10 ** rng.uniform(1, 4))
    return opening * depth + rng.choice(("x", "")) + closing * (depth - rng.choice((0, 0, 1)))


def hostile_expression(rng: random.Random) -> str:
    choice = rng.random()
    if choice < 0.01:
        tokens = rng.choice(PIECES["tokens"]) * rng.randrange(2000)
        return rng.choice((nested(rng), tokens))
    if choice < 0.2:
        pool = (*PIECES["atoms"], *PIECES["operators"], *PIECES["tokens"], *TABLE)
        return "".join(rng.choices(pool, k=rng.randint(1, 9)))
    if choice < 0.3:
        return characters(rng)
    good = expression(rng)
    if choice < 0.4:
        return good
    if choice < 0.6:
        token = rng.choice((*PIECES["tokens"], *PIECES["fragments"]))
        return re.sub(r"\by\b", lambda _: token, good)
    return mutated(rng, good, (*PIECES["tokens"], expression(rng)))


def command_line(rng: random.Random) -> list[str]:
    """What follows the name of the command: an expression, assignments, options, in disorder."""
    text = hostile_expression(rng)
    arguments = [text, *(f"{name}=0.5" for name in "xy" if re.search(rf"\b{name}\b", text))]
    if rng.random() < 0.2:
        name = rng.choice(("x", "y", "z", "tanh", "output", "", rng.choice(PIECES["tokens"])))
        arguments.insert(rng.randint(0, len(arguments)), f"{name}={rng.choice(PIECES['numbers'])}")
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 2))):
        option = rng.choice((*PIECES["options"], characters(rng)))
        arguments.insert(rng.randint(0, len(arguments)), option)
    return arguments


# Labels.


def label(rng: random.Random) -> str:
    """A label: fragments of markup, of code, of anything."""
    choice = rng.random()
    if choice < 0.15:
        return characters(rng)
    text = "".join(rng.choices(PIECES["fragments"], k=rng.randint(0, 5)))
    if choice < 0.16:
        return text * rng.randrange(300)
    return mutated(rng, text, PIECES["fragments"]) if choice < 0.4 else text


# Model files.

BYTES = (
    *(b"NaN", b"Infinity", b"-1e999", b"1e-400", b"9" * 400, b"9" * 5000, b"true", b"null", b'"'),
    *(b"{", b"}", b"[", b"]", b":", b",", b"\\u0000", b"\\ud800", b"\\", b"[" * 3000, b"{" * 50),
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\x1b[31m", b'"w.0": 1,'),
    *(b'"b": {}', b'{"__class__": "os.system"}', b"\x80\x04cos\nsystem\n", b"PK\x03\x04", b"\n"),
)
KEYS = ("w.0", "w.1", "b", "B", "b ", "", "w", "w.2", "\x1b[31mb", "\u202eb", "b" * 10**4, "\ud800")
ODD_KEYS = (None, 0, 1.5, math.nan, True, b"b", ("w", 0), 10**5000, frozenset(), Value(1.0))
ODD = (
    *(None, "x", "3", "\x1b[31m", "x" * 10**4, b"x", 2.5, math.nan, math.inf, -1, 0, 1, True, 1j),
    *(10**400, -(10**5000), (), [], {}, {1: 2}, set(), object(), object, print, math, ...),
    *(np.zeros(2), np.array(1.0), np.array(None), np.float32(2), np.str_("x"), range(3), slice(1)),
    *(Value(1.0), Value(2.0) * 3, [Value(1.0)], {"x": Value(1.0)}, [[[]]] * 100),
)  # fmt: skip
NUMBERS_OF_FILES = (0.5, -0.0, 1e308, 5e-324, math.nan, math.inf, 3, 2**64, True)


def model_file(rng: random.Random, good: bytes) -> bytes:
    """The bytes of a model file that went wrong, or that never were one."""
    choice = rng.random()
    if choice < 0.1:
        return rng.randbytes(rng.randrange(100))
    if choice < 0.2:
        text = good.decode()
        return text.encode(rng.choice(("utf-16", "utf-32", "utf-16-be", "utf-8-sig", "cp037")))
    if choice < 0.4:
        flipped = bytearray(good)
        for _ in range(rng.randint(1, 5)):
            flipped[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        return bytes(flipped)
    return mutated(rng, good, (*BYTES, good))


def state(rng: random.Random, names: list[str]) -> object:
    """What some reader of model files may have made: odd names, odd entries, odd altogether."""
    if rng.random() < 0.1:
        return rng.choice(ODD)
    share = rng.choice((0.9, 1.0, 1.0))
    keys: list[object] = [name for name in names if rng.random() < share]
    keys += rng.choices((*KEYS, *ODD_KEYS), k=rng.choice((0, 0, 0, 1, 20)))
    share = rng.choice((0.0, 0.0, 0.3))
    return {
        key: rng.choice(ODD if rng.random() < share else NUMBERS_OF_FILES)
        for key in rng.sample(keys, len(keys))
    }


# Graphs, file names and options.

HARD = (0.0, -0.0, 1.0, -1.5, math.inf, -math.inf, math.nan, 1.7e308, -1e-300, 5e-324, 710.0)
ENDINGS = (".svg", ".dot", ".json", ".txt", ".html", ".SVG", ".gif", "", ".", ".svg ", ".svg\0")


def graph(rng: random.Random) -> Value:
    """A small graph of any operations on hard numbers, with hostile labels and scopes."""
    nodes = [Value(rng.choice(HARD), label=label(rng)) for _ in range(3)]
    rows = [row for row in TABLE.values() if not isinstance(row, Reduction)]
    for _ in range(rng.randint(1, 6)):
        row = rng.choice(rows)
        with scope(label(rng)):
            nodes.append(row(*rng.choices(nodes, k=len(row.domain))))
        nodes[-1].label = label(rng) if rng.random() < 0.5 else None
    return nodes[-1] * nodes[0]


def file_name(rng: random.Random) -> str:
    """A name that leads to no other folder, since whoever names a folder means it."""
    name = "".join(rng.choices((*PIECES["fragments"], "n" * 300, ".."), k=rng.randint(0, 3)))
    name = (name + rng.choice(ENDINGS)).replace("/", "∕").replace("\\", "∖")
    return f"{name}n" if name.strip(".") == "" else name


def odd(rng: random.Random, *makers: Callable[[random.Random], object]) -> object:
    """An argument of the wrong type, of the wrong size, or what one of the makers makes."""
    return rng.choice(makers)(rng) if makers and rng.random() < 0.3 else rng.choice(ODD)
