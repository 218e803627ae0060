"""Figures of a test run: how much was compared, how large the worst error was, what was survived.

A test reports one with the fixture `figure`; they are added up over the run, printed at its end,
and written as a page with `pytest --figures=docs/numbers.md`. No figure is typed by hand.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

Amount = int | float | str
Reported = tuple[str, str, Amount]

SECTIONS = {
    "Reference values": "Each operation of the table, at points over its domain and in its tails, "
    "against stored values that were computed with 80 digits (600 in the tails).",
    "Special values": "±0, ±1, ±∞, nan, the smallest and the largest numbers, all pairs of them; "
    "special results bit for bit, with the sign of zero.",
    "Four readings": "A row of the table is read by floats, by arrays, by Values and by the "
    "printed formula.",
    "Random graphs": "Random expression graphs with sharing, over all operations, "
    "and their first and second derivatives.",
    "Laws": "Properties that hold for all graphs, on examples made by hypothesis; and programs of "
    "fractions, whose derivatives are known exactly.",
    "Mutants": "Every local derivative of the table is made wrong on purpose; the reference values "
    "must find it out.",
    "Compiled programs": "Scalar code as an array program, against the same code on Values, to a "
    "relative 1e-12.",
    "Limits": "Programs that run in a process of their own, with little memory and time.",
    "Hostile input": "Expressions, labels, model files and options that nobody should write.",
}
"""The sections of the page, each with what it is about."""


AMOUNTS = {
    "--graphs": (600, "graphs to compare with PyTorch"),
    "--jax-graphs": (200, "the same with JAX, slower"),
    "--inputs": (3_000, "hostile inputs to try"),
    "--programs": (300, "programs to compile"),
}
"""How much to try, usually, and of what."""


def add_options(parser: pytest.Parser) -> None:
    """The switches of the command line: how much to try, and where to write the page."""
    group = parser.getgroup("glassgrad")
    for option, (usual, what) in AMOUNTS.items():
        group.addoption(option, type=int, default=usual, help=f"{what} ({usual})")
    group.addoption("--figures", type=Path, metavar="FILE", help="write what was checked as a page")


def are_asked_for(config: pytest.Config) -> bool:
    """Whether it is a long run: of other amounts than usual, or for the page."""
    others = [option for option, (usual, _) in AMOUNTS.items() if config.getoption(option) != usual]
    return bool(others or config.getoption("--figures"))


class Figures:
    """What the tests of one run reported."""

    def __init__(self) -> None:
        self.sections: dict[str, dict[str, Amount]] = {name: {} for name in SECTIONS}

    def add(self, section: str, text: str, amount: Amount) -> None:
        """Whole numbers are added up, of other numbers the largest is kept."""
        known = self.sections[section]
        before = known.get(text)
        if isinstance(before, int) and isinstance(amount, int):
            known[text] = before + amount
        elif isinstance(before, float) and isinstance(amount, float):
            known[text] = max(before, amount)
        elif before in (None, amount):
            known[text] = amount
        else:
            raise TypeError(f"{text}: {before!r} and {amount!r} cannot be one figure.")

    def lines(self) -> Iterable[str]:
        """The figures for a terminal."""
        for section, figures in self.sections.items():
            if figures:
                yield section
                yield from (f"  {text}: {shown(amount)}" for text, amount in figures.items())

    def page(self, command: str, about: Iterable[str]) -> str:
        """The figures as Markdown."""
        parts = [
            "# What is checked\n",
            f"This page is written by the tests themselves: `{command}` ({', '.join(about)}).\n",
        ]
        for section, figures in self.sections.items():
            rows = "\n".join(f"| {text} | {shown(amount)} |" for text, amount in figures.items())
            parts.append(
                f"## {section}\n\n{SECTIONS[section]}\n\n| what | figure |\n|---|---|\n{rows}\n"
            )
        return "\n".join(parts)

    def missing(self) -> list[str]:
        """The sections without a figure: the run was not a whole one."""
        return [section for section, figures in self.sections.items() if not figures]


def shown(amount: Amount) -> str:
    if isinstance(amount, int):
        return f"{amount:,}"
    return f"{amount:.2g}" if isinstance(amount, float) else amount


def reporter(node: pytest.Item) -> Callable[[str, str, Amount], None]:
    """What a test calls to report a figure."""

    def figure(section: str, text: str, amount: Amount) -> None:
        assert section in SECTIONS
        node.user_properties.append(("figure", (section, text, amount)))

    return figure
