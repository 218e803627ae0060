"""Random programs: what one is, how it is made, and how a failing one is shrunk.

A program is a list of lines, each an operation of the table and its operands: whole numbers stand
for leaves and earlier results, floats for themselves. `random_program` makes one, and `shrunk`
finds the smallest that still fails. `peers.py` runs them elsewhere, `comparing.py` compares, and
`test_random_graphs.py` puts it all together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from glassgrad import TABLE, Operation, Reduction, Value
from glassgrad.engine.op import Pairing

Operand = int | float
Line = tuple[str, tuple[Operand, ...]]
Partial = tuple[int, float]
Call = Callable[..., Any]
"""An operation by name on its flat operands, which are numbers of any kind."""


class Program(NamedTuple):
    """Leaves by their numbers, then lines; the result is that of the last line."""

    point: tuple[float, ...]
    lines: tuple[Line, ...]

    def run(self, call: Call, xs: Sequence[Any]) -> list[Any]:
        """All results, the leaves first."""
        known = list(xs)
        for name, operands in self.lines:
            known.append(call(name, *(known[x] if isinstance(x, int) else x for x in operands)))
        return known

    def nodes(self) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Each line as its operation and the numbers it is used on."""
        known = self.run(by_engine, self.point)
        for name, operands in self.lines:
            yield name, tuple(known[x] if isinstance(x, int) else x for x in operands)

    def needed(self) -> Program:
        """Without the lines and leaves that the result does not depend on."""
        first = len(self.point)
        kept = {first + len(self.lines) - 1}
        for at, (_, operands) in reversed(list(enumerate(self.lines, first))):
            if at in kept:
                kept.update(x for x in operands if isinstance(x, int))
        lines = [line for at, line in enumerate(self.lines, first) if at in kept]
        places = {old: new for new, old in enumerate(sorted(kept))}
        return Program(
            tuple(x for at, x in enumerate(self.point) if at in kept), renumbered(lines, places)
        )

    def without(self, i: int) -> Program:
        """Line `i` replaced by one more leaf that has its number."""
        first = len(self.point)
        known = self.run(by_engine, self.point)
        places = {at: at + (first <= at < first + i) for at in range(len(known))}
        places[first + i] = first
        lines = [*self.lines[:i], *self.lines[i + 1 :]]
        return Program((*self.point, known[first + i]), renumbered(lines, places))

    def with_operands(self, i: int, operands: Sequence[Operand]) -> Program:
        """Line `i` on other operands."""
        line = (self.lines[i][0], tuple(operands))
        return self._replace(lines=(*self.lines[:i], line, *self.lines[i + 1 :]))

    def python(self) -> str:
        """The program as Python, to be pasted."""
        names = [f"x{i}" for i in range(len(self.point))]
        made = [f"{name} = Value({x!r})" for name, x in zip(names, self.point)]
        for line in self.lines:
            names.append(f"v{len(names)}")
            made.append(f"{names[-1]} = {written(line, names)}")
        leaves = ", ".join(names[: len(self.point)])
        return "\n".join(
            (
                "from math import inf, nan",
                "from glassgrad import TABLE, Value, grad",
                *made,
                f"gradient = grad({names[-1]}, [{leaves}], differentiable=True)",
                f"print({names[-1]}.data, [g.data for g in gradient])",
                f"print([grad(g, [{leaves}]) for g in gradient])",
            )
        )


def renumbered(lines: Sequence[Line], places: dict[int, int]) -> tuple[Line, ...]:
    return tuple(
        (name, tuple(places[x] if isinstance(x, int) else x for x in operands))
        for name, operands in lines
    )


def by_engine(name: str, *operands: Any) -> Any:
    """A row on Values and numbers, called as people do: by operators, methods and functions."""
    row = TABLE[name]
    method = row.dunder or name
    if isinstance(row, Reduction):
        return row(*row.sides(operands))
    if isinstance(operands[0], Value) and (row.dunder or len(operands) == 1):
        return getattr(operands[0], method)(*operands[1:])
    if row.dunder and isinstance(operands[-1], Value):
        return getattr(operands[-1], method.replace("__", "__r", 1))(operands[0])
    return row(*operands)


def written(line: Line, names: Sequence[str]) -> str:
    """What `by_engine` does, as Python."""
    name, operands = line
    row = TABLE[name]
    texts = tuple(names[x] if isinstance(x, int) else f"({x!r})" for x in operands)
    if row.dunder:
        return row.notation.text % texts
    if isinstance(row, Reduction):
        groups = [f"[{', '.join(group)}]" for group in row.sides(texts)]
        return f'TABLE["{name}"]({", ".join(groups)})'
    return f"{texts[0]}.{name}()" if len(texts) == 1 else f'TABLE["{name}"]({", ".join(texts)})'


# Making them.

CONSTANTS = (-1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0)
HARD = (0.0, -0.0, 1.0, -1.0, 2.0, -40.0, 40.0, 1000.0, math.inf, -math.inf)
LARGE = 10.0
"""A larger result goes through asinh before it is used."""
STEEP = 1e3
"""A result is damped when its |local derivatives|, multiplied and added over paths, exceed it."""
AT_ZERO = {"hypot", "norm", "pow", "std"}
"""Rows whose second derivative is nan or infinite where they are 0."""
TAME = 100.0
"""Operands stay as they are where neither value nor local derivatives exceed this."""


def random_program(seed: int, longest: int = 80) -> Program:
    """A program of its own for each seed; every fourth is short and goes to hard places."""
    generator = random.Random(seed)
    hard = seed % 4 == 3
    leaves = generator.randint(1, 4)
    ordinary = [generator.uniform(-2.0, 2.0) for _ in range(leaves)]
    if hard:
        writer = Writer(generator, [generator.choice((*HARD, x)) for x in ordinary])
        for _ in range(generator.randint(1, 6)):
            writer.add(*writer.any_line(window=8, constants=HARD))
        return writer.program()
    writer = Writer(generator, ordinary)
    window = generator.choice((2, 4, 10, 40))  # 2 gives a chain, 40 a wide graph
    length = generator.choice((longest // 4, longest // 2, longest)) - 1
    while len(writer.lines) < length:
        writer.add_tamed(*writer.any_line(window, CONSTANTS))
    writer.add("sum", writer.unused())
    return writer.program()


CHOOSING = (
    *("where", "relu", "leaky_relu", "maximum", "minimum", "clip", "abs", "max", "min", "sign"),
    *("log", "sqrt", "div", "mul", "add", "sub", "exp", "tanh", "sum", "dot", "logsumexp"),
)
"""Rows that choose and switch off, and those that are infinite somewhere."""


def choosing_program(seed: int) -> Program:
    """A program of rows that choose what counts, at zeros, ties and infinities."""
    generator = random.Random(seed)
    point = [generator.choice((*HARD, math.nan)) for _ in range(generator.randint(1, 4))]
    writer = Writer(generator, point)
    for _ in range(generator.randint(2, 14)):
        name = "where" if generator.random() < 0.25 else generator.choice(CHOOSING)
        writer.add(*writer.any_line(8, HARD, TABLE[name]))
    return writer.program()


class Writer:
    """Writes a program line by line, and knows its numbers on the way."""

    def __init__(self, generator: random.Random, point: Sequence[float]) -> None:
        self.generator = generator
        self.point = tuple(point)
        self.lines: list[Line] = []
        self.known = list(point)
        self.steepness = [1.0] * len(point)
        self.usable = list(range(len(point)))

    def program(self) -> Program:
        return Program(self.point, tuple(self.lines)).needed()

    def unused(self) -> list[int]:
        """The results that no line uses yet."""
        used = {x for _, operands in self.lines for x in operands if isinstance(x, int)}
        return [at for at in self.usable if at not in used]

    def any_line(
        self, window: int, constants: Sequence[float], row: Operation | None = None
    ) -> Line:
        """A row on any of the last results, often one of them twice, or a plain number."""
        generator = self.generator
        row = row or generator.choice(list(TABLE.values()))
        recent = self.usable[-window:]
        operands: list[Operand] = [generator.choice(recent) for _ in range(self.size(row))]
        for i in range(1, len(operands)):
            if generator.random() < 0.15:
                operands[i] = operands[0]
        if len(operands) > 1 and generator.random() < 0.4:
            number = generator.choice((*constants, round(generator.uniform(-3.0, 3.0), 2)))
            operands[generator.randrange(len(operands))] = number
        return row.name, tuple(operands)

    def size(self, row: Operation) -> int:
        """How many operands to use a row on."""
        if isinstance(row, Reduction):
            return self.generator.randint(1, 5) * (2 if isinstance(row, Pairing) else 1)
        left_out = len(row.defaults) if self.generator.random() < 0.5 else 0
        return len(row.domain) - left_out

    def add(self, name: str, operands: Sequence[Operand]) -> int:
        """A line as it is; gives the place of its result."""
        value, partials = self.local(name, operands)
        self.lines.append((name, tuple(operands)))
        self.known.append(value)
        self.steepness.append(sum(abs(p) * self.steepness[x] for x, p in partials))
        self.usable.append(len(self.known) - 1)
        return self.usable[-1]

    def local(self, name: str, operands: Sequence[Operand]) -> tuple[float, list[Partial]]:
        """The value of a line, and its local derivative by each earlier result that it uses."""
        row = TABLE[name]
        given = tuple(self.known[x] if isinstance(x, int) else x for x in operands)
        numbers = row.arrange(row.sides(given) if isinstance(row, Reduction) else given)
        value = row.forward(numbers)
        partials = zip(operands, row.partials(numbers, value))
        return value, [(x, p) for x, p in partials if isinstance(x, int) and p is not None]

    def add_tamed(self, name: str, operands: Sequence[Operand]) -> None:
        """A line with its operands moved into the domain, if need be, and its result damped."""
        value, partials = self.local(name, operands)
        if name in AT_ZERO and value == 0.0:
            return
        if not all(abs(x) <= TAME for x in (value, *(p for _, p in partials))):
            domain = TABLE[name].domain * len(operands)
            operands = [self.within(x, *interval) for x, interval in zip(operands, domain)]
        at = self.add(name, operands)
        if abs(self.known[at]) > LARGE:
            at = self.instead(at, "asinh", (at,))
        if self.steepness[at] > STEEP:
            self.instead(at, "mul", (at, 10.0 ** -round(math.log10(self.steepness[at]))))

    def within(self, x: Operand, low: float, high: float) -> Operand:
        """An operand, moved smoothly into an interval if it lies outside."""
        number = self.known[x] if isinstance(x, int) else x
        if low <= number <= high:
            return x
        if isinstance(x, float):
            return round(self.generator.uniform(low, high), 2)
        share = self.add("sigmoid", (x,))
        scaled = self.instead(share, "mul", (high - low, share))
        return self.instead(scaled, "add", (low, scaled))

    def instead(self, at: int, name: str, operands: Sequence[Operand]) -> int:
        """A line whose result is used in place of another."""
        self.usable.remove(at)
        return self.add(name, operands)


# Shrinking those that fail.

ROUND = (1.0, 2.0, 0.5, -1.0, 0.0)


def shrunk(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The smallest program that still fails, as far as single steps lead."""
    while True:
        smaller = next(filter(fails, simpler(program)), None)
        if smaller is None:
            return program
        program = smaller


def simpler(program: Program) -> Iterator[Program]:
    """Programs with fewer lines, fewer operands or rounder numbers, the greatest steps first."""
    last = len(program.lines) - 1
    for i in range(last):
        yield program._replace(lines=program.lines[: i + 1]).needed()
    for i in reversed(range(last)):
        yield program.without(i).needed()
    for i, line in enumerate(program.lines):
        for operands in simpler_operands(line, program.run(by_engine, program.point)):
            yield program.with_operands(i, operands).needed()
    for i, x in enumerate(program.point):
        for number in rounder(x):
            yield program._replace(point=(*program.point[:i], number, *program.point[i + 1 :]))


def simpler_operands(line: Line, known: Sequence[float]) -> Iterator[tuple[Operand, ...]]:
    """Operands left out, earlier results replaced by their numbers, and numbers rounded."""
    name, operands = line
    row = TABLE[name]
    if isinstance(row, Pairing):
        half = len(operands) // 2
        left_out = [{i, i + half} for i in range(half)] if half > 1 else []
    elif isinstance(row, Reduction):
        left_out = [{i} for i in range(len(operands))] if len(operands) > 1 else []
    else:
        left_out = (
            [{len(operands) - 1}] if row.defaults and len(operands) == len(row.domain) else []
        )
    candidates = [tuple(x for i, x in enumerate(operands) if i not in out) for out in left_out]
    for i, x in enumerate(operands):
        numbers = [known[x]] if isinstance(x, int) else rounder(x)
        candidates += [(*operands[:i], number, *operands[i + 1 :]) for number in numbers]
    yield from (each for each in candidates if any(isinstance(x, int) for x in each))


def rounder(x: float) -> list[float]:
    """Numbers that are easier to read."""
    if x in ROUND and math.copysign(1.0, x) == math.copysign(1.0, ROUND[ROUND.index(x)]):
        return list(ROUND[: ROUND.index(x)])
    digits = (0, 1, 2, 4) if math.isfinite(x) else ()
    return [*ROUND, *(near for d in digits if len(repr(near := round(x, d))) < len(repr(x)))]
