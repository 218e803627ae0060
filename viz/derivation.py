"""`derivation`: the chain rule for one derivative of one graph, from symbols to the number.

First the sum over paths, if they are few and short. Then, where parts are shared, one equation per
node between: its gradient from those of the nodes that use it, which is what `backward()` does.
All formulas come from the rows of the table. Each piece of an equation is `Written` in text and
LaTeX at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, NamedTuple

from glassgrad.engine import Formula, Value, contribution
from glassgrad.engine.formula import precedence
from glassgrad.engine.printers import PRODUCT, TEXT
from glassgrad.engine.text import clipped, columns, counted, describe, plain, short, some_of
from glassgrad.viz.diagram import Diagram, local_derivative, symbol


class Written(NamedTuple):
    """A piece of an equation in two notations: of terminals and of notebooks.

    Attributes:
        is_sum: whether it needs brackets as a factor.
        is_quotient: whether it needs them in text only, where no fraction bar encloses it.
    """

    text: str
    latex: str
    is_sum: bool = False
    is_quotient: bool = False

    def __repr__(self) -> str:
        return f"<written {clipped(self.text)}>"


@dataclass(frozen=True)
class Equation:
    """A derivative, such as ∂y/∂x, as symbols, formulas and numbers, and what they give."""

    name: Written
    sides: tuple[Written, ...]
    result: float

    def __repr__(self) -> str:
        return f"<equation {clipped(self.name.text)} = {short(self.result)}>"

    def all_sides(self) -> tuple[Written, ...]:
        """What stands right of each sign of equality, the result last."""
        return (*self.sides, _number(self.result))


def _number(x: float) -> Written:
    text = short(x)
    latex = Formula.literal(float(text)).latex
    return Written(text, latex, text.startswith("-"))


def _product(factors: Sequence[Written]) -> Written:
    if len(factors) == 1:
        return factors[0]
    texts = (f"({f.text})" if f.is_sum or f.is_quotient else f.text for f in factors)
    latex = (rf"\left({f.latex}\right)" if f.is_sum else f.latex for f in factors)
    return Written(" * ".join(texts), r" \cdot ".join(latex))


def _total(terms: Sequence[Written]) -> Written:
    if len(terms) == 1:
        return terms[0]
    texts, latex = (term.text for term in terms), (term.latex for term in terms)
    return Written(" + ".join(texts), " + ".join(latex))


_Factor = tuple[Written, Written, Written]  # a factor as a symbol, as a formula, as a number
_Edge = tuple[int, int, int, float]
"""An edge of the graph: its node, which operand of that, the operand, the local derivative."""
MOST_PATHS = 6
"""Above so many paths, or paths of more edges than the next, only the nodes between are shown."""
LONGEST_PATH = 12
MOST_EQUATIONS = 60
MOST_TERMS = 20  # of an equation; the others are counted


class Derivation:
    """The chain rule for one derivative. Notebooks show LaTeX; `print` gives text.

    Attributes:
        equations: the last one is the derivative that was asked for.
        paths: how many paths lead from the result back to the node.
        shown_paths: whether the sum over paths is written out.
        result: the derivative.

    >>> from glassgrad import Value, derivation
    >>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    >>> print(derivation((x * w).tanh(), w))
    1 path from v2 back to w
    ∂v2/∂w  = ∂v2/∂v1 * ∂v1/∂w
            = (1 - tanh(v1) ** 2) * x
            = 2.458e-05 * 2
            = 4.915e-05
    """

    def __init__(self, y: Value, x: Value, names: Mapping[str, Any] | None = None) -> None:
        self._diagram = Diagram([y], names)
        (self._root,) = self._diagram.roots
        self._target = self._diagram.values.get(x, -1)
        self._uses = self._edges_between()
        if self._target not in (self._root, *self._uses):
            result, other = _told(self._diagram, y), _told(Diagram([x], names), x)
            raise ValueError(
                f"The result ({result}) does not depend on the Value ({other}), so the derivative "
                "is 0 and there is nothing to derive. Give a Value that it was computed from."
            )
        self._gradients, counts = {self._root: 1.0}, {self._root: 1}
        for index, uses in self._uses.items():
            counts[index] = sum(counts[user] for user, _, _, _ in uses)
            # Not from 0.0: as in `backward()`, the first contribution keeps the sign of its zero.
            sent = (self._sent(self._gradients[each[0]], each) for each in uses)
            self._gradients[index] = reduce(add, sent)
        self.paths = counts[self._target]
        are_short = (len(path) <= LONGEST_PATH for path in self.each_path())
        self.shown_paths = self.paths <= MOST_PATHS and all(are_short)
        self.equations = tuple(self._equations())
        self.result = self._gradients[self._target]

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        asked = clipped(self.equations[-1].name.text)
        return f"<derivation of {asked} in {counted(self.paths, 'path')}>"

    def heading(self) -> str:
        """What is derived, how many paths there are, and what is to be known of the equations."""
        root, target = self._diagram[self._root].name, self._diagram[self._target].name
        said = [f"{counted(self.paths, 'path')} from {root} back to {target}"]
        users = dict.fromkeys(edge[0] for uses in self._uses.values() for edge in uses)
        if found := [self._diagram[user] for user in users if self._diagram[user].is_compiled]:
            names = ", ".join(dict.fromkeys(node.name for node in found))
            titles = ", ".join(dict.fromkeys(node.function for node in found))
            said.append(f"local derivatives of {names} come from the gradient program of {titles}")
        if not self.shown_paths and self._target != self._root:
            said.append("each node between is computed once")
            if left_out := len(self._uses) - len(self.equations):
                said.append(f"{left_out:,} equations are left out, the last are shown")
        if outdated := [node.name for node in self._diagram.outdated if node.index in users]:
            said.append(f"what {some_of(outdated)} was computed from has changed since")
        return "; ".join(said)

    def text(self) -> str:
        """The equations for a terminal, aligned."""
        rows = [
            (equation.name.text if i == 0 else "", f"= {side.text}")
            for equation in self.equations
            for i, side in enumerate(equation.all_sides())
        ]
        return f"{self.heading()}\n{columns(rows, indent='')}"

    def latex(self) -> str:
        """The equations as an aligned block of LaTeX, without dollar signs."""
        lines = []
        for equation in self.equations:
            sides = " \\\\\n&= ".join(side.latex for side in equation.all_sides())
            lines.append(f"{equation.name.latex} &= {sides}")
        return "\\begin{aligned}\n" + " \\\\[6pt]\n".join(lines) + "\n\\end{aligned}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/latex": f"$${self.latex()}$$", "text/plain": plain(self.text(), repr(self))}

    # The part of the graph between the result and the node.

    def _edges_between(self) -> dict[int, list[_Edge]]:
        """For each node on a path the edges to it, in backward order; each after all its users."""
        leads = {self._target}
        for node in self._diagram:
            if any(parent in leads and partial is not None for _, parent, partial in node.edges()):
                leads.add(node.index)
        uses: dict[int, list[_Edge]] = {}
        reached = {self._root} if self._root in leads else set()
        for node in reversed(self._diagram):
            if node.index not in reached or node.index == self._target:
                continue
            for position, parent, local in node.edges():
                if local is not None and parent in leads:
                    reached.add(parent)
                    uses.setdefault(parent, []).append((node.index, position, parent, local))
        return dict(sorted(uses.items(), reverse=True))

    def each_path(self) -> Iterator[list[_Edge]]:
        """Each path as its edges from the result to the node; there may be very many."""
        pending: list[tuple[int, list[_Edge]]] = [(self._target, [])]
        while pending:
            index, path = pending.pop()
            if index == self._root:
                yield path
                continue
            pending += [(edge[0], [edge, *path]) for edge in reversed(self._uses[index])]

    def _sent(self, upstream: float, edge: _Edge) -> float:
        sent: float = contribution(self._diagram[edge[0]].operation, upstream, edge[3])
        return sent

    # The equations.

    def _equations(self) -> Iterator[Equation]:
        if self._target == self._root:
            yield Equation(self._derivative(self._root), (), 1.0)
        elif self.shown_paths:
            paths = list(self.each_path())
            sides = _sides([list(map(self._factor, path)) for path in paths])
            if len(paths) > 1:
                sides.append(_total([_number(reduce(self._sent, path, 1.0)) for path in paths]))
            yield self._equation(self._target, sides)
        else:
            for index in list(self._uses)[-MOST_EQUATIONS:]:
                uses = self._uses[index]
                terms = [[self._upstream(e[0]), self._factor(e)] for e in uses[:MOST_TERMS]]
                yield self._equation(index, _sides(terms, len(uses) - len(terms)))

    def _equation(self, index: int, sides: Sequence[Written]) -> Equation:
        """An equation without the sides that say nothing new."""
        name, result = self._derivative(index), self._gradients[index]
        said = {name.text, _number(result).text}
        different: dict[str, Written] = {}
        for side in sides:
            if side.text not in said:
                different.setdefault(side.text, side)
        return Equation(name, tuple(different.values()), result)

    def _upstream(self, index: int) -> _Factor:
        name = self._derivative(index)
        return name, name, _number(self._gradients[index])

    def _factor(self, edge: _Edge) -> _Factor:
        """A local derivative; its formula is its number where the rule is long."""
        user, position, parent, local = edge
        node = self._diagram[user]
        operands = [self._diagram[operand] for operand in node.parents]
        formula = local_derivative(node, operands, position)
        number = _number(local)
        return self._local(user, parent), number if formula is None else _written(formula), number

    def _derivative(self, index: int) -> Written:
        return self._local(self._root, index)

    def _local(self, of: int, by: int) -> Written:
        """∂of/∂by as a symbol."""
        above, below = symbol(self._diagram[of]), symbol(self._diagram[by])
        return Written(
            f"∂{above.text}/∂{below.text}",
            rf"\frac{{\partial {above.latex}}}{{\partial {below.latex}}}",
        )


def _told(diagram: Diagram, value: Value) -> str:
    """A Value as the user knows it: its name, how it was computed, its number."""
    node = diagram[diagram.values[value]]
    return " = ".join(filter(None, (node.label, clipped(diagram.formula(node)), short(node.data))))


def _written(formula: Formula) -> Written:
    text, binds = formula.text, precedence(formula, TEXT)
    is_sum = binds < PRODUCT or text.startswith("-")
    return Written(text, formula.latex, is_sum, binds == PRODUCT and " / " in text)


def _sides(terms: Sequence[Sequence[_Factor]], more: int = 0) -> list[Written]:
    """A sum of products in symbols, in formulas and in numbers; `more` terms are counted alone."""
    rest = []
    if more:
        text = f"({counted(more, 'more term')})"
        rest = [Written(f"… {text}", rf"\dots \text{{ {text}}}")]
    kinds = ([_product([factor[kind] for factor in term]) for term in terms] for kind in range(3))
    return [_total([*products, *rest]) for products in kinds]


def derivation(y: Value, x: Value, *, names: Mapping[str, Any] | None = None) -> Derivation:
    """The chain rule for the derivative of `y` by `x`: symbols, formulas, numbers, result.

    Args:
        y: the result.
        x: the Value to differentiate by; an inner node is allowed.
        names: names for Values without a label, such as `locals()`.

    >>> from glassgrad import Value, derivation
    >>> x = Value(3.0, label="x")
    >>> print(derivation(x * x, x))
    2 paths from v1 back to x
    ∂v1/∂x  = ∂v1/∂x + ∂v1/∂x
            = x + x
            = 3 + 3
            = 6
    """
    for thing in (y, x):
        if not isinstance(thing, Value):
            raise TypeError(
                f"derivation takes two Values, not {describe(thing)}. Write derivation(y, x) for a "
                "result y and a Value x in it."
            )
    return Derivation(y, x, names)
