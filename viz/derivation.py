"""`derivation`: the chain rule for one derivative of one graph, from symbols to the number.

First the sum over paths, if they are few and short. Then, where parts are shared, one equation per
node between: its gradient from those of the nodes that use it, which is what `backward()` does.
All formulas come from the rows of the table. Each piece of an equation is `Written` in text, LaTeX
and MathML at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from glassgrad.engine import Formula, Value, contribution
from glassgrad.engine.formula import precedence
from glassgrad.engine.misuse import name
from glassgrad.engine.printers import PRODUCT, TEXT
from glassgrad.engine.printing import columns, short
from glassgrad.engine.text import clipped, counted, describe, some_of
from glassgrad.viz.diagram import Diagram, local_derivative, symbol
from glassgrad.viz.formulas import mathml


@dataclass(frozen=True)
class Written:
    """A piece of an equation in three notations.

    Attributes:
        text: in Python's notation, with names such as ∂y/∂x for derivatives.
        latex: for a notebook.
        mathml: for a page.
        is_sum: whether it needs brackets as a factor.
        is_quotient: whether it needs them in text only, where no fraction bar encloses it.
    """

    text: str
    latex: str
    mathml: str
    is_sum: bool = False
    is_quotient: bool = False

    def __repr__(self) -> str:
        return f"<written {clipped(self.text)}>"


@dataclass(frozen=True)
class Equation:
    """The derivative of the result by one node: symbols, formulas, numbers, and what they give.

    Attributes:
        name: the derivative, for example ∂y/∂x.
        sides: what it equals, each the same number: symbols, formulas, numbers.
        result: that number.
    """

    name: Written
    sides: tuple[Written, ...]
    result: float

    def __repr__(self) -> str:
        return f"<equation {clipped(self.name.text)} = {short(self.result)}>"

    def all_sides(self) -> tuple[Written, ...]:
        """What stands right of each sign of equality, the result last."""
        return (*self.sides, number(self.result))


def from_formula(formula: Formula) -> Written:
    """A formula of the table as a piece of an equation."""
    text, binds = formula.text, precedence(formula, TEXT)
    is_sum = binds < PRODUCT or text.startswith("-")
    is_quotient = binds == PRODUCT and " / " in text
    return Written(text, formula.latex, mathml(formula), is_sum, is_quotient)


def number(x: float) -> Written:
    """A number in four digits."""
    text = short(x)
    latex = Formula.literal(float(text)).latex
    return Written(text, latex, f"<mn>{text}</mn>".replace("-", "−"), text.startswith("-"))


def product(factors: list[Written]) -> Written:
    """Factors with signs of multiplication between, in brackets where needed."""
    if len(factors) == 1:
        return factors[0]
    return _joined([_bracketed(factor) for factor in factors], " * ", r" \cdot ", "<mo>·</mo>")


def total(terms: list[Written]) -> Written:
    """Terms with signs of addition between."""
    if len(terms) == 1:
        return terms[0]
    return replace(_joined(terms, " + ", " + ", "<mo>+</mo>"), is_sum=True)


def _joined(parts: list[Written], text: str, latex: str, mathml: str) -> Written:
    """Parts with a sign between, which is given in each notation."""
    return Written(
        text.join(part.text for part in parts),
        latex.join(part.latex for part in parts),
        mathml.join(part.mathml for part in parts),
    )


def _bracketed(part: Written) -> Written:
    """A part as a factor of a product."""
    text = f"({part.text})" if part.is_sum or part.is_quotient else part.text
    if not part.is_sum:
        return Written(text, part.latex, part.mathml)
    markup = f"<mrow><mo>(</mo>{part.mathml}<mo>)</mo></mrow>"
    return Written(text, rf"\left({part.latex}\right)", markup)


MOST_PATHS = 6
"""Above so many paths, or paths of more edges than the next, only the nodes between are shown."""
LONGEST_PATH = 12
MOST_EQUATIONS = 60
MOST_TERMS = 20
"""Of an equation; the others are counted."""


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
            raise ValueError(
                f"y does not depend on {name(x)}, so the derivative is 0 and there is nothing to "
                "derive. Give a Value that y was computed from."
            )
        self._gradients = self._computed()
        self.paths = self._path_count()
        self.shown_paths = self._are_few_and_short()
        self.equations = tuple(self._equations())
        self.result = self._gradients[self._target]

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<derivation of {clipped(self.equations[-1].name.text)} in {self._many()}>"

    def heading(self) -> str:
        """What is derived, and how many paths there are."""
        root, target = self._diagram[self._root].name, self._diagram[self._target].name
        about = self._of_programs() + self._of_equations() + self._of_outdated()
        return f"{self._many()} from {root} back to {target}{about}"

    def _many(self) -> str:
        return counted(self.paths, "path")

    def _of_programs(self) -> str:
        """Which compiled nodes are on the paths: their local derivatives are numbers only."""
        users = dict.fromkeys(self._diagram[u] for uses in self._uses.values() for u, *_ in uses)
        found = [node for node in users if node.is_compiled]
        if not found:
            return ""
        names = ", ".join(dict.fromkeys(node.name for node in found))
        titles = ", ".join(dict.fromkeys(node.function for node in found))
        return f"; local derivatives of {names} come from the gradient program of {titles}"

    def _of_outdated(self) -> str:
        """Which nodes on the paths were computed before their operands got their numbers."""
        users = {user for uses in self._uses.values() for user, *_ in uses}
        names = [node.name for node in self._diagram.outdated if node.index in users]
        return f"; what {some_of(names)} was computed from has changed since" if names else ""

    def _of_equations(self) -> str:
        if self.shown_paths or self._target == self._root:
            return ""
        left_out = len(self._uses) - len(self.equations)
        cut = f"; {left_out:,} equations are left out, the last are shown" if left_out else ""
        return f"; each node between is computed once{cut}"

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

    def mathml(self) -> str:
        """The equations as MathML, which browsers show without scripts."""
        rows = []
        for equation in self.equations:
            for i, side in enumerate(equation.all_sides()):
                name = equation.name.mathml if i == 0 else ""
                cells = (name, "<mo>=</mo>", side.mathml)
                rows.append("<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in cells) + "</mtr>")
        table = f'<mtable columnalign="right center left">{"".join(rows)}</mtable>'
        return f'<math display="block">{table}</math>'

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/latex": f"$${self.latex()}$$", "text/plain": self.text()}

    # The part of the graph between the result and the node.

    def _edges_between(self) -> dict[int, list[tuple[int, int, float]]]:
        """For each node on a path, its uses as (user, position, local), in backward order."""
        leads = {self._target}
        for node in self._diagram:
            if any(parent in leads and partial is not None for _, parent, partial in node.edges()):
                leads.add(node.index)
        uses: dict[int, list[tuple[int, int, float]]] = {}
        reached = {self._root} if self._root in leads else set()
        for node in reversed(self._diagram):
            if node.index not in reached or node.index == self._target:
                continue
            for position, parent, partial in node.edges():
                if partial is not None and parent in leads:
                    reached.add(parent)
                    uses.setdefault(parent, []).append((node.index, position, partial))
        return uses

    def _between(self) -> list[int]:
        """The nodes on paths, the result left out, each after all its users."""
        return sorted(self._uses, reverse=True)

    def _computed(self) -> dict[int, float]:
        gradients = {self._root: 1.0}
        for index in self._between():
            sent = (
                self._sent(user, gradients[user], local) for user, _, local in self._uses[index]
            )
            # Not from 0.0: as in `backward()`, the first contribution keeps the sign of its zero.
            gradients[index] = reduce(add, sent)
        return gradients

    def _path_count(self) -> int:
        counts = {self._root: 1}
        for index in self._between():
            counts[index] = sum(counts[user] for user, _, _ in self._uses[index])
        return counts[self._target]

    def _are_few_and_short(self) -> bool:
        is_short = (len(path) <= LONGEST_PATH for path in self._paths())
        return self.paths <= MOST_PATHS and all(is_short)

    def _paths(self) -> Iterator[list[tuple[int, int, int, float]]]:
        """Each path as its edges from the result to the node: user, position, parent, local."""
        pending: list[tuple[int, list[tuple[int, int, int, float]]]] = [(self._target, [])]
        while pending:
            index, path = pending.pop()
            if index == self._root:
                yield path
                continue
            for user, position, local in reversed(self._uses[index]):
                pending.append((user, [(user, position, index, local), *path]))

    # The equations.

    def _equations(self) -> Iterator[Equation]:
        if self._target == self._root:
            yield Equation(self._derivative(self._root), (), 1.0)
            return
        if self.shown_paths:
            yield self._sum_over_paths()
            return
        for index in self._between()[-MOST_EQUATIONS:]:
            yield self._from_users(index)

    def _sum_over_paths(self) -> Equation:
        paths = list(self._paths())
        symbols = [product([self._local(u, p) for u, _, p, _ in path]) for path in paths]
        formulas = [product([self._formula(u, i, d) for u, i, _, d in path]) for path in paths]
        numbers = [product([number(d) for _, _, _, d in path]) for path in paths]
        results = [number(self._along(path)) for path in paths]
        sides = [total(symbols), total(formulas), total(numbers)]
        if len(paths) > 1:
            sides.append(total(results))
        return self._equation(self._target, sides)

    def _along(self, path: list[tuple[int, int, int, float]]) -> float:
        """The product along a path, from the result on."""
        gradient = 1.0
        for user, _, _, local in path:
            gradient = self._sent(user, gradient, local)
        return gradient

    def _sent(self, user: int, upstream: float, local: float) -> float:
        sent: float = contribution(self._diagram[user].operation, upstream, local)
        return sent

    def _from_users(self, index: int) -> Equation:
        uses = self._uses[index][:MOST_TERMS]
        rest = _rest(len(self._uses[index]) - len(uses))
        symbols = [product([self._derivative(u), self._local(u, index)]) for u, _, _ in uses]
        formulas = [product([self._derivative(u), self._formula(u, i, d)]) for u, i, d in uses]
        numbers = [product([number(self._gradients[u]), number(d)]) for u, _, d in uses]
        sides = [total([*terms, *rest]) for terms in (symbols, formulas, numbers)]
        return self._equation(index, sides)

    def _equation(self, index: int, sides: list[Written]) -> Equation:
        result = number(self._gradients[index])
        different = [
            side
            for i, side in enumerate(sides)
            if side.text not in (result.text, *(earlier.text for earlier in sides[:i]))
            and side.text != self._derivative(index).text
        ]
        return Equation(self._derivative(index), tuple(different), self._gradients[index])

    def _derivative(self, index: int) -> Written:
        return self._local(self._root, index)

    def _local(self, of: int, by: int) -> Written:
        """∂of/∂by as a symbol."""
        above, below = symbol(self._diagram[of]), symbol(self._diagram[by])
        return Written(
            f"∂{above.text}/∂{below.text}",
            rf"\frac{{\partial {above.latex}}}{{\partial {below.latex}}}",
            f"<mfrac><mrow><mo>∂</mo>{mathml(above)}</mrow>"
            f"<mrow><mo>∂</mo>{mathml(below)}</mrow></mfrac>",
        )

    def _formula(self, user: int, position: int, local: float) -> Written:
        """A local derivative by the rule of the table, or its number where the rule is long."""
        node = self._diagram[user]
        operands = [self._diagram[parent] for parent in node.parents]
        formula = local_derivative(node, operands, position)
        return number(local) if formula is None else from_formula(formula)


def _rest(count: int) -> list[Written]:
    """What stands for the terms of a sum that are not written out."""
    if count == 0:
        return []
    more = f"({counted(count, 'more term')})"
    return [Written(f"… {more}", rf"\dots \text{{ {more}}}", f"<mtext>… {more}</mtext>")]


def derivation(y: Value, x: Value, *, names: Mapping[str, Any] | None = None) -> Derivation:
    """The chain rule for the derivative of `y` by `x`: symbols, formulas, numbers, result.

    Args:
        y: the result.
        x: the Value to differentiate by; an inner node is allowed.
        names: names for Values without a label, such as `locals()`.

    Raises:
        TypeError: `y` or `x` is not a Value.
        ValueError: `y` does not depend on `x`.

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
